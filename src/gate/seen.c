/*
 * Requests of the last 30 s by (peer, request id), so that a copy does not run the handler again.
 *
 * An entry is made when a request is accepted and keeps its answer once there is one, as long as
 * the answers together stay under 1 MiB; the oldest go first, by age or when there are too many.
 * Losing an entry early costs only the protection against a copy that comes later still.
 */
#include "gate/gate_internal.h"

#define WINDOW_NS	 (30ull * 1000000000)
#define MAX_ENTRIES	 16384
#define MAX_ANSWER_BYTES (1024u * 1024)
#define MAX_ONE_ANSWER	 16384

struct entry {
	struct actr__map_node node;
	struct actr__list link;
	uint64_t at_ns;
	actr_bytes answer; /* owned */
	uint64_t serial;
	uint32_t realm;
	bool answered;
	uint16_t id_size;
	char id[];
};

struct key {
	const actr_id *from;
	actr_bytes id;
};

static bool match(const struct actr__map_node *node, const void *arg)
{
	const struct entry *e = container_of(node, struct entry, node);
	const struct key *key = arg;

	return e->serial == key->from->serial && e->realm == key->from->realm &&
	       e->id_size == key->id.size && !memcmp(e->id, key->id.data, key->id.size);
}

void seen_init(struct seen *seen)
{
	actr__map_init(&seen->map, MAX_ENTRIES);
	actr__list_init(&seen->order);
	seen->answer_bytes = 0;
}

static void drop_answer(struct seen *seen, struct entry *e)
{
	seen->answer_bytes -= e->answer.size;
	actr__free((void *)(uintptr_t)e->answer.data);
	e->answer = actr__bytes(NULL, 0);
}

static void drop(struct seen *seen, struct entry *e)
{
	drop_answer(seen, e);
	actr__map_remove(&seen->map, &e->node);
	actr__list_remove(&e->link);
	actr__free(e);
}

static struct entry *oldest(struct seen *seen)
{
	return actr__list_empty(&seen->order) ? NULL
					      : container_of(seen->order.next, struct entry, link);
}

void seen_done(struct seen *seen)
{
	while (oldest(seen))
		drop(seen, oldest(seen));
	actr__map_done(&seen->map);
}

static struct entry *find(struct seen *seen, const actr_id *from, actr_bytes id)
{
	struct key key = {from, id};
	struct actr__map_node *node =
		actr__map_find(&seen->map, exchange_hash(from, id), match, &key);

	return node ? container_of(node, struct entry, node) : NULL;
}

enum seen_verdict seen_check(struct seen *seen, const actr_id *from, actr_bytes id, uint64_t now_ns,
			     actr_bytes *ret_answer)
{
	struct entry *e;

	while ((e = oldest(seen)) &&
	       (now_ns - e->at_ns > WINDOW_NS || seen->map.count >= MAX_ENTRIES))
		drop(seen, e);
	e = find(seen, from, id);
	if (e) {
		*ret_answer = e->answer;
		return e->answered ? SEEN_ANSWERED : SEEN_RUNNING;
	}
	e = actr__alloc(sizeof *e + id.size);
	if (!e)
		return SEEN_NEW; /* unprotected, but served */
	*e = (struct entry){.at_ns = now_ns,
			    .serial = from->serial,
			    .realm = from->realm,
			    .id_size = (uint16_t)id.size};
	memcpy(e->id, id.data, id.size);
	if (actr__map_insert(&seen->map, &e->node, exchange_hash(from, id)) < 0)
		actr__free(e);
	else
		actr__list_push(&seen->order, &e->link);
	return SEEN_NEW;
}

void seen_answered(struct seen *seen, const actr_id *from, actr_bytes id, actr_bytes answer)
{
	struct entry *e = find(seen, from, id), *old;

	if (!e || e->answered)
		return;
	e->answered = true;
	if (answer.size > MAX_ONE_ANSWER)
		return;
	actr__list_each(link, &seen->order)
	{
		if (seen->answer_bytes + answer.size <= MAX_ANSWER_BYTES)
			break;
		old = container_of(link, struct entry, link);
		if (old->answer.data)
			drop(seen, old);
	}
	e->answer.data = actr__memdup(answer.data, answer.size);
	e->answer.size = e->answer.data ? answer.size : 0;
	seen->answer_bytes += e->answer.size;
}

void seen_forget(struct seen *seen, const actr_id *from, actr_bytes id)
{
	struct entry *e = find(seen, from, id);

	if (e)
		drop(seen, e);
}
