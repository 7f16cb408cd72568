/* A sender and a receiver with a path between them that loses, delays, copies: time is virtual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "wire/rtp/rtp_internal.h"

#define IN_FLIGHT  8192
#define SAMPLE_MAX (1024 * 1024)
#define MS	   ACTR__NS_PER_MS
#define MID_ID	   5

struct flying {
	uint64_t at_ns;
	uint64_t order;
	bool to_receiver, is_rtcp;
	size_t size;
	uint8_t *data;
};

struct world {
	uint64_t now_ns;
	struct actr__rtp_sender *sender;
	struct actr__rtp_receiver *receiver;
	struct flying flying[IN_FLIGHT];
	size_t flying_count;
	uint64_t order;
	/* path */
	uint64_t delay_ns;
	uint32_t seed;
	unsigned loss_per_1000, copy_per_1000, reorder_per_1000;
	bool (*drops)(struct world *w, const struct actr__rtp_header *packet);
	unsigned drop_count;
	/* seen */
	unsigned samples, key_frames, asked_for_key_frame, reports, nacks_seen, rtcp_to_receiver;
	uint32_t lost_packets, last_timestamp, rtt_us, lost_per_1000;
	size_t packet_max;
	uint64_t marker_count;
	uint8_t *expected; /* bytes of the sample on its way; compared when not NULL */
	size_t expected_size;
	actr_sample last;
	uint8_t last_data[SAMPLE_MAX];
};

static uint32_t chance(struct world *w)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (w->seed >> 8) % 1000;
}

static void fly(struct world *w, const uint8_t *data, size_t size, bool to_receiver, bool is_rtcp,
		uint64_t extra_ns)
{
	struct flying *f;

	assert_true(w->flying_count < IN_FLIGHT);
	f = &w->flying[w->flying_count++];
	*f = (struct flying){.at_ns = w->now_ns + w->delay_ns + extra_ns,
			     .order = w->order++,
			     .to_receiver = to_receiver,
			     .is_rtcp = is_rtcp,
			     .size = size,
			     .data = malloc(size)};
	memcpy(f->data, data, size);
}

static void from_sender(void *user, uint8_t *packet, size_t size, bool is_rtcp)
{
	struct world *w = user;
	struct actr__rtp_header header;
	uint64_t extra_ns = 0;

	assert_int_equal(actr__rtp_is_rtcp(actr__bytes(packet, size)), is_rtcp);
	if (is_rtcp) {
		fly(w, packet, size, true, true, 0);
	} else {
		assert_int_equal(actr__rtp_parse(actr__bytes(packet, size), MID_ID, &header), 0);
		w->marker_count += header.marker;
		w->packet_max = size > w->packet_max ? size : w->packet_max;
		if (chance(w) < w->reorder_per_1000)
			extra_ns = 3 * MS;
		if (chance(w) >= w->loss_per_1000 && !(w->drops && w->drops(w, &header)))
			fly(w, packet, size, true, false, extra_ns);
		if (chance(w) < w->copy_per_1000)
			fly(w, packet, size, true, false, 0);
	}
	memset(packet, 0xee, size + ACTR__RTP_TAIL); /* encryption is in place, with a tail */
}

static void from_receiver(void *user, uint8_t *packet, size_t size, bool is_rtcp)
{
	struct world *w = user;

	assert_true(is_rtcp && size <= ACTR__RTP_MTU && size % 4 == 0);
	fly(w, packet, size, false, true, 0);
	memset(packet, 0xee, size + ACTR__RTP_TAIL);
}

static void on_key_frame(void *user)
{
	((struct world *)user)->asked_for_key_frame++;
}

static void on_report(void *user, uint32_t lost_per_1000, uint32_t jitter_us, uint32_t rtt_us)
{
	struct world *w = user;

	(void)jitter_us;
	w->reports++;
	w->rtt_us = rtt_us;
	w->lost_per_1000 = lost_per_1000;
}

static void on_sample(void *user, const actr_sample *sample)
{
	struct world *w = user;

	assert_true(sample->data.size && sample->data.size <= SAMPLE_MAX);
	w->samples++;
	w->key_frames += sample->is_key_frame;
	w->lost_packets += sample->lost_packets;
	w->last = *sample;
	memcpy(w->last_data, sample->data.data, sample->data.size);
	w->last.data.data = w->last_data;
	if (w->expected) {
		assert_int_equal(sample->data.size, w->expected_size);
		assert_memory_equal(sample->data.data, w->expected, w->expected_size);
	}
}

