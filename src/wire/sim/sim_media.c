/*
 * Tracks of simulated wires: negotiated one latency after they were added or the wire was opened;
 * samples arrive whole, one latency later, in order.
 */
#include "wire/sim/sim_internal.h"

struct actr__wire_track {
	struct actr__list link; /* the wire's */
	struct sim_wire *wire;
	struct actr__timer timer; /* until it is negotiated */
	void *user;
	actr_codec codec;
	bool is_active;
	struct actr__track_counters counters;
	char id[ACTR_TRACK_ID_MAX + 1];
};

struct sim_sample {
	struct actr__list link; /* the receiving wire's */
	struct sim_wire *wire;
	struct actr__timer timer;
	actr_sample sample;
	char track_id[ACTR_TRACK_ID_MAX + 1];
	uint8_t data[];
};

static struct sim_wire *self_of(struct actr__wire *wire)
{
	return container_of(wire, struct sim_wire, base);
}

static void tell(struct sim_wire *w, struct actr__track_event *event)
{
	if (w->base.events->on_track)
		w->base.events->on_track(w->base.owner, &w->base, event);
}

static void tell_remote(struct actr__wire_track *track, enum actr__track_news news)
{
	struct actr__track_event event = {
		.news = news, .track_id = track->id, .codec = track->codec};

	if (track->wire->other)
		tell(track->wire->other, &event);
}

static void on_negotiated(struct actr__timer *timer)
{
	struct actr__wire_track *track = container_of(timer, struct actr__wire_track, timer);
	struct actr__track_event event = {.news = ACTR__TRACK_ACTIVE,
					  .track = track,
					  .user = track->user,
					  .track_id = track->id,
					  .codec = track->codec};
	actr_error why = ACTR_ERROR_INIT;

	if (track->wire->net->refuses_tracks) {
		ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "the simulated peer takes no track");
		event.news = ACTR__TRACK_REFUSED;
		event.why = &why;
	} else {
		track->is_active = true;
		tell_remote(track, ACTR__TRACK_REMOTE_ADDED);
	}
	tell(track->wire, &event);
}

static int negotiate(struct actr__wire_track *track)
{
	return actr__timer_set(track->wire->net->loop, &track->timer, track->wire->net->latency_ms);
}

static struct actr__wire_track *find(struct sim_wire *w, const char *id)
{
	actr__list_each(link, &w->tracks)
	{
		struct actr__wire_track *track = container_of(link, struct actr__wire_track, link);

		if (!strcmp(track->id, id))
			return track;
	}
	return NULL;
}

static int add(struct actr__wire *wire, const struct actr__track_spec *spec, void *user,
	       struct actr__wire_track **ret_track, actr_error *err)
{
	struct sim_wire *w = self_of(wire);
	struct actr__wire_track *track;

	if (find(w, spec->track_id))
		return ACTR_FAIL(err, ACTR_E_ALREADY_EXISTS, "there is a track %s", spec->track_id);
	track = actr__new0(struct actr__wire_track);
	if (!track)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a track");
	track->wire = w;
	track->user = user;
	track->codec = spec->codec;
	actr__timer_init(&track->timer, on_negotiated);
	(void)actr__copy_text(track->id, sizeof track->id, actr__text(spec->track_id));
	if (wire->state == ACTR__WIRE_OPEN && negotiate(track) < 0) {
		actr__free(track);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a track");
	}
	actr__list_push(&w->tracks, &track->link);
	*ret_track = track;
	return 0;
}

static void track_free(struct actr__wire_track *track)
{
	actr__timer_stop(track->wire->net->loop, &track->timer);
	actr__list_remove(&track->link);
	actr__free(track);
}

static void remove_track(struct actr__wire_track *track)
{
	if (track->is_active)
		tell_remote(track, ACTR__TRACK_REMOTE_GONE);
	track_free(track);
}

static void sample_free(struct sim_sample *s)
{
	actr__timer_stop(s->wire->net->loop, &s->timer);
	actr__list_remove(&s->link);
	actr__free(s);
}

