/* Offers, answers, candidates: glare, stale ones, restarts, peers of the original. */
#include "wire/webrtc/test_world.h"

#include <stdlib.h>

#include "wire/webrtc/webrtc_internal.h"

static int set_up(void **st)
{
	*st = world_new();
	return 0;
}

static int tear_down(void **st)
{
	world_free(*st);
	return 0;
}

static struct wire_webrtc *inner(struct side *s)
{
	return container_of(s->wire, struct wire_webrtc, wire);
}

static void exchange(struct world *w)
{
	unsigned a = w->a.messages, b = w->b.messages;

	/* Toward the original a lane is held for 200 ms. */
	while (actr__wire_send(w->a.wire, 0, actr__bytes("ping", 4), NULL) < 0)
		world_pass(w, 1);
	while (actr__wire_send(w->b.wire, 0, actr__bytes("pong", 4), NULL) < 0)
		world_pass(w, 1);
	while (w->a.messages == a || w->b.messages == b)
		world_pass(w, 1);
}

/* What the original's descriptions and this server leave out. */
static void make_original(struct actr__signal *signal)
{
	char *marker = strstr(signal->text, "a=x-actr:1\r\n");

	signal->exchange_id = NULL;
	signal->username_fragment = NULL;
	signal->sdp_mid = NULL;
	signal->sdp_mline_index = -1;
	if (marker)
		memcpy(marker, "a=x-none", 8);
}

/* --- glare --- */

static void both_dial_at_once(struct world *w)
{
	world_dial(w, &w->a);
	world_dial(w, &w->b);
	world_wait(w, both_open);
	exchange(w);
	assert_int_equal(w->a.session, 1); /* neither was closed and accepted anew */
	assert_int_equal(w->b.session, 1);
	assert_int_equal(w->a.state_count, 1);
	assert_int_equal(w->b.state_count, 1);
}

static void defect_16_both_offer_at_once_and_the_lower_id_keeps_its_offer(void **st)
{
	struct world *w = *st;

	both_dial_at_once(w);
	assert_int_equal(w->a.answers_seen, 1);
	assert_int_equal(w->b.answers_seen, 0);
	assert_true(inner(&w->a)->is_offerer);
	assert_false(inner(&w->b)->is_offerer);
}

static bool b_looks_original(struct world *w, struct side *from, struct actr__signal *signal)
{
	if (from == &w->b)
		make_original(signal);
	/* It can neither take its offer back nor answer one in the meantime. */
	return !(from == &w->a && signal->kind == ACTR__SIGNAL_OFFER);
}

static void in_glare_with_the_original_its_offer_wins_whatever_the_ids(void **st)
{
	struct world *w = *st;

	w->filter = b_looks_original;
	both_dial_at_once(w);
	assert_int_equal(w->b.answers_seen, 1);
	assert_false(inner(&w->a)->is_offerer);
}

/* --- stale answers --- */

static bool older_answer_first(struct world *w, struct side *from, struct actr__signal *signal)
{
	struct actr__signal old = *signal;

	(void)from;
	if (signal->kind != ACTR__SIGNAL_ANSWER || w->filter_data)
		return true;
	w->filter_data = w;
	old.exchange_id = "00000000-0000-4000-8000-000000000000";
	assert_int_equal(w->a.wire->ops->signal(w->a.wire, &old, NULL), 0);
	assert_false(inner(&w->a)->knows_peer);
	return true;
}

static void defect_42_an_answer_to_an_older_offer_is_ignored(void **st)
{
	struct world *w = *st;

	w->filter = older_answer_first;
	world_connect(w);
	assert_int_equal(inner(&w->a)->stale_answers, 1);
	exchange(w);
}

static bool answers_twice(struct world *w, struct side *from, struct actr__signal *signal)
{
	if (signal->kind == ACTR__SIGNAL_ANSWER)
		assert_int_equal(from->other->wire->ops->signal(from->other->wire, signal, NULL),
				 0);
	(void)w;
	return true;
}

static void a_repeated_answer_changes_nothing(void **st)
{
	struct world *w = *st;

	w->filter = answers_twice;
	world_connect(w);
	assert_int_equal(inner(&w->a)->stale_answers, 1);
	exchange(w);
}

static bool offers_twice(struct world *w, struct side *from, struct actr__signal *signal)
{
	if (signal->kind == ACTR__SIGNAL_OFFER && !w->filter_data && from == &w->a) {
		w->filter_data = actr__strdup(signal->text);
		assert_non_null(w->filter_data);
	}
	return true;
}

