#include "server_stun.h"
#include "stun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#define DATAGRAMS_PER_TURN 64
#define DATAGRAM_MAX	   1500

static void on_ready(struct actr__io *io, unsigned events)
{
	struct stun_socket *stun = container_of(io, struct stun_socket, io);

	(void)events;
	for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
		uint8_t in[DATAGRAM_MAX], out[STUN_ANSWER_MAX];
		struct sockaddr_storage from;
		socklen_t from_size = sizeof from;
		ssize_t size = recvfrom(stun->fd, in, sizeof in, 0, (void *)&from, &from_size);
		size_t answer;

		if (size < 0)
			return;
		answer = stun_answer(actr__bytes(in, (size_t)size), (const void *)&from, out);
		/* A datagram that is lost here is asked for again (RFC 8489 6.2.1). */
		if (answer && sendto(stun->fd, out, answer, 0, (void *)&from, from_size) >= 0)
			stun->answered++;
	}
}

static socklen_t make_address(const char *host, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;

	*out = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof *v4;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return 0;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return sizeof *v6;
}

static int try_open(struct stun_socket *stun, const char *host, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t size = make_address(host, port, &address);

	if (!size)
		return -EINVAL;
	stun->fd = socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (stun->fd < 0 || bind(stun->fd, (void *)&address, size) < 0)
		return -errno;
	stun->io = (struct actr__io){.on_ready = on_ready, .fd = stun->fd};
	return actr__io_start(stun->loop, &stun->io, ACTR__IO_READ, NULL) < 0 ? -ENOMEM : 0;
}

void stun_socket_open(struct stun_socket *stun, struct actr__loop *loop, const char *host,
		      uint16_t port)
{
	int rc;

	*stun = (struct stun_socket){.loop = loop, .fd = -1};
	rc = try_open(stun, host, port);
	if (rc < 0) {
		ACTR_WARN(0, "stun", "event=no_stun error=\"%s\"", strerror(-rc));
		stun_socket_close(stun);
	}
}

void stun_socket_close(struct stun_socket *stun)
{
	if (stun->fd < 0)
		return;
	if (stun->io.handle)
		actr__io_stop(stun->loop, &stun->io);
	close(stun->fd);
	stun->fd = -1;
}
