/*
 * Media tracks of real nodes over real WebRTC on loopback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <actr/actr.h>

#include "fixture.h"

#define WAIT_S	 30
#define KEPT_MAX 64

static actr_ref *start(const char *type, actr_executor executor)
{
	actr_config config = config_of(type);
	actr_workload workload = ACTR_WORKLOAD_INIT;

	workload.executor = executor;
	return start_node(&config, &workload);
}

/* --- what arrived --- */

struct kept {
	uint8_t *data;
	size_t size;
	uint32_t timestamp;
	actr_codec codec;
	actr_media_kind kind;
	bool is_key_frame;
};

struct seen {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned count;
	struct kept kept[KEPT_MAX];
	unsigned active, inactive, key_frames, reports; /* events of a track */
};

static void seen_init(struct seen *seen)
{
	memset(seen, 0, sizeof *seen);
	pthread_mutex_init(&seen->lock, NULL);
	pthread_cond_init(&seen->changed, NULL);
}

static void seen_done(struct seen *seen)
{
	for (unsigned i = 0; i < seen->count && i < KEPT_MAX; i++)
		free(seen->kept[i].data);
	pthread_cond_destroy(&seen->changed);
	pthread_mutex_destroy(&seen->lock);
}

/* Until a counter of `seen` has reached a number. */
static void wait_for(struct seen *seen, const unsigned *counter, unsigned until)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += WAIT_S;
	pthread_mutex_lock(&seen->lock);
	while (*counter < until)
		assert_int_equal(pthread_cond_timedwait(&seen->changed, &seen->lock, &end), 0);
	pthread_mutex_unlock(&seen->lock);
}

static void on_sample(void *user, const actr_sample *sample, const actr_id *sender)
{
	struct seen *seen = user;

	(void)sender;
	pthread_mutex_lock(&seen->lock);
	if (seen->count < KEPT_MAX) {
		struct kept *kept = &seen->kept[seen->count];

		kept->data = malloc(sample->data.size);
		memcpy(kept->data, sample->data.data, sample->data.size);
		kept->size = sample->data.size;
		kept->timestamp = sample->timestamp;
		kept->codec = sample->codec;
		kept->kind = sample->kind;
		kept->is_key_frame = sample->is_key_frame;
	}
	seen->count++;
	pthread_cond_broadcast(&seen->changed);
	pthread_mutex_unlock(&seen->lock);
}

static void on_event(void *user, actr_track *track, const actr_track_event *event)
{
	struct seen *seen = user;

	(void)track;
	pthread_mutex_lock(&seen->lock);
	seen->active += event->kind == ACTR_TRACK_ACTIVE;
	seen->inactive += event->kind == ACTR_TRACK_INACTIVE;
	seen->key_frames += event->kind == ACTR_TRACK_KEY_FRAME;
	seen->reports += event->kind == ACTR_TRACK_REPORT;
	pthread_cond_broadcast(&seen->changed);
	pthread_mutex_unlock(&seen->lock);
}

static actr_track *add(actr_ref *from, actr_ref *to, const char *id, actr_codec codec,
		       struct seen *events)
{
	actr_track_options options = {.size = sizeof options, .codec = codec};
	actr_error err = ACTR_ERROR_INIT;
	actr_id peer = actr_ref_id(to);
	actr_dest dest = actr_dest_actor(&peer);
	actr_track *track = NULL;

	if (events) {
		options.on_event = on_event;
		options.user = events;
	}
	assert_int_equal(actr_track_add(from, &dest, id, &options, &track, &err), 0);
	if (actr_track_wait_active(track, WAIT_S * 1000, &err) < 0)
		fail_msg("%s", err.message);
	return track;
}

/* --- samples of a size: bytes that are one access unit of the codec --- */

static size_t make_sample(actr_codec codec, size_t size, unsigned number, uint8_t *out)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(1 + (i * 7 + number) % 250); /* no start code inside */
	if (codec == ACTR_CODEC_H264) {
		static const uint8_t idr[] = {0, 0, 0, 1, 0x65, 0x88}; /* first_mb_in_slice 0 */

		memcpy(out, idr, sizeof idr);
	} else if (codec == ACTR_CODEC_VP8) {
		out[0] &= 0xfe; /* RFC 6386 9.1: a key frame */
	}
	return size;
}

