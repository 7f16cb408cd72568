/*
 * Names and order.
 *
 * A type is looked for as protobuf does: first inside the message that names it, then in each scope
 * around it, up to the root; in all files of the set. What no file of the set defines (an import
 * that is not exported, google.protobuf.*) becomes absolute as it is written when it has a dot, and
 * a member of the file's own package when it has none. So a fingerprint does not depend on files
 * that are not there, and stays the same when they come.
 *
 * Then every list is put in canonical order (reference.md 8.3) and what is there twice goes.
 */
#include "config/proto_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define TYPES_MAX 10000u

struct type_name {
	struct actr__map_node node;
	const struct actr__proto_file *file;
	const char *full_name;
};

struct linker {
	struct actr__arena *arena;
	struct actr__map types;
	const struct actr__proto_file *file; /* in whose scope we are */
	actr_error *err;
};

const char *actr__proto_absolute(struct actr__arena *arena, const char *full_name)
{
	size_t size = strlen(full_name);
	char *out = actr__arena_alloc(arena, size + 2);

	if (!out)
		return NULL;
	out[0] = '.';
	memcpy(out + 1, full_name, size + 1);
	return out;
}

static int nomem(struct linker *l)
{
	return ACTR_FAIL(l->err, ACTR_E_NOMEM, "%s: out of memory", l->file->name);
}

static bool same_name(const struct actr__map_node *node, const void *key)
{
	return !strcmp(container_of(node, const struct type_name, node)->full_name, key);
}

static struct type_name *find_type(const struct linker *l, const char *full_name)
{
	struct actr__map_node *node = actr__map_find(
		&l->types, actr__hash(full_name, strlen(full_name)), same_name, full_name);

	return node ? container_of(node, struct type_name, node) : NULL;
}

/* --- what there is --- */

static int define(struct linker *l, const char *full_name)
{
	struct type_name *name = find_type(l, full_name);
	int rc;

	if (name && name->file == l->file)
		return ACTR_FAIL(l->err, ACTR_E_CONFIG, "%s: expected one definition of %.100s",
				 l->file->name, full_name);
	if (name)
		return 0; /* two files of a set may have it; each is told by itself */
	name = actr__arena_alloc(l->arena, sizeof *name);
	if (!name)
		return nomem(l);
	name->file = l->file;
	name->full_name = full_name;
	rc = actr__map_insert(&l->types, &name->node, actr__hash(full_name, strlen(full_name)));
	if (rc == ACTR_E_RESOURCE_EXHAUSTED)
		return ACTR_FAIL(l->err, ACTR_E_CONFIG, "%s: expected at most %u types",
				 l->file->name, TYPES_MAX);
	return rc < 0 ? nomem(l) : 0;
}

static int define_enums(struct linker *l, const struct actr__proto_list *enums)
{
	for (const struct actr__proto_node *n = enums->first; n; n = n->next)
		ACTR_TRY(define(l, ((const struct actr__proto_enum *)n)->full_name));
	return 0;
}

/* A field's name in .proto or in JSON: both are looked up in one place. */
struct field_name {
	const char *text;
	const struct actr__proto_field *field;
};

static int name_order(const void *a, const void *b)
{
	return strcmp(((const struct field_name *)a)->text, ((const struct field_name *)b)->text);
}

static int number_order(const void *a, const void *b)
{
	const struct actr__proto_field *x = ((const struct field_name *)a)->field;
	const struct actr__proto_field *y = ((const struct field_name *)b)->field;

	return (x->number > y->number) - (x->number < y->number);
}

/* No two fields of a message have one number or one name. */
static int check_fields(struct linker *l, const struct actr__proto_message *m)
{
	static int (*const orders[])(const void *, const void *) = {name_order, number_order};
	struct field_name *names =
		actr__arena_alloc(l->arena, (2 * m->fields.count + 1) * sizeof *names);
	size_t count = 0;

	if (!names)
		return nomem(l);
	for (const struct actr__proto_node *n = m->fields.first; n; n = n->next) {
		const struct actr__proto_field *f = (const void *)n;

		names[count++] = (struct field_name){f->name, f};
		names[count++] = (struct field_name){f->json_name, f};
	}
	for (size_t k = 0; k < ARRAY_SIZE(orders); k++) {
		qsort(names, count, sizeof *names, orders[k]);
		for (size_t i = 1; i < count; i++) {
			const struct field_name *x = &names[i - 1], *y = &names[i];

			if (x->field != y->field && orders[k](x, y) == 0)
				return ACTR_FAIL(l->err, ACTR_E_CONFIG,
						 "%s: message %.90s: expected different names and "
						 "numbers of the fields %.30s = %d and %.30s = %d",
						 l->file->name, m->full_name, x->field->name,
						 x->field->number, y->field->name,
						 y->field->number);
		}
	}
	return 0;
}

