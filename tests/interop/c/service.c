/*
 * The echo service. Plain data is echoed; a few texts ask for more:
 *
 *	fail, fault, silent	an error, a broken handler, no answer at all
 *	big:<n>			an answer of n bytes
 *	caller			the text of the caller's id
 *	tell:<any>, tells?	count it; how many there were
 *	count			how often this text has run
 *	stream<lane>:<id>	send the chunks of this stream back on the lane (2 if none is given)
 *	order?			chunks since then, and whether they came in order
 *	media:<track>, media?	send the samples of this track back; how many came, and how
 *	hold:<n>		never answered, unless it is delivered again
 *
 * Loop thread only, but for the counters.
 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX 64

static actr_reply *held[HELD_MAX];
static size_t held_count;
static actr_lane back_lane;
static uint64_t next_sequence;
static bool in_order;
static atomic_long runs;

static void on_chunk(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	actr_dest to = actr_dest_actor(sender);
	actr_error err = ACTR_ERROR_INIT;

	(void)user;
	in_order = in_order && chunk->sequence == next_sequence;
	next_sequence++;
	if (actr_stream_send(own, &to, back_lane, chunk, NULL, NULL, NULL, NULL, &err) < 0)
		fprintf(stderr, "interop: sending back: %s\n", err.message);
}

static int open_stream(const char *text, char *answer, size_t size)
{
	const char *id = strchr(text, ':');
	actr_error err = ACTR_ERROR_INIT;
	int rc;

	back_lane = text[6] == '3' ? ACTR_LANE_STREAM_LATENCY_FIRST : ACTR_LANE_STREAM_RELIABLE;
	next_sequence = 0;
	in_order = true;
	rc = actr_stream_register(own, id ? id + 1 : "", NULL, on_chunk, NULL, &err);
	snprintf(answer, size, "%s", rc < 0 ? err.message : "ok");
	return rc;
}

/* Kept for good; a request that comes again after a crash is answered. */
static int hold(const char *text, actr_ctx *ctx, actr_reply *reply, char *answer, size_t size)
{
	const char *number = strchr(text, ':') + 1;

	printf("%s %s\n", actr_ctx_is_redelivered(ctx) ? "again" : "held", number);
	fflush(stdout);
	if (!actr_ctx_is_redelivered(ctx)) {
		if (held_count == HELD_MAX)
			return actr_reply_error(reply, ACTR_E_RESOURCE_EXHAUSTED, "too many held");
		held[held_count++] = actr_reply_keep(reply);
		return 0;
	}
	snprintf(answer, size, "redelivered:%s", number);
	return 1;
}

void service_stop(void)
{
	media_stop();
	while (held_count)
		(void)actr_reply_fail(held[--held_count], ACTR_E_UNAVAILABLE, "stopped");
}

static int answer_big(actr_reply *reply, size_t size)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;
	int rc;

	resp.data.len = size;
	resp.data.data = calloc(1, size + 1);
	rc = resp.data.data ? echo_service_echo_reply(reply, &resp) : ACTR_E_NOMEM;
	free(resp.data.data);
	return rc;
}

/* 1: `answer` is to be sent, 0: all is done, or an error. */
static int obey(const char *text, actr_ctx *ctx, actr_reply *reply, char *answer, size_t size)
{
	if (!strcmp(text, "fail"))
		return actr_reply_error(reply, ACTR_E_PERMISSION_DENIED, "asked to fail");
	if (!strcmp(text, "fault"))
		return actr_reply_fault(reply, "asked to");
	if (!strcmp(text, "silent"))
		return 0;
	if (!strncmp(text, "big:", 4))
		return answer_big(reply, strtoul(text + 4, NULL, 10));
	if (!strncmp(text, "hold:", 5))
		return hold(text, ctx, reply, answer, size);
	if (!strncmp(text, "media:", 6))
		return media_open(ctx, reply);
	if (!strncmp(text, "tell:", 5)) {
		note(&tells);
		return actr_ctx_is_tell(ctx) ? 0 : ACTR_E_INVALID_ARGUMENT;
	}
	snprintf(answer, size, "%s", text);
	if (!strcmp(text, "tells?"))
		snprintf(answer, size, "%ld", atomic_load(&tells));
	else if (!strcmp(text, "count"))
		snprintf(answer, size, "%ld", atomic_fetch_add(&runs, 1) + 1);
	else if (!strcmp(text, "caller"))
		actr_id_format(actr_ctx_caller(ctx), answer, size);
	else if (!strcmp(text, "order?"))
		snprintf(answer, size, "%llu %s", (unsigned long long)next_sequence,
			 in_order ? "in order" : "out of order");
	else if (!strcmp(text, "media?"))
		media_tell(answer, size);
	else if (!strncmp(text, "stream", 6))
		return open_stream(text, answer, size) < 0 ? ACTR_E_INTERNAL : 1;
	return 1;
}

static int on_echo(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;
	char text[64], answer[ACTR_ID_TEXT_SIZE] = "";
	int rc;

	if (self) { /* a client's */
		note(self);
		return ACTR_E_UNIMPLEMENTED;
	}
	resp.data = req->data;
	if (req->data.len < sizeof text && !memchr(req->data.data, 0, req->data.len)) {
		memcpy(text, req->data.data, req->data.len);
		text[req->data.len] = '\0';
		rc = obey(text, ctx, reply, answer, sizeof answer);
		if (rc <= 0)
			return rc;
		resp.data.data = (uint8_t *)answer;
		resp.data.len = strlen(answer);
	}
	return echo_service_echo_reply(reply, &resp);
}

const echo_service_ops service_ops = {.size = sizeof service_ops, .echo = on_echo};
