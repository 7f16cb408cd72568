/*
 * One call while it runs; its making and reading are call_object.c.
 *
 * Idle: one thread fills it. Started: it belongs to the loop, which ends it exactly once, by an
 * answer, a failed send, a lost session, its deadline, a cancel or the shutdown; call_end() takes
 * it out of whatever table it is in, so that the others find nothing. Done: const, and any thread
 * may read it. on_done never runs inside another function of the API: ended calls are told at the
 * end of the turn (or by the worker that started them), so a callback may start the next call at
 * once.
 */
#include "dispatch/dispatch_internal.h"

#include <errno.h>
#include <stdio.h>

#define TELL_TIMEOUT_MS	 13000 /* defect 59 */
#define RESOLVE_ATTEMPTS 3
#define POSTED_MAX	 65536u /* calls of other threads on their way to the loop */

/* --- running (loop) --- */

static bool is_running(const actr_call *call)
{
	return atomic_load_explicit(&call->state, memory_order_relaxed) == CALL_STARTED;
}

static void fail(actr_call *call, int code, const char *what)
{
	actr_error err = ACTR_ERROR_INIT;

	ACTR_FAIL(&err, code, "%s", what);
	call_end(call, code, &err);
}

static void run_on_done(actr_call *call)
{
	if (call->on_done)
		call->on_done(call->user, call);
	actr_call_unref(call); /* the loop's */
}

static void on_worker_done(struct worker_job *job)
{
	run_on_done(container_of(job, actr_call, done_job));
}

void call_tell_ended(struct actr__deferred *deferred)
{
	struct actr__endpoint *ep = container_of(deferred, struct actr__endpoint, tell_ended);
	actr_ref *keep = NULL; /* of the endpoint: the last call may hold the last one */
	struct actr__list *link;

	while ((link = actr__list_pop(&ep->ended))) {
		actr_call *call = container_of(link, actr_call, link);

		if (!keep)
			keep = actr_ref_ref(call->ref);
		if (call->worker && call->on_done) {
			call->done_job.run = on_worker_done;
			worker_post(call->worker, &call->done_job);
		} else {
			run_on_done(call);
		}
	}
	actr_ref_unref(keep);
}

/* Out of whatever it waits in. */
static void detach(actr_call *call)
{
	struct actr__endpoint *ep = call->ref->endpoint;

	actr__timer_stop(ep->loop, &call->timer);
	actr__gate_cancel(&call->pending);
	if (call->tell_queued)
		actr__send_cancel(TAKE(call->tell_queued));
	if (call->resolving) {
		call->resolving = false;
		ep->ops->cancel_resolve(ep, &call->resolve);
	}
	if (call->request)
		request_forget_call(TAKE(call->request));
	outbox_forget(call);
	streams_forget(call);
	if (call->kind == CALL_OPERATION && call->abort)
		call->abort(call, call->payload);
	actr__list_remove(&call->link);
}

static void count_start(struct actr__endpoint *ep, const actr_call *call)
{
	if (call->kind == CALL_REQUEST)
		ep->stats.calls_started++;
	else if (call->kind == CALL_TELL)
		ep->stats.tells_started++;
}

static void count_end(struct actr__endpoint *ep, const actr_call *call)
{
	struct actr__call_stats *stats = &ep->stats;

	if (call->kind == CALL_REQUEST) {
		stats->calls_done[actr__outcome(call->result)]++;
		actr__histogram_add(call->dest_kind >= ACTR_DEST_ACTOR ? &stats->remote_time
								       : &stats->local_time,
				    actr__loop_now_ns(ep->loop) - call->start_ns);
	} else if (call->kind == CALL_TELL) {
		stats->tells_done[actr__outcome(call->result)]++;
	}
}

void call_end(actr_call *call, int result, const actr_error *err)
{
	struct actr__endpoint *ep = call->ref->endpoint;

	if (!is_running(call))
		return;
	detach(call);
	call->result = result;
	if (result < 0) {
		call->error = *err;
		call->error.code = result;
	}
	count_end(ep, call);
	if (call->span)
		call->span =
			actr__span_end(ep->tracer, call->span, result < 0 ? &call->error : NULL);
	atomic_store_explicit(&call->state, CALL_DONE, memory_order_release);
	actr__list_push(&ep->ended, &call->link);
	actr__loop_defer(ep->loop, &ep->tell_ended);
	sem_post(&call->done);
}

