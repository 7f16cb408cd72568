/*
 * Door of dispatch: requests to handlers, calls to their answers.
 *
 * An endpoint is what a node is to its calls: the loop, the gate once there is one, and the two
 * dispatchers (workload and shell). A dispatcher runs one service's handlers on one executor, one
 * at a time. A request is a context and a reply token in one, from its dispatch until it is settled
 * and the handler has returned. Loop thread, unless said otherwise.
 */
#ifndef ACTR_DISPATCH_H
#define ACTR_DISPATCH_H

#include <pthread.h>
#include <semaphore.h>

#include <actr/call.h>
#include <actr/metrics.h>
#include <actr/node.h>

#include "base/base.h"
#include "dispatch/media.h"
#include "dispatch/streams.h"
#include "gate/gate.h"
#include "loop/loop.h"
#include "mailbox/mailbox.h"
#include "protocol/protocol.h"
#include "trace/trace.h"

struct actr__endpoint;
struct actr__dispatcher;
struct actr__request;

/* --- endpoint -------------------------------------------------------------------------------- */

/* A type's actor, asked for by a call to ACTR_DEST_TYPE; embedded in the call. */
struct actr__resolve {
	struct actr__list link;		      /* the resolver's */
	const actr_type *type;		      /* the asker's, stays */
	const char *traceparent, *tracestate; /* the same; or NULL */
	void (*on_done)(struct actr__resolve *resolve, const actr_id *id, const actr_error *err);
};

struct actr__endpoint_ops {
	/* Find an actor of resolve->type; on_done from the loop, once. */
	void (*resolve)(struct actr__endpoint *endpoint, struct actr__resolve *resolve);
	void (*cancel_resolve)(struct actr__endpoint *endpoint, struct actr__resolve *resolve);
	/* This actor could not be reached: ask again next time. */
	void (*forget)(struct actr__endpoint *endpoint, const actr_id *id);
};

/* Outcomes as in <actr/metrics.h>; a call that was refused before the loop is in none of these. */
struct actr__call_stats {
	uint64_t calls_started, calls_done[ACTR_METRICS_OUTCOMES];
	uint64_t tells_started, tells_done[ACTR_METRICS_OUTCOMES];
	actr_histogram remote_time, local_time; /* of calls */
};

struct actr__endpoint {
	const struct actr__endpoint_ops *ops; /* const after init */
	struct actr__loop *loop;	      /* const after init */
	struct actr__gate *gate;	      /* loop; NULL before and after the network's life */
	struct actr__dispatcher *local;	      /* const after init; NULL: no workload */
	struct actr__dispatcher *shell;	      /* const after init; or NULL */
	struct actr__tracer *tracer;	      /* loop; NULL: nothing is traced */
	pthread_mutex_t id_lock;
	actr_id id;			  /* lock: id_lock */
	struct actr__list calls;	  /* loop: running */
	struct actr__list ended;	  /* loop: to be told at the end of the turn */
	struct actr__deferred tell_ended; /* loop */
	bool closing;			  /* loop: no new calls */
	struct actr__call_stats stats;	  /* loop */
	atomic_uint posted;		  /* atomic: calls on their way to the loop */
	/* atomic: those that `posted` had no room for, by whether they were tells; not in `stats`
	 */
	atomic_ullong refused[2];
	struct actr__streams streams;
	struct actr__media media;
};

int actr__endpoint_init(struct actr__endpoint *endpoint, const struct actr__endpoint_ops *ops,
			struct actr__loop *loop, actr_error *err);
/* No call may be running. */
void actr__endpoint_done(struct actr__endpoint *endpoint);
void actr__endpoint_set_id(struct actr__endpoint *endpoint, const actr_id *id);
actr_id actr__endpoint_id(struct actr__endpoint *endpoint); /* any thread */
/* Refuse new calls and end the running ones with this error. */
void actr__endpoint_close(struct actr__endpoint *endpoint, const actr_error *why);

/* What a public ref is; the node embeds or allocates it. */
struct actr_ref {
	atomic_uint refs;
	struct actr__endpoint *endpoint;       /* lives at least as long as the ref */
	void (*on_last)(struct actr_ref *ref); /* any thread */
};

/* --- calls ----------------------------------------------------------------------------------- */

/* Operations that are not messages (discover) complete through a call too. */
int actr__call_new_operation(actr_ref *ref, int64_t timeout_ms, size_t result_size,
			     actr_call **ret_call, void **ret_result, actr_error *err);
/*
 * `begin` runs on the loop with the call started; `abort` when it ends before actr__call_finish(),
 * e.g. by its deadline.
 */
void actr__call_start_operation(actr_call *call, void (*begin)(actr_call *call, void *result),
				void (*abort)(actr_call *call, void *result),
				void (*on_done)(void *user, actr_call *call), void *user);
/* End it with a result (>= 0) or an error; loop thread; nothing happens when it has ended. */
void actr__call_finish(actr_call *call, int result, const actr_error *err);
const void *actr__call_operation_result(const actr_call *call);

/* --- dispatcher ------------------------------------------------------------------------------- */

struct actr__dispatcher_options {
	struct actr__endpoint *endpoint;
	actr_ref *ref; /* for contexts; borrowed */
	const actr_service *service;
	const void *ops;
	void *self;
	actr_executor executor;
	uint32_t max_in_flight;
	bool serial;
};

struct actr__dispatcher_stats {
	uint64_t dispatched, answered, failed, expired, unknown_route;
	uint32_t in_flight;
	uint64_t failed_by[ACTR_METRICS_OUTCOMES]; /* [0] is not used */
	actr_histogram handler_time; /* of one in 64 on the loop, of all on a worker */
	actr_histogram mailbox_time;
};

int actr__dispatcher_new(const struct actr__dispatcher_options *options,
			 struct actr__dispatcher **ret_dispatcher, actr_error *err);
/* Where remote requests come from. The dispatcher takes as many as it may have in flight. */
void actr__dispatcher_set_mailbox(struct actr__dispatcher *dispatcher,
				  struct actr__mailbox *mailbox);
/* From the mailbox's on_ready. */
void actr__dispatcher_wake(struct actr__dispatcher *dispatcher);
/* Run nothing more; on_idle (may come at once) when no handler runs and no token is open. */
void actr__dispatcher_stop(struct actr__dispatcher *dispatcher, void (*on_idle)(void *user),
			   void *user);
/* Fail the tokens that are still open (grace is over). */
void actr__dispatcher_abandon(struct actr__dispatcher *dispatcher, const actr_error *why);
/* Stopped. Joins the worker's thread. NULL is fine; returns NULL. */
struct actr__dispatcher *actr__dispatcher_free(struct actr__dispatcher *dispatcher);
void actr__dispatcher_stats(const struct actr__dispatcher *dispatcher,
			    struct actr__dispatcher_stats *ret);

/*
 * Run a hook on the executor with a context without caller and request (id `name`); on_done on the
 * loop with its result.
 */
int actr__dispatcher_hook(struct actr__dispatcher *dispatcher, const char *name,
			  int (*hook)(void *self, actr_ctx *ctx),
			  void (*on_done)(void *user, int rc), void *user, actr_error *err);
/* Run `fn` on the executor, in order with everything else there; `fn` owns user. */
int actr__dispatcher_run(struct actr__dispatcher *dispatcher, void (*fn)(void *user), void *user);

#endif
