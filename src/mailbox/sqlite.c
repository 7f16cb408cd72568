/*
 * The durable store, loop side: what is submitted and settled goes to the writer, what is committed
 * comes back and may be taken.
 *
 * Ops of one turn leave together at its end, so a burst is one group without any timer. Everything
 * comes back in the order in which the writer did it, which is what makes the spill rule simple: a
 * class keeps CLASS_MAILS or CLASS_BYTES in memory; once one mail of it is only in the table, all
 * later ones are too, until loads have brought the table's part back. `cursor` is the last id that
 * came to memory, `spilled` how many rows lie behind it.
 *
 * When a commit fails the mailbox is failed: inserts of that group are refused, further submits are
 * refused at once except one at a time as a probe, and a timer lets the writer try again what it
 * kept. The first commit that succeeds ends it.
 */
#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "mailbox/sqlite_internal.h"

#define CLASS_MAILS	    4096
#define CLASS_BYTES	    (6u << 20)
#define PENDING_MAILS	    16384 /* submitted and not committed: the disk cannot keep up */
#define PENDING_BYTES	    (64u << 20)
#define PENDING_LETTERS_MAX 1024
#define RETRY_MS	    1000

static struct durable *self_of(struct actr__mailbox *m)
{
	return container_of(m, struct durable, base);
}

/* --- to the writer --- */

static void flush(struct durable *d)
{
	if (!actr__list_empty(&d->unsent))
		writer_send(&d->writer, &d->unsent);
}

static void on_flush(struct actr__deferred *deferred)
{
	flush(container_of(deferred, struct durable, flush));
}

void durable_send(struct durable *d, struct op *op)
{
	op->rc = 0;
	actr__list_push(&d->unsent, &op->link);
	actr__loop_defer(d->base.loop, &d->flush);
}

void durable_retry_later(struct durable *d)
{
	/* Without memory for the timer the next op makes the next try. */
	if (!d->base.closing && !actr__timer_is_set(&d->retry))
		(void)actr__timer_set(d->base.loop, &d->retry, RETRY_MS);
}

static void send_entry(struct durable *d, struct entry *entry, enum op_kind kind)
{
	entry->op.kind = (uint8_t)kind;
	durable_send(d, &entry->op);
}

static int submit(struct actr__mailbox *m, struct entry *entry, actr_error *err)
{
	struct durable *d = self_of(m);

	if (m->stats.failed && m->pending)
		return ACTR_FAIL(err, ACTR_E_STORAGE, "%s", m->storage_error.message);
	if (m->pending >= PENDING_MAILS || d->pending_bytes >= PENDING_BYTES)
		return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED,
				 "the mailbox's disk cannot keep up; retry later");
	entry->mail.id = mail_id(entry->mail.mail_class, m->next_seq++);
	m->pending++;
	d->pending_bytes += entry->size;
	send_entry(d, entry, OP_INSERT);
	return 0;
}

static void end(struct actr__mailbox *m, struct entry *entry)
{
	struct durable *d = self_of(m);

	recovery_settled(d, entry);
	if (m->closing)
		entry_free(entry); /* too late to be noted: it comes again */
	else
		send_entry(d, entry, OP_DELETE);
}

static void bury(struct actr__mailbox *m, struct entry *entry)
{
	struct durable *d = self_of(m);

	recovery_settled(d, entry);
	if (m->closing) {
		entry_end(m, entry);
		entry_free(entry);
	} else {
		send_entry(d, entry, OP_BURY);
	}
}

static int keep_letter(struct actr__mailbox *m, struct letter_copy *copy, actr_error *err)
{
	struct durable *d = self_of(m);

	if (d->pending_letters >= PENDING_LETTERS_MAX)
		return ACTR_FAIL(err, ACTR_E_STORAGE, "%u dead letters wait for the disk already",
				 d->pending_letters);
	d->pending_letters++;
	durable_send(d, &copy->op);
	return 0;
}

/* --- loads and redrives --- */

static bool has_room(const struct class_queue *queue, unsigned part)
{
	return queue->count < CLASS_MAILS / part && queue->bytes < CLASS_BYTES / part;
}

