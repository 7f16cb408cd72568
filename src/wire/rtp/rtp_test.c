/* Headers and payload formats, against bytes written by hand from the RFCs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/rtp/rtp_internal.h"

#define BYTES(...)                                                                                 \
	actr__bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void assert_bytes(actr_bytes a, actr_bytes b)
{
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.data, b.data, b.size);
}

/* --- header --- */

static void a_header_is_read_field_by_field(void **state)
{
	struct actr__rtp_header header;
	actr_bytes packet = BYTES(0x80, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef, 'x');

	(void)state;
	assert_int_equal(actr__rtp_parse(packet, 0, &header), 0);
	assert_true(header.marker);
	assert_int_equal(header.payload_type, 96);
	assert_int_equal(header.sequence, 0x1234);
	assert_int_equal(header.timestamp, 9);
	assert_int_equal(header.ssrc, 0xdeadbeef);
	assert_int_equal(header.mid.size, 0);
	assert_bytes(header.payload, actr__text("x"));
}

static void contributing_sources_extension_and_padding_are_taken_off(void **state)
{
	struct actr__rtp_header header;
	actr_bytes packet = BYTES(0xb2, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, /* fixed */
				  1, 1, 1, 1, 2, 2, 2, 2,		    /* CSRC */
				  0xbe, 0xde, 0, 2, 0x10, 'a', 0, 0x32, 'm', 'i', 'd', 0, /* ext */
				  'p', 'a', 'y', 0, 0, 3);

	(void)state;
	assert_int_equal(actr__rtp_parse(packet, 3, &header), 0);
	assert_bytes(header.mid, actr__text("mid"));
	assert_bytes(header.payload, actr__text("pay"));
	assert_int_equal(actr__rtp_parse(packet, 1, &header), 0);
	assert_bytes(header.mid, actr__text("a"));
	assert_int_equal(actr__rtp_parse(packet, 2, &header), 0);
	assert_int_equal(header.mid.size, 0);
}

static void an_extension_of_two_byte_elements_is_read(void **state)
{
	struct actr__rtp_header header;
	actr_bytes packet = BYTES(0x90, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0x05, 0, 3, 1, 0,
				  0, 200, 5, 'v', 'i', 'd', 'e', 'o', 0, 0);

	(void)state;
	assert_int_equal(actr__rtp_parse(packet, 200, &header), 0);
	assert_bytes(header.mid, actr__text("video"));
	assert_int_equal(header.payload.size, 0);
}

static void a_header_that_lies_about_its_lengths_is_refused(void **state)
{
	struct actr__rtp_header header;
	uint8_t packet[64] = {0x80, 0x60};

	(void)state;
	for (size_t size = 0; size < 12; size++)
		assert_int_equal(actr__rtp_parse(actr__bytes(packet, size), 1, &header),
				 ACTR_E_DECODE);
	packet[0] = 0x40; /* version 1 */
	assert_int_equal(actr__rtp_parse(actr__bytes(packet, 20), 1, &header), ACTR_E_DECODE);
	packet[0] = 0x8f; /* 15 CSRC */
	assert_int_equal(actr__rtp_parse(actr__bytes(packet, 60), 1, &header), ACTR_E_DECODE);
	packet[0] = 0x90; /* extension past the end */
	assert_int_equal(actr__rtp_parse(actr__bytes(packet, 15), 1, &header), ACTR_E_DECODE);
	packet[15] = 5;
	assert_int_equal(actr__rtp_parse(actr__bytes(packet, 35), 1, &header), ACTR_E_DECODE);
	packet[0] = 0xa0; /* padding of 0, and of too much */
	assert_int_equal(actr__rtp_parse(actr__bytes(packet, 14), 1, &header), ACTR_E_DECODE);
	packet[13] = 3;
	assert_int_equal(actr__rtp_parse(actr__bytes(packet, 14), 1, &header), ACTR_E_DECODE);
	packet[13] = 2;
	assert_int_equal(actr__rtp_parse(actr__bytes(packet, 14), 1, &header), 0);
	assert_int_equal(header.payload.size, 0);
}

