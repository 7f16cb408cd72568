/* ServiceSpec: what a service publishes about itself when it registers (reference.md 8.2). */
#include "config/fingerprint_internal.h"
#include "protocol/protocol.h"

static const char *copy(struct actr__arena *arena, const char *text)
{
	return actr__arena_strndup(arena, text, strlen(text));
}

/* proto/echo.proto: echo */
static const char *stem(struct actr__arena *arena, const char *path)
{
	const char *name = actr__file_name(path), *dot = strrchr(name, '.');

	return actr__arena_strndup(arena, name,
				   dot && dot != name ? (size_t)(dot - name) : strlen(name));
}

static int fill(const actr_config *config, const struct actr__protos *protos, int64_t now_s,
		struct actr__arena *arena, struct actr__spec *spec)
{
	struct actr__spec_file *files =
		actr__arena_alloc(arena, config->export_count * sizeof *files);

	*spec = (struct actr__spec){
		.description = config->package_description,
		.fingerprint = copy(arena, actr__protos_service_fingerprint(protos)),
		.files = files,
		.file_count = config->export_count,
		.published_at = now_s,
		.tags = config->package_tags,
		.tag_count = config->package_tag_count,
	};
	if (!files || !spec->fingerprint)
		return ACTR_E_NOMEM;
	for (size_t i = 0; i < config->export_count; i++) {
		files[i].package = stem(arena, config->exports[i].path);
		files[i].content = config->exports[i].content;
		files[i].fingerprint = copy(arena, actr__protos_fingerprint(protos, i));
		if (!files[i].package || !files[i].fingerprint)
			return ACTR_E_NOMEM;
	}
	return 0;
}

int actr__spec_from_config(const actr_config *config, int64_t now_s, struct actr__arena *arena,
			   struct actr__spec **ret_spec, actr_error *err)
{
	struct actr__protos *protos;
	struct actr__spec *spec;
	int rc;

	*ret_spec = NULL;
	if (!config->export_count)
		return 0;
	ACTR_TRY(actr__protos_new(config->exports, config->export_count, &protos, err));
	spec = actr__arena_alloc(arena, sizeof *spec);
	rc = spec ? fill(config, protos, now_s, arena, spec) : ACTR_E_NOMEM;
	(void)actr__protos_free(protos);
	if (rc < 0)
		return ACTR_FAIL(err, rc, "service spec: out of memory");
	*ret_spec = spec;
	return 0;
}

/* Generated code has `char *` for texts that it never writes to. */
static char *borrowed(const char *text)
{
	return (char *)(uintptr_t)text;
}

static Actr__ServiceSpec__Protobuf **encode_files(const struct actr__spec *spec,
						  struct actr__arena *arena)
{
	Actr__ServiceSpec__Protobuf **list =
		actr__arena_alloc(arena, (spec->file_count + 1) * sizeof *list);
	Actr__ServiceSpec__Protobuf *files =
		actr__arena_alloc(arena, (spec->file_count + 1) * sizeof *files);

	if (!list || !files)
		return NULL;
	for (size_t i = 0; i < spec->file_count; i++) {
		actr__service_spec__protobuf__init(&files[i]);
		files[i].package = borrowed(spec->files[i].package);
		files[i].content = borrowed(spec->files[i].content);
		files[i].fingerprint = borrowed(spec->files[i].fingerprint);
		list[i] = &files[i];
	}
	return list;
}

Actr__ServiceSpec *actr__spec_encode(const struct actr__spec *spec, struct actr__arena *arena)
{
	Actr__ServiceSpec *out = actr__arena_alloc(arena, sizeof *out);
	Actr__ServiceSpec__Protobuf **files = encode_files(spec, arena);
	char **tags = actr__arena_alloc(arena, (spec->tag_count + 1) * sizeof *tags);

	if (!out || !files || !tags)
		return NULL;
	for (size_t i = 0; i < spec->tag_count; i++)
		tags[i] = borrowed(spec->tags[i]);
	actr__service_spec__init(out);
	out->description = borrowed(spec->description);
	out->fingerprint = borrowed(spec->fingerprint);
	out->protobufs = files;
	out->n_protobufs = spec->file_count;
	out->has_published_at = spec->published_at != 0;
	out->published_at = spec->published_at;
	out->tags = tags;
	out->n_tags = spec->tag_count;
	return out;
}

static int pack(const struct actr__spec *spec, struct actr__arena *arena, struct actr__buf *buf,
		actr_error *err)
{
	Actr__ServiceSpec *encoded = actr__spec_encode(spec, arena);
	int rc = encoded ? actr__pb_append(&encoded->base, buf) : ACTR_E_NOMEM;

	return rc < 0 ? ACTR_FAIL(err, rc, "service spec: %s", actr_error_text(rc)) : 0;
}

int actr__spec_pack(const actr_config *config, int64_t now_s, struct actr__buf *buf,
		    actr_error *err)
{
	struct actr__spec *spec = NULL;
	struct actr__arena arena;
	int rc;

	actr__arena_init(&arena, NULL, 0, ACTR__SIGNALING_MAX);
	rc = actr__spec_from_config(config, now_s, &arena, &spec, err);
	if (rc == 0 && spec)
		rc = pack(spec, &arena, buf, err);
	if (rc == 0)
		ACTR_INFO("registration", "service_fingerprint=%s tags=%zu",
			  spec ? spec->fingerprint : "none", spec ? spec->tag_count : 0);
	actr__arena_done(&arena);
	return rc;
}
