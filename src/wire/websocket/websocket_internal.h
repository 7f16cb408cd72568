/* What the files of this room share. */
#ifndef ACTR_WEBSOCKET_INTERNAL_H
#define ACTR_WEBSOCKET_INTERNAL_H

#include <libwebsockets.h>

#include "wire/websocket/websocket.h"

#define WS_RX_CHUNK	  4096		  /* a message comes from libwebsockets in pieces of this */
#define WS_MESSAGE_MAX	  (1024u * 1024u) /* default of limits */
#define WS_PING_MS	  20000
#define WS_CONNECT_MS	  30000
#define WS_CLOSE_MS	  5000 /* for the queue and the closing handshake */
#define WS_HEADER_SECS	  10   /* a peer that does not finish its request */
#define WS_PATH_MAX	  512
#define WS_CREDENTIAL_MAX 4096
#define HTTP_RESPONSE_MAX (1024u * 1024u)

/* RFC 6455 7.4.1 */
#define WS_CODE_NO_STATUS 1005
#define WS_CODE_ABNORMAL  1006
#define WS_CODE_TOO_BIG	  1009
#define WS_CODE_INTERNAL  1011

struct dial;

struct actr__ws_context {
	struct actr__loop *loop;
	struct lws_context *lws; /* libwebsockets sets it to NULL when it is gone */
	struct lws_vhost *client;     /* ws, http */
	struct lws_vhost *client_tls; /* wss, https; NULL until the first */
	char *ca_file;
	struct actr__list sockets; /* struct actr__ws */
	struct actr__list servers; /* struct actr__ws_server */
	struct actr__list posts;   /* struct http_post */
	unsigned lookups;	   /* uv_getaddrinfo under way */
	long refused_certificate;  /* X509_V_ERR_* of the dial under way */
	int pipe_fd;		   /* by which libwebsockets wakes itself; -1: not known */
	bool freeing;		   /* no more events */
};

/* What a client asked for; pointed at by struct actr__ws_request. */
struct request_copy {
	char path[WS_PATH_MAX];
	char query[WS_PATH_MAX];
	char source_id[1024];
	char credential[WS_CREDENTIAL_MAX];
	bool has_source_id, has_credential;
};

struct outgoing {
	struct actr__list link;
	size_t size;
	uint8_t bytes[]; /* LWS_PRE, then size */
};

struct actr__ws {
	struct actr__list link;
	struct actr__ws_context *context;
	struct actr__ws_server *server; /* NULL: a client's */
	struct dial *dial;		/* a client's until it is open */
	struct lws *wsi;		/* NULL until dialled */
	const struct actr__ws_events *events;
	void *owner;
	struct actr__ws_limits limits;
	struct actr__list queue; /* struct outgoing */
	size_t queued_bytes;
	size_t in_flight; /* given to libwebsockets, which still holds a part */
	struct actr__buf received;
	struct actr__timer timer; /* connecting: its limit; open: pings; closing: its limit */
	struct actr__deferred kill;
	uint64_t heard_ms;
	bool open, closing, ping_due;
	bool farewell;	     /* the queue is empty: now the close frame */
	unsigned close_code; /* 0: none was said */
	char close_reason[124];
	actr_error why; /* code 0: nothing special */
	char address[64];
	struct request_copy *request; /* until it is open: what a client sends, a server got */
	char *http_body;	      /* LWS_PRE, then http_size: the answer to a GET */
	size_t http_size;
};

struct actr__ws_server {
	struct actr__list link;
	struct actr__ws_context *context;
	struct lws_vhost *vhost;
	struct actr__io io; /* listening */
	struct actr__timer pause;
	const struct actr__ws_server_events *events;
	void *owner;
	struct actr__ws_limits limits;
	unsigned connections, max_connections;
	bool closed;
};

/* --- connection.c --- */

struct actr__ws *ws_new(struct actr__ws_context *context, const struct actr__ws_limits *limits);
/* The socket is gone: tell it (unless silent) and free. */
void ws_finish(struct actr__ws *ws, bool tell);
void ws_opened(struct actr__ws *ws);
/* Close at once and without a callback. Not from a callback of this wsi. NULL is fine. */
void ws_cut(struct lws *wsi);
/* The callbacks of libwebsockets that client and server share; what lws shall be answered. */
int ws_on_receive(struct actr__ws *ws, const void *bytes, size_t size);
int ws_on_writable(struct actr__ws *ws);
void ws_on_peer_close(struct actr__ws *ws, const uint8_t *bytes, size_t size);
void ws_heard(struct actr__ws *ws);
/* actr__ws_send() of two pieces that make one message. */
int ws_send_parts(struct actr__ws *ws, actr_bytes head, actr_bytes body, actr_error *err);

/* --- dial.c --- */

/* Where a URL leads, and how to get there one address after the other. */
struct dial_target {
	char host[256];
	char host_header[264];
	char path[1024];
	uint16_t port;
	bool tls;
};

struct dial {
	struct actr__ws_context *context;
	struct dial_target target;
	const char *method;   /* NULL: a WebSocket */
	const char *protocol; /* of the client vhost */
	void *user;	      /* opaque user data of the wsi */
	/* No wsi came of it; the dial is over. */
	void (*on_failed)(struct dial *dial, const actr_error *why);
	void (*on_wsi)(struct dial *dial, struct lws *wsi);
	struct actr__deferred start;
	struct lookup *lookup;
	struct addrinfo *addresses, *next;
	actr_error why; /* of the last address */
};

/* schemes: "ws" or "http"; the same with an 's' is TLS. */
int dial_parse(const char *url, const char *scheme, struct dial_target *ret, actr_error *err);
int dial_new(struct actr__ws_context *context, const struct dial_target *target,
	     struct dial **ret_dial, actr_error *err);
struct dial *dial_free(struct dial *dial);
/* This address did not work: whether there is another, which is tried from the loop. */
bool dial_again(struct dial *dial, const actr_error *why);

/* The context's vhost for TLS, made by the first that needs it. */
int ws_client_tls(struct actr__ws_context *context, actr_error *err);

/* --- client.c, server.c, http_post.c --- */

int ws_client_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		       size_t size);
int ws_server_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		       size_t size);
int http_post_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		       size_t size);
/*
 * Words for LWS_CALLBACK_CLIENT_CONNECTION_ERROR. Whether the peer answered, so that another of its
 * addresses would say the same.
 */
bool ws_connection_error(struct actr__ws_context *context, struct lws *wsi,
			 const struct dial_target *target, const char *text, actr_error *err);
void http_post_free_all(struct actr__ws_context *context);
void ws_server_free(struct actr__ws_server *server);

#endif
