/*
 * Identities: their text (`manufacturer:name`, `manufacturer:name@hexserial:realm`), their order
 * and their protobuf form, which is written by hand since it is made and read once a message.
 *
 * The manufacturer is a Name. So is the type's name, except that generated types are
 * `package.Service`: with a '.' in it, each part starts with a letter or '_' and goes on with
 * letters, digits, '-', '_'.
 */
#include "protocol/protocol.h"
#include "protocol/unicode.h"
#include "protocol/varint.h"

#include <inttypes.h>
#include <stdio.h>

#define PART_MAX 64 /* as a service name */

/* --- values ------------------------------------------------------------------------------- */

int actr_type_set(actr_type *ret_type, const char *manufacturer, const char *name, actr_error *err)
{
	actr_type type = {.manufacturer = ""};

	if (!ret_type || !manufacturer || !name)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "an actor type needs two names");
	if (!actr__copy_text(type.manufacturer, sizeof type.manufacturer, actr__text(manufacturer)))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "manufacturer is longer than %d bytes", ACTR_MANUFACTURER_MAX);
	if (!actr__copy_text(type.name, sizeof type.name, actr__text(name)))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "type name is longer than %d bytes",
				 ACTR_TYPE_NAME_MAX);
	*ret_type = type;
	return 0;
}

bool actr_type_equal(const actr_type *a, const actr_type *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->manufacturer, b->manufacturer);
}

bool actr_id_equal(const actr_id *a, const actr_id *b)
{
	return a->serial == b->serial && a->realm == b->realm &&
	       actr_type_equal(&a->type, &b->type);
}

int actr_id_compare(const actr_id *a, const actr_id *b)
{
	int order;

	if (a->realm != b->realm)
		return a->realm < b->realm ? -1 : 1;
	if (a->serial != b->serial)
		return a->serial < b->serial ? -1 : 1;
	order = strcmp(a->type.manufacturer, b->type.manufacturer);
	return order ? order : strcmp(a->type.name, b->type.name);
}

/* --- text --------------------------------------------------------------------------------- */

char *actr_type_format(const actr_type *type, char *text, size_t size)
{
	(void)snprintf(text, size, "%s:%s", type->manufacturer, type->name);
	return text;
}

char *actr_id_format(const actr_id *id, char *text, size_t size)
{
	(void)snprintf(text, size, "%s:%s@%" PRIx64 ":%" PRIu32, id->type.manufacturer,
		       id->type.name, id->serial, id->realm);
	return text;
}

/* Split at the first `mark`; false when there is none. */
static bool split(actr_bytes text, char mark, actr_bytes *ret_left, actr_bytes *ret_right)
{
	const uint8_t *at = text.size ? memchr(text.data, mark, text.size) : NULL;

	if (!at)
		return false;
	*ret_left = actr__bytes(text.data, (size_t)(at - text.data));
	*ret_right = actr__bytes(at + 1, text.size - ret_left->size - 1);
	return true;
}

static int check_part(actr_bytes part, actr_error *err)
{
	const uint8_t *at = part.data, *end = part.data + part.size;

	if (!part.size)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "EmptySegment: nothing between two '.'");
	if (part.size > PART_MAX)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "TooLong: a part has at most %d bytes", PART_MAX);
	for (bool first = true; at < end; first = false) {
		uint32_t point = actr__utf8_next(&at);

		if (point == '_' || (first ? actr__is_alphabetic(point)
					   : actr__is_alphanumeric(point) || point == '-'))
			continue;
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "%s: U+%04" PRIX32 " is not allowed there",
				 first ? "InvalidSegmentStartChar" : "InvalidChar", point);
	}
	return 0;
}

static int check_type_name(actr_bytes name, actr_error *err)
{
	actr_bytes part;

	if (!name.size || !memchr(name.data, '.', name.size))
		return actr__name_check(ACTR__NAME, name, err);
	if (name.size > ACTR_TYPE_NAME_MAX)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "TooLong: at most %d bytes, not %zu",
				 ACTR_TYPE_NAME_MAX, name.size);
	if (!actr__utf8_valid(name.data, name.size))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "InvalidChar: not UTF-8");
	while (split(name, '.', &part, &name))
		ACTR_TRY(check_part(part, err));
	return check_part(name, err);
}

static int parse_type(actr_bytes text, actr_type *ret_type, actr_error *err)
{
	actr_bytes manufacturer, name;
	char quoted[72];
	int rc;

	if (!split(text, ':', &manufacturer, &name))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "InvalidTypeFormat: %s is not manufacturer:name",
				 actr__log_quote(text.data, text.size, quoted, sizeof quoted));
	rc = actr__name_check(ACTR__NAME, manufacturer, err);
	if (rc < 0)
		return actr__prefix(err, rc, "InvalidComponent: Invalid manufacturer: ");
	rc = check_type_name(name, err);
	if (rc < 0)
		return actr__prefix(err, rc, "InvalidComponent: Invalid type name: ");
	/* Both fit: a Name is shorter than either array, a dotted name was measured. */
	*ret_type = (actr_type){.manufacturer = ""};
	memcpy(ret_type->manufacturer, manufacturer.data, manufacturer.size);
	memcpy(ret_type->name, name.data, name.size);
	return 0;
}

int actr_type_parse(const char *text, actr_type *ret_type, actr_error *err)
{
	if (!text || !ret_type)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "there is no text");
	return parse_type(actr__text(text), ret_type, err);
}

