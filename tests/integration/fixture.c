#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct process server;

void server_start(const char *listen)
{
	const char *args[] = {"--dev", "--listen", listen, NULL};

	process_start(&server, "actrd", args);
}

int server_setup(void **state)
{
	(void)state;
	server_start("127.0.0.1:0");
	return 0;
}

int server_teardown(void **state)
{
	(void)state;
	assert_int_equal(process_end(&server, SIGTERM), 0);
	return 0;
}

actr_config config_of(const char *type)
{
	actr_config config = ACTR_CONFIG_INIT;

	config.signaling_url = server.ready;
	config.realm = 7;
	config.package_manufacturer = "acme";
	config.package_type = type;
	return config;
}

int try_node(const actr_config *config, const actr_workload *workload, actr_ref **ret_ref,
	     actr_error *err)
{
	actr_system *system = NULL;
	actr_node *node = NULL;
	int rc = actr_system_new(config, &system, err);

	*ret_ref = NULL;
	if (rc == 0)
		rc = actr_node_attach(system, workload, &node, err);
	if (rc == 0)
		rc = actr_node_start(node, ret_ref, err);
	if (rc < 0)
		actr_node_unref(node);
	actr_system_unref(system);
	return rc;
}

actr_ref *start_node(const actr_config *config, const actr_workload *workload)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_ref *ref;

	if (try_node(config, workload, &ref, &err) < 0)
		fail_msg("node does not start: %s", err.message);
	return ref;
}
