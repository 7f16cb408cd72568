/*
 * SCTP over DTLS (RFC 8261) with four pre-negotiated data channels (RFC 8831), without sockets:
 * packets in, packets out. Loop thread only.
 *
 * Events are called from the loop's deferred tasks only, never inside a call of this header, and
 * may close the association, but not free it before they return.
 */
#ifndef ACTR_WEBRTC_SCTP_INTERNAL_H
#define ACTR_WEBRTC_SCTP_INTERNAL_H

#include "loop/loop.h"
#include "protocol/protocol.h"

#define ACTR__SCTP_LANES 4u
/* Safe on every path that carries IPv6, through TURN as well: UDP payload 1,197. */
#define ACTR__SCTP_MTU 1160u
/* Within one machine. Its records and our buffers are made for it, those of other stacks are not.
 */
#define ACTR__SCTP_MTU_LOCAL 8192u

struct actr__sctp;
struct actr__sctp_stack;

/* The process's only one: usrsctp keeps its state in globals. ACTR_E_ALREADY_EXISTS. */
int actr__sctp_stack_new(struct actr__loop *loop, struct actr__sctp_stack **ret, actr_error *err);
/* All associations must be freed. NULL is fine; returns NULL. */
struct actr__sctp_stack *actr__sctp_stack_free(struct actr__sctp_stack *stack);

struct actr__sctp_events {
	void (*on_up)(void *owner);
	/* Once: lost, aborted or shut down by the peer. */
	void (*on_down)(void *owner, const actr_error *why);
	/* One reference passes to the owner. */
	void (*on_message)(void *owner, struct actr__msg *msg);
	/* A lane that refused a message has room. */
	void (*on_writable)(void *owner, unsigned lane);
	/* A packet to send, borrowed; after the last of a batch: on_flush. */
	void (*on_packet)(void *owner, const uint8_t *packet, size_t size);
	void (*on_flush)(void *owner);
};

struct actr__sctp_stats {
	uint64_t messages_sent, messages_received, bytes_sent, bytes_received;
	uint64_t packets_sent, packets_received, dropped, retransmits;
	uint32_t rtt_us;
};

/* Begins to connect. */
int actr__sctp_new(struct actr__sctp_stack *stack, const struct actr__sctp_events *events,
		   void *owner, struct actr__sctp **ret, actr_error *err);
/* Aborts it; the packets that say so are given to on_packet before this returns. NULL is fine. */
struct actr__sctp *actr__sctp_free(struct actr__sctp *sctp);
void actr__sctp_input(struct actr__sctp *sctp, const uint8_t *packet, size_t size);
/*
 * All or nothing. It leaves at the end of the loop's turn, together with the turn's other messages.
 * ACTR_E_WOULD_BLOCK: on_writable follows.
 */
int actr__sctp_send(struct actr__sctp *sctp, unsigned lane, actr_bytes message, actr_error *err);
size_t actr__sctp_buffered(const struct actr__sctp *sctp);
/* Both ends on one machine: large packets, and no limit on bursts. */
void actr__sctp_set_path(struct actr__sctp *sctp, bool is_local);
bool actr__sctp_is_up(const struct actr__sctp *sctp);
void actr__sctp_stats(const struct actr__sctp *sctp, struct actr__sctp_stats *ret);

/* --- shared by sctp_stack.c and sctp.c --- */

struct socket;

struct actr__sctp {
	struct actr__map_node node;
	uint64_t id; /* what usrsctp knows it by; never used again */
	struct actr__sctp_stack *stack;
	struct socket *socket; /* NULL once it is down */
	const struct actr__sctp_events *events;
	void *owner;
	struct actr__deferred turn_end;
	struct actr__buf out;  /* packets: size (uint16_t), bytes */
	struct actr__buf held; /* the turn's last message, see sctp.c */
	struct actr__buf part; /* of a message that usrsctp hands out in pieces */
	unsigned held_lane;
	bool has_held;
	bool discarding; /* the rest of a message that is too large */
	bool is_up, is_down;
	bool has_input;	  /* usrsctp told that something changed */
	bool is_delaying; /* usrsctp's Nagle algorithm is on */
	unsigned blocked; /* lanes, as bits */
	bool has_tsn;
	uint32_t highest_tsn; /* sent */
	struct actr__sctp_stats stats;
};

struct actr__loop *actr__sctp_stack_loop(const struct actr__sctp_stack *stack);
int actr__sctp_stack_add(struct actr__sctp_stack *stack, struct actr__sctp *sctp);
void actr__sctp_stack_remove(struct actr__sctp_stack *stack, struct actr__sctp *sctp);
/* Before anything is sent or received: timers need their fine tick. Not from usrsctp's callbacks.
 */
void actr__sctp_stack_touch(struct actr__sctp_stack *stack);
/* 64 KiB for the message that is being taken out of usrsctp. */
uint8_t *actr__sctp_stack_scratch(struct actr__sctp_stack *stack, size_t *ret_size);
/* Memory of packet buffers that are empty now; one is kept for the next association. */
void actr__sctp_stack_lend(struct actr__sctp_stack *stack, struct actr__buf *buf);
void actr__sctp_stack_return(struct actr__sctp_stack *stack, struct actr__buf *buf);

#endif
