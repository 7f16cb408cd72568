#include "world.h"

static uint64_t monotonic_ns(void *user)
{
	(void)user;
	return 1;
}

static int64_t wall_ms(void *user)
{
	return ((struct world *)user)->wall_ms;
}

void world_init(struct world *world, const struct hub_options *options)
{
	actr_clock clock = {monotonic_ns, wall_ms, world};

	*world = (struct world){.wall_ms = 1700000000000};
	actr_set_clock(&clock);
	assert_int_equal(actr__loop_new_virtual(&world->loop, NULL), 0);
	assert_int_equal(store_open(":memory:", &world->store, NULL), 0);
	assert_int_equal(hub_init(&world->hub, world->loop, world->store, options, NULL), 0);
}

void world_done(struct world *world)
{
	assert_true(actr__list_empty(&world->hub.sessions));
	hub_done(&world->hub);
	store_close(world->store);
	actr__loop_free(world->loop);
	actr_set_clock(NULL);
}

void world_advance(struct world *world, uint64_t ms)
{
	world->wall_ms += (int64_t)ms;
	actr__loop_advance(world->loop, ms);
}

static int on_send(void *user, actr_bytes frame)
{
	struct client *client = user;
	ProtobufCMessage *message;

	if (client->send_rc < 0)
		return client->send_rc;
	message = actr__pb_unpack(&signaling__signaling_envelope__descriptor, frame, &client->arena,
				  NULL);
	assert_non_null(message);
	assert_true(client->received < WORLD_INBOX_MAX);
	client->inbox[client->received++] = (Signaling__SignalingEnvelope *)message;
	return 0;
}

static void on_close(void *user, unsigned code, const char *reason)
{
	struct client *client = user;

	assert_int_equal(client->close_code, 0);
	assert_non_null(reason);
	client->close_code = code;
}

static const struct session_events events = {on_send, on_close};

void client_open(struct client *client, struct world *world)
{
	*client = (struct client){.world = world};
	actr__arena_init(&client->arena, NULL, 0, 64 * 1024 * 1024);
	assert_int_equal(session_new(&world->hub, &events, client, &client->session, NULL), 0);
}

void client_lose(struct client *client)
{
	client->session = session_free(client->session);
	actr__arena_done(&client->arena);
}

void client_send(struct client *client, Signaling__SignalingEnvelope *envelope)
{
	Actr__Timestamp timestamp;
	struct actr__buf buf;

	snprintf(client->last_id, sizeof client->last_id, "env-%u", ++client->sent);
	envelope->has_envelope_version = true;
	envelope->envelope_version = 1;
	envelope->envelope_id = client->last_id;
	envelope->timestamp = actr__pb_timestamp(&timestamp, client->world->wall_ms);
	actr__buf_init(&buf, 4 * ACTR__SIGNALING_MAX);
	assert_int_equal(actr__pb_append(&envelope->base, &buf), 0);
	session_receive(client->session, actr__bytes(buf.data, buf.size));
	actr__buf_done(&buf);
}

Signaling__SignalingEnvelope *client_take(struct client *client)
{
	Signaling__SignalingEnvelope *envelope;

	assert_true(client->taken < client->received);
	envelope = client->inbox[client->taken++];
	if (client->taken == client->received)
		client->taken = client->received = 0;
	assert_int_equal(envelope->envelope_version, 1);
	assert_true(envelope->timestamp && envelope->envelope_id && *envelope->envelope_id);
	return envelope;
}

Signaling__SignalingToActr *client_answer(struct client *client)
{
	Signaling__SignalingEnvelope *envelope = client_take(client);

	assert_int_equal(envelope->flow_case, SIGNALING__SIGNALING_ENVELOPE__FLOW_SERVER_TO_ACTR);
	assert_string_equal(envelope->reply_for, client->last_id);
	assert_non_null(envelope->server_to_actr->target);
	return envelope->server_to_actr;
}

void client_expect_silence(struct client *client)
{
	assert_int_equal(client->taken, client->received);
}

void client_expect_error(struct client *client, uint32_t code)
{
	Signaling__SignalingToActr *flow = client_answer(client);

	assert_int_equal(flow->payload_case, SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ERROR);
	assert_int_equal(flow->error->code, code);
	assert_true(*flow->error->message);
}

void client_expect_envelope_error(struct client *client, uint32_t code)
{
	Signaling__SignalingEnvelope *envelope = client_take(client);

	assert_int_equal(envelope->flow_case, SIGNALING__SIGNALING_ENVELOPE__FLOW_ENVELOPE_ERROR);
	assert_int_equal(envelope->envelope_error->code, code);
}

static void parse_type(const char *text, actr_type *ret)
{
	assert_int_equal(actr_type_parse(text, ret, NULL), 0);
}

void client_request_register(struct client *client, uint32_t realm_id, const char *type,
			     Actr__ServiceSpec *spec, Actr__Acl *acl)
{
	Signaling__SignalingEnvelope envelope = SIGNALING__SIGNALING_ENVELOPE__INIT;
	Signaling__PeerToSignaling flow = SIGNALING__PEER_TO_SIGNALING__INIT;
	Actr__RegisterRequest request = ACTR__REGISTER_REQUEST__INIT;
	Actr__ActrType type_place;
	Actr__Realm realm;
	actr_type parsed;

	parse_type(type, &parsed);
	request.actr_type = actr__pb_type(&type_place, &parsed);
	request.realm = actr__pb_realm(&realm, realm_id);
	request.service_spec = spec;
	request.acl = acl;
	flow.payload_case = SIGNALING__PEER_TO_SIGNALING__PAYLOAD_REGISTER_REQUEST;
	flow.register_request = &request;
	envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_PEER_TO_SERVER;
	envelope.peer_to_server = &flow;
	client_send(client, &envelope);
}

