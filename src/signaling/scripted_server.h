/*
 * For tests: a signaling server on a virtual loop, for any number of nodes, that does what it is
 * told to. It speaks the original's protocol (reference.md 3); each frame takes latency_ms, each
 * way in order. A node's owner passes its connect, disconnect and send events on to its
 * scripted_node.
 */
#ifndef ACTR_SIGNALING_SCRIPTED_SERVER_H
#define ACTR_SIGNALING_SCRIPTED_SERVER_H

#include "signaling/signaling.h"

struct scripted_server {
	struct actr__loop *loop;
	struct actr__list nodes;
	struct actr__list frames; /* on their way to nodes */

	/* The script; wire codes of 0 mean success. */
	uint32_t latency_ms, interval_s, life_s;
	uint32_t register_error, ping_error, renew_error, discover_error, relay_error;
	const char *error_text;
	uint32_t envelope_error; /* answer everything so, without reply_for */
	bool fail_connections;	 /* lost from inside connect */
	bool refuse_connections; /* lost at once */
	bool ignore_connections; /* neither opened nor lost */
	bool silent;		 /* takes everything, answers nothing */
	bool fail_sends;	 /* send returns an error */
	bool renewal_changes_serial;
	bool resumes;		 /* says so, and takes an identity over on a new socket */
	bool check_credentials;	 /* 401 for any token but the last one given to the node */
	int64_t clock_offset_ms; /* of its time stamps */

	uint64_t next_serial;
	uint32_t key_id; /* of the next credential; counts up with each */
	unsigned connects, registers, pings, renewals, unregisters, discovers, subscribes,
		unsubscribes, relays;
	Actr__ServiceAvailabilityState last_availability;
	float last_power_reserve, last_mailbox_backlog;
	uint32_t last_key_id;
	char last_reason[64];
	char last_traceparent[64], last_tracestate[64]; /* "" for none */
};

struct scripted_node {
	struct actr__list link;
	struct scripted_server *server;
	struct actr__signaling *signaling; /* set by the owner */
	bool open, registered;
	uint64_t socket; /* number of the current one: frames of an older are dropped */
	actr_id id;
	uint32_t key_id;
	actr_type subscribed[4];
	size_t subscribed_count;
};

void scripted_server_init(struct scripted_server *server, struct actr__loop *loop);
/* Drops what is on its way. */
void scripted_server_done(struct scripted_server *server);
void scripted_node_init(struct scripted_node *node, struct scripted_server *server);
void scripted_node_done(struct scripted_node *node);

void scripted_node_connect(struct scripted_node *node);
void scripted_node_disconnect(struct scripted_node *node);
int scripted_node_send(struct scripted_node *node, actr_bytes envelope);

/* The network takes the socket away. */
void scripted_node_cut(struct scripted_node *node);
/* Send the node any bytes, or any envelope, after the latency. */
void scripted_node_deliver(struct scripted_node *node, actr_bytes bytes);
void scripted_node_push(struct scripted_node *node, Signaling__SignalingEnvelope *envelope);

#endif
