/*
 * Calls between actors of a simulated world: gate, mailbox, dispatcher and call together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/support/torture.h"
#include "tests/support/world.h"

static int setup(void **state)
{
	*state = world_new(0);
	return 0;
}

static int setup_narrow(void **state)
{
	*state = world_new(2);
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

#define A(w) (&(w)->actors[0])
#define B(w) (&(w)->actors[1])
#define C(w) (&(w)->actors[2])

static struct actr__gate_stats gate_stats(struct world_actor *actor)
{
	struct actr__gate_stats stats;

	actr__gate_stats(actor->endpoint.gate, &stats);
	return stats;
}

/* An envelope as a peer would send it, straight into an actor's gate. */
static void inject(struct world_actor *to, struct world_actor *from, struct actr__envelope *e,
		   unsigned lane)
{
	struct actr__msg *msg = actr__msg_new(actr__envelope_size(e), lane);

	assert_non_null(msg);
	actr__envelope_encode(e, msg->data, NULL);
	actr__gate_receive(to->endpoint.gate, &from->id, msg);
}

static void a_call_is_answered_by_the_actor_it_was_meant_for(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), world_dest(B(w)), &world_echo, "hello", 0, &o);
	world_advance(w, 100);
	expect_answer(&o, "hello");
	assert_int_equal(B(w)->handled, 1);
	assert_true(B(w)->last_had_caller);
	assert_int_equal(C(w)->handled, 0);
	assert_int_equal(gate_stats(A(w)).pending, 0);
	assert_int_equal(strlen(B(w)->last_request_id), 36);
	assert_int_equal(actr_call_peer(o.call).serial, B(w)->id.serial);
	outcome_done(&o);
}

static void an_empty_payload_is_a_payload(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), world_dest(B(w)), &world_echo, "", 0, &o);
	world_advance(w, 100);
	expect_answer(&o, "");
	outcome_done(&o);
}

static void a_call_in_process_has_no_caller_and_is_one_turn(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), actr_dest_local, &world_echo, "me", 0, &o);
	assert_int_equal(o.done, 0);
	world_advance(w, 0);
	expect_answer(&o, "me");
	assert_false(A(w)->last_had_caller);
	outcome_done(&o);
	world_call(A(w), actr_dest_shell, &world_echo, "me", 0, &o);
	world_advance(w, 0);
	expect_failure(&o, ACTR_E_NOT_FOUND);
	outcome_done(&o);
}

static void defect_4_a_failed_handler_answers_at_once_with_its_code(void **state)
{
	struct world *w = *state;
	actr_dest dests[2] = {world_dest(B(w)), actr_dest_local};

	for (unsigned i = 0; i < 2; i++) {
		struct outcome o;

		world_call(A(w), dests[i], &world_fail, "x", 0, &o);
		world_advance(w, 20);
		expect_failure(&o, ACTR_E_PERMISSION_DENIED);
		assert_string_equal(o.err.message, "not on a Sunday");
		assert_int_equal(o.err.wire_code, 403);
		outcome_done(&o);
	}
}

static void defect_48_codes_are_the_same_in_process_and_across(void **state)
{
	struct world *w = *state;
	actr_dest dests[2] = {world_dest(B(w)), actr_dest_local};

	for (unsigned i = 0; i < 2; i++) {
		struct outcome o;

		world_call(A(w), dests[i], &world_unknown, "x", 0, &o);
		world_advance(w, 20);
		expect_failure(&o, ACTR_E_NOT_FOUND);
		assert_int_equal(o.err.wire_code, 404);
		assert_string_equal(o.err.message, "unknown route test.Service.Unknown");
		outcome_done(&o);

		world_call(A(w), dests[i], &world_fault, "x", 0, &o);
		world_advance(w, 20);
		expect_failure(&o, ACTR_E_INVALID_ARGUMENT);
		assert_int_equal(o.err.wire_code, 400);
		assert_string_equal(o.err.message, "Handler panicked: index out of range");
		outcome_done(&o);

		world_call(A(w), dests[i], &world_silent, "x", 0, &o);
		world_advance(w, 20);
		expect_failure(&o, ACTR_E_INTERNAL);
		assert_string_equal(o.err.message, "the handler returned without an answer");
		outcome_done(&o);
	}
}

