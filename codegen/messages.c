/*
 * The option `messages`: protobuf-c's generator, run by us with a request that it can use.
 *
 * By itself protoc-gen-c 1.4 writes a stub for each rpc, named as the rpc is, so that `rpc
 * Register` does not compile in C nor `rpc Delete` in C++; and it refuses files with proto3's
 * `optional`. We take the services out, and make of each such field what it is to a descriptor
 * anyway: the only member of a oneof. Bytes on the wire are the same, and `msg->_x_case` tells
 * whether x is set.
 *
 * Request and answer go through temporary files, so that neither side waits for the other.
 */
#include "codegen.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <actr/error.h>

extern char **environ;

static void make_plain_oneofs(pb_message *message)
{
	for (size_t i = 0; i < message->n_field; i++)
		message->field[i]->has_proto3_optional = message->field[i]->proto3_optional = 0;
	for (size_t i = 0; i < message->n_nested_type; i++)
		make_plain_oneofs(message->nested_type[i]);
}

/* The request is ours, and nobody needs what goes: the model is built. */
static void simplify(pb_request *request)
{
	request->parameter = NULL;
	for (size_t i = 0; i < request->n_proto_file; i++) {
		request->proto_file[i]->n_service = 0;
		for (size_t j = 0; j < request->proto_file[i]->n_message_type; j++)
			make_plain_oneofs(request->proto_file[i]->message_type[j]);
	}
}

static int put_request(struct codegen *cg, FILE *out)
{
	size_t size =
		google__protobuf__compiler__code_generator_request__get_packed_size(cg->request);
	uint8_t *bytes = actr__codegen_alloc(cg, size);

	(void)google__protobuf__compiler__code_generator_request__pack(cg->request, bytes);
	if (fwrite(bytes, 1, size, out) != size || fflush(out) || fseek(out, 0, SEEK_SET))
		return actr__codegen_problem(cg, "temporary file: %s", strerror(errno));
	return 0;
}

static int run(struct codegen *cg, const char *program, int in, int out)
{
	char *const argv[] = {(char *)program, NULL};
	posix_spawn_file_actions_t actions;
	int status = 0, rc;
	pid_t pid;

	rc = posix_spawn_file_actions_init(&actions);
	if (rc)
		return actr__codegen_problem(cg, "%s: %s", program, strerror(rc));
	rc = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!rc)
		rc = posix_spawnp(&pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return actr__codegen_problem(
			cg,
			"option messages needs %s, which cannot be run: %s; install "
			"protobuf-c-compiler, or name the program in PROTOC_GEN_C",
			program, strerror(rc));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return actr__codegen_problem(cg, "%s: %s", program, strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return actr__codegen_problem(
			cg, "%s has failed on this file (it cannot do groups, for one)", program);
	return 0;
}

static int get_response(struct codegen *cg, const char *program, FILE *in)
{
	struct actr__buf bytes;
	int rc;

	actr__buf_init(&bytes, CODEGEN_MAX_INPUT);
	rc = fseek(in, 0, SEEK_SET) ? ACTR_E_IO : actr__request_read_all(in, &bytes);
	if (rc >= 0)
		cg->messages_response = actr__request_unpack_response(cg, bytes.data, bytes.size);
	actr__buf_done(&bytes);
	if (!cg->messages_response)
		return actr__codegen_problem(cg, "%s gave no answer that we understand", program);
	if (cg->messages_response->error)
		return actr__codegen_problem(cg, "%s: %s", program, cg->messages_response->error);
	return 0;
}

int actr__messages_generate(struct codegen *cg)
{
	const char *program = getenv("PROTOC_GEN_C");
	FILE *in = tmpfile();
	FILE *out = tmpfile();
	int rc;

	if (!program || !program[0])
		program = "protoc-gen-c";
	simplify(cg->request);
	rc = in && out ? put_request(cg, in)
		       : actr__codegen_problem(cg, "temporary file: %s", strerror(errno));
	if (rc >= 0)
		rc = run(cg, program, fileno(in), fileno(out));
	if (rc >= 0)
		rc = get_response(cg, program, out);
	if (in)
		fclose(in);
	if (out)
		fclose(out);
	return rc;
}
