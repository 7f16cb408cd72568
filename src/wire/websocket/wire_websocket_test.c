/* Two wires over one WebSocket, over loopback, in one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "wire/websocket/wire_websocket.h"

#define GUARD_MS 20000

struct end {
	struct world *world;
	struct actr__wire *wire;
	enum actr__wire_state states[8];
	unsigned state_count, messages, writable[ACTR_LANE_COUNT];
	unsigned last_lane;
	size_t last_size;
	uint8_t last_byte;
	actr_error why;
	bool unref_on_message;
};

struct world {
	struct actr__loop *loop;
	struct actr__ws_context *context;
	struct actr__ws_server *server;
	struct actr__timer guard;
	struct actr__ws *raw; /* of a peer that is no wire */
	bool raw_open, greet;
	bool (*done)(struct world *);
	struct end client, peer;
	char url[64], source_id[64], credential[64];
};

static void check(struct world *w)
{
	if (w->done && w->done(w))
		actr__loop_stop(w->loop);
}

static void on_state(void *owner, struct actr__wire *wire, enum actr__wire_state state,
		     const actr_error *why)
{
	struct end *end = owner;

	assert_true(end->state_count < ARRAY_SIZE(end->states));
	end->states[end->state_count++] = state;
	if (why)
		end->why = *why;
	if (state == ACTR__WIRE_OPEN && end->world->greet && end == &end->world->client &&
	    actr__wire_send(wire, 0, actr__text("hi"), NULL) < 0)
		actr__wire_close(wire, ACTR_E_NOMEM, "no greeting");
	check(end->world);
}

static void on_message(void *owner, struct actr__wire *wire, struct actr__msg *msg)
{
	struct end *end = owner;

	assert_ptr_equal(wire, end->wire);
	end->messages++;
	end->last_lane = msg->lane;
	end->last_size = msg->size;
	end->last_byte = msg->size ? msg->data[msg->size - 1] : 0;
	actr__msg_unref(msg);
	if (end->unref_on_message)
		end->wire = actr__wire_unref(end->wire);
	check(end->world);
}

static void on_writable(void *owner, struct actr__wire *wire, unsigned lane)
{
	struct end *end = owner;

	(void)wire;
	end->writable[lane]++;
	check(end->world);
}

static const struct actr__wire_events wire_events = {on_state, on_message, on_writable, NULL};

static void on_accept(void *owner, struct actr__ws *ws, const struct actr__ws_request *request)
{
	struct world *w = owner;
	int rc;

	snprintf(w->source_id, sizeof w->source_id, "%s",
		 request->source_id_header ? request->source_id_header : "");
	snprintf(w->credential, sizeof w->credential, "%s",
		 request->credential_header ? request->credential_header : "");
	rc = actr__ws_wire_accept(w->loop, ws, request->address, &wire_events, &w->peer, 2,
				  &w->peer.wire, NULL);

	assert_true(rc == 0 || rc == ACTR_E_NOMEM);
}

static const struct actr__ws_server_events server_events = {.on_accept = on_accept};

static void on_guard(struct actr__timer *timer)
{
	struct world *w = container_of(timer, struct world, guard);

	w->done = NULL;
	actr__loop_stop(w->loop);
}

static void run_until(struct world *w, bool (*done)(struct world *))
{
	w->done = done;
	assert_int_equal(actr__timer_set(w->loop, &w->guard, GUARD_MS), 0);
	if (!done(w))
		actr__loop_run(w->loop);
	actr__timer_stop(w->loop, &w->guard);
	assert_non_null(w->done); /* else the guard fired */
	w->done = NULL;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct actr__ws_listen_options listen = {
		.host = "127.0.0.1",
		.limits.max_message = ACTR__WS_FRAME_MAX,
	};
	uint16_t port;

	w->client.world = w->peer.world = w;
	actr__timer_init(&w->guard, on_guard);
	assert_int_equal(actr__loop_new(&w->loop, NULL), 0);
	assert_int_equal(actr__ws_context_new(w->loop, NULL, &w->context, NULL), 0);
	assert_int_equal(
		actr__ws_listen(w->context, &listen, &server_events, w, &w->server, &port, NULL),
		0);
	snprintf(w->url, sizeof w->url, "ws://127.0.0.1:%u/actr", port);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	w->client.wire = actr__wire_unref(w->client.wire);
	w->peer.wire = actr__wire_unref(w->peer.wire);
	w->context = actr__ws_context_free(w->context);
	w->loop = actr__loop_free(w->loop);
	free(w);
	return 0;
}

