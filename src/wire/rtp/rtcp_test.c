/* RTCP against bytes and numbers worked out by hand from the RFCs. */
#include "wire/rtp/source_internal.h"
#include "wire/rtp/test_world.h"

#define BYTES(...)                                                                                 \
	actr__bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void assert_written(const struct actr__rtcp_writer *w, actr_bytes expected)
{
	assert_int_equal(w->size, expected.size);
	assert_memory_equal(w->data, expected.data, expected.size);
}

static void packets_are_written_as_the_rfcs_draw_them(void **state)
{
	struct actr__rtcp_sender_info info = {
		.ntp = 0x0102030405060708ull, .timestamp = 0x090a0b0c, .packets = 13, .octets = 14};
	struct actr__rtcp_report report = {.ssrc = 0x0a0b0c0d,
					   .fraction = 64,
					   .lost = -2,
					   .highest = 0x00010002,
					   .jitter = 3,
					   .lsr = 4,
					   .dlsr = 5};
	struct actr__rtcp_writer w = {0};

	(void)state;
	actr__rtcp_put_sr(&w, 0xaabbccdd, &info);
	assert_written(&w, BYTES(0x80, 200, 0, 6, 0xaa, 0xbb, 0xcc, 0xdd, 1, 2, 3, 4, 5, 6, 7, 8, 9,
				 10, 11, 12, 0, 0, 0, 13, 0, 0, 0, 14));
	w.size = 0;
	actr__rtcp_put_rr(&w, 0xaabbccdd, &report);
	assert_written(&w, BYTES(0x81, 201, 0, 7, 0xaa, 0xbb, 0xcc, 0xdd, 10, 11, 12, 13, 64, 0xff,
				 0xff, 0xfe, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5));
	w.size = 0;
	actr__rtcp_put_rr(&w, 1, NULL);
	assert_written(&w, BYTES(0x80, 201, 0, 1, 0, 0, 0, 1));
	w.size = 0;
	actr__rtcp_put_sdes(&w, 1, "a");
	assert_written(&w, BYTES(0x81, 202, 0, 2, 0, 0, 0, 1, 1, 1, 'a', 0));
	w.size = 0;
	actr__rtcp_put_sdes(&w, 1, "ab"); /* the list's ending zero needs 4 bytes more */
	assert_written(&w, BYTES(0x81, 202, 0, 3, 0, 0, 0, 1, 1, 2, 'a', 'b', 0, 0, 0, 0));
	w.size = 0;
	actr__rtcp_put_bye(&w, 1);
	assert_written(&w, BYTES(0x81, 203, 0, 1, 0, 0, 0, 1));
	w.size = 0;
	actr__rtcp_put_pli(&w, 1, 2);
	assert_written(&w, BYTES(0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2));
}

static void a_nack_names_numbers_in_pairs_across_the_wrap(void **state)
{
	static const uint16_t missing[] = {0xfffe, 0xffff, 0, 14, 15, 400};
	struct actr__rtcp_writer w = {0};

	(void)state;
	assert_int_equal(actr__rtcp_put_nack(&w, 1, 2, missing, ARRAY_SIZE(missing)), 6);
	assert_written(&w, BYTES(0x81, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe, 0x80, 0x03, 0,
				 15, 0, 0, 1, 0x90, 0, 0));
}

