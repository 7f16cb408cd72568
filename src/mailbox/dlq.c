/*
 * The dead letters from outside: listing, showing, deleting, and marking for redrive. Any thread,
 * blocking; the file may be open in a running node, which is told through its lock file.
 */
#include <stdio.h>

#include "mailbox/sqlite_internal.h"

#define BUSY_MS 5000 /* patience with a running node */

struct actr__dlq {
	struct letter_db file;
	char *path; /* of the mailbox */
};

int actr__dlq_open(const char *mailbox_path, struct actr__dlq **ret_dlq, actr_error *err)
{
	struct actr__dlq *dlq = actr__new0(struct actr__dlq);
	int rc;

	if (!dlq)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory to open dead letters");
	rc = resolve_path(mailbox_path, &dlq->path, err);
	if (rc == 0)
		rc = letter_db_open(&dlq->file, dlq->path, false, BUSY_MS, err);
	if (rc < 0) {
		actr__dlq_close(dlq);
		return rc;
	}
	*ret_dlq = dlq;
	return 0;
}

struct actr__dlq *actr__dlq_close(struct actr__dlq *dlq)
{
	if (!dlq)
		return NULL;
	letter_db_close(&dlq->file);
	actr__free(dlq->path);
	actr__free(dlq);
	return NULL;
}

/* --- reading --- */

static int prepare_query(struct actr__dlq *dlq, const struct actr__dlq_filter *filter,
			 const char *after, sqlite3_stmt **ret_stmt, actr_error *err)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(dlq->file.db,
			       "SELECT " LETTER_COLUMNS " FROM dead_letter_queue WHERE "
			       "(?1 IS NULL OR error_category=?1) AND (?2 IS NULL OR trace_id=?2) "
			       "AND (?3 IS NULL OR from_actr_id=?3) AND (?4 IS NULL OR "
			       "created_at>?4) ORDER BY created_at DESC,rowid DESC LIMIT ?5",
			       -1, &s, NULL) != SQLITE_OK)
		return sql_fail(dlq->file.db, err, "query it");
	(void)sqlite3_bind_text(s, 1, filter->category, -1, SQLITE_STATIC); /* NULL stays NULL */
	(void)sqlite3_bind_text(s, 2, filter->trace_id, -1, SQLITE_STATIC);
	if (filter->from.size)
		(void)sqlite3_bind_blob(s, 3, filter->from.data, (int)filter->from.size,
					SQLITE_STATIC);
	if (filter->created_after_ms)
		(void)sqlite3_bind_text(s, 4, after, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s, 5, filter->limit ? filter->limit : 100);
	*ret_stmt = s;
	return 0;
}

int actr__dlq_query(struct actr__dlq *dlq, const struct actr__dlq_filter *filter,
		    bool (*visit)(void *user, const struct actr__dead_letter *letter), void *user,
		    actr_error *err)
{
	struct actr__dead_letter letter;
	char after[TIME_TEXT_SIZE];
	sqlite3_stmt *s = NULL;
	bool more = true;
	int rc = SQLITE_DONE;

	time_text(filter->created_after_ms, after);
	ACTR_TRY(prepare_query(dlq, filter, after, &s, err));
	while (more && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		letter_of_row(s, &letter);
		more = visit(user, &letter);
	}
	rc = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : sql_fail(dlq->file.db, err, "read it");
	(void)sqlite3_finalize(s);
	return rc;
}

int actr__dlq_get(struct actr__dlq *dlq, const char *id,
		  void (*visit)(void *user, const struct actr__dead_letter *letter), void *user,
		  actr_error *err)
{
	sqlite3_stmt *s = dlq->file.stmt[LETTER_GET];
	struct actr__dead_letter letter;
	int rc;

	(void)sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		letter_of_row(s, &letter);
		visit(user, &letter);
		rc = 0;
	} else if (rc == SQLITE_DONE) {
		rc = ACTR_FAIL(err, ACTR_E_NOT_FOUND, "no dead letter %s", id);
	} else {
		rc = sql_fail(dlq->file.db, err, "read it");
	}
	(void)sqlite3_reset(s);
	return rc;
}

/* --- changing --- */

struct redrive_check {
	int rc;
	actr_error *err;
};

static void check_decodable(void *user, const struct actr__dead_letter *letter)
{
	struct redrive_check *check = user;
	struct actr__envelope envelope;
	actr_id from;

	check->rc = actr__id_decode(letter->from, &from, check->err);
	if (check->rc == 0)
		check->rc = actr__envelope_decode(&envelope, letter->raw_bytes, check->err);
	if (check->rc < 0)
		actr__prefix(check->err, check->rc,
			     "dead letter %s would only come back: ", letter->id);
}

