/* The UDP socket of the STUN responder. Loop thread only. */
#ifndef ACTRD_SERVER_STUN_H
#define ACTRD_SERVER_STUN_H

#include "loop/loop.h"

struct stun_socket {
	struct actr__io io;
	struct actr__loop *loop;
	int fd; /* -1: closed */
	uint64_t answered;
};

/* Without the port, or without UDP, there is a warning and no STUN. */
void stun_socket_open(struct stun_socket *stun, struct actr__loop *loop, const char *host,
		      uint16_t port);
/* Idempotent. */
void stun_socket_close(struct stun_socket *stun);

#endif
