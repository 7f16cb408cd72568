/*
 * Door of protocol: the wire's messages, names and identities (reference.md 1, 2, 5). No state, no
 * threads: any thread, as far as the objects are not shared.
 *
 * RpcEnvelope and DataStream are on the hot path and have a codec of our own that points into the
 * received bytes. All other messages use protobuf-c with an arena as allocator.
 */
#ifndef ACTR_PROTOCOL_H
#define ACTR_PROTOCOL_H

#include <stdatomic.h>

#include <protobuf-c/protobuf-c.h>

#include <actr/service.h>
#include <actr/types.h>

#include "base/base.h"
#include "protocol/messages.h"
#include "protocol/varint.h"

/* reference.md 4.5: one message of a data channel, no fragmentation. */
#define ACTR__MESSAGE_MAX 65535u
/* Signaling frames (SDP, service specs); ours. */
#define ACTR__SIGNALING_MAX (1024u * 1024u)
/* Nesting of protobuf messages (as prost). */
#define ACTR__DEPTH_MAX 100
/* Text of a route key and of other names in an envelope; ours. */
#define ACTR__ROUTE_KEY_MAX 512u
#define ACTR__REQUEST_ID_MAX 128u
#define ACTR__METADATA_MAX 64u

/* --- RpcEnvelope (reference.md 1.3, 5.1) -------------------------------------------------- */

enum actr__direction {
	ACTR__DIRECTION_NONE = 0, /* absent: an envelope of the original */
	ACTR__DIRECTION_REQUEST = 1,
	ACTR__DIRECTION_RESPONSE = 2,
	ACTR__DIRECTION_TELL = 3,
};

/* Everything points into the decoded bytes. */
struct actr__envelope {
	actr_bytes route_key;
	actr_bytes payload;
	actr_bytes error_message;
	actr_bytes traceparent;
	actr_bytes tracestate;
	actr_bytes request_id;
	actr_bytes metadata; /* from the first entry's tag to the last entry's end */
	int64_t timeout_ms;
	uint32_t error_code;
	uint16_t metadata_count;
	uint8_t direction; /* enum actr__direction; unknown values are NONE */
	bool has_payload;
	bool has_error;
};

/*
 * Strict: wrong wire types, cut fields, bad UTF-8 in strings, an empty request id, and what is over a
 * limit are ACTR_E_DECODE or ACTR_E_TOO_LARGE. Lenient: absent required fields are zero or empty, and
 * unknown fields are skipped (reference.md 1). Repeated fields: the last one wins.
 */
int actr__envelope_decode(struct actr__envelope *ret, actr_bytes bytes, actr_error *err);
/* Exact size of the encoding. */
size_t actr__envelope_size(const struct actr__envelope *envelope);
/*
 * Write it into `out` of that size, in ascending field order, all required fields always, direction
 * when not NONE, metadata copied. If envelope->payload.data is NULL with a size, room is left for
 * the payload: *ret_payload (may be NULL) says where it goes. Returns the size.
 */
size_t actr__envelope_encode(const struct actr__envelope *envelope, uint8_t *out,
                             uint8_t **ret_payload);
/* Next entry after `*at` (start with an empty actr_bytes); false at the end. */
bool actr__metadata_next(const struct actr__envelope *envelope, actr_bytes *at, actr_bytes *ret_key,
                         actr_bytes *ret_value);

/* --- DataStream --------------------------------------------------------------------------- */

struct actr__chunk {
	actr_bytes stream_id;
	actr_bytes payload;
	actr_bytes metadata; /* as in the envelope: tag of field 4 */
	uint64_t sequence;
	int64_t timestamp_ms;
	uint16_t metadata_count;
	bool has_timestamp;
};

int actr__chunk_decode(struct actr__chunk *ret, actr_bytes bytes, actr_error *err);
size_t actr__chunk_size(const struct actr__chunk *chunk);
size_t actr__chunk_encode(const struct actr__chunk *chunk, uint8_t *out);
/* Write one entry of chunk->metadata; `out` NULL: only measure. Returns its size. */
size_t actr__chunk_metadata_put(uint8_t *out, actr_bytes key, actr_bytes value);
/* As actr__metadata_next(). */
bool actr__chunk_metadata_next(const struct actr__chunk *chunk, actr_bytes *at, actr_bytes *ret_key,
                               actr_bytes *ret_value);

/* --- a received message: bytes, their decoding and their memory, with one life ------------- */

