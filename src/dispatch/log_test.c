/*
 * What the log says of requests and answers, with the severities and categories of the original
 * (docs/seed.md), and what a message becomes that is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/support/world.h"

#define A(w) (&(w)->actors[0])
#define B(w) (&(w)->actors[1])

static struct record {
	actr_log_level level;
	int severity;
	char category[32], message[300], request_id[64];
} records[64];
static unsigned record_count;

static void sink(void *user, const actr_log_record *from)
{
	struct record *r = &records[record_count++ % 64];

	(void)user;
	r->level = from->level;
	r->severity = from->severity;
	snprintf(r->category, sizeof r->category, "%s", from->category);
	snprintf(r->message, sizeof r->message, "%s", from->message);
	snprintf(r->request_id, sizeof r->request_id, "%s",
		 from->request_id ? from->request_id : "");
}

static int setup(void **state)
{
	*state = world_new(0);
	record_count = 0;
	actr_set_log(ACTR_LOG_DEBUG, sink, NULL);
	return 0;
}

static int teardown(void **state)
{
	actr_set_log(ACTR_LOG_ERROR, NULL, NULL);
	world_free(*state);
	return 0;
}

/* The only record of this category whose message has these words. */
static const struct record *record_of(const char *category, const char *words)
{
	const struct record *found = NULL;

	for (unsigned i = 0; i < record_count && i < 64; i++) {
		if (strcmp(records[i].category, category) || !strstr(records[i].message, words))
			continue;
		assert_null(found);
		found = &records[i];
	}
	if (!found)
		fail_msg("no record of %s with \"%s\"", category, words);
	return found;
}

static void expect_record(const char *category, const char *words, actr_log_level level,
			  int severity, const char *request_id)
{
	const struct record *r = record_of(category, words);

	assert_int_equal(r->level, level);
	assert_int_equal(r->severity, severity);
	if (request_id)
		assert_string_equal(r->request_id, request_id);
}

static void call(struct world *w, const actr_method *method, struct outcome *o)
{
	world_call(A(w), world_dest(B(w)), method, "x", 5000, o);
	world_advance(w, 100);
}

static void inject(struct world *w, struct actr__envelope *e)
{
	struct actr__msg *msg = actr__msg_new(actr__envelope_size(e), ACTR_LANE_RPC_RELIABLE);

	assert_non_null(msg);
	actr__envelope_encode(e, msg->data, NULL);
	actr__gate_receive(A(w)->endpoint.gate, &B(w)->id, msg);
	world_advance(w, 10);
}

static void a_request_is_logged_when_it_comes_and_when_it_is_handled(void **state)
{
	struct world *w = *state;
	struct outcome o;

	call(w, &world_echo, &o);
	expect_record("request", "what=handling route_key=\"test.Service.Echo\" caller=acme:test",
		      ACTR_LOG_DEBUG, 0, B(w)->last_request_id);
	expect_record("request", "what=handled route_key=\"test.Service.Echo\"", ACTR_LOG_DEBUG, 0,
		      B(w)->last_request_id);
	outcome_done(&o);
	world_call(A(w), actr_dest_local, &world_echo, "x", 0, &o);
	world_advance(w, 1);
	expect_record("request", "what=handling route_key=\"test.Service.Echo\" caller=local",
		      ACTR_LOG_DEBUG, 0, A(w)->last_request_id);
	outcome_done(&o);
}

static void a_failed_handler_is_logged_with_severity_6(void **state)
{
	struct world *w = *state;
	struct outcome o;

	call(w, &world_fail, &o);
	expect_record("handler_error", "route_key=\"test.Service.Fail\"", ACTR_LOG_ERROR, 6,
		      B(w)->last_request_id);
	(void)record_of("handler_error", "cause=\"not on a Sunday\"");
	outcome_done(&o);
}

static void a_handler_that_finds_itself_broken_is_logged_with_severity_8(void **state)
{
	struct world *w = *state;
	struct actr__dispatcher_stats stats;
	struct outcome o;

	call(w, &world_fault, &o);
	expect_record("handler_panic", "cause=\"Handler panicked: index out of range\"",
		      ACTR_LOG_ERROR, 8, B(w)->last_request_id);
	assert_int_equal(o.err.wire_code, 400);
	assert_string_equal(o.err.message, "Handler panicked: index out of range");
	actr__dispatcher_stats(B(w)->endpoint.local, &stats);
	assert_int_equal(stats.failed_by[-ACTR_E_FAULT], 1);
	outcome_done(&o);
}

static void a_fault_without_words_is_an_unknown_one(void **state)
{
	struct world *w = *state;
	struct outcome o;

	call(w, &world_keep, &o);
	assert_int_equal(actr_reply_fault(B(w)->kept[0], NULL), 0);
	B(w)->kept_count = 0;
	world_advance(w, 100);
	assert_int_equal(o.err.wire_code, 400);
	assert_string_equal(o.err.message, "Handler panicked: Unknown panic payload");
	outcome_done(&o);
}

