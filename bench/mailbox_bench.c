/*
 * P6 and P7: the full cycle of the mailbox (submit, take, ack; durable and in memory), beside
 * SQLite with one transaction per operation, as the original uses it. One JSON line each round and
 * a summary; the two sides run in turn, since absolute figures move with the machine.
 *
 * usage: mailbox_bench [folder [rounds]]
 */
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailbox/mailbox.h"

#define PAYLOAD 256

struct bench {
	struct actr__loop *loop;
	struct actr__mailbox *mailbox;
	struct actr__msg *msg;
	actr_id sender;
	unsigned long wanted, submitted, handled;
	unsigned outstanding;
	uint64_t begun_ns, worst_ns, *sent_ns;
	bool closed;
};

static void die(const char *what)
{
	fprintf(stderr, "mailbox_bench: %s\n", what);
	exit(1);
}

static struct actr__msg *make_msg(void)
{
	uint8_t payload[PAYLOAD] = {1};
	struct actr__envelope e = {.route_key = actr__text("acme.Echo"),
				   .request_id = actr__text("0b8f8e62-7d4e-4a47-9c6c-3a1c5d1f0a11"),
				   .payload = actr__bytes(payload, sizeof payload),
				   .has_payload = true,
				   .timeout_ms = 30000,
				   .direction = ACTR__DIRECTION_REQUEST};
	struct actr__msg *msg = actr__msg_new(actr__envelope_size(&e), ACTR_LANE_RPC_RELIABLE);

	if (!msg)
		die("no memory");
	(void)actr__envelope_encode(&e, msg->data, NULL);
	if (actr__envelope_decode(&msg->envelope, actr__bytes(msg->data, msg->size), NULL) < 0)
		die("cannot decode");
	return msg;
}

static void submit_one(struct bench *b)
{
	/* One message submitted again and again: making it is not the mailbox's work. */
	b->sent_ns[b->submitted % 4096] = actr__clock_monotonic_ns();
	if (actr__mailbox_submit(b->mailbox, actr__msg_ref(b->msg), &b->sender, ACTR__MAIL_NORMAL,
				 NULL, NULL) < 0)
		die("refused");
	b->submitted++;
}

static void on_ready(void *owner)
{
	struct bench *b = owner;
	struct actr__mail *mail;

	while ((mail = actr__mailbox_take(b->mailbox))) {
		uint64_t waited = actr__clock_monotonic_ns() - b->sent_ns[b->handled % 4096];

		if (waited > b->worst_ns)
			b->worst_ns = waited;
		actr__mailbox_ack(b->mailbox, mail);
		b->handled++;
	}
	while (b->submitted < b->wanted && b->submitted - b->handled < b->outstanding)
		submit_one(b);
	if (b->handled == b->wanted)
		actr__mailbox_close(b->mailbox);
}

static void on_closed(void *owner)
{
	struct bench *b = owner;

	b->closed = true;
	actr__loop_stop(b->loop);
}

static const struct actr__mailbox_events events = {.on_ready = on_ready, .on_closed = on_closed};

static void bench_open(struct bench *b, const char *path)
{
	struct actr__mailbox_options options = {.path = path, .sender_percent = 100};
	actr_error err = ACTR_ERROR_INIT;

	*b = (struct bench){.msg = make_msg(), .sent_ns = calloc(4096, sizeof *b->sent_ns)};
	if (!b->sent_ns || actr__loop_new(&b->loop, &err) < 0 ||
	    actr_type_set(&b->sender.type, "acme", "Caller", &err) < 0 ||
	    actr__mailbox_open(b->loop, &options, &events, b, &b->mailbox, &err) < 0)
		die(err.message);
}

static void bench_close(struct bench *b)
{
	actr__mailbox_free(b->mailbox);
	actr__loop_free(b->loop);
	actr__msg_unref(b->msg);
	free(b->sent_ns);
}

/* Cycles a second with so many outstanding; the time includes the last commit and the close. */
static double durable(const char *path, unsigned long cycles, unsigned outstanding,
		      double *ret_worst_ms)
{
	struct bench b;
	uint64_t took;

	bench_open(&b, path);
	b.wanted = cycles;
	b.outstanding = outstanding;
	b.begun_ns = actr__clock_monotonic_ns();
	while (b.submitted < b.outstanding && b.submitted < b.wanted)
		submit_one(&b);
	actr__loop_run(b.loop);
	took = actr__clock_monotonic_ns() - b.begun_ns;
	*ret_worst_ms = (double)b.worst_ns / 1e6;
	bench_close(&b);
	return (double)cycles * 1e9 / (double)took;
}

static double memory_ns(unsigned long cycles, unsigned outstanding)
{
	struct bench b;
	uint64_t took;

	bench_open(&b, NULL);
	b.begun_ns = actr__clock_monotonic_ns();
	while (b.handled < cycles) {
		for (unsigned i = 0; i < outstanding; i++)
			if (actr__mailbox_submit(b.mailbox, actr__msg_ref(b.msg), &b.sender,
						 ACTR__MAIL_NORMAL, NULL, NULL) < 0)
				die("refused");
		for (unsigned i = 0; i < outstanding; i++)
			actr__mailbox_ack(b.mailbox, actr__mailbox_take(b.mailbox));
		b.handled += outstanding;
	}
	took = actr__clock_monotonic_ns() - b.begun_ns;
	actr__mailbox_close(b.mailbox);
	actr__loop_run(b.loop);
	bench_close(&b);
	return (double)took / (double)cycles;
}

