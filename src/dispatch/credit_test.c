/*
 * Back-pressure of streams: a slow receiver slows its sender down, and nothing is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <semaphore.h>
#include <stdio.h>

#include "dispatch/credit_internal.h"
#include "tests/support/torture.h"
#include "tests/support/world.h"

#define A(w) (&(w)->actors[0])
#define B(w) (&(w)->actors[1])
#define C(w) (&(w)->actors[2])

#define RELIABLE      ACTR_LANE_STREAM_RELIABLE
#define LATENCY_FIRST ACTR_LANE_STREAM_LATENCY_FIRST

#define CHUNK 16384u /* payload of most chunks here */
/* So many may be on their way before the receiver has said anything, and at most. */
#define INITIAL_CHUNKS (CREDIT_INITIAL / (CHUNK + STREAM_ITEM_COST) + 1)
#define WINDOW_CHUNKS  (CREDIT_WINDOW / (CHUNK + STREAM_ITEM_COST) + 1)

static uint8_t bytes[65000];

static int setup(void **state)
{
	*state = world_new(0);
	return 0;
}

static int setup_worker(void **state)
{
	*state = world_new_worker();
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

static actr_call *send_chunk(actr_ref *ref, actr_dest dest, actr_lane lane, const char *stream_id,
			     uint64_t sequence, size_t size)
{
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_call *call;

	chunk.stream_id = stream_id;
	chunk.sequence = sequence;
	chunk.payload = actr__bytes(bytes, size);
	assert_int_equal(actr_stream_send(ref, &dest, lane, &chunk, NULL, NULL, NULL, &call, NULL),
			 0);
	return call;
}

static int ended(actr_call **call, actr_error *err)
{
	int rc = actr_call_result(*call, err);

	*call = actr_call_unref(*call);
	return rc;
}

static unsigned count_done(actr_call **calls, unsigned count)
{
	unsigned done = 0;

	for (unsigned i = 0; i < count; i++)
		done += actr_call_result(calls[i], NULL) == 0;
	return done;
}

static void expect_all_done(actr_call **calls, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(ended(&calls[i], NULL), 0);
}

static actr_stream_stats stats_of(struct world_actor *actor)
{
	actr_stream_stats stats = {.size = sizeof stats};

	actr_stream_get_stats(&actor->ref, &stats);
	return stats;
}

static void expect_nothing_lost(struct world_actor *actor)
{
	actr_stream_stats stats = stats_of(actor);

	assert_int_equal(stats.dropped_full + stats.dropped_newest + stats.partial_dropped, 0);
	assert_int_equal(stats.malformed, 0);
}

/* On whatever executor: a chunk that nobody wants. */
static void connect_actors(struct world *w)
{
	actr_call *call = send_chunk(&A(w)->ref, world_dest(B(w)), LATENCY_FIRST, "nobody", 0, 1);

	world_advance(w, 100);
	assert_int_equal(ended(&call, NULL), 0);
}

/* --- a callback that stands still until it is let go on --- */

struct keeper {
	sem_t entered, may_leave, left;
	atomic_uint count;
	atomic_bool out_of_order;
};

static void on_slow_chunk(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	struct keeper *keeper = user;

	(void)sender;
	sem_post(&keeper->entered);
	sem_wait(&keeper->may_leave);
	if (chunk->sequence != atomic_fetch_add(&keeper->count, 1))
		atomic_store(&keeper->out_of_order, true);
	sem_post(&keeper->left);
}

static void keep(struct world_actor *actor, struct keeper *keeper)
{
	memset(keeper, 0, sizeof *keeper);
	sem_init(&keeper->entered, 0, 0);
	sem_init(&keeper->may_leave, 0, 0);
	sem_init(&keeper->left, 0, 0);
	assert_int_equal(actr_stream_register(&actor->ref, "s", NULL, on_slow_chunk, keeper, NULL),
			 0);
}

/* One chunk more is dealt with, and the world has heard of those before it. */
static void let_one_go(struct world *w, struct keeper *keeper)
{
	sem_post(&keeper->may_leave);
	sem_wait(&keeper->left);
	world_advance(w, 2);
}

/* No callback keeps its thread any more. */
static void let_go(struct world_actor *actor, struct keeper *keeper)
{
	for (unsigned i = 0; i < 5000; i++)
		sem_post(&keeper->may_leave);
	actr__dispatcher_free(TAKE(actor->endpoint.local));
}

static void defect_60_a_slow_callback_stops_its_sender_and_nothing_is_lost(void **state)
{
	struct world *w = *state;
	struct keeper keeper;
	actr_call *calls[200];

	keep(B(w), &keeper);
	for (unsigned i = 0; i < 200; i++)
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	world_advance(w, 5000);
	assert_in_range(count_done(calls, 200), INITIAL_CHUNKS, WINDOW_CHUNKS + 1);
	assert_in_range(stats_of(B(w)).received, INITIAL_CHUNKS, WINDOW_CHUNKS + 1);
	assert_true(stats_of(A(w)).send_waited >= 200 - WINDOW_CHUNKS - 1);
	for (unsigned i = 0; i < 200; i++)
		let_one_go(w, &keeper);
	expect_all_done(calls, 200);
	assert_false(atomic_load(&keeper.out_of_order));
	expect_nothing_lost(B(w));
	let_go(B(w), &keeper);
}

static void defect_60_a_hundred_megabytes_pass_a_slow_receiver_in_bounded_memory(void **state)
{
	enum { ALL = 100 * 1000 * 1000 / sizeof bytes, AHEAD = 40 };
	struct world *w = *state;
	struct keeper keeper;
	actr_call *calls[AHEAD] = {NULL};

	keep(B(w), &keeper);
	for (unsigned sent = 0, got = 0; got < ALL; got++) {
		for (; sent < ALL && sent < got + AHEAD; sent++) {
			if (calls[sent % AHEAD])
				assert_int_equal(ended(&calls[sent % AHEAD], NULL), 0);
			calls[sent % AHEAD] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE,
							 "s", sent, sizeof bytes);
		}
		if (!got)
			world_advance(w, 100);
		let_one_go(w, &keeper);
		assert_in_range(stats_of(B(w)).received - got, 0, CREDIT_WINDOW / sizeof bytes + 2);
	}
	world_advance(w, 10);
	expect_all_done(calls, AHEAD);
	assert_false(atomic_load(&keeper.out_of_order));
	expect_nothing_lost(B(w));
	let_go(B(w), &keeper);
}

