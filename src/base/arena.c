/*
 * Blocks double from 1 KiB; what is larger than a block gets one of its own size. Freed all at
 * once.
 */
#include "base/arena.h"

#include <string.h>

#include "base/alloc.h"

#define FIRST_BLOCK_SIZE 1024
#define MAX_BLOCK_SIZE	 (64 * 1024)

struct actr__arena_block {
	struct actr__arena_block *next;
	size_t size;
	_Alignas(16) uint8_t bytes[];
};

void actr__arena_init(struct actr__arena *arena, void *first, size_t first_size, size_t limit)
{
	uintptr_t begin = ((uintptr_t)first + 15) & ~(uintptr_t)15;
	uintptr_t end = (uintptr_t)first + first_size;

	arena->at = first && begin < end ? (uint8_t *)begin : NULL;
	arena->end = first && begin < end ? (uint8_t *)end : NULL;
	arena->blocks = NULL;
	arena->used = 0;
	arena->limit = limit;
}

void *actr__arena_alloc_slow(struct actr__arena *arena, size_t size)
{
	size_t want = arena->blocks ? arena->blocks->size * 2 : FIRST_BLOCK_SIZE;
	size_t rounded = (size + 15) & ~(size_t)15;
	struct actr__arena_block *block;
	size_t total;

	if (want > MAX_BLOCK_SIZE)
		want = MAX_BLOCK_SIZE;
	if (want < rounded)
		want = rounded;
	if (rounded < size || arena->used > arena->limit || want > arena->limit - arena->used)
		want = rounded; /* a full block no longer fits: exactly this piece may */
	if (rounded < size || arena->used > arena->limit || want > arena->limit - arena->used ||
	    !actr__add_ok(sizeof *block, want, &total))
		return NULL;
	block = actr__alloc(total);
	if (!block)
		return NULL;
	block->next = arena->blocks;
	block->size = want;
	arena->blocks = block;
	arena->used += want;
	arena->at = block->bytes + rounded;
	arena->end = block->bytes + want;
	return block->bytes;
}

void *actr__arena_memdup(struct actr__arena *arena, const void *bytes, size_t size)
{
	void *copy = actr__arena_alloc(arena, size);

	if (copy && size)
		memcpy(copy, bytes, size);
	return copy;
}

char *actr__arena_strndup(struct actr__arena *arena, const void *text, size_t size)
{
	char *copy = size < SIZE_MAX ? actr__arena_alloc(arena, size + 1) : NULL;

	if (!copy)
		return NULL;
	if (size)
		memcpy(copy, text, size);
	copy[size] = 0;
	return copy;
}

void actr__arena_done(struct actr__arena *arena)
{
	while (arena->blocks) {
		struct actr__arena_block *next = arena->blocks->next;

		actr__free(arena->blocks);
		arena->blocks = next;
	}
	arena->at = arena->end = NULL;
	arena->used = 0;
}