static void refill(struct durable *d)
{
	struct class_queue *best = NULL;

	if (d->load.busy || d->base.closing)
		return;
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		struct class_queue *queue = &d->base.classes[c];

		if (queue->spilled && has_room(queue, 2) && (!best || queue->count < best->count))
			best = queue;
	}
	if (!best)
		return;
	d->load.busy = true;
	d->load.mail_class = (unsigned)(best - d->base.classes);
	d->load.after = best->cursor;
	durable_send(d, &d->load.op);
}

static void redrive_if_wanted(struct durable *d)
{
	const struct quota *q = &d->base.quota;

	if (!d->redrive.wanted || d->redrive.busy || d->base.closing || q->high)
		return;
	d->redrive.wanted = false;
	d->redrive.busy = true;
	d->redrive.room =
		q->messages < q->max_messages ? q->max_messages - (uint32_t)q->messages : 0;
	d->redrive.seq = d->base.next_seq;
	d->base.next_seq += REDRIVE_MAX;
	durable_send(d, &d->redrive.op);
}

static void taken(struct actr__mailbox *m)
{
	struct durable *d = self_of(m);

	recovery_prepare(d);
	refill(d);
	redrive_if_wanted(d);
}

static void on_loaded(struct durable *d)
{
	struct class_queue *queue = &d->base.classes[d->load.mail_class];
	struct actr__list *link;

	d->load.busy = false;
	while ((link = actr__list_pop(&d->load.mails))) {
		struct entry *entry = entry_of_link(link);

		entry->sender = quota_find(&d->base.quota, &entry->mail.sender);
		queue->cursor = entry->mail.id;
		queue->spilled -= queue->spilled ? 1 : 0;
		if (entry->verdict) {
			d->base.stats.buried_total++;
			bury(&d->base, entry);
		} else {
			recovery_admit(d, entry);
		}
	}
	if (d->load.op.rc < 0) {
		durable_retry_later(d);
	} else if (!d->load.rows && queue->spilled) {
		ACTR_ERR(9, "mailbox_error", "what=rows_vanished class=%s count=%llu",
			 class_name[d->load.mail_class], (unsigned long long)queue->spilled);
		queue->spilled = 0;
	}
}

static void on_redriven(struct durable *d)
{
	struct actr__list *link;

	d->redrive.busy = false;
	d->redrive.wanted = d->redrive.wanted || d->redrive.more || d->redrive.op.rc < 0;
	if (d->redrive.op.rc < 0)
		durable_retry_later(d);
	while ((link = actr__list_pop(&d->redrive.mails))) {
		struct entry *entry = entry_of_link(link);

		/* Without memory for the sender's record it counts for all, not for him. */
		(void)quota_add(&d->base.quota, &entry->mail.sender, 1, entry->size);
		d->base.classes[entry->mail.mail_class].spilled++;
		entry_free(entry);
	}
}

static void on_poke(struct actr__io *io, unsigned events)
{
	struct durable *d = container_of(io, struct durable, poke);
	char buffer[1024];

	(void)events;
	while (read(io->fd, buffer, sizeof buffer) > 0)
		continue;
	d->redrive.wanted = true;
	redrive_if_wanted(d);
}

/* --- from the writer --- */

static void on_inserted(struct durable *d, struct entry *entry, const actr_error *why)
{
	struct class_queue *queue = &d->base.classes[entry->mail.mail_class];

	d->base.pending--;
	d->pending_bytes -= entry->size;
	if (entry->op.rc < 0) {
		d->base.stats.refused_total++;
		entry_end(&d->base, entry);
		if (d->base.events.on_refused)
			d->base.events.on_refused(d->base.owner, &entry->mail, why);
		entry_free(entry);
		return;
	}
	d->base.stats.accepted_total++;
	if (queue->spilled || !has_room(queue, 1)) {
		queue->spilled++; /* the quota keeps counting it for its sender */
		entry_free(entry);
		return;
	}
	queue->cursor = entry->mail.id;
	mailbox_ready(&d->base, entry);
}

static void on_buried(struct durable *d, struct entry *entry)
{
	struct letter_scratch scratch;

	if (entry->op.rc == 0) {
		letter_of_entry(&scratch, entry, &d->base.origin);
		mailbox_tell_letter(&d->base, &scratch.letter);
	}
	entry_end(&d->base, entry);
	entry_free(entry);
}

