/*
 * Traces through calls: who is whose parent, what is carried along, what the log says of it. Three
 * actors, each with a tracer of its own; what they export goes into one heap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "dispatch/dispatch_internal.h"
#include "tests/support/otlp.h"
#include "tests/support/torture.h"
#include "tests/support/world.h"

#define A(w) (&(w)->actors[0])
#define B(w) (&(w)->actors[1])
#define C(w) (&(w)->actors[2])

static const char outer[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
static struct otlp_batch got;

static int collect(void *owner, actr_bytes body, unsigned timeout_ms, void *ticket, actr_error *err)
{
	(void)timeout_ms;
	(void)err;
	assert_true(otlp_decode(&got, body));
	*(void **)owner = ticket;
	return 0;
}

static const struct actr__tracer_ops ops = {collect};
static void *tickets[WORLD_ACTORS];

static void trace(struct world_actor *a)
{
	struct actr__tracer_options options = {.service_name = "test", .ratio = 1};
	size_t index = (size_t)(a - a->world->actors);

	assert_int_equal(actr__tracer_new(a->world->loop, &options, &ops, &tickets[index],
					  &a->endpoint.tracer, NULL),
			 0);
}

static void export(struct world *w)
{
	world_advance(w, 6000);
	for (unsigned i = 0; i < WORLD_ACTORS; i++) {
		if (tickets[i])
			actr__tracer_posted(TAKE(tickets[i]),
					    &(struct actr__tracer_answer){.status = 200});
	}
}

static int setup_off(void **state)
{
	memset(&got, 0, sizeof got);
	*state = world_new(0);
	return 0;
}

static int setup(void **state)
{
	setup_off(state);
	for (unsigned i = 0; i < WORLD_ACTORS; i++)
		trace(&((struct world *)*state)->actors[i]);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct actr__tracer *tracers[WORLD_ACTORS];

	for (unsigned i = 0; i < WORLD_ACTORS; i++)
		tracers[i] = TAKE(w->actors[i].endpoint.tracer);
	for (unsigned i = 0; i < WORLD_ACTORS; i++)
		actr__tracer_free(tracers[i]);
	world_free(w);
	return 0;
}

/* A call with the host's own trace context. */
static void call_traced(struct world_actor *from, struct world_actor *to, const actr_method *method,
			const char *traceparent, const char *tracestate)
{
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	actr_dest dest = world_dest(to);
	actr_call *call;

	options.traceparent = traceparent;
	options.tracestate = tracestate;
	assert_int_equal(actr_call_new(&from->ref, &dest, method, 0, &options, &call, NULL, NULL),
			 0);
	actr_call_start(call, NULL, NULL);
	world_advance(from->world, 200);
	actr_call_unref(call);
}

static const struct otlp_span *find(const char *name, unsigned kind)
{
	const struct otlp_span *s = otlp_find(&got, name, kind);

	if (!s)
		fail_msg("%s of kind %u: not there, or not once", name, kind);
	return s;
}

static void expect_child(const struct otlp_span *child, const struct otlp_span *parent)
{
	assert_string_equal(child->trace_id, parent->trace_id);
	assert_string_equal(child->parent_id, parent->span_id);
	assert_string_not_equal(child->span_id, parent->span_id);
	assert_true(child->start_ns >= parent->start_ns && child->end_ns <= parent->end_ns);
}

static void a_nested_call_is_a_child_of_the_handlers_span(void **state)
{
	struct world *w = *state;
	const struct otlp_span *call, *handler, *nested, *last;
	struct outcome o;
	char text[ACTR_ID_TEXT_SIZE];

	world_call(A(w), world_dest(B(w)), &world_nested, "x", 0, &o);
	world_advance(w, 500);
	expect_answer(&o, "x");
	outcome_done(&o);
	export(w);
	assert_int_equal(got.count, 4);
	call = find("test.Service/Nested", ACTR__SPAN_CLIENT);
	handler = find("test.Service/Nested", ACTR__SPAN_SERVER);
	nested = find("test.Service/Echo", ACTR__SPAN_CLIENT);
	last = find("test.Service/Echo", ACTR__SPAN_SERVER);
	assert_string_equal(call->parent_id, "");
	expect_child(handler, call);
	expect_child(nested, handler);
	expect_child(last, nested);
	assert_string_equal(C(w)->last_trace_id, call->trace_id);
	assert_string_equal(otlp_attribute(call, "actr.peer"),
			    actr_id_format(&B(w)->id, text, sizeof text));
	assert_string_equal(otlp_attribute(handler, "actr.peer"),
			    actr_id_format(&A(w)->id, text, sizeof text));
	assert_string_equal(otlp_attribute(call, "actr.request_id"),
			    otlp_attribute(handler, "actr.request_id"));
	assert_int_equal(call->status, 0);
	assert_string_equal(otlp_attribute(call, "rpc.actr.status_code"), "0");
}

