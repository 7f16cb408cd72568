/*
 * What docs/seed.md says of start, discovery and shutdown, on real nodes with a real server.
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

static bool hidden; /* the nodes that are started now */

static actr_ref *start(const actr_workload *workload)
{
	actr_config config = config_of("Caller");

	config.discovery_hidden = hidden;
	return start_node(&config, workload);
}

static int echo(actr_ref *ref, const actr_dest *dest)
{
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;

	return echo_service_echo(ref, dest, &req, NULL, NULL, NULL, NULL);
}

static int on_echo(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;

	(void)ctx;
	resp.data = req->data;
	if (self)
		atomic_fetch_add((atomic_uint *)self, 1);
	return echo_service_echo_reply(reply, &resp);
}

static const echo_service_ops echo_ops = {.size = sizeof echo_ops, .echo = on_echo};

static actr_ref *start_echo(void)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;

	workload.service = &echo_service;
	workload.ops = &echo_ops;
	return start(&workload);
}

/* --- on_start --- */

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		assert_int_equal(errno, EINTR);
}

/* Calls back whoever calls it, without waiting, and answers. */
struct caller_back {
	sem_t answered;
	int code;
};

static void on_called_back(void *user, actr_call *call)
{
	struct caller_back *back = user;

	back->code = actr_call_result(call, NULL);
	sem_post(&back->answered);
}

static int call_back(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	actr_dest dest = actr_dest_actor(actr_ctx_caller(ctx));

	assert_int_equal(echo_service_echo_start(actr_ctx_ref(ctx), &dest, req, NULL,
						 on_called_back, self, NULL, NULL),
			 0);
	return on_echo(NULL, ctx, req, reply);
}

struct starter {
	atomic_uint handled;
	unsigned handled_in_on_start;
	actr_dest back;
	actr_ref *ref;
	int code;
	char request_id[64];
	bool had_caller, had_id;
};

static int on_start(void *self, actr_ctx *ctx)
{
	struct starter *s = self;

	snprintf(s->request_id, sizeof s->request_id, "%s", actr_ctx_request_id(ctx));
	s->had_caller = actr_ctx_caller(ctx) != NULL;
	s->had_id = actr_ctx_self(ctx)->serial != 0;
	s->code = echo(actr_ctx_ref(ctx), &s->back);
	/* The request that came back left before this answer, on the same lane. */
	s->handled_in_on_start = atomic_load(&s->handled);
	return 0;
}

static void on_start_may_call_other_actors_and_requests_wait_for_its_end(void **state)
{
	static const echo_service_ops back_ops = {.size = sizeof back_ops, .echo = call_back};
	actr_workload workload = ACTR_WORKLOAD_INIT;
	struct caller_back back = {.code = 1};
	struct starter starter = {.code = 1};
	actr_ref *service, *ref;
	actr_id id;

	(void)state;
	sem_init(&back.answered, 0, 0);
	workload.service = &echo_service;
	workload.ops = &back_ops;
	workload.self = &back;
	service = start(&workload);
	id = actr_ref_id(service);
	starter.back = actr_dest_actor(&id);
	workload.ops = &echo_ops;
	workload.self = &starter; /* its first member counts */
	workload.executor = ACTR_EXECUTOR_WORKER;
	workload.on_start = on_start;
	ref = start(&workload);
	assert_string_equal(starter.request_id, "bootstrap");
	assert_false(starter.had_caller);
	assert_true(starter.had_id);
	assert_int_equal(starter.code, 0);
	assert_int_equal(starter.handled_in_on_start, 0);
	wait_for(&back.answered);
	assert_int_equal(back.code, 0);
	assert_int_equal(atomic_load(&starter.handled), 1);
	assert_null(actr_ref_close(ref));
	assert_null(actr_ref_close(service));
}

/* Waits for its turn, and comes back when the workload is stopping. */
static void *call_while_it_stops(void *arg)
{
	struct starter *s = arg;

	s->code = echo(s->ref, &s->back);
	return NULL;
}

