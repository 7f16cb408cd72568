/*
 * Door of the server: the listening socket and its connections on top of the hub, plain HTTP pages,
 * the STUN responder, and a drain. Loop thread only.
 */
#ifndef ACTRD_SERVER_H
#define ACTRD_SERVER_H

#include "hub.h"

#define SERVER_PATH "/signaling/ws"

struct server_options {
	const char *host;		  /* numeric */
	uint16_t port;			  /* 0: a free one */
	const char *cert_file, *key_file; /* both: TLS */
	const char *db;			  /* ":memory:" keeps nothing */
	unsigned max_connections;	  /* 0: 10,000 */
	bool public_metrics;		  /* /metrics also for peers that are not on loopback */
	bool no_stun;
	struct hub_options hub;
};

struct server;

/* Listening when it returns; *ret_port is the port. The options' strings are borrowed for good. */
int server_new(struct actr__loop *loop, const struct server_options *options,
	       struct server **ret_server, uint16_t *ret_port, actr_error *err);
/*
 * Accept nothing new and close what is open with 1001 (going away). on_drained comes once, from the
 * loop, when all are closed or after five seconds. Idempotent.
 */
void server_drain(struct server *server, void (*on_drained)(void *user), void *user);
/* NULL is fine; returns NULL. May run turns of the loop. */
struct server *server_free(struct server *server);

#endif
