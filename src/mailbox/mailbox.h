/*
 * Door of mailbox: accepted requests until they are settled, and the dead letters.
 *
 * Loop thread, unless said otherwise. A message is submitted once, becomes ready when it is
 * accepted (memory: at once; SQLite: when the group that holds it is committed), is taken in
 * weighted order of its class, and is ended by ack or bury. Order within (sender, class) is the
 * order of submission. After a crash everything un-acked is ready again, in order, before new
 * traffic, marked redelivered.
 */
#ifndef ACTR_MAILBOX_H
#define ACTR_MAILBOX_H

#include <actr/config.h>

#include "base/base.h"
#include "loop/loop.h"
#include "protocol/protocol.h"

enum actr__mail_class { ACTR__MAIL_NORMAL = 0, ACTR__MAIL_HIGH = 1, ACTR__MAIL_LOW = 2 };

/* One message in the mailbox's care. Made by submit, valid until ack or bury returns. */
struct actr__mail {
	struct actr__list link; /* the mailbox's */
	uint64_t id;		/* order of delivery within a class; never reused in one file */
	struct actr__msg *msg;	/* bytes as received; envelope decoded */
	actr_id sender;
	void *user; /* the submitter's; NULL when read back from the table, so it owns nothing */
	int64_t accepted_ms;   /* wall clock */
	uint64_t submitted_ns; /* loop time; 0 when read back from the table */
	uint32_t attempts;     /* of earlier lives of the process */
	uint8_t mail_class;    /* enum actr__mail_class */
	bool redelivered;
};

/* What goes to the dead letters (seed page, reference.md 6.2). Strings may be NULL where optional.
 */
struct actr__dead_letter {
	char id[ACTR_UUID_SIZE];
	const char *original_message_id; /* optional */
	actr_bytes from;		 /* protobuf ActrId; may be empty */
	actr_bytes to;
	actr_bytes raw_bytes;
	const char *error_message;
	const char *error_category; /* protobuf_decode, max_attempts, handler … */
	const char *trace_id;
	const char *request_id; /* optional */
	int64_t created_ms;	/* wall clock */
	uint32_t redrive_attempts;
	int64_t last_redrive_ms; /* 0: never */
	const char *context;	 /* JSON text; optional */
};

struct actr__mailbox_stats {
	uint64_t queued;    /* accepted and not taken */
	uint64_t in_flight; /* taken and not settled */
	uint64_t queued_class[3];
	uint64_t bytes;
	int64_t oldest_ms; /* wall clock: when the first in line was accepted; 0: nobody waits */
	uint64_t accepted_total, acked_total, buried_total, refused_total, redelivered_total;
	uint64_t groups_total; /* commits */
	uint64_t dead_letters;
	bool durable;
	bool failed; /* storage errors: submits are refused until one succeeds */
};

struct actr__mailbox_events {
	/* Mail can be taken: told when the mailbox goes from nothing ready to something ready. */
	void (*on_ready)(void *owner);
	/* A submitted mail could not be accepted after all (storage); it is gone after this call.
	 */
	void (*on_refused)(void *owner, struct actr__mail *mail, const actr_error *why);
	/* Everything that was submitted or settled is on disk, and the threads have ended. */
	void (*on_closed)(void *owner);
	/* High water reached or left; storage failed (why) or works again. */
	void (*on_state)(void *owner, actr_error *why, bool high_water);
	/*
	 * It is kept (on disk); borrowed. May come from
	 * inside a burial: must not call the mailbox.
	 */
	void (*on_dead_letter)(void *owner, const struct actr__dead_letter *letter);
};

struct actr__mailbox_options {
	const char *path; /* NULL: in memory */
	actr_durability durability;
	uint32_t max_messages;
	uint64_t max_bytes;
	uint32_t sender_percent;
	uint32_t max_attempts;
	uint64_t dlq_max_bytes;
	actr_id self; /* for dead letters */
};

struct actr__mailbox;

/*
 * Open, recover, and tell on_ready (from the loop, never inside this call). ACTR_E_STORAGE names
 * the file and cause; ACTR_E_ALREADY_EXISTS when another process has it.
 */
