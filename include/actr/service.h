/*
 * What a workload is made of: a service (generated), its handlers, and what a handler is given.
 *
 * A handler runs on its workload's executor, one at a time. It is given the decoded request and a
 * reply token, both valid until it returns. It answers in one of three ways: reply through the
 * token; return a negative code, which is answered as that error; or keep the token
 * (actr_reply_keep) and reply later from any thread. Returning 0 without any of these answers a
 * call with ACTR_E_INTERNAL, and is the usual end of a tell, which has no answer.
 */
#ifndef ACTR_SERVICE_H
#define ACTR_SERVICE_H

#include <actr/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct actr_ref actr_ref;
typedef struct actr_ctx actr_ctx;
typedef struct actr_reply actr_reply;

typedef enum actr_streaming {
	ACTR_UNARY = 0,
	ACTR_CLIENT_STREAMING = 1,
	ACTR_SERVER_STREAMING = 2,
	ACTR_BIDI_STREAMING = 3
} actr_streaming;

typedef struct actr_method {
	const char *route_key; /* package.Service.Method */
	actr_lane lane;	       /* option 50001; RPC_RELIABLE when not given */
	actr_streaming streaming;
	const char *input; /* full protobuf name, without a leading dot */
	const char *output;
} actr_method;

typedef struct actr_service {
	size_t size; /* sizeof(actr_service) */
	const char *manufacturer;
	const char *name; /* package.Service */
	const actr_method *methods;
	size_t method_count;
	/*
	 * Find the handler by route key, decode the payload into the request's memory, call it.
	 * ACTR_E_UNKNOWN_ROUTE, ACTR_E_DECODE, ACTR_E_UNIMPLEMENTED (handler not set), or what the
	 * handler returned.
	 */
	int (*dispatch)(const void *ops, void *self, actr_ctx *ctx, actr_bytes route_key,
			actr_bytes payload, actr_reply *reply);
} actr_service;

/* --- context: valid as long as the reply token; any thread, one at a time --------------------- */

/* Own id. */
ACTR_API const actr_id *actr_ctx_self(const actr_ctx *ctx);
/* Who is on the other end of the connection; NULL for a call of the own shell or workload. */
ACTR_API const actr_id *actr_ctx_caller(const actr_ctx *ctx);
ACTR_API const char *actr_ctx_request_id(const actr_ctx *ctx);
/* 32 hex digits of the W3C trace id, or the request id when the caller sent no trace. */
ACTR_API const char *actr_ctx_trace_id(const actr_ctx *ctx);
/*
 * W3C Trace Context for what the handler asks of others than actors: with tracing on, of the
 * request's own span, else as it came. NULL when there is none, or memory is exhausted.
 */
ACTR_API const char *actr_ctx_traceparent(const actr_ctx *ctx);
ACTR_API const char *actr_ctx_tracestate(const actr_ctx *ctx);
/* Milliseconds left for this request; -1 when it has no deadline (a tell). */
ACTR_API int64_t actr_ctx_deadline_ms(const actr_ctx *ctx);
/* Delivered again after a crash: it may have been handled before. */
ACTR_API bool actr_ctx_is_redelivered(const actr_ctx *ctx);
ACTR_API bool actr_ctx_is_tell(const actr_ctx *ctx);
/* For calls of the handler; borrowed. Pass the context as `parent` in the call's options. */
ACTR_API actr_ref *actr_ctx_ref(const actr_ctx *ctx);
/* Memory that lives as long as the request; 16-byte aligned, NULL when exhausted. */
ACTR_API void *actr_ctx_alloc(actr_ctx *ctx, size_t size);

/* --- reply token: settle exactly once; any thread -------------------------------------------- */

/*
 * Keep token, context and request past the handler's return. Only inside the handler. Then the
 * token must be settled exactly once (send, fail or fault), from any thread, also when its deadline
 * has passed (the caller has had ACTR_E_TIMEOUT then, and settling returns that) or the node is
 * gone: it owns the request's memory. Returns the token.
 */
ACTR_API actr_reply *actr_reply_keep(actr_reply *reply);

/*
 * Room for an answer of `size` encoded bytes; NULL when memory is exhausted or the size is over the
 * limit of a message, then the token is still open. Fill it and call actr_reply_send().
 */
ACTR_API uint8_t *actr_reply_reserve(actr_reply *reply, size_t size);
/*
 * Send the reserved bytes (an empty answer without a reserve). Settles the token. ACTR_E_TIMEOUT or
 * ACTR_E_STATE: it had been settled, by its deadline or the shutdown.
 */
ACTR_API int actr_reply_send(actr_reply *reply);
/* Answer with an error; message may be NULL. Settles the token. Returns 0. */
ACTR_API int actr_reply_fail(actr_reply *reply, int code, const char *message);
/* The handler found itself broken: answered 400 "Handler panicked: message" and logged as such. */
ACTR_API int actr_reply_fault(actr_reply *reply, const char *message);
/*
 * For a handler that returns a negative code at once and wants to say more: fills the message of
 * the error that will be answered, and returns code.
 */
ACTR_API int actr_reply_error(actr_reply *reply, int code, const char *format, ...)
	ACTR_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
