/*
 * The context: what a handler may ask about its request. Texts are made when they are asked for, in
 * the request's memory; so one thread at a time.
 */
#include "dispatch/dispatch_internal.h"

const actr_id *actr_ctx_self(const actr_ctx *ctx)
{
	struct actr__request *r = request_of_ctx(ctx);
	actr_id *id = actr__arena_alloc(&r->arena, sizeof *id);

	if (!id)
		return NULL;
	*id = actr__endpoint_id(r->dispatcher->options.endpoint);
	return id;
}

const actr_id *actr_ctx_caller(const actr_ctx *ctx)
{
	return request_of_ctx(ctx)->caller;
}

const char *actr_ctx_request_id(const actr_ctx *ctx)
{
	struct actr__request *r = request_of_ctx(ctx);

	if (!r->request_id_text[0] && r->request_id.size)
		(void)actr__copy_text(r->request_id_text, sizeof r->request_id_text, r->request_id);
	else if (!r->request_id_text[0] && actr__uuid4(r->request_id_text) < 0)
		memcpy(r->request_id_text, "local", sizeof "local");
	return r->request_id_text;
}

const char *actr_ctx_trace_id(const actr_ctx *ctx)
{
	struct actr__request *r = request_of_ctx(ctx);

	const char *traceparent = request_traceparent(r);

	if (!traceparent[0])
		return actr_ctx_request_id(ctx);
	memcpy(r->trace_id, traceparent + 3, 32); /* "00-" trace id "-" … */
	r->trace_id[32] = 0;
	return r->trace_id;
}

const char *request_traceparent(struct actr__request *r)
{
	struct actr__trace trace;

	if (!r->own_traceparent[0] && actr__trace_parse(r->traceparent, &trace))
		actr__trace_format(&trace, r->own_traceparent);
	return r->own_traceparent;
}

actr_bytes request_tracestate(const struct actr__request *r)
{
	return actr__traceparent_valid(r->traceparent) ? r->tracestate : actr__bytes(NULL, 0);
}

const char *actr_ctx_traceparent(const actr_ctx *ctx)
{
	const char *text = request_traceparent(request_of_ctx(ctx));

	return text[0] ? text : NULL;
}

const char *actr_ctx_tracestate(const actr_ctx *ctx)
{
	struct actr__request *r = request_of_ctx(ctx);
	char state[ACTR__TRACESTATE_SIZE];
	size_t size = actr__tracestate_copy(request_tracestate(r), state);

	return size ? actr__arena_strndup(&r->arena, state, size) : NULL;
}

int64_t actr_ctx_deadline_ms(const actr_ctx *ctx)
{
	struct actr__request *r = request_of_ctx(ctx);
	uint64_t now = actr__clock_monotonic_ns();

	if (!r->deadline_ns)
		return -1;
	return r->deadline_ns > now ? (int64_t)((r->deadline_ns - now) / 1000000) : 0;
}

bool actr_ctx_is_redelivered(const actr_ctx *ctx)
{
	return request_of_ctx(ctx)->redelivered;
}

bool actr_ctx_is_tell(const actr_ctx *ctx)
{
	return request_of_ctx(ctx)->tell;
}

actr_ref *actr_ctx_ref(const actr_ctx *ctx)
{
	return request_of_ctx(ctx)->dispatcher->options.ref;
}

void *actr_ctx_alloc(actr_ctx *ctx, size_t size)
{
	return actr__arena_alloc(&request_of_ctx(ctx)->arena, size);
}
