#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/config.h"

#define DATA TEST_DATA "/config/"

/* What every file needs; lines 1 to 8. */
#define HEAD                                                                                       \
	"[package]\nname='n'\nmanufacturer='acme'\ntype='T'\n"                                     \
	"[system]\ndeployment.realm=1\nsignaling.url='ws://h'\n\n"

static actr_config *load(const char *path)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_config *config = NULL;

	if (actr_config_load(path, &config, &err) < 0)
		fail_msg("%s", err.message);
	return config;
}

static actr_config *parse(const char *text)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_config *config = NULL;

	if (actr__config_parse("t", actr__text(text), &config, &err) < 0)
		fail_msg("%s", err.message);
	return config;
}

static void a_file_and_its_parents_become_one_config(void **st)
{
	actr_config *c = load(DATA "project/Actr.toml");

	(void)st;
	assert_int_equal(c->size, sizeof *c);
	assert_string_equal(c->package_name, "echo");
	assert_string_equal(c->package_manufacturer, "acme");
	assert_string_equal(c->package_type, "EchoService");
	assert_string_equal(c->package_description, "says it again");
	assert_null(c->package_license);
	assert_int_equal(c->package_author_count, 0); /* [package] is the child's alone */
	assert_int_equal(c->package_tag_count, 2);
	assert_string_equal(c->package_tags[1], "first");
	assert_string_equal(c->signaling_url, "ws://127.0.0.1:8080/signaling/ws");
	assert_string_equal(c->signaling_ca_file, DATA "project/../family/ca.pem");
	assert_int_equal(c->realm, 7);
	assert_true(c->discovery_hidden);
	assert_string_equal(c->log_filter, "debug");
	assert_true(c->tracing_enabled);
	assert_null(c->tracing_service_name); /* OTEL_SERVICE_NAME, then package.name */
	assert_true(c->tracing_sample_ratio == 0);
	assert_int_equal(c->mailbox_durability, ACTR_DURABILITY_NORMAL);
	assert_null(c->mailbox_path);
	assert_int_equal(c->port_min, 40000);
	assert_int_equal(c->port_max, 40099);
	assert_int_equal(c->script_count, 2);
	assert_string_equal(c->scripts[0].command, "./echo");
	assert_null(actr_config_free(c));
}

static void a_grandparents_paths_are_taken_from_its_own_directory(void **st)
{
	actr_config *c = load(DATA "project/Actr.toml");

	(void)st;
	assert_int_equal(c->export_count, 3); /* eldest first */
	assert_string_equal(c->exports[0].path, DATA "project/../family/shared/proto/eldest.proto");
	assert_string_equal(c->exports[0].content, "message Eldest {}\n");
	assert_string_equal(c->exports[1].content, "message Common {}\n");
	assert_string_equal(c->exports[2].path, DATA "project/proto/echo.proto");
	actr_config_free(c);
}

static void dependencies_take_the_alias_and_the_own_realm(void **st)
{
	actr_config *c = load(DATA "project/Actr.toml");
	const actr_config_dependency *d = c->dependencies;

	(void)st;
	assert_int_equal(c->dependency_count, 4);
	assert_string_equal(d[0].alias, "clock"); /* the child's replaces the parent's whole */
	assert_string_equal(d[0].actr_type, "clock");
	assert_int_equal(d[0].realm, 7);
	assert_null(d[0].fingerprint);
	assert_string_equal(d[1].alias, "log");
	assert_string_equal(d[2].actr_type, "acme:weather");
	assert_int_equal(d[2].realm, 9);
	assert_string_equal(d[3].actr_type, "acme:store");
	assert_string_equal(d[3].fingerprint, "service_semantic:11");
	actr_config_free(c);
}

