#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "codegen.h"

static int setup(void **state)
{
	static struct codegen cg;

	actr__arena_init(&cg.arena, NULL, 0, SIZE_MAX);
	*state = &cg;
	return 0;
}

static int teardown(void **state)
{
	struct codegen *cg = *state;

	actr__arena_done(&cg->arena);
	return 0;
}

/* As protoc-gen-c 1.4.1 has them; tests/protos/names.proto is compiled against its output too. */
static void a_message_is_called_as_protobuf_c_calls_it(void **state)
{
	static const struct {
		const char *full_name, *type, *lower;
	} cases[] = {
		{"echo.EchoRequest", "Echo__EchoRequest", "echo__echo_request"},
		{"M", "M", "m"},
		{"my_pkg.v1Beta.HTTPStuff._x.HTTPRequest.inner_Msg.X2Y3z",
		 "MyPkg__V1Beta__HTTPStuff__X__HTTPRequest__InnerMsg__X2Y3z",
		 "my_pkg__v1_beta__httpstuff___x__httprequest__inner__msg__x2_y3z"},
		{"a.my_message_", "A__MyMessage", "a__my_message_"},
		{"a._lead", "A__Lead", "a___lead"},
		{"a.A1B2", "A__A1B2", "a__a1_b2"},
		{"a.ABc__dEF", "A__ABcDEF", "a__abc__d_ef"},
		{"a.lower", "A__Lower", "a__lower"},
		{"a.UPPER_CASE", "A__UPPERCASE", "a__upper__case"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_string_equal(actr__name_pb_type(*state, cases[i].full_name), cases[i].type);
		assert_string_equal(actr__name_pb_lower(*state, cases[i].full_name),
				    cases[i].lower);
	}
}

static void a_service_is_called_in_snake_case(void **state)
{
	static const char *const cases[][2] = {
		{"EchoService", "echo_service"},
		{"HTTPService", "http_service"},
		{"MyHTTP", "my_http"},
		{"HTTPServer2Go", "http_server2_go"},
		{"get_JSONValue", "get_json_value"},
		{"lower", "lower"},
		{"A", "a"},
		{"AB", "ab"},
		{"_Lead__Twice_", "lead_twice"},
		{"__", "_"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(actr__name_snake(*state, cases[i][0]), cases[i][1]);
}

static void a_word_of_c_gets_an_underscore(void **state)
{
	assert_string_equal(actr__name_object(*state, "delete"), "delete_");
	assert_string_equal(actr__name_object(*state, "time"), "time_");
	assert_string_equal(actr__name_member(*state, "time"), "time");
	assert_string_equal(actr__name_member(*state, "int"), "int_");
	assert_string_equal(actr__name_object(*state, "deleted"), "deleted");
}

static void a_path_becomes_a_guard_of_its_own(void **state)
{
	assert_string_equal(actr__name_guard(*state, "a/b_c.proto"), "a_2Fb_5Fc_2Eproto");
	assert_string_not_equal(actr__name_guard(*state, "a/b.proto"),
				actr__name_guard(*state, "a_b.proto"));
}

static void a_manufacturer_is_a_name(void **state)
{
	(void)state;
	assert_true(actr__name_is_manufacturer("acme"));
	assert_true(actr__name_is_manufacturer("a"));
	assert_true(actr__name_is_manufacturer("My-Corp_2"));
	assert_true(actr__name_is_manufacturer("abcdefghijklmnopqrstuvwxyzabcdef"));
	assert_false(actr__name_is_manufacturer("abcdefghijklmnopqrstuvwxyzabcdefg"));
	assert_false(actr__name_is_manufacturer(""));
	assert_false(actr__name_is_manufacturer("2acme"));
	assert_false(actr__name_is_manufacturer("-acme"));
	assert_false(actr__name_is_manufacturer("acme-"));
	assert_false(actr__name_is_manufacturer("ac.me"));
	assert_false(actr__name_is_manufacturer("ac\"me"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_is_called_as_protobuf_c_calls_it),
		TEST(a_service_is_called_in_snake_case),
		TEST(a_word_of_c_gets_an_underscore),
		TEST(a_path_becomes_a_guard_of_its_own),
		TEST(a_manufacturer_is_a_name),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
