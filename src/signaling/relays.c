/*
 * Relays to peers. The server answers none but those it refuses, by number; so the last ones are
 * remembered with their target. When it finds that we send too much (429, about 10 a second at the
 * original's server), relays wait in a queue: first for a pause that doubles with each 429, then
 * one at a time, until it has not complained for a minute.
 */
#include "signaling/signaling_internal.h"

#define REMEMBERED     128u
#define QUEUE_MAX      256u
#define PACE_MS	       125u
#define PAUSE_FIRST_MS 1000u
#define PAUSE_MAX_MS   8000u
#define PACED_FOR_MS   60000u

struct sent_relay {
	uint64_t number;
	actr_id to;
};

struct queued {
	struct actr__list link;
	size_t size;
	uint8_t bytes[];
};

static void remember(struct sent_relays *sent, uint64_t number, const actr_id *to)
{
	if (!sent->ring)
		sent->ring = actr__alloc0(REMEMBERED * sizeof *sent->ring);
	if (!sent->ring)
		return; /* a refusal will show as a time-out */
	sent->ring[sent->next] = (struct sent_relay){number, *to};
	sent->next = (sent->next + 1) % REMEMBERED;
}

bool signaling_relay_refused(struct actr__signaling *s, uint64_t number, const actr_error *why)
{
	struct sent_relays *sent = &s->sent_relays;

	for (size_t i = 0; sent->ring && number && i < REMEMBERED; i++) {
		actr_id to = sent->ring[i].to;

		if (sent->ring[i].number != number)
			continue;
		sent->ring[i].number = 0;
		if (s->events->on_relay_failed)
			s->events->on_relay_failed(s->owner, &to, why);
		return true;
	}
	return false;
}

static struct queued *pop(struct relay_queue *queue)
{
	struct actr__list *node = actr__list_pop(&queue->waiting);

	if (!node)
		return NULL;
	queue->count--;
	return container_of(node, struct queued, link);
}

static void on_due(struct actr__timer *timer)
{
	struct actr__signaling *s = container_of(timer, struct actr__signaling, queue.timer);
	struct queued *queued = pop(&s->queue);

	if (!queued)
		return;
	(void)signaling_send_bytes(s, actr__bytes(queued->bytes, queued->size), NULL);
	actr__free(queued);
	if (s->queue.count)
		(void)actr__timer_set(s->loop, timer, PACE_MS); /* it has just left the heap */
}

static int enqueue(struct actr__signaling *s, actr_error *err)
{
	struct relay_queue *queue = &s->queue;
	struct queued *queued;

	if (queue->count >= QUEUE_MAX)
		return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED,
				 "the signaling server limits us, and %u relays wait", QUEUE_MAX);
	queued = actr__alloc(sizeof *queued + s->out.size);
	if (!queued)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a relay");
	if (!actr__timer_is_set(&queue->timer) &&
	    actr__timer_set(s->loop, &queue->timer, PACE_MS) < 0) {
		actr__free(queued);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a timer");
	}
	queued->size = s->out.size;
	memcpy(queued->bytes, s->out.data, s->out.size);
	actr__list_push(&queue->waiting, &queued->link);
	queue->count++;
	return 0;
}

static bool is_paced(const struct actr__signaling *s)
{
	return s->queue.count || actr__timer_is_set(&s->queue.timer) ||
	       actr__loop_now_ms(s->loop) < s->queue.paced_until_ms;
}

void signaling_relays_slow_down(struct actr__signaling *s)
{
	struct relay_queue *queue = &s->queue;
	uint64_t now = actr__loop_now_ms(s->loop);

	if (now >= queue->paced_until_ms)
		queue->pause_ms = PAUSE_FIRST_MS;
	else if (queue->pause_ms < PAUSE_MAX_MS)
		queue->pause_ms *= 2;
	queue->paced_until_ms = now + PACED_FOR_MS;
	/* Without memory for the timer the pace remains, only the pause is lost. */
	(void)actr__timer_set(s->loop, &queue->timer, queue->pause_ms);
	s->stats.limited++;
}

int actr__signaling_relay(struct actr__signaling *s, const actr_id *to,
			  const struct actr__signal *signal, actr_error *err)
{
	uint64_t number;

	ACTR_TRY(signaling_check_ready(s, err));
	ACTR_TRY(signaling_encode_relay(s, to, signal, &number, err));
	remember(&s->sent_relays, number, to);
	if (is_paced(s))
		return enqueue(s, err);
	return signaling_send_bytes(s, actr__bytes(s->out.data, s->out.size), err);
}

void signaling_relays_init(struct actr__signaling *s)
{
	actr__list_init(&s->queue.waiting);
	actr__timer_init(&s->queue.timer, on_due);
}

void signaling_relays_clear(struct actr__signaling *s)
{
	struct queued *queued;

	while ((queued = pop(&s->queue)))
		actr__free(queued);
	actr__timer_stop(s->loop, &s->queue.timer);
	s->queue.paced_until_ms = 0;
	if (s->sent_relays.ring)
		memset(s->sent_relays.ring, 0, REMEMBERED * sizeof *s->sent_relays.ring);
}

void signaling_relays_done(struct actr__signaling *s)
{
	signaling_relays_clear(s);
	actr__free(s->sent_relays.ring);
	s->sent_relays.ring = NULL;
}