static void a_kept_token_does_not_stop_the_actor(void **state)
{
	struct world *w = *state;
	struct outcome kept, echo;

	world_call(A(w), world_dest(B(w)), &world_keep, "k", 0, &kept);
	world_call(A(w), world_dest(B(w)), &world_echo, "e", 0, &echo);
	world_advance(w, 100);
	expect_answer(&echo, "e");
	assert_int_equal(kept.done, 0);
	memcpy(actr_reply_reserve(B(w)->kept[0], 5), "later", 5);
	assert_int_equal(actr_reply_send(B(w)->kept[0]), 0);
	B(w)->kept_count = 0;
	world_advance(w, 100);
	expect_answer(&kept, "later");
	outcome_done(&kept);
	outcome_done(&echo);
}

static void a_token_never_settled_fails_at_the_deadline_of_its_request(void **state)
{
	struct world *w = *state;
	struct actr__dispatcher_stats stats;
	struct outcome o;

	world_call(A(w), world_dest(B(w)), &world_keep, "k", 200, &o);
	world_advance(w, 150);
	assert_int_equal(o.done, 0);
	assert_true(B(w)->last_deadline_ms > 0 && B(w)->last_deadline_ms <= 200);
	world_advance(w, 60);
	expect_failure(&o, ACTR_E_TIMEOUT);
	world_advance(w, 60);
	actr__dispatcher_stats(B(w)->endpoint.local, &stats);
	assert_int_equal(stats.in_flight, 0);
	assert_int_equal(stats.expired, 1);
	assert_int_equal(actr_reply_send(B(w)->kept[0]), ACTR_E_TIMEOUT);
	B(w)->kept_count = 0;
	outcome_done(&o);
}

static void every_request_is_settled_in_the_mailbox_however_it_ends(void **state)
{
	const actr_method *methods[] = {&world_echo, &world_fail, &world_fault};
	struct world *w = *state;
	struct actr__mailbox_stats stats;

	for (unsigned i = 0; i < ARRAY_SIZE(methods); i++) {
		struct outcome o;

		world_call(A(w), world_dest(B(w)), methods[i], "x", 0, &o);
		world_advance(w, 20);
		assert_int_equal(o.done, 1);
		outcome_done(&o);
		actr__mailbox_stats(B(w)->mailbox, &stats);
		assert_int_equal(stats.acked_total, i + 1);
		assert_int_equal(stats.queued + stats.in_flight, 0);
	}
}

static void a_request_whose_caller_has_given_up_is_not_handled_any_more(void **state)
{
	struct world *w = *state;
	struct actr__dispatcher_stats stats;
	struct outcome o[3];

	for (unsigned i = 0; i < 3; i++)
		world_call(A(w), world_dest(B(w)), &world_keep, "k", i == 2 ? 100 : 10000, &o[i]);
	world_advance(w, 200);
	expect_failure(&o[2], ACTR_E_TIMEOUT);
	assert_int_equal(actr_reply_send(B(w)->kept[0]), 0);
	world_advance(w, 50);
	assert_int_equal(B(w)->handled, 2);
	actr__dispatcher_stats(B(w)->endpoint.local, &stats);
	assert_int_equal(stats.expired, 1);
	assert_int_equal(actr_reply_send(B(w)->kept[1]), 0);
	B(w)->kept_count = 0;
	world_advance(w, 50);
	for (unsigned i = 0; i < 3; i++)
		outcome_done(&o[i]);
}

static void open_tokens_are_bounded_and_the_rest_waits(void **state)
{
	struct world *w = *state;
	struct outcome o[5];

	for (unsigned i = 0; i < 5; i++)
		world_call(A(w), world_dest(B(w)), &world_keep, "k", 10000, &o[i]);
	world_advance(w, 100);
	assert_int_equal(B(w)->handled, 2);
	assert_int_equal(actr_reply_send(B(w)->kept[0]), 0);
	world_advance(w, 100);
	assert_int_equal(B(w)->handled, 3);
	assert_int_equal(o[0].done, 1);
	for (unsigned i = 1; i < 5; i++) {
		assert_int_equal(actr_reply_send(B(w)->kept[i]), 0);
		world_advance(w, 100);
	}
	B(w)->kept_count = 0;
	for (unsigned i = 0; i < 5; i++) {
		expect_answer(&o[i], "");
		outcome_done(&o[i]);
	}
}

