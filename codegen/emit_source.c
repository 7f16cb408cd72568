/*
 * The source: helpers that the file needs, then for each service its dispatcher and its functions.
 *
 * It has to pass for C99, C17 and C++17 under our warnings, so initialisers go by position and
 * pointers are cast. All statics begin with actr_, a prefix that no service can have. Messages are
 * handled through their descriptors: protobuf-c has functions for nested ones only on demand.
 */
#include "codegen.h"

#include <string.h>

#include "helpers_templates.h"
#include "source_templates.h"

static void emit_helpers(const struct codegen_file *file, struct actr__buf *out)
{
	const struct emit_var vars[] = {
		{"request_depth", file->has_recursive ? template_request_depth : ""},
		{"response_depth", file->has_recursive ? template_response_depth : ""},
		{"chunk_depth", file->has_recursive ? "actr_pb_depth_ok(type, chunk->payload.data, "
						      "chunk->payload.size, 1) &&\n\t\t"
						    : ""},
		{NULL, NULL},
	};

	if (file->has_recursive)
		actr__emit(out, template_depth_helper, vars);
	if (file->has_unary || file->has_streams)
		actr__emit(out, template_common_helpers, vars);
	if (file->has_unary)
		actr__emit(out, template_helpers, vars);
	if (file->has_streams)
		actr__emit(out, template_stream_helpers, vars);
}

static bool same_length(const struct codegen_method *a, const struct codegen_method *b)
{
	return actr__method_is_unary(a) && actr__method_is_unary(b) &&
	       strlen(a->route_key) == strlen(b->route_key);
}

/* Whether methods[index] is the first unary method with a route key of its length. */
static bool is_first_of_length(const struct codegen_service *service, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (same_length(&service->methods[i], &service->methods[index]))
			return false;
	return actr__method_is_unary(&service->methods[index]);
}

/* One case for each length, with the methods of that length in their order. */
static void emit_cases(struct codegen *cg, const struct codegen_service *service,
		       struct actr__buf *out)
{
	for (size_t i = 0; i < service->method_count; i++) {
		const struct codegen_method *first = &service->methods[i];

		if (!is_first_of_length(service, i))
			continue;
		actr__emit_method(cg, service, first, template_dispatch_length, out);
		for (size_t j = i; j < service->method_count; j++)
			if (same_length(first, &service->methods[j]))
				actr__emit_method(cg, service, &service->methods[j],
						  template_dispatch_case, out);
		actr__emit_method(cg, service, first, template_dispatch_length_close, out);
	}
}

static void emit_dispatch(struct codegen *cg, const struct codegen_service *service,
			  struct actr__buf *out)
{
	bool any = false;

	for (size_t i = 0; i < service->method_count; i++)
		any |= actr__method_is_unary(&service->methods[i]);
	if (!any) {
		actr__emit_service(cg, service, template_dispatch_none, out);
		return;
	}
	actr__emit_methods(cg, service, UNARY_METHODS, template_handle, out);
	actr__emit_service(cg, service, template_dispatch_open, out);
	emit_cases(cg, service, out);
	actr__emit_service(cg, service, template_dispatch_close, out);
}

static void emit_service(struct codegen *cg, const struct codegen_service *service,
			 struct actr__buf *out)
{
	actr__emit_service(cg, service, template_service_open, out);
	if (service->method_count) { /* C has no empty array */
		actr__emit_service(cg, service, template_table_open, out);
		actr__emit_methods(cg, service, EVERY_METHOD, template_table_row, out);
		actr__emit_service(cg, service, template_table_close, out);
	}
	emit_dispatch(cg, service, out);
	actr__emit_service(cg, service, template_service_object, out);
	actr__emit_methods(cg, service, UNARY_METHODS, template_method_functions, out);
	actr__emit_methods(cg, service, STREAMING_METHODS, template_stream_functions, out);
}

void actr__emit_source(struct codegen *cg, const struct codegen_file *file, struct actr__buf *out)
{
	const struct emit_var vars[] = {{"base", file->base}, {NULL, NULL}};

	actr__emit_banner(cg, file, out);
	actr__emit(out, template_file_open, vars);
	emit_helpers(file, out);
	for (size_t i = 0; i < file->service_count; i++)
		emit_service(cg, &file->services[i], out);
}
