#include "wire/webrtc/ice_server_internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

int actr__ice_server_parse(const char *url, struct actr__ice_server *ret, actr_error *err)
{
	const char *at = url ? strchr(url, ':') : NULL, *query, *colon, *host_end;
	size_t scheme = at ? (size_t)(at - url) : 0, size;
	unsigned long port = 3478;
	struct in6_addr v6;
	struct in_addr v4;

	if (scheme != 4 || (strncasecmp(url, "stun", 4) && strncasecmp(url, "turn", 4)))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "ICE server \"%.100s\": expected stun:host:port or "
				 "turn:host:port?transport=udp|tcp (turns: and stuns: are not "
				 "supported)",
				 url ? url : "");
	memset(ret, 0, sizeof *ret);
	ret->is_turn = !strncasecmp(url, "turn", 4);
	at++;
	query = strchr(at, '?');
	size = query ? (size_t)(query - at) : strlen(at);
	if (*at == '[' && memchr(at, ']', size)) {
		host_end = memchr(at, ']', size);
		colon = host_end + 1 < at + size && host_end[1] == ':' ? host_end + 1 : NULL;
		at++;
	} else {
		colon = memchr(at, ':', size);
		host_end = colon ? colon : at + size;
	}
	if (host_end <= at ||
	    !actr__copy_text(ret->host, sizeof ret->host, actr__bytes(at, (size_t)(host_end - at))))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "ICE server \"%.100s\" has no host",
				 url);
	if (inet_pton(AF_INET, ret->host, &v4) == 1
		    ? v4.s_addr == htonl(INADDR_ANY)
		    : inet_pton(AF_INET6, ret->host, &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "ICE server \"%.100s\": nobody can reach %s, which means every "
				 "address of a machine",
				 url, ret->host);
	if (colon) {
		char *end;

		port = strtoul(colon + 1, &end, 10);
		if (end == colon + 1 || (*end && *end != '?') || !port || port > UINT16_MAX)
			return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
					 "ICE server \"%.100s\" has no valid port", url);
	}
	ret->port = (uint16_t)port;
	if (query && strcasecmp(query, "?transport=udp") && strcasecmp(query, "?transport=tcp"))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "ICE server \"%.100s\": transport is udp or tcp", url);
	ret->is_tcp = query && !strcasecmp(query, "?transport=tcp");
	return 0;
}

static int check(const actr_ice_server *server, actr_error *err)
{
	struct actr__ice_server parsed;

	ACTR_TRY(actr__ice_server_parse(server->url, &parsed, err));
	if (parsed.is_turn && (!server->username || !server->credential))
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "ICE server \"%.100s\" needs username and credential",
				 server->url);
	return 0;
}

static size_t size_of(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static char *put(char *at, const char *text, const char **ret)
{
	if (!text)
		return at;
	*ret = memcpy(at, text, size_of(text));
	return at + size_of(text);
}

int actr__ice_servers_copy(const actr_ice_server *servers, size_t count, actr_ice_server **ret,
			   actr_error *err)
{
	size_t size = count * sizeof *servers;
	actr_ice_server *copy;
	char *at;

	*ret = NULL;
	if (!count)
		return 0;
	for (size_t i = 0; i < count; i++) {
		ACTR_TRY(check(&servers[i], err));
		size += size_of(servers[i].url) + size_of(servers[i].username) +
			size_of(servers[i].credential);
	}
	copy = actr__alloc0(size);
	if (!copy)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot copy ICE servers");
	at = (char *)(copy + count);
	for (size_t i = 0; i < count; i++) {
		at = put(at, servers[i].url, &copy[i].url);
		at = put(at, servers[i].username, &copy[i].username);
		at = put(at, servers[i].credential, &copy[i].credential);
	}
	*ret = copy;
	return 0;
}

void actr__ice_servers_free(actr_ice_server *servers, size_t count)
{
	/* Our own block, though the public type says const. */
	for (size_t i = 0; servers && i < count; i++)
		if (servers[i].credential)
			actr__wipe((char *)(uintptr_t)servers[i].credential,
				   strlen(servers[i].credential));
	actr__free(servers);
}
