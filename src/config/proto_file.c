/* A whole .proto file: syntax, package, imports, services; the rest is in proto_message.c. */
#include "config/proto_internal.h"

#define PACKAGE_MAX 256u /* reference.md 2.2 */

/* The original needs the file's syntax before its fields, and so do the rules of labels. */
static int read_syntax(struct actr__proto_parser *p)
{
	const char *syntax;
	struct actr__proto_token token;
	int given = actr__proto_accept(p, "syntax");

	if (given <= 0)
		return given < 0 ? given
		       : actr__proto_is(p, "edition")
			       ? actr__proto_expected(p, "syntax \"proto2\" or \"proto3\"")
			       : 0;
	ACTR_TRY(actr__proto_symbol(p, '='));
	token = p->token;
	ACTR_TRY(actr__proto_text(p, &syntax));
	p->file->proto3 = !strcmp(syntax, "proto3");
	if (!p->file->proto3 && strcmp(syntax, "proto2") != 0) {
		p->token = token;
		return actr__proto_expected(p, "\"proto2\" or \"proto3\"");
	}
	return actr__proto_symbol(p, ';');
}

static int read_import(struct actr__proto_parser *p)
{
	struct actr__proto_name *import = actr__proto_append(p, &p->file->imports, sizeof *import);

	if (!import)
		return actr__proto_nomem(p);
	ACTR_TRY(actr__proto_accept(p, "public"));
	ACTR_TRY(actr__proto_accept(p, "weak"));
	ACTR_TRY(actr__proto_text(p, &import->name));
	return actr__proto_symbol(p, ';');
}

static int read_package(struct actr__proto_parser *p)
{
	struct actr__proto_token token = p->token;

	if (p->file->package)
		return actr__proto_expected(p, "one package");
	ACTR_TRY(actr__proto_path(p, &p->file->package));
	if (p->file->package[0] == '.' || strlen(p->file->package) > PACKAGE_MAX) {
		p->token = token;
		return actr__proto_expected(p, "a package of at most 256 bytes, no leading dot");
	}
	return actr__proto_symbol(p, ';');
}

/* (Type) or (stream Type) */
static int read_rpc_type(struct actr__proto_parser *p, const char **ret_type, bool *ret_streaming)
{
	int streaming;

	ACTR_TRY(actr__proto_symbol(p, '('));
	ACTR_TRY(streaming = actr__proto_accept(p, "stream"));
	*ret_streaming = streaming > 0;
	ACTR_TRY(actr__proto_path(p, ret_type));
	return actr__proto_symbol(p, ')');
}

/* ; or { option …; } */
static int read_method_end(struct actr__proto_parser *p, struct actr__proto_method *method)
{
	int taken = actr__proto_accept_symbol(p, ';');

	if (taken)
		return taken < 0 ? taken : 0;
	ACTR_TRY(actr__proto_symbol(p, '{'));
	for (;;) {
		ACTR_TRY(taken = actr__proto_accept_symbol(p, '}'));
		if (taken)
			return 0;
		ACTR_TRY(taken = actr__proto_accept_symbol(p, ';'));
		if (taken)
			continue;
		if (!actr__proto_is(p, "option"))
			return actr__proto_expected(p, "option or '}'");
		ACTR_TRY(actr__proto_advance(p));
		ACTR_TRY(actr__proto_method_option(p, method));
	}
}

static int read_method(struct actr__proto_parser *p, struct actr__proto_service *service)
{
	struct actr__proto_method *method =
		actr__proto_append(p, &service->methods, sizeof *method);

	if (!method)
		return actr__proto_nomem(p);
	ACTR_TRY(actr__proto_ident(p, &method->name));
	ACTR_TRY(read_rpc_type(p, &method->input, &method->client_streaming));
	if (!actr__proto_is(p, "returns"))
		return actr__proto_expected(p, "returns");
	ACTR_TRY(actr__proto_advance(p));
	ACTR_TRY(read_rpc_type(p, &method->output, &method->server_streaming));
	return read_method_end(p, method);
}

static int read_service(struct actr__proto_parser *p)
{
	struct actr__proto_service *service =
		actr__proto_append(p, &p->file->services, sizeof *service);
	int taken;

	if (!service)
		return actr__proto_nomem(p);
	ACTR_TRY(actr__proto_ident(p, &service->name));
	ACTR_TRY(actr__proto_symbol(p, '{'));
	for (;;) {
		ACTR_TRY(taken = actr__proto_accept_symbol(p, '}'));
		if (taken)
			return 0;
		ACTR_TRY(taken = actr__proto_accept_symbol(p, ';'));
		if (taken)
			continue;
		ACTR_TRY(taken = actr__proto_accept(p, "option"));
		if (taken) {
			ACTR_TRY(actr__proto_skip_option(p));
			continue;
		}
		ACTR_TRY(taken = actr__proto_accept(p, "rpc"));
		if (!taken)
			return actr__proto_expected(p, "rpc, option or '}'");
		ACTR_TRY(read_method(p, service));
	}
}

static int read_definition(struct actr__proto_parser *p)
{
	static const char *const words[] = {"import", "package", "option", "message",
					    "enum",   "service", "extend"};
	const char *package = p->file->package ? p->file->package : "";
	size_t i = 0;

	if (actr__proto_is_symbol(p, ';'))
		return actr__proto_advance(p);
	while (i < ARRAY_SIZE(words) && !actr__proto_is(p, words[i]))
		i++;
	if (i == ARRAY_SIZE(words))
		return actr__proto_expected(
			p, "import, package, option, message, enum, service or extend");
	ACTR_TRY(actr__proto_advance(p));
	switch (i) {
	case 0:
		return read_import(p);
	case 1:
		return read_package(p);
	case 2:
		return actr__proto_file_option(p);
	case 3:
		return actr__proto_parse_message(p, package, &p->file->messages);
	case 4:
		return actr__proto_parse_enum(p, package, &p->file->enums);
	case 5:
		return read_service(p);
	default:
		return actr__proto_parse_extend(p, &p->file->extensions);
	}
}

int actr__proto_parse(struct actr__arena *arena, const char *name, actr_bytes text,
		      struct actr__proto_file **ret_file, actr_error *err)
{
	struct actr__proto_parser p = {.arena = arena, .line = 1, .err = err};

	if (text.size > ACTR__PROTO_MAX)
		return ACTR_FAIL(err, ACTR_E_CONFIG, "%s: expected at most %u bytes, got %zu", name,
				 ACTR__PROTO_MAX, text.size);
	p.file = actr__arena_alloc(arena, sizeof *p.file);
	if (!p.file)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "%s: out of memory", name);
	*p.file = (struct actr__proto_file){.name = name};
	p.at = text.size ? (const char *)text.data : "";
	p.end = p.at + text.size;
	if (text.size >= 3 && !memcmp(p.at, "\xef\xbb\xbf", 3))
		p.at += 3; /* a byte order mark */
	ACTR_TRY(actr__proto_advance(&p));
	ACTR_TRY(read_syntax(&p));
	while (p.token.kind != ACTR__PROTO_END)
		ACTR_TRY(read_definition(&p));
	*ret_file = p.file;
	return 0;
}
