/* Descriptions of browsers and of the original, and what the plan makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "wire/webrtc/media_plan_internal.h"

#define TRANSPORT                                                                                  \
	"c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:4ZcD\r\n"                      \
	"a=ice-pwd:2/1muCWoOi3uLifh0NuRHlxQ\r\na=ice-options:trickle\r\n"                          \
	"a=fingerprint:sha-256 "                                                                   \
	"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:"     \
	"1C:1D:1E:1F\r\na=setup:actpass\r\n"

/* As Chrome writes them (RFC 8829; its extensions and repair streams, shortened). */
static const char chrome_offer[] =
	"v=0\r\no=- 5765 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n"
	"a=extmap-allow-mixed\r\na=msid-semantic: WMS 9f0e\r\n"
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n" TRANSPORT "a=mid:0\r\n"
	"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
	"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
	"a=sendrecv\r\na=msid:9f0e 7c1d-audio\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
	"a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
	"a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\n"
	"a=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n"
	"a=ssrc:1001 cname:AbC\r\na=ssrc:1001 msid:9f0e 7c1d-audio\r\n"
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 105 45\r\n" TRANSPORT "a=mid:1\r\n"
	"a=extmap:14 urn:ietf:params:rtp-hdrext:toffset\r\n"
	"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
	"a=sendrecv\r\na=msid:9f0e 7c1d-video\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
	"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\n"
	"a=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"
	"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
	"a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\n"
	"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\r\n"
	"a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n"
	"a=rtpmap:104 H264/90000\r\na=rtcp-fb:104 nack\r\na=rtcp-fb:104 nack pli\r\n"
	"a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f\r\n"
	"a=rtpmap:45 AV1/90000\r\na=ssrc-group:FID 2001 2002\r\n"
	"a=ssrc:2001 cname:AbC\r\na=ssrc:2001 msid:9f0e 7c1d-video\r\n"
	"a=ssrc:2002 cname:AbC\r\na=ssrc:2002 msid:9f0e 7c1d-video\r\n"
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" TRANSPORT
	"a=mid:2\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";

/* As Firefox writes them: rtcp-fb for all at once, a bundle-only section, braces in ids. */
static const char firefox_offer[] =
	"v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 7190 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
	"a=sendrecv\r\na=fingerprint:sha-256 "
	"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:"
	"1C:1D:1E:1F\r\na=group:BUNDLE 0 1\r\na=ice-options:trickle\r\na=msid-semantic:WMS *\r\n"
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=sendrecv\r\n"
	"a=ice-pwd:2/1muCWoOi3uLifh0NuRHlxQ\r\na=ice-ufrag:4ZcD\r\na=mid:0\r\na=setup:actpass\r\n"
	"a=sctp-port:5000\r\na=max-message-size:1073741823\r\n"
	"m=video 0 UDP/TLS/RTP/SAVPF 120 124 126 127\r\nc=IN IP4 0.0.0.0\r\na=bundle-only\r\n"
	"a=sendonly\r\na=extmap:3/sendonly urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
	"a=fmtp:126 profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1\r\n"
	"a=fmtp:120 max-fs=12288;max-fr=60\r\na=fmtp:124 apt=120\r\n"
	"a=ice-pwd:2/1muCWoOi3uLifh0NuRHlxQ\r\na=ice-ufrag:4ZcD\r\na=mid:1\r\n"
	"a=msid:{5d4a} {77aa-bb}\r\na=rtcp-fb:* nack\r\na=rtcp-fb:120 nack pli\r\n"
	"a=rtcp-fb:120 ccm fir\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:120 VP8/90000\r\n"
	"a=rtpmap:124 rtx/90000\r\na=rtpmap:126 H264/90000\r\na=rtpmap:127 rtx/90000\r\n"
	"a=setup:actpass\r\na=ssrc:3001 cname:{ee}\r\na=ssrc:3002 cname:{ee}\r\n";

static struct actr__media_plan plan;
static struct actr__sdp sdp, own;
static struct actr__sdp_media sections[ACTR__SDP_SECTIONS_MAX];
static char text[ACTR__SDP_MAX];
static struct actr__plan_track video, audio, second;

static int set_up(void **st)
{
	(void)st;
	memset(&plan, 0, sizeof plan);
	plan.takes_samples = true;
	memcpy(plan.cname, "cname", 6);
	video = (struct actr__plan_track){.track_id = "camera",
					  .stream_id = "actr-video",
					  .codec = ACTR_CODEC_H264,
					  .ssrc = 11};
	audio = (struct actr__plan_track){.track_id = "voice",
					  .stream_id = "actr-audio",
					  .codec = ACTR_CODEC_OPUS,
					  .ssrc = 12};
	second = (struct actr__plan_track){.track_id = "screen",
					   .stream_id = "actr-video",
					   .codec = ACTR_CODEC_VP8,
					   .ssrc = 13};
	return 0;
}

