/*
 * Metrics of real nodes over real WebRTC on loopback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "echo.actr.h"
#include "fixture.h"

/* What a handler sees of its own node, on the loop. */
struct service {
	actr_metrics inside;
	int inside_code;
};

static int on_echo(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;
	struct service *s = self;

	if (req->data.len == 4 && !memcmp(req->data.data, "fail", 4))
		return ACTR_E_PERMISSION_DENIED;
	s->inside_code = actr_ref_get_metrics(actr_ctx_ref(ctx), &s->inside, NULL);
	resp.data = req->data;
	return echo_service_echo_reply(reply, &resp);
}

static const echo_service_ops ops = {.size = sizeof ops, .echo = on_echo};

static actr_ref *start(struct service *service)
{
	actr_config config = config_of("Client");
	actr_workload workload = ACTR_WORKLOAD_INIT;

	workload.service = service ? &echo_service : NULL;
	workload.ops = &ops;
	workload.self = service;
	return start_node(&config, &workload);
}

static int call(actr_ref *ref, const actr_dest *dest, const char *text)
{
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	const Echo__EchoResponse *resp;
	actr_call *call = NULL;
	int rc;

	req.data.data = (uint8_t *)(uintptr_t)text;
	req.data.len = strlen(text);
	rc = echo_service_echo(ref, dest, &req, NULL, &call, &resp, NULL);
	if (rc == 0)
		actr_call_unref(call);
	return rc;
}

static void expect_peer(const actr_metrics *m, actr_ref *other)
{
	const actr_metrics_peer *p = m->peers[0];
	actr_id id = actr_ref_id(other);

	assert_int_equal(m->peer_count, 1);
	assert_true(actr_id_equal(&p->id, &id));
	assert_int_equal(p->state, ACTR_STATE_CONNECTED);
	assert_int_equal(p->session, 1);
	assert_non_null(strstr(p->path, "host"));
	assert_true(p->data_path[0]);
	assert_true(p->bytes_sent && p->bytes_received && p->packets_sent);
	assert_true(p->messages_sent >= 22 && p->messages_received >= 22);
}

static void expect_client(const actr_metrics *m)
{
	assert_int_equal(m->calls_started, 22);
	assert_int_equal(m->calls_running, 0);
	assert_int_equal(m->calls_done[0], 20);
	assert_int_equal(m->calls_done[-ACTR_E_PERMISSION_DENIED], 2);
	assert_int_equal(m->call_time.count, 22);
	assert_true(actr_histogram_quantile_us(&m->call_time, 0.5) > 1);
	assert_int_equal(m->local_call_time.count, 0);
	assert_int_equal(m->requests_sent, 22);
	assert_int_equal(m->answers_received, 22);
	assert_int_equal(m->answers_awaited, 0);
	assert_int_equal(m->signaling_state, ACTR_STATE_CONNECTED);
	assert_int_equal(m->registrations, 1);
	assert_non_null(m->streams);
}

static void expect_service(const actr_metrics *m)
{
	assert_int_equal(m->requests_received, 22);
	assert_int_equal(m->requests_started, 22);
	assert_int_equal(m->requests_done[0], 20);
	assert_int_equal(m->requests_done[-ACTR_E_PERMISSION_DENIED], 2);
	assert_int_equal(m->requests_in_flight, 0);
	assert_int_equal(m->answers_sent, 22);
	assert_int_equal(m->mailbox_accepted, 22);
	assert_int_equal(m->mailbox_settled, 22);
	assert_int_equal(m->mailbox_waiting, 0);
	assert_int_equal(m->mailbox_time.count, 22);
	assert_true(m->handler_time.count >= 1);
}

