/*
 * No lock is held while somebody waits, nor while code of the host runs (defect 18).
 *
 * The program is linked with --wrap for the functions below, so every lock of the library passes
 * here and is written down for its thread. Whoever waits for something else, or calls a callback,
 * while the list is not empty is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "echo.actr.h"
#include "fixture.h"

#define HELD_MAX 16

static _Thread_local struct {
	const pthread_mutex_t *locks[HELD_MAX];
	unsigned count;
} held;

static atomic_uint locks_taken, wrong;
static char first_wrong[64];

static void expect_none_but(const pthread_mutex_t *allowed, const char *where)
{
	for (unsigned i = 0; i < held.count; i++) {
		if (held.locks[i] != allowed && atomic_fetch_add(&wrong, 1) == 0)
			snprintf(first_wrong, sizeof first_wrong, "%s", where);
	}
}

#define REAL(result, name, ...)                                                                    \
	result __real_##name(__VA_ARGS__);                                                         \
	result __wrap_##name(__VA_ARGS__);                                                         \
	result __wrap_##name(__VA_ARGS__)

REAL(int, pthread_mutex_lock, pthread_mutex_t *mutex)
{
	int rc = __real_pthread_mutex_lock(mutex);

	atomic_fetch_add(&locks_taken, 1);
	if (held.count < HELD_MAX)
		held.locks[held.count++] = mutex;
	return rc;
}

REAL(int, pthread_mutex_unlock, pthread_mutex_t *mutex)
{
	for (unsigned i = held.count; i-- > 0;) {
		if (held.locks[i] == mutex) {
			held.locks[i] = held.locks[--held.count];
			break;
		}
	}
	return __real_pthread_mutex_unlock(mutex);
}

REAL(int, pthread_cond_wait, pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	expect_none_but(mutex, "pthread_cond_wait");
	return __real_pthread_cond_wait(cond, mutex);
}

REAL(int, pthread_cond_timedwait, pthread_cond_t *cond, pthread_mutex_t *mutex,
     const struct timespec *until)
{
	expect_none_but(mutex, "pthread_cond_timedwait");
	return __real_pthread_cond_timedwait(cond, mutex, until);
}

REAL(int, sem_wait, sem_t *sem)
{
	expect_none_but(NULL, "sem_wait");
	return __real_sem_wait(sem);
}

REAL(int, pthread_join, pthread_t thread, void **ret)
{
	expect_none_but(NULL, "pthread_join");
	return __real_pthread_join(thread, ret);
}

/* --- a host that looks at it wherever it is called --- */

struct actor {
	actr_executor executor;
	const char *mailbox_path;
	actr_ref *ref;
	_Atomic(actr_reply *) kept; /* the last request's, when it says "keep" */
	sem_t has_kept, chunk, done;
};

static int on_echo(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;
	struct actor *a = self;

	(void)ctx;
	expect_none_but(NULL, "handler");
	if (req->data.len == 4) {
		atomic_store(&a->kept, actr_reply_keep(reply));
		sem_post(&a->has_kept);
		return 0;
	}
	resp.data = req->data;
	return echo_service_echo_reply(reply, &resp);
}

static const echo_service_ops ops = {.size = sizeof ops, .echo = on_echo};

static int on_start(void *self, actr_ctx *ctx)
{
	(void)self;
	(void)ctx;
	expect_none_but(NULL, "on_start");
	return 0;
}

static void on_stop(void *self, actr_ctx *ctx)
{
	(void)self;
	(void)ctx;
	expect_none_but(NULL, "on_stop");
}

static void on_event(void *self, const actr_event *event)
{
	(void)self;
	(void)event;
	expect_none_but(NULL, "on_event");
}

static void on_done(void *user, actr_call *call)
{
	struct actor *a = user;

	(void)call;
	expect_none_but(NULL, "on_done");
	sem_post(&a->done);
}

static void on_chunk(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	struct actor *a = user;

	(void)chunk;
	(void)sender;
	expect_none_but(NULL, "stream callback");
	sem_post(&a->chunk);
}

static void actor_start(struct actor *a)
{
	actr_config config = config_of(NULL);
	actr_workload workload = ACTR_WORKLOAD_INIT;

	sem_init(&a->has_kept, 0, 0);
	sem_init(&a->chunk, 0, 0);
	sem_init(&a->done, 0, 0);
	config.mailbox_path = a->mailbox_path;
	workload.service = &echo_service;
	workload.ops = &ops;
	workload.self = a;
	workload.executor = a->executor;
	workload.on_start = on_start;
	workload.on_stop = on_stop;
	workload.on_event = on_event;
	a->ref = start_node(&config, &workload);
	assert_int_equal(actr_stream_register(a->ref, "s", NULL, on_chunk, a, NULL), 0);
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		assert_int_equal(errno, EINTR);
}

/* Calls, a kept token that this thread settles, a tell, chunks: from one to the other. */
static void use(struct actor *from, const actr_dest *dest, struct actor *to)
{
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	actr_chunk chunk = ACTR_CHUNK_INIT;

	assert_int_equal(echo_service_echo(from->ref, dest, &req, NULL, NULL, NULL, NULL), 0);
	assert_int_equal(echo_service_echo_tell(from->ref, dest, &req, NULL), 0);
	req.data.data = (uint8_t *)"keep";
	req.data.len = 4;
	assert_int_equal(
		echo_service_echo_start(from->ref, dest, &req, NULL, on_done, from, NULL, NULL), 0);
	wait_for(&to->has_kept);
	assert_int_equal(actr_reply_fail(atomic_load(&to->kept), ACTR_E_CANCELLED, "enough"), 0);
	wait_for(&from->done);
	chunk.stream_id = "s";
	for (int i = 0; i < 20; i++)
		assert_int_equal(actr_stream_send_wait(from->ref, dest, ACTR_LANE_STREAM_RELIABLE,
						       &chunk, NULL, NULL),
				 0);
	for (int i = 0; i < 20; i++)
		wait_for(&to->chunk);
}

static void defect_18_no_lock_is_held_in_a_wait_or_a_callback(void **state)
{
	static struct actor loop, worker = {.executor = ACTR_EXECUTOR_WORKER};
	actr_dest to_loop, to_worker;
	char path[256];
	actr_id id;

	(void)state;
	snprintf(path, sizeof path, "%s/mailbox.db", temp_dir());
	worker.mailbox_path = path;
	actor_start(&loop);
	actor_start(&worker);
	id = actr_ref_id(loop.ref);
	to_loop = actr_dest_actor(&id);
	id = actr_ref_id(worker.ref);
	to_worker = actr_dest_actor(&id);
	use(&loop, &to_worker, &worker);
	use(&worker, &to_loop, &loop);
	use(&loop, &actr_dest_local, &loop);
	use(&worker, &actr_dest_local, &worker);
	assert_int_equal(actr_stream_unregister(worker.ref, "s", NULL), 0);
	assert_null(actr_ref_close(worker.ref));
	assert_null(actr_ref_close(loop.ref));
	assert_true(atomic_load(&locks_taken) > 100); /* they do come by here */
	if (atomic_load(&wrong))
		fail_msg("a lock is held in %s", first_wrong);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(defect_18_no_lock_is_held_in_a_wait_or_a_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