static void a_repeated_offer_is_answered_again_and_the_session_goes_on(void **st)
{
	struct world *w = *st;
	struct actr__signal again = {.kind = ACTR__SIGNAL_OFFER, .exchange_id = "again"};

	w->filter = offers_twice;
	world_connect(w);
	again.text = w->filter_data;
	assert_int_equal(w->b.wire->ops->signal(w->b.wire, &again, NULL), 0);
	world_pass(w, 5);
	assert_int_equal(w->a.answers_seen, 2);
	assert_int_equal(inner(&w->a)->stale_answers, 1);
	exchange(w);
	actr__free(w->filter_data);
}

static void an_offer_of_another_session_says_closed(void **st)
{
	struct world *w = *st;
	struct actr__signal anew = {.kind = ACTR__SIGNAL_OFFER, .exchange_id = "new"};
	char *session;

	w->filter = offers_twice;
	world_connect(w);
	session = strstr(w->filter_data, "o=- ") + 4;
	session[0] = session[0] == '1' ? '2' : '1';
	anew.text = w->filter_data;
	assert_int_equal(w->b.wire->ops->signal(w->b.wire, &anew, NULL), ACTR_E_CLOSED);
	exchange(w);
	actr__free(w->filter_data);
}

/* --- candidates --- */

static void defect_61_a_candidate_of_an_older_generation_is_dropped(void **st)
{
	struct world *w = *st;
	struct actr__signal stale = {.kind = ACTR__SIGNAL_CANDIDATE,
				     .text = "candidate:1 1 udp 1 127.0.0.1 9 typ host",
				     .username_fragment = "old1",
				     .sdp_mline_index = -1};

	world_connect(w);
	memcpy(inner(&w->a)->past_ufrag, "old1", 5);
	assert_int_equal(w->a.wire->ops->signal(w->a.wire, &stale, NULL), 0);
	assert_int_equal(inner(&w->a)->stale_candidates, 1);
	assert_int_equal(inner(&w->a)->early_count, 0);
}

static void candidates_before_their_description_are_kept_within_a_bound(void **st)
{
	struct world *w = *st;
	struct actr__signal early = {.kind = ACTR__SIGNAL_CANDIDATE,
				     .text = "candidate:1 1 udp 1 127.0.0.1 9 typ host",
				     .sdp_mline_index = -1};

	world_dial(w, &w->a);
	for (unsigned i = 0; i < ACTR__EARLY_MAX + 10; i++)
		assert_int_equal(w->a.wire->ops->signal(w->a.wire, &early, NULL), 0);
	assert_int_equal(inner(&w->a)->early_count, ACTR__EARLY_MAX);
	world_wait(w, both_open);
	assert_int_equal(inner(&w->a)->early_count, 0);
}

static bool without_sdp_candidates(struct world *w, struct side *from, struct actr__signal *signal)
{
	char *line;

	(void)w;
	if (signal->kind != ACTR__SIGNAL_OFFER && signal->kind != ACTR__SIGNAL_ANSWER)
		return true;
	while ((line = strstr(signal->text, "a=candidate:"))) {
		struct actr__signal candidate = {.kind = ACTR__SIGNAL_CANDIDATE,
						 .sdp_mline_index = -1};
		char text[300] = {0};

		memcpy(text, line + 2, strcspn(line + 2, "\r"));
		candidate.text = text;
		memcpy(line, "a=x", 3);
		/* Before the description it belongs to. */
		if (from->other->wire)
			assert_int_equal(
				from->other->wire->ops->signal(from->other->wire, &candidate, NULL),
				0);
	}
	return true;
}

static void candidates_that_come_before_the_answer_are_used(void **st)
{
	struct world *w = *st;

	w->filter = without_sdp_candidates;
	world_connect(w);
	exchange(w);
}

/* --- the peer's certificate --- */

static bool wrong_fingerprint(struct world *w, struct side *from, struct actr__signal *signal)
{
	char *at = from == &w->b ? strstr(signal->text, "a=fingerprint:sha-256 ") : NULL;

	if (at)
		at[22] = at[22] == 'A' ? 'B' : 'A';
	return true;
}

static void defect_7_a_peer_with_another_certificate_is_never_open(void **st)
{
	struct world *w = *st;

	w->filter = wrong_fingerprint;
	world_dial(w, &w->a);
	world_wait(w, both_closed);
	assert_int_equal(w->a.state_count, 1); /* never open */
	assert_int_equal(w->b.state_count, 1);
	assert_int_equal(w->a.why.code, ACTR_E_UNAUTHENTICATED);
	assert_non_null(strstr(w->a.why.message, "fingerprint"));
}

