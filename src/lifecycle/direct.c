/*
 * The node's direct lane: where peers come when WebRTC does not get through, and the way to theirs.
 *
 * Who knocks names itself (X-Actr-Source-ID, the ActrId in hex) and presents the ticket that it got
 * in our description (X-Actr-Credential); transport/direct.c says whether that is true. A
 * credential of the signaling server is neither sent nor taken: whoever got it could act as us
 * there. What is not loopback needs TLS, so that no ticket and no message is read on the way.
 */
#include "lifecycle/lifecycle_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* --- who comes --- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_source(const char *hex, actr_id *ret)
{
	uint8_t bytes[ACTR__ID_ENCODED_MAX];
	size_t size = hex ? strlen(hex) : 0;

	if (!size || size % 2 || size / 2 > sizeof bytes)
		return false;
	for (size_t i = 0; i < size; i += 2) {
		int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	return actr__id_decode(actr__bytes(bytes, size / 2), ret, NULL) == 0;
}

static unsigned on_upgrade(void *owner, const struct actr__ws_request *request)
{
	struct actr_node *node = owner;
	actr_id from;

	if (!node->transport || node->state == NODE_STOPPING)
		return 503;
	if (!read_source(request->source_id_header, &from) || !request->credential_header ||
	    !actr__transport_direct_check(node->transport, &from, request->credential_header))
		return 401;
	return 0;
}

struct arrival {
	struct actr_node *node;
	struct actr__ws *ws;
	const char *address;
};

static int make_wire(void *user, const struct actr__wire_events *events, void *owner,
		     uint64_t session, struct actr__wire **ret_wire, actr_error *err)
{
	struct arrival *arrival = user;
	struct actr__ws *ws = TAKE(arrival->ws); /* taken, or closed */

	ACTR_TRY(actr__ws_wire_accept(arrival->node->loop, ws, arrival->address, events, owner,
				      session, ret_wire, err));
	(*ret_wire)->joins_parts = true; /* nobody else has tickets */
	return 0;
}

static void ignore_close(void *owner, struct actr__ws *ws, unsigned close_code,
			 const actr_error *why)
{
	(void)owner;
	(void)ws;
	(void)close_code;
	(void)why;
}

static const struct actr__ws_events no_events = {.on_close = ignore_close};

static void on_accept(void *owner, struct actr__ws *ws, const struct actr__ws_request *request)
{
	struct actr_node *node = owner;
	struct arrival arrival = {.node = node, .ws = ws, .address = request->address};
	actr_error err = ACTR_ERROR_INIT;
	actr_id from;

	/* The session may have ended since the upgrade was asked for. */
	if (node->transport && read_source(request->source_id_header, &from) &&
	    request->credential_header &&
	    actr__transport_direct_accept(node->transport, &from, request->credential_header,
					  make_wire, &arrival, &err) == 0)
		return;
	if (!arrival.ws)
		return;
	actr__ws_set_owner(ws, &no_events, NULL);
	actr__ws_close(ws, 1008, "no such ticket");
}

static const struct actr__ws_server_events server_events = {.on_upgrade = on_upgrade,
							    .on_accept = on_accept};

/* --- listening --- */

/* host:port with a numeric host, or [host]:port. */
static bool split_address(const char *text, char host[64], uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t size = colon ? (size_t)(colon - text) : 0;
	unsigned long port;
	char *end;

	if (size > 2 && text[0] == '[' && text[size - 1] == ']') {
		text++;
		size -= 2;
	}
	if (!size || !actr__copy_text(host, 64, actr__bytes(text, size)) || colon[1] < '0' ||
	    colon[1] > '9')
		return false;
	port = strtoul(colon + 1, &end, 10);
	*ret_port = (uint16_t)port;
	return !*end && port <= 65535;
}

static bool is_loopback(const char *host)
{
	return !strncmp(host, "127.", 4) || !strcmp(host, "::1");
}

static int check(const actr_config *config, const char *host, actr_error *err)
{
	if (!config->websocket_cert_file != !config->websocket_key_file)
		return ACTR_FAIL(err, ACTR_E_CONFIG,
				 "system.websocket: cert_file and key_file go together");
	if (is_loopback(host))
		return 0;
	if (!config->websocket_cert_file)
		return ACTR_FAIL(err, ACTR_E_CONFIG,
				 "system.websocket.listen: another address than loopback needs "
				 "cert_file and key_file");
	if (!config->websocket_url || strncmp(config->websocket_url, "wss://", 6) != 0)
		return ACTR_FAIL(err, ACTR_E_CONFIG,
				 "system.websocket.url is not set: expected the wss:// URL under "
				 "which peers reach this node");
	return 0;
}

int direct_listen(struct actr_node *node, char *ret_url, size_t size, actr_error *err)
{
	const actr_config *config = &node->system->config;
	struct actr__ws_listen_options options = {
		.cert_file = config->websocket_cert_file,
		.key_file = config->websocket_key_file,
		.limits = {.max_message = ACTR__WS_FRAME_MAX,
			   .max_queued_bytes = 2 * ACTR__WS_FRAME_MAX},
		.max_connections = config->max_peers,
	};
	char host[64];
	uint16_t port;

	*ret_url = 0;
	if (!config->websocket_listen)
		return 0;
	if (!split_address(config->websocket_listen, host, &port))
		return ACTR_FAIL(err, ACTR_E_CONFIG,
				 "system.websocket.listen: expected a numeric address and a port, "
				 "e.g. 127.0.0.1:0");
	ACTR_TRY(check(config, host, err));
	if (config->websocket_url && strlen(config->websocket_url) >= size)
		return ACTR_FAIL(err, ACTR_E_CONFIG, "system.websocket.url: at most %zu bytes",
				 size - 1);
	options.host = host;
	options.port = port;
	ACTR_TRY(actr__ws_listen(node->runtime->websocket, &options, &server_events, node,
				 &node->direct_server, &port, err));
	if (config->websocket_url)
		snprintf(ret_url, size, "%s", config->websocket_url);
	else
		snprintf(ret_url, size, strchr(host, ':') ? "%s://[%s]:%u/" : "%s://%s:%u/",
			 config->websocket_cert_file ? "wss" : "ws", host, port);
	ACTR_INFO("direct", "what=listening url=%s", ret_url);
	return 0;
}

void direct_close(struct actr_node *node)
{
	if (node->direct_server)
		node->direct_server = actr__ws_server_close(node->direct_server);
}

/* --- going there --- */

int direct_dial(void *user, const actr_id *peer, const char *url, const char *ticket,
		const struct actr__wire_events *events, void *owner, uint64_t session,
		struct actr__wire **ret_wire, actr_error *err)
{
	struct actr_node *node = user;
	actr_id self = actr__endpoint_id(&node->endpoint);
	uint8_t bytes[ACTR__ID_ENCODED_MAX];
	char hex[2 * ACTR__ID_ENCODED_MAX + 1];
	struct actr__ws_wire_options options = {
		.url = url, .source_id = hex, .credential = ticket, .session = session};

	(void)peer;
	/* As with candidates: this machine's inside is for whose server is on it, too. */
	if (network_is_loopback(url) ? !network_is_loopback(node->system->config.signaling_url)
				     : strncmp(url, "wss://", 6) != 0)
		return ACTR_FAIL(err, ACTR_E_PERMISSION_DENIED,
				 "the peer's direct lane is neither wss:// nor on this machine's "
				 "loopback together with the signaling server");
	actr__hex(bytes, actr__id_encode(&self, bytes), hex);
	ACTR_TRY(actr__ws_wire_dial(node->runtime->websocket, &options, events, owner, ret_wire,
				    err));
	(*ret_wire)->joins_parts = true; /* only peers of this library say where they listen */
	return 0;
}
