/*
 * Session descriptions (RFC 8866, RFC 8829, RFC 8841) as two peers of this library, the original
 * and browsers exchange them. The parser is total and keeps slices into the text; no state.
 */
#ifndef ACTR_WEBRTC_SDP_INTERNAL_H
#define ACTR_WEBRTC_SDP_INTERNAL_H

#include "wire/webrtc/candidate_internal.h"

#define ACTR__SDP_MAX	       (64u * 1024u)
#define ACTR__SDP_LINES_MAX    2000u
#define ACTR__SDP_SECTIONS_MAX 33u  /* data channels and 32 of media */
#define ACTR__SDP_CODECS_MAX   32u  /* of a section; further ones are not kept */
#define ACTR__ICE_UFRAG_MAX    256u /* RFC 8839 5.4 */
#define ACTR__ICE_PWD_MAX      256u
#define ACTR__FINGERPRINT_MAX  64u /* bytes: SHA-512 */
#define ACTR__SDP_MID_URI      "urn:ietf:params:rtp-hdrext:sdes:mid"
#define ACTR__SDP_MID_MAX      64u
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

/* a=rtcp-fb (RFC 4585 4.2, RFC 5104 7.1) */
enum actr__sdp_feedback {
	ACTR__SDP_NACK = 1,
	ACTR__SDP_PLI = 2,
	ACTR__SDP_FIR = 4,
};

struct actr__sdp_codec {
	uint8_t payload_type;
	uint8_t feedback;    /* bits */
	uint8_t channels;    /* 1 when not given */
	uint32_t clock_rate; /* 0: no a=rtpmap */
	actr_bytes name, fmtp;
};

struct actr__sdp_section {
	enum actr__sdp_kind kind;
	enum actr__sdp_direction direction;
	bool rejected; /* port 0, and not a=bundle-only (RFC 9143 6) */
	bool rtcp_mux;
	bool has_features;     /* a=rtcp-fb or a=extmap: no peer of the original has any */
	uint8_t mid_extension; /* id of the MID header extension (RFC 9143 15); 0: none */
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

#define ACTR__SDP_OWN_CODECS 2u /* of a section that we write */

/* A section of a description of ours. */
struct actr__sdp_media {
	enum actr__sdp_kind kind; /* APPLICATION: the data channels' */
	const char *mid;	  /* "": none */
	const char *refused;	  /* "<media> 0 <proto> <formats>": port 0; else NULL */
	enum actr__sdp_direction direction;
	size_t codec_count;
	struct actr__sdp_codec codecs[ACTR__SDP_OWN_CODECS]; /* the preferred one first */
	unsigned mid_extension;
	const char *track, *stream, *cname; /* track NULL: nothing is sent */
	uint32_t ssrc;
};

struct actr__sdp_local {
	uint64_t session_id;
	uint32_t version;
	const char *ufrag, *pwd;
	const char *fingerprint; /* "sha-256 AA:BB:…" */
	enum actr__sdp_setup setup;
	const char *candidates; /* lines "candidate:…\n"; may be empty */
	bool end_of_candidates;
	const struct actr__sdp_media *sections;
	size_t section_count;
};

/* Append the description: an offer, or an answer whose sections are those of the offer. */
int actr__sdp_write(const struct actr__sdp_local *local, struct actr__buf *out);

#endif
