/* Inside of signaling: the one struct, and what its files offer each other. Loop thread only. */
#ifndef ACTR_SIGNALING_INTERNAL_H
#define ACTR_SIGNALING_INTERNAL_H

#include "signaling/signaling.h"

/* Bounds; ours. */
#define REQUESTS_MAX 1024u
#define WATCHES_MAX  256u

struct credential {
	actr_bytes token; /* allocated, a secret */
	uint32_t key_id;
	uint64_t got_at_ms; /* loop time */
	int64_t got_at_wall_ms;
	int64_t life_ms;
	int64_t renew_after_ms; /* since it was got */
};

/* Relays that the server may still refuse by their number; a ring, allocated with the first. */
struct sent_relays {
	struct sent_relay *ring;
	size_t next;
};

/* After a 429: what waits to leave at the pace that the server bears. */
struct relay_queue {
	struct actr__list waiting;
	size_t count;
	struct actr__timer timer;
	uint64_t paced_until_ms; /* loop time */
	uint32_t pause_ms;	 /* of the last 429 */
};

struct actr__signaling {
	struct actr__loop *loop;
	const struct actr__signaling_events *events;
	void *owner;

	/* const after init */
	actr_type type;
	uint32_t realm;
	bool hidden;
	struct actr__arena arena; /* of spec and acl */
	Actr__ServiceSpec *spec;  /* or NULL */
	Actr__Acl *acl;		  /* or NULL */
	uint32_t backoff_first_ms, backoff_max_ms, connect_timeout_ms, response_timeout_ms;

	enum actr__signaling_state state;
	/* Always armed between start and close: time-out, back-off or upkeep, as the state has it.
	 */
	struct actr__timer timer;
	bool socket;	   /* one was asked for and is neither lost nor dropped */
	unsigned failures; /* tries in a row that led to no lasting session */
	uint64_t ready_since_ms;
	/* A send failed: the socket counts as lost, which is told at the end of the turn. */
	struct actr__deferred broken;
	actr_error broken_why;

	bool has_id;
	actr_id id;
	struct credential credential;
	bool can_resume;  /* the server said so, and has not refused it since */
	bool is_resuming; /* in REGISTERING */
	uint64_t interval_ms, next_ping_ms;
	unsigned unanswered_pings;

	uint64_t last_number; /* of an envelope; 0 below: none is awaited */
	uint64_t register_number, renew_number, unregister_number;

	struct actr__list requests; /* of struct actr__signaling_request */
	size_t request_count;
	struct actr__list watches;
	size_t watch_count;
	struct sent_relays sent_relays;
	struct relay_queue queue;

	struct actr__buf out; /* the envelope being sent */
	struct actr__signaling_stats stats;
};

static inline bool signaling_is_broken(const struct actr__signaling *s)
{
	return !actr__list_empty(&s->broken.link);
}

/* --- client.c: states --------------------------------------------------------------------------
 */

/* Give the socket up: wait and connect again, or close when unregistering. */
void signaling_fail_socket(struct actr__signaling *s, const actr_error *why);
/* The server no longer knows us or our credential: a new registration on a new socket. */
void signaling_register_anew(struct actr__signaling *s, const actr_error *why);
/* The answer to a registration or a renewal; server_ms: its clock, 0 when it did not say. */
void signaling_on_register_response(struct actr__signaling *s, uint64_t number,
				    const Actr__RegisterResponse *response, int64_t server_ms);
void signaling_registration_refused(struct actr__signaling *s, actr_error *why);
void signaling_close_now(struct actr__signaling *s, const actr_error *why);
/* 0, ACTR_E_STATE before the first registration, ACTR_E_UNAVAILABLE without a session. */
int signaling_check_ready(const struct actr__signaling *s, actr_error *err);

/* --- session.c: heartbeat and credential --------------------------------------------------------
 */

int signaling_take_registration(struct actr__signaling *s,
				const Actr__RegisterResponse__RegisterOk *ok, int64_t server_ms,
				actr_id *ret_id, actr_error *err);
void signaling_credential_clear(struct credential *credential);
bool signaling_credential_is_good(const struct actr__signaling *s);
void signaling_session_begin(struct actr__signaling *s);
/* What is due: heartbeat, renewal, expiry. Arms the timer for what comes next. */
void signaling_upkeep(struct actr__signaling *s);
void signaling_on_pong(struct actr__signaling *s, const Actr__Pong *pong);

/* --- outgoing.c: envelopes ----------------------------------------------------------------------
 */

/* Each gives the envelope's number, sends it, and returns 0 or ACTR_E_UNAVAILABLE, _NOMEM,
 * _TOO_LARGE. */
int signaling_send_register(struct actr__signaling *s, uint64_t *ret_number);
int signaling_send_unregister(struct actr__signaling *s, const char *reason, uint64_t *ret_number);
int signaling_send_ping(struct actr__signaling *s);
int signaling_send_renewal(struct actr__signaling *s, uint64_t *ret_number);
int signaling_send_discover(struct actr__signaling *s, const actr_type *type, uint32_t count,
			    struct actr__signaling_request *request, actr_error *err);
int signaling_send_watch(struct actr__signaling *s, const actr_type *type, bool on);
/* Only encode: the result is in s->out. */
int signaling_encode_relay(struct actr__signaling *s, const actr_id *to,
			   const struct actr__signal *signal, uint64_t *ret_number,
			   actr_error *err);
/* Hand bytes to the owner; a failure makes the socket broken. */
int signaling_send_bytes(struct actr__signaling *s, actr_bytes bytes, actr_error *err);

/* --- requests.c, watches.c, relays.c
 * -------------------------------------------------------------- */

/* False when no request has this number. */
bool signaling_request_answered(struct actr__signaling *s, uint64_t number,
				const Actr__RouteCandidatesResponse *response,
				struct actr__arena *arena);
bool signaling_request_failed(struct actr__signaling *s, uint64_t number, const actr_error *why);
void signaling_fail_requests(struct actr__signaling *s, int code, const char *text);

void signaling_send_watches(struct actr__signaling *s);
void signaling_free_watches(struct actr__signaling *s);

void signaling_relays_init(struct actr__signaling *s);
void signaling_relays_clear(struct actr__signaling *s);
void signaling_relays_done(struct actr__signaling *s);
/* Tells on_relay_failed; false when no remembered relay has this number. */
bool signaling_relay_refused(struct actr__signaling *s, uint64_t number, const actr_error *why);
/* The server answered 429: leave it in peace, then go on slowly. */
void signaling_relays_slow_down(struct actr__signaling *s);

#endif
