#include "wire/rtp/test_world.h"

static uint32_t chance(struct world *w)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (w->seed >> 8) % 1000;
}

static void fly(struct world *w, const uint8_t *data, size_t size, bool to_receiver, bool is_rtcp,
		uint64_t extra_ns)
{
	struct flying *f;

	assert_true(w->flying_count < IN_FLIGHT);
	f = &w->flying[w->flying_count++];
	*f = (struct flying){.at_ns = w->now_ns + w->delay_ns + extra_ns,
			     .order = w->order++,
			     .to_receiver = to_receiver,
			     .is_rtcp = is_rtcp,
			     .size = size,
			     .data = malloc(size)};
	memcpy(f->data, data, size);
}

static void from_sender(void *user, uint8_t *packet, size_t size, bool is_rtcp)
{
	struct world *w = user;
	struct actr__rtp_header header;
	uint64_t extra_ns = 0;

	assert_int_equal(actr__rtp_is_rtcp(actr__bytes(packet, size)), is_rtcp);
	if (is_rtcp) {
		fly(w, packet, size, true, true, 0);
	} else {
		assert_int_equal(actr__rtp_parse(actr__bytes(packet, size), MID_ID, &header), 0);
		w->marker_count += header.marker;
		w->packet_max = size > w->packet_max ? size : w->packet_max;
		if (chance(w) < w->reorder_per_1000)
			extra_ns = 3 * MS;
		if (chance(w) >= w->loss_per_1000 && !(w->drops && w->drops(w, &header)))
			fly(w, packet, size, true, false, extra_ns);
		if (chance(w) < w->copy_per_1000)
			fly(w, packet, size, true, false, 0);
	}
	memset(packet, 0xee, size + ACTR__RTP_TAIL); /* encryption is in place, with a tail */
}

static void from_receiver(void *user, uint8_t *packet, size_t size, bool is_rtcp)
{
	struct world *w = user;

	assert_true(is_rtcp && size <= ACTR__RTP_MTU && size % 4 == 0);
	fly(w, packet, size, false, true, 0);
	memset(packet, 0xee, size + ACTR__RTP_TAIL);
}

static void on_key_frame(void *user)
{
	((struct world *)user)->asked_for_key_frame++;
}

static void on_report(void *user, uint32_t lost_per_1000, uint32_t jitter_us, uint32_t rtt_us)
{
	struct world *w = user;

	(void)jitter_us;
	w->reports++;
	w->rtt_us = rtt_us;
	w->lost_per_1000 = lost_per_1000;
}

static void on_sample(void *user, const actr_sample *sample)
{
	struct world *w = user;

	assert_true(sample->data.size && sample->data.size <= SAMPLE_MAX);
	w->samples++;
	w->key_frames += sample->is_key_frame;
	w->lost_packets += sample->lost_packets;
	w->last = *sample;
	memcpy(w->last_data, sample->data.data, sample->data.size);
	w->last.data.data = w->last_data;
	if (w->expected) {
		assert_int_equal(sample->data.size, w->expected_size);
		assert_memory_equal(sample->data.data, w->expected, w->expected_size);
	}
}

struct actr__rtp_budget *world_budget;

struct world *world_new(actr_codec codec, enum actr__rtp_mode mode, bool nack, bool pli)
{
	struct world *w = calloc(1, sizeof *w);
	struct actr__rtp_sender_options sending = {.codec = codec,
						   .mode = mode,
						   .payload_type = 96,
						   .ssrc = 0x11223344,
						   .cname = "cname-of-sender",
						   .mid_id = MID_ID,
						   .mid = "0",
						   .on_packet = from_sender,
						   .on_key_frame = on_key_frame,
						   .on_report = on_report,
						   .user = w};
	struct actr__rtp_receiver_options receiving = {.budget = world_budget,
						       .codec = codec,
						       .mode = mode,
						       .ssrc = 0x11223344,
						       .local_ssrc = 0x55667788,
						       .cname = "cname-of-receiver",
						       .nack = nack,
						       .pli = pli,
						       .on_sample = on_sample,
						       .on_packet = from_receiver,
						       .user = w};

