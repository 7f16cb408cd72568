#ifndef ACTR_TRANSPORT_INTERNAL_H
#define ACTR_TRANSPORT_INTERNAL_H

#include "transport/transport.h"

#define LANE_COUNT 4

#define DIRECT_TICKET_SIZE 33 /* 32 hex digits */
#define DIRECT_URL_MAX	   255u
#define DIRECT_LINE_MAX	   (DIRECT_URL_MAX + 64)

/* The direct lane beside a peer's wire (direct.c). */
struct direct {
	char ours[DIRECT_TICKET_SIZE];	 /* what the peer has to present; "": nothing does */
	char theirs[DIRECT_TICKET_SIZE]; /* what we have to; "": the peer knows no direct lane */
	char url[DIRECT_URL_MAX + 1];	 /* where the peer listens, or "" */
	struct actr__wire *wire;	 /* that is being set up; or NULL */
	struct actr__timer timer;	 /* the current wire's time is over, or our waiting's */
	bool due;			 /* it was over once */
	bool is_current;		 /* peer->wire is a direct one */
	bool was_current;		 /* the last session's was */
	actr_error why;			 /* the current wire has closed, but we wait */
};

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
	struct direct direct;
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
	char direct_url[DIRECT_URL_MAX + 1]; /* "": we do not listen */
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
/* The current wire is over. */
void peer_lose_wire(struct peer *peer, const actr_error *why);
/* A wire was made and is the current one. */
void peer_begun(struct peer *peer);
/* The current wire is open. */
void peer_opened(struct peer *peer);
/* The current wire is lost to this one, which opens a session of its own. */
void peer_replace_wire(struct peer *peer, struct actr__wire *wire);
extern const struct actr__wire_events peer_wire_events;
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

/* --- direct.c --- */

void direct_init(struct peer *peer);
/* A session begins, or its current wire recovers; it ends. */
void direct_begin(struct peer *peer);
void direct_recovering(struct peer *peer);
void direct_end(struct peer *peer);
/* The current wire is open: the other is not needed. */
void direct_rest(struct peer *peer);
/* The current wire has closed without our doing: whether the direct lane is waited for. */
bool direct_holds(struct peer *peer, const actr_error *why);
/* News of peer->direct.wire. */
void direct_on_state(struct peer *peer, enum actr__wire_state state, const actr_error *why);
/* A description of ours, with our line in it; *ret_text is actr__free()d, or NULL: none is needed.
 */
int direct_advertise(const struct peer *peer, const struct actr__signal *signal, char **ret_text);
/* A description of the peer's. */
void direct_learn(struct peer *peer, const struct actr__signal *signal);
/* An offer that is older than the direct wire which carries this session. */
bool direct_is_past(const struct peer *peer, const struct actr__signal *signal);
/*
 * The line of a description: "a=x-actr-direct:<ticket>[ <url>]" before the first m= line. The url
 * is "" when there is none. ACTR_E_NOT_FOUND, ACTR_E_DECODE.
 */
int direct_parse(const char *text, char ret_ticket[DIRECT_TICKET_SIZE],
		 char ret_url[DIRECT_URL_MAX + 1]);

#endif
