/*
 * A snapshot of everything that is counted, taken in one task on the loop: there the counters
 * belong and nothing moves while they are copied. What may grow in number or in later versions
 * (peers, streams, media) is in one block that the snapshot owns.
 */
#include "lifecycle/lifecycle_internal.h"

/* --- the owned block --- */

struct owned {
	actr_stream_stats streams;
	actr_media_stats media;
	size_t peer_room, peer_count;
	const actr_metrics_peer **index;
	actr_metrics_peer peers[];
};

static struct owned *owned_new(size_t peer_room)
{
	size_t each = sizeof(actr_metrics_peer) + sizeof(actr_metrics_peer *), size;
	struct owned *owned;

	if (!actr__mul_ok(peer_room, each, &size) || !actr__add_ok(size, sizeof *owned, &size) ||
	    !(owned = actr__alloc0(size)))
		return NULL;
	owned->streams.size = sizeof owned->streams;
	owned->media.size = sizeof owned->media;
	owned->peer_room = peer_room;
	owned->index = (const actr_metrics_peer **)(void *)&owned->peers[peer_room];
	return owned;
}

void actr_metrics_clear(actr_metrics *metrics)
{
	size_t size = metrics ? metrics->size : 0;

	if (size < offsetof(actr_metrics, id))
		return;
	actr__free(metrics->owned);
	memset(metrics, 0, size < sizeof *metrics ? size : sizeof *metrics);
	metrics->size = size;
}

/* --- rooms, from the calls down to the wires (loop) --- */

static uint64_t sum(const uint64_t *values)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < ACTR_METRICS_OUTCOMES; i++)
		total += values[i];
	return total;
}

static void gather_calls(struct actr__endpoint *ep, actr_metrics *m)
{
	const struct actr__call_stats *stats = &ep->stats;
	uint64_t calls = atomic_load_explicit(&ep->refused[0], memory_order_relaxed);
	uint64_t tells = atomic_load_explicit(&ep->refused[1], memory_order_relaxed);

	m->calls_started = stats->calls_started + calls;
	memcpy(m->calls_done, stats->calls_done, sizeof m->calls_done);
	m->calls_done[-ACTR_E_RESOURCE_EXHAUSTED] += calls;
	m->calls_running = m->calls_started - sum(m->calls_done);
	m->tells_started = stats->tells_started + tells;
	memcpy(m->tells_done, stats->tells_done, sizeof m->tells_done);
	m->tells_done[-ACTR_E_RESOURCE_EXHAUSTED] += tells;
	m->tells_running = m->tells_started - sum(m->tells_done);
	m->call_time = stats->remote_time;
	m->local_call_time = stats->local_time;
}

static void gather_spans(const struct actr__tracer *tracer, actr_metrics *m)
{
	struct actr__tracer_stats stats;

	if (!tracer)
		return;
	actr__tracer_stats(tracer, &stats);
	m->spans_waiting = stats.waiting;
	m->spans_exported = stats.exported;
	m->spans_dropped = stats.rejected + stats.dropped_full + stats.dropped_failed;
}

static void gather_requests(const struct actr__dispatcher *dispatcher, actr_metrics *m)
{
	struct actr__dispatcher_stats stats;

	if (!dispatcher)
		return;
	actr__dispatcher_stats(dispatcher, &stats);
	m->requests_started += stats.dispatched;
	m->requests_in_flight += stats.in_flight;
	m->requests_done[0] += stats.answered;
	for (unsigned i = 1; i < ACTR_METRICS_OUTCOMES; i++)
		m->requests_done[i] += stats.failed_by[i];
	m->requests_expired += stats.expired;
	m->requests_unknown_route += stats.unknown_route;
	actr__histogram_merge(&m->handler_time, &stats.handler_time);
	actr__histogram_merge(&m->mailbox_time, &stats.mailbox_time);
}

