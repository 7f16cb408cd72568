/*
 * Media tracks: samples (a video frame, a packet of audio) that travel as RTP beside the calls
 * (RFC 8834; reference.md 4.7). A sender adds a track to a connection and sends samples on it; a
 * receiver registers a callback for a track id. The library neither encodes nor decodes.
 *
 * Toward our own nodes and other WebRTC endpoints a sample is split into packets by its codec's
 * payload format: H.264 RFC 6184, VP8 RFC 7741, Opus RFC 7587. The original puts one sample into
 * one packet as it is, and so do we toward it; it reads no packet above 1,460 bytes, so there a
 * sample is at most ACTR_SAMPLE_ORIGINAL_MAX (from it we take up to 64 KiB).
 *
 * Media is never waited for: what cannot be sent or handed over in time is dropped and counted.
 * Lost packets are asked for again (NACK); a frame that stays incomplete is not delivered, and a
 * key frame is asked for (PLI).
 */
#ifndef ACTR_MEDIA_H
#define ACTR_MEDIA_H

#include <actr/call.h>
#include <actr/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACTR_SAMPLE_MAX		 (4u * 1024 * 1024) /* bytes */
#define ACTR_SAMPLE_ORIGINAL_MAX 1432u		    /* bytes, to a peer of the original */
#define ACTR_TRACK_ID_MAX	 64u		    /* RFC 8830 2: 1 to 64 token characters */

typedef enum actr_media_kind { ACTR_MEDIA_AUDIO = 1, ACTR_MEDIA_VIDEO = 2 } actr_media_kind;

typedef enum actr_codec {
	ACTR_CODEC_VP8 = 1,  /* clock 90 kHz */
	ACTR_CODEC_H264 = 2, /* clock 90 kHz; samples are Annex B: NAL units behind start codes */
	ACTR_CODEC_OPUS = 3  /* clock 48 kHz; a sample is one Opus packet */
} actr_codec;

/* A received one is borrowed for the time of the callback. */
typedef struct actr_sample {
	size_t size; /* sizeof(actr_sample) */
	actr_bytes data;
	uint32_t timestamp; /* in units of the codec's clock; wraps */
	/* On receipt, ignored when sending: */
	const char *track_id;
	actr_codec codec;
	actr_media_kind kind;
	uint32_t ssrc;
	bool is_key_frame;     /* decodable alone; always true for Opus */
	uint32_t lost_packets; /* given up since the sample before */
} actr_sample;

#define ACTR_SAMPLE_INIT ACTR_SIZED_INIT(actr_sample)

/* --- sending ---------------------------------------------------------------------------------- */

typedef struct actr_track actr_track;

typedef enum actr_track_event_kind {
	ACTR_TRACK_ACTIVE = 1,	  /* negotiated: samples leave from now on */
	ACTR_TRACK_INACTIVE = 2,  /* connection lost, or the peer takes none; `why` says it */
	ACTR_TRACK_KEY_FRAME = 3, /* the receiver needs a key frame (PLI or FIR) */
	ACTR_TRACK_REPORT = 4	  /* the receiver's report (RFC 3550 6.4) */
} actr_track_event_kind;

/* Borrowed for the time of the callback. */
typedef struct actr_track_event {
	size_t size;
	actr_track_event_kind kind;
	const actr_error *why;	/* NULL unless INACTIVE */
	uint32_t lost_per_1000; /* REPORT: of the packets since the report before */
	uint32_t jitter_us;	/* REPORT */
	uint32_t rtt_us;	/* REPORT; 0: unknown */
} actr_track_event;

typedef struct actr_track_options {
	size_t size; /* sizeof(actr_track_options) */
	actr_codec codec;
	const char *stream_id; /* of msid; NULL: "actr-video" or "actr-audio" */
	/* On the workload's executor, one at a time and in order; may be NULL. */
	void (*on_event)(void *user, actr_track *track, const actr_track_event *event);
	void *user;
} actr_track_options;

#define ACTR_TRACK_OPTIONS_INIT ACTR_SIZED_INIT(actr_track_options)