static void the_hosts_own_trace_and_its_state_go_all_the_way(void **state)
{
	struct world *w = *state;
	const struct otlp_span *call;

	call_traced(A(w), B(w), &world_nested, outer, "rojo=1,congo=2");
	export(w);
	assert_int_equal(got.count, 4);
	call = find("test.Service/Nested", ACTR__SPAN_CLIENT);
	assert_memory_equal(call->trace_id, outer + 3, 32);
	assert_memory_equal(call->parent_id, outer + 36, 16);
	for (unsigned i = 0; i < 4; i++)
		assert_string_equal(got.spans[i].tracestate, "rojo=1,congo=2");
	assert_memory_equal(C(w)->last_trace_id, outer + 3, 32);
}

static void what_is_not_sampled_is_carried_but_not_recorded(void **state)
{
	struct world *w = *state;

	call_traced(A(w), B(w), &world_nested,
		    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", NULL);
	export(w);
	assert_int_equal(got.count, 0);
	assert_memory_equal(C(w)->last_trace_id, outer + 3, 32);
}

static void an_actor_without_a_tracer_passes_the_trace_on(void **state)
{
	struct world *w = *state;
	const struct otlp_span *call, *last;

	actr__tracer_free(TAKE(B(w)->endpoint.tracer));
	call_traced(A(w), B(w), &world_nested, outer, "a=b");
	export(w);
	assert_int_equal(got.count, 2);
	call = find("test.Service/Nested", ACTR__SPAN_CLIENT);
	last = find("test.Service/Echo", ACTR__SPAN_SERVER);
	assert_string_equal(last->parent_id, call->span_id); /* no hole in between */
	assert_string_equal(last->tracestate, "a=b");
}

static void a_failure_is_seen_on_both_sides(void **state)
{
	struct world *w = *state;
	const struct otlp_span *s;
	struct outcome o;

	world_call(A(w), world_dest(B(w)), &world_fail, "x", 0, &o);
	world_advance(w, 100);
	outcome_done(&o);
	world_call(A(w), world_dest(B(w)), &world_keep, "x", 300, &o);
	world_advance(w, 1000);
	expect_failure(&o, ACTR_E_TIMEOUT);
	outcome_done(&o);
	actr_reply_fail(B(w)->kept[0], ACTR_E_INTERNAL, NULL);
	B(w)->kept_count = 0;
	export(w);
	for (unsigned kind = ACTR__SPAN_SERVER; kind <= ACTR__SPAN_CLIENT; kind++) {
		s = find("test.Service/Fail", kind);
		assert_int_equal(s->status, 2);
		assert_string_equal(s->message, "not on a Sunday");
		assert_string_equal(otlp_attribute(s, "error.type"), "ACTR_E_PERMISSION_DENIED");
		assert_string_equal(otlp_attribute(s, "rpc.actr.status_code"), "403");
		s = find("test.Service/Keep", kind);
		assert_string_equal(otlp_attribute(s, "error.type"), "ACTR_E_TIMEOUT");
	}
	assert_int_equal(got.count, 4);
}

static void a_tell_is_produced_and_consumed(void **state)
{
	struct world *w = *state;
	const struct otlp_span *produced, *consumed;
	struct outcome o;

	world_tell(A(w), world_dest(B(w)), &world_echo, "x", &o);
	world_advance(w, 100);
	outcome_done(&o);
	export(w);
	assert_int_equal(got.count, 2);
	produced = find("test.Service/Echo", ACTR__SPAN_PRODUCER);
	consumed = find("test.Service/Echo", ACTR__SPAN_CONSUMER);
	assert_string_equal(consumed->parent_id, produced->span_id);
}

static void a_call_in_process_has_both_spans(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), actr_dest_local, &world_echo, "x", 0, &o);
	world_advance(w, 1);
	outcome_done(&o);
	export(w);
	assert_int_equal(got.count, 2);
	expect_child(find("test.Service/Echo", ACTR__SPAN_SERVER),
		     find("test.Service/Echo", ACTR__SPAN_CLIENT));
}