static int define_messages(struct linker *l, const struct actr__proto_list *messages)
{
	for (const struct actr__proto_node *n = messages->first; n; n = n->next) {
		const struct actr__proto_message *m = (const void *)n;

		ACTR_TRY(define(l, m->full_name));
		ACTR_TRY(check_fields(l, m));
		ACTR_TRY(define_enums(l, &m->enums));
		ACTR_TRY(define_messages(l, &m->messages));
	}
	return 0;
}

/* --- what is meant --- */

/* The name in the scope of `size` bytes, or NULL. */
static const char *look_up(const struct linker *l, const char *scope, size_t size, const char *name)
{
	char full[2 * ACTR__PROTO_NAME_MAX + 2];
	const struct type_name *found;

	snprintf(full, sizeof full, "%.*s%s%s", (int)size, scope, size ? "." : "", name);
	found = find_type(l, full);
	return found ? found->full_name : NULL;
}

static int resolve(struct linker *l, const char *scope, const char **name)
{
	size_t size = strlen(scope);
	const char *found, *package = l->file->package ? l->file->package : "";
	char unknown[2 * ACTR__PROTO_NAME_MAX + 2];

	if ((*name)[0] == '.')
		return 0;
	while (!(found = look_up(l, scope, size, *name)) && size) {
		while (size && scope[--size] != '.')
			;
	}
	if (!found) {
		bool member = package[0] && !strchr(*name, '.');

		snprintf(unknown, sizeof unknown, "%s%s%s", member ? package : "",
			 member ? "." : "", *name);
		found = unknown;
	}
	*name = actr__proto_absolute(l->arena, found);
	return *name ? 0 : nomem(l);
}

static int resolve_fields(struct linker *l, const char *scope, struct actr__proto_list *fields)
{
	for (struct actr__proto_node *n = fields->first; n; n = n->next) {
		struct actr__proto_field *f = (void *)n;

		if (!f->scalar)
			ACTR_TRY(resolve(l, scope, &f->type));
		if (f->extendee)
			ACTR_TRY(resolve(l, scope, &f->extendee));
	}
	return 0;
}

static int resolve_messages(struct linker *l, struct actr__proto_list *messages)
{
	for (struct actr__proto_node *n = messages->first; n; n = n->next) {
		struct actr__proto_message *m = (void *)n;

		ACTR_TRY(resolve_fields(l, m->full_name, &m->fields));
		ACTR_TRY(resolve_messages(l, &m->messages));
	}
	return 0;
}

static int resolve_services(struct linker *l, const char *package,
			    struct actr__proto_list *services)
{
	for (struct actr__proto_node *n = services->first; n; n = n->next) {
		struct actr__proto_service *s = (void *)n;

		for (struct actr__proto_node *m = s->methods.first; m; m = m->next) {
			struct actr__proto_method *method = (void *)m;

			ACTR_TRY(resolve(l, package, &method->input));
			ACTR_TRY(resolve(l, package, &method->output));
		}
	}
	return 0;
}

static int resolve_file(struct linker *l, struct actr__proto_file *file)
{
	const char *package = file->package ? file->package : "";

	ACTR_TRY(resolve_messages(l, &file->messages));
	ACTR_TRY(resolve_fields(l, package, &file->extensions));
	return resolve_services(l, package, &file->services);
}

/* --- order --- */

typedef int (*compare_fn)(const void *a, const void *b);

/* Every item but fields, values and ranges begins with node and name. */
static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct actr__proto_name *)a)->name,
		      ((const struct actr__proto_name *)b)->name);
}

