#include "signaling/scripted_server.h"

#include <stdio.h>
#include <stdlib.h>

enum frame_kind { OPENED, LOST, BYTES };

struct frame {
	struct actr__list link;
	struct actr__timer timer;
	struct scripted_node *node;
	uint64_t socket;
	enum frame_kind kind;
	size_t size;
	uint8_t bytes[];
};

static void on_arrival(struct actr__timer *timer)
{
	struct frame *frame = container_of(timer, struct frame, timer);
	struct scripted_node *node = frame->node;

	actr__list_remove(&frame->link);
	if (frame->socket == node->socket && frame->kind == OPENED) {
		node->open = true;
		actr__signaling_opened(node->signaling);
	} else if (frame->socket == node->socket && frame->kind == LOST) {
		scripted_node_cut(node);
	} else if (frame->socket == node->socket && node->open) {
		actr__signaling_received(node->signaling, actr__bytes(frame->bytes, frame->size));
	}
	actr__free(frame);
}

static void send_frame(struct scripted_node *node, enum frame_kind kind, actr_bytes bytes)
{
	struct frame *frame = actr__alloc0(sizeof *frame + bytes.size);

	if (!frame)
		return; /* lost on its way, as things are in a network */
	frame->node = node;
	frame->socket = node->socket;
	frame->kind = kind;
	frame->size = bytes.size;
	if (bytes.size)
		memcpy(frame->bytes, bytes.data, bytes.size);
	actr__timer_init(&frame->timer, on_arrival);
	actr__list_push(&node->server->frames, &frame->link);
	if (actr__timer_set(node->server->loop, &frame->timer, node->server->latency_ms) < 0) {
		actr__list_remove(&frame->link);
		actr__free(frame);
	}
}

void scripted_node_deliver(struct scripted_node *node, actr_bytes bytes)
{
	send_frame(node, BYTES, bytes);
}

void scripted_node_push(struct scripted_node *node, Signaling__SignalingEnvelope *envelope)
{
	size_t size = protobuf_c_message_get_packed_size(&envelope->base);
	uint8_t *bytes = actr__alloc(size + 1);

	if (!bytes)
		return;
	protobuf_c_message_pack(&envelope->base, bytes);
	scripted_node_deliver(node, actr__bytes(bytes, size));
	actr__free(bytes);
}

/* --- answers -----------------------------------------------------------------------------------
 */

struct answer {
	struct actr__pb_envelope envelope;
	Signaling__SignalingToActr message;
	struct actr__pb_id target;
	Actr__ErrorResponse error;
};

static Signaling__SignalingToActr *begin(struct answer *answer, struct scripted_node *node,
					 const char *reply_for)
{
	int64_t now = actr__clock_wall_ms() + node->server->clock_offset_ms;
	Signaling__SignalingEnvelope *envelope =
		actr__pb_envelope(&answer->envelope, "srv", reply_for, now);

	signaling__signaling_to_actr__init(&answer->message);
	answer->message.target = actr__pb_id(&answer->target, &node->id);
	envelope->flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_SERVER_TO_ACTR;
	envelope->server_to_actr = &answer->message;
	return &answer->message;
}

static Actr__ErrorResponse *error_of(struct answer *answer, struct scripted_node *node,
				     uint32_t code)
{
	const char *text = node->server->error_text;

	return actr__pb_error(&answer->error, code, text ? text : "scripted");
}

static void answer_error(struct scripted_node *node, const char *reply_for, uint32_t code)
{
	struct answer answer;
	Signaling__SignalingToActr *message = begin(&answer, node, reply_for);

	message->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ERROR;
	message->error = error_of(&answer, node, code);
	scripted_node_push(node, &answer.envelope.envelope);
}

