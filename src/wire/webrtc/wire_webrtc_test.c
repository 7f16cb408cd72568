/* Two wires of one engine on loopback: messages, back-pressure, close, limits. */
#include "wire/webrtc/test_world.h"

#include "wire/webrtc/webrtc_internal.h"

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

static bool b_has_1(struct world *w)
{
	return w->b.messages == 1;
}

static void defect_34_the_largest_message_arrives_whole_and_one_byte_more_is_refused(void **st)
{
	struct world *w = *st;
	static uint8_t big[65536];
	actr_error err = ACTR_ERROR_INIT;

	world_connect(w);
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 7);
	assert_int_equal(actr__wire_send(w->a.wire, 0, actr__bytes(big, 65536), &err),
			 ACTR_E_TOO_LARGE);
	world_send(w, &w->a, 0, big, 65535);
	world_wait(w, b_has_1);
	assert_int_equal(w->b.last_size, 65535);
	assert_memory_equal(w->b.last, big, 65535);
}

static void an_empty_message_and_an_unknown_lane_are_refused(void **st)
{
	struct world *w = *st;

	world_connect(w);
	assert_int_equal(actr__wire_send(w->a.wire, 0, actr__bytes("", 0), NULL),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr__wire_send(w->a.wire, 4, actr__bytes("x", 1), NULL),
			 ACTR_E_INVALID_ARGUMENT);
}

static bool b_has_10000(struct world *w)
{
	return w->b.messages == 10000;
}

/* Sends numbered messages until `count` are taken; waits for room when refused. */
static void send_numbered(struct world *w, unsigned lane, unsigned count, size_t size)
{
	static uint8_t data[65535];
	static unsigned seen;
	uint32_t sent = 0;

	while (sent < count) {
		int rc;

		memcpy(data, &sent, sizeof sent);
		rc = actr__wire_send(w->a.wire, lane, actr__bytes(data, size), NULL);
		if (rc == 0) {
			sent++;
			continue;
		}
		assert_int_equal(rc, ACTR_E_WOULD_BLOCK);
		for (seen = w->a.writable; w->a.writable == seen;)
			world_pass(w, 1);
	}
}

static void ten_thousand_small_messages_arrive_in_order_and_share_packets(void **st)
{
	struct world *w = *st;
	struct actr__wire_stats stats;

	world_connect(w);
	send_numbered(w, 0, 10000, 100);
	world_wait(w, b_has_10000);
	assert_int_equal(w->b.out_of_order, 0);
	w->a.wire->ops->stats(w->a.wire, &stats);
	assert_true(stats.packets_sent < 5000);
}

static bool b_has_400(struct world *w)
{
	return w->b.messages == 400;
}

static void a_full_send_buffer_refuses_and_tells_when_there_is_room(void **st)
{
	struct world *w = *st;

	world_connect(w);
	send_numbered(w, 2, 400, 65535);
	assert_true(w->a.writable > 0);
	world_wait(w, b_has_400);
	assert_int_equal(w->b.out_of_order, 0);
	assert_int_equal(w->b.bytes, 400u * 65535u);
}

static void a_full_stream_lane_leaves_room_for_calls(void **st)
{
	struct world *w = *st;
	static uint8_t data[65535];

	world_connect(w);
	while (actr__wire_send(w->a.wire, 2, actr__bytes(data, sizeof data), NULL) == 0)
		;
	assert_int_equal(actr__wire_send(w->a.wire, 0, actr__bytes(data, 1000), NULL), 0);
}

static void messages_before_it_is_open_wait_for_on_writable(void **st)
{
	struct world *w = *st;

	world_dial(w, &w->a);
	assert_int_equal(actr__wire_send(w->a.wire, 1, actr__bytes("x", 1), NULL),
			 ACTR_E_WOULD_BLOCK);
	world_wait(w, both_open);
	world_pass(w, 1);
	assert_int_equal(w->a.writable, 1);
	world_send(w, &w->a, 1, "x", 1);
}

static bool b_has_three(struct world *w)
{
	return w->b.messages == 3;
}