static int by_range(const void *a, const void *b)
{
	const struct actr__proto_range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

static int field_by_number(const void *a, const void *b)
{
	const struct actr__proto_field *x = a, *y = b;

	return x->number != y->number ? (x->number < y->number ? -1 : 1) : strcmp(x->name, y->name);
}

static int value_by_number(const void *a, const void *b)
{
	const struct actr__proto_value *x = a, *y = b;

	return x->number != y->number ? (x->number < y->number ? -1 : 1) : strcmp(x->name, y->name);
}

static int method_by_name(const void *a, const void *b)
{
	const struct actr__proto_method *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (!order)
		order = strcmp(x->input, y->input);
	return order ? order : strcmp(x->output, y->output);
}

static int extension_by_name(const void *a, const void *b)
{
	const struct actr__proto_field *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (!order)
		order = (x->number > y->number) - (x->number < y->number);
	if (!order)
		order = strcmp(x->extendee, y->extendee);
	return order ? order : strcmp(x->type, y->type);
}

static struct actr__proto_node *merge(struct actr__proto_node *a, struct actr__proto_node *b,
				      compare_fn compare)
{
	struct actr__proto_node head, *last = &head;

	while (a && b) {
		struct actr__proto_node **less = compare(a, b) <= 0 ? &a : &b;

		last->next = *less;
		last = *less;
		*less = (*less)->next;
	}
	last->next = a ? a : b;
	return head.next;
}

/* Stable merge sort; runs[i] holds 2^i items. */
static struct actr__proto_node *sorted(struct actr__proto_node *list, compare_fn compare)
{
	struct actr__proto_node *runs[40] = {0}, *all = NULL;

	while (list) {
		struct actr__proto_node *run = list;
		size_t i = 0;

		list = list->next;
		run->next = NULL;
		for (; runs[i]; i++) {
			run = merge(runs[i], run, compare);
			runs[i] = NULL;
		}
		runs[i] = run;
	}
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		if (runs[i])
			all = all ? merge(runs[i], all, compare) : runs[i];
	}
	return all;
}

static void order(struct actr__proto_list *list, compare_fn compare)
{
	list->first = sorted(list->first, compare);
	list->last = NULL;
	list->count = 0;
	for (struct actr__proto_node *n = list->first; n; n = n->next) {
		while (n->next && !compare(n, n->next))
			n->next = n->next->next;
		list->last = n;
		list->count++;
	}
}

static void order_enums(struct actr__proto_list *enums)
{
	order(enums, by_name);
	for (struct actr__proto_node *n = enums->first; n; n = n->next) {
		struct actr__proto_enum *e = (void *)n;

		order(&e->values, value_by_number);
		order(&e->reserved_ranges, by_range);
		order(&e->reserved_names, by_name);
	}
}

static void order_messages(struct actr__proto_list *messages)
{
	order(messages, by_name);
	for (struct actr__proto_node *n = messages->first; n; n = n->next) {
		struct actr__proto_message *m = (void *)n;

		order(&m->fields, field_by_number);
		order_messages(&m->messages);
		order_enums(&m->enums);
		order(&m->reserved_ranges, by_range);
		order(&m->reserved_names, by_name);
		order(&m->extension_ranges, by_range);
	}
}

static void order_file(struct actr__proto_file *file)
{
	order(&file->imports, by_name);
	order_messages(&file->messages);
	order_enums(&file->enums);
	order(&file->extensions, extension_by_name);
	order(&file->services, by_name);
	for (struct actr__proto_node *n = file->services.first; n; n = n->next)
		order(&((struct actr__proto_service *)n)->methods, method_by_name);
}

static int link_all(struct linker *l, struct actr__proto_file **files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		l->file = files[i];
		ACTR_TRY(define_messages(l, &files[i]->messages));
		ACTR_TRY(define_enums(l, &files[i]->enums));
	}
	for (size_t i = 0; i < count; i++) {
		l->file = files[i];
		ACTR_TRY(resolve_file(l, files[i]));
		order_file(files[i]);
	}
	return 0;
}

int actr__proto_link(struct actr__arena *arena, struct actr__proto_file **files, size_t count,
		     actr_error *err)
{
	struct linker l = {.arena = arena, .err = err};
	int rc;

	actr__map_init(&l.types, TYPES_MAX);
	rc = link_all(&l, files, count);
	actr__map_done(&l.types);
	return rc;
}
