#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"

struct entry {
	struct actr__map_node node;
	unsigned key;
};

static bool match(const struct actr__map_node *node, const void *key)
{
	return container_of(node, struct entry, node)->key == *(const unsigned *)key;
}

static void a_map_finds_what_was_inserted_and_keeps_its_bound(void **state)
{
	static struct entry entries[1000];
	struct actr__map map;
	unsigned key = 7;

	(void)state;
	actr__map_init(&map, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		entries[i].key = i;
		assert_int_equal(actr__map_insert(&map, &entries[i].node, actr__hash(&i, sizeof i)),
				 0);
	}
	struct entry more = {.key = 5000};
	assert_int_equal(actr__map_insert(&map, &more.node, 1), ACTR_E_RESOURCE_EXHAUSTED);
	assert_ptr_equal(actr__map_find(&map, actr__hash(&key, sizeof key), match, &key),
			 &entries[7].node);
	actr__map_remove(&map, &entries[7].node);
	assert_null(actr__map_find(&map, actr__hash(&key, sizeof key), match, &key));
	assert_int_equal(map.count, 999);
	while (actr__map_any(&map))
		actr__map_remove(&map, actr__map_any(&map));
	assert_int_equal(map.count, 0);
	actr__map_done(&map);
}

static void an_arena_aligns_grows_and_stops_at_its_limit(void **state)
{
	_Alignas(16) uint8_t first[64];
	struct actr__arena arena;

	(void)state;
	actr__arena_init(&arena, first, sizeof first, 8192);
	assert_ptr_equal(actr__arena_alloc(&arena, 1), first);
	assert_ptr_equal(actr__arena_alloc(&arena, 16), first + 16);
	for (int i = 0; i < 50; i++)
		assert_int_equal((uintptr_t)actr__arena_alloc(&arena, 100) % 16, 0);
	assert_null(actr__arena_alloc(&arena, 8192));
	assert_null(actr__arena_alloc(&arena, SIZE_MAX));
	assert_non_null(actr__arena_alloc(&arena, 10));
	actr__arena_done(&arena);
}

static void a_buffer_refuses_to_pass_its_bound(void **state)
{
	struct actr__buf buf;

	(void)state;
	actr__buf_init(&buf, 10);
	assert_int_equal(actr__buf_puts(&buf, "12345"), 0);
	assert_int_equal(actr__buf_puts(&buf, "123456"), ACTR_E_TOO_LARGE);
	assert_int_equal(buf.size, 5);
	actr__buf_clear(&buf);
	assert_int_equal(actr__buf_printf(&buf, "%d-%s", 42, "x"), 0);
	assert_string_equal(actr__buf_text(&buf), "42-x");
	actr__buf_consume(&buf, 3);
	assert_string_equal(actr__buf_text(&buf), "x");
	actr__buf_done(&buf);
}

static void every_error_code_has_a_name_and_survives_the_wire(void **state)
{
	static const int roundtrip[] = {ACTR_E_INVALID_ARGUMENT, ACTR_E_NOT_FOUND, ACTR_E_INTERNAL,
					ACTR_E_UNAVAILABLE, ACTR_E_TIMEOUT};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roundtrip); i++)
		assert_int_equal(actr_error_from_wire(actr_error_to_wire(roundtrip[i])),
				 roundtrip[i]);
	/* Whether it is worth another try is the same on the other side, for every code. */
	for (int code = -1; strcmp(actr_error_name(code), "ACTR_E_?"); code--)
		assert_int_equal(
			actr_error_retryable(actr_error_from_wire(actr_error_to_wire(code))),
			actr_error_retryable(code));
	assert_int_equal(actr_error_to_wire(ACTR_E_UNKNOWN_ROUTE), 404);
	assert_int_equal(actr_error_from_wire(10002), ACTR_E_TIMEOUT);
	assert_int_equal(actr_error_from_wire(777), ACTR_E_INTERNAL);
	assert_string_equal(actr_error_name(ACTR_E_TIMEOUT), "ACTR_E_TIMEOUT");
	assert_true(actr_error_retryable(ACTR_E_UNAVAILABLE));
	assert_false(actr_error_retryable(ACTR_E_NOT_FOUND));
}

