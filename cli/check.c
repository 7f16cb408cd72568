/*
 * actr check: reads a project as a node would, and says what it found or what is wrong. Nothing is
 * started and nobody is asked.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include <jansson.h>

#include "config/config.h"

static const char help[] = "usage: actr check [CONFIG] [--json]\n"
			   "\n"
			   "Reads Actr.toml (or CONFIG) with all that it inherits and exports, and "
			   "prints what a node\n"
			   "would register. Dependencies are compared with actr.lock.toml beside "
			   "it, if there is one.\n"
			   "\n"
			   "Status: 0 in order; 2 something is wrong, told with file, line, key "
			   "and what was expected.\n";

#define LOCK_NAME	    "actr.lock.toml"
#define MAX_LOCK_BYTES	    (1u << 20)
#define MAX_CANONICAL_BYTES (64u << 20)

struct project {
	const char *path;
	actr_config *config;
	struct actr__spec *spec; /* NULL without exports */
	struct actr__lock lock;
	const char *lock_path; /* NULL without a lock file */
	json_t *routes;	       /* of the exported services: package.Service.Method */
	struct actr__arena arena;
};

/* --- reading --- */

static int read_lock(struct project *p, actr_error *err)
{
	const char *slash = strrchr(p->path, '/');
	int folder = slash ? (int)(slash - p->path) + 1 : 0;
	char path[4096];
	actr_bytes text;
	int rc;

	if (snprintf(path, sizeof path, "%.*s%s", folder, p->path, LOCK_NAME) >= (int)sizeof path ||
	    access(path, F_OK) < 0)
		return 0;
	p->lock_path = actr__arena_strndup(&p->arena, path, strlen(path));
	if (!p->lock_path)
		return actr_cli_nomem(err);
	rc = actr__file_read(&p->arena, p->lock_path, MAX_LOCK_BYTES, &text, err);
	return rc < 0 ? rc : actr__lock_parse(p->lock_path, text, &p->arena, &p->lock, err);
}

static const struct actr__locked *locked(const struct project *p, const char *alias)
{
	for (size_t i = 0; i < p->lock.dependency_count; i++) {
		if (!strcmp(p->lock.dependencies[i].name, alias))
			return &p->lock.dependencies[i];
	}
	return NULL;
}

/* A dependency that asks for one service and is locked to another. */
static int check_lock(const struct project *p, actr_error *err)
{
	for (size_t i = 0; i < p->config->dependency_count; i++) {
		const actr_config_dependency *d = &p->config->dependencies[i];
		const struct actr__locked *l = locked(p, d->alias);

		if (!l || !d->fingerprint || !strcmp(l->spec.fingerprint, d->fingerprint))
			continue;
		*err = (actr_error){.code = ACTR_E_CONFIG};
		snprintf(err->message, sizeof err->message,
			 "%.60s: dependency `%.40s`: expected fingerprint %.32s… as in Actr.toml, "
			 "got "
			 "%.32s…",
			 p->lock_path, d->alias, d->fingerprint, l->spec.fingerprint);
		return ACTR_E_CONFIG;
	}
	return 0;
}

/* The canonical form of a file has its services; their methods are what can be called. */
static void add_routes(json_t *routes, const char *canonical)
{
	json_t *file = json_loads(canonical, 0, NULL), *service, *method;
	const char *package = json_string_value(json_object_get(file, "package"));
	size_t i, k;

	json_array_foreach(json_object_get(file, "services"), i, service)
	{
		json_array_foreach(json_object_get(service, "methods"), k, method)
		{
			json_array_append_new(
				routes,
				json_sprintf("%s%s%s.%s", package ? package : "",
					     package ? "." : "",
					     json_string_value(json_object_get(service, "name")),
					     json_string_value(json_object_get(method, "name"))));
		}
	}
	json_decref(file);
}

static int read_routes(struct project *p, actr_error *err)
{
	const actr_config *c = p->config;
	struct actr__protos *protos = NULL;
	struct actr__buf text;
	int rc = actr__protos_new(c->exports, c->export_count, &protos, err);

	actr__buf_init(&text, MAX_CANONICAL_BYTES);
	p->routes = json_array();
	for (size_t i = 0; rc == 0 && i < c->export_count; i++) {
		actr__buf_clear(&text);
		if (actr__protos_canonical(protos, i, &text) < 0 || !actr__buf_text(&text))
			rc = actr_cli_nomem(err);
		else
			add_routes(p->routes, (const char *)text.data);
	}
	actr__buf_done(&text);
	(void)actr__protos_free(protos);
	return rc;
}

static int read_project(struct project *p, actr_error *err)
{
	int rc = actr_config_load(p->path, &p->config, err);

	if (rc < 0)
		return rc;
	rc = actr__spec_from_config(p->config, 0, &p->arena, &p->spec, err);
	if (rc < 0)
		return rc;
	rc = read_routes(p, err);
	if (rc < 0)
		return rc;
	rc = read_lock(p, err);
	return rc < 0 ? rc : check_lock(p, err);
}

