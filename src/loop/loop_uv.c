/*
 * The loop over libuv.
 *
 * libuv gives epoll and the foreign-loop contract that libwebsockets needs; timers and tasks are
 * ours (loop.c) and ride on one uv_timer and one uv_async. Order in one uv turn: uv timers (we run
 * ours in the prepare phase, so a blocking poll never overlooks one), poll, check. Tasks run in
 * prepare and in check, so whatever a callback deferred leaves before the loop sleeps.
 */
#include "loop/loop_internal.h"

#include <uv.h>

#define SPIN_MAX_US 1000

struct uv_backed_loop {
	struct actr__loop base;
	uv_loop_t uv;
	uv_timer_t alarm; /* wakes the poll for the first of our timers */
	uv_async_t async; /* wakes the poll for posted tasks */
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle; /* active while tasks are left: the poll must not block */
	bool busy;	/* something ran in this turn */
	bool fresh;	/* now was read since the poll */
	unsigned spin_us;
	pthread_t thread;
};

struct actr__io_handle {
	uv_poll_t poll;
	struct actr__io *io; /* NULL once stopped */
};

static struct uv_backed_loop *self_of(struct actr__loop *loop)
{
	return container_of(loop, struct uv_backed_loop, base);
}

static void run_tasks(struct uv_backed_loop *self)
{
	if (actr__loop_run_tasks(&self->base))
		self->busy = true;
	if (atomic_load(&self->base.stopping))
		uv_stop(&self->uv);
}

static void on_idle(uv_idle_t *idle)
{
	(void)idle;
}

static void on_alarm(uv_timer_t *alarm)
{
	(void)alarm; /* its only purpose was to end the poll */
}

static void on_async(uv_async_t *async)
{
	(void)async; /* tasks run in the check phase that follows */
}

static void arm_alarm(struct uv_backed_loop *self)
{
	uint64_t due = actr__loop_next_due_ns(&self->base);
	uint64_t delay_ms;

	if (due == UINT64_MAX) {
		(void)uv_timer_stop(&self->alarm);
		return;
	}
	delay_ms = due <= self->base.now_ns ? 0 : (due - self->base.now_ns + 999999) / 1000000;
	/* Cannot fail: the callback is not NULL and the handle is not closing. */
	(void)uv_timer_start(&self->alarm, on_alarm, delay_ms, 0);
}

/* What runs before the poll must not decide whether now is read after it: the poll may have slept.
 */
static void refresh(struct uv_backed_loop *self)
{
	if (!self->fresh)
		self->base.now_ns = actr__clock_monotonic_ns();
	self->fresh = true;
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct uv_backed_loop *self = prepare->data;

	self->base.now_ns = actr__clock_monotonic_ns();
	if (actr__loop_run_timers(&self->base))
		self->busy = true;
	run_tasks(self);
	arm_alarm(self);
	if (actr__loop_has_tasks(&self->base))
		(void)uv_idle_start(&self->idle, on_idle);
	else
		(void)uv_idle_stop(&self->idle);
	self->fresh = false;
}

static void on_check(uv_check_t *check)
{
	refresh(check->data);
	run_tasks(check->data);
}

static void wake(struct actr__loop *loop)
{
	(void)uv_async_send(&self_of(loop)->async); /* fails only on a closing handle */
}

/* --- io --- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct actr__io_handle *handle = container_of(poll, struct actr__io_handle, poll);
	struct uv_backed_loop *self = poll->loop->data;
	unsigned ready = 0;

	if (!handle->io)
		return;
	refresh(self);
	self->busy = true;
	if (status < 0)
		ready = ACTR__IO_READ | ACTR__IO_WRITE; /* the read or write will tell the error */
	if (events & UV_READABLE)
		ready |= ACTR__IO_READ;
	if (events & UV_WRITABLE)
		ready |= ACTR__IO_WRITE;
	handle->io->on_ready(handle->io, ready);
}

static void on_poll_closed(uv_handle_t *uv)
{
	actr__free(container_of((uv_poll_t *)uv, struct actr__io_handle, poll));
}

static int io_start(struct actr__loop *loop, struct actr__io *io, unsigned events, actr_error *err)
{
	struct uv_backed_loop *self = self_of(loop);
	int rc;

	if (!io->handle) {
		struct actr__io_handle *handle = actr__new0(struct actr__io_handle);

		if (!handle)
			return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot watch a file descriptor");
		rc = uv_poll_init(&self->uv, &handle->poll, io->fd);
		if (rc < 0) {
			actr__free(handle);
			return ACTR_FAIL_ERRNO(err, ACTR_E_IO, -rc, "cannot watch fd %d", io->fd);
		}
		handle->io = io;
		io->handle = handle;
	}
	rc = uv_poll_start(&io->handle->poll,
			   (events & ACTR__IO_READ ? UV_READABLE : 0) |
				   (events & ACTR__IO_WRITE ? UV_WRITABLE : 0),
			   on_poll);
	if (rc < 0) {
		actr__io_stop(loop, io);
		return ACTR_FAIL_ERRNO(err, ACTR_E_IO, -rc, "cannot watch fd %d", io->fd);
	}
	return 0;
}

static void io_stop(struct actr__loop *loop, struct actr__io *io)
{
	struct actr__io_handle *handle = TAKE(io->handle);

	(void)loop;
	handle->io = NULL;
	(void)uv_poll_stop(&handle->poll);
	uv_close((uv_handle_t *)&handle->poll, on_poll_closed);
}

