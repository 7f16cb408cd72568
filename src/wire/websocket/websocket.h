/*
 * Door of wire/websocket: WebSocket and HTTP over libwebsockets on our loop, client and server.
 * Whole binary messages in, whole binary messages out. Loop thread only; events come from the loop,
 * never inside a call.
 */
#ifndef ACTR_WIRE_WEBSOCKET_H
#define ACTR_WIRE_WEBSOCKET_H

#include "base/base.h"
#include "loop/loop.h"

struct actr__ws_context; /* one a loop */
struct actr__ws;	 /* one connection */
struct actr__ws_server;	 /* one listening socket */

struct actr__ws_context_options {
	const char *ca_file; /* additional trust for wss:// and https://; NULL: the system's */
};

int actr__ws_context_new(struct actr__loop *loop, const struct actr__ws_context_options *options,
			 struct actr__ws_context **ret_context, actr_error *err);
/*
 * Closes what is left without events, and returns when libwebsockets has let go of the loop: may
 * run turns of the loop. NULL is fine; returns NULL.
 */
struct actr__ws_context *actr__ws_context_free(struct actr__ws_context *context);

struct actr__ws_events {
	void (*on_open)(void *owner, struct actr__ws *ws);
	/* One whole binary message; borrowed. */
	void (*on_message)(void *owner, struct actr__ws *ws, actr_bytes message);
	/* A text message; NULL: ignored. */
	void (*on_text)(void *owner, struct actr__ws *ws, actr_bytes message);
	void (*on_writable)(void *owner,
			    struct actr__ws *ws); /* the queue became empty; may be NULL */
	/* Once, also when it never opened. `ws` is gone after this call. why->code: ACTR_E_*. */
	void (*on_close)(void *owner, struct actr__ws *ws, unsigned close_code,
			 const actr_error *why);
};

struct actr__ws_limits {
	size_t max_message;	     /* received; larger: close 1009. 0: 1 MiB */
	size_t max_queued_bytes;     /* to send; 0: 1 MiB */
	unsigned ping_interval_ms;   /* 0: 20,000; a peer silent for two intervals is closed */
	unsigned connect_timeout_ms; /* 0: 30,000 */
};

/* url: ws://host[:port]/path or wss://…; a bad one is ACTR_E_INVALID_ARGUMENT. */
int actr__ws_connect(struct actr__ws_context *context, const char *url,
		     const struct actr__ws_limits *limits, const struct actr__ws_events *events,
		     void *owner, struct actr__ws **ret_ws, actr_error *err);
/*
 * Right after actr__ws_connect(): headers of the direct lane (reference.md 10 row 22),
 * X-Actr-Source-ID and X-Actr-Credential; each may be NULL. ACTR_E_TOO_LARGE, ACTR_E_NOMEM.
 */
int actr__ws_set_headers(struct actr__ws *ws, const char *source_id, const char *credential,
			 actr_error *err);
/* Copies. ACTR_E_RESOURCE_EXHAUSTED when the queue is full, ACTR_E_CLOSED. */
int actr__ws_send(struct actr__ws *ws, actr_bytes message, actr_error *err);
size_t actr__ws_buffered(const struct actr__ws *ws);
/* Send what is queued, close with this code (RFC 6455 7.4), then on_close. Idempotent. */
void actr__ws_close(struct actr__ws *ws, unsigned close_code, const char *reason);
void actr__ws_set_owner(struct actr__ws *ws, const struct actr__ws_events *events, void *owner);

struct actr__ws_request {
	const char *path;	       /* without the query */
	const char *query;	       /* after '?', "" for none */
	const char *address;	       /* of the peer, numeric */
	const char *source_id_header;  /* X-Actr-Source-ID, or NULL */
	const char *credential_header; /* X-Actr-Credential, or NULL */
};

struct actr__http_response {
	unsigned status;
	const char *content_type;
	const char *body; /* borrowed */
};

struct actr__ws_server_events {
	/* An upgrade is asked for: 0 accepts, otherwise the HTTP status of the refusal. */
	unsigned (*on_upgrade)(void *owner, const struct actr__ws_request *request);
	/* It is open: set the connection's events and owner here with actr__ws_set_owner(). */
	void (*on_accept)(void *owner, struct actr__ws *ws, const struct actr__ws_request *request);
	/* A plain GET. NULL: 404 for all. */
	void (*on_http)(void *owner, const struct actr__ws_request *request,
			struct actr__http_response *ret_response);
};

struct actr__ws_listen_options {
	const char *host;		  /* numeric address, e.g. 127.0.0.1 or :: */
	uint16_t port;			  /* 0: a free one */
	const char *cert_file, *key_file; /* both: TLS */
	struct actr__ws_limits limits;
	unsigned max_connections; /* 0: 10,000 */
};

int actr__ws_listen(struct actr__ws_context *context, const struct actr__ws_listen_options *options,
		    const struct actr__ws_server_events *events, void *owner,
		    struct actr__ws_server **ret_server, uint16_t *ret_port, actr_error *err);
/* Stop accepting; open connections go on. Returns NULL. */
struct actr__ws_server *actr__ws_server_close(struct actr__ws_server *server);

struct actr__http_answer {
	unsigned status;	/* 0: there is none, `why` says so */
	unsigned retry_after_s; /* RFC 9110 10.2.3, in seconds; 0: not said, or as a date */
	actr_bytes body;
	const actr_error *why;
};

/* One HTTP POST (OTLP, AIS): on_done once. */
int actr__http_post(struct actr__ws_context *context, const char *url, const char *content_type,
		    actr_bytes body, unsigned timeout_ms,
		    void (*on_done)(void *user, const struct actr__http_answer *answer),
		    void *user, actr_error *err);

/* The other half of this door: a wire over one WebSocket. */
#include "wire/websocket/wire_websocket.h"

#endif
