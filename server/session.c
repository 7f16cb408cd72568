/*
 * A session is one connection: a state machine of two states, without an identity and with one.
 *
 *	open → (register, or a credential of an actor that is here) → identified
 *	identified → (unregister, superseded) → open; register again → identified as another
 *
 * One identity a connection, and one connection an identity: session->actor and actor->session
 *point at each other, and only the two functions bind() and unbind() change them. Every message
 *that names a source is checked before anything else is done with it: signature and expiry of the
 * credential, then claims == source == identity. Requests of an unknown sender reach no index.
 *
 * What cannot be understood, and a foreign source, is a strike; the fifth ends the connection. So
 * does being without an identity for too long, and a send queue that is full when we answer.
 */
#include "session.h"

static const actr_id nobody = {.type = {.manufacturer = "temp", .name = "temp"}};

/* --- sending --- */

void push_init(struct push *push, struct hub *hub, const char *reply_for, const actr_id *target)
{
	envelope_id(hub, push->id);
	signaling__signaling_to_actr__init(&push->flow);
	push->flow.target = actr__pb_id(&push->target, target);
	actr__pb_envelope(&push->envelope, push->id, reply_for, actr__clock_wall_ms());
	push->envelope.envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_SERVER_TO_ACTR;
	push->envelope.envelope.server_to_actr = &push->flow;
}

int session_send(struct session *session, actr_bytes frame)
{
	if (session->closing)
		return ACTR_E_CLOSED;
	return session->events->send(session->user, frame);
}

/* An answer has the trace context of its question (reference.md 3.2). */
static void copy_trace(const struct session *session, Signaling__SignalingEnvelope *answer)
{
	if (!session->question.id || !answer->reply_for ||
	    strcmp(session->question.id, answer->reply_for) != 0 ||
	    !actr__traceparent_valid(actr__text(session->question.traceparent)))
		return;
	answer->traceparent = (char *)(uintptr_t)session->question.traceparent;
	if (actr__text(session->question.tracestate).size < ACTR__TRACESTATE_SIZE)
		answer->tracestate = (char *)(uintptr_t)session->question.tracestate;
}

static void send_envelope(struct session *session, Signaling__SignalingEnvelope *envelope)
{
	struct actr__buf buf;
	int rc;

	copy_trace(session, envelope);
	actr__buf_init(&buf, SESSION_FRAME_MAX);
	rc = actr__pb_append(&envelope->base, &buf);
	if (rc == 0)
		rc = session_send(session, actr__bytes(buf.data, buf.size));
	actr__buf_done(&buf);
	if (rc < 0)
		session_close(session, 1013, "an answer could not be queued");
}

void session_push(struct session *session, struct push *push)
{
	send_envelope(session, &push->envelope.envelope);
}

static const actr_id *identity(const struct session *session)
{
	return session->actor ? &session->actor->id : &nobody;
}

void session_error(struct session *session, const char *reply_for, uint32_t wire_code,
		   const char *message)
{
	Actr__ErrorResponse error;
	struct push push;

	push_init(&push, session->hub, reply_for, identity(session));
	push.flow.payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ERROR;
	push.flow.error = actr__pb_error(&error, wire_code, message);
	session_push(session, &push);
}

/* An error of the envelope itself, where no request is known. */
static void envelope_error(struct session *session, const char *reply_for, uint32_t wire_code,
			   const char *message)
{
	struct actr__pb_envelope place;
	Actr__ErrorResponse error;
	char id[40];

	envelope_id(session->hub, id);
	actr__pb_envelope(&place, id, reply_for, actr__clock_wall_ms());
	place.envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ENVELOPE_ERROR;
	place.envelope.envelope_error = actr__pb_error(&error, wire_code, message);
	send_envelope(session, &place.envelope);
}

void session_close(struct session *session, unsigned code, const char *reason)
{
	if (session->closing)
		return;
	session->closing = true;
	session->events->close(session->user, code, reason);
}

