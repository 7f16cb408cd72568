#ifndef ACTR_GATE_INTERNAL_H
#define ACTR_GATE_INTERNAL_H

#include "gate/gate.h"

/* --- seen.c: requests that came in lately, with their answers --- */

struct seen {
	struct actr__map map;
	struct actr__list order; /* oldest first */
	size_t answer_bytes;
};

enum seen_verdict {
	SEEN_NEW,      /* remembered now */
	SEEN_RUNNING,  /* its first copy has no answer yet */
	SEEN_ANSWERED, /* *ret_answer is the encoded answer, or empty when it is no longer kept */
};

void seen_init(struct seen *seen);
void seen_done(struct seen *seen);
enum seen_verdict seen_check(struct seen *seen, const actr_id *from, actr_bytes request_id,
			     uint64_t now_ns, actr_bytes *ret_answer);
void seen_answered(struct seen *seen, const actr_id *from, actr_bytes request_id,
		   actr_bytes answer);
/* It was refused before it ran: the same id may come again. */
void seen_forget(struct seen *seen, const actr_id *from, actr_bytes request_id);

/* --- ended.c: own questions that ended without an answer, and tells --- */

#define ENDED_COUNT 4096

struct ended {
	uint64_t ring[ENDED_COUNT];
	size_t next;
};

void ended_add(struct ended *ended, uint64_t key);
bool ended_has(const struct ended *ended, uint64_t key);

struct actr__gate {
	struct actr__loop *loop;
	struct actr__transport *transport;
	struct actr__mailbox *mailbox;
	const struct actr__gate_events *events;
	void *owner;
	struct actr__map pending;
	struct actr__list pending_list;
	struct seen seen;
	struct ended ended;
	struct actr__gate_stats stats;
	uint8_t scratch[ACTR__MESSAGE_MAX];
};

/* What a record about this envelope is marked with; they point into `ret`. */
struct envelope_ids {
	struct actr__log_ids ids;
	char request_id[ACTR__REQUEST_ID_MAX + 1], trace_id[33];
};
const struct actr__log_ids *envelope_ids(const struct actr__envelope *envelope,
					 struct envelope_ids *ret);
/* Key of (peer, request id) in all three tables. */
uint64_t exchange_hash(const actr_id *peer, actr_bytes request_id);
/* Encode into the gate's scratch; ACTR_E_TOO_LARGE. */
int encode(struct actr__gate *gate, const struct actr__envelope *envelope, actr_bytes *ret_bytes,
	   actr_error *err);
/* Take the pending out of the tables and end it. */
void pending_end(struct actr__pending *pending, struct actr__msg *answer, const actr_error *err);
struct actr__pending *pending_find(struct actr__gate *gate, const actr_id *peer,
				   actr_bytes request_id);

#endif
