/*
 * The direct lane beside WebRTC, on a simulated network in virtual time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/support/torture.h"
#include "transport/transport_internal.h"
#include "wire/sim/sim.h"

struct world;

struct end {
	struct world *world;
	struct actr__transport *transport;
	actr_id id;
	struct end *other;
	char got[256];	 /* what arrived, one after the other */
	char states[64]; /* connecting, open, recovering, disconnected */
	unsigned lost, left, failed, refused;
	int last_failure;
	char ticket[DIRECT_TICKET_SIZE]; /* that it told last */
};

struct world {
	struct actr__loop *loop;
	struct actr__sim_net net;
	struct end ends[2];
	bool unreachable; /* the direct lanes */
	bool relay_down;
};

#define A(w) (&(w)->ends[0])
#define B(w) (&(w)->ends[1])

static void on_message(void *owner, const actr_id *from, struct actr__msg *msg)
{
	struct end *end = owner;
	size_t used = strlen(end->got);

	assert_true(actr__id_same(from, &end->other->id));
	snprintf(end->got + used, sizeof end->got - used, "%.*s,", (int)msg->size,
		 (const char *)msg->data);
	actr__msg_unref(msg);
}

static void on_peer(void *owner, const struct actr__peer_change *change)
{
	struct end *end = owner;
	size_t used = strlen(end->states);

	snprintf(end->states + used, sizeof end->states - used, "%c", "icord"[change->state]);
}

static void on_lost(void *owner, const actr_id *id, uint64_t session, const actr_error *why)
{
	struct end *end = owner;

	(void)id;
	(void)session;
	(void)why;
	end->lost++;
}

static int on_signal(void *owner, const actr_id *to, const struct actr__signal *signal,
		     actr_error *err)
{
	struct end *end = owner;
	char url[DIRECT_URL_MAX + 1];

	(void)to;
	if (end->world->relay_down)
		return ACTR_FAIL(err, ACTR_E_UNAVAILABLE, "no signaling connection");
	(void)direct_parse(signal->text, end->ticket, url);
	actr__transport_signal(end->other->transport, &end->id, signal);
	return 0;
}

static void on_lane(void *owner, const actr_id *id, uint64_t session, unsigned lane, bool congested)
{
	(void)owner;
	(void)id;
	(void)session;
	(void)lane;
	(void)congested;
}

static const struct actr__transport_events events = {on_message, on_peer, on_lost, on_signal,
						     on_lane};

static int dial(void *user, const actr_id *peer, const struct actr__wire_events *wire_events,
		void *owner, uint64_t session, struct actr__wire **ret, actr_error *err)
{
	struct end *end = user;

	(void)peer;
	return actr__sim_dial(&end->world->net, wire_events, owner, session, ret, err);
}

static int accept_offer(void *user, const actr_id *peer, const struct actr__signal *offer,
			const struct actr__wire_events *wire_events, void *owner, uint64_t session,
			struct actr__wire **ret, actr_error *err)
{
	struct end *end = user;

	(void)peer;
	return actr__sim_accept(&end->world->net, offer, wire_events, owner, session, ret, err);
}

struct knock {
	struct world *world;
	struct actr__wire *dialler;
};

static int let_in(void *user, const struct actr__wire_events *wire_events, void *owner,
		  uint64_t session, struct actr__wire **ret, actr_error *err)
{
	struct knock *knock = user;

	return actr__sim_direct_accept(&knock->world->net, knock->dialler, wire_events, owner,
				       session, ret, err);
}

static int dial_direct(void *user, const actr_id *peer, const char *url, const char *ticket,
		       const struct actr__wire_events *wire_events, void *owner, uint64_t session,
		       struct actr__wire **ret, actr_error *err)
{
	struct end *end = user;
	struct knock knock = {.world = end->world};

	assert_true(actr__id_same(peer, &end->other->id));
	assert_string_equal(url, "ws://other/");
	ACTR_TRY(actr__sim_direct_dial(&end->world->net, wire_events, owner, session, ret, err));
	knock.dialler = *ret;
	if (!end->world->unreachable &&
	    actr__transport_direct_accept(end->other->transport, &end->id, ticket, let_in, &knock,
					  err) == 0)
		return 0;
	end->refused++;
	actr__wire_close(*ret, ACTR_E_UNAVAILABLE, "refused");
	return 0;
}