static struct world *world_new(actr_codec codec, enum actr__rtp_mode mode, bool nack, bool pli)
{
	struct world *w = calloc(1, sizeof *w);
	struct actr__rtp_sender_options sending = {.codec = codec,
						   .mode = mode,
						   .payload_type = 96,
						   .ssrc = 0x11223344,
						   .cname = "cname-of-sender",
						   .mid_id = MID_ID,
						   .mid = "0",
						   .on_packet = from_sender,
						   .on_key_frame = on_key_frame,
						   .on_report = on_report,
						   .user = w};
	struct actr__rtp_receiver_options receiving = {.codec = codec,
						       .mode = mode,
						       .ssrc = 0x11223344,
						       .local_ssrc = 0x55667788,
						       .cname = "cname-of-receiver",
						       .nack = nack,
						       .pli = pli,
						       .on_sample = on_sample,
						       .on_packet = from_receiver,
						       .user = w};

	assert_non_null(w);
	w->now_ns = 1000 * MS;
	w->delay_ns = 10 * MS;
	w->seed = 1;
	assert_int_equal(actr__rtp_sender_new(&sending, &w->sender, NULL), 0);
	assert_int_equal(actr__rtp_receiver_new(&receiving, &w->receiver, NULL), 0);
	return w;
}

static void world_free(struct world *w)
{
	for (size_t i = 0; i < w->flying_count; i++)
		free(w->flying[i].data);
	actr__rtp_sender_free(w->sender);
	actr__rtp_receiver_free(w->receiver);
	free(w);
}

static int64_t wall_ms(const struct world *w)
{
	return (int64_t)(1700000000000 + w->now_ns / MS);
}

static void arrive(struct world *w, struct flying f)
{
	struct actr__rtp_header header;
	actr_bytes bytes = actr__bytes(f.data, f.size);

	if (!f.to_receiver) {
		actr__rtp_sender_input_rtcp(w->sender, bytes, w->now_ns, wall_ms(w));
	} else if (f.is_rtcp) {
		w->rtcp_to_receiver++;
		actr__rtp_receiver_input_rtcp(w->receiver, bytes, w->now_ns);
	} else {
		assert_int_equal(actr__rtp_parse(bytes, MID_ID, &header), 0);
		actr__rtp_receiver_input(w->receiver, &header, w->now_ns);
	}
	free(f.data);
}

static bool arrives_before(const struct flying *a, const struct flying *b)
{
	return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

/* All that arrives up to now. In order of arrival; the array is nearly sorted. */
static void deliver_due(struct world *w)
{
	for (;;) {
		size_t first = w->flying_count;

		for (size_t i = 0; i < w->flying_count; i++) {
			if (w->flying[i].at_ns <= w->now_ns &&
			    (first == w->flying_count ||
			     arrives_before(&w->flying[i], &w->flying[first])))
				first = i;
			if (first < w->flying_count && w->flying[first].order == i)
				break;
		}
		if (first == w->flying_count)
			return;
		struct flying f = w->flying[first];

		memmove(w->flying + first, w->flying + first + 1,
			(--w->flying_count - first) * sizeof f);
		arrive(w, f);
	}
}

static void advance(struct world *w, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		w->now_ns += MS;
		deliver_due(w);
		actr__rtp_sender_tick(w->sender, w->now_ns, wall_ms(w));
		actr__rtp_receiver_tick(w->receiver, w->now_ns);
	}
}

/* A frame of the codec with content that tells its place; H.264: one NAL unit. */
static size_t make_sample(actr_codec codec, uint8_t *out, size_t size, bool is_key)
{
	static const uint8_t idr[] = {0, 0,    0, 1, 0x67, 0x42, 1, 0,	  0,   0,
				      1, 0x68, 2, 0, 0,	   0,	 1, 0x65, 0x88};
	static const uint8_t slice[] = {0, 0, 0, 1, 0x41, 0x9a};

	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(1 + (i * 31 + i / 251) % 255);
	if (codec == ACTR_CODEC_VP8) {
		out[0] = (uint8_t)((out[0] & 0xfe) | !is_key);
	} else if (codec == ACTR_CODEC_H264) {
		const uint8_t *head = is_key ? idr : slice;
		size_t head_size = is_key ? sizeof idr : sizeof slice;

		size = size > head_size ? size : head_size;
		memcpy(out, head, head_size);
	} else {
		out[0] = 0x78; /* 20 ms, one frame */
	}
	return size;
}

