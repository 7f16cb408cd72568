/* What a collector sees: an ExportTraceServiceRequest (OTLP), decoded far enough to check it. */
#ifndef ACTR_TESTS_OTLP_H
#define ACTR_TESTS_OTLP_H

#include "protocol/protocol.h"

struct otlp_pair {
	char key[64], value[320]; /* numbers as decimal text */
};

struct otlp_span {
	char trace_id[33], span_id[17], parent_id[17], tracestate[600], name[256], message[300];
	unsigned kind, status;
	uint64_t start_ns, end_ns, event_ns;
	char event[64];
	struct otlp_pair attributes[16];
	unsigned attribute_count;
};

struct otlp_batch {
	struct otlp_pair resource[8];
	unsigned resource_count;
	char scope[32];
	struct otlp_span spans[600];
	unsigned count;
};

/* Adds the spans to those that are there; false when it is not what a collector would take. */
bool otlp_decode(struct otlp_batch *batch, actr_bytes bytes);
/* NULL when there is none. */
const char *otlp_attribute(const struct otlp_span *span, const char *key);
const char *otlp_resource(const struct otlp_batch *batch, const char *key);
/* The only one of this name and kind, or NULL. */
const struct otlp_span *otlp_find(const struct otlp_batch *batch, const char *name, unsigned kind);

#endif
