#include "mailbox/mailbox_test.h"

static int setup(void **state)
{
	struct owner *o = calloc(1, sizeof *o);

	assert_int_equal(actr__loop_new_virtual(&o->loop, NULL), 0);
	*state = o;
	return 0;
}

static int teardown(void **state)
{
	struct owner *o = *state;

	actr__mailbox_free(o->mailbox);
	actr__loop_free(o->loop);
	free(o);
	return 0;
}

static struct actr__mailbox *open_with(struct owner *o, struct actr__mailbox_options options)
{
	options.self = test_id(99);
	assert_int_equal(actr__mailbox_open(o->loop, &options, &owner_events, o, &o->mailbox, NULL),
			 0);
	return o->mailbox;
}

static struct actr__mailbox *open_default(struct owner *o)
{
	return open_with(o, (struct actr__mailbox_options){0});
}

static void mail_comes_back_in_order_and_readiness_is_told_once(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_default(o);
	struct actr__mail *a, *b;

	assert_null(actr__mailbox_take(m));
	assert_int_equal(submit(m, "a", 1, ACTR__MAIL_NORMAL), 0);
	assert_int_equal(submit(m, "b", 1, ACTR__MAIL_NORMAL), 0);
	assert_int_equal(o->ready, 0); /* never from inside submit */
	actr__loop_advance(o->loop, 0);
	assert_int_equal(o->ready, 1);
	a = actr__mailbox_take(m);
	b = actr__mailbox_take(m);
	assert_text(a, "a");
	assert_text(b, "b");
	assert_true(b->id > a->id);
	assert_false(a->redelivered);
	assert_null(actr__mailbox_take(m));
	actr__mailbox_ack(m, b);
	actr__mailbox_ack(m, a);
	assert_int_equal(submit(m, "c", 1, ACTR__MAIL_NORMAL), 0);
	actr__loop_advance(o->loop, 0);
	assert_int_equal(o->ready, 2);
}

static void an_owner_that_did_not_empty_the_mailbox_is_not_told_again(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_default(o);

	submit(m, "a", 1, ACTR__MAIL_NORMAL);
	actr__loop_advance(o->loop, 0);
	submit(m, "b", 1, ACTR__MAIL_NORMAL);
	actr__loop_advance(o->loop, 0);
	assert_int_equal(o->ready, 1);
}

static void classes_are_weighted_eight_four_one(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_default(o);
	unsigned taken[3] = {0};

	for (unsigned i = 0; i < 39; i++)
		for (unsigned c = 0; c < 3; c++)
			assert_int_equal(submit(m, "x", 1, c), 0);
	for (unsigned i = 0; i < 39; i++) {
		struct actr__mail *mail = actr__mailbox_take(m);

		taken[mail->mail_class]++;
		actr__mailbox_ack(m, mail);
	}
	assert_int_equal(taken[ACTR__MAIL_HIGH], 24);
	assert_int_equal(taken[ACTR__MAIL_NORMAL], 12);
	assert_int_equal(taken[ACTR__MAIL_LOW], 3);
}

static void a_class_alone_gets_everything(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_default(o);

	for (unsigned i = 0; i < 20; i++)
		submit(m, "x", 1, ACTR__MAIL_LOW);
	for (unsigned i = 0; i < 20; i++)
		assert_non_null(actr__mailbox_take(m));
	assert_null(actr__mailbox_take(m));
}

static void a_full_mailbox_refuses_and_says_so(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_with(
		o, (struct actr__mailbox_options){.max_messages = 10, .sender_percent = 100});
	struct actr__mailbox_stats stats;
	actr_id id = test_id(1);
	actr_error err = ACTR_ERROR_INIT;
	struct actr__msg *msg = test_msg("over", 0);

	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(submit(m, "x", 1, ACTR__MAIL_NORMAL), 0);
	assert_int_equal(actr__mailbox_submit(m, msg, &id, ACTR__MAIL_NORMAL, NULL, &err),
			 ACTR_E_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(err.message, "acme:Caller@1:7"));
	assert_non_null(strstr(err.message, "10 of 10 messages"));
	actr__msg_unref(msg); /* it stayed ours */
	actr__mailbox_stats(m, &stats);
	assert_int_equal(stats.refused_total, 1);
	assert_int_equal(stats.queued, 10);
	actr__mailbox_ack(m, actr__mailbox_take(m));
	assert_int_equal(submit(m, "fits", 1, ACTR__MAIL_NORMAL), 0);
}

