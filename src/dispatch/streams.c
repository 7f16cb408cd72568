/*
 * Streams that come in: which callback gets which chunk, and when.
 *
 * A stream is registered under its id and holds a queue of items. An item is queued on the loop and
 * taken by the executor, the loop's pump or one job on the workload's worker at a time, so a
 * stream's callback runs for one chunk after the other, in the order in which they came, and never
 * inside another function of the API. A stream that is unregistered is dead: it is out of the table
 * and its queue is gone, and whoever still holds it finds nothing to run. The lock covers table and
 * queues; no callback is called with it.
 */
#include "dispatch/credit_internal.h"

#define BATCH	 64
#define HARD_MAX (16u * 1024 * 1024) /* bytes of one queue, but for what has credit */

/* --- items --- */

static void item_free(struct stream_item *item)
{
	actr__msg_unref(item->msg);
	actr__free(item->payload);
	actr_call_unref(item->memory);
	actr__free(item);
}

static void on_item_posted(struct actr__task *task)
{
	struct stream_item *item = container_of(task, struct stream_item, task);
	actr_error err = ACTR_ERROR_INIT;

	item->memory->chunk.item = NULL;
	if (item->result < 0)
		ACTR_FAIL(&err, item->result, "the stream was unregistered");
	call_end(item->memory, item->result, &err);
	item_free(item);
}

void stream_item_end(struct stream_item *item, int result)
{
	if (!item->call_waits) {
		item_free(item);
		return;
	}
	item->result = result;
	item->task.run = on_item_posted;
	actr__loop_post(item->memory->ref->endpoint->loop, &item->task);
}

static void item_run(struct stream *s, struct stream_item *item)
{
	actr_metadata entries[ACTR__METADATA_MAX];
	actr_chunk chunk = {.size = sizeof chunk,
			    .stream_id = s->id,
			    .sequence = item->chunk.sequence,
			    .payload = item->chunk.payload,
			    .timestamp_ms = item->chunk.timestamp_ms,
			    .has_timestamp = item->chunk.has_timestamp,
			    .metadata = entries};
	actr_bytes at = {NULL, 0}, key, value;

	while (item->chunk.metadata_count && chunk.metadata_count < ARRAY_SIZE(entries) &&
	       actr__chunk_metadata_next(&item->chunk, &at, &key, &value)) {
		if (key.size == sizeof PART_KEY - 1 && !memcmp(key.data, PART_KEY, key.size))
			continue;
		entries[chunk.metadata_count++] = (actr_metadata){key, value};
	}
	s->on_chunk(s->user, &chunk, item->has_sender ? &item->sender : NULL);
	stream_count(&s->endpoint->streams.delivered);
}

/* --- running a stream --- */

/* Lock. To where the workload's handlers run; the worker lives as long as something may be queued.
 */
static void schedule(struct stream *s)
{
	struct actr__streams *streams = &s->endpoint->streams;
	struct actr__dispatcher *local = s->endpoint->local;

	if (s->scheduled)
		return;
	s->scheduled = true;
	s->refs++;
	if (local && local->worker) {
		streams->jobs++;
		worker_post(local->worker, &s->job);
	} else {
		actr__list_push(&streams->ready, &s->ready_link);
	}
}

static struct stream_item *take(struct stream *s)
{
	struct actr__list *link = s->dead ? NULL : actr__list_pop(&s->items);
	struct stream_item *item;

	if (!link)
		return NULL;
	item = container_of(link, struct stream_item, link);
	item->stream = NULL;
	s->count--;
	s->bytes -= item->cost;
	if (item->source)
		source_taken(s, item);
	return item;
}

/* Executor. Up to a batch; whether there is more. The schedule's reference goes when there is not.
 */
