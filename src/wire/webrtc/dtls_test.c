/* Two DTLS endpoints joined by a queue in memory, on a real loop: OpenSSL's timer reads the clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "wire/webrtc/dtls_internal.h"

struct datagram {
	struct actr__list link;
	struct end *to;
	size_t size;
	uint8_t data[2048];
};

struct end {
	struct pipe *pipe;
	struct end *other;
	struct actr__dtls_identity *identity;
	struct actr__dtls *dtls;
	bool up, down;
	actr_error why;
	unsigned sent, records;
	uint64_t lose; /* bits: datagrams of this side that get lost */
	uint8_t last[2048];
	size_t last_size;
};

struct pipe {
	struct actr__loop *loop;
	struct actr__list queue;
	struct actr__deferred move;
	struct actr__timer timeout;
	struct end client, server;
};

static void on_output(void *owner, const uint8_t *data, size_t size)
{
	struct end *e = owner;
	struct datagram *d;
	unsigned index = e->sent++;

	assert_true(size <= sizeof d->data);
	if (index < 64 && e->lose >> index & 1)
		return;
	d = actr__new0(struct datagram);
	assert_non_null(d);
	d->to = e->other;
	d->size = size;
	memcpy(d->data, data, size);
	actr__list_push(&e->pipe->queue, &d->link);
	actr__loop_defer(e->pipe->loop, &e->pipe->move);
}

static void on_up(void *owner)
{
	((struct end *)owner)->up = true;
	actr__loop_stop(((struct end *)owner)->pipe->loop);
}

static void on_down(void *owner, const actr_error *why)
{
	((struct end *)owner)->down = true;
	((struct end *)owner)->why = *why;
	actr__loop_stop(((struct end *)owner)->pipe->loop);
}

static void on_record(void *owner, uint8_t *data, size_t size)
{
	struct end *e = owner;

	assert_true(size <= sizeof e->last);
	memcpy(e->last, data, size);
	e->last_size = size;
	e->records++;
}

static const struct actr__dtls_events events = {on_output, on_up, on_down, on_record};

static void on_move(struct actr__deferred *deferred)
{
	struct pipe *p = container_of(deferred, struct pipe, move);
	struct actr__list *link;

	while ((link = actr__list_pop(&p->queue))) {
		struct datagram *d = container_of(link, struct datagram, link);

		if (d->to->dtls)
			actr__dtls_input(d->to->dtls, d->data, d->size);
		actr__free(d);
	}
}

static void on_timeout(struct actr__timer *timer)
{
	actr__loop_stop(container_of(timer, struct pipe, timeout)->loop);
}

static void run_until_up_or_down(struct pipe *p)
{
	assert_int_equal(actr__timer_set(p->loop, &p->timeout, 10000), 0);
	while (actr__timer_is_set(&p->timeout) &&
	       !((p->client.up || p->client.down) && (p->server.up || p->server.down)))
		actr__loop_run(p->loop);
	actr__timer_stop(p->loop, &p->timeout);
}

static void move_all(struct pipe *p)
{
	on_move(&p->move);
}

static void fingerprint_of(struct actr__dtls_identity *identity, uint8_t out[32])
{
	const char *text = actr__dtls_identity_fingerprint(identity) + 8;

	for (int i = 0; i < 32; i++) {
		unsigned byte;

		assert_int_equal(sscanf(text + i * 3, "%2X", &byte), 1);
		out[i] = (uint8_t)byte;
	}
}

static void make_end(struct end *e, struct actr__dtls_identity *expected, bool is_client)
{
	uint8_t fingerprint[32];
	struct actr__dtls_options options = {.is_client = is_client,
					     .fingerprint_name = actr__text("SHA-256"),
					     .fingerprint = actr__bytes(fingerprint, 32)};

	fingerprint_of(expected, fingerprint);
	assert_int_equal(
		actr__dtls_new(e->pipe->loop, e->identity, &options, &events, e, &e->dtls, NULL),
		0);
}

static int set_up(void **st)
{
	struct pipe *p = actr__new0(struct pipe);

	assert_non_null(p);
	assert_int_equal(actr__loop_new(&p->loop, NULL), 0);
	actr__list_init(&p->queue);
	actr__deferred_init(&p->move, on_move);
	actr__timer_init(&p->timeout, on_timeout);
	p->client.pipe = p->server.pipe = p;
	p->client.other = &p->server;
	p->server.other = &p->client;
	assert_int_equal(actr__dtls_identity_new(&p->client.identity, NULL), 0);
	assert_int_equal(actr__dtls_identity_new(&p->server.identity, NULL), 0);
	*st = p;
	return 0;
}

static int tear_down(void **st)
{
	struct pipe *p = *st;
	struct actr__list *link;

	(void)actr__dtls_free(p->client.dtls);
	(void)actr__dtls_free(p->server.dtls);
	while ((link = actr__list_pop(&p->queue)))
		actr__free(container_of(link, struct datagram, link));
	(void)actr__dtls_identity_free(p->client.identity);
	(void)actr__dtls_identity_free(p->server.identity);
	actr__loop_cancel_deferred(&p->move);
	(void)actr__loop_free(p->loop);
	actr__free(p);
	return 0;
}

