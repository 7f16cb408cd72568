/*
 * The scalar keys of [package] and [system.*]: one table says where a key lives, how it is read and
 * where it goes. A key of a known table that is not in it is an error.
 */
#include "config/load_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "protocol/protocol.h"

struct key;

/* A value on its way into config: `out` is the field. */
typedef int (*read_fn)(struct actr__load *load, const struct key *key, const char *path,
		       const struct actr__toml *node, void *out);

struct key {
	const char *table; /* below [system], or NULL for [package] */
	const char *name;
	read_fn read;
	size_t offset;	   /* of the field in actr_config */
	uint64_t min, max; /* of a number */
};

static int read_text(struct actr__load *load, const struct key *key, const char *path,
		     const struct actr__toml *node, void *out)
{
	if (node->kind != ACTR__TOML_TEXT || strlen(node->text) < key->min)
		return actr__load_expected(load, path, node, "text");
	*(const char **)out = node->text;
	return 0;
}

/* reference.md 2.2: the strict rule; generated types may have more, files may not. */
static int read_name(struct actr__load *load, const struct key *key, const char *path,
		     const struct actr__toml *node, void *out)
{
	(void)key;
	if (node->kind != ACTR__TOML_TEXT ||
	    actr__name_check(ACTR__NAME, actr__text(node->text), NULL) < 0)
		return actr__load_expected(load, path, node,
					   "a name (a letter, then letters, digits, '-', '_'; at "
					   "most 32 bytes)");
	*(const char **)out = node->text;
	return 0;
}

static bool is_url(const struct actr__toml *node, const char *plain, const char *secure)
{
	size_t skip;

	if (node->kind != ACTR__TOML_TEXT)
		return false;
	skip = !strncasecmp(node->text, plain, strlen(plain))	  ? strlen(plain)
	       : !strncasecmp(node->text, secure, strlen(secure)) ? strlen(secure)
								  : 0;
	return skip && node->text[skip] && node->text[skip] != '/';
}

static int read_ws_url(struct actr__load *load, const struct key *key, const char *path,
		       const struct actr__toml *node, void *out)
{
	(void)key;
	if (!is_url(node, "ws://", "wss://"))
		return actr__load_expected(load, path, node, "a ws:// or wss:// URL");
	*(const char **)out = node->text;
	return 0;
}

static int read_http_url(struct actr__load *load, const struct key *key, const char *path,
			 const struct actr__toml *node, void *out)
{
	(void)key;
	if (!is_url(node, "http://", "https://"))
		return actr__load_expected(load, path, node, "an http:// or https:// URL");
	*(const char **)out = node->text;
	return 0;
}

/* Relative to the file that says it, as exports are. */
static int read_path(struct actr__load *load, const struct key *key, const char *path,
		     const struct actr__toml *node, void *out)
{
	(void)key;
	if (node->kind != ACTR__TOML_TEXT || !node->text[0])
		return actr__load_expected(load, path, node, "the path of a file");
	*(const char **)out = actr__load_path(load, node->text);
	return *(const char **)out ? 0 : actr__load_nomem(load);
}

static int read_bool(struct actr__load *load, const struct key *key, const char *path,
		     const struct actr__toml *node, void *out)
{
	(void)key;
	if (node->kind != ACTR__TOML_BOOL)
		return actr__load_expected(load, path, node, "true or false");
	*(bool *)out = node->integer != 0;
	return 0;
}

static int read_negated(struct actr__load *load, const struct key *key, const char *path,
			const struct actr__toml *node, void *out)
{
	ACTR_TRY(read_bool(load, key, path, node, out));
	*(bool *)out = !*(bool *)out;
	return 0;
}

static int check_number(struct actr__load *load, const struct key *key, const char *path,
			const struct actr__toml *node)
{
	char expected[80];

	if (node->kind == ACTR__TOML_INTEGER && node->integer >= 0 &&
	    (uint64_t)node->integer >= key->min && (uint64_t)node->integer <= key->max)
		return 0;
	snprintf(expected, sizeof expected, "a whole number from %" PRIu64 " to %" PRIu64, key->min,
		 key->max);
	return actr__load_expected(load, path, node, expected);
}

static int read_u32(struct actr__load *load, const struct key *key, const char *path,
		    const struct actr__toml *node, void *out)
{
	ACTR_TRY(check_number(load, key, path, node));
	*(uint32_t *)out = (uint32_t)node->integer;
	return 0;
}

static int read_u64(struct actr__load *load, const struct key *key, const char *path,
		    const struct actr__toml *node, void *out)
{
	ACTR_TRY(check_number(load, key, path, node));
	*(uint64_t *)out = (uint64_t)node->integer;
	return 0;
}

