#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "config/config.h"

#define DATA TEST_DATA "/fingerprint/"

static struct actr__protos *parse(const char *text)
{
	const actr_config_file file = {"t.proto", text};
	actr_error err = ACTR_ERROR_INIT;
	struct actr__protos *protos = NULL;

	if (actr__protos_new(&file, 1, &protos, &err) < 0)
		fail_msg("%s", err.message);
	return protos;
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = calloc(1, 65536);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

/* Made by running the original (proto-sign 0.1.1). */
static void the_fingerprints_are_the_originals(void **st)
{
	static const struct {
		const char *text, *hash;
	} vectors[] = {
		{"syntax=\"proto3\"; package echo; message EchoRequest{string message=1;} message "
		 "EchoResponse{string reply=1; uint64 time_stamp=2;} service EchoService{rpc "
		 "Echo(EchoRequest) returns (EchoResponse);}",
		 "semantic:1804c397085598ed2f844cd1d9c07086e66d2e744d4aa15c0f5040da7bf7ab6e"},
		{"syntax=\"proto3\"; package o; message Q{optional string x=1; repeated int32 "
		 "r=2;}",
		 "semantic:b0c495b821d358a8600442f40ff7559602c5f806bc4665af0d028c72c2f65923"},
		{"message NoSyn { optional int32 a = 1; }",
		 "semantic:a8d57b4bda3b2723114366a716f08d6487296a2aecb6ead45afad02c71c42fd4"},
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct actr__protos *protos = parse(vectors[i].text);

		assert_string_equal(actr__protos_fingerprint(protos, 0), vectors[i].hash);
		assert_null(actr__protos_free(protos));
	}
}

static void expect_canonical(const char *proto, const char *json)
{
	char *text = read_file(proto), *expected = read_file(json);
	struct actr__protos *protos = parse(text);
	struct actr__buf out;

	expected[strlen(expected) - 1] = 0; /* the file's last newline */
	actr__buf_init(&out, 1 << 20);
	assert_int_equal(actr__protos_canonical(protos, 0, &out), 0);
	assert_string_equal(actr__buf_text(&out), expected);
	actr__buf_done(&out);
	actr__protos_free(protos);
	free(expected);
	free(text);
}

static void the_canonical_form_is_the_originals_byte_for_byte(void **st)
{
	(void)st;
	expect_canonical(DATA "echo.proto", DATA "echo.canonical.json");
	expect_canonical(DATA "mix.proto", DATA "mix.canonical.json");
}

/* tests/data/fingerprint/original.txt: lines of `hash file`, printed by the original. */
static void more_files_have_the_originals_fingerprints(void **st)
{
	char *list = read_file(DATA "original.txt"), *next = list;
	size_t files = 0;

	(void)st;
	for (char *line; (line = strsep(&next, "\n")) && *line; files++) {
		char *hash = strsep(&line, " "), path[512], *text;
		struct actr__protos *protos;

		snprintf(path, sizeof path, "%s%s", DATA, line);
		text = read_file(path);
		protos = parse(text);
		if (strcmp(actr__protos_fingerprint(protos, 0), hash) != 0)
			fail_msg("%s: %s is not %s", line, actr__protos_fingerprint(protos, 0),
				 hash);
		actr__protos_free(protos);
		free(text);
	}
	free(list);
	assert_true(files >= 5);
}

static void expect_same(const char *a, const char *b, bool same)
{
	struct actr__protos *x = parse(a), *y = parse(b);

	assert_int_equal(!strcmp(actr__protos_fingerprint(x, 0), actr__protos_fingerprint(y, 0)),
			 same);
	actr__protos_free(x);
	actr__protos_free(y);
}

static void comments_formatting_and_order_do_not_matter(void **st)
{
	(void)st;
	expect_same(
		"syntax='proto3';message A{int32 a=1;B b=2;}message B{}",
		"// about\nsyntax = \"proto3\";\n;message B { }\nmessage A {\n/* two */ B b = 2 "
		";\n int32 a = 1;;\n}\n",
		true);
	expect_same("message A{optional int32 a=1;}", "message A{optional int32 b=1;}", false);
	expect_same("message A{optional int32 a=1;}", "message A{repeated int32 a=1;}", false);
	expect_same("syntax='proto2';", "", true);
	expect_same("syntax='proto3';", "", false);
}

static void a_custom_option_does_not_matter(void **st)
{
	(void)st;
	expect_same(
		"import 'actr/options.proto'; message A{} service S{rpc M(A) returns(A) {option "
		"(actr.payload_type) = RPC_SIGNAL;}}",
		"import 'actr/options.proto'; message A{} service S{rpc M(A) returns(A);}", true);
	expect_same(
		"message A{optional int32 a=1 [(x).y.z = { a: [1, 2] b { c: 'd' } }, deprecated = "
		"true];} option (o) = -1;",
		"message A{optional int32 a=1 [deprecated=true];}", true);
}

static const char *type_of_field(struct actr__buf *out, const char *text)
{
	struct actr__protos *protos = parse(text);
	const char *at;

	actr__buf_clear(out);
	assert_int_equal(actr__protos_canonical(protos, 0, out), 0);
	actr__protos_free(protos);
	at = strstr(actr__buf_text(out), "\"type_name\": ");
	assert_non_null(at);
	*strchr(at, ',') = 0;
	return at + strlen("\"type_name\": ");
}

static void a_type_is_found_from_the_inside_out(void **st)
{
	struct actr__buf out;

	(void)st;
	actr__buf_init(&out, 1 << 20);
	assert_string_equal(type_of_field(&out, "package p;message M{message T{}optional T t=1;} "
						"message T{}"),
			    "\".p.M.T\"");
	assert_string_equal(type_of_field(&out, "package p;message M{optional T t=1;} message T{}"),
			    "\".p.T\"");
	assert_string_equal(
		type_of_field(&out, "package a.b;message M{optional M.T t=1;enum T{X=0;}}"),
		"\".a.b.M.T\"");
	assert_string_equal(type_of_field(&out, "package a.b;message M{optional .x.T t=1;}"),
			    "\".x.T\"");
	actr__buf_done(&out);
}

static void a_type_of_no_file_becomes_absolute_as_it_is_written(void **st)
{
	struct actr__buf out;

	(void)st;
	actr__buf_init(&out, 1 << 20);
	assert_string_equal(
		type_of_field(&out, "package p;message M{optional google.protobuf.Any t=1;}"),
		"\".google.protobuf.Any\"");
	assert_string_equal(type_of_field(&out, "package p;message M{optional T t=1;}"),
			    "\".p.T\"");
	assert_string_equal(type_of_field(&out, "message M{optional T t=1;}"), "\".T\"");
	actr__buf_done(&out);
}

static void types_are_found_in_the_other_files_of_a_set(void **st)
{
	const actr_config_file files[] = {
		{"b.proto", "package a.b; import 'a.proto'; message M { optional T t = 1; }"},
		{"a.proto", "package a; message T {}"},
	};
	struct actr__protos *protos = NULL;
	struct actr__buf out;

	(void)st;
	actr__buf_init(&out, 1 << 20);
	assert_int_equal(actr__protos_new(files, 2, &protos, NULL), 0);
	assert_int_equal(actr__protos_canonical(protos, 0, &out), 0);
	assert_non_null(strstr(actr__buf_text(&out), "\"type_name\": \".a.T\""));
	actr__buf_done(&out);
	actr__protos_free(protos);
}

static void a_services_fingerprint_has_names_without_folders_in_byte_order(void **st)
{
	const actr_config_file files[] = {
		{"x/b.proto", "message NoSyn { optional int32 a = 1; }"},
		{"y/a.proto", "message NoSyn { optional int32 a = 1; }"},
	};
	struct actr__protos *protos = NULL;

	(void)st;
	assert_int_equal(actr__protos_new(files, 2, &protos, NULL), 0);
	/* printf 'a.proto:a8d5…\nb.proto:a8d5…' | sha256sum */
	assert_string_equal(actr__protos_service_fingerprint(protos),
			    "service_semantic:"
			    "5b1fe34c94f8e6478368315bd771758f890e2ec572ef0845b3a00f7819358b24");
	actr__protos_free(protos);
}

static void what_is_no_proto_file_is_told_with_its_line(void **st)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"\nmessage {", "t.proto:2: expected a name, got \"{\""},
		{"message A {\n",
		 "t.proto:2: expected required, optional or repeated, got the end"},
		{"message A { int32 a = 1; }",
		 "t.proto:1: expected required, optional or repeated, got \"int32\""},
		{"syntax='proto3'; message A { required int32 a = 1; }",
		 "t.proto:1: expected a field without this label, got \"required\""},
		{"syntax='proto4';",
		 "t.proto:1: expected \"proto2\" or \"proto3\", got \"'proto4'\""},
		{"edition = '2023';",
		 "t.proto:1: expected syntax \"proto2\" or \"proto3\", got \"edition\""},
		{"message A { optional group G = 1 {} }",
		 "t.proto:1: expected a field that is not a group, got \"group\""},
		{"message A { optional int32 a = 0; }",
		 "t.proto:1: expected a number from 1 to 536870911, got \"0\""},
		{"message A { optional int32 a = 1 [packed = 1]; }",
		 "t.proto:1: expected true or false, got \"1\""},
		{"message A { optional bytes a = 1 [default = 1]; }",
		 "t.proto:1: expected a text in quotes, got \"1\""},
		{"message A { map<bytes, int32> m = 1; }",
		 "t.proto:1: expected a number type, bool or string as a map's key, got \"bytes\""},
		{"message A { optional int32 a = 1; optional int32 b = 1; }",
		 "t.proto: message A: expected different names and numbers of the fields a = 1 and "
		 "b = 1"},
		{"message A { optional int32 a = 1; map<int32, int32> a = 2; }",
		 "t.proto: message A: expected different names and numbers of the fields a = 1 and "
		 "a = 2"},
		{"message A {} message A {}", "t.proto: expected one definition of A"},
		{"/* open",
		 "t.proto:1: expected the end of the comment that begins here, got the end"},
		{"import 'x", "t.proto:1: expected the end of a text on its line, got \"'x\""},
		{"import 'a\\xq';",
		 "t.proto:1: expected a text with valid escapes, got \"'a\\xq'\""},
		{"import '\\xff';", "t.proto:1: expected UTF-8 text, got \"'\\xff'\""},
		{"@", "t.proto:1: expected a word of a .proto file, got \"@\""},
		{"option a = 99999999999999999999;",
		 "t.proto:1: expected a number below 2^64, got \"99999999999999999999\""},
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const actr_config_file file = {"t.proto", bad[i].text};
		actr_error err = ACTR_ERROR_INIT;
		struct actr__protos *protos = NULL;

		assert_int_equal(actr__protos_new(&file, 1, &protos, &err), ACTR_E_CONFIG);
		assert_string_equal(err.message, bad[i].message);
	}
}

