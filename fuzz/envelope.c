/* A peer's RpcEnvelope: what is accepted comes back the same after encoding, of the size foretold.
 */
#include <stdlib.h>

#include "protocol/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		abort();
}

static void compare_metadata(const struct actr__envelope *a, const struct actr__envelope *b)
{
	actr_bytes at_a = {NULL, 0}, at_b = {NULL, 0}, key_a, key_b, value_a, value_b;
	size_t count = 0;

	for (; actr__metadata_next(a, &at_a, &key_a, &value_a); count++) {
		expect(actr__metadata_next(b, &at_b, &key_b, &value_b));
		expect(actr__bytes_equal(key_a, key_b) && actr__bytes_equal(value_a, value_b));
	}
	expect(count == a->metadata_count && count == b->metadata_count);
}

static void compare(const struct actr__envelope *a, const struct actr__envelope *b)
{
	expect(actr__bytes_equal(a->route_key, b->route_key));
	expect(actr__bytes_equal(a->request_id, b->request_id));
	expect(a->has_payload == b->has_payload && actr__bytes_equal(a->payload, b->payload));
	expect(a->has_error == b->has_error && a->error_code == b->error_code);
	expect(actr__bytes_equal(a->error_message, b->error_message));
	expect(actr__bytes_equal(a->traceparent, b->traceparent));
	expect(actr__bytes_equal(a->tracestate, b->tracestate));
	expect(a->direction == b->direction && a->timeout_ms == b->timeout_ms);
	compare_metadata(a, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct actr__envelope envelope, again;
	size_t encoded;
	uint8_t *out;

	if (actr__envelope_decode(&envelope, actr__bytes(data, size), NULL) < 0)
		return 0;
	encoded = actr__envelope_size(&envelope);
	out = malloc(encoded);
	expect(out && actr__envelope_encode(&envelope, out, NULL) == encoded);
	expect(actr__envelope_decode(&again, actr__bytes(out, encoded), NULL) == 0);
	compare(&envelope, &again);
	free(out);
	return 0;
}
