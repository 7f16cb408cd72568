/*
 * The client's side: what libwebsockets tells while a connection is dialled, open and closed.
 * A refused address is followed by the next one as long as nothing answered at all; an answer, also
 * a refusal, ends the dialling.
 */
#include "wire/websocket/websocket_internal.h"

#include <openssl/x509_vfy.h>
#include <sys/socket.h>

/* libwebsockets asks once a refused certificate; 0 leaves it refused. */
static int on_certificate(struct lws *wsi, X509_STORE_CTX *verification, bool accepted)
{
	struct actr__ws_context *context = lws_context_user(lws_get_context(wsi));

	if (!accepted)
		context->refused_certificate = X509_STORE_CTX_get_error(verification);
	return 0;
}

bool ws_connection_error(struct actr__ws_context *context, struct lws *wsi,
			 const struct dial_target *target, const char *text, actr_error *err)
{
	unsigned status = lws_http_client_http_response(wsi);
	long refused = context->refused_certificate;
	int cause = 0;
	socklen_t size = sizeof cause;

	context->refused_certificate = X509_V_OK;
	if (target->tls && refused != X509_V_OK) {
		actr__fail(err, ACTR_E_UNAVAILABLE, "the certificate of %s is refused: %s",
			   target->host, X509_verify_cert_error_string(refused));
		return true;
	}

	if (status >= 300 && status <= 599) {
		actr__fail(err, actr_error_from_wire(status), "%s answered with status %u",
			   target->host, status);
		err->wire_code = status;
		return true;
	}
	/* Why the kernel could not connect, which libwebsockets does not look at. */
	if (!getsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_ERROR, &cause, &size) && cause) {
		actr__fail_errno(err, ACTR_E_UNAVAILABLE, cause, "cannot connect to %s port %u",
				 target->host, target->port);
		return false;
	}
	actr__fail(err, ACTR_E_UNAVAILABLE, "cannot connect to %s port %u: %s", target->host,
		   target->port, text ? text : "connection lost");
	return false;
}

static void on_connection_error(struct actr__ws *ws, struct lws *wsi, const char *text)
{
	actr_error why = ACTR_ERROR_INIT;

	if (!ws_connection_error(ws->context, wsi, &ws->dial->target, text, &why) &&
	    !ws->why.code && dial_again(ws->dial, &why)) {
		lws_set_opaque_user_data(wsi, NULL);
		ws->wsi = NULL;
		return;
	}
	if (!ws->why.code)
		ws->why = why;
	ws_finish(ws, true);
}

static void on_established(struct actr__ws *ws, struct lws *wsi)
{
	ws->wsi = wsi;
	ws_opened(ws);
	if (!ws->closing && ws->events->on_open)
		ws->events->on_open(ws->owner, ws);
}

static int add_header(struct lws *wsi, const char *name, const char *value, uint8_t **at,
		      uint8_t *end)
{
	return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
					   (const unsigned char *)value, (int)strlen(value), at,
					   end);
}

static int add_headers(const struct request_copy *request, struct lws *wsi, uint8_t **at,
		       size_t size)
{
	uint8_t *end = *at + size;

	if (request->has_source_id &&
	    add_header(wsi, "x-actr-source-id:", request->source_id, at, end))
		return -1;
	if (request->has_credential &&
	    add_header(wsi, "x-actr-credential:", request->credential, at, end))
		return -1;
	return 0;
}

int ws_client_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		       size_t size)
{
	struct actr__ws *ws;

	if (reason == LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION)
		return on_certificate(wsi, user, size != 0); /* the wsi may be that of a POST */
	ws = wsi ? lws_get_opaque_user_data(wsi) : NULL;
	if (!ws)
		return 0;
	switch ((int)reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return ws->request ? add_headers(ws->request, wsi, in, size) : 0;
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		on_established(ws, wsi);
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return ws_on_receive(ws, in, size);
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		ws_heard(ws);
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return ws_on_writable(ws);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		ws_on_peer_close(ws, in, size);
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		actr__loop_touch(ws->context->loop);
		if (ws->dial)
			on_connection_error(ws, wsi, in);
		else
			ws_finish(ws, true);
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
	case LWS_CALLBACK_WSI_DESTROY:
		actr__loop_touch(ws->context->loop);
		ws_finish(ws, true);
		return 0;
	default:
		return 0;
	}
}

static void on_failed(struct dial *dial, const actr_error *why)
{
	struct actr__ws *ws = dial->user;

	if (!ws->why.code)
		ws->why = *why;
	ws_finish(ws, true);
}

static void on_wsi(struct dial *dial, struct lws *wsi)
{
	struct actr__ws *ws = dial->user;

	ws->wsi = wsi;
}

int actr__ws_connect(struct actr__ws_context *context, const char *url,
		     const struct actr__ws_limits *limits, const struct actr__ws_events *events,
		     void *owner, struct actr__ws **ret_ws, actr_error *err)
{
	struct dial_target target;
	struct actr__ws *ws;
	int rc = dial_parse(url, "ws", &target, err);

	if (rc < 0)
		return rc;
	ws = ws_new(context, limits);
	if (!ws)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot connect to %s", target.host);
	rc = dial_new(context, &target, &ws->dial, err);
	if (rc >= 0)
		rc = actr__timer_set(context->loop, &ws->timer, ws->limits.connect_timeout_ms);
	if (rc < 0) {
		ws_finish(ws, false);
		return ACTR_FAIL(err, rc, "cannot connect to %s", target.host);
	}
	ws->dial->protocol = "actr-ws";
	ws->dial->user = ws;
	ws->dial->on_failed = on_failed;
	ws->dial->on_wsi = on_wsi;
	actr__ws_set_owner(ws, events, owner);
	*ret_ws = ws;
	return 0;
}

/* Printable ASCII only: a line break would be a header of its own. */
static bool copy_header(char *out, size_t size, const char *value, bool *ret_has)
{
	for (const char *c = value; c && *c; c++)
		if (*c < ' ' || *c > '~')
			return false;
	*ret_has = value != NULL;
	return !value || actr__copy_text(out, size, actr__text(value));
}

int actr__ws_set_headers(struct actr__ws *ws, const char *source_id, const char *credential,
			 actr_error *err)
{
	struct request_copy *request = actr__new0(struct request_copy);

	if (!request)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot set headers");
	if (!copy_header(request->source_id, sizeof request->source_id, source_id,
			 &request->has_source_id) ||
	    !copy_header(request->credential, sizeof request->credential, credential,
			 &request->has_credential)) {
		actr__free(request);
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "a header is too long or not plain text");
	}
	actr__free(ws->request);
	ws->request = request;
	return 0;
}
