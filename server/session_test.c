/* Sessions against the hub: what a connection may do, and under which name. */
#include "world.h"

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

static void a_registered_actor_gets_an_identity_and_a_credential_that_expires(void **state)
{
	struct world *world = *state;
	struct client a, b;

	client_open(&a, world);
	client_open(&b, world);
	client_register(&a, 7, "acme:echo");
	client_register(&b, 7, "acme:echo");
	assert_int_equal(a.id.realm, 7);
	assert_string_equal(a.id.type.name, "echo");
	assert_true(a.id.serial != 0 && a.id.serial != b.id.serial);
	assert_int_equal(a.expires_at_s, world->wall_ms / 1000 + 3600);
	client_ping(&a, 1, 0);
	assert_int_equal(client_answer(&a)->pong->suggest_interval_secs, 30);
	client_lose(&a);
	client_lose(&b);
}

static void defect_29_registering_again_replaces_the_identity(void **state)
{
	struct world *world = *state;
	struct client a, b;
	actr_id old;
	uint64_t serial;

	client_open(&a, world);
	client_open(&b, world);
	client_register(&a, 1, "acme:echo");
	client_register(&b, 1, "acme:client");
	old = a.id;
	client_register(&a, 1, "acme:echo");
	assert_true(a.id.serial != old.serial);
	assert_int_equal(client_route(&b, "acme:echo", NULL, &serial, 1), 1);
	assert_int_equal(serial, a.id.serial);
	client_relay(&b, &old, "candidate:1");
	client_expect_error(&b, 404);
	client_lose(&a);
	client_lose(&b);
}

static void a_foreign_source_is_refused(void **state)
{
	struct world *world = *state;
	struct client a, b;
	actr_id own;

	client_open(&a, world);
	client_open(&b, world);
	client_register(&a, 1, "acme:a");
	client_register(&b, 1, "acme:b");
	own = a.id;
	a.id = b.id; /* its name with our credential */
	client_ping(&a, 1, 0);
	a.id = own;
	client_expect_error(&a, 403);
	/* A stolen credential with its name, on a connection that is somebody else. */
	a.id = b.id;
	a.credential = b.credential;
	client_ping(&a, 1, 0);
	client_expect_error(&a, 403);
	client_expect_silence(&b);
	client_lose(&a);
	client_lose(&b);
}

static void defect_65_a_forged_relay_is_refused(void **state)
{
	struct world *world = *state;
	struct client attacker, victim, target;
	actr_id own;

	client_open(&attacker, world);
	client_open(&victim, world);
	client_open(&target, world);
	client_register(&attacker, 1, "acme:x");
	client_register(&victim, 1, "acme:a");
	client_register(&target, 1, "acme:b");
	own = attacker.id;
	attacker.id = victim.id;
	client_relay(&attacker, &target.id, "candidate:evil");
	attacker.id = own;
	client_expect_error(&attacker, 403);
	client_expect_silence(&target);
	client_lose(&attacker);
	client_lose(&victim);
	client_lose(&target);
}

static void an_expired_credential_is_refused_and_a_renewed_one_is_not(void **state)
{
	struct world *world = *state;
	struct client a;

	client_open(&a, world);
	client_register(&a, 1, "acme:a");
	world->wall_ms += 3600 * 1000;
	client_ping(&a, 1, 0); /* valid up to and with its last second */
	client_answer(&a);
	world->wall_ms += 1000;
	client_ping(&a, 1, 0);
	client_expect_error(&a, 401);
	client_lose(&a);
}

static void renew(struct client *client)
{
	Actr__CredentialUpdateRequest update = ACTR__CREDENTIAL_UPDATE_REQUEST__INIT;
	struct request request;
	Signaling__ActrToSignaling *flow = request_init(&request, client);
	struct actr__pb_id id;

	update.actr_id = actr__pb_id(&id, &client->id);
	flow->payload_case = SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_CREDENTIAL_UPDATE_REQUEST;
	flow->credential_update_request = &update;
	client_send(client, &request.envelope);
}

static void defect_20_renewal_keeps_the_identity_over_many_lives(void **state)
{
	struct world *world = *state;
	struct client a, b;
	actr_id id;

	client_open(&a, world);
	client_open(&b, world);
	client_register(&a, 1, "acme:a");
	client_register(&b, 1, "acme:b");
	id = a.id;
	for (int i = 0; i < 5; i++) {
		world->wall_ms += 3000 * 1000;
		renew(&a);
		client_take_registered(&a);
		renew(&b);
		client_take_registered(&b);
		assert_true(actr_id_equal(&a.id, &id));
		assert_int_equal(a.expires_at_s, world->wall_ms / 1000 + 3600);
	}
	client_relay(&a, &b.id, "candidate:late");
	client_expect_relay(&b, &a.id, "candidate:late");
	client_lose(&a);
	client_lose(&b);
}