static void strike(struct session *session)
{
	/* 1007: data that is not what the message says (RFC 6455 7.4.1). */
	if (++session->strikes >= SESSION_STRIKES_MAX)
		session_close(session, 1007, "too many malformed messages");
}

static void malformed(struct session *session, const char *reply_for, const char *why)
{
	session->hub->metrics.malformed++;
	envelope_error(session, reply_for, 400, why);
	strike(session);
}

void session_malformed(struct session *session, const char *why)
{
	if (!session->closing)
		malformed(session, NULL, why);
}

/* --- identity --- */

static void on_login_timeout(struct actr__timer *timer)
{
	session_close(container_of(timer, struct session, login), 1008, "not registered in time");
}

static int await_login(struct session *session)
{
	return actr__timer_set(session->hub->loop, &session->login, session->hub->options.login_ms);
}

static void bind(struct session *session, struct actor *actor)
{
	session->actor = actor;
	registry_attach(actor, session);
	actr__timer_stop(session->hub->loop, &session->login);
}

/* The session has no identity any more; the actor is the caller's to remove or detach. */
static struct actor *unbind(struct session *session)
{
	struct actor *actor = session->actor;

	presence_forget(session);
	session->actor = NULL;
	if (actor)
		actor->session = NULL;
	return actor;
}

/* A new connection of the same identity: the old one is not it any more, from now on. */
static void supersede(struct session *session, struct actor *actor)
{
	struct session *old = actor->session;

	if (old) {
		unbind(old);
		session->hub->metrics.superseded++;
		session_close(old, 4001, "superseded");
	}
	bind(session, actor);
	presence_up(session->hub, actor);
}

static int64_t now_s(void)
{
	return actr__clock_wall_ms() / 1000;
}

/* Answer what authentication found wrong. */
static bool refuse(struct session *session, const char *reply_for, uint32_t wire_code,
		   const char *message)
{
	session->hub->metrics.refused++;
	session_error(session, reply_for, wire_code, message);
	if (wire_code == 403)
		strike(session);
	return false;
}

/* Whether the message is of this connection's identity; binds a connection that has none. */
static bool authenticate(struct session *session, const char *reply_for,
			 const Actr__ActrId *source_message, const Actr__AIdCredential *credential)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_id claimed, source;
	struct actor *actor;

	if (!credential)
		return refuse(session, reply_for, 401, "a credential is missing");
	if (issuer_verify(&session->hub->issuer, actr__pb_bytes(credential->encrypted_token),
			  credential->token_key_id, now_s(), &session->seen, &claimed, &err) < 0)
		return refuse(session, reply_for, 401, err.message);
	if (actr__pb_id_read(source_message, &source, NULL) < 0 ||
	    !actr_id_equal(&source, &claimed))
		return refuse(session, reply_for, 403,
			      "the source is not whom the credential names");
	if (session->actor)
		return actr_id_equal(&source, &session->actor->id) ||
		       refuse(session, reply_for, 403,
			      "the source is not the identity of this connection");
	actor = registry_find(&session->hub->registry, &claimed);
	if (!actor)
		return refuse(session, reply_for, 401, "not registered any more: register again");
	supersede(session, actor);
	return true;
}

/* --- registration --- */

static void answer_registered(struct session *session, const char *reply_for, const actr_id *id,
			      const struct credential *credential)
{
	Actr__RegisterResponse response = ACTR__REGISTER_RESPONSE__INIT;
	Actr__RegisterResponse__RegisterOk ok = ACTR__REGISTER_RESPONSE__REGISTER_OK__INIT;
	Actr__AIdCredential credential_place;
	Actr__Timestamp expires;
	struct actr__pb_id id_place;
	struct push push;

	ok.actr_id = actr__pb_id(&id_place, id);
	ok.credential = actr__pb_credential(&credential_place,
					    actr__bytes(credential->token, credential->size),
					    credential->key_id);
	ok.credential_expires_at = actr__pb_timestamp(&expires, credential->expires_at_s * 1000);
	ok.has_signaling_heartbeat_interval_secs = true;
	ok.signaling_heartbeat_interval_secs = session->hub->options.heartbeat_s;
	ok.has_resumes = ok.resumes = true;
	response.result_case = ACTR__REGISTER_RESPONSE__RESULT_SUCCESS;
	response.success = &ok;
	push_init(&push, session->hub, reply_for, id);
	push.flow.payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_REGISTER_RESPONSE;
	push.flow.register_response = &response;
	session_push(session, &push);
}

