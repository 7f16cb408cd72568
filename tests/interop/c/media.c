/*
 * Media, both roles: samples of the original, each one packet, come as they were sent; what we send
 * it comes back from it, in whatever order it delivers.
 *
 * Sample n has timestamp n * STEP, and bytes that begin with n. Loop thread only, but for `came`.
 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP	    450
#define SAMPLES_MAX 10000
#define WINDOW	    32		    /* samples on their way: a track drops what waits */
#define TRACK	    "video-track-1" /* the one that each connection of the original has */

static actr_track *track;
static actr_reply *waiting; /* whose answer is that the track is active */
static uint32_t next_number;
static bool in_order;
static char difference[128];
static bool seen[SAMPLES_MAX];
static atomic_long active;

static void compare(const actr_sample *sample, const actr_id *sender)
{
	const uint32_t n = sample->timestamp / STEP;
	const char *wrong = NULL;

	if (n >= SAMPLES_MAX || sample->timestamp % STEP || seen[n])
		wrong = "an unknown timestamp, or one that came before";
	else if (sample->codec != ACTR_CODEC_VP8 || sample->kind != ACTR_MEDIA_VIDEO)
		wrong = "another codec";
	else if (strcmp(sample->track_id, TRACK) || !sender)
		wrong = "another track, or no sender";
	for (size_t i = 0; i < sample->data.size && !wrong; i++)
		if (sample->data.data[i] != (uint8_t)(n + i))
			wrong = "other bytes";
	if (wrong)
		snprintf(difference, sizeof difference, "timestamp %u: %s", sample->timestamp,
			 wrong);
	else
		seen[n] = true;
	in_order = in_order && n == next_number;
	next_number = n + 1;
}

/* --- the service: send back what comes --- */

static void on_sample_send_back(void *user, const actr_sample *sample, const actr_id *sender)
{
	actr_error err = ACTR_ERROR_INIT;

	(void)user;
	compare(sample, sender);
	atomic_fetch_add(&came, 1);
	if (actr_track_send(track, sample, &err) < 0)
		fprintf(stderr, "interop: sending sample %u back: %s\n", sample->timestamp / STEP,
			err.message);
}

static void answer_ok(actr_reply *reply)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;

	resp.data.data = (uint8_t *)"ok";
	resp.data.len = 2;
	(void)echo_service_echo_reply(reply, &resp);
}

static void on_track_event(void *user, actr_track *of, const actr_track_event *event)
{
	(void)user;
	(void)of;
	if (event->kind != ACTR_TRACK_ACTIVE)
		return;
	note(&active);
	if (waiting)
		answer_ok(waiting);
	waiting = NULL;
}

int media_open(actr_ctx *ctx, actr_reply *reply)
{
	const actr_dest to = actr_dest_actor(actr_ctx_caller(ctx));
	const actr_track_options options = {
		.size = sizeof options, .codec = ACTR_CODEC_VP8, .on_event = on_track_event};
	actr_error err = ACTR_ERROR_INIT;
	int rc;

	media_stop();
	memset(seen, 0, sizeof seen);
	next_number = 0;
	in_order = true;
	difference[0] = '\0';
	atomic_store(&came, 0);
	waiting = actr_reply_keep(reply);
	rc = actr_media_register(own, TRACK, NULL, on_sample_send_back, NULL, &err);
	if (rc == 0)
		rc = actr_track_add(own, &to, TRACK, &options, &track, &err);
	if (rc < 0) {
		waiting = NULL;
		return actr_reply_fail(reply, rc, err.message);
	}
	return 0;
}

void media_tell(char *answer, size_t size)
{
	snprintf(answer, size, "%ld %s%s%s", atomic_load(&came),
		 in_order ? "in order" : "out of order", difference[0] ? ", " : "", difference);
}

void media_stop(void)
{
	if (waiting)
		(void)actr_reply_fail(waiting, ACTR_E_UNAVAILABLE, "stopped");
	waiting = NULL;
	track = actr_track_close(track);
}

/* --- the client: send, and see what comes back --- */

static void on_sample(void *user, const actr_sample *sample, const actr_id *sender)
{
	(void)user;
	compare(sample, sender);
	note(&came);
}

static void send_all(uint8_t *bytes)
{
	actr_sample sample = ACTR_SAMPLE_INIT;
	actr_error err = ACTR_ERROR_INIT;
	int rc = 0;

	sample.data.data = bytes;
	sample.data.size = (size_t)plan.size;
	for (long n = 0; n < plan.count && rc >= 0; n++) {
		if (n >= WINDOW && !reached(&came, n - WINDOW + 1))
			break;
		fill(bytes, n, (size_t)plan.size);
		sample.timestamp = (uint32_t)n * STEP;
		rc = actr_track_send(track, &sample, &err);
	}
	expect_text("sending", "", rc < 0 ? err.message : "");
}

void run_media(void)
{
	const actr_track_options options = {
		.size = sizeof options, .codec = ACTR_CODEC_VP8, .on_event = on_track_event};
	uint8_t *bytes = calloc(1, ACTR_SAMPLE_ORIGINAL_MAX + 1);
	actr_sample large = ACTR_SAMPLE_INIT;
	actr_track_stats stats = {.size = sizeof stats};
	actr_error err = ACTR_ERROR_INIT;
	char answer[64] = "";
	int rc = ask("media:" TRACK, PATIENCE_MS, answer, sizeof answer, &err);

	expect_text("media", "ok", rc < 0 ? err.message : answer);
	rc = actr_media_register(own, TRACK, NULL, on_sample, NULL, &err);
	if (rc >= 0)
		rc = actr_track_add(own, &service, TRACK, &options, &track, &err);
	if (rc >= 0)
		rc = actr_track_wait_active(track, PATIENCE_MS, &err);
	expect_text("a track", "", rc < 0 ? err.message : "");
	if (rc >= 0)
		send_all(bytes);
	(void)reached(&came, plan.count);
	expect_number("samples that came back", plan.count, atomic_load(&came));
	expect_text("what came back", "", difference);
	large.data.data = bytes;
	large.data.size = ACTR_SAMPLE_ORIGINAL_MAX + 1;
	rc = actr_track_send(track, &large, NULL);
	if (rc != ACTR_E_TOO_LARGE)
		expect_text("a sample that is too large", "taken, then dropped",
			    rc < 0 ? actr_error_name(rc) : "taken, then dropped");
	rc = ask("media?", PATIENCE_MS, answer, sizeof answer, &err);
	actr_track_get_stats(track, &stats);
	expect_number("samples sent", plan.count, (long)stats.samples_sent);
	expect_number("samples dropped", 1, (long)stats.samples_dropped);
	say("\"sent\":%ld,\"seen\":\"%s\",\"back\":%ld", plan.count, rc < 0 ? err.message : answer,
	    atomic_load(&came));
	(void)actr_media_unregister(own, TRACK, NULL);
	media_stop();
	free(bytes);
}
