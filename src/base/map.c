/*
 * Chained buckets, doubled when there are more entries than buckets. A failed doubling is not an
 * error as long as a bucket array exists: chains only get longer.
 */
#include "base/map.h"

#include <pthread.h>
#include <string.h>

#include <actr/error.h>

#include "base/alloc.h"
#include "base/random.h"

static uint64_t seed[2];

static void draw_seed(void)
{
	/* Without random bytes the map still works, only its hash is predictable. */
	if (actr__random(seed, sizeof seed) < 0)
		seed[0] = 0x9e3779b97f4a7c15u;
}

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load(const uint8_t *at, size_t size)
{
	uint64_t word = 0;

	memcpy(&word, at, size);
	return word;
}

uint64_t actr__hash(const void *bytes, size_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const uint8_t *at = bytes;
	uint64_t h;

	pthread_once(&once, draw_seed);
	h = seed[0] ^ (size * 0x9e3779b97f4a7c15u);
	for (; size >= 16; at += 16, size -= 16)
		h = fold(load(at, 8) ^ seed[1], load(at + 8, 8) ^ h);
	if (size > 8)
		h = fold(load(at, 8) ^ seed[1], load(at + 8, size - 8) ^ h);
	else if (size)
		h = fold(load(at, size) ^ seed[1], h ^ 0xa0761d6478bd642fu);
	return fold(h ^ 0xe7037ed1a0b428dbu, seed[1] | 1);
}

void actr__map_init(struct actr__map *map, size_t max)
{
	memset(map, 0, sizeof *map);
	map->max = max;
}

void actr__map_done(struct actr__map *map)
{
	actr__free(map->buckets);
	map->buckets = NULL;
	map->bucket_count = map->count = 0;
}

static struct actr__map_node **bucket(const struct actr__map *map, uint64_t hash)
{
	return &map->buckets[hash & (map->bucket_count - 1)];
}

struct actr__map_node *actr__map_find(const struct actr__map *map, uint64_t hash,
				      actr__map_match match, const void *key)
{
	if (!map->bucket_count)
		return NULL;
	for (struct actr__map_node *node = *bucket(map, hash); node; node = node->next) {
		if (node->hash == hash && match(node, key))
			return node;
	}
	return NULL;
}

static int grow(struct actr__map *map)
{
	size_t count = map->bucket_count ? map->bucket_count * 2 : 16;
	struct actr__map_node **old = map->buckets;
	size_t old_count = map->bucket_count, bytes;
	struct actr__map_node **fresh;

	if (!actr__mul_ok(count, sizeof *fresh, &bytes))
		return ACTR_E_NOMEM;
	fresh = actr__alloc0(bytes);
	if (!fresh)
		return ACTR_E_NOMEM;
	map->buckets = fresh;
	map->bucket_count = count;
	for (size_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct actr__map_node *node = old[i];

			old[i] = node->next;
			node->next = *bucket(map, node->hash);
			*bucket(map, node->hash) = node;
		}
	}
	actr__free(old);
	return 0;
}

int actr__map_insert(struct actr__map *map, struct actr__map_node *node, uint64_t hash)
{
	if (map->count >= map->max)
		return ACTR_E_RESOURCE_EXHAUSTED;
	if (map->count >= map->bucket_count && grow(map) < 0 && !map->bucket_count)
		return ACTR_E_NOMEM;
	node->hash = hash;
	node->next = *bucket(map, hash);
	*bucket(map, hash) = node;
	map->count++;
	return 0;
}

void actr__map_remove(struct actr__map *map, struct actr__map_node *node)
{
	struct actr__map_node **at = bucket(map, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	node->next = NULL;
	map->count--;
}

struct actr__map_node *actr__map_any(const struct actr__map *map)
{
	for (size_t i = 0; map->count && i < map->bucket_count; i++) {
		if (map->buckets[i])
			return map->buckets[i];
	}
	return NULL;
}

void actr__map_each(const struct actr__map *map, bool (*visit)(struct actr__map_node *, void *),
		    void *user)
{
	for (size_t i = 0; i < map->bucket_count; i++) {
		for (struct actr__map_node *node = map->buckets[i]; node; node = node->next) {
			if (!visit(node, user))
				return;
		}
	}
}
