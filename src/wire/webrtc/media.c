/*
 * Tracks of a wire: the owner's side.
 *
 * The plan (media_plan.c) says what is agreed; media_packets.c does it. Whatever changes only marks
 * itself and defers `run`, at the end of the turn: there senders and receivers are made and ended,
 * the owner hears its news, timers run, and packets leave. So nothing is freed while one of its own
 * functions is on the stack, and any number of changes in one turn make one offer.
 *
 * A track is active once it is agreed and the data channels are open. An offer that stays
 * unanswered refuses the tracks that waited for it, and is repeated after a pause that grows.
 */
#include "wire/webrtc/media_internal.h"

#include <stdio.h>

#define ANSWER_TIMEOUT_MS 10000u
#define RETRY_FIRST_MS	  5000u
#define RETRY_MAX_MS	  60000u

static bool is_live(const struct media *media)
{
	return !media->w->is_freed && media->w->wire.state != ACTR__WIRE_CLOSED;
}

static struct wire_webrtc *of(struct actr__wire *wire)
{
	return container_of(wire, struct wire_webrtc, wire);
}

/* --- news --- */

static void emit(struct media *media, const struct actr__track_event *event)
{
	const struct actr__wire_events *events = media->w->wire.events;

	if (is_live(media) && events->on_track)
		events->on_track(media->w->wire.owner, &media->w->wire, event);
}

void actr__media_emit(struct actr__wire_track *track, struct actr__track_event *event)
{
	if (!track->is_told_active)
		return;
	event->track = track;
	event->user = track->user;
	event->track_id = track->track_id;
	event->codec = track->plan.codec;
	emit(track->media, event);
}

static void tell_track(struct actr__wire_track *track)
{
	struct media *media = track->media;
	struct actr__track_event event = {.track = track,
					  .user = track->user,
					  .track_id = track->track_id,
					  .codec = track->plan.codec};
	bool is_active = track->sender != NULL;
	actr_error why = ACTR_ERROR_INIT;

	if (track->is_dead)
		return;
	if (!is_active && track->plan.state == ACTR__PLAN_WAITING && !track->is_told_active)
		return;
	if (!is_active && track->plan.state == ACTR__PLAN_AGREED && !media->has_srtp_failed)
		return; /* not up yet */
	if (track->is_told && track->is_told_active == is_active)
		return;
	track->is_told = true;
	track->is_told_active = is_active;
	event.news = is_active ? ACTR__TRACK_ACTIVE : ACTR__TRACK_REFUSED;
	if (!is_active) {
		(void)ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "%s",
				media->has_srtp_failed ? "there is no SRTP with the peer"
						       : "the peer does not take the track");
		event.why = &why;
	}
	emit(media, &event);
}

static void tell_gone(struct media_remote *r)
{
	struct actr__track_event event = {
		.news = ACTR__TRACK_REMOTE_GONE, .track_id = r->told_id, .codec = r->told_codec};

	r->is_told = false;
	emit(r->media, &event);
}

void actr__media_tell_remote(struct media *media, size_t section)
{
	const struct actr__plan_section *s = &media->plan.sections[section];
	struct media_remote *r = &media->remotes[section];
	struct actr__track_event event = {.news = ACTR__TRACK_REMOTE_ADDED};
	bool is_there = section < media->plan.agreed && s->receives;

	if (r->is_told && (!is_there || strcmp(r->told_id, s->peer_track) != 0))
		tell_gone(r);
	if (r->is_told || !is_there || !is_live(media))
		return;
	r->is_told = true;
	memcpy(r->told_id, s->peer_track, sizeof r->told_id);
	event.track_id = r->told_id;
	event.codec = r->told_codec = s->peer_codec;
	emit(media, &event);
}

/* --- the end of the turn --- */

static void bury(struct media *media)
{
	actr__list_each(link, &media->tracks)
	{
		struct actr__wire_track *track = container_of(link, struct actr__wire_track, link);

		if (!track->is_dead)
			continue;
		actr__media_end_sender(track, true);
		if (media->srtp)
			actr__srtp_forget_sent(media->srtp, track->plan.ssrc);
		actr__list_remove(&track->link);
		actr__free(track);
	}
}

static void on_run(struct actr__deferred *deferred)
{
	struct media *media = container_of(deferred, struct media, run);

	if (!is_live(media))
		return; /* the wire's teardown frees it */
	bury(media);
	actr__media_sync(media);
	actr__list_each(link, &media->tracks)
		tell_track(container_of(link, struct actr__wire_track, link));
	for (size_t i = 0; i < ACTR__SDP_SECTIONS_MAX && is_live(media); i++)
		actr__media_tell_remote(media, i);
	if (is_live(media))
		actr__media_tick(media);
	actr__webrtc_flush(media->w);
}

void actr__media_changed(struct media *media)
{
	actr__loop_defer(media->w->engine->loop, &media->run);
}