static void an_answer_for_nobody_is_logged_and_dropped(void **state)
{
	struct actr__envelope e = {.route_key = actr__text("test.Service.Echo"),
				   .request_id = actr__text("nobody's"),
				   .has_payload = true,
				   .direction = ACTR__DIRECTION_RESPONSE};
	struct world *w = *state;

	inject(w, &e);
	expect_record("orphan_response", "request_id=\"nobody's\"", ACTR_LOG_WARN, 4, "nobody's");
	assert_int_equal(A(w)->handled, 0);
	record_count = 0;
	e.request_id = actr__text("x level=error\n\"y\"");
	inject(w, &e); /* a peer's id forges no record */
	expect_record("orphan_response", "what=late_or_unknown_answer", ACTR_LOG_WARN, 4,
		      "x?level=error??y?");
}

static void an_answer_of_neither_or_both_ends_the_call_at_once(void **state)
{
	struct world *w = *state;

	for (unsigned both = 0; both < 2; both++) {
		struct actr__envelope e = {.route_key = actr__text("test.Service.Keep"),
					   .has_payload = both,
					   .has_error = both,
					   .error_code = 500,
					   .error_message = actr__text("no"),
					   .direction = ACTR__DIRECTION_RESPONSE};
		struct outcome o;

		record_count = 0;
		call(w, &world_keep, &o);
		e.request_id = actr__text(B(w)->last_request_id);
		inject(w, &e);
		expect_failure(&o, ACTR_E_DECODE);
		expect_record("protocol_error", "what=bad_answer", ACTR_LOG_ERROR, 7,
			      B(w)->last_request_id);
		outcome_done(&o);
	}
}

static void an_answer_that_cannot_leave_is_logged_with_severity_7(void **state)
{
	struct world *w = *state;
	struct outcome o;

	call(w, &world_keep, &o);
	actr__sim_set_recovering(&w->net, true);
	assert_int_equal(actr_reply_send(B(w)->kept[0]), 0);
	B(w)->kept_count = 0;
	world_advance(w, 6000);
	expect_failure(&o, ACTR_E_TIMEOUT);
	expect_record("transport_error", "what=answer_lost", ACTR_LOG_ERROR, 7, NULL);
	outcome_done(&o);
}

static bool check_letter(void *user, const struct actr__dead_letter *l)
{
	struct world *w = user;
	uint8_t id[ACTR__ID_ENCODED_MAX];
	size_t size = actr__id_encode(&B(w)->id, id);

	assert_int_equal(l->from.size, size);
	assert_memory_equal(l->from.data, id, size);
	size = actr__id_encode(&A(w)->id, id);
	assert_int_equal(l->to.size, size);
	assert_memory_equal(l->to.data, id, size);
	assert_int_equal(l->raw_bytes.size, 4);
	assert_memory_equal(l->raw_bytes.data, "\xff\xff\xff\xff", 4);
	assert_string_equal(l->error_category, "protobuf_decode");
	assert_memory_equal(l->error_message, "Protobuf decode failed: ", 24);
	assert_string_equal(l->context, "{\"source\":\"gate\",\"priority\":\"high\"}");
	assert_int_equal(strlen(l->id), 36);
	assert_int_equal(l->id[14], '4'); /* UUID version 4 */
	assert_memory_equal(l->trace_id, "gate-", 5);
	assert_string_equal(l->trace_id + 5, l->id);
	assert_null(l->request_id);
	assert_null(l->original_message_id); /* it never was a mail */
	assert_int_equal(l->redrive_attempts, 0);
	assert_int_equal(l->last_redrive_ms, 0);
	assert_true(l->created_ms > 0);
	return true;
}

static void a_poisoned_message_is_logged_and_kept_with_all_that_is_known(void **state)
{
	struct actr__msg *msg = actr__msg_new(4, ACTR_LANE_RPC_SIGNAL);
	struct actr__mailbox_stats stats;
	struct world *w = *state;

	memcpy(msg->data, "\xff\xff\xff\xff", 4);
	actr__gate_receive(A(w)->endpoint.gate, &B(w)->id, msg);
	world_advance(w, 10);
	expect_record("protobuf_decode", "what=undecodable_envelope size=4", ACTR_LOG_WARN, 9,
		      NULL);
	actr__mailbox_stats(A(w)->mailbox, &stats);
	assert_int_equal(stats.dead_letters, 1);
	assert_int_equal(actr__mailbox_visit_letters(A(w)->mailbox, check_letter, w), 0);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_request_is_logged_when_it_comes_and_when_it_is_handled),
		WORLD_TEST(a_failed_handler_is_logged_with_severity_6),
		WORLD_TEST(a_handler_that_finds_itself_broken_is_logged_with_severity_8),
		WORLD_TEST(a_fault_without_words_is_an_unknown_one),
		WORLD_TEST(an_answer_for_nobody_is_logged_and_dropped),
		WORLD_TEST(an_answer_of_neither_or_both_ends_the_call_at_once),
		WORLD_TEST(an_answer_that_cannot_leave_is_logged_with_severity_7),
		WORLD_TEST(a_poisoned_message_is_logged_and_kept_with_all_that_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
