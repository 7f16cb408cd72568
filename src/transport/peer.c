/*
 * One peer: its current wire, its queues, and when to dial again.
 *
 * Events of a wire count only while it is peer->wire; one that was replaced has been freed and says
 * nothing more. Every session ends in peer_lose_wire() exactly once: the upper room hears on_peer
 * and on_lost, then what is still queued either waits for a new wire, or fails when the reason
 * would not go away by waiting. Callbacks may send, close or dial: whoever calls one holds a
 * reference meanwhile.
 */
#include <stdio.h>

#include "transport/transport_internal.h"

#define REDIAL_FIRST_MS 250
#define REDIAL_MAX_MS	5000

static void on_redial_due(struct actr__timer *timer)
{
	peer_connect(container_of(timer, struct peer, redial));
}

int peer_new(struct actr__transport *t, const actr_id *id, struct peer **ret_peer, actr_error *err)
{
	struct peer *peer = t->freeing ? NULL : actr__new0(struct peer);
	int rc;

	if (!peer)
		return ACTR_FAIL(err, t->freeing ? ACTR_E_UNAVAILABLE : ACTR_E_NOMEM,
				 "cannot make a peer");
	peer->transport = t;
	peer->id = *id;
	peer->refs = 1;
	for (unsigned i = 0; i < LANE_COUNT; i++)
		actr__list_init(&peer->queue[i]);
	actr__timer_init(&peer->redial, on_redial_due);
	direct_init(peer);
	rc = actr__map_insert(&t->peers, &peer->node, actr__id_hash(id));
	if (rc < 0) {
		actr__free(peer);
		return ACTR_FAIL(err, rc, "no room for another peer: there are %zu",
				 t->peers.count);
	}
	peer->listed = true;
	*ret_peer = peer;
	return 0;
}

/* --- telling --- */

static void tell(struct peer *peer, enum actr__peer_state state, const char *detail,
		 const actr_error *why)
{
	struct actr__transport *t = peer->transport;
	uint64_t now = actr__loop_now_ms(t->loop);
	struct actr__peer_change change = {
		.id = &peer->id,
		.session = peer->session,
		.state = state,
		.elapsed_ms = peer->state == ACTR__PEER_IDLE ? 0 : now - peer->state_since_ms,
		.detail = detail,
		.why = why,
	};

	if (peer->state == state)
		return;
	peer->state = state;
	peer->state_since_ms = now;
	t->events->on_peer(t->owner, &change);
}

void peer_set_congested(struct peer *peer, unsigned lane, bool congested)
{
	struct actr__transport *t = peer->transport;

	if (peer->congested[lane] == congested)
		return;
	peer->congested[lane] = congested;
	t->events->on_lane(t->owner, &peer->id, peer->session, lane, congested);
}

void peer_unref(struct peer *peer)
{
	if (--peer->refs == 0)
		actr__free(peer);
}

static bool queue_empty(const struct peer *peer)
{
	for (unsigned i = 0; i < LANE_COUNT; i++) {
		if (!actr__list_empty(&peer->queue[i]))
			return false;
	}
	return true;
}

void peer_settle(struct peer *peer)
{
	if (!peer->listed || peer->wire || !queue_empty(peer))
		return;
	actr__timer_stop(peer->transport->loop, &peer->redial);
	direct_end(peer);
	actr__map_remove(&peer->transport->peers, &peer->node);
	peer->listed = false;
	if (!peer->transport->freeing)
		tell(peer, ACTR__PEER_IDLE, "", NULL);
	peer_unref(peer);
}

/* --- the queue --- */

static void send_free(struct actr__send *send)
{
	actr__timer_stop(send->peer->transport->loop, &send->expiry);
	actr__list_remove(&send->link);
	send->peer->queued_bytes -= send->size;
	actr__free(send);
}

static void send_end(struct actr__send *send, const actr_error *err)
{
	void (*on_done)(void *, const actr_error *) = send->on_done;
	void *user = send->user;

	send_free(send);
	if (on_done)
		on_done(user, err);
}

void actr__send_cancel(struct actr__send *send)
{
	struct peer *peer = send->peer;

	send_free(send);
	peer_settle(peer);
}

