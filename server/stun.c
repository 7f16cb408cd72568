#include "stun.h"

#include <netinet/in.h>

#define HEADER_SIZE	   20
#define COOKIE		   0x2112a442u
#define BINDING_REQUEST	   0x0001
#define BINDING_SUCCESS	   0x0101
#define BINDING_ERROR	   0x0111
#define ERROR_CODE	   0x0009
#define UNKNOWN_ATTRIBUTES 0x000a
#define MAPPED_ADDRESS	   0x0001
#define XOR_MAPPED_ADDRESS 0x0020
#define UNKNOWN_MAX	   8

/* Attributes below 0x8000 must be understood, RFC 8489 14; these may stand in a request. */
static bool is_known(unsigned type)
{
	switch (type) {
	case 0x0006: /* USERNAME */
	case 0x0008: /* MESSAGE-INTEGRITY */
	case 0x001c: /* MESSAGE-INTEGRITY-SHA256 */
	case 0x0014: /* REALM */
	case 0x0015: /* NONCE */
	case 0x0024: /* PRIORITY */
	case 0x0025: /* USE-CANDIDATE */
		return true;
	default:
		return type >= 0x8000;
	}
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static uint8_t *put16(uint8_t *out, unsigned value)
{
	*out++ = (uint8_t)(value >> 8);
	*out++ = (uint8_t)value;
	return out;
}

/* Not so of RFC 3489 (RFC 5389 12): the cookie's place belongs to the transaction id. libnice asks
 * so. */
static bool has_cookie(const uint8_t *header)
{
	return get16(header + 4) == COOKIE >> 16 && get16(header + 6) == (COOKIE & 0xffff);
}

/* A well-formed Binding request: fills the unknown attributes, at most UNKNOWN_MAX of them. */
static bool read_request(actr_bytes datagram, unsigned *unknown, size_t *unknown_count)
{
	const uint8_t *at = datagram.data, *end = at + datagram.size;

	if (datagram.size < HEADER_SIZE || get16(at) != BINDING_REQUEST ||
	    get16(at + 2) != datagram.size - HEADER_SIZE)
		return false;
	for (at += HEADER_SIZE; at < end;) {
		size_t size;

		if (end - at < 4)
			return false;
		size = (get16(at + 2) + 3u) & ~3u;
		if (size > (size_t)(end - at - 4))
			return false;
		if (!is_known(get16(at)) && *unknown_count < UNKNOWN_MAX)
			unknown[(*unknown_count)++] = get16(at);
		at += 4 + size;
	}
	return true;
}

/*
 * RFC 8489 14.2: port and address, masked with the cookie and the transaction id, which routers
 * that translate addresses in payloads do not find. RFC 3489 knows them bare only.
 */
static uint8_t *put_address(uint8_t *out, const struct sockaddr *from, const uint8_t *header)
{
	static const uint8_t no_mask[16];
	const struct sockaddr_in *v4 = (const void *)from;
	const struct sockaddr_in6 *v6 = (const void *)from;
	bool masked = has_cookie(header);
	const uint8_t *mask = masked ? header + 4 : no_mask;
	const uint8_t *address = from->sa_family == AF_INET ? (const void *)&v4->sin_addr
							    : (const void *)&v6->sin6_addr;
	uint16_t port = from->sa_family == AF_INET ? v4->sin_port : v6->sin6_port;
	size_t size = from->sa_family == AF_INET ? 4 : 16;

	out = put16(out, masked ? XOR_MAPPED_ADDRESS : MAPPED_ADDRESS);
	out = put16(out, (unsigned)(4 + size));
	out = put16(out, from->sa_family == AF_INET ? 1 : 2);
	out = put16(out, ntohs(port) ^ get16(mask));
	for (size_t i = 0; i < size; i++)
		*out++ = address[i] ^ mask[i];
	return out;
}

/* 420 Unknown Attribute, RFC 8489 6.3.1. */
static uint8_t *put_unknown(uint8_t *out, const unsigned *unknown, size_t count)
{
	out = put16(out, ERROR_CODE);
	out = put16(out, 4);
	out = put16(out, 0);
	out = put16(out, 4 << 8 | 20);
	out = put16(out, UNKNOWN_ATTRIBUTES);
	out = put16(out, (unsigned)count * 2);
	for (size_t i = 0; i < count; i++)
		out = put16(out, unknown[i]);
	return count & 1 ? put16(out, 0) : out;
}

size_t stun_answer(actr_bytes datagram, const struct sockaddr *from, uint8_t out[STUN_ANSWER_MAX])
{
	unsigned unknown[UNKNOWN_MAX];
	size_t unknown_count = 0;
	uint8_t *at = out + HEADER_SIZE;

	if ((from->sa_family != AF_INET && from->sa_family != AF_INET6) ||
	    !read_request(datagram, unknown, &unknown_count))
		return 0;
	put16(out, unknown_count ? BINDING_ERROR : BINDING_SUCCESS);
	memcpy(out + 4, datagram.data + 4, HEADER_SIZE - 4);
	at = unknown_count ? put_unknown(at, unknown, unknown_count)
			   : put_address(at, from, datagram.data);
	put16(out + 2, (unsigned)(at - out - HEADER_SIZE));
	return (size_t)(at - out);
}
