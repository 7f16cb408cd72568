/* What sim.c (messages, life) and sim_media.c (tracks) share. */
#ifndef ACTR_WIRE_SIM_INTERNAL_H
#define ACTR_WIRE_SIM_INTERNAL_H

#include "wire/sim/sim.h"

struct sim_wire {
	struct actr__wire base;
	struct actr__sim_net *net;
	struct actr__list link;
	struct sim_wire *other; /* NULL: not connected */
	unsigned token;		/* of the offer */
	struct actr__list tasks;
	size_t in_flight[ACTR_LANE_COUNT];
	bool blocked[ACTR_LANE_COUNT];
	actr_error why;
	struct actr__list tracks;  /* struct actr__wire_track: ours */
	struct actr__list samples; /* on their way to us */
};

extern const struct actr__media_ops sim_media_ops;
/* The wire is open: tracks that were added before it are negotiated. */
void sim_media_opened(struct sim_wire *wire);
/* Ends all tracks and samples under way, without news. */
void sim_media_done(struct sim_wire *wire);

#endif
