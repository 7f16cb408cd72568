/*
 * The model: what the output says, with every name chosen and every doubt settled.
 *
 * First all messages of all files are entered by full name, so that a method's types are looked up,
 * never guessed from their spelling (defect 70). Then the services of the files to generate. Each C
 * name that the output declares is taken once in a run: the second taker is an error that names
 * both, since the C compiler would name neither.
 */
#include "codegen.h"

#include <stdlib.h>
#include <string.h>

#include <actr/error.h>

#include "base/macros.h"

#define MAX_NAMES (1u << 22)

#define PAYLOAD_TYPE_OPTION 50001 /* actr.payload_type, reference.md 1.2 */
#define PB_C_FILE_OPTION    1019  /* pb_c_file of protobuf-c.proto … */
#define PB_C_PACKAGE	    6	  /* … and c_package in it */

/* Numbers of descriptor.proto, for source locations. */
enum {
	FILE_SERVICE = 6,
	SERVICE_NAME = 1,
	SERVICE_METHOD = 2,
	METHOD_NAME = 1,
	METHOD_INPUT = 2,
	METHOD_OUTPUT = 3
};

struct symbol {
	struct actr__map_node node;
	const char *c_name;
	const char *owner; /* "service echo.EchoService (echo.proto:6:1)" */
};

/* --- messages --------------------------------------------------------------------------------- */

static bool match_message(const struct actr__map_node *node, const void *key)
{
	return !strcmp(container_of(node, struct codegen_message, node)->full_name, key);
}

static uint64_t hash_text(const char *text)
{
	return actr__hash(text, strlen(text));
}

static struct codegen_message *find_message(struct codegen *cg, const char *full_name)
{
	struct actr__map_node *node =
		actr__map_find(&cg->messages, hash_text(full_name), match_message, full_name);

	return node ? container_of(node, struct codegen_message, node) : NULL;
}

/* A descriptor's type name has a leading dot when protoc has resolved it; anything else is not. */
static struct codegen_message *resolve(struct codegen *cg, const char *type_name)
{
	return type_name && type_name[0] == '.' ? find_message(cg, type_name + 1) : NULL;
}

static const char *join(struct codegen *cg, const char *scope, const char *name)
{
	return scope[0] ? actr__codegen_format(cg, "%s.%s", scope, name)
			: actr__codegen_format(cg, "%s", name);
}

static const char *path_base(struct codegen *cg, const char *path)
{
	size_t size = strlen(path);

	if (size > 6 && !strcmp(path + size - 6, ".proto"))
		size -= 6;
	return actr__codegen_format(cg, "%.*s", (int)size, path);
}

/* Enter a message and those inside it; `c_scope` differs from `scope` by the option c_package. */
static int add_message(struct codegen *cg, const char *header, const char *scope,
		       const char *c_scope, const pb_message *proto)
{
	struct codegen_message *message = actr__codegen_alloc(cg, sizeof *message);
	const char *c_name = join(cg, c_scope, proto->name ? proto->name : "");
	int rc;

	message->proto = proto;
	message->full_name = join(cg, scope, proto->name ? proto->name : "");
	message->c_type = actr__name_pb_type(cg, c_name);
	message->c_descriptor =
		actr__codegen_format(cg, "%s__descriptor", actr__name_pb_lower(cg, c_name));
	message->header = header;
	rc = actr__map_insert(&cg->messages, &message->node, hash_text(message->full_name));
	if (rc < 0)
		return actr__codegen_problem(cg, "too many messages: %s", actr_error_text(rc));
	for (size_t i = 0; i < proto->n_nested_type; i++)
		ACTR_TRY(
			add_message(cg, header, message->full_name, c_name, proto->nested_type[i]));
	return 0;
}

static int add_messages_of(struct codegen *cg, const pb_file *file)
{
	const char *base = path_base(cg, file->name ? file->name : "");
	const char *header = actr__codegen_format(cg, "%s.pb-c.h", base);
	const char *scope = file->package ? file->package : "";
	const char *c_scope = scope;
	actr_bytes options, text;

	if (file->options &&
	    actr__request_extension_bytes(&file->options->base, PB_C_FILE_OPTION, &options) &&
	    actr__request_field_bytes(options, PB_C_PACKAGE, &text) && text.size)
		c_scope = actr__codegen_format(cg, "%.*s", (int)text.size, (const char *)text.data);
	for (size_t i = 0; i < file->n_message_type; i++)
		ACTR_TRY(add_message(cg, header, scope, c_scope, file->message_type[i]));
	return 0;
}