static void connect_ends(struct pipe *p)
{
	make_end(&p->client, p->server.identity, true);
	make_end(&p->server, p->client.identity, false);
	actr__dtls_start(p->client.dtls);
	actr__dtls_start(p->server.dtls);
	run_until_up_or_down(p);
}

static void records_cross_in_both_directions(void **st)
{
	struct pipe *p = *st;

	connect_ends(p);
	assert_true(p->client.up && p->server.up);
	assert_true(actr__dtls_write(p->client.dtls, (const uint8_t *)"hello", 5));
	assert_true(actr__dtls_write(p->server.dtls, (const uint8_t *)"hi", 2));
	move_all(p);
	assert_int_equal(p->server.last_size, 5);
	assert_memory_equal(p->server.last, "hello", 5);
	assert_memory_equal(p->client.last, "hi", 2);
}

static void both_ends_have_the_same_srtp_keys(void **st)
{
	struct pipe *p = *st;
	uint8_t a[56], b[56];

	connect_ends(p);
	assert_non_null(actr__dtls_srtp_profile(p->client.dtls));
	assert_string_equal(actr__dtls_srtp_profile(p->client.dtls),
			    actr__dtls_srtp_profile(p->server.dtls));
	assert_int_equal(actr__dtls_export_srtp(p->client.dtls, a, sizeof a), 0);
	assert_int_equal(actr__dtls_export_srtp(p->server.dtls, b, sizeof b), 0);
	assert_memory_equal(a, b, sizeof a);
}

static void expect_mismatch(struct end *e)
{
	assert_true(e->down);
	assert_false(e->up);
	assert_int_equal(e->why.code, ACTR_E_UNAUTHENTICATED);
	assert_int_equal(e->records, 0);
}

static void a_server_with_another_certificate_is_refused(void **st)
{
	struct pipe *p = *st;

	make_end(&p->client, p->client.identity, true); /* expects somebody else */
	make_end(&p->server, p->client.identity, false);
	actr__dtls_start(p->client.dtls);
	run_until_up_or_down(p);
	expect_mismatch(&p->client);
	assert_true(p->server.down); /* by the alert */
}

static void a_client_with_another_certificate_is_refused(void **st)
{
	struct pipe *p = *st;

	make_end(&p->client, p->server.identity, true);
	make_end(&p->server, p->server.identity, false);
	actr__dtls_start(p->client.dtls);
	run_until_up_or_down(p);
	expect_mismatch(&p->server);
	assert_true(p->client.down);
}

static void lost_handshake_datagrams_are_repeated(void **st)
{
	struct pipe *p = *st;

	p->client.lose = 0x1; /* the first hello */
	p->server.lose = 0x2; /* a part of the first flight */
	connect_ends(p);
	assert_true(p->client.up && p->server.up);
}

static void a_lost_last_flight_is_repeated(void **st)
{
	struct pipe *p = *st;

	connect_ends(p);
	p->client.dtls = actr__dtls_free(p->client.dtls);
	p->server.dtls = actr__dtls_free(p->server.dtls);
	/* The same again, but the last datagram of the server's first run is lost. */
	p->server.lose = (uint64_t)1 << (2 * p->server.sent - 1);
	p->client.up = p->server.up = false;
	connect_ends(p);
	assert_true(p->client.up && p->server.up);
}

static void shutdown_is_told_to_the_other_side_once(void **st)
{
	struct pipe *p = *st;

	connect_ends(p);
	actr__dtls_shutdown(p->client.dtls);
	move_all(p);
	assert_true(p->server.down);
	assert_int_equal(p->server.why.code, ACTR_E_CLOSED);
	assert_false(actr__dtls_write(p->client.dtls, (const uint8_t *)"x", 1));
}

static void garbage_and_cut_records_change_nothing(void **st)
{
	struct pipe *p = *st;
	uint8_t garbage[200];

	connect_ends(p);
	for (size_t size = 1; size < sizeof garbage; size++) {
		assert_int_equal(actr__random(garbage, size), 0);
		garbage[0] = 23;
		actr__dtls_input(p->server.dtls, garbage, size);
	}
	assert_false(p->server.down);
	assert_true(actr__dtls_write(p->client.dtls, (const uint8_t *)"hello", 5));
	move_all(p);
	assert_int_equal(p->server.records, 1);
}

static void a_fingerprint_of_an_unknown_hash_is_refused(void **st)
{
	struct pipe *p = *st;
	uint8_t fingerprint[20] = {0};
	struct actr__dtls_options options = {.fingerprint_name = actr__text("sha-1"),
					     .fingerprint = actr__bytes(fingerprint, 20)};

	assert_int_equal(actr__dtls_new(p->loop, p->client.identity, &options, &events, &p->client,
					&p->client.dtls, NULL),
			 ACTR_E_UNIMPLEMENTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_cross_in_both_directions),
		TEST(both_ends_have_the_same_srtp_keys),
		TEST(a_server_with_another_certificate_is_refused),
		TEST(a_client_with_another_certificate_is_refused),
		TEST(lost_handshake_datagrams_are_repeated),
		TEST(a_lost_last_flight_is_repeated),
		TEST(shutdown_is_told_to_the_other_side_once),
		TEST(garbage_and_cut_records_change_nothing),
		TEST(a_fingerprint_of_an_unknown_hash_is_refused),
	};

	return cmocka_run_group_tests_name("dtls", tests, NULL, NULL);
}
