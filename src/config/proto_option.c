/*
 * Options: the few that the canonical form has are kept, all others (custom ones above all) are
 * read and dropped.
 */
#include "config/proto_internal.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

enum constant_kind { FLAG, WORD, NUMBER, TEXT, OTHER };

struct constant {
	enum constant_kind kind;
	bool flag;
	const char *text; /* FLAG, WORD, NUMBER: as the canonical form prints it */
	actr_bytes bytes; /* TEXT */
	struct actr__proto_token token;
};

/* --- numbers --- */

/* Digits and exponent of "d.ddde±xx" as a plain decimal number: 12, 0.5, 1000 */
static void lay_out(const char *scientific, char *out, size_t size)
{
	char digits[32];
	size_t n = 0, used = 0;
	long exponent = strtol(strchr(scientific, 'e') + 1, NULL, 10);

	if (*scientific == '-')
		out[used++] = *scientific++;
	for (const char *at = scientific; *at != 'e'; at++) {
		if (*at != '.')
			digits[n++] = *at;
	}
	while (n > 1 && digits[n - 1] == '0')
		n--;
	if (exponent < 0) {
		used += (size_t)snprintf(out + used, size - used, "0.%.*d", (int)(-exponent - 1),
					 0);
		memcpy(out + used, digits, n);
		out[used + n] = 0;
		return;
	}
	for (size_t i = 0; i < n || i <= (size_t)exponent; i++) {
		if (i == (size_t)exponent + 1)
			out[used++] = '.';
		out[used++] = i < n ? digits[i] : '0';
	}
	out[used] = 0;
}

/* The shortest text that reads back as the same number, never with an exponent. */
static void format_double(double value, char *out, size_t size)
{
	char text[40];

	for (int precision = 0; precision <= 16; precision++) {
		snprintf(text, sizeof text, "%.*e", precision, value);
		if (strtod(text, NULL) == value)
			break;
	}
	lay_out(text, out, size);
}

static int read_float(struct actr__proto_parser *p, bool negative, const char **ret_text)
{
	locale_t plain = newlocale(LC_ALL_MASK, "C", NULL), before;
	char source[64], text[512];
	double value;

	if (!plain)
		return actr__proto_nomem(p);
	if (p->token.size >= sizeof source) {
		freelocale(plain);
		return actr__proto_expected(p, "a number of at most 63 characters");
	}
	memcpy(source, p->token.text, p->token.size);
	source[p->token.size] = 0;
	before = uselocale(plain); /* a host's locale may have another decimal point */
	value = strtod(source, NULL);
	if (negative)
		value = -value;
	if (value > 1.7976931348623157e308 || value < -1.7976931348623157e308)
		snprintf(text, sizeof text, "%sinf", negative ? "-" : "");
	else
		format_double(value, text, sizeof text);
	uselocale(before);
	freelocale(plain);
	*ret_text = actr__arena_strndup(p->arena, text, strlen(text));
	return *ret_text ? 0 : actr__proto_nomem(p);
}

static int read_number(struct actr__proto_parser *p, bool negative, struct constant *out)
{
	char text[32];

	out->kind = NUMBER;
	if (p->token.kind == ACTR__PROTO_FLOAT) {
		ACTR_TRY(read_float(p, negative, &out->text));
		return actr__proto_advance(p);
	}
	if (negative && p->token.integer > (uint64_t)INT64_MAX + 1)
		return actr__proto_expected(p, "a number of 64 bits");
	snprintf(text, sizeof text, "%s%" PRIu64, negative && p->token.integer ? "-" : "",
		 p->token.integer);
	out->text = actr__arena_strndup(p->arena, text, strlen(text));
	if (!out->text)
		return actr__proto_nomem(p);
	return actr__proto_advance(p);
}

/* --- constants --- */

/* { … } or [ … ]: only its end is of interest. */
static int skip_aggregate(struct actr__proto_parser *p)
{
	uint32_t depth = 0;

	do {
		if (actr__proto_is_symbol(p, '{') || actr__proto_is_symbol(p, '['))
			depth++;
		else if (actr__proto_is_symbol(p, '}') || actr__proto_is_symbol(p, ']'))
			depth--;
		else if (p->token.kind == ACTR__PROTO_END)
			return actr__proto_expected(p, "the end of a value");
		ACTR_TRY(actr__proto_advance(p));
	} while (depth);
	return 0;
}

