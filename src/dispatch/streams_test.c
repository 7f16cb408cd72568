/*
 * Data streams between actors of a simulated world, and in process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <semaphore.h>
#include <stdio.h>

#include "tests/support/torture.h"
#include "tests/support/world.h"

#define A(w) (&(w)->actors[0])
#define B(w) (&(w)->actors[1])
#define C(w) (&(w)->actors[2])

#define RELIABLE      ACTR_LANE_STREAM_RELIABLE
#define LATENCY_FIRST ACTR_LANE_STREAM_LATENCY_FIRST

static int setup(void **state)
{
	*state = world_new(0);
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* --- what a callback has seen --- */

struct seen {
	unsigned count, inside;
	uint64_t sequences[4096];
	actr_id sender;
	bool has_sender, has_timestamp;
	int64_t timestamp_ms;
	size_t payload_size, metadata_count;
	uint32_t payload_sum;
	char value[32];
	actr_ref *unregister; /* in the callback */
	actr_ref *resend;     /* the first chunk, to the same stream */
};

static uint32_t sum(const uint8_t *bytes, size_t size)
{
	uint32_t value = 1;

	for (size_t i = 0; i < size; i++)
		value = value * 31 + bytes[i];
	return value;
}

static void send_number(actr_ref *ref, actr_dest dest, actr_lane lane, uint64_t number,
			actr_call **ret_call)
{
	actr_chunk chunk = ACTR_CHUNK_INIT;

	chunk.stream_id = "s";
	chunk.sequence = number;
	chunk.payload = actr__text("payload");
	assert_int_equal(
		actr_stream_send(ref, &dest, lane, &chunk, NULL, NULL, NULL, ret_call, NULL), 0);
}

static void on_chunk(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	struct seen *seen = user;
	actr_bytes value;

	assert_int_equal(seen->inside++, 0);
	assert_string_equal(chunk->stream_id, "s");
	seen->sequences[seen->count++ % 4096] = chunk->sequence;
	seen->has_sender = sender != NULL;
	if (sender)
		seen->sender = *sender;
	seen->has_timestamp = chunk->has_timestamp;
	seen->timestamp_ms = chunk->timestamp_ms;
	seen->payload_size = chunk->payload.size;
	seen->payload_sum = sum(chunk->payload.data, chunk->payload.size);
	seen->metadata_count = chunk->metadata_count;
	if (actr_chunk_metadata(chunk, "colour", &value))
		assert_true(actr__copy_text(seen->value, sizeof seen->value, value));
	if (seen->unregister)
		assert_int_equal(actr_stream_unregister(seen->unregister, "s", NULL), 0);
	if (seen->resend && chunk->sequence == 0)
		send_number(seen->resend, actr_dest_local, RELIABLE, 1, NULL);
	seen->inside--;
}

static void listen(struct world_actor *actor, struct seen *seen)
{
	memset(seen, 0, sizeof *seen);
	assert_int_equal(actr_stream_register(&actor->ref, "s", NULL, on_chunk, seen, NULL), 0);
}

static actr_stream_stats stats_of(struct world_actor *actor)
{
	actr_stream_stats stats = {.size = sizeof stats};

	actr_stream_get_stats(&actor->ref, &stats);
	return stats;
}

static int ended(actr_call **call, actr_error *err)
{
	int rc = actr_call_result(*call, err);

	*call = actr_call_unref(*call);
	return rc;
}

static void expect_in_order(const struct seen *seen, unsigned count)
{
	assert_int_equal(seen->count, count);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(seen->sequences[i], i);
}

static void connect_actors(struct world *w)
{
	struct outcome o;

	world_call(A(w), world_dest(B(w)), &world_echo, "x", 0, &o);
	world_advance(w, 100);
	expect_answer(&o, "x");
	outcome_done(&o);
}

/* --- ordinary chunks --- */

