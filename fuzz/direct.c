/* The line of the direct lane in a description: what is accepted is a ticket and a printable URL.
 */
#include <stdlib.h>

#include "transport/transport_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char ticket[DIRECT_TICKET_SIZE], url[DIRECT_URL_MAX + 1];
	char *text = actr__alloc(size + 1);

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	if (direct_parse(text, ticket, url) == 0) {
		if (strlen(ticket) != DIRECT_TICKET_SIZE - 1)
			abort();
		for (const char *at = url; *at; at++)
			if (*at <= ' ' || *at > '~')
				abort();
	}
	actr__free(text);
	return 0;
}
