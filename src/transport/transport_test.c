/*
 * Two transports on a simulated network in virtual time; the test relays their signals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "transport/transport.h"
#include "wire/sim/sim.h"

struct world;

struct end {
	struct world *world;
	struct actr__transport *transport;
	actr_id id;
	struct end *other;
	char got[4096];		      /* what arrived, one after the other */
	char states[128];	      /* idle, connecting, open, recovering, disconnected */
	uint64_t session, elapsed_ms; /* of the last change */
	int why_code;
	char lanes[128]; /* +session.lane, congested; -session.lane, clear */
	unsigned lost;
	int last_lost_code;
	unsigned sent_ok, sent_failed;
	int last_failure;
	bool relay_refused;
	bool closes_in_message; /* the connection, inside that callback */
	char closes_in_state;	/* and when this one is told */
};

struct world {
	struct actr__loop *loop;
	struct actr__sim_net net;
	struct end a, b;
	bool accept_fails;
};

static void on_message(void *owner, const actr_id *from, struct actr__msg *msg)
{
	struct end *end = owner;
	size_t used = strlen(end->got);

	assert_true(actr__id_same(from, &end->other->id));
	snprintf(end->got + used, sizeof end->got - used, "%.*s,", (int)msg->size,
		 (const char *)msg->data);
	actr__msg_unref(msg);
	if (end->closes_in_message)
		actr__transport_close_peer(end->transport, &end->other->id);
}

static void on_peer(void *owner, const struct actr__peer_change *change)
{
	struct end *end = owner;
	size_t used = strlen(end->states);

	snprintf(end->states + used, sizeof end->states - used, "%c", "icord"[change->state]);
	end->session = change->session;
	end->elapsed_ms = change->elapsed_ms;
	end->why_code = change->why ? change->why->code : 0;
	if (end->closes_in_state == "icord"[change->state])
		actr__transport_close_peer(end->transport, change->id);
}

static void on_lost(void *owner, const actr_id *id, uint64_t session, const actr_error *why)
{
	struct end *end = owner;

	(void)id;
	(void)session;
	end->lost++;
	end->last_lost_code = why->code;
}

static int on_signal(void *owner, const actr_id *to, const struct actr__signal *signal,
		     actr_error *err)
{
	struct end *end = owner;

	(void)to;
	if (end->relay_refused)
		return ACTR_FAIL(err, ACTR_E_UNAVAILABLE, "no signaling connection");
	actr__transport_signal(end->other->transport, &end->id, signal);
	return 0;
}

static void on_lane(void *owner, const actr_id *id, uint64_t session, unsigned lane, bool congested)
{
	struct end *end = owner;
	size_t used = strlen(end->lanes);

	assert_true(actr__id_same(id, &end->other->id));
	snprintf(end->lanes + used, sizeof end->lanes - used, "%c%u.%u,", congested ? '+' : '-',
		 (unsigned)session, lane);
}

static const struct actr__transport_events events = {on_message, on_peer, on_lost, on_signal,
						     on_lane};

static int dial(void *user, const actr_id *peer, const struct actr__wire_events *wire_events,
		void *owner, uint64_t session, struct actr__wire **ret, actr_error *err)
{
	(void)peer;
	return actr__sim_dial(user, wire_events, owner, session, ret, err);
}

static int accept_offer(void *user, const actr_id *peer, const struct actr__signal *offer,
			const struct actr__wire_events *wire_events, void *owner, uint64_t session,
			struct actr__wire **ret, actr_error *err)
{
	(void)peer;
	if (container_of(user, struct world, net)->accept_fails)
		return ACTR_FAIL(err, ACTR_E_PROTOCOL, "an offer that cannot be read");
	return actr__sim_accept(user, offer, wire_events, owner, session, ret, err);
}

