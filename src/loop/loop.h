/*
 * Door of loop: io, timers, posted tasks and now, over libuv or over virtual time.
 *
 * One thread owns a loop. Everything here is for that thread alone, except actr__loop_post() and
 * actr__loop_stop(), which are for any thread. All objects are embedded in their owner; the loop
 * allocates nothing per event, so nothing here fails after creation.
 *
 * A turn: timers that are due, then io, then posted tasks, then deferred tasks until none is left.
 * A deferred task is "once, at the end of this turn": that is where batches leave.
 */
#ifndef ACTR_LOOP_H
#define ACTR_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct uv_loop_s;
struct actr__loop;

/* --- time -------------------------------------------------------------------------------- */

/* Cached at the start of the turn; monotonic. */
uint64_t actr__loop_now_ns(const struct actr__loop *loop);
static inline uint64_t actr__loop_now_ms(const struct actr__loop *loop)
{
	return actr__loop_now_ns(loop) / 1000000;
}

struct actr__timer {
	void (*on_due)(struct actr__timer *timer);
	uint64_t due_ns;
	uint64_t order; /* of arming: timers of one instant fire in it */
	size_t index;	/* in the heap, from 1; 0 when not set */
};

static inline void actr__timer_init(struct actr__timer *timer, void (*on_due)(struct actr__timer *))
{
	timer->on_due = on_due;
	timer->due_ns = 0;
	timer->index = 0;
}

/*
 * Arm or re-arm; fires once, never before `delay_ms` has passed and never inside this call.
 * ACTR_E_NOMEM when the heap cannot grow (only for a timer that was not armed).
 */
int actr__timer_set(struct actr__loop *loop, struct actr__timer *timer, uint64_t delay_ms);
/* The same with an absolute loop time. */
int actr__timer_set_at(struct actr__loop *loop, struct actr__timer *timer, uint64_t due_ns);
/* Idempotent. */
void actr__timer_stop(struct actr__loop *loop, struct actr__timer *timer);
static inline bool actr__timer_is_set(const struct actr__timer *timer)
{
	return timer->index != 0;
}

/* --- tasks ------------------------------------------------------------------------------- */

struct actr__task {
	struct actr__mpsc_node node;
	void (*run)(struct actr__task *task);
};

/*
 * Any thread. Runs the task on the loop thread, in order of posting; a batch costs one wake-up.
 * The task must not be posted again before it began to run.
 */
void actr__loop_post(struct actr__loop *loop, struct actr__task *task);

/*
 * Loop thread. For an owner that goes away while its task is posted: `link` begins a block of
 * actr__alloc() that the task sits in. The task finds that its owner has gone, unlinks the block and
 * frees it; if the loop does not run any more, it is freed with the loop.
 */
void actr__loop_keep(struct actr__loop *loop, struct actr__list *link);

struct actr__deferred {
	struct actr__list link; /* pointing at itself when not queued */
	void (*run)(struct actr__deferred *deferred);
};

static inline void actr__deferred_init(struct actr__deferred *deferred,
				       void (*run)(struct actr__deferred *))
{
	actr__list_init(&deferred->link);
	deferred->run = run;
}

/* Once at the end of this turn; queueing twice is once. */
void actr__loop_defer(struct actr__loop *loop, struct actr__deferred *deferred);
static inline void actr__loop_cancel_deferred(struct actr__deferred *deferred)
{
	actr__list_remove(&deferred->link);
}

/* --- io ---------------------------------------------------------------------------------- */

#define ACTR__IO_READ  1u
#define ACTR__IO_WRITE 2u

struct actr__io_handle;

/*
 * Watch a file descriptor, level-triggered. The owner keeps `io` until actr__io_stop(), after which
 * no callback comes and the fd may be closed at once.
 */
struct actr__io {
	void (*on_ready)(struct actr__io *io, unsigned events);
	int fd;
	struct actr__io_handle *handle; /* the loop's; NULL when not watched */
};

/* Start, or change the events. ACTR_E_UNIMPLEMENTED on a virtual loop. */
int actr__io_start(struct actr__loop *loop, struct actr__io *io, unsigned events, actr_error *err);
void actr__io_stop(struct actr__loop *loop, struct actr__io *io);

/* --- life -------------------------------------------------------------------------------- */

int actr__loop_new(struct actr__loop **ret_loop, actr_error *err);
/* A loop whose time moves only by actr__loop_advance(): for tests and the simulator. */
int actr__loop_new_virtual(struct actr__loop **ret_loop, actr_error *err);
/* Nothing may be armed, watched or queued any more. NULL is fine; returns NULL. */
struct actr__loop *actr__loop_free(struct actr__loop *loop);

/* Run turns on this thread until actr__loop_stop(). Not for a virtual loop. */
void actr__loop_run(struct actr__loop *loop);
/* Any thread. Makes the run that is under way, or the next one, return. */
void actr__loop_stop(struct actr__loop *loop);
/*
 * After an event, look for the next one without sleeping for so long (microseconds, default 0):
 * lower latency for CPU time. Only in actr__loop_run().
 */
void actr__loop_set_spin(struct actr__loop *loop, unsigned spin_us);

/* For a host that runs the loop itself: poll the fd, at most timeout ms (-1: no limit), then
 * process. */
int actr__loop_fd(const struct actr__loop *loop);
int actr__loop_timeout_ms(const struct actr__loop *loop);
void actr__loop_process(struct actr__loop *loop);

/* Whether the calling thread is the one that runs this loop now. */
bool actr__loop_is_current(const struct actr__loop *loop);
/* libuv's own loop, for libwebsockets; NULL on a virtual loop. */
struct uv_loop_s *actr__loop_uv(struct actr__loop *loop);
/* First thing in a callback that comes from libuv past this door: now is read afresh. */
void actr__loop_touch(struct actr__loop *loop);

/*
 * Virtual loop: run what is due until `ms` have passed, in order of time; posted and deferred tasks
 * run at each instant. advance(0) runs what is due now.
 */
void actr__loop_advance(struct actr__loop *loop, uint64_t ms);
/* Virtual loop: jump to the next timer and run it; false when none is armed. */
bool actr__loop_advance_to_next(struct actr__loop *loop);

#endif
