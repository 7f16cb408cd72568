/* Bytes and text that somebody else owns. */
#ifndef ACTR_BASE_STR_H
#define ACTR_BASE_STR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <actr/types.h>

static inline actr_bytes actr__bytes(const void *data, size_t size)
{
	return (actr_bytes){.data = data, .size = size};
}

static inline actr_bytes actr__text(const char *text)
{
	return (actr_bytes){.data = (const uint8_t *)text, .size = text ? strlen(text) : 0};
}

static inline bool actr__bytes_equal(actr_bytes a, actr_bytes b)
{
	return a.size == b.size && (!a.size || !memcmp(a.data, b.data, a.size));
}

static inline bool actr__bytes_equal_text(actr_bytes a, const char *text)
{
	return actr__bytes_equal(a, actr__text(text));
}

/* Copy text into a fixed array; false (and an empty string) when it does not fit or holds a 0. */
bool actr__copy_text(char *out, size_t out_size, actr_bytes text);
/* Well-formed UTF-8 (RFC 3629 4): no surrogate, no overlong form, nothing past U+10FFFF. */
bool actr__utf8_valid(const void *text, size_t size);
/* Lower-case hex; `out` holds 2 * size + 1. */
void actr__hex(const void *bytes, size_t size, char *out);

#endif
