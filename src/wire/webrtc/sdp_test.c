#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/webrtc/media_plan_internal.h"

static const char chromium_offer[] =
	"v=0\r\n"
	"o=- 4962303333179871722 3 IN IP4 127.0.0.1\r\n"
	"s=-\r\n"
	"t=0 0\r\n"
	"a=group:BUNDLE 0 1 2\r\n"
	"a=msid-semantic: WMS stream\r\n"
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\n"
	"c=IN IP4 0.0.0.0\r\n"
	"a=ice-ufrag:Yh6M\r\n"
	"a=ice-pwd:ZXlKaGJHY2lPaUpJVXpJMU5pSXNJ\r\n"
	"a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:"
	"16:17:18:19:1a:1b:1c:1d:1e:1f\r\n"
	"a=setup:actpass\r\n"
	"a=mid:0\r\n"
	"a=sendonly\r\n"
	"a=rtcp-mux\r\n"
	"a=rtpmap:111 opus/48000/2\r\n"
	"a=fmtp:111 minptime=10;useinbandfec=1\r\n"
	"a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6\r\n"
	"a=ssrc:3570614608 msid:stream audio-track\r\n"
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
	"a=mid:1\r\n"
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
	"a=ice-ufrag:Yh6M\r\n"
	"a=ice-pwd:ZXlKaGJHY2lPaUpJVXpJMU5pSXNJ\r\n"
	"a=mid:2\r\n"
	"a=sctp-port:5000\r\n"
	"a=max-message-size:262144\r\n"
	"a=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host generation 0 ufrag Yh6M\r\n"
	"a=candidate:nonsense\r\n"
	"a=end-of-candidates\r\n";

static struct actr__sdp sdp;

static int parse(const char *text)
{
	return actr__sdp_parse(actr__text(text), &sdp, NULL);
}

static void a_browsers_offer_yields_all_that_we_use(void **st)
{
	(void)st;
	assert_int_equal(parse(chromium_offer), 0);
	assert_true(sdp.has_session_id);
	assert_true(sdp.session_id == 4962303333179871722u);
	assert_false(sdp.ours);
	assert_true(actr__bytes_equal_text(sdp.ufrag, "Yh6M"));
	assert_int_equal(sdp.fingerprint_size, 32);
	assert_int_equal(sdp.fingerprint[31], 0x1f);
	assert_int_equal(sdp.setup, ACTR__SDP_ACTPASS);
	assert_int_equal(sdp.sctp_port, 5000);
	assert_int_equal(sdp.max_message_size, 262144);
	assert_int_equal(sdp.section_count, 3);
	assert_int_equal(sdp.application, 2);
	assert_int_equal(sdp.candidate_count, 1);
	assert_true(actr__bytes_equal_text(sdp.candidates[0].ufrag, "Yh6M"));
	assert_true(sdp.end_of_candidates);
}

static void media_sections_keep_codecs_ssrc_and_track(void **st)
{
	const struct actr__sdp_section *audio = &sdp.sections[0];

	(void)st;
	assert_int_equal(parse(chromium_offer), 0);
	assert_int_equal(audio->kind, ACTR__SDP_AUDIO);
	assert_int_equal(audio->direction, ACTR__SDP_SENDONLY);
	assert_true(audio->rtcp_mux);
	assert_int_equal(audio->codec_count, 2);
	assert_int_equal(audio->codecs[0].payload_type, 111);
	assert_int_equal(audio->codecs[0].clock_rate, 48000);
	assert_int_equal(audio->codecs[0].channels, 2);
	assert_true(actr__bytes_equal_text(audio->codecs[0].name, "opus"));
	assert_true(actr__bytes_equal_text(audio->codecs[0].fmtp, "minptime=10;useinbandfec=1"));
	assert_true(audio->has_ssrc);
	assert_true(audio->ssrc == 3570614608u);
	assert_true(actr__bytes_equal_text(audio->msid_stream, "stream"));
	assert_true(actr__bytes_equal_text(audio->msid_track, "audio-track"));
	assert_int_equal(sdp.sections[1].codecs[0].clock_rate, 0);
}

