/*
 * Arena: many small allocations that die together. Not thread-safe.
 */
#ifndef ACTR_BASE_ARENA_H
#define ACTR_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct actr__arena_block;

struct actr__arena {
	uint8_t *at;  /* next free byte */
	uint8_t *end; /* of the current block */
	struct actr__arena_block *blocks;
	size_t used;  /* bytes in `blocks`, without the caller's first piece */
	size_t limit; /* of `used` */
};

/* `first` (may be NULL, size 0) is the caller's and is used before any block is allocated. */
void actr__arena_init(struct actr__arena *arena, void *first, size_t first_size, size_t limit);
/* 16-byte aligned; NULL when memory or the limit is exhausted. */
void *actr__arena_alloc_slow(struct actr__arena *arena, size_t size);
char *actr__arena_strndup(struct actr__arena *arena, const void *text, size_t size);
void *actr__arena_memdup(struct actr__arena *arena, const void *bytes, size_t size);
/* Frees the blocks; the arena may be initialised again. */
void actr__arena_done(struct actr__arena *arena);

static inline void *actr__arena_alloc(struct actr__arena *arena, size_t size)
{
	size_t rounded = (size + 15) & ~(size_t)15;

	if (rounded >= size && rounded <= (size_t)(arena->end - arena->at)) {
		void *piece = arena->at;

		arena->at += rounded;
		return piece;
	}
	return actr__arena_alloc_slow(arena, size);
}

#endif
