/* Tracks between two wires: negotiation, packets, feedback, peers of the original. */
#include "wire/webrtc/test_world.h"

#include <stdio.h>

#include "wire/webrtc/media_internal.h"

static int set_up(void **st)
{
	*st = world_new();
	return 0;
}

static int tear_down(void **st)
{
	world_free(*st);
	return 0;
}

static struct wire_webrtc *inner(struct side *s)
{
	return container_of(s->wire, struct wire_webrtc, wire);
}

static struct actr__wire_track *add(struct side *s, const char *id, actr_codec codec)
{
	struct actr__track_spec spec = {id, codec == ACTR_CODEC_OPUS ? "actr-audio" : "actr-video",
					codec};
	struct actr__wire_track *track = NULL;
	actr_error err = ACTR_ERROR_INIT;

	if (s->wire->ops->media->add(s->wire, &spec, s, &track, &err) < 0)
		fail_msg("add: %s", err.message);
	return track;
}

/* A key frame of the codec, `size` bytes. */
static actr_bytes make_frame(actr_codec codec, size_t size)
{
	static uint8_t frame[200 * 1024];
	static const uint8_t vp8[] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 16, 0, 16, 0};
	static const uint8_t h264[] = {0, 0, 0,	   1, 0x67, 66, 0xe0, 31, 0, 0,
				       0, 1, 0x68, 5, 6,    0,	0,    0,  1, 0x65};

	for (size_t i = 0; i < size; i++)
		frame[i] = (uint8_t)(i % 251 + 2);
	if (codec == ACTR_CODEC_VP8)
		memcpy(frame, vp8, sizeof vp8);
	else if (codec == ACTR_CODEC_H264)
		memcpy(frame, h264, sizeof h264);
	return actr__bytes(frame, size);
}

static int try_send(struct side *s, struct actr__wire_track *track, actr_bytes data)
{
	actr_sample sample = ACTR_SAMPLE_INIT;
	static uint32_t timestamp;

	sample.data = data;
	sample.timestamp = timestamp += 3000;
	return s->wire->ops->media->send(track, &sample, NULL);
}

static unsigned expected;
static bool a_has_samples(struct world *w)
{
	return w->a.samples >= expected;
}
static bool b_has_samples(struct world *w)
{
	return w->b.samples >= expected;
}
static bool a_is_active(struct world *w)
{
	return w->a.active >= expected;
}
static bool both_active(struct world *w)
{
	return w->a.active >= expected && w->b.active >= expected;
}
static bool a_is_refused(struct world *w)
{
	return w->a.refused >= expected;
}
static bool b_heard_gone(struct world *w)
{
	return w->b.gone >= expected;
}
static bool a_heard_key_frame(struct world *w)
{
	return w->a.key_frames >= expected;
}

static void until(struct world *w, bool (*done)(struct world *), unsigned count)
{
	expected = count;
	world_wait(w, done);
}

static void deliver(struct world *w, struct side *from, struct actr__wire_track *track,
		    actr_codec codec, size_t size)
{
	struct side *to = from->other;
	actr_bytes frame = make_frame(codec, size);
	unsigned before = to->samples;

	assert_int_equal(try_send(from, track, frame), 0);
	until(w, to == &w->b ? b_has_samples : a_has_samples, before + 1);
	assert_int_equal(to->sample.data.size, size);
	assert_memory_equal(to->sample_data, frame.data, size);
	assert_int_equal(to->sample.codec, codec);
	assert_true(to->sample.is_key_frame);
	assert_string_equal(to->sample_id, track->track_id);
}

/* --- adding --- */

static void a_track_added_before_connecting_is_active_when_it_is_open(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *track;

	world_dial(w, &w->a);
	track = add(&w->a, "camera", ACTR_CODEC_VP8);
	assert_int_equal(try_send(&w->a, track, make_frame(ACTR_CODEC_VP8, 100)), ACTR_E_STATE);
	until(w, a_is_active, 1);
	assert_int_equal(w->b.added, 1);
	assert_string_equal(w->b.news_id, "camera");
	assert_int_equal(w->b.news_codec, ACTR_CODEC_VP8);
	assert_int_equal(w->b.offers_seen, 1);
	assert_int_equal(w->b.media_offers_seen, 0);
	deliver(w, &w->a, track, ACTR_CODEC_VP8, 100 * 1024);
}

