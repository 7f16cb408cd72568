/*
 * The source: helpers that the file needs, then for each service its dispatcher and its functions.
 *
 * It has to pass for C99, C17 and C++17 under our warnings, so initialisers go by position and
 * pointers are cast. All statics begin with actr_, a prefix that no service can have. Messages are
 * handled through their descriptors: protobuf-c has functions for nested ones only on demand.
 */
#include "codegen.h"

#include <string.h>

/* --- helpers -----------------------------------------------------------------------------------
 */

static const char helpers[] =
	"\n"
	"/* Memory of a request or of a call: taken piece by piece, given back all at once. */\n"
	"typedef struct actr_pb_memory {\n"
	"\tvoid *owner; /* actr_ctx or actr_call */\n"
	"\tint exhausted;\n"
	"} actr_pb_memory;\n"
	"\n"
	"static void *actr_pb_ctx_alloc(void *user, size_t size)\n"
	"{\n"
	"\tactr_pb_memory *memory = (actr_pb_memory *)user;\n"
	"\tvoid *piece = actr_ctx_alloc((actr_ctx *)memory->owner, size);\n"
	"\n"
	"\tif (!piece)\n"
	"\t\tmemory->exhausted = 1;\n"
	"\treturn piece;\n"
	"}\n"
	"\n"
	"static void *actr_pb_call_alloc(void *user, size_t size)\n"
	"{\n"
	"\tactr_pb_memory *memory = (actr_pb_memory *)user;\n"
	"\tvoid *piece = actr_call_alloc((actr_call *)memory->owner, size);\n"
	"\n"
	"\tif (!piece)\n"
	"\t\tmemory->exhausted = 1;\n"
	"\treturn piece;\n"
	"}\n"
	"\n"
	"static void actr_pb_free(void *user, void *piece)\n"
	"{\n"
	"\t(void)user;\n"
	"\t(void)piece;\n"
	"}\n"
	"\n"
	"static int actr_pb_fail(actr_error *err, int code, const char *message)\n"
	"{\n"
	"\tif (err) {\n"
	"\t\terr->code = code;\n"
	"\t\terr->wire_code = actr_error_to_wire(code);\n"
	"\t\terr->os_errno = 0;\n"
	"\t\tsnprintf(err->message, sizeof err->message, \"%s\", message);\n"
	"\t}\n"
	"\treturn code;\n"
	"}\n"
	"\n"
	"/* A message of this type: what its INIT macro made. */\n"
	"static int actr_pb_is(const ProtobufCMessage *message,\n"
	"\tconst ProtobufCMessageDescriptor *type)\n"
	"{\n"
	"\treturn message && message->descriptor == type;\n"
	"}\n"
	"\n"
	"static int actr_pb_reply(actr_reply *reply, const ProtobufCMessage *resp,\n"
	"\tconst ProtobufCMessageDescriptor *type)\n"
	"{\n"
	"\tuint8_t *payload;\n"
	"\tsize_t size;\n"
	"\n"
	"\tif (!reply || !actr_pb_is(resp, type))\n"
	"\t\treturn ACTR_E_INVALID_ARGUMENT;\n"
	"\tsize = protobuf_c_message_get_packed_size(resp);\n"
	"\tif (size) {\n"
	"\t\tpayload = actr_reply_reserve(reply, size);\n"
	"\t\tif (!payload)\n"
	"\t\t\treturn actr_reply_error(reply, ACTR_E_ENCODE,\n"
	"\t\t\t\t\"no room for a %s of %lu bytes: too large, or memory is exhausted\",\n"
	"\t\t\t\ttype->name, (unsigned long)size);\n"
	"\t\tprotobuf_c_message_pack(resp, payload);\n"
	"\t}\n"
	"\treturn actr_reply_send(reply);\n"
	"}\n"
	"\n"
	"/* A call with the request in it, not started. */\n"
	"static int actr_pb_call(actr_ref *ref, const actr_dest *dest, const actr_method *method,\n"
	"\tconst ProtobufCMessage *req, const ProtobufCMessageDescriptor *type,\n"
	"\tconst actr_call_options *options, actr_call **ret_call, actr_error *err)\n"
	"{\n"
	"\tuint8_t *payload = NULL;\n"
	"\tsize_t size;\n"
	"\tint rc;\n"
	"\n"
	"\tif (!actr_pb_is(req, type))\n"
	"\t\treturn actr_pb_fail(err, ACTR_E_INVALID_ARGUMENT,\n"
	"\t\t\t\"the request is not what the INIT macro of its type makes\");\n"
	"\tsize = protobuf_c_message_get_packed_size(req);\n"
	"\trc = actr_call_new(ref, dest, method, size, options, ret_call, &payload, err);\n"
	"\tif (rc < 0)\n"
	"\t\treturn rc;\n"
	"\tif (size)\n"
	"\t\tprotobuf_c_message_pack(req, payload);\n"
	"\treturn 0;\n"
	"}\n"
	"\n"
	"/* *ret_call is set first: on_done may run, and use it, before this returns. */\n"
	"static int actr_pb_start(actr_call *call, void (*on_done)(void *user, actr_call *call),\n"
	"\tvoid *user, actr_call **ret_call, actr_error *err)\n"
	"{\n"
	"\tint rc;\n"
	"\n"
	"\tif (ret_call)\n"
	"\t\t*ret_call = actr_call_ref(call);\n"
	"\trc = actr_call_start(call, on_done, user);\n"
	"\tif (rc < 0 && ret_call)\n"
	"\t\t*ret_call = actr_call_unref(call);\n"
	"\tactr_call_unref(call);\n"
	"\treturn rc < 0 ? actr_pb_fail(err, rc, \"the call cannot be started\") : 0;\n"
	"}\n"
	"\n"
	"static int actr_pb_response(actr_call *call, const ProtobufCMessageDescriptor *type,\n"
	"\tconst ProtobufCMessage **ret_resp, actr_error *err)\n"
	"{\n"
	"\tactr_pb_memory memory = { call, 0 };\n"
	"\tProtobufCAllocator allocator = { actr_pb_call_alloc, actr_pb_free, &memory };\n"
	"\tactr_bytes payload;\n"
	"\tint rc = call ? actr_call_result(call, err)\n"
	"\t\t: actr_pb_fail(err, ACTR_E_INVALID_ARGUMENT, \"no call was given\");\n"
	"\n"
	"\tif (rc < 0)\n"
	"\t\treturn rc;\n"
	"\tpayload = actr_call_response(call);\n"
	"@response_depth@"
	"\t*ret_resp = protobuf_c_message_unpack(type, &allocator, payload.size, payload.data);\n"
	"\tif (*ret_resp)\n"
	"\t\treturn 0;\n"
	"\treturn memory.exhausted\n"
	"\t\t? actr_pb_fail(err, ACTR_E_NOMEM, \"no memory to decode the response\")\n"
	"\t\t: actr_pb_fail(err, ACTR_E_DECODE, \"the response cannot be decoded\");\n"
	"}\n"
	"\n"
	"/* Start a call and block until its response is there. */\n"
	"static int actr_pb_wait(actr_call *call, const ProtobufCMessageDescriptor *type,\n"
	"\tactr_call **ret_call, const ProtobufCMessage **ret_resp, actr_error *err)\n"
	"{\n"
	"\tactr_call *held = NULL;\n"
	"\tint rc = actr_pb_start(call, NULL, NULL, &held, err);\n"
	"\n"
	"\tif (rc < 0)\n"
	"\t\treturn rc;\n"
	"\trc = actr_call_wait(held, err);\n"
	"\tif (rc >= 0)\n"
	"\t\trc = actr_pb_response(held, type, ret_resp, err);\n"
	"\tif (rc < 0)\n"
	"\t\tactr_call_cancel(held); /* it runs on when this thread must not block */\n"
	"\tif (rc < 0 || !ret_call)\n"
	"\t\tactr_call_unref(held);\n"
	"\telse\n"
	"\t\t*ret_call = held;\n"
	"\treturn rc < 0 ? rc : 0;\n"
	"}\n"
	"\n"
	"static int actr_pb_tell(actr_call *call, actr_error *err)\n"
	"{\n"
	"\tint rc = actr_call_start_tell(call, NULL, NULL);\n"
	"\n"
	"\tactr_call_unref(call);\n"
	"\treturn rc < 0 ? actr_pb_fail(err, rc, \"the call cannot be started\") : 0;\n"
	"}\n"
	"\n"
	"/* Decode a request into its own memory. */\n"
	"static int actr_pb_request(actr_ctx *ctx, actr_bytes payload, actr_reply *reply,\n"
	"\tconst ProtobufCMessageDescriptor *type, const ProtobufCMessage **ret_req)\n"
	"{\n"
	"\tactr_pb_memory memory = { ctx, 0 };\n"
	"\tProtobufCAllocator allocator = { actr_pb_ctx_alloc, actr_pb_free, &memory };\n"
	"\n"
	"@request_depth@"
	"\t*ret_req = protobuf_c_message_unpack(type, &allocator, payload.size, payload.data);\n"
	"\tif (*ret_req)\n"
	"\t\treturn 0;\n"
	"\tif (memory.exhausted)\n"
	"\t\treturn actr_reply_error(reply, ACTR_E_NOMEM, \"No memory to decode %s\",\n"
	"\t\t\ttype->name);\n"
	"\treturn actr_reply_error(reply, ACTR_E_DECODE,\n"
	"\t\t\"Failed to decode %s from %lu bytes\", type->name,\n"
	"\t\t(unsigned long)payload.size);\n"
	"}\n"
	"\n"
	"static int actr_pb_no_handler(actr_reply *reply, const actr_method *method)\n"
	"{\n"
	"\treturn actr_reply_error(reply, ACTR_E_UNIMPLEMENTED, \"%s is not implemented\",\n"
	"\t\tmethod->route_key);\n"
	"}\n";

