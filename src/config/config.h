/*
 * Door of config: what the runtime takes from an actr_config beside its plain fields. No state; any
 * thread, as far as the objects are not shared.
 *
 * Two libraries: config_dep is plain C and needs no file; config_file_dep adds actr_config_load(),
 * actr.lock.toml and with them toml++.
 */
#ifndef ACTR_CONFIG_DOOR_H
#define ACTR_CONFIG_DOOR_H

#include <actr/config.h>

#include "base/base.h"
#include "protocol/messages.h"

/* --- access (reference.md 10 row 25) --- */

/*
 * Whether `caller` may call this actor: without an [acl] everybody may; with one a matching deny
 * wins over every allow, and whom no rule names may not.
 */
bool actr__acl_allows(const actr_config *config, const actr_id *caller);
/*
 * The rules as the registration wants them, or NULL in *ret_acl without an [acl]. Denies come
 * first: servers of the first version take the first rule that matches. ACTR_E_NOMEM.
 */
int actr__acl_encode(const actr_config *config, struct actr__arena *arena, Actr__Acl **ret_acl);

/* --- fingerprints (reference.md 8.3) --- */

#define ACTR__FINGERPRINT_SIZE 82 /* "service_semantic:", 64 hex digits, 0 */

/* .proto files that belong together, parsed, their types resolved within the set. Immutable. */
struct actr__protos;

/*
 * Paths and contents are borrowed for the call only. ACTR_E_CONFIG with `PATH:LINE: expected …`
 * when one is no .proto file that we can read (groups and editions are not), ACTR_E_NOMEM.
 */
int actr__protos_new(const actr_config_file *files, size_t count, struct actr__protos **ret_protos,
		     actr_error *err);
/* NULL is fine; returns NULL. */
struct actr__protos *actr__protos_free(struct actr__protos *protos);
/* `semantic:<hex>` of a file, by its place in `files`. */
const char *actr__protos_fingerprint(const struct actr__protos *protos, size_t index);
/* `service_semantic:<hex>` of all; file names (without folders) are part of it. */
const char *actr__protos_service_fingerprint(const struct actr__protos *protos);
/* The canonical JSON whose SHA-256 the fingerprint is. 0 or the buf's failure. */
int actr__protos_canonical(const struct actr__protos *protos, size_t index, struct actr__buf *out);

/* --- ServiceSpec (reference.md 8.2) --- */

struct actr__spec_file {
	const char *package; /* the file's name without folders and ending, not its proto package */
	const char *content;
	const char *fingerprint;
};

/* What is published of a service, and kept of a dependency in actr.lock.toml. */
struct actr__spec {
	const char *description; /* or NULL */
	const char *fingerprint;
	const struct actr__spec_file *files;
	size_t file_count;
	int64_t published_at; /* unix seconds; 0: not known */
	const char *const *tags;
	size_t tag_count;
};

/*
 * From the exports; NULL in *ret_spec when there are none. On ACTR_E_CONFIG (an export is no .proto
 * file) the original registers without a spec. Texts are borrowed from the config.
 */
int actr__spec_from_config(const actr_config *config, int64_t now_s, struct actr__arena *arena,
			   struct actr__spec **ret_spec, actr_error *err);
/* As the wire has it, borrowing the spec's texts. NULL when memory is exhausted. */
Actr__ServiceSpec *actr__spec_encode(const struct actr__spec *spec, struct actr__arena *arena);
/* Both in one: append the encoding to buf, or nothing without exports. ACTR_E_TOO_LARGE too. */
int actr__spec_pack(const actr_config *config, int64_t now_s, struct actr__buf *buf,
		    actr_error *err);

/* --- compatibility (reference.md 8.4) --- */

enum actr__compat_level {
	ACTR__COMPAT_FULL = 0,	   /* the same service */
	ACTR__COMPAT_BACKWARD = 1, /* old clients work with the new service */
	ACTR__COMPAT_BREAKING = 2
};

struct actr__compat_change {
	const char *package;
	enum actr__compat_level level;
	const char *rule;   /* FILE_ADDED, FILE_REMOVED, PROTO_CHANGE, BREAKING_PROTO_CHANGE */
	const char *detail; /* what is gone or differs; "" where nothing is */
};

struct actr__compat {
	enum actr__compat_level level;
	const struct actr__compat_change *changes; /* files that differ */
	size_t change_count;
};

/* ACTR_E_INVALID_ARGUMENT: a spec without content. ACTR_E_CONFIG: one that cannot be parsed. */
int actr__compat_check(const struct actr__spec *base, const struct actr__spec *candidate,
		       struct actr__arena *arena, struct actr__compat *ret, actr_error *err);

/* --- Actr.toml (config_file_dep) --- */

/* As actr_config_load(), from memory: `inherit` and `exports` are checked but no file is read. */
int actr__config_parse(const char *name, actr_bytes text, actr_config **ret_config,
		       actr_error *err);

/* Whole file, at most `max` bytes, with a 0 behind it that is not counted. ACTR_E_CONFIG. */
int actr__file_read(struct actr__arena *arena, const char *path, size_t max, actr_bytes *ret_text,
		    actr_error *err);
/* Replace the file at once: written beside it, synced, renamed. ACTR_E_IO. */
int actr__file_write(const char *path, actr_bytes text, actr_error *err);

/* --- actr.lock.toml (reference.md 8.5; config_file_dep) --- */

struct actr__locked {
	const char *name; /* the alias in Actr.toml */
	const char *actr_type;
	const char *cached_at; /* RFC 3339 */
	struct actr__spec spec;
};

struct actr__lock {
	uint32_t version;	  /* 0: the file has no [metadata] */
	const char *generated_at; /* RFC 3339; NULL without [metadata] */
	struct actr__locked *dependencies;
	size_t dependency_count;
};

/* Texts live in the arena. ACTR_E_CONFIG as for Actr.toml. */
int actr__lock_parse(const char *name, actr_bytes text, struct actr__arena *arena,
		     struct actr__lock *ret_lock, actr_error *err);
/* Add or replace the entry with this name; the lock borrows. ACTR_E_NOMEM. */
int actr__lock_put(struct actr__lock *lock, struct actr__arena *arena,
		   const struct actr__locked *locked);
/* As text, sorted by name, contents as blocks that diff well. 0 or the buf's failure. */
int actr__lock_print(const struct actr__lock *lock, struct actr__buf *out);

#endif
