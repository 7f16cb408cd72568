/*
 * Calls, tells and chunks that fail to leave, or whose time is over: what becomes of them, and of
 * what they share with others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/support/torture.h"
#include "tests/support/world.h"

#define A(w) (&(w)->actors[0])
#define B(w) (&(w)->actors[1])
#define C(w) (&(w)->actors[2])

static int setup(void **state)
{
	*state = world_new(0);
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* --- 51 --- */

static void defect_51_the_time_out_of_a_call_leaves_the_connection_to_the_others(void **state)
{
	struct world *w = *state;
	struct outcome brief, slow, after;
	uint64_t session;

	world_call(A(w), world_dest(B(w)), &world_keep, "slow", 5000, &slow);
	world_call(A(w), world_dest(B(w)), &world_keep, "brief", 100, &brief);
	world_advance(w, 90);
	session = actr__transport_session(A(w)->transport, &B(w)->id);
	assert_int_not_equal(session, 0);
	world_advance(w, 10);
	expect_failure(&brief, ACTR_E_TIMEOUT);
	assert_int_equal(slow.done, 0);
	world_call(A(w), world_dest(B(w)), &world_echo, "after", 100, &after);
	world_advance(w, 50);
	expect_answer(&after, "after");
	memcpy(actr_reply_reserve(B(w)->kept[0], 4), "slow", 4);
	assert_int_equal(actr_reply_send(B(w)->kept[0]), 0);
	assert_int_equal(actr_reply_send(B(w)->kept[1]), ACTR_E_TIMEOUT);
	B(w)->kept_count = 0;
	world_advance(w, 50);
	expect_answer(&slow, "slow");
	assert_int_equal(actr__transport_session(A(w)->transport, &B(w)->id), session);
	assert_int_equal(w->net.open_wires, 2); /* both ends of one connection */
	outcome_done(&brief);
	outcome_done(&slow);
	outcome_done(&after);
}

static void defect_51_a_time_out_while_connecting_leaves_the_dial_to_the_others(void **state)
{
	struct world *w = *state;
	struct outcome brief, patient;
	uint64_t session;

	w->net.connect_ms = 500;
	world_call(A(w), world_dest(B(w)), &world_echo, "brief", 100, &brief);
	world_call(A(w), world_dest(B(w)), &world_echo, "patient", 2000, &patient);
	world_advance(w, 50);
	session = actr__transport_session(A(w)->transport, &B(w)->id);
	world_advance(w, 50);
	expect_failure(&brief, ACTR_E_TIMEOUT);
	world_advance(w, 600);
	expect_answer(&patient, "patient");
	assert_int_equal(actr__transport_session(A(w)->transport, &B(w)->id), session);
	assert_int_equal(B(w)->handled, 1);
	outcome_done(&brief);
	outcome_done(&patient);
}

/* --- 56 --- */

enum form { CALL, TELL, CHUNK, FORMS };

static int start(struct world *w, enum form form, const actr_dest *dest, size_t size,
		 actr_call **ret_call)
{
	static const uint8_t bytes[70000];
	actr_chunk chunk = ACTR_CHUNK_INIT;
	uint8_t *out;

	if (form == CHUNK) {
		chunk.stream_id = "s";
		chunk.payload = actr__bytes(bytes, size);
		return actr_stream_send(&A(w)->ref, dest, ACTR_LANE_STREAM_RELIABLE, &chunk, NULL,
					NULL, NULL, ret_call, NULL);
	}
	ACTR_TRY(actr_call_new(&A(w)->ref, dest, &world_echo, size, NULL, ret_call, &out, NULL));
	memset(out, 'x', size);
	return form == CALL ? actr_call_start(*ret_call, NULL, NULL)
			    : actr_call_start_tell(*ret_call, NULL, NULL);
}