static void defect_12_the_timeout_of_a_call_in_process_is_honoured(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), actr_dest_local, &world_keep, "k", 70, &o);
	world_advance(w, 69);
	assert_int_equal(o.done, 0);
	world_advance(w, 1);
	expect_failure(&o, ACTR_E_TIMEOUT);
	outcome_done(&o);
}

static void defect_11_ten_thousand_timeouts_leave_nothing_pending(void **state)
{
	struct world *w = *state;
	struct outcome *o = actr__alloc(10000 * sizeof *o);

	w->net.mute = true;
	for (unsigned i = 0; i < 10000; i++)
		world_call(A(w), world_dest(B(w)), &world_echo, "x", 50, &o[i]);
	world_advance(w, 60);
	for (unsigned i = 0; i < 10000; i++) {
		expect_failure(&o[i], ACTR_E_TIMEOUT);
		outcome_done(&o[i]);
	}
	assert_int_equal(gate_stats(A(w)).pending, 0);
	actr__free(o);
}

static void defect_33_one_deadline_covers_connecting_and_waiting(void **state)
{
	struct world *w = *state;
	struct outcome o;

	w->relay_down = true;
	world_call(A(w), world_dest(B(w)), &world_echo, "x", 700, &o);
	world_advance(w, 699);
	assert_int_equal(o.done, 0);
	world_advance(w, 1);
	expect_failure(&o, ACTR_E_TIMEOUT);
	outcome_done(&o);
}

static void defect_19_calls_pending_when_the_peer_is_lost_fail_at_once(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), world_dest(B(w)), &world_keep, "k", 0, &o);
	world_advance(w, 100);
	actr__sim_cut(&w->net, "the peer was killed");
	world_advance(w, 1);
	expect_failure(&o, ACTR_E_UNAVAILABLE);
	assert_true(actr_error_retryable(o.result));
	assert_int_equal(gate_stats(A(w)).pending, 0);
	outcome_done(&o);
}

static void a_call_that_was_cancelled_before_its_start_never_leaves(void **state)
{
	struct world *w = *state;
	actr_dest dest = world_dest(B(w));
	actr_call *call;

	assert_int_equal(actr_call_new(&A(w)->ref, &dest, &world_echo, 0, NULL, &call, NULL, NULL),
			 0);
	actr_call_cancel(call);
	assert_int_equal(actr_call_start(call, NULL, NULL), 0);
	world_advance(w, 50);
	assert_int_equal(actr_call_result(call, NULL), ACTR_E_CANCELLED);
	assert_int_equal(B(w)->handled, 0);
	assert_int_equal(gate_stats(A(w)).calls_out, 0);
	actr_call_unref(call);
}

static void defect_52_a_late_answer_is_dropped_not_executed(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), world_dest(B(w)), &world_keep, "k", 100, &o);
	world_advance(w, 50);
	actr_call_cancel(o.call);
	world_advance(w, 1);
	expect_failure(&o, ACTR_E_CANCELLED);
	assert_int_equal(actr_reply_send(B(w)->kept[0]), 0);
	B(w)->kept_count = 0;
	world_advance(w, 50);
	assert_int_equal(A(w)->handled, 0);
	assert_int_equal(gate_stats(A(w)).orphans, 1);
	outcome_done(&o);
}

static void a_late_answer_of_the_original_is_told_by_its_id(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct actr__envelope late = {.route_key = actr__text("test.Service.Echo"),
				      .has_payload = true,
				      .timeout_ms = 30000};

	world_call(A(w), world_dest(B(w)), &world_keep, "k", 100, &o);
	world_advance(w, 200);
	expect_failure(&o, ACTR_E_TIMEOUT);
	late.request_id = actr__text(B(w)->last_request_id);
	inject(A(w), B(w), &late, 0);
	world_advance(w, 10);
	assert_int_equal(A(w)->handled, 0);
	assert_int_equal(gate_stats(A(w)).orphans, 2); /* the first: B's own answer, 504 */
	outcome_done(&o);
}