static void a_compound_never_passes_its_bound(void **state)
{
	static uint16_t missing[1000];
	struct actr__rtcp_writer w = {0};
	char cname[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		missing[i] = (uint16_t)(i * 20);
	memset(cname, 'c', sizeof cname);
	cname[299] = 0;
	actr__rtcp_put_rr(&w, 1, &(struct actr__rtcp_report){.ssrc = 2});
	actr__rtcp_put_sdes(&w, 1, cname);
	assert_int_equal(w.data[32 + 9], 255);
	assert_int_equal(actr__rtcp_put_nack(&w, 1, 2, missing, ARRAY_SIZE(missing)),
			 ACTR__RTCP_NACKS_MAX);
	assert_true(w.size <= ACTR__RTCP_MAX);
	for (size_t i = 0; i < 100; i++)
		actr__rtcp_put_bye(&w, 1);
	assert_true(w.size <= ACTR__RTCP_MAX && w.size > ACTR__RTCP_MAX - 8);
}

static void a_compound_is_taken_apart(void **state)
{
	actr_bytes compound = BYTES(0x81, 201, 0, 7, 0, 0, 0, 1, 10, 11, 12, 13, 64, 0xff, 0xff,
				    0xfe, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, /* RR */
				    0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4);
	struct actr__rtcp_packet packet;
	struct actr__rtcp_report report;

	(void)state;
	assert_int_equal(actr__rtcp_next(&compound, &packet), 1);
	assert_int_equal(packet.type, ACTR__RTCP_RR);
	assert_true(actr__rtcp_report(&packet, 0, &report));
	assert_false(actr__rtcp_report(&packet, 1, &report));
	assert_int_equal(report.ssrc, 0x0a0b0c0d);
	assert_int_equal(report.fraction, 64);
	assert_int_equal(report.lost, -2);
	assert_int_equal(report.highest, 0x10002);
	assert_int_equal(report.jitter, 3);
	assert_int_equal(report.lsr, 4);
	assert_int_equal(report.dlsr, 5);
	assert_int_equal(actr__rtcp_next(&compound, &packet), 1);
	assert_int_equal(packet.type, ACTR__RTCP_PSFB);
	assert_int_equal(packet.body.size, 8); /* without the padding */
	assert_int_equal(actr__rtcp_next(&compound, &packet), 0);
}

static void a_compound_that_lies_is_refused(void **state)
{
	const actr_bytes bad[] = {
		BYTES(0x80, 201, 0),
		BYTES(0x40, 201, 0, 0),
		BYTES(0x80, 201, 0, 1),
		BYTES(0x80, 201, 0xff, 0xff, 0, 0, 0, 0),
		BYTES(0xa0, 201, 0, 1, 0, 0, 0, 0),
		BYTES(0xa0, 201, 0, 1, 0, 0, 0, 5),
		BYTES(0xa0, 201, 0, 0),
	};
	struct actr__rtcp_packet packet;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		actr_bytes rest = bad[i];

		assert_int_equal(actr__rtcp_next(&rest, &packet), ACTR_E_DECODE);
	}
}

/* --- statistics --- */

static uint64_t input(struct actr__source *source, uint16_t sequence, uint32_t timestamp,
		      uint64_t now_ns, enum actr__source_verdict expected)
{
	struct actr__rtp_header packet = {.sequence = sequence, .timestamp = timestamp};
	uint64_t extended = 0;

	assert_int_equal(actr__source_input(source, &packet, now_ns, &extended), expected);
	return extended;
}

static void loss_is_counted_as_a_3_says(void **state)
{
	struct actr__source source;
	struct actr__rtcp_report report;

	(void)state;
	actr__source_init(&source, 8000);
	for (uint16_t i = 0; i < 10; i++) {
		if (i != 3 && i != 7)
			input(&source, (uint16_t)(65530 + i), 0, 0, ACTR__SOURCE_NEW);
	}
	report = actr__source_report(&source, 7, 0);
	assert_int_equal(report.ssrc, 7);
	assert_int_equal(report.fraction, 51); /* 2 of 10: 0.2 * 256 */
	assert_int_equal(report.lost, 2);
	assert_int_equal(report.highest, 65536 + 3);
	assert_int_equal(report.lsr, 0);
	assert_int_equal(report.dlsr, 0);
	/* 8 more, 4 of them lost, one of the old comes late: 3 less were received than expected. */
	for (uint16_t i = 0; i < 8; i++) {
		if (i % 2)
			input(&source, (uint16_t)(4 + i), 0, 0, ACTR__SOURCE_NEW);
	}
	input(&source, 65533, 0, 0, ACTR__SOURCE_NEW);
	report = actr__source_report(&source, 7, 0);
	assert_int_equal(report.fraction, 96); /* 3 of 8 */
	assert_int_equal(report.lost, 5);
	/* Nothing but copies: less than nothing is lost. */
	for (unsigned i = 0; i < 7; i++)
		input(&source, 11, 0, 0, ACTR__SOURCE_DUPLICATE);
	report = actr__source_report(&source, 7, 0);
	assert_int_equal(report.fraction, 0);
	assert_int_equal(report.lost, -2);
}

static void jitter_is_that_of_a_8(void **state)
{
	/* Clock 1 kHz; packets 20 ms apart arrive at 0, 20, 44, 58, 80: D = 0, 4, -6, 2. */
	static const uint64_t arrival_ms[] = {0, 20, 44, 58, 80};
	/* J16 += |D| - ((J16 + 8) >> 4): 0, 4, 10 - 0 = 10, 12 - 1 = 11. */
	static const uint32_t jitter16[] = {0, 0, 4, 10, 11};
	struct actr__source source;

	(void)state;
	actr__source_init(&source, 1000);
	for (uint16_t i = 0; i < 5; i++) {
		input(&source, i, 0xfffffff0u + i * 20u, (5000 + arrival_ms[i]) * MS,
		      ACTR__SOURCE_NEW);
		assert_int_equal(source.jitter, jitter16[i]);
	}
	for (uint16_t i = 5; i < 500; i++) /* D = 100 again and again: J becomes 100 */
		input(&source, i, 0, (6000 + i * 100ull) * MS, ACTR__SOURCE_NEW);
	assert_in_range(actr__source_report(&source, 1, 0).jitter, 98, 100);
	assert_in_range(actr__source_jitter_us(&source), 98000, 100000);
}

