/*
 * A .proto file as the fingerprint needs it: parser and model (inner header of config). Everything
 * lives in the arena of its set and points into it. Not thread-safe.
 */
#ifndef ACTR_CONFIG_PROTO_INTERNAL_H
#define ACTR_CONFIG_PROTO_INTERNAL_H

#include "base/base.h"
#include "config/config.h"

#define ACTR__PROTO_MAX	      (1024u * 1024u) /* bytes of one file */
#define ACTR__PROTO_DEPTH_MAX 64u	      /* messages inside each other; braces of a value */
#define ACTR__PROTO_NAME_MAX  1024u	      /* bytes of a full name */

/* First member of everything that is kept in a list. */
struct actr__proto_node {
	struct actr__proto_node *next;
};

struct actr__proto_list {
	struct actr__proto_node *first, *last;
	size_t count;
};

/* An option that may be absent. */
enum actr__proto_flag { ACTR__PROTO_UNSET = 0, ACTR__PROTO_FALSE, ACTR__PROTO_TRUE };

struct actr__proto_name {
	struct actr__proto_node node;
	const char *name;
};

struct actr__proto_range {
	struct actr__proto_node node;
	int64_t start, end; /* as the canonical form has them: end is exclusive except in enums */
};

struct actr__proto_field {
	struct actr__proto_node node;
	const char *name;
	const char *label;    /* "required", "repeated", or NULL */
	const char *type;     /* keyword, or a name: as written, then full with a leading dot */
	const char *extendee; /* of an extension: the same */
	const char *default_value;
	const char *json_name;
	const char *ctype, *jstype;
	int32_t number;
	int32_t oneof_index; /* -1: in none */
	bool scalar;	     /* type is a keyword */
	uint8_t packed, deprecated, weak;
};

struct actr__proto_value {
	struct actr__proto_node node;
	const char *name;
	int32_t number;
};

struct actr__proto_enum {
	struct actr__proto_node node;
	const char *name, *full_name; /* full: without a leading dot */
	struct actr__proto_list values, reserved_ranges, reserved_names;
	uint8_t allow_alias, deprecated;
};

struct actr__proto_message {
	struct actr__proto_node node;
	const char *name, *full_name;
	struct actr__proto_list fields, messages, enums, oneofs;
	struct actr__proto_list reserved_ranges, reserved_names, extension_ranges;
	uint8_t message_set_wire_format, no_standard_descriptor_accessor, deprecated;
};

struct actr__proto_method {
	struct actr__proto_node node;
	const char *name, *input, *output;
	const char *idempotency_level;
	bool client_streaming, server_streaming;
};

struct actr__proto_service {
	struct actr__proto_node node;
	const char *name;
	struct actr__proto_list methods;
};

/* File options in the order of the canonical form. */
#define ACTR__PROTO_FILE_OPTIONS(TEXT, FLAG, WORD)                                                 \
	TEXT(go_package)                                                                           \
	TEXT(java_package)                                                                         \
	TEXT(csharp_namespace)                                                                     \
	TEXT(ruby_package)                                                                         \
	FLAG(java_multiple_files)                                                                  \
	TEXT(java_outer_classname)                                                                 \
	FLAG(java_string_check_utf8)                                                               \
	FLAG(java_generic_services)                                                                \
	TEXT(objc_class_prefix)                                                                    \
	TEXT(php_class_prefix)                                                                     \
	TEXT(php_namespace)                                                                        \
	TEXT(php_metadata_namespace)                                                               \
	FLAG(php_generic_services)                                                                 \
	TEXT(swift_prefix)                                                                         \
	FLAG(cc_generic_services)                                                                  \
	FLAG(cc_enable_arenas)                                                                     \
	FLAG(py_generic_services)                                                                  \
	WORD(optimize_for)

#define ACTR__PROTO_COUNT(name) +1
#define ACTR__PROTO_FILE_OPTION_COUNT                                                              \
	(0 ACTR__PROTO_FILE_OPTIONS(ACTR__PROTO_COUNT, ACTR__PROTO_COUNT, ACTR__PROTO_COUNT))

struct actr__proto_file {
	const char *name; /* in messages */
	const char *package;
	struct actr__proto_list imports; /* names */
	struct actr__proto_list messages, enums, services, extensions;
	const char *options[ACTR__PROTO_FILE_OPTION_COUNT]; /* text; flags as "true", "false" */
	bool proto3;
};

