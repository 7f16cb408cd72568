/*
 * System, node, ref: a process's share of the network, one workload in it, and the handle through
 * which the host program (the shell) uses it.
 *
 *	actr_system_new → actr_node_attach → actr_node_start → actr_ref … actr_ref_shutdown
 */
#ifndef ACTR_NODE_H
#define ACTR_NODE_H

#include <actr/call.h>
#include <actr/config.h>
#include <actr/service.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct actr_system actr_system;
typedef struct actr_node actr_node;

typedef enum actr_executor {
	ACTR_EXECUTOR_LOOP = 0,	 /* handlers run on the loop thread and must not block */
	ACTR_EXECUTOR_WORKER = 1 /* the workload has a thread of its own and may block */
} actr_executor;

/*
 * Hooks: on_start, on_event, on_stop. All of a node's run on the workload's executor, one at a
 *time, never inside another call of the library, in this order:
 *
 *	events SIGNALING connecting, REGISTERED, SIGNALING connected
 *	on_start                        once; its failure aborts the start
 *	requests, and events as they happen
 *	on_stop                         once, when the shutdown begins; connections still work
 *	events PEER disconnected and idle of each peer, SIGNALING disconnected
 *
 * A start that fails calls on_stop only when on_start had succeeded. Nothing is called any more
 *when actr_ref_wait() or actr_ref_close() has returned, or the failed start.
 *
 * Events: each transition once, in the order in which they happened, over all kinds. A worker that
 * is so slow that 1,024 wait misses further ones: the next that comes says how many (`lost`).
 */
typedef enum actr_event_kind {
	/*
	 * connecting → connected → disconnected → connecting …; connected → connecting when the
	 * node registers anew. `why` with disconnected.
	 */
	ACTR_EVENT_SIGNALING = 1,
	/*
	 * `id` is the own id from now on: before connected, or by a renewal that changed it. The
	 * same id as before when the server resumed it over a new connection (actrd, within a
	 * minute).
	 */
	ACTR_EVENT_REGISTERED = 2,
	/*
	 * Of the connection to `id`: connecting → connected ⇄ recovering → disconnected →
	 * connecting … → idle. A session ends in disconnected with its reason in `why`; then comes
	 * the next one for what still waits, or idle: the peer is forgotten. Recovering has `why`
	 * too, of code ACTR_E_RECOVERING. `detail` of connected: path and data path.
	 */
	ACTR_EVENT_PEER = 3,
	/* Renewed in time; or expired (refused by the server, too), then the node registers anew.
	 */
	ACTR_EVENT_CREDENTIAL = 4,
	/*
	 * High water (80 % full) and normal again (below 70 %); failed (storage; `why`) and normal
	 * or high water again. Dead letter: one for each; `why` is the cause, `id` the sender,
	 * `detail` has its id and ends with where to look.
	 */
	ACTR_EVENT_MAILBOX = 5,
	ACTR_EVENT_PRESENCE = 6, /* up: the actor `id` of a watched type has come */
	/*
	 * Of `lane` to peer `id`: congested, the connection takes no more and messages wait for it;
	 * normal, none waits any more, or the session has ended.
	 */
	ACTR_EVENT_LANE = 7
} actr_event_kind;

typedef enum actr_state {
	ACTR_STATE_IDLE = 0,
	ACTR_STATE_CONNECTING = 1,
	ACTR_STATE_CONNECTED = 2,
	ACTR_STATE_RECOVERING = 3,
	ACTR_STATE_DISCONNECTED = 4,
	ACTR_STATE_RENEWED = 5,
	ACTR_STATE_EXPIRED = 6,
	ACTR_STATE_HIGH_WATER = 7,
	ACTR_STATE_NORMAL = 8,
	ACTR_STATE_DEAD_LETTER = 9,
	ACTR_STATE_FAILED = 10,
	ACTR_STATE_UP = 11,
	ACTR_STATE_CONGESTED = 12
} actr_state;

/* Borrowed for the time of the callback. */
typedef struct actr_event {
	size_t size;
	actr_event_kind kind;
	actr_state state;
	const actr_id *id;     /* peer, or own id; NULL where it has no meaning */
	const char *detail;    /* e.g. the candidate pair and data path; never NULL */
	const actr_error *why; /* NULL unless something failed; its code tells what */
	uint64_t session;      /* PEER, LANE: of the connection; counts all of the node from 1 */
	actr_lane lane;	       /* LANE */
	uint64_t elapsed_ms;   /* SIGNALING, PEER: in the state before; 0 when that was idle */
	uint64_t lost;	       /* events dropped before this one: on_event was too slow for 1,024 */
} actr_event;

typedef struct actr_workload {
	size_t size;		     /* sizeof(actr_workload) */
	const actr_service *service; /* NULL: a program that only calls */
	const void *ops;
	void *self;
	actr_executor executor;
	uint32_t max_in_flight; /* requests dispatched and not settled; 0: 1,024 */
	bool serial;		/* one at a time, as the original */
	/* After registration, before requests come. A negative result aborts the start. */
	int (*on_start)(void *self, actr_ctx *ctx);
	/* Once, when shutdown begins, before connections are closed. */
	void (*on_stop)(void *self, actr_ctx *ctx);
	/* State changes, in order, each once; on the executor. */
	void (*on_event)(void *self, const actr_event *event);
} actr_workload;

