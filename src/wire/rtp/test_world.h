/* A sender and a receiver with a path between them that loses, delays, copies: time is virtual. */
#ifndef ACTR_RTP_TEST_WORLD_H
#define ACTR_RTP_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "wire/rtp/rtp_internal.h"

#define IN_FLIGHT  8192
#define SAMPLE_MAX (1024 * 1024)
#define MS	   ACTR__NS_PER_MS
#define MID_ID	   5

struct flying {
	uint64_t at_ns;
	uint64_t order;
	bool to_receiver, is_rtcp;
	size_t size;
	uint8_t *data;
};

struct world {
	uint64_t now_ns;
	struct actr__rtp_sender *sender;
	struct actr__rtp_receiver *receiver;
	struct flying flying[IN_FLIGHT];
	size_t flying_count;
	uint64_t order;
	/* path */
	uint64_t delay_ns;
	uint32_t seed;
	unsigned loss_per_1000, copy_per_1000, reorder_per_1000;
	bool (*drops)(struct world *w, const struct actr__rtp_header *packet);
	unsigned drop_count;
	/* seen */
	unsigned samples, key_frames, asked_for_key_frame, reports, nacks_seen, rtcp_to_receiver;
	uint32_t lost_packets, last_timestamp, rtt_us, lost_per_1000;
	size_t packet_max;
	uint64_t marker_count;
	uint8_t *expected; /* bytes of the sample on its way; compared when not NULL */
	size_t expected_size;
	actr_sample last;
	uint8_t last_data[SAMPLE_MAX];
};

extern struct actr__rtp_budget *world_budget; /* of receivers made from now on; NULL: none */
struct world *world_new(actr_codec codec, enum actr__rtp_mode mode, bool nack, bool pli);
void world_free(struct world *w);
int64_t wall_ms(const struct world *w);
/* A millisecond after the other: what is due arrives, both sides tick. */
void advance(struct world *w, unsigned ms);
/* A frame of the codec with content that tells its place. Returns its size. */
size_t make_sample(actr_codec codec, uint8_t *out, size_t size, bool is_key);
void send_sample(struct world *w, const uint8_t *data, size_t size, uint32_t timestamp);

#endif