static void a_call_to_a_type_says_when_its_actor_was_found(void **state)
{
	struct world *w = *state;
	const struct otlp_span *s;
	struct outcome o;
	char text[ACTR_ID_TEXT_SIZE];

	w->type_answer = C(w);
	world_call(A(w), actr_dest_type(&C(w)->id.type), &world_echo, "x", 0, &o);
	world_advance(w, 100);
	outcome_done(&o);
	export(w);
	s = find("test.Service/Echo", ACTR__SPAN_CLIENT);
	assert_string_equal(s->event, "actor found");
	assert_true(s->event_ns >= s->start_ns && s->event_ns <= s->end_ns);
	assert_string_equal(otlp_attribute(s, "actr.peer"),
			    actr_id_format(&C(w)->id, text, sizeof text));
	w->type_answer = NULL;
	world_call(A(w), actr_dest_type(&C(w)->id.type), &world_fail, "x", 0, &o);
	world_advance(w, 100);
	outcome_done(&o);
	export(w);
	s = find("test.Service/Fail", ACTR__SPAN_CLIENT);
	assert_string_equal(otlp_attribute(s, "error.type"), "ACTR_E_NOT_FOUND");
	assert_string_equal(s->event, "");
}

/* --- on the wire --- */

/* A request as another implementation might send it, and the answer that it gets. */
static void ask_raw(struct world *w, unsigned number, const char *traceparent,
		    const char *tracestate)
{
	char id[16];
	struct actr__envelope e = {
		.route_key = actr__text("test.Service.Echo"),
		.request_id = actr__bytes(id, (size_t)snprintf(id, sizeof id, "raw-%u", number)),
		.traceparent = actr__text(traceparent),
		.tracestate = actr__text(tracestate),
		.has_payload = true,
		.direction = ACTR__DIRECTION_REQUEST,
		.timeout_ms = 5000};
	struct actr__msg *msg = actr__msg_new(actr__envelope_size(&e), ACTR_LANE_RPC_RELIABLE);

	assert_non_null(msg);
	actr__envelope_encode(&e, msg->data, NULL);
	actr__gate_receive(B(w)->endpoint.gate, &A(w)->id, msg);
	world_advance(w, 100);
}

static void a_traceparent_that_is_none_is_ignored(void **state)
{
	static const char *const bad[] = {
		"",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
	};
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(&got, 0, sizeof got);
		ask_raw(w, i, bad[i], "rojo=1");
		assert_int_equal(strlen(B(w)->last_trace_id), 32); /* a new one */
		assert_memory_not_equal(B(w)->last_trace_id, outer + 3, 32);
		export(w);
		assert_int_equal(got.count, 1);
		assert_string_equal(got.spans[0].parent_id, "");
		assert_string_equal(got.spans[0].tracestate, "");
		assert_string_equal(got.spans[0].trace_id, B(w)->last_trace_id);
	}
}

static void a_traceparent_of_a_later_version_is_understood(void **state)
{
	struct world *w = *state;

	ask_raw(w, 0, "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", "rojo=1");
	export(w);
	assert_int_equal(got.count, 1);
	assert_memory_equal(got.spans[0].parent_id, outer + 36, 16);
	assert_string_equal(got.spans[0].tracestate, "rojo=1");
}

static void an_answer_carries_what_the_request_carried(void **state)
{
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	struct world *w = *state;
	actr_dest dest = world_dest(B(w));
	const actr_method *methods[] = {&world_echo, &world_fail, &world_unknown};
	const struct actr__envelope *answered;

	options.traceparent = outer;
	options.tracestate = "rojo=1";
	for (unsigned i = 0; i < ARRAY_SIZE(methods); i++) {
		actr_call *call;

		assert_int_equal(actr_call_new(&A(w)->ref, &dest, methods[i], 0, &options, &call,
					       NULL, NULL),
				 0);
		actr_call_start(call, NULL, NULL);
		world_advance(w, 100);
		assert_non_null(call->answer);
		answered = &call->answer->envelope;
		assert_true(actr__bytes_equal_text(answered->traceparent, call->traceparent));
		assert_memory_equal(call->traceparent, outer, 36);
		assert_memory_not_equal(call->traceparent + 36, outer + 36, 16);
		assert_true(actr__bytes_equal_text(answered->tracestate, "rojo=1"));
		actr_call_unref(call);
	}
}

/* --- off --- */

