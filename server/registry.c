/*
 * The registry owns actors, kinds and realms. A kind lives while an actor or a subscription is in
 * it, a realm while it has a kind. An actor lives while its connection does, and one lease longer,
 * unless it unregistered: in that time only its own credential brings it back, and nobody is led to
 * it.
 */
#include "registry.h"

#include <math.h>

void registry_init(struct registry *registry, struct actr__loop *loop, size_t max_actors,
		   uint32_t lease_ms)
{
	*registry = (struct registry){.loop = loop, .lease_ms = lease_ms};
	actr__map_init(&registry->actors, max_actors);
	actr__map_init(&registry->kinds, 2 * max_actors);
	actr__map_init(&registry->realms, 2 * max_actors);
}

void registry_done(struct registry *registry)
{
	struct actr__map_node *node;

	while ((node = actr__map_any(&registry->actors)))
		registry_remove(container_of(node, struct actor, node));
	actr__map_done(&registry->actors);
	actr__map_done(&registry->kinds);
	actr__map_done(&registry->realms);
}

/* --- realms and kinds --- */

static bool is_realm(const struct actr__map_node *node, const void *key)
{
	return container_of(node, struct realm, node)->id == *(const uint32_t *)key;
}

struct realm *registry_find_realm(const struct registry *registry, uint32_t realm)
{
	struct actr__map_node *node = actr__map_find(
		&registry->realms, actr__hash(&realm, sizeof realm), is_realm, &realm);

	return node ? container_of(node, struct realm, node) : NULL;
}

static struct realm *take_realm(struct registry *registry, uint32_t id)
{
	struct realm *realm = registry_find_realm(registry, id);

	if (realm)
		return realm;
	realm = actr__new0(struct realm);
	if (!realm)
		return NULL;
	realm->id = id;
	actr__list_init(&realm->kinds);
	if (actr__map_insert(&registry->realms, &realm->node, actr__hash(&id, sizeof id)) < 0) {
		actr__free(realm);
		return NULL;
	}
	return realm;
}

static void drop_realm(struct registry *registry, struct realm *realm)
{
	if (!actr__list_empty(&realm->kinds))
		return;
	actr__map_remove(&registry->realms, &realm->node);
	actr__free(realm);
}

struct kind_key {
	uint32_t realm;
	const actr_type *type;
};

static uint64_t hash_kind(uint32_t realm, const actr_type *type)
{
	return actr__hash(&realm, sizeof realm) ^
	       actr__hash(type->manufacturer, strlen(type->manufacturer)) * 3 ^
	       actr__hash(type->name, strlen(type->name)) * 7;
}

static bool is_kind(const struct actr__map_node *node, const void *key)
{
	const struct kind *kind = container_of(node, struct kind, node);
	const struct kind_key *want = key;

	return kind->realm->id == want->realm && actr_type_equal(&kind->type, want->type);
}

struct kind *registry_find_kind(const struct registry *registry, uint32_t realm,
				const actr_type *type)
{
	struct kind_key key = {realm, type};
	struct actr__map_node *node =
		actr__map_find(&registry->kinds, hash_kind(realm, type), is_kind, &key);

	return node ? container_of(node, struct kind, node) : NULL;
}

struct kind *registry_take_kind(struct registry *registry, uint32_t realm_id, const actr_type *type)
{
	struct kind *kind = registry_find_kind(registry, realm_id, type);
	struct realm *realm;

	if (kind)
		return kind;
	realm = take_realm(registry, realm_id);
	if (!realm)
		return NULL;
	kind = actr__new0(struct kind);
	if (kind &&
	    actr__map_insert(&registry->kinds, &kind->node, hash_kind(realm_id, type)) < 0) {
		actr__free(kind);
		kind = NULL;
	}
	if (!kind) {
		drop_realm(registry, realm);
		return NULL;
	}
	kind->realm = realm;
	kind->type = *type;
	actr__list_init(&kind->actors);
	actr__list_init(&kind->subscriptions);
	actr__list_init(&kind->in_realm);
	actr__list_push(&realm->kinds, &kind->in_realm);
	return kind;
}

