#ifndef ACTR_TRANSPORT_INTERNAL_H
#define ACTR_TRANSPORT_INTERNAL_H

#include "transport/transport.h"

#define LANE_COUNT 4

struct peer {
	struct actr__map_node node; /* in transport->peers while `listed` */
	struct actr__transport *transport;
	actr_id id;
	struct actr__wire *wire; /* current, or NULL */
	uint64_t session;	 /* number of the current or last wire */
	enum actr__peer_state state;
	uint64_t state_since_ms;	     /* loop time */
	bool congested[LANE_COUNT];	     /* told */
	struct actr__list queue[LANE_COUNT]; /* struct actr__send */
	size_t queued_bytes;
	unsigned refs;	   /* the map, and calls under way */
	unsigned failures; /* attempts in a row that never opened */
	bool listed;
	struct actr__timer redial;
};

struct actr__send {
	struct actr__list link;
	struct peer *peer;
	struct actr__timer expiry;
	void (*on_done)(void *user, const actr_error *err);
	void *user;
	unsigned lane;
	bool part; /* ACTR__SEND_PART */
	size_t size;
	uint8_t bytes[];
};

struct actr__transport {
	struct actr__loop *loop;
	struct actr__transport_options options;
	struct actr__wire_maker maker;
	const struct actr__transport_events *events;
	void *owner;
	struct actr__map peers;
	uint64_t last_session;
	bool freeing;
	bool wants_media;
};

struct peer *peer_find(const struct actr__transport *transport, const actr_id *id);
int peer_new(struct actr__transport *transport, const actr_id *id, struct peer **ret_peer,
	     actr_error *err);
void peer_unref(struct peer *peer);
/* Begin a connection unless one exists or is waited for. */
void peer_connect(struct peer *peer);
/* Tell its wire that samples are wanted. */
void peer_want_media(struct peer *peer);
int peer_accept(struct peer *peer, const struct actr__signal *offer, actr_error *err);
/* End the current wire; what is queued is carried over or fails. */
void peer_drop_wire(struct peer *peer, const actr_error *why);
/* Forget it when nothing keeps it. */
void peer_settle(struct peer *peer);
/* Fail everything that is queued. */
void peer_fail_queue(struct peer *peer, const actr_error *why);
/* Tell it when it changes. */
void peer_set_congested(struct peer *peer, unsigned lane, bool congested);
/* The wire is open. */
int peer_send_now(struct peer *peer, unsigned lane, bool part, actr_bytes message, actr_error *err);
/* `lane` may carry ACTR__SEND_PART. */
int peer_enqueue(struct peer *peer, unsigned lane, actr_bytes message, uint64_t expires_ns,
		 void (*on_done)(void *, const actr_error *), void *user,
		 struct actr__send **ret_queued, actr_error *err);

#endif
