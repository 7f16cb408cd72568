/* Over a bad path: repeats, reordering, copies, what cannot be repaired, reports. */
#include "wire/rtp/test_world.h"

static uint8_t frame_bytes[SAMPLE_MAX];

/* Frames of 100 KB, one each 33 ms; the last packets get time to be repaired. */
static void send_frames(struct world *w, actr_codec codec, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		w->expected = frame_bytes;
		w->expected_size = make_sample(codec, frame_bytes, 100000, true);
		send_sample(w, frame_bytes, w->expected_size, i * 3000);
		advance(w, 33);
	}
	w->loss_per_1000 = 0;
	advance(w, 300);
}

static void frames_survive(actr_codec codec, unsigned loss_per_1000)
{
	struct world *w = world_new(codec, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	struct actr__rtp_sender_stats sent;
	struct actr__rtp_receiver_stats got;

	w->loss_per_1000 = loss_per_1000;
	send_frames(w, codec, 40);
	actr__rtp_sender_stats(w->sender, &sent);
	actr__rtp_receiver_stats(w->receiver, &got);
	assert_int_equal(w->samples, 40);
	assert_int_equal(w->lost_packets, 0);
	assert_int_equal(got.lost + got.malformed + got.late, 0);
	assert_int_equal(got.packets - got.duplicates, sent.packets);
	assert_int_equal(w->asked_for_key_frame, 0);
	assert_true(sent.resent > sent.packets * loss_per_1000 / 2000);
	assert_true(sent.resent < sent.packets * loss_per_1000 / 400);
	world_free(w);
}

static void with_1_percent_loss_all_frames_arrive(void **state)
{
	(void)state;
	frames_survive(ACTR_CODEC_VP8, 10);
	frames_survive(ACTR_CODEC_H264, 10);
}

static void with_10_percent_loss_all_frames_arrive(void **state)
{
	(void)state;
	frames_survive(ACTR_CODEC_VP8, 100);
	frames_survive(ACTR_CODEC_H264, 100);
}

/* Loss, reordering and copies at once; what is delivered is compared byte for byte. */
static void a_path_is_bad_in_every_way(actr_codec codec, size_t size)
{
	struct world *w = world_new(codec, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	struct actr__rtp_sender_stats sent;
	struct actr__rtp_receiver_stats got;

	w->expected = frame_bytes;
	w->expected_size = make_sample(codec, frame_bytes, size, true);
	send_sample(w, frame_bytes, w->expected_size, 0); /* tells where it begins */
	w->loss_per_1000 = w->reorder_per_1000 = w->copy_per_1000 = 50;
	for (unsigned i = 1; i <= 300; i++) {
		send_sample(w, frame_bytes, w->expected_size, i * 3000);
		advance(w, 20);
	}
	w->loss_per_1000 = 0;
	send_sample(w, frame_bytes, w->expected_size, 301 * 3000);
	advance(w, 1000);
	actr__rtp_sender_stats(w->sender, &sent);
	actr__rtp_receiver_stats(w->receiver, &got);
	assert_int_equal(sent.samples, 302);
	assert_int_equal(w->samples, 302);
	assert_int_equal(got.samples, w->samples);
	assert_int_equal(got.lost, w->lost_packets);
	assert_int_equal(got.packets - got.duplicates + got.lost - got.late, sent.packets);
	assert_int_equal(got.malformed, 0);
	assert_true(got.duplicates > 0 && sent.resent > 0);
	world_free(w);
}

static void loss_reordering_and_copies_together_are_repaired(void **state)
{
	(void)state;
	a_path_is_bad_in_every_way(ACTR_CODEC_VP8, 20000);
	a_path_is_bad_in_every_way(ACTR_CODEC_H264, 20000);
	a_path_is_bad_in_every_way(ACTR_CODEC_OPUS, 200);
}

static void a_key_frame_of_1_megabyte_is_repaired(void **state)
{
	struct world *w = world_new(ACTR_CODEC_H264, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	uint8_t end[8];

	(void)state;
	w->loss_per_1000 = 100;
	w->expected_size = make_sample(ACTR_CODEC_H264, frame_bytes, 1000000, true);
	w->expected = frame_bytes;
	send_sample(w, frame_bytes, w->expected_size, 0);
	advance(w, 1);
	w->loss_per_1000 = 0;
	advance(w, 150);
	if (!w->samples) { /* its last packet was lost: only the next frame tells */
		w->loss_per_1000 = 0;
		send_sample(w, end, make_sample(ACTR_CODEC_H264, end, 8, false), 3000);
		w->expected = NULL;
		advance(w, 200);
	}
	assert_true(w->samples >= 1);
	assert_int_equal(w->lost_packets, 0);
	world_free(w);
}

/* Pictures of 20 KB over a path of 400 ms there and back, 2 of 100 packets lost. */
static void a_long_round_trip_is_learned_and_waited_for(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	struct actr__rtp_receiver_stats early, got;
	unsigned samples = 0;

	(void)state;
	w->delay_ns = 200 * MS;
	w->loss_per_1000 = 20;
	for (unsigned i = 0; i < 400; i++) {
		if (i == 100) {
			samples = w->samples;
			actr__rtp_receiver_stats(w->receiver, &early);
		}
		w->expected_size = make_sample(ACTR_CODEC_VP8, frame_bytes, 20000, true);
		send_sample(w, frame_bytes, w->expected_size, i * 3000);
		advance(w, 33);
	}
	w->loss_per_1000 = 0;
	send_sample(w, frame_bytes, w->expected_size, 400 * 3000);
	advance(w, 2000);
	actr__rtp_receiver_stats(w->receiver, &got);
	assert_true(early.lost > 0); /* until the first answer came, too late */
	assert_true(samples < 100);
	assert_in_range(got.lost - early.lost, 0, 5); /* lost again and again; of some 110 */
	world_free(w);
}

static void reordered_packets_cost_no_repeat(void **state)
{
	struct world *w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	struct actr__rtp_receiver_stats got;
	uint8_t data[100];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		w->reorder_per_1000 = i ? 300 : 0; /* the first tells where it begins */
		make_sample(ACTR_CODEC_OPUS, data, sizeof data, true);
		send_sample(w, data, sizeof data, i * 960);
		advance(w, 2);
		assert_true(w->samples == 0 || w->last.timestamp == (w->samples - 1) * 960);
	}
	advance(w, 20);
	actr__rtp_receiver_stats(w->receiver, &got);
	assert_int_equal(w->samples, 1000);
	assert_int_equal(got.nacks, 0);
	assert_int_equal(got.lost + got.late + got.duplicates, 0);
	world_free(w);
}

static void copies_are_dropped(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	struct actr__rtp_receiver_stats got;

	(void)state;
	w->copy_per_1000 = 1000;
	send_frames(w, ACTR_CODEC_VP8, 10);
	actr__rtp_receiver_stats(w->receiver, &got);
	assert_int_equal(w->samples, 10);
	assert_int_equal(got.duplicates * 2, got.packets);
	assert_int_equal(got.nacks, 0);
	world_free(w);
}

static bool drop_two_of_each_frame(struct world *w, const struct actr__rtp_header *packet)
{
	bool is_new = packet->timestamp != w->last_timestamp;

	w->drop_count = is_new ? 0 : w->drop_count + 1;
	w->last_timestamp = packet->timestamp;
	return packet->timestamp >= 3000 && packet->timestamp < 9000 &&
	       (w->drop_count == 5 || w->drop_count == 6);
}

static void without_repeats_a_frame_is_lost_and_a_key_frame_asked_for(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, false, true);
	struct actr__rtp_receiver_stats got;
	size_t size;

	(void)state;
	w->drops = drop_two_of_each_frame;
	for (unsigned i = 0; i < 5; i++) {
		size = make_sample(ACTR_CODEC_VP8, frame_bytes, 20000, i == 0);
		send_sample(w, frame_bytes, size, i * 3000);
		advance(w, 33);
	}
	advance(w, 100);
	actr__rtp_receiver_stats(w->receiver, &got);
	assert_int_equal(w->samples, 3);
	assert_int_equal(w->lost_packets, 4);
	assert_int_equal(got.lost, 4);
	assert_int_equal(got.nacks, 0);
	assert_int_equal(got.plis, 1);
	assert_int_equal(w->asked_for_key_frame, 1);
	send_sample(w, frame_bytes, make_sample(ACTR_CODEC_VP8, frame_bytes, 20000, true), 99000);
	advance(w, 3000);
	assert_true(w->last.is_key_frame);
	assert_int_equal(w->key_frames, 2);
	assert_int_equal(w->asked_for_key_frame, 1);
	world_free(w);
}

static void no_key_frame_is_asked_for_when_the_next_frame_is_one(void **state)
{
	struct world *w = world_new(ACTR_CODEC_H264, ACTR__RTP_PAYLOAD_FORMAT, false, true);
	size_t size;

	(void)state;
	w->drops = drop_two_of_each_frame;
	for (unsigned i = 0; i < 3; i++) {
		size = make_sample(ACTR_CODEC_H264, frame_bytes, 20000, i != 1);
		send_sample(w, frame_bytes, size, i == 2 ? 9000 : i * 3000);
		advance(w, i < 2 ? 15 : 100);
	}
	assert_int_equal(w->samples, 2);
	assert_int_equal(w->lost_packets, 2);
	assert_int_equal(w->asked_for_key_frame, 0);
	world_free(w);
}

static bool drop_all_but_first(struct world *w, const struct actr__rtp_header *packet)
{
	(void)packet;
	return w->drop_count++ > 0;
}

static void a_key_frame_is_asked_for_until_it_comes(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, true, true);

	(void)state;
	/* The stream begins in its middle. */
	for (unsigned i = 0; i < 60; i++) {
		size_t size = make_sample(ACTR_CODEC_VP8, frame_bytes, 100, false);

		send_sample(w, frame_bytes, size, i * 3000);
		advance(w, 33);
	}
	assert_int_equal(w->samples, 60);
	assert_int_equal(w->asked_for_key_frame, 3); /* at 0, 500 and 1,500 ms */
	send_sample(w, frame_bytes, make_sample(ACTR_CODEC_VP8, frame_bytes, 100, true), 300000);
	advance(w, 5000);
	assert_int_equal(w->asked_for_key_frame, 3);
	world_free(w);
}

