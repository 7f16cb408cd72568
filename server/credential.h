/*
 * Credentials: claims about an identity, signed by this server and opaque to nodes. Loop thread
 * only.
 *
 * Token: version 1, key id, realm (4 bytes each, big-endian), serial, issued at, expires at (8
 * bytes each, seconds of 1970), length and text of manufacturer and of name (1 byte lengths); then
 * the Ed25519 signature of "actr-cred-v1", a zero byte, and all that stands before it.
 */
#ifndef ACTRD_CREDENTIAL_H
#define ACTRD_CREDENTIAL_H

#include "store.h"

#define CREDENTIAL_MAX                                                                             \
	(1 + 4 + 4 + 8 + 8 + 8 + 1 + ACTR_MANUFACTURER_MAX + 1 + ACTR_TYPE_NAME_MAX + 64)
#define CREDENTIAL_KEYS_MAX 16

struct credential_key {
	uint32_t key_id;
	void *pair; /* EVP_PKEY */
};

struct issuer {
	struct credential_key keys[CREDENTIAL_KEYS_MAX]; /* the last one signs */
	unsigned key_count;
};

struct credential {
	uint8_t token[CREDENTIAL_MAX];
	size_t size;
	uint32_t key_id;
	int64_t expires_at_s;
};

/* The last token of a connection whose signature was found good: it need not be checked again. */
struct credential_seen {
	size_t size; /* 0: none */
	uint8_t token[CREDENTIAL_MAX];
};

/* Load the keys of the store; make the first one when there is none. */
int issuer_init(struct issuer *issuer, struct store *store, actr_error *err);
void issuer_done(struct issuer *issuer);
/* A new key that signs from now on; the old ones go on verifying. */
int issuer_rotate(struct issuer *issuer, struct store *store, actr_error *err);

int issuer_sign(const struct issuer *issuer, const actr_id *id, int64_t now_s, int64_t expires_at_s,
		struct credential *ret, actr_error *err);
/*
 * Whose it is. ACTR_E_UNAUTHENTICATED when anything is wrong with it, also a missing expiry. seen:
 * of this connection, or NULL; it saves the signature's check alone, key and expiry are looked at
 * each time.
 */
int issuer_verify(const struct issuer *issuer, actr_bytes token, uint32_t key_id, int64_t now_s,
		  struct credential_seen *seen, actr_id *ret_id, actr_error *err);

#endif
