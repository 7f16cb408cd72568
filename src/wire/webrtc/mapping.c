#include "wire/webrtc/mapping_internal.h"

#include <stdio.h>

#define SRFLX_PREFERENCE (100u << 24) /* RFC 8445 5.1.2.2 */
#define OTHER_PREFERENCE 0x00ffffffu

static bool is_ip(const union actr__addr *a, const union actr__addr *b)
{
	union actr__addr x = *a, y = *b;

	if (x.sa.sa_family != y.sa.sa_family)
		return false;
	if (x.sa.sa_family == AF_INET6)
		x.v6.sin6_port = y.v6.sin6_port = 0;
	else
		x.v4.sin_port = y.v4.sin_port = 0;
	return actr__addr_equal(&x, &y);
}

static bool parse_one(const char *text, size_t size, union actr__addr *ret)
{
	return actr__addr_parse(actr__bytes(text, size), 0, ret) &&
	       actr__addr_classify(ret) == ACTR__ADDR_UNICAST;
}

int actr__mapping_parse(const char *text, struct actr__mapping *ret, actr_error *err)
{
	struct actr__mapping m = {.is_set = true};
	const char *slash;

	*ret = (struct actr__mapping){.is_set = false};
	if (!text)
		return 0;
	slash = strchr(text, '/');
	m.has_local = slash != NULL;
	if (!parse_one(text, slash ? (size_t)(slash - text) : strlen(text), &m.public_addr) ||
	    (slash && (!parse_one(slash + 1, strlen(slash + 1), &m.local) ||
		       m.local.sa.sa_family != m.public_addr.sa.sa_family)))
		return ACTR_FAIL(err, ACTR_E_CONFIG,
				 "system.webrtc.public_address: expected an address, or "
				 "PUBLIC/LOCAL, e.g. \"203.0.113.5/10.0.0.2\", got \"%s\"",
				 text);
	*ret = m;
	return 0;
}

static void put_port(union actr__addr *addr, uint16_t port)
{
	if (addr->sa.sa_family == AF_INET6)
		addr->v6.sin6_port = htons(port);
	else
		addr->v4.sin_port = htons(port);
}

bool actr__mapping_apply(const struct actr__mapping *m, const char *line,
			 char out[ACTR__CANDIDATE_TEXT_SIZE])
{
	struct actr__candidate c;
	char foundation[sizeof c.foundation];

	if (!m->is_set || actr__candidate_parse(actr__text(line), &c, NULL) < 0 || c.mdns ||
	    c.type != ACTR__CANDIDATE_HOST || c.transport != ACTR__CANDIDATE_UDP ||
	    c.addr.sa.sa_family != m->public_addr.sa.sa_family ||
	    actr__addr_classify(&c.addr) != ACTR__ADDR_UNICAST || is_ip(&c.addr, &m->public_addr) ||
	    (m->has_local && !is_ip(&c.addr, &m->local)))
		return false;
	c.type = ACTR__CANDIDATE_SRFLX;
	c.priority = SRFLX_PREFERENCE | (c.priority & OTHER_PREFERENCE);
	/* Another kind has another foundation (RFC 8445 5.1.1.3). */
	(void)snprintf(foundation, sizeof foundation, "m%.31s", c.foundation);
	memcpy(c.foundation, foundation, sizeof foundation);
	c.has_related = true;
	c.related = c.addr;
	c.addr = m->public_addr;
	put_port(&c.addr, actr__addr_port(&c.related));
	(void)actr__candidate_format(&c, out);
	return true;
}
