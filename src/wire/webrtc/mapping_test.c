/* A public address that the configuration tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/webrtc/mapping_internal.h"

static const char *map(const char *address, const char *line)
{
	static char out[ACTR__CANDIDATE_TEXT_SIZE];
	struct actr__mapping m;

	assert_int_equal(actr__mapping_parse(address, &m, NULL), 0);
	return actr__mapping_apply(&m, line, out) ? out : "";
}

#define HOST "candidate:7 1 udp 2015363327 10.0.0.2 40000 typ host"

static void defect_24_a_host_candidate_is_mapped_once_with_its_port(void **st)
{
	static const char mapped[] = "candidate:m7 1 udp 1679819007 203.0.113.5 40000 typ srflx "
				     "raddr 10.0.0.2 rport 40000";

	(void)st;
	assert_string_equal(map("203.0.113.5", HOST), mapped);
	assert_string_equal(map("203.0.113.5/10.0.0.2", HOST), mapped);
	assert_string_equal(map("203.0.113.5", mapped), "");
	assert_string_equal(map("203.0.113.5", "candidate:8 1 udp 1 198.51.100.1 40000 typ srflx "
					       "raddr 10.0.0.2 rport 40000"),
			    "");
}

static void defect_24_only_what_the_configuration_names_is_mapped(void **st)
{
	(void)st;
	assert_string_equal(map(NULL, HOST), "");
	assert_string_equal(map("203.0.113.5/10.0.0.3", HOST), "");
	assert_string_equal(map("10.0.0.2", HOST), ""); /* it is the public one */
	assert_string_equal(map("2001:db8::1", HOST), "");
	assert_string_equal(map("203.0.113.5", "candidate:7 1 udp 1 127.0.0.1 4 typ host"), "");
	assert_string_equal(
		map("203.0.113.5", "candidate:7 1 tcp 1 10.0.0.2 9 typ host tcptype active"), "");
	assert_string_equal(map("203.0.113.5", "candidate:7 1 udp 1 10.0.0.2 4 typ relay"), "");
	assert_string_equal(map("203.0.113.5", "garbage"), "");
}

static void what_is_no_address_is_refused_by_name(void **st)
{
	static const char *const bad[] = {"",
					  "host",
					  "203.0.113.5:80",
					  "0.0.0.0",
					  "203.0.113.5/",
					  "/10.0.0.2",
					  "127.0.0.1",
					  "203.0.113.5/::1",
					  "203.0.113.5/fe80::1",
					  "224.0.0.1",
					  "203.0.113.5/10/10",
					  "203.0.113.5 "};
	actr_error err = ACTR_ERROR_INIT;
	struct actr__mapping m;

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(actr__mapping_parse(bad[i], &m, &err), ACTR_E_CONFIG);
		assert_non_null(strstr(err.message, "system.webrtc.public_address"));
		assert_false(m.is_set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defect_24_a_host_candidate_is_mapped_once_with_its_port),
		cmocka_unit_test(defect_24_only_what_the_configuration_names_is_mapped),
		cmocka_unit_test(what_is_no_address_is_refused_by_name),
	};

	return cmocka_run_group_tests_name("mapping", tests, NULL, NULL);
}