static void a_chunk_arrives_with_all_that_was_sent(void **state)
{
	struct world *w = *state;
	actr_metadata entry = {actr__text("colour"), actr__text("green")};
	actr_dest dest = world_dest(B(w));
	actr_chunk chunk = ACTR_CHUNK_INIT;
	struct seen seen;
	actr_call *call;

	listen(B(w), &seen);
	chunk.stream_id = "s";
	chunk.sequence = 1ull << 40;
	chunk.payload = actr__text("hello");
	chunk.has_timestamp = true;
	chunk.timestamp_ms = -5;
	chunk.metadata = &entry;
	chunk.metadata_count = 1;
	assert_int_equal(actr_stream_send(&A(w)->ref, &dest, RELIABLE, &chunk, NULL, NULL, NULL,
					  &call, NULL),
			 0);
	assert_int_equal(actr_call_result(call, NULL), ACTR_E_WOULD_BLOCK);
	world_advance(w, 100);
	assert_int_equal(ended(&call, NULL), 0);
	assert_int_equal(seen.count, 1);
	assert_true(seen.sequences[0] == 1ull << 40);
	assert_int_equal(seen.payload_sum, sum((const uint8_t *)"hello", 5));
	assert_true(seen.has_timestamp);
	assert_int_equal(seen.timestamp_ms, -5);
	assert_int_equal(seen.metadata_count, 1);
	assert_string_equal(seen.value, "green");
	assert_true(seen.has_sender);
	assert_true(actr_id_equal(&seen.sender, &A(w)->id));
	assert_int_equal(stats_of(A(w)).sent, 1);
	assert_int_equal(stats_of(B(w)).delivered, 1);
}

static void defect_8_chunks_arrive_in_the_order_in_which_they_were_sent(void **state)
{
	struct world *w = *state;
	struct seen seen;

	listen(B(w), &seen);
	for (unsigned i = 0; i < 1000; i++) {
		send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, i, NULL);
		if (i % 100 == 0)
			world_advance(w, 7);
	}
	world_advance(w, 1000);
	expect_in_order(&seen, 1000);
}

static void defect_8_a_chunk_in_process_is_not_inside_another(void **state)
{
	struct world *w = *state;
	struct seen seen;

	listen(A(w), &seen);
	seen.resend = &A(w)->ref;
	send_number(&A(w)->ref, actr_dest_shell, RELIABLE, 0, NULL);
	world_advance(w, 0);
	expect_in_order(&seen, 2);
	assert_false(seen.has_sender);
	/* An actor's own id is the same. */
	send_number(&A(w)->ref, world_dest(A(w)), RELIABLE, 2, NULL);
	world_advance(w, 0);
	expect_in_order(&seen, 3);
}

static void a_chunk_to_a_type_goes_to_its_actor(void **state)
{
	struct world *w = *state;
	actr_dest dest = actr_dest_type(&B(w)->id.type);
	struct seen seen;
	actr_call *call;

	listen(B(w), &seen);
	w->type_answer = B(w);
	send_number(&A(w)->ref, dest, RELIABLE, 0, &call);
	world_advance(w, 100);
	assert_int_equal(ended(&call, NULL), 0);
	expect_in_order(&seen, 1);
}

static void a_stream_that_nobody_registered_is_counted(void **state)
{
	struct world *w = *state;
	actr_call *call;

	send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, 0, NULL);
	send_number(&A(w)->ref, actr_dest_local, RELIABLE, 0, &call);
	world_advance(w, 100);
	assert_int_equal(stats_of(B(w)).unknown, 1);
	assert_int_equal(stats_of(A(w)).unknown, 1);
	assert_int_equal(ended(&call, NULL), ACTR_E_NOT_FOUND);
}

static void the_last_registration_wins(void **state)
{
	struct world *w = *state;
	struct seen first, second;

	listen(B(w), &first);
	listen(B(w), &second);
	send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, 0, NULL);
	world_advance(w, 100);
	expect_in_order(&first, 0);
	expect_in_order(&second, 1);
}

static void defect_60_after_unregister_no_callback_runs(void **state)
{
	struct world *w = *state;
	struct seen seen;

	listen(A(w), &seen);
	seen.unregister = &A(w)->ref;
	for (unsigned i = 0; i < 10; i++)
		send_number(&A(w)->ref, actr_dest_local, RELIABLE, i, NULL);
	world_advance(w, 10);
	expect_in_order(&seen, 1);
	assert_int_equal(stats_of(A(w)).dropped_unregistered + stats_of(A(w)).unknown, 9);
	assert_int_equal(actr_stream_unregister(&A(w)->ref, "s", NULL), ACTR_E_NOT_FOUND);
}

