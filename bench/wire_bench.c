/*
 * The WebRTC wire between two processes on loopback.
 *
 *   wire_bench oneway SIZE SECONDS     messages of SIZE bytes, one way
 *   wire_bench rtt SIZE SECONDS        one message there and back at a time
 *   wire_bench echo SIZE SECONDS N     N messages outstanding
 *   wire_bench media SIZE SECONDS      frames of SIZE bytes on a track, one in 2 ms
 *   wire_bench all [SECONDS]           the table of docs/internals/webrtc.md
 *
 * One JSON line a run: messages and megabytes (10^6) a second, CPU seconds per gigabyte of both
 * processes together, round trip percentiles in microseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/webrtc/webrtc.h"

#define LANE	    0
#define SAMPLES_MAX 2000000u
#define WARM_UP_NS  300000000u
#define FRAME_MS    2

struct job {
	const char *mode;
	size_t size;
	double seconds;
	unsigned outstanding;
	bool no_data_socket;
};

struct node {
	const struct job *job;
	struct actr__loop *loop;
	struct actr__webrtc_engine *engine;
	struct actr__webrtc_options options;
	struct actr__wire *wire;
	struct actr__io signals;
	struct actr__timer end;
	struct actr__deferred pump;
	struct actr__wire_track *track; /* media */
	struct actr__timer frame;
	uint32_t timestamp;
	uint8_t *message;
	bool is_client, is_measuring, is_blocked;
	uint64_t began_ns, messages, bytes, sent_ns;
	double began_cpu;
	uint32_t *samples;
	size_t sample_count;
	unsigned outstanding;
};

static double cpu_seconds(int who)
{
	struct rusage r;

	getrusage(who, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}

/* --- signaling over a socket pair: one packet a signal --- */

struct packet {
	int32_t kind;
	char exchange[64], ufrag[300], text[8000];
};

static void on_signal(void *owner, struct actr__wire *wire, const struct actr__signal *s)
{
	struct node *n = owner;
	struct packet p = {.kind = (int32_t)s->kind};

	(void)wire;
	snprintf(p.exchange, sizeof p.exchange, "%s", s->exchange_id ? s->exchange_id : "");
	snprintf(p.ufrag, sizeof p.ufrag, "%s", s->username_fragment ? s->username_fragment : "");
	snprintf(p.text, sizeof p.text, "%s", s->text);
	if (send(n->signals.fd, &p, sizeof p, 0) < 0)
		perror("signal");
}

static void die(const actr_error *err)
{
	fprintf(stderr, "wire_bench: %s\n", err->message);
	exit(1);
}

/* --- work --- */

static void pump(struct actr__deferred *deferred)
{
	struct node *n = container_of(deferred, struct node, pump);

	while (!n->is_blocked && n->outstanding < n->job->outstanding) {
		actr_bytes bytes = actr__bytes(n->message, n->job->size);

		if (actr__wire_send(n->wire, LANE, bytes, NULL) < 0) {
			n->is_blocked = true;
			break;
		}
		if (n->job->outstanding != UINT32_MAX)
			n->outstanding++;
		n->sent_ns = actr__clock_monotonic_ns();
	}
}

static bool is_media(const struct node *n)
{
	return !strcmp(n->job->mode, "media");
}

static void add_track(struct node *n)
{
	static const uint8_t key_frame[] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 16, 0, 16, 0};
	struct actr__track_spec spec = {"track", "stream", ACTR_CODEC_VP8};
	actr_error err = ACTR_ERROR_INIT;

	if (n->job->size < sizeof key_frame)
		exit(2);
	memcpy(n->message, key_frame, sizeof key_frame);
	if (n->wire->ops->media->add(n->wire, &spec, n, &n->track, &err) < 0)
		die(&err);
	actr__timer_set(n->loop, &n->frame, FRAME_MS);
}

/* What comes too early, before the track is active, is refused. */
static void on_frame(struct actr__timer *timer)
{
	struct node *n = container_of(timer, struct node, frame);
	actr_sample sample = ACTR_SAMPLE_INIT;

	sample.data = actr__bytes(n->message, n->job->size);
	sample.timestamp = n->timestamp += 90 * FRAME_MS;
	(void)n->wire->ops->media->send(n->track, &sample, NULL);
	actr__timer_set(n->loop, &n->frame, FRAME_MS);
}

static void on_writable(void *owner, struct actr__wire *wire, unsigned lane)
{
	struct node *n = owner;

	(void)wire;
	(void)lane;
	n->is_blocked = false;
	if (n->is_client)
		actr__loop_defer(n->loop, &n->pump);
}