/* --- printing --- */

static const char *rule_text(const actr_acl_rule *rule, char *out, size_t size)
{
	char type[ACTR_ID_TEXT_SIZE], realm[16];

	if (rule->any_realm)
		snprintf(realm, sizeof realm, "any realm");
	else
		snprintf(realm, sizeof realm, "%u", rule->realm);
	snprintf(out, size, "%s %s of %s%s", rule->allow ? "allow" : "deny",
		 rule->any_type ? "anyone" : actr_type_format(&rule->type, type, sizeof type),
		 rule->any_realm ? "" : "realm ", realm);
	return out;
}

static void print_dependency(const struct project *p, const actr_config_dependency *d)
{
	const struct actr__locked *l = locked(p, d->alias);

	printf("dependency   %s: %s of realm %u, %s%s\n", d->alias, d->actr_type, d->realm,
	       d->fingerprint ? d->fingerprint : "any version", l ? ", locked" : "");
}

static void print_lines(const struct project *p)
{
	const actr_config *c = p->config;
	char rule[ACTR_ID_TEXT_SIZE + 64];

	printf("package      %s\n", c->package_name);
	printf("type         %s:%s\n", c->package_manufacturer, c->package_type);
	printf("realm        %u\n", c->realm);
	printf("signaling    %s\n", c->signaling_url);
	printf("mailbox      %s\n", c->mailbox_path ? c->mailbox_path : "in memory");
	for (size_t i = 0; p->spec && i < p->spec->file_count; i++)
		printf("export       %s  %s\n", p->spec->files[i].fingerprint, c->exports[i].path);
	if (p->spec)
		printf("fingerprint  %s\n", p->spec->fingerprint);
	for (size_t i = 0; i < json_array_size(p->routes); i++)
		printf("route        %s\n", json_string_value(json_array_get(p->routes, i)));
	for (size_t i = 0; i < c->dependency_count; i++)
		print_dependency(p, &c->dependencies[i]);
	for (size_t i = 0; i < c->acl_rule_count; i++)
		printf("acl          %s\n", rule_text(&c->acl_rules[i], rule, sizeof rule));
	if (!c->has_acl)
		puts("acl          none: the server's policy alone");
	else if (!c->acl_rule_count)
		puts("acl          empty: nobody may call");
}

static json_t *exports_json(const struct project *p)
{
	json_t *list = json_array();

	for (size_t i = 0; p->spec && i < p->spec->file_count; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s}", "file", p->config->exports[i].path,
						"fingerprint", p->spec->files[i].fingerprint));
	return list;
}

static json_t *dependencies_json(const struct project *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->config->dependency_count; i++) {
		const actr_config_dependency *d = &p->config->dependencies[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:s?, s:b}", "alias", d->alias, "type",
					d->actr_type, "realm", (json_int_t)d->realm, "fingerprint",
					d->fingerprint, "locked", locked(p, d->alias) != NULL));
	}
	return list;
}

static json_t *acl_json(const actr_config *c)
{
	char text[ACTR_ID_TEXT_SIZE + 64];
	json_t *list = c->has_acl ? json_array() : json_null();

	for (size_t i = 0; i < c->acl_rule_count; i++)
		json_array_append_new(list,
				      json_string(rule_text(&c->acl_rules[i], text, sizeof text)));
	return list;
}

static int print_json(const struct project *p, actr_error *err)
{
	const actr_config *c = p->config;
	json_t *all = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s?, s:s?, s:o, s:O, s:o, s:o}",
				"package", c->package_name, "manufacturer", c->package_manufacturer,
				"type", c->package_type, "realm", (json_int_t)c->realm, "signaling",
				c->signaling_url, "mailbox", c->mailbox_path, "fingerprint",
				p->spec ? p->spec->fingerprint : NULL, "exports", exports_json(p),
				"routes", p->routes, "dependencies", dependencies_json(p), "acl",
				acl_json(c));

	if (!all)
		return actr_cli_nomem(err);
	json_dumpf(all, stdout, JSON_INDENT(2));
	puts("");
	json_decref(all);
	return 0;
}

static int check(const char *path, bool json, actr_error *err)
{
	struct project p = {.path = path};
	int rc;

	actr__arena_init(&p.arena, NULL, 0, 64u << 20);
	rc = read_project(&p, err);
	if (rc == 0 && json)
		rc = print_json(&p, err);
	else if (rc == 0)
		print_lines(&p);
	json_decref(p.routes);
	(void)actr_config_free(p.config);
	actr__arena_done(&p.arena);
	return rc;
}

int actr_cli_check(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	actr_error err = ACTR_ERROR_INIT;
	bool json = false;
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (option != 'j')
			return CLI_USAGE;
		json = true;
	}
	if (argc - optind > 1) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	actr_set_log(ACTR_LOG_WARN, actr_log_stderr, NULL);
	if (check(optind < argc ? argv[optind] : "Actr.toml", json, &err) < 0)
		return actr_cli_fail("check", &err);
	return CLI_OK;
}