static void end_init(struct world *w, unsigned i, bool listens, bool dials)
{
	struct end *end = &w->ends[i];
	struct actr__wire_maker maker = {.dial = dial,
					 .accept = accept_offer,
					 .user = end,
					 .dial_direct = dials ? dial_direct : NULL};
	struct actr__transport_options options = {.direct_url = listens ? "ws://other/" : NULL};

	end->world = w;
	end->other = &w->ends[!i];
	end->id.realm = 1;
	end->id.serial = i + 1;
	assert_int_equal(
		actr__transport_new(w->loop, &options, &maker, &events, end, &end->transport, NULL),
		0);
}

/* Who listens: bits, 1: A, 2: B. */
static struct world *world_new(unsigned listens)
{
	struct world *w = actr__new0(struct world);

	assert_non_null(w);
	assert_int_equal(actr__loop_new_virtual(&w->loop, NULL), 0);
	actr__sim_net_init(&w->net, w->loop);
	for (unsigned i = 0; i < 2; i++)
		end_init(w, i, listens >> i & 1, true);
	return w;
}

static void world_free(struct world *w)
{
	for (unsigned i = 0; i < 2; i++)
		actr__transport_free(w->ends[i].transport);
	assert_int_equal(w->net.open_wires, 0);
	actr__loop_free(w->loop);
	actr__free(w);
}

static void on_sent(void *user, const actr_error *err)
{
	struct end *end = user;

	if (err) {
		end->failed++;
		end->last_failure = err->code;
	} else {
		end->left++;
	}
}

static void send_text(struct end *end, const char *text)
{
	int rc = actr__transport_send(
		end->transport, &end->other->id, ACTR_LANE_RPC_RELIABLE, actr__text(text),
		actr__loop_now_ns(end->world->loop) + 30000000000ull, on_sent, end, NULL, NULL);

	if (rc == 0)
		on_sent(end, NULL);
	assert_true(rc >= 0);
}

static void expect_both_talk(struct world *w)
{
	A(w)->got[0] = B(w)->got[0] = 0;
	send_text(A(w), "there");
	send_text(B(w), "back");
	actr__loop_advance(w->loop, 10);
	assert_string_equal(B(w)->got, "there,");
	assert_string_equal(A(w)->got, "back,");
}

static void a_peer_that_webrtc_does_not_reach_is_reached_directly(void **state)
{
	(void)state;
	for (unsigned listens = 1; listens <= 3; listens++) {
		struct world *w = world_new(listens);

		w->net.mute = true;
		send_text(A(w), "1");
		send_text(A(w), "2");
		actr__loop_advance(w->loop, 2900);
		assert_string_equal(B(w)->got, "");
		actr__loop_advance(w->loop, 2000);
		assert_string_equal(B(w)->got, "1,2,");
		assert_int_equal(A(w)->left, 2);
		assert_string_equal(A(w)->states, "co");
		assert_string_equal(B(w)->states, "co");
		expect_both_talk(w);
		assert_int_equal(w->net.open_wires, 2); /* the others are gone */
		actr__loop_advance(w->loop, 60000);	/* … and so are their time-outs */
		expect_both_talk(w);
		assert_int_equal(A(w)->lost + B(w)->lost, 0);
		world_free(w);
	}
}

static void a_peer_that_listens_nowhere_is_not(void **state)
{
	struct world *w = world_new(0);

	(void)state;
	w->net.mute = true;
	send_text(A(w), "1");
	actr__loop_advance(w->loop, 29900);
	assert_int_equal(A(w)->failed, 0);
	actr__loop_advance(w->loop, 200);
	assert_int_equal(A(w)->failed, 1);
	world_free(w);
}

static void ice_that_fails_at_once_does_not_wait_for_the_timer(void **state)
{
	(void)state;
	for (unsigned listens = 1; listens <= 3; listens++) {
		struct world *w = world_new(listens);

		w->net.mute = true;
		send_text(A(w), "1");
		actr__loop_advance(w->loop, 10);
		actr__sim_cut(&w->net, "ICE failed");
		actr__loop_advance(w->loop, 50);
		assert_string_equal(B(w)->got, "1,");
		assert_string_equal(A(w)->states, "co"); /* one session all the time */
		assert_string_equal(B(w)->states, "co");
		expect_both_talk(w);
		world_free(w);
	}
}

static void webrtc_that_works_needs_no_direct_lane(void **state)
{
	struct world *w = world_new(3);

	(void)state;
	send_text(A(w), "1");
	actr__loop_advance(w->loop, 60000);
	expect_both_talk(w);
	assert_int_equal(w->net.next_token, 1);
	assert_int_equal(w->net.open_wires, 2);
	assert_string_equal(A(w)->states, "co");
	world_free(w);
}

