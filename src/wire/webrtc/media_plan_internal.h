/*
 * The plan: which tracks travel in which media sections (RFC 8829), without wire, socket or clock.
 *
 * It mirrors the m= lines of the session in their order; the data channels' section is one of them.
 * A section carries at most one track each way. None is ever removed: an unused one is inactive
 * until another track of its kind takes it, a refused one (port 0) may be taken with a new mid.
 */
#ifndef ACTR_WEBRTC_MEDIA_PLAN_INTERNAL_H
#define ACTR_WEBRTC_MEDIA_PLAN_INTERNAL_H

#include "wire/rtp/rtp.h"
#include "wire/webrtc/sdp_internal.h"

#define ACTR__PLAN_TRACKS_MAX 32u
#define ACTR__PLAN_CODECS     4u /* arrays by actr_codec */
#define ACTR__PLAN_NONE	      SIZE_MAX

enum actr__plan_state {
	ACTR__PLAN_WAITING, /* to be offered */
	ACTR__PLAN_AGREED,
	ACTR__PLAN_REFUSED, /* offered again when there is another reason for an offer */
};

/* One of ours. */
struct actr__plan_track {
	const char *track_id, *stream_id; /* token characters (RFC 8830 2) */
	actr_codec codec;
	uint32_t ssrc;
	enum actr__plan_state state;
	size_t section; /* or ACTR__PLAN_NONE */
};

struct actr__plan_section {
	enum actr__sdp_kind kind;
	char mid[ACTR__SDP_MID_MAX + 1];
	struct actr__plan_track *track; /* ours, or NULL */
	bool sends, receives;		/* we, as agreed */
	bool offers_send, offers_receive;
	bool is_refused;
	bool is_recycled;  /* our offer makes a new one of a refused one */
	char refused[128]; /* of whatever we refuse: "<media> 0 <proto> <format>" */
	/* By codec: payload types, 0 for none, and what the peer understands of feedback. */
	uint8_t receive_types[ACTR__PLAN_CODECS], send_types[ACTR__PLAN_CODECS];
	uint8_t feedback[ACTR__PLAN_CODECS];
	unsigned mid_extension; /* of the peer's last description */
	/* The peer's track, while `receives`. */
	char peer_track[ACTR_TRACK_ID_MAX + 1];
	actr_codec peer_codec; /* the one it prefers */
	bool has_peer_ssrc;
	uint32_t peer_ssrc;
	/* The codec of a refused section. */
	char refused_name[32];
	struct actr__sdp_codec refused_codec;
};

struct actr__media_plan {
	bool takes_samples; /* samples of the peer have somewhere to go */
	bool wants_video;   /* offers shall have a section to receive it */
	bool knows_peer, peer_is_ours;
	enum actr__rtp_mode mode;
	char cname[20];
	unsigned mid_extension;		  /* id in packets of the peer; 0: none */
	uint8_t types[ACTR__PLAN_CODECS]; /* that our offers use */
	uint8_t type_use[128];		  /* by payload type: 0 free, a codec, or 255 */
	char h264_fmtp[160];
	size_t count, agreed; /* sections; those from `agreed` on are in our offer only */
	struct actr__plan_section sections[ACTR__SDP_SECTIONS_MAX];
	size_t track_count;
	struct actr__plan_track *tracks[ACTR__PLAN_TRACKS_MAX];
};

/* The data channels' section alone has been agreed. A plan of zeros: nothing has. */
void actr__plan_init(struct actr__media_plan *plan, const char *mid);
/* ALREADY_EXISTS, RESOURCE_EXHAUSTED. */
int actr__plan_add(struct actr__media_plan *plan, struct actr__plan_track *track, actr_error *err);
void actr__plan_remove(struct actr__media_plan *plan, struct actr__plan_track *track);
/* Something is not as the peer was told. */
bool actr__plan_needs_offer(const struct actr__media_plan *plan);

/* Gives waiting tracks a section. Then the description is actr__plan_describe()'s. */
void actr__plan_make_offer(struct actr__media_plan *plan);
/* Our offer will not be answered any more: what it added is gone. */
void actr__plan_roll_back(struct actr__media_plan *plan);
/* The peer's answer to our offer. ACTR_E_PROTOCOL when it does not fit it. */
int actr__plan_take_answer(struct actr__media_plan *plan, const struct actr__sdp *answer,
			   actr_error *err);
/* ACTR_E_PROTOCOL, ACTR_E_TOO_LARGE. */
int actr__plan_can_answer(const struct actr__media_plan *plan, const struct actr__sdp *offer,
			  actr_error *err);
/* The peer's offer: what is agreed when our answer, actr__plan_describe()'s, leaves. */
int actr__plan_take_offer(struct actr__media_plan *plan, const struct actr__sdp *offer,
			  actr_error *err);
/* All sections for actr__sdp_write(); `out` has ACTR__SDP_SECTIONS_MAX. Borrowed from the plan. */
size_t actr__plan_describe(const struct actr__media_plan *plan, bool is_offer,
			   struct actr__sdp_media *out);
/* The section that a packet belongs to, by its MID, else by its payload type when only one uses
 * it (RFC 9143 9.2). NULL: unknown. */
struct actr__plan_section *actr__plan_find(struct actr__media_plan *plan, actr_bytes mid,
					   uint8_t payload_type);
/* The codec of a payload type that we announced; 0: none. */
actr_codec actr__plan_codec(const struct actr__plan_section *section, uint8_t payload_type);

#endif
