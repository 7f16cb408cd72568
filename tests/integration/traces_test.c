/*
 * Traces of real nodes over real WebRTC to a collector: a small HTTP server on a thread of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "echo.actr.h"
#include "fixture.h"
#include "tests/support/otlp.h"

#define BODY_MAX (1u << 20)

/* --- the collector --- */

static struct collector {
	pthread_t thread;
	int fd;
	char url[64];
	bool mute; /* take connections, answer nothing */
	int parked[8];
	unsigned parked_count;
	pthread_mutex_t lock;
	unsigned posts, bad;
	struct otlp_batch batches[2]; /* by service.name: client, service */
} collector = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char request[BODY_MAX + 4096];

/* The whole request; its body in *ret_body. */
static bool read_request(int fd, actr_bytes *ret_body)
{
	size_t size = 0, length = 0, head = 0;

	while (!head || size < head + length) {
		ssize_t got = read(fd, request + size, sizeof request - 1 - size);
		char *end, *field;

		if (got <= 0)
			return false;
		size += (size_t)got;
		request[size] = 0;
		end = head ? NULL : strstr(request, "\r\n\r\n");
		if (!end)
			continue;
		head = (size_t)(end + 4 - request);
		field = strcasestr(request, "content-length:");
		length = field ? strtoul(field + 15, NULL, 10) : 0;
	}
	*ret_body = (actr_bytes){(const uint8_t *)request + head, length};
	return !strncmp(request, "POST /v1/traces HTTP/1.1\r\n", 26) &&
	       strcasestr(request, "content-type: application/x-protobuf");
}

static void take_spans(actr_bytes body)
{
	static struct otlp_batch one;
	struct otlp_batch *all;
	const char *service;

	memset(&one, 0, sizeof one);
	if (!otlp_decode(&one, body) || !(service = otlp_resource(&one, "service.name"))) {
		collector.bad++;
		return;
	}
	all = &collector.batches[!strcmp(service, "service")];
	if (!otlp_decode(all, body))
		collector.bad++;
}

static void *collect(void *arg)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n"
				     "content-length: 0\r\nconnection: close\r\n\r\n";
	actr_bytes body;
	int fd;

	(void)arg;
	while ((fd = accept(collector.fd, NULL, NULL)) >= 0) {
		if (collector.mute) {
			collector.parked[collector.parked_count++ % 8] = fd;
			continue;
		}
		pthread_mutex_lock(&collector.lock);
		collector.posts++;
		if (read_request(fd, &body))
			take_spans(body);
		else
			collector.bad++;
		pthread_mutex_unlock(&collector.lock);
		if (write(fd, answer, sizeof answer - 1) < 0)
			collector.bad++;
		close(fd);
	}
	return NULL;
}

static void collector_start(bool mute)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof at;

	memset(collector.batches, 0, sizeof collector.batches);
	collector.posts = collector.bad = collector.parked_count = 0;
	collector.mute = mute;
	collector.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(collector.fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(collector.fd, 16), 0);
	assert_int_equal(getsockname(collector.fd, (struct sockaddr *)&at, &size), 0);
	snprintf(collector.url, sizeof collector.url, "http://127.0.0.1:%u", ntohs(at.sin_port));
	assert_int_equal(pthread_create(&collector.thread, NULL, collect, NULL), 0);
}

static void collector_stop(void)
{
	shutdown(collector.fd, SHUT_RDWR);
	pthread_join(collector.thread, NULL);
	close(collector.fd);
	for (unsigned i = 0; i < collector.parked_count && i < 8; i++)
		close(collector.parked[i]);
}

/* --- the nodes --- */

static int on_echo(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;

	(void)self;
	(void)ctx;
	if (req->data.len == 4 && !memcmp(req->data.data, "fail", 4))
		return actr_reply_error(reply, ACTR_E_PERMISSION_DENIED, "not you");
	resp.data = req->data;
	return echo_service_echo_reply(reply, &resp);
}

