/*
 * Joining: parts of a chunk that was too large for one message.
 *
 * A partial is known by (peer, id) and holds the messages of its parts until the last one is there.
 * It is given up when its parts contradict each other, when nothing came for 10 s, or when it is
 * the one untouched for longest and its peer, or all together, hold too much. Time is looked at
 * when a part comes: without parts there is nothing that could grow.
 */
#include "dispatch/parts_internal.h"

#include "gate/gate.h"

#include <inttypes.h>
#include <stdio.h>

#define MESSAGE_COST 1024 /* of a held message, besides its bytes */

struct partial {
	struct actr__list link;
	actr_id from;
	uint64_t id, touched_ns;
	uint32_t count, present;
	size_t bytes; /* of the messages held */
	size_t payload_size;
	struct actr__msg *parts[]; /* count of them; NULL: not there yet */
};

/* --- the header --- */

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool part_take_hex(actr_bytes *text, uint64_t *ret)
{
	size_t used = 0;
	uint64_t value = 0;

	while (used < text->size && used < 17 && hex_digit(text->data[used]) >= 0)
		value = value << 4 | (unsigned)hex_digit(text->data[used++]);
	*text = actr__bytes(text->data + used, text->size - used);
	*ret = value;
	return used > 0 && used <= 16;
}

static bool take_decimal(actr_bytes *text, uint32_t *ret)
{
	size_t used = 0;
	uint32_t value = 0;

	while (used < text->size && used < 4 && text->data[used] >= '0' && text->data[used] <= '9')
		value = value * 10 + (text->data[used++] - '0');
	*text = actr__bytes(text->data + used, text->size - used);
	*ret = value;
	return used > 0;
}

static bool take_slash(actr_bytes *text)
{
	if (!text->size || *text->data != '/')
		return false;
	*text = actr__bytes(text->data + 1, text->size - 1);
	return true;
}

int part_parse(actr_bytes text, struct part *ret)
{
	struct part part;

	if (!part_take_hex(&text, &part.id) || !take_slash(&text) ||
	    !take_decimal(&text, &part.index) || !take_slash(&text) ||
	    !take_decimal(&text, &part.count) || text.size || part.count < 2 ||
	    part.count > PART_COUNT_MAX || part.index >= part.count)
		return ACTR_E_DECODE;
	*ret = part;
	return 0;
}

void part_format(const struct part *part, char out[PART_TEXT_SIZE])
{
	snprintf(out, PART_TEXT_SIZE, "%" PRIx64 "/%u/%u", part->id, part->index % 1000,
		 part->count % 1000);
}

int part_of_chunk(const struct actr__chunk *chunk, struct part *ret)
{
	actr_bytes at = {NULL, 0}, key, value;

	while (chunk->metadata_count && actr__chunk_metadata_next(chunk, &at, &key, &value)) {
		if (key.size == sizeof PART_KEY - 1 && !memcmp(key.data, PART_KEY, key.size))
			return part_parse(value, ret) < 0 ? ACTR_E_DECODE : 1;
	}
	return 0;
}

/* --- the table --- */

void joiner_init(struct joiner *joiner)
{
	actr__list_init(&joiner->partials);
	joiner->bytes = 0;
	atomic_init(&joiner->dropped, 0);
}

static void partial_free(struct joiner *joiner, struct partial *p)
{
	actr__list_remove(&p->link);
	joiner->bytes -= p->bytes;
	for (uint32_t i = 0; i < p->count; i++)
		actr__msg_unref(p->parts[i]);
	actr__free(p);
}

static void give_up(struct joiner *joiner, struct partial *p)
{
	atomic_fetch_add_explicit(&joiner->dropped, 1, memory_order_relaxed);
	partial_free(joiner, p);
}

void joiner_done(struct joiner *joiner)
{
	while (!actr__list_empty(&joiner->partials))
		partial_free(joiner, container_of(joiner->partials.next, struct partial, link));
}

static void expire(struct joiner *joiner, uint64_t now_ns)
{
	actr__list_each(link, &joiner->partials)
	{
		struct partial *p = container_of(link, struct partial, link);

		if (now_ns - p->touched_ns < PARTIAL_KEPT_NS)
			return;
		give_up(joiner, p);
	}
}

static struct partial *find(struct joiner *joiner, const actr_id *from, uint64_t id)
{
	actr__list_each(link, &joiner->partials)
	{
		struct partial *p = container_of(link, struct partial, link);

		if (p->id == id && actr__id_same(&p->from, from))
			return p;
	}
	return NULL;
}