static void send_sample(struct world *w, const uint8_t *data, size_t size, uint32_t timestamp)
{
	assert_int_equal(
		actr__rtp_send(w->sender, actr__bytes(data, size), timestamp, w->now_ns, NULL), 0);
}

/* --- samples arrive as they were --- */

static void round_trip(actr_codec codec, enum actr__rtp_mode mode, const size_t *sizes,
		       size_t count)
{
	struct world *w = world_new(codec, mode, true, true);
	uint8_t *data = malloc(SAMPLE_MAX);

	for (size_t i = 0; i < count; i++) {
		w->expected = data;
		w->expected_size = make_sample(codec, data, sizes[i], i % 2 == 0);
		send_sample(w, data, w->expected_size, 0xfffff000u + (uint32_t)i * 3000);
		advance(w, 20);
		assert_int_equal(w->samples, i + 1);
		assert_int_equal(w->last.timestamp, 0xfffff000u + (uint32_t)i * 3000);
		assert_int_equal(w->last.is_key_frame || mode == ACTR__RTP_RAW,
				 codec == ACTR_CODEC_OPUS || i % 2 == 0 || mode == ACTR__RTP_RAW);
		assert_int_equal(w->last.codec, codec);
		assert_int_equal(w->last.ssrc, 0x11223344);
	}
	if (mode == ACTR__RTP_PAYLOAD_FORMAT)
		assert_int_equal(w->packet_max,
				 sizes[count - 1] > 1200 ? ACTR__RTP_MTU : w->packet_max);
	assert_int_equal(w->asked_for_key_frame, 0);
	free(data);
	world_free(w);
}

static void video_of_any_size_arrives_as_it_was(void **state)
{
	static const size_t sizes[] = {1,    2,	   100,	  1163, 1164,  1165,   1166,	1167,
				       1168, 1169, 1170,  1171, 1172,  1173,   1174,	1175,
				       1176, 1177, 1178,  1179, 1180,  1181,   1182,	1183,
				       1184, 1185, 1186,  1187, 1188,  1189,   1190,	2340,
				       2350, 2360, 10000, 9999, 65536, 100000, 1000000, SAMPLE_MAX};

	(void)state;
	round_trip(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, sizes, ARRAY_SIZE(sizes));
	round_trip(ACTR_CODEC_H264, ACTR__RTP_PAYLOAD_FORMAT, sizes, ARRAY_SIZE(sizes));
}

static void opus_packets_arrive_as_they_were(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 120, 1275, ACTR__OPUS_MAX};
	struct world *w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, true);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t data[ACTR__OPUS_MAX];

		make_sample(ACTR_CODEC_OPUS, data, sizes[i], true);
		w->expected = data;
		w->expected_size = sizes[i];
		send_sample(w, data, sizes[i], (uint32_t)i * 960);
		advance(w, 20);
		assert_int_equal(w->samples, i + 1);
		assert_true(w->last.is_key_frame);
		assert_int_equal(w->last.kind, ACTR_MEDIA_AUDIO);
	}
	assert_int_equal(w->marker_count, 1);
	world_free(w);
}

static void opus_after_silence_has_the_marker(void **state)
{
	struct world *w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, true);

	(void)state;
	send_sample(w, (const uint8_t *)"\x78", 1, 0);
	send_sample(w, (const uint8_t *)"\x78", 1, 960);
	assert_int_equal(w->marker_count, 1);
	send_sample(w, (const uint8_t *)"\x78", 1, 960 * 10);
	assert_int_equal(w->marker_count, 2);
	world_free(w);
}

/* --- toward the original --- */

