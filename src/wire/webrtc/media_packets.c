/*
 * Packets of media: SRTP around the senders and receivers of wire/rtp.
 *
 * A packet that comes in belongs to a section by its SSRC, when a description or an earlier packet
 * named it; else by its MID, else by its payload type when one section alone uses it (RFC 9143
 * 9.2). Only what SRTP authenticated counts. libsrtp keeps a replay window for each SSRC that the
 * peer ever used; those that no section uses any more are in a ring, and the oldest is forgotten.
 *
 * Toward the original no RTCP leaves: nothing there reads it.
 */
#include "wire/webrtc/media_internal.h"

#define WAITING_BYTES_MAX (16u << 20) /* of all tracks of a peer, for packets that are missing */
#define MID_WRITTEN_MAX	  16u /* bytes; a longer one is not repeated in packets (RFC 8285 4.2) */

static uint32_t read_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t now_ns(const struct media *media)
{
	return actr__loop_now_ns(media->w->engine->loop);
}

/* --- keys --- */

bool actr__media_start_srtp(struct media *media)
{
	struct actr__dtls *dtls = media->w->dtls;
	uint8_t keying[ACTR__SRTP_KEYING_MAX];
	const char *profile;
	actr_error err = ACTR_ERROR_INIT;
	size_t size;

	if (media->srtp || media->has_srtp_failed)
		return media->srtp != NULL;
	if (!dtls || !actr__dtls_is_up(dtls))
		return false;
	profile = actr__dtls_srtp_profile(dtls);
	size = actr__srtp_keying_size(profile);
	media->has_srtp_failed =
		!size || actr__dtls_export_srtp(dtls, keying, size) < 0 ||
		actr__srtp_new(profile, keying, media->w->is_dtls_client, &media->srtp, &err) < 0;
	actr__wipe(keying, sizeof keying);
	if (media->has_srtp_failed)
		ACTR_WARN(5, ACTR__WEBRTC_CATEGORY, "event=no_srtp reason=\"%s\"",
			  size ? err.message : "no profile in common");
	return !media->has_srtp_failed;
}

/* --- out --- */

static void send_packet(struct media *media, enum actr__rtp_mode mode, uint8_t *packet, size_t size,
			bool is_rtcp)
{
	if (is_rtcp && mode == ACTR__RTP_RAW)
		return;
	size = media->srtp ? actr__srtp_protect(media->srtp, packet, size, is_rtcp) : 0;
	if (!size) {
		media->w->dropped++;
		return;
	}
	media->packets_sent++;
	actr__webrtc_append(media->w, packet, size);
	actr__media_changed(media); /* leaves at the end of the turn */
}

static void on_track_packet(void *user, uint8_t *packet, size_t size, bool is_rtcp)
{
	struct actr__wire_track *track = user;

	send_packet(track->media, track->mode, packet, size, is_rtcp);
}

static void on_key_frame(void *user)
{
	struct actr__track_event event = {.news = ACTR__TRACK_KEY_FRAME};

	actr__media_emit(user, &event);
}

static void on_report(void *user, uint32_t lost_per_1000, uint32_t jitter_us, uint32_t rtt_us)
{
	struct actr__track_event event = {.news = ACTR__TRACK_REPORT,
					  .lost_per_1000 = lost_per_1000,
					  .jitter_us = jitter_us,
					  .rtt_us = rtt_us};

	actr__media_emit(user, &event);
}

void actr__media_end_sender(struct actr__wire_track *track, bool says_bye)
{
	struct actr__rtp_sender_stats s;

	if (!track->sender)
		return;
	if (says_bye)
		actr__rtp_sender_bye(track->sender);
	actr__rtp_sender_stats(track->sender, &s);
	track->past.samples_sent += s.samples;
	track->past.bytes_sent += s.bytes;
	track->past.packets_sent += s.packets;
	track->past.packets_resent += s.resent;
	track->past.key_frames_asked += s.key_frames_asked;
	track->has_sent = true;
	track->sequence = actr__rtp_sender_sequence(track->sender);
	track->sender = actr__rtp_sender_free(track->sender);
}

static void begin_sender(struct actr__wire_track *track, const struct actr__plan_section *s,
			 uint8_t payload_type)
{
	struct media *media = track->media;
	struct actr__rtp_sender_options options = {
		.codec = track->plan.codec,
		.mode = media->plan.mode,
		.payload_type = payload_type,
		.ssrc = track->plan.ssrc,
		.continues = track->has_sent,
		.sequence = track->sequence,
		.mid_id = strlen(s->mid) <= MID_WRITTEN_MAX ? (uint8_t)s->mid_extension : 0,
		.mid = s->mid,
		.cname = media->plan.cname,
		.on_packet = on_track_packet,
		.on_key_frame = on_key_frame,
		.on_report = on_report,
		.user = track,
	};

	track->payload_type = payload_type;
	track->mode = media->plan.mode;
	/* Without memory it is refused, and tried again with the next change. */
	if (actr__rtp_sender_new(&options, &track->sender, NULL) < 0)
		track->plan.state = ACTR__PLAN_REFUSED;
}