/* Oldest first, until there is room for `size` more bytes, and for a partial more when `one_more`.
 */
static void make_room(struct joiner *joiner, const actr_id *from, size_t size, bool one_more,
		      const struct partial *keep)
{
	size_t count = one_more, bytes = size;

	actr__list_each(link, &joiner->partials)
	{
		const struct partial *p = container_of(link, struct partial, link);

		if (actr__id_same(&p->from, from)) {
			count++;
			bytes += p->bytes;
		}
	}
	actr__list_each(link, &joiner->partials)
	{
		struct partial *p = container_of(link, struct partial, link);
		bool own = actr__id_same(&p->from, from);
		bool peer_full = count > PARTIAL_PER_PEER || bytes > PARTIAL_PEER_BYTES;

		if (p == keep || !((own && peer_full) || joiner->bytes + size > PARTIAL_ALL_BYTES))
			continue;
		if (own) {
			count--;
			bytes -= p->bytes;
		}
		give_up(joiner, p);
	}
}

static struct partial *partial_new(struct joiner *joiner, const actr_id *from,
				   const struct part *part)
{
	struct partial *p = actr__alloc0(sizeof *p + part->count * sizeof p->parts[0]);

	if (!p)
		return NULL;
	p->from = *from;
	p->id = part->id;
	p->count = part->count;
	p->bytes = sizeof *p + part->count * sizeof p->parts[0];
	joiner->bytes += p->bytes;
	actr__list_push(&joiner->partials, &p->link);
	return p;
}

/* Head and payload of the whole; the partial is gone in any case. */
static int join(struct joiner *joiner, struct partial *p, struct actr__chunk *ret,
		uint8_t **ret_payload, struct actr__msg **ret_head)
{
	uint8_t *payload = actr__alloc(p->payload_size + 1), *at = payload;
	struct actr__chunk chunk = {0};
	int rc = payload ? 1 : ACTR_E_NOMEM;

	for (uint32_t i = 0; i < p->count && rc > 0; i++) {
		/* It has been decoded before. */
		if (actr__chunk_decode(&chunk, actr__bytes(p->parts[i]->data, p->parts[i]->size),
				       NULL) < 0) {
			rc = ACTR_E_DECODE;
			break;
		}
		if (i == 0)
			*ret = chunk;
		if (chunk.stream_id.size != ret->stream_id.size ||
		    memcmp(chunk.stream_id.data, ret->stream_id.data, chunk.stream_id.size) != 0 ||
		    chunk.payload.size > p->payload_size - (size_t)(at - payload)) {
			rc = ACTR_E_DECODE;
			break;
		}
		if (chunk.payload.size)
			memcpy(at, chunk.payload.data, chunk.payload.size);
		at += chunk.payload.size;
	}
	if (rc < 0) {
		actr__free(payload);
		give_up(joiner, p);
		return rc;
	}
	ret->payload = actr__bytes(payload, (size_t)(at - payload));
	*ret_payload = payload;
	*ret_head = actr__msg_ref(p->parts[0]);
	partial_free(joiner, p);
	return 1;
}

int joiner_add(struct joiner *joiner, uint64_t now_ns, const actr_id *from, const struct part *part,
	       struct actr__chunk *chunk, struct actr__msg *msg, uint8_t **ret_payload,
	       struct actr__msg **ret_head)
{
	struct partial *p;
	size_t cost = msg->size + MESSAGE_COST;

	expire(joiner, now_ns);
	p = find(joiner, from, part->id);
	make_room(joiner, from, cost, !p, p);
	if (!p)
		p = partial_new(joiner, from, part);
	if (!p) {
		actr__msg_unref(msg);
		return ACTR_E_NOMEM;
	}
	if (p->count != part->count || p->parts[part->index] ||
	    p->bytes + cost > PARTIAL_PEER_BYTES) {
		actr__msg_unref(msg);
		give_up(joiner, p);
		return ACTR_E_DECODE;
	}
	p->parts[part->index] = msg;
	p->present++;
	p->bytes += cost;
	p->payload_size += chunk->payload.size;
	joiner->bytes += cost;
	p->touched_ns = now_ns;
	actr__list_remove(&p->link);
	actr__list_push(&joiner->partials, &p->link);
	return p->present == p->count ? join(joiner, p, chunk, ret_payload, ret_head) : 0;
}