static bool no_fingerprint(struct world *w, struct side *from, struct actr__signal *signal)
{
	char *at = from == &w->b ? strstr(signal->text, "a=fingerprint:") : NULL;

	if (at)
		at[2] = 'x';
	return true;
}

static bool a_closed(struct world *w)
{
	return w->a.state_count && w->a.states[w->a.state_count - 1] == ACTR__WIRE_CLOSED;
}

static void an_answer_without_a_fingerprint_ends_the_wire(void **st)
{
	struct world *w = *st;

	w->filter = no_fingerprint;
	world_dial(w, &w->a);
	world_wait(w, a_closed);
	assert_int_equal(w->a.why.code, ACTR_E_PROTOCOL);
}

/* --- restarts --- */

static void lose(struct side *s)
{
	actr__link_lose(inner(s)->link);
}

static void forget_states(struct world *w)
{
	w->a.state_count = w->b.state_count = 0;
}

static bool a_open_again(struct world *w)
{
	return w->a.state_count >= 2 && w->a.states[w->a.state_count - 1] == ACTR__WIRE_OPEN;
}

static bool b_open_again(struct world *w)
{
	return w->b.state_count >= 2 && w->b.states[w->b.state_count - 1] == ACTR__WIRE_OPEN;
}

static void a_lost_path_is_replaced_and_messages_wait_for_it(void **st)
{
	struct world *w = *st;
	unsigned before;

	world_connect(w);
	exchange(w);
	forget_states(w);
	before = w->b.messages;
	lose(&w->a);
	world_send(w, &w->a, 0, "while recovering", 16);
	world_wait(w, a_open_again);
	assert_int_equal(w->a.state_count, 2);
	assert_int_equal(w->a.states[0], ACTR__WIRE_RECOVERING);
	while (w->b.messages == before)
		world_pass(w, 5);
	assert_memory_equal(w->b.last, "while recovering", 16);
	assert_int_equal(w->b.restart_offers_seen, 1);
	assert_int_equal(w->b.offers_seen, 1); /* still the one of the beginning */
	exchange(w);
}

static void defect_62_the_answerer_asks_for_a_restart(void **st)
{
	struct world *w = *st;

	world_connect(w);
	forget_states(w);
	lose(&w->b);
	world_wait(w, b_open_again);
	assert_true(w->a.restart_requests_seen >= 1);
	assert_int_equal(w->b.restart_offers_seen, 1);
	exchange(w);
}

static void defect_22_one_restart_at_a_time_when_both_lose_the_path(void **st)
{
	struct world *w = *st;

	world_connect(w);
	forget_states(w);
	lose(&w->a);
	lose(&w->b);
	world_wait(w, a_open_again);
	world_wait(w, b_open_again);
	assert_int_equal(w->b.restart_offers_seen, 1);
	exchange(w);
}

static void defect_41_who_offered_first_writes_the_offers_of_every_restart(void **st)
{
	struct world *w = *st;

	world_connect(w);
	for (unsigned i = 1; i <= 4; i++) {
		forget_states(w);
		lose(i % 2 ? &w->b : &w->a);
		world_wait(w, i % 2 ? b_open_again : a_open_again);
		exchange(w);
		assert_true(inner(&w->a)->is_offerer);
		assert_false(inner(&w->b)->is_offerer);
		assert_int_equal(w->b.restart_offers_seen, i);
		assert_int_equal(w->a.restart_offers_seen, 0);
	}
	assert_int_equal(w->a.session, 1);
	assert_int_equal(w->b.session, 1);
}

static bool first_restart_is_lost(struct world *w, struct side *from, struct actr__signal *signal)
{
	(void)from;
	if (signal->kind != ACTR__SIGNAL_ICE_RESTART_OFFER || w->filter_data)
		return true;
	w->filter_data = w;
	return false;
}

static void a_restart_offer_that_got_lost_is_repeated(void **st)
{
	struct world *w = *st;

	world_connect(w);
	forget_states(w);
	w->filter = first_restart_is_lost;
	lose(&w->a);
	world_wait(w, a_open_again);
	assert_int_equal(w->b.restart_offers_seen, 1);
	exchange(w);
}

static bool no_signals(struct world *w, struct side *from, struct actr__signal *signal)
{
	(void)w;
	(void)from;
	(void)signal;
	return false;
}

