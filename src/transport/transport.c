/*
 * The table of peers and the way of a message to the right one.
 *
 * A send on an open wire with an empty queue goes straight through, without allocation. Everything
 * else is copied and queued at the peer (peer.c), in order per lane.
 */
#include <stdio.h>

#include "transport/transport_internal.h"

#define DEFAULT_MAX_PEERS	 1024
#define DEFAULT_MAX_QUEUED_BYTES (4u * 1024 * 1024)

int actr__transport_new(struct actr__loop *loop, const struct actr__transport_options *options,
			const struct actr__wire_maker *maker,
			const struct actr__transport_events *events, void *owner,
			struct actr__transport **ret_transport, actr_error *err)
{
	struct actr__transport *t = actr__new0(struct actr__transport);

	if (!t)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make the transport");
	t->loop = loop;
	t->options = *options;
	if (!t->options.max_peers)
		t->options.max_peers = DEFAULT_MAX_PEERS;
	if (!t->options.max_queued_bytes)
		t->options.max_queued_bytes = DEFAULT_MAX_QUEUED_BYTES;
	t->maker = *maker;
	if (options->direct_url)
		snprintf(t->direct_url, sizeof t->direct_url, "%s", options->direct_url);
	t->options.direct_url = NULL;
	t->events = events;
	t->owner = owner;
	actr__map_init(&t->peers, t->options.max_peers);
	*ret_transport = t;
	return 0;
}

static struct peer *any_peer(const struct actr__transport *t)
{
	struct actr__map_node *node = actr__map_any(&t->peers);

	return node ? container_of(node, struct peer, node) : NULL;
}

struct actr__transport *actr__transport_free(struct actr__transport *t)
{
	actr_error why = ACTR_ERROR_INIT;
	struct peer *peer;

	if (!t)
		return NULL;
	t->freeing = true;
	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "the node is shutting down");
	while ((peer = any_peer(t))) {
		peer->refs++;
		peer->wire = actr__wire_unref(peer->wire);
		direct_end(peer);
		peer_fail_queue(peer, &why);
		peer_settle(peer);
		peer_unref(peer);
	}
	actr__map_done(&t->peers);
	actr__free(t);
	return NULL;
}

static bool match_id(const struct actr__map_node *node, const void *key)
{
	return actr__id_same(&container_of(node, struct peer, node)->id, key);
}

struct peer *peer_find(const struct actr__transport *t, const actr_id *id)
{
	struct actr__map_node *node = actr__map_find(&t->peers, actr__id_hash(id), match_id, id);

	return node ? container_of(node, struct peer, node) : NULL;
}

int actr__transport_send(struct actr__transport *t, const actr_id *to, unsigned lane,
			 actr_bytes message, uint64_t expires_ns,
			 void (*on_done)(void *, const actr_error *), void *user,
			 struct actr__send **ret_queued, actr_error *err)
{
	struct peer *peer = peer_find(t, to);
	bool part = lane & ACTR__SEND_PART, was_refused;
	int rc = 0;

	lane &= ~ACTR__SEND_PART;
	if (lane >= LANE_COUNT || !message.size)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "lane %u cannot carry %zu bytes",
				 lane, message.size);
	if (message.size > ACTR__MESSAGE_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE,
				 "a message of %zu bytes is over the limit of %u of a lane",
				 message.size, ACTR__MESSAGE_MAX);
	if (!peer)
		ACTR_TRY(peer_new(t, to, &peer, err));
	if (peer->state == ACTR__PEER_OPEN && actr__list_empty(&peer->queue[lane])) {
		rc = peer_send_now(peer, lane, part, message, err);
		if (rc != ACTR_E_WOULD_BLOCK && rc != ACTR_E_CLOSED)
			return rc;
	}
	was_refused = rc == ACTR_E_WOULD_BLOCK;
	rc = peer_enqueue(peer, part ? lane | ACTR__SEND_PART : lane, message, expires_ns, on_done,
			  user, ret_queued, err);
	if (rc < 0) {
		peer_settle(peer);
		return rc;
	}
	peer->refs++;
	if (was_refused)
		peer_set_congested(peer, lane, true);
	peer_connect(peer);
	peer_unref(peer);
	return 1;
}

int actr__transport_connect(struct actr__transport *t, const actr_id *to, actr_error *err)
{
	struct peer *peer = peer_find(t, to);
	int rc = 0;

	if (!peer)
		ACTR_TRY(peer_new(t, to, &peer, err));
	peer->refs++;
	peer_connect(peer);
	if (!peer->wire && !actr__timer_is_set(&peer->redial))
		rc = ACTR_FAIL(err, ACTR_E_UNAVAILABLE, "cannot connect now");
	peer_settle(peer);
	peer_unref(peer);
	return rc;
}

static bool want_media(struct actr__map_node *node, void *user)
{
	(void)user;
	peer_want_media(container_of(node, struct peer, node));
	return true;
}

void actr__transport_want_media(struct actr__transport *t)
{
	t->wants_media = true;
	actr__map_each(&t->peers, want_media, NULL);
}

