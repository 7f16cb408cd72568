/*
 * A request: the handler's context and its reply token, one object.
 *
 * References: the handler's until it is back on the loop, the open token's until it is settled, and
 * a kept token's until its keeper settles it. The token is settled exactly once, by whoever moves
 * the state from OPEN to SETTLED: handler, keeper, deadline, shutdown. Settling only hands over; on
 * the loop thread the answer leaves (finished), and when the handler is back too, the mail is acked
 * and the slot freed (released).
 */
#include "dispatch/dispatch_internal.h"

#include <stdio.h>

#define ARENA_LIMIT (4u * 1024 * 1024) /* decoded form of one message */
/* On the loop the time of one request in so many is measured: the clock takes as long as all else.
 */
#define TIMED_OF 64

/* Between a keeper that lets go and a dispatcher that goes: which of the two frees the request. */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

static void on_deadline(struct actr__timer *timer)
{
	struct actr__request *r = container_of(timer, struct actr__request, timer);

	r->dispatcher->stats.expired++;
	request_settle(r, ACTR_E_TIMEOUT);
}

/* --- life (loop) --- */

/* The compiler must not know the size: it would clear byte by byte (rep stos), twice as slow. */
static void clear(void *at, size_t size)
{
	__asm__("" : "+r"(size));
	memset(at, 0, size);
}

struct actr__request *request_new(struct actr__dispatcher *d)
{
	struct actr__list *link = actr__list_pop(&d->free_requests);
	struct actr__request *r;

	if (link) {
		r = container_of(link, struct actr__request, link);
		d->free_count--;
	} else {
		r = actr__alloc(sizeof *r);
		if (!r)
			return NULL;
		actr__list_init(&r->link);
	}
	clear(r, offsetof(struct actr__request, detail));
	r->detail.code = 0;
	r->answer = NULL;
	r->answer_size = 0;
	r->dispatcher = d;
	r->refs = 2;
	actr__timer_init(&r->timer, on_deadline);
	r->request_id_text[0] = r->trace_id[0] = r->own_traceparent[0] = 0;
	actr__arena_init(&r->arena, r->first, sizeof r->first, ARENA_LIMIT);
	actr__list_push(&d->in_flight, &r->link);
	d->in_flight_count++;
	return r;
}

static void free_memory(struct actr__request *r)
{
	actr__arena_done(&r->arena);
	actr__free(r->answer);
	actr__msg_unref(r->msg);
	actr_call_unref(r->memory);
}

static void unref(struct actr__request *r)
{
	if (--r->refs)
		return;
	free_memory(r);
	dispatcher_request_ended(r->dispatcher, r);
}

/* Settled and returned: what a keeper may still read are copies or references of its own. */
static void release(struct actr__request *r)
{
	if (!r->finished || !r->returned || r->released)
		return;
	r->released = true;
	if (r->mail)
		actr__mailbox_ack(r->dispatcher->mailbox, TAKE(r->mail));
	dispatcher_slot_free(r->dispatcher);
}

void request_forget_call(struct actr__request *r)
{
	actr_call_unref(TAKE(r->call));
}

/* --- settling --- */

static struct actr__log_ids log_ids(struct actr__request *r)
{
	return (struct actr__log_ids){.request_id = actr_ctx_request_id(ctx_of(r)),
				      .trace_id = actr_ctx_trace_id(ctx_of(r))};
}

static bool logs_steps(const struct actr__request *r)
{
	return __atomic_load_n(&actr__log_level, __ATOMIC_RELAXED) >= ACTR_LOG_DEBUG && !r->hook;
}

/* Apart, since nobody listens to it most of the time. */
static __attribute__((noinline)) void log_handling(struct actr__request *r)
{
	struct actr__log_ids ids = log_ids(r);
	char route[68], caller[ACTR_ID_TEXT_SIZE] = "local";

	if (r->caller)
		actr_id_format(r->caller, caller, sizeof caller);
	ACTR_LOG_IDS(ACTR_LOG_DEBUG, 0, "request", &ids, "what=handling route_key=%s caller=%s",
		     actr__log_quote(r->route_key.data, r->route_key.size, route, sizeof route),
		     caller);
}

