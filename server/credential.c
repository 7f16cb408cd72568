#include "credential.h"

#include <openssl/evp.h>

#define DOMAIN	       "actr-cred-v1" /* signed with its terminating 0 */
#define SIGNATURE_SIZE 64
#define CLAIMS_MAX     (CREDENTIAL_MAX - SIGNATURE_SIZE)
#define VERSION	       1

static int add_key(struct issuer *issuer, uint32_t key_id, const uint8_t seed[STORE_SEED_SIZE])
{
	EVP_PKEY *pair;

	if (issuer->key_count == CREDENTIAL_KEYS_MAX) { /* the oldest has long expired */
		EVP_PKEY_free(issuer->keys[0].pair);
		memmove(issuer->keys, issuer->keys + 1, sizeof issuer->keys - sizeof *issuer->keys);
		issuer->key_count--;
	}
	pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, STORE_SEED_SIZE);
	if (!pair)
		return ACTR_E_NOMEM;
	issuer->keys[issuer->key_count++] = (struct credential_key){key_id, pair};
	return 0;
}

static int on_key(void *user, uint32_t key_id, const uint8_t seed[STORE_SEED_SIZE])
{
	return add_key(user, key_id, seed);
}

int issuer_rotate(struct issuer *issuer, struct store *store, actr_error *err)
{
	uint32_t last = issuer->key_count ? issuer->keys[issuer->key_count - 1].key_id : 0;
	uint8_t seed[STORE_SEED_SIZE];
	int rc = actr__random(seed, sizeof seed);

	if (rc == 0)
		rc = store_add_key(store, last + 1, seed, err);
	if (rc == 0)
		rc = add_key(issuer, last + 1, seed);
	actr__wipe(seed, sizeof seed);
	return rc;
}

int issuer_init(struct issuer *issuer, struct store *store, actr_error *err)
{
	int rc;

	issuer->key_count = 0;
	rc = store_each_key(store, on_key, issuer, err);
	if (rc == 0 && !issuer->key_count)
		rc = issuer_rotate(issuer, store, err);
	if (rc < 0)
		issuer_done(issuer);
	return rc;
}

void issuer_done(struct issuer *issuer)
{
	while (issuer->key_count)
		EVP_PKEY_free(issuer->keys[--issuer->key_count].pair);
}

static uint8_t *put(uint8_t *out, uint64_t value, unsigned size)
{
	while (size--)
		*out++ = (uint8_t)(value >> (8 * size));
	return out;
}

static uint8_t *put_text(uint8_t *out, const char *text)
{
	size_t size = strlen(text);

	*out++ = (uint8_t)size;
	memcpy(out, text, size);
	return out + size;
}

static size_t put_claims(uint8_t *out, uint32_t key_id, const actr_id *id, int64_t now_s,
			 int64_t expires_at_s)
{
	uint8_t *at = put(out, VERSION, 1);

	at = put(at, key_id, 4);
	at = put(at, id->realm, 4);
	at = put(at, id->serial, 8);
	at = put(at, (uint64_t)now_s, 8);
	at = put(at, (uint64_t)expires_at_s, 8);
	at = put_text(at, id->type.manufacturer);
	at = put_text(at, id->type.name);
	return (size_t)(at - out);
}

/* What is signed: the domain, a zero byte, the claims. */
static size_t message_of(const uint8_t *claims, size_t size, uint8_t *out)
{
	memcpy(out, DOMAIN, sizeof DOMAIN);
	memcpy(out + sizeof DOMAIN, claims, size);
	return sizeof DOMAIN + size;
}

int issuer_sign(const struct issuer *issuer, const actr_id *id, int64_t now_s, int64_t expires_at_s,
		struct credential *ret, actr_error *err)
{
	const struct credential_key *key = &issuer->keys[issuer->key_count - 1];
	size_t claims = put_claims(ret->token, key->key_id, id, now_s, expires_at_s);
	size_t signature = SIGNATURE_SIZE;
	uint8_t message[sizeof DOMAIN + CLAIMS_MAX];
	size_t size = message_of(ret->token, claims, message);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pair) == 1 &&
		    EVP_DigestSign(context, ret->token + claims, &signature, message, size) == 1;

	EVP_MD_CTX_free(context);
	if (!good)
		return ACTR_FAIL(err, ACTR_E_INTERNAL, "cannot sign a credential");
	ret->size = claims + signature;
	ret->key_id = key->key_id;
	ret->expires_at_s = expires_at_s;
	return 0;
}

