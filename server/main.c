/*
 * actrd: options, signals, the ready line.
 *
 * What is not safe is refused, not warned about: --dev away from loopback, and a public address
 * without TLS unless --insecure says that something in front of us has it. So is a --public address
 * that leads nowhere; who listens on all addresses and names none is known by one of its own.
 */
#include "address.h"
#include "admin.h"
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char help[] =
	"usage: actrd --dev [options]\n"
	"       actrd --db FILE [options]\n"
	"       actrd --db FILE realm add REALM [open|closed]\n"
	"       actrd --db FILE realm ls\n"
	"       actrd --db FILE acl allow|deny|rm REALM FROM TO      a type is manufacturer:name, "
	"or *\n"
	"       actrd --db FILE acl ls\n"
	"\n"
	"The signaling server of Actor-RTC. Prints `ready ws://HOST:PORT/signaling/ws` when it "
	"accepts.\n"
	"\n"
	"  --dev                    in memory, loopback only, any realm, open registration\n"
	"  --db FILE                keep serials, keys, realms and access rows in this SQLite "
	"file\n"
	"  --listen HOST:PORT       default 127.0.0.1:8080; port 0 picks a free one\n"
	"  --public HOST            name or address in the ready line, e.g. behind a proxy\n"
	"  --cert FILE --key FILE   TLS: certificate chain and private key (PEM)\n"
	"  --insecure               serve another address than loopback without TLS\n"
	"  --credential-ttl S       life of a credential, default 3600\n"
	"  --heartbeat S            interval of pings that nodes are told, default 30\n"
	"  --max-connections N      default 10000\n"
	"  --rate N, --burst N      messages a second of one connection, default 200 and 1000\n"
	"  --public-metrics         serve /metrics to other addresses than loopback\n"
	"  --no-stun                no STUN responder on the same UDP port\n"
	"  --verbose                log what happens to each connection\n"
	"  --help, --version\n";

struct arguments {
	struct server_options server;
	char host[64];
	const char *public_host; /* or NULL */
	bool insecure, verbose;
};

/* --- options --- */

static int complain(const char *format, ...) ACTR_PRINTF(1, 2);
static int complain(const char *format, ...)
{
	va_list args;

	fputs("actrd: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\ntry `actrd --help`\n", stderr);
	return -2;
}

static bool read_number(const char *text, unsigned long max, uint32_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value > max)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* HOST:PORT or [HOST]:PORT; localhost is 127.0.0.1. */
static bool read_listen(const char *text, struct arguments *out)
{
	const char *colon = strrchr(text, ':');
	size_t size = colon ? (size_t)(colon - text) : 0;
	uint32_t port;

	if (!colon || !read_number(colon + 1, 65535, &port))
		return false;
	if (size > 2 && text[0] == '[' && text[size - 1] == ']') {
		text++;
		size -= 2;
	}
	if (!size || !actr__copy_text(out->host, sizeof out->host, actr__bytes(text, size)))
		return false;
	if (!strcmp(out->host, "localhost"))
		snprintf(out->host, sizeof out->host, "127.0.0.1");
	out->server.port = (uint16_t)port;
	return true;
}

static bool is_loopback(const char *host)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

enum {
	OPTION_DEV = 256,
	OPTION_DB,
	OPTION_LISTEN,
	OPTION_PUBLIC,
	OPTION_CERT,
	OPTION_KEY,
	OPTION_INSECURE,
	OPTION_TTL,
	OPTION_HEARTBEAT,
	OPTION_CONNECTIONS,
	OPTION_RATE,
	OPTION_BURST,
	OPTION_METRICS,
	OPTION_NO_STUN,
	OPTION_VERBOSE,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{"dev", no_argument, NULL, OPTION_DEV},
	{"db", required_argument, NULL, OPTION_DB},
	{"listen", required_argument, NULL, OPTION_LISTEN},
	{"public", required_argument, NULL, OPTION_PUBLIC},
	{"cert", required_argument, NULL, OPTION_CERT},
	{"key", required_argument, NULL, OPTION_KEY},
	{"insecure", no_argument, NULL, OPTION_INSECURE},
	{"credential-ttl", required_argument, NULL, OPTION_TTL},
	{"heartbeat", required_argument, NULL, OPTION_HEARTBEAT},
	{"max-connections", required_argument, NULL, OPTION_CONNECTIONS},
	{"rate", required_argument, NULL, OPTION_RATE},
	{"burst", required_argument, NULL, OPTION_BURST},
	{"public-metrics", no_argument, NULL, OPTION_METRICS},
	{"no-stun", no_argument, NULL, OPTION_NO_STUN},
	{"verbose", no_argument, NULL, OPTION_VERBOSE},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{NULL, 0, NULL, 0},
};

/* Where the number of an option goes, or NULL. */
static uint32_t *number_of(struct arguments *out, int option)
{
	switch (option) {
	case OPTION_TTL:
		return &out->server.hub.credential_ttl_s;
	case OPTION_HEARTBEAT:
		return &out->server.hub.heartbeat_s;
	case OPTION_CONNECTIONS:
		return &out->server.max_connections;
	case OPTION_RATE:
		return &out->server.hub.rate_per_s;
	case OPTION_BURST:
		return &out->server.hub.rate_burst;
	default:
		return NULL;
	}
}

static const char **text_of(struct arguments *out, int option)
{
	switch (option) {
	case OPTION_DB:
		return &out->server.db;
	case OPTION_PUBLIC:
		return &out->public_host;
	case OPTION_CERT:
		return &out->server.cert_file;
	case OPTION_KEY:
		return &out->server.key_file;
	default:
		return NULL;
	}
}

