/*
 * The start, on the loop: dispatchers → signaling → registered → mailbox, transport, gate →
 * on_start → requests → running. Whatever fails on the way ends in node_start_failed(), which takes
 * the shutdown's way (stop.c), so that nothing is left running, and tells the error when that is
 * done.
 */
#include "lifecycle/lifecycle_internal.h"

static int make_dispatchers(struct actr_node *node, actr_error *err)
{
	struct actr__dispatcher_options options = {
		.endpoint = &node->endpoint,
		.ref = &node->ref,
		.service = node->workload.service,
		.ops = node->workload.ops,
		.self = node->workload.self,
		.executor = node->workload.executor,
		.max_in_flight = node->workload.max_in_flight,
		.serial = node->workload.serial,
	};

	ACTR_TRY(actr__dispatcher_new(&options, &node->endpoint.local, err));
	if (!node->shell_service)
		return 0;
	options.service = node->shell_service;
	options.ops = node->shell_ops;
	options.self = node->shell_self;
	return actr__dispatcher_new(&options, &node->endpoint.shell, err);
}

void node_start_on_loop(struct actr_node *node)
{
	actr_error err = ACTR_ERROR_INIT;

	node->state = NODE_STARTING;
	node->started_ms = actr__loop_now_ms(node->loop);
	if (atomic_load(&node->shutting_down)) {
		ACTR_FAIL(&err, ACTR_E_UNAVAILABLE, "the node is shutting down");
		node_start_failed(node, &err);
		return;
	}
	if (make_dispatchers(node, &err) < 0 ||
	    runtime_prepare(node->runtime, node->system->config.signaling_ca_file, &err) < 0 ||
	    tracing_start(node, &err) < 0 || server_link_start(node, &err) < 0)
		node_start_failed(node, &err);
}

void node_start_failed(struct actr_node *node, const actr_error *why)
{
	if (node->state != NODE_STARTING || node->has_failed)
		return;
	ACTR_ERR(10, "registration_error", "what=start_failed cause=\"%s\"", why->message);
	node->has_failed = true;
	node->failure = *why;
	node_stop_on_loop(node);
}

static void running(struct actr_node *node)
{
	node->state = NODE_RUNNING;
	actr__dispatcher_set_mailbox(node->endpoint.local, node->mailbox);
	atomic_store(&node->given, true);
	node->on_started(node->on_started_user, &node->ref, NULL);
}

static void on_start_hook_done(void *user, int rc)
{
	struct actr_node *node = user;
	actr_error err = ACTR_ERROR_INIT;

	if (rc < 0) {
		ACTR_FAIL(&err, rc, "on_start failed: %s", actr_error_text(rc));
		node_start_failed(node, &err);
		return;
	}
	node->stop_hook_due = true;
	if (node->state == NODE_STOPPING)
		node_run_on_stop(node);
	else
		running(node);
}

void node_registered_first(struct actr_node *node)
{
	actr_error err = ACTR_ERROR_INIT;

	if (network_build(node, &err) < 0) {
		node_start_failed(node, &err);
		return;
	}
	node_tell_waiting(node);
	if (!node->workload.on_start)
		on_start_hook_done(node, 0);
	else if (actr__dispatcher_hook(node->endpoint.local, "bootstrap", node->workload.on_start,
				       on_start_hook_done, node, &err) < 0)
		node_start_failed(node, &err);
}
