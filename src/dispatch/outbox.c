/*
 * Outboxes: chunks that leave, one queue for each peer and lane, and behind it the flows (flow.c)
 * in which those wait whose receiver is slow.
 *
 * Only the first chunk's next message is in the transport at a time; the next one follows when that
 * has left. So chunks and their parts leave in the order in which they were sent, a stream takes no
 * more of the peer's queue than one message, and a sender that waits for its call feels the
 * congestion. An outbox exists while something waits in it. On the latency-first lane a chunk that
 * would have to wait behind others is dropped instead. Loop thread only.
 */
#include "dispatch/credit_internal.h"

#define MAX_BYTES	(16u * 1024 * 1024) /* of chunks that wait in one outbox */
#define CONGESTED_BYTES (256u * 1024)	    /* in the wire, for the latency-first lane */

struct outbox {
	struct actr__map_node node;
	struct actr__endpoint *endpoint;
	actr_id peer;
	unsigned lane;
	struct actr__list calls;
	size_t bytes;
	struct actr__send *queued; /* message of the first call in the transport; or NULL */
	bool running;		   /* run() is under way below us */
};

struct key {
	const actr_id *peer;
	unsigned lane;
};

static bool match(const struct actr__map_node *node, const void *arg)
{
	const struct outbox *ob = container_of(node, struct outbox, node);
	const struct key *key = arg;

	return ob->lane == key->lane && actr__id_same(&ob->peer, key->peer);
}

static uint64_t hash(const actr_id *peer, unsigned lane)
{
	return actr__id_hash(peer) ^ lane;
}

static struct outbox *find(struct actr__endpoint *ep, const actr_id *peer, unsigned lane)
{
	struct key key = {peer, lane};
	struct actr__map_node *node =
		actr__map_find(&ep->streams.outboxes, hash(peer, lane), match, &key);

	return node ? container_of(node, struct outbox, node) : NULL;
}

static struct outbox *outbox_new(struct actr__endpoint *ep, const actr_id *peer, unsigned lane)
{
	struct outbox *ob = actr__new0(struct outbox);

	if (!ob)
		return NULL;
	ob->endpoint = ep;
	ob->peer = *peer;
	ob->lane = lane;
	actr__list_init(&ob->calls);
	if (actr__map_insert(&ep->streams.outboxes, &ob->node, hash(peer, lane)) < 0) {
		actr__free(ob);
		return NULL;
	}
	return ob;
}

static void settle(struct outbox *ob)
{
	if (ob->running || !actr__list_empty(&ob->calls))
		return;
	actr__map_remove(&ob->endpoint->streams.outboxes, &ob->node);
	actr__free(ob);
}

static actr_call *first(struct outbox *ob)
{
	return container_of(ob->calls.next, actr_call, chunk.link);
}

static void take_out(struct outbox *ob, actr_call *call)
{
	actr__list_remove(&call->chunk.link);
	call->chunk.outbox = NULL;
	ob->bytes -= call->payload_size;
}

/* The first call's message has left, or never will. */
static void message_ended(struct outbox *ob, const actr_error *err)
{
	actr_call *call = first(ob);
	actr_bytes message;

	if (err) {
		take_out(ob, call);
		call_not_sent(call, call->chunk.sent > 0, err);
		return;
	}
	message = chunk_next(call, &call->chunk.at);
	if (ob->lane == ACTR_LANE_STREAM_RELIABLE)
		flow_charge(call, message.size);
	if (++call->chunk.sent < call->chunk.parts)
		return;
	take_out(ob, call);
	atomic_fetch_add_explicit(&ob->endpoint->streams.sent, 1, memory_order_relaxed);
	call_end(call, 0, NULL);
}

static void run(struct outbox *ob);

static void on_left(void *user, const actr_error *err)
{
	struct outbox *ob = user;

	ob->queued = NULL;
	if (ob->running) { /* inside send_first(): the rest is run()'s */
		message_ended(ob, err);
		return;
	}
	ob->running = true;
	message_ended(ob, err);
	ob->running = false;
	run(ob);
}

static void send_first(struct outbox *ob)
{
	actr_call *call = first(ob);
	size_t at = call->chunk.at;
	actr_bytes message = chunk_next(call, &at);
	unsigned lane = ob->lane | (call->chunk.parts > 1 ? ACTR__SEND_PART : 0);
	actr_error err = ACTR_ERROR_INIT;
	int rc = actr__gate_send_chunk(ob->endpoint->gate, &ob->peer, lane, message,
				       call->deadline_ns, on_left, ob, &ob->queued, &err);

	if (rc <= 0)
		message_ended(ob, rc < 0 ? &err : NULL);
}

