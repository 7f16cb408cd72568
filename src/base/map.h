/*
 * Intrusive hash map with a bound: entries embed a node, only the bucket array is allocated.
 * Keys that a peer chooses are hashed with a secret seed. Not thread-safe.
 */
#ifndef ACTR_BASE_MAP_H
#define ACTR_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct actr__map_node {
	struct actr__map_node *next;
	uint64_t hash;
};

struct actr__map {
	struct actr__map_node **buckets;
	size_t bucket_count; /* power of two, or 0 */
	size_t count;
	size_t max;
};

typedef bool (*actr__map_match)(const struct actr__map_node *node, const void *key);

/* Keyed 64-bit hash of bytes; the seed is drawn once a process. */
uint64_t actr__hash(const void *bytes, size_t size);

/* Allocates nothing. `max` entries at most. */
void actr__map_init(struct actr__map *map, size_t max);
/* The entries are the caller's: empty it first, or let them go. */
void actr__map_done(struct actr__map *map);
struct actr__map_node *actr__map_find(const struct actr__map *map, uint64_t hash,
				      actr__map_match match, const void *key);
/* 0, ACTR_E_NOMEM, or ACTR_E_RESOURCE_EXHAUSTED at the bound. Does not look for an equal key. */
int actr__map_insert(struct actr__map *map, struct actr__map_node *node, uint64_t hash);
/* The node must be in the map. */
void actr__map_remove(struct actr__map *map, struct actr__map_node *node);
/* Any entry, or NULL: for emptying a map one by one. */
struct actr__map_node *actr__map_any(const struct actr__map *map);
/* Calls `visit` on each entry until it returns false. It must not change the map. */
void actr__map_each(const struct actr__map *map, bool (*visit)(struct actr__map_node *, void *),
		    void *user);

#endif