static void only_the_peer_that_was_asked_can_answer(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct actr__envelope forged = {.route_key = actr__text("test.Service.Echo"),
					.payload = actr__text("forged"),
					.has_payload = true,
					.direction = ACTR__DIRECTION_RESPONSE};

	world_call(A(w), world_dest(B(w)), &world_keep, "k", 0, &o);
	world_advance(w, 100);
	forged.request_id = actr__text(B(w)->last_request_id);
	inject(A(w), C(w), &forged, 0);
	world_advance(w, 10);
	assert_int_equal(o.done, 0);
	inject(A(w), B(w), &forged, 0);
	world_advance(w, 10);
	expect_answer(&o, "forged");
	outcome_done(&o);
}

static void defect_55_a_tell_is_never_answered(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_tell(A(w), world_dest(B(w)), &world_echo, "t", &o);
	world_advance(w, 100);
	assert_int_equal(o.done, 1);
	assert_int_equal(o.result, 0);
	assert_int_equal(B(w)->handled, 1);
	assert_int_equal(gate_stats(B(w)).answers_out, 0);
	outcome_done(&o);
	world_tell(A(w), world_dest(B(w)), &world_silent, "t", &o);
	world_advance(w, 100);
	assert_int_equal(B(w)->handled, 2);
	assert_int_equal(gate_stats(B(w)).answers_out, 0);
	outcome_done(&o);
	world_tell(A(w), actr_dest_local, &world_echo, "t", &o);
	world_advance(w, 100);
	assert_int_equal(o.result, 0);
	assert_int_equal(A(w)->handled, 1);
	outcome_done(&o);
}

static void defect_59_a_tell_that_cannot_leave_ends_after_13_s(void **state)
{
	struct world *w = *state;
	struct outcome o;

	w->net.mute = true;
	world_tell(A(w), world_dest(B(w)), &world_echo, "t", &o);
	world_advance(w, 12999);
	assert_int_equal(o.done, 0);
	world_advance(w, 1);
	expect_failure(&o, ACTR_E_TIMEOUT);
	outcome_done(&o);
}

static void defect_39_a_copy_of_a_request_runs_once_and_gets_the_same_answer(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct actr__envelope copy = {.route_key = actr__text("test.Service.Echo"),
				      .payload = actr__text("other"),
				      .has_payload = true,
				      .timeout_ms = 1000,
				      .direction = ACTR__DIRECTION_REQUEST};

	world_call(A(w), world_dest(B(w)), &world_echo, "first", 0, &o);
	world_advance(w, 100);
	expect_answer(&o, "first");
	copy.request_id = actr__text(B(w)->last_request_id);
	inject(B(w), A(w), &copy, 0);
	world_advance(w, 100);
	assert_int_equal(B(w)->handled, 1);
	assert_int_equal(gate_stats(B(w)).duplicates, 1);
	assert_int_equal(gate_stats(A(w)).orphans, 1); /* the second copy of the answer */
	/* The same id of another caller is another request. */
	inject(B(w), C(w), &copy, 0);
	world_advance(w, 100);
	assert_int_equal(B(w)->handled, 2);
	/* After the window it is a new one. */
	world_advance(w, 31000);
	inject(B(w), A(w), &copy, 0);
	world_advance(w, 100);
	assert_int_equal(B(w)->handled, 3);
	outcome_done(&o);
}

static void a_copy_of_a_running_request_waits_for_the_first_ones_answer(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct actr__envelope copy = {.route_key = actr__text("test.Service.Keep"),
				      .has_payload = true,
				      .timeout_ms = 1000,
				      .direction = ACTR__DIRECTION_REQUEST};

	world_call(A(w), world_dest(B(w)), &world_keep, "k", 0, &o);
	world_advance(w, 100);
	copy.request_id = actr__text(B(w)->last_request_id);
	inject(B(w), A(w), &copy, 0);
	world_advance(w, 100);
	assert_int_equal(B(w)->handled, 1);
	assert_int_equal(o.done, 0);
	assert_int_equal(actr_reply_send(B(w)->kept[0]), 0);
	B(w)->kept_count = 0;
	world_advance(w, 100);
	expect_answer(&o, "");
	outcome_done(&o);
}