static void expect_empty_tables(struct world *w)
{
	struct actr__endpoint *ep = &A(w)->endpoint;
	struct actr__gate_stats stats;

	actr__gate_stats(ep->gate, &stats);
	assert_int_equal(stats.pending, 0);
	assert_true(actr__list_empty(&ep->calls));
	assert_true(actr__list_empty(&ep->ended));
	assert_int_equal(ep->streams.outboxes.count, 0);
	for (unsigned lane = 0; lane < 4; lane++)
		assert_int_equal(actr__transport_buffered(A(w)->transport, &B(w)->id, lane), 0);
	/* A peer without a connection and without anything to send is forgotten. */
	assert_int_equal(actr__transport_peer_count(A(w)->transport),
			 actr__transport_wire(A(w)->transport, &B(w)->id) ? 1 : 0);
}

static void nothing(struct world *w, actr_call *call)
{
	(void)w;
	(void)call;
}

static void as_it_is(struct world *w)
{
	(void)w;
}

static void no_relay(struct world *w)
{
	w->relay_down = true;
}

static void never_opens(struct world *w)
{
	w->net.mute = true;
}

static void cancel(struct world *w, actr_call *call)
{
	(void)w;
	actr_call_cancel(call);
}

static void close_peer(struct world *w, actr_call *call)
{
	(void)call;
	actr__transport_close_peer(A(w)->transport, &B(w)->id);
}

static void close_endpoint(struct world *w, actr_call *call)
{
	actr_error why = ACTR_ERROR_INIT;

	(void)call;
	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "the node is shutting down");
	actr__endpoint_close(&A(w)->endpoint, &why);
}

static void unreachable(struct world *w, actr_call *call)
{
	actr_error why = ACTR_ERROR_INIT;

	(void)call;
	ACTR_FAIL(&why, ACTR_E_NOT_FOUND, "no such actor");
	actr__transport_unreachable(A(w)->transport, &B(w)->id, &why);
}

/* All kinds of failed sends: `count` of them, the last one is looked at. */
static const struct kind {
	void (*before)(struct world *w);
	void (*after)(struct world *w, actr_call *call);
	unsigned count;
	size_t size;
	bool to_nobody;
	int expected[FORMS];
} kinds[] = {
	{no_relay, nothing, 1, 1, false, {ACTR_E_TIMEOUT, ACTR_E_TIMEOUT, ACTR_E_TIMEOUT}},
	{never_opens, nothing, 1, 1, false, {ACTR_E_TIMEOUT, ACTR_E_TIMEOUT, ACTR_E_TIMEOUT}},
	{never_opens, cancel, 1, 1, false, {ACTR_E_CANCELLED, ACTR_E_CANCELLED, ACTR_E_CANCELLED}},
	{never_opens,
	 close_peer,
	 1,
	 1,
	 false,
	 {ACTR_E_UNAVAILABLE, ACTR_E_UNAVAILABLE, ACTR_E_UNAVAILABLE}},
	{never_opens,
	 close_endpoint,
	 1,
	 1,
	 false,
	 {ACTR_E_UNAVAILABLE, ACTR_E_UNAVAILABLE, ACTR_E_UNAVAILABLE}},
	{never_opens,
	 unreachable,
	 1,
	 1,
	 false,
	 {ACTR_E_NOT_FOUND, ACTR_E_NOT_FOUND, ACTR_E_NOT_FOUND}},
	{as_it_is, nothing, 1, 1, true, {ACTR_E_NOT_FOUND, ACTR_E_NOT_FOUND, ACTR_E_NOT_FOUND}},
	{never_opens,
	 nothing,
	 300,
	 60000,
	 false,
	 {ACTR_E_RESOURCE_EXHAUSTED, ACTR_E_RESOURCE_EXHAUSTED, ACTR_E_RESOURCE_EXHAUSTED}},
	{never_opens,
	 nothing,
	 1,
	 70000,
	 false,
	 {ACTR_E_TOO_LARGE, ACTR_E_TOO_LARGE, ACTR_E_TIMEOUT}},
};

