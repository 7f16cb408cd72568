/*
 * Receiving one track: packets in any order become samples in order, missing ones are asked for
 * again, and what does not come in time is given up.
 *
 * In order, a packet goes straight into its frame (frame.c). Behind a gap it waits (waiting.c). A
 * gap is asked for (NACK) once three later packets or 10 ms say that it is no mere reordering, and
 * again after a round trip, which is learned from how long asked packets take. After three round
 * trips, but 250 ms at least and 1 s at most, the first gap is given up, and so it is when what
 * waits behind it fills its bounds. Then video lacks a key frame: PLI, at once unless one is
 * already coming in, and again until one has come, at first every 500 ms, while packets arrive.
 *
 * Work that costs a walk over the ring happens at most once a millisecond, so a peer that sends
 * nothing but gaps costs a bounded time. In raw mode nothing waits: each packet is a sample.
 */
#include "wire/rtp/frame_internal.h"
#include "wire/rtp/source_internal.h"
#include "wire/rtp/waiting_internal.h"

#define MAX_WAIT_MS_NACK   250u
#define MAX_WAIT_NS_FAR	   (1 * ACTR__NS_PER_S) /* as long as a sender keeps for repeats */
#define WAIT_ROUND_TRIPS   3u  /* an answer may take two, when the first was lost */
#define MAX_WAIT_MS_PLAIN  50u /* reordering only */
#define MAX_BYTES_DEFAULT  (8u * 1024 * 1024)
#define GAP_MAX		   1024u /* packets: a larger gap is an outage, not worth a repeat */
#define REORDER_PACKETS	   3u
#define REORDER_NS	   (10 * ACTR__NS_PER_MS)
#define WALK_NS_MIN	   (1 * ACTR__NS_PER_MS)
#define RTT_NS_INITIAL	   (40 * ACTR__NS_PER_MS)
#define REPEAT_NS_MIN	   (10 * ACTR__NS_PER_MS)
#define NACK_SEQUENCES_MAX 1024u /* in one packet of ours */
#define PLI_NS_MIN	   (500 * ACTR__NS_PER_MS)
#define PLI_NS_MAX	   (4 * ACTR__NS_PER_S)

struct actr__rtp_receiver {
	struct actr__rtp_receiver_options options; /* cname: ours */
	struct actr__source source;
	struct actr__waiting waiting;
	struct actr__frame frame;
	struct actr__rtp_receiver_stats stats;
	uint64_t max_wait_ns, rtt_ns;
	bool waits_longer;		/* on a path of long round trips */
	uint64_t probe, probe_asked_ns; /* last asked packet that was given up; 0: none */
	uint64_t walk_ns;		/* next walk; UINT64_MAX while nothing is missing */
	uint64_t last_walk_ns;		/* 0: none yet */
	/* key frames */
	bool is_wanted; /* by the application */
	bool had_pli;
	uint64_t pli_ns, pli_gap_ns;
	uint64_t pli_packets; /* received when the last one left */
	/* reports */
	uint64_t next_report_ns, reported_packets;
};

/* --- life --- */

static void receiver_freep(struct actr__rtp_receiver **receiver)
{
	actr__rtp_receiver_free(*receiver);
}

/* Between the frame's caller and ours: a key frame also fulfils the application's wish. */
static void on_sample(void *user, const actr_sample *sample)
{
	struct actr__rtp_receiver *receiver = user;

	if (sample->is_key_frame) {
		receiver->is_wanted = false;
		receiver->pli_gap_ns = PLI_NS_MIN;
	}
	receiver->options.on_sample(receiver->options.user, sample);
}

int actr__rtp_receiver_new(const struct actr__rtp_receiver_options *options,
			   struct actr__rtp_receiver **ret_receiver, actr_error *err)
{
	_cleanup_(receiver_freep) struct actr__rtp_receiver *receiver =
		actr__new0(struct actr__rtp_receiver);
	uint32_t max_wait_ms = options->max_wait_ms ? options->max_wait_ms
			       : options->nack	    ? MAX_WAIT_MS_NACK
						    : MAX_WAIT_MS_PLAIN;

