/* A frame of the direct lane: what is found lies inside it. */
#include <stdlib.h>

#include "wire/websocket/wire_websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	actr_bytes message;
	unsigned lane;

	if (actr__ws_frame_parse(actr__bytes(data, size), &lane, &message) < 0)
		return 0;
	if (lane >= ACTR_LANE_COUNT || message.data < data ||
	    message.size > size - (size_t)(message.data - data))
		abort();
	return 0;
}
