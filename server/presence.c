/*
 * Presence: who wants to hear of actors of a type that come up. A subscription is in the list of
 * its session and in that of its kind, and dies with its session.
 */
#include "session.h"

struct subscription {
	struct actr__list in_session, in_kind;
	struct session *session;
	struct kind *kind;
};

static struct subscription *find(struct session *session, const struct kind *kind)
{
	actr__list_each(node, &session->subscriptions)
	{
		struct subscription *subscription =
			container_of(node, struct subscription, in_session);

		if (subscription->kind == kind)
			return subscription;
	}
	return NULL;
}

static void drop(struct subscription *subscription)
{
	subscription->session->subscription_count--;
	actr__list_remove(&subscription->in_session);
	actr__list_remove(&subscription->in_kind);
	registry_drop_kind(&subscription->session->hub->registry, subscription->kind);
	actr__free(subscription);
}

void presence_forget(struct session *session)
{
	actr__list_each(node, &session->subscriptions)
		drop(container_of(node, struct subscription, in_session));
}

static int subscribe(struct session *session, const Actr__ActrType *message, actr_error *err)
{
	struct registry *registry = &session->hub->registry;
	struct subscription *subscription;
	struct kind *kind;
	actr_type type;

	ACTR_TRY(actr__pb_type_read(message, &type, err));
	kind = registry_find_kind(registry, session->actor->id.realm, &type);
	if (kind && find(session, kind))
		return 0;
	if (session->subscription_count == SESSION_SUBSCRIPTIONS_MAX)
		return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED,
				 "more than %u subscriptions of a connection",
				 SESSION_SUBSCRIPTIONS_MAX);
	kind = registry_take_kind(registry, session->actor->id.realm, &type);
	if (!kind)
		return ACTR_FAIL(err, ACTR_E_UNAVAILABLE, "the server is full");
	subscription = actr__new0(struct subscription);
	if (!subscription) {
		registry_drop_kind(registry, kind);
		return ACTR_FAIL(err, ACTR_E_UNAVAILABLE, "the server is full");
	}
	subscription->session = session;
	subscription->kind = kind;
	actr__list_init(&subscription->in_session);
	actr__list_init(&subscription->in_kind);
	actr__list_push(&session->subscriptions, &subscription->in_session);
	actr__list_push(&kind->subscriptions, &subscription->in_kind);
	session->subscription_count++;
	return 0;
}

void presence_subscribe(struct session *session, const char *reply_for,
			const Actr__SubscribeActrUpRequest *request)
{
	Actr__SubscribeActrUpResponse response = ACTR__SUBSCRIBE_ACTR_UP_RESPONSE__INIT;
	Actr__SubscribeActrUpResponse__SubscribeOk success =
		ACTR__SUBSCRIBE_ACTR_UP_RESPONSE__SUBSCRIBE_OK__INIT;
	Actr__ErrorResponse error;
	actr_error err = ACTR_ERROR_INIT;
	struct push push;

	if (subscribe(session, request->target_type, &err) < 0) {
		response.result_case = ACTR__SUBSCRIBE_ACTR_UP_RESPONSE__RESULT_ERROR;
		response.error = actr__pb_error(&error, actr_error_to_wire(err.code), err.message);
	} else {
		response.result_case = ACTR__SUBSCRIBE_ACTR_UP_RESPONSE__RESULT_SUCCESS;
		response.success = &success;
	}
	push_init(&push, session->hub, reply_for, &session->actor->id);
	push.flow.payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_SUBSCRIBE_ACTR_UP_RESPONSE;
	push.flow.subscribe_actr_up_response = &response;
	session_push(session, &push);
}

void presence_unsubscribe(struct session *session, const char *reply_for,
			  const Actr__UnsubscribeActrUpRequest *request)
{
	Actr__UnsubscribeActrUpResponse response = ACTR__UNSUBSCRIBE_ACTR_UP_RESPONSE__INIT;
	Actr__UnsubscribeActrUpResponse__UnsubscribeOk success =
		ACTR__UNSUBSCRIBE_ACTR_UP_RESPONSE__UNSUBSCRIBE_OK__INIT;
	struct subscription *subscription = NULL;
	struct kind *kind = NULL;
	struct push push;
	actr_type type;

	if (actr__pb_type_read(request->target_type, &type, NULL) == 0)
		kind = registry_find_kind(&session->hub->registry, session->actor->id.realm, &type);
	if (kind)
		subscription = find(session, kind);
	if (subscription)
		drop(subscription);
	response.result_case = ACTR__UNSUBSCRIBE_ACTR_UP_RESPONSE__RESULT_SUCCESS;
	response.success = &success;
	push_init(&push, session->hub, reply_for, &session->actor->id);
	push.flow.payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_UNSUBSCRIBE_ACTR_UP_RESPONSE;
	push.flow.unsubscribe_actr_up_response = &response;
	session_push(session, &push);
}

static void tell(struct session *session, const struct actor *actor)
{
	Actr__ActrUpEvent event = ACTR__ACTR_UP_EVENT__INIT;
	struct actr__pb_id place;
	struct push push;

	event.actor_id = actr__pb_id(&place, &actor->id);
	push_init(&push, session->hub, NULL, &session->actor->id);
	push.flow.payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ACTR_UP_EVENT;
	push.flow.actr_up_event = &event;
	session->hub->metrics.presence_events++;
	session_push(session, &push);
}

void presence_up(struct hub *hub, const struct actor *actor)
{
	actr__list_each(node, &actor->kind->subscriptions)
	{
		struct session *session = container_of(node, struct subscription, in_kind)->session;

		if (session->actor && session->actor != actor && !actor->hidden &&
		    hub_may_call(hub, &session->actor->id, actor))
			tell(session, actor);
	}
}
