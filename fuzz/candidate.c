/* A peer's candidate line: what parses must print and parse again to the same. */
#include <stdlib.h>

#include "wire/webrtc/candidate_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct actr__candidate candidate, again;
	char text[ACTR__CANDIDATE_TEXT_SIZE], twice[ACTR__CANDIDATE_TEXT_SIZE];

	if (actr__candidate_parse(actr__bytes(data, size), &candidate, NULL) < 0 || candidate.mdns)
		return 0;
	(void)actr__candidate_judge(&candidate, true);
	(void)actr__candidate_format(&candidate, text);
	if (actr__candidate_parse(actr__text(text), &again, NULL) < 0 ||
	    strcmp(text, actr__candidate_format(&again, twice)))
		abort();
	return 0;
}
