/*
 * Tracks of peers: which callback gets which sample.
 *
 * A sink is a registered track id with its callbacks in a serial. Samples come in on the loop. When
 * the executor is the loop and nothing waits, the callback gets the wire's own memory; otherwise a
 * copy waits, within the sink's bounds: past them the newest is dropped, since media is not waited
 * for. The lock covers the table; no callback is called with it.
 */
#include "dispatch/media_internal.h"

#define MAX_SINKS   65536
#define MAX_SAMPLES 64
#define MAX_BYTES   (8u * 1024 * 1024)
#define ITEM_COST   256 /* of a waiting sample, besides its bytes */

struct sink {
	struct actr__map_node node; /* lock: in sinks until its serial is closed */
	struct serial serial;
	actr_sample_fn on_sample;
	void *user;
	char id[ACTR_TRACK_ID_MAX + 1];
};

struct sample_item {
	struct serial_item base;
	struct sink *sink;
	actr_sample sample;
	bool has_sender;
	actr_id sender;
	uint8_t data[];
};

/* --- names --- */

int media_check_track_id(const char *id, actr_error *err)
{
	static const char others[] = "!#$%&'*+-.^_`{|}~"; /* RFC 8866 9: token-char */
	size_t size = id ? strlen(id) : 0;
	bool good = size && size <= ACTR_TRACK_ID_MAX;

	for (size_t i = 0; good && i < size; i++)
		good = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'A' && id[i] <= 'Z') ||
		       (id[i] >= 'a' && id[i] <= 'z') || strchr(others, id[i]);
	if (good)
		return 0;
	return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
			 "a track id is 1 to %u letters, digits or of %s", ACTR_TRACK_ID_MAX,
			 others);
}

bool media_codec_known(actr_codec codec)
{
	return codec == ACTR_CODEC_VP8 || codec == ACTR_CODEC_H264 || codec == ACTR_CODEC_OPUS;
}

/* --- sinks --- */

static bool match_id(const struct actr__map_node *node, const void *id)
{
	return !strcmp(container_of(node, struct sink, node)->id, id);
}

/* Lock. */
static struct sink *find(struct actr__media *media, const char *id)
{
	struct actr__map_node *node =
		actr__map_find(&media->sinks, actr__hash(id, strlen(id)), match_id, id);

	return node ? container_of(node, struct sink, node) : NULL;
}

static void sink_free(struct serial *serial)
{
	actr__free(container_of(serial, struct sink, serial));
}

static struct sink *sink_new(struct actr__endpoint *ep, const char *id,
			     const actr_media_options *options, actr_sample_fn on_sample,
			     void *user)
{
	struct sink *sink = actr__new0(struct sink);

	if (!sink || serial_init(&sink->serial, ep, sink_free) < 0) {
		actr__free(sink);
		return NULL;
	}
	sink->on_sample = on_sample;
	sink->user = user;
	sink->serial.max_count =
		options && options->max_samples ? options->max_samples : MAX_SAMPLES;
	sink->serial.max_cost = options && options->max_bytes ? options->max_bytes : MAX_BYTES;
	(void)actr__copy_text(sink->id, sizeof sink->id, actr__text(id));
	return sink;
}

/* The peers hear it once: from then on offers ask for media. */
static void on_want(struct actr__task *task)
{
	struct actr__media *media = container_of(task, struct actr__media, want_task);
	struct actr__endpoint *ep = container_of(media, struct actr__endpoint, media);

	media->wanted = true;
	if (ep->gate)
		actr__gate_want_media(ep->gate);
}

void actr__media_ready(struct actr__endpoint *ep)
{
	if (ep->media.wanted)
		actr__gate_want_media(ep->gate);
}

