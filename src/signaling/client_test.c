#include "signaling/signaling_test.h"

static void a_node_connects_registers_and_is_ready(void **st)
{
	(void)st;
	both_ready();
	assert_int_equal(world.a.registered, 1);
	assert_int_equal(world.a.changed, 1);
	assert_int_equal(world.a.id.realm, 7);
	assert_string_equal(world.a.id.type.name, "a.Asker");
	assert_true(actr_id_equal(&world.a.id, actr__signaling_id(world.a.signaling)));
	assert_false(actr_id_equal(&world.a.id, &world.b.id));
}

static void a_spec_and_an_access_list_travel_with_the_registration(void **st)
{
	/* ServiceSpec {fingerprint "f"}, Acl {rules {permission ALLOW}} */
	static const uint8_t spec[] = {0x12, 0x01, 'f'}, acl[] = {0x0a, 0x02, 0x10, 0x01};
	struct actr__signaling_options options = {
		.service_spec = {spec, sizeof spec},
		.acl = {acl, sizeof acl},
	};
	struct actr__signaling *signaling = NULL;

	(void)st;
	actr_type_set(&options.type, "acme", "x", NULL);
	assert_int_equal(
		actr__signaling_new(world.loop, &options, &node_events, &world.a, &signaling, NULL),
		0);
	actr__signaling_free(signaling);
	options.acl.size = 3; /* cut */
	assert_int_equal(
		actr__signaling_new(world.loop, &options, &node_events, &world.a, &signaling, NULL),
		ACTR_E_INVALID_ARGUMENT);
	options.acl.size = 0;
	options.service_spec.size = 2;
	assert_int_equal(
		actr__signaling_new(world.loop, &options, &node_events, &world.a, &signaling, NULL),
		ACTR_E_INVALID_ARGUMENT);
}

static void a_refused_registration_tells_the_servers_code_and_is_tried_again(void **st)
{
	static const uint32_t codes[] = {400, 401, 403, 409, 429, 500, 503};

	(void)st;
	world.server.register_error = 401;
	actr__signaling_start(world.a.signaling);
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		world.server.register_error = codes[i];
		actr__signaling_retry_now(world.a.signaling);
		advance(50);
		assert_int_equal(actr__signaling_state(world.a.signaling), ACTR__SIGNALING_WAITING);
		assert_int_equal(world.a.why.wire_code, codes[i]);
		assert_int_equal(world.a.why.code, actr_error_from_wire(codes[i]));
		assert_false(world.a.socket.open);
	}
	assert_int_equal(world.a.registered, 0);
	world.server.register_error = 0;
	advance(2000);
	assert_int_equal(actr__signaling_state(world.a.signaling), ACTR__SIGNALING_READY);
}

static void a_refusal_may_come_as_an_error_of_the_envelope(void **st)
{
	(void)st;
	world.server.envelope_error = 429;
	actr__signaling_start(world.a.signaling);
	advance(50);
	assert_string_equal(world.a.states, "CRW");
	assert_int_equal(world.a.why.wire_code, 429);
}

static void a_silent_server_is_given_up_after_the_response_timeout(void **st)
{
	(void)st;
	world.server.silent = true;
	actr__signaling_start(world.a.signaling);
	advance(5004);
	assert_string_equal(world.a.states, "CR");
	advance(2);
	assert_string_equal(world.a.states, "CRW");
	assert_int_equal(world.a.why.code, ACTR_E_TIMEOUT);
}

static void a_socket_that_never_opens_is_given_up_after_the_connect_timeout(void **st)
{
	(void)st;
	world.server.ignore_connections = true;
	actr__signaling_start(world.a.signaling);
	advance(29999);
	assert_string_equal(world.a.states, "C");
	advance(2);
	assert_string_equal(world.a.states, "CW");
	assert_int_equal(world.a.why.code, ACTR_E_TIMEOUT);
}

static void a_connection_that_fails_at_once_is_a_failure_like_any_other(void **st)
{
	(void)st;
	both_ready();
	advance(61000);
	world.server.fail_connections = true;
	world.wall_offset_ms =
		2 * 3600 * 1000; /* a new registration is due at the next heartbeat */
	advance(30000);
	assert_int_equal(strncmp(world.a.states, "CW", 2), 0);
	assert_null(strstr(world.a.states, "CC"));
	world.server.fail_connections = false;
	actr__signaling_retry_now(world.a.signaling);
	advance(100);
	assert_int_equal(actr__signaling_state(world.a.signaling), ACTR__SIGNALING_READY);
}

static void defect_21_a_dropped_socket_leads_to_a_new_registration(void **st)
{
	(void)st;
	both_ready();
	scripted_node_cut(&world.a.socket);
	assert_string_equal(world.a.states, "W");
	advance(1100);
	assert_string_equal(world.a.states, "WCRr");
	assert_int_equal(world.a.registered, 2);
}

