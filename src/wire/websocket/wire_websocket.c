/*
 * A wire over a WebSocket.
 *
 * The wire owns its connection until one of them is closed. Closing the wire lets the connection
 * go: it sends what is queued and ends by itself, without an owner; CLOSED is told at the end of
 * the turn. All lanes share one queue, so a full queue blocks whichever lane asks, and all that
 * were refused hear on_writable when it has emptied. A frame that cannot be read is dropped and
 * counted. Loop thread only. Each event holds a reference, because its owner may let go inside it.
 */
#include "wire/websocket/wire_websocket.h"

#include "wire/websocket/websocket_internal.h"

struct ws_wire {
	struct actr__wire base;
	struct actr__loop *loop;
	struct actr__ws *ws; /* NULL once it was let go */
	struct actr__deferred tell;
	bool closing;
	bool refused[ACTR_LANE_COUNT]; /* a send; on_writable is owed */
	uint64_t bytes_sent, bytes_received, messages_sent, messages_received, frames_dropped;
	actr_error why;
	char path[160];
};

static struct ws_wire *self_of(struct actr__wire *wire)
{
	return container_of(wire, struct ws_wire, base);
}

int actr__ws_frame_parse(actr_bytes frame, unsigned *ret_lane, actr_bytes *ret_message)
{
	size_t size;

	if (frame.size < ACTR__WS_FRAME_HEAD || frame.data[0] >= ACTR_LANE_COUNT)
		return ACTR_E_DECODE;
	size = (size_t)frame.data[1] << 24 | (size_t)frame.data[2] << 16 |
	       (size_t)frame.data[3] << 8 | frame.data[4];
	if (size > frame.size - ACTR__WS_FRAME_HEAD)
		return ACTR_E_DECODE;
	*ret_lane = frame.data[0];
	*ret_message = actr__bytes(frame.data + ACTR__WS_FRAME_HEAD, size);
	return 0;
}

/* --- states --- */

static void set_state(struct ws_wire *w, enum actr__wire_state state, const actr_error *why)
{
	if (w->base.state == state || w->base.state == ACTR__WIRE_CLOSED)
		return;
	w->base.state = state;
	w->base.events->on_state(w->base.owner, &w->base, state, why);
}

static void let_go(struct ws_wire *w, unsigned close_code, const char *reason)
{
	struct actr__ws *ws = TAKE(w->ws);

	if (!ws)
		return;
	actr__ws_set_owner(ws, NULL, NULL);
	actr__ws_close(ws, close_code, reason);
}

static void tell_writable(struct ws_wire *w)
{
	for (unsigned lane = 0; lane < ACTR_LANE_COUNT; lane++)
		if (w->refused[lane] && !w->closing && w->ws) {
			w->refused[lane] = false;
			w->base.events->on_writable(w->base.owner, &w->base, lane);
		}
}

static void tell_open(struct ws_wire *w)
{
	if (w->closing || w->base.state != ACTR__WIRE_CONNECTING)
		return;
	set_state(w, ACTR__WIRE_OPEN, NULL);
	tell_writable(w);
}

static void on_tell(struct actr__deferred *deferred)
{
	struct ws_wire *w = container_of(deferred, struct ws_wire, tell);

	actr__wire_ref(&w->base);
	if (w->closing)
		set_state(w, ACTR__WIRE_CLOSED, &w->why);
	else
		tell_open(w);
	actr__wire_unref(&w->base);
}

/* --- the connection's events --- */

static void on_open(void *owner, struct actr__ws *ws)
{
	struct ws_wire *w = owner;

	(void)ws;
	actr__wire_ref(&w->base);
	tell_open(w);
	actr__wire_unref(&w->base);
}

static void drop_frame(struct ws_wire *w)
{
	w->frames_dropped++;
	ACTR_DEBUG("websocket", "dropped a malformed frame path=%s count=%llu", w->path,
		   (unsigned long long)w->frames_dropped);
}

