/*
 * Compatibility of two versions of a service (reference.md 8.4). Compared are the top-level
 * messages' (field number, type) and the services' (method, input, output); names, labels, enums
 * and nested messages are not, so that our verdict is the original's.
 */
#include "config/fingerprint_internal.h"

#include <stdio.h>

struct comparison {
	const struct actr__spec *base, *candidate;
	struct actr__protos *base_protos, *candidate_protos;
	struct actr__arena *arena;
	struct actr__compat_change *changes;
	size_t count;
};

static bool has_content(const struct actr__spec *spec)
{
	for (size_t i = 0; i < spec->file_count; i++) {
		const char *at = spec->files[i].content;

		if (at[strspn(at, " \t\r\n")])
			return true;
	}
	return false;
}

static int parse(const struct actr__spec *spec, struct actr__arena *arena,
		 struct actr__protos **ret_protos, actr_error *err)
{
	actr_config_file *files = actr__arena_alloc(arena, spec->file_count * sizeof *files);

	if (!files)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "compatibility: out of memory");
	for (size_t i = 0; i < spec->file_count; i++)
		files[i] = (actr_config_file){spec->files[i].package, spec->files[i].content};
	return actr__protos_new(files, spec->file_count, ret_protos, err);
}

static const void *find(const struct actr__proto_list *list, const char *name)
{
	for (const struct actr__proto_node *n = list->first; n; n = n->next) {
		if (!strcmp(((const struct actr__proto_name *)n)->name, name))
			return n;
	}
	return NULL;
}

/* Both lists are sorted by number, so this is one walk. */
static const struct actr__proto_field *lost_field(const struct actr__proto_message *old,
						  const struct actr__proto_message *new)
{
	const struct actr__proto_node *at = new->fields.first;

	for (const struct actr__proto_node *n = old->fields.first; n; n = n->next) {
		const struct actr__proto_field *f = (const void *)n, *g;

		for (; at && ((const struct actr__proto_field *)at)->number < f->number;)
			at = at->next;
		g = (const void *)at;
		while (g && g->number == f->number && strcmp(g->type, f->type) != 0)
			g = (const void *)g->node.next;
		if (!g || g->number != f->number)
			return f;
	}
	return NULL;
}

static const struct actr__proto_method *lost_method(const struct actr__proto_service *old,
						    const struct actr__proto_service *new)
{
	for (const struct actr__proto_node *n = old->methods.first; n; n = n->next) {
		const struct actr__proto_method *m = (const void *)n;
		const struct actr__proto_method *o = find(&new->methods, m->name);

		if (!o || strcmp(o->input, m->input) != 0 || strcmp(o->output, m->output) != 0)
			return m;
	}
	return NULL;
}

/* What of `old` is not in `new`, as words; empty when nothing is lost. */
static void describe_loss(const struct actr__proto_file *old, const struct actr__proto_file *new,
			  char *out, size_t size)
{
	out[0] = 0;
	for (const struct actr__proto_node *n = old->messages.first; n && !out[0]; n = n->next) {
		const struct actr__proto_message *m = (const void *)n;
		const struct actr__proto_message *o = find(&new->messages, m->name);
		const struct actr__proto_field *f = o ? lost_field(m, o) : NULL;

		if (!o)
			snprintf(out, size, "message %s is gone", m->name);
		else if (f)
			snprintf(out, size,
				 "field %d (%s) of message %s is gone or has another type",
				 f->number, f->name, m->name);
	}
	for (const struct actr__proto_node *n = old->services.first; n && !out[0]; n = n->next) {
		const struct actr__proto_service *s = (const void *)n;
		const struct actr__proto_service *o = find(&new->services, s->name);
		const struct actr__proto_method *m = o ? lost_method(s, o) : NULL;

		if (!o)
			snprintf(out, size, "service %s is gone", s->name);
		else if (m)
			snprintf(out, size, "method %s of service %s is gone or has other types",
				 m->name, s->name);
	}
}

static int add(struct comparison *c, const char *package, enum actr__compat_level level,
	       const char *rule, const char *detail)
{
	const char *text = actr__arena_strndup(c->arena, detail, strlen(detail));

	if (!text)
		return ACTR_E_NOMEM;
	c->changes[c->count++] = (struct actr__compat_change){package, level, rule, text};
	return 0;
}

static const struct actr__spec_file *file_of(const struct actr__spec *spec, const char *package,
					     size_t *ret_index)
{
	for (size_t i = 0; i < spec->file_count; i++) {
		*ret_index = i;
		if (!strcmp(spec->files[i].package, package))
			return &spec->files[i];
	}
	return NULL;
}

static int compare_file(struct comparison *c, size_t index)
{
	const char *package = c->base->files[index].package;
	char detail[2400];
	size_t other;

	if (!file_of(c->candidate, package, &other))
		return add(c, package, ACTR__COMPAT_BREAKING, "FILE_REMOVED", "");
	if (!strcmp(c->base_protos->fingerprints[index], c->candidate_protos->fingerprints[other]))
		return 0;
	describe_loss(c->base_protos->files[index], c->candidate_protos->files[other], detail,
		      sizeof detail);
	return add(c, package, detail[0] ? ACTR__COMPAT_BREAKING : ACTR__COMPAT_BACKWARD,
		   detail[0] ? "BREAKING_PROTO_CHANGE" : "PROTO_CHANGE", detail);
}

static int compare(struct comparison *c)
{
	size_t most = c->base->file_count + c->candidate->file_count, other;

	c->changes = actr__arena_alloc(c->arena, most * sizeof *c->changes);
	if (!c->changes)
		return ACTR_E_NOMEM;
	for (size_t i = 0; i < c->base->file_count; i++)
		ACTR_TRY(compare_file(c, i));
	for (size_t i = 0; i < c->candidate->file_count; i++) {
		const char *package = c->candidate->files[i].package;

		if (!file_of(c->base, package, &other))
			ACTR_TRY(add(c, package, ACTR__COMPAT_FULL, "FILE_ADDED", ""));
	}
	return 0;
}

static int run(struct comparison *c, struct actr__compat *ret, actr_error *err)
{
	ACTR_TRY(parse(c->base, c->arena, &c->base_protos, err));
	ACTR_TRY(parse(c->candidate, c->arena, &c->candidate_protos, err));
	*ret = (struct actr__compat){.level = ACTR__COMPAT_FULL};
	if (!strcmp(actr__protos_service_fingerprint(c->base_protos),
		    actr__protos_service_fingerprint(c->candidate_protos)))
		return 0;
	if (compare(c) < 0)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "compatibility: out of memory");
	for (size_t i = 0; i < c->count; i++) {
		if (c->changes[i].level > ret->level)
			ret->level = c->changes[i].level;
	}
	ret->changes = c->changes;
	ret->change_count = c->count;
	return 0;
}

int actr__compat_check(const struct actr__spec *base, const struct actr__spec *candidate,
		       struct actr__arena *arena, struct actr__compat *ret, actr_error *err)
{
	struct comparison c = {.base = base, .candidate = candidate, .arena = arena};
	int rc;

	if (!has_content(base) || !has_content(candidate))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "%s has no .proto content to compare",
				 has_content(base) ? "the new version" : "the old version");
	rc = run(&c, ret, err);
	(void)actr__protos_free(c.base_protos);
	(void)actr__protos_free(c.candidate_protos);
	return rc;
}
