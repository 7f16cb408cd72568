/*
 * SIGINT and SIGTERM end the nodes whose threads wait here.
 *
 * A handler may take no lock: each waiting thread has a slot with a semaphore of its own, and the
 * handler posts all that are in use. Slots are never freed, so a post that comes late finds one.
 * The handlers are there from the first waiter to the last.
 */
#include "lifecycle/lifecycle_internal.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#define WAITERS_MAX 64

struct waiter {
	_Atomic(struct actr_node *) node; /* NULL: free */
	sem_t wake;			  /* a signal came, or the node has stopped */
};

static struct {
	pthread_mutex_t lock; /* of what follows; a waiter's node is set with it and read without */
	struct waiter waiters[WAITERS_MAX];
	unsigned count; /* of waiters */
	unsigned known; /* slots whose semaphore is initialized */
	struct sigaction old_int, old_term;
} signals = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_signal(int sig)
{
	const int saved = errno;

	(void)sig;
	for (size_t i = 0; i < WAITERS_MAX; i++)
		if (atomic_load(&signals.waiters[i].node))
			sem_post(&signals.waiters[i].wake);
	errno = saved;
}

static void install(void)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigaction(SIGINT, &act, &signals.old_int);
	sigaction(SIGTERM, &act, &signals.old_term);
}

static struct waiter *find_free(void)
{
	for (size_t i = 0; i < WAITERS_MAX; i++) {
		struct waiter *w = &signals.waiters[i];

		if (i == signals.known) {
			sem_init(&w->wake, 0, 0);
			signals.known++;
		}
		if (!atomic_load(&w->node))
			return w;
	}
	return NULL;
}

static struct waiter *enter(struct actr_node *node)
{
	struct waiter *w;

	pthread_mutex_lock(&signals.lock);
	w = find_free();
	if (w) {
		while (sem_trywait(&w->wake) == 0)
			; /* meant for the one before */
		atomic_store(&w->node, node);
		if (!signals.count++)
			install();
	}
	pthread_mutex_unlock(&signals.lock);
	return w;
}

static void leave(struct waiter *w)
{
	pthread_mutex_lock(&signals.lock);
	atomic_store(&w->node, NULL);
	if (!--signals.count) {
		sigaction(SIGINT, &signals.old_int, NULL);
		sigaction(SIGTERM, &signals.old_term, NULL);
	}
	pthread_mutex_unlock(&signals.lock);
}

void node_wake_signal_waiters(struct actr_node *node)
{
	pthread_mutex_lock(&signals.lock);
	for (size_t i = 0; i < WAITERS_MAX; i++)
		if (atomic_load(&signals.waiters[i].node) == node)
			sem_post(&signals.waiters[i].wake);
	pthread_mutex_unlock(&signals.lock);
}

static bool has_stopped(struct actr_node *node)
{
	bool stopped;

	pthread_mutex_lock(&node->stopped_lock);
	stopped = node->stopped;
	pthread_mutex_unlock(&node->stopped_lock);
	return stopped;
}

int actr_ref_run_until_signal(actr_ref *ref, actr_error *err)
{
	struct actr_node *node;
	struct waiter *waiter;
	sigset_t set, old_set;
	int rc;

	if (!ref)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "there is no ref to wait for");
	node = node_of_ref(ref);
	if (actr__loop_is_current(node->loop))
		return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK, "a blocking wait on the loop thread");
	waiter = enter(node);
	if (!waiter)
		return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED,
				 "%d threads wait for a signal already", WAITERS_MAX);
	/* A host may have blocked them in all its threads. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_UNBLOCK, &set, &old_set);
	while (!has_stopped(node) && sem_wait(&waiter->wake) != 0)
		; /* interrupted by the handler, which has posted by then */
	actr_ref_shutdown(ref);
	rc = actr_ref_wait(ref, err);
	/* Only now: the same signal often comes twice, to the process and to its group. */
	pthread_sigmask(SIG_SETMASK, &old_set, NULL);
	leave(waiter);
	return rc;
}
