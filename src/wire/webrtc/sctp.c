/*
 * One SCTP association and its four lanes.
 *
 * Messages of one turn share packets. usrsctp is told to delay small messages while others are on
 * the way (Nagle), and the turn's last message is held back here until the turn ends; it is then
 * handed over with the delay switched off, so that it takes along all that waits. A lone message
 * leaves in its turn at once. Measured against NODELAY alone: 1.6 times the small messages.
 *
 * usrsctp calls back with its locks held (upcall, on_output): those only note the fact and queue
 * the end of the turn. There, in this order: messages are taken out, the held message goes in,
 * packets go to the owner, who encrypts them as one batch. Of many messages some are taken at a
 * time, so that the peer has answers to work on meanwhile: taking all made both sides wait for each
 * other, and half as many calls with 128 outstanding.
 *
 * Streams are the lanes: ids 0 to 3 are ready before SCTP connects (reference.md 4.4). A peer that
 * opens them in-band (DCEP, RFC 8832) is answered; other ids are ignored.
 */
#include "wire/webrtc/sctp_internal.h"

#include <usrsctp.h>

#define SCTP_PORT      5000
#define SEND_BUFFER    (1u << 20)
#define RECEIVE_BUFFER (2u << 20)
/* Stream lanes leave a quarter of the send buffer to calls. */
#define SEND_BUFFER_STREAMS (SEND_BUFFER / 4 * 3)
#define OUT_MAX		    (8u << 20)
#define STREAMS_OUT	    16
#define STREAMS_IN	    64 /* others ask for 65,535, each costs memory */
#define LANE_3_RETRANSMITS  3
#define TAKEN_AT_ONCE	    16 /* messages; see above */
#define BURST_MAX	    16 /* packets at once; a relay's socket buffer holds some 90 */
/* Not named by usrsctp.h, but there since 0.9.3: bytes in the send queue. */
#define GET_SNDBUF_USE 0x00001101

struct sndbuf_use {
	sctp_assoc_t association;
	uint32_t total_sndbuf, total_recvbuf;
};

enum ppid { /* RFC 8831 8 */
	    PPID_DCEP = 50,
	    PPID_STRING = 51,
	    PPID_BINARY = 53,
	    PPID_STRING_EMPTY = 56,
	    PPID_BINARY_EMPTY = 57,
};

enum { DCEP_ACK = 2, DCEP_OPEN = 3 }; /* RFC 8832 8.2.1 */

/* --- sending --- */

static void set_delay(struct actr__sctp *sctp, bool delay)
{
	uint32_t nodelay = !delay;

	if (sctp->is_delaying == delay)
		return;
	sctp->is_delaying = delay;
	(void)usrsctp_setsockopt(sctp->socket, IPPROTO_SCTP, SCTP_NODELAY, &nodelay,
				 sizeof nodelay);
}

/* 0, or ACTR_E_WOULD_BLOCK, or ACTR_E_CLOSED. */
static int give(struct actr__sctp *sctp, unsigned stream, uint32_t ppid, const void *data,
		size_t size, bool is_partial)
{
	struct sctp_sendv_spa spa = {.sendv_flags = SCTP_SEND_SNDINFO_VALID};
	ssize_t rc;

	spa.sendv_sndinfo.snd_sid = (uint16_t)stream;
	spa.sendv_sndinfo.snd_ppid = htonl(ppid);
	spa.sendv_sndinfo.snd_flags = SCTP_EOR;
	if (is_partial) {
		spa.sendv_sndinfo.snd_flags |= SCTP_UNORDERED;
		spa.sendv_flags |= SCTP_SEND_PRINFO_VALID;
		spa.sendv_prinfo.pr_policy = SCTP_PR_SCTP_RTX;
		spa.sendv_prinfo.pr_value = LANE_3_RETRANSMITS;
	}
	rc = usrsctp_sendv(sctp->socket, data, size, NULL, 0, &spa, sizeof spa, SCTP_SENDV_SPA, 0);
	if (rc >= 0)
		return 0;
	return errno == EWOULDBLOCK || errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM
		       ? ACTR_E_WOULD_BLOCK
		       : ACTR_E_CLOSED;
}

