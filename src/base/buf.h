/* A growing byte buffer with a bound that it is told at birth. Not thread-safe. */
#ifndef ACTR_BASE_BUF_H
#define ACTR_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include <actr/export.h>

struct actr__buf {
	uint8_t *data;
	size_t size;
	size_t capacity;
	size_t max;
	int failed; /* first error of an append; later appends do nothing */
};

void actr__buf_init(struct actr__buf *buf, size_t max);
void actr__buf_done(struct actr__buf *buf);
/* Empty it, keep the memory. */
void actr__buf_clear(struct actr__buf *buf);
/* Room for `size` more bytes; the caller fills it and adds to buf->size. NULL on failure. */
uint8_t *actr__buf_reserve(struct actr__buf *buf, size_t size);
/* 0, ACTR_E_NOMEM or ACTR_E_TOO_LARGE; the result is kept in `failed` too. */
int actr__buf_append(struct actr__buf *buf, const void *bytes, size_t size);
int actr__buf_puts(struct actr__buf *buf, const char *text);
int actr__buf_printf(struct actr__buf *buf, const char *format, ...) ACTR_PRINTF(2, 3);
/* Drop bytes at the front. */
void actr__buf_consume(struct actr__buf *buf, size_t size);
/* The text with its terminating 0 (not counted in size); NULL when an append failed. Still the
 * buf's. */
char *actr__buf_text(struct actr__buf *buf);
/* The same, handed over to the caller (actr__free); the buf is empty afterwards. */
char *actr__buf_take_text(struct actr__buf *buf);

#endif
