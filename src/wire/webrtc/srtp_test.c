#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/webrtc/srtp_internal.h"

static const char *const profiles[] = {"SRTP_AEAD_AES_128_GCM", "SRTP_AEAD_AES_256_GCM",
				       "SRTP_AES128_CM_SHA1_80"};

struct pair {
	struct actr__srtp *client, *server;
};

static struct pair make(const char *profile)
{
	uint8_t keying[ACTR__SRTP_KEYING_MAX];
	struct pair pair;

	for (size_t i = 0; i < sizeof keying; i++)
		keying[i] = (uint8_t)(i * 7 + 1);
	assert_true(actr__srtp_keying_size(profile) <= sizeof keying);
	assert_int_equal(actr__srtp_new(profile, keying, true, &pair.client, NULL), 0);
	assert_int_equal(actr__srtp_new(profile, keying, false, &pair.server, NULL), 0);
	return pair;
}

static void end(struct pair pair)
{
	assert_null(actr__srtp_free(pair.client));
	assert_null(actr__srtp_free(pair.server));
}

#define PLAIN 100u

static size_t protect(struct actr__srtp *srtp, uint16_t sequence, uint8_t *out)
{
	memset(out, 0x55, PLAIN + ACTR__SRTP_TAIL);
	memcpy(out,
	       (uint8_t[]){0x80, 96, (uint8_t)(sequence >> 8), (uint8_t)sequence, 0, 0, 0, 1, 0xaa,
			   0xbb, 0xcc, 0xdd},
	       12);
	return actr__srtp_protect(srtp, out, PLAIN, false);
}

static void every_profile_carries_packets_both_ways(void **st)
{
	uint8_t packet[PLAIN + ACTR__SRTP_TAIL];

	(void)st;
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct pair pair = make(profiles[i]);
		size_t size = protect(pair.client, 7, packet);

		assert_true(size > PLAIN);
		assert_true(packet[50] != 0x55);
		assert_int_equal(actr__srtp_unprotect(pair.server, packet, size, false), PLAIN);
		assert_int_equal(packet[50], 0x55);
		size = protect(pair.server, 7, packet);
		assert_int_equal(actr__srtp_unprotect(pair.client, packet, size, false), PLAIN);
		memcpy(packet, (uint8_t[]){0x80, 201, 0, 1, 1, 2, 3, 4}, 8);
		size = actr__srtp_protect(pair.client, packet, 8, true);
		assert_true(size > 8);
		assert_int_equal(actr__srtp_unprotect(pair.server, packet, size, true), 8);
		end(pair);
	}
}

static void a_changed_byte_anywhere_is_noticed(void **st)
{
	struct pair pair = make(profiles[0]);
	uint8_t packet[PLAIN + ACTR__SRTP_TAIL], copy[PLAIN + ACTR__SRTP_TAIL];
	size_t size = protect(pair.client, 7, packet);

	(void)st;
	for (size_t i = 0; i < size; i++) {
		memcpy(copy, packet, size);
		copy[i] ^= 0x10;
		assert_int_equal(actr__srtp_unprotect(pair.server, copy, size, false), 0);
	}
	for (size_t i = 0; i < size; i++) {
		memcpy(copy, packet, size);
		assert_int_equal(actr__srtp_unprotect(pair.server, copy, i, false), 0);
	}
	assert_int_equal(actr__srtp_unprotect(pair.server, packet, size, false), PLAIN);
	end(pair);
}

static void a_packet_is_taken_once_but_may_be_sent_twice(void **st)
{
	struct pair pair = make(profiles[0]);
	uint8_t packet[PLAIN + ACTR__SRTP_TAIL], again[PLAIN + ACTR__SRTP_TAIL];
	size_t size = protect(pair.client, 7, packet);

	(void)st;
	assert_int_equal(protect(pair.client, 4000, again), size); /* well ahead */
	assert_int_equal(protect(pair.client, 7, again), size);
	assert_memory_equal(packet, again, size);
	assert_int_equal(actr__srtp_unprotect(pair.server, packet, size, false), PLAIN);
	assert_int_equal(actr__srtp_unprotect(pair.server, again, size, false), 0);
	end(pair);
}

static void a_forgotten_stream_begins_anew(void **st)
{
	struct pair pair = make(profiles[0]);
	uint8_t packet[PLAIN + ACTR__SRTP_TAIL], again[PLAIN + ACTR__SRTP_TAIL];
	size_t size = protect(pair.client, 7, packet);

	(void)st;
	memcpy(again, packet, size);
	assert_int_equal(actr__srtp_unprotect(pair.server, packet, size, false), PLAIN);
	actr__srtp_forget_received(pair.server, 0xaabbccdd);
	assert_int_equal(actr__srtp_unprotect(pair.server, again, size, false), PLAIN);
	actr__srtp_forget_received(pair.server, 1); /* never heard of */
	actr__srtp_forget_sent(pair.server, 1);
	end(pair);
}

static void an_unknown_profile_is_refused(void **st)
{
	static const uint8_t keying[ACTR__SRTP_KEYING_MAX];
	struct actr__srtp *srtp;

	(void)st;
	assert_int_equal(actr__srtp_keying_size("SRTP_NULL"), 0);
	assert_int_equal(actr__srtp_keying_size(NULL), 0);
	assert_int_equal(actr__srtp_new("SRTP_NULL", keying, true, &srtp, NULL),
			 ACTR_E_UNIMPLEMENTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_profile_carries_packets_both_ways),
		cmocka_unit_test(a_changed_byte_anywhere_is_noticed),
		cmocka_unit_test(a_packet_is_taken_once_but_may_be_sent_twice),
		cmocka_unit_test(a_forgotten_stream_begins_anew),
		cmocka_unit_test(an_unknown_profile_is_refused),
	};

	return cmocka_run_group_tests_name("srtp", tests, NULL, NULL);
}
