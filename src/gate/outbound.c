/*
 * What leaves: questions, tells, answers, chunks.
 *
 * A pending entry is made before the bytes leave and ended exactly once by one of: answer, refused
 * or failed send, lost session, cancel, free. Whoever ends it takes it out of the tables first, so
 * the others find nothing.
 */
#include "gate/gate_internal.h"

#define MAX_PENDING    1000000
#define ANSWER_KEPT_NS (2000ull * 1000000) /* defect 44 */

uint64_t exchange_hash(const actr_id *peer, actr_bytes request_id)
{
	return actr__hash(request_id.data, request_id.size) ^ actr__id_hash(peer);
}

int actr__gate_new(struct actr__loop *loop, struct actr__transport *transport,
		   struct actr__mailbox *mailbox, const struct actr__gate_events *events,
		   void *owner, struct actr__gate **ret_gate, actr_error *err)
{
	struct actr__gate *gate = actr__new0(struct actr__gate);

	if (!gate)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make the gate");
	gate->loop = loop;
	gate->transport = transport;
	gate->mailbox = mailbox;
	gate->events = events;
	gate->owner = owner;
	actr__map_init(&gate->pending, MAX_PENDING);
	actr__list_init(&gate->pending_list);
	seen_init(&gate->seen);
	*ret_gate = gate;
	return 0;
}

struct actr__gate *actr__gate_free(struct actr__gate *gate)
{
	actr_error why = ACTR_ERROR_INIT;

	if (!gate)
		return NULL;
	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "the node is shutting down");
	while (!actr__list_empty(&gate->pending_list))
		pending_end(container_of(gate->pending_list.next, struct actr__pending, link), NULL,
			    &why);
	actr__map_done(&gate->pending);
	seen_done(&gate->seen);
	actr__free(gate);
	return NULL;
}

int encode(struct actr__gate *gate, const struct actr__envelope *envelope, actr_bytes *ret_bytes,
	   actr_error *err)
{
	size_t size = actr__envelope_size(envelope);

	if (size > sizeof gate->scratch)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE,
				 "a message of %zu bytes is over the limit of %zu: use a stream",
				 size, sizeof gate->scratch);
	actr__envelope_encode(envelope, gate->scratch, NULL);
	*ret_bytes = actr__bytes(gate->scratch, size);
	gate->stats.bytes_out += size;
	return 0;
}

/* --- pending --- */

struct pending_key {
	const actr_id *peer;
	actr_bytes request_id;
};

static bool match_pending(const struct actr__map_node *node, const void *arg)
{
	const struct actr__pending *p = container_of(node, struct actr__pending, node);
	const struct pending_key *key = arg;

	return actr__id_same(p->peer, key->peer) && p->request_id_size == key->request_id.size &&
	       !memcmp(p->request_id, key->request_id.data, p->request_id_size);
}

struct actr__pending *pending_find(struct actr__gate *gate, const actr_id *peer,
				   actr_bytes request_id)
{
	struct pending_key key = {peer, request_id};
	struct actr__map_node *node = actr__map_find(
		&gate->pending, exchange_hash(peer, request_id), match_pending, &key);

	return node ? container_of(node, struct actr__pending, node) : NULL;
}

static void pending_take_out(struct actr__pending *p)
{
	actr__map_remove(&p->gate->pending, &p->node);
	actr__list_remove(&p->link);
	p->gate = NULL;
	if (p->queued)
		actr__send_cancel(TAKE(p->queued));
}

void pending_end(struct actr__pending *p, struct actr__msg *answer, const actr_error *err)
{
	pending_take_out(p);
	p->on_end(p, answer, err);
}

void actr__gate_cancel(struct actr__pending *p)
{
	if (!p->gate)
		return;
	ended_add(&p->gate->ended, p->node.hash);
	pending_take_out(p);
}

static void on_question_left(void *user, const actr_error *err)
{
	struct actr__pending *p = user;

	p->queued = NULL;
	if (err)
		pending_end(p, NULL, err);
	else
		p->session = actr__transport_session(p->gate->transport, p->peer);
}

