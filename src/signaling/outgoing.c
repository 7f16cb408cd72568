/* Envelopes that the node sends: version 1, numbered `env-<n>` from 1, with the time
 * (reference.md 3.2). */
#include "signaling/signaling_internal.h"

#include <inttypes.h>
#include <stdio.h>

/* Everything an envelope to the server points at. */
struct outgoing {
	struct actr__pb_envelope envelope;
	char number[32];
	Signaling__ActrToSignaling to_server;
	struct actr__pb_id source;
	Actr__AIdCredential credential;
};

int signaling_send_bytes(struct actr__signaling *s, actr_bytes bytes, actr_error *err)
{
	int rc;

	if (signaling_is_broken(s))
		return ACTR_FAIL(err, ACTR_E_UNAVAILABLE, "the signaling socket is lost");
	rc = s->events->send(s->owner, bytes);
	if (rc >= 0) {
		s->stats.sent++;
		return 0;
	}
	(void)ACTR_FAIL(&s->broken_why, ACTR_E_UNAVAILABLE, "sending to the signaling server: %s",
			actr_error_text(rc));
	actr__loop_defer(s->loop, &s->broken);
	return ACTR_FAIL(err, ACTR_E_UNAVAILABLE, "%s", s->broken_why.message);
}

static Signaling__SignalingEnvelope *begin(struct actr__signaling *s, struct outgoing *out,
					   uint64_t *ret_number)
{
	*ret_number = ++s->last_number;
	(void)snprintf(out->number, sizeof out->number, "env-%" PRIu64, *ret_number);
	return actr__pb_envelope(&out->envelope, out->number, NULL, actr__clock_wall_ms());
}

static int encode(struct actr__signaling *s, struct outgoing *out, actr_error *err)
{
	int rc;

	actr__buf_clear(&s->out);
	rc = actr__pb_append(&out->envelope.envelope.base, &s->out);
	return rc < 0 ? ACTR_FAIL(err, rc, "the signaling envelope cannot be encoded") : 0;
}

static int finish(struct actr__signaling *s, struct outgoing *out, actr_error *err)
{
	int rc = encode(s, out, err);

	if (rc < 0) {
		/* What must not go missing did: as good as a lost socket. */
		(void)ACTR_FAIL(&s->broken_why, rc, "a signaling envelope cannot be encoded");
		actr__loop_defer(s->loop, &s->broken);
		return rc;
	}
	return signaling_send_bytes(s, actr__bytes(s->out.data, s->out.size), err);
}

static Signaling__ActrToSignaling *begin_request(struct actr__signaling *s, struct outgoing *out,
						 uint64_t *ret_number)
{
	Signaling__SignalingEnvelope *envelope = begin(s, out, ret_number);

	signaling__actr_to_signaling__init(&out->to_server);
	out->to_server.source = actr__pb_id(&out->source, &s->id);
	out->to_server.credential =
		actr__pb_credential(&out->credential, s->credential.token, s->credential.key_id);
	envelope->flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_TO_SERVER;
	envelope->actr_to_server = &out->to_server;
	return &out->to_server;
}

int signaling_send_register(struct actr__signaling *s, uint64_t *ret_number)
{
	Actr__RegisterRequest request = ACTR__REGISTER_REQUEST__INIT;
	Signaling__PeerToSignaling to_server = SIGNALING__PEER_TO_SIGNALING__INIT;
	Actr__ActrType type;
	Actr__Realm realm;
	struct outgoing out;
	Signaling__SignalingEnvelope *envelope = begin(s, &out, ret_number);

	request.actr_type = actr__pb_type(&type, &s->type);
	request.realm = actr__pb_realm(&realm, s->realm);
	request.service_spec = s->spec;
	request.acl = s->acl;
	request.has_hidden = request.hidden = s->hidden;
	to_server.payload_case = SIGNALING__PEER_TO_SIGNALING__PAYLOAD_REGISTER_REQUEST;
	to_server.register_request = &request;
	envelope->flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_PEER_TO_SERVER;
	envelope->peer_to_server = &to_server;
	return finish(s, &out, NULL);
}

