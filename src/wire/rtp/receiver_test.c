/* The receiver fed packet by packet: gaps, hostile senders, bounds, no memory. */
#include <time.h>

#include "wire/rtp/test_world.h"

#define BYTES(...)                                                                                 \
	actr__bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static long live_bytes, live_peak, fail_at;

static void *allocate(void *user, size_t size)
{
	size_t *block;

	(void)user;
	if (fail_at && --fail_at == 0)
		return NULL;
	block = malloc(size + 16);
	if (!block)
		return NULL;
	*block = size;
	live_bytes += (long)size;
	live_peak = live_bytes > live_peak ? live_bytes : live_peak;
	return (uint8_t *)block + 16;
}

static void release(void *user, void *at)
{
	size_t *block;

	(void)user;
	if (!at)
		return;
	block = (size_t *)(void *)((uint8_t *)at - 16);
	live_bytes -= (long)*block;
	free(block);
}

static void *reallocate(void *user, void *at, size_t size)
{
	size_t before = at ? *(size_t *)(void *)((uint8_t *)at - 16) : 0;
	void *moved = allocate(user, size);

	if (moved && at) {
		memcpy(moved, at, before < size ? before : size);
		release(user, at);
	}
	return moved;
}

static void count_memory(void)
{
	static const actr_allocator counting = {
		.allocate = allocate, .reallocate = reallocate, .release = release};

	live_bytes = live_peak = fail_at = 0;
	actr_set_allocator(&counting);
}

static void input(struct world *w, uint16_t sequence, uint32_t timestamp, bool marker,
		  actr_bytes payload)
{
	struct actr__rtp_header packet = {.sequence = sequence,
					  .timestamp = timestamp,
					  .marker = marker,
					  .ssrc = 0x11223344,
					  .payload = payload};

	actr__rtp_receiver_input(w->receiver, &packet, w->now_ns);
}

static struct actr__rtp_receiver_stats stats_of(const struct world *w)
{
	struct actr__rtp_receiver_stats stats;

	actr__rtp_receiver_stats(w->receiver, &stats);
	return stats;
}

static void assert_last(const struct world *w, actr_bytes expected)
{
	assert_int_equal(w->last.data.size, expected.size);
	assert_memory_equal(w->last.data.data, expected.data, expected.size);
}

/* --- frames --- */

static void a_vp8_frame_that_begins_twice_is_dropped(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, false, false);

	(void)state;
	input(w, 1, 100, false, BYTES(0x10, 0, 1));
	input(w, 2, 100, true, BYTES(0x10, 1, 1));
	assert_int_equal(w->samples, 0);
	assert_int_equal(stats_of(w).malformed, 1);
	world_free(w);
}

static void a_frame_without_marker_ends_with_the_next_timestamp(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, false, false);

	(void)state;
	input(w, 1, 100, false, BYTES(0x10, 0, 1));
	input(w, 2, 100, false, BYTES(0x00, 2, 3));
	assert_int_equal(w->samples, 0);
	input(w, 3, 200, true, BYTES(0x10, 5));
	assert_int_equal(w->samples, 2);
	assert_int_equal(w->key_frames, 1);
	assert_last(w, BYTES(5));
	world_free(w);
}

static void padding_between_frames_is_no_gap(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, true, true);

	(void)state;
	input(w, 1, 100, true, BYTES(0x10, 0, 1));
	input(w, 2, 100, false, actr__bytes(NULL, 0));
	input(w, 4, 100, false, actr__bytes(NULL, 0));
	input(w, 3, 100, false, actr__bytes(NULL, 0));
	input(w, 5, 200, true, BYTES(0x10, 1, 1));
	assert_int_equal(w->samples, 2);
	assert_int_equal(stats_of(w).malformed, 0);
	world_free(w);
}