static void wrong_arguments_are_refused(void **state)
{
	struct world *w = *state;
	actr_dest dest = world_dest(B(w));
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_metadata part = {actr__text("actr.part"), actr__text("1/0/2")};
	actr_metadata many[64] = {{{NULL, 0}, {NULL, 0}}};
	static uint8_t big[ACTR_STREAM_CHUNK_MAX + 1];

#define SEND(lane) actr_stream_send(&A(w)->ref, &dest, lane, &chunk, NULL, NULL, NULL, NULL, NULL)
	assert_int_equal(SEND(RELIABLE), ACTR_E_INVALID_ARGUMENT);
	chunk.stream_id = "\xff";
	assert_int_equal(SEND(RELIABLE), ACTR_E_INVALID_ARGUMENT);
	chunk.stream_id = "s";
	assert_int_equal(SEND(ACTR_LANE_RPC_RELIABLE), ACTR_E_INVALID_ARGUMENT);
	chunk.metadata = &part;
	chunk.metadata_count = 1;
	assert_int_equal(SEND(RELIABLE), ACTR_E_INVALID_ARGUMENT);
	chunk.metadata = many;
	chunk.metadata_count = 64;
	assert_int_equal(SEND(RELIABLE), ACTR_E_TOO_LARGE);
	chunk.metadata_count = 63;
	assert_int_equal(SEND(RELIABLE), 0);
	chunk.payload = actr__bytes(big, sizeof big);
	assert_int_equal(SEND(RELIABLE), ACTR_E_TOO_LARGE);
#undef SEND
	assert_int_equal(actr_stream_register(&A(w)->ref, "", NULL, on_chunk, NULL, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr_stream_register(&A(w)->ref, "s", NULL, NULL, NULL, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	world_advance(w, 100);
}

/* --- bounds --- */

static void defect_60_a_reliable_chunk_is_not_done_while_the_lane_is_congested(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_call *calls[200];
	unsigned done = 0;

	listen(B(w), &seen);
	connect_actors(w);
	w->net.window_bytes = 1000;
	w->net.latency_ms = 50;
	for (unsigned i = 0; i < 200; i++)
		send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, i, &calls[i]);
	world_advance(w, 0);
	for (unsigned i = 0; i < 200; i++)
		done += actr_call_result(calls[i], NULL) == 0;
	assert_true(done > 0 && done < 100);
	world_advance(w, 5000);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(ended(&calls[i], NULL), 0);
	expect_in_order(&seen, 200);
}

static void defect_60_the_newest_latency_first_chunk_is_dropped_and_counted(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_call *calls[100];
	unsigned dropped = 0;

	listen(B(w), &seen);
	connect_actors(w);
	w->net.window_bytes = 1000;
	w->net.latency_ms = 50;
	for (unsigned i = 0; i < 100; i++)
		send_number(&A(w)->ref, world_dest(B(w)), LATENCY_FIRST, i, &calls[i]);
	world_advance(w, 0);
	world_advance(w, 1000);
	for (unsigned i = 0; i < 100; i++)
		dropped += ended(&calls[i], NULL) == ACTR_E_RESOURCE_EXHAUSTED;
	assert_true(dropped > 0 && dropped < 100);
	assert_int_equal(stats_of(A(w)).send_dropped, dropped);
	expect_in_order(&seen, 100 - dropped);
}

static void defect_13_a_congested_stream_does_not_hold_up_a_call(void **state)
{
	struct world *w = *state;
	static uint8_t big[ACTR_STREAM_CHUNK_MAX - 4096];
	actr_dest dest = world_dest(B(w));
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_call *call;
	struct outcome o;

	connect_actors(w);
	w->net.window_bytes = 100000;
	w->net.latency_ms = 20;
	chunk.stream_id = "s";
	chunk.payload = actr__bytes(big, sizeof big);
	assert_int_equal(actr_stream_send(&A(w)->ref, &dest, RELIABLE, &chunk, NULL, NULL, NULL,
					  &call, NULL),
			 0);
	world_advance(w, 100);
	assert_int_equal(actr_call_result(call, NULL), ACTR_E_WOULD_BLOCK);
	world_call(A(w), dest, &world_echo, "now", 0, &o);
	world_advance(w, 2 * 20 + 1); /* there and back */
	expect_answer(&o, "now");
	outcome_done(&o);
	assert_int_equal(actr_call_result(call, NULL), ACTR_E_WOULD_BLOCK);
	world_advance(w, 10000);
	assert_int_equal(ended(&call, NULL), 0);
}

static void a_chunk_that_cannot_leave_ends_after_15_s(void **state)
{
	struct world *w = *state;
	actr_error err = ACTR_ERROR_INIT;
	actr_call *first, *second;

	w->net.mute = true;
	send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, 0, &first);
	send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, 1, &second);
	world_advance(w, 14900);
	assert_int_equal(actr_call_result(first, NULL), ACTR_E_WOULD_BLOCK);
	world_advance(w, 200);
	assert_int_equal(ended(&first, &err), ACTR_E_TIMEOUT);
	assert_int_equal(ended(&second, &err), ACTR_E_TIMEOUT);
}

