/*
 * A peer's RTP, cut from the input: first a byte that says codec, mode and feedback, then records
 * of kind, size and bytes. Samples keep their promises, requests for repeats can be read, and what
 * a sender makes of the bytes arrives as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/rtp/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	actr_codec codec;
	enum actr__rtp_mode mode;
	struct actr__rtp_receiver *receiver;
	uint64_t now_ns;
	uint16_t sequence;
	uint32_t timestamp;
	actr_bytes expected; /* of the sample that the second receiver gets, or empty */
	unsigned samples;
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void on_sample(void *user, const actr_sample *sample)
{
	static const uint8_t start_code[] = {0, 0, 0, 1};
	struct world *w = user;

	require(sample->data.size && sample->data.size <= ACTR_SAMPLE_MAX);
	require(sample->codec == w->codec && sample->kind == actr__rtp_kind(w->codec));
	require(w->codec != ACTR_CODEC_OPUS || sample->is_key_frame);
	if (w->mode == ACTR__RTP_PAYLOAD_FORMAT && w->codec == ACTR_CODEC_H264)
		require(sample->data.size > 4 && !memcmp(sample->data.data, start_code, 4));
	if (w->mode == ACTR__RTP_PAYLOAD_FORMAT && w->codec == ACTR_CODEC_VP8)
		require(sample->is_key_frame == !(sample->data.data[0] & 1));
	w->samples++;
}

static void on_rtcp(void *user, uint8_t *packet, size_t size, bool is_rtcp)
{
	(void)user;
	require(is_rtcp && size <= ACTR__RTP_MTU && actr__rtp_is_rtcp(actr__bytes(packet, size)));
	memset(packet, 0xee, size + ACTR__RTP_TAIL);
}

static struct actr__rtp_receiver *receiver_new(struct world *w, uint8_t flags)
{
	struct actr__rtp_receiver_options options = {.codec = w->codec,
						     .mode = w->mode,
						     .ssrc = 1,
						     .local_ssrc = 2,
						     .cname = "fuzz",
						     .nack = flags & 1,
						     .pli = flags & 2,
						     .max_bytes = 65536,
						     .on_sample = on_sample,
						     .on_packet = on_rtcp,
						     .user = w};
	struct actr__rtp_receiver *receiver;

	require(actr__rtp_receiver_new(&options, &receiver, NULL) == 0);
	return receiver;
}

static void whole_packet(struct world *w, actr_bytes bytes)
{
	struct actr__rtp_header header;

	if (actr__rtp_parse(bytes, bytes.size & 15, &header) < 0)
		return;
	require(header.payload.size + ACTR__RTP_HEADER_SIZE <= bytes.size && header.mid.size < 256);
	actr__rtp_receiver_input(w->receiver, &header, w->now_ns);
}

/* Steps of sequence number, of timestamp and marker, of time; then the payload. */
static void next_packet(struct world *w, actr_bytes bytes)
{
	struct actr__rtp_header header = {.ssrc = 1};

	if (bytes.size < 3)
		return;
	w->sequence = (uint16_t)(w->sequence + (int8_t)bytes.data[0]);
	if (bytes.data[0] == 0x80)
		w->sequence = (uint16_t)(w->sequence + 0x1f80);
	w->timestamp += bytes.data[1] >> 1;
	w->now_ns += bytes.data[2] * 100000u;
	header.marker = bytes.data[1] & 1;
	header.sequence = w->sequence;
	header.timestamp = w->timestamp;
	header.payload = actr__bytes(bytes.data + 3, bytes.size - 3);
	actr__rtp_receiver_input(w->receiver, &header, w->now_ns);
}

static void into_second_receiver(void *user, uint8_t *packet, size_t size, bool is_rtcp)
{
	struct world *w = user;
	struct actr__rtp_header header;

	require(!is_rtcp && actr__rtp_parse(actr__bytes(packet, size), 0, &header) == 0);
	actr__rtp_receiver_input(w->receiver, &header, w->now_ns);
	memset(packet, 0xee, size + ACTR__RTP_TAIL);
}

static void send_and_receive(const struct world *like, actr_bytes sample)
{
	struct world w = {.codec = like->codec, .mode = like->mode};
	struct actr__rtp_sender_options options = {.codec = w.codec,
						   .mode = w.mode,
						   .ssrc = 1,
						   .cname = "fuzz",
						   .on_packet = into_second_receiver,
						   .user = &w};
	struct actr__rtp_sender *sender;
	int rc;

	w.receiver = receiver_new(&w, 3);
	require(actr__rtp_sender_new(&options, &sender, NULL) == 0);
	rc = actr__rtp_send(sender, sample, 0, 0, NULL);
	/* A slice in the middle of a picture alone is nothing that a stream begins with. */
	require(w.samples == (rc == 0) || (w.codec == ACTR_CODEC_H264 && !w.samples));
	actr__rtp_sender_free(sender);
	actr__rtp_receiver_free(w.receiver);
}

static void record(struct world *w, uint8_t kind, actr_bytes bytes)
{
	switch (kind % 5) {
	case 0:
		next_packet(w, bytes);
		break;
	case 1:
		whole_packet(w, bytes);
		break;
	case 2:
		actr__rtp_receiver_input_rtcp(w->receiver, bytes, w->now_ns);
		break;
	case 3:
		w->now_ns += bytes.size * 10000000u;
		require(actr__rtp_receiver_tick(w->receiver, w->now_ns) > w->now_ns);
		break;
	case 4:
		send_and_receive(w, bytes);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.sequence = 65530, .now_ns = 1000000000};
	size_t at = 1;

	if (!size)
		return 0;
	w.codec = (actr_codec)(data[0] % 3 + 1);
	w.mode = data[0] & 0x80 ? ACTR__RTP_RAW : ACTR__RTP_PAYLOAD_FORMAT;
	w.receiver = receiver_new(&w, data[0] >> 5);
	while (size - at >= 2) {
		size_t length = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;

		record(&w, data[at], actr__bytes(data + at + 2, length));
		at += 2 + length;
	}
	actr__rtp_receiver_free(w.receiver);
	return 0;
}