/* A chunk that has begun goes to its end. */
static bool has_begun(struct outbox *ob)
{
	return ob->queued || first(ob)->chunk.sent;
}

static void begin_first(struct outbox *ob)
{
	actr_call *call = first(ob);

	if (ob->lane == ACTR_LANE_STREAM_RELIABLE && !has_begun(ob) && flow_blocks(call)) {
		take_out(ob, call);
		flow_wait(call);
	} else {
		send_first(ob);
	}
}

static void run(struct outbox *ob)
{
	if (ob->running)
		return;
	ob->running = true;
	while (!actr__list_empty(&ob->calls) && !ob->queued && ob->endpoint->gate &&
	       !ob->endpoint->closing)
		begin_first(ob);
	ob->running = false;
	settle(ob);
}

static void refuse(actr_call *call, int code, const char *why)
{
	actr_error err = ACTR_ERROR_INIT;

	ACTR_FAIL(&err, code, "%s", why);
	call_end(call, code, &err);
}

static void add(struct outbox *ob, actr_call *call)
{
	call->chunk.outbox = ob;
	actr__list_push(&ob->calls, &call->chunk.link);
	ob->bytes += call->payload_size;
}

void outbox_send(actr_call *call)
{
	struct actr__endpoint *ep = call->ref->endpoint;
	unsigned lane = call->chunk.lane;
	struct outbox *ob;
	int rc = 0;

	if (!ep->gate) {
		refuse(call, ACTR_E_STATE, "the node is not started");
		return;
	}
	call->chunk.at = call->chunk.sent = 0;
	if (lane == ACTR_LANE_STREAM_RELIABLE)
		rc = flow_joins(call);
	if (rc < 0)
		refuse(call, rc, "16 MiB of chunks wait for this slow receiver already");
	if (rc)
		return;
	ob = find(ep, &call->peer, lane);
	if (lane == ACTR_LANE_STREAM_LATENCY_FIRST &&
	    (ob || actr__gate_buffered(ep->gate, &call->peer, lane) > CONGESTED_BYTES)) {
		atomic_fetch_add_explicit(&ep->streams.send_dropped, 1, memory_order_relaxed);
		refuse(call, ACTR_E_RESOURCE_EXHAUSTED, "dropped: the lane is congested");
		return;
	}
	if (ob && ob->bytes + call->payload_size > MAX_BYTES) {
		refuse(call, ACTR_E_RESOURCE_EXHAUSTED,
		       "16 MiB of chunks wait for this peer already: wait for on_done");
		return;
	}
	if (!ob && !(ob = outbox_new(ep, &call->peer, lane))) {
		refuse(call, ACTR_E_NOMEM, "no memory to queue a chunk");
		return;
	}
	add(ob, call);
	if (!ob->queued)
		run(ob);
}

/* Before those of their stream that did not have their turn yet, behind a chunk that has begun. */
void outbox_resume(struct actr__endpoint *ep, const actr_id *peer, struct actr__list *calls)
{
	struct outbox *ob = find(ep, peer, ACTR_LANE_STREAM_RELIABLE);
	struct actr__list behind, *link, *begun = NULL;

	if (!ob && !(ob = outbox_new(ep, peer, ACTR_LANE_STREAM_RELIABLE))) {
		while ((link = actr__list_pop(calls)))
			refuse(container_of(link, actr_call, chunk.link), ACTR_E_NOMEM,
			       "no memory to queue a chunk");
		return;
	}
	if (!actr__list_empty(&ob->calls) && has_begun(ob))
		begun = actr__list_pop(&ob->calls);
	actr__list_init(&behind);
	actr__list_splice(&behind, &ob->calls);
	if (begun)
		actr__list_push(&ob->calls, begun);
	while ((link = actr__list_pop(calls)))
		add(ob, container_of(link, actr_call, chunk.link));
	actr__list_splice(&ob->calls, &behind);
	if (!ob->queued)
		run(ob);
}

void outbox_forget(actr_call *call)
{
	struct outbox *ob = call->chunk.outbox;

	flow_forget(call);
	if (!ob)
		return;
	if (call == first(ob) && ob->queued)
		actr__send_cancel(TAKE(ob->queued));
	take_out(ob, call);
	if (!ob->queued)
		run(ob);
}