static uint8_t bytes[200000];

static void exchange(actr_ref *from, actr_ref *to, actr_codec codec)
{
	static const size_t sizes[] = {10, 1000, 100000, 1199, 1200, 1201, 2400, 65000};
	struct seen seen;
	actr_track *track;

	seen_init(&seen);
	assert_int_equal(actr_media_register(to, "cam", NULL, on_sample, &seen, NULL), 0);
	track = add(from, to, "cam", codec, NULL);
	for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		actr_sample sample = ACTR_SAMPLE_INIT;
		actr_error err = ACTR_ERROR_INIT;
		size_t size = codec == ACTR_CODEC_OPUS && sizes[i] > 1000 ? 100 + i : sizes[i];

		sample.data.data = bytes;
		sample.data.size = make_sample(codec, size, i, bytes);
		sample.timestamp = 0xfffffff0u + i * 3000; /* wraps */
		if (actr_track_send(track, &sample, &err) < 0)
			fail_msg("sample %u: %s", i, err.message);
		wait_for(&seen, &seen.count, i + 1);
		assert_int_equal(seen.kept[i].size, size);
		assert_memory_equal(seen.kept[i].data, bytes, size);
		assert_int_equal(seen.kept[i].timestamp, sample.timestamp);
		assert_int_equal(seen.kept[i].codec, codec);
		assert_int_equal(seen.kept[i].kind,
				 codec == ACTR_CODEC_OPUS ? ACTR_MEDIA_AUDIO : ACTR_MEDIA_VIDEO);
		assert_true(seen.kept[i].is_key_frame);
	}
	actr_track_close(track);
	assert_int_equal(actr_media_unregister(to, "cam", NULL), 0);
	seen_done(&seen);
}

/* --- tests --- */

static void samples_of_three_codecs_arrive_byte_for_byte(void **state)
{
	actr_ref *a = start("A", ACTR_EXECUTOR_LOOP), *b = start("B", ACTR_EXECUTOR_LOOP);

	(void)state;
	exchange(a, b, ACTR_CODEC_VP8);
	exchange(a, b, ACTR_CODEC_H264);
	exchange(b, a, ACTR_CODEC_OPUS);
	actr_ref_close(a);
	actr_ref_close(b);
}

static void a_worker_gets_them_too(void **state)
{
	actr_ref *a = start("A", ACTR_EXECUTOR_WORKER), *b = start("B", ACTR_EXECUTOR_WORKER);

	(void)state;
	exchange(a, b, ACTR_CODEC_H264);
	actr_ref_close(a);
	actr_ref_close(b);
}

/* Four tracks at once, both ways, added and closed while data flows beside them. */
static void tracks_come_and_go_while_chunks_flow(void **state)
{
	actr_ref *a = start("A", ACTR_EXECUTOR_LOOP), *b = start("B", ACTR_EXECUTOR_LOOP);
	static const char *const ids[] = {"one", "two", "three", "four"};
	actr_track *tracks[4];
	struct seen seen[4];
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_id peer = actr_ref_id(b);
	actr_dest dest = actr_dest_actor(&peer);

	(void)state;
	chunk.stream_id = "nobody";
	chunk.payload.data = bytes;
	chunk.payload.size = 10000;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 4; i++) {
			actr_ref *from = i & 1 ? b : a, *to = i & 1 ? a : b;

			seen_init(&seen[i]);
			assert_int_equal(
				actr_media_register(to, ids[i], NULL, on_sample, &seen[i], NULL),
				0);
			tracks[i] = add(from, to, ids[i], i < 2 ? ACTR_CODEC_VP8 : ACTR_CODEC_OPUS,
					NULL);
			assert_int_equal(actr_stream_send_wait(a, &dest, ACTR_LANE_STREAM_RELIABLE,
							       &chunk, NULL, NULL),
					 0);
		}
		for (unsigned i = 0; i < 4; i++) {
			actr_sample sample = ACTR_SAMPLE_INIT;

			sample.data.data = bytes;
			sample.data.size = make_sample(i < 2 ? ACTR_CODEC_VP8 : ACTR_CODEC_OPUS,
						       500, i, bytes);
			sample.timestamp = i;
			assert_int_equal(actr_track_send(tracks[i], &sample, NULL), 0);
			wait_for(&seen[i], &seen[i].count, 1);
		}
		for (unsigned i = 0; i < 4; i++) {
			actr_track_close(tracks[i]);
			assert_int_equal(actr_media_unregister(i & 1 ? a : b, ids[i], NULL), 0);
			seen_done(&seen[i]);
		}
	}
	actr_ref_close(a);
	actr_ref_close(b);
}