static void a_malformed_packet_costs_its_frame_alone(void **state)
{
	struct world *w = world_new(ACTR_CODEC_H264, ACTR__RTP_PAYLOAD_FORMAT, false, true);

	(void)state;
	input(w, 1, 100, true, BYTES(0x67, 1));
	input(w, 2, 200, false, BYTES(0x41, 0x80, 1));
	input(w, 3, 200, false, BYTES(29, 0x85, 0, 1, 2));
	input(w, 4, 200, true, BYTES(0x41, 0x40, 1));
	input(w, 5, 300, true, BYTES(0x41, 0x80, 1));
	input(w, 6, 400, true, BYTES(0x7c, 0x81, 0x80)); /* a FU-A that does not end */
	input(w, 7, 500, true, BYTES(0x41, 0x80, 2));
	assert_int_equal(w->samples, 3);
	assert_int_equal(stats_of(w).malformed, 2);
	assert_int_equal(stats_of(w).plis, 1);
	assert_last(w, BYTES(0, 0, 0, 1, 0x41, 0x80, 2));
	world_free(w);
}

/* After a gap before it: is this packet the frame's first? */
static unsigned delivered_after_gap(actr_bytes first)
{
	struct world *w = world_new(ACTR_CODEC_H264, ACTR__RTP_PAYLOAD_FORMAT, false, true);
	unsigned samples;

	input(w, 1, 100, true, BYTES(0x67, 1));
	input(w, 3, 300, true, first);
	w->now_ns += 60 * MS;
	actr__rtp_receiver_tick(w->receiver, w->now_ns);
	assert_int_equal(stats_of(w).lost, 1);
	samples = w->samples - 1;
	input(w, 4, 400, true, BYTES(0x41, 0x40)); /* the next frame is complete in any case */
	assert_int_equal(w->samples, samples + 2);
	assert_int_equal(w->lost_packets, 1);
	world_free(w);
	return samples;
}

static void after_a_gap_an_h264_frame_must_prove_that_it_is_whole(void **state)
{
	(void)state;
	assert_int_equal(delivered_after_gap(BYTES(0x67, 1)), 1);
	assert_int_equal(delivered_after_gap(BYTES(0x09, 1)), 1);
	assert_int_equal(delivered_after_gap(BYTES(24, 0, 2, 0x67, 1, 0, 2, 0x65, 0x88)), 1);
	assert_int_equal(delivered_after_gap(BYTES(0x41, 0x80)), 1); /* first_mb_in_slice 0 */
	assert_int_equal(delivered_after_gap(BYTES(0x41, 0x40)), 0);
	assert_int_equal(delivered_after_gap(BYTES(0x65, 0x88)), 0); /* its SPS may be lost */
	assert_int_equal(delivered_after_gap(BYTES(0x68, 1)), 0);
	assert_int_equal(delivered_after_gap(BYTES(0x06, 1)), 0);
}

static void a_stream_joined_in_a_frame_begins_with_the_next(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, true, true);

	(void)state;
	input(w, 10, 100, false, BYTES(0x00, 1));
	input(w, 11, 100, true, BYTES(0x00, 1));
	assert_int_equal(w->samples, 0);
	assert_int_equal(stats_of(w).plis, 1);
	input(w, 12, 200, true, BYTES(0x10, 0));
	assert_int_equal(w->samples, 1);
	assert_int_equal(w->lost_packets, 0);
	world_free(w);
}

static void what_comes_after_it_was_given_up_is_late(void **state)
{
	struct world *w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, false);

	(void)state;
	input(w, 1, 1, true, BYTES(0x78));
	input(w, 3, 3, true, BYTES(0x78));
	w->now_ns += 249 * MS;
	actr__rtp_receiver_tick(w->receiver, w->now_ns);
	assert_int_equal(w->samples, 1);
	w->now_ns += 1 * MS;
	actr__rtp_receiver_tick(w->receiver, w->now_ns);
	assert_int_equal(w->samples, 2);
	assert_int_equal(w->last.lost_packets, 1);
	input(w, 2, 2, true, BYTES(0x78));
	input(w, 2, 2, true, BYTES(0x78));
	assert_int_equal(w->samples, 2);
	assert_int_equal(stats_of(w).late, 1);
	assert_int_equal(stats_of(w).duplicates, 1);
	world_free(w);
}

