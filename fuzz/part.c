/*
 * What says that a message is part of a chunk: a header that is accepted means the same after
 * printing; then the input as a run of chunks of one peer, through the table of partial ones.
 */
#include <stdlib.h>

#include "dispatch/parts_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void header(actr_bytes text)
{
	char printed[PART_TEXT_SIZE];
	struct part part, again;

	if (part_parse(text, &part) < 0)
		return;
	part_format(&part, printed);
	if (part_parse(actr__text(printed), &again) < 0 || again.id != part.id ||
	    again.index != part.index || again.count != part.count)
		abort();
}

static void take(struct joiner *joiner, actr_bytes bytes)
{
	static const actr_id from = {.realm = 1, .serial = 1};
	struct actr__msg *msg = actr__msg_new(bytes.size, 2), *head = NULL;
	struct actr__chunk chunk;
	uint8_t *payload = NULL;
	struct part part;

	if (!msg)
		abort();
	memcpy(msg->data, bytes.data, bytes.size);
	if (actr__chunk_decode(&chunk, actr__bytes(msg->data, msg->size), NULL) < 0 ||
	    part_of_chunk(&chunk, &part) <= 0) {
		actr__msg_unref(msg);
		return;
	}
	if (joiner_add(joiner, 0, &from, &part, &chunk, msg, &payload, &head) > 0) {
		actr__free(payload);
		actr__msg_unref(head);
	}
}

/* Each chunk behind one byte, its size. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct joiner joiner;

	header(actr__bytes(data, size));
	joiner_init(&joiner);
	while (size) {
		size_t one = *data++;

		size--;
		one = one < size ? one : size;
		if (one)
			take(&joiner, actr__bytes(data, one));
		data += one;
		size -= one;
	}
	joiner_done(&joiner);
	if (joiner.bytes)
		abort();
	return 0;
}
