/*
 * Who is of that type: discovery for calls to ACTR_DEST_TYPE, with a small cache, and
 * actr_discover().
 *
 * An answer is kept as long as the connection to that actor lives; when it is lost, or cannot be
 * made, the entry is forgotten and the next call asks again. Calls of one type that wait at the
 * same time share one question. Without a signaling connection they wait for it, within their
 * deadline.
 */
#include "lifecycle/lifecycle_internal.h"

#define CACHE_MAX 64

struct cached {
	struct actr__list link;
	actr_id id;
};

struct question {
	struct actr__list link;	   /* resolver->asking */
	struct actr__list waiting; /* struct actr__resolve */
	struct actr_node *node;
	actr_type type;
	struct actr__signaling_request request;
};

void resolver_init(struct resolver *r)
{
	actr__list_init(&r->cache);
	actr__list_init(&r->waiting);
	actr__list_init(&r->asking);
	r->cached_count = 0;
}

/* --- cache --- */

static void cache_drop(struct resolver *r, struct cached *c)
{
	actr__list_remove(&c->link);
	actr__free(c);
	r->cached_count--;
}

static struct cached *cache_find(struct resolver *r, const actr_type *type)
{
	actr__list_each(link, &r->cache)
	{
		struct cached *c = container_of(link, struct cached, link);

		if (actr_type_equal(&c->id.type, type))
			return c;
	}
	return NULL;
}

static void cache_add(struct resolver *r, const actr_id *id)
{
	struct cached *c = actr__new0(struct cached);

	if (!c)
		return; /* the next call asks again */
	c->id = *id;
	actr__list_push_front(&r->cache, &c->link);
	if (++r->cached_count > CACHE_MAX)
		cache_drop(r, container_of(r->cache.prev, struct cached, link));
}

void resolver_forget(struct actr_node *node, const actr_id *id)
{
	actr__list_each(link, &node->resolver.cache)
	{
		struct cached *c = container_of(link, struct cached, link);

		if (actr__id_same(&c->id, id))
			cache_drop(&node->resolver, c);
	}
}

/* --- questions --- */

static void end_all(struct actr__list *waiting, const actr_id *id, const actr_error *err)
{
	struct actr__list *link;

	while ((link = actr__list_pop(waiting))) {
		struct actr__resolve *resolve = container_of(link, struct actr__resolve, link);

		resolve->on_done(resolve, id, err);
	}
}

static void on_answer(struct actr__signaling_request *request, const actr_error *err,
		      const actr_id *ids, size_t count)
{
	struct question *q = container_of(request, struct question, request);
	struct actr_node *node = q->node;
	actr_error none = ACTR_ERROR_INIT;
	actr_id id;

	actr__list_remove(&q->link);
	if (!err && count == 0) {
		ACTR_FAIL(&none, ACTR_E_NOT_FOUND, "no actor of type %s:%s is registered",
			  q->type.manufacturer, q->type.name);
		err = &none;
	}
	if (!err) {
		id = ids[0];
		cache_add(&node->resolver, &id);
	}
	end_all(&q->waiting, err ? NULL : &id, err);
	actr__free(q);
}

static struct question *question_find(struct resolver *r, const actr_type *type)
{
	actr__list_each(link, &r->asking)
	{
		struct question *q = container_of(link, struct question, link);

		if (actr_type_equal(&q->type, type))
			return q;
	}
	return NULL;
}

static int ask(struct actr_node *node, struct actr__resolve *resolve, actr_error *err)
{
	struct question *q = question_find(&node->resolver, resolve->type);
	int rc;

	if (q) {
		actr__list_push(&q->waiting, &resolve->link);
		return 0;
	}
	q = actr__new0(struct question);
	if (!q)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot ask for an actor");
	q->node = node;
	q->type = *resolve->type;
	q->request.on_done = on_answer;
	q->request.traceparent = resolve->traceparent;
	q->request.tracestate = resolve->tracestate;
	actr__list_init(&q->waiting);
	rc = actr__signaling_discover(node->signaling, &q->request, &q->type, 1, 0, err);
	if (rc < 0) {
		actr__free(q);
		return rc;
	}
	actr__list_push(&node->resolver.asking, &q->link);
	actr__list_push(&q->waiting, &resolve->link);
	return 0;
}

static void resolve(struct actr__endpoint *ep, struct actr__resolve *resolve)
{
	struct actr_node *node = node_of_endpoint(ep);
	struct cached *c = cache_find(&node->resolver, resolve->type);
	actr_error err = ACTR_ERROR_INIT;
	int rc;

	actr__list_init(&resolve->link);
	if (c) {
		resolve->on_done(resolve, &c->id, NULL);
		return;
	}
	if (!node->signaling) {
		ACTR_FAIL(&err, ACTR_E_STATE, "the node is not started");
		resolve->on_done(resolve, NULL, &err);
		return;
	}
	rc = ask(node, resolve, &err);
	if (rc == ACTR_E_UNAVAILABLE)
		actr__list_push(&node->resolver.waiting, &resolve->link);
	else if (rc < 0)
		resolve->on_done(resolve, NULL, &err);
}

