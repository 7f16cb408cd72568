/* The generated dispatcher and replies, against fake contexts and tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake.h"
#include "probe.actr.h"

struct world {
	actr_ctx ctx;
	actr_reply reply;
	int alphas, gammas, nothings, registers;
	int result;
	char text[64];
	int limit;
	size_t depth;
};

static int on_alpha(void *self, actr_ctx *ctx, const Test__Text *req, actr_reply *reply)
{
	struct world *w = self;
	Test__Text resp = TEST__TEXT__INIT;

	assert_ptr_equal(ctx, &w->ctx);
	w->alphas++;
	strncpy(w->text, req->text, sizeof w->text - 1);
	w->limit = req->_limit_case == TEST__TEXT___LIMIT_LIMIT ? req->limit : -1;
	resp.text = req->text;
	return w->result ? w->result : probe_alpha_reply(reply, &resp);
}

static int on_gamma(void *self, actr_ctx *ctx, const Test__Tree *req, actr_reply *reply)
{
	struct world *w = self;

	(void)ctx;
	w->gammas++;
	for (w->depth = 1; req->n_children; req = req->children[0])
		w->depth++;
	return probe_gamma_reply(reply, req);
}

static int on_nothing(void *self, actr_ctx *ctx, const Test__Nil *req, actr_reply *reply)
{
	struct world *w = self;

	(void)ctx;
	w->nothings++;
	return probe_nothing_reply(reply, req);
}

static int on_register(void *self, actr_ctx *ctx, const Test__Text *req, actr_reply *reply)
{
	struct world *w = self;

	(void)ctx;
	w->registers++;
	return probe_register_reply(reply, req);
}

static const probe_ops all = {.size = sizeof all,
			      .alpha = on_alpha,
			      .gamma = on_gamma,
			      .nothing = on_nothing,
			      .register_ = on_register};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	w->ctx.memory.allowed = -1;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	fake_memory_done(&w->ctx.memory);
	fake_reply_done(&w->reply);
	free(w);
	return 0;
}

static int dispatch(struct world *w, const probe_ops *ops, const char *route, const void *payload,
		    size_t size)
{
	/* On the heap and as long as it is, so that a sanitizer sees a step too far. */
	size_t route_size = strlen(route);
	uint8_t *key = malloc(route_size ? route_size : 1);
	uint8_t *bytes = size ? malloc(size) : NULL;
	int rc;

	memcpy(key, route, route_size);
	if (size)
		memcpy(bytes, payload, size);
	rc = probe.dispatch(ops, w, &w->ctx, (actr_bytes){key, route_size},
			    (actr_bytes){bytes, size}, &w->reply);
	free(bytes);
	free(key);
	return rc;
}

static const uint8_t hello[] = {0x0a, 5, 'h', 'e', 'l', 'l', 'o', 0x18, 0};

static void a_request_reaches_its_handler_decoded(void **state)
{
	struct world *w = *state;

	assert_int_equal(dispatch(w, &all, "test.Probe.Alpha", hello, sizeof hello), 0);
	assert_int_equal(w->alphas, 1);
	assert_string_equal(w->text, "hello");
	assert_int_equal(w->limit, 0); /* proto3 optional: set, although it is zero */
	assert_int_equal(w->reply.sent, 1);
	assert_int_equal(w->reply.size, 7);
	assert_memory_equal(w->reply.bytes, hello, 7);
}

static void an_empty_payload_is_a_message_of_defaults(void **state)
{
	struct world *w = *state;

	assert_int_equal(dispatch(w, &all, "test.Probe.Alpha", NULL, 0), 0);
	assert_string_equal(w->text, "");
	assert_int_equal(w->limit, -1);
}

static void routes_of_one_length_are_told_apart(void **state)
{
	struct world *w = *state;

	assert_int_equal(dispatch(w, &all, "test.Probe.Gamma", NULL, 0), 0);
	assert_int_equal(w->gammas, 1);
	assert_int_equal(w->alphas, 0);
}

static void a_route_that_no_method_has_is_unknown(void **state)
{
	static const char *const routes[] = {"",
					     "test.Probe.Alphb",
					     "test.Probe.alpha",
					     "Test.Probe.Alpha",
					     "test.Probe.Alpha ",
					     "test.Probe.Alph",
					     ".test.Probe.Alpha",
					     "test.Probe.Feed"};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		assert_int_equal(dispatch(w, &all, routes[i], hello, sizeof hello),
				 ACTR_E_UNKNOWN_ROUTE);
	assert_int_equal(w->alphas + w->gammas + w->nothings + w->registers, 0);
}

