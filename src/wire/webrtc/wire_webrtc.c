/*
 * The state machine of a WebRTC wire: connecting, open, recovering, closed.
 *
 * Layers come up one after the other: ICE (link.c), DTLS, SCTP; only then is the wire open. What
 * the owner is told is told from the loop's deferred task `tell`, and so is the tearing down:
 * whatever layer is calling us just now is still there when we return to it. A freed wire lives on,
 * silent, until that task has run.
 *
 * A path that is lost makes the wire recovering: DTLS and SCTP stay, messages wait in SCTP, and a
 * new ICE generation is negotiated. The offerer writes the restart offers, one at a time with a
 * pause that grows; the answerer asks for one. Toward a peer of the original there is no restart,
 * and a lost path closes the wire.
 *
 * Long because it is one machine: its states and the events of its three layers.
 */
#include "wire/webrtc/media_internal.h"

#include <stdio.h>

#define CONNECT_TIMEOUT_MS  30000u
#define RECOVER_TIMEOUT_MS  60000u
#define RETRY_FIRST_MS	    1000u
#define RETRY_MAX_MS	    3000u
#define RETRY_ANSWERED_MS   5000u /* an attempt that was answered gets this long */
#define RESTART_INTERVAL_MS 500u  /* between restarts that the peer asks for */
#define HOLD_MS		    200u  /* reference.md 4.4 */
#define ALL_LANES	    ((1u << ACTR__SCTP_LANES) - 1)

static struct wire_webrtc *of(struct actr__wire *wire)
{
	return container_of(wire, struct wire_webrtc, wire);
}

static bool is_live(const struct wire_webrtc *w)
{
	return !w->is_freed && w->wire.state != ACTR__WIRE_CLOSED;
}

static bool is_restarting(const struct wire_webrtc *w)
{
	return (w->exchange[0] && !w->is_media_offer) || w->owed == OWE_RESTART_OFFER;
}

static void arm(struct wire_webrtc *w, struct actr__timer *timer, uint32_t ms)
{
	actr_error err = ACTR_ERROR_INIT;

	if (actr__timer_set(w->engine->loop, timer, ms) == 0)
		return;
	(void)ACTR_FAIL(&err, ACTR_E_NOMEM, "cannot set a timer");
	actr__webrtc_fail(w, &err);
}

/* --- states --- */

void actr__webrtc_set_state(struct wire_webrtc *w, enum actr__wire_state state)
{
	w->wire.state = state;
	actr__loop_defer(w->engine->loop, &w->tell);
}

void actr__webrtc_fail(struct wire_webrtc *w, const actr_error *why)
{
	if (w->wire.state == ACTR__WIRE_CLOSED)
		return;
	w->why = *why;
	actr__webrtc_set_state(w, ACTR__WIRE_CLOSED);
}

static void fail(struct wire_webrtc *w, int code, const char *text)
{
	actr_error why = ACTR_ERROR_INIT;

	(void)ACTR_FAIL(&why, code, "%s", text);
	actr__webrtc_fail(w, &why);
}

static void tell_writable(struct wire_webrtc *w)
{
	unsigned lanes = w->refused_lanes & ~w->held_lanes;

	if (w->wire.state == ACTR__WIRE_CONNECTING)
		return;
	w->refused_lanes &= ~lanes;
	for (unsigned lane = 0; lane < ACTR__SCTP_LANES && is_live(w); lane++)
		if (lanes & 1u << lane)
			w->wire.events->on_writable(w->wire.owner, &w->wire, lane);
}

static void on_tell(struct actr__deferred *deferred)
{
	struct wire_webrtc *w = container_of(deferred, struct wire_webrtc, tell);
	bool is_closed = w->wire.state == ACTR__WIRE_CLOSED;

	if (w->is_freed) {
		actr__webrtc_teardown(w);
		return;
	}
	if (is_closed)
		actr__webrtc_teardown(w);
	else
		actr__webrtc_negotiation_run(w);
	if (w->told != w->wire.state) {
		w->told = w->wire.state;
		w->wire.events->on_state(w->wire.owner, &w->wire, w->told,
					 w->told == ACTR__WIRE_OPEN ? NULL : &w->why);
	}
	if (is_live(w))
		tell_writable(w);
}

void actr__webrtc_emit_signal(struct wire_webrtc *w, const struct actr__signal *signal)
{
	if (is_live(w))
		w->wire.events->on_signal(w->wire.owner, &w->wire, signal);
}

/* --- SCTP --- */

