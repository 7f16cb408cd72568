/*
 * Sections and tracks: what we offer, what we answer, what is agreed.
 *
 * A description of ours is always the whole plan: an offer states what we would like, an answer
 * what is agreed with its leaving. An offer in flight changes nothing that is agreed; when it is
 * rolled back (RFC 8829 4.1.10.2) the sections that it added vanish and their tracks wait again.
 *
 * Samples travel in the codec's payload format, but toward the original as they are. The rule that
 * tells them apart, on each description of the peer: our marker (a=x-actr) means a payload format;
 * a stream called actr-video or actr-audio, or media sections without any a=rtcp-fb or a=extmap
 * line, mean the original; all else is a standard endpoint, with a payload format.
 */
#include "wire/webrtc/media_codec_internal.h"

#include <stdio.h>

#define MID_EXTENSION 1u /* in our first offer */
static bool has_codec(const struct actr__plan_section *s)
{
	for (size_t i = 0; i < ACTR__PLAN_CODECS; i++)
		if (s->receive_types[i])
			return true;
	return false;
}

static bool uses_mid(const struct actr__media_plan *plan, const char *mid)
{
	for (size_t i = 0; i < plan->count; i++)
		if (!strcmp(plan->sections[i].mid, mid))
			return true;
	return false;
}

static void add_application(struct actr__media_plan *plan, const char *mid)
{
	struct actr__plan_section *s = &plan->sections[plan->count++];

	s->kind = ACTR__SDP_APPLICATION;
	(void)actr__copy_text(s->mid, sizeof s->mid, actr__text(mid)); /* as long as any mid */
}

void actr__plan_init(struct actr__media_plan *plan, const char *mid)
{
	add_application(plan, mid);
	plan->agreed = plan->count;
}

/* --- our tracks --- */

int actr__plan_add(struct actr__media_plan *plan, struct actr__plan_track *track, actr_error *err)
{
	for (size_t i = 0; i < plan->track_count; i++)
		if (!strcmp(plan->tracks[i]->track_id, track->track_id))
			return ACTR_FAIL(err, ACTR_E_ALREADY_EXISTS,
					 "the connection has a track '%s'", track->track_id);
	if (plan->track_count == ACTR__PLAN_TRACKS_MAX)
		return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED,
				 "the connection has %u tracks already", ACTR__PLAN_TRACKS_MAX);
	track->state = ACTR__PLAN_WAITING;
	track->section = ACTR__PLAN_NONE;
	plan->tracks[plan->track_count++] = track;
	return 0;
}

void actr__plan_remove(struct actr__media_plan *plan, struct actr__plan_track *track)
{
	size_t i = 0;

	while (i < plan->track_count && plan->tracks[i] != track)
		i++;
	if (i == plan->track_count)
		return;
	plan->track_count--;
	memmove(&plan->tracks[i], &plan->tracks[i + 1],
		(plan->track_count - i) * sizeof plan->tracks[0]);
	if (track->section != ACTR__PLAN_NONE)
		plan->sections[track->section].track = NULL;
	track->section = ACTR__PLAN_NONE;
}

static void assign(struct actr__media_plan *plan, struct actr__plan_track *track, size_t index)
{
	track->section = index;
	plan->sections[index].track = track;
}

static bool receives_video(const struct actr__media_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->sections[i].kind == ACTR__SDP_VIDEO && !plan->sections[i].is_refused &&
		    (plan->sections[i].receives || plan->sections[i].offers_receive))
			return true;
	return false;
}

/* A peer of ours adds a section when it has something to send; the original never does. */
static bool lacks_video(const struct actr__media_plan *plan)
{
	return plan->wants_video && !plan->peer_is_ours && !receives_video(plan);
}

bool actr__plan_needs_offer(const struct actr__media_plan *plan)
{
	for (size_t i = 0; i < plan->track_count; i++)
		if (plan->tracks[i]->state == ACTR__PLAN_WAITING)
			return true;
	for (size_t i = 0; i < plan->count; i++)
		if (plan->sections[i].sends && !plan->sections[i].track)
			return true;
	return lacks_video(plan);
}

/* --- offering --- */

