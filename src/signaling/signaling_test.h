/* The world of signaling's tests: a virtual loop, a wall clock that follows it, a scripted server.
 */
#ifndef ACTR_SIGNALING_TEST_H
#define ACTR_SIGNALING_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <actr/hooks.h>

#include "signaling/scripted_server.h"

struct node {
	struct scripted_node socket;
	struct actr__signaling *signaling;
	/* What it was told. */
	char states[400]; /* one letter a state: C R r(eady) W U X(closed) */
	actr_error why;
	unsigned renewals, expiries;
	unsigned registered, changed, relays, relay_failures, ups;
	actr_id id, from, failed_to, up;
	struct actr__signaling_load load;
	enum actr__signal_kind kind;
	char text[100], exchange_id[40], mid[10], fragment[10];
	bool has_exchange_id;
	int32_t mline;
	void (*on_state)(struct node *node, enum actr__signaling_state state);
};

struct world {
	struct actr__loop *loop;
	struct scripted_server server;
	struct node a, b;
	int64_t wall_offset_ms;
};

static struct world world;

static inline uint64_t world_monotonic_ns(void *user)
{
	(void)user;
	return actr__loop_now_ns(world.loop);
}

static inline int64_t world_wall_ms(void *user)
{
	(void)user;
	return 1700000000000 + world.wall_offset_ms + (int64_t)actr__loop_now_ms(world.loop);
}

static inline void on_connect(void *owner)
{
	scripted_node_connect(&((struct node *)owner)->socket);
}

static inline void on_disconnect(void *owner)
{
	scripted_node_disconnect(&((struct node *)owner)->socket);
}

static inline int on_send(void *owner, actr_bytes envelope)
{
	return scripted_node_send(&((struct node *)owner)->socket, envelope);
}

static inline void on_load(void *owner, struct actr__signaling_load *ret)
{
	*ret = ((struct node *)owner)->load;
}

static inline void on_state(void *owner, enum actr__signaling_state state, const actr_error *why)
{
	struct node *node = owner;
	size_t length = strlen(node->states);

	assert_true(length + 1 < sizeof node->states);
	assert_int_equal(actr__signaling_state(node->signaling), state);
	node->states[length] = "?CRrWUX"[state];
	node->states[length + 1] = 0;
	if (why)
		node->why = *why;
	if (node->on_state)
		node->on_state(node, state);
}

static inline void on_registered(void *owner, const actr_id *id, bool changed)
{
	struct node *node = owner;

	node->registered++;
	node->changed += changed;
	node->id = *id;
}

static inline void on_credential(void *owner, const actr_error *why)
{
	struct node *node = owner;

	node->renewals += !why;
	node->expiries += why != NULL;
	if (why)
		node->why = *why;
}

static inline void copy(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text ? text : "(null)");
}

static inline void on_relay(void *owner, const actr_id *from, const struct actr__signal *signal)
{
	struct node *node = owner;

	node->relays++;
	node->from = *from;
	node->kind = signal->kind;
	copy(node->text, sizeof node->text, signal->text);
	copy(node->exchange_id, sizeof node->exchange_id, signal->exchange_id);
	copy(node->mid, sizeof node->mid, signal->sdp_mid);
	copy(node->fragment, sizeof node->fragment, signal->username_fragment);
	node->mline = signal->sdp_mline_index;
}

static inline void on_relay_failed(void *owner, const actr_id *to, const actr_error *why)
{
	struct node *node = owner;

	node->relay_failures++;
	node->failed_to = *to;
	node->why = *why;
}

static inline void on_actor_up(void *owner, const actr_id *id)
{
	struct node *node = owner;

	node->ups++;
	node->up = *id;
}

static const struct actr__signaling_events node_events = {
	.connect = on_connect,
	.disconnect = on_disconnect,
	.send = on_send,
	.load = on_load,
	.on_state = on_state,
	.on_registered = on_registered,
	.on_credential = on_credential,
	.on_relay = on_relay,
	.on_relay_failed = on_relay_failed,
	.on_actor_up = on_actor_up,
};

static inline void node_new(struct node *node, const char *name)
{
	struct actr__signaling_options options = {.realm = 7};

	memset(node, 0, sizeof *node);
	node->load = (struct actr__signaling_load){1, 0};
	assert_int_equal(actr_type_set(&options.type, "acme", name, NULL), 0);
	scripted_node_init(&node->socket, &world.server);
	assert_int_equal(actr__signaling_new(world.loop, &options, &node_events, node,
					     &node->signaling, NULL),
			 0);
	node->socket.signaling = node->signaling;
}

static inline void node_free(struct node *node)
{
	node->signaling = actr__signaling_free(node->signaling);
	scripted_node_done(&node->socket);
}

static inline int world_setup(void **st)
{
	static const actr_clock clock = {world_monotonic_ns, world_wall_ms, NULL};

	memset(&world, 0, sizeof world);
	assert_int_equal(actr__loop_new_virtual(&world.loop, NULL), 0);
	actr_set_clock(&clock);
	scripted_server_init(&world.server, world.loop);
	node_new(&world.a, "a.Asker");
	node_new(&world.b, "b.Giver");
	*st = &world;
	return 0;
}

static inline int world_teardown(void **st)
{
	(void)st;
	node_free(&world.a);
	node_free(&world.b);
	scripted_server_done(&world.server);
	world.loop = actr__loop_free(world.loop);
	actr_set_clock(NULL);
	return 0;
}

static inline void advance(uint64_t ms)
{
	actr__loop_advance(world.loop, ms);
}

/* Both nodes registered; what was told so far is forgotten. */
static inline void both_ready(void)
{
	actr__signaling_start(world.a.signaling);
	actr__signaling_start(world.b.signaling);
	advance(100);
	assert_string_equal(world.a.states, "CRr");
	assert_string_equal(world.b.states, "CRr");
	world.a.states[0] = world.b.states[0] = 0;
}

struct question {
	struct actr__signaling_request request;
	unsigned done;
	int code;
	actr_id ids[4];
	size_t id_count;
};

static inline void on_answer(struct actr__signaling_request *request, const actr_error *err,
			     const actr_id *ids, size_t id_count)
{
	struct question *question = container_of(request, struct question, request);

	question->done++;
	question->code = err ? err->code : 0;
	question->id_count = id_count;
	for (size_t i = 0; i < id_count && i < 4; i++)
		question->ids[i] = ids[i];
}

static inline int ask(struct node *node, struct question *question, const actr_type *type)
{
	memset(question, 0, sizeof *question);
	question->request.on_done = on_answer;
	return actr__signaling_discover(node->signaling, &question->request, type, 4, 0, NULL);
}

#define world_test(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
