/*
 * Door of wire/rtp: samples to RTP packets and back (RFC 3550), per codec (RFC 6184, 7741, 7587),
 * with reports, repeats and key frame requests (RFC 3550 6, RFC 4585 6). Plain packets: encryption,
 * sockets and negotiation are the wire's. No loop, no clock of its own: time is given. Not
 * thread-safe.
 *
 * Every function that reads a packet is total: any bytes, in any order. Callbacks must not free the
 * object that calls them, nor give it input. In raw mode no RTCP is written (the original reads
 * none), except a request for a key frame when the options allow it.
 */
#ifndef ACTR_WIRE_RTP_H
#define ACTR_WIRE_RTP_H

#include <actr/media.h>

#include "base/base.h"

#define ACTR__RTP_MTU	      1200u  /* of a packet that we make, without SRTP's tag */
#define ACTR__RTP_PACKET_MAX  65000u /* raw mode: a sample and its header */
#define ACTR__RTP_HEADER_SIZE 12u

/* How a codec's samples become packets. */
enum actr__rtp_mode {
	ACTR__RTP_PAYLOAD_FORMAT, /* the codec's RFC */
	ACTR__RTP_RAW,		  /* the original: one sample is one packet, marker always set */
};

struct actr__rtp_header {
	bool marker;
	uint8_t payload_type;
	uint16_t sequence;
	uint32_t timestamp, ssrc;
	actr_bytes mid; /* of the SDES MID extension (RFC 9143) when its id is known; or empty */
	actr_bytes payload; /* without padding */
};

/* `mid_id`: the negotiated id of the MID header extension (RFC 8285); 0: none. ACTR_E_DECODE. */
int actr__rtp_parse(actr_bytes packet, unsigned mid_id, struct actr__rtp_header *ret);

/* RFC 5761 4: of two kinds on one port, RTCP has 192 to 223 in its second byte. */
static inline bool actr__rtp_is_rtcp(actr_bytes packet)
{
	return packet.size >= 8 && packet.data[1] >= 192 && packet.data[1] <= 223;
}

uint32_t actr__rtp_clock_rate(actr_codec codec);
actr_media_kind actr__rtp_kind(actr_codec codec);

/* --- sending ---------------------------------------------------------------------------------- */

struct actr__rtp_sender;

struct actr__rtp_sender_options {
	actr_codec codec;
	enum actr__rtp_mode mode;
	uint8_t payload_type;
	uint32_t ssrc;
	/* After another sender of this SSRC: SRTP must not see a number again (RFC 3711 9.1). */
	bool continues;
	uint16_t sequence; /* of that one, actr__rtp_sender_sequence() */
	const char *cname; /* copied */
	uint8_t mid_id;	   /* id of the MID extension, 1 to 14; 0, or raw mode: not written */
	const char *mid;   /* copied; at most 16 bytes */
	/*
	 * A packet to encrypt and send, in a buffer with room for `tail` bytes behind it. Also
	 * called for repeats and reports (`is_rtcp`).
	 */
	void (*on_packet)(void *user, uint8_t *packet, size_t size, bool is_rtcp);
	/* The receiver asks for a key frame; at most once a request, copies are filtered. */
	void (*on_key_frame)(void *user);
	/* Its report about us. */
	void (*on_report)(void *user, uint32_t lost_per_1000, uint32_t jitter_us, uint32_t rtt_us);
	void *user;
};

#define ACTR__RTP_TAIL 148u /* SRTP_MAX_TRAILER_LEN of libsrtp2, and SRTCP's index */

int actr__rtp_sender_new(const struct actr__rtp_sender_options *options,
			 struct actr__rtp_sender **ret_sender, actr_error *err);
/* Of the next packet. */
uint16_t actr__rtp_sender_sequence(const struct actr__rtp_sender *sender);
struct actr__rtp_sender *actr__rtp_sender_free(struct actr__rtp_sender *sender);
/*
 * All packets of the sample leave by on_packet. ACTR_E_INVALID_ARGUMENT when the data is not a
 * sample of the codec (nothing left), ACTR_E_TOO_LARGE.
 */