static const char depth_helper[] =
	"\n"
	"/*\n"
	" * protobuf-c has no limit of depth, and some type here may hold itself: whoever sends "
	"it\n"
	" * would decide how deep we recurse. 100 is what the other implementations allow. Bytes\n"
	" * that are no message are refused too; anything else is left to the decoder.\n"
	" */\n"
	"#define ACTR_PB_MAX_DEPTH 100\n"
	"\n"
	"/* The bytes of a varint, 0 when there is none. */\n"
	"static size_t actr_pb_varint(const uint8_t *at, size_t size, uint64_t *ret_value)\n"
	"{\n"
	"\tuint64_t value = 0;\n"
	"\tsize_t i;\n"
	"\n"
	"\tfor (i = 0; i < size && i < 10; i++) {\n"
	"\t\tvalue |= (uint64_t)(at[i] & 0x7f) << (7 * i);\n"
	"\t\tif (!(at[i] & 0x80)) {\n"
	"\t\t\t*ret_value = value;\n"
	"\t\t\treturn i + 1;\n"
	"\t\t}\n"
	"\t}\n"
	"\treturn 0;\n"
	"}\n"
	"\n"
	"static int actr_pb_depth_ok(const ProtobufCMessageDescriptor *type, const uint8_t *at,\n"
	"\tsize_t size, unsigned depth)\n"
	"{\n"
	"\twhile (size) {\n"
	"\t\tconst ProtobufCFieldDescriptor *field;\n"
	"\t\tuint64_t tag, value;\n"
	"\t\tsize_t used = actr_pb_varint(at, size, &tag);\n"
	"\n"
	"\t\tif (!used || tag > UINT32_MAX)\n"
	"\t\t\treturn 0;\n"
	"\t\tat += used;\n"
	"\t\tsize -= used;\n"
	"\t\tswitch (tag & 7) {\n"
	"\t\tcase 0: used = actr_pb_varint(at, size, &value); value = 0; break;\n"
	"\t\tcase 1: used = 8; value = 0; break;\n"
	"\t\tcase 2: used = actr_pb_varint(at, size, &value); break;\n"
	"\t\tcase 5: used = 4; value = 0; break;\n"
	"\t\tdefault: return 0;\n"
	"\t\t}\n"
	"\t\tif (!used || used > size || value > size - used)\n"
	"\t\t\treturn 0;\n"
	"\t\tat += used;\n"
	"\t\tsize -= used;\n"
	"\t\tfield = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));\n"
	"\t\tif ((tag & 7) == 2 && field && field->type == PROTOBUF_C_TYPE_MESSAGE &&\n"
	"\t\t\t(depth == ACTR_PB_MAX_DEPTH ||\n"
	"\t\t\t\t!actr_pb_depth_ok((const ProtobufCMessageDescriptor *)field->descriptor,\n"
	"\t\t\t\t\tat, (size_t)value, depth + 1)))\n"
	"\t\t\treturn 0;\n"
	"\t\tat += (size_t)value;\n"
	"\t\tsize -= (size_t)value;\n"
	"\t}\n"
	"\treturn 1;\n"
	"}\n";