static const char *why_not_sent(const struct peer *peer)
{
	switch (peer->state) {
	case ACTR__PEER_OPEN:
		return "the connection is congested";
	case ACTR__PEER_RECOVERING:
		return "the connection is recovering";
	default:
		return "no connection could be made";
	}
}

static void on_expired(struct actr__timer *timer)
{
	struct actr__send *send = container_of(timer, struct actr__send, expiry);
	struct peer *peer = send->peer;
	actr_error err = ACTR_ERROR_INIT;

	ACTR_FAIL(&err, ACTR_E_TIMEOUT, "not sent by its deadline: %s", why_not_sent(peer));
	peer->refs++;
	send_end(send, &err);
	peer_settle(peer);
	peer_unref(peer);
}

int peer_send_now(struct peer *peer, unsigned lane, bool part, actr_bytes message, actr_error *err)
{
	if (part && !peer->wire->joins_parts)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE,
				 "the peer takes no chunk over a message of %u bytes",
				 ACTR__MESSAGE_MAX);
	return actr__wire_send(peer->wire, lane, message, err);
}

int peer_enqueue(struct peer *peer, unsigned lane, actr_bytes message, uint64_t expires_ns,
		 void (*on_done)(void *, const actr_error *), void *user,
		 struct actr__send **ret_queued, actr_error *err)
{
	struct actr__transport *t = peer->transport;
	struct actr__send *send;

	if (peer->queued_bytes + message.size > t->options.max_queued_bytes)
		return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED,
				 "%zu bytes wait for this peer already: send slower",
				 peer->queued_bytes);
	send = actr__alloc(sizeof *send + message.size);
	if (!send)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot queue a message");
	*send = (struct actr__send){.peer = peer,
				    .on_done = on_done,
				    .user = user,
				    .lane = lane & ~ACTR__SEND_PART,
				    .part = lane & ACTR__SEND_PART,
				    .size = message.size};
	actr__timer_init(&send->expiry, on_expired);
	if (actr__timer_set_at(t->loop, &send->expiry, expires_ns) < 0) {
		actr__free(send);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot queue a message");
	}
	memcpy(send->bytes, message.data, message.size);
	actr__list_push(&peer->queue[send->lane], &send->link);
	peer->queued_bytes += message.size;
	if (ret_queued)
		*ret_queued = send;
	return 0;
}

static void flush_lane(struct peer *peer, unsigned lane)
{
	while (peer->state == ACTR__PEER_OPEN && !actr__list_empty(&peer->queue[lane])) {
		struct actr__send *send =
			container_of(peer->queue[lane].next, struct actr__send, link);
		actr_error err = ACTR_ERROR_INIT;
		int rc = peer_send_now(peer, lane, send->part, actr__bytes(send->bytes, send->size),
				       &err);

		if (rc == ACTR_E_WOULD_BLOCK)
			peer_set_congested(peer, lane, true);
		if (rc == ACTR_E_WOULD_BLOCK || rc == ACTR_E_CLOSED)
			return;
		send_end(send, rc < 0 ? &err : NULL);
	}
	if (actr__list_empty(&peer->queue[lane]))
		peer_set_congested(peer, lane, false);
}

void peer_fail_queue(struct peer *peer, const actr_error *why)
{
	for (unsigned i = 0; i < LANE_COUNT; i++) {
		struct actr__list failed;

		/* A callback may queue anew: that is not failed with the old ones. */
		actr__list_init(&failed);
		actr__list_splice(&failed, &peer->queue[i]);
		while (!actr__list_empty(&failed))
			send_end(container_of(failed.next, struct actr__send, link), why);
	}
}

/* --- the wire --- */

/* What is queued waits for the next try, or fails when trying again is of no use. */
static void plan_redial(struct peer *peer, bool opened, const actr_error *why)
{
	uint64_t delay = REDIAL_FIRST_MS;

	if (queue_empty(peer))
		return;
	for (unsigned i = 1; i < peer->failures && delay < REDIAL_MAX_MS; i++)
		delay *= 2;
	delay = delay / 2 + actr__random_below((uint32_t)delay / 2 + 1);
	if (!actr_error_retryable(why->code) ||
	    actr__timer_set(peer->transport->loop, &peer->redial, opened ? 0 : delay) < 0)
		peer_fail_queue(peer, why);
}

