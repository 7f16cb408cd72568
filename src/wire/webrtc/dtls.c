/*
 * A DTLS endpoint over a BIO that knows one datagram at a time.
 *
 * Reading hands out the datagram that actr__dtls_input() was given, once; writing calls on_output.
 * No memory BIO, no copy but OpenSSL's own. The peer's certificate is compared with the fingerprint
 * of its description inside the handshake, so a stranger gets an alert and nothing it sent is
 * delivered. Handshake datagrams that were lost are repeated by a loop timer, first after 50 ms,
 * then doubling.
 */
#include "wire/webrtc/dtls_identity_internal.h"

#include <openssl/err.h>
#include <strings.h>

#define FIRST_TIMEOUT_US  50000u
#define MAX_TIMEOUT_US	  1000000u
#define HANDSHAKE_MTU	  1200
#define RECORD_MAX	  16384 /* RFC 6347 4.1: plaintext of one record */
#define SRTP_EXPORT_LABEL "EXTRACTOR-dtls_srtp"

struct actr__dtls {
	SSL *ssl;
	const struct actr__dtls_events *events;
	void *owner;
	struct actr__loop *loop;
	struct actr__timer timer; /* handshake */
	const uint8_t *input;	  /* the datagram that the BIO hands out; NULL: none */
	size_t input_size;
	const EVP_MD *hash;
	uint8_t fingerprint[ACTR__FINGERPRINT_MAX];
	size_t fingerprint_size;
	bool is_up, is_down, is_mismatch, is_client;
};

/* --- the BIO --- */

static int bio_read(BIO *bio, char *out, int size)
{
	struct actr__dtls *dtls = BIO_get_data(bio);
	size_t take = dtls->input_size < (size_t)size ? dtls->input_size : (size_t)size;

	BIO_clear_retry_flags(bio);
	if (!dtls->input) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(out, dtls->input, take);
	dtls->input = NULL;
	return (int)take;
}

static int bio_write(BIO *bio, const char *data, int size)
{
	struct actr__dtls *dtls = BIO_get_data(bio);

	dtls->events->on_output(dtls->owner, (const uint8_t *)data, (size_t)size);
	return size;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return HANDSHAKE_MTU;
	default:
		return 0;
	}
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *actr__dtls_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram");

	if (!method)
		return NULL;
	(void)BIO_meth_set_read(method, bio_read);
	(void)BIO_meth_set_write(method, bio_write);
	(void)BIO_meth_set_ctrl(method, bio_ctrl);
	(void)BIO_meth_set_create(method, bio_create);
	return method;
}

/* --- the peer's certificate --- */

int actr__dtls_verify(X509_STORE_CTX *store, void *unused)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct actr__dtls *dtls = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	(void)unused;
	if (certificate && X509_digest(certificate, dtls->hash, digest, &size) &&
	    size == dtls->fingerprint_size && !CRYPTO_memcmp(digest, dtls->fingerprint, size))
		return 1;
	dtls->is_mismatch = true;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

static const EVP_MD *hash_named(actr_bytes name)
{
	static const struct {
		const char *name;
		const EVP_MD *(*hash)(void);
	} hashes[] = {{"sha-256", EVP_sha256}, {"sha-384", EVP_sha384}, {"sha-512", EVP_sha512}};

	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++)
		if (name.size == 7 && !strncasecmp((const char *)name.data, hashes[i].name, 7))
			return hashes[i].hash();
	return NULL;
}

/* --- handshake --- */

static void go_down(struct actr__dtls *dtls, const actr_error *why)
{
	if (dtls->is_down)
		return;
	dtls->is_down = true;
	dtls->is_up = false;
	actr__timer_stop(dtls->loop, &dtls->timer);
	dtls->events->on_down(dtls->owner, why);
}

static void fail_handshake(struct actr__dtls *dtls)
{
	actr_error why = ACTR_ERROR_INIT;
	char text[128];

	ERR_error_string_n(ERR_peek_error(), text, sizeof text);
	ERR_clear_error();
	if (dtls->is_mismatch)
		(void)ACTR_FAIL(&why, ACTR_E_UNAUTHENTICATED,
				"the peer's DTLS certificate does not match the fingerprint of its "
				"session description");
	else
		(void)ACTR_FAIL(&why, ACTR_E_PROTOCOL, "DTLS handshake failed: %s", text);
	go_down(dtls, &why);
}

static unsigned next_timeout_us(SSL *ssl, unsigned last_us)
{
	(void)ssl;
	if (!last_us)
		return FIRST_TIMEOUT_US;
	return last_us > MAX_TIMEOUT_US / 2 ? MAX_TIMEOUT_US : last_us * 2;
}

static void arm_timer(struct actr__dtls *dtls)
{
	struct timeval left;

	if (dtls->is_up || dtls->is_down || !DTLSv1_get_timeout(dtls->ssl, &left)) {
		actr__timer_stop(dtls->loop, &dtls->timer);
		return;
	}
	/* Without the timer a lost flight is repeated when the peer repeats its own. */
	(void)actr__timer_set(dtls->loop, &dtls->timer,
			      (uint64_t)left.tv_sec * 1000 + (uint64_t)left.tv_usec / 1000 + 1);
}

static void shake_hands(struct actr__dtls *dtls)
{
	int rc, reason;

	ERR_clear_error();
	rc = SSL_do_handshake(dtls->ssl);
	if (rc == 1) {
		dtls->is_up = true;
		actr__timer_stop(dtls->loop, &dtls->timer);
		dtls->events->on_up(dtls->owner);
		return;
	}
	reason = SSL_get_error(dtls->ssl, rc);
	if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
		arm_timer(dtls);
	else
		fail_handshake(dtls);
}