static const char response_depth[] =
	"\tif (!actr_pb_depth_ok(type, payload.data, payload.size, 1))\n"
	"\t\treturn actr_pb_fail(err, ACTR_E_DECODE,\n"
	"\t\t\t\"the response cannot be decoded: malformed, or nested too deep\");\n";

static const char request_depth[] =
	"\tif (!actr_pb_depth_ok(type, payload.data, payload.size, 1))\n"
	"\t\treturn actr_reply_error(reply, ACTR_E_DECODE,\n"
	"\t\t\t\"Failed to decode %s: malformed, or nested too deep\", type->name);\n";

static void emit_helpers(const struct codegen_file *file, struct actr__buf *out)
{
	const struct emit_var vars[] = {
		{"response_depth", file->has_recursive ? response_depth : ""},
		{"request_depth", file->has_recursive ? request_depth : ""},
		{NULL, NULL},
	};

	if (file->has_recursive)
		actr__emit(out, depth_helper, NULL);
	if (file->has_unary)
		actr__emit(out, helpers, vars);
}

/* --- dispatcher --------------------------------------------------------------------------------
 */

static const char table_row[] = "\t{ \"@route@\",\n"
				"\t\t@lane@, @streaming@,\n"
				"\t\t\"@Input@\", \"@Output@\" },\n";

