/*
 * The call as an object: made by one thread, waited for and read by any. What it does while it runs
 * is call.c's.
 */
#include "dispatch/dispatch_internal.h"

#include <errno.h>

#define ARENA_LIMIT (4u * 1024 * 1024)

/* --- making --- */

static int call_alloc(actr_ref *ref, size_t payload_size, actr_call **ret_call, actr_error *err)
{
	actr_call *call;
	size_t size;

	if (!actr__add_ok(sizeof *call, payload_size, &size) || !(call = actr__alloc(size)))
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a call of %zu bytes",
				 payload_size);
	memset(call, 0, offsetof(actr_call, peer));
	atomic_init(&call->refs, 1);
	sem_init(&call->done, 0, 0); /* cannot fail: value 0, not shared */
	call->ref = actr_ref_ref(ref);
	call->request_id[0] = call->traceparent[0] = 0;
	call->payload_size = payload_size;
	call->payload = (uint8_t *)(call + 1);
	actr__list_init(&call->link);
	actr__arena_init(&call->arena, call->first, sizeof call->first, ARENA_LIMIT);
	*ret_call = call;
	return 0;
}

/* What is not a trace context is not passed on. */
static void set_trace(actr_call *call, const char *traceparent, actr_bytes tracestate)
{
	char state[ACTR__TRACESTATE_SIZE];
	struct actr__trace trace;
	size_t size;

	if (!actr__trace_parse(actr__text(traceparent), &trace))
		return;
	actr__trace_format(&trace, call->traceparent);
	size = actr__tracestate_copy(tracestate, state);
	if (size)
		call->tracestate = actr__arena_strndup(&call->arena, state, size);
}

/* Not longer than the parent's request, and in the same trace. */
static void inherit(actr_call *call, const actr_ctx *parent)
{
	struct actr__request *r = request_of_ctx(parent);

	call->parent_deadline_ns = r->deadline_ns;
	set_trace(call, request_traceparent(r), request_tracestate(r));
}

/* Options of a program that was built before they had a trace. */
static void take_trace(actr_call *call, const actr_call_options *o)
{
	if (o->size < sizeof *o || !actr__traceparent_valid(actr__text(o->traceparent)))
		return;
	call->tracestate = NULL;
	set_trace(call, o->traceparent, actr__text(o->tracestate));
}

int actr_call_new(actr_ref *ref, const actr_dest *dest, const actr_method *method,
		  size_t payload_size, const actr_call_options *options, actr_call **ret_call,
		  uint8_t **ret_payload, actr_error *err)
{
	actr_call *call = NULL;

	if (!ref || !dest || !method || !ret_call || !method->route_key)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a call needs a ref, a destination "
				 "and a method");
	if (options && options->timeout_ms < 0)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "timeout_ms is %lld: use 0 for the "
				 "default of %d ms",
				 (long long)options->timeout_ms, ACTR_CALL_TIMEOUT_MS);
	ACTR_TRY(call_alloc(ref, payload_size, &call, err));
	call->dest_kind = dest->kind;
	if (dest->kind == ACTR_DEST_ACTOR || dest->kind == ACTR_DEST_TYPE)
		call->peer = dest->id;
	else
		memset(&call->peer, 0, sizeof call->peer);
	call->method = method;
	call->timeout_ms =
		options && options->timeout_ms ? options->timeout_ms : ACTR_CALL_TIMEOUT_MS;
	if (options && options->parent)
		inherit(call, options->parent);
	if (options)
		take_trace(call, options);
	if (ret_payload)
		*ret_payload = call->payload;
	*ret_call = call;
	return 0;
}

int actr__call_new_operation(actr_ref *ref, int64_t timeout_ms, size_t result_size,
			     actr_call **ret_call, void **ret_result, actr_error *err)
{
	actr_call *call = NULL;

	ACTR_TRY(call_alloc(ref, result_size, &call, err));
	call->kind = CALL_OPERATION;
	call->timeout_ms = timeout_ms > 0 ? timeout_ms : ACTR_CALL_TIMEOUT_MS;
	memset(&call->peer, 0, sizeof call->peer);
	memset(call->payload, 0, result_size);
	*ret_result = call->payload;
	*ret_call = call;
	return 0;
}

const void *actr__call_operation_result(const actr_call *call)
{
	return call->payload;
}

actr_call *actr_call_ref(actr_call *call)
{
	atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
	return call;
}

actr_call *actr_call_unref(actr_call *call)
{
	if (!call || atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	actr__msg_unref(call->answer);
	actr__free(call->local_response);
	actr__arena_done(&call->arena);
	sem_destroy(&call->done);
	actr_ref_unref(call->ref);
	actr__free(call);
	return NULL;
}

/* --- waiting and reading (any thread) --- */

bool call_would_block(const struct actr__endpoint *ep, actr_dest_kind dest_kind)
{
	if (actr__loop_is_current(ep->loop))
		return true;
	return dest_kind == ACTR_DEST_LOCAL && worker_current() && ep->local &&
	       ep->local->worker == worker_current();
}

int actr_call_wait(actr_call *call, actr_error *err)
{
	if (!call)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "there is no call to wait for");
	if (atomic_load_explicit(&call->state, memory_order_acquire) != CALL_DONE) {
		if (call_would_block(call->ref->endpoint, call->dest_kind))
			return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK,
					 "a blocking call would wait for its own thread: use the "
					 "_start form, or on the loop the WORKER executor");
		while (sem_wait(&call->done) < 0 && errno == EINTR)
			;
		sem_post(&call->done); /* for the next one who waits */
	}
	return actr_call_result(call, err);
}

int actr_call_result(const actr_call *call, actr_error *err)
{
	if (atomic_load_explicit(&call->state, memory_order_acquire) != CALL_DONE)
		return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK, "the call is still running");
	if (call->result < 0 && err)
		*err = call->error;
	return call->result;
}

actr_bytes actr_call_response(const actr_call *call)
{
	if (atomic_load_explicit(&call->state, memory_order_acquire) != CALL_DONE)
		return actr__bytes(NULL, 0);
	return call->response;
}

actr_id actr_call_peer(const actr_call *call)
{
	return call->peer;
}

void *actr_call_alloc(actr_call *call, size_t size)
{
	return actr__arena_alloc(&call->arena, size);
}
