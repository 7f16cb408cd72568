/*
 * getrandom(2) in pieces of 1 KiB a thread: a request id costs no system call most of the time.
 * A child after fork() draws anew.
 */
#include "base/random.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include <actr/error.h>
#include <actr/hooks.h>

#include "base/alloc.h"

static atomic_uint fork_count;

static int (*custom_fill)(void *user, void *bytes, size_t size);
static void *custom_user;

void actr_set_random(int (*fill)(void *, void *, size_t), void *user)
{
	custom_fill = fill;
	custom_user = user;
}

static int fill_from_kernel(uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t n = getrandom(bytes, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ACTR_E_INTERNAL;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

static void on_fork_child(void)
{
	atomic_fetch_add(&fork_count, 1);
}

static void watch_forks(void)
{
	/* Without the handler a child could repeat its parent's bytes: then use no pool at all. */
	atomic_store(&fork_count, pthread_atfork(NULL, NULL, on_fork_child) == 0 ? 1 : 0);
}

int actr__random(void *bytes, size_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static _Thread_local uint8_t pool[1024];
	static _Thread_local size_t left;
	static _Thread_local unsigned generation;
	unsigned now;

	if (custom_fill)
		return custom_fill(custom_user, bytes, size);
	pthread_once(&once, watch_forks);
	now = atomic_load_explicit(&fork_count, memory_order_relaxed);
	if (size > sizeof pool / 4 || !now)
		return fill_from_kernel(bytes, size);
	if (left < size || generation != now) {
		int rc = fill_from_kernel(pool, sizeof pool);

		if (rc < 0)
			return rc;
		left = sizeof pool;
		generation = now;
	}
	left -= size;
	memcpy(bytes, pool + left, size);
	actr__wipe(pool + left, size);
	return 0;
}

uint32_t actr__random_below(uint32_t bound)
{
	uint32_t word, limit = bound ? UINT32_MAX - UINT32_MAX % bound : 0;

	if (!bound)
		return 0;
	do {
		if (actr__random(&word, sizeof word) < 0)
			return 0;
	} while (word >= limit);
	return word % bound;
}

int actr__uuid4(char text[ACTR_UUID_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t bytes[16];
	int rc = actr__random(bytes, sizeof bytes);
	char *out = text;

	if (rc < 0)
		return rc;
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof bytes; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex[bytes[i] >> 4];
		*out++ = hex[bytes[i] & 15];
	}
	*out = 0;
	return 0;
}
