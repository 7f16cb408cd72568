/*
 * The server's side: a listening socket of our own, whose connections are given to libwebsockets.
 *
 * Listening ourselves gives the port that was picked, a bound on connections, the peer's address,
 * and an end of accepting that leaves open connections alone. A connection has its struct actr__ws
 * from the accept on; until it is upgraded nobody but this file knows it. The server object stays
 * in the context's list until the context goes: connections point at it.
 */
#include "wire/websocket/websocket_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN	64
#define PAUSE_MS		100 /* when the process is out of descriptors */
#define DEFAULT_MAX_CONNECTIONS 10000

/* --- requests --- */

static bool copy_header(struct lws *wsi, const char *name, char *out, size_t size)
{
	int length = lws_hdr_custom_length(wsi, name, (int)strlen(name));

	return length > 0 && (size_t)length < size &&
	       lws_hdr_custom_copy(wsi, out, (int)size, name, (int)strlen(name)) > 0;
}

static void copy_query(struct lws *wsi, char *out, size_t size)
{
	size_t used = 0;
	int length;

	for (int i = 0; used + 2 < size; i++) {
		length = lws_hdr_copy_fragment(wsi, out + used + (i > 0),
					       (int)(size - used - (i > 0)),
					       WSI_TOKEN_HTTP_URI_ARGS, i);
		if (length < 0)
			break;
		if (i > 0)
			out[used++] = '&';
		used += (size_t)length;
	}
	out[used] = 0;
}

static bool read_request(struct lws *wsi, struct request_copy *copy)
{
	if (lws_hdr_copy(wsi, copy->path, sizeof copy->path, WSI_TOKEN_GET_URI) <= 0)
		return false;
	copy_query(wsi, copy->query, sizeof copy->query);
	copy->has_source_id =
		copy_header(wsi, "x-actr-source-id:", copy->source_id, sizeof copy->source_id);
	copy->has_credential =
		copy_header(wsi, "x-actr-credential:", copy->credential, sizeof copy->credential);
	return true;
}

static struct actr__ws_request request_of(const struct actr__ws *ws,
					  const struct request_copy *copy)
{
	return (struct actr__ws_request){
		.path = copy->path,
		.query = copy->query,
		.address = ws->address,
		.source_id_header = copy->has_source_id ? copy->source_id : NULL,
		.credential_header = copy->has_credential ? copy->credential : NULL,
	};
}

static int reply_status(struct lws *wsi, unsigned status)
{
	(void)lws_return_http_status(wsi, status, NULL); /* closed in any case */
	return 1;
}

static int on_upgrade(struct actr__ws *ws, struct lws *wsi)
{
	struct actr__ws_server *server = ws->server;
	struct actr__ws_request request;
	unsigned status = 0;

	if (server->closed)
		return reply_status(wsi, 503);
	actr__free(ws->request);
	ws->request = actr__new0(struct request_copy);
	if (!ws->request)
		return reply_status(wsi, 503);
	if (!read_request(wsi, ws->request))
		return reply_status(wsi, 400);
	request = request_of(ws, ws->request);
	if (server->events->on_upgrade)
		status = server->events->on_upgrade(server->owner, &request);
	return status ? reply_status(wsi, status) : 0;
}

static int on_established(struct actr__ws *ws)
{
	struct request_copy *copy = TAKE(ws->request);
	struct actr__ws_request request;

	if (!copy)
		return -1;
	if (ws->server->closed) { /* its owner may be gone */
		actr__free(copy);
		return -1;
	}
	ws_opened(ws);
	request = request_of(ws, copy);
	ws->server->events->on_accept(ws->server->owner, ws, &request);
	actr__free(copy);
	return 0;
}

/* --- plain GET --- */

static int write_head(struct actr__ws *ws, struct lws *wsi,
		      const struct actr__http_response *response)
{
	uint8_t head[LWS_PRE + 1024], *at = head + LWS_PRE, *end = head + sizeof head;

	ws->http_size = response->body ? strlen(response->body) : 0;
	actr__free(ws->http_body);
	ws->http_body = actr__alloc(LWS_PRE + ws->http_size + 1);
	if (!ws->http_body)
		return -1;
	memcpy(ws->http_body + LWS_PRE, response->body ? response->body : "", ws->http_size);
	if (lws_add_http_common_headers(wsi, response->status,
					response->content_type ? response->content_type
							       : "text/plain",
					ws->http_size, &at, end) ||
	    lws_finalize_write_http_header(wsi, head + LWS_PRE, &at, end))
		return -1;
	lws_callback_on_writable(wsi);
	return 0;
}