typedef struct actr_track_stats {
	size_t size; /* sizeof(actr_track_stats) */
	bool is_active;
	uint64_t samples_sent, bytes_sent;
	uint64_t samples_dropped; /* inactive, queue full, or too large for the peer */
	uint64_t packets_sent, packets_resent;
	uint64_t key_frames_asked;
	uint32_t lost_per_1000, jitter_us, rtt_us; /* of the last report */
} actr_track_stats;

#define ACTR_TRACK_STATS_INIT ACTR_SIZED_INIT(actr_track_stats)

/*
 * Add a track to the connection with `dest` (ACTR_DEST_ACTOR), connecting first if need be, or in
 * process (ACTR_DEST_LOCAL and _SHELL, at once active). It is active once the peer has agreed, and
 * again by itself after the connection was lost and there is a new one. ACTR_E_ALREADY_EXISTS when
 * the node has a track of this id to this actor. Any thread; does not block.
 */
ACTR_API int actr_track_add(actr_ref *ref, const actr_dest *dest, const char *track_id,
			    const actr_track_options *options, actr_track **ret_track,
			    actr_error *err);
/* Block until it is active. ACTR_E_TIMEOUT, or why it cannot become so. Not the loop thread. */
ACTR_API int actr_track_wait_active(actr_track *track, int64_t timeout_ms, actr_error *err);
/*
 * Send a copy of data with its timestamp. 0: it is on its way; ACTR_E_STATE (not active),
 * ACTR_E_TOO_LARGE, ACTR_E_RESOURCE_EXHAUSTED (dropped), ACTR_E_INVALID_ARGUMENT (not a sample of
 * this codec). Any thread; does not block.
 */
ACTR_API int actr_track_send(actr_track *track, const actr_sample *sample, actr_error *err);
/* Fills as many fields as ret->size has room for. Any thread. */
ACTR_API void actr_track_get_stats(actr_track *track, actr_track_stats *ret);
/* Take it off the connection (renegotiated) and free it; on_event does not begin any more. Any
 * thread. NULL is fine; returns NULL. */
ACTR_API actr_track *actr_track_close(actr_track *track);

/* --- receiving -------------------------------------------------------------------------------- */

typedef struct actr_media_options {
	size_t size;	    /* sizeof(actr_media_options) */
	size_t max_samples; /* that wait for the callback; 0: 64; then the newest is dropped */
	size_t max_bytes;   /* 0: 8 MiB */
} actr_media_options;

#define ACTR_MEDIA_OPTIONS_INIT ACTR_SIZED_INIT(actr_media_options)

/* sender: NULL for a sample of this process. */
typedef void (*actr_sample_fn)(void *user, const actr_sample *sample, const actr_id *sender);

typedef struct actr_media_stats {
	size_t size;		      /* sizeof(actr_media_stats) */
	uint64_t received, delivered; /* samples */
	uint64_t unknown;	      /* of a track that nobody has registered */
	uint64_t dropped;	      /* max_samples or max_bytes were waiting, or no memory */
	uint64_t refused;	      /* of a peer that the access list does not allow */
	uint64_t lost_packets;	      /* given up, over all tracks */
	uint64_t key_frames_requested;
	uint64_t sent;	       /* samples, over all tracks of ours */
	uint64_t send_dropped; /* as actr_track_stats.samples_dropped, over all of them */
} actr_media_stats;

#define ACTR_MEDIA_STATS_INIT ACTR_SIZED_INIT(actr_media_stats)

/*
 * From now on samples of tracks with this id, whoever sends them, go to the callback, one after the
 * other, on the workload's executor. The last registration of an id wins. options may be NULL. Any
 * thread.
 */
ACTR_API int actr_media_register(actr_ref *ref, const char *track_id,
				 const actr_media_options *options, actr_sample_fn on_sample,
				 void *user, actr_error *err);
/* As actr_stream_unregister(). */
ACTR_API int actr_media_unregister(actr_ref *ref, const char *track_id, actr_error *err);
/* Ask the sender of a track for a key frame (PLI), e.g. for a decoder that starts late. At most
 * one in 500 ms leaves; nothing happens when it sends no such track. Any thread; does not block. */
ACTR_API int actr_media_request_key_frame(actr_ref *ref, const actr_id *sender,
					  const char *track_id, actr_error *err);
ACTR_API void actr_media_get_stats(actr_ref *ref, actr_media_stats *ret);

#ifdef __cplusplus
}
#endif
#endif
