/* The engine: what all WebRTC wires of a process share. */
#include "wire/webrtc/webrtc_internal.h"

int actr__webrtc_engine_new(struct actr__loop *loop, struct actr__webrtc_engine **ret_engine,
			    actr_error *err)
{
	struct actr__webrtc_engine *engine = actr__new0(struct actr__webrtc_engine);
	int rc;

	if (!engine)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a WebRTC engine");
	engine->loop = loop;
	actr__list_init(&engine->wires);
	engine->udp_buffers = actr__udp_buffers_new();
	rc = engine->udp_buffers ? 0 : ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a WebRTC engine");
	if (rc == 0)
		rc = actr__dtls_identity_new(&engine->identity, err);
	if (rc == 0)
		rc = actr__sctp_stack_new(loop, &engine->sctp, err);
	if (rc == 0)
		rc = actr__ice_thread_new(loop, &engine->ice_thread, err);
	if (rc < 0) {
		(void)actr__webrtc_engine_free(engine);
		return rc;
	}
	*ret_engine = engine;
	return 0;
}

int actr__webrtc_check_public_address(const char *text, actr_error *err)
{
	struct actr__mapping mapping;

	return actr__mapping_parse(text, &mapping, err);
}

struct actr__webrtc_engine *actr__webrtc_engine_free(struct actr__webrtc_engine *engine)
{
	if (!engine)
		return NULL;
	/* Freed by their owners, but not yet by the loop. */
	while (!actr__list_empty(&engine->wires))
		actr__webrtc_teardown(container_of(engine->wires.next, struct wire_webrtc, entry));
	engine->ice_thread = actr__ice_thread_free(engine->ice_thread);
	engine->sctp = actr__sctp_stack_free(engine->sctp);
	engine->identity = actr__dtls_identity_free(engine->identity);
	engine->udp_buffers = actr__udp_buffers_free(engine->udp_buffers);
	actr__free(engine);
	return NULL;
}
