/*
 * The process's runtime: one loop, one thread that runs it (or the host's), one WebRTC engine.
 *
 * usrsctp exists once a process, so there is one loop for all nodes. The first system makes the
 * runtime, the last one ends it: then the loop thread frees what lives on it before it exits, and
 * whoever let go waits for that, unless it is the loop thread itself: then the next runtime does.
 */
#include "lifecycle/lifecycle_internal.h"

#include <signal.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct runtime *the_runtime; /* lock */
static bool host_runs_loop;	    /* lock */
/* A loop thread that let go of the last user itself and is on its way out: joined by the next. */
static pthread_t leaving; /* lock */
static bool is_leaving;	  /* lock */
/* Held while a loop is told to stop: it may see that and be freed before the telling is over. */
static pthread_mutex_t stop_lock = PTHREAD_MUTEX_INITIALIZER;

static void free_runtime(struct runtime *rt)
{
	rt->engine = actr__webrtc_engine_free(rt->engine);
	rt->websocket = actr__ws_context_free(rt->websocket);
	actr__free(rt->ca_file);
	rt->loop = actr__loop_free(rt->loop);
	actr__free(rt);
}

static void *thread_main(void *arg)
{
	struct runtime *rt = arg;

	actr__loop_run(rt->loop);
	pthread_mutex_lock(&stop_lock); /* whoever stopped it is done with it */
	pthread_mutex_unlock(&stop_lock);
	free_runtime(rt);
	return NULL;
}

/* Signals are the host's: the threads of the library, which descend from this one, take none. */
static int start_thread(struct runtime *rt)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&rt->thread, NULL, thread_main, rt);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static int make(struct runtime **ret_runtime, bool host, actr_error *err)
{
	struct runtime *rt = actr__new0(struct runtime);
	int rc;

	if (!rt)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make the runtime");
	rt->host = host;
	rc = actr__loop_new(&rt->loop, err);
	if (rc < 0) {
		actr__free(rt);
		return rc;
	}
	rc = host ? 0 : start_thread(rt);
	if (rc) {
		free_runtime(rt);
		return ACTR_FAIL_ERRNO(err, ACTR_E_RESOURCE_EXHAUSTED, rc,
				       "cannot start the loop thread");
	}
	if (!host)
		(void)pthread_setname_np(rt->thread, "actr-loop"); /* only for whoever looks */
	*ret_runtime = rt;
	return 0;
}

/* Lock. Of two runtimes at a time the second would find usrsctp's only instance taken. */
static int wait_left(actr_error *err)
{
	if (!is_leaving)
		return 0;
	if (pthread_equal(leaving, pthread_self()))
		return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK,
				 "this thread is the loop of a runtime that is ending");
	pthread_join(leaving, NULL);
	is_leaving = false;
	return 0;
}

int runtime_acquire(struct runtime **ret_runtime, actr_error *err)
{
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (!the_runtime)
		rc = wait_left(err);
	if (rc == 0 && !the_runtime)
		rc = make(&the_runtime, host_runs_loop, err);
	if (rc == 0) {
		the_runtime->users++;
		*ret_runtime = the_runtime;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

void runtime_release(struct runtime *rt)
{
	pthread_t thread = rt->thread;
	bool last;

	pthread_mutex_lock(&lock);
	last = --rt->users == 0;
	if (last)
		the_runtime = NULL;
	if (last && !rt->host && actr__loop_is_current(rt->loop)) {
		leaving = thread;
		is_leaving = true;
	}
	pthread_mutex_unlock(&lock);
	if (!last)
		return;
	if (rt->host) {
		free_runtime(rt);
	} else if (actr__loop_is_current(rt->loop)) {
		actr__loop_stop(rt->loop);
	} else {
		pthread_mutex_lock(&stop_lock);
		actr__loop_stop(rt->loop);
		pthread_mutex_unlock(&stop_lock);
		pthread_join(thread, NULL);
	}
}

int runtime_prepare(struct runtime *rt, const char *ca_file, actr_error *err)
{
	struct actr__ws_context_options options = {.ca_file = ca_file};

	if (!rt->engine)
		ACTR_TRY(actr__webrtc_engine_new(rt->loop, &rt->engine, err));
	if (rt->websocket) {
		if (ca_file && (!rt->ca_file || strcmp(ca_file, rt->ca_file) != 0))
			return ACTR_FAIL(
				err, ACTR_E_CONFIG,
				"system.signaling.ca_file must be the same for all nodes of a "
				"process: %s here, %s before",
				ca_file, rt->ca_file ? rt->ca_file : "none");
		return 0;
	}
	if (ca_file && !(rt->ca_file = actr__strdup(ca_file)))
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot copy a name");
	return actr__ws_context_new(rt->loop, &options, &rt->websocket, err);
}

/* --- the host's loop --- */

int actr_loop_attach_host(actr_error *err)
{
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (the_runtime)
		rc = ACTR_FAIL(err, ACTR_E_STATE,
			       "a system exists already: call this before the first one");
	else
		host_runs_loop = true;
	pthread_mutex_unlock(&lock);
	return rc;
}

static struct actr__loop *host_loop(void)
{
	struct actr__loop *loop;

	pthread_mutex_lock(&lock);
	loop = the_runtime && the_runtime->host ? the_runtime->loop : NULL;
	pthread_mutex_unlock(&lock);
	return loop;
}

int actr_loop_fd(void)
{
	struct actr__loop *loop = host_loop();

	return loop ? actr__loop_fd(loop) : ACTR_E_STATE;
}

int actr_loop_timeout_ms(void)
{
	struct actr__loop *loop = host_loop();

	return loop ? actr__loop_timeout_ms(loop) : -1;
}

void actr_loop_process(void)
{
	struct actr__loop *loop = host_loop();

	if (loop)
		actr__loop_process(loop);
}
