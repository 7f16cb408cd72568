/*
 * actr_serve(): the life of a service in one call, for a main() of one line. It uses the public API
 * only, so it is also the shortest true example of it. The sink for the log is set before the first
 * message can come (defect 72).
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <actr/actr.h>

#define EXIT_CONFIG 2 /* as the command line's: change the file, not the time */

/* RUST_LOG's words; "trace" is our debug. False: it is none. */
static bool level_of(const char *word, size_t size, int *ret_level)
{
	static const struct {
		const char *word;
		int level; /* -1: no log at all */
	} words[] = {
		{"off", -1},
		{"error", ACTR_LOG_ERROR},
		{"warn", ACTR_LOG_WARN},
		{"info", ACTR_LOG_INFO},
		{"debug", ACTR_LOG_DEBUG},
		{"trace", ACTR_LOG_DEBUG},
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strlen(words[i].word) != size || strncmp(words[i].word, word, size) != 0)
			continue;
		*ret_level = words[i].level;
		return true;
	}
	return false;
}

/*
 * "info", or a list like "warn,actr=debug": the last word for everything counts, what is for one
 * target is skipped. A text without any is info.
 */
static int parse_filter(const char *filter)
{
	int level = ACTR_LOG_INFO;

	while (*filter) {
		size_t size = strcspn(filter, ",");

		(void)level_of(filter, size, &level); /* not ours: skipped */
		filter += size + (filter[size] == ',');
	}
	return level;
}

/* ACTR_LOG wins over the file's filter_level, which may be NULL. */
static void set_log(const char *filter)
{
	const char *environment = getenv("ACTR_LOG");
	int level;

	if (environment && environment[0])
		filter = environment;
	level = parse_filter(filter ? filter : "info");
	if (level < 0)
		actr_set_log(ACTR_LOG_ERROR, NULL, NULL);
	else
		actr_set_log((actr_log_level)level, actr_log_stderr, NULL);
}

/* One line on stderr, and the exit status. */
static int fail(const char *doing, const actr_error *err)
{
	fprintf(stderr, "error: cannot %s: %s (%s)\n", doing,
		err->message[0] ? err->message : actr_error_text(err->code),
		actr_error_name(err->code));
	return err->code == ACTR_E_CONFIG ? EXIT_CONFIG : EXIT_FAILURE;
}

static void print_ready(const actr_ref *ref)
{
	actr_id id = actr_ref_id(ref);
	char text[ACTR_ID_TEXT_SIZE];

	printf("ready %s\n", actr_id_format(&id, text, sizeof text));
	fflush(stdout);
}

static int run_node(actr_node *node)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_ref *ref = NULL;
	sigset_t ends, before;
	int status = EXIT_SUCCESS;

	if (actr_node_start(node, &ref, &err) < 0) {
		status = fail("start", &err);
		actr_node_unref(node);
		return status;
	}
	/* Whoever reads "ready" may end us at once: the signal waits for its waiter. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, &before);
	print_ready(ref); /* the node is the ref's now */
	if (actr_ref_run_until_signal(ref, &err) < 0)
		status = fail("shut down", &err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	actr_ref_unref(ref);
	return status;
}

static int run_system(const actr_config *config, const actr_workload *workload)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_system *system = NULL;
	actr_node *node = NULL;
	int status;

	if (actr_system_new(config, &system, &err) < 0)
		return fail("start", &err);
	if (actr_node_attach(system, workload, &node, &err) < 0)
		status = fail("attach the service", &err);
	else
		status = run_node(node);
	actr_system_unref(system);
	return status;
}

int actr_serve_workload(const char *config_path, const actr_workload *workload)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_config *config = NULL;
	int status;

	set_log(NULL);
	if (actr_config_load(config_path, &config, &err) < 0)
		return fail("load the configuration", &err);
	set_log(config->log_filter);
	status = run_system(config, workload);
	actr_config_free(config);
	return status;
}

int actr_serve(const char *config_path, const actr_service *service, const void *ops, void *self)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;

	workload.service = service;
	workload.ops = ops;
	workload.self = self;
	return actr_serve_workload(config_path, &workload);
}
