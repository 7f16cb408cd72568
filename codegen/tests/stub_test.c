/* The generated functions that call, against fake calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake.h"
#include "probe.actr.h"

static const uint8_t hello[] = {0x0a, 5, 'h', 'e', 'l', 'l', 'o'};
static const actr_dest dest = {.kind = ACTR_DEST_ACTOR, .id = {.serial = 7}};

static Test__Text request(void)
{
	Test__Text req = TEST__TEXT__INIT;

	req.text = "hello";
	return req;
}

static int setup(void **state)
{
	(void)state;
	fake_stream = (struct fake_stream){0};
	fake_calls = (struct fake_calls){.response = {hello, sizeof hello}, .memory_allowed = -1};
	return 0;
}

/* Whatever a test did, it has given all calls back. */
static int teardown(void **state)
{
	(void)state;
	return fake_calls.live;
}

static void a_blocking_call_gives_the_response_in_its_call(void **state)
{
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	const Test__Text *resp;
	Test__Text req = request();
	actr_call *call;

	(void)state;
	options.timeout_ms = 12;
	assert_int_equal(probe_alpha(NULL, &dest, &req, &options, &call, &resp, NULL), 0);
	assert_string_equal(resp->text, "hello");
	assert_int_equal(call->refs, 1);
	assert_int_equal(call->started, 1);
	assert_int_equal(call->dest.id.serial, 7);
	assert_int_equal(call->options.timeout_ms, 12);
	assert_ptr_equal(call->method, &probe.methods[PROBE_ALPHA_METHOD]);
	assert_int_equal(call->size, sizeof hello);
	assert_memory_equal(call->payload, hello, sizeof hello);
	actr_call_unref(call);
}

static void a_blocking_call_may_leave_the_response_alone(void **state)
{
	Test__Text req = request();

	(void)state;
	assert_int_equal(probe_alpha(NULL, &dest, &req, NULL, NULL, NULL, NULL), 0);
}

