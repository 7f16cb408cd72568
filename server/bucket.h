/* A token bucket with fractional refill: `per_second` in the long run, `burst` at once. */
#ifndef ACTRD_BUCKET_H
#define ACTRD_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint64_t millitokens;
	uint64_t at_ms; /* loop time of the last refill */
	uint32_t per_second;
	uint32_t burst;
};

void bucket_init(struct bucket *bucket, uint32_t per_second, uint32_t burst, uint64_t now_ms);
/* Take one; false when it is empty. */
bool bucket_take(struct bucket *bucket, uint64_t now_ms);

#endif
