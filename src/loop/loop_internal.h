/* What the two loops share: the timer heap and the two task queues. */
#ifndef ACTR_LOOP_INTERNAL_H
#define ACTR_LOOP_INTERNAL_H

#include <pthread.h>

#include "loop/loop.h"

struct actr__loop_ops {
	void (*wake)(struct actr__loop *loop); /* any thread */
	int (*io_start)(struct actr__loop *loop, struct actr__io *io, unsigned events,
			actr_error *err);
	void (*io_stop)(struct actr__loop *loop, struct actr__io *io);
	void (*free)(struct actr__loop *loop);
};

struct actr__loop {
	const struct actr__loop_ops *ops; /* const after init */
	uint64_t now_ns;		  /* loop */
	struct actr__timer **heap;	  /* loop; heap[0] unused */
	size_t heap_count, heap_capacity; /* loop */
	uint64_t timers_armed;		  /* loop */
	struct actr__mpsc posted;
	atomic_bool wake_pending;    /* atomic: a wake-up is under way */
	struct actr__list deferred;  /* loop */
	struct actr__list kept; /* loop; blocks of posted tasks without an owner */
	_Atomic(pthread_t *) runner; /* atomic: the thread in run or process */
	atomic_bool stopping;	     /* atomic */
};

void actr__loop_base_init(struct actr__loop *loop, const struct actr__loop_ops *ops);
void actr__loop_base_done(struct actr__loop *loop);
/* Run timers due at loop->now_ns. Returns how many ran. */
size_t actr__loop_run_timers(struct actr__loop *loop);
/* Run posted tasks, then deferred ones, until both are empty or the turn's share is used up. */
size_t actr__loop_run_tasks(struct actr__loop *loop);
bool actr__loop_has_tasks(struct actr__loop *loop);
/* Time of the first timer, UINT64_MAX for none. */
uint64_t actr__loop_next_due_ns(const struct actr__loop *loop);

#endif