static void an_applications_request_leaves_at_most_twice_a_second(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	struct actr__rtp_receiver_stats got;

	(void)state;
	send_sample(w, frame_bytes, make_sample(ACTR_CODEC_VP8, frame_bytes, 100, true), 0);
	advance(w, 20);
	for (unsigned i = 0; i < 90; i++) {
		actr__rtp_receiver_request_key_frame(w->receiver, w->now_ns);
		advance(w, 10);
	}
	actr__rtp_receiver_stats(w->receiver, &got);
	assert_int_equal(got.plis, 2);
	assert_int_equal(w->asked_for_key_frame, 2);
	world_free(w);
}

static void a_last_packet_that_is_lost_is_noticed_by_the_next(void **state)
{
	struct world *w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	uint8_t data[10];

	(void)state;
	w->drops = drop_all_but_first;
	make_sample(ACTR_CODEC_OPUS, data, sizeof data, true);
	for (unsigned i = 0; i < 3; i++)
		send_sample(w, data, sizeof data, i * 960);
	advance(w, 100);
	assert_int_equal(w->samples, 1);
	w->drops = NULL;
	send_sample(w, data, sizeof data, 3 * 960);
	advance(w, 60);
	assert_int_equal(w->samples, 4);
	assert_int_equal(w->lost_packets, 0);
	world_free(w);
}