static void defect_54_who_does_not_come_back_is_given_up_after_a_budget(void **st)
{
	struct world *w = *st;

	w->options.recover_timeout_ms = 100;
	world_connect(w);
	forget_states(w);
	w->filter = no_signals;
	lose(&w->a);
	world_wait(w, a_closed);
	assert_int_equal(w->a.state_count, 2);
	assert_int_equal(w->a.states[0], ACTR__WIRE_RECOVERING);
	assert_int_equal(w->a.why.code, ACTR_E_UNAVAILABLE);
}

static void a_restart_keeps_descriptors_flat(void **st)
{
	struct world *w = *st;
	unsigned before = 0;

	world_connect(w);
	for (int i = 0; i < 6; i++) {
		forget_states(w);
		lose(&w->a);
		world_wait(w, a_open_again);
		exchange(w);
		world_pass(w, 10);
		if (i == 1)
			before = open_fd_count();
	}
	for (int i = 0; i < 100 && open_fd_count() > before; i++)
		world_pass(w, 2);
	assert_true(open_fd_count() <= before);
}

/* --- peers of the original --- */

static bool both_look_original(struct world *w, struct side *from, struct actr__signal *signal)
{
	(void)w;
	(void)from;
	make_original(signal);
	return true;
}

static void toward_the_original_the_first_message_of_a_lane_is_held(void **st)
{
	struct world *w = *st;

	w->filter = both_look_original;
	world_connect(w);
	assert_int_equal(actr__wire_send(w->a.wire, 0, actr__bytes("x", 1), NULL),
			 ACTR_E_WOULD_BLOCK);
	while (!w->a.writable)
		world_pass(w, 10);
	world_send(w, &w->a, 0, "x", 1);
	while (!w->b.messages)
		world_pass(w, 1);
}

static void a_lane_that_the_original_used_is_free_at_once(void **st)
{
	struct world *w = *st;

	w->filter = both_look_original;
	world_connect(w);
	inner(&w->a)->held_lanes = 0; /* the original itself may send when it likes */
	world_send(w, &w->a, 1, "x", 1);
	while (!w->b.messages)
		world_pass(w, 1);
	world_send(w, &w->b, 1, "y", 1);
	assert_int_equal(actr__wire_send(w->b.wire, 0, actr__bytes("z", 1), NULL),
			 ACTR_E_WOULD_BLOCK);
}

static void a_lost_path_to_the_original_closes_the_wire(void **st)
{
	struct world *w = *st;

	w->filter = both_look_original;
	world_connect(w);
	lose(&w->a);
	world_wait(w, a_closed);
	assert_int_equal(w->a.why.code, ACTR_E_UNAVAILABLE);
	assert_int_equal(w->b.restart_offers_seen, 0);
}

static const char original_offer[] =
	"v=0\r\n"
	"o=- 8583916642111314755 181630882 IN IP4 0.0.0.0\r\n"
	"s=-\r\nt=0 0\r\n"
	"a=fingerprint:sha-256 B8:84:19:B0:87:35:4B:99:E7:AA:91:0C:27:B4:0B:9C:27:7A:5A:86:1E:14:"
	"CB:3C:82:10:CD:C8:8F:62:00:F2\r\n"
	"a=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\n"
	"m=video 9 UDP/TLS/RTP/SAVPF 96 102\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:0\r\n"
	"a=ice-ufrag:AwIchqtdEQVIUogf\r\na=ice-pwd:JfQujAwuLzgphPdBNelOoUkNTdQJQCdi\r\n"
	"a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:102 H264/90000\r\n"
	"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
	"a=ssrc:1604077332 cname:actr-video\r\na=ssrc:1604077332 msid:actr-video video-track-1\r\n"
	"a=msid:actr-video video-track-1\r\na=sendrecv\r\n"
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
	"a=setup:actpass\r\na=mid:1\r\na=sendrecv\r\na=sctp-port:5000\r\n"
	"a=ice-ufrag:AwIchqtdEQVIUogf\r\na=ice-pwd:JfQujAwuLzgphPdBNelOoUkNTdQJQCdi\r\n";

static bool keep_answer(struct world *w, struct side *from, struct actr__signal *signal)
{
	(void)from;
	if (signal->kind == ACTR__SIGNAL_ANSWER && !w->filter_data)
		w->filter_data = actr__strdup(signal->text);
	return false;
}

