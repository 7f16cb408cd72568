/* Messages, enums, extensions of a .proto file. */
#include "config/proto_internal.h"

#define FIELD_NUMBER_MAX 536870911 /* 2^29 - 1 (protobuf encoding, "message structure") */

void *actr__proto_append(struct actr__proto_parser *p, struct actr__proto_list *list, size_t size)
{
	struct actr__proto_node *node = actr__arena_alloc(p->arena, size);

	if (!node)
		return NULL;
	memset(node, 0, size);
	if (list->last)
		list->last->next = node;
	else
		list->first = node;
	list->last = node;
	list->count++;
	return node;
}

int actr__proto_join(struct actr__proto_parser *p, const char *scope, const char *name,
		     const char **ret_full)
{
	size_t a = strlen(scope), b = strlen(name);
	char *full;

	if (a + b + 2 > ACTR__PROTO_NAME_MAX)
		return actr__proto_expected(p, "full names of at most 1024 bytes");
	full = actr__arena_alloc(p->arena, a + b + 2);
	if (!full)
		return actr__proto_nomem(p);
	memcpy(full, scope, a);
	if (a)
		full[a++] = '.';
	memcpy(full + a, name, b + 1);
	*ret_full = full;
	return 0;
}

/* foo_bar as fooBar (JSON mapping) or as FooBar and a suffix (names of map entries). */
int actr__proto_json_name(struct actr__proto_parser *p, const char *name, bool first_upper,
			  const char *suffix, const char **ret_name)
{
	char *out = actr__arena_alloc(p->arena, strlen(name) + strlen(suffix) + 1);
	bool upper = first_upper;
	size_t n = 0;

	if (!out)
		return actr__proto_nomem(p);
	for (; *name; name++) {
		if (*name == '_') {
			upper = true;
			continue;
		}
		out[n++] =
			upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
		upper = false;
	}
	memcpy(out + n, suffix, strlen(suffix) + 1);
	*ret_name = out;
	return 0;
}

static int read_number(struct actr__proto_parser *p, int64_t min, int64_t max, int64_t *ret)
{
	int negative = actr__proto_accept_symbol(p, '-');
	int64_t value;

	ACTR_TRY(negative);
	if (p->token.kind != ACTR__PROTO_INTEGER || p->token.integer > INT32_MAX + (uint64_t)1)
		return actr__proto_expected(p, "a number of 32 bits");
	value = negative ? -(int64_t)p->token.integer : (int64_t)p->token.integer;
	if (value < min || value > max)
		return actr__proto_expected(p, max == FIELD_NUMBER_MAX
						       ? "a number from 1 to 536870911"
						       : "a number of 32 bits");
	*ret = value;
	return actr__proto_advance(p);
}

/* 2, 9 to 11, 40 to max; `past` is 1 where the canonical form has the number behind the end. */
static int read_ranges(struct actr__proto_parser *p, int64_t min, int64_t max, int64_t past,
		       struct actr__proto_list *out)
{
	int more = 1;

	while (more > 0) {
		struct actr__proto_range *range = actr__proto_append(p, out, sizeof *range);
		int to;

		if (!range)
			return actr__proto_nomem(p);
		ACTR_TRY(read_number(p, min, max, &range->start));
		range->end = range->start;
		ACTR_TRY(to = actr__proto_accept(p, "to"));
		if (to && actr__proto_is(p, "max")) {
			range->end = FIELD_NUMBER_MAX; /* also in enums, as the reference has it */
			ACTR_TRY(actr__proto_advance(p));
		} else if (to) {
			ACTR_TRY(read_number(p, min, max, &range->end));
		}
		range->end += past;
		ACTR_TRY(more = actr__proto_accept_symbol(p, ','));
	}
	return 0;
}

/* Behind `reserved`: ranges or names. */
static int read_reserved(struct actr__proto_parser *p, int64_t min, int64_t max, int64_t past,
			 struct actr__proto_list *ranges, struct actr__proto_list *names)
{
	int more = 1;

	if (p->token.kind != ACTR__PROTO_STRING) {
		ACTR_TRY(read_ranges(p, min, max, past, ranges));
		return actr__proto_symbol(p, ';');
	}
	while (more > 0) {
		struct actr__proto_name *name = actr__proto_append(p, names, sizeof *name);

		if (!name)
			return actr__proto_nomem(p);
		ACTR_TRY(actr__proto_text(p, &name->name));
		ACTR_TRY(more = actr__proto_accept_symbol(p, ','));
	}
	return actr__proto_symbol(p, ';');
}

