/* What is counted of calls and requests, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/world.h"

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

static uint64_t sum(const uint64_t *values)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < ACTR_METRICS_OUTCOMES; i++)
		total += values[i];
	return total;
}

static void each_call_is_counted_once_by_its_outcome(void **state)
{
	struct world *w = *state;
	struct world_actor *a = &w->actors[0], *b = &w->actors[1];
	struct actr__call_stats *stats = &a->endpoint.stats;
	struct outcome echo, refused, silent, kept, local, tell;

	world_call(a, world_dest(b), &world_echo, "x", 0, &echo);
	world_call(a, world_dest(b), &world_fail, "x", 0, &refused);
	world_call(a, world_dest(b), &world_silent, "x", 0, &silent);
	world_call(a, world_dest(b), &world_keep, "x", 500, &kept);
	world_call(a, actr_dest_local, &world_echo, "x", 0, &local);
	world_tell(a, world_dest(b), &world_echo, "x", &tell);
	world_advance(w, 0);
	assert_int_equal(stats->calls_started, 5);
	assert_int_equal(stats->tells_started, 1);
	world_advance(w, 400);
	assert_int_equal(sum(stats->calls_done), 4);
	actr_call_cancel(kept.call);
	world_advance(w, 200);
	actr_call_cancel(kept.call);
	assert_int_equal(stats->calls_done[0], 2);
	assert_int_equal(stats->calls_done[-ACTR_E_PERMISSION_DENIED], 1);
	assert_int_equal(stats->calls_done[-ACTR_E_INTERNAL], 1);
	assert_int_equal(stats->calls_done[-ACTR_E_CANCELLED], 1);
	assert_int_equal(sum(stats->calls_done), 5);
	assert_int_equal(stats->tells_done[0], 1);
	assert_int_equal(sum(stats->tells_done), 1);
	outcome_done(&echo);
	outcome_done(&refused);
	outcome_done(&silent);
	outcome_done(&kept);
	outcome_done(&local);
	outcome_done(&tell);
}

static void a_call_takes_from_its_start_to_its_end(void **state)
{
	struct world *w = *state;
	struct world_actor *a = &w->actors[0], *b = &w->actors[1];
	struct actr__call_stats *stats = &a->endpoint.stats;
	struct outcome kept, local;

	world_call(a, world_dest(b), &world_keep, "x", 300, &kept);
	world_call(a, actr_dest_local, &world_keep, "x", 200, &local);
	world_advance(w, 1000);
	expect_failure(&kept, ACTR_E_TIMEOUT);
	assert_int_equal(stats->remote_time.count, 1);
	assert_int_equal(stats->remote_time.sum_ns, 300000000);
	assert_int_equal(stats->local_time.count, 1);
	assert_int_equal(stats->local_time.sum_ns, 200000000);
	outcome_done(&kept);
	outcome_done(&local);
}

static void what_is_refused_before_the_loop_is_counted_apart(void **state)
{
	enum { POSTED_MAX = 65536 };
	struct world *w = *state;
	struct world_actor *a = &w->actors[0];
	struct actr__call_stats *stats = &a->endpoint.stats;
	struct outcome first, call, tell;

	world_tell(a, actr_dest_shell, &world_echo, "x", &first);
	for (unsigned i = 1; i < POSTED_MAX; i++) {
		world_tell(a, actr_dest_shell, &world_echo, "x", &tell);
		outcome_done(&tell);
	}
	world_call(a, actr_dest_shell, &world_echo, "x", 0, &call);
	expect_failure(&call, ACTR_E_RESOURCE_EXHAUSTED);
	outcome_done(&call);
	for (unsigned i = 0; i < 2; i++) {
		world_tell(a, actr_dest_shell, &world_echo, "x", &tell);
		expect_failure(&tell, ACTR_E_RESOURCE_EXHAUSTED);
		outcome_done(&tell);
	}
	assert_int_equal(atomic_load(&a->endpoint.refused[0]), 1);
	assert_int_equal(atomic_load(&a->endpoint.refused[1]), 2);
	assert_int_equal(stats->tells_started, 0);
	world_advance(w, 1000);
	assert_int_equal(stats->tells_started, POSTED_MAX);
	assert_int_equal(sum(stats->tells_done), POSTED_MAX);
	outcome_done(&first);
}

static void requests_are_counted_by_what_was_answered(void **state)
{
	struct world *w = *state;
	struct world_actor *a = &w->actors[0], *b = &w->actors[1];
	struct actr__dispatcher_stats stats;
	struct outcome o[5];

	world_call(a, world_dest(b), &world_echo, "x", 0, &o[0]);
	world_call(a, world_dest(b), &world_fail, "x", 0, &o[1]);
	world_call(a, world_dest(b), &world_unknown, "x", 0, &o[2]);
	world_call(a, world_dest(b), &world_fault, "x", 0, &o[3]);
	world_call(a, world_dest(b), &world_keep, "x", 100, &o[4]);
	world_advance(w, 1000);
	actr__dispatcher_stats(b->endpoint.local, &stats);
	assert_int_equal(stats.dispatched, 5);
	assert_int_equal(stats.answered, 1);
	assert_int_equal(stats.failed, 4);
	assert_int_equal(stats.failed_by[-ACTR_E_PERMISSION_DENIED], 1);
	assert_int_equal(stats.failed_by[-ACTR_E_UNKNOWN_ROUTE], 1);
	assert_int_equal(stats.failed_by[-ACTR_E_FAULT], 1);
	assert_int_equal(stats.failed_by[-ACTR_E_TIMEOUT], 1);
	assert_int_equal(sum(stats.failed_by), stats.failed);
	assert_int_equal(stats.expired, 1);
	assert_int_equal(stats.unknown_route, 1);
	assert_int_equal(stats.mailbox_time.count, 5);
	for (unsigned i = 0; i < 5; i++)
		outcome_done(&o[i]);
}

static void of_a_loop_s_handlers_one_in_64_is_timed(void **state)
{
	struct world *w = *state;
	struct world_actor *a = &w->actors[0];
	struct actr__dispatcher_stats stats;
	struct outcome o;

	world_call(a, actr_dest_local, &world_keep, "x", 250, &o);
	world_advance(w, 1000);
	outcome_done(&o);
	for (unsigned i = 1; i < 130; i++) {
		world_call(a, actr_dest_local, &world_echo, "x", 0, &o);
		world_advance(w, 0);
		outcome_done(&o);
	}
	actr__dispatcher_stats(a->endpoint.local, &stats);
	assert_int_equal(stats.dispatched, 130);
	assert_int_equal(stats.handler_time.count, 3); /* 0, 64, 128 */
	assert_int_equal(stats.handler_time.sum_ns, 250000000);
}

