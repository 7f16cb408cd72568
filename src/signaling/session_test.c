#include "signaling/signaling_test.h"

static void defect_3_an_idle_node_keeps_its_heartbeat(void **st)
{
	(void)st;
	both_ready();
	advance(30 * 60 * 1000); /* credentials of an hour are not renewed yet, or once */
	assert_in_range(world.server.pings, 2 * 59, 2 * 60);
	assert_int_equal(world.server.connects, 2);
	assert_string_equal(world.a.states, "");
}

static void the_interval_is_what_the_server_told_within_bounds(void **st)
{
	static const struct {
		uint32_t told_s, used_s;
	} cases[] = {{10, 10}, {0, 30}, {45, 45}, {3600, 60}, {UINT32_MAX, 60}};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		node_free(&world.a);
		node_new(&world.a, "a.Asker");
		world.server.interval_s = cases[i].told_s;
		world.server.pings = 0;
		actr__signaling_start(world.a.signaling);
		advance(10); /* there and back: ready now */
		advance(10);
		advance((uint64_t)cases[i].used_s * 1000 - 11);
		assert_int_equal(world.server.pings, 0);
		advance(20);
		assert_int_equal(world.server.pings, 1);
	}
}

static void a_heartbeat_tells_the_load(void **st)
{
	static const struct {
		struct actr__signaling_load load;
		Actr__ServiceAvailabilityState state;
	} cases[] = {
		{{1.0f, 0.0f}, ACTR__SERVICE_AVAILABILITY_STATE__FULL},
		{{1.0f, 0.6f}, ACTR__SERVICE_AVAILABILITY_STATE__DEGRADED},
		{{0.6f, 0.0f}, ACTR__SERVICE_AVAILABILITY_STATE__DEGRADED},
		{{0.3f, 0.9f}, ACTR__SERVICE_AVAILABILITY_STATE__OVERLOADED},
		{{0.1f, 0.0f}, ACTR__SERVICE_AVAILABILITY_STATE__UNAVAILABLE},
		{{1.0f, 1.0f}, ACTR__SERVICE_AVAILABILITY_STATE__UNAVAILABLE},
	};

	(void)st;
	actr__signaling_start(world.a.signaling);
	advance(20);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		world.a.load = cases[i].load;
		advance(30000);
		assert_int_equal(world.server.pings, i + 1);
		assert_int_equal(world.server.last_availability, cases[i].state);
		assert_true(world.server.last_power_reserve == cases[i].load.power_reserve);
		assert_true(world.server.last_mailbox_backlog == cases[i].load.mailbox_backlog);
	}
}

static void two_heartbeats_without_an_answer_mean_a_lost_socket(void **st)
{
	(void)st;
	actr__signaling_start(world.a.signaling);
	advance(20);
	world.server.silent = true;
	advance(89000);
	assert_string_equal(world.a.states, "CRr");
	advance(1100);
	assert_string_equal(world.a.states, "CRrW");
	assert_int_equal(world.a.why.code, ACTR_E_UNAVAILABLE);
	assert_false(world.a.socket.open);
}

static void one_late_answer_is_enough(void **st)
{
	(void)st;
	actr__signaling_start(world.a.signaling);
	advance(20);
	for (int i = 0; i < 20; i++) {
		world.server.silent = i % 2;
		advance(30000);
	}
	assert_string_equal(world.a.states, "CRr");
}

static void the_credential_is_renewed_at_about_60_percent_of_its_life(void **st)
{
	(void)st;
	actr__signaling_start(world.a.signaling);
	advance(20);
	advance(3600 * 1000 * 55 / 100 - 1000);
	assert_int_equal(world.server.renewals, 0);
	advance(3600 * 1000 * 10 / 100 + 2000);
	assert_int_equal(world.server.renewals, 1);
	assert_int_equal(world.a.registered, 1); /* same identity: nothing to tell */
	assert_string_equal(world.a.states, "CRr");
	assert_int_equal(actr__signaling_stats(world.a.signaling)->renewals, 1);
}

static void defect_20_the_renewed_key_is_the_one_used_from_then_on(void **st)
{
	struct question question;

	(void)st;
	world.server.check_credentials = true;
	world.server.life_s = 100;
	actr__signaling_start(world.a.signaling);
	while (world.server.renewals < 100)
		advance(1000);
	advance(1000);
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
	advance(20);
	assert_int_equal(question.done, 1);
	assert_int_equal(question.code, 0);
	assert_int_equal(world.server.last_key_id, 101);
	assert_int_equal(world.server.registers, 1);
	assert_string_equal(world.a.states, "CRr");
	assert_int_equal(world.a.renewals, 100);
	assert_int_equal(world.a.expiries, 0);
}

