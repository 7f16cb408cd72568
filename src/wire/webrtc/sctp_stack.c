/*
 * usrsctp as the process has it: one instance, without threads of its own, driven by the loop.
 *
 * An association is known to usrsctp by a number, not by a pointer: a timer that fires late finds
 * nothing in the map instead of freed memory. Nothing of usrsctp is called from its callbacks.
 * Timers need a tick: every 10 ms while packets move or something is outstanding, else once a
 * second (heartbeats). usrsctp has no call that says when its next timer is due.
 */
#include "wire/webrtc/sctp_internal.h"

#include <usrsctp.h>

#include "wire/webrtc/crc32c_internal.h"

#define CATEGORY	 "transport_error"
#define ASSOCIATIONS_MAX 65536u
#define TICK_FINE_MS	 10u
#define TICK_COARSE_MS	 1000u
#define QUIET_NS	 500000000u /* so long after the last packet the fine tick goes on */
#define SCRATCH_SIZE	 (72u * 1024u)
#define FINISH_TRIES	 100

struct actr__sctp_stack {
	struct actr__loop *loop;
	struct actr__timer tick;
	uint64_t ticked_ns;  /* usrsctp's clock stands there */
	uint64_t touched_ns; /* last packet */
	uint64_t next_id;
	bool is_fine;
	struct actr__map by_id;
	struct actr__buf spare;
	uint8_t scratch[SCRATCH_SIZE];
};

/* usrsctp's callbacks for a packet name no instance: there is one. */
static struct actr__sctp_stack *the_stack;

static uint64_t hash_of(uint64_t id)
{
	return id * 0x9e3779b97f4a7c15u;
}

static bool is_id(const struct actr__map_node *node, const void *key)
{
	return container_of(node, struct actr__sctp, node)->id == *(const uint64_t *)key;
}

static struct actr__sctp *find(struct actr__sctp_stack *stack, uint64_t id)
{
	struct actr__map_node *node = actr__map_find(&stack->by_id, hash_of(id), is_id, &id);

	return node ? container_of(node, struct actr__sctp, node) : NULL;
}