static const echo_service_ops ops = {.size = sizeof ops, .echo = on_echo};

static actr_ref *start(const char *name, const char *endpoint, double ratio)
{
	actr_config config = config_of("Client");
	actr_workload workload = ACTR_WORKLOAD_INIT;

	config.tracing_enabled = endpoint != NULL;
	config.tracing_endpoint = endpoint;
	config.tracing_service_name = name;
	config.tracing_sample_ratio = ratio;
	workload.service = name && !strcmp(name, "service") ? &echo_service : NULL;
	workload.ops = &ops;
	return start_node(&config, &workload);
}

static int call(actr_ref *ref, const char *text, const char *traceparent)
{
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	actr_dest dest = actr_dest_service(&echo_service);
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	const Echo__EchoResponse *resp;
	actr_call *call = NULL;
	int rc;

	options.traceparent = traceparent;
	req.data.data = (uint8_t *)(uintptr_t)text;
	req.data.len = strlen(text);
	rc = echo_service_echo(ref, &dest, &req, &options, &call, &resp, NULL);
	if (rc == 0)
		actr_call_unref(call);
	return rc;
}

static void run(const char *endpoint, double ratio, unsigned calls)
{
	actr_ref *service = start("service", endpoint, ratio);
	actr_ref *client = start("client", endpoint, ratio);

	for (unsigned i = 0; i < calls; i++)
		assert_int_equal(call(client, "hello", NULL), 0);
	assert_int_equal(call(client, "fail", NULL), ACTR_E_PERMISSION_DENIED);
	actr_ref_close(client);
	actr_ref_close(service);
}

static int64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The service's span that this one of the client caused. */
static const struct otlp_span *child_of(const struct otlp_span *parent)
{
	const struct otlp_batch *b = &collector.batches[1];

	for (unsigned i = 0; i < b->count; i++) {
		if (!strcmp(b->spans[i].parent_id, parent->span_id))
			return &b->spans[i];
	}
	fail_msg("nobody has %s as its parent", parent->span_id);
	return NULL;
}

static void expect_pair(const struct otlp_span *client, int64_t begin, int64_t end)
{
	const struct otlp_span *service = child_of(client);
	bool failed = client->status == 2;

	assert_int_equal(client->kind, 3);
	assert_int_equal(service->kind, 2);
	assert_string_equal(client->parent_id, "");
	assert_string_equal(service->trace_id, client->trace_id);
	assert_string_equal(client->name, "echo.EchoService/Echo");
	assert_string_equal(service->name, "echo.EchoService/Echo");
	assert_int_equal(service->status, client->status);
	assert_string_equal(service->message, failed ? "not you" : "");
	assert_string_equal(client->message, failed ? "not you" : "");
	assert_string_equal(otlp_attribute(service, "rpc.actr.status_code"), failed ? "403" : "0");
	assert_non_null(strstr(otlp_attribute(service, "actr.peer"), "acme:Client@"));
	assert_non_null(strstr(otlp_attribute(client, "actr.peer"), "acme:echo.EchoService@"));
	/* Clocks of one machine, read in whole milliseconds. */
	assert_true((int64_t)client->start_ns >= begin - 2000000);
	assert_true((int64_t)client->end_ns <= end + 2000000);
	assert_true(service->start_ns + 2000000 >= client->start_ns);
	assert_true(service->end_ns <= client->end_ns + 2000000);
}

static void every_call_and_its_request_reach_the_collector(void **state)
{
	int64_t begin = wall_ns();
	unsigned failed = 0;

	(void)state;
	collector_start(false);
	run(collector.url, 0, 520); /* more than a batch */
	collector_stop();
	assert_int_equal(collector.bad, 0);
	assert_in_range(collector.posts, 4, 8);
	assert_int_equal(collector.batches[0].count, 521);
	assert_int_equal(collector.batches[1].count, 521);
	for (unsigned i = 0; i < 521; i++) {
		expect_pair(&collector.batches[0].spans[i], begin, wall_ns());
		failed += collector.batches[0].spans[i].status == 2;
	}
	assert_int_equal(failed, 1);
	assert_string_equal(collector.batches[0].spans[0].event, "actor found");
	assert_non_null(strstr(otlp_resource(&collector.batches[1], "service.instance.id"),
			       "acme:echo.EchoService@"));
}

