/* Unpredictable bytes. Any thread. */
#ifndef ACTR_BASE_RANDOM_H
#define ACTR_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define ACTR_UUID_SIZE 37 /* with the terminating 0 */

int actr__random(void *bytes, size_t size);
/* 0 to bound-1 without bias; 0 when bound is 0. For jitter, not for secrets. */
uint32_t actr__random_below(uint32_t bound);
/* A random UUID, version 4 (RFC 9562 5.4), as hyphenated lower-case text. */
int actr__uuid4(char text[ACTR_UUID_SIZE]);

#endif
