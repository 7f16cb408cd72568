/*
 * Our own tracks on the loop: each belongs to one peer and outlives its connections.
 *
 *	wanting -> negotiating -> active
 *	   ^  (no connection yet, or it was lost: tried again by itself)
 *
 * A track joins whatever connection there is with its peer, dialling one when there is none, after
 *a pause that doubles; so it survives a restart of either side.
 */
#include "dispatch/track_internal.h"

#define RETRY_FIRST_MS 250
#define RETRY_MAX_MS   5000

struct event_item {
	struct serial_item base;
	struct listener *listener;
	actr_track *track; /* referenced */
	actr_track_event event;
	actr_error why;
};

/* --- events (loop) --- */

static void event_free(struct event_item *item)
{
	actr_track *track = item->track;

	actr__free(item);
	track_unref(track);
}

static void event_drop(struct serial_item *base)
{
	event_free(container_of(base, struct event_item, base));
}

static void event_run(struct serial_item *base)
{
	struct event_item *item = container_of(base, struct event_item, base);

	item->listener->on_event(item->listener->user, item->track, &item->event);
	event_free(item);
}

static void tell(actr_track *t, const actr_track_event *event)
{
	struct event_item *item;

	if (!t->events)
		return;
	item = actr__new0(struct event_item);
	if (!item) {
		ACTR_WARN(3, "internal", "what=track_event_lost cause=\"out of memory\"");
		return;
	}
	item->base.run = event_run;
	item->base.drop = event_drop;
	item->listener = container_of(t->events, struct listener, serial);
	item->track = track_ref(t);
	item->event = *event;
	item->event.size = sizeof item->event;
	if (event->why) {
		item->why = *event->why;
		item->event.why = &item->why;
	}
	if (serial_push(t->events, &item->base) < 0)
		event_free(item);
}

/* --- states (loop) --- */

