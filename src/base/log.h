/* Log records to the host's sink; nothing is formatted when nobody listens. Any thread. */
#ifndef ACTR_BASE_LOG_H
#define ACTR_BASE_LOG_H

#include <actr/hooks.h>

struct actr__log_ids {
	const char *request_id; /* or NULL */
	const char *trace_id;	/* or NULL */
};

extern int actr__log_level; /* -1: no sink */

void actr__log_emit(actr_log_level level, int severity, const char *category,
		    const struct actr__log_ids *ids, const char *format, ...) ACTR_PRINTF(5, 6);

#define ACTR_LOG_IDS(level, severity, category, ids, ...)                                          \
	do {                                                                                       \
		if ((int)(level) <= __atomic_load_n(&actr__log_level, __ATOMIC_RELAXED))           \
			actr__log_emit((level), (severity), (category), (ids), __VA_ARGS__);       \
	} while (0)

#define ACTR_LOG(level, severity, category, ...)                                                   \
	ACTR_LOG_IDS(level, severity, category, NULL, __VA_ARGS__)

#define ACTR_DEBUG(category, ...)	   ACTR_LOG(ACTR_LOG_DEBUG, 0, category, __VA_ARGS__)
#define ACTR_INFO(category, ...)	   ACTR_LOG(ACTR_LOG_INFO, 0, category, __VA_ARGS__)
#define ACTR_WARN(severity, category, ...) ACTR_LOG(ACTR_LOG_WARN, severity, category, __VA_ARGS__)
#define ACTR_ERR(severity, category, ...)  ACTR_LOG(ACTR_LOG_ERROR, severity, category, __VA_ARGS__)

/*
 * A peer's string for a log line: at most 64 bytes, control and quote characters as '?', in `out`
 * of at least 68 bytes with its own quotes. Returns out.
 */
char *actr__log_quote(const void *text, size_t size, char *out, size_t out_size);

#endif
