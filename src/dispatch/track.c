/*
 * A track of ours as its user sees it, on any thread: made, waited for, sent on, closed.
 *
 * Samples are copied into a bounded queue under the track's lock, and one task takes the whole
 * queue to the loop. What cannot leave at once is dropped and counted.
 *
 * References: the user's, the list's (until it is closed or the node ends), one for each posted
 * task and each event that waits.
 */
#include "dispatch/track_internal.h"

#include <errno.h>
#include <time.h>

#define MAX_TRACKS 1024
#define MAX_QUEUED 64
#define MAX_BYTES  (8u * 1024 * 1024)

struct queued_sample {
	struct actr__list link;
	size_t size;
	uint32_t timestamp;
	uint8_t data[];
};

static void drop_queue(actr_track *t)
{
	struct actr__list *link;

	while ((link = actr__list_pop(&t->queue)))
		actr__free(container_of(link, struct queued_sample, link));
	t->queued = t->queued_bytes = 0;
}

void track_unref(actr_track *t)
{
	actr_ref *ref = t->ref;

	if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (t->events)
		serial_unref(t->events);
	drop_queue(t);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	actr__free(t);
	actr_ref_unref(ref);
}

actr_track *track_ref(actr_track *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

/* --- sending --- */

static int send_on_loop(actr_track *t, const actr_sample *sample)
{
	struct actr__endpoint *ep = track_endpoint(t);
	actr_sample local;

	if (t->state != TRACK_ACTIVE)
		return ACTR_E_STATE;
	if (t->dest_kind == ACTR_DEST_ACTOR)
		return actr__gate_send_sample(ep->gate, &t->peer, t->wire_track, sample, NULL);
	local = (actr_sample){.size = sizeof local,
			      .data = sample->data,
			      .timestamp = sample->timestamp,
			      .track_id = t->id,
			      .codec = t->codec,
			      .kind = media_kind(t->codec),
			      .is_key_frame = t->codec == ACTR_CODEC_OPUS};
	t->past.samples_sent++;
	t->past.bytes_sent += sample->data.size;
	actr__media_receive(ep, NULL, &local);
	return 0;
}

static void on_send_posted(struct actr__task *task)
{
	actr_track *t = container_of(task, actr_track, send_task);
	struct actr__list queue, *link;
	struct actr__media *media = &track_endpoint(t)->media;
	uint64_t sent = 0, dropped = 0;

	actr__list_init(&queue);
	pthread_mutex_lock(&t->lock);
	actr__list_splice(&queue, &t->queue);
	t->queued = t->queued_bytes = 0;
	t->posted = false;
	pthread_mutex_unlock(&t->lock);
	while ((link = actr__list_pop(&queue))) {
		struct queued_sample *q = container_of(link, struct queued_sample, link);
		actr_sample sample = {.size = sizeof sample,
				      .data = actr__bytes(q->data, q->size),
				      .timestamp = q->timestamp};

		if (send_on_loop(t, &sample) < 0)
			dropped++;
		else
			sent++;
		actr__free(q);
	}
	track_publish(t);
	media_count(&media->sent, sent);
	media_count(&media->send_dropped, dropped);
	if (dropped) {
		pthread_mutex_lock(&t->lock);
		t->stats.samples_dropped += dropped;
		pthread_mutex_unlock(&t->lock);
	}
	track_unref(t);
}

/* Lock. */
static int check_send(actr_track *t, size_t size, actr_error *err)
{
	if (t->state != TRACK_ACTIVE || t->closed)
		return ACTR_FAIL(err, ACTR_E_STATE, "track %s is not active%s%s", t->id,
				 t->why.code ? ": " : "", t->why.code ? t->why.message : "");
	if (t->queued >= MAX_QUEUED || t->queued_bytes + size > MAX_BYTES)
		return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED,
				 "%zu samples of track %s wait already: the sample is dropped",
				 t->queued, t->id);
	return 0;
}

