#include "mailbox/durable_test.h"

static void mail_is_delivered_after_its_commit_and_gone_after_its_ack(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);
	struct actr__mail *mail;

	assert_int_equal(submit(m, "a", 1, ACTR__MAIL_NORMAL), 0);
	assert_null(actr__mailbox_take(m));
	assert_int_equal(stats_of(w).accepted_total, 0);
	RUN_UNTIL(&w->o, w->o.ready == 1);
	mail = actr__mailbox_take(m);
	assert_text(mail, "a");
	assert_false(mail->redelivered);
	actr__mailbox_ack(m, mail);
	world_close(w);
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM msg"), 0);
}

static void a_burst_of_one_turn_is_one_group(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);
	uint64_t groups;

	RUN_UNTIL(&w->o, stats_of(w).groups_total == 0 && w->o.ready == 0);
	groups = stats_of(w).groups_total;
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(submit(m, "x", 1, ACTR__MAIL_NORMAL), 0);
	RUN_UNTIL(&w->o, stats_of(w).accepted_total == 128);
	assert_int_equal(stats_of(w).groups_total - groups, 1);
}

static void close_finishes_what_was_submitted(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);

	for (unsigned i = 0; i < 10; i++)
		submit(m, "x", 1, ACTR__MAIL_NORMAL);
	world_close(w);
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM msg"), 10);
}

static void free_without_a_loop_finishes_it_too(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);

	for (unsigned i = 0; i < 10; i++)
		submit(m, "x", 1, ACTR__MAIL_NORMAL);
	w->o.mailbox = actr__mailbox_free(w->o.mailbox);
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM msg"), 10);
}

static void free_while_the_loop_goes_on_tells_nothing_more(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);

	submit(m, "x", 1, ACTR__MAIL_NORMAL);
	turn(&w->o);
	w->o.mailbox = actr__mailbox_free(w->o.mailbox);
	w->o.ready = 0;
	turn(&w->o);
	turn(&w->o);
	assert_int_equal(w->o.ready + w->o.closed + w->o.refused, 0);
	(void)world_open(w);
	assert_text(world_take(w), "x");
}

/* --- after a crash --- */

static void child_leaves_five_two_in_hand(struct world *w)
{
	struct actr__mailbox *m = world_open(w);
	char text[8];

	for (unsigned i = 0; i < 5; i++) {
		snprintf(text, sizeof text, "%u", i);
		submit(m, text, 1, ACTR__MAIL_NORMAL);
	}
	while (stats_of(w).accepted_total < 5)
		turn(&w->o);
	(void)actr__mailbox_take(m);
	(void)actr__mailbox_take(m);
}

static void
defect_14_after_a_crash_unsettled_mail_comes_again_in_order_before_new_mail(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m;
	char text[8];

	in_killed_process(w, child_leaves_five_two_in_hand);
	m = world_open(w);
	assert_int_equal(submit(m, "new", 1, ACTR__MAIL_NORMAL), 0);
	for (unsigned i = 0; i < 5; i++) {
		struct actr__mail *mail = world_take(w);

		snprintf(text, sizeof text, "%u", i);
		assert_text(mail, text);
		assert_true(mail->redelivered);
		assert_int_equal(mail->msg->envelope.direction, ACTR__DIRECTION_REQUEST);
		actr__mailbox_ack(m, mail);
	}
	assert_text(world_take(w), "new");
	assert_int_equal(stats_of(w).redelivered_total, 5);
}

/* Keeps some in hand, as asynchronous handlers do, so it is not only the poison that is out. */
static void child_dies_of_poison(struct world *w)
{
	struct actr__mailbox *m = world_open(w);
	struct actr__mail *held[64];
	unsigned count = 0, oldest = 0;

	for (;;) {
		struct actr__mail *mail = actr__mailbox_take(m);

		if (mail && !strncmp((const char *)mail->msg->envelope.payload.data, "poison", 6))
			return;
		if (mail)
			held[count++] = mail;
		if (oldest < count && (!mail || count - oldest > 8))
			actr__mailbox_ack(m, held[oldest++]);
		if (!mail)
			turn(&w->o);
	}
}

static void child_leaves_poison_among_others(struct world *w)
{
	struct actr__mailbox *m = world_open(w);
	char text[16];

	for (unsigned i = 0; i < 40; i++) {
		snprintf(text, sizeof text, i == 20 ? "poison" : "ok%u", i);
		submit(m, text, i % 3, ACTR__MAIL_NORMAL);
	}
	while (stats_of(w).accepted_total < 40)
		turn(&w->o);
}

