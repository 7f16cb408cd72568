/* Frames of credit: reading, writing, sending. */
#include "dispatch/credit_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define FRAME_MAX     (ACTR__ROUTE_KEY_MAX + 64)
#define FRAME_KEPT_NS (30000ull * 1000000) /* in the peer's queue; a sender in need asks again */

int credit_parse(actr_bytes text, struct credit *ret)
{
	struct credit credit = {.asks = text.size && *text.data == '?'};

	if (credit.asks)
		text = actr__bytes(text.data + 1, text.size - 1);
	if (!part_take_hex(&text, &credit.bytes) || text.size || credit.bytes > CREDIT_MAX)
		return ACTR_E_DECODE;
	*ret = credit;
	return 0;
}

void credit_format(const struct credit *credit, char out[CREDIT_TEXT_SIZE])
{
	snprintf(out, CREDIT_TEXT_SIZE, "%s%" PRIx64, credit->asks ? "?" : "", credit->bytes);
}

int credit_of_chunk(const struct actr__chunk *chunk, struct credit *ret)
{
	actr_bytes at = {NULL, 0}, key, value;

	while (chunk->metadata_count && actr__chunk_metadata_next(chunk, &at, &key, &value)) {
		if (key.size == sizeof CREDIT_KEY - 1 && !memcmp(key.data, CREDIT_KEY, key.size))
			return credit_parse(value, ret) < 0 ? ACTR_E_DECODE : 1;
	}
	return 0;
}

int credit_send(struct actr__endpoint *ep, const actr_id *peer, actr_bytes stream_id,
		const struct credit *credit, actr_error *err)
{
	uint8_t entry[sizeof CREDIT_KEY + CREDIT_TEXT_SIZE + 16], frame[FRAME_MAX];
	char text[CREDIT_TEXT_SIZE];
	struct actr__chunk chunk = {.stream_id = stream_id, .metadata_count = 1};

	credit_format(credit, text);
	chunk.metadata = actr__bytes(
		entry, actr__chunk_metadata_put(entry, actr__text(CREDIT_KEY), actr__text(text)));
	assert(actr__chunk_size(&chunk) <= sizeof frame);
	return actr__gate_send_chunk(ep->gate, peer, ACTR_LANE_STREAM_RELIABLE,
				     actr__bytes(frame, actr__chunk_encode(&chunk, frame)),
				     actr__loop_now_ns(ep->loop) + FRAME_KEPT_NS, NULL, NULL, NULL,
				     err);
}

bool credit_applies(struct actr__endpoint *ep, const actr_id *peer)
{
	return ep->gate && actr__gate_peer_is_ours(ep->gate, peer);
}
