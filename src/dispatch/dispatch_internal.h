#ifndef ACTR_DISPATCH_INTERNAL_H
#define ACTR_DISPATCH_INTERNAL_H

#include "dispatch/dispatch.h"
#include "dispatch/parts_internal.h"

/* --- worker.c: a workload's own thread --- */

struct worker;

struct worker_job {
	struct actr__mpsc_node node;
	void (*run)(struct worker_job *job);
};

/* --- call.c --- */

enum call_state { CALL_IDLE, CALL_STARTED, CALL_DONE };
enum call_kind { CALL_REQUEST, CALL_TELL, CALL_OPERATION, CALL_CHUNK };

/* What a CALL_CHUNK sends: its payload is `parts` messages, each behind its size. */
struct chunk_sending {
	uint8_t lane;		  /* const after start */
	uint32_t parts;		  /* const after start */
	uint32_t sent;		  /* loop: of the parts */
	size_t at;		  /* loop: of the next part in the payload */
	actr_bytes stream_id;	  /* const after start; in the payload */
	struct outbox *outbox;	  /* loop: it waits in, or NULL */
	struct flow *flow;	  /* loop: it waits for credit in, or NULL */
	struct actr__list link;	  /* loop: the outbox's or flow's */
	struct stream_item *item; /* loop: waits for room in a stream of this process; or NULL */
};

struct actr_call {
	atomic_uint refs;
	atomic_int state;	     /* atomic; enum call_state */
	enum call_kind kind;	     /* const after start */
	actr_dest_kind dest_kind;    /* const after init */
	actr_ref *ref;		     /* const after init */
	struct worker *worker;	     /* const after start: on_done runs there; NULL: the loop */
	const actr_method *method;   /* const after init */
	int64_t timeout_ms;	     /* const after init */
	uint64_t parent_deadline_ns; /* const after init; 0: none */
	void (*on_done)(void *user, actr_call *call); /* const after start */
	void *user;				      /* const after start */
	const char *tracestate;			      /* const after init; in the arena, or NULL */
	void (*begin)(actr_call *call, void *result); /* operation */
	void (*abort)(actr_call *call, void *result);

	struct actr__task start_task, cancel_task; /* posted by other threads */
	struct worker_job done_job;
	atomic_bool cancel_posted;

	bool begun;			/* loop: its start has come there */
	struct actr__list link;		/* loop: endpoint->calls or ->ended */
	struct actr__timer timer;	/* loop */
	uint64_t start_ns, deadline_ns; /* loop */
	struct actr__pending pending;	/* loop */
	struct actr__resolve resolve;	/* loop */
	struct actr__send *tell_queued; /* loop */
	struct actr__request *request;	/* loop: its request in process */
	unsigned attempts;		/* loop: of an ACTR_DEST_TYPE */
	bool resolving;			/* loop */
	struct actr__span *span;	/* loop; NULL: not traced, or not sampled */
	struct chunk_sending chunk;

	sem_t done;		  /* any thread */
	int result;		  /* const after done */
	struct actr__msg *answer; /* const after done; the answer's memory, or NULL */
	actr_bytes response;	  /* const after done */
	uint8_t *local_response;  /* owned answer of a call in process, or NULL */
	struct actr__arena arena;
	size_t payload_size;
	uint8_t *payload; /* behind the struct */

	/* What is below is not cleared at birth. */
	actr_id peer;	  /* the destination; for ACTR_DEST_TYPE its type, then who was found */
	actr_error error; /* const after done; filled when result < 0 */
	char request_id[ACTR_UUID_SIZE]; /* const after start; "" in process */
	/* The caller's until the start, then the call's own; "" for none. */
	char traceparent[ACTR__TRACEPARENT_SIZE];
	_Alignas(16) uint8_t first[192]; /* of the arena */
};

/* End it: out of every table, waiters woken, on_done at the end of the turn. Idempotent. */
void call_end(actr_call *call, int result, const actr_error *err);
/* End of a turn: on_done of all that ended in it. */
void call_tell_ended(struct actr__deferred *deferred);
/* The answer of a handler in process; takes over `bytes` (actr__free) on success. */
void call_answer_local(actr_call *call, uint8_t *bytes, size_t size);

/* Would this thread wait for itself: the loop, or the worker that is to run the call's handler? */
bool call_would_block(const struct actr__endpoint *ep, actr_dest_kind dest_kind);
/* As actr_call_start(), of a chunk. */
void call_start_chunk(actr_call *call, void (*on_done)(void *user, actr_call *call), void *user);
/* It could not be sent: to another actor of the type when nothing has `left`, or its end. */
void call_not_sent(actr_call *call, bool left, const actr_error *err);

/* --- chunk_call.c: chunks as calls --- */

/* Message `*at` of the payload; moves *at behind it. */
actr_bytes chunk_next(const actr_call *call, size_t *at);
/* The whole chunk, in the call's memory, or its payload in *ret_payload when it has parts. */
int chunk_join_own(const actr_call *call, struct actr__chunk *ret, uint8_t **ret_payload);

/* --- outbox.c: chunks that leave (loop) --- */

void outbox_send(actr_call *call);
/* Chunks that have waited for credit: on with them, in this order. */
void outbox_resume(struct actr__endpoint *ep, const actr_id *peer, struct actr__list *calls);
/* The call ends otherwise. */
void outbox_forget(actr_call *call);

/* --- streams.c: chunks that come in (loop) --- */