void call_answer_local(actr_call *call, uint8_t *bytes, size_t size)
{
	if (!is_running(call)) {
		actr__free(bytes);
		return;
	}
	call->local_response = bytes;
	call->response = actr__bytes(bytes, size);
	call->request = NULL;
	call_end(call, 0, NULL);
}

void actr__call_finish(actr_call *call, int result, const actr_error *err)
{
	call->abort = NULL;
	call_end(call, result, err);
}

/* An answer of another process: its code and words, in our vocabulary. */
static void end_by_error_answer(actr_call *call, const struct actr__envelope *e)
{
	actr_error err = ACTR_ERROR_INIT;
	int code = actr_error_from_wire(e->error_code);
	size_t size = e->error_message.size;

	err.code = code;
	err.wire_code = e->error_code;
	if (size >= sizeof err.message)
		size = sizeof err.message - 1;
	memcpy(err.message, e->error_message.data, size);
	call_end(call, code, &err);
}

static void log_bad_answer(const actr_call *call)
{
	char trace_id[33];
	struct actr__log_ids ids = {.request_id = call->request_id};

	if (call->traceparent[0]) {
		snprintf(trace_id, sizeof trace_id, "%.32s", call->traceparent + 3);
		ids.trace_id = trace_id;
	}
	ACTR_LOG_IDS(ACTR_LOG_ERROR, 7, "protocol_error", &ids, "what=bad_answer route_key=%s",
		     call->method->route_key);
}

static void on_pending_end(struct actr__pending *pending, struct actr__msg *answer,
			   const actr_error *err)
{
	actr_call *call = container_of(pending, actr_call, pending);

	if (!answer) {
		call_not_sent(call, pending->session != 0, err);
		return;
	}
	call->answer = answer;
	if (answer->envelope.has_error == answer->envelope.has_payload) {
		log_bad_answer(call);
		fail(call, ACTR_E_DECODE, "the answer has neither or both of payload and error");
	} else if (answer->envelope.has_error) {
		end_by_error_answer(call, &answer->envelope);
	} else {
		call->response = answer->envelope.payload;
		call_end(call, 0, NULL);
	}
}

static void on_tell_left(void *user, const actr_error *err)
{
	actr_call *call = user;

	call->tell_queued = NULL;
	if (err)
		call_not_sent(call, false, err);
	else
		call_end(call, 0, NULL);
}

static int64_t left_ms(const actr_call *call)
{
	uint64_t now = actr__loop_now_ns(call->ref->endpoint->loop);

	return call->deadline_ns > now ? (int64_t)((call->deadline_ns - now + 999999) / 1000000)
				       : 1;
}

static void send_remote(actr_call *call)
{
	struct actr__endpoint *ep = call->ref->endpoint;
	actr_error err = ACTR_ERROR_INIT;
	struct actr__envelope envelope = {
		.route_key = actr__text(call->method->route_key),
		.payload = actr__bytes(call->payload, call->payload_size),
		.has_payload = true,
		.request_id = actr__bytes(call->request_id, ACTR_UUID_SIZE - 1),
		.traceparent = actr__text(call->traceparent),
		.tracestate = actr__text(call->tracestate),
		.timeout_ms = left_ms(call),
	};
	unsigned lane =
		actr__lane_is_rpc(call->method->lane) ? call->method->lane : ACTR_LANE_RPC_RELIABLE;
	int rc;

	if (!ep->gate) {
		fail(call, ACTR_E_STATE, "the node is not started");
		return;
	}
	if (call->kind == CALL_TELL) {
		rc = actr__gate_tell(ep->gate, &call->peer, lane, &envelope, call->deadline_ns,
				     on_tell_left, call, &call->tell_queued, &err);
		if (rc == 0)
			call_end(call, 0, NULL);
	} else {
		call->pending.on_end = on_pending_end;
		rc = actr__gate_call(ep->gate, &call->pending, &call->peer, lane, &envelope,
				     call->deadline_ns, &err);
	}
	if (rc < 0)
		call_not_sent(call, false, &err);
}

static void send_local(actr_call *call, struct actr__dispatcher *target)
{
	if (call->kind == CALL_CHUNK)
		streams_send_local(call);
	else if (target)
		dispatcher_add_local(target, call);
	else
		fail(call, ACTR_E_NOT_FOUND, "there is no service to call in this process");
}