static void begin_section(struct actr__media_plan *plan, size_t index, enum actr__sdp_kind kind)
{
	struct actr__plan_section *s = &plan->sections[index];
	unsigned number = (unsigned)index;
	char mid[12], refused[sizeof s->refused];
	bool is_recycled = s->is_refused;

	do
		(void)snprintf(mid, sizeof mid, "%u", number++);
	while (uses_mid(plan, mid));
	memcpy(refused, s->refused, sizeof refused);
	memset(s, 0, sizeof *s);
	memcpy(s->refused, refused, sizeof refused);
	s->is_recycled = is_recycled;
	s->kind = kind;
	memcpy(s->mid, mid, sizeof mid);
	for (size_t i = 0; i < ACTR__KNOWN_CODECS; i++)
		if (actr__known_codecs[i].kind == kind)
			s->receive_types[actr__known_codecs[i].codec] =
				actr__codec_choose_type(plan, &actr__known_codecs[i]);
}

static size_t append_section(struct actr__media_plan *plan, enum actr__sdp_kind kind)
{
	if (plan->count == ACTR__SDP_SECTIONS_MAX)
		return ACTR__PLAN_NONE;
	begin_section(plan, plan->count, kind);
	return plan->count++;
}

/* A free section, a refused one (RFC 8829 5.2.2: with a new mid), or a new one. */
static size_t find_place(struct actr__media_plan *plan, actr_codec codec)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct actr__plan_section *s = &plan->sections[i];

		if (s->kind == actr__codec_kind(codec) && !s->track && !s->is_refused &&
		    s->receive_types[codec])
			return i;
	}
	for (size_t i = 0; i < plan->agreed; i++) {
		if (plan->sections[i].is_refused &&
		    plan->sections[i].kind != ACTR__SDP_APPLICATION) {
			begin_section(plan, i, actr__codec_kind(codec));
			return i;
		}
	}
	return append_section(plan, actr__codec_kind(codec));
}

void actr__plan_make_offer(struct actr__media_plan *plan)
{
	if (!plan->count)
		add_application(plan, "0");
	for (size_t i = 0; i < plan->track_count; i++) {
		struct actr__plan_track *track = plan->tracks[i];
		size_t place = track->section;

		if (place == ACTR__PLAN_NONE)
			place = find_place(plan, track->codec);
		if (place == ACTR__PLAN_NONE)
			track->state = ACTR__PLAN_REFUSED;
		else
			assign(plan, track, place);
	}
	for (size_t i = 0; i < plan->count; i++) {
		struct actr__plan_section *s = &plan->sections[i];

		s->offers_send = s->track != NULL;
		s->offers_receive = plan->takes_samples && (s->track || s->receives);
	}
	if (lacks_video(plan)) {
		size_t place = find_place(plan, ACTR_CODEC_VP8);

		if (place != ACTR__PLAN_NONE)
			plan->sections[place].offers_receive = true;
		else
			plan->wants_video = false; /* there is no room for it */
	}
}

static void forget_offer(struct actr__media_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		plan->sections[i].offers_send = plan->sections[i].offers_receive = false;
}

static void refuse_again(struct actr__plan_section *s)
{
	s->is_recycled = false;
	s->is_refused = true;
	if (s->track)
		s->track->section = ACTR__PLAN_NONE;
	s->track = NULL;
}

void actr__plan_roll_back(struct actr__media_plan *plan)
{
	forget_offer(plan);
	while (plan->count > plan->agreed) {
		struct actr__plan_section *s = &plan->sections[--plan->count];

		if (s->track)
			s->track->section = ACTR__PLAN_NONE;
		memset(s, 0, sizeof *s);
	}
	for (size_t i = 0; i < plan->count; i++)
		if (plan->sections[i].is_recycled)
			refuse_again(&plan->sections[i]);
}

/* --- what the peer says --- */

static bool is_original(const struct actr__sdp *sdp)
{
	bool has_features = false;

	for (size_t i = 0; i < sdp->section_count; i++) {
		const struct actr__sdp_section *s = &sdp->sections[i];

		if (actr__bytes_equal_text(s->msid_stream, "actr-video") ||
		    actr__bytes_equal_text(s->msid_stream, "actr-audio"))
			return true;
		has_features = has_features || (actr__sdp_is_media(s->kind) && s->has_features);
	}
	return !has_features;
}

