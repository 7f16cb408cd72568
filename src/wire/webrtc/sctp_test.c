/* Two associations of the one usrsctp, joined by a lossy pipe in memory, on a virtual loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include <cmocka.h>
#include <usrsctp.h>

#include "wire/webrtc/crc32c_internal.h"
#include "wire/webrtc/sctp_internal.h"

#define DELAY_MS 5

struct packet {
	struct actr__list link;
	struct end *to;
	uint64_t due_ms;
	size_t size;
	uint8_t data[9000];
};

struct end {
	struct pipe *pipe;
	struct end *other;
	struct actr__sctp *sctp;
	bool up, down;
	unsigned messages, lane_messages[4], writable, packets, out_of_order;
	unsigned dcep_acks; /* sent */
	uint64_t bytes;
	size_t last_size;
	uint8_t last[65536];
};

struct pipe {
	struct actr__loop *loop;
	struct actr__sctp_stack *stack;
	struct actr__list queue;
	struct actr__timer timer;
	struct end a, b;
	unsigned loss_percent;
	uint32_t seed;
	bool is_cut;
};

/*
 * usrsctp compares its timers with the wall clock before it sends anything again; here that clock
 * is the virtual loop's.
 */
static struct actr__loop *clock_of_usrsctp;

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	uint64_t ns = clock_of_usrsctp ? actr__loop_now_ns(clock_of_usrsctp) : 0;

	(void)zone;
	now->tv_sec = (time_t)(1000000000u + ns / 1000000000u);
	now->tv_usec = (suseconds_t)(ns / 1000 % 1000000);
	return 0;
}

/* Repeats exactly, unlike the process's random source. */
static unsigned dice(struct pipe *p)
{
	p->seed = p->seed * 1664525u + 1013904223u;
	return (p->seed >> 16) % 100;
}

static void on_up(void *owner)
{
	((struct end *)owner)->up = true;
}

static void on_down(void *owner, const actr_error *why)
{
	(void)why;
	((struct end *)owner)->down = true;
}

static void on_message(void *owner, struct actr__msg *msg)
{
	struct end *e = owner;
	uint32_t number;

	e->lane_messages[msg->lane]++;
	e->bytes += msg->size;
	e->last_size = msg->size;
	memcpy(e->last, msg->data, msg->size);
	if (msg->size >= sizeof number) {
		memcpy(&number, msg->data, sizeof number);
		if (number != e->messages)
			e->out_of_order++;
	}
	e->messages++;
	(void)actr__msg_unref(msg);
}

static void on_writable(void *owner, unsigned lane)
{
	(void)lane;
	((struct end *)owner)->writable++;
}

/* DATA chunks (RFC 9260 3.3.1) that are a DCEP ACK (RFC 8832 5.2): type 0, 17 bytes, PPID 50, 2. */
static unsigned count_acks(const uint8_t *packet, size_t size)
{
	unsigned count = 0;

	for (size_t at = 12, length; at + 4 <= size; at += (length + 3) & ~(size_t)3) {
		length = (size_t)packet[at + 2] << 8 | packet[at + 3];
		assert_true(length >= 4 && at + length <= size);
		count += packet[at] == 0 && length == 17 && packet[at + 15] == 50 &&
			 packet[at + 16] == 2;
	}
	return count;
}

static void on_packet(void *owner, const uint8_t *data, size_t size)
{
	struct end *e = owner;
	struct pipe *p = e->pipe;
	struct packet *packet;

	e->packets++;
	e->dcep_acks += count_acks(data, size);
	if (p->is_cut || dice(p) < p->loss_percent)
		return;
	packet = actr__new0(struct packet);
	assert_non_null(packet);
	assert_true(size <= sizeof packet->data);
	packet->to = e->other;
	packet->due_ms = actr__loop_now_ms(p->loop) + DELAY_MS;
	packet->size = size;
	memcpy(packet->data, data, size);
	actr__list_push(&p->queue, &packet->link);
	if (!actr__timer_is_set(&p->timer))
		assert_int_equal(actr__timer_set(p->loop, &p->timer, DELAY_MS), 0);
}

static void on_flush(void *owner)
{
	(void)owner;
}

static const struct actr__sctp_events events = {on_up,	     on_down,	on_message,
						on_writable, on_packet, on_flush};