static void a_cancelled_chunk_leaves_the_others_in_order(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_call *calls[4];

	listen(B(w), &seen);
	send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, 9, &calls[0]);
	for (unsigned i = 0; i < 3; i++)
		send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, i, &calls[1 + i]);
	world_advance(w, 0); /* the first one waits for the connection */
	actr_call_cancel(calls[0]);
	world_advance(w, 100);
	assert_int_equal(ended(&calls[0], NULL), ACTR_E_CANCELLED);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(ended(&calls[i], NULL), 0);
	expect_in_order(&seen, 3);
}

static void chunks_wait_out_a_lost_connection(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_call *call;

	listen(B(w), &seen);
	connect_actors(w);
	w->net.window_bytes = 1;
	w->net.latency_ms = 30;
	send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, 0, NULL);
	world_advance(w, 40);
	actr__sim_set_recovering(&w->net, true);
	send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, 1, &call);
	world_advance(w, 5);
	assert_int_equal(actr_call_result(call, NULL), ACTR_E_WOULD_BLOCK);
	actr__sim_cut(&w->net, "cable");
	world_advance(w, 2000);
	assert_int_equal(ended(&call, NULL), 0);
	expect_in_order(&seen, 2);
}

static void too_much_for_one_peer_is_refused(void **state)
{
	struct world *w = *state;
	static uint8_t big[ACTR_STREAM_CHUNK_MAX];
	actr_dest dest = world_dest(B(w));
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_call *calls[3];

	w->net.mute = true;
	chunk.stream_id = "s";
	chunk.payload = actr__bytes(big, sizeof big - 4096);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(actr_stream_send(&A(w)->ref, &dest, RELIABLE, &chunk, NULL, NULL,
						  NULL, &calls[i], NULL),
				 0);
	world_advance(w, 1);
	assert_int_equal(actr_call_result(calls[0], NULL), ACTR_E_WOULD_BLOCK);
	assert_int_equal(actr_call_result(calls[2], NULL), ACTR_E_RESOURCE_EXHAUSTED);
	for (unsigned i = 0; i < 3; i++)
		actr_call_unref(calls[i]);
}

/* --- parts --- */

static uint8_t million[1000 * 1000];

static actr_call *send_million(struct world *w, actr_dest dest, actr_lane lane, uint64_t sequence,
			       size_t size)
{
	actr_metadata entry = {actr__text("colour"), actr__text("blue")};
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_call *call;

	for (size_t i = 0; i < sizeof million; i++)
		million[i] = (uint8_t)(i * 7 + i / 251);
	chunk.stream_id = "s";
	chunk.sequence = sequence;
	chunk.payload = actr__bytes(million, size);
	chunk.metadata = &entry;
	chunk.metadata_count = 1;
	assert_int_equal(
		actr_stream_send(&A(w)->ref, &dest, lane, &chunk, NULL, NULL, NULL, &call, NULL),
		0);
	return call;
}