	if (!receiver)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a track");
	receiver->options = *options;
	receiver->options.cname = actr__strdup(options->cname ? options->cname : "");
	receiver->frame = (struct actr__frame){.codec = options->codec,
					       .mode = options->mode,
					       .ssrc = options->ssrc,
					       .on_sample = on_sample,
					       .user = receiver};
	actr__frame_init(&receiver->frame);
	actr__source_init(&receiver->source, actr__rtp_clock_rate(options->codec));
	actr__waiting_init(&receiver->waiting,
			   options->max_bytes ? options->max_bytes : MAX_BYTES_DEFAULT,
			   options->budget);
	receiver->max_wait_ns = max_wait_ms * ACTR__NS_PER_MS;
	receiver->waits_longer = options->nack && !options->max_wait_ms;
	receiver->rtt_ns = RTT_NS_INITIAL;
	receiver->walk_ns = UINT64_MAX;
	receiver->pli_gap_ns = PLI_NS_MIN;
	if (!receiver->options.cname)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a track");
	*ret_receiver = TAKE(receiver);
	return 0;
}

struct actr__rtp_receiver *actr__rtp_receiver_free(struct actr__rtp_receiver *receiver)
{
	if (!receiver)
		return NULL;
	actr__waiting_done(&receiver->waiting);
	actr__frame_done(&receiver->frame);
	actr__free((char *)receiver->options.cname);
	actr__free(receiver);
	return NULL;
}

void actr__rtp_receiver_stats(const struct actr__rtp_receiver *receiver,
			      struct actr__rtp_receiver_stats *ret)
{
	*ret = receiver->stats;
	ret->samples = receiver->frame.samples;
	ret->malformed = receiver->frame.malformed;
	ret->jitter_us = actr__source_jitter_us(&receiver->source);
}

/* --- order --- */

/* Hands over what is here up to the next that is missing. */
static void drain(struct actr__rtp_receiver *receiver)
{
	struct actr__waiting *waiting = &receiver->waiting;

	while (!actr__waiting_empty(waiting)) {
		struct actr__waiting_slot *slot = actr__waiting_at(waiting, waiting->first);
		struct actr__rtp_header packet = {
			.marker = slot->marker,
			.timestamp = slot->timestamp,
			.payload = actr__bytes(slot->payload, slot->size),
		};

		if (!slot->is_here)
			return;
		actr__frame_input(&receiver->frame, &packet);
		actr__waiting_pop(waiting);
	}
	receiver->walk_ns = UINT64_MAX;
}

/* Gives up the first that are missing, up to one that is here, and hands over what is behind. */
static void give_up(struct actr__rtp_receiver *receiver)
{
	struct actr__waiting *waiting = &receiver->waiting;
	uint64_t count = 0;

	while (!actr__waiting_empty(waiting) &&
	       !actr__waiting_at(waiting, waiting->first)->is_here) {
		const struct actr__waiting_slot *slot = actr__waiting_at(waiting, waiting->first);

		if (slot->asked) {
			receiver->probe = waiting->first;
			receiver->probe_asked_ns = slot->first_asked_ns;
		}
		actr__waiting_pop(waiting);
		count++;
	}
	receiver->stats.lost += count;
	actr__frame_gap(&receiver->frame, count);
	drain(receiver);
}

static void give_up_all(struct actr__rtp_receiver *receiver)
{
	while (!actr__waiting_empty(&receiver->waiting))
		give_up(receiver);
}

/* Numbers up to `extended`, of which nothing is known, are lost. */
static void skip_to(struct actr__rtp_receiver *receiver, uint64_t extended)
{
	uint64_t count = extended - receiver->waiting.first;

	if (!count)
		return;
	receiver->stats.lost += count;
	actr__frame_gap(&receiver->frame, count);
	actr__waiting_reset(&receiver->waiting, extended);
}

static bool has_room(const struct actr__waiting *waiting, uint64_t extended, size_t size)
{
	return extended < waiting->end + GAP_MAX && actr__waiting_has_room(waiting, extended, size);
}

/* For a packet behind `first`. One that is too large for an empty ring is not waited with. */
static void make_room(struct actr__rtp_receiver *receiver, uint64_t extended, size_t size)
{
	struct actr__waiting *waiting = &receiver->waiting;

	if (extended >= waiting->end + GAP_MAX)
		give_up_all(receiver);
	while (extended > waiting->first && !has_room(waiting, extended, size)) {
		if (actr__waiting_empty(waiting))
			skip_to(receiver, extended);
		else
			give_up(receiver);
	}
}

/*
 * How long an asked packet took, since it was asked for first: too long when that request or its
 * answer was lost. So the estimate falls faster than it rises.
 */