static bool run_stream(struct stream *s)
{
	struct actr__streams *streams = &s->endpoint->streams;
	struct stream_item *item;
	bool more, free_it;

	pthread_mutex_lock(&streams->lock);
	for (int batch = BATCH; batch && (item = take(s)); batch--) {
		s->running = true;
		s->runner = pthread_self();
		pthread_mutex_unlock(&streams->lock);
		item_run(s, item);
		stream_item_end(item, 0);
		pthread_mutex_lock(&streams->lock);
		s->running = false;
		if (s->waiters)
			pthread_cond_broadcast(&streams->quiet);
	}
	more = !s->dead && !actr__list_empty(&s->items);
	if (!more)
		s->scheduled = false;
	free_it = !more && stream_drop_ref(s);
	pthread_mutex_unlock(&streams->lock);
	if (free_it)
		actr__free(s);
	return more;
}

static void on_idle_posted(struct actr__task *task)
{
	struct actr__streams *streams = container_of(task, struct actr__streams, idle_task);
	struct actr__endpoint *ep = container_of(streams, struct actr__endpoint, streams);

	pthread_mutex_lock(&streams->lock);
	streams->idle_posted = false;
	pthread_mutex_unlock(&streams->lock);
	if (ep->local)
		actr__dispatcher_wake(ep->local);
}

void stream_job(struct worker_job *job)
{
	struct stream *s = container_of(job, struct stream, job);
	struct actr__endpoint *ep = s->endpoint;
	struct actr__streams *streams = &ep->streams;

	if (run_stream(s)) {
		worker_post(worker_current(), job);
		return;
	}
	pthread_mutex_lock(&streams->lock);
	if (--streams->jobs == 0 && streams->closed && !streams->idle_posted) {
		streams->idle_posted = true;
		streams->idle_task.run = on_idle_posted;
		actr__loop_post(ep->loop, &streams->idle_task);
	}
	pthread_mutex_unlock(&streams->lock);
}

void stream_pump(struct actr__deferred *deferred)
{
	struct actr__streams *streams = container_of(deferred, struct actr__streams, pump);
	struct actr__endpoint *ep = container_of(streams, struct actr__endpoint, streams);
	struct actr__list *link;

	for (;;) {
		pthread_mutex_lock(&streams->lock);
		link = actr__list_pop(&streams->ready);
		pthread_mutex_unlock(&streams->lock);
		if (!link)
			return;
		if (run_stream(container_of(link, struct stream, ready_link))) {
			pthread_mutex_lock(&streams->lock);
			actr__list_push(&streams->ready, link);
			pthread_mutex_unlock(&streams->lock);
			actr__loop_defer(ep->loop, &streams->pump);
			return;
		}
	}
}

/* --- queueing (loop) --- */

static bool match_id(const struct actr__map_node *node, const void *arg)
{
	const struct stream *s = container_of(node, struct stream, node);
	const actr_bytes *id = arg;

	return strlen(s->id) == id->size && !memcmp(s->id, id->data, id->size);
}

struct stream *stream_find(struct actr__streams *streams, actr_bytes id)
{
	struct actr__map_node *node =
		actr__map_find(&streams->by_id, actr__hash(id.data, id.size), match_id, &id);

	return node ? container_of(node, struct stream, node) : NULL;
}

static void log_dropped(const struct stream *s)
{
	char id[68];

	ACTR_WARN(5, "stream", "what=chunk_dropped cause=\"%zu chunks wait\" stream=%s", s->count,
		  actr__log_quote(s->id, strlen(s->id), id, sizeof id));
}

/* Lock. Is there room for it at all, when the queue is full or not? */
static bool may_wait(const struct stream *s, const struct stream_item *item, bool full)
{
	size_t bytes = s->bytes + item->cost;

	if (!s->count || source_allows(&s->endpoint->streams, item))
		return true;
	if (bytes > HARD_MAX && bytes > s->max_bytes)
		return false;
	return item->memory || !full || bytes <= s->max_bytes; /* a sender here waits */
}

