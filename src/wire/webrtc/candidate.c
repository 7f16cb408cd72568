#include "wire/webrtc/candidate_internal.h"

#include <stdio.h>
#include <strings.h>

static const char *const type_names[] = {"host", "srflx", "prflx", "relay"};
static const char *const tcp_names[] = {"", "active", "passive", "so"};

/* The next word; empty at the end. */
static actr_bytes next_word(actr_bytes *rest)
{
	actr_bytes word = {0};

	while (rest->size && rest->data[0] == ' ') {
		rest->data++;
		rest->size--;
	}
	word.data = rest->data;
	while (rest->size && rest->data[0] != ' ') {
		rest->data++;
		rest->size--;
		word.size++;
	}
	return word;
}

static bool word_is(actr_bytes word, const char *text)
{
	return word.size == strlen(text) && !strncasecmp((const char *)word.data, text, word.size);
}

static void skip_prefix(actr_bytes *line, const char *prefix)
{
	size_t size = strlen(prefix);

	if (line->size >= size && !strncasecmp((const char *)line->data, prefix, size)) {
		line->data += size;
		line->size -= size;
	}
}

/* Decimal, at most `max`; false for anything else. */
static bool number(actr_bytes word, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!word.size || word.size > 10)
		return false;
	for (size_t i = 0; i < word.size; i++) {
		if (word.data[i] < '0' || word.data[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(word.data[i] - '0');
	}
	*ret = value;
	return value <= max;
}

static bool is_ice_text(actr_bytes word)
{
	for (size_t i = 0; i < word.size; i++) {
		uint8_t c = word.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '+' || c == '/'))
			return false;
	}
	return word.size > 0;
}

static int index_of(actr_bytes word, const char *const *names, int from, int count)
{
	for (int i = from; i < count; i++)
		if (word_is(word, names[i]))
			return i;
	return -1;
}

/* Extensions: name and value in turn (RFC 8839 5.1). */
static int parse_extensions(actr_bytes rest, struct actr__candidate *c, actr_error *err)
{
	actr_bytes related = {0};
	uint64_t related_port = 0;

	for (;;) {
		actr_bytes name = next_word(&rest), value = next_word(&rest);
		int tcp;

		if (!name.size)
			break;
		if (!value.size)
			return ACTR_FAIL(err, ACTR_E_DECODE, "candidate extension without a value");
		if (word_is(name, "raddr")) {
			related = value;
		} else if (word_is(name, "rport")) {
			if (!number(value, UINT16_MAX, &related_port))
				return ACTR_FAIL(err, ACTR_E_DECODE, "candidate rport is no port");
		} else if (word_is(name, "ufrag")) {
			c->ufrag = value;
		} else if (word_is(name, "tcptype") && c->transport != ACTR__CANDIDATE_UDP) {
			tcp = index_of(value, tcp_names, 1, ARRAY_SIZE(tcp_names));
			if (tcp < 0)
				return ACTR_FAIL(err, ACTR_E_DECODE, "candidate tcptype unknown");
			c->transport = (enum actr__candidate_transport)tcp;
		}
	}
	c->has_related =
		related.size && actr__addr_parse(related, (uint16_t)related_port, &c->related);
	return 0;
}

static bool ends_in_local(actr_bytes name)
{
	static const char suffix[] = ".local";

	return name.size > sizeof suffix - 1 &&
	       !strncasecmp((const char *)name.data + name.size - (sizeof suffix - 1), suffix,
			    sizeof suffix - 1);
}

static int parse_address(actr_bytes ip, uint16_t port, struct actr__candidate *c, actr_error *err)
{
	if (actr__addr_parse(ip, port, &c->addr))
		return 0;
	c->mdns = ends_in_local(ip);
	if (!c->mdns)
		return ACTR_FAIL(err, ACTR_E_UNIMPLEMENTED, "candidate address is no IP address");
	return 0;
}