static void a_stray_number_is_not_believed_and_two_in_a_row_are(void **state)
{
	struct actr__source source;

	(void)state;
	actr__source_init(&source, 8000);
	input(&source, 100, 0, 0, ACTR__SOURCE_NEW);
	input(&source, 30000, 0, 0, ACTR__SOURCE_JUMP);
	input(&source, 101, 0, 0, ACTR__SOURCE_NEW);
	input(&source, 30001, 0, 0, ACTR__SOURCE_JUMP);
	input(&source, 50000, 0, 0, ACTR__SOURCE_JUMP);
	assert_int_equal(input(&source, 50001, 0, 0, ACTR__SOURCE_RESTART), 65536 + 50001);
	input(&source, 50000, 0, 0, ACTR__SOURCE_NEW);
	input(&source, 50001, 0, 0, ACTR__SOURCE_DUPLICATE);
	assert_int_equal(actr__source_report(&source, 1, 0).highest, 50001);
}

static void a_sender_that_begins_again_a_little_lower_is_followed(void **state)
{
	struct actr__source source;
	struct actr__rtp_header packet = {0};
	enum actr__source_verdict verdict = ACTR__SOURCE_NEW;
	uint64_t extended;
	unsigned count = 0;

	(void)state;
	actr__source_init(&source, 8000);
	for (uint16_t i = 0; i < 3000; i++)
		input(&source, i, 0, 0, ACTR__SOURCE_NEW);
	while (verdict != ACTR__SOURCE_RESTART && count++ < 100) {
		packet.sequence = (uint16_t)(count + 1000);
		verdict = actr__source_input(&source, &packet, 0, &extended);
	}
	assert_int_equal(verdict, ACTR__SOURCE_RESTART);
	assert_int_equal(count, 65);
}

/* Repeats of many lost packets come in one row too, and are no restart. */
static void many_repeats_in_a_row_are_no_restart(void **state)
{
	struct actr__source source;

	(void)state;
	actr__source_init(&source, 8000);
	input(&source, 0, 0, 0, ACTR__SOURCE_NEW);
	input(&source, 1000, 0, 0, ACTR__SOURCE_NEW);
	for (uint16_t i = 1; i < 1000; i++)
		input(&source, i, 0, 0, ACTR__SOURCE_NEW);
}

/* --- sender --- */

static actr_bytes sr_of(struct world *w)
{
	for (size_t i = 0; i < w->flying_count; i++) {
		if (w->flying[i].is_rtcp && w->flying[i].data[1] == ACTR__RTCP_SR)
			return actr__bytes(w->flying[i].data, w->flying[i].size);
	}
	fail();
	return (actr_bytes){0};
}

static void a_sender_report_maps_wall_time_to_the_codecs_clock(void **state)
{
	struct world *w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, false, false);
	uint64_t start_ns = w->now_ns;
	actr_bytes sr;

	(void)state;
	send_sample(w,
		    (const uint8_t *)"\x78"
				     "ab",
		    3, 5000);
	send_sample(w,
		    (const uint8_t *)"\x78"
				     "abcd",
		    5, 5960);
	actr__rtp_sender_tick(w->sender, start_ns + 1500 * MS, 1700000000250);
	sr = sr_of(w);
	assert_int_equal(actr__get16be(sr.data + 2), 6);
	assert_int_equal(actr__get32be(sr.data + 8), 1700000000u + 2208988800u);
	assert_int_equal(actr__get32be(sr.data + 12), 0x40000000); /* a quarter of a second */
	assert_int_equal(actr__get32be(sr.data + 16), 5960 + 72000);
	assert_int_equal(actr__get32be(sr.data + 20), 2);
	assert_int_equal(actr__get32be(sr.data + 24), 8);
	assert_int_equal(sr.data[29], ACTR__RTCP_SDES);
	assert_memory_equal(sr.data + 28 + 10, "cname-of-sender", 15);
	world_free(w);
}

static void reports_are_due_half_to_one_and_a_half_seconds_apart(void **state)
{
	struct world *w = world_new(ACTR_CODEC_OPUS, ACTR__RTP_PAYLOAD_FORMAT, false, false);
	bool differ = false;
	uint64_t last = 0;

	(void)state;
	send_sample(w, (const uint8_t *)"\x78", 1, 0);
	for (unsigned i = 0; i < 50; i++) {
		uint64_t next = actr__rtp_sender_tick(w->sender, w->now_ns, 0);

		assert_int_equal(actr__rtp_sender_tick(w->sender, next - 1, 0), next);
		if (i > 1)
			assert_in_range(next - w->now_ns, 500 * MS, 1500 * MS);
		differ |= next - w->now_ns != last;
		last = next - w->now_ns;
		w->now_ns = next;
	}
	assert_true(differ);
	world_free(w);
}

