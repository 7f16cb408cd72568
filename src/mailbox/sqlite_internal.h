/* Inner header of the durable store: its two files, the writer thread, and the loop's side. */
#ifndef ACTR_MAILBOX_SQLITE_INTERNAL_H
#define ACTR_MAILBOX_SQLITE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "mailbox/mailbox_internal.h"

/* --- paths and the lock (lock.c) ------------------------------------------------------------- */

struct file_lock {
	int fd; /* -1: not held */
	char *path;
};

/* The path without symbolic links, so two names of one file meet at one lock. */
int resolve_path(const char *path, char **ret_path, actr_error *err);
char *path_with(const char *path, const char *suffix);
/* Make sure that the file exists, with mode 0600 when it is new. */
int create_private(const char *path, actr_error *err);
/* ACTR_E_ALREADY_EXISTS names the process that holds it. */
int file_lock_take(struct file_lock *lock, const char *mailbox_path, actr_error *err);
void file_lock_release(struct file_lock *lock);
/* Tell the process that holds the lock, if any, that a letter was marked or removed. */
void file_lock_poke(const char *mailbox_path);

/* --- sql helpers (sql.c) -----------------------------------------------------------------------
 */

/* ACTR_E_STORAGE with the file, what was done, and SQLite's words. */
int sql_fail(sqlite3 *db, actr_error *err, const char *what);
int sql_exec(sqlite3 *db, const char *sql, actr_error *err);
int sql_prepare_all(sqlite3 *db, const char *const *sql, sqlite3_stmt **stmts, size_t count,
		    actr_error *err);
void sql_finalize_all(sqlite3_stmt **stmts, size_t count);
/* Step a statement that returns no row, and reset it. */
int sql_run(sqlite3 *db, sqlite3_stmt *stmt, actr_error *err);
/* One number of the first row; `none` when there is no row. */
int sql_number(sqlite3 *db, const char *sql, int64_t none, int64_t *ret, actr_error *err);
void sql_rollback(sqlite3 *db);
static inline actr_bytes sql_bytes(sqlite3_stmt *stmt, int column)
{
	const void *data = sqlite3_column_blob(stmt, column);

	return actr__bytes(data, data ? (size_t)sqlite3_column_bytes(stmt, column) : 0);
}

/* --- the mailbox file (db.c opens it, rows.c knows its rows) -------------------------------------
 */

enum mail_stmt {
	MAIL_BEGIN,
	MAIL_COMMIT,
	MAIL_INSERT,
	MAIL_DELETE,
	MAIL_COUNT_ATTEMPT,
	MAIL_UNCOUNT_ATTEMPT,
	MAIL_LOAD,
	MAIL_HAS_LETTER,
	MAIL_RESERVE,
	MAIL_STMT_COUNT
};

struct mail_db {
	sqlite3 *db;
	sqlite3_stmt *stmt[MAIL_STMT_COUNT];
	uint64_t reserved_seq; /* numbers below it are never given again, also after a crash */
	int wal_pages;	       /* of the last commit; 0 after a checkpoint */
	bool full;	       /* sync before a commit counts */
	bool relaxed;	       /* the connection is set to commit without a sync now */
};

/* Open, check, make or migrate. *ret_next_seq is above every number ever given in this file. */
int mail_db_open(struct mail_db *db, const char *path, actr_durability durability,
		 uint8_t file_id[8], uint64_t *ret_next_seq, actr_error *err);
void mail_db_close(struct mail_db *db);
/* `sync`: what is written must survive the machine (when the mailbox is FULL). */
int mail_db_begin(struct mail_db *db, bool sync, actr_error *err);
int mail_db_commit(struct mail_db *db, actr_error *err);
void mail_db_checkpoint(struct mail_db *db);

int mail_db_insert(struct mail_db *db, const struct entry *entry, actr_error *err);
int mail_db_delete(struct mail_db *db, uint64_t id, actr_error *err);
int mail_db_count_attempt(struct mail_db *db, uint64_t id, bool undo, actr_error *err);
int mail_db_has_letter(struct mail_db *db, const char *letter_id, bool *ret_has, actr_error *err);

struct load {
	struct op op;
	bool busy;
	unsigned mail_class;
	uint64_t after;
	uint32_t max_attempts;
	uint64_t boot_seq;	 /* rows below it are leftovers of an earlier life */
	struct actr__list mails; /* out: entries; those with a verdict are to be buried */
	unsigned rows;		 /* out */
};

int mail_db_load(struct mail_db *db, struct load *load, actr_error *err);
/* Each row's class, sender and size: what recovery accounts. */
int mail_db_survey(struct mail_db *db,
		   int (*visit)(void *user, uint64_t id, const actr_id *sender, size_t size),
		   void *user, actr_error *err);
/* An entry around a message, as read from a file. */
struct entry *entry_read(actr_bytes payload, actr_bytes sender, unsigned mail_class, unsigned lane);

/* --- the dead-letter file (letters.c)
 * ------------------------------------------------------------- */

enum letter_stmt {
	LETTER_BEGIN,
	LETTER_COMMIT,
	LETTER_PUT,
	LETTER_GET,
	LETTER_DELETE,
	LETTER_DELETE_OLDEST,
	LETTER_MARK,
	LETTER_COUNT_REDRIVE,
	LETTER_UNMARK,
	LETTER_MARKED,
	LETTER_STMT_COUNT
};

