/* Fail the n-th allocation, once. For tests that repeat a scenario until nothing fails any more. */
#ifndef ACTR_TESTS_TORTURE_H
#define ACTR_TESTS_TORTURE_H

#include <stdbool.h>
#include <stdlib.h>

#include <actr/hooks.h>

struct torture {
	unsigned long countdown; /* 0: nothing fails */
	bool failed;
};

static inline bool torture_fails(struct torture *t)
{
	if (t->countdown && --t->countdown == 0) {
		t->failed = true;
		return true;
	}
	return false;
}

static void *torture_allocate(void *user, size_t size)
{
	return torture_fails(user) ? NULL : malloc(size);
}

static void *torture_reallocate(void *user, void *block, size_t size)
{
	return torture_fails(user) ? NULL : realloc(block, size);
}

static void torture_release(void *user, void *block)
{
	(void)user;
	free(block);
}

static inline void torture_begin(struct torture *t)
{
	actr_allocator allocator = {torture_allocate, torture_reallocate, torture_release, t};

	t->countdown = 0;
	t->failed = false;
	actr_set_allocator(&allocator);
}

static inline void torture_end(void)
{
	actr_set_allocator(NULL);
}

#endif