/* The current wire is over. */
void peer_lose_wire(struct peer *peer, const actr_error *why_borrowed)
{
	struct actr__transport *t = peer->transport;
	bool opened = peer->state == ACTR__PEER_OPEN || peer->state == ACTR__PEER_RECOVERING;
	actr_error why = *why_borrowed; /* it may live in the wire */
	uint64_t session = peer->session;

	peer->refs++;
	peer->failures = opened ? 0 : peer->failures + 1;
	peer->wire = actr__wire_unref(peer->wire);
	direct_end(peer);
	for (unsigned i = 0; i < LANE_COUNT; i++)
		peer_set_congested(peer, i, false);
	tell(peer, ACTR__PEER_DISCONNECTED, "", &why);
	t->events->on_lost(t->owner, &peer->id, session, &why);
	if (!peer->wire && peer->listed)
		plan_redial(peer, opened, &why);
	peer_settle(peer);
	peer_unref(peer);
}

void peer_drop_wire(struct peer *peer, const actr_error *why)
{
	if (peer->wire)
		peer_lose_wire(peer, why);
}

void peer_want_media(struct peer *peer)
{
	if (peer->wire && peer->wire->ops->media)
		peer->wire->ops->media->want(peer->wire);
}

/* A wire was made. */
void peer_begun(struct peer *peer)
{
	struct actr__transport *t = peer->transport;

	if (t->wants_media)
		peer_want_media(peer);
	if (t->events->on_wire)
		t->events->on_wire(t->owner, &peer->id);
}

void peer_connect(struct peer *peer)
{
	struct actr__transport *t = peer->transport;
	actr_error err = ACTR_ERROR_INIT;

	if (!peer->listed || peer->wire || actr__timer_is_set(&peer->redial))
		return;
	peer->refs++;
	peer->session = ++t->last_session;
	direct_begin(peer);
	tell(peer, ACTR__PEER_CONNECTING, "", NULL);
	/* Whoever heard of it may have closed it, or dialled itself. */
	if (peer->listed && !peer->wire) {
		if (t->maker.dial(t->maker.user, &peer->id, &peer_wire_events, peer, peer->session,
				  &peer->wire, &err) < 0)
			peer_lose_wire(peer, &err);
		else
			peer_begun(peer);
	}
	peer_unref(peer);
}

int peer_accept(struct peer *peer, const struct actr__signal *offer, actr_error *err)
{
	struct actr__transport *t = peer->transport;
	uint64_t session = t->last_session + 1;

	/* When it fails, the redial that may be planned goes on. */
	ACTR_TRY(t->maker.accept(t->maker.user, &peer->id, offer, &peer_wire_events, peer, session,
				 &peer->wire, err));
	actr__timer_stop(t->loop, &peer->redial);
	peer->session = t->last_session = session;
	direct_begin(peer);
	tell(peer, ACTR__PEER_CONNECTING, "", NULL);
	if (peer->wire) /* else whoever heard of it has closed it */
		peer_begun(peer);
	return 0;
}

void peer_opened(struct peer *peer)
{
	struct actr__wire_stats stats = {0};
	char detail[256];

	peer->failures = 0;
	peer->wire->ops->stats(peer->wire, &stats);
	snprintf(detail, sizeof detail, "path=\"%s\" data_path=%s", stats.path, stats.data_path);
	tell(peer, ACTR__PEER_OPEN, detail, NULL);
	for (unsigned i = 0; i < LANE_COUNT && peer->wire; i++)
		flush_lane(peer, i);
}

void peer_replace_wire(struct peer *peer, struct actr__wire *wire)
{
	struct actr__transport *t = peer->transport;
	actr_error why = ACTR_ERROR_INIT;
	uint64_t session = peer->session;

	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "the connection went over to the direct lane");
	actr__wire_unref(peer->wire);
	peer->wire = wire;
	for (unsigned i = 0; i < LANE_COUNT; i++)
		peer_set_congested(peer, i, false);
	tell(peer, ACTR__PEER_DISCONNECTED, "", &why);
	t->events->on_lost(t->owner, &peer->id, session, &why);
	if (peer->wire != wire)
		return;
	peer->session = wire->session = ++t->last_session;
	tell(peer, ACTR__PEER_CONNECTING, "", NULL);
}

