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
#include "dispatch/dispatch_internal.h"

#include <stdio.h>

#define MAX_STREAMS   65536
#define MAX_CHUNKS    64
#define MAX_BYTES     (4u * 1024 * 1024)
#define ITEM_COST     1280 /* of a queued chunk, besides its bytes */
#define BATCH	      64
#define STREAM_ID_MAX ACTR__ROUTE_KEY_MAX

struct stream {
	struct actr__map_node node; /* lock: in by_id while not dead */
	struct actr__endpoint *endpoint;
	struct actr__list ready_link; /* lock: in streams->ready */
	struct actr__list items;      /* lock */
	size_t count, bytes;	      /* lock: of items */
	size_t max_chunks, max_bytes; /* const after init */
	actr_stream_fn on_chunk;      /* const after init */
	void *user;		      /* const after init */
	struct worker_job job;
	pthread_t runner; /* lock: while running */
	bool running;	  /* lock: the callback */
	bool scheduled;	  /* lock: ready, or its job is posted */
	bool dead;	  /* lock */
	unsigned refs;	  /* lock: table, schedule, waiters */
	unsigned waiters; /* lock */
	char id[];
};

struct stream_item {
	struct actr__list link; /* lock: the stream's */
	struct stream *stream;	/* lock: NULL when it is not queued any more */
	struct actr__chunk chunk;
	struct actr__msg *msg; /* memory of the chunk: a message, */
	uint8_t *payload;      /* a joined payload, */
	actr_call *memory;     /* or the sending call of this process */
	size_t cost;
	bool call_waits; /* const after queueing: the call ends when this one is taken */
	int result;	 /* of the call */
	struct actr__task task;
	bool has_sender;
	actr_id sender;
};

static void bump(atomic_ullong *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

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

/* It has run, or never will. Any thread. */
static void item_end(struct stream_item *item, int result)
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
	bump(&s->endpoint->streams.delivered);
}

/* --- running a stream --- */

/* Lock. Whether the caller frees it. */
static bool drop_ref(struct stream *s)
{
	return --s->refs == 0;
}

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
		item_end(item, 0);
		pthread_mutex_lock(&streams->lock);
		s->running = false;
		if (s->waiters)
			pthread_cond_broadcast(&streams->quiet);
	}
	more = !s->dead && !actr__list_empty(&s->items);
	if (!more)
		s->scheduled = false;
	free_it = !more && drop_ref(s);
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

static void on_job(struct worker_job *job)
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

static void on_pump(struct actr__deferred *deferred)
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

/* Lock. */
static struct stream *find(struct actr__streams *streams, actr_bytes id)
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

/* Lock. 0: queued; 1: queued, but past max_chunks; negative: dropped. */
static int enqueue(struct stream *s, struct stream_item *item, unsigned lane)
{
	struct actr__streams *streams = &s->endpoint->streams;
	bool over = s->count >= s->max_chunks;

	if (over && lane == ACTR_LANE_STREAM_LATENCY_FIRST) {
		bump(&streams->dropped_newest);
		return ACTR_E_RESOURCE_EXHAUSTED;
	}
	if (over && s->bytes + item->cost > s->max_bytes) {
		if (atomic_fetch_add_explicit(&streams->dropped_full, 1, memory_order_relaxed) %
			    1024 ==
		    0)
			log_dropped(s);
		return ACTR_E_RESOURCE_EXHAUSTED;
	}
	if (over)
		bump(&streams->held);
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

	bump(&streams->received);
	pthread_mutex_lock(&streams->lock);
	s = find(streams, item->chunk.stream_id);
	if (s) {
		item->cost = item->chunk.payload.size + ITEM_COST;
		/* A sender of this process waits for room; a peer cannot. */
		item->call_waits = item->memory && s->count >= s->max_chunks;
		rc = enqueue(s, item, lane);
		if (rc < 0)
			item->call_waits = false;
		/* A burst of one turn: nobody else will make room. */
		drain = on_loop && item->msg && s->count >= s->max_chunks;
	}
	pthread_mutex_unlock(&streams->lock);
	if (!s)
		bump(&streams->unknown);
	if (drain)
		on_pump(&streams->pump);
	else if (rc >= 0)
		actr__loop_defer(ep->loop, &streams->pump);
	return rc;
}

static bool is_registered(struct actr__streams *streams, actr_bytes id)
{
	bool found;

	pthread_mutex_lock(&streams->lock);
	found = find(streams, id) != NULL;
	pthread_mutex_unlock(&streams->lock);
	return found;
}

/* --- from a peer --- */

static void drop_msg(struct actr__msg *msg, atomic_ullong *counter)
{
	bump(counter);
	actr__msg_unref(msg);
}

static void queue_message(struct actr__endpoint *ep, const actr_id *from,
			  const struct actr__chunk *chunk, struct actr__msg *msg, uint8_t *payload)
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
	item->has_sender = true;
	item->sender = *from;
	if (queue_item(ep, item, msg->lane) < 0)
		item_free(item);
}

