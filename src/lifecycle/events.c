/*
 * Events for the workload: copied, and called on its executor in the order in which they happened.
 */
#include "lifecycle/lifecycle_internal.h"

struct told {
	struct actr_node *node;
	actr_event event;
	actr_id id;
	actr_error why;
	char detail[256];
};

static void run(void *user)
{
	struct told *told = user;

	told->node->workload.on_event(told->node->workload.self, &told->event);
	actr__free(told);
}

void node_tell(struct actr_node *node, const actr_event *event)
{
	struct told *told;

	if (!node->workload.on_event)
		return;
	told = actr__new0(struct told);
	if (!told) {
		ACTR_WARN(3, "internal", "what=event_lost cause=\"out of memory\"");
		return;
	}
	told->node = node;
	told->event = *event;
	told->event.size = sizeof told->event;
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
	if (actr__dispatcher_run(node->endpoint.local, run, told) < 0)
		actr__free(told);
}