static void tracks_added_later_renegotiate_once_and_disturb_nothing(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *video, *audio, *other;

	world_connect(w);
	video = add(&w->a, "camera", ACTR_CODEC_VP8);
	audio = add(&w->a, "voice", ACTR_CODEC_OPUS);
	other = add(&w->a, "screen", ACTR_CODEC_H264);
	until(w, a_is_active, 3);
	assert_int_equal(w->b.media_offers_seen, 1);
	assert_int_equal(w->b.added, 3);
	deliver(w, &w->a, video, ACTR_CODEC_VP8, 100 * 1024);
	deliver(w, &w->a, audio, ACTR_CODEC_OPUS, 200);
	deliver(w, &w->a, other, ACTR_CODEC_H264, 50 * 1024);
	assert_int_equal(w->a.state_count, 1); /* open, and nothing since */
	assert_int_equal(w->b.state_count, 1);
}

static void both_ways_share_a_section(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *a, *b;

	world_connect(w);
	a = add(&w->a, "of-a", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	b = add(&w->b, "of-b", ACTR_CODEC_H264);
	until(w, both_active, 1);
	assert_int_equal(a->plan.section, b->plan.section);
	deliver(w, &w->a, a, ACTR_CODEC_VP8, 30000);
	deliver(w, &w->b, b, ACTR_CODEC_H264, 30000);
}

static void a_removed_track_is_gone_at_the_other_and_its_section_used_again(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *track;
	size_t section;

	world_connect(w);
	track = add(&w->a, "first", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	deliver(w, &w->a, track, ACTR_CODEC_VP8, 3000);
	section = track->plan.section;
	w->a.wire->ops->media->remove(track);
	until(w, b_heard_gone, 1);
	assert_string_equal(w->b.news_id, "first");
	track = add(&w->a, "second", ACTR_CODEC_H264);
	until(w, a_is_active, 2);
	assert_int_equal(track->plan.section, section);
	deliver(w, &w->a, track, ACTR_CODEC_H264, 3000);
}

static void both_add_at_once_and_both_become_active(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *a, *b;

	world_connect(w);
	a = add(&w->a, "of-a", ACTR_CODEC_VP8);
	b = add(&w->b, "of-b", ACTR_CODEC_OPUS);
	until(w, both_active, 1);
	assert_int_equal(w->a.answers_seen + w->b.answers_seen, 3); /* the first, and two more */
	deliver(w, &w->a, a, ACTR_CODEC_VP8, 3000);
	deliver(w, &w->b, b, ACTR_CODEC_OPUS, 300);
}

static void ids_are_unique_and_tokens_and_bounded(void **st)
{
	struct world *w = *st;
	struct actr__track_spec spec = {"id", "stream", ACTR_CODEC_VP8};
	struct actr__wire_track *track;
	char id[8];

	world_connect(w);
	(void)add(&w->a, "id", ACTR_CODEC_VP8);
	assert_int_equal(w->a.wire->ops->media->add(w->a.wire, &spec, NULL, &track, NULL),
			 ACTR_E_ALREADY_EXISTS);
	spec.track_id = "two words";
	assert_int_equal(w->a.wire->ops->media->add(w->a.wire, &spec, NULL, &track, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	for (unsigned i = 1; i < ACTR__PLAN_TRACKS_MAX; i++) {
		(void)snprintf(id, sizeof id, "t%u", i);
		(void)add(&w->a, id, i % 2 ? ACTR_CODEC_OPUS : ACTR_CODEC_VP8);
	}
	spec.track_id = "one-more";
	assert_int_equal(w->a.wire->ops->media->add(w->a.wire, &spec, NULL, &track, NULL),
			 ACTR_E_RESOURCE_EXHAUSTED);
	until(w, a_is_active, ACTR__PLAN_TRACKS_MAX);
	assert_int_equal(w->b.added, ACTR__PLAN_TRACKS_MAX);
}

/* --- refusing --- */

static void a_peer_that_takes_no_samples_refuses_and_the_wire_lives(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *track;

	w->b.takes_no_samples = true;
	world_connect(w);
	track = add(&w->a, "camera", ACTR_CODEC_VP8);
	until(w, a_is_refused, 1);
	assert_int_equal(try_send(&w->a, track, make_frame(ACTR_CODEC_VP8, 100)), ACTR_E_STATE);
	assert_true(both_open(w));
	assert_int_equal(w->b.added, 0);
	assert_int_equal(w->b.media_offers_seen, 1); /* not asked again and again */
}

static bool breaks_answers(struct world *w, struct side *from, struct actr__signal *signal)
{
	(void)w;
	(void)from;
	if (signal->kind == ACTR__SIGNAL_ANSWER)
		*strstr(signal->text, "m=application") = 'x';
	return true;
}

static void an_unusable_answer_refuses_the_track_and_the_wire_lives(void **st)
{
	struct world *w = *st;

	world_connect(w);
	w->filter = breaks_answers;
	(void)add(&w->a, "camera", ACTR_CODEC_VP8);
	until(w, a_is_refused, 1);
	assert_true(both_open(w));
	w->filter = NULL;
	(void)add(&w->a, "voice", ACTR_CODEC_OPUS); /* offers both */
	world_send(w, &w->a, 0, "ping", 4);
}

static bool b_was_offered_or_refused(struct world *w)
{
	return w->b.media_offers_seen >= expected;
}

static bool drops_a_section(struct world *w, struct side *from, struct actr__signal *signal)
{
	char *video = strstr(signal->text, "m=video");

	(void)w;
	(void)from;
	if (signal->kind == ACTR__SIGNAL_RENEGOTIATION_OFFER && video)
		*video = 0;
	return true;
}

static void an_offer_that_lacks_a_section_is_refused_and_the_wire_lives(void **st)
{
	struct world *w = *st;

	world_connect(w);
	(void)add(&w->a, "camera", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	w->filter = drops_a_section;
	(void)add(&w->a, "voice", ACTR_CODEC_OPUS);
	until(w, b_was_offered_or_refused, 2);
	world_pass(w, 2);
	assert_true(both_open(w));
	assert_int_equal(w->b.gone, 0);
	assert_int_equal(w->a.active, 1);
}

/* A number of SRTP used twice under one key gives the keystream away (RFC 3711 9.1). */
static void a_track_that_is_taken_again_never_repeats_a_sequence_number(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *a, *b;
	uint16_t sequence;

	w->filter = NULL;
	world_connect(w);
	a = add(&w->a, "of-a", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	deliver(w, &w->a, a, ACTR_CODEC_VP8, 30000);
	sequence = actr__rtp_sender_sequence(a->sender);
	inner(&w->b)->media->plan.takes_samples = false;
	b = add(&w->b, "of-b", ACTR_CODEC_VP8);
	until(w, a_is_refused, 1);
	assert_null(a->sender);
	inner(&w->b)->media->plan.takes_samples = true;
	(void)add(&w->b, "another", ACTR_CODEC_OPUS);
	until(w, a_is_active, 2);
	assert_int_equal(actr__rtp_sender_sequence(a->sender), sequence);
	deliver(w, &w->a, a, ACTR_CODEC_VP8, 30000);
	deliver(w, &w->b, b, ACTR_CODEC_VP8, 30000);
}

/* --- feedback --- */

static void a_key_frame_request_reaches_the_sender(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *track;
	const struct actr__media_ops *ops;

	world_connect(w);
	ops = w->b.wire->ops->media;
	track = add(&w->a, "camera", ACTR_CODEC_VP8);
	assert_int_equal(ops->request_key_frame(w->b.wire, "camera", NULL), ACTR_E_NOT_FOUND);
	until(w, a_is_active, 1);
	deliver(w, &w->a, track, ACTR_CODEC_VP8, 3000);
	assert_int_equal(ops->request_key_frame(w->b.wire, "camera", NULL), 0);
	until(w, a_heard_key_frame, 1);
	assert_int_equal(ops->request_key_frame(w->b.wire, "nobody", NULL), ACTR_E_NOT_FOUND);
}

/* --- restarts --- */

static void restart(struct world *w)
{
	struct actr__signal request = {
		.kind = ACTR__SIGNAL_ICE_RESTART_REQUEST, .text = "", .sdp_mline_index = -1};

	assert_int_equal(w->a.wire->ops->signal(w->a.wire, &request, NULL), 0);
}

static bool b_heard_restart(struct world *w)
{
	return w->b.restart_offers_seen >= expected && w->a.answers_seen >= expected + 1;
}

static void tracks_added_during_an_ice_restart_become_active(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *first, *a, *b;

	world_connect(w);
	first = add(&w->a, "first", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	deliver(w, &w->a, first, ACTR_CODEC_VP8, 3000);
	world_pass(w, 600); /* between restarts that the peer asks for */
	restart(w);
	a = add(&w->a, "of-a", ACTR_CODEC_H264);
	b = add(&w->b, "of-b", ACTR_CODEC_OPUS);
	until(w, b_heard_restart, 1);
	expected = 1;
	world_wait(w, both_active);
	until(w, a_is_active, 2);
	deliver(w, &w->a, first, ACTR_CODEC_VP8, 3000);
	deliver(w, &w->a, a, ACTR_CODEC_H264, 3000);
	deliver(w, &w->b, b, ACTR_CODEC_OPUS, 300);
	assert_int_equal(w->a.gone + w->b.gone + w->a.refused + w->b.refused, 0);
}

static void a_restart_offer_wins_over_one_about_tracks(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *b;

	/* B has the lower id and would keep its own offer. */
	w->a.id.serial = 3;
	world_connect(w);
	b = add(&w->b, "of-b", ACTR_CODEC_VP8);
	world_pass(w, 0);
	restart(w);
	until(w, b_heard_restart, 1);
	expected = 1;
	while (!w->b.active)
		world_pass(w, 1);
	deliver(w, &w->b, b, ACTR_CODEC_VP8, 3000);
}

static bool drops_offers(struct world *w, struct side *from, struct actr__signal *signal)
{
	(void)w;
	(void)from;
	return signal->kind != ACTR__SIGNAL_RENEGOTIATION_OFFER;
}

static void an_offer_that_got_lost_is_repeated(void **st)
{
	struct world *w = *st;
	struct media *media;

	world_connect(w);
	w->filter = drops_offers;
	(void)add(&w->a, "camera", ACTR_CODEC_VP8);
	world_pass(w, 1);
	media = inner(&w->a)->media;
	assert_true(actr__timer_is_set(&media->answer));
	media->answer.on_due(&media->answer); /* nobody answered */
	until(w, a_is_refused, 1);
	assert_true(both_open(w));
	w->filter = NULL;
	media->answer.on_due(&media->answer);
	until(w, a_is_active, 1);
}

static void a_restart_takes_the_place_of_a_lost_offer(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *track;
	struct media *media;

	world_connect(w);
	w->filter = drops_offers;
	track = add(&w->a, "camera", ACTR_CODEC_VP8);
	world_pass(w, 600);
	restart(w);
	media = inner(&w->a)->media;
	media->answer.on_due(&media->answer); /* the lost offer's time is up */
	until(w, a_is_active, 1);
	assert_int_equal(w->b.restart_offers_seen, 1);
	assert_int_equal(w->a.refused, 0);
	deliver(w, &w->a, track, ACTR_CODEC_VP8, 3000);
}

/* --- packets --- */

static void tampered_and_repeated_packets_are_counted_and_dropped(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *track;
	struct actr__wire_stats stats;
	uint8_t packet[200] = {0x80, 96};

	world_connect(w);
	track = add(&w->a, "camera", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	deliver(w, &w->a, track, ACTR_CODEC_VP8, 3000);
	for (unsigned i = 0; i < 50; i++) {
		packet[1] = i % 2 ? 200 : 96;
		packet[11] = (uint8_t)i;
		actr__webrtc_on_datagram(inner(&w->b), packet, sizeof packet);
	}
	w->b.wire->ops->stats(w->b.wire, &stats);
	assert_int_equal(stats.media_forged, 50);
	assert_int_equal(inner(&w->b)->media->stream_count, 0); /* made no state */
	deliver(w, &w->a, track, ACTR_CODEC_VP8, 3000);
}

/* A packet of A for B, with A's key. */
static void inject_first(struct world *w, uint8_t first, uint32_t ssrc, uint8_t payload_type)
{
	uint8_t packet[200] = {first, payload_type, 0, 1, 0, 0, 0, 1};
	size_t size;

	for (unsigned i = 0; i < 4; i++)
		packet[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
	memcpy(packet + 12, (uint8_t[]){0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 16, 0, 16, 0}, 11);
	size = actr__srtp_protect(inner(&w->a)->media->srtp, packet, 30, false);
	assert_true(size > 30);
	actr__webrtc_on_datagram(inner(&w->b), packet, size);
}

static void inject(struct world *w, uint32_t ssrc, uint8_t payload_type)
{
	inject_first(w, 0x80, ssrc, payload_type);
}

static void streams_of_no_track_are_counted_and_bounded(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *track;
	struct media *media;

	world_connect(w);
	track = add(&w->a, "camera", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	deliver(w, &w->a, track, ACTR_CODEC_VP8, 3000);
	media = inner(&w->b)->media;
	for (uint32_t i = 0; i < 300; i++)
		inject(w, 0x10000 + i, 50);
	assert_int_equal(media->packets_unknown, 300);
	assert_int_equal(media->packets_forged, 0);
	assert_int_equal(media->stream_count, ACTR__MEDIA_STREAMS_MAX);
	inject(w, 0x10000 + 299, 50);
	assert_int_equal(media->packets_forged, 1); /* repeated */
	deliver(w, &w->a, track, ACTR_CODEC_VP8, 3000);
}

/* SRTP keeps a stream for each of them, whatever is behind the header. */
static void streams_of_malformed_packets_are_bounded_too(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *track;
	struct media *media;

	world_connect(w);
	track = add(&w->a, "camera", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	deliver(w, &w->a, track, ACTR_CODEC_VP8, 3000);
	media = inner(&w->b)->media;
	for (uint32_t i = 0; i < 300; i++)
		inject_first(w, 0xa0, 0x10000 + i, 50); /* with padding of no bytes */
	assert_int_equal(media->packets_unknown, 300);
	assert_int_equal(media->stream_count, ACTR__MEDIA_STREAMS_MAX);
	deliver(w, &w->a, track, ACTR_CODEC_VP8, 3000);
}

static bool hides_ssrcs(struct world *w, struct side *from, struct actr__signal *signal)
{
	char *text = (char *)(uintptr_t)signal->text;

	(void)w;
	(void)from;
	while (signal->kind != ACTR__SIGNAL_CANDIDATE && (text = strstr(text, "a=ssrc:")))
		memcpy(text, "a=x-non", 7);
	return true;
}

static void packets_of_an_ssrc_that_nobody_named_find_their_section_by_mid(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *first, *second;

	w->filter = hides_ssrcs;
	world_connect(w);
	first = add(&w->a, "first", ACTR_CODEC_VP8);
	second = add(&w->a, "second", ACTR_CODEC_VP8); /* of the same payload type */
	until(w, a_is_active, 2);
	deliver(w, &w->a, second, ACTR_CODEC_VP8, 3000);
	deliver(w, &w->a, first, ACTR_CODEC_VP8, 3000);
	deliver(w, &w->a, second, ACTR_CODEC_VP8, 3000);
}

static void packets_before_any_media_are_dropped(void **st)
{
	struct world *w = *st;
	struct actr__wire_stats before, after;
	uint8_t packet[200] = {0x80, 96};

	world_connect(w);
	w->b.wire->ops->stats(w->b.wire, &before); /* the handshake may have dropped some */
	actr__webrtc_on_datagram(inner(&w->b), packet, sizeof packet);
	w->b.wire->ops->stats(w->b.wire, &after);
	assert_int_equal(after.packets_dropped, before.packets_dropped + 1);
	assert_null(inner(&w->b)->media);
}

static void closing_with_tracks_ends_them_without_news(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *track;

	world_connect(w);
	track = add(&w->a, "camera", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	deliver(w, &w->a, track, ACTR_CODEC_VP8, 3000);
	actr__wire_close(w->a.wire, ACTR_E_CLOSED, "done");
	assert_int_equal(try_send(&w->a, track, make_frame(ACTR_CODEC_VP8, 100)), ACTR_E_STATE);
	world_wait(w, both_closed);
	assert_int_equal(w->a.refused, 0);
	assert_int_equal(w->b.gone, 0);
}

/* --- the original --- */

/* Lines that begin so become ones that mean nothing. */
static void strip(char *text, const char *line)
{
	while ((text = strstr(text, line)))
		memcpy(text, "a=x-none", 8);
}

static bool looks_original(struct world *w, struct side *from, struct actr__signal *signal)
{
	char *text = actr__strdup(signal->text);

	assert_non_null(text);
	(void)w;
	(void)from;
	if (signal->kind != ACTR__SIGNAL_CANDIDATE) {
		strip(text, "a=x-actr:1");
		strip(text, "a=rtcp-fb:");
		strip(text, "a=extmap:");
		memcpy((char *)signal->text, text, strlen(text));
	}
	actr__free(text);
	signal->exchange_id = NULL;
	return true;
}

static void toward_the_original_a_sample_is_one_packet(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *track;
	struct actr__wire_stats before, after;
	struct actr__track_counters counters;

	w->filter = looks_original;
	world_connect(w);
	track = add(&w->a, "camera", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	assert_int_equal(w->b.media_offers_seen, 0); /* it knows one kind of offer */
	assert_int_equal(w->b.offers_seen, 2);
	w->a.wire->ops->stats(w->a.wire, &before);
	deliver(w, &w->a, track, ACTR_CODEC_VP8, ACTR_SAMPLE_ORIGINAL_MAX);
	w->a.wire->ops->stats(w->a.wire, &after);
	assert_int_equal(after.media_sent - before.media_sent, 1);
	assert_int_equal(
		try_send(&w->a, track, make_frame(ACTR_CODEC_VP8, ACTR_SAMPLE_ORIGINAL_MAX + 1)),
		ACTR_E_TOO_LARGE);
	w->a.wire->ops->media->counters(track, &counters);
	assert_int_equal(counters.samples_sent, 1);
	assert_int_equal(counters.packets_sent, 1);
	assert_int_equal(counters.bytes_sent, ACTR_SAMPLE_ORIGINAL_MAX);
}

/* aiortc does that, whatever RFC 8829 5.2.2 says. */
static bool looks_like_aiortc(struct world *w, struct side *from, struct actr__signal *signal)
{
	static char digit = '1';
	char *origin = strstr(signal->text, "o=- ");

	if (origin && from == &w->b)
		origin[4] = digit == '9' ? '1' : ++digit;
	return looks_original(w, from, signal);
}

static void a_stranger_may_change_its_session_id_but_not_its_path(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *a, *b;

	w->filter = looks_like_aiortc;
	world_connect(w);
	a = add(&w->a, "of-a", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	b = add(&w->b, "of-b", ACTR_CODEC_OPUS);
	until(w, both_active, 1);
	deliver(w, &w->a, a, ACTR_CODEC_VP8, 1000);
	deliver(w, &w->b, b, ACTR_CODEC_OPUS, 300);
	assert_int_equal(w->a.state_count, 1);
	assert_int_equal(w->a.session, 1);
}

/* The original sends what it cannot read itself. */
static void take_large_packets(struct world *w)
{
	struct actr__wire_track *track;
	actr_bytes frame = make_frame(ACTR_CODEC_VP8, 60000);

	w->filter = looks_original;
	world_connect(w);
	track = add(&w->a, "camera", ACTR_CODEC_VP8);
	until(w, a_is_active, 1);
	assert_int_equal(actr__rtp_send(track->sender, frame, 1, actr__loop_now_ns(w->loop), NULL),
			 0);
	until(w, b_has_samples, 1);
	assert_int_equal(w->b.sample.data.size, 60000);
	assert_memory_equal(w->b.sample_data, frame.data, 60000);
}

static void samples_of_60_000_bytes_come_in_one_packet(void **st)
{
	take_large_packets(*st);
}

static void large_packets_pass_libnice_as_well(void **st)
{
	struct world *w = *st;

	w->options.no_data_socket = true;
	take_large_packets(w);
}

static void wanting_samples_offers_a_section_to_a_stranger_and_none_to_our_own(void **st)
{
	struct world *w = *st;
	struct actr__wire_track *track;

	w->filter = looks_original;
	world_connect(w);
	w->a.wire->ops->media->want(w->a.wire);
	while (w->a.answers_seen < 2)
		world_pass(w, 1);
	world_pass(w, 1);
	/* It had nothing to send; the section waits for when it has. */
	track = add(&w->b, "camera", ACTR_CODEC_VP8);
	while (!w->b.active)
		world_pass(w, 1);
	deliver(w, &w->b, track, ACTR_CODEC_VP8, 1000);
	assert_int_equal(track->plan.section, 1);
	assert_int_equal(w->b.offers_seen, 2);
	world_drop_wires(w);
	w->filter = NULL;
	world_connect(w);
	w->a.wire->ops->media->want(w->a.wire);
	world_pass(w, 20);
	assert_int_equal(w->b.media_offers_seen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_track_added_before_connecting_is_active_when_it_is_open),
		TEST(tracks_added_later_renegotiate_once_and_disturb_nothing),
		TEST(both_ways_share_a_section),
		TEST(a_removed_track_is_gone_at_the_other_and_its_section_used_again),
		TEST(both_add_at_once_and_both_become_active),
		TEST(ids_are_unique_and_tokens_and_bounded),
		TEST(a_peer_that_takes_no_samples_refuses_and_the_wire_lives),
		TEST(an_unusable_answer_refuses_the_track_and_the_wire_lives),
		TEST(an_offer_that_lacks_a_section_is_refused_and_the_wire_lives),
		TEST(a_track_that_is_taken_again_never_repeats_a_sequence_number),
		TEST(a_key_frame_request_reaches_the_sender),
		TEST(tracks_added_during_an_ice_restart_become_active),
		TEST(a_restart_offer_wins_over_one_about_tracks),
		TEST(a_restart_takes_the_place_of_a_lost_offer),
		TEST(an_offer_that_got_lost_is_repeated),
		TEST(tampered_and_repeated_packets_are_counted_and_dropped),
		TEST(streams_of_no_track_are_counted_and_bounded),
		TEST(streams_of_malformed_packets_are_bounded_too),
		TEST(packets_of_an_ssrc_that_nobody_named_find_their_section_by_mid),
		TEST(packets_before_any_media_are_dropped),
		TEST(closing_with_tracks_ends_them_without_news),
		TEST(toward_the_original_a_sample_is_one_packet),
		TEST(a_stranger_may_change_its_session_id_but_not_its_path),
		TEST(samples_of_60_000_bytes_come_in_one_packet),
		TEST(large_packets_pass_libnice_as_well),
		TEST(wanting_samples_offers_a_section_to_a_stranger_and_none_to_our_own),
	};

	return cmocka_run_group_tests_name("media", tests, NULL, NULL);
}
