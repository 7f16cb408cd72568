/* actr fingerprint: what the original's tools and servers compare, from files alone. */
#include "cli.h"

#include <getopt.h>
#include <stdio.h>

#include <jansson.h>

#include "config/config.h"

static const char help[] =
	"usage: actr fingerprint FILE... [--json | --canonical]\n"
	"\n"
	"Prints `semantic:<hex>  FILE` for each .proto file, then `service_semantic:<hex>` of the\n"
	"service that they make up. Comments, formatting and order do not matter; the names of "
	"the\n"
	"files (without folders) are part of the service's.\n"
	"\n"
	"  FILE...      all .proto files of the service; types are looked for in all of them\n"
	"  --json       as one JSON object\n"
	"  --canonical  the canonical JSON that is hashed, of each file\n"
	"\n"
	"Status: 0 printed, 2 usage or a file that is no .proto file.\n";

#define MAX_CANONICAL_BYTES (64u << 20)

enum form { LINES, JSON, CANONICAL };

static void print_lines(const struct actr__protos *protos, char **paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf("%s  %s\n", actr__protos_fingerprint(protos, i), paths[i]);
	puts(actr__protos_service_fingerprint(protos));
}

static int print_json(const struct actr__protos *protos, char **paths, size_t count,
		      actr_error *err)
{
	json_t *files = json_array();
	json_t *all;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(files,
				      json_pack("{s:s, s:s}", "file", paths[i], "fingerprint",
						actr__protos_fingerprint(protos, i)));
	all = json_pack("{s:o, s:s}", "files", files, "service",
			actr__protos_service_fingerprint(protos));
	if (!all)
		return actr_cli_nomem(err);
	json_dumpf(all, stdout, JSON_INDENT(2));
	puts("");
	json_decref(all);
	return 0;
}

static int print_canonical(const struct actr__protos *protos, size_t count, actr_error *err)
{
	_cleanup_(actr__buf_done) struct actr__buf text;

	actr__buf_init(&text, MAX_CANONICAL_BYTES);
	for (size_t i = 0; i < count; i++) {
		actr__buf_clear(&text);
		if (actr__protos_canonical(protos, i, &text) < 0 || !actr__buf_text(&text))
			return actr_cli_nomem(err);
		puts((const char *)text.data);
	}
	return 0;
}

static int print(enum form form, char **paths, size_t count, actr_error *err)
{
	struct actr__protos *protos = NULL;
	struct actr__arena arena;
	actr_config_file *files;
	int rc;

	actr__arena_init(&arena, NULL, 0, 64u << 20);
	rc = actr_cli_read_files(&arena, paths, count, &files, err);
	if (rc == 0)
		rc = actr__protos_new(files, count, &protos, err);
	if (rc == 0 && form == JSON)
		rc = print_json(protos, paths, count, err);
	else if (rc == 0 && form == CANONICAL)
		rc = print_canonical(protos, count, err);
	else if (rc == 0)
		print_lines(protos, paths, count);
	(void)actr__protos_free(protos);
	actr__arena_done(&arena);
	return rc;
}

int actr_cli_fingerprint(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"canonical", no_argument, NULL, 'c'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	enum form form = LINES;
	actr_error err = ACTR_ERROR_INIT;
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (option != 'j' && option != 'c')
			return CLI_USAGE;
		form = option == 'j' ? JSON : CANONICAL;
	}
	if (optind == argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	if (print(form, argv + optind, (size_t)(argc - optind), &err) < 0)
		return actr_cli_fail("fingerprint", &err);
	return CLI_OK;
}
