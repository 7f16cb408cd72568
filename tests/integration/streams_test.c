/*
 * Data streams of real nodes over real WebRTC on loopback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <actr/actr.h>

#include "fixture.h"

static actr_ref *start(const char *type, actr_executor executor)
{
	actr_config config = config_of(type);
	actr_workload workload = ACTR_WORKLOAD_INIT;

	workload.executor = executor;
	return start_node(&config, &workload);
}

struct seen {
	sem_t done, let_go;
	uint64_t count, expected, until, bytes;
	bool in_order, from_sender, whole;
	actr_id sender;
};

static void on_chunk(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	struct seen *seen = user;

	seen->in_order = seen->in_order && chunk->sequence == seen->count;
	seen->from_sender = sender && actr_id_equal(sender, &seen->sender);
	for (size_t i = 0; i < chunk->payload.size; i += 997)
		seen->whole = seen->whole && chunk->payload.data[i] == (uint8_t)(i * 7);
	seen->bytes += chunk->payload.size;
	if (++seen->count == seen->until)
		sem_post(&seen->done);
}

static void seen_init(struct seen *seen, actr_ref *sender, uint64_t until)
{
	memset(seen, 0, sizeof *seen);
	sem_init(&seen->done, 0, 0);
	sem_init(&seen->let_go, 0, 0);
	seen->in_order = seen->whole = true;
	seen->until = until;
	seen->sender = actr_ref_id(sender);
}

static void wait_all(struct seen *seen)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	while (sem_timedwait(&seen->done, &until) < 0)
		assert_int_equal(errno, EINTR);
}

static uint8_t bytes[3 * 1000 * 1000];

/* Send `count` chunks; the last one is waited for. */
static void send_all(actr_ref *from, actr_ref *to, actr_lane lane, size_t size, uint64_t count,
		     bool each)
{
	actr_id id = actr_ref_id(to);
	actr_dest dest = actr_dest_actor(&id);
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_error err = ACTR_ERROR_INIT;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7);
	chunk.stream_id = "s";
	chunk.payload.data = bytes;
	chunk.payload.size = size;
	for (chunk.sequence = 0; chunk.sequence < count; chunk.sequence++) {
		if (each || chunk.sequence + 1 == count)
			assert_int_equal(
				actr_stream_send_wait(from, &dest, lane, &chunk, NULL, &err), 0);
		else
			assert_int_equal(actr_stream_send(from, &dest, lane, &chunk, NULL, NULL,
							  NULL, NULL, &err),
					 0);
	}
}

static void run(actr_executor executor, actr_lane lane, size_t size, uint64_t count, bool each)
{
	actr_ref *sender = start("Sender", executor), *receiver = start("Receiver", executor);
	actr_stream_stats stats = {.size = sizeof stats};
	struct seen seen;

	seen_init(&seen, sender, count);
	assert_int_equal(actr_stream_register(receiver, "s", NULL, on_chunk, &seen, NULL), 0);
	send_all(sender, receiver, lane, size, count, each);
	wait_all(&seen);
	assert_int_equal(actr_stream_unregister(receiver, "s", NULL), 0);
	assert_true(seen.in_order);
	assert_true(seen.whole);
	assert_true(seen.from_sender);
	assert_true(seen.bytes == count * size);
	actr_stream_get_stats(receiver, &stats);
	assert_int_equal(stats.delivered, count);
	assert_int_equal(stats.joined, size > 65535 ? count : 0);
	actr_stream_get_stats(sender, &stats);
	assert_int_equal(stats.sent, count);
	assert_null(actr_ref_close(sender));
	assert_null(actr_ref_close(receiver));
}

static void defect_8_ten_thousand_chunks_arrive_in_order(void **state)
{
	(void)state;
	run(ACTR_EXECUTOR_LOOP, ACTR_LANE_STREAM_RELIABLE, 100, 10000, false);
}

static void defect_8_a_worker_gets_them_in_order_too(void **state)
{
	(void)state;
	run(ACTR_EXECUTOR_WORKER, ACTR_LANE_STREAM_RELIABLE, 1000, 2000, false);
}

static void chunks_of_megabytes_arrive_whole(void **state)
{
	(void)state;
	run(ACTR_EXECUTOR_LOOP, ACTR_LANE_STREAM_RELIABLE, sizeof bytes, 5, true);
}

static void the_latency_first_lane_carries_what_is_sent_slowly(void **state)
{
	(void)state;
	run(ACTR_EXECUTOR_LOOP, ACTR_LANE_STREAM_LATENCY_FIRST, 1000, 100, true);
}

