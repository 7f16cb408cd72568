#include "protocol/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static void a_well_formed_traceparent_is_taken(void **st)
{
	(void)st;
	assert_true(actr__traceparent_valid(actr__text(good)));
	assert_true(actr__traceparent_valid(
		actr__text("00-0000000000000000000000000000000f-000000000000000f-00")));
}

static void anything_else_is_not(void **st)
{
	char text[sizeof good];

	(void)st;
	for (size_t i = 0; i < sizeof good - 1; i++) {
		memcpy(text, good, sizeof good);
		text[i] = text[i] == '-' ? '0' : 'G';
		assert_false(actr__traceparent_valid(actr__text(text)));
		text[i] = 'A';
		assert_false(actr__traceparent_valid(actr__text(text)));
		assert_false(actr__traceparent_valid(actr__bytes(good, i)));
	}
	assert_false(actr__traceparent_valid(actr__bytes(NULL, 0)));
	assert_false(actr__traceparent_valid(
		actr__text("00-00000000000000000000000000000000-b7ad6b7169203331-01")));
	assert_false(actr__traceparent_valid(
		actr__text("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01")));
}

static bool parses(const char *text)
{
	struct actr__trace t;

	return actr__trace_parse(actr__text(text), &t);
}

static void a_later_version_is_read_by_what_it_has_of_ours(void **st)
{
	(void)st;
	assert_true(parses("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
	assert_true(parses("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"));
	assert_true(parses("fe-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-"));
	assert_false(parses("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more"));
	assert_false(parses("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011"));
	assert_false(parses("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"));
	assert_false(parses("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-"));
	assert_false(parses("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
	assert_false(parses(" 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
}

static void what_is_parsed_is_formatted_as_version_0(void **st)
{
	struct actr__trace t;
	char text[ACTR__TRACEPARENT_SIZE];

	(void)st;
	assert_true(actr__trace_parse(actr__text(good), &t));
	assert_int_equal(t.trace_id[0], 0x0a);
	assert_int_equal(t.trace_id[15], 0x9c);
	assert_int_equal(t.span_id[7], 0x31);
	assert_int_equal(t.flags, ACTR__TRACE_SAMPLED);
	actr__trace_format(&t, text);
	assert_string_equal(text, good);
	t.flags = 0x02; /* level 2: the trace id is random */
	actr__trace_format(&t, text);
	assert_string_equal(text + 52, "-02");
	assert_true(actr__trace_parse(
		actr__text("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-more"), &t));
	actr__trace_format(&t, text);
	assert_string_equal(text, good);
}

static void a_tracestate_is_kept_as_it_is(void **st)
{
	static const char state[] = "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE,,a@b=~ !";
	char out[ACTR__TRACESTATE_SIZE], longest[513];

	(void)st;
	assert_int_equal(actr__tracestate_copy(actr__text(state), out), strlen(state));
	assert_string_equal(out, state);
	memset(longest, 'x', 512);
	longest[512] = 0;
	assert_int_equal(actr__tracestate_copy(actr__text(longest), out), 512);
	assert_string_equal(out, longest);
	assert_int_equal(actr__tracestate_copy(actr__bytes(NULL, 0), out), 0);
	assert_string_equal(out, "");
	assert_int_equal(actr__tracestate_copy(actr__text("a=\x7f"), out), 0);
	assert_int_equal(actr__tracestate_copy(actr__text("a=b\n"), out), 0);
	assert_int_equal(actr__tracestate_copy(actr__text("a=\xc3\xa4"), out), 0);
}

/* `count` entries of `size` bytes, named a, b, c … */
static size_t put_entries(char *at, unsigned count, size_t size, char name)
{
	char *begin = at;

	for (unsigned i = 0; i < count; i++) {
		memset(at, 'v', size);
		at[0] = (char)(name + (char)i);
		at[1] = '=';
		at[size] = ',';
		at += size + 1;
	}
	at[-1] = 0;
	return (size_t)(at - begin);
}

static void a_tracestate_that_is_too_long_loses_whole_entries(void **st)
{
	char out[ACTR__TRACESTATE_SIZE], text[2000];
	size_t used;

	(void)st;
	put_entries(text, 6, 100, 'a'); /* none is long: the last ones go */
	assert_int_equal(actr__tracestate_copy(actr__text(text), out), 5 * 101 - 1);
	assert_memory_equal(out, text, 5 * 101 - 1);
	used = put_entries(text, 1, 400, 'z'); /* it goes, the others stay */
	text[used - 1] = ',';
	put_entries(text + used, 3, 100, 'a');
	assert_int_equal(actr__tracestate_copy(actr__text(text), out), 3 * 101 - 1);
	assert_string_equal(out, text + used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_well_formed_traceparent_is_taken),
		cmocka_unit_test(anything_else_is_not),
		cmocka_unit_test(a_later_version_is_read_by_what_it_has_of_ours),
		cmocka_unit_test(what_is_parsed_is_formatted_as_version_0),
		cmocka_unit_test(a_tracestate_is_kept_as_it_is),
		cmocka_unit_test(a_tracestate_that_is_too_long_loses_whole_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
