/* actr new: a project of a few short files that builds and runs as it is. */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "new_templates.h"

static const char help[] = "usage: actr new NAME [--manufacturer NAME]\n"
			   "\n"
			   "Makes the folder NAME with a service of one handler: Actr.toml, proto, "
			   "src/main.c, Makefile.\n"
			   "\n"
			   "  NAME                 lower-case letters, digits and '-', e.g. hello\n"
			   "  --manufacturer NAME  whose service it is (default acme)\n"
			   "\n"
			   "Status: 0 made, 2 usage, or the folder is there already.\n";

#define NAME_MAX_BYTES 24
#define PATH_BYTES     128

struct names {
	const char *project, *manufacturer;
	char lower[NAME_MAX_BYTES + 1], first[NAME_MAX_BYTES + 1], upper[NAME_MAX_BYTES + 1];
};

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A name that is one in a path, in a .proto file and in C. */
static bool fill_names(struct names *names)
{
	size_t n = 0, size = strlen(names->project);

	if (!size || size > NAME_MAX_BYTES || !is_lower(names->project[0]) ||
	    names->project[size - 1] == '-')
		return false;
	for (const char *at = names->project; *at; at++) {
		if (*at == '-')
			continue;
		if (!is_lower(*at) && !is_digit(*at))
			return false;
		names->lower[n] = *at;
		names->upper[n++] = is_lower(*at) ? (char)(*at - 'a' + 'A') : *at;
	}
	memcpy(names->first, names->lower, n);
	names->first[0] = names->upper[0];
	return true;
}

static bool is_manufacturer(const char *text)
{
	size_t size = strlen(text);

	if (!size || size > 32 || !isalpha((unsigned char)text[0]) ||
	    !isalnum((unsigned char)text[size - 1]))
		return false;
	return text[strspn(text,
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] ==
	       0;
}

/* What a @word@ stands for; *text is moved behind it. NULL: it is none. */
static const char *replacement(const struct names *names, const char **text)
{
	const struct {
		const char *word, *value;
	} words[] = {{"@name@", names->lower},
		     {"@Name@", names->first},
		     {"@NAME@", names->upper},
		     {"@project@", names->project},
		     {"@manufacturer@", names->manufacturer}};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		size_t size = strlen(words[i].word);

		if (!strncmp(*text, words[i].word, size)) {
			*text += size;
			return words[i].value;
		}
	}
	return NULL;
}

static void print_template(FILE *out, const struct names *names, const char *text)
{
	while (*text) {
		const char *value = *text == '@' ? replacement(names, &text) : NULL;

		if (value)
			fputs(value, out);
		else
			fputc(*text++, out);
	}
}

static int make_file(const struct names *names, const struct template *template)
{
	char path[PATH_BYTES] = {0};
	FILE *out = fmemopen(path, sizeof path - 1, "w");
	int failed;

	if (!out)
		return -1;
	fprintf(out, "%s/", names->project);
	print_template(out, names, template->path);
	if (fclose(out))
		return -1;
	out = fopen(path, "wx");
	if (!out)
		return -1;
	print_template(out, names, template->text);
	failed = ferror(out);
	return fclose(out) || failed ? -1 : 0;
}

static int make_project(const struct names *names)
{
	static const char *const folders[] = {"", "/proto", "/src"};
	char path[PATH_BYTES];

	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		snprintf(path, sizeof path, "%s%s", names->project, folders[i]);
		if (mkdir(path, 0777) < 0)
			return -1;
	}
	for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
		if (make_file(names, &templates[i]) < 0)
			return -1;
	}
	return 0;
}

static int run(struct names *names)
{
	if (!fill_names(names)) {
		fprintf(stderr,
			"actr new: expected a name of lower-case letters, digits and '-' that "
			"begins with "
			"a letter (at most %d bytes), got \"%s\"\n",
			NAME_MAX_BYTES, names->project);
		return CLI_USAGE;
	}
	if (!is_manufacturer(names->manufacturer)) {
		fprintf(stderr,
			"actr new: expected a manufacturer of letters, digits, '-' and '_', got "
			"\"%s\"\n",
			names->manufacturer);
		return CLI_USAGE;
	}
	if (make_project(names) < 0) {
		fprintf(stderr, "actr new: %s: %s\n", names->project, strerror(errno));
		return errno == EEXIST ? CLI_USAGE : CLI_FAILED;
	}
	printf("made %s: cd %s && make run\n", names->project, names->project);
	return CLI_OK;
}

int actr_cli_new(int argc, char **argv)
{
	static const struct option options[] = {{"manufacturer", required_argument, NULL, 'm'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct names names = {.manufacturer = "acme"};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (option != 'm')
			return CLI_USAGE;
		names.manufacturer = optarg;
	}
	if (argc - optind != 1) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	names.project = argv[optind];
	return run(&names);
}
