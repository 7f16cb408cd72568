/*
 * actr.lock.toml (reference.md 8.5): the exact services that a project was built against, with
 * their .proto files inside, so that a change of a dependency is a readable diff.
 */
#include "config/load_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- reading --- */

static int expected(const struct actr__load *load, size_t index, const char *key,
		    const struct actr__toml *got, const char *what)
{
	char path[96];

	snprintf(path, sizeof path, "dependency[%zu].%s", index, key);
	return actr__load_expected(load, path, got, what);
}

/* A text of a table; a missing one is `*ret_text` NULL, or an error when it is needed. */
static int read_text(const struct actr__load *load, const struct actr__toml *table, size_t index,
		     const char *key, bool needed, const char **ret_text)
{
	const struct actr__toml *node = actr__toml_get(table, key);

	*ret_text = node ? node->text : NULL; /* also of a TOML time */
	if (node && !node->text)
		return expected(load, index, key, node, "text");
	if (!node && needed)
		return ACTR_FAIL(load->err, ACTR_E_CONFIG,
				 "%s:%u: key `dependency[%zu].%s`: expected text, got nothing",
				 load->file, table->line, index, key);
	return 0;
}

static int read_files(struct actr__load *load, const struct actr__toml *table, size_t index,
		      struct actr__spec *spec)
{
	const struct actr__toml *list = actr__toml_get(table, "files");

	if (!list || list->kind != ACTR__TOML_ARRAY || list->count > ACTR__CONFIG_LIST_MAX)
		return expected(load, index, "files", list ? list : table, "a list of tables");
	for (const struct actr__toml *node = list->first; node; node = node->next) {
		struct actr__spec_file *file =
			actr__load_append(load, &spec->files, &spec->file_count, sizeof *file);

		if (!file)
			return actr__load_nomem(load);
		if (node->kind != ACTR__TOML_TABLE)
			return expected(load, index, "files", node, "a list of tables");
		ACTR_TRY(read_text(load, node, index, "package", true, &file->package));
		ACTR_TRY(read_text(load, node, index, "fingerprint", true, &file->fingerprint));
		ACTR_TRY(read_text(load, node, index, "content", true, &file->content));
	}
	return 0;
}

static int read_locked(struct actr__load *load, const struct actr__toml *table, size_t index,
		       struct actr__locked *out)
{
	const struct actr__toml *node;

	if (table->kind != ACTR__TOML_TABLE)
		return actr__load_expected(load, "dependency", table, "a list of tables");
	ACTR_TRY(read_text(load, table, index, "name", true, &out->name));
	ACTR_TRY(read_text(load, table, index, "actr_type", true, &out->actr_type));
	ACTR_TRY(read_text(load, table, index, "cached_at", true, &out->cached_at));
	ACTR_TRY(read_text(load, table, index, "description", false, &out->spec.description));
	ACTR_TRY(read_text(load, table, index, "fingerprint", true, &out->spec.fingerprint));
	node = actr__toml_get(table, "published_at");
	if (node && node->kind != ACTR__TOML_INTEGER)
		return expected(load, index, "published_at", node, "a number of seconds");
	out->spec.published_at = node ? node->integer : 0;
	node = actr__toml_get(table, "tags");
	if (node)
		ACTR_TRY(actr__load_texts(load, "dependency.tags", node, &out->spec.tags,
					  &out->spec.tag_count));
	return read_files(load, table, index, &out->spec);
}

static int read_metadata(struct actr__load *load, const struct actr__toml *table,
			 struct actr__lock *lock)
{
	const struct actr__toml *version = actr__toml_get(table, "version");
	const struct actr__toml *generated = actr__toml_get(table, "generated_at");

	if (!version || version->kind != ACTR__TOML_INTEGER || version->integer != 1)
		return actr__load_expected(load, "metadata.version", version ? version : table,
					   "1");
	if (!generated || !generated->text)
		return actr__load_expected(load, "metadata.generated_at",
					   generated ? generated : table, "a time");
	lock->version = 1;
	lock->generated_at = generated->text;
	return 0;
}

static int read_lock(struct actr__load *load, const struct actr__toml *document,
		     struct actr__lock *lock)
{
	const struct actr__toml *metadata = actr__toml_get(document, "metadata");
	const struct actr__toml *list = actr__toml_get(document, "dependency");

	if (metadata)
		ACTR_TRY(read_metadata(load, metadata, lock));
	if (!list || list->kind != ACTR__TOML_ARRAY || list->count > ACTR__CONFIG_LIST_MAX)
		return actr__load_expected(load, "dependency", list ? list : document,
					   "a list of tables");
	for (const struct actr__toml *node = list->first; node; node = node->next) {
		size_t index = lock->dependency_count;
		struct actr__locked *out = actr__load_append(load, &lock->dependencies,
							     &lock->dependency_count, sizeof *out);

		if (!out)
			return actr__load_nomem(load);
		ACTR_TRY(read_locked(load, node, index, out));
	}
	return 0;
}

