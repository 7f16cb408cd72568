/*
 * Reading and writing protobuf's wire format (protobuf.dev/programming-guides/encoding), part of this
 * room's door. Inline, because RpcEnvelope's codec is made of it.
 */
#ifndef ACTR_PROTOCOL_VARINT_H
#define ACTR_PROTOCOL_VARINT_H

#include "base/base.h"

enum actr__wire_type {
	ACTR__WIRE_VARINT = 0,
	ACTR__WIRE_64 = 1,
	ACTR__WIRE_LENGTH = 2,
	ACTR__WIRE_GROUP = 3,
	ACTR__WIRE_END_GROUP = 4,
	ACTR__WIRE_32 = 5,
};

/* Bytes of its encoding, 1 to 10. */
static inline size_t actr__varint_size(uint64_t value)
{
	/* 1 + floor(log2(value) / 7), without a division. */
	return (size_t)((63 - __builtin_clzll(value | 1)) * 9 + 73) / 64;
}

static inline uint8_t *actr__varint_put(uint8_t *out, uint64_t value)
{
	while (value >= 0x80) {
		*out++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*out++ = (uint8_t)value;
	return out;
}

/* The rest of a varint whose first byte has its top bit set; NULL when cut or over 64 bits. */
const uint8_t *actr__varint_get_slow(const uint8_t *at, const uint8_t *end, uint64_t *ret);

/* Returns what follows it, or NULL. */
static inline const uint8_t *actr__varint_get(const uint8_t *at, const uint8_t *end, uint64_t *ret)
{
	if (at < end && at[0] < 0x80) {
		*ret = at[0];
		return at + 1;
	}
	if (end - at >= 2 && at[1] < 0x80) {
		*ret = (uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7;
		return at + 2;
	}
	return actr__varint_get_slow(at, end, ret);
}

struct actr__field {
	uint32_t number;
	uint32_t wire;	  /* enum actr__wire_type; never END_GROUP */
	uint64_t value;	  /* VARINT, 64, 32 */
	actr_bytes bytes; /* LENGTH; of a group: its content */
};

/* Take the next field off the front. 1, 0 at the end, or ACTR_E_DECODE. */
int actr__field_next(actr_bytes *bytes, struct actr__field *ret_field, actr_error *err);

#endif
