/* Packets that were sent, for repeats. See history.c. */
#ifndef ACTR_RTP_HISTORY_INTERNAL_H
#define ACTR_RTP_HISTORY_INTERNAL_H

#include "wire/rtp/rtp_internal.h"

#define ACTR__HISTORY_PACKETS_MAX 4096u
#define ACTR__HISTORY_BYTES_MAX	  (4u * 1024 * 1024)
#define ACTR__HISTORY_AGE_NS	  (1 * ACTR__NS_PER_S)

struct actr__history_packet {
	uint8_t *data; /* NULL: was not kept */
	uint32_t size;
	bool was_repeated;
	uint64_t sent_ns, repeated_ns;
};

struct actr__history {
	struct actr__history_packet *packets; /* by sequence number; capacity is a power of two */
	size_t capacity, count, bytes;
	uint16_t next; /* sequence number behind the newest */
};

void actr__history_init(struct actr__history *history);
void actr__history_done(struct actr__history *history);
/* The packet after the one before, header and payload. Without memory it is not kept. */
void actr__history_add(struct actr__history *history, uint16_t sequence, actr_bytes header,
		       actr_bytes payload, uint64_t now_ns);
/* Lets go what is too old to be asked for. */
void actr__history_expire(struct actr__history *history, uint64_t now_ns);
/* NULL: too old, or never sent. */
struct actr__history_packet *actr__history_find(struct actr__history *history, uint16_t sequence);

#endif