/* The handler may still run on its thread and use the context: nothing of it is written here. */
static __attribute__((noinline)) void log_handled(const struct actr__request *r)
{
	struct actr__log_ids ids = {.request_id =
					    r->request_id_text[0] ? r->request_id_text : NULL};
	char route[68], trace_id[33];
	actr_bytes trace = r->dispatcher->options.endpoint->tracer ? actr__text(r->own_traceparent)
								   : r->traceparent;

	if (actr__traceparent_valid(trace)) {
		snprintf(trace_id, sizeof trace_id, "%.32s", (const char *)trace.data + 3);
		ids.trace_id = trace_id;
	}

	ACTR_LOG_IDS(ACTR_LOG_DEBUG, 0, "request", &ids, "what=handled route_key=%s",
		     actr__log_quote(r->route_key.data, r->route_key.size, route, sizeof route));
}

static void log_failure(struct actr__request *r, const actr_error *err)
{
	struct actr__log_ids ids = log_ids(r);
	bool fault = r->code == ACTR_E_FAULT;
	char route[68];

	ACTR_LOG_IDS(ACTR_LOG_ERROR, fault ? 8 : 6, fault ? "handler_panic" : "handler_error", &ids,
		     "route_key=%s code=%s cause=\"%s\"",
		     actr__log_quote(r->route_key.data, r->route_key.size, route, sizeof route),
		     actr_error_name(r->code), err->message);
}

/* Before the answer leaves, so that it lies within the caller's. */
static void end_span(struct actr__request *r, const actr_error *err)
{
	if (r->span)
		r->span = actr__span_end(r->dispatcher->options.endpoint->tracer, r->span, err);
}

static void count(struct actr__request *r)
{
	struct actr__dispatcher_stats *stats = &r->dispatcher->stats;

	if (r->start_ns)
		actr__histogram_add(&stats->handler_time, actr__clock_monotonic_ns() - r->start_ns);
	if (r->code >= 0) {
		stats->answered++;
		return;
	}
	stats->failed++;
	stats->failed_by[actr__outcome(r->code)]++;
	if (r->code == ACTR_E_UNKNOWN_ROUTE)
		stats->unknown_route++;
}

/* What the caller is told: one vocabulary in process and across. */
static void describe(struct actr__request *r, actr_error *ret)
{
	if (r->detail.code == r->code && (r->by_user || (r->returned && !r->kept))) {
		*ret = r->detail;
		return;
	}
	if (r->code == ACTR_E_INTERNAL && r->returned && !r->by_user)
		ACTR_FAIL(ret, r->code, "the handler returned without an answer");
	else if (r->code == ACTR_E_UNKNOWN_ROUTE)
		ACTR_FAIL(ret, r->code, "unknown route %.*s", (int)r->route_key.size,
			  (const char *)r->route_key.data);
	else
		ACTR_FAIL(ret, r->code, "%s", actr_error_text(r->code));
}

static void answer_remote(struct actr__request *r, const actr_error *err)
{
	struct actr__endpoint *ep = r->dispatcher->options.endpoint;
	struct actr__envelope answer = {
		.route_key = r->route_key,
		.request_id = r->request_id,
		.traceparent = r->traceparent,
		.tracestate = r->tracestate,
		.has_payload = r->code >= 0,
		.has_error = r->code < 0,
	};

	if (!ep->gate || r->tell)
		return;
	if (answer.has_payload) {
		answer.payload = actr__bytes(r->answer, r->answer_size);
	} else {
		answer.error_code = err->wire_code;
		answer.error_message = actr__text(err->message);
	}
	actr__gate_answer(ep->gate, r->caller, r->lane, &answer);
}

static void answer_local(struct actr__request *r, const actr_error *err)
{
	actr_call *call = TAKE(r->call);

	call->request = NULL;
	if (err)
		call_end(call, actr_error_from_wire(err->wire_code), err);
	else
		call_answer_local(call, TAKE(r->answer), r->answer_size);
	actr_call_unref(call);
}

/* err: NULL for success. */
static void answer(struct actr__request *r, const actr_error *err)
{
	if (r->call)
		answer_local(r, err);
	else if (r->mail)
		answer_remote(r, err);
}

/* Apart, so that success does not pay for the room of an error. */
static __attribute__((noinline)) void answer_failure(struct actr__request *r)
{
	actr_error err = ACTR_ERROR_INIT;

	describe(r, &err);
	log_failure(r, &err);
	end_span(r, &err);
	answer(r, &err);
}

