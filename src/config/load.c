/*
 * Actr.toml (reference.md 8.1): a file and its parents become one actr_config.
 *
 * The chain of `inherit` is read first, then applied from the eldest to the youngest, so "the child
 * overrides" needs no code: a later file writes over what an earlier one set. What does not merge
 * that way is said where it is read: [package] is the youngest's alone, exports add up, [acl]
 * replaces. A path is relative to the file that names it. Everything of the result lives in one
 * arena behind the config; there are no threads and no state here.
 */
#include "config/load_internal.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

#define ARENA_MAX     (64u * 1024u * 1024u)
#define ANCESTORS_MAX 16u

struct loaded {
	actr_config config;
	struct actr__arena arena;
};

/* One file of the chain; `next` is its child. */
struct source {
	const struct source *next;
	const char *file;
	const char *directory;
	const struct actr__toml *document;
	dev_t device;
	ino_t inode;
};

actr_config *actr_config_free(actr_config *config)
{
	struct loaded *loaded;

	if (!config)
		return NULL;
	loaded = container_of(config, struct loaded, config);
	actr__arena_done(&loaded->arena);
	actr__free(loaded);
	return NULL;
}

static void loadedp(struct loaded **loaded)
{
	if (*loaded)
		(void)actr_config_free(&(*loaded)->config);
}

static struct loaded *loaded_new(void)
{
	struct loaded *loaded = actr__new0(struct loaded);

	if (loaded) {
		loaded->config.size = sizeof(actr_config);
		actr__arena_init(&loaded->arena, NULL, 0, ARENA_MAX);
	}
	return loaded;
}

int actr__load_expected(const struct actr__load *load, const char *key,
			const struct actr__toml *got, const char *expected)
{
	char text[96];

	return ACTR_FAIL(load->err, ACTR_E_CONFIG, "%s:%u: key `%s`: expected %s, got %s",
			 load->file, got->line, key, expected,
			 actr__toml_describe(got, text, sizeof text));
}

int actr__load_nomem(const struct actr__load *load)
{
	return ACTR_FAIL(load->err, ACTR_E_NOMEM, "%s: out of memory", load->file);
}