static void a_truncated_extension_element_ends_the_list(void **state)
{
	struct actr__rtp_header header;
	actr_bytes packet = BYTES(0x90, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x10,
				  'a', 0x2f, 'b');

	(void)state;
	assert_int_equal(actr__rtp_parse(packet, 2, &header), 0);
	assert_int_equal(header.mid.size, 0);
	assert_int_equal(actr__rtp_parse(packet, 1, &header), 0);
	assert_bytes(header.mid, actr__text("a"));
}

static void a_written_header_is_the_rfcs_and_reads_back(void **state)
{
	struct actr__rtp_header header = {.marker = true,
					  .payload_type = 111,
					  .sequence = 0xffff,
					  .timestamp = 0x01020304,
					  .ssrc = 0x0a0b0c0d,
					  .mid = actr__text("10")};
	uint8_t out[ACTR__RTP_HEADER_MAX];
	struct actr__rtp_header again;

	(void)state;
	assert_int_equal(actr__rtp_write_header(&header, 0, out), 12);
	assert_bytes(actr__bytes(out, 12),
		     BYTES(0x80, 0xef, 0xff, 0xff, 1, 2, 3, 4, 10, 11, 12, 13));
	assert_int_equal(actr__rtp_write_header(&header, 4, out), 20);
	assert_bytes(actr__bytes(out, 20), BYTES(0x90, 0xef, 0xff, 0xff, 1, 2, 3, 4, 10, 11, 12, 13,
						 0xbe, 0xde, 0, 1, 0x41, '1', '0', 0));
	assert_int_equal(actr__rtp_parse(actr__bytes(out, 20), 4, &again), 0);
	assert_bytes(again.mid, header.mid);
	header.mid = actr__text("0123456789abcdef");
	assert_int_equal(actr__rtp_write_header(&header, 14, out), ACTR__RTP_HEADER_MAX);
	assert_int_equal(actr__rtp_parse(actr__bytes(out, sizeof out), 14, &again), 0);
	assert_bytes(again.mid, header.mid);
}

/* --- payload formats --- */

struct packed {
	struct actr__rtp_out out;
	uint8_t room[64];
	uint8_t payloads[16][64];
	size_t sizes[16], count;
	bool markers[16];
};

static void keep(struct actr__rtp_out *out, size_t size, bool marker)
{
	struct packed *p = container_of(out, struct packed, out);

	assert_true(p->count < 16 && size <= out->max);
	memcpy(p->payloads[p->count], out->payload, size);
	p->sizes[p->count] = size;
	p->markers[p->count++] = marker;
}

static struct packed *pack_into(struct packed *p, size_t max)
{
	*p = (struct packed){.out = {.max = max, .emit = keep}};
	p->out.payload = p->room;
	return p;
}

static actr_bytes payload(const struct packed *p, size_t i)
{
	assert_true(i < p->count);
	return actr__bytes(p->payloads[i], p->sizes[i]);
}

static void vp8_has_a_descriptor_with_the_pictures_number(void **state)
{
	struct packed p;

	(void)state;
	actr__vp8_pack(&pack_into(&p, 8)->out, 0x1234, BYTES(0x10, 2, 3, 4, 5, 6, 7));
	assert_int_equal(p.count, 2);
	assert_bytes(payload(&p, 0), BYTES(0x90, 0x80, 0x92, 0x34, 0x10, 2, 3, 4));
	assert_bytes(payload(&p, 1), BYTES(0x80, 0x80, 0x92, 0x34, 5, 6, 7));
	assert_false(p.markers[0]);
	assert_true(p.markers[1]);
}

static int unpack_vp8(actr_bytes bytes, struct actr__buf *frame, struct actr__rtp_piece *piece)
{
	actr__buf_clear(frame);
	*piece = (struct actr__rtp_piece){0};
	return actr__vp8_unpack(bytes, frame, piece);
}