static void transport_facts_of_the_session_are_used_when_no_section_has_them(void **st)
{
	(void)st;
	assert_int_equal(parse("v=0\no=- 1 1 IN IP4 0.0.0.0\na=ice-ufrag:abcd\n"
			       "a=ice-pwd:0123456789012345678901\na=setup:passive\n"
			       "a=fingerprint:sha-256 AA:BB\na=x-actr:1\n"
			       "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n"
			       "a=sctp-port:5000\n"),
			 0);
	assert_true(actr__bytes_equal_text(sdp.ufrag, "abcd"));
	assert_int_equal(sdp.setup, ACTR__SDP_PASSIVE);
	assert_int_equal(sdp.fingerprint_size, 2);
	assert_int_equal(sdp.max_message_size, 65536);
	assert_true(sdp.ours);
}

static void the_application_sections_credentials_win(void **st)
{
	(void)st;
	assert_int_equal(parse("v=0\na=ice-ufrag:session\n"
			       "m=video 9 UDP/TLS/RTP/SAVPF 96\na=ice-ufrag:video\n"
			       "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n"
			       "a=ice-ufrag:application\n"
			       "m=audio 9 UDP/TLS/RTP/SAVPF 0\na=ice-ufrag:audio\n"),
			 0);
	assert_true(actr__bytes_equal_text(sdp.ufrag, "application"));
}

static void malformed_descriptions_are_refused(void **st)
{
	static const char *const bad[] = {
		"",
		"v=1\n",
		"v=0\nnonsense\n",
		"v=0\nm=video\n",
		"v=0\nm=video 9 RTP 96\na=mid:a\rb\n",
		"v=0\nm=video 99999 RTP 96\n",
		"v=0\no=- x 1 IN IP4 0.0.0.0\n",
		"v=0\na=ice-ufrag:abc\n",
		"v=0\na=ice-pwd:short\n",
		"v=0\na=fingerprint:sha-256 ZZ\n",
		"v=0\na=fingerprint:sha-256\n",
		"v=0\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:70000\n",
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse(bad[i]), ACTR_E_DECODE);
}

static void a_nul_inside_a_line_is_refused(void **st)
{
	static const char text[] = "v=0\nm=vid\0eo 9 RTP 96\n";

	(void)st;
	assert_int_equal(actr__sdp_parse(actr__bytes(text, sizeof text - 1), &sdp, NULL),
			 ACTR_E_DECODE);
}

static void size_lines_and_sections_have_limits(void **st)
{
	struct actr__buf text;

	(void)st;
	actr__buf_init(&text, 1u << 20);
	assert_int_equal(actr__buf_puts(&text, "v=0\n"), 0);
	for (unsigned i = 0; i < ACTR__SDP_SECTIONS_MAX + 1; i++)
		assert_int_equal(actr__buf_puts(&text, "m=video 9 RTP 96\n"), 0);
	assert_int_equal(parse(actr__buf_text(&text)), ACTR_E_TOO_LARGE);
	actr__buf_clear(&text);
	assert_int_equal(actr__buf_puts(&text, "v=0\n"), 0);
	for (unsigned i = 0; i < ACTR__SDP_LINES_MAX; i++)
		assert_int_equal(actr__buf_puts(&text, "a=x\n"), 0);
	assert_int_equal(parse(actr__buf_text(&text)), ACTR_E_TOO_LARGE);
	while (text.size <= ACTR__SDP_MAX)
		assert_int_equal(actr__buf_puts(&text, "a=longer line than before\n"), 0);
	assert_int_equal(parse(actr__buf_text(&text)), ACTR_E_TOO_LARGE);
	actr__buf_done(&text);
}

