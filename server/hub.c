/*
 * The hub ties the nouns together: registry, issuer, policy, bus, and the list of sessions. It
 * holds no rule of its own but two: serials come from durable blocks, and a call needs the leave of
 * both the administrator and the called actor.
 */
#include "session.h"

#include <inttypes.h>
#include <stdio.h>

#define SERIAL_BLOCK 1024u
/* How soon a change by `actrd acl` is seen. */
#define RELOAD_MS 2000u

static void default_u32(uint32_t *value, uint32_t otherwise)
{
	if (!*value)
		*value = otherwise;
}

static void set_options(struct hub_options *out, const struct hub_options *options)
{
	*out = *options;
	default_u32(&out->credential_ttl_s, 3600);
	default_u32(&out->heartbeat_s, 30);
	default_u32(&out->lease_ms, 60000);
	default_u32(&out->login_ms, 10000);
	default_u32(&out->rate_per_s, 200);
	default_u32(&out->rate_burst, 1000);
	if (!out->max_actors)
		out->max_actors = 100000;
}

static void on_reload(struct actr__timer *timer)
{
	struct hub *hub = container_of(timer, struct hub, reload);
	actr_error err = ACTR_ERROR_INIT;

	if (policy_load(&hub->policy, hub->store, false, &err) < 0)
		ACTR_WARN(0, "policy", "event=reload_failed error=\"%s\"", err.message);
	/* The timer was armed before, so there is room for it. */
	(void)actr__timer_set(hub->loop, timer, RELOAD_MS);
}

int hub_init(struct hub *hub, struct actr__loop *loop, struct store *store,
	     const struct hub_options *options, actr_error *err)
{
	uint64_t name;
	int rc;

	*hub = (struct hub){.loop = loop, .store = store};
	set_options(&hub->options, options);
	ACTR_TRY(actr__random(&name, sizeof name));
	actr__hex(&name, sizeof name, hub->name);
	actr__list_init(&hub->sessions);
	actr__timer_init(&hub->reload, on_reload);
	registry_init(&hub->registry, loop, hub->options.max_actors, hub->options.lease_ms);
	bus_init(&hub->bus, &hub->registry);
	policy_init(&hub->policy, options->dev);
	rc = issuer_init(&hub->issuer, store, err);
	if (rc == 0)
		rc = policy_load(&hub->policy, store, true, err);
	if (rc == 0)
		rc = actr__timer_set(loop, &hub->reload, RELOAD_MS);
	if (rc < 0)
		hub_done(hub);
	return rc;
}

void hub_done(struct hub *hub)
{
	actr__timer_stop(hub->loop, &hub->reload);
	registry_done(&hub->registry);
	policy_done(&hub->policy);
	issuer_done(&hub->issuer);
}

int hub_next_serial(struct hub *hub, uint64_t *ret_serial, actr_error *err)
{
	if (hub->next_serial == hub->last_serial) {
		uint64_t first;

		ACTR_TRY(store_take_serials(hub->store, SERIAL_BLOCK, &first, err));
		hub->next_serial = first;
		hub->last_serial = first + SERIAL_BLOCK;
	}
	*ret_serial = hub->next_serial++;
	return 0;
}

bool hub_may_call(const struct hub *hub, const actr_id *from, const struct actor *to)
{
	return from->realm == to->id.realm &&
	       policy_allows(&hub->policy, from->realm, &from->type, &to->id.type) &&
	       registry_admits(to, from);
}

void hub_close_sessions(struct hub *hub, unsigned code, const char *reason)
{
	actr__list_each(node, &hub->sessions)
		session_close(container_of(node, struct session, link), code, reason);
}

void envelope_id(struct hub *hub, char out[40])
{
	snprintf(out, 40, "%s-%" PRIu64, hub->name, ++hub->envelopes);
}
