/* Relay, route candidates, discovery and presence: what leads from one actor to another. */
#include "world.h"

#include <stdlib.h>

static const struct hub_options dev = {.dev = true};

static int setup(void **state)
{
	static struct world world;

	world_init(&world, &dev);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	world_done(*state);
	return 0;
}

static void candidates_and_relay_lead_from_one_actor_to_another(void **state)
{
	struct world *world = *state;
	struct client a, b;
	uint64_t serial = 0;

	client_open(&a, world);
	client_open(&b, world);
	client_register(&a, 1, "acme:client");
	client_register(&b, 1, "acme:echo");
	assert_int_equal(client_route(&a, "acme:echo", NULL, &serial, 1), 1);
	assert_int_equal(serial, b.id.serial);
	client_relay(&a, &b.id, "candidate:1");
	client_expect_relay(&b, &a.id, "candidate:1");
	client_relay(&b, &a.id, "candidate:2");
	client_expect_relay(&a, &b.id, "candidate:2");
	client_expect_silence(&a);
	client_lose(&a);
	client_lose(&b);
}

static void an_unknown_target_is_answered_with_404_and_a_full_queue_with_503(void **state)
{
	struct world *world = *state;
	struct client a, b;
	actr_id wrong;

	client_open(&a, world);
	client_open(&b, world);
	client_register(&a, 1, "acme:a");
	client_register(&b, 1, "acme:b");
	wrong = b.id;
	wrong.serial += 1000;
	client_relay(&a, &wrong, "candidate:1");
	client_expect_error(&a, 404);
	wrong = b.id;
	wrong.realm = 2; /* another realm is as unknown as nobody */
	client_relay(&a, &wrong, "candidate:1");
	client_expect_error(&a, 404);
	b.send_rc = ACTR_E_RESOURCE_EXHAUSTED;
	client_relay(&a, &b.id, "candidate:1");
	client_expect_error(&a, 503);
	assert_int_equal(b.close_code, 0);
	wrong = b.id;
	client_lose(&b);
	client_relay(&a, &wrong, "candidate:1");
	client_expect_error(&a, 404);
	client_lose(&a);
}

static void defect_73_a_relay_keeps_fields_that_the_server_does_not_know(void **state)
{
	static uint8_t unknown_text[] = {3, 'n', 'e', 'w'};
	struct world *world = *state;
	Signaling__SignalingEnvelope envelope = SIGNALING__SIGNALING_ENVELOPE__INIT;
	Signaling__ActrRelay relay = SIGNALING__ACTR_RELAY__INIT, *got;
	Webrtc__SessionDescription sdp = WEBRTC__SESSION_DESCRIPTION__INIT;
	ProtobufCMessageUnknownField field = {
		.tag = 77,
		.wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
		.len = sizeof unknown_text,
		.data = unknown_text,
	};
	ProtobufCMessageUnknownField relay_field = field;
	struct actr__pb_id source, target;
	Actr__AIdCredential credential;
	struct client a, b;

	client_open(&a, world);
	client_open(&b, world);
	client_register(&a, 1, "acme:a");
	client_register(&b, 1, "acme:b");
	sdp.has_type = true;
	sdp.sdp = (char *)(uintptr_t) "v=0";
	sdp.base.n_unknown_fields = 1;
	sdp.base.unknown_fields = &field;
	relay.base.n_unknown_fields = 1;
	relay.base.unknown_fields = &relay_field;
	relay.source = actr__pb_id(&source, &a.id);
	relay.target = actr__pb_id(&target, &b.id);
	relay.credential = actr__pb_credential(&credential, a.credential, a.key_id);
	relay.payload_case = SIGNALING__ACTR_RELAY__PAYLOAD_SESSION_DESCRIPTION;
	relay.session_description = &sdp;
	envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY;
	envelope.actr_relay = &relay;
	client_send(&a, &envelope);
	got = client_take(&b)->actr_relay;
	assert_int_equal(got->base.n_unknown_fields, 1);
	assert_int_equal(got->base.unknown_fields[0].tag, 77);
	assert_int_equal(got->session_description->base.n_unknown_fields, 1);
	assert_int_equal(got->session_description->base.unknown_fields[0].tag, 77);
	assert_memory_equal(got->session_description->base.unknown_fields[0].data, unknown_text, 4);
	assert_int_equal(got->credential->encrypted_token.len, 0);
	client_lose(&a);
	client_lose(&b);
}

