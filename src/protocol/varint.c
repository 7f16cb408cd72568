#include "protocol/varint.h"

#include <endian.h>

#include "protocol/protocol.h"

const uint8_t *actr__varint_get_slow(const uint8_t *at, const uint8_t *end, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; at < end && shift < 70; shift += 7) {
		uint8_t byte = *at++;

		if (shift == 63 && byte > 1)
			return NULL;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = value;
			return at;
		}
	}
	return NULL;
}

static int fail_cut(actr_error *err)
{
	return ACTR_FAIL(err, ACTR_E_DECODE, "protobuf: a field is cut short or malformed");
}

/* One field from at; NULL when malformed. A group's start and end come as such, without content. */
static const uint8_t *raw_field(const uint8_t *at, const uint8_t *end, struct actr__field *field)
{
	uint64_t key;

	at = actr__varint_get(at, end, &key);
	/* Keys are 32 bits (number 1 to 2^29-1). */
	if (!at || key > UINT32_MAX || key < 8)
		return NULL;
	field->number = (uint32_t)(key >> 3);
	field->wire = key & 7;
	field->bytes = actr__bytes(at, 0);
	switch (field->wire) {
	case ACTR__WIRE_VARINT:
		return actr__varint_get(at, end, &field->value);
	case ACTR__WIRE_LENGTH:
		at = actr__varint_get(at, end, &field->value);
		if (!at || field->value > (size_t)(end - at))
			return NULL;
		field->bytes = actr__bytes(at, (size_t)field->value);
		return at + field->value;
	case ACTR__WIRE_64:
		if (end - at < 8)
			return NULL;
		memcpy(&field->value, at, 8);
		field->value = le64toh(field->value);
		return at + 8;
	case ACTR__WIRE_32: {
		uint32_t value;

		if (end - at < 4)
			return NULL;
		memcpy(&value, at, 4);
		field->value = le32toh(value);
		return at + 4;
	}
	case ACTR__WIRE_GROUP:
	case ACTR__WIRE_END_GROUP:
		return at;
	default:
		return NULL;
	}
}

/* Behind the end of the group whose content begins at `at`; NULL when it has none. */
static const uint8_t *skip_group(const uint8_t *at, const uint8_t *end, uint32_t number)
{
	uint32_t open[ACTR__DEPTH_MAX];
	size_t depth = 0;
	struct actr__field field;

	open[depth++] = number;
	while (depth) {
		at = raw_field(at, end, &field);
		if (!at)
			return NULL;
		if (field.wire == ACTR__WIRE_GROUP) {
			if (depth == ACTR__DEPTH_MAX)
				return NULL;
			open[depth++] = field.number;
		} else if (field.wire == ACTR__WIRE_END_GROUP && open[--depth] != field.number) {
			return NULL;
		}
	}
	return at;
}

int actr__field_next(actr_bytes *bytes, struct actr__field *ret_field, actr_error *err)
{
	const uint8_t *end, *content, *at;

	if (!bytes->size)
		return 0;
	end = bytes->data + bytes->size;
	at = raw_field(bytes->data, end, ret_field);
	if (!at || ret_field->wire == ACTR__WIRE_END_GROUP)
		return fail_cut(err);
	if (ret_field->wire == ACTR__WIRE_GROUP) {
		content = at;
		at = skip_group(at, end, ret_field->number);
		if (!at)
			return fail_cut(err);
		ret_field->bytes = actr__bytes(content, (size_t)(at - content));
	}
	*bytes = actr__bytes(at, (size_t)(end - at));
	return 1;
}
