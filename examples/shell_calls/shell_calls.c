/* A shell and its workload call each other: shell_calls Actr.toml */
#include <stdio.h>

#include "stock.h"

/* --- what the workload may ask its shell --- */

static int on_opening(void *self, actr_ctx *ctx, const Shop__Nothing *req, actr_reply *reply)
{
	Shop__Apples resp = SHOP__APPLES__INIT;

	(void)self;
	(void)ctx;
	(void)req;
	resp.count = 3;
	puts("owner: there are 3 apples in the morning");
	return owner_opening_reply(reply, &resp);
}

static int on_allow(void *self, actr_ctx *ctx, const Shop__Apples *req, actr_reply *reply)
{
	Shop__Nothing resp = SHOP__NOTHING__INIT;

	(void)self;
	(void)ctx;
	printf("owner: am I to sell %u?\n", req->count);
	if (req->count > 4)
		return actr_reply_error(reply, ACTR_E_PERMISSION_DENIED, "not so many at once");
	return owner_allow_reply(reply, &resp);
}

static const owner_ops owner_handlers = {
	.size = sizeof owner_handlers,
	.opening = on_opening,
	.allow = on_allow,
};

/* --- what the shell asks its workload --- */

static int count(actr_ref *ref, actr_error *err)
{
	Shop__Nothing req = SHOP__NOTHING__INIT;
	const Shop__Apples *resp;
	actr_call *call;
	int rc = stock_count(ref, &actr_dest_local, &req, NULL, &call, &resp, err);

	if (rc < 0)
		return rc;
	printf("count: %u apples\n", resp->count);
	actr_call_unref(call); /* and resp with it */
	return 0;
}

/* One-way: it has no answer. What one thread sends to one actor arrives in order. */
static int deliver(actr_ref *ref, uint32_t apples, actr_error *err)
{
	Shop__Apples req = SHOP__APPLES__INIT;

	req.count = apples;
	printf("deliver: %u apples\n", apples);
	return stock_deliver_tell(ref, &actr_dest_local, &req, err);
}

static void sell(actr_ref *ref, uint32_t apples)
{
	Shop__Apples req = SHOP__APPLES__INIT;
	actr_error err = ACTR_ERROR_INIT;
	const Shop__Apples *resp;
	actr_call *call;
	int rc;

	req.count = apples;
	rc = stock_sell(ref, &actr_dest_local, &req, NULL, &call, &resp, &err);
	if (rc < 0) {
		printf("sell %u: %s, %s\n", apples, actr_error_name(rc), err.message);
		return;
	}
	printf("sell %u: %u are left\n", apples, resp->count);
	actr_call_unref(call);
}

/* Every call ends by its deadline; without one, after 30 s. */
static void wait_50_ms(actr_ref *ref)
{
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	Shop__Apples req = SHOP__APPLES__INIT;
	int rc;

	req.count = 100;
	options.timeout_ms = 50;
	rc = stock_wait_for(ref, &actr_dest_local, &req, &options, NULL, NULL, NULL);
	printf("wait for 100 apples: %s\n", actr_error_name(rc));
}

static int wait_and_cancel(actr_ref *ref, actr_error *err)
{
	Shop__Apples req = SHOP__APPLES__INIT;
	actr_call *call;
	int rc;

	req.count = 200;
	rc = stock_wait_for_start(ref, &actr_dest_local, &req, NULL, NULL, NULL, &call, err);
	if (rc < 0)
		return rc;
	actr_call_cancel(call);
	printf("wait for 200 apples: %s\n", actr_error_name(actr_call_wait(call, NULL)));
	actr_call_unref(call);
	return 0;
}

/* A call that runs while we do something else, here what it waits for. */
static int wait_and_deliver(actr_ref *ref, actr_error *err)
{
	Shop__Apples req = SHOP__APPLES__INIT;
	const Shop__Apples *resp = NULL;
	actr_call *call;
	int rc;

	req.count = 10;
	rc = stock_wait_for_start(ref, &actr_dest_local, &req, NULL, NULL, NULL, &call, err);
	if (rc < 0)
		return rc;
	rc = deliver(ref, 5, err);
	if (rc == 0)
		rc = actr_call_wait(call, err);
	if (rc == 0)
		resp = stock_wait_for_response(call, err);
	if (resp)
		printf("wait for 10 apples: %u are there\n", resp->count);
	actr_call_unref(call);
	return rc < 0 ? rc : resp ? 0 : err->code;
}

static int run(actr_ref *ref, actr_error *err)
{
	int rc = count(ref, err);

	if (rc == 0)
		rc = deliver(ref, 2, err);
	if (rc == 0)
		rc = count(ref, err);
	if (rc < 0)
		return rc;
	wait_50_ms(ref);
	rc = wait_and_cancel(ref, err);
	if (rc == 0)
		rc = wait_and_deliver(ref, err);
	if (rc < 0)
		return rc;
	sell(ref, 4);
	sell(ref, 5);
	sell(ref, 7);
	return 0;
}

static int start(const char *path, actr_ref **ret_ref, actr_error *err)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;
	actr_config *config = NULL;
	actr_system *system = NULL;
	actr_node *node = NULL;
	int rc = actr_config_load(path, &config, err);

	workload.service = &stock;
	workload.ops = &stock_handlers;
	workload.executor = ACTR_EXECUTOR_WORKER;
	workload.on_start = stock_on_start;
	workload.on_stop = stock_on_stop;
	if (rc == 0)
		rc = actr_system_new(config, &system, err);
	if (rc < 0) {
		actr_config_free(config);
		return rc;
	}
	actr_system_give_config(system, config, actr_config_free);
	rc = actr_node_attach(system, &workload, &node, err);
	if (rc == 0)
		rc = actr_node_serve_shell(node, &owner, &owner_handlers, NULL, err);
	if (rc == 0)
		rc = actr_node_start(node, ret_ref, err);
	if (rc < 0)
		actr_node_unref(node); /* a started node belongs to its ref */
	actr_system_unref(system);
	return rc;
}

int main(int argc, char **argv)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_ref *ref = NULL;
	int rc = start(argc > 1 ? argv[1] : "Actr.toml", &ref, &err);

	if (rc == 0)
		rc = run(ref, &err);
	if (rc < 0)
		fprintf(stderr, "shell_calls: %s: %s\n", actr_error_name(rc), err.message);
	actr_ref_close(ref);
	return rc < 0;
}