static void cancel_resolve(struct actr__endpoint *ep, struct actr__resolve *resolve)
{
	(void)ep;
	actr__list_remove(&resolve->link);
}

static void forget(struct actr__endpoint *ep, const actr_id *id)
{
	resolver_forget(node_of_endpoint(ep), id);
}

const struct actr__endpoint_ops node_endpoint_ops = {
	.resolve = resolve,
	.cancel_resolve = cancel_resolve,
	.forget = forget,
};

void resolver_ready(struct actr_node *node)
{
	struct actr__list again, *link;

	actr__list_init(&again);
	actr__list_splice(&again, &node->resolver.waiting);
	while ((link = actr__list_pop(&again)))
		resolve(&node->endpoint, container_of(link, struct actr__resolve, link));
}

void resolver_done(struct actr_node *node, const actr_error *why)
{
	struct resolver *r = &node->resolver;
	struct actr__list *link;

	end_all(&r->waiting, NULL, why);
	while ((link = actr__list_pop(&r->asking))) {
		struct question *q = container_of(link, struct question, link);

		actr__signaling_cancel(&q->request);
		end_all(&q->waiting, NULL, why);
		actr__free(q);
	}
	while (!actr__list_empty(&r->cache))
		cache_drop(r, container_of(r->cache.next, struct cached, link));
}

/* --- actr_discover --- */

struct discovery {
	struct actr_node *node;
	actr_call *call;
	actr_type type;
	size_t max, count;
	struct actr__signaling_request request;
	actr_id ids[];
};

static void on_discovered(struct actr__signaling_request *request, const actr_error *err,
			  const actr_id *ids, size_t count)
{
	struct discovery *d = container_of(request, struct discovery, request);

	if (err) {
		actr__call_finish(d->call, err->code, err);
		return;
	}
	d->count = count < d->max ? count : d->max;
	memcpy(d->ids, ids, d->count * sizeof *ids);
	actr__call_finish(d->call, (int)d->count, NULL);
}

static void begin_discovery(actr_call *call, void *result)
{
	struct discovery *d = result;
	actr_error err = ACTR_ERROR_INIT;
	int rc;

	d->request.on_done = on_discovered;
	if (!d->node->signaling)
		rc = ACTR_FAIL(&err, ACTR_E_STATE, "the node is not started");
	else
		rc = actr__signaling_discover(d->node->signaling, &d->request, &d->type,
					      (uint32_t)d->max, 0, &err);
	if (rc < 0)
		actr__call_finish(call, rc, &err);
}

static void abort_discovery(actr_call *call, void *result)
{
	struct discovery *d = result;

	(void)call;
	actr__signaling_cancel(&d->request);
}

int actr_discover_start(actr_ref *ref, const actr_type *type, size_t max, int64_t timeout_ms,
			void (*on_done)(void *, actr_call *), void *user, actr_call **ret_call,
			actr_error *err)
{
	struct discovery *d;
	actr_call *call;
	void *result;

	if (!ref || !type || max == 0 || max > 1000 || !ret_call)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a discovery needs a ref, a type and room for 1 to 1,000 ids");
	ACTR_TRY(actr__call_new_operation(ref, timeout_ms, sizeof *d + max * sizeof(actr_id), &call,
					  &result, err));
	d = result;
	d->node = node_of_ref(ref);
	d->call = call;
	d->type = *type;
	d->max = max;
	*ret_call = call;
	actr__call_start_operation(call, begin_discovery, abort_discovery, on_done, user);
	return 0;
}

size_t actr_discovered(const actr_call *call, actr_id *ret_ids, size_t max)
{
	const struct discovery *d;

	if (!call || actr_call_result(call, NULL) < 0)
		return 0;
	d = actr__call_operation_result(call);
	memcpy(ret_ids, d->ids, (d->count < max ? d->count : max) * sizeof *ret_ids);
	return d->count;
}

int actr_discover(actr_ref *ref, const actr_type *type, actr_id *ret_ids, size_t max,
		  int64_t timeout_ms, actr_error *err)
{
	actr_call *call;
	int rc;

	ACTR_TRY(actr_discover_start(ref, type, max, timeout_ms, NULL, NULL, &call, err));
	rc = actr_call_wait(call, err);
	if (rc > 0)
		(void)actr_discovered(call, ret_ids, max);
	actr_call_unref(call);
	return rc;
}
