/*
 * The shutdown, on the loop, in steps; each but the sixth waits for an event or its grace:
 *
 *	1 on_stop once, no new requests, handlers and kept tokens get 5 s
 *	2 what is still open is failed, running calls are failed, answers get a moment to leave
 *	3 peers are closed, then unregister (at most 5 s, the signaling client's own limit)
 *	4 the last spans leave (2 s)
 *	5 the mailbox writes what it has
 *	6 a handler that is still running on a worker is waited for, since a thread cannot be ended
 *	7 everything is freed; waiters are woken; the machine's reference is dropped
 *
 * Each step runs from a fresh turn of the loop (the grace timer), never inside a callback of what
 *it frees.
 */
#include "lifecycle/lifecycle_internal.h"

#define HANDLER_GRACE_MS    5000
#define LINGER_MS	    20
#define UNREGISTER_GRACE_MS 6000 /* more than the client's own 5 s */
#define TRACES_GRACE_MS	    2000
#define MAILBOX_GRACE_MS    10000
#define WORKER_WARN_MS	    5000

enum { STEP_HANDLERS = 1, STEP_LINGER, STEP_UNREGISTER, STEP_TRACES, STEP_MAILBOX, STEP_WORKERS };

static void shutting_down_error(const struct actr_node *node, actr_error *ret)
{
	if (node->has_failed)
		*ret = node->failure;
	else
		ACTR_FAIL(ret, ACTR_E_UNAVAILABLE, "the node is shutting down");
}

static void wait_at_most(struct actr_node *node, uint64_t ms)
{
	/* Room in the heap was made when the node was started with this timer. */
	if (actr__timer_set(node->loop, &node->grace, ms) < 0)
		node_stop_go_on(node);
}

/* --- 1 --- */

static int run_on_stop(void *self, actr_ctx *ctx)
{
	node_of_ref(actr_ctx_ref(ctx))->workload.on_stop(self, ctx);
	return 0;
}

static void on_idle(void *user)
{
	struct actr_node *node = user;

	if (--node->busy_dispatchers == 0 &&
	    (node->stop_step == STEP_HANDLERS || node->stop_step == STEP_WORKERS))
		node_stop_go_on(node);
}

static void on_stop_hook_done(void *user, int rc)
{
	(void)user; /* the dispatcher's idle says it too */
	(void)rc;
}

void node_run_on_stop(struct actr_node *node)
{
	actr_error err = ACTR_ERROR_INIT;
	bool due = node->stop_hook_due;

	node->stop_hook_due = false;
	if (due && node->workload.on_stop &&
	    actr__dispatcher_hook(node->endpoint.local, "shutdown", run_on_stop, on_stop_hook_done,
				  node, &err) < 0)
		ACTR_ERR(8, "internal", "what=on_stop_not_called cause=\"%s\"", err.message);
}

static void stop_handlers(struct actr_node *node)
{
	node_tell_waiting(node);
	node_run_on_stop(node);
	node->busy_dispatchers = 1; /* until both are told to stop */
	wait_at_most(node, HANDLER_GRACE_MS);
	if (node->endpoint.shell) {
		node->busy_dispatchers++;
		actr__dispatcher_stop(node->endpoint.shell, on_idle, node);
	}
	if (node->endpoint.local) {
		node->busy_dispatchers++;
		actr__dispatcher_stop(node->endpoint.local, on_idle, node);
	}
	on_idle(node);
}

/* --- 2 --- */

static void fail_what_is_left(struct actr_node *node)
{
	actr_error why = ACTR_ERROR_INIT;

	shutting_down_error(node, &why);
	if (node->endpoint.local)
		actr__dispatcher_abandon(node->endpoint.local, &why);
	if (node->endpoint.shell)
		actr__dispatcher_abandon(node->endpoint.shell, &why);
	resolver_done(node, &why);
	actr__endpoint_close(&node->endpoint, &why);
	wait_at_most(node, node->transport && actr__transport_peer_count(node->transport)
				   ? LINGER_MS
				   : 0);
}

/* --- 3, 4, 5 --- */

static void unregister(struct actr_node *node)
{
	if (node->transport)
		actr__transport_close_all(node->transport);
	wait_at_most(node, UNREGISTER_GRACE_MS);
	if (node->signaling && actr__signaling_state(node->signaling) != ACTR__SIGNALING_CLOSED)
		actr__signaling_stop(node->signaling, "Graceful shutdown");
	else
		node_stop_go_on(node);
}