static void end_init(struct end *end, struct world *world, uint64_t serial, struct end *other)
{
	struct actr__wire_maker maker = {.dial = dial, .accept = accept_offer, .user = &world->net};
	struct actr__transport_options options = {.max_peers = 4, .max_queued_bytes = 1000};

	end->world = world;
	end->other = other;
	end->id.realm = 1;
	end->id.serial = serial;
	assert_int_equal(actr__transport_new(world->loop, &options, &maker, &events, end,
					     &end->transport, NULL),
			 0);
}

static int setup(void **state)
{
	struct world *w = actr__new0(struct world);

	assert_non_null(w);
	assert_int_equal(actr__loop_new_virtual(&w->loop, NULL), 0);
	actr__sim_net_init(&w->net, w->loop);
	end_init(&w->a, w, 1, &w->b);
	end_init(&w->b, w, 2, &w->a);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	actr__transport_free(w->a.transport);
	actr__transport_free(w->b.transport);
	assert_int_equal(w->net.open_wires, 0);
	actr__loop_free(w->loop);
	actr__free(w);
	return 0;
}

static void on_sent(void *user, const actr_error *err)
{
	struct end *end = user;

	if (err) {
		end->sent_failed++;
		end->last_failure = err->code;
	} else {
		end->sent_ok++;
	}
}

static int send_text(struct end *end, const char *text, uint64_t timeout_ms, actr_error *err)
{
	return actr__transport_send(end->transport, &end->other->id, ACTR_LANE_RPC_RELIABLE,
				    actr__text(text),
				    actr__loop_now_ns(end->world->loop) + timeout_ms * 1000000,
				    on_sent, end, NULL, err);
}

static void the_first_send_dials_and_all_arrive_in_order(void **state)
{
	struct world *w = *state;

	assert_int_equal(send_text(&w->a, "1", 1000, NULL), 1);
	assert_int_equal(send_text(&w->a, "2", 1000, NULL), 1);
	actr__loop_advance(w->loop, 50);
	assert_int_equal(send_text(&w->a, "3", 1000, NULL), 0);
	actr__loop_advance(w->loop, 5);
	assert_string_equal(w->b.got, "1,2,3,");
	assert_string_equal(w->a.states, "co");
	assert_string_equal(w->b.states, "co");
	assert_int_equal(w->a.sent_ok, 2);
	assert_int_equal(w->a.sent_failed, 0);
	assert_int_equal(send_text(&w->b, "back", 1000, NULL), 0);
	actr__loop_advance(w->loop, 5);
	assert_string_equal(w->a.got, "back,");
}

static void defect_5_a_send_to_nobody_ends_by_its_deadline(void **state)
{
	struct world *w = *state;

	w->net.mute = true;
	assert_int_equal(send_text(&w->a, "1", 500, NULL), 1);
	actr__loop_advance(w->loop, 499);
	assert_int_equal(w->a.sent_failed, 0);
	actr__loop_advance(w->loop, 1);
	assert_int_equal(w->a.sent_failed, 1);
	assert_int_equal(w->a.last_failure, ACTR_E_TIMEOUT);
}

static void defect_6_a_thousand_first_sends_make_one_connection(void **state)
{
	struct world *w = *state;
	unsigned queued = 0;

	for (int i = 0; i < 1000; i++)
		queued += send_text(&w->a, "x", 1000, NULL) == 1;
	actr__loop_advance(w->loop, 50);
	assert_int_equal(queued, 1000);
	assert_int_equal(w->a.sent_ok, 1000);
	assert_int_equal(w->net.next_token, 1);
}

static void defect_16_simultaneous_first_sends_share_one_connection(void **state)
{
	struct world *w = *state;

	assert_int_equal(send_text(&w->a, "from a", 1000, NULL), 1);
	assert_int_equal(send_text(&w->b, "from b", 1000, NULL), 1);
	actr__loop_advance(w->loop, 500);
	assert_string_equal(w->b.got, "from a,");
	assert_string_equal(w->a.got, "from b,");
	assert_int_equal(w->net.open_wires, 2);
}

