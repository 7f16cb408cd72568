/* Writing a session description, section by section. */
#include "wire/webrtc/sdp_internal.h"

static const char *const setup_names[] = {"actpass", "actpass", "active", "passive"};
static const char *const direction_names[] = {"sendrecv", "sendonly", "recvonly", "inactive"};

static int width(actr_bytes text)
{
	return (int)text.size; /* slices of an SDP are at most 64 KiB */
}

static const char *chars(actr_bytes text)
{
	return text.data ? (const char *)text.data : "";
}

static void write_mid(const struct actr__sdp_media *s, struct actr__buf *out)
{
	if (*s->mid)
		(void)actr__buf_printf(out, "a=mid:%s\r\n", s->mid);
}

static void write_transport(const struct actr__sdp_local *local, struct actr__buf *out)
{
	(void)actr__buf_printf(out,
			       "c=IN IP4 0.0.0.0\r\n"
			       "a=ice-ufrag:%s\r\n"
			       "a=ice-pwd:%s\r\n"
			       "a=ice-options:trickle\r\n"
			       "a=fingerprint:%s\r\n"
			       "a=setup:%s\r\n",
			       local->ufrag, local->pwd, local->fingerprint,
			       setup_names[local->setup]);
}

static void write_candidates(const struct actr__sdp_local *local, struct actr__buf *out)
{
	const char *line = local->candidates ? local->candidates : "";

	while (*line) {
		size_t size = strcspn(line, "\n");

		(void)actr__buf_printf(out, "a=%.*s\r\n", (int)size, line);
		line += size + (line[size] ? 1 : 0);
	}
	if (local->end_of_candidates)
		(void)actr__buf_puts(out, "a=end-of-candidates\r\n");
}

static void write_application(const struct actr__sdp_local *local, const struct actr__sdp_media *s,
			      struct actr__buf *out)
{
	(void)actr__buf_puts(out, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n");
	write_transport(local, out);
	write_mid(s, out);
	(void)actr__buf_puts(out, "a=sctp-port:5000\r\n"
				  "a=max-message-size:65535\r\n");
	write_candidates(local, out);
}

/* --- media --- */

static void write_codec(const struct actr__sdp_codec *codec, struct actr__buf *out)
{
	unsigned type = codec->payload_type;

	(void)actr__buf_printf(out, "a=rtpmap:%u %.*s/%u", type, width(codec->name),
			       chars(codec->name), codec->clock_rate);
	if (codec->channels > 1)
		(void)actr__buf_printf(out, "/%u", (unsigned)codec->channels);
	(void)actr__buf_puts(out, "\r\n");
	if (codec->fmtp.size)
		(void)actr__buf_printf(out, "a=fmtp:%u %.*s\r\n", type, width(codec->fmtp),
				       chars(codec->fmtp));
	if (codec->feedback & ACTR__SDP_NACK)
		(void)actr__buf_printf(out, "a=rtcp-fb:%u nack\r\n", type);
	if (codec->feedback & ACTR__SDP_PLI)
		(void)actr__buf_printf(out, "a=rtcp-fb:%u nack pli\r\n", type);
	if (codec->feedback & ACTR__SDP_FIR)
		(void)actr__buf_printf(out, "a=rtcp-fb:%u ccm fir\r\n", type);
}

/* The original knows a track by the a=ssrc line alone, browsers by a=msid. */
static void write_track(const struct actr__sdp_media *s, struct actr__buf *out)
{
	if (!s->track)
		return;
	(void)actr__buf_printf(out,
			       "a=msid:%s %s\r\n"
			       "a=ssrc:%u cname:%s\r\n"
			       "a=ssrc:%u msid:%s %s\r\n",
			       s->stream, s->track, s->ssrc, s->cname, s->ssrc, s->stream,
			       s->track);
}

static void write_media(const struct actr__sdp_local *local, const struct actr__sdp_media *s,
			struct actr__buf *out)
{
	(void)actr__buf_printf(out, "m=%s 9 UDP/TLS/RTP/SAVPF",
			       s->kind == ACTR__SDP_VIDEO ? "video" : "audio");
	for (size_t i = 0; i < s->codec_count; i++)
		(void)actr__buf_printf(out, " %u", (unsigned)s->codecs[i].payload_type);
	(void)actr__buf_puts(out, "\r\n");
	write_transport(local, out);
	write_mid(s, out);
	if (s->mid_extension)
		(void)actr__buf_printf(out, "a=extmap:%u " ACTR__SDP_MID_URI "\r\n",
				       s->mid_extension);
	(void)actr__buf_printf(out, "a=%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
			       direction_names[s->direction]);
	for (size_t i = 0; i < s->codec_count; i++)
		write_codec(&s->codecs[i], out);
	write_track(s, out);
}

/* The original refuses a whole description when a refused section's codec has no a=rtpmap. */
static void write_refused(const struct actr__sdp_media *s, struct actr__buf *out)
{
	(void)actr__buf_printf(out, "m=%s\r\nc=IN IP4 0.0.0.0\r\n", s->refused);
	write_mid(s, out);
	(void)actr__buf_puts(out, "a=inactive\r\n");
	for (size_t i = 0; i < s->codec_count; i++)
		write_codec(&s->codecs[i], out);
}

/* --- all of it --- */

static void write_session(const struct actr__sdp_local *local, struct actr__buf *out)
{
	(void)actr__buf_printf(out,
			       "v=0\r\n"
			       "o=- %llu %u IN IP4 127.0.0.1\r\n"
			       "s=-\r\n"
			       "t=0 0\r\n",
			       (unsigned long long)local->session_id, local->version);
	(void)actr__buf_puts(out, "a=group:BUNDLE");
	for (size_t i = 0; i < local->section_count; i++)
		if (!local->sections[i].refused && *local->sections[i].mid)
			(void)actr__buf_printf(out, " %s", local->sections[i].mid);
	(void)actr__buf_puts(out, "\r\n"
				  "a=msid-semantic: WMS *\r\n"
				  "a=" ACTR__SDP_MARKER ":1\r\n");
}

int actr__sdp_write(const struct actr__sdp_local *local, struct actr__buf *out)
{
	write_session(local, out);
	for (size_t i = 0; i < local->section_count; i++) {
		const struct actr__sdp_media *s = &local->sections[i];

		if (s->refused)
			write_refused(s, out);
		else if (s->kind == ACTR__SDP_APPLICATION)
			write_application(local, s, out);
		else
			write_media(local, s, out);
	}
	return out->failed;
}