/* --- the other side: one transaction per operation, statements prepared each time ------------- */

static void run(sqlite3 *db, const char *sql, const char *id, const void *blob, int size)
{
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	if (id)
		sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
	if (blob)
		sqlite3_bind_blob(stmt, 2, blob, size, SQLITE_STATIC);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		continue;
	if (sqlite3_finalize(stmt) != SQLITE_OK)
		die(sqlite3_errmsg(db));
}

static sqlite3 *open_peer(const char *path)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		die("cannot open the other side's file");
	run(db, "PRAGMA journal_mode=WAL", NULL, NULL, 0);
	run(db,
	    "CREATE TABLE IF NOT EXISTS messages(id TEXT PRIMARY KEY, from_actr_id BLOB NOT NULL,"
	    "payload BLOB NOT NULL, priority INTEGER NOT NULL, status INTEGER NOT NULL DEFAULT 0,"
	    "created_at TEXT NOT NULL)",
	    NULL, NULL, 0);
	run(db,
	    "CREATE INDEX IF NOT EXISTS idx_messages_priority_status ON messages(priority DESC,"
	    "status, created_at ASC)",
	    NULL, NULL, 0);
	return db;
}

static double one_by_one(const char *path, unsigned long cycles)
{
	sqlite3 *db = open_peer(path);
	char ids[32][ACTR_UUID_SIZE];
	uint8_t payload[PAYLOAD] = {1};
	uint64_t begun = actr__clock_monotonic_ns(), took;

	for (unsigned long done = 0; done < cycles; done += 32) {
		for (unsigned i = 0; i < 32; i++) {
			(void)actr__uuid4(ids[i]);
			run(db,
			    "INSERT INTO messages VALUES(?1,x'0a0b0c0d',?2,0,0,"
			    "strftime('%Y-%m-%dT%H:%M:%f+00:00'))",
			    ids[i], payload, sizeof payload);
		}
		run(db,
		    "UPDATE messages SET status=1 WHERE id IN (SELECT id FROM messages WHERE "
		    "status=0 ORDER BY priority DESC, created_at ASC LIMIT 32) RETURNING "
		    "id,from_actr_id,payload,priority,created_at",
		    NULL, NULL, 0);
		for (unsigned i = 0; i < 32; i++)
			run(db, "DELETE FROM messages WHERE id=?1", ids[i], NULL, 0);
	}
	took = actr__clock_monotonic_ns() - begun;
	sqlite3_close(db);
	return (double)cycles * 1e9 / (double)took;
}

/* --- rounds --- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, by_value);
	return values[count / 2];
}

static void remove_all(const char *path)
{
	static const char *const ends[] = {"",	   "-wal",     "-shm",	  ".lock",
					   ".dlq", ".dlq-wal", ".dlq-shm"};
	char name[512];

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		snprintf(name, sizeof name, "%s%s", path, ends[i]);
		(void)unlink(name);
	}
}

static void bench_durable(const char *folder, int rounds)
{
	double ours[32], lone[32], theirs[32], ratio[32], worst;
	char path[256], peer[256];

	snprintf(path, sizeof path, "%s/ours.db", folder);
	snprintf(peer, sizeof peer, "%s/peer.db", folder);
	for (int r = 0; r < rounds; r++) {
		theirs[r] = one_by_one(peer, 1024);
		ours[r] = durable(path, 60000, 128, &worst);
		ratio[r] = ours[r] / theirs[r];
		printf("{\"bench\":\"P6\",\"round\":%d,\"outstanding\":128,\"cycles_per_s\":%.0f,"
		       "\"worst_accept_ms\":%.2f,\"one_by_one_cycles_per_s\":%.0f,\"ratio\":%.1f}"
		       "\n",
		       r, ours[r], worst, theirs[r], ratio[r]);
		lone[r] = durable(path, 1000, 1, &worst);
		fflush(stdout);
	}
	printf("{\"bench\":\"P6\",\"summary\":true,\"payload\":%d,\"cycles_per_s\":%.0f,"
	       "\"one_outstanding_cycles_per_s\":%.0f,\"one_by_one_cycles_per_s\":%.0f,"
	       "\"ratio\":%.1f,\"wanted_ratio\":30}\n",
	       PAYLOAD, median(ours, rounds), median(lone, rounds), median(theirs, rounds),
	       median(ratio, rounds));
	remove_all(path);
	remove_all(peer);
}

static void bench_memory(int rounds)
{
	static const unsigned outstanding[] = {1, 128};

	for (size_t i = 0; i < 2; i++) {
		double ns[32];

		for (int r = 0; r < rounds; r++)
			ns[r] = memory_ns(2000000, outstanding[i]);
		printf("{\"bench\":\"P7\",\"summary\":true,\"payload\":%d,\"outstanding\":%u,"
		       "\"cycles_per_s\":%.0f,\"ns_per_cycle\":%.0f,\"wanted_cycles_per_s\":"
		       "1000000}\n",
		       PAYLOAD, outstanding[i], 1e9 / median(ns, rounds), median(ns, rounds));
	}
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/actr-bench-XXXXXX";
	int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 5;

	if (rounds < 1 || rounds > 32)
		die("rounds: 1 to 32");
	if (argc < 2 && !mkdtemp(folder))
		die("cannot make a folder");
	bench_memory(rounds);
	bench_durable(argc > 1 ? argv[1] : folder, rounds);
	if (argc < 2)
		(void)rmdir(folder);
	return 0;
}
