/*
 * H.264 in RTP (RFC 6184), packetisation mode 1. A sample is Annex B: NAL units behind start codes.
 * Small neighbours (SPS and PPS above all) share a STAP-A, large ones are cut into FU-A. No state.
 */
#include "wire/rtp/rtp_internal.h"

enum nal_type {
	NAL_SLICE = 1,
	NAL_IDR = 5,
	NAL_SEI = 6,
	NAL_SPS = 7,
	NAL_PPS = 8,
	NAL_AUD = 9,
	NAL_LAST = 23, /* beyond: the payload format's own */
	NAL_STAP_A = 24,
	NAL_FU_A = 28,
};

#define MASK_TYPE 0x1f
#define MASK_NRI  0x60
#define FLAG_F	  0x80 /* forbidden_zero_bit */
#define FU_START  0x80
#define FU_END	  0x40

static bool is_unit(uint8_t header)
{
	unsigned type = header & MASK_TYPE;

	return !(header & FLAG_F) && type >= 1 && type <= NAL_LAST;
}

/* --- Annex B --- */

/* Offset of the next 00 00 01, or the stream's size. */
static size_t find_start_code(actr_bytes stream, size_t from)
{
	while (from + 3 <= stream.size) {
		const uint8_t *one = memchr(stream.data + from + 2, 1, stream.size - from - 2);
		size_t at;

		if (!one)
			break;
		at = (size_t)(one - stream.data) - 2;
		if (!stream.data[at] && !stream.data[at + 1])
			return at;
		from = at + 1;
	}
	return stream.size;
}

/* Takes the unit off the front, whose start code is at the stream's begin; without its zeros. */
static actr_bytes take_unit(actr_bytes *stream)
{
	size_t end = find_start_code(*stream, 3);
	actr_bytes unit = actr__bytes(stream->data + 3, end - 3);

	while (unit.size && !unit.data[unit.size - 1])
		unit.size--;
	*stream = actr__bytes_skip(*stream, end);
	return unit;
}

/* Drops the zeros before the first start code; false when something else is there. */
static bool find_first(actr_bytes *stream)
{
	size_t start = find_start_code(*stream, 0);

	if (start == stream->size)
		return false;
	for (size_t i = 0; i < start; i++) {
		if (stream->data[i])
			return false;
	}
	*stream = actr__bytes_skip(*stream, start);
	return true;
}

int actr__h264_split(actr_bytes stream, struct actr__buf *units, actr_error *err)
{
	int rc;

	actr__buf_clear(units);
	if (!stream.size || !find_first(&stream))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "an H.264 sample begins with a start code (Annex B)");
	while (stream.size) {
		actr_bytes unit = take_unit(&stream);

		if (!unit.size || !is_unit(unit.data[0]))
			return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
					 "an H.264 sample has a NAL unit of no valid type");
		rc = actr__buf_append(units, &unit, sizeof unit);
		if (rc < 0)
			return ACTR_FAIL(err, rc, "an H.264 sample has too many NAL units");
	}
	return 0;
}

/* --- sending --- */

/* RFC 6184 5.8. */
static void pack_fragments(struct actr__rtp_out *out, actr_bytes unit, bool is_last)
{
	uint8_t indicator = (uint8_t)((unit.data[0] & MASK_NRI) | NAL_FU_A);
	uint8_t header = (uint8_t)(FU_START | (unit.data[0] & MASK_TYPE));

	unit = actr__bytes_skip(unit, 1);
	while (unit.size) {
		size_t size = unit.size < out->max - 2 ? unit.size : out->max - 2;

		if (size == unit.size)
			header |= FU_END;
		out->payload[0] = indicator;
		out->payload[1] = header;
		memcpy(out->payload + 2, unit.data, size);
		unit = actr__bytes_skip(unit, size);
		out->emit(out, 2 + size, is_last && !unit.size);
		header &= MASK_TYPE;
	}
}

/* How many units from the first on fit into one STAP-A. */
static size_t count_together(const actr_bytes *units, size_t count, size_t max)
{
	size_t size = 1, n = 0;

	while (n < count && units[n].size <= max && size + 2 + units[n].size <= max)
		size += 2 + units[n++].size;
	return n;
}

/* RFC 6184 5.7.1: the NRI is the highest of the units'. */
static void pack_together(struct actr__rtp_out *out, const actr_bytes *units, size_t count,
			  bool is_last)
{
	uint8_t *at = out->payload + 1, nri = 0;

	for (size_t i = 0; i < count; i++) {
		uint8_t own = units[i].data[0] & MASK_NRI;

		nri = own > nri ? own : nri;
		at = actr__put16be(at, (uint32_t)units[i].size);
		memcpy(at, units[i].data, units[i].size);
		at += units[i].size;
	}
	out->payload[0] = nri | NAL_STAP_A;
	out->emit(out, (size_t)(at - out->payload), is_last);
}

void actr__h264_pack(struct actr__rtp_out *out, const actr_bytes *units, size_t count)
{
	while (count) {
		size_t together = count_together(units, count, out->max);

		if (together > 1) {
			pack_together(out, units, together, together == count);
		} else if (units->size <= out->max) {
			together = 1;
			memcpy(out->payload, units->data, units->size);
			out->emit(out, units->size, count == 1);
		} else {
			together = 1;
			pack_fragments(out, *units, count == 1);
		}
		units += together;
		count -= together;
	}
}