static void a_tick_tells_when_it_is_needed_again(void **state)
{
	struct world *w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, false);
	uint64_t start_ns = w->now_ns, next_ns;

	(void)state;
	assert_int_equal(actr__rtp_receiver_tick(w->receiver, w->now_ns),
			 start_ns + ACTR__NS_PER_S);
	input(w, 1, 1, true, BYTES(0x78));
	input(w, 3, 3, true, BYTES(0x78));
	next_ns = actr__rtp_receiver_tick(w->receiver, w->now_ns);
	assert_int_equal(next_ns, start_ns + 10 * MS); /* no mere reordering */
	next_ns = actr__rtp_receiver_tick(w->receiver, next_ns);
	assert_int_equal(stats_of(w).nacks, 1);
	assert_int_equal(next_ns, start_ns + 60 * MS); /* 5/4 of the first guess of a round trip */
	next_ns = actr__rtp_receiver_tick(w->receiver, next_ns);
	assert_int_equal(stats_of(w).nacks, 2);
	assert_int_equal(next_ns, start_ns + 110 * MS);
	input(w, 4, 4, true, BYTES(0x78));
	input(w, 5, 5, true, BYTES(0x78));
	input(w, 8, 8, true, BYTES(0x78));
	input(w, 11, 11, true, BYTES(0x78));
	/* 6 and 7 are three behind: asked for at once; 9 and 10 are not. */
	assert_int_equal(stats_of(w).nacks, 2);
	input(w, 12, 12, true, BYTES(0x78));
	assert_int_equal(actr__rtp_receiver_tick(w->receiver, w->now_ns), start_ns + 61 * MS);
	world_free(w);
}

static void a_sender_that_starts_anew_is_followed(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, true, true);

	(void)state;
	input(w, 40000, 100, true, BYTES(0x10, 0));
	input(w, 40002, 300, true, BYTES(0x10, 1)); /* waits */
	input(w, 20000, 5000, true, BYTES(0x10, 0));
	assert_int_equal(w->samples, 1);
	input(w, 20001, 8000, true, BYTES(0x10, 1));
	assert_int_equal(w->samples, 3); /* what waited, and the second of the new */
	assert_int_equal(w->last.timestamp, 8000);
	input(w, 20002, 11000, true, BYTES(0x10, 1));
	assert_int_equal(w->samples, 4);
	assert_int_equal(stats_of(w).plis, 1);
	world_free(w);
}

