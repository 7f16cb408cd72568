/*
 * The dispatcher: whose turn is it.
 *
 * Handlers run from the pump alone, at the end of a loop turn, one after the other: a handler that
 * calls its own workload does not enter it again, its call waits for the pump. Calls in process go
 * before remote ones (the shell is the host itself), remote ones come in the mailbox's order. The
 * pump takes no more than max_in_flight open tokens and gives the loop its turn after a batch.
 */
#include "dispatch/dispatch_internal.h"

#define DEFAULT_MAX_IN_FLIGHT 1024
#define BATCH		      256
#define FREE_MAX	      64 /* requests kept for the next */

static void on_pump(struct actr__deferred *deferred);

int actr__dispatcher_new(const struct actr__dispatcher_options *options,
			 struct actr__dispatcher **ret_dispatcher, actr_error *err)
{
	struct actr__dispatcher *d = actr__new0(struct actr__dispatcher);
	int rc;

	if (!d)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a dispatcher");
	d->options = *options;
	if (!d->options.max_in_flight)
		d->options.max_in_flight = DEFAULT_MAX_IN_FLIGHT;
	if (d->options.serial)
		d->options.max_in_flight = 1;
	actr__list_init(&d->local_waiting);
	actr__list_init(&d->in_flight);
	actr__list_init(&d->free_requests);
	actr__deferred_init(&d->pump, on_pump);
	rc = options->executor == ACTR_EXECUTOR_WORKER ? worker_new(&d->worker, err) : 0;
	if (rc < 0) {
		actr__free(d);
		return rc;
	}
	*ret_dispatcher = d;
	return 0;
}

struct actr__dispatcher *actr__dispatcher_free(struct actr__dispatcher *d)
{
	struct actr__list *link;

	if (!d)
		return NULL;
	worker_free(d->worker);
	actr__loop_cancel_deferred(&d->pump);
	while ((link = actr__list_pop(&d->in_flight)))
		request_orphan(container_of(link, struct actr__request, link));
	while ((link = actr__list_pop(&d->free_requests)))
		actr__free(container_of(link, struct actr__request, link));
	actr__free(d);
	return NULL;
}

void actr__dispatcher_set_mailbox(struct actr__dispatcher *d, struct actr__mailbox *mailbox)
{
	d->mailbox = mailbox;
	actr__dispatcher_wake(d);
}

void actr__dispatcher_wake(struct actr__dispatcher *d)
{
	actr__loop_defer(d->options.endpoint->loop, &d->pump);
}

void actr__dispatcher_stats(const struct actr__dispatcher *d, struct actr__dispatcher_stats *ret)
{
	*ret = d->stats;
	ret->in_flight = d->in_flight_count;
}

/* --- one request --- */

static void run_local(struct actr__dispatcher *d, actr_call *call)
{
	struct actr__request *r = request_new(d);
	actr_error err = ACTR_ERROR_INIT;

	if (!r) {
		ACTR_FAIL(&err, ACTR_E_NOMEM, "no memory for a request");
		call_end(call, err.code, &err);
		return;
	}
	r->route_key = actr__text(call->method->route_key);
	r->payload = actr__bytes(call->payload, call->payload_size);
	r->traceparent = actr__text(call->traceparent);
	r->tracestate = actr__text(call->tracestate);
	r->tell = call->kind == CALL_TELL;
	r->deadline_ns = call->deadline_ns;
	r->call = actr_call_ref(call);
	r->memory = actr_call_ref(call);
	call->request = r;
	request_run(r);
}

static void refuse(struct actr__dispatcher *d, const struct actr__mail *mail, int code,
		   const char *message)
{
	actr__gate_refuse(d->options.endpoint->gate, &mail->sender, mail->msg, code, message);
}

static void answer_expired(struct actr__dispatcher *d, struct actr__mail *mail)
{
	d->stats.expired++;
	refuse(d, mail, ACTR_E_TIMEOUT, "the deadline passed in the mailbox");
	actr__mailbox_ack(d->mailbox, mail);
}

