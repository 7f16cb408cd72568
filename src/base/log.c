/*
 * One sink for the process. It is replaced under a lock and called under a read lock, so after
 * actr_set_log() returns the old sink is not running any more.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int actr__log_level = -1;

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static void (*sink)(void *user, const actr_log_record *record); /* lock */
static void *sink_user;						/* lock */

void actr_set_log(actr_log_level level, void (*fn)(void *, const actr_log_record *), void *user)
{
	pthread_rwlock_wrlock(&lock);
	sink = fn;
	sink_user = user;
	__atomic_store_n(&actr__log_level, fn ? (int)level : -1, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&lock);
}

/* An id may be a peer's: no control character, space or quote leaves here. */
static const char *clean_id(const char *id, char *out, size_t size)
{
	size_t n = 0;

	for (; id[n] && n + 1 < size; n++)
		out[n] = id[n] > 0x20 && id[n] < 0x7f && id[n] != '"' ? id[n] : '?';
	out[n] = 0;
	return out;
}

void actr__log_emit(actr_log_level level, int severity, const char *category,
		    const struct actr__log_ids *ids, const char *format, ...)
{
	char message[1024], request_id[132];
	va_list args;
	actr_log_record record = {
		.size = sizeof record,
		.level = level,
		.severity = severity,
		.category = category,
		.message = message,
		.request_id = ids && ids->request_id
				      ? clean_id(ids->request_id, request_id, sizeof request_id)
				      : NULL,
		.trace_id = ids ? ids->trace_id : NULL,
	};

	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	pthread_rwlock_rdlock(&lock);
	if (sink)
		sink(sink_user, &record);
	pthread_rwlock_unlock(&lock);
}

void actr_log_stderr(void *user, const actr_log_record *record)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	(void)user;
	fprintf(stderr, "level=%s category=%s%s%s%s%s %s\n", names[record->level & 3],
		record->category, record->request_id ? " request_id=" : "",
		record->request_id ? record->request_id : "", record->trace_id ? " trace_id=" : "",
		record->trace_id ? record->trace_id : "", record->message);
}

char *actr__log_quote(const void *text, size_t size, char *out, size_t out_size)
{
	const unsigned char *in = text;
	size_t n = 0;

	if (out_size < 3) {
		if (out_size)
			out[0] = 0;
		return out;
	}
	out[n++] = '"';
	for (size_t i = 0; i < size && i < 64 && n + 2 < out_size; i++)
		out[n++] = in[i] < 0x20 || in[i] == '"' || in[i] == 0x7f ? '?' : (char)in[i];
	out[n++] = '"';
	out[n] = 0;
	return out;
}
