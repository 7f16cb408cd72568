/*
 * The mailbox file: opening, checking, its schema, and transactions.
 *
 * WAL, checkpointed by the writer alone. The connection holds the file exclusively: nobody else can
 * read or write it while a node has it, and no shared memory is needed. A file that is not ours, is
 * newer than we are, or fails the quick check is refused with the reason; nothing is repaired
 * silently. A file of the original (its table `messages`) is taken over: its rows, also those that
 * it left "in flight" for ever, become leftovers in order of their time.
 *
 * Sync: a commit that nobody relies on (deletions alone) is written without a sync; the sync of the
 * next commit or checkpoint covers it, since it is the same log. So a lone message costs one sync,
 * and what a power failure can bring back is mail that was already handled, never lose one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mailbox/sqlite_internal.h"

#define APPLICATION_ID	0x41435452 /* "ACTR" */
#define SCHEMA_VERSION	1
#define CHECK_BUDGET_NS 1000000000ull
#define CHECK_STEPS	10000 /* of SQLite's machine between two looks at the clock */

static const char *const statements[MAIL_STMT_COUNT] = {
	[MAIL_BEGIN] = "BEGIN IMMEDIATE",
	[MAIL_COMMIT] = "COMMIT",
	[MAIL_INSERT] = "INSERT INTO msg(id,sender,lane,direction,accepted_ms,attempts,letter,crc,"
			"payload) VALUES(?1,?2,?3,?4,?5,0,?6,?7,?8)",
	[MAIL_DELETE] = "DELETE FROM msg WHERE id=?1",
	[MAIL_COUNT_ATTEMPT] = "UPDATE msg SET attempts=attempts+1 WHERE id=?1",
	[MAIL_UNCOUNT_ATTEMPT] = "UPDATE msg SET attempts=max(attempts-1,0) WHERE id=?1",
	[MAIL_LOAD] = "SELECT id,sender,lane,direction,accepted_ms,attempts,letter,crc,payload "
		      "FROM msg WHERE id>?1 AND id<?2 ORDER BY id LIMIT ?3",
	[MAIL_HAS_LETTER] = "SELECT 1 FROM msg WHERE letter=?1",
	[MAIL_RESERVE] = "UPDATE meta SET v=?1 WHERE k='next_seq'",
};

static const char schema[] =
	"PRAGMA application_id=1094931538;"
	"PRAGMA user_version=1;"
	"CREATE TABLE meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
	"CREATE TABLE msg("
	" id INTEGER PRIMARY KEY," /* class in the two top bits, then order of submission */
	" sender BLOB NOT NULL,"   /* protobuf ActrId */
	" lane INTEGER NOT NULL, direction INTEGER NOT NULL, accepted_ms INTEGER NOT NULL,"
	" attempts INTEGER NOT NULL," /* redeliveries after a crash */
	" letter TEXT,"		      /* the dead letter that it was redriven from */
	" crc INTEGER NOT NULL,"      /* CRC-32C of id, sender, payload */
	" payload BLOB NOT NULL);"
	"CREATE INDEX msg_letter ON msg(letter) WHERE letter IS NOT NULL;"
	"INSERT INTO meta VALUES('file_id',randomblob(8)),('next_seq',1);";

/* --- checks --- */

static int on_progress(void *user)
{
	uint64_t *deadline = user;

	return actr__clock_monotonic_ns() >= *deadline;
}

struct check_result {
	bool seen, ok;
	char text[128];
};

static int on_check_row(void *user, int count, char **values, char **names)
{
	struct check_result *result = user;

	(void)names;
	result->seen = true;
	result->ok = count > 0 && values[0] && !strcmp(values[0], "ok");
	if (!result->ok)
		snprintf(result->text, sizeof result->text, "%s",
			 count > 0 && values[0] ? values[0] : "?");
	return 0;
}

static int refuse_damaged(sqlite3 *db, const char *why, actr_error *err)
{
	return ACTR_FAIL(
		err, ACTR_E_STORAGE,
		"mailbox %s is damaged (%s); move it away, or recover it with sqlite3 .recover",
		sqlite3_db_filename(db, "main"), why);
}