static int on_http(struct actr__ws *ws, struct lws *wsi)
{
	struct actr__http_response response = {.status = 404, .body = "not found\n"};
	struct actr__ws_server *server = ws->server;
	struct request_copy *copy = actr__new0(struct request_copy);
	struct actr__ws_request request;
	int rc;

	if (!copy)
		return reply_status(wsi, 503);
	if (!read_request(wsi, copy)) {
		actr__free(copy);
		return reply_status(wsi, 405);
	}
	request = request_of(ws, copy);
	if (server->events->on_http && !server->closed)
		server->events->on_http(server->owner, &request, &response);
	rc = write_head(ws, wsi, &response);
	actr__free(copy);
	return rc;
}

static int on_http_writable(struct actr__ws *ws, struct lws *wsi)
{
	char *body = TAKE(ws->http_body);
	int rc;

	if (!body)
		return 0;
	rc = lws_write(wsi, (uint8_t *)body + LWS_PRE, ws->http_size, LWS_WRITE_HTTP_FINAL);
	actr__free(body);
	if (rc < 0 || lws_http_transaction_completed(wsi))
		return -1;
	return 0;
}

int ws_server_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		       size_t size)
{
	struct actr__ws *ws = wsi ? lws_get_opaque_user_data(wsi) : NULL;

	if (!ws)
		return reason == LWS_CALLBACK_HTTP ? -1 : 0;
	actr__loop_touch(ws->context->loop);
	switch ((int)reason) {
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return on_upgrade(ws, wsi);
	case LWS_CALLBACK_ESTABLISHED:
		return on_established(ws);
	case LWS_CALLBACK_RECEIVE:
		return ws_on_receive(ws, in, size);
	case LWS_CALLBACK_RECEIVE_PONG:
		ws_heard(ws);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return ws_on_writable(ws);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		ws_on_peer_close(ws, in, size);
		return 0;
	case LWS_CALLBACK_HTTP:
		return on_http(ws, wsi);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return on_http_writable(ws, wsi);
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_WSI_DESTROY:
		ws_finish(ws, true);
		return 0;
	default:
		return lws_callback_http_dummy(wsi, reason, user, in, size);
	}
}

static const struct lws_protocols server_protocols[] = {
	{.name = "actr", .callback = ws_server_callback, .rx_buffer_size = WS_RX_CHUNK},
	{.name = NULL},
};

/* --- accepting --- */

static void adopt(struct actr__ws_server *server, int fd, const struct sockaddr *from,
		  socklen_t from_size)
{
	struct actr__ws *ws;
	int one = 1;

	if (server->connections >= server->max_connections ||
	    !(ws = ws_new(server->context, &server->limits))) {
		(void)close(fd); /* over the bound: the peer sees a reset, and tries again */
		return;
	}
	server->connections++;
	ws->server = server;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* only latency */
	if (getnameinfo(from, from_size, ws->address, sizeof ws->address, NULL, 0, NI_NUMERICHOST))
		snprintf(ws->address, sizeof ws->address, "?");
	ws->wsi = lws_adopt_socket_vhost(server->vhost, fd);
	if (ws->wsi)
		lws_set_opaque_user_data(ws->wsi, ws);
	else
		ws_finish(ws, false); /* the descriptor was closed by libwebsockets */
}

static void pause_accepting(struct actr__ws_server *server)
{
	actr__io_stop(server->context->loop, &server->io);
	if (actr__timer_set(server->context->loop, &server->pause, PAUSE_MS) < 0)
		ACTR_ERR(8, "websocket", "cannot go on accepting: out of memory");
}

static void on_listen_ready(struct actr__io *io, unsigned events)
{
	struct actr__ws_server *server = container_of(io, struct actr__ws_server, io);

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage from;
		socklen_t size = sizeof from;
		int fd = accept4(io->fd, (struct sockaddr *)&from, &size,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			adopt(server, fd, (struct sockaddr *)&from, size);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			ACTR_ERR(8, "websocket", "accept failed errno=%d", errno);
			pause_accepting(server);
		}
		return;
	}
}

static void on_pause_over(struct actr__timer *timer)
{
	struct actr__ws_server *server = container_of(timer, struct actr__ws_server, pause);

	if (actr__io_start(server->context->loop, &server->io, ACTR__IO_READ, NULL) < 0)
		(void)actr__timer_set(server->context->loop, timer,
				      PAUSE_MS); /* its slot is free */
}

/* --- life --- */