/* From 0 to 1; 0 is kept as -1, since 0 in the config is the default. */
static int read_ratio(struct actr__load *load, const struct key *key, const char *path,
		      const struct actr__toml *node, void *out)
{
	double ratio = node->kind == ACTR__TOML_REAL	  ? node->real
		       : node->kind == ACTR__TOML_INTEGER ? (double)node->integer
							  : -1;

	(void)key;
	if (!(ratio >= 0 && ratio <= 1))
		return actr__load_expected(load, path, node, "a number from 0 to 1");
	*(double *)out = ratio > 0 ? ratio : -1;
	return 0;
}

static int read_durability(struct actr__load *load, const struct key *key, const char *path,
			   const struct actr__toml *node, void *out)
{
	actr_durability *durability = out;

	(void)key;
	if (node->kind == ACTR__TOML_TEXT && !strcmp(node->text, "full"))
		*durability = ACTR_DURABILITY_FULL;
	else if (node->kind == ACTR__TOML_TEXT && !strcmp(node->text, "normal"))
		*durability = ACTR_DURABILITY_NORMAL;
	else
		return actr__load_expected(load, path, node, "\"full\" or \"normal\"");
	return 0;
}

/* "min-max" or [min, max]; *min and *max are 0 when it is neither. */
static void parse_ports(const struct actr__toml *node, int64_t *min, int64_t *max)
{
	unsigned low, high;
	int used = 0;

	*min = *max = 0;
	if (node->kind == ACTR__TOML_TEXT) {
		if (strlen(node->text) <= 11 &&
		    strspn(node->text, "0123456789-") == strlen(node->text) &&
		    sscanf(node->text, "%5u-%5u%n", &low, &high, &used) == 2 && !node->text[used]) {
			*min = low;
			*max = high;
		}
	} else if (node->kind == ACTR__TOML_ARRAY && node->count == 2 &&
		   node->first->kind == ACTR__TOML_INTEGER &&
		   node->first->next->kind == ACTR__TOML_INTEGER) {
		*min = node->first->integer;
		*max = node->first->next->integer;
	}
}

static int read_ports(struct actr__load *load, const struct key *key, const char *path,
		      const struct actr__toml *node, void *out)
{
	int64_t min, max;

	(void)key;
	(void)out;
	parse_ports(node, &min, &max);
	if (min < 1 || max > 65535 || min > max)
		return actr__load_expected(load, path, node,
					   "\"min-max\" or [min, max] with ports from 1 to 65535");
	load->config->port_min = (uint16_t)min;
	load->config->port_max = (uint16_t)max;
	return 0;
}

static int read_ice_servers(struct actr__load *load, const struct key *key, const char *path,
			    const struct actr__toml *node, void *out)
{
	(void)key;
	(void)out;
	return actr__load_ice_servers(load, path, node);
}

static int read_authors(struct actr__load *load, const struct key *key, const char *path,
			const struct actr__toml *node, void *out)
{
	(void)key;
	return actr__load_texts(load, path, node, out, &load->config->package_author_count);
}

static int read_tags(struct actr__load *load, const struct key *key, const char *path,
		     const struct actr__toml *node, void *out)
{
	(void)key;
	return actr__load_texts(load, path, node, out, &load->config->package_tag_count);
}

#define FIELD(name) offsetof(actr_config, name)

