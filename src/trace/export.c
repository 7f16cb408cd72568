/*
 * The way out: ended spans in a bounded queue, one batch at a time to the collector.
 *
 * A batch is made when it is full or its interval has passed since the first span; encoded, its
 * spans are freed. It is posted again after what OTLP calls retryable (429, 502, 503, 504, or no
 * answer at all): after 1 s doubling to 30 s with jitter, or as long as Retry-After says, at most
 * 60 s; after five tries it is dropped and counted. What ends meanwhile waits in the queue, and
 * past its bound is dropped and counted. A post may outlive its tracer: its ticket is what it comes
 * back with.
 */
#include "trace/trace_internal.h"

#include <inttypes.h>

#define QUEUE_MAX      4096
#define BATCH_MAX      512
#define INTERVAL_MS    5000
#define POST_MS	       10000
#define TRIES_MAX      5
#define WAIT_FIRST_MS  1000
#define WAIT_MAX_MS    30000
#define RETRY_AFTER_S  60
#define BODY_MAX       (4u * 1024 * 1024)
#define CLOCK_SLACK_NS 2000000

struct ticket {
	struct actr__list link; /* the loop's, once the tracer is gone */
	struct actr__tracer *tracer;
};

static void go_on(struct actr__tracer *t);

/*
 * The wall clock is read in whole milliseconds: the largest offset seen is the true one, nearly. A
 * clock that was set back begins anew.
 */
static void note_clock(struct actr__tracer *t)
{
	int64_t offset = actr__clock_wall_ms() * 1000000 - (int64_t)actr__clock_monotonic_ns();

	if (offset > t->wall_offset_ns || t->wall_offset_ns - offset > CLOCK_SLACK_NS)
		t->wall_offset_ns = offset;
}

static void arm(struct actr__tracer *t, uint64_t delay_ms)
{
	/* Without memory: the next span that ends tries again. */
	(void)actr__timer_set(t->loop, &t->timer, delay_ms);
}

static void free_ended(struct actr__tracer *t, uint32_t count)
{
	while (count--) {
		struct actr__list *link = actr__list_pop(&t->ended);

		actr__free(container_of(link, struct actr__span, link));
		t->ended_count--;
	}
}

/* --- one batch ---------------------------------------------------------------------------------
 */

static void batch_end(struct actr__tracer *t)
{
	t->body_spans = 0;
	t->tries = 0;
	actr__buf_clear(&t->body);
	go_on(t);
}

/* Told once until it works again. */
static void log_failure(struct actr__tracer *t, const struct actr__tracer_answer *answer)
{
	t->stats.posts_failed++;
	if (t->failing)
		return;
	t->failing = true;
	ACTR_WARN(3, "trace_export", "what=spans_not_sent status=%u cause=\"%s\"", answer->status,
		  answer->cause ? answer->cause : "the collector refused them");
}

static bool worth_a_retry(unsigned status)
{
	return status == 0 || status == 429 || (status >= 502 && status <= 504);
}

static uint64_t wait_ms(const struct actr__tracer *t, unsigned retry_after_s)
{
	uint32_t wait = WAIT_FIRST_MS << (t->tries - 1);

	if (retry_after_s)
		return 1000ull * (retry_after_s < RETRY_AFTER_S ? retry_after_s : RETRY_AFTER_S);
	if (wait > WAIT_MAX_MS)
		wait = WAIT_MAX_MS;
	return wait / 2 + actr__random_below(wait / 2 + 1);
}

static void failed(struct actr__tracer *t, const struct actr__tracer_answer *answer)
{
	log_failure(t, answer);
	if (!t->on_flushed && t->tries < TRIES_MAX && worth_a_retry(answer->status)) {
		arm(t, wait_ms(t, answer->retry_after_s));
		return;
	}
	t->stats.dropped_failed += t->body_spans;
	batch_end(t);
}

static void taken(struct actr__tracer *t, const struct actr__tracer_answer *answer)
{
	uint64_t rejected = otlp_rejected(answer->body);

	if (rejected > t->body_spans)
		rejected = t->body_spans;
	t->stats.rejected += rejected;
	t->stats.exported += t->body_spans - rejected;
	if (t->failing)
		ACTR_INFO("trace_export", "what=spans_sent_again dropped=%" PRIu64,
			  t->stats.dropped_failed + t->stats.dropped_full);
	t->failing = false;
	batch_end(t);
}

void actr__tracer_posted(void *user, const struct actr__tracer_answer *answer)
{
	struct ticket *ticket = user;
	struct actr__tracer *t = ticket->tracer;

	actr__list_remove(&ticket->link);
	actr__free(ticket);
	if (!t)
		return;
	t->ticket = NULL;
	if (answer->status >= 200 && answer->status <= 299)
		taken(t, answer);
	else
		failed(t, answer);
}