static void mail_that_kills_the_process_is_buried_and_the_others_are_not(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m;
	unsigned lives = 0;
	int64_t left;
	char dlq[128];

	snprintf(dlq, sizeof dlq, "%s.dlq", w->path);
	in_killed_process(w, child_leaves_poison_among_others);
	while (sql_value(w->path, "SELECT max(attempts) FROM msg") < 5) {
		in_killed_process(w, child_dies_of_poison);
		assert_true(++lives < 20);
	}
	assert_int_equal(lives, 5);
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM msg WHERE attempts>2"), 1);
	left = sql_value(w->path, "SELECT count(*) FROM msg");
	assert_true(left >= 20); /* those behind the poison at least */
	m = world_open(w);
	while (--left > 0) {
		struct actr__mail *mail = world_take(w);

		assert_memory_equal(mail->msg->envelope.payload.data, "ok", 2);
		actr__mailbox_ack(m, mail);
	}
	RUN_UNTIL(&w->o, stats_of(w).dead_letters == 1);
	world_close(w);
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM msg"), 0);
	assert_int_equal(sql_value(dlq, "SELECT count(*) FROM dead_letter_queue WHERE "
					"error_category='max_attempts' AND request_id='r-poison'"),
			 1);
}

static void a_clean_restart_is_not_an_attempt(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m;

	in_killed_process(w, child_leaves_five_two_in_hand);
	for (unsigned i = 0; i < 8; i++) {
		m = world_open(w);
		assert_int_equal(world_take(w)->attempts, 0);
		world_close(w);
		assert_int_equal(sql_value(w->path, "SELECT max(attempts) FROM msg"), 0);
	}
	m = world_open(w);
	actr__mailbox_ack(m, world_take(w));
	world_close(w);
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM msg"), 4);
}

static void numbers_are_never_given_twice(void **state)
{
	struct world *w = *state;
	uint64_t last = 0;

	for (unsigned i = 0; i < 3; i++) {
		struct actr__mailbox *m = world_open(w);
		struct actr__mail *mail;

		submit(m, "x", 1, ACTR__MAIL_NORMAL);
		mail = world_take(w);
		assert_true(mail->id > last);
		last = mail->id;
		actr__mailbox_ack(m, mail);
		world_close(w);
	}
}

/* --- spilling --- */

static void what_does_not_fit_memory_waits_in_the_table_and_comes_in_order(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m;
	enum { COUNT = 12000 };
	char text[16];

	w->options.sender_percent = 100;
	m = world_open(w);
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(text, sizeof text, "%u", i);
		assert_int_equal(submit(m, text, 1, ACTR__MAIL_NORMAL), 0);
	}
	RUN_UNTIL(&w->o, stats_of(w).accepted_total == COUNT);
	assert_int_equal(stats_of(w).queued, COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		struct actr__mail *mail = world_take(w);

		snprintf(text, sizeof text, "%u", i);
		assert_text(mail, text);
		assert_false(mail->redelivered);
		assert_int_equal(mail->msg->envelope.direction, ACTR__DIRECTION_REQUEST);
		actr__mailbox_ack(m, mail);
		if (i == 5000)
			submit(m, "late", 1, ACTR__MAIL_NORMAL);
	}
	assert_text(world_take(w), "late");
	assert_int_equal(stats_of(w).queued, 0);
}

static void recovered_mail_counts_in_the_quota(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m;

	in_killed_process(w, child_leaves_five_two_in_hand);
	w->options.max_messages = 5;
	m = world_open(w);
	RUN_UNTIL(&w->o, w->o.high);
	assert_int_equal(submit(m, "over", 2, ACTR__MAIL_NORMAL), ACTR_E_RESOURCE_EXHAUSTED);
	actr__mailbox_ack(m, world_take(w));
	assert_int_equal(submit(m, "fits", 2, ACTR__MAIL_NORMAL), 0);
}

/* --- files --- */