static void on_letter_kept(struct durable *d, struct letter_copy *copy)
{
	d->pending_letters--;
	if (copy->op.rc == 0)
		mailbox_tell_letter(&d->base, &copy->letter);
	actr__free(copy);
}

static void on_op(struct durable *d, struct op *op, const actr_error *why)
{
	struct entry *entry = container_of(op, struct entry, op);

	switch (op->kind) {
	case OP_INSERT:
		on_inserted(d, entry, why);
		break;
	case OP_BURY:
		on_buried(d, entry);
		break;
	case OP_DELETE:
		entry_free(entry);
		break;
	case OP_LETTER:
		on_letter_kept(d, container_of(op, struct letter_copy, op));
		break;
	case OP_BUMP:
		recovery_counted(d, container_of(op, struct bump, op));
		break;
	case OP_LOAD:
		on_loaded(d);
		break;
	case OP_REDRIVE:
		on_redriven(d);
		break;
	case OP_RETRY:
		d->retry_busy = false;
		break;
	default:
		break; /* the close op; the end of the thread is told apart */
	}
}

static void apply_state(struct durable *d, const struct writer_state *state)
{
	d->base.stats.groups_total = state->groups;
	d->base.stats.dead_letters = state->letters;
	mailbox_storage_state(&d->base, state->failed || state->unreadable ? &state->error : NULL);
	if (state->failed || state->kept)
		durable_retry_later(d);
}

static void on_done(struct actr__task *task)
{
	struct writer_post *post = container_of(task, struct writer_post, task);
	struct actr__list done, *link;
	struct writer_state state;
	struct durable *d;
	bool ended;

	if (!post->writer) { /* the mailbox was freed while this was under way */
		actr__list_remove(&post->link);
		actr__free(post);
		return;
	}
	d = container_of(post->writer, struct durable, writer);
	actr__list_init(&done);
	ended = writer_collect(&d->writer, &done, &state);
	if (state.error.code == 0)
		state.error.code = ACTR_E_STORAGE;
	apply_state(d, &state);
	while ((link = actr__list_pop(&done)))
		on_op(d, container_of(link, struct op, link), &state.error);
	if (!ended) {
		taken(&d->base);
		return;
	}
	writer_join(&d->writer);
	file_lock_release(&d->lock);
	mailbox_closed(&d->base);
}

static void on_retry(struct actr__timer *timer)
{
	struct durable *d = container_of(timer, struct durable, retry);

	if (d->retry_busy)
		return;
	d->retry_busy = true;
	durable_send(d, &d->retry_op);
	taken(&d->base);
}

/* --- closing --- */

static void stop_watching(struct durable *d)
{
	int fd = d->poke.fd;

	actr__io_stop(d->base.loop, &d->poke);
	d->poke.fd = -1;
	if (fd >= 0)
		close(fd);
}

static void close_store(struct actr__mailbox *m)
{
	struct durable *d = self_of(m);

	stop_watching(d);
	actr__timer_stop(m->loop, &d->retry);
	recovery_uncount(d, &d->close_op);
	durable_send(d, &d->close_op.op);
}

static void discard(struct durable *d, struct op *op)
{
	struct actr__list *link;

	if (op->kind <= OP_BURY)
		entry_free(container_of(op, struct entry, op));
	else if (op->kind == OP_LETTER)
		actr__free(container_of(op, struct letter_copy, op));
	else if (op->kind == OP_LOAD)
		while ((link = actr__list_pop(&d->load.mails)))
			entry_free(entry_of_link(link));
	else if (op->kind == OP_REDRIVE)
		while ((link = actr__list_pop(&d->redrive.mails)))
			entry_free(entry_of_link(link));
}

static void finish_writer(struct durable *d)
{
	struct actr__list done, *link;

	if (d->writer.started) {
		actr__mailbox_close(&d->base);
		flush(d);
		writer_join(&d->writer);
	}
	actr__list_init(&done);
	writer_drain(&d->writer, &done);
	actr__list_splice(&done, &d->unsent);
	while ((link = actr__list_pop(&done)))
		discard(d, container_of(link, struct op, link));
}

static void free_store(struct actr__mailbox *m)
{
	struct durable *d = self_of(m);

	finish_writer(d);
	writer_done(&d->writer);
	stop_watching(d);
	actr__timer_stop(m->loop, &d->retry);
	actr__loop_cancel_deferred(&d->flush);
	mailbox_done(m);
	file_lock_release(&d->lock);
	actr__free(d->close_op.uncount);
	actr__free(d->path);
	actr__free(d);
}