void client_take_registered(struct client *client)
{
	Signaling__SignalingToActr *flow = client_answer(client);
	Actr__RegisterResponse__RegisterOk *ok;

	assert_int_equal(flow->payload_case,
			 SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_REGISTER_RESPONSE);
	assert_int_equal(flow->register_response->result_case,
			 ACTR__REGISTER_RESPONSE__RESULT_SUCCESS);
	ok = flow->register_response->success;
	assert_int_equal(actr__pb_id_read(ok->actr_id, &client->id, NULL), 0);
	assert_true(ok->credential->encrypted_token.len <= sizeof client->token);
	memcpy(client->token, ok->credential->encrypted_token.data,
	       ok->credential->encrypted_token.len);
	client->credential = actr__bytes(client->token, ok->credential->encrypted_token.len);
	client->key_id = ok->credential->token_key_id;
	client->expires_at_s = ok->credential_expires_at->seconds;
}

void client_register(struct client *client, uint32_t realm, const char *type)
{
	client_request_register(client, realm, type, NULL, NULL);
	client_take_registered(client);
}

Signaling__ActrToSignaling *request_init(struct request *request, const struct client *client)
{
	signaling__signaling_envelope__init(&request->envelope);
	signaling__actr_to_signaling__init(&request->flow);
	request->flow.source = actr__pb_id(&request->source, &client->id);
	request->flow.credential =
		actr__pb_credential(&request->credential, client->credential, client->key_id);
	request->envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_TO_SERVER;
	request->envelope.actr_to_server = &request->flow;
	return &request->flow;
}

void client_ping(struct client *client, float power, float backlog)
{
	struct request request;
	Signaling__ActrToSignaling *flow = request_init(&request, client);
	Actr__Ping ping = ACTR__PING__INIT;

	ping.has_availability = ping.has_power_reserve = ping.has_mailbox_backlog = true;
	ping.power_reserve = power;
	ping.mailbox_backlog = backlog;
	flow->payload_case = SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_PING;
	flow->ping = &ping;
	client_send(client, &request.envelope);
}

size_t client_route(struct client *client, const char *type,
		    Actr__RouteCandidatesRequest__NodeSelectionCriteria *criteria, uint64_t *out,
		    size_t max)
{
	struct request request;
	Signaling__ActrToSignaling *flow = request_init(&request, client);
	Actr__RouteCandidatesRequest route = ACTR__ROUTE_CANDIDATES_REQUEST__INIT;
	Actr__RouteCandidatesResponse *response;
	Actr__ActrType type_place;
	actr_type parsed;

	parse_type(type, &parsed);
	route.target_type = actr__pb_type(&type_place, &parsed);
	route.criteria = criteria;
	flow->payload_case = SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_ROUTE_CANDIDATES_REQUEST;
	flow->route_candidates_request = &route;
	client_send(client, &request.envelope);
	response = client_answer(client)->route_candidates_response;
	assert_int_equal(response->result_case, ACTR__ROUTE_CANDIDATES_RESPONSE__RESULT_SUCCESS);
	for (size_t i = 0; i < response->success->n_candidates && i < max; i++) {
		assert_int_equal(response->success->candidates[i]->realm->realm_id,
				 client->id.realm);
		assert_string_equal(response->success->candidates[i]->type->name, parsed.name);
		out[i] = response->success->candidates[i]->serial_number;
	}
	return response->success->n_candidates;
}

void client_relay(struct client *client, const actr_id *to, const char *candidate)
{
	Signaling__SignalingEnvelope envelope = SIGNALING__SIGNALING_ENVELOPE__INIT;
	Signaling__ActrRelay relay = SIGNALING__ACTR_RELAY__INIT;
	Webrtc__IceCandidate ice = WEBRTC__ICE_CANDIDATE__INIT;
	struct actr__pb_id source, target;
	Actr__AIdCredential credential;

	ice.candidate = (char *)(uintptr_t)candidate;
	relay.source = actr__pb_id(&source, &client->id);
	relay.target = actr__pb_id(&target, to);
	relay.credential = actr__pb_credential(&credential, client->credential, client->key_id);
	relay.payload_case = SIGNALING__ACTR_RELAY__PAYLOAD_ICE_CANDIDATE;
	relay.ice_candidate = &ice;
	envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY;
	envelope.actr_relay = &relay;
	client_send(client, &envelope);
}

Signaling__ActrRelay *client_expect_relay(struct client *client, const actr_id *from,
					  const char *candidate)
{
	Signaling__SignalingEnvelope *envelope = client_take(client);
	Signaling__ActrRelay *relay = envelope->actr_relay;
	actr_id source, target;

	assert_int_equal(envelope->flow_case, SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY);
	assert_null(envelope->reply_for);
	assert_int_equal(actr__pb_id_read(relay->source, &source, NULL), 0);
	assert_int_equal(actr__pb_id_read(relay->target, &target, NULL), 0);
	assert_true(actr_id_equal(&source, from) && actr_id_equal(&target, &client->id));
	assert_int_equal(relay->payload_case, SIGNALING__ACTR_RELAY__PAYLOAD_ICE_CANDIDATE);
	assert_string_equal(relay->ice_candidate->candidate, candidate);
	/* Present, as the original wants it, but of no use. */
	assert_non_null(relay->credential);
	assert_int_equal(relay->credential->encrypted_token.len, 0);
	return relay;
}