static void defect_2_after_a_loss_the_next_send_dials_anew(void **state)
{
	struct world *w = *state;

	send_text(&w->a, "1", 1000, NULL);
	actr__loop_advance(w->loop, 50);
	actr__sim_cut(&w->net, "the cable was pulled");
	actr__loop_advance(w->loop, 5);
	assert_int_equal(w->a.lost, 1);
	assert_int_equal(w->a.last_lost_code, ACTR_E_UNAVAILABLE);
	assert_int_equal(actr__transport_peer_count(w->a.transport), 0);
	assert_int_equal(send_text(&w->a, "2", 1000, NULL), 1);
	actr__loop_advance(w->loop, 50);
	assert_string_equal(w->b.got, "1,2,");
	assert_string_equal(w->a.states, "codico");
}

static void defect_26_closing_all_tells_each_loss_once(void **state)
{
	struct world *w = *state;

	send_text(&w->a, "1", 1000, NULL);
	actr__loop_advance(w->loop, 50);
	actr__transport_close_all(w->a.transport);
	actr__transport_close_all(w->a.transport);
	actr__loop_advance(w->loop, 50);
	assert_int_equal(w->a.lost, 1);
	assert_int_equal(w->b.lost, 1);
	assert_string_equal(w->a.states, "codi");
	assert_int_equal(actr__transport_peer_count(w->b.transport), 0);
}

static void defect_49_a_failed_first_try_leaves_nothing_behind(void **state)
{
	struct world *w = *state;
	actr_error why = ACTR_ERROR_INIT;

	w->net.mute = true;
	send_text(&w->a, "1", 5000, NULL);
	actr__loop_advance(w->loop, 5);
	ACTR_FAIL(&why, ACTR_E_NOT_FOUND, "target unknown");
	actr__transport_unreachable(w->a.transport, &w->b.id, &why);
	assert_int_equal(w->a.last_failure, ACTR_E_NOT_FOUND);
	assert_int_equal(actr__transport_peer_count(w->a.transport), 0);
	w->net.mute = false;
	assert_int_equal(send_text(&w->a, "2", 1000, NULL), 1);
	actr__loop_advance(w->loop, 50);
	assert_string_equal(w->b.got, "2,");
}

static void a_refused_dial_is_tried_again_within_the_deadline(void **state)
{
	struct world *w = *state;

	w->net.dial_fails = true;
	assert_int_equal(send_text(&w->a, "1", 5000, NULL), 1);
	actr__loop_advance(w->loop, 1000);
	assert_string_equal(w->b.got, "1,");
	assert_int_equal(w->a.sent_ok, 1);
}

static void an_offer_that_cannot_be_read_does_not_stop_the_next_try(void **state)
{
	const struct actr__signal offer = {.kind = ACTR__SIGNAL_OFFER, .text = "nonsense"};
	struct world *w = *state;

	w->a.relay_refused = true;
	send_text(&w->a, "1", 60000, NULL);
	actr__loop_advance(w->loop, 5);
	assert_string_equal(w->a.states, "cd");
	w->accept_fails = true;
	actr__transport_signal(w->a.transport, &w->b.id, &offer);
	assert_string_equal(w->a.states, "cd");
	assert_int_equal(w->a.session, 1);
	w->accept_fails = w->a.relay_refused = false;
	actr__loop_advance(w->loop, 2000);
	assert_string_equal(w->b.got, "1,");
}

static void without_signaling_a_send_waits_for_it(void **state)
{
	struct world *w = *state;

	w->a.relay_refused = true;
	send_text(&w->a, "1", 5000, NULL);
	actr__loop_advance(w->loop, 1000);
	assert_int_equal(w->a.sent_failed, 0);
	w->a.relay_refused = false;
	actr__loop_advance(w->loop, 3000);
	assert_string_equal(w->b.got, "1,");
}