static void open_fails(struct world *w, int code, const char *words)
{
	struct actr__mailbox *m;
	actr_error err = ACTR_ERROR_INIT;

	assert_int_equal(actr__mailbox_open(w->o.loop, &w->options, &owner_events, &w->o, &m, &err),
			 code);
	if (!strstr(err.message, words))
		fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static void a_second_process_is_refused_and_told_who_has_it(void **state)
{
	struct world *w = *state;
	struct owner *o = &w->o;
	char words[64], link_path[128];
	pid_t pid;
	int status;

	(void)world_open(w);
	snprintf(words, sizeof words, "in use by process %d", (int)getpid());
	open_fails(w, ACTR_E_ALREADY_EXISTS, words);
	snprintf(link_path, sizeof link_path, "%s/link", w->folder);
	assert_int_equal(symlink(w->path, link_path), 0);
	w->options.path = link_path;
	open_fails(w, ACTR_E_ALREADY_EXISTS, words);
	pid = fork();
	if (pid == 0) {
		struct actr__mailbox *m;

		_exit(actr__loop_new(&o->loop, NULL) < 0 ||
		      actr__mailbox_open(o->loop, &w->options, &owner_events, o, &m, NULL) !=
			      ACTR_E_ALREADY_EXISTS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	unlink(link_path);
	w->options.path = w->path;
}

static void files_are_for_the_owner_only(void **state)
{
	static const char *const ends[] = {"", "-wal", ".lock", ".dlq", ".dlq-wal"};
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);
	struct stat st;
	char path[128];

	submit(m, "x", 1, ACTR__MAIL_NORMAL);
	actr__mailbox_bury(m, world_take(w), "handler", "no");
	RUN_UNTIL(&w->o, stats_of(w).dead_letters == 1);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		snprintf(path, sizeof path, "%s%s", w->path, ends[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

static void what_is_not_a_mailbox_is_refused_and_left_alone(void **state)
{
	struct world *w = *state;
	FILE *file = fopen(w->path, "w");

	fputs("this is a letter to my aunt, and certainly no database at all, I should say", file);
	fclose(file);
	open_fails(w, ACTR_E_STORAGE, "not a database");
	unlink(w->path);
	sql_do(w->path, "CREATE TABLE holiday(photo BLOB)");
	open_fails(w, ACTR_E_STORAGE, "is a database of something else");
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM sqlite_schema"), 1);
	w->options.path = "/nowhere/at/all/box.db";
	open_fails(w, ACTR_E_STORAGE, "/nowhere/at/all/box.db");
	w->options.path = w->folder;
	open_fails(w, ACTR_E_STORAGE, "directory");
	w->options.path = w->path;
}

static void a_file_of_a_newer_version_is_refused(void **state)
{
	struct world *w = *state;

	(void)world_open(w);
	world_close(w);
	sql_do(w->path, "PRAGMA user_version=2");
	open_fails(w, ACTR_E_STORAGE, "newer version");
}

static void fill_and_close(struct world *w, unsigned count)
{
	struct actr__mailbox *m = world_open(w);
	actr_id id = test_id(1);

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(actr__mailbox_submit(m, test_msg("good", 300), &id,
						      ACTR__MAIL_NORMAL, NULL, NULL),
				 0);
	world_close(w);
}

static void flip(const char *path, long at)
{
	FILE *file = fopen(path, "r+b");
	int c;

	fseek(file, at, SEEK_SET);
	c = fgetc(file);
	fseek(file, at, SEEK_SET);
	fputc(c ^ 0x10, file);
	fclose(file);
}

static long file_size(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (long)st.st_size;
}

static void check_sound(const struct actr__mail *mail)
{
	char want[305];

	memset(want, '.', sizeof want);
	memcpy(want, "good", 4);
	assert_int_equal(mail->msg->envelope.payload.size, 304);
	assert_memory_equal(mail->msg->envelope.payload.data, want, 304);
}

static void blank_page(const char *path, long page)
{
	static const char zeros[4096];
	FILE *file = fopen(path, "r+b");

	fseek(file, page * 4096, SEEK_SET);
	fwrite(zeros, 1, sizeof zeros, file);
	fclose(file);
}

/* A turned bit, a cut file, a lost page, by turns. */
static void damage(const char *path, unsigned round)
{
	long size = file_size(path);

	if (round % 4 == 3)
		assert_int_equal(truncate(path, size - 1 - (long)(round * 997 % 8000)), 0);
	else if (round % 4 == 2)
		blank_page(path, (long)round / 4 % (size / 4096));
	else
		flip(path, (round * 7919L + 13) % size);
}

/* Everything that can be had is taken. */
static void drain_damaged(struct world *w, unsigned count)
{
	for (unsigned turns = 0; turns < 200 && !stats_of(w).failed &&
				 stats_of(w).acked_total + stats_of(w).buried_total < count;
	     turns++) {
		struct actr__mail *mail = actr__mailbox_take(w->o.mailbox);

		if (mail) {
			check_sound(mail);
			actr__mailbox_ack(w->o.mailbox, mail);
			turns--;
		} else {
			turn(&w->o);
		}
	}
}

/* Refused at open, or found at the row, or harmless. */
static void a_damaged_file_never_gives_a_wrong_payload(void **state)
{
	struct world *w = *state;
	unsigned refused = 0, buried = 0;

	for (unsigned round = 0; round < 80; round++) {
		remove_files(w);
		fill_and_close(w, 20);
		damage(w->path, round);
		if (actr__mailbox_open(w->o.loop, &w->options, &owner_events, &w->o, &w->o.mailbox,
				       NULL) < 0) {
			refused++;
			continue;
		}
		drain_damaged(w, 20);
		buried += stats_of(w).buried_total > 0;
		world_close(w);
	}
	assert_true(refused > 0 && buried > 0);
}

/* --- a file of the original --- */

static void the_originals_file_is_taken_over_with_its_stuck_mail(void **state)
{
	struct world *w = *state;
	struct actr__msg *msg = test_msg("x", 0);
	uint8_t sender[ACTR__ID_ENCODED_MAX];
	char hex[2 * 400 + 1], from[2 * ACTR__ID_ENCODED_MAX + 1], sql[4096];
	actr_id id = test_id(5);
	struct actr__mail *mail;

	actr__hex(msg->data, msg->size, hex);
	actr__hex(sender, actr__id_encode(&id, sender), from);
	snprintf(sql, sizeof sql,
		 "PRAGMA journal_mode=WAL; CREATE TABLE messages(id TEXT PRIMARY KEY, from_actr_id "
		 "BLOB NOT NULL, payload BLOB NOT NULL, priority INTEGER NOT NULL, status INTEGER "
		 "NOT NULL DEFAULT 0, created_at TEXT NOT NULL);"
		 "INSERT INTO messages VALUES('b',x'%s',x'%s',0,0,'2025-11-28T12:00:01+00:00');"
		 "INSERT INTO messages VALUES('a',x'%s',x'%s',0,1,'2025-11-28T12:00:00.5+00:00');"
		 "INSERT INTO messages VALUES('c',x'%s',x'ffff',1,1,'2025-11-28T12:00:02+00:00');",
		 from, hex, from, hex, from);
	sql_do(w->path, sql);
	(void)world_open(w);
	mail = world_take(w);
	assert_text(mail, "x");
	assert_true(mail->accepted_ms == 1764331200500);
	assert_true(actr_id_equal(&mail->sender, &id));
	mail = world_take(w);
	assert_true(mail->accepted_ms == 1764331201000);
	RUN_UNTIL(&w->o, stats_of(w).dead_letters == 1); /* the one that is no envelope */
	actr__msg_unref(msg);
}

/* --- allocation failures --- */

static void every_failed_allocation_is_survived(void **state)
{
	struct world *w = *state;
	actr_id id = test_id(1);
	bool passed = false;

	for (int n = 1; !passed && n < 200; n++) {
		struct actr__msg *msg = test_msg("x", 0);
		struct actr__mailbox *m = NULL;

		actr_set_allocator(&failing);
		fail_at = n;
		if (actr__mailbox_open(w->o.loop, &w->options, &owner_events, &w->o, &m, NULL) ==
		    0) {
			int rc = actr__mailbox_submit(m, actr__msg_ref(msg), &id, ACTR__MAIL_NORMAL,
						      NULL, NULL);

			w->o.mailbox = m;
			if (rc < 0)
				actr__msg_unref(msg);
			else
				actr__mailbox_bury(m, world_take(w), "handler", "no");
			world_close(w);
			passed = fail_at > 0;
		}
		actr_set_allocator(NULL);
		actr__msg_unref(msg);
	}
	assert_true(passed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
		T(mail_is_delivered_after_its_commit_and_gone_after_its_ack),
		T(a_burst_of_one_turn_is_one_group),
		T(close_finishes_what_was_submitted),
		T(free_without_a_loop_finishes_it_too),
		T(free_while_the_loop_goes_on_tells_nothing_more),
		T(defect_14_after_a_crash_unsettled_mail_comes_again_in_order_before_new_mail),
		T(mail_that_kills_the_process_is_buried_and_the_others_are_not),
		T(a_clean_restart_is_not_an_attempt),
		T(numbers_are_never_given_twice),
		T(what_does_not_fit_memory_waits_in_the_table_and_comes_in_order),
		T(recovered_mail_counts_in_the_quota),
		T(a_second_process_is_refused_and_told_who_has_it),
		T(files_are_for_the_owner_only),
		T(what_is_not_a_mailbox_is_refused_and_left_alone),
		T(a_file_of_a_newer_version_is_refused),
		T(a_damaged_file_never_gives_a_wrong_payload),
		T(the_originals_file_is_taken_over_with_its_stuck_mail),
		T(every_failed_allocation_is_survived),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
