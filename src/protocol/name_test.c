#include "protocol/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct name_case {
	const char *text;
	const char *kind; /* of error; NULL: fine */
};

static void check(enum actr__name_kind kind, const struct name_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		actr_error err = ACTR_ERROR_INIT;
		int rc = actr__name_check(kind, actr__text(cases[i].text), &err);
		size_t size = cases[i].kind ? strlen(cases[i].kind) : 0;

		if (rc != (cases[i].kind ? ACTR_E_INVALID_ARGUMENT : 0))
			fail_msg("%s: %d %s", cases[i].text, rc, err.message);
		if (size && (strncmp(err.message, cases[i].kind, size) || err.message[size] != ':'))
			fail_msg("%s: %s", cases[i].text, err.message);
	}
}

#define X8  "xxxxxxxx"
#define X32 X8 X8 X8 X8
#define X64 X32 X32

static void a_name_follows_its_rules(void **st)
{
	static const struct name_case cases[] = {
		{"a", NULL},
		{"A9", NULL},
		{"echo-service", NULL},
		{"a_-_b", NULL},
		{"\xc3\xa9"
		 "cho",
		 NULL},				    /* é */
		{"\xe4\xb8\xad\xe6\x96\x87", NULL}, /* 中文 */
		{"a\xd9\xa3", NULL},		    /* a, Arabic digit 3 */
		{"a\xc2\xbd", NULL},		    /* a, one half: a number */
		{X32, NULL},
		{"", "Empty"},
		{X32 "x", "TooLong"},
		{X8 X8 X8 "xxxxxxx\xc3\xa9", "TooLong"}, /* bytes, not characters */
		{"1" X32, "TooLong"},			 /* before the start */
		{"1a", "InvalidStartChar"},
		{"-a", "InvalidStartChar"},
		{"_a", "InvalidStartChar"},
		{"\xd9\xa3", "InvalidStartChar"}, /* a digit of another script */
		{"1 ", "InvalidStartChar"},	  /* before the rest */
		{"a.b", "InvalidChar"},
		{"a b-", "InvalidChar"},	  /* before the end */
		{"a\xe2\x82\xac", "InvalidChar"}, /* euro sign */
		{"a\xff", "InvalidChar"},
		{"a-", "InvalidEndChar"},
		{"a_", "InvalidEndChar"},
	};

	(void)st;
	check(ACTR__NAME, cases, ARRAY_SIZE(cases));
}

static void a_package_name_follows_its_rules(void **st)
{
	static const struct name_case cases[] = {
		{"echo", NULL},
		{"com.example.v1", NULL},
		{"_a._b.c_", NULL},
		{"\xd9\xa3"
		 "a",
		 NULL}, /* only ASCII digits may not start */
		{X64 X64 X64 X64, NULL},
		{"", "Empty"},
		{X64 X64 X64 X64 "x", "TooLong"},
		{".a", "InvalidStartChar"},
		{"1a", "InvalidStartChar"},
		{"Aa", "InvalidChar"},
		{"-a", "InvalidChar"},
		{"a.B", "InvalidChar"},
		{"a\xc3\x89", "InvalidChar"}, /* É */
		{"a-b", "InvalidChar"},
		{"a..b", "EmptySegment"},
		{"a..", "EmptySegment"},
		{"a.1b", "InvalidSegmentStartChar"},
		{"a.", "InvalidEndChar"},
	};

	(void)st;
	check(ACTR__PACKAGE_NAME, cases, ARRAY_SIZE(cases));
}

static void a_service_name_follows_its_rules(void **st)
{
	static const struct name_case cases[] = {
		{"E", NULL},
		{"EchoService_2", NULL},
		{"\xc3\x89"
		 "cho",
		 NULL},
		{"E" X32 X8 X8 X8 "xxxxxxx", NULL}, /* 64 bytes */
		{"", "Empty"},
		{"E" X64, "TooLong"},
		{"echo", "InvalidStartChar"},
		{"1cho", "InvalidStartChar"},
		{"\xe4\xb8\xad", "InvalidStartChar"}, /* a letter without case */
		{"E-c", "InvalidChar"},
		{"E.c", "InvalidChar"},
		{"E_", "InvalidEndChar"},
	};

	(void)st;
	check(ACTR__SERVICE_NAME, cases, ARRAY_SIZE(cases));
}

static void a_method_name_follows_its_rules(void **st)
{
	static const struct name_case cases[] = {
		{"e", NULL},
		{"echoTwice_2", NULL},
		{"\xc3\xa9"
		 "cho",
		 NULL},
		{"", "Empty"},
		{"e" X64, "TooLong"},
		{"Echo", "InvalidStartChar"},
		{"_echo", "InvalidStartChar"},
		{"e-c", "InvalidChar"},
		{"e_", "InvalidEndChar"},
	};

	(void)st;
	check(ACTR__METHOD_NAME, cases, ARRAY_SIZE(cases));
}

static void a_refusal_tells_what_was_found(void **st)
{
	actr_error err = ACTR_ERROR_INIT;

	(void)st;
	(void)actr__name_check(ACTR__NAME, actr__text("a b"), &err);
	assert_string_equal(
		err.message,
		"InvalidChar: only letters, digits, '-' and '_' may follow, found U+0020");
	(void)actr__name_check(ACTR__SERVICE_NAME, actr__text("echo"), &err);
	assert_string_equal(
		err.message,
		"InvalidStartChar: a service name starts with an upper-case letter, found 'e'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_follows_its_rules),
		cmocka_unit_test(a_package_name_follows_its_rules),
		cmocka_unit_test(a_service_name_follows_its_rules),
		cmocka_unit_test(a_method_name_follows_its_rules),
		cmocka_unit_test(a_refusal_tells_what_was_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