static void a_chunk_whose_receiver_has_no_room_ends_at_its_deadline(void **state)
{
	struct world *w = *state;
	struct keeper keeper;
	actr_error err = ACTR_ERROR_INIT;
	actr_call *calls[100];

	keep(B(w), &keeper);
	for (unsigned i = 0; i < 100; i++)
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	world_advance(w, 14000);
	assert_int_equal(actr_call_result(calls[99], NULL), ACTR_E_WOULD_BLOCK);
	world_advance(w, 1001);
	assert_int_equal(actr_call_result(calls[99], &err), ACTR_E_TIMEOUT);
	assert_non_null(strstr(err.message, "receiver is too slow"));
	for (unsigned i = 0; i < 100; i++)
		actr_call_unref(calls[i]);
	assert_true(actr__list_empty(&A(w)->endpoint.streams.blocked));
	let_go(B(w), &keeper);
}

static void a_cancelled_chunk_that_waits_for_room_leaves_the_others_in_order(void **state)
{
	struct world *w = *state;
	struct keeper keeper;
	actr_call *calls[100], *cancelled;
	unsigned i;

	keep(B(w), &keeper);
	for (i = 0; i < 80; i++)
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	cancelled = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", 999, CHUNK);
	world_advance(w, 100);
	for (; i < 100; i++) /* the flow is blocked already */
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	actr_call_cancel(cancelled);
	world_advance(w, 0);
	assert_int_equal(ended(&cancelled, NULL), ACTR_E_CANCELLED);
	for (i = 0; i < 100; i++)
		let_one_go(w, &keeper);
	expect_all_done(calls, 100);
	assert_false(atomic_load(&keeper.out_of_order));
	let_go(B(w), &keeper);
}

