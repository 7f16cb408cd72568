/*
 * interop_peer: a node of ours against nodes of the original. What its parts share.
 */
#ifndef INTEROP_PEER_H
#define INTEROP_PEER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "echo.actr.h"

/* How long anything of the other side is waited for. */
#define PATIENCE_MS 20000

struct plan {
	const char *mode;
	const char *expect; /* an id, in mode discover */
	long count, size;
	actr_lane lane;
};

extern struct plan plan;
extern actr_ref *own;
extern actr_dest service; /* the client's: what discovery named */

/* --- peer.c: events that another thread may wait for, and what a check found --- */

/* Each is only raised by note(). */
extern atomic_long tells;   /* that our handler counted */
extern atomic_long strays;  /* answers that ran our handler as if they were requests */
extern atomic_long orphans; /* answers that the library dropped, by its log */
extern atomic_long came;    /* chunks or samples */

void note(atomic_long *counter);
/* Wait until *counter is `target` or more; false after PATIENCE_MS. */
bool reached(atomic_long *counter, long target);

/* Something that has to be so: noted on stderr when it is not, and the program ends with 1. */
void expect_text(const char *what, const char *expected, const char *seen);
void expect_number(const char *what, long expected, long seen);
/* Fields of JSON for the line that the client prints at its end. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
long now_ms(void);

/* Consecutive byte values, as the Rust peer's payload(). */
void fill(uint8_t *bytes, long n, size_t size);

/* --- service.c: the echo service, with the texts that the Rust one knows --- */

extern const echo_service_ops service_ops;
void service_stop(void);

/* --- media.c, the service's part of it: `media:`, `media?` --- */

int media_open(actr_ctx *ctx, actr_reply *reply);
void media_tell(char *answer, size_t size);
void media_stop(void);

/* --- client.c, stream.c, media.c: a mode each --- */

/* The service's answer to a text; 0 or the call's error. */
int ask(const char *text, int64_t timeout_ms, char *ret, size_t size, actr_error *err);
void run_discover(void);
void run_tell(void);
void run_signal(void);
void run_fail(void);
void run_late(void);
void run_restart(void);
void run_stream(void);
void run_large(void);
void run_media(void);

#endif