static void set_state(actr_track *t, enum track_state state, const actr_error *why)
{
	pthread_mutex_lock(&t->lock);
	t->state = state;
	t->stats.is_active = state == TRACK_ACTIVE;
	if (why)
		t->why = *why;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

static void become_active(actr_track *t)
{
	actr_track_event event = {.kind = ACTR_TRACK_ACTIVE};

	if (t->state == TRACK_ACTIVE)
		return;
	t->failures = 0;
	t->told_inactive = false;
	set_state(t, TRACK_ACTIVE, NULL);
	tell(t, &event);
}

/* Told once until it is active again. */
static void become_inactive(actr_track *t, enum track_state state, const actr_error *why)
{
	actr_track_event event = {.kind = ACTR_TRACK_INACTIVE, .why = why};

	set_state(t, state, why);
	if (!t->told_inactive)
		tell(t, &event);
	t->told_inactive = true;
}

static void retry_later(actr_track *t)
{
	uint64_t ms = RETRY_FIRST_MS;

	for (unsigned i = 0; i < t->failures && ms < RETRY_MAX_MS; i++)
		ms *= 2;
	t->failures++;
	if (ms > RETRY_MAX_MS)
		ms = RETRY_MAX_MS;
	ms = ms / 2 + actr__random_below((uint32_t)ms / 2 + 1);
	if (actr__timer_set(track_endpoint(t)->loop, &t->retry, ms) < 0)
		ACTR_WARN(5, "internal", "what=track_not_retried cause=\"out of memory\"");
}

/* Join the connection with the peer, or begin one. */
static void try_add(actr_track *t)
{
	struct actr__endpoint *ep = track_endpoint(t);
	struct actr__track_spec spec = {
		.track_id = t->id, .stream_id = t->stream_id, .codec = t->codec};
	actr_error err = ACTR_ERROR_INIT;
	int rc;

	if (t->wire_track || t->trying || t->state == TRACK_ENDED)
		return;
	actr__timer_stop(ep->loop, &t->retry);
	t->trying = true; /* dialling says so, which leads here */
	rc = ep->gate ? actr__gate_add_track(ep->gate, &t->peer, &spec, t, &t->wire_track, &err)
		      : ACTR_FAIL(&err, ACTR_E_UNAVAILABLE, "the node is not connected");
	t->trying = false;
	if (rc == 0) {
		set_state(t, TRACK_NEGOTIATING, NULL);
		return;
	}
	become_inactive(t, TRACK_WANTING, &err);
	retry_later(t);
}

void track_on_retry(struct actr__timer *timer)
{
	try_add(container_of(timer, actr_track, retry));
}

static void add_counters(struct actr__track_counters *sum, const struct actr__track_counters *more)
{
	sum->samples_sent += more->samples_sent;
	sum->bytes_sent += more->bytes_sent;
	sum->packets_sent += more->packets_sent;
	sum->packets_resent += more->packets_resent;
	sum->key_frames_asked += more->key_frames_asked;
}

void track_publish(actr_track *t)
{
	struct actr__track_counters now = t->past, present;
	struct actr__endpoint *ep = track_endpoint(t);

	if (t->wire_track && ep->gate) {
		actr__gate_track_counters(ep->gate, &t->peer, t->wire_track, &present);
		add_counters(&now, &present);
	}
	pthread_mutex_lock(&t->lock);
	t->stats.samples_sent = now.samples_sent;
	t->stats.bytes_sent = now.bytes_sent;
	t->stats.packets_sent = now.packets_sent;
	t->stats.packets_resent = now.packets_resent;
	t->stats.key_frames_asked = now.key_frames_asked;
	pthread_mutex_unlock(&t->lock);
}

/* What the connection counted is gone with it: keep what was published last. */
static void keep_counters(actr_track *t)
{
	pthread_mutex_lock(&t->lock);
	t->past = (struct actr__track_counters){
		.samples_sent = t->stats.samples_sent,
		.bytes_sent = t->stats.bytes_sent,
		.packets_sent = t->stats.packets_sent,
		.packets_resent = t->stats.packets_resent,
		.key_frames_asked = t->stats.key_frames_asked,
	};
	pthread_mutex_unlock(&t->lock);
}

void track_begin(actr_track *t)
{
	if (t->state == TRACK_ENDED)
		return;
	if (t->dest_kind == ACTR_DEST_ACTOR)
		try_add(t);
	else
		become_active(t);
}

void track_end(actr_track *t, const actr_error *why)
{
	struct actr__endpoint *ep = track_endpoint(t);

	actr__timer_stop(ep->loop, &t->retry);
	track_publish(t);
	if (t->wire_track && ep->gate)
		actr__gate_remove_track(ep->gate, &t->peer, t->wire_track);
	t->wire_track = NULL;
	if (t->state != TRACK_ENDED)
		become_inactive(t, TRACK_ENDED, why);
}

/* --- from the transport (loop) --- */

static void on_report(actr_track *t, const struct actr__track_event *news)
{
	actr_track_event event = {.kind = ACTR_TRACK_REPORT,
				  .lost_per_1000 = news->lost_per_1000,
				  .jitter_us = news->jitter_us,
				  .rtt_us = news->rtt_us};

	pthread_mutex_lock(&t->lock);
	t->stats.lost_per_1000 = news->lost_per_1000;
	t->stats.jitter_us = news->jitter_us;
	t->stats.rtt_us = news->rtt_us;
	pthread_mutex_unlock(&t->lock);
	track_publish(t);
	tell(t, &event);
}

void actr__media_news(struct actr__endpoint *ep, const struct actr__track_event *news)
{
	actr_track_event key_frame = {.kind = ACTR_TRACK_KEY_FRAME};
	actr_track *t = news->user;

	(void)ep;
	if (!news->track || !t || t->wire_track != news->track)
		return; /* the peer's own: samples say enough */
	switch (news->news) {
	case ACTR__TRACK_ACTIVE:
		become_active(t);
		break;
	case ACTR__TRACK_REFUSED:
		become_inactive(t, TRACK_NEGOTIATING, news->why);
		break;
	case ACTR__TRACK_KEY_FRAME:
		track_publish(t);
		tell(t, &key_frame);
		break;
	case ACTR__TRACK_REPORT:
		on_report(t, news);
		break;
	default:
		break;
	}
}

/* The next track to this peer behind `at`; referenced. The list may change between two. */
static actr_track *next_of(struct actr__media *media, const actr_id *id, size_t *at)
{
	actr_track *found = NULL;
	size_t i = 0;

	pthread_mutex_lock(&media->lock);
	actr__list_each(link, &media->tracks)
	{
		actr_track *t = container_of(link, actr_track, link);

		if (i++ < *at || found)
			continue;
		*at = i;
		if (!id || (t->dest_kind == ACTR_DEST_ACTOR && actr__id_same(&t->peer, id)))
			found = track_ref(t);
	}
	pthread_mutex_unlock(&media->lock);
	return found;
}

void actr__media_peer_up(struct actr__endpoint *ep, const actr_id *id)
{
	actr_track *t;
	size_t at = 0;

	while ((t = next_of(&ep->media, id, &at))) {
		try_add(t);
		track_unref(t);
	}
}

void actr__media_lost(struct actr__endpoint *ep, const actr_id *id, const actr_error *why)
{
	actr_track *t;
	size_t at = 0;

	while ((t = next_of(&ep->media, id, &at))) {
		if (t->wire_track) {
			keep_counters(t);
			t->wire_track = NULL;
			become_inactive(t, TRACK_WANTING, why);
			retry_later(t);
		}
		track_unref(t);
	}
}

/* The node ends: the tracks stay the user's, but nothing leaves on them any more. */
void tracks_close(struct actr__endpoint *ep, const actr_error *why)
{
	actr_track *t;
	size_t at = 0;

	while ((t = next_of(&ep->media, NULL, &at))) {
		track_end(t, why);
		at = 0;
		if (track_unlist(t))
			track_unref(t);
		track_unref(t);
	}
}
