/*
 * interop_peer service CONFIG
 * interop_peer client CONFIG [--mode MODE] [--count N] [--size BYTES] [--lane N] [--expect ID]
 *
 * A service prints `ready <id>` and runs until SIGTERM; it calls whom lines on stdin name. A client
 * finds an echo service, does one mode and prints a line of JSON; what is not as it should be it
 * tells on stderr, in lines that begin with "interop:", and ends with 1.
 */
#include "peer.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct plan plan = {
	.mode = "call", .expect = "", .count = 1, .size = 64, .lane = ACTR_LANE_STREAM_RELIABLE};
actr_ref *own;
actr_dest service = {.kind = ACTR_DEST_ACTOR};
atomic_long tells, strays, orphans, came;

static atomic_int failed;
static char fields[1024];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{"discover", run_discover}, {"tell", run_tell},	  {"signal", run_signal},
	{"fail", run_fail},	    {"late", run_late},	  {"restart", run_restart},
	{"stream", run_stream},	    {"large", run_large}, {"media", run_media},
};

void note(atomic_long *counter)
{
	pthread_mutex_lock(&mutex);
	atomic_fetch_add(counter, 1);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

bool reached(atomic_long *counter, long target)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	pthread_mutex_lock(&mutex);
	while (atomic_load(counter) < target && rc == 0)
		rc = pthread_cond_timedwait(&changed, &mutex, &until);
	pthread_mutex_unlock(&mutex);
	return atomic_load(counter) >= target;
}

void expect_text(const char *what, const char *expected, const char *seen)
{
	if (!strcmp(expected, seen))
		return;
	atomic_fetch_add(&failed, 1);
	fprintf(stderr, "interop: %s: expected `%s`, seen `%s`\n", what, expected, seen);
}

void expect_number(const char *what, long expected, long seen)
{
	char a[24], b[24];

	snprintf(a, sizeof a, "%ld", expected);
	snprintf(b, sizeof b, "%ld", seen);
	expect_text(what, a, b);
}

void say(const char *format, ...)
{
	size_t used = strlen(fields);
	va_list args;

	va_start(args, format);
	vsnprintf(fields + used, sizeof fields - used, format, args);
	va_end(args);
}

long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void fill(uint8_t *bytes, long n, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)((size_t)n + i);
}

static void on_log(void *user, const actr_log_record *record)
{
	actr_log_stderr(user, record);
	if (!strcmp(record->category, "orphan_response"))
		note(&orphans);
}

/* Ask until a service is there. */
static int find_service(actr_error *err)
{
	const long give_up_ms = now_ms() + PATIENCE_MS;
	actr_type type;
	int rc;

	(void)actr_type_set(&type, echo_service.manufacturer, echo_service.name, NULL);
	do
		rc = actr_discover(own, &type, &service.id, 1, 2000, err);
	while (rc <= 0 && (rc == 0 || actr_error_retryable(rc)) && now_ms() < give_up_ms);
	if (rc == 0)
		snprintf(err->message, sizeof err->message, "no echo service is there");
	return rc == 0 ? ACTR_E_NOT_FOUND : rc;
}

static int run_client(actr_error *err)
{
	int rc = find_service(err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(plan.mode, modes[i].name))
			continue;
		modes[i].run();
		expect_number("answers that our handler was given", 0, atomic_load(&strays));
		own = actr_ref_close(own);
		printf("{%s}\n", fields);
		return 0;
	}
	snprintf(err->message, sizeof err->message, "there is no mode %s", plan.mode);
	return ACTR_E_INVALID_ARGUMENT;
}

/* Each line of stdin is the id of an actor that a service calls. */
static void *call_whom_stdin_names(void *unused)
{
	char line[ACTR_ID_TEXT_SIZE + 1], answer[64];
	ssize_t size;

	(void)unused;
	/* Not by stdio: exit() would wait for its lock. */
	while ((size = read(STDIN_FILENO, line, sizeof line - 1)) > 0) {
		const long started_ms = now_ms();
		actr_error err = ACTR_ERROR_INIT;
		int rc;

		line[size] = '\0';
		line[strcspn(line, "\n")] = '\0';
		service.kind = ACTR_DEST_ACTOR;
		rc = actr_id_parse(line, &service.id, &err);
		if (rc >= 0)
			rc = ask("glare", 8000, answer, sizeof answer, &err);
		printf("called %ld %s\n", now_ms() - started_ms, rc < 0 ? err.message : answer);
		fflush(stdout);
	}
	return NULL;
}

static int run_service(actr_error *err)
{
	char text[ACTR_ID_TEXT_SIZE];
	const actr_id id = actr_ref_id(own);
	pthread_t caller;
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, NULL); /* whoever reads "ready" may end us at once */
	printf("ready %s\n", actr_id_format(&id, text, sizeof text));
	fflush(stdout);
	if (pthread_create(&caller, NULL, call_whom_stdin_names, NULL) == 0)
		pthread_detach(caller);
	return actr_ref_run_until_signal(own, err);
}

static void on_stop(void *self, actr_ctx *ctx)
{
	(void)self;
	(void)ctx;
	service_stop();
}

/* A client serves as well, by another name: an answer taken for a request would find a handler. */
static int start(const char *path, bool is_service, actr_error *err)
{
	static actr_service offered;
	actr_workload workload = ACTR_WORKLOAD_INIT;
	actr_config *config = NULL;
	actr_system *system = NULL;
	actr_node *node = NULL;
	int rc = actr_config_load(path, &config, err);

	offered = echo_service;
	if (!is_service)
		offered.name = "interop.Client";
	workload.service = &offered;
	workload.ops = &service_ops;
	workload.self = is_service ? NULL : &strays;
	workload.on_stop = on_stop;
	if (rc >= 0)
		rc = actr_system_new(config, &system, err);
	if (rc >= 0) {
		actr_system_give_config(system, config, actr_config_free);
		config = NULL;
		rc = actr_node_attach(system, &workload, &node, err);
	}
	if (rc >= 0)
		rc = actr_node_start(node, &own, err);
	if (rc < 0)
		actr_node_unref(node);
	actr_system_unref(system);
	actr_config_free(config);
	return rc;
}

static bool read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"mode", required_argument, NULL, 'm'},	  {"count", required_argument, NULL, 'n'},
		{"size", required_argument, NULL, 's'},	  {"lane", required_argument, NULL, 'l'},
		{"expect", required_argument, NULL, 'e'}, {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'm')
			plan.mode = optarg;
		else if (option == 'n')
			plan.count = strtol(optarg, NULL, 10);
		else if (option == 's')
			plan.size = strtol(optarg, NULL, 10);
		else if (option == 'l')
			plan.lane = (actr_lane)strtol(optarg, NULL, 10);
		else if (option == 'e')
			plan.expect = optarg;
		else
			return false;
	}
	return optind + 2 == argc && plan.count > 0 && plan.size >= 0;
}

int main(int argc, char **argv)
{
	actr_error err = ACTR_ERROR_INIT;
	bool is_service;
	int rc;

	if (!read_options(argc, argv)) {
		fputs("usage: interop_peer service|client CONFIG [OPTIONS]\n", stderr);
		return 2;
	}
	is_service = !strcmp(argv[optind], "service");
	actr_set_log(ACTR_LOG_INFO, on_log, NULL);
	rc = start(argv[optind + 1], is_service, &err);
	if (rc >= 0)
		rc = is_service ? run_service(&err) : run_client(&err);
	if (rc < 0)
		fprintf(stderr, "interop: %s: %s\n", actr_error_name(rc), err.message);
	actr_ref_unref(own);
	return rc < 0 || atomic_load(&failed);
}
