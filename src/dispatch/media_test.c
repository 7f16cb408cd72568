/* Tracks and samples between actors of a simulated world, and in process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <semaphore.h>

#include "tests/support/torture.h"
#include "tests/support/world.h"

#define A(w) (&(w)->actors[0])
#define B(w) (&(w)->actors[1])

static int setup(void **state)
{
	*state = world_new(0);
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* --- what callbacks have seen --- */

struct seen {
	unsigned count;
	actr_sample last;
	uint32_t timestamps[128];
	char text[32];
	actr_id sender;
	bool has_sender;
	actr_ref *unregister; /* in the callback */
};

static void on_sample(void *user, const actr_sample *sample, const actr_id *sender)
{
	struct seen *seen = user;

	seen->timestamps[seen->count++ % 128] = sample->timestamp;
	seen->last = *sample;
	seen->has_sender = sender != NULL;
	if (sender)
		seen->sender = *sender;
	(void)actr__copy_text(seen->text, sizeof seen->text, sample->data);
	assert_string_equal(sample->track_id, "cam");
	if (seen->unregister)
		assert_int_equal(actr_media_unregister(seen->unregister, "cam", NULL), 0);
}

struct heard {
	char kinds[64]; /* A, I, K, R in order */
	size_t count;
	int why;
	uint32_t rtt_us;
	bool close; /* in the callback */
};

static void on_event(void *user, actr_track *track, const actr_track_event *event)
{
	struct heard *heard = user;

	assert_true(heard->count + 1 < sizeof heard->kinds);
	heard->kinds[heard->count++] = " AIKR"[event->kind];
	heard->why = event->why ? event->why->code : 0;
	if (event->kind == ACTR_TRACK_REPORT)
		heard->rtt_us = event->rtt_us;
	if (heard->close)
		actr_track_close(track);
	heard->close = false;
}

static void listen(struct world_actor *a, struct seen *seen)
{
	memset(seen, 0, sizeof *seen);
	assert_int_equal(actr_media_register(&a->ref, "cam", NULL, on_sample, seen, NULL), 0);
}

static actr_track *add(struct world_actor *from, actr_dest dest, actr_codec codec,
		       struct heard *heard)
{
	actr_track_options options = {.size = sizeof options, .codec = codec};
	actr_track *track = NULL;

	if (heard) {
		memset(heard, 0, sizeof *heard);
		options.on_event = on_event;
		options.user = heard;
	}
	assert_int_equal(actr_track_add(&from->ref, &dest, "cam", &options, &track, NULL), 0);
	return track;
}

static int send_text(actr_track *track, const char *text, uint32_t timestamp)
{
	actr_sample sample = ACTR_SAMPLE_INIT;

	sample.data = actr__text(text);
	sample.timestamp = timestamp;
	return actr_track_send(track, &sample, NULL);
}

static actr_track_stats stats_of(actr_track *track)
{
	actr_track_stats stats = {.size = sizeof stats};

	actr_track_get_stats(track, &stats);
	return stats;
}

static actr_media_stats media_of(struct world_actor *a)
{
	actr_media_stats stats = {.size = sizeof stats};

	actr_media_get_stats(&a->ref, &stats);
	return stats;
}

/* --- the ordinary way --- */

static void a_track_connects_by_itself_and_samples_arrive(void **state)
{
	struct world *w = *state;
	struct heard heard;
	struct seen seen;
	actr_track *track;

	listen(B(w), &seen);
	track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, &heard);
	assert_int_equal(send_text(track, "early", 1), ACTR_E_STATE);
	world_advance(w, 100);
	assert_string_equal(heard.kinds, "A");
	assert_int_equal(send_text(track, "frame", 90000), 0);
	world_advance(w, 10);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.text, "frame");
	assert_int_equal(seen.last.timestamp, 90000);
	assert_int_equal(seen.last.codec, ACTR_CODEC_VP8);
	assert_int_equal(seen.last.kind, ACTR_MEDIA_VIDEO);
	assert_true(seen.has_sender && actr_id_equal(&seen.sender, &A(w)->id));
	assert_int_equal(stats_of(track).samples_sent, 1);
	assert_int_equal(media_of(A(w)).sent, 1);
	assert_int_equal(stats_of(track).samples_dropped, 1);
	assert_int_equal(media_of(A(w)).send_dropped, 1);
	actr_track_close(track);
	world_advance(w, 10);
	assert_string_equal(heard.kinds, "A");
}

