/*
 * Sockets: each accepted WebSocket is a connection here and a session of the hub. The connection is
 * made on accept and ends with its on_close, which is also the only place that frees its session.
 */
#include "server.h"
#include "server_stun.h"

#include "wire/websocket/websocket.h"

#define DRAIN_MS 5000u

struct server {
	struct actr__loop *loop;
	struct server_options options;
	struct actr__ws_context *context;
	struct actr__ws_server *listener;
	struct store *store;
	struct stun_socket stun;
	struct actr__list connections;
	struct actr__buf page; /* the last /metrics */
	struct actr__timer drain;
	struct actr__deferred drained;
	void (*on_drained)(void *user);
	void *on_drained_user;
	struct hub hub;
	bool draining;
	bool has_hub;
};

struct connection {
	struct actr__list link;
	struct server *server;
	struct actr__ws *ws;
	struct session *session;
};

/* --- one connection --- */

static int on_session_send(void *user, actr_bytes frame)
{
	struct connection *connection = user;

	return actr__ws_send(connection->ws, frame, NULL);
}

static void on_session_close(void *user, unsigned code, const char *reason)
{
	struct connection *connection = user;

	actr__ws_close(connection->ws, code, reason);
}

static const struct session_events session_events = {on_session_send, on_session_close};

static void connection_free(struct connection *connection)
{
	struct server *server = connection->server;

	session_free(connection->session);
	actr__list_remove(&connection->link);
	actr__free(connection);
	if (server->draining && actr__list_empty(&server->connections))
		actr__loop_defer(server->loop, &server->drained);
}

static void on_ws_open(void *owner, struct actr__ws *ws)
{
	(void)owner;
	(void)ws;
}

static void on_ws_message(void *owner, struct actr__ws *ws, actr_bytes message)
{
	struct connection *connection = owner;

	(void)ws;
	session_receive(connection->session, message);
}

static void on_ws_text(void *owner, struct actr__ws *ws, actr_bytes message)
{
	struct connection *connection = owner;

	(void)ws;
	(void)message;
	session_malformed(connection->session, "an envelope is a binary message");
}

static void on_ws_close(void *owner, struct actr__ws *ws, unsigned code, const actr_error *why)
{
	(void)ws;
	ACTR_DEBUG("server", "event=closed code=%u why=\"%s\"", code, why ? why->message : "");
	connection_free(owner);
}

static const struct actr__ws_events ws_events = {
	.on_open = on_ws_open,
	.on_message = on_ws_message,
	.on_text = on_ws_text,
	.on_close = on_ws_close,
};

/* Of a connection for which there was no memory. */
static void on_orphan_message(void *owner, struct actr__ws *ws, actr_bytes message)
{
	(void)owner;
	(void)ws;
	(void)message;
}

static void on_orphan_close(void *owner, struct actr__ws *ws, unsigned code, const actr_error *why)
{
	(void)owner;
	(void)ws;
	(void)code;
	(void)why;
}

static const struct actr__ws_events orphan_events = {
	.on_open = on_ws_open,
	.on_message = on_orphan_message,
	.on_close = on_orphan_close,
};

/* --- the listening socket --- */

static unsigned on_upgrade(void *owner, const struct actr__ws_request *request)
{
	struct server *server = owner;

	if (server->draining)
		return 503;
	return strcmp(request->path, SERVER_PATH) ? 404 : 0;
}

static void on_accept(void *owner, struct actr__ws *ws, const struct actr__ws_request *request)
{
	struct server *server = owner;
	struct connection *connection = actr__new0(struct connection);

	ACTR_DEBUG("server", "event=accepted address=%s", request->address);
	if (connection) {
		*connection = (struct connection){.server = server, .ws = ws};
		actr__list_init(&connection->link);
		if (session_new(&server->hub, &session_events, connection, &connection->session,
				NULL) == 0) {
			actr__list_push(&server->connections, &connection->link);
			actr__ws_set_owner(ws, &ws_events, connection);
			return;
		}
		actr__free(connection);
	}
	actr__ws_set_owner(ws, &orphan_events, NULL);
	actr__ws_close(ws, 1013, "out of memory");
}

static bool is_loopback(const char *address)
{
	return !strncmp(address, "127.", 4) || !strcmp(address, "::1") ||
	       !strncmp(address, "::ffff:127.", 11);
}

