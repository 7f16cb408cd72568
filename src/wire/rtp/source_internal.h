/* Sequence numbers and statistics of one sender's packets. See source.c. */
#ifndef ACTR_RTP_SOURCE_INTERNAL_H
#define ACTR_RTP_SOURCE_INTERNAL_H

#include "wire/rtp/rtp_internal.h"

#define ACTR__SOURCE_WINDOW 8192u /* packets, power of two: farther is a jump */

enum actr__source_verdict {
	ACTR__SOURCE_NEW,
	ACTR__SOURCE_DUPLICATE,
	ACTR__SOURCE_JUMP,    /* out of the window; not believed yet */
	ACTR__SOURCE_RESTART, /* as NEW, but nothing before it counts any more */
};

struct actr__source {
	bool has_begun;
	uint64_t base, highest; /* extended sequence numbers; `base` is at least 65,536 */
	uint64_t received;
	uint64_t expected_before, received_before; /* at the last report */
	uint32_t clock_rate, transit, jitter;	   /* jitter: clock units * 16 */
	bool has_transit;
	uint16_t after_jump; /* sequence number that would make a jump believed */
	unsigned jumps, old_in_row;
	uint64_t lsr_ns;
	uint32_t lsr; /* 0: no SR yet */
	uint64_t seen[ACTR__SOURCE_WINDOW / 64];
};

void actr__source_init(struct actr__source *source, uint32_t clock_rate);
/* Counts it. *ret_extended: its extended sequence number, unless JUMP. */
enum actr__source_verdict actr__source_input(struct actr__source *source,
					     const struct actr__rtp_header *packet, uint64_t now_ns,
					     uint64_t *ret_extended);
/* It could not be kept: a repeat of it is no duplicate. */
void actr__source_forget(struct actr__source *source, uint64_t extended);
/* Closes the interval. */
struct actr__rtcp_report actr__source_report(struct actr__source *source, uint32_t ssrc,
					     uint64_t now_ns);
uint32_t actr__source_jitter_us(const struct actr__source *source);

#endif
