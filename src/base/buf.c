#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <actr/error.h>

#include "base/alloc.h"

void actr__buf_init(struct actr__buf *buf, size_t max)
{
	memset(buf, 0, sizeof *buf);
	buf->max = max;
}

void actr__buf_done(struct actr__buf *buf)
{
	actr__free(buf->data);
	buf->data = NULL;
	buf->size = buf->capacity = 0;
}

void actr__buf_clear(struct actr__buf *buf)
{
	buf->size = 0;
	buf->failed = 0;
}

static int grow(struct actr__buf *buf, size_t need)
{
	size_t capacity = buf->capacity ? buf->capacity : 64;
	uint8_t *data;

	if (need > buf->max)
		return ACTR_E_TOO_LARGE;
	if (capacity > buf->max)
		capacity = buf->max;
	while (capacity < need)
		capacity = capacity > buf->max / 2 ? buf->max : capacity * 2;
	data = actr__realloc(buf->data, capacity);
	if (!data)
		return ACTR_E_NOMEM;
	buf->data = data;
	buf->capacity = capacity;
	return 0;
}

uint8_t *actr__buf_reserve(struct actr__buf *buf, size_t size)
{
	size_t need;

	if (buf->failed)
		return NULL;
	if (!actr__add_ok(buf->size, size, &need)) {
		buf->failed = ACTR_E_TOO_LARGE;
		return NULL;
	}
	if (need > buf->capacity || !buf->data)
		buf->failed = grow(buf, need);
	return buf->failed ? NULL : buf->data + buf->size;
}

int actr__buf_append(struct actr__buf *buf, const void *bytes, size_t size)
{
	uint8_t *room = actr__buf_reserve(buf, size);

	if (!room)
		return buf->failed;
	if (size)
		memcpy(room, bytes, size);
	buf->size += size;
	return 0;
}

int actr__buf_puts(struct actr__buf *buf, const char *text)
{
	return actr__buf_append(buf, text, strlen(text));
}

int actr__buf_printf(struct actr__buf *buf, const char *format, ...)
{
	va_list args;
	uint8_t *room;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		return buf->failed = ACTR_E_INVALID_ARGUMENT;
	room = actr__buf_reserve(buf, (size_t)n + 1);
	if (!room)
		return buf->failed;
	va_start(args, format);
	vsnprintf((char *)room, (size_t)n + 1, format, args);
	va_end(args);
	buf->size += (size_t)n;
	return 0;
}

void actr__buf_consume(struct actr__buf *buf, size_t size)
{
	if (size >= buf->size) {
		buf->size = 0;
		return;
	}
	memmove(buf->data, buf->data + size, buf->size - size);
	buf->size -= size;
}

char *actr__buf_text(struct actr__buf *buf)
{
	uint8_t *room = actr__buf_reserve(buf, 1);

	if (!room)
		return NULL;
	*room = 0;
	return (char *)buf->data;
}

char *actr__buf_take_text(struct actr__buf *buf)
{
	char *text = actr__buf_text(buf);

	if (text) {
		buf->data = NULL;
		buf->size = buf->capacity = 0;
	}
	return text;
}
