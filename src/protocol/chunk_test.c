#include "protocol/codec_test.h"

struct places {
	char texts[3][100];
	uint8_t payload[300];
	Actr__MetadataEntry entry;
	Actr__MetadataEntry *list[1];
};

static void draw_chunk(Actr__DataStream *chunk, struct places *places)
{
	actr__data_stream__init(chunk);
	do
		chunk->stream_id = draw_text(places->texts[0], 80);
	while (!chunk->stream_id[0]);
	chunk->has_sequence = true;
	chunk->sequence = draw_number();
	chunk->has_payload = true;
	chunk->payload.data = places->payload;
	chunk->payload.len = below(sizeof places->payload + 1);
	places->payload[0] = (uint8_t)draw();
	if (below(2)) {
		actr__metadata_entry__init(&places->entry);
		places->entry.key = draw_text(places->texts[1], 30);
		places->entry.value = draw_text(places->texts[2], 30);
		places->list[0] = &places->entry;
		chunk->n_metadata = 1;
		chunk->metadata = places->list;
	}
	if (below(2)) {
		chunk->has_timestamp_ms = true;
		chunk->timestamp_ms = (int64_t)draw_number();
	}
}

static void expect_equal(const struct actr__chunk *ours, const Actr__DataStream *theirs)
{
	actr_bytes at = {NULL, 0}, key, value;
	size_t count = 0;

	expect_text(ours->stream_id, theirs->stream_id);
	assert_true(ours->sequence == theirs->sequence);
	expect_bytes(ours->payload, theirs->payload);
	assert_int_equal(ours->has_timestamp, theirs->has_timestamp_ms);
	if (ours->has_timestamp)
		assert_true(ours->timestamp_ms == theirs->timestamp_ms);
	assert_int_equal(ours->metadata_count, theirs->n_metadata);
	for (; actr__chunk_metadata_next(ours, &at, &key, &value); count++) {
		expect_text(key, theirs->metadata[count]->key);
		expect_text(value, theirs->metadata[count]->value);
	}
	assert_int_equal(count, theirs->n_metadata);
}

static void random_chunks_are_read_and_written_as_protobuf_c_does(void **st)
{
	struct places *places = calloc(1, sizeof *places);

	(void)st;
	for (int i = 0; i < 3000; i++) {
		uint8_t theirs[1024], ours[1024];
		struct actr__chunk chunk;
		Actr__DataStream message;
		actr_bytes tight;
		size_t size;

		draw_chunk(&message, places);
		size = actr__data_stream__pack(&message, theirs);
		tight = tight_copy(theirs, size);
		assert_int_equal(actr__chunk_decode(&chunk, tight, NULL), 0);
		expect_equal(&chunk, &message);
		assert_int_equal(actr__chunk_size(&chunk), size);
		assert_int_equal(actr__chunk_encode(&chunk, ours), size);
		assert_memory_equal(ours, theirs, size);
		actr__free((void *)(uintptr_t)tight.data);
	}
	free(places);
}

static void broken_chunks_mean_the_same_to_both_or_are_refused(void **st)
{
	struct places *places = calloc(1, sizeof *places);
	int accepted = 0;

	(void)st;
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[1024];
		struct actr__chunk chunk;
		Actr__DataStream message, *theirs;
		actr_bytes tight;
		size_t size;

		draw_chunk(&message, places);
		size = actr__data_stream__pack(&message, bytes);
		mutate(bytes, &size);
		tight = tight_copy(bytes, size);
		theirs = actr__data_stream__unpack(NULL, size, bytes);
		if (actr__chunk_decode(&chunk, tight, NULL) == 0 && theirs) {
			accepted++;
			expect_equal(&chunk, theirs);
		}
		if (theirs)
			actr__data_stream__free_unpacked(theirs, NULL);
		actr__free((void *)(uintptr_t)tight.data);
	}
	assert_true(accepted > 1000);
	free(places);
}

#define ID "0a0161" /* stream_id "a" */

static void the_rules_of_decoding(void **st)
{
	static const struct {
		const char *hex;
		int rc;
	} cases[] = {
		{ID, 0},
		{"", ACTR_E_DECODE},
		{"0a00", ACTR_E_DECODE},
		{"0a01ff", ACTR_E_DECODE},
		{"0801", ACTR_E_DECODE},
		{ID "1200", ACTR_E_DECODE},
		{ID "1801", ACTR_E_DECODE},
		{ID "2001", ACTR_E_DECODE},
		{ID "2a00", ACTR_E_DECODE},
		{ID "3001", 0},
		{ID "1a02ff", ACTR_E_DECODE},
		{ID "2203 0a01ff", ACTR_E_DECODE},
		{ID "10", ACTR_E_DECODE},
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct actr__chunk chunk;
		uint8_t bytes[64];
		actr_bytes tight = tight_copy(bytes, from_hex(cases[i].hex, bytes));

		if (actr__chunk_decode(&chunk, tight, NULL) != cases[i].rc)
			fail_msg("%s", cases[i].hex);
		actr__free((void *)(uintptr_t)tight.data);
	}
}

static void limits_hold(void **st)
{
	static char text[ACTR__ROUTE_KEY_MAX + 1];
	uint8_t bytes[2048];
	struct actr__chunk chunk = {.stream_id = actr__bytes(text, ACTR__ROUTE_KEY_MAX)}, back;
	size_t size = actr__chunk_encode(&chunk, bytes);

	(void)st;
	assert_int_equal(actr__chunk_decode(&back, actr__bytes(bytes, size), NULL), 0);
	chunk.stream_id.size++;
	size = actr__chunk_encode(&chunk, bytes);
	assert_int_equal(actr__chunk_decode(&back, actr__bytes(bytes, size), NULL),
			 ACTR_E_TOO_LARGE);
	size = from_hex(ID, bytes);
	for (unsigned i = 0; i <= ACTR__METADATA_MAX; i++)
		size += from_hex("2200", bytes + size);
	assert_int_equal(actr__chunk_decode(&back, actr__bytes(bytes, size), NULL),
			 ACTR_E_TOO_LARGE);
	assert_int_equal(actr__chunk_decode(&back, actr__bytes(bytes, size - 2), NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_chunks_are_read_and_written_as_protobuf_c_does),
		cmocka_unit_test(broken_chunks_mean_the_same_to_both_or_are_refused),
		cmocka_unit_test(the_rules_of_decoding),
		cmocka_unit_test(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