int actr__candidate_parse(actr_bytes line, struct actr__candidate *ret, actr_error *err)
{
	struct actr__candidate c = {0};
	actr_bytes rest = line, foundation, transport, ip;
	uint64_t component, priority, port;
	int type;

	if (line.size > ACTR__CANDIDATE_LINE_MAX)
		return ACTR_FAIL(err, ACTR_E_DECODE, "candidate line of %zu bytes", line.size);
	skip_prefix(&rest, "a=");
	skip_prefix(&rest, "candidate:");
	foundation = next_word(&rest);
	if (!is_ice_text(foundation) ||
	    !actr__copy_text(c.foundation, sizeof c.foundation, foundation))
		return ACTR_FAIL(err, ACTR_E_DECODE, "candidate foundation malformed");
	if (!number(next_word(&rest), 256, &component) || !component)
		return ACTR_FAIL(err, ACTR_E_DECODE, "candidate component malformed");
	transport = next_word(&rest);
	if (!number(next_word(&rest), UINT32_MAX, &priority))
		return ACTR_FAIL(err, ACTR_E_DECODE, "candidate priority malformed");
	ip = next_word(&rest);
	if (!ip.size || !number(next_word(&rest), UINT16_MAX, &port))
		return ACTR_FAIL(err, ACTR_E_DECODE, "candidate address or port malformed");
	if (!word_is(next_word(&rest), "typ"))
		return ACTR_FAIL(err, ACTR_E_DECODE, "candidate without a type");
	type = index_of(next_word(&rest), type_names, 0, ARRAY_SIZE(type_names));
	c.transport = word_is(transport, "tcp") ? ACTR__CANDIDATE_TCP_PASSIVE : ACTR__CANDIDATE_UDP;
	if (type < 0 || (!word_is(transport, "udp") && !word_is(transport, "tcp")))
		return ACTR_FAIL(err, ACTR_E_UNIMPLEMENTED, "candidate type or transport unknown");
	c.type = (enum actr__candidate_type)type;
	c.component = (uint16_t)component;
	c.priority = (uint32_t)priority;
	ACTR_TRY(parse_address(ip, (uint16_t)port, &c, err));
	ACTR_TRY(parse_extensions(rest, &c, err));
	*ret = c;
	return 0;
}

char *actr__candidate_format(const struct actr__candidate *c, char out[ACTR__CANDIDATE_TEXT_SIZE])
{
	char ip[ACTR__ADDR_TEXT_SIZE], related[ACTR__ADDR_TEXT_SIZE + 32] = "", tcp[24] = "";
	bool is_tcp = c->transport != ACTR__CANDIDATE_UDP;

	if (c->has_related)
		(void)snprintf(related, sizeof related, " raddr %s rport %u",
			       actr__addr_ip(&c->related, ip),
			       (unsigned)actr__addr_port(&c->related));
	if (is_tcp)
		(void)snprintf(tcp, sizeof tcp, " tcptype %s", tcp_names[c->transport]);
	(void)snprintf(out, ACTR__CANDIDATE_TEXT_SIZE, "candidate:%s %u %s %u %s %u typ %s%s%s",
		       c->foundation, (unsigned)c->component, is_tcp ? "tcp" : "udp", c->priority,
		       actr__addr_ip(&c->addr, ip), (unsigned)actr__addr_port(&c->addr),
		       type_names[c->type], related, tcp);
	return out;
}

enum actr__candidate_verdict actr__candidate_judge(const struct actr__candidate *c, bool loopback)
{
	if (c->component != 1)
		return ACTR__CANDIDATE_NO_MATCH;
	if (c->transport != ACTR__CANDIDATE_UDP)
		return ACTR__CANDIDATE_NO_MATCH;
	if (c->mdns)
		return ACTR__CANDIDATE_MDNS;
	if (!actr__addr_port(&c->addr))
		return ACTR__CANDIDATE_DENY;
	switch (actr__addr_classify(&c->addr)) {
	case ACTR__ADDR_UNICAST:
		return ACTR__CANDIDATE_USE;
	case ACTR__ADDR_LOOPBACK:
		return loopback ? ACTR__CANDIDATE_USE : ACTR__CANDIDATE_DENY;
	default:
		return ACTR__CANDIDATE_DENY;
	}
}
