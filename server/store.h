/*
 * What actrd must not forget: serials, signing keys, realms and access rows. An interface with one
 * implementation, store_sqlite.c; another database is another file behind these functions. Loop
 * thread only.
 */
#ifndef ACTRD_STORE_H
#define ACTRD_STORE_H

#include "base/base.h"

#define STORE_SEED_SIZE	 32  /* an Ed25519 private key, RFC 8032 5.1.5 */
#define STORE_TYPE_SIZE	 256 /* "manufacturer:name" or "*", with the terminating 0 */
#define STORE_REALM_OPEN 1   /* members may call each other unless a row denies it */

struct store;

struct store_acl_row {
	uint32_t realm;
	char from[STORE_TYPE_SIZE]; /* who calls; "*": any type */
	char to[STORE_TYPE_SIZE];   /* who is called */
	bool allow;
};

/* path ":memory:" keeps nothing. A new file is readable by its owner only. */
int store_open(const char *path, struct store **ret_store, actr_error *err);
/* NULL is fine; returns NULL. */
struct store *store_close(struct store *store);

/* Reserve `count` serials for ever, also across a crash: *ret_first is the first of them. */
int store_take_serials(struct store *store, uint64_t count, uint64_t *ret_first, actr_error *err);

int store_add_key(struct store *store, uint32_t key_id, const uint8_t seed[STORE_SEED_SIZE],
		  actr_error *err);
/* In ascending order of the key id; a negative result of `visit` ends it and is returned. */
int store_each_key(struct store *store,
		   int (*visit)(void *user, uint32_t key_id, const uint8_t seed[STORE_SEED_SIZE]),
		   void *user, actr_error *err);

/* Add a realm or change its flags. */
int store_set_realm(struct store *store, uint32_t realm, unsigned flags, actr_error *err);
int store_each_realm(struct store *store, int (*visit)(void *user, uint32_t realm, unsigned flags),
		     void *user, actr_error *err);

int store_set_acl(struct store *store, const struct store_acl_row *row, actr_error *err);
/* ACTR_E_NOT_FOUND when there is no such row. */
int store_remove_acl(struct store *store, const struct store_acl_row *row, actr_error *err);
int store_each_acl(struct store *store, int (*visit)(void *user, const struct store_acl_row *row),
		   void *user, actr_error *err);

/* Another number after another process changed the file. */
int store_version(struct store *store, int64_t *ret_version, actr_error *err);

#endif