static void a_recovering_connection_holds_sends_and_then_gives_them(void **state)
{
	struct world *w = *state;

	send_text(&w->a, "1", 1000, NULL);
	actr__loop_advance(w->loop, 50);
	actr__sim_set_recovering(&w->net, true);
	assert_int_equal(send_text(&w->a, "2", 1000, NULL), 1);
	actr__loop_advance(w->loop, 100);
	assert_string_equal(w->b.got, "1,");
	actr__sim_set_recovering(&w->net, false);
	actr__loop_advance(w->loop, 5);
	assert_string_equal(w->b.got, "1,2,");
	assert_string_equal(w->a.states, "coro");
}

static void defect_50_the_sequence_of_states_is_complete(void **state)
{
	struct world *w = *state;

	send_text(&w->a, "1", 1000, NULL);
	actr__loop_advance(w->loop, 50);
	actr__sim_set_recovering(&w->net, true);
	actr__loop_advance(w->loop, 100);
	actr__sim_set_recovering(&w->net, false);
	actr__loop_advance(w->loop, 5);
	assert_string_equal(w->a.states, "coro");
	actr__sim_set_recovering(&w->net, true);
	send_text(&w->a, "2", 60000, NULL);
	actr__sim_cut(&w->net, "the cable was pulled");
	actr__loop_advance(w->loop, 50);
	/* What waited begins the next session at once. */
	assert_string_equal(w->a.states, "corordco");
	assert_int_equal(w->a.session, 2);
	actr__transport_close_all(w->a.transport);
	assert_string_equal(w->a.states, "corordcodi");
	assert_int_equal(w->a.session, 2);
	assert_string_equal(w->b.got, "1,2,");
}

static void a_try_that_fails_is_told_as_one(void **state)
{
	struct world *w = *state;

	w->net.dial_fails = true;
	send_text(&w->a, "1", 5000, NULL);
	assert_string_equal(w->a.states, "cd");
	assert_int_equal(w->a.why_code, ACTR_E_UNAVAILABLE);
	actr__loop_advance(w->loop, 1000);
	assert_string_equal(w->a.states, "cdco");
}

static void defect_45_recovery_is_told_by_its_code_its_peer_and_its_length(void **state)
{
	struct world *w = *state;

	send_text(&w->a, "1", 1000, NULL);
	actr__loop_advance(w->loop, 50);
	actr__loop_advance(w->loop, 950);
	actr__sim_set_recovering(&w->net, true);
	assert_string_equal(w->a.states, "cor");
	assert_int_equal(w->a.why_code, ACTR_E_RECOVERING);
	assert_in_range(w->a.elapsed_ms, 950, 1000);
	actr__loop_advance(w->loop, 200);
	actr__sim_set_recovering(&w->net, false);
	assert_string_equal(w->a.states, "coro");
	assert_int_equal(w->a.why_code, 0);
	assert_int_equal(w->a.elapsed_ms, 200);
}

static void a_congested_lane_is_told_once_and_once_when_it_is_clear(void **state)
{
	struct world *w = *state;

	send_text(&w->a, "1", 1000, NULL);
	actr__loop_advance(w->loop, 50);
	assert_string_equal(w->a.lanes, ""); /* waiting for the connection is no congestion */
	w->net.window_bytes = 10;
	for (int i = 0; i < 20; i++)
		assert_true(send_text(&w->a, "0123456789", 60000, NULL) >= 0);
	assert_string_equal(w->a.lanes, "+1.0,");
	actr__loop_advance(w->loop, 1000);
	assert_string_equal(w->a.lanes, "+1.0,-1.0,");
	for (int i = 0; i < 3; i++)
		assert_true(send_text(&w->a, "0123456789", 60000, NULL) >= 0);
	assert_string_equal(w->a.lanes, "+1.0,-1.0,+1.0,");
	actr__transport_close_all(w->a.transport);
	assert_string_equal(w->a.lanes, "+1.0,-1.0,+1.0,-1.0,");
}

