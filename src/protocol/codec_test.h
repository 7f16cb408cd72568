/* For the tests of the hand-written codecs: reproducible randomness and comparing with protobuf-c.
 */
#ifndef ACTR_PROTOCOL_CODEC_TEST_H
#define ACTR_PROTOCOL_CODEC_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "protocol/protocol.h"

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static inline uint64_t draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static inline uint64_t below(uint64_t bound)
{
	return draw() % bound;
}

/* Small and large numbers alike. */
static inline uint64_t draw_number(void)
{
	return draw() >> below(64);
}

/* Text of up to max bytes, some of it not ASCII; in the caller's place of max + 1. */
static inline char *draw_text(char *place, size_t max)
{
	static const char *const pieces[] = {
		"a", "Z", ".", "7", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	size_t want = below(max + 1), size = 0;

	while (size < want) {
		const char *piece = pieces[below(ARRAY_SIZE(pieces))];

		if (size + strlen(piece) > want)
			piece = "x";
		memcpy(place + size, piece, strlen(piece));
		size += strlen(piece);
	}
	place[size] = 0;
	return place;
}

static inline bool has_zero(actr_bytes text)
{
	return text.size && memchr(text.data, 0, text.size);
}

/* protobuf-c ends strings at a zero byte. */
static inline void expect_text(actr_bytes ours, const char *theirs)
{
	if (!has_zero(ours))
		assert_true(actr__bytes_equal_text(ours, theirs ? theirs : ""));
}

static inline void expect_bytes(actr_bytes ours, ProtobufCBinaryData theirs)
{
	assert_true(actr__bytes_equal(ours, actr__pb_bytes(theirs)));
}

/* A copy whose end is the end of its allocation, so that reading past it is seen. */
static inline actr_bytes tight_copy(const uint8_t *bytes, size_t size)
{
	return actr__bytes(actr__memdup(bytes, size), size);
}

static inline void mutate(uint8_t *bytes, size_t *size)
{
	switch (below(4)) {
	case 0:
		*size = below(*size + 1);
		break;
	case 1: /* move a tail to the front part: repeated and interleaved fields */
		if (*size > 4) {
			size_t from = below(*size), to = below(*size);

			memmove(bytes + to, bytes + from, *size - (from > to ? from : to));
		}
		break;
	default:
		for (size_t i = below(4) + 1; *size && i; i--)
			bytes[below(*size)] ^= (uint8_t)(1u << below(8));
	}
}

static inline size_t from_hex(const char *hex, uint8_t *out)
{
	size_t size = 0;

	for (unsigned value; sscanf(hex, " %2x", &value) == 1; size++) {
		out[size] = (uint8_t)value;
		while (*hex == ' ')
			hex++;
		hex += 2;
	}
	return size;
}

#endif
