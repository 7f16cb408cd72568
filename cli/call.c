/*
 * actr call: one request as raw bytes, its answer as raw bytes. It joins the network as a node of
 * its own, which lives as long as the call.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help[] =
	"usage: actr call CONFIG TYPE ROUTE [--data-file FILE] [--timeout-ms N] [--tell]\n"
	"\n"
	"Sends one request to an actor and writes its answer to standard output, as raw bytes.\n"
	"\n"
	"  CONFIG            Actr.toml of the node that calls\n"
	"  TYPE              whom to call, e.g. acme:echo.EchoService\n"
	"  ROUTE             package.Service.Method, e.g. echo.EchoService.Echo\n"
	"  --data-file FILE  the encoded request; - is standard input; empty when not given\n"
	"  --timeout-ms N    for discovery and call together (default 30000)\n"
	"  --tell            send it one-way, wait for no answer\n"
	"\n"
	"Status: 0 answered, 2 usage or configuration, 3 not found, 4 denied, 5 unavailable,\n"
	"6 timeout, 7 refused by the other side, 1 anything else.\n";

#define MAX_DATA_BYTES (64u << 20) /* more than any message may have */

struct request {
	const char *config_path;
	const char *route;
	const char *data_path; /* NULL: empty */
	actr_type type;
	int64_t timeout_ms;
	bool tell;
	uint8_t *data;
	size_t size;
};