/* Whether a message reaches a cycle: then a peer decides how deep protobuf-c recurses. */
static bool find_cycle(struct codegen *cg, struct codegen_message *message)
{
	if (message->visit == VISITED)
		return message->recursive;
	if (message->visit == VISITING)
		return true;
	message->visit = VISITING;
	for (size_t i = 0; i < message->proto->n_field; i++) {
		struct codegen_message *field = resolve(cg, message->proto->field[i]->type_name);

		if (field && find_cycle(cg, field))
			message->recursive = true;
	}
	message->visit = VISITED;
	return message->recursive;
}

/* --- C names -----------------------------------------------------------------------------------
 */

static bool match_symbol(const struct actr__map_node *node, const void *key)
{
	return !strcmp(container_of(node, struct symbol, node)->c_name, key);
}

static int take_symbol(struct codegen *cg, const char *c_name, const char *owner)
{
	struct actr__map_node *node =
		actr__map_find(&cg->symbols, hash_text(c_name), match_symbol, c_name);
	struct symbol *symbol;

	if (node)
		return actr__codegen_problem(
			cg,
			"%s needs the C name %s, which belongs to %s already; rename one of them, "
			"or "
			"generate their files in two runs with different --actr_opt=prefix=…",
			owner, c_name, container_of(node, struct symbol, node)->owner);
	symbol = actr__codegen_alloc(cg, sizeof *symbol);
	symbol->c_name = c_name;
	symbol->owner = owner;
	return actr__map_insert(&cg->symbols, &symbol->node, hash_text(c_name)) < 0
		       ? actr__codegen_problem(cg, "too many C names")
		       : 0;
}

static int take_service_symbols(struct codegen *cg, const struct codegen_service *service,
				const char *owner)
{
	const char *c_name = service->c_name;

	if (!strcmp(c_name, "actr") || !strncmp(c_name, "actr_", 5))
		return actr__codegen_problem(
			cg,
			"%s would have C names that begin with actr_, which are "
			"the library's; add --actr_opt=prefix=…",
			owner);
	ACTR_TRY(take_symbol(cg, service->c_object, owner));
	ACTR_TRY(take_symbol(cg, actr__codegen_format(cg, "%s_ops", c_name), owner));
	return take_symbol(cg, actr__codegen_format(cg, "%s_METHODS", service->c_upper), owner);
}

static int take_method_symbols(struct codegen *cg, const struct codegen_service *service,
			       const struct codegen_method *method, const char *owner)
{
	static const char *const unary[] = {"", "_start", "_response", "_tell", "_reply"};
	static const char *const streaming[] = {"", "_send", "_send_back", "_received",
						"_received_back"};
	const char *const *forms = actr__method_is_unary(method) ? unary : streaming;

	for (size_t i = 0; i < ARRAY_SIZE(unary); i++)
		ACTR_TRY(take_symbol(cg,
				     actr__codegen_format(cg, "%s_%s%s", service->c_name,
							  method->c_name, forms[i]),
				     owner));
	return take_symbol(
		cg, actr__codegen_format(cg, "%s_%s_METHOD", service->c_upper, method->c_upper),
		owner);
}

/* --- methods -----------------------------------------------------------------------------------
 */

struct place {
	const pb_file *file;
	int32_t path[5];
};

static const char *place_of(struct codegen *cg, const struct place *place, size_t path_size)
{
	return actr__request_place(cg, place->file, place->path, path_size);
}

static int choose_lane(struct codegen *cg, const pb_method *proto, const struct place *place,
		       struct codegen_method *method)
{
	bool unary = actr__method_is_unary(method);
	uint64_t lane = unary ? ACTR_LANE_RPC_RELIABLE : ACTR_LANE_STREAM_RELIABLE;
	bool rpc_lane;