static void on_message(void *owner, struct actr__ws *ws, actr_bytes frame)
{
	struct ws_wire *w = owner;
	struct actr__msg *msg;
	actr_bytes message;
	unsigned lane;

	(void)ws;
	if (actr__ws_frame_parse(frame, &lane, &message) < 0) {
		drop_frame(w);
		return;
	}
	msg = actr__msg_new(message.size, lane);
	if (!msg) {
		/* The peer believes that it arrived; a closed wire tells it otherwise. */
		actr__wire_close(&w->base, ACTR_E_NOMEM, "no memory for a message");
		return;
	}
	if (message.size)
		memcpy(msg->data, message.data, message.size);
	w->messages_received++;
	w->bytes_received += message.size;
	actr__wire_ref(&w->base);
	tell_open(w); /* an accepted one may hear the peer before the end of its first turn */
	if (w->closing || w->base.state == ACTR__WIRE_CLOSED)
		actr__msg_unref(msg);
	else
		w->base.events->on_message(w->base.owner, &w->base, msg);
	actr__wire_unref(&w->base);
}

static void on_writable(void *owner, struct actr__ws *ws)
{
	struct ws_wire *w = owner;

	(void)ws;
	actr__wire_ref(&w->base);
	tell_writable(w);
	actr__wire_unref(&w->base);
}

static void on_close(void *owner, struct actr__ws *ws, unsigned close_code, const actr_error *why)
{
	struct ws_wire *w = owner;

	(void)ws;
	(void)close_code;
	w->ws = NULL;
	w->closing = true;
	actr__loop_cancel_deferred(&w->tell);
	actr__wire_ref(&w->base);
	set_state(w, ACTR__WIRE_CLOSED, why);
	actr__wire_unref(&w->base);
}

static const struct actr__ws_events ws_events = {on_open, on_message, NULL, on_writable, on_close};

/* --- what the owner may do --- */

static int send_message(struct actr__wire *wire, unsigned lane, actr_bytes message, actr_error *err)
{
	struct ws_wire *w = self_of(wire);
	uint8_t head[ACTR__WS_FRAME_HEAD] = {
		(uint8_t)lane,
		(uint8_t)(message.size >> 24),
		(uint8_t)(message.size >> 16),
		(uint8_t)(message.size >> 8),
		(uint8_t)message.size,
	};
	int rc;

	if (lane >= ACTR_LANE_COUNT)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "there is no lane %u", lane);
	if (message.size > wire->max_message)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "%zu bytes; at most %zu", message.size,
				 wire->max_message);
	if (!w->ws || w->closing)
		return ACTR_FAIL(err, ACTR_E_CLOSED, "the wire is closed");
	rc = wire->state == ACTR__WIRE_CONNECTING
		     ? ACTR_E_RESOURCE_EXHAUSTED
		     : ws_send_parts(w->ws, actr__bytes(head, sizeof head), message, err);
	if (rc == ACTR_E_RESOURCE_EXHAUSTED) {
		w->refused[lane] = true;
		return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK, "the WebSocket takes no more now");
	}
	if (rc < 0)
		return rc;
	w->messages_sent++;
	w->bytes_sent += message.size;
	return 0;
}

static size_t buffered(const struct actr__wire *wire, unsigned lane)
{
	const struct ws_wire *w = container_of(wire, const struct ws_wire, base);

	(void)lane; /* one queue for all */
	return w->ws ? actr__ws_buffered(w->ws) : 0;
}

/* Nothing is negotiated on this wire: an offer is the peer's next session. */
static int take_signal(struct actr__wire *wire, const struct actr__signal *signal, actr_error *err)
{
	(void)wire;
	if (signal->kind == ACTR__SIGNAL_OFFER)
		return ACTR_FAIL(err, ACTR_E_CLOSED, "a WebSocket takes no offers");
	return 0;
}