void actr__media_on_up(struct media *media)
{
	media->is_up = true;
	actr__media_changed(media);
}

/* --- negotiation --- */

static void ask_for_offer(struct media *media)
{
	actr__loop_defer(media->w->engine->loop, &media->w->tell);
}

bool actr__media_needs_offer(const struct media *media)
{
	return media->is_up && !media->is_paused && actr__plan_needs_offer(&media->plan);
}

void actr__media_on_offered(struct media *media)
{
	/* Without memory for the timer the next change repeats the offer. */
	(void)actr__timer_set(media->w->engine->loop, &media->answer, ANSWER_TIMEOUT_MS);
}

void actr__media_on_answered(struct media *media)
{
	actr__timer_stop(media->w->engine->loop, &media->answer);
	media->is_paused = false;
	media->retry_ms = RETRY_FIRST_MS;
	actr__media_changed(media);
}

void actr__media_on_refused(struct media *media)
{
	actr__timer_stop(media->w->engine->loop, &media->answer);
	actr__plan_roll_back(&media->plan);
	for (size_t i = 0; i < media->plan.track_count; i++)
		if (media->plan.tracks[i]->state == ACTR__PLAN_WAITING)
			media->plan.tracks[i]->state = ACTR__PLAN_REFUSED;
	media->is_paused = true;
	(void)actr__timer_set(media->w->engine->loop, &media->answer, media->retry_ms);
	media->retry_ms = media->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : media->retry_ms * 2;
	actr__media_changed(media);
}

static void on_answer_due(struct actr__timer *timer)
{
	struct media *media = container_of(timer, struct media, answer);

	if (!is_live(media))
		return;
	if (!media->is_paused) {
		if (media->w->is_media_offer) /* else a restart took its place */
			actr__webrtc_give_up_offer(media->w);
		return;
	}
	media->is_paused = false;
	for (size_t i = 0; i < media->plan.track_count; i++)
		if (media->plan.tracks[i]->state == ACTR__PLAN_REFUSED)
			media->plan.tracks[i]->state = ACTR__PLAN_WAITING;
	ask_for_offer(media);
}

/* --- the owner's operations --- */

static bool is_token(const char *text)
{
	size_t size = text ? strlen(text) : 0;

	for (size_t i = 0; i < size; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"(),/:;<=>?@[\\]", text[i]))
			return false;
	return size > 0 && size <= ACTR_TRACK_ID_MAX;
}

static bool has_ssrc(const struct media *media, uint32_t ssrc)
{
	for (size_t i = 0; i < media->plan.track_count; i++)
		if (media->plan.tracks[i]->ssrc == ssrc)
			return true;
	return !ssrc || ssrc == media->local_ssrc;
}

static int init_track(struct actr__wire_track *track, struct media *media,
		      const struct actr__track_spec *spec, void *user, actr_error *err)
{
	track->media = media;
	track->user = user;
	memcpy(track->track_id, spec->track_id, strlen(spec->track_id) + 1);
	memcpy(track->stream_id, spec->stream_id, strlen(spec->stream_id) + 1);
	track->plan = (struct actr__plan_track){
		.track_id = track->track_id, .stream_id = track->stream_id, .codec = spec->codec};
	do {
		if (actr__random(&track->plan.ssrc, sizeof track->plan.ssrc) < 0)
			return ACTR_FAIL(err, ACTR_E_INTERNAL, "no random bytes");
	} while (has_ssrc(media, track->plan.ssrc));
	return actr__plan_add(&media->plan, &track->plan, err);
}

static int add(struct actr__wire *wire, const struct actr__track_spec *spec, void *user,
	       struct actr__wire_track **ret_track, actr_error *err)
{
	struct wire_webrtc *w = of(wire);
	_cleanup_(actr__freep) struct actr__wire_track *track = NULL;

	if (wire->state == ACTR__WIRE_CLOSED)
		return ACTR_FAIL(err, ACTR_E_CLOSED, "the wire is closed");
	if (!is_token(spec->track_id) || !is_token(spec->stream_id))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "track and stream ids are 1 to %u token characters",
				 ACTR_TRACK_ID_MAX);
	if (spec->codec < ACTR_CODEC_VP8 || spec->codec > ACTR_CODEC_OPUS)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "no such codec");
	ACTR_TRY(actr__media_ensure(w, err));
	track = actr__new0(struct actr__wire_track);
	if (!track)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot add a track");
	ACTR_TRY(init_track(track, w->media, spec, user, err));
	actr__list_push(&w->media->tracks, &track->link);
	ask_for_offer(w->media);
	*ret_track = TAKE(track);
	return 0;
}

static void remove_track(struct actr__wire_track *track)
{
	struct media *media = track->media;

	actr__plan_remove(&media->plan, &track->plan);
	track->is_dead = true;
	track->is_told_active = false; /* hears nothing more */
	actr__media_changed(media);
	ask_for_offer(media);
}