static void defect_57_a_recovery_that_times_out_leaves_the_direct_lane_alone(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	send_text(A(w), "1");
	actr__loop_advance(w->loop, 100);
	w->net.mute = true; /* WebRTC does not come back */
	actr__sim_set_recovering(&w->net, true);
	w->net.connect_ms = 3000;
	send_text(A(w), "2");
	actr__loop_advance(w->loop, 7000); /* the direct lane is being set up */
	assert_string_equal(A(w)->states, "cor");
	actr__wire_close(actr__transport_wire(A(w)->transport, &B(w)->id), ACTR_E_UNAVAILABLE,
			 "the path did not come back");
	actr__loop_advance(w->loop, 1000);
	assert_int_equal(A(w)->lost, 0);
	actr__loop_advance(w->loop, 2000);
	assert_string_equal(B(w)->got, "1,2,");
	/* What the first wire carried may be lost: a session of its own. */
	assert_string_equal(A(w)->states, "cordco");
	assert_string_equal(B(w)->states, "cordco");
	assert_int_equal(A(w)->lost, 1);
	assert_int_equal(B(w)->lost, 1);
	actr__loop_advance(w->loop, 60000);
	expect_both_talk(w);
	assert_int_equal(A(w)->lost, 1);
	world_free(w);
}

static void defect_57_a_direct_lane_that_fails_leaves_webrtc_alone(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	w->unreachable = true;
	w->net.connect_ms = 20000;
	send_text(A(w), "1");
	actr__loop_advance(w->loop, 19000);
	assert_in_range(A(w)->refused, 3, 10);
	actr__loop_advance(w->loop, 2000);
	assert_string_equal(B(w)->got, "1,");
	assert_string_equal(A(w)->states, "co");
	expect_both_talk(w);
	world_free(w);
}

static void when_both_ways_fail_the_peer_is_lost_once(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	w->net.mute = w->unreachable = true;
	send_text(A(w), "1");
	actr__loop_advance(w->loop, 10);
	actr__sim_cut(&w->net, "ICE failed");
	w->relay_down = true; /* no next attempt */
	actr__loop_advance(w->loop, 10);
	assert_int_equal(A(w)->lost, 1);
	assert_int_equal(B(w)->lost, 0); /* it waits for us */
	actr__loop_advance(w->loop, 10000);
	assert_int_equal(B(w)->lost, 1);
	assert_string_equal(B(w)->states, "cdi");
	actr__loop_advance(w->loop, 60000);
	assert_int_equal(actr__transport_peer_count(A(w)->transport), 0);
	assert_int_equal(actr__transport_peer_count(B(w)->transport), 0);
	world_free(w);
}

static void the_next_session_after_a_direct_one_waits_less_for_webrtc(void **state)
{
	struct world *w = world_new(2);

	(void)state;
	w->net.mute = true;
	send_text(A(w), "1");
	actr__loop_advance(w->loop, 5000);
	assert_string_equal(B(w)->got, "1,");
	w->net.window_bytes = 1;
	send_text(A(w), "2");
	send_text(A(w), "3"); /* waits for the window: so the peer is not forgotten */
	actr__sim_cut(&w->net, "cable");
	actr__loop_advance(w->loop, 1000);
	assert_non_null(strstr(B(w)->got, "3,"));
	world_free(w);
}

static void only_the_ticket_of_this_session_lets_in_and_once(void **state)
{
	struct world *w = world_new(2);
	actr_id nobody = {.realm = 1, .serial = 9};
	char old[DIRECT_TICKET_SIZE], wrong[DIRECT_TICKET_SIZE];

	(void)state;
#define MAY(ticket) actr__transport_direct_check(B(w)->transport, &A(w)->id, ticket)
	assert_false(MAY("00112233445566778899aabbccddeeff"));
	w->net.mute = true;
	send_text(A(w), "1");
	actr__loop_advance(w->loop, 100);
	assert_int_equal(strlen(B(w)->ticket), 32);
	assert_string_not_equal(B(w)->ticket, A(w)->ticket);
	memcpy(old, B(w)->ticket, sizeof old);
	memcpy(wrong, old, sizeof wrong);
	wrong[31] = wrong[31] == '0' ? '1' : '0';
	assert_true(MAY(old));
	assert_false(MAY(wrong));
	assert_false(MAY(""));
	assert_false(MAY("0"));
	assert_false(MAY(A(w)->ticket));
	assert_false(actr__transport_direct_check(B(w)->transport, &nobody, old));
	assert_false(actr__transport_direct_check(A(w)->transport, &B(w)->id, A(w)->ticket));
	actr__loop_advance(w->loop, 5000);
	assert_string_equal(B(w)->got, "1,");
	assert_false(MAY(old)); /* used */
	actr__sim_cut(&w->net, "cable");
	actr__loop_advance(w->loop, 100);
	send_text(A(w), "2");
	actr__loop_advance(w->loop, 100);
	assert_false(MAY(old)); /* of a session that is over */
	assert_true(MAY(B(w)->ticket));
#undef MAY
	world_free(w);
}