static void on_sctp_up(void *owner)
{
	struct wire_webrtc *w = owner;

	if (!is_live(w))
		return;
	actr__timer_stop(w->engine->loop, &w->deadline);
	actr__webrtc_on_path(w);
	if (!w->peer_is_ours) {
		w->held_lanes = ALL_LANES;
		arm(w, &w->hold, HOLD_MS);
	}
	if (!is_live(w))
		return;
	actr__webrtc_set_state(w, ACTR__WIRE_OPEN);
	if (w->media)
		actr__media_on_up(w->media);
}

static void on_sctp_down(void *owner, const actr_error *why)
{
	actr__webrtc_fail(owner, why);
}

static void release(struct wire_webrtc *w, unsigned lanes)
{
	if (!(w->held_lanes & lanes))
		return;
	w->held_lanes &= ~lanes;
	actr__loop_defer(w->engine->loop, &w->tell);
}

static void on_sctp_message(void *owner, struct actr__msg *msg)
{
	struct wire_webrtc *w = owner;

	if (!is_live(w)) {
		(void)actr__msg_unref(msg);
		return;
	}
	release(w, 1u << msg->lane);
	w->wire.events->on_message(w->wire.owner, &w->wire, msg);
}

static void on_sctp_writable(void *owner, unsigned lane)
{
	struct wire_webrtc *w = owner;

	if (is_live(w))
		w->wire.events->on_writable(w->wire.owner, &w->wire, lane);
}

static void on_sctp_packet(void *owner, const uint8_t *packet, size_t size)
{
	struct wire_webrtc *w = owner;

	if (!actr__dtls_write(w->dtls, packet, size))
		w->dropped++;
}

/* The link that can carry data now; NULL: none. */
static struct link *carrier(const struct wire_webrtc *w)
{
	if (w->link && w->link->is_connected)
		return w->link;
	return w->old_link && w->old_link->is_connected ? w->old_link : NULL;
}

void actr__webrtc_flush(struct wire_webrtc *w)
{
	struct actr__batch *batch = &w->engine->batch;
	struct link *link = carrier(w);

	if (!batch->count || batch->wire != w)
		return;
	if (link) {
		actr__link_flush(link);
		return;
	}
	w->dropped += batch->count;
	batch->count = batch->size = 0;
}

static void on_sctp_flush(void *owner)
{
	actr__webrtc_flush(owner);
}

static const struct actr__sctp_events sctp_events = {
	on_sctp_up, on_sctp_down, on_sctp_message, on_sctp_writable, on_sctp_packet, on_sctp_flush};

/* --- DTLS --- */

void actr__webrtc_append(struct wire_webrtc *w, const uint8_t *datagram, size_t size)
{
	struct actr__batch *batch = &w->engine->batch;

	if (batch->count && (batch->wire != w || batch->count == ACTR__BATCH_COUNT ||
			     batch->size + size > ACTR__BATCH_SIZE))
		actr__webrtc_flush(batch->wire);
	batch->wire = w;
	memcpy(batch->data + batch->size, datagram, size);
	batch->sizes[batch->count++] = (uint16_t)size;
	batch->size += size;
}

static void on_dtls_output(void *owner, const uint8_t *datagram, size_t size)
{
	struct wire_webrtc *w = owner;

	actr__webrtc_append(w, datagram, size);
	/* Nobody repeats a farewell that got lost, and the peer would wait for consent to end. */
	if (w->wire.state == ACTR__WIRE_CLOSED)
		actr__webrtc_append(w, datagram, size);
	if (!actr__dtls_is_up(w->dtls))
		actr__webrtc_flush(w); /* flights of the handshake have no batch */
}

static void on_dtls_up(void *owner)
{
	struct wire_webrtc *w = owner;
	actr_error err = ACTR_ERROR_INIT;

	actr__webrtc_flush(w);
	if (!is_live(w))
		return;
	if (actr__sctp_new(w->engine->sctp, &sctp_events, w, &w->sctp, &err) < 0)
		actr__webrtc_fail(w, &err);
}

static void on_dtls_down(void *owner, const actr_error *why)
{
	actr__webrtc_flush(owner);
	actr__webrtc_fail(owner, why);
}

static void on_dtls_record(void *owner, uint8_t *data, size_t size)
{
	struct wire_webrtc *w = owner;

	if (w->sctp && is_live(w))
		actr__sctp_input(w->sctp, data, size);
}

static const struct actr__dtls_events dtls_events = {on_dtls_output, on_dtls_up, on_dtls_down,
						     on_dtls_record};