static void an_undecodable_envelope_becomes_a_dead_letter(void **state)
{
	struct world *w = *state;
	struct actr__mailbox_stats stats;
	struct actr__msg *msg = actr__msg_new(4, ACTR_LANE_RPC_RELIABLE);

	memcpy(msg->data, "\xff\xff\xff\xff", 4);
	actr__gate_receive(B(w)->endpoint.gate, &A(w)->id, msg);
	world_advance(w, 10);
	actr__mailbox_stats(B(w)->mailbox, &stats);
	assert_int_equal(stats.dead_letters, 1);
	assert_int_equal(gate_stats(B(w)).undecodable, 1);
}

static void a_refused_request_is_answered_with_the_reason(void **state)
{
	struct world *w = *state;
	struct outcome o;

	B(w)->deny = ACTR_E_PERMISSION_DENIED;
	world_call(A(w), world_dest(B(w)), &world_echo, "x", 0, &o);
	world_advance(w, 100);
	expect_failure(&o, ACTR_E_PERMISSION_DENIED);
	assert_string_equal(o.err.message, "refused by the test");
	assert_int_equal(B(w)->handled, 0);
	outcome_done(&o);
}

static void a_nested_call_keeps_the_trace_of_its_request(void **state)
{
	static const char trace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
	struct world *w = *state;
	struct actr__envelope traced = {
		.route_key = actr__text("test.Service.Nested"),
		.request_id = actr__text("traced"),
		.traceparent =
			actr__text("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
		.has_payload = true,
		.timeout_ms = 1000,
		.direction = ACTR__DIRECTION_REQUEST};

	inject(B(w), A(w), &traced, 0);
	world_advance(w, 200);
	assert_string_equal(B(w)->last_trace_id, trace);
	assert_string_equal(C(w)->last_trace_id, trace);
}

static void an_answer_has_the_id_the_route_and_the_trace_of_its_request(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 2; i++) {
		struct actr__envelope traced = {
			.route_key = actr__text(i ? "test.Service.Fail" : "test.Service.Echo"),
			.request_id = actr__text(i ? "failing" : "traced"),
			.traceparent = actr__text(
				"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
			.tracestate = actr__text("vendor=x"),
			.has_payload = true,
			.timeout_ms = 1000,
			.direction = ACTR__DIRECTION_REQUEST};

		inject(B(w), A(w), &traced, 0);
		world_advance(w, 200);
		assert_string_equal(
			A(w)->last_answer,
			i ? "failing test.Service.Fail "
			    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 vendor=x"
			  : "traced test.Service.Echo "
			    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 vendor=x");
	}
}

static void a_signal_overtakes_what_waits_on_the_reliable_lane(void **state)
{
	struct world *w = *state;
	struct outcome o[12];

	world_call(A(w), world_dest(B(w)), &world_echo, "-", 0, &o[0]);
	world_advance(w, 100);
	outcome_done(&o[0]);
	for (unsigned i = 0; i < 10; i++)
		world_call(A(w), world_dest(B(w)), &world_keep, "n", 0, &o[i]);
	world_call(A(w), world_dest(B(w)), &world_signal, "s", 0, &o[10]);
	world_advance(w, 100);
	/* Two tokens are open, the pump is full: the rest waits in the mailbox. */
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(actr_reply_send(B(w)->kept[i]), 0);
		world_advance(w, 10);
	}
	B(w)->kept_count = 0;
	assert_non_null(strchr(B(w)->order, 's'));
	assert_true(strchr(B(w)->order, 's') - B(w)->order < 5);
	for (unsigned i = 0; i < 11; i++)
		outcome_done(&o[i]);
}

static void a_nested_call_ends_with_its_parents_deadline(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), world_dest(B(w)), &world_nested, "n", 5000, &o);
	world_advance(w, 200);
	expect_answer(&o, "n");
	assert_true(C(w)->last_deadline_ms <= 5000);
	outcome_done(&o);
}

