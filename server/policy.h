/*
 * Who may call whom: the administrator's realms and rows, compiled to memory. Loop thread only.
 * A row that denies wins over one that allows; what no row names is denied, unless the realm is
 * open to its members.
 */
#ifndef ACTRD_POLICY_H
#define ACTRD_POLICY_H

#include "base/base.h"
#include "store.h"

struct policy {
	struct actr__map realms;
	struct actr__map rows;
	bool everything; /* --dev: any realm, open to its members */
	int64_t version; /* of the store when it was read */
};

void policy_init(struct policy *policy, bool everything);
void policy_done(struct policy *policy);
/* Read the store again when it has changed (or `always`). On failure the old rules stay. */
int policy_load(struct policy *policy, struct store *store, bool always, actr_error *err);

bool policy_has_realm(const struct policy *policy, uint32_t realm);
/* Both of `realm`. */
bool policy_allows(const struct policy *policy, uint32_t realm, const actr_type *from,
		   const actr_type *to);

#endif