int actr_media_register(actr_ref *ref, const char *track_id, const actr_media_options *options,
			actr_sample_fn on_sample, void *user, actr_error *err)
{
	struct actr__media *media = ref ? &ref->endpoint->media : NULL;
	struct sink *sink, *old;
	int rc;

	if (!ref || !on_sample)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "media needs a ref and a callback");
	ACTR_TRY(media_check_track_id(track_id, err));
	sink = sink_new(ref->endpoint, track_id, options, on_sample, user);
	if (!sink)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot register a track");
	pthread_mutex_lock(&media->lock);
	old = find(media, track_id);
	rc = media->closed ? ACTR_E_UNAVAILABLE
			   : actr__map_insert(&media->sinks, &sink->node,
					      actr__hash(track_id, strlen(track_id)));
	if (rc == 0 && old)
		actr__map_remove(&media->sinks, &old->node);
	pthread_mutex_unlock(&media->lock);
	if (rc < 0) {
		serial_close(&sink->serial);
		return ACTR_FAIL(err, rc, "cannot register a track: %s",
				 rc == ACTR_E_UNAVAILABLE ? "the node is shutting down"
							  : actr_error_text(rc));
	}
	if (old)
		serial_close(&old->serial);
	if (!atomic_exchange(&media->want_posted, true)) {
		media->want_task.run = on_want;
		actr__loop_post(ref->endpoint->loop, &media->want_task);
	}
	return 0;
}

int actr_media_unregister(actr_ref *ref, const char *track_id, actr_error *err)
{
	struct actr__media *media = ref ? &ref->endpoint->media : NULL;
	struct sink *sink;

	if (!ref)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "media needs a ref");
	ACTR_TRY(media_check_track_id(track_id, err));
	pthread_mutex_lock(&media->lock);
	sink = find(media, track_id);
	if (sink)
		actr__map_remove(&media->sinks, &sink->node);
	pthread_mutex_unlock(&media->lock);
	if (!sink)
		return ACTR_FAIL(err, ACTR_E_NOT_FOUND, "this track is not registered");
	serial_close(&sink->serial);
	return 0;
}

/* --- samples (loop) --- */

struct borrowed {
	struct sink *sink;
	const actr_sample *sample;
	const actr_id *sender;
};

static void run_borrowed(void *user)
{
	struct borrowed *b = user;

	b->sink->on_sample(b->sink->user, b->sample, b->sender);
}

static void item_drop(struct serial_item *base)
{
	actr__free(container_of(base, struct sample_item, base));
}

static void item_run(struct serial_item *base)
{
	struct sample_item *item = container_of(base, struct sample_item, base);
	struct sink *sink = item->sink;

	sink->on_sample(sink->user, &item->sample, item->has_sender ? &item->sender : NULL);
	media_count(&sink->serial.endpoint->media.delivered, 1);
	actr__free(item);
}

static int push_copy(struct sink *sink, const actr_id *from, const actr_sample *sample)
{
	struct sample_item *item = actr__alloc(sizeof *item + sample->data.size);
	int rc;

	if (!item)
		return ACTR_E_NOMEM;
	item->base = (struct serial_item){
		.cost = sample->data.size + ITEM_COST, .run = item_run, .drop = item_drop};
	item->sink = sink;
	item->sample = *sample;
	item->sample.track_id = sink->id;
	item->sample.data = actr__bytes(item->data, sample->data.size);
	item->has_sender = from != NULL;
	if (from)
		item->sender = *from;
	memcpy(item->data, sample->data.data, sample->data.size);
	rc = serial_push(&sink->serial, &item->base);
	if (rc < 0)
		actr__free(item);
	return rc;
}

void actr__media_receive(struct actr__endpoint *ep, const actr_id *from, const actr_sample *sample)
{
	struct actr__media *media = &ep->media;
	struct borrowed borrowed = {.sample = sample, .sender = from};
	int rc = ACTR_E_NOT_FOUND;
	struct sink *sink;

	media_count(&media->received, 1);
	media_count(&media->lost_packets, sample->lost_packets);
	pthread_mutex_lock(&media->lock);
	sink = find(media, sample->track_id);
	if (sink)
		serial_ref(&sink->serial);
	pthread_mutex_unlock(&media->lock);
	if (!sink) {
		media_count(&media->unknown, 1);
		return;
	}
	borrowed.sink = sink;
	rc = serial_try(&sink->serial, run_borrowed, &borrowed);
	if (rc > 0)
		media_count(&media->delivered, 1);
	else if (rc == 0)
		rc = push_copy(sink, from, sample);
	if (rc < 0)
		media_count(&media->dropped, 1);
	serial_unref(&sink->serial);
}

void actr__media_refuse(struct actr__endpoint *ep)
{
	media_count(&ep->media.refused, 1);
}