static void learn_round_trip(struct actr__rtp_receiver *receiver,
			     const struct actr__waiting_slot *slot, uint64_t now_ns)
{
	uint64_t took_ns = now_ns - slot->first_asked_ns;

	if (!slot->asked)
		return;
	if (took_ns < receiver->rtt_ns)
		receiver->rtt_ns -= (receiver->rtt_ns - took_ns) / 4;
	else
		receiver->rtt_ns += (took_ns - receiver->rtt_ns) / 16;
}

/* An answer that was not waited for tells that the round trip is longer than believed. */
static void learn_from_late(struct actr__rtp_receiver *receiver, uint64_t extended, uint64_t now_ns)
{
	uint64_t took_ns = now_ns - receiver->probe_asked_ns;

	if (!receiver->probe || extended != receiver->probe)
		return;
	receiver->probe = 0;
	if (took_ns > MAX_WAIT_NS_FAR)
		took_ns = MAX_WAIT_NS_FAR;
	if (took_ns > receiver->rtt_ns)
		receiver->rtt_ns = took_ns;
}

static uint64_t wait_ns(const struct actr__rtp_receiver *receiver)
{
	uint64_t far_ns = receiver->rtt_ns * WAIT_ROUND_TRIPS;

	if (!receiver->waits_longer || far_ns < receiver->max_wait_ns)
		return receiver->max_wait_ns;
	return far_ns > MAX_WAIT_NS_FAR ? MAX_WAIT_NS_FAR : far_ns;
}

/* Looks at the ring no later than at `due_ns`, but not more than once in WALK_NS_MIN. */
static void walk_at(struct actr__rtp_receiver *receiver, uint64_t due_ns)
{
	if (receiver->last_walk_ns && due_ns < receiver->last_walk_ns + WALK_NS_MIN)
		due_ns = receiver->last_walk_ns + WALK_NS_MIN;
	if (due_ns < receiver->walk_ns)
		receiver->walk_ns = due_ns;
}

/* A packet behind `first`. False when there was no memory for it. */
static bool wait_for_others(struct actr__rtp_receiver *receiver, uint64_t extended,
			    const struct actr__rtp_header *packet, uint64_t now_ns)
{
	struct actr__waiting *waiting = &receiver->waiting;
	uint64_t end = waiting->end;

	if (extended < end)
		learn_round_trip(receiver, actr__waiting_at(waiting, extended), now_ns);
	if (actr__waiting_put(waiting, extended, packet, now_ns) < 0)
		return false;
	if (extended > end)
		walk_at(receiver, now_ns + REORDER_NS);
	if (extended >= end && waiting->end - waiting->first > REORDER_PACKETS) {
		const struct actr__waiting_slot *slot =
			actr__waiting_at(waiting, waiting->end - 1 - REORDER_PACKETS);

		if (!slot->is_here && !slot->asked)
			walk_at(receiver, now_ns);
	}
	return true;
}

static void input_in_order(struct actr__rtp_receiver *receiver, uint64_t extended,
			   const struct actr__rtp_header *packet, uint64_t now_ns)
{
	struct actr__waiting *waiting = &receiver->waiting;

	make_room(receiver, extended, packet->payload.size);
	if (extended < waiting->first) {
		receiver->stats.late++;
		learn_from_late(receiver, extended, now_ns);
	} else if (extended > waiting->first) {
		if (!wait_for_others(receiver, extended, packet, now_ns))
			actr__source_forget(&receiver->source, extended);
	} else if (actr__waiting_empty(waiting)) {
		waiting->first = ++waiting->end;
		actr__frame_input(&receiver->frame, packet);
	} else {
		learn_round_trip(receiver, actr__waiting_at(waiting, extended), now_ns);
		actr__waiting_pop(waiting);
		actr__frame_input(&receiver->frame, packet);
		drain(receiver);
	}
}

/* The original repeats nothing, so nothing is worth waiting for: a number left out is lost. */
static void input_raw(struct actr__rtp_receiver *receiver, uint64_t extended,
		      const struct actr__rtp_header *packet)
{
	if (extended < receiver->waiting.first) {
		receiver->stats.late++;
	} else {
		skip_to(receiver, extended);
		actr__waiting_reset(&receiver->waiting, extended + 1);
	}
	actr__frame_input(&receiver->frame, packet);
}

/* --- asking --- */

static void send_compound(struct actr__rtp_receiver *receiver, struct actr__rtcp_writer *w)
{
	receiver->options.on_packet(receiver->options.user, w->data, w->size, true);
}

static void begin_compound(struct actr__rtp_receiver *receiver, struct actr__rtcp_writer *w,
			   const struct actr__rtcp_report *report)
{
	w->size = 0;
	actr__rtcp_put_rr(w, receiver->options.local_ssrc, report);
	actr__rtcp_put_sdes(w, receiver->options.local_ssrc, receiver->options.cname);
}

