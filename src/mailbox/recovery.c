/*
 * Leftovers: mail that was unsettled when the process died, and how often it may come again.
 *
 * A leftover's attempt is counted on disk before it may be taken, so mail that kills the process is
 * known at the next start. But it is not known which of those in hand did it, and counting all of
 * them again and again would bury the innocent with the guilty. So: mail of no crash or one is
 * counted in batches (256, then 16); mail that was out at two crashes is a suspect, and suspects
 * run one at a time: counted alone, and the next only when it is settled. After that only the
 * guilty one gets more attempts, until max_attempts sends it to the dead letters.
 *
 * A class whose first mail waits here is closed (its order holds), the others go on. At a clean
 * close what was counted and not settled is counted back: a restart is not a crash.
 */
#include "mailbox/sqlite_internal.h"

#define SUSPECT_ATTEMPTS 2

static unsigned window(uint32_t attempts)
{
	return attempts == 0 ? BUMP_MAX : attempts < SUSPECT_ATTEMPTS ? 16 : 1;
}

static void shut_to_counting(struct bump *bump, struct entry *entry)
{
	entry->gate = GATE_COUNTING;
	bump->ids[bump->count++] = entry->mail.id;
}

/* The leading leftovers of a class that may be counted together. */
static void fill(struct durable *d, struct class_queue *queue)
{
	struct bump *bump = &queue->bump;

	bump->count = 0;
	actr__list_each(link, &queue->ready)
	{
		struct entry *entry = entry_of_link(link);

		if (entry->gate != GATE_SHUT || bump->count >= window(entry->mail.attempts))
			return;
		if (!entry->suspect) {
			shut_to_counting(bump, entry);
			continue;
		}
		if (bump->count == 0 && d->suspects == 0) {
			d->suspects++;
			shut_to_counting(bump, entry);
		}
		return;
	}
}

static void prepare_class(struct durable *d, struct class_queue *queue)
{
	if (queue->bump.busy || !queue->count ||
	    entry_of_link(queue->ready.next)->gate != GATE_SHUT)
		return;
	fill(d, queue);
	if (!queue->bump.count)
		return;
	queue->bump.busy = true;
	queue->bump.op.kind = OP_BUMP;
	durable_send(d, &queue->bump.op);
}

void recovery_prepare(struct durable *d)
{
	if (d->base.closing)
		return;
	for (unsigned c = 0; c < CLASS_COUNT; c++)
		prepare_class(d, &d->base.classes[c]);
}

void recovery_counted(struct durable *d, struct bump *bump)
{
	struct class_queue *queue = container_of(bump, struct class_queue, bump);
	bool ok = bump->op.rc == 0;

	bump->busy = false;
	actr__list_each(link, &queue->ready)
	{
		struct entry *entry = entry_of_link(link);

		if (entry->gate != GATE_COUNTING)
			break;
		entry->gate = ok ? GATE_OPEN : GATE_SHUT;
		entry->counted = ok;
		if (!ok && entry->suspect)
			d->suspects--;
	}
	if (!ok)
		durable_retry_later(d);
	mailbox_kick(&d->base);
}

void recovery_admit(struct durable *d, struct entry *entry)
{
	if (entry->mail.redelivered) {
		entry->gate = GATE_SHUT;
		entry->suspect = entry->mail.attempts >= SUSPECT_ATTEMPTS;
	}
	mailbox_ready(&d->base, entry);
}

void recovery_settled(struct durable *d, struct entry *entry)
{
	if (!entry->suspect)
		return;
	entry->suspect = false;
	d->suspects--;
	recovery_prepare(d);
}

/* --- closing --- */

static size_t each_counted(struct actr__list *list, uint64_t *ids, size_t count)
{
	actr__list_each(link, list)
	{
		struct entry *entry = entry_of_link(link);

		/* Those still with the writer are counted before the close op is run. */
		if (!entry->counted && entry->gate != GATE_COUNTING)
			continue;
		if (ids)
			ids[count] = entry->mail.id;
		count++;
	}
	return count;
}

static size_t all_counted(struct durable *d, uint64_t *ids)
{
	size_t count = each_counted(&d->base.in_flight, ids, 0);

	for (unsigned c = 0; c < CLASS_COUNT; c++)
		count = each_counted(&d->base.classes[c].ready, ids, count);
	return count;
}

void recovery_uncount(struct durable *d, struct close_op *op)
{
	size_t count = all_counted(d, NULL);

	if (!count)
		return;
	op->uncount = actr__alloc(count * sizeof *op->uncount);
	if (op->uncount)
		op->count = all_counted(d, op->uncount);
}
