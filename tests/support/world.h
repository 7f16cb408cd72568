/*
 * A world for tests: actors in one process on a virtual loop, connected by simulated wires, each
 * with the real transport, gate, mailbox (in memory) and dispatcher. No sockets, no threads, no
 * waiting.
 */
#ifndef ACTR_TESTS_WORLD_H
#define ACTR_TESTS_WORLD_H

#include "dispatch/dispatch.h"
#include "wire/sim/sim.h"

#define WORLD_ACTORS 3

struct world;

struct world_actor {
	struct world *world;
	actr_id id;
	struct actr__endpoint endpoint;
	struct actr_ref ref;
	struct actr__transport *transport;
	struct actr__mailbox *mailbox;
	bool mailbox_closed;
	int deny; /* negative: requests are refused with it */
	unsigned chunks;

	/* What the test handlers have seen. */
	unsigned handled, running;
	actr_reply *kept[16];
	unsigned kept_count;
	char last_request_id[64];
	char last_trace_id[40];
	char last_answer[300]; /* that came in: request id, route, traceparent, tracestate */
	char order[256]; /* first byte of each payload */
	bool last_had_caller;
	int64_t last_deadline_ms;
};

struct world {
	struct actr__loop *loop;
	struct actr__sim_net net;
	struct world_actor actors[WORLD_ACTORS];
	actr_executor executor;
	bool relay_down;
	const struct world_actor *type_answer; /* who ACTR_DEST_TYPE resolves to; NULL: nobody */
	unsigned resolved;
};

/* Outcome of one call. */
struct outcome {
	unsigned done;
	int result;
	actr_error err;
	char text[128];
	actr_call *call; /* referenced */
};

/* The test service: routes of "test.Service". */
extern const actr_method world_echo;   /* answers the payload */
extern const actr_method world_fail;   /* returns ACTR_E_PERMISSION_DENIED with words */
extern const actr_method world_keep;   /* keeps its token in actor->kept */
extern const actr_method world_silent; /* returns 0 without an answer */
extern const actr_method world_fault;  /* declares itself faulted */
extern const actr_method world_unknown;
extern const actr_method world_signal; /* echo, on RPC_SIGNAL */
extern const actr_method world_nested; /* echoes through actor 2, answers later */

struct world *world_new(unsigned max_in_flight);
/* Its workloads have threads of their own: nothing happens there by advancing alone. */
struct world *world_new_worker(void);
void world_free(struct world *world);
void world_advance(struct world *world, uint64_t ms);

actr_dest world_dest(const struct world_actor *actor);
/* Start a call; timeout_ms 0: the default. */
void world_call(struct world_actor *from, actr_dest dest, const actr_method *method,
		const char *payload, int64_t timeout_ms, struct outcome *outcome);
void world_tell(struct world_actor *from, actr_dest dest, const actr_method *method,
		const char *payload, struct outcome *outcome);
void outcome_done(struct outcome *outcome);

#define expect_answer(outcome, expected)                                                           \
	do {                                                                                       \
		assert_int_equal((outcome)->done, 1);                                              \
		assert_int_equal((outcome)->result, 0);                                            \
		assert_string_equal((outcome)->text, expected);                                    \
	} while (0)

#define expect_failure(outcome, code)                                                              \
	do {                                                                                       \
		assert_int_equal((outcome)->done, 1);                                              \
		assert_int_equal((outcome)->result, code);                                         \
	} while (0)

#endif
