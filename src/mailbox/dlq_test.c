/* Dead letters of a durable mailbox, and their way back. */
#include "mailbox/durable_test.h"

static bool count_letter(void *user, const struct actr__dead_letter *letter)
{
	(void)letter;
	++*(unsigned *)user;
	return true;
}

static void collect_id(void *user, const char *id)
{
	snprintf(user, ACTR_UUID_SIZE, "%s", id);
}

static bool keep_id(void *user, const struct actr__dead_letter *letter)
{
	collect_id(user, letter->id);
	return true;
}

static void bury_one(struct world *w, const char *text, enum actr__mail_class mail_class)
{
	uint64_t before = stats_of(w).dead_letters;

	assert_int_equal(submit(w->o.mailbox, text, 1, mail_class), 0);
	actr__mailbox_bury(w->o.mailbox, world_take(w), "handler", "it said no");
	RUN_UNTIL(&w->o, stats_of(w).dead_letters == before + 1);
}

static void dead_letters_have_the_originals_table_and_fields(void **state)
{
	struct world *w = *state;
	char dlq[128];

	snprintf(dlq, sizeof dlq, "%s.dlq", w->path);
	(void)world_open(w);
	bury_one(w, "poison", ACTR__MAIL_HIGH);
	RUN_UNTIL(&w->o, w->o.letters == 1);
	assert_string_equal(w->o.last_category, "handler");
	world_close(w);
	assert_int_equal(w->o.letters, 1);
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM msg"), 0);
	assert_int_equal(sql_value(dlq,
				   "SELECT count(*) FROM dead_letter_queue WHERE length(id)=36 AND "
				   "original_message_id IS NOT NULL AND length(from_actr_id)>0 AND "
				   "length(to_actr_id)>0 AND length(raw_bytes)>0 AND "
				   "error_message='it said no' AND error_category='handler' AND "
				   "trace_id='mailbox-'||original_message_id AND "
				   "request_id='r-poison' AND created_at LIKE '20%+00:00' AND "
				   "redrive_attempts=0 AND last_redrive_at IS NULL AND "
				   "context LIKE '{\"source\":\"mailbox\",\"priority\":\"high\"%'"),
			 1);
	assert_int_equal(sql_value(dlq, "SELECT count(*) FROM sqlite_schema WHERE name IN "
					"('idx_dlq_created_at','idx_dlq_error_category',"
					"'idx_dlq_trace_id')"),
			 3);
}

static void bytes_that_never_were_mail_are_kept_too(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);
	struct actr__dead_letter raw = {.id = "00000000-0000-4000-8000-000000000001",
					.raw_bytes = actr__text("\xff\xfe"),
					.error_category = "protobuf_decode",
					.error_message = "no",
					.trace_id = "gate-1",
					.created_ms = 1700000000123};
	struct actr__dlq_filter filter = {.category = "protobuf_decode"};
	struct actr__dlq *dlq;
	actr_error err = ACTR_ERROR_INIT;
	char id[ACTR_UUID_SIZE] = "";
	unsigned count = 0;

	assert_int_equal(actr__mailbox_bury_bytes(m, &raw, NULL), 0);
	RUN_UNTIL(&w->o, stats_of(w).dead_letters == 1);
	assert_int_equal(actr__dlq_open(w->path, &dlq, &err), 0); /* while the node has it */
	assert_int_equal(actr__dlq_query(dlq, &filter, keep_id, id, &err), 0);
	assert_string_equal(id, raw.id);
	assert_int_equal(w->o.letters, 1);
	assert_string_equal(w->o.last_letter, raw.id); /* what was told is what is found */
	filter.created_after_ms = 1700000000123; /* strictly after */
	assert_int_equal(actr__dlq_query(dlq, &filter, count_letter, &count, &err), 0);
	assert_int_equal(count, 0);
	filter.created_after_ms--;
	assert_int_equal(actr__dlq_query(dlq, &filter, count_letter, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(actr__dlq_redrive(dlq, raw.id, &err), ACTR_E_DECODE);
	assert_non_null(strstr(err.message, "would only come back"));
	assert_int_equal(actr__dlq_delete(dlq, raw.id, &err), 1);
	assert_int_equal(actr__dlq_delete(dlq, raw.id, &err), ACTR_E_NOT_FOUND);
	actr__dlq_close(dlq);
	RUN_UNTIL(&w->o, stats_of(w).dead_letters == 0); /* the node noticed */
}

static void redrive(struct world *w, const char *id)
{
	struct actr__dlq *dlq;
	actr_error err = ACTR_ERROR_INIT;

	assert_int_equal(actr__dlq_open(w->path, &dlq, &err), 0);
	assert_int_equal(actr__dlq_redrive(dlq, id, &err), 0);
	actr__dlq_close(dlq);
}

static void get_only_id(struct world *w, char *id)
{
	struct actr__dlq_filter all = {0};
	struct actr__dlq *dlq;

	assert_int_equal(actr__dlq_open(w->path, &dlq, NULL), 0);
	assert_int_equal(actr__dlq_query(dlq, &all, keep_id, id, NULL), 0);
	actr__dlq_close(dlq);
}

static void a_running_node_delivers_a_redriven_letter_at_once_and_once(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);
	struct actr__mail *mail;
	char id[ACTR_UUID_SIZE] = "", again[ACTR_UUID_SIZE] = "", dlq[128];

	bury_one(w, "second chance", ACTR__MAIL_HIGH);
	get_only_id(w, id);
	redrive(w, id);
	mail = world_take(w);
	assert_text(mail, "second chance");
	assert_int_equal(mail->mail_class, ACTR__MAIL_HIGH);
	assert_int_equal(mail->attempts, 0);
	assert_false(mail->redelivered);
	/* It dies again: one letter, with its id and its count. */
	actr__mailbox_bury(m, mail, "handler", "again no");
	world_close(w);
	get_only_id(w, again);
	assert_string_equal(again, id);
	snprintf(dlq, sizeof dlq, "%s.dlq", w->path);
	assert_int_equal(sql_value(dlq, "SELECT count(*) FROM dead_letter_queue WHERE "
					"redrive_attempts=1 AND last_redrive_at IS NOT NULL AND "
					"error_message='again no'"),
			 1);
	assert_int_equal(sql_value(dlq, "SELECT count(*) FROM redrive"), 0);
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM msg"), 0);
}

