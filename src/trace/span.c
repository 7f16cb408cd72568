/*
 * A span while it is open: begun with its parent's ids or as a new trace, ended into the tracer's
 * queue. What is not sampled has ids, for others, but no object.
 */
#include "trace/trace_internal.h"

/* W3C 2 (level 2): of a random trace id the last 7 bytes are random at least; here 63 bits count.
 */
static bool chosen(const struct actr__tracer *tracer, const struct actr__trace *trace)
{
	uint64_t value = 0;

	for (unsigned i = 8; i < 16; i++)
		value = value << 8 | trace->trace_id[i];
	return value >> 1 < tracer->sample_below;
}

static bool is_zero(const uint8_t *id, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (id[i])
			return false;
	}
	return true;
}

/* Ids of a span, as a child of `parent` (NULL: as a root). */
static int make_ids(const struct actr__tracer *tracer, const struct actr__trace *parent,
		    struct actr__trace *ret)
{
	uint8_t bytes[24];

	ACTR_TRY(actr__random(bytes, sizeof bytes));
	memcpy(ret->span_id, bytes, 8);
	ret->span_id[7] |= is_zero(ret->span_id, 8);
	if (parent) {
		memcpy(ret->trace_id, parent->trace_id, 16);
	} else {
		memcpy(ret->trace_id, bytes + 8, 16);
		ret->trace_id[15] |= is_zero(ret->trace_id, 16);
	}
	ret->flags = parent ? parent->flags : 0;
	if (parent && !tracer->options.ignore_parent)
		return 0;
	ret->flags = (uint8_t)(ret->flags & ~ACTR__TRACE_SAMPLED);
	if (chosen(tracer, ret))
		ret->flags |= ACTR__TRACE_SAMPLED;
	return 0;
}

/* As much as fits, whole characters: collectors refuse a batch for bad UTF-8. */
static void set_text(char *out, size_t out_size, actr_bytes text)
{
	size_t size = text.size < out_size ? text.size : out_size - 1;

	for (unsigned i = 0; i < 4 && size && !actr__utf8_valid(text.data, size); i++)
		size--;
	if (!actr__utf8_valid(text.data, size))
		size = 0;
	if (size)
		memcpy(out, text.data, size);
	out[size] = 0;
}

static struct actr__span *span_new(const struct actr__span_start *start, bool has_parent)
{
	char state[ACTR__TRACESTATE_SIZE] = "";
	size_t state_size = has_parent ? actr__tracestate_copy(start->tracestate, state) : 0;
	struct actr__span *s = actr__alloc(sizeof *s + state_size + 1);

	if (!s)
		return NULL;
	memset(s, 0, offsetof(struct actr__span, peer));
	actr__list_init(&s->link);
	s->kind = start->kind;
	s->redelivered = start->redelivered;
	s->has_parent = has_parent;
	s->start_ns = actr__clock_monotonic_ns();
	set_text(s->route, sizeof s->route, start->route_key);
	set_text(s->request_id, sizeof s->request_id, start->request_id);
	s->message[0] = 0;
	memcpy(s->tracestate, state, state_size + 1);
	return s;
}

struct actr__span *actr__span_begin(struct actr__tracer *tracer,
				    const struct actr__span_start *start,
				    char ret_traceparent[ACTR__TRACEPARENT_SIZE])
{
	struct actr__trace parent, own;
	bool has_parent = actr__trace_parse(start->traceparent, &parent);
	struct actr__span *s;

	/* The parent's text may stand where ours goes. */
	ret_traceparent[0] = 0;
	if (make_ids(tracer, has_parent ? &parent : NULL, &own) < 0)
		return NULL;
	actr__trace_format(&own, ret_traceparent);
	if (!(own.flags & ACTR__TRACE_SAMPLED))
		return NULL;
	s = span_new(start, has_parent);
	if (!s) {
		tracer->stats.dropped_full++;
		return NULL;
	}
	s->trace = own;
	if (has_parent)
		memcpy(s->parent_id, parent.span_id, 8);
	return s;
}

void actr__span_set_peer(struct actr__span *s, const actr_id *peer)
{
	if (!s || !peer)
		return;
	s->has_peer = true;
	s->peer = *peer;
}

void actr__span_found(struct actr__span *s)
{
	if (s)
		s->found_ns = actr__clock_monotonic_ns();
}

struct actr__span *actr__span_end(struct actr__tracer *tracer, struct actr__span *s,
				  const actr_error *err)
{
	if (!s)
		return NULL;
	if (!tracer || tracer->ended_count >= tracer->options.queue_max) {
		if (tracer)
			tracer->stats.dropped_full++;
		actr__free(s);
		return NULL;
	}
	s->end_ns = actr__clock_monotonic_ns();
	if (err) {
		s->code = err->code;
		s->wire_code = err->wire_code ? err->wire_code : actr_error_to_wire(err->code);
		set_text(s->message, sizeof s->message, actr__text(err->message));
	}
	actr__list_push(&tracer->ended, &s->link);
	tracer->ended_count++;
	tracer_wake(tracer);
	return NULL;
}
