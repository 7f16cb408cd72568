/* The Binding responder against RFC 8489, and RFC 5769's address for the masking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "stun.h"

/* The transaction id of RFC 5769 2.1. */
#define HEADER(size)                                                                               \
	0x00, 0x01, 0x00, size, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6,  \
		0x86, 0xfa, 0x87, 0xdf, 0xae

static struct sockaddr_in v4(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(32853)};

	inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
	return address;
}

static size_t ask(const uint8_t *bytes, size_t size, uint8_t *out)
{
	struct sockaddr_in from = v4();

	return stun_answer(actr__bytes(bytes, size), (const void *)&from, out);
}

static void a_request_is_answered_with_the_masked_address_of_rfc_5769(void **state)
{
	static const uint8_t request[] = {HEADER(0)};
	static const uint8_t address[] = {0x00, 0x20, 0x00, 0x08, 0x00, 0x01,
					  0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43};
	uint8_t out[STUN_ANSWER_MAX];

	(void)state;
	assert_int_equal(ask(request, sizeof request, out), 32);
	assert_int_equal(out[0] << 8 | out[1], 0x0101);
	assert_int_equal(out[3], 12);
	assert_memory_equal(out + 4, request + 4, 16);
	assert_memory_equal(out + 20, address, sizeof address);
}

static void an_ipv6_address_is_masked_with_the_transaction_too(void **state)
{
	static const uint8_t request[] = {HEADER(0)};
	/* RFC 5769 2.3: 2001:db8:1234:5678:11:2233:4455:6677, port 32853. */
	static const uint8_t address[] = {0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47,
					  0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79,
					  0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9};
	struct sockaddr_in6 from = {.sin6_family = AF_INET6, .sin6_port = htons(32853)};
	uint8_t out[STUN_ANSWER_MAX];

	(void)state;
	inet_pton(AF_INET6, "2001:db8:1234:5678:11:2233:4455:6677", &from.sin6_addr);
	assert_int_equal(
		stun_answer(actr__bytes(request, sizeof request), (const void *)&from, out), 44);
	assert_memory_equal(out + 20, address, sizeof address);
}

static void a_request_without_cookie_is_answered_as_rfc_3489_says(void **state)
{
	uint8_t request[] = {HEADER(0)}, out[STUN_ANSWER_MAX];
	static const uint8_t address[] = {0x00, 0x01, 0x00, 0x08, 0x00, 0x01,
					  0x80, 0x55, 192,  0,	  2,	1};

	(void)state;
	request[7] ^= 1;
	assert_int_equal(ask(request, sizeof request, out), 32);
	assert_int_equal(out[0] << 8 | out[1], 0x0101);
	assert_memory_equal(out + 4, request + 4, 16);
	assert_memory_equal(out + 20, address, sizeof address);
}

static void an_unknown_attribute_that_must_be_understood_is_answered_with_420(void **state)
{
	static const uint8_t request[] = {HEADER(8), 0x00, 0x77, 0x00, 0x01, 0xff, 0, 0, 0};
	uint8_t out[STUN_ANSWER_MAX];

	(void)state;
	assert_int_equal(ask(request, sizeof request, out), 36);
	assert_int_equal(out[0] << 8 | out[1], 0x0111);
	assert_int_equal(out[26] * 100 + out[27], 420);
	assert_int_equal(out[28] << 8 | out[29], 0x000a);
	assert_int_equal(out[32] << 8 | out[33], 0x0077);
}

static void software_and_fingerprint_may_stand_in_a_request(void **state)
{
	static const uint8_t request[] = {HEADER(8), 0x80, 0x22, 0x00, 0x03, 'a', 'b', 'c', 0};
	uint8_t out[STUN_ANSWER_MAX];

	(void)state;
	assert_int_equal(ask(request, sizeof request, out), 32);
}

static void what_is_no_binding_request_is_not_answered(void **state)
{
	static const uint8_t request[] = {HEADER(0)};
	static const uint8_t cut[] = {HEADER(4), 0x80, 0x22, 0x00, 0x03};
	uint8_t out[STUN_ANSWER_MAX], other[20];

	(void)state;
	for (size_t size = 0; size < sizeof request; size++)
		assert_int_equal(ask(request, size, out), 0);
	assert_int_equal(ask(cut, sizeof cut, out), 0);
	for (size_t i = 0; i < 4; i++) { /* type and length */
		memcpy(other, request, sizeof other);
		other[i] ^= 0x40;
		assert_int_equal(ask(other, sizeof other, out), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered_with_the_masked_address_of_rfc_5769),
		cmocka_unit_test(an_ipv6_address_is_masked_with_the_transaction_too),
		cmocka_unit_test(a_request_without_cookie_is_answered_as_rfc_3489_says),
		cmocka_unit_test(an_unknown_attribute_that_must_be_understood_is_answered_with_420),
		cmocka_unit_test(software_and_fingerprint_may_stand_in_a_request),
		cmocka_unit_test(what_is_no_binding_request_is_not_answered),
	};

	return cmocka_run_group_tests_name("server/stun", tests, NULL, NULL);
}
