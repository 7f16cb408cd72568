/*
 * Names: what protobuf-c calls a message in C, and what we call a service.
 *
 * protobuf-c's rules, as its generator shows them (names_test.c holds them against it):
 *	type      each part of the full name loses its underscores, and the letter behind one, and
 *	          the first, becomes upper case; parts are joined by two underscores
 *	function  each part keeps its underscores; an upper case letter becomes lower case, with an
 *	          underscore before it unless it is the first or follows an upper case letter
 *
 * Ours: one underscore between words, where a run of upper case letters is one word up to its last
 * letter when a lower case one follows (HTTPService → http_service).
 */
#include "codegen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <actr/error.h>

#include "base/macros.h"

/* protobuf's identifiers are ASCII, whatever the locale says. */
static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
	return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

static char to_upper(char c)
{
	return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

void *actr__codegen_alloc(struct codegen *cg, size_t size)
{
	void *piece = actr__arena_alloc(&cg->arena, size ? size : 1);

	if (!piece) {
		fputs("protoc-gen-actr: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	memset(piece, 0, size);
	return piece;
}

static char *__attribute__((nonnull))
format_list(struct codegen *cg, const char *format, va_list list)
{
	va_list again;
	char *text;
	int size;

	va_copy(again, list);
	size = vsnprintf(NULL, 0, format, again);
	va_end(again);
	text = actr__codegen_alloc(cg, (size_t)size + 1);
	(void)vsnprintf(text, (size_t)size + 1, format, list); /* the size was just measured */
	return text;
}

char *actr__codegen_format(struct codegen *cg, const char *format, ...)
{
	va_list list;
	char *text;

	va_start(list, format);
	text = format_list(cg, format, list);
	va_end(list);
	return text;
}

int actr__codegen_problem(struct codegen *cg, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	cg->problem = format_list(cg, format, list);
	va_end(list);
	return ACTR_E_INVALID_ARGUMENT;
}

char *actr__name_pb_type(struct codegen *cg, const char *full_name)
{
	char *out = actr__codegen_alloc(cg, 2 * strlen(full_name) + 1);
	bool raise = true;
	size_t size = 0;

	for (const char *c = full_name; *c; c++) {
		if (*c == '.' && size) {
			out[size++] = '_';
			out[size++] = '_';
		}
		if (*c == '.' || *c == '_') {
			raise = true;
			continue;
		}
		out[size++] = raise ? to_upper(*c) : *c;
		raise = false;
	}
	return out;
}

char *actr__name_pb_lower(struct codegen *cg, const char *full_name)
{
	char *out = actr__codegen_alloc(cg, 2 * strlen(full_name) + 1);
	bool after_upper = true; /* no underscore before the first letter of a part */
	size_t size = 0;

	for (const char *c = full_name; *c; c++) {
		if (*c == '.') {
			if (size) {
				out[size++] = '_';
				out[size++] = '_';
			}
			after_upper = true;
			continue;
		}
		if (is_upper(*c) && !after_upper)
			out[size++] = '_';
		after_upper = is_upper(*c);
		out[size++] = to_lower(*c);
	}
	return out;
}

/* Whether a new word begins at name[i], i > 0. */
static bool word_begins(const char *name, size_t i)
{
	if (!is_upper(name[i]))
		return false;
	return is_lower(name[i - 1]) || is_digit(name[i - 1]) || is_lower(name[i + 1]);
}

char *actr__name_snake(struct codegen *cg, const char *name)
{
	char *out = actr__codegen_alloc(cg, 2 * strlen(name) + 2);
	size_t size = 0;

	for (size_t i = 0; name[i]; i++) {
		bool split = name[i] == '_' || (i && word_begins(name, i));

		if (split && size && out[size - 1] != '_')
			out[size++] = '_';
		if (name[i] != '_')
			out[size++] = to_lower(name[i]);
	}
	while (size && out[size - 1] == '_')
		out[--size] = 0;
	if (!size)
		out[0] = '_'; /* a name of underscores alone */
	return out;
}

char *actr__name_upper(struct codegen *cg, const char *name)
{
	char *out = actr__codegen_format(cg, "%s", name);

	for (char *c = out; *c; c++)
		*c = to_upper(*c);
	return out;
}

/* Lower case keywords and macros of C and C++: no name of anything. */
/* clang-format off */
static const char *const words[] = {
	"alignas", "alignof", "and", "asm", "assert", "auto", "bool", "break", "case", "catch",
	"char", "class", "concept", "const", "constexpr", "continue", "decltype", "default",
	"delete", "do", "double", "else", "enum", "errno", "explicit", "export", "extern",
	"false", "float", "for", "friend", "goto", "if", "inline", "int", "linux", "long",
	"mutable", "namespace", "new", "noexcept", "not", "nullptr", "operator", "or", "private",
	"protected", "public", "register", "requires", "restrict", "return", "short", "signed",
	"sizeof", "static", "stderr", "stdin", "stdout", "struct", "switch", "template", "this",
	"throw", "true", "try", "typedef", "typeid", "typename", "typeof", "union", "unix",
	"unsigned", "using", "virtual", "void", "volatile", "while", "xor",
};

/* Functions of the C library that a service may well be called after: no name of a global. */
static const char *const functions[] = {
	"abort", "abs", "accept", "access", "alarm", "atoi", "bind", "calloc", "ceil", "clock",
	"close", "connect", "cos", "daemon", "div", "dup", "exit", "exp", "floor", "fork",
	"free", "gamma", "index", "kill", "labs", "link", "listen", "log", "main", "malloc",
	"memcmp", "memcpy", "memset", "open", "pause", "pipe", "poll", "pow", "printf", "puts",
	"raise", "rand", "random", "read", "realloc", "recv", "remove", "rename", "round",
	"select", "send", "shutdown", "signal", "sin", "sleep", "socket", "sqrt", "stat",
	"strlen", "sync", "system", "tan", "time", "times", "trunc", "unlink", "wait", "write",
};
/* clang-format on */

static bool is_in(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, list[i]))
			return true;
	return false;
}

const char *actr__name_member(struct codegen *cg, const char *name)
{
	return is_in(name, words, ARRAY_SIZE(words)) ? actr__codegen_format(cg, "%s_", name) : name;
}

const char *actr__name_object(struct codegen *cg, const char *name)
{
	return is_in(name, functions, ARRAY_SIZE(functions)) ? actr__codegen_format(cg, "%s_", name)
							     : actr__name_member(cg, name);
}

char *actr__name_guard(struct codegen *cg, const char *path)
{
	char *out = actr__codegen_alloc(cg, 3 * strlen(path) + 1);
	size_t size = 0;

	for (const char *c = path; *c; c++) {
		if (is_lower(*c) || is_upper(*c) || is_digit(*c))
			out[size++] = *c;
		else
			size += (size_t)snprintf(out + size, 4, "_%02X", (unsigned char)*c);
	}
	return out;
}

bool actr__name_is_manufacturer(const char *text)
{
	size_t size = strlen(text);

	if (!size || size > 32) /* reference.md 2.2 */
		return false;
	for (size_t i = 0; i < size; i++) {
		bool letter = is_lower(text[i]) || is_upper(text[i]);
		bool last = i + 1 == size;

		if (!letter && (!i || !is_digit(text[i])) &&
		    (!i || last || (text[i] != '-' && text[i] != '_')))
			return false;
	}
	return true;
}
