/* A frame of the signaling socket: checked, unpacked into an arena, and packed again. */
#include <stdlib.h>

#include "protocol/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_id(const Actr__ActrId *message)
{
	uint8_t encoded[ACTR__ID_ENCODED_MAX];
	actr_id id, again;

	if (actr__pb_id_read(message, &id, NULL) < 0)
		return;
	if (actr__id_decode(actr__bytes(encoded, actr__id_encode(&id, encoded)), &again, NULL) <
		    0 ||
	    !actr_id_equal(&id, &again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Signaling__SignalingEnvelope *envelope;
	struct actr__arena arena;
	struct actr__buf buf;

	actr__arena_init(&arena, NULL, 0, 8u << 20);
	actr__buf_init(&buf, 32u << 20);
	envelope = (Signaling__SignalingEnvelope *)actr__pb_unpack(
		&signaling__signaling_envelope__descriptor, actr__bytes(data, size), &arena, NULL);
	if (envelope) {
		if (actr__pb_append(&envelope->base, &buf) < 0)
			abort();
		if (envelope->flow_case == SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY)
			read_id(envelope->actr_relay->source);
	}
	actr__buf_done(&buf);
	actr__arena_done(&arena);
	return 0;
}
