/*
 * Session descriptions (RFC 8866, RFC 8829, RFC 8841) as two peers of this library, the original
 * and browsers exchange them. The parser is total and keeps slices into the text; no state.
 */
#ifndef ACTR_WEBRTC_SDP_INTERNAL_H
#define ACTR_WEBRTC_SDP_INTERNAL_H

#include "wire/webrtc/candidate_internal.h"

#define ACTR__SDP_MAX	       (64u * 1024u)
#define ACTR__SDP_LINES_MAX    2000u
#define ACTR__SDP_SECTIONS_MAX 16u
#define ACTR__SDP_CODECS_MAX   32u  /* of a section; further ones are not kept */
#define ACTR__ICE_UFRAG_MAX    256u /* RFC 8839 5.4 */
#define ACTR__ICE_PWD_MAX      256u
#define ACTR__FINGERPRINT_MAX  64u /* bytes: SHA-512 */
/* a=x-actr:1 at session level: the peer is this library. */
#define ACTR__SDP_MARKER "x-actr"

enum actr__sdp_direction {
	ACTR__SDP_SENDRECV,
	ACTR__SDP_SENDONLY,
	ACTR__SDP_RECVONLY,
	ACTR__SDP_INACTIVE,
};

enum actr__sdp_setup { /* RFC 8842 */
		       ACTR__SDP_SETUP_NONE,
		       ACTR__SDP_ACTPASS,
		       ACTR__SDP_ACTIVE,
		       ACTR__SDP_PASSIVE,
};

enum actr__sdp_kind { ACTR__SDP_APPLICATION, ACTR__SDP_VIDEO, ACTR__SDP_AUDIO, ACTR__SDP_OTHER };

struct actr__sdp_codec {
	uint8_t payload_type;
	uint8_t channels;    /* 1 when not given */
	uint32_t clock_rate; /* 0: no a=rtpmap */
	actr_bytes name, fmtp;
};

struct actr__sdp_section {
	enum actr__sdp_kind kind;
	enum actr__sdp_direction direction;
	bool rejected; /* port 0 */
	bool rtcp_mux;
	actr_bytes media, proto, formats; /* of the m= line */
	actr_bytes mid;
	actr_bytes msid_stream, msid_track; /* of a=msid or of a=ssrc:… msid: */
	bool has_ssrc;
	uint32_t ssrc; /* the first */
	size_t codec_count;
	struct actr__sdp_codec codecs[ACTR__SDP_CODECS_MAX];
};

/* Slices point into the parsed text. ICE and DTLS facts are those of the application section. */
struct actr__sdp {
	uint64_t session_id; /* of o= */
	bool has_session_id;
	bool ours; /* ACTR__SDP_MARKER */
	actr_bytes ufrag, pwd;
	actr_bytes fingerprint_name; /* "sha-256" */
	uint8_t fingerprint[ACTR__FINGERPRINT_MAX];
	size_t fingerprint_size; /* 0: none */
	enum actr__sdp_setup setup;
	uint16_t sctp_port;	   /* 0: none */
	uint64_t max_message_size; /* 65,536 when absent (RFC 8841 6.1); 0: any */
	bool end_of_candidates;
	size_t candidate_count;
	struct actr__candidate candidates[ACTR__CANDIDATES_MAX];
	size_t section_count;
	size_t application; /* index of the application section; section_count: none */
	struct actr__sdp_section sections[ACTR__SDP_SECTIONS_MAX];
};

/*
 * ACTR_E_DECODE, ACTR_E_TOO_LARGE. A description without ICE credentials, fingerprint or
 * application section is parsed too: whether it is enough is the caller's to say.
 */
int actr__sdp_parse(actr_bytes text, struct actr__sdp *ret, actr_error *err);

struct actr__sdp_local {
	uint64_t session_id;
	uint32_t version;
	const char *ufrag, *pwd;
	const char *fingerprint; /* "sha-256 AA:BB:…" */
	enum actr__sdp_setup setup;
	const char *candidates; /* lines "candidate:…\n"; may be empty */
	bool end_of_candidates;
	const struct actr__sdp *offer; /* answer this; NULL: offer one application section */
};

/*
 * Append the description. Answering mirrors the offer's sections in order, with their mids: media
 * is inactive, or rejected when nothing is known of its codecs.
 */
int actr__sdp_write(const struct actr__sdp_local *local, struct actr__buf *out);

#endif
