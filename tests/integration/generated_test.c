/*
 * Each function that protoc-gen-actr makes of codegen/tests/probe.proto, used once in process and
 * once over real WebRTC. (The golden test compiles them as C17, C99 and C++17.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "probe.actr.h"
#include "fixture.h"

#define METHODS(X)                                                                                 \
	X(alpha, Test__Text)                                                                       \
	X(gamma, Test__Tree)                                                                       \
	X(nothing, Test__Nil)                                                                      \
	X(register, Test__Text)

static unsigned handled[PROBE_METHODS];
static sem_t came_back;

enum {
	AT_alpha = PROBE_ALPHA_METHOD,
	AT_gamma = PROBE_GAMMA_METHOD,
	AT_nothing = PROBE_NOTHING_METHOD,
	AT_register = PROBE_REGISTER_METHOD
};

/* Handlers that answer with what they were asked. */
#define HANDLER(name, type)                                                                        \
	static int on_##name(void *self, actr_ctx *ctx, const type *req, actr_reply *reply)        \
	{                                                                                          \
		(void)self;                                                                        \
		(void)ctx;                                                                         \
		handled[AT_##name]++;                                                              \
		return probe_##name##_reply(reply, req);                                           \
	}
METHODS(HANDLER)

static const probe_ops ops = {.size = sizeof ops,
			      .alpha = on_alpha,
			      .gamma = on_gamma,
			      .nothing = on_nothing,
			      .register_ = on_register};

/* A tell, a call that is started and one that is waited for: on one lane, so in this order. */
#define CALLER(name, type)                                                                         \
	static void call_##name(actr_ref *ref, const actr_dest *dest, const type *req)             \
	{                                                                                          \
		unsigned before = handled[AT_##name];                                              \
		actr_error err = ACTR_ERROR_INIT;                                                  \
		const type *resp;                                                                  \
		actr_call *call;                                                                   \
                                                                                                   \
		assert_int_equal(probe_##name##_tell(ref, dest, req, &err), 0);                    \
		assert_int_equal(                                                                  \
			probe_##name##_start(ref, dest, req, NULL, NULL, NULL, &call, &err), 0);   \
		assert_int_equal(actr_call_wait(call, &err), 0);                                   \
		assert_non_null(probe_##name##_response(call, &err));                              \
		actr_call_unref(call);                                                             \
		assert_int_equal(probe_##name(ref, dest, req, NULL, &call, &resp, &err), 0);       \
		assert_int_equal(protobuf_c_message_get_packed_size(&resp->base),                  \
				 protobuf_c_message_get_packed_size(&req->base));                  \
		actr_call_unref(call);                                                             \
		assert_int_equal(handled[AT_##name], before + 3);                                  \
	}
METHODS(CALLER)

/* --- the streaming method --- */

static void on_feed(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	actr_dest back = sender ? actr_dest_actor(sender) : actr_dest_local;
	Test__Text *message = probe_feed_received(chunk, NULL);

	assert_non_null(message);
	assert_int_equal(probe_feed_send_back(user, &back, "back", chunk->sequence + 1, message,
					      NULL, NULL, NULL, NULL),
			 0);
	protobuf_c_message_free_unpacked(&message->base, NULL);
}

static void on_back(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	Test__Text *message = probe_feed_received_back(chunk, NULL);

	(void)user;
	(void)sender;
	assert_non_null(message);
	assert_string_equal(message->text, "hello");
	assert_int_equal(chunk->sequence, 8);
	protobuf_c_message_free_unpacked(&message->base, NULL);
	sem_post(&came_back);
}

static void stream(actr_ref *ref, const actr_dest *dest, const Test__Text *text)
{
	struct timespec until;

	assert_int_equal(actr_stream_register(ref, "back", NULL, on_back, NULL, NULL), 0);
	assert_int_equal(probe_feed_send(ref, dest, "feed", 7, text, NULL, NULL, NULL, NULL), 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	while (sem_timedwait(&came_back, &until) < 0)
		assert_int_equal(errno, EINTR);
}

/* --- */

static actr_ref *start(const actr_service *service)
{
	actr_config config = config_of("Caller");
	actr_workload workload = ACTR_WORKLOAD_INIT;

	workload.service = service;
	workload.ops = &ops;
	return start_node(&config, &workload);
}

static void use_all(actr_ref *ref, const actr_dest *dest)
{
	Test__Tree tree = TEST__TREE__INIT, leaf = TEST__TREE__INIT, *children[] = {&leaf, &leaf};
	Test__Text text = TEST__TEXT__INIT;
	Test__Nil nil = TEST__NIL__INIT;

	text.text = "hello";
	tree.name = "root";
	tree.children = children;
	tree.n_children = 2;
	call_alpha(ref, dest, &text);
	call_gamma(ref, dest, &tree);
	call_nothing(ref, dest, &nil);
	call_register(ref, dest, &text);
	stream(ref, dest, &text);
}

static void defect_15_every_generated_function_runs_in_process_and_across(void **state)
{
	actr_dest dest = actr_dest_service(&probe);
	actr_ref *service, *client;

	(void)state;
	sem_init(&came_back, 0, 0);
	service = start(&probe);
	client = start(NULL);
	assert_int_equal(actr_stream_register(service, "feed", NULL, on_feed, service, NULL), 0);
	use_all(service, &actr_dest_local);
	use_all(client, &dest);
	assert_null(actr_ref_close(client));
	assert_null(actr_ref_close(service));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(defect_15_every_generated_function_runs_in_process_and_across),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
