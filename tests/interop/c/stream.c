/*
 * A client's modes with chunks: the service sends back what it is sent.
 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW	   32 /* chunks on their way on the lane that drops what waits */
#define STARTED_MS 1700000000000
#define CHUNK_MAX  65535
#define CALL_MAX   65400 /* ours has a direction and a trace besides */

/* What chunk n is made of. */
struct made {
	char number[24];
	actr_metadata metadata[2];
	actr_chunk chunk;
	uint8_t payload[CHUNK_MAX + 1];
};

static bool *back; /* by sequence: loop thread, then main */
static char difference[128];

static actr_bytes bytes_of(const char *text)
{
	return (actr_bytes){(const uint8_t *)text, strlen(text)};
}

static const actr_chunk *make(struct made *made, const char *stream_id, long n, size_t size)
{
	fill(made->payload, n, size);
	snprintf(made->number, sizeof made->number, "%ld", n);
	made->metadata[0] = (actr_metadata){bytes_of("number"), bytes_of(made->number)};
	made->metadata[1] = (actr_metadata){bytes_of("na\xc3\xafve"), bytes_of("")};
	made->chunk = (actr_chunk){
		.size = sizeof made->chunk,
		.stream_id = stream_id,
		.sequence = (uint64_t)n,
		.payload = {made->payload, size},
		.timestamp_ms = STARTED_MS + n,
		.has_timestamp = true,
		.metadata = made->metadata,
		.metadata_count = 2,
	};
	return &made->chunk;
}

static bool same_bytes(actr_bytes a, actr_bytes b)
{
	return a.size == b.size && (!a.size || !memcmp(a.data, b.data, a.size));
}

static const char *compare(const actr_chunk *a, const actr_chunk *b)
{
	if (a->sequence != b->sequence || strcmp(a->stream_id, b->stream_id))
		return "another chunk";
	if (!same_bytes(a->payload, b->payload))
		return "another payload";
	if (a->has_timestamp != b->has_timestamp || a->timestamp_ms != b->timestamp_ms)
		return "another timestamp";
	if (a->metadata_count != b->metadata_count)
		return "another number of metadata entries";
	for (size_t i = 0; i < a->metadata_count; i++) {
		if (!same_bytes(a->metadata[i].key, b->metadata[i].key) ||
		    !same_bytes(a->metadata[i].value, b->metadata[i].value))
			return "other metadata";
	}
	return NULL;
}

/* The original may deliver, and so send back, in another order. */
static void on_chunk(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	static struct made made;
	const char *wrong = NULL;

	(void)user;
	if (!sender || !actr_id_equal(sender, &service.id))
		wrong = "another sender";
	else if (chunk->sequence >= (uint64_t)plan.count || back[chunk->sequence])
		wrong = "a chunk that is unknown or came before";
	else
		wrong = compare(chunk, make(&made, chunk->stream_id, (long)chunk->sequence,
					    (size_t)plan.size));
	if (wrong)
		snprintf(difference, sizeof difference, "chunk %llu: %s",
			 (unsigned long long)chunk->sequence, wrong);
	else
		back[chunk->sequence] = true;
	note(&came);
}

static void open_stream(const char *id)
{
	char text[32], answer[64] = "";
	actr_error err = ACTR_ERROR_INIT;
	int rc = actr_stream_register(own, id, NULL, on_chunk, NULL, &err);

	back = calloc((size_t)plan.count, sizeof *back);
	snprintf(text, sizeof text, "stream:%s", id);
	if (rc >= 0)
		rc = ask(text, PATIENCE_MS, answer, sizeof answer, &err);
	expect_text(text, "ok", rc < 0 ? err.message : answer);
}

static void close_stream(const char *id)
{
	expect_text("what came back", "", difference);
	(void)actr_stream_unregister(own, id, NULL);
	free(back);
}

void run_stream(void)
{
	const bool drops = plan.lane == ACTR_LANE_STREAM_LATENCY_FIRST;
	static struct made made;
	actr_error err = ACTR_ERROR_INIT;
	int rc = 0;

	open_stream("s");
	for (long n = 0; n < plan.count && rc >= 0; n++) {
		const actr_chunk *chunk = make(&made, "s", n, (size_t)plan.size);

		/* Its hold of a new lane ends with the first chunk that comes back. */
		if (drops && !reached(&came, n < WINDOW ? (n > 0) : n - WINDOW + 1))
			break;
		rc = drops ? actr_stream_send_wait(own, &service, plan.lane, chunk, NULL, &err)
			   : actr_stream_send(own, &service, plan.lane, chunk, NULL, NULL, NULL,
					      NULL, &err);
	}
	expect_text("sending", "", rc < 0 ? err.message : "");
	(void)reached(&came, plan.count);
	expect_number("chunks that came back", plan.count, atomic_load(&came));
	close_stream("s");
	say("\"lane\":%d,\"sent\":%ld,\"back\":%ld", (int)plan.lane, plan.count,
	    atomic_load(&came));
}

static void expect_call(size_t size, const char *expected)
{
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	const Echo__EchoResponse *resp;
	actr_call *call = NULL;
	actr_error err = ACTR_ERROR_INIT;
	char what[64];
	int rc;

	req.data.len = size;
	req.data.data = calloc(1, size + 1);
	rc = echo_service_echo(own, &service, &req, NULL, &call, &resp, &err);
	snprintf(what, sizeof what, "a call with %zu bytes", size);
	expect_text(what, expected, rc < 0 ? actr_error_name(rc) : "answered");
	if (rc >= 0)
		expect_number("bytes of its answer", (long)size, (long)resp->data.len);
	actr_call_unref(call);
	free(req.data.data);
}

/*
 * The largest messages pass, larger ones are refused before they leave, and the lanes live on. Our
 * nodes join a chunk that comes in parts; the original does not.
 */
void run_large(void)
{
	static struct made made;
	actr_error err = ACTR_ERROR_INIT;
	int rc;

	plan.count = 2;
	plan.size = CHUNK_MAX - 100;
	open_stream("l");
	for (actr_lane lane = ACTR_LANE_STREAM_RELIABLE; lane <= ACTR_LANE_STREAM_LATENCY_FIRST;
	     lane++) {
		rc = actr_stream_send_wait(own, &service, lane, make(&made, "l", 0, CHUNK_MAX + 1),
					   NULL, &err);
		expect_text("a chunk that is too large", "ACTR_E_TOO_LARGE",
			    rc < 0 ? actr_error_name(rc) : "sent");
		rc = actr_stream_send_wait(
			own, &service, lane,
			make(&made, "l", lane - ACTR_LANE_STREAM_RELIABLE, (size_t)plan.size), NULL,
			&err);
		expect_text("a chunk that is not", "", rc < 0 ? err.message : "");
	}
	(void)reached(&came, plan.count);
	expect_number("chunks that came back", plan.count, atomic_load(&came));
	close_stream("l");
	expect_call(CALL_MAX, "answered");
	expect_call(CHUNK_MAX + 1, "ACTR_E_TOO_LARGE");
	say("\"chunk\":%ld,\"call\":%d", plan.size, CALL_MAX);
}