	assert_non_null(w);
	w->now_ns = 1000 * MS;
	w->delay_ns = 10 * MS;
	w->seed = 1;
	assert_int_equal(actr__rtp_sender_new(&sending, &w->sender, NULL), 0);
	assert_int_equal(actr__rtp_receiver_new(&receiving, &w->receiver, NULL), 0);
	return w;
}

void world_free(struct world *w)
{
	for (size_t i = 0; i < w->flying_count; i++)
		free(w->flying[i].data);
	actr__rtp_sender_free(w->sender);
	actr__rtp_receiver_free(w->receiver);
	free(w);
}

int64_t wall_ms(const struct world *w)
{
	return (int64_t)(1700000000000 + w->now_ns / MS);
}

static void arrive(struct world *w, struct flying f)
{
	struct actr__rtp_header header;
	actr_bytes bytes = actr__bytes(f.data, f.size);

	if (!f.to_receiver) {
		actr__rtp_sender_input_rtcp(w->sender, bytes, w->now_ns, wall_ms(w));
	} else if (f.is_rtcp) {
		w->rtcp_to_receiver++;
		actr__rtp_receiver_input_rtcp(w->receiver, bytes, w->now_ns);
	} else {
		assert_int_equal(actr__rtp_parse(bytes, MID_ID, &header), 0);
		actr__rtp_receiver_input(w->receiver, &header, w->now_ns);
	}
	free(f.data);
}

static bool arrives_before(const struct flying *a, const struct flying *b)
{
	return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

/* All that arrives up to now. In order of arrival; the array is nearly sorted. */
static void deliver_due(struct world *w)
{
	for (;;) {
		size_t first = w->flying_count;

		for (size_t i = 0; i < w->flying_count; i++) {
			if (w->flying[i].at_ns <= w->now_ns &&
			    (first == w->flying_count ||
			     arrives_before(&w->flying[i], &w->flying[first])))
				first = i;
			if (first < w->flying_count && w->flying[first].order == i)
				break;
		}
		if (first == w->flying_count)
			return;
		struct flying f = w->flying[first];

		memmove(w->flying + first, w->flying + first + 1,
			(--w->flying_count - first) * sizeof f);
		arrive(w, f);
	}
}

void advance(struct world *w, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		w->now_ns += MS;
		deliver_due(w);
		actr__rtp_sender_tick(w->sender, w->now_ns, wall_ms(w));
		actr__rtp_receiver_tick(w->receiver, w->now_ns);
	}
}

/* A frame of the codec with content that tells its place; H.264: one NAL unit. */
size_t make_sample(actr_codec codec, uint8_t *out, size_t size, bool is_key)
{
	static const uint8_t idr[] = {0, 0,    0, 1, 0x67, 0x42, 1, 0,	  0,   0,
				      1, 0x68, 2, 0, 0,	   0,	 1, 0x65, 0x88};
	static const uint8_t slice[] = {0, 0, 0, 1, 0x41, 0x9a};

	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(1 + (i * 31 + i / 251) % 255);
	if (codec == ACTR_CODEC_VP8) {
		out[0] = (uint8_t)((out[0] & 0xfe) | !is_key);
	} else if (codec == ACTR_CODEC_H264) {
		const uint8_t *head = is_key ? idr : slice;
		size_t head_size = is_key ? sizeof idr : sizeof slice;

		size = size > head_size ? size : head_size;
		memcpy(out, head, head_size);
	} else {
		out[0] = 0x78; /* 20 ms, one frame */
	}
	return size;
}

void send_sample(struct world *w, const uint8_t *data, size_t size, uint32_t timestamp)
{
	assert_int_equal(
		actr__rtp_send(w->sender, actr__bytes(data, size), timestamp, w->now_ns, NULL), 0);
}
