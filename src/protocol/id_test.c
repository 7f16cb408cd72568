#include "protocol/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static actr_id make(const char *manufacturer, const char *name, uint64_t serial, uint32_t realm)
{
	actr_id id = {.realm = realm, .serial = serial};

	assert_int_equal(actr_type_set(&id.type, manufacturer, name, NULL), 0);
	return id;
}

static void an_id_has_the_reference_text(void **st)
{
	actr_id id = make("acme", "echo-service", 0x1a2b3c, 101), back;
	char text[ACTR_ID_TEXT_SIZE];

	(void)st;
	assert_string_equal(actr_id_format(&id, text, sizeof text), "acme:echo-service@1a2b3c:101");
	assert_int_equal(actr_id_parse(text, &back, NULL), 0);
	assert_true(actr_id_equal(&id, &back));
	assert_string_equal(actr_type_format(&id.type, text, sizeof text), "acme:echo-service");
}

static void the_longest_id_fits_its_text_size(void **st)
{
	char manufacturer[ACTR_MANUFACTURER_MAX + 1] = "", name[ACTR_TYPE_NAME_MAX + 1] = "";
	char text[ACTR_ID_TEXT_SIZE];
	actr_id id;

	(void)st;
	memset(manufacturer, 'm', ACTR_MANUFACTURER_MAX);
	memset(name, 'n', ACTR_TYPE_NAME_MAX);
	id = make(manufacturer, name, UINT64_MAX, UINT32_MAX);
	actr_id_format(&id, text, sizeof text);
	assert_string_equal(text + strlen(text) - 28, "@ffffffffffffffff:4294967295");
}

static void ids_parse_by_the_reference_rules(void **st)
{
	static const struct {
		const char *text;
		const char *fails; /* start of the message; NULL: parses */
		uint64_t serial;
		uint32_t realm;
	} cases[] = {
		{"a:b@0:0", NULL, 0, 0},
		{"a:b@FF:1", NULL, 255, 1},
		{"a:b@fF:1", NULL, 255, 1},
		{"a:b@+ff:+7", NULL, 255, 7},
		{"a:b@00000000000000000000ff:007", NULL, 255, 7},
		{"a:b@ffffffffffffffff:4294967295", NULL, UINT64_MAX, UINT32_MAX},
		{"acme:echo.EchoService@1:1", NULL, 1, 1},
		{"acme:_p.a_b.Echo_@1:1", NULL, 1, 1},
		{"", "InvalidFormat", 0, 0},
		{"a:b", "InvalidFormat: Missing '@'", 0, 0},
		{"ab@1:1", "InvalidTypeFormat", 0, 0},
		{"@1:1", "InvalidTypeFormat", 0, 0},
		{"a:b@1", "InvalidFormat: Missing ':'", 0, 0},
		{"a:@1", "InvalidComponent: Invalid type name", 0, 0}, /* the type comes first */
		{":b@1:1", "InvalidComponent: Invalid manufacturer: Empty", 0, 0},
		{"a:b:c@1:1", "InvalidComponent: Invalid type name: InvalidChar", 0, 0},
		{"a.b:c@1:1", "InvalidComponent: Invalid manufacturer: InvalidChar", 0, 0},
		{"a:b@:1", "InvalidComponent: Invalid serial", 0, 0},
		{"a:b@+:1", "InvalidComponent: Invalid serial", 0, 0},
		{"a:b@-1:1", "InvalidComponent: Invalid serial", 0, 0},
		{"a:b@0x1:1", "InvalidComponent: Invalid serial", 0, 0},
		{"a:b@++1:1", "InvalidComponent: Invalid serial", 0, 0},
		{"a:b@ 1:1", "InvalidComponent: Invalid serial", 0, 0},
		{"a:b@g:1", "InvalidComponent: Invalid serial", 0, 0},
		{"a:b@10000000000000000:1", "InvalidComponent: Invalid serial", 0, 0},
		{"a:b@1:", "InvalidComponent: Invalid realm", 0, 0},
		{"a:b@1:4294967296", "InvalidComponent: Invalid realm", 0, 0},
		{"a:b@1:99999999999999999999999", "InvalidComponent: Invalid realm", 0, 0},
		{"a:b@1:-1", "InvalidComponent: Invalid realm", 0, 0},
		{"a:b@1:a", "InvalidComponent: Invalid realm", 0, 0},
		{"a:b@1:1 ", "InvalidComponent: Invalid realm", 0, 0},
		{"a:b@1:2:3", "InvalidComponent: Invalid realm", 0, 0},
		{"a:.b@1:1", "InvalidComponent: Invalid type name: EmptySegment", 0, 0},
		{"a:b.@1:1", "InvalidComponent: Invalid type name: EmptySegment", 0, 0},
		{"a:b..c@1:1", "InvalidComponent: Invalid type name: EmptySegment", 0, 0},
		{"a:b.1c@1:1", "InvalidComponent: Invalid type name: InvalidSegmentStartChar", 0,
		 0},
		{"a:b.c d@1:1", "InvalidComponent: Invalid type name: InvalidChar", 0, 0},
		{"a:b\xff@1:1", "InvalidComponent: Invalid type name: InvalidChar", 0, 0},
		{"a:b.\xff@1:1", "InvalidComponent: Invalid type name: InvalidChar", 0, 0},
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		actr_error err = ACTR_ERROR_INIT;
		actr_id id;
		int rc = actr_id_parse(cases[i].text, &id, &err);

		if (!cases[i].fails) {
			if (rc)
				fail_msg("%s: %s", cases[i].text, err.message);
			assert_true(id.serial == cases[i].serial && id.realm == cases[i].realm);
			continue;
		}
		assert_int_equal(rc, ACTR_E_INVALID_ARGUMENT);
		if (strncmp(err.message, cases[i].fails, strlen(cases[i].fails)))
			fail_msg("%s: %s", cases[i].text, err.message);
	}
}

