/*
 * The hub: what all connections share, and the sessions on top of it, without a socket. Bytes come
 * in by session_receive() and go out by an events table, so that tests drive it directly. Loop
 * thread only.
 */
#ifndef ACTRD_HUB_H
#define ACTRD_HUB_H

#include "bus.h"
#include "credential.h"
#include "bucket.h"
#include "metrics.h"
#include "policy.h"
#include "registry.h"

struct hub_options {
	bool dev;		   /* any realm, open to its members */
	uint32_t credential_ttl_s; /* 0: 3600 */
	uint32_t heartbeat_s;	   /* 0: 30 */
	uint32_t lease_ms;	   /* 0: 60,000 */
	uint32_t login_ms;	   /* without an identity; 0: 10,000 */
	uint32_t rate_per_s;	   /* messages of a connection; 0: 200 */
	uint32_t rate_burst;	   /* 0: 1,000 */
	size_t max_actors;	   /* 0: 100,000 */
};

struct hub {
	struct actr__loop *loop;
	struct store *store; /* the caller's */
	struct hub_options options;
	struct registry registry;
	struct issuer issuer;
	struct policy policy;
	struct metrics metrics;
	struct bus bus;
	struct actr__list sessions; /* struct session.link */
	size_t session_count;
	struct actr__timer reload;	   /* of the policy */
	uint64_t next_serial, last_serial; /* what is left of the block: [next, last) */
	uint64_t envelopes;		   /* sent, for their ids */
	char name[17];			   /* of this run, in envelope ids */
};

int hub_init(struct hub *hub, struct actr__loop *loop, struct store *store,
	     const struct hub_options *options, actr_error *err);
/* All sessions must be gone. */
void hub_done(struct hub *hub);

/* A serial that was never given out. */
int hub_next_serial(struct hub *hub, uint64_t *ret_serial, actr_error *err);
/* Whether `from` may call the actor: the administrator's rules and the actor's own. */
bool hub_may_call(const struct hub *hub, const actr_id *from, const struct actor *to);

/* --- sessions: one a connection --- */

struct session;

struct session_events {
	/* Copies. 0, ACTR_E_RESOURCE_EXHAUSTED when the queue is full, ACTR_E_CLOSED. */
	int (*send)(void *user, actr_bytes frame);
	/* Close after what is queued. session_free() comes later, not inside this call. */
	void (*close)(void *user, unsigned code, const char *reason);
};

int session_new(struct hub *hub, const struct session_events *events, void *user,
		struct session **ret_session, actr_error *err);
/* The connection is gone. NULL is fine; returns NULL. */
struct session *session_free(struct session *session);
/* One binary frame; borrowed. */
void session_receive(struct session *session, actr_bytes frame);
/* Something that is no envelope at all, e.g. a text frame. */
void session_malformed(struct session *session, const char *why);
/* Close all of them, e.g. with 1001 (going away). */
void hub_close_sessions(struct hub *hub, unsigned code, const char *reason);

#endif
