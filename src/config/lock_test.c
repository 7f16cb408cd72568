#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/config.h"

static struct actr__arena arena;

static int begin(void **st)
{
	(void)st;
	actr__arena_init(&arena, NULL, 0, 1 << 20);
	return 0;
}

static int end(void **st)
{
	(void)st;
	actr__arena_done(&arena);
	return 0;
}

static void what_is_written_is_read_back(void **st)
{
	const struct actr__spec_file files[] = {
		{"echo", "syntax = \"proto3\";\n// \"\"\"three\"\"\" \\ back\tslash\r\n\x01 é\n",
		 "semantic:1"},
		{"end", "ends with \"", "semantic:2"},
		{"empty", "", "semantic:3"},
	};
	const char *const tags[] = {"latest", "a\"b"};
	const struct actr__locked locked = {.name = "echo",
					    .actr_type = "acme:echo",
					    .cached_at = "2026-01-01T00:00:00Z",
					    .spec = {.description = "line\nline",
						     .fingerprint = "service_semantic:0",
						     .files = files,
						     .file_count = ARRAY_SIZE(files),
						     .published_at = -5,
						     .tags = tags,
						     .tag_count = 2}};
	const struct actr__locked first = {
		.name = "a", .actr_type = "a", .cached_at = "x", .spec = {.fingerprint = "f"}};
	struct actr__lock lock = {.version = 1, .generated_at = "2026-01-01T00:00:00Z"}, back;
	struct actr__buf text;
	actr_error err = ACTR_ERROR_INIT;

	(void)st;
	assert_int_equal(actr__lock_put(&lock, &arena, &locked), 0);
	assert_int_equal(actr__lock_put(&lock, &arena, &first), 0);
	assert_int_equal(actr__lock_put(&lock, &arena, &locked), 0); /* again: replaced */
	actr__buf_init(&text, 1 << 20);
	assert_int_equal(actr__lock_print(&lock, &text), 0);
	if (actr__lock_parse("l", actr__text(actr__buf_text(&text)), &arena, &back, &err) < 0)
		fail_msg("%s\n%s", err.message, (char *)text.data);
	actr__buf_done(&text);
	assert_int_equal(back.version, 1);
	assert_string_equal(back.generated_at, lock.generated_at);
	assert_int_equal(back.dependency_count, 2);
	assert_string_equal(back.dependencies[0].name, "a"); /* sorted */
	assert_null(back.dependencies[0].spec.description);
	assert_int_equal(back.dependencies[0].spec.file_count, 0);
	assert_string_equal(back.dependencies[1].spec.description, "line\nline");
	assert_int_equal(back.dependencies[1].spec.published_at, -5);
	assert_string_equal(back.dependencies[1].spec.tags[1], "a\"b");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		assert_string_equal(back.dependencies[1].spec.files[i].package, files[i].package);
		assert_string_equal(back.dependencies[1].spec.files[i].content, files[i].content);
		assert_string_equal(back.dependencies[1].spec.files[i].fingerprint,
				    files[i].fingerprint);
	}
}

static void an_empty_lock_still_has_its_list(void **st)
{
	struct actr__lock lock = {0}, back;
	struct actr__buf text;

	(void)st;
	actr__buf_init(&text, 4096);
	assert_int_equal(actr__lock_print(&lock, &text), 0);
	assert_string_equal(actr__buf_text(&text), "dependency = []\n");
	assert_int_equal(
		actr__lock_parse("l", actr__text("dependency = []\n"), &arena, &back, NULL), 0);
	assert_int_equal(back.dependency_count, 0);
	assert_int_equal(back.version, 0);
	actr__buf_done(&text);
}

static void a_broken_lock_names_line_and_key(void **st)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"", "l:1: key `dependency`: expected a list of tables, got a table"},
		{"dependency = 1", "l:1: key `dependency`: expected a list of tables, got 1"},
		{"dependency = [1]", "l:1: key `dependency`: expected a list of tables, got 1"},
		{"[metadata]\nversion = 2", "l:2: key `metadata.version`: expected 1, got 2"},
		{"[[dependency]]\nname = 'a'\n",
		 "l:1: key `dependency[0].actr_type`: expected text, got nothing"},
		{"[[dependency]]\nname = 1\n",
		 "l:2: key `dependency[0].name`: expected text, got 1"},
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct actr__lock lock;
		actr_error err = ACTR_ERROR_INIT;

		assert_int_equal(
			actr__lock_parse("l", actr__text(bad[i].text), &arena, &lock, &err),
			ACTR_E_CONFIG);
		assert_string_equal(err.message, bad[i].message);
	}
}

static void a_file_is_replaced_in_one_step(void **st)
{
	char path[] = "/tmp/actr-lock-XXXXXX";
	int fd = mkstemp(path);
	actr_bytes text;
	actr_error err = ACTR_ERROR_INIT;

	(void)st;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(actr__file_write(path, actr__text("one"), &err), 0);
	assert_int_equal(actr__file_write(path, actr__text("two"), &err), 0);
	assert_int_equal(actr__file_read(&arena, path, 10, &text, &err), 0);
	assert_string_equal((const char *)text.data, "two");
	assert_int_equal(actr__file_read(&arena, path, 2, &text, &err), ACTR_E_CONFIG);
	unlink(path);
	assert_int_equal(actr__file_write("/nowhere/at/all", actr__text("x"), &err), ACTR_E_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read_back, begin, end),
		cmocka_unit_test_setup_teardown(an_empty_lock_still_has_its_list, begin, end),
		cmocka_unit_test_setup_teardown(a_broken_lock_names_line_and_key, begin, end),
		cmocka_unit_test_setup_teardown(a_file_is_replaced_in_one_step, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
