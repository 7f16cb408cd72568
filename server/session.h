/* Inner header: what session.c and the files that answer its requests share. */
#ifndef ACTRD_SESSION_H
#define ACTRD_SESSION_H

#include "hub.h"

#define SESSION_STRIKES_MAX	  5u /* malformed messages before the connection is closed */
#define SESSION_SUBSCRIPTIONS_MAX 64u
#define SESSION_THROTTLED_MAX	  10000u /* messages over the rate before it is closed */
#define SESSION_FRAME_MAX	  (ACTR__SIGNALING_MAX + 4096u)

struct session {
	struct actr__list link;
	struct hub *hub;
	const struct session_events *events;
	void *user;
	struct actor *actor; /* its identity, or NULL; actor->session points back */
	struct credential_seen seen;
	struct actr__timer login; /* runs while there is no identity */
	struct bucket bucket;
	struct actr__list subscriptions; /* presence.c */
	unsigned subscription_count;
	unsigned strikes;
	unsigned throttled;
	uint64_t throttle_told_ms; /* a refused flood gets one answer a second */
	uint64_t pongs;
	bool closing; /* what still arrives is dropped */
	struct {
		const char *id, *traceparent, *tracestate;
	} question; /* what is being looked at, as it came; NULL between two */
};

/* A SignalingToActr in the making; `flow` is for the caller to fill in. */
struct push {
	Signaling__SignalingToActr flow;
	struct actr__pb_envelope envelope;
	struct actr__pb_id target;
	char id[40];
};

void push_init(struct push *push, struct hub *hub, const char *reply_for, const actr_id *target);
/* An id that this server never gave to another envelope. */
void envelope_id(struct hub *hub, char out[40]);

int session_send(struct session *session, actr_bytes frame);
/* An answer that cannot be queued ends the connection: nobody reads it. */
void session_push(struct session *session, struct push *push);
/* server_to_actr.error to the identity. */
void session_error(struct session *session, const char *reply_for, uint32_t wire_code,
		   const char *message);
void session_close(struct session *session, unsigned code, const char *reason);

/* --- answers, one file each --- */

void discovery_route(struct session *session, const char *reply_for,
		     const Actr__RouteCandidatesRequest *request, struct actr__arena *arena);
void discovery_list(struct session *session, const char *reply_for,
		    const Actr__DiscoveryRequest *request, struct actr__arena *arena);

/* Takes the received envelope apart and sends it on. */
void relay_forward(struct session *session, Signaling__SignalingEnvelope *envelope);

void presence_subscribe(struct session *session, const char *reply_for,
			const Actr__SubscribeActrUpRequest *request);
void presence_unsubscribe(struct session *session, const char *reply_for,
			  const Actr__UnsubscribeActrUpRequest *request);
/* The actor is here now: tell who waits for it. */
void presence_up(struct hub *hub, const struct actor *actor);
/* All subscriptions of the session. */
void presence_forget(struct session *session);

#endif
