/*
 * Rows of the mailbox file: written from entries, read back into entries.
 *
 * Each row carries a CRC-32C over its id, sender and payload, so a bit that the disk turned is
 * found when the row is read; such mail goes to the dead letters and never to a handler. So does
 * mail whose envelope cannot be decoded (a redriven letter, a file of the original), and mail that
 * was in hand at max_attempts crashes.
 */
#include <stdio.h>

#include "mailbox/sqlite_internal.h"

#define LOAD_ROWS     1024
#define LOAD_BYTES    (2u << 20)
#define RESERVE_BLOCK 65536

/* --- CRC-32C (RFC 3720 B.4): polynomial 0x1edc6f41, reflected --- */

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_fast(uint32_t crc, const uint8_t *at,
							   size_t size)
{
	uint64_t wide = crc, word;

	for (; size >= 8; at += 8, size -= 8) {
		memcpy(&word, at, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; size; at++, size--)
		crc = __builtin_ia32_crc32qi(crc, *at);
	return crc;
}
#endif

static uint32_t crc_slow(uint32_t crc, const uint8_t *at, size_t size)
{
	for (; size; at++, size--) {
		crc ^= *at;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

static uint32_t crc_add(uint32_t crc, const void *bytes, size_t size)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return crc_fast(crc, bytes, size);
#endif
	return crc_slow(crc, bytes, size);
}

static uint32_t row_crc(uint64_t id, actr_bytes sender, actr_bytes payload)
{
	uint8_t le[8];
	uint32_t crc = ~0u;

	for (int i = 0; i < 8; i++)
		le[i] = (uint8_t)(id >> 8 * i);
	crc = crc_add(crc, le, sizeof le);
	crc = crc_add(crc, sender.data, sender.size);
	return ~crc_add(crc, payload.data, payload.size);
}

/* --- writing --- */

/* Promise a block of numbers, so none is given twice even when all rows are gone. */
static int reserve(struct mail_db *db, uint64_t seq, actr_error *err)
{
	uint64_t reserved = seq + RESERVE_BLOCK;
	int rc;

	if (seq < db->reserved_seq)
		return 0;
	(void)sqlite3_bind_int64(db->stmt[MAIL_RESERVE], 1, (int64_t)reserved);
	rc = sql_run(db->db, db->stmt[MAIL_RESERVE], err);
	if (rc == 0)
		db->reserved_seq = reserved;
	return rc;
}

static actr_bytes sender_bytes(const struct entry *entry, uint8_t encoded[ACTR__ID_ENCODED_MAX])
{
	if (entry->sender)
		return actr__bytes(entry->sender->encoded, entry->sender->encoded_size);
	return actr__bytes(encoded, actr__id_encode(&entry->mail.sender, encoded));
}

int mail_db_insert(struct mail_db *db, const struct entry *entry, actr_error *err)
{
	sqlite3_stmt *s = db->stmt[MAIL_INSERT];
	const struct actr__msg *msg = entry->mail.msg;
	uint8_t encoded[ACTR__ID_ENCODED_MAX];
	actr_bytes sender = sender_bytes(entry, encoded);
	uint32_t crc = row_crc(entry->mail.id, sender, actr__bytes(msg->data, msg->size));

	ACTR_TRY(reserve(db, mail_seq_of(entry->mail.id), err));
	/* Binding a number or a borrowed block cannot fail. */
	(void)sqlite3_bind_int64(s, 1, (int64_t)entry->mail.id);
	(void)sqlite3_bind_blob(s, 2, sender.data, (int)sender.size, SQLITE_STATIC);
	(void)sqlite3_bind_int(s, 3, msg->lane);
	(void)sqlite3_bind_int(s, 4, msg->envelope.direction);
	(void)sqlite3_bind_int64(s, 5, entry->mail.accepted_ms);
	if (entry->letter_id)
		(void)sqlite3_bind_text(s, 6, entry->letter_id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s, 7, crc);
	(void)sqlite3_bind_blob(s, 8, msg->data, (int)msg->size, SQLITE_STATIC);
	return sql_run(db->db, s, err);
}

static int run_with_id(struct mail_db *db, enum mail_stmt which, uint64_t id, actr_error *err)
{
	(void)sqlite3_bind_int64(db->stmt[which], 1, (int64_t)id);
	return sql_run(db->db, db->stmt[which], err);
}

int mail_db_delete(struct mail_db *db, uint64_t id, actr_error *err)
{
	return run_with_id(db, MAIL_DELETE, id, err);
}

int mail_db_count_attempt(struct mail_db *db, uint64_t id, bool undo, actr_error *err)
{
	return run_with_id(db, undo ? MAIL_UNCOUNT_ATTEMPT : MAIL_COUNT_ATTEMPT, id, err);
}

int mail_db_has_letter(struct mail_db *db, const char *letter_id, bool *ret_has, actr_error *err)
{
	sqlite3_stmt *s = db->stmt[MAIL_HAS_LETTER];
	int rc;

	(void)sqlite3_bind_text(s, 1, letter_id, -1, SQLITE_STATIC);
	rc = sqlite3_step(s);
	*ret_has = rc == SQLITE_ROW;
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sql_fail(db->db, err, "read");
	(void)sqlite3_reset(s);
	return rc;
}

/* --- reading --- */

static int set_verdict(struct entry *entry, const char *category, const char *message)
{
	if (entry->verdict)
		return 0;
	entry->verdict = verdict_new(category, message);
	return entry->verdict ? 0 : ACTR_E_NOMEM;
}

static int decode(struct entry *entry, actr_bytes sender)
{
	struct actr__msg *msg = entry->mail.msg;
	actr_error why = ACTR_ERROR_INIT;
	char text[sizeof why.message + 32];

	if (actr__id_decode(sender, &entry->mail.sender, &why) < 0) {
		entry->mail.sender = (actr_id){0};
		snprintf(text, sizeof text, "sender cannot be decoded: %s", why.message);
		ACTR_TRY(set_verdict(entry, "protobuf_decode", text));
	}
	if (actr__envelope_decode(&msg->envelope, actr__bytes(msg->data, msg->size), &why) < 0) {
		msg->envelope = (struct actr__envelope){0};
		snprintf(text, sizeof text, "Protobuf decode failed: %s", why.message);
		ACTR_TRY(set_verdict(entry, "protobuf_decode", text));
	}
	return 0;
}

struct entry *entry_read(actr_bytes payload, actr_bytes sender, unsigned mail_class, unsigned lane)
{
	struct entry *entry = actr__new0(struct entry);
	struct actr__envelope *e;

	if (!entry)
		return NULL;
	actr__list_init(&entry->mail.link);
	actr__list_init(&entry->op.link);
	entry->mail.mail_class = (uint8_t)mail_class;
	entry->size = payload.size;
	entry->mail.msg = actr__msg_new(payload.size, lane);
	if (!entry->mail.msg) {
		entry_free(entry);
		return NULL;
	}
	if (payload.size)
		memcpy(entry->mail.msg->data, payload.data, payload.size);
	if (decode(entry, sender) < 0) {
		entry_free(entry);
		return NULL;
	}
	/* What the gate makes of an envelope of the original (reference.md 5.1): a tell has no
	 * timeout. */
	e = &entry->mail.msg->envelope;
	if (e->direction == ACTR__DIRECTION_NONE)
		e->direction = e->timeout_ms ? ACTR__DIRECTION_REQUEST : ACTR__DIRECTION_TELL;
	return entry;
}

static int judge(struct entry *entry, sqlite3_stmt *s, const struct load *load)
{
	uint32_t crc = (uint32_t)sqlite3_column_int64(s, 7);
	char text[96];

	if (crc != row_crc(entry->mail.id, sql_bytes(s, 1), sql_bytes(s, 8))) {
		actr__free(TAKE(entry->verdict));
		ACTR_TRY(set_verdict(entry, "corrupt", "the row does not match its checksum"));
	}
	if (entry->mail.attempts >= load->max_attempts) {
		snprintf(text, sizeof text, "not settled after %u redeliveries",
			 entry->mail.attempts);
		ACTR_TRY(set_verdict(entry, "max_attempts", text));
	}
	return 0;
}

static int load_row(struct load *load, sqlite3_stmt *s, struct entry **ret_entry)
{
	struct entry *entry = entry_read(sql_bytes(s, 8), sql_bytes(s, 1), load->mail_class,
					 (unsigned)sqlite3_column_int(s, 2) % ACTR_LANE_COUNT);
	const char *letter = (const char *)sqlite3_column_text(s, 6);

	if (!entry)
		return ACTR_E_NOMEM;
	entry->mail.id = (uint64_t)sqlite3_column_int64(s, 0);
	if (sqlite3_column_int(s, 3))
		entry->mail.msg->envelope.direction = (uint8_t)sqlite3_column_int(s, 3);
	entry->mail.accepted_ms = sqlite3_column_int64(s, 4);
	entry->mail.attempts = (uint32_t)sqlite3_column_int(s, 5);
	entry->mail.redelivered = mail_seq_of(entry->mail.id) < load->boot_seq;
	entry->letter_id = letter ? actr__strdup(letter) : NULL;
	if ((letter && !entry->letter_id) || judge(entry, s, load) < 0) {
		entry_free(entry);
		return ACTR_E_NOMEM;
	}
	*ret_entry = entry;
	return 0;
}

static int load_rows(struct mail_db *db, struct load *load, sqlite3_stmt *s, actr_error *err)
{
	size_t bytes = 0;
	int rc = SQLITE_DONE;

	while (bytes < LOAD_BYTES && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct entry *entry;

		if (load_row(load, s, &entry) < 0)
			return load->rows ? 0 : ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for mail");
		bytes += entry->size;
		load->rows++;
		actr__list_push(&load->mails, &entry->mail.link);
	}
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sql_fail(db->db, err, "read mail");
}

int mail_db_load(struct mail_db *db, struct load *load, actr_error *err)
{
	sqlite3_stmt *s = db->stmt[MAIL_LOAD];
	uint64_t floor = mail_id(load->mail_class, 0);
	int rc;

	load->rows = 0;
	(void)sqlite3_bind_int64(s, 1, (int64_t)(load->after > floor ? load->after : floor));
	(void)sqlite3_bind_int64(s, 2, (int64_t)(floor + (UINT64_C(1) << 60)));
	(void)sqlite3_bind_int(s, 3, LOAD_ROWS);
	rc = load_rows(db, load, s, err);
	(void)sqlite3_reset(s);
	return rc;
}

int mail_db_survey(struct mail_db *db,
		   int (*visit)(void *user, uint64_t id, const actr_id *sender, size_t size),
		   void *user, actr_error *err)
{
	sqlite3_stmt *s;
	int rc, visited = 0;

	if (sqlite3_prepare_v2(db->db, "SELECT id,sender,length(payload) FROM msg", -1, &s, NULL) !=
	    SQLITE_OK)
		return sql_fail(db->db, err, "survey it");
	while (visited == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		actr_id sender;

		if (actr__id_decode(sql_bytes(s, 1), &sender, NULL) < 0)
			sender = (actr_id){0};
		visited = visit(user, (uint64_t)sqlite3_column_int64(s, 0), &sender,
				(size_t)sqlite3_column_int64(s, 2));
	}
	if (visited < 0)
		rc = ACTR_FAIL(err, visited, "no memory to recover a mailbox");
	else
		rc = rc == SQLITE_DONE ? 0 : sql_fail(db->db, err, "survey it");
	(void)sqlite3_finalize(s);
	return rc;
}