	if (proto->options)
		(void)actr__request_extension_varint(&proto->options->base, PAYLOAD_TYPE_OPTION,
						     &lane); /* absent: the default stays */
	rpc_lane = lane == ACTR_LANE_RPC_RELIABLE || lane == ACTR_LANE_RPC_SIGNAL;
	method->lane = (actr_lane)lane;
	if (lane == ACTR_LANE_MEDIA_RTP)
		return actr__codegen_problem(
			cg, "%s: rpc %s: payload_type MEDIA_RTP carries media tracks, not rpcs",
			place_of(cg, place, 4), method->full_name);
	if (lane >= ACTR_LANE_COUNT)
		return actr__codegen_problem(cg, "%s: rpc %s: payload_type %llu is unknown",
					     place_of(cg, place, 4), method->full_name,
					     (unsigned long long)lane);
	/* RPC lanes carry RpcEnvelope, stream lanes DataStream (reference.md 5.1). */
	if (unary != rpc_lane)
		return actr__codegen_problem(cg, "%s: rpc %s %s; its payload_type can be %s",
					     place_of(cg, place, 4), method->full_name,
					     unary ? "does not stream" : "streams",
					     unary ? "RPC_RELIABLE or RPC_SIGNAL"
						   : "STREAM_RELIABLE or STREAM_LATENCY_FIRST");
	return 0;
}

static int find_type(struct codegen *cg, struct place *place, const struct codegen_method *method,
		     int32_t field, const char *type_name, struct codegen_message **ret_type)
{
	struct codegen_message *type = resolve(cg, type_name);

	place->path[4] = field;
	if (!type)
		return actr__codegen_problem(cg,
					     "%s: rpc %s: its %s type %s is in no file that protoc "
					     "was given; import the "
					     "file that defines it",
					     place_of(cg, place, 5), method->full_name,
					     field == METHOD_INPUT ? "request" : "response",
					     type_name ? type_name : "?");
	(void)find_cycle(cg, type); /* marks it */
	*ret_type = type;
	return 0;
}

static int build_method(struct codegen *cg, struct place *place,
			const struct codegen_service *service, const pb_method *proto,
			struct codegen_method *method)
{
	const char *name = proto->name ? proto->name : "";

	method->full_name = actr__codegen_format(cg, "%s.%s", service->full_name, name);
	method->route_key = place->file->package && place->file->package[0]
				    ? method->full_name
				    : actr__codegen_format(cg, ".%s", method->full_name);
	method->c_name = actr__name_snake(cg, name);
	method->c_upper = actr__name_upper(cg, method->c_name);
	method->c_member = actr__name_member(cg, method->c_name);
	if (!strcmp(method->c_member, "size")) /* the first member is called so */
		method->c_member = "size_";
	method->index_text = actr__codegen_format(cg, "%td", method - service->methods);
	method->route_size_text = actr__codegen_format(cg, "%zu", strlen(method->route_key));
	method->comment = actr__request_comment(place->file, place->path, 4);
	method->client_streaming = proto->client_streaming;
	method->server_streaming = proto->server_streaming;
	ACTR_TRY(find_type(cg, place, method, METHOD_INPUT, proto->input_type, &method->input));
	ACTR_TRY(find_type(cg, place, method, METHOD_OUTPUT, proto->output_type, &method->output));
	ACTR_TRY(choose_lane(cg, proto, place, method));
	place->path[4] = METHOD_NAME;
	return take_method_symbols(
		cg, service, method,
		actr__codegen_format(cg, "rpc %s (%s)", method->full_name, place_of(cg, place, 5)));
}

/* --- services ----------------------------------------------------------------------------------
 */

static int check_type_name(struct codegen *cg, const struct place *place, const char *full_name)
{
	if (strlen(full_name) > ACTR_TYPE_NAME_MAX)
		return actr__codegen_problem(
			cg, "%s: service %s: the full name of a service has at most %d bytes",
			place_of(cg, place, 2), full_name, ACTR_TYPE_NAME_MAX);
	return 0;
}

static int build_service(struct codegen *cg, struct place *place, const pb_service *proto,
			 struct codegen_service *service)
{
	const char *name = proto->name ? proto->name : "";
	const char *owner;