static void every_vp8_descriptor_is_understood(void **state)
{
	struct actr__rtp_piece piece;
	struct actr__buf frame;

	(void)state;
	actr__buf_init(&frame, 1000);
	assert_int_equal(unpack_vp8(BYTES(0x10, 0x00), &frame, &piece), 0); /* without X */
	assert_int_equal(piece.begins, ACTR__BEGINS_SURE);
	assert_true(piece.is_key_frame);
	assert_int_equal(frame.size, 1);
	assert_int_equal(unpack_vp8(BYTES(0x10, 0x01), &frame, &piece), 0);
	assert_false(piece.is_key_frame);
	assert_int_equal(unpack_vp8(BYTES(0x11, 0x00), &frame, &piece), 0); /* partition 1 */
	assert_int_equal(piece.begins, ACTR__BEGINS_NOT);
	assert_false(piece.is_key_frame);
	assert_int_equal(unpack_vp8(BYTES(0x90, 0x80, 0x7f, 0x00), &frame, &piece), 0); /* 7 bits */
	assert_int_equal(frame.size, 1);
	assert_int_equal(unpack_vp8(BYTES(0x90, 0xc0, 0x80, 1, 5, 0x00), &frame, &piece), 0);
	assert_int_equal(frame.size, 1);
	assert_int_equal(unpack_vp8(BYTES(0xb0, 0xf0, 0x80, 1, 5, 6, 0x00, 9), &frame, &piece), 0);
	assert_bytes(actr__bytes(frame.data, frame.size), BYTES(0x00, 9));
	assert_int_equal(unpack_vp8(BYTES(0x90, 0x10, 0x21, 0x00), &frame, &piece),
			 0); /* K alone */
	assert_int_equal(frame.size, 1);
	actr__buf_done(&frame);
}

static void a_vp8_payload_that_ends_in_its_descriptor_is_refused(void **state)
{
	static const uint8_t full[] = {0x90, 0xf0, 0x80, 1, 5, 6};
	struct actr__rtp_piece piece;
	struct actr__buf frame;

	(void)state;
	actr__buf_init(&frame, 1000);
	for (size_t size = 0; size <= sizeof full; size++)
		assert_int_equal(unpack_vp8(actr__bytes(full, size), &frame, &piece),
				 ACTR_E_DECODE);
	assert_int_equal(unpack_vp8(BYTES(0x10), &frame, &piece), ACTR_E_DECODE);
	actr__buf_done(&frame);
}

static void pack_h264(struct packed *p, size_t max, actr_bytes stream)
{
	struct actr__buf units;

	actr__buf_init(&units, 1000);
	assert_int_equal(actr__h264_split(stream, &units, NULL), 0);
	actr__h264_pack(&pack_into(p, max)->out, (const actr_bytes *)(void *)units.data,
			units.size / sizeof(actr_bytes));
	actr__buf_done(&units);
}

static void h264_parameter_sets_share_a_packet_and_large_units_are_cut(void **state)
{
	struct packed p;

	(void)state;
	pack_h264(&p, 11,
		  BYTES(0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x28, 3, 0, 0, 1, 0x65, 0x88, 2, 3, 4,
			5, 6, 7, 8, 9, 10, 11, 12, 0, 0));
	assert_int_equal(p.count, 3);
	assert_bytes(payload(&p, 0), BYTES(0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x28, 3));    /* STAP-A */
	assert_bytes(payload(&p, 1), BYTES(0x7c, 0x85, 0x88, 2, 3, 4, 5, 6, 7, 8, 9)); /* FU-A */
	assert_bytes(payload(&p, 2), BYTES(0x7c, 0x45, 10, 11, 12));
	assert_false(p.markers[0] || p.markers[1]);
	assert_true(p.markers[2]);
}

static void an_h264_unit_that_fits_travels_alone(void **state)
{
	struct packed p;

	(void)state;
	pack_h264(&p, 11, BYTES(0, 0, 1, 0x41, 0x9a, 1));
	assert_int_equal(p.count, 1);
	assert_bytes(payload(&p, 0), BYTES(0x41, 0x9a, 1));
	assert_true(p.markers[0]);
	pack_h264(&p, 5, BYTES(0, 0, 1, 0x41, 0x9a, 1, 2, 3));
	assert_int_equal(p.count, 1);
	pack_h264(&p, 4, BYTES(0, 0, 1, 0x41, 0x9a, 1, 2, 3));
	assert_int_equal(p.count, 2);
	assert_bytes(payload(&p, 1), BYTES(0x5c, 0x41, 2, 3));
}

