/* Counting into <actr/metrics.h>: histograms and outcomes. One thread each. */
#ifndef ACTR_BASE_HISTOGRAM_H
#define ACTR_BASE_HISTOGRAM_H

#include <actr/metrics.h>

/*
 * Bounds are inclusive, so values are looked at one less: 0 to 3 us have a bucket each, then every
 * power of two four, by the two bits below its highest.
 */
static inline unsigned actr__histogram_bucket(uint64_t ns)
{
	uint64_t us = (ns ? ns - 1 : 0) / 1000;
	unsigned high, bucket;

	if (us < 4)
		return (unsigned)us;
	high = 63u - (unsigned)__builtin_clzll(us);
	bucket = (high - 1) * 4 + (unsigned)(us >> (high - 2) & 3);
	return bucket < ACTR_HISTOGRAM_BUCKETS ? bucket : ACTR_HISTOGRAM_BUCKETS - 1;
}

static inline void actr__histogram_add(actr_histogram *histogram, uint64_t ns)
{
	histogram->count++;
	histogram->sum_ns += ns;
	histogram->buckets[actr__histogram_bucket(ns)]++;
}

/* To the counts of another. */
void actr__histogram_merge(actr_histogram *into, const actr_histogram *from);

/* Index of a result in an array of outcomes; codes that are not ours count as internal errors. */
static inline unsigned actr__outcome(int result)
{
	if (result >= 0)
		return 0;
	return result > -ACTR_METRICS_OUTCOMES ? (unsigned)-result : (unsigned)-ACTR_E_INTERNAL;
}

#endif