static void start_dtls(struct wire_webrtc *w)
{
	struct actr__dtls_options options = {
		.is_client = w->is_dtls_client,
		.fingerprint_name = actr__text(w->fingerprint_name),
		.fingerprint = actr__bytes(w->fingerprint, w->fingerprint_size),
	};
	actr_error err = ACTR_ERROR_INIT;

	if (actr__dtls_new(w->engine->loop, w->engine->identity, &options, &dtls_events, w,
			   &w->dtls, &err) < 0)
		actr__webrtc_fail(w, &err);
	else
		actr__dtls_start(w->dtls);
}

/* RFC 7983 7: DTLS is 20 to 63, SRTP and SRTCP are 128 to 191. */
void actr__webrtc_on_datagram(struct wire_webrtc *w, uint8_t *data, size_t size)
{
	if (size && data[0] >> 6 == 2 && w->media && is_live(w)) {
		actr__media_on_datagram(w->media, data, size);
		return;
	}
	if (!is_live(w) || !w->dtls || !size || data[0] < 20 || data[0] > 63) {
		w->dropped++;
		return;
	}
	w->packets_received++;
	actr__dtls_input(w->dtls, data, size);
}

void actr__webrtc_on_drained(struct wire_webrtc *w)
{
	actr__webrtc_flush(w);
}

/* --- ICE --- */

void actr__webrtc_on_path(struct wire_webrtc *w)
{
	bool is_local = w->peer_is_ours && w->link && actr__link_is_local(w->link);

	if (w->sctp)
		actr__sctp_set_path(w->sctp, is_local);
}

void actr__webrtc_on_connected(struct wire_webrtc *w)
{
	if (!is_live(w))
		return;
	w->old_link = actr__link_free(w->old_link);
	actr__timer_stop(w->engine->loop, &w->retry);
	w->retry_ms = RETRY_FIRST_MS;
	if (!w->dtls)
		start_dtls(w);
	actr__webrtc_on_path(w);
	if (w->wire.state == ACTR__WIRE_RECOVERING) {
		actr__timer_stop(w->engine->loop, &w->deadline);
		actr__webrtc_set_state(w, ACTR__WIRE_OPEN);
	}
}

/* --- recovery --- */

static void pause_retry(struct wire_webrtc *w)
{
	uint32_t jitter = actr__random_below(w->retry_ms / 4 + 1);

	arm(w, &w->retry, w->retry_ms + jitter);
	w->retry_ms = w->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : w->retry_ms * 2;
}

static void try_restart(struct wire_webrtc *w)
{
	actr_error err = ACTR_ERROR_INIT;

	pause_retry(w);
	if (!is_live(w))
		return;
	if (!w->is_offerer) {
		actr__webrtc_ask_restart(w);
		return;
	}
	w->restarted_ms = actr__loop_now_ms(w->engine->loop);
	if (actr__webrtc_begin_restart(w, &err) < 0)
		ACTR_WARN(5, ACTR__WEBRTC_CATEGORY, "event=restart_failed reason=\"%s\"",
			  err.message);
}

static void on_retry(struct actr__timer *timer)
{
	struct wire_webrtc *w = container_of(timer, struct wire_webrtc, retry);

	if (is_live(w) && w->wire.state == ACTR__WIRE_RECOVERING)
		try_restart(w);
}

/* A link failed: the current one, or the old one that still carried data. */
void actr__webrtc_on_disconnected(struct wire_webrtc *w)
{
	if (!is_live(w) || carrier(w))
		return; /* a failed attempt while the old path works: the next one is asked for */
	if (w->wire.state == ACTR__WIRE_CONNECTING) {
		fail(w, ACTR_E_UNAVAILABLE, "no path to the peer (ICE failed)");
	} else if (!w->peer_is_ours) {
		fail(w, ACTR_E_UNAVAILABLE, "the path to the peer was lost");
	} else if (w->wire.state == ACTR__WIRE_OPEN) {
		(void)ACTR_FAIL(&w->why, ACTR_E_RECOVERING, "the path to the peer was lost");
		actr__webrtc_set_state(w, ACTR__WIRE_RECOVERING);
		arm(w, &w->deadline, w->recover_timeout_ms);
		w->retry_ms = RETRY_FIRST_MS;
		if (!is_restarting(w))
			try_restart(w);
		else
			pause_retry(w);
	}
}

void actr__webrtc_on_answered(struct wire_webrtc *w)
{
	if (w->wire.state == ACTR__WIRE_RECOVERING)
		arm(w, &w->retry, RETRY_ANSWERED_MS);
}

