#include "dispatch/serial_internal.h"

#define BATCH 64

static void serial_job(struct worker_job *job);

int serial_init(struct serial *s, struct actr__endpoint *ep, void (*on_free)(struct serial *))
{
	memset(s, 0, sizeof *s);
	s->endpoint = ep;
	s->on_free = on_free;
	s->refs = 1;
	s->job.run = serial_job;
	actr__list_init(&s->items);
	if (pthread_mutex_init(&s->lock, NULL))
		return ACTR_E_NOMEM;
	if (pthread_cond_init(&s->quiet, NULL)) {
		pthread_mutex_destroy(&s->lock);
		return ACTR_E_NOMEM;
	}
	return 0;
}

/* Unlocks. */
static void drop_ref(struct serial *s)
{
	bool last = --s->refs == 0;

	pthread_mutex_unlock(&s->lock);
	if (!last)
		return;
	pthread_cond_destroy(&s->quiet);
	pthread_mutex_destroy(&s->lock);
	s->on_free(s);
}

void serial_ref(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	s->refs++;
	pthread_mutex_unlock(&s->lock);
}

void serial_unref(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	drop_ref(s);
}

/* Lock. */
static void begin(struct serial *s)
{
	s->running = true;
	s->runner = pthread_self();
}

/* Lock. */
static void end(struct serial *s)
{
	s->running = false;
	pthread_cond_broadcast(&s->quiet);
}

/* Lock, which is released around each. Whether there is more. */
static bool run_some(struct serial *s)
{
	struct actr__list *link;

	for (int i = 0; i < BATCH && (link = actr__list_pop(&s->items)); i++) {
		struct serial_item *item = container_of(link, struct serial_item, link);

		s->count--;
		s->cost -= item->cost;
		begin(s);
		pthread_mutex_unlock(&s->lock);
		item->run(item);
		pthread_mutex_lock(&s->lock);
		end(s);
	}
	return !actr__list_empty(&s->items);
}

static void serial_job(struct worker_job *job)
{
	struct serial *s = container_of(job, struct serial, job);
	struct actr__endpoint *ep;

	pthread_mutex_lock(&s->lock);
	if (run_some(s)) {
		pthread_mutex_unlock(&s->lock);
		worker_post(worker_current(), job);
		return;
	}
	s->scheduled = false;
	ep = s->endpoint;
	drop_ref(s);
	media_job_ended(ep);
}

static struct worker *worker_of(const struct serial *s)
{
	return s->endpoint->local ? s->endpoint->local->worker : NULL;
}

/* Lock, which is released. */
static void schedule(struct serial *s)
{
	if (s->scheduled || s->running) {
		pthread_mutex_unlock(&s->lock);
		return;
	}
	s->refs++;
	if (worker_of(s)) {
		s->scheduled = true;
		pthread_mutex_unlock(&s->lock);
		media_job_begins(s->endpoint);
		worker_post(worker_of(s), &s->job);
		return;
	}
	while (run_some(s))
		;
	drop_ref(s);
}

int serial_push(struct serial *s, struct serial_item *item)
{
	pthread_mutex_lock(&s->lock);
	if (s->dead || (s->max_count && s->count >= s->max_count) ||
	    (s->max_cost && s->cost + item->cost > s->max_cost)) {
		bool dead = s->dead;

		pthread_mutex_unlock(&s->lock);
		return dead ? ACTR_E_CANCELLED : ACTR_E_RESOURCE_EXHAUSTED;
	}
	s->count++;
	s->cost += item->cost;
	actr__list_push(&s->items, &item->link);
	schedule(s);
	return 0;
}

int serial_try(struct serial *s, void (*fn)(void *), void *user)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = s->dead ? ACTR_E_CANCELLED : !worker_of(s) && !s->running && !s->count;
	if (rc <= 0) {
		pthread_mutex_unlock(&s->lock);
		return rc;
	}
	s->refs++;
	begin(s);
	pthread_mutex_unlock(&s->lock);
	fn(user);
	pthread_mutex_lock(&s->lock);
	end(s);
	while (run_some(s)) /* what it queued */
		;
	drop_ref(s);
	return 1;
}

void serial_close(struct serial *s)
{
	struct actr__list items, *link;

	actr__list_init(&items);
	pthread_mutex_lock(&s->lock);
	s->dead = true;
	s->count = s->cost = 0;
	actr__list_splice(&items, &s->items);
	pthread_mutex_unlock(&s->lock);
	while ((link = actr__list_pop(&items))) {
		struct serial_item *item = container_of(link, struct serial_item, link);

		item->drop(item);
	}
	pthread_mutex_lock(&s->lock);
	while (s->running && !pthread_equal(s->runner, pthread_self()) &&
	       !actr__loop_is_current(s->endpoint->loop))
		pthread_cond_wait(&s->quiet, &s->lock);
	drop_ref(s);
}