struct claims {
	uint64_t version, key_id, realm, issued_at_s, expires_at_s;
	actr_id id;
};

static bool get(actr_bytes *at, unsigned size, uint64_t *ret)
{
	if (at->size < size)
		return false;
	*ret = 0;
	for (unsigned i = 0; i < size; i++)
		*ret = *ret << 8 | at->data[i];
	*at = actr__bytes(at->data + size, at->size - size);
	return true;
}

static bool get_text(actr_bytes *at, char *out, size_t out_size)
{
	uint64_t size;

	if (!get(at, 1, &size) || at->size < size ||
	    !actr__copy_text(out, out_size, actr__bytes(at->data, (size_t)size)))
		return false;
	*at = actr__bytes(at->data + size, at->size - (size_t)size);
	return true;
}

static bool get_claims(actr_bytes at, struct claims *ret)
{
	if (!get(&at, 1, &ret->version) || ret->version != VERSION || !get(&at, 4, &ret->key_id) ||
	    !get(&at, 4, &ret->realm) || !get(&at, 8, &ret->id.serial) ||
	    !get(&at, 8, &ret->issued_at_s) || !get(&at, 8, &ret->expires_at_s))
		return false;
	ret->id.realm = (uint32_t)ret->realm;
	return get_text(&at, ret->id.type.manufacturer, sizeof ret->id.type.manufacturer) &&
	       get_text(&at, ret->id.type.name, sizeof ret->id.type.name) && !at.size;
}

static bool signature_holds(const struct credential_key *key, actr_bytes token)
{
	size_t claims = token.size - SIGNATURE_SIZE;
	uint8_t message[sizeof DOMAIN + CLAIMS_MAX];
	size_t size = message_of(token.data, claims, message);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good =
		context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pair) == 1 &&
		EVP_DigestVerify(context, token.data + claims, SIGNATURE_SIZE, message, size) == 1;

	EVP_MD_CTX_free(context);
	return good;
}

static const struct credential_key *find_key(const struct issuer *issuer, uint32_t key_id)
{
	for (unsigned i = 0; i < issuer->key_count; i++)
		if (issuer->keys[i].key_id == key_id)
			return &issuer->keys[i];
	return NULL;
}

/* The token names its key, and that is compared as well: the same bytes have the same signature. */
static bool is_authentic(const struct credential_key *key, actr_bytes token,
			 struct credential_seen *seen)
{
	if (seen && seen->size == token.size && !memcmp(seen->token, token.data, token.size))
		return true;
	if (!signature_holds(key, token))
		return false;
	if (seen) {
		seen->size = token.size;
		memcpy(seen->token, token.data, token.size);
	}
	return true;
}

int issuer_verify(const struct issuer *issuer, actr_bytes token, uint32_t key_id, int64_t now_s,
		  struct credential_seen *seen, actr_id *ret_id, actr_error *err)
{
	const struct credential_key *key = find_key(issuer, key_id);
	struct claims claims = {.version = 0};

	if (token.size <= SIGNATURE_SIZE || token.size > CREDENTIAL_MAX || !key ||
	    !is_authentic(key, token, seen) ||
	    !get_claims(actr__bytes(token.data, token.size - SIGNATURE_SIZE), &claims) ||
	    claims.key_id != key_id)
		return ACTR_FAIL(err, ACTR_E_UNAUTHENTICATED, "the credential is not valid");
	if (!claims.expires_at_s || claims.expires_at_s < (uint64_t)now_s)
		return ACTR_FAIL(err, ACTR_E_UNAUTHENTICATED, "the credential has expired");
	*ret_id = claims.id;
	return 0;
}
