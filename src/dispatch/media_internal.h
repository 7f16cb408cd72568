/* What media.c (tracks of peers) and tracks.c (our own) share. */
#ifndef ACTR_DISPATCH_MEDIA_INTERNAL_H
#define ACTR_DISPATCH_MEDIA_INTERNAL_H

#include "dispatch/serial_internal.h"

static inline void media_count(atomic_ullong *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* RFC 8830 2: a token of 1 to 64 characters. */
int media_check_track_id(const char *track_id, actr_error *err);
bool media_codec_known(actr_codec codec);
static inline actr_media_kind media_kind(actr_codec codec)
{
	return codec == ACTR_CODEC_OPUS ? ACTR_MEDIA_AUDIO : ACTR_MEDIA_VIDEO;
}

/* tracks.c: all tracks end; loop. */
void tracks_close(struct actr__endpoint *endpoint, const actr_error *why);

#endif