static void learn_peer(struct actr__media_plan *plan, const struct actr__sdp *sdp)
{
	plan->knows_peer = true;
	plan->peer_is_ours = sdp->ours;
	plan->mode = !sdp->ours && is_original(sdp) ? ACTR__RTP_RAW : ACTR__RTP_PAYLOAD_FORMAT;
	for (size_t i = 0; i < sdp->section_count; i++) {
		if (sdp->sections[i].mid_extension)
			plan->mid_extension = sdp->sections[i].mid_extension;
		if (actr__sdp_is_media(sdp->sections[i].kind))
			actr__codec_learn_types(plan, &sdp->sections[i]);
	}
}

/* The codecs that both know, with the peer's payload types. */
static void learn_codecs(struct actr__plan_section *s, const struct actr__sdp_section *theirs)
{
	memset(s->send_types, 0, sizeof s->send_types);
	memset(s->feedback, 0, sizeof s->feedback);
	s->peer_codec = 0;
	for (size_t i = 0; i < theirs->codec_count; i++) {
		const struct actr__known_codec *k =
			actr__codec_recognize(theirs, &theirs->codecs[i]);

		if (!k || s->send_types[k->codec])
			continue;
		s->send_types[k->codec] = theirs->codecs[i].payload_type;
		s->feedback[k->codec] = theirs->codecs[i].feedback & k->feedback;
		if (!s->peer_codec)
			s->peer_codec = k->codec;
	}
}

static bool is_token(actr_bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
	return text.size > 0;
}

static void learn_track(struct actr__plan_section *s, const struct actr__sdp_section *theirs)
{
	s->mid_extension = theirs->mid_extension;
	s->has_peer_ssrc = theirs->has_ssrc;
	s->peer_ssrc = theirs->ssrc;
	if (!is_token(theirs->msid_track) ||
	    !actr__copy_text(s->peer_track, sizeof s->peer_track, theirs->msid_track))
		(void)snprintf(s->peer_track, sizeof s->peer_track, "%s",
			       *s->mid ? s->mid : "unnamed");
}

static bool peer_sends(const struct actr__sdp_section *s)
{
	return s->direction == ACTR__SDP_SENDRECV || s->direction == ACTR__SDP_SENDONLY;
}

static bool peer_receives(const struct actr__sdp_section *s)
{
	return s->direction == ACTR__SDP_SENDRECV || s->direction == ACTR__SDP_RECVONLY;
}

/* After an exchange. */
static void settle_track(struct actr__plan_section *s, bool was_asked)
{
	if (!s->track)
		return;
	if (s->sends)
		s->track->state = ACTR__PLAN_AGREED;
	else if (was_asked || s->track->state == ACTR__PLAN_AGREED)
		s->track->state = ACTR__PLAN_REFUSED;
}

static void refuse(struct actr__plan_section *s)
{
	s->sends = s->receives = false;
	s->is_refused = true;
	settle_track(s, true);
	if (s->track)
		s->track->section = ACTR__PLAN_NONE; /* another section when it is offered again */
	s->track = NULL;
}

/* --- the peer's answer --- */

static bool fits(const struct actr__media_plan *plan, const struct actr__sdp *answer)
{
	if (answer->section_count > plan->count)
		return false;
	for (size_t i = 0; i < answer->section_count; i++) {
		const struct actr__plan_section *s = &plan->sections[i];
		const struct actr__sdp_section *theirs = &answer->sections[i];

		if (theirs->kind != s->kind && !s->is_refused)
			return false;
		if (theirs->mid.size && !actr__bytes_equal_text(theirs->mid, s->mid))
			return false;
	}
	return true;
}

/* The peer wants none of a section of ours. */
static void refuse_own(struct actr__plan_section *s)
{
	const struct actr__known_codec *k = &actr__known_codecs[s->kind == ACTR__SDP_VIDEO ? 0 : 2];
	unsigned type = s->receive_types[k->codec] ? s->receive_types[k->codec] : k->type;

	refuse(s);
	(void)snprintf(s->refused, sizeof s->refused, "%s 0 UDP/TLS/RTP/SAVPF %u",
		       s->kind == ACTR__SDP_VIDEO ? "video" : "audio", type);
	(void)snprintf(s->refused_name, sizeof s->refused_name, "%s", k->name);
	s->refused_codec = (struct actr__sdp_codec){.payload_type = (uint8_t)type,
						    .clock_rate = k->clock_rate,
						    .channels = k->channels};
}