static void a_handler_may_call_its_own_workload(void **state)
{
	struct world *w = *state;
	struct outcome o;

	/* Actor 2's nested handler calls actor 2 itself. */
	world_call(C(w), actr_dest_local, &world_nested, "self", 0, &o);
	world_advance(w, 100);
	expect_answer(&o, "self");
	outcome_done(&o);
}

static void a_call_to_a_type_asks_who_that_is(void **state)
{
	struct world *w = *state;
	struct outcome o;
	actr_type type = B(w)->id.type;

	world_call(A(w), actr_dest_type(&type), &world_echo, "x", 0, &o);
	world_advance(w, 100);
	expect_failure(&o, ACTR_E_NOT_FOUND);
	outcome_done(&o);
	w->type_answer = B(w);
	world_call(A(w), actr_dest_type(&type), &world_echo, "x", 0, &o);
	world_advance(w, 100);
	expect_answer(&o, "x");
	assert_int_equal(actr_call_peer(o.call).serial, B(w)->id.serial);
	outcome_done(&o);
}

static void an_actor_that_the_server_does_not_know_fails_at_once(void **state)
{
	struct world *w = *state;
	struct outcome o;
	actr_id nobody = {.realm = 1, .serial = 99};

	world_call(A(w), actr_dest_actor(&nobody), &world_echo, "x", 0, &o);
	world_advance(w, 10);
	expect_failure(&o, ACTR_E_NOT_FOUND);
	outcome_done(&o);
}

static void defect_34_sizes_up_to_the_limit_pass_and_beyond_are_refused(void **state)
{
	static const size_t sizes[] = {0, 1, 60 * 1024, 65000, 65535, 65536, 1 << 20};
	struct world *w = *state;
	actr_dest dest = world_dest(B(w));

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		actr_call *call;
		uint8_t *out;

		assert_int_equal(actr_call_new(&A(w)->ref, &dest, &world_echo, sizes[i], NULL,
					       &call, &out, NULL),
				 0);
		memset(out, 'x', sizes[i]);
		assert_int_equal(actr_call_start(call, NULL, NULL), 0);
		world_advance(w, 100);
		assert_int_equal(actr_call_result(call, NULL),
				 sizes[i] <= 65000 ? 0 : ACTR_E_TOO_LARGE);
		if (sizes[i] <= 65000)
			assert_int_equal(actr_call_response(call).size, sizes[i]);
		actr_call_unref(call);
	}
}

static void shutdown_fails_what_runs_and_what_comes_later(void **state)
{
	struct world *w = *state;
	struct outcome o, late;
	actr_error why = ACTR_ERROR_INIT;

	world_call(A(w), world_dest(B(w)), &world_keep, "k", 0, &o);
	world_advance(w, 100);
	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "the node is shutting down");
	actr__endpoint_close(&A(w)->endpoint, &why);
	world_call(A(w), world_dest(B(w)), &world_echo, "x", 0, &late);
	world_advance(w, 0);
	expect_failure(&o, ACTR_E_UNAVAILABLE);
	expect_failure(&late, ACTR_E_UNAVAILABLE);
	outcome_done(&o);
	outcome_done(&late);
}

static void a_call_is_started_once(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), actr_dest_local, &world_echo, "x", 0, &o);
	assert_int_equal(actr_call_start(o.call, NULL, NULL), ACTR_E_STATE);
	assert_int_equal(actr_call_result(o.call, NULL), ACTR_E_WOULD_BLOCK);
	world_advance(w, 1);
	expect_answer(&o, "x");
	outcome_done(&o);
}