/* --- receiving --- */

/*
 * Whether a unit that comes first after a gap is its frame's first. A slice's header begins with
 * first_mb_in_slice, whose code for 0 is a single 1 (ITU-T H.264 7.3.3, 9.1). Before an IDR slice
 * the parameter sets may have been, without which it is no use.
 */
static enum actr__rtp_begins judge(uint8_t header, const uint8_t *next, const uint8_t *end)
{
	bool is_first_slice = next < end && *next & 0x80;

	switch (header & MASK_TYPE) {
	case NAL_SPS:
	case NAL_AUD:
		return ACTR__BEGINS_SURE;
	case NAL_PPS:
	case NAL_SEI:
		return ACTR__BEGINS_MAYBE;
	case NAL_SLICE:
		return is_first_slice ? ACTR__BEGINS_SURE : ACTR__BEGINS_NOT;
	case NAL_IDR:
		return is_first_slice ? ACTR__BEGINS_MAYBE : ACTR__BEGINS_NOT;
	default:
		return ACTR__BEGINS_NOT;
	}
}

static bool is_key_type(uint8_t header)
{
	unsigned type = header & MASK_TYPE;

	return type == NAL_IDR || type == NAL_SPS;
}

/* A start code, the unit's first byte, and its rest. */
static int append_unit(struct actr__buf *frame, uint8_t header, actr_bytes rest,
		       struct actr__rtp_piece *piece)
{
	uint8_t *at = actr__buf_reserve(frame, 5 + rest.size);

	if (!at)
		return frame->failed;
	at = actr__put32be(at, 1);
	*at++ = header;
	if (rest.size)
		memcpy(at, rest.data, rest.size);
	frame->size += 5 + rest.size;
	piece->is_key_frame |= is_key_type(header);
	return 0;
}

static int unpack_single(actr_bytes unit, struct actr__buf *frame, struct actr__rtp_piece *piece)
{
	piece->begins = judge(unit.data[0], unit.data + 1, unit.data + unit.size);
	return append_unit(frame, unit.data[0], actr__bytes_skip(unit, 1), piece);
}

static int unpack_together(actr_bytes rest, struct actr__buf *frame, struct actr__rtp_piece *piece)
{
	enum actr__rtp_begins first = ACTR__BEGINS_NOT;
	bool is_first = true;

	if (!rest.size)
		return ACTR_E_DECODE;
	while (rest.size) {
		size_t size;

		if (rest.size < 3)
			return ACTR_E_DECODE;
		size = actr__get16be(rest.data);
		rest = actr__bytes_skip(rest, 2);
		if (!size || size > rest.size || !is_unit(rest.data[0]))
			return ACTR_E_DECODE;
		ACTR_TRY(unpack_single(actr__bytes(rest.data, size), frame, piece));
		first = is_first ? piece->begins : first;
		is_first = false;
		rest = actr__bytes_skip(rest, size);
	}
	piece->begins = first;
	return 0;
}

static int unpack_fragment(actr_bytes payload, struct actr__buf *frame,
			   struct actr__rtp_piece *piece)
{
	uint8_t fu, header;
	actr_bytes rest;

	if (payload.size < 3)
		return ACTR_E_DECODE;
	fu = payload.data[1];
	header = (uint8_t)((payload.data[0] & MASK_NRI) | (fu & MASK_TYPE));
	rest = actr__bytes_skip(payload, 2);
	if (!is_unit(header) || (fu & FU_START && fu & FU_END))
		return ACTR_E_DECODE;
	if (fu & FU_START) {
		if (piece->open_unit)
			return ACTR_E_DECODE;
		piece->open_unit = header & MASK_TYPE;
		piece->begins = judge(header, rest.data, rest.data + rest.size);
		return append_unit(frame, header, rest, piece);
	}
	if (piece->open_unit != (header & MASK_TYPE))
		return ACTR_E_DECODE;
	if (fu & FU_END)
		piece->open_unit = 0;
	return actr__buf_append(frame, rest.data, rest.size);
}

int actr__h264_unpack(actr_bytes payload, struct actr__buf *frame, struct actr__rtp_piece *piece)
{
	uint8_t header;

	if (!payload.size || payload.data[0] & FLAG_F)
		return ACTR_E_DECODE;
	header = payload.data[0];
	if ((header & MASK_TYPE) == NAL_FU_A)
		return unpack_fragment(payload, frame, piece);
	if (piece->open_unit)
		return ACTR_E_DECODE;
	if ((header & MASK_TYPE) == NAL_STAP_A)
		return unpack_together(actr__bytes_skip(payload, 1), frame, piece);
	if (is_unit(header))
		return unpack_single(payload, frame, piece);
	return ACTR_E_DECODE;
}

bool actr__h264_is_key_frame(actr_bytes frame)
{
	if (!frame.size)
		return false;
	if (!find_first(&frame))
		return is_key_type(frame.data[0]);
	while (frame.size) {
		actr_bytes unit = take_unit(&frame);

		if (unit.size && is_key_type(unit.data[0]))
			return true;
	}
	return false;
}
