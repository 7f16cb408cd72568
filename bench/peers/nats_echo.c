/*
 * Request and reply over NATS, to compare with: the same work as examples/echo, by its text
 * protocol (docs.nats.io/reference/reference-protocols/nats-protocol). One blocking connection each
 * side, reads and writes of whole buffers.
 *
 *   nats_echo serve PORT
 *   nats_echo call PORT COUNT SIZE CONCURRENCY    one JSON line
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (1u << 20)

struct nats {
	int fd;
	size_t in_size, in_used, out_size;
	char in[BUFFER], out[BUFFER];
};

/* A message: where its parts lie in `in`, valid until the next read. */
struct message {
	char subject[64], reply[64];
	const char *payload;
	size_t size;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void flush(struct nats *n)
{
	for (size_t sent = 0; sent < n->out_size;) {
		ssize_t got = write(n->fd, n->out + sent, n->out_size - sent);

		if (got <= 0)
			die("write");
		sent += (size_t)got;
	}
	n->out_size = 0;
}

static void put(struct nats *n, const void *bytes, size_t size)
{
	if (n->out_size + size > BUFFER)
		flush(n);
	memcpy(n->out + n->out_size, bytes, size);
	n->out_size += size;
}

static void publish(struct nats *n, const char *subject, const char *reply, const void *payload,
		    size_t size)
{
	char line[160];
	int length = snprintf(line, sizeof line, "PUB %s %s %zu\r\n", subject, reply, size);

	put(n, line, (size_t)length);
	put(n, payload, size);
	put(n, "\r\n", 2);
}

static void fill(struct nats *n)
{
	ssize_t got;

	memmove(n->in, n->in + n->in_used, n->in_size - n->in_used);
	n->in_size -= n->in_used;
	n->in_used = 0;
	flush(n);
	got = read(n->fd, n->in + n->in_size, BUFFER - n->in_size);
	if (got <= 0)
		exit(0); /* the server ended */
	n->in_size += (size_t)got;
}

/* One line without its end, in `in`. */
static char *read_line(struct nats *n)
{
	char *end;

	while (!(end = memmem(n->in + n->in_used, n->in_size - n->in_used, "\r\n", 2)))
		fill(n);
	*end = 0;
	char *line = n->in + n->in_used;
	n->in_used = (size_t)(end - n->in) + 2;
	return line;
}

static struct message next_message(struct nats *n)
{
	struct message m = {.size = 0};
	char sid[16];

	for (;;) {
		const char *line = read_line(n);

		if (!strncmp(line, "PING", 4)) {
			put(n, "PONG\r\n", 6);
			continue;
		}
		if (strncmp(line, "MSG ", 4))
			continue;
		if (sscanf(line, "MSG %63s %15s %63s %zu", m.subject, sid, m.reply, &m.size) != 4) {
			m.reply[0] = 0;
			sscanf(line, "MSG %63s %15s %zu", m.subject, sid, &m.size);
		}
		while (n->in_size - n->in_used < m.size + 2)
			fill(n);
		m.payload = n->in + n->in_used;
		n->in_used += m.size + 2;
		return m;
	}
}

static void join(struct nats *n, const char *port, const char *subject)
{
	static const char hello[] = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char line[100];
	int on = 1;

	n->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (n->fd < 0 || connect(n->fd, (struct sockaddr *)&to, sizeof to) < 0)
		die("connect");
	setsockopt(n->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	read_line(n); /* INFO */
	put(n, hello, sizeof hello - 1);
	put(n, line, (size_t)snprintf(line, sizeof line, "SUB %s 1\r\nPING\r\n", subject));
	while (strcmp(read_line(n), "PONG") != 0)
		continue;
}

static _Noreturn void serve(struct nats *n)
{
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct message m = next_message(n);

		publish(n, m.reply, "", m.payload, m.size);
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int call(struct nats *n, size_t count, size_t size, size_t concurrency)
{
	uint64_t *began_ns = calloc(count, sizeof *began_ns), begin = now_ns();
	char *payload = calloc(1, size + 1), reply[64];
	size_t sent = 0;

	for (size_t done = 0; done < count; done++) {
		for (; sent < count && sent - done < concurrency; sent++) {
			snprintf(reply, sizeof reply, "inbox.%zu", sent);
			began_ns[sent] = now_ns();
			publish(n, "echo", reply, payload, size);
		}
		struct message m = next_message(n);
		size_t number = strtoul(m.subject + 6, NULL, 10);

		began_ns[number] = now_ns() - began_ns[number];
	}
	double seconds = (double)(now_ns() - begin) * 1e-9;

	qsort(began_ns, count, sizeof *began_ns, compare);
	printf("{\"calls_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", (double)count / seconds,
	       (double)began_ns[count / 2] * 1e-3, (double)began_ns[count * 99 / 100] * 1e-3);
	free(began_ns);
	free(payload);
	return 0;
}

int main(int argc, char **argv)
{
	static struct nats nats;

	if (argc == 3 && !strcmp(argv[1], "serve")) {
		join(&nats, argv[2], "echo");
		serve(&nats);
	}
	if (argc == 6 && !strcmp(argv[1], "call")) {
		join(&nats, argv[2], "inbox.*");
		return call(&nats, strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10),
			    strtoul(argv[5], NULL, 10));
	}
	fputs("usage: nats_echo serve PORT | call PORT COUNT SIZE CONCURRENCY\n", stderr);
	return 2;
}