static const char handle[] =
	"\n"
	"static int actr_handle_@svc@_@m@(const @svc@_ops *ops, void *self,\n"
	"\tactr_ctx *ctx, actr_bytes payload, actr_reply *reply)\n"
	"{\n"
	"\tconst ProtobufCMessage *req;\n"
	"\tint rc;\n"
	"\n"
	"\tif (ops->size < offsetof(@svc@_ops, @member@) + sizeof ops->@member@ ||\n"
	"\t\t!ops->@member@)\n"
	"\t\treturn actr_pb_no_handler(reply, &actr_methods_@svc@[@index@]);\n"
	"\trc = actr_pb_request(ctx, payload, reply, &@req_type@,\n"
	"\t\t&req);\n"
	"\tif (rc < 0)\n"
	"\t\treturn rc;\n"
	"\treturn ops->@member@(self, ctx, (const @Req@ *)req, reply);\n"
	"}\n";

static const char dispatch_open[] =
	"\n"
	"static int actr_dispatch_@svc@(const void *table, void *self, actr_ctx *ctx,\n"
	"\tactr_bytes route_key, actr_bytes payload, actr_reply *reply)\n"
	"{\n"
	"\tconst @svc@_ops *ops = (const @svc@_ops *)table;\n"
	"\n"
	"\tswitch (route_key.size) {\n";

static const char dispatch_case[] =
	"\t\tif (!memcmp(route_key.data, \"@route@\", @route_size@))\n"
	"\t\t\treturn actr_handle_@svc@_@m@(ops, self, ctx, payload, reply);\n";

static const char dispatch_close[] = "\tdefault:\n"
				     "\t\tbreak;\n"
				     "\t}\n"
				     "\treturn ACTR_E_UNKNOWN_ROUTE;\n"
				     "}\n";

/* A service that has no unary method answers nothing. */
static const char dispatch_none[] =
	"\n"
	"static int actr_dispatch_@svc@(const void *table, void *self, actr_ctx *ctx,\n"
	"\tactr_bytes route_key, actr_bytes payload, actr_reply *reply)\n"
	"{\n"
	"\t(void)table;\n"
	"\t(void)self;\n"
	"\t(void)ctx;\n"
	"\t(void)route_key;\n"
	"\t(void)payload;\n"
	"\t(void)reply;\n"
	"\treturn ACTR_E_UNKNOWN_ROUTE;\n"
	"}\n";