static void a_renewal_under_another_serial_number_is_a_new_identity(void **st)
{
	(void)st;
	world.server.renewal_changes_serial = true;
	actr__signaling_start(world.a.signaling);
	advance(3600 * 1000 * 66 / 100);
	assert_int_equal(world.a.registered, 2);
	assert_int_equal(world.a.changed, 2);
	assert_true(world.a.id.serial == world.a.socket.id.serial);
}

static void a_refused_renewal_leads_to_a_new_registration(void **st)
{
	(void)st;
	world.server.renew_error = 503;
	actr__signaling_start(world.a.signaling);
	advance(3600 * 1000 * 66 / 100);
	assert_int_equal(world.server.renewals, 1);
	assert_int_equal(world.server.registers, 2);
	assert_string_equal(world.a.states,
			    "CRrCRr"); /* without a wait: the session was an old one */
}

static void an_unanswered_renewal_is_asked_again(void **st)
{
	(void)st;
	world.server.life_s = 300;
	actr__signaling_start(world.a.signaling);
	advance(160 * 1000);
	assert_int_equal(world.server.renewals, 0);
	world.server.silent = true;
	advance(36 * 1000); /* past 65 %: asked, not heard */
	world.server.silent = false;
	advance(30 * 1000);
	assert_int_equal(world.server.renewals, 1);
	assert_int_equal(world.server.registers, 1);
}

static void defect_28_a_node_that_slept_past_its_credential_registers_anew(void **st)
{
	(void)st;
	both_ready();
	advance(61000);
	world.wall_offset_ms = 2 * 3600 * 1000; /* the loop's clock stood still */
	advance(30100);
	assert_string_equal(world.a.states, "CRr");
	assert_int_equal(world.a.registered, 2);
	assert_int_equal(world.a.expiries, 1);
	assert_int_equal(world.a.renewals, 0);
	assert_int_equal(world.a.why.code, ACTR_E_UNAUTHENTICATED);
}

static void defect_28_a_heartbeat_refused_with_401_leads_to_a_new_registration(void **st)
{
	(void)st;
	both_ready();
	advance(61000);
	world.server.ping_error = 401;
	advance(29100);
	world.server.ping_error = 0;
	advance(1000);
	assert_string_equal(world.a.states, "CRr");
	assert_int_equal(world.a.expiries, 1);
}

static void a_credential_that_is_refused_at_once_does_not_make_the_node_spin(void **st)
{
	(void)st;
	world.server.interval_s = 1;
	world.server.ping_error = 401;
	actr__signaling_start(world.a.signaling);
	advance(10 * 60 * 1000);
	assert_in_range(world.server.registers, 10, 30);
}

static void a_clock_set_back_does_not_keep_an_old_credential(void **st)
{
	(void)st;
	actr__signaling_start(world.a.signaling);
	advance(1000);
	world.wall_offset_ms = -10 * 3600 * 1000;
	advance(3600 * 1000 * 66 / 100);
	assert_int_equal(world.server.renewals, 1);
}

static void the_server_s_clock_measures_the_life(void **st)
{
	(void)st;
	world.server.clock_offset_ms = -5 * 3600 * 1000; /* to us it expired before it began */
	actr__signaling_start(world.a.signaling);
	advance(3600 * 1000 * 54 / 100);
	assert_int_equal(world.server.renewals, 0);
	assert_int_equal(world.server.registers, 1);
	advance(3600 * 1000 * 12 / 100);
	assert_int_equal(world.server.renewals, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(defect_3_an_idle_node_keeps_its_heartbeat),
		world_test(the_interval_is_what_the_server_told_within_bounds),
		world_test(a_heartbeat_tells_the_load),
		world_test(two_heartbeats_without_an_answer_mean_a_lost_socket),
		world_test(one_late_answer_is_enough),
		world_test(the_credential_is_renewed_at_about_60_percent_of_its_life),
		world_test(defect_20_the_renewed_key_is_the_one_used_from_then_on),
		world_test(a_renewal_under_another_serial_number_is_a_new_identity),
		world_test(a_refused_renewal_leads_to_a_new_registration),
		world_test(an_unanswered_renewal_is_asked_again),
		world_test(defect_28_a_node_that_slept_past_its_credential_registers_anew),
		world_test(defect_28_a_heartbeat_refused_with_401_leads_to_a_new_registration),
		world_test(a_credential_that_is_refused_at_once_does_not_make_the_node_spin),
		world_test(a_clock_set_back_does_not_keep_an_old_credential),
		world_test(the_server_s_clock_measures_the_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
