/*
 * Quota: how much may be unsettled, in all and by sender.
 *
 * Up to 80 % anybody may fill the mailbox; past that a sender may hold its share only (10 % by
 * default), so one that floods cannot shut out the others. Nothing is dropped: who is over gets
 * ACTR_E_RESOURCE_EXHAUSTED. High water is 80 %, and is left at 70 %.
 *
 * A sender's record lives while it has mail, and a little longer (the oldest of IDLE_MAX idle ones
 * goes first), since the next mail mostly comes from the same few. Found by realm and serial; the
 * whole id is compared.
 */
#include "mailbox/mailbox_internal.h"

#define IDLE_MAX     256
#define HIGH_PERCENT 80
#define LOW_PERCENT  70

void quota_init(struct quota *q, const struct actr__mailbox_options *options)
{
	uint32_t percent = options->sender_percent ? options->sender_percent : 10;

	*q = (struct quota){0};
	q->max_messages = options->max_messages ? options->max_messages : 100000;
	q->max_bytes = options->max_bytes ? options->max_bytes : 256u << 20;
	q->sender_messages = (uint32_t)((uint64_t)q->max_messages * percent / 100);
	q->sender_bytes = q->max_bytes / 100 * percent;
	/* One message each at least: a small mailbox must not refuse everybody. */
	if (!q->sender_messages)
		q->sender_messages = 1;
	actr__map_init(&q->senders, (size_t)q->max_messages + IDLE_MAX + 1);
	actr__list_init(&q->idle);
}

void quota_done(struct quota *q)
{
	struct actr__map_node *node;

	while ((node = actr__map_any(&q->senders))) {
		actr__map_remove(&q->senders, node);
		actr__free(container_of(node, struct sender, node));
	}
	actr__map_done(&q->senders);
}

/* --- records of senders --- */

static uint64_t hash_of(const actr_id *id)
{
	const uint64_t key[2] = {id->serial, id->realm};

	return actr__hash(key, sizeof key);
}

static bool matches(const struct actr__map_node *node, const void *key)
{
	return actr_id_equal(&container_of(node, const struct sender, node)->id, key);
}

struct sender *quota_find(struct quota *q, const actr_id *id)
{
	struct actr__map_node *node;

	if (q->last && actr_id_equal(&q->last->id, id))
		return q->last;
	node = actr__map_find(&q->senders, hash_of(id), matches, id);
	if (!node)
		return NULL;
	q->last = container_of(node, struct sender, node);
	return q->last;
}

static void forget_oldest(struct quota *q)
{
	struct sender *s = container_of(actr__list_pop(&q->idle), struct sender, idle_link);

	q->idle_count--;
	if (q->last == s)
		q->last = NULL;
	actr__map_remove(&q->senders, &s->node);
	actr__free(s);
}

static int make(struct quota *q, const actr_id *id, struct sender **ret_sender)
{
	uint8_t encoded[ACTR__ID_ENCODED_MAX];
	size_t size = actr__id_encode(id, encoded);
	struct sender *s = actr__alloc(sizeof *s + size);
	int rc;

	if (!s)
		return ACTR_E_NOMEM;
	s->id = *id;
	s->mails = 0;
	s->bytes = 0;
	s->encoded_size = (uint32_t)size;
	memcpy(s->encoded, encoded, size);
	rc = actr__map_insert(&q->senders, &s->node, hash_of(id));
	if (rc < 0) {
		actr__free(s);
		return rc;
	}
	actr__list_push(&q->idle, &s->idle_link);
	if (++q->idle_count > IDLE_MAX)
		forget_oldest(q);
	q->last = s;
	*ret_sender = s;
	return 0;
}

/* --- accounting --- */

static void account(struct quota *q, struct sender *s, uint64_t messages, uint64_t bytes)
{
	q->messages += messages;
	q->bytes += bytes;
	if (!s)
		return;
	if (!s->mails && messages) {
		actr__list_remove(&s->idle_link);
		q->idle_count--;
	}
	s->mails += (uint32_t)messages;
	s->bytes += bytes;
}

static bool above(uint64_t used, uint64_t max, unsigned percent)
{
	return used >= max / 100 * percent + max % 100 * percent / 100;
}

static bool past(const struct quota *q, unsigned percent)
{
	return above(q->messages, q->max_messages, percent) ||
	       above(q->bytes, q->max_bytes, percent);
}

static int refuse(const struct quota *q, const actr_id *id, const char *whose, actr_error *err)
{
	char text[ACTR_ID_TEXT_SIZE];

	return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED,
			 "%s is full for %s: %llu of %u messages, %llu of %llu bytes; retry later",
			 whose, actr_id_format(id, text, sizeof text),
			 (unsigned long long)q->messages, q->max_messages,
			 (unsigned long long)q->bytes, (unsigned long long)q->max_bytes);
}

int quota_take(struct quota *q, const actr_id *id, size_t size, struct sender **ret_sender,
	       actr_error *err)
{
	struct sender *s;

	/* Recovered mail may exceed the limits, so no subtraction. */
	if (q->messages >= q->max_messages || q->bytes + size > q->max_bytes)
		return refuse(q, id, "mailbox", err);
	s = quota_find(q, id);
	if (!s && make(q, id, &s) < 0)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a sender's record");
	if (past(q, HIGH_PERCENT) &&
	    (s->mails >= q->sender_messages || s->bytes >= q->sender_bytes))
		return refuse(q, id, "share of a sender in the mailbox", err);
	account(q, s, 1, size);
	*ret_sender = s;
	return 0;
}

int quota_add(struct quota *q, const actr_id *id, uint64_t messages, uint64_t bytes)
{
	struct sender *s = quota_find(q, id);
	int rc = s ? 0 : make(q, id, &s);

	account(q, rc < 0 ? NULL : s, messages, bytes);
	return rc;
}

void quota_release(struct quota *q, struct sender *s, size_t size)
{
	q->messages -= q->messages ? 1 : 0;
	q->bytes -= size < q->bytes ? size : q->bytes;
	if (!s || !s->mails)
		return;
	s->bytes -= size < s->bytes ? size : s->bytes;
	if (--s->mails)
		return;
	actr__list_push(&q->idle, &s->idle_link);
	if (++q->idle_count > IDLE_MAX)
		forget_oldest(q);
}

bool quota_update_high(struct quota *q)
{
	bool high = past(q, q->high ? LOW_PERCENT : HIGH_PERCENT);

	if (high == q->high)
		return false;
	q->high = high;
	return true;
}