int actr__mailbox_open(struct actr__loop *loop, const struct actr__mailbox_options *options,
		       const struct actr__mailbox_events *events, void *owner,
		       struct actr__mailbox **ret_mailbox, actr_error *err);
/*
 * Take over one reference of msg on success. ACTR_E_RESOURCE_EXHAUSTED (quota; who and which is in
 * err), ACTR_E_STORAGE, ACTR_E_NOMEM: then the caller keeps it and answers the sender.
 */
int actr__mailbox_submit(struct actr__mailbox *mailbox, struct actr__msg *msg,
			 const actr_id *sender, enum actr__mail_class mail_class, void *user,
			 actr_error *err);
/* The next mail by weight 8:4:1 (high, normal, low), or NULL. */
struct actr__mail *actr__mailbox_take(struct actr__mailbox *mailbox);
/* It has been handled: delete it (in the next group). Always succeeds. */
void actr__mailbox_ack(struct actr__mailbox *mailbox, struct actr__mail *mail);
/* Move it to the dead letters, in one transaction with its deletion. Always succeeds. */
void actr__mailbox_bury(struct actr__mailbox *mailbox, struct actr__mail *mail,
			const char *category, const char *message);
/* Add bytes that never were a mail (the gate could not decode them); to whom: us, unless given. */
int actr__mailbox_bury_bytes(struct actr__mailbox *mailbox, const struct actr__dead_letter *letter,
			     actr_error *err);
/* In memory only (else ACTR_E_STATE: see below): newest first; `visit` returns false to stop. */
int actr__mailbox_visit_letters(struct actr__mailbox *mailbox,
				bool (*visit)(void *user, const struct actr__dead_letter *letter),
				void *user);
void actr__mailbox_stats(const struct actr__mailbox *mailbox, struct actr__mailbox_stats *ret);
/* Finish what is queued, then on_closed from the loop. Mail not settled stays on disk. */
void actr__mailbox_close(struct actr__mailbox *mailbox);
/*
 * After on_closed; or at any time outside its callbacks: then it blocks until what is queued is on
 * disk, and nothing is told any more. Returns NULL.
 */
struct actr__mailbox *actr__mailbox_free(struct actr__mailbox *mailbox);

/* --- dead letters, for `actr dlq` and for tests: any thread, blocking ----------------------- */

struct actr__dlq;

struct actr__dlq_filter {
	const char *category; /* NULL: all */
	const char *trace_id;
	actr_bytes from;
	int64_t created_after_ms; /* strict; 0: all */
	uint32_t limit;		  /* 0: 100 */
};

struct actr__dlq_stats {
	uint64_t total, redriven;
	int64_t oldest_ms;
	struct {
		char category[32];
		uint64_t count;
	} categories[16];
	size_t category_count;
};

/* The file is the mailbox's path + ".dlq"; it may be open in a running node. */
int actr__dlq_open(const char *mailbox_path, struct actr__dlq **ret_dlq, actr_error *err);
struct actr__dlq *actr__dlq_close(struct actr__dlq *dlq);
/* Newest first; `visit` returns false to stop. */
int actr__dlq_query(struct actr__dlq *dlq, const struct actr__dlq_filter *filter,
		    bool (*visit)(void *user, const struct actr__dead_letter *letter), void *user,
		    actr_error *err);
int actr__dlq_get(struct actr__dlq *dlq, const char *id,
		  void (*visit)(void *user, const struct actr__dead_letter *letter), void *user,
		  actr_error *err);
/* Back into the mailbox file with attempts 0, counted; delivered at the node's next start or at
 * once by a running one. */
int actr__dlq_redrive(struct actr__dlq *dlq, const char *id, actr_error *err);
/* Delete one, or all older than `before_ms`; returns how many. */
int actr__dlq_delete(struct actr__dlq *dlq, const char *id, actr_error *err);
int actr__dlq_purge(struct actr__dlq *dlq, int64_t before_ms, actr_error *err);
int actr__dlq_stats(struct actr__dlq *dlq, struct actr__dlq_stats *ret, actr_error *err);

#endif
