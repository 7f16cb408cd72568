/*
 * SRTP and SRTCP of one connection (RFC 3711, 7714), keyed by DTLS (RFC 5764). Loop thread only.
 *
 * A stream that was never heard of gets its state only after one of its packets was authenticated.
 */
#ifndef ACTR_WEBRTC_SRTP_INTERNAL_H
#define ACTR_WEBRTC_SRTP_INTERNAL_H

#include "base/base.h"

/* Room that protecting needs behind a packet: SRTP_MAX_TRAILER_LEN and SRTCP's index. */
#define ACTR__SRTP_TAIL 148u
/* The longest of the profiles: two keys of 32 bytes, two salts of 12. */
#define ACTR__SRTP_KEYING_MAX 88u

struct actr__srtp;

/* Bytes of keying material that the profile needs; 0: it is none of ours. */
size_t actr__srtp_keying_size(const char *profile);
/* profile: as actr__dtls_srtp_profile(). keying: RFC 5764 4.2, client first. */
int actr__srtp_new(const char *profile, const uint8_t *keying, bool is_client,
		   struct actr__srtp **ret, actr_error *err);
struct actr__srtp *actr__srtp_free(struct actr__srtp *srtp);
/* In place; returns the new size, 0 when it failed. `packet` has room for ACTR__SRTP_TAIL more. */
size_t actr__srtp_protect(struct actr__srtp *srtp, uint8_t *packet, size_t size, bool is_rtcp);
/* In place; returns the new size, 0: forged, repeated or too old. */
size_t actr__srtp_unprotect(struct actr__srtp *srtp, uint8_t *packet, size_t size, bool is_rtcp);
/* Forget a stream. */
void actr__srtp_forget_sent(struct actr__srtp *srtp, uint32_t ssrc);
void actr__srtp_forget_received(struct actr__srtp *srtp, uint32_t ssrc);

#endif
