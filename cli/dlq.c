/*
 * actr dlq: reads, redrives and purges the dead letters of a mailbox. The node may run: it sees at
 * once what was redriven. What peers sent is printed with control characters replaced.
 */
#include "cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "mailbox/mailbox.h"

static const char help[] =
	"usage: actr dlq ls [FILTER] [--limit N] [--json]\n"
	"       actr dlq show ID [--raw | --json]\n"
	"       actr dlq redrive ID… | --all [FILTER]   [--json]\n"
	"       actr dlq purge ID… | --all | --older-than AGE   [--json]\n"
	"\n"
	"Dead letters are messages that could not be decoded, or that were given up.\n"
	"\n"
	"  --config FILE      take the mailbox's path from there (default Actr.toml)\n"
	"  --mailbox PATH     the mailbox itself\n"
	"  --category TEXT    FILTER: protobuf_decode, max_attempts, corrupt, handler …\n"
	"  --trace TEXT       FILTER: trace id\n"
	"  --from ID          FILTER: sender, as manufacturer:name@serial:realm\n"
	"  --newer-than AGE   FILTER: at most so old; AGE is 90s, 15m, 12h or 7d\n"
	"  --limit N          show at most N (default 100), newest first\n"
	"  --raw              the message's bytes alone, for `protoc --decode_raw`\n"
	"\n"
	"redrive puts a letter back into the mailbox: a running node handles it at once, another "
	"one\n"
	"when it starts. The letter stays and counts it; `redrive --all` leaves out those that "
	"were\n"
	"redriven before, and those that cannot be decoded, which would only come back.\n"
	"\n"
	"Status: 0 done, 2 usage, 3 no such letter, 7 it cannot be decoded.\n";

struct job {
	const char *config, *mailbox;
	struct actr__dlq_filter filter;
	uint8_t from[ACTR__ID_ENCODED_MAX];
	int64_t now_ms, older_ms; /* older_ms 0: not given */
	bool all, raw, json;
	char **ids;
	int id_count;
	struct actr__dlq *dlq;
	json_t *list;
	struct actr__buf found; /* ids, ACTR_UUID_SIZE bytes each */
};

/* --- text --- */

/* A peer's text for a terminal: control characters as '?'. */
static void put_clean(const char *text, int width)
{
	int put = 0;

	for (; text && *text && (!width || put < width); text++, put++)
		putchar((unsigned char)*text < 32 || *text == 127 ? '?' : *text);
}

static const char *sender_text(actr_bytes from, char *out, size_t size)
{
	actr_id id;

	if (!from.size || actr__id_decode(from, &id, NULL) < 0)
		return from.size ? "?" : "-";
	return actr_id_format(&id, out, size);
}