static void on_state(void *owner, struct actr__wire *wire, enum actr__wire_state state,
		     const actr_error *why)
{
	struct node *n = owner;

	(void)wire;
	if (state == ACTR__WIRE_CLOSED) {
		if (n->is_client)
			die(why);
		actr__loop_stop(n->loop);
	}
	if (state == ACTR__WIRE_OPEN && n->is_client) {
		n->began_ns = actr__clock_monotonic_ns();
		actr__timer_set(n->loop, &n->end, (uint64_t)(n->job->seconds * 1000));
		if (is_media(n))
			add_track(n);
		else
			actr__loop_defer(n->loop, &n->pump);
	}
}

static void measure(struct node *n, size_t size)
{
	uint64_t now = actr__clock_monotonic_ns();

	if (!n->is_measuring && now - n->began_ns > WARM_UP_NS) {
		n->is_measuring = true;
		n->began_ns = now;
		n->began_cpu = cpu_seconds(RUSAGE_SELF);
	}
	if (!n->is_measuring)
		return;
	n->messages++;
	n->bytes += size;
	if (n->job->outstanding == 1 && n->sample_count < SAMPLES_MAX)
		n->samples[n->sample_count++] = (uint32_t)((now - n->sent_ns) / 1000);
}

static void on_message(void *owner, struct actr__wire *wire, struct actr__msg *msg)
{
	struct node *n = owner;

	if (n->is_client) {
		measure(n, msg->size);
		n->outstanding--;
		actr__loop_defer(n->loop, &n->pump);
	} else if (n->job->outstanding == UINT32_MAX) {
		if (!n->began_ns)
			n->began_ns = actr__clock_monotonic_ns();
		measure(n, msg->size);
	} else {
		(void)actr__wire_send(wire, msg->lane, actr__bytes(msg->data, msg->size), NULL);
	}
	(void)actr__msg_unref(msg);
}

static void on_sample(void *owner, struct actr__wire *wire, const actr_sample *sample)
{
	struct node *n = owner;

	(void)wire;
	if (!n->began_ns)
		n->began_ns = actr__clock_monotonic_ns();
	measure(n, sample->data.size);
}

static const struct actr__wire_events events = {on_state,  on_message, on_writable,
						on_signal, on_sample,  NULL};

static void on_packet(struct actr__io *io, unsigned ready)
{
	struct node *n = container_of(io, struct node, signals);
	struct packet p;
	actr_error err = ACTR_ERROR_INIT;

	(void)ready;
	while (recv(io->fd, &p, sizeof p, MSG_DONTWAIT) == (ssize_t)sizeof p) {
		struct actr__signal s = {.kind = (enum actr__signal_kind)p.kind,
					 .text = p.text,
					 .exchange_id = *p.exchange ? p.exchange : NULL,
					 .username_fragment = *p.ufrag ? p.ufrag : NULL,
					 .sdp_mline_index = -1};

		if (n->wire)
			(void)n->wire->ops->signal(n->wire, &s, NULL);
		else if (actr__webrtc_accept(n->engine, &n->options, &s, &events, n, 1, &n->wire,
					     &err) < 0)
			die(&err);
	}
}