static void a_stopped_node_delivers_it_at_its_next_start(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m;
	char id[ACTR_UUID_SIZE] = "";

	(void)world_open(w);
	bury_one(w, "later", ACTR__MAIL_NORMAL);
	world_close(w);
	get_only_id(w, id);
	redrive(w, id);
	redrive(w, id);
	m = world_open(w);
	actr__mailbox_ack(m, world_take(w));
	submit(m, "after", 1, ACTR__MAIL_NORMAL);
	assert_text(world_take(w), "after"); /* not a second copy */
}

static void a_crash_between_the_two_files_leaves_one_letter(void **state)
{
	struct world *w = *state;
	char dlq[128];

	snprintf(dlq, sizeof dlq, "%s.dlq", w->path);
	(void)world_open(w);
	submit(w->o.mailbox, "x", 1, ACTR__MAIL_NORMAL);
	world_close(w);
	sql_do(w->path, "CREATE TABLE saved AS SELECT * FROM msg");
	w->options.max_attempts = 1;
	sql_do(w->path, "UPDATE msg SET attempts=1");
	(void)world_open(w);
	RUN_UNTIL(&w->o, stats_of(w).dead_letters == 1);
	world_close(w);
	/* As if the deletion had not been committed. */
	sql_do(w->path, "INSERT INTO msg SELECT * FROM saved; UPDATE msg SET attempts=1");
	(void)world_open(w);
	RUN_UNTIL(&w->o, stats_of(w).buried_total == 1 && stats_of(w).bytes == 0);
	world_close(w);
	assert_int_equal(sql_value(dlq, "SELECT count(*) FROM dead_letter_queue"), 1);
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM msg"), 0);
}

static void purge_deletes_what_is_older_and_figures_are_right(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);
	struct actr__dlq_stats stats;
	struct actr__dlq *dlq;

	for (unsigned i = 0; i < 5; i++) {
		struct actr__dead_letter raw = {.error_category = i < 2 ? "a" : "b",
						.error_message = "no",
						.trace_id = "t",
						.created_ms = 1000000000000 + i * 1000};

		snprintf(raw.id, sizeof raw.id, "00000000-0000-4000-8000-00000000000%u", i);
		assert_int_equal(actr__mailbox_bury_bytes(m, &raw, NULL), 0);
	}
	RUN_UNTIL(&w->o, stats_of(w).dead_letters == 5);
	assert_int_equal(actr__dlq_open(w->path, &dlq, NULL), 0);
	assert_int_equal(actr__dlq_stats(dlq, &stats, NULL), 0);
	assert_int_equal(stats.total, 5);
	assert_int_equal(stats.category_count, 2);
	assert_string_equal(stats.categories[0].category, "b");
	assert_int_equal(stats.categories[0].count, 3);
	assert_int_equal(stats.oldest_ms, 1000000000000);
	assert_int_equal(actr__dlq_purge(dlq, 1000000003000, NULL), 3);
	assert_int_equal(actr__dlq_stats(dlq, &stats, NULL), 0);
	assert_int_equal(stats.total, 2);
	actr__dlq_close(dlq);
}

static void opening_dead_letters_that_are_not_there_says_so(void **state)
{
	struct world *w = *state;
	struct actr__dlq *dlq;
	actr_error err = ACTR_ERROR_INIT;

	assert_int_equal(actr__dlq_open(w->path, &dlq, &err), ACTR_E_NOT_FOUND);
	assert_non_null(strstr(err.message, "box.db.dlq"));
}

static void every_failed_allocation_of_recovery_is_survived(void **state)
{
	struct world *w = *state;
	bool passed = false;
	char id[ACTR_UUID_SIZE] = "";

	(void)world_open(w);
	bury_one(w, "letter", ACTR__MAIL_NORMAL);
	submit(w->o.mailbox, "left", 1, ACTR__MAIL_NORMAL);
	world_close(w);
	get_only_id(w, id);
	redrive(w, id);
	for (int n = 1; !passed && n < 200; n++) {
		actr_set_allocator(&failing);
		fail_at = n;
		if (actr__mailbox_open(w->o.loop, &w->options, &owner_events, &w->o, &w->o.mailbox,
				       NULL) == 0) {
			/* Whatever failed is tried again: both come, late perhaps. */
			assert_text(world_take(w), "left");
			assert_text(world_take(w), "letter");
			passed = fail_at > 0;
			world_close(w);
		}
		actr_set_allocator(NULL);
	}
	assert_true(passed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
		T(dead_letters_have_the_originals_table_and_fields),
		T(bytes_that_never_were_mail_are_kept_too),
		T(a_running_node_delivers_a_redriven_letter_at_once_and_once),
		T(a_stopped_node_delivers_it_at_its_next_start),
		T(a_crash_between_the_two_files_leaves_one_letter),
		T(purge_deletes_what_is_older_and_figures_are_right),
		T(opening_dead_letters_that_are_not_there_says_so),
		T(every_failed_allocation_of_recovery_is_survived),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