void actr__streams_receive(struct actr__endpoint *ep, const actr_id *from, struct actr__msg *msg)
{
	struct actr__streams *streams = &ep->streams;
	struct actr__chunk chunk;
	struct actr__msg *head = NULL;
	uint8_t *payload = NULL;
	struct part part;
	int rc;

	if (actr__chunk_decode(&chunk, actr__bytes(msg->data, msg->size), NULL) < 0 ||
	    (rc = part_of_chunk(&chunk, &part)) < 0) {
		drop_msg(msg, &streams->malformed);
		return;
	}
	if (rc == 0) {
		queue_message(ep, from, &chunk, msg, NULL);
		return;
	}
	if (!is_registered(streams, chunk.stream_id)) {
		drop_msg(msg, &streams->unknown);
		return;
	}
	rc = joiner_add(&streams->joiner, actr__loop_now_ns(ep->loop), from, &part, &chunk, msg,
			&payload, &head);
	if (rc < 0)
		bump(rc == ACTR_E_NOMEM ? &streams->dropped_full : &streams->malformed);
	if (rc <= 0)
		return;
	bump(&streams->joined);
	queue_message(ep, from, &chunk, head, payload);
}

void actr__streams_refuse(struct actr__endpoint *ep, struct actr__msg *msg)
{
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

/* --- registering (any thread) --- */

/* Lock. Out of the table; what waited goes to `ret_items`. The table's reference stays. */
static void retire(struct actr__streams *streams, struct stream *s, struct actr__list *ret_items)
{
	struct actr__list *link;

	actr__map_remove(&streams->by_id, &s->node);
	s->dead = true;
	while ((link = actr__list_pop(&s->items))) {
		struct stream_item *item = container_of(link, struct stream_item, link);

		s->bytes -= item->cost;
		s->count--;
		item->stream = NULL;
		actr__list_push(ret_items, &item->link);
	}
}

static void end_items(struct actr__streams *streams, struct actr__list *items, int why)
{
	struct actr__list *link;

	while ((link = actr__list_pop(items))) {
		bump(&streams->dropped_unregistered);
		item_end(container_of(link, struct stream_item, link), why);
	}
}

/* Lock. Until its callback is back, unless that is who asks, or the loop, which must not block. */
static void wait_quiet(struct actr__endpoint *ep, struct stream *s)
{
	s->waiters++;
	while (s->running && !pthread_equal(s->runner, pthread_self()) &&
	       !actr__loop_is_current(ep->loop))
		pthread_cond_wait(&ep->streams.quiet, &ep->streams.lock);
	s->waiters--;
}

static void bury(struct actr__endpoint *ep, struct stream *s, struct actr__list *items)
{
	bool free_it;

	end_items(&ep->streams, items, ACTR_E_CANCELLED);
	pthread_mutex_lock(&ep->streams.lock);
	wait_quiet(ep, s);
	free_it = drop_ref(s);
	pthread_mutex_unlock(&ep->streams.lock);
	if (free_it)
		actr__free(s);
}

static int check_id(const char *id, actr_error *err)
{
	size_t size = id ? strlen(id) : 0;

	if (!size || size > STREAM_ID_MAX || !actr__utf8_valid((const uint8_t *)id, size))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a stream id is 1 to %u bytes of UTF-8", STREAM_ID_MAX);
	return 0;
}

static struct stream *stream_new(struct actr__endpoint *ep, const char *id,
				 const actr_stream_options *options, actr_stream_fn on_chunk,
				 void *user)
{
	size_t size = strlen(id) + 1;
	struct stream *s = actr__alloc0(sizeof *s + size);

	if (!s)
		return NULL;
	s->endpoint = ep;
	s->refs = 1;
	s->max_chunks = options && options->max_chunks ? options->max_chunks : MAX_CHUNKS;
	s->max_bytes = options && options->max_bytes ? options->max_bytes : MAX_BYTES;
	s->on_chunk = on_chunk;
	s->user = user;
	s->job.run = on_job;
	actr__list_init(&s->items);
	actr__list_init(&s->ready_link);
	memcpy(s->id, id, size);
	return s;
}

int actr_stream_register(actr_ref *ref, const char *stream_id, const actr_stream_options *options,
			 actr_stream_fn on_chunk, void *user, actr_error *err)
{
	struct actr__endpoint *ep = ref ? ref->endpoint : NULL;
	struct stream *s, *old;
	struct actr__list items;
	int rc;

	if (!ref || !on_chunk)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a stream needs a ref and a callback");
	ACTR_TRY(check_id(stream_id, err));
	s = stream_new(ep, stream_id, options, on_chunk, user);
	if (!s)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot register a stream");
	actr__list_init(&items);
	pthread_mutex_lock(&ep->streams.lock);
	old = find(&ep->streams, actr__text(stream_id));
	rc = ep->streams.closed ? ACTR_E_UNAVAILABLE
				: actr__map_insert(&ep->streams.by_id, &s->node,
						   actr__hash(stream_id, strlen(stream_id)));
	if (rc == 0 && old)
		retire(&ep->streams, old, &items);
	pthread_mutex_unlock(&ep->streams.lock);
	if (rc < 0) {
		actr__free(s);
		return ACTR_FAIL(err, rc, "cannot register a stream: %s",
				 rc == ACTR_E_UNAVAILABLE ? "the node is shutting down"
							  : actr_error_text(rc));
	}
	if (old)
		bury(ep, old, &items);
	return 0;
}

int actr_stream_unregister(actr_ref *ref, const char *stream_id, actr_error *err)
{
	struct actr__endpoint *ep = ref ? ref->endpoint : NULL;
	struct actr__list items;
	struct stream *s;

	if (!ref)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "a stream needs a ref");
	ACTR_TRY(check_id(stream_id, err));
	actr__list_init(&items);
	pthread_mutex_lock(&ep->streams.lock);
	s = find(&ep->streams, actr__text(stream_id));
	if (s)
		retire(&ep->streams, s, &items);
	pthread_mutex_unlock(&ep->streams.lock);
	if (!s)
		return ACTR_FAIL(err, ACTR_E_NOT_FOUND, "this stream is not registered");
	bury(ep, s, &items);
	return 0;
}