static void a_dotted_type_name_has_bounds(void **st)
{
	char text[300] = "a:";
	actr_type type;

	(void)st;
	memset(text + 2, 'x', 64);
	memcpy(text + 66, ".y", 3);
	assert_int_equal(actr_type_parse(text, &type, NULL), 0);
	memset(text + 2, 'x', 65);
	memcpy(text + 67, ".y", 3);
	assert_int_equal(actr_type_parse(text, &type, NULL), ACTR_E_INVALID_ARGUMENT);
	memset(text + 2, 'x', 192);
	text[50] = text[100] = text[150] = '.';
	text[2 + 191] = 0;
	assert_int_equal(actr_type_parse(text, &type, NULL), 0);
	assert_int_equal(strlen(type.name), 191);
	text[2 + 191] = 'x';
	text[2 + 192] = 0;
	assert_int_equal(actr_type_parse(text, &type, NULL), ACTR_E_INVALID_ARGUMENT);
}

static void setting_a_type_checks_its_lengths(void **st)
{
	char longest[ACTR_TYPE_NAME_MAX + 2] = "";
	actr_type type;

	(void)st;
	assert_int_equal(actr_type_set(NULL, "a", "b", NULL), ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr_type_set(&type, NULL, "b", NULL), ACTR_E_INVALID_ARGUMENT);
	assert_int_equal(actr_type_set(&type, "a", NULL, NULL), ACTR_E_INVALID_ARGUMENT);
	memset(longest, 'n', ACTR_TYPE_NAME_MAX + 1);
	assert_int_equal(actr_type_set(&type, "a", longest, NULL), ACTR_E_INVALID_ARGUMENT);
	longest[ACTR_MANUFACTURER_MAX + 1] = 0;
	assert_int_equal(actr_type_set(&type, longest, "b", NULL), ACTR_E_INVALID_ARGUMENT);
}

static void order_is_realm_serial_manufacturer_name(void **st)
{
	actr_id ids[] = {
		make("z", "z", 9, 1), make("z", "z", 1, 2), make("a", "z", 2, 2),
		make("b", "a", 2, 2), make("b", "b", 2, 2),
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(ids); k++) {
			int order = actr_id_compare(&ids[i], &ids[k]);

			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
			assert_int_equal(actr_id_equal(&ids[i], &ids[k]), i == k);
		}
	}
}

