/* actr compat: two versions of a service's .proto files, by the original's rules. */
#include "cli.h"

#include <getopt.h>
#include <stdio.h>

#include <jansson.h>

#include "config/config.h"

static const char help[] =
	"usage: actr compat OLD... -- NEW... [--json]\n"
	"\n"
	"Compares two versions of a service's .proto files, file by file name.\n"
	"\n"
	"  full      the same service\n"
	"  backward  clients of the old one work with the new one\n"
	"  breaking  something that they may use is gone: it is named\n"
	"\n"
	"Status: 0 full or backward, 1 breaking, 2 usage or a file that is no .proto file.\n";

static const char *const levels[] = {"full", "backward", "breaking"};

static void print_lines(const struct actr__compat *result)
{
	puts(levels[result->level]);
	for (size_t i = 0; i < result->change_count; i++) {
		const struct actr__compat_change *change = &result->changes[i];

		printf("  %s: %s%s%s\n", change->package, change->rule,
		       change->detail[0] ? ": " : "", change->detail);
	}
}

static int print_json(const struct actr__compat *result, actr_error *err)
{
	json_t *changes = json_array();
	json_t *all;

	for (size_t i = 0; i < result->change_count; i++)
		json_array_append_new(changes, json_pack("{s:s, s:s, s:s, s:s}", "file",
							 result->changes[i].package, "level",
							 levels[result->changes[i].level], "rule",
							 result->changes[i].rule, "detail",
							 result->changes[i].detail));
	all = json_pack("{s:s, s:o}", "level", levels[result->level], "changes", changes);
	if (!all)
		return actr_cli_nomem(err);
	json_dumpf(all, stdout, JSON_INDENT(2));
	puts("");
	json_decref(all);
	return 0;
}

static int read_spec(struct actr__arena *arena, char **paths, size_t count, struct actr__spec **ret,
		     actr_error *err)
{
	actr_config config = ACTR_CONFIG_INIT;
	actr_config_file *files;
	int rc = actr_cli_read_files(arena, paths, count, &files, err);

	if (rc < 0)
		return rc;
	config.exports = files;
	config.export_count = count;
	return actr__spec_from_config(&config, 0, arena, ret, err);
}

static int compare(char **old_paths, size_t old_count, char **new_paths, size_t new_count,
		   bool json, actr_error *err)
{
	struct actr__spec *old_spec = NULL, *new_spec = NULL;
	struct actr__compat result = {0};
	struct actr__arena arena;
	int rc;

	actr__arena_init(&arena, NULL, 0, 256u << 20);
	rc = read_spec(&arena, old_paths, old_count, &old_spec, err);
	if (rc == 0)
		rc = read_spec(&arena, new_paths, new_count, &new_spec, err);
	if (rc == 0)
		rc = actr__compat_check(old_spec, new_spec, &arena, &result, err);
	if (rc == 0 && json)
		rc = print_json(&result, err);
	else if (rc == 0)
		print_lines(&result);
	if (rc == 0)
		rc = (int)result.level;
	actr__arena_done(&arena);
	return rc;
}

/* Options may stand before or behind; "--" parts old from new, so getopt would eat it. */
int actr_cli_compat(int argc, char **argv)
{
	actr_error err = ACTR_ERROR_INIT;
	size_t count = 0, parted = 0;
	bool json = false;
	int level;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (!strcmp(argv[i], "--"))
			parted = count;
		else
			argv[count++] = argv[i];
	}
	if (!parted || parted == count) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	level = compare(argv, parted, argv + parted, count - parted, json, &err);
	if (level < 0)
		return actr_cli_fail("compat", &err);
	return level == ACTR__COMPAT_BREAKING ? CLI_FAILED : CLI_OK;
}