static bool *flag_of(struct arguments *out, int option)
{
	switch (option) {
	case OPTION_DEV:
		return &out->server.hub.dev;
	case OPTION_INSECURE:
		return &out->insecure;
	case OPTION_METRICS:
		return &out->server.public_metrics;
	case OPTION_NO_STUN:
		return &out->server.no_stun;
	case OPTION_VERBOSE:
		return &out->verbose;
	default:
		return NULL;
	}
}

/* 0, 1: help or version was printed, or -2. */
static int take_option(struct arguments *out, int option)
{
	uint32_t *number = number_of(out, option);
	const char **text = text_of(out, option);
	bool *flag = flag_of(out, option);

	if (number && (!read_number(optarg, 1000000000, number) || !*number))
		return complain("`%s` is not a number above 0", optarg);
	if (text)
		*text = optarg;
	if (flag)
		*flag = true;
	if (option == OPTION_LISTEN && !read_listen(optarg, out))
		return complain("`%s` is not HOST:PORT", optarg);
	if (option == OPTION_HELP)
		fputs(help, stdout);
	if (option == OPTION_VERSION)
		puts("actrd " ACTR_VERSION);
	if (option == '?')
		return -2;
	return option == OPTION_HELP || option == OPTION_VERSION;
}

/* What goes together, and what is refused. */
static int check_arguments(struct arguments *out)
{
	const struct server_options *server = &out->server;

	if (server->hub.dev && server->db)
		return complain("%s keeps nothing: leave out --db", "--dev");
	if (!server->hub.dev && !server->db)
		return complain("%s", "give --dev or --db FILE");
	if (!server->cert_file != !server->key_file)
		return complain("%s", "--cert and --key go together");
	if (out->public_host && (!out->public_host[0] || address_is_unroutable(out->public_host)))
		return complain("nodes cannot reach --public `%s`: give a name, or an address that "
				"leads here",
				out->public_host);
	if (is_loopback(out->host))
		return 0;
	if (server->hub.dev)
		return complain("--dev serves loopback only, not %s", out->host);
	if (!server->cert_file && !out->insecure)
		return complain("%s is not loopback: give --cert and --key, or --insecure if a "
				"proxy in front has TLS",
				out->host);
	return 0;
}

/* --- running --- */

struct program {
	struct actr__loop *loop;
	struct server *server;
	struct actr__io signals;
};

static void on_drained(void *user)
{
	struct program *program = user;

	actr__loop_stop(program->loop);
}

static void on_signal(struct actr__io *io, unsigned events)
{
	struct program *program = container_of(io, struct program, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(io->fd, &info, sizeof info) == (ssize_t)sizeof info)
		server_drain(program->server, on_drained, program);
}

static int watch_signals(struct program *program, actr_error *err)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	/* A shell starts a background job with SIGINT ignored; what is ignored is never queued. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return ACTR_FAIL_ERRNO(err, ACTR_E_IO, errno, "signalfd");
	program->signals = (struct actr__io){.on_ready = on_signal, .fd = fd};
	return actr__io_start(program->loop, &program->signals, ACTR__IO_READ, err);
}

static void print_ready(const struct arguments *arguments, uint16_t port)
{
	const char *host = arguments->public_host ? arguments->public_host : arguments->host;
	char own[64];
	bool v6;

	if (address_is_wildcard(host))
		host = address_own(host, own, sizeof own);
	v6 = strchr(host, ':') != NULL;
	printf("ready %s://%s%s%s:%u" SERVER_PATH "\n", arguments->server.cert_file ? "wss" : "ws",
	       v6 ? "[" : "", host, v6 ? "]" : "", port);
	fflush(stdout);
}

static int serve(struct program *program, struct arguments *arguments, actr_error *err)
{
	uint16_t port;

	ACTR_TRY(actr__loop_new(&program->loop, err));
	ACTR_TRY(watch_signals(program, err));
	ACTR_TRY(server_new(program->loop, &arguments->server, &program->server, &port, err));
	print_ready(arguments, port);
	actr__loop_run(program->loop);
	return 0;
}

static int run(struct arguments *arguments)
{
	struct program program = {.signals = {.fd = -1}};
	actr_error err = ACTR_ERROR_INIT;
	int rc;

	if (arguments->server.hub.dev)
		arguments->server.db = ":memory:";
	arguments->server.host = arguments->host;
	actr_set_log(arguments->verbose ? ACTR_LOG_DEBUG : ACTR_LOG_WARN, actr_log_stderr, NULL);
	rc = serve(&program, arguments, &err);
	if (rc < 0)
		fprintf(stderr, "actrd: %s\n", err.message);
	server_free(program.server);
	if (program.signals.handle)
		actr__io_stop(program.loop, &program.signals);
	if (program.signals.fd >= 0)
		close(program.signals.fd);
	actr__loop_free(program.loop);
	return rc < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.server = {.port = 8080}, .host = "127.0.0.1"};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		int rc = take_option(&arguments, option);

		if (rc)
			return rc < 0 ? 2 : 0;
	}
	if (optind < argc && (!strcmp(argv[optind], "realm") || !strcmp(argv[optind], "acl")))
		return admin_run(arguments.server.db, argc - optind, argv + optind);
	if (optind < argc)
		return complain("`%s` is no command", argv[optind]) < 0 ? 2 : 0;
	if (check_arguments(&arguments) < 0)
		return 2;
	return run(&arguments);
}
