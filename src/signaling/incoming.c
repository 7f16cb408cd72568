/*
 * Envelopes that arrive. An answer carries the number of what it answers in reply_for; what answers
 * nothing that is awaited is a stray, counted and dropped, as is what cannot be decoded.
 */
#include "signaling/signaling_internal.h"

/* Decoded envelope; a thousand candidates with long names fit. */
#define ARENA_LIMIT (8u * 1024u * 1024u)

/* `env-<n>`; 0 when it is not ours. */
static uint64_t number_of(const char *reply_for)
{
	uint64_t number = 0;

	if (!reply_for || strncmp(reply_for, "env-", 4) || !reply_for[4])
		return 0;
	for (const char *at = reply_for + 4; *at; at++) {
		if (*at < '0' || *at > '9' || __builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (unsigned)(*at - '0'), &number))
			return 0;
	}
	return number;
}

/* Our credential, or the identity in it, is not what the server wants to see
 * (reference.md 3.5, 3.9). */
static bool is_about_identity(const actr_error *err)
{
	return err->wire_code == 401 ||
	       (err->wire_code == 403 && !strncmp(err->message, "Source identity mismatch", 24));
}

static void on_error(struct actr__signaling *s, uint64_t number, const Actr__ErrorResponse *error)
{
	actr_error err = ACTR_ERROR_INIT;

	(void)actr__pb_error_read(error, &err);
	if (s->state == ACTR__SIGNALING_REGISTERING) {
		if (!number || number == s->register_number)
			signaling_registration_refused(s, &err);
		return;
	}
	if (s->state == ACTR__SIGNALING_UNREGISTERING) {
		if (number != s->unregister_number)
			return;
		ACTR_WARN(2, "signaling", "what=unregister_refused code=%u", err.wire_code);
		signaling_close_now(s, NULL);
		return;
	}
	if (number && number == s->renew_number) {
		signaling_register_anew(s, &err);
		return;
	}
	if (err.wire_code == 429)
		signaling_relays_slow_down(s);
	if (number && !signaling_request_failed(s, number, &err) &&
	    !signaling_relay_refused(s, number, &err))
		s->stats.strays++;
	if (is_about_identity(&err))
		signaling_register_anew(s, &err);
}

static void on_watch_answer(uint64_t number, bool refused)
{
	if (refused)
		ACTR_WARN(3, "signaling", "watch=refused envelope=%llu",
			  (unsigned long long)number);
}

static void on_actor_up(struct actr__signaling *s, const Actr__ActrUpEvent *event)
{
	actr_id id;

	if (actr__pb_id_read(event->actor_id, &id, NULL) < 0)
		s->stats.undecodable++;
	else if (s->state == ACTR__SIGNALING_READY && s->events->on_actor_up)
		s->events->on_actor_up(s->owner, &id);
}

static void on_server(struct actr__signaling *s, uint64_t number,
		      const Signaling__SignalingEnvelope *envelope, struct actr__arena *arena)
{
	const Signaling__SignalingToActr *message = envelope->server_to_actr;
	const Actr__Timestamp *time = envelope->timestamp;
	bool timed = time && time->seconds > 0 && time->seconds < INT64_MAX / 1000;

	switch (message->payload_case) {
	case SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_REGISTER_RESPONSE:
		signaling_on_register_response(s, number, message->register_response,
					       timed ? time->seconds * 1000 : 0);
		break;
	case SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_UNREGISTER_RESPONSE:
		if (s->state != ACTR__SIGNALING_UNREGISTERING)
			break;
		ACTR_INFO("registration", "what=unregistered");
		signaling_close_now(s, NULL);
		break;
	case SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_PONG:
		signaling_on_pong(s, message->pong);
		break;
	case SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ROUTE_CANDIDATES_RESPONSE:
		if (!signaling_request_answered(s, number, message->route_candidates_response,
						arena))
			s->stats.strays++;
		break;
	case SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_SUBSCRIBE_ACTR_UP_RESPONSE:
		on_watch_answer(number, message->subscribe_actr_up_response->result_case ==
						ACTR__SUBSCRIBE_ACTR_UP_RESPONSE__RESULT_ERROR);
		break;
	case SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_UNSUBSCRIBE_ACTR_UP_RESPONSE:
		break;
	case SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ACTR_UP_EVENT:
		on_actor_up(s, message->actr_up_event);
		break;
	case SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ERROR:
		on_error(s, number, message->error);
		break;
	default:
		s->stats.strays++;
	}
}

