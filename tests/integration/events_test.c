/*
 * What a workload is told, in which order and how often: real nodes over real WebRTC on loopback.
 * Each actor keeps a log of its hooks, events and requests; tests wait for an entry, never for a
 * time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "echo.actr.h"
#include "lifecycle/lifecycle_internal.h"
#include "fixture.h"

/* --- an actor and its log --- */

struct actor {
	actr_executor executor;
	const char *mailbox_path;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char log[4096]; /* lock */
	unsigned letters;
	uint64_t lost, told_after_loss;
	bool inside; /* in a hook, event or handler */
	bool overlapped;
	bool calls_in_events;
	int call_code, metrics_code;
	const char *blocks_at; /* this entry waits for `go_on` */
	sem_t go_on;
	actr_event last;
	char last_detail[512];
	actr_error last_why;
	actr_id last_id;
	actr_ref *ref;
};

static void enter(struct actor *a, const char *entry)
{
	pthread_mutex_lock(&a->lock);
	a->overlapped = a->overlapped || a->inside;
	a->inside = true;
	if (strlen(a->log) + strlen(entry) + 2 < sizeof a->log) {
		strncat(a->log, entry, sizeof a->log - strlen(a->log) - 1);
		strncat(a->log, " ", sizeof a->log - strlen(a->log) - 1);
	}
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
	if (a->blocks_at && !strcmp(entry, a->blocks_at)) {
		while (sem_wait(&a->go_on) < 0)
			;
	}
}

