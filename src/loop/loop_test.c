#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include "loop/loop.h"

struct probe {
	struct actr__loop *loop;
	struct actr__timer timer;
	struct actr__task task;
	struct actr__deferred deferred;
	struct actr__io io;
	int fired;
	uint64_t fired_ms;
	char got;
};

static void on_due(struct actr__timer *timer)
{
	struct probe *p = container_of(timer, struct probe, timer);

	p->fired++;
	p->fired_ms = actr__loop_now_ms(p->loop);
}

static void timers_fire_in_order_of_virtual_time(void **state)
{
	struct probe probes[64] = {0};
	struct actr__loop *loop;
	uint64_t start;

	(void)state;
	assert_int_equal(actr__loop_new_virtual(&loop, NULL), 0);
	start = actr__loop_now_ms(loop);
	for (unsigned i = 0; i < 64; i++) {
		probes[i].loop = loop;
		actr__timer_init(&probes[i].timer, on_due);
		assert_int_equal(actr__timer_set(loop, &probes[i].timer, (i * 37) % 64), 0);
	}
	actr__timer_stop(loop, &probes[5].timer);
	actr__timer_stop(loop, &probes[5].timer);
	assert_int_equal(actr__timer_set(loop, &probes[6].timer, 100), 0);
	actr__loop_advance(loop, 63);
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(probes[i].fired, i == 5 || i == 6 ? 0 : 1);
		if (probes[i].fired)
			assert_int_equal(probes[i].fired_ms - start, (i * 37) % 64);
	}
	assert_true(actr__loop_advance_to_next(loop));
	assert_int_equal(probes[6].fired_ms - start, 100);
	assert_false(actr__loop_advance_to_next(loop));
	loop = actr__loop_free(loop);
	assert_null(loop);
}

static void on_task(struct actr__task *task)
{
	struct probe *p = container_of(task, struct probe, task);

	p->fired++;
	actr__loop_defer(p->loop, &p->deferred);
	actr__loop_defer(p->loop, &p->deferred);
}

static void on_deferred(struct actr__deferred *deferred)
{
	struct probe *p = container_of(deferred, struct probe, deferred);

	p->fired += 10;
	actr__loop_stop(p->loop);
}

static void *post_from_elsewhere(void *arg)
{
	struct probe *p = arg;

	actr__loop_post(p->loop, &p->task);
	return NULL;
}

static void a_task_of_another_thread_runs_and_its_deferred_part_once(void **state)
{
	struct probe p = {.task.run = on_task};
	pthread_t thread;

	(void)state;
	assert_int_equal(actr__loop_new(&p.loop, NULL), 0);
	actr__deferred_init(&p.deferred, on_deferred);
	assert_int_equal(pthread_create(&thread, NULL, post_from_elsewhere, &p), 0);
	actr__loop_run(p.loop);
	pthread_join(thread, NULL);
	assert_int_equal(p.fired, 11);
	assert_false(actr__loop_is_current(p.loop));
	actr__loop_free(p.loop);
}

static void on_ready(struct actr__io *io, unsigned events)
{
	struct probe *p = container_of(io, struct probe, io);

	assert_true(events & ACTR__IO_READ);
	assert_true(actr__loop_is_current(p->loop));
	assert_int_equal(read(io->fd, &p->got, 1), 1);
	actr__io_stop(p->loop, io);
	close(io->fd);
	actr__loop_stop(p->loop);
}

static void a_readable_descriptor_is_told_and_may_be_closed_at_once(void **state)
{
	struct probe p = {.io.on_ready = on_ready};
	int ends[2];

	(void)state;
	assert_int_equal(actr__loop_new(&p.loop, NULL), 0);
	actr__loop_set_spin(p.loop, 20);
	assert_int_equal(pipe(ends), 0);
	p.io.fd = ends[0];
	assert_int_equal(actr__io_start(p.loop, &p.io, ACTR__IO_READ, NULL), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	actr__loop_run(p.loop);
	assert_int_equal(p.got, 'x');
	close(ends[1]);
	actr__loop_free(p.loop);
}

static void on_due_stop(struct actr__timer *timer)
{
	struct probe *p = container_of(timer, struct probe, timer);

	p->fired++;
	actr__loop_stop(p->loop);
}

static void a_real_timer_ends_the_poll(void **state)
{
	struct probe p = {0};

	(void)state;
	assert_int_equal(actr__loop_new(&p.loop, NULL), 0);
	actr__timer_init(&p.timer, on_due_stop);
	assert_int_equal(actr__timer_set(p.loop, &p.timer, 2), 0);
	assert_true(actr__loop_fd(p.loop) >= 0);
	assert_true(actr__loop_timeout_ms(p.loop) <= 2);
	actr__loop_run(p.loop);
	assert_int_equal(p.fired, 1);
	actr__loop_free(p.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order_of_virtual_time),
		cmocka_unit_test(a_task_of_another_thread_runs_and_its_deferred_part_once),
		cmocka_unit_test(a_readable_descriptor_is_told_and_may_be_closed_at_once),
		cmocka_unit_test(a_real_timer_ends_the_poll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
