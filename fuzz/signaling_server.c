/*
 * Frames at a session: the input is frames, each behind two bytes of its size. One registered
 * session stays, so that relays have somebody to go to.
 */
#include <stdlib.h>

#include "session.h"

static int on_send(void *user, actr_bytes frame)
{
	struct actr__arena arena;

	(void)user;
	actr__arena_init(&arena, NULL, 0, 64 * 1024 * 1024);
	/* What we send can be read. */
	if (!actr__pb_unpack(&signaling__signaling_envelope__descriptor, frame, &arena, NULL))
		abort();
	actr__arena_done(&arena);
	return 0;
}

static void on_close(void *user, unsigned code, const char *reason)
{
	(void)reason;
	if (*(unsigned *)user || code < 1000)
		abort(); /* once */
	*(unsigned *)user = code;
}

static const struct session_events events = {on_send, on_close};

struct node {
	struct session *session;
	struct credential credential;
	unsigned close_code;
	actr_id id;
};

/* A credential of the identity that the session has now. */
static void node_sign(struct hub *hub, struct node *node)
{
	if (!node->session->actor)
		return;
	node->id = node->session->actor->id;
	if (issuer_sign(&hub->issuer, &node->id, actr__clock_wall_ms() / 1000, INT32_MAX,
			&node->credential, NULL) < 0)
		abort();
}

static void node_register(struct hub *hub, struct node *node)
{
	Signaling__SignalingEnvelope envelope = SIGNALING__SIGNALING_ENVELOPE__INIT;
	Signaling__PeerToSignaling flow = SIGNALING__PEER_TO_SIGNALING__INIT;
	Actr__RegisterRequest request = ACTR__REGISTER_REQUEST__INIT;
	actr_type type = {"acme", "node"};
	Actr__ActrType type_place;
	Actr__Realm realm;
	uint8_t frame[256];
	size_t size;

	request.actr_type = actr__pb_type(&type_place, &type);
	request.realm = actr__pb_realm(&realm, 1);
	flow.payload_case = SIGNALING__PEER_TO_SIGNALING__PAYLOAD_REGISTER_REQUEST;
	flow.register_request = &request;
	envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_PEER_TO_SERVER;
	envelope.peer_to_server = &flow;
	size = protobuf_c_message_pack(&envelope.base, frame);
	if (session_new(hub, &events, &node->close_code, &node->session, NULL) < 0)
		abort();
	session_receive(node->session, actr__bytes(frame, size));
	node_sign(hub, node);
}

/* The frame once more, said by `node` to `peer`. */
static void receive_signed(struct node *node, const struct node *peer, actr_bytes frame)
{
	Signaling__SignalingEnvelope *envelope;
	struct actr__pb_id source, target;
	Actr__AIdCredential credential;
	struct actr__arena arena;
	struct actr__buf buf;

	actr__arena_init(&arena, NULL, 0, 64 * 1024 * 1024);
	actr__buf_init(&buf, ACTR__SIGNALING_MAX);
	envelope = (Signaling__SignalingEnvelope *)actr__pb_unpack(
		&signaling__signaling_envelope__descriptor, frame, &arena, NULL);
	actr__pb_credential(&credential, actr__bytes(node->credential.token, node->credential.size),
			    node->credential.key_id);
	actr__pb_id(&source, &node->id);
	actr__pb_id(&target, &peer->id);
	if (envelope && envelope->flow_case == SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_TO_SERVER) {
		envelope->actr_to_server->source = &source.id;
		envelope->actr_to_server->credential = &credential;
	} else if (envelope &&
		   envelope->flow_case == SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY) {
		envelope->actr_relay->source = &source.id;
		envelope->actr_relay->target = &target.id;
		envelope->actr_relay->credential = &credential;
	}
	if (envelope && actr__pb_append(&envelope->base, &buf) == 0)
		session_receive(node->session, actr__bytes(buf.data, buf.size));
	actr__buf_done(&buf);
	actr__arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hub_options options = {.dev = true};
	struct node node = {.close_code = 0}, peer = {.close_code = 0};
	struct actr__loop *loop;
	struct store *store;
	struct hub hub;

	if (actr__loop_new_virtual(&loop, NULL) < 0 || store_open(":memory:", &store, NULL) < 0 ||
	    hub_init(&hub, loop, store, &options, NULL) < 0)
		abort();
	node_register(&hub, &node);
	node_register(&hub, &peer);
	while (size >= 2) {
		size_t frame = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		if (frame > size)
			frame = size;
		node_sign(&hub, &node);
		receive_signed(&node, &peer, actr__bytes(data, frame));
		session_receive(node.session, actr__bytes(data, frame));
		data += frame;
		size -= frame;
	}
	session_free(node.session);
	session_free(peer.session);
	hub_done(&hub);
	store_close(store);
	actr__loop_free(loop);
	return 0;
}
