/*
 * Real nodes over real WebRTC on loopback, with a real signaling server as another process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "echo.actr.h"
#include "fixture.h"

/* "127.0.0.1:PORT" of the running server. */
static void server_address(char *out, size_t size)
{
	const char *host = strstr(server.ready, "://") + 3;

	snprintf(out, size, "%.*s", (int)strcspn(host, "/"), host);
}

/* --- a workload that counts what happens to it --- */

struct actor {
	const char *mailbox_path;
	actr_executor executor;
	int start_code;
	bool call_on_start;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned started, stopped, registered, disconnected, connections;
	int on_start_call_code;
	const actr_dest *call_on_stop[2]; /* or NULL */
	int on_stop_call_code;		  /* the sum of both */
	actr_id caller;
	bool had_caller;
	actr_ref *ref;
};

static int on_echo(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;
	struct actor *a = self;
	const actr_id *caller = actr_ctx_caller(ctx);

	a->had_caller = caller != NULL;
	if (caller)
		a->caller = *caller;
	if (req->data.len == 4 && !memcmp(req->data.data, "fail", 4))
		return actr_reply_error(reply, ACTR_E_PERMISSION_DENIED, "told to fail");
	resp.data = req->data;
	return echo_service_echo_reply(reply, &resp);
}

static const echo_service_ops ops = {.size = sizeof ops, .echo = on_echo};

static int call_text(actr_ref *ref, const actr_dest *dest, const char *text, const actr_ctx *parent,
		     actr_error *err)
{
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	const Echo__EchoResponse *resp;
	actr_call *call;
	int rc;

	options.parent = parent;
	req.data.data = (uint8_t *)(uintptr_t)text;
	req.data.len = strlen(text);
	rc = echo_service_echo(ref, dest, &req, &options, &call, &resp, err);
	if (rc < 0)
		return rc;
	assert_int_equal(resp->data.len, strlen(text));
	assert_memory_equal(resp->data.data, text, strlen(text));
	actr_call_unref(call);
	return 0;
}

static int on_start(void *self, actr_ctx *ctx)
{
	struct actor *a = self;

	a->started++;
	if (a->call_on_start)
		a->on_start_call_code =
			call_text(actr_ctx_ref(ctx), &actr_dest_local, "bootstrap", ctx, NULL);
	return a->start_code;
}

static void on_stop(void *self, actr_ctx *ctx)
{
	struct actor *a = self;

	a->stopped++;
	for (unsigned i = 0; i < 2; i++) {
		if (a->call_on_stop[i])
			a->on_stop_call_code += call_text(actr_ctx_ref(ctx), a->call_on_stop[i],
							  "last words", ctx, NULL);
	}
}

static void on_event(void *self, const actr_event *event)
{
	struct actor *a = self;

	pthread_mutex_lock(&a->lock);
	if (event->kind == ACTR_EVENT_REGISTERED)
		a->registered++;
	if (event->kind == ACTR_EVENT_SIGNALING && event->state == ACTR_STATE_DISCONNECTED)
		a->disconnected++;
	if (event->kind == ACTR_EVENT_PEER && event->state == ACTR_STATE_CONNECTED)
		a->connections++;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

static void actor_init(struct actor *a)
{
	memset(a, 0, sizeof *a);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
}

static void wait_registered(struct actor *a, unsigned count)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	pthread_mutex_lock(&a->lock);
	while (a->registered < count)
		assert_int_equal(pthread_cond_timedwait(&a->changed, &a->lock, &until), 0);
	pthread_mutex_unlock(&a->lock);
}

static int actor_start(struct actor *a, const char *url, bool serves, actr_error *err)
{
	actr_config config = config_of("TestClient");
	actr_workload workload = ACTR_WORKLOAD_INIT;

	config.signaling_url = url;
	config.mailbox_path = a->mailbox_path;
	if (serves) {
		workload.service = &echo_service;
		workload.ops = &ops;
	}
	workload.self = a;
	workload.executor = a->executor;
	workload.on_start = on_start;
	workload.on_stop = on_stop;
	workload.on_event = on_event;
	return try_node(&config, &workload, &a->ref, err);
}

static void actor_stop(struct actor *a)
{
	a->ref = actr_ref_close(a->ref);
}

/* --- tests --- */

