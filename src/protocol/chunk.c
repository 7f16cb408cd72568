/* DataStream's codec (proto/package.proto), made like RpcEnvelope's. */
#include "protocol/codec.h"
#include "protocol/protocol.h"

enum { STREAM_ID = 1, SEQUENCE = 2, PAYLOAD = 3, METADATA = 4, TIMESTAMP_MS = 5 };

static bool known_field(uint32_t number)
{
	return number >= STREAM_ID && number <= TIMESTAMP_MS;
}

static int check(const struct actr__chunk *chunk, size_t metadata_count, actr_error *err)
{
	if (!chunk->stream_id.size)
		return ACTR_FAIL(err, ACTR_E_DECODE, "DataStream.stream_id is empty");
	if (chunk->stream_id.size > ACTR__ROUTE_KEY_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "DataStream.stream_id has %zu bytes",
				 chunk->stream_id.size);
	if (metadata_count > ACTR__METADATA_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "DataStream has %zu metadata entries",
				 metadata_count);
	return 0;
}

int actr__chunk_decode(struct actr__chunk *ret, actr_bytes bytes, actr_error *err)
{
	const uint8_t *at = bytes.data, *end = at ? at + bytes.size : at;
	struct actr__chunk chunk = {.sequence = 0};
	size_t metadata_count = 0;

	while (at < end) {
		const uint8_t *field = at;
		uint64_t value;
		uint32_t key;

		at = actr__key_get(at, end, &key);
		switch (at ? key : 0) {
		case ACTR__KEY(STREAM_ID, ACTR__WIRE_LENGTH):
			at = actr__text_get(at, end, &chunk.stream_id);
			break;
		case ACTR__KEY(SEQUENCE, ACTR__WIRE_VARINT):
			at = actr__varint_get(at, end, &chunk.sequence);
			break;
		case ACTR__KEY(PAYLOAD, ACTR__WIRE_LENGTH):
			at = actr__slice_get(at, end, &chunk.payload);
			break;
		case ACTR__KEY(METADATA, ACTR__WIRE_LENGTH):
			at = actr__metadata_get(field, at, end, &chunk.metadata, &metadata_count);
			break;
		case ACTR__KEY(TIMESTAMP_MS, ACTR__WIRE_VARINT):
			at = actr__varint_get(at, end, &value);
			chunk.timestamp_ms = at ? (int64_t)value : 0;
			chunk.has_timestamp = true;
			break;
		default:
			at = actr__unknown_skip(field, end, known_field);
		}
		if (!at)
			return ACTR_FAIL(err, ACTR_E_DECODE, "DataStream is malformed at byte %zu",
					 (size_t)(field - bytes.data));
	}
	ACTR_TRY(check(&chunk, metadata_count, err));
	chunk.metadata_count = (uint16_t)metadata_count;
	*ret = chunk;
	return 0;
}

size_t actr__chunk_size(const struct actr__chunk *chunk)
{
	size_t size = actr__slice_size(1, chunk->stream_id.size) + 1 +
		      actr__varint_size(chunk->sequence) + actr__slice_size(1, chunk->payload.size);

	if (chunk->metadata_count)
		size += actr__metadata_copy(chunk->metadata, METADATA, NULL);
	if (chunk->has_timestamp)
		size += 1 + actr__varint_size((uint64_t)chunk->timestamp_ms);
	return size;
}

size_t actr__chunk_encode(const struct actr__chunk *chunk, uint8_t *out)
{
	uint8_t *at = out;

	*at++ = ACTR__KEY(STREAM_ID, ACTR__WIRE_LENGTH);
	at = actr__slice_put(at, chunk->stream_id);
	*at++ = ACTR__KEY(SEQUENCE, ACTR__WIRE_VARINT);
	at = actr__varint_put(at, chunk->sequence);
	*at++ = ACTR__KEY(PAYLOAD, ACTR__WIRE_LENGTH);
	at = actr__slice_put(at, chunk->payload);
	if (chunk->metadata_count)
		at += actr__metadata_copy(chunk->metadata, METADATA, at);
	if (chunk->has_timestamp) {
		*at++ = ACTR__KEY(TIMESTAMP_MS, ACTR__WIRE_VARINT);
		at = actr__varint_put(at, (uint64_t)chunk->timestamp_ms);
	}
	return (size_t)(at - out);
}

size_t actr__chunk_metadata_put(uint8_t *out, actr_bytes key, actr_bytes value)
{
	enum { KEY = 1, VALUE = 2 }; /* of MetadataEntry */
	size_t size = actr__slice_size(1, key.size) + actr__slice_size(1, value.size);

	if (out) {
		*out++ = ACTR__KEY(METADATA, ACTR__WIRE_LENGTH);
		out = actr__varint_put(out, size);
		*out++ = ACTR__KEY(KEY, ACTR__WIRE_LENGTH);
		out = actr__slice_put(out, key);
		*out++ = ACTR__KEY(VALUE, ACTR__WIRE_LENGTH);
		actr__slice_put(out, value);
	}
	return actr__slice_size(1, size);
}

bool actr__chunk_metadata_next(const struct actr__chunk *chunk, actr_bytes *at, actr_bytes *ret_key,
			       actr_bytes *ret_value)
{
	return actr__metadata_entry(chunk->metadata, METADATA, at, ret_key, ret_value);
}