int actr__lock_parse(const char *name, actr_bytes text, struct actr__arena *arena,
		     struct actr__lock *ret_lock, actr_error *err)
{
	struct actr__load load = {.arena = arena, .file = name, .directory = "", .err = err};
	struct actr__lock lock = {0};
	const struct actr__toml *document = NULL;

	ACTR_TRY(actr__toml_parse(arena, name, text, &document, err));
	ACTR_TRY(read_lock(&load, document, &lock));
	*ret_lock = lock;
	return 0;
}

/* --- changing and writing --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct actr__locked *)a)->name,
		      ((const struct actr__locked *)b)->name);
}

int actr__lock_put(struct actr__lock *lock, struct actr__arena *arena,
		   const struct actr__locked *locked)
{
	struct actr__locked *all;

	for (size_t i = 0; i < lock->dependency_count; i++) {
		if (!strcmp(lock->dependencies[i].name, locked->name)) {
			lock->dependencies[i] = *locked;
			return 0;
		}
	}
	all = actr__arena_alloc(arena, (lock->dependency_count + 1) * sizeof *all);
	if (!all)
		return ACTR_E_NOMEM;
	if (lock->dependency_count)
		memcpy(all, lock->dependencies, lock->dependency_count * sizeof *all);
	all[lock->dependency_count++] = *locked;
	qsort(all, lock->dependency_count, sizeof *all, by_name);
	lock->dependencies = all;
	return 0;
}

/* One character of a basic string (TOML 1.0): control characters, quote and backslash escaped. */
static void print_char(struct actr__buf *out, char c)
{
	static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";
	const char *found = c ? strchr(from, c) : NULL;

	if (found)
		actr__buf_printf(out, "\\%c", to[found - from]);
	else if ((unsigned char)c < 0x20 || c == 0x7f)
		actr__buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
	else
		actr__buf_append(out, &c, 1);
}

static void print_key(struct actr__buf *out, const char *key, const char *text)
{
	if (!text)
		return;
	actr__buf_printf(out, "%s = \"", key);
	for (; *text; text++)
		print_char(out, *text);
	actr__buf_puts(out, "\"\n");
}

/* As a multi-line string: lines stay lines. */
static void print_block(struct actr__buf *out, const char *key, const char *text)
{
	actr__buf_printf(out, "%s = \"\"\"\n", key);
	for (; *text; text++) {
		if (*text == '\n' || *text == '\t')
			actr__buf_append(out, text, 1);
		else if (*text == '"' && text[1] != '"' && text[1] != 0)
			actr__buf_append(out, text, 1); /* alone: needs no escape */
		else
			print_char(out, *text);
	}
	actr__buf_puts(out, "\"\"\"\n");
}

static void print_tags(struct actr__buf *out, const struct actr__spec *spec)
{
	if (!spec->tag_count)
		return;
	actr__buf_puts(out, "tags = [");
	for (size_t i = 0; i < spec->tag_count; i++) {
		actr__buf_puts(out, i ? ", \"" : "\"");
		for (const char *at = spec->tags[i]; *at; at++)
			print_char(out, *at);
		actr__buf_puts(out, "\"");
	}
	actr__buf_puts(out, "]\n");
}

static void print_locked(struct actr__buf *out, const struct actr__locked *locked)
{
	const struct actr__spec *spec = &locked->spec;

	actr__buf_puts(out, "\n[[dependency]]\n");
	print_key(out, "name", locked->name);
	print_key(out, "actr_type", locked->actr_type);
	print_key(out, "description", spec->description);
	print_key(out, "fingerprint", spec->fingerprint);
	if (spec->published_at)
		actr__buf_printf(out, "published_at = %" PRId64 "\n", spec->published_at);
	print_tags(out, spec);
	print_key(out, "cached_at", locked->cached_at);
	if (!spec->file_count)
		actr__buf_puts(out, "files = []\n");
	for (size_t i = 0; i < spec->file_count; i++) {
		actr__buf_puts(out, "\n[[dependency.files]]\n");
		print_key(out, "package", spec->files[i].package);
		print_key(out, "fingerprint", spec->files[i].fingerprint);
		print_block(out, "content", spec->files[i].content);
	}
}

int actr__lock_print(const struct actr__lock *lock, struct actr__buf *out)
{
	if (!lock->dependency_count)
		actr__buf_puts(out, "dependency = []\n"); /* a key of the root: before any table */
	if (lock->version) {
		actr__buf_printf(out, "%s[metadata]\nversion = %" PRIu32 "\n",
				 lock->dependency_count ? "" : "\n", lock->version);
		print_key(out, "generated_at", lock->generated_at);
	}
	for (size_t i = 0; i < lock->dependency_count; i++)
		print_locked(out, &lock->dependencies[i]);
	return out->failed;
}