static void send_nack(struct actr__rtp_receiver *receiver, const uint16_t *sequences, size_t count)
{
	struct actr__rtcp_writer w;

	begin_compound(receiver, &w, NULL);
	actr__rtcp_put_nack(&w, receiver->options.local_ssrc, receiver->options.ssrc, sequences,
			    count);
	receiver->stats.nacks++;
	send_compound(receiver, &w);
}

/* When a missing packet is to be asked for. */
static uint64_t due_ns(const struct actr__rtp_receiver *receiver, uint64_t extended,
		       const struct actr__waiting_slot *slot)
{
	uint64_t gap = receiver->rtt_ns + receiver->rtt_ns / 4;

	if (slot->asked)
		return slot->asked_ns + (gap < REPEAT_NS_MIN ? REPEAT_NS_MIN : gap);
	if (receiver->waiting.end - 1 - extended >= REORDER_PACKETS)
		return slot->since_ns;
	return slot->since_ns + REORDER_NS;
}

static void ask(struct actr__rtp_receiver *receiver, uint64_t now_ns)
{
	struct actr__waiting *waiting = &receiver->waiting;
	uint16_t sequences[NACK_SEQUENCES_MAX];
	size_t count = 0, pairs = 0;
	uint64_t pair = 0;

	for (uint64_t i = waiting->first; i < waiting->end; i++) {
		struct actr__waiting_slot *slot = actr__waiting_at(waiting, i);
		uint64_t due;

		if (slot->is_here)
			continue;
		due = due_ns(receiver, i, slot);
		if (due > now_ns) {
			walk_at(receiver, due);
			continue;
		}
		if (count == NACK_SEQUENCES_MAX ||
		    ((!pairs || i - pair > 16) && pairs == ACTR__RTCP_NACKS_MAX)) {
			walk_at(receiver, now_ns);
			break;
		}
		if (!pairs || i - pair > 16) {
			pairs++;
			pair = i;
		}
		if (!slot->asked)
			slot->first_asked_ns = now_ns;
		slot->asked_ns = now_ns;
		if (slot->asked < UINT8_MAX)
			slot->asked++;
		sequences[count++] = (uint16_t)i;
		walk_at(receiver, due_ns(receiver, i, slot));
	}
	if (count)
		send_nack(receiver, sequences, count);
}

static void walk(struct actr__rtp_receiver *receiver, uint64_t now_ns)
{
	struct actr__waiting *waiting = &receiver->waiting;

	if (now_ns < receiver->walk_ns)
		return;
	receiver->walk_ns = UINT64_MAX;
	receiver->last_walk_ns = now_ns;
	while (!actr__waiting_empty(waiting) &&
	       now_ns - actr__waiting_at(waiting, waiting->first)->since_ns >= wait_ns(receiver))
		give_up(receiver);
	if (actr__waiting_empty(waiting))
		return;
	if (receiver->options.nack)
		ask(receiver, now_ns);
	walk_at(receiver, actr__waiting_at(waiting, waiting->first)->since_ns + wait_ns(receiver));
}

static bool lacks_key(const struct actr__rtp_receiver *receiver)
{
	if (!receiver->options.pli || actr__rtp_kind(receiver->options.codec) != ACTR_MEDIA_VIDEO)
		return false;
	if (actr__frame_has_key(&receiver->frame))
		return false;
	if (receiver->is_wanted)
		return true;
	return receiver->frame.lacks_key && receiver->options.mode == ACTR__RTP_PAYLOAD_FORMAT &&
	       receiver->stats.packets != receiver->pli_packets;
}

static void ask_for_key_frame(struct actr__rtp_receiver *receiver, uint64_t now_ns)
{
	struct actr__rtcp_writer w;

	if (!lacks_key(receiver) ||
	    (receiver->had_pli && now_ns < receiver->pli_ns + receiver->pli_gap_ns))
		return;
	if (receiver->had_pli && receiver->pli_gap_ns < PLI_NS_MAX)
		receiver->pli_gap_ns *= 2;
	receiver->had_pli = true;
	receiver->is_wanted = false;
	receiver->frame.lacks_key = true;
	receiver->pli_ns = now_ns;
	receiver->pli_packets = receiver->stats.packets;
	receiver->stats.plis++;
	begin_compound(receiver, &w, NULL);
	actr__rtcp_put_pli(&w, receiver->options.local_ssrc, receiver->options.ssrc);
	send_compound(receiver, &w);
}

