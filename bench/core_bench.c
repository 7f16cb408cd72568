/*
 * P1, P2, P4, P5: dispatch alone, and calls of a shell to its workload in process.
 *
 * One JSON line a figure. Without a network: an endpoint with its dispatcher on a loop of its own,
 * as a node has them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dispatch/dispatch_internal.h"
#include "echo.actr.h"

#define ROUNDS	     5
#define DISPATCHES   1000000
#define LOCAL_CALLS  400000
#define THREAD_CALLS 200000

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof *values, compare);
	return values[count / 2];
}

/* --- the workload --- */

static int on_echo(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;

	(void)self;
	(void)ctx;
	resp.data = req->data;
	return echo_service_echo_reply(reply, &resp);
}

static const echo_service_ops echo_ops = {.size = sizeof echo_ops, .echo = on_echo};

static int null_dispatch(const void *ops, void *self, actr_ctx *ctx, actr_bytes route_key,
			 actr_bytes payload, actr_reply *reply)
{
	(void)ops;
	(void)self;
	(void)ctx;
	(void)payload;
	(void)reply;
	return route_key.size == 21 && !memcmp(route_key.data, "echo.EchoService.Null", 21)
		       ? 0
		       : ACTR_E_UNKNOWN_ROUTE;
}

static const actr_service null_service = {.size = sizeof null_service,
					  .manufacturer = "acme",
					  .name = "echo.EchoService",
					  .dispatch = null_dispatch};

struct bench {
	struct actr__loop *loop;
	struct actr__endpoint endpoint;
	struct actr_ref ref;
};

static void resolve(struct actr__endpoint *ep, struct actr__resolve *r)
{
	(void)ep;
	(void)r;
}

static void forget(struct actr__endpoint *ep, const actr_id *id)
{
	(void)ep;
	(void)id;
}

static const struct actr__endpoint_ops endpoint_ops = {resolve, resolve, forget};

static void on_last(struct actr_ref *ref)
{
	(void)ref;
}

static void setup(struct bench *b, const actr_service *service, const void *ops, bool virtual_loop)
{
	struct actr__dispatcher_options options = {
		.endpoint = &b->endpoint, .ref = &b->ref, .service = service, .ops = ops};

	if ((virtual_loop ? actr__loop_new_virtual(&b->loop, NULL)
			  : actr__loop_new(&b->loop, NULL)) < 0 ||
	    actr__endpoint_init(&b->endpoint, &endpoint_ops, b->loop, NULL) < 0 ||
	    actr__dispatcher_new(&options, &b->endpoint.local, NULL) < 0)
		exit(1);
	b->ref.endpoint = &b->endpoint;
	b->ref.on_last = on_last;
	atomic_init(&b->ref.refs, 1);
}

static void teardown(struct bench *b)
{
	actr__dispatcher_free(b->endpoint.local);
	actr__endpoint_done(&b->endpoint);
	actr__loop_free(b->loop);
}

/* --- P1, P2 --- */

static double dispatch_ns(struct bench *b, const char *route, actr_bytes payload, bool tell)
{
	uint64_t start = actr__clock_monotonic_ns();

	for (int i = 0; i < DISPATCHES; i++) {
		struct actr__request *r = request_new(b->endpoint.local);

		if (!r)
			exit(1);
		r->route_key = actr__bytes(route, 21);
		r->payload = payload;
		r->request_id = actr__bytes("d96e3a49-3f2c-4b44-9c1a-3d1f0a9e6a55", 36);
		r->tell = tell;
		request_run(r);
	}
	return (double)(actr__clock_monotonic_ns() - start) / DISPATCHES;
}

static void run_on_loop(struct bench *b, void (*fn)(struct bench *, double *), double *values)
{
	for (int i = -1; i < ROUNDS; i++)
		fn(b, &values[i < 0 ? 0 : i]);
}

static void p1(struct bench *b, double *value)
{
	*value = dispatch_ns(b, "echo.EchoService.Null", actr__bytes("", 0), true);
}

static void p2(struct bench *b, double *value)
{
	static uint8_t data[64];
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	uint8_t packed[80];

	req.data.data = data;
	req.data.len = sizeof data;
	*value = dispatch_ns(b, "echo.EchoService.Echo",
			     actr__bytes(packed, echo__echo_request__pack(&req, packed)), false);
}

/* request_run() must see that it is on the loop thread: the virtual loop's turn does that. */
struct turn {
	struct actr__deferred deferred;
	struct bench *b;
	void (*fn)(struct bench *, double *);
	double *values;
};

static void on_turn(struct actr__deferred *deferred)
{
	struct turn *turn = container_of(deferred, struct turn, deferred);

	run_on_loop(turn->b, turn->fn, turn->values);
}

static void measure_dispatch(const char *id, const char *what, double target,
			     const actr_service *service, const void *ops,
			     void (*fn)(struct bench *, double *))
{
	struct bench b = {0};
	double values[ROUNDS];
	struct turn turn = {.b = &b, .fn = fn, .values = values};

	setup(&b, service, ops, true);
	actr__deferred_init(&turn.deferred, on_turn);
	actr__loop_defer(b.loop, &turn.deferred);
	actr__loop_advance(b.loop, 0);
	printf("{\"id\":\"%s\",\"what\":\"%s\",\"unit\":\"ns\",\"value\":%.1f,\"target\":%.0f}\n",
	       id, what, median(values, ROUNDS), target);
	teardown(&b);
}

/* --- P4, P5 --- */