static void defect_31_a_connection_may_be_closed_inside_its_own_callbacks(void **state)
{
	struct world *w = *state;

	w->b.closes_in_message = true;
	send_text(&w->a, "1", 1000, NULL);
	send_text(&w->a, "2", 1000, NULL);
	actr__loop_advance(w->loop, 100);
	assert_string_equal(w->b.got, "1,"); /* nothing came after the close */
	assert_string_equal(w->b.states, "codi");
	assert_int_equal(w->b.lost, 1);
	assert_int_equal(w->a.lost, 1);
	w->b.closes_in_message = false;
	for (const char *at = "codi"; *at; at++) {
		w->a.closes_in_state = *at;
		w->a.sent_ok = w->a.sent_failed = 0;
		assert_int_equal(send_text(&w->a, "3", 1000, NULL), 1);
		actr__loop_advance(w->loop, 100);
		actr__transport_close_all(w->a.transport);
		actr__loop_advance(w->loop, 100);
		assert_int_equal(w->a.sent_ok + w->a.sent_failed, 1);
		assert_int_equal(actr__transport_peer_count(w->a.transport), 0);
		assert_int_equal(actr__transport_peer_count(w->b.transport), 0);
	}
	/* "c": before there was a wire; it has nothing to lose. */
	assert_int_equal(w->a.lost, 1 + 3);
	w->b.closes_in_state = 'c';
	send_text(&w->a, "4", 1000, NULL);
	actr__loop_advance(w->loop, 100);
	assert_int_equal(actr__transport_peer_count(w->b.transport), 0);
}

static void defect_17_a_new_offer_ends_the_old_session_before_its_own_begins(void **state)
{
	struct world *w = *state;
	actr_error why = ACTR_ERROR_INIT;

	w->net.latency_ms = 40;
	send_text(&w->a, "1", 1000, NULL);
	actr__loop_advance(w->loop, 100);
	/* B lets go and dials; its offer is there before A can notice the end of the old one. */
	actr__transport_close_peer(w->b.transport, &w->a.id);
	send_text(&w->b, "new", 1000, NULL);
	actr__loop_advance(w->loop, 1);
	assert_string_equal(w->a.states, "codic");
	assert_int_equal(w->a.lost, 1);
	send_text(&w->a, "2", 1000, NULL);
	actr__loop_advance(w->loop, 200);
	assert_string_equal(w->a.states, "codico");
	assert_string_equal(w->a.got, "new,");
	assert_string_equal(w->b.got, "1,2,");
	assert_int_equal(w->a.lost, 1);
	assert_int_equal(w->net.open_wires, 2); /* one connection */
	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "late news");
	actr__transport_unreachable(w->a.transport, &w->b.id, &why);
	assert_string_equal(w->a.states, "codico");
}

/* Everything that a wire can tell its owner. */
static void tell_all(struct actr__wire *wire)
{
	struct actr__signal offer = {
		.kind = ACTR__SIGNAL_OFFER, .text = "1", .exchange_id = "x", .sdp_mline_index = -1};
	struct actr__msg *msg = actr__msg_new(5, 0);
	actr_error why = ACTR_ERROR_INIT;

	assert_non_null(msg);
	memcpy(msg->data, "stale", 5);
	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "stale");
	wire->events->on_message(wire->owner, wire, msg);
	wire->events->on_signal(wire->owner, wire, &offer);
	wire->events->on_state(wire->owner, wire, ACTR__WIRE_RECOVERING, &why);
	wire->events->on_state(wire->owner, wire, ACTR__WIRE_OPEN, NULL);
	wire->events->on_state(wire->owner, wire, ACTR__WIRE_CLOSED, &why);
	wire->events->on_writable(wire->owner, wire, 0);
}