struct actr__msg {
	atomic_uint refs;
	uint8_t lane;                   /* actr_lane */
	size_t size;                    /* of data */
	struct actr__envelope envelope; /* filled by the gate */
	struct actr__arena arena;       /* of what is decoded from it; one thread at a time */
	uint8_t *data;                  /* size bytes, writable until it is handed on */
};

/* NULL when memory is exhausted or size > ACTR__SIGNALING_MAX. One reference. */
struct actr__msg *actr__msg_new(size_t size, unsigned lane);
static inline struct actr__msg *actr__msg_ref(struct actr__msg *msg)
{
	atomic_fetch_add_explicit(&msg->refs, 1, memory_order_relaxed);
	return msg;
}
struct actr__msg *actr__msg_unref(struct actr__msg *msg);

/* --- protobuf-c ------------------------------------------------------------------------------ */

/* An allocator for protobuf-c that takes from the arena and frees nothing. */
ProtobufCAllocator actr__arena_allocator(struct actr__arena *arena);
/*
 * Before protobuf-c sees a peer's bytes: refuse nesting over ACTR__DEPTH_MAX (groups and, against
 * `descriptor`, sub-messages) and more than `max_fields` fields in all.
 */
int actr__pb_check(const ProtobufCMessageDescriptor *descriptor, actr_bytes bytes,
                   size_t max_fields, actr_error *err);
/* Check, then unpack into the arena. NULL with err filled on failure. */
ProtobufCMessage *actr__pb_unpack(const ProtobufCMessageDescriptor *descriptor, actr_bytes bytes,
                                  struct actr__arena *arena, actr_error *err);

/* --- identity (reference.md 2; public parse and format are in actr/types.h) ------------------ */

enum actr__name_kind { ACTR__NAME, ACTR__PACKAGE_NAME, ACTR__SERVICE_NAME, ACTR__METHOD_NAME };
/* 0, or ACTR_E_INVALID_ARGUMENT with the reference's kind of error in the message. */
int actr__name_check(enum actr__name_kind kind, actr_bytes text, actr_error *err);

/* The protobuf ActrId, as in mailbox rows and presence; at most ACTR__ID_ENCODED_MAX bytes. */
#define ACTR__ID_ENCODED_MAX 300
size_t actr__id_encode(const actr_id *id, uint8_t out[ACTR__ID_ENCODED_MAX]);
int actr__id_decode(actr_bytes bytes, actr_id *ret_id, actr_error *err);

struct actr__uri_query {
	actr_bytes key, value;
};

/* actr://type[/path][?k=v&…] (reference.md 2.3). Slices point into the text. */
struct actr__uri {
	actr_bytes actor_type;
	actr_bytes path; /* without the leading '/'; empty for none */
	struct actr__uri_query query[32];
	size_t query_count;
};
int actr__uri_parse(const char *text, struct actr__uri *ret_uri, actr_error *err);
/* 0 or ACTR_E_TOO_LARGE. */
int actr__uri_format(const struct actr__uri *uri, char *out, size_t out_size);

/* --- lanes (reference.md 4.4, 5.2) ------------------------------------------------------------ */

const char *actr__lane_name(unsigned lane); /* "RpcReliable" …; "?" */
static inline bool actr__lane_is_rpc(unsigned lane)
{
	return lane == ACTR_LANE_RPC_RELIABLE || lane == ACTR_LANE_RPC_SIGNAL;
}

/* --- W3C trace context ------------------------------------------------------------------------- */

#define ACTR__TRACEPARENT_SIZE 56  /* with the terminating 0 */
#define ACTR__TRACESTATE_SIZE  513 /* the same; W3C Trace Context 3.3.1.5 */
#define ACTR__TRACE_SAMPLED    1u

struct actr__trace {
	uint8_t trace_id[16];
	uint8_t span_id[8]; /* the parent's, in a traceparent that was received */
	uint8_t flags;
};

/* A traceparent (W3C Trace Context 3.2.2); false, and nothing written, when it is none. */
bool actr__trace_parse(actr_bytes text, struct actr__trace *ret);
bool actr__traceparent_valid(actr_bytes text);
/* As version 00. */
void actr__trace_format(const struct actr__trace *trace, char out[ACTR__TRACEPARENT_SIZE]);
/*
 * What is passed on of a tracestate: all of it up to 512 bytes; of a longer one whole entries, those
 * over 128 bytes left out first; nothing of what is not printable. Returns the length.
 */
size_t actr__tracestate_copy(actr_bytes state, char out[ACTR__TRACESTATE_SIZE]);

#endif