static void leave(struct actor *a)
{
	pthread_mutex_lock(&a->lock);
	a->inside = false;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

static struct timespec in_a_minute(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	return until;
}

static void wait_for(struct actor *a, const char *text)
{
	struct timespec until = in_a_minute();

	pthread_mutex_lock(&a->lock);
	while (!strstr(a->log, text) || a->inside)
		assert_int_equal(pthread_cond_timedwait(&a->changed, &a->lock, &until), 0);
	pthread_mutex_unlock(&a->lock);
}

static void forget_log(struct actor *a)
{
	pthread_mutex_lock(&a->lock);
	a->log[0] = 0;
	pthread_mutex_unlock(&a->lock);
}

static void wait_for_entry(struct actor *a, const char *text)
{
	struct timespec until = in_a_minute();

	pthread_mutex_lock(&a->lock);
	while (!strstr(a->log, text))
		assert_int_equal(pthread_cond_timedwait(&a->changed, &a->lock, &until), 0);
	pthread_mutex_unlock(&a->lock);
}

static int on_start(void *self, actr_ctx *ctx)
{
	(void)ctx;
	enter(self, "start");
	leave(self);
	return 0;
}

static void on_stop(void *self, actr_ctx *ctx)
{
	(void)ctx;
	enter(self, "stop");
	leave(self);
}

static int on_echo(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;

	(void)ctx;
	enter(self, "request");
	leave(self);
	resp.data = req->data;
	return echo_service_echo_reply(reply, &resp);
}

static const echo_service_ops ops = {.size = sizeof ops, .echo = on_echo};

static int call(actr_ref *ref, const actr_dest *dest)
{
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	const Echo__EchoResponse *resp;
	actr_call *call = NULL;
	int rc = echo_service_echo(ref, dest, &req, NULL, &call, &resp, NULL);

	if (rc == 0)
		actr_call_unref(call);
	return rc;
}

static void remember(struct actor *a, const actr_event *event)
{
	a->last = *event;
	snprintf(a->last_detail, sizeof a->last_detail, "%s", event->detail);
	if (event->why)
		a->last_why = *event->why;
	if (event->id)
		a->last_id = *event->id;
	a->letters += event->state == ACTR_STATE_DEAD_LETTER;
	a->lost += event->lost;
}

static void on_event(void *self, const actr_event *event)
{
	static const char *const kinds[] = {"?", "S", "R", "P", "C", "M", "U", "L"};
	static const char *const states[] = {
		"idle",	   "connecting", "connected", "recovering", "disconnected",
		"renewed", "expired",	 "high",      "normal",	    "letter",
		"failed",  "up",	 "congested"};
	struct actor *a = self;
	char entry[64];

	snprintf(entry, sizeof entry, "%s:%s", kinds[event->kind], states[event->state]);
	pthread_mutex_lock(&a->lock);
	remember(a, event);
	pthread_mutex_unlock(&a->lock);
	enter(a, entry);
	if (a->calls_in_events && a->ref && event->state == ACTR_STATE_DISCONNECTED) {
		actr_metrics m = ACTR_METRICS_INIT;
		actr_dest dest = actr_dest_type(&(actr_type){"acme", "Nobody"});

		a->call_code = call(a->ref, &dest);
		a->metrics_code = actr_ref_get_metrics(a->ref, &m, NULL);
		actr_metrics_clear(&m);
	}
	leave(a);
}

static void actor_start(struct actor *a, actr_executor executor)
{
	actr_config config = config_of(NULL);
	actr_workload workload = ACTR_WORKLOAD_INIT;

	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	sem_init(&a->go_on, 0, 0);
	a->executor = executor;
	config.mailbox_path = a->mailbox_path;
	workload.service = &echo_service;
	workload.ops = &ops;
	workload.self = a;
	workload.executor = executor;
	workload.on_start = on_start;
	workload.on_stop = on_stop;
	workload.on_event = on_event;
	a->ref = start_node(&config, &workload);
}

static void actor_stop(struct actor *a)
{
	a->ref = actr_ref_close(a->ref);
}

static actr_dest dest_of(const struct actor *a)
{
	actr_id id = actr_ref_id(a->ref);

	return actr_dest_actor(&id);
}

/* --- hooks --- */

#define CLIENT_LOG                                                                                 \
	"S:connecting R:connected S:connected start P:connecting P:connected stop "                \
	"P:disconnected P:idle S:disconnected "
#define SERVICE_LOG                                                                                \
	"S:connecting R:connected S:connected start P:connecting P:connected request request "     \
	"P:disconnected P:idle stop S:disconnected "

static void hooks_in_order(actr_executor executor)
{
	struct actor service = {0}, client = {0};
	actr_dest dest;

	actor_start(&service, executor);
	actor_start(&client, executor);
	dest = dest_of(&service);
	assert_int_equal(call(client.ref, &dest), 0);
	assert_int_equal(call(client.ref, &dest), 0);
	wait_for(&client, "P:connected");
	actor_stop(&client);
	assert_string_equal(client.log, CLIENT_LOG);
	wait_for(&service, "P:idle");
	actor_stop(&service);
	assert_string_equal(service.log, SERVICE_LOG);
	assert_false(client.overlapped || service.overlapped);
}

static void defect_27_and_38_hooks_come_in_their_order_on_the_loop(void **state)
{
	(void)state;
	hooks_in_order(ACTR_EXECUTOR_LOOP);
}

static void defect_10_and_38_hooks_come_in_their_order_on_a_worker(void **state)
{
	(void)state;
	hooks_in_order(ACTR_EXECUTOR_WORKER);
}

static void defect_63_events_of_a_busy_observer_keep_their_order(void **state)
{
	struct actor service = {.blocks_at = "P:connecting"}, client = {0};
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	actr_dest dest;

	(void)state;
	actor_start(&service, ACTR_EXECUTOR_WORKER);
	actor_start(&client, ACTR_EXECUTOR_LOOP);
	dest = dest_of(&service);
	assert_int_equal(echo_service_echo_tell(client.ref, &dest, &req, NULL), 0);
	/* While the first callback runs, all of it happens: the client sees the connection end. */
	wait_for_entry(&service, "P:connecting");
	wait_for(&client, "P:connected");
	actor_stop(&client);
	sem_post(&service.go_on);
	wait_for(&service, "P:idle");
	assert_non_null(strstr(service.log, "P:connecting P:connected "));
	assert_non_null(strstr(service.log, "P:disconnected P:idle "));
	assert_false(service.overlapped);
	actor_stop(&service);
}

/* --- each kind --- */

static void defect_50_a_second_connection_is_told_like_the_first(void **state)
{
	struct actor service = {0};

	(void)state;
	actor_start(&service, ACTR_EXECUTOR_LOOP);
	for (int i = 0; i < 2; i++) {
		struct actor client = {0};
		actr_dest dest = dest_of(&service);

		forget_log(&service);
		actor_start(&client, ACTR_EXECUTOR_LOOP);
		assert_int_equal(call(client.ref, &dest), 0);
		actor_stop(&client);
		wait_for(&service, "P:idle");
		assert_string_equal(service.log,
				    "P:connecting P:connected request P:disconnected P:idle ");
		assert_int_equal(service.last.session, i + 1);
	}
	actor_stop(&service);
}

static void defect_27_a_lost_server_is_told_until_it_is_back(void **state)
{
	struct actor a = {0};
	char address[64];
	const char *host = strstr(server.ready, "://") + 3, *at;

	(void)state;
	snprintf(address, sizeof address, "%.*s", (int)strcspn(host, "/"), host);
	actor_start(&a, ACTR_EXECUTOR_LOOP);
	forget_log(&a);
	process_end(&server, SIGKILL);
	wait_for(&a, "S:disconnected");
	server_start(address);
	wait_for(&a, "S:connected");
	/* Tries that failed meanwhile are whole. */
	for (at = a.log; !strncmp(at, "S:disconnected S:connecting ", 28);)
		at += 28;
	assert_true(at > a.log);
	assert_string_equal(at, "R:connected S:connected ");
	assert_true(a.last.elapsed_ms < 60000);
	actor_stop(&a);
}

/* Bytes that are no envelope, from one node's transport to the other. */
struct garbage {
	struct actr__task task;
	struct actr_node *node;
	actr_id to;
	unsigned count;
	sem_t done;
};

static void send_garbage(struct actr__task *task)
{
	struct garbage *g = container_of(task, struct garbage, task);

	for (unsigned i = 0; i < g->count; i++)
		assert_true(actr__transport_send(g->node->transport, &g->to, 0,
						 actr__text("\xff\xff\xff"), UINT64_MAX, NULL, NULL,
						 NULL, NULL) >= 0);
	sem_post(&g->done);
}

static void garbage_from(struct actor *a, const struct actor *to, unsigned count)
{
	struct garbage g = {.task.run = send_garbage,
			    .node = node_of_ref(a->ref),
			    .to = actr_ref_id(to->ref),
			    .count = count};

	sem_init(&g.done, 0, 0);
	actr__loop_post(g.node->loop, &g.task);
	while (sem_wait(&g.done) < 0)
		;
	sem_destroy(&g.done);
}

static void keep_category(void *user, const struct actr__dead_letter *letter)
{
	snprintf(user, 32, "%s", letter->error_category);
}

static void a_dead_letter_is_told_with_its_cause_and_where_it_is(void **state)
{
	struct actor service = {0}, client = {0};
	char path[256], show[512], id[ACTR_UUID_SIZE] = "", category[32] = "";
	actr_id sender;
	struct actr__dlq *dlq;

	(void)state;
	snprintf(path, sizeof path, "%s/letters.db", temp_dir());
	service.mailbox_path = path;
	actor_start(&service, ACTR_EXECUTOR_LOOP);
	actor_start(&client, ACTR_EXECUTOR_LOOP);
	sender = actr_ref_id(client.ref);
	garbage_from(&client, &service, 1);
	wait_for(&service, "M:letter");
	assert_int_equal(service.letters, 1);
	assert_int_equal(service.last_why.code, ACTR_E_DECODE);
	assert_non_null(strstr(service.last_detail, "category=protobuf_decode"));
	assert_int_equal(sscanf(service.last_detail, "id=%36s", id), 1);
	snprintf(show, sizeof show, "see=\"actr dlq show %s --mailbox %s\"", id, path);
	assert_non_null(strstr(service.last_detail, show));
	assert_true(actr_id_equal(&service.last_id, &sender));
	assert_int_equal(actr__dlq_open(path, &dlq, NULL), 0);
	assert_int_equal(actr__dlq_get(dlq, id, keep_category, category, NULL), 0);
	assert_string_equal(category, "protobuf_decode");
	actr__dlq_close(dlq);
	actor_stop(&client);
	actor_stop(&service);
}

static void an_observer_that_is_too_slow_hears_how_many_it_has_missed(void **state)
{
	struct actor service = {.blocks_at = "P:connected"}, client = {0};
	actr_metrics m = ACTR_METRICS_INIT;

	(void)state;
	actor_start(&service, ACTR_EXECUTOR_WORKER);
	actor_start(&client, ACTR_EXECUTOR_LOOP);
	garbage_from(&client, &service, 1);
	wait_for_entry(&service, "P:connected");
	garbage_from(&client, &service, 1499);
	do
		assert_int_equal(actr_ref_get_metrics(service.ref, &m, NULL), 0);
	while (m.undecodable < 1500);
	assert_true(m.events_lost > 400 && m.events_lost < 500);
	assert_int_equal(m.dead_letters, 1500);
	sem_post(&service.go_on);
	actor_stop(&client);
	actor_stop(&service);
	assert_int_equal(service.letters + service.lost, 1500);
	assert_int_equal(service.lost, m.events_lost);
	actr_metrics_clear(&m);
}

static void on_chunk(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	struct actor *a = user;

	(void)sender;
	if (chunk->sequence == 399) {
		enter(a, "last");
		leave(a);
	}
}

static void a_lane_is_congested_and_clear_in_turns(void **state)
{
	static uint8_t bytes[60000];
	struct actor service = {0}, client = {0};
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_dest dest;
	const char *at;

	(void)state;
	actor_start(&service, ACTR_EXECUTOR_LOOP);
	actor_start(&client, ACTR_EXECUTOR_LOOP);
	dest = dest_of(&service);
	assert_int_equal(actr_stream_register(service.ref, "flood", NULL, on_chunk, &service, NULL),
			 0);
	assert_int_equal(call(client.ref, &dest), 0);
	wait_for(&client, "P:connected");
	forget_log(&client);
	chunk.stream_id = "flood";
	chunk.payload.data = bytes;
	chunk.payload.size = sizeof bytes;
	for (chunk.sequence = 0; chunk.sequence < 200; chunk.sequence++)
		assert_int_equal(actr_stream_send(client.ref, &dest, ACTR_LANE_STREAM_RELIABLE,
						  &chunk, NULL, NULL, NULL, NULL, NULL),
				 0);
	for (; chunk.sequence < 400; chunk.sequence++)
		assert_int_equal(actr_stream_send_wait(client.ref, &dest, ACTR_LANE_STREAM_RELIABLE,
						       &chunk, NULL, NULL),
				 0);
	wait_for(&service, "last");
	actor_stop(&client);
	for (at = client.log; !strncmp(at, "L:congested L:normal ", 21);)
		at += 21;
	assert_true(at > client.log);
	assert_string_equal(at, "stop P:disconnected P:idle S:disconnected ");
	actor_stop(&service);
}

static void an_event_may_block_while_its_node_ends(void **state)
{
	struct actor service = {0}, client = {.calls_in_events = true, .metrics_code = 1};
	actr_dest dest;

	(void)state;
	actor_start(&service, ACTR_EXECUTOR_LOOP);
	actor_start(&client, ACTR_EXECUTOR_WORKER);
	dest = dest_of(&service);
	assert_int_equal(call(client.ref, &dest), 0);
	actr_ref_shutdown(client.ref);
	assert_int_equal(actr_ref_wait(client.ref, NULL), 0);
	assert_non_null(strstr(client.log, "P:disconnected P:idle S:disconnected "));
	assert_int_equal(client.call_code, ACTR_E_UNAVAILABLE);
	assert_int_equal(client.metrics_code, 0);
	actr_ref_unref(client.ref);
	actor_stop(&service);
}

/*
 * A credential of three seconds is renewed after two at most: this actor lives beside the other
 * tests, so that nobody waits for it.
 */
static struct process renewing_server;
static struct actor renewing;

static int start_renewing(void **state)
{
	const char *args[] = {"--dev", "--listen", "127.0.0.1:0", "--credential-ttl", "3", NULL};

	(void)state;
	process_start(&renewing_server, "actrd", args);
	server = renewing_server;
	actor_start(&renewing, ACTR_EXECUTOR_LOOP);
	return 0;
}

static int stop_renewing(void **state)
{
	(void)state;
	assert_int_equal(process_end(&renewing_server, SIGTERM), 0);
	return 0;
}

static void a_renewed_credential_is_told(void **state)
{
	static const char begin[] = "S:connecting R:connected S:connected start C:renewed ";
	actr_metrics m = ACTR_METRICS_INIT;

	(void)state;
	wait_for(&renewing, "C:renewed");
	assert_int_equal(strncmp(renewing.log, begin, strlen(begin)), 0);
	assert_int_equal(actr_ref_get_metrics(renewing.ref, &m, NULL), 0);
	assert_true(m.credential_renewals >= 1);
	assert_int_equal(m.registrations, 1);
	actr_metrics_clear(&m);
	actor_stop(&renewing);
}

/* events_test [PATTERN]: only the tests whose name matches. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(defect_27_and_38_hooks_come_in_their_order_on_the_loop),
		SERVER_TEST(defect_10_and_38_hooks_come_in_their_order_on_a_worker),
		SERVER_TEST(defect_63_events_of_a_busy_observer_keep_their_order),
		SERVER_TEST(defect_50_a_second_connection_is_told_like_the_first),
		SERVER_TEST(defect_27_a_lost_server_is_told_until_it_is_back),
		SERVER_TEST(a_dead_letter_is_told_with_its_cause_and_where_it_is),
		SERVER_TEST(an_observer_that_is_too_slow_hears_how_many_it_has_missed),
		SERVER_TEST(a_lane_is_congested_and_clear_in_turns),
		SERVER_TEST(an_event_may_block_while_its_node_ends),
		cmocka_unit_test(a_renewed_credential_is_told),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, start_renewing, stop_renewing);
}
