#include "protocol/codec_test.h"

#define ENTRIES 3

struct places {
	char texts[5][200];
	char entry_texts[ENTRIES][2][40];
	uint8_t payload[300];
	Actr__ErrorResponse error;
	Actr__MetadataEntry entries[ENTRIES];
	Actr__MetadataEntry *entry_list[ENTRIES];
};

static void draw_metadata(Actr__RpcEnvelope *envelope, struct places *places)
{
	envelope->n_metadata = below(ENTRIES + 1);
	envelope->metadata = places->entry_list;
	for (size_t i = 0; i < envelope->n_metadata; i++) {
		actr__metadata_entry__init(&places->entries[i]);
		places->entries[i].key = draw_text(places->entry_texts[i][0], 30);
		places->entries[i].value = draw_text(places->entry_texts[i][1], 30);
		places->entry_list[i] = &places->entries[i];
	}
}

static void draw_envelope(Actr__RpcEnvelope *envelope, struct places *places)
{
	actr__rpc_envelope__init(envelope);
	envelope->route_key = draw_text(places->texts[0], 199);
	do
		envelope->request_id = draw_text(places->texts[1], ACTR__REQUEST_ID_MAX);
	while (!envelope->request_id[0]);
	envelope->has_timeout_ms = true;
	envelope->timeout_ms = (int64_t)draw_number();
	if (below(2)) {
		envelope->has_payload = true;
		envelope->payload.data = places->payload;
		envelope->payload.len = below(sizeof places->payload + 1);
		places->payload[0] = (uint8_t)draw();
	}
	if (below(2))
		envelope->error = actr__pb_error(&places->error, (uint32_t)draw_number(),
						 draw_text(places->texts[2], 150));
	if (below(2)) {
		envelope->has_direction = true;
		envelope->direction = (Actr__RpcEnvelope__Direction)(1 + below(3));
	}
	if (below(2))
		envelope->traceparent = draw_text(places->texts[3], 60);
	if (below(2))
		envelope->tracestate = draw_text(places->texts[4], 60);
	/* Present and empty is the same as absent to us. */
	if (envelope->traceparent && !envelope->traceparent[0])
		envelope->traceparent = NULL;
	if (envelope->tracestate && !envelope->tracestate[0])
		envelope->tracestate = NULL;
	draw_metadata(envelope, places);
}

static void expect_equal(const struct actr__envelope *ours, const Actr__RpcEnvelope *theirs)
{
	actr_bytes at = {NULL, 0}, key, value;
	size_t count = 0;

	expect_text(ours->route_key, theirs->route_key);
	expect_text(ours->request_id, theirs->request_id);
	expect_text(ours->traceparent, theirs->traceparent);
	expect_text(ours->tracestate, theirs->tracestate);
	assert_int_equal(ours->has_payload, theirs->has_payload);
	if (ours->has_payload)
		expect_bytes(ours->payload, theirs->payload);
	assert_int_equal(ours->has_error, theirs->error != NULL);
	if (theirs->error) {
		assert_int_equal(ours->error_code, theirs->error->code);
		expect_text(ours->error_message, theirs->error->message);
	}
	if ((unsigned)theirs->direction <= 3)
		assert_int_equal(ours->direction, theirs->direction);
	else
		assert_int_equal(ours->direction, ACTR__DIRECTION_NONE);
	assert_true(ours->timeout_ms == theirs->timeout_ms);
	assert_int_equal(ours->metadata_count, theirs->n_metadata);
	for (; actr__metadata_next(ours, &at, &key, &value); count++) {
		expect_text(key, theirs->metadata[count]->key);
		expect_text(value, theirs->metadata[count]->value);
	}
	assert_int_equal(count, theirs->n_metadata);
}

static void random_envelopes_are_read_and_written_as_protobuf_c_does(void **st)
{
	struct places *places = calloc(1, sizeof *places);

	(void)st;
	for (int i = 0; i < 3000; i++) {
		uint8_t theirs[4096], ours[4096];
		struct actr__envelope envelope;
		Actr__RpcEnvelope message;
		actr_bytes tight;
		size_t size;

		draw_envelope(&message, places);
		size = actr__rpc_envelope__pack(&message, theirs);
		tight = tight_copy(theirs, size);
		assert_int_equal(actr__envelope_decode(&envelope, tight, NULL), 0);
		expect_equal(&envelope, &message);
		assert_int_equal(actr__envelope_size(&envelope), size);
		assert_int_equal(actr__envelope_encode(&envelope, ours, NULL), size);
		assert_memory_equal(ours, theirs, size);
		actr__free((void *)(uintptr_t)tight.data);
	}
	free(places);
}

