#include "wire/rtp/rtp_internal.h"

#define PROFILE_ONE_BYTE 0xbedeu /* RFC 8285 4.2 */
#define PROFILE_TWO_BYTE 0x1000u /* RFC 8285 4.3; the low 4 bits are the application's */

uint32_t actr__rtp_clock_rate(actr_codec codec)
{
	return codec == ACTR_CODEC_OPUS ? 48000 : 90000;
}

actr_media_kind actr__rtp_kind(actr_codec codec)
{
	return codec == ACTR_CODEC_OPUS ? ACTR_MEDIA_AUDIO : ACTR_MEDIA_VIDEO;
}

/* RFC 8285 4.2: a truncated element ends the list; what came before it counts. */
static actr_bytes find_one_byte(actr_bytes elements, unsigned id)
{
	while (elements.size) {
		unsigned found = elements.data[0] >> 4;
		size_t size = (elements.data[0] & 15u) + 1;

		if (found == 15)
			break;
		if (!found) {
			elements = actr__bytes_skip(elements, 1);
			continue;
		}
		if (elements.size < 1 + size)
			break;
		if (found == id)
			return actr__bytes(elements.data + 1, size);
		elements = actr__bytes_skip(elements, 1 + size);
	}
	return (actr_bytes){0};
}

static actr_bytes find_two_byte(actr_bytes elements, unsigned id)
{
	while (elements.size) {
		size_t size;

		if (!elements.data[0]) {
			elements = actr__bytes_skip(elements, 1);
			continue;
		}
		if (elements.size < 2)
			break;
		size = elements.data[1];
		if (elements.size < 2 + size)
			break;
		if (elements.data[0] == id)
			return actr__bytes(elements.data + 2, size);
		elements = actr__bytes_skip(elements, 2 + size);
	}
	return (actr_bytes){0};
}

static actr_bytes find_element(unsigned profile, actr_bytes elements, unsigned id)
{
	if (!id)
		return (actr_bytes){0};
	if (profile == PROFILE_ONE_BYTE)
		return find_one_byte(elements, id);
	if ((profile & 0xfff0u) == PROFILE_TWO_BYTE)
		return find_two_byte(elements, id);
	return (actr_bytes){0};
}

/* RFC 3550 5.3.1. Takes the extension off the front of `rest`. */
static int parse_extension(actr_bytes *rest, unsigned mid_id, struct actr__rtp_header *header)
{
	size_t size;

	if (rest->size < 4)
		return ACTR_E_DECODE;
	size = (size_t)actr__get16be(rest->data + 2) * 4;
	if (rest->size - 4 < size)
		return ACTR_E_DECODE;
	header->mid =
		find_element(actr__get16be(rest->data), actr__bytes(rest->data + 4, size), mid_id);
	*rest = actr__bytes_skip(*rest, 4 + size);
	return 0;
}

/* RFC 3550 5.1. */
int actr__rtp_parse(actr_bytes packet, unsigned mid_id, struct actr__rtp_header *ret)
{
	const uint8_t *at = packet.data;
	struct actr__rtp_header header = {0};
	actr_bytes rest;
	size_t fixed;

	if (packet.size < ACTR__RTP_HEADER_SIZE || at[0] >> 6 != 2)
		return ACTR_E_DECODE;
	fixed = ACTR__RTP_HEADER_SIZE + (at[0] & 15u) * 4u;
	if (packet.size < fixed)
		return ACTR_E_DECODE;
	header.marker = at[1] >> 7;
	header.payload_type = at[1] & 127;
	header.sequence = actr__get16be(at + 2);
	header.timestamp = actr__get32be(at + 4);
	header.ssrc = actr__get32be(at + 8);
	rest = actr__bytes_skip(packet, fixed);
	if (at[0] & 0x10)
		ACTR_TRY(parse_extension(&rest, mid_id, &header));
	if (at[0] & 0x20) {
		size_t padding = rest.size ? rest.data[rest.size - 1] : 0;

		if (!padding || padding > rest.size)
			return ACTR_E_DECODE;
		rest.size -= padding;
	}
	header.payload = rest;
	*ret = header;
	return 0;
}

size_t actr__rtp_write_header(const struct actr__rtp_header *header, unsigned mid_id,
			      uint8_t out[ACTR__RTP_HEADER_MAX])
{
	bool has_mid = mid_id && header->mid.size;
	uint8_t *at = out;
	size_t size;

	*at++ = has_mid ? 0x90 : 0x80;
	*at++ = (uint8_t)(header->marker << 7 | header->payload_type);
	at = actr__put16be(at, header->sequence);
	at = actr__put32be(at, header->timestamp);
	at = actr__put32be(at, header->ssrc);
	if (!has_mid)
		return ACTR__RTP_HEADER_SIZE;
	size = (1 + header->mid.size + 3) & ~(size_t)3;
	at = actr__put16be(at, PROFILE_ONE_BYTE);
	at = actr__put16be(at, (uint32_t)(size / 4));
	memset(at, 0, size);
	at[0] = (uint8_t)(mid_id << 4 | (header->mid.size - 1));
	memcpy(at + 1, header->mid.data, header->mid.size);
	return ACTR__RTP_HEADER_SIZE + 4 + size;
}
