/*
 * The direct lane: a WebSocket to a peer that WebRTC does not reach.
 *
 * Each session has a ticket of each side, 128 random bits that travel in the descriptions, so only
 * the peer that the signaling server led them to knows ours; a side that listens adds its URL. Who
 * comes to our lane names itself and presents the ticket: that is the proof, no credential ever
 * leaves for a peer. Tickets hold for one session and one connection.
 *
 * The direct wire is set up beside the current one, when that has had its time or has failed, by
 * the side that knows where to (by the lower ticket when both do). The two are apart: the end of
 * one does not touch the other. Whichever is open first carries the session; the other is freed.
 * When the current wire fails before, it stays in its place, closed, while the direct one is waited
 * for, by both sides: so there is one peer and one session all the time. A wire that has been open
 * and is replaced while it recovers ends its session, as what it carried may be lost.
 *
 * The line that carries this is spliced into descriptions here, as the wires need not know.
 */
#include "transport/transport_internal.h"

#include <stdio.h>

#define LINE	      "a=x-actr-direct:"
#define AFTER_MS      3000 /* WebRTC's own time */
#define AFTER_LAST_MS 500  /* when the last session was a direct one */
#define RECOVERING_MS 6000
#define AGAIN_MS      2000
#define HOLD_MS	      8000 /* for the direct lane alone */

/* --- the line --- */

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static int parse_line(const char *at, size_t size, char *ret_ticket, char *ret_url)
{
	size_t ticket = DIRECT_TICKET_SIZE - 1, url;

	if (size < ticket)
		return ACTR_E_DECODE;
	for (size_t i = 0; i < ticket; i++) {
		if (!is_hex(at[i]))
			return ACTR_E_DECODE;
	}
	url = size - ticket;
	if (url == 1 || url > DIRECT_URL_MAX + 1 || (url && at[ticket] != ' '))
		return ACTR_E_DECODE;
	for (size_t i = ticket + 1; i < size; i++) {
		if (at[i] <= ' ' || at[i] > '~')
			return ACTR_E_DECODE;
	}
	memcpy(ret_ticket, at, ticket);
	ret_ticket[ticket] = 0;
	if (url)
		memcpy(ret_url, at + ticket + 1, url - 1);
	ret_url[url ? url - 1 : 0] = 0;
	return 0;
}

int direct_parse(const char *text, char ret_ticket[DIRECT_TICKET_SIZE],
		 char ret_url[DIRECT_URL_MAX + 1])
{
	while (*text && strncmp(text, "m=", 2) != 0) {
		size_t size = strcspn(text, "\r\n");

		if (size > sizeof LINE - 1 && !strncmp(text, LINE, sizeof LINE - 1))
			return parse_line(text + sizeof LINE - 1, size - (sizeof LINE - 1),
					  ret_ticket, ret_url);
		text += size;
		text += strspn(text, "\r\n");
	}
	return ACTR_E_NOT_FOUND;
}

static bool is_description(const struct actr__signal *signal)
{
	return signal->text && signal->kind <= ACTR__SIGNAL_ICE_RESTART_OFFER;
}

int direct_advertise(const struct peer *peer, const struct actr__signal *signal, char **ret_text)
{
	const struct direct *d = &peer->direct;
	const char *url = peer->transport->direct_url, *media;
	size_t size, head;

	*ret_text = NULL;
	if (!d->ours[0] || !is_description(signal))
		return 0;
	media = strstr(signal->text, "\nm=");
	head = media ? (size_t)(media + 1 - signal->text) : strlen(signal->text);
	size = strlen(signal->text) + DIRECT_LINE_MAX;
	*ret_text = actr__alloc(size);
	if (!*ret_text)
		return ACTR_E_NOMEM;
	snprintf(*ret_text, size, "%.*s%s" LINE "%s%s%s\r\n%s", (int)head, signal->text,
		 media ? "" : "\r\n", d->ours, *url ? " " : "", url, signal->text + head);
	return 0;
}

/* --- setting up --- */

static bool we_dial(const struct peer *peer)
{
	const struct direct *d = &peer->direct;

	return d->url[0] && peer->transport->maker.dial_direct &&
	       (!peer->transport->direct_url[0] || strcmp(d->ours, d->theirs) < 0);
}

static bool peer_dials(const struct peer *peer)
{
	const struct direct *d = &peer->direct;

	return d->ours[0] && d->theirs[0] && peer->transport->direct_url[0] && !we_dial(peer);
}

static void set_timer(struct peer *peer, uint64_t ms)
{
	/* Without memory for it there is no second way. */
	(void)actr__timer_set(peer->transport->loop, &peer->direct.timer, ms);
}

static void try_it(struct peer *peer)
{
	struct actr__transport *t = peer->transport;
	struct direct *d = &peer->direct;
	actr_error err = ACTR_ERROR_INIT;

	if (!d->due || d->wire || d->is_current || !we_dial(peer) ||
	    (peer->state != ACTR__PEER_CONNECTING && peer->state != ACTR__PEER_RECOVERING))
		return;
	if (t->maker.dial_direct(t->maker.user, &peer->id, d->url, d->theirs, &peer_wire_events,
				 peer, peer->session, &d->wire, &err) < 0) {
		ACTR_WARN(3, "transport_error", "what=direct_lane_not_tried cause=\"%s\"",
			  err.message);
		d->url[0] = 0;
	}
}

