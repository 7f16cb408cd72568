#include "base/histogram.h"

uint64_t actr_histogram_bound_us(unsigned bucket)
{
	if (bucket >= ACTR_HISTOGRAM_BUCKETS - 1)
		return UINT64_MAX;
	if (bucket < 4)
		return bucket + 1;
	return (uint64_t)(5 + bucket % 4) << (bucket / 4 - 1);
}

uint64_t actr_histogram_quantile_us(const actr_histogram *histogram, double share)
{
	double clamped = share > 0 ? share < 1 ? share : 1 : 0;
	double exact = clamped * (double)histogram->count;
	uint64_t seen = 0, wanted = (uint64_t)exact;
	unsigned last = ACTR_HISTOGRAM_BUCKETS - 1;

	if (!histogram->count)
		return 0;
	if (!wanted || (double)wanted < exact)
		wanted++;
	for (unsigned i = 0; i < last; i++) {
		seen += histogram->buckets[i];
		if (seen >= wanted)
			return actr_histogram_bound_us(i);
	}
	return actr_histogram_bound_us(last - 1);
}

void actr__histogram_merge(actr_histogram *into, const actr_histogram *from)
{
	into->count += from->count;
	into->sum_ns += from->sum_ns;
	for (unsigned i = 0; i < ACTR_HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}