static void sync_track(struct actr__wire_track *track)
{
	struct media *media = track->media;
	const struct actr__plan_section *s = NULL;
	uint8_t type = 0;

	if (track->is_dead)
		return;
	if (track->plan.state == ACTR__PLAN_AGREED && track->plan.section != ACTR__PLAN_NONE) {
		s = &media->plan.sections[track->plan.section];
		type = s->sends ? s->send_types[track->plan.codec] : 0;
	}
	if (track->sender && (type != track->payload_type || track->mode != media->plan.mode))
		actr__media_end_sender(track, false);
	if (type && !track->sender && media->is_up && actr__media_start_srtp(media))
		begin_sender(track, s, type);
}

/* --- in --- */

static void remember_stream(struct media *media, uint32_t ssrc)
{
	for (size_t i = 0; i < media->stream_count; i++)
		if (media->streams[i] == ssrc)
			return;
	if (media->stream_count < ACTR__MEDIA_STREAMS_MAX) {
		media->streams[media->stream_count++] = ssrc;
		return;
	}
	actr__srtp_forget_received(media->srtp, media->streams[media->stream_next]);
	media->streams[media->stream_next] = ssrc;
	media->stream_next = (media->stream_next + 1) % ACTR__MEDIA_STREAMS_MAX;
}

static void recall_stream(struct media *media, uint32_t ssrc)
{
	for (size_t i = 0; i < media->stream_count; i++) {
		if (media->streams[i] != ssrc)
			continue;
		media->streams[i] = media->streams[--media->stream_count];
		media->stream_next = 0;
		return;
	}
}

void actr__media_end_receiver(struct media_remote *r)
{
	r->receiver = actr__rtp_receiver_free(r->receiver);
}

static void use_ssrc(struct media_remote *r, bool has_ssrc, uint32_t ssrc)
{
	struct media *media = r->media;

	if (r->has_ssrc == has_ssrc && (!has_ssrc || r->ssrc == ssrc))
		return;
	actr__media_end_receiver(r);
	if (r->has_ssrc && media->srtp)
		remember_stream(media, r->ssrc);
	r->has_ssrc = has_ssrc;
	r->ssrc = ssrc;
	if (has_ssrc)
		recall_stream(media, ssrc);
}

static void sync_remote(struct media *media, size_t index)
{
	const struct actr__plan_section *s = &media->plan.sections[index];
	struct media_remote *r = &media->remotes[index];
	bool receives = index < media->plan.agreed && s->receives;

	r->media = media;
	if (!receives) {
		r->has_signalled = false;
		use_ssrc(r, false, 0);
	} else if (s->has_peer_ssrc && (!r->has_signalled || r->signalled != s->peer_ssrc)) {
		r->has_signalled = true;
		r->signalled = s->peer_ssrc;
		use_ssrc(r, true, s->peer_ssrc);
	}
	if (r->receiver && r->mode != media->plan.mode)
		actr__media_end_receiver(r);
}

static size_t index_of(const struct media *media, const struct actr__plan_section *s)
{
	return (size_t)(s - media->plan.sections);
}

static void on_sample(void *user, const actr_sample *sample)
{
	struct media_remote *r = user;
	struct wire_webrtc *w = r->media->w;
	size_t index = (size_t)(r - r->media->remotes);
	actr_sample named = *sample;

	if (w->is_freed || w->wire.state == ACTR__WIRE_CLOSED || !w->wire.events->on_sample)
		return;
	actr__media_tell_remote(r->media, index);
	if (w->is_freed || w->wire.state == ACTR__WIRE_CLOSED)
		return;
	named.track_id = r->media->plan.sections[index].peer_track;
	w->wire.events->on_sample(w->wire.owner, &w->wire, &named);
}

static void on_remote_packet(void *user, uint8_t *packet, size_t size, bool is_rtcp)
{
	struct media_remote *r = user;

	send_packet(r->media, r->mode, packet, size, is_rtcp);
}

static bool begin_receiver(struct media_remote *r, const struct actr__plan_section *s,
			   actr_codec codec)
{
	struct media *media = r->media;
	struct actr__rtp_receiver_options options = {
		.codec = codec,
		.mode = media->plan.mode,
		.ssrc = r->ssrc,
		.local_ssrc = media->local_ssrc,
		.cname = media->plan.cname,
		.nack = s->feedback[codec] & ACTR__SDP_NACK,
		.pli = s->feedback[codec] & ACTR__SDP_PLI,
		.budget = &media->budget,
		.on_sample = on_sample,
		.on_packet = on_remote_packet,
		.user = r,
	};

	if (r->receiver && r->codec == codec)
		return true;
	actr__media_end_receiver(r);
	r->codec = codec;
	r->mode = media->plan.mode;
	return actr__rtp_receiver_new(&options, &r->receiver, NULL) == 0;
}

