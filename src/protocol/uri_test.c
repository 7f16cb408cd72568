#include "protocol/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void uris_parse_by_the_reference_rules(void **st)
{
	static const struct {
		const char *text, *actor_type, *path, *query, *printed; /* query: "k=v;" each */
	} cases[] = {
		{"actr://user-service/", "user-service", "", "", "actr://user-service/"},
		{"actr://user-service", "user-service", "", "", "actr://user-service/"},
		{"actr://a/api/v1", "a", "api/v1", "", "actr://a/api/v1"},
		{"actr://a//x", "a", "/x", "", "actr://a/x"},
		{"actr://a/?k=v&l=w", "a", "", "k=v;l=w;", "actr://a/?k=v&l=w"},
		{"actr://a?k=v", "a", "", "k=v;", "actr://a/?k=v"},
		{"actr://a?/b", "a", "", "/b=;", "actr://a/?/b="},
		{"actr://a?", "a", "", "", "actr://a/"},
		{"actr://a?k", "a", "", "k=;", "actr://a/?k="},
		{"actr://a?&&k=1&", "a", "", "k=1;", "actr://a/?k=1"},
		{"actr://a?k=1&l=2&k=3", "a", "", "k=3;l=2;", "actr://a/?k=3&l=2"},
		{"actr://a?k=1=2?3", "a", "", "k=1=2?3;", "actr://a/?k=1=2?3"},
		{"actr://a?=", "a", "", "=;", "actr://a/?="},
		{"actr://a?%20=%41", "a", "", "%20=%41;", "actr://a/?%20=%41"},
		{"actr://m:n@1:2/x", "m:n@1:2", "x", "", "actr://m:n@1:2/x"},
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char query[256] = "", printed[256];
		struct actr__uri uri;
		size_t at = 0;

		assert_int_equal(actr__uri_parse(cases[i].text, &uri, NULL), 0);
		for (size_t k = 0; k < uri.query_count; k++)
			at += (size_t)snprintf(query + at, sizeof query - at, "%.*s=%.*s;",
					       (int)uri.query[k].key.size,
					       (const char *)uri.query[k].key.data,
					       (int)uri.query[k].value.size,
					       (const char *)uri.query[k].value.data);
		assert_true(actr__bytes_equal_text(uri.actor_type, cases[i].actor_type));
		assert_true(actr__bytes_equal_text(uri.path, cases[i].path));
		assert_string_equal(query, cases[i].query);
		assert_int_equal(actr__uri_format(&uri, printed, sizeof printed), 0);
		assert_string_equal(printed, cases[i].printed);
	}
}

static void what_is_no_uri_is_refused(void **st)
{
	static const struct {
		const char *text, *kind;
	} cases[] = {
		{"", "InvalidScheme: \"\""},
		{"http://a", "InvalidScheme: \"http\""},
		{"Actr://a", "InvalidScheme: \"Actr\""},
		{"actr:/a", "InvalidScheme: \"actr\""},
		{"nothing", "InvalidScheme: \"nothing\""},
		{"actr://", "MissingActorType"},
		{"actr:///path", "MissingActorType"},
		{"actr://?k=v", "MissingActorType"},
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		actr_error err = ACTR_ERROR_INIT;
		struct actr__uri uri;

		assert_int_equal(actr__uri_parse(cases[i].text, &uri, &err),
				 ACTR_E_INVALID_ARGUMENT);
		if (strncmp(err.message, cases[i].kind, strlen(cases[i].kind)))
			fail_msg("%s: %s", cases[i].text, err.message);
	}
}

static void a_uri_has_a_largest_number_of_keys(void **st)
{
	char text[400] = "actr://a?";
	struct actr__uri uri;

	(void)st;
	for (int i = 0; i < 32; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "k%d=1&", i);
	assert_int_equal(actr__uri_parse(text, &uri, NULL), 0);
	assert_int_equal(uri.query_count, 32);
	(void)snprintf(text + strlen(text), sizeof text - strlen(text), "k5=9&more");
	assert_int_equal(actr__uri_parse(text, &uri, NULL), ACTR_E_TOO_LARGE);
}

static void printing_stops_at_the_end_of_the_room(void **st)
{
	const char *text = "actr://abc/def?k=v&l=w";
	char out[64];
	struct actr__uri uri;

	(void)st;
	assert_int_equal(actr__uri_parse(text, &uri, NULL), 0);
	for (size_t size = 0; size <= strlen(text); size++) {
		memset(out, '#', sizeof out);
		assert_int_equal(actr__uri_format(&uri, out, size), ACTR_E_TOO_LARGE);
		assert_int_equal(out[size], '#');
		assert_int_equal(out[0], size ? 0 : '#');
	}
	assert_int_equal(actr__uri_format(&uri, out, strlen(text) + 1), 0);
	assert_string_equal(out, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uris_parse_by_the_reference_rules),
		cmocka_unit_test(what_is_no_uri_is_refused),
		cmocka_unit_test(a_uri_has_a_largest_number_of_keys),
		cmocka_unit_test(printing_stops_at_the_end_of_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