static void the_encoding_is_protobufs(void **st)
{
	static const actr_id zero;
	char manufacturer[ACTR_MANUFACTURER_MAX + 1] = "", name[ACTR_TYPE_NAME_MAX + 1] = "";
	actr_id ids[3];

	(void)st;
	memset(manufacturer, 'm', ACTR_MANUFACTURER_MAX);
	memset(name, 'n', ACTR_TYPE_NAME_MAX);
	ids[0] = zero;
	ids[1] = make("acme", "echo.EchoService", 0x1a2b3c4d5e, 33554432);
	ids[2] = make(manufacturer, name, UINT64_MAX, UINT32_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		uint8_t ours[ACTR__ID_ENCODED_MAX], theirs[ACTR__ID_ENCODED_MAX];
		struct actr__pb_id place;
		size_t size = actr__id_encode(&ids[i], ours);
		actr_id back;

		assert_int_equal(size, actr__actr_id__pack(actr__pb_id(&place, &ids[i]), theirs));
		assert_memory_equal(ours, theirs, size);
		assert_int_equal(actr__id_decode(actr__bytes(ours, size), &back, NULL), 0);
		assert_true(actr_id_equal(&back, &ids[i]));
		for (size_t cut = 1; cut < size; cut++) { /* never reads past the end */
			uint8_t *copy = actr__memdup(ours, cut);

			(void)actr__id_decode(actr__bytes(copy, cut), &back, NULL);
			actr__free(copy);
		}
	}
}

static int decode_hex(const char *hex, actr_id *ret)
{
	uint8_t bytes[64];
	size_t size = 0;

	for (unsigned value; sscanf(hex + 2 * size, "%2x", &value) == 1; size++)
		bytes[size] = (uint8_t)value;
	return actr__id_decode(actr__bytes(bytes, size), ret, NULL);
}

static void decoding_is_lenient_where_the_original_is(void **st)
{
	actr_id id;

	(void)st;
	assert_int_equal(actr__id_decode(actr__bytes(NULL, 0), &id, NULL), 0);
	assert_int_equal(id.serial, 0);
	/* unknown: varint 9, 64 bit 10, bytes 11, group 12, 32 bit 13; then serial 5 */
	assert_int_equal(decode_hex("4801"
				    "510102030405060708"
				    "5a0161"
				    "630801640d",
				    &id),
			 ACTR_E_DECODE); /* number 1 as 32 bit and cut */
	assert_int_equal(decode_hex("4801"
				    "510102030405060708"
				    "5a0161"
				    "6308016c"
				    "1005",
				    &id),
			 ACTR_E_DECODE); /* the group ends as another */
	assert_int_equal(decode_hex("4801"
				    "510102030405060708"
				    "5a0161"
				    "63080164"
				    "6d01020304"
				    "1005",
				    &id),
			 0);
	assert_int_equal(id.serial, 5);
	/* version (3) of a later ActrType is skipped; the last serial wins; sub-messages merge */
	assert_int_equal(decode_hex("1001"
				    "1a030a0161"
				    "1a06120162"
				    "1a0176"
				    "1002",
				    &id),
			 0);
	assert_string_equal(id.type.manufacturer, "a");
	assert_string_equal(id.type.name, "b");
	assert_int_equal(id.serial, 2);
	/* strict: wire types, 0 in a name, UTF-8, number 0 */
	assert_int_equal(decode_hex("0801", &id), ACTR_E_DECODE);
	assert_int_equal(decode_hex("120101", &id), ACTR_E_DECODE);
	assert_int_equal(decode_hex("1a030a0100", &id), ACTR_E_DECODE);
	assert_int_equal(decode_hex("1a030a01ff", &id), ACTR_E_DECODE);
	assert_int_equal(decode_hex("0001", &id), ACTR_E_DECODE);
	assert_int_equal(decode_hex("10ffffffffffffffffff7f", &id), ACTR_E_DECODE);
	assert_int_equal(decode_hex("10ffffffffffffffffff01", &id), 0);
	assert_true(id.serial == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_has_the_reference_text),
		cmocka_unit_test(the_longest_id_fits_its_text_size),
		cmocka_unit_test(ids_parse_by_the_reference_rules),
		cmocka_unit_test(a_dotted_type_name_has_bounds),
		cmocka_unit_test(setting_a_type_checks_its_lengths),
		cmocka_unit_test(order_is_realm_serial_manufacturer_name),
		cmocka_unit_test(the_encoding_is_protobufs),
		cmocka_unit_test(decoding_is_lenient_where_the_original_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