static int give_held(struct actr__sctp *sctp, bool delay)
{
	int rc;

	if (!sctp->has_held)
		return 0;
	set_delay(sctp, delay);
	rc = give(sctp, sctp->held_lane, PPID_BINARY, sctp->held.data, sctp->held.size,
		  sctp->held_lane == ACTR_LANE_STREAM_LATENCY_FIRST);
	if (rc != ACTR_E_WOULD_BLOCK)
		sctp->has_held = false; /* taken, or the association is gone */
	return rc;
}

static int refuse(struct actr__sctp *sctp, unsigned lane, actr_error *err)
{
	sctp->blocked |= 1u << lane;
	return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK, "the send buffer is full");
}

int actr__sctp_send(struct actr__sctp *sctp, unsigned lane, actr_bytes message, actr_error *err)
{
	size_t limit = actr__lane_is_rpc(lane) ? SEND_BUFFER : SEND_BUFFER_STREAMS;
	int rc;

	if (!sctp->is_up)
		return ACTR_FAIL(err, ACTR_E_CLOSED, "the association is not up");
	actr__sctp_stack_touch(sctp->stack);
	rc = give_held(sctp, true);
	if (rc == ACTR_E_WOULD_BLOCK)
		return refuse(sctp, lane, err);
	if (rc < 0)
		return ACTR_FAIL(err, rc, "the association is gone");
	if (limit < SEND_BUFFER && actr__sctp_buffered(sctp) + message.size > limit)
		return refuse(sctp, lane, err);
	actr__buf_clear(&sctp->held);
	sctp->held.failed = 0;
	rc = actr__buf_append(&sctp->held, message.data, message.size);
	if (rc < 0)
		return ACTR_FAIL(err, rc, "cannot copy a message of %zu bytes", message.size);
	sctp->has_held = true;
	sctp->held_lane = lane;
	sctp->stats.messages_sent++;
	sctp->stats.bytes_sent += message.size;
	actr__loop_defer(actr__sctp_stack_loop(sctp->stack), &sctp->turn_end);
	return 0;
}

size_t actr__sctp_buffered(const struct actr__sctp *sctp)
{
	struct sndbuf_use use = {0};
	socklen_t size = sizeof use;
	size_t held = sctp->has_held ? sctp->held.size : 0;

	if (!sctp->socket ||
	    usrsctp_getsockopt(sctp->socket, IPPROTO_SCTP, GET_SNDBUF_USE, &use, &size) < 0)
		return held;
	return held + use.total_sndbuf;
}

/* --- receiving --- */

static void go_down(struct actr__sctp *sctp, const char *what)
{
	actr_error why = ACTR_ERROR_INIT;

	if (sctp->is_down)
		return;
	sctp->is_down = true;
	sctp->is_up = false;
	(void)ACTR_FAIL(&why, ACTR_E_CLOSED, "SCTP association %s", what);
	sctp->events->on_down(sctp->owner, &why);
}

static void on_notification(struct actr__sctp *sctp, const uint8_t *data, size_t size)
{
	struct sctp_assoc_change change;

	if (size < sizeof change)
		return;
	memcpy(&change, data, sizeof change);
	if (change.sac_type != SCTP_ASSOC_CHANGE)
		return;
	switch (change.sac_state) {
	case SCTP_COMM_UP:
		if (!sctp->is_up && !sctp->is_down) {
			sctp->is_up = true;
			sctp->events->on_up(sctp->owner);
		}
		break;
	case SCTP_COMM_LOST:
		go_down(sctp, "aborted by the peer");
		break;
	case SCTP_SHUTDOWN_COMP:
		go_down(sctp, "shut down by the peer");
		break;
	case SCTP_CANT_STR_ASSOC:
		go_down(sctp, "refused by the peer");
		break;
	default:
		break;
	}
}

