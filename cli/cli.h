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

/* What is wrong with a project, and what it would register. */
int actr_cli_check(int argc, char **argv);
/* Whether a new version of .proto files serves the clients of the old one. */
int actr_cli_compat(int argc, char **argv);
/* Read, redrive and purge dead letters. */
int actr_cli_dlq(int argc, char **argv);
/* Fingerprints of .proto files and of their service. */
int actr_cli_fingerprint(int argc, char **argv);
/* Write a dependency's .proto files and fingerprint into actr.lock.toml. */
int actr_cli_lock(int argc, char **argv);
/* A new project. */
int actr_cli_new(int argc, char **argv);

/*
 * .proto files named on a command line, in the arena. On failure *err is filled and the result is
 * an ACTR_E_*.
 */
struct actr__arena;
int actr_cli_read_files(struct actr__arena *arena, char **paths, size_t count,
			actr_config_file **ret_files, actr_error *err);
/* Memory ran out: fills err. */
int actr_cli_nomem(actr_error *err);

/* Send bytes to a route of an actor, print the bytes of the answer. */
int actr_cli_call(int argc, char **argv);

#endif
