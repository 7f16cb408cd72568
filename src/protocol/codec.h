/* What the hand-written codecs of RpcEnvelope and DataStream share. Inner header of this room. */
#ifndef ACTR_PROTOCOL_CODEC_H
#define ACTR_PROTOCOL_CODEC_H

#include "protocol/varint.h"

#define ACTR__KEY(number, wire) ((number) << 3 | (wire))

/* --- reading: each returns what follows, or NULL when the bytes are not well formed --------- */

static inline const uint8_t *actr__key_get(const uint8_t *at, const uint8_t *end, uint32_t *ret)
{
	uint64_t key = 0;

	at = actr__varint_get(at, end, &key);
	*ret = key > UINT32_MAX ? 0 : (uint32_t)key;
	return at;
}

static inline const uint8_t *actr__slice_get(const uint8_t *at, const uint8_t *end, actr_bytes *ret)
{
	uint64_t size;

	at = actr__varint_get(at, end, &size);
	if (!at || size > (size_t)(end - at))
		return NULL;
	*ret = actr__bytes(at, (size_t)size);
	return at + size;
}

static inline const uint8_t *actr__text_get(const uint8_t *at, const uint8_t *end, actr_bytes *ret)
{
	at = actr__slice_get(at, end, ret);
	return at && actr__utf8_valid(ret->data, ret->size) ? at : NULL;
}

/* Behind the field that begins at `field`; NULL when its number is known: then its type is wrong.
 */
const uint8_t *actr__unknown_skip(const uint8_t *field, const uint8_t *end,
				  bool (*known)(uint32_t number));

/*
 * A MetadataEntry whose field begins at `field` and its length at `at`: checked, counted, and
 * `metadata` widened to reach from the first entry's key to the end of this one.
 */
const uint8_t *actr__metadata_get(const uint8_t *field, const uint8_t *at, const uint8_t *end,
				  actr_bytes *metadata, size_t *count);
/* Walk the entries with field number `number`; see actr__metadata_next(). */
bool actr__metadata_entry(actr_bytes metadata, uint32_t number, actr_bytes *at, actr_bytes *ret_key,
			  actr_bytes *ret_value);

/* --- writing: there is room --------------------------------------------------------------------
 */

/* A key of two bytes: numbers 16 to 2047. */
static inline uint8_t *actr__key_put2(uint8_t *out, unsigned number, unsigned wire)
{
	unsigned key = ACTR__KEY(number, wire);

	out[0] = (uint8_t)(key | 0x80);
	out[1] = (uint8_t)(key >> 7);
	return out + 2;
}

/* Length and bytes. */
static inline uint8_t *actr__slice_put(uint8_t *out, actr_bytes slice)
{
	out = actr__varint_put(out, slice.size);
	if (slice.size)
		memcpy(out, slice.data, slice.size);
	return out + slice.size;
}

static inline size_t actr__slice_size(size_t key_size, size_t size)
{
	return key_size + actr__varint_size(size) + size;
}

/*
 * Copy the entries with this number and nothing that stands between them; `out` NULL: measure only.
 * Returns the size.
 */
size_t actr__metadata_copy(actr_bytes metadata, uint32_t number, uint8_t *out);

#endif
