/*
 * Redriving: dead letters that were marked (by `actr dlq redrive`, perhaps while we run) go back
 * into the mailbox file, with attempts 0 and their letter's id. Writer thread only.
 *
 * The letter stays, counted as redriven; only its mark goes. Mail first, then the mark: after a
 * crash between the two the mark is still there, but mail of that letter is found, so it comes back
 * once. If it dies again it overwrites its letter. The new rows are left in the table; the loop
 * accounts them and loads them like any that spilled, so the quota's room is the bound.
 */
#include "mailbox/sqlite_internal.h"

static unsigned class_of_letter(const struct actr__dead_letter *l)
{
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		const char *at = l->context ? strstr(l->context, "\"priority\":\"") : NULL;

		if (at && !strncmp(at + 12, class_name[c], strlen(class_name[c])))
			return c;
	}
	return ACTR__MAIL_NORMAL;
}

static int insert_letter(struct writer *w, struct redrive *r, const struct actr__dead_letter *l)
{
	unsigned mail_class = class_of_letter(l);
	struct entry *entry;
	int rc;

	entry = entry_read(l->raw_bytes, l->from, mail_class,
			   mail_class == ACTR__MAIL_HIGH ? ACTR_LANE_RPC_SIGNAL
							 : ACTR_LANE_RPC_RELIABLE);
	if (!entry)
		return ACTR_E_NOMEM;
	actr__list_push(&r->mails, &entry->mail.link);
	entry->letter_id = actr__strdup(l->id);
	if (!entry->letter_id)
		return ACTR_E_NOMEM;
	entry->mail.id = mail_id(mail_class, r->seq++);
	entry->mail.accepted_ms = actr__clock_wall_ms();
	rc = mail_db_insert(&w->mails, entry, &w->state.error);
	if (rc == 0)
		ACTR_INFO("mailbox", "what=redriven letter=%s", l->id);
	return rc;
}

static int redrive_one(struct writer *w, struct redrive *r, const char *id)
{
	sqlite3_stmt *get = w->letters.stmt[LETTER_GET];
	struct actr__dead_letter letter;
	bool there;
	int rc;

	ACTR_TRY(mail_db_has_letter(&w->mails, id, &there, &w->state.error));
	if (there)
		return 0;
	(void)sqlite3_bind_text(get, 1, id, -1, SQLITE_STATIC);
	rc = sqlite3_step(get);
	if (rc == SQLITE_ROW) {
		letter_of_row(get, &letter);
		rc = insert_letter(w, r, &letter);
	} else {
		/* Purged since it was marked: only the mark is left. */
		rc = rc == SQLITE_DONE ? 0
				       : sql_fail(w->letters.db, &w->state.error, "read a letter");
	}
	(void)sqlite3_reset(get);
	return rc;
}

static int read_marks(struct writer *w, unsigned limit, char ids[][ACTR_UUID_SIZE],
		      unsigned *ret_count)
{
	sqlite3_stmt *marked = w->letters.stmt[LETTER_MARKED];
	int rc;

	*ret_count = 0;
	(void)sqlite3_bind_int(marked, 1, (int)limit);
	while ((rc = sqlite3_step(marked)) == SQLITE_ROW) {
		actr_bytes id = sql_bytes(marked, 0);

		if (actr__copy_text(ids[*ret_count], ACTR_UUID_SIZE, id))
			++*ret_count;
	}
	rc = rc == SQLITE_DONE ? 0 : sql_fail(w->letters.db, &w->state.error, "read marks");
	(void)sqlite3_reset(marked);
	return rc;
}

/* The marks' write lock is taken first, so a file that another process holds fails before anything.
 */
static int unmark_all(struct writer *w, char ids[][ACTR_UUID_SIZE], unsigned count)
{
	ACTR_TRY(letter_db_begin(&w->letters, &w->state.error));
	for (unsigned i = 0; i < count; i++) {
		(void)sqlite3_bind_text(w->letters.stmt[LETTER_UNMARK], 1, ids[i], -1,
					SQLITE_STATIC);
		ACTR_TRY(sql_run(w->letters.db, w->letters.stmt[LETTER_UNMARK], &w->state.error));
	}
	return 0;
}

static int insert_all(struct writer *w, struct redrive *r, char ids[][ACTR_UUID_SIZE],
		      unsigned count)
{
	ACTR_TRY(mail_db_begin(&w->mails, true, &w->state.error));
	for (unsigned i = 0; i < count; i++)
		ACTR_TRY(redrive_one(w, r, ids[i]));
	return mail_db_commit(&w->mails, &w->state.error);
}

static void drop_mails(struct redrive *r)
{
	struct actr__list *link;

	while ((link = actr__list_pop(&r->mails)))
		entry_free(entry_of_link(link));
}

void redrive_run(struct writer *w, struct redrive *r)
{
	char ids[REDRIVE_MAX][ACTR_UUID_SIZE];
	unsigned count, limit = r->room < REDRIVE_MAX ? r->room : REDRIVE_MAX;
	uint64_t reserved = w->mails.reserved_seq;

	r->more = false;
	r->op.rc = read_marks(w, limit, ids, &count);
	(void)letter_db_count(&w->letters, &w->state.letters, NULL); /* only a figure */
	if (r->op.rc < 0 || !count)
		return;
	r->more = count == limit;
	r->op.rc = unmark_all(w, ids, count);
	if (r->op.rc == 0)
		r->op.rc = insert_all(w, r, ids, count);
	if (r->op.rc < 0) {
		sql_rollback(w->mails.db);
		sql_rollback(w->letters.db);
		w->mails.reserved_seq = reserved;
		drop_mails(r);
		return;
	}
	r->op.rc = letter_db_commit(&w->letters, &w->state.error);
	if (r->op.rc < 0)
		sql_rollback(w->letters.db); /* the mails stay; tried again, the marks find them */
}
