/*
 * The public address of a host behind a 1:1 NAT, as clouds have it: told by the configuration, so
 * that no STUN server is needed. No state.
 */
#ifndef ACTR_WEBRTC_MAPPING_INTERNAL_H
#define ACTR_WEBRTC_MAPPING_INTERNAL_H

#include "wire/webrtc/candidate_internal.h"

struct actr__mapping {
	bool is_set;
	union actr__addr public_addr;
	bool has_local; /* else any address of the family */
	union actr__addr local;
};

/* "PUBLIC" or "PUBLIC/LOCAL", numeric; NULL sets nothing. ACTR_E_CONFIG. */
int actr__mapping_parse(const char *text, struct actr__mapping *ret, actr_error *err);
/*
 * The server-reflexive candidate that belongs to this host candidate of ours, on the same port;
 * false when there is none. A candidate that a STUN server told of is not mapped again (defect 24).
 */
bool actr__mapping_apply(const struct actr__mapping *mapping, const char *line,
			 char out[ACTR__CANDIDATE_TEXT_SIZE]);

#endif
