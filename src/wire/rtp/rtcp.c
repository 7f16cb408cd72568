/*
 * RTCP packets, taken apart and put together (RFC 3550 6, RFC 4585 6). Ours go out as full
 * compounds: a report, SDES with the CNAME, then feedback. No state.
 */
#include "wire/rtp/rtp_internal.h"

#define REPORT_SIZE	 24u
#define SENDER_INFO_SIZE 20u
#define SDES_CNAME	 1u

uint64_t actr__rtcp_interval_ns(void)
{
	return 500 * ACTR__NS_PER_MS + actr__random_below(1000) * ACTR__NS_PER_MS;
}

/* --- reading --- */

/* RFC 3550 6.1, A.2. Padding belongs to the last packet; where it comes earlier it is cut too. */
int actr__rtcp_next(actr_bytes *compound, struct actr__rtcp_packet *ret)
{
	const uint8_t *at = compound->data;
	size_t size, padding = 0;

	if (!compound->size)
		return 0;
	if (compound->size < 4 || at[0] >> 6 != 2)
		return ACTR_E_DECODE;
	size = ((size_t)actr__get16be(at + 2) + 1) * 4;
	if (size > compound->size)
		return ACTR_E_DECODE;
	if (at[0] & 0x20) {
		padding = at[size - 1];
		if (!padding || padding > size - 4)
			return ACTR_E_DECODE;
	}
	ret->type = at[1];
	ret->count = at[0] & 31;
	ret->body = actr__bytes(at + 4, size - 4 - padding);
	*compound = actr__bytes_skip(*compound, size);
	return 1;
}

bool actr__rtcp_report(const struct actr__rtcp_packet *packet, size_t index,
		       struct actr__rtcp_report *ret)
{
	size_t offset = 4 + (packet->type == ACTR__RTCP_SR ? SENDER_INFO_SIZE : 0);
	const uint8_t *at;
	uint32_t lost;

	if (index >= packet->count || packet->body.size < offset + (index + 1) * REPORT_SIZE)
		return false;
	at = packet->body.data + offset + index * REPORT_SIZE;
	lost = actr__get32be(at + 4) & 0xffffff;
	*ret = (struct actr__rtcp_report){
		.ssrc = actr__get32be(at),
		.fraction = at[4],
		.lost = lost & 0x800000 ? (int32_t)lost - 0x1000000 : (int32_t)lost,
		.highest = actr__get32be(at + 8),
		.jitter = actr__get32be(at + 12),
		.lsr = actr__get32be(at + 16),
		.dlsr = actr__get32be(at + 20),
	};
	return true;
}

/* --- writing --- */

/* Header of a packet with `size` bytes behind it, a multiple of 4; NULL when it does not fit. */
static uint8_t *begin(struct actr__rtcp_writer *w, unsigned count, enum actr__rtcp_type type,
		      size_t size)
{
	uint8_t *at = w->data + w->size;

	if (size > ACTR__RTCP_MAX - 4 || w->size > ACTR__RTCP_MAX - 4 - size)
		return NULL;
	w->size += 4 + size;
	*at++ = (uint8_t)(0x80 | count);
	*at++ = (uint8_t)type;
	return actr__put16be(at, (uint32_t)(size / 4));
}

void actr__rtcp_put_sr(struct actr__rtcp_writer *w, uint32_t ssrc,
		       const struct actr__rtcp_sender_info *info)
{
	uint8_t *at = begin(w, 0, ACTR__RTCP_SR, 4 + SENDER_INFO_SIZE);

	if (!at)
		return;
	at = actr__put32be(at, ssrc);
	at = actr__put32be(at, (uint32_t)(info->ntp >> 32));
	at = actr__put32be(at, (uint32_t)info->ntp);
	at = actr__put32be(at, info->timestamp);
	at = actr__put32be(at, info->packets);
	actr__put32be(at, info->octets);
}

void actr__rtcp_put_rr(struct actr__rtcp_writer *w, uint32_t ssrc,
		       const struct actr__rtcp_report *report)
{
	uint8_t *at = begin(w, report ? 1 : 0, ACTR__RTCP_RR, 4 + (report ? REPORT_SIZE : 0));

	if (!at)
		return;
	at = actr__put32be(at, ssrc);
	if (!report)
		return;
	at = actr__put32be(at, report->ssrc);
	at = actr__put32be(at,
			   (uint32_t)report->fraction << 24 | ((uint32_t)report->lost & 0xffffff));
	at = actr__put32be(at, report->highest);
	at = actr__put32be(at, report->jitter);
	at = actr__put32be(at, report->lsr);
	actr__put32be(at, report->dlsr);
}

/* RFC 3550 6.5: the list of items ends with a zero, then zeros up to 32 bits. */
void actr__rtcp_put_sdes(struct actr__rtcp_writer *w, uint32_t ssrc, const char *cname)
{
	size_t length = strnlen(cname, 255);
	size_t size = (4 + 2 + length + 1 + 3) & ~(size_t)3;
	uint8_t *at = begin(w, 1, ACTR__RTCP_SDES, size);

	if (!at)
		return;
	memset(at, 0, size);
	at = actr__put32be(at, ssrc);
	*at++ = SDES_CNAME;
	*at++ = (uint8_t)length;
	memcpy(at, cname, length);
}

void actr__rtcp_put_bye(struct actr__rtcp_writer *w, uint32_t ssrc)
{
	uint8_t *at = begin(w, 1, ACTR__RTCP_BYE, 4);

	if (at)
		actr__put32be(at, ssrc);
}

void actr__rtcp_put_pli(struct actr__rtcp_writer *w, uint32_t ssrc, uint32_t media_ssrc)
{
	uint8_t *at = begin(w, ACTR__RTCP_FMT_PLI, ACTR__RTCP_PSFB, 8);

	if (at)
		actr__put32be(actr__put32be(at, ssrc), media_ssrc);
}

/* RFC 4585 6.2.1: a sequence number, and a bit for each of the 16 behind it. */
static size_t next_pair(const uint16_t *sequences, size_t count, uint16_t *ret_bits)
{
	size_t used = 1;

	*ret_bits = 0;
	for (; used < count; used++) {
		uint16_t distance = (uint16_t)(sequences[used] - sequences[0]);

		if (!distance || distance > 16)
			break;
		*ret_bits |= (uint16_t)(1u << (distance - 1));
	}
	return used;
}

size_t actr__rtcp_put_nack(struct actr__rtcp_writer *w, uint32_t ssrc, uint32_t media_ssrc,
			   const uint16_t *sequences, size_t count)
{
	uint8_t pairs[ACTR__RTCP_NACKS_MAX * 4], *at = pairs;
	size_t taken = 0;

	while (taken < count && at < pairs + sizeof pairs) {
		uint16_t bits;
		size_t used = next_pair(sequences + taken, count - taken, &bits);

		at = actr__put16be(actr__put16be(at, sequences[taken]), bits);
		taken += used;
	}
	if (!taken)
		return 0;
	uint8_t *body = begin(w, ACTR__RTCP_FMT_NACK, ACTR__RTCP_RTPFB, 8 + (size_t)(at - pairs));

	if (!body)
		return 0;
	body = actr__put32be(actr__put32be(body, ssrc), media_ssrc);
	memcpy(body, pairs, (size_t)(at - pairs));
	return taken;
}
