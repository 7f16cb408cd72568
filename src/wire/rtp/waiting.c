/*
 * Packets that came before others that are missing: a ring by extended sequence number, which is
 * empty, and without memory, as long as packets come in order. Bounded by packets and by bytes;
 * who makes room is the receiver, by giving up the first that is missing.
 */
#include "wire/rtp/waiting_internal.h"

#define CAPACITY_MIN 64u
#define OVERHEAD     64u /* bytes that a packet costs beside its payload */

void actr__waiting_init(struct actr__waiting *waiting, size_t max_bytes,
			struct actr__rtp_budget *budget)
{
	*waiting = (struct actr__waiting){.max_bytes = max_bytes, .budget = budget};
}

static void count(struct actr__waiting *waiting, const struct actr__waiting_slot *slot, bool more)
{
	size_t bytes = slot->size + OVERHEAD;

	waiting->bytes = more ? waiting->bytes + bytes : waiting->bytes - bytes;
	if (waiting->budget)
		waiting->budget->bytes =
			more ? waiting->budget->bytes + bytes : waiting->budget->bytes - bytes;
}

void actr__waiting_done(struct actr__waiting *waiting)
{
	actr__waiting_reset(waiting, 0);
	actr__free(waiting->slots);
	waiting->slots = NULL;
	waiting->capacity = 0;
}

void actr__waiting_pop(struct actr__waiting *waiting)
{
	struct actr__waiting_slot *slot = actr__waiting_at(waiting, waiting->first++);

	if (slot->is_here)
		count(waiting, slot, false);
	actr__free(slot->payload);
	*slot = (struct actr__waiting_slot){0};
}

void actr__waiting_reset(struct actr__waiting *waiting, uint64_t first)
{
	while (!actr__waiting_empty(waiting))
		actr__waiting_pop(waiting);
	waiting->first = waiting->end = first;
}

static bool grow(struct actr__waiting *waiting, uint64_t slots)
{
	struct actr__waiting larger = *waiting;

	if (!larger.capacity)
		larger.capacity = CAPACITY_MIN;
	while (larger.capacity < slots)
		larger.capacity *= 2;
	larger.slots = actr__alloc0(larger.capacity * sizeof *larger.slots);
	if (!larger.slots)
		return false;
	for (uint64_t i = waiting->first; i < waiting->end; i++)
		*actr__waiting_at(&larger, i) = *actr__waiting_at(waiting, i);
	actr__free(waiting->slots);
	*waiting = larger;
	return true;
}

bool actr__waiting_has_room(const struct actr__waiting *waiting, uint64_t extended, size_t size)
{
	const struct actr__rtp_budget *budget = waiting->budget;

	return extended - waiting->first < ACTR__WAITING_PACKETS_MAX &&
	       waiting->bytes + size + OVERHEAD <= waiting->max_bytes &&
	       (!budget || budget->bytes + size + OVERHEAD <= budget->max_bytes);
}

int actr__waiting_put(struct actr__waiting *waiting, uint64_t extended,
		      const struct actr__rtp_header *packet, uint64_t now_ns)
{
	uint64_t slots = extended + 1 - waiting->first;
	struct actr__waiting_slot *slot;
	uint8_t *payload = NULL;

	if (slots > waiting->capacity && !grow(waiting, slots))
		return ACTR_E_NOMEM;
	if (packet->payload.size) {
		payload = actr__memdup(packet->payload.data, packet->payload.size);
		if (!payload)
			return ACTR_E_NOMEM;
	}
	for (; waiting->end <= extended; waiting->end++)
		actr__waiting_at(waiting, waiting->end)->since_ns = now_ns;
	slot = actr__waiting_at(waiting, extended);
	slot->payload = payload;
	slot->size = (uint32_t)packet->payload.size;
	slot->timestamp = packet->timestamp;
	slot->marker = packet->marker;
	slot->is_here = true;
	count(waiting, slot, true);
	return 0;
}
