/*
 * Door of wire/sim: simulated wires on the virtual loop, for tests. A network has latency and may
 * be cut; an offer's text names the dialling wire, so signals may travel by any relay.
 */
#ifndef ACTR_WIRE_SIM_H
#define ACTR_WIRE_SIM_H

#include "wire/wire.h"

struct actr__sim_net {
	struct actr__loop *loop;
	uint64_t latency_ms; /* of a message */
	uint64_t connect_ms; /* from the answer to open */
	size_t window_bytes; /* in flight a lane; 0: no limit */
	bool dial_fails;     /* the next dial is refused */
	bool original;	     /* new wires: the peer is not this library */
	bool mute;	     /* offers are made, nothing ever opens */
	bool refuses_tracks; /* whoever is asked to take one says no */
	unsigned wants;	     /* calls of the media operation want() */
	unsigned key_frame_requests;
	struct actr__list wires;
	unsigned next_token;
	unsigned open_wires;
};

void actr__sim_net_init(struct actr__sim_net *net, struct actr__loop *loop);
int actr__sim_dial(struct actr__sim_net *net, const struct actr__wire_events *events, void *owner,
		   uint64_t session, struct actr__wire **ret_wire, actr_error *err);
int actr__sim_accept(struct actr__sim_net *net, const struct actr__signal *offer,
		     const struct actr__wire_events *events, void *owner, uint64_t session,
		     struct actr__wire **ret_wire, actr_error *err);
/* The same without signals: who dials, and who is told so by the test. */
int actr__sim_direct_dial(struct actr__sim_net *net, const struct actr__wire_events *events,
			  void *owner, uint64_t session, struct actr__wire **ret_wire,
			  actr_error *err);
int actr__sim_direct_accept(struct actr__sim_net *net, struct actr__wire *dialler,
			    const struct actr__wire_events *events, void *owner, uint64_t session,
			    struct actr__wire **ret_wire, actr_error *err);
/* Both ends of every connection are lost. */
void actr__sim_cut(struct actr__sim_net *net, const char *why);
/* Every active track hears this from its peer. */
void actr__sim_tell_tracks(struct actr__sim_net *net, const struct actr__track_event *news);
/* All ends are recovering, or open again. */
void actr__sim_set_recovering(struct actr__sim_net *net, bool on);

#endif