static void answer_registration(struct scripted_node *node, const char *reply_for, uint32_t error)
{
	struct scripted_server *server = node->server;
	Actr__RegisterResponse response = ACTR__REGISTER_RESPONSE__INIT;
	Actr__RegisterResponse__RegisterOk ok = ACTR__REGISTER_RESPONSE__REGISTER_OK__INIT;
	Actr__AIdCredential credential;
	Actr__Timestamp expires;
	struct actr__pb_id id;
	struct answer answer;
	Signaling__SignalingToActr *message = begin(&answer, node, reply_for);

	message->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_REGISTER_RESPONSE;
	message->register_response = &response;
	if (error) {
		response.result_case = ACTR__REGISTER_RESPONSE__RESULT_ERROR;
		response.error = error_of(&answer, node, error);
	} else {
		node->key_id = server->key_id++;
		response.result_case = ACTR__REGISTER_RESPONSE__RESULT_SUCCESS;
		response.success = &ok;
		ok.actr_id = actr__pb_id(&id, &node->id);
		ok.credential = actr__pb_credential(&credential, actr__text("token"), node->key_id);
		ok.credential_expires_at = actr__pb_timestamp(
			&expires, actr__clock_wall_ms() + server->clock_offset_ms +
					  (int64_t)server->life_s * 1000);
		ok.has_signaling_heartbeat_interval_secs = true;
		ok.signaling_heartbeat_interval_secs = server->interval_s;
		ok.has_resumes = ok.resumes = server->resumes;
	}
	scripted_node_push(node, &answer.envelope.envelope);
}

static void tell_subscribers(struct scripted_node *up)
{
	actr__list_each(at, &up->server->nodes)
	{
		struct scripted_node *node = container_of(at, struct scripted_node, link);

		for (size_t i = 0; node->open && i < node->subscribed_count; i++) {
			Actr__ActrUpEvent event = ACTR__ACTR_UP_EVENT__INIT;
			struct answer answer;
			Signaling__SignalingToActr *message;
			struct actr__pb_id id;

			if (!actr_type_equal(&node->subscribed[i], &up->id.type))
				continue;
			message = begin(&answer, node, NULL);
			event.actor_id = actr__pb_id(&id, &up->id);
			message->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ACTR_UP_EVENT;
			message->actr_up_event = &event;
			scripted_node_push(node, &answer.envelope.envelope);
		}
	}
}

static void on_register(struct scripted_node *node, const char *reply_for,
			const Actr__RegisterRequest *request)
{
	struct scripted_server *server = node->server;
	uint32_t error = node->registered ? 409 : server->register_error;

	server->registers++;
	if (!error) {
		(void)actr__pb_type_read(request->actr_type, &node->id.type, NULL);
		node->id.realm = request->realm ? request->realm->realm_id : 0;
		node->id.serial = server->next_serial++;
		node->registered = true;
	}
	answer_registration(node, reply_for, error);
	if (!error)
		tell_subscribers(node);
}

static void on_ping(struct scripted_node *node, const char *reply_for, const Actr__Ping *ping)
{
	struct scripted_server *server = node->server;
	Actr__Pong pong = ACTR__PONG__INIT;
	struct answer answer;
	Signaling__SignalingToActr *message = begin(&answer, node, reply_for);

	server->pings++;
	server->last_availability = ping->availability;
	server->last_power_reserve = ping->power_reserve;
	server->last_mailbox_backlog = ping->mailbox_backlog;
	if (server->ping_error) {
		answer_error(node, reply_for, server->ping_error);
		return;
	}
	pong.has_seq = true;
	message->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_PONG;
	message->pong = &pong;
	scripted_node_push(node, &answer.envelope.envelope);
}

static void on_discover(struct scripted_node *node, const char *reply_for,
			const Actr__RouteCandidatesRequest *request)
{
	struct scripted_server *server = node->server;
	Actr__RouteCandidatesResponse response = ACTR__ROUTE_CANDIDATES_RESPONSE__INIT;
	Actr__RouteCandidatesResponse__RouteCandidatesOk ok =
		ACTR__ROUTE_CANDIDATES_RESPONSE__ROUTE_CANDIDATES_OK__INIT;
	struct actr__pb_id places[16];
	Actr__ActrId *ids[16];
	struct answer answer;
	Signaling__SignalingToActr *message = begin(&answer, node, reply_for);
	actr_type wanted;

	server->discovers++;
	if (server->discover_error) {
		answer_error(node, reply_for, server->discover_error);
		return;
	}
	(void)actr__pb_type_read(request->target_type, &wanted, NULL);
	ok.candidates = ids;
	actr__list_each(at, &server->nodes)
	{
		struct scripted_node *other = container_of(at, struct scripted_node, link);

		if (other->registered && ok.n_candidates < request->criteria->candidate_count &&
		    ok.n_candidates < ARRAY_SIZE(ids) &&
		    actr_type_equal(&other->id.type, &wanted)) {
			ids[ok.n_candidates] = actr__pb_id(&places[ok.n_candidates], &other->id);
			ok.n_candidates++;
		}
	}
	response.result_case = ACTR__ROUTE_CANDIDATES_RESPONSE__RESULT_SUCCESS;
	response.success = &ok;
	message->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ROUTE_CANDIDATES_RESPONSE;
	message->route_candidates_response = &response;
	scripted_node_push(node, &answer.envelope.envelope);
}

