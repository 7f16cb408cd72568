/*
 * The lists of Actr.toml: exports, dependencies, scripts, access rules, ICE servers.
 *
 * Access rules (ours: the original reads none and enforces none):
 *
 *	[[acl.rule]]
 *	permission = "allow"              # or "deny"
 *	from = "acme:client"              # or "*", or a list
 *	realm = 7                         # or "*"; the own realm when not given
 *
 * A deny wins over every allow; whom no rule names is denied as soon as there is an [acl].
 */
#include "config/load_internal.h"

#include <stdio.h>

static int too_many(const struct actr__load *load, const char *key, const struct actr__toml *at)
{
	char expected[48];

	snprintf(expected, sizeof expected, "at most %u entries", ACTR__CONFIG_LIST_MAX);
	return actr__load_expected(load, key, at, expected);
}

int actr__load_texts(struct actr__load *load, const char *key, const struct actr__toml *list,
		     const char *const **ret_texts, size_t *ret_count)
{
	const char **texts = NULL;
	size_t count = 0;

	if (list->kind != ACTR__TOML_ARRAY)
		return actr__load_expected(load, key, list, "a list of texts");
	if (list->count > ACTR__CONFIG_LIST_MAX)
		return too_many(load, key, list);
	for (const struct actr__toml *node = list->first; node; node = node->next) {
		const char **slot;

		if (node->kind != ACTR__TOML_TEXT)
			return actr__load_expected(load, key, node, "a list of texts");
		slot = actr__load_append(load, &texts, &count, sizeof *texts);
		if (!slot)
			return actr__load_nomem(load);
		*slot = node->text;
	}
	*ret_texts = texts;
	*ret_count = count;
	return 0;
}

static int read_export(struct actr__load *load, const char *key, const struct actr__toml *node)
{
	actr_config_file *file;
	actr_bytes content = {0};
	const char *path;
	int rc;

	if (node->kind != ACTR__TOML_TEXT || !node->text[0])
		return actr__load_expected(load, key, node, "the path of a .proto file");
	path = actr__load_path(load, node->text);
	if (!path)
		return actr__load_nomem(load);
	if (load->read_files) {
		rc = actr__file_read(load->arena, path,
				     ACTR__CONFIG_EXPORTS_MAX - *load->exported_bytes, &content,
				     load->err);
		if (rc < 0)
			return actr__prefix(load->err, rc, "%s:%u: key `%s`: ", load->file,
					    node->line, key);
		*load->exported_bytes += content.size;
		if (!actr__utf8_valid(content.data, content.size) ||
		    (content.size && memchr(content.data, 0, content.size)))
			return actr__load_expected(load, key, node, "a file of UTF-8 text");
	}
	file = actr__load_append(load, &load->config->exports, &load->config->export_count,
				 sizeof *file);
	if (!file)
		return actr__load_nomem(load);
	file->path = path;
	file->content = content.data ? (const char *)content.data : "";
	return 0;
}

/* A child's exports come behind its parent's. */
int actr__load_exports(struct actr__load *load, const struct actr__toml *list)
{
	char key[32];
	size_t i = 0;

	if (list->kind != ACTR__TOML_ARRAY)
		return actr__load_expected(load, "exports", list, "a list of paths");
	if (list->count + load->config->export_count > ACTR__CONFIG_LIST_MAX)
		return too_many(load, "exports", list);
	for (const struct actr__toml *node = list->first; node; node = node->next) {
		snprintf(key, sizeof key, "exports[%zu]", i++);
		ACTR_TRY(read_export(load, key, node));
	}
	return 0;
}

static actr_config_dependency *find_dependency(const actr_config *config, const char *alias)
{
	for (size_t i = 0; i < config->dependency_count; i++) {
		if (!strcmp(config->dependencies[i].alias, alias))
			return (actr_config_dependency *)&config->dependencies[i];
	}
	return NULL;
}

