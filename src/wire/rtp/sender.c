/*
 * Sending one track: a sample becomes packets, which go out at once and stay in the history for
 * repeats.
 *
 * The timestamp is the caller's, unchanged, so that the receiver sees the same. Sequence numbers
 * begin at random, below 2^15 so that SRTP's rollover counter cannot be mistaken at the start (RFC
 * 3711 3.3.1); toward the original they begin at 0. A repeat is the packet once more, under its
 * sequence number. Repeats are bounded twice: none of a packet within about a round trip of the
 * one before, and no more bytes in all than were sent, whatever the peer asks for.
 *
 * A report's round trip is taken from our own note of when the SR left, found by its LSR, and not
 * from wall time, which has only milliseconds and may leap.
 */
#include "wire/rtp/history_internal.h"

#define SRS_KEPT	   8u
#define REPEAT_NS_UNKNOWN  (10 * ACTR__NS_PER_MS) /* before the round trip is known */
#define REPEAT_NS_MIN	   (5 * ACTR__NS_PER_MS)
#define REPEAT_NS_MAX	   (100 * ACTR__NS_PER_MS)
#define REPEAT_BYTES_MAX   ACTR__HISTORY_BYTES_MAX
#define KEY_FRAME_QUIET_NS (200 * ACTR__NS_PER_MS) /* copies of a request */
#define NTP_UNIX_OFFSET_S  2208988800ull	   /* RFC 5905: 1900 to 1970 */
#define UNITS_BYTES_MAX	   (8192 * sizeof(actr_bytes))

struct sent_sr {
	uint32_t middle; /* of its NTP time; 0: none */
	uint64_t at_ns;
};

struct actr__rtp_sender {
	struct actr__rtp_sender_options options; /* cname and mid: ours */
	struct actr__rtp_out out;
	struct actr__rtp_header header; /* of the next packet */
	struct actr__history history;
	struct actr__buf units; /* actr_bytes: NAL units of the sample being sent */
	struct actr__rtp_sender_stats stats;
	uint64_t now_ns; /* while sending */
	size_t header_size, repeat_bytes;
	uint16_t picture_id;
	/* of the last sample */
	bool has_sent;
	uint32_t timestamp, duration;
	uint64_t sent_ns;
	/* reports */
	uint64_t next_report_ns, rtt_ns;
	uint64_t reported_packets; /* in the last SR */
	struct sent_sr srs[SRS_KEPT];
	unsigned next_sr;
	/* requests for a key frame */
	bool has_request, has_fir;
	uint64_t request_ns;
	uint8_t fir;
	size_t packet_size;
	uint8_t packet[]; /* packet_size, then ACTR__RTP_TAIL */
};

/* --- life --- */

static size_t packet_max(const struct actr__rtp_sender_options *options)
{
	if (options->mode == ACTR__RTP_RAW)
		return ACTR__RTP_PACKET_MAX;
	if (options->codec == ACTR_CODEC_OPUS)
		return ACTR__RTP_HEADER_MAX + ACTR__OPUS_MAX;
	return ACTR__RTP_MTU;
}

/* One packet is in out->payload: header before it, history, away. */
static void emit(struct actr__rtp_out *out, size_t size, bool marker)
{
	struct actr__rtp_sender *sender = container_of(out, struct actr__rtp_sender, out);
	uint8_t *packet = out->payload - sender->header_size;

	sender->header.marker = marker;
	actr__rtp_write_header(&sender->header, sender->options.mid_id, packet);
	if (sender->options.mode == ACTR__RTP_PAYLOAD_FORMAT)
		actr__history_add(&sender->history, sender->header.sequence,
				  actr__bytes(packet, sender->header_size),
				  actr__bytes(out->payload, size), sender->now_ns);
	sender->header.sequence++;
	sender->stats.packets++;
	sender->stats.bytes += size;
	sender->repeat_bytes += sender->header_size + size;
	if (sender->repeat_bytes > REPEAT_BYTES_MAX)
		sender->repeat_bytes = REPEAT_BYTES_MAX;
	sender->options.on_packet(sender->options.user, packet, sender->header_size + size, false);
}

static int set_header(struct actr__rtp_sender *sender)
{
	struct actr__rtp_sender_options *options = &sender->options;
	uint16_t start[2];
	uint8_t header[ACTR__RTP_HEADER_MAX];

	ACTR_TRY(actr__random(start, sizeof start));
	sender->header.payload_type = options->payload_type & 127;
	sender->header.ssrc = options->ssrc;
	sender->header.mid = actr__text(options->mid);
	if (options->mode == ACTR__RTP_PAYLOAD_FORMAT) {
		sender->header.sequence = start[0] & 0x7fff;
		sender->picture_id = start[1] & 0x7fff;
	}
	if (options->continues)
		sender->header.sequence = options->sequence;
	sender->header_size = actr__rtp_write_header(&sender->header, options->mid_id, header);
	sender->out = (struct actr__rtp_out){.payload = sender->packet + sender->header_size,
					     .max = sender->packet_size - sender->header_size,
					     .emit = emit};
	return 0;
}

