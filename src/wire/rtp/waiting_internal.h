/* Packets that came before others that are missing. See waiting.c. */
#ifndef ACTR_RTP_WAITING_INTERNAL_H
#define ACTR_RTP_WAITING_INTERNAL_H

#include "wire/rtp/rtp_internal.h"

#define ACTR__WAITING_PACKETS_MAX 8192u

struct actr__waiting_slot {
	uint8_t *payload; /* of a packet that is here; NULL when it is empty */
	uint32_t size, timestamp;
	bool is_here, marker;
	uint8_t asked; /* times; of a missing one */
	uint64_t since_ns, first_asked_ns, asked_ns;
};

/* Sequence numbers first to end - 1; `first` is always missing, unless the ring is empty. */
struct actr__waiting {
	struct actr__waiting_slot *slots; /* capacity is 0 or a power of two */
	size_t capacity;
	uint64_t first, end; /* extended */
	size_t bytes, max_bytes;
	struct actr__rtp_budget *budget;
};

/* budget: shared with others, or NULL. */
void actr__waiting_init(struct actr__waiting *waiting, size_t max_bytes,
			struct actr__rtp_budget *budget);
void actr__waiting_done(struct actr__waiting *waiting);
/* Empties it; `first` is the next number expected. */
void actr__waiting_reset(struct actr__waiting *waiting, uint64_t first);
static inline struct actr__waiting_slot *actr__waiting_at(const struct actr__waiting *waiting,
							  uint64_t extended)
{
	return &waiting->slots[extended & (waiting->capacity - 1)];
}
static inline bool actr__waiting_empty(const struct actr__waiting *waiting)
{
	return waiting->first == waiting->end;
}
/* Whether a packet may be put without giving up what is before it. */
bool actr__waiting_has_room(const struct actr__waiting *waiting, uint64_t extended, size_t size);
/*
 * A copy of the packet, behind `first`; numbers before it that are new are missing from now on.
 * There must be room. ACTR_E_NOMEM: as if it had not come.
 */
int actr__waiting_put(struct actr__waiting *waiting, uint64_t extended,
		      const struct actr__rtp_header *packet, uint64_t now_ns);
/* Lets `first` go, here or missing. */
void actr__waiting_pop(struct actr__waiting *waiting);

#endif