int actr_track_send(actr_track *t, const actr_sample *sample, actr_error *err)
{
	struct queued_sample *q;
	bool post;
	int rc;

	if (!t || !sample || !sample->data.size || !sample->data.data)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "an empty sample cannot be sent");
	if (sample->data.size > ACTR_SAMPLE_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "a sample of %zu bytes, at most %u pass",
				 sample->data.size, ACTR_SAMPLE_MAX);
	q = actr__alloc(sizeof *q + sample->data.size);
	if (!q)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a sample");
	actr__list_init(&q->link);
	q->size = sample->data.size;
	q->timestamp = sample->timestamp;
	memcpy(q->data, sample->data.data, q->size);
	pthread_mutex_lock(&t->lock);
	rc = check_send(t, q->size, err);
	post = rc == 0 && !t->posted;
	if (rc == 0) {
		actr__list_push(&t->queue, &q->link);
		t->queued++;
		t->queued_bytes += q->size;
		t->posted = true;
	} else {
		t->stats.samples_dropped++;
		media_count(&track_endpoint(t)->media.send_dropped, 1);
	}
	pthread_mutex_unlock(&t->lock);
	if (rc < 0)
		actr__free(q);
	if (post) {
		track_ref(t);
		t->send_task.run = on_send_posted;
		actr__loop_post(track_endpoint(t)->loop, &t->send_task);
	}
	return rc;
}

/* --- adding --- */

static void listener_free(struct serial *serial)
{
	actr__free(container_of(serial, struct listener, serial));
}

static int listen_to(actr_track *t, const actr_track_options *options)
{
	struct listener *listener;

	if (!options->on_event)
		return 0;
	listener = actr__new0(struct listener);
	if (!listener || serial_init(&listener->serial, track_endpoint(t), listener_free) < 0) {
		actr__free(listener);
		return ACTR_E_NOMEM;
	}
	listener->on_event = options->on_event;
	listener->user = options->user;
	t->events = &listener->serial;
	serial_ref(t->events); /* ours, besides the one that its close drops */
	return 0;
}

bool track_unlist(actr_track *t)
{
	struct actr__media *media = &track_endpoint(t)->media;
	bool listed;

	pthread_mutex_lock(&media->lock);
	listed = !actr__list_empty(&t->link);
	if (listed) {
		actr__list_remove(&t->link);
		media->track_count--;
	}
	pthread_mutex_unlock(&media->lock);
	return listed;
}

static void on_start_posted(struct actr__task *task)
{
	actr_track *t = container_of(task, actr_track, start_task);

	track_begin(t);
	track_unref(t);
}

static void on_close_posted(struct actr__task *task)
{
	actr_track *t = container_of(task, actr_track, close_task);
	actr_error why = ACTR_ERROR_INIT;

	ACTR_FAIL(&why, ACTR_E_CANCELLED, "the track was closed");
	track_end(t, &why);
	if (track_unlist(t))
		track_unref(t);
	track_unref(t); /* the user's */
}

/* Lock of the media. Closed by its user, though the loop has not seen it yet. */
static bool is_closed(actr_track *t)
{
	bool closed;

	pthread_mutex_lock(&t->lock);
	closed = t->closed;
	pthread_mutex_unlock(&t->lock);
	return closed;
}

static bool same_track(const actr_track *a, const actr_track *b)
{
	if (strcmp(a->id, b->id) != 0 ||
	    (a->dest_kind == ACTR_DEST_ACTOR) != (b->dest_kind == ACTR_DEST_ACTOR))
		return false;
	return a->dest_kind != ACTR_DEST_ACTOR || actr__id_same(&a->peer, &b->peer);
}

static int enlist(actr_track *t, actr_error *err)
{
	struct actr__media *media = &track_endpoint(t)->media;
	int rc = 0;

	pthread_mutex_lock(&media->lock);
	actr__list_each(link, &media->tracks)
	{
		actr_track *other = container_of(link, actr_track, link);

		if (same_track(t, other) && !is_closed(other))
			rc = ACTR_E_ALREADY_EXISTS;
	}
	if (media->closed)
		rc = ACTR_E_UNAVAILABLE;
	else if (rc == 0 && media->track_count >= MAX_TRACKS)
		rc = ACTR_E_RESOURCE_EXHAUSTED;
	if (rc == 0) {
		actr__list_push(&media->tracks, &t->link);
		media->track_count++;
		track_ref(t);
	}
	pthread_mutex_unlock(&media->lock);
	if (rc == 0)
		return 0;
	return ACTR_FAIL(err, rc, "cannot add track %s: %s", t->id,
			 rc == ACTR_E_ALREADY_EXISTS ? "there is one of this id to this actor"
			 : rc == ACTR_E_UNAVAILABLE  ? "the node is shutting down"
						     : "there are too many");
}