static void sender_freep(struct actr__rtp_sender **sender)
{
	actr__rtp_sender_free(*sender);
}

int actr__rtp_sender_new(const struct actr__rtp_sender_options *options,
			 struct actr__rtp_sender **ret_sender, actr_error *err)
{
	size_t size = packet_max(options);
	_cleanup_(sender_freep) struct actr__rtp_sender *sender =
		actr__alloc0(sizeof *sender + size + ACTR__RTP_TAIL);

	if (!sender)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a track");
	sender->options = *options;
	sender->options.mid = NULL;
	sender->options.cname = actr__strdup(options->cname ? options->cname : "");
	sender->packet_size = size;
	actr__history_init(&sender->history);
	actr__buf_init(&sender->units, UNITS_BYTES_MAX);
	if (!sender->options.cname)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a track");
	if (!options->mid || !*options->mid || options->mode == ACTR__RTP_RAW)
		sender->options.mid_id = 0;
	if (sender->options.mid_id > 14 ||
	    (sender->options.mid_id && strlen(options->mid) > ACTR__RTP_MID_MAX))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "a MID that cannot be written");
	if (sender->options.mid_id) {
		sender->options.mid = actr__strdup(options->mid);
		if (!sender->options.mid)
			return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a track");
	}
	int rc = set_header(sender);

	if (rc < 0)
		return ACTR_FAIL(err, rc, "no random numbers");
	*ret_sender = TAKE(sender);
	return 0;
}

uint16_t actr__rtp_sender_sequence(const struct actr__rtp_sender *sender)
{
	return sender->header.sequence;
}

struct actr__rtp_sender *actr__rtp_sender_free(struct actr__rtp_sender *sender)
{
	if (!sender)
		return NULL;
	actr__history_done(&sender->history);
	actr__buf_done(&sender->units);
	actr__free((char *)sender->options.cname);
	actr__free((char *)sender->options.mid);
	actr__free(sender);
	return NULL;
}

/* --- samples --- */

/* RFC 7587 4.2: the marker tells the first packet after silence. */
static void send_opus(struct actr__rtp_sender *sender, actr_bytes data)
{
	bool is_start = !sender->has_sent ||
			sender->header.timestamp != sender->timestamp + sender->duration;

	sender->duration = actr__opus_duration(data);
	memcpy(sender->out.payload, data.data, data.size);
	emit(&sender->out, data.size, is_start);
}

static void send_raw(struct actr__rtp_sender *sender, actr_bytes data)
{
	memcpy(sender->out.payload, data.data, data.size);
	emit(&sender->out, data.size, true);
}

static int pack(struct actr__rtp_sender *sender, actr_bytes data, actr_error *err)
{
	if (sender->options.mode == ACTR__RTP_RAW) {
		send_raw(sender, data);
		return 0;
	}
	switch (sender->options.codec) {
	case ACTR_CODEC_VP8:
		actr__vp8_pack(&sender->out, sender->picture_id, data);
		sender->picture_id = (sender->picture_id + 1) & 0x7fff;
		return 0;
	case ACTR_CODEC_H264:
		ACTR_TRY(actr__h264_split(data, &sender->units, err));
		actr__h264_pack(&sender->out, (const actr_bytes *)(void *)sender->units.data,
				sender->units.size / sizeof(actr_bytes));
		return 0;
	case ACTR_CODEC_OPUS:
		send_opus(sender, data);
		return 0;
	}
	return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "no such codec");
}

static size_t sample_max(const struct actr__rtp_sender *sender)
{
	if (sender->options.mode == ACTR__RTP_RAW)
		return sender->out.max;
	return sender->options.codec == ACTR_CODEC_OPUS ? ACTR__OPUS_MAX : ACTR_SAMPLE_MAX;
}

int actr__rtp_send(struct actr__rtp_sender *sender, actr_bytes data, uint32_t timestamp,
		   uint64_t now_ns, actr_error *err)
{
	if (!data.size)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "an empty sample");
	if (data.size > sample_max(sender))
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "a sample of %zu bytes; at most %zu",
				 data.size, sample_max(sender));
	sender->now_ns = now_ns;
	sender->header.timestamp = timestamp;
	ACTR_TRY(pack(sender, data, err));
	if (!sender->has_sent)
		sender->next_report_ns = now_ns + actr__rtcp_interval_ns() / 2;
	sender->has_sent = true;
	sender->timestamp = timestamp;
	sender->sent_ns = now_ns;
	sender->stats.samples++;
	return 0;
}

