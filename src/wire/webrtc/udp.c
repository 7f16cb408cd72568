/*
 * The data path's socket.
 *
 * libnice keeps its socket for STUN; ours is bound to the same address and port, and a filter on
 * the reuseport group looks at the first byte (RFC 7983 7): below 20 goes to libnice's socket, the
 * group's first, everything else comes here. Relayed pairs stay with libnice, since TURN's
 * ChannelData begins at 64.
 *
 * Ours is not connected: a connected socket would win the kernel's lookup before the filter runs,
 * and swallow the STUN messages. So the sender of each datagram is compared here.
 *
 * Out: runs of equal size leave as one system call (UDP_SEGMENT); in: the kernel hands over runs
 * (UDP_GRO). Measured: 18 times less kernel time than a call a datagram.
 */
#include "wire/webrtc/udp_internal.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <unistd.h>

#define SOCKET_BUFFER (4 << 20) /* bytes; a burst of a whole window must fit */
#define SLOTS	      8u
#define SLOT_SIZE     65536u
#define ROUNDS	      4u     /* of SLOTS in one turn, then others have theirs */
#define SEGMENTS_MAX  64u    /* UDP_MAX_SEGMENTS */
#define RUN_MAX	      65000u /* bytes of one call: an IP packet with its headers */
#define SEGMENT_SAFE  1232u  /* bytes; fits every path of IPv6 (RFC 8200 5) */

struct actr__udp_buffers {
	uint8_t data[SLOTS][SLOT_SIZE];
	struct mmsghdr headers[SLOTS];
	struct iovec vectors[SLOTS];
	union actr__addr names[SLOTS];
	_Alignas(struct cmsghdr) char controls[SLOTS][CMSG_SPACE(sizeof(int))];
};

struct actr__udp {
	struct actr__loop *loop;
	struct actr__udp_buffers *buffers;
	const struct actr__udp_events *events;
	void *owner;
	struct actr__io io;
	union actr__addr remote;
	size_t segment_max; /* of runs, larger ones leave one by one; 0: there are none */
	struct actr__udp_counters counters;
};

struct actr__udp_buffers *actr__udp_buffers_new(void)
{
	return actr__alloc(sizeof(struct actr__udp_buffers));
}

struct actr__udp_buffers *actr__udp_buffers_free(struct actr__udp_buffers *buffers)
{
	actr__free(buffers);
	return NULL;
}

/* --- receiving --- */

static void prepare(struct actr__udp_buffers *b)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		b->vectors[i] = (struct iovec){b->data[i], SLOT_SIZE};
		b->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &b->names[i],
			.msg_namelen = sizeof b->names[i],
			.msg_iov = &b->vectors[i],
			.msg_iovlen = 1,
			.msg_control = b->controls[i],
			.msg_controllen = sizeof b->controls[i],
		};
	}
}

/* Size of the datagrams that the kernel put together; `size` when it is one. */
static size_t segment_size(struct msghdr *header, size_t size)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		int segment;

		if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&segment, CMSG_DATA(c), sizeof segment);
		return segment > 0 && (size_t)segment < size ? (size_t)segment : size;
	}
	return size;
}

static void deliver(struct actr__udp *udp, unsigned slot)
{
	struct actr__udp_buffers *b = udp->buffers;
	size_t size = b->headers[slot].msg_len;
	size_t segment = segment_size(&b->headers[slot].msg_hdr, size);

	if (!actr__addr_equal(&b->names[slot], &udp->remote)) {
		udp->counters.foreign++;
		return;
	}
	for (size_t at = 0; at < size; at += segment)
		udp->events->on_datagram(udp->owner, b->data[slot] + at,
					 size - at < segment ? size - at : segment);
}

static void on_ready(struct actr__io *io, unsigned events)
{
	struct actr__udp *udp = container_of(io, struct actr__udp, io);
	int count = SLOTS;

	(void)events;
	for (unsigned round = 0; round < ROUNDS && count == SLOTS; round++) {
		prepare(udp->buffers);
		count = recvmmsg(io->fd, udp->buffers->headers, SLOTS, MSG_DONTWAIT, NULL);
		for (int i = 0; i < count; i++)
			deliver(udp, (unsigned)i);
	}
	udp->events->on_drained(udp->owner);
}

/* --- sending --- */

static bool send_run(struct actr__udp *udp, uint8_t *data, size_t size, size_t segment)
{
	struct iovec vector = {data, size};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
	struct msghdr header = {.msg_name = &udp->remote,
				.msg_namelen = actr__addr_size(&udp->remote),
				.msg_iov = &vector,
				.msg_iovlen = 1};

	if (size > segment) {
		uint16_t segment16 = (uint16_t)segment;
		struct cmsghdr *c;

		header.msg_control = control;
		header.msg_controllen = sizeof control;
		c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof segment16);
		memcpy(CMSG_DATA(c), &segment16, sizeof segment16);
	}
	for (;;) {
		if (sendmsg(udp->io.fd, &header, MSG_NOSIGNAL) >= 0)
			return true;
		if (errno != EINTR)
			return false;
	}
}