static void dial_wire(struct world *w)
{
	struct actr__ws_wire_options options = {
		.url = w->url, .source_id = "0a1b", .credential = "Zm9v", .session = 1};

	assert_int_equal(actr__ws_wire_dial(w->context, &options, &wire_events, &w->client,
					    &w->client.wire, NULL),
			 0);
}

static bool both_open(struct world *w)
{
	return w->client.state_count && w->peer.state_count;
}

static bool client_closed(struct world *w)
{
	return w->client.wire && w->client.wire->state == ACTR__WIRE_CLOSED;
}

static bool both_closed(struct world *w)
{
	return client_closed(w) && w->peer.wire->state == ACTR__WIRE_CLOSED;
}

static bool peer_got_one(struct world *w)
{
	return w->peer.messages >= 1;
}

static void open_pair(struct world *w)
{
	dial_wire(w);
	run_until(w, both_open);
}

static void a_frame_says_lane_and_length(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		int rc;
		unsigned lane;
		size_t message;
	} rows[] = {
		{"", 0, ACTR_E_DECODE, 0, 0},
		{"\0\0\0\0", 4, ACTR_E_DECODE, 0, 0},
		{"\0\0\0\0\0", 5, 0, 0, 0},
		{"\4\0\0\0\1x", 6, 0, 4, 1},
		{"\5\0\0\0\1x", 6, ACTR_E_DECODE, 0, 0},
		{"\1\0\0\0\2x", 6, ACTR_E_DECODE, 0, 0},
		{"\1\0\0\0\1xtail", 10, 0, 1, 1},
		{"\1\xff\xff\xff\xffx", 6, ACTR_E_DECODE, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned lane = 99;
		actr_bytes message = {0};

		assert_int_equal(actr__ws_frame_parse(actr__bytes(rows[i].bytes, rows[i].size),
						      &lane, &message),
				 rows[i].rc);
		assert_int_equal(lane, rows[i].rc ? 99 : rows[i].lane);
		assert_int_equal(message.size, rows[i].message);
	}
}

static void dialling_brings_headers_and_both_ends_open_once(void **state)
{
	struct world *w = *state;

	open_pair(w);
	assert_string_equal(w->source_id, "0a1b");
	assert_string_equal(w->credential, "Zm9v");
	assert_int_equal(w->client.state_count, 1);
	assert_int_equal(w->client.states[0], ACTR__WIRE_OPEN);
	assert_int_equal(w->peer.states[0], ACTR__WIRE_OPEN);
	assert_int_equal(w->peer.wire->session, 2);
}

static void a_header_with_a_line_break_is_refused(void **state)
{
	struct world *w = *state;
	struct actr__ws_wire_options options = {.url = w->url, .source_id = "a\r\nX-Evil: 1"};
	struct actr__wire *wire;

	assert_int_equal(
		actr__ws_wire_dial(w->context, &options, &wire_events, &w->client, &wire, NULL),
		ACTR_E_TOO_LARGE);
}

static void every_lane_carries_messages(void **state)
{
	struct world *w = *state;

	open_pair(w);
	for (unsigned lane = 0; lane < ACTR_LANE_COUNT; lane++) {
		uint8_t byte = (uint8_t)(lane + 10);

		w->peer.messages = 0;
		assert_int_equal(actr__wire_send(w->client.wire, lane, actr__bytes(&byte, 1), NULL),
				 0);
		run_until(w, peer_got_one);
		assert_int_equal(w->peer.last_lane, lane);
		assert_int_equal(w->peer.last_byte, byte);
	}
	assert_int_equal(actr__wire_send(w->client.wire, 5, actr__text("x"), NULL),
			 ACTR_E_INVALID_ARGUMENT);
}

