#ifndef ACTR_TRACE_INTERNAL_H
#define ACTR_TRACE_INTERNAL_H

#include "trace/trace.h"

#define ROUTE_SIZE   192
#define MESSAGE_SIZE 192

struct actr__span {
	struct actr__list link; /* the tracer's, once ended */
	struct actr__trace trace;
	uint8_t parent_id[8];
	bool has_parent, has_peer, redelivered;
	enum actr__span_kind kind;
	uint64_t start_ns, end_ns; /* monotonic */
	uint64_t found_ns;	   /* 0: nobody was looked for */
	int code;
	uint32_t wire_code;
	actr_id peer;
	char route[ROUTE_SIZE];
	char request_id[ACTR__REQUEST_ID_MAX + 1];
	char message[MESSAGE_SIZE];
	char tracestate[]; /* with its 0 */
};

/* A batch waits for its post, its next try, or is not there. */
struct actr__tracer {
	struct actr__loop *loop;
	const struct actr__tracer_ops *ops;
	void *owner;
	struct actr__tracer_options options;
	uint64_t sample_below; /* of the top 63 bits of an id's second half */
	char *service_name;
	char instance[ACTR_ID_TEXT_SIZE]; /* "" until the node has an id */

	struct actr__list ended; /* struct actr__span */
	uint32_t ended_count;
	struct actr__timer timer; /* of the next batch, or of the next try */
	struct actr__buf body;	  /* of the batch under way */
	uint32_t body_spans;	  /* in it; 0: there is none */
	unsigned tries;		  /* of it */
	struct ticket *ticket;	  /* of the post under way, or NULL */
	bool failing;		  /* it has been logged */
	void (*on_flushed)(void *user);
	void *on_flushed_user;
	int64_t wall_offset_ns; /* wall clock minus monotonic */
	struct actr__tracer_stats stats;
};

/* export.c: an ended span was added. */
void tracer_wake(struct actr__tracer *tracer);

/* otlp.c: ExportTraceServiceRequest of the first spans, at most `max`; *ret_count are in it. */
int otlp_encode(const struct actr__tracer *tracer, uint32_t max, struct actr__buf *out,
		uint32_t *ret_count);
/* ExportTraceServiceResponse: the spans that the collector did not take. */
uint64_t otlp_rejected(actr_bytes response);

#endif
