/* Addresses that a server may name to nodes, and those that lead nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "address.h"

static void defect_68_an_address_that_leads_nowhere_is_known_as_such(void **state)
{
	static const char *const bad[] = {"0.0.0.0",	     "::",	"0.1.2.3", "224.0.0.1",
					  "255.255.255.255", "ff02::1", "fe80::1"};
	static const char *const good[] = {"127.0.0.1", "10.1.2.3",    "198.51.100.7",
					   "::1",	"2001:db8::1", "example.org"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_true(address_is_unroutable(bad[i]));
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_false(address_is_unroutable(good[i]));
	assert_true(address_is_wildcard("0.0.0.0"));
	assert_true(address_is_wildcard("::"));
	assert_false(address_is_wildcard("127.0.0.1"));
	assert_false(address_is_wildcard("example.org"));
}

static void defect_68_a_wildcard_has_an_address_that_leads_here(void **state)
{
	static const char *const wildcards[] = {"0.0.0.0", "::"};
	char own[64];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_ptr_equal(address_own(wildcards[i], own, sizeof own), own);
		assert_true(strlen(own) > 0);
		assert_false(address_is_unroutable(own));
	}
	assert_null(strchr(address_own("0.0.0.0", own, sizeof own), ':'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defect_68_an_address_that_leads_nowhere_is_known_as_such),
		cmocka_unit_test(defect_68_a_wildcard_has_an_address_that_leads_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