void actr_media_get_stats(actr_ref *ref, actr_media_stats *ret)
{
	struct actr__media *m = &ref->endpoint->media;
	actr_media_stats stats = {
		.size = ret->size,
		.received = atomic_load(&m->received),
		.delivered = atomic_load(&m->delivered),
		.unknown = atomic_load(&m->unknown),
		.dropped = atomic_load(&m->dropped),
		.refused = atomic_load(&m->refused),
		.lost_packets = atomic_load(&m->lost_packets),
		.key_frames_requested = atomic_load(&m->key_frames_requested),
		.sent = atomic_load(&m->sent),
		.send_dropped = atomic_load(&m->send_dropped),
	};

	memcpy(ret, &stats, ret->size < sizeof stats ? ret->size : sizeof stats);
}

/* --- asking for a key frame --- */

struct asking {
	actr_id sender;
	char track_id[ACTR_TRACK_ID_MAX + 1];
};

static void ask(actr_call *call, void *result)
{
	struct asking *asking = result;
	struct actr__endpoint *ep = call->ref->endpoint;
	actr_error err = ACTR_ERROR_INIT;
	int rc = ACTR_FAIL(&err, ACTR_E_UNAVAILABLE, "the node is not connected");

	if (ep->gate)
		rc = actr__gate_request_key_frame(ep->gate, &asking->sender, asking->track_id,
						  &err);
	if (rc == 0)
		media_count(&ep->media.key_frames_requested, 1);
	actr__call_finish(call, rc, &err);
}

int actr_media_request_key_frame(actr_ref *ref, const actr_id *sender, const char *track_id,
				 actr_error *err)
{
	struct asking *asking;
	actr_call *call;
	void *result;

	if (!ref || !sender)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "whose key frame?");
	ACTR_TRY(media_check_track_id(track_id, err));
	ACTR_TRY(actr__call_new_operation(ref, 0, sizeof *asking, &call, &result, err));
	asking = result;
	asking->sender = *sender;
	(void)actr__copy_text(asking->track_id, sizeof asking->track_id, actr__text(track_id));
	actr__call_start_operation(call, ask, NULL, NULL, NULL);
	actr_call_unref(call);
	return 0;
}

/* --- life --- */

int actr__media_init(struct actr__media *media, actr_error *err)
{
	if (pthread_mutex_init(&media->lock, NULL))
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a lock");
	actr__map_init(&media->sinks, MAX_SINKS);
	actr__list_init(&media->tracks);
	return 0;
}

void actr__media_done(struct actr__media *media)
{
	actr__map_done(&media->sinks);
	pthread_mutex_destroy(&media->lock);
}

static struct sink *take_any(struct actr__media *media)
{
	struct actr__map_node *node;

	pthread_mutex_lock(&media->lock);
	media->closed = true;
	node = actr__map_any(&media->sinks);
	if (node)
		actr__map_remove(&media->sinks, node);
	pthread_mutex_unlock(&media->lock);
	return node ? container_of(node, struct sink, node) : NULL;
}

void actr__media_close(struct actr__endpoint *ep, const actr_error *why)
{
	struct sink *sink;

	while ((sink = take_any(&ep->media)))
		serial_close(&sink->serial);
	tracks_close(ep, why);
}

/* --- what the end of the workload waits for --- */

static void on_idle_posted(struct actr__task *task)
{
	struct actr__media *media = container_of(task, struct actr__media, idle_task);
	struct actr__endpoint *ep = container_of(media, struct actr__endpoint, media);

	pthread_mutex_lock(&media->lock);
	media->idle_posted = false;
	pthread_mutex_unlock(&media->lock);
	if (ep->local)
		actr__dispatcher_wake(ep->local);
}

void media_job_begins(struct actr__endpoint *ep)
{
	pthread_mutex_lock(&ep->media.lock);
	ep->media.jobs++;
	pthread_mutex_unlock(&ep->media.lock);
}

void media_job_ended(struct actr__endpoint *ep)
{
	struct actr__media *media = &ep->media;

	pthread_mutex_lock(&media->lock);
	if (--media->jobs == 0 && media->closed && !media->idle_posted) {
		media->idle_posted = true;
		media->idle_task.run = on_idle_posted;
		actr__loop_post(ep->loop, &media->idle_task);
	}
	pthread_mutex_unlock(&media->lock);
}

bool actr__media_busy(struct actr__endpoint *ep)
{
	bool busy;

	pthread_mutex_lock(&ep->media.lock);
	busy = ep->media.jobs || ep->media.idle_posted;
	pthread_mutex_unlock(&ep->media.lock);
	return busy;
}