static void a_handler_past_the_size_of_the_ops_is_not_implemented(void **state)
{
	struct world *w = *state;
	probe_ops old = all; /* of a program that was built before Register was added */

	old.size = offsetof(probe_ops, register_);
	assert_int_equal(dispatch(w, &old, "test.Probe.Register", hello, sizeof hello),
			 ACTR_E_UNIMPLEMENTED);
	assert_string_equal(w->reply.message, "test.Probe.Register is not implemented");
	old.size++;
	assert_int_equal(dispatch(w, &old, "test.Probe.Register", hello, sizeof hello),
			 ACTR_E_UNIMPLEMENTED);
	assert_int_equal(dispatch(w, &old, "test.Probe.Nothing", NULL, 0), 0);
	old.size = 0;
	assert_int_equal(dispatch(w, &old, "test.Probe.Alpha", hello, sizeof hello),
			 ACTR_E_UNIMPLEMENTED);
	assert_int_equal(w->alphas + w->registers, 0);
}

static void a_handler_that_is_null_is_not_implemented(void **state)
{
	struct world *w = *state;
	probe_ops some = {.size = sizeof some, .alpha = on_alpha};

	assert_int_equal(dispatch(w, &some, "test.Probe.Gamma", NULL, 0), ACTR_E_UNIMPLEMENTED);
	assert_int_equal(dispatch(w, &some, "test.Probe.Alpha", NULL, 0), 0);
}

