/*
 * Relay: SDP, candidates and roles from one actor to another of its realm. The server vouches for
 * the source, which is the connection's identity whatever the message says; the sender's credential
 * stays here, since whoever holds one can use it. The envelope gets a new id and no reply_for; the
 * payload goes on as it came, unknown fields and all.
 *
 * A pair may relay when one of the two may call the other: the answer travels against the call.
 */
#include "session.h"

#include <stdio.h>

static bool pair_may_relay(const struct hub *hub, const struct actor *a, const struct actor *b)
{
	return hub_may_call(hub, &a->id, b) || hub_may_call(hub, &b->id, a);
}

static int deliver(struct hub *hub, const actr_id *to, Signaling__SignalingEnvelope *envelope)
{
	struct actr__buf buf;
	int rc;

	actr__buf_init(&buf, SESSION_FRAME_MAX);
	rc = actr__pb_append(&envelope->base, &buf);
	if (rc == 0)
		rc = bus_deliver(&hub->bus, to, actr__bytes(buf.data, buf.size));
	actr__buf_done(&buf);
	return rc;
}

/* RoleAssignment, once to each side: `to`'s view of whether it makes the offer. */
static int assign(struct hub *hub, const actr_id *from, const actr_id *to, const actr_id *receiver,
		  bool is_offerer)
{
	Actr__RoleAssignment assignment = ACTR__ROLE_ASSIGNMENT__INIT;
	Signaling__ActrRelay relay = SIGNALING__ACTR_RELAY__INIT;
	struct actr__pb_envelope place;
	struct actr__pb_id source_place, target_place, receiver_place;
	Actr__AIdCredential credential;
	uint8_t bytes[512];
	char id[40];

	assignment.to = actr__pb_id(&receiver_place, receiver);
	assignment.has_is_offerer = true;
	assignment.is_offerer = is_offerer;
	relay.source = actr__pb_id(&source_place, from);
	relay.target = actr__pb_id(&target_place, to);
	relay.credential = actr__pb_credential(&credential, actr__bytes(NULL, 0), 0);
	relay.payload_case = SIGNALING__ACTR_RELAY__PAYLOAD_ROLE_ASSIGNMENT;
	relay.role_assignment.len = protobuf_c_message_pack(&assignment.base, bytes);
	relay.role_assignment.data = bytes;
	envelope_id(hub, id);
	actr__pb_envelope(&place, id, NULL, actr__clock_wall_ms());
	place.envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_RELAY;
	place.envelope.actr_relay = &relay;
	return deliver(hub, receiver, &place.envelope);
}

/* The lower identity makes the offer (reference.md 3.8). from and to of the payload are not read.
 */
static int negotiate(struct hub *hub, const actr_id *from, const actr_id *to)
{
	bool from_offers = actr_id_compare(from, to) < 0;

	ACTR_TRY(assign(hub, from, to, to, !from_offers));
	return assign(hub, from, to, from, from_offers);
}

static int forward(struct hub *hub, const struct actor *from, const actr_id *to,
		   Signaling__SignalingEnvelope *envelope)
{
	Signaling__ActrRelay *relay = envelope->actr_relay;
	struct actr__pb_id source, target;
	Actr__AIdCredential credential;
	Actr__Timestamp timestamp;
	char id[40];

	if (relay->payload_case == SIGNALING__ACTR_RELAY__PAYLOAD_ROLE_NEGOTIATION)
		return negotiate(hub, &from->id, to);
	relay->source = actr__pb_id(&source, &from->id);
	relay->target = actr__pb_id(&target, to);
	relay->credential = actr__pb_credential(&credential, actr__bytes(NULL, 0), 0);
	envelope_id(hub, id);
	envelope->has_envelope_version = true;
	envelope->envelope_version = 1;
	envelope->envelope_id = id;
	envelope->reply_for = NULL;
	envelope->timestamp = actr__pb_timestamp(&timestamp, actr__clock_wall_ms());
	return deliver(hub, to, envelope);
}

static void refuse(struct session *session, const char *reply_for, int rc, const actr_id *to)
{
	struct metrics *metrics = &session->hub->metrics;
	char text[ACTR_ID_TEXT_SIZE], message[ACTR_ID_TEXT_SIZE + 64];
	uint32_t wire_code = 503;
	const char *what = "cannot be delivered to";

	if (rc == ACTR_E_NOT_FOUND) {
		metrics->relays_unknown++;
		wire_code = 404;
		what = "has an unknown target:";
	} else if (rc == ACTR_E_PERMISSION_DENIED) {
		metrics->relays_denied++;
		wire_code = 403;
		what = "is not allowed to";
	} else if (rc == ACTR_E_RESOURCE_EXHAUSTED) {
		metrics->relays_full++;
		what = "finds the queue full of";
	}
	snprintf(message, sizeof message, "the relay %s %s", what,
		 actr_id_format(to, text, sizeof text));
	session_error(session, reply_for, wire_code, message);
}

void relay_forward(struct session *session, Signaling__SignalingEnvelope *envelope)
{
	struct hub *hub = session->hub;
	const char *request_id = envelope->envelope_id;
	struct actor *target;
	actr_id to;
	int rc = 0;

	if (actr__pb_id_read(envelope->actr_relay->target, &to, NULL) < 0) {
		session_malformed(session, "the relay has no target");
		return;
	}
	/* An actor of another realm is as unknown as one that does not exist. */
	target = to.realm == session->actor->id.realm ? registry_find(&hub->registry, &to) : NULL;
	if (!target || !target->session)
		rc = ACTR_E_NOT_FOUND;
	else if (!pair_may_relay(hub, session->actor, target))
		rc = ACTR_E_PERMISSION_DENIED;
	else
		rc = forward(hub, session->actor, &to, envelope);
	if (rc < 0)
		refuse(session, request_id, rc, &to);
	else
		hub->metrics.relays++;
}
