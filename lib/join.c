/*
 * actr_join(): a program that only calls, in one call. Part of libactr-config, since it begins with
 * Actr.toml.
 */
#include <actr/actr.h>

int actr_join(const char *config_path, actr_ref **ret_ref, actr_error *err)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;
	actr_config *config = NULL;
	actr_system *system = NULL;
	actr_node *node = NULL;
	int rc = actr_config_load(config_path, &config, err);

	if (rc < 0)
		return rc;
	rc = actr_system_new(config, &system, err);
	if (rc < 0) {
		actr_config_free(config);
		return rc;
	}
	actr_system_give_config(system, config, actr_config_free);
	rc = actr_node_attach(system, &workload, &node, err);
	if (rc == 0)
		rc = actr_node_start(node, ret_ref, err);
	if (rc < 0)
		actr_node_unref(node);
	actr_system_unref(system); /* the node holds it */
	return rc;
}