static void nesting_has_a_bound(void **st)
{
	char text[64 * 12 + 200];
	size_t used = 0;
	const actr_config_file file = {"t.proto", text};
	struct actr__protos *protos = NULL;

	(void)st;
	for (int i = 0; i < 65; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "message A{");
	for (int i = 0; i < 65; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "}");
	assert_int_equal(actr__protos_new(&file, 1, &protos, NULL), ACTR_E_CONFIG);
}

/* --- what is published --- */

static void a_spec_has_a_file_for_each_export(void **st)
{
	const actr_config_file files[] = {{"proto/echo.v1.proto", "message A {}"}};
	const char *const tags[] = {"x"};
	actr_config config = ACTR_CONFIG_INIT;
	struct actr__arena arena;
	struct actr__spec *spec;
	struct actr__buf packed;
	Actr__ServiceSpec *wire;

	(void)st;
	actr__arena_init(&arena, NULL, 0, 1 << 20);
	assert_int_equal(actr__spec_from_config(&config, 5, &arena, &spec, NULL), 0);
	assert_null(spec);
	config.exports = files;
	config.export_count = 1;
	config.package_description = "d";
	config.package_tags = tags;
	config.package_tag_count = 1;
	assert_int_equal(actr__spec_from_config(&config, 5, &arena, &spec, NULL), 0);
	assert_string_equal(spec->files[0].package, "echo.v1");
	wire = actr__spec_encode(spec, &arena);
	assert_non_null(wire);
	assert_string_equal(wire->description, "d");
	assert_int_equal(strncmp(wire->fingerprint, "service_semantic:", 17), 0);
	assert_int_equal(wire->n_protobufs, 1);
	assert_string_equal(wire->protobufs[0]->content, "message A {}");
	assert_int_equal(strncmp(wire->protobufs[0]->fingerprint, "semantic:", 9), 0);
	assert_true(wire->has_published_at);
	assert_int_equal(wire->published_at, 5);
	assert_string_equal(wire->tags[0], "x");
	actr__buf_init(&packed, 4096);
	assert_int_equal(actr__spec_pack(&config, 5, &packed, NULL), 0);
	assert_int_equal(packed.size, actr__service_spec__get_packed_size(wire));
	packed.max = packed.size; /* no room for it twice */
	assert_int_equal(actr__spec_pack(&config, 5, &packed, NULL), ACTR_E_TOO_LARGE);
	actr__buf_done(&packed);
	actr__arena_done(&arena);
}

