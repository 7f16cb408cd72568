/*
 * Limits before the parser: toml++ keeps nested tables as nested objects and destroys them by
 * recursion, so a key of a hundred thousand parts would end the process. This scan knows strings
 * and comments, and counts the parts of each key and the brackets that are open. It does not decide
 * what is valid: that is toml++'s.
 */
#include "base/base.h"
#include "config/toml_internal.h"

#include <inttypes.h>
#include <stdio.h>

struct scan {
	const char *at, *end;
	uint32_t line;
	uint32_t parts;	   /* dots since the last character that ends a key */
	uint32_t brackets; /* open */
};

/* Past a string that begins at `at` with its quote; to the end of the line when it is cut. */
static void skip_string(struct scan *s)
{
	char quote = *s->at;
	bool lines = s->end - s->at >= 3 && s->at[1] == quote && s->at[2] == quote;

	s->at += lines ? 3 : 1;
	for (; s->at < s->end; s->at++) {
		if (*s->at == '\n') {
			if (!lines)
				return;
			s->line++;
		} else if (*s->at == '\\' && quote == '"' && s->end - s->at > 1 &&
			   s->at[1] != '\n') {
			s->at++;
		} else if (*s->at == quote && !lines) {
			s->at++;
			return;
		} else if (*s->at == quote && s->end - s->at >= 3 && s->at[1] == quote &&
			   s->at[2] == quote) {
			s->at += 3; /* up to two more belong to the text (TOML 1.0, strings) */
			for (int i = 0; i < 2 && s->at < s->end && *s->at == quote; i++)
				s->at++;
			return;
		}
	}
}

static void skip_comment(struct scan *s)
{
	while (s->at < s->end && *s->at != '\n')
		s->at++;
}

static void count(struct scan *s, char c)
{
	switch (c) {
	case '\n':
		s->line++;
		s->parts = 0;
		break;
	case '[':
	case '{':
		s->brackets++;
		s->parts = 0;
		break;
	case ']':
	case '}':
		s->brackets -= s->brackets > 0;
		s->parts = 0;
		break;
	case ',':
	case '=':
		s->parts = 0;
		break;
	case '.':
		s->parts++;
		break;
	default:
		break;
	}
}

static int check_depth(const char *name, actr_bytes text, actr_error *err)
{
	const char *begin = (const char *)text.data;
	struct scan s = {.at = begin, .end = begin + text.size, .line = 1};

	while (s.at < s.end) {
		if (*s.at == '"' || *s.at == '\'') {
			skip_string(&s);
			continue;
		}
		if (*s.at == '#') {
			skip_comment(&s);
			continue;
		}
		count(&s, *s.at++);
		if (s.parts >= ACTR__TOML_KEY_PARTS)
			return ACTR_FAIL(err, ACTR_E_CONFIG,
					 "%s:%u: expected a key of at most %u parts", name, s.line,
					 ACTR__TOML_KEY_PARTS);
		if (s.brackets > ACTR__TOML_BRACKETS_MAX)
			return ACTR_FAIL(err, ACTR_E_CONFIG,
					 "%s:%u: expected at most %u brackets inside each other",
					 name, s.line, ACTR__TOML_BRACKETS_MAX);
	}
	return 0;
}

int actr__toml_parse(struct actr__arena *arena, const char *name, actr_bytes text,
		     const struct actr__toml **ret_document, actr_error *err)
{
	if (text.size > ACTR__TOML_MAX)
		return ACTR_FAIL(err, ACTR_E_CONFIG, "%s: expected at most %u bytes, got %zu", name,
				 ACTR__TOML_MAX, text.size);
	ACTR_TRY(check_depth(name, text, err));
	return actr__toml_convert(arena, name, text.size ? (const char *)text.data : "", text.size,
				  ret_document, err);
}

const struct actr__toml *actr__toml_get(const struct actr__toml *table, const char *key)
{
	if (!table || table->kind != ACTR__TOML_TABLE)
		return NULL;
	for (const struct actr__toml *node = table->first; node; node = node->next) {
		if (!strcmp(node->key, key))
			return node;
	}
	return NULL;
}

char *actr__toml_describe(const struct actr__toml *node, char *out, size_t size)
{
	char quoted[72];

	switch (node->kind) {
	case ACTR__TOML_TEXT:
		snprintf(out, size, "%s",
			 actr__log_quote(node->text, strlen(node->text), quoted, sizeof quoted));
		break;
	case ACTR__TOML_INTEGER:
		snprintf(out, size, "%" PRId64, node->integer);
		break;
	case ACTR__TOML_BOOL:
		snprintf(out, size, "%s", node->integer ? "true" : "false");
		break;
	case ACTR__TOML_TABLE:
		snprintf(out, size, "a table");
		break;
	case ACTR__TOML_ARRAY:
		snprintf(out, size, "an array");
		break;
	case ACTR__TOML_REAL:
		snprintf(out, size, "a number with a fraction");
		break;
	case ACTR__TOML_TIME:
		snprintf(out, size, "the time %s", node->text);
		break;
	}
	return out;
}
