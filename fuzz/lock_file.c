/* actr.lock.toml: any bytes. What is read can be written, and is read back. */
#include <stdlib.h>

#include "config/config.h"

#define MAX_BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read_back(const struct actr__lock *lock, struct actr__arena *arena)
{
	struct actr__lock back;
	struct actr__buf text;

	actr__buf_init(&text, MAX_BYTES);
	if (actr__lock_print(lock, &text) == 0 &&
	    actr__lock_parse("back", actr__bytes(text.data, text.size), arena, &back, NULL) ==
		    ACTR_E_CONFIG)
		abort();
	actr__buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct actr__arena arena;
	struct actr__lock lock;
	actr_error err = ACTR_ERROR_INIT;

	actr__arena_init(&arena, NULL, 0, 64u << 20);
	if (actr__lock_parse("fuzz", actr__bytes(data, size), &arena, &lock, &err) == 0)
		write_and_read_back(&lock, &arena);
	actr__arena_done(&arena);
	return 0;
}
