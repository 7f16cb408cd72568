/*
 * kill -9 at any moment. A child submits, handles and acks numbered mail of three senders and
 * writes what it did into an oracle file before it does the next thing; the parent kills it and
 * starts it again on the same file. In the end: everything accepted was handled, in each life in
 * order per sender, and what came twice said so.
 */
#include "mailbox/durable_test.h"

#include <fcntl.h>
#include <pthread.h>

#define SENDERS	    3
#define OUTSTANDING 32

struct record {
	char kind; /* L life begins, S submitted, A accepted in this life, H handled */
	uint8_t sender;
	uint8_t redelivered;
	uint32_t number; /* S, H: of the mail; A: how many so far */
};

struct life {
	struct world *w;
	int oracle;
	uint32_t next;
	uint64_t told_accepted;
};

static void note(struct life *l, struct record record)
{
	if (write(l->oracle, &record, sizeof record) != sizeof record)
		_exit(4);
}

static void note_accepted(struct life *l)
{
	uint64_t accepted = stats_of(l->w).accepted_total;

	if (accepted == l->told_accepted)
		return;
	l->told_accepted = accepted;
	note(l, (struct record){.kind = 'A', .number = (uint32_t)accepted});
}

static void submit_one(struct life *l)
{
	uint8_t sender = (uint8_t)(l->next % SENDERS);
	char text[16];

	note(l, (struct record){.kind = 'S', .sender = sender, .number = l->next});
	snprintf(text, sizeof text, "%u", l->next++);
	if (submit(l->w->o.mailbox, text, sender, ACTR__MAIL_NORMAL) < 0)
		_exit(5);
}

static bool handle_one(struct life *l)
{
	struct actr__mail *mail = actr__mailbox_take(l->w->o.mailbox);
	char text[16];

	if (!mail)
		return false;
	snprintf(text, sizeof text, "%.*s", (int)mail->msg->envelope.payload.size,
		 (const char *)mail->msg->envelope.payload.data);
	note(l, (struct record){.kind = 'H',
				.sender = (uint8_t)mail->sender.serial,
				.redelivered = mail->redelivered,
				.number = (uint32_t)strtoul(text, NULL, 10)});
	actr__mailbox_ack(l->w->o.mailbox, mail);
	return true;
}

/* Never returns by itself, unless `drain`: then when nothing is left. */
static void live(struct world *w, uint32_t next, bool drain)
{
	struct life l = {.w = w, .next = next};
	char path[128];
	uint64_t handled = 0;

	snprintf(path, sizeof path, "%s.oracle", w->path);
	l.oracle = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	note(&l, (struct record){.kind = 'L'});
	(void)world_open(w);
	while (!drain || stats_of(w).queued || stats_of(w).in_flight) {
		uint64_t room = handled + OUTSTANDING;

		for (; !drain && l.next - next < room;)
			submit_one(&l);
		turn(&w->o);
		note_accepted(&l);
		while (handle_one(&l))
			handled++;
	}
	world_close(w);
	close(l.oracle);
}

/* --- the parent --- */

struct oracle {
	struct record *records;
	size_t count;
};

static struct oracle read_oracle(struct world *w)
{
	struct oracle o = {0};
	struct stat st;
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s.oracle", w->path);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return o;
	assert_int_equal(fstat(fd, &st), 0);
	o.records = malloc((size_t)st.st_size + 1);
	o.count = (size_t)st.st_size / sizeof *o.records;
	assert_int_equal(read(fd, o.records, (size_t)st.st_size), st.st_size);
	close(fd);
	return o;
}

static uint32_t next_number(const struct oracle *o)
{
	uint32_t next = 0;

	for (size_t i = 0; i < o->count; i++)
		if (o->records[i].kind == 'S' && o->records[i].number >= next)
			next = o->records[i].number + 1;
	return next;
}