static const char service_object[] = "\n"
				     "const actr_service @object@ = {\n"
				     "\tsizeof(actr_service),\n"
				     "\t\"@manufacturer@\",\n"
				     "\t\"@Service@\",\n"
				     "\t@table@,\n"
				     "\t@count@,\n"
				     "\tactr_dispatch_@svc@,\n"
				     "};\n";

static void emit_table(struct codegen *cg, const struct codegen_service *service,
		       struct actr__buf *out)
{
	struct emit_var vars[EMIT_VARS_MAX];

	if (!service->method_count)
		return;
	actr__emit_vars(cg, service, NULL, vars);
	actr__emit(out, "\nstatic const actr_method actr_methods_@svc@[] = {\n", vars);
	for (size_t i = 0; i < service->method_count; i++) {
		actr__emit_vars(cg, service, &service->methods[i], vars);
		actr__emit(out, table_row, vars);
	}
	actr__emit(out, "};\n", vars);
}

static size_t route_size(const struct codegen_method *method)
{
	return strlen(method->route_key);
}

static bool seen_before(const struct codegen_service *service, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (actr__method_is_unary(&service->methods[i]) &&
		    route_size(&service->methods[i]) == route_size(&service->methods[index]))
			return true;
	return false;
}

/* One case for each length, with the methods of that length in their order. */
static void emit_cases(struct codegen *cg, const struct codegen_service *service,
		       struct actr__buf *out)
{
	struct emit_var vars[EMIT_VARS_MAX];

	for (size_t i = 0; i < service->method_count; i++) {
		if (!actr__method_is_unary(&service->methods[i]) || seen_before(service, i))
			continue;
		actr__emit_vars(cg, service, &service->methods[i], vars);
		actr__emit(out, "\tcase @route_size@:\n", vars);
		for (size_t j = i; j < service->method_count; j++) {
			if (!actr__method_is_unary(&service->methods[j]) ||
			    route_size(&service->methods[i]) != route_size(&service->methods[j]))
				continue;
			actr__emit_vars(cg, service, &service->methods[j], vars);
			actr__emit(out, dispatch_case, vars);
		}
		actr__emit(out, "\t\tbreak;\n", vars);
	}
}

static void emit_dispatch(struct codegen *cg, const struct codegen_service *service,
			  struct actr__buf *out)
{
	struct emit_var vars[EMIT_VARS_MAX];
	bool any = false;

	for (size_t i = 0; i < service->method_count; i++) {
		if (!actr__method_is_unary(&service->methods[i]))
			continue;
		actr__emit_vars(cg, service, &service->methods[i], vars);
		actr__emit(out, handle, vars);
		any = true;
	}
	actr__emit_vars(cg, service, NULL, vars);
	actr__emit(out, any ? dispatch_open : dispatch_none, vars);
	if (!any)
		return;
	emit_cases(cg, service, out);
	actr__emit(out, dispatch_close, vars);
}

static void emit_object(struct codegen *cg, const struct codegen_service *service,
			struct actr__buf *out)
{
	const char *table = service->method_count
				    ? actr__codegen_format(cg, "actr_methods_%s", service->c_name)
				    : "NULL";
	struct emit_var vars[EMIT_VARS_MAX];
	size_t end = 0;

	actr__emit_vars(cg, service, NULL, vars);
	while (vars[end].name)
		end++;
	vars[end] = (struct emit_var){"table", table};
	vars[end + 1] = (struct emit_var){NULL, NULL};
	actr__emit(out, service_object, vars);
}

/* --- functions of a method ---------------------------------------------------------------------
 */