static void bytes_are_a_quota_too(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_with(
		o, (struct actr__mailbox_options){.max_bytes = 1000, .sender_percent = 100});
	actr_id id = test_id(1);
	struct actr__msg *big = test_msg("big", 700), *more = test_msg("more", 700);
	struct actr__mailbox_stats stats;

	assert_int_equal(actr__mailbox_submit(m, big, &id, ACTR__MAIL_NORMAL, NULL, NULL), 0);
	assert_int_equal(actr__mailbox_submit(m, more, &id, ACTR__MAIL_NORMAL, NULL, NULL),
			 ACTR_E_RESOURCE_EXHAUSTED);
	actr__mailbox_stats(m, &stats);
	assert_int_equal(stats.bytes, big->size);
	actr__mailbox_ack(m, actr__mailbox_take(m));
	assert_int_equal(actr__mailbox_submit(m, more, &id, ACTR__MAIL_NORMAL, NULL, NULL), 0);
}

static void past_high_water_one_sender_cannot_shut_out_the_others(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_with(o, (struct actr__mailbox_options){.max_messages = 100});
	unsigned refused = 0;

	for (unsigned i = 0; i < 100000; i++)
		refused += submit(m, "flood", 1, ACTR__MAIL_NORMAL) < 0;
	assert_int_equal(refused, 100000 - 80);
	for (uint64_t serial = 2; serial < 4; serial++) {
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(submit(m, "quiet", serial, ACTR__MAIL_NORMAL), 0);
		assert_int_equal(submit(m, "quiet", serial, ACTR__MAIL_NORMAL),
				 ACTR_E_RESOURCE_EXHAUSTED);
	}
}

static void past_high_water_a_sender_of_large_mail_has_its_share_of_bytes(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_default(o);
	struct actr__mailbox_stats stats;

	assert_int_equal(submit(m, "x", 1, ACTR__MAIL_NORMAL), 0);
	actr__mailbox_stats(m, &stats); /* what one costs */
	actr__mailbox_free(m);
	m = open_with(o, (struct actr__mailbox_options){.max_bytes = stats.bytes * 100});
	for (unsigned i = 0; i < 80; i++)
		assert_int_equal(submit(m, "x", 1, ACTR__MAIL_NORMAL), 0);
	assert_int_equal(submit(m, "x", 1, ACTR__MAIL_NORMAL), ACTR_E_RESOURCE_EXHAUSTED);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(submit(m, "x", 2, ACTR__MAIL_NORMAL), 0);
	assert_int_equal(submit(m, "x", 2, ACTR__MAIL_NORMAL), ACTR_E_RESOURCE_EXHAUSTED);
}

static void high_water_is_told_when_reached_and_when_left(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_with(o, (struct actr__mailbox_options){.max_messages = 10});

	for (unsigned i = 0; i < 8; i++)
		submit(m, "x", i, ACTR__MAIL_NORMAL);
	assert_int_equal(o->states, 0);
	actr__loop_advance(o->loop, 0);
	assert_int_equal(o->states, 1);
	assert_true(o->high);
	actr__mailbox_ack(m, actr__mailbox_take(m));
	actr__loop_advance(o->loop, 0);
	assert_int_equal(o->states, 1); /* 70 %: not yet left */
	actr__mailbox_ack(m, actr__mailbox_take(m));
	actr__loop_advance(o->loop, 0);
	assert_int_equal(o->states, 2);
	assert_false(o->high);
}

static void many_senders_come_and_go_without_growth(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_with(o, (struct actr__mailbox_options){.max_messages = 10});

	for (uint64_t serial = 0; serial < 5000; serial++) {
		assert_int_equal(submit(m, "x", serial, ACTR__MAIL_NORMAL), 0);
		actr__mailbox_ack(m, actr__mailbox_take(m));
	}
}

struct seen_letters {
	unsigned count;
	char ids[8][ACTR_UUID_SIZE], categories[8][32];
};

static bool check_mail_letter(void *user, const struct actr__dead_letter *l)
{
	struct seen_letters *seen = user;

	snprintf(seen->ids[seen->count], ACTR_UUID_SIZE, "%s", l->id);
	snprintf(seen->categories[seen->count++], 32, "%s", l->error_category);
	if (strcmp(l->error_category, "handler"))
		return true;
	assert_string_equal(l->error_message, "it is \"bad\"");
	assert_string_equal(l->request_id, "r-poison");
	assert_string_equal(l->context,
			    "{\"source\":\"mailbox\",\"priority\":\"high\",\"attempts\":0}");
	assert_memory_equal(l->trace_id, "mailbox-", 8);
	assert_string_equal(l->trace_id + 8, l->original_message_id);
	assert_true(l->from.size > 0 && l->to.size > 0 && l->raw_bytes.size > 0);
	assert_true(l->created_ms > 1000000000000);
	assert_int_equal(l->id[14], '8');
	return true;
}