/* Its sequence numbers begin below 2^15 and pass 2^16; timestamps pass 2^32. */
static void sequence_and_timestamp_wrap(void **state)
{
	struct world *w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	uint8_t data[10];
	uint32_t timestamp = 0u - 960 * 35000u;

	(void)state;
	make_sample(ACTR_CODEC_OPUS, data, sizeof data, true);
	w->expected = data;
	w->expected_size = sizeof data;
	w->loss_per_1000 = 20;
	for (unsigned i = 0; i < 70000; i++) {
		send_sample(w, data, sizeof data, timestamp + i * 960);
		if (i % 20 == 19)
			advance(w, 5);
	}
	w->loss_per_1000 = 0;
	send_sample(w, data, sizeof data, timestamp + 70000 * 960);
	advance(w, 300);
	assert_int_equal(w->samples, 70001);
	assert_int_equal(w->lost_packets, 0);
	assert_int_equal(w->last.timestamp, timestamp + 70000 * 960);
	world_free(w);
}

static void reports_tell_loss_and_round_trip(void **state)
{
	struct world *w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, false, false);
	uint8_t data[10];

	(void)state;
	make_sample(ACTR_CODEC_OPUS, data, sizeof data, true);
	w->loss_per_1000 = 100;
	for (unsigned i = 0; i < 2000; i++) {
		send_sample(w, data, sizeof data, i * 960);
		advance(w, 5);
	}
	assert_in_range(w->reports, 6, 20);
	assert_in_range(w->rtcp_to_receiver, 6, 20);
	assert_in_range(w->rtt_us, 20000, 21100); /* 10 ms each way, and the ticks' millisecond */
	assert_in_range(w->lost_per_1000, 40, 170);
	advance(w, 5000);
	unsigned reports = w->reports, srs = w->rtcp_to_receiver;

	advance(w, 10000); /* a track that pauses is silent */
	assert_int_equal(w->reports, reports);
	assert_int_equal(w->rtcp_to_receiver, srs);
	world_free(w);
}

