/* Stand-ins for the library's contexts, reply tokens and calls, which remember what they were told.
 */
#ifndef CODEGEN_TESTS_FAKE_H
#define CODEGEN_TESTS_FAKE_H

#include <actr/actr.h>

/* Memory that fails once `allowed` pieces are taken; -1: never. */
struct fake_memory {
	void *pieces[512];
	size_t count;
	int allowed;
};

void *fake_take(struct fake_memory *memory, size_t size);
void fake_memory_done(struct fake_memory *memory);

struct actr_ctx {
	struct fake_memory memory;
};

struct actr_reply {
	uint8_t *bytes; /* reserved */
	size_t size;
	bool no_room;
	int sent;
	int error; /* of actr_reply_error() */
	char message[256];
};

void fake_reply_done(actr_reply *reply);

struct actr_call {
	int refs;
	actr_dest dest;
	const actr_method *method;
	actr_call_options options;
	uint8_t *payload;
	size_t size;
	int started, told, cancelled;
	struct fake_memory memory;
};

/* The last chunk, and how sending goes. */
extern struct fake_stream {
	int result; /* of actr_stream_send() */
	unsigned sent;
	actr_lane lane;
	char stream_id[32];
	uint64_t sequence;
	uint8_t payload[64];
	size_t size;
} fake_stream;

/* How the fake calls go, and what has become of them. */
extern struct fake_calls {
	int new_result;	 /* of actr_call_new() */
	int wait_result; /* of actr_call_wait(), below 0 */
	int result;	 /* of the call */
	actr_bytes response;
	int memory_allowed;  /* of each call */
	int live;	     /* calls that somebody holds */
	bool done_at_start;  /* on_done comes before actr_call_start() returns */
	actr_call last;	     /* the last call, as it was when it was let go */
	void *seen_ret_call; /* in on_done */
} fake_calls;

#endif