static void garbage_is_a_decode_error_that_names_the_type(void **state)
{
	static const uint8_t wrong_type[] = {0x08, 1}; /* text as a number */
	static const uint8_t cut_off[] = {0x0a, 5, 'h'};
	static const uint8_t noise[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct world *w = *state;

	assert_int_equal(dispatch(w, &all, "test.Probe.Alpha", cut_off, sizeof cut_off),
			 ACTR_E_DECODE);
	assert_non_null(strstr(w->reply.message, "Failed to decode test.Text"));
	assert_int_equal(dispatch(w, &all, "test.Probe.Alpha", noise, sizeof noise), ACTR_E_DECODE);
	assert_int_equal(dispatch(w, &all, "test.Probe.Alpha", wrong_type, sizeof wrong_type),
			 ACTR_E_DECODE);
	assert_int_equal(w->alphas, 0);
	assert_int_equal(w->reply.sent, 0);
}

static void what_the_handler_returns_is_returned(void **state)
{
	struct world *w = *state;

	w->result = ACTR_E_PERMISSION_DENIED;
	assert_int_equal(dispatch(w, &all, "test.Probe.Alpha", hello, sizeof hello),
			 ACTR_E_PERMISSION_DENIED);
	assert_int_equal(w->reply.sent, 0);
}

static void a_request_without_memory_fails_as_such(void **state)
{
	struct world *w = *state;
	int rc, tries = 0;

	do {
		fake_memory_done(&w->ctx.memory);
		w->ctx.memory.allowed = tries++;
		rc = dispatch(w, &all, "test.Probe.Alpha", hello, sizeof hello);
		assert_true(rc == 0 || rc == ACTR_E_NOMEM);
	} while (rc < 0);
	assert_true(tries > 2);
	assert_int_equal(w->alphas, 1);
}

/* `depth` trees, each the only child of the one before; returns its size at the end of `bytes`. */
static size_t nest(uint8_t *bytes, size_t room, size_t depth)
{
	size_t size = 0;

	while (--depth) {
		size_t content = size;

		if (content >= 0x80)
			bytes[room - ++size] = (uint8_t)(content >> 7);
		bytes[room - ++size] = (uint8_t)(content & 0x7f) | (content >= 0x80 ? 0x80 : 0);
		bytes[room - ++size] = 0x12;
	}
	return size;
}

static void a_message_is_nested_a_hundred_deep_and_not_deeper(void **state)
{
	struct world *w = *state;
	uint8_t bytes[4096];
	size_t size = nest(bytes, sizeof bytes, 100);

	assert_int_equal(dispatch(w, &all, "test.Probe.Gamma", bytes + sizeof bytes - size, size),
			 0);
	assert_int_equal(w->depth, 100);
	size = nest(bytes, sizeof bytes, 101);
	assert_int_equal(dispatch(w, &all, "test.Probe.Gamma", bytes + sizeof bytes - size, size),
			 ACTR_E_DECODE);
	assert_non_null(strstr(w->reply.message, "nested too deep"));
	size = nest(bytes, sizeof bytes, 1000);
	assert_int_equal(dispatch(w, &all, "test.Probe.Gamma", bytes + sizeof bytes - size, size),
			 ACTR_E_DECODE);
	assert_int_equal(w->gammas, 1);
}

static void a_nested_message_cut_anywhere_does_no_harm(void **state)
{
	struct world *w = *state;
	uint8_t bytes[512];
	size_t size = nest(bytes, sizeof bytes, 60);

	for (size_t cut = 1; cut < size; cut++) {
		fake_memory_done(&w->ctx.memory);
		assert_int_equal(dispatch(w, &all, "test.Probe.Gamma", bytes + sizeof bytes - size,
					  size - cut),
				 ACTR_E_DECODE);
	}
	for (size_t i = 0; i < 8 * size; i++) { /* any answer is right, a step too far is not */
		uint8_t flipped[sizeof bytes];

		memcpy(flipped, bytes + sizeof bytes - size, size);
		flipped[i / 8] ^= (uint8_t)(1u << (i % 8));
		fake_memory_done(&w->ctx.memory);
		fake_reply_done(&w->reply);
		(void)dispatch(w, &all, "test.Probe.Gamma", flipped, size);
	}
}

static void an_empty_answer_needs_no_room(void **state)
{
	struct world *w = *state;

	w->reply.no_room = true;
	assert_int_equal(dispatch(w, &all, "test.Probe.Nothing", NULL, 0), 0);
	assert_int_equal(w->nothings, 1);
	assert_int_equal(w->reply.sent, 1);
}

static void an_answer_without_room_leaves_the_token_open(void **state)
{
	struct world *w = *state;

	w->reply.no_room = true;
	assert_int_equal(dispatch(w, &all, "test.Probe.Alpha", hello, sizeof hello), ACTR_E_ENCODE);
	assert_int_equal(w->reply.sent, 0);
	assert_non_null(strstr(w->reply.message, "test.Text of 7 bytes"));
}

static void an_answer_that_was_not_initialised_is_refused(void **state)
{
	struct world *w = *state;
	Test__Text zero;

	memset(&zero, 0, sizeof zero);
	assert_int_equal(probe_alpha_reply(&w->reply, &zero), ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(probe_alpha_reply(&w->reply, NULL), ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(probe_alpha_reply(NULL, &zero), ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(w->reply.sent, 0);
}

static void defect_13_the_table_has_the_lane_of_the_option(void **state)
{
	(void)state;
	assert_int_equal(probe.size, sizeof(actr_service));
	assert_string_equal(probe.manufacturer, "acme");
	assert_string_equal(probe.name, "test.Probe");
	assert_int_equal(probe.method_count, PROBE_METHODS);
	assert_string_equal(probe.methods[PROBE_GAMMA_METHOD].route_key, "test.Probe.Gamma");
	assert_string_equal(probe.methods[PROBE_GAMMA_METHOD].input, "test.Tree");
	assert_int_equal(probe.methods[PROBE_GAMMA_METHOD].lane, ACTR_LANE_RPC_RELIABLE);
	assert_int_equal(probe.methods[PROBE_NOTHING_METHOD].lane, ACTR_LANE_RPC_SIGNAL);
	assert_int_equal(probe.methods[PROBE_FEED_METHOD].lane, ACTR_LANE_STREAM_RELIABLE);
	assert_int_equal(probe.methods[PROBE_FEED_METHOD].streaming, ACTR_CLIENT_STREAMING);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_reaches_its_handler_decoded),
		TEST(an_empty_payload_is_a_message_of_defaults),
		TEST(routes_of_one_length_are_told_apart),
		TEST(a_route_that_no_method_has_is_unknown),
		TEST(a_handler_past_the_size_of_the_ops_is_not_implemented),
		TEST(a_handler_that_is_null_is_not_implemented),
		TEST(garbage_is_a_decode_error_that_names_the_type),
		TEST(what_the_handler_returns_is_returned),
		TEST(a_request_without_memory_fails_as_such),
		TEST(a_message_is_nested_a_hundred_deep_and_not_deeper),
		TEST(a_nested_message_cut_anywhere_does_no_harm),
		TEST(an_empty_answer_needs_no_room),
		TEST(an_answer_without_room_leaves_the_token_open),
		TEST(an_answer_that_was_not_initialised_is_refused),
		TEST(defect_13_the_table_has_the_lane_of_the_option),
	};

	return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