static const char method_functions[] =
	"\n"
	"int @svc@_@m@_reply(actr_reply *reply,\n"
	"\tconst @Resp@ *resp)\n"
	"{\n"
	"\treturn actr_pb_reply(reply, (const ProtobufCMessage *)resp,\n"
	"\t\t&@resp_type@);\n"
	"}\n"
	"\n"
	"int @svc@_@m@(actr_ref *ref, const actr_dest *dest,\n"
	"\tconst @Req@ *req, const actr_call_options *options,\n"
	"\tactr_call **ret_call, const @Resp@ **ret_resp, actr_error *err)\n"
	"{\n"
	"\tconst ProtobufCMessage *resp;\n"
	"\tactr_call *call;\n"
	"\tint rc;\n"
	"\n"
	"\tif (ret_resp && !ret_call)\n"
	"\t\treturn actr_pb_fail(err, ACTR_E_INVALID_ARGUMENT,\n"
	"\t\t\t\"a response lives in its call: ret_resp needs ret_call\");\n"
	"\trc = actr_pb_call(ref, dest, &actr_methods_@svc@[@index@],\n"
	"\t\t(const ProtobufCMessage *)req, &@req_type@, options, &call, err);\n"
	"\tif (rc < 0)\n"
	"\t\treturn rc;\n"
	"\trc = actr_pb_wait(call, &@resp_type@, ret_call, &resp, err);\n"
	"\tif (rc >= 0 && ret_resp)\n"
	"\t\t*ret_resp = (const @Resp@ *)resp;\n"
	"\treturn rc;\n"
	"}\n"
	"\n"
	"int @svc@_@m@_start(actr_ref *ref, const actr_dest *dest,\n"
	"\tconst @Req@ *req, const actr_call_options *options,\n"
	"\tvoid (*on_done)(void *user, actr_call *call), void *user, actr_call **ret_call,\n"
	"\tactr_error *err)\n"
	"{\n"
	"\tactr_call *call;\n"
	"\tint rc = actr_pb_call(ref, dest, &actr_methods_@svc@[@index@],\n"
	"\t\t(const ProtobufCMessage *)req, &@req_type@, options, &call, err);\n"
	"\n"
	"\treturn rc < 0 ? rc : actr_pb_start(call, on_done, user, ret_call, err);\n"
	"}\n"
	"\n"
	"const @Resp@ *@svc@_@m@_response(actr_call *call,\n"
	"\tactr_error *err)\n"
	"{\n"
	"\tconst ProtobufCMessage *resp;\n"
	"\n"
	"\treturn actr_pb_response(call, &@resp_type@, &resp, err) < 0\n"
	"\t\t? NULL\n"
	"\t\t: (const @Resp@ *)resp;\n"
	"}\n"
	"\n"
	"int @svc@_@m@_tell(actr_ref *ref, const actr_dest *dest,\n"
	"\tconst @Req@ *req, actr_error *err)\n"
	"{\n"
	"\tactr_call *call;\n"
	"\tint rc = actr_pb_call(ref, dest, &actr_methods_@svc@[@index@],\n"
	"\t\t(const ProtobufCMessage *)req, &@req_type@, NULL, &call, err);\n"
	"\n"
	"\treturn rc < 0 ? rc : actr_pb_tell(call, err);\n"
	"}\n";

static void emit_service(struct codegen *cg, const struct codegen_service *service,
			 struct actr__buf *out)
{
	struct emit_var vars[EMIT_VARS_MAX];

	actr__emit_vars(cg, service, NULL, vars);
	actr__emit(out, "\n/* --- @Service@ --- */\n", vars);
	emit_table(cg, service, out);
	emit_dispatch(cg, service, out);
	emit_object(cg, service, out);
	for (size_t i = 0; i < service->method_count; i++) {
		actr__emit_vars(cg, service, &service->methods[i], vars);
		if (actr__method_is_unary(&service->methods[i]))
			actr__emit(out, method_functions, vars);
	}
}

void actr__emit_source(struct codegen *cg, const struct codegen_file *file, struct actr__buf *out)
{
	const struct emit_var vars[] = {{"base", file->base}, {NULL, NULL}};

	actr__emit_banner(cg, file, out);
	actr__emit(out,
		   "#include \"@base@.actr.h\"\n"
		   "\n"
		   "#include <stddef.h>\n"
		   "#include <stdio.h>\n"
		   "#include <string.h>\n",
		   vars);
	emit_helpers(file, out);
	for (size_t i = 0; i < file->service_count; i++)
		emit_service(cg, &file->services[i], out);
}
