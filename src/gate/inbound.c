/*
 * What comes in: one decode, then exactly one of: an answer wakes its asker, a question goes to the
 * mailbox, a chunk to the streams, anything else is counted and, on a reliable lane, kept as a dead
 * letter.
 *
 * Who sent it is the connection's identity, never the bytes'. A question that cannot be accepted is
 * answered at once: silence is never the reply.
 */
#include "gate/gate_internal.h"

#include <stdio.h>

void actr__gate_refuse(struct actr__gate *gate, const actr_id *to, const struct actr__msg *request,
		       int code, const char *message)
{
	const struct actr__envelope *e = &request->envelope;
	struct actr__envelope answer = {
		.route_key = e->route_key,
		.request_id = e->request_id,
		.traceparent = e->traceparent,
		.tracestate = e->tracestate,
		.has_error = true,
		.error_code = actr_error_to_wire(code),
		.error_message = actr__text(message),
	};

	if (gate && e->direction != ACTR__DIRECTION_TELL)
		actr__gate_answer(gate, to, request->lane, &answer);
}

static void bury_undecodable(struct actr__gate *gate, const actr_id *from, struct actr__msg *msg,
			     const actr_error *why)
{
	uint8_t sender[ACTR__ID_ENCODED_MAX];
	char text[sizeof why->message + 32], trace[ACTR_UUID_SIZE + 8], context[96];
	actr_error err = ACTR_ERROR_INIT;
	struct actr__dead_letter letter = {
		.raw_bytes = actr__bytes(msg->data, msg->size),
		.error_category = "protobuf_decode",
		.error_message = text,
		.trace_id = trace,
		.context = context,
		.created_ms = actr__clock_wall_ms(),
	};

	gate->stats.undecodable++;
	if (actr__uuid4(letter.id) < 0)
		memset(letter.id, 0, sizeof letter.id);
	letter.from = actr__bytes(sender, actr__id_encode(from, sender));
	snprintf(text, sizeof text, "Protobuf decode failed: %s", why->message);
	snprintf(trace, sizeof trace, "gate-%s", letter.id);
	snprintf(context, sizeof context, "{\"source\":\"gate\",\"priority\":\"%s\"}",
		 msg->lane == ACTR_LANE_RPC_SIGNAL ? "high" : "normal");
	ACTR_WARN(9, "protobuf_decode", "what=undecodable_envelope size=%zu cause=\"%s\"",
		  msg->size, why->message);
	if (actr__mailbox_bury_bytes(gate->mailbox, &letter, &err) < 0)
		ACTR_ERR(10, "mailbox_error", "what=dead_letter_lost cause=\"%s\"", err.message);
}

const struct actr__log_ids *envelope_ids(const struct actr__envelope *e, struct envelope_ids *ret)
{
	struct actr__trace trace;

	memset(&ret->ids, 0, sizeof ret->ids);
	if (actr__copy_text(ret->request_id, sizeof ret->request_id, e->request_id))
		ret->ids.request_id = ret->request_id;
	if (actr__trace_parse(e->traceparent, &trace)) {
		actr__hex(trace.trace_id, sizeof trace.trace_id, ret->trace_id);
		ret->ids.trace_id = ret->trace_id;
	}
	return &ret->ids;
}

static void receive_answer(struct actr__gate *gate, const actr_id *from, struct actr__msg *msg)
{
	struct actr__envelope *e = &msg->envelope;
	struct actr__pending *p = pending_find(gate, from, e->request_id);
	struct envelope_ids ids;
	char id[68];

	if (!p) {
		gate->stats.orphans++;
		ACTR_LOG_IDS(
			ACTR_LOG_WARN, 4, "orphan_response", envelope_ids(e, &ids),
			"what=late_or_unknown_answer request_id=%s",
			actr__log_quote(e->request_id.data, e->request_id.size, id, sizeof id));
		actr__msg_unref(msg);
		return;
	}
	gate->stats.answers_in++;
	pending_end(p, msg, NULL);
}

/* A copy of a request: the first one's answer goes out again, or will. */
static void receive_duplicate(struct actr__gate *gate, const actr_id *from, struct actr__msg *msg,
			      enum seen_verdict verdict, actr_bytes answer)
{
	actr_error why = ACTR_ERROR_INIT, err = ACTR_ERROR_INIT;