/* Its own end begins while on_start runs, which succeeds nevertheless. */
static int end_oneself(void *self, actr_ctx *ctx)
{
	struct starter *s = self;
	pthread_t thread;

	actr_ref_shutdown(actr_ctx_ref(ctx));
	if (s->back.kind == ACTR_DEST_LOCAL) { /* on a worker */
		s->ref = actr_ctx_ref(ctx);
		assert_int_equal(pthread_create(&thread, NULL, call_while_it_stops, s), 0);
		pthread_join(thread, NULL);
	}
	return 0;
}

static void count_stop(void *self, actr_ctx *ctx)
{
	(void)ctx;
	atomic_fetch_add(&((struct starter *)self)->handled, 1);
}

static void a_shutdown_in_on_start_still_calls_on_stop_once(void **state)
{
	actr_config config = config_of("Caller");

	(void)state;
	for (int worker = 0; worker < 2; worker++) {
		actr_workload workload = ACTR_WORKLOAD_INIT;
		struct starter starter = {.code = 0};
		actr_error err = ACTR_ERROR_INIT;
		actr_ref *ref;
		int rc;

		workload.service = &echo_service;
		workload.ops = &echo_ops;
		workload.self = &starter;
		workload.serial = true;
		workload.on_start = end_oneself;
		workload.on_stop = count_stop;
		if (worker) {
			workload.executor = ACTR_EXECUTOR_WORKER;
			starter.back = actr_dest_local;
		} else {
			starter.back.kind = ACTR_DEST_SHELL;
		}
		rc = try_node(&config, &workload, &ref, &err);
		assert_int_equal(starter.code, worker ? ACTR_E_UNAVAILABLE : 0);
		assert_int_equal(rc, worker ? ACTR_E_UNAVAILABLE : 0);
		if (rc == 0)
			assert_null(actr_ref_close(ref));
		assert_int_equal(atomic_load(&starter.handled), 1);
	}
}

/* --- a refused start --- */

static void a_refused_start_has_the_servers_words_and_leaves_nothing(void **state)
{
	const char *args[] = {"--db", NULL, "--listen", "127.0.0.1:0", NULL};
	actr_workload workload = ACTR_WORKLOAD_INIT;
	actr_error err = ACTR_ERROR_INIT;
	unsigned threads, fds = 0;
	actr_config config;
	actr_ref *ref;

	(void)state;
	assert_int_equal(process_end(&server, SIGTERM), 0);
	args[1] = temp_file("closed.db", "%s", "");
	process_start(&server, "actrd", args);
	config = config_of("Caller");
	workload.on_start = on_start; /* must not run: it has no state */
	threads = count_threads();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(try_node(&config, &workload, &ref, &err),
				 ACTR_E_PERMISSION_DENIED);
		assert_null(ref);
		assert_non_null(strstr(err.message, "realm"));
		if (i == 0) /* libraries keep what they open once */
			fds = count_fds();
	}
	assert_int_equal(count_threads(), threads);
	assert_int_equal(count_fds(), fds);
}

/* --- kept tokens --- */

struct keeper {
	sem_t has_kept, settled;
	actr_reply *reply;
};

static int keep(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	struct keeper *k = self;

	(void)ctx;
	(void)req;
	k->reply = actr_reply_keep(reply);
	sem_post(&k->has_kept);
	wait_for(&k->settled);
	return 0;
}

