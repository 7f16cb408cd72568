#include "wire/webrtc/pump_internal.h"

#include <poll.h>

#define ROUNDS	     32	  /* of one context in one turn */
#define TIMEOUT_MAX  2000 /* ms; a descriptor that could not be watched is looked at then */
#define TIMEOUT_POOR 20	  /* ms; when one could not be watched for want of memory */

static void on_ready(struct actr__io *io, unsigned events);

static struct actr__pump_slot *slot_of(struct actr__pump *pump, int fd)
{
	for (size_t i = 0; i < ACTR__PUMP_FDS; i++)
		if (pump->slots[i].io.fd == fd)
			return &pump->slots[i];
	return NULL;
}

static void unwatch(struct actr__pump *pump, struct actr__pump_slot *slot)
{
	if (slot->io.fd < 0)
		return;
	actr__io_stop(pump->loop, &slot->io);
	slot->io.fd = -1;
}

static bool watch(struct actr__pump *pump, const GPollFD *fd)
{
	unsigned events = (fd->events & G_IO_IN ? ACTR__IO_READ : 0) |
			  (fd->events & G_IO_OUT ? ACTR__IO_WRITE : 0);
	struct actr__pump_slot *slot = slot_of(pump, fd->fd);

	if (!slot)
		slot = slot_of(pump, -1);
	if (!slot)
		return false;
	slot->is_wanted = true;
	if (slot->io.fd == fd->fd && slot->events == events)
		return true;
	slot->io.fd = fd->fd;
	slot->events = events;
	if (actr__io_start(pump->loop, &slot->io, events, NULL) == 0)
		return true;
	slot->io.fd = -1;
	return false;
}

/* What the context waits for now. */
static void refresh(struct actr__pump *pump)
{
	GPollFD fds[ACTR__PUMP_FDS];
	gint priority, timeout_ms, count;
	bool all = true;

	if (!g_main_context_acquire(pump->context))
		return;
	(void)g_main_context_prepare(pump->context, &priority);
	count = g_main_context_query(pump->context, priority, &timeout_ms, fds, ACTR__PUMP_FDS);
	g_main_context_release(pump->context);
	for (size_t i = 0; i < ACTR__PUMP_FDS; i++)
		pump->slots[i].is_wanted = false;
	for (gint i = 0; i < count && i < ACTR__PUMP_FDS; i++)
		all = watch(pump, &fds[i]) && all;
	for (size_t i = 0; i < ACTR__PUMP_FDS; i++)
		if (!pump->slots[i].is_wanted)
			unwatch(pump, &pump->slots[i]);
	if (timeout_ms < 0 || timeout_ms > TIMEOUT_MAX)
		timeout_ms = TIMEOUT_MAX;
	if ((!all || count > ACTR__PUMP_FDS) && timeout_ms > TIMEOUT_POOR)
		timeout_ms = TIMEOUT_POOR;
	/* Without memory for the timer the descriptors still wake it. */
	(void)actr__timer_set(pump->loop, &pump->timer, (uint64_t)timeout_ms);
}

static void iterate(struct actr__pump *pump)
{
	g_main_context_push_thread_default(pump->context);
	for (int i = 0; i < ROUNDS && g_main_context_iteration(pump->context, FALSE); i++)
		;
	g_main_context_pop_thread_default(pump->context);
	refresh(pump);
}

static void on_ready(struct actr__io *io, unsigned events)
{
	(void)events;
	iterate(container_of(io, struct actr__pump_slot, io)->pump);
}

static void on_timer(struct actr__timer *timer)
{
	iterate(container_of(timer, struct actr__pump, timer));
}

void actr__pump_init(struct actr__pump *pump, struct actr__loop *loop)
{
	pump->loop = loop;
	/* We poll without owning it: GLib must always wake it when a source is added. */
	pump->context = g_main_context_new_with_flags(G_MAIN_CONTEXT_FLAGS_OWNERLESS_POLLING);
	actr__timer_init(&pump->timer, on_timer);
	for (size_t i = 0; i < ACTR__PUMP_FDS; i++)
		pump->slots[i] = (struct actr__pump_slot){.io = {.on_ready = on_ready, .fd = -1},
							  .pump = pump};
}

void actr__pump_enter(struct actr__pump *pump)
{
	g_main_context_push_thread_default(pump->context);
}

void actr__pump_leave(struct actr__pump *pump)
{
	g_main_context_pop_thread_default(pump->context);
	refresh(pump);
}

void actr__pump_stop(struct actr__pump *pump)
{
	for (size_t i = 0; i < ACTR__PUMP_FDS; i++)
		unwatch(pump, &pump->slots[i]);
	actr__timer_stop(pump->loop, &pump->timer);
}

void actr__pump_done(struct actr__pump *pump)
{
	actr__pump_stop(pump);
	g_main_context_unref(pump->context);
	pump->context = NULL;
}
