/*
 * Packets in order, with what is known of gaps between them, become samples.
 *
 * A frame of video is the packets of one timestamp; it ends with the marker or, for senders that
 * set none, before the next timestamp. A frame with a gap in it is dropped whole. A gap before a
 * frame's first packet raises the question whether it is the first: VP8 tells (S bit), H.264 only
 * sometimes (see h264.c), and when it does not, the frame is dropped too. After a dropped frame
 * the next ones are delivered all the same: the application's decoder knows what it can do with
 * them, and sees lost_packets. But until a key frame comes, `lacks_key` says that one is wanted.
 */
#include "wire/rtp/frame_internal.h"

#define KEPT_MAX (256u * 1024u) /* bytes */

void actr__frame_init(struct actr__frame *frame)
{
	actr__buf_init(&frame->data, ACTR_SAMPLE_MAX);
}

void actr__frame_done(struct actr__frame *frame)
{
	actr__buf_done(&frame->data);
}

static bool is_video(const struct actr__frame *frame)
{
	return frame->codec != ACTR_CODEC_OPUS;
}

static void deliver(struct actr__frame *frame, actr_bytes data, bool is_key_frame)
{
	actr_sample sample = {
		.size = sizeof sample,
		.data = data,
		.timestamp = frame->timestamp,
		.codec = frame->codec,
		.kind = actr__rtp_kind(frame->codec),
		.ssrc = frame->ssrc,
		.is_key_frame = is_key_frame,
		.lost_packets = frame->lost,
	};

	if (is_key_frame)
		frame->had_key = true, frame->lacks_key = false;
	else if (!frame->had_key)
		frame->lacks_key = true;
	frame->lost = 0;
	frame->samples++;
	frame->on_sample(frame->user, &sample);
}

static void drop(struct actr__frame *frame)
{
	frame->lacks_key = is_video(frame);
}

static void end(struct actr__frame *frame)
{
	if (!frame->is_open)
		return;
	frame->is_open = false;
	if (frame->piece.open_unit && !frame->is_broken) {
		frame->is_broken = true;
		frame->malformed++;
	}
	if (frame->is_broken || !frame->data.size)
		drop(frame);
	else
		deliver(frame, actr__bytes(frame->data.data, frame->data.size),
			frame->piece.is_key_frame);
}

static int unpack(struct actr__frame *frame, actr_bytes payload)
{
	return frame->codec == ACTR_CODEC_VP8
		       ? actr__vp8_unpack(payload, &frame->data, &frame->piece)
		       : actr__h264_unpack(payload, &frame->data, &frame->piece);
}

/* Whether the packet just unpacked may be its frame's first. */
static bool is_first(const struct actr__frame *frame, bool has_begun, bool has_gap)
{
	if (frame->codec == ACTR_CODEC_VP8 || has_gap)
		return frame->piece.begins == ACTR__BEGINS_SURE;
	return has_begun || frame->piece.begins != ACTR__BEGINS_NOT;
}

/* A large one, as a key frame is, does not stay allocated. */
static void forget_data(struct actr__frame *frame)
{
	if (frame->data.capacity > KEPT_MAX) {
		actr__buf_done(&frame->data);
		actr__buf_init(&frame->data, ACTR_SAMPLE_MAX);
	}
	actr__buf_clear(&frame->data);
}

static void input_video(struct actr__frame *frame, const struct actr__rtp_header *packet)
{
	bool has_gap = frame->has_gap, has_begun = frame->has_begun, is_new;
	int rc;

	if (frame->is_open && frame->timestamp != packet->timestamp)
		end(frame);
	frame->has_gap = false;
	frame->has_begun = true;
	is_new = !frame->is_open;
	if (is_new) {
		frame->is_open = true;
		frame->is_broken = false;
		frame->timestamp = packet->timestamp;
		frame->piece = (struct actr__rtp_piece){.begins = ACTR__BEGINS_NOT};
		forget_data(frame);
	}
	if (!frame->is_broken) {
		rc = unpack(frame, packet->payload);
		frame->malformed += rc < 0 && rc != ACTR_E_NOMEM;
		frame->is_broken = rc < 0 || (is_new && !is_first(frame, has_begun, has_gap));
	}
	if (packet->marker)
		end(frame);
}

static bool is_raw_key_frame(const struct actr__frame *frame, actr_bytes payload)
{
	switch (frame->codec) {
	case ACTR_CODEC_VP8:
		return actr__vp8_is_key_frame(payload);
	case ACTR_CODEC_H264:
		return actr__h264_is_key_frame(payload);
	case ACTR_CODEC_OPUS:
		return true;
	}
	return false;
}

void actr__frame_input(struct actr__frame *frame, const struct actr__rtp_header *packet)
{
	/* Padding alone (RFC 3550 5.1) fills sequence numbers, not frames. */
	if (!packet->payload.size)
		return;
	if (frame->mode == ACTR__RTP_PAYLOAD_FORMAT && is_video(frame)) {
		input_video(frame, packet);
		return;
	}
	frame->timestamp = packet->timestamp;
	deliver(frame, packet->payload, is_raw_key_frame(frame, packet->payload));
}

void actr__frame_gap(struct actr__frame *frame, uint64_t count)
{
	frame->lost = count > UINT32_MAX - frame->lost ? UINT32_MAX : frame->lost + (uint32_t)count;
	frame->has_gap = true;
	frame->is_broken |= frame->is_open;
	drop(frame);
}

void actr__frame_restart(struct actr__frame *frame)
{
	frame->is_open = frame->has_begun = frame->has_gap = false;
	drop(frame);
}