static void calls_requests_and_the_peer_are_in_the_snapshot(void **state)
{
	struct service service = {.inside = ACTR_METRICS_INIT};
	actr_dest dest = actr_dest_service(&echo_service);
	actr_ref *server_ref = start(&service), *client = start(NULL);
	actr_metrics m = ACTR_METRICS_INIT;
	actr_error err = ACTR_ERROR_INIT;
	char *text;

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(call(client, &dest, "hello"), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(call(client, &dest, "fail"), ACTR_E_PERMISSION_DENIED);
	assert_int_equal(actr_ref_get_metrics(client, &m, &err), 0);
	expect_client(&m);
	expect_peer(&m, server_ref);
	assert_int_equal(actr_ref_get_metrics(server_ref, &m, &err), 0);
	expect_service(&m);
	expect_peer(&m, client);
	assert_int_equal(actr_metrics_prometheus(&m, &text, &err), 0);
	assert_non_null(strstr(text, "\nactr_requests_total{code=\"OK\"} 20\n"));
	assert_non_null(strstr(text, "\nactr_peer_state{state=\"connected\",peer=\"acme:Client@"));
	actr_free(text);
	/* The last one that a handler took of its own node: it was in flight itself. */
	assert_int_equal(service.inside_code, 0);
	assert_int_equal(service.inside.requests_done[0], 19);
	assert_int_equal(service.inside.requests_in_flight, 1);
	actr_metrics_clear(&service.inside);
	actr_ref_close(client);
	actr_ref_close(server_ref);
	actr_metrics_clear(&m);
}

static void on_sample(void *user, const actr_sample *sample, const actr_id *sender)
{
	(void)user;
	(void)sample;
	(void)sender;
}

static void samples_are_in_the_snapshot(void **state)
{
	actr_track_options options = {.size = sizeof options, .codec = ACTR_CODEC_VP8};
	actr_sample sample = ACTR_SAMPLE_INIT;
	actr_metrics m = ACTR_METRICS_INIT;
	actr_ref *ref = start(NULL);
	actr_error err = ACTR_ERROR_INIT;
	actr_track *track;

	(void)state;
	sample.data = (actr_bytes){(const uint8_t *)"x", 1};
	assert_int_equal(actr_media_register(ref, "camera", NULL, on_sample, NULL, &err), 0);
	assert_int_equal(actr_track_add(ref, &actr_dest_local, "camera", &options, &track, &err),
			 0);
	assert_int_equal(actr_track_wait_active(track, 0, &err), 0);
	assert_int_equal(actr_track_send(track, &sample, &err), 0);
	assert_int_equal(actr_ref_get_metrics(ref, &m, &err), 0); /* the loop's turn comes later */
	assert_int_equal(m.media->sent, 1);
	assert_int_equal(m.media->received, 1);
	actr_track_close(track);
	actr_metrics_clear(&m);
	assert_null(m.media);
	actr_ref_close(ref);
}

static void a_node_that_has_ended_still_has_its_calls(void **state)
{
	struct service service = {.inside = ACTR_METRICS_INIT};
	actr_ref *ref = start(&service);
	actr_metrics m = ACTR_METRICS_INIT;
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	assert_int_equal(call(ref, &actr_dest_local, "me"), 0);
	actr_ref_shutdown(ref);
	assert_int_equal(actr_ref_wait(ref, &err), 0);
	assert_int_equal(actr_ref_get_metrics(ref, &m, &err), 0);
	assert_int_equal(m.calls_done[0], 1);
	assert_int_equal(m.local_call_time.count, 1);
	assert_int_equal(m.peer_count, 0);
	actr_metrics_clear(&m);
	assert_null(m.peers);
	assert_int_equal(m.size, sizeof m);
	actr_metrics_clear(&service.inside);
	actr_ref_unref(ref);
}

static void a_struct_without_its_size_is_refused(void **state)
{
	actr_metrics m = {.size = 0};
	actr_ref *ref = start(NULL);

	(void)state;
	assert_int_equal(actr_ref_get_metrics(ref, &m, NULL), ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr_ref_get_metrics(NULL, &m, NULL), ACTR_E_INVALID_ARGUMENT);
	actr_metrics_clear(&m);
	actr_metrics_clear(NULL);
	actr_ref_close(ref);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_requests_and_the_peer_are_in_the_snapshot),
		cmocka_unit_test(samples_are_in_the_snapshot),
		cmocka_unit_test(a_node_that_has_ended_still_has_its_calls),
		cmocka_unit_test(a_struct_without_its_size_is_refused),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
