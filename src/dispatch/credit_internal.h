/*
 * Credit: how a slow receiver slows its sender down, stream by stream (docs/internals/dispatch.md).
 * What both sides agree on, the sender's flows and the receiver's sources.
 */
#ifndef ACTR_DISPATCH_CREDIT_INTERNAL_H
#define ACTR_DISPATCH_CREDIT_INTERNAL_H

#include "dispatch/streams_internal.h"

#define CREDIT_KEY	 "actr.credit"
#define CREDIT_TEXT_SIZE 20
/* Bytes that may be on their way before the first grant; both sides know it. */
#define CREDIT_INITIAL (256u * 1024)
/* That one sender may have waiting or on their way on one stream, and a chunk more. */
#define CREDIT_WINDOW (1024u * 1024)
#define CREDIT_MAX    (1ull << 62)

/*
 * A frame: a chunk without payload whose only metadata entry is CREDIT_KEY. Its value is
 * "<hex>": the sender of this stream may begin chunks until it has sent so much in this session;
 * "?<hex>": it has sent so much, has used up what it may, and asks.
 */
struct credit {
	bool asks;
	uint64_t bytes;
};

/* 0 or ACTR_E_DECODE. */
int credit_parse(actr_bytes text, struct credit *ret);
void credit_format(const struct credit *credit, char out[CREDIT_TEXT_SIZE]);
/* 1: it is a frame; 0: an ordinary chunk; ACTR_E_DECODE. */
int credit_of_chunk(const struct actr__chunk *chunk, struct credit *ret);
/* Loop. Send a frame to the peer, whose connection is there. */
int credit_send(struct actr__endpoint *ep, const actr_id *peer, actr_bytes stream_id,
		const struct credit *credit, actr_error *err);
/* Loop. Of an open connection to a peer that is this library. */
bool credit_applies(struct actr__endpoint *ep, const actr_id *peer);

/* What a message of this size costs; small ones are not for nothing. */
static inline size_t credit_cost(size_t message_size)
{
	return message_size + STREAM_ITEM_COST;
}

/* --- source.c: of a receiver ------------------------------------------------------------------ */

/* One sender of one stream. Lock; freed on the loop only. */
struct credit_source {
	struct actr__map_node node;
	struct actr__list used_link; /* least recently used first */
	struct actr__list due_link;  /* a grant is due */
	actr_id peer;
	uint64_t received, granted; /* of this session */
	size_t queued;		    /* cost of its items that wait */
	size_t id_size;
	char id[];
};

/* Loop, lock. What has come cost so much; NULL when there is no room for another source. */
struct credit_source *source_arrived(struct actr__endpoint *ep, const actr_id *peer, actr_bytes id,
				     size_t cost);
/* Lock. Whether this item is within what its sender may send. */
bool source_allows(const struct actr__streams *streams, const struct stream_item *item);
/* Lock. It waits; it does not wait any more (grants when enough has come together). */
void source_queued(struct stream *s, struct stream_item *item);
void source_taken(struct stream *s, struct stream_item *item);
/* Loop. The sender has used up its credit at so many bytes. */
void source_asked(struct actr__endpoint *ep, const actr_id *peer, actr_bytes id, uint64_t bytes);
void sources_lost(struct actr__endpoint *ep, const actr_id *peer);
void sources_init(struct actr__streams *streams);
void sources_done(struct actr__streams *streams);

/* --- flow.c: of a sender (loop) --------------------------------------------------------------- */

/* Whether the chunk has to wait behind others of its stream; negative: it has been refused. */
int flow_joins(actr_call *call);
/* It may not begin: the owner hands it to flow_wait(), and gets it back by outbox_resume(). */
bool flow_blocks(actr_call *call);
void flow_wait(actr_call *call);
/* A message of it has left. */
void flow_charge(actr_call *call, size_t message_size);
/* The call ends while it waits. */
void flow_forget(actr_call *call);
void flow_granted(struct actr__endpoint *ep, const actr_id *peer, actr_bytes id, uint64_t bytes);
void flows_lost(struct actr__endpoint *ep, const actr_id *peer);
void flows_init(struct actr__streams *streams);
/* No call is left. */
void flows_stop(struct actr__endpoint *ep);
void flows_done(struct actr__streams *streams);

#endif
