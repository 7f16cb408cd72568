/* Packets in order become samples. See frame.c. */
#ifndef ACTR_RTP_FRAME_INTERNAL_H
#define ACTR_RTP_FRAME_INTERNAL_H

#include "wire/rtp/rtp_internal.h"

struct actr__frame {
	actr_codec codec;
	enum actr__rtp_mode mode;
	uint32_t ssrc;
	void (*on_sample)(void *user, const actr_sample *sample);
	void *user;

	struct actr__buf data;
	struct actr__rtp_piece piece;
	uint32_t timestamp;
	bool is_open, is_broken;
	bool has_begun; /* a packet has been here */
	bool has_gap;	/* right before the next packet */
	bool lacks_key; /* what comes cannot be decoded without a key frame */
	bool had_key;
	uint32_t lost; /* since the last sample */
	uint64_t samples, malformed;
};

/* `frame` is zeroed but for its first fields. */
void actr__frame_init(struct actr__frame *frame);
void actr__frame_done(struct actr__frame *frame);
void actr__frame_input(struct actr__frame *frame, const struct actr__rtp_header *packet);
/* `count` packets are missing before the next. */
void actr__frame_gap(struct actr__frame *frame, uint64_t count);
/* The sender began anew: what was under way is dropped. */
void actr__frame_restart(struct actr__frame *frame);
/* A key frame is on its way in. */
static inline bool actr__frame_has_key(const struct actr__frame *frame)
{
	return frame->is_open && !frame->is_broken && frame->piece.is_key_frame;
}

#endif
