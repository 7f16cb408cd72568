#include "bucket.h"

void bucket_init(struct bucket *bucket, uint32_t per_second, uint32_t burst, uint64_t now_ms)
{
	*bucket = (struct bucket){
		.millitokens = (uint64_t)burst * 1000,
		.at_ms = now_ms,
		.per_second = per_second,
		.burst = burst,
	};
}

bool bucket_take(struct bucket *bucket, uint64_t now_ms)
{
	uint64_t full = (uint64_t)bucket->burst * 1000;
	uint64_t added;

	/* per_second tokens in 1,000 ms are per_second thousandths in one. */
	if (__builtin_mul_overflow(now_ms - bucket->at_ms, (uint64_t)bucket->per_second, &added) ||
	    added > full - bucket->millitokens)
		added = full - bucket->millitokens;
	bucket->millitokens += added;
	bucket->at_ms = now_ms;
	if (bucket->millitokens < 1000)
		return false;
	bucket->millitokens -= 1000;
	return true;
}
