#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/config.h"

static actr_acl_rule rule(bool allow, uint32_t realm, const char *type)
{
	actr_acl_rule out = {
		.allow = allow, .any_realm = !realm, .realm = realm, .any_type = !type};

	if (type)
		assert_int_equal(actr_type_parse(type, &out.type, NULL), 0);
	return out;
}

static actr_id caller(uint32_t realm, const char *type)
{
	actr_id id = {.realm = realm, .serial = 1};

	assert_int_equal(actr_type_parse(type, &id.type, NULL), 0);
	return id;
}

static void without_an_acl_everybody_may_call(void **st)
{
	actr_config config = ACTR_CONFIG_INIT;
	actr_id id = caller(1, "a:b");

	(void)st;
	assert_true(actr__acl_allows(&config, &id));
}

static void an_empty_acl_denies_everybody(void **st)
{
	actr_config config = ACTR_CONFIG_INIT;
	actr_id id = caller(1, "a:b");

	(void)st;
	config.has_acl = true;
	assert_false(actr__acl_allows(&config, &id));
}

static void defect_9_a_deny_wins_wherever_it_stands(void **st)
{
	const actr_acl_rule rules[] = {rule(true, 1, NULL), rule(false, 0, "a:b"),
				       rule(true, 2, "a:b"), rule(true, 2, "a:c")};
	const struct {
		uint32_t realm;
		const char *type;
		bool allowed;
	} cases[] = {{1, "a:x", true},	{1, "a:b", false}, {2, "a:b", false}, {2, "a:c", true},
		     {2, "a:x", false}, {3, "a:c", false}, {1, "b:a", true}};
	actr_config config = ACTR_CONFIG_INIT;

	(void)st;
	config.has_acl = true;
	config.acl_rules = rules;
	config.acl_rule_count = ARRAY_SIZE(rules);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		actr_id id = caller(cases[i].realm, cases[i].type);

		assert_int_equal(actr__acl_allows(&config, &id), cases[i].allowed);
	}
}

static void rules_are_published_with_the_denies_first(void **st)
{
	const actr_acl_rule rules[] = {rule(true, 7, NULL), rule(false, 0, "a:b.C")};
	actr_config config = ACTR_CONFIG_INIT;
	struct actr__arena arena;
	Actr__Acl *acl;

	(void)st;
	actr__arena_init(&arena, NULL, 0, 65536);
	assert_int_equal(actr__acl_encode(&config, &arena, &acl), 0);
	assert_null(acl);
	config.has_acl = true;
	config.acl_rules = rules;
	config.acl_rule_count = ARRAY_SIZE(rules);
	assert_int_equal(actr__acl_encode(&config, &arena, &acl), 0);
	assert_int_equal(acl->n_rules, 2);
	assert_int_equal(acl->rules[0]->permission, ACTR__ACL_RULE__PERMISSION__DENY);
	assert_true(acl->rules[0]->has_permission);
	assert_int_equal(acl->rules[0]->n_principals, 1);
	assert_null(acl->rules[0]->principals[0]->realm);
	assert_string_equal(acl->rules[0]->principals[0]->actr_type->name, "b.C");
	assert_int_equal(acl->rules[1]->principals[0]->realm->realm_id, 7);
	assert_null(acl->rules[1]->principals[0]->actr_type);
	/* type 3 + 5 bytes: principal 10, rule 14, entry 16; realm 2: principal 4, rule 8, entry 10
	 */
	assert_int_equal(actr__acl__get_packed_size(acl), 16 + 10);
	actr__arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_acl_everybody_may_call),
		cmocka_unit_test(an_empty_acl_denies_everybody),
		cmocka_unit_test(defect_9_a_deny_wins_wherever_it_stands),
		cmocka_unit_test(rules_are_published_with_the_denies_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