static void with_a_ratio_of_none_only_traces_of_others_are_recorded(void **state)
{
	actr_metrics m = ACTR_METRICS_INIT;
	actr_ref *service, *client;

	(void)state;
	collector_start(false);
	service = start("service", collector.url, -1);
	client = start("client", collector.url, -1);
	assert_int_equal(call(client, "hello", NULL), 0);
	assert_int_equal(
		call(client, "hello", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
		0);
	assert_int_equal(actr_ref_get_metrics(client, &m, NULL), 0);
	assert_int_equal(m.spans_waiting, 1);
	assert_int_equal(m.spans_exported + m.spans_dropped, 0);
	actr_metrics_clear(&m);
	actr_ref_close(client);
	actr_ref_close(service);
	collector_stop();
	assert_int_equal(collector.bad, 0);
	assert_int_equal(collector.batches[0].count, 1);
	assert_int_equal(collector.batches[1].count, 1);
	assert_string_equal(collector.batches[0].spans[0].parent_id, "b7ad6b7169203331");
}

static void the_variables_of_opentelemetry_are_heeded(void **state)
{
	actr_ref *nameless;

	(void)state;
	collector_start(false);
	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url, 1);
	setenv("OTEL_SERVICE_NAME", "service", 1);
	setenv("OTEL_TRACES_SAMPLER", "always_off", 1);
	run(NULL, 0, 1);
	assert_int_equal(collector.posts, 0);
	setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio", 1);
	setenv("OTEL_TRACES_SAMPLER_ARG", "1.0", 1);
	setenv("OTEL_SDK_DISABLED", "true", 1);
	run(NULL, 0, 1);
	assert_int_equal(collector.posts, 0);
	unsetenv("OTEL_SDK_DISABLED");
	run(NULL, 0, 1);
	nameless = start(NULL, NULL, 0);
	assert_int_equal(call(nameless, "hello", NULL), ACTR_E_NOT_FOUND);
	actr_ref_close(nameless);
	collector_stop();
	unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
	unsetenv("OTEL_SERVICE_NAME");
	unsetenv("OTEL_TRACES_SAMPLER");
	unsetenv("OTEL_TRACES_SAMPLER_ARG");
	assert_int_equal(collector.bad, 0);
	assert_int_equal(collector.batches[0].count, 2);
	assert_int_equal(collector.batches[1].count, 3); /* one of OTEL_SERVICE_NAME */
}

static void a_collector_that_is_down_holds_nothing_up(void **state)
{
	int64_t begin;

	(void)state;
	collector_start(false);
	collector_stop(); /* its port refuses from here on */
	begin = wall_ns();
	run(collector.url, 0, 20);
	assert_true(wall_ns() - begin < 5000000000);
}

static void a_collector_that_is_mute_delays_the_end_by_two_seconds_at_most(void **state)
{
	actr_ref *ref;
	int64_t begin;

	(void)state;
	collector_start(true);
	ref = start("client", collector.url, 0);
	assert_int_equal(call(ref, "hello", NULL), ACTR_E_NOT_FOUND);
	begin = wall_ns();
	actr_ref_close(ref);
	assert_true(wall_ns() - begin < 4000000000);
	collector_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_and_its_request_reach_the_collector),
		cmocka_unit_test(with_a_ratio_of_none_only_traces_of_others_are_recorded),
		cmocka_unit_test(the_variables_of_opentelemetry_are_heeded),
		cmocka_unit_test(a_collector_that_is_down_holds_nothing_up),
		cmocka_unit_test(a_collector_that_is_mute_delays_the_end_by_two_seconds_at_most),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