/* What we accept protobuf-c accepts, and both mean the same. */
static void broken_envelopes_mean_the_same_to_both_or_are_refused(void **st)
{
	struct places *places = calloc(1, sizeof *places);
	int accepted = 0;

	(void)st;
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[4096], again[8192];
		struct actr__envelope envelope;
		Actr__RpcEnvelope message, *theirs;
		actr_bytes tight;
		size_t size;

		draw_envelope(&message, places);
		size = actr__rpc_envelope__pack(&message, bytes);
		mutate(bytes, &size);
		tight = tight_copy(bytes, size);
		theirs = actr__rpc_envelope__unpack(NULL, size, bytes);
		if (actr__envelope_decode(&envelope, tight, NULL) == 0 && theirs) {
			struct actr__envelope back;

			accepted++;
			expect_equal(&envelope, theirs);
			size = actr__envelope_encode(&envelope, again, NULL);
			assert_int_equal(size, actr__envelope_size(&envelope));
			assert_int_equal(
				actr__envelope_decode(&back, actr__bytes(again, size), NULL), 0);
			expect_equal(&back, theirs);
		}
		if (theirs)
			actr__rpc_envelope__free_unpacked(theirs, NULL);
		actr__free((void *)(uintptr_t)tight.data);
	}
	assert_true(accepted > 1000);
	free(places);
}

static void each_cut_of_an_envelope_is_survived(void **st)
{
	struct places *places = calloc(1, sizeof *places);
	uint8_t bytes[4096];
	Actr__RpcEnvelope message;
	size_t size;

	(void)st;
	draw_envelope(&message, places);
	size = actr__rpc_envelope__pack(&message, bytes);
	for (size_t cut = 0; cut < size; cut++) {
		actr_bytes tight = tight_copy(bytes, cut);
		struct actr__envelope envelope;

		(void)actr__envelope_decode(&envelope, tight, NULL);
		actr__free((void *)(uintptr_t)tight.data);
	}
	free(places);
}

#define ID "b20601 61" /* request_id "a" */

static void the_rules_of_decoding(void **st)
{
	static const struct {
		const char *hex;
		int rc;
	} cases[] = {
		{ID, 0},	     /* absent fields are empty or zero */
		{"", ACTR_E_DECODE}, /* … but a request id there must be */
		{"b20600", ACTR_E_DECODE},
		{ID "0a0161 0a0162", 0},
		{ID "0801", ACTR_E_DECODE},	   /* route_key as a varint */
		{ID "1001", ACTR_E_DECODE},	   /* payload as a varint */
		{ID "1801", ACTR_E_DECODE},	   /* error as a varint */
		{ID "220101", ACTR_E_DECODE},	   /* direction as bytes */
		{ID "a00601", ACTR_E_DECODE},	   /* traceparent as a varint */
		{ID "b80601", ACTR_E_DECODE},	   /* metadata as a varint */
		{ID "c20601 00", ACTR_E_DECODE},   /* timeout_ms as bytes */
		{ID "0b0c", ACTR_E_DECODE},	   /* route_key as a group */
		{ID "1a02 0a00", ACTR_E_DECODE},   /* error.code as bytes */
		{ID "1a02 1001", ACTR_E_DECODE},   /* error.message as a varint */
		{ID "ba0602 0801", ACTR_E_DECODE}, /* metadata key as a varint */
		{ID "0a01ff", ACTR_E_DECODE},	   /* UTF-8 */
		{ID "0a02c080", ACTR_E_DECODE},	   /* overlong */
		{ID "0a03eda080", ACTR_E_DECODE},  /* surrogate */
		{ID "0a09 6161616161616161ff", ACTR_E_DECODE},
		{"b20601ff", ACTR_E_DECODE},
		{ID "aa0601ff", ACTR_E_DECODE},
		{ID "1a03 1201ff", ACTR_E_DECODE},
		{ID "ba0603 0a01ff", ACTR_E_DECODE},
		{ID "ba0603 1201ff", ACTR_E_DECODE},
		{ID "1202ff", ACTR_E_DECODE}, /* cut */
		{ID "12ffffffffffffffffff01", ACTR_E_DECODE},
		{ID "c006ffffffffffffffffff02", ACTR_E_DECODE}, /* a varint over 64 bits */
		{ID "c006ffffffffffffffffff01", 0},
		{ID "c0", ACTR_E_DECODE},
		{ID "0000", ACTR_E_DECODE},   /* number 0 */
		{ID "070000", ACTR_E_DECODE}, /* wire type 7 */
		{ID "2c", ACTR_E_DECODE},     /* the end of no group */
		{ID "2801 290000000000000000 3203616263 33080134 3d00000000", 0}, /* unknown ones */
		{ID "33 33 34 34", 0},
		{ID "33 33 34", ACTR_E_DECODE},
		{ID "33 3c", ACTR_E_DECODE},
		{ID "1a00", 0},
		{ID "1a02 1801", 0}, /* unknown in error */
		{ID "ba0600", 0},
		{ID "ba0602 1801", 0}, /* unknown in metadata */
		{ID "2009", 0},	       /* unknown direction */
		{ID "20ffffffffffffffffff01", 0},
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct actr__envelope envelope;
		uint8_t bytes[128];
		size_t size = from_hex(cases[i].hex, bytes);
		actr_bytes tight = tight_copy(bytes, size);
		int rc = actr__envelope_decode(&envelope, tight, NULL);

		if (rc != cases[i].rc)
			fail_msg("%s: %d", cases[i].hex, rc);
		actr__free((void *)(uintptr_t)tight.data);
	}
}