static void on_renewal(struct scripted_node *node, const char *reply_for)
{
	struct scripted_server *server = node->server;

	server->renewals++;
	if (server->renew_error) {
		answer_error(node, reply_for, server->renew_error);
		return;
	}
	node->registered |= server->resumes;
	if (server->renewal_changes_serial)
		node->id.serial = server->next_serial++;
	answer_registration(node, reply_for, 0);
}

static void on_unregister(struct scripted_node *node, const char *reply_for,
			  const Actr__UnregisterRequest *request)
{
	Actr__UnregisterResponse response = ACTR__UNREGISTER_RESPONSE__INIT;
	Actr__UnregisterResponse__UnregisterOk ok = ACTR__UNREGISTER_RESPONSE__UNREGISTER_OK__INIT;
	struct answer answer;
	Signaling__SignalingToActr *message = begin(&answer, node, reply_for);

	node->server->unregisters++;
	(void)snprintf(node->server->last_reason, sizeof node->server->last_reason, "%s",
		       request->reason ? request->reason : "");
	node->registered = false;
	response.result_case = ACTR__UNREGISTER_RESPONSE__RESULT_SUCCESS;
	response.success = &ok;
	message->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_UNREGISTER_RESPONSE;
	message->unregister_response = &response;
	scripted_node_push(node, &answer.envelope.envelope);
}

static void on_subscribe(struct scripted_node *node, const Actr__ActrType *type)
{
	node->server->subscribes++;
	if (node->subscribed_count < ARRAY_SIZE(node->subscribed))
		(void)actr__pb_type_read(type, &node->subscribed[node->subscribed_count++], NULL);
}

static void on_request(struct scripted_node *node, const char *reply_for,
		       const Signaling__ActrToSignaling *message)
{
	node->server->last_key_id = message->credential->token_key_id;
	if (node->server->check_credentials && message->credential->token_key_id != node->key_id) {
		answer_error(node, reply_for, 401);
		return;
	}
	switch (message->payload_case) {
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_PING:
		on_ping(node, reply_for, message->ping);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_ROUTE_CANDIDATES_REQUEST:
		on_discover(node, reply_for, message->route_candidates_request);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_CREDENTIAL_UPDATE_REQUEST:
		on_renewal(node, reply_for);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_UNREGISTER_REQUEST:
		on_unregister(node, reply_for, message->unregister_request);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_SUBSCRIBE_ACTR_UP_REQUEST:
		on_subscribe(node, message->subscribe_actr_up_request->target_type);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_UNSUBSCRIBE_ACTR_UP_REQUEST:
		node->server->unsubscribes++;
		node->subscribed_count = 0;
		break;
	default:
		break;
	}
}

static void on_relay(struct scripted_node *node, const char *reply_for, Signaling__ActrRelay *relay)
{
	struct actr__pb_envelope place;
	Signaling__SignalingEnvelope *envelope =
		actr__pb_envelope(&place, "relayed", NULL, actr__clock_wall_ms());
	actr_id target;

	node->server->relays++;
	node->server->last_key_id = relay->credential->token_key_id;
	if (node->server->relay_error) {
		answer_error(node, reply_for, node->server->relay_error);
		return;
	}
	(void)actr__pb_id_read(relay->target, &target, NULL);
	envelope->flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY;
	envelope->actr_relay = relay;
	actr__list_each(at, &node->server->nodes)
	{
		struct scripted_node *other = container_of(at, struct scripted_node, link);

		if (other->registered && other->id.serial == target.serial)
			scripted_node_push(other, envelope);
	}
}

