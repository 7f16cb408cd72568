/*
 * A node: one workload on the network, from attach to the end of its shutdown.
 *
 * Three hold it: the host's handle until start or unref, the ref object while there are refs, and
 * the running machine from start to stopped. What is on the loop's side of the struct belongs to
 * the loop thread (start.c, network.c, stop.c); here is what other threads call.
 */
#include "lifecycle/lifecycle_internal.h"

#include <pthread.h>

static void on_last_ref(struct actr_ref *ref)
{
	struct actr_node *node = node_of_ref(ref);

	actr_ref_shutdown(ref);
	node_unref(node);
}

void node_unref(struct actr_node *node)
{
	if (atomic_fetch_sub_explicit(&node->refs, 1, memory_order_acq_rel) == 1)
		node_free(node);
}

void node_free(struct actr_node *node)
{
	actr__endpoint_done(&node->endpoint);
	pthread_cond_destroy(&node->stopped_cond);
	pthread_mutex_destroy(&node->stopped_lock);
	actr_system_unref(node->system);
	actr__free(node);
}

static int check_workload(const actr_workload *w, actr_error *err)
{
	if (!w || w->size < sizeof w->size)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a workload is made with ACTR_WORKLOAD_INIT");
	if (w->service && (!w->service->manufacturer || !w->service->name || !w->service->dispatch))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "the workload's service is incomplete: use a generated one");
	return 0;
}

static void on_start_posted(struct actr__task *task);
static void on_stop_posted(struct actr__task *task);

int actr_node_attach(actr_system *system, const actr_workload *workload, actr_node **ret_node,
		     actr_error *err)
{
	struct actr_node *node;
	int rc;

	if (!system || !ret_node)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "a node needs a system");
	ACTR_TRY(check_workload(workload, err));
	node = actr__new0(struct actr_node);
	if (!node)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a node");
	memcpy(&node->workload, workload,
	       workload->size < sizeof node->workload ? workload->size : sizeof node->workload);
	node->runtime = system->runtime;
	node->loop = node->runtime->loop;
	atomic_init(&node->refs, 1);
	rc = actr__endpoint_init(&node->endpoint, &node_endpoint_ops, node->loop, err);
	if (rc < 0) {
		actr__free(node);
		return rc;
	}
	node->system = system_ref(system);
	node->ref.endpoint = &node->endpoint;
	node->ref.on_last = on_last_ref;
	node->start_task.run = on_start_posted;
	node->stop_task.run = on_stop_posted;
	pthread_mutex_init(&node->stopped_lock, NULL); /* cannot fail with default attributes */
	pthread_cond_init(&node->stopped_cond, NULL);
	node_events_init(node);
	resolver_init(&node->resolver);
	*ret_node = node;
	return 0;
}

int actr_node_serve_shell(actr_node *node, const actr_service *service, const void *ops, void *self,
			  actr_error *err)
{
	if (!node || !service || !service->dispatch)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "the shell's service is incomplete");
	if (atomic_load(&node->started))
		return ACTR_FAIL(err, ACTR_E_STATE, "the node has been started: register before");
	node->shell_service = service;
	node->shell_ops = ops;
	node->shell_self = self;
	return 0;
}

actr_node *actr_node_unref(actr_node *node)
{
	if (node && !atomic_load(&node->given))
		node_unref(node);
	return NULL;
}

/* --- start --- */

static void on_start_posted(struct actr__task *task)
{
	node_start_on_loop(container_of(task, struct actr_node, start_task));
}

int actr_node_start_async(actr_node *node,
			  void (*on_done)(void *user, actr_ref *ref, const actr_error *err),
			  void *user, actr_error *err)
{
	bool fresh = false;

	if (!node || !on_done)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a start needs a node and a callback");
	if (!atomic_compare_exchange_strong(&node->started, &fresh, true))
		return ACTR_FAIL(err, ACTR_E_STATE, "the node has been started already");
	node->on_started = on_done;
	node->on_started_user = user;
	atomic_init(&node->ref.refs, 1);
	atomic_fetch_add(&node->refs, 1); /* the running machine's */
	actr__loop_post(node->loop, &node->start_task);
	return 0;
}

struct start_wait {
	sem_t done;
	actr_ref *ref;
	int code;
	actr_error *err;
};

static void on_started(void *user, actr_ref *ref, const actr_error *err)
{
	struct start_wait *wait = user;

	wait->ref = ref;
	if (err) {
		wait->code = err->code;
		if (wait->err)
			*wait->err = *err;
	}
	sem_post(&wait->done);
}

int actr_node_start(actr_node *node, actr_ref **ret_ref, actr_error *err)
{
	struct start_wait wait = {.err = err};
	int rc;

	if (!node || !ret_ref)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a start needs a node and a place "
				 "for its ref");
	if (actr__loop_is_current(node->loop))
		return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK,
				 "a blocking start on the loop thread: use actr_node_start_async");
	sem_init(&wait.done, 0, 0);
	rc = actr_node_start_async(node, on_started, &wait, err);
	if (rc == 0) {
		while (sem_wait(&wait.done) < 0)
			;
		rc = wait.code;
		*ret_ref = wait.ref;
	}
	sem_destroy(&wait.done);
	return rc;
}

/* --- ref --- */

actr_id actr_ref_id(const actr_ref *ref)
{
	return actr__endpoint_id(ref->endpoint);
}

static void on_stop_posted(struct actr__task *task)
{
	struct actr_node *node = container_of(task, struct actr_node, stop_task);

	node_stop_on_loop(node);
	node_unref(node);
}

void actr_ref_shutdown(actr_ref *ref)
{
	struct actr_node *node;

	if (!ref)
		return;
	node = node_of_ref(ref);
	if (atomic_exchange(&node->shutting_down, true))
		return;
	atomic_fetch_add(&node->refs, 1); /* the task's */
	actr__loop_post(node->loop, &node->stop_task);
}

bool actr_ref_is_shutting_down(const actr_ref *ref)
{
	return atomic_load(&node_of_ref(ref)->shutting_down);
}

int actr_ref_wait(actr_ref *ref, actr_error *err)
{
	struct actr_node *node;

	if (!ref)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "there is no ref to wait for");
	node = node_of_ref(ref);
	if (actr__loop_is_current(node->loop))
		return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK, "a blocking wait on the loop thread");
	pthread_mutex_lock(&node->stopped_lock);
	while (!node->stopped)
		pthread_cond_wait(&node->stopped_cond, &node->stopped_lock);
	pthread_mutex_unlock(&node->stopped_lock);
	return 0;
}

actr_ref *actr_ref_close(actr_ref *ref)
{
	if (!ref)
		return NULL;
	actr_ref_shutdown(ref);
	(void)actr_ref_wait(ref, NULL); /* fails only on the loop thread, where nobody may wait */
	return actr_ref_unref(ref);
}
