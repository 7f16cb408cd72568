/* Writing a session description: our offer, or the answer that mirrors an offer's sections. */
#include "wire/webrtc/sdp_internal.h"

static const char *const setup_names[] = {"actpass", "actpass", "active", "passive"};

static int width(actr_bytes text)
{
	return (int)text.size; /* slices of an SDP are at most 64 KiB */
}

static const char *chars(actr_bytes text)
{
	return text.data ? (const char *)text.data : "";
}

/* The codec that an inactive answer names: the original insists on one with its rtpmap. */
static const struct actr__sdp_codec *first_codec(const struct actr__sdp_section *section)
{
	for (size_t i = 0; i < section->codec_count; i++)
		if (section->codecs[i].clock_rate)
			return &section->codecs[i];
	return NULL;
}

static bool is_accepted(const struct actr__sdp *offer, size_t index)
{
	const struct actr__sdp_section *s = &offer->sections[index];

	if (s->rejected)
		return false;
	return index == offer->application || first_codec(s) != NULL;
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

static void write_application(const struct actr__sdp_local *local, actr_bytes mid,
			      struct actr__buf *out)
{
	(void)actr__buf_puts(out, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n");
	write_transport(local, out);
	if (mid.size)
		(void)actr__buf_printf(out, "a=mid:%.*s\r\n", width(mid), chars(mid));
	(void)actr__buf_puts(out, "a=sctp-port:5000\r\n"
				  "a=max-message-size:65535\r\n");
	write_candidates(local, out);
}

static void write_media(const struct actr__sdp_local *local, const struct actr__sdp_section *s,
			struct actr__buf *out)
{
	const struct actr__sdp_codec *codec = first_codec(s);
	unsigned type = codec->payload_type;

	(void)actr__buf_printf(out, "m=%.*s 9 %.*s %u\r\n", width(s->media), chars(s->media),
			       width(s->proto), chars(s->proto), type);
	write_transport(local, out);
	if (s->mid.size)
		(void)actr__buf_printf(out, "a=mid:%.*s\r\n", width(s->mid), chars(s->mid));
	(void)actr__buf_printf(out, "a=inactive\r\na=rtcp-mux\r\na=rtpmap:%u %.*s/%u", type,
			       width(codec->name), chars(codec->name), codec->clock_rate);
	if (codec->channels > 1)
		(void)actr__buf_printf(out, "/%u", (unsigned)codec->channels);
	(void)actr__buf_puts(out, "\r\n");
	if (codec->fmtp.size)
		(void)actr__buf_printf(out, "a=fmtp:%u %.*s\r\n", type, width(codec->fmtp),
				       chars(codec->fmtp));
}

static void write_rejected(const struct actr__sdp_section *s, struct actr__buf *out)
{
	(void)actr__buf_printf(out, "m=%.*s 0 %.*s %.*s\r\nc=IN IP4 0.0.0.0\r\n", width(s->media),
			       chars(s->media), width(s->proto), chars(s->proto), width(s->formats),
			       chars(s->formats));
	if (s->mid.size)
		(void)actr__buf_printf(out, "a=mid:%.*s\r\n", width(s->mid), chars(s->mid));
	(void)actr__buf_puts(out, "a=inactive\r\n");
}

static void write_session(const struct actr__sdp_local *local, struct actr__buf *out)
{
	(void)actr__buf_printf(out,
			       "v=0\r\n"
			       "o=- %llu %u IN IP4 127.0.0.1\r\n"
			       "s=-\r\n"
			       "t=0 0\r\n",
			       (unsigned long long)local->session_id, local->version);
	(void)actr__buf_puts(out, "a=group:BUNDLE");
	if (!local->offer)
		(void)actr__buf_puts(out, " 0");
	for (size_t i = 0; local->offer && i < local->offer->section_count; i++) {
		actr_bytes mid = local->offer->sections[i].mid;

		if (mid.size && is_accepted(local->offer, i))
			(void)actr__buf_printf(out, " %.*s", width(mid), chars(mid));
	}
	(void)actr__buf_puts(out, "\r\n"
				  "a=msid-semantic: WMS\r\n"
				  "a=" ACTR__SDP_MARKER ":1\r\n");
}

int actr__sdp_write(const struct actr__sdp_local *local, struct actr__buf *out)
{
	const struct actr__sdp *offer = local->offer;

	write_session(local, out);
	if (!offer)
		write_application(local, actr__text("0"), out);
	for (size_t i = 0; offer && i < offer->section_count; i++) {
		if (!is_accepted(offer, i))
			write_rejected(&offer->sections[i], out);
		else if (i == offer->application)
			write_application(local, offer->sections[i].mid, out);
		else
			write_media(local, &offer->sections[i], out);
	}
	return out->failed;
}
