#include "base/str.h"

bool actr__copy_text(char *out, size_t out_size, actr_bytes text)
{
	out[0] = 0;
	if (text.size >= out_size || (text.size && memchr(text.data, 0, text.size)))
		return false;
	if (text.size)
		memcpy(out, text.data, text.size);
	out[text.size] = 0;
	return true;
}

/* Number of continuation bytes of a sequence with this first byte, or -1. */
static int continuation(uint8_t first)
{
	if (first >= 0xc2 && first <= 0xdf)
		return 1;
	if (first >= 0xe0 && first <= 0xef)
		return 2;
	if (first >= 0xf0 && first <= 0xf4)
		return 3;
	return -1;
}

static bool second_allowed(uint8_t first, uint8_t second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second <= 0x9f;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second <= 0x8f;
	default:
		return true;
	}
}

bool actr__utf8_valid(const void *text, size_t size)
{
	const uint8_t *at = text, *end = at + size;

	while (at < end) {
		int more;

		if (*at < 0x80) {
			at++;
			continue;
		}
		more = continuation(*at);
		if (more < 0 || end - at <= more || !second_allowed(at[0], at[1]))
			return false;
		for (int i = 1; i <= more; i++) {
			if ((at[i] & 0xc0) != 0x80)
				return false;
		}
		at += more + 1;
	}
	return true;
}

void actr__hex(const void *bytes, size_t size, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = bytes;

	for (size_t i = 0; i < size; i++) {
		*out++ = digits[in[i] >> 4];
		*out++ = digits[in[i] & 15];
	}
	*out = 0;
}
