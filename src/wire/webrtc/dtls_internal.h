/*
 * DTLS without sockets: datagrams in, datagrams out (RFC 6347, RFC 8842). Loop thread only.
 *
 * Events are called from inside actr__dtls_start(), _input() and the handshake timer; they must not
 * free the endpoint.
 */
#ifndef ACTR_WEBRTC_DTLS_INTERNAL_H
#define ACTR_WEBRTC_DTLS_INTERNAL_H

#include "loop/loop.h"
#include "wire/webrtc/sdp_internal.h"

struct actr__dtls;
struct actr__dtls_identity;

/* "sha-256 " and 32 bytes as AA:BB, and the 0. */
#define ACTR__FINGERPRINT_TEXT_SIZE (8 + 32 * 3)
/* What a record adds to its plaintext: header 13, nonce 8, tag 16. */
#define ACTR__DTLS_OVERHEAD 37u

/* A fresh key and a certificate that it signs itself; one for all endpoints of the process. */
int actr__dtls_identity_new(struct actr__dtls_identity **ret, actr_error *err);
struct actr__dtls_identity *actr__dtls_identity_free(struct actr__dtls_identity *identity);
const char *actr__dtls_identity_fingerprint(const struct actr__dtls_identity *identity);

struct actr__dtls_events {
	/* A datagram for the peer. */
	void (*on_output)(void *owner, const uint8_t *datagram, size_t size);
	/* The handshake is done and the peer's certificate is the one of its description. */
	void (*on_up)(void *owner);
	/* Once: the handshake failed (err->code), or the peer closed (ACTR_E_CLOSED). */
	void (*on_down)(void *owner, const actr_error *why);
	/* Plaintext of one record, borrowed and writable. */
	void (*on_record)(void *owner, uint8_t *data, size_t size);
};

struct actr__dtls_options {
	bool is_client;
	actr_bytes fingerprint_name; /* "sha-256", "sha-384", "sha-512"; copied */
	actr_bytes fingerprint;	     /* copied */
};

int actr__dtls_new(struct actr__loop *loop, struct actr__dtls_identity *identity,
		   const struct actr__dtls_options *options, const struct actr__dtls_events *events,
		   void *owner, struct actr__dtls **ret, actr_error *err);
struct actr__dtls *actr__dtls_free(struct actr__dtls *dtls);
/* The client begins. */
void actr__dtls_start(struct actr__dtls *dtls);
void actr__dtls_input(struct actr__dtls *dtls, const uint8_t *datagram, size_t size);
/* One record; false when it is not up, or failed. */
bool actr__dtls_write(struct actr__dtls *dtls, const uint8_t *data, size_t size);
/* close_notify, once, when it is up. */
void actr__dtls_shutdown(struct actr__dtls *dtls);
bool actr__dtls_is_up(const struct actr__dtls *dtls);
/* The negotiated profile's name (RFC 5764, RFC 7714), or NULL. */
const char *actr__dtls_srtp_profile(const struct actr__dtls *dtls);
/* RFC 5764 4.2: keys and salts of both directions. */
int actr__dtls_export_srtp(struct actr__dtls *dtls, uint8_t *out, size_t size);

#endif
