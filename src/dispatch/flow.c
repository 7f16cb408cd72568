/*
 * Flows: how far the receiver of a stream lets us go.
 *
 * A flow is one stream to one peer of this library, from its first chunk that has left. It counts
 * what has left in this session, against the limit that the receiver has granted. A chunk begins
 * while any of that is left, then goes to its end: so at most one is under way in parts. One that
 * may not begin waits here, in order, and the others of its stream behind it, while other streams
 * go on; the receiver is asked, and asked again each second. When the session is lost, both sides
 * begin anew. A flow that is forgotten for want of room begins anew too, which lets through
 * CREDIT_INITIAL at most. Loop thread only.
 */
#include "dispatch/credit_internal.h"

#define MAX_FLOWS    4096
#define MAX_BYTES    (16u * 1024 * 1024) /* of chunks that wait in one flow */
#define ASK_AGAIN_MS 1000

struct flow {
	struct actr__map_node node;
	struct actr__list used_link;	/* least recently used first */
	struct actr__list blocked_link; /* calls wait */
	struct actr__list calls;
	size_t bytes; /* of the calls */
	uint64_t sent, limit;
	actr_id peer;
	size_t id_size;
	char id[];
};

struct key {
	const actr_id *peer;
	actr_bytes id;
};

static bool match(const struct actr__map_node *node, const void *arg)
{
	const struct flow *flow = container_of(node, struct flow, node);
	const struct key *key = arg;

	return actr__id_same(&flow->peer, key->peer) && flow->id_size == key->id.size &&
	       !memcmp(flow->id, key->id.data, key->id.size);
}

static uint64_t hash(const actr_id *peer, actr_bytes id)
{
	return actr__hash(id.data, id.size) ^ actr__id_hash(peer);
}

static struct flow *find(struct actr__streams *streams, const actr_id *peer, actr_bytes id)
{
	struct key key = {peer, id};
	struct actr__map_node *node = actr__map_find(&streams->flows, hash(peer, id), match, &key);

	return node ? container_of(node, struct flow, node) : NULL;
}

static void drop(struct actr__streams *streams, struct flow *flow)
{
	actr__map_remove(&streams->flows, &flow->node);
	actr__list_remove(&flow->used_link);
	actr__free(flow);
}

static void make_room(struct actr__streams *streams)
{
	if (streams->flows.count < MAX_FLOWS)
		return;
	actr__list_each(link, &streams->flows_used)
	{
		struct flow *flow = container_of(link, struct flow, used_link);

		if (actr__list_empty(&flow->calls)) {
			drop(streams, flow);
			return;
		}
	}
}

static struct flow *flow_new(struct actr__streams *streams, const actr_id *peer, actr_bytes id)
{
	struct flow *flow;

	make_room(streams);
	flow = actr__alloc0(sizeof *flow + id.size);
	if (!flow)
		return NULL;
	if (actr__map_insert(&streams->flows, &flow->node, hash(peer, id)) < 0) {
		actr__free(flow);
		return NULL;
	}
	flow->peer = *peer;
	flow->limit = CREDIT_INITIAL;
	flow->id_size = id.size;
	memcpy(flow->id, id.data, id.size);
	actr__list_init(&flow->calls);
	actr__list_init(&flow->blocked_link);
	actr__list_push(&streams->flows_used, &flow->used_link);
	return flow;
}

/* --- waiting --- */

static void ask(struct actr__endpoint *ep, const struct flow *flow)
{
	struct credit credit = {.asks = true, .bytes = flow->sent};
	actr_id peer = flow->peer;

	if (credit_applies(ep, &peer)) /* one that cannot leave is sent again */
		(void)credit_send(ep, &peer, actr__bytes((const uint8_t *)flow->id, flow->id_size),
				  &credit, NULL);
}

static void on_ask_again(struct actr__timer *timer)
{
	struct actr__streams *streams = container_of(timer, struct actr__streams, ask_again);
	struct actr__endpoint *ep = container_of(streams, struct actr__endpoint, streams);

	if (actr__list_empty(&streams->blocked))
		return;
	/* It was armed a moment ago: there is room in the heap. */
	(void)actr__timer_set(ep->loop, timer, ASK_AGAIN_MS);
	actr__list_each(link, &streams->blocked)
		ask(ep, container_of(link, struct flow, blocked_link));
}

static void add(struct actr__streams *streams, struct flow *flow, actr_call *call)
{
	if (actr__list_empty(&flow->calls))
		actr__list_push(&streams->blocked, &flow->blocked_link);
	actr__list_push(&flow->calls, &call->chunk.link);
	flow->bytes += call->payload_size;
	call->chunk.flow = flow;
	stream_count(&streams->send_waited);
}

static void take_out(struct flow *flow, actr_call *call)
{
	actr__list_remove(&call->chunk.link);
	call->chunk.flow = NULL;
	flow->bytes -= call->payload_size;
	if (actr__list_empty(&flow->calls))
		actr__list_remove(&flow->blocked_link);
}