static void gather_gate(const struct actr__gate *gate, actr_metrics *m)
{
	struct actr__gate_stats stats;

	if (!gate)
		return;
	actr__gate_stats(gate, &stats);
	m->requests_refused = stats.refused;
	m->requests_received = stats.requests_in;
	m->tells_received = stats.tells_in;
	m->answers_received = stats.answers_in;
	m->chunks_received = stats.chunks_in;
	m->requests_sent = stats.calls_out;
	m->tells_sent = stats.tells_out;
	m->answers_sent = stats.answers_out;
	m->answers_lost = stats.answers_failed;
	m->duplicates = stats.duplicates;
	m->orphan_answers = stats.orphans;
	m->undecodable = stats.undecodable;
	m->answers_awaited = stats.pending;
	m->message_bytes_received = stats.bytes_in;
	m->message_bytes_sent = stats.bytes_out;
}

static uint64_t age_ms(int64_t since_ms)
{
	int64_t now = actr__clock_wall_ms();

	return since_ms && now > since_ms ? (uint64_t)(now - since_ms) : 0;
}

static void gather_mailbox(const struct actr__mailbox *mailbox, actr_metrics *m)
{
	struct actr__mailbox_stats stats;

	if (!mailbox)
		return;
	actr__mailbox_stats(mailbox, &stats);
	m->mailbox_waiting = stats.queued;
	memcpy(m->mailbox_waiting_class, stats.queued_class, sizeof m->mailbox_waiting_class);
	m->mailbox_in_flight = stats.in_flight;
	m->mailbox_bytes = stats.bytes;
	m->mailbox_oldest_ms = age_ms(stats.oldest_ms);
	m->mailbox_accepted = stats.accepted_total;
	m->mailbox_settled = stats.acked_total;
	m->mailbox_redelivered = stats.redelivered_total;
	m->mailbox_commits = stats.groups_total;
	m->mailbox_refused = stats.refused_total;
	m->mailbox_buried = stats.buried_total;
	m->dead_letters = stats.dead_letters;
	m->mailbox_durable = stats.durable;
	m->mailbox_failed = stats.failed;
}

static void gather_signaling(const struct actr__signaling *signaling, actr_metrics *m)
{
	static const actr_state states[] = {
		[ACTR__SIGNALING_IDLE] = ACTR_STATE_IDLE,
		[ACTR__SIGNALING_CONNECTING] = ACTR_STATE_CONNECTING,
		[ACTR__SIGNALING_REGISTERING] = ACTR_STATE_CONNECTING,
		[ACTR__SIGNALING_READY] = ACTR_STATE_CONNECTED,
		[ACTR__SIGNALING_WAITING] = ACTR_STATE_DISCONNECTED,
		[ACTR__SIGNALING_UNREGISTERING] = ACTR_STATE_DISCONNECTED,
		[ACTR__SIGNALING_CLOSED] = ACTR_STATE_DISCONNECTED,
	};
	const struct actr__signaling_stats *stats;

	if (!signaling)
		return;
	stats = actr__signaling_stats(signaling);
	m->signaling_state = states[actr__signaling_state(signaling)];
	m->registrations = stats->registrations;
	m->registrations_refused = stats->registrations_refused;
	m->credential_renewals = stats->renewals;
	m->signaling_sessions_lost = stats->sessions_lost;
}

/* --- peers (loop) --- */

struct peers {
	const struct actr__transport *transport;
	struct owned *owned;
};

