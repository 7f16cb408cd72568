/* A peer's RTCP, to a sender with a history and to a receiver with a gap. Repeats stay bounded. */
#include <stdlib.h>
#include <string.h>

#include "wire/rtp/rtp.h"

#define SSRC 0x11223344u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct actr__rtp_sender *sender;
	struct actr__rtp_receiver *receiver;
	uint64_t now_ns;
	unsigned packets;
	size_t bytes;
};

static void on_packet(void *user, uint8_t *packet, size_t size, bool is_rtcp)
{
	struct world *w = user;
	struct actr__rtp_header header;

	if (actr__rtp_is_rtcp(actr__bytes(packet, size)) != is_rtcp)
		abort();
	if (!is_rtcp) {
		if (actr__rtp_parse(actr__bytes(packet, size), 0, &header) < 0)
			abort();
		w->bytes += size;
		if (++w->packets % 3)
			actr__rtp_receiver_input(w->receiver, &header, w->now_ns);
	}
	memset(packet, 0xee, size + ACTR__RTP_TAIL);
}

static void on_sample(void *user, const actr_sample *sample)
{
	(void)user;
	if (!sample->data.size)
		abort();
}

static void on_report(void *user, uint32_t lost_per_1000, uint32_t jitter_us, uint32_t rtt_us)
{
	(void)user;
	(void)jitter_us;
	(void)rtt_us;
	if (lost_per_1000 > 1000)
		abort();
}

static void open_world(struct world *w)
{
	struct actr__rtp_sender_options sending = {.codec = ACTR_CODEC_VP8,
						   .ssrc = SSRC,
						   .cname = "fuzz",
						   .on_packet = on_packet,
						   .on_report = on_report,
						   .user = w};
	struct actr__rtp_receiver_options receiving = {.codec = ACTR_CODEC_VP8,
						       .ssrc = SSRC,
						       .local_ssrc = 2,
						       .cname = "fuzz",
						       .nack = true,
						       .pli = true,
						       .on_sample = on_sample,
						       .on_packet = on_packet,
						       .user = w};
	static uint8_t sample[5000];

	if (actr__rtp_sender_new(&sending, &w->sender, NULL) < 0 ||
	    actr__rtp_receiver_new(&receiving, &w->receiver, NULL) < 0 ||
	    actr__rtp_send(w->sender, actr__bytes(sample, sizeof sample), 0, w->now_ns, NULL) < 0)
		abort();
}

/* Sequence numbers from 0 on, so that the input can name them. */
static int no_random(void *user, void *bytes, size_t size)
{
	(void)user;
	memset(bytes, 0, size);
	return 0;
}

/* One compound, or several: each behind a byte of its size in words. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.now_ns = 1000000000};
	size_t sent;

	actr_set_random(no_random, NULL);
	open_world(&w);
	sent = w.bytes;
	while (size) {
		size_t length = data[0] * 4u < size - 1 ? data[0] * 4u : size - 1;
		actr_bytes compound = actr__bytes(data + 1, length);

		w.now_ns += 20000000;
		actr__rtp_sender_input_rtcp(w.sender, compound, w.now_ns, 1700000000000);
		actr__rtp_receiver_input_rtcp(w.receiver, compound, w.now_ns);
		if (actr__rtp_sender_tick(w.sender, w.now_ns, 1700000000000) <= w.now_ns ||
		    actr__rtp_receiver_tick(w.receiver, w.now_ns) <= w.now_ns)
			abort();
		data += 1 + length;
		size -= 1 + length;
	}
	if (w.bytes > 2 * sent)
		abort();
	actr__rtp_sender_bye(w.sender);
	actr__rtp_sender_free(w.sender);
	actr__rtp_receiver_free(w.receiver);
	return 0;
}