static void a_buried_mail_keeps_all_fields_of_the_page(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_default(o);
	struct actr__dead_letter raw = {.id = "00000000-0000-4000-8000-000000000001",
					.raw_bytes = actr__text("\xff\xff"),
					.error_category = "protobuf_decode",
					.error_message = "no",
					.trace_id = "gate-1"};
	struct seen_letters seen = {0};
	struct actr__mailbox_stats stats;

	submit(m, "poison", 1, ACTR__MAIL_HIGH);
	actr__mailbox_bury(m, actr__mailbox_take(m), "handler", "it is \"bad\"");
	assert_int_equal(actr__mailbox_bury_bytes(m, &raw, NULL), 0);
	assert_int_equal(actr__mailbox_visit_letters(m, check_mail_letter, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.ids[0], raw.id); /* newest first */
	assert_string_equal(seen.categories[1], "handler");
	actr__mailbox_stats(m, &stats);
	assert_int_equal(stats.dead_letters, 2);
	assert_int_equal(stats.buried_total, 1);
	assert_int_equal(stats.queued + stats.in_flight, 0);
	assert_int_equal(o->letters, 2);
	assert_string_equal(o->last_letter, raw.id);
	assert_string_equal(o->last_category, "protobuf_decode");
}

static void dead_letters_are_bounded_and_the_oldest_go(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m =
		open_with(o, (struct actr__mailbox_options){.dlq_max_bytes = 1000});
	struct actr__mailbox_stats stats;

	for (unsigned i = 0; i < 50; i++) {
		submit(m, "x", 1, ACTR__MAIL_NORMAL);
		actr__mailbox_bury(m, actr__mailbox_take(m), "handler", "no");
	}
	actr__mailbox_stats(m, &stats);
	assert_true(stats.dead_letters >= 1 && stats.dead_letters < 10);
	assert_int_equal(stats.buried_total, 50);
	assert_int_equal(o->letters, 50);
}

static void after_close_nothing_is_taken_or_accepted(void **state)
{
	struct owner *o = *state;
	struct actr__mailbox *m = open_default(o);
	struct actr__mail *mail;

	submit(m, "a", 1, ACTR__MAIL_NORMAL);
	submit(m, "b", 1, ACTR__MAIL_NORMAL);
	mail = actr__mailbox_take(m);
	actr__mailbox_close(m);
	actr__mailbox_close(m);
	assert_int_equal(o->closed, 0);
	actr__loop_advance(o->loop, 0);
	assert_int_equal(o->closed, 1);
	assert_int_equal(o->ready, 0);
	assert_null(actr__mailbox_take(m));
	assert_int_equal(submit(m, "c", 1, ACTR__MAIL_NORMAL), ACTR_E_CLOSED);
	actr__mailbox_ack(m, mail);
}

/* --- allocation failures --- */

static int fail_after;

static void *failing_allocate(void *user, size_t size)
{
	(void)user;
	return fail_after-- > 0 ? malloc(size) : NULL;
}

static void *failing_reallocate(void *user, void *block, size_t size)
{
	(void)user;
	return fail_after-- > 0 ? realloc(block, size) : NULL;
}

static void release(void *user, void *block)
{
	(void)user;
	free(block);
}

static void every_failed_allocation_is_survived(void **state)
{
	const actr_allocator failing = {failing_allocate, failing_reallocate, release, NULL};
	struct owner *o = *state;
	struct actr__mailbox_options options = {.max_messages = 10};
	actr_id id = test_id(1);
	int accepted = 0;

	for (int n = 0; accepted < 3 && n < 100; n++) {
		struct actr__msg *msg = test_msg("x", 0);
		struct actr__mailbox *m = NULL;
		int rc;

		accepted = 0;
		actr_set_allocator(&failing);
		fail_after = n;
		if (actr__mailbox_open(o->loop, &options, &owner_events, o, &m, NULL) == 0) {
			for (int i = 0; i < 3; i++) {
				rc = actr__mailbox_submit(m, actr__msg_ref(msg), &id,
							  ACTR__MAIL_NORMAL, NULL, NULL);
				assert_true(rc == 0 || rc == ACTR_E_NOMEM);
				if (rc < 0)
					actr__msg_unref(msg);
				accepted += rc == 0;
			}
			for (int i = 0; i < accepted; i++)
				actr__mailbox_bury(m, actr__mailbox_take(m), "handler", "no");
		}
		actr__mailbox_free(m);
		actr_set_allocator(NULL);
		actr__msg_unref(msg);
	}
	assert_int_equal(accepted, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(mail_comes_back_in_order_and_readiness_is_told_once),
		T(an_owner_that_did_not_empty_the_mailbox_is_not_told_again),
		T(classes_are_weighted_eight_four_one),
		T(a_class_alone_gets_everything),
		T(a_full_mailbox_refuses_and_says_so),
		T(bytes_are_a_quota_too),
		T(past_high_water_one_sender_cannot_shut_out_the_others),
		T(past_high_water_a_sender_of_large_mail_has_its_share_of_bytes),
		T(high_water_is_told_when_reached_and_when_left),
		T(many_senders_come_and_go_without_growth),
		T(a_buried_mail_keeps_all_fields_of_the_page),
		T(dead_letters_are_bounded_and_the_oldest_go),
		T(after_close_nothing_is_taken_or_accepted),
		T(every_failed_allocation_is_survived),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
