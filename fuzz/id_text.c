/* Text of an id, and its protobuf form: what parses prints as something that parses to the same. */
#include <stdlib.h>

#include "protocol/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const actr_id *id)
{
	char text[ACTR_ID_TEXT_SIZE];
	actr_id again;

	if (actr_id_parse(actr_id_format(id, text, sizeof text), &again, NULL) < 0 ||
	    !actr_id_equal(id, &again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	actr_type type;
	actr_id id;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	if (actr_id_parse(text, &id, NULL) == 0)
		round_trip(&id);
	(void)actr_type_parse(text, &type, NULL);
	for (int kind = ACTR__NAME; kind <= ACTR__METHOD_NAME; kind++)
		(void)actr__name_check((enum actr__name_kind)kind, actr__bytes(data, size), NULL);
	(void)actr__id_decode(actr__bytes(data, size), &id, NULL);
	(void)actr__traceparent_valid(actr__bytes(data, size));
	free(text);
	return 0;
}