static void on_timer(struct actr__timer *timer)
{
	struct pipe *p = container_of(timer, struct pipe, timer);

	while (!actr__list_empty(&p->queue)) {
		struct packet *packet = container_of(p->queue.next, struct packet, link);

		if (packet->due_ms > actr__loop_now_ms(p->loop)) {
			assert_int_equal(actr__timer_set(p->loop, &p->timer, 1), 0);
			return;
		}
		actr__list_remove(&packet->link);
		if (packet->to->sctp)
			actr__sctp_input(packet->to->sctp, packet->data, packet->size);
		actr__free(packet);
	}
}

static int set_up(void **st)
{
	struct pipe *p = actr__new0(struct pipe);

	assert_non_null(p);
	assert_int_equal(actr__loop_new_virtual(&p->loop, NULL), 0);
	clock_of_usrsctp = p->loop;
	assert_int_equal(actr__sctp_stack_new(p->loop, &p->stack, NULL), 0);
	actr__list_init(&p->queue);
	actr__timer_init(&p->timer, on_timer);
	p->a.pipe = p->b.pipe = p;
	p->a.other = &p->b;
	p->b.other = &p->a;
	p->seed = 1;
	assert_int_equal(actr__sctp_new(p->stack, &events, &p->a, &p->a.sctp, NULL), 0);
	assert_int_equal(actr__sctp_new(p->stack, &events, &p->b, &p->b.sctp, NULL), 0);
	*st = p;
	return 0;
}

static int tear_down(void **st)
{
	struct pipe *p = *st;
	struct actr__list *link;

	p->a.sctp = actr__sctp_free(p->a.sctp);
	p->b.sctp = actr__sctp_free(p->b.sctp);
	while ((link = actr__list_pop(&p->queue)))
		actr__free(container_of(link, struct packet, link));
	actr__timer_stop(p->loop, &p->timer);
	(void)actr__sctp_stack_free(p->stack);
	clock_of_usrsctp = NULL;
	(void)actr__loop_free(p->loop);
	actr__free(p);
	return 0;
}

static void connect_ends(struct pipe *p)
{
	for (int i = 0; i < 3000 && !(p->a.up && p->b.up); i++)
		actr__loop_advance(p->loop, 10);
	assert_true(p->a.up && p->b.up);
}

/* Numbered messages, as fast as they are taken, within `max_ms` of virtual time. */
static void send_all(struct pipe *p, unsigned lane, unsigned count, size_t size, unsigned max_ms)
{
	static uint8_t data[65535];
	uint32_t sent = 0;

	for (unsigned ms = 0; ms < max_ms && (sent < count || p->b.messages < count); ms += 10) {
		while (sent < count) {
			memcpy(data, &sent, sizeof sent);
			if (actr__sctp_send(p->a.sctp, lane, actr__bytes(data, size), NULL) < 0)
				break;
			sent++;
		}
		actr__loop_advance(p->loop, 10);
	}
	assert_int_equal(sent, count);
}

static void messages_of_one_turn_share_packets(void **st)
{
	struct pipe *p = *st;
	unsigned before;
	struct actr__sctp_stats stats;

	connect_ends(p);
	before = p->a.packets;
	send_all(p, 0, 100, 50, 1000);
	assert_int_equal(p->b.messages, 100);
	assert_int_equal(p->b.out_of_order, 0);
	/* 100 * (50 + 18, padded) bytes are 6 to 7 packets; the first one goes alone. */
	assert_true(p->a.packets - before <= 12);
	actr__sctp_stats(p->a.sctp, &stats);
	assert_int_equal(stats.retransmits, 0);
}

static void a_lone_message_leaves_in_its_turn(void **st)
{
	struct pipe *p = *st;

	connect_ends(p);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(actr__sctp_send(p->a.sctp, 1, actr__bytes("x", 1), NULL), 0);
		actr__loop_advance(p->loop, 0);
		assert_int_equal(actr__sctp_send(p->a.sctp, 1, actr__bytes("y", 1), NULL), 0);
		/* Earlier ones are not acknowledged yet; still it does not wait for that. */
		actr__loop_advance(p->loop, DELAY_MS);
		assert_int_equal(p->b.messages, 2 * (i + 1));
	}
}