static void the_original_s_errors_have_its_codes(void **state)
{
	/* reference.md 6.4, by the kind of the original's error; what 11 (36) got wrong is right.
	 */
	static const struct {
		int code;
		uint32_t wire;
	} codes[] = {
		{ACTR_E_INVALID_ARGUMENT, 400}, /* Actr, Uri, Name */
		{ACTR_E_ENCODE, 500},		/* SerializationError, EncodeError */
		{ACTR_E_DECODE, 400},		/* DeserializationError, DecodeError */
		{ACTR_E_FAULT, 400},		/* Actr(DecodeFailure "Handler panicked: …") */
		{ACTR_E_UNKNOWN_ROUTE, 404},
		{ACTR_E_IO, 503}, /* TransportError */
		{ACTR_E_TIMEOUT, 504},
		{ACTR_E_NOT_FOUND, 404},   /* TargetNotFound */
		{ACTR_E_UNAVAILABLE, 503}, /* TargetUnavailable */
		{ACTR_E_STATE, 500},	   /* InvalidStateTransition */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		assert_int_equal(actr_error_to_wire(codes[i].code), codes[i].wire);
}

static void a_failure_says_what_happened_and_long_words_are_cut(void **state)
{
	actr_error err = ACTR_ERROR_INIT;
	char words[600];

	(void)state;
	assert_int_equal(ACTR_FAIL_ERRNO(&err, ACTR_E_IO, 2, "cannot open %s", "x"), ACTR_E_IO);
	assert_string_equal(err.message, "cannot open x: No such file or directory");
	assert_int_equal(actr__prefix(&err, ACTR_E_CONFIG, "config: "), ACTR_E_CONFIG);
	assert_string_equal(err.message, "config: cannot open x: No such file or directory");
	memset(words, 'a', sizeof words);
	words[sizeof words - 1] = 0;
	ACTR_FAIL(&err, ACTR_E_IO, "%s", words);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	assert_int_equal(ACTR_FAIL(NULL, ACTR_E_IO, "x"), ACTR_E_IO);
}

static void utf8_is_told_from_other_bytes(void **state)
{
	(void)state;
	assert_true(actr__utf8_valid("gr\xc3\xbc\xc3\x9f", 6));
	assert_true(actr__utf8_valid("\xf0\x9f\x8e\x89", 4));
	assert_false(actr__utf8_valid("\xc0\x80", 2));
	assert_false(actr__utf8_valid("\xed\xa0\x80", 3));
	assert_false(actr__utf8_valid("\xf4\x90\x80\x80", 4));
	assert_false(actr__utf8_valid("\xe2\x82", 2));
}

static void uuids_are_version_4_and_differ(void **state)
{
	char a[ACTR_UUID_SIZE], b[ACTR_UUID_SIZE];

	(void)state;
	assert_int_equal(actr__uuid4(a), 0);
	assert_int_equal(actr__uuid4(b), 0);
	assert_int_equal(strlen(a), 36);
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
	assert_string_not_equal(a, b);
}

struct item {
	struct actr__mpsc_node node;
	int value;
};

static void a_queue_gives_back_in_order(void **state)
{
	struct actr__mpsc q;
	struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};

	(void)state;
	actr__mpsc_init(&q);
	assert_null(actr__mpsc_pop(&q));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++)
			actr__mpsc_push(&q, &items[i].node);
		for (int i = 0; i < 3; i++)
			assert_int_equal(container_of(actr__mpsc_pop(&q), struct item, node)->value,
					 i + 1);
		assert_null(actr__mpsc_pop(&q));
	}
}

static void a_peers_string_cannot_break_a_log_line(void **state)
{
	char out[80];

	(void)state;
	assert_string_equal(actr__log_quote("a\n\"b", 4, out, sizeof out), "\"a??b\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_finds_what_was_inserted_and_keeps_its_bound),
		cmocka_unit_test(an_arena_aligns_grows_and_stops_at_its_limit),
		cmocka_unit_test(a_buffer_refuses_to_pass_its_bound),
		cmocka_unit_test(every_error_code_has_a_name_and_survives_the_wire),
		cmocka_unit_test(the_original_s_errors_have_its_codes),
		cmocka_unit_test(a_failure_says_what_happened_and_long_words_are_cut),
		cmocka_unit_test(utf8_is_told_from_other_bytes),
		cmocka_unit_test(uuids_are_version_4_and_differ),
		cmocka_unit_test(a_queue_gives_back_in_order),
		cmocka_unit_test(a_peers_string_cannot_break_a_log_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