bool actr_chunk_metadata(const actr_chunk *chunk, const char *key, actr_bytes *ret_value)
{
	for (size_t i = 0; i < chunk->metadata_count; i++) {
		const actr_metadata *entry = &chunk->metadata[i];

		if (entry->key.size == strlen(key) &&
		    (!entry->key.size || !memcmp(entry->key.data, key, entry->key.size))) {
			*ret_value = entry->value;
			return true;
		}
	}
	return false;
}

void actr_stream_get_stats(actr_ref *ref, actr_stream_stats *ret)
{
	struct actr__streams *s = &ref->endpoint->streams;
	actr_stream_stats stats = {
		.size = ret->size,
		.sent = atomic_load(&s->sent),
		.send_dropped = atomic_load(&s->send_dropped),
		.received = atomic_load(&s->received),
		.delivered = atomic_load(&s->delivered),
		.unknown = atomic_load(&s->unknown),
		.held = atomic_load(&s->held),
		.dropped_newest = atomic_load(&s->dropped_newest),
		.dropped_full = atomic_load(&s->dropped_full),
		.dropped_unregistered = atomic_load(&s->dropped_unregistered),
		.malformed = atomic_load(&s->malformed),
		.refused = atomic_load(&s->refused),
		.joined = atomic_load(&s->joined),
		.partial_dropped = atomic_load(&s->joiner.dropped),
	};

	memcpy(ret, &stats, ret->size < sizeof stats ? ret->size : sizeof stats);
}

/* --- life --- */

int actr__streams_init(struct actr__streams *streams, actr_error *err)
{
	uint64_t first = 0;

	/* Other than before a restart: a peer may still hold parts of then. */
	if (actr__random(&first, sizeof first) < 0)
		first = (uint64_t)actr__clock_wall_ms() << 20;
	atomic_init(&streams->next_part_id, first);
	if (pthread_mutex_init(&streams->lock, NULL))
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a lock");
	if (pthread_cond_init(&streams->quiet, NULL)) {
		pthread_mutex_destroy(&streams->lock);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a condition");
	}
	actr__map_init(&streams->by_id, MAX_STREAMS);
	actr__map_init(&streams->outboxes, SIZE_MAX);
	actr__list_init(&streams->ready);
	actr__deferred_init(&streams->pump, on_pump);
	joiner_init(&streams->joiner);
	return 0;
}

static struct stream *retire_any(struct actr__streams *streams, struct actr__list *ret_items)
{
	struct actr__map_node *node;
	struct stream *s = NULL;

	pthread_mutex_lock(&streams->lock);
	streams->closed = true;
	node = actr__map_any(&streams->by_id);
	if (node) {
		s = container_of(node, struct stream, node);
		retire(streams, s, ret_items);
	}
	pthread_mutex_unlock(&streams->lock);
	return s;
}

void actr__streams_close(struct actr__endpoint *ep)
{
	struct actr__list items;
	struct stream *s;

	actr__list_init(&items);
	while ((s = retire_any(&ep->streams, &items)))
		bury(ep, s, &items);
	joiner_done(&ep->streams.joiner);
}

bool actr__streams_busy(struct actr__endpoint *ep)
{
	bool busy;

	pthread_mutex_lock(&ep->streams.lock);
	busy = ep->streams.jobs || ep->streams.idle_posted;
	pthread_mutex_unlock(&ep->streams.lock);
	return busy;
}

void actr__streams_done(struct actr__streams *streams)
{
	struct actr__endpoint *ep = container_of(streams, struct actr__endpoint, streams);

	actr__streams_close(ep);
	actr__loop_cancel_deferred(&streams->pump);
	on_pump(&streams->pump); /* dead ones that were ready: their last reference */
	actr__map_done(&streams->by_id);
	actr__map_done(&streams->outboxes);
	pthread_cond_destroy(&streams->quiet);
	pthread_mutex_destroy(&streams->lock);
}
