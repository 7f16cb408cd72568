/*
 * Access rules: who may call. The same rules are published to the signaling server and enforced
 * here, since a server may be old, lenient or not ours.
 */
#include "config/config.h"

static bool matches(const actr_acl_rule *rule, const actr_id *caller)
{
	return (rule->any_realm || rule->realm == caller->realm) &&
	       (rule->any_type || actr_type_equal(&rule->type, &caller->type));
}

bool actr__acl_allows(const actr_config *config, const actr_id *caller)
{
	bool allowed = !config->has_acl;

	for (size_t i = 0; i < config->acl_rule_count; i++) {
		if (!matches(&config->acl_rules[i], caller))
			continue;
		if (!config->acl_rules[i].allow)
			return false;
		allowed = true;
	}
	return allowed;
}

/* A rule and all its parts in one piece. */
struct encoded {
	Actr__AclRule rule;
	Actr__AclRule__Principal principal;
	Actr__AclRule__Principal *principals[1];
	Actr__Realm realm;
	Actr__ActrType type;
};

static void encode(const actr_acl_rule *rule, struct encoded *out)
{
	actr__acl_rule__init(&out->rule);
	actr__acl_rule__principal__init(&out->principal);
	out->principals[0] = &out->principal;
	out->rule.principals = out->principals;
	out->rule.n_principals = 1;
	out->rule.has_permission = true;
	out->rule.permission =
		rule->allow ? ACTR__ACL_RULE__PERMISSION__ALLOW : ACTR__ACL_RULE__PERMISSION__DENY;
	if (!rule->any_realm)
		out->principal.realm = actr__pb_realm(&out->realm, rule->realm);
	if (!rule->any_type)
		out->principal.actr_type = actr__pb_type(&out->type, &rule->type);
}

int actr__acl_encode(const actr_config *config, struct actr__arena *arena, Actr__Acl **ret_acl)
{
	size_t count = config->acl_rule_count, n = 0;
	Actr__AclRule **rules;
	struct encoded *parts;
	Actr__Acl *acl;

	*ret_acl = NULL;
	if (!config->has_acl)
		return 0;
	acl = actr__arena_alloc(arena, sizeof *acl);
	rules = actr__arena_alloc(arena, (count + 1) * sizeof *rules);
	parts = actr__arena_alloc(arena, (count + 1) * sizeof *parts);
	if (!acl || !rules || !parts)
		return ACTR_E_NOMEM;
	for (int allow = 0; allow < 2; allow++) {
		for (size_t i = 0; i < count; i++) {
			if (config->acl_rules[i].allow != (allow == 1))
				continue;
			encode(&config->acl_rules[i], &parts[n]);
			rules[n] = &parts[n].rule;
			n++;
		}
	}
	actr__acl__init(acl);
	acl->rules = rules;
	acl->n_rules = n;
	*ret_acl = acl;
	return 0;
}