/* --- relays ------------------------------------------------------------------------------------
 */

static bool read_description(const Webrtc__SessionDescription *description,
			     struct actr__signal *ret_signal)
{
	if (!description->sdp || !description->sdp[0] || (unsigned)description->type > 3)
		return false;
	ret_signal->kind = (enum actr__signal_kind)description->type;
	ret_signal->text = description->sdp;
	ret_signal->exchange_id = description->sdp_exchange_id;
	return true;
}

static void read_candidate(const Webrtc__IceCandidate *candidate, struct actr__signal *ret_signal)
{
	ret_signal->kind = ACTR__SIGNAL_CANDIDATE;
	ret_signal->text = candidate->candidate ? candidate->candidate : "";
	ret_signal->sdp_mid = candidate->sdp_mid;
	ret_signal->username_fragment = candidate->username_fragment;
	if (candidate->has_sdp_mline_index && candidate->sdp_mline_index <= INT32_MAX)
		ret_signal->sdp_mline_index = (int32_t)candidate->sdp_mline_index;
}

static bool read_signal(const Signaling__ActrRelay *relay, struct actr__signal *ret_signal)
{
	*ret_signal = (struct actr__signal){.sdp_mline_index = -1};
	switch (relay->payload_case) {
	case SIGNALING__ACTR_RELAY__PAYLOAD_SESSION_DESCRIPTION:
		return read_description(relay->session_description, ret_signal);
	case SIGNALING__ACTR_RELAY__PAYLOAD_ICE_CANDIDATE:
		read_candidate(relay->ice_candidate, ret_signal);
		return true;
	case SIGNALING__ACTR_RELAY__PAYLOAD_ICE_RESTART_REQUEST:
		ret_signal->kind = ACTR__SIGNAL_ICE_RESTART_REQUEST;
		ret_signal->text = relay->ice_restart_request->reason;
		return true;
	default:
		return false;
	}
}

/* For us as we are now: a relay to an identity that we had is stale (defect 40). */
static bool is_for_us(const struct actr__signaling *s, const actr_id *target)
{
	return s->has_id && target->serial == s->id.serial && target->realm == s->id.realm;
}

static void on_relay(struct actr__signaling *s, const Signaling__ActrRelay *relay)
{
	struct actr__signal signal;
	actr_id source, target;

	if (actr__pb_id_read(relay->source, &source, NULL) < 0 ||
	    actr__pb_id_read(relay->target, &target, NULL) < 0 || !source.type.name[0] ||
	    !read_signal(relay, &signal)) {
		s->stats.undecodable++;
		return;
	}
	if (s->state != ACTR__SIGNALING_READY || !is_for_us(s, &target) ||
	    actr_id_equal(&source, &s->id)) {
		s->stats.strays++;
		return;
	}
	if (s->events->on_relay)
		s->events->on_relay(s->owner, &source, &signal);
}

/* -------------------------------------------------------------------------------------------------
 */

static void dispatch(struct actr__signaling *s, const Signaling__SignalingEnvelope *envelope,
		     struct actr__arena *arena)
{
	uint64_t number = number_of(envelope->reply_for);

	switch (envelope->flow_case) {
	case SIGNALING__SIGNALING_ENVELOPE__FLOW_SERVER_TO_ACTR:
		on_server(s, number, envelope, arena);
		break;
	case SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY:
		on_relay(s, envelope->actr_relay);
		break;
	case SIGNALING__SIGNALING_ENVELOPE__FLOW_ENVELOPE_ERROR:
		on_error(s, number, envelope->envelope_error);
		break;
	default:
		s->stats.strays++;
	}
}

void actr__signaling_received(struct actr__signaling *s, actr_bytes bytes)
{
	_Alignas(16) uint8_t piece[4096];
	struct actr__arena arena;
	ProtobufCMessage *message;

	if (!s->socket || s->state == ACTR__SIGNALING_CONNECTING)
		return;
	if (bytes.size > ACTR__SIGNALING_MAX) {
		s->stats.undecodable++;
		return;
	}
	actr__arena_init(&arena, piece, sizeof piece, ARENA_LIMIT);
	message = actr__pb_unpack(&signaling__signaling_envelope__descriptor, bytes, &arena, NULL);
	if (message)
		dispatch(s, (const Signaling__SignalingEnvelope *)message, &arena);
	else
		s->stats.undecodable++;
	actr__arena_done(&arena);
}
