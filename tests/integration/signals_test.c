/*
 * SIGINT and SIGTERM, and the threads that wait for one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <actr/actr.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

struct actor {
	actr_ref *ref;
	pthread_t thread; /* waits for a signal */
	int rc;
	atomic_bool has_returned;
	atomic_uint stopped;
};

static void on_stop(void *self, actr_ctx *ctx)
{
	struct actor *a = self;

	(void)ctx;
	atomic_fetch_add(&a->stopped, 1);
}

static void start(struct actor *a)
{
	actr_config config = config_of("Waiter");
	actr_workload workload = ACTR_WORKLOAD_INIT;

	*a = (struct actor){0};
	workload.self = a;
	workload.on_stop = on_stop;
	a->ref = start_node(&config, &workload);
}

static void *wait_for_signal(void *arg)
{
	struct actor *a = arg;

	a->rc = actr_ref_run_until_signal(a->ref, NULL);
	atomic_store(&a->has_returned, true);
	return NULL;
}

/* A thread of the host that blocks no signals: SIGTERM to it once somebody handles it. */
static void *get_the_signal(void *ret_handled)
{
	struct sigaction now = {.sa_handler = SIG_DFL};
	struct timespec pause = {.tv_nsec = 1000000};

	for (int ms = 0; ms < 5000 && now.sa_handler == SIG_DFL; ms++) {
		(void)sigtimedwait(&(sigset_t){0}, NULL, &pause);
		sigaction(SIGTERM, NULL, &now);
	}
	*(bool *)ret_handled = now.sa_handler != SIG_DFL;
	if (*(bool *)ret_handled)
		pthread_kill(pthread_self(), SIGTERM);
	else
		kill(getpid(), SIGTERM);
	return NULL;
}

static void a_signal_that_another_thread_gets_ends_the_node_in_peace(void **state)
{
	struct sigaction after;
	bool handled = false;
	pthread_t thread;
	struct actor a;

	(void)state;
	start(&a);
	assert_int_equal(pthread_create(&thread, NULL, get_the_signal, &handled), 0);
	assert_int_equal(actr_ref_run_until_signal(a.ref, NULL), 0);
	pthread_join(thread, NULL);
	assert_true(handled);
	assert_int_equal(a.stopped, 1);
	sigaction(SIGTERM, NULL, &after);
	assert_true(after.sa_handler == SIG_DFL);
	actr_ref_unref(a.ref);
}

static void a_wait_ends_with_its_node_and_a_signal_ends_all_that_wait(void **state)
{
	struct actor actors[3];
	pthread_t signaller;
	bool handled = false;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		start(&actors[i]);
		assert_int_equal(
			pthread_create(&actors[i].thread, NULL, wait_for_signal, &actors[i]), 0);
	}
	actr_ref_shutdown(actors[0].ref);
	pthread_join(actors[0].thread, NULL);
	assert_false(actors[1].has_returned);
	assert_false(actors[2].has_returned);
	assert_int_equal(pthread_create(&signaller, NULL, get_the_signal, &handled), 0);
	pthread_join(signaller, NULL);
	assert_true(handled);
	for (size_t i = 0; i < 3; i++) {
		if (i)
			pthread_join(actors[i].thread, NULL);
		assert_int_equal(actors[i].rc, 0);
		assert_int_equal(actors[i].stopped, 1);
		actr_ref_unref(actors[i].ref);
	}
}

static void signals_that_the_host_has_blocked_come_nevertheless(void **state)
{
	static const int both[] = {SIGTERM, SIGINT};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		sigset_t set, old;
		struct actor a;

		start(&a);
		sigemptyset(&set);
		sigaddset(&set, both[i]);
		pthread_sigmask(SIG_BLOCK, &set, &old);
		raise(both[i]); /* pending until somebody waits for it */
		assert_int_equal(actr_ref_run_until_signal(a.ref, NULL), 0);
		pthread_sigmask(SIG_SETMASK, &old, &set);
		assert_true(sigismember(&set, both[i]));
		assert_int_equal(a.stopped, 1);
		actr_ref_unref(a.ref);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(a_signal_that_another_thread_gets_ends_the_node_in_peace),
		SERVER_TEST(a_wait_ends_with_its_node_and_a_signal_ends_all_that_wait),
		SERVER_TEST(signals_that_the_host_has_blocked_come_nevertheless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