void actr__rtp_sender_stats(const struct actr__rtp_sender *sender,
			    struct actr__rtp_sender_stats *ret)
{
	*ret = sender->stats;
}

/* --- the receiver's wishes --- */

static uint64_t repeat_gap_ns(const struct actr__rtp_sender *sender)
{
	uint64_t gap = sender->rtt_ns / 4 * 3;

	if (!sender->rtt_ns)
		return REPEAT_NS_UNKNOWN;
	return gap < REPEAT_NS_MIN ? REPEAT_NS_MIN : gap > REPEAT_NS_MAX ? REPEAT_NS_MAX : gap;
}

static void repeat(struct actr__rtp_sender *sender, uint16_t sequence, uint64_t now_ns)
{
	struct actr__history_packet *kept = actr__history_find(&sender->history, sequence);

	if (!kept || kept->size > sender->repeat_bytes)
		return;
	if (kept->was_repeated && now_ns - kept->repeated_ns < repeat_gap_ns(sender))
		return;
	kept->was_repeated = true;
	kept->repeated_ns = now_ns;
	sender->repeat_bytes -= kept->size;
	sender->stats.resent++;
	memcpy(sender->packet, kept->data, kept->size);
	sender->options.on_packet(sender->options.user, sender->packet, kept->size, false);
}

static void on_nack(struct actr__rtp_sender *sender, actr_bytes pairs, uint64_t now_ns)
{
	for (; pairs.size >= 4; pairs = actr__bytes_skip(pairs, 4)) {
		uint16_t sequence = actr__get16be(pairs.data);
		uint32_t bits = (uint32_t)actr__get16be(pairs.data + 2) << 1 | 1u;

		for (; bits; bits >>= 1, sequence++) {
			if (bits & 1)
				repeat(sender, sequence, now_ns);
		}
	}
}

static void on_key_frame(struct actr__rtp_sender *sender, uint64_t now_ns)
{
	if (sender->has_request && now_ns - sender->request_ns < KEY_FRAME_QUIET_NS)
		return;
	sender->has_request = true;
	sender->request_ns = now_ns;
	sender->stats.key_frames_asked++;
	if (sender->options.on_key_frame)
		sender->options.on_key_frame(sender->options.user);
}

/* RFC 5104 4.3.1: the same command number again is the same request. */
static void on_fir(struct actr__rtp_sender *sender, actr_bytes entries, uint64_t now_ns)
{
	for (; entries.size >= 8; entries = actr__bytes_skip(entries, 8)) {
		uint8_t number = entries.data[4];

		if (actr__get32be(entries.data) != sender->options.ssrc ||
		    (sender->has_fir && sender->fir == number))
			continue;
		sender->has_fir = true;
		sender->fir = number;
		on_key_frame(sender, now_ns);
	}
}

/* RFC 4585 6.1: sender's SSRC, media SSRC, then what the format says. */
static void on_feedback(struct actr__rtp_sender *sender, const struct actr__rtcp_packet *packet,
			uint64_t now_ns)
{
	bool is_ours;
	actr_bytes rest;

	if (packet->body.size < 8)
		return;
	is_ours = actr__get32be(packet->body.data + 4) == sender->options.ssrc;
	rest = actr__bytes_skip(packet->body, 8);
	if (packet->type == ACTR__RTCP_RTPFB) {
		if (is_ours && packet->count == ACTR__RTCP_FMT_NACK)
			on_nack(sender, rest, now_ns);
	} else if (packet->count == ACTR__RTCP_FMT_PLI) {
		if (is_ours)
			on_key_frame(sender, now_ns);
	} else if (packet->count == ACTR__RTCP_FMT_FIR) {
		on_fir(sender, rest, now_ns);
	}
}

/* RFC 3550 6.4.1, LSR and DLSR; 0 when the report answers no SR that we remember. */
static uint64_t round_trip_ns(const struct actr__rtp_sender *sender,
			      const struct actr__rtcp_report *report, uint64_t now_ns)
{
	uint64_t held_ns = (uint64_t)report->dlsr * ACTR__NS_PER_S / 65536;

	for (size_t i = 0; report->lsr && i < SRS_KEPT; i++) {
		uint64_t passed_ns = now_ns - sender->srs[i].at_ns;

		if (sender->srs[i].middle == report->lsr)
			return passed_ns > held_ns ? passed_ns - held_ns : 1;
	}
	return 0;
}

