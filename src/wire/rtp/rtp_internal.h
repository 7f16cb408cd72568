/* What the files of wire/rtp share: headers, payload formats, RTCP. No state. */
#ifndef ACTR_RTP_INTERNAL_H
#define ACTR_RTP_INTERNAL_H

#include "wire/rtp/rtp.h"

#define ACTR__RTP_MID_MAX    16u /* bytes, what a one-byte extension element holds */
#define ACTR__RTP_HEADER_MAX (ACTR__RTP_HEADER_SIZE + 4 + 20)
#define ACTR__OPUS_MAX	     7664u /* bytes: 120 ms in six full frames (RFC 6716 3.2) */
#define ACTR__NS_PER_MS	     1000000ull
#define ACTR__NS_PER_S	     1000000000ull

static inline uint16_t actr__get16be(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t actr__get32be(const uint8_t *at)
{
	return (uint32_t)actr__get16be(at) << 16 | actr__get16be(at + 2);
}

static inline uint8_t *actr__put16be(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static inline uint8_t *actr__put32be(uint8_t *at, uint32_t value)
{
	return actr__put16be(actr__put16be(at, value >> 16), value);
}

/* The bytes behind the first `size`, which must be there. */
static inline actr_bytes actr__bytes_skip(actr_bytes bytes, size_t size)
{
	return actr__bytes(bytes.data + size, bytes.size - size);
}

/* --- header (rtp.c) --- */

/* Header with the MID element when `mid_id` is not 0; `payload` is ignored. Returns its size. */
size_t actr__rtp_write_header(const struct actr__rtp_header *header, unsigned mid_id,
			      uint8_t out[ACTR__RTP_HEADER_MAX]);

/* --- payload formats --- */

/* Where a packer puts one payload after the other. */
struct actr__rtp_out {
	uint8_t *payload; /* room for max bytes; its content is gone after emit */
	size_t max;
	void (*emit)(struct actr__rtp_out *out, size_t size, bool marker);
};

enum actr__rtp_begins {
	ACTR__BEGINS_NOT,   /* inside a frame, or cannot be told */
	ACTR__BEGINS_MAYBE, /* something of the frame may come before it */
	ACTR__BEGINS_SURE,
};

/* What one payload is to its frame. */
struct actr__rtp_piece {
	enum actr__rtp_begins begins;
	bool is_key_frame;
	uint8_t open_unit; /* in and out: H.264 NAL type of an unfinished FU-A, or 0 */
};

/* Not empty. */
void actr__vp8_pack(struct actr__rtp_out *out, uint16_t picture_id, actr_bytes frame);
/* Appends the frame's bytes. ACTR_E_DECODE, ACTR_E_NOMEM, ACTR_E_TOO_LARGE. */
int actr__vp8_unpack(actr_bytes payload, struct actr__buf *frame, struct actr__rtp_piece *piece);
/* Of a frame without descriptor, whoever made it. */
bool actr__vp8_is_key_frame(actr_bytes frame);

/* NAL units of an Annex B stream, appended to `units` as actr_bytes. ACTR_E_INVALID_ARGUMENT. */
int actr__h264_split(actr_bytes stream, struct actr__buf *units, actr_error *err);
void actr__h264_pack(struct actr__rtp_out *out, const actr_bytes *units, size_t count);
int actr__h264_unpack(actr_bytes payload, struct actr__buf *frame, struct actr__rtp_piece *piece);
/* Of an Annex B stream or one RTP payload, whoever made it. */
bool actr__h264_is_key_frame(actr_bytes frame);

/* Duration in units of 48 kHz (RFC 6716 3.1); 0: malformed. */
uint32_t actr__opus_duration(actr_bytes packet);

/* --- RTCP (rtcp.c) --- */

enum actr__rtcp_type {
	ACTR__RTCP_SR = 200,
	ACTR__RTCP_RR = 201,
	ACTR__RTCP_SDES = 202,
	ACTR__RTCP_BYE = 203,
	ACTR__RTCP_RTPFB = 205,
	ACTR__RTCP_PSFB = 206,
};
#define ACTR__RTCP_FMT_NACK 1u /* of RTPFB (RFC 4585 6.2.1) */
#define ACTR__RTCP_FMT_PLI  1u /* of PSFB (RFC 4585 6.3.1) */
#define ACTR__RTCP_FMT_FIR  4u /* of PSFB (RFC 5104 4.3.1) */

struct actr__rtcp_packet {
	uint8_t type, count; /* count: or the feedback's format */
	actr_bytes body;     /* behind the first 4 bytes, without padding */
};

/* Takes the next packet off a compound: 1, 0 at its end, ACTR_E_DECODE. */
int actr__rtcp_next(actr_bytes *compound, struct actr__rtcp_packet *ret);

struct actr__rtcp_report {
	uint32_t ssrc;
	uint8_t fraction; /* lost, of 256 */
	int32_t lost;	  /* 24 bits, signed */
	uint32_t highest; /* extended sequence number */
	uint32_t jitter;  /* clock units */
	uint32_t lsr, dlsr;
};

/* Block `index` of an SR or RR; false when there is none. */
bool actr__rtcp_report(const struct actr__rtcp_packet *packet, size_t index,
		       struct actr__rtcp_report *ret);

struct actr__rtcp_sender_info {
	uint64_t ntp;
	uint32_t timestamp, packets, octets;
};

/*
 * Compounds are written into a fixed array; a writer whose packet does not fit leaves it out. The
 * largest of ours is a request for repeats.
 */
#define ACTR__RTCP_MAX	     ACTR__RTP_MTU
#define ACTR__RTCP_NACKS_MAX 200u /* pairs of PID and BLP in one packet: fits beside any CNAME */

struct actr__rtcp_writer {
	size_t size;
	uint8_t data[ACTR__RTCP_MAX + ACTR__RTP_TAIL];
};

void actr__rtcp_put_sr(struct actr__rtcp_writer *w, uint32_t ssrc,
		       const struct actr__rtcp_sender_info *info);
/* report: NULL for none. */
void actr__rtcp_put_rr(struct actr__rtcp_writer *w, uint32_t ssrc,
		       const struct actr__rtcp_report *report);
/* cname: at most 255 bytes count. */
void actr__rtcp_put_sdes(struct actr__rtcp_writer *w, uint32_t ssrc, const char *cname);
void actr__rtcp_put_bye(struct actr__rtcp_writer *w, uint32_t ssrc);
/* sequences: rising. Returns how many were taken. */
size_t actr__rtcp_put_nack(struct actr__rtcp_writer *w, uint32_t ssrc, uint32_t media_ssrc,
			   const uint16_t *sequences, size_t count);
void actr__rtcp_put_pli(struct actr__rtcp_writer *w, uint32_t ssrc, uint32_t media_ssrc);

/* 1 s with 50 % of chance (RFC 3550 6.2: so that nobody keeps step with another). */
uint64_t actr__rtcp_interval_ns(void);

#endif