static void on_sample_due(struct actr__timer *timer)
{
	struct sim_sample *s = container_of(timer, struct sim_sample, timer);
	struct sim_wire *w = s->wire;

	actr__list_remove(&s->link);
	if (w->base.events->on_sample)
		w->base.events->on_sample(w->base.owner, &w->base, &s->sample);
	actr__free(s);
}

static int send_sample(struct actr__wire_track *track, const actr_sample *sample, actr_error *err)
{
	struct sim_wire *to = track->wire->other;
	struct sim_sample *s;

	if (!track->is_active || !to)
		return ACTR_FAIL(err, ACTR_E_STATE, "the track is not active");
	s = actr__alloc(sizeof *s + sample->data.size);
	if (!s)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a sample");
	memset(s, 0, sizeof *s);
	memcpy(s->data, sample->data.data, sample->data.size);
	memcpy(s->track_id, track->id, sizeof s->track_id);
	s->wire = to;
	s->sample = (actr_sample){.size = sizeof s->sample,
				  .data = actr__bytes(s->data, sample->data.size),
				  .timestamp = sample->timestamp,
				  .track_id = s->track_id,
				  .codec = track->codec,
				  .kind = track->codec == ACTR_CODEC_OPUS ? ACTR_MEDIA_AUDIO
									  : ACTR_MEDIA_VIDEO,
				  .is_key_frame = track->codec == ACTR_CODEC_OPUS};
	actr__timer_init(&s->timer, on_sample_due);
	actr__list_push(&to->samples, &s->link);
	if (actr__timer_set(to->net->loop, &s->timer, to->net->latency_ms) < 0) {
		sample_free(s);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a sample");
	}
	track->counters.samples_sent++;
	track->counters.packets_sent++;
	track->counters.bytes_sent += sample->data.size;
	return 0;
}

static void get_counters(const struct actr__wire_track *track, struct actr__track_counters *ret)
{
	*ret = track->counters;
}

static int request_key_frame(struct actr__wire *wire, const char *track_id, actr_error *err)
{
	struct sim_wire *w = self_of(wire);
	struct actr__wire_track *track = w->other ? find(w->other, track_id) : NULL;
	struct actr__track_event event = {.news = ACTR__TRACK_KEY_FRAME, .track = track};

	if (!track || !track->is_active)
		return ACTR_FAIL(err, ACTR_E_NOT_FOUND, "the peer sends no track %s", track_id);
	w->net->key_frame_requests++;
	track->counters.key_frames_asked++;
	event.user = track->user;
	event.track_id = track->id;
	event.codec = track->codec;
	tell(track->wire, &event);
	return 0;
}

static void want(struct actr__wire *wire)
{
	self_of(wire)->net->wants++;
}

const struct actr__media_ops sim_media_ops = {.add = add,
					      .remove = remove_track,
					      .send = send_sample,
					      .counters = get_counters,
					      .request_key_frame = request_key_frame,
					      .want = want};

void sim_media_opened(struct sim_wire *w)
{
	actr__list_each(link, &w->tracks)
	{
		struct actr__wire_track *track = container_of(link, struct actr__wire_track, link);

		if (!track->is_active && !actr__timer_is_set(&track->timer))
			(void)negotiate(track);
	}
}

void sim_media_done(struct sim_wire *w)
{
	while (!actr__list_empty(&w->tracks))
		track_free(container_of(w->tracks.next, struct actr__wire_track, link));
	while (!actr__list_empty(&w->samples))
		sample_free(container_of(w->samples.next, struct sim_sample, link));
}

void actr__sim_tell_tracks(struct actr__sim_net *net, const struct actr__track_event *news)
{
	actr__list_each(link, &net->wires)
	{
		struct sim_wire *w = container_of(link, struct sim_wire, link);

		actr__list_each(at, &w->tracks)
		{
			struct actr__wire_track *track =
				container_of(at, struct actr__wire_track, link);
			struct actr__track_event event = *news;

			event.track = track;
			event.user = track->user;
			event.track_id = track->id;
			event.codec = track->codec;
			if (track->is_active)
				tell(w, &event);
		}
	}
}
