/*
 * Two sessions of libsrtp: what we send and what we receive, each with a key of its own.
 *
 * Both take any SSRC: libsrtp makes a stream's state from the template, inbound only after a packet
 * was authenticated with it. Repeats are sent as they were (RFC 4588 4), so a packet may be
 * protected twice; the keystream is the same for the same bytes, which is what makes that safe.
 */
#include "wire/webrtc/srtp_internal.h"

#include <pthread.h>
#include <srtp2/srtp.h>

#define REPLAY_WINDOW 4096 /* packets, as many as a sender keeps for repeats */

struct profile {
	const char *name; /* OpenSSL's */
	srtp_profile_t id;
	size_t key_size, salt_size;
};

struct actr__srtp {
	srtp_t out, in;
};

static const struct profile profiles[] = {
	{"SRTP_AEAD_AES_128_GCM", srtp_profile_aead_aes_128_gcm, SRTP_AES_128_KEY_LEN,
	 SRTP_AEAD_SALT_LEN},
	{"SRTP_AEAD_AES_256_GCM", srtp_profile_aead_aes_256_gcm, SRTP_AES_256_KEY_LEN,
	 SRTP_AEAD_SALT_LEN},
	{"SRTP_AES128_CM_SHA1_80", srtp_profile_aes128_cm_sha1_80, SRTP_AES_128_KEY_LEN,
	 SRTP_SALT_LEN},
};

static bool is_ready;

static void start_libsrtp(void)
{
	is_ready = srtp_init() == srtp_err_status_ok;
}

static bool ensure_libsrtp(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, start_libsrtp);
	return is_ready;
}

static const struct profile *find_profile(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(profiles); i++)
		if (!strcmp(profiles[i].name, name))
			return &profiles[i];
	return NULL;
}

size_t actr__srtp_keying_size(const char *profile)
{
	const struct profile *p = find_profile(profile);

	return p ? 2 * (p->key_size + p->salt_size) : 0;
}

/* libsrtp wants a key with its salt behind it. */
static bool make_session(const struct profile *p, const uint8_t *key, const uint8_t *salt,
			 srtp_ssrc_type_t type, srtp_t *ret)
{
	uint8_t both[SRTP_MAX_KEY_LEN];
	srtp_policy_t policy = {.ssrc = {.type = type},
				.key = both,
				.window_size = REPLAY_WINDOW,
				.allow_repeat_tx = 1};
	bool ok;

	memcpy(both, key, p->key_size);
	memcpy(both + p->key_size, salt, p->salt_size);
	ok = srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, p->id) ==
		     srtp_err_status_ok &&
	     srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, p->id) ==
		     srtp_err_status_ok &&
	     srtp_create(ret, &policy) == srtp_err_status_ok;
	actr__wipe(both, sizeof both);
	return ok;
}

int actr__srtp_new(const char *profile, const uint8_t *keying, bool is_client,
		   struct actr__srtp **ret, actr_error *err)
{
	const struct profile *p = find_profile(profile);
	const uint8_t *keys = keying, *salts;
	struct actr__srtp *srtp;
	size_t own = is_client ? 0 : 1;

	if (!p)
		return ACTR_FAIL(err, ACTR_E_UNIMPLEMENTED, "no SRTP profile in common");
	srtp = actr__new0(struct actr__srtp);
	if (!srtp)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make an SRTP session");
	salts = keying + 2 * p->key_size;
	if (!ensure_libsrtp() ||
	    !make_session(p, keys + own * p->key_size, salts + own * p->salt_size,
			  ssrc_any_outbound, &srtp->out) ||
	    !make_session(p, keys + !own * p->key_size, salts + !own * p->salt_size,
			  ssrc_any_inbound, &srtp->in)) {
		(void)actr__srtp_free(srtp);
		return ACTR_FAIL(err, ACTR_E_INTERNAL, "cannot make an SRTP session");
	}
	*ret = srtp;
	return 0;
}

struct actr__srtp *actr__srtp_free(struct actr__srtp *srtp)
{
	if (!srtp)
		return NULL;
	if (srtp->out)
		(void)srtp_dealloc(srtp->out);
	if (srtp->in)
		(void)srtp_dealloc(srtp->in);
	actr__free(srtp);
	return NULL;
}

size_t actr__srtp_protect(struct actr__srtp *srtp, uint8_t *packet, size_t size, bool is_rtcp)
{
	int length = (int)size; /* a datagram */
	srtp_err_status_t rc = is_rtcp ? srtp_protect_rtcp(srtp->out, packet, &length)
				       : srtp_protect(srtp->out, packet, &length);

	return rc == srtp_err_status_ok ? (size_t)length : 0;
}

size_t actr__srtp_unprotect(struct actr__srtp *srtp, uint8_t *packet, size_t size, bool is_rtcp)
{
	int length = (int)size;
	srtp_err_status_t rc = is_rtcp ? srtp_unprotect_rtcp(srtp->in, packet, &length)
				       : srtp_unprotect(srtp->in, packet, &length);

	return rc == srtp_err_status_ok ? (size_t)length : 0;
}

/* One that was never made is fine. libsrtp takes the SSRC in network order. */
static void forget(srtp_t session, uint32_t ssrc)
{
	(void)srtp_remove_stream(session, __builtin_bswap32(ssrc));
}

void actr__srtp_forget_sent(struct actr__srtp *srtp, uint32_t ssrc)
{
	forget(srtp->out, ssrc);
}

void actr__srtp_forget_received(struct actr__srtp *srtp, uint32_t ssrc)
{
	forget(srtp->in, ssrc);
}
