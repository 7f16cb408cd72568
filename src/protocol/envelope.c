/*
 * RpcEnvelope's codec (proto/package.proto): one pass, no allocation, slices of the received bytes.
 *
 * The keys of a protobuf message are small numbers that the encoder fixes, so decoding is a switch
 * on (number << 3 | wire type): a known number with another wire type falls out of it and is an
 * error, an unknown number is skipped.
 */
#include "protocol/codec.h"
#include "protocol/protocol.h"

#include <assert.h>

enum {
	ROUTE_KEY = 1,
	PAYLOAD = 2,
	ERROR = 3,
	DIRECTION = 4,
	TRACEPARENT = 100,
	TRACESTATE = 101,
	REQUEST_ID = 102,
	METADATA = 103,
	TIMEOUT_MS = 104,

	ERROR_CODE = 1,
	ERROR_MESSAGE = 2,
};

static bool known_field(uint32_t number)
{
	return (number >= ROUTE_KEY && number <= DIRECTION) ||
	       (number >= TRACEPARENT && number <= TIMEOUT_MS);
}

static bool known_error_field(uint32_t number)
{
	return number == ERROR_CODE || number == ERROR_MESSAGE;
}

/* A repeated ErrorResponse is merged into what came before, as protobuf wants. */
static int decode_error(actr_bytes bytes, struct actr__envelope *envelope, actr_error *err)
{
	const uint8_t *at = bytes.data, *end = bytes.data + bytes.size;

	envelope->has_error = true;
	while (at < end) {
		const uint8_t *field = at;
		uint64_t value;
		uint32_t key;

		at = actr__key_get(at, end, &key);
		if (at && key == ACTR__KEY(ERROR_CODE, ACTR__WIRE_VARINT)) {
			at = actr__varint_get(at, end, &value);
			if (at)
				envelope->error_code = (uint32_t)value;
		} else if (at && key == ACTR__KEY(ERROR_MESSAGE, ACTR__WIRE_LENGTH)) {
			at = actr__text_get(at, end, &envelope->error_message);
		} else {
			at = actr__unknown_skip(field, end, known_error_field);
		}
		if (!at)
			return ACTR_FAIL(err, ACTR_E_DECODE, "RpcEnvelope.error is malformed");
	}
	return 0;
}

static int check(const struct actr__envelope *envelope, size_t metadata_count, actr_error *err)
{
	if (!envelope->request_id.size)
		return ACTR_FAIL(err, ACTR_E_DECODE, "RpcEnvelope.request_id is empty");
	if (envelope->route_key.size > ACTR__ROUTE_KEY_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "RpcEnvelope.route_key has %zu bytes",
				 envelope->route_key.size);
	if (envelope->request_id.size > ACTR__REQUEST_ID_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "RpcEnvelope.request_id has %zu bytes",
				 envelope->request_id.size);
	if (metadata_count > ACTR__METADATA_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "RpcEnvelope has %zu metadata entries",
				 metadata_count);
	return 0;
}

int actr__envelope_decode(struct actr__envelope *ret, actr_bytes bytes, actr_error *err)
{
	const uint8_t *at = bytes.data, *end = at ? at + bytes.size : at;
	struct actr__envelope e = {.timeout_ms = 0};
	size_t metadata_count = 0;

	while (at < end) {
		const uint8_t *field = at;
		actr_bytes slice;
		uint64_t value;
		uint32_t key;

		at = actr__key_get(at, end, &key);
		switch (at ? key : 0) {
		case ACTR__KEY(ROUTE_KEY, ACTR__WIRE_LENGTH):
			at = actr__text_get(at, end, &e.route_key);
			break;
		case ACTR__KEY(PAYLOAD, ACTR__WIRE_LENGTH):
			at = actr__slice_get(at, end, &e.payload);
			e.has_payload = true;
			break;
		case ACTR__KEY(ERROR, ACTR__WIRE_LENGTH):
			at = actr__slice_get(at, end, &slice);
			if (at)
				ACTR_TRY(decode_error(slice, &e, err));
			break;
		case ACTR__KEY(DIRECTION, ACTR__WIRE_VARINT):
			at = actr__varint_get(at, end, &value);
			e.direction = at && value <= ACTR__DIRECTION_TELL ? (uint8_t)value : 0;
			break;
		case ACTR__KEY(TRACEPARENT, ACTR__WIRE_LENGTH):
			at = actr__text_get(at, end, &e.traceparent);
			break;
		case ACTR__KEY(TRACESTATE, ACTR__WIRE_LENGTH):
			at = actr__text_get(at, end, &e.tracestate);
			break;
		case ACTR__KEY(REQUEST_ID, ACTR__WIRE_LENGTH):
			at = actr__text_get(at, end, &e.request_id);
			break;
		case ACTR__KEY(METADATA, ACTR__WIRE_LENGTH):
			at = actr__metadata_get(field, at, end, &e.metadata, &metadata_count);
			break;
		case ACTR__KEY(TIMEOUT_MS, ACTR__WIRE_VARINT):
			at = actr__varint_get(at, end, &value);
			e.timeout_ms = at ? (int64_t)value : 0;
			break;
		default:
			at = actr__unknown_skip(field, end, known_field);
		}
		if (!at)
			return ACTR_FAIL(err, ACTR_E_DECODE, "RpcEnvelope is malformed at byte %zu",
					 (size_t)(field - bytes.data));
	}
	ACTR_TRY(check(&e, metadata_count, err));
	e.metadata_count = (uint16_t)metadata_count;
	*ret = e;
	return 0;
}

