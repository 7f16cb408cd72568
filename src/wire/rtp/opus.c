/* Opus (RFC 7587): one packet is one sample; only its duration is looked at. No state. */
#include "wire/rtp/rtp_internal.h"

/* RFC 6716 table 2: of one frame. */
static uint32_t frame_duration(uint8_t toc)
{
	static const uint16_t silk[] = {480, 960, 1920, 2880};
	unsigned config = toc >> 3;

	if (config < 12)
		return silk[config & 3];
	if (config < 16)
		return config & 1 ? 960 : 480;
	return 120u << (config & 3);
}

uint32_t actr__opus_duration(actr_bytes packet)
{
	unsigned frames;

	if (!packet.size)
		return 0;
	switch (packet.data[0] & 3) {
	case 0:
		frames = 1;
		break;
	case 3:
		frames = packet.size > 1 ? packet.data[1] & 63u : 0;
		break;
	default:
		frames = 2;
	}
	return frames * frame_duration(packet.data[0]);
}