/* An actor's own id is not worth a connection. */
static void send_to_actor(actr_call *call)
{
	struct actr__endpoint *ep = call->ref->endpoint;

	if (actr__id_same(&call->peer, &ep->id)) /* written on this thread only */
		send_local(call, ep->local);
	else if (call->kind == CALL_CHUNK)
		outbox_send(call);
	else
		send_remote(call);
}

static void on_resolved(struct actr__resolve *resolve, const actr_id *id, const actr_error *err)
{
	actr_call *call = container_of(resolve, actr_call, resolve);

	call->resolving = false;
	if (err) {
		call_end(call, err->code, err);
		return;
	}
	call->peer = *id;
	actr__span_found(call->span);
	actr__span_set_peer(call->span, id);
	send_to_actor(call);
}

static void resolve(actr_call *call)
{
	struct actr__endpoint *ep = call->ref->endpoint;

	call->attempts++;
	call->resolving = true;
	call->resolve.type = &call->peer.type;
	call->resolve.on_done = on_resolved;
	call->resolve.traceparent = call->traceparent[0] ? call->traceparent : NULL;
	call->resolve.tracestate = call->tracestate;
	ep->ops->resolve(ep, &call->resolve);
}

/* A call to a type that never left may go to another actor of the type. */
void call_not_sent(actr_call *call, bool left, const actr_error *err)
{
	struct actr__endpoint *ep = call->ref->endpoint;

	if (!is_running(call))
		return;
	if (call->dest_kind == ACTR_DEST_TYPE &&
	    (err->code == ACTR_E_UNAVAILABLE || err->code == ACTR_E_NOT_FOUND)) {
		ep->ops->forget(ep, &call->peer);
		if (!left && call->attempts < RESOLVE_ATTEMPTS && !ep->closing) {
			resolve(call);
			return;
		}
	}
	call_end(call, err->code, err);
}

static void on_deadline(struct actr__timer *timer)
{
	actr_call *call = container_of(timer, actr_call, timer);
	char what[160];

	snprintf(what, sizeof what, "no answer of %s within the deadline%s",
		 call->method ? call->method->route_key : "the server",
		 call->resolving ? ": its actor is still looked for" : "");
	if (call->kind == CALL_CHUNK)
		snprintf(what, sizeof what, "the chunk was not handed over by its deadline%s",
			 call->resolving			? ": its actor is still looked for"
			 : call->chunk.item || call->chunk.flow ? ": its receiver is too slow"
			 : call->chunk.outbox ? ": no connection, or a congested one"
					      : "");
	fail(call, ACTR_E_TIMEOUT, what);
}

static void begin(actr_call *call)
{
	struct actr__endpoint *ep = call->ref->endpoint;

	switch (call->kind == CALL_OPERATION ? -1 : (int)call->dest_kind) {
	case -1:
		call->begin(call, call->payload);
		break;
	case ACTR_DEST_SHELL:
		send_local(call, ep->shell);
		break;
	case ACTR_DEST_LOCAL:
		send_local(call, ep->local);
		break;
	case ACTR_DEST_ACTOR:
		send_to_actor(call);
		break;
	default:
		resolve(call);
		break;
	}
}

/* From here on the call's traceparent is its own span's. Apart, since it is off most of the time.
 */
static __attribute__((noinline)) void begin_span(actr_call *call, struct actr__tracer *tracer)
{
	struct actr__span_start start = {
		.kind = call->kind == CALL_TELL ? ACTR__SPAN_PRODUCER : ACTR__SPAN_CLIENT,
		.route_key = actr__text(call->method->route_key),
		.request_id = actr__text(call->request_id),
		.traceparent = actr__text(call->traceparent),
		.tracestate = actr__text(call->tracestate),
	};

	call->span = actr__span_begin(tracer, &start, call->traceparent);
	if (call->dest_kind == ACTR_DEST_ACTOR)
		actr__span_set_peer(call->span, &call->peer);
}

static void start_on_loop(actr_call *call)
{
	struct actr__endpoint *ep = call->ref->endpoint;
	int rc;

	call->begun = true;
	actr__list_push(&ep->calls, &call->link);
	count_start(ep, call);
	call->start_ns = actr__loop_now_ns(ep->loop);
	call->deadline_ns = call->start_ns + (uint64_t)call->timeout_ms * 1000000;
	if (call->parent_deadline_ns && call->parent_deadline_ns < call->deadline_ns)
		call->deadline_ns = call->parent_deadline_ns;
	actr__timer_init(&call->timer, on_deadline);
	if (ep->tracer && call->kind <= CALL_TELL)
		begin_span(call, ep->tracer);
	if (ep->closing) {
		fail(call, ACTR_E_UNAVAILABLE, "the node is shutting down");
		return;
	}
	if (atomic_load_explicit(&call->cancel_posted, memory_order_relaxed)) {
		fail(call, ACTR_E_CANCELLED, "cancelled");
		return;
	}
	rc = actr__timer_set_at(ep->loop, &call->timer, call->deadline_ns);
	if (rc < 0) {
		fail(call, rc, "cannot set the deadline of a call");
		return;
	}
	begin(call);
}

