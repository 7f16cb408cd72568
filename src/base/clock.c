#include "base/clock.h"

#include <time.h>

#include <actr/hooks.h>

static uint64_t system_monotonic_ns(void *user)
{
	struct timespec t;

	(void)user;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t system_wall_ms(void *user)
{
	struct timespec t;

	(void)user;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static actr_clock current = {system_monotonic_ns, system_wall_ms, NULL};

void actr_set_clock(const actr_clock *clock)
{
	static const actr_clock system_clock = {system_monotonic_ns, system_wall_ms, NULL};

	current = clock ? *clock : system_clock;
}

uint64_t actr__clock_monotonic_ns(void)
{
	return current.monotonic_ns(current.user);
}

int64_t actr__clock_wall_ms(void)
{
	return current.wall_ms(current.user);
}