static void chunks_that_wait_for_room_outlive_their_session(void **state)
{
	struct world *w = *state;
	struct keeper keeper;
	actr_call *calls[100];

	keep(B(w), &keeper);
	for (unsigned i = 0; i < 100; i++)
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	world_advance(w, 100);
	assert_true(count_done(calls, 100) < 100);
	for (unsigned i = 0; i < 3; i++) {
		actr__sim_cut(&w->net, "cable");
		world_advance(w, 500);
	}
	/* A new session may send CREDIT_INITIAL before it hears that the queue is full. */
	assert_in_range(stats_of(B(w)).received, 0, WINDOW_CHUNKS + 3 * INITIAL_CHUNKS);
	for (unsigned i = 0; i < 100; i++)
		let_one_go(w, &keeper);
	expect_all_done(calls, 100);
	assert_false(atomic_load(&keeper.out_of_order));
	expect_nothing_lost(B(w));
	let_go(B(w), &keeper);
}

struct unregister {
	struct actr__task task;
	struct world_actor *actor;
};

static void run_unregister(struct actr__task *task)
{
	struct unregister *unregister = container_of(task, struct unregister, task);

	assert_int_equal(actr_stream_unregister(&unregister->actor->ref, "s", NULL), 0);
}

static void unregistering_lets_a_sender_that_waits_go_on(void **state)
{
	struct world *w = *state;
	struct unregister unregister = {.task.run = run_unregister, .actor = B(w)};
	struct keeper keeper;
	actr_call *calls[300];

	keep(B(w), &keeper);
	for (unsigned i = 0; i < 300; i++)
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	world_advance(w, 1000);
	assert_true(count_done(calls, 300) < 300);
	sem_wait(&keeper.entered);
	/* On the loop, which does not wait for the callback. */
	actr__loop_post(w->loop, &unregister.task);
	world_advance(w, 1000);
	expect_all_done(calls, 300);
	assert_int_equal(stats_of(B(w)).unknown + stats_of(B(w)).dropped_unregistered +
				 1, /* that runs */
			 300);
	let_go(B(w), &keeper);
}

static void the_next_registration_goes_on_where_the_last_one_stood(void **state)
{
	struct world *w = *state;
	struct keeper first, second;
	actr_call *calls[300];

	keep(B(w), &first);
	for (unsigned i = 0; i < 300; i++)
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	world_advance(w, 1000);
	for (unsigned i = 0; i < 100; i++)
		sem_post(&first.may_leave);
	keep(B(w), &second); /* waits for a callback that runs */
	for (unsigned i = 0; i < 400; i++)
		sem_post(&second.may_leave);
	world_advance(w, 1000);
	while (count_done(calls, 300) < 300) {
		sem_wait(&second.left);
		world_advance(w, 5);
	}
	expect_all_done(calls, 300);
	world_advance(w, 10); /* the last ones arrive */
	expect_nothing_lost(B(w));
	let_go(B(w), &second);
	assert_int_equal(atomic_load(&first.count) + atomic_load(&second.count) +
				 stats_of(B(w)).dropped_unregistered,
			 300);
}

static void defect_13_a_stream_that_stands_still_holds_up_nothing_else(void **state)
{
	struct world *w = *state;
	struct keeper keeper, other;
	actr_call *calls[100], *small, *large;

	keep(B(w), &keeper);
	memset(&other, 0, sizeof other);
	sem_init(&other.may_leave, 0, 10);
	sem_init(&other.left, 0, 0);
	assert_int_equal(
		actr_stream_register(&B(w)->ref, "other", NULL, on_slow_chunk, &other, NULL), 0);
	for (unsigned i = 0; i < 100; i++)
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	world_advance(w, 100);
	assert_true(count_done(calls, 100) < 100);
	small = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "other", 0, 10);
	large = send_chunk(&A(w)->ref, world_dest(B(w)), LATENCY_FIRST, "other", 1, CHUNK);
	world_advance(w, 5);
	assert_int_equal(ended(&small, NULL), 0);
	assert_int_equal(ended(&large, NULL), 0);
	assert_int_equal(stats_of(B(w)).received, count_done(calls, 100) + 2);
	assert_true(count_done(calls, 100) < 100);
	for (unsigned i = 0; i < 100; i++)
		actr_call_unref(calls[i]);
	let_go(B(w), &keeper);
}

/* --- on the loop executor: what is on its way is what takes room --- */