struct load {
	struct bench *b;
	actr_dest dest;
	Echo__EchoRequest req;
	long left, running;
};

static void start_one(struct load *load);

static void on_done(void *user, actr_call *call)
{
	struct load *load = user;

	if (actr_call_result(call, NULL) < 0 || !echo_service_echo_response(call, NULL))
		exit(1);
	load->running--;
	start_one(load);
}

static void start_one(struct load *load)
{
	if (load->left == 0) {
		if (load->running == 0)
			actr__loop_stop(load->b->loop);
		return;
	}
	load->left--;
	load->running++;
	if (echo_service_echo_start(&load->b->ref, &load->dest, &load->req, NULL, on_done, load,
				    NULL, NULL) < 0)
		exit(1);
}

struct start_task {
	struct actr__task task;
	struct load *load;
	int callers;
};

static void on_start(struct actr__task *task)
{
	struct start_task *start = container_of(task, struct start_task, task);

	for (int i = 0; i < start->callers; i++)
		start_one(start->load);
}

static void same_loop(int callers, const char *id, double target)
{
	static uint8_t data[64];
	double values[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		struct bench b = {0};
		struct load load = {.b = &b,
				    .dest = actr_dest_local,
				    .req = ECHO__ECHO_REQUEST__INIT,
				    .left = LOCAL_CALLS};
		struct start_task start = {.task.run = on_start, .load = &load, .callers = callers};
		uint64_t begin;

		load.req.data.data = data;
		load.req.data.len = sizeof data;
		setup(&b, &echo_service, &echo_ops, false);
		actr__loop_post(b.loop, &start.task);
		begin = actr__clock_monotonic_ns();
		actr__loop_run(b.loop);
		values[i] = LOCAL_CALLS / ((double)(actr__clock_monotonic_ns() - begin) / 1e9);
		teardown(&b);
	}
	printf("{\"id\":\"%s\",\"what\":\"in process, same loop, %d "
	       "outstanding\",\"unit\":\"calls/s\","
	       "\"value\":%.0f,\"target\":%.0f}\n",
	       id, callers, median(values, ROUNDS), target);
}

static void *loop_main(void *arg)
{
	actr__loop_run(arg);
	return NULL;
}

static void other_thread_blocking(void)
{
	static uint8_t data[64];
	static double latency[THREAD_CALLS];
	struct bench b = {0};
	actr_dest dest = actr_dest_local;
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	pthread_t thread;

	req.data.data = data;
	req.data.len = sizeof data;
	setup(&b, &echo_service, &echo_ops, false);
	actr__loop_set_spin(b.loop, 50);
	pthread_create(&thread, NULL, loop_main, b.loop);
	for (int i = 0; i < THREAD_CALLS; i++) {
		uint64_t begin = actr__clock_monotonic_ns();
		const Echo__EchoResponse *resp;
		actr_call *call;

		if (echo_service_echo(&b.ref, &dest, &req, NULL, &call, &resp, NULL) < 0)
			exit(1);
		actr_call_unref(call);
		latency[i] = (double)(actr__clock_monotonic_ns() - begin) / 1000;
	}
	actr__loop_stop(b.loop);
	pthread_join(thread, NULL);
	teardown(&b);
	printf("{\"id\":\"P4\",\"what\":\"in process, from another thread, blocking, "
	       "p50\",\"unit\":\"us\","
	       "\"value\":%.2f,\"target\":3.9}\n",
	       median(latency, THREAD_CALLS));
}

static void other_thread_128(void)
{
	enum { WINDOW = 128 };
	static uint8_t data[64];
	double values[ROUNDS];
	actr_call *window[WINDOW] = {0};
	actr_dest dest = actr_dest_local;
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;

	req.data.data = data;
	req.data.len = sizeof data;
	for (int round = 0; round < ROUNDS; round++) {
		struct bench b = {0};
		pthread_t thread;
		uint64_t begin;

		setup(&b, &echo_service, &echo_ops, false);
		actr__loop_set_spin(b.loop, 50);
		pthread_create(&thread, NULL, loop_main, b.loop);
		begin = actr__clock_monotonic_ns();
		for (int i = 0; i < THREAD_CALLS + WINDOW; i++) {
			actr_call **slot = &window[i % WINDOW];

			if (*slot) {
				if (actr_call_wait(*slot, NULL) < 0)
					exit(1);
				*slot = actr_call_unref(*slot);
			}
			if (i < THREAD_CALLS && echo_service_echo_start(&b.ref, &dest, &req, NULL,
									NULL, NULL, slot, NULL) < 0)
				exit(1);
		}
		values[round] = THREAD_CALLS / ((double)(actr__clock_monotonic_ns() - begin) / 1e9);
		actr__loop_stop(b.loop);
		pthread_join(thread, NULL);
		teardown(&b);
	}
	printf("{\"id\":\"P4\",\"what\":\"in process, from another thread, 128 "
	       "outstanding\",\"unit\":"
	       "\"calls/s\",\"value\":%.0f,\"target\":1000000}\n",
	       median(values, ROUNDS));
}

int main(void)
{
	measure_dispatch("P1", "dispatch of a ready envelope to a null handler", 20, &null_service,
			 NULL, p1);
	measure_dispatch("P2", "the same with decode and encode of a 64 B echo", 150, &echo_service,
			 &echo_ops, p2);
	same_loop(1, "P4", 3e6);
	same_loop(128, "P5", 2e6);
	other_thread_blocking();
	other_thread_128();
	return 0;
}