/* ICE alone is up long before: only with DTLS and all channels up is it open, and then data flows.
 */
static void defect_7_open_means_that_every_lane_carries_data_at_once(void **st)
{
	struct world *w = *st;

	world_dial(w, &w->a);
	for (unsigned lane = 0; lane < 3; lane++)
		assert_int_equal(actr__wire_send(w->a.wire, lane, actr__bytes("x", 1), NULL),
				 ACTR_E_WOULD_BLOCK);
	world_wait(w, both_open);
	assert_int_equal(w->a.state_count, 1);
	for (unsigned lane = 0; lane < 3; lane++)
		world_send(w, &w->a, lane, "x", 1);
	world_wait(w, b_has_three);
}

static bool b_closed(struct world *w)
{
	return w->b.state_count && w->b.states[w->b.state_count - 1] == ACTR__WIRE_CLOSED;
}

static void defect_26_close_is_told_once_on_both_sides(void **st)
{
	struct world *w = *st;

	world_connect(w);
	actr__wire_close(w->a.wire, ACTR_E_CANCELLED, "enough");
	actr__wire_close(w->a.wire, ACTR_E_CANCELLED, "again");
	assert_int_equal(w->a.state_count, 1); /* open; closed comes from the loop */
	world_wait(w, both_closed);
	world_pass(w, 5);
	assert_int_equal(w->a.state_count, 2);
	assert_int_equal(w->b.state_count, 2);
	assert_int_equal(w->a.why.code, ACTR_E_CANCELLED);
	assert_string_equal(w->a.why.message, "enough");
	assert_int_equal(w->b.why.code, ACTR_E_CLOSED);
	assert_int_equal(actr__wire_send(w->a.wire, 0, actr__bytes("x", 1), NULL), ACTR_E_CLOSED);
}

static void a_wire_freed_without_close_tells_nothing_and_the_peer_notices(void **st)
{
	struct world *w = *st;

	world_connect(w);
	w->a.wire = actr__wire_unref(w->a.wire);
	world_wait(w, b_closed);
	assert_int_equal(w->a.state_count, 1);
}

static void forget_states(struct world *w)
{
	w->a.state_count = w->b.state_count = 0;
}

static void defect_53_fifty_connections_leave_no_descriptor_behind(void **st)
{
	struct world *w = *st;
	unsigned before = 0;

	for (int i = 0; i < 50; i++) {
		forget_states(w);
		world_connect(w);
		w->b.messages = 0;
		world_send(w, &w->a, 0, "hello", 5);
		world_wait(w, b_has_1);
		actr__wire_close(w->a.wire, ACTR_E_CLOSED, "done");
		world_wait(w, both_closed);
		world_drop_wires(w);
		world_pass(w, 3); /* the ice thread closes its sockets */
		if (i == 4)
			before = open_fd_count();
	}
	for (int i = 0; i < 100 && open_fd_count() > before; i++)
		world_pass(w, 2);
	assert_true(open_fd_count() <= before);
}

static void without_a_data_socket_libnice_carries_the_data(void **st)
{
	struct world *w = *st;
	struct actr__wire_stats stats;

	w->options.no_data_socket = true;
	world_connect(w);
	send_numbered(w, 0, 10000, 100);
	world_wait(w, b_has_10000);
	assert_int_equal(w->b.out_of_order, 0);
	w->a.wire->ops->stats(w->a.wire, &stats);
	assert_string_equal(stats.data_path, "libnice");
}

static void stats_name_the_path(void **st)
{
	struct world *w = *st;
	struct actr__wire_stats stats;

	world_connect(w);
	send_numbered(w, 0, 4, 100);
	world_wait(w, b_has_4);
	w->a.wire->ops->stats(w->a.wire, &stats);
	assert_non_null(strstr(stats.path, "host "));
	assert_non_null(strstr(stats.path, " <-> "));
	assert_non_null(strstr(stats.data_path, "socket"));
	assert_int_equal(stats.messages_sent, 4);
	assert_int_equal(stats.bytes_sent, 400);
	w->b.wire->ops->stats(w->b.wire, &stats);
	assert_int_equal(stats.messages_received, 4);
}

