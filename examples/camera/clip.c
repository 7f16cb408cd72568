/*
 * H.264 (ITU-T H.264, constrained baseline) as small as it gets. A macroblock, 16 by 16 pixels, is
 * either I_PCM, its samples as they are, or skipped: as in the picture before. So every decoder
 * gives back exactly the pixels that went in.
 */
#include "clip.h"

#include <string.h>

#define MB	      16u /* pixels of a macroblock's side */
#define MBS_X	      (CLIP_WIDTH / MB)
#define MBS_Y	      (CLIP_HEIGHT / MB)
#define SQUARE	      16u /* pixels */
#define SQUARE_STEP   2u  /* pixels a picture */
#define FIELD_WIDTH   4u  /* of the number's binary digits */
#define FIELD_TOP     (CLIP_HEIGHT - 4)
#define UNIT_MAX      6144u /* bytes: 12 macroblocks of 384, and headers */
#define NAL_SLICE     0x61  /* nal_ref_idc 3, nal_unit_type 1 */
#define NAL_KEY_SLICE 0x65  /* 5: IDR */
#define NAL_SPS	      0x67
#define NAL_PPS	      0x68

/* --- the film --- */

static bool in_square(uint32_t number, uint32_t x, uint32_t y)
{
	uint32_t left = number * SQUARE_STEP % CLIP_WIDTH; /* comes in again on the left */

	return y < SQUARE && (x - left + CLIP_WIDTH) % CLIP_WIDTH < SQUARE;
}

static uint8_t luma(uint32_t number, uint32_t x, uint32_t y)
{
	if (y >= FIELD_TOP)
		return number >> (15 - x / FIELD_WIDTH) & 1 ? 235 : 16;
	return in_square(number, x, y) ? 0 : (uint8_t)(16 + 2 * x + y);
}

/* Of a pixel with even x and y: each stands for four. */
static uint8_t blue(uint32_t number, uint32_t x, uint32_t y)
{
	return y >= FIELD_TOP || in_square(number, x, y) ? 128 : (uint8_t)(64 + 2 * x);
}

static uint8_t red(uint32_t number, uint32_t x, uint32_t y)
{
	return y >= FIELD_TOP || in_square(number, x, y) ? 128 : (uint8_t)(64 + 2 * y);
}

/* Does macroblock mb of this picture differ from the one before? The colours move with luma. */
static bool has_changed(uint32_t number, uint32_t mb)
{
	uint32_t left = mb % MBS_X * MB, top = mb / MBS_X * MB;

	for (uint32_t y = top; y < top + MB; y++) {
		for (uint32_t x = left; x < left + MB; x++) {
			if (luma(number, x, y) != luma(number - 1, x, y))
				return true;
		}
	}
	return false;
}

/* --- bits (7.2) --- */

struct bits {
	uint8_t bytes[UNIT_MAX]; /* all zero at first */
	size_t count;
};

static void put(struct bits *b, uint32_t value, unsigned count)
{
	while (count--) {
		if (value >> count & 1)
			b->bytes[b->count / 8] |= (uint8_t)(0x80 >> b->count % 8);
		b->count++;
	}
}

/* Exp-Golomb (9.1): as many zeros as digits follow the first one of value + 1. */
static void put_ue(struct bits *b, uint32_t value)
{
	unsigned digits = 0;

	while ((value + 1) >> (digits + 1))
		digits++;
	put(b, 0, digits);
	put(b, value + 1, digits + 1);
}

static void align(struct bits *b)
{
	b->count = (b->count + 7) / 8 * 8;
}

/* --- parameter sets (7.3.2) --- */

static void put_sps(struct bits *b)
{
	put(b, 66, 8);	 /* profile_idc: baseline, */
	put(b, 0xe0, 8); /* constrained */
	put(b, 31, 8);	 /* level 3.1, which all of WebRTC decodes (RFC 7742 6.2) */
	put_ue(b, 0);	 /* its id */
	put_ue(b, 12);	 /* frame_num has 12 + 4 bits */
	put_ue(b, 2);	 /* shown in the order of decoding */
	put_ue(b, 1);	 /* reference frames */
	put(b, 0, 1);	 /* no gaps in frame_num */
	put_ue(b, MBS_X - 1);
	put_ue(b, MBS_Y - 1);
	put(b, 1, 1); /* frames, not fields */
	put(b, 1, 1); /* direct_8x8_inference */
	put(b, 0, 1); /* no cropping */
	put(b, 0, 1); /* no VUI */
}