static void ice_servers_are_texts_tables_and_lists(void **st)
{
	actr_config *c = load(DATA "project/Actr.toml");

	(void)st;
	assert_int_equal(c->ice_server_count, 4);
	assert_string_equal(c->ice_servers[0].url, "stun:stun.example.org");
	assert_null(c->ice_servers[0].username);
	assert_string_equal(c->ice_servers[1].credential, "c");
	assert_string_equal(c->ice_servers[3].url, "stun:b:2");
	actr_config_free(c);
}

static void inherited_rules_deny_over_allow(void **st)
{
	actr_config *c = load(DATA "project/Actr.toml");
	actr_id caller = {.realm = 7};

	(void)st;
	assert_int_equal(c->acl_rule_count, 3);
	assert_int_equal(c->acl_rules[0].realm, 7); /* none given: the own */
	assert_int_equal(actr_type_set(&caller.type, "acme", "other", NULL), 0);
	assert_true(actr__acl_allows(c, &caller));
	caller.realm = 8;
	assert_false(actr__acl_allows(c, &caller));
	caller.realm = 7;
	assert_int_equal(actr_type_set(&caller.type, "acme", "echo.Client", NULL), 0);
	assert_false(actr__acl_allows(c, &caller));
	actr_config_free(c);
}

static void all_of_our_own_keys_are_read(void **st)
{
	actr_config *c =
		parse(HEAD "[system.mailbox]\ndurability='full'\nmax_messages=5\n"
			   "max_bytes=6\nsender_percent=7\nmax_attempts=8\n"
			   "dlq_max_bytes=9\n"
			   "[system.webrtc]\nrelay_only=true\nport_range=[1, 65535]\n"
			   "data_socket=false\nmax_peers=10\npublic_address='203.0.113.5'\n"
			   "[system.storage]\nmailbox_path='m.db'\n"
			   "[system.observability]\ntracing_endpoint='http://o:4318'\n"
			   "tracing_service_name='s'\ntracing_sample_ratio=0.25\n"
			   "[system.loop]\nspin_us=11\n"
			   "[system.websocket]\nlisten='[::1]:0'\nurl='wss://h/'\n"
			   "cert_file='/c'\nkey_file='/k'\nafter_ms=12\n");

	(void)st;
	assert_int_equal(c->mailbox_durability, ACTR_DURABILITY_FULL);
	assert_int_equal(c->mailbox_max_messages, 5);
	assert_int_equal(c->mailbox_max_bytes, 6);
	assert_int_equal(c->mailbox_sender_percent, 7);
	assert_int_equal(c->mailbox_max_attempts, 8);
	assert_int_equal(c->dlq_max_bytes, 9);
	assert_true(c->relay_only);
	assert_int_equal(c->port_min, 1);
	assert_int_equal(c->port_max, 65535);
	assert_true(c->no_data_socket);
	assert_int_equal(c->max_peers, 10);
	assert_string_equal(c->public_address, "203.0.113.5");
	assert_string_equal(c->mailbox_path, "m.db");
	assert_string_equal(c->tracing_endpoint, "http://o:4318");
	assert_string_equal(c->tracing_service_name, "s");
	assert_true(c->tracing_sample_ratio == 0.25);
	assert_int_equal(c->spin_us, 11);
	assert_string_equal(c->websocket_listen, "[::1]:0");
	assert_string_equal(c->websocket_url, "wss://h/");
	assert_string_equal(c->websocket_cert_file, "/c");
	assert_string_equal(c->websocket_key_file, "/k");
	assert_int_equal(c->websocket_after_ms, 12);
	assert_false(c->has_acl);
	actr_config_free(c);
}

