/* IP addresses with a port, as the rooms of this folder pass them about. No state. */
#ifndef ACTR_WEBRTC_ADDR_INTERNAL_H
#define ACTR_WEBRTC_ADDR_INTERNAL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/base.h"

#define ACTR__ADDR_TEXT_SIZE (INET6_ADDRSTRLEN + 8) /* "[ip]:port" */

union actr__addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* "192.0.2.1" or "2001:db8::1" without brackets; false for anything else, names included. */
bool actr__addr_parse(actr_bytes ip, uint16_t port, union actr__addr *ret);
/* The IP alone, and "ip:port" with brackets for IPv6. Return out. */
char *actr__addr_ip(const union actr__addr *addr, char out[ACTR__ADDR_TEXT_SIZE]);
char *actr__addr_format(const union actr__addr *addr, char out[ACTR__ADDR_TEXT_SIZE]);
uint16_t actr__addr_port(const union actr__addr *addr);
socklen_t actr__addr_size(const union actr__addr *addr);
/* Family, IP and port; flow label and scope do not count. */
bool actr__addr_equal(const union actr__addr *a, const union actr__addr *b);

enum actr__addr_kind {
	ACTR__ADDR_UNICAST,
	ACTR__ADDR_UNSPECIFIED,
	ACTR__ADDR_LOOPBACK,
	ACTR__ADDR_LINK_LOCAL, /* RFC 3927 169.254/16, RFC 4291 fe80::/10 */
	ACTR__ADDR_MULTICAST,  /* and broadcast */
};
enum actr__addr_kind actr__addr_classify(const union actr__addr *addr);

#endif