#define ACTR_WORKLOAD_INIT ACTR_SIZED_INIT(actr_workload)

/* --- system ---------------------------------------------------------------------------------- */

/*
 * The config is copied, its strings must outlive the system. The first system of a process starts
 * the loop thread, the last one ends it. Any thread; blocking.
 */
ACTR_API int actr_system_new(const actr_config *config, actr_system **ret_system, actr_error *err);
ACTR_API actr_system *actr_system_unref(actr_system *system);
/* The system frees the config it was made with when it is gone itself. Before the first node. */
ACTR_API void actr_system_give_config(actr_system *system, actr_config *config,
				      actr_config *(*free_config)(actr_config *config));

/*
 * For a host that runs the loop on a thread of its own: call once before the first system. Then
 * poll actr_loop_fd() for at most actr_loop_timeout_ms() and call actr_loop_process(), all on one
 * thread, for as long as a system exists. Blocking calls on that thread return ACTR_E_WOULD_BLOCK.
 */
ACTR_API int actr_loop_attach_host(actr_error *err);
ACTR_API int actr_loop_fd(void);
ACTR_API int actr_loop_timeout_ms(void);
ACTR_API void actr_loop_process(void);

/* --- node ------------------------------------------------------------------------------------ */

ACTR_API int actr_node_attach(actr_system *system, const actr_workload *workload,
			      actr_node **ret_node, actr_error *err);
/* The shell's own service, which handlers reach by Dest::Shell. Before start. */
ACTR_API int actr_node_serve_shell(actr_node *node, const actr_service *service, const void *ops,
				   void *self, actr_error *err);
/*
 * Connect, register, build the transports, call on_start. A failure leaves nothing running, and
 * the node is still the host's; on success it belongs to the ref. Blocking; any thread but the
 * loop's.
 */
ACTR_API int actr_node_start(actr_node *node, actr_ref **ret_ref, actr_error *err);
/* The same without blocking: `on_done` on the loop thread, with a new ref or with an error. */
ACTR_API int actr_node_start_async(actr_node *node,
				   void (*on_done)(void *user, actr_ref *ref,
						   const actr_error *err),
				   void *user, actr_error *err);
/* A node that was not started, or whose start failed. NULL is fine; returns NULL. */
ACTR_API actr_node *actr_node_unref(actr_node *node);

/* --- ref: the shell's handle; any thread ------------------------------------------------------ */

ACTR_API actr_ref *actr_ref_ref(actr_ref *ref);
/* Dropping the last one shuts the node down. NULL is fine; returns NULL. */
ACTR_API actr_ref *actr_ref_unref(actr_ref *ref);
/* Copy of the own id: it changes when the server gives a new one. */
ACTR_API actr_id actr_ref_id(const actr_ref *ref);

/*
 * Ask the signaling server for up to `max` actors of a type. Returns their number (0: none is
 * there) or ACTR_E_STATE (not started), ACTR_E_UNAVAILABLE (not connected),
 * ACTR_E_PERMISSION_DENIED … Blocking.
 */
ACTR_API int actr_discover(actr_ref *ref, const actr_type *type, actr_id *ret_ids, size_t max,
			   int64_t timeout_ms, actr_error *err);
/* The same as an operation; its result is the number found, read by actr_discovered(). */
ACTR_API int actr_discover_start(actr_ref *ref, const actr_type *type, size_t max,
				 int64_t timeout_ms, void (*on_done)(void *user, actr_call *call),
				 void *user, actr_call **ret_call, actr_error *err);
ACTR_API size_t actr_discovered(const actr_call *call, actr_id *ret_ids, size_t max);

/* Begin the shutdown; idempotent; any thread. */
ACTR_API void actr_ref_shutdown(actr_ref *ref);
ACTR_API bool actr_ref_is_shutting_down(const actr_ref *ref);
/* Block until the shutdown has ended: nothing of the node is left running. */
ACTR_API int actr_ref_wait(actr_ref *ref, actr_error *err);
/* Shut down, wait, drop this reference. NULL is fine; returns NULL. Blocking. */
ACTR_API actr_ref *actr_ref_close(actr_ref *ref);
/*
 * Wait for SIGINT or SIGTERM, or until the node ends by itself; then shutdown and wait. A signal
 * ends all nodes whose threads wait here (at most 64); the handlers are installed for this time
 * only.
 */
ACTR_API int actr_ref_run_until_signal(actr_ref *ref, actr_error *err);

/* --- the whole life in one call
 * ------------------------------------------------------------------- */

/*
 * Load the file, start a node with this service, print `ready <id>` on stdout, run until SIGINT or
 * SIGTERM, shut down. Failures are printed on stderr. Returns an exit status. (libactr-config)
 */
ACTR_API int actr_serve(const char *config_path, const actr_service *service, const void *ops,
			void *self);
/* The same for a workload with hooks, another executor, or limits of its own. (libactr-config) */
ACTR_API int actr_serve_workload(const char *config_path, const actr_workload *workload);
/*
 * Load the file and start a node without a service, for a program that only calls; end it with
 * actr_ref_close(). Blocking. (libactr-config)
 */
ACTR_API int actr_join(const char *config_path, actr_ref **ret_ref, actr_error *err);

#ifdef __cplusplus
}
#endif
#endif
