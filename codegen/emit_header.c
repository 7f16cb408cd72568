/* The header: an actr_service, the table of its handlers, and the functions to call and to reply.
 */
#include "codegen.h"

static const char service_open[] = "\n"
				   "/* --- @Service@ --- */\n"
				   "\n"
				   "/* Type @manufacturer@:@Service@. */\n"
				   "extern const actr_service @object@;\n"
				   "\n"
				   "/* Places in @object@.methods. */\n"
				   "enum {\n";

static const char method_index[] = "\t@SVC@_@M@_METHOD = @index@,\n";

static const char ops_open[] = "\t@SVC@_METHODS = @count@\n"
			       "};\n"
			       "\n"
			       "/*\n"
			       " * The handlers (actr/service.h says how they are called). One "
			       "that is NULL, or that lies\n"
			       " * past `size`, answers ACTR_E_UNIMPLEMENTED.\n"
			       " */\n"
			       "typedef struct @svc@_ops {\n"
			       "\tsize_t size; /* sizeof(@svc@_ops) */\n";

static const char ops_member[] = "\t/* @Method@ */\n"
				 "\tint (*@member@)(void *self, actr_ctx *ctx, const @Req@ *req,\n"
				 "\t\tactr_reply *reply);\n";

static const char ops_close[] = "} @svc@_ops;\n";

static const char method_functions[] =
	"\n"
	"/* @Method@ */\n"
	"\n"
	"/*\n"
	" * Answer a request. Settles the token, unless it fails with ACTR_E_INVALID_ARGUMENT or\n"
	" * ACTR_E_ENCODE. Any thread.\n"
	" */\n"
	"int @svc@_@m@_reply(actr_reply *reply,\n"
	"\tconst @Resp@ *resp);\n"
	"/*\n"
	" * Call and wait. *ret_resp lives as long as *ret_call, which the caller gives back with\n"
	" * actr_call_unref(). Both may be NULL when only the result matters; options may be "
	"NULL.\n"
	" * Blocking.\n"
	" */\n"
	"int @svc@_@m@(actr_ref *ref, const actr_dest *dest,\n"
	"\tconst @Req@ *req, const actr_call_options *options,\n"
	"\tactr_call **ret_call, const @Resp@ **ret_resp, actr_error *err);\n"
	"/*\n"
	" * Start a call; on_done (may be NULL) hears of its end. ret_call may be NULL, else the\n"
	" * caller gives *ret_call back with actr_call_unref(). Any thread.\n"
	" */\n"
	"int @svc@_@m@_start(actr_ref *ref, const actr_dest *dest,\n"
	"\tconst @Req@ *req, const actr_call_options *options,\n"
	"\tvoid (*on_done)(void *user, actr_call *call), void *user, actr_call **ret_call,\n"
	"\tactr_error *err);\n"
	"/*\n"
	" * The response of a call that is done; NULL and the call's error when it failed. Lives "
	"as\n"
	" * long as the call. Each time it is decoded anew: keep the pointer. Any thread.\n"
	" */\n"
	"const @Resp@ *@svc@_@m@_response(actr_call *call,\n"
	"\tactr_error *err);\n"
	"/* Send it one-way: nobody answers. Returns before it has left. Any thread. */\n"
	"int @svc@_@m@_tell(actr_ref *ref, const actr_dest *dest,\n"
	"\tconst @Req@ *req, actr_error *err);\n";

static void emit_service(struct codegen *cg, const struct codegen_service *service,
			 struct actr__buf *out)
{
	struct emit_var vars[EMIT_VARS_MAX];

	actr__emit_vars(cg, service, NULL, vars);
	actr__emit(out, service_open, vars);
	for (size_t i = 0; i < service->method_count; i++) {
		actr__emit_vars(cg, service, &service->methods[i], vars);
		actr__emit(out, method_index, vars);
	}
	actr__emit_vars(cg, service, NULL, vars);
	actr__emit(out, ops_open, vars);
	for (size_t i = 0; i < service->method_count; i++) {
		actr__emit_vars(cg, service, &service->methods[i], vars);
		if (actr__method_is_unary(&service->methods[i]))
			actr__emit(out, ops_member, vars);
	}
	actr__emit(out, ops_close, vars);
	for (size_t i = 0; i < service->method_count; i++) {
		actr__emit_vars(cg, service, &service->methods[i], vars);
		if (actr__method_is_unary(&service->methods[i]))
			actr__emit(out, method_functions, vars);
	}
}

static void emit_includes(const struct codegen_file *file, struct actr__buf *out)
{
	actr__emit(
		out,
		"#include <actr/actr.h>\n"
		"\n"
		"/* Made by protobuf-c: protoc --c_out=DIR, for each .proto of these names. */\n",
		NULL);
	for (size_t i = 0; i < file->header_count; i++) {
		const struct emit_var vars[] = {{"header", file->headers[i]}, {NULL, NULL}};

		actr__emit(out, "#include \"@header@\"\n", vars);
	}
}

void actr__emit_header(struct codegen *cg, const struct codegen_file *file, struct actr__buf *out)
{
	const struct emit_var vars[] = {
		{"guard", actr__name_guard(cg, file->proto->name)},
		{NULL, NULL},
	};

	actr__emit_banner(cg, file, out);
	actr__emit(out,
		   "#ifndef ACTR_GENERATED_@guard@\n"
		   "#define ACTR_GENERATED_@guard@\n"
		   "\n",
		   vars);
	emit_includes(file, out);
	actr__emit(out,
		   "\n"
		   "#ifdef __cplusplus\n"
		   "extern \"C\" {\n"
		   "#endif\n",
		   NULL);
	for (size_t i = 0; i < file->service_count; i++)
		emit_service(cg, &file->services[i], out);
	actr__emit(out,
		   "\n"
		   "#ifdef __cplusplus\n"
		   "}\n"
		   "#endif\n"
		   "\n"
		   "#endif\n",
		   NULL);
}
