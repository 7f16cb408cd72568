/*
 * Our own UDP socket beside libnice's, on the same local address. Loop thread only.
 */
#ifndef ACTR_WEBRTC_UDP_INTERNAL_H
#define ACTR_WEBRTC_UDP_INTERNAL_H

#include "loop/loop.h"
#include "wire/webrtc/addr_internal.h"

struct actr__udp;
struct actr__udp_buffers; /* to receive into; one for all sockets of a loop */

struct actr__udp_buffers *actr__udp_buffers_new(void);
struct actr__udp_buffers *actr__udp_buffers_free(struct actr__udp_buffers *buffers);

/* Neither may close the socket before it returns. */
struct actr__udp_events {
	/* From the remote address; borrowed and writable. */
	void (*on_datagram)(void *owner, uint8_t *data, size_t size);
	/* After the last one that was there. */
	void (*on_drained)(void *owner);
};

struct actr__udp_counters {
	uint64_t foreign; /* from another address than the remote one */
	uint64_t refused; /* by the system, when sending */
};

/*
 * `local` is bound by a socket that has SO_REUSEPORT; datagrams whose first byte is 20 or more come
 * here from now on, all others stay there. Fails without a trace when the system lacks anything.
 */
int actr__udp_open(struct actr__loop *loop, struct actr__udp_buffers *buffers,
		   const union actr__addr *local, const union actr__addr *remote,
		   const struct actr__udp_events *events, void *owner, struct actr__udp **ret,
		   actr_error *err);
struct actr__udp *actr__udp_close(struct actr__udp *udp);
/* Datagrams one behind the other. Returns how many the system took. */
size_t actr__udp_send(struct actr__udp *udp, uint8_t *data, const uint16_t *sizes, size_t count);
bool actr__udp_has_gso(const struct actr__udp *udp);
struct actr__udp_counters actr__udp_counters(const struct actr__udp *udp);

#endif
