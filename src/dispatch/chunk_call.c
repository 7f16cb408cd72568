/*
 * A chunk as a call: encoded once, on the sender's thread, as one message or, when it does not fit,
 * as several that carry a metadata entry of ours which says what they are part of. Each message
 * stands behind its size in the call's payload.
 */
#include "dispatch/credit_internal.h"

#define OVERHEAD_MAX (32u * 1024) /* of a message that is part of a chunk */
#define METADATA_MAX (ACTR__METADATA_MAX - 1)

static const actr_method chunk_method = {.route_key = "a chunk"};

struct plan {
	struct actr__chunk chunk; /* its metadata: encoded, in `entries` */
	struct actr__buf entries;
	size_t user_size; /* of the sender's entries; the rest is the part's */
	size_t room;	  /* payload of one part */
	struct part part;
};

static int check(const actr_dest *dest, actr_lane lane, const actr_chunk *chunk, actr_error *err)
{
	size_t id_size = chunk && chunk->stream_id ? strlen(chunk->stream_id) : 0;

	if (!dest || !id_size || id_size > ACTR__ROUTE_KEY_MAX ||
	    !actr__utf8_valid((const uint8_t *)chunk->stream_id, id_size))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a chunk needs a destination and a stream id of 1 to %u bytes of "
				 "UTF-8",
				 ACTR__ROUTE_KEY_MAX);
	if (lane != ACTR_LANE_STREAM_RELIABLE && lane != ACTR_LANE_STREAM_LATENCY_FIRST)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "lane %d does not carry streams",
				 (int)lane);
	if (chunk->payload.size > ACTR_STREAM_CHUNK_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "a chunk of %zu bytes: at most %u",
				 chunk->payload.size, ACTR_STREAM_CHUNK_MAX);
	if (chunk->metadata_count > METADATA_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "a chunk with %zu metadata entries",
				 chunk->metadata_count);
	return 0;
}

static int add_entry(struct actr__buf *entries, actr_bytes key, actr_bytes value)
{
	size_t size = actr__chunk_metadata_put(NULL, key, value);
	uint8_t *out = actr__buf_reserve(entries, size);

	if (!out)
		return entries->failed;
	entries->size += actr__chunk_metadata_put(out, key, value);
	return 0;
}

static bool is_ours(actr_bytes key)
{
	return actr__bytes_equal_text(key, PART_KEY) || actr__bytes_equal_text(key, CREDIT_KEY);
}

static int add_metadata(struct plan *plan, const actr_chunk *chunk, actr_error *err)
{
	for (size_t i = 0; i < chunk->metadata_count; i++) {
		actr_bytes key = chunk->metadata[i].key, value = chunk->metadata[i].value;
		int rc;

		if (!actr__utf8_valid(key.data, key.size) ||
		    !actr__utf8_valid(value.data, value.size) || is_ours(key))
			return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
					 "metadata entry %zu is not UTF-8, or is called " PART_KEY
					 " or " CREDIT_KEY,
					 i);
		rc = add_entry(&plan->entries, key, value);
		if (rc < 0)
			return ACTR_FAIL(err, rc, "the metadata of a chunk is too large");
	}
	plan->user_size = plan->entries.size;
	plan->chunk.metadata = actr__bytes(plan->entries.data, plan->user_size);
	plan->chunk.metadata_count = (uint16_t)chunk->metadata_count;
	return 0;
}

/* How many messages it takes. */
static int divide(struct plan *plan, actr_ref *ref, actr_error *err)
{
	struct actr__chunk empty = plan->chunk;
	size_t overhead;

	plan->part = (struct part){.count = 1};
	if (actr__chunk_size(&plan->chunk) <= ACTR__MESSAGE_MAX)
		return 0;
	empty.payload = actr__bytes(NULL, 0);
	/* And the part's entry, and the length of the payload. */
	overhead = actr__chunk_size(&empty) + sizeof PART_KEY + PART_TEXT_SIZE + 16;
	if (overhead > OVERHEAD_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "the metadata of a chunk is too large");
	plan->room = ACTR__MESSAGE_MAX - overhead;
	plan->part.id = atomic_fetch_add(&ref->endpoint->streams.next_part_id, 1);
	plan->part.count = (uint32_t)((plan->chunk.payload.size + plan->room - 1) / plan->room);
	if (plan->part.count < 2)
		plan->part.count = 2; /* it just did not fit */
	return 0;
}

/* Message `index`; its entries are in plan->entries until the next one is asked for. */
static int message(struct plan *plan, uint32_t index, struct actr__chunk *ret)
{
	size_t done = index * plan->room, left = plan->chunk.payload.size;
	char text[PART_TEXT_SIZE];
	size_t from = index ? plan->user_size : 0;

	*ret = plan->chunk;
	if (plan->part.count == 1)
		return 0;
	done = done < left ? done : left;
	left -= done;
	ret->payload = actr__bytes(left ? plan->chunk.payload.data + done : NULL,
				   left < plan->room ? left : plan->room);
	plan->part.index = index;
	part_format(&plan->part, text);
	plan->entries.size = plan->user_size;
	ACTR_TRY(add_entry(&plan->entries, actr__text(PART_KEY), actr__text(text)));
	ret->metadata = actr__bytes(plan->entries.data + from, plan->entries.size - from);
	ret->metadata_count = (uint16_t)(index ? 1 : plan->chunk.metadata_count + 1);
	return 0;
}

