/* What dtls.c and dtls_identity.c share: OpenSSL's types stay in these two files. */
#ifndef ACTR_WEBRTC_DTLS_IDENTITY_INTERNAL_H
#define ACTR_WEBRTC_DTLS_IDENTITY_INTERNAL_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "wire/webrtc/dtls_internal.h"

struct actr__dtls_identity {
	SSL_CTX *context;
	BIO_METHOD *bio;
	char fingerprint[ACTR__FINGERPRINT_TEXT_SIZE];
};

/* Of dtls.c: compares the certificate with the endpoint's fingerprint. */
int actr__dtls_verify(X509_STORE_CTX *store, void *unused);
BIO_METHOD *actr__dtls_bio_method(void);

#endif