static const char *when(int64_t ms, char out[32])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (!ms || !gmtime_r(&seconds, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return "-";
	return out;
}

/* Text that may be no UTF-8, as a peer may send. */
static json_t *text_json(const char *text)
{
	char clean[256];

	if (!text)
		return json_null();
	if (actr__utf8_valid(text, strlen(text)))
		return json_string(text);
	return json_string(actr__log_quote(text, strlen(text), clean, sizeof clean));
}

static json_t *bytes_json(actr_bytes bytes)
{
	char *hex = actr__alloc(bytes.size * 2 + 1);
	json_t *text;

	if (!hex)
		return NULL;
	actr__hex(bytes.data, bytes.size, hex);
	text = json_string(hex);
	actr__free(hex);
	return text;
}

static json_t *time_json(int64_t ms)
{
	char text[32];

	return ms ? json_string(when(ms, text)) : json_null();
}

static json_t *letter_json(const struct actr__dead_letter *l, bool with_bytes)
{
	char from[ACTR_ID_TEXT_SIZE], to[ACTR_ID_TEXT_SIZE];
	json_t *o = json_pack(
		"{s:o, s:o, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "id",
		text_json(l->id), "original_message_id", text_json(l->original_message_id), "from",
		sender_text(l->from, from, sizeof from), "to", sender_text(l->to, to, sizeof to),
		"size", (json_int_t)l->raw_bytes.size, "error_message", text_json(l->error_message),
		"error_category", text_json(l->error_category), "trace_id", text_json(l->trace_id),
		"request_id", text_json(l->request_id), "created_at", time_json(l->created_ms),
		"redrive_attempts", (json_int_t)l->redrive_attempts, "last_redrive_at",
		time_json(l->last_redrive_ms), "context", text_json(l->context));

	if (o && with_bytes)
		json_object_set_new(o, "raw_bytes", bytes_json(l->raw_bytes));
	return o;
}

static int print_json(json_t *all, actr_error *err)
{
	if (!all)
		return actr_cli_nomem(err);
	json_dumpf(all, stdout, JSON_INDENT(2));
	puts("");
	json_decref(all);
	return 0;
}

/* --- ls --- */

static bool list_line(void *user, const struct actr__dead_letter *l)
{
	char text[32];

	(void)user;
	printf("%s  %-20s  %3u  ", l->id, when(l->created_ms, text), l->redrive_attempts);
	put_clean(l->error_category, 16);
	fputs("  ", stdout);
	put_clean(l->error_message, 100);
	puts("");
	return true;
}

static bool list_json(void *user, const struct actr__dead_letter *l)
{
	struct job *job = user;

	return json_array_append_new(job->list, letter_json(l, false)) == 0;
}

static int list(struct job *job, actr_error *err)
{
	struct actr__dlq_stats stats;
	int rc = actr__dlq_stats(job->dlq, &stats, err);

	if (rc < 0)
		return rc;
	if (job->json) {
		job->list = json_array();
		rc = actr__dlq_query(job->dlq, &job->filter, list_json, job, err);
		if (rc < 0) {
			json_decref(job->list);
			return rc;
		}
		return print_json(json_pack("{s:I, s:I, s:o}", "total", (json_int_t)stats.total,
					    "redriven", (json_int_t)stats.redriven, "letters",
					    job->list),
				  err);
	}
	rc = actr__dlq_query(job->dlq, &job->filter, list_line, job, err);
	if (rc < 0)
		return rc;
	printf("%llu letters in all, %llu of them redriven\n", (unsigned long long)stats.total,
	       (unsigned long long)stats.redriven);
	return 0;
}

/* --- show --- */

static void show_line(const char *name, const char *text)
{
	printf("%-20s ", name);
	put_clean(text ? text : "-", 0);
	puts("");
}

static void show_lines(const struct actr__dead_letter *l)
{
	char text[ACTR_ID_TEXT_SIZE], time[32];

	show_line("id", l->id);
	show_line("original message", l->original_message_id);
	show_line("from", sender_text(l->from, text, sizeof text));
	show_line("to", sender_text(l->to, text, sizeof text));
	show_line("error", l->error_message);
	show_line("category", l->error_category);
	show_line("trace", l->trace_id);
	show_line("request", l->request_id);
	show_line("created", when(l->created_ms, time));
	printf("%-20s %u\n", "redriven", l->redrive_attempts);
	show_line("last redriven", when(l->last_redrive_ms, time));
	show_line("context", l->context);
}

static void show_bytes(actr_bytes bytes)
{
	struct actr__envelope e;
	char hex[33];

	printf("%-20s %zu\n", "bytes", bytes.size);
	if (actr__envelope_decode(&e, bytes, NULL) == 0)
		printf("%-20s %.*s, %zu bytes of payload\n", "route", (int)e.route_key.size,
		       (const char *)e.route_key.data, e.payload.size);
	for (size_t at = 0; at < bytes.size; at += 16) {
		actr__hex(bytes.data + at, bytes.size - at < 16 ? bytes.size - at : 16, hex);
		printf("%08zx  %s\n", at, hex);
	}
}

static void show_one(void *user, const struct actr__dead_letter *l)
{
	struct job *job = user;

	if (job->raw) {
		(void)fwrite(l->raw_bytes.data, 1, l->raw_bytes.size, stdout); /* main checks */
	} else if (job->json) {
		job->list = letter_json(l, true);
	} else {
		show_lines(l);
		show_bytes(l->raw_bytes);
	}
}

static int show(struct job *job, actr_error *err)
{
	int rc = actr__dlq_get(job->dlq, job->ids[0], show_one, job, err);

	return rc == 0 && job->json && !job->raw ? print_json(job->list, err) : rc;
}

/* --- redrive --- */

static bool find_redrivable(void *user, const struct actr__dead_letter *l)
{
	struct job *job = user;
	struct actr__envelope e;
	actr_id from;

	if (l->redrive_attempts || actr__envelope_decode(&e, l->raw_bytes, NULL) < 0 ||
	    actr__id_decode(l->from, &from, NULL) < 0)
		return true;
	return actr__buf_append(&job->found, l->id, sizeof l->id) == 0;
}

static int report(const struct job *job, const char *what, int count, actr_error *err)
{
	if (job->json)
		return print_json(json_pack("{s:i}", what, count), err);
	printf("%d %s\n", count, what);
	return 0;
}

static int redrive_found(struct job *job, actr_error *err)
{
	int count = 0, rc;

	if (!job->filter.limit)
		job->filter.limit = UINT32_MAX;
	rc = actr__dlq_query(job->dlq, &job->filter, find_redrivable, job, err);
	if (rc == 0 && job->found.failed)
		rc = actr_cli_nomem(err);
	for (size_t at = 0; rc == 0 && at < job->found.size; at += ACTR_UUID_SIZE, count++)
		rc = actr__dlq_redrive(job->dlq, (const char *)job->found.data + at, err);
	return rc < 0 ? rc : report(job, "redriven", count, err);
}

static int redrive(struct job *job, actr_error *err)
{
	if (job->all)
		return redrive_found(job, err);
	for (int i = 0; i < job->id_count; i++) {
		int rc = actr__dlq_redrive(job->dlq, job->ids[i], err);

		if (rc < 0)
			return rc;
	}
	return report(job, "redriven", job->id_count, err);
}

/* --- purge --- */

static int purge(struct job *job, actr_error *err)
{
	int count = 0, rc;

	for (int i = 0; i < job->id_count; i++, count++) {
		rc = actr__dlq_delete(job->dlq, job->ids[i], err);
		if (rc < 0)
			return rc;
	}
	if (job->all || job->older_ms) {
		count = actr__dlq_purge(
			job->dlq, job->all ? INT64_C(253402300799000) : job->now_ms - job->older_ms,
			err);
		if (count < 0)
			return count;
	}
	return report(job, "purged", count, err);
}

/* --- the command line --- */

static int usage(void)
{
	fputs(help, stderr);
	return CLI_USAGE;
}

/* 90s, 15m, 12h, 7d in milliseconds; 0 for anything else. */
static int64_t age_ms(const char *text)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
	char *end;
	long long n = strtoll(text, &end, 10);

	if (n <= 0 || n > 1000000 || end == text || !*end || end[1])
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (*end == units[i].unit)
			return n * units[i].ms;
	return 0;
}