static struct media_remote *find_remote(struct media *media, uint32_t ssrc)
{
	for (size_t i = 0; i < media->plan.agreed; i++)
		if (media->remotes[i].has_ssrc && media->remotes[i].ssrc == ssrc)
			return &media->remotes[i];
	return NULL;
}

/* The first packet of an SSRC that no description named. */
static struct media_remote *adopt(struct media *media, const struct actr__rtp_header *header)
{
	struct actr__plan_section *s =
		actr__plan_find(&media->plan, header->mid, header->payload_type);
	struct media_remote *r;

	if (!s) {
		remember_stream(media, header->ssrc);
		return NULL;
	}
	r = &media->remotes[index_of(media, s)];
	r->media = media;
	use_ssrc(r, true, header->ssrc);
	return r;
}

static void on_rtp(struct media *media, uint8_t *data, size_t size)
{
	struct actr__rtp_header header;
	struct media_remote *r;
	struct actr__plan_section *s;
	actr_codec codec;

	size = actr__srtp_unprotect(media->srtp, data, size, false);
	if (!size) {
		media->packets_forged++;
		return;
	}
	if (actr__rtp_parse(actr__bytes(data, size), media->plan.mid_extension, &header) < 0) {
		/* Authentic, so SRTP has its stream by now. */
		if (!find_remote(media, read_u32(data + 8)))
			remember_stream(media, read_u32(data + 8));
		media->packets_unknown++;
		return;
	}
	r = find_remote(media, header.ssrc);
	if (!r)
		r = adopt(media, &header);
	s = r ? &media->plan.sections[(size_t)(r - media->remotes)] : NULL;
	codec = s ? actr__plan_codec(s, header.payload_type) : 0;
	if (!codec || !begin_receiver(r, s, codec)) {
		media->packets_unknown++;
		return;
	}
	actr__rtp_receiver_input(r->receiver, &header, now_ns(media));
}

static void on_rtcp(struct media *media, uint8_t *data, size_t size)
{
	uint32_t ssrc = read_u32(data + 4);
	actr_bytes compound;

	size = actr__srtp_unprotect(media->srtp, data, size, true);
	if (!size) {
		media->packets_forged++;
		return;
	}
	if (!find_remote(media, ssrc))
		remember_stream(media, ssrc);
	compound = actr__bytes(data, size);
	actr__list_each(link, &media->tracks)
	{
		struct actr__wire_track *track = container_of(link, struct actr__wire_track, link);

		if (track->sender)
			actr__rtp_sender_input_rtcp(track->sender, compound, now_ns(media),
						    actr__clock_wall_ms());
	}
	for (size_t i = 0; i < media->plan.agreed; i++)
		if (media->remotes[i].receiver)
			actr__rtp_receiver_input_rtcp(media->remotes[i].receiver, compound,
						      now_ns(media));
}

void actr__media_on_datagram(struct media *media, uint8_t *data, size_t size)
{
	if (size < ACTR__RTP_HEADER_SIZE || !actr__media_start_srtp(media)) {
		media->w->dropped++;
		return;
	}
	media->packets_received++;
	if (actr__rtp_is_rtcp(actr__bytes(data, size)))
		on_rtcp(media, data, size);
	else
		on_rtp(media, data, size);
	actr__media_changed(media); /* what it wants to say, and when */
}

/* --- all of them --- */

void actr__media_sync(struct media *media)
{
	actr__list_each(link, &media->tracks)
		sync_track(container_of(link, struct actr__wire_track, link));
	for (size_t i = 0; i < ACTR__SDP_SECTIONS_MAX; i++)
		sync_remote(media, i);
}

void actr__media_tick(struct media *media)
{
	uint64_t next = UINT64_MAX, due;

	actr__list_each(link, &media->tracks)
	{
		struct actr__wire_track *track = container_of(link, struct actr__wire_track, link);

		due = track->sender ? actr__rtp_sender_tick(track->sender, now_ns(media),
							    actr__clock_wall_ms())
				    : UINT64_MAX;
		next = due < next ? due : next;
	}
	for (size_t i = 0; i < media->plan.agreed; i++) {
		struct media_remote *r = &media->remotes[i];

		due = r->receiver ? actr__rtp_receiver_tick(r->receiver, now_ns(media))
				  : UINT64_MAX;
		next = due < next ? due : next;
	}
	/* Without memory for the timer the next packet runs what is due. */
	if (next != UINT64_MAX)
		(void)actr__timer_set_at(media->w->engine->loop, &media->tick, next);
}

static void on_tick(struct actr__timer *timer)
{
	actr__media_changed(container_of(timer, struct media, tick));
}

void actr__media_init_packets(struct media *media)
{
	actr__timer_init(&media->tick, on_tick);
	media->budget.max_bytes = WAITING_BYTES_MAX;
	for (size_t i = 0; i < ACTR__SDP_SECTIONS_MAX; i++)
		media->remotes[i].media = media;
}