static int total_size(struct plan *plan, size_t *ret)
{
	*ret = 0;
	for (uint32_t i = 0; i < plan->part.count; i++) {
		struct actr__chunk chunk;

		ACTR_TRY(message(plan, i, &chunk));
		*ret += sizeof(uint32_t) + actr__chunk_size(&chunk);
	}
	return 0;
}

static int encode(struct plan *plan, uint8_t *out)
{
	for (uint32_t i = 0; i < plan->part.count; i++) {
		struct actr__chunk chunk;
		uint32_t size;

		ACTR_TRY(message(plan, i, &chunk));
		size = (uint32_t)actr__chunk_size(&chunk);
		memcpy(out, &size, sizeof size);
		out += sizeof size;
		out += actr__chunk_encode(&chunk, out);
	}
	return 0;
}

static int make(struct plan *plan, actr_ref *ref, const actr_dest *dest, const actr_chunk *chunk,
		const actr_call_options *options, actr_call **ret_call, actr_error *err)
{
	actr_call_options own = ACTR_CALL_OPTIONS_INIT;
	uint8_t *out;
	size_t size;

	ACTR_TRY(add_metadata(plan, chunk, err));
	ACTR_TRY(divide(plan, ref, err));
	if (total_size(plan, &size) < 0)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a chunk");
	if (options)
		own = *options;
	if (!own.timeout_ms)
		own.timeout_ms = ACTR_STREAM_TIMEOUT_MS;
	ACTR_TRY(actr_call_new(ref, dest, &chunk_method, size, &own, ret_call, &out, err));
	if (encode(plan, out) < 0) {
		*ret_call = actr_call_unref(*ret_call);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a chunk");
	}
	(*ret_call)->chunk.parts = plan->part.count;
	/* The first field of each message: key, length in 1 or 2 bytes, text. */
	(*ret_call)->chunk.stream_id = plan->chunk.stream_id;
	(*ret_call)->chunk.stream_id.data =
		out + sizeof(uint32_t) + (plan->chunk.stream_id.size < 128 ? 2 : 3);
	return 0;
}

int actr_stream_send(actr_ref *ref, const actr_dest *dest, actr_lane lane, const actr_chunk *chunk,
		     const actr_call_options *options, void (*on_done)(void *user, actr_call *call),
		     void *user, actr_call **ret_call, actr_error *err)
{
	struct plan plan = {0};
	actr_call *call = NULL;
	int rc;

	if (!ref)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "a chunk needs a ref");
	ACTR_TRY(check(dest, lane, chunk, err));
	plan.chunk = (struct actr__chunk){.stream_id = actr__text(chunk->stream_id),
					  .payload = chunk->payload,
					  .sequence = chunk->sequence,
					  .timestamp_ms = chunk->timestamp_ms,
					  .has_timestamp = chunk->has_timestamp};
	actr__buf_init(&plan.entries, ACTR__MESSAGE_MAX);
	rc = make(&plan, ref, dest, chunk, options, &call, err);
	actr__buf_done(&plan.entries);
	if (rc < 0)
		return rc;
	call->chunk.lane = (uint8_t)lane;
	if (ret_call)
		*ret_call = actr_call_ref(call);
	call_start_chunk(call, on_done, user);
	actr_call_unref(call);
	return 0;
}

int actr_stream_send_wait(actr_ref *ref, const actr_dest *dest, actr_lane lane,
			  const actr_chunk *chunk, const actr_call_options *options,
			  actr_error *err)
{
	actr_call *call = NULL;
	int rc;

	if (ref && dest &&
	    call_would_block(ref->endpoint,
			     dest->kind == ACTR_DEST_SHELL ? ACTR_DEST_LOCAL : dest->kind))
		return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK,
				 "a blocking send would wait for its own thread: use "
				 "actr_stream_send");
	ACTR_TRY(actr_stream_send(ref, dest, lane, chunk, options, NULL, NULL, &call, err));
	rc = actr_call_wait(call, err);
	actr_call_unref(call);
	return rc;
}

actr_bytes chunk_next(const actr_call *call, size_t *at)
{
	uint32_t size;
	actr_bytes message;

	memcpy(&size, call->payload + *at, sizeof size);
	message = actr__bytes(call->payload + *at + sizeof size, size);
	*at += sizeof size + size;
	return message;
}

int chunk_join_own(const actr_call *call, struct actr__chunk *ret, uint8_t **ret_payload)
{
	struct actr__chunk chunk = {0};
	size_t at = 0, used = 0;
	uint8_t *payload = NULL;

	ACTR_TRY(actr__chunk_decode(ret, chunk_next(call, &at), NULL)); /* with its limits */
	if (call->chunk.parts == 1)
		return 0;
	payload = actr__alloc(call->payload_size);
	if (!payload)
		return ACTR_E_NOMEM;
	at = 0;
	for (uint32_t i = 0; i < call->chunk.parts; i++) {
		int rc = actr__chunk_decode(&chunk, chunk_next(call, &at), NULL);

		if (rc < 0) {
			actr__free(payload);
			return rc;
		}
		if (chunk.payload.size)
			memcpy(payload + used, chunk.payload.data, chunk.payload.size);
		used += chunk.payload.size;
	}
	ret->payload = actr__bytes(payload, used);
	*ret_payload = payload;
	return 0;
}