/* How many of the submissions of the life that begins at `from` were accepted. */
static uint32_t accepted_in_life(const struct oracle *o, size_t from)
{
	uint32_t accepted = 0;

	for (size_t i = from + 1; i < o->count && o->records[i].kind != 'L'; i++)
		if (o->records[i].kind == 'A')
			accepted = o->records[i].number;
	return accepted;
}

struct verdicts {
	unsigned accepted, lost, out_of_order, unflagged, twice;
};

static void judge_life(const struct oracle *o, size_t from, unsigned *handled, struct verdicts *v,
		       bool *accepted)
{
	uint32_t order = 0, take = accepted_in_life(o, from);
	int64_t last[SENDERS] = {-1, -1, -1};
	uint32_t first_of_life = UINT32_MAX;

	for (size_t i = from + 1; i < o->count && o->records[i].kind != 'L'; i++) {
		const struct record *r = &o->records[i];

		if (r->kind == 'S') {
			if (first_of_life == UINT32_MAX)
				first_of_life = r->number;
			accepted[r->number] = order++ < take;
		}
		if (r->kind != 'H')
			continue;
		v->out_of_order += r->number <= last[r->sender];
		last[r->sender] = r->number;
		v->twice += handled[r->number] > 0;
		/* Of an earlier life exactly when it says so. */
		v->unflagged += (r->number < first_of_life) != (bool)r->redelivered;
		handled[r->number]++;
	}
}

static struct verdicts judge(const struct oracle *o)
{
	uint32_t total = next_number(o);
	unsigned *handled = calloc(total + 1, sizeof *handled);
	bool *accepted = calloc(total + 1, sizeof *accepted);
	struct verdicts v = {0};

	for (size_t i = 0; i < o->count; i++)
		if (o->records[i].kind == 'L')
			judge_life(o, i, handled, &v, accepted);
	for (uint32_t n = 0; n < total; n++) {
		v.accepted += accepted[n];
		v.lost += accepted[n] && !handled[n];
	}
	free(handled);
	free(accepted);
	return v;
}

static void on_moment(struct actr__timer *timer)
{
	(void)timer; /* that it is not set any more is all */
}

/* The moment is what is random here; nothing is waited for. */
static void let_pass(struct world *w, unsigned ms)
{
	struct actr__timer moment;

	actr__timer_init(&moment, on_moment);
	assert_int_equal(actr__timer_set(w->o.loop, &moment, ms), 0);
	RUN_UNTIL(&w->o, !actr__timer_is_set(&moment));
}

static void kill_after(struct world *w, unsigned delay_ms, bool drain)
{
	struct oracle o = read_oracle(w);
	uint32_t next = next_number(&o);
	pid_t pid = fork();
	int status;

	free(o.records);
	assert_true(pid >= 0);
	if (pid == 0) {
		if (actr__loop_new(&w->o.loop, NULL) < 0)
			_exit(3);
		live(w, next, drain);
		_exit(0);
	}
	if (!drain) {
		let_pass(w, delay_ms);
		kill(pid, SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (drain)
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	else
		assert_true(WIFSIGNALED(status));
}

static void accepted_mail_survives_kill_at_any_moment(void **state)
{
	struct world *w = *state;
	const char *wanted = getenv("ACTR_CRASH_KILLS");
	unsigned long kills = wanted ? strtoul(wanted, NULL, 10) : 20;
	struct verdicts v;
	struct oracle o;

	w->options.max_attempts = 1000000; /* so many crashes are nobody's fault */
	for (unsigned long i = 0; i < kills; i++)
		kill_after(w, 10 + actr__random_below(60), false);
	kill_after(w, 0, true);
	o = read_oracle(w);
	v = judge(&o);
	free(o.records);
	print_message("# kills=%lu accepted=%u twice=%u\n", kills, v.accepted, v.twice);
	assert_int_equal(v.lost, 0);
	assert_int_equal(v.out_of_order, 0);
	assert_int_equal(v.unflagged, 0);
	assert_true(v.accepted > kills);
	assert_int_equal(sql_value(w->path, "SELECT count(*) FROM msg"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(accepted_mail_survives_kill_at_any_moment,
						world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
