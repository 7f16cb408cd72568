/*
 * The last 4,096 exchanges that we ended ourselves, as keyed hashes: an envelope of the original
 * says not whether it is a question or an answer, so one with such an id is a late answer (defect
 * 52).
 */
#include "gate/gate_internal.h"

void ended_add(struct ended *ended, uint64_t key)
{
	ended->ring[ended->next++ % ENDED_COUNT] = key;
}

bool ended_has(const struct ended *ended, uint64_t key)
{
	for (size_t i = 0; i < ENDED_COUNT; i++) {
		if (ended->ring[i] == key)
			return true;
	}
	return false;
}
