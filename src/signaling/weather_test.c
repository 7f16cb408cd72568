/*
 * A hundred seeds of bad weather: sockets are cut, the server is silent, slow, refuses or limits,
 * the clock jumps, and the owner asks, relays and retries meanwhile. Whatever happens, transitions
 * are legal, every question ends exactly once, and when the sky clears the node is ready again.
 */
#include "signaling/signaling_test.h"

#define SEEDS	  100
#define STEPS	  200
#define QUESTIONS 8

static uint64_t state;

static uint32_t below(uint32_t bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 32) % bound);
}

static struct question questions[QUESTIONS];
static unsigned asked[QUESTIONS]; /* taken, and not cancelled */
static unsigned ended[QUESTIONS];

static void on_end(struct actr__signaling_request *request, const actr_error *err,
		   const actr_id *ids, size_t id_count)
{
	on_answer(request, err, ids, id_count);
	ended[container_of(request, struct question, request) - questions]++;
}

static void ask_one(unsigned i)
{
	if (asked[i] > ended[i]) {
		actr__signaling_cancel(&questions[i].request);
		asked[i]--;
		return;
	}
	memset(&questions[i], 0, sizeof questions[i]);
	questions[i].request.on_done = on_end;
	if (actr__signaling_discover(world.a.signaling, &questions[i].request, &world.b.id.type, 2,
				     1 + below(9000), NULL) == 0)
		asked[i]++;
}

static uint32_t draw_error(void)
{
	static const uint32_t codes[] = {400, 401, 403, 409, 429, 500, 503};

	return below(6) ? 0 : codes[below(ARRAY_SIZE(codes))];
}

static void change_weather(void)
{
	struct scripted_server *server = &world.server;

	server->silent = !below(8);
	server->refuse_connections = !below(8);
	server->fail_connections = !below(12);
	server->ignore_connections = !below(12);
	server->fail_sends = !below(12);
	server->renewal_changes_serial = !below(2);
	server->latency_ms = below(8) ? below(50) : below(9000);
	server->life_s = below(100);
	server->interval_s = below(50);
	server->register_error = draw_error();
	server->ping_error = draw_error();
	server->renew_error = draw_error();
	server->discover_error = draw_error();
	server->relay_error = draw_error();
	server->envelope_error = below(6) ? 0 : draw_error();
}

static void clear_sky(void)
{
	struct scripted_server *server = &world.server;

	server->silent = server->refuse_connections = server->fail_connections = false;
	server->ignore_connections = server->fail_sends = false;
	server->register_error = server->ping_error = server->renew_error = 0;
	server->discover_error = server->relay_error = server->envelope_error = 0;
	server->latency_ms = 5;
	server->life_s = 3600;
	server->interval_s = 30;
}

static void step(void)
{
	struct actr__signal signal = {.kind = (enum actr__signal_kind)below(6), .text = "t"};
	actr_type type = {"acme", "b.Giver"};

	switch (below(16)) {
	case 0:
		change_weather();
		break;
	case 1:
		if (world.a.socket.open)
			scripted_node_cut(&world.a.socket);
		break;
	case 2:
		actr__signaling_retry_now(world.a.signaling);
		break;
	case 3:
		(void)actr__signaling_relay(world.a.signaling, &world.b.id, &signal, NULL);
		break;
	case 4:
		(void)actr__signaling_watch(world.a.signaling, &type, below(2), NULL);
		break;
	case 5:
		world.wall_offset_ms += (int64_t)below(7200000) - 3600000;
		break;
	default:
		ask_one(below(QUESTIONS));
	}
	advance(below(8) ? below(100) : below(40000));
}

static void expect_legal(const char *states)
{
	static const char *const allowed[] = {"CR", "CW", "CX", "Rr", "RW", "RX", "rW",
					      "rU", "rC", "rX", "WC", "WX", "UX"};

	for (; states[0] && states[1]; states++) {
		bool legal = false;

		for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
			legal |= !strncmp(states, allowed[i], 2);
		if (!legal)
			fail_msg("%.2s is no transition", states);
	}
}

/* The world keeps 400 letters: look at them in time, keep the last. */
static void look_at_states(void)
{
	size_t length = strlen(world.a.states);

	expect_legal(world.a.states);
	if (length > 1)
		memmove(world.a.states, world.a.states + length - 1, 2);
}

static void one_seed(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15u + 1;
	memset(asked, 0, sizeof asked);
	memset(ended, 0, sizeof ended);
	actr__signaling_start(world.a.signaling);
	actr__signaling_start(world.b.signaling);
	for (int i = 0; i < STEPS; i++) {
		step();
		look_at_states();
	}
	clear_sky();
	advance(400000);
	look_at_states();
	if (actr__signaling_state(world.a.signaling) != ACTR__SIGNALING_READY)
		fail_msg("seed %u: not ready but %s", (unsigned)seed, world.a.states);
	for (unsigned i = 0; i < QUESTIONS; i++)
		assert_int_equal(asked[i], ended[i]);
	actr__signaling_stop(world.a.signaling, NULL);
	advance(6000);
	look_at_states();
	assert_string_equal(world.a.states, "X");
}

static void after_bad_weather_the_node_is_ready_again(void **st)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		(void)world_setup(st);
		one_seed(seed);
		(void)world_teardown(st);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_bad_weather_the_node_is_ready_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
