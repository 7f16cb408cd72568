/*
 * A TOML document as a plain C tree (inner header of config). Nodes live in the caller's arena;
 * toml++ is behind toml.cpp and nowhere else.
 */
#ifndef ACTR_CONFIG_TOML_INTERNAL_H
#define ACTR_CONFIG_TOML_INTERNAL_H

#include <actr/types.h>

/* Not base.h: this header is for C++ too, which has no stdatomic.h. */
#include "base/arena.h"
#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Limits of one document: 1 MiB of text, keys of 16 parts, 32 brackets inside each other. */
#define ACTR__TOML_MAX		(1024u * 1024u)
#define ACTR__TOML_KEY_PARTS	16u
#define ACTR__TOML_BRACKETS_MAX 32u

enum actr__toml_kind {
	ACTR__TOML_TABLE,
	ACTR__TOML_ARRAY,
	ACTR__TOML_TEXT,
	ACTR__TOML_INTEGER,
	ACTR__TOML_BOOL,
	ACTR__TOML_REAL,
	ACTR__TOML_TIME /* a date, a time, or both: its text */
};

struct actr__toml {
	struct actr__toml *next;  /* of the same table (by key) or array (as written) */
	struct actr__toml *first; /* of a table or array */
	const char *key;	  /* "" in an array and for the document */
	const char *text;	  /* TEXT: without any 0 inside; TIME; else NULL */
	int64_t integer;	  /* INTEGER, BOOL */
	double real;		  /* REAL */
	size_t count;		  /* children */
	uint32_t line;		  /* of the key, else of the value; from 1 */
	enum actr__toml_kind kind;
};

/*
 * Parse `text`, which is called `name` in messages. ACTR_E_CONFIG with `NAME:LINE: …` when it is
 * not TOML 1.0 or over a limit; ACTR_E_NOMEM.
 */
int actr__toml_parse(struct actr__arena *arena, const char *name, actr_bytes text,
		     const struct actr__toml **ret_document, actr_error *err);
/* The entry of a table, or NULL (also when `table` is NULL or none). */
const struct actr__toml *actr__toml_get(const struct actr__toml *table, const char *key);
/* What a value is, for "got …": `"text"`, `12`, `true`, `a table`. Returns out. */
char *actr__toml_describe(const struct actr__toml *node, char *out, size_t size);

/* toml.cpp: the parser proper. The text has passed the limits. */
int actr__toml_convert(struct actr__arena *arena, const char *name, const char *text, size_t size,
		       const struct actr__toml **ret_document, actr_error *err);

#ifdef __cplusplus
}
#endif
#endif