int actr__gate_call(struct actr__gate *gate, struct actr__pending *p, const actr_id *to,
		    unsigned lane, struct actr__envelope *envelope, uint64_t deadline_ns,
		    actr_error *err)
{
	actr_bytes bytes;
	int rc;

	envelope->direction = ACTR__DIRECTION_REQUEST;
	ACTR_TRY(encode(gate, envelope, &bytes, err));
	p->peer = to;
	p->request_id = (const char *)envelope->request_id.data;
	p->request_id_size = envelope->request_id.size;
	p->session = 0;
	p->queued = NULL;
	rc = actr__map_insert(&gate->pending, &p->node, exchange_hash(to, envelope->request_id));
	if (rc < 0)
		return ACTR_FAIL(err, rc, "%zu calls are waiting already", gate->pending.count);
	p->gate = gate;
	actr__list_push(&gate->pending_list, &p->link);
	rc = actr__transport_send(gate->transport, to, lane, bytes, deadline_ns, on_question_left,
				  p, &p->queued, err);
	if (rc < 0) {
		if (p->gate)
			pending_take_out(p);
		return rc;
	}
	gate->stats.calls_out++;
	if (rc == 0)
		p->session = actr__transport_session(gate->transport, to);
	return 0;
}

/* --- tell, answer, chunk --- */

int actr__gate_tell(struct actr__gate *gate, const actr_id *to, unsigned lane,
		    struct actr__envelope *envelope, uint64_t deadline_ns,
		    void (*on_done)(void *, const actr_error *), void *user,
		    struct actr__send **ret_queued, actr_error *err)
{
	actr_bytes bytes;

	envelope->direction = ACTR__DIRECTION_TELL;
	envelope->timeout_ms = 0;
	ACTR_TRY(encode(gate, envelope, &bytes, err));
	ended_add(&gate->ended, exchange_hash(to, envelope->request_id));
	gate->stats.tells_out++;
	return actr__transport_send(gate->transport, to, lane, bytes, deadline_ns, on_done, user,
				    ret_queued, err);
}

static void answer_failed(struct actr__gate *gate, const actr_error *err)
{
	gate->stats.answers_failed++;
	ACTR_ERR(7, "transport_error", "what=answer_lost cause=\"%s\"", err->message);
}

static void on_answer_left(void *user, const actr_error *err)
{
	if (err)
		answer_failed(user, err);
}

static void send_answer(struct actr__gate *gate, const actr_id *to, unsigned lane, actr_bytes bytes)
{
	actr_error err = ACTR_ERROR_INIT;

	gate->stats.answers_out++;
	if (actr__transport_send(gate->transport, to, lane, bytes,
				 actr__loop_now_ns(gate->loop) + ANSWER_KEPT_NS, on_answer_left,
				 gate, NULL, &err) < 0)
		answer_failed(gate, &err);
}

void actr__gate_answer(struct actr__gate *gate, const actr_id *to, unsigned lane,
		       struct actr__envelope *envelope)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_bytes bytes;

	envelope->direction = ACTR__DIRECTION_RESPONSE;
	envelope->timeout_ms = 0;
	if (encode(gate, envelope, &bytes, &err) < 0) {
		/* The answer does not fit into a message: say so instead. */
		envelope->has_payload = false;
		envelope->payload = actr__bytes(NULL, 0);
		envelope->has_error = true;
		envelope->error_code = actr_error_to_wire(err.code);
		envelope->error_message = actr__text(err.message);
		if (encode(gate, envelope, &bytes, &err) < 0) {
			answer_failed(gate, &err);
			return;
		}
	}
	seen_answered(&gate->seen, to, envelope->request_id, bytes);
	send_answer(gate, to, lane, bytes);
}

int actr__gate_send_chunk(struct actr__gate *gate, const actr_id *to, unsigned lane,
			  actr_bytes message, uint64_t deadline_ns,
			  void (*on_done)(void *, const actr_error *), void *user,
			  struct actr__send **ret_queued, actr_error *err)
{
	gate->stats.bytes_out += message.size;
	return actr__transport_send(gate->transport, to, lane, message, deadline_ns, on_done, user,
				    ret_queued, err);
}

bool actr__gate_peer_is_ours(const struct actr__gate *gate, const actr_id *to)
{
	const struct actr__wire *wire = actr__transport_wire(gate->transport, to);

	return wire && wire->joins_parts;
}

size_t actr__gate_buffered(const struct actr__gate *gate, const actr_id *to, unsigned lane)
{
	return actr__transport_buffered(gate->transport, to, lane);
}

void actr__gate_stats(const struct actr__gate *gate, struct actr__gate_stats *ret)
{
	*ret = gate->stats;
	ret->pending = gate->pending.count;
}