/* --- the n-th allocation fails --- */

static long until_failure;

static void *scarce_allocate(void *user, size_t size)
{
	(void)user;
	return until_failure-- > 0 ? malloc(size) : NULL;
}

static void *scarce_reallocate(void *user, void *block, size_t size)
{
	(void)user;
	return until_failure-- > 0 ? realloc(block, size) : NULL;
}

static void scarce_release(void *user, void *block)
{
	(void)user;
	free(block);
}

static void every_allocation_may_fail(void **st)
{
	const actr_allocator scarce = {scarce_allocate, scarce_reallocate, scarce_release, NULL};
	char *text = read_file(DATA "mix.proto");
	const actr_config_file file = {"mix.proto", text};
	struct actr__protos *protos = NULL;
	int rc = ACTR_E_NOMEM;
	long n = 0;

	(void)st;
	actr_set_allocator(&scarce);
	for (; rc == ACTR_E_NOMEM; n++) {
		until_failure = n;
		rc = actr__protos_new(&file, 1, &protos, NULL);
	}
	actr_set_allocator(NULL);
	assert_int_equal(rc, 0);
	assert_true(n > 10);
	actr__protos_free(protos);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fingerprints_are_the_originals),
		cmocka_unit_test(the_canonical_form_is_the_originals_byte_for_byte),
		cmocka_unit_test(more_files_have_the_originals_fingerprints),
		cmocka_unit_test(comments_formatting_and_order_do_not_matter),
		cmocka_unit_test(a_custom_option_does_not_matter),
		cmocka_unit_test(a_type_is_found_from_the_inside_out),
		cmocka_unit_test(a_type_of_no_file_becomes_absolute_as_it_is_written),
		cmocka_unit_test(types_are_found_in_the_other_files_of_a_set),
		cmocka_unit_test(a_services_fingerprint_has_names_without_folders_in_byte_order),
		cmocka_unit_test(what_is_no_proto_file_is_told_with_its_line),
		cmocka_unit_test(nesting_has_a_bound),
		cmocka_unit_test(a_spec_has_a_file_for_each_export),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
