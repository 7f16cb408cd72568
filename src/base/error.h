/* Filling an actr_error. Any thread. */
#ifndef ACTR_BASE_ERROR_H
#define ACTR_BASE_ERROR_H

#include <stdarg.h>

#include <actr/error.h>

/* Fill `err` (may be NULL) and return `code`, so that a failure is one line. */
int actr__fail(actr_error *err, int code, const char *format, ...) ACTR_PRINTF(3, 4);
/* The same with errno `os_errno`, whose text is appended. */
int actr__fail_errno(actr_error *err, int code, int os_errno, const char *format, ...)
	ACTR_PRINTF(4, 5);
/* Put words that only the caller knows before the message that came from below; returns `code`. */
int actr__prefix(actr_error *err, int code, const char *format, ...) ACTR_PRINTF(3, 4);

#define ACTR_FAIL(err, code, ...)	    actr__fail((err), (code), __VA_ARGS__)
#define ACTR_FAIL_ERRNO(err, code, os, ...) actr__fail_errno((err), (code), (os), __VA_ARGS__)

#endif