static int read_signed(struct actr__proto_parser *p, struct constant *out)
{
	bool negative = actr__proto_is_symbol(p, '-');

	ACTR_TRY(actr__proto_advance(p));
	if (p->token.kind == ACTR__PROTO_INTEGER || p->token.kind == ACTR__PROTO_FLOAT)
		return read_number(p, negative, out);
	out->kind = NUMBER;
	out->text = actr__proto_is(p, "inf") ? (negative ? "-inf" : "inf") : "nan";
	if (!actr__proto_is(p, "inf") && !actr__proto_is(p, "nan"))
		return actr__proto_expected(p, "a number");
	return actr__proto_advance(p);
}

static int read_constant(struct actr__proto_parser *p, struct constant *out)
{
	*out = (struct constant){.kind = OTHER, .token = p->token};
	switch (p->token.kind) {
	case ACTR__PROTO_STRING:
		out->kind = TEXT;
		return actr__proto_string(p, &out->bytes);
	case ACTR__PROTO_INTEGER:
	case ACTR__PROTO_FLOAT:
		return read_number(p, false, out);
	case ACTR__PROTO_IDENT:
		ACTR_TRY(actr__proto_path(p, &out->text));
		out->flag = !strcmp(out->text, "true");
		out->kind = out->flag || !strcmp(out->text, "false") ? FLAG : WORD;
		return 0;
	case ACTR__PROTO_SYMBOL:
		if (actr__proto_is_symbol(p, '+') || actr__proto_is_symbol(p, '-'))
			return read_signed(p, out);
		if (actr__proto_is_symbol(p, '{') || actr__proto_is_symbol(p, '['))
			return skip_aggregate(p);
		break;
	default:
		break;
	}
	return actr__proto_expected(p, "a value");
}

/* name = constant; *ret_name is NULL for a custom option or a part of one. */
static int read_option(struct actr__proto_parser *p, const char **ret_name, struct constant *value)
{
	const char *part = NULL;
	size_t parts = 0;
	int dot = 1;

	*ret_name = NULL;
	while (dot > 0) {
		int custom = actr__proto_accept_symbol(p, '(');

		ACTR_TRY(custom);
		ACTR_TRY(custom ? actr__proto_path(p, &part) : actr__proto_ident(p, &part));
		if (custom)
			ACTR_TRY(actr__proto_symbol(p, ')'));
		*ret_name = custom || parts++ ? NULL : part;
		ACTR_TRY(dot = actr__proto_accept_symbol(p, '.'));
		parts += custom != 0;
	}
	if (parts > 1)
		*ret_name = NULL;
	ACTR_TRY(actr__proto_symbol(p, '='));
	return read_constant(p, value);
}

/* The same behind `option`, with its ';'. */
static int read_statement(struct actr__proto_parser *p, const char **ret_name,
			  struct constant *value)
{
	ACTR_TRY(read_option(p, ret_name, value));
	return actr__proto_symbol(p, ';');
}

/* --- values of known options --- */

static int wrong(struct actr__proto_parser *p, const struct constant *value, const char *what)
{
	p->token = value->token;
	return actr__proto_expected(p, what);
}

static int take_flag(struct actr__proto_parser *p, const struct constant *value, uint8_t *ret)
{
	if (value->kind != FLAG)
		return wrong(p, value, "true or false");
	*ret = value->flag ? ACTR__PROTO_TRUE : ACTR__PROTO_FALSE;
	return 0;
}

static int take_word(struct actr__proto_parser *p, const struct constant *value, const char **ret)
{
	if (value->kind != WORD)
		return wrong(p, value, "a word");
	*ret = value->text;
	return 0;
}

static int take_text(struct actr__proto_parser *p, const struct constant *value, const char **ret)
{
	if (value->kind != TEXT || !actr__utf8_valid(value->bytes.data, value->bytes.size) ||
	    memchr(value->bytes.data, 0, value->bytes.size))
		return wrong(p, value, "a text in quotes");
	*ret = (const char *)value->bytes.data;
	return 0;
}

/* As protobuf prints bytes: octal for what is not ASCII. */
static int take_bytes(struct actr__proto_parser *p, const struct constant *value, const char **ret)
{
	static const char from[] = "\n\r\t'\"\\", to[] = "nrt'\"\\";
	char *out;
	size_t n = 0;

	if (value->kind != TEXT)
		return wrong(p, value, "a text in quotes");
	out = actr__arena_alloc(p->arena, value->bytes.size * 4 + 1);
	if (!out)
		return actr__proto_nomem(p);
	for (size_t i = 0; i < value->bytes.size; i++) {
		uint8_t c = value->bytes.data[i];
		const char *found = c ? strchr(from, c) : NULL;

		if (found) {
			out[n++] = '\\';
			out[n++] = to[found - from];
		} else if (c >= 0x20 && c <= 0x7e) {
			out[n++] = (char)c;
		} else {
			n += (size_t)snprintf(out + n, 5, "\\%03o", c);
		}
	}
	out[n] = 0;
	*ret = out;
	return 0;
}

