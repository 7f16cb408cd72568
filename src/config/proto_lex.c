/* Words of a .proto file (protobuf.com/docs/language-spec, "lexical elements"). */
#include "config/proto_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

int actr__proto_nomem(struct actr__proto_parser *p)
{
	return ACTR_FAIL(p->err, ACTR_E_NOMEM, "%s:%u: out of memory", p->file->name, p->line);
}

int actr__proto_expected(struct actr__proto_parser *p, const char *what)
{
	char quoted[72];

	if (p->token.kind == ACTR__PROTO_END)
		return ACTR_FAIL(p->err, ACTR_E_CONFIG, "%s:%u: expected %s, got the end",
				 p->file->name, p->token.line, what);
	return ACTR_FAIL(p->err, ACTR_E_CONFIG, "%s:%u: expected %s, got %s", p->file->name,
			 p->token.line, what,
			 actr__log_quote(p->token.text, p->token.size, quoted, sizeof quoted));
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool starts(const struct actr__proto_parser *p, const char *two)
{
	return p->end - p->at >= 2 && p->at[0] == two[0] && p->at[1] == two[1];
}

static int skip_block_comment(struct actr__proto_parser *p)
{
	p->token = (struct actr__proto_token){ACTR__PROTO_END, p->at, 0, p->line, 0};
	for (p->at += 2; p->at < p->end; p->at++) {
		if (starts(p, "*/")) {
			p->at += 2;
			return 0;
		}
		p->line += *p->at == '\n';
	}
	return actr__proto_expected(p, "the end of the comment that begins here");
}

static int skip_space(struct actr__proto_parser *p)
{
	while (p->at < p->end) {
		if (starts(p, "/*")) {
			ACTR_TRY(skip_block_comment(p));
		} else if (starts(p, "//")) {
			while (p->at < p->end && *p->at != '\n')
				p->at++;
		} else if (strchr(" \t\r\n\v\f", *p->at) && *p->at) {
			p->line += *p->at++ == '\n';
		} else {
			break;
		}
	}
	return 0;
}

/* Digits as the reference reads them: 0x is hex, all else is decimal (010 is ten). */
static int read_integer(struct actr__proto_parser *p, const char *digits, const char *end,
			unsigned base)
{
	uint64_t value = 0;

	for (; digits < end; digits++) {
		unsigned digit = is_digit(*digits) ? (unsigned)(*digits - '0')
						   : (unsigned)((*digits | 0x20) - 'a' + 10);

		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return actr__proto_expected(p, "a number below 2^64");
	}
	p->token.integer = value;
	return 0;
}

static void skip_exponent(struct actr__proto_parser *p)
{
	const char *at = p->at + 1;

	if (at < p->end && (*at == '+' || *at == '-'))
		at++;
	if (at >= p->end || !is_digit(*at))
		return;
	while (at < p->end && is_digit(*at))
		at++;
	p->at = at;
}

static int read_number(struct actr__proto_parser *p)
{
	const char *begin = p->at;
	bool hex = starts(p, "0x") || starts(p, "0X");

	p->token.kind = ACTR__PROTO_INTEGER;
	if (hex) {
		p->at += 2;
		while (p->at < p->end && isxdigit((unsigned char)*p->at))
			p->at++;
	} else {
		while (p->at < p->end && is_digit(*p->at))
			p->at++;
		if (p->at < p->end && *p->at == '.') {
			p->token.kind = ACTR__PROTO_FLOAT;
			for (p->at++; p->at < p->end && is_digit(*p->at);)
				p->at++;
		}
		if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
			p->token.kind = ACTR__PROTO_FLOAT;
			skip_exponent(p);
		}
	}
	p->token.size = (size_t)(p->at - begin);
	if ((p->at < p->end && is_letter(*p->at)) || (hex && p->token.size == 2))
		return actr__proto_expected(p, "a number");
	if (p->token.kind == ACTR__PROTO_FLOAT)
		return 0;
	return read_integer(p, begin + (hex ? 2 : 0), p->at, hex ? 16 : 10);
}

static int read_string(struct actr__proto_parser *p)
{
	const char *begin = p->at;
	char quote = *p->at;

	p->token.kind = ACTR__PROTO_STRING;
	for (p->at++; p->at < p->end && *p->at != '\n'; p->at++) {
		if (*p->at == quote) {
			p->at++;
			p->token.size = (size_t)(p->at - begin);
			return 0;
		}
		if (*p->at == '\\' && p->end - p->at > 1)
			p->at++;
		if (*p->at == '\n')
			break;
	}
	p->token.size = (size_t)(p->at - begin);
	return actr__proto_expected(p, "the end of a text on its line");
}

int actr__proto_advance(struct actr__proto_parser *p)
{
	ACTR_TRY(skip_space(p));
	p->token = (struct actr__proto_token){ACTR__PROTO_END, p->at, 0, p->line, 0};
	if (p->at == p->end)
		return 0;
	p->token.size = 1;
	if (is_letter(*p->at)) {
		p->token.kind = ACTR__PROTO_IDENT;
		while (p->at < p->end && (is_letter(*p->at) || is_digit(*p->at)))
			p->at++;
		p->token.size = (size_t)(p->at - p->token.text);
		return 0;
	}
	if (is_digit(*p->at) || (*p->at == '.' && p->end - p->at > 1 && is_digit(p->at[1])))
		return read_number(p);
	if (*p->at == '"' || *p->at == '\'')
		return read_string(p);
	p->token.kind = ACTR__PROTO_SYMBOL;
	if (!*p->at || !strchr("=;,.{}[]()<>:+-/", *p->at))
		return actr__proto_expected(p, "a word of a .proto file");
	p->at++;
	return 0;
}

