/* Loading Actr.toml: what its parts share (inner header of config). */
#ifndef ACTR_CONFIG_LOAD_INTERNAL_H
#define ACTR_CONFIG_LOAD_INTERNAL_H

#include <actr/config.h>

#include "base/base.h"
#include "config/config.h"
#include "config/toml_internal.h"

/* Bounds of lists; ours. Exports are published in one registration, which is at most 1 MiB. */
#define ACTR__CONFIG_LIST_MAX	 1024u
#define ACTR__CONFIG_EXPORTS_MAX (1024u * 1024u)
#define ACTR__CONFIG_PATH_SIZE	 192

/* One file on its way into the config. */
struct actr__load {
	struct actr__arena *arena;
	actr_config *config;
	const char *file;      /* as in messages */
	const char *directory; /* of the file: "" or with a '/' at its end */
	bool read_files;       /* false: exports and inherit are checked but not followed */
	size_t *exported_bytes;
	actr_error *err;
};

/* `FILE:LINE: key `KEY`: expected EXPECTED, got …`; returns ACTR_E_CONFIG. */
int actr__load_expected(const struct actr__load *load, const char *key,
			const struct actr__toml *got, const char *expected);
int actr__load_nomem(const struct actr__load *load);
/* The nearest of `names` (NULL-terminated) to `name`, or NULL when none is near. */
const char *actr__load_nearest(const char *name, const char *const *names);
/* An unknown key `where`.`node->key`: the error, with the nearest of `names`. */
int actr__load_unknown(const struct actr__load *load, const char *where,
		       const struct actr__toml *node, const char *const *names);
/* Room for one more of `count` items of `size` bytes; *items may move. Zeroed. NULL: no memory. */
void *actr__load_append(const struct actr__load *load, const void *items_pointer, size_t *count,
			size_t size);
/* A path of the file: relative ones are taken from the file's directory. NULL: no memory. */
const char *actr__load_path(const struct actr__load *load, const char *path);

/* keys.c: [package] and [system.*]. */
int actr__load_package(struct actr__load *load, const struct actr__toml *table);
int actr__load_system(struct actr__load *load, const struct actr__toml *table);
/* lists.c */
int actr__load_exports(struct actr__load *load, const struct actr__toml *list);
int actr__load_dependencies(struct actr__load *load, const struct actr__toml *table);
int actr__load_scripts(struct actr__load *load, const struct actr__toml *table);
int actr__load_acl(struct actr__load *load, const struct actr__toml *table);
int actr__load_ice_servers(struct actr__load *load, const char *key, const struct actr__toml *list);
/* Texts of an array into arena memory. */
int actr__load_texts(struct actr__load *load, const char *key, const struct actr__toml *list,
		     const char *const **ret_texts, size_t *ret_count);

#endif
