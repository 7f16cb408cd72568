/* What a run of echo_client measured, for people or for programs. */
#ifndef ECHO_REPORT_H
#define ECHO_REPORT_H

#include <stdint.h>

#include <actr/actr.h>

struct report {
	long calls, errors;
	uint64_t took_ns;
	uint64_t *latency_ns; /* of each call; sorted by printing */
	actr_id id, peer;
	const char *detail; /* of the connection's event: path="…" data_path=… */
};

/* A line; with who, how and each call before it; or one JSON object. */
enum report_form { REPORT_LINE, REPORT_SHOW, REPORT_JSON };

void report_print(const struct report *report, enum report_form form);

#endif
