/* actr:// text: what parses prints, and that parses to the same query. */
#include <stdlib.h>

#include "protocol/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct actr__uri *uri, size_t room)
{
	char *text = malloc(room);
	struct actr__uri again;

	if (!text || actr__uri_format(uri, text, room) < 0 ||
	    actr__uri_parse(text, &again, NULL) < 0 || again.query_count != uri->query_count ||
	    !actr__bytes_equal(again.actor_type, uri->actor_type))
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct actr__uri uri;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	if (actr__uri_parse(text, &uri, NULL) == 0)
		round_trip(&uri, 2 * size + 100); /* each key may gain its '=' */
	free(text);
	return 0;
}
