/*
 * The table of registered streams, and its end.
 *
 * Whoever takes a stream out of the table marks it dead and takes its queue along, all under the
 * lock; then, without it, what waited is ended and a callback that still runs is waited for. The
 * memory goes with the last reference: the table's, or the schedule's when it was about to run.
 */
#include "dispatch/credit_internal.h"

#define MAX_STREAMS   65536
#define MAX_CHUNKS    64
#define MAX_BYTES     (4u * 1024 * 1024)
#define STREAM_ID_MAX ACTR__ROUTE_KEY_MAX

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
		if (item->source)
			source_taken(s, item);
		item->stream = NULL;
		actr__list_push(ret_items, &item->link);
	}
}

static void end_items(struct actr__streams *streams, struct actr__list *items, int why)
{
	struct actr__list *link;

	while ((link = actr__list_pop(items))) {
		stream_count(&streams->dropped_unregistered);
		stream_item_end(container_of(link, struct stream_item, link), why);
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
	free_it = stream_drop_ref(s);
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
	s->job.run = stream_job;
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
	old = stream_find(&ep->streams, actr__text(stream_id));
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
	s = stream_find(&ep->streams, actr__text(stream_id));
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
		.partial_dropped = atomic_load(&s->joiner->dropped),
		.send_waited = atomic_load(&s->send_waited),
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
	streams->joiner = actr__new0(struct joiner);
	if (!streams->joiner || pthread_mutex_init(&streams->lock, NULL))
		goto no_lock;
	if (pthread_cond_init(&streams->quiet, NULL))
		goto no_condition;
	actr__map_init(&streams->by_id, MAX_STREAMS);
	actr__map_init(&streams->outboxes, SIZE_MAX);
	actr__list_init(&streams->ready);
	actr__deferred_init(&streams->pump, stream_pump);
	joiner_init(streams->joiner);
	sources_init(streams);
	flows_init(streams);
	return 0;

no_condition:
	pthread_mutex_destroy(&streams->lock);
no_lock:
	actr__free(streams->joiner);
	return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for the streams of a node");
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
	joiner_done(ep->streams.joiner);
}

bool actr__streams_busy(struct actr__endpoint *ep)
{
	bool busy;

	pthread_mutex_lock(&ep->streams.lock);
	busy = ep->streams.jobs || ep->streams.idle_posted || ep->streams.grant_posted;
	pthread_mutex_unlock(&ep->streams.lock);
	return busy;
}

void actr__streams_done(struct actr__streams *streams)
{
	struct actr__endpoint *ep = container_of(streams, struct actr__endpoint, streams);

	actr__streams_close(ep);
	actr__loop_cancel_deferred(&streams->pump);
	stream_pump(&streams->pump); /* dead ones that were ready: their last reference */
	actr__free(streams->joiner);
	sources_done(streams);
	flows_done(streams);
	actr__map_done(&streams->by_id);
	actr__map_done(&streams->outboxes);
	pthread_cond_destroy(&streams->quiet);
	pthread_mutex_destroy(&streams->lock);
}
