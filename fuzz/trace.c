/* traceparent and tracestate of a peer: what parses formats to what parses to the same. */
#include <stdlib.h>

#include "protocol/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parent(actr_bytes text)
{
	char again[ACTR__TRACEPARENT_SIZE];
	struct actr__trace a, b;

	if (!actr__trace_parse(text, &a))
		return;
	actr__trace_format(&a, again);
	if (!actr__trace_parse(actr__text(again), &b) || memcmp(a.trace_id, b.trace_id, 16) ||
	    memcmp(a.span_id, b.span_id, 8))
		abort();
}

static void check_state(actr_bytes text)
{
	char out[ACTR__TRACESTATE_SIZE], again[ACTR__TRACESTATE_SIZE];
	size_t size = actr__tracestate_copy(text, out);

	if (size != strlen(out) || actr__tracestate_copy(actr__text(out), again) != size ||
	    strcmp(out, again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_parent(actr__bytes(data, size));
	check_state(actr__bytes(data, size));
	return 0;
}
