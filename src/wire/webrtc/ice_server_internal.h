/* STUN and TURN servers: their URLs, and copies that outlive the configuration. No state. */
#ifndef ACTR_WEBRTC_ICE_SERVER_INTERNAL_H
#define ACTR_WEBRTC_ICE_SERVER_INTERNAL_H

#include <actr/config.h>

#include "base/base.h"

struct actr__ice_server {
	bool is_turn, is_tcp;
	uint16_t port;
	char host[256];
};

/* "stun:host[:port]", "turn:[v6]:port?transport=udp|tcp" (RFC 7064, RFC 7065). */
int actr__ice_server_parse(const char *url, struct actr__ice_server *ret, actr_error *err);
/* Checks them all, so that a wrong URL is told at once, and copies them into one block. */
int actr__ice_servers_copy(const actr_ice_server *servers, size_t count, actr_ice_server **ret,
			   actr_error *err);
/* NULL is fine. */
void actr__ice_servers_free(actr_ice_server *servers, size_t count);

#endif
