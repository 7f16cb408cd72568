/*
 * What a node is to its calls: the loop, the identity, and the list of those that run. The identity
 * is written on the loop thread and copied by any.
 */
#include "dispatch/credit_internal.h"

const actr_dest actr_dest_local = {.kind = ACTR_DEST_LOCAL};
const actr_dest actr_dest_shell = {.kind = ACTR_DEST_SHELL};

actr_dest actr_dest_service(const actr_service *service)
{
	actr_dest dest;

	memset(&dest, 0, sizeof dest);
	dest.kind = ACTR_DEST_TYPE;
	/* A service that is too long for a type cannot have been registered: nobody will be found.
	 */
	if (actr_type_set(&dest.id.type, service->manufacturer, service->name, NULL) < 0)
		memset(&dest.id.type, 0, sizeof dest.id.type);
	return dest;
}

int actr__endpoint_init(struct actr__endpoint *ep, const struct actr__endpoint_ops *ops,
			struct actr__loop *loop, actr_error *err)
{
	int rc;

	memset(ep, 0, sizeof *ep);
	ep->ops = ops;
	ep->loop = loop;
	actr__list_init(&ep->calls);
	actr__list_init(&ep->ended);
	actr__deferred_init(&ep->tell_ended, call_tell_ended);
	if (pthread_mutex_init(&ep->id_lock, NULL))
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a lock");
	rc = actr__streams_init(&ep->streams, err);
	if (rc < 0)
		goto no_streams;
	rc = actr__media_init(&ep->media, err);
	if (rc < 0)
		goto no_media;
	return 0;

no_media:
	actr__streams_done(&ep->streams);
no_streams:
	pthread_mutex_destroy(&ep->id_lock);
	return rc;
}

void actr__endpoint_done(struct actr__endpoint *ep)
{
	actr__media_done(&ep->media);
	actr__streams_done(&ep->streams);
	pthread_mutex_destroy(&ep->id_lock);
}

void actr__endpoint_set_id(struct actr__endpoint *ep, const actr_id *id)
{
	pthread_mutex_lock(&ep->id_lock);
	ep->id = *id;
	pthread_mutex_unlock(&ep->id_lock);
}

actr_id actr__endpoint_id(struct actr__endpoint *ep)
{
	actr_id id;

	pthread_mutex_lock(&ep->id_lock);
	id = ep->id;
	pthread_mutex_unlock(&ep->id_lock);
	return id;
}

void actr__endpoint_close(struct actr__endpoint *ep, const actr_error *why)
{
	ep->closing = true;
	actr__streams_close(ep);
	actr__media_close(ep, why);
	while (!actr__list_empty(&ep->calls))
		call_end(container_of(ep->calls.next, actr_call, link), why->code, why);
	flows_stop(ep);
}

/* --- ref --- */

actr_ref *actr_ref_ref(actr_ref *ref)
{
	atomic_fetch_add_explicit(&ref->refs, 1, memory_order_relaxed);
	return ref;
}

actr_ref *actr_ref_unref(actr_ref *ref)
{
	if (ref && atomic_fetch_sub_explicit(&ref->refs, 1, memory_order_acq_rel) == 1)
		ref->on_last(ref);
	return NULL;
}