/* The offer opens a session of its own, whatever there was before. */
static void accept_offer(struct actr__transport *t, const actr_id *from_borrowed,
			 const struct actr__signal *signal)
{
	actr_id from = *from_borrowed; /* it may be the peer's that goes */
	struct peer *peer = peer_find(t, &from);
	actr_error err = ACTR_ERROR_INIT;
	int rc = 0;

	ACTR_FAIL(&err, ACTR_E_UNAVAILABLE, "the peer began a new session");
	if (peer)
		peer_drop_wire(peer, &err);
	peer = peer_find(t, &from);
	if (!peer)
		rc = peer_new(t, &from, &peer, &err);
	else if (peer->wire)
		return; /* a callback has dialled: that offer and this one meet as glare */
	if (rc < 0) {
		ACTR_WARN(3, "transport_error", "what=offer_refused cause=\"%s\"", err.message);
		return;
	}
	peer->refs++;
	if (peer_accept(peer, signal, &err) < 0)
		ACTR_WARN(3, "transport_error", "what=offer_refused cause=\"%s\"", err.message);
	else if (peer->wire)
		direct_learn(peer, signal);
	peer_settle(peer);
	peer_unref(peer);
}

/* The peer has not heard that the session ended here: a new one of ours tells it. */
static bool wants_recovery(const struct actr__signal *signal)
{
	return signal->kind == ACTR__SIGNAL_ICE_RESTART_OFFER ||
	       signal->kind == ACTR__SIGNAL_ICE_RESTART_REQUEST;
}

void actr__transport_signal(struct actr__transport *t, const actr_id *from,
			    const struct actr__signal *signal)
{
	struct peer *peer = peer_find(t, from);
	actr_error err = ACTR_ERROR_INIT;
	int rc = ACTR_E_CLOSED;

	if (peer && direct_is_past(peer, signal))
		return;
	if (peer && peer->wire)
		rc = peer->wire->ops->signal(peer->wire, signal, &err);
	if (rc == ACTR_E_CLOSED && signal->kind == ACTR__SIGNAL_OFFER)
		accept_offer(t, from, signal);
	else if (rc < 0 && rc != ACTR_E_CLOSED)
		ACTR_WARN(3, "transport_error", "what=signal_refused cause=\"%s\"", err.message);
	/* Anything else belongs to a session that is gone. */
	peer = peer_find(t, from);
	if (!peer || !peer->wire) {
		if (wants_recovery(signal))
			(void)actr__transport_connect(t, from, NULL);
	} else if (rc != ACTR_E_CLOSED) {
		direct_learn(peer, signal);
	}
}

static void fail_peer(struct peer *peer, const actr_error *why)
{
	peer->refs++;
	peer_drop_wire(peer, why);
	peer_fail_queue(peer, why);
	peer_settle(peer);
	peer_unref(peer);
}

void actr__transport_unreachable(struct actr__transport *t, const actr_id *id,
				 const actr_error *why)
{
	struct peer *peer = peer_find(t, id);

	if (!peer)
		return;
	/* A connection that is to recover needs the peer to be there; an open one does not care. */
	if (peer->state == ACTR__PEER_CONNECTING ||
	    (peer->state == ACTR__PEER_RECOVERING && !actr_error_retryable(why->code)))
		fail_peer(peer, why);
}

void actr__transport_close_peer(struct actr__transport *t, const actr_id *id)
{
	struct peer *peer = peer_find(t, id);
	actr_error why = ACTR_ERROR_INIT;

	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "the connection was closed here");
	if (peer)
		fail_peer(peer, &why);
}

static bool collect_id(struct actr__map_node *node, void *user)
{
	actr_id **at = user;

	*(*at)++ = container_of(node, struct peer, node)->id;
	return true;
}

void actr__transport_close_all(struct actr__transport *t)
{
	size_t count = t->peers.count;
	actr_id *ids = actr__alloc(count * sizeof *ids), *end = ids;

	if (!ids) { /* one at a time: a callback that dials anew could keep us here, but not for
		       ever */
		for (size_t i = 0; i < count && any_peer(t); i++)
			actr__transport_close_peer(t, &any_peer(t)->id);
		return;
	}
	actr__map_each(&t->peers, collect_id, &end);
	for (size_t i = 0; i < count; i++)
		actr__transport_close_peer(t, &ids[i]);
	actr__free(ids);
}

size_t actr__transport_peer_count(const struct actr__transport *t)
{
	return t->peers.count;
}

uint64_t actr__transport_session(const struct actr__transport *t, const actr_id *id)
{
	struct peer *peer = peer_find(t, id);

	return peer && peer->wire ? peer->session : 0;
}

struct actr__wire *actr__transport_wire(const struct actr__transport *t, const actr_id *id)
{
	struct peer *peer = peer_find(t, id);

	return peer ? peer->wire : NULL;
}

size_t actr__transport_buffered(const struct actr__transport *t, const actr_id *id, unsigned lane)
{
	struct peer *peer = peer_find(t, id);
	size_t sum = 0;

	if (!peer || lane >= LANE_COUNT)
		return 0;
	actr__list_each(link, &peer->queue[lane]) sum +=
		container_of(link, struct actr__send, link)->size;
	if (peer->wire)
		sum += peer->wire->ops->buffered(peer->wire, lane);
	return sum;
}

struct visit {
	void (*fn)(void *, const actr_id *, enum actr__peer_state, const struct actr__wire_stats *);
	void *user;
};

static bool visit_peer(struct actr__map_node *node, void *arg)
{
	struct peer *peer = container_of(node, struct peer, node);
	struct actr__wire_stats stats = {0};
	struct visit *visit = arg;

	if (peer->wire)
		peer->wire->ops->stats(peer->wire, &stats);
	visit->fn(visit->user, &peer->id, peer->state, &stats);
	return true;
}

void actr__transport_each(const struct actr__transport *t,
			  void (*fn)(void *, const actr_id *, enum actr__peer_state,
				     const struct actr__wire_stats *),
			  void *user)
{
	struct visit visit = {fn, user};

	actr__map_each(&t->peers, visit_peer, &visit);
}
