/* The codecs that we make and read, their payload types, and how a description names them. */
#include "wire/webrtc/media_codec_internal.h"

#include <strings.h>

#define TYPE_FIRST   96u /* dynamic payload types (RFC 3551 6) */
#define TYPE_OTHER   255u
#define H264_FMTP    "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
#define OPUS_FMTP    "minptime=10;useinbandfec=1"
#define ALL_FEEDBACK (ACTR__SDP_NACK | ACTR__SDP_PLI | ACTR__SDP_FIR)

/* Payload types are those of the original. */
const struct actr__known_codec actr__known_codecs[ACTR__KNOWN_CODECS] = {
	{ACTR_CODEC_VP8, ACTR__SDP_VIDEO, "VP8", "", 90000, 1, 96, ALL_FEEDBACK},
	{ACTR_CODEC_H264, ACTR__SDP_VIDEO, "H264", H264_FMTP, 90000, 1, 102, ALL_FEEDBACK},
	{ACTR_CODEC_OPUS, ACTR__SDP_AUDIO, "opus", OPUS_FMTP, 48000, 2, 111, ACTR__SDP_NACK},
};

bool actr__sdp_is_media(enum actr__sdp_kind kind)
{
	return kind == ACTR__SDP_VIDEO || kind == ACTR__SDP_AUDIO;
}

enum actr__sdp_kind actr__codec_kind(actr_codec codec)
{
	return codec == ACTR_CODEC_OPUS ? ACTR__SDP_AUDIO : ACTR__SDP_VIDEO;
}

static bool has_text(actr_bytes text, const char *part)
{
	return text.size && memmem(text.data, text.size, part, strlen(part));
}

/* The codec that a line of the peer means, in a form that we can make and read. */
const struct actr__known_codec *actr__codec_recognize(const struct actr__sdp_section *s,
						      const struct actr__sdp_codec *codec)
{
	for (size_t i = 0; i < ACTR__KNOWN_CODECS; i++) {
		const struct actr__known_codec *k = &actr__known_codecs[i];

		if (k->kind != s->kind || codec->clock_rate != k->clock_rate ||
		    codec->channels != k->channels || codec->name.size != strlen(k->name) ||
		    strncasecmp((const char *)codec->name.data, k->name, codec->name.size))
			continue;
		/* RFC 6184 6.2: without it there are no fragmentation units. */
		if (k->codec == ACTR_CODEC_H264 && !has_text(codec->fmtp, "packetization-mode=1"))
			continue;
		return k;
	}
	return NULL;
}

/* --- payload types --- */

uint8_t actr__codec_choose_type(struct actr__media_plan *plan, const struct actr__known_codec *k)
{
	unsigned type = k->type;

	if (plan->types[k->codec])
		return plan->types[k->codec];
	if (plan->type_use[type] && plan->type_use[type] != k->codec)
		for (type = TYPE_FIRST; type < 127 && plan->type_use[type]; type++)
			;
	plan->type_use[type] = (uint8_t)k->codec;
	return plan->types[k->codec] = (uint8_t)type;
}

/* One payload type means one codec in the whole bundle (RFC 9143 9.1). */
void actr__codec_learn_types(struct actr__media_plan *plan, const struct actr__sdp_section *s)
{
	for (size_t i = 0; i < s->codec_count; i++) {
		const struct actr__known_codec *k = actr__codec_recognize(s, &s->codecs[i]);
		uint8_t type = s->codecs[i].payload_type;

		if (!plan->type_use[type])
			plan->type_use[type] = k ? (uint8_t)k->codec : TYPE_OTHER;
		if (k && !plan->types[k->codec])
			plan->types[k->codec] = type;
	}
}

void actr__codec_describe(const struct actr__media_plan *plan, const struct actr__plan_section *s,
			  actr_codec codec, bool is_offer, struct actr__sdp_media *out)
{
	const struct actr__known_codec *k = NULL;
	const char *fmtp;

	for (size_t i = 0; i < ACTR__KNOWN_CODECS; i++)
		if (actr__known_codecs[i].codec == codec)
			k = &actr__known_codecs[i];
	if (!k || !s->receive_types[codec] || out->codec_count == ACTR__SDP_OWN_CODECS)
		return;
	fmtp = codec == ACTR_CODEC_H264 && plan->h264_fmtp[0] ? plan->h264_fmtp : k->fmtp;
	out->codecs[out->codec_count++] = (struct actr__sdp_codec){
		.payload_type = s->receive_types[codec],
		.clock_rate = k->clock_rate,
		.channels = k->channels,
		.name = actr__text(k->name),
		.fmtp = actr__text(fmtp),
		.feedback = is_offer ? k->feedback : s->feedback[codec],
	};
}

actr_codec actr__plan_codec(const struct actr__plan_section *section, uint8_t payload_type)
{
	for (unsigned i = 1; payload_type && i < ACTR__PLAN_CODECS; i++)
		if (section->receive_types[i] == payload_type)
			return (actr_codec)i;
	return 0;
}
