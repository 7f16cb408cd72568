/*
 * Sequence numbers of one sender, extended past their 16 bits, and what a report says of them
 * (RFC 3550 A.1, A.3, A.8).
 *
 * Numbers within 8,192 of the highest are believed, and a bit for each tells duplicates. A number
 * farther away is a jump: believed when the next packet continues it (A.1), so a stray packet does
 * no harm and a sender that restarts is followed. A sender that restarts a little lower looks like
 * copies of old packets: many of them in one row are believed too.
 */
#include "wire/rtp/source_internal.h"

#define OLD_IN_ROW_MAX	 64u
#define TRANSIT_STEP_MAX (1u << 26) /* clock units: a sender's clock that leaps */

void actr__source_init(struct actr__source *source, uint32_t clock_rate)
{
	*source = (struct actr__source){.clock_rate = clock_rate};
}

static uint64_t bit(uint64_t extended)
{
	return 1ull << (extended & 63);
}

static uint64_t *word(struct actr__source *source, uint64_t extended)
{
	return &source->seen[(extended & (ACTR__SOURCE_WINDOW - 1)) / 64];
}

static void begin(struct actr__source *source, uint16_t sequence)
{
	source->has_begun = true;
	source->base = source->highest = 65536u + sequence;
	source->received = source->expected_before = source->received_before = 0;
	source->has_transit = false;
	source->jitter = 0;
	source->jumps = source->old_in_row = 0;
	memset(source->seen, 0, sizeof source->seen);
}

static void advance(struct actr__source *source, uint64_t extended)
{
	for (uint64_t i = source->highest + 1; i <= extended;) {
		bool is_whole = !(i & 63) && extended - i >= 63;

		*word(source, i) &= is_whole ? 0 : ~bit(i);
		i += is_whole ? 64 : 1;
	}
	source->highest = extended;
}

/* RFC 3550 A.8, of packets in order: a repeat tells nothing of the path. */
static void measure(struct actr__source *source, uint32_t timestamp, uint64_t now_ns)
{
	uint64_t seconds = now_ns / ACTR__NS_PER_S, rest = now_ns % ACTR__NS_PER_S;
	uint32_t arrival = (uint32_t)(seconds * source->clock_rate +
				      rest * source->clock_rate / ACTR__NS_PER_S);
	uint32_t transit = arrival - timestamp;
	uint32_t distance = transit - source->transit;

	if ((int32_t)distance < 0)
		distance = 0u - distance;
	if (distance > TRANSIT_STEP_MAX)
		distance = TRANSIT_STEP_MAX;
	if (source->has_transit)
		source->jitter += distance - ((source->jitter + 8) >> 4);
	source->transit = transit;
	source->has_transit = true;
}

/* True when the second packet of a jump has come. */
static bool is_restart(struct actr__source *source, uint16_t sequence)
{
	bool is_next = source->jumps && sequence == source->after_jump;

	source->jumps = 1;
	source->after_jump = (uint16_t)(sequence + 1);
	return is_next;
}

/* True when copies, or packets of before the first, come one after the other for too long. */
static bool is_stuck(struct actr__source *source, uint16_t sequence, uint64_t extended)
{
	bool is_next = source->old_in_row && sequence == source->after_jump;
	bool is_old = extended <= source->highest &&
		      (extended < source->base || *word(source, extended) & bit(extended));

	source->old_in_row = !is_old ? 0 : is_next ? source->old_in_row + 1 : 1;
	source->after_jump = (uint16_t)(sequence + 1);
	return source->old_in_row > OLD_IN_ROW_MAX;
}

static enum actr__source_verdict accept(struct actr__source *source,
					const struct actr__rtp_header *packet, uint64_t now_ns,
					enum actr__source_verdict verdict)
{
	*word(source, source->highest) |= bit(source->highest);
	source->received++;
	measure(source, packet->timestamp, now_ns);
	return verdict;
}

enum actr__source_verdict actr__source_input(struct actr__source *source,
					     const struct actr__rtp_header *packet, uint64_t now_ns,
					     uint64_t *ret_extended)
{
	int16_t distance = (int16_t)(packet->sequence - (uint16_t)source->highest);
	uint64_t extended = source->highest + (uint64_t)(int64_t)distance;
	bool is_far = distance >= (int)ACTR__SOURCE_WINDOW || distance <= -(int)ACTR__SOURCE_WINDOW;

	if (!source->has_begun || (is_far ? is_restart(source, packet->sequence)
					  : is_stuck(source, packet->sequence, extended))) {
		bool is_first = !source->has_begun;

		begin(source, packet->sequence);
		*ret_extended = source->highest;
		return accept(source, packet, now_ns,
			      is_first ? ACTR__SOURCE_NEW : ACTR__SOURCE_RESTART);
	}
	if (is_far)
		return ACTR__SOURCE_JUMP;
	source->jumps = 0;
	*ret_extended = extended;
	if (distance > 0) {
		advance(source, extended);
		return accept(source, packet, now_ns, ACTR__SOURCE_NEW);
	}
	source->received++;
	if (*word(source, extended) & bit(extended))
		return ACTR__SOURCE_DUPLICATE;
	*word(source, extended) |= bit(extended);
	return ACTR__SOURCE_NEW;
}

void actr__source_forget(struct actr__source *source, uint64_t extended)
{
	*word(source, extended) &= ~bit(extended);
}

/* RFC 3550 A.3. */
struct actr__rtcp_report actr__source_report(struct actr__source *source, uint32_t ssrc,
					     uint64_t now_ns)
{
	uint64_t expected = source->highest - source->base + 1;
	int64_t lost = (int64_t)(expected - source->received);
	uint64_t expected_now = expected - source->expected_before;
	int64_t lost_now = (int64_t)(expected_now - (source->received - source->received_before));
	struct actr__rtcp_report report = {
		.ssrc = ssrc,
		.highest = (uint32_t)(source->highest - 65536u),
		.jitter = source->jitter >> 4,
		.lsr = source->lsr,
	};

	if (expected_now && lost_now > 0) {
		uint64_t fraction = (uint64_t)lost_now * 256 / expected_now;

		report.fraction = fraction > 255 ? 255 : (uint8_t)fraction;
	}
	report.lost = lost > 0x7fffff ? 0x7fffff : lost < -0x800000 ? -0x800000 : (int32_t)lost;
	if (source->lsr) {
		uint64_t since = now_ns - source->lsr_ns;

		report.dlsr = (uint32_t)(since / ACTR__NS_PER_S * 65536 +
					 since % ACTR__NS_PER_S * 65536 / ACTR__NS_PER_S);
	}
	source->expected_before = expected;
	source->received_before = source->received;
	return report;
}

uint32_t actr__source_jitter_us(const struct actr__source *source)
{
	return (uint32_t)((uint64_t)(source->jitter >> 4) * 1000000 / source->clock_rate);
}
