/* Templates, and what the header and the source have in common. */
#include "codegen.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static const char *value_of(const struct emit_var *vars, const char *name, size_t size)
{
	for (; vars->name; vars++)
		if (strlen(vars->name) == size && !memcmp(vars->name, name, size))
			return vars->value;
	assert(!"a template names a value that does not exist");
	return "";
}

void actr__emit(struct actr__buf *out, const char *text, const struct emit_var *vars)
{
	for (;;) {
		const char *at = strchr(text, '@');
		const char *end = at ? strchr(at + 1, '@') : NULL;

		/* A failed append is kept in out->failed and seen at the end. */
		if (!end) {
			(void)actr__buf_puts(out, text);
			return;
		}
		(void)actr__buf_append(out, text, (size_t)(at - text));
		(void)actr__buf_puts(out, value_of(vars, at + 1, (size_t)(end - at - 1)));
		text = end + 1;
	}
}

static const char *lane_name(actr_lane lane)
{
	static const char *const names[] = {
		[ACTR_LANE_RPC_RELIABLE] = "ACTR_LANE_RPC_RELIABLE",
		[ACTR_LANE_RPC_SIGNAL] = "ACTR_LANE_RPC_SIGNAL",
		[ACTR_LANE_STREAM_RELIABLE] = "ACTR_LANE_STREAM_RELIABLE",
		[ACTR_LANE_STREAM_LATENCY_FIRST] = "ACTR_LANE_STREAM_LATENCY_FIRST",
	};

	return names[lane];
}

static const char *streaming_name(const struct codegen_method *method)
{
	if (method->client_streaming)
		return method->server_streaming ? "ACTR_BIDI_STREAMING" : "ACTR_CLIENT_STREAMING";
	return method->server_streaming ? "ACTR_SERVER_STREAMING" : "ACTR_UNARY";
}

/* The comment of a handler: the rpc's name and what its .proto says about it. */
static const char *method_comment(struct codegen *cg, const struct codegen_method *method)
{
	const char *text = method->comment ? method->comment : "";
	const char *block = actr__codegen_format(cg, "\t * %s\n\t *\n", method->full_name);

	if (!text[0])
		return actr__codegen_format(cg, "\t/* %s */\n", method->full_name);
	while (*text) {
		size_t size = strcspn(text, "\n");
		char *line = actr__codegen_format(cg, "%.*s", (int)size, text);

		for (char *c = line; *c; c++) /* neither end our comment nor seem to begin one */
			if ((c[0] == '*' && c[1] == '/') || (c[0] == '/' && c[1] == '*'))
				c[0] = c[1] = '|';
		block = actr__codegen_format(cg, "%s\t *%s%s\n", block,
					     line[0] && line[0] != ' ' ? " " : "", line);
		text += size + (text[size] == '\n');
	}
	return actr__codegen_format(cg, "\t/*\n%s\t */\n", block);
}

#define VARS_MAX 24

static void set_vars(struct codegen *cg, const struct codegen_service *service,
		     const struct codegen_method *method, struct emit_var *ret_vars)
{
	struct emit_var *var = ret_vars;

	*var++ = (struct emit_var){"manufacturer", cg->manufacturer};
	*var++ = (struct emit_var){"Service", service->full_name};
	*var++ = (struct emit_var){"svc", service->c_name};
	*var++ = (struct emit_var){"SVC", service->c_upper};
	*var++ = (struct emit_var){"object", service->c_object};
	*var++ = (struct emit_var){"table", service->c_table};
	*var++ = (struct emit_var){"count", service->method_count_text};
	if (method) {
		*var++ = (struct emit_var){"Method", method->full_name};
		*var++ = (struct emit_var){"route", method->route_key};
		*var++ = (struct emit_var){"route_size", method->route_size_text};
		*var++ = (struct emit_var){"m", method->c_name};
		*var++ = (struct emit_var){"M", method->c_upper};
		*var++ = (struct emit_var){"comment", method_comment(cg, method)};
		*var++ = (struct emit_var){"member", method->c_member};
		*var++ = (struct emit_var){"index", method->index_text};
		*var++ = (struct emit_var){"lane", lane_name(method->lane)};
		*var++ = (struct emit_var){"streaming", streaming_name(method)};
		*var++ = (struct emit_var){"Input", method->input->full_name};
		*var++ = (struct emit_var){"Output", method->output->full_name};
		*var++ = (struct emit_var){"Req", method->input->c_type};
		*var++ = (struct emit_var){"Resp", method->output->c_type};
		*var++ = (struct emit_var){"req_type", method->input->c_descriptor};
		*var++ = (struct emit_var){"resp_type", method->output->c_descriptor};
	}
	assert(var - ret_vars < VARS_MAX);
	*var = (struct emit_var){NULL, NULL};
}

void actr__emit_service(struct codegen *cg, const struct codegen_service *service, const char *text,
			struct actr__buf *out)
{
	actr__emit_method(cg, service, NULL, text, out);
}

void actr__emit_method(struct codegen *cg, const struct codegen_service *service,
		       const struct codegen_method *method, const char *text, struct actr__buf *out)
{
	struct emit_var vars[VARS_MAX];

	set_vars(cg, service, method, vars);
	actr__emit(out, text, vars);
}

void actr__emit_methods(struct codegen *cg, const struct codegen_service *service,
			enum emit_which which, const char *text, struct actr__buf *out)
{
	for (size_t i = 0; i < service->method_count; i++)
		if (which == EVERY_METHOD ||
		    (which == UNARY_METHODS) == actr__method_is_unary(&service->methods[i]))
			actr__emit_method(cg, service, &service->methods[i], text, out);
}

void actr__emit_banner(struct codegen *cg, const struct codegen_file *file, struct actr__buf *out)
{
	const struct emit_var vars[] = {
		{"version", ACTR_VERSION},
		{"proto", file->proto->name},
		{"fingerprint", actr__codegen_format(cg, "%016" PRIx64, file->fingerprint)},
		{NULL, NULL},
	};

	actr__emit(out,
		   "/*\n"
		   " * Generated by protoc-gen-actr @version@ from @proto@. Do not edit.\n"
		   " * Fingerprint of the proto: fnv1a64:@fingerprint@\n"
		   " */\n",
		   vars);
}