static bool set_from(struct job *job, const char *text)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_id id;

	if (actr_id_parse(text, &id, &err) < 0) {
		fprintf(stderr, "actr dlq: --from: %s\n", err.message);
		return false;
	}
	job->filter.from = actr__bytes(job->from, actr__id_encode(&id, job->from));
	return true;
}

static bool set_limit(struct job *job, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	job->filter.limit = (uint32_t)n;
	return n > 0 && n <= UINT32_MAX && !*end;
}

static bool set_newer(struct job *job, const char *text)
{
	int64_t age = age_ms(text);

	job->filter.created_after_ms = job->now_ms - age;
	return age > 0;
}

static bool set_option(struct job *job, int option)
{
	switch (option) {
	case 'c':
		job->config = optarg;
		return true;
	case 'm':
		job->mailbox = optarg;
		return true;
	case 'g':
		job->filter.category = optarg;
		return true;
	case 't':
		job->filter.trace_id = optarg;
		return true;
	case 'f':
		return set_from(job, optarg);
	case 'n':
		return set_newer(job, optarg);
	case 'o':
		job->older_ms = age_ms(optarg);
		return job->older_ms > 0;
	case 'l':
		return set_limit(job, optarg);
	case 'a':
		return job->all = true;
	case 'r':
		return job->raw = true;
	case 'j':
		return job->json = true;
	default:
		return false;
	}
}

