/* The smallest caller: start, discover, call, print. hello_client Actr.toml */
#include <stdio.h>

#include "echo.actr.h"

static int say_hello(actr_ref *ref, actr_error *err)
{
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	const Echo__EchoResponse *resp;
	actr_call *call;
	actr_type type;
	actr_dest dest = {.kind = ACTR_DEST_ACTOR};
	int rc = actr_type_set(&type, echo_service.manufacturer, echo_service.name, err);

	if (rc == 0)
		rc = actr_discover(ref, &type, &dest.id, 1, 10000, err);
	if (rc == 0)
		fputs("no echo service is running\n", stderr);
	if (rc <= 0)
		return rc;
	req.data.data = (uint8_t *)"hello";
	req.data.len = 5;
	rc = echo_service_echo(ref, &dest, &req, NULL, &call, &resp, err);
	if (rc < 0)
		return rc;
	printf("%.*s\n", (int)resp->data.len, (const char *)resp->data.data);
	actr_call_unref(call); /* and the response with it */
	return 1;
}

int main(int argc, char **argv)
{
	actr_workload workload = ACTR_WORKLOAD_INIT; /* no service: it only calls */
	actr_error err = ACTR_ERROR_INIT;
	actr_config *config = NULL;
	actr_system *system = NULL;
	actr_node *node = NULL;
	actr_ref *ref = NULL;
	int rc = actr_config_load(argc > 1 ? argv[1] : "Actr.toml", &config, &err);

	if (rc >= 0)
		rc = actr_system_new(config, &system, &err);
	if (rc >= 0)
		rc = actr_node_attach(system, &workload, &node, &err);
	if (rc >= 0)
		rc = actr_node_start(node, &ref, &err);
	if (rc >= 0)
		rc = say_hello(ref, &err);
	if (rc < 0)
		fprintf(stderr, "%s: %s\n", actr_error_name(rc), err.message);
	if (ref) {
		actr_ref_shutdown(ref);
		(void)actr_ref_wait(ref, NULL); /* we leave in any case */
	} else {
		actr_node_unref(node); /* a started node belongs to its ref */
	}
	actr_ref_unref(ref);
	actr_system_unref(system);
	actr_config_free(config);
	return rc > 0 ? 0 : 1;
}
