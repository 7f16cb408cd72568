/* Types whose new actors the owner wants to hear of: kept here, told to the server in each session.
 */
#include "signaling/signaling_internal.h"

struct watch {
	struct actr__list link;
	actr_type type;
};

static struct watch *find(struct actr__signaling *s, const actr_type *type)
{
	actr__list_each(node, &s->watches)
	{
		struct watch *watch = container_of(node, struct watch, link);

		if (actr_type_equal(&watch->type, type))
			return watch;
	}
	return NULL;
}

static int add(struct actr__signaling *s, const actr_type *type, actr_error *err)
{
	struct watch *watch;

	if (s->watch_count >= WATCHES_MAX)
		return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED, "%u types are watched already",
				 WATCHES_MAX);
	watch = actr__new0(struct watch);
	if (!watch)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory to watch a type");
	watch->type = *type;
	actr__list_push(&s->watches, &watch->link);
	s->watch_count++;
	return 0;
}

static void remove_watch(struct actr__signaling *s, struct watch *watch)
{
	actr__list_remove(&watch->link);
	s->watch_count--;
	actr__free(watch);
}

int actr__signaling_watch(struct actr__signaling *s, const actr_type *type, bool on,
			  actr_error *err)
{
	struct watch *watch = find(s, type);

	if (on == (watch != NULL))
		return 0;
	if (on)
		ACTR_TRY(add(s, type, err));
	else
		remove_watch(s, watch);
	/* Without a session, or when it breaks here, the next one makes it good. */
	if (signaling_check_ready(s, NULL) == 0)
		(void)signaling_send_watch(s, type, on);
	return 0;
}

void signaling_send_watches(struct actr__signaling *s)
{
	actr__list_each(node, &s->watches)(void)
		signaling_send_watch(s, &container_of(node, struct watch, link)->type, true);
}

void signaling_free_watches(struct actr__signaling *s)
{
	while (!actr__list_empty(&s->watches))
		remove_watch(s, container_of(s->watches.next, struct watch, link));
}