static void answer_not_registered(struct session *session, const char *reply_for,
				  const actr_error *err)
{
	Actr__RegisterResponse response = ACTR__REGISTER_RESPONSE__INIT;
	Actr__ErrorResponse error;
	struct push push;

	response.result_case = ACTR__REGISTER_RESPONSE__RESULT_ERROR;
	response.error = actr__pb_error(&error, actr_error_to_wire(err->code), err->message);
	push_init(&push, session->hub, reply_for, identity(session));
	push.flow.payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_REGISTER_RESPONSE;
	push.flow.register_response = &response;
	session_push(session, &push);
}

static int sign(struct session *session, const actr_id *id, struct credential *ret, actr_error *err)
{
	int64_t now = now_s();

	return issuer_sign(&session->hub->issuer, id, now,
			   now + session->hub->options.credential_ttl_s, ret, err);
}

/* Realm and type of a request: a name that can be printed and parsed, in a realm that there is. */
static int check_request(struct session *session, const Actr__RegisterRequest *request,
			 actr_id *ret_id, actr_error *err)
{
	char text[STORE_TYPE_SIZE];
	actr_type same;
	actr_id id = {.realm = request->realm ? request->realm->realm_id : 0};

	ACTR_TRY(actr__pb_type_read(request->actr_type, &id.type, err));
	actr_type_format(&id.type, text, sizeof text);
	ACTR_TRY(actr_type_parse(text, &same, err));
	if (!policy_has_realm(&session->hub->policy, id.realm))
		return ACTR_FAIL(err, ACTR_E_PERMISSION_DENIED, "no registration in realm %u",
				 id.realm);
	*ret_id = id;
	return 0;
}

static int register_actor(struct session *session, const Actr__RegisterRequest *request,
			  struct credential *ret_credential, struct actor **ret_actor,
			  actr_error *err)
{
	actr_id id;

	ACTR_TRY(check_request(session, request, &id, err));
	ACTR_TRY(hub_next_serial(session->hub, &id.serial, err));
	ACTR_TRY(sign(session, &id, ret_credential, err));
	return registry_add(&session->hub->registry, &id, request, ret_actor, err);
}

/* A connection that registers again takes a new identity; the old one ends (never 409). */
static void on_register(struct session *session, const char *reply_for,
			const Actr__RegisterRequest *request)
{
	actr_error err = ACTR_ERROR_INIT;
	struct credential credential;
	struct actor *actor, *old;
	int rc = register_actor(session, request, &credential, &actor, &err);

	if (rc < 0) {
		err.code = rc; /* memory that is exhausted fills no error */
		answer_not_registered(session, reply_for, &err);
		return;
	}
	old = unbind(session);
	if (old)
		registry_remove(old);
	bind(session, actor);
	session->hub->metrics.registrations++;
	answer_registered(session, reply_for, &actor->id, &credential);
	presence_up(session->hub, actor);
}

static bool is_me(const struct session *session, const Actr__ActrId *message)
{
	actr_id id;

	return !message || (actr__pb_id_read(message, &id, NULL) == 0 &&
			    actr_id_equal(&id, &session->actor->id));
}

