/*
 * Frames of credit: one that is accepted means the same after printing; then the input as a chunk
 * of a peer, in which one is looked for.
 */
#include <stdlib.h>

#include "dispatch/credit_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void value(actr_bytes text)
{
	char printed[CREDIT_TEXT_SIZE];
	struct credit credit, again;

	if (credit_parse(text, &credit) < 0)
		return;
	credit_format(&credit, printed);
	if (credit_parse(actr__text(printed), &again) < 0 || again.bytes != credit.bytes ||
	    again.asks != credit.asks || credit.bytes > CREDIT_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct actr__chunk chunk;
	struct credit credit;

	value(actr__bytes(data, size));
	if (actr__chunk_decode(&chunk, actr__bytes(data, size), NULL) == 0)
		(void)credit_of_chunk(&chunk, &credit); /* whatever it says */
	return 0;
}
