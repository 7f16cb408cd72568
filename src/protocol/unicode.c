#include "protocol/unicode.h"

#include "base/base.h"

struct range {
	uint32_t first, last;
};

#include "protocol/unicode_table.h"

static bool in_table(const struct range *table, size_t count, uint32_t point)
{
	while (count) {
		size_t middle = count / 2;

		if (point > table[middle].last) {
			table += middle + 1;
			count -= middle + 1;
		} else if (point < table[middle].first) {
			count = middle;
		} else {
			return true;
		}
	}
	return false;
}

bool actr__is_uppercase(uint32_t point)
{
	if (point < 0x80)
		return point >= 'A' && point <= 'Z';
	return in_table(uppercase, ARRAY_SIZE(uppercase), point);
}

bool actr__is_lowercase(uint32_t point)
{
	if (point < 0x80)
		return point >= 'a' && point <= 'z';
	return in_table(lowercase, ARRAY_SIZE(lowercase), point);
}

bool actr__is_alphabetic(uint32_t point)
{
	if (point < 0x80)
		return (point | 0x20) >= 'a' && (point | 0x20) <= 'z';
	return in_table(alphabetic, ARRAY_SIZE(alphabetic), point);
}

bool actr__is_alphanumeric(uint32_t point)
{
	if (point < 0x80)
		return actr__is_alphabetic(point) || (point >= '0' && point <= '9');
	return actr__is_alphabetic(point) || in_table(numeric, ARRAY_SIZE(numeric), point);
}

uint32_t actr__utf8_next(const uint8_t **at)
{
	const uint8_t *in = *at;
	int more = in[0] < 0x80 ? 0 : in[0] < 0xe0 ? 1 : in[0] < 0xf0 ? 2 : 3;
	uint32_t point = more ? in[0] & (0x3fu >> more) : in[0];

	for (int i = 1; i <= more; i++)
		point = point << 6 | (in[i] & 0x3f);
	*at = in + more + 1;
	return point;
}
