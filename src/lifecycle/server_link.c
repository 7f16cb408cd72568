/*
 * The node's link with its signaling server: the client's state machine over a WebSocket. What the
 * server tells goes to the neighbours: the first registration builds the network, a relayed signal
 * goes to the transport, a state becomes an event.
 */
#include "lifecycle/lifecycle_internal.h"

/* --- signaling over its socket --- */

static void on_socket_open(void *owner, struct actr__ws *ws)
{
	struct actr_node *node = owner;

	if (ws == node->socket)
		actr__signaling_opened(node->signaling);
}

static void on_socket_message(void *owner, struct actr__ws *ws, actr_bytes message)
{
	struct actr_node *node = owner;

	if (ws == node->socket)
		actr__signaling_received(node->signaling, message);
}

static void on_socket_close(void *owner, struct actr__ws *ws, unsigned close_code,
			    const actr_error *why)
{
	struct actr_node *node = owner;

	(void)close_code;
	if (ws != node->socket)
		return;
	node->socket = NULL;
	actr__signaling_lost(node->signaling, why);
}

static const struct actr__ws_events socket_events = {
	.on_open = on_socket_open,
	.on_message = on_socket_message,
	.on_close = on_socket_close,
};

/* A socket that we gave up: its owner is gone from its point of view. */
static void ignore_close(void *owner, struct actr__ws *ws, unsigned close_code,
			 const actr_error *why)
{
	(void)owner;
	(void)ws;
	(void)close_code;
	(void)why;
}

static const struct actr__ws_events no_events = {.on_close = ignore_close};

void server_link_drop(struct actr_node *node)
{
	struct actr__ws *socket = TAKE(node->socket);

	if (!socket)
		return;
	actr__ws_set_owner(socket, &no_events, NULL);
	actr__ws_close(socket, 1000, "");
}

static void on_disconnect(void *owner)
{
	server_link_drop(owner);
}

static void connect_socket(void *owner)
{
	struct actr_node *node = owner;
	const char *url = node->system->config.signaling_url;
	actr_error err = ACTR_ERROR_INIT;

	server_link_drop(node);
	if (actr__ws_connect(node->runtime->websocket, url, NULL, &socket_events, node,
			     &node->socket, &err) < 0)
		actr__signaling_lost(node->signaling, &err);
}

static int send_envelope(void *owner, actr_bytes envelope)
{
	struct actr_node *node = owner;

	return node->socket ? actr__ws_send(node->socket, envelope, NULL) : ACTR_E_CLOSED;
}

static void get_load(void *owner, struct actr__signaling_load *ret)
{
	struct actr_node *node = owner;
	struct actr__mailbox_stats stats = {0};

	if (node->mailbox)
		actr__mailbox_stats(node->mailbox, &stats);
	ret->power_reserve = 1.0f;
	/* reference.md 10 row 9: a thousand waiting messages are a full backlog. */
	ret->mailbox_backlog = (float)(stats.queued + stats.in_flight) / 1000.0f;
	if (ret->mailbox_backlog > 1.0f)
		ret->mailbox_backlog = 1.0f;
}

static void tell_signaling(struct actr_node *node, actr_state state, const actr_error *why)
{
	uint64_t now = actr__loop_now_ms(node->loop);
	actr_event event = {.kind = ACTR_EVENT_SIGNALING, .state = state, .detail = "", .why = why};

	if (node->signaling_told == state)
		return;
	if (node->signaling_told != ACTR_STATE_IDLE)
		event.elapsed_ms = now - node->signaling_since_ms;
	node->signaling_told = state;
	node->signaling_since_ms = now;
	node_tell(node, &event);
}

static void on_signaling_state(void *owner, enum actr__signaling_state state, const actr_error *why)
{
	struct actr_node *node = owner;
	actr_error err = ACTR_ERROR_INIT;

	switch (state) {
	case ACTR__SIGNALING_CONNECTING:
		ACTR_INFO("signaling", "what=connecting url=%s",
			  node->system->config.signaling_url);
		tell_signaling(node, ACTR_STATE_CONNECTING, why);
		break;
	case ACTR__SIGNALING_READY:
		ACTR_INFO("signaling", "what=connected");
		tell_signaling(node, ACTR_STATE_CONNECTED, NULL);
		resolver_ready(node);
		if (node->state == NODE_STARTING && !node->transport)
			node_registered_first(node);
		break;
	case ACTR__SIGNALING_WAITING:
		tell_signaling(node, ACTR_STATE_DISCONNECTED, why);
		if (node->state != NODE_STARTING)
			break;
		err = why ? *why : err;
		actr__prefix(&err, err.code ? err.code : ACTR_E_UNAVAILABLE,
			     "signaling server %s: ", node->system->config.signaling_url);
		node_start_failed(node, &err);
		break;
	case ACTR__SIGNALING_CLOSED:
		tell_signaling(node, ACTR_STATE_DISCONNECTED, why);
		if (node->state == NODE_STOPPING)
			node_stop_go_on(node);
		break;
	default:
		break;
	}
}