static int fill_dependency(struct actr__load *load, const struct actr__toml *table,
			   actr_config_dependency *out)
{
	static const char *const names[] = {"fingerprint", "actr_type", "realm", NULL};
	char key[ACTR__CONFIG_PATH_SIZE];

	for (const struct actr__toml *node = table->first; node; node = node->next) {
		snprintf(key, sizeof key, "dependencies.%.64s.%.64s", table->key, node->key);
		if (!strcmp(node->key, "realm")) {
			if (node->kind != ACTR__TOML_INTEGER || node->integer < 1 ||
			    node->integer > UINT32_MAX)
				return actr__load_expected(load, key, node,
							   "a whole number from 1 to 4294967295");
			out->realm = (uint32_t)node->integer;
		} else if (!strcmp(node->key, "fingerprint") || !strcmp(node->key, "actr_type")) {
			if (node->kind != ACTR__TOML_TEXT || !node->text[0])
				return actr__load_expected(load, key, node, "text");
			*(node->key[0] == 'f' ? &out->fingerprint : &out->actr_type) = node->text;
		} else {
			snprintf(key, sizeof key, "dependencies.%.64s", table->key);
			return actr__load_unknown(load, key, node, names);
		}
	}
	return 0;
}

static int read_dependency(struct actr__load *load, const struct actr__toml *node)
{
	actr_config *config = load->config;
	char key[ACTR__CONFIG_PATH_SIZE];
	actr_config_dependency *slot;

	snprintf(key, sizeof key, "dependencies.%.64s", node->key);
	if (node->kind != ACTR__TOML_TABLE)
		return actr__load_expected(load, key, node,
					   "a table, e.g. {} or { fingerprint = \"…\" }");
	slot = find_dependency(config, node->key);
	if (!slot && config->dependency_count >= ACTR__CONFIG_LIST_MAX)
		return too_many(load, "dependencies", node);
	if (!slot)
		slot = actr__load_append(load, &config->dependencies, &config->dependency_count,
					 sizeof *slot);
	if (!slot)
		return actr__load_nomem(load);
	*slot = (actr_config_dependency){.alias = node->key, .actr_type = node->key};
	return fill_dependency(load, node, slot);
}

int actr__load_dependencies(struct actr__load *load, const struct actr__toml *table)
{
	if (table->kind != ACTR__TOML_TABLE)
		return actr__load_expected(load, "dependencies", table, "a table");
	for (const struct actr__toml *node = table->first; node; node = node->next)
		ACTR_TRY(read_dependency(load, node));
	return 0;
}

static int read_script(struct actr__load *load, const struct actr__toml *node)
{
	actr_config *config = load->config;
	actr_config_script *slot = NULL;
	char key[ACTR__CONFIG_PATH_SIZE];

	snprintf(key, sizeof key, "scripts.%.64s", node->key);
	if (node->kind != ACTR__TOML_TEXT)
		return actr__load_expected(load, key, node, "text");
	for (size_t i = 0; i < config->script_count && !slot; i++) {
		if (!strcmp(config->scripts[i].name, node->key))
			slot = (actr_config_script *)&config->scripts[i];
	}
	if (!slot && config->script_count >= ACTR__CONFIG_LIST_MAX)
		return too_many(load, "scripts", node);
	if (!slot)
		slot = actr__load_append(load, &config->scripts, &config->script_count,
					 sizeof *slot);
	if (!slot)
		return actr__load_nomem(load);
	*slot = (actr_config_script){.name = node->key, .command = node->text};
	return 0;
}

int actr__load_scripts(struct actr__load *load, const struct actr__toml *table)
{
	if (table->kind != ACTR__TOML_TABLE)
		return actr__load_expected(load, "scripts", table, "a table");
	for (const struct actr__toml *node = table->first; node; node = node->next)
		ACTR_TRY(read_script(load, node));
	return 0;
}

/* --- access rules --- */

/* What one [[acl.rule]] says, before `from` is spread over rules. */
struct rule_text {
	const struct actr__toml *permission, *from, *realm;
	size_t index;
};

static int rule_expected(const struct actr__load *load, const struct rule_text *rule,
			 const char *name, const struct actr__toml *got, const char *expected)
{
	char key[64];

	snprintf(key, sizeof key, "acl.rule[%zu].%s", rule->index, name);
	return actr__load_expected(load, key, got, expected);
}