void actr__rtp_receiver_request_key_frame(struct actr__rtp_receiver *receiver, uint64_t now_ns)
{
	receiver->is_wanted = true;
	receiver->pli_gap_ns = PLI_NS_MIN;
	ask_for_key_frame(receiver, now_ns);
}

/* --- door --- */

void actr__rtp_receiver_input(struct actr__rtp_receiver *receiver,
			      const struct actr__rtp_header *packet, uint64_t now_ns)
{
	enum actr__source_verdict verdict;
	uint64_t extended;

	if (!receiver->source.has_begun)
		receiver->next_report_ns = now_ns + actr__rtcp_interval_ns() / 2;
	verdict = actr__source_input(&receiver->source, packet, now_ns, &extended);
	receiver->stats.packets++;
	receiver->stats.bytes += packet->payload.size;
	if (verdict == ACTR__SOURCE_JUMP)
		return;
	if (verdict == ACTR__SOURCE_DUPLICATE) {
		receiver->stats.duplicates++;
		return;
	}
	if (verdict == ACTR__SOURCE_RESTART) {
		give_up_all(receiver);
		receiver->probe = 0;
		actr__frame_restart(&receiver->frame);
	}
	if (verdict == ACTR__SOURCE_RESTART || !receiver->waiting.first)
		actr__waiting_reset(&receiver->waiting, extended);
	if (receiver->options.mode == ACTR__RTP_RAW)
		input_raw(receiver, extended, packet);
	else
		input_in_order(receiver, extended, packet, now_ns);
	walk(receiver, now_ns);
	ask_for_key_frame(receiver, now_ns);
}

/* RFC 3550 6.4.1: the middle of the NTP time, and when it came. */
static void on_sr(struct actr__rtp_receiver *receiver, actr_bytes body, uint64_t now_ns)
{
	if (body.size < 24 || actr__get32be(body.data) != receiver->options.ssrc)
		return;
	receiver->source.lsr = actr__get32be(body.data + 6);
	receiver->source.lsr_ns = now_ns;
}

static bool names_sender(const struct actr__rtp_receiver *receiver,
			 const struct actr__rtcp_packet *bye)
{
	for (size_t i = 0; i < bye->count && bye->body.size >= (i + 1) * 4; i++) {
		if (actr__get32be(bye->body.data + i * 4) == receiver->options.ssrc)
			return true;
	}
	return false;
}

void actr__rtp_receiver_input_rtcp(struct actr__rtp_receiver *receiver, actr_bytes compound,
				   uint64_t now_ns)
{
	struct actr__rtcp_packet packet;

	while (actr__rtcp_next(&compound, &packet) > 0) {
		if (packet.type == ACTR__RTCP_SR) {
			on_sr(receiver, packet.body, now_ns);
		} else if (packet.type == ACTR__RTCP_BYE && names_sender(receiver, &packet)) {
			give_up_all(receiver);
		}
	}
}

static void report(struct actr__rtp_receiver *receiver, uint64_t now_ns)
{
	struct actr__rtcp_report block;
	struct actr__rtcp_writer w;

	if (receiver->stats.packets != receiver->reported_packets) {
		receiver->reported_packets = receiver->stats.packets;
		block = actr__source_report(&receiver->source, receiver->options.ssrc, now_ns);
		begin_compound(receiver, &w, &block);
		send_compound(receiver, &w);
	}
	receiver->next_report_ns = now_ns + actr__rtcp_interval_ns();
}

uint64_t actr__rtp_receiver_tick(struct actr__rtp_receiver *receiver, uint64_t now_ns)
{
	uint64_t next_ns;

	if (!receiver->source.has_begun || receiver->options.mode == ACTR__RTP_RAW) {
		ask_for_key_frame(receiver, now_ns);
		return lacks_key(receiver) ? receiver->pli_ns + receiver->pli_gap_ns
					   : now_ns + ACTR__NS_PER_S;
	}
	walk(receiver, now_ns);
	ask_for_key_frame(receiver, now_ns);
	if (now_ns >= receiver->next_report_ns)
		report(receiver, now_ns);
	next_ns = receiver->next_report_ns < receiver->walk_ns ? receiver->next_report_ns
							       : receiver->walk_ns;
	if (lacks_key(receiver) && receiver->pli_ns + receiver->pli_gap_ns < next_ns)
		next_ns = receiver->pli_ns + receiver->pli_gap_ns;
	return next_ns;
}
