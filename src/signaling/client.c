/*
 * The client's states, and who may change them.
 *
 * Each try has a socket of its own: a server that still ties the old identity to the old socket
 * cannot refuse the new one (defect 29). A session ends in one of two ways: signaling_fail_socket()
 * (or the owner's actr__signaling_lost()) waits with back-off and connects again,
 * signaling_close_now() ends it for good. In between there is always the timer armed, so nothing
 * can make the machine stand still (defect 47).
 *
 * A socket that was lost is not the end of the identity: a server that said `resumes` (actrd) takes
 * it over on the next one, and peers go on knowing us. Where it refuses, we register (defect 21).
 *
 * Order at each end: the state is changed and told first, then the pending requests fail, so that
 * whoever reacts to a failed request finds the machine in its new state. A callback may call any
 * function of the door but free; therefore nothing is assumed to hold after one.
 *
 * Callbacks come from inside start, opened, received, lost, retry_now and stop, from timers and
 * deferred tasks; never from inside discover, watch, relay or cancel: a send that fails there makes
 * the socket `broken`, and its loss is told at the end of the turn.
 */
#include "signaling/signaling_internal.h"

#define BACKOFF_FIRST_MS    1000u
#define BACKOFF_MAX_MS	    60000u
#define CONNECT_TIMEOUT_MS  30000u
#define RESPONSE_TIMEOUT_MS 5000u
#define UNREGISTER_MS	    5000u
/* A session that lasted so long starts the back-off from the beginning. */
#define LASTING_MS 10000u
/* A registration older than this may be renewed at once; a younger one waits, lest it spins. */
#define REGISTER_ANEW_AT_ONCE_MS 60000u

static void connect_now(struct actr__signaling *s, const actr_error *why);

static void tell_credential(struct actr__signaling *s, const actr_error *why)
{
	if (s->events->on_credential)
		s->events->on_credential(s->owner, why);
}

static void set_state(struct actr__signaling *s, enum actr__signaling_state state,
		      const actr_error *why)
{
	if (s->state == state)
		return;
	s->state = state;
	if (s->events->on_state)
		s->events->on_state(s->owner, state, why);
}

/* The timer is armed already, or was just taken out of the heap by falling due: there is room. */
static void arm(struct actr__signaling *s, uint64_t delay_ms)
{
	(void)actr__timer_set(s->loop, &s->timer, delay_ms);
}

static void drop_socket(struct actr__signaling *s)
{
	if (!s->socket)
		return;
	s->socket = false;
	s->events->disconnect(s->owner);
}

/* Forget what belonged to the socket. */
static void leave_session(struct actr__signaling *s)
{
	if (s->state == ACTR__SIGNALING_READY &&
	    actr__loop_now_ms(s->loop) - s->ready_since_ms >= LASTING_MS)
		s->failures = 0;
	s->register_number = s->renew_number = s->unregister_number = 0;
	actr__loop_cancel_deferred(&s->broken);
	signaling_relays_clear(s);
}

static uint64_t backoff_ms(struct actr__signaling *s)
{
	uint32_t delay = s->backoff_first_ms;

	for (unsigned i = 0; i < s->failures && delay < s->backoff_max_ms; i++)
		delay = delay > s->backoff_max_ms / 2 ? s->backoff_max_ms : delay * 2;
	return delay - actr__random_below(delay / 2 + 1);
}

static void wait_then_connect(struct actr__signaling *s, const actr_error *why)
{
	leave_session(s);
	arm(s, backoff_ms(s));
	s->failures++;
	set_state(s, ACTR__SIGNALING_WAITING, why);
	signaling_fail_requests(s, ACTR_E_UNAVAILABLE,
				"the connection to the signaling server is lost");
}

static void after_loss(struct actr__signaling *s, const actr_error *why)
{
	switch (s->state) {
	case ACTR__SIGNALING_CONNECTING:
	case ACTR__SIGNALING_REGISTERING:
	case ACTR__SIGNALING_READY:
		s->stats.sessions_lost++;
		wait_then_connect(s, why);
		break;
	case ACTR__SIGNALING_UNREGISTERING:
		ACTR_WARN(2, "signaling", "what=unregister_unanswered after_ms=%u", UNREGISTER_MS);
		signaling_close_now(s, NULL);
		break;
	case ACTR__SIGNALING_IDLE:
	case ACTR__SIGNALING_WAITING:
	case ACTR__SIGNALING_CLOSED:
		break;
	}
}

