/* The only place that reads a clock. Loop code asks the loop for its cached now instead. */
#ifndef ACTR_BASE_CLOCK_H
#define ACTR_BASE_CLOCK_H

#include <stdint.h>

uint64_t actr__clock_monotonic_ns(void);
/* Milliseconds since 1970-01-01T00:00:00Z. */
int64_t actr__clock_wall_ms(void);

#endif