/* Behind HEAD, so line 9 is the first of `text`. */
static const struct bad {
	const char *text, *message;
} bad[] = {
	{"[system.webrtc]\nrelay_onyl=true\n",
	 "t:10: key `system.webrtc.relay_onyl`: expected a known key, did you mean `relay_only`?"},
	{"[system.webrtc]\nice_servers=['stan:x']\n",
	 "t:10: key `system.webrtc.ice_servers[0]`: expected a stun:, stuns:, turn: or turns: URL, "
	 "e.g. \"stun:host:3478\", got \"stan:x\""},
	{"[system.webrtc]\nice_servers=[{url='stun:x'},{usrname='x'}]\n",
	 "t:10: key `system.webrtc.ice_servers[1].usrname`: expected a known key, did you mean "
	 "`username`?"},
	{"[system.webrtc]\nport_range='9-8'\n",
	 "t:10: key `system.webrtc.port_range`: expected \"min-max\" or [min, max] with ports from "
	 "1 to 65535, got \"9-8\""},
	{"[system.webrtc]\nport_range='1-2x'\n",
	 "t:10: key `system.webrtc.port_range`: expected \"min-max\" or [min, max] with ports from "
	 "1 to 65535, got \"1-2x\""},
	{"[system.webrtc]\nmax_peers=0\n",
	 "t:10: key `system.webrtc.max_peers`: expected a whole number from 1 to 1000000, got 0"},
	{"[system.webrtc]\nmax_peers=-1\n",
	 "t:10: key `system.webrtc.max_peers`: expected a whole number from 1 to 1000000, got -1"},
	{"[system.webrtc]\nmax_peers=1.5\n",
	 "t:10: key `system.webrtc.max_peers`: expected a whole number from 1 to 1000000, got a "
	 "number with a fraction"},
	{"[system.mailbox]\ndurability='fast'\n",
	 "t:10: key `system.mailbox.durability`: expected \"full\" or \"normal\", got \"fast\""},
	{"[system.mailbox]\nmax_bytes=2020-01-01\n",
	 "t:10: key `system.mailbox.max_bytes`: expected a whole number from 1 to "
	 "9223372036854775807, got the time 2020-01-01"},
	{"[system.observability]\ntracing_enabled='yes'\n",
	 "t:10: key `system.observability.tracing_enabled`: expected true or false, got \"yes\""},
	{"[system.observability]\ntracing_endpoint='o:4317'\n",
	 "t:10: key `system.observability.tracing_endpoint`: expected an http:// or https:// URL, "
	 "got \"o:4317\""},
	{"[system.sigaling]\n",
	 "t:9: key `system.sigaling`: expected a known key, did you mean `signaling`?"},
	{"[acl]\nrules=[]\n", "t:10: key `acl.rules`: expected a known key, did you mean `rule`?"},
	{"[dependencies]\nx='y'\n",
	 "t:10: key `dependencies.x`: expected a table, e.g. {} or { fingerprint = \"…\" }, got "
	 "\"y\""},
	{"[dependencies]\nx={fingerprnt='y'}\n",
	 "t:10: key `dependencies.x.fingerprnt`: expected a known key, did you mean "
	 "`fingerprint`?"},
	{"[dependencies]\nx={realm=0}\n",
	 "t:10: key `dependencies.x.realm`: expected a whole number from 1 to 4294967295, got 0"},
	{"[scripts]\nx=1\n", "t:10: key `scripts.x`: expected text, got 1"},
	{"[package]\n", "t:9: not valid TOML: Error while parsing table header: "
			"cannot redefine existing table 'package'"},
	{"[x]\ny=\"\\u0000\"\n", "t:10: expected text without \\u0000"},
	{"[a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q]\n", "t:9: expected a key of at most 16 parts"},
};

static void a_wrong_value_names_file_line_key_and_what_was_expected(void **st)
{
	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		actr_error err = ACTR_ERROR_INIT;
		actr_config *c = NULL;
		char text[2048];
		int rc;

		snprintf(text, sizeof text, "%s%s", HEAD, bad[i].text);
		rc = actr__config_parse("t", actr__text(text), &c, &err);
		assert_int_equal(rc, ACTR_E_CONFIG);
		assert_string_equal(err.message, bad[i].message);
	}
}

