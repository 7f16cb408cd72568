/*
 * The workload. It runs on the WORKER executor: one thread, one handler at a time, so a handler may
 * block in a call to the shell, and the numbers below need no lock.
 */
#include "stock.h"

#define WAITING_MAX 8

static struct {
	uint32_t apples;
	struct {
		uint32_t count;
		actr_reply *reply;
	} waiting[WAITING_MAX]; /* kept tokens; reply == NULL: free */
} shop;

static int reply_with(int (*send)(actr_reply *reply, const Shop__Apples *resp), actr_reply *reply)
{
	Shop__Apples resp = SHOP__APPLES__INIT;

	resp.count = shop.apples;
	return send(reply, &resp);
}

static int on_count(void *self, actr_ctx *ctx, const Shop__Nothing *req, actr_reply *reply)
{
	(void)self;
	(void)ctx;
	(void)req;
	return reply_with(stock_count_reply, reply);
}

static int on_deliver(void *self, actr_ctx *ctx, const Shop__Apples *req, actr_reply *reply)
{
	Shop__Nothing resp = SHOP__NOTHING__INIT;

	(void)self;
	(void)ctx;
	shop.apples += req->count;
	for (size_t i = 0; i < WAITING_MAX; i++) {
		if (!shop.waiting[i].reply || shop.waiting[i].count > shop.apples)
			continue;
		/* Who gave up meanwhile hears nothing; the token is settled all the same. */
		(void)reply_with(stock_wait_for_reply, shop.waiting[i].reply);
		shop.waiting[i].reply = NULL;
	}
	return stock_deliver_reply(reply, &resp); /* for a tell this does nothing */
}

static int on_wait_for(void *self, actr_ctx *ctx, const Shop__Apples *req, actr_reply *reply)
{
	(void)self;
	(void)ctx;
	if (req->count <= shop.apples)
		return reply_with(stock_wait_for_reply, reply);
	for (size_t i = 0; i < WAITING_MAX; i++) {
		if (shop.waiting[i].reply)
			continue;
		shop.waiting[i].count = req->count;
		shop.waiting[i].reply = actr_reply_keep(reply); /* answered by on_deliver() */
		return 0;
	}
	return actr_reply_error(reply, ACTR_E_RESOURCE_EXHAUSTED, "%d wait already", WAITING_MAX);
}

/* Asks the shell in between. As the parent, ctx hands on its deadline and its trace. */
static int on_sell(void *self, actr_ctx *ctx, const Shop__Apples *req, actr_reply *reply)
{
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	actr_error err = ACTR_ERROR_INIT;
	int rc;

	(void)self;
	if (req->count > shop.apples)
		return actr_reply_error(reply, ACTR_E_RESOURCE_EXHAUSTED, "only %u are left",
					shop.apples);
	options.parent = ctx;
	rc = owner_allow(actr_ctx_ref(ctx), &actr_dest_shell, req, &options, NULL, NULL, &err);
	if (rc < 0)
		return actr_reply_error(reply, rc, "the owner says: %s", err.message);
	shop.apples -= req->count;
	return reply_with(stock_sell_reply, reply);
}

const stock_ops stock_handlers = {
	.size = sizeof stock_handlers,
	.count = on_count,
	.deliver = on_deliver,
	.wait_for = on_wait_for,
	.sell = on_sell,
};

/* Before any request is handled. A negative result makes actr_node_start() fail with it. */
int stock_on_start(void *self, actr_ctx *ctx)
{
	Shop__Nothing req = SHOP__NOTHING__INIT;
	const Shop__Apples *resp;
	actr_call *call;
	int rc = owner_opening(actr_ctx_ref(ctx), &actr_dest_shell, &req, NULL, &call, &resp, NULL);

	(void)self;
	if (rc < 0)
		return rc;
	shop.apples = resp->count;
	actr_call_unref(call); /* and resp with it */
	return 0;
}

/* A kept token must be settled by who keeps it, also at the end. */
void stock_on_stop(void *self, actr_ctx *ctx)
{
	(void)self;
	(void)ctx;
	for (size_t i = 0; i < WAITING_MAX; i++) {
		if (shop.waiting[i].reply)
			(void)actr_reply_fail(shop.waiting[i].reply, ACTR_E_UNAVAILABLE, "closed");
		shop.waiting[i].reply = NULL;
	}
}
