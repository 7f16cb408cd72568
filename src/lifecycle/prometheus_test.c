/*
 * The text of a snapshot, read back line by line by the rules of the format: each family once, with
 * HELP and TYPE before its samples, samples together, values that are numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "tests/support/torture.h"

/* --- a reader of the format --- */

struct reader {
	char family[128], type[16];
	char seen[8192]; /* " name " of all families */
	unsigned samples;
	double last_bucket;
	uint64_t last_cumulative;
};

static size_t name_size(const char *line)
{
	return strspn(line, "abcdefghijklmnopqrstuvwxyz_");
}

static void read_comment(struct reader *r, const char *line)
{
	char kind[8], name[128], word[64];

	assert_int_equal(sscanf(line, "# %7s %127s %63s", kind, name, word), 3);
	if (!strcmp(kind, "HELP")) {
		char marked[136];

		snprintf(marked, sizeof marked, " %s ", name);
		assert_null(strstr(r->seen, marked));
		strncat(r->seen, marked, sizeof r->seen - strlen(r->seen) - 1);
		snprintf(r->family, sizeof r->family, "%s", name);
		r->type[0] = 0;
		return;
	}
	assert_string_equal(kind, "TYPE");
	assert_string_equal(name, r->family);
	snprintf(r->type, sizeof r->type, "%.15s", word);
	r->last_bucket = -1;
	r->last_cumulative = 0;
}

/* Past the labels; quotes, backslashes and newlines inside are escaped. */
static const char *skip_labels(const char *at)
{
	bool quoted = false;

	for (; *at; at++) {
		if (quoted && *at == '\\') {
			at++;
			assert_non_null(strchr("\\\"n", *at));
		} else if (*at == '"') {
			quoted = !quoted;
		} else if (*at == '}' && !quoted) {
			return at + 1;
		}
	}
	fail();
	return at;
}

static void read_bucket(struct reader *r, const char *line, uint64_t value)
{
	const char *le = strstr(line, "le=\"") + 4;
	double bound = !strncmp(le, "+Inf", 4) ? 1e300 : strtod(le, NULL);

	assert_true(bound > r->last_bucket);
	assert_true(value >= r->last_cumulative);
	r->last_bucket = bound;
	r->last_cumulative = value;
}

/* No series comes twice: a scrape would be refused. */
static void expect_new(const char *text, const char *line)
{
	char series[512];

	snprintf(series, sizeof series, "\n%.*s", (int)(strrchr(line, ' ') + 1 - line), line);
	assert_ptr_equal(strstr(text, series), line - 1);
}

static void read_sample(struct reader *r, const char *line)
{
	size_t size = name_size(line), family = strlen(r->family);
	const char *at = line + size;

	assert_true(!strncmp(line, r->family, family));
	assert_true(r->type[0]);
	if (!strcmp(r->type, "histogram"))
		assert_true(!strncmp(line + family, "_bucket{", 8) ||
			    !strncmp(line + family, "_sum ", 5) ||
			    !strncmp(line + family, "_count ", 7));
	else
		assert_int_equal(size, family);
	if (!strcmp(r->type, "counter"))
		assert_string_equal(r->family + family - 6, "_total");
	if (*at == '{')
		at = skip_labels(at);
	assert_int_equal(*at, ' ');
	at++;
	assert_int_equal(strspn(at, "0123456789."), strlen(at));
	if (!strncmp(line + family, "_bucket{", 8))
		read_bucket(r, line, strtoull(at, NULL, 10));
	r->samples++;
}

static unsigned read_all(char *text)
{
	struct reader r = {.last_bucket = -1};

	assert_int_equal(text[strlen(text) - 1], '\n');
	for (char *line = text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		*end = 0;
		assert_true(*line);
		if (*line == '#')
			read_comment(&r, line);
		else
			expect_new(text, line), read_sample(&r, line);
		*end = '\n';
	}
	return r.samples;
}

/* --- snapshots --- */

struct sample {
	actr_metrics metrics;
	actr_stream_stats streams;
	actr_media_stats media;
	actr_metrics_peer peers[2];
	const actr_metrics_peer *index[2];
};