void registry_drop_kind(struct registry *registry, struct kind *kind)
{
	if (!actr__list_empty(&kind->actors) || !actr__list_empty(&kind->subscriptions))
		return;
	actr__map_remove(&registry->kinds, &kind->node);
	actr__list_remove(&kind->in_realm);
	drop_realm(registry, kind->realm);
	actr__free(kind);
}

/* --- actors --- */

static uint64_t hash_actor(const actr_id *id)
{
	uint64_t key[2] = {id->realm, id->serial};

	return actr__hash(key, sizeof key);
}

static bool is_actor(const struct actr__map_node *node, const void *key)
{
	return actr_id_equal(&container_of(node, struct actor, node)->id, key);
}

struct actor *registry_find(const struct registry *registry, const actr_id *id)
{
	struct actr__map_node *node =
		actr__map_find(&registry->actors, hash_actor(id), is_actor, id);

	return node ? container_of(node, struct actor, node) : NULL;
}

static void free_texts(char **texts, size_t *count)
{
	while (*count)
		actr__free(texts[--*count]);
}

static void actor_free(struct actor *actor)
{
	free_texts(actor->tags, &actor->tag_count);
	free_texts(actor->sticky, &actor->sticky_count);
	actr__free(actor->description);
	actr__free(actor->fingerprint);
	actr__free(actor->rules);
	actr__free(actor);
}

/* Copies of a peer's texts; too many or too long ones are left out. */
static int copy_texts(char **out, size_t *count, size_t max, char *const *texts, size_t n)
{
	for (size_t i = 0; i < n && *count < max; i++) {
		if (strlen(texts[i]) > REGISTRY_TEXT_MAX)
			continue;
		out[*count] = actr__strdup(texts[i]);
		if (!out[*count])
			return ACTR_E_NOMEM;
		(*count)++;
	}
	return 0;
}

static int copy_spec(struct actor *actor, const Actr__ServiceSpec *spec)
{
	if (!spec)
		return 0;
	if (spec->description) {
		actor->description = actr__strndup(spec->description, REGISTRY_TEXT_MAX);
		if (!actor->description)
			return ACTR_E_NOMEM;
	}
	if (spec->fingerprint) {
		actor->fingerprint = actr__strndup(spec->fingerprint, REGISTRY_TEXT_MAX);
		if (!actor->fingerprint)
			return ACTR_E_NOMEM;
	}
	actor->published_at = spec->published_at;
	return copy_texts(actor->tags, &actor->tag_count, REGISTRY_TAGS_MAX, spec->tags,
			  spec->n_tags);
}

static int copy_principal(struct own_rule *rule, const Actr__AclRule__Principal *principal,
			  actr_error *err)
{
	rule->any_realm = !principal->realm;
	if (principal->realm)
		rule->realm = principal->realm->realm_id;
	rule->any_type = !principal->actr_type;
	if (principal->actr_type)
		return actr__pb_type_read(principal->actr_type, &rule->type, err);
	return 0;
}

/* One rule a principal; a rule without principals is about nobody. */
static int copy_acl(struct actor *actor, const Actr__Acl *acl, actr_error *err)
{
	size_t count = 0;

	for (size_t i = 0; acl && i < acl->n_rules; i++)
		count += acl->rules[i]->n_principals;
	if (!count)
		return 0;
	if (count > REGISTRY_ACL_MAX)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "more than %u access rules",
				 REGISTRY_ACL_MAX);
	actor->rules = actr__alloc0(count * sizeof *actor->rules);
	if (!actor->rules)
		return ACTR_E_NOMEM;
	for (size_t i = 0; i < acl->n_rules; i++) {
		for (size_t j = 0; j < acl->rules[i]->n_principals; j++) {
			struct own_rule *rule = &actor->rules[actor->rule_count++];

			rule->allow =
				acl->rules[i]->permission == ACTR__ACL_RULE__PERMISSION__ALLOW;
			ACTR_TRY(copy_principal(rule, acl->rules[i]->principals[j], err));
		}
	}
	return 0;
}