struct seen {
	unsigned count;
	bool out_of_order;
};

static void on_chunk(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	struct seen *seen = user;

	(void)sender;
	seen->out_of_order = seen->out_of_order || chunk->sequence != seen->count;
	seen->count++;
}

static void listen(struct world_actor *actor, struct seen *seen)
{
	*seen = (struct seen){0};
	assert_int_equal(actr_stream_register(&actor->ref, "s", NULL, on_chunk, seen, NULL), 0);
}

static void both_sides_agree_again_when_one_has_forgotten(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_call *calls[600];

	listen(B(w), &seen);
	w->net.latency_ms = 20;
	for (unsigned i = 0; i < 600; i++)
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	for (unsigned i = 0; i < 20; i++) {
		world_advance(w, 15);
		actr__streams_lost(&(i & 1 ? A(w) : B(w))->endpoint, i & 1 ? &B(w)->id : &A(w)->id);
	}
	world_advance(w, 5000);
	expect_all_done(calls, 600);
	assert_int_equal(seen.count, 600);
	assert_false(seen.out_of_order);
	expect_nothing_lost(B(w));
}

static void large_chunks_keep_to_the_window_and_a_chunk(void **state)
{
	struct world *w = *state;
	static uint8_t large[3 * 1024 * 1024];
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_dest dest = world_dest(B(w));
	struct seen seen;
	actr_call *calls[5];

	listen(B(w), &seen);
	connect_actors(w);
	w->net.latency_ms = 50;
	chunk.stream_id = "s";
	chunk.payload = actr__bytes(large, sizeof large);
	for (unsigned i = 0; i < 5; i++) {
		chunk.sequence = i;
		assert_int_equal(actr_stream_send(&A(w)->ref, &dest, RELIABLE, &chunk, NULL, NULL,
						  NULL, &calls[i], NULL),
				 0);
	}
	world_advance(w, 45);
	assert_int_equal(count_done(calls, 5), 1);
	world_advance(w, 1000);
	expect_all_done(calls, 5);
	assert_int_equal(seen.count, 5);
	assert_false(seen.out_of_order);
	expect_nothing_lost(B(w));
}

static void an_original_peer_hears_nothing_of_credit(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_call *calls[200];

	w->net.original = true;
	listen(B(w), &seen);
	for (unsigned i = 0; i < 200; i++)
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	world_advance(w, 3000);
	expect_all_done(calls, 200);
	assert_int_equal(seen.count, 200);
	assert_int_equal(A(w)->chunks, 0);
	assert_int_equal(B(w)->chunks, 200);
	assert_int_equal(A(w)->endpoint.streams.flows.count, 0);
	assert_int_equal(B(w)->endpoint.streams.sources.count, 0);
}

static void a_peer_that_may_not_send_is_not_kept_waiting(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_call *calls[100];

	listen(B(w), &seen);
	B(w)->deny = ACTR_E_PERMISSION_DENIED;
	for (unsigned i = 0; i < 100; i++)
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	world_advance(w, 3000);
	expect_all_done(calls, 100);
	assert_int_equal(seen.count, 0);
	assert_true(stats_of(B(w)).refused >= 100);
	assert_int_equal(B(w)->endpoint.streams.sources.count, 0);
}

static void state_of_many_streams_is_bounded(void **state)
{
	struct world *w = *state;
	char id[16];

	for (unsigned i = 0; i < 5000; i++) {
		struct seen seen;
		actr_call *call;

		snprintf(id, sizeof id, "s%u", i);
		seen = (struct seen){0};
		assert_int_equal(actr_stream_register(&B(w)->ref, id, NULL, on_chunk, &seen, NULL),
				 0);
		call = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, id, 0, 10);
		world_advance(w, i ? 2 : 100);
		assert_int_equal(ended(&call, NULL), 0);
		assert_int_equal(seen.count, 1);
		assert_int_equal(actr_stream_unregister(&B(w)->ref, id, NULL), 0);
	}
	assert_int_equal(A(w)->endpoint.streams.flows.count, 4096);
	assert_int_equal(B(w)->endpoint.streams.sources.count, 4096);
	actr__sim_cut(&w->net, "cable");
	world_advance(w, 100);
	assert_int_equal(A(w)->endpoint.streams.flows.count, 0);
	assert_int_equal(B(w)->endpoint.streams.sources.count, 0);
}

