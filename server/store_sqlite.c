/*
 * The store in one SQLite file, or in memory.
 *
 * Serials come in blocks: the row holds the first serial that was never given out, and a block is
 * used only after its UPDATE is on disk. A crash loses the rest of a block, and no serial comes
 * twice. A new store begins at its time of birth, so that a file that was deleted, or the memory of
 * a server that was restarted, does not begin with the serials of its predecessor.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store.h"

#define SCHEMA_VERSION 1

struct store {
	sqlite3 *db;
};

static const char schema[] =
	"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS serials(one INTEGER PRIMARY KEY CHECK(one = 1),"
	" next INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS signing_keys(key_id INTEGER PRIMARY KEY, seed BLOB NOT NULL);"
	"CREATE TABLE IF NOT EXISTS realms(realm INTEGER PRIMARY KEY, flags INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS acl(realm INTEGER NOT NULL, from_type TEXT NOT NULL,"
	" to_type TEXT NOT NULL, allow INTEGER NOT NULL, PRIMARY KEY(realm, from_type, to_type))"
	" WITHOUT ROWID;"
	"COMMIT;";

static int failed(struct store *store, actr_error *err, const char *what)
{
	return ACTR_FAIL(err, ACTR_E_STORAGE, "store: %s: %s", what, sqlite3_errmsg(store->db));
}

static void finalizep(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

static int prepare(struct store *store, const char *sql, sqlite3_stmt **ret, actr_error *err)
{
	if (sqlite3_prepare_v2(store->db, sql, -1, ret, NULL) != SQLITE_OK)
		return failed(store, err, sql);
	return 0;
}

/* Run a statement that returns no row. */
static int run(struct store *store, sqlite3_stmt *statement, actr_error *err)
{
	if (sqlite3_step(statement) != SQLITE_DONE)
		return failed(store, err, sqlite3_sql(statement));
	return 0;
}

/* 1: a row, 0: the end. */
static int next_row(struct store *store, sqlite3_stmt *statement, actr_error *err)
{
	int step = sqlite3_step(statement);

	if (step == SQLITE_ROW)
		return 1;
	return step == SQLITE_DONE ? 0 : failed(store, err, sqlite3_sql(statement));
}

static int read_number(struct store *store, const char *sql, int64_t *ret, actr_error *err)
{
	_cleanup_(finalizep) sqlite3_stmt *statement = NULL;

	ACTR_TRY(prepare(store, sql, &statement, err));
	if (sqlite3_step(statement) != SQLITE_ROW)
		return failed(store, err, sql);
	*ret = sqlite3_column_int64(statement, 0);
	return 0;
}

static int first_serial(struct store *store, actr_error *err)
{
	_cleanup_(finalizep) sqlite3_stmt *statement = NULL;

	ACTR_TRY(prepare(store, "INSERT OR IGNORE INTO serials VALUES(1, ?)", &statement, err));
	sqlite3_bind_int64(statement, 1, actr__clock_wall_ms() << 10);
	return run(store, statement, err);
}

static int make_tables(struct store *store, const char *path, actr_error *err)
{
	int64_t version = 0;

	sqlite3_busy_timeout(store->db, 5000);
	ACTR_TRY(read_number(store, "PRAGMA user_version", &version, err));
	if (version > SCHEMA_VERSION)
		return ACTR_FAIL(err, ACTR_E_STORAGE,
				 "store: %s is of a newer actrd (schema %d, here %d)", path,
				 (int)version, SCHEMA_VERSION);
	if (sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK)
		return failed(store, err, "cannot make the tables");
	if (sqlite3_exec(store->db, "PRAGMA user_version=1", NULL, NULL, NULL) != SQLITE_OK)
		return failed(store, err, "cannot set the version");
	return first_serial(store, err);
}

int store_open(const char *path, struct store **ret_store, actr_error *err)
{
	struct store *store = actr__new0(struct store);
	mode_t mask = umask(077); /* the file holds private keys */
	int rc;

	if (!store) {
		umask(mask);
		return ACTR_E_NOMEM;
	}
	if (sqlite3_open(path, &store->db) != SQLITE_OK)
		rc = ACTR_FAIL(err, ACTR_E_STORAGE, "store: cannot open %s: %s", path,
			       store->db ? sqlite3_errmsg(store->db) : "out of memory");
	else
		rc = make_tables(store, path, err);
	umask(mask);
	if (rc < 0)
		store_close(store);
	else
		*ret_store = store;
	return rc;
}

struct store *store_close(struct store *store)
{
	if (store) {
		sqlite3_close(store->db);
		actr__free(store);
	}
	return NULL;
}

int store_take_serials(struct store *store, uint64_t count, uint64_t *ret_first, actr_error *err)
{
	_cleanup_(finalizep) sqlite3_stmt *statement = NULL;
	uint64_t first;

	ACTR_TRY(prepare(store, "UPDATE serials SET next = next + ?1 RETURNING next - ?1",
			 &statement, err));
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)count);
	if (sqlite3_step(statement) != SQLITE_ROW)
		return failed(store, err, "cannot take serials");
	first = (uint64_t)sqlite3_column_int64(statement, 0);
	/* The change is durable only when the statement has come to its end. */
	ACTR_TRY(run(store, statement, err));
	*ret_first = first;
	return 0;
}