/* --- running --- */

/* Turns that do not sleep, as long as one within spin_us brings something. */
static void spin(struct uv_backed_loop *self)
{
	uint64_t until = actr__clock_monotonic_ns() + (uint64_t)self->spin_us * 1000;

	while (!atomic_load(&self->base.stopping)) {
		self->busy = false;
		uv_run(&self->uv, UV_RUN_NOWAIT);
		if (self->busy)
			until = self->base.now_ns + (uint64_t)self->spin_us * 1000;
		else if (actr__clock_monotonic_ns() >= until)
			return;
	}
}

static void enter(struct uv_backed_loop *self)
{
	self->thread = pthread_self();
	atomic_store_explicit(&self->base.runner, &self->thread, memory_order_release);
}

void actr__loop_run(struct actr__loop *loop)
{
	struct uv_backed_loop *self = self_of(loop);

	enter(self);
	while (!atomic_load(&loop->stopping)) {
		self->busy = false;
		uv_run(&self->uv, UV_RUN_ONCE);
		if (self->busy && self->spin_us)
			spin(self);
	}
	atomic_store(&loop->stopping, false);
	atomic_store_explicit(&loop->runner, NULL, memory_order_release);
}

void actr__loop_process(struct actr__loop *loop)
{
	struct uv_backed_loop *self = self_of(loop);

	enter(self);
	uv_run(&self->uv, UV_RUN_NOWAIT);
	atomic_store_explicit(&loop->runner, NULL, memory_order_release);
}

void actr__loop_stop(struct actr__loop *loop)
{
	atomic_store(&loop->stopping, true);
	loop->ops->wake(loop);
}

void actr__loop_set_spin(struct actr__loop *loop, unsigned spin_us)
{
	self_of(loop)->spin_us = spin_us < SPIN_MAX_US ? spin_us : SPIN_MAX_US;
}

int actr__loop_fd(const struct actr__loop *loop)
{
	return uv_backend_fd(&self_of((struct actr__loop *)(uintptr_t)loop)->uv);
}

int actr__loop_timeout_ms(const struct actr__loop *loop)
{
	struct uv_backed_loop *self = self_of((struct actr__loop *)(uintptr_t)loop);
	uint64_t due = actr__loop_next_due_ns(loop), now = actr__clock_monotonic_ns(), ms;
	int uv_ms = uv_backend_timeout(&self->uv);

	if (due == UINT64_MAX)
		return uv_ms;
	ms = due <= now ? 0 : (due - now + 999999) / 1000000;
	if (uv_ms >= 0 && (uint64_t)uv_ms < ms)
		return uv_ms;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

struct uv_loop_s *actr__loop_uv(struct actr__loop *loop)
{
	extern const struct actr__loop_ops actr__loop_uv_ops;

	return loop->ops == &actr__loop_uv_ops ? &self_of(loop)->uv : NULL;
}

void actr__loop_touch(struct actr__loop *loop)
{
	struct uv_backed_loop *self = self_of(loop);

	refresh(self);
	self->busy = true;
}

/* --- life --- */

static void free_loop(struct actr__loop *loop)
{
	struct uv_backed_loop *self = self_of(loop);

	uv_close((uv_handle_t *)&self->alarm, NULL);
	uv_close((uv_handle_t *)&self->async, NULL);
	uv_close((uv_handle_t *)&self->prepare, NULL);
	uv_close((uv_handle_t *)&self->check, NULL);
	uv_close((uv_handle_t *)&self->idle, NULL);
	uv_run(&self->uv, UV_RUN_DEFAULT); /* the close callbacks, also those of io handles */
	(void)uv_loop_close(
		&self->uv); /* EBUSY would be a handle of somebody else: a leak report */
	actr__loop_base_done(loop);
	actr__free(self);
}

const struct actr__loop_ops actr__loop_uv_ops = {wake, io_start, io_stop, free_loop};

static int init_handles(struct uv_backed_loop *self)
{
	int rc = uv_async_init(&self->uv, &self->async, on_async);

	if (rc < 0)
		return rc;
	/* The rest cannot fail (libuv documents them as always 0). */
	(void)uv_timer_init(&self->uv, &self->alarm);
	(void)uv_prepare_init(&self->uv, &self->prepare);
	(void)uv_check_init(&self->uv, &self->check);
	(void)uv_idle_init(&self->uv, &self->idle);
	self->uv.data = self;
	self->prepare.data = self;
	self->check.data = self;
	(void)uv_prepare_start(&self->prepare, on_prepare);
	(void)uv_check_start(&self->check, on_check);
	return 0;
}

int actr__loop_new(struct actr__loop **ret_loop, actr_error *err)
{
	struct uv_backed_loop *self = actr__new0(struct uv_backed_loop);
	int rc;

	if (!self)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make an event loop");
	actr__loop_base_init(&self->base, &actr__loop_uv_ops);
	rc = uv_loop_init(&self->uv);
	if (rc < 0) {
		actr__free(self);
		return ACTR_FAIL_ERRNO(err, ACTR_E_IO, -rc, "cannot make an event loop");
	}
	rc = init_handles(self);
	if (rc < 0) {
		(void)uv_loop_close(&self->uv);
		actr__free(self);
		return ACTR_FAIL_ERRNO(err, ACTR_E_IO, -rc, "cannot make an event loop");
	}
	self->base.now_ns = actr__clock_monotonic_ns();
	*ret_loop = &self->base;
	return 0;
}