static void a_client_calls_a_service_over_webrtc(void **state)
{
	struct actor service, client;
	actr_error err = ACTR_ERROR_INIT;
	actr_dest dest;
	actr_id id, found;

	(void)state;
	actor_init(&service);
	actor_init(&client);
	assert_int_equal(actor_start(&service, server.ready, true, &err), 0);
	assert_int_equal(actor_start(&client, server.ready, false, &err), 0);
	id = actr_ref_id(service.ref);
	assert_int_equal(actr_discover(client.ref, &id.type, &found, 1, 0, &err), 1);
	assert_true(actr_id_equal(&id, &found));
	dest = actr_dest_actor(&found);
	for (int i = 0; i < 100; i++)
		assert_int_equal(call_text(client.ref, &dest, "hello", NULL, &err), 0);
	assert_true(service.had_caller);
	id = actr_ref_id(client.ref);
	assert_true(actr_id_equal(&service.caller, &id));
	assert_int_equal(call_text(client.ref, &dest, "fail", NULL, &err),
			 ACTR_E_PERMISSION_DENIED);
	assert_string_equal(err.message, "told to fail");
	actor_stop(&client);
	actor_stop(&service);
	assert_int_equal(service.started, 1);
	assert_int_equal(service.stopped, 1);
}

static void both_directions_share_what_there_is(void **state)
{
	struct actor a, b;
	actr_error err = ACTR_ERROR_INIT;
	actr_dest to_a, to_b;
	actr_id id;

	(void)state;
	actor_init(&a);
	actor_init(&b);
	a.executor = ACTR_EXECUTOR_WORKER;
	assert_int_equal(actor_start(&a, server.ready, true, &err), 0);
	assert_int_equal(actor_start(&b, server.ready, true, &err), 0);
	id = actr_ref_id(a.ref);
	to_a = actr_dest_actor(&id);
	id = actr_ref_id(b.ref);
	to_b = actr_dest_actor(&id);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(call_text(a.ref, &to_b, "to b", NULL, &err), 0);
		assert_int_equal(call_text(b.ref, &to_a, "to a", NULL, &err), 0);
	}
	actor_stop(&a);
	actor_stop(&b);
}

static void the_shell_calls_its_workload_in_process(void **state)
{
	struct actor a;
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	actor_init(&a);
	a.executor = ACTR_EXECUTOR_WORKER;
	a.call_on_start = true;
	assert_int_equal(actor_start(&a, server.ready, true, &err), 0);
	assert_int_equal(call_text(a.ref, &actr_dest_local, "me", NULL, &err), 0);
	assert_false(a.had_caller);
	assert_int_equal(call_text(a.ref, &actr_dest_shell, "me", NULL, &err), ACTR_E_NOT_FOUND);
	actor_stop(&a);
	/* A blocking call of on_start to its own worker cannot be served by it: it says so. */
	assert_int_equal(a.on_start_call_code, ACTR_E_WOULD_BLOCK);
}

static void defect_10_on_stop_runs_once_and_its_calls_still_leave(void **state)
{
	actr_error err = ACTR_ERROR_INIT;
	struct actor known, unknown, a;
	actr_dest to_known, to_unknown;
	actr_id id;
	actr_ref *other;

	(void)state;
	actor_init(&known);
	actor_init(&unknown);
	actor_init(&a);
	a.executor = ACTR_EXECUTOR_WORKER; /* may block */
	a.call_on_stop[0] = &to_known;
	a.call_on_stop[1] = &to_unknown;
	assert_int_equal(actor_start(&known, server.ready, true, &err), 0);
	assert_int_equal(actor_start(&unknown, server.ready, true, &err), 0);
	assert_int_equal(actor_start(&a, server.ready, false, &err), 0);
	id = actr_ref_id(known.ref);
	to_known = actr_dest_actor(&id);
	id = actr_ref_id(unknown.ref);
	to_unknown = actr_dest_actor(&id);
	assert_int_equal(call_text(a.ref, &to_known, "first", NULL, &err), 0);
	assert_int_equal(a.stopped, 0);
	other = actr_ref_ref(a.ref);
	actr_ref_shutdown(other);
	actr_ref_shutdown(a.ref);
	actor_stop(&a);
	actr_ref_unref(other);
	assert_int_equal(a.stopped, 1);
	assert_int_equal(a.on_stop_call_code, 0);
	assert_int_equal(a.connections, 2); /* the known one's was not closed before */
	assert_true(unknown.had_caller);
	actor_stop(&unknown);
	actor_stop(&known);
	assert_int_equal(known.stopped, 1);
}

