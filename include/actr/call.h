/*
 * Calls: one completion object under every asynchronous operation.
 *
 * An actr_call is made (idle), started once, and done exactly once: by an answer, an error, its
 * deadline, a cancel, or the shutdown of its node. Blocking and callback forms are skins on it.
 * What it returns lives until the last reference is dropped.
 */
#ifndef ACTR_CALL_H
#define ACTR_CALL_H

#include <actr/service.h>
#include <actr/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct actr_call actr_call;

typedef enum actr_dest_kind {
	ACTR_DEST_SHELL = 0, /* the host program's own service */
	ACTR_DEST_LOCAL = 1, /* the own workload */
	ACTR_DEST_ACTOR = 2,
	/*
	 * Whichever actor of id.type discovery names; the same one as long as its connection lives,
	 * then discovered anew.
	 */
	ACTR_DEST_TYPE = 3
} actr_dest_kind;

typedef struct actr_dest {
	actr_dest_kind kind;
	actr_id id; /* for ACTR_DEST_ACTOR; its type for ACTR_DEST_TYPE */
} actr_dest;

static inline actr_dest actr_dest_actor(const actr_id *id)
{
	actr_dest dest;

	dest.kind = ACTR_DEST_ACTOR;
	dest.id = *id;
	return dest;
}

static inline actr_dest actr_dest_type(const actr_type *type)
{
	actr_dest dest;

	dest.kind = ACTR_DEST_TYPE;
	dest.id.realm = 0;
	dest.id.serial = 0;
	dest.id.type = *type;
	return dest;
}

/* Any actor that offers this service. Any thread. */
ACTR_API actr_dest actr_dest_service(const actr_service *service);

ACTR_API extern const actr_dest actr_dest_local;
ACTR_API extern const actr_dest actr_dest_shell;

#define ACTR_CALL_TIMEOUT_MS 30000 /* reference.md 5.1 */

typedef struct actr_call_options {
	size_t size;		/* sizeof(actr_call_options) */
	int64_t timeout_ms;	/* over discovery, connecting, retry and waiting; 0: the default */
	const actr_ctx *parent; /* nested call: not longer than the parent, same trace; or NULL */
	/*
	 * W3C Trace Context of a span of the host's, instead of the parent's; copied. NULL, or not
	 * valid: the parent's, or a trace of its own when tracing is on (docs/tracing.md).
	 */
	const char *traceparent;
	const char *tracestate;
} actr_call_options;

#define ACTR_CALL_OPTIONS_INIT ACTR_SIZED_INIT(actr_call_options)

/*
 * Make a call with room for `payload_size` encoded bytes, which the caller fills through
 * *ret_payload before it starts the call. Any thread.
 */
ACTR_API int actr_call_new(actr_ref *ref, const actr_dest *dest, const actr_method *method,
			   size_t payload_size, const actr_call_options *options,
			   actr_call **ret_call, uint8_t **ret_payload, actr_error *err);
/*
 * Start it. on_done (may be NULL) is called once, on the loop thread or, for a workload with a
 * WORKER executor that started it, on the worker's. The library holds a reference until then. Any
 * thread. A failure to start is told by on_done too: this returns 0, or ACTR_E_STATE when it had
 * been started before.
 */
ACTR_API int actr_call_start(actr_call *call, void (*on_done)(void *user, actr_call *call),
			     void *user);
/* Send it one-way: no answer, deadline for handing it over 13 s. May replace start. */
ACTR_API int actr_call_start_tell(actr_call *call, void (*on_done)(void *user, actr_call *call),
				  void *user);
/*
 * Block until it is done; its result. ACTR_E_WOULD_BLOCK on the loop thread. Any other thread.
 */
ACTR_API int actr_call_wait(actr_call *call, actr_error *err);
/* Ends it as ACTR_E_CANCELLED unless it is done already. Idempotent. Any thread. */
ACTR_API void actr_call_cancel(actr_call *call);
/* ACTR_E_WOULD_BLOCK while it runs, else its result. Any thread. */
ACTR_API int actr_call_result(const actr_call *call, actr_error *err);
/* The answer's bytes; empty unless the result is 0. */
ACTR_API actr_bytes actr_call_response(const actr_call *call);
/* Who answered, or who was asked; all zero for a call in process. Only when it is done. */
ACTR_API actr_id actr_call_peer(const actr_call *call);
/* Memory that lives as long as the call. Only when it is done. */
ACTR_API void *actr_call_alloc(actr_call *call, size_t size);
ACTR_API actr_call *actr_call_ref(actr_call *call);
/* NULL is fine; returns NULL. */
ACTR_API actr_call *actr_call_unref(actr_call *call);

#ifdef __cplusplus
}
#endif
#endif