static unsigned digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10u;
	return 99;
}

/* As the original: one leading '+', either case, no sign '-', no space, no empty text. */
static bool parse_number(actr_bytes text, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = text.size > 1 && text.data[0] == '+' ? 1 : 0;

	if (i == text.size)
		return false;
	for (; i < text.size; i++) {
		unsigned digit = digit_value(text.data[i]);

		if (digit >= base || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value))
			return false;
	}
	*ret = value;
	return value <= max;
}

int actr_id_parse(const char *text, actr_id *ret_id, actr_error *err)
{
	actr_bytes type, rest, serial, realm;
	uint64_t number;
	char quoted[72];
	actr_id id;

	if (!text || !ret_id)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "there is no text");
	if (!split(actr__text(text), '@', &type, &rest))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "InvalidFormat: Missing '@' separator");
	ACTR_TRY(parse_type(type, &id.type, err));
	if (!split(rest, ':', &serial, &realm))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "InvalidFormat: Missing ':' in ID part");
	if (!parse_number(serial, 16, UINT64_MAX, &id.serial))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "InvalidComponent: Invalid serial number hex: %s",
				 actr__log_quote(serial.data, serial.size, quoted, sizeof quoted));
	if (!parse_number(realm, 10, UINT32_MAX, &number))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "InvalidComponent: Invalid realm ID: %s",
				 actr__log_quote(realm.data, realm.size, quoted, sizeof quoted));
	id.realm = (uint32_t)number;
	*ret_id = id;
	return 0;
}

/* --- protobuf ----------------------------------------------------------------------------- */

static uint8_t *put_text(uint8_t *out, uint8_t tag, const char *text, size_t size)
{
	*out++ = tag;
	out = actr__varint_put(out, size);
	memcpy(out, text, size);
	return out + size;
}

size_t actr__id_encode(const actr_id *id, uint8_t out[ACTR__ID_ENCODED_MAX])
{
	size_t manufacturer = strlen(id->type.manufacturer), name = strlen(id->type.name);
	size_t type_size =
		2 + actr__varint_size(manufacturer) + actr__varint_size(name) + manufacturer + name;
	uint8_t *at = out;

	*at++ = 1 << 3 | ACTR__WIRE_LENGTH;
	*at++ = (uint8_t)(1 + actr__varint_size(id->realm));
	*at++ = 1 << 3 | ACTR__WIRE_VARINT;
	at = actr__varint_put(at, id->realm);
	*at++ = 2 << 3 | ACTR__WIRE_VARINT;
	at = actr__varint_put(at, id->serial);
	*at++ = 3 << 3 | ACTR__WIRE_LENGTH;
	at = actr__varint_put(at, type_size);
	at = put_text(at, 1 << 3 | ACTR__WIRE_LENGTH, id->type.manufacturer, manufacturer);
	at = put_text(at, 2 << 3 | ACTR__WIRE_LENGTH, id->type.name, name);
	return (size_t)(at - out);
}

static int get_realm(actr_bytes bytes, actr_id *id, actr_error *err)
{
	struct actr__field field;
	int rc;

	while ((rc = actr__field_next(&bytes, &field, err)) > 0) {
		if (field.number != 1)
			continue;
		if (field.wire != ACTR__WIRE_VARINT)
			return ACTR_FAIL(err, ACTR_E_DECODE,
					 "Realm.realm_id has a wrong wire type");
		id->realm = (uint32_t)field.value;
	}
	return rc;
}

static int get_text(const struct actr__field *field, char *out, size_t out_size, actr_error *err)
{
	if (field->wire != ACTR__WIRE_LENGTH)
		return ACTR_FAIL(err, ACTR_E_DECODE, "a name of ActrType has a wrong wire type");
	if (!actr__copy_text(out, out_size, field->bytes) ||
	    !actr__utf8_valid(field->bytes.data, field->bytes.size))
		return ACTR_FAIL(err, ACTR_E_DECODE, "a name of ActrType is too long or not UTF-8");
	return 0;
}

static int get_type(actr_bytes bytes, actr_type *type, actr_error *err)
{
	struct actr__field field;
	int rc;

	while ((rc = actr__field_next(&bytes, &field, err)) > 0) {
		if (field.number == 1)
			ACTR_TRY(get_text(&field, type->manufacturer, sizeof type->manufacturer,
					  err));
		else if (field.number == 2)
			ACTR_TRY(get_text(&field, type->name, sizeof type->name, err));
	}
	return rc;
}

static int get_id_field(const struct actr__field *field, actr_id *id, actr_error *err)
{
	if (field->number < 1 || field->number > 3)
		return 0;
	if (field->wire != (field->number == 2 ? ACTR__WIRE_VARINT : ACTR__WIRE_LENGTH))
		return ACTR_FAIL(err, ACTR_E_DECODE, "a field of ActrId has a wrong wire type");
	if (field->number == 1)
		return get_realm(field->bytes, id, err);
	if (field->number == 3)
		return get_type(field->bytes, &id->type, err);
	id->serial = field->value;
	return 0;
}

int actr__id_decode(actr_bytes bytes, actr_id *ret_id, actr_error *err)
{
	actr_id id = {.realm = 0};
	struct actr__field field;
	int rc;

	while ((rc = actr__field_next(&bytes, &field, err)) > 0)
		ACTR_TRY(get_id_field(&field, &id, err));
	if (rc < 0)
		return rc;
	*ret_id = id;
	return 0;
}