static int collect_rule(struct actr__load *load, const struct actr__toml *table,
			struct rule_text *rule)
{
	static const char *const names[] = {"permission", "from", "realm", NULL};
	char key[64];

	snprintf(key, sizeof key, "acl.rule[%zu]", rule->index);
	if (table->kind != ACTR__TOML_TABLE)
		return actr__load_expected(load, key, table, "a table");
	for (const struct actr__toml *node = table->first; node; node = node->next) {
		if (!strcmp(node->key, "permission"))
			rule->permission = node;
		else if (!strcmp(node->key, "from"))
			rule->from = node;
		else if (!strcmp(node->key, "realm"))
			rule->realm = node;
		else
			return actr__load_unknown(load, key, node, names);
	}
	if (!rule->permission || !rule->from)
		return ACTR_FAIL(load->err, ACTR_E_CONFIG,
				 "%s:%u: key `%s.%s`: expected %s, got nothing", load->file,
				 table->line, key, rule->permission ? "from" : "permission",
				 rule->permission ? "\"manufacturer:name\" or \"*\""
						  : "\"allow\" or \"deny\"");
	return 0;
}

static int parse_rule(struct actr__load *load, const struct rule_text *text, actr_acl_rule *out)
{
	const struct actr__toml *p = text->permission, *r = text->realm;

	if (p->kind == ACTR__TOML_TEXT && !strcmp(p->text, "allow"))
		out->allow = true;
	else if (p->kind != ACTR__TOML_TEXT || strcmp(p->text, "deny") != 0)
		return rule_expected(load, text, "permission", p, "\"allow\" or \"deny\"");
	if (!r)
		return 0; /* the own realm, which is known at the end */
	if (r->kind == ACTR__TOML_TEXT && !strcmp(r->text, "*"))
		out->any_realm = true;
	else if (r->kind == ACTR__TOML_INTEGER && r->integer >= 1 && r->integer <= UINT32_MAX)
		out->realm = (uint32_t)r->integer;
	else
		return rule_expected(load, text, "realm", r,
				     "\"*\" or a whole number from 1 to 4294967295");
	return 0;
}

/* One rule of the result for one caller in `from`. */
static int add_rule(struct actr__load *load, const struct rule_text *text,
		    const struct actr__toml *from, const actr_acl_rule *model)
{
	actr_config *config = load->config;
	actr_acl_rule rule = *model, *slot;

	if (from->kind == ACTR__TOML_TEXT && !strcmp(from->text, "*"))
		rule.any_type = true;
	else if (from->kind != ACTR__TOML_TEXT || actr_type_parse(from->text, &rule.type, NULL) < 0)
		return rule_expected(load, text, "from", from,
				     "\"manufacturer:name\", \"*\", or a list of such");
	if (config->acl_rule_count >= ACTR__CONFIG_LIST_MAX)
		return too_many(load, "acl.rule", from);
	slot = actr__load_append(load, &config->acl_rules, &config->acl_rule_count, sizeof *slot);
	if (!slot)
		return actr__load_nomem(load);
	*slot = rule;
	return 0;
}

static int read_rule(struct actr__load *load, const struct actr__toml *table, size_t index)
{
	struct rule_text text = {.index = index};
	actr_acl_rule rule = {0};

	ACTR_TRY(collect_rule(load, table, &text));
	ACTR_TRY(parse_rule(load, &text, &rule));
	if (text.from->kind != ACTR__TOML_ARRAY)
		return add_rule(load, &text, text.from, &rule);
	if (!text.from->count)
		return rule_expected(load, &text, "from", text.from, "at least one caller");
	for (const struct actr__toml *node = text.from->first; node; node = node->next)
		ACTR_TRY(add_rule(load, &text, node, &rule));
	return 0;
}

