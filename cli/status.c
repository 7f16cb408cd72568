#include "cli.h"

#include <stdio.h>

int actr_cli_status(int code)
{
	switch (code) {
	case 0:
		return CLI_OK;
	case ACTR_E_CONFIG:
		return CLI_USAGE;
	case ACTR_E_NOT_FOUND:
	case ACTR_E_UNKNOWN_ROUTE:
		return CLI_NOT_FOUND;
	case ACTR_E_UNAUTHENTICATED:
	case ACTR_E_PERMISSION_DENIED:
		return CLI_DENIED;
	case ACTR_E_UNAVAILABLE:
	case ACTR_E_RECOVERING:
	case ACTR_E_CLOSED:
	case ACTR_E_IO:
	case ACTR_E_RESOURCE_EXHAUSTED:
		return CLI_UNAVAILABLE;
	case ACTR_E_TIMEOUT:
		return CLI_TIMEOUT;
	case ACTR_E_INVALID_ARGUMENT:
	case ACTR_E_DECODE:
	case ACTR_E_TOO_LARGE:
	case ACTR_E_FAULT:
	case ACTR_E_PROTOCOL:
	case ACTR_E_UNIMPLEMENTED:
		return CLI_REFUSED;
	default:
		return CLI_FAILED;
	}
}

static const char *next_step(int status)
{
	switch (status) {
	case CLI_USAGE:
		return "correct the arguments or the configuration";
	case CLI_NOT_FOUND:
		return "is the actor running, with its type and route spelled as in its .proto?";
	case CLI_DENIED:
		return "the realm and the [acl] of the other side must allow this node";
	case CLI_UNAVAILABLE:
		return "try again, or check that the signaling server and the actor run";
	case CLI_TIMEOUT:
		return "try again, or give it more time with --timeout-ms";
	case CLI_REFUSED:
		return "send what the route expects: one encoded message of its request type";
	default:
		return "if it stays so, please report it";
	}
}

int actr_cli_fail(const char *verb, const actr_error *err)
{
	int status = actr_cli_status(err->code);

	fprintf(stderr, "actr %s: %s (%s); %s\n", verb,
		err->message[0] ? err->message : actr_error_text(err->code),
		actr_error_name(err->code), next_step(status));
	return status;
}
