/*
 * The node's network, assembled: the signaling client over its socket, transport over WebRTC, gate
 * and mailbox. News that the rooms tell upward end here and go to their neighbours: a relayed
 * signal to the transport, a message to the gate, a lost session to the gate and the resolver.
 */
#include "lifecycle/lifecycle_internal.h"

#include <arpa/inet.h>
#include <stdio.h>

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

static void disconnect(void *owner)
{
	struct actr_node *node = owner;
	struct actr__ws *socket = TAKE(node->socket);

	if (!socket)
		return;
	actr__ws_set_owner(socket, &no_events, NULL);
	actr__ws_close(socket, 1000, "");
}

static void connect_socket(void *owner)
{
	struct actr_node *node = owner;
	const char *url = node->system->config.signaling_url;
	actr_error err = ACTR_ERROR_INIT;

	disconnect(node);
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
	ACTR_INFO("registration", "what=registered id=%s", actr_id_format(id, text, sizeof text));
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
	.disconnect = disconnect,
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

int network_connect(struct actr_node *node, actr_error *err)
{
	struct actr__signaling_options options = {.realm = node->system->config.realm};
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

/* --- wires --- */

static bool host_is_loopback(const char *url)
{
	const char *host = strstr(url, "://");
	char text[64];
	size_t size;

	host = host ? host + 3 : url;
	size = strcspn(host, *host == '[' ? "]" : ":/?");
	if (*host == '[')
		return size == 4 && !strncmp(host, "[::1", 4);
	if (!actr__copy_text(text, sizeof text, actr__bytes(host, size)))
		return false;
	return !strcmp(text, "localhost") || !strncmp(text, "127.", 4);
}

static struct actr__webrtc_options wire_options(struct actr_node *node, const actr_id *peer)
{
	const actr_config *config = &node->system->config;

	return (struct actr__webrtc_options){
		.self = actr__endpoint_id(&node->endpoint),
		.peer = *peer,
		.loopback = host_is_loopback(config->signaling_url),
		.relay_only = config->relay_only,
		.no_data_socket = config->no_data_socket,
		.port_min = config->port_min,
		.port_max = config->port_max,
		.ice_servers = config->ice_servers,
		.ice_server_count = config->ice_server_count,
	};
}

static int dial(void *user, const actr_id *peer, const struct actr__wire_events *events,
		void *owner, uint64_t session, struct actr__wire **ret_wire, actr_error *err)
{
	struct actr_node *node = user;
	struct actr__webrtc_options options = wire_options(node, peer);

	return actr__webrtc_dial(node->runtime->engine, &options, events, owner, session, ret_wire,
				 err);
}

static int accept_wire(void *user, const actr_id *peer, const struct actr__signal *offer,
		       const struct actr__wire_events *events, void *owner, uint64_t session,
		       struct actr__wire **ret_wire, actr_error *err)
{
	struct actr_node *node = user;
	struct actr__webrtc_options options = wire_options(node, peer);

	return actr__webrtc_accept(node->runtime->engine, &options, offer, events, owner, session,
				   ret_wire, err);
}

/* --- transport --- */

static void on_message(void *owner, const actr_id *from, struct actr__msg *msg)
{
	struct actr_node *node = owner;

	actr__gate_receive(node->endpoint.gate, from, msg);
}

actr_state node_peer_state(enum actr__peer_state state)
{
	static const actr_state states[] = {
		[ACTR__PEER_IDLE] = ACTR_STATE_IDLE,
		[ACTR__PEER_CONNECTING] = ACTR_STATE_CONNECTING,
		[ACTR__PEER_OPEN] = ACTR_STATE_CONNECTED,
		[ACTR__PEER_RECOVERING] = ACTR_STATE_RECOVERING,
		[ACTR__PEER_DISCONNECTED] = ACTR_STATE_DISCONNECTED,
	};

	return states[state];
}

static void on_peer(void *owner, const struct actr__peer_change *change)
{
	actr_event event = {.kind = ACTR_EVENT_PEER,
			    .state = node_peer_state(change->state),
			    .id = change->id,
			    .session = change->session,
			    .elapsed_ms = change->elapsed_ms,
			    .detail = change->detail,
			    .why = change->why};
	char text[ACTR_ID_TEXT_SIZE];

	ACTR_DEBUG("peer", "id=%s session=%llu state=%d %s%s",
		   actr_id_format(change->id, text, sizeof text),
		   (unsigned long long)change->session, (int)change->state, change->detail,
		   change->why ? change->why->message : "");
	node_tell(owner, &event);
}

static void on_lost(void *owner, const actr_id *id, uint64_t session, const actr_error *why)
{
	struct actr_node *node = owner;

	resolver_forget(node, id);
	actr__streams_lost(&node->endpoint, id);
	if (node->endpoint.gate)
		actr__gate_lost(node->endpoint.gate, id, session, why);
}

static int on_signal(void *owner, const actr_id *to, const struct actr__signal *signal,
		     actr_error *err)
{
	struct actr_node *node = owner;

	return actr__signaling_relay(node->signaling, to, signal, err);
}

static void on_lane(void *owner, const actr_id *id, uint64_t session, unsigned lane, bool congested)
{
	actr_event event = {.kind = ACTR_EVENT_LANE,
			    .state = congested ? ACTR_STATE_CONGESTED : ACTR_STATE_NORMAL,
			    .id = id,
			    .session = session,
			    .lane = (actr_lane)lane,
			    .detail = ""};

	node_tell(owner, &event);
}

static const struct actr__transport_events transport_events = {
	.on_message = on_message,
	.on_peer = on_peer,
	.on_lost = on_lost,
	.on_signal = on_signal,
	.on_lane = on_lane,
};

/* --- gate --- */

static int admit(void *owner, const actr_id *from, const struct actr__envelope *envelope,
		 actr_error *err)
{
	struct actr_node *node = owner;
	char text[ACTR_ID_TEXT_SIZE];

	(void)envelope;
	if (node->state == NODE_STOPPING)
		return ACTR_FAIL(err, ACTR_E_UNAVAILABLE, "the node is shutting down");
	if (!actr__acl_allows(&node->system->config, from))
		return ACTR_FAIL(err, ACTR_E_PERMISSION_DENIED, "the access list does not allow %s",
				 actr_id_format(from, text, sizeof text));
	return 0;
}

static void on_chunk(void *owner, const actr_id *from, struct actr__msg *msg)
{
	struct actr_node *node = owner;

	if (actr__acl_allows(&node->system->config, from))
		actr__streams_receive(&node->endpoint, from, msg);
	else
		actr__streams_refuse(&node->endpoint, msg);
}

static const struct actr__gate_events gate_events = {.admit = admit, .on_chunk = on_chunk};

/* --- mailbox --- */

static void on_mail_ready(void *owner)
{
	struct actr_node *node = owner;

	actr__dispatcher_wake(node->endpoint.local);
}

static void on_mail_refused(void *owner, struct actr__mail *mail, const actr_error *why)
{
	struct actr_node *node = owner;

	actr__gate_refuse(node->endpoint.gate, &mail->sender, mail->msg, why->code, why->message);
}

static void on_mailbox_closed(void *owner)
{
	struct actr_node *node = owner;

	node->mailbox_closed = true;
	if (node->state == NODE_STOPPING)
		node_stop_go_on(node);
}

static void on_mailbox_state(void *owner, actr_error *why, bool high_water)
{
	struct actr_node *node = owner;
	actr_event event = {.kind = ACTR_EVENT_MAILBOX,
			    .state = why	  ? ACTR_STATE_FAILED
				     : high_water ? ACTR_STATE_HIGH_WATER
						  : ACTR_STATE_NORMAL,
			    .detail = "",
			    .why = why};

	if (node->mailbox_told == event.state)
		return;
	node->mailbox_told = event.state;
	if (why)
		ACTR_ERR(9, "mailbox_error", "what=storage_failed cause=\"%s\"", why->message);
	node_tell(node, &event);
}

static void describe_letter(const struct actr_node *node, const struct actr__dead_letter *letter,
			    char *out, size_t size)
{
	const char *path = node->system->config.mailbox_path;
	int used = snprintf(out, size, "id=%s category=%s trace_id=%s ", letter->id,
			    letter->error_category, letter->trace_id ? letter->trace_id : "");

	if (used < 0 || (size_t)used >= size)
		return;
	if (path)
		snprintf(out + used, size - (size_t)used, "see=\"actr dlq show %s --mailbox %s\"",
			 letter->id, path);
	else
		snprintf(out + used, size - (size_t)used,
			 "see=\"kept in memory only: set system.storage.mailbox_path\"");
}

static void on_dead_letter(void *owner, const struct actr__dead_letter *letter)
{
	actr_event event = {.kind = ACTR_EVENT_MAILBOX, .state = ACTR_STATE_DEAD_LETTER};
	bool undecodable = !strcmp(letter->error_category, "protobuf_decode");
	actr_error why = ACTR_ERROR_INIT;
	char detail[512];
	actr_id from;

	ACTR_FAIL(&why, undecodable ? ACTR_E_DECODE : ACTR_E_INTERNAL, "%s",
		  letter->error_message ? letter->error_message : "");
	describe_letter(owner, letter, detail, sizeof detail);
	event.detail = detail;
	event.why = &why;
	if (letter->from.size && actr__id_decode(letter->from, &from, NULL) == 0)
		event.id = &from;
	node_tell(owner, &event);
}

static const struct actr__mailbox_events mailbox_events = {
	.on_ready = on_mail_ready,
	.on_refused = on_mail_refused,
	.on_closed = on_mailbox_closed,
	.on_state = on_mailbox_state,
	.on_dead_letter = on_dead_letter,
};

static int open_mailbox(struct actr_node *node, actr_error *err)
{
	const actr_config *config = &node->system->config;
	struct actr__mailbox_options options = {
		.path = config->mailbox_path,
		.durability = config->mailbox_durability,
		.max_messages = config->mailbox_max_messages,
		.max_bytes = config->mailbox_max_bytes,
		.sender_percent = config->mailbox_sender_percent,
		.max_attempts = config->mailbox_max_attempts,
		.dlq_max_bytes = config->dlq_max_bytes,
		.self = actr__endpoint_id(&node->endpoint),
	};

	return actr__mailbox_open(node->loop, &options, &mailbox_events, node, &node->mailbox, err);
}

int network_build(struct actr_node *node, actr_error *err)
{
	struct actr__wire_maker maker = {.dial = dial, .accept = accept_wire, .user = node};
	struct actr__transport_options options = {.max_peers = node->system->config.max_peers};

	ACTR_TRY(open_mailbox(node, err));
	ACTR_TRY(actr__transport_new(node->loop, &options, &maker, &transport_events, node,
				     &node->transport, err));
	return actr__gate_new(node->loop, node->transport, node->mailbox, &gate_events, node,
			      &node->endpoint.gate, err);
}

void network_free(struct actr_node *node)
{
	struct actr__gate *gate = TAKE(node->endpoint.gate);

	node->transport = actr__transport_free(node->transport);
	actr__gate_free(gate);
	if (node->endpoint.local)
		actr__dispatcher_set_mailbox(node->endpoint.local, NULL);
	node->mailbox = actr__mailbox_free(node->mailbox);
	node->signaling = actr__signaling_free(node->signaling);
	disconnect(node);
}