static void put_pps(struct bits *b)
{
	put_ue(b, 0); /* its id */
	put_ue(b, 0); /* of the SPS */
	put(b, 0, 2); /* CAVLC; no order for fields */
	put_ue(b, 0); /* one slice group */
	put_ue(b, 0); /* num_ref_idx 1 */
	put_ue(b, 0);
	put(b, 0, 3); /* no weighted prediction */
	put_ue(b, 0); /* quantizers and their offset: nothing is quantized */
	put_ue(b, 0);
	put_ue(b, 0);
	put(b, 1, 1); /* slices say whether they are deblocked */
	put(b, 0, 2); /* intra from inter is allowed; no redundant pictures */
}

/* --- slices: one a picture (7.3.3, 7.3.4) --- */

static void put_slice_header(struct bits *b, const struct clip *clip, bool is_key)
{
	put_ue(b, 0);		   /* the first macroblock */
	put_ue(b, is_key ? 7 : 5); /* I or P, as the whole picture */
	put_ue(b, 0);		   /* the PPS */
	put(b, clip->since_key, 16);
	if (is_key) {
		put_ue(b, clip->key_count & 0xffff); /* differs from the IDR before */
		put(b, 0, 2);			     /* not a long-term reference */
	} else {
		put(b, 0, 3); /* references, their order and keeping: the usual */
	}
	put_ue(b, 0); /* the PPS's quantizer */
	put_ue(b, 1); /* not deblocked */
}

static void put_pcm(struct bits *b, uint32_t number, uint32_t mb)
{
	uint32_t left = mb % MBS_X * MB, top = mb / MBS_X * MB;

	align(b);
	for (uint32_t i = 0; i < MB * MB; i++)
		put(b, luma(number, left + i % MB, top + i / MB), 8);
	for (uint32_t i = 0; i < MB * MB / 4; i++)
		put(b, blue(number, left + i % (MB / 2) * 2, top + i / (MB / 2) * 2), 8);
	for (uint32_t i = 0; i < MB * MB / 4; i++)
		put(b, red(number, left + i % (MB / 2) * 2, top + i / (MB / 2) * 2), 8);
}

static void put_slice(struct bits *b, const struct clip *clip, bool is_key)
{
	uint32_t skipped = 0;

	put_slice_header(b, clip, is_key);
	for (uint32_t mb = 0; mb < MBS_X * MBS_Y; mb++) {
		if (!is_key && !has_changed(clip->number, mb)) {
			skipped++;
			continue;
		}
		if (!is_key)
			put_ue(b, skipped);
		skipped = 0;
		put_ue(b, is_key ? 25 : 5 + 25); /* mb_type I_PCM */
		put_pcm(b, clip->number, mb);
	}
	if (skipped)
		put_ue(b, skipped);
}

/* --- NAL units (7.3.1, B.1) --- */

/* Behind two zeros a byte up to 3 would look like a start code: a 3 is put between (7.4.1.1). */
static uint8_t *put_unit(uint8_t *at, uint8_t header, struct bits *b)
{
	static const uint8_t start_code[] = {0, 0, 0, 1};
	unsigned zeros = 0;

	put(b, 1, 1); /* rbsp_trailing_bits */
	align(b);
	memcpy(at, start_code, sizeof start_code);
	at += sizeof start_code;
	*at++ = header;
	for (size_t i = 0; i < b->count / 8; i++) {
		if (zeros == 2 && b->bytes[i] <= 3) {
			*at++ = 3;
			zeros = 0;
		}
		*at++ = b->bytes[i];
		zeros = b->bytes[i] ? 0 : zeros + 1;
	}
	return at;
}

size_t clip_next(struct clip *clip, bool is_key, uint8_t frame[CLIP_FRAME_SIZE])
{
	struct bits sps = {.count = 0}, pps = {.count = 0}, slice = {.count = 0};
	uint8_t *end = frame;

	if (is_key || !clip->key_count) {
		is_key = true;
		clip->since_key = 0;
		clip->key_count++;
		put_sps(&sps);
		put_pps(&pps);
		end = put_unit(end, NAL_SPS, &sps);
		end = put_unit(end, NAL_PPS, &pps);
	}
	put_slice(&slice, clip, is_key);
	end = put_unit(end, is_key ? NAL_KEY_SLICE : NAL_SLICE, &slice);
	clip->number++;
	clip->since_key++;
	return (size_t)(end - frame);
}
