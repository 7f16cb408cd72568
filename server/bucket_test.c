/* The token bucket: what it gives at once, in the long run, and at odd times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bucket.h"

static unsigned drain(struct bucket *bucket, uint64_t now_ms)
{
	unsigned count = 0;

	while (bucket_take(bucket, now_ms))
		count++;
	return count;
}

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
	struct bucket bucket;
	unsigned given = 0;

	(void)state;
	bucket_init(&bucket, 200, 1000, 5);
	assert_int_equal(drain(&bucket, 5), 1000);
	for (uint64_t ms = 6; ms <= 10005; ms++)
		given += drain(&bucket, ms);
	assert_int_equal(given, 2000); /* ten seconds */
}

static void a_slow_rate_is_not_rounded_up(void **state)
{
	struct bucket bucket;
	unsigned given = 0;

	(void)state;
	bucket_init(&bucket, 1, 1, 0);
	assert_int_equal(drain(&bucket, 0), 1);
	for (uint64_t ms = 0; ms < 60000; ms += 7)
		given += drain(&bucket, ms);
	assert_int_equal(given, 59);
}

static void a_long_rest_fills_it_and_no_more(void **state)
{
	struct bucket bucket;

	(void)state;
	bucket_init(&bucket, 4000000000u, 10, 0);
	assert_int_equal(drain(&bucket, 0), 10);
	assert_int_equal(drain(&bucket, UINT64_MAX / 2), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
		cmocka_unit_test(a_slow_rate_is_not_rounded_up),
		cmocka_unit_test(a_long_rest_fills_it_and_no_more),
	};

	return cmocka_run_group_tests_name("server/bucket", tests, NULL, NULL);
}
