/*
 * What a sender may be asked to repeat (RFC 4585): packets in a ring by sequence number, as they
 * were before encryption, which happens in place elsewhere.
 *
 * A packet stays for a second, the longest that a receiver waits for it, as long as there are no
 * more than 4,096 packets and 4 MiB of them: a key frame of 1 MB is about 900. The ring grows with
 * the sender's rate, so that audio costs nothing. Keeping is best effort: a packet that found no
 * memory cannot be repeated, and was sent all the same.
 */
#include "wire/rtp/history_internal.h"

#define CAPACITY_MIN 64u

void actr__history_init(struct actr__history *history)
{
	*history = (struct actr__history){0};
}

static struct actr__history_packet *at(const struct actr__history *history, uint16_t sequence)
{
	return &history->packets[sequence & (history->capacity - 1)];
}

static uint16_t oldest(const struct actr__history *history)
{
	return (uint16_t)(history->next - history->count);
}

static void drop_oldest(struct actr__history *history)
{
	struct actr__history_packet *packet = at(history, oldest(history));

	history->bytes -= packet->size;
	actr__free(packet->data);
	*packet = (struct actr__history_packet){0};
	history->count--;
}

static void clear(struct actr__history *history)
{
	while (history->count)
		drop_oldest(history);
}

void actr__history_done(struct actr__history *history)
{
	clear(history);
	actr__free(history->packets);
	*history = (struct actr__history){0};
}

static bool grow(struct actr__history *history)
{
	struct actr__history larger = *history;
	size_t bytes;

	larger.capacity = history->capacity ? history->capacity * 2 : CAPACITY_MIN;
	if (!actr__mul_ok(larger.capacity, sizeof *larger.packets, &bytes))
		return false;
	larger.packets = actr__alloc0(bytes);
	if (!larger.packets)
		return false;
	for (size_t i = 1; i <= history->count; i++) {
		uint16_t sequence = (uint16_t)(history->next - i);

		*at(&larger, sequence) = *at(history, sequence);
	}
	actr__free(history->packets);
	*history = larger;
	return true;
}

void actr__history_expire(struct actr__history *history, uint64_t now_ns)
{
	while (history->count &&
	       now_ns - at(history, oldest(history))->sent_ns > ACTR__HISTORY_AGE_NS)
		drop_oldest(history);
}

static void make_room(struct actr__history *history, size_t size, uint64_t now_ns)
{
	actr__history_expire(history, now_ns);
	while (history->count && (history->count >= ACTR__HISTORY_PACKETS_MAX ||
				  history->bytes + size > ACTR__HISTORY_BYTES_MAX))
		drop_oldest(history);
	if (history->count == history->capacity && !grow(history) && history->count)
		drop_oldest(history);
}

void actr__history_add(struct actr__history *history, uint16_t sequence, actr_bytes header,
		       actr_bytes payload, uint64_t now_ns)
{
	size_t size = header.size + payload.size;
	struct actr__history_packet *packet;

	if (sequence != history->next)
		clear(history);
	make_room(history, size, now_ns);
	history->next = (uint16_t)(sequence + 1);
	if (!history->capacity)
		return;
	packet = at(history, sequence);
	*packet = (struct actr__history_packet){.sent_ns = now_ns, .data = actr__alloc(size)};
	history->count++;
	if (!packet->data)
		return;
	packet->size = (uint32_t)size;
	history->bytes += size;
	memcpy(packet->data, header.data, header.size);
	memcpy(packet->data + header.size, payload.data, payload.size);
}

struct actr__history_packet *actr__history_find(struct actr__history *history, uint16_t sequence)
{
	uint16_t age = (uint16_t)(history->next - sequence);
	struct actr__history_packet *packet;

	if (!age || age > history->count)
		return NULL;
	packet = at(history, sequence);
	return packet->data ? packet : NULL;
}