static void fill(struct sample *s)
{
	memset(s, 0, sizeof *s);
	s->metrics.size = sizeof s->metrics;
	assert_int_equal(actr_id_parse("acme:echo.Service@1f:7", &s->metrics.id, NULL), 0);
	s->metrics.uptime_ms = 61005;
	s->metrics.calls_started = 12;
	s->metrics.calls_done[0] = 9;
	s->metrics.calls_done[-ACTR_E_TIMEOUT] = 2;
	s->metrics.calls_done[30] = 1;
	actr__histogram_add(&s->metrics.call_time, 1500000);
	actr__histogram_add(&s->metrics.call_time, 3000000);
	actr__histogram_add(&s->metrics.call_time, 300000000000);
	s->streams.held = 5;
	s->metrics.streams = &s->streams;
	s->media.dropped = 6;
	s->media.lost_packets = 7;
	s->media.key_frames_requested = 8;
	s->metrics.media = &s->media;
	for (unsigned i = 0; i < 2; i++) {
		s->peers[i].size = sizeof s->peers[i];
		s->peers[i].id = s->metrics.id;
		s->peers[i].id.serial += i + 1;
		s->peers[i].state = ACTR_STATE_CONNECTED;
		s->index[i] = &s->peers[i];
	}
	s->peers[0].rtt_us = 1250;
	s->peers[0].bytes_sent = 1u << 31;
	snprintf(s->peers[0].path, sizeof s->peers[0].path, "a\"b\\c\nd}");
	s->metrics.peers = s->index;
	s->metrics.peer_count = 2;
}

static char *text_of(const actr_metrics *metrics)
{
	char *text = NULL;

	assert_int_equal(actr_metrics_prometheus(metrics, &text, NULL), 0);
	return text;
}

#define expect_line(text, line) assert_non_null(strstr(text, "\n" line "\n"))

static void the_text_keeps_the_rules_of_the_format(void **state)
{
	struct sample s;
	char *text;

	(void)state;
	fill(&s);
	text = text_of(&s.metrics);
	assert_true(read_all(text) > 250);
	expect_line(text, "actr_uptime_seconds 61.005");
	expect_line(text, "actr_calls_total{code=\"OK\"} 9");
	expect_line(text, "actr_calls_total{code=\"ACTR_E_TIMEOUT\"} 2");
	expect_line(text, "actr_calls_total{code=\"-30\"} 1");
	expect_line(text, "actr_stream_chunks_total{event=\"held\"} 5");
	expect_line(text, "actr_media_samples_total{event=\"dropped\"} 6");
	expect_line(text, "actr_media_lost_packets_total 7");
	expect_line(text, "actr_media_key_frames_requested_total 8");
	expect_line(text, "actr_peers 2");
	expect_line(text, "actr_peer_rtt_seconds{peer=\"acme:echo.Service@20:7\"} 0.001250");
	expect_line(text, "actr_peer_bytes_total{peer=\"acme:echo.Service@20:7\","
			  "direction=\"sent\"} 2147483648");
	expect_line(text, "actr_peer_info{peer=\"acme:echo.Service@20:7\","
			  "path=\"a\\\"b\\\\c\\nd}\",data_path=\"\"} 1");
	actr_free(text);
}

static void a_histogram_is_cumulative_in_seconds(void **state)
{
	struct sample s;
	char *text;

	(void)state;
	fill(&s);
	text = text_of(&s.metrics);
	expect_line(text, "actr_call_seconds_bucket{le=\"0.001024\"} 0");
	expect_line(text, "actr_call_seconds_bucket{le=\"0.002048\"} 1");
	expect_line(text, "actr_call_seconds_bucket{le=\"0.004096\"} 2");
	expect_line(text, "actr_call_seconds_bucket{le=\"134.217728\"} 2");
	expect_line(text, "actr_call_seconds_bucket{le=\"+Inf\"} 3");
	expect_line(text, "actr_call_seconds_sum 300.004500000");
	expect_line(text, "actr_call_seconds_count 3");
	actr_free(text);
}

static void a_snapshot_of_older_headers_is_read_as_far_as_it_goes(void **state)
{
	struct sample s;
	char *text;

	(void)state;
	fill(&s);
	s.metrics.size = offsetof(actr_metrics, requests_started);
	text = text_of(&s.metrics);
	(void)read_all(text);
	expect_line(text, "actr_calls_total{code=\"OK\"} 9");
	expect_line(text, "actr_peers 0");
	actr_free(text);
	s.metrics.size = 4;
	assert_int_equal(actr_metrics_prometheus(&s.metrics, &text, NULL), ACTR_E_INVALID_ARGUMENT);
}

static void without_memory_there_is_an_error_and_no_leak(void **state)
{
	struct torture t;
	struct sample s;
	char *text = NULL;
	unsigned long n = 0;
	int rc;

	(void)state;
	fill(&s);
	torture_begin(&t);
	do {
		t.failed = false;
		t.countdown = ++n;
		rc = actr_metrics_prometheus(&s.metrics, &text, NULL);
		t.countdown = 0;
		assert_int_equal(rc, t.failed ? ACTR_E_NOMEM : 0);
	} while (rc < 0);
	assert_true(n > 2);
	actr_free(text);
	torture_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_keeps_the_rules_of_the_format),
		cmocka_unit_test(a_histogram_is_cumulative_in_seconds),
		cmocka_unit_test(a_snapshot_of_older_headers_is_read_as_far_as_it_goes),
		cmocka_unit_test(without_memory_there_is_an_error_and_no_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
