/* The disk fails: every write and sync in turn, once or for good. */
#include "mailbox/durable_test.h"
#include "mailbox/fault_vfs.h"

#define STEPS_MAX 400

static int setup(void **state)
{
	assert_int_equal(fault_vfs_register(), SQLITE_OK);
	fault_vfs_plan((struct fault_plan){0});
	return world_setup(state);
}

static int teardown(void **state)
{
	fault_vfs_plan((struct fault_plan){0});
	return world_teardown(state);
}

/* What became of the mail "0", "1", "2"; accepted is not the same as kept: it may have been
 * handled. */
struct fates {
	bool accepted[3], acked[3], buried[3], found[3];
};

static void submit_and_wait(struct world *w, struct fates *f, unsigned i)
{
	char text[8];
	uint64_t accepted = stats_of(w).accepted_total;
	unsigned refused = w->o.refused;

	snprintf(text, sizeof text, "%u", i);
	if (submit(w->o.mailbox, text, 1, ACTR__MAIL_NORMAL) < 0)
		return;
	/* Told one way or the other, always. */
	RUN_UNTIL(&w->o, stats_of(w).accepted_total > accepted || w->o.refused > refused);
	f->accepted[i] = stats_of(w).accepted_total > accepted;
	if (w->o.refused > refused)
		assert_true(w->o.last_refusal == ACTR_E_STORAGE ||
			    w->o.last_refusal == ACTR_E_NOMEM);
}

static void live_once(struct world *w, struct fates *f)
{
	struct actr__mailbox *m;
	struct actr__mail *mail;

	if (actr__mailbox_open(w->o.loop, &w->options, &owner_events, &w->o, &m, NULL) < 0)
		return;
	w->o.mailbox = m;
	for (unsigned i = 0; i < 3; i++) {
		submit_and_wait(w, f, i);
		if (i == 2 || !f->accepted[i])
			continue;
		mail = world_take(w);
		if (i == 0)
			actr__mailbox_ack(m, mail);
		else
			actr__mailbox_bury(m, mail, "handler", "no");
		f->acked[i] = i == 0;
		f->buried[i] = i == 1;
	}
	world_close(w);
}

static void find_survivors(struct world *w, struct fates *f)
{
	struct actr__mail *mail;
	uint64_t left;

	(void)world_open(w);
	left = stats_of(w).queued;
	while (left--) {
		mail = world_take(w);
		f->found[mail->msg->envelope.payload.data[0] - '0'] = true;
		actr__mailbox_ack(w->o.mailbox, mail);
	}
	world_close(w);
}

static void check_fates(struct world *w, const struct fates *f, long step)
{
	char dlq[128];
	bool letter;

	snprintf(dlq, sizeof dlq, "%s.dlq", w->path);
	letter = sql_value(dlq, "SELECT count(*) FROM dead_letter_queue") > 0;
	for (unsigned i = 0; i < 3; i++)
		if (f->accepted[i] && !f->acked[i] && !f->found[i] && !(f->buried[i] && letter))
			fail_msg("step %ld: accepted mail %u is lost", step, i);
}

static void sql_do_dlq_clear(struct world *w)
{
	char dlq[128];

	snprintf(dlq, sizeof dlq, "%s.dlq", w->path);
	sql_do(dlq, "DELETE FROM dead_letter_queue");
}

static void ladder(struct world *w, int code, bool torn)
{
	bool hit = true;
	long last = 0;

	for (long step = 1; hit && step < STEPS_MAX; step++) {
		last = step;
		struct fates fates = {0};

		remove_files(w);
		fault_vfs_plan((struct fault_plan){.at = step, .code = code, .torn = torn});
		live_once(w, &fates);
		hit = fault_vfs_hit();
		fault_vfs_plan((struct fault_plan){0});
		find_survivors(w, &fates);
		check_fates(w, &fates, step);
	}
	assert_false(hit); /* the ladder was climbed to its end */
	assert_true(last > 20);
}

static void no_accepted_mail_is_lost_whichever_write_finds_the_disk_full(void **state)
{
	ladder(*state, SQLITE_FULL, false);
}

static void no_accepted_mail_is_lost_whichever_write_is_torn(void **state)
{
	ladder(*state, SQLITE_IOERR_WRITE, true);
}

static unsigned cuts_wanted(void)
{
	const char *wanted = getenv("ACTR_POWER_CUTS");

	return wanted ? (unsigned)strtoul(wanted, NULL, 10) : 120;
}

static void no_shared_memory(struct world *w)
{
	char path[128];

	/* It does not survive a machine. */
	snprintf(path, sizeof path, "%s.dlq-shm", w->path);
	(void)unlink(path);
}

