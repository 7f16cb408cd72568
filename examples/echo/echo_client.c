/*
 * Calls an echo service as often as it is told and reports how that went.
 *
 * --concurrency slots each keep one call running: the completion of a call, on the loop thread,
 * starts the slot's next one. Calls are numbered by one counter, so a slow slot takes fewer. The
 * last slot to run out wakes main().
 */
#include <getopt.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "echo.actr.h"
#include "report.h"

static const char usage[] =
	"usage: echo_client CONFIG [--count N] [--size BYTES] [--concurrency N]\n"
	"                   [--type acme:echo.EchoService] [--show | --json]\n";

static struct {
	long count, size, concurrency;
	enum report_form form;
	actr_type type;
	actr_ref *ref;
	actr_dest dest;
	Echo__EchoRequest req;
	uint64_t *latency_ns; /* by number of the call, each written once */
	atomic_long next;     /* number of the next call */
	atomic_long errors;
	atomic_long slots; /* still running */
	sem_t done;
	actr_error first_error; /* when errors > 0 */
	char detail[512];	/* of the connection; the loop thread's until shutdown */
} app = {.count = 1000, .size = 64, .concurrency = 1, .dest = {.kind = ACTR_DEST_ACTOR}};

struct slot {
	long number; /* of its running call */
	uint64_t started_ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void ended(const struct slot *slot, const actr_error *err)
{
	app.latency_ns[slot->number] = now_ns() - slot->started_ns;
	if (err && atomic_fetch_add(&app.errors, 1) == 0)
		app.first_error = *err;
}

static void start_next(struct slot *slot);

static void on_done(void *user, actr_call *call)
{
	struct slot *slot = user;
	actr_error err = {.code = ACTR_E_INTERNAL, .message = "the answer differs"};
	const Echo__EchoResponse *resp = echo_service_echo_response(call, &err);
	bool same = resp && resp->data.len == app.req.data.len &&
		    (!app.size || !memcmp(resp->data.data, app.req.data.data, resp->data.len));

	ended(slot, same ? NULL : &err);
	start_next(slot);
}

static void start_next(struct slot *slot)
{
	actr_error err;

	while ((slot->number = atomic_fetch_add(&app.next, 1)) < app.count) {
		slot->started_ns = now_ns();
		if (echo_service_echo_start(app.ref, &app.dest, &app.req, NULL, on_done, slot, NULL,
					    &err) == 0)
			return; /* on_done goes on from here */
		ended(slot, &err);
	}
	if (atomic_fetch_sub(&app.slots, 1) == 1)
		sem_post(&app.done);
}

static void on_event(void *self, const actr_event *event)
{
	(void)self;
	if (event->kind == ACTR_EVENT_PEER && event->state == ACTR_STATE_CONNECTED)
		snprintf(app.detail, sizeof app.detail, "%s", event->detail);
}

/* Ask until a candidate is there, for 10 s. */
static int find_peer(actr_error *err)
{
	const uint64_t give_up_ns = now_ns() + 10 * UINT64_C(1000000000);
	int rc;

	for (;;) {
		rc = actr_discover(app.ref, &app.type, &app.dest.id, 1, 2000, err);
		if (rc > 0 || (rc < 0 && !actr_error_retryable(rc)))
			return rc;
		if (now_ns() > give_up_ns)
			break;
		(void)poll(NULL, 0, 100); /* ms */
	}
	if (rc == 0)
		snprintf(err->message, sizeof err->message, "no %.40s:%.150s within 10 s",
			 app.type.manufacturer, app.type.name);
	return rc < 0 ? rc : ACTR_E_NOT_FOUND;
}

static int run(struct slot *slots, actr_error *err)
{
	struct report report = {.calls = app.count, .latency_ns = app.latency_ns};
	uint64_t started_ns;
	int rc = find_peer(err);

	if (rc < 0)
		return rc;
	atomic_store(&app.slots, app.concurrency);
	started_ns = now_ns();
	for (long i = 0; i < app.concurrency; i++)
		start_next(&slots[i]);
	while (sem_wait(&app.done) < 0)
		continue;
	report.took_ns = now_ns() - started_ns;
	report.id = actr_ref_id(app.ref);
	actr_ref_shutdown(app.ref);
	(void)actr_ref_wait(app.ref, NULL); /* from here on nothing of ours runs */
	report.errors = atomic_load(&app.errors);
	report.peer = app.dest.id;
	report.detail = app.detail;
	report_print(&report, app.form);
	if (report.errors)
		*err = app.first_error;
	return report.errors ? app.first_error.code : 0;
}

static int read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"count", required_argument, NULL, 'n'},
		{"size", required_argument, NULL, 's'},
		{"concurrency", required_argument, NULL, 'c'},
		{"type", required_argument, NULL, 't'},
		{"show", no_argument, NULL, 'w'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	actr_error err = ACTR_ERROR_INIT;
	int option;

	(void)actr_type_set(&app.type, echo_service.manufacturer, echo_service.name, NULL);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return ACTR_E_INVALID_ARGUMENT;
		if (option == 't' && actr_type_parse(optarg, &app.type, &err) < 0)
			fprintf(stderr, "--type: %s\n", err.message);
		if (option == 'j' || option == 'w')
			app.form = option == 'j' ? REPORT_JSON : REPORT_SHOW;
		if (option == 'n')
			app.count = strtol(optarg, NULL, 10);
		if (option == 's')
			app.size = strtol(optarg, NULL, 10);
		if (option == 'c')
			app.concurrency = strtol(optarg, NULL, 10);
	}
	return optind + 1 == argc && app.count > 0 && app.size >= 0 && app.concurrency > 0 &&
			       !err.code
		       ? 0
		       : ACTR_E_INVALID_ARGUMENT;
}

int main(int argc, char **argv)
{
	actr_workload workload = ACTR_WORKLOAD_INIT; /* no service: it only calls */
	actr_error err = ACTR_ERROR_INIT;
	actr_config *config = NULL;
	actr_system *system = NULL;
	actr_node *node = NULL;
	struct slot *slots;
	int rc = 0;

	if (read_options(argc, argv) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	slots = calloc((size_t)app.concurrency, sizeof *slots);
	app.latency_ns = calloc((size_t)app.count, sizeof *app.latency_ns);
	echo__echo_request__init(&app.req);
	app.req.data.len = (size_t)app.size;
	app.req.data.data = malloc((size_t)app.size + 1);
	if (!slots || !app.latency_ns || !app.req.data.data || sem_init(&app.done, 0, 0) < 0)
		rc = ACTR_E_NOMEM;
	else
		memset(app.req.data.data, 'x', app.req.data.len);
	workload.on_event = on_event;
	if (rc >= 0)
		rc = actr_config_load(argv[optind], &config, &err);
	if (rc >= 0)
		rc = actr_system_new(config, &system, &err);
	if (rc >= 0)
		rc = actr_node_attach(system, &workload, &node, &err);
	if (rc >= 0)
		rc = actr_node_start(node, &app.ref, &err);
	if (rc >= 0)
		rc = run(slots, &err);
	if (rc < 0)
		fprintf(stderr, "echo_client: %s: %s\n", actr_error_name(rc), err.message);
	if (!app.ref)
		actr_node_unref(node); /* a started node belongs to its ref */
	actr_ref_unref(app.ref);
	actr_system_unref(system);
	actr_config_free(config);
	free(app.req.data.data);
	free(app.latency_ns);
	free(slots);
	return rc < 0;
}