/* Lock. 0: queued; 1: queued, but more than its sender should have waiting; negative: dropped. */
static int enqueue(struct stream *s, struct stream_item *item, unsigned lane)
{
	struct actr__streams *streams = &s->endpoint->streams;
	bool full = s->count >= s->max_chunks;
	bool over = full || (s->count && s->bytes + item->cost > s->max_bytes);

	if (lane == ACTR_LANE_STREAM_LATENCY_FIRST && (full || !may_wait(s, item, full))) {
		stream_count(&streams->dropped_newest);
		return ACTR_E_RESOURCE_EXHAUSTED;
	}
	if (!may_wait(s, item, full)) {
		if (atomic_fetch_add_explicit(&streams->dropped_full, 1, memory_order_relaxed) %
			    1024 ==
		    0)
			log_dropped(s);
		return ACTR_E_RESOURCE_EXHAUSTED;
	}
	if (full)
		stream_count(&streams->held);
	if (item->source)
		source_queued(s, item);
	item->stream = s;
	s->count++;
	s->bytes += item->cost;
	actr__list_push(&s->items, &item->link);
	schedule(s);
	return over;
}

/* As enqueue(); when it is queued and no call waits for it, it may be gone already. */
static int queue_item(struct actr__endpoint *ep, struct stream_item *item, unsigned lane)
{
	struct actr__streams *streams = &ep->streams;
	struct stream *s;
	bool on_loop = !ep->local || !ep->local->worker, drain = false;
	int rc = ACTR_E_NOT_FOUND;

	stream_count(&streams->received);
	pthread_mutex_lock(&streams->lock);
	s = stream_find(streams, item->chunk.stream_id);
	if (s) {
		item->cost = item->chunk.payload.size + STREAM_ITEM_COST;
		if (item->has_credit)
			item->source = source_arrived(ep, &item->sender, item->chunk.stream_id,
						      item->arrived);
		rc = enqueue(s, item, lane);
		/* A sender of this process waits for room; a peer does by its credit. */
		item->call_waits = item->memory && rc > 0;
		/* A burst of one turn: nobody else will make room. */
		drain = on_loop && item->msg && s->count >= s->max_chunks;
	}
	pthread_mutex_unlock(&streams->lock);
	if (!s)
		stream_count(&streams->unknown);
	if (drain)
		stream_pump(&streams->pump);
	else if (rc >= 0)
		actr__loop_defer(ep->loop, &streams->pump);
	return rc;
}

/* A part has come: is there anybody who wants the whole? */
static bool part_arrived(struct actr__endpoint *ep, const actr_id *from, actr_bytes id, size_t cost)
{
	bool found;

	pthread_mutex_lock(&ep->streams.lock);
	found = stream_find(&ep->streams, id) != NULL;
	if (found && cost)
		(void)source_arrived(ep, from, id, cost); /* or it is not there, as below */
	pthread_mutex_unlock(&ep->streams.lock);
	return found;
}

/* --- from a peer --- */

static void drop_msg(struct actr__msg *msg, atomic_ullong *counter)
{
	stream_count(counter);
	actr__msg_unref(msg);
}

/* arrived: cost of what has come with it, from a sender with credit. */
static void queue_message(struct actr__endpoint *ep, const actr_id *from,
			  const struct actr__chunk *chunk, struct actr__msg *msg, uint8_t *payload,
			  bool has_credit)
{
	struct stream_item *item = actr__alloc(sizeof *item);

	if (!item) {
		actr__free(payload);
		drop_msg(msg, &ep->streams.dropped_full);
		return;
	}
	memset(item, 0, offsetof(struct stream_item, sender));
	actr__list_init(&item->link);
	item->chunk = *chunk;
	item->msg = msg;
	item->payload = payload;
	item->has_credit = has_credit;
	item->arrived = payload ? 0 : credit_cost(msg->size); /* its parts have been counted */
	item->has_sender = true;
	item->sender = *from;
	if (queue_item(ep, item, msg->lane) < 0)
		item_free(item);
}

/* One part; the whole of which it is the last. */
static void receive_part(struct actr__endpoint *ep, const actr_id *from, const struct part *part,
			 struct actr__chunk *chunk, struct actr__msg *msg, bool has_credit)
{
	struct actr__streams *streams = &ep->streams;
	struct actr__msg *head = NULL;
	uint8_t *payload = NULL;
	int rc;

