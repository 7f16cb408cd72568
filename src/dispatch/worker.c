/*
 * A workload's own thread: it takes jobs from a queue, in order, and sleeps on a semaphore. The
 * producer posts the semaphore only when the thread said that it is going to sleep.
 */
#include "dispatch/dispatch_internal.h"

#include <errno.h>

struct worker {
	pthread_t thread;
	struct actr__mpsc jobs;
	sem_t wake;
	atomic_bool asleep;
	atomic_bool ending;
};

static _Thread_local struct worker *current;

struct worker *worker_current(void)
{
	return current;
}

static bool run_jobs(struct worker *w)
{
	struct actr__mpsc_node *node;
	bool ran = false;

	while ((node = actr__mpsc_pop(&w->jobs))) {
		struct worker_job *job = container_of(node, struct worker_job, node);

		job->run(job);
		ran = true;
	}
	return ran;
}

static void *thread_main(void *arg)
{
	struct worker *w = arg;

	current = w;
	while (run_jobs(w) || !atomic_load(&w->ending)) {
		atomic_store(&w->asleep, true);
		/* What was pushed before the mark stood is found here. */
		if (run_jobs(w) || atomic_load(&w->ending)) {
			atomic_store(&w->asleep, false);
			continue;
		}
		while (sem_wait(&w->wake) < 0 && errno == EINTR)
			;
	}
	return NULL;
}

static void wake(struct worker *w)
{
	if (atomic_exchange(&w->asleep, false))
		sem_post(&w->wake);
}

void worker_post(struct worker *w, struct worker_job *job)
{
	actr__mpsc_push(&w->jobs, &job->node);
	wake(w);
}

int worker_new(struct worker **ret_worker, actr_error *err)
{
	struct worker *w = actr__new0(struct worker);
	int rc;

	if (!w)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a worker");
	actr__mpsc_init(&w->jobs);
	sem_init(&w->wake, 0, 0);
	rc = pthread_create(&w->thread, NULL, thread_main, w);
	if (rc) {
		sem_destroy(&w->wake);
		actr__free(w);
		return ACTR_FAIL_ERRNO(err, ACTR_E_RESOURCE_EXHAUSTED, rc,
				       "cannot start the workload's thread");
	}
	(void)pthread_setname_np(w->thread, "actr-worker"); /* only for whoever looks */
	*ret_worker = w;
	return 0;
}

struct worker *worker_free(struct worker *w)
{
	if (!w)
		return NULL;
	atomic_store(&w->ending, true);
	atomic_exchange(&w->asleep, false);
	sem_post(&w->wake);
	pthread_join(w->thread, NULL);
	sem_destroy(&w->wake);
	actr__free(w);
	return NULL;
}