void signaling_fail_socket(struct actr__signaling *s, const actr_error *why)
{
	actr_error copy = *why;

	drop_socket(s);
	after_loss(s, &copy);
}

void signaling_register_anew(struct actr__signaling *s, const actr_error *why)
{
	actr_error copy = *why;

	if (s->state != ACTR__SIGNALING_READY)
		return;
	s->can_resume = false;
	tell_credential(s, &copy);
	if (s->state != ACTR__SIGNALING_READY)
		return; /* stopped by who was told */
	if (actr__loop_now_ms(s->loop) - s->ready_since_ms < REGISTER_ANEW_AT_ONCE_MS) {
		signaling_fail_socket(s, &copy);
		return;
	}
	drop_socket(s);
	leave_session(s);
	connect_now(s, &copy);
	signaling_fail_requests(s, ACTR_E_UNAVAILABLE, "the node registers anew");
}

void signaling_close_now(struct actr__signaling *s, const actr_error *why)
{
	drop_socket(s);
	leave_session(s);
	actr__timer_stop(s->loop, &s->timer);
	set_state(s, ACTR__SIGNALING_CLOSED, why);
	signaling_fail_requests(s, ACTR_E_CLOSED, "signaling is closed");
}

int signaling_check_ready(const struct actr__signaling *s, actr_error *err)
{
	if (!s->has_id)
		return ACTR_FAIL(err, ACTR_E_STATE, "the node is not registered yet");
	if (s->state != ACTR__SIGNALING_READY || signaling_is_broken(s))
		return ACTR_FAIL(err, ACTR_E_UNAVAILABLE,
				 "there is no connection to the signaling server");
	return 0;
}

/* --- connecting and registering -----------------------------------------------------------------
 */

static void connect_now(struct actr__signaling *s, const actr_error *why)
{
	arm(s, s->connect_timeout_ms);
	set_state(s, ACTR__SIGNALING_CONNECTING, why);
	if (s->state != ACTR__SIGNALING_CONNECTING || s->socket)
		return;
	s->socket = true;
	s->events->connect(s->owner);
}

/* A failure breaks the socket. */
static void send_register(struct actr__signaling *s)
{
	if (s->is_resuming)
		(void)signaling_send_renewal(s, &s->register_number);
	else
		(void)signaling_send_register(s, &s->register_number);
}

void actr__signaling_opened(struct actr__signaling *s)
{
	if (s->state != ACTR__SIGNALING_CONNECTING || !s->socket)
		return;
	arm(s, s->response_timeout_ms);
	s->is_resuming = s->has_id && s->can_resume && signaling_credential_is_good(s);
	set_state(s, ACTR__SIGNALING_REGISTERING, NULL);
	if (s->state == ACTR__SIGNALING_REGISTERING)
		send_register(s);
}

void signaling_registration_refused(struct actr__signaling *s, actr_error *why)
{
	if (s->is_resuming) {
		ACTR_INFO("registration", "what=not_resumed cause=\"%s\"", why->message);
		s->is_resuming = s->can_resume = false;
		arm(s, s->response_timeout_ms);
		send_register(s);
		return;
	}
	s->stats.registrations_refused++;
	(void)actr__prefix(why, why->code,
			   "the server refused the registration (%u): ", why->wire_code);
	ACTR_ERR(10, "registration_error", "what=registration_refused code=%u", why->wire_code);
	signaling_fail_socket(s, why);
}

static void registered(struct actr__signaling *s, const actr_id *id)
{
	bool changed = !s->has_id || !actr_id_equal(&s->id, id);

	s->id = *id;
	s->has_id = true;
	s->stats.registrations++;
	s->stats.resumed += s->is_resuming;
	s->register_number = 0;
	signaling_session_begin(s);
	ACTR_INFO("registration", "token_key_id=%u credential_life_s=%lld heartbeat_s=%llu",
		  s->credential.key_id, (long long)(s->credential.life_ms / 1000),
		  (unsigned long long)(s->interval_ms / 1000));
	if (s->events->on_registered)
		s->events->on_registered(s->owner, &s->id, changed);
	if (s->state != ACTR__SIGNALING_REGISTERING)
		return;
	s->ready_since_ms = actr__loop_now_ms(s->loop);
	set_state(s, ACTR__SIGNALING_READY, NULL);
	if (s->state == ACTR__SIGNALING_READY)
		signaling_send_watches(s);
}

