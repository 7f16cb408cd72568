#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/base.h"

static void each_time_is_in_the_bucket_whose_bounds_it_lies_between(void **state)
{
	(void)state;
	for (uint64_t us = 1; us < (1u << 28); us += us / 7 + 1) {
		const uint64_t times[] = {us * 1000 - 999, us * 1000 - 1, us * 1000};

		for (unsigned i = 0; i < 3; i++) {
			unsigned bucket = actr__histogram_bucket(times[i]);

			assert_true(us <= actr_histogram_bound_us(bucket));
			if (bucket)
				assert_true(us > actr_histogram_bound_us(bucket - 1));
		}
	}
	assert_int_equal(actr__histogram_bucket(0), 0);
	assert_int_equal(actr__histogram_bucket(UINT64_MAX), ACTR_HISTOGRAM_BUCKETS - 1);
	assert_int_equal(actr_histogram_bound_us(103), 1u << 27);
	assert_true(actr_histogram_bound_us(104) == UINT64_MAX);
}

static void bounds_rise_by_a_quarter_at_most(void **state)
{
	(void)state;
	for (unsigned i = 5; i < ACTR_HISTOGRAM_BUCKETS - 1; i++) {
		uint64_t low = actr_histogram_bound_us(i - 1), high = actr_histogram_bound_us(i);

		assert_true(high > low);
		assert_true(4 * (high - low) <= low);
	}
}

static void a_quantile_is_the_bound_that_so_many_values_do_not_exceed(void **state)
{
	actr_histogram h = {0};

	(void)state;
	assert_int_equal(actr_histogram_quantile_us(&h, 0.5), 0);
	for (uint64_t us = 1; us <= 100; us++)
		actr__histogram_add(&h, us * 1000);
	assert_int_equal(h.count, 100);
	assert_int_equal(h.sum_ns, 5050000);
	assert_int_equal(actr_histogram_quantile_us(&h, 0), 1);
	assert_int_equal(actr_histogram_quantile_us(&h, -1), 1);
	assert_int_equal(actr_histogram_quantile_us(&h, 0.04), 4);
	assert_int_equal(actr_histogram_quantile_us(&h, 0.5), 56); /* 50 lies in (48, 56] */
	assert_int_equal(actr_histogram_quantile_us(&h, 1), 112);
	assert_int_equal(actr_histogram_quantile_us(&h, 7), 112);
	actr__histogram_merge(&h, &h);
	assert_int_equal(h.count, 200);
	assert_int_equal(actr_histogram_quantile_us(&h, 0.5), 56);
}

static void every_result_has_its_outcome(void **state)
{
	(void)state;
	assert_int_equal(actr__outcome(0), 0);
	assert_int_equal(actr__outcome(17), 0);
	assert_int_equal(actr__outcome(ACTR_E_TIMEOUT), 11);
	assert_int_equal(actr__outcome(-31), 31);
	assert_int_equal(actr__outcome(-32), 8);
	assert_int_equal(actr__outcome(INT32_MIN), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_time_is_in_the_bucket_whose_bounds_it_lies_between),
		cmocka_unit_test(bounds_rise_by_a_quarter_at_most),
		cmocka_unit_test(a_quantile_is_the_bound_that_so_many_values_do_not_exceed),
		cmocka_unit_test(every_result_has_its_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