bool actr__proto_is(const struct actr__proto_parser *p, const char *word)
{
	return p->token.kind == ACTR__PROTO_IDENT && strlen(word) == p->token.size &&
	       !memcmp(p->token.text, word, p->token.size);
}

bool actr__proto_is_symbol(const struct actr__proto_parser *p, char symbol)
{
	return p->token.kind == ACTR__PROTO_SYMBOL && *p->token.text == symbol;
}

int actr__proto_accept(struct actr__proto_parser *p, const char *word)
{
	if (!actr__proto_is(p, word))
		return 0;
	ACTR_TRY(actr__proto_advance(p));
	return 1;
}

int actr__proto_accept_symbol(struct actr__proto_parser *p, char symbol)
{
	if (!actr__proto_is_symbol(p, symbol))
		return 0;
	ACTR_TRY(actr__proto_advance(p));
	return 1;
}

int actr__proto_symbol(struct actr__proto_parser *p, char symbol)
{
	char what[] = {'\'', symbol, '\'', 0};

	if (!actr__proto_is_symbol(p, symbol))
		return actr__proto_expected(p, what);
	return actr__proto_advance(p);
}

int actr__proto_ident(struct actr__proto_parser *p, const char **ret_name)
{
	if (p->token.kind != ACTR__PROTO_IDENT || p->token.size > ACTR__PROTO_NAME_MAX)
		return actr__proto_expected(p, "a name");
	*ret_name = actr__arena_strndup(p->arena, p->token.text, p->token.size);
	if (!*ret_name)
		return actr__proto_nomem(p);
	return actr__proto_advance(p);
}

int actr__proto_path(struct actr__proto_parser *p, const char **ret_name)
{
	char path[ACTR__PROTO_NAME_MAX];
	size_t size = 0;

	for (bool dot = actr__proto_is_symbol(p, '.');; dot = true) {
		if (dot) {
			path[size++] = '.';
			ACTR_TRY(actr__proto_advance(p));
		}
		if (p->token.kind != ACTR__PROTO_IDENT || p->token.size >= sizeof path - size - 1)
			return actr__proto_expected(p, "a name");
		memcpy(path + size, p->token.text, p->token.size);
		size += p->token.size;
		ACTR_TRY(actr__proto_advance(p));
		if (!actr__proto_is_symbol(p, '.'))
			break;
	}
	*ret_name = actr__arena_strndup(p->arena, path, size);
	return *ret_name ? 0 : actr__proto_nomem(p);
}

/* --- text literals --- */

/* Up to `max` digits of the base at *at; how many there were. */
static size_t digits(const char **at, const char *end, size_t max, unsigned base, uint32_t *ret)
{
	size_t n = 0;

	*ret = 0;
	while (n < max && *at < end &&
	       (base == 16 ? isxdigit((unsigned char)**at) != 0 : **at >= '0' && **at <= '7')) {
		unsigned digit = is_digit(**at) ? (unsigned)(**at - '0')
						: (unsigned)((**at | 0x20) - 'a' + 10);

		*ret = *ret * base + digit;
		(*at)++;
		n++;
	}
	return n;
}

/*
 * One escape behind its backslash; false when it is cut. As the reference reads them: a letter that
 * is no escape (also u, U) stands for itself.
 */
static bool unescape(const char **at, const char *end, char *out)
{
	static const char letters[] = "abfnrtv", values[] = "\a\b\f\n\r\t\v";
	char c = *(*at)++;
	const char *found = c ? strchr(letters, c) : NULL;
	uint32_t code = (uint8_t)c;

	if (found) {
		*out = values[found - letters];
		return true;
	}
	if (c == 'x' && digits(at, end, 2, 16, &code) != 2)
		return false;
	if (c >= '0' && c <= '7') {
		(*at)--;
		(void)digits(at, end, 3, 8, &code); /* there is one */
	}
	*out = (char)code;
	return code <= 255;
}

static int decode(struct actr__proto_parser *p, struct actr__buf *out)
{
	const char *at = p->token.text + 1, *end = p->token.text + p->token.size - 1;

	while (at < end) {
		char byte = *at++;

		if (byte == '\\' && (at == end || !unescape(&at, end, &byte)))
			return actr__proto_expected(p, "a text with valid escapes");
		if (actr__buf_append(out, &byte, 1) < 0)
			return actr__proto_nomem(p);
	}
	return 0;
}

int actr__proto_string(struct actr__proto_parser *p, actr_bytes *ret_text)
{
	_cleanup_(actr__buf_done) struct actr__buf out;
	char *copy;

	actr__buf_init(&out, ACTR__PROTO_MAX);
	if (p->token.kind != ACTR__PROTO_STRING)
		return actr__proto_expected(p, "a text in quotes");
	while (p->token.kind == ACTR__PROTO_STRING) {
		ACTR_TRY(decode(p, &out));
		ACTR_TRY(actr__proto_advance(p));
	}
	copy = actr__arena_strndup(p->arena, out.data, out.size);
	if (!copy)
		return actr__proto_nomem(p);
	*ret_text = actr__bytes(copy, out.size);
	return 0;
}

int actr__proto_text(struct actr__proto_parser *p, const char **ret_text)
{
	struct actr__proto_token first = p->token;
	actr_bytes text;

	ACTR_TRY(actr__proto_string(p, &text));
	if (!actr__utf8_valid(text.data, text.size) || memchr(text.data, 0, text.size)) {
		p->token = first;
		return actr__proto_expected(p, "UTF-8 text");
	}
	*ret_text = (const char *)text.data;
	return 0;
}
