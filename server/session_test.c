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

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_registered_actor_gets_an_identity_and_a_credential_that_expires),
		WORLD_TEST(candidates_and_relay_lead_from_one_actor_to_another),
	};

	return cmocka_run_group_tests_name("server/session", tests, NULL, NULL);
}
