/*
 * The canonical form of a file: JSON as serde_json prints it (two spaces, `": "`, no newline at the
 * end, non-ASCII as it is), empty lists and absent options left out (reference.md 8.3). The order
 * of keys here is part of every fingerprint.
 */
#include "config/proto_internal.h"

struct writer {
	struct actr__buf *out;
	unsigned depth;
	bool first; /* nothing yet in the innermost object or list */
};

static void new_line(struct writer *w)
{
	actr__buf_puts(w->out, "\n");
	for (unsigned i = 0; i < w->depth; i++)
		actr__buf_puts(w->out, "  ");
}

static void item(struct writer *w)
{
	if (!w->first)
		actr__buf_puts(w->out, ",");
	w->first = false;
	new_line(w);
}

static void open(struct writer *w, const char *bracket)
{
	actr__buf_puts(w->out, bracket);
	w->depth++;
	w->first = true;
}

static void close(struct writer *w, const char *bracket)
{
	w->depth--;
	if (!w->first)
		new_line(w);
	w->first = false;
	actr__buf_puts(w->out, bracket);
}

/* RFC 8259 7, with the short escapes. */
static void text(struct writer *w, const char *value)
{
	static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";
	const char *plain = value;

	actr__buf_puts(w->out, "\"");
	for (; *value; value++) {
		const char *found = strchr(from, *value);

		if (!found && (unsigned char)*value >= 0x20)
			continue;
		actr__buf_append(w->out, plain, (size_t)(value - plain));
		plain = value + 1;
		if (found)
			actr__buf_printf(w->out, "\\%c", to[found - from]);
		else
			actr__buf_printf(w->out, "\\u%04x", (unsigned)(unsigned char)*value);
	}
	actr__buf_append(w->out, plain, (size_t)(value - plain));
	actr__buf_puts(w->out, "\"");
}

static void key(struct writer *w, const char *name)
{
	item(w);
	text(w, name);
	actr__buf_puts(w->out, ": ");
}

static void text_key(struct writer *w, const char *name, const char *value)
{
	if (!value)
		return;
	key(w, name);
	text(w, value);
}

static void raw_key(struct writer *w, const char *name, const char *value)
{
	key(w, name);
	actr__buf_puts(w->out, value);
}

static void number_key(struct writer *w, const char *name, int64_t value)
{
	key(w, name);
	actr__buf_printf(w->out, "%lld", (long long)value);
}

static void flag_key(struct writer *w, const char *name, uint8_t flag)
{
	if (flag != ACTR__PROTO_UNSET)
		raw_key(w, name, flag == ACTR__PROTO_TRUE ? "true" : "false");
}

/* In `options` all values are text. */
static void flag_text_key(struct writer *w, const char *name, uint8_t flag)
{
	if (flag != ACTR__PROTO_UNSET)
		text_key(w, name, flag == ACTR__PROTO_TRUE ? "true" : "false");
}

static void list_key(struct writer *w, const char *name, const struct actr__proto_list *list,
		     void (*print)(struct writer *w, const void *item))
{
	if (!list->first)
		return;
	key(w, name);
	open(w, "[");
	for (const struct actr__proto_node *n = list->first; n; n = n->next) {
		item(w);
		print(w, n);
	}
	close(w, "]");
}

static void print_name(struct writer *w, const void *name)
{
	text(w, ((const struct actr__proto_name *)name)->name);
}

static void print_reserved_name(struct writer *w, const void *name)
{
	open(w, "{");
	text_key(w, "name", ((const struct actr__proto_name *)name)->name);
	close(w, "}");
}

static void print_range(struct writer *w, const void *of)
{
	const struct actr__proto_range *range = of;

	open(w, "{");
	number_key(w, "start", range->start);
	number_key(w, "end", range->end);
	close(w, "}");
}

static void print_field_options(struct writer *w, const struct actr__proto_field *f)
{
	key(w, "options");
	open(w, "{");
	text_key(w, "ctype", f->ctype);
	text_key(w, "default", f->default_value);
	flag_text_key(w, "deprecated", f->deprecated);
	text_key(w, "json_name", f->json_name);
	text_key(w, "jstype", f->jstype);
	flag_text_key(w, "packed", f->packed);
	flag_text_key(w, "weak", f->weak);
	close(w, "}");
}

static void print_field(struct writer *w, const void *of)
{
	const struct actr__proto_field *f = of;

	open(w, "{");
	text_key(w, "name", f->name);
	number_key(w, "number", f->number);
	text_key(w, "label", f->label);
	text_key(w, "type_name", f->type);
	if (f->oneof_index >= 0)
		number_key(w, "oneof_index", f->oneof_index);
	text_key(w, "default", f->default_value);
	text_key(w, "json_name", f->json_name);
	text_key(w, "jstype", f->jstype);
	text_key(w, "ctype", f->ctype);
	flag_key(w, "deprecated", f->deprecated);
	flag_key(w, "weak", f->weak);
	print_field_options(w, f);
	close(w, "}");
}