static int take_default(struct actr__proto_parser *p, const struct constant *value,
			struct actr__proto_field *field)
{
	if (field->scalar && !strcmp(field->type, "string"))
		return take_text(p, value, &field->default_value);
	if (field->scalar && !strcmp(field->type, "bytes"))
		return take_bytes(p, value, &field->default_value);
	if (value->kind == TEXT || value->kind == OTHER)
		return wrong(p, value, "a number, a word, true or false");
	field->default_value = value->text;
	return 0;
}

/* --- where options stand --- */

int actr__proto_file_option(struct actr__proto_parser *p)
{
	static const struct {
		const char *name;
		enum constant_kind kind;
	} known[] = {
#define TEXT_OPTION(name) {#name, TEXT},
#define FLAG_OPTION(name) {#name, FLAG},
#define WORD_OPTION(name) {#name, WORD},
		ACTR__PROTO_FILE_OPTIONS(TEXT_OPTION, FLAG_OPTION, WORD_OPTION)};
	struct constant value;
	const char *name;

	ACTR_TRY(read_statement(p, &name, &value));
	for (size_t i = 0; name && i < ARRAY_SIZE(known); i++) {
		const char **out = &p->file->options[i];

		if (strcmp(known[i].name, name) != 0)
			continue;
		if (known[i].kind == TEXT)
			return take_text(p, &value, out);
		if (known[i].kind == WORD)
			return take_word(p, &value, out);
		if (value.kind != FLAG)
			return wrong(p, &value, "true or false");
		*out = value.text;
	}
	return 0;
}

int actr__proto_message_option(struct actr__proto_parser *p, struct actr__proto_message *message)
{
	struct constant value;
	const char *name;

	ACTR_TRY(read_statement(p, &name, &value));
	if (name && !strcmp(name, "message_set_wire_format"))
		return take_flag(p, &value, &message->message_set_wire_format);
	if (name && !strcmp(name, "no_standard_descriptor_accessor"))
		return take_flag(p, &value, &message->no_standard_descriptor_accessor);
	if (name && !strcmp(name, "deprecated"))
		return take_flag(p, &value, &message->deprecated);
	return 0;
}

int actr__proto_enum_option(struct actr__proto_parser *p, struct actr__proto_enum *out)
{
	struct constant value;
	const char *name;

	ACTR_TRY(read_statement(p, &name, &value));
	if (name && !strcmp(name, "allow_alias"))
		return take_flag(p, &value, &out->allow_alias);
	if (name && !strcmp(name, "deprecated"))
		return take_flag(p, &value, &out->deprecated);
	return 0;
}

int actr__proto_method_option(struct actr__proto_parser *p, struct actr__proto_method *method)
{
	struct constant value;
	const char *name;

	ACTR_TRY(read_statement(p, &name, &value));
	if (name && !strcmp(name, "idempotency_level"))
		return take_word(p, &value, &method->idempotency_level);
	return 0;
}

int actr__proto_skip_option(struct actr__proto_parser *p)
{
	struct constant value;
	const char *name;

	return read_statement(p, &name, &value);
}

static int take_field_option(struct actr__proto_parser *p, struct actr__proto_field *field,
			     const char *name, const struct constant *value)
{
	if (!strcmp(name, "default"))
		return take_default(p, value, field);
	if (!strcmp(name, "json_name"))
		return take_text(p, value, &field->json_name);
	if (!strcmp(name, "ctype"))
		return take_word(p, value, &field->ctype);
	if (!strcmp(name, "jstype"))
		return take_word(p, value, &field->jstype);
	if (!strcmp(name, "packed"))
		return take_flag(p, value, &field->packed);
	if (!strcmp(name, "deprecated"))
		return take_flag(p, value, &field->deprecated);
	if (!strcmp(name, "weak"))
		return take_flag(p, value, &field->weak);
	return 0;
}

int actr__proto_field_options(struct actr__proto_parser *p, struct actr__proto_field *field)
{
	int more = actr__proto_accept_symbol(p, '[');

	if (more <= 0)
		return more;
	while (more > 0) {
		struct constant value;
		const char *name;

		ACTR_TRY(read_option(p, &name, &value));
		if (name && field)
			ACTR_TRY(take_field_option(p, field, name, &value));
		ACTR_TRY(more = actr__proto_accept_symbol(p, ','));
	}
	return actr__proto_symbol(p, ']');
}

int actr__proto_skip_options(struct actr__proto_parser *p)
{
	return actr__proto_field_options(p, NULL);
}