static void samples_of_one_turn_keep_their_order(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_track *track;

	listen(B(w), &seen);
	track = add(A(w), world_dest(B(w)), ACTR_CODEC_OPUS, NULL);
	world_advance(w, 100);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(send_text(track, "opus", i * 960), 0);
	world_advance(w, 10);
	assert_int_equal(seen.count, 50);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(seen.timestamps[i], i * 960);
	assert_int_equal(seen.last.kind, ACTR_MEDIA_AUDIO);
	actr_track_close(track);
}

static void in_process_a_track_is_active_at_once(void **state)
{
	struct world *w = *state;
	struct heard heard;
	struct seen seen;
	actr_track *track;

	listen(A(w), &seen);
	track = add(A(w), actr_dest_local, ACTR_CODEC_H264, &heard);
	world_advance(w, 0);
	assert_string_equal(heard.kinds, "A");
	assert_int_equal(send_text(track, "frame", 7), 0);
	world_advance(w, 0);
	assert_int_equal(seen.count, 1);
	assert_false(seen.has_sender);
	assert_int_equal(seen.last.codec, ACTR_CODEC_H264);
	assert_int_equal(stats_of(track).samples_sent, 1);
	actr_track_close(track);
}

/* --- loss and refusal --- */

static void a_lost_connection_makes_it_inactive_and_it_comes_back_by_itself(void **state)
{
	struct world *w = *state;
	struct heard heard;
	struct seen seen;
	actr_track *track;

	listen(B(w), &seen);
	track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, &heard);
	world_advance(w, 100);
	assert_int_equal(send_text(track, "one", 1), 0);
	world_advance(w, 10);
	actr__sim_cut(&w->net, "the cable is out");
	world_advance(w, 1);
	assert_string_equal(heard.kinds, "AI");
	assert_int_equal(heard.why, ACTR_E_UNAVAILABLE);
	assert_int_equal(send_text(track, "lost", 2), ACTR_E_STATE);
	world_advance(w, 1000);
	assert_string_equal(heard.kinds, "AIA");
	assert_int_equal(send_text(track, "two", 3), 0);
	world_advance(w, 10);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.text, "two");
	assert_int_equal(stats_of(track).samples_sent, 2);
	actr_track_close(track);
}

static void it_joins_the_connection_that_the_peer_makes(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct heard heard;
	struct seen seen;
	actr_track *track;

	listen(B(w), &seen);
	w->relay_down = true;
	track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, &heard);
	world_advance(w, 20);
	assert_string_equal(heard.kinds, "I");
	w->relay_down = false;
	world_call(B(w), world_dest(A(w)), &world_echo, "x", 0, &o);
	world_advance(w, 60);
	expect_answer(&o, "x");
	outcome_done(&o);
	assert_string_equal(heard.kinds, "IA");
	assert_int_equal(w->net.open_wires, 2);
	actr_track_close(track);
}

static void a_peer_that_takes_none_is_told_once_with_the_cause(void **state)
{
	struct world *w = *state;
	struct heard heard;
	actr_track *track;

	w->net.refuses_tracks = true;
	track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, &heard);
	world_advance(w, 5000);
	assert_string_equal(heard.kinds, "I");
	assert_int_equal(send_text(track, "x", 1), ACTR_E_STATE);
	actr_track_close(track);
}

static void retries_of_a_peer_that_is_away_are_few(void **state)
{
	struct world *w = *state;
	struct heard heard;
	actr_track *track;
	unsigned before;

	w->relay_down = true;
	track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, &heard);
	world_advance(w, 10000);
	before = w->net.next_token;
	world_advance(w, 60000);
	assert_in_range(w->net.next_token - before, 10, 26);
	assert_string_equal(heard.kinds, "I");
	actr_track_close(track);
	world_advance(w, 10);
	before = w->net.next_token;
	world_advance(w, 60000);
	assert_int_equal(w->net.next_token, before);
}

/* --- bounds and bad input --- */

static void a_full_queue_drops_the_newest_and_counts(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_track *track;

	listen(B(w), &seen);
	track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, NULL);
	world_advance(w, 100);
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(send_text(track, "x", i), 0);
	assert_int_equal(send_text(track, "x", 64), ACTR_E_RESOURCE_EXHAUSTED);
	world_advance(w, 10);
	assert_int_equal(seen.count, 64);
	assert_int_equal(stats_of(track).samples_dropped, 1);
	assert_int_equal(media_of(A(w)).send_dropped, 1);
	actr_track_close(track);
}