void flow_forget(actr_call *call)
{
	if (call->chunk.flow)
		take_out(call->chunk.flow, call);
}

int flow_joins(actr_call *call)
{
	struct actr__streams *streams = &call->ref->endpoint->streams;
	struct flow *flow;

	if (actr__list_empty(&streams->blocked))
		return 0;
	flow = find(streams, &call->peer, call->chunk.stream_id);
	if (!flow || actr__list_empty(&flow->calls))
		return 0;
	if (flow->bytes + call->payload_size > MAX_BYTES)
		return ACTR_E_RESOURCE_EXHAUSTED;
	add(streams, flow, call);
	return 1;
}

bool flow_blocks(actr_call *call)
{
	struct actr__endpoint *ep = call->ref->endpoint;
	struct actr__streams *streams = &ep->streams;
	struct flow *flow = find(streams, &call->peer, call->chunk.stream_id);

	if (!flow || (actr__list_empty(&flow->calls) && flow->sent < flow->limit))
		return false;
	/* Without it nobody would wake the chunk: then the receiver's bounds have to do. */
	return actr__timer_is_set(&streams->ask_again) ||
	       actr__timer_set(ep->loop, &streams->ask_again, ASK_AGAIN_MS) == 0;
}

void flow_wait(actr_call *call)
{
	struct actr__endpoint *ep = call->ref->endpoint;
	struct flow *flow = find(&ep->streams, &call->peer, call->chunk.stream_id);
	bool first = actr__list_empty(&flow->calls);

	add(&ep->streams, flow, call);
	if (first)
		ask(ep, flow);
}

/* --- counting --- */

void flow_charge(actr_call *call, size_t message_size)
{
	struct actr__endpoint *ep = call->ref->endpoint;
	struct actr__streams *streams = &ep->streams;
	struct flow *flow;

	if (!credit_applies(ep, &call->peer))
		return;
	flow = find(streams, &call->peer, call->chunk.stream_id);
	if (!flow)
		flow = flow_new(streams, &call->peer, call->chunk.stream_id);
	if (!flow)
		return;
	flow->sent += credit_cost(message_size);
	actr__list_remove(&flow->used_link);
	actr__list_push(&streams->flows_used, &flow->used_link);
}

/* Whatever waits for nothing any more goes back to its outbox. */
static void on_release(struct actr__deferred *deferred)
{
	struct actr__streams *streams = container_of(deferred, struct actr__streams, release);
	struct actr__endpoint *ep = container_of(streams, struct actr__endpoint, streams);
	struct actr__list blocked, calls, *link;

	actr__list_init(&blocked);
	actr__list_splice(&blocked, &streams->blocked);
	while ((link = actr__list_pop(&blocked))) {
		struct flow *flow = container_of(link, struct flow, blocked_link);
		actr_id peer = flow->peer;

		if (flow->sent >= flow->limit) {
			actr__list_push(&streams->blocked, link);
			continue;
		}
		actr__list_init(&calls);
		while ((link = actr__list_pop(&flow->calls))) {
			actr_call *call = container_of(link, actr_call, chunk.link);

			call->chunk.flow = NULL;
			actr__list_push(&calls, link);
		}
		flow->bytes = 0;
		outbox_resume(ep, &peer, &calls);
	}
}

void flow_granted(struct actr__endpoint *ep, const actr_id *peer, actr_bytes id, uint64_t bytes)
{
	struct actr__streams *streams = &ep->streams;
	struct flow *flow = find(streams, peer, id);

	if (!flow || bytes <= flow->limit)
		return;
	flow->limit = bytes;
	if (!actr__list_empty(&flow->calls))
		actr__loop_defer(ep->loop, &streams->release);
}

void flows_lost(struct actr__endpoint *ep, const actr_id *peer)
{
	struct actr__streams *streams = &ep->streams;

	actr__list_each(link, &streams->flows_used)
	{
		struct flow *flow = container_of(link, struct flow, used_link);

		if (!actr__id_same(&flow->peer, peer))
			continue;
		flow->sent = 0;
		flow->limit = CREDIT_INITIAL;
		if (actr__list_empty(&flow->calls))
			drop(streams, flow);
		else
			actr__loop_defer(ep->loop, &streams->release);
	}
}

void flows_init(struct actr__streams *streams)
{
	actr__map_init(&streams->flows, MAX_FLOWS);
	actr__list_init(&streams->flows_used);
	actr__list_init(&streams->blocked);
	actr__deferred_init(&streams->release, on_release);
	actr__timer_init(&streams->ask_again, on_ask_again);
}

void flows_stop(struct actr__endpoint *ep)
{
	actr__timer_stop(ep->loop, &ep->streams.ask_again);
}

void flows_done(struct actr__streams *streams)
{
	actr__loop_cancel_deferred(&streams->release);
	actr__list_each(link, &streams->flows_used)
		drop(streams, container_of(link, struct flow, used_link));
	actr__map_done(&streams->flows);
}