static int mark(struct letter_db *file, const char *id, const char *now, actr_error *err)
{
	const enum letter_stmt both[] = {LETTER_COUNT_REDRIVE, LETTER_MARK};

	ACTR_TRY(letter_db_begin(file, err));
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		(void)sqlite3_bind_text(file->stmt[both[i]], 1, id, -1, SQLITE_STATIC);
		(void)sqlite3_bind_text(file->stmt[both[i]], 2, now, -1, SQLITE_STATIC);
		ACTR_TRY(sql_run(file->db, file->stmt[both[i]], err));
	}
	return letter_db_commit(file, err);
}

int actr__dlq_redrive(struct actr__dlq *dlq, const char *id, actr_error *err)
{
	struct redrive_check check = {.err = err};
	char now[TIME_TEXT_SIZE];
	int rc;

	ACTR_TRY(actr__dlq_get(dlq, id, check_decodable, &check, err));
	if (check.rc < 0)
		return check.rc;
	time_text(actr__clock_wall_ms(), now);
	rc = mark(&dlq->file, id, now, err);
	if (rc < 0)
		sql_rollback(dlq->file.db);
	else
		file_lock_poke(dlq->path);
	return rc;
}

int actr__dlq_delete(struct actr__dlq *dlq, const char *id, actr_error *err)
{
	sqlite3_stmt *s = dlq->file.stmt[LETTER_DELETE];

	(void)sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
	ACTR_TRY(sql_run(dlq->file.db, s, err));
	if (!sqlite3_changes(dlq->file.db))
		return ACTR_FAIL(err, ACTR_E_NOT_FOUND, "no dead letter %s", id);
	file_lock_poke(dlq->path); /* so that its figures are right */
	return 1;
}

int actr__dlq_purge(struct actr__dlq *dlq, int64_t before_ms, actr_error *err)
{
	char before[TIME_TEXT_SIZE];
	sqlite3_stmt *s;
	int rc;

	time_text(before_ms, before);
	if (sqlite3_prepare_v2(dlq->file.db, "DELETE FROM dead_letter_queue WHERE created_at<?1",
			       -1, &s, NULL) != SQLITE_OK)
		return sql_fail(dlq->file.db, err, "purge it");
	(void)sqlite3_bind_text(s, 1, before, -1, SQLITE_STATIC);
	rc = sql_run(dlq->file.db, s, err);
	(void)sqlite3_finalize(s);
	if (rc < 0)
		return rc;
	file_lock_poke(dlq->path);
	return sqlite3_changes(dlq->file.db);
}

/* --- figures --- */

static int category_figures(struct actr__dlq *dlq, struct actr__dlq_stats *ret, actr_error *err)
{
	sqlite3_stmt *s;
	int rc;

	if (sqlite3_prepare_v2(dlq->file.db,
			       "SELECT error_category,count(*) FROM dead_letter_queue GROUP BY 1 "
			       "ORDER BY 2 DESC LIMIT 16",
			       -1, &s, NULL) != SQLITE_OK)
		return sql_fail(dlq->file.db, err, "count it");
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		size_t i = ret->category_count++;

		snprintf(ret->categories[i].category, sizeof ret->categories[i].category, "%s",
			 (const char *)sqlite3_column_text(s, 0));
		ret->categories[i].count = (uint64_t)sqlite3_column_int64(s, 1);
	}
	rc = rc == SQLITE_DONE ? 0 : sql_fail(dlq->file.db, err, "count it");
	(void)sqlite3_finalize(s);
	return rc;
}

static int oldest(struct actr__dlq *dlq, struct actr__dlq_stats *ret, actr_error *err)
{
	sqlite3_stmt *s;
	int rc;

	if (sqlite3_prepare_v2(dlq->file.db, "SELECT min(created_at) FROM dead_letter_queue", -1,
			       &s, NULL) != SQLITE_OK)
		return sql_fail(dlq->file.db, err, "count it");
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		ret->oldest_ms = time_parse((const char *)sqlite3_column_text(s, 0));
	rc = rc == SQLITE_ROW ? 0 : sql_fail(dlq->file.db, err, "count it");
	(void)sqlite3_finalize(s);
	return rc;
}

int actr__dlq_stats(struct actr__dlq *dlq, struct actr__dlq_stats *ret, actr_error *err)
{
	int64_t redriven;

	*ret = (struct actr__dlq_stats){0};
	ACTR_TRY(letter_db_count(&dlq->file, &ret->total, err));
	ACTR_TRY(sql_number(dlq->file.db,
			    "SELECT count(*) FROM dead_letter_queue WHERE redrive_attempts>0", 0,
			    &redriven, err));
	ret->redriven = (uint64_t)redriven;
	ACTR_TRY(oldest(dlq, ret, err));
	return category_figures(dlq, ret, err);
}