static void a_key_frame_is_asked_for_and_reports_come(void **state)
{
	actr_ref *a = start("A", ACTR_EXECUTOR_LOOP), *b = start("B", ACTR_EXECUTOR_LOOP);
	struct seen seen, events;
	actr_sample sample = ACTR_SAMPLE_INIT;
	actr_track_stats stats = {.size = sizeof stats};
	actr_id sender = actr_ref_id(a);
	actr_track *track;

	(void)state;
	seen_init(&seen);
	seen_init(&events);
	assert_int_equal(actr_media_register(b, "cam", NULL, on_sample, &seen, NULL), 0);
	track = add(a, b, "cam", ACTR_CODEC_VP8, &events);
	sample.data.data = bytes;
	sample.data.size = make_sample(ACTR_CODEC_VP8, 5000, 1, bytes);
	assert_int_equal(actr_track_send(track, &sample, NULL), 0);
	wait_for(&seen, &seen.count, 1);
	assert_int_equal(actr_media_request_key_frame(b, &sender, "cam", NULL), 0);
	wait_for(&events, &events.key_frames, 1);
	wait_for(&events, &events.reports, 1);
	actr_track_get_stats(track, &stats);
	assert_true(stats.is_active);
	assert_int_equal(stats.samples_sent, 1);
	assert_true(stats.packets_sent >= 5);
	assert_int_equal(stats.key_frames_asked, 1);
	actr_track_close(track);
	actr_ref_close(a);
	actr_ref_close(b);
	seen_done(&seen);
	seen_done(&events);
}

/* The receiver leaves and comes back as another actor; the sender's own end hears of the loss. */
static void the_end_of_the_peer_is_told(void **state)
{
	actr_ref *a = start("A", ACTR_EXECUTOR_LOOP), *b = start("B", ACTR_EXECUTOR_LOOP);
	actr_sample sample = ACTR_SAMPLE_INIT;
	struct seen events;
	actr_track *track;

	(void)state;
	seen_init(&events);
	track = add(a, b, "cam", ACTR_CODEC_VP8, &events);
	actr_ref_close(b);
	wait_for(&events, &events.inactive, 1);
	sample.data.data = bytes;
	sample.data.size = 10;
	assert_int_equal(actr_track_send(track, &sample, NULL), ACTR_E_STATE);
	actr_track_close(track);
	actr_ref_close(a);
	seen_done(&events);
}

static void a_track_outlives_its_node_as_an_object(void **state)
{
	actr_ref *a = start("A", ACTR_EXECUTOR_LOOP), *b = start("B", ACTR_EXECUTOR_LOOP);
	actr_track *track = add(a, b, "cam", ACTR_CODEC_OPUS, NULL);
	actr_sample sample = ACTR_SAMPLE_INIT;

	(void)state;
	actr_ref_shutdown(a);
	assert_int_equal(actr_ref_wait(a, NULL), 0);
	sample.data.data = bytes;
	sample.data.size = 10;
	assert_int_equal(actr_track_send(track, &sample, NULL), ACTR_E_STATE);
	actr_track_close(track);
	actr_ref_close(a);
	actr_ref_close(b);
}

/* media_test [PATTERN]: only the tests whose name matches. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(samples_of_three_codecs_arrive_byte_for_byte),
		SERVER_TEST(a_worker_gets_them_too),
		SERVER_TEST(tracks_come_and_go_while_chunks_flow),
		SERVER_TEST(a_key_frame_is_asked_for_and_reports_come),
		SERVER_TEST(the_end_of_the_peer_is_told),
		SERVER_TEST(a_track_outlives_its_node_as_an_object),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (getenv("ACTR_LOG"))
		actr_set_log(ACTR_LOG_DEBUG, actr_log_stderr, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
