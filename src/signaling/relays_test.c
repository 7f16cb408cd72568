#include "signaling/signaling_test.h"

static int relay(struct node *from, const actr_id *to, const struct actr__signal *signal)
{
	return actr__signaling_relay(from->signaling, to, signal, NULL);
}

static const struct actr__signal candidate = {
	.kind = ACTR__SIGNAL_CANDIDATE,
	.text = "candidate:1",
	.sdp_mline_index = -1,
};

static void descriptions_arrive_with_their_kind_and_exchange_id(void **st)
{
	(void)st;
	both_ready();
	for (unsigned kind = 0; kind < 4; kind++) {
		struct actr__signal signal = {.kind = (enum actr__signal_kind)kind,
					      .text = "v=0",
					      .exchange_id = kind ? "x1" : NULL};

		assert_int_equal(relay(&world.a, &world.b.id, &signal), 0);
		advance(10);
		assert_int_equal(world.b.relays, kind + 1);
		assert_int_equal(world.b.kind, kind);
		assert_string_equal(world.b.text, "v=0");
		assert_string_equal(world.b.exchange_id, kind ? "x1" : "(null)");
		assert_true(actr_id_equal(&world.b.from, &world.a.id));
	}
}

static void candidates_and_restart_requests_arrive(void **st)
{
	struct actr__signal full = candidate, restart = {.kind = ACTR__SIGNAL_ICE_RESTART_REQUEST};

	(void)st;
	both_ready();
	assert_int_equal(relay(&world.a, &world.b.id, &candidate), 0);
	advance(10);
	assert_int_equal(world.b.kind, ACTR__SIGNAL_CANDIDATE);
	assert_string_equal(world.b.text, "candidate:1");
	assert_string_equal(world.b.mid, "(null)");
	assert_int_equal(world.b.mline, -1);
	full.sdp_mid = "0";
	full.sdp_mline_index = 0;
	full.username_fragment = "uf";
	assert_int_equal(relay(&world.a, &world.b.id, &full), 0);
	advance(10);
	assert_string_equal(world.b.mid, "0");
	assert_string_equal(world.b.fragment, "uf");
	assert_int_equal(world.b.mline, 0);
	restart.text = "network_recovered";
	assert_int_equal(relay(&world.a, &world.b.id, &restart), 0);
	advance(10);
	assert_int_equal(world.b.kind, ACTR__SIGNAL_ICE_RESTART_REQUEST);
	assert_string_equal(world.b.text, "network_recovered");
	assert_int_equal(world.b.relays, 3);
}

static void a_refused_relay_names_the_peer(void **st)
{
	(void)st;
	both_ready();
	world.server.relay_error = 403;
	assert_int_equal(relay(&world.a, &world.b.id, &candidate), 0);
	advance(20);
	assert_int_equal(world.a.relay_failures, 1);
	assert_true(actr_id_equal(&world.a.failed_to, &world.b.id));
	assert_int_equal(world.a.why.wire_code, 403);
	assert_string_equal(world.a.states, "");
}

static void a_relay_refused_for_its_credential_also_registers_anew(void **st)
{
	(void)st;
	both_ready();
	advance(61000);
	world.server.relay_error = 401;
	assert_int_equal(relay(&world.a, &world.b.id, &candidate), 0);
	advance(40);
	assert_int_equal(world.a.relay_failures, 1);
	assert_string_equal(world.a.states, "CRr");
	/* A later server's word for a credential that was renewed under another serial number. */
	advance(61000);
	world.a.states[0] = 0;
	world.server.relay_error = 403;
	world.server.error_text = "Source identity mismatch: x";
	assert_int_equal(relay(&world.a, &world.b.id, &candidate), 0);
	advance(40);
	assert_string_equal(world.a.states, "CRr");
}

static void a_refusal_told_twice_by_the_server_is_told_once(void **st)
{
	struct actr__pb_envelope place;
	Actr__ErrorResponse error;
	Signaling__SignalingEnvelope *envelope = actr__pb_envelope(&place, "srv", "env-2", 0);

	(void)st;
	both_ready();
	assert_int_equal(relay(&world.a, &world.b.id, &candidate), 0); /* envelope 2 */
	envelope->flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ENVELOPE_ERROR;
	envelope->envelope_error = actr__pb_error(&error, 403, "no");
	scripted_node_push(&world.a.socket, envelope);
	scripted_node_push(&world.a.socket, envelope);
	advance(10);
	assert_int_equal(world.a.relay_failures, 1);
	assert_int_equal(actr__signaling_stats(world.a.signaling)->strays, 1);
}

static void relaying_needs_a_session(void **st)
{
	(void)st;
	assert_int_equal(relay(&world.a, &world.b.id, &candidate), ACTR_E_STATE);
	both_ready();
	scripted_node_cut(&world.a.socket);
	assert_int_equal(relay(&world.a, &world.b.id, &candidate), ACTR_E_UNAVAILABLE);
}

static void after_429_relays_wait_and_then_leave_slowly(void **st)
{
	(void)st;
	both_ready();
	world.server.envelope_error = 429;
	assert_int_equal(relay(&world.a, &world.b.id, &candidate), 0);
	advance(20);
	assert_int_equal(actr__signaling_stats(world.a.signaling)->limited, 1);
	world.server.envelope_error = 0;
	for (int i = 0; i < 20; i++)
		assert_int_equal(relay(&world.a, &world.b.id, &candidate), 0);
	advance(900);
	assert_int_equal(world.b.relays, 0);
	advance(1100);
	assert_in_range(world.b.relays, 8, 9);
	advance(2000);
	assert_int_equal(world.b.relays, 20);
	assert_string_equal(world.a.states, "");
	advance(61000); /* forgiven */
	assert_int_equal(relay(&world.a, &world.b.id, &candidate), 0);
	advance(10);
	assert_int_equal(world.b.relays, 21);
}