static void an_offer_that_was_under_way_does_not_end_the_direct_session(void **state)
{
	struct world *w = world_new(2);
	char text[128];
	struct actr__signal offer = {.kind = ACTR__SIGNAL_OFFER, .text = text};

	(void)state;
	w->net.mute = true;
	send_text(A(w), "1");
	actr__loop_advance(w->loop, 5000);
	snprintf(text, sizeof text, "9\r\na=x-actr-direct:%s\r\n", A(w)->ticket);
	actr__transport_signal(B(w)->transport, &A(w)->id, &offer);
	actr__loop_advance(w->loop, 10);
	assert_int_equal(A(w)->lost + B(w)->lost, 0);
	expect_both_talk(w);
	world_free(w);
}

static void lines_are_read_and_others_refused(void **state)
{
#define TICKET "00112233445566778899aabbccddeeff"
	static const char *const good[] = {
		"a=x-actr-direct:" TICKET,
		"v=0\r\na=x-actr-direct:" TICKET " wss://host:1/x\r\nm=application",
		"v=0\na=x-actr-direct:" TICKET " u\nm=",
	};
	static const char *const bad[] = {
		"",
		"m=application\r\na=x-actr-direct:" TICKET,
		"a=x-actr-direct:",
		"a=x-actr-direct:" TICKET " ",
		"a=x-actr-direct:" TICKET "0",
		"a=x-actr-direct:" TICKET " a b",
		"a=x-actr-direct:" TICKET " \x7f",
		"a=x-actr-direct:00112233445566778899AABBCCDDEEFF",
		"a=x-actr-direct:0011",
	};
	char ticket[DIRECT_TICKET_SIZE], url[DIRECT_URL_MAX + 1], text[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(direct_parse(good[i], ticket, url), 0);
		assert_string_equal(ticket, TICKET);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(direct_parse(bad[i], ticket, url) < 0);
	snprintf(text, sizeof text, "a=x-actr-direct:" TICKET " %0255d", 1);
	assert_int_equal(direct_parse(text, ticket, url), 0);
	assert_int_equal(strlen(url), 255);
	snprintf(text, sizeof text, "a=x-actr-direct:" TICKET " %0256d", 1);
	assert_true(direct_parse(text, ticket, url) < 0);
}

static void defect_58_a_set_up_that_fails_anywhere_leaves_nothing(void **state)
{
	struct torture torture;
	unsigned long n = 0;

	(void)state;
	torture_begin(&torture);
	do {
		struct world *w = world_new(2);

		w->net.mute = true;
		torture.failed = false;
		torture.countdown = ++n;
		(void)actr__transport_send(A(w)->transport, &B(w)->id, ACTR_LANE_RPC_RELIABLE,
					   actr__text("1"), 30000000000ull, on_sent, A(w), NULL,
					   NULL);
		actr__loop_advance(w->loop, 35000);
		torture.countdown = 0;
		assert_true(torture.failed || !strcmp(B(w)->got, "1,"));
		assert_true(torture.failed || w->net.open_wires == 2);
		world_free(w); /* which looks for wires that are left */
	} while (torture.failed);
	assert_true(n > 10);
	torture_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_webrtc_does_not_reach_is_reached_directly),
		cmocka_unit_test(a_peer_that_listens_nowhere_is_not),
		cmocka_unit_test(ice_that_fails_at_once_does_not_wait_for_the_timer),
		cmocka_unit_test(webrtc_that_works_needs_no_direct_lane),
		cmocka_unit_test(defect_57_a_recovery_that_times_out_leaves_the_direct_lane_alone),
		cmocka_unit_test(defect_57_a_direct_lane_that_fails_leaves_webrtc_alone),
		cmocka_unit_test(when_both_ways_fail_the_peer_is_lost_once),
		cmocka_unit_test(the_next_session_after_a_direct_one_waits_less_for_webrtc),
		cmocka_unit_test(only_the_ticket_of_this_session_lets_in_and_once),
		cmocka_unit_test(an_offer_that_was_under_way_does_not_end_the_direct_session),
		cmocka_unit_test(lines_are_read_and_others_refused),
		cmocka_unit_test(defect_58_a_set_up_that_fails_anywhere_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