static void messages_survive_loss_in_order(void **st)
{
	struct pipe *p = *st;
	struct actr__sctp_stats stats;

	connect_ends(p);
	p->loss_percent = 5;
	send_all(p, 0, 2000, 3000, 300000);
	assert_int_equal(p->b.messages, 2000);
	assert_int_equal(p->b.out_of_order, 0);
	assert_int_equal(p->b.bytes, 2000u * 3000u);
	actr__sctp_stats(p->a.sctp, &stats);
	assert_true(stats.retransmits > 100 && stats.retransmits < 4000);
	assert_false(p->a.down || p->b.down);
}

static void the_handshake_survives_loss(void **st)
{
	struct pipe *p = *st;

	p->loss_percent = 40;
	connect_ends(p);
}

static void lane_3_gives_up_on_lost_messages_and_goes_on(void **st)
{
	struct pipe *p = *st;

	connect_ends(p);
	p->loss_percent = 60;
	for (unsigned i = 0; i < 300; i++) {
		(void)actr__sctp_send(p->a.sctp, 3, actr__bytes("0123456789", 10), NULL);
		actr__loop_advance(p->loop, 20);
	}
	p->loss_percent = 0;
	actr__loop_advance(p->loop, 20000);
	assert_false(p->a.down || p->b.down);
	assert_true(p->b.lane_messages[3] > 100);
	assert_true(p->b.lane_messages[3] < 300);
	p->b.messages = 0;
	send_all(p, 0, 10, 2000, 5000);
	assert_int_equal(p->b.messages, 10);
}

static void large_partial_messages_under_loss_do_not_abort(void **st)
{
	struct pipe *p = *st;
	static uint8_t data[30000];

	connect_ends(p);
	p->loss_percent = 20;
	for (unsigned i = 0; i < 300; i++) {
		(void)actr__sctp_send(p->a.sctp, 3, actr__bytes(data, sizeof data), NULL);
		actr__loop_advance(p->loop, 50);
	}
	p->loss_percent = 0;
	actr__loop_advance(p->loop, 60000);
	assert_false(p->a.down || p->b.down);
	p->b.messages = 0;
	send_all(p, 0, 10, 2000, 5000);
	assert_int_equal(p->b.messages, 10);
}

static void a_dead_link_of_a_minute_is_survived_and_used_within_seconds(void **st)
{
	struct pipe *p = *st;

	connect_ends(p);
	p->is_cut = true;
	assert_int_equal(actr__sctp_send(p->a.sctp, 0, actr__bytes("wait", 4), NULL), 0);
	actr__loop_advance(p->loop, 60000);
	assert_int_equal(p->b.messages, 0);
	assert_false(p->a.down);
	p->is_cut = false;
	actr__loop_advance(p->loop, 3000);
	assert_int_equal(p->b.messages, 1);
}

static void a_full_buffer_refuses_and_tells_when_there_is_room(void **st)
{
	struct pipe *p = *st;
	static uint8_t data[60000];
	unsigned taken = 0;

	connect_ends(p);
	while (actr__sctp_send(p->a.sctp, 0, actr__bytes(data, sizeof data), NULL) == 0)
		assert_true(++taken < 1000);
	assert_int_equal(actr__sctp_send(p->a.sctp, 0, actr__bytes(data, 10), NULL),
			 ACTR_E_WOULD_BLOCK);
	assert_true(actr__sctp_buffered(p->a.sctp) > 500000);
	actr__loop_advance(p->loop, 5000);
	assert_int_equal(p->a.writable, 1);
	assert_int_equal(p->b.messages, taken);
	assert_int_equal(actr__sctp_buffered(p->a.sctp), 0);
}

static void freeing_one_side_tells_the_other(void **st)
{
	struct pipe *p = *st;

	connect_ends(p);
	p->a.sctp = actr__sctp_free(p->a.sctp);
	actr__loop_advance(p->loop, 100);
	assert_true(p->b.down);
}

static void garbage_packets_change_nothing(void **st)
{
	struct pipe *p = *st;
	uint8_t packet[300];

	connect_ends(p);
	for (size_t size = 0; size < sizeof packet; size++) {
		for (size_t i = 0; i < size; i++)
			packet[i] = (uint8_t)dice(p);
		actr__sctp_input(p->b.sctp, packet, size);
		actr__loop_advance(p->loop, 1);
	}
	assert_false(p->b.down);
	send_all(p, 0, 3, 100, 1000);
	assert_int_equal(p->b.messages, 3);
}

