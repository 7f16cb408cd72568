/*
 * One table gives each error its name, wire code, retry class and text; nothing else in the library
 * knows such a number.
 */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

struct entry {
	int code;
	uint32_t wire;
	bool retryable;
	const char *name;
	const char *text;
};

static const struct entry entries[] = {
#define ENTRY(name, number, wire, retry, text) {number, wire, retry, "ACTR_E_" #name, text},
	ACTR_ERROR_MAP(ENTRY)
#undef ENTRY
};

#define ENTRY_COUNT (sizeof entries / sizeof entries[0])

static const struct entry *find(int code)
{
	for (size_t i = 0; i < ENTRY_COUNT; i++) {
		if (entries[i].code == code)
			return &entries[i];
	}
	return NULL;
}

const char *actr_error_name(int code)
{
	const struct entry *e = find(code);

	return e ? e->name : "ACTR_E_?";
}

const char *actr_error_text(int code)
{
	const struct entry *e = find(code);

	return e ? e->text : code >= 0 ? "success" : "unknown error";
}

uint32_t actr_error_to_wire(int code)
{
	const struct entry *e = find(code);

	return e ? e->wire : 500;
}

bool actr_error_retryable(int code)
{
	const struct entry *e = find(code);

	return e && e->retryable;
}

int actr_error_from_wire(uint32_t wire_code)
{
	/* reference.md 10 row 18: 10001 Unavailable … 10011 ConnectionNotReady. */
	static const int later[] = {
		ACTR_E_UNAVAILABLE,	  ACTR_E_TIMEOUT,	   ACTR_E_NOT_FOUND,
		ACTR_E_PERMISSION_DENIED, ACTR_E_INVALID_ARGUMENT, ACTR_E_NOT_FOUND,
		ACTR_E_NOT_FOUND,	  ACTR_E_INVALID_ARGUMENT, ACTR_E_UNIMPLEMENTED,
		ACTR_E_INTERNAL,	  ACTR_E_UNAVAILABLE,
	};

	if (wire_code >= 10001 && wire_code <= 10011)
		return later[wire_code - 10001];
	for (size_t i = 0; i < ENTRY_COUNT; i++) {
		if (entries[i].wire == wire_code)
			return entries[i].code;
	}
	return ACTR_E_INTERNAL;
}

static void fill(actr_error *err, int code, int os_errno, const char *format, va_list args)
{
	err->code = code;
	err->wire_code = actr_error_to_wire(code);
	err->os_errno = os_errno;
	vsnprintf(err->message, sizeof err->message, format, args);
}

int actr__fail(actr_error *err, int code, const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, format);
	fill(err, code, 0, format, args);
	va_end(args);
	return code;
}

int actr__fail_errno(actr_error *err, int code, int os_errno, const char *format, ...)
{
	va_list args;
	size_t used;

	if (!err)
		return code;
	va_start(args, format);
	fill(err, code, os_errno, format, args);
	va_end(args);
	used = strlen(err->message);
	snprintf(err->message + used, sizeof err->message - used, ": %s", strerror(os_errno));
	return code;
}

int actr__prefix(actr_error *err, int code, const char *format, ...)
{
	char below[sizeof err->message];
	va_list args;
	size_t used;

	if (!err)
		return code;
	memcpy(below, err->message, sizeof below);
	va_start(args, format);
	vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	used = strlen(err->message);
	snprintf(err->message + used, sizeof err->message - used, "%s", below);
	err->code = code;
	return code;
}