static void fail_one(const struct kind *kind, enum form form)
{
	struct world *w = world_new(0);
	actr_id id = kind->to_nobody ? (actr_id){.realm = 1, .serial = 99} : B(w)->id;
	actr_dest dest = actr_dest_actor(&id);
	actr_call *calls[300];

	kind->before(w);
	for (unsigned i = 0; i < kind->count; i++)
		assert_int_equal(start(w, form, &dest, kind->size, &calls[i]), 0);
	world_advance(w, 1);
	kind->after(w, calls[kind->count - 1]);
	world_advance(w, 10);
	if (kind->count == 1 && actr_call_result(calls[0], NULL) != ACTR_E_WOULD_BLOCK)
		expect_empty_tables(w); /* at once, not when its time is over */
	world_advance(w, 40000);
	assert_int_equal(actr_call_result(calls[kind->count - 1], NULL), kind->expected[form]);
	for (unsigned i = 0; i < kind->count; i++) {
		assert_true(actr_call_result(calls[i], NULL) < 0);
		assert_int_not_equal(actr_call_result(calls[i], NULL), ACTR_E_WOULD_BLOCK);
		actr_call_unref(calls[i]);
	}
	expect_empty_tables(w);
	world_free(w);
}

static void defect_56_every_kind_of_failed_send_leaves_the_tables_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (enum form form = 0; form < FORMS; form++)
			fail_one(&kinds[i], form);
	}
}

static void defect_56_a_send_without_memory_leaves_the_tables_empty(void **state)
{
	struct torture torture;

	(void)state;
	torture_begin(&torture);
	for (enum form form = 0; form < FORMS; form++) {
		unsigned long n = 0;

		do {
			struct world *w = world_new(0);
			actr_dest dest = world_dest(B(w));
			actr_call *call = NULL;

			torture.failed = false;
			torture.countdown = ++n;
			(void)start(w, form, &dest, 1, &call);
			world_advance(w, 40000);
			torture.countdown = 0;
			assert_true(!call || torture.failed || actr_call_result(call, NULL) == 0);
			actr_call_unref(call);
			expect_empty_tables(w);
			world_free(w);
		} while (torture.failed);
		assert_true(n > 5);
	}
	torture_end();
}

/* --- 30, 57 --- */

static void defect_30_news_of_an_older_session_fail_no_call_of_the_newer(void **state)
{
	struct world *w = *state;
	actr_error why = ACTR_ERROR_INIT;
	struct outcome first, o;
	uint64_t older;

	world_call(A(w), world_dest(B(w)), &world_echo, "1", 0, &first);
	world_advance(w, 100);
	older = actr__transport_session(A(w)->transport, &B(w)->id);
	actr__transport_close_peer(A(w)->transport, &B(w)->id);
	world_call(A(w), world_dest(B(w)), &world_keep, "2", 0, &o);
	world_advance(w, 100);
	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "late news");
	actr__gate_lost(A(w)->endpoint.gate, &B(w)->id, older, &why);
	world_advance(w, 10);
	assert_int_equal(o.done, 0);
	actr__gate_lost(A(w)->endpoint.gate, &B(w)->id, older + 1, &why);
	world_advance(w, 10);
	expect_failure(&o, ACTR_E_UNAVAILABLE);
	outcome_done(&first);
	outcome_done(&o);
}

static void defect_57_the_loss_of_one_connection_leaves_the_others(void **state)
{
	struct world *w = *state;
	struct outcome to_b, to_c;
	uint64_t session;

	world_call(A(w), world_dest(B(w)), &world_keep, "b", 0, &to_b);
	world_call(A(w), world_dest(C(w)), &world_keep, "c", 0, &to_c);
	world_advance(w, 100);
	session = actr__transport_session(A(w)->transport, &C(w)->id);
	actr__transport_close_peer(A(w)->transport, &B(w)->id);
	world_advance(w, 100);
	expect_failure(&to_b, ACTR_E_UNAVAILABLE);
	assert_int_equal(to_c.done, 0);
	assert_int_equal(actr__transport_session(A(w)->transport, &C(w)->id), session);
	memcpy(actr_reply_reserve(C(w)->kept[0], 1), "c", 1);
	assert_int_equal(actr_reply_send(C(w)->kept[0]), 0);
	C(w)->kept_count = 0;
	world_advance(w, 100);
	expect_answer(&to_c, "c");
	outcome_done(&to_b);
	outcome_done(&to_c);
}