static void a_credential_that_is_wrong_in_any_byte_is_refused(void **state)
{
	struct world *world = *state;
	struct client a;

	client_open(&a, world);
	client_register(&a, 1, "acme:a");
	for (size_t i = 0; i < a.credential.size; i++) {
		a.token[i] ^= 1;
		client_ping(&a, 1, 0);
		client_expect_error(&a, 401);
		a.token[i] ^= 1;
	}
	a.credential.size--;
	client_ping(&a, 1, 0);
	client_expect_error(&a, 401);
	a.credential.size = 0;
	client_ping(&a, 1, 0);
	client_expect_error(&a, 401);
	a.key_id = 9;
	client_ping(&a, 1, 0);
	client_expect_error(&a, 401);
	client_lose(&a);
}

static void defect_69_a_credential_without_expiry_is_invalid(void **state)
{
	struct world *world = *state;
	struct credential forged;
	struct client a;

	client_open(&a, world);
	client_register(&a, 1, "acme:a");
	assert_int_equal(issuer_sign(&world->hub.issuer, &a.id, 0, 0, &forged, NULL), 0);
	a.credential = actr__bytes(forged.token, forged.size);
	client_ping(&a, 1, 0);
	client_expect_error(&a, 401);
	client_lose(&a);
}

static void five_malformed_messages_end_the_connection(void **state)
{
	static const uint8_t garbage[] = {0xff, 0xff, 0xff};
	struct world *world = *state;
	struct client a, b;

	client_open(&a, world);
	client_open(&b, world);
	for (int i = 0; i < 4; i++) {
		session_receive(a.session, actr__bytes(garbage, sizeof garbage));
		client_expect_envelope_error(&a, 400);
		assert_int_equal(a.close_code, 0);
	}
	session_malformed(a.session, "text");
	client_expect_envelope_error(&a, 400);
	assert_int_equal(a.close_code, 1007);
	session_receive(a.session, actr__bytes(garbage, sizeof garbage));
	client_expect_silence(&a);
	assert_int_equal(b.close_code, 0);
	client_lose(&a);
	client_lose(&b);
}

static void an_envelope_without_a_flow_and_a_flow_for_nodes_are_malformed(void **state)
{
	Signaling__SignalingEnvelope envelope = SIGNALING__SIGNALING_ENVELOPE__INIT;
	Signaling__SignalingToActr to_actr = SIGNALING__SIGNALING_TO_ACTR__INIT;
	struct world *world = *state;
	struct client a;

	client_open(&a, world);
	client_send(&a, &envelope);
	client_expect_envelope_error(&a, 400);
	envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_SERVER_TO_ACTR;
	envelope.server_to_actr = &to_actr;
	client_send(&a, &envelope);
	client_expect_envelope_error(&a, 400);
	session_receive(a.session, actr__bytes(NULL, 0));
	client_expect_envelope_error(&a, 400);
	client_lose(&a);
}

static void who_does_not_register_in_time_is_closed(void **state)
{
	struct world *world = *state;
	struct client a, b;

	client_open(&a, world);
	client_open(&b, world);
	client_register(&b, 1, "acme:b");
	world_advance(world, 9999);
	assert_int_equal(a.close_code, 0);
	world_advance(world, 1);
	assert_int_equal(a.close_code, 1008);
	assert_int_equal(b.close_code, 0);
	client_lose(&a);
	client_lose(&b);
}

static void defect_43_a_new_connection_of_an_identity_fences_the_old_one(void **state)
{
	struct world *world = *state;
	struct client old, fresh, peer;

	client_open(&old, world);
	client_open(&peer, world);
	client_register(&old, 1, "acme:a");
	client_register(&peer, 1, "acme:b");
	client_open(&fresh, world);
	fresh.id = old.id;
	fresh.credential = old.credential;
	fresh.key_id = old.key_id;
	client_ping(&fresh, 1, 0);
	client_answer(&fresh);
	assert_int_equal(old.close_code, 4001);
	client_relay(&old, &peer.id, "candidate:stale");
	client_expect_silence(&peer);
	client_relay(&peer, &fresh.id, "candidate:1");
	client_expect_relay(&fresh, &peer.id, "candidate:1");
	client_lose(&old); /* its end takes nothing from the new one */
	client_relay(&fresh, &peer.id, "candidate:2");
	client_expect_relay(&peer, &fresh.id, "candidate:2");
	client_lose(&fresh);
	client_lose(&peer);
}

static void an_actor_comes_back_within_its_lease_and_not_later(void **state)
{
	struct world *world = *state;
	struct client a, b;

	client_open(&a, world);
	client_register(&a, 1, "acme:a");
	client_lose(&a);
	world_advance(world, 59999);
	client_open(&b, world);
	b.id = a.id;
	b.credential = a.credential;
	b.key_id = a.key_id;
	client_ping(&b, 1, 0);
	assert_int_equal(client_answer(&b)->payload_case,
			 SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_PONG);
	client_lose(&b);
	world_advance(world, 60000);
	assert_int_equal(world->hub.registry.actors.count, 0);
	client_open(&b, world);
	b.id = a.id;
	b.credential = a.credential;
	b.key_id = a.key_id;
	client_ping(&b, 1, 0);
	client_expect_error(&b, 401);
	client_lose(&b);
}

