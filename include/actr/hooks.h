/*
 * What a host may replace in the whole process: memory, log, clock, random. Set them once, before
 * any other call of the library; they are never changed back by it.
 */
#ifndef ACTR_HOOKS_H
#define ACTR_HOOKS_H

#include <stddef.h>
#include <stdint.h>

#include <actr/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All three together or none. They must be callable from any thread. */
typedef struct actr_allocator {
	void *(*allocate)(void *user, size_t size);
	void *(*reallocate)(void *user, void *block, size_t size);
	void (*release)(void *user, void *block);
	void *user;
} actr_allocator;

/* NULL restores malloc, realloc and free. Not thread-safe: before the first other call. */
ACTR_API void actr_set_allocator(const actr_allocator *allocator);
/* For what the library hands over as a block, e.g. a text. NULL is fine. Any thread. */
ACTR_API void actr_free(void *block);

typedef enum actr_log_level {
	ACTR_LOG_ERROR = 0,
	ACTR_LOG_WARN = 1,
	ACTR_LOG_INFO = 2,
	ACTR_LOG_DEBUG = 3
} actr_log_level;

typedef struct actr_log_record {
	size_t size; /* sizeof *record, grows in later versions */
	actr_log_level level;
	int severity;		/* 1 to 10 as in reference.md 6.4; 0 when it has none */
	const char *category;	/* "transport_error", "handler_error" …; never NULL */
	const char *message;	/* one line of key=value text, no newline */
	const char *request_id; /* or NULL */
	const char *trace_id;	/* 32 hex digits, or NULL */
} actr_log_record;

/*
 * The library itself prints nothing: without a sink, records are dropped. The sink is called from
 * any thread, must not call back into the library, and the record is gone when it returns. Records
 * above `level` are not formatted. May be called again at any time; NULL unregisters.
 */
ACTR_API void actr_set_log(actr_log_level level,
			   void (*sink)(void *user, const actr_log_record *record), void *user);
/* A sink that writes one `key=value` line a record to stderr; user is ignored. */
ACTR_API void actr_log_stderr(void *user, const actr_log_record *record);

typedef struct actr_clock {
	uint64_t (*monotonic_ns)(void *user);
	int64_t (*wall_ms)(void *user); /* milliseconds since 1970-01-01T00:00:00Z */
	void *user;
} actr_clock;

ACTR_API void actr_set_clock(const actr_clock *clock);

/* Fill with unpredictable bytes; 0 or a negative ACTR_E_*. NULL restores getrandom(2). */
ACTR_API void actr_set_random(int (*fill)(void *user, void *bytes, size_t size), void *user);

#ifdef __cplusplus
}
#endif
#endif