#define TIMEOUT_MAX_MS (24 * 3600 * 1000ll)

/* When the caller stops waiting: 0 for a tell; *ret_expired when that was before now. */
static uint64_t deadline_of(struct actr__dispatcher *d, const struct actr__mail *mail,
			    bool *ret_expired)
{
	uint64_t now = actr__loop_now_ns(d->options.endpoint->loop);
	int64_t timeout_ms = mail->msg->envelope.timeout_ms, waited_ms = 0;

	*ret_expired = false;
	if (mail->msg->envelope.direction == ACTR__DIRECTION_TELL)
		return 0;
	if (timeout_ms <= 0 || timeout_ms > TIMEOUT_MAX_MS)
		timeout_ms = ACTR_CALL_TIMEOUT_MS; /* nonsense of a peer */
	if (!mail->redelivered)			   /* after a crash it is handled all the same */
		waited_ms = actr__clock_wall_ms() - mail->accepted_ms;
	if (waited_ms < 0)
		waited_ms = 0; /* the wall clock was set back */
	*ret_expired = waited_ms >= timeout_ms;
	return now + (uint64_t)(timeout_ms - (*ret_expired ? timeout_ms : waited_ms)) * 1000000;
}

/* One that came back from the table has no loop time; one of an earlier life no sensible time. */
static void count_wait(struct actr__dispatcher *d, const struct actr__mail *mail)
{
	uint64_t now = actr__loop_now_ns(d->options.endpoint->loop);
	int64_t waited_ms;

	if (mail->submitted_ns) {
		actr__histogram_add(&d->stats.mailbox_time, now - mail->submitted_ns);
	} else if (!mail->redelivered) {
		waited_ms = actr__clock_wall_ms() - mail->accepted_ms;
		actr__histogram_add(&d->stats.mailbox_time,
				    waited_ms > 0 ? (uint64_t)waited_ms * 1000000 : 0);
	}
}

static void run_mail(struct actr__dispatcher *d, struct actr__mail *mail)
{
	struct actr__envelope *e = &mail->msg->envelope;
	struct actr__request *r;
	uint64_t deadline_ns;
	bool expired;

	count_wait(d, mail);
	deadline_ns = deadline_of(d, mail, &expired);
	if (expired) {
		answer_expired(d, mail);
		return;
	}
	r = request_new(d);
	if (!r) {
		refuse(d, mail, ACTR_E_NOMEM, "no memory for a request");
		actr__mailbox_bury(d->mailbox, mail, "no_memory", "no memory for a request");
		return;
	}
	r->mail = mail;
	r->route_key = e->route_key;
	r->payload = e->payload;
	r->request_id = e->request_id;
	r->traceparent = e->traceparent;
	r->tracestate = e->tracestate;
	r->msg = actr__msg_ref(mail->msg);
	r->sender = mail->sender;
	r->caller = &r->sender;
	r->lane = mail->msg->lane;
	r->tell = e->direction == ACTR__DIRECTION_TELL;
	r->redelivered = mail->redelivered;
	r->deadline_ns = deadline_ns;
	request_run(r);
}

/* --- the pump --- */

static bool may_run(const struct actr__dispatcher *d)
{
	return d->in_flight_count < d->options.max_in_flight;
}

static bool run_next(struct actr__dispatcher *d)
{
	struct actr__list *link = actr__list_pop(&d->local_waiting);
	struct actr__mail *mail;

	if (link) {
		actr_call *call = container_of(link, actr_call, link);

		/* Back among the running ones, where its end is looked for. */
		actr__list_push(&d->options.endpoint->calls, &call->link);
		run_local(d, call);
		return true;
	}
	mail = d->mailbox && !d->stopping ? actr__mailbox_take(d->mailbox) : NULL;
	if (!mail)
		return false;
	run_mail(d, mail);
	return true;
}

