/* A registered client of a signaling server that sends the input as one frame, then time passes. */
#include <stdlib.h>

#include "signaling/scripted_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_connect(void *owner)
{
	scripted_node_connect(owner);
}

static void on_disconnect(void *owner)
{
	scripted_node_disconnect(owner);
}

static int on_send(void *owner, actr_bytes envelope)
{
	return scripted_node_send(owner, envelope);
}

static void on_relay(void *owner, const actr_id *from, const struct actr__signal *signal)
{
	(void)owner;
	if (!from->type.name[0] || signal->kind > ACTR__SIGNAL_ICE_RESTART_REQUEST)
		abort();
}

static void on_done(struct actr__signaling_request *request, const actr_error *err,
		    const actr_id *ids, size_t id_count)
{
	(void)request;
	(void)ids;
	if (err && id_count)
		abort();
}

static void play(struct scripted_node *node, actr_bytes frame)
{
	struct actr__signaling_request request = {.on_done = on_done};
	actr_type type = {"acme", "x"};

	actr__signaling_start(node->signaling);
	actr__loop_advance(node->server->loop, 100);
	node->server->silent = true; /* the question, envelope 2, waits for the input */
	if (actr__signaling_discover(node->signaling, &request, &type, 4, 0, NULL) < 0)
		abort();
	scripted_node_deliver(node, frame);
	actr__loop_advance(node->server->loop, 100);
	node->server->silent = false;
	actr__loop_advance(node->server->loop, 200000);
	if (actr__signaling_state(node->signaling) != ACTR__SIGNALING_READY)
		abort(); /* nothing that a server says stops the client for long */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct actr__signaling_events events = {.connect = on_connect,
							     .disconnect = on_disconnect,
							     .send = on_send,
							     .on_relay = on_relay};
	struct actr__signaling_options options = {.realm = 7, .type = {"acme", "a.Asker"}};
	struct scripted_server server;
	struct scripted_node node;
	struct actr__loop *loop;

	if (actr__loop_new_virtual(&loop, NULL) < 0)
		return 0;
	scripted_server_init(&server, loop);
	scripted_node_init(&node, &server);
	if (actr__signaling_new(loop, &options, &events, &node, &node.signaling, NULL) < 0)
		abort();
	play(&node, actr__bytes(data, size));
	actr__signaling_free(node.signaling);
	scripted_server_done(&server);
	actr__loop_free(loop);
	return 0;
}