static void a_chunk_of_a_megabyte_is_split_and_joined(void **state)
{
	struct world *w = *state;
	actr_dest dests[2] = {world_dest(B(w)), actr_dest_local};

	for (unsigned i = 0; i < 4; i++) {
		struct seen seen;
		actr_call *call;

		listen(i & 1 ? A(w) : B(w), &seen);
		call = send_million(w, dests[i & 1], i < 2 ? RELIABLE : LATENCY_FIRST, 7,
				    sizeof million);
		world_advance(w, 100);
		assert_int_equal(ended(&call, NULL), 0);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.sequences[0], 7);
		assert_int_equal(seen.payload_size, sizeof million);
		assert_int_equal(seen.payload_sum, sum(million, sizeof million));
		assert_int_equal(seen.metadata_count, 1);
		assert_string_equal(seen.value, "blue");
	}
	assert_int_equal(stats_of(B(w)).joined, 2);
	assert_int_equal(stats_of(B(w)).received, 2);
}

static void every_size_around_the_limit_of_a_message_arrives(void **state)
{
	struct world *w = *state;
	struct seen seen;

	listen(B(w), &seen);
	for (size_t size = 65535 - 80; size < 65535 + 40; size++) {
		actr_call *call = send_million(w, world_dest(B(w)), RELIABLE, 0, size);

		world_advance(w, 20);
		assert_int_equal(ended(&call, NULL), 0);
		assert_int_equal(seen.payload_size, size);
		assert_int_equal(seen.payload_sum, sum(million, size));
	}
	assert_true(stats_of(B(w)).joined > 0 && stats_of(B(w)).joined < 120);
}

static void defect_8_a_small_chunk_does_not_overtake_the_parts_of_a_large_one(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_call *call;

	listen(B(w), &seen);
	connect_actors(w);
	w->net.window_bytes = 100000;
	w->net.latency_ms = 5;
	call = send_million(w, world_dest(B(w)), RELIABLE, 0, sizeof million);
	send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, 1, NULL);
	world_advance(w, 0);
	assert_int_equal(actr_call_result(call, NULL), ACTR_E_WOULD_BLOCK);
	world_advance(w, 2000);
	assert_int_equal(ended(&call, NULL), 0);
	expect_in_order(&seen, 2);
}

static void an_original_peer_gets_no_parts(void **state)
{
	struct world *w = *state;
	actr_error err = ACTR_ERROR_INIT;
	struct seen seen;
	actr_call *call;

	w->net.original = true;
	listen(B(w), &seen);
	for (unsigned i = 0; i < 2; i++) { /* while connecting, and connected */
		call = send_million(w, world_dest(B(w)), RELIABLE, 0, 100000);
		world_advance(w, 100);
		assert_int_equal(ended(&call, &err), ACTR_E_TOO_LARGE);
	}
	call = send_million(w, world_dest(B(w)), RELIABLE, 0, 60000);
	world_advance(w, 100);
	assert_int_equal(ended(&call, NULL), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.payload_size, 60000);
	assert_int_equal(stats_of(B(w)).malformed + stats_of(B(w)).joined, 0);
}

/* A message as a peer would send it. */
static void inject(struct world *w, const char *part, const char *payload)
{
	uint8_t entry[64];
	struct actr__chunk chunk = {.stream_id = actr__text("s"), .payload = actr__text(payload)};
	struct actr__msg *msg;

	if (part) {
		chunk.metadata =
			actr__bytes(entry, actr__chunk_metadata_put(entry, actr__text("actr.part"),
								    actr__text(part)));
		chunk.metadata_count = 1;
	}
	msg = actr__msg_new(actr__chunk_size(&chunk), RELIABLE);
	assert_non_null(msg);
	actr__chunk_encode(&chunk, msg->data);
	actr__gate_receive(B(w)->endpoint.gate, &A(w)->id, msg);
}

