/* Memory: every allocation of the library goes through here. Any thread. */
#ifndef ACTR_BASE_ALLOC_H
#define ACTR_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <actr/hooks.h>

void *actr__alloc(size_t size) __attribute__((malloc, warn_unused_result));
void *actr__alloc0(size_t size) __attribute__((malloc, warn_unused_result));
/* On failure the old block is untouched. */
void *actr__realloc(void *block, size_t size) __attribute__((warn_unused_result));
void actr__free(void *block);
char *actr__strdup(const char *text) __attribute__((malloc, warn_unused_result));
char *actr__strndup(const char *text, size_t size) __attribute__((malloc, warn_unused_result));
void *actr__memdup(const void *bytes, size_t size) __attribute__((malloc, warn_unused_result));

#define actr__new0(type) ((type *)actr__alloc0(sizeof(type)))

/* a * b and a + b without overflow; false and untouched when they do not fit. */
static inline bool actr__mul_ok(size_t a, size_t b, size_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

static inline bool actr__add_ok(size_t a, size_t b, size_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

/* Overwrite a secret; the compiler may not drop it. */
void actr__wipe(void *bytes, size_t size);

/* For _cleanup_: frees what the variable points at. */
static inline void actr__freep(void *variable)
{
	void **block = variable;

	actr__free(*block);
}

#endif
