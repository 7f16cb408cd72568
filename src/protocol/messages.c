#include "protocol/protocol.h"

/* protobuf-c's fields are not const; nothing writes through them while a message is packed. */
static char *borrowed(const char *text)
{
	return (char *)(uintptr_t)text;
}

Actr__Realm *actr__pb_realm(Actr__Realm *place, uint32_t realm)
{
	actr__realm__init(place);
	place->has_realm_id = true;
	place->realm_id = realm;
	return place;
}

Actr__ActrType *actr__pb_type(Actr__ActrType *place, const actr_type *type)
{
	actr__actr_type__init(place);
	place->manufacturer = borrowed(type->manufacturer);
	place->name = borrowed(type->name);
	return place;
}

Actr__ActrId *actr__pb_id(struct actr__pb_id *place, const actr_id *id)
{
	actr__actr_id__init(&place->id);
	place->id.realm = actr__pb_realm(&place->realm, id->realm);
	place->id.has_serial_number = true;
	place->id.serial_number = id->serial;
	place->id.type = actr__pb_type(&place->type, &id->type);
	return &place->id;
}

Actr__ErrorResponse *actr__pb_error(Actr__ErrorResponse *place, uint32_t wire_code,
				    const char *message)
{
	actr__error_response__init(place);
	place->has_code = true;
	place->code = wire_code;
	place->message = borrowed(message ? message : "");
	return place;
}

Actr__AIdCredential *actr__pb_credential(Actr__AIdCredential *place, actr_bytes token,
					 uint32_t key_id)
{
	actr__aid_credential__init(place);
	place->has_encrypted_token = true;
	place->encrypted_token = actr__pb_binary(token);
	place->has_token_key_id = true;
	place->token_key_id = key_id;
	return place;
}

Actr__Timestamp *actr__pb_timestamp(Actr__Timestamp *place, int64_t wall_ms)
{
	actr__timestamp__init(place);
	place->has_seconds = true;
	place->seconds = wall_ms / 1000;
	return place;
}

Signaling__SignalingEnvelope *actr__pb_envelope(struct actr__pb_envelope *place, const char *id,
						const char *reply_for, int64_t wall_ms)
{
	Signaling__SignalingEnvelope *envelope = &place->envelope;

	signaling__signaling_envelope__init(envelope);
	envelope->has_envelope_version = true;
	envelope->envelope_version = 1;
	envelope->envelope_id = borrowed(id);
	envelope->reply_for = borrowed(reply_for);
	envelope->timestamp = actr__pb_timestamp(&place->timestamp, wall_ms);
	return envelope;
}

static int copy_name(char *out, size_t out_size, const char *text, const char *what,
		     actr_error *err)
{
	if (actr__copy_text(out, out_size, actr__text(text)))
		return 0;
	return ACTR_FAIL(err, ACTR_E_DECODE, "%s is longer than %zu bytes", what, out_size - 1);
}

int actr__pb_type_read(const Actr__ActrType *message, actr_type *ret_type, actr_error *err)
{
	actr_type type = {.manufacturer = ""};

	if (!message)
		return ACTR_FAIL(err, ACTR_E_DECODE, "an actor type is missing");
	ACTR_TRY(copy_name(type.manufacturer, sizeof type.manufacturer, message->manufacturer,
			   "manufacturer", err));
	ACTR_TRY(copy_name(type.name, sizeof type.name, message->name, "type name", err));
	*ret_type = type;
	return 0;
}

int actr__pb_id_read(const Actr__ActrId *message, actr_id *ret_id, actr_error *err)
{
	actr_id id = {.realm = 0};

	if (!message)
		return ACTR_FAIL(err, ACTR_E_DECODE, "an actor id is missing");
	if (message->type)
		ACTR_TRY(actr__pb_type_read(message->type, &id.type, err));
	if (message->realm)
		id.realm = message->realm->realm_id;
	id.serial = message->serial_number;
	*ret_id = id;
	return 0;
}

int actr__pb_error_read(const Actr__ErrorResponse *message, actr_error *err)
{
	uint32_t wire_code = message && message->code ? message->code : 500;
	int code = actr_error_from_wire(wire_code);

	actr__fail(err, code, "%s",
		   message && message->message ? message->message : "no reason given");
	if (err)
		err->wire_code = wire_code;
	return code;
}

int actr__pb_append(const ProtobufCMessage *message, struct actr__buf *buf)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *out = actr__buf_reserve(buf, size);

	if (!out)
		return buf->failed;
	buf->size += protobuf_c_message_pack(message, out);
	return 0;
}
