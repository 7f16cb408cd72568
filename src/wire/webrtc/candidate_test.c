#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "wire/webrtc/candidate_internal.h"

static struct actr__candidate c;

static int parse(const char *line)
{
	return actr__candidate_parse(actr__text(line), &c, NULL);
}

static void all_prefixes_mean_the_same(void **st)
{
	static const char *const lines[] = {
		"a=candidate:1677039433 1 udp 2130706431 10.77.0.1 50147 typ host",
		"candidate:1677039433 1 udp 2130706431 10.77.0.1 50147 typ host",
		"1677039433 1 UDP 2130706431 10.77.0.1 50147 typ host",
	};
	char text[ACTR__CANDIDATE_TEXT_SIZE];

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(parse(lines[i]), 0);
		assert_string_equal(actr__candidate_format(&c, text), lines[1]);
	}
}

static void relay_tcp_and_extensions_survive_a_round_trip(void **st)
{
	static const char relay[] = "candidate:a+/9 1 udp 41885439 2001:db8::9 443 typ relay raddr "
				    "2001:db8::1 rport 5000";
	static const char tcp[] =
		"candidate:2 1 tcp 1518214911 192.0.2.1 9 typ host tcptype active";
	char text[ACTR__CANDIDATE_TEXT_SIZE];

	(void)st;
	assert_int_equal(parse(relay), 0);
	assert_int_equal(c.type, ACTR__CANDIDATE_RELAY);
	assert_true(c.has_related);
	assert_string_equal(actr__candidate_format(&c, text), relay);
	assert_int_equal(parse(tcp), 0);
	assert_int_equal(c.transport, ACTR__CANDIDATE_TCP_ACTIVE);
	assert_string_equal(actr__candidate_format(&c, text), tcp);
	assert_int_equal(parse("candidate:1 1 udp 5 192.0.2.1 9 typ host generation 0 ufrag abcd "
			       "network-id 1"),
			 0);
	assert_true(actr__bytes_equal_text(c.ufrag, "abcd"));
}

static void malformed_lines_are_refused(void **st)
{
	static const char *const bad[] = {
		"",
		"candidate:",
		"candidate:1",
		"candidate:1 1 udp 1 192.0.2.1",
		"candidate:1 0 udp 1 192.0.2.1 9 typ host",
		"candidate:1 257 udp 1 192.0.2.1 9 typ host",
		"candidate:1 1 udp 4294967296 192.0.2.1 9 typ host",
		"candidate:1 1 udp -1 192.0.2.1 9 typ host",
		"candidate:1 1 udp 1 192.0.2.1 65536 typ host",
		"candidate:1 1 udp 1 192.0.2.1 9 type host",
		"candidate:1 1 udp 1 192.0.2.1 9 typ host dangling",
		"candidate:1 1 udp 1 192.0.2.1 9 typ srflx raddr 192.0.2.2 rport x",
		"candidate:a=b 1 udp 1 192.0.2.1 9 typ host",
		"candidate:0123456789012345678901234567890123 1 udp 1 192.0.2.1 9 typ host",
	};

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse(bad[i]), ACTR_E_DECODE);
	assert_int_equal(parse("candidate:1 1 sctp 1 192.0.2.1 9 typ host"), ACTR_E_UNIMPLEMENTED);
	assert_int_equal(parse("candidate:1 1 udp 1 192.0.2.1 9 typ other"), ACTR_E_UNIMPLEMENTED);
	assert_int_equal(parse("candidate:1 1 udp 1 example.org 9 typ host"), ACTR_E_UNIMPLEMENTED);
}

static enum actr__candidate_verdict judge(const char *ip, bool loopback)
{
	char line[200];

	(void)snprintf(line, sizeof line, "candidate:1 1 udp 1 %s 9 typ host", ip);
	assert_int_equal(parse(line), 0);
	return actr__candidate_judge(&c, loopback);
}

static void only_addresses_that_can_be_a_peers_are_used(void **st)
{
	static const char *const denied[] = {
		"0.0.0.0", "169.254.1.1", "224.0.0.1", "255.255.255.255",
		"::",	   "fe80::1",	  "ff02::1",   "::ffff:169.254.1.1"};

	(void)st;
	assert_int_equal(judge("192.0.2.1", false), ACTR__CANDIDATE_USE);
	assert_int_equal(judge("10.0.0.1", false), ACTR__CANDIDATE_USE);
	assert_int_equal(judge("2001:db8::1", false), ACTR__CANDIDATE_USE);
	for (size_t i = 0; i < ARRAY_SIZE(denied); i++)
		assert_int_equal(judge(denied[i], true), ACTR__CANDIDATE_DENY);
	assert_int_equal(judge("127.0.0.1", false), ACTR__CANDIDATE_DENY);
	assert_int_equal(judge("::1", false), ACTR__CANDIDATE_DENY);
	assert_int_equal(judge("::ffff:127.0.0.1", false), ACTR__CANDIDATE_DENY);
	assert_int_equal(judge("127.0.0.1", true), ACTR__CANDIDATE_USE);
	assert_int_equal(judge("::1", true), ACTR__CANDIDATE_USE);
	assert_int_equal(judge("f0e1.local", true), ACTR__CANDIDATE_MDNS);
}

static void other_components_tcp_and_port_zero_are_not_used(void **st)
{
	(void)st;
	assert_int_equal(parse("candidate:1 2 udp 1 192.0.2.1 9 typ host"), 0);
	assert_int_equal(actr__candidate_judge(&c, true), ACTR__CANDIDATE_NO_MATCH);
	assert_int_equal(parse("candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype passive"), 0);
	assert_int_equal(actr__candidate_judge(&c, true), ACTR__CANDIDATE_NO_MATCH);
	assert_int_equal(parse("candidate:1 1 udp 1 192.0.2.1 0 typ host"), 0);
	assert_int_equal(actr__candidate_judge(&c, true), ACTR__CANDIDATE_DENY);
}

static void every_prefix_of_a_line_is_read_or_refused(void **st)
{
	static const char line[] = "a=candidate:842163049 1 udp 1677729535 198.51.100.7 45664 typ "
				   "srflx raddr 10.0.0.5 rport 45664 generation 0 ufrag XvBq";

	(void)st;
	for (size_t size = 0; size < sizeof line; size++) {
		char *copy = actr__memdup(line, size);
		int rc = actr__candidate_parse(actr__bytes(copy, size), &c, NULL);

		assert_true(rc == 0 || rc == ACTR_E_DECODE || rc == ACTR_E_UNIMPLEMENTED);
		actr__free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_prefixes_mean_the_same),
		cmocka_unit_test(relay_tcp_and_extensions_survive_a_round_trip),
		cmocka_unit_test(malformed_lines_are_refused),
		cmocka_unit_test(only_addresses_that_can_be_a_peers_are_used),
		cmocka_unit_test(other_components_tcp_and_port_zero_are_not_used),
		cmocka_unit_test(every_prefix_of_a_line_is_read_or_refused),
	};

	return cmocka_run_group_tests_name("candidate", tests, NULL, NULL);
}