static bool a_closed(struct world *w)
{
	return w->a.state_count && w->a.states[w->a.state_count - 1] == ACTR__WIRE_CLOSED;
}

static void defect_49_an_unanswered_offer_times_out_with_its_reason(void **st)
{
	struct world *w = *st;

	w->b.manual = true;
	w->options.connect_timeout_ms = 50;
	world_dial(w, &w->a);
	world_wait(w, a_closed);
	assert_int_equal(w->a.why.code, ACTR_E_TIMEOUT);
	assert_non_null(strstr(w->a.why.message, "no answer"));
}

static void a_second_engine_is_refused(void **st)
{
	struct world *w = *st;
	struct actr__webrtc_engine *second = NULL;

	assert_int_equal(actr__webrtc_engine_new(w->loop, &second, NULL), ACTR_E_ALREADY_EXISTS);
}

static void a_turns_url_is_refused_with_words(void **st)
{
	struct world *w = *st;
	actr_ice_server server = {.url = "turns:example.org:5349"};
	struct actr__webrtc_options options = w->options;
	static const struct actr__wire_events none;
	struct actr__wire *wire = NULL;
	actr_error err = ACTR_ERROR_INIT;

	options.ice_servers = &server;
	options.ice_server_count = 1;
	assert_int_equal(actr__webrtc_dial(w->engine, &options, &none, NULL, 1, &wire, &err),
			 ACTR_E_INVALID_ARGUMENT);
	assert_non_null(strstr(err.message, "turns:"));
	server.url = "turn:127.0.0.1:3478";
	assert_int_equal(actr__webrtc_dial(w->engine, &options, &none, NULL, 1, &wire, &err),
			 ACTR_E_INVALID_ARGUMENT);
	assert_non_null(strstr(err.message, "credential"));
}

static void defect_68_an_ice_server_at_an_unroutable_address_is_refused(void **st)
{
	static const char *const urls[] = {"stun:0.0.0.0:3478", "stun:[::]:3478", "stun:0.0.0.0"};
	struct world *w = *st;
	struct actr__webrtc_options options = w->options;
	static const struct actr__wire_events none;
	struct actr__wire *wire = NULL;

	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		actr_ice_server server = {.url = urls[i]};
		actr_error err = ACTR_ERROR_INIT;

		options.ice_servers = &server;
		options.ice_server_count = 1;
		assert_int_equal(
			actr__webrtc_dial(w->engine, &options, &none, NULL, 1, &wire, &err),
			ACTR_E_INVALID_ARGUMENT);
		assert_non_null(strstr(err.message, "nobody can reach"));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_cross_on_all_four_lanes_in_both_directions),
		TEST(defect_34_the_largest_message_arrives_whole_and_one_byte_more_is_refused),
		TEST(an_empty_message_and_an_unknown_lane_are_refused),
		TEST(ten_thousand_small_messages_arrive_in_order_and_share_packets),
		TEST(a_full_send_buffer_refuses_and_tells_when_there_is_room),
		TEST(a_full_stream_lane_leaves_room_for_calls),
		TEST(messages_before_it_is_open_wait_for_on_writable),
		TEST(defect_7_open_means_that_every_lane_carries_data_at_once),
		TEST(defect_26_close_is_told_once_on_both_sides),
		TEST(a_wire_freed_without_close_tells_nothing_and_the_peer_notices),
		TEST(defect_53_fifty_connections_leave_no_descriptor_behind),
		TEST(without_a_data_socket_libnice_carries_the_data),
		TEST(stats_name_the_path),
		TEST(defect_49_an_unanswered_offer_times_out_with_its_reason),
		TEST(a_second_engine_is_refused),
		TEST(a_turns_url_is_refused_with_words),
		TEST(defect_68_an_ice_server_at_an_unroutable_address_is_refused),
	};

	return cmocka_run_group_tests_name("wire_webrtc", tests, NULL, NULL);
}