static void tell_idle(struct actr__dispatcher *d)
{
	struct actr__endpoint *ep = d->options.endpoint;

	if (d->stopping && !d->idle_told && !d->in_flight_count &&
	    !(d == ep->local && (actr__streams_busy(ep) || actr__media_busy(ep)))) {
		d->idle_told = true;
		d->on_idle(d->idle_user);
	}
}

static void on_pump(struct actr__deferred *deferred)
{
	struct actr__dispatcher *d = container_of(deferred, struct actr__dispatcher, pump);
	int batch = BATCH;

	while (batch && may_run(d) && run_next(d))
		batch--;
	if (!batch)
		actr__dispatcher_wake(d);
	tell_idle(d);
}

void dispatcher_add_local(struct actr__dispatcher *d, actr_call *call)
{
	actr_error err = ACTR_ERROR_INIT;

	if (d->stopping) {
		ACTR_FAIL(&err, ACTR_E_UNAVAILABLE, "the workload is stopping");
		call_end(call, err.code, &err);
		return;
	}
	actr__list_remove(&call->link);
	actr__list_push(&d->local_waiting, &call->link);
	actr__dispatcher_wake(d);
}

void dispatcher_slot_free(struct actr__dispatcher *d)
{
	/* Only a full dispatcher had left something waiting, and only a stopping one is waited for.
	 */
	bool waited_for = d->in_flight_count >= d->options.max_in_flight || d->stopping;

	d->in_flight_count--;
	if (waited_for)
		actr__dispatcher_wake(d);
}

void dispatcher_request_ended(struct actr__dispatcher *d, struct actr__request *r)
{
	actr__list_remove(&r->link);
	if (d->free_count < FREE_MAX) {
		actr__list_push_front(&d->free_requests, &r->link);
		d->free_count++;
	} else {
		actr__free(r);
	}
}

void actr__dispatcher_stop(struct actr__dispatcher *d, void (*on_idle)(void *), void *user)
{
	actr_error err = ACTR_ERROR_INIT;

	d->stopping = true;
	ACTR_FAIL(&err, ACTR_E_UNAVAILABLE, "the workload is stopping");
	if (d == d->options.endpoint->local) {
		actr__streams_close(d->options.endpoint);
		actr__media_close(d->options.endpoint, &err);
	}
	d->on_idle = on_idle;
	d->idle_user = user;
	while (!actr__list_empty(&d->local_waiting))
		call_end(container_of(d->local_waiting.next, actr_call, link), err.code, &err);
	actr__dispatcher_wake(d);
}

void actr__dispatcher_abandon(struct actr__dispatcher *d, const actr_error *why)
{
	actr__list_each(link, &d->in_flight)
	{
		struct actr__request *r = container_of(link, struct actr__request, link);

		request_settle(r, why->code);
	}
}

/* --- hooks --- */

int actr__dispatcher_hook(struct actr__dispatcher *d, const char *name,
			  int (*hook)(void *, actr_ctx *), void (*on_done)(void *, int), void *user,
			  actr_error *err)
{
	struct actr__request *r = request_new(d);

	if (!r)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory to run %s", name);
	r->hook = hook;
	r->on_hook_done = on_done;
	r->hook_user = user;
	r->request_id = actr__text(name);
	request_run(r);
	return 0;
}

struct job {
	struct worker_job base;
	void (*fn)(void *user);
	void *user;
};

static void run_job(struct worker_job *base)
{
	struct job *job = container_of(base, struct job, base);

	job->fn(job->user);
	actr__free(job);
}

int actr__dispatcher_run(struct actr__dispatcher *d, void (*fn)(void *), void *user)
{
	struct job *job;

	if (!d->worker) {
		fn(user);
		return 0;
	}
	job = actr__new0(struct job);
	if (!job)
		return ACTR_E_NOMEM;
	job->base.run = run_job;
	job->fn = fn;
	job->user = user;
	worker_post(d->worker, &job->base);
	return 0;
}
