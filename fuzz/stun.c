/* A datagram at the STUN responder: the answer, if any, is well formed and short. */
#include <stdlib.h>

#include <netinet/in.h>

#include "stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_in6 from = {.sin6_family = AF_INET6, .sin6_port = 1};
	uint8_t out[STUN_ANSWER_MAX];
	size_t answer = stun_answer(actr__bytes(data, size), (const void *)&from, out);

	if (answer && (answer < 20 || answer > 60 || answer % 4 || answer != 20u + out[3]))
		abort();
	return 0;
}
