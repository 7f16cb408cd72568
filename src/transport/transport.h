/*
 * Door of transport: messages to actors, whatever connection that takes.
 *
 * A peer is made by the first send to it, or by its offer. It has at most one current wire; when
 * that is lost, what had not left is carried over to a new one within its deadline, and what had
 * left is told as lost. A peer without a wire and without anything to send is forgotten. Loop
 * thread only.
 */
#ifndef ACTR_TRANSPORT_H
#define ACTR_TRANSPORT_H

#include "base/base.h"
#include "loop/loop.h"
#include "protocol/protocol.h"
#include "wire/wire.h"

struct actr__transport;
struct actr__send; /* a queued message */

/*
 * idle → connecting → open ⇄ recovering → disconnected → connecting … → idle. Each session ends in
 * disconnected, with its reason; idle means that the peer is forgotten.
 */
enum actr__peer_state {
	ACTR__PEER_IDLE,
	ACTR__PEER_CONNECTING,
	ACTR__PEER_OPEN,
	ACTR__PEER_RECOVERING,
	ACTR__PEER_DISCONNECTED,
};

struct actr__peer_change {
	const actr_id *id;
	uint64_t session; /* counting from 1 */
	enum actr__peer_state state;
	uint64_t elapsed_ms;   /* in the state before; 0 when that was idle */
	const char *detail;    /* the path when open, else "" */
	const actr_error *why; /* when recovering or disconnected, else NULL */
};

struct actr__transport_events {
	/* One reference of msg passes. `from` is who the connection was made with, borrowed. */
	void (*on_message)(void *owner, const actr_id *from, struct actr__msg *msg);
	/* Each transition once. Must not call the transport: it may be in the middle of something.
	 */
	void (*on_peer)(void *owner, const struct actr__peer_change *change);
	/* The session ended: what was sent on it and needs an answer will not get one. */
	void (*on_lost)(void *owner, const actr_id *id, uint64_t session, const actr_error *why);
	/* Relay this to the peer. A negative result fails the connection attempt. */
	int (*on_signal)(void *owner, const actr_id *to, const struct actr__signal *signal,
			 actr_error *err);
	/*
	 * The open connection takes no more on this lane, so that messages queue here; or their
	 * queue has emptied, or the session ended. Each once. Must not call the transport either.
	 */
	void (*on_lane)(void *owner, const actr_id *id, uint64_t session, unsigned lane,
			bool congested);
	/*
	 * A connection was begun, by either side: tracks may join it. From here the transport may be
	 * asked for the wire. This and the next two may be NULL.
	 */
	void (*on_wire)(void *owner, const actr_id *id);
	/* Of the current wire, as in struct actr__wire_events. */
	void (*on_sample)(void *owner, const actr_id *from, const actr_sample *sample);
	void (*on_track)(void *owner, const actr_id *id, const struct actr__track_event *event);
};

/* How wires are made: WebRTC in the product, simulated ones in tests. */
struct actr__wire_maker {
	int (*dial)(void *user, const actr_id *peer, const struct actr__wire_events *events,
		    void *owner, uint64_t session, struct actr__wire **ret_wire, actr_error *err);
	int (*accept)(void *user, const actr_id *peer, const struct actr__signal *offer,
		      const struct actr__wire_events *events, void *owner, uint64_t session,
		      struct actr__wire **ret_wire, actr_error *err);
	void *user;
	/* A wire of the direct lane to this URL that presents the ticket; NULL: we have none. */
	int (*dial_direct)(void *user, const actr_id *peer, const char *url, const char *ticket,
			   const struct actr__wire_events *events, void *owner, uint64_t session,
			   struct actr__wire **ret_wire, actr_error *err);
};

struct actr__transport_options {
	size_t max_peers;	  /* 0: 1,024 */
	size_t max_queued_bytes;  /* a peer, over all lanes; 0: 4 MiB */
	const char *direct_url;	  /* peers may reach us there, too; copied; NULL: nowhere */
	uint32_t direct_after_ms; /* that the first way has for itself; 0: 3,000 */
};

