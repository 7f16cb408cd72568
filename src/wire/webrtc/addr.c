#include "wire/webrtc/addr_internal.h"

#include <arpa/inet.h>
#include <stdio.h>

bool actr__addr_parse(actr_bytes ip, uint16_t port, union actr__addr *ret)
{
	char text[INET6_ADDRSTRLEN];
	union actr__addr addr = {0};

	if (!actr__copy_text(text, sizeof text, ip))
		return false;
	if (inet_pton(AF_INET, text, &addr.v4.sin_addr) == 1) {
		addr.v4.sin_family = AF_INET;
		addr.v4.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &addr.v6.sin6_addr) == 1) {
		addr.v6.sin6_family = AF_INET6;
		addr.v6.sin6_port = htons(port);
	} else {
		return false;
	}
	*ret = addr;
	return true;
}

char *actr__addr_ip(const union actr__addr *addr, char out[ACTR__ADDR_TEXT_SIZE])
{
	const void *ip = addr->sa.sa_family == AF_INET6 ? (const void *)&addr->v6.sin6_addr
							: (const void *)&addr->v4.sin_addr;

	if (!inet_ntop(addr->sa.sa_family, ip, out, ACTR__ADDR_TEXT_SIZE))
		(void)snprintf(out, ACTR__ADDR_TEXT_SIZE, "?");
	return out;
}

char *actr__addr_format(const union actr__addr *addr, char out[ACTR__ADDR_TEXT_SIZE])
{
	char ip[ACTR__ADDR_TEXT_SIZE];

	/* The array holds the longest IP, brackets and port: INET6_ADDRSTRLEN counts a 0 of its
	 * own. */
	(void)snprintf(out, ACTR__ADDR_TEXT_SIZE,
		       addr->sa.sa_family == AF_INET6 ? "[%.45s]:%u" : "%.45s:%u",
		       actr__addr_ip(addr, ip), (unsigned)actr__addr_port(addr));
	return out;
}

uint16_t actr__addr_port(const union actr__addr *addr)
{
	return ntohs(addr->sa.sa_family == AF_INET6 ? addr->v6.sin6_port : addr->v4.sin_port);
}

socklen_t actr__addr_size(const union actr__addr *addr)
{
	return addr->sa.sa_family == AF_INET6 ? sizeof addr->v6 : sizeof addr->v4;
}

bool actr__addr_equal(const union actr__addr *a, const union actr__addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family || actr__addr_port(a) != actr__addr_port(b))
		return false;
	if (a->sa.sa_family == AF_INET6)
		return !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr);
	return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

static enum actr__addr_kind classify_v4(uint32_t ip)
{
	if (ip >> 24 == 0)
		return ACTR__ADDR_UNSPECIFIED; /* 0.0.0.0/8, RFC 1122 3.2.1.3 */
	if (ip >> 24 == 127)
		return ACTR__ADDR_LOOPBACK;
	if (ip >> 16 == 0xa9fe)
		return ACTR__ADDR_LINK_LOCAL;
	if (ip >> 28 == 14 || ip == 0xffffffff)
		return ACTR__ADDR_MULTICAST;
	return ACTR__ADDR_UNICAST;
}

enum actr__addr_kind actr__addr_classify(const union actr__addr *addr)
{
	const struct in6_addr *ip = &addr->v6.sin6_addr;
	uint32_t mapped;

	if (addr->sa.sa_family != AF_INET6)
		return classify_v4(ntohl(addr->v4.sin_addr.s_addr));
	if (IN6_IS_ADDR_V4MAPPED(ip)) {
		memcpy(&mapped, ip->s6_addr + 12, sizeof mapped);
		return classify_v4(ntohl(mapped));
	}
	if (IN6_IS_ADDR_UNSPECIFIED(ip))
		return ACTR__ADDR_UNSPECIFIED;
	if (IN6_IS_ADDR_LOOPBACK(ip))
		return ACTR__ADDR_LOOPBACK;
	if (IN6_IS_ADDR_LINKLOCAL(ip))
		return ACTR__ADDR_LINK_LOCAL;
	return IN6_IS_ADDR_MULTICAST(ip) ? ACTR__ADDR_MULTICAST : ACTR__ADDR_UNICAST;
}
