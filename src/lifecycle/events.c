/*
 * Events for the workload: copied when they happen, told on its executor in that order, each once.
 *
 * One queue a node. On the loop it is emptied at the end of the turn and before a hook, so that
 * on_event never runs inside what caused it and may use the whole API. On a worker each event is a
 * job among its requests and hooks; a job comes back to the loop to be freed and counted, and the
 * shutdown waits for all before it joins the worker.
 *
 * The queue is bounded: past EVENTS_MAX the newest are dropped, and the next one that is told says
 * how many, so that an observer knows to look at the whole state (actr_ref_get_metrics).
 */
#include "lifecycle/lifecycle_internal.h"

#define EVENTS_MAX 1024u

struct told {
	struct actr__list link;	    /* loop executor: node->events.waiting */
	struct actr__task returned; /* worker: it has run */
	struct actr_node *node;
	actr_event event;
	actr_id id;
	actr_error why;
	char detail[512];
};

static void tell_all(struct actr__deferred *deferred)
{
	node_tell_waiting(container_of(deferred, struct actr_node, events.tell));
}

void node_events_init(struct actr_node *node)
{
	actr__list_init(&node->events.waiting);
	actr__deferred_init(&node->events.tell, tell_all);
}

static void tell(struct told *told)
{
	told->node->workload.on_event(told->node->workload.self, &told->event);
}

static void done(struct told *told)
{
	told->node->events.count--;
	actr__free(told);
}

/* --- on the loop --- */

void node_tell_waiting(struct actr_node *node)
{
	struct actr__list now, *link;

	/* What a callback causes waits for the next time: it cannot keep us here. */
	actr__list_init(&now);
	actr__list_splice(&now, &node->events.waiting);
	while ((link = actr__list_pop(&now))) {
		struct told *told = container_of(link, struct told, link);

		tell(told);
		done(told);
	}
}

/* --- on a worker --- */

static void on_returned(struct actr__task *task)
{
	struct told *told = container_of(task, struct told, returned);
	struct actr_node *node = told->node;

	done(told);
	if (!node->events.count)
		node_events_are_told(node);
}

static void run(void *user)
{
	struct told *told = user;

	tell(told);
	actr__loop_post(told->node->loop, &told->returned);
}

/* --- what happens --- */

static struct told *copy(struct actr_node *node, const actr_event *event)
{
	struct told *told = actr__new0(struct told);

	if (!told)
		return NULL;
	told->node = node;
	told->returned.run = on_returned;
	actr__list_init(&told->link);
	told->event = *event;
	told->event.size = sizeof told->event;
	told->event.lost = node->events.lost;
	if (event->id) {
		told->id = *event->id;
		told->event.id = &told->id;
	}
	if (event->why) {
		told->why = *event->why;
		told->event.why = &told->why;
	}
	(void)actr__copy_text(told->detail, sizeof told->detail, actr__text(event->detail));
	told->event.detail = told->detail;
	return told;
}

static int enqueue(struct actr_node *node, struct told *told)
{
	int rc = 0;

	if (node->workload.executor == ACTR_EXECUTOR_WORKER) {
		rc = actr__dispatcher_run(node->endpoint.local, run, told);
	} else {
		actr__list_push(&node->events.waiting, &told->link);
		actr__loop_defer(node->loop, &node->events.tell);
	}
	if (rc < 0)
		return rc;
	node->events.count++;
	node->events.lost = 0;
	return 0;
}

void node_tell(struct actr_node *node, const actr_event *event)
{
	struct told *told;

	if (!node->workload.on_event || !node->endpoint.local)
		return;
	told = node->events.count < EVENTS_MAX ? copy(node, event) : NULL;
	if (told && enqueue(node, told) == 0)
		return;
	actr__free(told);
	if (!node->events.lost++)
		ACTR_WARN(3, "internal", "what=event_lost cause=\"%s\"",
			  node->events.count < EVENTS_MAX ? "out of memory"
							  : "on_event is too slow");
	node->events.lost_total++;
}
