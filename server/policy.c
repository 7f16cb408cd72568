#include "policy.h"

#define REALMS_MAX 1000000u
#define ROWS_MAX   1000000u

struct realm_row {
	struct actr__map_node node;
	uint32_t realm;
	unsigned flags;
};

struct acl_row {
	struct actr__map_node node;
	struct store_acl_row row;
};

void policy_init(struct policy *policy, bool everything)
{
	*policy = (struct policy){.everything = everything};
	actr__map_init(&policy->realms, REALMS_MAX);
	actr__map_init(&policy->rows, ROWS_MAX);
}

void policy_done(struct policy *policy)
{
	struct actr__map_node *node;

	while ((node = actr__map_any(&policy->realms))) {
		actr__map_remove(&policy->realms, node);
		actr__free(container_of(node, struct realm_row, node));
	}
	while ((node = actr__map_any(&policy->rows))) {
		actr__map_remove(&policy->rows, node);
		actr__free(container_of(node, struct acl_row, node));
	}
	actr__map_done(&policy->realms);
	actr__map_done(&policy->rows);
}

static uint64_t hash_row(uint32_t realm, const char *from, const char *to)
{
	return actr__hash(&realm, sizeof realm) ^ actr__hash(from, strlen(from)) * 3 ^
	       actr__hash(to, strlen(to)) * 7;
}

static int on_realm(void *user, uint32_t realm, unsigned flags)
{
	struct policy *policy = user;
	struct realm_row *row = actr__new0(struct realm_row);
	int rc;

	if (!row)
		return ACTR_E_NOMEM;
	row->realm = realm;
	row->flags = flags;
	rc = actr__map_insert(&policy->realms, &row->node, actr__hash(&realm, sizeof realm));
	if (rc < 0)
		actr__free(row);
	return rc;
}

static int on_row(void *user, const struct store_acl_row *from_store)
{
	struct policy *policy = user;
	struct acl_row *row = actr__new0(struct acl_row);
	int rc;

	if (!row)
		return ACTR_E_NOMEM;
	row->row = *from_store;
	rc = actr__map_insert(&policy->rows, &row->node,
			      hash_row(row->row.realm, row->row.from, row->row.to));
	if (rc < 0)
		actr__free(row);
	return rc;
}

int policy_load(struct policy *policy, struct store *store, bool always, actr_error *err)
{
	struct policy fresh;
	int64_t version;
	int rc;

	ACTR_TRY(store_version(store, &version, err));
	if (!always && version == policy->version)
		return 0;
	policy_init(&fresh, policy->everything);
	fresh.version = version;
	rc = store_each_realm(store, on_realm, &fresh, err);
	if (rc == 0)
		rc = store_each_acl(store, on_row, &fresh, err);
	if (rc < 0) {
		policy_done(&fresh);
		return rc;
	}
	policy_done(policy);
	*policy = fresh;
	return 0;
}

static bool is_realm(const struct actr__map_node *node, const void *key)
{
	return container_of(node, struct realm_row, node)->realm == *(const uint32_t *)key;
}

static const struct realm_row *find_realm(const struct policy *policy, uint32_t realm)
{
	struct actr__map_node *node =
		actr__map_find(&policy->realms, actr__hash(&realm, sizeof realm), is_realm, &realm);

	return node ? container_of(node, struct realm_row, node) : NULL;
}

bool policy_has_realm(const struct policy *policy, uint32_t realm)
{
	return policy->everything || find_realm(policy, realm);
}

struct row_key {
	uint32_t realm;
	const char *from, *to;
};

static bool is_row(const struct actr__map_node *node, const void *key)
{
	const struct store_acl_row *row = &container_of(node, struct acl_row, node)->row;
	const struct row_key *want = key;

	return row->realm == want->realm && !strcmp(row->from, want->from) &&
	       !strcmp(row->to, want->to);
}

bool policy_allows(const struct policy *policy, uint32_t realm, const actr_type *from,
		   const actr_type *to)
{
	const struct realm_row *realm_row = find_realm(policy, realm);
	bool allowed = policy->everything || (realm_row && realm_row->flags & STORE_REALM_OPEN);
	char from_text[STORE_TYPE_SIZE], to_text[STORE_TYPE_SIZE];

	actr_type_format(from, from_text, sizeof from_text);
	actr_type_format(to, to_text, sizeof to_text);
	for (unsigned i = 0; i < 4; i++) {
		struct row_key key = {realm, i & 1 ? "*" : from_text, i & 2 ? "*" : to_text};
		struct actr__map_node *node = actr__map_find(
			&policy->rows, hash_row(key.realm, key.from, key.to), is_row, &key);

		if (!node)
			continue;
		if (!container_of(node, struct acl_row, node)->row.allow)
			return false;
		allowed = true;
	}
	return allowed;
}