static void on_traces_left(void *user)
{
	struct actr_node *node = user;

	if (node->stop_step == STEP_TRACES)
		node_stop_go_on(node);
}

static void send_traces(struct actr_node *node)
{
	wait_at_most(node, TRACES_GRACE_MS);
	tracing_flush(node, on_traces_left);
}

static void close_mailbox(struct actr_node *node)
{
	wait_at_most(node, MAILBOX_GRACE_MS);
	if (node->mailbox && !node->mailbox_closed)
		actr__mailbox_close(node->mailbox);
	else
		node_stop_go_on(node);
}

/* --- 6, 7 --- */

static bool workers_are_busy(const struct actr_node *node)
{
	return node->busy_dispatchers || node->events.count;
}

static void wait_for_workers(struct actr_node *node)
{
	if (!workers_are_busy(node)) {
		node_stop_go_on(node);
		return;
	}
	/* A handler has had its grace; events have just come. */
	if (node->busy_dispatchers || node->waited_for_events)
		ACTR_WARN(5, "internal",
			  "what=handler_does_not_return cause=\"the shutdown waits for it\"");
	node->waited_for_events = true;
	wait_at_most(node, WORKER_WARN_MS);
}

void node_events_are_told(struct actr_node *node)
{
	if (node->stop_step == STEP_WORKERS && node->waited_for_events)
		node_stop_go_on(node);
}

/*
 * The machine lets go before anybody hears of it: so the last reference, and with it the end of the
 * loop thread, is the waiter's, who can wait for that.
 */
static void node_end(struct actr_node *node)
{
	void (*on_started)(void *, actr_ref *, const actr_error *) =
		node->has_failed ? node->on_started : NULL;
	void *user = node->on_started_user;
	actr_error failure = node->failure;
	bool last;

	pthread_mutex_lock(&node->stopped_lock);
	node->stopped = true;
	last = atomic_fetch_sub(&node->refs, 1) == 1;
	pthread_cond_broadcast(&node->stopped_cond);
	node_wake_signal_waiters(node);
	pthread_mutex_unlock(&node->stopped_lock);
	if (last)
		node_free(node);
	if (on_started)
		on_started(user, NULL, &failure);
}

static void stopped(struct actr_node *node)
{
	node_tell_waiting(node);
	network_free(node);
	tracing_end(node);
	actr__loop_cancel_deferred(&node->events.tell);
	node->endpoint.local = actr__dispatcher_free(node->endpoint.local);
	node->endpoint.shell = actr__dispatcher_free(node->endpoint.shell);
	node->state = NODE_STOPPED;
	atomic_store(&node->shutting_down, true);
	node_end(node);
}

static void on_grace_over(struct actr__timer *timer)
{
	struct actr_node *node = container_of(timer, struct actr_node, grace);

	if (node->stop_step == STEP_WORKERS && workers_are_busy(node)) {
		wait_for_workers(node); /* this step has no end but theirs */
		return;
	}
	switch (++node->stop_step) {
	case STEP_HANDLERS:
		stop_handlers(node);
		break;
	case STEP_LINGER:
		fail_what_is_left(node);
		break;
	case STEP_UNREGISTER:
		unregister(node);
		break;
	case STEP_TRACES:
		send_traces(node);
		break;
	case STEP_MAILBOX:
		close_mailbox(node);
		break;
	case STEP_WORKERS:
		wait_for_workers(node);
		break;
	default:
		stopped(node);
		break;
	}
}

void node_stop_go_on(struct actr_node *node)
{
	/* From a fresh turn; without memory for the timer at once, which is late but not never. */
	if (actr__timer_set(node->loop, &node->grace, 0) < 0)
		on_grace_over(&node->grace);
}

void node_stop_on_loop(struct actr_node *node)
{
	if (node->state == NODE_STOPPING || node->state == NODE_STOPPED)
		return;
	if (node->state == NODE_STARTING && !node->has_failed) {
		node->has_failed = true;
		ACTR_FAIL(&node->failure, ACTR_E_UNAVAILABLE, "shut down before it was started");
	}
	node->state = NODE_STOPPING;
	actr__timer_init(&node->grace, on_grace_over);
	node_stop_go_on(node);
}