static int decode_hex(const char *hex, struct actr__envelope *ret)
{
	static uint8_t bytes[256];

	return actr__envelope_decode(ret, actr__bytes(bytes, from_hex(hex, bytes)), NULL);
}

static void the_last_of_a_repeated_field_wins_and_errors_merge(void **st)
{
	struct actr__envelope envelope;

	(void)st;
	assert_int_equal(decode_hex(ID "0a0161 0a0162"
				       "2001 2002"
				       "c00601 c00602"
				       "1a020805 1a03120162 1200 120101",
				    &envelope),
			 0);
	assert_true(actr__bytes_equal_text(envelope.route_key, "b"));
	assert_int_equal(envelope.direction, ACTR__DIRECTION_RESPONSE);
	assert_int_equal(envelope.timeout_ms, 2);
	assert_int_equal(envelope.error_code, 5);
	assert_true(actr__bytes_equal_text(envelope.error_message, "b"));
	assert_int_equal(envelope.payload.size, 1);
	assert_int_equal(decode_hex(ID "2002 2009", &envelope), 0);
	assert_int_equal(envelope.direction, ACTR__DIRECTION_NONE);
}

static void an_empty_payload_is_present(void **st)
{
	struct actr__envelope envelope;
	uint8_t out[64];

	(void)st;
	assert_int_equal(decode_hex(ID, &envelope), 0);
	assert_false(envelope.has_payload);
	assert_int_equal(decode_hex(ID "1200", &envelope), 0);
	assert_true(envelope.has_payload);
	assert_int_equal(actr__envelope_encode(&envelope, out, NULL), 11);
	assert_memory_equal(out,
			    "\x0a\x00\x12\x00\xb2\x06\x01"
			    "a"
			    "\xc0\x06\x00",
			    11);
}

static void metadata_is_copied_without_what_stands_between(void **st)
{
	struct actr__envelope envelope, back;
	uint8_t out[128];
	actr_bytes at = {NULL, 0}, key, value;
	size_t size;

	(void)st;
	/* entry, another request id, entry: the second id wins, and may not come back twice */
	assert_int_equal(decode_hex(ID "ba0606 0a016b 120176"
				       "b2060162"
				       "ba0606 0a016c 120177"
				       "b2060163",
				    &envelope),
			 0);
	assert_int_equal(envelope.metadata_count, 2);
	envelope.request_id = actr__text("mine");
	size = actr__envelope_encode(&envelope, out, NULL);
	assert_int_equal(size, actr__envelope_size(&envelope));
	assert_int_equal(actr__envelope_decode(&back, actr__bytes(out, size), NULL), 0);
	assert_true(actr__bytes_equal_text(back.request_id, "mine"));
	assert_true(actr__metadata_next(&back, &at, &key, &value));
	assert_true(actr__bytes_equal_text(key, "k") && actr__bytes_equal_text(value, "v"));
	assert_true(actr__metadata_next(&back, &at, &key, &value));
	assert_true(actr__bytes_equal_text(key, "l") && actr__bytes_equal_text(value, "w"));
	assert_false(actr__metadata_next(&back, &at, &key, &value));
}

