/*
 * The store without a file: a mail is accepted at once and gone when the process ends. Same
 * classes, quota and dead letters; the letters are a list, oldest first, bounded by dlq_max_bytes:
 * the oldest go when it is full, counted in the log.
 */
#include "mailbox/mailbox_internal.h"

struct memory_store {
	struct actr__mailbox base;
	struct actr__list letters; /* of letter_copy.op */
	uint64_t letter_bytes, letter_max_bytes;
};

static struct memory_store *self_of(struct actr__mailbox *m)
{
	return container_of(m, struct memory_store, base);
}

static struct letter_copy *copy_of(struct actr__list *link)
{
	return container_of(container_of(link, struct op, link), struct letter_copy, op);
}

static int submit(struct actr__mailbox *m, struct entry *entry, actr_error *err)
{
	(void)err;
	entry->mail.id = mail_id(entry->mail.mail_class, m->next_seq++);
	m->stats.accepted_total++;
	mailbox_ready(m, entry);
	return 0;
}

static void end(struct actr__mailbox *m, struct entry *entry)
{
	(void)m;
	entry_free(entry);
}

static void drop_oldest(struct memory_store *self)
{
	struct letter_copy *copy = copy_of(actr__list_pop(&self->letters));

	ACTR_WARN(6, "mailbox_error", "what=dead_letter_dropped id=%s cause=\"over dlq_max_bytes\"",
		  copy->letter.id);
	self->letter_bytes -= copy->size;
	self->base.stats.dead_letters--;
	actr__free(copy);
}

static int keep_letter(struct actr__mailbox *m, struct letter_copy *copy, actr_error *err)
{
	struct memory_store *self = self_of(m);

	if (copy->size > self->letter_max_bytes)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE,
				 "a dead letter of %zu bytes is over the limit", copy->size);
	actr__list_push(&self->letters, &copy->op.link);
	self->letter_bytes += copy->size;
	m->stats.dead_letters++;
	mailbox_tell_letter(m, &copy->letter);
	while (self->letter_bytes > self->letter_max_bytes)
		drop_oldest(self);
	return 0;
}

static void bury(struct actr__mailbox *m, struct entry *entry)
{
	struct letter_scratch scratch;
	struct letter_copy *copy;

	letter_of_entry(&scratch, entry, &m->origin);
	copy = letter_copy_new(&scratch.letter);
	if (!copy || keep_letter(m, copy, NULL) < 0) {
		ACTR_ERR(10, "mailbox_error", "what=dead_letter_lost id=%s cause=\"%s\"",
			 scratch.letter.id, copy ? "too large" : "no memory");
		actr__free(copy);
	}
	entry_end(m, entry);
	entry_free(entry);
}

static void taken(struct actr__mailbox *m)
{
	(void)m;
}

static void free_store(struct actr__mailbox *m)
{
	struct memory_store *self = self_of(m);
	struct actr__list *link;

	while ((link = actr__list_pop(&self->letters)))
		actr__free(copy_of(link));
	mailbox_done(m);
	actr__free(self);
}

static const struct store_ops ops = {.durable = false,
				     .submit = submit,
				     .end = end,
				     .bury = bury,
				     .letter = keep_letter,
				     .taken = taken,
				     .close = mailbox_closed,
				     .free = free_store};

int actr__mailbox_visit_letters(struct actr__mailbox *m,
				bool (*visit)(void *user, const struct actr__dead_letter *letter),
				void *user)
{
	struct memory_store *self = self_of(m);

	if (m->ops != &ops)
		return ACTR_E_STATE;
	for (struct actr__list *at = self->letters.prev; at != &self->letters; at = at->prev)
		if (!visit(user, &copy_of(at)->letter))
			break;
	return 0;
}

int memory_open(struct actr__loop *loop, const struct actr__mailbox_options *options,
		const struct actr__mailbox_events *events, void *owner,
		struct actr__mailbox **ret_mailbox, actr_error *err)
{
	struct memory_store *self = actr__new0(struct memory_store);

	if (!self)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a mailbox");
	actr__list_init(&self->letters);
	self->letter_max_bytes = options->dlq_max_bytes ? options->dlq_max_bytes : 64u << 20;
	if (mailbox_init(&self->base, &ops, loop, options, events, owner) < 0) {
		free_store(&self->base);
		return ACTR_FAIL(err, ACTR_E_INTERNAL, "no random bytes for a mailbox");
	}
	*ret_mailbox = &self->base;
	return 0;
}
