/*
 * A received message: one allocation holds the struct, the first piece of its arena and the bytes,
 * so that a small request costs one malloc and one free in all.
 */
#include "protocol/protocol.h"

/* Of the arena; with the struct and a usual message it stays within malloc's fast bins. */
#define FIRST_PIECE_SIZE 512u
/* What one message may decode into; a list of empty sub-messages grows about thirtyfold. */
#define ARENA_LIMIT (16u * 1024u * 1024u)

struct msg_block {
	struct actr__msg msg;
	_Alignas(16) uint8_t piece[FIRST_PIECE_SIZE];
	uint8_t data[];
};

struct actr__msg *actr__msg_new(size_t size, unsigned lane)
{
	struct msg_block *block;

	if (size > ACTR__SIGNALING_MAX)
		return NULL;
	block = actr__alloc(sizeof *block + size);
	if (!block)
		return NULL;
	atomic_init(&block->msg.refs, 1);
	block->msg.lane = (uint8_t)lane;
	block->msg.size = size;
	block->msg.envelope = (struct actr__envelope){0};
	actr__arena_init(&block->msg.arena, block->piece, sizeof block->piece, ARENA_LIMIT);
	block->msg.data = block->data;
	return &block->msg;
}

/* The only holder needs no locked instruction: nobody else can take a reference any more. */
static bool is_last(struct actr__msg *msg)
{
	return atomic_load_explicit(&msg->refs, memory_order_acquire) == 1 ||
	       atomic_fetch_sub_explicit(&msg->refs, 1, memory_order_acq_rel) == 1;
}

struct actr__msg *actr__msg_unref(struct actr__msg *msg)
{
	if (!msg || !is_last(msg))
		return NULL;
	actr__arena_done(&msg->arena);
	actr__free(container_of(msg, struct msg_block, msg));
	return NULL;
}