static int check_options(const actr_dest *dest, const char *track_id,
			 const actr_track_options *options, actr_error *err)
{
	ACTR_TRY(media_check_track_id(track_id, err));
	if (options->stream_id)
		ACTR_TRY(media_check_track_id(options->stream_id, err));
	if (!media_codec_known(options->codec))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "unknown codec %d", options->codec);
	if (dest->kind == ACTR_DEST_TYPE)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a track goes to one actor: discover it first");
	return 0;
}

static actr_track *track_new(actr_ref *ref, const actr_dest *dest, const char *track_id,
			     const actr_track_options *options)
{
	bool is_audio = options->codec == ACTR_CODEC_OPUS;
	actr_track *t = actr__new0(actr_track);
	pthread_condattr_t attributes;

	if (!t)
		return NULL;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (pthread_mutex_init(&t->lock, NULL) || pthread_cond_init(&t->changed, &attributes)) {
		pthread_condattr_destroy(&attributes);
		actr__free(t);
		return NULL;
	}
	pthread_condattr_destroy(&attributes);
	atomic_init(&t->refs, 1);
	t->ref = actr_ref_ref(ref);
	t->dest_kind = dest->kind;
	t->peer = dest->id;
	t->codec = options->codec;
	actr__list_init(&t->link);
	actr__list_init(&t->queue);
	actr__timer_init(&t->retry, track_on_retry);
	t->start_task.run = on_start_posted;
	t->close_task.run = on_close_posted;
	(void)actr__copy_text(t->id, sizeof t->id, actr__text(track_id));
	(void)actr__copy_text(t->stream_id, sizeof t->stream_id,
			      actr__text(options->stream_id ? options->stream_id
					 : is_audio	    ? "actr-audio"
							    : "actr-video"));
	if (listen_to(t, options) == 0)
		return t;
	track_unref(t);
	return NULL;
}

int actr_track_add(actr_ref *ref, const actr_dest *dest, const char *track_id,
		   const actr_track_options *options, actr_track **ret_track, actr_error *err)
{
	actr_track *t;
	int rc;

	if (!ref || !dest || !options || !ret_track)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a track needs a ref, a destination and options");
	ACTR_TRY(check_options(dest, track_id, options, err));
	t = track_new(ref, dest, track_id, options);
	if (!t)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a track");
	rc = enlist(t, err);
	if (rc < 0) {
		if (t->events)
			serial_close(t->events);
		track_unref(t);
		return rc;
	}
	track_ref(t);
	actr__loop_post(track_endpoint(t)->loop, &t->start_task);
	*ret_track = t;
	return 0;
}

/* --- waiting, reading, closing --- */

static struct timespec after_ms(int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	return until;
}

int actr_track_wait_active(actr_track *t, int64_t timeout_ms, actr_error *err)
{
	struct timespec until = after_ms(timeout_ms > 0 ? timeout_ms : ACTR_CALL_TIMEOUT_MS);
	actr_error why;
	int rc = 0;

	if (actr__loop_is_current(track_endpoint(t)->loop))
		return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK, "the loop thread must not wait");
	pthread_mutex_lock(&t->lock);
	while (t->state != TRACK_ACTIVE && t->state != TRACK_ENDED && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&t->changed, &t->lock, &until);
	rc = t->state == TRACK_ACTIVE ? 0 : t->state == TRACK_ENDED ? t->why.code : ACTR_E_TIMEOUT;
	why = t->why;
	pthread_mutex_unlock(&t->lock);
	if (rc == 0)
		return 0;
	return ACTR_FAIL(err, rc, "track %s is not active%s%s", t->id, why.code ? ": " : "",
			 why.code ? why.message : ", the peer has not answered");
}

void actr_track_get_stats(actr_track *t, actr_track_stats *ret)
{
	actr_track_stats stats;

	pthread_mutex_lock(&t->lock);
	stats = t->stats;
	pthread_mutex_unlock(&t->lock);
	stats.size = ret->size;
	memcpy(ret, &stats, ret->size < sizeof stats ? ret->size : sizeof stats);
}

actr_track *actr_track_close(actr_track *t)
{
	if (!t)
		return NULL;
	pthread_mutex_lock(&t->lock);
	t->closed = true;
	pthread_mutex_unlock(&t->lock);
	if (t->events)
		serial_close(t->events);
	actr__loop_post(track_endpoint(t)->loop, &t->close_task);
	return NULL;
}
