#include "protocol/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void an_id_survives_building_and_reading(void **st)
{
	actr_id id = {.realm = 7, .serial = 1ull << 53}, back;
	struct actr__pb_id place;

	(void)st;
	actr_type_set(&id.type, "acme", "echo.EchoService", NULL);
	assert_int_equal(actr__pb_id_read(actr__pb_id(&place, &id), &back, NULL), 0);
	assert_true(actr_id_equal(&id, &back));
}

static void what_the_wire_wants_always_is_there_even_when_zero(void **st)
{
	static const uint8_t expected[] = {
		0x08, 0x01, 0x12, 0x01, 'e',  0x22, 0x02, 0x08, 0x00, /* version, id, timestamp */
		0x72, 0x04, 0x08, 0x00, 0x12, 0x00,		      /* envelope_error */
	};
	struct actr__pb_envelope place;
	Actr__ErrorResponse error;
	Signaling__SignalingEnvelope *envelope = actr__pb_envelope(&place, "e", NULL, 999);
	struct actr__buf buf;

	(void)st;
	envelope->flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ENVELOPE_ERROR;
	envelope->envelope_error = actr__pb_error(&error, 0, NULL);
	actr__buf_init(&buf, 100);
	assert_int_equal(actr__pb_append(&envelope->base, &buf), 0);
	assert_int_equal(buf.size, sizeof expected);
	assert_memory_equal(buf.data, expected, sizeof expected);
	actr__buf_done(&buf);
	actr__buf_init(&buf, sizeof expected - 1);
	assert_int_equal(actr__pb_append(&envelope->base, &buf), ACTR_E_TOO_LARGE);
	actr__buf_done(&buf);
}

static void an_absent_field_reads_as_zero_and_a_long_one_is_refused(void **st)
{
	Actr__ActrId message = ACTR__ACTR_ID__INIT;
	Actr__ActrType type = ACTR__ACTR_TYPE__INIT;
	char text[300] = "";
	actr_id id;

	(void)st;
	assert_int_equal(actr__pb_id_read(&message, &id, NULL), 0);
	assert_true(!id.realm && !id.serial && !id.type.name[0]);
	assert_int_equal(actr__pb_id_read(NULL, &id, NULL), ACTR_E_DECODE);
	assert_int_equal(actr__pb_type_read(NULL, &id.type, NULL), ACTR_E_DECODE);
	memset(text, 'x', ACTR_TYPE_NAME_MAX + 1);
	type.name = text;
	message.type = &type;
	assert_int_equal(actr__pb_id_read(&message, &id, NULL), ACTR_E_DECODE);
	type.name = NULL;
	type.manufacturer = text;
	assert_int_equal(actr__pb_id_read(&message, &id, NULL), ACTR_E_DECODE);
}

static void a_received_error_keeps_its_wire_code(void **st)
{
	Actr__ErrorResponse place;
	actr_error err = ACTR_ERROR_INIT;

	(void)st;
	assert_int_equal(actr__pb_error_read(actr__pb_error(&place, 403, "no"), &err),
			 ACTR_E_PERMISSION_DENIED);
	assert_int_equal(err.wire_code, 403);
	assert_string_equal(err.message, "no");
	assert_int_equal(actr__pb_error_read(NULL, &err), ACTR_E_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_survives_building_and_reading),
		cmocka_unit_test(what_the_wire_wants_always_is_there_even_when_zero),
		cmocka_unit_test(an_absent_field_reads_as_zero_and_a_long_one_is_refused),
		cmocka_unit_test(a_received_error_keeps_its_wire_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
