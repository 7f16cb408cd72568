/*
 * protoc-gen-actr: typed C for the services of a .proto file, on top of protobuf-c's messages.
 *
 *	request.c  bytes of protoc → request, options      request → response bytes
 *	model.c    request → what there is to say: files, services, methods, C names, all checked
 *	emit_*.c   model → text, by templates/
 *	messages.c the option `messages`: protobuf-c's own generator, for the messages
 *
 * A one-shot program: everything lives in one arena until it ends, and without memory it ends at
 * once (status 1). All problems of a .proto are found by the model; emitting cannot fail.
 */
#ifndef ACTR_CODEGEN_H
#define ACTR_CODEGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <actr/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "google/protobuf/compiler/plugin.pb-c.h"

typedef Google__Protobuf__FileDescriptorProto pb_file;
typedef Google__Protobuf__DescriptorProto pb_message;
typedef Google__Protobuf__ServiceDescriptorProto pb_service;
typedef Google__Protobuf__MethodDescriptorProto pb_method;
typedef Google__Protobuf__Compiler__CodeGeneratorRequest pb_request;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse pb_response;

struct codegen_message {
	struct actr__map_node node; /* by full_name */
	const pb_message *proto;
	const char *full_name;	  /* echo.EchoRequest */
	const char *c_type;	  /* Echo__EchoRequest */
	const char *c_descriptor; /* echo__echo_request__descriptor */
	const char *header;	  /* echo.pb-c.h, which declares both */
	enum { NOT_VISITED, VISITING, VISITED } visit;
	bool recursive; /* may hold itself, at any depth */
};

struct codegen_method {
	const char *full_name; /* echo.EchoService.Echo */
	const char *route_key; /* the same; with a leading dot when there is no package */
	const char *c_name;    /* echo: behind the service's in function names */
	const char *c_upper;   /* ECHO */
	const char *comment;   /* above it in the .proto, or NULL */
	const char *c_member; /* echo: in the table of handlers, where words of C are not allowed */
	const char *index_text;
	const char *route_size_text;
	actr_lane lane;
	bool client_streaming, server_streaming;
	struct codegen_message *input, *output;
};

struct codegen_service {
	const char *full_name; /* echo.EchoService */
	const char *c_name;    /* echo_service: before the methods' in function names */
	const char *c_upper;   /* ECHO_SERVICE */
	const char *c_object; /* echo_service: the actr_service, where words of C are not allowed */
	const char *c_table;  /* actr_methods_echo_service, or NULL when there are none */
	const char *method_count_text;
	struct codegen_method *methods;
	size_t method_count;
};

struct codegen_file {
	const pb_file *proto;
	const char *base; /* its path without .proto */
	uint64_t fingerprint;
	struct codegen_service *services;
	size_t service_count;
	const char **headers; /* of protobuf-c, sorted, each once */
	size_t header_count;
	bool has_unary;	    /* some method does not stream */
	bool has_streams;   /* some method streams */
	bool has_recursive; /* some message of those may hold itself */
};

struct codegen {
	struct actr__arena arena;
	pb_request *request;
	const char *manufacturer;
	const char *prefix; /* of all C names; mostly empty */
	bool with_messages; /* also what protobuf-c makes */
	const pb_response *messages_response;
	struct actr__map messages;
	struct actr__map symbols;   /* C names that the output declares, with who took them */
	struct codegen_file *files; /* those to generate that have services */
	size_t file_count;
	const char *problem; /* why a step failed: `file:line:column: what`, for people */
};

/* --- memory and text (names.c) --------------------------------------------------------------- */

/* Zeroed; never NULL. */
void *actr__codegen_alloc(struct codegen *cg, size_t size);
char *actr__codegen_format(struct codegen *cg, const char *format, ...) ACTR_PRINTF(2, 3);
/* Keep the words for protoc and return ACTR_E_INVALID_ARGUMENT. */
int actr__codegen_problem(struct codegen *cg, const char *format, ...) ACTR_PRINTF(2, 3);

/* --- names (names.c) -------------------------------------------------------------------------- */