/* --- a peer that lies --- */

/* A message of A to B as A's program would never send it. */
static void inject(struct world *w, unsigned lane, const char *key, const char *value, size_t size)
{
	uint8_t entry[128];
	struct actr__chunk chunk = {.stream_id = actr__text("s"),
				    .payload = actr__bytes(bytes, size)};
	struct actr__msg *msg;

	if (key) {
		chunk.metadata = actr__bytes(
			entry, actr__chunk_metadata_put(entry, actr__text(key), actr__text(value)));
		chunk.metadata_count = 1;
	}
	msg = actr__msg_new(actr__chunk_size(&chunk), lane);
	assert_non_null(msg);
	actr__chunk_encode(&chunk, msg->data);
	actr__gate_receive(B(w)->endpoint.gate, &A(w)->id, msg);
}

static void malformed_frames_are_counted_and_dropped(void **state)
{
	static const char *const bad[] = {
		"",
		"?",
		"g",
		"-1",
		"+1",
		"0x1",
		"1 ",
		" 1",
		"A",
		"??1",
		"1?",
		"1/2",
		"4000000000000001",
		"11112222333344445",
	};
	struct world *w = *state;
	struct seen seen;

	listen(B(w), &seen);
	connect_actors(w);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		inject(w, RELIABLE, CREDIT_KEY, bad[i], 0);
	assert_int_equal(stats_of(B(w)).malformed, ARRAY_SIZE(bad));
	world_advance(w, 10);
	assert_int_equal(seen.count, 0);
	assert_int_equal(B(w)->endpoint.streams.sources.count, 0);
}

