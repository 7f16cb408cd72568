#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* `,"name":"value"` where `name=value` or `name="value"` is a word of the detail. */
static void print_detail(const char *detail, const char *name)
{
	size_t name_size = strlen(name), size = 0;
	const char *value = "";

	for (const char *at = detail; (at = strstr(at, name)) != NULL; at += name_size) {
		if ((at > detail && at[-1] != ' ') || at[name_size] != '=')
			continue;
		value = at + name_size + 1;
		size = *value == '"' ? strcspn(++value, "\"") : strcspn(value, " ");
		break;
	}
	printf(",\"%s\":\"", name);
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)value[i] >= ' ' && value[i] != '\\')
			putchar(value[i]);
	putchar('"');
}

void report_print(const struct report *report, bool json)
{
	char id[ACTR_ID_TEXT_SIZE], peer[ACTR_ID_TEXT_SIZE];
	double seconds = (double)(report->took_ns ? report->took_ns : 1) / 1e9;
	double per_s = (double)report->calls / seconds;
	double p50, p99;

	qsort(report->latency_ns, (size_t)report->calls, sizeof *report->latency_ns, by_value);
	p50 = (double)report->latency_ns[(report->calls - 1) / 2] / 1e3;
	p99 = (double)report->latency_ns[(report->calls - 1) * 99 / 100] / 1e3;
	if (!json) {
		printf("%ld calls, %ld errors, %.0f calls/s, p50 %.1f us, p99 %.1f us\n",
		       report->calls, report->errors, per_s, p50, p99);
		return;
	}
	printf("{\"calls\":%ld,\"errors\":%ld,\"calls_per_s\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f",
	       report->calls, report->errors, per_s, p50, p99);
	printf(",\"id\":\"%s\",\"peer\":\"%s\"", actr_id_format(&report->id, id, sizeof id),
	       actr_id_format(&report->peer, peer, sizeof peer));
	print_detail(report->detail, "path");
	print_detail(report->detail, "data_path");
	puts("}");
}