static void add(struct actr__plan_track *track)
{
	assert_int_equal(actr__plan_add(&plan, track, NULL), 0);
}

static void parse(const char *description)
{
	assert_int_equal(actr__sdp_parse(actr__text(description), &sdp, NULL), 0);
}

/* What we write now, in `text` and `own`. */
static void write(bool is_offer)
{
	struct actr__sdp_local local = {.session_id = 1,
					.version = 1,
					.ufrag = "ufrag",
					.pwd = "0123456789012345678901",
					.fingerprint = "sha-256 AA:BB",
					.setup = ACTR__SDP_ACTIVE,
					.sections = sections};
	struct actr__buf out;

	local.section_count = actr__plan_describe(&plan, is_offer, sections);
	actr__buf_init(&out, ACTR__SDP_MAX - 1);
	assert_int_equal(actr__sdp_write(&local, &out), 0);
	memcpy(text, actr__buf_text(&out), out.size + 1);
	actr__buf_done(&out);
	assert_int_equal(actr__sdp_parse(actr__text(text), &own, NULL), 0);
}

static void take_offer(const char *description)
{
	parse(description);
	assert_int_equal(actr__plan_take_offer(&plan, &sdp, NULL), 0);
	write(false);
	assert_int_equal(own.section_count, sdp.section_count);
}

static void has(const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in\n%s", part, text);
}

static void has_not(const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" in\n%s", part, text);
}

