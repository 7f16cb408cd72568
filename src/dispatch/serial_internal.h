/*
 * Callbacks of one owner, one after the other and in order, on the workload's executor.
 *
 * Things are queued on the loop. With a worker, one job at a time takes them; without, they run at
 * once, and what a callback queues runs after it. The owner ends it with serial_close(): then no
 * callback begins, one that runs is waited for (but not by itself, and not by the loop), and the
 * memory goes with the last reference.
 */
#ifndef ACTR_DISPATCH_SERIAL_INTERNAL_H
#define ACTR_DISPATCH_SERIAL_INTERNAL_H

#include "dispatch/dispatch_internal.h"

struct serial_item {
	struct actr__list link;
	size_t cost;
	/* Exactly one of the two is called, and frees it: `run` on the executor, or `drop`. */
	void (*run)(struct serial_item *item);
	void (*drop)(struct serial_item *item);
};

struct serial {
	struct actr__endpoint *endpoint; /* const after init */
	void (*on_free)(struct serial *serial);
	pthread_mutex_t lock;
	pthread_cond_t quiet;
	struct actr__list items;       /* lock */
	size_t count, cost;	       /* lock: of items */
	size_t max_count, max_cost;    /* const after init; 0: no bound */
	pthread_t runner;	       /* lock: while running */
	bool running, scheduled, dead; /* lock */
	unsigned refs;		       /* lock: owner, schedule, waiters */
	struct worker_job job;
};

int serial_init(struct serial *serial, struct actr__endpoint *endpoint,
		void (*on_free)(struct serial *serial));
/* Loop. RESOURCE_EXHAUSTED at the bounds, CANCELLED when it is closed: the item is the caller's. */
int serial_push(struct serial *serial, struct serial_item *item);
/* Any thread: keeps the memory. */
void serial_ref(struct serial *serial);
void serial_unref(struct serial *serial);
/*
 * Loop. When nothing waits and the executor is the loop: run `fn` now, and 1; without a copy of
 * what it is about. 0: not now, push it. CANCELLED.
 */
int serial_try(struct serial *serial, void (*fn)(void *user), void *user);
/* Any thread, once: on_free may be called before this returns. */
void serial_close(struct serial *serial);

/* media.c: a job on the worker, which the end of the workload waits for. */
void media_job_begins(struct actr__endpoint *endpoint);
void media_job_ended(struct actr__endpoint *endpoint);

#endif