int actr__transport_new(struct actr__loop *loop, const struct actr__transport_options *options,
			const struct actr__wire_maker *maker,
			const struct actr__transport_events *events, void *owner,
			struct actr__transport **ret_transport, actr_error *err);
/* Frees all wires without events and fails what is queued. NULL is fine; returns NULL. */
struct actr__transport *actr__transport_free(struct actr__transport *transport);

/* Or'ed to a lane: only for a peer that joins parts of chunks, else ACTR_E_TOO_LARGE. */
#define ACTR__SEND_PART 0x100u

/*
 * Send, dialling first if need be. Returns 0: it is on its way; 1: queued, then on_done comes
 * exactly once with its fate, unless it is cancelled before; negative: refused (RESOURCE_EXHAUSTED,
 * TOO_LARGE, NOMEM …). The message is copied. It is given up at `expires_ns` (loop time).
 */
int actr__transport_send(struct actr__transport *transport, const actr_id *to, unsigned lane,
			 actr_bytes message, uint64_t expires_ns,
			 void (*on_done)(void *user, const actr_error *err), void *user,
			 struct actr__send **ret_queued, actr_error *err);
/* Forget a queued message; on_done does not come. */
void actr__send_cancel(struct actr__send *send);

/*
 * See to it that there is a connection, or one under way, though there is nothing to send yet. It is
 * not tried again: on_lost tells its end. ACTR_E_NOMEM, RESOURCE_EXHAUSTED, or why it cannot be
 * dialled.
 */
int actr__transport_connect(struct actr__transport *transport, const actr_id *to, actr_error *err);
/* Samples of peers are wanted: told to all wires, those to come too. */
void actr__transport_want_media(struct actr__transport *transport);

/* A signal that the server relayed from `from`. */
void actr__transport_signal(struct actr__transport *transport, const actr_id *from,
			    const struct actr__signal *signal);
/*
 * The server says that relays to this peer fail: its connection attempt, or its recovery when it is
 * unknown there, ends with this error.
 */
void actr__transport_unreachable(struct actr__transport *transport, const actr_id *id,
				 const actr_error *why);
/* Close one connection, or all; told by on_lost and on_peer. */
void actr__transport_close_peer(struct actr__transport *transport, const actr_id *id);
void actr__transport_close_all(struct actr__transport *transport);
size_t actr__transport_peer_count(const struct actr__transport *transport);

/*
 * Somebody is at our direct lane who says that it is `from`, with this ticket: may it come in?
 * accept() asks again, and takes the wire that `make` makes with what it is given.
 */
bool actr__transport_direct_check(struct actr__transport *transport, const actr_id *from,
				  const char *ticket);
int actr__transport_direct_accept(struct actr__transport *transport, const actr_id *from,
				  const char *ticket,
				  int (*make)(void *user, const struct actr__wire_events *events,
					      void *owner, uint64_t session,
					      struct actr__wire **ret_wire, actr_error *err),
				  void *user, actr_error *err);

/* 0 when there is no such peer or it has no wire. */
uint64_t actr__transport_session(const struct actr__transport *transport, const actr_id *id);
/* Wire of a peer for media and statistics; NULL for none. Borrowed for this turn. */
struct actr__wire *actr__transport_wire(const struct actr__transport *transport, const actr_id *id);
/* Bytes queued here and in the wire for one lane. */
size_t actr__transport_buffered(const struct actr__transport *transport, const actr_id *id,
				unsigned lane);
void actr__transport_each(const struct actr__transport *transport,
			  void (*visit)(void *user, const actr_id *id, enum actr__peer_state state,
					const struct actr__wire_stats *stats),
			  void *user);

/* Identity in maps: realm and serial are unique, the type follows from them. */
static inline uint64_t actr__id_hash(const actr_id *id)
{
	uint64_t key[2] = {id->serial, id->realm};

	return actr__hash(key, sizeof key);
}

static inline bool actr__id_same(const actr_id *a, const actr_id *b)
{
	return a->serial == b->serial && a->realm == b->realm;
}

#endif