static void a_track_that_cannot_be_is_refused_with_a_reason(void **state)
{
	struct world *w = *state;
	actr_track_options options = {.size = sizeof options, .codec = ACTR_CODEC_VP8};
	actr_dest peer = world_dest(B(w)), type = actr_dest_type(&B(w)->id.type);
	actr_error err = ACTR_ERROR_INIT;
	actr_track *track = add(A(w), peer, ACTR_CODEC_VP8, NULL), *other = NULL;

	assert_int_equal(actr_track_add(&A(w)->ref, &peer, "cam", &options, &other, &err),
			 ACTR_E_ALREADY_EXISTS);
	assert_int_equal(actr_track_add(&A(w)->ref, &peer, "two words", &options, &other, &err),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr_track_add(&A(w)->ref, &peer, "", &options, &other, &err),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr_track_add(&A(w)->ref, &type, "x", &options, &other, &err),
			 ACTR_E_INVALID_ARGUMENT);
	options.codec = 9;
	assert_int_equal(actr_track_add(&A(w)->ref, &peer, "x", &options, &other, &err),
			 ACTR_E_INVALID_ARGUMENT);
	assert_null(other);
	assert_int_equal(send_text(track, "", 1), ACTR_E_INVALID_ARGUMENT);
	actr_track_close(track);
	track = add(A(w), peer, ACTR_CODEC_VP8, NULL); /* its id is free again at once */
	actr_track_close(track);
}

static void samples_that_nobody_wants_or_may_send_are_counted(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_track *track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, NULL);

	world_advance(w, 100);
	assert_int_equal(send_text(track, "x", 1), 0);
	world_advance(w, 10);
	assert_int_equal(media_of(B(w)).unknown, 1);
	listen(B(w), &seen);
	B(w)->deny = ACTR_E_PERMISSION_DENIED;
	assert_int_equal(send_text(track, "x", 2), 0);
	world_advance(w, 10);
	assert_int_equal(media_of(B(w)).refused, 1);
	assert_int_equal(seen.count, 0);
	actr_track_close(track);
}

/* --- receiving --- */

static void the_last_registration_wins_and_unregister_ends_it(void **state)
{
	struct world *w = *state;
	struct seen first, second;
	actr_track *track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, NULL);

	listen(B(w), &first);
	listen(B(w), &second);
	world_advance(w, 100);
	assert_int_equal(w->net.wants, 1); /* B has one wire; A wants nothing */
	assert_int_equal(send_text(track, "x", 1), 0);
	world_advance(w, 10);
	assert_int_equal(first.count, 0);
	assert_int_equal(second.count, 1);
	assert_int_equal(actr_media_unregister(&B(w)->ref, "cam", NULL), 0);
	assert_int_equal(actr_media_unregister(&B(w)->ref, "cam", NULL), ACTR_E_NOT_FOUND);
	assert_int_equal(send_text(track, "x", 2), 0);
	world_advance(w, 10);
	assert_int_equal(second.count, 1);
	assert_int_equal(media_of(B(w)).unknown, 1);
	actr_track_close(track);
}

static void a_callback_may_unregister_itself(void **state)
{
	struct world *w = *state;
	struct seen seen;
	actr_track *track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, NULL);

	listen(B(w), &seen);
	seen.unregister = &B(w)->ref;
	world_advance(w, 100);
	assert_int_equal(send_text(track, "x", 1), 0);
	assert_int_equal(send_text(track, "x", 2), 0);
	world_advance(w, 10);
	assert_int_equal(seen.count, 1);
	actr_track_close(track);
}

/* --- feedback --- */

static void a_key_frame_request_reaches_the_sender(void **state)
{
	struct world *w = *state;
	struct heard heard;
	actr_track *track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, &heard);
	actr_id sender = A(w)->id;

	world_advance(w, 100);
	assert_int_equal(actr_media_request_key_frame(&B(w)->ref, &sender, "cam", NULL), 0);
	assert_int_equal(actr_media_request_key_frame(&B(w)->ref, &sender, "other", NULL), 0);
	world_advance(w, 10);
	assert_string_equal(heard.kinds, "AK");
	assert_int_equal(stats_of(track).key_frames_asked, 1);
	assert_int_equal(media_of(B(w)).key_frames_requested, 1);
	actr_track_close(track);
}

static void a_report_is_told_and_kept(void **state)
{
	struct world *w = *state;
	struct actr__track_event report = {
		.news = ACTR__TRACK_REPORT, .lost_per_1000 = 12, .jitter_us = 340, .rtt_us = 5600};
	struct heard heard;
	actr_track *track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, &heard);

	world_advance(w, 100);
	actr__sim_tell_tracks(&w->net, &report);
	assert_string_equal(heard.kinds, "AR");
	assert_int_equal(heard.rtt_us, 5600);
	assert_int_equal(stats_of(track).lost_per_1000, 12);
	actr_track_close(track);
}