static int post(struct actr__tracer *t, actr_error *err)
{
	struct ticket *ticket = actr__new0(struct ticket);
	int rc;

	if (!ticket)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory to send spans");
	actr__list_init(&ticket->link);
	ticket->tracer = t;
	t->ticket = ticket;
	rc = t->ops->post(t->owner, actr__bytes(t->body.data, t->body.size), POST_MS, ticket, err);
	if (rc < 0) {
		t->ticket = NULL;
		actr__free(ticket);
	}
	return rc;
}

static void send_body(struct actr__tracer *t)
{
	actr_error err = ACTR_ERROR_INIT;

	t->tries++;
	t->stats.posts++;
	if (post(t, &err) < 0)
		failed(t, &(struct actr__tracer_answer){.cause = err.message});
}

static void make_batch(struct actr__tracer *t)
{
	uint32_t count = 0;
	int rc;

	note_clock(t);
	rc = otlp_encode(t, t->options.batch_max, &t->body, &count);
	free_ended(t, count);
	if (rc < 0) {
		t->stats.dropped_failed += count;
		batch_end(t);
		return;
	}
	t->body_spans = count;
	send_body(t);
}

/* --- when --------------------------------------------------------------------------------------
 */

static void on_timer(struct actr__timer *timer)
{
	struct actr__tracer *t = container_of(timer, struct actr__tracer, timer);

	if (t->ticket)
		return;
	if (t->body_spans)
		send_body(t);
	else if (t->ended_count)
		make_batch(t);
}

/* No batch is under way: what is next. */
static void go_on(struct actr__tracer *t)
{
	void (*on_flushed)(void *) = t->on_flushed;

	if (t->ended_count) {
		arm(t, on_flushed || t->ended_count >= t->options.batch_max
			       ? 0
			       : t->options.interval_ms);
		return;
	}
	actr__buf_done(&t->body); /* a quiet node holds no memory for it */
	t->on_flushed = NULL;
	if (on_flushed)
		on_flushed(t->on_flushed_user);
}

void tracer_wake(struct actr__tracer *t)
{
	if (t->ticket || t->body_spans)
		return;
	if (t->ended_count == t->options.batch_max)
		arm(t, 0);
	else if (!actr__timer_is_set(&t->timer))
		arm(t, t->options.interval_ms);
}

void actr__tracer_flush(struct actr__tracer *t, void (*on_done)(void *user), void *user)
{
	t->on_flushed = on_done;
	t->on_flushed_user = user;
	if (t->ticket)
		return;
	if (t->body_spans)
		arm(t, 0);
	else
		go_on(t);
}

/* --- life --------------------------------------------------------------------------------------
 */

static uint64_t threshold(double ratio)
{
	if (!(ratio > 0))
		return 0;
	return ratio >= 1 ? UINT64_MAX : (uint64_t)(ratio * 9223372036854775808.0);
}

int actr__tracer_new(struct actr__loop *loop, const struct actr__tracer_options *options,
		     const struct actr__tracer_ops *ops, void *owner,
		     struct actr__tracer **ret_tracer, actr_error *err)
{
	struct actr__tracer *t = actr__new0(struct actr__tracer);
	const char *name = options->service_name;

	if (t)
		t->service_name = actr__strdup(name && name[0] ? name : "unknown_service");
	if (!t || !t->service_name) {
		actr__free(t);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a tracer");
	}
	t->loop = loop;
	t->ops = ops;
	t->owner = owner;
	t->options = *options;
	t->options.queue_max = options->queue_max ? options->queue_max : QUEUE_MAX;
	t->options.batch_max = options->batch_max ? options->batch_max : BATCH_MAX;
	t->options.interval_ms = options->interval_ms ? options->interval_ms : INTERVAL_MS;
	t->sample_below = threshold(options->ratio);
	t->wall_offset_ns = INT64_MIN / 2;
	note_clock(t);
	actr__list_init(&t->ended);
	actr__buf_init(&t->body, BODY_MAX);
	actr__timer_init(&t->timer, on_timer);
	*ret_tracer = t;
	return 0;
}

struct actr__tracer *actr__tracer_free(struct actr__tracer *t)
{
	if (!t)
		return NULL;
	actr__timer_stop(t->loop, &t->timer);
	free_ended(t, t->ended_count);
	if (t->ticket) {
		t->ticket->tracer = NULL;
		actr__loop_keep(t->loop, &t->ticket->link);
	}
	actr__buf_done(&t->body);
	actr__free(t->service_name);
	actr__free(t);
	return NULL;
}

void actr__tracer_set_id(struct actr__tracer *t, const actr_id *id)
{
	if (t)
		actr_id_format(id, t->instance, sizeof t->instance);
}

void actr__tracer_stats(const struct actr__tracer *t, struct actr__tracer_stats *ret)
{
	*ret = t->stats;
	ret->waiting = t->ended_count + t->body_spans;
}