static void limits_hold(void **st)
{
	uint8_t bytes[2048];
	char text[ACTR__ROUTE_KEY_MAX + 2] = "";
	struct actr__envelope envelope = {.request_id = actr__text("a")}, back;
	size_t size;

	(void)st;
	memset(text, 'x', ACTR__ROUTE_KEY_MAX + 1);
	envelope.route_key = actr__bytes(text, ACTR__ROUTE_KEY_MAX);
	size = actr__envelope_encode(&envelope, bytes, NULL);
	assert_int_equal(actr__envelope_decode(&back, actr__bytes(bytes, size), NULL), 0);
	envelope.route_key.size++;
	size = actr__envelope_encode(&envelope, bytes, NULL);
	assert_int_equal(actr__envelope_decode(&back, actr__bytes(bytes, size), NULL),
			 ACTR_E_TOO_LARGE);
	envelope.route_key.size = 0;
	envelope.request_id = actr__bytes(text, ACTR__REQUEST_ID_MAX);
	size = actr__envelope_encode(&envelope, bytes, NULL);
	assert_int_equal(actr__envelope_decode(&back, actr__bytes(bytes, size), NULL), 0);
	envelope.request_id.size++;
	size = actr__envelope_encode(&envelope, bytes, NULL);
	assert_int_equal(actr__envelope_decode(&back, actr__bytes(bytes, size), NULL),
			 ACTR_E_TOO_LARGE);
	size = from_hex(ID, bytes);
	for (unsigned i = 0; i < ACTR__METADATA_MAX; i++)
		size += from_hex("ba0600", bytes + size);
	assert_int_equal(actr__envelope_decode(&back, actr__bytes(bytes, size), NULL), 0);
	assert_int_equal(back.metadata_count, ACTR__METADATA_MAX);
	size += from_hex("ba0600", bytes + size);
	assert_int_equal(actr__envelope_decode(&back, actr__bytes(bytes, size), NULL),
			 ACTR_E_TOO_LARGE);
}

static void room_is_left_for_a_payload_that_comes_later(void **st)
{
	struct actr__envelope envelope =
				      {
					      .route_key = actr__text("r"),
					      .request_id = actr__text("a"),
					      .has_payload = true,
					      .payload = {NULL, 3},
				      },
			      back;
	uint8_t out[64] = {0}, *hole = NULL;
	size_t size = actr__envelope_encode(&envelope, out, &hole);

	(void)st;
	assert_int_equal(size, actr__envelope_size(&envelope));
	memcpy(hole, "xyz", 3);
	assert_int_equal(actr__envelope_decode(&back, actr__bytes(out, size), NULL), 0);
	assert_true(actr__bytes_equal_text(back.payload, "xyz"));
}

static void a_failure_names_the_place(void **st)
{
	actr_error err = ACTR_ERROR_INIT;
	struct actr__envelope envelope;
	uint8_t bytes[16];

	(void)st;
	assert_int_equal(actr__envelope_decode(
				 &envelope, actr__bytes(bytes, from_hex(ID "0801", bytes)), &err),
			 ACTR_E_DECODE);
	assert_string_equal(err.message, "RpcEnvelope is malformed at byte 4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_envelopes_are_read_and_written_as_protobuf_c_does),
		cmocka_unit_test(broken_envelopes_mean_the_same_to_both_or_are_refused),
		cmocka_unit_test(each_cut_of_an_envelope_is_survived),
		cmocka_unit_test(the_rules_of_decoding),
		cmocka_unit_test(the_last_of_a_repeated_field_wins_and_errors_merge),
		cmocka_unit_test(an_empty_payload_is_present),
		cmocka_unit_test(metadata_is_copied_without_what_stands_between),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(room_is_left_for_a_payload_that_comes_later),
		cmocka_unit_test(a_failure_names_the_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