static void a_raw_sample_is_one_packet_from_sequence_zero(void **state)
{
	static const size_t sizes[] = {1, 1201, 60000,
				       ACTR__RTP_PACKET_MAX - ACTR__RTP_HEADER_SIZE};
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_RAW, false, false);
	uint8_t *data = calloc(1, SAMPLE_MAX);

	(void)state;
	w->expected = data;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		w->expected_size = sizes[i];
		send_sample(w, data, sizes[i], 77);
		assert_int_equal(w->flying_count, 1);
		assert_int_equal(w->flying[0].size, sizes[i] + 12);
		assert_int_equal(w->flying[0].data[0], 0x80); /* no extension */
		assert_int_equal(w->flying[0].data[1], 0x80 | 96);
		assert_int_equal(actr__get16be(w->flying[0].data + 2), i);
		assert_int_equal(actr__get32be(w->flying[0].data + 4), 77);
		advance(w, 20);
		assert_int_equal(w->samples, i + 1);
	}
	assert_int_equal(
		actr__rtp_send(w->sender, actr__bytes(data, sizes[3] + 1), 1, w->now_ns, NULL),
		ACTR_E_TOO_LARGE);
	assert_int_equal(actr__rtp_send(w->sender, actr__bytes(data, 0), 1, w->now_ns, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	free(data);
	world_free(w);
}

static void raw_samples_come_as_they_arrive_and_no_rtcp_is_written(void **state)
{
	struct world *w = world_new(ACTR_CODEC_H264, ACTR__RTP_RAW, true, true);
	struct actr__rtp_receiver_stats stats;

	(void)state;
	w->reorder_per_1000 = 200;
	w->copy_per_1000 = 200;
	for (uint32_t i = 0; i < 500; i++) {
		send_sample(w, (const uint8_t *)&i, sizeof i, i);
		advance(w, 1);
	}
	advance(w, 5000);
	assert_int_equal(w->samples, 500);
	assert_int_equal(w->rtcp_to_receiver, 0);
	assert_int_equal(w->reports, 0);
	actr__rtp_receiver_stats(w->receiver, &stats);
	assert_true(stats.duplicates > 50);
	assert_true(stats.late > 50);
	assert_int_equal(stats.nacks + stats.plis, 0);
	actr__rtp_sender_bye(w->sender);
	assert_int_equal(w->flying_count, 0);
	world_free(w);
}

static bool drop_third(struct world *w, const struct actr__rtp_header *packet)
{
	(void)packet;
	return ++w->drop_count % 3 == 0;
}

static void raw_samples_tell_how_many_were_lost_before(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_RAW, false, false);
	struct actr__rtp_receiver_stats stats;

	(void)state;
	w->drops = drop_third;
	for (uint32_t i = 0; i < 31; i++) {
		send_sample(w, (const uint8_t *)"\x10\0\0\x9d\x01\x2a", 6, i);
		advance(w, 20);
		assert_int_equal(w->last.lost_packets, i && i % 3 == 0);
	}
	assert_int_equal(w->samples, 21);
	assert_int_equal(w->key_frames, 21);
	assert_int_equal(w->lost_packets, 10);
	actr__rtp_receiver_stats(w->receiver, &stats);
	assert_int_equal(stats.lost, 10);
	assert_int_equal(stats.packets, 21);
	assert_int_equal(stats.samples, 21);
	assert_int_equal(stats.bytes, 21 * 6);
	world_free(w);
}

static void what_is_no_sample_leaves_nothing(void **state)
{
	struct world *w = world_new(ACTR_CODEC_H264, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	struct world *opus = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	uint8_t *large = calloc(1, ACTR_SAMPLE_MAX + 1);
	struct actr__rtp_sender_stats stats;

	(void)state;
	assert_int_equal(actr__rtp_send(w->sender, actr__text("no start code"), 0, 0, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr__rtp_send(w->sender, actr__bytes(NULL, 0), 0, 0, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(
		actr__rtp_send(w->sender, actr__bytes(large, ACTR_SAMPLE_MAX + 1), 0, 0, NULL),
		ACTR_E_TOO_LARGE);
	assert_int_equal(
		actr__rtp_send(opus->sender, actr__bytes(large, ACTR__OPUS_MAX + 1), 0, 0, NULL),
		ACTR_E_TOO_LARGE);
	actr__rtp_sender_stats(w->sender, &stats);
	assert_int_equal(stats.packets + stats.samples + w->flying_count + opus->flying_count, 0);
	free(large);
	world_free(w);
	world_free(opus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(video_of_any_size_arrives_as_it_was),
		cmocka_unit_test(opus_packets_arrive_as_they_were),
		cmocka_unit_test(opus_after_silence_has_the_marker),
		cmocka_unit_test(a_raw_sample_is_one_packet_from_sequence_zero),
		cmocka_unit_test(raw_samples_come_as_they_arrive_and_no_rtcp_is_written),
		cmocka_unit_test(raw_samples_tell_how_many_were_lost_before),
		cmocka_unit_test(what_is_no_sample_leaves_nothing),
	};

	return cmocka_run_group_tests_name("rtp pair", tests, NULL, NULL);
}
