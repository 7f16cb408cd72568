/*
 * Every allocation of a connection fails once: it connects all the same or ends with a reason, and
 * nothing leaks, hangs or crashes. (GLib, OpenSSL and usrsctp have allocators of their own.)
 */
#include "wire/webrtc/test_world.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_long countdown; /* fails when it reaches 0; negative: never */
static atomic_long live;

static bool fails(void)
{
	return atomic_load(&countdown) >= 0 && atomic_fetch_sub(&countdown, 1) == 0;
}

static void *allocate(void *user, size_t size)
{
	void *block = fails() ? NULL : malloc(size);

	(void)user;
	if (block)
		atomic_fetch_add(&live, 1);
	return block;
}

static void *reallocate(void *user, void *block, size_t size)
{
	void *moved = fails() ? NULL : realloc(block, size);

	(void)user;
	if (moved && !block)
		atomic_fetch_add(&live, 1);
	return moved;
}

static void release(void *user, void *block)
{
	(void)user;
	atomic_fetch_sub(&live, 1);
	free(block);
}

static bool is_settled(struct world *w)
{
	return both_open(w) || (w->a.wire && w->a.wire->state == ACTR__WIRE_CLOSED) ||
	       (w->b.wire && w->b.wire->state == ACTR__WIRE_CLOSED);
}

/* True when no allocation was left to fail. */
static bool connect_with_failure(struct world *w, long index)
{
	static uint8_t data[30000];
	bool untouched;

	w->a.state_count = w->b.state_count = 0;
	atomic_store(&countdown, index);
	if (world_try_dial(w, &w->a) == 0) {
		w->b.may_fail = true;
		/* What got lost without a trace ends by the connect timeout. */
		assert_true(world_wait_ms(w, is_settled, 3000));
		for (unsigned i = 0; i < 4 && both_open(w); i++) {
			(void)actr__wire_send(w->a.wire, i, actr__bytes(data, sizeof data), NULL);
			world_pass(w, 1);
		}
	}
	untouched = atomic_exchange(&countdown, -1) >= 0;
	world_drop_wires(w);
	return untouched;
}

static void defect_58_any_allocation_of_a_connection_may_fail(void **st)
{
	static const actr_allocator allocator = {allocate, reallocate, release, NULL};
	struct world *w;
	long index = 0;

	(void)st;
	atomic_store(&countdown, -1);
	actr_set_allocator(&allocator);
	w = world_new();
	w->options.connect_timeout_ms = 400;
	while (!connect_with_failure(w, index))
		index++;
	print_message("# %ld allocations failed in turn\n", index);
	assert_true(index > 50);
	world_free(w);
	actr_set_allocator(NULL);
	assert_int_equal(atomic_load(&live), 0);
}

static bool has_news(struct world *w)
{
	return w->a.active || w->a.refused || !both_open(w);
}

/* A track is added, sends and goes; true when no allocation was left to fail. */
static bool send_with_failure(struct world *w, long index)
{
	static const uint8_t frame[5000] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 16, 0, 16, 0};
	const struct actr__media_ops *ops = w->a.wire->ops->media;
	struct actr__track_spec spec = {"camera", "stream", ACTR_CODEC_VP8};
	actr_sample sample = {.size = sizeof sample, .data = {frame, sizeof frame}};
	struct actr__wire_track *track = NULL;
	bool untouched;

	w->a.active = w->a.refused = 0;
	atomic_store(&countdown, index);
	if (ops->add(w->a.wire, &spec, &w->a, &track, NULL) == 0)
		(void)world_wait_ms(w, has_news, 50); /* a signal may get lost */
	for (unsigned i = 0; i < 4 && track && both_open(w); i++) {
		sample.timestamp += 3000;
		(void)ops->send(track, &sample, NULL);
		world_pass(w, 1);
	}
	untouched = atomic_exchange(&countdown, -1) >= 0;
	return untouched && w->a.active;
}

static void any_allocation_of_a_track_may_fail(void **st)
{
	static const actr_allocator allocator = {allocate, reallocate, release, NULL};
	struct world *w;
	long index = 0;
	bool done = false;

	(void)st;
	atomic_store(&countdown, -1);
	actr_set_allocator(&allocator);
	w = world_new();
	for (; !done; index++) {
		w->a.state_count = w->b.state_count = 0;
		world_connect(w);
		done = send_with_failure(w, index);
		world_drop_wires(w);
	}
	print_message("# %ld allocations failed in turn\n", index);
	assert_true(index > 10);
	assert_true(w->b.samples > 0);
	world_free(w);
	actr_set_allocator(NULL);
	assert_int_equal(atomic_load(&live), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defect_58_any_allocation_of_a_connection_may_fail),
		cmocka_unit_test(any_allocation_of_a_track_may_fail),
	};

	return cmocka_run_group_tests_name("nomem", tests, NULL, NULL);
}