/* As much of a check as fits into the budget; a large file is checked in part. */
static int quick_check(sqlite3 *db, actr_error *err)
{
	uint64_t deadline = actr__clock_monotonic_ns() + CHECK_BUDGET_NS;
	struct check_result result = {0};
	int rc;

	sqlite3_progress_handler(db, CHECK_STEPS, on_progress, &deadline);
	rc = sqlite3_exec(db, "PRAGMA quick_check(1)", on_check_row, &result, NULL);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	if (result.seen && !result.ok)
		return refuse_damaged(db, result.text, err);
	if (rc == SQLITE_OK)
		return 0;
	if (rc != SQLITE_INTERRUPT)
		return sql_fail(db, err, "check it");
	ACTR_WARN(2, "mailbox_error", "what=check_cut_short path=%s budget_ms=1000",
		  sqlite3_db_filename(db, "main"));
	return 0;
}

/* Ours, new (empty), or the original's; anything else is somebody's data. */
static int identify(sqlite3 *db, bool *ret_new, bool *ret_original, actr_error *err)
{
	const char *file = sqlite3_db_filename(db, "main");
	int64_t id, version, tables, original;

	ACTR_TRY(sql_number(db, "PRAGMA application_id", 0, &id, err));
	ACTR_TRY(sql_number(db, "PRAGMA user_version", 0, &version, err));
	ACTR_TRY(sql_number(db, "SELECT count(*) FROM sqlite_schema", 0, &tables, err));
	ACTR_TRY(sql_number(db,
			    "SELECT count(*) FROM pragma_table_info('messages') WHERE name IN "
			    "('id','from_actr_id','payload','priority','status','created_at')",
			    0, &original, err));
	*ret_original = original == 6;
	*ret_new = id != APPLICATION_ID;
	if (*ret_new && tables && !*ret_original)
		return ACTR_FAIL(err, ACTR_E_STORAGE, "%s is a database of something else", file);
	if (!*ret_new && version > SCHEMA_VERSION)
		return ACTR_FAIL(err, ACTR_E_STORAGE,
				 "mailbox %s has schema %lld of a newer version; this one knows %d",
				 file, (long long)version, SCHEMA_VERSION);
	return 0;
}

/* --- making and taking over --- */

static int take_over_rows(struct mail_db *db, sqlite3_stmt *rows, uint64_t *seq, actr_error *err)
{
	int rc;

	while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
		unsigned mail_class =
			sqlite3_column_int(rows, 2) == 1 ? ACTR__MAIL_HIGH : ACTR__MAIL_NORMAL;
		struct entry *entry =
			entry_read(sql_bytes(rows, 0), sql_bytes(rows, 1), mail_class,
				   mail_class == ACTR__MAIL_HIGH ? ACTR_LANE_RPC_SIGNAL
								 : ACTR_LANE_RPC_RELIABLE);

		if (!entry)
			return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory to take over a mailbox");
		entry->mail.id = mail_id(mail_class, (*seq)++);
		entry->mail.accepted_ms = time_parse((const char *)sqlite3_column_text(rows, 3));
		rc = mail_db_insert(db, entry, err);
		entry_free(entry);
		if (rc < 0)
			return rc;
	}
	return rc == SQLITE_DONE ? 0 : sql_fail(db->db, err, "read the original's messages");
}

static int take_over(struct mail_db *db, actr_error *err)
{
	sqlite3_stmt *rows;
	uint64_t seq = 1;
	int rc;

	if (sqlite3_prepare_v2(db->db,
			       "SELECT payload,from_actr_id,priority,created_at FROM messages "
			       "ORDER BY created_at,rowid",
			       -1, &rows, NULL) != SQLITE_OK)
		return sql_fail(db->db, err, "read the original's messages");
	rc = take_over_rows(db, rows, &seq, err);
	(void)sqlite3_finalize(rows);
	if (rc < 0)
		return rc;
	ACTR_INFO("mailbox", "what=took_over messages=%llu", (unsigned long long)seq - 1);
	return sql_exec(db->db, "DROP TABLE messages", err);
}

static int make(struct mail_db *db, bool original, actr_error *err)
{
	int rc;

	ACTR_TRY(sql_exec(db->db, "BEGIN IMMEDIATE", err));
	rc = sql_exec(db->db, schema, err);
	if (rc == 0)
		rc = sql_prepare_all(db->db, statements, db->stmt, MAIL_STMT_COUNT, err);
	if (rc == 0 && original)
		rc = take_over(db, err);
	if (rc == 0)
		rc = sql_exec(db->db, "COMMIT", err);
	if (rc < 0)
		sql_rollback(db->db);
	return rc;
}

/* --- opening --- */

