/* Intrusive doubly linked list. An unlinked node points at itself. Not thread-safe. */
#ifndef ACTR_BASE_LIST_H
#define ACTR_BASE_LIST_H

#include <stdbool.h>

struct actr__list {
	struct actr__list *next, *prev;
};

static inline void actr__list_init(struct actr__list *node)
{
	node->next = node->prev = node;
}

static inline bool actr__list_empty(const struct actr__list *head)
{
	return head->next == head;
}

static inline void actr__list_insert_before(struct actr__list *at, struct actr__list *node)
{
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
}

static inline void actr__list_push(struct actr__list *head, struct actr__list *node)
{
	actr__list_insert_before(head, node);
}

static inline void actr__list_push_front(struct actr__list *head, struct actr__list *node)
{
	actr__list_insert_before(head->next, node);
}

/* Idempotent. */
static inline void actr__list_remove(struct actr__list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	actr__list_init(node);
}

static inline struct actr__list *actr__list_pop(struct actr__list *head)
{
	struct actr__list *first = head->next;

	if (first == head)
		return 0;
	actr__list_remove(first);
	return first;
}

/* Move all of `from` to the end of `to`. */
static inline void actr__list_splice(struct actr__list *to, struct actr__list *from)
{
	if (actr__list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	actr__list_init(from);
}

/* The body may remove `node`. */
#define actr__list_each(node, head)                                                                \
	for (struct actr__list *node = (head)->next, *next_##node = node->next; node != (head);    \
	     node = next_##node, next_##node = node->next)

#endif