/* A child's [acl] replaces its parent's whole. */
int actr__load_acl(struct actr__load *load, const struct actr__toml *table)
{
	static const char *const names[] = {"rule", NULL};
	size_t i = 0;

	if (table->kind != ACTR__TOML_TABLE)
		return actr__load_expected(load, "acl", table, "a table with [[acl.rule]] entries");
	load->config->has_acl = true;
	load->config->acl_rules = NULL;
	load->config->acl_rule_count = 0;
	for (const struct actr__toml *node = table->first; node; node = node->next) {
		if (strcmp(node->key, "rule") != 0)
			return actr__load_unknown(load, "acl", node, names);
		if (node->kind != ACTR__TOML_ARRAY)
			return actr__load_expected(load, "acl.rule", node, "[[acl.rule]] entries");
		for (const struct actr__toml *rule = node->first; rule; rule = rule->next)
			ACTR_TRY(read_rule(load, rule, i++));
	}
	return 0;
}

/* --- ICE servers --- */

static bool is_ice_url(const struct actr__toml *node)
{
	static const char *const schemes[] = {"stun:", "stuns:", "turn:", "turns:"};

	if (node->kind != ACTR__TOML_TEXT)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t n = strlen(schemes[i]);

		if (!strncmp(node->text, schemes[i], n) && node->text[n] && node->text[n] != '/')
			return true;
	}
	return false;
}

static int add_ice_server(struct actr__load *load, const char *key, const struct actr__toml *url,
			  const char *username, const char *credential)
{
	actr_config *config = load->config;
	actr_ice_server *slot;

	if (!is_ice_url(url))
		return actr__load_expected(load, key, url,
					   "a stun:, stuns:, turn: or turns: URL, e.g. "
					   "\"stun:host:3478\"");
	if (config->ice_server_count >= ACTR__CONFIG_LIST_MAX)
		return too_many(load, key, url);
	slot = actr__load_append(load, &config->ice_servers, &config->ice_server_count,
				 sizeof *slot);
	if (!slot)
		return actr__load_nomem(load);
	*slot = (actr_ice_server){url->text, username, credential};
	return 0;
}

static int read_ice_table(struct actr__load *load, const char *key, const struct actr__toml *table)
{
	static const char *const names[] = {"url", "urls", "username", "credential", NULL};
	const struct actr__toml *urls = NULL;
	const char *username = NULL, *credential = NULL;
	char path[ACTR__CONFIG_PATH_SIZE];

	for (const struct actr__toml *node = table->first; node; node = node->next) {
		snprintf(path, sizeof path, "%.100s.%.64s", key, node->key);
		if (!strcmp(node->key, "url") || !strcmp(node->key, "urls")) {
			urls = node;
		} else if (!strcmp(node->key, "username") || !strcmp(node->key, "credential")) {
			if (node->kind != ACTR__TOML_TEXT)
				return actr__load_expected(load, path, node, "text");
			*(node->key[0] == 'u' ? &username : &credential) = node->text;
		} else {
			return actr__load_unknown(load, key, node, names);
		}
	}
	snprintf(path, sizeof path, "%.100s.url", key);
	if (!urls)
		return actr__load_expected(load, path, table, "a URL");
	if (urls->kind != ACTR__TOML_ARRAY)
		return add_ice_server(load, path, urls, username, credential);
	for (const struct actr__toml *url = urls->first; url; url = url->next)
		ACTR_TRY(add_ice_server(load, path, url, username, credential));
	return 0;
}

int actr__load_ice_servers(struct actr__load *load, const char *key, const struct actr__toml *list)
{
	char path[ACTR__CONFIG_PATH_SIZE];
	size_t i = 0;

	if (list->kind != ACTR__TOML_ARRAY)
		return actr__load_expected(load, key, list, "a list of { url = \"stun:…\" }");
	load->config->ice_servers = NULL;
	load->config->ice_server_count = 0;
	for (const struct actr__toml *node = list->first; node; node = node->next) {
		snprintf(path, sizeof path, "%.70s[%zu]", key, i++);
		if (node->kind == ACTR__TOML_TABLE)
			ACTR_TRY(read_ice_table(load, path, node));
		else
			ACTR_TRY(add_ice_server(load, path, node, NULL, NULL));
	}
	return 0;
}