static int fail(actr_error *err, int code, const char *place, const char *cause)
{
	*err = (actr_error){.code = code, .wire_code = actr_error_to_wire(code)};
	snprintf(err->message, sizeof err->message, "%.140s: %.100s", place, cause);
	return code;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- the request's bytes -----------------------------------------------------------------------
 */

static int read_stream(FILE *in, struct request *request, actr_error *err)
{
	size_t capacity = 0, got;

	do {
		if (request->size == capacity) {
			uint8_t *data = realloc(request->data, capacity ? capacity * 2 : 65536);

			if (!data)
				return fail(err, ACTR_E_NOMEM, request->data_path, "out of memory");
			request->data = data;
			capacity = capacity ? capacity * 2 : 65536;
		}
		got = fread(request->data + request->size, 1, capacity - request->size, in);
		request->size += got;
		if (request->size > MAX_DATA_BYTES)
			return fail(err, ACTR_E_TOO_LARGE, request->data_path, "over 64 MiB");
	} while (got);
	return ferror(in) ? fail(err, ACTR_E_CONFIG, request->data_path, strerror(errno)) : 0;
}

static int read_data(struct request *request, actr_error *err)
{
	FILE *in;
	int rc;

	if (!request->data_path)
		return 0;
	if (!strcmp(request->data_path, "-"))
		return read_stream(stdin, request, err);
	in = fopen(request->data_path, "rb");
	if (!in)
		return fail(err, ACTR_E_CONFIG, request->data_path, strerror(errno));
	rc = read_stream(in, request, err);
	fclose(in);
	return rc;
}

/* --- the call ----------------------------------------------------------------------------------
 */

static int find_actor(actr_ref *ref, const struct request *request, actr_dest *ret_dest,
		      actr_error *err)
{
	char text[ACTR_ID_TEXT_SIZE];
	actr_id id;
	int rc = actr_discover(ref, &request->type, &id, 1, request->timeout_ms, err);

	if (rc == 0)
		return fail(err, ACTR_E_NOT_FOUND,
			    actr_type_format(&request->type, text, sizeof text),
			    "no actor of this type is registered");
	if (rc > 0)
		*ret_dest = actr_dest_actor(&id);
	return rc < 0 ? rc : 0;
}

static int print_answer(actr_call *call, actr_error *err)
{
	actr_bytes answer = actr_call_response(call);

	if ((answer.size && fwrite(answer.data, answer.size, 1, stdout) != 1) || fflush(stdout))
		return fail(err, ACTR_E_IO, "standard output", strerror(errno));
	return 0;
}

static int exchange(actr_ref *ref, const actr_dest *dest, const struct request *request,
		    int64_t timeout_ms, actr_error *err)
{
	const actr_method method = {.route_key = request->route,
				    .lane = ACTR_LANE_RPC_RELIABLE,
				    .input = "",
				    .output = ""};
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	actr_call *call;
	uint8_t *payload;
	int rc;

	options.timeout_ms = timeout_ms > 0 ? timeout_ms : 1;
	rc = actr_call_new(ref, dest, &method, request->size, &options, &call, &payload, err);
	if (rc < 0)
		return rc;
	if (request->size)
		memcpy(payload, request->data, request->size);
	rc = request->tell ? actr_call_start_tell(call, NULL, NULL)
			   : actr_call_start(call, NULL, NULL);
	if (rc >= 0)
		rc = actr_call_wait(call, err);
	if (rc >= 0 && !request->tell)
		rc = print_answer(call, err);
	actr_call_unref(call);
	return rc;
}

static int run(const struct request *request, actr_error *err)
{
	actr_workload workload = ACTR_WORKLOAD_INIT; /* no service: it only calls */
	actr_config *config = NULL;
	actr_system *system = NULL;
	actr_node *node = NULL;
	actr_ref *ref = NULL;
	actr_dest dest;
	int64_t end_ms = 0;
	int rc = actr_config_load(request->config_path, &config, err);

	if (rc >= 0)
		rc = actr_system_new(config, &system, err);
	if (rc >= 0)
		rc = actr_node_attach(system, &workload, &node, err);
	if (rc >= 0)
		rc = actr_node_start(node, &ref, err);
	if (rc >= 0) {
		end_ms = now_ms() + request->timeout_ms;
		rc = find_actor(ref, request, &dest, err);
	}
	if (rc >= 0)
		rc = exchange(ref, &dest, request, end_ms - now_ms(), err);
	if (ref) {
		actr_ref_shutdown(ref);
		(void)actr_ref_wait(ref, NULL); /* the answer is out; nothing more to say */
	} else {
		actr_node_unref(node); /* a started node belongs to its ref */
	}
	actr_ref_unref(ref);
	actr_system_unref(system);
	actr_config_free(config);
	return rc;
}

/* --- arguments ---------------------------------------------------------------------------------
 */

static int usage(const char *problem)
{
	fprintf(stderr, "actr call: %s; see actr call --help\n", problem);
	return CLI_USAGE;
}

/* CLI_OK, or CLI_USAGE after a line on stderr. */
static int read_arguments(int argc, char **argv, struct request *ret_request)
{
	static const struct option options[] = {
		{"data-file", required_argument, NULL, 'd'},
		{"timeout-ms", required_argument, NULL, 't'},
		{"tell", no_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	actr_error err = ACTR_ERROR_INIT;
	char *end = "";
	int option;

	optind = 0; /* glibc: start anew, whatever main() has parsed */
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return CLI_USAGE;
		if (option == 'd')
			ret_request->data_path = optarg;
		if (option == 't')
			ret_request->timeout_ms = strtol(optarg, &end, 10);
		if (option == 'o')
			ret_request->tell = true;
	}
	if (*end || ret_request->timeout_ms <= 0)
		return usage("--timeout-ms: expected a number of milliseconds above 0");
	if (argc - optind != 3)
		return usage("expected CONFIG TYPE ROUTE");
	ret_request->config_path = argv[optind];
	ret_request->route = argv[optind + 2];
	if (actr_type_parse(argv[optind + 1], &ret_request->type, &err) < 0)
		return usage(err.message);
	return CLI_OK;
}

int actr_cli_call(int argc, char **argv)
{
	struct request request = {.timeout_ms = ACTR_CALL_TIMEOUT_MS};
	actr_error err = ACTR_ERROR_INIT;
	int status, rc;

	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return fputs(help, stdout) < 0;
	status = read_arguments(argc, argv, &request);
	if (status != CLI_OK)
		return status;
	rc = read_data(&request, &err);
	if (rc >= 0)
		rc = run(&request, &err);
	if (rc < 0) {
		err.code = rc;
		status = actr_cli_fail("call", &err);
	}
	free(request.data);
	return status;
}