int actr__webrtc_on_restart_request(struct wire_webrtc *w, actr_error *err)
{
	uint64_t now_ms = actr__loop_now_ms(w->engine->loop);

	if (!w->is_offerer || !w->sctp || !w->peer_is_ours)
		return ACTR_FAIL(err, ACTR_E_STATE, "the peer may not ask for an ICE restart now");
	if (is_restarting(w) || now_ms - w->restarted_ms < RESTART_INTERVAL_MS)
		return 0; /* one at a time */
	w->restarted_ms = now_ms;
	return actr__webrtc_begin_restart(w, err);
}

static void on_deadline(struct actr__timer *timer)
{
	struct wire_webrtc *w = container_of(timer, struct wire_webrtc, deadline);
	const char *phase = !w->knows_peer			 ? "no answer to the offer"
			    : !w->link || !w->link->is_connected ? "ICE found no path"
			    : !w->sctp				 ? "DTLS not done"
								 : "SCTP not up";
	char text[160];

	if (w->wire.state == ACTR__WIRE_RECOVERING)
		(void)snprintf(text, sizeof text, "the path to the peer did not come back");
	else
		(void)snprintf(text, sizeof text, "not connected in time: %s", phase);
	fail(w, w->wire.state == ACTR__WIRE_RECOVERING ? ACTR_E_UNAVAILABLE : ACTR_E_TIMEOUT, text);
}

static void on_hold(struct actr__timer *timer)
{
	release(container_of(timer, struct wire_webrtc, hold), ALL_LANES);
}

/* --- the wire's operations --- */

static int send_message(struct actr__wire *wire, unsigned lane, actr_bytes message, actr_error *err)
{
	struct wire_webrtc *w = of(wire);

	if (wire->state == ACTR__WIRE_CLOSED)
		return ACTR_FAIL(err, ACTR_E_CLOSED, "the wire is closed");
	if (lane >= ACTR__SCTP_LANES)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "lane %u carries no messages", lane);
	if (!message.size) /* reference.md 4.4: the original closes the channel */
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "an empty message cannot be sent");
	if (message.size > wire->max_message)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "message of %zu bytes, at most %zu pass",
				 message.size, wire->max_message);
	if (wire->state == ACTR__WIRE_CONNECTING || w->held_lanes & 1u << lane) {
		w->refused_lanes |= 1u << lane;
		return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK, "the wire is not ready yet");
	}
	return actr__sctp_send(w->sctp, lane, message, err);
}

static size_t buffered(const struct actr__wire *wire, unsigned lane)
{
	const struct wire_webrtc *w = container_of(wire, struct wire_webrtc, wire);

	(void)lane; /* SCTP has one send buffer for all */
	return w->sctp ? actr__sctp_buffered(w->sctp) : 0;
}

static void stats(const struct actr__wire *wire, struct actr__wire_stats *ret)
{
	const struct wire_webrtc *w = container_of(wire, struct wire_webrtc, wire);
	struct actr__sctp_stats s = w->last_stats;
	const struct link *link = carrier(w);

	memset(ret, 0, sizeof *ret);
	if (w->sctp)
		actr__sctp_stats(w->sctp, &s);
	if (link && link->has_path)
		actr__link_describe(link, ret->path, sizeof ret->path);
	if (link)
		(void)snprintf(ret->data_path, sizeof ret->data_path, "%s",
			       actr__link_data_path(link));
	ret->rtt_us = s.rtt_us;
	ret->bytes_sent = s.bytes_sent;
	ret->bytes_received = s.bytes_received;
	ret->messages_sent = s.messages_sent;
	ret->messages_received = s.messages_received;
	ret->packets_sent = w->packets_sent;
	ret->packets_received = w->packets_received;
	ret->packets_dropped = w->dropped + s.dropped;
	ret->retransmits = s.retransmits;
	ret->buffered = buffered(wire, 0);
	if (!w->media)
		return;
	ret->media_sent = w->media->packets_sent;
	ret->media_received = w->media->packets_received;
	ret->media_unknown = w->media->packets_unknown;
	ret->media_forged = w->media->packets_forged;
}

static void close_wire(struct actr__wire *wire, int code, const char *reason)
{
	fail(of(wire), code, reason ? reason : "closed");
}

static void free_wire(struct actr__wire *wire)
{
	struct wire_webrtc *w = of(wire);

	w->is_freed = true;
	w->wire.state = ACTR__WIRE_CLOSED;
	actr__loop_defer(w->engine->loop, &w->tell);
}

static const struct actr__wire_ops ops = {
	"webrtc", send_message, buffered,  actr__webrtc_signal,
	stats,	  close_wire,	free_wire, &actr__webrtc_media_ops};