/* The token's end, on the loop. */
static void finish(struct actr__request *r)
{
	actr__timer_stop(r->dispatcher->options.endpoint->loop, &r->timer);
	if (!r->hook)
		count(r);
	if (r->code < 0) {
		answer_failure(r);
	} else {
		end_span(r, NULL);
		answer(r, NULL);
	}
	if (r->code >= 0 && logs_steps(r))
		log_handled(r);
	if (r->on_hook_done)
		r->on_hook_done(r->hook_user, r->code);
	r->finished = true;
	release(r);
	unref(r);
}

/*
 * A token that was not kept is settled on its executor; when that is the loop, nobody competes and
 * the atomic step is saved.
 */
static bool take_token(struct actr__request *r, int code, bool by_user)
{
	int open = REQUEST_OPEN;

	if (!r->kept && !r->dispatcher->worker) {
		if (atomic_load_explicit(&r->state, memory_order_relaxed) != REQUEST_OPEN)
			return false;
		atomic_store_explicit(&r->state, REQUEST_SETTLED, memory_order_relaxed);
	} else if (!atomic_compare_exchange_strong(&r->state, &open, REQUEST_SETTLED)) {
		return false;
	}
	r->code = code;
	r->by_user = by_user;
	return true;
}

void request_settle(struct actr__request *r, int code)
{
	if (take_token(r, code, false))
		finish(r);
}

/* --- settling through the API (any thread) --- */

static void on_settled_elsewhere(struct actr__task *task)
{
	finish(container_of(task, struct actr__request, settle_task));
}

static void on_kept_settled(struct actr__task *task)
{
	struct actr__request *r = container_of(task, struct actr__request, settle_task);

	if (!r->finished)
		finish(r);
	if (r->returned)
		unref(r);
	else
		r->let_go = true; /* the keeper's reference is made when the handler is back */
}

static void run_or_post(struct actr__request *r, void (*run)(struct actr__task *))
{
	struct actr__loop *loop = r->dispatcher->options.endpoint->loop;

	r->settle_task.run = run;
	if (actr__loop_is_current(loop))
		run(&r->settle_task);
	else
		actr__loop_post(loop, &r->settle_task);
}

static void free_orphan(struct actr__request *r)
{
	free_memory(r);
	actr__free(r);
}

static int settle_kept(struct actr__request *r, int code)
{
	bool took = take_token(r, code, true);
	bool orphaned;
	int rc = took ? 0 : r->code == ACTR_E_TIMEOUT ? ACTR_E_TIMEOUT : ACTR_E_STATE;

	pthread_mutex_lock(&kept_lock);
	orphaned = r->orphaned;
	if (!orphaned)
		run_or_post(r, on_kept_settled);
	pthread_mutex_unlock(&kept_lock);
	if (orphaned)
		free_orphan(r);
	return rc;
}

static int settle_by_user(struct actr__request *r, int code)
{
	if (r->kept)
		return settle_kept(r, code);
	if (!take_token(r, code, true))
		return r->code == ACTR_E_TIMEOUT ? ACTR_E_TIMEOUT : ACTR_E_STATE;
	run_or_post(r, on_settled_elsewhere);
	return 0;
}

void request_orphan(struct actr__request *r)
{
	pthread_mutex_lock(&kept_lock);
	r->orphaned = true;
	pthread_mutex_unlock(&kept_lock);
}

actr_reply *actr_reply_keep(actr_reply *reply)
{
	struct actr__request *r = request_of_reply(reply);

	r->kept = true;
	return reply;
}

/* --- running the handler --- */

/* The handler is back, on the loop. */
static void returned(struct actr__request *r, int code)
{
	r->returned = true;
	if (r->kept)
		r->refs += !r->let_go; /* the keeper's */
	else if (code < 0 || r->hook || r->tell)
		request_settle(r, code < 0 ? code : 0);
	else if (atomic_load(&r->state) == REQUEST_OPEN)
		request_settle(r, ACTR_E_INTERNAL);
	release(r);
	unref(r);
}

static void on_returned_posted(struct actr__task *task)
{
	struct actr__request *r = container_of(task, struct actr__request, returned_task);

	returned(r, r->handler_code);
}