static void take_answered(struct actr__plan_section *s, const struct actr__sdp_section *theirs)
{
	bool was_asked = s->offers_send;

	s->is_recycled = false;
	if (!actr__sdp_is_media(s->kind) || s->is_refused)
		return;
	if (theirs)
		learn_codecs(s, theirs);
	if (!theirs || theirs->rejected || !s->peer_codec) {
		refuse_own(s);
		return;
	}
	s->sends = s->offers_send && s->track && peer_receives(theirs) &&
		   s->send_types[s->track->codec];
	s->receives = s->offers_receive && peer_sends(theirs);
	learn_track(s, theirs);
	settle_track(s, was_asked);
}

int actr__plan_take_answer(struct actr__media_plan *plan, const struct actr__sdp *answer,
			   actr_error *err)
{
	if (!fits(plan, answer))
		return ACTR_FAIL(err, ACTR_E_PROTOCOL, "the answer's sections are not the offer's");
	learn_peer(plan, answer);
	for (size_t i = 0; i < plan->count; i++)
		take_answered(&plan->sections[i],
			      i < answer->section_count ? &answer->sections[i] : NULL);
	plan->agreed = plan->count;
	forget_offer(plan);
	if (lacks_video(plan))
		plan->wants_video = false; /* it has none, and was asked */
	return 0;
}

/* --- the peer's offer --- */

/* What refusing a section says of it. False when that is too long. */
static bool write_refused(const struct actr__sdp_section *theirs, char *out, size_t out_size)
{
	actr_bytes format = theirs->formats;
	const uint8_t *end = format.size ? memchr(format.data, ' ', format.size) : NULL;
	int size;

	if (end)
		format.size = (size_t)(end - format.data);
	size = snprintf(out, out_size, "%.*s 0 %.*s %.*s", (int)theirs->media.size,
			(const char *)theirs->media.data, (int)theirs->proto.size,
			(const char *)theirs->proto.data, (int)format.size,
			format.data ? (const char *)format.data : "");
	return size > 0 && (size_t)size < out_size;
}

static void refuse_offered(struct actr__plan_section *s, const struct actr__sdp_section *theirs)
{
	refuse(s);
	(void)write_refused(theirs, s->refused, sizeof s->refused); /* fits: can_answer() */
	memset(&s->refused_codec, 0, sizeof s->refused_codec);
	if (theirs->codec_count && theirs->codecs[0].clock_rate &&
	    actr__copy_text(s->refused_name, sizeof s->refused_name, theirs->codecs[0].name))
		s->refused_codec = theirs->codecs[0];
	s->refused_codec.fmtp = s->refused_codec.name = actr__bytes(NULL, 0);
}

/* A track of ours that waits for a section such as this. */
static void fill(struct actr__media_plan *plan, size_t index)
{
	struct actr__plan_section *s = &plan->sections[index];

	for (size_t i = 0; i < plan->track_count && !s->track; i++) {
		struct actr__plan_track *track = plan->tracks[i];

		if (track->section == ACTR__PLAN_NONE &&
		    actr__codec_kind(track->codec) == s->kind && s->send_types[track->codec])
			assign(plan, track, index);
	}
}

static void keep_fmtp(struct actr__media_plan *plan, const struct actr__sdp_section *theirs,
		      uint8_t type)
{
	for (size_t i = 0; i < theirs->codec_count; i++)
		if (type && theirs->codecs[i].payload_type == type)
			(void)actr__copy_text(plan->h264_fmtp, sizeof plan->h264_fmtp,
					      theirs->codecs[i].fmtp); /* else the usual one */
}

static void take_offered(struct actr__media_plan *plan, size_t index,
			 const struct actr__sdp_section *theirs)
{
	struct actr__plan_section *s = &plan->sections[index];

	if (!actr__copy_text(s->mid, sizeof s->mid, theirs->mid))
		s->mid[0] = 0;
	if (theirs->kind == ACTR__SDP_APPLICATION)
		return;
	s->is_refused = false;
	learn_codecs(s, theirs);
	memcpy(s->receive_types, s->send_types, sizeof s->receive_types);
	keep_fmtp(plan, theirs, s->send_types[ACTR_CODEC_H264]);
	if (theirs->rejected || !actr__sdp_is_media(s->kind) || !has_codec(s)) {
		refuse_offered(s, theirs);
		return;
	}
	if (peer_receives(theirs))
		fill(plan, index);
	s->sends = s->track && peer_receives(theirs) && s->send_types[s->track->codec];
	s->receives = plan->takes_samples && peer_sends(theirs);
	learn_track(s, theirs);
	settle_track(s, false);
}