static void on_timer(struct actr__timer *timer)
{
	struct actr__dtls *dtls = container_of(timer, struct actr__dtls, timer);

	ERR_clear_error();
	if (DTLSv1_handle_timeout(dtls->ssl) < 0) /* OpenSSL gives up after 12 repetitions */
		fail_handshake(dtls);
	else
		arm_timer(dtls);
}

/* --- records --- */

static void read_records(struct actr__dtls *dtls)
{
	static _Thread_local uint8_t plain[RECORD_MAX];
	int size = 0, reason;

	while (!dtls->is_down && (size = SSL_read(dtls->ssl, plain, sizeof plain)) > 0)
		dtls->events->on_record(dtls->owner, plain, (size_t)size);
	if (dtls->is_down)
		return;
	reason = SSL_get_error(dtls->ssl, size);
	if (reason == SSL_ERROR_ZERO_RETURN) {
		actr_error why = ACTR_ERROR_INIT;

		(void)ACTR_FAIL(&why, ACTR_E_CLOSED, "the peer closed the connection");
		go_down(dtls, &why);
	} else if (reason == SSL_ERROR_SSL || reason == SSL_ERROR_SYSCALL) {
		fail_handshake(dtls); /* a fatal alert */
	}
}

void actr__dtls_input(struct actr__dtls *dtls, const uint8_t *datagram, size_t size)
{
	if (dtls->is_down || !size)
		return;
	dtls->input = datagram;
	dtls->input_size = size;
	if (!dtls->is_up)
		shake_hands(dtls);
	if (dtls->is_up)
		read_records(dtls);
	dtls->input = NULL;
	ERR_clear_error();
}

bool actr__dtls_write(struct actr__dtls *dtls, const uint8_t *data, size_t size)
{
	if (!dtls->is_up || SSL_write(dtls->ssl, data, (int)size) > 0)
		return dtls->is_up;
	ERR_clear_error();
	return false;
}

void actr__dtls_start(struct actr__dtls *dtls)
{
	if (dtls->is_client)
		shake_hands(dtls);
}

void actr__dtls_shutdown(struct actr__dtls *dtls)
{
	if (!dtls->is_up)
		return;
	(void)SSL_shutdown(dtls->ssl); /* best effort: the datagram may be lost as well */
	ERR_clear_error();
	dtls->is_up = false;
	dtls->is_down = true;
}

bool actr__dtls_is_up(const struct actr__dtls *dtls)
{
	return dtls->is_up;
}

const char *actr__dtls_srtp_profile(const struct actr__dtls *dtls)
{
	SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(dtls->ssl);

	return profile ? profile->name : NULL;
}

int actr__dtls_export_srtp(struct actr__dtls *dtls, uint8_t *out, size_t size)
{
	if (!dtls->is_up)
		return ACTR_E_STATE;
	return SSL_export_keying_material(dtls->ssl, out, size, SRTP_EXPORT_LABEL,
					  sizeof SRTP_EXPORT_LABEL - 1, NULL, 0, 0) == 1
		       ? 0
		       : ACTR_E_INTERNAL;
}

/* --- life --- */

static bool make_ssl(struct actr__dtls *dtls, struct actr__dtls_identity *identity)
{
	BIO *bio = BIO_new(identity->bio);

	dtls->ssl = bio ? SSL_new(identity->context) : NULL;
	if (!dtls->ssl) {
		BIO_free(bio);
		return false;
	}
	BIO_set_data(bio, dtls);
	SSL_set_bio(dtls->ssl, bio, bio);
	SSL_set_app_data(dtls->ssl, dtls);
	(void)SSL_set_mtu(dtls->ssl, HANDSHAKE_MTU); /* limits handshake flights only */
	DTLS_set_timer_cb(dtls->ssl, next_timeout_us);
	if (dtls->is_client)
		SSL_set_connect_state(dtls->ssl);
	else
		SSL_set_accept_state(dtls->ssl);
	return true;
}

int actr__dtls_new(struct actr__loop *loop, struct actr__dtls_identity *identity,
		   const struct actr__dtls_options *options, const struct actr__dtls_events *events,
		   void *owner, struct actr__dtls **ret, actr_error *err)
{
	struct actr__dtls *dtls;
	const EVP_MD *hash = hash_named(options->fingerprint_name);

	if (!hash || options->fingerprint.size != (size_t)EVP_MD_get_size(hash))
		return ACTR_FAIL(err, ACTR_E_UNIMPLEMENTED,
				 "session description without a SHA-2 certificate fingerprint");
	dtls = actr__new0(struct actr__dtls);
	if (!dtls)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a DTLS endpoint");
	dtls->loop = loop;
	dtls->events = events;
	dtls->owner = owner;
	dtls->hash = hash;
	dtls->is_client = options->is_client;
	dtls->fingerprint_size = options->fingerprint.size;
	memcpy(dtls->fingerprint, options->fingerprint.data, options->fingerprint.size);
	actr__timer_init(&dtls->timer, on_timer);
	if (!make_ssl(dtls, identity)) {
		ERR_clear_error();
		actr__free(dtls);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a DTLS endpoint");
	}
	*ret = dtls;
	return 0;
}

struct actr__dtls *actr__dtls_free(struct actr__dtls *dtls)
{
	if (!dtls)
		return NULL;
	actr__timer_stop(dtls->loop, &dtls->timer);
	SSL_free(dtls->ssl);
	actr__free(dtls);
	return NULL;
}