static void defect_21_a_server_that_resumes_keeps_the_identity_over_a_dropped_socket(void **st)
{
	actr_id id;

	(void)st;
	world.server.resumes = true;
	both_ready();
	id = *actr__signaling_id(world.a.signaling);
	scripted_node_cut(&world.a.socket);
	advance(1100);
	assert_string_equal(world.a.states, "WCRr");
	assert_true(actr_id_equal(actr__signaling_id(world.a.signaling), &id));
	assert_int_equal(world.server.registers, 2); /* of a and of b, at the start */
	assert_int_equal(actr__signaling_stats(world.a.signaling)->resumed, 1);
	assert_int_equal(actr__signaling_stats(world.a.signaling)->renewals, 0);
	assert_int_equal(world.server.last_key_id, 1); /* with the credential that it had */
}

static void an_identity_that_is_not_resumed_is_registered_on_the_same_socket(void **st)
{
	(void)st;
	world.server.resumes = true;
	both_ready();
	world.server.renew_error = 401;
	scripted_node_cut(&world.a.socket);
	advance(1100);
	assert_string_equal(world.a.states, "WCRr");
	assert_int_equal(world.server.connects, 3);
	assert_int_equal(world.server.registers, 3);
	assert_int_equal(actr__signaling_stats(world.a.signaling)->resumed, 0);
	assert_int_equal(actr__signaling_stats(world.a.signaling)->registrations_refused, 0);
}

static void a_server_that_does_not_answer_is_not_asked_to_resume_again(void **st)
{
	(void)st;
	world.server.resumes = true;
	both_ready();
	world.server.silent = true;
	scripted_node_cut(&world.a.socket);
	advance(6100); /* the wait of up to 1 s, and 5 s for the answer */
	assert_string_equal(world.a.states, "WCRW");
	world.server.silent = false;
	advance(4000);
	assert_string_equal(world.a.states, "WCRWCRr");
	assert_int_equal(world.server.registers, 3);
}

static void an_expired_credential_is_not_resumed(void **st)
{
	(void)st;
	world.server.resumes = true;
	both_ready();
	world.server.refuse_connections = true;
	scripted_node_cut(&world.a.socket);
	advance(2 * 3600 * 1000);
	world.server.refuse_connections = false;
	actr__signaling_retry_now(world.a.signaling);
	advance(100);
	assert_int_equal(actr__signaling_state(world.a.signaling), ACTR__SIGNALING_READY);
	assert_int_equal(actr__signaling_stats(world.a.signaling)->resumed, 0);
	assert_int_equal(world.server.registers, 3);
}

static void defect_29_each_registration_has_a_socket_of_its_own(void **st)
{
	(void)st;
	both_ready();
	advance(61000); /* not young any more: at once, without back-off */
	world.server.ping_error = 401;
	advance(30000);
	assert_string_equal(world.a.states,
			    "CRr"); /* the scripted server answers 409 to a second one */
	assert_int_equal(world.server.connects, 4);
}

static void defect_40_a_new_identity_is_told_before_it_is_used(void **st)
{
	actr_id old;

	(void)st;
	both_ready();
	old = world.a.id;
	scripted_node_cut(&world.a.socket);
	/* Known while the socket is lost, but not usable. */
	assert_true(actr_id_equal(actr__signaling_id(world.a.signaling), &old));
	advance(1100);
	assert_int_equal(world.a.changed, 2);
	assert_false(actr_id_equal(&world.a.id, &old));
	assert_true(actr_id_equal(actr__signaling_id(world.a.signaling), &world.a.id));
}

static void defect_47_the_back_off_doubles_to_its_bound_and_never_ends(void **st)
{
	uint64_t expected = 1000;

	(void)st;
	world.server.refuse_connections = true;
	actr__signaling_start(world.a.signaling);
	advance(5);
	for (int i = 0; i < 40; i++) {
		uint64_t waited = 0;
		unsigned connects = world.server.connects;

		assert_int_equal(actr__signaling_state(world.a.signaling), ACTR__SIGNALING_WAITING);
		world.a.states[0] = 0;
		while (world.server.connects == connects) {
			advance(10);
			waited += 10;
			assert_true(waited <= expected + 10);
		}
		assert_true(waited >= expected / 2 - 10);
		advance(5);
		expected = expected * 2 < 60000 ? expected * 2 : 60000;
	}
	world.server.refuse_connections = false;
	advance(61000);
	assert_int_equal(actr__signaling_state(world.a.signaling), ACTR__SIGNALING_READY);
}