static void on_dcep(struct actr__sctp *sctp, unsigned stream, const uint8_t *data, size_t size)
{
	static const uint8_t ack = DCEP_ACK;

	/* A lost answer is harmless: the channel carries data without it. */
	if (size && data[0] == DCEP_OPEN)
		(void)give(sctp, stream, PPID_DCEP, &ack, sizeof ack, false);
}

static void deliver(struct actr__sctp *sctp, unsigned lane, const uint8_t *data, size_t size)
{
	struct actr__msg *msg = actr__msg_new(size, lane);

	if (!msg) {
		sctp->stats.dropped++;
		return;
	}
	memcpy(msg->data, data, size);
	sctp->stats.messages_received++;
	sctp->stats.bytes_received += size;
	sctp->events->on_message(sctp->owner, msg);
}

static void on_data(struct actr__sctp *sctp, const struct sctp_rcvinfo *info, const uint8_t *data,
		    size_t size)
{
	uint32_t ppid = ntohl(info->rcv_ppid);

	if (info->rcv_sid >= ACTR__SCTP_LANES)
		sctp->stats.dropped++;
	else if (ppid == PPID_DCEP)
		on_dcep(sctp, info->rcv_sid, data, size);
	else if (ppid == PPID_BINARY || ppid == PPID_STRING)
		deliver(sctp, info->rcv_sid, data, size);
	else if (ppid == PPID_BINARY_EMPTY || ppid == PPID_STRING_EMPTY)
		deliver(sctp, info->rcv_sid, data, 0);
	else
		sctp->stats.dropped++;
}

/* A piece of a message: usrsctp hands out the whole unless its receive buffer is nearly full. */
static void on_piece(struct actr__sctp *sctp, const struct sctp_rcvinfo *info, const uint8_t *data,
		     size_t size, bool is_last)
{
	if (!sctp->discarding && is_last && !sctp->part.size) {
		if (size <= ACTR__MESSAGE_MAX)
			on_data(sctp, info, data, size);
		else
			sctp->stats.dropped++;
		return;
	}
	if (!sctp->discarding && actr__buf_append(&sctp->part, data, size) < 0)
		sctp->discarding = true;
	if (!is_last)
		return;
	if (sctp->discarding)
		sctp->stats.dropped++;
	else
		on_data(sctp, info, sctp->part.data, sctp->part.size);
	sctp->discarding = false;
	actr__buf_done(&sctp->part);
	actr__buf_init(&sctp->part, ACTR__MESSAGE_MAX);
}

/* False when there is nothing more. */
static bool take_one(struct actr__sctp *sctp)
{
	struct sctp_rcvinfo info = {0};
	socklen_t info_size = sizeof info;
	unsigned info_type = 0;
	int flags = 0;
	size_t room;
	uint8_t *data = actr__sctp_stack_scratch(sctp->stack, &room);
	ssize_t size = usrsctp_recvv(sctp->socket, data, room, NULL, NULL, &info, &info_size,
				     &info_type, &flags);

	if (size < 0) {
		if (errno != EWOULDBLOCK && errno != EAGAIN)
			go_down(sctp, "lost");
		return false;
	}
	if (flags & MSG_NOTIFICATION)
		on_notification(sctp, data, (size_t)size);
	else if (size > 0 && info_type == SCTP_RECVV_RCVINFO)
		on_piece(sctp, &info, data, (size_t)size, flags & MSG_EOR);
	else if (size == 0)
		go_down(sctp, "closed by the peer");
	return size > 0;
}

static void tell_writable(struct actr__sctp *sctp)
{
	unsigned blocked = sctp->blocked;

	if (!blocked || !sctp->is_up || actr__sctp_buffered(sctp) > SEND_BUFFER / 2)
		return;
	sctp->blocked = 0;
	for (unsigned lane = 0; lane < ACTR__SCTP_LANES; lane++)
		if (blocked & 1u << lane && sctp->is_up)
			sctp->events->on_writable(sctp->owner, lane);
}

/* --- the end of a turn --- */