struct letter_db {
	sqlite3 *db;
	sqlite3_stmt *stmt[LETTER_STMT_COUNT];
	uint64_t bytes, max_bytes; /* about; counted anew when over */
};

#define LETTER_COLUMNS                                                                             \
	"id,original_message_id,from_actr_id,to_actr_id,raw_bytes,error_message,error_category,"   \
	"trace_id,request_id,created_at,redrive_attempts,last_redrive_at,context"

/* `busy_ms`: how long to wait for another process. */
int letter_db_open(struct letter_db *db, const char *mailbox_path, bool create, int busy_ms,
		   actr_error *err);
void letter_db_close(struct letter_db *db);
int letter_db_begin(struct letter_db *db, actr_error *err);
int letter_db_commit(struct letter_db *db, actr_error *err);
/* Writing an id again replaces cause and time, and keeps the count of redrives. */
int letter_db_put(struct letter_db *db, const struct actr__dead_letter *letter, actr_error *err);
/* Within max_bytes again, by dropping the oldest. */
int letter_db_trim(struct letter_db *db, actr_error *err);
int letter_db_count(struct letter_db *db, uint64_t *ret_count, actr_error *err);
/* Fill from the row that `stmt` (of LETTER_COLUMNS) stands on; valid until it moves. */
void letter_of_row(sqlite3_stmt *stmt, struct actr__dead_letter *ret_letter);

/* --- the writer (writer.c: thread and hand-over; group.c: transactions)
 * ----------------------------- */

struct redrive {
	struct op op;
	bool busy, wanted;
	bool more;		 /* out */
	unsigned room;		 /* how many may come in */
	uint64_t seq;		 /* first of REDRIVE_MAX numbers */
	struct actr__list mails; /* out: entries to account; their rows are in the table */
};
#define REDRIVE_MAX 64

struct close_op {
	struct op op;
	uint64_t *uncount; /* leftovers that nobody handled: their attempt did not take place */
	size_t count;
};

struct writer_state {
	bool failed;	 /* the last group was not committed */
	bool unreadable; /* the last load failed */
	bool kept;	 /* something waits to be tried again */
	actr_error error;
	uint64_t groups;
	uint64_t letters;
};

/* What the writer posts; a block of its own, since the mailbox may be freed while it is posted. */
struct writer_post {
	struct actr__list link; /* first: see actr__loop_keep() */
	struct actr__task task;
	struct writer *writer; /* loop; NULL once it has gone */
};

struct writer {
	struct actr__loop *loop;      /* const after start */
	struct letter_origin *origin; /* const after start */
	struct writer_post *post;     /* posted when `done` has something; run by the loop */
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t wake;
	struct actr__list queue;		      /* lock: mu */
	struct actr__list done;			      /* lock: mu */
	struct writer_state published;		      /* lock: mu */
	bool posted, ended;			      /* lock: mu */
	bool started;				      /* loop */
	struct mail_db mails;			      /* writer while started */
	struct letter_db letters;		      /* writer while started */
	struct actr__list finished;		      /* writer: on its way to `done` */
	struct actr__list kept_deletes, kept_burials; /* writer */
	struct writer_state state;		      /* writer */
};

int writer_init(struct writer *w, struct actr__loop *loop, struct letter_origin *origin,
		void (*on_done)(struct actr__task *));
int writer_start(struct writer *w, actr_error *err);
/* Loop: hand over all of `ops`. */
void writer_send(struct writer *w, struct actr__list *ops);
/* Loop: what has been done since, and the state with it. Returns whether the thread has ended. */
bool writer_collect(struct writer *w, struct actr__list *ret_done, struct writer_state *ret_state);
/* Loop: what was done and will not be told any more. */
void writer_drain(struct writer *w, struct actr__list *ret_done);
/* Loop: after a close op was sent. Blocks until the thread has ended. */
void writer_join(struct writer *w);
void writer_done(struct writer *w);

/* Writer thread: one transaction each, results in w->finished. */
void group_run(struct writer *w, struct actr__list *ops);
void group_bury(struct writer *w, struct actr__list *ops);
void group_close(struct writer *w, struct close_op *op);
void redrive_run(struct writer *w, struct redrive *redrive);

/* --- the loop's side (sqlite.c, recovery.c)
 * ------------------------------------------------------------ */

struct durable {
	struct actr__mailbox base;
	struct file_lock lock;
	char *path;
	struct writer writer;
	struct actr__list unsent; /* ops that leave at the end of the turn */
	struct actr__deferred flush;
	struct actr__timer retry;
	struct actr__io poke; /* inotify on the lock file */
	struct load load;
	struct redrive redrive;
	struct op retry_op;
	struct close_op close_op;
	bool retry_busy;
	uint64_t boot_seq;
	uint64_t pending_bytes; /* submitted, not on disk yet */
	unsigned pending_letters;
	unsigned suspects; /* leftovers of several crashes that are out, or about to be */
};

void durable_send(struct durable *d, struct op *op);
void durable_retry_later(struct durable *d);
/* Let the next leftovers have their attempt counted. */
void recovery_prepare(struct durable *d);
void recovery_counted(struct durable *d, struct bump *bump);
/* An entry that came from the table. */
void recovery_admit(struct durable *d, struct entry *entry);
void recovery_settled(struct durable *d, struct entry *entry);
/* Ids of leftovers whose counted attempt did not take place; what cannot be noted stays counted. */
void recovery_uncount(struct durable *d, struct close_op *op);

#endif