	service->full_name = join(cg, place->file->package ? place->file->package : "", name);
	service->c_name = actr__codegen_format(cg, "%s%s", cg->prefix, actr__name_snake(cg, name));
	service->c_upper = actr__name_upper(cg, service->c_name);
	service->c_object = actr__name_object(cg, service->c_name);
	service->methods = actr__codegen_alloc(cg, proto->n_method * sizeof *service->methods);
	service->method_count = proto->n_method;
	service->method_count_text = actr__codegen_format(cg, "%zu", proto->n_method);
	service->c_table = proto->n_method
				   ? actr__codegen_format(cg, "actr_methods_%s", service->c_name)
				   : "NULL";
	place->path[2] = SERVICE_NAME;
	owner = actr__codegen_format(cg, "service %s (%s)", service->full_name,
				     place_of(cg, place, 3));
	ACTR_TRY(check_type_name(cg, place, service->full_name));
	ACTR_TRY(take_service_symbols(cg, service, owner));
	for (size_t i = 0; i < proto->n_method; i++) {
		place->path[2] = SERVICE_METHOD;
		place->path[3] = (int32_t)i;
		ACTR_TRY(build_method(cg, place, service, proto->method[i], &service->methods[i]));
	}
	return 0;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_header(struct codegen_file *file, const char *header)
{
	for (size_t i = 0; i < file->header_count; i++)
		if (!strcmp(file->headers[i], header))
			return;
	file->headers[file->header_count++] = header;
}

/* The headers that declare the types used, and which helpers the source needs. */
static void collect_needs(struct codegen *cg, struct codegen_file *file)
{
	size_t most = 1;

	for (size_t i = 0; i < file->service_count; i++)
		most += 2 * file->services[i].method_count;
	file->headers = actr__codegen_alloc(cg, most * sizeof *file->headers);
	add_header(file, actr__codegen_format(cg, "%s.pb-c.h", file->base));
	for (size_t i = 0; i < file->service_count; i++) {
		for (size_t j = 0; j < file->services[i].method_count; j++) {
			const struct codegen_method *method = &file->services[i].methods[j];

			add_header(file, method->input->header);
			add_header(file, method->output->header);
			if (actr__method_is_unary(method))
				file->has_unary = true;
			else
				file->has_streams = true;
			if (method->input->recursive || method->output->recursive)
				file->has_recursive = true;
		}
	}
	qsort(file->headers, file->header_count, sizeof *file->headers, compare_text);
}

/* FNV-1a 64 of the descriptor without its comments and positions. */
static uint64_t fingerprint(struct codegen *cg, const pb_file *proto)
{
	pb_file bare = *proto;
	uint64_t hash = 0xcbf29ce484222325u;
	uint8_t *bytes;
	size_t size;

	bare.source_code_info = NULL;
	size = google__protobuf__file_descriptor_proto__get_packed_size(&bare);
	bytes = actr__codegen_alloc(cg, size);
	(void)google__protobuf__file_descriptor_proto__pack(&bare, bytes); /* is `size` */
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return hash;
}

static int build_file(struct codegen *cg, const pb_file *proto, struct codegen_file *file)
{
	struct place place = {.file = proto, .path = {FILE_SERVICE}};

	file->proto = proto;
	file->base = path_base(cg, proto->name);
	file->fingerprint = fingerprint(cg, proto);
	file->services = actr__codegen_alloc(cg, proto->n_service * sizeof *file->services);
	file->service_count = proto->n_service;
	for (size_t i = 0; i < proto->n_service; i++) {
		place.path[1] = (int32_t)i;
		ACTR_TRY(build_service(cg, &place, proto->service[i], &file->services[i]));
	}
	collect_needs(cg, file);
	return 0;
}

static const pb_file *find_file(const struct codegen *cg, const char *name)
{
	for (size_t i = 0; i < cg->request->n_proto_file; i++)
		if (cg->request->proto_file[i]->name &&
		    !strcmp(cg->request->proto_file[i]->name, name))
			return cg->request->proto_file[i];
	return NULL;
}

int actr__model_build(struct codegen *cg)
{
	const pb_request *request = cg->request;

	actr__map_init(&cg->messages, MAX_NAMES);
	actr__map_init(&cg->symbols, MAX_NAMES);
	for (size_t i = 0; i < request->n_proto_file; i++)
		ACTR_TRY(add_messages_of(cg, request->proto_file[i]));
	cg->files = actr__codegen_alloc(cg, request->n_file_to_generate * sizeof *cg->files);
	for (size_t i = 0; i < request->n_file_to_generate; i++) {
		const pb_file *proto = find_file(cg, request->file_to_generate[i]);

		if (!proto)
			return actr__codegen_problem(cg,
						     "protoc asked for %s but did not describe it",
						     request->file_to_generate[i]);
		if (proto->n_service)
			ACTR_TRY(build_file(cg, proto, &cg->files[cg->file_count++]));
	}
	return 0;
}