static void rtcp(struct world *w, actr_bytes compound)
{
	actr__rtp_sender_input_rtcp(w->sender, compound, w->now_ns, 0);
}

static void copies_of_a_request_for_a_key_frame_are_one(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, false, false);
	actr_bytes pli = BYTES(0x81, 206, 0, 2, 0, 0, 0, 1, 0x11, 0x22, 0x33, 0x44);
	actr_bytes other = BYTES(0x81, 206, 0, 2, 0, 0, 0, 1, 0x11, 0x22, 0x33, 0x45);
	actr_bytes fir =
		BYTES(0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0x11, 0x22, 0x33, 0x44, 9, 0, 0, 0);
	actr_bytes fir2 = BYTES(0x84, 206, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 1, 0, 0, 0,
				0x11, 0x22, 0x33, 0x44, 10, 0, 0, 0);
	struct actr__rtp_sender_stats stats;

	(void)state;
	rtcp(w, other);
	assert_int_equal(w->asked_for_key_frame, 0);
	rtcp(w, pli);
	rtcp(w, pli);
	assert_int_equal(w->asked_for_key_frame, 1);
	w->now_ns += 500 * MS;
	rtcp(w, pli);
	assert_int_equal(w->asked_for_key_frame, 2);
	w->now_ns += 500 * MS;
	rtcp(w, fir);
	assert_int_equal(w->asked_for_key_frame, 3);
	w->now_ns += 500 * MS;
	rtcp(w, fir);
	assert_int_equal(w->asked_for_key_frame, 3);
	rtcp(w, fir2);
	assert_int_equal(w->asked_for_key_frame, 4);
	actr__rtp_sender_stats(w->sender, &stats);
	assert_int_equal(stats.key_frames_asked, 4);
	world_free(w);
}

/* One request for all, again and again: repeats do not come faster than round trips. */
static void repeats_are_bounded(void **state)
{
	struct world *w = world_new(ACTR_CODEC_VP8, ACTR__RTP_PAYLOAD_FORMAT, false, false);
	static uint8_t data[100000];
	uint8_t nack[12 + 65536 / 17 * 4] = {0x81, 205, 0, 0, 0, 0, 0, 1, 0x11, 0x22, 0x33, 0x44};
	struct actr__rtp_sender_stats stats;
	size_t size = 12;

	(void)state;
	for (uint32_t i = 0; i < 65535 && size + 4 <= sizeof nack; i += 17, size += 4)
		actr__put32be(nack + size, i << 16 | 0xffff);
	actr__put16be(nack + 2, (uint32_t)(size / 4 - 1));
	make_sample(ACTR_CODEC_VP8, data, sizeof data, true);
	send_sample(w, data, sizeof data, 0);
	w->drops = NULL;
	actr__rtp_sender_stats(w->sender, &stats);
	uint64_t packets = stats.packets;

	for (unsigned i = 0; i < 1000; i++) {
		rtcp(w, actr__bytes(nack, size));
		actr__rtp_sender_stats(w->sender, &stats);
		assert_true(stats.resent <= packets); /* never more in all than were sent */
		if (i < 5)
			w->now_ns += MS;
	}
	assert_int_equal(stats.resent, packets);
	w->now_ns += 5000 * MS; /* too old by now */
	send_sample(w, data, 100, 3000);
	rtcp(w, actr__bytes(nack, size));
	actr__rtp_sender_stats(w->sender, &stats);
	assert_int_equal(stats.resent, packets + 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_written_as_the_rfcs_draw_them),
		cmocka_unit_test(a_nack_names_numbers_in_pairs_across_the_wrap),
		cmocka_unit_test(a_compound_never_passes_its_bound),
		cmocka_unit_test(a_compound_is_taken_apart),
		cmocka_unit_test(a_compound_that_lies_is_refused),
		cmocka_unit_test(loss_is_counted_as_a_3_says),
		cmocka_unit_test(jitter_is_that_of_a_8),
		cmocka_unit_test(a_stray_number_is_not_believed_and_two_in_a_row_are),
		cmocka_unit_test(a_sender_that_begins_again_a_little_lower_is_followed),
		cmocka_unit_test(many_repeats_in_a_row_are_no_restart),
		cmocka_unit_test(a_sender_report_maps_wall_time_to_the_codecs_clock),
		cmocka_unit_test(reports_are_due_half_to_one_and_a_half_seconds_apart),
		cmocka_unit_test(copies_of_a_request_for_a_key_frame_are_one),
		cmocka_unit_test(repeats_are_bounded),
	};

	return cmocka_run_group_tests_name("rtcp", tests, NULL, NULL);
}
