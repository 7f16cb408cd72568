/* The n-th allocation fails, for every n: nothing leaks, nothing is half done. */
#include "world.h"

#include "../tests/support/torture.h"

static int ignore_send(void *user, actr_bytes frame)
{
	(void)user;
	(void)frame;
	return 0;
}

static void ignore_close(void *user, unsigned code, const char *reason)
{
	(void)user;
	(void)code;
	(void)reason;
}

static const struct session_events deaf = {ignore_send, ignore_close};

struct script {
	struct actr__buf frames[4];
	size_t count;
};

/* What needs an identity, said by `session`: all of it is answered or ends the session. */
static void ask(struct session *session, const actr_id *target)
{
	Actr__DiscoveryRequest discovery = ACTR__DISCOVERY_REQUEST__INIT;
	Actr__RouteCandidatesRequest route = ACTR__ROUTE_CANDIDATES_REQUEST__INIT;
	Actr__SubscribeActrUpRequest subscribe = ACTR__SUBSCRIBE_ACTR_UP_REQUEST__INIT;
	Signaling__SignalingEnvelope envelope = SIGNALING__SIGNALING_ENVELOPE__INIT;
	Signaling__ActrRelay relay = SIGNALING__ACTR_RELAY__INIT;
	Webrtc__IceCandidate candidate = WEBRTC__ICE_CANDIDATE__INIT;
	struct actr__pb_id place;
	Actr__ActrType type;
	struct actr__arena arena;

	actr__arena_init(&arena, NULL, 0, 1 << 20);
	subscribe.target_type = route.target_type = actr__pb_type(&type, &target->type);
	presence_subscribe(session, "env-3", &subscribe);
	discovery_list(session, "env-4", &discovery, &arena);
	discovery_route(session, "env-5", &route, &arena);
	relay.target = actr__pb_id(&place, target);
	relay.payload_case = SIGNALING__ACTR_RELAY__PAYLOAD_ICE_CANDIDATE;
	relay.ice_candidate = &candidate;
	envelope.envelope_id = (char *)(uintptr_t) "env-6";
	envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY;
	envelope.actr_relay = &relay;
	relay_forward(session, &envelope);
	actr__arena_done(&arena);
}

/* Two connections register, one of them twice; one asks for the other. */
static void play(struct hub *hub, const struct script *script)
{
	struct session *a = NULL, *b = NULL;

	if (session_new(hub, &deaf, NULL, &a, NULL) == 0 &&
	    session_new(hub, &deaf, NULL, &b, NULL) == 0) {
		for (size_t i = 0; i < script->count; i++)
			session_receive(
				a, actr__bytes(script->frames[i].data, script->frames[i].size));
		session_receive(b, actr__bytes(script->frames[0].data, script->frames[0].size));
		if (a->actor && b->actor)
			ask(a, &b->actor->id);
	}
	session_free(a);
	session_free(b);
}

static void record(struct script *script)
{
	Signaling__SignalingEnvelope envelope = SIGNALING__SIGNALING_ENVELOPE__INIT;
	Signaling__PeerToSignaling flow = SIGNALING__PEER_TO_SIGNALING__INIT;
	Actr__RegisterRequest request = ACTR__REGISTER_REQUEST__INIT;
	Actr__ServiceSpec spec = ACTR__SERVICE_SPEC__INIT;
	Actr__Acl acl = ACTR__ACL__INIT;
	Actr__AclRule rule = ACTR__ACL_RULE__INIT, *rules[] = {&rule};
	Actr__AclRule__Principal any = ACTR__ACL_RULE__PRINCIPAL__INIT, *principals[] = {&any};
	char *tags[] = {(char *)(uintptr_t) "one", (char *)(uintptr_t) "two"};
	actr_type type = {"acme", "a"};
	Actr__ActrType type_place;
	Actr__Realm realm;

	rule.has_permission = true;
	rule.permission = ACTR__ACL_RULE__PERMISSION__ALLOW;
	rule.principals = principals;
	rule.n_principals = 1;
	acl.rules = rules;
	acl.n_rules = 1;
	spec.description = spec.fingerprint = tags[0];
	spec.tags = tags;
	spec.n_tags = 2;
	request.actr_type = actr__pb_type(&type_place, &type);
	request.realm = actr__pb_realm(&realm, 3);
	request.service_spec = &spec;
	request.acl = &acl;
	flow.payload_case = SIGNALING__PEER_TO_SIGNALING__PAYLOAD_REGISTER_REQUEST;
	flow.register_request = &request;
	envelope.envelope_id = (char *)(uintptr_t) "env-1";
	envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_PEER_TO_SERVER;
	envelope.peer_to_server = &flow;
	for (script->count = 0; script->count < 2; script->count++) {
		actr__buf_init(&script->frames[script->count], 4096);
		assert_int_equal(actr__pb_append(&envelope.base, &script->frames[script->count]),
				 0);
	}
}

static void every_request_survives_every_failing_allocation(void **state)
{
	static const struct hub_options dev = {.dev = true};
	struct torture torture;
	struct script script;
	uint64_t relays = 0;
	unsigned long n = 0;

	(void)state;
	torture_begin(&torture);
	record(&script);
	do {
		struct actr__loop *loop;
		struct store *store;
		struct hub hub;

		torture.countdown = 0;
		torture.failed = false;
		assert_int_equal(actr__loop_new_virtual(&loop, NULL), 0);
		assert_int_equal(store_open(":memory:", &store, NULL), 0);
		torture.countdown = ++n;
		if (hub_init(&hub, loop, store, &dev, NULL) == 0) {
			play(&hub, &script);
			torture.countdown = 0;
			assert_int_equal(hub.session_count, 0);
			relays = hub.metrics.relays;
			hub_done(&hub);
		}
		torture.countdown = 0;
		store_close(store);
		actr__loop_free(loop);
	} while (torture.failed);
	/* Without a failure the scenario comes to its end. */
	assert_int_equal(relays, 1);
	assert_true(n > 20);
	while (script.count)
		actr__buf_done(&script.frames[--script.count]);
	torture_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_survives_every_failing_allocation),
	};

	return cmocka_run_group_tests_name("server/memory", tests, NULL, NULL);
}