void actr__webrtc_teardown(struct wire_webrtc *w)
{
	struct actr__loop *loop = w->engine->loop;

	actr__timer_stop(loop, &w->deadline);
	actr__timer_stop(loop, &w->retry);
	actr__timer_stop(loop, &w->hold);
	if (w->sctp)
		actr__sctp_stats(w->sctp, &w->last_stats);
	w->media = actr__media_free(w->media);
	w->sctp = actr__sctp_free(w->sctp);
	if (w->dtls)
		actr__dtls_shutdown(w->dtls);
	actr__webrtc_flush(w);
	w->dtls = actr__dtls_free(w->dtls);
	w->link = actr__link_free(w->link);
	w->old_link = actr__link_free(w->old_link);
	actr__webrtc_negotiation_done(w);
	if (!w->is_freed)
		return;
	actr__loop_cancel_deferred(&w->tell);
	actr__list_remove(&w->entry);
	actr__ice_servers_free(w->servers, w->server_count);
	actr__free(w);
}

/* --- making one --- */

static int new_session(uint64_t *ret, actr_error *err)
{
	if (actr__random(ret, sizeof *ret) < 0)
		return ACTR_FAIL(err, ACTR_E_INTERNAL, "no random bytes");
	*ret >>= 1; /* RFC 8829 5.2.1: the sign bit is 0 */
	return 0;
}

static int new_wire(struct actr__webrtc_engine *engine, const struct actr__webrtc_options *options,
		    struct wire_webrtc **ret, actr_error *err)
{
	struct wire_webrtc *w = actr__new0(struct wire_webrtc);
	int rc;

	if (!w)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a wire");
	w->engine = engine;
	w->wire.ops = &ops;
	w->wire.refs = 1;
	w->wire.max_message = ACTR__MESSAGE_MAX;
	w->self = options->self;
	w->peer = options->peer;
	w->loopback = options->loopback;
	w->relay_only = options->relay_only;
	w->no_data_socket = options->no_data_socket;
	w->port_min = options->port_min;
	w->port_max = options->port_max;
	(void)actr__mapping_parse(options->public_address, &w->mapping, NULL); /* checked before */
	w->recover_timeout_ms =
		options->recover_timeout_ms ? options->recover_timeout_ms : RECOVER_TIMEOUT_MS;
	w->retry_ms = RETRY_FIRST_MS;
	memcpy(w->mid, "0", 2);
	actr__deferred_init(&w->tell, on_tell);
	actr__timer_init(&w->deadline, on_deadline);
	actr__timer_init(&w->retry, on_retry);
	actr__timer_init(&w->hold, on_hold);
	actr__list_init(&w->entry);
	w->server_count = options->ice_server_count;
	rc = actr__ice_servers_copy(options->ice_servers, w->server_count, &w->servers, err);
	if (rc == 0)
		rc = new_session(&w->local_session, err);
	if (rc < 0) {
		actr__ice_servers_free(w->servers, w->server_count);
		actr__free(w);
		return rc;
	}
	actr__list_push(&engine->wires, &w->entry);
	*ret = w;
	return 0;
}

static int finish(struct wire_webrtc *w, const struct actr__webrtc_options *options, int rc,
		  struct actr__wire **ret, actr_error *err)
{
	uint32_t ms =
		options->connect_timeout_ms ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;

	if (rc == 0 && actr__timer_set(w->engine->loop, &w->deadline, ms) < 0)
		rc = ACTR_FAIL(err, ACTR_E_NOMEM, "cannot set a timer");
	if (rc < 0) {
		w->is_freed = true;
		actr__webrtc_teardown(w);
		return rc;
	}
	*ret = &w->wire;
	return 0;
}

int actr__webrtc_dial(struct actr__webrtc_engine *engine,
		      const struct actr__webrtc_options *options,
		      const struct actr__wire_events *events, void *owner, uint64_t session,
		      struct actr__wire **ret_wire, actr_error *err)
{
	struct wire_webrtc *w;

	ACTR_TRY(new_wire(engine, options, &w, err));
	w->wire.events = events;
	w->wire.owner = owner;
	w->wire.session = session;
	return finish(w, options, actr__webrtc_begin_offer(w, err), ret_wire, err);
}

int actr__webrtc_accept(struct actr__webrtc_engine *engine,
			const struct actr__webrtc_options *options,
			const struct actr__signal *offer, const struct actr__wire_events *events,
			void *owner, uint64_t session, struct actr__wire **ret_wire,
			actr_error *err)
{
	struct wire_webrtc *w;

	ACTR_TRY(new_wire(engine, options, &w, err));
	w->wire.events = events;
	w->wire.owner = owner;
	w->wire.session = session;
	return finish(w, options, actr__webrtc_begin_answer(w, offer, err), ret_wire, err);
}