static void the_originals_offer_is_answered_section_by_section(void **st)
{
	struct world *w = *st;
	struct actr__signal offer = {
		.kind = ACTR__SIGNAL_OFFER, .text = original_offer, .sdp_mline_index = -1};
	const char *answer, *video, *application;

	w->filter = keep_answer;
	world_accept(w, &w->b, &offer);
	while (!w->filter_data)
		world_pass(w, 1);
	answer = w->filter_data;
	video = strstr(answer, "m=video 9 UDP/TLS/RTP/SAVPF 96 102\r\n");
	application = strstr(answer, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n");
	assert_non_null(video);
	assert_non_null(application);
	assert_true(video < application);
	assert_non_null(strstr(answer, "a=group:BUNDLE 0 1\r\n"));
	assert_non_null(strstr(video, "a=rtpmap:96 VP8/90000\r\n"));
	assert_non_null(strstr(video, "a=rtpmap:102 H264/90000\r\n"));
	assert_non_null(strstr(video, "a=recvonly\r\n"));
	assert_null(strstr(answer, "a=extmap")); /* it offered none */
	assert_null(strstr(answer, "a=rtcp-fb"));
	assert_non_null(strstr(application, "a=mid:1\r\n"));
	assert_non_null(strstr(application, "a=setup:active\r\n"));
	assert_non_null(strstr(application, "a=sctp-port:5000\r\n"));
	assert_non_null(strstr(application, "a=candidate:"));
	assert_false(inner(&w->b)->peer_is_ours);
	actr__free(w->filter_data);
}

static bool drop_all(struct world *w, struct side *from, struct actr__signal *signal)
{
	(void)w;
	(void)from;
	(void)signal;
	return false;
}

static bool a_is_closed(struct world *w)
{
	return w->a.state_count && w->a.states[w->a.state_count - 1] == ACTR__WIRE_CLOSED;
}

static void defect_16_an_original_with_two_sessions_is_dialled_anew_at_once(void **st)
{
	struct world *w = *st;
	char *text = actr__strdup(original_offer);
	struct actr__signal signal = {
		.kind = ACTR__SIGNAL_OFFER, .text = text, .sdp_mline_index = -1};

	w->filter = drop_all;
	world_dial(w, &w->a);
	assert_int_equal(w->a.wire->ops->signal(w->a.wire, &signal, NULL), 0);
	signal.kind = ACTR__SIGNAL_ANSWER; /* of the same session: a copy of something */
	assert_int_equal(w->a.wire->ops->signal(w->a.wire, &signal, NULL), 0);
	assert_int_not_equal(w->a.wire->state, ACTR__WIRE_CLOSED);
	strstr(text, "8583916642111314755")[0] = '7';
	assert_int_equal(w->a.wire->ops->signal(w->a.wire, &signal, NULL), 0);
	world_wait(w, a_is_closed);
	assert_int_equal(w->a.why.code, ACTR_E_UNAVAILABLE);
	actr__free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defect_16_both_offer_at_once_and_the_lower_id_keeps_its_offer),
		TEST(defect_16_an_original_with_two_sessions_is_dialled_anew_at_once),
		TEST(in_glare_with_the_original_its_offer_wins_whatever_the_ids),
		TEST(defect_42_an_answer_to_an_older_offer_is_ignored),
		TEST(a_repeated_answer_changes_nothing),
		TEST(a_repeated_offer_is_answered_again_and_the_session_goes_on),
		TEST(an_offer_of_another_session_says_closed),
		TEST(defect_61_a_candidate_of_an_older_generation_is_dropped),
		TEST(candidates_before_their_description_are_kept_within_a_bound),
		TEST(candidates_that_come_before_the_answer_are_used),
		TEST(defect_7_a_peer_with_another_certificate_is_never_open),
		TEST(an_answer_without_a_fingerprint_ends_the_wire),
		TEST(a_lost_path_is_replaced_and_messages_wait_for_it),
		TEST(defect_62_the_answerer_asks_for_a_restart),
		TEST(defect_22_one_restart_at_a_time_when_both_lose_the_path),
		TEST(defect_41_who_offered_first_writes_the_offers_of_every_restart),
		TEST(a_restart_offer_that_got_lost_is_repeated),
		TEST(defect_54_who_does_not_come_back_is_given_up_after_a_budget),
		TEST(a_restart_keeps_descriptors_flat),
		TEST(toward_the_original_the_first_message_of_a_lane_is_held),
		TEST(a_lane_that_the_original_used_is_free_at_once),
		TEST(a_lost_path_to_the_original_closes_the_wire),
		TEST(the_originals_offer_is_answered_section_by_section),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("negotiation", tests, NULL, NULL);
}
