/* VP8 in RTP (RFC 7741). No state. */
#include "wire/rtp/rtp_internal.h"

/* RFC 7741 4.2: X N S and the partition's index; then I L T K, the picture's number, and so on. */
#define FLAG_X	     0x80
#define FLAG_S	     0x10
#define MASK_PID     0x07
#define FLAG_I	     0x80
#define FLAG_L	     0x40
#define FLAG_T	     0x20
#define FLAG_K	     0x10
#define FLAG_M	     0x80
#define OUR_PREAMBLE 4u

/* A frame's first bit (RFC 6386 9.1). */
#define FLAG_INTER 0x01

void actr__vp8_pack(struct actr__rtp_out *out, uint16_t picture_id, actr_bytes frame)
{
	size_t room = out->max - OUR_PREAMBLE;
	uint8_t first = FLAG_X | FLAG_S;

	while (frame.size) {
		size_t size = frame.size < room ? frame.size : room;

		out->payload[0] = first;
		out->payload[1] = FLAG_I;
		actr__put16be(out->payload + 2, 0x8000u | picture_id);
		memcpy(out->payload + OUR_PREAMBLE, frame.data, size);
		frame = actr__bytes_skip(frame, size);
		out->emit(out, OUR_PREAMBLE + size, frame.size == 0);
		first = FLAG_X;
	}
}

/* Size of the descriptor; 0 when the payload ends in it. */
static size_t descriptor_size(actr_bytes payload)
{
	size_t size = 1;
	uint8_t flags;

	if (!(payload.data[0] & FLAG_X))
		return size;
	if (payload.size < 2)
		return 0;
	flags = payload.data[size++];
	if (flags & FLAG_I) {
		if (payload.size <= size)
			return 0;
		size += payload.data[size] & FLAG_M ? 2 : 1;
	}
	if (flags & FLAG_L)
		size++;
	if (flags & (FLAG_T | FLAG_K))
		size++;
	return size;
}

int actr__vp8_unpack(actr_bytes payload, struct actr__buf *frame, struct actr__rtp_piece *piece)
{
	size_t skip;

	if (!payload.size)
		return ACTR_E_DECODE;
	skip = descriptor_size(payload);
	if (!skip || skip >= payload.size)
		return ACTR_E_DECODE;
	if ((payload.data[0] & FLAG_S) && !(payload.data[0] & MASK_PID)) {
		if (frame->size)
			return ACTR_E_DECODE; /* a frame begins once */
		piece->begins = ACTR__BEGINS_SURE;
		piece->is_key_frame = !(payload.data[skip] & FLAG_INTER);
	}
	return actr__buf_append(frame, payload.data + skip, payload.size - skip);
}

/* RFC 6386 9.1: a key frame has a start code behind its tag of 3 bytes. */
bool actr__vp8_is_key_frame(actr_bytes frame)
{
	static const uint8_t start_code[] = {0x9d, 0x01, 0x2a};

	return frame.size >= 6 && !(frame.data[0] & FLAG_INTER) &&
	       !memcmp(frame.data + 3, start_code, sizeof start_code);
}
