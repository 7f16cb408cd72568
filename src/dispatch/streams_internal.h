/* Streams and what waits in them: what streams.c (running) and registry.c (registering) share. */
#ifndef ACTR_DISPATCH_STREAMS_INTERNAL_H
#define ACTR_DISPATCH_STREAMS_INTERNAL_H

#include "dispatch/dispatch_internal.h"

#define STREAM_ITEM_COST 1280 /* of a chunk that waits, besides its bytes */

struct stream {
	struct actr__map_node node; /* lock: in by_id while not dead */
	struct actr__endpoint *endpoint;
	struct actr__list ready_link; /* lock: in streams->ready */
	struct actr__list items;      /* lock */
	size_t count, bytes;	      /* lock: of items */
	size_t max_chunks, max_bytes; /* const after init */
	actr_stream_fn on_chunk;      /* const after init */
	void *user;		      /* const after init */
	struct worker_job job;
	pthread_t runner; /* lock: while running */
	bool running;	  /* lock: the callback */
	bool scheduled;	  /* lock: ready, or its job is posted */
	bool dead;	  /* lock */
	unsigned refs;	  /* lock: table, schedule, waiters */
	unsigned waiters; /* lock */
	char id[];
};

struct credit_source; /* source.c */

struct stream_item {
	struct actr__list link; /* lock: the stream's */
	struct stream *stream;	/* lock: NULL when it is not queued any more */
	struct actr__chunk chunk;
	struct actr__msg *msg; /* memory of the chunk: a message, */
	uint8_t *payload;      /* a joined payload, */
	actr_call *memory;     /* or the sending call of this process */
	size_t cost;
	struct credit_source *source; /* lock: while queued; of a sender that has credit; or NULL */
	size_t arrived;	 /* const after queueing: cost of its message, when it has credit */
	bool has_credit; /* const after queueing: of a peer that keeps to credit */
	bool call_waits; /* const after queueing: the call ends when this one is taken */
	int result;	 /* of the call */
	struct actr__task task;
	bool has_sender;
	actr_id sender;
};

static inline void stream_count(atomic_ullong *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* --- streams.c --- */

/* Lock. NULL: nobody has registered it. */
struct stream *stream_find(struct actr__streams *streams, actr_bytes id);
/* Lock. Whether the caller frees it. */
static inline bool stream_drop_ref(struct stream *s)
{
	return --s->refs == 0;
}
/* Any thread. It has run, or never will. */
void stream_item_end(struct stream_item *item, int result);
void stream_job(struct worker_job *job);
void stream_pump(struct actr__deferred *deferred);

#endif