int actr__rtp_send(struct actr__rtp_sender *sender, actr_bytes data, uint32_t timestamp,
		   uint64_t now_ns, actr_error *err);
/* One RTCP packet of the peer (its compound is taken apart): reports, NACK, PLI, FIR for us. */
void actr__rtp_sender_input_rtcp(struct actr__rtp_sender *sender, actr_bytes compound,
				 uint64_t now_ns, int64_t wall_ms);
/* Sends a report (SR and SDES) if one is due; returns when to call again. */
uint64_t actr__rtp_sender_tick(struct actr__rtp_sender *sender, uint64_t now_ns, int64_t wall_ms);
/* BYE. */
void actr__rtp_sender_bye(struct actr__rtp_sender *sender);

/* bytes: of payload, as in an SR. */
struct actr__rtp_sender_stats {
	uint64_t samples, packets, bytes, resent, key_frames_asked;
};
void actr__rtp_sender_stats(const struct actr__rtp_sender *sender,
			    struct actr__rtp_sender_stats *ret);

/* --- receiving -------------------------------------------------------------------------------- */

struct actr__rtp_receiver;

struct actr__rtp_budget {
	size_t bytes, max_bytes;
};

struct actr__rtp_receiver_options {
	actr_codec codec;
	enum actr__rtp_mode mode;
	uint32_t ssrc;	     /* of the sender */
	uint32_t local_ssrc; /* of our reports */
	const char *cname;
	bool nack, pli; /* what the sender understands (a=rtcp-fb) */
	/*
	 * For a missing packet, then it is given up. 0: three round trips, at least 250 and at
	 * most 1,000; or 50 if !nack.
	 */
	uint32_t max_wait_ms;
	size_t max_bytes; /* that wait for missing ones; 0: 8 MiB */
	/* Or NULL: bounds what waits in all receivers that share it. */
	struct actr__rtp_budget *budget;
	/* A whole sample, in order. Borrowed for the time of the call; track_id is NULL. */
	void (*on_sample)(void *user, const actr_sample *sample);
	/* RTCP to send, as in the sender. */
	void (*on_packet)(void *user, uint8_t *packet, size_t size, bool is_rtcp);
	void *user;
};

int actr__rtp_receiver_new(const struct actr__rtp_receiver_options *options,
			   struct actr__rtp_receiver **ret_receiver, actr_error *err);
struct actr__rtp_receiver *actr__rtp_receiver_free(struct actr__rtp_receiver *receiver);
/* A decrypted packet of this SSRC, parsed. */
void actr__rtp_receiver_input(struct actr__rtp_receiver *receiver,
			      const struct actr__rtp_header *packet, uint64_t now_ns);
/* RTCP of the peer: SR (for LSR and DLSR), BYE. */
void actr__rtp_receiver_input_rtcp(struct actr__rtp_receiver *receiver, actr_bytes compound,
				   uint64_t now_ns);
/*
 * Requests and its repeats, gives up what waited too long, reports when due; returns when to call
 * again. Cheap when nothing is due: call it after a batch of input, which may bring that forward.
 */
uint64_t actr__rtp_receiver_tick(struct actr__rtp_receiver *receiver, uint64_t now_ns);
/* A key frame is wanted (PLI; FIR is not used). At most one in 500 ms leaves. */
void actr__rtp_receiver_request_key_frame(struct actr__rtp_receiver *receiver, uint64_t now_ns);

/* bytes: of payload; lost: packets given up; late: those of them that came after all. */
struct actr__rtp_receiver_stats {
	uint64_t packets, samples, bytes, duplicates, late, lost, nacks, plis, malformed;
	uint32_t jitter_us;
};
void actr__rtp_receiver_stats(const struct actr__rtp_receiver *receiver,
			      struct actr__rtp_receiver_stats *ret);

#endif
