/*
 * Sources: what a receiver knows of the senders of its streams, and the grants that they get.
 *
 * A source counts what has come in this session and what of it waits for the callback. Whatever
 * does not wait has been dealt with, delivered or dropped, so nothing can be forgotten: the sender
 * may go as far as `received + window - queued`. It is told when that is half a window more than
 * it knows. A sender that stands still asks, and says where it stands: with that the two agree
 * again after whatever went wrong between them. The window is small while the stream as a whole
 * has much to do. A sender that does not keep to its credit falls back to the bounds that hold for
 * peers without any; the lies of one that does are about its own allowance.
 */
#include "dispatch/credit_internal.h"

#define MAX_SOURCES	 4096
#define MAX_ALL_CREDITED (256u * 1024 * 1024) /* cost of what waits within credit, of all streams  \
					       */

struct key {
	const actr_id *peer;
	actr_bytes id;
};

static bool match(const struct actr__map_node *node, const void *arg)
{
	const struct credit_source *source = container_of(node, struct credit_source, node);
	const struct key *key = arg;

	return actr__id_same(&source->peer, key->peer) && source->id_size == key->id.size &&
	       !memcmp(source->id, key->id.data, key->id.size);
}

static uint64_t hash(const actr_id *peer, actr_bytes id)
{
	return actr__hash(id.data, id.size) ^ actr__id_hash(peer);
}

static struct credit_source *find(struct actr__streams *streams, const actr_id *peer, actr_bytes id)
{
	struct key key = {peer, id};
	struct actr__map_node *node =
		actr__map_find(&streams->sources, hash(peer, id), match, &key);

	return node ? container_of(node, struct credit_source, node) : NULL;
}

static void drop(struct actr__streams *streams, struct credit_source *source)
{
	actr__map_remove(&streams->sources, &source->node);
	actr__list_remove(&source->used_link);
	actr__list_remove(&source->due_link);
	actr__free(source);
}

/* The longest unused one that has nothing waiting. It and its sender agree again when that asks. */
static void make_room(struct actr__streams *streams)
{
	if (streams->sources.count < MAX_SOURCES)
		return;
	actr__list_each(link, &streams->sources_used)
	{
		struct credit_source *source = container_of(link, struct credit_source, used_link);

		if (!source->queued) {
			drop(streams, source);
			return;
		}
	}
}

static struct credit_source *find_or_make(struct actr__streams *streams, const actr_id *peer,
					  actr_bytes id)
{
	struct credit_source *source = find(streams, peer, id);

	if (source) {
		actr__list_remove(&source->used_link);
		actr__list_push(&streams->sources_used, &source->used_link);
		return source;
	}
	make_room(streams);
	source = actr__alloc0(sizeof *source + id.size);
	if (!source)
		return NULL;
	if (actr__map_insert(&streams->sources, &source->node, hash(peer, id)) < 0) {
		actr__free(source);
		return NULL;
	}
	source->peer = *peer;
	source->granted = CREDIT_INITIAL;
	source->id_size = id.size;
	memcpy(source->id, id.data, id.size);
	actr__list_init(&source->due_link);
	actr__list_push(&streams->sources_used, &source->used_link);
	return source;
}

/* --- grants --- */

/* s: NULL when nobody has registered the stream, so that its chunks are not kept. */
static size_t window_of(const struct stream *s)
{
	return s && s->bytes <= s->max_bytes / 2 ? CREDIT_WINDOW : CREDIT_INITIAL;
}

/* How far the sender may go. */
static uint64_t reach(const struct credit_source *source, size_t window)
{
	uint64_t all = source->received + window;

	return all > source->queued ? all - source->queued : 0;
}

/* Lock. */
static void wake(struct actr__endpoint *ep)
{
	struct actr__streams *streams = &ep->streams;

	if (streams->closed)
		return;
	if (actr__loop_is_current(ep->loop)) {
		actr__loop_defer(ep->loop, &streams->grant);
	} else if (!streams->grant_posted) {
		streams->grant_posted = true;
		actr__loop_post(ep->loop, &streams->grant_task);
	}
}

/* Lock. */
static void consider(struct actr__endpoint *ep, const struct stream *s,
		     struct credit_source *source)
{
	size_t window = window_of(s);

	if (!actr__list_empty(&source->due_link) ||
	    reach(source, window) < source->granted + window / 2)
		return;
	actr__list_push(&ep->streams.due, &source->due_link);
	wake(ep);
}

/* Lock. False: nothing to say after all. */
static bool take_grant(struct actr__streams *streams, struct credit_source *source,
		       struct credit *ret)
{
	struct stream *s =
		stream_find(streams, actr__bytes((const uint8_t *)source->id, source->id_size));