static void on_end(struct actr__timer *timer)
{
	actr__loop_stop(container_of(timer, struct node, end)->loop);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* What one process saw; the sink of a one-way run sends its own to the client. */
struct result {
	uint64_t messages, bytes;
	double seconds, cpu;
	char path[160], data_path[32];
};

static struct result result_of(struct node *n)
{
	struct result r = {n->messages, n->bytes};
	struct actr__wire_stats stats;

	r.seconds = (double)(actr__clock_monotonic_ns() - n->began_ns) * 1e-9;
	r.cpu = cpu_seconds(RUSAGE_SELF) - n->began_cpu;
	n->wire->ops->stats(n->wire, &stats);
	snprintf(r.path, sizeof r.path, "%s", stats.path);
	snprintf(r.data_path, sizeof r.data_path, "%s", stats.data_path);
	return r;
}

static void print(struct node *n, const struct result *r, double cpu)
{
	bool is_oneway = n->job->outstanding == UINT32_MAX;
	double gigabytes = (double)r->bytes * (is_oneway ? 1 : 2) * 1e-9;

	printf("{\"bench\":\"wire_%s\",\"size\":%zu,\"outstanding\":%u,\"per_s\":%.0f,"
	       "\"MB_per_s\":%.1f,\"cpu_s_per_GB\":%.2f,\"cpu_us_per_message\":%.2f,",
	       n->job->mode, n->job->size, is_oneway ? 0 : n->job->outstanding,
	       (double)r->messages / r->seconds, (double)r->bytes / r->seconds * 1e-6,
	       cpu / gigabytes, cpu / (double)r->messages * 1e6);
	if (n->sample_count) {
		qsort(n->samples, n->sample_count, sizeof *n->samples, compare);
		printf("\"p50_us\":%u,\"p99_us\":%u,", n->samples[n->sample_count / 2],
		       n->samples[n->sample_count * 99 / 100]);
	}
	printf("\"data_path\":\"%s\",\"path\":\"%s\"}\n", r->data_path, r->path);
	fflush(stdout);
}

static void run(struct node *n)
{
	actr_error err = ACTR_ERROR_INIT;

	n->message = calloc(1, n->job->size + 1);
	n->samples = calloc(SAMPLES_MAX, sizeof *n->samples);
	if (actr__loop_new(&n->loop, &err) < 0 ||
	    actr__webrtc_engine_new(n->loop, &n->engine, &err) < 0)
		die(&err);
	if (getenv("SPIN_US"))
		actr__loop_set_spin(n->loop, (unsigned)strtol(getenv("SPIN_US"), NULL, 10));
	n->options.loopback = true;
	n->options.no_data_socket = n->job->no_data_socket;
	n->options.self.serial = n->is_client ? 1 : 2;
	n->options.peer.serial = n->is_client ? 2 : 1;
	actr__timer_init(&n->end, on_end);
	actr__timer_init(&n->frame, on_frame);
	actr__deferred_init(&n->pump, pump);
	n->signals.on_ready = on_packet;
	if (actr__io_start(n->loop, &n->signals, ACTR__IO_READ, &err) < 0)
		die(&err);
	if (n->is_client &&
	    actr__webrtc_dial(n->engine, &n->options, &events, n, 1, &n->wire, &err) < 0)
		die(&err);
	actr__loop_run(n->loop);
}

static void finish(struct node *n)
{
	actr__io_stop(n->loop, &n->signals);
	actr__timer_stop(n->loop, &n->end);
	actr__timer_stop(n->loop, &n->frame);
	actr__loop_cancel_deferred(&n->pump);
	n->wire = actr__wire_unref(n->wire);
	n->engine = actr__webrtc_engine_free(n->engine);
	n->loop = actr__loop_free(n->loop);
	free(n->message);
}

static void run_job(const struct job *job)
{
	struct node n = {.job = job};
	struct result mine, theirs;
	int fds[2], results[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) < 0 || pipe(results) < 0)
		exit(1);
	child = fork();
	n.is_client = child != 0;
	n.signals.fd = fds[child ? 0 : 1];
	close(fds[child ? 1 : 0]);
	run(&n);
	mine = result_of(&n);
	finish(&n);
	if (!child) {
		if (write(results[1], &mine, sizeof mine) < 0)
			perror("write");
		_exit(0);
	}
	if (read(results[0], &theirs, sizeof theirs) != sizeof theirs)
		exit(1);
	/* The other side's CPU, over the same seconds; an echo server does not measure. */
	if (job->outstanding == UINT32_MAX)
		mine.cpu = cpu_seconds(RUSAGE_SELF) * theirs.seconds / (job->seconds + 0.05);
	waitpid(child, NULL, 0);
	memcpy(theirs.path, mine.path, sizeof mine.path);
	memcpy(theirs.data_path, mine.data_path, sizeof mine.data_path);
	if (job->outstanding == UINT32_MAX)
		print(&n, &theirs, theirs.cpu + mine.cpu);
	else
		print(&n, &mine, mine.cpu + theirs.cpu * mine.seconds / job->seconds);
	free(n.samples);
}

static void run_all(double seconds)
{
	const struct job jobs[] = {
		{"oneway", 1024, seconds, UINT32_MAX, false},
		{"oneway", 16384, seconds, UINT32_MAX, false},
		{"oneway", 65535, seconds, UINT32_MAX, false},
		{"rtt", 64, seconds, 1, false},
		{"echo", 150, seconds, 128, false},
		{"echo", 4096, seconds, 128, false},
		{"oneway", 16384, seconds, UINT32_MAX, true},
		{"echo", 150, seconds, 128, true},
		{"media", 100000, seconds, UINT32_MAX, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		pid_t pid = fork(); /* usrsctp counts CPU and state per process: each job its own */

		if (!pid) {
			run_job(&jobs[i]);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	struct job job = {.no_data_socket = getenv("NO_DATA_SOCKET") != NULL};

	if (argc >= 2 && !strcmp(argv[1], "all")) {
		run_all(argc > 2 ? atof(argv[2]) : 3);
		return 0;
	}
	if (argc < 4) {
		fprintf(stderr,
			"usage: wire_bench oneway|media|rtt|echo SIZE SECONDS [OUTSTANDING]\n"
			"       wire_bench all [SECONDS]\n");
		return 2;
	}
	job.mode = argv[1];
	job.size = (size_t)atol(argv[2]);
	job.seconds = atof(argv[3]);
	job.outstanding = !strcmp(job.mode, "oneway") || !strcmp(job.mode, "media") ? UINT32_MAX
			  : !strcmp(job.mode, "rtt")				    ? 1
			  : argc > 4 ? (unsigned)(int)strtol(argv[4], NULL, 10)
				     : 128;
	run_job(&job);
	return 0;
}
