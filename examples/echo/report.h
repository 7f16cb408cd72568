/* What a run of echo_client measured, as a line of text or as one JSON object. */
#ifndef ECHO_REPORT_H
#define ECHO_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <actr/actr.h>

struct report {
	long calls, errors;
	uint64_t took_ns;
	uint64_t *latency_ns; /* of each call; sorted by printing */
	actr_id id, peer;
	const char *detail; /* of the connection's event: path="…" data_path=… */
};

void report_print(const struct report *report, bool json);

#endif