/* A renewal may come under another serial number: then it is a new identity like any other. */
static void renewed(struct actr__signaling *s, const actr_id *id)
{
	bool changed = !actr_id_equal(&s->id, id);

	s->id = *id;
	s->renew_number = 0;
	s->stats.renewals++;
	signaling_upkeep(s);
	tell_credential(s, NULL);
	if (changed && s->events->on_registered)
		s->events->on_registered(s->owner, &s->id, true);
}

void signaling_on_register_response(struct actr__signaling *s, uint64_t number,
				    const Actr__RegisterResponse *response, int64_t server_ms)
{
	bool registering = s->state == ACTR__SIGNALING_REGISTERING &&
			   (!number || number == s->register_number);
	bool renewing = s->state == ACTR__SIGNALING_READY && number && number == s->renew_number;
	actr_error err = ACTR_ERROR_INIT;
	actr_id id;
	int rc;

	if (!registering && !renewing) {
		s->stats.strays++;
		return;
	}
	rc = response->result_case == ACTR__REGISTER_RESPONSE__RESULT_SUCCESS
		     ? signaling_take_registration(s, response->success, server_ms, &id, &err)
		     : actr__pb_error_read(response->result_case ==
							   ACTR__REGISTER_RESPONSE__RESULT_ERROR
						   ? response->error
						   : NULL,
					   &err);
	if (rc < 0 && registering)
		signaling_registration_refused(s, &err);
	else if (rc < 0)
		signaling_register_anew(s, &err);
	else if (registering)
		registered(s, &id);
	else
		renewed(s, &id);
}

/* --- the timer, the socket's events
 * ---------------------------------------------------------------- */

static void on_due(struct actr__timer *timer)
{
	struct actr__signaling *s = container_of(timer, struct actr__signaling, timer);
	actr_error why = ACTR_ERROR_INIT;

	arm(s, s->connect_timeout_ms); /* while there is room; each branch sets its own */
	switch (s->state) {
	case ACTR__SIGNALING_CONNECTING:
		(void)ACTR_FAIL(&why, ACTR_E_TIMEOUT,
				"no connection to the signaling server in %u ms",
				s->connect_timeout_ms);
		signaling_fail_socket(s, &why);
		break;
	case ACTR__SIGNALING_REGISTERING:
		(void)ACTR_FAIL(&why, ACTR_E_TIMEOUT, "no answer to the registration in %u ms",
				s->response_timeout_ms);
		s->can_resume = false;
		signaling_fail_socket(s, &why);
		break;
	case ACTR__SIGNALING_WAITING:
		connect_now(s, NULL);
		break;
	case ACTR__SIGNALING_READY:
		signaling_upkeep(s);
		break;
	case ACTR__SIGNALING_UNREGISTERING:
		signaling_close_now(s, NULL);
		break;
	case ACTR__SIGNALING_IDLE:
	case ACTR__SIGNALING_CLOSED:
		actr__timer_stop(s->loop, timer);
		break;
	}
}

static void on_broken(struct actr__deferred *deferred)
{
	struct actr__signaling *s = container_of(deferred, struct actr__signaling, broken);

	signaling_fail_socket(s, &s->broken_why);
}

void actr__signaling_lost(struct actr__signaling *s, const actr_error *why)
{
	actr_error copy = ACTR_ERROR_INIT;

	if (!s->socket)
		return;
	s->socket = false;
	if (why)
		copy = *why;
	else
		(void)ACTR_FAIL(&copy, ACTR_E_UNAVAILABLE,
				"the signaling server closed the connection");
	after_loss(s, &copy);
}

void actr__signaling_retry_now(struct actr__signaling *s)
{
	s->failures = 0;
	if (s->state == ACTR__SIGNALING_WAITING)
		connect_now(s, NULL);
}

/* --- life
 * -------------------------------------------------------------------------------------------- */

