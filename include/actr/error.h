/*
 * Results and errors.
 *
 * Every fallible function returns 0 (or a positive count) on success and a negative ACTR_E_* code
 * on failure. Where a function takes an `actr_error *` as its last parameter, the pointer may be
 * NULL; when it is not, the object is filled on failure only. It lives on the caller's stack and
 * owns nothing.
 */
#ifndef ACTR_ERROR_H
#define ACTR_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include <actr/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * name, number, code on the wire (reference.md 6.4), worth a retry, short text.
 *
 * Codes that share a wire code become the first one of that wire code at the caller: there is one
 * vocabulary whether the answer came from this process or from another.
 */
#define ACTR_ERROR_MAP(X)                                                                          \
	X(INVALID_ARGUMENT, -1, 400, false, "invalid argument")                                    \
	X(UNAUTHENTICATED, -2, 401, false, "not authenticated")                                    \
	X(PERMISSION_DENIED, -3, 403, false, "permission denied")                                  \
	X(NOT_FOUND, -4, 404, false, "not found")                                                  \
	X(ALREADY_EXISTS, -5, 409, false, "already exists")                                        \
	X(RESOURCE_EXHAUSTED, -6, 429, true, "resource exhausted")                                 \
	X(CANCELLED, -7, 499, false, "cancelled")                                                  \
	X(INTERNAL, -8, 500, false, "internal error")                                              \
	X(UNIMPLEMENTED, -9, 501, false, "not implemented")                                        \
	X(UNAVAILABLE, -10, 503, true, "unavailable")                                              \
	X(TIMEOUT, -11, 504, true, "deadline exceeded")                                            \
	X(DECODE, -12, 400, false, "cannot be decoded")                                            \
	X(UNKNOWN_ROUTE, -13, 404, false, "unknown route")                                         \
	X(ENCODE, -14, 500, false, "cannot be encoded")                                            \
	X(STATE, -15, 500, false, "not possible in this state")                                    \
	X(STORAGE, -16, 503, true, "storage failed")                                               \
	X(NOMEM, -17, 503, true, "out of memory")                                                  \
	X(TOO_LARGE, -18, 400, false, "too large")                                                 \
	X(FAULT, -19, 400, false, "handler faulted")                                               \
	X(CONFIG, -20, 500, false, "configuration error")                                          \
	X(IO, -21, 503, true, "input/output error")                                                \
	X(PROTOCOL, -22, 400, false, "protocol violated")                                          \
	X(WOULD_BLOCK, -23, 503, true, "would block")                                              \
	X(CLOSED, -24, 503, true, "closed")                                                        \
	X(RECOVERING, -25, 503, true, "connection is recovering")

enum {
#define ACTR_ERROR_ENUM(name, number, wire, retry, text) ACTR_E_##name = number,
	ACTR_ERROR_MAP(ACTR_ERROR_ENUM)
#undef ACTR_ERROR_ENUM
};

typedef struct actr_error {
	int code;	    /* ACTR_E_* */
	uint32_t wire_code; /* as sent or received: 400, 404, 500, 503, 504 … */
	int os_errno;	    /* errno of the failed system call, else 0 */
	char message[244];  /* cause, place and next step; always terminated */
} actr_error;

#define ACTR_ERROR_INIT                                                                            \
	{                                                                                          \
		0, 0, 0,                                                                           \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

/* Name of a code, e.g. "ACTR_E_TIMEOUT"; "ACTR_E_?" for an unknown one. Any thread. */
ACTR_API const char *actr_error_name(int code);
/* Short text of a code, e.g. "deadline exceeded". Any thread. */
ACTR_API const char *actr_error_text(int code);
/* The code that an ErrorResponse carries for it (reference.md 6.4). Any thread. */
ACTR_API uint32_t actr_error_to_wire(int code);
/*
 * The code for a received ErrorResponse: the first of the map with that wire code. Codes 10001 to
 * 10011 of later versions (reference.md 10 row 18) are understood; any other is ACTR_E_INTERNAL.
 */
ACTR_API int actr_error_from_wire(uint32_t wire_code);
/* Whether the same request may succeed when it is sent again later. Any thread. */
ACTR_API bool actr_error_retryable(int code);

#ifdef __cplusplus
}
#endif
#endif