/* Equal sizes, the last one may be smaller (UDP_SEGMENT's rule). Returns how many make one call. */
static size_t run_length(const struct actr__udp *udp, const uint16_t *sizes, size_t count,
			 size_t *ret_size)
{
	size_t n = 1, size = sizes[0];

	while (sizes[0] <= udp->segment_max && n < count && n < SEGMENTS_MAX &&
	       sizes[n - 1] == sizes[0] && sizes[n] <= sizes[0] && size + sizes[n] <= RUN_MAX)
		size += sizes[n++];
	*ret_size = size;
	return n;
}

/*
 * A run was refused: segments above the path's MTU (EINVAL, EMSGSIZE), or a device that cannot
 * segment at all (EIO). False when that was not it.
 */
static bool limit_runs(struct actr__udp *udp, size_t segment)
{
	if (errno != EIO && errno != EINVAL && errno != EMSGSIZE)
		return false;
	udp->segment_max = segment > SEGMENT_SAFE && errno != EIO ? SEGMENT_SAFE : 0;
	return true;
}

size_t actr__udp_send(struct actr__udp *udp, uint8_t *data, const uint16_t *sizes, size_t count)
{
	size_t sent = 0, skipped = 0;

	while (sent < count) {
		size_t size, n = run_length(udp, sizes + sent, count - sent, &size);

		if (!send_run(udp, data, size, sizes[sent])) {
			if (n > 1 && limit_runs(udp, sizes[sent]))
				continue;
			if (errno != EMSGSIZE) {
				udp->counters.refused += count - sent;
				return sent - skipped;
			}
			skipped++; /* one that is too large by itself: media toward the original */
			udp->counters.refused++;
		}
		data += size;
		sent += n;
	}
	return sent - skipped;
}

/* --- life --- */

static bool attach_filter(int fd)
{
	struct sock_filter code[] = {
		{BPF_LD | BPF_B | BPF_ABS, 0, 0, 0},   /* first byte of the payload */
		{BPF_JMP | BPF_JGE | BPF_K, 0, 1, 20}, /* RFC 7983: 0 to 3 is STUN */
		{BPF_RET | BPF_K, 0, 0, 1},	       /* ours, the second of the group */
		{BPF_RET | BPF_K, 0, 0, 0},
	};
	struct sock_fprog program = {ARRAY_SIZE(code), code};

	return !setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
}

/* An fd, or -1 with errno. */
static int open_socket(const union actr__addr *local, bool *ret_has_gso)
{
	int fd = socket(local->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, buffer = SOCKET_BUFFER, segment = 0;

	if (fd < 0)
		return -1;
	/* Best effort: the system's limit may be lower, and GRO may be missing. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	(void)setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on);
	*ret_has_gso = !setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0 ||
	    (local->sa.sa_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
	    bind(fd, &local->sa, actr__addr_size(local)) < 0 || !attach_filter(fd)) {
		int os = errno;

		close(fd);
		errno = os;
		return -1;
	}
	return fd;
}

int actr__udp_open(struct actr__loop *loop, struct actr__udp_buffers *buffers,
		   const union actr__addr *local, const union actr__addr *remote,
		   const struct actr__udp_events *events, void *owner, struct actr__udp **ret,
		   actr_error *err)
{
	struct actr__udp *udp = actr__new0(struct actr__udp);
	bool has_gso = false;
	int rc;

	if (!udp)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a data socket");
	udp->loop = loop;
	udp->buffers = buffers;
	udp->events = events;
	udp->owner = owner;
	udp->remote = *remote;
	udp->io.on_ready = on_ready;
	udp->io.fd = open_socket(local, &has_gso);
	udp->segment_max = has_gso ? UINT16_MAX : 0;
	if (udp->io.fd < 0) {
		rc = ACTR_FAIL_ERRNO(err, ACTR_E_IO, errno, "cannot make a data socket");
		actr__free(udp);
		return rc;
	}
	rc = actr__io_start(loop, &udp->io, ACTR__IO_READ, err);
	if (rc < 0) {
		close(udp->io.fd);
		actr__free(udp);
		return rc;
	}
	*ret = udp;
	return 0;
}

struct actr__udp *actr__udp_close(struct actr__udp *udp)
{
	if (!udp)
		return NULL;
	actr__io_stop(udp->loop, &udp->io);
	close(udp->io.fd);
	actr__free(udp);
	return NULL;
}

bool actr__udp_has_gso(const struct actr__udp *udp)
{
	return udp->segment_max > 0;
}

struct actr__udp_counters actr__udp_counters(const struct actr__udp *udp)
{
	return udp->counters;
}