static void add_peer(void *user, const actr_id *id, enum actr__peer_state state,
		     const struct actr__wire_stats *stats)
{
	struct peers *peers = user;
	struct owned *owned = peers->owned;
	actr_metrics_peer *p;

	if (owned->peer_count == owned->peer_room)
		return; /* cannot be: nobody else runs */
	p = &owned->peers[owned->peer_count];
	*p = (actr_metrics_peer){
		.size = sizeof *p,
		.id = *id,
		.state = node_peer_state(state),
		.session = actr__transport_session(peers->transport, id),
		.rtt_us = stats->rtt_us,
		.bytes_sent = stats->bytes_sent,
		.bytes_received = stats->bytes_received,
		.messages_sent = stats->messages_sent,
		.messages_received = stats->messages_received,
		.packets_sent = stats->packets_sent,
		.packets_received = stats->packets_received,
		.packets_dropped = stats->packets_dropped,
		.retransmits = stats->retransmits,
		.buffered_bytes = stats->buffered,
	};
	(void)actr__copy_text(p->path, sizeof p->path, actr__text(stats->path));
	(void)actr__copy_text(p->data_path, sizeof p->data_path, actr__text(stats->data_path));
	for (unsigned lane = 0; lane < ACTR_LANE_COUNT; lane++)
		p->queued_bytes += actr__transport_buffered(peers->transport, id, lane);
	p->queued_bytes -=
		p->queued_bytes < p->buffered_bytes ? p->queued_bytes : p->buffered_bytes;
	owned->index[owned->peer_count++] = p;
}

static int gather_owned(struct actr_node *node, actr_metrics *m)
{
	struct actr__transport *transport = node->transport;
	size_t count = transport ? actr__transport_peer_count(transport) : 0;
	struct owned *owned = owned_new(count);
	struct peers peers = {transport, owned};

	if (!owned)
		return ACTR_E_NOMEM;
	actr_stream_get_stats(&node->ref, &owned->streams);
	actr_media_get_stats(&node->ref, &owned->media);
	if (transport)
		actr__transport_each(transport, add_peer, &peers);
	m->owned = owned;
	m->streams = &owned->streams;
	m->media = &owned->media;
	m->peers = owned->index;
	m->peer_count = owned->peer_count;
	return 0;
}

/* --- asking --- */

struct question {
	struct actr__task task;
	struct actr_node *node;
	actr_metrics *metrics;
	int result;
	sem_t done;
};

static int gather(struct actr_node *node, actr_metrics *m)
{
	int rc = gather_owned(node, m);

	if (rc < 0)
		return rc;
	m->id = actr__endpoint_id(&node->endpoint);
	m->uptime_ms = actr__loop_now_ms(node->loop) - node->started_ms;
	m->events_lost = node->events.lost_total;
	gather_calls(&node->endpoint, m);
	gather_spans(node->endpoint.tracer, m);
	gather_requests(node->endpoint.local, m);
	gather_requests(node->endpoint.shell, m);
	gather_gate(node->endpoint.gate, m);
	gather_mailbox(node->mailbox, m);
	gather_signaling(node->signaling, m);
	return 0;
}

static void on_asked(struct actr__task *task)
{
	struct question *q = container_of(task, struct question, task);

	q->result = gather(q->node, q->metrics);
	sem_post(&q->done);
}

static int ask(struct actr_node *node, actr_metrics *m)
{
	struct question q = {.task.run = on_asked, .node = node, .metrics = m};

	if (actr__loop_is_current(node->loop))
		return gather(node, m);
	sem_init(&q.done, 0, 0); /* cannot fail: value 0, not shared */
	actr__loop_post(node->loop, &q.task);
	while (sem_wait(&q.done) < 0)
		; /* EINTR */
	sem_destroy(&q.done);
	return q.result;
}

int actr_ref_get_metrics(actr_ref *ref, actr_metrics *metrics, actr_error *err)
{
	actr_metrics all = {.size = 0};
	int rc;

	if (!ref || !metrics || metrics->size < offsetof(actr_metrics, id))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "metrics need a ref and a struct with its size: "
				 "ACTR_METRICS_INIT");
	actr_metrics_clear(metrics);
	rc = ask(node_of_ref(ref), &all);
	if (rc < 0)
		return ACTR_FAIL(err, rc, "no memory for a snapshot of the metrics");
	all.size = metrics->size;
	memcpy(metrics, &all, all.size < sizeof all ? all.size : sizeof all);
	return 0;
}