static void metrics_page(struct server *server, struct actr__http_response *response)
{
	const char *text;

	server->hub.metrics.stun_requests = server->stun.answered;
	actr__buf_clear(&server->page);
	server->page.failed = 0;
	metrics_format(&server->hub.metrics, server->hub.session_count,
		       server->hub.registry.actors.count, &server->page);
	text = actr__buf_text(&server->page);
	*response = text ? (struct actr__http_response){200, "text/plain; version=0.0.4", text}
			 : (struct actr__http_response){503, "text/plain", "out of memory\n"};
}

static void on_http(void *owner, const struct actr__ws_request *request,
		    struct actr__http_response *response)
{
	struct server *server = owner;

	if (!strcmp(request->path, "/health") || !strcmp(request->path, "/signaling/health"))
		*response = (struct actr__http_response){200, "text/plain", "ok\n"};
	else if (!strcmp(request->path, "/ready"))
		*response = server->draining
				    ? (struct actr__http_response){503, "text/plain", "draining\n"}
				    : (struct actr__http_response){200, "text/plain", "ready\n"};
	else if (!strcmp(request->path, "/metrics") &&
		 (server->options.public_metrics || is_loopback(request->address)))
		metrics_page(server, response);
	else
		*response = (struct actr__http_response){404, "text/plain", "not found\n"};
}

static const struct actr__ws_server_events server_events = {on_upgrade, on_accept, on_http};

/* --- life --- */

static void on_drain_timeout(struct actr__timer *timer)
{
	struct server *server = container_of(timer, struct server, drain);

	actr__loop_defer(server->loop, &server->drained);
}

static void on_drained(struct actr__deferred *deferred)
{
	struct server *server = container_of(deferred, struct server, drained);

	actr__timer_stop(server->loop, &server->drain);
	if (server->on_drained)
		server->on_drained(server->on_drained_user);
	server->on_drained = NULL;
}

void server_drain(struct server *server, void (*on_done)(void *user), void *user)
{
	if (server->draining)
		return;
	server->draining = true;
	server->on_drained = on_done;
	server->on_drained_user = user;
	server->listener = actr__ws_server_close(server->listener);
	hub_close_sessions(&server->hub, 1001, "the server is going away");
	if (actr__list_empty(&server->connections) ||
	    actr__timer_set(server->loop, &server->drain, DRAIN_MS) < 0)
		actr__loop_defer(server->loop, &server->drained);
}

static int start(struct server *server, uint16_t *ret_port, actr_error *err)
{
	const struct server_options *options = &server->options;
	struct actr__ws_listen_options listen = {
		.host = options->host,
		.port = options->port,
		.cert_file = options->cert_file,
		.key_file = options->key_file,
		.limits = {.max_message = ACTR__SIGNALING_MAX},
		.max_connections = options->max_connections,
	};

	ACTR_TRY(store_open(options->db, &server->store, err));
	ACTR_TRY(hub_init(&server->hub, server->loop, server->store, &options->hub, err));
	server->has_hub = true;
	ACTR_TRY(actr__ws_context_new(server->loop, NULL, &server->context, err));
	ACTR_TRY(actr__ws_listen(server->context, &listen, &server_events, server,
				 &server->listener, ret_port, err));
	if (!options->no_stun)
		stun_socket_open(&server->stun, server->loop, options->host, *ret_port);
	return 0;
}

int server_new(struct actr__loop *loop, const struct server_options *options,
	       struct server **ret_server, uint16_t *ret_port, actr_error *err)
{
	struct server *server = actr__new0(struct server);
	int rc;

	if (!server)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "out of memory");
	server->loop = loop;
	server->options = *options;
	server->stun.fd = -1;
	actr__list_init(&server->connections);
	actr__buf_init(&server->page, 64 * 1024);
	actr__timer_init(&server->drain, on_drain_timeout);
	actr__deferred_init(&server->drained, on_drained);
	rc = start(server, ret_port, err);
	if (rc < 0)
		server_free(server);
	else
		*ret_server = server;
	return rc;
}

struct server *server_free(struct server *server)
{
	if (!server)
		return NULL;
	stun_socket_close(&server->stun);
	server->listener = actr__ws_server_close(server->listener);
	server->context = actr__ws_context_free(server->context);
	actr__list_each(node, &server->connections)
		connection_free(container_of(node, struct connection, link));
	actr__timer_stop(server->loop, &server->drain);
	actr__loop_cancel_deferred(&server->drained);
	if (server->has_hub)
		hub_done(&server->hub);
	server->store = store_close(server->store);
	actr__buf_done(&server->page);
	actr__free(server);
	return NULL;
}
