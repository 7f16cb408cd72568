/* Two wires of one engine on loopback: life, messages, close. */
#include "wire/webrtc/test_world.h"

static int set_up(void **st)
{
	*st = world_new();
	return 0;
}

static int tear_down(void **st)
{
	world_free(*st);
	return 0;
}

static bool b_has_4(struct world *w)
{
	return w->b.messages == 4;
}

static bool a_has_4(struct world *w)
{
	return w->a.messages == 4;
}

static void messages_cross_on_all_four_lanes_in_both_directions(void **st)
{
	struct world *w = *st;

	world_connect(w);
	for (unsigned lane = 0; lane < 4; lane++) {
		world_send(w, &w->a, lane, "from a", 6);
		world_send(w, &w->b, lane, "from b", 6);
	}
	world_wait(w, b_has_4);
	world_wait(w, a_has_4);
	for (unsigned lane = 0; lane < 4; lane++) {
		assert_int_equal(w->a.lane_messages[lane], 1);
		assert_int_equal(w->b.lane_messages[lane], 1);
	}
	assert_memory_equal(w->b.last, "from a", 6);
	assert_memory_equal(w->a.last, "from b", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(messages_cross_on_all_four_lanes_in_both_directions,
						set_up, tear_down),
	};

	return cmocka_run_group_tests_name("wire_webrtc", tests, NULL, NULL);
}
