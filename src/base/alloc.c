/*
 * The allocator hook: three functions that are replaced together, before anything is allocated.
 */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static void *system_allocate(void *user, size_t size)
{
	(void)user;
	return malloc(size);
}

static void *system_reallocate(void *user, void *block, size_t size)
{
	(void)user;
	return realloc(block, size);
}

static void system_release(void *user, void *block)
{
	(void)user;
	free(block);
}

static const actr_allocator system_allocator = {system_allocate, system_reallocate, system_release,
						NULL};
static actr_allocator current = {system_allocate, system_reallocate, system_release, NULL};

void actr_set_allocator(const actr_allocator *allocator)
{
	current = allocator ? *allocator : system_allocator;
}

void *actr__alloc(size_t size)
{
	return current.allocate(current.user, size ? size : 1);
}

void *actr__alloc0(size_t size)
{
	void *block = actr__alloc(size);

	if (block)
		memset(block, 0, size ? size : 1);
	return block;
}

void *actr__realloc(void *block, size_t size)
{
	return current.reallocate(current.user, block, size ? size : 1);
}

void actr__free(void *block)
{
	if (block)
		current.release(current.user, block);
}

void actr_free(void *block)
{
	actr__free(block);
}

char *actr__strdup(const char *text)
{
	return actr__strndup(text, strlen(text));
}

char *actr__strndup(const char *text, size_t size)
{
	char *copy = actr__alloc(size + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, size);
	copy[size] = 0;
	return copy;
}

void *actr__memdup(const void *bytes, size_t size)
{
	void *copy = actr__alloc(size);

	if (copy && size)
		memcpy(copy, bytes, size);
	return copy;
}

void actr__wipe(void *bytes, size_t size)
{
	if (size)
		explicit_bzero(bytes, size);
}
