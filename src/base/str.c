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

static uint64_t load8(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, 8);
	return word;
}

/* Names and numbers are ASCII nearly always: eight bytes a step, the last step may overlap. */
static bool is_ascii(const uint8_t *at, size_t size)
{
	uint64_t seen = 0;

	if (size < 8) {
		for (size_t i = 0; i < size; i++)
			seen |= at[i];
		return !(seen & 0x80);
	}
	for (size_t i = 0; i < size - 8; i += 8)
		seen |= load8(at + i);
	seen |= load8(at + size - 8);
	return !(seen & 0x8080808080808080u);
}

bool actr__utf8_valid(const void *text, size_t size)
{
	const uint8_t *at = text, *end = at + size;

	if (is_ascii(at, size))
		return true;
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