int store_add_key(struct store *store, uint32_t key_id, const uint8_t seed[STORE_SEED_SIZE],
		  actr_error *err)
{
	_cleanup_(finalizep) sqlite3_stmt *statement = NULL;

	ACTR_TRY(prepare(store, "INSERT INTO signing_keys VALUES(?, ?)", &statement, err));
	sqlite3_bind_int64(statement, 1, key_id);
	sqlite3_bind_blob(statement, 2, seed, STORE_SEED_SIZE, SQLITE_TRANSIENT);
	return run(store, statement, err);
}

int store_each_key(struct store *store,
		   int (*visit)(void *user, uint32_t key_id, const uint8_t seed[STORE_SEED_SIZE]),
		   void *user, actr_error *err)
{
	_cleanup_(finalizep) sqlite3_stmt *statement = NULL;
	int rc;

	ACTR_TRY(prepare(store, "SELECT key_id, seed FROM signing_keys ORDER BY key_id", &statement,
			 err));
	while ((rc = next_row(store, statement, err)) > 0) {
		if (sqlite3_column_bytes(statement, 1) != STORE_SEED_SIZE)
			return ACTR_FAIL(err, ACTR_E_STORAGE, "store: a signing key is damaged");
		ACTR_TRY(visit(user, (uint32_t)sqlite3_column_int64(statement, 0),
			       sqlite3_column_blob(statement, 1)));
	}
	return rc;
}

int store_set_realm(struct store *store, uint32_t realm, unsigned flags, actr_error *err)
{
	_cleanup_(finalizep) sqlite3_stmt *statement = NULL;

	ACTR_TRY(prepare(store, "INSERT OR REPLACE INTO realms VALUES(?, ?)", &statement, err));
	sqlite3_bind_int64(statement, 1, realm);
	sqlite3_bind_int64(statement, 2, flags);
	return run(store, statement, err);
}

int store_each_realm(struct store *store, int (*visit)(void *user, uint32_t realm, unsigned flags),
		     void *user, actr_error *err)
{
	_cleanup_(finalizep) sqlite3_stmt *statement = NULL;
	int rc;

	ACTR_TRY(prepare(store, "SELECT realm, flags FROM realms ORDER BY realm", &statement, err));
	while ((rc = next_row(store, statement, err)) > 0)
		ACTR_TRY(visit(user, (uint32_t)sqlite3_column_int64(statement, 0),
			       (unsigned)sqlite3_column_int64(statement, 1)));
	return rc;
}

static void bind_row(sqlite3_stmt *statement, const struct store_acl_row *row)
{
	sqlite3_bind_int64(statement, 1, row->realm);
	sqlite3_bind_text(statement, 2, row->from, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(statement, 3, row->to, -1, SQLITE_TRANSIENT);
}

int store_set_acl(struct store *store, const struct store_acl_row *row, actr_error *err)
{
	_cleanup_(finalizep) sqlite3_stmt *statement = NULL;

	ACTR_TRY(prepare(store, "INSERT OR REPLACE INTO acl VALUES(?, ?, ?, ?)", &statement, err));
	bind_row(statement, row);
	sqlite3_bind_int(statement, 4, row->allow);
	return run(store, statement, err);
}

int store_remove_acl(struct store *store, const struct store_acl_row *row, actr_error *err)
{
	_cleanup_(finalizep) sqlite3_stmt *statement = NULL;

	ACTR_TRY(prepare(store, "DELETE FROM acl WHERE realm = ? AND from_type = ? AND to_type = ?",
			 &statement, err));
	bind_row(statement, row);
	ACTR_TRY(run(store, statement, err));
	if (!sqlite3_changes(store->db))
		return ACTR_FAIL(err, ACTR_E_NOT_FOUND, "realm %u has no row %s -> %s", row->realm,
				 row->from, row->to);
	return 0;
}

int store_each_acl(struct store *store, int (*visit)(void *user, const struct store_acl_row *row),
		   void *user, actr_error *err)
{
	_cleanup_(finalizep) sqlite3_stmt *statement = NULL;
	struct store_acl_row row;
	int rc;

	ACTR_TRY(prepare(store,
			 "SELECT realm, from_type, to_type, allow FROM acl"
			 " ORDER BY realm, from_type, to_type",
			 &statement, err));
	while ((rc = next_row(store, statement, err)) > 0) {
		row.realm = (uint32_t)sqlite3_column_int64(statement, 0);
		row.allow = sqlite3_column_int(statement, 3) != 0;
		if (!actr__copy_text(row.from, sizeof row.from,
				     actr__text((const char *)sqlite3_column_text(statement, 1))) ||
		    !actr__copy_text(row.to, sizeof row.to,
				     actr__text((const char *)sqlite3_column_text(statement, 2))))
			return ACTR_FAIL(err, ACTR_E_STORAGE, "store: an access row is damaged");
		ACTR_TRY(visit(user, &row));
	}
	return rc;
}

int store_version(struct store *store, int64_t *ret_version, actr_error *err)
{
	return read_number(store, "PRAGMA data_version", ret_version, err);
}
