#include "protocol/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static size_t live, until_failure = SIZE_MAX;

static void *count_alloc(void *user, size_t size)
{
	(void)user;
	if (!until_failure)
		return NULL;
	until_failure--;
	live++;
	return malloc(size);
}

static void *count_realloc(void *user, void *block, size_t size)
{
	(void)user;
	return realloc(block, size);
}

static void count_free(void *user, void *block)
{
	(void)user;
	live -= block != NULL;
	free(block);
}

static void a_message_is_one_allocation_until_its_arena_grows(void **st)
{
	struct actr__msg *msg = actr__msg_new(200, ACTR_LANE_RPC_SIGNAL);

	(void)st;
	assert_non_null(msg);
	assert_int_equal(msg->lane, ACTR_LANE_RPC_SIGNAL);
	assert_int_equal(msg->size, 200);
	memset(msg->data, 0xaa, msg->size);
	assert_non_null(actr__arena_alloc(&msg->arena, 400));
	assert_int_equal(live, 1);
	assert_non_null(actr__arena_alloc(&msg->arena, 400));
	assert_int_equal(live, 2);
	assert_ptr_equal(actr__msg_ref(msg), msg);
	assert_null(actr__msg_unref(msg));
	assert_int_equal(live, 2);
	assert_null(actr__msg_unref(msg));
	assert_int_equal(live, 0);
	assert_null(actr__msg_unref(NULL));
}

static void a_message_has_a_largest_size(void **st)
{
	struct actr__msg *msg = actr__msg_new(ACTR__SIGNALING_MAX, 0);

	(void)st;
	assert_non_null(msg);
	msg->data[ACTR__SIGNALING_MAX - 1] = 1;
	actr__msg_unref(msg);
	assert_null(actr__msg_new(ACTR__SIGNALING_MAX + 1, 0));
	assert_null(actr__msg_new(SIZE_MAX, 0));
}

static void without_memory_there_is_no_message(void **st)
{
	(void)st;
	until_failure = 0;
	assert_null(actr__msg_new(1, 0));
	until_failure = SIZE_MAX;
}

static void lanes_have_the_originals_names(void **st)
{
	(void)st;
	assert_string_equal(actr__lane_name(0), "RpcReliable");
	assert_string_equal(actr__lane_name(3), "StreamLatencyFirst");
	assert_string_equal(actr__lane_name(4), "MediaRtp");
	assert_string_equal(actr__lane_name(5), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_one_allocation_until_its_arena_grows),
		cmocka_unit_test(a_message_has_a_largest_size),
		cmocka_unit_test(without_memory_there_is_no_message),
		cmocka_unit_test(lanes_have_the_originals_names),
	};
	static const actr_allocator allocator = {count_alloc, count_realloc, count_free, NULL};

	actr_set_allocator(&allocator);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