/* protobuf-c's spelling of a full name as a type and as the start of a function. */
char *actr__name_pb_type(struct codegen *cg, const char *full_name);
char *actr__name_pb_lower(struct codegen *cg, const char *full_name);
/* HTTPService2Go → http_service2_go. */
char *actr__name_snake(struct codegen *cg, const char *name);
char *actr__name_upper(struct codegen *cg, const char *name);
/* With a `_` behind it when it is a word of C or C++; an object also when it is a C function. */
const char *actr__name_member(struct codegen *cg, const char *name);
const char *actr__name_object(struct codegen *cg, const char *name);
/* Of a path, for include guards. */
char *actr__name_guard(struct codegen *cg, const char *path);
/* The manufacturer of an actor type (a Name of the protocol, in ASCII). */
bool actr__name_is_manufacturer(const char *text);

/* --- protoc's side (request.c) ---------------------------------------------------------------- */

#define CODEGEN_MAX_INPUT (256u << 20)

/* The rest of a stream. ACTR_E_TOO_LARGE, ACTR_E_NOMEM. */
int actr__request_read_all(FILE *in, struct actr__buf *out);
/* NULL when it is none. */
pb_response *actr__request_unpack_response(struct codegen *cg, const uint8_t *bytes, size_t size);
/* Decode, read the options of `--actr_opt`. ACTR_E_DECODE, ACTR_E_INVALID_ARGUMENT. */
int actr__request_read(struct codegen *cg, const uint8_t *bytes, size_t size);
/* The last value of a varint / of a length-delimited extension in an options message. */
bool actr__request_extension_varint(const ProtobufCMessage *options, uint32_t number,
				    uint64_t *ret_value);
bool actr__request_extension_bytes(const ProtobufCMessage *options, uint32_t number,
				   actr_bytes *ret_value);
/* The last length-delimited field `number` of an encoded message. */
bool actr__request_field_bytes(actr_bytes message, uint32_t number, actr_bytes *ret_value);
/* The comment above the element at `path`, or NULL. */
const char *actr__request_comment(const pb_file *file, const int32_t *path, size_t path_size);
/* `file:line:column` of the element at `path` of the descriptor, or of the nearest around it. */
const char *actr__request_place(struct codegen *cg, const pb_file *file, const int32_t *path,
				size_t path_size);

/* --- model.c -----------------------------------------------------------------------------------
 */

int actr__model_build(struct codegen *cg);

/* --- messages.c ----------------------------------------------------------------------------- */

/* After the model is built: the request is simplified by it. */
int actr__messages_generate(struct codegen *cg);

/* --- text (emit.c, emit_header.c, emit_source.c) ---------------------------------------------- */

struct emit_var {
	const char *name;
	const char *value;
};

/* Append a template in which `@name@` stands for a value; the list ends with a NULL name. */
void actr__emit(struct actr__buf *out, const char *text, const struct emit_var *vars);
/* The same with the values of a service, and of one of its methods; see emit.c. */
void actr__emit_service(struct codegen *cg, const struct codegen_service *service, const char *text,
			struct actr__buf *out);
void actr__emit_method(struct codegen *cg, const struct codegen_service *service,
		       const struct codegen_method *method, const char *text,
		       struct actr__buf *out);
/* Once for each method, or for each that does not stream, or does. */
enum emit_which { EVERY_METHOD, UNARY_METHODS, STREAMING_METHODS };
void actr__emit_methods(struct codegen *cg, const struct codegen_service *service,
			enum emit_which which, const char *text, struct actr__buf *out);
/* The comment at the top of both files. */
void actr__emit_banner(struct codegen *cg, const struct codegen_file *file, struct actr__buf *out);
void actr__emit_header(struct codegen *cg, const struct codegen_file *file, struct actr__buf *out);
void actr__emit_source(struct codegen *cg, const struct codegen_file *file, struct actr__buf *out);

static inline bool actr__method_is_unary(const struct codegen_method *method)
{
	return !method->client_streaming && !method->server_streaming;
}

#endif
