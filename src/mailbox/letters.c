/*
 * The dead-letter file `<mailbox>.dlq`: the original's table, columns and indices, so its tools
 * read it, and beside it one table of our own with the ids that wait to be redriven.
 *
 * Why a file of its own: other processes open it (`actr dlq`), and whoever holds it must not hold
 * up the mailbox. Two WAL files are not one atomic commit, so the order gives the guarantee: the
 * letter is committed first, then its mail is deleted. A crash between the two leaves both, and the
 * next burial writes the same id again: nothing is lost and nothing is double.
 */
#include <stdio.h>

#include "mailbox/sqlite_internal.h"

static const char *const statements[LETTER_STMT_COUNT] = {
	[LETTER_BEGIN] = "BEGIN IMMEDIATE",
	[LETTER_COMMIT] = "COMMIT",
	[LETTER_PUT] = "INSERT INTO dead_letter_queue(" LETTER_COLUMNS
		       ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13) ON CONFLICT(id) DO "
		       "UPDATE SET original_message_id=excluded.original_message_id,"
		       "error_message=excluded.error_message,"
		       "error_category=excluded.error_category,created_at=excluded.created_at,"
		       "context=excluded.context",
	[LETTER_GET] = "SELECT " LETTER_COLUMNS " FROM dead_letter_queue WHERE id=?1",
	[LETTER_DELETE] = "DELETE FROM dead_letter_queue WHERE id=?1",
	[LETTER_DELETE_OLDEST] = "DELETE FROM dead_letter_queue WHERE rowid IN (SELECT rowid FROM "
				 "dead_letter_queue ORDER BY created_at LIMIT max(1,(SELECT "
				 "count(*)/10 FROM dead_letter_queue)))",
	[LETTER_MARK] = "INSERT OR IGNORE INTO redrive(id,requested_at) VALUES(?1,?2)",
	[LETTER_COUNT_REDRIVE] = "UPDATE dead_letter_queue SET redrive_attempts=redrive_attempts+1,"
				 "last_redrive_at=?2 WHERE id=?1",
	[LETTER_UNMARK] = "DELETE FROM redrive WHERE id=?1",
	[LETTER_MARKED] = "SELECT id FROM redrive ORDER BY requested_at,rowid LIMIT ?1",
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS dead_letter_queue("
	" id TEXT PRIMARY KEY, original_message_id TEXT, from_actr_id BLOB, to_actr_id BLOB,"
	" raw_bytes BLOB NOT NULL, error_message TEXT NOT NULL, error_category TEXT NOT NULL,"
	" trace_id TEXT NOT NULL, request_id TEXT, created_at TEXT NOT NULL,"
	" redrive_attempts INTEGER NOT NULL DEFAULT 0, last_redrive_at TEXT, context TEXT);"
	"CREATE INDEX IF NOT EXISTS idx_dlq_created_at ON dead_letter_queue(created_at DESC);"
	"CREATE INDEX IF NOT EXISTS idx_dlq_error_category ON"
	" dead_letter_queue(error_category, created_at DESC);"
	"CREATE INDEX IF NOT EXISTS idx_dlq_trace_id ON dead_letter_queue(trace_id);"
	"CREATE TABLE IF NOT EXISTS redrive(id TEXT PRIMARY KEY, requested_at TEXT NOT NULL);";

/* Each row costs about this beside its bytes. */
#define ROW_OVERHEAD 512

static int count_bytes(struct letter_db *db, actr_error *err)
{
	int64_t bytes;
	int rc = sql_number(db->db, "SELECT sum(length(raw_bytes)+512) FROM dead_letter_queue", 0,
			    &bytes, err);

	if (rc == 0)
		db->bytes = (uint64_t)bytes;
	return rc;
}

static int set_up(struct letter_db *db, int busy_ms, actr_error *err)
{
	(void)sqlite3_extended_result_codes(db->db, 1);
	(void)sqlite3_busy_timeout(db->db, busy_ms);
	ACTR_TRY(sql_exec(db->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", err));
	ACTR_TRY(sql_exec(db->db, schema, err));
	ACTR_TRY(sql_prepare_all(db->db, statements, db->stmt, LETTER_STMT_COUNT, err));
	return count_bytes(db, err);
}

static int open_file(struct letter_db *db, const char *path, bool create, int busy_ms,
		     actr_error *err)
{
	int rc;

	if (create)
		ACTR_TRY(create_private(path, err));
	rc = sqlite3_open_v2(path, &db->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_CANTOPEN && !create)
		return ACTR_FAIL(err, ACTR_E_NOT_FOUND, "no dead letters: cannot open %s", path);
	return rc == SQLITE_OK ? set_up(db, busy_ms, err) : sql_fail(db->db, err, "open it");
}

int letter_db_open(struct letter_db *db, const char *mailbox_path, bool create, int busy_ms,
		   actr_error *err)
{
	char *path = path_with(mailbox_path, ".dlq");
	int rc;

	*db = (struct letter_db){.max_bytes = UINT64_MAX};
	if (!path)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a path");
	rc = open_file(db, path, create, busy_ms, err);
	actr__free(path);
	if (rc < 0)
		letter_db_close(db);
	return rc;
}

void letter_db_close(struct letter_db *db)
{
	sql_finalize_all(db->stmt, LETTER_STMT_COUNT);
	(void)sqlite3_close(TAKE(db->db)); /* nothing is left open that could keep it */
}

int letter_db_begin(struct letter_db *db, actr_error *err)
{
	return sql_run(db->db, db->stmt[LETTER_BEGIN], err);
}

int letter_db_commit(struct letter_db *db, actr_error *err)
{
	return sql_run(db->db, db->stmt[LETTER_COMMIT], err);
}

static void bind_text(sqlite3_stmt *s, int column, const char *text)
{
	if (text)
		(void)sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC);
}

static void bind_bytes(sqlite3_stmt *s, int column, actr_bytes bytes)
{
	if (bytes.size)
		(void)sqlite3_bind_blob(s, column, bytes.data, (int)bytes.size, SQLITE_STATIC);
}

int letter_db_put(struct letter_db *db, const struct actr__dead_letter *l, actr_error *err)
{
	sqlite3_stmt *s = db->stmt[LETTER_PUT];
	char created[TIME_TEXT_SIZE], redriven[TIME_TEXT_SIZE];

	time_text(l->created_ms, created);
	time_text(l->last_redrive_ms, redriven);
	bind_text(s, 1, l->id);
	bind_text(s, 2, l->original_message_id);
	bind_bytes(s, 3, l->from);
	bind_bytes(s, 4, l->to);
	(void)sqlite3_bind_zeroblob(s, 5, 0); /* NOT NULL, also when there are no bytes */
	bind_bytes(s, 5, l->raw_bytes);
	bind_text(s, 6, l->error_message ? l->error_message : "");
	bind_text(s, 7, l->error_category ? l->error_category : "unknown");
	bind_text(s, 8, l->trace_id ? l->trace_id : "");
	bind_text(s, 9, l->request_id);
	bind_text(s, 10, created);
	(void)sqlite3_bind_int64(s, 11, l->redrive_attempts);
	bind_text(s, 12, l->last_redrive_ms ? redriven : NULL);
	bind_text(s, 13, l->context);
	db->bytes += l->raw_bytes.size + ROW_OVERHEAD;
	return sql_run(db->db, s, err);
}

int letter_db_trim(struct letter_db *db, actr_error *err)
{
	if (db->bytes <= db->max_bytes)
		return 0;
	ACTR_TRY(count_bytes(db, err));
	while (db->bytes > db->max_bytes) {
		ACTR_TRY(sql_run(db->db, db->stmt[LETTER_DELETE_OLDEST], err));
		ACTR_WARN(6, "mailbox_error",
			  "what=dead_letters_dropped count=%d cause=\"over %llu bytes\"",
			  sqlite3_changes(db->db), (unsigned long long)db->max_bytes);
		ACTR_TRY(count_bytes(db, err));
	}
	return 0;
}

int letter_db_count(struct letter_db *db, uint64_t *ret_count, actr_error *err)
{
	int64_t count;
	int rc = sql_number(db->db, "SELECT count(*) FROM dead_letter_queue", 0, &count, err);

	if (rc == 0)
		*ret_count = (uint64_t)count;
	return rc;
}

void letter_of_row(sqlite3_stmt *s, struct actr__dead_letter *l)
{
	const char *id = (const char *)sqlite3_column_text(s, 0);

	*l = (struct actr__dead_letter){
		.original_message_id = (const char *)sqlite3_column_text(s, 1),
		.from = sql_bytes(s, 2),
		.to = sql_bytes(s, 3),
		.raw_bytes = sql_bytes(s, 4),
		.error_message = (const char *)sqlite3_column_text(s, 5),
		.error_category = (const char *)sqlite3_column_text(s, 6),
		.trace_id = (const char *)sqlite3_column_text(s, 7),
		.request_id = (const char *)sqlite3_column_text(s, 8),
		.created_ms = time_parse((const char *)sqlite3_column_text(s, 9)),
		.redrive_attempts = (uint32_t)sqlite3_column_int64(s, 10),
		.last_redrive_ms = time_parse((const char *)sqlite3_column_text(s, 11)),
		.context = (const char *)sqlite3_column_text(s, 12),
	};
	snprintf(l->id, sizeof l->id, "%s", id ? id : "");
}
