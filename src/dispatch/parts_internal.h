/*
 * Chunks larger than a message: their parts, told apart by a metadata entry of our own, and the
 * table of those that are not complete.
 */
#ifndef ACTR_DISPATCH_PARTS_INTERNAL_H
#define ACTR_DISPATCH_PARTS_INTERNAL_H

#include <stdatomic.h>

#include "base/base.h"
#include "protocol/protocol.h"

#define PART_KEY	   "actr.part"
#define PART_COUNT_MAX	   512u
#define PART_TEXT_SIZE	   28 /* 16 hex '/' 3 decimal '/' 3 decimal, and the 0; rounded up */
#define PARTIAL_PER_PEER   8u
#define PARTIAL_PEER_BYTES (16u * 1024 * 1024)
#define PARTIAL_ALL_BYTES  (64u * 1024 * 1024)
#define PARTIAL_KEPT_NS	   (10000ull * 1000000) /* since its last part */

struct part {
	uint64_t id; /* the sender's, of the whole chunk */
	uint32_t index, count;
};

/* The value of a PART_KEY entry: "<id in hex>/<index>/<count>". 0 or ACTR_E_DECODE. */
int part_parse(actr_bytes text, struct part *ret);
void part_format(const struct part *part, char out[PART_TEXT_SIZE]);
/* 1 to 16 lower-case digits from the beginning of *text, which moves behind them. */
bool part_take_hex(actr_bytes *text, uint64_t *ret);
/* 1: it is one; 0: an ordinary chunk; ACTR_E_DECODE. */
int part_of_chunk(const struct actr__chunk *chunk, struct part *ret);

struct joiner {
	struct actr__list partials; /* longest untouched first */
	size_t bytes;
	atomic_ullong dropped; /* partials given up */
};

void joiner_init(struct joiner *joiner);
void joiner_done(struct joiner *joiner);
/*
 * Take a part; its message's reference passes. 1: complete, *chunk is the whole and *ret_payload
 * its payload's memory (actr__free), *ret_head the message that holds the rest (unref); 0: more are
 * wanted; negative: dropped.
 */
int joiner_add(struct joiner *joiner, uint64_t now_ns, const actr_id *from, const struct part *part,
	       struct actr__chunk *chunk, struct actr__msg *msg, uint8_t **ret_payload,
	       struct actr__msg **ret_head);

#endif
