/*
 * Door of the direct lane: a wire over one WebSocket, without signaling, ICE or DTLS
 * (reference.md 5.2, 10 row 22). One binary frame a message: type, length big-endian, bytes.
 * Who the peer is must have been settled by the owner (headers of the upgrade) before. All wires
 * must be freed before their actr__ws_context.
 */
#ifndef ACTR_WIRE_WEBSOCKET_WIRE_H
#define ACTR_WIRE_WEBSOCKET_WIRE_H

#include "wire/websocket/websocket.h"
#include "wire/wire.h"

#define ACTR__WS_FRAME_HEAD 5u
/* Largest message; a listener for the direct lane takes ACTR__WS_FRAME_MAX as its max_message. */
#define ACTR__WS_WIRE_MAX  ACTR__SIGNALING_MAX
#define ACTR__WS_FRAME_MAX (ACTR__WS_WIRE_MAX + ACTR__WS_FRAME_HEAD)

struct actr__ws_wire_options {
	const char *url;	/* ws:// or wss:// */
	const char *source_id;	/* X-Actr-Source-ID, or NULL */
	const char *credential; /* X-Actr-Credential, or NULL */
	uint64_t session;
};

int actr__ws_wire_dial(struct actr__ws_context *context,
		       const struct actr__ws_wire_options *options,
		       const struct actr__wire_events *events, void *owner,
		       struct actr__wire **ret_wire, actr_error *err);
/* Takes the connection over, in on_accept; when it fails the connection is closed (1011). */
int actr__ws_wire_accept(struct actr__loop *loop, struct actr__ws *ws, const char *address,
			 const struct actr__wire_events *events, void *owner, uint64_t session,
			 struct actr__wire **ret_wire, actr_error *err);

/*
 * Lane and message of a frame, pointing into it. Bytes behind the length are ignored, as the
 * original does. ACTR_E_DECODE: cut short, or no such lane.
 */
int actr__ws_frame_parse(actr_bytes frame, unsigned *ret_lane, actr_bytes *ret_message);

#endif