	if (!part_arrived(ep, from, chunk->stream_id, has_credit ? credit_cost(msg->size) : 0)) {
		drop_msg(msg, &streams->unknown);
		return;
	}
	rc = joiner_add(streams->joiner, actr__loop_now_ns(ep->loop), from, part, chunk, msg,
			&payload, &head);
	if (rc < 0)
		stream_count(rc == ACTR_E_NOMEM ? &streams->dropped_full : &streams->malformed);
	if (rc <= 0)
		return;
	stream_count(&streams->joined);
	queue_message(ep, from, chunk, head, payload, has_credit);
}

void actr__streams_receive(struct actr__endpoint *ep, const actr_id *from, struct actr__msg *msg)
{
	/* What our peers know, others may use the names of. */
	bool has_credit = msg->lane == ACTR_LANE_STREAM_RELIABLE && credit_applies(ep, from);
	struct actr__chunk chunk;
	struct credit credit;
	struct part part;
	int rc = actr__chunk_decode(&chunk, actr__bytes(msg->data, msg->size), NULL);

	if (rc == 0 && has_credit && (rc = credit_of_chunk(&chunk, &credit)) > 0) {
		if (credit.asks)
			source_asked(ep, from, chunk.stream_id, credit.bytes);
		else
			flow_granted(ep, from, chunk.stream_id, credit.bytes);
		actr__msg_unref(msg);
		return;
	}
	if (rc == 0)
		rc = part_of_chunk(&chunk, &part);
	if (rc < 0)
		drop_msg(msg, &ep->streams.malformed);
	else if (rc == 0)
		queue_message(ep, from, &chunk, msg, NULL, has_credit);
	else
		receive_part(ep, from, &part, &chunk, msg, has_credit);
}

void actr__streams_lost(struct actr__endpoint *ep, const actr_id *peer)
{
	flows_lost(ep, peer);
	sources_lost(ep, peer);
}

void actr__streams_refuse(struct actr__endpoint *ep, const actr_id *from, struct actr__msg *msg)
{
	struct actr__chunk chunk;
	struct credit credit;

	/* What is dropped when it comes needs no room: let it come, as of a stream unknown here. */
	if (msg->lane == ACTR_LANE_STREAM_RELIABLE && credit_applies(ep, from) &&
	    actr__chunk_decode(&chunk, actr__bytes(msg->data, msg->size), NULL) == 0 &&
	    credit_of_chunk(&chunk, &credit) > 0 && credit.asks) {
		credit.asks = false;
		credit.bytes += CREDIT_INITIAL;
		(void)credit_send(ep, from, chunk.stream_id, &credit, NULL);
	}
	drop_msg(msg, &ep->streams.refused);
}

/* --- from this process --- */

void streams_send_local(actr_call *call)
{
	struct actr__endpoint *ep = call->ref->endpoint;
	struct stream_item *item = actr__alloc(sizeof *item);
	actr_error err = ACTR_ERROR_INIT;
	int rc = item ? 0 : ACTR_E_NOMEM;

	if (item) {
		memset(item, 0, offsetof(struct stream_item, sender));
		actr__list_init(&item->link);
		item->memory = actr_call_ref(call);
		rc = chunk_join_own(call, &item->chunk, &item->payload);
	}
	if (rc == 0)
		rc = queue_item(ep, item, call->chunk.lane);
	if (rc < 0) {
		if (item)
			item_free(item);
		ACTR_FAIL(&err, rc, "%s",
			  rc == ACTR_E_NOT_FOUND ? "nobody has registered this stream here"
			  : rc == ACTR_E_NOMEM	 ? "no memory for a chunk"
						 : "the stream's queue is full");
		call_end(call, rc, &err);
	} else if (rc > 0) {
		call->chunk.item = item; /* ours until the call ends */
	} else {
		call_end(call, 0, NULL);
	}
}

void streams_forget(actr_call *call)
{
	struct actr__streams *streams = &call->ref->endpoint->streams;
	struct stream_item *item = TAKE(call->chunk.item);
	bool queued;

	if (!item)
		return;
	pthread_mutex_lock(&streams->lock);
	queued = item->stream != NULL;
	if (queued) {
		actr__list_remove(&item->link);
		item->stream->count--;
		item->stream->bytes -= item->cost;
	}
	pthread_mutex_unlock(&streams->lock);
	if (queued)
		item_free(item);
}