static uint32_t big_endian(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* DATA chunks (RFC 9260 3.3.1) whose TSN has been sent before; usrsctp counts for all at once only.
 */
static void count_retransmits(struct actr__sctp *sctp, const uint8_t *packet, size_t size)
{
	size_t at = 12, length;

	for (; at + 8 <= size; at += (length + 3) & ~(size_t)3) {
		uint32_t tsn = big_endian(packet + at + 4);

		length = (size_t)packet[at + 2] << 8 | packet[at + 3];
		if (length < 4)
			return;
		if (packet[at] != 0)
			continue;
		if (sctp->has_tsn && (int32_t)(tsn - sctp->highest_tsn) <= 0) {
			sctp->stats.retransmits++;
		} else {
			sctp->has_tsn = true;
			sctp->highest_tsn = tsn;
		}
	}
}

/*
 * Only queues: usrsctp holds its locks here. usrsctp leaves the checksum 0 (offload) in its own
 * copy of the packet.
 */
static int on_output(void *address, void *packet, size_t size, uint8_t tos, uint8_t df)
{
	struct actr__sctp *sctp = the_stack ? find(the_stack, (uintptr_t)address) : NULL;
	struct actr__sctp_stack *stack = the_stack;
	uint16_t size16 = (uint16_t)size;
	uint8_t *room;
	uint32_t crc;

	(void)tos;
	(void)df;
	if (!sctp || size < 12 || size > UINT16_MAX)
		return 0;
	if (!sctp->out.data)
		actr__sctp_stack_lend(stack, &sctp->out);
	room = actr__buf_reserve(&sctp->out, size + sizeof size16);
	if (!room) { /* as a full socket buffer would; SCTP sends it again */
		sctp->out.failed = 0;
		sctp->stats.dropped++;
		return 0;
	}
	crc = actr__crc32c(packet, size);
	memcpy(room, &size16, sizeof size16);
	memcpy(room + sizeof size16, packet, size);
	memcpy(room + sizeof size16 + 8, &crc, sizeof crc); /* RFC 9260 3.1: bytes 8 to 11 */
	sctp->out.size += size + sizeof size16;
	sctp->stats.packets_sent++;
	count_retransmits(sctp, packet, size);
	actr__loop_defer(stack->loop, &sctp->turn_end);
	stack->touched_ns = actr__loop_now_ns(stack->loop);
	return 0;
}

/* --- time --- */

static void advance(struct actr__sctp_stack *stack)
{
	uint64_t now = actr__loop_now_ns(stack->loop);
	uint64_t ms = (now - stack->ticked_ns) / 1000000;

	if (!ms)
		return;
	stack->ticked_ns += ms * 1000000;
	usrsctp_handle_timers(ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms);
}

static bool has_nothing_outstanding(struct actr__map_node *node, void *user)
{
	const struct actr__sctp *sctp = container_of(node, struct actr__sctp, node);

	if (sctp->socket && (!sctp->is_up || actr__sctp_buffered(sctp)))
		*(bool *)user = true;
	return !*(bool *)user;
}

static bool is_busy(struct actr__sctp_stack *stack)
{
	bool outstanding = false;

	if (actr__loop_now_ns(stack->loop) - stack->touched_ns < QUIET_NS)
		return true;
	actr__map_each(&stack->by_id, has_nothing_outstanding, &outstanding);
	return outstanding;
}

static void arm(struct actr__sctp_stack *stack, bool fine)
{
	stack->is_fine = fine;
	if (!stack->by_id.count) {
		actr__timer_stop(stack->loop, &stack->tick);
		return;
	}
	/* Room in the loop's heap was made when the stack was: this timer is armed again, at worst
	 * later, by the next packet. */
	(void)actr__timer_set(stack->loop, &stack->tick, fine ? TICK_FINE_MS : TICK_COARSE_MS);
}

static void on_tick(struct actr__timer *timer)
{
	struct actr__sctp_stack *stack = container_of(timer, struct actr__sctp_stack, tick);

	advance(stack);
	arm(stack, is_busy(stack));
}

/*
 * Brings usrsctp's clock up to date before it is used again after a pause: a timer it sets now
 * would else count from then and fire at once. Not from its callbacks, which hold its locks.
 */
void actr__sctp_stack_touch(struct actr__sctp_stack *stack)
{
	stack->touched_ns = actr__loop_now_ns(stack->loop);
	if (stack->is_fine && actr__timer_is_set(&stack->tick))
		return;
	advance(stack);
	arm(stack, true);
}

/* --- for sctp.c --- */

struct actr__loop *actr__sctp_stack_loop(const struct actr__sctp_stack *stack)
{
	return stack->loop;
}

int actr__sctp_stack_add(struct actr__sctp_stack *stack, struct actr__sctp *sctp)
{
	sctp->id = stack->next_id++;
	ACTR_TRY(actr__map_insert(&stack->by_id, &sctp->node, hash_of(sctp->id)));
	usrsctp_register_address((void *)(uintptr_t)sctp->id);
	actr__sctp_stack_touch(stack);
	return 0;
}

void actr__sctp_stack_remove(struct actr__sctp_stack *stack, struct actr__sctp *sctp)
{
	usrsctp_deregister_address((void *)(uintptr_t)sctp->id);
	actr__map_remove(&stack->by_id, &sctp->node);
	if (!stack->by_id.count)
		actr__timer_stop(stack->loop, &stack->tick);
}

uint8_t *actr__sctp_stack_scratch(struct actr__sctp_stack *stack, size_t *ret_size)
{
	*ret_size = sizeof stack->scratch;
	return stack->scratch;
}

void actr__sctp_stack_lend(struct actr__sctp_stack *stack, struct actr__buf *buf)
{
	buf->data = TAKE(stack->spare.data);
	buf->capacity = stack->spare.capacity;
	stack->spare.capacity = 0;
	if (!buf->data)
		buf->capacity = 0;
}

void actr__sctp_stack_return(struct actr__sctp_stack *stack, struct actr__buf *buf)
{
	size_t max = buf->max;

	if (stack->spare.data) {
		actr__buf_done(buf);
	} else {
		stack->spare.data = buf->data;
		stack->spare.capacity = buf->capacity;
	}
	actr__buf_init(buf, max);
}

/* --- life --- */

static void tune(void)
{
	/* Values measured for the data path; each has its reason in docs/internals/webrtc.md. */
	(void)usrsctp_enable_crc32c_offload();
	(void)usrsctp_sysctl_set_sctp_ecn_enable(0);
	(void)usrsctp_sysctl_set_sctp_asconf_enable(0);
	(void)usrsctp_sysctl_set_sctp_auto_asconf(0);
	(void)usrsctp_sysctl_set_sctp_auth_enable(0);
	(void)usrsctp_sysctl_set_sctp_pktdrop_enable(0);
	(void)usrsctp_sysctl_set_sctp_nrsack_enable(0);
	(void)usrsctp_sysctl_set_sctp_cmt_on_off(0);
	(void)usrsctp_sysctl_set_sctp_max_chunks_on_queue(16384);
	(void)usrsctp_sysctl_set_sctp_max_burst_default(0);
	(void)usrsctp_sysctl_set_sctp_fr_max_burst_default(0);
	(void)usrsctp_sysctl_set_sctp_initial_cwnd(10);
	(void)usrsctp_sysctl_set_sctp_max_retran_chunk(0); /* 30 aborts under a burst of loss */
	(void)usrsctp_sysctl_set_sctp_diag_info_code(13);  /* reasons in ABORT chunks */
	(void)usrsctp_sysctl_set_sctp_delayed_sack_time_default(20);
	(void)usrsctp_sysctl_set_sctp_sack_freq_default(4);
	(void)usrsctp_sysctl_set_sctp_rto_min_default(200);
	(void)usrsctp_sysctl_set_sctp_rto_initial_default(500);
	(void)usrsctp_sysctl_set_sctp_init_rto_max_default(2000);
	(void)usrsctp_sysctl_set_sctp_rto_max_default(2000); /* back within 2 s after a dead link */
	/* Consent (ICE) decides about life and death, not SCTP's own counters. */
	(void)usrsctp_sysctl_set_sctp_assoc_rtx_max_default(1000);
	(void)usrsctp_sysctl_set_sctp_path_rtx_max_default(1000);
	(void)usrsctp_sysctl_set_sctp_init_rtx_max_default(100);
	(void)usrsctp_sysctl_set_sctp_heartbeat_interval_default(15000);
	(void)usrsctp_sysctl_set_sctp_nr_outgoing_streams_default(ACTR__SCTP_LANES);
}

int actr__sctp_stack_new(struct actr__loop *loop, struct actr__sctp_stack **ret, actr_error *err)
{
	struct actr__sctp_stack *stack;

	if (the_stack)
		return ACTR_FAIL(err, ACTR_E_ALREADY_EXISTS,
				 "a process has one WebRTC engine, and there is one already");
	stack = actr__new0(struct actr__sctp_stack);
	if (!stack)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot start SCTP");
	stack->loop = loop;
	stack->next_id = 1;
	stack->ticked_ns = actr__loop_now_ns(loop);
	actr__timer_init(&stack->tick, on_tick);
	actr__map_init(&stack->by_id, ASSOCIATIONS_MAX);
	usrsctp_init_nothreads(0, on_output, NULL);
	tune();
	the_stack = stack;
	*ret = stack;
	return 0;
}

struct actr__sctp_stack *actr__sctp_stack_free(struct actr__sctp_stack *stack)
{
	int tries = 0;

	if (!stack)
		return NULL;
	actr__timer_stop(stack->loop, &stack->tick);
	/* Closed associations may wait for a timer of usrsctp before they go. */
	while (usrsctp_finish() < 0 && tries++ < FINISH_TRIES)
		usrsctp_handle_timers(TICK_COARSE_MS);
	if (tries > FINISH_TRIES)
		ACTR_WARN(4, CATEGORY, "event=sctp_not_finished");
	the_stack = NULL;
	actr__map_done(&stack->by_id);
	actr__free(stack->spare.data);
	actr__free(stack);
	return NULL;
}