static void read_original(const char *name)
{
	static char description[8192];
	char path[512];
	FILE *file;
	size_t size;

	(void)snprintf(path, sizeof path, "%s/%s", ORIGINAL_DATA, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	size = fread(description, 1, sizeof description - 1, file);
	(void)fclose(file);
	description[size] = 0;
	parse(description);
}

/* --- browsers --- */

static void an_offer_of_chrome_is_answered_with_our_codecs_and_tracks(void **st)
{
	(void)st;
	add(&video);
	add(&audio);
	take_offer(chrome_offer);
	assert_int_equal(plan.mode, ACTR__RTP_PAYLOAD_FORMAT);
	assert_int_equal(plan.mid_extension, 4);
	has("a=group:BUNDLE 0 1 2\r\n");
	has("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
	/* Ours first; the H.264 without fragmentation units and the repair streams are left out. */
	has("m=video 9 UDP/TLS/RTP/SAVPF 104 96\r\n");
	has("a=fmtp:104 "
	    "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f\r\n");
	has("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n");
	has("a=rtcp-fb:104 nack pli\r\n");
	has_not("a=rtcp-fb:104 ccm fir\r\n"); /* it did not offer that */
	has("a=rtcp-fb:96 ccm fir\r\n");
	has_not("transport-cc");
	has("a=msid:actr-video camera\r\n");
	has("a=ssrc:11 msid:actr-video camera\r\n");
	assert_int_equal(own.sections[0].direction, ACTR__SDP_SENDRECV);
	assert_int_equal(own.sections[1].direction, ACTR__SDP_SENDRECV);
	assert_int_equal(video.state, ACTR__PLAN_AGREED);
	assert_int_equal(audio.state, ACTR__PLAN_AGREED);
	assert_string_equal(plan.sections[1].peer_track, "7c1d-video");
	assert_true(plan.sections[1].peer_ssrc == 2001);
	assert_false(actr__plan_needs_offer(&plan));
}

static void packets_of_chrome_find_their_section(void **st)
{
	(void)st;
	take_offer(chrome_offer);
	assert_ptr_equal(actr__plan_find(&plan, actr__text("1"), 104), &plan.sections[1]);
	assert_ptr_equal(actr__plan_find(&plan, actr__text(""), 111), &plan.sections[0]);
	assert_null(actr__plan_find(&plan, actr__text("0"), 104)); /* no codec of that section */
	assert_null(actr__plan_find(&plan, actr__text("7"), 104));
	assert_null(actr__plan_find(&plan, actr__text(""), 97));
	assert_int_equal(actr__plan_codec(&plan.sections[1], 104), ACTR_CODEC_H264);
	assert_int_equal(actr__plan_codec(&plan.sections[1], 102), 0);
}

static void a_new_section_toward_chrome_uses_its_payload_types(void **st)
{
	(void)st;
	take_offer(chrome_offer);
	add(&video);
	add(&second);
	assert_true(actr__plan_needs_offer(&plan));
	actr__plan_make_offer(&plan);
	write(true);
	assert_int_equal(own.section_count, 4);
	assert_int_equal(video.section, 1); /* where Chrome sends */
	assert_int_equal(second.section, 3);
	has("m=video 9 UDP/TLS/RTP/SAVPF 96 104\r\n");
	has("a=group:BUNDLE 0 1 2 3\r\n");
	assert_int_equal(own.sections[3].mid_extension, 4);
	actr__plan_roll_back(&plan);
	assert_int_equal(plan.count, 3);
	assert_true(second.section == ACTR__PLAN_NONE);
	assert_true(actr__plan_needs_offer(&plan));
}

static void an_offer_of_firefox_is_answered(void **st)
{
	(void)st;
	take_offer(firefox_offer);
	assert_int_equal(plan.mode, ACTR__RTP_PAYLOAD_FORMAT);
	has("m=video 9 UDP/TLS/RTP/SAVPF 120 126\r\n"); /* port 0 was bundle-only */
	has("a=recvonly\r\n");
	has("a=rtcp-fb:126 nack\r\n"); /* of the wildcard */
	has("a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n");
	assert_string_equal(plan.sections[1].peer_track, "{77aa-bb}");
	assert_int_equal(plan.sections[1].peer_codec, ACTR_CODEC_VP8);
}

static void a_track_that_a_sendonly_section_cannot_take_asks_for_its_own(void **st)
{
	(void)st;
	add(&video);
	take_offer(firefox_offer);
	assert_int_equal(video.state, ACTR__PLAN_WAITING);
	assert_true(actr__plan_needs_offer(&plan));
}

/* --- the original --- */

static void the_originals_offer_is_raw_and_answered_without_features(void **st)
{
	(void)st;
	read_original("rust-offer.sdp");
	assert_int_equal(actr__plan_take_offer(&plan, &sdp, NULL), 0);
	write(false);
	assert_int_equal(plan.mode, ACTR__RTP_RAW);
	assert_string_equal(plan.sections[0].peer_track, "video-track-1");
	assert_true(plan.sections[0].peer_ssrc == 1604077332);
	assert_int_equal(own.sections[0].direction, ACTR__SDP_RECVONLY);
	assert_int_equal(own.application, 1);
	has_not("a=rtcp-fb");
	has_not("a=extmap");
}

static void a_waiting_track_uses_the_originals_section(void **st)
{
	(void)st;
	add(&video);
	read_original("rust-offer.sdp");
	assert_int_equal(actr__plan_take_offer(&plan, &sdp, NULL), 0);
	write(false);
	assert_int_equal(own.sections[0].direction, ACTR__SDP_SENDRECV);
	has("m=video 9 UDP/TLS/RTP/SAVPF 102 96\r\n");
	has("a=ssrc:11 msid:actr-video camera\r\n");
	assert_int_equal(video.state, ACTR__PLAN_AGREED);
}

static void wanting_video_of_the_original_takes_its_answer(void **st)
{
	(void)st;
	plan.wants_video = true;
	actr__plan_make_offer(&plan);
	write(true);
	assert_int_equal(own.application, 0);
	assert_int_equal(own.sections[1].direction, ACTR__SDP_RECVONLY);
	read_original("rust-answer.sdp");
	/* It answers our order: the recorded answer is to an offer with video first. */
	assert_int_equal(actr__plan_take_answer(&plan, &sdp, NULL), ACTR_E_PROTOCOL);
	memset(&sdp.sections[2], 0, sizeof sdp.sections[2]);
	sdp.sections[2] = sdp.sections[0];
	sdp.sections[0] = sdp.sections[1];
	sdp.sections[1] = sdp.sections[2];
	sdp.sections[0].mid = actr__text("0");
	sdp.sections[1].mid = actr__text("1");
	assert_int_equal(actr__plan_take_answer(&plan, &sdp, NULL), 0);
	assert_int_equal(plan.mode, ACTR__RTP_RAW);
	assert_true(plan.sections[1].receives);
	assert_string_equal(plan.sections[1].peer_track, "video-track-1");
	assert_false(actr__plan_needs_offer(&plan));
}

/* --- sections --- */

static void a_refused_section_is_taken_with_a_new_mid(void **st)
{
	char mid[ACTR__SDP_MID_MAX + 1];

	(void)st;
	add(&video);
	actr__plan_make_offer(&plan);
	write(true);
	memcpy(mid, plan.sections[1].mid, sizeof mid);
	own.sections[1].rejected = true;
	assert_int_equal(actr__plan_take_answer(&plan, &own, NULL), 0);
	assert_int_equal(video.state, ACTR__PLAN_REFUSED);
	assert_false(actr__plan_needs_offer(&plan));
	actr__plan_remove(&plan, &video);
	add(&audio);
	actr__plan_make_offer(&plan);
	write(true);
	assert_int_equal(own.section_count, 2);
	assert_int_equal(own.sections[1].kind, ACTR__SDP_AUDIO);
	assert_string_not_equal(plan.sections[1].mid, mid);
	actr__plan_roll_back(&plan); /* it is a refused one again */
	write(true);
	assert_true(own.sections[1].rejected);
	assert_true(audio.section == ACTR__PLAN_NONE);
}

static void what_we_know_nothing_of_is_refused_in_its_place(void **st)
{
	(void)st;
	take_offer("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"
		   "m=image 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:i\r\n"
		   "m=video 9 UDP/TLS/RTP/SAVPF 45\r\na=mid:v\r\na=rtpmap:45 AV1/90000\r\n"
		   "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n");
	has("m=image 0 UDP/TLS/RTP/SAVPF 96\r\n");
	has("m=video 0 UDP/TLS/RTP/SAVPF 45\r\n");
	has("a=rtpmap:45 AV1/90000\r\n");
	has("a=group:BUNDLE d\r\n");
}

static void a_track_always_has_an_id(void **st)
{
	(void)st;
	take_offer("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"
		   "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\n"
		   "a=msid:stream two words\r\n"
		   "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n");
	assert_string_equal(plan.sections[0].peer_track, "unnamed");
	assert_string_equal(plan.sections[1].peer_track, "v");
}

static void a_later_offer_cannot_drop_sections(void **st)
{
	(void)st;
	take_offer(chrome_offer);
	parse("v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n");
	assert_int_equal(actr__plan_take_offer(&plan, &sdp, NULL), ACTR_E_PROTOCOL);
}

static void payload_types_of_others_are_kept_free(void **st)
{
	(void)st;
	add(&video);
	take_offer("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 102 96\r\na=mid:a\r\na=inactive\r\n"
		   "a=rtpmap:102 opus/48000/2\r\na=rtpmap:96 G722/8000\r\n"
		   "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n");
	actr__plan_make_offer(&plan);
	write(true);
	has("m=audio 9 UDP/TLS/RTP/SAVPF 102\r\n");
	has("m=video 9 UDP/TLS/RTP/SAVPF 98 97\r\n");
}

static void every_section_may_be_in_use(void **st)
{
	static struct actr__plan_track tracks[ACTR__PLAN_TRACKS_MAX];
	static char ids[ACTR__PLAN_TRACKS_MAX][8];

	(void)st;
	for (unsigned i = 0; i < ACTR__PLAN_TRACKS_MAX; i++) {
		(void)snprintf(ids[i], sizeof ids[i], "t%u", i);
		tracks[i] = (struct actr__plan_track){
			.track_id = ids[i], .stream_id = "s", .codec = 1 + i % 3, .ssrc = i + 1};
		add(&tracks[i]);
	}
	assert_int_equal(actr__plan_add(&plan, &video, NULL), ACTR_E_RESOURCE_EXHAUSTED);
	plan.wants_video = true;
	actr__plan_make_offer(&plan);
	write(true);
	assert_int_equal(own.section_count, ACTR__SDP_SECTIONS_MAX);
	assert_true(strlen(text) < 48 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, set_up)
		TEST(an_offer_of_chrome_is_answered_with_our_codecs_and_tracks),
		TEST(packets_of_chrome_find_their_section),
		TEST(a_new_section_toward_chrome_uses_its_payload_types),
		TEST(an_offer_of_firefox_is_answered),
		TEST(a_track_that_a_sendonly_section_cannot_take_asks_for_its_own),
		TEST(the_originals_offer_is_raw_and_answered_without_features),
		TEST(a_waiting_track_uses_the_originals_section),
		TEST(wanting_video_of_the_original_takes_its_answer),
		TEST(a_refused_section_is_taken_with_a_new_mid),
		TEST(what_we_know_nothing_of_is_refused_in_its_place),
		TEST(a_track_always_has_an_id),
		TEST(a_later_offer_cannot_drop_sections),
		TEST(payload_types_of_others_are_kept_free),
		TEST(every_section_may_be_in_use),
	};

	return cmocka_run_group_tests_name("media_plan", tests, NULL, NULL);
}