	*ret = (struct credit){.bytes = reach(source, window_of(s))};
	if (ret->bytes <= source->granted)
		return false;
	source->granted = ret->bytes;
	return true;
}

/* A grant that cannot be sent is lost: its sender asks. */
static void send_grants(struct actr__endpoint *ep)
{
	struct actr__streams *streams = &ep->streams;
	struct actr__list *link;

	for (;;) {
		struct credit_source *source;
		struct credit credit;
		bool send;

		pthread_mutex_lock(&streams->lock);
		link = actr__list_pop(&streams->due);
		source = link ? container_of(link, struct credit_source, due_link) : NULL;
		send = source && take_grant(streams, source, &credit);
		pthread_mutex_unlock(&streams->lock);
		if (!source)
			return;
		if (send && credit_applies(ep, &source->peer)) {
			actr_id peer = source->peer; /* sending may lose it */

			(void)credit_send(ep, &peer,
					  actr__bytes((const uint8_t *)source->id, source->id_size),
					  &credit, NULL);
		}
	}
}

static void on_grant(struct actr__deferred *deferred)
{
	struct actr__streams *streams = container_of(deferred, struct actr__streams, grant);

	send_grants(container_of(streams, struct actr__endpoint, streams));
}

static void on_grant_posted(struct actr__task *task)
{
	struct actr__streams *streams = container_of(task, struct actr__streams, grant_task);
	struct actr__endpoint *ep = container_of(streams, struct actr__endpoint, streams);
	bool closed;

	pthread_mutex_lock(&streams->lock);
	streams->grant_posted = false;
	closed = streams->closed;
	pthread_mutex_unlock(&streams->lock);
	if (!closed)
		send_grants(ep);
	else if (ep->local)
		actr__dispatcher_wake(ep->local); /* it may wait for streams that are busy */
}

/* --- what comes --- */

struct credit_source *source_arrived(struct actr__endpoint *ep, const actr_id *peer, actr_bytes id,
				     size_t cost)
{
	struct credit_source *source = find_or_make(&ep->streams, peer, id);

	if (source)
		source->received += cost;
	return source;
}

bool source_allows(const struct actr__streams *streams, const struct stream_item *item)
{
	return item->source && item->source->queued < CREDIT_WINDOW &&
	       streams->credited + item->cost <= MAX_ALL_CREDITED;
}

void source_queued(struct stream *s, struct stream_item *item)
{
	item->source->queued += item->cost;
	s->endpoint->streams.credited += item->cost;
}

void source_taken(struct stream *s, struct stream_item *item)
{
	struct credit_source *source = TAKE(item->source);

	source->queued -= item->cost;
	s->endpoint->streams.credited -= item->cost;
	consider(s->endpoint, s, source);
}

void source_asked(struct actr__endpoint *ep, const actr_id *peer, actr_bytes id, uint64_t bytes)
{
	struct actr__streams *streams = &ep->streams;
	struct credit credit = {.bytes = bytes + CREDIT_INITIAL};
	struct credit_source *source;
	struct stream *s;

	pthread_mutex_lock(&streams->lock);
	s = stream_find(streams, id);
	source = s ? find_or_make(streams, peer, id) : find(streams, peer, id);
	if (source) {
		source->received = source->granted = bytes;
		consider(ep, s, source);
	}
	pthread_mutex_unlock(&streams->lock);
	/* What nobody wants is dropped when it comes: no reason to wait. */
	if (!source)
		(void)credit_send(ep, peer, id, &credit, NULL);
}

void sources_lost(struct actr__endpoint *ep, const actr_id *peer)
{
	struct actr__streams *streams = &ep->streams;

	pthread_mutex_lock(&streams->lock);
	actr__list_each(link, &streams->sources_used)
	{
		struct credit_source *source = container_of(link, struct credit_source, used_link);

		if (!actr__id_same(&source->peer, peer))
			continue;
		source->received = 0;
		source->granted = CREDIT_INITIAL;
		if (!source->queued)
			drop(streams, source);
	}
	pthread_mutex_unlock(&streams->lock);
}

void sources_init(struct actr__streams *streams)
{
	actr__map_init(&streams->sources, MAX_SOURCES);
	actr__list_init(&streams->sources_used);
	actr__list_init(&streams->due);
	actr__deferred_init(&streams->grant, on_grant);
	streams->grant_task.run = on_grant_posted;
}

void sources_done(struct actr__streams *streams)
{
	actr__loop_cancel_deferred(&streams->grant);
	actr__list_each(link, &streams->sources_used)
		drop(streams, container_of(link, struct credit_source, used_link));
	actr__map_done(&streams->sources);
}