static const struct option long_options[] = {{"config", required_argument, NULL, 'c'},
					     {"mailbox", required_argument, NULL, 'm'},
					     {"category", required_argument, NULL, 'g'},
					     {"trace", required_argument, NULL, 't'},
					     {"from", required_argument, NULL, 'f'},
					     {"newer-than", required_argument, NULL, 'n'},
					     {"older-than", required_argument, NULL, 'o'},
					     {"limit", required_argument, NULL, 'l'},
					     {"all", no_argument, NULL, 'a'},
					     {"raw", no_argument, NULL, 'r'},
					     {"json", no_argument, NULL, 'j'},
					     {"help", no_argument, NULL, 'h'},
					     {0}};

/* Opens what --mailbox or the configuration names. */
static int open_letters(struct job *job, actr_config **ret_config, actr_error *err)
{
	const char *path = job->mailbox;
	int rc;

	if (!path) {
		rc = actr_config_load(job->config, ret_config, err);
		if (rc < 0)
			return rc;
		path = (*ret_config)->mailbox_path;
	}
	if (!path)
		return ACTR_FAIL(err, ACTR_E_CONFIG,
				 "%s: the mailbox is in memory (no system.storage.mailbox_path); "
				 "only files can be read from outside",
				 job->config);
	return actr__dlq_open(path, &job->dlq, err);
}

static const struct action {
	const char *name;
	int (*run)(struct job *job, actr_error *err);
	int min_ids, max_ids;
	bool bulk; /* --all (or --older-than) instead of ids */
} actions[] = {{"ls", list, 0, 0, false},
	       {"show", show, 1, 1, false},
	       {"redrive", redrive, 1, INT32_MAX, true},
	       {"purge", purge, 1, INT32_MAX, true}};

static const struct action *find_action(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (!strcmp(actions[i].name, name))
			return &actions[i];
	return NULL;
}

/* Neither "everything" nor ids, or both, is more likely a slip than a wish. */
static bool fits(const struct action *action, const struct job *job)
{
	bool bulk = job->all || job->older_ms;

	if (bulk)
		return action->bulk && !job->id_count && (action->run == purge || !job->older_ms);
	return job->id_count >= action->min_ids && job->id_count <= action->max_ids;
}

/* The common advice is about calls. */
static int fail(const actr_error *err)
{
	fprintf(stderr, "actr dlq: %s (%s)\n", err->message, actr_error_name(err->code));
	return actr_cli_status(err->code);
}

static int run(const struct action *action, struct job *job)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_config *config = NULL;
	int rc;

	actr_set_log(ACTR_LOG_WARN, actr_log_stderr, NULL);
	actr__buf_init(&job->found, 64u << 20);
	rc = open_letters(job, &config, &err);
	if (rc == 0)
		rc = action->run(job, &err);
	actr__dlq_close(job->dlq);
	actr__buf_done(&job->found);
	(void)actr_config_free(config);
	return rc < 0 ? fail(&err) : CLI_OK;
}

int actr_cli_dlq(int argc, char **argv)
{
	struct job job = {.config = "Actr.toml", .now_ms = actr__clock_wall_ms()};
	const struct action *action;
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (!set_option(&job, option))
			return usage();
	}
	action = optind < argc ? find_action(argv[optind]) : NULL;
	if (!action)
		return usage();
	job.ids = argv + optind + 1;
	job.id_count = argc - optind - 1;
	return fits(action, &job) ? run(action, &job) : usage();
}