static void off_nothing_begins_and_what_comes_is_passed_on(void **state)
{
	struct world *w = *state;
	struct outcome o;

	world_call(A(w), world_dest(B(w)), &world_nested, "x", 0, &o);
	world_advance(w, 500);
	outcome_done(&o);
	assert_string_equal(C(w)->last_trace_id, C(w)->last_request_id); /* no trace */
	call_traced(A(w), B(w), &world_nested, outer, "rojo=1");
	assert_memory_equal(C(w)->last_trace_id, outer + 3, 32);
	call_traced(A(w), B(w), &world_echo, "nonsense", "rojo=1");
	assert_string_equal(B(w)->last_trace_id, B(w)->last_request_id);
}

static unsigned allocations(struct world *w)
{
	struct torture torture;
	unsigned long before;
	struct outcome o;

	world_call(A(w), actr_dest_local, &world_echo, "x", 0, &o); /* the first makes pools */
	world_advance(w, 1);
	outcome_done(&o);
	torture_begin(&torture);
	torture.countdown = before = 1000000;
	world_call(A(w), actr_dest_local, &world_echo, "x", 0, &o);
	world_advance(w, 1);
	before -= torture.countdown;
	outcome_done(&o);
	torture_end();
	return (unsigned)before;
}

static void off_nothing_is_allocated_for_it(void **state)
{
	struct world *w = *state;
	unsigned off = allocations(w);

	trace(A(w));
	assert_int_equal(allocations(w), off + 2); /* a span of the call, one of the request */
}

/* --- the log --- */

static char logged_trace[64], logged_request[64];

static void sink(void *user, const actr_log_record *r)
{
	(void)user;
	if (strcmp(r->category, "handler_error") != 0)
		return;
	snprintf(logged_trace, sizeof logged_trace, "%s", r->trace_id ? r->trace_id : "");
	snprintf(logged_request, sizeof logged_request, "%s", r->request_id ? r->request_id : "");
}

static void a_record_has_the_ids_of_its_span(void **state)
{
	struct world *w = *state;

	actr_set_log(ACTR_LOG_INFO, sink, NULL);
	call_traced(A(w), B(w), &world_fail, NULL, NULL);
	actr_set_log(ACTR_LOG_ERROR, NULL, NULL);
	export(w);
	assert_string_equal(logged_trace, find("test.Service/Fail", ACTR__SPAN_SERVER)->trace_id);
	assert_string_equal(logged_request, B(w)->last_request_id);
}

static unsigned debug_records;

static void count_debug(void *user, const actr_log_record *r)
{
	(void)user;
	debug_records += r->level == ACTR_LOG_DEBUG;
}

/* There is one filter, before anything is formatted; spans take nothing from the log. */
static void defect_74_what_the_log_filter_drops_reaches_neither_sink_nor_span(void **state)
{
	static const actr_log_level levels[] = {ACTR_LOG_DEBUG, ACTR_LOG_WARN};
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
		memset(&got, 0, sizeof got);
		debug_records = 0;
		actr_set_log(levels[i], count_debug, NULL);
		call_traced(A(w), B(w), &world_echo, NULL, NULL);
		actr_set_log(ACTR_LOG_ERROR, NULL, NULL);
		export(w);
		assert_int_equal(got.count, 2);
		assert_string_equal(got.spans[0].event, "");
		assert_string_equal(got.spans[1].event, "");
		assert_true(levels[i] == ACTR_LOG_DEBUG ? debug_records >= 2 : debug_records == 0);
	}
}

#define ON(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define OFF(name) cmocka_unit_test_setup_teardown(name, setup_off, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(a_nested_call_is_a_child_of_the_handlers_span),
		ON(the_hosts_own_trace_and_its_state_go_all_the_way),
		ON(what_is_not_sampled_is_carried_but_not_recorded),
		ON(an_actor_without_a_tracer_passes_the_trace_on),
		ON(a_failure_is_seen_on_both_sides),
		ON(a_tell_is_produced_and_consumed),
		ON(a_call_in_process_has_both_spans),
		ON(a_call_to_a_type_says_when_its_actor_was_found),
		ON(a_traceparent_that_is_none_is_ignored),
		ON(a_traceparent_of_a_later_version_is_understood),
		ON(an_answer_carries_what_the_request_carried),
		OFF(off_nothing_begins_and_what_comes_is_passed_on),
		OFF(off_nothing_is_allocated_for_it),
		ON(a_record_has_the_ids_of_its_span),
		ON(defect_74_what_the_log_filter_drops_reaches_neither_sink_nor_span),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