static struct actr__sdp_local local = {
	.session_id = 77,
	.version = 1,
	.ufrag = "ufrag",
	.pwd = "0123456789012345678901",
	.fingerprint = "sha-256 AA:BB",
	.setup = ACTR__SDP_ACTIVE,
	.candidates = "candidate:1 1 udp 1 192.0.2.1 1000 typ host\n",
	.end_of_candidates = true,
};

static struct actr__sdp_media sections[ACTR__SDP_SECTIONS_MAX];
static const struct actr__sdp_media application = {.kind = ACTR__SDP_APPLICATION, .mid = "0"};

static void what_we_write_we_read(void **st)
{
	struct actr__buf out;

	(void)st;
	local.sections = &application;
	local.section_count = 1;
	actr__buf_init(&out, ACTR__SDP_MAX);
	assert_int_equal(actr__sdp_write(&local, &out), 0);
	assert_int_equal(actr__sdp_parse(actr__bytes(out.data, out.size), &sdp, NULL), 0);
	assert_true(sdp.ours);
	assert_int_equal(sdp.session_id, 77);
	assert_true(actr__bytes_equal_text(sdp.ufrag, "ufrag"));
	assert_int_equal(sdp.setup, ACTR__SDP_ACTIVE);
	assert_int_equal(sdp.candidate_count, 1);
	assert_true(sdp.end_of_candidates);
	assert_int_equal(sdp.max_message_size, 65535);
	assert_true(actr__bytes_equal_text(sdp.sections[0].mid, "0"));
	actr__buf_done(&out);
}

static void an_answer_mirrors_the_offers_sections(void **st)
{
	static struct actr__media_plan plan;
	static struct actr__sdp answer;
	struct actr__buf out;

	(void)st;
	assert_int_equal(parse(chromium_offer), 0);
	assert_int_equal(actr__plan_take_offer(&plan, &sdp, NULL), 0);
	local.sections = sections;
	local.section_count = actr__plan_describe(&plan, false, sections);
	actr__buf_init(&out, ACTR__SDP_MAX);
	assert_int_equal(actr__sdp_write(&local, &out), 0);
	assert_non_null(strstr(actr__buf_text(&out), "a=group:BUNDLE 0 2\r\n"));
	assert_int_equal(actr__sdp_parse(actr__bytes(out.data, out.size), &answer, NULL), 0);
	assert_int_equal(answer.section_count, 3);
	assert_int_equal(answer.application, 2);
	assert_int_equal(answer.sections[0].direction, ACTR__SDP_INACTIVE);
	assert_false(answer.sections[0].rejected);
	assert_true(actr__bytes_equal_text(answer.sections[0].codecs[0].name, "opus"));
	/* Nothing is known of its codecs. */
	assert_true(answer.sections[1].rejected);
	assert_true(actr__bytes_equal_text(answer.sections[2].mid, "2"));
	actr__buf_done(&out);
}

static void every_prefix_of_a_description_is_read_or_refused(void **st)
{
	(void)st;
	for (size_t size = 0; size < sizeof chromium_offer; size++) {
		char *copy = actr__memdup(chromium_offer, size);
		int rc = actr__sdp_parse(actr__bytes(copy, size), &sdp, NULL);

		assert_true(rc == 0 || rc == ACTR_E_DECODE);
		actr__free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_browsers_offer_yields_all_that_we_use),
		cmocka_unit_test(media_sections_keep_codecs_ssrc_and_track),
		cmocka_unit_test(transport_facts_of_the_session_are_used_when_no_section_has_them),
		cmocka_unit_test(the_application_sections_credentials_win),
		cmocka_unit_test(malformed_descriptions_are_refused),
		cmocka_unit_test(a_nul_inside_a_line_is_refused),
		cmocka_unit_test(size_lines_and_sections_have_limits),
		cmocka_unit_test(what_we_write_we_read),
		cmocka_unit_test(an_answer_mirrors_the_offers_sections),
		cmocka_unit_test(every_prefix_of_a_description_is_read_or_refused),
	};

	return cmocka_run_group_tests_name("sdp", tests, NULL, NULL);
}