static void a_track_may_be_closed_in_its_own_callback(void **state)
{
	struct world *w = *state;
	struct heard heard;

	add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, &heard);
	heard.close = true;
	world_advance(w, 100);
	assert_string_equal(heard.kinds, "A");
}

/* --- the end --- */

static void the_end_of_the_node_is_told_and_leaves_the_track_to_its_owner(void **state)
{
	struct world *w = *state;
	actr_error why = ACTR_ERROR_INIT;
	struct heard heard;
	actr_track *track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, &heard), *other = NULL;
	actr_track_options options = {.size = sizeof options, .codec = ACTR_CODEC_VP8};
	actr_dest dest = world_dest(B(w));

	world_advance(w, 100);
	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "the node is shutting down");
	actr__endpoint_close(&A(w)->endpoint, &why);
	assert_string_equal(heard.kinds, "AI");
	assert_int_equal(send_text(track, "x", 1), ACTR_E_STATE);
	assert_int_equal(actr_track_add(&A(w)->ref, &dest, "late", &options, &other, NULL),
			 ACTR_E_UNAVAILABLE);
	actr_track_close(track);
	world_advance(w, 10);
}

/* --- with a worker --- */

struct blocked {
	sem_t entered, leave;
	atomic_uint count;
};

static void on_sample_blocked(void *user, const actr_sample *sample, const actr_id *sender)
{
	struct blocked *b = user;

	(void)sample;
	(void)sender;
	if (atomic_fetch_add(&b->count, 1) == 0) {
		sem_post(&b->entered);
		sem_wait(&b->leave);
	}
}

static void *unregister(void *arg)
{
	actr_media_unregister(arg, "cam", NULL);
	return NULL;
}

static void a_slow_worker_drops_the_newest_and_unregister_waits_for_its_callback(void **state)
{
	struct world *w = world_new_worker();
	struct blocked b = {.count = 0};
	actr_media_options options = {.size = sizeof options, .max_samples = 4};
	actr_track *track;
	pthread_t thread;

	(void)state;
	sem_init(&b.entered, 0, 0);
	sem_init(&b.leave, 0, 0);
	assert_int_equal(
		actr_media_register(&B(w)->ref, "cam", &options, on_sample_blocked, &b, NULL), 0);
	track = add(A(w), world_dest(B(w)), ACTR_CODEC_VP8, NULL);
	world_advance(w, 100);
	assert_int_equal(send_text(track, "x", 0), 0);
	world_advance(w, 10);
	sem_wait(&b.entered);
	for (uint32_t i = 1; i < 8; i++)
		assert_int_equal(send_text(track, "x", i), 0);
	world_advance(w, 10);
	assert_int_equal(media_of(B(w)).dropped, 3);
	assert_int_equal(pthread_create(&thread, NULL, unregister, &B(w)->ref), 0);
	sem_post(&b.leave);
	pthread_join(thread, NULL);
	/* The four that waited ran before it was unregistered, or never will. */
	unsigned count = atomic_load(&b.count);
	actr_track_close(track);
	world_free(w);
	assert_int_equal(atomic_load(&b.count), count);
	sem_destroy(&b.entered);
	sem_destroy(&b.leave);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_track_connects_by_itself_and_samples_arrive),
		WORLD_TEST(samples_of_one_turn_keep_their_order),
		WORLD_TEST(in_process_a_track_is_active_at_once),
		WORLD_TEST(a_lost_connection_makes_it_inactive_and_it_comes_back_by_itself),
		WORLD_TEST(it_joins_the_connection_that_the_peer_makes),
		WORLD_TEST(a_peer_that_takes_none_is_told_once_with_the_cause),
		WORLD_TEST(retries_of_a_peer_that_is_away_are_few),
		WORLD_TEST(a_full_queue_drops_the_newest_and_counts),
		WORLD_TEST(a_track_that_cannot_be_is_refused_with_a_reason),
		WORLD_TEST(samples_that_nobody_wants_or_may_send_are_counted),
		WORLD_TEST(the_last_registration_wins_and_unregister_ends_it),
		WORLD_TEST(a_callback_may_unregister_itself),
		WORLD_TEST(a_key_frame_request_reaches_the_sender),
		WORLD_TEST(a_report_is_told_and_kept),
		WORLD_TEST(a_track_may_be_closed_in_its_own_callback),
		WORLD_TEST(the_end_of_the_node_is_told_and_leaves_the_track_to_its_owner),
		cmocka_unit_test(
			a_slow_worker_drops_the_newest_and_unregister_waits_for_its_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