static void hostile_part_headers_are_dropped(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"1/0",
		"1/0/",
		"/0/2",
		"1//2",
		"1/2/2",
		"1/0/1",
		"1/0/0",
		"1/0/513",
		"1/0/99999",
		"1/-1/2",
		"g/0/2",
		"1/0/2/",
		"1/0/2 ",
		" 1/0/2",
		"A/0/2",
		"1/0x0/2",
		"1/+0/2",
		"11112222333344445/0/2",
		"1/4294967296/2",
	};
	struct world *w = *state;
	struct seen seen;
	struct actr__msg *msg;

	listen(B(w), &seen);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		inject(w, bad[i], "x");
	assert_int_equal(stats_of(B(w)).malformed, ARRAY_SIZE(bad));
	msg = actr__msg_new(3, RELIABLE);
	memcpy(msg->data, "\xff\xff\xff", 3);
	actr__gate_receive(B(w)->endpoint.gate, &A(w)->id, msg);
	assert_int_equal(stats_of(B(w)).malformed, ARRAY_SIZE(bad) + 1);
	world_advance(w, 10);
	assert_int_equal(seen.count, 0);
}

static void parts_come_in_any_order_and_must_agree(void **state)
{
	struct world *w = *state;
	struct seen seen;

	listen(B(w), &seen);
	inject(w, "a/2/3", "C");
	inject(w, "a/0/3", "A");
	inject(w, "b/0/2", "x");
	inject(w, "a/1/3", "B");
	world_advance(w, 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.payload_sum, sum((const uint8_t *)"ABC", 3));
	assert_int_equal(seen.metadata_count, 0);
	inject(w, "b/1/3", "y"); /* another count */
	inject(w, "b/1/2", "y"); /* so this one is alone */
	inject(w, "c/0/2", "y");
	inject(w, "c/0/2", "y"); /* twice */
	inject(w, "c/1/2", "y");
	world_advance(w, 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(stats_of(B(w)).partial_dropped, 2);
}

static void partial_chunks_are_bounded_in_number_and_time(void **state)
{
	struct world *w = *state;
	struct seen seen;
	char text[32];

	listen(B(w), &seen);
	for (unsigned i = 0; i < 9; i++) {
		snprintf(text, sizeof text, "%x/0/2", i);
		inject(w, text, "x");
	}
	assert_int_equal(stats_of(B(w)).partial_dropped, 1);
	inject(w, "0/1/2", "y"); /* the oldest is gone: a new partial, and another one gone */
	inject(w, "8/1/2", "y");
	world_advance(w, 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(stats_of(B(w)).partial_dropped, 2);
	world_advance(w, 10001);
	inject(w, "7/1/2", "y");
	world_advance(w, 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(stats_of(B(w)).partial_dropped, 2 + 7);
}

/* --- shutdown, memory --- */

static void shutdown_ends_what_is_on_its_way(void **state)
{
	struct world *w = *state;
	actr_error why = ACTR_ERROR_INIT;
	struct seen seen;
	actr_call *call, *late;

	listen(A(w), &seen);
	w->net.mute = true;
	send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, 0, &call);
	world_advance(w, 10);
	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "the end");
	actr__endpoint_close(&A(w)->endpoint, &why);
	send_number(&A(w)->ref, actr_dest_local, RELIABLE, 0, &late);
	world_advance(w, 10);
	assert_int_equal(ended(&call, NULL), ACTR_E_UNAVAILABLE);
	assert_int_equal(ended(&late, NULL), ACTR_E_UNAVAILABLE);
	assert_int_equal(seen.count, 0);
	assert_int_equal(actr_stream_register(&A(w)->ref, "s", NULL, on_chunk, &seen, NULL),
			 ACTR_E_UNAVAILABLE);
}

static void every_allocation_of_a_chunk_may_fail(void **state)
{
	struct torture torture;
	unsigned long n = 0;

	(void)state;
	torture_begin(&torture);
	do {
		struct world *w = world_new(0);
		actr_dest dests[2] = {world_dest(B(w)), actr_dest_local};
		actr_chunk chunk = ACTR_CHUNK_INIT;
		struct seen remote, local;
		actr_call *calls[2] = {NULL, NULL};
		int rcs[2];

		connect_actors(w);
		listen(B(w), &remote);
		listen(A(w), &local);
		chunk.stream_id = "s";
		chunk.payload = actr__bytes(million, 100000);
		torture.failed = false;
		torture.countdown = ++n;
		for (unsigned i = 0; i < 2; i++)
			rcs[i] = actr_stream_send(&A(w)->ref, &dests[i], RELIABLE, &chunk, NULL,
						  NULL, NULL, &calls[i], NULL);
		world_advance(w, 20000);
		torture.countdown = 0;
		for (unsigned i = 0; i < 2; i++) {
			if (rcs[i] == 0)
				assert_int_not_equal(ended(&calls[i], NULL), ACTR_E_WOULD_BLOCK);
		}
		assert_true(torture.failed || (remote.count == 1 && local.count == 1));
		world_free(w);
	} while (torture.failed);
	assert_true(n > 10);
	torture_end();
}

/* --- the receiver's queue, and a workload with a thread of its own --- */

struct gate_keeper {
	struct world_actor *actor;
	sem_t entered, may_leave;
	atomic_uint count;
	uint64_t last;
	bool in_order;
};

static void on_slow_chunk(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	struct gate_keeper *keeper = user;

	(void)sender;
	sem_post(&keeper->entered);
	sem_wait(&keeper->may_leave);
	keeper->in_order = keeper->in_order && (!keeper->last || chunk->sequence > keeper->last);
	keeper->last = chunk->sequence;
	atomic_fetch_add(&keeper->count, 1);
}

static void keeper_listen(struct world_actor *actor, struct gate_keeper *keeper, size_t max_bytes)
{
	actr_stream_options options = {.size = sizeof options, .max_chunks = 4};

	memset(keeper, 0, sizeof *keeper);
	options.max_bytes = max_bytes;
	keeper->in_order = true;
	sem_init(&keeper->entered, 0, 0);
	sem_init(&keeper->may_leave, 0, 0);
	assert_int_equal(
		actr_stream_register(&actor->ref, "s", &options, on_slow_chunk, keeper, NULL), 0);
}

static int setup_worker(void **state)
{
	*state = world_new_worker();
	return 0;
}

static void defect_60_the_queue_of_a_slow_callback_is_bounded(void **state)
{
	struct world *w = *state;
	struct gate_keeper keeper;
	actr_stream_stats stats;

	w->net.original = true; /* ours would wait */
	keeper_listen(B(w), &keeper, 20 * 1300);
	send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, 1, NULL);
	world_advance(w, 100);
	sem_wait(&keeper.entered);
	for (unsigned i = 2; i < 40; i++)
		send_number(&A(w)->ref, world_dest(B(w)), RELIABLE, i, NULL);
	send_number(&A(w)->ref, world_dest(B(w)), LATENCY_FIRST, 99, NULL);
	world_advance(w, 50);
	stats = stats_of(B(w));
	assert_int_equal(stats.received, 40);
	assert_int_equal(stats.dropped_newest, 1);
	assert_int_equal(stats.held, 16);
	assert_int_equal(stats.dropped_full, 38 - 20);
	for (unsigned i = 0; i < 21; i++)
		sem_post(&keeper.may_leave);
	for (unsigned i = 0; i < 20; i++)
		sem_wait(&keeper.entered);
	assert_int_equal(actr_stream_unregister(&B(w)->ref, "s", NULL), 0);
	world_advance(w, 10);
	actr__dispatcher_free(TAKE(B(w)->endpoint.local));
	assert_int_equal(atomic_load(&keeper.count), 21);
	assert_true(keeper.in_order);
}

