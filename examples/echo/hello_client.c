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
	if (rc == 0) {
		snprintf(err->message, sizeof err->message, "no echo service is running");
		return ACTR_E_NOT_FOUND;
	}
	if (rc < 0)
		return rc;
	req.data.data = (uint8_t *)"hello";
	req.data.len = 5;
	rc = echo_service_echo(ref, &dest, &req, NULL, &call, &resp, err);
	if (rc < 0)
		return rc;
	printf("%.*s\n", (int)resp->data.len, (const char *)resp->data.data);
	actr_call_unref(call); /* and the response with it */
	return 0;
}

int main(int argc, char **argv)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_ref *ref = NULL;
	int rc = actr_join(argc > 1 ? argv[1] : "Actr.toml", &ref, &err);

	if (rc == 0)
		rc = say_hello(ref, &err);
	if (rc < 0)
		fprintf(stderr, "hello_client: %s: %s\n", actr_error_name(rc), err.message);
	actr_ref_close(ref);
	return rc < 0;
}
