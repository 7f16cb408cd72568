/*
 * The mailbox, whatever its store: admission, order, settlement and what is told to the owner.
 *
 * A mail is in one of four places: with the store (submitted, not accepted), in its class, in
 * flight (taken), or ending (with the store again, its message released). Quota counts it from
 * submit until it is acked or its letter is written. Nothing calls the owner from inside his own
 * call: readiness, high water and the state of the storage are told by one deferred task at the end
 * of the turn. Dead letters are the exception: each is told when it is kept.
 */
#include <assert.h>

#include "mailbox/mailbox_internal.h"

/* --- telling the owner --- */

static void tell_state(struct actr__mailbox *m)
{
	if (!m->tell_high && !m->tell_storage)
		return;
	m->tell_high = m->tell_storage = false;
	if (m->events.on_state)
		m->events.on_state(m->owner, m->stats.failed ? &m->storage_error : NULL,
				   m->quota.high);
}

static void on_tell(struct actr__deferred *deferred)
{
	struct actr__mailbox *m = container_of(deferred, struct actr__mailbox, tell);

	tell_state(m);
	if (m->hungry && !m->closing && classes_takable(m->classes)) {
		m->hungry = false;
		m->events.on_ready(m->owner);
	}
	if (!m->tell_closed)
		return;
	m->tell_closed = false;
	if (m->events.on_closed)
		m->events.on_closed(m->owner); /* may free us */
}

void mailbox_tell_letter(struct actr__mailbox *m, const struct actr__dead_letter *letter)
{
	if (m->events.on_dead_letter)
		m->events.on_dead_letter(m->owner, letter);
}

void mailbox_kick(struct actr__mailbox *m)
{
	if (m->hungry && !m->closing && classes_takable(m->classes))
		actr__loop_defer(m->loop, &m->tell);
}

void mailbox_check_high_water(struct actr__mailbox *m)
{
	if (!quota_update_high(&m->quota))
		return;
	m->tell_high = true;
	actr__loop_defer(m->loop, &m->tell);
}

void mailbox_storage_state(struct actr__mailbox *m, const actr_error *failure)
{
	if (m->stats.failed == (failure != NULL))
		return;
	m->stats.failed = failure != NULL;
	if (failure)
		m->storage_error = *failure;
	m->tell_storage = true;
	actr__loop_defer(m->loop, &m->tell);
}

void mailbox_closed(struct actr__mailbox *m)
{
	m->closed = true;
	m->tell_closed = true;
	actr__loop_defer(m->loop, &m->tell);
}

/* --- life --- */

int mailbox_init(struct actr__mailbox *m, const struct store_ops *ops, struct actr__loop *loop,
		 const struct actr__mailbox_options *options,
		 const struct actr__mailbox_events *events, void *owner)
{
	m->ops = ops;
	m->loop = loop;
	m->events = *events;
	m->owner = owner;
	m->max_attempts = options->max_attempts ? options->max_attempts : 5;
	m->origin.self_size = actr__id_encode(&options->self, m->origin.self);
	m->next_seq = 1;
	m->hungry = true;
	m->stats.durable = ops->durable;
	classes_init(m->classes);
	quota_init(&m->quota, options);
	actr__list_init(&m->in_flight);
	actr__deferred_init(&m->tell, on_tell);
	return actr__random(m->origin.file_id, sizeof m->origin.file_id);
}

static void free_entries(struct actr__list *list)
{
	struct actr__list *link;

	while ((link = actr__list_pop(list)))
		entry_free(entry_of_link(link));
}

void mailbox_done(struct actr__mailbox *m)
{
	actr__loop_cancel_deferred(&m->tell);
	for (unsigned c = 0; c < CLASS_COUNT; c++)
		free_entries(&m->classes[c].ready);
	free_entries(&m->in_flight);
	quota_done(&m->quota);
}

int actr__mailbox_open(struct actr__loop *loop, const struct actr__mailbox_options *options,
		       const struct actr__mailbox_events *events, void *owner,
		       struct actr__mailbox **ret_mailbox, actr_error *err)
{
	return (options->path ? durable_open : memory_open)(loop, options, events, owner,
							    ret_mailbox, err);
}

void actr__mailbox_close(struct actr__mailbox *m)
{
	if (m->closing)
		return;
	m->closing = true;
	m->ops->close(m);
}

struct actr__mailbox *actr__mailbox_free(struct actr__mailbox *m)
{
	if (m)
		m->ops->free(m);
	return NULL;
}

/* --- one mail --- */

void entry_free(struct entry *entry)
{
	actr__msg_unref(entry->mail.msg);
	actr__free(entry->verdict);
	actr__free(entry->letter_id);
	actr__free(entry);
}

void entry_end(struct actr__mailbox *m, struct entry *entry)
{
	quota_release(&m->quota, entry->sender, entry->size);
	entry->sender = NULL;
	if (m->quota.high)
		mailbox_check_high_water(m);
}