static void print_extension(struct writer *w, const void *of)
{
	const struct actr__proto_field *f = of;

	open(w, "{");
	text_key(w, "name", f->name);
	number_key(w, "number", f->number);
	text_key(w, "extendee", f->extendee);
	text_key(w, "type_name", f->type);
	text_key(w, "label", f->label);
	text_key(w, "default", f->default_value);
	flag_key(w, "deprecated", f->deprecated);
	close(w, "}");
}

static void print_value(struct writer *w, const void *of)
{
	const struct actr__proto_value *value = of;

	open(w, "{");
	text_key(w, "name", value->name);
	number_key(w, "number", value->number);
	close(w, "}");
}

static void print_enum(struct writer *w, const void *of)
{
	const struct actr__proto_enum *e = of;

	open(w, "{");
	text_key(w, "name", e->name);
	list_key(w, "values", &e->values, print_value);
	list_key(w, "reserved_ranges", &e->reserved_ranges, print_range);
	list_key(w, "reserved_names", &e->reserved_names, print_reserved_name);
	flag_key(w, "allow_alias", e->allow_alias);
	flag_key(w, "deprecated", e->deprecated);
	if (e->allow_alias != ACTR__PROTO_UNSET || e->deprecated != ACTR__PROTO_UNSET) {
		key(w, "options");
		open(w, "{");
		flag_text_key(w, "allow_alias", e->allow_alias);
		flag_text_key(w, "deprecated", e->deprecated);
		close(w, "}");
	}
	close(w, "}");
}

static void print_message(struct writer *w, const void *of)
{
	const struct actr__proto_message *m = of;

	open(w, "{");
	text_key(w, "name", m->name);
	list_key(w, "fields", &m->fields, print_field);
	list_key(w, "nested_messages", &m->messages, print_message);
	list_key(w, "nested_enums", &m->enums, print_enum);
	list_key(w, "oneofs", &m->oneofs, print_name);
	list_key(w, "reserved_ranges", &m->reserved_ranges, print_range);
	list_key(w, "reserved_names", &m->reserved_names, print_reserved_name);
	list_key(w, "extension_ranges", &m->extension_ranges, print_range);
	flag_key(w, "message_set_wire_format", m->message_set_wire_format);
	flag_key(w, "no_standard_descriptor_accessor", m->no_standard_descriptor_accessor);
	flag_key(w, "deprecated", m->deprecated);
	close(w, "}");
}

static void print_method(struct writer *w, const void *of)
{
	const struct actr__proto_method *m = of;

	open(w, "{");
	text_key(w, "name", m->name);
	text_key(w, "input_type", m->input);
	text_key(w, "output_type", m->output);
	if (m->client_streaming)
		raw_key(w, "client_streaming", "true");
	if (m->server_streaming)
		raw_key(w, "server_streaming", "true");
	text_key(w, "idempotency_level", m->idempotency_level);
	close(w, "}");
}

static void print_service(struct writer *w, const void *of)
{
	const struct actr__proto_service *s = of;

	open(w, "{");
	text_key(w, "name", s->name);
	list_key(w, "methods", &s->methods, print_method);
	close(w, "}");
}

static void print_file_options(struct writer *w, const struct actr__proto_file *file)
{
	static const struct {
		const char *name;
		bool is_text;
	} options[] = {
#define QUOTED_OPTION(name) {#name, true},
#define FLAG_OPTION(name)   {#name, false},
		ACTR__PROTO_FILE_OPTIONS(QUOTED_OPTION, FLAG_OPTION, QUOTED_OPTION)};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (options[i].is_text)
			text_key(w, options[i].name, file->options[i]);
		else if (file->options[i])
			raw_key(w, options[i].name, file->options[i]);
	}
}

void actr__proto_canonical(const struct actr__proto_file *file, struct actr__buf *out)
{
	struct writer w = {.out = out};

	open(&w, "{");
	text_key(&w, "package", file->package);
	text_key(&w, "syntax", file->proto3 ? "proto3" : "proto2");
	list_key(&w, "imports", &file->imports, print_name);
	list_key(&w, "messages", &file->messages, print_message);
	list_key(&w, "enums", &file->enums, print_enum);
	list_key(&w, "services", &file->services, print_service);
	list_key(&w, "extensions", &file->extensions, print_extension);
	print_file_options(&w, file);
	close(&w, "}");
}
