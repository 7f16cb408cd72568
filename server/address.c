#include "address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

bool address_is_wildcard(const char *host)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return v4.s_addr == htonl(INADDR_ANY);
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6);
}

bool address_is_unroutable(const char *host)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1) /* 0.0.0.0/8, and 224.0.0.0 up to broadcast */
		return ntohl(v4.s_addr) >> 24 == 0 || ntohl(v4.s_addr) >> 24 >= 224;
	if (inet_pton(AF_INET6, host, &v6) != 1)
		return false; /* a name */
	return IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_MULTICAST(&v6) ||
	       IN6_IS_ADDR_LINKLOCAL(&v6);
}

static bool take(const struct ifaddrs *at, int family, char *out, size_t size)
{
	const void *address;

	if (!at->ifa_addr || at->ifa_addr->sa_family != family || !(at->ifa_flags & IFF_UP) ||
	    (at->ifa_flags & IFF_LOOPBACK))
		return false;
	address = family == AF_INET
			  ? (const void *)&((const struct sockaddr_in *)(const void *)at->ifa_addr)
				    ->sin_addr
			  : (const void *)&((const struct sockaddr_in6 *)(const void *)at->ifa_addr)
				    ->sin6_addr;
	return inet_ntop(family, address, out, (socklen_t)size) && !address_is_unroutable(out);
}

char *address_own(const char *host, char *out, size_t size)
{
	/* Who listens on :: is reached by IPv4 too. */
	bool v6 = strchr(host, ':') != NULL;
	struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list) < 0)
		list = NULL;
	for (const struct ifaddrs *at = list; at && !found; at = at->ifa_next)
		found = take(at, AF_INET, out, size);
	for (const struct ifaddrs *at = list; at && v6 && !found; at = at->ifa_next)
		found = take(at, AF_INET6, out, size);
	if (!found)
		snprintf(out, size, "%s", v6 ? "::1" : "127.0.0.1");
	freeifaddrs(list);
	return out;
}
