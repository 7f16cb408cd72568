/*
 * Many idle peers: peers_bench [N [BATCH]]. Both ends of N WebRTC connections in one process, BATCH
 * of them connecting at a time; each carries one message each way and is then idle. One JSON line:
 * memory and descriptors an end, connections a second, CPU of an idle end (P16).
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "wire/webrtc/webrtc.h"

#define SETTLE_MS 6000 /* libnice looks for better paths that long */
#define IDLE_MS	  5000

struct end {
	struct bench *bench;
	struct end *other;
	struct actr__webrtc_options options;
	struct actr__wire *wire;
	bool is_done; /* heard from the other */
};

/* A signal on its way to the other end. */
struct letter {
	struct actr__list link;
	struct end *to;
	enum actr__signal_kind kind;
	char *text, *exchange, *ufrag;
};

struct bench {
	struct actr__loop *loop;
	struct actr__webrtc_engine *engine;
	struct actr__list letters;
	struct actr__deferred deliver;
	struct actr__timer idle;
	struct end *ends; /* 2 N */
	size_t pairs, batch, dialled, done;
	uint64_t began_ns, connected_ns;
	double idle_cpu_s;
	bool is_settled;
};

static void die(const actr_error *err)
{
	fprintf(stderr, "peers_bench: %s\n", err->message);
	exit(1);
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static long resident_kb(void)
{
	char line[256];
	long kb = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static size_t descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static double cpu_seconds(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}

static void say(struct end *end)
{
	static const uint8_t hello[5] = {'h', 'e', 'l', 'l', 'o'};

	(void)actr__wire_send(end->wire, 0, actr__bytes(hello, sizeof hello), NULL);
}

static void dial_next(struct bench *b);

static void on_state(void *owner, struct actr__wire *wire, enum actr__wire_state state,
		     const actr_error *why)
{
	(void)wire;
	if (state == ACTR__WIRE_CLOSED)
		die(why);
	if (state == ACTR__WIRE_OPEN)
		say(owner);
}

static void on_message(void *owner, struct actr__wire *wire, struct actr__msg *msg)
{
	struct end *end = owner;
	struct bench *b = end->bench;

	(void)wire;
	(void)actr__msg_unref(msg);
	end->is_done = true;
	if (!end->other->is_done)
		return;
	if (++b->done == b->pairs) {
		b->connected_ns = actr__clock_monotonic_ns();
		actr__timer_set(b->loop, &b->idle, SETTLE_MS);
	}
	dial_next(b);
}

static void on_writable(void *owner, struct actr__wire *wire, unsigned lane)
{
	(void)owner;
	(void)wire;
	(void)lane;
}

static void on_signal(void *owner, struct actr__wire *wire, const struct actr__signal *s)
{
	struct end *end = owner;
	struct letter *letter = calloc(1, sizeof *letter);

	(void)wire;
	letter->to = end->other;
	letter->kind = s->kind;
	letter->text = copy(s->text);
	letter->exchange = copy(s->exchange_id);
	letter->ufrag = copy(s->username_fragment);
	actr__list_push(&end->bench->letters, &letter->link);
	actr__loop_defer(end->bench->loop, &end->bench->deliver);
}

static const struct actr__wire_events events = {.on_state = on_state,
						.on_message = on_message,
						.on_writable = on_writable,
						.on_signal = on_signal};

static void hand_over(struct end *end, const struct actr__signal *signal)
{
	actr_error err = ACTR_ERROR_INIT;

	if (end->wire)
		(void)end->wire->ops->signal(end->wire, signal, NULL);
	else if (actr__webrtc_accept(end->bench->engine, &end->options, signal, &events, end, 1,
				     &end->wire, &err) < 0)
		die(&err);
}

static void deliver(struct actr__deferred *deferred)
{
	struct bench *b = container_of(deferred, struct bench, deliver);
	struct actr__list *link;

	while ((link = actr__list_pop(&b->letters))) {
		struct letter *letter = container_of(link, struct letter, link);
		struct actr__signal signal = {.kind = letter->kind,
					      .text = letter->text,
					      .exchange_id = letter->exchange,
					      .username_fragment = letter->ufrag,
					      .sdp_mline_index = -1};

		hand_over(letter->to, &signal);
		free(letter->text);
		free(letter->exchange);
		free(letter->ufrag);
		free(letter);
	}
}

static void dial_next(struct bench *b)
{
	actr_error err = ACTR_ERROR_INIT;

	while (b->dialled < b->pairs && b->dialled - b->done < b->batch) {
		struct end *end = &b->ends[2 * b->dialled++];

		if (actr__webrtc_dial(b->engine, &end->options, &events, end, 1, &end->wire, &err) <
		    0)
			die(&err);
	}
}

static void on_idle(struct actr__timer *timer)
{
	struct bench *b = container_of(timer, struct bench, idle);

	if (!b->is_settled) {
		b->is_settled = true;
		b->idle_cpu_s = cpu_seconds();
		actr__timer_set(b->loop, &b->idle, IDLE_MS);
		return;
	}
	b->idle_cpu_s = cpu_seconds() - b->idle_cpu_s;
	actr__loop_stop(b->loop);
}

static void set_up(struct bench *b)
{
	actr_error err = ACTR_ERROR_INIT;

	if (actr__loop_new(&b->loop, &err) < 0 ||
	    actr__webrtc_engine_new(b->loop, &b->engine, &err) < 0)
		die(&err);
	actr__list_init(&b->letters);
	actr__deferred_init(&b->deliver, deliver);
	actr__timer_init(&b->idle, on_idle);
	b->ends = calloc(2 * b->pairs, sizeof *b->ends);
	for (size_t i = 0; i < 2 * b->pairs; i++) {
		struct end *end = &b->ends[i];

		end->bench = b;
		end->other = &b->ends[i ^ 1];
		end->options.loopback = true;
		end->options.self.serial = i + 1;
		end->options.peer.serial = (i ^ 1) + 1;
	}
}

int main(int argc, char **argv)
{
	struct bench b = {.pairs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000,
			  .batch = argc > 2 ? strtoul(argv[2], NULL, 10) : 16};
	double ends = 2.0 * (double)b.pairs;
	size_t fds;
	long kb;

	if (!b.pairs || !b.batch) {
		fprintf(stderr, "usage: peers_bench [N [BATCH]]\n");
		return 2;
	}
	set_up(&b);
	kb = resident_kb();
	fds = descriptors();
	b.began_ns = actr__clock_monotonic_ns();
	dial_next(&b);
	actr__loop_run(b.loop);
	printf("{\"id\":\"P16\",\"what\":\"memory of an idle peer at "
	       "%zu\",\"unit\":\"KB\",\"value\":%.1f,"
	       "\"target\":130,\"fds\":%.2f,\"connects_per_s\":%.0f,\"idle_cpu_us_per_s\":%.1f}\n",
	       b.pairs, (double)(resident_kb() - kb) / ends, (double)(descriptors() - fds) / ends,
	       (double)b.pairs / ((double)(b.connected_ns - b.began_ns) * 1e-9),
	       b.idle_cpu_s * 1e6 / ends / (IDLE_MS / 1000.0));
	for (size_t i = 0; i < 2 * b.pairs; i++)
		b.ends[i].wire = actr__wire_unref(b.ends[i].wire);
	b.engine = actr__webrtc_engine_free(b.engine);
	b.loop = actr__loop_free(b.loop);
	free(b.ends);
	return 0;
}
