/* Under which address nodes are told to find this server. */
#ifndef ACTRD_ADDRESS_H
#define ACTRD_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* 0.0.0.0 or ::, every address of the machine: good to listen on, no good to connect to. */
bool address_is_wildcard(const char *host);
/* A numeric address that nobody can connect to: wildcard, multicast, broadcast, link-local IPv6. */
bool address_is_unroutable(const char *host);
/*
 * An address of this machine for one that listens on the wildcard `host`: the first of an interface
 * that is up and not loopback, else loopback. out: at least 46 bytes. Returns out.
 */
char *address_own(const char *host, char *out, size_t size);

#endif