static void on_start_posted(struct actr__task *task)
{
	actr_call *call = container_of(task, actr_call, start_task);

	atomic_fetch_sub_explicit(&call->ref->endpoint->posted, 1, memory_order_relaxed);
	start_on_loop(call);
}

/* --- starting (any thread) --- */

/* Too many are on their way already: end it here, without the loop. */
static void refuse(actr_call *call)
{
	ACTR_FAIL(&call->error, ACTR_E_RESOURCE_EXHAUSTED, "%u calls wait for the loop already",
		  POSTED_MAX);
	call->result = ACTR_E_RESOURCE_EXHAUSTED;
	atomic_store_explicit(&call->state, CALL_DONE, memory_order_release);
	sem_post(&call->done);
	run_on_done(call);
}

static int start(actr_call *call, enum call_kind kind, void (*on_done)(void *, actr_call *),
		 void *user)
{
	struct actr__endpoint *ep = call->ref->endpoint;
	int idle = CALL_IDLE;

	if (!atomic_compare_exchange_strong(&call->state, &idle, CALL_STARTED))
		return ACTR_E_STATE;
	call->kind = kind;
	call->on_done = on_done;
	call->user = user;
	call->worker = worker_current();
	actr_call_ref(call); /* the loop's */
	if (kind <= CALL_TELL && call->dest_kind >= ACTR_DEST_ACTOR &&
	    actr__uuid4(call->request_id) < 0)
		memset(call->request_id, '0', ACTR_UUID_SIZE - 1);
	if (actr__loop_is_current(ep->loop)) {
		start_on_loop(call);
	} else if (atomic_fetch_add_explicit(&ep->posted, 1, memory_order_relaxed) >= POSTED_MAX) {
		atomic_fetch_sub_explicit(&ep->posted, 1, memory_order_relaxed);
		if (kind <= CALL_TELL)
			atomic_fetch_add_explicit(&ep->refused[kind == CALL_TELL], 1,
						  memory_order_relaxed);
		refuse(call);
	} else {
		call->start_task.run = on_start_posted;
		actr__loop_post(ep->loop, &call->start_task);
	}
	return 0;
}

int actr_call_start(actr_call *call, void (*on_done)(void *, actr_call *), void *user)
{
	return call ? start(call, CALL_REQUEST, on_done, user) : ACTR_E_INVALID_ARGUMENT;
}

int actr_call_start_tell(actr_call *call, void (*on_done)(void *, actr_call *), void *user)
{
	if (!call)
		return ACTR_E_INVALID_ARGUMENT;
	if (call->timeout_ms > TELL_TIMEOUT_MS)
		call->timeout_ms = TELL_TIMEOUT_MS;
	return start(call, CALL_TELL, on_done, user);
}

void call_start_chunk(actr_call *call, void (*on_done)(void *, actr_call *), void *user)
{
	(void)start(call, CALL_CHUNK, on_done, user); /* it was idle: ours alone */
}

void actr__call_start_operation(actr_call *call, void (*begin_fn)(actr_call *, void *),
				void (*abort_fn)(actr_call *, void *),
				void (*on_done)(void *, actr_call *), void *user)
{
	call->begin = begin_fn;
	call->abort = abort_fn;
	(void)start(call, CALL_OPERATION, on_done, user); /* it was idle: ours alone */
}

/* --- cancelling (any thread) --- */

static void on_cancel_posted(struct actr__task *task)
{
	actr_call *call = container_of(task, actr_call, cancel_task);

	/* One that overtook the start, of another thread or too early, leaves it to that. */
	if (call->begun)
		fail(call, ACTR_E_CANCELLED, "cancelled");
	actr_call_unref(call);
}

void actr_call_cancel(actr_call *call)
{
	if (!call || atomic_exchange(&call->cancel_posted, true))
		return;
	actr_call_ref(call);
	call->cancel_task.run = on_cancel_posted;
	actr__loop_post(call->ref->endpoint->loop, &call->cancel_task);
}
