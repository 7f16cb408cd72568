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
		actr__text("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")));
	assert_false(actr__traceparent_valid(
		actr__text("00-00000000000000000000000000000000-b7ad6b7169203331-01")));
	assert_false(actr__traceparent_valid(
		actr__text("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_well_formed_traceparent_is_taken),
		cmocka_unit_test(anything_else_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