static void frames_that_lie_cost_their_sender_only(void **state)
{
	static const char *const lies[] = {"0",	 "1",  "4000000000000000",  "ffffffff",
					   "?0", "?1", "?4000000000000000", "?ffffffff"};
	struct world *w = *state;
	struct seen seen;
	actr_call *calls[100];

	listen(B(w), &seen);
	connect_actors(w);
	for (unsigned round = 0; round < 1000; round++)
		inject(w, RELIABLE, CREDIT_KEY, lies[round % ARRAY_SIZE(lies)], 0);
	assert_int_equal(B(w)->endpoint.streams.flows.count, 0); /* what it grants is not asked */
	assert_int_equal(B(w)->endpoint.streams.sources.count, 1);
	world_advance(w, 10);
	for (unsigned i = 0; i < 100; i++)
		calls[i] = send_chunk(&A(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	world_advance(w, 3000);
	expect_all_done(calls, 100);
	assert_int_equal(seen.count, 100);
	assert_int_equal(stats_of(B(w)).malformed, 0);
}

static void a_sender_without_regard_for_credit_is_bounded_and_holds_up_nobody(void **state)
{
	struct world *w = *state;
	struct keeper keeper;
	actr_stream_stats stats;
	actr_call *calls[10];

	keep(B(w), &keeper);
	connect_actors(w);
	for (unsigned i = 0; i < 1000; i++)
		inject(w, RELIABLE, NULL, NULL, CHUNK);
	stats = stats_of(B(w));
	assert_in_range(stats.dropped_full, 1000 - 4 * 1024 * 1024 / CHUNK, 999);
	/* An honest one is let in all the same. */
	for (unsigned i = 0; i < 10; i++)
		calls[i] = send_chunk(&C(w)->ref, world_dest(B(w)), RELIABLE, "s", i, CHUNK);
	world_advance(w, 100);
	expect_all_done(calls, 10);
	assert_int_equal(stats_of(B(w)).dropped_full, stats.dropped_full);
	let_go(B(w), &keeper);
}

static void a_frame_on_the_latency_first_lane_or_of_another_library_is_a_chunk(void **state)
{
	struct world *w = *state;
	struct seen seen;

	listen(B(w), &seen);
	inject(w, RELIABLE, CREDIT_KEY, "1", 0); /* not connected: not ours */
	connect_actors(w);
	inject(w, LATENCY_FIRST, CREDIT_KEY, "1", 0);
	world_advance(w, 0);
	assert_int_equal(seen.count, 2);
}

/* --- in process --- */

static void defect_60_a_sender_in_process_waits_past_max_bytes_too(void **state)
{
	struct world *w = *state;
	struct keeper keeper;
	actr_call *calls[200];

	keep(A(w), &keeper);
	for (unsigned i = 0; i < 200; i++) /* 13 MB */
		calls[i] = send_chunk(&A(w)->ref, actr_dest_local, RELIABLE, "s", i, sizeof bytes);
	world_advance(w, 100);
	assert_in_range(count_done(calls, 200), 50, 70);
	for (unsigned i = 0; i < 200; i++)
		let_one_go(w, &keeper);
	let_go(A(w), &keeper);
	world_advance(w, 10);
	expect_all_done(calls, 200);
	assert_false(atomic_load(&keeper.out_of_order));
	expect_nothing_lost(A(w));
}

/* --- memory --- */

static void every_allocation_of_a_blocked_stream_may_fail(void **state)
{
	enum { COUNT = 25 };
	struct torture torture;
	unsigned long n = 0;

	(void)state;
	torture_begin(&torture);
	do {
		struct world *w = world_new(0);
		struct seen seen;
		actr_call *calls[COUNT] = {NULL};
		actr_chunk chunk = ACTR_CHUNK_INIT;
		actr_dest dest = world_dest(B(w));
		bool all = true;

		listen(B(w), &seen);
		connect_actors(w);
		w->net.latency_ms = 30;
		chunk.stream_id = "s";
		chunk.payload = actr__bytes(bytes, CHUNK);
		torture.failed = false;
		torture.countdown = ++n;
		for (unsigned i = 0; i < COUNT; i++) {
			chunk.sequence = i;
			if (actr_stream_send(&A(w)->ref, &dest, RELIABLE, &chunk, NULL, NULL, NULL,
					     &calls[i], NULL) < 0)
				calls[i] = NULL;
		}
		world_advance(w, 20000);
		torture.countdown = 0;
		for (unsigned i = 0; i < COUNT; i++) {
			int rc = calls[i] ? ended(&calls[i], NULL) : ACTR_E_NOMEM;

			assert_int_not_equal(rc, ACTR_E_WOULD_BLOCK);
			assert_int_not_equal(rc, ACTR_E_TIMEOUT);
			all = all && rc == 0;
		}
		assert_true(torture.failed || (all && seen.count == COUNT));
		world_free(w);
	} while (torture.failed);
	assert_true(n > 50);
	torture_end();
}

#define TEST(name)	  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define WORKER_TEST(name) cmocka_unit_test_setup_teardown(name, setup_worker, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORKER_TEST(defect_60_a_slow_callback_stops_its_sender_and_nothing_is_lost),
		WORKER_TEST(defect_60_a_hundred_megabytes_pass_a_slow_receiver_in_bounded_memory),
		WORKER_TEST(a_chunk_whose_receiver_has_no_room_ends_at_its_deadline),
		WORKER_TEST(a_cancelled_chunk_that_waits_for_room_leaves_the_others_in_order),
		WORKER_TEST(chunks_that_wait_for_room_outlive_their_session),
		WORKER_TEST(unregistering_lets_a_sender_that_waits_go_on),
		WORKER_TEST(the_next_registration_goes_on_where_the_last_one_stood),
		WORKER_TEST(defect_13_a_stream_that_stands_still_holds_up_nothing_else),
		TEST(both_sides_agree_again_when_one_has_forgotten),
		TEST(large_chunks_keep_to_the_window_and_a_chunk),
		TEST(an_original_peer_hears_nothing_of_credit),
		TEST(a_peer_that_may_not_send_is_not_kept_waiting),
		TEST(state_of_many_streams_is_bounded),
		TEST(malformed_frames_are_counted_and_dropped),
		TEST(frames_that_lie_cost_their_sender_only),
		WORKER_TEST(a_sender_without_regard_for_credit_is_bounded_and_holds_up_nobody),
		TEST(a_frame_on_the_latency_first_lane_or_of_another_library_is_a_chunk),
		WORKER_TEST(defect_60_a_sender_in_process_waits_past_max_bytes_too),
		cmocka_unit_test(every_allocation_of_a_blocked_stream_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