struct stream_item;
/* To a stream of this process. */
void streams_send_local(actr_call *call);
/* The call ends while it waits for room: its chunk is taken back. */
void streams_forget(actr_call *call);

/* --- request.c --- */

enum request_state {
	REQUEST_OPEN,	 /* the token can be settled */
	REQUEST_SETTLED, /* by exactly one */
};

struct actr__request {
	/* Set at dispatch, const for the handler. */
	struct actr__dispatcher *dispatcher;
	actr_bytes route_key, payload, request_id, traceparent, tracestate;
	const actr_id *caller; /* &sender, or NULL */
	struct actr__msg *msg; /* referenced: memory of the slices; or NULL */
	actr_call *memory;     /* the same for a call in process */
	uint64_t deadline_ns;  /* 0: none */
	uint64_t start_ns;     /* 0: its time is not measured */
	bool tell, redelivered;
	uint8_t lane;
	struct actr__span *span; /* loop; NULL: not traced, or not sampled */
	struct actr__mail *mail; /* loop; or NULL */
	actr_call *call;	 /* loop; of a call in process, referenced; or NULL */
	int (*hook)(void *self, actr_ctx *ctx);
	void (*on_hook_done)(void *user, int rc);
	void *hook_user;

	atomic_int state;  /* enum request_state */
	int code;	   /* of the settling thread until it hands over */
	bool by_user;	   /* settled through the public API */
	bool kept;	   /* by the handler; const after it returned */
	bool finished;	   /* loop: the answer is handed over */
	bool returned;	   /* loop: the handler is back */
	bool released;	   /* loop: its slot is free, its mail acked */
	bool let_go;	   /* loop: by its keeper, while the handler was still on its thread */
	bool orphaned;	   /* lock: kept_lock; the dispatcher is gone */
	unsigned refs;	   /* loop: handler, open token, kept token */
	actr_error detail; /* what actr_reply_error said; code 0: nothing */
	actr_id sender;	   /* of a remote request */
	uint8_t *answer;   /* owned */
	size_t answer_size;
	struct actr__task settle_task; /* from another thread: settled, or only let go */
	struct actr__list link;	       /* loop: in flight, or free */
	struct actr__timer timer;      /* loop */
	struct worker_job job;
	struct actr__task returned_task; /* the handler came back, on a worker */
	int handler_code;
	char request_id_text[ACTR__REQUEST_ID_MAX + 1];
	char trace_id[33];
	/* Of its own span, const for the handler; or a copy of what came, for the handler alone. */
	char own_traceparent[ACTR__TRACEPARENT_SIZE];
	struct actr__arena arena;
	_Alignas(16) uint8_t first[768];
};

static inline struct actr__request *request_of_ctx(const actr_ctx *ctx)
{
	return (struct actr__request *)(uintptr_t)ctx;
}

static inline struct actr__request *request_of_reply(actr_reply *reply)
{
	return (struct actr__request *)(void *)reply;
}

static inline actr_ctx *ctx_of(struct actr__request *request)
{
	return (actr_ctx *)(void *)request;
}

static inline actr_reply *reply_of(struct actr__request *request)
{
	return (actr_reply *)(void *)request;
}

/* For what the handler calls: "" for none. The handler's thread. */
const char *request_traceparent(struct actr__request *request);
/* The state that came with it; empty without a valid parent. */
actr_bytes request_tracestate(const struct actr__request *request);
/* A fresh request of the dispatcher, in flight, two references (handler and token). */
struct actr__request *request_new(struct actr__dispatcher *dispatcher);
/* Handler thread: dispatch it, deal with the result, drop the handler's reference. */
void request_run(struct actr__request *request);
/* Settle as the library (deadline, shutdown); nothing happens when it has been settled. Loop
 * thread. */
void request_settle(struct actr__request *request, int code);
/* The dispatcher goes: a kept token is freed by its keeper, without the loop. */
void request_orphan(struct actr__request *request);
/* The caller of a call in process is gone: the answer will be dropped. Loop thread. */
void request_forget_call(struct actr__request *request);

/* --- dispatcher.c --- */

struct actr__dispatcher {
	struct actr__dispatcher_options options; /* const after init */
	struct actr__mailbox *mailbox;		 /* loop */
	struct worker *worker;			 /* const after init; NULL: loop executor */
	struct actr__list local_waiting;	 /* loop: calls in process */
	struct actr__list in_flight;		 /* loop: requests, kept ones too */
	struct actr__list free_requests;	 /* loop */
	size_t free_count;
	struct actr__deferred pump;
	uint32_t in_flight_count; /* slots: not settled, or the handler still runs */
	bool stopping, idle_told;
	void (*on_idle)(void *user);
	void *idle_user;
	struct actr__dispatcher_stats stats;
};

/* A call in process: run it when its turn comes. */
void dispatcher_add_local(struct actr__dispatcher *dispatcher, actr_call *call);
/* Settled and returned: its slot is free for the next. */
void dispatcher_slot_free(struct actr__dispatcher *dispatcher);
/* A request's last reference is gone. */
void dispatcher_request_ended(struct actr__dispatcher *dispatcher, struct actr__request *request);

int worker_new(struct worker **ret_worker, actr_error *err);
/* Any thread. Jobs run in order. */
void worker_post(struct worker *worker, struct worker_job *job);
/* Runs what is queued, then joins. NULL is fine. */
struct worker *worker_free(struct worker *worker);
/* The worker whose thread this is, or NULL. */
struct worker *worker_current(void);

#endif
