/*
 * Names of actors, packages, services and methods. Lengths are bytes, classes of characters are
 * Unicode's. Messages begin with the original's kind of error, in its order of testing.
 */
#include "protocol/protocol.h"
#include "protocol/unicode.h"

#include <inttypes.h>
#include <stdio.h>

struct rule {
	const char *what;
	size_t max;
	const char *start; /* what the first character must be */
	bool (*may_start)(uint32_t point);
	bool hyphen; /* '-' may follow */
};

static bool starts_service(uint32_t point)
{
	return actr__is_alphabetic(point) && actr__is_uppercase(point);
}

static bool starts_method(uint32_t point)
{
	return actr__is_alphabetic(point) && actr__is_lowercase(point);
}

static const struct rule rules[] = {
	[ACTR__NAME] = {"name", 32, "a letter", actr__is_alphabetic, true},
	[ACTR__PACKAGE_NAME] = {"package name", 256, NULL, NULL, false},
	[ACTR__SERVICE_NAME] = {"service name", 64, "an upper-case letter", starts_service, false},
	[ACTR__METHOD_NAME] = {"method name", 64, "a lower-case letter", starts_method, false},
};

static int fail_char(actr_error *err, const char *kind, const char *rule, uint32_t point)
{
	if (point > 0x20 && point < 0x7f)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "%s: %s, found '%c'", kind, rule,
				 (int)point);
	return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "%s: %s, found U+%04" PRIX32, kind, rule,
			 point);
}

static int check_simple(const struct rule *rule, actr_bytes text, actr_error *err)
{
	const uint8_t *at = text.data, *end = text.data + text.size;
	uint32_t point = actr__utf8_next(&at);

	if (!rule->may_start(point)) {
		char words[64];

		(void)snprintf(words, sizeof words, "a %s starts with %s", rule->what, rule->start);
		return fail_char(err, "InvalidStartChar", words, point);
	}
	while (at < end) {
		point = actr__utf8_next(&at);
		if (!actr__is_alphanumeric(point) && point != '_' &&
		    !(rule->hyphen && point == '-'))
			return fail_char(err, "InvalidChar",
					 rule->hyphen
						 ? "only letters, digits, '-' and '_' may follow"
						 : "only letters, digits and '_' may follow",
					 point);
	}
	if (!actr__is_alphanumeric(point))
		return fail_char(err, "InvalidEndChar", "the last one is a letter or a digit",
				 point);
	return 0;
}

static bool in_package(uint32_t point)
{
	if (point == '_')
		return true;
	return actr__is_alphanumeric(point) &&
	       !(actr__is_alphabetic(point) && actr__is_uppercase(point));
}

static int check_package(actr_bytes text, actr_error *err)
{
	static const char allowed[] = "a package name has lower-case letters, digits, '_' and '.'";
	const uint8_t *at = text.data, *end = text.data + text.size;
	uint32_t point = actr__utf8_next(&at), last = point;

	if (point == '.' || (point >= '0' && point <= '9'))
		return fail_char(err, "InvalidStartChar",
				 "a package name starts with a lower-case letter or '_'", point);
	if (!in_package(point))
		return fail_char(err, "InvalidChar", allowed, point);
	for (; at < end; last = point) {
		point = actr__utf8_next(&at);
		if (point == '.' && last == '.')
			return ACTR_FAIL(
				err, ACTR_E_INVALID_ARGUMENT,
				"EmptySegment: a package name has nothing between two '.'");
		if (point == '.')
			continue;
		if (last == '.' && point >= '0' && point <= '9')
			return fail_char(err, "InvalidSegmentStartChar",
					 "no part of a package name starts with a digit", point);
		if (!in_package(point))
			return fail_char(err, "InvalidChar", allowed, point);
	}
	if (last == '.')
		return fail_char(err, "InvalidEndChar", "a package name does not end with '.'",
				 last);
	return 0;
}

int actr__name_check(enum actr__name_kind kind, actr_bytes text, actr_error *err)
{
	const struct rule *rule = &rules[kind];

	if (!text.size)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "Empty: a %s has at least one character", rule->what);
	if (text.size > rule->max)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "TooLong: a %s has at most %zu bytes, this one has %zu",
				 rule->what, rule->max, text.size);
	if (!actr__utf8_valid(text.data, text.size))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "InvalidChar: a %s is UTF-8",
				 rule->what);
	return kind == ACTR__PACKAGE_NAME ? check_package(text, err)
					  : check_simple(rule, text, err);
}