/* --- fields --- */

/* What a body is, for the rules of labels. */
enum body { MESSAGE, ONEOF, EXTEND };

static bool is_scalar(const char *name)
{
	static const char *const scalars[] = {"double",	 "float",   "int32",	"int64",
					      "uint32",	 "uint64",  "sint32",	"sint64",
					      "fixed32", "fixed64", "sfixed32", "sfixed64",
					      "bool",	 "string",  "bytes"};

	for (size_t i = 0; i < ARRAY_SIZE(scalars); i++) {
		if (!strcmp(scalars[i], name))
			return true;
	}
	return false;
}

static int read_type(struct actr__proto_parser *p, const char **ret_type, bool *ret_scalar)
{
	ACTR_TRY(actr__proto_path(p, ret_type));
	*ret_scalar = is_scalar(*ret_type);
	return 0;
}

/* name = 1 [options]; */
static int read_field_rest(struct actr__proto_parser *p, struct actr__proto_field *field)
{
	int64_t number = 0;

	ACTR_TRY(actr__proto_ident(p, &field->name));
	ACTR_TRY(actr__proto_symbol(p, '='));
	ACTR_TRY(read_number(p, 1, FIELD_NUMBER_MAX, &number));
	field->number = (int32_t)number;
	ACTR_TRY(actr__proto_field_options(p, field));
	if (!field->json_name)
		ACTR_TRY(actr__proto_json_name(p, field->name, false, "", &field->json_name));
	return actr__proto_symbol(p, ';');
}

static int read_label(struct actr__proto_parser *p, enum body body, struct actr__proto_field *field,
		      bool *ret_optional)
{
	if (actr__proto_is(p, "repeated"))
		field->label = "repeated";
	else if (actr__proto_is(p, "required"))
		field->label = "required";
	else if (actr__proto_is(p, "optional"))
		*ret_optional = true;
	else if (body == ONEOF || p->file->proto3)
		return 0;
	else
		return actr__proto_expected(p, "required, optional or repeated");
	if (body == ONEOF || (field->label && !strcmp(field->label, "required") && p->file->proto3))
		return actr__proto_expected(p, "a field without this label");
	return actr__proto_advance(p);
}

static int add_oneof(struct actr__proto_parser *p, struct actr__proto_message *message,
		     const char *before, const char *name)
{
	struct actr__proto_name *oneof = actr__proto_append(p, &message->oneofs, sizeof *oneof);
	size_t a = strlen(before), b = strlen(name);
	char *text = actr__arena_alloc(p->arena, a + b + 1);

	if (!oneof || !text)
		return actr__proto_nomem(p);
	memcpy(text, before, a);
	memcpy(text + a, name, b + 1);
	oneof->name = text;
	return 0;
}

static int read_field(struct actr__proto_parser *p, enum body body, int32_t oneof_index,
		      struct actr__proto_message *message, struct actr__proto_list *out,
		      const char *extendee)
{
	struct actr__proto_field *field = actr__proto_append(p, out, sizeof *field);
	bool optional = false;

	if (!field)
		return actr__proto_nomem(p);
	field->oneof_index = oneof_index;
	field->extendee = extendee;
	ACTR_TRY(read_label(p, body, field, &optional));
	if (actr__proto_is(p, "group"))
		return actr__proto_expected(p, "a field that is not a group");
	ACTR_TRY(read_type(p, &field->type, &field->scalar));
	ACTR_TRY(read_field_rest(p, field));
	if (optional && p->file->proto3 && message) { /* a oneof of its own, as protoc makes it */
		field->oneof_index = (int32_t)message->oneofs.count;
		return add_oneof(p, message, "_", field->name);
	}
	return 0;
}

static int add_entry_field(struct actr__proto_parser *p, struct actr__proto_message *entry,
			   const char *name, int32_t number, const char *type, bool scalar)
{
	struct actr__proto_field *field = actr__proto_append(p, &entry->fields, sizeof *field);

	if (!field)
		return actr__proto_nomem(p);
	field->name = field->json_name = name;
	field->number = number;
	field->oneof_index = -1;
	field->type = type;
	field->scalar = scalar;
	return 0;
}

