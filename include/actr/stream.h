/*
 * Data streams: chunks of bytes with a name and a number, for what is too much or too often for
 * calls. A receiver registers a callback for a stream id; whoever knows the id and the actor sends.
 *
 * Order: chunks that one sender sends on the reliable lane to one actor reach the callback in the
 * order in which they were sent. The latency-first lane promises neither order nor arrival.
 *
 * Bounds: a chunk on the reliable lane is not done before the connection has taken it, and the
 * connection takes no more of a stream than its receiver has room for: whoever waits for that can
 * outrun neither the network nor the callback at the other end, and nothing is lost. (A peer that
 * is not this library cannot say how much room it has.) On the latency-first lane the newest chunk
 * is dropped, counted, and ends with ACTR_E_RESOURCE_EXHAUSTED while the lane is congested.
 */
#ifndef ACTR_STREAM_H
#define ACTR_STREAM_H

#include <actr/call.h>
#include <actr/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACTR_STREAM_CHUNK_MAX  (8u * 1024 * 1024) /* bytes of payload */
#define ACTR_STREAM_TIMEOUT_MS 15000		  /* for handing a chunk over */

typedef struct actr_metadata {
	actr_bytes key; /* UTF-8; "actr.part" and "actr.credit" are the library's own */
	actr_bytes value;
} actr_metadata;

/* A received one is borrowed for the time of the callback. */
typedef struct actr_chunk {
	size_t size;	       /* sizeof(actr_chunk) */
	const char *stream_id; /* 1 to 512 bytes of UTF-8 */
	uint64_t sequence;     /* the sender's, the library does not look at it */
	actr_bytes payload;    /* more than a message of 65,535 bytes only between our nodes */
	int64_t timestamp_ms;  /* only when has_timestamp */
	bool has_timestamp;
	const actr_metadata *metadata;
	size_t metadata_count; /* at most 63 */
} actr_chunk;

#define ACTR_CHUNK_INIT ACTR_SIZED_INIT(actr_chunk)

typedef struct actr_stream_options {
	size_t size;	   /* sizeof(actr_stream_options) */
	size_t max_chunks; /* that wait for the callback; 0: 64 */
	/*
	 * That reliable chunks past max_chunks may take up; 0: 4 MiB. Then a sender of this process
	 * waits, and the chunks of a peer that is not this library are dropped. One that is has
	 * room for 1 MiB of its own, or 256 KiB when half of these are taken.
	 */
	size_t max_bytes;
} actr_stream_options;

#define ACTR_STREAM_OPTIONS_INIT ACTR_SIZED_INIT(actr_stream_options)

typedef struct actr_stream_stats {
	size_t size;			  /* sizeof(actr_stream_stats) */
	uint64_t sent, send_dropped;	  /* dropped: latency-first on a congested lane */
	uint64_t received, delivered;	  /* chunks, joined ones once */
	uint64_t unknown;		  /* for a stream that nobody has registered */
	uint64_t held;			  /* reliable ones that waited past max_chunks */
	uint64_t dropped_newest;	  /* latency-first, max_chunks waiting */
	uint64_t dropped_full;		  /* reliable, max_bytes waiting; or no memory */
	uint64_t dropped_unregistered;	  /* waited when their stream was unregistered */
	uint64_t malformed;		  /* not a chunk, or not a part of one */
	uint64_t refused;		  /* of a peer that the access list does not allow */
	uint64_t joined, partial_dropped; /* of chunks that came in parts */
	uint64_t send_waited;		  /* reliable, until their receiver had room */
} actr_stream_stats;

#define ACTR_STREAM_STATS_INIT ACTR_SIZED_INIT(actr_stream_stats)

/* sender: NULL for a chunk of this process. */
typedef void (*actr_stream_fn)(void *user, const actr_chunk *chunk, const actr_id *sender);

/*
 * From now on chunks of this id go to the callback, one after the other, on the workload's
 * executor. The last registration of an id wins. options may be NULL. Any thread.
 */
ACTR_API int actr_stream_register(actr_ref *ref, const char *stream_id,
				  const actr_stream_options *options, actr_stream_fn on_chunk,
				  void *user, actr_error *err);
/*
 * What waits is dropped, and the callback does not begin any more. A shutdown does this to all. One
 * that is running on another thread is waited for, but not on the loop thread, which must not
 * block: there it may still be running when this returns. ACTR_E_NOT_FOUND when the id is not
 * registered. Any thread, also inside the callback.
 */
ACTR_API int actr_stream_unregister(actr_ref *ref, const char *stream_id, actr_error *err);

/*
 * Send a copy of the chunk on ACTR_LANE_STREAM_RELIABLE or ACTR_LANE_STREAM_LATENCY_FIRST, e.g. the
 * lane of a streaming method: echo_service.methods[ECHO_SERVICE_WATCH_METHOD].lane. Done
 * when it has been handed over: to the connection, or in process to the receiver's queue, and there
 * is room for it at the receiver. on_done
 * as in actr_call_start(); on_done and ret_call may be NULL. ACTR_DEST_SHELL and ACTR_DEST_LOCAL
 * are the same. ACTR_E_TOO_LARGE (by on_done) when it needs several messages and the peer cannot
 * join them. Any thread.
 */
ACTR_API int actr_stream_send(actr_ref *ref, const actr_dest *dest, actr_lane lane,
			      const actr_chunk *chunk, const actr_call_options *options,
			      void (*on_done)(void *user, actr_call *call), void *user,
			      actr_call **ret_call, actr_error *err);
/*
 * Send it and block until it is done. ACTR_E_WOULD_BLOCK, and nothing was sent, on the loop thread
 * and, to the own workload, on its worker. Any other thread.
 */
ACTR_API int actr_stream_send_wait(actr_ref *ref, const actr_dest *dest, actr_lane lane,
				   const actr_chunk *chunk, const actr_call_options *options,
				   actr_error *err);

/* The value of the first entry with this key; false when there is none. Any thread. */
ACTR_API bool actr_chunk_metadata(const actr_chunk *chunk, const char *key, actr_bytes *ret_value);
/* Fills as many fields as ret->size has room for. Any thread. */
ACTR_API void actr_stream_get_stats(actr_ref *ref, actr_stream_stats *ret);

#ifdef __cplusplus
}
#endif
#endif