static void send_negotiation(struct client *client, const actr_id *to, const actr_id *claimed_from)
{
	Signaling__SignalingEnvelope envelope = SIGNALING__SIGNALING_ENVELOPE__INIT;
	Signaling__ActrRelay relay = SIGNALING__ACTR_RELAY__INIT;
	Actr__RoleNegotiation negotiation = ACTR__ROLE_NEGOTIATION__INIT;
	struct actr__pb_id source, target, from;
	Actr__AIdCredential credential;

	negotiation.from = actr__pb_id(&from, claimed_from);
	relay.source = actr__pb_id(&source, &client->id);
	relay.target = actr__pb_id(&target, to);
	relay.credential = actr__pb_credential(&credential, client->credential, client->key_id);
	relay.payload_case = SIGNALING__ACTR_RELAY__PAYLOAD_ROLE_NEGOTIATION;
	relay.role_negotiation = &negotiation;
	envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY;
	envelope.actr_relay = &relay;
	client_send(client, &envelope);
}

static bool take_assignment(struct client *client)
{
	Signaling__ActrRelay *relay = client_take(client)->actr_relay;
	Actr__RoleAssignment *assignment;

	assert_int_equal(relay->payload_case, SIGNALING__ACTR_RELAY__PAYLOAD_ROLE_ASSIGNMENT);
	assignment = (Actr__RoleAssignment *)actr__pb_unpack(&actr__role_assignment__descriptor,
							     actr__pb_bytes(relay->role_assignment),
							     &client->arena, NULL);
	assert_non_null(assignment);
	assert_int_equal(assignment->to->serial_number, client->id.serial);
	return assignment->is_offerer;
}

static void roles_are_those_of_the_connection_and_not_of_the_payload(void **state)
{
	struct world *world = *state;
	struct client a, b, c;

	client_open(&a, world);
	client_open(&b, world);
	client_open(&c, world);
	client_register(&a, 1, "acme:a");
	client_register(&b, 1, "acme:b");
	client_register(&c, 1, "acme:c");
	send_negotiation(&b, &a.id, &c.id);
	assert_true(take_assignment(&a)); /* the lower serial offers */
	assert_false(take_assignment(&b));
	client_expect_silence(&c);
	client_lose(&a);
	client_lose(&b);
	client_lose(&c);
}

/* --- candidates --- */

typedef Actr__RouteCandidatesRequest__NodeSelectionCriteria criteria_message;
typedef Actr__RouteCandidatesRequest__NodeSelectionCriteria__NodeRankingFactor factor;

#define POWER                                                                                      \
	ACTR__ROUTE_CANDIDATES_REQUEST__NODE_SELECTION_CRITERIA__NODE_RANKING_FACTOR__MAXIMUM_POWER_RESERVE
#define BACKLOG                                                                                    \
	ACTR__ROUTE_CANDIDATES_REQUEST__NODE_SELECTION_CRITERIA__NODE_RANKING_FACTOR__MINIMUM_MAILBOX_BACKLOG

