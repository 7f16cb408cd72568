#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The value where `name=value` or `name="value"` is a word of the detail; else empty. */
static const char *find_detail(const char *detail, const char *name, int *ret_size)
{
	size_t name_size = strlen(name);
	const char *value;

	*ret_size = 0;
	for (const char *at = detail; (at = strstr(at, name)) != NULL; at += name_size) {
		if ((at > detail && at[-1] != ' ') || at[name_size] != '=')
			continue;
		value = at + name_size + 1;
		*ret_size = (int)(*value == '"' ? strcspn(++value, "\"") : strcspn(value, " "));
		return value;
	}
	return "";
}

static void print_head(const struct report *report, enum report_form form)
{
	char id[ACTR_ID_TEXT_SIZE], peer[ACTR_ID_TEXT_SIZE];
	int path_size, data_size;
	const char *path = find_detail(report->detail, "path", &path_size);
	const char *data = find_detail(report->detail, "data_path", &data_size);

	/* Names and addresses only: nothing in them needs escaping. */
	printf(form == REPORT_JSON
		       ? "{\"id\":\"%s\",\"peer\":\"%s\",\"path\":\"%.*s\",\"data_path\":\"%.*s\","
		       : "own id    %s\npeer      %s\npath      %.*s\ndata path %.*s\n",
	       actr_id_format(&report->id, id, sizeof id),
	       actr_id_format(&report->peer, peer, sizeof peer), path_size, path, data_size, data);
	for (long i = 0; form == REPORT_SHOW && i < report->calls; i++)
		printf("call %-4ld %.1f us\n", i + 1, (double)report->latency_ns[i] / 1e3);
}

void report_print(const struct report *report, enum report_form form)
{
	double seconds = (double)(report->took_ns ? report->took_ns : 1) / 1e9;
	double per_s = (double)report->calls / seconds;
	double p50, p99;

	if (form != REPORT_LINE)
		print_head(report, form);
	qsort(report->latency_ns, (size_t)report->calls, sizeof *report->latency_ns, by_value);
	p50 = (double)report->latency_ns[(report->calls - 1) / 2] / 1e3;
	p99 = (double)report->latency_ns[(report->calls - 1) * 99 / 100] / 1e3;
	printf(form == REPORT_JSON
		       ? "\"calls\":%ld,\"errors\":%ld,\"calls_per_s\":%.1f,"
			 "\"p50_us\":%.1f,\"p99_us\":%.1f}\n"
		       : "%ld calls, %ld errors, %.0f calls/s, p50 %.1f us, p99 %.1f us\n",
	       report->calls, report->errors, per_s, p50, p99);
}
