/* Codecs of the plan: what description lines mean, and which payload type is whose. */
#ifndef ACTR_WEBRTC_MEDIA_CODEC_INTERNAL_H
#define ACTR_WEBRTC_MEDIA_CODEC_INTERNAL_H

#include "wire/webrtc/media_plan_internal.h"

#define ACTR__KNOWN_CODECS 3u

struct actr__known_codec {
	actr_codec codec;
	enum actr__sdp_kind kind;
	const char *name, *fmtp;
	uint32_t clock_rate;
	uint8_t channels, type, feedback;
};

extern const struct actr__known_codec actr__known_codecs[ACTR__KNOWN_CODECS];

bool actr__sdp_is_media(enum actr__sdp_kind kind);
enum actr__sdp_kind actr__codec_kind(actr_codec codec);
/* The codec that a line of the peer means, in a form that we can make and read; or NULL. */
const struct actr__known_codec *actr__codec_recognize(const struct actr__sdp_section *section,
						      const struct actr__sdp_codec *codec);
/* The payload type for our offers: the session's, or a free one. */
uint8_t actr__codec_choose_type(struct actr__media_plan *plan,
				const struct actr__known_codec *known);
/* One payload type means one codec in the whole bundle (RFC 9143 9.1). */
void actr__codec_learn_types(struct actr__media_plan *plan,
			     const struct actr__sdp_section *section);
/* Adds the codec to a section of a description of ours, when it is one of the section's. */
void actr__codec_describe(const struct actr__media_plan *plan,
			  const struct actr__plan_section *section, actr_codec codec, bool is_offer,
			  struct actr__sdp_media *out);

#endif
