/*
 * P16: RTP alone, without sockets and encryption: samples of 100 KB (VP8, H.264; Opus 160 B) made
 * into packets by the sender, and samples again by the receiver; the same with 1 % loss and its
 * repeats. Prints one line of JSON; packets a second are the best of several rounds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "wire/rtp/rtp.h"

#define ROUNDS	      10
#define SAMPLES	      100u
#define VIDEO_SAMPLE  100000u
#define AUDIO_SAMPLE  160u
#define PACKETS_MAX   16384u
#define PACKET_SIZE   ACTR__RTP_MTU
#define NS_PER_SAMPLE 16000000ull

static struct {
	uint8_t data[PACKET_SIZE];
	size_t size;
} packets[PACKETS_MAX];

struct run {
	struct actr__rtp_sender *sender;
	struct actr__rtp_receiver *receiver;
	size_t kept, passed;
	bool keeps, loses;
	uint64_t now_ns;
	uint64_t samples;
	uint8_t rtcp[ACTR__RTP_MTU]; /* of the receiver, on its way */
	size_t rtcp_size;
};

static uint8_t sample[VIDEO_SAMPLE];
static volatile size_t sink;

static void on_sent(void *user, uint8_t *packet, size_t size, bool is_rtcp)
{
	struct run *run = user;
	struct actr__rtp_header header;

	sink += size;
	if (is_rtcp)
		return;
	if (run->loses) {
		if (++run->passed % 100 &&
		    actr__rtp_parse(actr__bytes(packet, size), 0, &header) == 0)
			actr__rtp_receiver_input(run->receiver, &header, run->now_ns);
	} else if (run->keeps && run->kept < PACKETS_MAX && size <= PACKET_SIZE) {
		memcpy(packets[run->kept].data, packet, size);
		packets[run->kept++].size = size;
	}
}

static void on_rtcp(void *user, uint8_t *packet, size_t size, bool is_rtcp)
{
	struct run *run = user;

	(void)is_rtcp;
	memcpy(run->rtcp, packet, size);
	run->rtcp_size = size;
}

static void on_sample(void *user, const actr_sample *got)
{
	struct run *run = user;

	run->samples++;
	sink += got->data.data[got->data.size - 1];
}

static void open_run(struct run *run, actr_codec codec)
{
	struct actr__rtp_sender_options sending = {
		.codec = codec, .ssrc = 1, .cname = "bench", .on_packet = on_sent, .user = run};
	struct actr__rtp_receiver_options receiving = {.codec = codec,
						       .ssrc = 1,
						       .local_ssrc = 2,
						       .cname = "bench",
						       .nack = true,
						       .pli = true,
						       .on_sample = on_sample,
						       .on_packet = on_rtcp,
						       .user = run};

	if (actr__rtp_sender_new(&sending, &run->sender, NULL) < 0 ||
	    actr__rtp_receiver_new(&receiving, &run->receiver, NULL) < 0)
		abort();
	run->now_ns = 1000000000;
}

static void close_run(struct run *run)
{
	actr__rtp_sender_free(run->sender);
	actr__rtp_receiver_free(run->receiver);
}

static size_t fill(actr_codec codec)
{
	for (size_t i = 0; i < sizeof sample; i++)
		sample[i] = (uint8_t)(1 + i * 31 % 255);
	if (codec == ACTR_CODEC_H264)
		memcpy(sample, "\0\0\0\1\x65\x88", 6);
	return codec == ACTR_CODEC_OPUS ? AUDIO_SAMPLE : VIDEO_SAMPLE;
}

static void send_all(struct run *run, size_t size)
{
	for (uint32_t i = 0; i < SAMPLES; i++) {
		if (actr__rtp_send(run->sender, actr__bytes(sample, size), i * 960, run->now_ns,
				   NULL) < 0)
			abort();
		run->now_ns += NS_PER_SAMPLE;
		if (!run->loses)
			continue;
		actr__rtp_receiver_tick(run->receiver, run->now_ns);
		actr__rtp_sender_input_rtcp(run->sender, actr__bytes(run->rtcp, run->rtcp_size),
					    run->now_ns, 0);
		run->rtcp_size = 0;
	}
}

static double per_second(uint64_t packet_count, uint64_t start)
{
	return (double)packet_count * 1e9 / (double)(actr__clock_monotonic_ns() - start);
}

static uint64_t packets_of(const struct run *run)
{
	struct actr__rtp_sender_stats stats;

	actr__rtp_sender_stats(run->sender, &stats);
	return stats.packets;
}

static double sending(actr_codec codec)
{
	size_t size = fill(codec);
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct run run = {0};
		uint64_t start;
		double rate;

		open_run(&run, codec);
		start = actr__clock_monotonic_ns();
		send_all(&run, size);
		rate = per_second(packets_of(&run), start);
		best = rate > best ? rate : best;
		close_run(&run);
	}
	return best;
}

static double receiving(actr_codec codec)
{
	size_t size = fill(codec);
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct run run = {.keeps = true};
		uint64_t start;
		double rate;

		open_run(&run, codec);
		send_all(&run, size);
		start = actr__clock_monotonic_ns();
		for (size_t i = 0; i < run.kept; i++) {
			struct actr__rtp_header header;

			if (actr__rtp_parse(actr__bytes(packets[i].data, packets[i].size), 0,
					    &header) < 0)
				abort();
			actr__rtp_receiver_input(run.receiver, &header, run.now_ns);
		}
		rate = per_second(run.kept, start);
		if (run.samples != SAMPLES)
			abort();
		best = rate > best ? rate : best;
		close_run(&run);
	}
	return best;
}

static double repairing(actr_codec codec)
{
	size_t size = fill(codec);
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct run run = {.loses = true};
		uint64_t start;
		double rate;

		open_run(&run, codec);
		start = actr__clock_monotonic_ns();
		send_all(&run, size);
		rate = per_second(packets_of(&run), start);
		if (run.samples < SAMPLES - 1)
			abort();
		best = rate > best ? rate : best;
		close_run(&run);
	}
	return best;
}

int main(void)
{
	printf("{\"id\":\"P16\",\"what\":\"RTP, samples of 100 KB, Opus of 160 "
	       "B\",\"unit\":\"packets/s\","
	       "\"vp8_send\":%.0f,\"vp8_receive\":%.0f,\"h264_send\":%.0f,\"h264_receive\":%.0f,"
	       "\"opus_send\":%.0f,\"opus_receive\":%.0f,\"vp8_loss_1_percent\":%.0f}\n",
	       sending(ACTR_CODEC_VP8), receiving(ACTR_CODEC_VP8), sending(ACTR_CODEC_H264),
	       receiving(ACTR_CODEC_H264), sending(ACTR_CODEC_OPUS), receiving(ACTR_CODEC_OPUS),
	       repairing(ACTR_CODEC_VP8));
	return 0;
}
