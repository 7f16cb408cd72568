/*
 * Many producers, one consumer, no lock, no allocation: nodes are embedded (Vyukov's queue).
 */
#ifndef ACTR_BASE_MPSC_H
#define ACTR_BASE_MPSC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct actr__mpsc_node {
	_Atomic(struct actr__mpsc_node *) next;
};

struct actr__mpsc {
	_Atomic(struct actr__mpsc_node *) head; /* producers */
	struct actr__mpsc_node *tail;		/* consumer */
	struct actr__mpsc_node stub;
};

static inline void actr__mpsc_init(struct actr__mpsc *q)
{
	atomic_store_explicit(&q->stub.next, NULL, memory_order_relaxed);
	atomic_store_explicit(&q->head, &q->stub, memory_order_relaxed);
	q->tail = &q->stub;
}

/* Any thread. */
static inline void actr__mpsc_push(struct actr__mpsc *q, struct actr__mpsc_node *node)
{
	struct actr__mpsc_node *prev;

	atomic_store_explicit(&node->next, NULL, memory_order_relaxed);
	prev = atomic_exchange_explicit(&q->head, node, memory_order_acq_rel);
	atomic_store_explicit(&prev->next, node, memory_order_release);
}

/*
 * Consumer only. NULL when empty, or when a producer is between its two steps: that producer wakes
 * the consumer afterwards.
 */
static inline struct actr__mpsc_node *actr__mpsc_pop(struct actr__mpsc *q)
{
	struct actr__mpsc_node *tail = q->tail;
	struct actr__mpsc_node *next = atomic_load_explicit(&tail->next, memory_order_acquire);

	if (tail == &q->stub) {
		if (!next)
			return NULL;
		q->tail = next;
		tail = next;
		next = atomic_load_explicit(&next->next, memory_order_acquire);
	}
	if (next) {
		q->tail = next;
		return tail;
	}
	if (tail != atomic_load_explicit(&q->head, memory_order_acquire))
		return NULL;
	actr__mpsc_push(q, &q->stub);
	next = atomic_load_explicit(&tail->next, memory_order_acquire);
	if (!next)
		return NULL;
	q->tail = next;
	return tail;
}

/* Consumer only. May say false for a moment after the last pop. */
static inline bool actr__mpsc_empty(struct actr__mpsc *q)
{
	return q->tail == &q->stub && !atomic_load_explicit(&q->stub.next, memory_order_acquire);
}

#endif
