/* Counters, and their text for Prometheus. Loop thread only. */
#ifndef ACTRD_METRICS_H
#define ACTRD_METRICS_H

#include "base/base.h"

/* name, help */
#define METRICS_MAP(X)                                                                             \
	X(connections, "WebSocket connections accepted")                                           \
	X(frames, "frames received")                                                               \
	X(malformed, "frames that could not be understood")                                        \
	X(throttled, "frames over a connection's rate")                                            \
	X(refused, "requests without a valid credential, or under a foreign identity")             \
	X(registrations, "registrations that succeeded")                                           \
	X(renewals, "credentials renewed")                                                         \
	X(superseded, "connections replaced by another of the same identity")                      \
	X(pings, "heartbeats")                                                                     \
	X(routes, "route candidates requests")                                                     \
	X(discoveries, "discovery requests")                                                       \
	X(relays, "relays delivered")                                                              \
	X(relays_denied, "relays denied by an access rule")                                        \
	X(relays_unknown, "relays to an actor that is not connected")                              \
	X(relays_full, "relays to an actor whose queue is full")                                   \
	X(presence_events, "presence events sent")                                                 \
	X(stun_requests, "STUN Binding requests answered")

struct metrics {
#define METRICS_FIELD(name, help) uint64_t name;
	METRICS_MAP(METRICS_FIELD)
#undef METRICS_FIELD
};

/* Append the text exposition format, version 0.0.4, and the two gauges. */
int metrics_format(const struct metrics *metrics, size_t sessions, size_t actors,
		   struct actr__buf *out);

#endif
