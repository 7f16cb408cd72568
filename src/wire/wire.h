/*
 * Door of wire: a connection to one peer that carries messages on lanes.
 *
 * A wire is one session: made (dialling or accepting), open, perhaps recovering and open again,
 * closed once, freed by the last unref. It is never reopened: whoever wants to go on makes a new
 * one. Loop thread only. Events come from the loop, never inside a call of the wire's own
 * functions; after actr__wire_close() only on_state(CLOSED) still comes, exactly once, and after
 * that none.
 */
#ifndef ACTR_WIRE_H
#define ACTR_WIRE_H

#include <actr/media.h>

#include "base/base.h"
#include "loop/loop.h"
#include "protocol/protocol.h"

struct actr__wire;
struct actr__wire_track;

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
	const char *text;	 /* SDP, or the candidate line */
	const char *exchange_id; /* SessionDescription.sdp_exchange_id (3); NULL: the original */
	const char *sdp_mid;	 /* of a candidate; or NULL */
	const char *username_fragment; /* of a candidate; or NULL */
	int32_t sdp_mline_index;       /* of a candidate; -1: absent */
};

struct actr__wire_stats {
	char path[160];	    /* e.g. "host 127.0.0.1:4000 <-> host 127.0.0.1:4001" */
	char data_path[32]; /* "socket+gso", "socket", "libnice", "websocket" */
	uint32_t rtt_us;    /* smoothed; 0: unknown */
	uint64_t bytes_sent, bytes_received, messages_sent, messages_received;
	uint64_t packets_sent, packets_received, packets_dropped;
	uint64_t retransmits;
	size_t buffered;
	/* SRTP and SRTCP packets; unknown: of no track; forged: not authentic, or repeated */
	uint64_t media_sent, media_received, media_unknown, media_forged;
};

/* --- media: tracks of one wire ---------------------------------------------------------------- */

struct actr__track_spec {
	const char *track_id, *stream_id; /* of msid; copied */
	actr_codec codec;
};

enum actr__track_news {
	ACTR__TRACK_ACTIVE,    /* ours: the peer takes it */
	ACTR__TRACK_REFUSED,   /* ours: the peer takes none, or not now; may become active later */
	ACTR__TRACK_KEY_FRAME, /* ours: the receiver asks for one */
	ACTR__TRACK_REPORT,    /* ours: its report */
	ACTR__TRACK_REMOTE_ADDED, /* the peer's: negotiated */
	ACTR__TRACK_REMOTE_GONE,
};

/* Borrowed for the time of the call. */
struct actr__track_event {
	enum actr__track_news news;
	struct actr__wire_track *track; /* ours; NULL for the peer's */
	void *user;			/* ours: as given to add() */
	const char *track_id;
	actr_codec codec;
	uint32_t lost_per_1000, jitter_us, rtt_us; /* REPORT */
	const actr_error *why;			   /* REFUSED */
};

struct actr__track_counters {
	uint64_t samples_sent, bytes_sent, packets_sent, packets_resent, key_frames_asked;
};

/*
 * Of wires that carry media (WebRTC). A track belongs to its wire: it ends with remove() or when
 * the wire is closed, and there is no news of it after either. Negotiation is the wire's affair:
 * any number of add() and remove() in one turn make one offer.
 */
struct actr__media_ops {
	/* ACTIVE or REFUSED follows. Also while connecting. ALREADY_EXISTS, RESOURCE_EXHAUSTED. */
	int (*add)(struct actr__wire *wire, const struct actr__track_spec *spec, void *user,
		   struct actr__wire_track **ret_track, actr_error *err);
	void (*remove)(struct actr__wire_track *track);
	/* Packets leave at the end of the turn. STATE: not active; TOO_LARGE; INVALID_ARGUMENT. */
	int (*send)(struct actr__wire_track *track, const actr_sample *sample, actr_error *err);
	void (*counters)(const struct actr__wire_track *track, struct actr__track_counters *ret);
	/* Ask the peer for a key frame of its track. NOT_FOUND. At most one in 500 ms leaves. */
	int (*request_key_frame)(struct actr__wire *wire, const char *track_id, actr_error *err);
	/*
	 * Whether samples of the peer are wanted at all: then offers have a section to receive
	 * video, which the original needs to send any. Sticky; renegotiates when it must.
	 */
	void (*want)(struct actr__wire *wire);
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
	/* A whole sample of the peer, borrowed for the time of the call. NULL: none is wanted. */
	void (*on_sample)(void *owner, struct actr__wire *wire, const actr_sample *sample);
	void (*on_track)(void *owner, struct actr__wire *wire,
			 const struct actr__track_event *event);
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
	const struct actr__media_ops *media; /* NULL: carries none */
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