static void stats(const struct actr__wire *wire, struct actr__wire_stats *ret)
{
	const struct ws_wire *w = container_of(wire, const struct ws_wire, base);

	*ret = (struct actr__wire_stats){
		.data_path = "websocket",
		.bytes_sent = w->bytes_sent,
		.bytes_received = w->bytes_received,
		.messages_sent = w->messages_sent,
		.messages_received = w->messages_received,
		.packets_dropped = w->frames_dropped,
		.buffered = buffered(wire, 0),
	};
	snprintf(ret->path, sizeof ret->path, "%s", w->path);
}

static void close_wire(struct actr__wire *wire, int code, const char *reason)
{
	struct ws_wire *w = self_of(wire);

	if (w->closing)
		return;
	w->closing = true;
	actr__fail(&w->why, code < 0 ? code : ACTR_E_CLOSED, "%s", reason ? reason : "closed");
	let_go(w, code == ACTR_E_NOMEM ? WS_CODE_INTERNAL : 1000, reason);
	actr__loop_defer(w->loop, &w->tell);
}

static void free_wire(struct actr__wire *wire)
{
	struct ws_wire *w = self_of(wire);

	actr__loop_cancel_deferred(&w->tell);
	let_go(w, 1000, "");
	actr__free(w);
}

static const struct actr__wire_ops ws_wire_ops = {
	.name = "websocket",
	.send = send_message,
	.buffered = buffered,
	.signal = take_signal,
	.stats = stats,
	.close = close_wire,
	.free = free_wire,
};

/* --- making --- */

static struct ws_wire *new_wire(struct actr__loop *loop, const struct actr__wire_events *events,
				void *owner, uint64_t session)
{
	struct ws_wire *w = actr__new0(struct ws_wire);

	if (!w)
		return NULL;
	w->base = (struct actr__wire){
		.ops = &ws_wire_ops,
		.events = events,
		.owner = owner,
		.session = session,
		.refs = 1,
		.state = ACTR__WIRE_CONNECTING,
		.max_message = ACTR__WS_WIRE_MAX,
	};
	w->loop = loop;
	actr__deferred_init(&w->tell, on_tell);
	return w;
}

int actr__ws_wire_dial(struct actr__ws_context *context,
		       const struct actr__ws_wire_options *options,
		       const struct actr__wire_events *events, void *owner,
		       struct actr__wire **ret_wire, actr_error *err)
{
	struct actr__ws_limits limits = {.max_message = ACTR__WS_FRAME_MAX,
					 .max_queued_bytes = 2 * ACTR__WS_FRAME_MAX};
	struct ws_wire *w = new_wire(context->loop, events, owner, options->session);
	int rc;

	if (!w)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a wire");
	rc = actr__ws_connect(context, options->url, &limits, &ws_events, w, &w->ws, err);
	if (rc >= 0 && (options->source_id || options->credential))
		rc = actr__ws_set_headers(w->ws, options->source_id, options->credential, err);
	if (rc < 0) {
		actr__wire_unref(&w->base);
		return rc;
	}
	snprintf(w->path, sizeof w->path, "websocket to %.140s", options->url);
	*ret_wire = &w->base;
	return 0;
}

int actr__ws_wire_accept(struct actr__loop *loop, struct actr__ws *ws, const char *address,
			 const struct actr__wire_events *events, void *owner, uint64_t session,
			 struct actr__wire **ret_wire, actr_error *err)
{
	struct ws_wire *w = new_wire(loop, events, owner, session);

	if (!w) {
		actr__ws_set_owner(ws, NULL, NULL);
		actr__ws_close(ws, WS_CODE_INTERNAL, "out of memory");
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a wire");
	}
	w->ws = ws;
	snprintf(w->path, sizeof w->path, "websocket from %.140s", address);
	actr__ws_set_owner(ws, &ws_events, w);
	actr__loop_defer(loop, &w->tell);
	*ret_wire = &w->base;
	return 0;
}