	gate->stats.duplicates++;
	if (verdict == SEEN_RUNNING || msg->envelope.direction == ACTR__DIRECTION_TELL)
		return;
	if (answer.size) {
		if (actr__transport_send(gate->transport, from, msg->lane, answer,
					 actr__loop_now_ns(gate->loop) + 2000000000ull, NULL, NULL,
					 NULL, &err) < 0)
			gate->stats.answers_failed++;
		return;
	}
	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "answered before, but the answer is no longer kept");
	actr__gate_refuse(gate, from, msg, why.code, why.message);
}

static bool is_tell(const struct actr__envelope *e)
{
	/* reference.md 5.1: the original marks a tell by timeout_ms 0 alone. */
	return e->direction == ACTR__DIRECTION_TELL ||
	       (e->direction == ACTR__DIRECTION_NONE && e->timeout_ms == 0);
}

static void receive_request(struct actr__gate *gate, const actr_id *from, struct actr__msg *msg)
{
	struct actr__envelope *e = &msg->envelope;
	actr_error err = ACTR_ERROR_INIT;
	actr_bytes answer = {NULL, 0};
	enum seen_verdict verdict;
	int rc;

	if (is_tell(e)) {
		e->direction = ACTR__DIRECTION_TELL;
		gate->stats.tells_in++;
	} else {
		e->direction = ACTR__DIRECTION_REQUEST;
		gate->stats.requests_in++;
	}
	verdict = seen_check(&gate->seen, from, e->request_id, actr__loop_now_ns(gate->loop),
			     &answer);
	if (verdict != SEEN_NEW) {
		receive_duplicate(gate, from, msg, verdict, answer);
		actr__msg_unref(msg);
		return;
	}
	rc = gate->events->admit(gate->owner, from, e, &err);
	if (rc == 0)
		rc = actr__mailbox_submit(gate->mailbox, msg, from,
					  msg->lane == ACTR_LANE_RPC_SIGNAL ? ACTR__MAIL_HIGH
									    : ACTR__MAIL_NORMAL,
					  NULL, &err);
	if (rc < 0) {
		gate->stats.refused++;
		seen_forget(&gate->seen, from, e->request_id);
		actr__gate_refuse(gate, from, msg, err.code, err.message);
		actr__msg_unref(msg);
	}
}

static void receive_envelope(struct actr__gate *gate, const actr_id *from, struct actr__msg *msg)
{
	struct actr__envelope *e = &msg->envelope;
	actr_error err = ACTR_ERROR_INIT;

	if (actr__envelope_decode(e, actr__bytes(msg->data, msg->size), &err) < 0) {
		bury_undecodable(gate, from, msg, &err);
		actr__msg_unref(msg);
		return;
	}
	if (e->direction == ACTR__DIRECTION_RESPONSE) {
		receive_answer(gate, from, msg);
	} else if (e->direction == ACTR__DIRECTION_NONE &&
		   (pending_find(gate, from, e->request_id) ||
		    ended_has(&gate->ended, exchange_hash(from, e->request_id)))) {
		receive_answer(gate, from, msg);
	} else {
		receive_request(gate, from, msg);
	}
}

void actr__gate_receive(struct actr__gate *gate, const actr_id *from, struct actr__msg *msg)
{
	gate->stats.bytes_in += msg->size;
	if (actr__lane_is_rpc(msg->lane)) {
		receive_envelope(gate, from, msg);
		return;
	}
	gate->stats.chunks_in++;
	gate->events->on_chunk(gate->owner, from, msg);
}

void actr__gate_lost(struct actr__gate *gate, const actr_id *id, uint64_t session,
		     const actr_error *why)
{
	struct actr__list failed;
	actr_error err = ACTR_ERROR_INIT;

	/* Collected first: ending one may start others. */
	actr__list_init(&failed);
	actr__list_each(link, &gate->pending_list)
	{
		struct actr__pending *p = container_of(link, struct actr__pending, link);

		if (!p->queued && p->session == session && actr__id_same(p->peer, id)) {
			actr__list_remove(link);
			actr__list_push(&failed, link);
		}
	}
	ACTR_FAIL(&err, ACTR_E_UNAVAILABLE, "the connection was lost: %s", why->message);
	while (!actr__list_empty(&failed))
		pending_end(container_of(failed.next, struct actr__pending, link), NULL, &err);
}
