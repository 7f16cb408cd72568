/* The few calls of SQLite that everybody here needs, with errors in our words. */
#include "mailbox/sqlite_internal.h"

int sql_fail(sqlite3 *db, actr_error *err, const char *what)
{
	const char *file = db ? sqlite3_db_filename(db, "main") : NULL;
	int os_errno = db ? sqlite3_system_errno(db) : 0;
	int code = db && sqlite3_errcode(db) == SQLITE_NOMEM ? ACTR_E_NOMEM : ACTR_E_STORAGE;

	actr__fail(err, code, "%s: cannot %s: %s", file ? file : "database", what,
		   db ? sqlite3_errmsg(db) : "no memory");
	if (err)
		err->os_errno = os_errno;
	return code;
}

int sql_exec(sqlite3 *db, const char *sql, actr_error *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sql_fail(db, err, "run a statement");
	return 0;
}

int sql_prepare_all(sqlite3 *db, const char *const *sql, sqlite3_stmt **stmts, size_t count,
		    actr_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &stmts[i],
				       NULL) != SQLITE_OK)
			return sql_fail(db, err, "prepare a statement");
	return 0;
}

void sql_finalize_all(sqlite3_stmt **stmts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		(void)sqlite3_finalize(stmts[i]); /* its code is that of the last step */
		stmts[i] = NULL;
	}
}

int sql_run(sqlite3 *db, sqlite3_stmt *stmt, actr_error *err)
{
	int rc = sqlite3_step(stmt);
	int result = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : sql_fail(db, err, "write");

	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return result;
}

int sql_number(sqlite3 *db, const char *sql, int64_t none, int64_t *ret, actr_error *err)
{
	sqlite3_stmt *stmt;
	int rc;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return sql_fail(db, err, "read");
	rc = sqlite3_step(stmt);
	*ret = rc == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL
		       ? sqlite3_column_int64(stmt, 0)
		       : none;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		rc = sql_fail(db, err, "read");
		(void)sqlite3_finalize(stmt);
		return rc;
	}
	(void)sqlite3_finalize(stmt);
	return 0;
}

void sql_rollback(sqlite3 *db)
{
	/* Some failures have rolled back already. */
	if (!sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}
