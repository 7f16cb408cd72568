/*
 * What protoc hands over: the request, our options in it, extensions that its descriptors carry as
 * unknown fields, and where in the .proto something stands.
 */
#include "codegen.h"

#include <string.h>

#include <actr/error.h>

static void *arena_alloc(void *cg, size_t size)
{
	return actr__codegen_alloc(cg, size);
}

static void arena_free(void *cg, void *block)
{
	(void)cg;
	(void)block;
}

int actr__request_read_all(FILE *in, struct actr__buf *out)
{
	size_t size;

	do {
		uint8_t *room = actr__buf_reserve(out, 64 * 1024);

		if (!room)
			return out->failed;
		size = fread(room, 1, 64 * 1024, in);
		out->size += size;
	} while (size);
	return 0;
}

pb_response *actr__request_unpack_response(struct codegen *cg, const uint8_t *bytes, size_t size)
{
	ProtobufCAllocator allocator = {arena_alloc, arena_free, cg};

	return google__protobuf__compiler__code_generator_response__unpack(&allocator, size, bytes);
}

static int set_option(struct codegen *cg, const char *key, const char *value)
{
	if (!strcmp(key, "manufacturer")) {
		if (!actr__name_is_manufacturer(value))
			return actr__codegen_problem(
				cg,
				"manufacturer=%s: expected at most 32 letters, digits, '-' and "
				"'_', with a letter first and a letter or digit last",
				value);
		cg->manufacturer = value;
		return 0;
	}
	if (!strcmp(key, "prefix")) {
		size_t size = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_");

		if (value[size] || (value[0] >= '0' && value[0] <= '9') || value[0] == '_')
			return actr__codegen_problem(cg,
						     "prefix=%s: expected lower case letters, "
						     "digits and '_', a letter first",
						     value);
		cg->prefix = value;
		return 0;
	}
	if (!strcmp(key, "messages")) {
		cg->with_messages = true;
		return 0;
	}
	return actr__codegen_problem(
		cg, "unknown option '%s'; there are manufacturer=NAME, prefix=NAME and messages",
		key);
}

static int read_options(struct codegen *cg, const char *parameter)
{
	char *at = actr__codegen_format(cg, "%s", parameter);

	while (*at) {
		size_t size = strcspn(at, ",");
		char *next = at[size] ? at + size + 1 : at + size;
		char *equals;
		int rc;

		at[size] = 0;
		equals = strchr(at, '=');
		if (equals)
			*equals = 0;
		rc = size ? set_option(cg, at, equals ? equals + 1 : "") : 0;
		if (rc < 0)
			return rc;
		at = next;
	}
	return 0;
}

int actr__request_read(struct codegen *cg, const uint8_t *bytes, size_t size)
{
	ProtobufCAllocator allocator = {arena_alloc, arena_free, cg};

	cg->manufacturer = "acme"; /* reference.md 7 */
	cg->prefix = "";
	cg->request =
		google__protobuf__compiler__code_generator_request__unpack(&allocator, size, bytes);
	if (!cg->request) {
		cg->problem = "standard input is not a CodeGeneratorRequest; run this program "
			      "through protoc: protoc --actr_out=DIR FILE.proto";
		return ACTR_E_DECODE;
	}
	return read_options(cg, cg->request->parameter ? cg->request->parameter : "");
}

/* One varint; the bytes used, 0 when it is cut off or too long. */
static size_t read_varint(actr_bytes in, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (size_t i = 0; i < in.size && i < 10; i++) {
		value |= (uint64_t)(in.data[i] & 0x7f) << (7 * i);
		if (!(in.data[i] & 0x80)) {
			*ret_value = value;
			return i + 1;
		}
	}
	return 0;
}

static actr_bytes skip(actr_bytes in, size_t size)
{
	return (actr_bytes){.data = in.data + size, .size = in.size - size};
}

