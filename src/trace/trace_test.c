/*
 * Spans and their way out, on a virtual loop, to a collector that is a function.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/support/otlp.h"
#include "tests/support/torture.h"
#include "trace/trace.h"

static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

struct bed {
	struct actr__loop *loop;
	struct actr__tracer *tracer;
	struct otlp_batch got;
	void *ticket; /* of the post under way */
	unsigned posts, refuse_posts, flushed;
};

static int take_post(void *owner, actr_bytes body, unsigned timeout_ms, void *ticket,
		     actr_error *err)
{
	struct bed *b = owner;

	assert_null(b->ticket); /* one at a time */
	assert_int_equal(timeout_ms, 10000);
	b->posts++;
	if (b->refuse_posts)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "refused by the test");
	memset(&b->got, 0, sizeof b->got);
	assert_true(otlp_decode(&b->got, body));
	b->ticket = ticket;
	return 0;
}

static const struct actr__tracer_ops ops = {take_post};

/* The library's clock follows the loop. */
static uint64_t virtual_ns(void *user)
{
	return actr__loop_now_ns(user);
}

static int64_t virtual_wall_ms(void *user)
{
	return (int64_t)actr__loop_now_ms(user) + 1700000000000;
}

static void make_tracer(struct bed *b, const struct actr__tracer_options *options)
{
	actr__tracer_free(b->tracer);
	assert_int_equal(actr__tracer_new(b->loop, options, &ops, b, &b->tracer, NULL), 0);
}

static int setup(void **state)
{
	struct bed *b = actr__new0(struct bed);

	assert_non_null(b);
	assert_int_equal(actr__loop_new_virtual(&b->loop, NULL), 0);
	actr_set_clock(&(actr_clock){virtual_ns, virtual_wall_ms, b->loop});
	make_tracer(b, &(struct actr__tracer_options){.service_name = "shop", .ratio = 1});
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bed *b = *state;

	actr__tracer_free(b->tracer);
	actr__loop_free(b->loop);
	actr_set_clock(NULL);
	actr__free(b);
	return 0;
}

static struct actr__span *begin(struct bed *b, const char *traceparent, char *ret)
{
	struct actr__span_start start = {.kind = ACTR__SPAN_CLIENT,
					 .route_key = actr__text("shop.Cart.Add"),
					 .request_id = actr__text("id-1"),
					 .traceparent = actr__text(traceparent),
					 .tracestate = actr__text("rojo=1")};

	return actr__span_begin(b->tracer, &start, ret);
}

static void add(struct bed *b, unsigned count)
{
	char text[ACTR__TRACEPARENT_SIZE];

	while (count--)
		actr__span_end(b->tracer, begin(b, parent, text), NULL);
}

static void answer(struct bed *b, unsigned status, unsigned retry_after_s)
{
	assert_non_null(b->ticket);
	actr__tracer_posted(
		TAKE(b->ticket),
		&(struct actr__tracer_answer){.status = status, .retry_after_s = retry_after_s});
}

static struct actr__tracer_stats stats(struct bed *b)
{
	struct actr__tracer_stats s;

	actr__tracer_stats(b->tracer, &s);
	return s;
}

/* --- spans --- */

static void a_child_has_its_parents_trace_and_an_id_of_its_own(void **state)
{
	struct bed *b = *state;
	char text[ACTR__TRACEPARENT_SIZE];
	struct actr__span *s = begin(b, parent, text);

	assert_non_null(s);
	assert_memory_equal(text, parent, 36);
	assert_memory_not_equal(text + 36, parent + 36, 16);
	assert_string_equal(text + 52, "-01");
	actr__span_end(b->tracer, s, NULL);
	actr__loop_advance(b->loop, 5000);
	assert_int_equal(b->got.count, 1);
	assert_memory_equal(b->got.spans[0].trace_id, parent + 3, 32);
	assert_memory_equal(b->got.spans[0].parent_id, parent + 36, 16);
	assert_memory_equal(b->got.spans[0].span_id, text + 36, 16);
	assert_string_equal(b->got.spans[0].tracestate, "rojo=1");
	answer(b, 200, 0);
}

static void without_a_valid_parent_a_trace_begins(void **state)
{
	struct bed *b = *state;
	char text[ACTR__TRACEPARENT_SIZE], other[ACTR__TRACEPARENT_SIZE];

	actr__span_end(b->tracer, begin(b, "", text), NULL);
	actr__span_end(b->tracer, begin(b, "ff-of no use", other), NULL);
	assert_true(actr__traceparent_valid(actr__text(text)));
	assert_true(actr__traceparent_valid(actr__text(other)));
	assert_memory_not_equal(text, other, 35);
	actr__loop_advance(b->loop, 5000);
	assert_int_equal(b->got.count, 2);
	assert_string_equal(b->got.spans[0].parent_id, "");
	assert_string_equal(b->got.spans[0].tracestate, ""); /* not without its parent */
	assert_string_equal(b->got.spans[1].parent_id, "");
	answer(b, 200, 0);
}