/* --- encoding ----------------------------------------------------------------------------- */

static size_t error_size(const struct actr__envelope *envelope)
{
	return 1 + actr__varint_size(envelope->error_code) +
	       actr__slice_size(1, envelope->error_message.size);
}

size_t actr__envelope_size(const struct actr__envelope *envelope)
{
	size_t size = actr__slice_size(1, envelope->route_key.size) +
		      actr__slice_size(2, envelope->request_id.size) + 2 +
		      actr__varint_size((uint64_t)envelope->timeout_ms);

	if (envelope->has_payload)
		size += actr__slice_size(1, envelope->payload.size);
	if (envelope->has_error)
		size += actr__slice_size(1, error_size(envelope));
	if (envelope->direction)
		size += 2;
	if (envelope->traceparent.size)
		size += actr__slice_size(2, envelope->traceparent.size);
	if (envelope->tracestate.size)
		size += actr__slice_size(2, envelope->tracestate.size);
	if (envelope->metadata_count)
		size += actr__metadata_copy(envelope->metadata, METADATA, NULL);
	return size;
}

static uint8_t *put_payload(uint8_t *out, actr_bytes payload, uint8_t **ret_payload)
{
	*out++ = ACTR__KEY(PAYLOAD, ACTR__WIRE_LENGTH);
	out = actr__varint_put(out, payload.size);
	if (ret_payload)
		*ret_payload = out;
	if (payload.data && payload.size)
		memcpy(out, payload.data, payload.size);
	return out + payload.size;
}

static uint8_t *put_error(uint8_t *out, const struct actr__envelope *envelope)
{
	*out++ = ACTR__KEY(ERROR, ACTR__WIRE_LENGTH);
	out = actr__varint_put(out, error_size(envelope));
	*out++ = ACTR__KEY(ERROR_CODE, ACTR__WIRE_VARINT);
	out = actr__varint_put(out, envelope->error_code);
	*out++ = ACTR__KEY(ERROR_MESSAGE, ACTR__WIRE_LENGTH);
	return actr__slice_put(out, envelope->error_message);
}

size_t actr__envelope_encode(const struct actr__envelope *envelope, uint8_t *out,
			     uint8_t **ret_payload)
{
	uint8_t *at = out;

	assert(envelope->direction <= ACTR__DIRECTION_TELL);
	*at++ = ACTR__KEY(ROUTE_KEY, ACTR__WIRE_LENGTH);
	at = actr__slice_put(at, envelope->route_key);
	if (envelope->has_payload)
		at = put_payload(at, envelope->payload, ret_payload);
	if (envelope->has_error)
		at = put_error(at, envelope);
	if (envelope->direction) {
		*at++ = ACTR__KEY(DIRECTION, ACTR__WIRE_VARINT);
		*at++ = envelope->direction;
	}
	if (envelope->traceparent.size)
		at = actr__slice_put(actr__key_put2(at, TRACEPARENT, ACTR__WIRE_LENGTH),
				     envelope->traceparent);
	if (envelope->tracestate.size)
		at = actr__slice_put(actr__key_put2(at, TRACESTATE, ACTR__WIRE_LENGTH),
				     envelope->tracestate);
	at = actr__slice_put(actr__key_put2(at, REQUEST_ID, ACTR__WIRE_LENGTH),
			     envelope->request_id);
	if (envelope->metadata_count)
		at += actr__metadata_copy(envelope->metadata, METADATA, at);
	at = actr__key_put2(at, TIMEOUT_MS, ACTR__WIRE_VARINT);
	at = actr__varint_put(at, (uint64_t)envelope->timeout_ms);
	return (size_t)(at - out);
}

bool actr__metadata_next(const struct actr__envelope *envelope, actr_bytes *at, actr_bytes *ret_key,
			 actr_bytes *ret_value)
{
	return actr__metadata_entry(envelope->metadata, METADATA, at, ret_key, ret_value);
}