static void no_accepted_mail_is_lost_when_the_power_fails(void **state)
{
	struct world *w = *state;
	unsigned cuts = cuts_wanted(), effective = 0;

	for (unsigned seed = 1; seed <= cuts; seed++) {
		struct fates fates = {0};

		remove_files(w);
		/* A life before, so that there is something to damage. */
		live_once(w, &(struct fates){0});
		fault_vfs_plan((struct fault_plan){0});
		find_survivors(w, &(struct fates){0});
		sql_do_dlq_clear(w);
		fault_vfs_track(true);
		fault_vfs_plan((struct fault_plan){
			.at = 1 + seed * 7 % 60, .code = SQLITE_IOERR_WRITE, .stays = true});
		live_once(w, &fates);
		effective += fault_vfs_hit();
		fault_vfs_plan((struct fault_plan){0});
		fault_vfs_cut(seed);
		no_shared_memory(w);
		find_survivors(w, &fates);
		check_fates(w, &fates, seed);
	}
	assert_true(effective > cuts / 4);
}

static void a_full_disk_is_told_and_left_when_there_is_space_again(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);
	struct actr__mail *mail;

	assert_int_equal(submit(m, "before", 1, ACTR__MAIL_NORMAL), 0);
	mail = world_take(w);
	fault_vfs_plan((struct fault_plan){.at = 1, .code = SQLITE_FULL, .stays = true});
	assert_int_equal(submit(m, "refused", 1, ACTR__MAIL_NORMAL), 0);
	RUN_UNTIL(&w->o, w->o.refused == 1 && w->o.failed);
	assert_int_equal(w->o.last_refusal, ACTR_E_STORAGE);
	assert_true(stats_of(w).failed);
	actr__mailbox_ack(m, mail); /* promised: waits for the disk */
	assert_int_equal(submit(m, "probe", 1, ACTR__MAIL_NORMAL), 0);
	assert_int_equal(submit(m, "no", 1, ACTR__MAIL_NORMAL), ACTR_E_STORAGE);
	RUN_UNTIL(&w->o, w->o.refused == 2);
	fault_vfs_plan((struct fault_plan){0});
	/* No traffic is needed: the writer tries again. */
	RUN_UNTIL(&w->o, !w->o.failed && !stats_of(w).failed);
	assert_int_equal(submit(m, "after", 1, ACTR__MAIL_NORMAL), 0);
	assert_text(world_take(w), "after");
	world_close(w);
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM msg"), 1);
}

static void dead_letters_wait_for_a_locked_file_and_mail_does_not(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);
	char dlq[128];
	sqlite3 *other;

	snprintf(dlq, sizeof dlq, "%s.dlq", w->path);
	assert_int_equal(sqlite3_open(dlq, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	submit(m, "bad", 1, ACTR__MAIL_NORMAL);
	actr__mailbox_bury(m, world_take(w), "handler", "no");
	submit(m, "good", 1, ACTR__MAIL_NORMAL);
	assert_text(world_take(w), "good");
	assert_int_equal(stats_of(w).dead_letters, 0);
	assert_false(stats_of(w).failed);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	RUN_UNTIL(&w->o, stats_of(w).dead_letters == 1);
}

static void a_lone_message_costs_one_sync(void **state)
{
	struct world *w = *state;
	struct actr__mailbox *m = world_open(w);
	struct actr__mail *mail;
	uint64_t groups;
	long before;

	/* The first commit of a new log also syncs its header. */
	assert_int_equal(submit(m, "first", 1, ACTR__MAIL_NORMAL), 0);
	actr__mailbox_ack(m, world_take(w));
	groups = stats_of(w).groups_total;
	RUN_UNTIL(&w->o, stats_of(w).groups_total > groups);
	before = fault_vfs_syncs();
	assert_int_equal(submit(m, "lone", 1, ACTR__MAIL_NORMAL), 0);
	mail = world_take(w);
	assert_int_equal(fault_vfs_syncs() - before, 1);
	groups = stats_of(w).groups_total;
	actr__mailbox_ack(m, mail);
	RUN_UNTIL(&w->o, stats_of(w).groups_total > groups);
	assert_int_equal(fault_vfs_syncs() - before, 1);
}

static void normal_durability_does_not_sync_at_all(void **state)
{
	struct world *w = *state;
	long before;

	w->options.durability = ACTR_DURABILITY_NORMAL;
	(void)world_open(w);
	submit(w->o.mailbox, "first", 1, ACTR__MAIL_NORMAL);
	(void)world_take(w);
	before = fault_vfs_syncs();
	for (unsigned i = 0; i < 10; i++) {
		submit(w->o.mailbox, "x", 1, ACTR__MAIL_NORMAL);
		actr__mailbox_ack(w->o.mailbox, world_take(w));
	}
	assert_int_equal(fault_vfs_syncs() - before, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(no_accepted_mail_is_lost_whichever_write_finds_the_disk_full),
		T(no_accepted_mail_is_lost_whichever_write_is_torn),
		T(no_accepted_mail_is_lost_when_the_power_fails),
		T(a_full_disk_is_told_and_left_when_there_is_space_again),
		T(dead_letters_wait_for_a_locked_file_and_mail_does_not),
		T(a_lone_message_costs_one_sync),
		T(normal_durability_does_not_sync_at_all),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