static void defect_47_the_network_s_return_interrupts_the_back_off(void **st)
{
	(void)st;
	world.server.refuse_connections = true;
	actr__signaling_start(world.a.signaling);
	advance(600000);
	while (actr__signaling_state(world.a.signaling) != ACTR__SIGNALING_WAITING)
		advance(1);
	world.server.refuse_connections = false;
	world.a.states[0] = 0;
	actr__signaling_retry_now(world.a.signaling);
	advance(20);
	assert_string_equal(world.a.states, "CRr");
	actr__signaling_retry_now(world.a.signaling); /* means nothing when there is no wait */
	advance(20);
	assert_string_equal(world.a.states, "CRr");
}

static void defect_25_events_in_one_instant_do_not_swallow_each_other(void **st)
{
	(void)st;
	both_ready();
	scripted_node_cut(&world.a.socket);
	actr__signaling_retry_now(world.a.signaling);
	actr__signaling_retry_now(world.a.signaling);
	advance(20);
	assert_string_equal(world.a.states, "WCRr");
}

static void a_lasting_session_starts_the_back_off_anew(void **st)
{
	(void)st;
	world.server.refuse_connections = true;
	actr__signaling_start(world.a.signaling);
	advance(300000);
	world.server.refuse_connections = false;
	advance(61000);
	assert_int_equal(actr__signaling_state(world.a.signaling), ACTR__SIGNALING_READY);
	advance(11000);
	scripted_node_cut(&world.a.socket);
	advance(1100);
	assert_int_equal(actr__signaling_state(world.a.signaling), ACTR__SIGNALING_READY);
	/* This one did not last: the second wait is longer than the first. */
	scripted_node_cut(&world.a.socket);
	advance(900);
	assert_int_equal(actr__signaling_state(world.a.signaling), ACTR__SIGNALING_WAITING);
}

static void defect_27_every_transition_is_told_once(void **st)
{
	(void)st;
	both_ready();
	scripted_node_cut(&world.a.socket);
	actr__signaling_lost(world.a.signaling, NULL); /* told twice by the owner */
	actr__signaling_opened(world.a.signaling);     /* of a socket that is no more */
	advance(1100);
	actr__signaling_opened(world.a.signaling);
	actr__signaling_stop(world.a.signaling, "done");
	actr__signaling_stop(world.a.signaling, "done");
	advance(100);
	actr__signaling_lost(world.a.signaling, NULL);
	actr__signaling_retry_now(world.a.signaling);
	actr__signaling_start(world.a.signaling);
	advance(100);
	assert_string_equal(world.a.states, "WCRrUX");
}

static void a_failed_send_counts_as_a_lost_socket_told_later(void **st)
{
	struct question question;

	(void)st;
	both_ready();
	world.server.fail_sends = true;
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), ACTR_E_UNAVAILABLE);
	assert_string_equal(world.a.states, ""); /* not inside the call */
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), ACTR_E_UNAVAILABLE);
	world.server.fail_sends = false;
	advance(0);
	assert_string_equal(world.a.states, "W");
	assert_false(world.a.socket.open);
	assert_int_equal(question.done, 0);
	advance(1100);
	assert_string_equal(world.a.states, "WCRr");
}

static void a_broken_socket_s_end_does_not_reach_the_next_one(void **st)
{
	struct question question;

	(void)st;
	both_ready();
	world.server.fail_sends = true;
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), ACTR_E_UNAVAILABLE);
	world.server.fail_sends = false;
	scripted_node_cut(&world.a.socket); /* the owner noticed too */
	actr__signaling_retry_now(world.a.signaling);
	advance(20);
	assert_string_equal(world.a.states, "WCRr");
}

static void freeing_forgets_what_was_deferred(void **st)
{
	struct question question;

	(void)st;
	both_ready();
	world.server.fail_sends = true;
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), ACTR_E_UNAVAILABLE);
	node_free(&world.a);
	advance(100);
	assert_string_equal(world.a.states, "");
	node_new(&world.a, "a.Asker");
}

static void stopping_unregisters_with_the_reason(void **st)
{
	(void)st;
	both_ready();
	actr__signaling_stop(world.a.signaling, "Graceful shutdown");
	assert_string_equal(world.a.states, "U");
	advance(20);
	assert_string_equal(world.a.states, "UX");
	assert_int_equal(world.server.unregisters, 1);
	assert_string_equal(world.server.last_reason, "Graceful shutdown");
	assert_false(world.a.socket.open);
}

static void stopping_waits_five_seconds_at_most(void **st)
{
	(void)st;
	both_ready();
	world.server.silent = true;
	actr__signaling_stop(world.a.signaling, NULL);
	advance(4999);
	assert_string_equal(world.a.states, "U");
	advance(1);
	assert_string_equal(world.a.states, "UX");
}