static struct entry *make_entry(struct actr__msg *msg, const actr_id *sender,
				enum actr__mail_class mail_class, void *user)
{
	struct entry *entry = actr__alloc(sizeof *entry);

	if (!entry)
		return NULL;
	entry->mail.msg = msg;
	entry->mail.sender = *sender;
	entry->mail.user = user;
	entry->mail.accepted_ms = actr__clock_wall_ms();
	entry->mail.attempts = 0;
	entry->mail.mail_class = (uint8_t)mail_class;
	entry->mail.redelivered = false;
	entry->verdict = NULL;
	entry->letter_id = NULL;
	entry->size = msg->size;
	entry->gate = GATE_OPEN;
	entry->counted = entry->suspect = false;
	actr__list_init(&entry->mail.link);
	actr__list_init(&entry->op.link);
	return entry;
}

static int admit(struct actr__mailbox *m, struct actr__msg *msg, const actr_id *sender,
		 enum actr__mail_class mail_class, void *user, actr_error *err)
{
	struct sender *from;
	struct entry *entry;
	int rc = quota_take(&m->quota, sender, msg->size, &from, err);

	if (rc < 0)
		return rc;
	entry = make_entry(msg, sender, mail_class, user);
	if (!entry) {
		quota_release(&m->quota, from, msg->size);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a mail");
	}
	entry->sender = from;
	entry->mail.submitted_ns = actr__loop_now_ns(m->loop);
	rc = m->ops->submit(m, entry, err);
	if (rc < 0) {
		entry->mail.msg = NULL; /* stays the caller's */
		entry_end(m, entry);
		entry_free(entry);
	}
	return rc;
}

int actr__mailbox_submit(struct actr__mailbox *m, struct actr__msg *msg, const actr_id *sender,
			 enum actr__mail_class mail_class, void *user, actr_error *err)
{
	int rc;

	assert(mail_class < CLASS_COUNT);
	if (m->closing)
		return ACTR_FAIL(err, ACTR_E_CLOSED, "the mailbox is closing");
	rc = admit(m, msg, sender, mail_class, user, err);
	if (rc < 0)
		m->stats.refused_total++;
	else if (!m->quota.high)
		mailbox_check_high_water(m);
	return rc;
}

void mailbox_ready(struct actr__mailbox *m, struct entry *entry)
{
	class_push(&m->classes[entry->mail.mail_class], entry);
	mailbox_kick(m);
}

struct actr__mail *actr__mailbox_take(struct actr__mailbox *m)
{
	struct entry *entry = m->closing ? NULL : classes_take(m->classes);

	if (!entry) {
		m->hungry = true;
		return NULL;
	}
	actr__list_push(&m->in_flight, &entry->mail.link);
	m->stats.in_flight++;
	m->stats.redelivered_total += entry->mail.redelivered;
	m->ops->taken(m);
	return &entry->mail;
}

static struct entry *settle(struct actr__mailbox *m, struct actr__mail *mail)
{
	actr__list_remove(&mail->link);
	m->stats.in_flight--;
	return entry_of(mail);
}

void actr__mailbox_ack(struct actr__mailbox *m, struct actr__mail *mail)
{
	struct entry *entry = settle(m, mail);

	m->stats.acked_total++;
	mail->msg = actr__msg_unref(mail->msg);
	entry_end(m, entry);
	m->ops->end(m, entry);
}

void actr__mailbox_bury(struct actr__mailbox *m, struct actr__mail *mail, const char *category,
			const char *message)
{
	struct entry *entry = settle(m, mail);

	m->stats.buried_total++;
	entry->verdict = verdict_new(category, message); /* NULL: the letter says so */
	m->ops->bury(m, entry);
}

int actr__mailbox_bury_bytes(struct actr__mailbox *m, const struct actr__dead_letter *letter,
			     actr_error *err)
{
	struct actr__dead_letter addressed = *letter;
	struct letter_copy *copy;
	int rc;

	if (m->closing)
		return ACTR_FAIL(err, ACTR_E_CLOSED, "the mailbox is closing");
	if (!addressed.to.size)
		addressed.to = actr__bytes(m->origin.self, m->origin.self_size);
	copy = letter_copy_new(&addressed);
	if (!copy)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a dead letter");
	rc = m->ops->letter(m, copy, err);
	if (rc < 0)
		actr__free(copy);
	return rc;
}

static void count_oldest(const struct class_queue *queue, int64_t *oldest_ms)
{
	int64_t ms = queue->count ? entry_of_link(queue->ready.next)->mail.accepted_ms : 0;

	if (ms && (!*oldest_ms || ms < *oldest_ms))
		*oldest_ms = ms;
}

void actr__mailbox_stats(const struct actr__mailbox *m, struct actr__mailbox_stats *ret)
{
	*ret = m->stats;
	ret->bytes = m->quota.bytes;
	ret->queued = 0;
	ret->oldest_ms = 0;
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		count_oldest(&m->classes[c], &ret->oldest_ms);
		ret->queued_class[c] = m->classes[c].count + m->classes[c].spilled;
		ret->queued += ret->queued_class[c];
	}
}