/* Whatever allocation fails, each call ends once, and nothing is lost of what is not its own. */
static void every_allocation_of_a_call_may_fail(void **state)
{
	struct torture torture;
	unsigned long n = 0;

	(void)state;
	torture_begin(&torture);
	do {
		struct world *w = world_new(0);
		struct outcome o = {0}, after;
		actr_dest dest = world_dest(B(w));
		uint8_t *out;

		torture.failed = false;
		torture.countdown = ++n;
		if (actr_call_new(&A(w)->ref, &dest, &world_nested, 1, NULL, &o.call, &out, NULL) ==
		    0) {
			*out = 'x';
			assert_int_equal(actr_call_start(o.call, NULL, NULL), 0);
			world_advance(w, 60000);
			assert_int_not_equal(actr_call_result(o.call, NULL), ACTR_E_WOULD_BLOCK);
			if (!torture.failed)
				assert_int_equal(actr_call_result(o.call, NULL), 0);
		}
		torture.countdown = 0;
		outcome_done(&o);
		world_call(A(w), world_dest(B(w)), &world_echo, "after", 0, &after);
		world_advance(w, 10000);
		expect_answer(&after, "after");
		outcome_done(&after);
		world_free(w);
	} while (torture.failed);
	assert_true(n > 10);
	torture_end();
}

#define WORLD_TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define NARROW_TEST(name) cmocka_unit_test_setup_teardown(name, setup_narrow, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_call_is_answered_by_the_actor_it_was_meant_for),
		WORLD_TEST(an_empty_payload_is_a_payload),
		WORLD_TEST(a_call_in_process_has_no_caller_and_is_one_turn),
		WORLD_TEST(defect_4_a_failed_handler_answers_at_once_with_its_code),
		WORLD_TEST(defect_48_codes_are_the_same_in_process_and_across),
		WORLD_TEST(a_kept_token_does_not_stop_the_actor),
		WORLD_TEST(a_token_never_settled_fails_at_the_deadline_of_its_request),
		WORLD_TEST(every_request_is_settled_in_the_mailbox_however_it_ends),
		NARROW_TEST(a_request_whose_caller_has_given_up_is_not_handled_any_more),
		NARROW_TEST(open_tokens_are_bounded_and_the_rest_waits),
		WORLD_TEST(defect_12_the_timeout_of_a_call_in_process_is_honoured),
		WORLD_TEST(defect_11_ten_thousand_timeouts_leave_nothing_pending),
		WORLD_TEST(defect_33_one_deadline_covers_connecting_and_waiting),
		WORLD_TEST(defect_19_calls_pending_when_the_peer_is_lost_fail_at_once),
		WORLD_TEST(a_call_that_was_cancelled_before_its_start_never_leaves),
		WORLD_TEST(defect_52_a_late_answer_is_dropped_not_executed),
		WORLD_TEST(a_late_answer_of_the_original_is_told_by_its_id),
		WORLD_TEST(only_the_peer_that_was_asked_can_answer),
		WORLD_TEST(defect_55_a_tell_is_never_answered),
		WORLD_TEST(defect_59_a_tell_that_cannot_leave_ends_after_13_s),
		WORLD_TEST(defect_39_a_copy_of_a_request_runs_once_and_gets_the_same_answer),
		WORLD_TEST(a_copy_of_a_running_request_waits_for_the_first_ones_answer),
		WORLD_TEST(an_undecodable_envelope_becomes_a_dead_letter),
		WORLD_TEST(a_refused_request_is_answered_with_the_reason),
		WORLD_TEST(a_nested_call_keeps_the_trace_of_its_request),
		WORLD_TEST(an_answer_has_the_id_the_route_and_the_trace_of_its_request),
		NARROW_TEST(a_signal_overtakes_what_waits_on_the_reliable_lane),
		WORLD_TEST(a_nested_call_ends_with_its_parents_deadline),
		WORLD_TEST(a_handler_may_call_its_own_workload),
		WORLD_TEST(a_call_to_a_type_asks_who_that_is),
		WORLD_TEST(an_actor_that_the_server_does_not_know_fails_at_once),
		WORLD_TEST(defect_34_sizes_up_to_the_limit_pass_and_beyond_are_refused),
		WORLD_TEST(shutdown_fails_what_runs_and_what_comes_later),
		WORLD_TEST(a_call_is_started_once),
		cmocka_unit_test(every_allocation_of_a_call_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