static void what_waits_after_429_is_bounded_and_goes_with_the_session(void **st)
{
	int rc = 0, taken = 0;

	(void)st;
	both_ready();
	world.server.envelope_error = 429;
	assert_int_equal(relay(&world.a, &world.b.id, &candidate), 0);
	advance(20);
	world.server.envelope_error = 0;
	while (taken < 1000 && (rc = relay(&world.a, &world.b.id, &candidate)) == 0)
		taken++;
	assert_int_equal(rc, ACTR_E_RESOURCE_EXHAUSTED);
	assert_int_equal(taken, 256);
	scripted_node_cut(&world.a.socket);
	advance(5000);
	assert_int_equal(world.b.relays, 0);
}

/* --- what arrives malformed --------------------------------------------------------------------
 */

static uint64_t undecodable(const struct node *node)
{
	return actr__signaling_stats(node->signaling)->undecodable;
}

static void undecodable_frames_are_counted_and_dropped(void **st)
{
	static uint8_t large[ACTR__SIGNALING_MAX + 1];

	(void)st;
	both_ready();
	scripted_node_deliver(&world.a.socket, actr__bytes("\xff\xff", 2));
	advance(10);
	assert_int_equal(undecodable(&world.a), 1);
	scripted_node_deliver(&world.a.socket, actr__bytes(large, sizeof large));
	advance(10);
	assert_int_equal(undecodable(&world.a), 2);
	scripted_node_deliver(&world.a.socket, actr__bytes(NULL, 0)); /* an envelope of nothing */
	advance(10);
	assert_int_equal(undecodable(&world.a), 2);
	assert_int_equal(actr__signaling_stats(world.a.signaling)->strays, 1);
	assert_string_equal(world.a.states, "");
}

struct crafted {
	struct actr__pb_envelope envelope;
	Signaling__ActrRelay relay;
	struct actr__pb_id source, target;
	Webrtc__SessionDescription description;
};

/* A good offer of b for a, to be spoilt. */
static struct crafted *craft(void)
{
	static struct crafted c;

	signaling__actr_relay__init(&c.relay);
	webrtc__session_description__init(&c.description);
	c.description.sdp = (char *)(uintptr_t) "v=0";
	c.description.has_type = true;
	c.relay.source = actr__pb_id(&c.source, &world.b.id);
	c.relay.target = actr__pb_id(&c.target, &world.a.id);
	c.relay.payload_case = SIGNALING__ACTR_RELAY__PAYLOAD_SESSION_DESCRIPTION;
	c.relay.session_description = &c.description;
	(void)actr__pb_envelope(&c.envelope, "x", NULL, 0);
	c.envelope.envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY;
	c.envelope.envelope.actr_relay = &c.relay;
	return &c;
}

static void push(struct crafted *crafted)
{
	scripted_node_push(&world.a.socket, &crafted->envelope.envelope);
	advance(10);
}

static void only_a_well_formed_relay_is_told(void **st)
{
	struct crafted *c;

	(void)st;
	both_ready();
	push(craft()); /* without a credential, which is none of our business */
	assert_int_equal(world.a.relays, 1);
	c = craft();
	c->relay.source = NULL;
	push(c);
	c = craft();
	c->relay.target = NULL;
	push(c);
	c = craft();
	c->source.type.name = NULL;
	push(c);
	c = craft();
	c->description.sdp = NULL;
	push(c);
	c = craft();
	c->description.type = (Webrtc__SessionDescription__Type)4;
	push(c);
	c = craft();
	c->relay.payload_case = SIGNALING__ACTR_RELAY__PAYLOAD__NOT_SET;
	push(c);
	assert_int_equal(undecodable(&world.a), 6);
	assert_int_equal(world.a.relays, 1);
}

static void defect_40_a_relay_to_an_identity_that_was_is_dropped(void **st)
{
	struct crafted *c;

	(void)st;
	both_ready();
	c = craft();
	c->target.id.serial_number++;
	push(c);
	c = craft();
	c->target.realm.realm_id++;
	push(c);
	c = craft();
	c->relay.source = actr__pb_id(&c->source, &world.a.id); /* ourselves */
	push(c);
	assert_int_equal(world.a.relays, 0);
	assert_int_equal(actr__signaling_stats(world.a.signaling)->strays, 3);
}

static void a_role_assignment_of_any_shape_does_no_harm(void **st)
{
	struct crafted *c;

	(void)st;
	both_ready();
	c = craft();
	c->relay.payload_case = SIGNALING__ACTR_RELAY__PAYLOAD_ROLE_ASSIGNMENT;
	c->relay.role_assignment = actr__pb_binary(actr__bytes("\x08\x01", 2));
	push(c);
	assert_int_equal(world.a.relays, 0);
	assert_string_equal(world.a.states, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(descriptions_arrive_with_their_kind_and_exchange_id),
		world_test(candidates_and_restart_requests_arrive),
		world_test(a_refused_relay_names_the_peer),
		world_test(a_relay_refused_for_its_credential_also_registers_anew),
		world_test(a_refusal_told_twice_by_the_server_is_told_once),
		world_test(relaying_needs_a_session),
		world_test(after_429_relays_wait_and_then_leave_slowly),
		world_test(what_waits_after_429_is_bounded_and_goes_with_the_session),
		world_test(undecodable_frames_are_counted_and_dropped),
		world_test(only_a_well_formed_relay_is_told),
		world_test(defect_40_a_relay_to_an_identity_that_was_is_dropped),
		world_test(a_role_assignment_of_any_shape_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