/* Levenshtein distance of short names; long ones are never near. */
static size_t distance(const char *a, const char *b)
{
	size_t row[48], n = strlen(a), m = strlen(b);

	if (n >= ARRAY_SIZE(row) || m >= ARRAY_SIZE(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

const char *actr__load_nearest(const char *name, const char *const *names)
{
	const char *nearest = NULL;
	size_t least = strlen(name) / 3 + 2; /* a third of it may be wrong, and one more */

	for (; *names; names++) {
		size_t d = distance(name, *names);

		if (d < least) {
			least = d;
			nearest = *names;
		}
	}
	return nearest;
}

int actr__load_unknown(const struct actr__load *load, const char *where,
		       const struct actr__toml *node, const char *const *names)
{
	const char *nearest = actr__load_nearest(node->key, names);

	return ACTR_FAIL(load->err, ACTR_E_CONFIG,
			 "%s:%u: key `%s.%.64s`: expected a known key%s%s%s", load->file,
			 node->line, where, node->key, nearest ? ", did you mean `" : "",
			 nearest ? nearest : "", nearest ? "`?" : "");
}

void *actr__load_append(const struct actr__load *load, const void *items_pointer, size_t *count,
			size_t size)
{
	void *items;

	memcpy(&items, items_pointer, sizeof items);
	if (!(*count & (*count - 1))) { /* full: capacities are powers of two */
		void *larger = actr__arena_alloc(load->arena, (*count ? *count * 2 : 1) * size);

		if (!larger)
			return NULL;
		if (*count)
			memcpy(larger, items, *count * size);
		items = larger;
		memcpy((void *)items_pointer, &items, sizeof items);
	}
	return memset((uint8_t *)items + (*count)++ * size, 0, size);
}

const char *actr__load_path(const struct actr__load *load, const char *path)
{
	size_t directory = path[0] == '/' ? 0 : strlen(load->directory), size = strlen(path);
	char *joined = actr__arena_alloc(load->arena, directory + size + 1);

	if (!joined)
		return NULL;
	memcpy(joined, load->directory, directory);
	memcpy(joined + directory, path, size + 1);
	return joined;
}

static int check_edition(struct actr__load *load, const struct actr__toml *document)
{
	const struct actr__toml *edition = actr__toml_get(document, "edition");

	if (edition && (edition->kind != ACTR__TOML_INTEGER || edition->integer != 1))
		return actr__load_expected(load, "edition", edition, "1");
	return 0;
}

/* The original ignores what it does not know at the top, and so do we, but not in silence. */
static void warn_unknown(const struct actr__load *load, const struct actr__toml *document)
{
	static const char *const names[] = {"edition", "inherit",      "exports",
					    "package", "dependencies", "system",
					    "acl",     "scripts",      NULL};

	for (const struct actr__toml *node = document->first; node; node = node->next) {
		const char *nearest = actr__load_nearest(node->key, names);
		char quoted[72];

		if (nearest && !strcmp(nearest, node->key))
			continue;
		ACTR_WARN(2, "config_error", "file=%s line=%u unknown_key=%s%s%s", load->file,
			  node->line,
			  actr__log_quote(node->key, strlen(node->key), quoted, sizeof quoted),
			  nearest ? " did_you_mean=" : "", nearest ? nearest : "");
	}
}

static int apply(struct actr__load *load, const struct actr__toml *document)
{
	const struct {
		const char *key;
		int (*read)(struct actr__load *, const struct actr__toml *);
	} parts[] = {
		{"package", actr__load_package},
		{"exports", actr__load_exports},
		{"dependencies", actr__load_dependencies},
		{"system", actr__load_system},
		{"acl", actr__load_acl},
		{"scripts", actr__load_scripts},
	};

	ACTR_TRY(check_edition(load, document));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const struct actr__toml *node = actr__toml_get(document, parts[i].key);

		if (node)
			ACTR_TRY(parts[i].read(load, node));
	}
	warn_unknown(load, document);
	return 0;
}

static int missing(const struct actr__load *load, const char *key, const char *expected)
{
	return ACTR_FAIL(load->err, ACTR_E_CONFIG, "%s:1: key `%s`: expected %s, got nothing",
			 load->file, key, expected);
}

/* What must be there, and what is taken from elsewhere when it is not. */
static int finish(struct actr__load *load)
{
	actr_config *c = load->config;

	if (!c->package_name)
		return missing(load, "package.name", "text");
	if (!c->package_manufacturer)
		return missing(load, "package.manufacturer", "a name, e.g. \"acme\"");
	if (!c->package_type)
		return missing(load, "package.type", "a name, e.g. \"EchoService\"");
	if (!c->signaling_url)
		return missing(load, "system.signaling.url", "a ws:// or wss:// URL");
	if (!c->realm)
		return missing(load, "system.deployment.realm", "a number from 1");
	for (size_t i = 0; i < c->dependency_count; i++) {
		actr_config_dependency *d = (actr_config_dependency *)&c->dependencies[i];

		if (!d->realm)
			d->realm = c->realm;
	}
	for (size_t i = 0; i < c->acl_rule_count; i++) {
		actr_acl_rule *rule = (actr_acl_rule *)&c->acl_rules[i];

		if (!rule->any_realm && !rule->realm)
			rule->realm = c->realm;
	}
	return 0;
}

static const char *directory_of(struct actr__arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return actr__arena_strndup(arena, path, slash ? (size_t)(slash - path) + 1 : 0);
}

/* The parent's path, or NULL in *ret_path when there is none. */
static int inherit_of(struct actr__load *load, const struct actr__toml *document,
		      const char **ret_path)
{
	const struct actr__toml *node = actr__toml_get(document, "inherit");

	*ret_path = NULL;
	if (!node)
		return 0;
	if (node->kind != ACTR__TOML_TEXT || !node->text[0])
		return actr__load_expected(load, "inherit", node, "the path of a file");
	*ret_path = actr__load_path(load, node->text);
	return *ret_path ? 0 : actr__load_nomem(load);
}

/* Whether the file is one of its own descendants. */
static bool seen(const struct source *source)
{
	for (const struct source *child = source->next; child; child = child->next) {
		if (child->device == source->device && child->inode == source->inode)
			return true;
	}
	return false;
}

static int open_source(struct actr__load *load, const char *path, const struct source *child,
		       struct source **ret_source)
{
	struct source *source = actr__arena_alloc(load->arena, sizeof *source);
	struct stat info = {0};
	actr_bytes text;

	if (!source)
		return actr__load_nomem(load);
	ACTR_TRY(actr__file_read(load->arena, path, ACTR__TOML_MAX, &text, load->err));
	(void)stat(path, &info); /* it has just been read; the numbers only find cycles */
	*source = (struct source){.next = child,
				  .file = path,
				  .directory = directory_of(load->arena, path),
				  .device = info.st_dev,
				  .inode = info.st_ino};
	load->file = path;
	load->directory = source->directory;
	if (!source->directory)
		return actr__load_nomem(load);
	if (seen(source))
		return ACTR_FAIL(load->err, ACTR_E_CONFIG,
				 "%s: key `inherit`: expected a file that does not inherit itself",
				 child->file);
	ACTR_TRY(actr__toml_parse(load->arena, path, text, &source->document, load->err));
	*ret_source = source;
	return 0;
}

/* The first file is not there: say where it was looked for (defect 71). */
static int no_file(const struct actr__load *load, const char *path)
{
	char folder[4096];
	const char *here = path[0] == '/' ? NULL : getcwd(folder, sizeof folder);

	return ACTR_FAIL(load->err, ACTR_E_CONFIG, "%s: no such file%s%s", path, here ? " in " : "",
			 here ? here : "");
}

/* Read a file and its parents; *ret_eldest leads down to it. */
static int open_chain(struct actr__load *load, const char *path, const struct source **ret_eldest)
{
	const struct source *eldest = NULL;

	for (size_t depth = 0; path; depth++) {
		struct source *source = NULL;

		if (depth > ANCESTORS_MAX)
			return ACTR_FAIL(load->err, ACTR_E_CONFIG,
					 "%s: key `inherit`: expected at most %u ancestors",
					 eldest->file, ANCESTORS_MAX);
		int rc = open_source(load, path, eldest, &source);
		if (rc == ACTR_E_CONFIG && !eldest && access(path, F_OK) < 0)
			return no_file(load, path);
		if (rc == ACTR_E_CONFIG && eldest && load->file != path)
			return actr__prefix(load->err, rc, "%s: key `inherit`: ", eldest->file);
		ACTR_TRY(rc);
		ACTR_TRY(inherit_of(load, source->document, &path));
		eldest = source;
	}
	*ret_eldest = eldest;
	return 0;
}

static int run(struct actr__load *load, const struct source *eldest)
{
	for (const struct source *source = eldest; source; source = source->next) {
		load->file = source->file;
		load->directory = source->directory;
		ACTR_TRY(apply(load, source->document));
	}
	return finish(load);
}

int actr_config_load(const char *path, actr_config **ret_config, actr_error *err)
{
	_cleanup_(loadedp) struct loaded *loaded = NULL;
	const struct source *eldest = NULL;
	size_t exported = 0;

	if (!path || !path[0] || !ret_config)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "a path and a result are needed");
	loaded = loaded_new();
	struct actr__load load = {
		.file = path, .read_files = true, .exported_bytes = &exported, .err = err};
	if (!loaded)
		return actr__load_nomem(&load);
	load.arena = &loaded->arena;
	load.config = &loaded->config;
	load.file = actr__arena_strndup(load.arena, path, strlen(path));
	if (!load.file)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "%s: out of memory", path);
	ACTR_TRY(open_chain(&load, load.file, &eldest));
	ACTR_TRY(run(&load, eldest));
	*ret_config = &TAKE(loaded)->config;
	return 0;
}

int actr__config_parse(const char *name, actr_bytes text, actr_config **ret_config, actr_error *err)
{
	_cleanup_(loadedp) struct loaded *loaded = loaded_new();
	struct source source = {.file = name, .directory = ""};
	struct actr__load load = {.file = name, .directory = "", .err = err};
	const char *parent;

	if (!loaded)
		return actr__load_nomem(&load);
	load.arena = &loaded->arena;
	load.config = &loaded->config;
	ACTR_TRY(actr__toml_parse(load.arena, name, text, &source.document, err));
	ACTR_TRY(inherit_of(&load, source.document, &parent));
	ACTR_TRY(run(&load, &source));
	*ret_config = &TAKE(loaded)->config;
	return 0;
}