static void the_largest_message_passes_and_a_larger_is_refused(void **state)
{
	struct world *w = *state;
	uint8_t *big = calloc(1, ACTR__WS_WIRE_MAX + 1);
	struct actr__wire_stats stats;

	open_pair(w);
	big[ACTR__WS_WIRE_MAX - 1] = 77;
	assert_int_equal(
		actr__wire_send(w->client.wire, 0, actr__bytes(big, ACTR__WS_WIRE_MAX + 1), NULL),
		ACTR_E_TOO_LARGE);
	assert_int_equal(
		actr__wire_send(w->client.wire, 0, actr__bytes(big, ACTR__WS_WIRE_MAX), NULL), 0);
	run_until(w, peer_got_one);
	assert_int_equal(w->peer.last_size, ACTR__WS_WIRE_MAX);
	assert_int_equal(w->peer.last_byte, 77);
	w->peer.wire->ops->stats(w->peer.wire, &stats);
	assert_int_equal(stats.messages_received, 1);
	assert_int_equal(stats.bytes_received, ACTR__WS_WIRE_MAX);
	assert_string_equal(stats.data_path, "websocket");
	free(big);
}

static bool client_writable(struct world *w)
{
	return w->client.writable[2];
}

static void a_full_queue_blocks_and_tells_when_it_has_room(void **state)
{
	struct world *w = *state;
	uint8_t *big = calloc(1, ACTR__WS_WIRE_MAX);
	int rc = 0;

	open_pair(w);
	for (int i = 0; i < 10 && rc == 0; i++)
		rc = actr__wire_send(w->client.wire, 2, actr__bytes(big, ACTR__WS_WIRE_MAX), NULL);
	assert_int_equal(rc, ACTR_E_WOULD_BLOCK);
	assert_true(w->client.wire->ops->buffered(w->client.wire, 2) > ACTR__WS_WIRE_MAX);
	run_until(w, client_writable);
	assert_int_equal(w->client.writable[0], 0);
	free(big);
}

static void a_send_before_it_is_open_is_told_when_it_is(void **state)
{
	struct world *w = *state;

	dial_wire(w);
	assert_int_equal(actr__wire_send(w->client.wire, 2, actr__text("x"), NULL),
			 ACTR_E_WOULD_BLOCK);
	run_until(w, client_writable);
	assert_int_equal(w->client.wire->state, ACTR__WIRE_OPEN);
}

static void closing_is_told_once_at_both_ends_and_never_inside(void **state)
{
	struct world *w = *state;

	open_pair(w);
	assert_int_equal(actr__wire_send(w->client.wire, 0, actr__text("last"), NULL), 0);
	actr__wire_close(w->client.wire, ACTR_E_CANCELLED, "enough");
	actr__wire_close(w->client.wire, ACTR_E_INTERNAL, "again");
	assert_int_equal(w->client.state_count, 1);
	assert_int_equal(actr__wire_send(w->client.wire, 0, actr__text("x"), NULL), ACTR_E_CLOSED);
	run_until(w, both_closed);
	assert_int_equal(w->client.state_count, 2);
	assert_int_equal(w->client.why.code, ACTR_E_CANCELLED);
	assert_int_equal(w->peer.state_count, 2);
	assert_int_equal(w->peer.why.code, ACTR_E_CLOSED);
	assert_int_equal(w->peer.messages, 1); /* what was queued left first */
}

static void an_unreachable_peer_closes_the_wire(void **state)
{
	struct world *w = *state;

	w->server = actr__ws_server_close(w->server);
	dial_wire(w);
	run_until(w, client_closed);
	assert_int_equal(w->client.state_count, 1);
	assert_int_equal(w->client.why.code, ACTR_E_UNAVAILABLE);
}

static void a_wire_may_be_let_go_inside_its_own_event(void **state)
{
	struct world *w = *state;

	open_pair(w);
	w->peer.unref_on_message = true;
	assert_int_equal(actr__wire_send(w->client.wire, 0, actr__text("x"), NULL), 0);
	run_until(w, client_closed);
	assert_null(w->peer.wire);
	assert_int_equal(w->peer.state_count, 1);
}

static void two_contexts_of_one_process_do_not_disturb_each_other(void **state)
{
	struct world *w = *state;
	struct actr__ws_context *first = w->context, *second;

	/* The leak checker would see the first one's trust store. */
	assert_int_equal(actr__ws_context_new(w->loop, NULL, &second, NULL), 0);
	w->context = second;
	open_pair(w);
	w->client.wire = actr__wire_unref(w->client.wire);
	w->context = first;
	second = actr__ws_context_free(second);
	assert_null(second);
}

/* --- failing allocations --- */