/* --- opening --- */

static const struct store_ops ops = {.durable = true,
				     .submit = submit,
				     .end = end,
				     .bury = bury,
				     .letter = keep_letter,
				     .taken = taken,
				     .close = close_store,
				     .free = free_store};

static int on_leftover(void *user, uint64_t id, const actr_id *sender, size_t size)
{
	struct durable *d = user;

	d->base.classes[mail_class_of(id)].spilled++;
	return quota_add(&d->base.quota, sender, 1, size);
}

/* Best effort: without it a redrive waits for the next start. */
static void watch_lock_file(struct durable *d)
{
	actr_error err = ACTR_ERROR_INIT;

	d->poke.on_ready = on_poke;
	d->poke.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (d->poke.fd >= 0 && inotify_add_watch(d->poke.fd, d->lock.path, IN_ATTRIB) >= 0 &&
	    actr__io_start(d->base.loop, &d->poke, ACTR__IO_READ, &err) == 0)
		return;
	ACTR_INFO("mailbox", "what=no_redrive_watch cause=\"%s\"",
		  err.code ? err.message : "inotify");
	stop_watching(d);
}

static int open_files(struct durable *d, const struct actr__mailbox_options *options,
		      actr_error *err)
{
	struct writer *w = &d->writer;

	ACTR_TRY(resolve_path(options->path, &d->path, err));
	ACTR_TRY(file_lock_take(&d->lock, d->path, err));
	ACTR_TRY(mail_db_open(&w->mails, d->path, options->durability, d->base.origin.file_id,
			      &d->base.next_seq, err));
	d->boot_seq = d->base.next_seq;
	ACTR_TRY(letter_db_open(&w->letters, d->path, true, 100, err));
	w->letters.max_bytes = options->dlq_max_bytes ? options->dlq_max_bytes : 64u << 20;
	ACTR_TRY(letter_db_count(&w->letters, &w->state.letters, err));
	d->base.stats.dead_letters = w->state.letters;
	ACTR_TRY(mail_db_survey(&w->mails, on_leftover, d, err));
	mailbox_check_high_water(&d->base);
	return 0;
}

static int start(struct durable *d, const struct actr__mailbox_options *options, actr_error *err)
{
	ACTR_TRY(open_files(d, options, err));
	d->load.boot_seq = d->boot_seq;
	d->load.max_attempts = d->base.max_attempts;
	ACTR_TRY(writer_start(&d->writer, err));
	watch_lock_file(d);
	d->redrive.wanted = true; /* what was marked while nobody ran */
	taken(&d->base);
	return 0;
}

static void init_parts(struct durable *d)
{
	d->lock.fd = -1;
	d->poke.fd = -1;
	d->load.op.kind = OP_LOAD;
	d->redrive.op.kind = OP_REDRIVE;
	d->retry_op.kind = OP_RETRY;
	d->close_op.op.kind = OP_CLOSE;
	actr__list_init(&d->unsent);
	actr__list_init(&d->load.mails);
	actr__list_init(&d->redrive.mails);
	actr__deferred_init(&d->flush, on_flush);
	actr__timer_init(&d->retry, on_retry);
}

int durable_open(struct actr__loop *loop, const struct actr__mailbox_options *options,
		 const struct actr__mailbox_events *events, void *owner,
		 struct actr__mailbox **ret_mailbox, actr_error *err)
{
	struct durable *d = actr__new0(struct durable);
	int rc;

	if (!d)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a mailbox");
	init_parts(d);
	rc = writer_init(&d->writer, loop, &d->base.origin, on_done);
	if (rc < 0) {
		writer_done(&d->writer);
		actr__free(d);
		return ACTR_FAIL(err, rc, "no memory for a mailbox");
	}
	rc = mailbox_init(&d->base, &ops, loop, options, events, owner);
	if (rc == 0)
		rc = start(d, options, err);
	else
		(void)ACTR_FAIL(err, rc, "no random bytes for a mailbox");
	if (rc < 0) {
		free_store(&d->base);
		return rc;
	}
	*ret_mailbox = &d->base;
	return 0;
}