static void after_bye_nothing_is_waited_for(void **state)
{
	struct world *w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, true, true);
	uint8_t data[10];

	(void)state;
	make_sample(ACTR_CODEC_OPUS, data, sizeof data, true);
	send_sample(w, data, sizeof data, 0);
	w->loss_per_1000 = 1000;
	send_sample(w, data, sizeof data, 960);
	w->loss_per_1000 = 0;
	send_sample(w, data, sizeof data, 2 * 960);
	actr__rtp_sender_bye(w->sender);
	advance(w, 10);
	assert_int_equal(w->samples, 2);
	assert_int_equal(w->lost_packets, 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_1_percent_loss_all_frames_arrive),
		cmocka_unit_test(with_10_percent_loss_all_frames_arrive),
		cmocka_unit_test(loss_reordering_and_copies_together_are_repaired),
		cmocka_unit_test(a_key_frame_of_1_megabyte_is_repaired),
		cmocka_unit_test(a_long_round_trip_is_learned_and_waited_for),
		cmocka_unit_test(reordered_packets_cost_no_repeat),
		cmocka_unit_test(copies_are_dropped),
		cmocka_unit_test(without_repeats_a_frame_is_lost_and_a_key_frame_asked_for),
		cmocka_unit_test(no_key_frame_is_asked_for_when_the_next_frame_is_one),
		cmocka_unit_test(a_key_frame_is_asked_for_until_it_comes),
		cmocka_unit_test(an_applications_request_leaves_at_most_twice_a_second),
		cmocka_unit_test(a_last_packet_that_is_lost_is_noticed_by_the_next),
		cmocka_unit_test(sequence_and_timestamp_wrap),
		cmocka_unit_test(reports_tell_loss_and_round_trip),
		cmocka_unit_test(after_bye_nothing_is_waited_for),
	};

	return cmocka_run_group_tests_name("rtp repair", tests, NULL, NULL);
}