static void what_the_parent_did_not_sample_is_not_recorded_but_has_ids(void **state)
{
	struct bed *b = *state;
	char text[ACTR__TRACEPARENT_SIZE];

	assert_null(begin(b, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", text));
	assert_memory_equal(text, parent, 36);
	assert_memory_not_equal(text + 36, parent + 36, 16);
	assert_string_equal(text + 52, "-00");
	actr__span_set_peer(NULL, NULL);
	actr__span_found(NULL);
	assert_null(actr__span_end(b->tracer, NULL, NULL));
	assert_false(actr__loop_advance_to_next(b->loop)); /* nothing to send */
}

static void of_the_traces_that_begin_here_a_share_is_sampled(void **state)
{
	struct bed *b = *state;
	char text[ACTR__TRACEPARENT_SIZE];
	unsigned sampled = 0;

	make_tracer(b, &(struct actr__tracer_options){.ratio = 0.25});
	for (unsigned i = 0; i < 4000; i++) {
		struct actr__span *s = begin(b, "", text);

		assert_string_equal(text + 52, s ? "-01" : "-00");
		sampled += s != NULL;
		actr__span_end(NULL, s, NULL); /* the tracer had gone */
	}
	assert_in_range(sampled, 850, 1150);
	assert_non_null(b->tracer);
	actr__span_end(b->tracer, begin(b, parent, text), NULL); /* its parent decided */
	assert_int_equal(stats(b).waiting, 1);
	make_tracer(b, &(struct actr__tracer_options){.ratio = 0});
	assert_null(begin(b, "", text));
	make_tracer(b, &(struct actr__tracer_options){.ratio = 0, .ignore_parent = true});
	assert_null(begin(b, parent, text));
}

static void a_failed_span_says_how(void **state)
{
	struct bed *b = *state;
	char text[ACTR__TRACEPARENT_SIZE];
	struct actr__span *s = begin(b, parent, text);
	actr_error err = ACTR_ERROR_INIT;
	actr_id peer = {.realm = 1, .serial = 0x2a};
	const struct otlp_span *got = &b->got.spans[0];

	assert_int_equal(actr_type_set(&peer.type, "acme", "Cart", NULL), 0);
	actr__loop_advance(b->loop, 30);
	actr__span_set_peer(s, &peer);
	actr__span_found(s);
	actr__loop_advance(b->loop, 70);
	ACTR_FAIL(&err, ACTR_E_TIMEOUT, "nobody is there");
	actr__span_end(b->tracer, s, &err);
	actr__tracer_set_id(b->tracer, &peer);
	actr__loop_advance(b->loop, 5000);
	assert_int_equal(got->status, 2);
	assert_string_equal(got->message, "nobody is there");
	assert_string_equal(got->name, "shop.Cart/Add");
	assert_int_equal(got->kind, 3);
	assert_int_equal(got->end_ns - got->start_ns, 100000000);
	assert_true(got->start_ns / 1000000 >= 1700000000000);
	assert_string_equal(got->event, "actor found");
	assert_int_equal(got->event_ns - got->start_ns, 30000000);
	assert_string_equal(otlp_attribute(got, "rpc.system"), "actr");
	assert_string_equal(otlp_attribute(got, "rpc.service"), "shop.Cart");
	assert_string_equal(otlp_attribute(got, "rpc.method"), "Add");
	assert_string_equal(otlp_attribute(got, "rpc.actr.status_code"), "504");
	assert_string_equal(otlp_attribute(got, "error.type"), "ACTR_E_TIMEOUT");
	assert_string_equal(otlp_attribute(got, "actr.request_id"), "id-1");
	assert_string_equal(otlp_attribute(got, "actr.peer"), "acme:Cart@2a:1");
	assert_string_equal(otlp_resource(&b->got, "service.name"), "shop");
	assert_string_equal(otlp_resource(&b->got, "service.instance.id"), "acme:Cart@2a:1");
	assert_string_equal(otlp_resource(&b->got, "telemetry.sdk.language"), "c");
	assert_string_equal(b->got.scope, "actr");
	answer(b, 200, 0);
}

static void long_texts_are_cut_between_characters(void **state)
{
	struct bed *b = *state;
	char route[512], text[ACTR__TRACEPARENT_SIZE];
	struct actr__span_start start = {.kind = ACTR__SPAN_SERVER,
					 .route_key = actr__bytes(route, sizeof route)};
	actr_error err = ACTR_ERROR_INIT;

	for (size_t i = 0; i < sizeof route; i++)
		route[i] = "\xe2\x82\xac"[i % 3];
	memset(err.message, '\xff', 10); /* not text at all */
	err.code = ACTR_E_UNKNOWN_ROUTE;
	actr__span_end(b->tracer, actr__span_begin(b->tracer, &start, text), &err);
	actr__loop_advance(b->loop, 5000); /* the decoder looks at the characters */
	assert_int_equal(strlen(otlp_attribute(&b->got.spans[0], "rpc.method")), 189);
	assert_string_equal(b->got.spans[0].message, "");
	assert_string_equal(b->got.spans[0].name, "unknown route");
	answer(b, 200, 0);
}

/* --- the way out --- */

static void a_batch_leaves_when_it_is_full_or_its_time_has_come(void **state)
{
	struct bed *b = *state;

	add(b, 511);
	actr__loop_advance(b->loop, 4999);
	assert_int_equal(b->posts, 0);
	add(b, 1);
	actr__loop_advance(b->loop, 0);
	assert_int_equal(b->posts, 1);
	assert_int_equal(b->got.count, 512);
	add(b, 600); /* they wait for the post under way */
	actr__loop_advance(b->loop, 9000);
	assert_int_equal(b->posts, 1);
	answer(b, 200, 0);
	actr__loop_advance(b->loop, 0);
	assert_int_equal(b->got.count, 512);
	answer(b, 202, 0);
	actr__loop_advance(b->loop, 4999);
	assert_int_equal(b->posts, 2);
	actr__loop_advance(b->loop, 1);
	assert_int_equal(b->got.count, 88);
	answer(b, 200, 0);
	assert_int_equal(stats(b).exported, 1112);
	assert_int_equal(stats(b).waiting, 0);
	assert_false(actr__loop_advance_to_next(b->loop)); /* quiet */
}

static void an_overloaded_collector_is_asked_again_later(void **state)
{
	struct bed *b = *state;
	static const unsigned codes[] = {429, 503, 502, 504};

	add(b, 3);
	actr__loop_advance(b->loop, 5000);
	for (unsigned i = 0; i < 4; i++) {
		answer(b, codes[i], 0);
		actr__loop_advance(b->loop, (500u << i) - 1);
		assert_null(b->ticket);
		actr__loop_advance(b->loop, (500u << i) + 1);
		assert_int_equal(b->got.count, 3);
	}
	answer(b, 200, 0);
	assert_int_equal(stats(b).exported, 3);
	assert_int_equal(stats(b).posts, 5);
	assert_int_equal(stats(b).posts_failed, 4);
	assert_int_equal(stats(b).dropped_failed, 0);
}

static void retry_after_is_kept_within_a_minute(void **state)
{
	struct bed *b = *state;

	add(b, 1);
	actr__loop_advance(b->loop, 5000);
	answer(b, 503, 7);
	actr__loop_advance(b->loop, 6999);
	assert_null(b->ticket);
	actr__loop_advance(b->loop, 1);
	answer(b, 503, 86400);
	actr__loop_advance(b->loop, 59999);
	assert_null(b->ticket);
	actr__loop_advance(b->loop, 1);
	answer(b, 200, 0);
	assert_int_equal(stats(b).exported, 1);
}

static void after_five_tries_a_batch_is_dropped_and_counted(void **state)
{
	struct bed *b = *state;

	add(b, 2);
	for (unsigned i = 0; i < 5; i++) {
		actr__loop_advance(b->loop, 30000);
		answer(b, 0, 0);
	}
	assert_int_equal(stats(b).dropped_failed, 2);
	assert_int_equal(stats(b).waiting, 0);
	assert_false(actr__loop_advance_to_next(b->loop));
	add(b, 1);
	actr__loop_advance(b->loop, 5000);
	answer(b, 400, 0); /* not worth a retry */
	assert_int_equal(stats(b).dropped_failed, 3);
	b->refuse_posts = 1;
	b->posts = 0;
	add(b, 1);
	actr__loop_advance(b->loop, 300000);
	assert_int_equal(b->posts, 5);
	assert_int_equal(stats(b).dropped_failed, 4);
}

static void a_full_queue_drops_and_counts(void **state)
{
	struct bed *b = *state;

	add(b, 1);
	actr__loop_advance(b->loop, 5000); /* a post that is not answered */
	add(b, 5000);
	assert_int_equal(stats(b).waiting, 1 + 4096);
	assert_int_equal(stats(b).dropped_full, 904);
	answer(b, 200, 0);
}

static unsigned warnings;

static void count_warnings(void *user, const actr_log_record *record)
{
	(void)user;
	warnings += !strcmp(record->category, "trace_export");
}

static void a_collector_that_is_down_is_logged_once(void **state)
{
	struct bed *b = *state;

	warnings = 0;
	actr_set_log(ACTR_LOG_WARN, count_warnings, NULL);
	for (unsigned i = 0; i < 3; i++) {
		add(b, 1);
		actr__loop_advance(b->loop, 5000);
		answer(b, 404, 0);
	}
	actr_set_log(ACTR_LOG_ERROR, NULL, NULL);
	assert_int_equal(warnings, 1);
}

static void what_the_collector_rejects_is_counted(void **state)
{
	static const uint8_t body[] = {0x0a, 0x02, 0x08, 0x02};
	struct bed *b = *state;

	add(b, 5);
	actr__loop_advance(b->loop, 5000);
	actr__tracer_posted(TAKE(b->ticket),
			    &(struct actr__tracer_answer){.status = 200,
							  .body = actr__bytes(body, sizeof body)});
	assert_int_equal(stats(b).rejected, 2);
	assert_int_equal(stats(b).exported, 3);
}

/* --- the end --- */

static void on_flushed(void *user)
{
	((struct bed *)user)->flushed++;
}

static void a_flush_sends_all_without_waiting(void **state)
{
	struct bed *b = *state;

	actr__tracer_flush(b->tracer, on_flushed, b);
	assert_int_equal(b->flushed, 1); /* there was nothing */
	add(b, 600);
	actr__tracer_flush(b->tracer, on_flushed, b);
	actr__loop_advance(b->loop, 0);
	answer(b, 200, 0);
	actr__loop_advance(b->loop, 0);
	assert_int_equal(b->flushed, 1);
	answer(b, 503, 0); /* no second try */
	assert_int_equal(b->flushed, 2);
	assert_int_equal(stats(b).exported, 512);
	assert_int_equal(stats(b).dropped_failed, 88);
}

static void a_flush_does_not_wait_for_the_next_try(void **state)
{
	struct bed *b = *state;

	add(b, 1);
	actr__loop_advance(b->loop, 5000);
	answer(b, 503, 60);
	actr__tracer_flush(b->tracer, on_flushed, b);
	actr__loop_advance(b->loop, 0);
	answer(b, 200, 0);
	assert_int_equal(b->flushed, 1);
	assert_int_equal(stats(b).exported, 1);
}

static void a_post_may_outlive_its_tracer(void **state)
{
	struct bed *b = *state;

	add(b, 3);
	actr__loop_advance(b->loop, 5000);
	add(b, 3);
	b->tracer = actr__tracer_free(b->tracer);
	answer(b, 200, 0);
	make_tracer(b, &(struct actr__tracer_options){.ratio = 1});
	add(b, 1);
	actr__loop_advance(b->loop, 5000);
	assert_non_null(b->ticket); /* it is freed with the loop */
}

static void without_memory_spans_are_dropped_and_counted(void **state)
{
	struct bed *b = *state;

	for (unsigned at = 0; at < 40; at++) {
		struct actr__tracer_stats s;
		struct torture torture;

		torture_begin(&torture);
		torture.countdown = at + 1;
		add(b, 3);
		actr__loop_advance(b->loop, 200000);
		torture_end();
		if (b->ticket)
			answer(b, 200, 0);
		s = stats(b);
		assert_int_equal(s.waiting, 0);
		assert_int_equal(s.exported + s.dropped_full + s.dropped_failed, 3 * (at + 1));
	}
	assert_true(stats(b).exported > 60);
	assert_true(stats(b).dropped_full > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_child_has_its_parents_trace_and_an_id_of_its_own),
		TEST(without_a_valid_parent_a_trace_begins),
		TEST(what_the_parent_did_not_sample_is_not_recorded_but_has_ids),
		TEST(of_the_traces_that_begin_here_a_share_is_sampled),
		TEST(a_failed_span_says_how),
		TEST(long_texts_are_cut_between_characters),
		TEST(a_batch_leaves_when_it_is_full_or_its_time_has_come),
		TEST(an_overloaded_collector_is_asked_again_later),
		TEST(retry_after_is_kept_within_a_minute),
		TEST(after_five_tries_a_batch_is_dropped_and_counted),
		TEST(a_full_queue_drops_and_counts),
		TEST(a_collector_that_is_down_is_logged_once),
		TEST(what_the_collector_rejects_is_counted),
		TEST(a_flush_sends_all_without_waiting),
		TEST(a_flush_does_not_wait_for_the_next_try),
		TEST(a_post_may_outlive_its_tracer),
		TEST(without_memory_spans_are_dropped_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