static void push_packets(struct actr__sctp *sctp)
{
	size_t at = 0;

	if (!sctp->out.size)
		return;
	while (at < sctp->out.size) {
		uint16_t size;

		memcpy(&size, sctp->out.data + at, sizeof size);
		at += sizeof size;
		sctp->events->on_packet(sctp->owner, sctp->out.data + at, size);
		at += size;
	}
	actr__sctp_stack_return(sctp->stack, &sctp->out);
	sctp->events->on_flush(sctp->owner);
}

/* The rest of a long queue waits until the answers to these are on their way. */
static void take_some(struct actr__sctp *sctp)
{
	sctp->has_input = false;
	for (unsigned i = 0; !sctp->is_down && take_one(sctp);)
		if (++i == TAKEN_AT_ONCE) {
			sctp->has_input = true;
			actr__loop_defer(actr__sctp_stack_loop(sctp->stack), &sctp->turn_end);
			return;
		}
}

static void on_turn_end(struct actr__deferred *deferred)
{
	struct actr__sctp *sctp = container_of(deferred, struct actr__sctp, turn_end);

	if (sctp->has_input && sctp->socket) {
		take_some(sctp);
		tell_writable(sctp);
	}
	if (sctp->is_up)
		(void)give_held(sctp,
				false); /* what is refused stays held; the next SACK comes here */
	push_packets(sctp);
}

/* usrsctp's locks are held. */
static void on_upcall(struct socket *socket, void *user, int flags)
{
	struct actr__sctp *sctp = user;

	(void)socket;
	(void)flags;
	sctp->has_input = true;
	actr__loop_defer(actr__sctp_stack_loop(sctp->stack), &sctp->turn_end);
}

void actr__sctp_input(struct actr__sctp *sctp, const uint8_t *packet, size_t size)
{
	if (!sctp->socket || sctp->is_down)
		return;
	sctp->stats.packets_received++;
	actr__sctp_stack_touch(sctp->stack);
	usrsctp_conninput((void *)(uintptr_t)sctp->id, packet, size, 0);
}

/* --- life --- */

static int set_option(struct actr__sctp *sctp, int level, int name, const void *value, size_t size)
{
	return usrsctp_setsockopt(sctp->socket, level, name, value, (socklen_t)size);
}