static void on_chunk_send_wait(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	struct gate_keeper *keeper = user;
	struct world_actor *actor = keeper->actor;

	(void)sender;
	assert_int_equal(
		actr_stream_send_wait(&actor->ref, &actr_dest_local, RELIABLE, chunk, NULL, NULL),
		ACTR_E_WOULD_BLOCK);
	sem_post(&keeper->entered);
}

static void a_worker_does_not_wait_for_itself(void **state)
{
	struct world *w = *state;
	struct gate_keeper keeper = {.actor = A(w)};

	sem_init(&keeper.entered, 0, 0);
	assert_int_equal(
		actr_stream_register(&A(w)->ref, "s", NULL, on_chunk_send_wait, &keeper, NULL), 0);
	send_number(&A(w)->ref, actr_dest_local, RELIABLE, 1, NULL);
	world_advance(w, 0);
	sem_wait(&keeper.entered);
	actr__dispatcher_free(TAKE(A(w)->endpoint.local));
	assert_int_equal(stats_of(A(w)).received, 1);
}

static void a_sender_in_process_waits_for_a_slow_callback(void **state)
{
	struct world *w = *state;
	struct gate_keeper keeper;
	actr_call *calls[6];

	keeper_listen(A(w), &keeper, 0);
	send_number(&A(w)->ref, actr_dest_local, RELIABLE, 1, NULL);
	world_advance(w, 0);
	sem_wait(&keeper.entered);
	for (unsigned i = 0; i < 6; i++)
		send_number(&A(w)->ref, actr_dest_local, RELIABLE, 2 + i, &calls[i]);
	world_advance(w, 0);
	assert_int_equal(actr_call_result(calls[3], NULL), 0);
	assert_int_equal(actr_call_result(calls[4], NULL), ACTR_E_WOULD_BLOCK);
	assert_int_equal(actr_call_result(calls[5], NULL), ACTR_E_WOULD_BLOCK);
	actr_call_cancel(calls[5]); /* its chunk is taken back */
	world_advance(w, 0);
	for (unsigned i = 0; i < 5; i++) {
		sem_post(&keeper.may_leave);
		sem_wait(&keeper.entered);
	}
	sem_post(&keeper.may_leave);
	actr__dispatcher_free(TAKE(A(w)->endpoint.local));
	world_advance(w, 10);
	assert_int_equal(atomic_load(&keeper.count), 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(ended(&calls[i], NULL), i < 5 ? 0 : ACTR_E_CANCELLED);
}

#define TEST(name)	  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define WORKER_TEST(name) cmocka_unit_test_setup_teardown(name, setup_worker, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_chunk_arrives_with_all_that_was_sent),
		TEST(defect_8_chunks_arrive_in_the_order_in_which_they_were_sent),
		TEST(defect_8_a_chunk_in_process_is_not_inside_another),
		TEST(a_chunk_to_a_type_goes_to_its_actor),
		TEST(a_stream_that_nobody_registered_is_counted),
		TEST(the_last_registration_wins),
		TEST(defect_60_after_unregister_no_callback_runs),
		TEST(wrong_arguments_are_refused),
		TEST(defect_60_a_reliable_chunk_is_not_done_while_the_lane_is_congested),
		TEST(defect_60_the_newest_latency_first_chunk_is_dropped_and_counted),
		TEST(defect_13_a_congested_stream_does_not_hold_up_a_call),
		TEST(a_chunk_that_cannot_leave_ends_after_15_s),
		TEST(a_cancelled_chunk_leaves_the_others_in_order),
		TEST(chunks_wait_out_a_lost_connection),
		TEST(too_much_for_one_peer_is_refused),
		TEST(a_chunk_of_a_megabyte_is_split_and_joined),
		TEST(every_size_around_the_limit_of_a_message_arrives),
		TEST(defect_8_a_small_chunk_does_not_overtake_the_parts_of_a_large_one),
		TEST(an_original_peer_gets_no_parts),
		TEST(hostile_part_headers_are_dropped),
		TEST(parts_come_in_any_order_and_must_agree),
		TEST(partial_chunks_are_bounded_in_number_and_time),
		TEST(shutdown_ends_what_is_on_its_way),
		cmocka_unit_test(every_allocation_of_a_chunk_may_fail),
		WORKER_TEST(defect_60_the_queue_of_a_slow_callback_is_bounded),
		WORKER_TEST(a_worker_does_not_wait_for_itself),
		WORKER_TEST(a_sender_in_process_waits_for_a_slow_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