static int copy_specs(struct actr__signaling *s, const struct actr__signaling_options *options,
		      actr_error *err)
{
	if (options->service_spec.size) {
		s->spec = (Actr__ServiceSpec *)actr__pb_unpack(
			&actr__service_spec__descriptor, options->service_spec, &s->arena, err);
		if (!s->spec)
			return ACTR_E_INVALID_ARGUMENT;
	}
	if (options->acl.size) {
		s->acl = (Actr__Acl *)actr__pb_unpack(&actr__acl__descriptor, options->acl,
						      &s->arena, err);
		if (!s->acl)
			return ACTR_E_INVALID_ARGUMENT;
	}
	return 0;
}

int actr__signaling_new(struct actr__loop *loop, const struct actr__signaling_options *options,
			const struct actr__signaling_events *events, void *owner,
			struct actr__signaling **ret_signaling, actr_error *err)
{
	struct actr__signaling *s = actr__new0(struct actr__signaling);
	int rc;

	if (!s)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for the signaling client");
	s->loop = loop;
	s->events = events;
	s->owner = owner;
	s->type = options->type;
	s->realm = options->realm;
	s->hidden = options->hidden;
	s->backoff_first_ms =
		options->backoff_first_ms ? options->backoff_first_ms : BACKOFF_FIRST_MS;
	s->backoff_max_ms = options->backoff_max_ms ? options->backoff_max_ms : BACKOFF_MAX_MS;
	s->connect_timeout_ms =
		options->connect_timeout_ms ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	s->response_timeout_ms =
		options->response_timeout_ms ? options->response_timeout_ms : RESPONSE_TIMEOUT_MS;
	actr__timer_init(&s->timer, on_due);
	actr__deferred_init(&s->broken, on_broken);
	actr__list_init(&s->requests);
	actr__list_init(&s->watches);
	signaling_relays_init(s);
	actr__buf_init(&s->out, ACTR__SIGNALING_MAX);
	actr__arena_init(&s->arena, NULL, 0, 8u * ACTR__SIGNALING_MAX);
	rc = copy_specs(s, options, err);
	if (rc < 0) {
		actr__signaling_free(s);
		return rc;
	}
	*ret_signaling = s;
	return 0;
}

struct actr__signaling *actr__signaling_free(struct actr__signaling *s)
{
	if (!s)
		return NULL;
	s->state = ACTR__SIGNALING_CLOSED;
	signaling_fail_requests(s, ACTR_E_CLOSED, "signaling is closed");
	actr__timer_stop(s->loop, &s->timer);
	actr__loop_cancel_deferred(&s->broken);
	signaling_relays_done(s);
	signaling_free_watches(s);
	signaling_credential_clear(&s->credential);
	actr__buf_done(&s->out);
	actr__arena_done(&s->arena);
	actr__free(s);
	return NULL;
}

void actr__signaling_start(struct actr__signaling *s)
{
	actr_error err = ACTR_ERROR_INIT;

	if (s->state != ACTR__SIGNALING_IDLE)
		return;
	if (actr__timer_set(s->loop, &s->timer, s->connect_timeout_ms) < 0) {
		(void)ACTR_FAIL(&err, ACTR_E_NOMEM, "no memory for a timer");
		signaling_close_now(s, &err);
		return;
	}
	connect_now(s, NULL);
}

void actr__signaling_stop(struct actr__signaling *s, const char *reason)
{
	if (s->state == ACTR__SIGNALING_UNREGISTERING || s->state == ACTR__SIGNALING_CLOSED)
		return;
	if (s->state != ACTR__SIGNALING_READY || signaling_is_broken(s) ||
	    signaling_send_unregister(s, reason, &s->unregister_number) < 0) {
		signaling_close_now(s, NULL);
		return;
	}
	arm(s, UNREGISTER_MS);
	set_state(s, ACTR__SIGNALING_UNREGISTERING, NULL);
	signaling_fail_requests(s, ACTR_E_CLOSED, "the node is stopping");
}

enum actr__signaling_state actr__signaling_state(const struct actr__signaling *s)
{
	return s->state;
}

const actr_id *actr__signaling_id(const struct actr__signaling *s)
{
	return &s->id;
}

const struct actr__signaling_stats *actr__signaling_stats(const struct actr__signaling *s)
{
	return &s->stats;
}
