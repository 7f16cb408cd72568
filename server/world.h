/*
 * For the tests of the server: a hub on a virtual loop, and clients that speak to it in envelopes
 * without a socket.
 */
#ifndef ACTRD_WORLD_H
#define ACTRD_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "session.h"

#define WORLD_INBOX_MAX 64

struct world {
	struct actr__loop *loop;
	struct store *store;
	struct hub hub;
	int64_t wall_ms; /* what actr__clock_wall_ms() says */
};

struct client {
	struct world *world;
	struct session *session;
	struct actr__arena arena; /* of what was received */
	Signaling__SignalingEnvelope *inbox[WORLD_INBOX_MAX];
	unsigned received; /* in the inbox */
	unsigned taken;
	unsigned close_code; /* 0: open */
	int send_rc;	     /* what sending to this client gives */
	actr_id id;
	uint8_t token[CREDENTIAL_MAX];
	actr_bytes credential;
	uint32_t key_id;
	int64_t expires_at_s;
	unsigned sent;
	char last_id[24]; /* envelope id of what was sent last */
};

void world_init(struct world *world, const struct hub_options *options);
void world_done(struct world *world);
/* Moves the loop's and the wall clock. */
void world_advance(struct world *world, uint64_t ms);

void client_open(struct client *client, struct world *world);
/* The socket is gone. */
void client_lose(struct client *client);
/* Encode and deliver; fills envelope id, version and time. */
void client_send(struct client *client, Signaling__SignalingEnvelope *envelope);
/* The next received envelope; asserts that there is one. */
Signaling__SignalingEnvelope *client_take(struct client *client);
/* The same, of a server_to_actr that answers the last request. */
Signaling__SignalingToActr *client_answer(struct client *client);
void client_expect_silence(struct client *client);
/* An error answer (server_to_actr.error) to the last request, with this code. */
void client_expect_error(struct client *client, uint32_t code);
void client_expect_envelope_error(struct client *client, uint32_t code);

/* Register and take the answer's identity. */
void client_register(struct client *client, uint32_t realm, const char *type);
/* The answer is in the inbox. */
void client_request_register(struct client *client, uint32_t realm, const char *type,
			     Actr__ServiceSpec *spec, Actr__Acl *acl);
/* Take RegisterOk from the inbox. */
void client_take_registered(struct client *client);

/* An actr_to_server flow with the client's source and credential; `fill` sets the payload. */
struct request {
	Signaling__SignalingEnvelope envelope;
	Signaling__ActrToSignaling flow;
	struct actr__pb_id source;
	Actr__AIdCredential credential;
};
Signaling__ActrToSignaling *request_init(struct request *request, const struct client *client);
void client_ping(struct client *client, float power, float backlog);
/* Ask for candidates; returns how many came and fills `out` with their serials. */
size_t client_route(struct client *client, const char *type,
		    Actr__RouteCandidatesRequest__NodeSelectionCriteria *criteria, uint64_t *out,
		    size_t max);
/* Relay a candidate with this text. */
void client_relay(struct client *client, const actr_id *to, const char *candidate);
/* Take a relayed candidate; asserts its source and text. */
Signaling__ActrRelay *client_expect_relay(struct client *client, const actr_id *from,
					  const char *candidate);

#endif
