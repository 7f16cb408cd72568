/* A peer's DataStream: what is accepted comes back the same after encoding. */
#include <stdlib.h>

#include "protocol/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct actr__chunk *a, const struct actr__chunk *b)
{
	if (!actr__bytes_equal(a->stream_id, b->stream_id) || a->sequence != b->sequence ||
	    !actr__bytes_equal(a->payload, b->payload) || a->timestamp_ms != b->timestamp_ms ||
	    a->has_timestamp != b->has_timestamp || a->metadata_count != b->metadata_count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct actr__chunk chunk, again;
	size_t encoded;
	uint8_t *out;

	if (actr__chunk_decode(&chunk, actr__bytes(data, size), NULL) < 0)
		return 0;
	encoded = actr__chunk_size(&chunk);
	out = malloc(encoded);
	if (!out || actr__chunk_encode(&chunk, out) != encoded ||
	    actr__chunk_decode(&again, actr__bytes(out, encoded), NULL) < 0)
		abort();
	compare(&chunk, &again);
	free(out);
	return 0;
}
