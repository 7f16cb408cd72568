/*
 * actr: one verb, one file. The list of verbs is here; the build is in bin/meson.build.
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static int show_version(int argc, char **argv);

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} verbs[] = {
	{"call", actr_cli_call, "send one request to an actor, print its answer"},
	{"check", actr_cli_check, "what is wrong with Actr.toml, and what it would register"},
	{"compat", actr_cli_compat, "whether new .proto files serve the clients of the old ones"},
	{"dlq", actr_cli_dlq, "read, redrive and purge dead letters"},
	{"fingerprint", actr_cli_fingerprint, "fingerprints of .proto files and their service"},
	{"lock", actr_cli_lock, "keep a dependency's exact .proto files in actr.lock.toml"},
	{"new", actr_cli_new, "make a project: one handler, ready to build"},
	{"version", show_version, "print the version"},
};

#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void print_help(FILE *out)
{
	fputs("usage: actr VERB [ARGUMENTS]\n\n", out);
	for (size_t i = 0; i < VERB_COUNT; i++)
		fprintf(out, "  %-12s %s\n", verbs[i].name, verbs[i].help);
	fputs("\n`actr VERB --help` says more.\n"
	      "\n"
	      "Status: 0 done, 2 usage or configuration, 3 not found, 4 denied, 5 unavailable,\n"
	      "6 timeout, 7 refused by the other side, 1 anything else.\n",
	      out);
}

static int show_version(int argc, char **argv)
{
	bool json = argc == 2 && !strcmp(argv[1], "--json");

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs("usage: actr version [--json]\n", stdout);
		return CLI_OK;
	}
	if (argc > 1 && !json) {
		fputs("usage: actr version [--json]\n", stderr);
		return CLI_USAGE;
	}
	printf(json ? "{\"version\": \"%s\"}\n" : "actr %s\n", ACTR_VERSION);
	return CLI_OK;
}

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	}
	return NULL;
}

/* Results that could not be written are no success (full disk, closed pipe). */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("actr: standard output");
	return status ? status : CLI_FAILED;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct verb *verb = find(name);
	char *help[] = {argv[0], "--help", NULL};

	if (verb)
		return finish(verb->run(argc - 1, argv + 1));
	if (!strcmp(name, "--version"))
		return finish(show_version(1, argv));
	if (!strcmp(name, "help") && argc > 2 && find(argv[2]))
		return finish(find(argv[2])->run(2, help));
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_help(stdout);
		return finish(CLI_OK);
	}
	if (*name)
		fprintf(stderr, "actr: no verb \"%s\"\n", name);
	print_help(stderr);
	return CLI_USAGE;
}
