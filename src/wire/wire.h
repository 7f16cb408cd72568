/*
 * Door of wire: a connection to one peer that carries messages on lanes.
 *
 * A wire is one session: made (dialling or accepting), open, perhaps recovering and open again,
 * closed once, freed by the last unref. It is never reopened: whoever wants to go on makes a new one.
 * Loop thread only. Events come from the loop, never inside a call of the wire's own functions;
 * after actr__wire_close() only on_state(CLOSED) still comes, exactly once, and after that none.
 */
#ifndef ACTR_WIRE_H
#define ACTR_WIRE_H

#include "base/base.h"
#include "loop/loop.h"
#include "protocol/protocol.h"

struct actr__wire;

enum actr__wire_state {
	ACTR__WIRE_CONNECTING,
	ACTR__WIRE_OPEN,
	ACTR__WIRE_RECOVERING, /* sends are still taken; they leave when it is open again */
	ACTR__WIRE_CLOSED,
};

/* What travels through the signaling server for a wire (reference.md 1.4, 4.1). */
enum actr__signal_kind {
	ACTR__SIGNAL_OFFER = 0,
	ACTR__SIGNAL_ANSWER = 1,
	ACTR__SIGNAL_RENEGOTIATION_OFFER = 2,
	ACTR__SIGNAL_ICE_RESTART_OFFER = 3,
	ACTR__SIGNAL_CANDIDATE = 4,
	ACTR__SIGNAL_ICE_RESTART_REQUEST = 5, /* relay payload 14 of later versions */
};

/* Borrowed for the time of the call. */
struct actr__signal {
	enum actr__signal_kind kind;
	const char *text;              /* SDP, or the candidate line */
	const char *exchange_id;       /* SessionDescription.sdp_exchange_id (3); NULL: the original */
	const char *sdp_mid;           /* of a candidate; or NULL */
	const char *username_fragment; /* of a candidate; or NULL */
	int32_t sdp_mline_index;       /* of a candidate; -1: absent */
};

struct actr__wire_stats {
	char path[160];      /* e.g. "host 127.0.0.1:4000 <-> host 127.0.0.1:4001" */
	char data_path[32];  /* "socket+gso", "socket", "libnice", "websocket" */
	uint32_t rtt_us;     /* smoothed; 0: unknown */
	uint64_t bytes_sent, bytes_received, messages_sent, messages_received;
	uint64_t packets_sent, packets_received, packets_dropped;
	uint64_t retransmits;
	size_t buffered;
};

struct actr__wire_events {
	void (*on_state)(void *owner, struct actr__wire *wire, enum actr__wire_state state,
	                 const actr_error *why);
	/* One reference of msg passes to the owner. */
	void (*on_message)(void *owner, struct actr__wire *wire, struct actr__msg *msg);
	/* A lane that refused a send, or was over its high water, has room again. */
	void (*on_writable)(void *owner, struct actr__wire *wire, unsigned lane);
	/* To be relayed to the peer. */
	void (*on_signal)(void *owner, struct actr__wire *wire, const struct actr__signal *signal);
};

struct actr__wire_ops {
	const char *name; /* "webrtc", "websocket", "sim" */
	/*
	 * Take the whole message (copied) or nothing. ACTR_E_WOULD_BLOCK: on_writable comes later.
	 * ACTR_E_TOO_LARGE: more than max_message. ACTR_E_CLOSED. Batched: it leaves at the end of
	 * the loop's turn.
	 */
	int (*send)(struct actr__wire *wire, unsigned lane, actr_bytes message, actr_error *err);
	size_t (*buffered)(const struct actr__wire *wire, unsigned lane);
	/*
	 * A relayed signal of the peer. ACTR_E_CLOSED: it belongs to a new session (the peer
	 * restarted or dialled anew): the owner closes this wire and accepts a new one with it.
	 */
	int (*signal)(struct actr__wire *wire, const struct actr__signal *signal, actr_error *err);
	void (*stats)(const struct actr__wire *wire, struct actr__wire_stats *ret);
	void (*close)(struct actr__wire *wire, int code, const char *reason);
	void (*free)(struct actr__wire *wire);
};

/* First member of every wire. */
struct actr__wire {
	const struct actr__wire_ops *ops;
	const struct actr__wire_events *events;
	void *owner;
	uint64_t session; /* the owner's number for it */
	unsigned refs;
	enum actr__wire_state state;
	size_t max_message;
	bool joins_parts; /* const once open: the peer is this library and joins split chunks */
};

static inline int actr__wire_send(struct actr__wire *wire, unsigned lane, actr_bytes message,
                                  actr_error *err)
{
	return wire->ops->send(wire, lane, message, err);
}

static inline struct actr__wire *actr__wire_ref(struct actr__wire *wire)
{
	wire->refs++;
	return wire;
}

/* NULL is fine; returns NULL. Closes it without an event when it was not closed. */
struct actr__wire *actr__wire_unref(struct actr__wire *wire);
/* Idempotent. */
void actr__wire_close(struct actr__wire *wire, int code, const char *reason);

#endif