/* --- hostile --- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* `step` between numbers: gaps everywhere. A sender that is all gaps. */
static void bounded_with_gaps(actr_codec codec, uint16_t step, uint64_t ns_between)
{
	static uint8_t payload[1000];
	struct world *w;
	double start = seconds();

	count_memory();
	w = world_new(codec, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	payload[0] = 0x10;
	for (uint32_t i = 0; i < 20000; i++) {
		input(w, (uint16_t)(i * step), i, false, actr__bytes(payload, sizeof payload));
		w->now_ns += ns_between;
		for (size_t k = 0; k < w->flying_count; k++)
			free(w->flying[k].data);
		w->flying_count = 0;
	}
	assert_true(stats_of(w).nacks <= w->now_ns / MS);
	assert_true(live_peak < 11 * 1024 * 1024);
	world_free(w);
	assert_int_equal(live_bytes, 0);
	actr_set_allocator(NULL);
	assert_true(seconds() - start < 5);
}

static void gaps_everywhere_cost_bounded_memory_and_time(void **state)
{
	(void)state;
	bounded_with_gaps(ACTR_CODEC_VP8, 2, 0);
	bounded_with_gaps(ACTR_CODEC_VP8, 2, MS / 10);
	bounded_with_gaps(ACTR_CODEC_OPUS, 100, MS / 10);
	bounded_with_gaps(ACTR_CODEC_OPUS, 1024, MS / 10);
	bounded_with_gaps(ACTR_CODEC_H264, 8191, MS / 10);
	bounded_with_gaps(ACTR_CODEC_VP8, 8193, MS / 10);
	bounded_with_gaps(ACTR_CODEC_VP8, 32768, MS);
	bounded_with_gaps(ACTR_CODEC_OPUS, 65535, MS);
}

static void a_frame_that_never_ends_is_dropped(void **state)
{
	static uint8_t payload[60000];
	struct world *w;
	long before;

	(void)state;
	count_memory();
	w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	before = live_bytes;
	for (uint16_t i = 0; i < 1000; i++) {
		payload[0] = i ? 0 : 0x10;
		input(w, i, 7, false, actr__bytes(payload, sizeof payload));
	}
	assert_true(live_peak < 8 * 1024 * 1024);
	input(w, 1000, 7, true, BYTES(0, 1));
	assert_int_equal(w->samples, 0);
	assert_int_equal(stats_of(w).malformed, 1);
	input(w, 1001, 8, true, BYTES(0x10, 1));
	assert_int_equal(w->samples, 1);
	assert_true(live_bytes < before + 512 * 1024); /* it has given its memory back */
	world_free(w);
	actr_set_allocator(NULL);
}

static void what_waits_is_bounded_in_bytes(void **state)
{
	static uint8_t payload[60000];
	struct world *w;

	(void)state;
	count_memory();
	w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	input(w, 0, 0, true, BYTES(0x78));
	for (uint16_t i = 2; i < 200; i++) {
		payload[0] = 0x10;
		input(w, i, i, true, actr__bytes(payload, sizeof payload));
	}
	assert_true(live_peak < 9 * 1024 * 1024);
	assert_int_equal(w->samples, 199); /* the gap was given up for their sake */
	assert_int_equal(stats_of(w).lost, 1);
	world_free(w);
	actr_set_allocator(NULL);
}

static void what_waits_is_bounded_in_bytes_for_all_that_share_a_budget(void **state)
{
	static uint8_t payload[60000] = {0x10};
	struct actr__rtp_budget budget = {.max_bytes = 1024 * 1024};
	struct world *a, *b;

	(void)state;
	world_budget = &budget;
	a = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	b = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	world_budget = NULL;
	input(a, 0, 0, true, BYTES(0x78));
	input(b, 0, 0, true, BYTES(0x78));
	for (uint16_t i = 2; i < 12; i++) {
		input(a, i, i, true, actr__bytes(payload, sizeof payload));
		assert_true(budget.bytes <= budget.max_bytes);
	}
	for (uint16_t i = 2; i < 12; i++) {
		input(b, i, i, true, actr__bytes(payload, sizeof payload));
		assert_true(budget.bytes <= budget.max_bytes);
	}
	assert_int_equal(a->samples, 1); /* still waits */
	assert_int_equal(b->samples, 11);
	assert_int_equal(stats_of(b).lost, 1);
	world_free(a);
	world_free(b);
	assert_int_equal(budget.bytes, 0);
}

/* Numbers, timestamps, markers, payloads by chance: nothing but bounds to check. */
static void noise_is_survived(void **state)
{
	static const actr_codec codecs[] = {ACTR_CODEC_VP8, ACTR_CODEC_H264, ACTR_CODEC_OPUS};
	uint32_t seed = 7;

	(void)state;
	for (size_t c = 0; c < 6; c++) {
		struct world *w =
			world_new(codecs[c % 3], (enum actr__rtp_mode)(c / 3), true, true);
		uint16_t sequence = 0;

		for (uint32_t i = 0; i < 20000; i++) {
			uint8_t payload[12];

			for (size_t k = 0; k < sizeof payload; k++)
				payload[k] =
					(uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
			sequence = (uint16_t)(sequence + payload[0] % 4 - 1);
			if (payload[1] == 0)
				sequence = actr__get16be(payload + 2);
			input(w, sequence, i / (payload[4] % 8 + 1), payload[5] & 1,
			      actr__bytes(payload + 6, payload[3] % 7));
			w->now_ns += payload[6] * 1000u;
			actr__rtp_receiver_tick(w->receiver, w->now_ns);
			actr__rtp_receiver_input_rtcp(w->receiver, actr__bytes(payload, 12),
						      w->now_ns);
			for (size_t k = 0; k < w->flying_count; k++)
				free(w->flying[k].data);
			w->flying_count = 0;
		}
		assert_int_equal(stats_of(w).packets, 20000);
		world_free(w);
	}
}

/* --- no memory --- */

/* A frame, a gap that is repaired, a frame: true when no allocation was left to fail. */
static bool run_with_failure(actr_codec codec, long index)
{
	static uint8_t data[5000];
	struct actr__rtp_sender_options sending = {
		.codec = codec, .cname = "c", .mid = "0", .mid_id = 1, .on_packet = NULL};
	struct actr__rtp_sender *sender = NULL;
	struct world *w = world_new(codec, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	bool is_over;

	fail_at = index;
	if (actr__rtp_sender_new(&sending, &sender, NULL) < 0)
		assert_null(sender);
	actr__rtp_sender_free(sender);
	for (unsigned i = 0; i < 6; i++) {
		size_t size = make_sample(codec, data, sizeof data, i == 0);
		int rc;

		w->loss_per_1000 = i == 1 ? 500 : 0;
		rc = actr__rtp_send(w->sender, actr__bytes(data, size), i * 3000, w->now_ns, NULL);
		assert_true(rc == 0 || rc == ACTR_E_NOMEM);
		advance(w, 15);
	}
	advance(w, 400);
	is_over = fail_at > 0;
	fail_at = 0;
	assert_true(w->samples >= 3);
	if (is_over)
		assert_int_equal(w->samples, 6);
	send_sample(w, data, make_sample(codec, data, 3000, true), 99000);
	advance(w, 400);
	assert_int_equal(w->last.timestamp, 99000); /* it goes on */
	world_free(w);
	return is_over;
}

static void each_allocation_may_fail(void **state)
{
	static const actr_codec codecs[] = {ACTR_CODEC_VP8, ACTR_CODEC_H264, ACTR_CODEC_OPUS};

	(void)state;
	count_memory();
	for (size_t c = 0; c < 3; c++) {
		long index = 1;

		while (!run_with_failure(codecs[c], index))
			assert_true(++index < 500);
		assert_true(index > 10);
		assert_int_equal(live_bytes, 0);
	}
	actr_set_allocator(NULL);
}

static void a_receiver_without_memory_is_not_made(void **state)
{
	struct actr__rtp_receiver_options options = {.codec = ACTR_CODEC_VP8, .cname = "c"};
	struct actr__rtp_receiver *receiver = NULL;

	(void)state;
	count_memory();
	for (long i = 1; i <= 2; i++) {
		fail_at = i;
		assert_int_equal(actr__rtp_receiver_new(&options, &receiver, NULL), ACTR_E_NOMEM);
		assert_null(receiver);
		assert_int_equal(live_bytes, 0);
	}
	fail_at = 0;
	assert_int_equal(actr__rtp_receiver_new(&options, &receiver, NULL), 0);
	assert_null(actr__rtp_receiver_free(receiver));
	actr_set_allocator(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vp8_frame_that_begins_twice_is_dropped),
		cmocka_unit_test(a_frame_without_marker_ends_with_the_next_timestamp),
		cmocka_unit_test(padding_between_frames_is_no_gap),
		cmocka_unit_test(a_malformed_packet_costs_its_frame_alone),
		cmocka_unit_test(after_a_gap_an_h264_frame_must_prove_that_it_is_whole),
		cmocka_unit_test(a_stream_joined_in_a_frame_begins_with_the_next),
		cmocka_unit_test(what_comes_after_it_was_given_up_is_late),
		cmocka_unit_test(a_tick_tells_when_it_is_needed_again),
		cmocka_unit_test(a_sender_that_starts_anew_is_followed),
		cmocka_unit_test(gaps_everywhere_cost_bounded_memory_and_time),
		cmocka_unit_test(a_frame_that_never_ends_is_dropped),
		cmocka_unit_test(what_waits_is_bounded_in_bytes),
		cmocka_unit_test(what_waits_is_bounded_in_bytes_for_all_that_share_a_budget),
		cmocka_unit_test(noise_is_survived),
		cmocka_unit_test(each_allocation_may_fail),
		cmocka_unit_test(a_receiver_without_memory_is_not_made),
	};

	return cmocka_run_group_tests_name("rtp receiver", tests, NULL, NULL);
}