static bool is_map_key(const char *type)
{
	return is_scalar(type) && strcmp(type, "double") != 0 && strcmp(type, "float") != 0 &&
	       strcmp(type, "bytes") != 0;
}

/* map<K, V> f = 1; is a repeated message FEntry { K key = 1; V value = 2; } */
static int read_map(struct actr__proto_parser *p, struct actr__proto_message *message)
{
	struct actr__proto_field *field = actr__proto_append(p, &message->fields, sizeof *field);
	struct actr__proto_message *entry =
		actr__proto_append(p, &message->messages, sizeof *entry);
	struct actr__proto_token key_token;
	const char *key, *value;
	bool scalar;

	if (!field || !entry)
		return actr__proto_nomem(p);
	ACTR_TRY(actr__proto_symbol(p, '<'));
	key_token = p->token;
	ACTR_TRY(read_type(p, &key, &scalar));
	if (!is_map_key(key)) {
		p->token = key_token;
		return actr__proto_expected(p, "a number type, bool or string as a map's key");
	}
	ACTR_TRY(actr__proto_symbol(p, ','));
	ACTR_TRY(read_type(p, &value, &scalar));
	ACTR_TRY(actr__proto_symbol(p, '>'));
	field->label = "repeated";
	field->oneof_index = -1;
	field->type = "";
	ACTR_TRY(read_field_rest(p, field));
	ACTR_TRY(actr__proto_json_name(p, field->name, true, "Entry", &entry->name));
	ACTR_TRY(actr__proto_join(p, message->full_name, entry->name, &entry->full_name));
	field->type = actr__proto_absolute(p->arena, entry->full_name);
	if (!field->type)
		return actr__proto_nomem(p);
	ACTR_TRY(add_entry_field(p, entry, "key", 1, key, true));
	return add_entry_field(p, entry, "value", 2, value, scalar);
}

static int read_oneof(struct actr__proto_parser *p, struct actr__proto_message *message)
{
	int32_t index = (int32_t)message->oneofs.count;
	const char *name;
	int end;

	ACTR_TRY(actr__proto_ident(p, &name));
	ACTR_TRY(add_oneof(p, message, "", name));
	ACTR_TRY(actr__proto_symbol(p, '{'));
	for (;;) {
		ACTR_TRY(end = actr__proto_accept_symbol(p, '}'));
		if (end)
			return 0;
		if (actr__proto_is_symbol(p, ';')) {
			ACTR_TRY(actr__proto_advance(p));
		} else if (actr__proto_is(p, "option")) {
			ACTR_TRY(actr__proto_advance(p));
			ACTR_TRY(actr__proto_skip_option(p));
		} else {
			ACTR_TRY(read_field(p, ONEOF, index, NULL, &message->fields, NULL));
		}
	}
}

int actr__proto_parse_extend(struct actr__proto_parser *p, struct actr__proto_list *out)
{
	const char *extendee;
	int end;

	ACTR_TRY(actr__proto_path(p, &extendee));
	ACTR_TRY(actr__proto_symbol(p, '{'));
	for (;;) {
		ACTR_TRY(end = actr__proto_accept_symbol(p, '}'));
		if (end)
			return 0;
		if (actr__proto_is_symbol(p, ';'))
			ACTR_TRY(actr__proto_advance(p));
		else
			ACTR_TRY(read_field(p, EXTEND, -1, NULL, out, extendee));
	}
}

/* --- messages --- */

static int read_extensions(struct actr__proto_parser *p, struct actr__proto_message *message)
{
	ACTR_TRY(read_ranges(p, 1, FIELD_NUMBER_MAX, 1, &message->extension_ranges));
	ACTR_TRY(actr__proto_skip_options(p));
	return actr__proto_symbol(p, ';');
}

static int read_map_or_field(struct actr__proto_parser *p, struct actr__proto_message *message)
{
	struct actr__proto_parser before = *p;

	if (actr__proto_is(p, "map")) { /* a type may be called map, too */
		ACTR_TRY(actr__proto_advance(p));
		if (actr__proto_is_symbol(p, '<'))
			return read_map(p, message);
		*p = before;
	}
	return read_field(p, MESSAGE, -1, message, &message->fields, NULL);
}

