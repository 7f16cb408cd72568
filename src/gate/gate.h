/*
 * Door of gate: what leaves and what comes in, and which answer belongs to which question.
 *
 * Outbound: a question is known by (peer, request id) before its bytes leave, so only the peer that
 * was asked can answer it. Inbound: an envelope is decoded once; an answer wakes its asker, a
 * question goes to the mailbox, what cannot be decoded to the dead letters, a chunk to the streams.
 * Loop thread only.
 */
#ifndef ACTR_GATE_H
#define ACTR_GATE_H

#include "base/base.h"
#include "loop/loop.h"
#include "mailbox/mailbox.h"
#include "protocol/protocol.h"
#include "transport/transport.h"

struct actr__gate;

/* A question that waits for its answer; embedded in the asker. */
struct actr__pending {
	struct actr__map_node node;
	struct actr__list link;	   /* all of the gate's */
	struct actr__gate *gate;   /* NULL: not waiting */
	const actr_id *peer;	   /* the asker's memory, stays */
	uint64_t session;	   /* it left on; 0 while queued */
	struct actr__send *queued; /* not sent yet; or NULL */
	const char *request_id;	   /* the asker's, stays */
	size_t request_id_size;
	/* Once: an answer (one reference passes, its envelope is decoded), or an error. */
	void (*on_end)(struct actr__pending *pending, struct actr__msg *answer,
		       const actr_error *err);
};

struct actr__gate_events {
	/* May this peer ask this? 0, or the code to refuse it with. */
	int (*admit)(void *owner, const actr_id *from, const struct actr__envelope *envelope,
		     actr_error *err);
	/* A message of a stream lane, undecoded; one reference passes. */
	void (*on_chunk)(void *owner, const actr_id *from, struct actr__msg *msg);
};

struct actr__gate_stats {
	uint64_t calls_out, tells_out, answers_out, answers_failed;
	uint64_t requests_in, tells_in, answers_in, chunks_in;
	uint64_t orphans;    /* answers that nobody waits for */
	uint64_t duplicates; /* of a request seen before */
	uint64_t undecodable, refused;
	uint64_t pending;
	uint64_t bytes_in, bytes_out;
};

/* The mailbox and the transport are the caller's and outlive the gate. */
int actr__gate_new(struct actr__loop *loop, struct actr__transport *transport,
		   struct actr__mailbox *mailbox, const struct actr__gate_events *events,
		   void *owner, struct actr__gate **ret_gate, actr_error *err);
/* Fails what is pending. NULL is fine; returns NULL. */
struct actr__gate *actr__gate_free(struct actr__gate *gate);

/*
 * Ask. `envelope` is complete but for direction; `to` and its request_id stay the asker's memory
 * until the end. On a negative result the pending is not waiting and on_end does not come.
 */
int actr__gate_call(struct actr__gate *gate, struct actr__pending *pending, const actr_id *to,
		    unsigned lane, struct actr__envelope *envelope, uint64_t deadline_ns,
		    actr_error *err);
/* The asker has lost interest (deadline, cancel): on_end does not come; a late answer is dropped.
 */
void actr__gate_cancel(struct actr__pending *pending);
/* Tell. 0: it has left; 1: queued, then on_done comes once; negative: refused. */
int actr__gate_tell(struct actr__gate *gate, const actr_id *to, unsigned lane,
		    struct actr__envelope *envelope, uint64_t deadline_ns,
		    void (*on_done)(void *user, const actr_error *err), void *user,
		    struct actr__send **ret_queued, actr_error *err);
/*
 * Answer a request of `to`; the request's id, route and trace are in the envelope. Kept and retried
 * for 2 s when the connection is recovering. Failures are counted and logged: nobody waits.
 */
void actr__gate_answer(struct actr__gate *gate, const actr_id *to, unsigned lane,
		       struct actr__envelope *envelope);
/* Answer a received request with an error, in its trace; a tell gets none. `gate` NULL: nobody can.
 */
void actr__gate_refuse(struct actr__gate *gate, const actr_id *to, const struct actr__msg *request,
		       int code, const char *message);
/* Send a message of a stream lane (or part of one) as it is; as actr__transport_send(). */
int actr__gate_send_chunk(struct actr__gate *gate, const actr_id *to, unsigned lane,
			  actr_bytes message, uint64_t deadline_ns,
			  void (*on_done)(void *user, const actr_error *err), void *user,
			  struct actr__send **ret_queued, actr_error *err);

/* Whether the connection to this peer is there and the peer is this library. */
bool actr__gate_peer_is_ours(const struct actr__gate *gate, const actr_id *to);

/*
 * Media, past the gate: tracks of the connection with `to`, each call as in struct actr__media_ops.
 * ACTR_E_UNAVAILABLE when there is no connection, UNIMPLEMENTED when it carries no media.
 */
/* Connects first if need be. */
int actr__gate_add_track(struct actr__gate *gate, const actr_id *to,
			 const struct actr__track_spec *spec, void *user,
			 struct actr__wire_track **ret_track, actr_error *err);
/* The connection that the track was added to must not have been told as lost. */
void actr__gate_remove_track(struct actr__gate *gate, const actr_id *to,
			     struct actr__wire_track *track);
int actr__gate_send_sample(struct actr__gate *gate, const actr_id *to,
			   struct actr__wire_track *track, const actr_sample *sample,
			   actr_error *err);
void actr__gate_track_counters(const struct actr__gate *gate, const actr_id *to,
			       const struct actr__wire_track *track,
			       struct actr__track_counters *ret);
int actr__gate_request_key_frame(struct actr__gate *gate, const actr_id *from, const char *track_id,
				 actr_error *err);
/* Samples of peers are wanted from now on. */
void actr__gate_want_media(struct actr__gate *gate);

/* Bytes that wait for this peer on a lane, here and in the wire. */
size_t actr__gate_buffered(const struct actr__gate *gate, const actr_id *to, unsigned lane);

/* From the transport's events. */
void actr__gate_receive(struct actr__gate *gate, const actr_id *from, struct actr__msg *msg);
void actr__gate_lost(struct actr__gate *gate, const actr_id *id, uint64_t session,
		     const actr_error *why);

void actr__gate_stats(const struct actr__gate *gate, struct actr__gate_stats *ret);

#endif