static void a_response_without_its_call_is_refused_before_anything_is_sent(void **state)
{
	const Test__Text *resp = NULL;
	Test__Text req = request();
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	fake_calls.new_result = ACTR_E_STATE;
	assert_int_equal(probe_alpha(NULL, &dest, &req, NULL, NULL, &resp, &err),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(err.code, ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(err.wire_code, 400);
	assert_null(resp);
}

static void a_failed_call_gives_its_error_and_nothing_else(void **state)
{
	const Test__Text *resp = NULL;
	Test__Text req = request();
	actr_error err = ACTR_ERROR_INIT;
	actr_call *call = NULL;

	(void)state;
	fake_calls.result = ACTR_E_UNAVAILABLE;
	assert_int_equal(probe_alpha(NULL, &dest, &req, NULL, &call, &resp, &err),
			 ACTR_E_UNAVAILABLE);
	assert_string_equal(err.message, "the fake says so");
	assert_null(call);
	assert_null(resp);
}

static void a_call_that_may_not_block_is_cancelled(void **state)
{
	const Test__Text *resp;
	Test__Text req = request();
	actr_call *call;

	(void)state;
	fake_calls.wait_result = ACTR_E_WOULD_BLOCK;
	assert_int_equal(probe_alpha(NULL, &dest, &req, NULL, &call, &resp, NULL),
			 ACTR_E_WOULD_BLOCK);
	assert_int_equal(fake_calls.last.cancelled, 1);
}

static void a_response_that_is_no_message_is_a_decode_error(void **state)
{
	static const uint8_t cut_off[] = {0x0a, 5, 'h'};
	const Test__Text *resp;
	Test__Text req = request();
	actr_error err = ACTR_ERROR_INIT;
	actr_call *call;

	(void)state;
	fake_calls.response = (actr_bytes){cut_off, sizeof cut_off};
	assert_int_equal(probe_alpha(NULL, &dest, &req, NULL, &call, &resp, &err), ACTR_E_DECODE);
	assert_int_equal(err.code, ACTR_E_DECODE);
}

static void a_response_without_memory_fails_as_such(void **state)
{
	const Test__Text *resp;
	Test__Text req = request();
	actr_call *call;
	int rc;

	(void)state;
	fake_calls.memory_allowed = 0;
	while ((rc = probe_alpha(NULL, &dest, &req, NULL, &call, &resp, NULL)) == ACTR_E_NOMEM)
		fake_calls.memory_allowed++;
	assert_int_equal(rc, 0);
	assert_true(fake_calls.memory_allowed > 0);
	actr_call_unref(call);
}

static void on_done(void *user, actr_call *call)
{
	actr_call **ret_call = user;
	const Test__Text *resp = probe_alpha_response(call, NULL);

	assert_string_equal(resp->text, "hello");
	fake_calls.seen_ret_call = *ret_call;
}

static void a_started_call_is_known_to_its_owner_before_it_ends(void **state)
{
	Test__Text req = request();
	actr_call *call = NULL;

	(void)state;
	fake_calls.done_at_start = true;
	assert_int_equal(probe_alpha_start(NULL, &dest, &req, NULL, on_done, &call, &call, NULL),
			 0);
	assert_ptr_equal(fake_calls.seen_ret_call, call);
	assert_int_equal(call->refs, 1);
	actr_call_unref(call);
}

static void a_started_call_needs_no_owner(void **state)
{
	Test__Text req = request();

	(void)state;
	assert_int_equal(probe_alpha_start(NULL, &dest, &req, NULL, NULL, NULL, NULL, NULL), 0);
	assert_int_equal(fake_calls.last.started, 1);
}

static void a_tell_is_started_as_one(void **state)
{
	Test__Text req = request();

	(void)state;
	assert_int_equal(probe_alpha_tell(NULL, &dest, &req, NULL), 0);
	assert_int_equal(fake_calls.last.told, 1);
	assert_int_equal(fake_calls.last.started, 0);
	assert_int_equal(fake_calls.last.size, sizeof hello);
}

static void a_request_of_another_type_is_refused(void **state)
{
	Test__Nil nil = TEST__NIL__INIT;
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	assert_int_equal(
		probe_alpha_tell(NULL, &dest, (const Test__Text *)(const void *)&nil, &err),
		ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(probe_alpha_tell(NULL, &dest, NULL, NULL), ACTR_E_INVALID_ARGUMENT);
	assert_non_null(strstr(err.message, "INIT"));
}

static void a_call_that_cannot_be_made_is_told(void **state)
{
	Test__Text req = request();
	actr_error err = ACTR_ERROR_INIT;
	actr_call *call = NULL;

	(void)state;
	fake_calls.new_result = ACTR_E_CLOSED;
	assert_int_equal(probe_alpha_start(NULL, &dest, &req, NULL, NULL, NULL, &call, &err),
			 ACTR_E_CLOSED);
	assert_int_equal(err.code, ACTR_E_CLOSED);
	assert_int_equal(probe_alpha_tell(NULL, &dest, &req, &err), ACTR_E_CLOSED);
	assert_null(call);
}

static void the_response_of_no_call_is_null(void **state)
{
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	assert_null(probe_alpha_response(NULL, &err));
	assert_int_equal(err.code, ACTR_E_INVALID_ARGUMENT);
}

static void a_streaming_methods_message_is_a_chunk_on_its_lane(void **state)
{
	Test__Text req = request(), *received;
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	assert_int_equal(probe_feed_send(NULL, &dest, "feed-1", 3, &req, NULL, NULL, NULL, &err),
			 0);
	assert_int_equal(fake_stream.lane, ACTR_LANE_STREAM_RELIABLE);
	assert_int_equal(fake_stream.sequence, 3);
	assert_string_equal(fake_stream.stream_id, "feed-1");
	assert_int_equal(fake_stream.size, sizeof hello);
	assert_memory_equal(fake_stream.payload, hello, sizeof hello);
	chunk.payload = (actr_bytes){fake_stream.payload, fake_stream.size};
	received = probe_feed_received(&chunk, &err);
	assert_non_null(received);
	assert_string_equal(received->text, "hello");
	protobuf_c_message_free_unpacked(&received->base, NULL);
}

static void a_chunk_that_is_no_message_is_a_decode_error(void **state)
{
	static const uint8_t cut[] = {0x0a, 5, 'h'};
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	chunk.payload = (actr_bytes){cut, sizeof cut};
	assert_null(probe_feed_received_back(&chunk, &err));
	assert_int_equal(err.code, ACTR_E_DECODE);
}

static void a_message_that_cannot_be_sent_is_told(void **state)
{
	Test__Text req = request();
	Test__Tree other = TEST__TREE__INIT;
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	fake_stream.result = ACTR_E_CLOSED;
	assert_int_equal(probe_feed_send_back(NULL, &dest, "s", 0, &req, NULL, NULL, NULL, &err),
			 ACTR_E_CLOSED);
	assert_int_equal(probe_feed_send(NULL, &dest, "s", 0, (const Test__Text *)(void *)&other,
					 NULL, NULL, NULL, &err),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(fake_stream.sent, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_blocking_call_gives_the_response_in_its_call),
		TEST(a_blocking_call_may_leave_the_response_alone),
		TEST(a_response_without_its_call_is_refused_before_anything_is_sent),
		TEST(a_failed_call_gives_its_error_and_nothing_else),
		TEST(a_call_that_may_not_block_is_cancelled),
		TEST(a_response_that_is_no_message_is_a_decode_error),
		TEST(a_response_without_memory_fails_as_such),
		TEST(a_started_call_is_known_to_its_owner_before_it_ends),
		TEST(a_started_call_needs_no_owner),
		TEST(a_tell_is_started_as_one),
		TEST(a_request_of_another_type_is_refused),
		TEST(a_call_that_cannot_be_made_is_told),
		TEST(the_response_of_no_call_is_null),
		TEST(a_streaming_methods_message_is_a_chunk_on_its_lane),
		TEST(a_chunk_that_is_no_message_is_a_decode_error),
		TEST(a_message_that_cannot_be_sent_is_told),
	};

	return cmocka_run_group_tests_name("stub", tests, NULL, NULL);
}