/* One statement that begins with a word of its own: 1 when there was one. */
static int read_statement(struct actr__proto_parser *p, struct actr__proto_message *message)
{
	struct actr__proto_list inner = {0}; /* extensions inside messages are not canonical */
	const char *const words[] = {"message",	 "enum",   "extend", "extensions",
				     "reserved", "option", "oneof"};
	size_t i = 0;
	int rc;

	while (i < ARRAY_SIZE(words) && !actr__proto_is(p, words[i]))
		i++;
	if (i == ARRAY_SIZE(words))
		return 0;
	ACTR_TRY(actr__proto_advance(p));
	rc = i == 0   ? actr__proto_parse_message(p, message->full_name, &message->messages)
	     : i == 1 ? actr__proto_parse_enum(p, message->full_name, &message->enums)
	     : i == 2 ? actr__proto_parse_extend(p, &inner)
	     : i == 3 ? read_extensions(p, message)
	     : i == 4 ? read_reserved(p, 1, FIELD_NUMBER_MAX, 1, &message->reserved_ranges,
				      &message->reserved_names)
	     : i == 5 ? actr__proto_message_option(p, message)
		      : read_oneof(p, message);
	return rc < 0 ? rc : 1;
}

static int read_body(struct actr__proto_parser *p, struct actr__proto_message *message)
{
	ACTR_TRY(actr__proto_symbol(p, '{'));
	for (;;) {
		int taken = actr__proto_accept_symbol(p, '}');

		if (taken)
			return taken < 0 ? taken : 0;
		ACTR_TRY(taken = actr__proto_accept_symbol(p, ';'));
		if (!taken)
			ACTR_TRY(taken = read_statement(p, message));
		if (!taken)
			ACTR_TRY(read_map_or_field(p, message));
	}
}

int actr__proto_parse_message(struct actr__proto_parser *p, const char *scope,
			      struct actr__proto_list *out)
{
	struct actr__proto_message *message = actr__proto_append(p, out, sizeof *message);
	int rc;

	if (!message)
		return actr__proto_nomem(p);
	if (p->depth >= ACTR__PROTO_DEPTH_MAX)
		return actr__proto_expected(p, "at most 64 messages inside each other");
	ACTR_TRY(actr__proto_ident(p, &message->name));
	ACTR_TRY(actr__proto_join(p, scope, message->name, &message->full_name));
	p->depth++;
	rc = read_body(p, message);
	p->depth--;
	return rc;
}

/* --- enums --- */

static int read_value(struct actr__proto_parser *p, struct actr__proto_enum *out)
{
	struct actr__proto_value *value = actr__proto_append(p, &out->values, sizeof *value);
	int64_t number = 0;

	if (!value)
		return actr__proto_nomem(p);
	ACTR_TRY(actr__proto_ident(p, &value->name));
	ACTR_TRY(actr__proto_symbol(p, '='));
	ACTR_TRY(read_number(p, INT32_MIN, INT32_MAX, &number));
	value->number = (int32_t)number;
	ACTR_TRY(actr__proto_skip_options(p));
	return actr__proto_symbol(p, ';');
}

static int read_enum_statement(struct actr__proto_parser *p, struct actr__proto_enum *out)
{
	int taken = actr__proto_accept_symbol(p, ';');

	if (taken)
		return taken;
	ACTR_TRY(taken = actr__proto_accept(p, "option"));
	if (taken)
		return actr__proto_enum_option(p, out);
	ACTR_TRY(taken = actr__proto_accept(p, "reserved"));
	if (taken)
		return read_reserved(p, INT32_MIN, INT32_MAX, 0, &out->reserved_ranges,
				     &out->reserved_names);
	return read_value(p, out);
}

int actr__proto_parse_enum(struct actr__proto_parser *p, const char *scope,
			   struct actr__proto_list *out)
{
	struct actr__proto_enum *e = actr__proto_append(p, out, sizeof *e);
	int end;

	if (!e)
		return actr__proto_nomem(p);
	ACTR_TRY(actr__proto_ident(p, &e->name));
	ACTR_TRY(actr__proto_join(p, scope, e->name, &e->full_name));
	ACTR_TRY(actr__proto_symbol(p, '{'));
	for (;;) {
		ACTR_TRY(end = actr__proto_accept_symbol(p, '}'));
		if (end)
			return 0;
		ACTR_TRY(read_enum_statement(p, e));
	}
}
