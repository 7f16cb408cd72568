/* A peer's session description: parsed, planned for, answered; what we answer must parse. */
#include <stdlib.h>

#include "wire/webrtc/media_plan_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct actr__plan_track tracks[] = {
	{.track_id = "a", .stream_id = "s", .codec = ACTR_CODEC_VP8},
	{.track_id = "b", .stream_id = "s", .codec = ACTR_CODEC_OPUS}};

/* Tracks and sections know each other, and an agreed track travels. */
static void check(const struct actr__media_plan *plan)
{
	if (plan->agreed > plan->count || plan->count > ACTR__SDP_SECTIONS_MAX)
		abort();
	for (size_t i = 0; i < plan->track_count; i++) {
		const struct actr__plan_track *track = plan->tracks[i];

		if (track->section == ACTR__PLAN_NONE
			    ? track->state == ACTR__PLAN_AGREED
			    : track->section >= plan->count ||
				      plan->sections[track->section].track != track)
			abort();
	}
	for (size_t i = 0; i < plan->count; i++) {
		const struct actr__plan_section *s = &plan->sections[i];

		if (s->track && s->track->section != i)
			abort();
		if (s->sends && (!s->track || s->is_refused || !s->send_types[s->track->codec]))
			abort();
		if (s->receives && (s->is_refused || !s->peer_track[0]))
			abort();
	}
}

static void write(const struct actr__media_plan *plan, bool is_offer)
{
	static struct actr__sdp again;
	static struct actr__sdp_media sections[ACTR__SDP_SECTIONS_MAX];
	struct actr__sdp_local local = {.session_id = 1,
					.version = 1,
					.ufrag = "ufrag",
					.pwd = "0123456789012345678901",
					.fingerprint = "sha-256 AA:BB",
					.setup = ACTR__SDP_ACTIVE,
					.sections = sections};
	struct actr__buf out;

	check(plan);
	local.section_count = actr__plan_describe(plan, is_offer, sections);
	actr__buf_init(&out, 4 * ACTR__SDP_MAX);
	if (actr__sdp_write(&local, &out) == 0 && out.size <= ACTR__SDP_MAX &&
	    (actr__sdp_parse(actr__bytes(out.data, out.size), &again, NULL) < 0 ||
	     again.section_count != plan->count))
		abort();
	actr__buf_done(&out);
}

static void begin(struct actr__media_plan *plan)
{
	memset(plan, 0, sizeof *plan);
	plan->takes_samples = plan->wants_video = true;
	for (size_t i = 0; i < ARRAY_SIZE(tracks); i++)
		(void)actr__plan_add(plan, &tracks[i], NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct actr__sdp sdp;
	static struct actr__media_plan plan;

	if (actr__sdp_parse(actr__bytes(data, size), &sdp, NULL) < 0)
		return 0;
	begin(&plan);
	if (actr__plan_take_offer(&plan, &sdp, NULL) == 0) {
		write(&plan, false);
		actr__plan_make_offer(&plan);
		write(&plan, true);
		(void)actr__plan_take_answer(&plan, &sdp, NULL);
		check(&plan);
		actr__plan_make_offer(&plan);
		actr__plan_roll_back(&plan);
		check(&plan);
	}
	begin(&plan);
	actr__plan_make_offer(&plan);
	write(&plan, true);
	if (actr__plan_take_answer(&plan, &sdp, NULL) < 0)
		actr__plan_roll_back(&plan);
	actr__plan_make_offer(&plan);
	write(&plan, true);
	return 0;
}
