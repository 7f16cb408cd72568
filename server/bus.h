/*
 * The way from one session to the actor that a frame is for. One server: the actor is in our own
 * registry (bus_inproc.c). Several: another file behind the same two functions, and nothing above
 * changes, since nobody but the bus asks where an actor is. Loop thread only.
 */
#ifndef ACTRD_BUS_H
#define ACTRD_BUS_H

#include "registry.h"

struct bus {
	struct registry *registry;
};

void bus_init(struct bus *bus, struct registry *registry);
/* 0, ACTR_E_NOT_FOUND (not connected), or ACTR_E_RESOURCE_EXHAUSTED (its queue is full). */
int bus_deliver(struct bus *bus, const actr_id *to, actr_bytes frame);

#endif
