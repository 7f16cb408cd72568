/*
 * What is common to both loops.
 *
 * Timers: a binary heap of pointers into their owners, each knowing its index, so stopping is
 * O(log n) without a search; timers of one instant fire in the order of arming. Posted tasks:
 * producers push, and the first one to find no wake-up under way makes one; the consumer clears the
 * mark before it empties the queue, so no task is left behind.
 */
#include "loop/loop_internal.h"

#define TASKS_PER_TURN 4096 /* then io gets its share again */

void actr__loop_base_init(struct actr__loop *loop, const struct actr__loop_ops *ops)
{
	loop->ops = ops;
	actr__mpsc_init(&loop->posted);
	actr__list_init(&loop->deferred);
	actr__list_init(&loop->kept);
}

void actr__loop_base_done(struct actr__loop *loop)
{
	struct actr__list *link;

	while ((link = actr__list_pop(&loop->kept)))
		actr__free(link); /* it begins its block */
	actr__free(loop->heap);
}

struct actr__loop *actr__loop_free(struct actr__loop *loop)
{
	if (loop)
		loop->ops->free(loop);
	return NULL;
}

uint64_t actr__loop_now_ns(const struct actr__loop *loop)
{
	return loop->now_ns;
}

/* --- timers --- */

static bool before(const struct actr__timer *a, const struct actr__timer *b)
{
	return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->order < b->order);
}

static void place(struct actr__loop *loop, size_t index, struct actr__timer *timer)
{
	loop->heap[index] = timer;
	timer->index = index;
}

static void sift_up(struct actr__loop *loop, size_t index)
{
	struct actr__timer *timer = loop->heap[index];

	while (index > 1 && before(timer, loop->heap[index / 2])) {
		place(loop, index, loop->heap[index / 2]);
		index /= 2;
	}
	place(loop, index, timer);
}

static void sift_down(struct actr__loop *loop, size_t index)
{
	struct actr__timer *timer = loop->heap[index];

	for (;;) {
		size_t child = index * 2;

		if (child > loop->heap_count)
			break;
		if (child < loop->heap_count && before(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (!before(loop->heap[child], timer))
			break;
		place(loop, index, loop->heap[child]);
		index = child;
	}
	place(loop, index, timer);
}

static int heap_grow(struct actr__loop *loop)
{
	size_t capacity = loop->heap_capacity ? loop->heap_capacity * 2 : 64;
	struct actr__timer **heap = actr__realloc(loop->heap, capacity * sizeof *heap);

	if (!heap)
		return ACTR_E_NOMEM;
	loop->heap = heap;
	loop->heap_capacity = capacity;
	return 0;
}

int actr__timer_set_at(struct actr__loop *loop, struct actr__timer *timer, uint64_t due_ns)
{
	if (!timer->index) {
		if (loop->heap_count + 1 >= loop->heap_capacity)
			ACTR_TRY(heap_grow(loop));
		timer->due_ns = due_ns;
		timer->order = loop->timers_armed++;
		place(loop, ++loop->heap_count, timer);
		sift_up(loop, timer->index);
		return 0;
	}
	timer->due_ns = due_ns;
	timer->order = loop->timers_armed++;
	sift_up(loop, timer->index);
	sift_down(loop, timer->index);
	return 0;
}

int actr__timer_set(struct actr__loop *loop, struct actr__timer *timer, uint64_t delay_ms)
{
	uint64_t delay_ns, due_ns;

	if (__builtin_mul_overflow(delay_ms, (uint64_t)1000000, &delay_ns) ||
	    __builtin_add_overflow(loop->now_ns, delay_ns, &due_ns))
		due_ns = UINT64_MAX - 1;
	return actr__timer_set_at(loop, timer, due_ns);
}

void actr__timer_stop(struct actr__loop *loop, struct actr__timer *timer)
{
	size_t index = timer->index;
	struct actr__timer *last;

	if (!index)
		return;
	timer->index = 0;
	last = loop->heap[loop->heap_count--];
	if (last == timer)
		return;
	place(loop, index, last);
	sift_up(loop, index);
	sift_down(loop, last->index);
}

uint64_t actr__loop_next_due_ns(const struct actr__loop *loop)
{
	return loop->heap_count ? loop->heap[1]->due_ns : UINT64_MAX;
}

size_t actr__loop_run_timers(struct actr__loop *loop)
{
	/* Those armed by a callback for "now" wait for the next turn. */
	size_t budget = loop->heap_count, ran = 0;

	while (budget-- && loop->heap_count && loop->heap[1]->due_ns <= loop->now_ns) {
		struct actr__timer *timer = loop->heap[1];

		actr__timer_stop(loop, timer);
		timer->on_due(timer);
		ran++;
	}
	return ran;
}

/* --- tasks --- */

void actr__loop_post(struct actr__loop *loop, struct actr__task *task)
{
	actr__mpsc_push(&loop->posted, &task->node);
	/* The exchange is also the barrier between our push and the consumer's clearing of the
	 * mark. */
	if (!atomic_exchange(&loop->wake_pending, true))
		loop->ops->wake(loop);
}

void actr__loop_keep(struct actr__loop *loop, struct actr__list *link)
{
	actr__list_push(&loop->kept, link);
}

void actr__loop_defer(struct actr__loop *loop, struct actr__deferred *deferred)
{
	if (actr__list_empty(&deferred->link))
		actr__list_push(&loop->deferred, &deferred->link);
}

bool actr__loop_has_tasks(struct actr__loop *loop)
{
	return !actr__list_empty(&loop->deferred) || !actr__mpsc_empty(&loop->posted);
}

size_t actr__loop_run_tasks(struct actr__loop *loop)
{
	struct actr__mpsc_node *node;
	struct actr__list *link;
	size_t ran = 0;

	atomic_store(&loop->wake_pending, false);
	while (ran < TASKS_PER_TURN && (node = actr__mpsc_pop(&loop->posted))) {
		struct actr__task *task = container_of(node, struct actr__task, node);

		task->run(task);
		ran++;
	}
	while (ran < 2 * TASKS_PER_TURN && (link = actr__list_pop(&loop->deferred))) {
		struct actr__deferred *d = container_of(link, struct actr__deferred, link);

		d->run(d);
		ran++;
	}
	return ran;
}

bool actr__loop_is_current(const struct actr__loop *loop)
{
	pthread_t *runner = atomic_load_explicit(&((struct actr__loop *)(uintptr_t)loop)->runner,
						 memory_order_acquire);

	return runner && pthread_equal(*runner, pthread_self());
}

/* --- io --- */

int actr__io_start(struct actr__loop *loop, struct actr__io *io, unsigned events, actr_error *err)
{
	return loop->ops->io_start(loop, io, events, err);
}

void actr__io_stop(struct actr__loop *loop, struct actr__io *io)
{
	if (io->handle)
		loop->ops->io_stop(loop, io);
}
