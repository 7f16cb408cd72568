/*
 * The node's network, assembled: transport over WebRTC, gate and mailbox. News that the rooms tell
 * upward end here and go to their neighbours: a message to the gate, a sample to its track, a lost
 * session to the gate and the resolver.
 */
#include "lifecycle/lifecycle_internal.h"

#include <stdio.h>

/* --- wires --- */

bool network_is_loopback(const char *url)
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
		.loopback = network_is_loopback(config->signaling_url),
		.relay_only = config->relay_only,
		.no_data_socket = config->no_data_socket,
		.port_min = config->port_min,
		.port_max = config->port_max,
		.public_address = config->public_address,
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
	actr__media_lost(&node->endpoint, id, why);
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

static void on_wire(void *owner, const actr_id *id)
{
	struct actr_node *node = owner;

	if (node->endpoint.gate)
		actr__media_peer_up(&node->endpoint, id);
}

static void on_sample(void *owner, const actr_id *from, const actr_sample *sample)
{
	struct actr_node *node = owner;

	if (actr__acl_allows(&node->system->config, from))
		actr__media_receive(&node->endpoint, from, sample);
	else
		actr__media_refuse(&node->endpoint);
}

static void on_track(void *owner, const actr_id *id, const struct actr__track_event *event)
{
	struct actr_node *node = owner;

	(void)id;
	actr__media_news(&node->endpoint, event);
}

static const struct actr__transport_events transport_events = {
	.on_message = on_message,
	.on_peer = on_peer,
	.on_lost = on_lost,
	.on_signal = on_signal,
	.on_lane = on_lane,
	.on_wire = on_wire,
	.on_sample = on_sample,
	.on_track = on_track,
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
		actr__streams_refuse(&node->endpoint, from, msg);
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
	struct actr__wire_maker maker = {
		.dial = dial, .accept = accept_wire, .user = node, .dial_direct = direct_dial};
	char url[256];
	struct actr__transport_options options = {.max_peers = node->system->config.max_peers,
						  .direct_after_ms =
							  node->system->config.websocket_after_ms};

	ACTR_TRY(open_mailbox(node, err));
	ACTR_TRY(direct_listen(node, url, sizeof url, err));
	if (*url)
		options.direct_url = url;
	ACTR_TRY(actr__transport_new(node->loop, &options, &maker, &transport_events, node,
				     &node->transport, err));
	ACTR_TRY(actr__gate_new(node->loop, node->transport, node->mailbox, &gate_events, node,
				&node->endpoint.gate, err));
	actr__media_ready(&node->endpoint);
	return 0;
}

void network_free(struct actr_node *node)
{
	struct actr__gate *gate = TAKE(node->endpoint.gate);

	direct_close(node);
	node->transport = actr__transport_free(node->transport);
	actr__gate_free(gate);
	if (node->endpoint.local)
		actr__dispatcher_set_mailbox(node->endpoint.local, NULL);
	node->mailbox = actr__mailbox_free(node->mailbox);
	node->signaling = actr__signaling_free(node->signaling);
	server_link_drop(node);
}
