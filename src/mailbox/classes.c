/*
 * Classes of mail: three queues, taken by weight.
 *
 * Weighted round robin: each class has as many credits as its weight, the first class (high,
 * normal, low) that has mail and a credit is served, and when no class with mail has one left all
 * get theirs again. So a flood of high mail leaves normal mail a third and low mail a thirteenth. A
 * class whose first mail waits for its gate is passed over as if it were empty, since its order
 * must be kept.
 */
#include "mailbox/mailbox_internal.h"

const char *const class_name[CLASS_COUNT] = {
	[ACTR__MAIL_HIGH] = "high", [ACTR__MAIL_NORMAL] = "normal", [ACTR__MAIL_LOW] = "low"};

static const uint8_t order[CLASS_COUNT] = {ACTR__MAIL_HIGH, ACTR__MAIL_NORMAL, ACTR__MAIL_LOW};

static void refill(struct class_queue classes[CLASS_COUNT])
{
	for (unsigned c = 0; c < CLASS_COUNT; c++)
		classes[c].credit = class_weight[c];
}

void classes_init(struct class_queue classes[CLASS_COUNT])
{
	for (unsigned c = 0; c < CLASS_COUNT; c++)
		actr__list_init(&classes[c].ready);
	refill(classes);
}

void class_push(struct class_queue *queue, struct entry *entry)
{
	actr__list_push(&queue->ready, &entry->mail.link);
	queue->count++;
	queue->bytes += entry->size;
}

static bool takable(const struct class_queue *queue)
{
	return queue->count && entry_of_link(queue->ready.next)->gate == GATE_OPEN;
}

bool classes_takable(const struct class_queue classes[CLASS_COUNT])
{
	return takable(&classes[0]) || takable(&classes[1]) || takable(&classes[2]);
}

static struct entry *take_from(struct class_queue *queue)
{
	struct entry *entry = entry_of_link(actr__list_pop(&queue->ready));

	queue->count--;
	queue->bytes -= entry->size;
	queue->credit--;
	return entry;
}

struct entry *classes_take(struct class_queue classes[CLASS_COUNT])
{
	if (!classes_takable(classes))
		return NULL;
	for (;;) {
		for (unsigned i = 0; i < CLASS_COUNT; i++) {
			struct class_queue *queue = &classes[order[i]];

			if (queue->credit && takable(queue))
				return take_from(queue);
		}
		refill(classes);
	}
}