static void defect_32_and_35_and_36_what_an_old_session_tells_is_ignored(void **state)
{
	struct world *w = *state;
	struct actr__wire *old;

	send_text(&w->a, "1", 1000, NULL);
	actr__loop_advance(w->loop, 50);
	old = actr__wire_ref(actr__transport_wire(w->a.transport, &w->b.id));
	actr__sim_set_recovering(&w->net, true);
	send_text(&w->a, "2", 5000, NULL);
	actr__sim_cut(&w->net, "the cable was pulled");
	actr__loop_advance(w->loop, 1);
	tell_all(old); /* while the next one is being made */
	actr__loop_advance(w->loop, 50);
	assert_string_equal(w->a.states, "cordco");
	tell_all(old);
	actr__loop_advance(w->loop, 50);
	assert_string_equal(w->a.states, "cordco");
	assert_int_equal(w->a.session, 2);
	assert_int_equal(w->a.lost, 1);
	assert_string_equal(w->a.got, "");
	assert_string_equal(w->b.got, "1,2,"); /* sent anew once, on the new lane */
	assert_int_equal(w->a.sent_ok, 2);
	actr__wire_unref(old);
}

static void a_recovery_ends_when_the_server_no_longer_knows_the_peer(void **state)
{
	struct world *w = *state;
	actr_error why = ACTR_ERROR_INIT;

	send_text(&w->a, "1", 1000, NULL);
	actr__loop_advance(w->loop, 50);
	ACTR_FAIL(&why, ACTR_E_NOT_FOUND, "target unknown");
	actr__transport_unreachable(w->a.transport, &w->b.id, &why);
	assert_int_equal(w->a.lost, 0);
	actr__sim_set_recovering(&w->net, true);
	actr__transport_unreachable(w->a.transport, &w->b.id, &why);
	assert_int_equal(w->a.lost, 1);
	assert_int_equal(actr__transport_peer_count(w->a.transport), 0);
}

static void who_recovers_a_session_that_ended_here_gets_a_new_one(void **state)
{
	struct world *w = *state;
	struct actr__signal signal = {.kind = ACTR__SIGNAL_CANDIDATE, .text = "late"};

	actr__transport_signal(w->b.transport, &w->a.id, &signal);
	assert_int_equal(actr__transport_peer_count(w->b.transport), 0);
	signal.kind = ACTR__SIGNAL_ICE_RESTART_OFFER;
	actr__transport_signal(w->b.transport, &w->a.id, &signal);
	actr__loop_advance(w->loop, 50);
	assert_string_equal(w->b.states, "co");
	assert_string_equal(w->a.states, "co");
	signal.kind = ACTR__SIGNAL_ICE_RESTART_REQUEST; /* the session that there is has its own */
	actr__transport_signal(w->b.transport, &w->a.id, &signal);
	actr__loop_advance(w->loop, 50);
	assert_string_equal(w->b.states, "co");
}

static void a_full_window_queues_and_the_queue_has_a_bound(void **state)
{
	struct world *w = *state;
	actr_error err = ACTR_ERROR_INIT;
	int rc = 0;

	send_text(&w->a, "1", 1000, NULL);
	actr__loop_advance(w->loop, 50);
	w->net.window_bytes = 10;
	for (int i = 0; i < 200 && rc >= 0; i++)
		rc = send_text(&w->a, "0123456789", 60000, &err);
	assert_int_equal(rc, ACTR_E_RESOURCE_EXHAUSTED);
	assert_true(actr__transport_buffered(w->a.transport, &w->b.id, 0) <= 1010);
	actr__loop_advance(w->loop, 1000);
	assert_int_equal(actr__transport_buffered(w->a.transport, &w->b.id, 0), 0);
	assert_int_equal(strlen(w->b.got), 2 + 101 * 11);
}

