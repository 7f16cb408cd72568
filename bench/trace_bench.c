/* What a span costs while tracing is on: from its begin to the bytes that leave, all on the loop.
 */
#include <stdio.h>
#include <stdlib.h>

#include "trace/trace.h"

#define BATCHES 400
#define BATCH	512
#define ROUNDS	5

static size_t body_size;

static int post(void *owner, actr_bytes body, unsigned timeout_ms, void *ticket, actr_error *err)
{
	(void)timeout_ms;
	(void)err;
	body_size = body.size;
	*(void **)owner = ticket;
	return 0;
}

static const struct actr__tracer_ops ops = {post};

static void one_batch(struct actr__loop *loop, struct actr__tracer *tracer, void **ticket)
{
	static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	struct actr__span_start start = {.kind = ACTR__SPAN_SERVER,
					 .route_key = actr__text("echo.EchoService.Echo"),
					 .request_id =
						 actr__text("d96e3a49-3f2c-4b44-9c1a-3d1f0a9e6a55"),
					 .traceparent = actr__text(parent)};
	actr_id peer = {.realm = 1, .serial = 7, .type = {"acme", "echo.EchoService"}};
	char own[ACTR__TRACEPARENT_SIZE];

	for (int i = 0; i < BATCH; i++) {
		struct actr__span *span = actr__span_begin(tracer, &start, own);

		actr__span_set_peer(span, &peer);
		actr__span_end(tracer, span, NULL);
	}
	actr__loop_advance(loop, 0);
	if (!*ticket)
		exit(1);
	actr__tracer_posted(TAKE(*ticket), &(struct actr__tracer_answer){.status = 200});
}

int main(void)
{
	struct actr__tracer_options options = {.service_name = "bench", .ratio = 1};
	struct actr__tracer *tracer;
	struct actr__loop *loop;
	void *ticket = NULL;
	double best = 1e9;

	if (actr__loop_new_virtual(&loop, NULL) < 0 ||
	    actr__tracer_new(loop, &options, &ops, &ticket, &tracer, NULL) < 0)
		return 1;
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = actr__clock_monotonic_ns();
		double ns;

		for (int i = 0; i < BATCHES; i++)
			one_batch(loop, tracer, &ticket);
		ns = (double)(actr__clock_monotonic_ns() - begin) / (BATCHES * BATCH);
		best = ns < best ? ns : best;
	}
	printf("{\"id\":\"T1\",\"what\":\"a span, begin to encoded\",\"unit\":\"ns\","
	       "\"value\":%.0f,\"target\":1500,\"bytes\":%zu}\n",
	       best, body_size / BATCH);
	actr__tracer_free(tracer);
	actr__loop_free(loop);
	return 0;
}
