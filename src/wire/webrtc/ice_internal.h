/*
 * ICE: one agent is one generation of one wire. A restart is a new agent beside the old one.
 *
 * Loop thread only. Every event comes from the loop, after the call that caused it has returned,
 * and none comes after actr__ice_close(): whatever the ice thread had under way for a closed agent
 * is dropped on arrival.
 */
#ifndef ACTR_WEBRTC_ICE_INTERNAL_H
#define ACTR_WEBRTC_ICE_INTERNAL_H

#include <actr/config.h>

#include "loop/loop.h"
#include "wire/webrtc/candidate_internal.h"

struct actr__ice;
struct actr__ice_thread;

/* The selected pair. */
struct actr__ice_path {
	union actr__addr local, remote; /* local: what the socket is bound to */
	enum actr__candidate_type local_type, remote_type;
	bool is_plain_udp; /* a host socket of libnice that another socket may join */
};

enum actr__ice_state {
	ACTR__ICE_CHECKING,
	ACTR__ICE_CONNECTED,
	ACTR__ICE_FAILED, /* no pair, or consent lost (RFC 7675) */
};

struct actr__ice_events {
	/* First of all events: what the description needs. `candidates`: lines, each ended by '\n'.
	 */
	void (*on_local)(void *owner, const char *ufrag, const char *pwd, const char *candidates);
	/* A later candidate; NULL when gathering is done. */
	void (*on_candidate)(void *owner, const char *line);
	/* Selected, or changed. */
	void (*on_path)(void *owner, const struct actr__ice_path *path);
	void (*on_state)(void *owner, enum actr__ice_state state);
	/* A datagram that libnice read and that is not STUN. */
	void (*on_datagram)(void *owner, uint8_t *data, size_t size);
};

struct actr__ice_options {
	bool controlling;
	bool loopback;
	bool relay_only;
	uint16_t port_min, port_max;
	const actr_ice_server *servers; /* copied */
	size_t server_count;
};

int actr__ice_thread_new(struct actr__loop *loop, struct actr__ice_thread **ret, actr_error *err);
/* All agents must be closed. Joins the thread. NULL is fine; returns NULL. */
struct actr__ice_thread *actr__ice_thread_free(struct actr__ice_thread *thread);

/* Starts gathering. */
int actr__ice_new(struct actr__ice_thread *thread, const struct actr__ice_options *options,
		  const struct actr__ice_events *events, void *owner, struct actr__ice **ret,
		  actr_error *err);
/* The three that tell of the peer; lost only when memory is exhausted, which is the result then. */
int actr__ice_set_remote(struct actr__ice *ice, actr_bytes ufrag, actr_bytes pwd);
int actr__ice_add_candidate(struct actr__ice *ice, const struct actr__candidate *candidate);
int actr__ice_remote_done(struct actr__ice *ice);
/* Send through libnice: datagrams one behind the other. Returns how many were taken. */
size_t actr__ice_send(struct actr__ice *ice, const uint8_t *data, const uint16_t *sizes,
		      size_t count);
/* Frees it; its sockets go as soon as the ice thread comes to it. NULL is fine; returns NULL. */
struct actr__ice *actr__ice_close(struct actr__ice *ice);

#endif