static void stopping_ends_when_the_socket_is_lost_meanwhile(void **st)
{
	(void)st;
	both_ready();
	world.server.silent = true;
	actr__signaling_stop(world.a.signaling, NULL);
	scripted_node_cut(&world.a.socket);
	assert_string_equal(world.a.states, "UX");
}

static void stopping_before_the_node_is_ready_closes_at_once(void **st)
{
	(void)st;
	actr__signaling_stop(world.b.signaling, NULL);
	assert_string_equal(world.b.states, "X");
	actr__signaling_start(world.a.signaling);
	advance(1);
	actr__signaling_stop(world.a.signaling, NULL);
	assert_string_equal(world.a.states, "CX");
	advance(60000);
	assert_string_equal(world.a.states, "CX");
}

static void stop_in_state(struct node *node, enum actr__signaling_state state)
{
	if (state == ACTR__SIGNALING_CONNECTING || state == ACTR__SIGNALING_WAITING)
		actr__signaling_stop(node->signaling, NULL);
}

static void a_callback_may_stop_the_machine(void **st)
{
	(void)st;
	world.a.on_state = stop_in_state;
	actr__signaling_start(world.a.signaling);
	assert_string_equal(world.a.states, "CX");
	assert_int_equal(world.server.connects, 0);
	actr__signaling_start(world.b.signaling);
	advance(100);
	world.b.on_state = stop_in_state;
	world.b.states[0] = 0;
	scripted_node_cut(&world.b.socket);
	assert_string_equal(world.b.states, "WX");
	advance(100000);
	assert_string_equal(world.b.states, "WX");
}

static size_t until_failure;

static void *failing_alloc(void *user, size_t size)
{
	(void)user;
	return until_failure && until_failure-- ? malloc(size) : NULL;
}

static void *failing_realloc(void *user, void *block, size_t size)
{
	(void)user;
	return until_failure && until_failure-- ? realloc(block, size) : NULL;
}

static void plain_free(void *user, void *block)
{
	(void)user;
	free(block);
}

static void the_n_th_allocation_fails_and_the_node_still_comes_up(void **st)
{
	static const actr_allocator allocator = {failing_alloc, failing_realloc, plain_free, NULL};

	(void)st;
	actr__signaling_start(world.b.signaling); /* grows the loop's heap */
	advance(100);
	for (size_t n = 0; n < 40; n++) {
		node_free(&world.a);
		node_new(&world.a, "a.Asker");
		until_failure = n;
		actr_set_allocator(&allocator);
		actr__signaling_start(world.a.signaling);
		advance(100);
		actr_set_allocator(NULL);
		advance(40000); /* a frame may have been lost */
		assert_int_equal(actr__signaling_state(world.a.signaling), ACTR__SIGNALING_READY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(a_node_connects_registers_and_is_ready),
		world_test(a_spec_and_an_access_list_travel_with_the_registration),
		world_test(a_refused_registration_tells_the_servers_code_and_is_tried_again),
		world_test(a_refusal_may_come_as_an_error_of_the_envelope),
		world_test(a_silent_server_is_given_up_after_the_response_timeout),
		world_test(a_socket_that_never_opens_is_given_up_after_the_connect_timeout),
		world_test(a_connection_that_fails_at_once_is_a_failure_like_any_other),
		world_test(defect_21_a_dropped_socket_leads_to_a_new_registration),
		world_test(
			defect_21_a_server_that_resumes_keeps_the_identity_over_a_dropped_socket),
		world_test(an_identity_that_is_not_resumed_is_registered_on_the_same_socket),
		world_test(a_server_that_does_not_answer_is_not_asked_to_resume_again),
		world_test(an_expired_credential_is_not_resumed),
		world_test(defect_29_each_registration_has_a_socket_of_its_own),
		world_test(defect_40_a_new_identity_is_told_before_it_is_used),
		world_test(defect_47_the_back_off_doubles_to_its_bound_and_never_ends),
		world_test(defect_47_the_network_s_return_interrupts_the_back_off),
		world_test(defect_25_events_in_one_instant_do_not_swallow_each_other),
		world_test(a_lasting_session_starts_the_back_off_anew),
		world_test(defect_27_every_transition_is_told_once),
		world_test(a_failed_send_counts_as_a_lost_socket_told_later),
		world_test(a_broken_socket_s_end_does_not_reach_the_next_one),
		world_test(freeing_forgets_what_was_deferred),
		world_test(stopping_unregisters_with_the_reason),
		world_test(stopping_waits_five_seconds_at_most),
		world_test(stopping_ends_when_the_socket_is_lost_meanwhile),
		world_test(stopping_before_the_node_is_ready_closes_at_once),
		world_test(a_callback_may_stop_the_machine),
		world_test(the_n_th_allocation_fails_and_the_node_still_comes_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
