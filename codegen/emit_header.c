/* The header: an actr_service, the table of its handlers, the functions to call and to reply. */
#include "codegen.h"

#include "header_templates.h"

static void emit_service(struct codegen *cg, const struct codegen_service *service,
			 struct actr__buf *out)
{
	actr__emit_service(cg, service, template_service_open, out);
	actr__emit_methods(cg, service, EVERY_METHOD, template_method_index, out);
	actr__emit_service(cg, service, template_ops_open, out);
	actr__emit_methods(cg, service, UNARY_METHODS, template_ops_member, out);
	actr__emit_service(cg, service, template_ops_close, out);
	actr__emit_methods(cg, service, UNARY_METHODS, template_method_functions, out);
	actr__emit_methods(cg, service, STREAMING_METHODS, template_stream_functions, out);
}

void actr__emit_header(struct codegen *cg, const struct codegen_file *file, struct actr__buf *out)
{
	const struct emit_var vars[] = {
		{"guard", actr__name_guard(cg, file->proto->name)},
		{NULL, NULL},
	};

	actr__emit_banner(cg, file, out);
	actr__emit(out, template_file_open, vars);
	for (size_t i = 0; i < file->header_count; i++) {
		const struct emit_var header[] = {{"header", file->headers[i]}, {NULL, NULL}};

		actr__emit(out, template_include, header);
	}
	actr__emit(out, template_includes_close, vars);
	for (size_t i = 0; i < file->service_count; i++)
		emit_service(cg, &file->services[i], out);
	actr__emit(out, template_file_close, vars);
}