static void what_is_not_annex_b_is_refused(void **state)
{
	struct actr__buf units;

	(void)state;
	actr__buf_init(&units, 3 * sizeof(actr_bytes));
	assert_int_equal(actr__h264_split(BYTES(0x65, 1, 2), &units, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr__h264_split(BYTES(5, 0, 0, 1, 0x65), &units, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr__h264_split(BYTES(0, 0, 1), &units, NULL), ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr__h264_split(BYTES(0, 0, 1, 0, 0, 1, 0x65), &units, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr__h264_split(BYTES(0, 0, 1, 0xe5), &units, NULL),
			 ACTR_E_INVALID_ARGUMENT); /* forbidden bit */
	assert_int_equal(actr__h264_split(BYTES(0, 0, 1, 0x78), &units, NULL),
			 ACTR_E_INVALID_ARGUMENT); /* 24 is no unit of the codec */
	assert_int_equal(actr__h264_split(BYTES(0, 0, 1, 9, 0, 0, 1, 7, 0, 0, 1, 8, 0, 0, 1, 5),
					  &units, NULL),
			 ACTR_E_TOO_LARGE);
	actr__buf_done(&units);
}

static int unpack_h264(actr_bytes bytes, struct actr__buf *frame, struct actr__rtp_piece *piece)
{
	actr__buf_clear(frame);
	return actr__h264_unpack(bytes, frame, piece);
}

static void h264_packets_become_annex_b(void **state)
{
	struct actr__rtp_piece piece = {0};
	struct actr__buf frame;

	(void)state;
	actr__buf_init(&frame, 1000);
	assert_int_equal(unpack_h264(BYTES(0x78, 0, 2, 0x67, 1, 0, 1, 0x68), &frame, &piece), 0);
	assert_bytes(actr__bytes(frame.data, frame.size),
		     BYTES(0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68));
	assert_int_equal(piece.begins, ACTR__BEGINS_SURE);
	assert_true(piece.is_key_frame);
	piece = (struct actr__rtp_piece){0};
	assert_int_equal(unpack_h264(BYTES(0x7c, 0x81, 0x9a, 2), &frame, &piece), 0);
	assert_int_equal(piece.begins, ACTR__BEGINS_SURE); /* first_mb_in_slice is 0 */
	assert_int_equal(piece.open_unit, 1);
	assert_int_equal(actr__h264_unpack(BYTES(0x7c, 0x41, 3), &frame, &piece), 0);
	assert_int_equal(piece.open_unit, 0);
	assert_bytes(actr__bytes(frame.data, frame.size), BYTES(0, 0, 0, 1, 0x61, 0x9a, 2, 3));
	assert_false(piece.is_key_frame);
	assert_int_equal(unpack_h264(BYTES(0x41, 0x4a), &frame, &piece), 0);
	assert_int_equal(piece.begins, ACTR__BEGINS_NOT);
	actr__buf_done(&frame);
}

static void h264_packets_of_other_modes_or_cut_short_are_refused(void **state)
{
	const actr_bytes bad[] = {
		BYTES(0x80 | 5, 1),	  /* forbidden bit */
		BYTES(0x60, 1),		  /* type 0 */
		BYTES(25, 0, 1, 0, 1, 5), /* STAP-B */
		BYTES(26, 0, 1, 0, 1, 5), /* MTAP16 */
		BYTES(27, 0, 1, 0, 1, 5), /* MTAP24 */
		BYTES(29, 0x85, 0, 1, 2), /* FU-B */
		BYTES(30, 1),
		BYTES(31, 1), /* reserved */
		BYTES(24),    /* nothing in it */
		BYTES(24, 0),
		BYTES(24, 0, 1), /* cut */
		BYTES(24, 0, 0),
		BYTES(24, 0, 2, 5),    /* empty; too long */
		BYTES(24, 0, 1, 5, 0), /* a byte too much */
		BYTES(24, 0, 1, 24),   /* nested */
		BYTES(28),
		BYTES(28, 0x85),    /* cut */
		BYTES(28, 0xc5, 1), /* begin and end at once */
		BYTES(28, 0x05, 1), /* no begin */
		BYTES(28, 0x9c, 1), /* of a FU-A */
	};
	struct actr__buf frame;

	(void)state;
	actr__buf_init(&frame, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct actr__rtp_piece piece = {0};

		assert_int_equal(unpack_h264(bad[i], &frame, &piece), ACTR_E_DECODE);
	}
	struct actr__rtp_piece open = {.open_unit = 5};

	assert_int_equal(unpack_h264(BYTES(0x41, 1), &frame, &open), ACTR_E_DECODE);
	assert_int_equal(unpack_h264(BYTES(28, 0x85, 1), &frame, &open), ACTR_E_DECODE);
	assert_int_equal(unpack_h264(BYTES(28, 0x01, 1), &frame, &open), ACTR_E_DECODE);
	actr__buf_done(&frame);
}

static void key_frames_are_known_by_their_bytes(void **state)
{
	(void)state;
	assert_true(actr__vp8_is_key_frame(BYTES(0x10, 2, 0, 0x9d, 0x01, 0x2a, 0, 0)));
	assert_false(actr__vp8_is_key_frame(BYTES(0x11, 2, 0, 0x9d, 0x01, 0x2a, 0, 0)));
	assert_false(actr__vp8_is_key_frame(BYTES(0x10, 2, 0, 0x9d, 0x01)));
	assert_true(actr__h264_is_key_frame(BYTES(0, 0, 1, 9, 0x10, 0, 0, 1, 0x65, 1)));
	assert_false(actr__h264_is_key_frame(BYTES(0, 0, 1, 9, 0x10, 0, 0, 1, 0x41, 1)));
	assert_true(actr__h264_is_key_frame(BYTES(0x65, 1)));
	assert_false(actr__h264_is_key_frame(BYTES(0, 0, 1)));
	assert_false(actr__h264_is_key_frame(actr__bytes(NULL, 0)));
}

static void an_opus_packet_tells_its_duration(void **state)
{
	(void)state;
	assert_int_equal(actr__opus_duration(BYTES(0x78)), 960);  /* hybrid, 20 ms, one frame */
	assert_int_equal(actr__opus_duration(BYTES(0x70)), 480);  /* hybrid, 10 ms */
	assert_int_equal(actr__opus_duration(BYTES(0x18)), 2880); /* SILK, 60 ms */
	assert_int_equal(actr__opus_duration(BYTES(0xf9)), 1920); /* CELT, 20 ms, two */
	assert_int_equal(actr__opus_duration(BYTES(0xe3, 0x83)), 360); /* CELT, 2.5 ms, three */
	assert_int_equal(actr__opus_duration(BYTES(0xe3)), 0);
	assert_int_equal(actr__opus_duration(actr__bytes(NULL, 0)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_read_field_by_field),
		cmocka_unit_test(contributing_sources_extension_and_padding_are_taken_off),
		cmocka_unit_test(an_extension_of_two_byte_elements_is_read),
		cmocka_unit_test(a_header_that_lies_about_its_lengths_is_refused),
		cmocka_unit_test(a_truncated_extension_element_ends_the_list),
		cmocka_unit_test(a_written_header_is_the_rfcs_and_reads_back),
		cmocka_unit_test(vp8_has_a_descriptor_with_the_pictures_number),
		cmocka_unit_test(every_vp8_descriptor_is_understood),
		cmocka_unit_test(a_vp8_payload_that_ends_in_its_descriptor_is_refused),
		cmocka_unit_test(h264_parameter_sets_share_a_packet_and_large_units_are_cut),
		cmocka_unit_test(an_h264_unit_that_fits_travels_alone),
		cmocka_unit_test(what_is_not_annex_b_is_refused),
		cmocka_unit_test(h264_packets_become_annex_b),
		cmocka_unit_test(h264_packets_of_other_modes_or_cut_short_are_refused),
		cmocka_unit_test(key_frames_are_known_by_their_bytes),
		cmocka_unit_test(an_opus_packet_tells_its_duration),
	};

	return cmocka_run_group_tests_name("rtp", tests, NULL, NULL);
}
