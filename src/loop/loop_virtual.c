/*
 * The loop whose time is moved by hand: from one armed timer to the next, so a test of an hour
 * takes microseconds and repeats exactly.
 */
#include "loop/loop_internal.h"

#define START_NS 1000000000u /* not 0: nothing may take "0" for "never" by luck */

static void wake(struct actr__loop *loop)
{
	(void)loop; /* advance() looks at the queues itself */
}

static int io_start(struct actr__loop *loop, struct actr__io *io, unsigned events, actr_error *err)
{
	(void)loop;
	(void)events;
	return ACTR_FAIL(err, ACTR_E_UNIMPLEMENTED, "a virtual loop cannot watch fd %d", io->fd);
}

static void io_stop(struct actr__loop *loop, struct actr__io *io)
{
	(void)loop;
	(void)io;
}

static void free_loop(struct actr__loop *loop)
{
	actr__loop_base_done(loop);
	actr__free(loop);
}

static const struct actr__loop_ops ops = {wake, io_start, io_stop, free_loop};

int actr__loop_new_virtual(struct actr__loop **ret_loop, actr_error *err)
{
	struct actr__loop *loop = actr__new0(struct actr__loop);

	if (!loop)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a virtual loop");
	actr__loop_base_init(loop, &ops);
	loop->now_ns = START_NS;
	*ret_loop = loop;
	return 0;
}

static void run_instant(struct actr__loop *loop, pthread_t *thread)
{
	size_t ran;

	*thread = pthread_self();
	atomic_store(&loop->runner, thread);
	do {
		ran = actr__loop_run_timers(loop);
		ran += actr__loop_run_tasks(loop);
	} while (ran);
	atomic_store(&loop->runner, NULL);
}

void actr__loop_advance(struct actr__loop *loop, uint64_t ms)
{
	uint64_t until = loop->now_ns + ms * 1000000;
	pthread_t thread;

	run_instant(loop, &thread);
	while (actr__loop_next_due_ns(loop) <= until) {
		loop->now_ns = actr__loop_next_due_ns(loop);
		run_instant(loop, &thread);
	}
	loop->now_ns = until;
}

bool actr__loop_advance_to_next(struct actr__loop *loop)
{
	uint64_t due = actr__loop_next_due_ns(loop);
	pthread_t thread;

	if (due == UINT64_MAX)
		return false;
	if (due > loop->now_ns)
		loop->now_ns = due;
	run_instant(loop, &thread);
	return true;
}
