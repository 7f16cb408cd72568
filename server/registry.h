/*
 * Who is here: actors by (realm, serial) and by (realm, type). The realm comes first in every
 * index, so that nothing of another realm can be met by mistake. Loop thread only.
 */
#ifndef ACTRD_REGISTRY_H
#define ACTRD_REGISTRY_H

#include "protocol/protocol.h"
#include "loop/loop.h"

#define REGISTRY_ACL_MAX    256u /* an actor's own rules */
#define REGISTRY_TAGS_MAX   32u
#define REGISTRY_TEXT_MAX   1024u /* description, fingerprint, one tag, one sticky id */
#define REGISTRY_STICKY_MAX 64u

struct session;
struct registry;

struct realm {
	struct actr__map_node node;
	struct actr__list kinds;
	uint32_t id;
};

/* A type in a realm: its actors and who waits for them. */
struct kind {
	struct actr__map_node node;
	struct actr__list in_realm;
	struct actr__list actors;	 /* struct actor.in_kind */
	struct actr__list subscriptions; /* presence.c */
	struct realm *realm;
	actr_type type;
};

/* A rule of an actor's own Acl, for one principal. */
struct own_rule {
	bool allow, any_realm, any_type;
	uint32_t realm;
	actr_type type;
};

struct actor {
	struct actr__map_node node; /* by (realm, serial) */
	struct actr__list in_kind;
	struct actr__timer lease; /* runs while there is no session */
	struct registry *registry;
	struct kind *kind;
	struct session *session; /* the one connection that is this actor, or NULL */
	actr_id id;

	struct own_rule *rules;
	size_t rule_count;

	/* What it serves, as it says. */
	char *description; /* or NULL */
	char *fingerprint; /* or NULL */
	char *tags[REGISTRY_TAGS_MAX];
	size_t tag_count;
	int64_t published_at;
	bool hidden; /* from discovery, not from who knows its id */

	/* Its last Ping. */
	uint64_t reported_ms; /* loop time */
	int availability;
	float power_reserve, mailbox_backlog;
	char *sticky[REGISTRY_STICKY_MAX];
	size_t sticky_count;
	bool has_report;

	uint64_t offered; /* number of the last route answer it stood in */
};

struct registry {
	struct actr__loop *loop;
	struct actr__map actors, kinds, realms;
	uint32_t lease_ms;
	uint64_t offers;
};

void registry_init(struct registry *registry, struct actr__loop *loop, size_t max_actors,
		   uint32_t lease_ms);
void registry_done(struct registry *registry);

/* The request's spec and rules are copied. ACTR_E_RESOURCE_EXHAUSTED when the server is full. */
int registry_add(struct registry *registry, const actr_id *id, const Actr__RegisterRequest *request,
		 struct actor **ret_actor, actr_error *err);
void registry_remove(struct actor *actor);
/* The connection is gone: keep the actor for a lease, so that it may come back. */
void registry_detach(struct actor *actor);
void registry_attach(struct actor *actor, struct session *session);
/* NULL unless realm, serial and type are all the same. */
struct actor *registry_find(const struct registry *registry, const actr_id *id);
/* NULL when there is none. */
struct kind *registry_find_kind(const struct registry *registry, uint32_t realm,
				const actr_type *type);
struct realm *registry_find_realm(const struct registry *registry, uint32_t realm);
/* Find or make; NULL when memory is exhausted. */
struct kind *registry_take_kind(struct registry *registry, uint32_t realm, const actr_type *type);
/* Free the kind if nobody is in it and nobody waits for it. */
void registry_drop_kind(struct registry *registry, struct kind *kind);

void registry_report(struct actor *actor, const Actr__Ping *ping);
/* A report of this lease. */
bool registry_report_is_fresh(const struct actor *actor);
/* By the actor's own rules alone. */
bool registry_admits(const struct actor *actor, const actr_id *caller);

#endif
