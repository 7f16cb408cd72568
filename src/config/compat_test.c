#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/config.h"

#define OLD                                                                                        \
	"syntax='proto3';package p;message A{int32 a=1;string b=2;}"                               \
	"service S{rpc M(A) returns(A);}"

static struct actr__spec spec(struct actr__spec_file *file, const char *package, const char *text)
{
	*file = (struct actr__spec_file){package, text, ""};
	return (struct actr__spec){.fingerprint = "", .files = file, .file_count = 1};
}

/* Level, and the rule of the only change ("" when there is none). */
static void expect(const char *old_text, const char *new_text, enum actr__compat_level level,
		   const char *rule, const char *detail)
{
	struct actr__spec_file a, b;
	struct actr__spec old_spec = spec(&a, "p", old_text), new_spec = spec(&b, "p", new_text);
	struct actr__compat result;
	struct actr__arena arena;

	actr__arena_init(&arena, NULL, 0, 1 << 20);
	assert_int_equal(actr__compat_check(&old_spec, &new_spec, &arena, &result, NULL), 0);
	assert_int_equal(result.level, level);
	assert_int_equal(result.change_count, rule[0] ? 1 : 0);
	if (rule[0]) {
		assert_string_equal(result.changes[0].rule, rule);
		assert_string_equal(result.changes[0].detail, detail);
	}
	actr__arena_done(&arena);
}

static void the_same_meaning_is_fully_compatible(void **st)
{
	(void)st;
	expect(OLD, "// new words\n" OLD, ACTR__COMPAT_FULL, "", "");
}

static void more_fields_messages_and_methods_are_backward_compatible(void **st)
{
	(void)st;
	expect(OLD,
	       "syntax='proto3';package p;message A{int32 renamed=1;string b=2;bool c=3;}message "
	       "B{}"
	       "service S{rpc M(A) returns(A);rpc N(B) returns(A);}service T{}",
	       ACTR__COMPAT_BACKWARD, "PROTO_CHANGE", "");
}

static void what_is_lost_breaks_and_is_named(void **st)
{
	(void)st;
	expect(OLD,
	       "syntax='proto3';package p;message A{int32 a=1;}service S{rpc M(A) returns(A);}",
	       ACTR__COMPAT_BREAKING, "BREAKING_PROTO_CHANGE",
	       "field 2 (b) of message A is gone or has another type");
	expect(OLD,
	       "syntax='proto3';package p;message A{int64 a=1;string b=2;}service S{rpc M(A) "
	       "returns(A);}",
	       ACTR__COMPAT_BREAKING, "BREAKING_PROTO_CHANGE",
	       "field 1 (a) of message A is gone or has another type");
	expect(OLD, "syntax='proto3';package p;message B{}service S{}", ACTR__COMPAT_BREAKING,
	       "BREAKING_PROTO_CHANGE", "message A is gone");
	expect(OLD,
	       "syntax='proto3';package p;message A{int32 a=1;string b=2;}message B{}service S{rpc "
	       "M(A) returns(B);}",
	       ACTR__COMPAT_BREAKING, "BREAKING_PROTO_CHANGE",
	       "method M of service S is gone or has other types");
	expect(OLD, "syntax='proto3';package p;message A{int32 a=1;string b=2;}",
	       ACTR__COMPAT_BREAKING, "BREAKING_PROTO_CHANGE", "service S is gone");
}

static void a_file_that_is_gone_breaks_and_one_that_is_new_does_not(void **st)
{
	struct actr__spec_file one[] = {{"p", OLD, ""}};
	struct actr__spec_file two[] = {{"p", OLD, ""}, {"q", "message Q {}", ""}};
	struct actr__spec small = {.files = one, .file_count = 1};
	struct actr__spec large = {.files = two, .file_count = 2};
	struct actr__compat result;
	struct actr__arena arena;

	(void)st;
	actr__arena_init(&arena, NULL, 0, 1 << 20);
	assert_int_equal(actr__compat_check(&small, &large, &arena, &result, NULL), 0);
	assert_int_equal(result.level, ACTR__COMPAT_FULL);
	assert_string_equal(result.changes[0].rule, "FILE_ADDED");
	assert_int_equal(actr__compat_check(&large, &small, &arena, &result, NULL), 0);
	assert_int_equal(result.level, ACTR__COMPAT_BREAKING);
	assert_int_equal(result.change_count, 1);
	assert_string_equal(result.changes[0].rule, "FILE_REMOVED");
	assert_string_equal(result.changes[0].package, "q");
	actr__arena_done(&arena);
}

static void a_spec_without_content_is_refused(void **st)
{
	struct actr__spec_file blank[] = {{"p", " \n", ""}}, full[] = {{"p", OLD, ""}};
	struct actr__spec old_spec = {.files = full, .file_count = 1};
	struct actr__spec new_spec = {.files = blank, .file_count = 1};
	struct actr__compat result;
	struct actr__arena arena;
	actr_error err = ACTR_ERROR_INIT;

	(void)st;
	actr__arena_init(&arena, NULL, 0, 1 << 20);
	assert_int_equal(actr__compat_check(&old_spec, &new_spec, &arena, &result, &err),
			 ACTR_E_INVALID_ARGUMENT);
	assert_string_equal(err.message, "the new version has no .proto content to compare");
	actr__arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_meaning_is_fully_compatible),
		cmocka_unit_test(more_fields_messages_and_methods_are_backward_compatible),
		cmocka_unit_test(what_is_lost_breaks_and_is_named),
		cmocka_unit_test(a_file_that_is_gone_breaks_and_one_that_is_new_does_not),
		cmocka_unit_test(a_spec_without_content_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