static int invoke(struct actr__request *r)
{
	const struct actr__dispatcher_options *o = &r->dispatcher->options;

	if (r->hook)
		return r->hook(o->self, ctx_of(r));
	if (!o->service)
		return ACTR_E_UNKNOWN_ROUTE;
	return o->service->dispatch(o->ops, o->self, ctx_of(r), r->route_key, r->payload,
				    reply_of(r));
}

static void on_worker(struct worker_job *job)
{
	struct actr__request *r = container_of(job, struct actr__request, job);

	r->handler_code = invoke(r);
	r->returned_task.run = on_returned_posted;
	actr__loop_post(r->dispatcher->options.endpoint->loop, &r->returned_task);
}

/* Apart, since it is off most of the time. */
static __attribute__((noinline)) void begin_span(struct actr__request *r,
						 struct actr__tracer *tracer)
{
	struct actr__span_start start = {
		.kind = r->tell ? ACTR__SPAN_CONSUMER : ACTR__SPAN_SERVER,
		.route_key = r->route_key,
		.request_id = r->request_id,
		.traceparent = r->traceparent,
		.tracestate = r->tracestate,
		.redelivered = r->redelivered,
	};

	r->span = actr__span_begin(tracer, &start, r->own_traceparent);
	actr__span_set_peer(r->span, r->caller);
}

void request_run(struct actr__request *r)
{
	struct actr__dispatcher *d = r->dispatcher;
	struct actr__loop *loop = d->options.endpoint->loop;
	struct actr__tracer *tracer = d->options.endpoint->tracer;
	int rc;

	if (tracer && !r->hook)
		begin_span(r, tracer);
	if (!r->hook && (d->stats.dispatched++ % TIMED_OF == 0 || d->worker))
		r->start_ns = actr__clock_monotonic_ns();
	if (logs_steps(r))
		log_handling(r);
	if (d->worker) {
		if (r->deadline_ns)
			(void)actr__timer_set_at(loop, &r->timer,
						 r->deadline_ns); /* or the caller's */
		r->job.run = on_worker;
		worker_post(d->worker, &r->job);
		return;
	}
	rc = invoke(r);
	if (r->kept && r->deadline_ns && atomic_load(&r->state) == REQUEST_OPEN)
		(void)actr__timer_set_at(loop, &r->timer, r->deadline_ns); /* or the caller's */
	returned(r, rc);
}

/* --- the public token --- */

uint8_t *actr_reply_reserve(actr_reply *reply, size_t size)
{
	struct actr__request *r = request_of_reply(reply);

	if (!r || (!r->call && size > ACTR__MESSAGE_MAX))
		return NULL;
	actr__free(r->answer);
	r->answer = actr__alloc(size);
	r->answer_size = r->answer ? size : 0;
	return r->answer;
}

int actr_reply_send(actr_reply *reply)
{
	if (!reply)
		return ACTR_E_INVALID_ARGUMENT;
	return settle_by_user(request_of_reply(reply), 0);
}

int actr_reply_error(actr_reply *reply, int code, const char *format, ...)
{
	struct actr__request *r = request_of_reply(reply);
	va_list args;

	if (!r || code >= 0)
		return ACTR_E_INVALID_ARGUMENT;
	r->detail.code = code;
	r->detail.wire_code = actr_error_to_wire(code);
	r->detail.os_errno = 0;
	va_start(args, format);
	vsnprintf(r->detail.message, sizeof r->detail.message, format, args);
	va_end(args);
	return code;
}

int actr_reply_fail(actr_reply *reply, int code, const char *message)
{
	struct actr__request *r = request_of_reply(reply);

	if (!r || code >= 0)
		return ACTR_E_INVALID_ARGUMENT;
	if (message)
		(void)actr_reply_error(reply, code, "%s", message);
	return settle_by_user(r, code);
}

int actr_reply_fault(actr_reply *reply, const char *message)
{
	struct actr__request *r = request_of_reply(reply);

	if (!r)
		return ACTR_E_INVALID_ARGUMENT;
	(void)actr_reply_error(reply, ACTR_E_FAULT, "Handler panicked: %s",
			       message ? message : "Unknown panic payload");
	return settle_by_user(r, ACTR_E_FAULT);
}
