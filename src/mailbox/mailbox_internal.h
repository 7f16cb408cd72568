/* Inner header of mailbox: one mail's record, classes, quota, and the table of the two stores. */
#ifndef ACTR_MAILBOX_INTERNAL_H
#define ACTR_MAILBOX_INTERNAL_H

#include "mailbox/mailbox.h"

#define CLASS_COUNT 3

/* --- senders and quota (quota.c); loop thread ------------------------------------------------- */

struct sender {
	struct actr__map_node node;
	struct actr__list idle_link; /* in quota.idle while it has no mail */
	actr_id id;
	uint32_t mails; /* unsettled */
	uint64_t bytes;
	uint32_t encoded_size;
	uint8_t encoded[]; /* protobuf ActrId; const, the writer reads it while a mail holds it */
};

struct quota {
	uint32_t max_messages, sender_messages;
	uint64_t max_bytes, sender_bytes;
	uint64_t messages, bytes; /* unsettled, wherever they are */
	struct actr__map senders;
	struct actr__list idle; /* of senders without mail, oldest first */
	unsigned idle_count;
	struct sender *last; /* most mail comes in runs of one sender */
	bool high;	     /* past 80 %, until below 70 % */
};

void quota_init(struct quota *q, const struct actr__mailbox_options *options);
void quota_done(struct quota *q);
/* Account one message, or say why not: ACTR_E_RESOURCE_EXHAUSTED, ACTR_E_NOMEM. */
int quota_take(struct quota *q, const actr_id *id, size_t size, struct sender **ret_sender,
	       actr_error *err);
/* Account what is already on disk, without a limit; ACTR_E_NOMEM leaves the sender out. */
int quota_add(struct quota *q, const actr_id *id, uint64_t messages, uint64_t bytes);
struct sender *quota_find(struct quota *q, const actr_id *id);
/* `sender` may be NULL. */
void quota_release(struct quota *q, struct sender *sender, size_t size);
/* Whether `high` changed since the last call. */
bool quota_update_high(struct quota *q);

/* --- one mail ------------------------------------------------------------------------------ */

enum op_kind {
	OP_INSERT, /* entry.op */
	OP_DELETE, /* entry.op */
	OP_BURY,   /* entry.op */
	OP_LETTER, /* letter_copy.op */
	OP_BUMP,   /* bump.op */
	OP_LOAD,
	OP_REDRIVE,
	OP_RETRY,
	OP_CLOSE
};

/* One piece of work for the writer; embedded in what it is about. */
struct op {
	struct actr__list link;
	uint8_t kind; /* enum op_kind */
	int rc;	      /* the writer's answer */
};

/* Why a mail is buried; one block. */
struct verdict {
	const char *category, *message;
	char text[];
};

enum gate {
	GATE_OPEN,    /* may be taken */
	GATE_SHUT,    /* a leftover whose next attempt is not on disk yet */
	GATE_COUNTING /* that is with the writer */
};

struct entry {
	struct actr__mail mail; /* first */
	struct sender *sender;	/* NULL when it could not be accounted to one */
	struct verdict *verdict;
	char *letter_id; /* of a redriven dead letter, or NULL */
	size_t size;	 /* as accounted */
	struct op op;
	uint8_t gate; /* enum gate */
	bool counted; /* attempts + 1 is on disk */
	bool suspect; /* was in hand at several crashes: runs without another suspect beside it */
};

static inline struct entry *entry_of(struct actr__mail *mail)
{
	return container_of(mail, struct entry, mail);
}

static inline struct entry *entry_of_link(struct actr__list *link)
{
	return container_of(link, struct entry, mail.link);
}

/* Frees the message reference too. The quota is released by entry_end(). */
void entry_free(struct entry *entry);
struct verdict *verdict_new(const char *category, const char *message);

/* --- classes (classes.c) --------------------------------------------------------------------- */

#define BUMP_MAX 256

/* Attempts of leftovers that the writer counts in one go. */
struct bump {
	struct op op;
	bool busy;
	unsigned count;
	uint64_t ids[BUMP_MAX];
};

struct class_queue {
	struct actr__list ready; /* of entries, in order of id */
	uint64_t count, bytes;	 /* of `ready` */
	uint64_t spilled;	 /* further ones that are only in the table */
	uint64_t cursor;	 /* highest id that came to memory */
	unsigned credit;
	struct bump bump;
};

static const unsigned class_weight[CLASS_COUNT] = {
	[ACTR__MAIL_HIGH] = 8, [ACTR__MAIL_NORMAL] = 4, [ACTR__MAIL_LOW] = 1};
extern const char *const class_name[CLASS_COUNT];

void classes_init(struct class_queue classes[CLASS_COUNT]);
void class_push(struct class_queue *queue, struct entry *entry);
/* The next by weight whose gate is open, unlinked; or NULL. */
struct entry *classes_take(struct class_queue classes[CLASS_COUNT]);
bool classes_takable(const struct class_queue classes[CLASS_COUNT]);

/* --- dead letters in memory (letter.c) -------------------------------------------------------- */

