/*
 * Door of trace: spans, from their begin to a collector (OpenTelemetry, OTLP over HTTP).
 *
 * A tracer is a node's. Whoever has none (NULL) traces nothing and pays for a test of the pointer.
 * A span belongs to who began it until it is ended, then to the tracer, which sends it in a batch
 * through the owner's post. Loop thread only.
 */
#ifndef ACTR_TRACE_H
#define ACTR_TRACE_H

#include "base/base.h"
#include "loop/loop.h"
#include "protocol/protocol.h"

struct actr__tracer;
struct actr__span;

/* --- spans -------------------------------------------------------------------------------------
 */

/* As in OTLP. */
enum actr__span_kind {
	ACTR__SPAN_INTERNAL = 1,
	ACTR__SPAN_SERVER = 2,
	ACTR__SPAN_CLIENT = 3,
	ACTR__SPAN_PRODUCER = 4,
	ACTR__SPAN_CONSUMER = 5,
};

/* What a span is about; borrowed, and cut where it is long. */
struct actr__span_start {
	enum actr__span_kind kind;
	actr_bytes route_key;
	actr_bytes request_id;	/* or empty */
	actr_bytes traceparent; /* of the parent; not a valid one: a new trace begins */
	actr_bytes tracestate;	/* kept with a valid parent only */
	bool redelivered;
};

/*
 * `ret_traceparent` is what goes on to others, also when this span is not sampled, which is NULL;
 * it is empty when there was no random. Without memory the span is NULL and counted as dropped.
 */
struct actr__span *actr__span_begin(struct actr__tracer *tracer,
				    const struct actr__span_start *start,
				    char ret_traceparent[ACTR__TRACEPARENT_SIZE]);
/* All of these do nothing with NULL. */
void actr__span_set_peer(struct actr__span *span, const actr_id *peer);
/* An actor of the type was found, now. */
void actr__span_found(struct actr__span *span);
/* err: NULL for success. Takes the span over; returns NULL. */
struct actr__span *actr__span_end(struct actr__tracer *tracer, struct actr__span *span,
				  const actr_error *err);

/* --- tracer ------------------------------------------------------------------------------------
 */

struct actr__tracer_ops {
	/* One HTTP POST of application/x-protobuf; actr__tracer_posted() from the loop, once. */
	int (*post)(void *owner, actr_bytes body, unsigned timeout_ms, void *ticket,
		    actr_error *err);
};

struct actr__tracer_options {
	const char *service_name; /* copied; NULL: "unknown_service" */
	double ratio;		  /* of the traces that begin here, 0 to 1 */
	bool ignore_parent;	  /* else a parent's decision is kept */
	uint32_t queue_max;	  /* ended spans kept; 0: 4,096 */
	uint32_t batch_max;	  /* 0: 512 */
	uint32_t interval_ms;	  /* of a batch that does not fill; 0: 5,000 */
};

struct actr__tracer_stats {
	uint64_t exported;	 /* taken by the collector */
	uint64_t rejected;	 /* by the collector: its partial success says so */
	uint64_t dropped_full;	 /* the queue was full, or no memory */
	uint64_t dropped_failed; /* in batches that could not be sent */
	uint64_t posts, posts_failed;
	uint32_t waiting; /* ended, not sent */
};

int actr__tracer_new(struct actr__loop *loop, const struct actr__tracer_options *options,
		     const struct actr__tracer_ops *ops, void *owner,
		     struct actr__tracer **ret_tracer, actr_error *err);
/* The node's own identity, for the spans to come. */
void actr__tracer_set_id(struct actr__tracer *tracer, const actr_id *id);
void actr__tracer_stats(const struct actr__tracer *tracer, struct actr__tracer_stats *ret);

struct actr__tracer_answer {
	unsigned status;	/* 0: there was none, `cause` says why */
	unsigned retry_after_s; /* 0: not said */
	actr_bytes body;
	const char *cause;
};

void actr__tracer_posted(void *ticket, const struct actr__tracer_answer *answer);
/*
 * Send what there is without waiting and without trying again; on_done, maybe at once, when nothing
 * is left.
 */
void actr__tracer_flush(struct actr__tracer *tracer, void (*on_done)(void *user), void *user);
/* What is left is dropped; a post may still be under way. NULL is fine; returns NULL. */
struct actr__tracer *actr__tracer_free(struct actr__tracer *tracer);

#endif
