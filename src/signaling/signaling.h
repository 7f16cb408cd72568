/*
 * Door of signaling: the client of the signaling server as a state machine without a socket
 * (reference.md 3). The owner opens and closes the socket, feeds what arrives, sends what is asked.
 * Loop thread only. Time comes from the loop, so a virtual loop drives it in tests.
 *
 *	idle → connecting → registering → ready → (socket lost) waiting → connecting …
 *	                                      → unregistering → closed
 *
 * The reconnect loop never ends while it is started. Requests pending when the socket is lost fail
 *at once as unavailable. Every registration may bring another id; on_registered tells it before any
 * request or relay goes out under it.
 *
 * Events come from inside start, opened, received, lost, retry_now and stop, and from the loop;
 *never from inside discover, watch, relay and cancel. An event may call any of these functions but
 *free.
 */
#ifndef ACTR_SIGNALING_H
#define ACTR_SIGNALING_H

#include <actr/config.h>

#include "base/base.h"
#include "loop/loop.h"
#include "protocol/protocol.h"
#include "wire/wire.h"

struct actr__signaling;

enum actr__signaling_state {
	ACTR__SIGNALING_IDLE,
	ACTR__SIGNALING_CONNECTING,
	ACTR__SIGNALING_REGISTERING,
	ACTR__SIGNALING_READY,
	ACTR__SIGNALING_WAITING, /* for the next try */
	ACTR__SIGNALING_UNREGISTERING,
	ACTR__SIGNALING_CLOSED,
};

/* Seen by discovery as load (Ping); 0 to 1 each. */
struct actr__signaling_load {
	float power_reserve;
	float mailbox_backlog;
};

struct actr__signaling_events {
	/* Open a socket; answer with actr__signaling_opened() or _lost(). */
	void (*connect)(void *owner);
	/* Close the socket that was asked for last; no answer is needed. */
	void (*disconnect)(void *owner);
	/* 0 or a negative code: then the machine treats the socket as lost. */
	int (*send)(void *owner, actr_bytes envelope);
	void (*load)(void *owner, struct actr__signaling_load *ret);
	/*
	 * Every transition, once. why: NULL unless something failed. A refused registration shows
	 * as WAITING with the server's why->wire_code; the machine keeps trying, whoever started it
	 * may decide otherwise (actr_error_retryable(why->code)).
	 */
	void (*on_state)(void *owner, enum actr__signaling_state state, const actr_error *why);
	void (*on_registered)(void *owner, const actr_id *id, bool changed);
	/*
	 * The credential was renewed in time (why NULL), or it is of no use any more: expired, or
	 * refused. Then a new registration follows.
	 */
	void (*on_credential)(void *owner, const actr_error *why);
	/* A peer's signal; borrowed. */
	void (*on_relay)(void *owner, const actr_id *from, const struct actr__signal *signal);
	/* The server refused a relay to this peer: fail what waits for it. */
	void (*on_relay_failed)(void *owner, const actr_id *to, const actr_error *why);
	void (*on_actor_up)(void *owner, const actr_id *id);
};

struct actr__signaling_options {
	actr_type type;
	uint32_t realm;
	actr_bytes service_spec; /* encoded ServiceSpec, or empty; copied */
	actr_bytes acl;		 /* encoded Acl, or empty; copied */
	bool hidden;		 /* found by nobody; only our server knows it */
	/* Wait before reconnecting: 1 s doubling to 60 s with jitter of half (0: these defaults).
	 */
	uint32_t backoff_first_ms, backoff_max_ms;
	uint32_t connect_timeout_ms;  /* 0: 30,000 */
	uint32_t response_timeout_ms; /* 0: 5,000 (reference.md 3.2) */
};

int actr__signaling_new(struct actr__loop *loop, const struct actr__signaling_options *options,
			const struct actr__signaling_events *events, void *owner,
			struct actr__signaling **ret_signaling, actr_error *err);
/* No callback comes any more; pending requests are failed first. NULL is fine; returns NULL. */
struct actr__signaling *actr__signaling_free(struct actr__signaling *signaling);

void actr__signaling_start(struct actr__signaling *signaling);
/* What became of the socket. */
void actr__signaling_opened(struct actr__signaling *signaling);
void actr__signaling_received(struct actr__signaling *signaling, actr_bytes envelope);
void actr__signaling_lost(struct actr__signaling *signaling, const actr_error *why);
/* The network is back: do not wait any longer for the next try. */
void actr__signaling_retry_now(struct actr__signaling *signaling);

struct actr__signaling_stats {
	uint64_t sent;
	uint64_t undecodable; /* dropped: not an envelope, or one that lacks what it must have */
	uint64_t strays;      /* dropped: answers nothing, or is for another identity */
	uint64_t registrations, registrations_refused, renewals;
	uint64_t resumed; /* of the registrations: those that kept the identity */
	uint64_t sessions_lost;
	uint64_t limited; /* answered 429 */
};

const struct actr__signaling_stats *actr__signaling_stats(const struct actr__signaling *signaling);
enum actr__signaling_state actr__signaling_state(const struct actr__signaling *signaling);
/* Valid once registered, also while the socket is lost. */
const actr_id *actr__signaling_id(const struct actr__signaling *signaling);

/*
 * One request object a question; the owner embeds it, zeroed. Ended once by an answer, time-out,
 * loss, stop or free; a cancelled one tells nothing.
 */
struct actr__signaling_request {
	struct actr__list link; /* the machine's */
	struct actr__timer timer;
	struct actr__signaling *signaling;
	uint64_t envelope_number;
	unsigned kind;
	const char *traceparent, *tracestate; /* of who asks, while it is asked; or NULL */
	/* err NULL: success; `ids` are the candidates of a route request, borrowed. */
	void (*on_done)(struct actr__signaling_request *request, const actr_error *err,
			const actr_id *ids, size_t id_count);
};

/*
 * RouteCandidatesRequest for up to `count`. ACTR_E_STATE before registration, ACTR_E_UNAVAILABLE
 * without a connection (then on_done does not come). timeout_ms 0: the default.
 */
int actr__signaling_discover(struct actr__signaling *signaling,
			     struct actr__signaling_request *request, const actr_type *type,
			     uint32_t count, uint32_t timeout_ms, actr_error *err);
/* Subscribe to, or stop hearing of, actors of a type that come up; renewed after a reconnect. */
int actr__signaling_watch(struct actr__signaling *signaling, const actr_type *type, bool on,
			  actr_error *err);
void actr__signaling_cancel(struct actr__signaling_request *request);
/* Relay to a peer. ACTR_E_UNAVAILABLE without a connection. */
int actr__signaling_relay(struct actr__signaling *signaling, const actr_id *to,
			  const struct actr__signal *signal, actr_error *err);
/* Unregister with this reason, at most 5 s, then close: CLOSED is told in any case. */
void actr__signaling_stop(struct actr__signaling *signaling, const char *reason);

#endif