/* A length and that many bytes; false when cut off. */
static bool read_delimited(actr_bytes *in, actr_bytes *ret_value)
{
	uint64_t size;
	size_t used = read_varint(*in, &size);

	if (!used || size > in->size - used)
		return false;
	*ret_value = (actr_bytes){.data = in->data + used, .size = (size_t)size};
	*in = skip(*in, used + (size_t)size);
	return true;
}

bool actr__request_field_bytes(actr_bytes message, uint32_t number, actr_bytes *ret_value)
{
	bool found = false;

	while (message.size) {
		actr_bytes value = {NULL, 0};
		uint64_t tag, plain;
		size_t used = read_varint(message, &tag);
		size_t fixed = (tag & 7) == 1 ? 8 : 4;

		if (!used)
			return found;
		message = skip(message, used);
		if ((tag & 7) == 0) {
			used = read_varint(message, &plain);
			if (!used)
				return found;
			message = skip(message, used);
		} else if ((tag & 7) == 2) {
			if (!read_delimited(&message, &value))
				return found;
		} else if (((tag & 7) == 1 || (tag & 7) == 5) && message.size >= fixed) {
			message = skip(message, fixed);
		} else {
			return found;
		}
		if ((tag & 7) == 2 && tag >> 3 == number) {
			*ret_value = value;
			found = true;
		}
	}
	return found;
}

/* The last unknown field of this number and kind: later ones replace earlier ones. */
static const ProtobufCMessageUnknownField *find_unknown(const ProtobufCMessage *options,
							uint32_t number, ProtobufCWireType type)
{
	for (size_t i = options ? options->n_unknown_fields : 0; i-- > 0;)
		if (options->unknown_fields[i].tag == number &&
		    options->unknown_fields[i].wire_type == type)
			return &options->unknown_fields[i];
	return NULL;
}

bool actr__request_extension_varint(const ProtobufCMessage *options, uint32_t number,
				    uint64_t *ret_value)
{
	const ProtobufCMessageUnknownField *field =
		find_unknown(options, number, PROTOBUF_C_WIRE_TYPE_VARINT);

	return field && read_varint((actr_bytes){field->data, field->len}, ret_value);
}

bool actr__request_extension_bytes(const ProtobufCMessage *options, uint32_t number,
				   actr_bytes *ret_value)
{
	const ProtobufCMessageUnknownField *field =
		find_unknown(options, number, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
	actr_bytes in;

	if (!field)
		return false;
	in = (actr_bytes){field->data, field->len};
	return read_delimited(&in, ret_value); /* protobuf-c keeps the length before the bytes */
}

const char *actr__request_place(struct codegen *cg, const pb_file *file, const int32_t *path,
				size_t path_size)
{
	const Google__Protobuf__SourceCodeInfo *info = file->source_code_info;
	const Google__Protobuf__SourceCodeInfo__Location *best = NULL;

	for (size_t i = 0; info && i < info->n_location; i++) {
		const Google__Protobuf__SourceCodeInfo__Location *at = info->location[i];

		if (at->n_path > path_size || at->n_span < 3 ||
		    (best && at->n_path <= best->n_path))
			continue;
		if (!at->n_path || !memcmp(at->path, path, at->n_path * sizeof *path))
			best = at;
	}
	if (!best || !best->n_path)
		return file->name ? file->name : "?";
	return actr__codegen_format(cg, "%s:%d:%d", file->name, best->span[0] + 1,
				    best->span[1] + 1);
}

const char *actr__request_comment(const pb_file *file, const int32_t *path, size_t path_size)
{
	const Google__Protobuf__SourceCodeInfo *info = file->source_code_info;

	for (size_t i = 0; info && i < info->n_location; i++)
		if (info->location[i]->n_path == path_size &&
		    !memcmp(info->location[i]->path, path, path_size * sizeof *path))
			return info->location[i]->leading_comments;
	return NULL;
}