/* A renewed credential names the same identity. */
static void on_renew(struct session *session, const char *reply_for,
		     const Actr__CredentialUpdateRequest *request)
{
	actr_error err = ACTR_ERROR_INIT;
	struct credential credential;

	if (!is_me(session, request->actr_id)) {
		refuse(session, reply_for, 403, "only the own credential can be renewed");
		return;
	}
	if (sign(session, &session->actor->id, &credential, &err) < 0) {
		session_error(session, reply_for, 503, err.message);
		return;
	}
	session->hub->metrics.renewals++;
	answer_registered(session, reply_for, &session->actor->id, &credential);
}

static void on_unregister(struct session *session, const char *reply_for,
			  const Actr__UnregisterRequest *request)
{
	Actr__UnregisterResponse response = ACTR__UNREGISTER_RESPONSE__INIT;
	Actr__UnregisterResponse__UnregisterOk ok = ACTR__UNREGISTER_RESPONSE__UNREGISTER_OK__INIT;
	actr_id id = session->actor->id;
	struct push push;

	if (!is_me(session, request->actr_id)) {
		refuse(session, reply_for, 403, "only the own identity can be unregistered");
		return;
	}
	registry_remove(unbind(session));
	response.result_case = ACTR__UNREGISTER_RESPONSE__RESULT_SUCCESS;
	response.success = &ok;
	push_init(&push, session->hub, reply_for, &id);
	push.flow.payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_UNREGISTER_RESPONSE;
	push.flow.unregister_response = &response;
	session_push(session, &push);
	if (await_login(session) < 0)
		session_close(session, 1013, "out of memory");
}

static void on_ping(struct session *session, const char *reply_for, const Actr__Ping *ping)
{
	Actr__Pong pong = ACTR__PONG__INIT;
	struct push push;

	session->hub->metrics.pings++;
	registry_report(session->actor, ping);
	pong.has_seq = true;
	pong.seq = ++session->pongs;
	pong.has_suggest_interval_secs = true;
	pong.suggest_interval_secs = session->hub->options.heartbeat_s;
	push_init(&push, session->hub, reply_for, &session->actor->id);
	push.flow.payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_PONG;
	push.flow.pong = &pong;
	session_push(session, &push);
}

/* --- receiving --- */

static void on_peer(struct session *session, const Signaling__SignalingEnvelope *envelope)
{
	const Signaling__PeerToSignaling *flow = envelope->peer_to_server;

	if (flow->payload_case == SIGNALING__PEER_TO_SIGNALING__PAYLOAD_REGISTER_REQUEST)
		on_register(session, envelope->envelope_id, flow->register_request);
	else
		malformed(session, envelope->envelope_id, "peer_to_server has no known payload");
}

static void on_actor(struct session *session, const Signaling__SignalingEnvelope *envelope,
		     struct actr__arena *arena)
{
	const Signaling__ActrToSignaling *flow = envelope->actr_to_server;
	const char *id = envelope->envelope_id;

	if (!authenticate(session, id, flow->source, flow->credential))
		return;
	switch (flow->payload_case) {
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_UNREGISTER_REQUEST:
		on_unregister(session, id, flow->unregister_request);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_PING:
		on_ping(session, id, flow->ping);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_CREDENTIAL_UPDATE_REQUEST:
		on_renew(session, id, flow->credential_update_request);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_DISCOVERY_REQUEST:
		discovery_list(session, id, flow->discovery_request, arena);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_ROUTE_CANDIDATES_REQUEST:
		discovery_route(session, id, flow->route_candidates_request, arena);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_SUBSCRIBE_ACTR_UP_REQUEST:
		presence_subscribe(session, id, flow->subscribe_actr_up_request);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_UNSUBSCRIBE_ACTR_UP_REQUEST:
		presence_unsubscribe(session, id, flow->unsubscribe_actr_up_request);
		break;
	case SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_ERROR:
		ACTR_DEBUG("session", "event=peer_error code=%u", flow->error->code);
		break;
	default:
		malformed(session, id, "actr_to_server has no known payload");
	}
}

static void on_relay(struct session *session, Signaling__SignalingEnvelope *envelope)
{
	const Signaling__ActrRelay *relay = envelope->actr_relay;

	if (authenticate(session, envelope->envelope_id, relay->source, relay->credential))
		relay_forward(session, envelope);
}