static void a_durable_mailbox_is_on_the_way_too(void **state)
{
	struct actor service, client;
	actr_error err = ACTR_ERROR_INIT;
	actr_dest dest = actr_dest_service(&echo_service);
	char path[256];

	(void)state;
	snprintf(path, sizeof path, "%s/mailbox.db", temp_dir());
	actor_init(&service);
	actor_init(&client);
	service.mailbox_path = path;
	assert_int_equal(actor_start(&service, server.ready, true, &err), 0);
	assert_int_equal(actor_start(&client, server.ready, false, &err), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(call_text(client.ref, &dest, "durable", NULL, &err), 0);
	actor_stop(&client);
	actor_stop(&service);
}

static void defect_58_each_failure_of_start_has_its_own_error_and_leaves_nothing(void **state)
{
	unsigned threads = count_threads(), fds;
	actr_error err = ACTR_ERROR_INIT;
	struct actor a;

	(void)state;
	actor_init(&a);
	assert_int_equal(actor_start(&a, "ws://127.0.0.1:1/signaling/ws", true, &err),
			 ACTR_E_UNAVAILABLE);
	assert_non_null(strstr(err.message, "ws://127.0.0.1:1/signaling/ws"));
	assert_int_equal(actor_start(&a, "no url", true, &err), ACTR_E_INVALID_ARGUMENT);
	fds = count_fds();
	a.start_code = ACTR_E_CONFIG;
	assert_int_equal(actor_start(&a, server.ready, true, &err), ACTR_E_CONFIG);
	assert_string_equal(err.message, "on_start failed: configuration error");
	assert_int_equal(a.started, 1);
	assert_int_equal(a.stopped, 0);
	a.start_code = 0;
	a.mailbox_path = "/proc/no/such/mailbox";
	assert_int_equal(actor_start(&a, server.ready, true, &err), ACTR_E_STORAGE);
	assert_int_equal(count_threads(), threads);
	assert_int_equal(count_fds(), fds);
}

static void shutdown_leaves_no_thread_and_no_descriptor_behind(void **state)
{
	unsigned threads = count_threads(), fds = 0;
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct actor service, client;
		actr_dest dest = actr_dest_service(&echo_service);

		actor_init(&service);
		actor_init(&client);
		assert_int_equal(actor_start(&service, server.ready, true, &err), 0);
		assert_int_equal(actor_start(&client, server.ready, false, &err), 0);
		assert_int_equal(call_text(client.ref, &dest, "x", NULL, &err), 0);
		actor_stop(&service);
		actor_stop(&client);
		if (i == 0) /* libraries keep what they open once */
			fds = count_fds();
	}
	assert_int_equal(count_threads(), threads);
	assert_int_equal(count_fds(), fds);
}

static void defect_2_after_kill_9_and_restart_the_next_call_succeeds(void **state)
{
	struct process service = {0};
	const char *args[] = {NULL, NULL};
	char config[256];
	actr_dest dest = actr_dest_service(&echo_service);
	actr_error err = ACTR_ERROR_INIT;
	struct actor client;
	int rc;

	(void)state;
	snprintf(config, sizeof config, "%s",
		 temp_file("service.toml",
			   "edition = 1\n[package]\nname = \"s\"\nmanufacturer = \"acme\"\n"
			   "type = \"S\"\n[system.signaling]\nurl = \"%s\"\n"
			   "[system.deployment]\nrealm = 7\n",
			   server.ready));
	args[0] = config;
	actor_init(&client);
	process_start(&service, "echo_service", args);
	assert_int_equal(actor_start(&client, server.ready, false, &err), 0);
	assert_int_equal(call_text(client.ref, &dest, "one", NULL, &err), 0);
	assert_int_equal(process_end(&service, SIGKILL), -SIGKILL);
	process_start(&service, "echo_service", args);
	/* What is on its way to the dead one fails when that is noticed; then it is another's turn.
	 */
	rc = call_text(client.ref, &dest, "two", NULL, &err);
	if (rc < 0) {
		assert_true(actr_error_retryable(rc));
		rc = call_text(client.ref, &dest, "three", NULL, &err);
	}
	assert_int_equal(rc, 0);
	actor_stop(&client);
	assert_int_equal(process_end(&service, SIGTERM), 0);
}