static void on_report(struct actr__rtp_sender *sender, const struct actr__rtcp_report *report,
		      uint64_t now_ns)
{
	uint32_t rate = actr__rtp_clock_rate(sender->options.codec);
	uint64_t rtt_ns = round_trip_ns(sender, report, now_ns);
	uint64_t jitter_us = (uint64_t)report->jitter * 1000000 / rate;

	if (rtt_ns)
		sender->rtt_ns = rtt_ns;
	if (sender->options.on_report)
		sender->options.on_report(sender->options.user, report->fraction * 1000u / 256,
					  jitter_us > UINT32_MAX ? UINT32_MAX : (uint32_t)jitter_us,
					  (uint32_t)((sender->rtt_ns + 999) / 1000));
}

void actr__rtp_sender_input_rtcp(struct actr__rtp_sender *sender, actr_bytes compound,
				 uint64_t now_ns, int64_t wall_ms)
{
	struct actr__rtcp_packet packet;
	struct actr__rtcp_report report;

	(void)wall_ms;
	while (actr__rtcp_next(&compound, &packet) > 0) {
		switch (packet.type) {
		case ACTR__RTCP_SR:
		case ACTR__RTCP_RR:
			for (size_t i = 0; actr__rtcp_report(&packet, i, &report); i++) {
				if (report.ssrc == sender->options.ssrc && sender->has_sent)
					on_report(sender, &report, now_ns);
			}
			break;
		case ACTR__RTCP_RTPFB:
		case ACTR__RTCP_PSFB:
			on_feedback(sender, &packet, now_ns);
			break;
		default:
			break;
		}
	}
}

/* --- our reports --- */

static uint64_t ntp_of(int64_t wall_ms)
{
	uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;

	return (ms / 1000 + NTP_UNIX_OFFSET_S) << 32 | (ms % 1000 << 32) / 1000;
}

/* What the last sample's timestamp would be by now. */
static uint32_t timestamp_at(const struct actr__rtp_sender *sender, uint64_t now_ns)
{
	uint64_t rate = actr__rtp_clock_rate(sender->options.codec);
	uint64_t since = now_ns - sender->sent_ns;

	return sender->timestamp + (uint32_t)(since / ACTR__NS_PER_S * rate +
					      since % ACTR__NS_PER_S * rate / ACTR__NS_PER_S);
}

static void send_compound(struct actr__rtp_sender *sender, struct actr__rtcp_writer *w)
{
	sender->options.on_packet(sender->options.user, w->data, w->size, true);
}

static void send_report(struct actr__rtp_sender *sender, uint64_t now_ns, int64_t wall_ms)
{
	struct actr__rtcp_sender_info info = {
		.ntp = ntp_of(wall_ms),
		.timestamp = timestamp_at(sender, now_ns),
		.packets = (uint32_t)sender->stats.packets,
		.octets = (uint32_t)sender->stats.bytes,
	};
	struct actr__rtcp_writer w = {.size = 0};

	sender->srs[sender->next_sr++ % SRS_KEPT] =
		(struct sent_sr){.middle = (uint32_t)(info.ntp >> 16), .at_ns = now_ns};
	actr__rtcp_put_sr(&w, sender->options.ssrc, &info);
	actr__rtcp_put_sdes(&w, sender->options.ssrc, sender->options.cname);
	send_compound(sender, &w);
}

/* A sender that has paused reports no more: one SR after its last packet. */
uint64_t actr__rtp_sender_tick(struct actr__rtp_sender *sender, uint64_t now_ns, int64_t wall_ms)
{
	actr__history_expire(&sender->history, now_ns);
	if (!sender->has_sent || sender->options.mode == ACTR__RTP_RAW)
		return now_ns + ACTR__NS_PER_S;
	if (now_ns < sender->next_report_ns)
		return sender->next_report_ns;
	if (sender->stats.packets != sender->reported_packets)
		send_report(sender, now_ns, wall_ms);
	sender->reported_packets = sender->stats.packets;
	sender->next_report_ns = now_ns + actr__rtcp_interval_ns();
	return sender->next_report_ns;
}

void actr__rtp_sender_bye(struct actr__rtp_sender *sender)
{
	struct actr__rtcp_writer w = {.size = 0};

	if (!sender->has_sent || sender->options.mode == ACTR__RTP_RAW)
		return;
	actr__rtcp_put_rr(&w, sender->options.ssrc, NULL);
	actr__rtcp_put_sdes(&w, sender->options.ssrc, sender->options.cname);
	actr__rtcp_put_bye(&w, sender->options.ssrc);
	send_compound(sender, &w);
}
