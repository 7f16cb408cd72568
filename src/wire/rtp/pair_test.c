/* What is sent arrives as it was: all codecs and modes over a path that loses nothing. */
#include "wire/rtp/test_world.h"

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

static void a_mid_that_cannot_be_written_is_refused(void **state)
{
	struct actr__rtp_sender_options options = {
		.codec = ACTR_CODEC_VP8, .mid_id = 15, .mid = "0"};
	struct actr__rtp_sender *sender = NULL;

	(void)state;
	assert_int_equal(actr__rtp_sender_new(&options, &sender, NULL), ACTR_E_INVALID_ARGUMENT);
	options.mid_id = 1;
	options.mid = "seventeen letters";
	assert_int_equal(actr__rtp_sender_new(&options, &sender, NULL), ACTR_E_INVALID_ARGUMENT);
	assert_null(sender);
	options.mid = "sixteen  letters";
	assert_int_equal(actr__rtp_sender_new(&options, &sender, NULL), 0);
	assert_null(actr__rtp_sender_free(sender));
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
		cmocka_unit_test(a_mid_that_cannot_be_written_is_refused),
	};

	return cmocka_run_group_tests_name("rtp pair", tests, NULL, NULL);
}
