#include "protocol/codec_test.h"

#define ENVELOPE (&signaling__signaling_envelope__descriptor)

static struct actr__arena arena;

static int setup(void **st)
{
	(void)st;
	actr__arena_init(&arena, NULL, 0, 1u << 20);
	return 0;
}

static int teardown(void **st)
{
	(void)st;
	actr__arena_done(&arena);
	return 0;
}

static ProtobufCMessage *unpack_hex(const ProtobufCMessageDescriptor *descriptor, const char *hex,
				    actr_error *err)
{
	uint8_t bytes[256];
	actr_bytes tight = tight_copy(bytes, from_hex(hex, bytes));
	ProtobufCMessage *message = actr__pb_unpack(descriptor, tight, &arena, err);

	actr__free((void *)(uintptr_t)tight.data);
	return message;
}

static void a_message_is_unpacked_into_the_arena(void **st)
{
	Signaling__SignalingEnvelope *envelope =
		(void *)unpack_hex(ENVELOPE, "0801 120165 7205 08f403 1200", NULL);

	(void)st;
	assert_non_null(envelope);
	assert_string_equal(envelope->envelope_id, "e");
	assert_int_equal(envelope->flow_case, SIGNALING__SIGNALING_ENVELOPE__FLOW_ENVELOPE_ERROR);
	assert_int_equal(envelope->envelope_error->code, 500);
}

static void absent_fields_and_unknown_ones_are_fine(void **st)
{
	(void)st;
	assert_non_null(unpack_hex(ENVELOPE, "", NULL));
	assert_non_null(unpack_hex(ENVELOPE, "6a00", NULL)); /* an empty relay */
	assert_non_null(unpack_hex(ENVELOPE, "9a0603616263 900601", NULL));
}

static void a_role_assignment_of_either_shape_is_only_bytes(void **st)
{
	Signaling__SignalingEnvelope *envelope;

	(void)st;
	envelope = (void *)unpack_hex(ENVELOPE, "6a04 6a020801", NULL); /* {is_offerer = 1} */
	assert_non_null(envelope);
	assert_int_equal(envelope->actr_relay->payload_case,
			 SIGNALING__ACTR_RELAY__PAYLOAD_ROLE_ASSIGNMENT);
	assert_non_null(
		unpack_hex(ENVELOPE, "6a06 6a040a001001", NULL)); /* {to = 1, is_offerer = 2} */
}

static void malformed_messages_are_refused(void **st)
{
	static const char *const cases[] = {
		"08",	       /* cut */
		"0a0101",      /* envelope_version as bytes */
		"1201ff",      /* UTF-8 */
		"12036100 62", /* a zero byte in a string */
		"7203 1201ff", /* UTF-8, further in */
		"7203 1201",   /* cut, further in */
		"7205 1201",   /* longer than what holds it */
		"7202 0a00",   /* ErrorResponse.code as bytes */
		"17",	       /* wire type 7 */
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		actr_error err = ACTR_ERROR_INIT;

		if (unpack_hex(ENVELOPE, cases[i], &err))
			fail_msg("%s was accepted", cases[i]);
		assert_int_equal(err.code, ACTR_E_DECODE);
		assert_true(err.message[0]);
	}
}

/* A recursive type made by hand: protoc-c's shape of `message M { optional M m = 1; }`. */
static const ProtobufCMessageDescriptor nested;
static const ProtobufCFieldDescriptor nested_field = {
	"m",
	1,
	PROTOBUF_C_LABEL_OPTIONAL,
	PROTOBUF_C_TYPE_MESSAGE,
	0,
	sizeof(ProtobufCMessage),
	&nested,
	NULL,
	0,
	0,
	NULL,
	NULL,
};
static const unsigned nested_by_name[] = {0};
static const ProtobufCIntRange nested_ranges[] = {{1, 0}, {0, 1}};
static const ProtobufCMessageDescriptor nested = {
	PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	"M",
	"M",
	"M",
	"",
	sizeof(ProtobufCMessage) + 8,
	1,
	&nested_field,
	nested_by_name,
	1,
	nested_ranges,
	NULL,
	NULL,
	NULL,
	NULL,
};

/* A message in a message …: the innermost is empty. */
static size_t nest(uint8_t *out, size_t room, unsigned depth)
{
	size_t at = room;

	for (unsigned i = 1; i < depth; i++) {
		uint8_t head[11] = {0x0a};
		size_t size = room - at, bytes = 1;

		for (; size >= 0x80; size >>= 7)
			head[bytes++] = (uint8_t)(size | 0x80);
		head[bytes++] = (uint8_t)size;
		at -= bytes;
		memcpy(out + at, head, bytes);
	}
	memmove(out, out + at, room - at);
	return room - at;
}

static void nesting_over_the_limit_is_refused(void **st)
{
	uint8_t bytes[1000];
	size_t size = nest(bytes, sizeof bytes, ACTR__DEPTH_MAX);

	(void)st;
	assert_int_equal(actr__pb_check(&nested, actr__bytes(bytes, size), 1000, NULL), 0);
	size = nest(bytes, sizeof bytes, ACTR__DEPTH_MAX + 1);
	assert_int_equal(actr__pb_check(&nested, actr__bytes(bytes, size), 1000, NULL),
			 ACTR_E_TOO_LARGE);
	memset(bytes, 0x0b, sizeof bytes); /* groups */
	assert_int_equal(actr__pb_check(&nested, actr__bytes(bytes, sizeof bytes), 1000, NULL),
			 ACTR_E_DECODE);
}

static void too_many_fields_are_refused(void **st)
{
	uint8_t bytes[200];

	(void)st;
	for (size_t i = 0; i < sizeof bytes; i += 2)
		memcpy(bytes + i, "\x08\x01", 2);
	assert_int_equal(actr__pb_check(ENVELOPE, actr__bytes(bytes, sizeof bytes), 100, NULL), 0);
	assert_int_equal(actr__pb_check(ENVELOPE, actr__bytes(bytes, sizeof bytes), 99, NULL),
			 ACTR_E_TOO_LARGE);
}

static void a_message_that_needs_more_than_the_arena_has_is_refused(void **st)
{
	static const char hex[] = "6a02 0a00 120165";
	actr_error err = ACTR_ERROR_INIT;

	(void)st;
	for (size_t limit = 0;; limit += 16) {
		actr__arena_done(&arena);
		actr__arena_init(&arena, NULL, 0, limit);
		if (unpack_hex(ENVELOPE, hex, &err))
			break;
		assert_int_equal(err.code, ACTR_E_DECODE);
		assert_true(limit < 4096);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_is_unpacked_into_the_arena, setup,
						teardown),
		cmocka_unit_test_setup_teardown(absent_fields_and_unknown_ones_are_fine, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_role_assignment_of_either_shape_is_only_bytes,
						setup, teardown),
		cmocka_unit_test_setup_teardown(malformed_messages_are_refused, setup, teardown),
		cmocka_unit_test(nesting_over_the_limit_is_refused),
		cmocka_unit_test(too_many_fields_are_refused),
		cmocka_unit_test_setup_teardown(
			a_message_that_needs_more_than_the_arena_has_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
