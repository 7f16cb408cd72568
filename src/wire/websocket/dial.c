/*
 * Dialling: from a URL to a connecting wsi.
 *
 * libwebsockets would look names up on the loop's thread and try one address only. So names are
 * looked up by libuv's thread pool, and the addresses are tried one after the other, each as a
 * numeric address with the name in the Host header (which is also what TLS checks).
 *
 * Loop thread only. A lookup cannot be taken back: it outlives its dial, and the context waits for
 * it.
 */
#include "wire/websocket/websocket_internal.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <uv.h>

struct lookup {
	uv_getaddrinfo_t req;
	struct actr__ws_context *context;
	struct dial *dial; /* NULL when nobody waits any more */
};

static int bad_url(const char *url, actr_error *err)
{
	return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "not a usable URL: %.120s", url);
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool parse_authority(const char *text, size_t size, struct dial_target *ret)
{
	bool bracket = size && *text == '[';
	const char *end = text + size;
	const char *host = text + bracket;
	const char *stop = memchr(host, bracket ? ']' : ':', (size_t)(end - host));
	const char *port = stop ? stop + bracket : end;
	unsigned long number;
	char *rest;

	if ((bracket && !stop) ||
	    !actr__copy_text(ret->host, sizeof ret->host,
			     actr__bytes(host, (size_t)((stop ? stop : end) - host))))
		return false;
	if (!*ret->host ||
	    !actr__copy_text(ret->host_header, sizeof ret->host_header, actr__bytes(text, size)))
		return false;
	if (port == end)
		return true;
	if (*port != ':' || port + 1 == end || port[1] < '0' || port[1] > '9')
		return false;
	number = strtoul(port + 1, &rest, 10);
	ret->port = (uint16_t)number;
	return rest == end && number > 0 && number <= 65535;
}

int dial_parse(const char *url, const char *scheme, struct dial_target *ret, actr_error *err)
{
	size_t size = strlen(scheme), authority;
	const char *at;

	if (!url || strncmp(url, scheme, size))
		return bad_url(url ? url : "(none)", err);
	memset(ret, 0, sizeof *ret);
	at = url + size;
	ret->tls = *at == 's';
	at += ret->tls;
	if (strncmp(at, "://", 3))
		return bad_url(url, err);
	at += 3;
	ret->port = ret->tls ? 443 : 80;
	authority = strcspn(at, "/?#");
	if (memchr(at, '@', authority) || !parse_authority(at, authority, ret))
		return bad_url(url, err);
	at += authority;
	for (const char *c = at; *c; c++)
		if (*c <= ' ' || *c == 0x7f)
			return bad_url(url, err);
	if (snprintf(ret->path, sizeof ret->path, "%s%.*s", *at == '/' ? "" : "/",
		     (int)strcspn(at, "#"), at) >= (int)sizeof ret->path)
		return bad_url(url, err);
	return 0;
}

static void failed(struct dial *dial, int code, const char *what)
{
	actr_error why = ACTR_ERROR_INIT;

	actr__fail(&why, code, "cannot connect to %s port %u: %s", dial->target.host,
		   dial->target.port, what);
	dial->on_failed(dial, &why);
}

static void try_next(struct dial *dial)
{
	char address[INET6_ADDRSTRLEN];
	const struct addrinfo *ai = dial->next;
	struct lws_client_connect_info info = {
		.context = dial->context->lws,
		.vhost = dial->target.tls ? dial->context->client_tls : dial->context->client,
		.address = address,
		.port = dial->target.port,
		.path = dial->target.path,
		.host = dial->target.host_header,
		.alpn = "http/1.1",
		.method = dial->method,
		.local_protocol_name = dial->protocol,
		.opaque_user_data = dial->user,
		.ietf_version_or_minus_one = -1,
		.ssl_connection =
			LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (dial->target.tls ? LCCSCF_USE_SSL : 0),
	};
	struct lws *wsi;

	dial->next = ai->ai_next;
	(void)getnameinfo(ai->ai_addr, ai->ai_addrlen, address, sizeof address, NULL, 0,
			  NI_NUMERICHOST);
	wsi = lws_client_connect_via_info(&info);
	/* When there is none, the protocol's callback was told, and has freed or redialled. */
	if (wsi)
		dial->on_wsi(dial, wsi);
}

static void on_lookup(uv_getaddrinfo_t *req, int status, struct addrinfo *result)
{
	struct lookup *lookup = container_of(req, struct lookup, req);
	struct dial *dial = lookup->dial;

	actr__loop_touch(lookup->context->loop);
	lookup->context->lookups--;
	actr__free(lookup);
	if (!dial) {
		uv_freeaddrinfo(result);
		return;
	}
	dial->lookup = NULL;
	if (status < 0 || !result) {
		actr_error why = ACTR_ERROR_INIT;

		actr__fail(&why, ACTR_E_UNAVAILABLE, "cannot resolve %s: %s", dial->target.host,
			   status < 0 ? uv_strerror(status) : "no address");
		dial->on_failed(dial, &why);
		return;
	}
	dial->addresses = dial->next = result;
	actr__loop_defer(dial->context->loop, &dial->start);
}

/* An address needs no resolver, and so none of libuv's threads, which stay once they were started. */
static bool take_numeric(struct dial *dial)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};

	if (getaddrinfo(dial->target.host, NULL, &hints, &dial->addresses) != 0)
		return false;
	dial->next = dial->addresses;
	return true;
}

static int begin_lookup(struct dial *dial)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct lookup *lookup = actr__new0(struct lookup);

	if (!lookup)
		return ACTR_E_NOMEM;
	lookup->context = dial->context;
	lookup->dial = dial;
	if (uv_getaddrinfo(actr__loop_uv(dial->context->loop), &lookup->req, on_lookup,
			   dial->target.host, NULL, &hints) < 0) {
		actr__free(lookup);
		return ACTR_E_NOMEM;
	}
	dial->lookup = lookup;
	dial->context->lookups++;
	return 0;
}

static void on_start(struct actr__deferred *deferred)
{
	struct dial *dial = container_of(deferred, struct dial, start);

	if (dial->next || take_numeric(dial))
		try_next(dial);
	else if (begin_lookup(dial) < 0)
		failed(dial, ACTR_E_NOMEM, "out of memory");
}

int dial_new(struct actr__ws_context *context, const struct dial_target *target,
	     struct dial **ret_dial, actr_error *err)
{
	struct dial *dial;

	if (target->tls)
		ACTR_TRY(ws_client_tls(context, err));
	dial = actr__new0(struct dial);
	if (!dial)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot dial %s", target->host);
	dial->context = context;
	dial->target = *target;
	actr__deferred_init(&dial->start, on_start);
	actr__loop_defer(context->loop, &dial->start);
	*ret_dial = dial;
	return 0;
}

struct dial *dial_free(struct dial *dial)
{
	if (!dial)
		return NULL;
	actr__loop_cancel_deferred(&dial->start);
	if (dial->lookup) {
		dial->lookup->dial = NULL;
		(void)uv_cancel((uv_req_t *)&dial->lookup->req); /* EBUSY: it runs to its end */
	}
	if (dial->addresses)
		uv_freeaddrinfo(dial->addresses);
	actr__free(dial);
	return NULL;
}

bool dial_again(struct dial *dial, const actr_error *why)
{
	dial->why = *why;
	if (!dial->next)
		return false;
	actr__loop_defer(dial->context->loop, &dial->start);
	return true;
}