static int bind_socket(struct actr__ws_server *server, const struct addrinfo *ai,
		       const struct actr__ws_listen_options *options, uint16_t *ret_port,
		       actr_error *err)
{
	struct sockaddr_storage at;
	socklen_t size = sizeof at;
	int one = 1;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return ACTR_FAIL_ERRNO(err, ACTR_E_IO, errno, "cannot make a socket");
	server->io.fd = fd;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); /* or bind tells */
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, 1024) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		return ACTR_FAIL_ERRNO(err, ACTR_E_IO, errno, "cannot listen on %s port %u",
				       options->host, options->port);
	*ret_port = ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
						   : ((struct sockaddr_in *)&at)->sin_port);
	return 0;
}

static int open_socket(struct actr__ws_server *server,
		       const struct actr__ws_listen_options *options, uint16_t *ret_port,
		       actr_error *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICHOST | AI_PASSIVE};
	struct addrinfo *ai;
	char port[8];
	int rc;

	snprintf(port, sizeof port, "%u", options->port);
	if (getaddrinfo(options->host, port, &hints, &ai))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "not a numeric address: %.100s",
				 options->host);
	rc = bind_socket(server, ai, options, ret_port, err);
	freeaddrinfo(ai);
	return rc;
}

static int make_vhost(struct actr__ws_server *server, const struct actr__ws_listen_options *options,
		      actr_error *err)
{
	bool tls = options->cert_file && options->key_file;
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = server_protocols,
		.vhost_name = "server",
		.alpn = "http/1.1",
		.timeout_secs = WS_HEADER_SECS,
		.ssl_cert_filepath = tls ? options->cert_file : NULL,
		.ssl_private_key_filepath = tls ? options->key_file : NULL,
		.ssl_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1,
		.options = tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0,
	};

	server->vhost = lws_create_vhost(server->context->lws, &info);
	if (server->vhost)
		return 0;
	return ACTR_FAIL(err, ACTR_E_CONFIG,
			 tls ? "cannot use certificate %s and key %s"
			     : "cannot make a server%.0s%.0s",
			 tls ? options->cert_file : "", tls ? options->key_file : "");
}

static int check_options(const struct actr__ws_listen_options *options, actr_error *err)
{
	if (!options->host || !options->cert_file != !options->key_file)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a server needs an address, and certificate and key together");
	if (options->cert_file && access(options->cert_file, R_OK) < 0)
		return ACTR_FAIL_ERRNO(err, ACTR_E_CONFIG, errno, "cannot read %s",
				       options->cert_file);
	if (options->key_file && access(options->key_file, R_OK) < 0)
		return ACTR_FAIL_ERRNO(err, ACTR_E_CONFIG, errno, "cannot read %s",
				       options->key_file);
	return 0;
}

int actr__ws_listen(struct actr__ws_context *context, const struct actr__ws_listen_options *options,
		    const struct actr__ws_server_events *events, void *owner,
		    struct actr__ws_server **ret_server, uint16_t *ret_port, actr_error *err)
{
	struct actr__ws_server *server;
	uint16_t port = 0;
	int rc = check_options(options, err);

	if (rc < 0)
		return rc;
	server = actr__new0(struct actr__ws_server);
	if (!server)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a server");
	server->context = context;
	server->events = events;
	server->owner = owner;
	server->limits = options->limits;
	server->max_connections =
		options->max_connections ? options->max_connections : DEFAULT_MAX_CONNECTIONS;
	server->io.fd = -1;
	server->io.on_ready = on_listen_ready;
	actr__timer_init(&server->pause, on_pause_over);
	actr__list_push(&context->servers, &server->link);
	rc = open_socket(server, options, &port, err);
	if (rc >= 0)
		rc = make_vhost(server, options, err);
	if (rc >= 0)
		rc = actr__io_start(context->loop, &server->io, ACTR__IO_READ, err);
	if (rc < 0) {
		actr__ws_server_close(server);
		return rc;
	}
	if (ret_port)
		*ret_port = port;
	*ret_server = server;
	return 0;
}

struct actr__ws_server *actr__ws_server_close(struct actr__ws_server *server)
{
	if (!server || server->closed)
		return NULL;
	server->closed = true;
	actr__timer_stop(server->context->loop, &server->pause);
	if (server->io.handle)
		actr__io_stop(server->context->loop, &server->io);
	if (server->io.fd >= 0)
		(void)close(server->io.fd);
	return NULL;
}

void ws_server_free(struct actr__ws_server *server)
{
	actr__ws_server_close(server);
	actr__free(server);
}
