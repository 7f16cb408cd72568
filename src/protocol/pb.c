/*
 * protobuf-c with what it lacks for a peer's bytes: it descends as deep as it is told, takes any
 * number of fields, never looks whether a string is UTF-8, and ends one silently at a zero byte. So
 * a walk over the bytes with the descriptor in hand comes first, in constant memory.
 */
#include "protocol/protocol.h"
#include "protocol/varint.h"

/* Of one message: a thousand candidates of a route answer are nine thousand. */
#define FIELDS_MAX 65536u

static void *arena_alloc(void *arena, size_t size)
{
	return actr__arena_alloc(arena, size);
}

static void arena_free(void *arena, void *piece)
{
	(void)arena;
	(void)piece;
}

ProtobufCAllocator actr__arena_allocator(struct actr__arena *arena)
{
	return (ProtobufCAllocator){arena_alloc, arena_free, arena};
}

struct level {
	const ProtobufCMessageDescriptor *descriptor;
	actr_bytes rest;
};

static int check_string(const ProtobufCMessageDescriptor *message,
			const ProtobufCFieldDescriptor *field, actr_bytes text, actr_error *err)
{
	if (text.size && memchr(text.data, 0, text.size))
		return ACTR_FAIL(err, ACTR_E_DECODE, "%s.%s holds a zero byte", message->name,
				 field->name);
	if (!actr__utf8_valid(text.data, text.size))
		return ACTR_FAIL(err, ACTR_E_DECODE, "%s.%s is not UTF-8", message->name,
				 field->name);
	return 0;
}

/* Strings are checked; 1 when the field is a message to descend into: *ret_inner. */
static int check_field(const ProtobufCMessageDescriptor *message, const struct actr__field *field,
		       struct level *ret_inner, actr_error *err)
{
	const ProtobufCFieldDescriptor *known =
		protobuf_c_message_descriptor_get_field(message, field->number);

	if (!known || field->wire != ACTR__WIRE_LENGTH)
		return 0; /* protobuf-c itself refuses wrong wire types */
	if (known->type == PROTOBUF_C_TYPE_STRING)
		return check_string(message, known, field->bytes, err);
	if (known->type != PROTOBUF_C_TYPE_MESSAGE)
		return 0;
	*ret_inner = (struct level){known->descriptor, field->bytes};
	return 1;
}

int actr__pb_check(const ProtobufCMessageDescriptor *descriptor, actr_bytes bytes,
		   size_t max_fields, actr_error *err)
{
	struct level levels[ACTR__DEPTH_MAX];
	size_t depth = 1, fields = 0;

	levels[0] = (struct level){descriptor, bytes};
	while (depth) {
		struct level *level = &levels[depth - 1], inner;
		struct actr__field field;
		int rc = actr__field_next(&level->rest, &field, err);

		if (rc < 0)
			return rc;
		if (rc == 0) {
			depth--;
			continue;
		}
		if (++fields > max_fields)
			return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "%s has over %zu fields",
					 descriptor->name, max_fields);
		rc = check_field(level->descriptor, &field, &inner, err);
		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		if (depth == ACTR__DEPTH_MAX)
			return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "%s is nested deeper than %d",
					 descriptor->name, ACTR__DEPTH_MAX);
		levels[depth++] = inner;
	}
	return 0;
}

ProtobufCMessage *actr__pb_unpack(const ProtobufCMessageDescriptor *descriptor, actr_bytes bytes,
				  struct actr__arena *arena, actr_error *err)
{
	ProtobufCAllocator allocator = actr__arena_allocator(arena);
	ProtobufCMessage *message;

	if (actr__pb_check(descriptor, bytes, FIELDS_MAX, err) < 0)
		return NULL;
	message = protobuf_c_message_unpack(descriptor, &allocator, bytes.size, bytes.data);
	if (!message)
		ACTR_FAIL(err, ACTR_E_DECODE,
			  "%s is malformed, or there is no memory for what it decodes into",
			  descriptor->name);
	return message;
}
