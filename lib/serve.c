/*
 * Whole lives in one call: a service that runs until it is told to stop, and a caller. Part of
 * libactr-config, since both begin with Actr.toml.
 */
#include <actr/actr.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ACTR_LOG wins over system.observability.filter_level. */
static void install_log(const actr_config *config)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	const char *level = getenv("ACTR_LOG");

	if (!level || !*level)
		level = config->log_filter ? config->log_filter : "warn";
	for (int i = 0; i < 4; i++) {
		if (!strcmp(level, names[i]))
			actr_set_log((actr_log_level)i, actr_log_stderr, NULL);
	}
}

static int start(const char *config_path, const actr_workload *workload, bool log,
		 actr_ref **ret_ref, actr_error *err)
{
	actr_config *config = NULL;
	actr_system *system = NULL;
	actr_node *node = NULL;
	int rc = actr_config_load(config_path, &config, err);

	if (rc < 0)
		return rc;
	if (log)
		install_log(config);
	rc = actr_system_new(config, &system, err);
	if (rc < 0) {
		actr_config_free(config);
		return rc;
	}
	actr_system_give_config(system, config, actr_config_free);
	rc = actr_node_attach(system, workload, &node, err);
	if (rc == 0)
		rc = actr_node_start(node, ret_ref, err);
	if (rc < 0)
		actr_node_unref(node);
	actr_system_unref(system);
	return rc;
}

int actr_join(const char *config_path, actr_ref **ret_ref, actr_error *err)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;

	return start(config_path, &workload, false, ret_ref, err);
}

int actr_serve(const char *config_path, const actr_service *service, const void *ops, void *self)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;
	actr_error err = ACTR_ERROR_INIT;
	char text[ACTR_ID_TEXT_SIZE];
	actr_ref *ref = NULL;
	actr_id id;
	int rc;

	workload.service = service;
	workload.ops = ops;
	workload.self = self;
	rc = start(config_path, &workload, true, &ref, &err);
	if (rc == 0) {
		id = actr_ref_id(ref);
		printf("ready %s\n", actr_id_format(&id, text, sizeof text));
		fflush(stdout);
		rc = actr_ref_run_until_signal(ref, &err);
		actr_ref_unref(ref);
	}
	if (rc < 0)
		fprintf(stderr, "%s: %s\n", actr_error_name(rc), err.message);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
