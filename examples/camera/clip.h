/*
 * The film that the camera shows, as H.264 without an encoder: a black square that runs over a
 * coloured ground, and below it the picture's number in binary, 16 fields, black or white.
 */
#ifndef CLIP_H
#define CLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIP_WIDTH	64u /* pixels */
#define CLIP_HEIGHT	48u
#define CLIP_FRAME_SIZE 8192u /* bytes; no frame is larger */

struct clip {
	uint32_t number; /* of the next picture, counting from 0 */
	uint32_t since_key;
	uint32_t key_count;
};

/*
 * The next picture as Annex B: a key frame, which can be decoded alone, or only what differs from
 * the picture before. The first one is a key frame in any case. Returns its size.
 */
size_t clip_next(struct clip *clip, bool is_key, uint8_t frame[CLIP_FRAME_SIZE]);

#endif
