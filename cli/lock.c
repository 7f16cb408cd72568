/* actr lock: the exact service that a dependency is, kept with its .proto files. */
#include "cli.h"

#include <getopt.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"

static const char help[] =
	"usage: actr lock ALIAS FILE... [--config Actr.toml] [--lock actr.lock.toml]\n"
	"\n"
	"Writes the .proto files and the fingerprint of the dependency ALIAS into the lock file. "
	"If\n"
	"Actr.toml asks for a fingerprint, the files must have it.\n"
	"\n"
	"  ALIAS          as in [dependencies]\n"
	"  FILE...        all .proto files of that service\n"
	"  --config FILE  the project (default Actr.toml)\n"
	"  --lock FILE    the lock file (default actr.lock.toml), made when it is not there\n"
	"\n"
	"Status: 0 written, 2 usage, configuration or another fingerprint than asked for.\n";

#define MAX_LOCK_BYTES (1u << 20)

struct request {
	const char *config_path, *lock_path, *alias;
	char **paths;
	size_t count;
	actr_config *config;
	struct actr__arena arena;
	char now[32]; /* RFC 3339 */
};

static int fail(actr_error *err, int code, const char *place, const char *cause)
{
	*err = (actr_error){.code = code, .wire_code = actr_error_to_wire(code)};
	snprintf(err->message, sizeof err->message, "%.80s: %.160s", place, cause);
	return code;
}

static int find_dependency(const struct request *r, const actr_config_dependency **ret,
			   actr_error *err)
{
	for (size_t i = 0; i < r->config->dependency_count; i++) {
		*ret = &r->config->dependencies[i];
		if (!strcmp((*ret)->alias, r->alias))
			return 0;
	}
	return fail(err, ACTR_E_CONFIG, r->config_path, "expected the alias in [dependencies]");
}

static int make_entry(struct request *r, const actr_config_dependency *dependency,
		      struct actr__locked *out, actr_error *err)
{
	actr_config service = ACTR_CONFIG_INIT;
	actr_config_file *files;
	struct actr__spec *spec = NULL;
	int rc = actr_cli_read_files(&r->arena, r->paths, r->count, &files, err);

	if (rc < 0)
		return rc;
	service.exports = files;
	service.export_count = r->count;
	rc = actr__spec_from_config(&service, 0, &r->arena, &spec, err);
	if (rc < 0)
		return rc;
	if (dependency->fingerprint && strcmp(dependency->fingerprint, spec->fingerprint) != 0) {
		char cause[160];

		snprintf(cause, sizeof cause, "expected files of %.40s…, got %.40s…",
			 dependency->fingerprint, spec->fingerprint);
		return fail(err, ACTR_E_CONFIG, r->alias, cause);
	}
	*out = (struct actr__locked){.name = dependency->alias,
				     .actr_type = dependency->actr_type,
				     .cached_at = r->now,
				     .spec = *spec};
	return 0;
}

static int read_lock(struct request *r, struct actr__lock *lock, actr_error *err)
{
	actr_bytes text;
	int rc;

	if (access(r->lock_path, F_OK) < 0)
		return 0;
	rc = actr__file_read(&r->arena, r->lock_path, MAX_LOCK_BYTES, &text, err);
	return rc < 0 ? rc : actr__lock_parse(r->lock_path, text, &r->arena, lock, err);
}

static int write_lock(struct request *r, struct actr__lock *lock, const struct actr__locked *entry,
		      actr_error *err)
{
	_cleanup_(actr__buf_done) struct actr__buf text;

	lock->version = 1;
	lock->generated_at = r->now;
	actr__buf_init(&text, MAX_LOCK_BYTES);
	if (actr__lock_put(lock, &r->arena, entry) < 0)
		return actr_cli_nomem(err);
	if (actr__lock_print(lock, &text) < 0)
		return fail(err, ACTR_E_TOO_LARGE, r->lock_path, "expected at most 1 MiB");
	return actr__file_write(r->lock_path, actr__bytes(text.data, text.size), err);
}

static int run(struct request *r, actr_error *err)
{
	const actr_config_dependency *dependency = NULL;
	struct actr__lock lock = {0};
	struct actr__locked entry = {0};
	int rc = actr_config_load(r->config_path, &r->config, err);

	if (rc == 0)
		rc = find_dependency(r, &dependency, err);
	if (rc == 0)
		rc = make_entry(r, dependency, &entry, err);
	if (rc == 0)
		rc = read_lock(r, &lock, err);
	if (rc == 0)
		rc = write_lock(r, &lock, &entry, err);
	if (rc == 0)
		printf("%s  %s\n", entry.spec.fingerprint, r->alias);
	return rc;
}

int actr_cli_lock(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"lock", required_argument, NULL, 'l'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct request r = {.config_path = "Actr.toml", .lock_path = "actr.lock.toml"};
	actr_error err = ACTR_ERROR_INIT;
	time_t now = time(NULL);
	struct tm utc;
	int option, rc;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (option != 'c' && option != 'l')
			return CLI_USAGE;
		*(option == 'c' ? &r.config_path : &r.lock_path) = optarg;
	}
	if (argc - optind < 2) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	r.alias = argv[optind];
	r.paths = argv + optind + 1;
	r.count = (size_t)(argc - optind - 1);
	strftime(r.now, sizeof r.now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	actr__arena_init(&r.arena, NULL, 0, 64u << 20);
	rc = run(&r, &err);
	(void)actr_config_free(r.config);
	actr__arena_done(&r.arena);
	return rc < 0 ? actr_cli_fail("lock", &err) : CLI_OK;
}
