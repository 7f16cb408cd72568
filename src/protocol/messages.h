/*
 * Part of the door: protobuf-c messages of proto/ and what keeps their making honest. A message is
 * built in places that the caller lends, points at the caller's data, and always has the fields
 * that the wire wants always (proto/actr.proto).
 */
#ifndef ACTR_PROTOCOL_MESSAGES_H
#define ACTR_PROTOCOL_MESSAGES_H

#include "actr.pb-c.h"
#include "package.pb-c.h"
#include "signaling.pb-c.h"
#include "webrtc.pb-c.h"

#include "base/base.h"

struct actr__pb_id {
	Actr__ActrId id;
	Actr__ActrType type;
	Actr__Realm realm;
};

struct actr__pb_envelope {
	Signaling__SignalingEnvelope envelope;
	Actr__Timestamp timestamp;
};

/* Each fills `place` and returns its message. The strings of `id` and `type` are borrowed. */
Actr__ActrId *actr__pb_id(struct actr__pb_id *place, const actr_id *id);
Actr__ActrType *actr__pb_type(Actr__ActrType *place, const actr_type *type);
Actr__Realm *actr__pb_realm(Actr__Realm *place, uint32_t realm);
Actr__ErrorResponse *actr__pb_error(Actr__ErrorResponse *place, uint32_t wire_code,
				    const char *message);
Actr__AIdCredential *actr__pb_credential(Actr__AIdCredential *place, actr_bytes token,
					 uint32_t key_id);
Actr__Timestamp *actr__pb_timestamp(Actr__Timestamp *place, int64_t wall_ms);
/* Version 1 and the timestamp; reply_for may be NULL. The flow is the caller's. */
Signaling__SignalingEnvelope *actr__pb_envelope(struct actr__pb_envelope *place, const char *id,
						const char *reply_for, int64_t wall_ms);

/*
 * Read a received one. An absent field is zero or empty, as for the original; a NULL message, or a
 * name that is too long, is ACTR_E_DECODE.
 */
int actr__pb_id_read(const Actr__ActrId *message, actr_id *ret_id, actr_error *err);
int actr__pb_type_read(const Actr__ActrType *message, actr_type *ret_type, actr_error *err);
/* Fill `err` from a received ErrorResponse (NULL: a server that says nothing) and return its code.
 */
int actr__pb_error_read(const Actr__ErrorResponse *message, actr_error *err);

static inline actr_bytes actr__pb_bytes(ProtobufCBinaryData data)
{
	return (actr_bytes){.data = data.data, .size = data.len};
}

static inline ProtobufCBinaryData actr__pb_binary(actr_bytes bytes)
{
	return (ProtobufCBinaryData){.len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.data};
}

/* Append the encoding; 0, ACTR_E_NOMEM or ACTR_E_TOO_LARGE (the buf's bound). */
int actr__pb_append(const ProtobufCMessage *message, struct actr__buf *buf);

#endif