static void defect_67_the_first_ranking_factor_decides_and_the_next_among_equals(void **state)
{
	static const float loads[][2] = {{0.5f, 0.9f}, {0.9f, 0.8f}, {0.5f, 0.1f}, {0.9f, 0.2f}};
	static const unsigned expected[] = {3, 1, 2, 0};
	criteria_message criteria = ACTR__ROUTE_CANDIDATES_REQUEST__NODE_SELECTION_CRITERIA__INIT;
	factor factors[] = {POWER, BACKLOG};
	struct world *world = *state;
	struct client asker, nodes[4];
	uint64_t serials[4];

	client_open(&asker, world);
	client_register(&asker, 1, "acme:client");
	for (unsigned i = 0; i < 4; i++) {
		client_open(&nodes[i], world);
		client_register(&nodes[i], 1, "acme:echo");
		client_ping(&nodes[i], loads[i][0], loads[i][1]);
		client_answer(&nodes[i]);
	}
	criteria.has_candidate_count = true;
	criteria.candidate_count = 10;
	criteria.ranking_factors = factors;
	criteria.n_ranking_factors = 2;
	assert_int_equal(client_route(&asker, "acme:echo", &criteria, serials, 4), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(serials[i], nodes[expected[i]].id.serial);
	criteria.candidate_count = 1;
	assert_int_equal(client_route(&asker, "acme:echo", &criteria, serials, 4), 1);
	assert_int_equal(serials[0], nodes[3].id.serial);
	for (unsigned i = 0; i < 4; i++)
		client_lose(&nodes[i]);
	client_lose(&asker);
}

static void without_factors_callers_spread_over_the_candidates(void **state)
{
	criteria_message one = ACTR__ROUTE_CANDIDATES_REQUEST__NODE_SELECTION_CRITERIA__INIT;
	struct world *world = *state;
	struct client asker, a, b;
	uint64_t first, second, third;

	client_open(&asker, world);
	client_open(&a, world);
	client_open(&b, world);
	client_register(&asker, 1, "acme:client");
	client_register(&a, 1, "acme:echo");
	client_register(&b, 1, "acme:echo");
	one.has_candidate_count = true;
	one.candidate_count = 1;
	client_route(&asker, "acme:echo", &one, &first, 1);
	client_route(&asker, "acme:echo", &one, &second, 1);
	client_route(&asker, "acme:echo", &one, &third, 1);
	assert_true(first != second);
	assert_int_equal(first, third);
	client_lose(&asker);
	client_lose(&a);
	client_lose(&b);
}

static void defect_66_only_live_connections_are_candidates_and_never_the_asker(void **state)
{
	criteria_message healthy = ACTR__ROUTE_CANDIDATES_REQUEST__NODE_SELECTION_CRITERIA__INIT;
	struct world *world = *state;
	struct client a, b;
	uint64_t serial;

	client_open(&a, world);
	client_open(&b, world);
	client_register(&a, 1, "acme:echo");
	client_register(&b, 1, "acme:echo");
	assert_int_equal(client_route(&a, "acme:echo", NULL, &serial, 1), 1);
	assert_int_equal(serial, b.id.serial);
	healthy.has_candidate_count = healthy.has_minimal_health_requirement = true;
	healthy.candidate_count = 5;
	healthy.minimal_health_requirement = ACTR__SERVICE_AVAILABILITY_STATE__FULL;
	/* Nobody knows how it is. */
	assert_int_equal(client_route(&a, "acme:echo", &healthy, &serial, 1), 0);
	client_ping(&b, 1, 0);
	client_answer(&b);
	assert_int_equal(client_route(&a, "acme:echo", &healthy, &serial, 1), 1);
	world_advance(world, 60001); /* it was long ago */
	assert_int_equal(client_route(&a, "acme:echo", &healthy, &serial, 1), 0);
	client_lose(&b);
	assert_int_equal(client_route(&a, "acme:echo", NULL, &serial, 1), 0);
	client_lose(&a);
}

static void an_actors_own_rules_hide_it(void **state)
{
	struct world *world = *state;
	Actr__Acl acl = ACTR__ACL__INIT;
	Actr__AclRule rule = ACTR__ACL_RULE__INIT, *rules[] = {&rule};
	Actr__AclRule__Principal friend_ = ACTR__ACL_RULE__PRINCIPAL__INIT,
				 *principals[] = {&friend_};
	Actr__ActrType type;
	actr_type friend_type;
	struct client service, friendly, stranger;
	uint64_t serial;

	assert_int_equal(actr_type_parse("acme:friend", &friend_type, NULL), 0);
	friend_.actr_type = actr__pb_type(&type, &friend_type);
	rule.principals = principals;
	rule.n_principals = 1;
	rule.has_permission = true;
	rule.permission = ACTR__ACL_RULE__PERMISSION__ALLOW;
	acl.rules = rules;
	acl.n_rules = 1;
	client_open(&service, world);
	client_open(&friendly, world);
	client_open(&stranger, world);
	client_request_register(&service, 1, "acme:echo", NULL, &acl);
	client_take_registered(&service);
	client_register(&friendly, 1, "acme:friend");
	client_register(&stranger, 1, "acme:stranger");
	assert_int_equal(client_route(&friendly, "acme:echo", NULL, &serial, 1), 1);
	assert_int_equal(client_route(&stranger, "acme:echo", NULL, &serial, 1), 0);
	client_relay(&friendly, &service.id, "candidate:1");
	client_expect_relay(&service, &friendly.id, "candidate:1");
	client_lose(&service);
	client_lose(&friendly);
	client_lose(&stranger);
}

static void without_a_row_there_is_no_call_and_one_row_serves_both_directions_of_relay(void **state)
{
	static const struct hub_options closed = {.dev = false};
	struct store_acl_row row = {1, "acme:client", "acme:echo", true};
	struct world world;
	struct client a, b;
	uint64_t serial;

	(void)state;
	world_init(&world, &closed);
	assert_int_equal(store_set_realm(world.store, 1, 0, NULL), 0);
	assert_int_equal(policy_load(&world.hub.policy, world.store, true, NULL), 0);
	client_open(&a, &world);
	client_open(&b, &world);
	client_register(&a, 1, "acme:client");
	client_register(&b, 1, "acme:echo");
	assert_int_equal(client_route(&a, "acme:echo", NULL, &serial, 1), 0);
	client_relay(&a, &b.id, "candidate:1");
	client_expect_error(&a, 403);
	assert_int_equal(store_set_acl(world.store, &row, NULL), 0);
	assert_int_equal(policy_load(&world.hub.policy, world.store, true, NULL), 0);
	assert_int_equal(client_route(&a, "acme:echo", NULL, &serial, 1), 1);
	assert_int_equal(client_route(&b, "acme:client", NULL, &serial, 1), 0);
	client_relay(&a, &b.id, "candidate:1");
	client_expect_relay(&b, &a.id, "candidate:1");
	client_relay(&b, &a.id, "candidate:2");
	client_expect_relay(&a, &b.id, "candidate:2");
	client_lose(&a);
	client_lose(&b);
	world_done(&world);
}

/* --- trace context --- */

static char traceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
static char tracestate[] = "rojo=1";

/* The answer to a discovery whose envelope has this trace. */
static Signaling__SignalingEnvelope *discover_traced(struct client *client, char *parent)
{
	Actr__DiscoveryRequest discovery = ACTR__DISCOVERY_REQUEST__INIT;
	struct request request;
	Signaling__ActrToSignaling *flow = request_init(&request, client);

	flow->payload_case = SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_DISCOVERY_REQUEST;
	flow->discovery_request = &discovery;
	request.envelope.traceparent = parent;
	request.envelope.tracestate = tracestate;
	client_send(client, &request.envelope);
	return client_take(client);
}

static void an_answer_has_the_trace_of_its_question(void **state)
{
	Signaling__SignalingEnvelope *answer;
	struct client a, b;

	client_open(&a, *state);
	client_open(&b, *state);
	client_register(&a, 1, "acme:echo");
	client_register(&b, 1, "acme:echo");
	answer = discover_traced(&a, traceparent);
	assert_string_equal(answer->traceparent, traceparent);
	assert_string_equal(answer->tracestate, tracestate);
	answer = discover_traced(&a, (char *)(uintptr_t) "not a trace");
	assert_null(answer->traceparent);
	assert_null(answer->tracestate);
	answer = discover_traced(&b, NULL); /* nothing is left of the last one */
	assert_null(answer->traceparent);
	client_lose(&a);
	client_lose(&b);
}

static void a_relay_keeps_its_trace(void **state)
{
	Signaling__SignalingEnvelope envelope = SIGNALING__SIGNALING_ENVELOPE__INIT, *relayed;
	Signaling__ActrRelay relay = SIGNALING__ACTR_RELAY__INIT;
	Webrtc__IceCandidate ice = WEBRTC__ICE_CANDIDATE__INIT;
	struct actr__pb_id source, target;
	Actr__AIdCredential credential;
	struct client a, b;

	client_open(&a, *state);
	client_open(&b, *state);
	client_register(&a, 1, "acme:echo");
	client_register(&b, 1, "acme:echo");
	ice.candidate = (char *)(uintptr_t) "candidate:1";
	relay.source = actr__pb_id(&source, &a.id);
	relay.target = actr__pb_id(&target, &b.id);
	relay.credential = actr__pb_credential(&credential, a.credential, a.key_id);
	relay.payload_case = SIGNALING__ACTR_RELAY__PAYLOAD_ICE_CANDIDATE;
	relay.ice_candidate = &ice;
	envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY;
	envelope.actr_relay = &relay;
	envelope.traceparent = traceparent;
	envelope.tracestate = tracestate;
	client_send(&a, &envelope);
	relayed = client_take(&b);
	assert_string_equal(relayed->traceparent, traceparent);
	assert_string_equal(relayed->tracestate, tracestate);
	client_lose(&a);
	client_lose(&b);
}

/* --- discovery and presence --- */

static void discovery_lists_each_type_once_with_what_it_published(void **state)
{
	struct world *world = *state;
	Actr__ServiceSpec spec = ACTR__SERVICE_SPEC__INIT;
	Actr__DiscoveryRequest discovery = ACTR__DISCOVERY_REQUEST__INIT;
	Actr__DiscoveryResponse__DiscoveryOk *ok;
	struct client asker, a, b, foreign;
	struct request request;
	Signaling__ActrToSignaling *flow;

	client_open(&asker, world);
	client_open(&a, world);
	client_open(&b, world);
	client_open(&foreign, world);
	client_register(&asker, 1, "other:client");
	spec.description = (char *)(uintptr_t) "says it again";
	spec.fingerprint = (char *)(uintptr_t) "abc";
	client_request_register(&a, 1, "acme:echo", &spec, NULL);
	client_take_registered(&a);
	client_request_register(&b, 1, "acme:echo", &spec, NULL);
	client_take_registered(&b);
	client_register(&foreign, 2, "acme:secret");
	flow = request_init(&request, &asker);
	discovery.manufacturer = (char *)(uintptr_t) "acme";
	flow->payload_case = SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_DISCOVERY_REQUEST;
	flow->discovery_request = &discovery;
	client_send(&asker, &request.envelope);
	ok = client_answer(&asker)->discovery_response->success;
	assert_int_equal(ok->n_entries, 1);
	assert_string_equal(ok->entries[0]->actr_type->name, "echo");
	assert_string_equal(ok->entries[0]->description, "says it again");
	assert_string_equal(ok->entries[0]->service_fingerprint, "abc");
	client_lose(&asker);
	client_lose(&a);
	client_lose(&b);
	client_lose(&foreign);
}

static void subscribe(struct client *client, const char *type, bool on)
{
	Actr__SubscribeActrUpRequest up = ACTR__SUBSCRIBE_ACTR_UP_REQUEST__INIT;
	Actr__UnsubscribeActrUpRequest down = ACTR__UNSUBSCRIBE_ACTR_UP_REQUEST__INIT;
	struct request request;
	Signaling__ActrToSignaling *flow = request_init(&request, client);
	Actr__ActrType place;
	actr_type parsed;

	assert_int_equal(actr_type_parse(type, &parsed, NULL), 0);
	up.target_type = down.target_type = actr__pb_type(&place, &parsed);
	flow->payload_case = on ? SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_SUBSCRIBE_ACTR_UP_REQUEST
				: SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_UNSUBSCRIBE_ACTR_UP_REQUEST;
	if (on)
		flow->subscribe_actr_up_request = &up;
	else
		flow->unsubscribe_actr_up_request = &down;
	client_send(client, &request.envelope);
	client_answer(client);
}

static void a_subscriber_hears_of_actors_that_come_up_until_it_unsubscribes(void **state)
{
	struct world *world = *state;
	struct client watcher, a, foreign;
	Signaling__SignalingEnvelope *event;

	client_open(&watcher, world);
	client_open(&a, world);
	client_open(&foreign, world);
	client_register(&watcher, 1, "acme:watcher");
	subscribe(&watcher, "acme:echo", true);
	subscribe(&watcher, "acme:echo", true); /* twice is once */
	client_register(&foreign, 2, "acme:echo");
	client_expect_silence(&watcher);
	client_register(&a, 1, "acme:echo");
	event = client_take(&watcher);
	assert_null(event->reply_for);
	assert_int_equal(event->server_to_actr->actr_up_event->actor_id->serial_number,
			 a.id.serial);
	client_expect_silence(&watcher);
	subscribe(&watcher, "acme:echo", false);
	client_register(&a, 1, "acme:echo");
	client_expect_silence(&watcher);
	subscribe(&watcher, "acme:echo", true);
	client_lose(&watcher); /* and its subscription with it */
	client_register(&a, 1, "acme:echo");
	client_lose(&a);
	client_lose(&foreign);
}

/* --- two realms with the same types, at random --- */

#define WALKERS 12
#define STEPS	3000

static unsigned draw(uint64_t *seed, unsigned bound)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (unsigned)(*seed % bound);
}