/* As another implementation may send it. */
static void send_raw(struct end *from, uint16_t stream, uint32_t ppid, const void *data,
		     size_t size)
{
	struct sctp_sndinfo info = {.snd_sid = stream, .snd_ppid = htonl(ppid)};

	assert_int_equal(usrsctp_sendv(from->sctp->socket, data, size, NULL, 0, &info, sizeof info,
				       SCTP_SENDV_SNDINFO, 0),
			 size);
	actr__loop_advance(from->pipe->loop, 500);
}

static void channels_opened_in_band_and_texts_and_empty_messages_are_understood(void **st)
{
	static const uint8_t dcep_open[] = {3, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 'x'};
	struct pipe *p = *st;
	struct actr__sctp_stats stats;

	connect_ends(p);
	send_raw(&p->a, 1, 50, dcep_open, sizeof dcep_open);
	assert_int_equal(p->b.dcep_acks, 1);
	assert_int_equal(p->b.messages, 0);
	assert_int_equal(p->a.messages, 0); /* the answer is no message either */
	send_raw(&p->a, 1, 51, "text", 4);
	assert_int_equal(p->b.lane_messages[1], 1);
	assert_memory_equal(p->b.last, "text", 4);
	send_raw(&p->a, 2, 57, "", 1);
	assert_int_equal(p->b.lane_messages[2], 1);
	assert_int_equal(p->b.last_size, 0);
	send_raw(&p->a, 7, 53, "no lane", 7);
	send_raw(&p->a, 0, 99, "no known use", 12);
	assert_int_equal(p->b.messages, 2);
	actr__sctp_stats(p->b.sctp, &stats);
	assert_int_equal(stats.dropped, 2);
	assert_int_equal(p->a.dcep_acks, 0);
	assert_false(p->a.down || p->b.down);
}

static void a_message_over_the_limit_is_dropped_and_counted(void **st)
{
	static uint8_t big[70000];
	struct pipe *p = *st;
	struct actr__sctp_stats stats;

	connect_ends(p);
	send_raw(&p->a, 0, 53, big, sizeof big);
	assert_int_equal(p->b.messages, 0);
	actr__sctp_stats(p->b.sctp, &stats);
	assert_int_equal(stats.dropped, 1);
	send_raw(&p->a, 0, 53, big, 65535);
	assert_int_equal(p->b.messages, 1);
}

static void an_idle_association_wakes_the_loop_once_a_second(void **st)
{
	struct pipe *p = *st;
	unsigned wakes = 0;
	uint64_t until;

	connect_ends(p);
	send_all(p, 0, 3, 100, 1000);
	actr__loop_advance(p->loop, 2000);
	until = actr__loop_now_ms(p->loop) + 10000;
	while (actr__loop_now_ms(p->loop) < until && actr__loop_advance_to_next(p->loop))
		wakes++;
	/* Heartbeats, every 15 s or so, bring the fine tick back for half a second. */
	assert_true(wakes < 300);
}

static void crc32c_by_instruction_and_by_table_agree(void **st)
{
	uint8_t data[100];

	(void)st;
	/* RFC 3720 B.4: 32 bytes of zeroes, and 0 to 31. */
	memset(data, 0, sizeof data);
	assert_true(actr__crc32c(data, 32) == 0x8a9136aa);
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)i;
	assert_true(actr__crc32c(data, 32) == 0x46dd794e);
	for (size_t size = 0; size <= sizeof data; size++)
		assert_true(actr__crc32c(data, size) == actr__crc32c_portable(data, size));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_of_one_turn_share_packets),
		TEST(a_lone_message_leaves_in_its_turn),
		TEST(messages_survive_loss_in_order),
		TEST(the_handshake_survives_loss),
		TEST(lane_3_gives_up_on_lost_messages_and_goes_on),
		TEST(large_partial_messages_under_loss_do_not_abort),
		TEST(a_dead_link_of_a_minute_is_survived_and_used_within_seconds),
		TEST(a_full_buffer_refuses_and_tells_when_there_is_room),
		TEST(freeing_one_side_tells_the_other),
		TEST(garbage_packets_change_nothing),
		TEST(channels_opened_in_band_and_texts_and_empty_messages_are_understood),
		TEST(a_message_over_the_limit_is_dropped_and_counted),
		TEST(an_idle_association_wakes_the_loop_once_a_second),
		cmocka_unit_test(crc32c_by_instruction_and_by_table_agree),
	};

	return cmocka_run_group_tests_name("sctp", tests, NULL, NULL);
}