/* Whole files. */
static const struct bad bad_files[] = {
	{"", "t:1: key `package.name`: expected text, got nothing"},
	{"edition = 2", "t:1: key `edition`: expected 1, got 2"},
	{"\nedition = '1'", "t:2: key `edition`: expected 1, got \"1\""},
	{"package = 1", "t:1: key `package`: expected a table, got 1"},
	{"system = 1", "t:1: key `system`: expected a table, got 1"},
	{"system.loop = 1", "t:1: key `system.loop`: expected a table, got 1"},
	{"inherit = ''", "t:1: key `inherit`: expected the path of a file, got \"\""},
	{"exports = 'x'", "t:1: key `exports`: expected a list of paths, got \"x\""},
	{"exports = [1]", "t:1: key `exports[0]`: expected the path of a .proto file, got 1"},
	{"acl = true", "t:1: key `acl`: expected a table with [[acl.rule]] entries, got true"},
	{"package.name = ''", "t:1: key `package.name`: expected text, got \"\""},
	{"package.tags = ['a', 1]", "t:1: key `package.tags`: expected a list of texts, got 1"},
	{"package.type = 'a.B'",
	 "t:1: key `package.type`: expected a name (a letter, then letters, digits, '-', '_'; at "
	 "most 32 bytes), got \"a.B\""},
	{"package.nmae = 'x'",
	 "t:1: key `package.nmae`: expected a known key, did you mean `name`?"},
	{"system.signaling.url = 'http://x'",
	 "t:1: key `system.signaling.url`: expected a ws:// or wss:// URL, got \"http://x\""},
	{"system.deployment.realm = 4294967296",
	 "t:1: key `system.deployment.realm`: expected a whole number from 1 to 4294967295, got "
	 "4294967296"},
	{"a = 1\na = 2", "t:2: not valid TOML: Error while parsing key-value pair: cannot redefine "
			 "existing integer 'a'"},
	{"a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	 "t:1: expected at most 32 brackets inside each other"},
};

static void a_broken_file_is_told_by_its_first_fault(void **st)
{
	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(bad_files); i++) {
		actr_error err = ACTR_ERROR_INIT;
		actr_config *c = NULL;

		assert_int_equal(actr__config_parse("t", actr__text(bad_files[i].text), &c, &err),
				 ACTR_E_CONFIG);
		assert_string_equal(err.message, bad_files[i].message);
		assert_null(c);
	}
}

static const struct bad bad_rules[] = {
	{"permission='alow'\nfrom='*'",
	 "t:10: key `acl.rule[0].permission`: expected \"allow\" or \"deny\", got \"alow\""},
	{"permission='deny'\nfrom='nobody'",
	 "t:11: key `acl.rule[0].from`: expected \"manufacturer:name\", \"*\", or a list of such, "
	 "got \"nobody\""},
	{"permission='deny'\nfrom=['a:b', 'c']",
	 "t:11: key `acl.rule[0].from`: expected \"manufacturer:name\", \"*\", or a list of such, "
	 "got \"c\""},
	{"permission='deny'\nfrom=[]",
	 "t:11: key `acl.rule[0].from`: expected at least one caller, got an array"},
	{"permission='deny'\nfrom='*'\nrealm='all'",
	 "t:12: key `acl.rule[0].realm`: expected \"*\" or a whole number from 1 to 4294967295, "
	 "got "
	 "\"all\""},
	{"permission='deny'",
	 "t:9: key `acl.rule[0].from`: expected \"manufacturer:name\" or \"*\", got nothing"},
	{"from='*'",
	 "t:9: key `acl.rule[0].permission`: expected \"allow\" or \"deny\", got nothing"},
	{"permission='deny'\nfrom='*'\ntype='x'",
	 "t:12: key `acl.rule[0].type`: expected a known key"},
};