static const struct key keys[] = {
	{NULL, "name", read_text, FIELD(package_name), 1, 0},
	{NULL, "manufacturer", read_name, FIELD(package_manufacturer), 0, 0},
	{NULL, "type", read_name, FIELD(package_type), 0, 0},
	{NULL, "description", read_text, FIELD(package_description), 0, 0},
	{NULL, "license", read_text, FIELD(package_license), 0, 0},
	{NULL, "authors", read_authors, FIELD(package_authors), 0, 0},
	{NULL, "tags", read_tags, FIELD(package_tags), 0, 0},
	{"signaling", "url", read_ws_url, FIELD(signaling_url), 0, 0},
	{"signaling", "ca_file", read_path, FIELD(signaling_ca_file), 0, 0},
	{"deployment", "realm", read_u32, FIELD(realm), 1, UINT32_MAX},
	{"discovery", "visible", read_negated, FIELD(discovery_hidden), 0, 0},
	{"storage", "mailbox_path", read_text, FIELD(mailbox_path), 1, 0},
	{"mailbox", "durability", read_durability, FIELD(mailbox_durability), 0, 0},
	{"mailbox", "max_messages", read_u32, FIELD(mailbox_max_messages), 1, UINT32_MAX},
	{"mailbox", "max_bytes", read_u64, FIELD(mailbox_max_bytes), 1, INT64_MAX},
	{"mailbox", "sender_percent", read_u32, FIELD(mailbox_sender_percent), 1, 100},
	{"mailbox", "max_attempts", read_u32, FIELD(mailbox_max_attempts), 1, 1000},
	{"mailbox", "dlq_max_bytes", read_u64, FIELD(dlq_max_bytes), 1, INT64_MAX},
	{"webrtc", "ice_servers", read_ice_servers, FIELD(ice_servers), 0, 0},
	{"webrtc", "relay_only", read_bool, FIELD(relay_only), 0, 0},
	{"webrtc", "port_range", read_ports, FIELD(port_min), 0, 0},
	{"webrtc", "public_address", read_text, FIELD(public_address), 1, 0},
	{"webrtc", "data_socket", read_negated, FIELD(no_data_socket), 0, 0},
	{"webrtc", "max_peers", read_u32, FIELD(max_peers), 1, 1000000},
	{"observability", "filter_level", read_text, FIELD(log_filter), 1, 0},
	{"observability", "tracing_enabled", read_bool, FIELD(tracing_enabled), 0, 0},
	{"observability", "tracing_endpoint", read_http_url, FIELD(tracing_endpoint), 0, 0},
	{"observability", "tracing_service_name", read_text, FIELD(tracing_service_name), 1, 0},
	{"observability", "tracing_sample_ratio", read_ratio, FIELD(tracing_sample_ratio), 0, 0},
	{"websocket", "listen", read_text, FIELD(websocket_listen), 1, 0},
	{"websocket", "url", read_ws_url, FIELD(websocket_url), 0, 0},
	{"websocket", "cert_file", read_path, FIELD(websocket_cert_file), 0, 0},
	{"websocket", "key_file", read_path, FIELD(websocket_key_file), 0, 0},
	{"websocket", "after_ms", read_u32, FIELD(websocket_after_ms), 1, 60000},
	{"loop", "spin_us", read_u32, FIELD(spin_us), 0, 1000000},
};

static bool in_table(const struct key *key, const char *table)
{
	return table ? key->table && !strcmp(key->table, table) : !key->table;
}

static const struct key *find(const char *table, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (in_table(&keys[i], table) && !strcmp(keys[i].name, name))
			return &keys[i];
	}
	return NULL;
}

static int unknown_key(struct actr__load *load, const char *table, const char *path,
		       const struct actr__toml *node)
{
	const char *names[ARRAY_SIZE(keys) + 1];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (in_table(&keys[i], table))
			names[n++] = keys[i].name;
	}
	names[n] = NULL;
	return actr__load_unknown(load, path, node, names);
}

/* The keys of [package] (table NULL) or [system.`table`]. */
static int read_table(struct actr__load *load, const char *table, const struct actr__toml *node)
{
	char path[ACTR__CONFIG_PATH_SIZE];

	snprintf(path, sizeof path, "%s%s", table ? "system." : "package", table ? table : "");
	if (node->kind != ACTR__TOML_TABLE)
		return actr__load_expected(load, path, node, "a table");
	for (const struct actr__toml *child = node->first; child; child = child->next) {
		const struct key *key = find(table, child->key);

		if (!key)
			return unknown_key(load, table, path, child);
		snprintf(path, sizeof path, "%s%s.%s", table ? "system." : "package",
			 table ? table : "", child->key);
		ACTR_TRY(key->read(load, key, path, child, (uint8_t *)load->config + key->offset));
	}
	return 0;
}

/* [package] is the youngest file's alone: what a parent said is forgotten. */
int actr__load_package(struct actr__load *load, const struct actr__toml *table)
{
	actr_config *c = load->config;

	c->package_name = c->package_manufacturer = c->package_type = NULL;
	c->package_description = c->package_license = NULL;
	c->package_authors = c->package_tags = NULL;
	c->package_author_count = c->package_tag_count = 0;
	return read_table(load, NULL, table);
}

int actr__load_system(struct actr__load *load, const struct actr__toml *table)
{
	static const char *const tables[] = {"signaling", "deployment", "discovery",	 "storage",
					     "mailbox",	  "webrtc",	"observability", "loop",
					     "websocket", NULL};

	if (table->kind != ACTR__TOML_TABLE)
		return actr__load_expected(load, "system", table, "a table");
	for (const struct actr__toml *child = table->first; child; child = child->next) {
		bool known = false;

		for (size_t i = 0; tables[i]; i++)
			known = known || !strcmp(tables[i], child->key);
		if (!known)
			return actr__load_unknown(load, "system", child, tables);
		ACTR_TRY(read_table(load, child->key, child));
	}
	return 0;
}
