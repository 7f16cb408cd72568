/*
 * ICE candidates as text (RFC 8839 5.1) and the rules for which of a peer's we use. No state.
 */
#ifndef ACTR_WEBRTC_CANDIDATE_INTERNAL_H
#define ACTR_WEBRTC_CANDIDATE_INTERNAL_H

#include "wire/webrtc/addr_internal.h"

#define ACTR__CANDIDATE_LINE_MAX  1024u /* of a peer; ours */
#define ACTR__CANDIDATE_TEXT_SIZE 256	/* what actr__candidate_format() writes at most */
#define ACTR__CANDIDATES_MAX	  64u	/* of one ICE generation; ours */

enum actr__candidate_type {
	ACTR__CANDIDATE_HOST,
	ACTR__CANDIDATE_SRFLX,
	ACTR__CANDIDATE_PRFLX,
	ACTR__CANDIDATE_RELAY,
};

enum actr__candidate_transport {
	ACTR__CANDIDATE_UDP,
	ACTR__CANDIDATE_TCP_ACTIVE, /* RFC 6544 4.5 */
	ACTR__CANDIDATE_TCP_PASSIVE,
	ACTR__CANDIDATE_TCP_SO,
};

struct actr__candidate {
	char foundation[33];
	uint16_t component; /* 1 to 256 */
	uint32_t priority;
	enum actr__candidate_type type;
	enum actr__candidate_transport transport;
	bool mdns; /* the address is a .local name; `addr` is empty */
	bool has_related;
	union actr__addr addr, related;
	actr_bytes ufrag; /* extension "ufrag", in the parsed line; or empty */
};

/*
 * One line with or without "a=" and "candidate:". Unknown extensions are skipped. ACTR_E_DECODE for
 * anything malformed, ACTR_E_UNIMPLEMENTED for a well-formed line that is no use to us (a name that
 * is not .local, an unknown transport or type). An empty line is ACTR_E_DECODE: the caller knows
 * that it means the end of candidates.
 */
int actr__candidate_parse(actr_bytes line, struct actr__candidate *ret, actr_error *err);
/* "candidate:…" without "a=". Returns out. */
char *actr__candidate_format(const struct actr__candidate *candidate,
			     char out[ACTR__CANDIDATE_TEXT_SIZE]);

enum actr__candidate_verdict {
	ACTR__CANDIDATE_USE,
	ACTR__CANDIDATE_DENY,	  /* loopback, link-local, multicast, unspecified, port 0 */
	ACTR__CANDIDATE_MDNS,	  /* a name that we cannot resolve */
	ACTR__CANDIDATE_NO_MATCH, /* another component, or TCP while we speak UDP only */
};
enum actr__candidate_verdict actr__candidate_judge(const struct actr__candidate *candidate,
						   bool loopback);

#endif
