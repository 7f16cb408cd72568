/*
 * One WebSocket connection, of either side.
 *
 * Owned by the context's list until libwebsockets says that the socket is gone (or the dial
 * failed); then on_close is told and the memory is freed, in ws_finish() and nowhere else. The wsi
 * points here by its opaque user data, which is taken away first, so late callbacks find nobody.
 *
 * Outgoing messages wait in `queue` with room for the frame's header in front, as libwebsockets
 * wants it. It is written when the socket is writable; what the kernel did not take is held by
 * libwebsockets (in_flight) and goes out before the next writable callback.
 *
 * The one timer: while dialling it limits that; while open it sends pings and finds silent peers;
 * while closing it limits that. Killing is deferred, because libwebsockets calls back inside it.
 */
#include "wire/websocket/websocket_internal.h"

static const struct actr__ws_events nobody;

void ws_cut(struct lws *wsi)
{
	if (!wsi)
		return;
	lws_set_opaque_user_data(wsi, NULL);
	/* libwebsockets would still flush what the peer does not take; the end of the socket ends
	 * that. */
	(void)shutdown(lws_get_socket_fd(wsi), SHUT_RDWR);
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

static void kill_later(struct actr__ws *ws, int code, const char *message)
{
	if (!ws->why.code)
		actr__fail(&ws->why, code, "%s", message);
	ws->farewell = false;
	actr__loop_defer(ws->context->loop, &ws->kill);
}

static void on_kill(struct actr__deferred *deferred)
{
	struct actr__ws *ws = container_of(deferred, struct actr__ws, kill);

	if (!ws->farewell) {
		ws_cut(TAKE(ws->wsi));
		ws_finish(ws, true);
		return;
	}
	ws->farewell = false;
	lws_close_reason(ws->wsi, (enum lws_close_status)ws->close_code,
			 (unsigned char *)ws->close_reason, strlen(ws->close_reason));
	lws_set_timeout(ws->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

static void check_silence(struct actr__ws *ws)
{
	uint64_t interval_ms = ws->limits.ping_interval_ms;
	uint64_t now_ns = actr__loop_now_ns(ws->context->loop);
	uint64_t silent_ms = now_ns / 1000000 - ws->heard_ms;
	/* This process did not run for a while (suspended, overloaded), so what the peer sent may
	 * be unread: such a turn judges nobody. */
	bool late = now_ns - ws->timer.due_ns > interval_ms * 1000000 / 2;

	if (!late && silent_ms >= 2 * interval_ms) {
		kill_later(ws, ACTR_E_TIMEOUT, "the peer is silent");
		return;
	}
	ws->ping_due = true;
	lws_callback_on_writable(ws->wsi);
	if (actr__timer_set(ws->context->loop, &ws->timer, ws->limits.ping_interval_ms) < 0)
		kill_later(ws, ACTR_E_NOMEM, "out of memory");
}

static void on_timer(struct actr__timer *timer)
{
	struct actr__ws *ws = container_of(timer, struct actr__ws, timer);

	if (ws->open && !ws->closing)
		check_silence(ws);
	else
		kill_later(ws, ACTR_E_TIMEOUT,
			   ws->closing ? "closing took too long" : "connecting took too long");
}

struct actr__ws *ws_new(struct actr__ws_context *context, const struct actr__ws_limits *limits)
{
	struct actr__ws *ws = actr__new0(struct actr__ws);

	if (!ws)
		return NULL;
	ws->context = context;
	ws->events = &nobody;
	if (limits)
		ws->limits = *limits;
	if (!ws->limits.max_message)
		ws->limits.max_message = WS_MESSAGE_MAX;
	if (!ws->limits.max_queued_bytes)
		ws->limits.max_queued_bytes = WS_MESSAGE_MAX;
	if (!ws->limits.ping_interval_ms)
		ws->limits.ping_interval_ms = WS_PING_MS;
	if (!ws->limits.connect_timeout_ms)
		ws->limits.connect_timeout_ms = WS_CONNECT_MS;
	actr__list_init(&ws->queue);
	actr__buf_init(&ws->received, ws->limits.max_message);
	actr__timer_init(&ws->timer, on_timer);
	actr__deferred_init(&ws->kill, on_kill);
	actr__list_push(&context->sockets, &ws->link);
	return ws;
}

static void drop_queue(struct actr__ws *ws)
{
	struct actr__list *link;

	while ((link = actr__list_pop(&ws->queue)))
		actr__free(container_of(link, struct outgoing, link));
	ws->queued_bytes = 0;
}

static void tell_closed(struct actr__ws *ws)
{
	if (!ws->why.code)
		actr__fail(&ws->why, ACTR_E_CLOSED, "the connection was closed (%u%s%s)",
			   ws->close_code ? ws->close_code : WS_CODE_ABNORMAL,
			   *ws->close_reason ? ": " : "", ws->close_reason);
	if (ws->events->on_close)
		ws->events->on_close(ws->owner, ws,
				     ws->close_code ? ws->close_code : WS_CODE_ABNORMAL, &ws->why);
}

void ws_finish(struct actr__ws *ws, bool tell)
{
	actr__list_remove(&ws->link);
	actr__timer_stop(ws->context->loop, &ws->timer);
	actr__loop_cancel_deferred(&ws->kill);
	if (ws->wsi)
		lws_set_opaque_user_data(ws->wsi, NULL);
	ws->wsi = NULL;
	ws->closing = true; /* sends are refused in on_close */
	if (ws->server)
		ws->server->connections--;
	if (tell && !ws->context->freeing)
		tell_closed(ws);
	ws->dial = dial_free(ws->dial);
	drop_queue(ws);
	actr__buf_done(&ws->received);
	actr__free(ws->request);
	actr__free(ws->http_body);
	actr__free(ws);
}

void ws_heard(struct actr__ws *ws)
{
	actr__loop_touch(ws->context->loop);
	ws->heard_ms = actr__loop_now_ms(ws->context->loop);
}

void ws_opened(struct actr__ws *ws)
{
	ws_heard(ws);
	ws->open = true;
	ws->dial = dial_free(ws->dial);
	actr__free(TAKE(ws->request));
	/* A failure (memory) only costs the liveness check of a connection that was just proved. */
	(void)actr__timer_set(ws->context->loop, &ws->timer, ws->limits.ping_interval_ms);
}

/* --- receiving --- */

static void deliver(struct actr__ws *ws, actr_bytes message)
{
	bool binary = lws_frame_is_binary(ws->wsi);

	if (ws->closing)
		return;
	if (binary && ws->events->on_message)
		ws->events->on_message(ws->owner, ws, message);
	else if (!binary && ws->events->on_text)
		ws->events->on_text(ws->owner, ws, message);
}

static int refuse(struct actr__ws *ws, int code, unsigned close_code, const char *message)
{
	actr__fail(&ws->why, code, "%s", message);
	ws->close_code = close_code;
	ws->closing = true;
	lws_close_reason(ws->wsi, (enum lws_close_status)close_code,
			 (unsigned char *)(uintptr_t)message, strlen(message));
	return -1;
}

int ws_on_receive(struct actr__ws *ws, const void *bytes, size_t size)
{
	bool first = lws_is_first_fragment(ws->wsi);
	bool last = lws_is_final_fragment(ws->wsi) && !lws_remaining_packet_payload(ws->wsi);
	int rc;

	ws_heard(ws);
	if (first)
		actr__buf_clear(&ws->received);
	if (lws_remaining_packet_payload(ws->wsi) > ws->limits.max_message)
		rc = ACTR_E_TOO_LARGE;
	else if (first && last && size <= ws->limits.max_message) {
		deliver(ws, actr__bytes(bytes, size));
		return 0;
	} else
		rc = actr__buf_append(&ws->received, bytes, size);
	if (rc == ACTR_E_TOO_LARGE)
		return refuse(ws, rc, WS_CODE_TOO_BIG, "message too large");
	if (rc < 0)
		return refuse(ws, rc, WS_CODE_INTERNAL, "out of memory");
	if (!last)
		return 0;
	deliver(ws, actr__bytes(ws->received.data, ws->received.size));
	/* The memory of a large message is not kept by an idle connection. */
	actr__buf_done(&ws->received);
	actr__buf_init(&ws->received, ws->limits.max_message);
	return 0;
}

/* RFC 6455 5.5.1: two bytes of code, then a reason; both may be absent. */
void ws_on_peer_close(struct actr__ws *ws, const uint8_t *bytes, size_t size)
{
	if (ws->close_code)
		return;
	ws->close_code = size < 2 ? WS_CODE_NO_STATUS : (unsigned)bytes[0] << 8 | bytes[1];
	if (size > 2)
		snprintf(ws->close_reason, sizeof ws->close_reason, "%.*s", (int)(size - 2),
			 (const char *)bytes + 2);
}

/* --- sending --- */

/* Negative: libwebsockets shall close. */
static int write_queue(struct actr__ws *ws)
{
	while (!actr__list_empty(&ws->queue) && !lws_send_pipe_choked(ws->wsi)) {
		struct outgoing *out =
			container_of(actr__list_pop(&ws->queue), struct outgoing, link);
		size_t size = out->size;
		int rc = lws_write(ws->wsi, out->bytes + LWS_PRE, size, LWS_WRITE_BINARY);

		actr__free(out);
		ws->queued_bytes -= size;
		ws->in_flight += size;
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int write_ping(struct actr__ws *ws)
{
	uint8_t empty[LWS_PRE + 1] = {0};

	ws->ping_due = false;
	return lws_write(ws->wsi, empty + LWS_PRE, 0, LWS_WRITE_PING) < 0 ? -1 : 0;
}

int ws_on_writable(struct actr__ws *ws)
{
	bool had = ws->in_flight || ws->queued_bytes;

	actr__loop_touch(ws->context->loop);
	ws->in_flight = 0;
	if (ws->ping_due && write_ping(ws) < 0)
		return -1;
	if (write_queue(ws) < 0)
		return -1;
	if (!actr__list_empty(&ws->queue) || lws_partial_buffered(ws->wsi)) {
		lws_callback_on_writable(ws->wsi);
		return 0;
	}
	ws->in_flight = 0;
	if (ws->closing) {
		/* A close from inside this callback would go out without its frame. */
		ws->farewell = true;
		actr__loop_defer(ws->context->loop, &ws->kill);
		return 0;
	}
	if (had && ws->events->on_writable)
		ws->events->on_writable(ws->owner, ws);
	return 0;
}

static void put(uint8_t *out, actr_bytes piece)
{
	if (piece.size)
		memcpy(out, piece.data, piece.size);
}

int ws_send_parts(struct actr__ws *ws, actr_bytes head, actr_bytes body, actr_error *err)
{
	size_t size = head.size + body.size, waiting = actr__ws_buffered(ws);
	struct outgoing *out;

	if (!ws->open || ws->closing)
		return ACTR_FAIL(err, ACTR_E_CLOSED, "the WebSocket is not open");
	/* An empty queue takes any message, so that a small bound cannot make one unsendable. */
	if (waiting &&
	    (waiting > ws->limits.max_queued_bytes || size > ws->limits.max_queued_bytes - waiting))
		return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED, "%zu bytes wait to be sent",
				 waiting);
	out = actr__alloc(sizeof *out + LWS_PRE + size);
	if (!out)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot send %zu bytes", size);
	out->size = size;
	put(out->bytes + LWS_PRE, head);
	put(out->bytes + LWS_PRE + head.size, body);
	actr__list_push(&ws->queue, &out->link);
	ws->queued_bytes += size;
	lws_callback_on_writable(ws->wsi);
	return 0;
}

int actr__ws_send(struct actr__ws *ws, actr_bytes message, actr_error *err)
{
	return ws_send_parts(ws, actr__bytes(NULL, 0), message, err);
}

size_t actr__ws_buffered(const struct actr__ws *ws)
{
	return ws->queued_bytes + ws->in_flight;
}

/* A peer that would be found silent sooner than that is not waited for longer. */
static uint64_t close_limit_ms(const struct actr__ws *ws)
{
	uint64_t silence_ms = 2 * (uint64_t)ws->limits.ping_interval_ms;

	return silence_ms < WS_CLOSE_MS ? silence_ms : WS_CLOSE_MS;
}

void actr__ws_close(struct actr__ws *ws, unsigned close_code, const char *reason)
{
	if (ws->closing)
		return;
	ws->closing = true;
	ws->close_code = close_code;
	snprintf(ws->close_reason, sizeof ws->close_reason, "%s", reason ? reason : "");
	if (!ws->open) {
		kill_later(ws, ACTR_E_CANCELLED, "closed before it was open");
		return;
	}
	lws_callback_on_writable(ws->wsi);
	if (actr__timer_set(ws->context->loop, &ws->timer, close_limit_ms(ws)) < 0)
		kill_later(ws, ACTR_E_NOMEM, "out of memory");
}

void actr__ws_set_owner(struct actr__ws *ws, const struct actr__ws_events *events, void *owner)
{
	ws->events = events ? events : &nobody;
	ws->owner = owner;
}
