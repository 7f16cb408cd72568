/* Helpers of the durable tests: a folder that goes away, and turns of a real loop until something
 * holds. */
#ifndef ACTR_DURABLE_TEST_H
#define ACTR_DURABLE_TEST_H

#include "mailbox/mailbox_test.h"

#include <poll.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
	struct owner o;
	char folder[64], path[96];
	struct actr__mailbox_options options;
};

static inline void turn(struct owner *o)
{
	struct pollfd p = {.fd = actr__loop_fd(o->loop), .events = POLLIN};
	int ms;

	actr__loop_process(o->loop);
	ms = actr__loop_timeout_ms(o->loop);
	(void)poll(&p, 1, ms < 0 || ms > 100 ? 100 : ms);
	actr__loop_process(o->loop);
}

/* Turns until `condition` holds; a test that waits for 20 s has failed. */
#define RUN_UNTIL(o, condition)                                                                    \
	do {                                                                                       \
		uint64_t until_ = actr__clock_monotonic_ns() + 20000000000ull;                     \
		while (!(condition)) {                                                             \
			turn(o);                                                                   \
			assert_true(actr__clock_monotonic_ns() < until_);                          \
		}                                                                                  \
	} while (0)

static inline int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	assert_int_equal(actr__loop_new(&w->o.loop, NULL), 0);
	/* In memory where there is such a place: the tests sync thousands of times. */
	snprintf(w->folder, sizeof w->folder, "%s/actr-mailbox-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->path, sizeof w->path, "%s/box.db", w->folder);
	w->options = (struct actr__mailbox_options){.path = w->path, .self = test_id(99)};
	*state = w;
	return 0;
}

static inline void remove_files(struct world *w)
{
	static const char *const ends[] = {
		"",	    "-wal",	"-shm",	    ".lock",	    ".dlq",
		".dlq-wal", ".dlq-shm", "-journal", ".dlq-journal", ".oracle"};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		snprintf(path, sizeof path, "%s%s", w->path, ends[i]);
		(void)unlink(path);
	}
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;

	actr__mailbox_free(w->o.mailbox);
	actr__loop_free(w->o.loop);
	remove_files(w);
	assert_int_equal(rmdir(w->folder), 0);
	free(w);
	return 0;
}

static inline struct actr__mailbox *world_open(struct world *w)
{
	actr_error err = ACTR_ERROR_INIT;
	int rc = actr__mailbox_open(w->o.loop, &w->options, &owner_events, &w->o, &w->o.mailbox,
				    &err);

	if (rc < 0)
		fail_msg("%s", err.message);
	return w->o.mailbox;
}

static inline void world_close(struct world *w)
{
	unsigned closed = w->o.closed;

	actr__mailbox_close(w->o.mailbox);
	RUN_UNTIL(&w->o, w->o.closed > closed);
	w->o.mailbox = actr__mailbox_free(w->o.mailbox);
}

static inline struct actr__mailbox_stats stats_of(struct world *w)
{
	struct actr__mailbox_stats stats;

	actr__mailbox_stats(w->o.mailbox, &stats);
	return stats;
}

/* The next mail, waited for. */
static inline struct actr__mail *world_take(struct world *w)
{
	struct actr__mail *mail = NULL;

	RUN_UNTIL(&w->o, (mail = actr__mailbox_take(w->o.mailbox)) != NULL);
	return mail;
}

/* Runs `child` in a process of its own, which ends by kill -9 of itself. */
static inline void in_killed_process(struct world *w, void (*child)(struct world *w))
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* A loop does not survive a fork. */
		if (actr__loop_new(&w->o.loop, NULL) < 0)
			_exit(3);
		child(w);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static inline int64_t sql_value(const char *path, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int64_t value;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return value;
}

static inline void sql_do(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* The n-th allocation from now on, of any thread, fails. */
static int fail_at;

static inline void *failing_allocate(void *user, size_t size)
{
	(void)user;
	return __atomic_fetch_sub(&fail_at, 1, __ATOMIC_RELAXED) == 1 ? NULL : malloc(size);
}

static inline void *failing_reallocate(void *user, void *block, size_t size)
{
	(void)user;
	return __atomic_fetch_sub(&fail_at, 1, __ATOMIC_RELAXED) == 1 ? NULL : realloc(block, size);
}

static inline void release(void *user, void *block)
{
	(void)user;
	free(block);
}

static const actr_allocator failing = {failing_allocate, failing_reallocate, release, NULL};

#endif
