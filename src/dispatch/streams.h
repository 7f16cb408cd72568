/*
 * Streams of a node, part of the door of dispatch: the registered streams and their queues, the
 * outboxes of chunks that leave, and the counters.
 */
#ifndef ACTR_DISPATCH_STREAMS_H
#define ACTR_DISPATCH_STREAMS_H

#include <pthread.h>
#include <stdatomic.h>

#include <actr/stream.h>

#include "base/base.h"
#include "loop/loop.h"
#include "protocol/protocol.h"

struct actr__endpoint;
struct joiner; /* parts.c */

struct actr__streams {
	pthread_mutex_t lock;
	pthread_cond_t quiet;	 /* lock: a callback that somebody waits for has returned */
	struct actr__map by_id;	 /* lock: struct stream */
	struct actr__list ready; /* lock: streams with something to run on the loop */
	bool closed;		 /* lock */
	size_t jobs;		 /* lock: on the worker */
	bool idle_posted;	 /* lock */
	struct actr__task idle_task;
	struct actr__deferred pump; /* loop */
	struct joiner *joiner;	    /* loop */
	struct actr__map outboxes;  /* loop: struct outbox */

	/* Of the receiver (source.c). */
	struct actr__map sources;	/* lock: struct credit_source */
	struct actr__list sources_used; /* lock: all, least recently used first */
	struct actr__list due;		/* lock: sources that get a grant */
	size_t credited;		/* lock: cost of all items that wait within credit */
	bool grant_posted;		/* lock */
	struct actr__task grant_task;
	struct actr__deferred grant; /* loop */

	/* Of the sender (flow.c). */
	struct actr__map flows;	       /* loop: struct flow */
	struct actr__list flows_used;  /* loop: all, least recently used first */
	struct actr__list blocked;     /* loop: flows in which calls wait */
	struct actr__deferred release; /* loop */
	struct actr__timer ask_again;  /* loop: while flows are blocked */

	atomic_ullong next_part_id;
	/* atomic: as actr_stream_stats */
	atomic_ullong sent, send_dropped, received, delivered, unknown, held, dropped_newest,
		dropped_full, dropped_unregistered, malformed, refused, joined, send_waited;
};

int actr__streams_init(struct actr__streams *streams, actr_error *err);
void actr__streams_done(struct actr__streams *streams);
/* No callback begins any more, nothing can be registered. Idempotent. */
void actr__streams_close(struct actr__endpoint *endpoint);
/* Callbacks are under way on the worker; when they end, the dispatcher of the workload is woken. */
bool actr__streams_busy(struct actr__endpoint *endpoint);
/* A message of a stream lane; its reference passes. */
void actr__streams_receive(struct actr__endpoint *endpoint, const actr_id *from,
			   struct actr__msg *msg);
/* The same of a peer that may not send here: counted and dropped. */
void actr__streams_refuse(struct actr__endpoint *endpoint, const actr_id *from,
			  struct actr__msg *msg);
/* The session with this peer is over. */
void actr__streams_lost(struct actr__endpoint *endpoint, const actr_id *peer);

#endif
