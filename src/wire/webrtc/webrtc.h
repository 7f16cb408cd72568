/*
 * Door of wire/webrtc: ICE, DTLS, SCTP and four pre-negotiated data channels (reference.md 4).
 *
 * The engine is one per process: usrsctp's only instance, the DTLS certificate, the ice thread. A
 * wire is one session with one peer. Loop thread only.
 */
#ifndef ACTR_WIRE_WEBRTC_H
#define ACTR_WIRE_WEBRTC_H

#include <actr/config.h>

#include "wire/wire.h"

struct actr__webrtc_engine;

int actr__webrtc_engine_new(struct actr__loop *loop, struct actr__webrtc_engine **ret_engine,
                            actr_error *err);
/* All wires must be freed. Joins the ice thread. NULL is fine; returns NULL. */
struct actr__webrtc_engine *actr__webrtc_engine_free(struct actr__webrtc_engine *engine);

struct actr__webrtc_options {
	actr_id self, peer;
	bool loopback;       /* also offer 127.0.0.1 and ::1 */
	bool relay_only;
	bool no_data_socket; /* stay on libnice's data path */
	uint16_t port_min, port_max;
	const char *public_address; /* or NULL; one that is not valid counts as none */
	const actr_ice_server *ice_servers; /* copied */
	size_t ice_server_count;
	uint32_t connect_timeout_ms; /* 0: 30,000 */
	uint32_t recover_timeout_ms; /* 0: 60,000 */
};

/* ACTR_E_CONFIG for a public address that is not "PUBLIC" or "PUBLIC/LOCAL"; NULL is fine. */
int actr__webrtc_check_public_address(const char *text, actr_error *err);

/* Begin as offerer: on_signal(OFFER) follows. One reference. */
int actr__webrtc_dial(struct actr__webrtc_engine *engine, const struct actr__webrtc_options *options,
                      const struct actr__wire_events *events, void *owner, uint64_t session,
                      struct actr__wire **ret_wire, actr_error *err);
/* Begin as answerer with the peer's offer: on_signal(ANSWER) follows. One reference. */
int actr__webrtc_accept(struct actr__webrtc_engine *engine,
                        const struct actr__webrtc_options *options,
                        const struct actr__signal *offer, const struct actr__wire_events *events,
                        void *owner, uint64_t session, struct actr__wire **ret_wire,
                        actr_error *err);

#endif
