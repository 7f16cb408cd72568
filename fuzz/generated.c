/* A generated dispatcher: the first byte chooses the method, the rest is the request's payload. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "codegen/tests/fake.h"
#include "probe.actr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_text(void *self, actr_ctx *ctx, const Test__Text *req, actr_reply *reply)
{
	(void)self;
	(void)ctx;
	return probe_alpha_reply(reply, req); /* what was read can be written */
}

static int on_tree(void *self, actr_ctx *ctx, const Test__Tree *req, actr_reply *reply)
{
	(void)self;
	(void)ctx;
	return probe_gamma_reply(reply, req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const probe_ops ops = {.size = sizeof ops, .alpha = on_text, .gamma = on_tree};
	static const char *const routes[] = {"test.Probe.Alpha", "test.Probe.Gamma"};
	const char *route = routes[size ? data[0] & 1 : 0];
	actr_ctx *ctx = actr__new0(actr_ctx);
	actr_reply reply = {0};
	actr_bytes payload = {data + (size > 0), size - (size > 0)};
	int rc;

	if (!ctx)
		return 0;
	ctx->memory.allowed = -1;
	rc = probe.dispatch(&ops, NULL, ctx, (actr_bytes){(const uint8_t *)route, strlen(route)},
			    payload, &reply);
	if (rc != 0 && rc != ACTR_E_DECODE && rc != ACTR_E_NOMEM)
		abort();
	if ((rc == 0) != (reply.sent == 1))
		abort();
	fake_reply_done(&reply);
	fake_memory_done(&ctx->memory);
	actr__free(ctx);
	return 0;
}