/* A letter with its own copies, in one block. */
struct letter_copy {
	struct op op; /* also the link in the memory store's list */
	struct actr__dead_letter letter;
	size_t size; /* of the bytes and texts */
	uint8_t bytes[];
};

struct letter_copy *letter_copy_new(const struct actr__dead_letter *letter);

/* The texts of a letter made from a mail. */
struct letter_scratch {
	struct actr__dead_letter letter;
	uint8_t from[ACTR__ID_ENCODED_MAX];
	char original[24];
	char trace[48];
	char request[ACTR__REQUEST_ID_MAX + 1];
	char context[128];
};

/* What is the same in all letters of a mailbox; const after open. */
struct letter_origin {
	uint8_t file_id[8];
	uint8_t self[ACTR__ID_ENCODED_MAX];
	size_t self_size;
};

/* Fill `scratch` from a mail with a verdict; points into entry and origin. Any thread. */
void letter_of_entry(struct letter_scratch *scratch, const struct entry *entry,
		     const struct letter_origin *origin);
/* RFC 3339 in UTC with "+00:00", as the original writes it; `out` has TIME_TEXT_SIZE bytes. */
#define TIME_TEXT_SIZE 40
void time_text(int64_t ms, char *out);
/* 0 for what cannot be read. */
int64_t time_parse(const char *text);

/* --- the mailbox, whatever its store -----------------------------------------------------------
 */

struct store_ops {
	bool durable;
	/* The entry is accounted and has its class, msg and sender; the store gives it its id. */
	int (*submit)(struct actr__mailbox *m, struct entry *entry, actr_error *err);
	void (*end)(struct actr__mailbox *m, struct entry *entry);  /* acked; frees it in time */
	void (*bury)(struct actr__mailbox *m, struct entry *entry); /* has a verdict; likewise */
	int (*letter)(struct actr__mailbox *m, struct letter_copy *copy, actr_error *err);
	void (*taken)(struct actr__mailbox *m); /* after each take or end: refill */
	void (*close)(struct actr__mailbox *m); /* mailbox_closed() follows */
	void (*free)(struct actr__mailbox *m);	/* all but the base's parts, then the struct */
};

/* Loop thread only, as the whole. */
struct actr__mailbox {
	const struct store_ops *ops;
	struct actr__loop *loop;
	struct actr__mailbox_events events;
	void *owner;
	uint32_t max_attempts;
	struct letter_origin origin;
	struct class_queue classes[CLASS_COUNT];
	struct quota quota;
	struct actr__list in_flight;
	uint64_t next_seq;
	struct actr__mailbox_stats stats;
	uint64_t pending; /* submitted, not accepted yet */
	struct actr__deferred tell;
	bool hungry;	   /* the owner found nothing: tell it when there is something */
	bool tell_high;	   /* high water changed */
	bool tell_storage; /* stats.failed changed; why is in storage_error */
	actr_error storage_error;
	bool closing, closed, tell_closed;
};

int mailbox_init(struct actr__mailbox *m, const struct store_ops *ops, struct actr__loop *loop,
		 const struct actr__mailbox_options *options,
		 const struct actr__mailbox_events *events, void *owner);
void mailbox_done(struct actr__mailbox *m);
/* The mail is accepted and may be taken (when its gate is open). */
void mailbox_ready(struct actr__mailbox *m, struct entry *entry);
/* Something may have become takable: tell a hungry owner. */
void mailbox_kick(struct actr__mailbox *m);
/* Quota and link of an entry that is settled or refused. */
void entry_end(struct actr__mailbox *m, struct entry *entry);
/* The store has ended: tell it from the loop. */
void mailbox_closed(struct actr__mailbox *m);
/* A letter is where it will stay. */
void mailbox_tell_letter(struct actr__mailbox *m, const struct actr__dead_letter *letter);
/* Told when it changed. */
void mailbox_check_high_water(struct actr__mailbox *m);
void mailbox_storage_state(struct actr__mailbox *m, const actr_error *failure);

static inline uint64_t mail_id(unsigned mail_class, uint64_t seq)
{
	/* High, normal, low by the two top bits; then order of submission. */
	static const uint64_t rank[CLASS_COUNT] = {
		[ACTR__MAIL_HIGH] = 0, [ACTR__MAIL_NORMAL] = 1, [ACTR__MAIL_LOW] = 2};

	return rank[mail_class] << 60 | seq;
}

static inline unsigned mail_class_of(uint64_t id)
{
	uint64_t rank = id >> 60;

	return rank == 0 ? ACTR__MAIL_HIGH : rank == 1 ? ACTR__MAIL_NORMAL : ACTR__MAIL_LOW;
}

static inline uint64_t mail_seq_of(uint64_t id)
{
	return id & ((UINT64_C(1) << 60) - 1);
}

int memory_open(struct actr__loop *loop, const struct actr__mailbox_options *options,
		const struct actr__mailbox_events *events, void *owner,
		struct actr__mailbox **ret_mailbox, actr_error *err);
int durable_open(struct actr__loop *loop, const struct actr__mailbox_options *options,
		 const struct actr__mailbox_events *events, void *owner,
		 struct actr__mailbox **ret_mailbox, actr_error *err);

#endif