static int set_options(struct actr__sctp *sctp)
{
	/* Closing means ABORT: no association lingers. */
	struct linger linger = {1, 0};
	struct sctp_event event = {
		.se_assoc_id = SCTP_ALL_ASSOC, .se_type = SCTP_ASSOC_CHANGE, .se_on = 1};
	struct sctp_assoc_value reset = {SCTP_ALL_ASSOC, SCTP_ENABLE_RESET_STREAM_REQ |
								 SCTP_ENABLE_CHANGE_ASSOC_REQ};
	struct sctp_initmsg init = {.sinit_num_ostreams = STREAMS_OUT,
				    .sinit_max_instreams = STREAMS_IN};
	uint32_t on = 1;
	int send = SEND_BUFFER, receive = RECEIVE_BUFFER;

	sctp->is_delaying = true;
	if (set_option(sctp, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0 ||
	    set_option(sctp, SOL_SOCKET, SO_SNDBUF, &send, sizeof send) < 0 ||
	    set_option(sctp, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive) < 0 ||
	    set_option(sctp, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on) < 0 ||
	    set_option(sctp, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof event) < 0 ||
	    set_option(sctp, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &reset, sizeof reset) < 0 ||
	    set_option(sctp, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init) < 0)
		return -1;
	on = 0; /* NODELAY off is usrsctp's Nagle on */
	return set_option(sctp, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
}

static struct sockaddr_conn address_of(const struct actr__sctp *sctp)
{
	return (struct sockaddr_conn){.sconn_family = AF_CONN,
				      .sconn_port = htons(SCTP_PORT),
				      .sconn_addr = (void *)(uintptr_t)sctp->id};
}

void actr__sctp_set_path(struct actr__sctp *sctp, bool is_local)
{
	struct sockaddr_conn address = address_of(sctp);
	struct sctp_paddrparams params = {.spp_flags = SPP_PMTUD_DISABLE,
					  .spp_pathmtu =
						  is_local ? ACTR__SCTP_MTU_LOCAL : ACTR__SCTP_MTU};
	struct sctp_assoc_value burst = {SCTP_CURRENT_ASSOC, is_local ? 0 : BURST_MAX};

	memcpy(&params.spp_address, &address, sizeof address);
	if (!sctp->socket)
		return;
	/* Best effort: usrsctp's own values work as well. */
	(void)set_option(sctp, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &params, sizeof params);
	(void)set_option(sctp, IPPROTO_SCTP, SCTP_MAX_BURST, &burst, sizeof burst);
}

/* Both sides bind and connect to the same number: a simultaneous INIT is SCTP's own business. */
static int connect_socket(struct actr__sctp *sctp)
{
	struct sockaddr_conn address = address_of(sctp);

	if (usrsctp_set_non_blocking(sctp->socket, 1) < 0 || set_options(sctp) < 0 ||
	    usrsctp_set_upcall(sctp->socket, on_upcall, sctp) < 0 ||
	    usrsctp_bind(sctp->socket, (struct sockaddr *)&address, sizeof address) < 0)
		return -1;
	if (usrsctp_connect(sctp->socket, (struct sockaddr *)&address, sizeof address) < 0 &&
	    errno != EINPROGRESS)
		return -1;
	actr__sctp_set_path(sctp, false);
	return 0;
}

int actr__sctp_new(struct actr__sctp_stack *stack, const struct actr__sctp_events *events,
		   void *owner, struct actr__sctp **ret, actr_error *err)
{
	struct actr__sctp *sctp = actr__new0(struct actr__sctp);

	if (!sctp)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make an SCTP association");
	sctp->stack = stack;
	sctp->events = events;
	sctp->owner = owner;
	actr__deferred_init(&sctp->turn_end, on_turn_end);
	actr__buf_init(&sctp->out, OUT_MAX);
	actr__buf_init(&sctp->held, ACTR__MESSAGE_MAX);
	actr__buf_init(&sctp->part, ACTR__MESSAGE_MAX);
	if (actr__sctp_stack_add(stack, sctp) < 0) {
		actr__free(sctp);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make an SCTP association");
	}
	sctp->socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	if (!sctp->socket || connect_socket(sctp) < 0) {
		int os = errno;

		(void)actr__sctp_free(sctp);
		return ACTR_FAIL_ERRNO(err, ACTR_E_INTERNAL, os, "cannot make an SCTP association");
	}
	*ret = sctp;
	return 0;
}

struct actr__sctp *actr__sctp_free(struct actr__sctp *sctp)
{
	if (!sctp)
		return NULL;
	sctp->is_down = true;
	sctp->is_up = false;
	if (sctp->socket) {
		(void)usrsctp_set_upcall(sctp->socket, NULL, NULL);
		usrsctp_close(sctp->socket);
		sctp->socket = NULL;
		push_packets(sctp); /* the ABORT */
	}
	actr__loop_cancel_deferred(&sctp->turn_end);
	actr__sctp_stack_remove(sctp->stack, sctp);
	actr__buf_done(&sctp->out);
	actr__buf_done(&sctp->held);
	actr__buf_done(&sctp->part);
	actr__free(sctp);
	return NULL;
}

bool actr__sctp_is_up(const struct actr__sctp *sctp)
{
	return sctp->is_up;
}

void actr__sctp_stats(const struct actr__sctp *sctp, struct actr__sctp_stats *ret)
{
	struct sctp_status status = {0};
	socklen_t size = sizeof status;

	*ret = sctp->stats;
	if (sctp->socket &&
	    !usrsctp_getsockopt(sctp->socket, IPPROTO_SCTP, SCTP_STATUS, &status, &size))
		ret->rtt_us = status.sstat_primary.spinfo_srtt * 1000;
}