static void defect_9_a_rule_that_cannot_be_read_is_an_error_with_its_line(void **st)
{
	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(bad_rules); i++) {
		actr_error err = ACTR_ERROR_INIT;
		actr_config *c = NULL;
		char text[1024];

		snprintf(text, sizeof text, "%s[[acl.rule]]\n%s\n", HEAD, bad_rules[i].text);
		assert_int_equal(actr__config_parse("t", actr__text(text), &c, &err),
				 ACTR_E_CONFIG);
		assert_string_equal(err.message, bad_rules[i].message);
	}
}

static void expect_failure(const char *path, const char *part)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_config *c = NULL;

	assert_int_equal(actr_config_load(path, &c, &err), ACTR_E_CONFIG);
	if (!strstr(err.message, part))
		fail_msg("\"%s\" does not have \"%s\"", err.message, part);
}

static void a_file_that_inherits_itself_is_refused(void **st)
{
	(void)st;
	expect_failure(DATA "cycle-a.toml", "cycle-b.toml: key `inherit`: expected a file that "
					    "does not inherit itself");
}

static void a_parent_or_export_that_is_missing_is_named_with_who_wants_it(void **st)
{
	(void)st;
	expect_failure(DATA "orphan.toml", "orphan.toml: key `inherit`: ");
	expect_failure(DATA "orphan.toml", "/config/nobody.toml: No such file or directory");
	expect_failure(DATA "no-export.toml", "no-export.toml:3: key `exports[1]`: ");
	expect_failure(DATA "no-export.toml", "/config/missing.proto: No such file or directory");
}

static void defect_71_a_missing_file_is_named_with_its_directory(void **st)
{
	char *here = getcwd(NULL, 0);
	char expected[4200];

	(void)st;
	assert_non_null(here);
	snprintf(expected, sizeof expected, "Nobody.toml: no such file in %s", here);
	expected[240] = 0;
	expect_failure("Nobody.toml", expected);
	free(here);
	expect_failure(TEST_DATA, "expected a regular file");
}

/* --- the n-th allocation fails --- */

static long until_failure;

static void *scarce_allocate(void *user, size_t size)
{
	(void)user;
	return until_failure-- > 0 ? malloc(size) : NULL;
}

static void *scarce_reallocate(void *user, void *block, size_t size)
{
	(void)user;
	return until_failure-- > 0 ? realloc(block, size) : NULL;
}

static void scarce_release(void *user, void *block)
{
	(void)user;
	free(block);
}

static void every_allocation_may_fail(void **st)
{
	const actr_allocator scarce = {scarce_allocate, scarce_reallocate, scarce_release, NULL};
	actr_config *c = NULL;
	int rc = ACTR_E_NOMEM;
	long n = 0;

	(void)st;
	actr_set_allocator(&scarce);
	for (; rc == ACTR_E_NOMEM; n++) {
		until_failure = n;
		rc = actr_config_load(DATA "project/Actr.toml", &c, NULL);
	}
	actr_set_allocator(NULL);
	assert_int_equal(rc, 0);
	assert_true(n > 10);
	actr_config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_and_its_parents_become_one_config),
		cmocka_unit_test(a_grandparents_paths_are_taken_from_its_own_directory),
		cmocka_unit_test(dependencies_take_the_alias_and_the_own_realm),
		cmocka_unit_test(ice_servers_are_texts_tables_and_lists),
		cmocka_unit_test(inherited_rules_deny_over_allow),
		cmocka_unit_test(all_of_our_own_keys_are_read),
		cmocka_unit_test(a_wrong_value_names_file_line_key_and_what_was_expected),
		cmocka_unit_test(a_broken_file_is_told_by_its_first_fault),
		cmocka_unit_test(defect_9_a_rule_that_cannot_be_read_is_an_error_with_its_line),
		cmocka_unit_test(a_file_that_inherits_itself_is_refused),
		cmocka_unit_test(a_parent_or_export_that_is_missing_is_named_with_who_wants_it),
		cmocka_unit_test(defect_71_a_missing_file_is_named_with_its_directory),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
