/* A peer's session description: parsed, then answered; what we answer must parse. */
#include <stdlib.h>

#include "wire/webrtc/sdp_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const struct actr__sdp *offer)
{
	static struct actr__sdp again;
	struct actr__sdp_local local = {.session_id = 1,
					.version = 1,
					.ufrag = "ufrag",
					.pwd = "0123456789012345678901",
					.fingerprint = "sha-256 AA:BB",
					.setup = ACTR__SDP_ACTIVE,
					.offer = offer};
	struct actr__buf out;

	actr__buf_init(&out, 4 * ACTR__SDP_MAX);
	if (actr__sdp_write(&local, &out) == 0 && out.size <= ACTR__SDP_MAX &&
	    (actr__sdp_parse(actr__bytes(out.data, out.size), &again, NULL) < 0 ||
	     again.section_count != offer->section_count))
		abort();
	actr__buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct actr__sdp sdp;

	if (actr__sdp_parse(actr__bytes(data, size), &sdp, NULL) == 0)
		answer(&sdp);
	return 0;
}