static void defect_21_and_40_calls_go_on_while_the_server_restarts(void **state)
{
	struct actor service, client;
	actr_error err = ACTR_ERROR_INIT;
	char address[64];
	actr_dest dest;
	actr_id before, after;

	(void)state;
	actor_init(&service);
	actor_init(&client);
	assert_int_equal(actor_start(&service, server.ready, true, &err), 0);
	assert_int_equal(actor_start(&client, server.ready, false, &err), 0);
	before = actr_ref_id(service.ref);
	dest = actr_dest_actor(&before);
	assert_int_equal(call_text(client.ref, &dest, "before", NULL, &err), 0);
	server_address(address, sizeof address);
	process_end(&server, SIGKILL);
	for (int i = 0; i < 50; i++)
		assert_int_equal(call_text(client.ref, &dest, "meanwhile", NULL, &err), 0);
	server_start(address);
	wait_registered(&service, 2);
	wait_registered(&client, 2);
	assert_int_equal(call_text(client.ref, &dest, "after", NULL, &err), 0);
	/* Found under its present identity by who asks now. */
	after = actr_ref_id(service.ref);
	dest = actr_dest_actor(&after);
	assert_int_equal(call_text(client.ref, &dest, "again", NULL, &err), 0);
	actor_stop(&client);
	actor_stop(&service);
}

static void dropping_the_last_ref_ends_the_node(void **state)
{
	actr_error err = ACTR_ERROR_INIT;
	struct actor a;
	actr_ref *other;

	(void)state;
	actor_init(&a);
	assert_int_equal(actor_start(&a, server.ready, true, &err), 0);
	other = actr_ref_ref(a.ref);
	actr_ref_unref(a.ref);
	assert_int_equal(call_text(other, &actr_dest_local, "still here", NULL, &err), 0);
	actr_ref_shutdown(other);
	actr_ref_shutdown(other);
	assert_true(actr_ref_is_shutting_down(other));
	assert_int_equal(actr_ref_wait(other, &err), 0);
	assert_int_equal(call_text(other, &actr_dest_local, "late", NULL, &err),
			 ACTR_E_UNAVAILABLE);
	actr_ref_unref(other);
}

/* The second runtime has its own usrsctp, of which a process has one only. */
static void a_system_after_the_last_one_waits_for_its_end(void **state)
{
	static struct actor actors[6]; /* they end when they end */
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	for (int i = 0; i < 6; i++) {
		actor_init(&actors[i]);
		assert_int_equal(actor_start(&actors[i], server.ready, true, &err), 0);
		assert_int_equal(call_text(actors[i].ref, &actr_dest_local, "here", NULL, &err), 0);
		if (i < 5)
			actr_ref_unref(actors[i].ref); /* the shutdown is the loop's */
	}
	actor_stop(&actors[5]);
}

/* node_test [PATTERN]: only the tests whose name matches. ACTR_LOG: with the library's log. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(a_client_calls_a_service_over_webrtc),
		SERVER_TEST(both_directions_share_what_there_is),
		SERVER_TEST(the_shell_calls_its_workload_in_process),
		SERVER_TEST(defect_10_on_stop_runs_once_and_its_calls_still_leave),
		SERVER_TEST(a_durable_mailbox_is_on_the_way_too),
		SERVER_TEST(defect_58_each_failure_of_start_has_its_own_error_and_leaves_nothing),
		SERVER_TEST(shutdown_leaves_no_thread_and_no_descriptor_behind),
		SERVER_TEST(defect_2_after_kill_9_and_restart_the_next_call_succeeds),
		SERVER_TEST(defect_21_and_40_calls_go_on_while_the_server_restarts),
		SERVER_TEST(dropping_the_last_ref_ends_the_node),
		SERVER_TEST(a_system_after_the_last_one_waits_for_its_end),
	};

	if (getenv("ACTR_LOG"))
		actr_set_log(ACTR_LOG_DEBUG, actr_log_stderr, NULL);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