int signaling_send_unregister(struct actr__signaling *s, const char *reason, uint64_t *ret_number)
{
	Actr__UnregisterRequest request = ACTR__UNREGISTER_REQUEST__INIT;
	struct outgoing out;
	Signaling__ActrToSignaling *to_server = begin_request(s, &out, ret_number);
	struct actr__pb_id id;

	request.actr_id = actr__pb_id(&id, &s->id);
	request.reason = (char *)(uintptr_t)reason;
	to_server->payload_case = SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_UNREGISTER_REQUEST;
	to_server->unregister_request = &request;
	return finish(s, &out, NULL);
}

/* The later versions' thresholds (reference.md 10 row 9), their 1 to 5 brought to our 0 to 1. */
static Actr__ServiceAvailabilityState availability(const struct actr__signaling_load *load)
{
	if (load->power_reserve > 0.8f && load->mailbox_backlog < 0.5f)
		return ACTR__SERVICE_AVAILABILITY_STATE__FULL;
	if (load->power_reserve > 0.5f && load->mailbox_backlog < 0.8f)
		return ACTR__SERVICE_AVAILABILITY_STATE__DEGRADED;
	if (load->power_reserve > 0.2f && load->mailbox_backlog < 0.95f)
		return ACTR__SERVICE_AVAILABILITY_STATE__OVERLOADED;
	return ACTR__SERVICE_AVAILABILITY_STATE__UNAVAILABLE;
}

int signaling_send_ping(struct actr__signaling *s)
{
	struct actr__signaling_load load = {.power_reserve = 1};
	Actr__Ping ping = ACTR__PING__INIT;
	struct outgoing out;
	uint64_t number;
	Signaling__ActrToSignaling *to_server = begin_request(s, &out, &number);

	if (s->events->load)
		s->events->load(s->owner, &load);
	ping.has_availability = ping.has_power_reserve = ping.has_mailbox_backlog = true;
	ping.availability = availability(&load);
	ping.power_reserve = load.power_reserve;
	ping.mailbox_backlog = load.mailbox_backlog;
	to_server->payload_case = SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_PING;
	to_server->ping = &ping;
	return finish(s, &out, NULL);
}

int signaling_send_renewal(struct actr__signaling *s, uint64_t *ret_number)
{
	Actr__CredentialUpdateRequest request = ACTR__CREDENTIAL_UPDATE_REQUEST__INIT;
	struct outgoing out;
	Signaling__ActrToSignaling *to_server = begin_request(s, &out, ret_number);
	struct actr__pb_id id;

	request.actr_id = actr__pb_id(&id, &s->id);
	to_server->payload_case = SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_CREDENTIAL_UPDATE_REQUEST;
	to_server->credential_update_request = &request;
	return finish(s, &out, NULL);
}

int signaling_send_discover(struct actr__signaling *s, const actr_type *type, uint32_t count,
			    struct actr__signaling_request *asked, actr_error *err)
{
	Actr__RouteCandidatesRequest request = ACTR__ROUTE_CANDIDATES_REQUEST__INIT;
	Actr__RouteCandidatesRequest__NodeSelectionCriteria criteria =
		ACTR__ROUTE_CANDIDATES_REQUEST__NODE_SELECTION_CRITERIA__INIT;
	Actr__ActrType target;
	struct outgoing out;
	Signaling__ActrToSignaling *to_server = begin_request(s, &out, &asked->envelope_number);

	out.envelope.envelope.traceparent = (char *)(uintptr_t)asked->traceparent;
	out.envelope.envelope.tracestate = (char *)(uintptr_t)asked->tracestate;
	criteria.has_candidate_count = true;
	criteria.candidate_count = count;
	request.target_type = actr__pb_type(&target, type);
	request.criteria = &criteria;
	to_server->payload_case = SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_ROUTE_CANDIDATES_REQUEST;
	to_server->route_candidates_request = &request;
	return finish(s, &out, err);
}