static void on_state(void *owner, struct actr__wire *wire, enum actr__wire_state state,
		     const actr_error *why)
{
	struct peer *peer = owner;
	actr_error err = ACTR_ERROR_INIT;

	if (wire != peer->wire && wire != peer->direct.wire)
		return;
	peer->refs++;
	if (wire != peer->wire) {
		direct_on_state(peer, state, why);
		peer_unref(peer);
		return;
	}
	switch (state) {
	case ACTR__WIRE_OPEN:
		direct_rest(peer);
		peer_opened(peer);
		break;
	case ACTR__WIRE_RECOVERING:
		ACTR_FAIL(&err, ACTR_E_RECOVERING, "the path to the peer was lost");
		tell(peer, ACTR__PEER_RECOVERING, "", why ? why : &err);
		if (wire == peer->wire)
			direct_recovering(peer);
		break;
	case ACTR__WIRE_CLOSED:
		ACTR_FAIL(&err, ACTR_E_UNAVAILABLE, "the connection was closed");
		if (!direct_holds(peer, why ? why : &err))
			peer_lose_wire(peer, why ? why : &err);
		break;
	case ACTR__WIRE_CONNECTING:
		break;
	}
	peer_unref(peer);
}

static void on_message(void *owner, struct actr__wire *wire, struct actr__msg *msg)
{
	struct peer *peer = owner;

	if (wire == peer->wire && msg->lane < LANE_COUNT)
		peer->transport->events->on_message(peer->transport->owner, &peer->id, msg);
	else
		actr__msg_unref(msg);
}

static void on_writable(void *owner, struct actr__wire *wire, unsigned lane)
{
	struct peer *peer = owner;

	if (wire != peer->wire || lane >= LANE_COUNT)
		return;
	peer->refs++;
	flush_lane(peer, lane);
	peer_unref(peer);
}

static int send_signal(struct peer *peer, const struct actr__signal *signal, actr_error *err)
{
	struct actr__transport *t = peer->transport;
	struct actr__signal ours = *signal;
	char *text;
	int rc = direct_advertise(peer, signal, &text);

	if (rc < 0)
		return ACTR_FAIL(err, rc, "no memory for a description");
	if (text)
		ours.text = text;
	rc = t->events->on_signal(t->owner, &peer->id, &ours, err);
	actr__free(text);
	return rc;
}

static void on_signal(void *owner, struct actr__wire *wire, const struct actr__signal *signal)
{
	struct peer *peer = owner;
	actr_error err = ACTR_ERROR_INIT;
	int rc;

	if (wire != peer->wire)
		return;
	peer->refs++;
	rc = send_signal(peer, signal, &err);
	if (rc < 0 && signal->kind != ACTR__SIGNAL_CANDIDATE &&
	    peer->state == ACTR__PEER_CONNECTING)
		peer_drop_wire(peer, &err);
	peer_unref(peer);
}

static void on_sample(void *owner, struct actr__wire *wire, const actr_sample *sample)
{
	struct peer *peer = owner;
	struct actr__transport *t = peer->transport;

	if (wire != peer->wire || !t->events->on_sample)
		return;
	peer->refs++;
	t->events->on_sample(t->owner, &peer->id, sample);
	peer_unref(peer);
}

static void on_track(void *owner, struct actr__wire *wire, const struct actr__track_event *event)
{
	struct peer *peer = owner;
	struct actr__transport *t = peer->transport;

	if (wire != peer->wire || !t->events->on_track)
		return;
	peer->refs++;
	t->events->on_track(t->owner, &peer->id, event);
	peer_unref(peer);
}

const struct actr__wire_events peer_wire_events = {
	.on_state = on_state,
	.on_message = on_message,
	.on_writable = on_writable,
	.on_signal = on_signal,
	.on_sample = on_sample,
	.on_track = on_track,
};
