#include "protocol/codec.h"

enum { KEY = 1, VALUE = 2 };

const uint8_t *actr__unknown_skip(const uint8_t *field, const uint8_t *end,
				  bool (*known)(uint32_t number))
{
	actr_bytes rest = actr__bytes(field, (size_t)(end - field));
	struct actr__field unknown;

	if (actr__field_next(&rest, &unknown, NULL) < 0 || known(unknown.number))
		return NULL;
	return rest.data;
}

static bool known_entry_field(uint32_t number)
{
	return number == KEY || number == VALUE;
}

static bool read_entry(actr_bytes entry, actr_bytes *ret_key, actr_bytes *ret_value)
{
	const uint8_t *at = entry.data, *end = entry.data + entry.size;

	*ret_key = *ret_value = actr__bytes(NULL, 0);
	while (at && at < end) {
		const uint8_t *field = at;
		uint32_t key;

		at = actr__key_get(at, end, &key);
		if (at && key == ACTR__KEY(KEY, ACTR__WIRE_LENGTH))
			at = actr__text_get(at, end, ret_key);
		else if (at && key == ACTR__KEY(VALUE, ACTR__WIRE_LENGTH))
			at = actr__text_get(at, end, ret_value);
		else
			at = actr__unknown_skip(field, end, known_entry_field);
	}
	return at != NULL;
}

const uint8_t *actr__metadata_get(const uint8_t *field, const uint8_t *at, const uint8_t *end,
				  actr_bytes *metadata, size_t *count)
{
	actr_bytes entry, key, value;

	at = actr__slice_get(at, end, &entry);
	if (!at || !read_entry(entry, &key, &value))
		return NULL;
	if (!*count)
		metadata->data = field;
	metadata->size = (size_t)(at - metadata->data);
	++*count;
	return at;
}

bool actr__metadata_entry(actr_bytes metadata, uint32_t number, actr_bytes *at, actr_bytes *ret_key,
			  actr_bytes *ret_value)
{
	actr_bytes rest = at->data ? *at : metadata;
	struct actr__field field;

	while (actr__field_next(&rest, &field, NULL) > 0) {
		if (field.number != number || field.wire != ACTR__WIRE_LENGTH)
			continue;
		*at = rest;
		return read_entry(field.bytes, ret_key, ret_value);
	}
	return false;
}

size_t actr__metadata_copy(actr_bytes metadata, uint32_t number, uint8_t *out)
{
	actr_bytes rest = metadata;
	struct actr__field field;
	size_t size = 0;

	for (;;) {
		const uint8_t *from = rest.data;

		if (actr__field_next(&rest, &field, NULL) <= 0)
			return size;
		if (field.number != number || field.wire != ACTR__WIRE_LENGTH)
			continue;
		if (out)
			memcpy(out + size, from, (size_t)(rest.data - from));
		size += (size_t)(rest.data - from);
	}
}
