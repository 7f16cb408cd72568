/*
 * A GMainContext driven by one of our loops. Thread of that loop only.
 *
 * GLib polls all descriptors of a context at each of its events. With one context for all agents
 * the cost of an event grows with the number of agents (measured: 400 idle peers, 45 % of a core).
 * So each agent has a context of its own, and the loop (epoll) says which one has something to do.
 */
#ifndef ACTR_WEBRTC_PUMP_INTERNAL_H
#define ACTR_WEBRTC_PUMP_INTERNAL_H

#include <glib.h>

#include "loop/loop.h"

#define ACTR__PUMP_FDS 64

struct actr__pump;

struct actr__pump_slot {
	struct actr__io io; /* fd -1: free */
	struct actr__pump *pump;
	unsigned events;
	bool is_wanted;
};

struct actr__pump {
	struct actr__loop *loop;
	GMainContext *context;
	struct actr__timer timer;
	struct actr__pump_slot slots[ACTR__PUMP_FDS];
};

void actr__pump_init(struct actr__pump *pump, struct actr__loop *loop);
/* Around calls that may add sources to the context from outside of it. */
void actr__pump_enter(struct actr__pump *pump);
void actr__pump_leave(struct actr__pump *pump);
/* Watches nothing any more: before the descriptors are closed. */
void actr__pump_stop(struct actr__pump *pump);
/* Not from one of its own callbacks. */
void actr__pump_done(struct actr__pump *pump);

#endif