/* proto_lex.c */
enum actr__proto_token_kind {
	ACTR__PROTO_END,
	ACTR__PROTO_IDENT,
	ACTR__PROTO_INTEGER,
	ACTR__PROTO_FLOAT,
	ACTR__PROTO_STRING,
	ACTR__PROTO_SYMBOL
};

struct actr__proto_token {
	enum actr__proto_token_kind kind;
	const char *text; /* in the source; of a string: with its quotes */
	size_t size;
	uint32_t line;
	uint64_t integer;
};

struct actr__proto_parser {
	struct actr__arena *arena;
	struct actr__proto_file *file;
	const char *at, *end;
	uint32_t line;
	uint32_t depth;
	struct actr__proto_token token; /* the one to be taken next */
	actr_error *err;
};

int actr__proto_advance(struct actr__proto_parser *p);
/* `FILE:LINE: expected …, got …`; returns ACTR_E_CONFIG. */
int actr__proto_expected(struct actr__proto_parser *p, const char *what);
int actr__proto_nomem(struct actr__proto_parser *p);
bool actr__proto_is(const struct actr__proto_parser *p, const char *word);
bool actr__proto_is_symbol(const struct actr__proto_parser *p, char symbol);
/* Take it if it is next: 1, 0, or a negative code. */
int actr__proto_accept(struct actr__proto_parser *p, const char *word);
int actr__proto_accept_symbol(struct actr__proto_parser *p, char symbol);
int actr__proto_symbol(struct actr__proto_parser *p, char symbol);
int actr__proto_ident(struct actr__proto_parser *p, const char **ret_name);
/* [.]a.b.c */
int actr__proto_path(struct actr__proto_parser *p, const char **ret_name);
/* Adjacent literals, decoded; may hold any byte. *ret_text has a 0 behind it. */
int actr__proto_string(struct actr__proto_parser *p, actr_bytes *ret_text);
/* The same as UTF-8 text without a 0 inside. */
int actr__proto_text(struct actr__proto_parser *p, const char **ret_text);

/* proto_option.c */
int actr__proto_file_option(struct actr__proto_parser *p);
int actr__proto_message_option(struct actr__proto_parser *p, struct actr__proto_message *message);
int actr__proto_enum_option(struct actr__proto_parser *p, struct actr__proto_enum *out);
int actr__proto_method_option(struct actr__proto_parser *p, struct actr__proto_method *method);
int actr__proto_skip_option(struct actr__proto_parser *p);
/* [a = b, (c) = d] behind a field; nothing when there is no '['. */
int actr__proto_field_options(struct actr__proto_parser *p, struct actr__proto_field *field);
int actr__proto_skip_options(struct actr__proto_parser *p);

/* proto_message.c: behind their keyword, up to and with their end. */
int actr__proto_parse_message(struct actr__proto_parser *p, const char *scope,
			      struct actr__proto_list *out);
int actr__proto_parse_enum(struct actr__proto_parser *p, const char *scope,
			   struct actr__proto_list *out);
int actr__proto_parse_extend(struct actr__proto_parser *p, struct actr__proto_list *out);

/* Zeroed and at the end of the list; NULL when memory is exhausted. */
void *actr__proto_append(struct actr__proto_parser *p, struct actr__proto_list *list, size_t size);
/* a.b of "a" and "b"; the name alone for an empty scope. */
int actr__proto_join(struct actr__proto_parser *p, const char *scope, const char *name,
		     const char **ret_full);
int actr__proto_json_name(struct actr__proto_parser *p, const char *name, bool first_upper,
			  const char *suffix, const char **ret_name);

/* proto_file.c */
int actr__proto_parse(struct actr__arena *arena, const char *name, actr_bytes text,
		      struct actr__proto_file **ret_file, actr_error *err);

/* ".a.b" of "a.b"; NULL when memory is exhausted. */
const char *actr__proto_absolute(struct actr__arena *arena, const char *full_name);
/* proto_link.c: full names for all types of all files, then every list in canonical order. */
int actr__proto_link(struct actr__arena *arena, struct actr__proto_file **files, size_t count,
		     actr_error *err);

/* proto_json.c */
void actr__proto_canonical(const struct actr__proto_file *file, struct actr__buf *out);

#endif