static int send_sample(struct actr__wire_track *track, const actr_sample *sample, actr_error *err)
{
	struct wire_webrtc *w = track->media->w;

	if (!track->sender || w->wire.state != ACTR__WIRE_OPEN)
		return ACTR_FAIL(err, ACTR_E_STATE, "the track is not active");
	/* Larger ones would vanish there: webrtc-rs reads packets of at most 1,460 bytes. */
	if (track->mode == ACTR__RTP_RAW && sample->data.size > ACTR_SAMPLE_ORIGINAL_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE,
				 "sample of %zu bytes, the original takes at most %u",
				 sample->data.size, ACTR_SAMPLE_ORIGINAL_MAX);
	return actr__rtp_send(track->sender, sample->data, sample->timestamp,
			      actr__loop_now_ns(w->engine->loop), err);
}

static void counters(const struct actr__wire_track *track, struct actr__track_counters *ret)
{
	struct actr__rtp_sender_stats s = {0};

	*ret = track->past;
	if (track->sender)
		actr__rtp_sender_stats(track->sender, &s);
	ret->samples_sent += s.samples;
	ret->bytes_sent += s.bytes;
	ret->packets_sent += s.packets;
	ret->packets_resent += s.resent;
	ret->key_frames_asked += s.key_frames_asked;
}

static int request_key_frame(struct actr__wire *wire, const char *track_id, actr_error *err)
{
	struct media *media = of(wire)->media;

	for (size_t i = 0; media && i < media->plan.agreed; i++) {
		struct media_remote *r = &media->remotes[i];

		if (!media->plan.sections[i].receives ||
		    strcmp(media->plan.sections[i].peer_track, track_id) != 0)
			continue;
		/* A receiver that has yet to begin asks for one by itself. */
		if (r->receiver)
			actr__rtp_receiver_request_key_frame(
				r->receiver, actr__loop_now_ns(media->w->engine->loop));
		return 0;
	}
	return ACTR_FAIL(err, ACTR_E_NOT_FOUND, "the peer sends no track '%s'", track_id);
}

static void want(struct actr__wire *wire)
{
	struct wire_webrtc *w = of(wire);

	if (wire->state == ACTR__WIRE_CLOSED || (w->media && w->media->plan.wants_video))
		return;
	if (actr__media_ensure(w, NULL) < 0)
		return; /* as if the peer had none */
	w->media->plan.wants_video = true;
	ask_for_offer(w->media);
}

const struct actr__media_ops actr__webrtc_media_ops = {add,	 remove_track,	    send_sample,
						       counters, request_key_frame, want};

/* --- life --- */

static int fill_random(struct media *media)
{
	uint64_t name;

	if (actr__random(&media->local_ssrc, sizeof media->local_ssrc) < 0 ||
	    actr__random(&name, sizeof name) < 0)
		return -1;
	media->local_ssrc |= 1; /* never 0 */
	(void)snprintf(media->plan.cname, sizeof media->plan.cname, "%016llx",
		       (unsigned long long)name);
	return 0;
}

int actr__media_ensure(struct wire_webrtc *w, actr_error *err)
{
	struct media *media;

	if (w->media)
		return 0;
	media = actr__new0(struct media);
	if (!media)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot carry media");
	media->w = w;
	if (fill_random(media) < 0) {
		actr__free(media);
		return ACTR_FAIL(err, ACTR_E_INTERNAL, "no random bytes");
	}
	actr__list_init(&media->tracks);
	actr__deferred_init(&media->run, on_run);
	actr__timer_init(&media->answer, on_answer_due);
	actr__media_init_packets(media);
	media->retry_ms = RETRY_FIRST_MS;
	media->is_up = w->wire.state != ACTR__WIRE_CONNECTING;
	media->plan.takes_samples = w->wire.events->on_sample != NULL;
	/* Without media there was one section only. */
	if (w->knows_peer || w->exchange[0])
		actr__plan_init(&media->plan, w->mid);
	media->plan.peer_is_ours = w->peer_is_ours;
	w->media = media;
	return 0;
}

struct media *actr__media_free(struct media *media)
{
	if (!media)
		return NULL;
	actr__loop_cancel_deferred(&media->run);
	actr__timer_stop(media->w->engine->loop, &media->answer);
	actr__list_each(link, &media->tracks) container_of(link, struct actr__wire_track, link)
		->is_dead = true;
	bury(media);
	for (size_t i = 0; i < ACTR__SDP_SECTIONS_MAX; i++)
		actr__media_end_receiver(&media->remotes[i]);
	actr__timer_stop(media->w->engine->loop, &media->tick);
	actr__loop_cancel_deferred(&media->run); /* the farewells asked for it */
	media->srtp = actr__srtp_free(media->srtp);
	actr__free(media);
	return NULL;
}
