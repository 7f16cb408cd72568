/*
 * The verbs of `actr`, one file each. argv[0] is the verb; the result is an exit status. What a
 * verb found goes to stdout, one line about what went wrong to stderr.
 */
#ifndef ACTR_CLI_H
#define ACTR_CLI_H

#include <actr/actr.h>

/* Exit statuses, by the kind of error, so that scripts need not read text. */
enum {
	CLI_OK = 0,
	CLI_FAILED = 1,	     /* anything without a status of its own */
	CLI_USAGE = 2,	     /* wrong arguments or configuration: change them */
	CLI_NOT_FOUND = 3,   /* no such actor or route */
	CLI_DENIED = 4,	     /* not authenticated, or not allowed */
	CLI_UNAVAILABLE = 5, /* not reachable now: again later may help */
	CLI_TIMEOUT = 6,
	CLI_REFUSED = 7 /* the other side could not use what it was sent */
};

/* The status for an ACTR_E_*. */
int actr_cli_status(int code);
/* `actr VERB: cause (code); next step` on stderr; returns the status. */
int actr_cli_fail(const char *verb, const actr_error *err);

/* Send bytes to a route of an actor, print the bytes of the answer. */
int actr_cli_call(int argc, char **argv);

#endif