static void a_kept_token_may_be_settled_before_its_handler_is_back(void **state)
{
	static const echo_service_ops keeper_ops = {.size = sizeof keeper_ops, .echo = keep};
	actr_workload workload = ACTR_WORKLOAD_INIT, none = ACTR_WORKLOAD_INIT;
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	struct keeper keeper = {.reply = NULL};
	actr_ref *service, *client;
	actr_dest dest;
	actr_id id;

	(void)state;
	sem_init(&keeper.has_kept, 0, 0);
	sem_init(&keeper.settled, 0, 0);
	workload.service = &echo_service;
	workload.ops = &keeper_ops;
	workload.self = &keeper;
	workload.executor = ACTR_EXECUTOR_WORKER;
	service = start(&workload);
	client = start(&none);
	id = actr_ref_id(service);
	dest = actr_dest_actor(&id);
	for (int i = 0; i < 6; i++) {
		actr_call *call;

		assert_int_equal(echo_service_echo_start(i % 2 ? service : client, &dest, &req,
							 NULL, NULL, NULL, &call, NULL),
				 0);
		wait_for(&keeper.has_kept);
		if (i < 4)
			assert_int_equal(echo_service_echo_reply(keeper.reply, &resp), 0);
		else
			assert_int_equal(actr_reply_fault(keeper.reply, "x"), 0);
		/* The answer is there while the handler still runs. */
		assert_int_equal(actr_call_wait(call, NULL), i < 4 ? 0 : ACTR_E_INVALID_ARGUMENT);
		sem_post(&keeper.settled);
		actr_call_unref(call);
	}
	assert_null(actr_ref_close(client));
	assert_null(actr_ref_close(service));
}

/* --- discovery --- */

static void discovery_gives_ids_nobody_or_the_reason(void **state)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;
	actr_ref *one = start_echo(), *two = start_echo(), *ref = start(&workload);
	actr_id first = actr_ref_id(one), second = actr_ref_id(two), ids[3];
	actr_error err = ACTR_ERROR_INIT;
	actr_type nobody;

	(void)state;
	assert_int_equal(actr_discover(ref, &first.type, ids, 3, 0, &err), 2);
	assert_true(actr_id_equal(&ids[0], &first) || actr_id_equal(&ids[0], &second));
	assert_true(actr_id_equal(&ids[1], &first) || actr_id_equal(&ids[1], &second));
	assert_false(actr_id_equal(&ids[0], &ids[1]));
	assert_int_equal(actr_discover(ref, &first.type, ids, 1, 0, &err), 1);
	assert_int_equal(actr_type_set(&nobody, "acme", "Nobody", NULL), 0);
	assert_int_equal(actr_discover(ref, &nobody, ids, 3, 0, &err), 0);
	assert_int_equal(process_end(&server, SIGKILL), -SIGKILL);
	/* At once, or when the loss of the connection is noticed: not after 30 s. */
	assert_int_equal(actr_discover(ref, &first.type, ids, 3, 30000, &err), ACTR_E_UNAVAILABLE);
	assert_int_equal(actr_discover(ref, &first.type, ids, 3, 30000, &err), ACTR_E_UNAVAILABLE);
	actr_ref_ref(ref);
	assert_null(actr_ref_close(one));
	assert_null(actr_ref_close(two));
	(void)actr_ref_close(ref);
	assert_int_equal(actr_discover(ref, &first.type, ids, 3, 0, &err), ACTR_E_UNAVAILABLE);
	actr_ref_unref(ref);
	server_start("127.0.0.1:0"); /* for teardown */
}

static void a_system_refuses_a_public_address_that_is_none(void **state)
{
	actr_config config = config_of("Caller");
	actr_error err = ACTR_ERROR_INIT;
	actr_system *system = NULL;

	(void)state;
	config.public_address = "example.org";
	assert_int_equal(actr_system_new(&config, &system, &err), ACTR_E_CONFIG);
	assert_non_null(strstr(err.message, "got \"example.org\""));
	assert_null(system);
}

static void an_actor_that_is_not_visible_is_found_by_nobody_and_called_by_its_id(void **state)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;
	actr_ref *service, *ref;
	actr_dest dest;
	actr_id id, found;

	(void)state;
	hidden = true;
	service = start_echo();
	hidden = false;
	ref = start(&workload);
	id = actr_ref_id(service);
	assert_int_equal(actr_discover(ref, &id.type, &found, 1, 0, NULL), 0);
	dest = actr_dest_service(&echo_service);
	assert_int_equal(echo(ref, &dest), ACTR_E_NOT_FOUND);
	dest = actr_dest_actor(&id);
	assert_int_equal(echo(ref, &dest), 0);
	assert_null(actr_ref_close(ref));
	assert_null(actr_ref_close(service));
}

