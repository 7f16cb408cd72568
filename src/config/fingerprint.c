/*
 * Fingerprints: SHA-256 of what a .proto file means, not of how it is written (reference.md 8.3).
 */
#include "config/fingerprint_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#define MODEL_MAX     (64u * 1024u * 1024u)
#define CANONICAL_MAX (64u * 1024u * 1024u)
#define HASH_SIZE     32

static void protosp(struct actr__protos **protos)
{
	(void)actr__protos_free(*protos);
}

struct actr__protos *actr__protos_free(struct actr__protos *protos)
{
	if (!protos)
		return NULL;
	actr__arena_done(&protos->arena);
	actr__free(protos);
	return NULL;
}

const char *actr__file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* `prefix` and the hash in hex. */
static int hash(struct actr__buf *text, const char *prefix, char out[ACTR__FINGERPRINT_SIZE])
{
	uint8_t digest[HASH_SIZE];

	if (text->failed)
		return text->failed;
	if (!EVP_Digest(text->data, text->size, digest, NULL, EVP_sha256(), NULL))
		return ACTR_E_INTERNAL;
	memcpy(out, prefix, strlen(prefix));
	actr__hex(digest, sizeof digest, out + strlen(prefix));
	return 0;
}

static int failed(int rc, const char *name, actr_error *err)
{
	return ACTR_FAIL(err, rc, "%s: %s", name,
			 rc == ACTR_E_TOO_LARGE ? "expected less in one file"
						: actr_error_text(rc));
}

static int hash_file(struct actr__protos *protos, size_t index, actr_error *err)
{
	_cleanup_(actr__buf_done) struct actr__buf canonical;
	char *out = actr__arena_alloc(&protos->arena, ACTR__FINGERPRINT_SIZE);
	int rc = ACTR_E_NOMEM;

	actr__buf_init(&canonical, CANONICAL_MAX);
	if (out) {
		actr__proto_canonical(protos->files[index], &canonical);
		rc = hash(&canonical, "semantic:", out);
	}
	if (rc < 0)
		return failed(rc, protos->files[index]->name, err);
	protos->fingerprints[index] = out;
	return 0;
}

/* --- the service's: lines `name:hash`, sorted by name --- */

struct line {
	const char *name, *hash;
	size_t index;
};

static int by_name(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int hash_service(struct actr__protos *protos, const actr_config_file *files, actr_error *err)
{
	struct line *lines = actr__arena_alloc(&protos->arena, (protos->count + 1) * sizeof *lines);
	_cleanup_(actr__buf_done) struct actr__buf text;
	int rc = ACTR_E_NOMEM;

	actr__buf_init(&text, CANONICAL_MAX);
	if (!lines)
		return failed(rc, "service", err);
	for (size_t i = 0; i < protos->count; i++)
		lines[i] = (struct line){actr__file_name(files[i].path),
					 strchr(protos->fingerprints[i], ':') + 1, i};
	qsort(lines, protos->count, sizeof *lines, by_name);
	for (size_t i = 0; i < protos->count; i++)
		actr__buf_printf(&text, "%s%s:%s", i ? "\n" : "", lines[i].name, lines[i].hash);
	rc = hash(&text, "service_semantic:", protos->service);
	return rc < 0 ? failed(rc, "service", err) : 0;
}

static int parse_all(struct actr__protos *protos, const actr_config_file *files, actr_error *err)
{
	for (size_t i = 0; i < protos->count; i++) {
		const char *name =
			actr__arena_strndup(&protos->arena, files[i].path, strlen(files[i].path));

		if (!name)
			return failed(ACTR_E_NOMEM, files[i].path, err);
		ACTR_TRY(actr__proto_parse(&protos->arena, name, actr__text(files[i].content),
					   &protos->files[i], err));
	}
	ACTR_TRY(actr__proto_link(&protos->arena, protos->files, protos->count, err));
	for (size_t i = 0; i < protos->count; i++)
		ACTR_TRY(hash_file(protos, i, err));
	return hash_service(protos, files, err);
}

int actr__protos_new(const actr_config_file *files, size_t count, struct actr__protos **ret_protos,
		     actr_error *err)
{
	_cleanup_(protosp) struct actr__protos *protos = actr__new0(struct actr__protos);

	if (!protos)
		return failed(ACTR_E_NOMEM, "protos", err);
	actr__arena_init(&protos->arena, NULL, 0, MODEL_MAX);
	if (count > ACTR__PROTOS_FILES_MAX)
		return ACTR_FAIL(err, ACTR_E_CONFIG, "expected at most %u .proto files",
				 ACTR__PROTOS_FILES_MAX);
	protos->count = count;
	protos->files = actr__arena_alloc(&protos->arena, (count + 1) * sizeof *protos->files);
	protos->fingerprints =
		actr__arena_alloc(&protos->arena, (count + 1) * sizeof *protos->fingerprints);
	if (!protos->files || !protos->fingerprints)
		return failed(ACTR_E_NOMEM, "protos", err);
	ACTR_TRY(parse_all(protos, files, err));
	*ret_protos = TAKE(protos);
	return 0;
}

const char *actr__protos_fingerprint(const struct actr__protos *protos, size_t index)
{
	return protos->fingerprints[index];
}

const char *actr__protos_service_fingerprint(const struct actr__protos *protos)
{
	return protos->service;
}

int actr__protos_canonical(const struct actr__protos *protos, size_t index, struct actr__buf *out)
{
	actr__proto_canonical(protos->files[index], out);
	return out->failed;
}