static void on_due(struct actr__timer *timer)
{
	struct peer *peer = container_of(timer, struct peer, direct.timer);
	struct direct *d = &peer->direct;

	if (peer->wire && peer->wire->state == ACTR__WIRE_CLOSED) {
		peer_lose_wire(peer, &d->why);
		return;
	}
	d->due = true;
	try_it(peer);
}

void direct_init(struct peer *peer)
{
	actr__timer_init(&peer->direct.timer, on_due);
}

void direct_begin(struct peer *peer)
{
	struct actr__transport *t = peer->transport;
	struct direct *d = &peer->direct;
	uint8_t ticket[(DIRECT_TICKET_SIZE - 1) / 2];
	uint32_t after_ms;

	direct_end(peer);
	if ((!t->maker.dial_direct && !t->direct_url[0]) || actr__random(ticket, sizeof ticket) < 0)
		return;
	actr__hex(ticket, sizeof ticket, d->ours);
	after_ms = t->options.direct_after_ms ? t->options.direct_after_ms : AFTER_MS;
	set_timer(peer, d->was_current && after_ms > AFTER_LAST_MS ? AFTER_LAST_MS : after_ms);
}

void direct_recovering(struct peer *peer)
{
	if (!peer->direct.ours[0] || peer->direct.is_current)
		return;
	peer->direct.due = false;
	set_timer(peer, RECOVERING_MS);
}

void direct_rest(struct peer *peer)
{
	struct direct *d = &peer->direct;

	actr__timer_stop(peer->transport->loop, &d->timer);
	d->wire = actr__wire_unref(d->wire);
	if (!d->is_current)
		d->was_current = false;
}

void direct_end(struct peer *peer)
{
	struct direct *d = &peer->direct;

	actr__timer_stop(peer->transport->loop, &d->timer);
	d->wire = actr__wire_unref(d->wire);
	d->ours[0] = d->theirs[0] = d->url[0] = 0;
	d->due = d->is_current = false;
}

void direct_learn(struct peer *peer, const struct actr__signal *signal)
{
	struct direct *d = &peer->direct;

	if (!d->ours[0] || d->is_current || !is_description(signal) ||
	    direct_parse(signal->text, d->theirs, d->url) < 0)
		return;
	try_it(peer);
}

bool direct_is_past(const struct peer *peer, const struct actr__signal *signal)
{
	char ticket[DIRECT_TICKET_SIZE], url[DIRECT_URL_MAX + 1];

	return peer->direct.is_current && is_description(signal) &&
	       direct_parse(signal->text, ticket, url) == 0 && !strcmp(ticket, peer->direct.theirs);
}

/* --- two wires --- */

bool direct_holds(struct peer *peer, const actr_error *why)
{
	struct direct *d = &peer->direct;

	if (d->is_current)
		return false;
	d->due = true;
	try_it(peer);
	if (!d->wire && !peer_dials(peer))
		return false;
	d->why = *why;
	set_timer(peer, HOLD_MS);
	return actr__timer_is_set(&d->timer);
}

static void take_over(struct peer *peer)
{
	struct direct *d = &peer->direct;
	struct actr__wire *wire = TAKE(d->wire);

	actr__timer_stop(peer->transport->loop, &d->timer);
	d->is_current = d->was_current = true;
	d->ours[0] = 0; /* nobody else comes in with it */
	if (peer->state == ACTR__PEER_CONNECTING) {
		actr__wire_unref(peer->wire);
		peer->wire = wire;
	} else {
		peer_replace_wire(peer, wire);
	}
	if (peer->wire == wire)
		peer_begun(peer);
	if (peer->wire == wire)
		peer_opened(peer);
}

void direct_on_state(struct peer *peer, enum actr__wire_state state, const actr_error *why)
{
	struct direct *d = &peer->direct;

	if (state == ACTR__WIRE_OPEN) {
		take_over(peer);
		return;
	}
	if (state != ACTR__WIRE_CLOSED)
		return;
	ACTR_WARN(3, "transport_error", "what=direct_lane_failed cause=\"%s\"",
		  why ? why->message : "closed");
	d->wire = actr__wire_unref(d->wire);
	if (peer->wire && peer->wire->state == ACTR__WIRE_CLOSED)
		peer_lose_wire(peer, &d->why);
	else
		set_timer(peer, AGAIN_MS);
}

/* --- who comes to ours --- */

/* As long for each guess. */
static bool same_ticket(const char *ours, const char *guess)
{
	unsigned char different = 0;

	if (strlen(guess) != DIRECT_TICKET_SIZE - 1)
		return false;
	for (size_t i = 0; i < DIRECT_TICKET_SIZE - 1; i++)
		different |= (unsigned char)(ours[i] ^ guess[i]);
	return !different;
}

bool actr__transport_direct_check(struct actr__transport *t, const actr_id *from,
				  const char *ticket)
{
	struct peer *peer = peer_find(t, from);

	return peer && peer->wire && t->direct_url[0] && peer->direct.ours[0] &&
	       !peer->direct.wire && !peer->direct.is_current &&
	       same_ticket(peer->direct.ours, ticket);
}

int actr__transport_direct_accept(struct actr__transport *t, const actr_id *from,
				  const char *ticket,
				  int (*make)(void *user, const struct actr__wire_events *events,
					      void *owner, uint64_t session,
					      struct actr__wire **ret_wire, actr_error *err),
				  void *user, actr_error *err)
{
	struct peer *peer = peer_find(t, from);

	if (!actr__transport_direct_check(t, from, ticket))
		return ACTR_FAIL(err, ACTR_E_UNAUTHENTICATED, "no such ticket of this peer");
	return make(user, &peer_wire_events, peer, peer->session, &peer->direct.wire, err);
}