/* A section that changed its kind was refused before (RFC 8829 5.2.2). */
static void renew(struct actr__plan_section *s, const struct actr__sdp_section *theirs)
{
	if (s->kind == theirs->kind)
		return;
	if (s->track)
		s->track->section = ACTR__PLAN_NONE;
	memset(s, 0, sizeof *s);
	s->kind = theirs->kind;
}

int actr__plan_can_answer(const struct actr__media_plan *plan, const struct actr__sdp *offer,
			  actr_error *err)
{
	char refused[sizeof plan->sections[0].refused];

	if (offer->section_count < plan->agreed)
		return ACTR_FAIL(err, ACTR_E_PROTOCOL, "the offer lacks sections of the session");
	for (size_t i = 0; i < offer->section_count; i++)
		if (!write_refused(&offer->sections[i], refused, sizeof refused))
			return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "SDP m= line too long");
	return 0;
}

int actr__plan_take_offer(struct actr__media_plan *plan, const struct actr__sdp *offer,
			  actr_error *err)
{
	ACTR_TRY(actr__plan_can_answer(plan, offer, err));
	learn_peer(plan, offer);
	plan->count = offer->section_count;
	for (size_t i = 0; i < plan->count; i++) {
		renew(&plan->sections[i], &offer->sections[i]);
		take_offered(plan, i, &offer->sections[i]);
	}
	plan->agreed = plan->count;
	return 0;
}

/* --- writing --- */

static void describe_media(const struct actr__media_plan *plan, const struct actr__plan_section *s,
			   bool is_offer, struct actr__sdp_media *out)
{
	bool sends = is_offer ? s->offers_send : s->sends;
	bool receives = is_offer ? s->offers_receive : s->receives;
	actr_codec first = s->track ? s->track->codec : 0;

	out->direction = sends	    ? (receives ? ACTR__SDP_SENDRECV : ACTR__SDP_SENDONLY)
			 : receives ? ACTR__SDP_RECVONLY
				    : ACTR__SDP_INACTIVE;
	actr__codec_describe(plan, s, first, is_offer, out);
	for (size_t i = 0; i < ACTR__KNOWN_CODECS; i++)
		if (actr__known_codecs[i].codec != first)
			actr__codec_describe(plan, s, actr__known_codecs[i].codec, is_offer, out);
	out->mid_extension = !is_offer		? s->mid_extension
			     : plan->knows_peer ? plan->mid_extension
						: MID_EXTENSION;
	if (!sends)
		return;
	out->track = s->track->track_id;
	out->stream = s->track->stream_id;
	out->ssrc = s->track->ssrc;
	out->cname = plan->cname;
}

static void describe_refused(const struct actr__plan_section *s, struct actr__sdp_media *out)
{
	out->refused = s->refused;
	if (!s->refused_codec.clock_rate)
		return;
	out->codecs[0] = s->refused_codec;
	out->codecs[0].name = actr__text(s->refused_name);
	out->codec_count = 1;
}

size_t actr__plan_describe(const struct actr__media_plan *plan, bool is_offer,
			   struct actr__sdp_media *out)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct actr__plan_section *s = &plan->sections[i];

		out[i] = (struct actr__sdp_media){.kind = s->kind, .mid = s->mid};
		if (s->is_refused)
			describe_refused(s, &out[i]);
		else if (actr__sdp_is_media(s->kind))
			describe_media(plan, s, is_offer, &out[i]);
	}
	return plan->count;
}

/* --- packets --- */

struct actr__plan_section *actr__plan_find(struct actr__media_plan *plan, actr_bytes mid,
					   uint8_t payload_type)
{
	struct actr__plan_section *found = NULL;

	for (size_t i = 0; i < plan->count; i++) {
		struct actr__plan_section *s = &plan->sections[i];

		if (!s->receives || !actr__plan_codec(s, payload_type))
			continue;
		if (mid.size && actr__bytes_equal_text(mid, s->mid))
			return s;
		if (found && !mid.size)
			return NULL; /* of several: nobody knows which */
		found = s;
	}
	return mid.size ? NULL : found;
}