static int on_wal(void *user, sqlite3 *handle, const char *name, int pages)
{
	struct mail_db *db = user;

	(void)handle;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

static int configure(struct mail_db *db, actr_error *err)
{
	sqlite3_stmt *stmt;
	bool wal;

	(void)sqlite3_busy_timeout(db->db, 2000);
	ACTR_TRY(sql_exec(db->db, "PRAGMA locking_mode=EXCLUSIVE", err));
	if (sqlite3_prepare_v2(db->db, "PRAGMA journal_mode=WAL", -1, &stmt, NULL) != SQLITE_OK)
		return sql_fail(db->db, err, "set its journal mode");
	wal = sqlite3_step(stmt) == SQLITE_ROW &&
	      !strcmp((const char *)sqlite3_column_text(stmt, 0), "wal");
	if (sqlite3_finalize(stmt) != SQLITE_OK || !wal)
		return sql_fail(db->db, err, "set its journal mode");
	ACTR_TRY(sql_exec(db->db,
			  "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864;"
			  "PRAGMA temp_store=MEMORY",
			  err));
	(void)sqlite3_wal_hook(db->db, on_wal, db);
	return sql_exec(db->db, db->full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL",
			err);
}

static int read_meta(struct mail_db *db, uint8_t file_id[8], uint64_t *ret_next_seq,
		     actr_error *err)
{
	sqlite3_stmt *stmt;
	actr_bytes id;
	int64_t next, highest;

	if (sqlite3_prepare_v2(db->db, "SELECT v FROM meta WHERE k='file_id'", -1, &stmt, NULL) !=
	    SQLITE_OK)
		return sql_fail(db->db, err, "read its id");
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		id = sql_bytes(stmt, 0);
		if (id.size == 8)
			memcpy(file_id, id.data, 8);
	}
	(void)sqlite3_finalize(stmt);
	ACTR_TRY(sql_number(db->db, "SELECT v FROM meta WHERE k='next_seq'", 1, &next, err));
	/* Three look-ups in the tree: the last row of each class. */
	ACTR_TRY(sql_number(db->db,
			    "SELECT max((SELECT coalesce(max(id),0) FROM msg WHERE id<1<<60),"
			    "(SELECT coalesce(max(id),0) FROM msg WHERE id<2<<60)&((1<<60)-1),"
			    "(SELECT coalesce(max(id),0) FROM msg)&((1<<60)-1))",
			    0, &highest, err));
	*ret_next_seq = (uint64_t)(next > highest ? next : highest + 1);
	db->reserved_seq = *ret_next_seq;
	return 0;
}

static int open_steps(struct mail_db *db, const char *path, uint8_t file_id[8],
		      uint64_t *ret_next_seq, actr_error *err)
{
	bool is_new = false, original = false;

	if (sqlite3_open_v2(path, &db->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return sql_fail(db->db, err, "open it");
	(void)sqlite3_extended_result_codes(db->db, 1);
	ACTR_TRY(configure(db, err));
	ACTR_TRY(identify(db->db, &is_new, &original, err));
	if (!is_new || original)
		ACTR_TRY(quick_check(db->db, err));
	if (is_new)
		ACTR_TRY(make(db, original, err));
	else
		ACTR_TRY(sql_prepare_all(db->db, statements, db->stmt, MAIL_STMT_COUNT, err));
	return read_meta(db, file_id, ret_next_seq, err);
}

int mail_db_open(struct mail_db *db, const char *path, actr_durability durability,
		 uint8_t file_id[8], uint64_t *ret_next_seq, actr_error *err)
{
	int rc;

	*db = (struct mail_db){.full = durability == ACTR_DURABILITY_FULL};
	ACTR_TRY(create_private(path, err));
	rc = open_steps(db, path, file_id, ret_next_seq, err);
	if (rc < 0)
		mail_db_close(db);
	return rc;
}

void mail_db_close(struct mail_db *db)
{
	sql_finalize_all(db->stmt, MAIL_STMT_COUNT);
	(void)sqlite3_close(TAKE(db->db)); /* nothing is left open that could keep it */
}

/* --- transactions --- */

int mail_db_begin(struct mail_db *db, bool sync, actr_error *err)
{
	bool relaxed = db->full && !sync;

	if (relaxed != db->relaxed) {
		ACTR_TRY(sql_exec(db->db,
				  relaxed ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL",
				  err));
		db->relaxed = relaxed;
	}
	return sql_run(db->db, db->stmt[MAIL_BEGIN], err);
}

int mail_db_commit(struct mail_db *db, actr_error *err)
{
	return sql_run(db->db, db->stmt[MAIL_COMMIT], err);
}

void mail_db_checkpoint(struct mail_db *db)
{
	/* A failure here is one of the disk, and the next commit tells it. */
	if (sqlite3_wal_checkpoint_v2(db->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) ==
	    SQLITE_OK)
		db->wal_pages = 0;
}
