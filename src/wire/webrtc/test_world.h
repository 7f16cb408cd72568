/*
 * Two sides in one process, for the tests of this folder: signals of one are handed to the other by
 * the loop, in order, and may be looked at, changed or dropped on the way.
 */
#ifndef ACTR_WEBRTC_TEST_WORLD_H
#define ACTR_WEBRTC_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/webrtc/webrtc.h"

#define WAIT_MS 20000u

struct world;

struct side {
	struct world *world;
	const char *name;
	actr_id id;
	struct side *other;
	struct actr__wire *wire;
	uint64_t session;
	bool may_fail; /* accepting may */
	bool manual;   /* offers are not accepted by themselves */
	bool echo;     /* messages go back on their lane */
	enum actr__wire_state states[64];
	unsigned state_count;
	actr_error why; /* of the last state */
	unsigned messages, lane_messages[5], writable, offers_seen, answers_seen, candidates_seen;
	unsigned restart_offers_seen, restart_requests_seen;
	uint64_t bytes;
	uint8_t last[65536];
	size_t last_size;
	unsigned out_of_order; /* messages begin with their number */
	/* media */
	bool takes_no_samples;
	unsigned media_offers_seen; /* RENEGOTIATION_OFFER */
	unsigned active, refused, key_frames, reports, added, gone, samples;
	char news_id[65]; /* of the last ADDED or GONE */
	actr_codec news_codec;
	actr_sample sample; /* the last one; data is in sample_data */
	char sample_id[65];
	uint8_t sample_data[256 * 1024];
};

struct world {
	struct actr__loop *loop;
	struct actr__webrtc_engine *engine;
	struct actr__webrtc_options options;
	struct side a, b;
	struct actr__list signals; /* on their way */
	struct actr__deferred deliver;
	struct actr__timer timeout;
	bool is_late;
	/* What to do with a signal: false drops it. */
	bool (*filter)(struct world *w, struct side *from, struct actr__signal *signal);
	void *filter_data;
};

struct world *world_new(void);
void world_free(struct world *w);
/* Turns of the loop until `done` says so; fails the test after WAIT_MS. */
void world_wait(struct world *w, bool (*done)(struct world *));
/* The same with a limit of its own; false when it was not done by then. */
bool world_wait_ms(struct world *w, bool (*done)(struct world *), unsigned ms);
/* Let time pass on the loop. */
void world_pass(struct world *w, unsigned ms);
int world_try_dial(struct world *w, struct side *side);
void world_dial(struct world *w, struct side *side);
void world_accept(struct world *w, struct side *side, const struct actr__signal *offer);
/* A dials, both open. */
void world_connect(struct world *w);
void world_send(struct world *w, struct side *side, unsigned lane, const void *data, size_t size);
bool both_open(struct world *w);
bool both_closed(struct world *w);
/* Give the wires back and take what is left of them out of the loop. */
void world_drop_wires(struct world *w);
unsigned open_fd_count(void);

#endif