static void who_unregisters_is_gone_at_once(void **state)
{
	struct world *world = *state;
	Actr__UnregisterRequest unregister = ACTR__UNREGISTER_REQUEST__INIT;
	struct request request;
	struct actr__pb_id id;
	struct client a, b;
	Signaling__ActrToSignaling *flow;

	client_open(&a, world);
	client_open(&b, world);
	client_register(&a, 1, "acme:a");
	client_register(&b, 1, "acme:b");
	flow = request_init(&request, &a);
	unregister.actr_id = actr__pb_id(&id, &b.id);
	flow->payload_case = SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_UNREGISTER_REQUEST;
	flow->unregister_request = &unregister;
	client_send(&a, &request.envelope);
	client_expect_error(&a, 403); /* nobody unregisters another */
	unregister.actr_id = actr__pb_id(&id, &a.id);
	client_send(&a, &request.envelope);
	assert_int_equal(client_answer(&a)->unregister_response->result_case,
			 ACTR__UNREGISTER_RESPONSE__RESULT_SUCCESS);
	client_relay(&b, &a.id, "candidate:1");
	client_expect_error(&b, 404);
	client_ping(&a, 1, 0);
	client_expect_error(&a, 401);
	client_lose(&a);
	client_lose(&b);
}

static void a_flood_is_dropped_and_told_once_a_second(void **state)
{
	struct world *world = *state;
	struct client a;

	client_open(&a, world);
	client_register(&a, 1, "acme:a");
	for (int i = 0; i < 999; i++) {
		client_ping(&a, 1, 0);
		client_answer(&a);
	}
	for (int i = 0; i < 50; i++)
		client_ping(&a, 1, 0);
	client_expect_envelope_error(&a, 429);
	client_expect_silence(&a);
	world_advance(world, 5); /* 200 a second: one more */
	client_ping(&a, 1, 0);
	client_answer(&a);
	client_ping(&a, 1, 0);
	client_expect_silence(&a);
	assert_int_equal(a.close_code, 0);
	client_lose(&a);
}

static void an_answer_that_cannot_be_queued_ends_the_connection(void **state)
{
	struct world *world = *state;
	struct client a;

	client_open(&a, world);
	client_register(&a, 1, "acme:a");
	a.send_rc = ACTR_E_RESOURCE_EXHAUSTED;
	client_ping(&a, 1, 0);
	assert_int_equal(a.close_code, 1013);
	client_lose(&a);
}

static void expect_refused_registration(struct client *client, uint32_t code)
{
	Actr__RegisterResponse *response = client_answer(client)->register_response;

	assert_int_equal(response->result_case, ACTR__REGISTER_RESPONSE__RESULT_ERROR);
	assert_int_equal(response->error->code, code);
}

static void a_realm_that_was_not_added_takes_no_registration(void **state)
{
	static const struct hub_options closed = {.dev = false};
	struct world world;
	struct client a;

	(void)state;
	world_init(&world, &closed);
	client_open(&a, &world);
	client_request_register(&a, 5, "acme:a", NULL, NULL);
	expect_refused_registration(&a, 403);
	assert_int_equal(store_set_realm(world.store, 5, STORE_REALM_OPEN, NULL), 0);
	assert_int_equal(policy_load(&world.hub.policy, world.store, true, NULL), 0);
	client_register(&a, 5, "acme:a");
	client_lose(&a);
	world_done(&world);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_registered_actor_gets_an_identity_and_a_credential_that_expires),
		WORLD_TEST(defect_29_registering_again_replaces_the_identity),
		WORLD_TEST(a_foreign_source_is_refused),
		WORLD_TEST(defect_65_a_forged_relay_is_refused),
		WORLD_TEST(an_expired_credential_is_refused_and_a_renewed_one_is_not),
		WORLD_TEST(defect_20_renewal_keeps_the_identity_over_many_lives),
		WORLD_TEST(a_credential_that_is_wrong_in_any_byte_is_refused),
		WORLD_TEST(defect_69_a_credential_without_expiry_is_invalid),
		WORLD_TEST(five_malformed_messages_end_the_connection),
		WORLD_TEST(an_envelope_without_a_flow_and_a_flow_for_nodes_are_malformed),
		WORLD_TEST(who_does_not_register_in_time_is_closed),
		WORLD_TEST(defect_43_a_new_connection_of_an_identity_fences_the_old_one),
		WORLD_TEST(an_actor_comes_back_within_its_lease_and_not_later),
		WORLD_TEST(who_unregisters_is_gone_at_once),
		WORLD_TEST(a_flood_is_dropped_and_told_once_a_second),
		WORLD_TEST(an_answer_that_cannot_be_queued_ends_the_connection),
		cmocka_unit_test(a_realm_that_was_not_added_takes_no_registration),
	};

	return cmocka_run_group_tests_name("server/session", tests, NULL, NULL);
}