static void on_envelope(struct session *session, Signaling__SignalingEnvelope *envelope,
			struct actr__arena *arena)
{
	/* A relay is changed in place: these stay. */
	session->question.id = envelope->envelope_id;
	session->question.traceparent = envelope->traceparent;
	session->question.tracestate = envelope->tracestate;
	switch (envelope->flow_case) {
	case SIGNALING__SIGNALING_ENVELOPE__FLOW_PEER_TO_SERVER:
		on_peer(session, envelope);
		break;
	case SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_TO_SERVER:
		on_actor(session, envelope, arena);
		break;
	case SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY:
		on_relay(session, envelope);
		break;
	case SIGNALING__SIGNALING_ENVELOPE__FLOW_ENVELOPE_ERROR:
		ACTR_DEBUG("session", "event=peer_error code=%u", envelope->envelope_error->code);
		break;
	default:
		malformed(session, envelope->envelope_id, "the envelope has no flow for a server");
	}
	session->question.id = NULL;
}

/* Over the rate: dropped; one answer a second, and the end of who never listens. */
static void throttle(struct session *session)
{
	uint64_t now = actr__loop_now_ms(session->hub->loop);

	session->hub->metrics.throttled++;
	if (++session->throttled == SESSION_THROTTLED_MAX) {
		session_close(session, 1008, "too many messages");
		return;
	}
	if (session->throttle_told_ms && now - session->throttle_told_ms < 1000)
		return;
	session->throttle_told_ms = now ? now : 1;
	envelope_error(session, NULL, 429, "too many messages: slow down");
}

void session_receive(struct session *session, actr_bytes frame)
{
	_Alignas(16) uint8_t place[8192];
	struct actr__arena arena;
	actr_error err = ACTR_ERROR_INIT;
	ProtobufCMessage *message;

	if (session->closing)
		return;
	session->hub->metrics.frames++;
	if (!bucket_take(&session->bucket, actr__loop_now_ms(session->hub->loop))) {
		throttle(session);
		return;
	}
	actr__arena_init(&arena, place, sizeof place, 16 * ACTR__SIGNALING_MAX);
	message = frame.size > ACTR__SIGNALING_MAX
			  ? NULL
			  : actr__pb_unpack(&signaling__signaling_envelope__descriptor, frame,
					    &arena, &err);
	if (message)
		on_envelope(session, (Signaling__SignalingEnvelope *)message, &arena);
	else
		malformed(session, NULL, err.code ? err.message : "the frame is too large");
	actr__arena_done(&arena);
}

/* --- life --- */

int session_new(struct hub *hub, const struct session_events *events, void *user,
		struct session **ret_session, actr_error *err)
{
	struct session *session = actr__new0(struct session);
	int rc;

	if (!session)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "out of memory");
	session->hub = hub;
	session->events = events;
	session->user = user;
	actr__list_init(&session->link);
	actr__list_init(&session->subscriptions);
	actr__timer_init(&session->login, on_login_timeout);
	bucket_init(&session->bucket, hub->options.rate_per_s, hub->options.rate_burst,
		    actr__loop_now_ms(hub->loop));
	rc = await_login(session);
	if (rc < 0) {
		actr__free(session);
		return ACTR_FAIL(err, rc, "out of memory");
	}
	actr__list_push(&hub->sessions, &session->link);
	hub->session_count++;
	hub->metrics.connections++;
	*ret_session = session;
	return 0;
}

struct session *session_free(struct session *session)
{
	struct actor *actor;

	if (!session)
		return NULL;
	actor = unbind(session);
	if (actor)
		registry_detach(actor);
	actr__timer_stop(session->hub->loop, &session->login);
	actr__list_remove(&session->link);
	session->hub->session_count--;
	actr__wipe(&session->seen, sizeof session->seen);
	actr__free(session);
	return NULL;
}