static void on_envelope(struct scripted_node *node, const Signaling__SignalingEnvelope *envelope)
{
	const char *id = envelope->envelope_id;
	struct answer answer;

	if (node->server->envelope_error) {
		(void)begin(&answer, node, NULL);
		answer.envelope.envelope.flow_case =
			SIGNALING__SIGNALING_ENVELOPE__FLOW_ENVELOPE_ERROR;
		answer.envelope.envelope.envelope_error =
			error_of(&answer, node, node->server->envelope_error);
		scripted_node_push(node, &answer.envelope.envelope);
	} else if (envelope->flow_case == SIGNALING__SIGNALING_ENVELOPE__FLOW_PEER_TO_SERVER) {
		on_register(node, id, envelope->peer_to_server->register_request);
	} else if (envelope->flow_case == SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_TO_SERVER) {
		on_request(node, id, envelope->actr_to_server);
	} else if (envelope->flow_case == SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY) {
		on_relay(node, id, envelope->actr_relay);
	}
}

/* --- sockets ------------------------------------------------------------------------------------
 */

void scripted_node_connect(struct scripted_node *node)
{
	node->socket++;
	node->server->connects++;
	if (node->server->fail_connections) {
		actr__signaling_lost(node->signaling, NULL);
		return;
	}
	if (!node->server->ignore_connections)
		send_frame(node, node->server->refuse_connections ? LOST : OPENED,
			   actr__bytes(NULL, 0));
}

void scripted_node_disconnect(struct scripted_node *node)
{
	node->socket++;
	node->open = node->registered = false;
	node->subscribed_count = 0;
}

void scripted_node_cut(struct scripted_node *node)
{
	scripted_node_disconnect(node);
	actr__signaling_lost(node->signaling, NULL);
}

static void note_trace(struct scripted_server *server, const Signaling__SignalingEnvelope *e)
{
	(void)snprintf(server->last_traceparent, sizeof server->last_traceparent, "%s",
		       e->traceparent ? e->traceparent : "");
	(void)snprintf(server->last_tracestate, sizeof server->last_tracestate, "%s",
		       e->tracestate ? e->tracestate : "");
}

int scripted_node_send(struct scripted_node *node, actr_bytes bytes)
{
	Signaling__SignalingEnvelope *envelope;

	if (node->server->fail_sends || !node->open)
		return ACTR_E_IO;
	envelope = signaling__signaling_envelope__unpack(NULL, bytes.size, bytes.data);
	if (!envelope)
		abort(); /* the node sent what is no envelope */
	note_trace(node->server, envelope);
	if (!node->server->silent)
		on_envelope(node, envelope);
	signaling__signaling_envelope__free_unpacked(envelope, NULL);
	return 0;
}

void scripted_node_init(struct scripted_node *node, struct scripted_server *server)
{
	memset(node, 0, sizeof *node);
	node->server = server;
	actr__list_push(&server->nodes, &node->link);
}

void scripted_node_done(struct scripted_node *node)
{
	actr__list_each(at, &node->server->frames)
	{
		struct frame *frame = container_of(at, struct frame, link);

		if (frame->node != node)
			continue;
		actr__timer_stop(node->server->loop, &frame->timer);
		actr__list_remove(&frame->link);
		actr__free(frame);
	}
	actr__list_remove(&node->link);
}

void scripted_server_init(struct scripted_server *server, struct actr__loop *loop)
{
	memset(server, 0, sizeof *server);
	server->loop = loop;
	actr__list_init(&server->nodes);
	actr__list_init(&server->frames);
	server->interval_s = 30;
	server->life_s = 3600;
	server->next_serial = 1000;
	server->key_id = 1;
	server->latency_ms = 5;
}

void scripted_server_done(struct scripted_server *server)
{
	while (!actr__list_empty(&server->nodes))
		scripted_node_done(container_of(server->nodes.next, struct scripted_node, link));
}
