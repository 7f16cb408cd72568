/*
 * Frames at a session: the input is frames, each behind two bytes of its size. One registered
 * session stays, so that relays have somebody to go to.
 */
#include <stdlib.h>

#include "hub.h"

static int on_send(void *user, actr_bytes frame)
{
	struct actr__arena arena;

	(void)user;
	actr__arena_init(&arena, NULL, 0, 64 * 1024 * 1024);
	/* What we send can be read. */
	if (!actr__pb_unpack(&signaling__signaling_envelope__descriptor, frame, &arena, NULL))
		abort();
	actr__arena_done(&arena);
	return 0;
}

static void on_close(void *user, unsigned code, const char *reason)
{
	(void)reason;
	if (*(unsigned *)user || code < 1000)
		abort(); /* once */
	*(unsigned *)user = code;
}

static const struct session_events events = {on_send, on_close};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hub_options options = {.dev = true};
	struct actr__loop *loop;
	struct store *store;
	struct session *session;
	struct hub hub;
	unsigned close_code = 0;

	if (actr__loop_new_virtual(&loop, NULL) < 0 || store_open(":memory:", &store, NULL) < 0 ||
	    hub_init(&hub, loop, store, &options, NULL) < 0 ||
	    session_new(&hub, &events, &close_code, &session, NULL) < 0)
		abort();
	while (size >= 2) {
		size_t frame = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		if (frame > size)
			frame = size;
		session_receive(session, actr__bytes(data, frame));
		data += frame;
		size -= frame;
	}
	session_free(session);
	hub_done(&hub);
	store_close(store);
	actr__loop_free(loop);
	return 0;
}