/* --- shutdown --- */

static atomic_int steps, closed_at, unregistered_at;

static void watch_shutdown(void *user, const actr_log_record *record)
{
	(void)user;
	if (!strcmp(record->category, "peer") && strstr(record->message, " state=0 "))
		atomic_store(&closed_at, atomic_fetch_add(&steps, 1) + 1);
	if (!strcmp(record->message, "what=unregistered"))
		atomic_store(&unregistered_at, atomic_fetch_add(&steps, 1) + 1);
}

static void a_shutdown_closes_the_peers_and_then_unregisters(void **state)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;
	actr_ref *service = start_echo(), *ref = start(&workload);
	actr_id id = actr_ref_id(service), found;
	actr_dest dest = actr_dest_actor(&id);

	(void)state;
	assert_int_equal(echo(ref, &dest), 0);
	assert_false(actr_ref_is_shutting_down(service));
	actr_set_log(ACTR_LOG_DEBUG, watch_shutdown, NULL);
	assert_null(actr_ref_close(service));
	actr_set_log(ACTR_LOG_ERROR, NULL, NULL);
	assert_int_equal(atomic_load(&unregistered_at), atomic_load(&steps));
	assert_true(atomic_load(&closed_at) > 0);
	assert_true(atomic_load(&closed_at) < atomic_load(&unregistered_at));
	/* Gone from discovery at once. */
	assert_int_equal(actr_discover(ref, &id.type, &found, 1, 0, NULL), 0);
	assert_null(actr_ref_close(ref));
}

/* --- stack --- */

#if defined(__SANITIZE_ADDRESS__)
#define STACK_KIB 256 /* its frames are larger */
#else
#define STACK_KIB 64
#endif

static void *use_the_library(void *arg)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;
	actr_ref *service = start_echo(), *ref = start(&workload);
	actr_dest dest = actr_dest_service(&echo_service);
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_id id = actr_ref_id(service), found;
	actr_dest actor = actr_dest_actor(&id);

	assert_int_equal(echo(ref, &dest), 0);
	assert_int_equal(actr_discover(ref, &id.type, &found, 1, 0, NULL), 1);
	chunk.stream_id = "s";
	assert_int_equal(
		actr_stream_send_wait(ref, &actor, ACTR_LANE_STREAM_RELIABLE, &chunk, NULL, NULL),
		0);
	assert_null(actr_ref_close(ref));
	assert_null(actr_ref_close(service));
	*(bool *)arg = true;
	return NULL;
}

static void defect_64_a_thread_with_a_stack_of_64_kib_can_do_everything(void **state)
{
	bool did = false;
	pthread_attr_t attr;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, STACK_KIB * 1024), 0);
	assert_int_equal(pthread_create(&thread, &attr, use_the_library, &did), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(did);
	pthread_attr_destroy(&attr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(on_start_may_call_other_actors_and_requests_wait_for_its_end),
		SERVER_TEST(a_shutdown_in_on_start_still_calls_on_stop_once),
		SERVER_TEST(a_refused_start_has_the_servers_words_and_leaves_nothing),
		SERVER_TEST(a_kept_token_may_be_settled_before_its_handler_is_back),
		SERVER_TEST(discovery_gives_ids_nobody_or_the_reason),
		cmocka_unit_test(a_system_refuses_a_public_address_that_is_none),
		SERVER_TEST(an_actor_that_is_not_visible_is_found_by_nobody_and_called_by_its_id),
		SERVER_TEST(defect_64_a_thread_with_a_stack_of_64_kib_can_do_everything),
		SERVER_TEST(a_shutdown_closes_the_peers_and_then_unregisters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
