/* protoc-gen-actr: reads a CodeGeneratorRequest from stdin, writes the response to stdout. */
#include "codegen.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"

#define MAX_TEXT (64u << 20)

typedef Google__Protobuf__Compiler__CodeGeneratorResponse__File response_file;

static const char help[] =
	"protoc-gen-actr: typed C for actr services, a plugin of protoc\n"
	"\n"
	"  protoc --actr_out=DIR --actr_opt=messages[,KEY=VALUE...] FILE.proto...\n"
	"\n"
	"For each file with services it writes FILE.actr.h and FILE.actr.c, which use the "
	"messages\n"
	"that protobuf-c makes of the same file and of its imports: by the option messages, or by\n"
	"protoc --c_out.\n"
	"\n"
	"Options for --actr_opt:\n"
	"  manufacturer=NAME  of the services' actor types (default acme)\n"
	"  prefix=NAME        put before all C names, to keep two services apart\n"
	"  messages           write FILE.pb-c.h and FILE.pb-c.c too, so that --c_out is not "
	"needed;\n"
	"                     then rpcs may be called as words of C, and fields be `optional` in\n"
	"                     proto3. Runs protoc-gen-c, or the program named in PROTOC_GEN_C\n"
	"\n"
	"A method chooses its lane with `option (actr.payload_type) = RPC_SIGNAL;` after\n"
	"`import \"actr/options.proto\";`.\n"
	"\n"
	"  -h, --help     print this\n"
	"  -V, --version  print the version\n";

static response_file *
make_file(struct codegen *cg, const struct codegen_file *file, const char *suffix,
	  void (*emit)(struct codegen *, const struct codegen_file *, struct actr__buf *))
{
	response_file *out = actr__codegen_alloc(cg, sizeof *out);
	struct actr__buf text;

	actr__buf_init(&text, MAX_TEXT);
	emit(cg, file, &text);
	google__protobuf__compiler__code_generator_response__file__init(out);
	out->name = actr__codegen_format(cg, "%s%s", file->base, suffix);
	out->content = actr__arena_strndup(&cg->arena, text.data, text.size);
	if (text.failed || !out->content) {
		fputs("protoc-gen-actr: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	actr__buf_done(&text);
	return out;
}

static void fill_response(struct codegen *cg, pb_response *response)
{
	const pb_response *more = cg->messages_response;
	size_t count;

	response->has_supported_features = 1;
	response->supported_features =
		GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__FEATURE__FEATURE_PROTO3_OPTIONAL;
	if (cg->problem) {
		response->error = actr__codegen_format(cg, "%s", cg->problem);
		return;
	}
	count = 2 * cg->file_count + (more ? more->n_file : 0);
	response->file = actr__codegen_alloc(cg, count * sizeof *response->file);
	for (size_t i = 0; i < cg->file_count; i++) {
		const struct codegen_file *file = &cg->files[i];

		response->file[response->n_file++] =
			make_file(cg, file, ".actr.h", actr__emit_header);
		response->file[response->n_file++] =
			make_file(cg, file, ".actr.c", actr__emit_source);
	}
	for (size_t i = 0; more && i < more->n_file; i++)
		response->file[response->n_file++] = more->file[i];
}

static int write_response(struct codegen *cg, const pb_response *response)
{
	size_t size =
		google__protobuf__compiler__code_generator_response__get_packed_size(response);
	uint8_t *bytes = actr__codegen_alloc(cg, size);

	(void)google__protobuf__compiler__code_generator_response__pack(response, bytes); /* size */
	if (fwrite(bytes, 1, size, stdout) != size || fflush(stdout)) {
		perror("protoc-gen-actr: standard output");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static int generate(struct codegen *cg, const struct actr__buf *in)
{
	pb_response response = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT;
	int rc = actr__request_read(cg, in->data, in->size);

	if (rc == ACTR_E_DECODE) { /* protoc is not there to show it */
		fprintf(stderr, "protoc-gen-actr: %s\n", cg->problem);
		return EXIT_FAILURE;
	}
	if (rc >= 0)
		rc = actr__model_build(cg);
	if (rc >= 0 && cg->with_messages)
		(void)actr__messages_generate(cg); /* a problem becomes the response */
	fill_response(cg, &response);
	return write_response(cg, &response);
}

static int run_plugin(void)
{
	struct codegen cg = {0};
	struct actr__buf in;
	int status = EXIT_FAILURE;

	actr__arena_init(&cg.arena, NULL, 0, SIZE_MAX);
	actr__buf_init(&in, CODEGEN_MAX_INPUT);
	if (actr__request_read_all(stdin, &in) < 0)
		fputs("protoc-gen-actr: standard input is too large\n", stderr);
	else
		status = generate(&cg, &in);
	actr__map_done(&cg.messages);
	actr__map_done(&cg.symbols);
	actr__buf_done(&in);
	actr__arena_done(&cg.arena);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int option = getopt_long(argc, argv, "hV", options, NULL);

	if (option == 'h')
		return fputs(help, stdout) < 0;
	if (option == 'V')
		return puts("protoc-gen-actr " ACTR_VERSION) < 0;
	if (option != -1 || optind < argc || isatty(STDIN_FILENO)) {
		fputs(help, stderr);
		return EXIT_FAILURE;
	}
	return run_plugin();
}