static void on_registered(void *owner, const actr_id *id, bool changed)
{
	struct actr_node *node = owner;
	actr_event event = {.kind = ACTR_EVENT_REGISTERED,
			    .state = ACTR_STATE_CONNECTED,
			    .id = id,
			    .detail = ""};
	char text[ACTR_ID_TEXT_SIZE];

	if (changed)
		actr__endpoint_set_id(&node->endpoint, id);
	actr__tracer_set_id(node->endpoint.tracer, id);
	ACTR_INFO("registration", "what=%s id=%s", changed ? "registered" : "resumed",
		  actr_id_format(id, text, sizeof text));
	node_tell(node, &event);
}

static void on_credential(void *owner, const actr_error *why)
{
	actr_event event = {.kind = ACTR_EVENT_CREDENTIAL,
			    .state = why ? ACTR_STATE_EXPIRED : ACTR_STATE_RENEWED,
			    .detail = "",
			    .why = why};

	node_tell(owner, &event);
}

static void on_relay(void *owner, const actr_id *from, const struct actr__signal *signal)
{
	struct actr_node *node = owner;

	/* Also while it stops, until its calls end: on_stop may call whom it never called before.
	 */
	if (node->transport && !node->endpoint.closing)
		actr__transport_signal(node->transport, from, signal);
}

static void on_relay_failed(void *owner, const actr_id *to, const actr_error *why)
{
	struct actr_node *node = owner;

	if (node->transport)
		actr__transport_unreachable(node->transport, to, why);
}

static void on_actor_up(void *owner, const actr_id *id)
{
	actr_event event = {
		.kind = ACTR_EVENT_PRESENCE, .state = ACTR_STATE_UP, .id = id, .detail = ""};

	node_tell(owner, &event);
}

static const struct actr__signaling_events signaling_events = {
	.connect = connect_socket,
	.disconnect = on_disconnect,
	.send = send_envelope,
	.load = get_load,
	.on_state = on_signaling_state,
	.on_registered = on_registered,
	.on_credential = on_credential,
	.on_relay = on_relay,
	.on_relay_failed = on_relay_failed,
	.on_actor_up = on_actor_up,
};

/* The workload's service, or what [package] says for a program that only calls. */
static int own_type(const struct actr_node *node, actr_type *ret, actr_error *err)
{
	const actr_config *config = &node->system->config;

	if (node->workload.service)
		return actr_type_set(ret, node->workload.service->manufacturer,
				     node->workload.service->name, err);
	if (!config->package_manufacturer || !config->package_type)
		return ACTR_FAIL(err, ACTR_E_CONFIG,
				 "a node without a service takes its type from "
				 "package.manufacturer and package.type: set both");
	return actr_type_set(ret, config->package_manufacturer, config->package_type, err);
}

/* The access list as registration wants it; nothing without an [acl]. */
static int pack_acl(const actr_config *config, struct actr__buf *buf)
{
	struct actr__arena arena;
	Actr__Acl *acl = NULL;
	int rc;

	actr__arena_init(&arena, NULL, 0, ACTR__SIGNALING_MAX);
	rc = actr__acl_encode(config, &arena, &acl);
	if (rc == 0 && acl)
		rc = actr__pb_append(&acl->base, buf);
	actr__arena_done(&arena);
	return rc;
}

/* What the exports say of the service. One that is no .proto file costs the spec, not the start. */
static int pack_spec(const actr_config *config, struct actr__buf *buf, actr_error *err)
{
	actr_error cause = ACTR_ERROR_INIT;
	int rc = actr__spec_pack(config, actr__clock_wall_ms() / 1000, buf, &cause);

	if (rc < 0 && rc != ACTR_E_CONFIG) {
		if (err)
			*err = cause;
		return rc;
	}
	if (rc < 0)
		ACTR_WARN(4, "config_error", "what=registered_without_service_spec cause=\"%s\"",
			  cause.message);
	return 0;
}

int server_link_start(struct actr_node *node, actr_error *err)
{
	struct actr__signaling_options options = {
		.realm = node->system->config.realm,
		.hidden = node->system->config.discovery_hidden,
	};
	struct actr__buf acl, spec;
	int rc;

	ACTR_TRY(own_type(node, &options.type, err));
	actr__buf_init(&acl, ACTR__SIGNALING_MAX);
	rc = pack_acl(&node->system->config, &acl);
	if (rc < 0) {
		actr__buf_done(&acl);
		return ACTR_FAIL(err, rc, "cannot encode the access list");
	}
	options.acl = actr__bytes(acl.data, acl.size);
	actr__buf_init(&spec, ACTR__SIGNALING_MAX);
	rc = pack_spec(&node->system->config, &spec, err);
	options.service_spec = actr__bytes(spec.data, spec.size);
	if (rc == 0)
		rc = actr__signaling_new(node->loop, &options, &signaling_events, node,
					 &node->signaling, err);
	actr__buf_done(&spec);
	actr__buf_done(&acl);
	if (rc == 0)
		actr__signaling_start(node->signaling);
	return rc;
}