static void a_cancelled_send_never_leaves(void **state)
{
	struct world *w = *state;
	struct actr__send *queued = NULL;

	assert_int_equal(actr__transport_send(w->a.transport, &w->b.id, 0, actr__text("1"),
					      UINT64_MAX, on_sent, &w->a, &queued, NULL),
			 1);
	actr__send_cancel(queued);
	actr__loop_advance(w->loop, 100);
	assert_string_equal(w->b.got, "");
	assert_int_equal(w->a.sent_ok + w->a.sent_failed, 0);
}

static void sizes_and_lanes_are_checked(void **state)
{
	static const uint8_t big[ACTR__MESSAGE_MAX + 1];
	struct world *w = *state;

	assert_int_equal(actr__transport_send(w->a.transport, &w->b.id, 0, actr__bytes(big, 0), 0,
					      NULL, NULL, NULL, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr__transport_send(w->a.transport, &w->b.id, 4, actr__text("x"), 0, NULL,
					      NULL, NULL, NULL),
			 ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr__transport_send(w->a.transport, &w->b.id, 0,
					      actr__bytes(big, sizeof big), 0, NULL, NULL, NULL,
					      NULL),
			 ACTR_E_TOO_LARGE);
	assert_int_equal(actr__transport_peer_count(w->a.transport), 0);
}

static void the_number_of_peers_has_a_bound(void **state)
{
	struct world *w = *state;
	actr_id id = {.realm = 1};

	for (id.serial = 10; id.serial < 14; id.serial++)
		assert_int_equal(actr__transport_send(w->a.transport, &id, 0, actr__text("x"),
						      UINT64_MAX, NULL, NULL, NULL, NULL),
				 1);
	assert_int_equal(actr__transport_send(w->a.transport, &id, 0, actr__text("x"), UINT64_MAX,
					      NULL, NULL, NULL, NULL),
			 ACTR_E_RESOURCE_EXHAUSTED);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(the_first_send_dials_and_all_arrive_in_order),
		WORLD_TEST(defect_5_a_send_to_nobody_ends_by_its_deadline),
		WORLD_TEST(defect_6_a_thousand_first_sends_make_one_connection),
		WORLD_TEST(defect_16_simultaneous_first_sends_share_one_connection),
		WORLD_TEST(defect_2_after_a_loss_the_next_send_dials_anew),
		WORLD_TEST(defect_26_closing_all_tells_each_loss_once),
		WORLD_TEST(defect_49_a_failed_first_try_leaves_nothing_behind),
		WORLD_TEST(a_refused_dial_is_tried_again_within_the_deadline),
		WORLD_TEST(an_offer_that_cannot_be_read_does_not_stop_the_next_try),
		WORLD_TEST(without_signaling_a_send_waits_for_it),
		WORLD_TEST(a_recovering_connection_holds_sends_and_then_gives_them),
		WORLD_TEST(defect_50_the_sequence_of_states_is_complete),
		WORLD_TEST(a_try_that_fails_is_told_as_one),
		WORLD_TEST(defect_45_recovery_is_told_by_its_code_its_peer_and_its_length),
		WORLD_TEST(a_congested_lane_is_told_once_and_once_when_it_is_clear),
		WORLD_TEST(defect_31_a_connection_may_be_closed_inside_its_own_callbacks),
		WORLD_TEST(defect_17_a_new_offer_ends_the_old_session_before_its_own_begins),
		WORLD_TEST(defect_32_and_35_and_36_what_an_old_session_tells_is_ignored),
		WORLD_TEST(a_recovery_ends_when_the_server_no_longer_knows_the_peer),
		WORLD_TEST(who_recovers_a_session_that_ended_here_gets_a_new_one),
		WORLD_TEST(a_full_window_queues_and_the_queue_has_a_bound),
		WORLD_TEST(a_cancelled_send_never_leaves),
		WORLD_TEST(sizes_and_lanes_are_checked),
		WORLD_TEST(the_number_of_peers_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