static int allocations_left; /* the one that finds 0 fails; below 0 all succeed */
static bool one_failed;

static bool fails(void)
{
	one_failed |= allocations_left == 0;
	return allocations_left-- == 0;
}

static void *counted(void *user, size_t size)
{
	(void)user;
	return fails() ? NULL : malloc(size);
}

static void *counted_again(void *user, void *block, size_t size)
{
	(void)user;
	return fails() ? NULL : realloc(block, size);
}

static void release(void *user, void *block)
{
	(void)user;
	free(block);
}

static bool settled(struct world *w)
{
	return client_closed(w) || (w->client.state_count && w->peer.messages);
}

/* One life of a connection: it carries a message, or is closed. */
static void live_once(struct world *w)
{
	struct actr__ws_wire_options options = {
		.url = w->url, .source_id = "0a", .credential = "Zm", .session = 1};
	int rc = actr__ws_wire_dial(w->context, &options, &wire_events, &w->client, &w->client.wire,
				    NULL);

	if (rc < 0) {
		assert_int_equal(rc, ACTR_E_NOMEM);
		return;
	}
	w->greet = true;
	run_until(w, settled);
	w->greet = false;
	w->client.wire = actr__wire_unref(w->client.wire);
	w->peer.wire = actr__wire_unref(w->peer.wire);
}

static void every_allocation_may_fail(void **state)
{
	static const actr_allocator counting = {counted, counted_again, release, NULL};
	struct world *w = *state;
	int n = 0;

	/* The loop and the context are there: what fails belongs to one connection. */
	actr_set_allocator(&counting);
	do {
		one_failed = false;
		allocations_left = n++;
		w->client.state_count = w->peer.state_count = w->peer.messages = 0;
		live_once(w);
		allocations_left = -1;
	} while (one_failed);
	actr_set_allocator(NULL);
	assert_true(n > 8);
}

/* --- a peer that is no wire --- */

static void on_raw_open(void *owner, struct actr__ws *ws)
{
	struct world *w = owner;

	(void)ws;
	w->raw_open = true;
	check(w);
}

static void on_raw_close(void *owner, struct actr__ws *ws, unsigned code, const actr_error *why)
{
	struct world *w = owner;

	(void)ws;
	(void)code;
	(void)why;
	w->raw = NULL;
}

static const struct actr__ws_events raw_events = {.on_open = on_raw_open, .on_close = on_raw_close};

static bool raw_and_peer_open(struct world *w)
{
	return w->raw_open && w->peer.state_count;
}

static void malformed_frames_are_dropped_and_counted(void **state)
{
	struct world *w = *state;
	struct actr__wire_stats stats;

	assert_int_equal(actr__ws_connect(w->context, w->url, NULL, &raw_events, w, &w->raw, NULL),
			 0);
	run_until(w, raw_and_peer_open);
	assert_int_equal(actr__ws_send(w->raw, actr__bytes("\0\0\0", 3), NULL), 0);
	assert_int_equal(actr__ws_send(w->raw, actr__bytes("\x09\0\0\0\1x", 6), NULL), 0);
	assert_int_equal(actr__ws_send(w->raw, actr__bytes("\1\0\0\0\1x", 6), NULL), 0);
	run_until(w, peer_got_one);
	assert_int_equal(w->peer.messages, 1);
	assert_int_equal(w->peer.last_lane, 1);
	w->peer.wire->ops->stats(w->peer.wire, &stats);
	assert_int_equal(stats.packets_dropped, 2);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_says_lane_and_length),
		T(dialling_brings_headers_and_both_ends_open_once),
		T(a_header_with_a_line_break_is_refused),
		T(every_lane_carries_messages),
		T(the_largest_message_passes_and_a_larger_is_refused),
		T(a_full_queue_blocks_and_tells_when_it_has_room),
		T(a_send_before_it_is_open_is_told_when_it_is),
		T(closing_is_told_once_at_both_ends_and_never_inside),
		T(an_unreachable_peer_closes_the_wire),
		T(a_wire_may_be_let_go_inside_its_own_event),
		T(two_contexts_of_one_process_do_not_disturb_each_other),
		T(every_allocation_may_fail),
		T(malformed_frames_are_dropped_and_counted),
	};

	return cmocka_run_group_tests_name("wire/websocket/wire", tests, NULL, NULL);
}
