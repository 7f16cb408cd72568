#ifndef ACTR_LIFECYCLE_INTERNAL_H
#define ACTR_LIFECYCLE_INTERNAL_H

#include <actr/node.h>

#include "base/base.h"
#include "config/config.h"
#include "dispatch/dispatch.h"
#include "gate/gate.h"
#include "loop/loop.h"
#include "mailbox/mailbox.h"
#include "protocol/protocol.h"
#include "signaling/signaling.h"
#include "transport/transport.h"
#include "wire/webrtc/webrtc.h"
#include "wire/websocket/websocket.h"

/* --- runtime.c: the process's loop thread and what exists once on it --- */

struct runtime {
	struct actr__loop *loop;	    /* const after init */
	struct actr__webrtc_engine *engine; /* loop; made by the first node */
	struct actr__ws_context *websocket; /* loop; made by the first node */
	char *ca_file;			    /* loop: of the websocket context */
	pthread_t thread;
	bool host;	/* const after init: the host runs the loop */
	unsigned users; /* lock */
};

int runtime_acquire(struct runtime **ret_runtime, actr_error *err);
/* The last one ends the loop thread, and waits for it unless it is this one. */
void runtime_release(struct runtime *runtime);
/* Loop: what is made once. */
int runtime_prepare(struct runtime *runtime, const char *ca_file, actr_error *err);

/* --- system.c --- */

struct actr_system {
	atomic_uint refs;
	struct runtime *runtime;   /* const after init */
	actr_config config;	   /* const after init; the strings are the host's */
	actr_config *given_config; /* const once nodes exist; freed with the system */
	actr_config *(*free_config)(actr_config *config);
};

actr_system *system_ref(actr_system *system);

/* --- node --- */

enum node_state {
	NODE_ATTACHED,
	NODE_STARTING, /* until registered and on_start has returned */
	NODE_RUNNING,
	NODE_STOPPING,
	NODE_STOPPED,
};

/* Told to on_event, or about to be. */
struct events {
	struct actr__list waiting; /* of the loop executor */
	struct actr__deferred tell;
	unsigned count; /* not told yet */
	uint64_t lost;	/* since the last that was taken in */
	uint64_t lost_total;
};

struct resolver {
	struct actr__list cache; /* struct cached; most recently used first */
	size_t cached_count;
	struct actr__list waiting; /* struct actr__resolve, not asked for yet */
	struct actr__list asking;  /* struct question */
};

struct actr_node {
	atomic_uint refs;	 /* the host's handle, the ref object, the running machine */
	actr_system *system;	 /* const after init */
	struct runtime *runtime; /* const after init */
	struct actr__loop *loop; /* const after init */
	actr_workload workload;	 /* const after start */
	const actr_service *shell_service; /* const after start */
	const void *shell_ops;
	void *shell_self;

	struct actr_ref ref; /* embedded: a ref is a node's */
	struct actr__endpoint endpoint;
	atomic_bool started;	   /* start was called */
	atomic_bool given;	   /* the ref was handed out: the node is its */
	atomic_bool shutting_down; /* asked for */

	enum node_state state;		       /* loop */
	uint64_t started_ms;		       /* loop: its time */
	struct actr__ws *socket;	       /* loop: to the signaling server, or NULL */
	struct actr__signaling *signaling;     /* loop */
	struct actr__transport *transport;     /* loop */
	struct actr__ws_server *direct_server; /* loop; NULL: the node does not listen */
	struct actr__mailbox *mailbox;	       /* loop */
	bool mailbox_closed;		       /* loop */
	bool stop_hook_due;		       /* loop: on_start has run */
	bool has_failed;		       /* loop: the start failed with `failure` */
	actr_error failure;
	struct events events;	     /* loop */
	actr_state signaling_told;   /* loop: last state in an event */
	actr_state mailbox_told;     /* loop */
	uint64_t signaling_since_ms; /* loop: of signaling_told */
	char *traces_url;	     /* loop; NULL: nothing is traced */
	struct resolver resolver;    /* loop */
	struct actr__timer grace;    /* loop: of the present step of the shutdown */
	unsigned stop_step;	     /* loop */
	bool waited_for_events;	     /* loop: in the last step but one */
	unsigned busy_dispatchers;   /* loop */

	void (*on_started)(void *user, actr_ref *ref, const actr_error *err);
	void *on_started_user;
	struct actr__task start_task, stop_task;
	pthread_mutex_t stopped_lock;
	pthread_cond_t stopped_cond;
	bool stopped; /* lock: stopped_lock */
};

void node_unref(struct actr_node *node);
void node_free(struct actr_node *node);
void node_wake_signal_waiters(struct actr_node *node); /* it has stopped */
static inline struct actr_node *node_of_ref(const actr_ref *ref)
{
	return container_of(ref, struct actr_node, ref);
}
static inline struct actr_node *node_of_endpoint(struct actr__endpoint *endpoint)
{
	return container_of(endpoint, struct actr_node, endpoint);
}

/* start.c: loop. */
void node_start_on_loop(struct actr_node *node);
/* Registered for the first time: build the network, run on_start. */
void node_registered_first(struct actr_node *node);
/* The start cannot succeed: undo it, tell, be stopped. */
void node_start_failed(struct actr_node *node, const actr_error *why);

/* server_link.c: loop. The signaling client over its socket. */
int server_link_start(struct actr_node *node, actr_error *err);
/* Gives up the socket, if there is one. */
void server_link_drop(struct actr_node *node);

/* network.c: loop. Transport over WebRTC, mailbox, the gate between. */
int network_build(struct actr_node *node, actr_error *err);
void network_free(struct actr_node *node);
/* Is this URL's host this machine, and nobody else's? */
bool network_is_loopback(const char *url);

/* direct.c: loop. *ret_url is "" when the node does not listen. */
int direct_listen(struct actr_node *node, char *ret_url, size_t size, actr_error *err);
void direct_close(struct actr_node *node);
int direct_dial(void *user, const actr_id *peer, const char *url, const char *ticket,
		const struct actr__wire_events *events, void *owner, uint64_t session,
		struct actr__wire **ret_wire, actr_error *err);

/* The public name of a peer's state. */
actr_state node_peer_state(enum actr__peer_state state);

/* stop.c: loop. */
void node_stop_on_loop(struct actr_node *node);
/* on_stop, if on_start has succeeded and it has not run yet. */
void node_run_on_stop(struct actr_node *node);
/* Something that the shutdown waits for has come. */
void node_stop_go_on(struct actr_node *node);

/* tracing.c: loop. Spans of the node's calls and requests to a collector, if one is configured. */
int tracing_start(struct actr_node *node, actr_error *err);
/* What is left leaves; on_done(node), maybe at once. */
void tracing_flush(struct actr_node *node, void (*on_done)(void *user));
void tracing_end(struct actr_node *node);

/* events.c: to the workload's on_event, on its executor, in order (loop). */
void node_events_init(struct actr_node *node);
void node_tell(struct actr_node *node, const actr_event *event);
/* Loop executor: those that wait for the end of the turn, before a hook runs. */
void node_tell_waiting(struct actr_node *node);

/* stop.c: the last event has come back from the worker. */
void node_events_are_told(struct actr_node *node);

/* resolver.c: loop. */
extern const struct actr__endpoint_ops node_endpoint_ops;
void resolver_init(struct resolver *resolver);
/* Ends all waiting with this error. */
void resolver_done(struct actr_node *node, const actr_error *why);
/* The signaling connection is there (again). */
void resolver_ready(struct actr_node *node);
void resolver_forget(struct actr_node *node, const actr_id *id);

#endif