static void on_lease(struct actr__timer *timer)
{
	registry_remove(container_of(timer, struct actor, lease));
}

static int enter(struct registry *registry, struct actor *actor, actr_error *err)
{
	int rc;

	actor->kind = registry_take_kind(registry, actor->id.realm, &actor->id.type);
	if (!actor->kind)
		return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED, "the server is full");
	rc = actr__map_insert(&registry->actors, &actor->node, hash_actor(&actor->id));
	if (rc < 0) {
		registry_drop_kind(registry, actor->kind);
		return ACTR_FAIL(err, rc, "the server is full");
	}
	actr__list_push(&actor->kind->actors, &actor->in_kind);
	return 0;
}

int registry_add(struct registry *registry, const actr_id *id, const Actr__RegisterRequest *request,
		 struct actor **ret_actor, actr_error *err)
{
	struct actor *actor = actr__new0(struct actor);
	int rc;

	if (!actor)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "out of memory");
	actor->registry = registry;
	actor->id = *id;
	actor->hidden = request->has_hidden && request->hidden;
	actr__list_init(&actor->in_kind);
	actr__timer_init(&actor->lease, on_lease);
	rc = copy_spec(actor, request->service_spec);
	if (rc == 0)
		rc = copy_acl(actor, request->acl, err);
	if (rc == 0)
		rc = enter(registry, actor, err);
	if (rc < 0) {
		actor_free(actor);
		return rc;
	}
	*ret_actor = actor;
	return 0;
}

void registry_remove(struct actor *actor)
{
	struct registry *registry = actor->registry;

	actr__timer_stop(registry->loop, &actor->lease);
	actr__map_remove(&registry->actors, &actor->node);
	actr__list_remove(&actor->in_kind);
	registry_drop_kind(registry, actor->kind);
	actor_free(actor);
}

void registry_attach(struct actor *actor, struct session *session)
{
	actr__timer_stop(actor->registry->loop, &actor->lease);
	actor->session = session;
}

void registry_detach(struct actor *actor)
{
	struct registry *registry = actor->registry;

	actor->session = NULL;
	if (actr__timer_set(registry->loop, &actor->lease, registry->lease_ms) < 0)
		registry_remove(actor);
}

/* --- load and rules --- */

static float sane(float value, float otherwise)
{
	return isfinite(value) ? value : otherwise;
}

void registry_report(struct actor *actor, const Actr__Ping *ping)
{
	actor->has_report = true;
	actor->reported_ms = actr__loop_now_ms(actor->registry->loop);
	actor->availability = (int)ping->availability;
	actor->power_reserve = sane(ping->power_reserve, 0);
	actor->mailbox_backlog = sane(ping->mailbox_backlog, 1);
	free_texts(actor->sticky, &actor->sticky_count);
	/* Without memory the rest of them is not known: only a preference. */
	(void)copy_texts(actor->sticky, &actor->sticky_count, REGISTRY_STICKY_MAX,
			 ping->sticky_client_ids, ping->n_sticky_client_ids);
}

bool registry_report_is_fresh(const struct actor *actor)
{
	const struct registry *registry = actor->registry;

	return actor->has_report &&
	       actr__loop_now_ms(registry->loop) - actor->reported_ms <= registry->lease_ms;
}

bool registry_admits(const struct actor *actor, const actr_id *caller)
{
	bool allowed = !actor->rule_count;

	for (size_t i = 0; i < actor->rule_count; i++) {
		const struct own_rule *rule = &actor->rules[i];

		if (!(rule->any_realm || rule->realm == caller->realm) ||
		    !(rule->any_type || actr_type_equal(&rule->type, &caller->type)))
			continue;
		if (!rule->allow)
			return false;
		allowed = true;
	}
	return allowed;
}