int signaling_send_watch(struct actr__signaling *s, const actr_type *type, bool on)
{
	Actr__SubscribeActrUpRequest subscribe = ACTR__SUBSCRIBE_ACTR_UP_REQUEST__INIT;
	Actr__UnsubscribeActrUpRequest unsubscribe = ACTR__UNSUBSCRIBE_ACTR_UP_REQUEST__INIT;
	struct outgoing out;
	uint64_t number;
	Signaling__ActrToSignaling *to_server = begin_request(s, &out, &number);
	Actr__ActrType target;

	if (on) {
		subscribe.target_type = actr__pb_type(&target, type);
		to_server->payload_case =
			SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_SUBSCRIBE_ACTR_UP_REQUEST;
		to_server->subscribe_actr_up_request = &subscribe;
	} else {
		unsubscribe.target_type = actr__pb_type(&target, type);
		to_server->payload_case =
			SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_UNSUBSCRIBE_ACTR_UP_REQUEST;
		to_server->unsubscribe_actr_up_request = &unsubscribe;
	}
	return finish(s, &out, NULL);
}

/* --- relays ------------------------------------------------------------------------------------
 */

union signal_payload {
	Webrtc__SessionDescription description;
	Webrtc__IceCandidate candidate;
	Actr__IceRestartRequest restart;
};

/* protobuf-c's strings are not const, though packing only reads them. */
static char *text(const char *signal_text)
{
	return (char *)(uintptr_t)signal_text;
}

static void put_candidate(Signaling__ActrRelay *relay, Webrtc__IceCandidate *candidate,
			  const struct actr__signal *signal)
{
	webrtc__ice_candidate__init(candidate);
	candidate->candidate = text(signal->text ? signal->text : "");
	candidate->sdp_mid = text(signal->sdp_mid);
	candidate->username_fragment = text(signal->username_fragment);
	candidate->has_sdp_mline_index = signal->sdp_mline_index >= 0;
	if (candidate->has_sdp_mline_index)
		candidate->sdp_mline_index = (uint32_t)signal->sdp_mline_index;
	relay->payload_case = SIGNALING__ACTR_RELAY__PAYLOAD_ICE_CANDIDATE;
	relay->ice_candidate = candidate;
}

static void put_signal(Signaling__ActrRelay *relay, union signal_payload *place,
		       const struct actr__signal *signal)
{
	if (signal->kind == ACTR__SIGNAL_CANDIDATE) {
		put_candidate(relay, &place->candidate, signal);
	} else if (signal->kind == ACTR__SIGNAL_ICE_RESTART_REQUEST) {
		actr__ice_restart_request__init(&place->restart);
		place->restart.reason = text(signal->text);
		relay->payload_case = SIGNALING__ACTR_RELAY__PAYLOAD_ICE_RESTART_REQUEST;
		relay->ice_restart_request = &place->restart;
	} else {
		webrtc__session_description__init(&place->description);
		place->description.has_type = true;
		place->description.type = (Webrtc__SessionDescription__Type)signal->kind;
		place->description.sdp = text(signal->text ? signal->text : "");
		place->description.sdp_exchange_id = text(signal->exchange_id);
		relay->payload_case = SIGNALING__ACTR_RELAY__PAYLOAD_SESSION_DESCRIPTION;
		relay->session_description = &place->description;
	}
}

int signaling_encode_relay(struct actr__signaling *s, const actr_id *to,
			   const struct actr__signal *signal, uint64_t *ret_number, actr_error *err)
{
	Signaling__ActrRelay relay = SIGNALING__ACTR_RELAY__INIT;
	union signal_payload place;
	struct actr__pb_id target;
	struct outgoing out;
	Signaling__SignalingEnvelope *envelope = begin(s, &out, ret_number);

	relay.source = actr__pb_id(&out.source, &s->id);
	relay.credential =
		actr__pb_credential(&out.credential, s->credential.token, s->credential.key_id);
	relay.target = actr__pb_id(&target, to);
	put_signal(&relay, &place, signal);
	envelope->flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY;
	envelope->actr_relay = &relay;
	return encode(s, &out, err);
}