static void the_mailbox_says_how_long_the_first_in_line_has_waited(void **state)
{
	struct world *w = *state;
	struct world_actor *a = &w->actors[0], *b = &w->actors[1];
	struct actr__mailbox_stats stats;
	struct actr__dispatcher_stats times;
	struct outcome o[3];

	world_free(w);
	*state = w = world_new(1);
	a = &w->actors[0];
	b = &w->actors[1];
	world_call(a, world_dest(b), &world_keep, "1", 0, &o[0]);
	world_advance(w, 100);
	actr__mailbox_stats(b->mailbox, &stats);
	assert_int_equal(stats.oldest_ms, 0);
	world_call(a, world_dest(b), &world_echo, "2", 0, &o[1]);
	world_advance(w, 1000);
	world_call(a, world_dest(b), &world_echo, "3", 0, &o[2]);
	world_advance(w, 1000);
	actr__mailbox_stats(b->mailbox, &stats);
	assert_int_equal(stats.queued, 2);
	assert_in_range(actr__clock_wall_ms() - stats.oldest_ms, 1900, 2000);
	actr_reply_fail(b->kept[0], ACTR_E_INTERNAL, NULL);
	b->kept_count = 0;
	world_advance(w, 100);
	actr__mailbox_stats(b->mailbox, &stats);
	assert_int_equal(stats.oldest_ms, 0);
	actr__dispatcher_stats(b->endpoint.local, &times);
	assert_int_equal(times.mailbox_time.count, 3);
	assert_in_range(times.mailbox_time.sum_ns, 2900000000, 3000000000);
	for (unsigned i = 0; i < 3; i++)
		outcome_done(&o[i]);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(each_call_is_counted_once_by_its_outcome),
		WORLD_TEST(a_call_takes_from_its_start_to_its_end),
		WORLD_TEST(what_is_refused_before_the_loop_is_counted_apart),
		WORLD_TEST(requests_are_counted_by_what_was_answered),
		WORLD_TEST(of_a_loop_s_handlers_one_in_64_is_timed),
		WORLD_TEST(the_mailbox_says_how_long_the_first_in_line_has_waited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