static unsigned count_others(const struct client *walkers, const bool *open, unsigned self,
			     const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < WALKERS; i++)
		count += open[i] && i != self && walkers[i].id.realm == walkers[self].id.realm &&
			 !strcmp(walkers[i].id.type.name, name);
	return count;
}

/* Everybody hears only of its own realm: events and relays in the inbox are checked and dropped. */
static void drain(struct client *client)
{
	while (client->taken < client->received) {
		Signaling__SignalingEnvelope *envelope = client_take(client);

		if (envelope->flow_case == SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY)
			assert_int_equal(envelope->actr_relay->source->realm->realm_id,
					 client->id.realm);
		else if (envelope->server_to_actr->payload_case ==
			 SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ACTR_UP_EVENT)
			assert_int_equal(
				envelope->server_to_actr->actr_up_event->actor_id->realm->realm_id,
				client->id.realm);
	}
}

static void two_realms_with_the_same_types_never_see_each_other(void **state)
{
	static const char *const types[] = {"acme:x", "acme:y"};
	static struct client walkers[WALKERS];
	bool open[WALKERS] = {false};
	uint64_t seed = 0x5eed, serials[WALKERS];
	struct world *world = *state;

	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = draw(&seed, WALKERS), j = draw(&seed, WALKERS);
		const char *type = types[draw(&seed, 2)];
		struct client *client = &walkers[i];

		world_advance(world, draw(&seed, 100));
		if (!open[i]) {
			client_open(client, world);
			client_register(client, 1 + draw(&seed, 2), type);
			subscribe(client, types[draw(&seed, 2)], true);
			open[i] = true;
		} else if (draw(&seed, 8) == 0) {
			client_lose(client);
			open[i] = false;
			continue;
		} else if (draw(&seed, 2)) {
			assert_int_equal(client_route(client, type, NULL, serials, WALKERS),
					 count_others(walkers, open, i, type + 5));
		} else if (open[j] && i != j) {
			client_relay(client, &walkers[j].id, "candidate:1");
			if (walkers[j].id.realm == client->id.realm)
				client_expect_relay(&walkers[j], &client->id, "candidate:1");
			else
				client_expect_error(client, 404);
		}
		for (unsigned k = 0; k < WALKERS; k++)
			if (open[k])
				drain(&walkers[k]);
	}
	for (unsigned i = 0; i < WALKERS; i++)
		if (open[i])
			client_lose(&walkers[i]);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(candidates_and_relay_lead_from_one_actor_to_another),
		WORLD_TEST(an_unknown_target_is_answered_with_404_and_a_full_queue_with_503),
		WORLD_TEST(defect_73_a_relay_keeps_fields_that_the_server_does_not_know),
		WORLD_TEST(roles_are_those_of_the_connection_and_not_of_the_payload),
		WORLD_TEST(defect_67_the_first_ranking_factor_decides_and_the_next_among_equals),
		WORLD_TEST(without_factors_callers_spread_over_the_candidates),
		WORLD_TEST(defect_66_only_live_connections_are_candidates_and_never_the_asker),
		WORLD_TEST(an_actors_own_rules_hide_it),
		cmocka_unit_test(
			without_a_row_there_is_no_call_and_one_row_serves_both_directions_of_relay),
		WORLD_TEST(an_answer_has_the_trace_of_its_question),
		WORLD_TEST(a_relay_keeps_its_trace),
		WORLD_TEST(discovery_lists_each_type_once_with_what_it_published),
		WORLD_TEST(a_subscriber_hears_of_actors_that_come_up_until_it_unsubscribes),
		WORLD_TEST(two_realms_with_the_same_types_never_see_each_other),
	};

	return cmocka_run_group_tests_name("server/relay", tests, NULL, NULL);
}