static void on_chunk_kept(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	struct seen *seen = user;

	if (!seen->count)
		while (sem_wait(&seen->let_go) < 0)
			;
	on_chunk(user, chunk, sender);
}

static void defect_60_a_slow_callback_stops_its_sender_across_webrtc(void **state)
{
	enum { COUNT = 400 };
	actr_ref *sender = start("Sender", ACTR_EXECUTOR_LOOP);
	actr_ref *receiver = start("Receiver", ACTR_EXECUTOR_WORKER);
	actr_stream_stats stats = {.size = sizeof stats};
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_error err = ACTR_ERROR_INIT;
	actr_id id = actr_ref_id(receiver);
	actr_dest dest = actr_dest_actor(&id);
	struct seen seen;

	(void)state;
	seen_init(&seen, sender, COUNT);
	assert_int_equal(actr_stream_register(receiver, "s", NULL, on_chunk_kept, &seen, NULL), 0);
	chunk.stream_id = "s";
	chunk.payload.data = bytes;
	chunk.payload.size = 30000;
	for (chunk.sequence = 0; chunk.sequence < COUNT; chunk.sequence++) /* 12 MB */
		assert_int_equal(actr_stream_send(sender, &dest, ACTR_LANE_STREAM_RELIABLE, &chunk,
						  NULL, NULL, NULL, NULL, NULL),
				 0);
	options.timeout_ms = 300;
	assert_int_equal(actr_stream_send_wait(sender, &dest, ACTR_LANE_STREAM_RELIABLE, &chunk,
					       &options, &err),
			 ACTR_E_TIMEOUT);
	actr_stream_get_stats(sender, &stats);
	assert_true(stats.send_waited > COUNT / 2);
	assert_true(stats.sent < 50); /* a window of 1 MiB */
	sem_post(&seen.let_go);
	wait_all(&seen);
	assert_true(seen.in_order);
	actr_stream_get_stats(receiver, &stats);
	assert_int_equal(stats.dropped_full, 0);
	assert_null(actr_ref_close(sender));
	assert_null(actr_ref_close(receiver));
}

static void a_stream_in_process_needs_no_connection(void **state)
{
	actr_ref *ref = start("Alone", ACTR_EXECUTOR_WORKER);
	actr_chunk chunk = ACTR_CHUNK_INIT;
	struct seen seen;

	(void)state;
	seen_init(&seen, ref, 1000);
	assert_int_equal(actr_stream_register(ref, "s", NULL, on_chunk, &seen, NULL), 0);
	chunk.stream_id = "s";
	for (; chunk.sequence < 1000; chunk.sequence++)
		assert_int_equal(actr_stream_send_wait(ref, &actr_dest_local,
						       ACTR_LANE_STREAM_RELIABLE, &chunk, NULL,
						       NULL),
				 0);
	wait_all(&seen);
	assert_true(seen.in_order);
	assert_false(seen.from_sender);
	assert_null(actr_ref_close(ref));
}

static void defect_60_a_shutdown_waits_for_the_callback_that_runs(void **state)
{
	actr_ref *ref = start("Alone", ACTR_EXECUTOR_WORKER);
	actr_chunk chunk = ACTR_CHUNK_INIT;
	struct seen seen;

	(void)state;
	seen_init(&seen, ref, 1);
	assert_int_equal(actr_stream_register(ref, "s", NULL, on_chunk, &seen, NULL), 0);
	chunk.stream_id = "s";
	for (; chunk.sequence < 500; chunk.sequence++)
		assert_int_equal(actr_stream_send(ref, &actr_dest_local, ACTR_LANE_STREAM_RELIABLE,
						  &chunk, NULL, NULL, NULL, NULL, NULL),
				 0);
	wait_all(&seen);
	assert_null(actr_ref_close(ref));
	assert_true(seen.in_order); /* nothing runs any more that could change it */
	assert_true(seen.count >= 1 && seen.count <= 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defect_8_ten_thousand_chunks_arrive_in_order),
		cmocka_unit_test(defect_8_a_worker_gets_them_in_order_too),
		cmocka_unit_test(chunks_of_megabytes_arrive_whole),
		cmocka_unit_test(the_latency_first_lane_carries_what_is_sent_slowly),
		cmocka_unit_test(defect_60_a_slow_callback_stops_its_sender_across_webrtc),
		cmocka_unit_test(a_stream_in_process_needs_no_connection),
		cmocka_unit_test(defect_60_a_shutdown_waits_for_the_callback_that_runs),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