/* --- time-outs that are none --- */

static void a_negative_timeout_is_refused_here_and_the_default_of_a_peer(void **state)
{
	struct actr__envelope e = {.route_key = actr__text("test.Service.Keep"),
				   .request_id = actr__text("negative"),
				   .has_payload = true,
				   .timeout_ms = -5,
				   .direction = ACTR__DIRECTION_REQUEST};
	struct actr__msg *msg = actr__msg_new(actr__envelope_size(&e), ACTR_LANE_RPC_RELIABLE);
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	struct world *w = *state;
	actr_call *call = NULL;
	uint8_t *out;

	options.timeout_ms = -1;
	assert_int_equal(actr_call_new(&A(w)->ref, &actr_dest_local, &world_echo, 0, &options,
				       &call, &out, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	assert_null(call);
	assert_non_null(msg);
	actr__envelope_encode(&e, msg->data, NULL);
	actr__gate_receive(B(w)->endpoint.gate, &A(w)->id, msg);
	world_advance(w, 10);
	assert_int_equal(B(w)->handled, 1);
	assert_true(B(w)->last_deadline_ms > 29000 && B(w)->last_deadline_ms <= 30000);
}

/* --- 44 --- */

static void defect_44_an_answer_waits_while_its_connection_recovers(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), world_dest(B(w)), &world_keep, "k", 10000, &o);
	world_advance(w, 100);
	actr__sim_set_recovering(&w->net, true);
	memcpy(actr_reply_reserve(B(w)->kept[0], 4), "late", 4);
	assert_int_equal(actr_reply_send(B(w)->kept[0]), 0);
	B(w)->kept_count = 0;
	world_advance(w, 1900);
	assert_int_equal(o.done, 0);
	actr__sim_set_recovering(&w->net, false);
	world_advance(w, 50);
	expect_answer(&o, "late");
	outcome_done(&o);
}

static void defect_44_an_answer_is_not_kept_for_ever(void **state)
{
	struct actr__gate_stats stats;
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), world_dest(B(w)), &world_keep, "k", 10000, &o);
	world_advance(w, 100);
	actr__sim_set_recovering(&w->net, true);
	assert_int_equal(actr_reply_send(B(w)->kept[0]), 0);
	B(w)->kept_count = 0;
	world_advance(w, 2100);
	actr__gate_stats(B(w)->endpoint.gate, &stats);
	assert_int_equal(stats.answers_failed, 1);
	assert_int_equal(actr__transport_buffered(B(w)->transport, &A(w)->id, 0), 0);
	actr__sim_set_recovering(&w->net, false);
	world_advance(w, 10000);
	expect_failure(&o, ACTR_E_TIMEOUT);
	outcome_done(&o);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(defect_51_the_time_out_of_a_call_leaves_the_connection_to_the_others),
		WORLD_TEST(defect_51_a_time_out_while_connecting_leaves_the_dial_to_the_others),
		cmocka_unit_test(defect_56_every_kind_of_failed_send_leaves_the_tables_empty),
		cmocka_unit_test(defect_56_a_send_without_memory_leaves_the_tables_empty),
		WORLD_TEST(defect_30_news_of_an_older_session_fail_no_call_of_the_newer),
		WORLD_TEST(defect_57_the_loss_of_one_connection_leaves_the_others),
		WORLD_TEST(a_negative_timeout_is_refused_here_and_the_default_of_a_peer),
		WORLD_TEST(defect_44_an_answer_waits_while_its_connection_recovers),
		WORLD_TEST(defect_44_an_answer_is_not_kept_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
