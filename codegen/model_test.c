/* What protoc itself would not let through: requests made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "codegen.h"

typedef Google__Protobuf__SourceCodeInfo pb_info;
typedef Google__Protobuf__SourceCodeInfo__Location pb_location;

/* One file, bad.proto of package bad, with message M and service S with rpc Get(input) returns (M).
 */
struct world {
	struct codegen cg;
	pb_request request;
	pb_file file, *files[1];
	pb_message message, *messages[1];
	pb_service service, *services[1];
	pb_method method, *methods[1];
	pb_info info;
	pb_location location, *locations[1];
	int32_t path[5], span[3];
	char *generate[1];
};

static struct world world;

static int setup(void **state)
{
	struct world *w = &world;

	*w = (struct world){.path = {6, 0, 2, 0, 2}, .span = {9, 10, 20}};
	google__protobuf__compiler__code_generator_request__init(&w->request);
	google__protobuf__file_descriptor_proto__init(&w->file);
	google__protobuf__descriptor_proto__init(&w->message);
	google__protobuf__service_descriptor_proto__init(&w->service);
	google__protobuf__method_descriptor_proto__init(&w->method);
	google__protobuf__source_code_info__init(&w->info);
	google__protobuf__source_code_info__location__init(&w->location);
	w->location.path = w->path;
	w->location.n_path = ARRAY_SIZE(w->path);
	w->location.span = w->span;
	w->location.n_span = ARRAY_SIZE(w->span);
	w->locations[0] = &w->location;
	w->info.location = w->locations;
	w->info.n_location = 1;
	w->method.name = "Get";
	w->method.input_type = ".bad.M";
	w->method.output_type = ".bad.M";
	w->methods[0] = &w->method;
	w->service.name = "S";
	w->service.method = w->methods;
	w->service.n_method = 1;
	w->services[0] = &w->service;
	w->message.name = "M";
	w->messages[0] = &w->message;
	w->file.name = "bad.proto";
	w->file.package = "bad";
	w->file.service = w->services;
	w->file.n_service = 1;
	w->file.message_type = w->messages;
	w->file.n_message_type = 1;
	w->file.source_code_info = &w->info;
	w->files[0] = &w->file;
	w->generate[0] = "bad.proto";
	w->request.proto_file = w->files;
	w->request.n_proto_file = 1;
	w->request.file_to_generate = w->generate;
	w->request.n_file_to_generate = 1;
	actr__arena_init(&w->cg.arena, NULL, 0, SIZE_MAX);
	w->cg.request = &w->request;
	w->cg.manufacturer = "acme";
	w->cg.prefix = "";
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	actr__map_done(&w->cg.messages);
	actr__map_done(&w->cg.symbols);
	actr__arena_done(&w->cg.arena);
	return 0;
}

static void a_sound_file_becomes_a_model(void **state)
{
	struct world *w = *state;

	assert_int_equal(actr__model_build(&w->cg), 0);
	assert_int_equal(w->cg.file_count, 1);
	assert_string_equal(w->cg.files[0].services[0].methods[0].input->c_type, "Bad__M");
	assert_string_equal(w->cg.files[0].headers[0], "bad.pb-c.h");
	assert_false(w->cg.files[0].has_recursive);
}

static void defect_70_a_type_in_no_file_is_an_error_with_its_place(void **state)
{
	struct world *w = *state;

	w->method.input_type = ".other.M"; /* there is an M, in another package */
	assert_int_equal(actr__model_build(&w->cg), ACTR_E_INVALID_ARGUMENT);
	assert_non_null(
		strstr(w->cg.problem, "bad.proto:10:11: rpc bad.S.Get: its request type .other.M"));
}

static void defect_70_a_type_that_protoc_did_not_resolve_is_not_guessed(void **state)
{
	struct world *w = *state;

	w->method.output_type = "M";
	assert_int_equal(actr__model_build(&w->cg), ACTR_E_INVALID_ARGUMENT);
	assert_non_null(strstr(w->cg.problem, "its response type M is in no file"));
}

static void a_problem_without_positions_names_the_file(void **state)
{
	struct world *w = *state;

	w->file.source_code_info = NULL;
	w->method.input_type = NULL;
	assert_int_equal(actr__model_build(&w->cg), ACTR_E_INVALID_ARGUMENT);
	assert_non_null(strstr(w->cg.problem, "bad.proto: rpc bad.S.Get"));
}

static void a_file_that_was_not_described_is_an_error(void **state)
{
	struct world *w = *state;

	w->generate[0] = "other.proto";
	assert_int_equal(actr__model_build(&w->cg), ACTR_E_INVALID_ARGUMENT);
	assert_non_null(strstr(w->cg.problem, "other.proto"));
}

static void a_lane_that_does_not_exist_is_an_error(void **state)
{
	struct world *w = *state;
	uint8_t nine = 9;
	ProtobufCMessageUnknownField field = {
		.tag = 50001, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = &nine};
	Google__Protobuf__MethodOptions options = GOOGLE__PROTOBUF__METHOD_OPTIONS__INIT;

	options.base.unknown_fields = &field;
	options.base.n_unknown_fields = 1;
	w->method.options = &options;
	assert_int_equal(actr__model_build(&w->cg), ACTR_E_INVALID_ARGUMENT);
	assert_non_null(strstr(w->cg.problem, "payload_type 9 is unknown"));
}

static void the_fingerprint_follows_the_content_and_not_the_positions(void **state)
{
	struct world *w = *state;
	uint64_t first;

	assert_int_equal(actr__model_build(&w->cg), 0);
	first = w->cg.files[0].fingerprint;
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	w->file.source_code_info = NULL;
	assert_int_equal(actr__model_build(&w->cg), 0);
	assert_true(w->cg.files[0].fingerprint == first);
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	w->method.name = "Put";
	assert_int_equal(actr__model_build(&w->cg), 0);
	assert_true(w->cg.files[0].fingerprint != first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sound_file_becomes_a_model),
		TEST(defect_70_a_type_in_no_file_is_an_error_with_its_place),
		TEST(defect_70_a_type_that_protoc_did_not_resolve_is_not_guessed),
		TEST(a_problem_without_positions_names_the_file),
		TEST(a_file_that_was_not_described_is_an_error),
		TEST(a_lane_that_does_not_exist_is_an_error),
		TEST(the_fingerprint_follows_the_content_and_not_the_positions),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
