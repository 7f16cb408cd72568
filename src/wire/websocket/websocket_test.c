/* Client and server in one loop, over loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/websocket/websocket.h"

#define GUARD_MS 20000
#define MEGABYTE (1024u * 1024u)

struct side {
	struct world *world;
	struct actr__ws *ws;
	unsigned opened, closed, messages, texts, writable;
	unsigned close_code;
	actr_error why;
	size_t received, last_size;
	uint8_t first_byte, last_byte;
	bool echo;
};

struct world {
	struct actr__loop *loop;
	struct actr__ws_context *context;
	struct actr__ws_server *server;
	struct actr__timer guard;
	uint16_t port;
	unsigned refuse_status;
	unsigned retry_after_s;
	char path[128], query[128], address[64];
	bool has_source_id;
	struct side client, peer;
	bool (*done)(struct world *);
	/* HTTP */
	unsigned status;
	char body[256];
	actr_error why;
	bool posted;
	char dir[64], cert[96], key[96];
};

/* --- events --- */

static void check(struct world *w)
{
	if (w->done && w->done(w))
		actr__loop_stop(w->loop);
}

static void on_open(void *owner, struct actr__ws *ws)
{
	struct side *side = owner;

	(void)ws;
	side->opened++;
	check(side->world);
}

static void on_message(void *owner, struct actr__ws *ws, actr_bytes message)
{
	struct side *side = owner;

	side->messages++;
	side->received += message.size;
	side->last_size = message.size;
	if (message.size) {
		side->first_byte = message.data[0];
		side->last_byte = message.data[message.size - 1];
	}
	if (side->echo)
		assert_int_equal(actr__ws_send(ws, message, NULL), 0);
	check(side->world);
}

static void on_text(void *owner, struct actr__ws *ws, actr_bytes message)
{
	struct side *side = owner;

	(void)ws;
	(void)message;
	side->texts++;
	check(side->world);
}

static void on_writable(void *owner, struct actr__ws *ws)
{
	struct side *side = owner;

	(void)ws;
	side->writable++;
	check(side->world);
}

static void on_close(void *owner, struct actr__ws *ws, unsigned code, const actr_error *why)
{
	struct side *side = owner;

	assert_ptr_equal(side->ws, ws);
	side->ws = NULL;
	side->closed++;
	side->close_code = code;
	side->why = *why;
	check(side->world);
}

static const struct actr__ws_events events = {on_open, on_message, on_text, on_writable, on_close};

static unsigned on_upgrade(void *owner, const struct actr__ws_request *request)
{
	struct world *w = owner;

	snprintf(w->path, sizeof w->path, "%s", request->path);
	snprintf(w->query, sizeof w->query, "%s", request->query);
	w->has_source_id = request->source_id_header != NULL;
	return w->refuse_status;
}

static void on_accept(void *owner, struct actr__ws *ws, const struct actr__ws_request *request)
{
	struct world *w = owner;

	snprintf(w->address, sizeof w->address, "%s", request->address);
	assert_string_equal(request->path, w->path);
	w->peer.ws = ws;
	w->peer.opened++;
	actr__ws_set_owner(ws, &events, &w->peer);
	check(w);
}

static void on_http(void *owner, const struct actr__ws_request *request,
		    struct actr__http_response *response)
{
	(void)owner;
	if (strcmp(request->path, "/health"))
		return;
	response->status = 200;
	response->body = "fine\n";
}

static const struct actr__ws_server_events server_events = {on_upgrade, on_accept, on_http};

/* --- world --- */

static void on_guard(struct actr__timer *timer)
{
	struct world *w = container_of(timer, struct world, guard);

	w->done = NULL;
	actr__loop_stop(w->loop);
}

static void run_until(struct world *w, bool (*done)(struct world *))
{
	w->done = done;
	assert_int_equal(actr__timer_set(w->loop, &w->guard, GUARD_MS), 0);
	if (!done(w))
		actr__loop_run(w->loop);
	actr__timer_stop(w->loop, &w->guard);
	assert_non_null(w->done); /* else the guard fired */
	w->done = NULL;
}

static void make_certificate(struct world *w)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_EXTENSION *name =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
	FILE *file;

	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_version(cert, 2);
	X509_add_ext(cert, name, -1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	snprintf(w->dir, sizeof w->dir, "/tmp/actr-ws-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->cert, sizeof w->cert, "%s/cert.pem", w->dir);
	snprintf(w->key, sizeof w->key, "%s/key.pem", w->dir);
	file = fopen(w->cert, "w");
	assert_true(PEM_write_X509(file, cert));
	fclose(file);
	file = fopen(w->key, "w");
	assert_true(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
	fclose(file);
	X509_EXTENSION_free(name);
	X509_free(cert);
	EVP_PKEY_free(key);
}

enum tls { PLAIN, TRUSTED, UNTRUSTED };

static void make_world(struct world *w, enum tls tls)
{
	struct actr__ws_listen_options listen = {.host = "127.0.0.1"};
	struct actr__ws_context_options options = {.ca_file = NULL};
	actr_error err = ACTR_ERROR_INIT;

	memset(w, 0, sizeof *w);
	w->client.world = w->peer.world = w;
	actr__timer_init(&w->guard, on_guard);
	if (tls != PLAIN) {
		make_certificate(w);
		listen.cert_file = w->cert;
		listen.key_file = w->key;
	}
	if (tls == TRUSTED)
		options.ca_file = w->cert;
	listen.max_connections = 4;
	assert_int_equal(actr__loop_new(&w->loop, &err), 0);
	assert_int_equal(actr__ws_context_new(w->loop, &options, &w->context, &err), 0);
	assert_int_equal(
		actr__ws_listen(w->context, &listen, &server_events, w, &w->server, &w->port, &err),
		0);
	assert_int_not_equal(w->port, 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	make_world(w, PLAIN);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	w->context = actr__ws_context_free(w->context);
	w->loop = actr__loop_free(w->loop);
	if (*w->dir) {
		unlink(w->cert);
		unlink(w->key);
		rmdir(w->dir);
	}
	free(w);
	return 0;
}

static void dial_with(struct world *w, const char *scheme, const char *host, const char *path,
		      const struct actr__ws_limits *limits)
{
	char url[256];
	actr_error err = ACTR_ERROR_INIT;

	snprintf(url, sizeof url, "%s://%s:%u%s", scheme, host, w->port, path);
	assert_int_equal(
		actr__ws_connect(w->context, url, limits, &events, &w->client, &w->client.ws, &err),
		0);
}

static bool both_open(struct world *w)
{
	return w->client.opened && w->peer.opened;
}

static bool client_closed(struct world *w)
{
	return w->client.closed;
}

static bool both_closed(struct world *w)
{
	return w->client.closed && w->peer.closed;
}

static bool client_has_message(struct world *w)
{
	return w->client.messages;
}

static void open_pair(struct world *w)
{
	dial_with(w, "ws", "127.0.0.1", "/signaling/ws?a=1&b=two", NULL);
	run_until(w, both_open);
}

/* --- tests --- */

static void a_client_opens_and_the_server_sees_who_asks_for_what(void **state)
{
	struct world *w = *state;

	open_pair(w);
	assert_string_equal(w->path, "/signaling/ws");
	assert_string_equal(w->query, "a=1&b=two");
	assert_string_equal(w->address, "127.0.0.1");
	assert_false(w->has_source_id);
}

static void a_name_with_several_addresses_is_tried_until_one_answers(void **state)
{
	struct world *w = *state;

	dial_with(w, "ws", "localhost", "/x", NULL);
	run_until(w, both_open);
	assert_int_equal(w->client.closed, 0);
}

static void a_message_of_one_megabyte_is_echoed_whole(void **state)
{
	struct world *w = *state;
	uint8_t *big = malloc(MEGABYTE);

	memset(big, 7, MEGABYTE);
	big[0] = 1;
	big[MEGABYTE - 1] = 2;
	open_pair(w);
	w->peer.echo = true;
	assert_int_equal(actr__ws_send(w->client.ws, actr__bytes(big, MEGABYTE), NULL), 0);
	run_until(w, client_has_message);
	assert_int_equal(w->client.last_size, MEGABYTE);
	assert_int_equal(w->client.first_byte, 1);
	assert_int_equal(w->client.last_byte, 2);
	free(big);
}

static void an_empty_message_arrives(void **state)
{
	struct world *w = *state;

	open_pair(w);
	assert_int_equal(actr__ws_send(w->peer.ws, actr__bytes("", 0), NULL), 0);
	run_until(w, client_has_message);
	assert_int_equal(w->client.received, 0);
}

static bool all_hundred(struct world *w)
{
	return w->client.messages == 100;
}

static void messages_arrive_in_order_and_count(void **state)
{
	struct world *w = *state;

	open_pair(w);
	w->peer.echo = true;
	for (uint8_t i = 0; i < 100; i++)
		assert_int_equal(actr__ws_send(w->client.ws, actr__bytes(&i, 1), NULL), 0);
	run_until(w, all_hundred);
	assert_int_equal(w->client.last_byte, 99);
	assert_int_equal(actr__ws_buffered(w->client.ws), 0);
	assert_true(w->client.writable > 0);
}

static void a_refused_upgrade_tells_its_status(void **state)
{
	struct world *w = *state;

	w->refuse_status = 403;
	dial_with(w, "ws", "127.0.0.1", "/x", NULL);
	run_until(w, client_closed);
	assert_int_equal(w->client.opened, 0);
	assert_int_equal(w->client.why.code, ACTR_E_PERMISSION_DENIED);
	assert_int_equal(w->client.why.wire_code, 403);
	assert_int_equal(w->peer.opened, 0);
}

static void a_message_over_the_limit_closes_with_1009(void **state)
{
	struct world *w = *state;
	struct actr__ws_limits limits = {.max_queued_bytes = 4 * MEGABYTE};
	uint8_t *big = calloc(1, MEGABYTE + 1);

	dial_with(w, "ws", "127.0.0.1", "/x", &limits);
	run_until(w, both_open);
	assert_int_equal(actr__ws_send(w->client.ws, actr__bytes(big, MEGABYTE + 1), NULL), 0);
	run_until(w, both_closed);
	assert_int_equal(w->peer.messages, 0);
	assert_int_equal(w->peer.why.code, ACTR_E_TOO_LARGE);
	assert_int_equal(w->peer.close_code, 1009);
	assert_int_equal(w->client.close_code, 1009);
	free(big);
}

static void what_is_queued_leaves_before_the_close_and_its_code_arrives(void **state)
{
	struct world *w = *state;

	open_pair(w);
	assert_int_equal(actr__ws_send(w->peer.ws, actr__text("last words"), NULL), 0);
	actr__ws_close(w->peer.ws, 4001, "superseded");
	actr__ws_close(w->peer.ws, 1000, "again");
	assert_int_equal(actr__ws_send(w->peer.ws, actr__text("too late"), NULL), ACTR_E_CLOSED);
	run_until(w, both_closed);
	assert_int_equal(w->client.messages, 1);
	assert_int_equal(w->client.close_code, 4001);
	assert_non_null(strstr(w->client.why.message, "superseded"));
	assert_int_equal(w->peer.close_code, 4001);
	assert_int_equal(w->peer.closed, 1);
}

static void an_unreachable_port_fails_once(void **state)
{
	struct world *w = *state;

	w->server = actr__ws_server_close(w->server);
	dial_with(w, "ws", "127.0.0.1", "/x", NULL);
	run_until(w, client_closed);
	assert_int_equal(w->client.why.code, ACTR_E_UNAVAILABLE);
	assert_non_null(strstr(w->client.why.message, "Connection refused"));
	assert_int_equal(w->client.closed, 1);
	assert_int_equal(w->client.opened, 0);
}

static void a_name_that_nobody_has_is_told(void **state)
{
	struct world *w = *state;

	dial_with(w, "ws", "no-such-host.invalid", "/x", NULL);
	run_until(w, client_closed);
	assert_int_equal(w->client.why.code, ACTR_E_UNAVAILABLE);
	assert_non_null(strstr(w->client.why.message, "cannot resolve no-such-host.invalid"));
}

static void a_full_queue_refuses(void **state)
{
	struct world *w = *state;
	uint8_t *big = calloc(1, MEGABYTE);

	open_pair(w);
	assert_int_equal(actr__ws_send(w->client.ws, actr__bytes(big, MEGABYTE - 10), NULL), 0);
	assert_int_equal(actr__ws_send(w->client.ws, actr__bytes(big, 11), NULL),
			 ACTR_E_RESOURCE_EXHAUSTED);
	assert_int_equal(actr__ws_send(w->client.ws, actr__bytes(big, 10), NULL), 0);
	assert_int_equal(actr__ws_buffered(w->client.ws), MEGABYTE);
	free(big);
}

static void closing_the_server_leaves_open_connections_alone(void **state)
{
	struct world *w = *state;

	open_pair(w);
	w->server = actr__ws_server_close(w->server);
	w->peer.echo = true;
	assert_int_equal(actr__ws_send(w->client.ws, actr__text("still"), NULL), 0);
	run_until(w, client_has_message);
}

static void closing_before_it_is_open_tells_once(void **state)
{
	struct world *w = *state;

	dial_with(w, "ws", "127.0.0.1", "/x", NULL);
	actr__ws_close(w->client.ws, 1000, NULL);
	assert_int_equal(w->client.closed, 0); /* never inside the call */
	run_until(w, client_closed);
	assert_int_equal(w->client.why.code, ACTR_E_CANCELLED);
}

/* A socket that accepts and says nothing: a peer that hangs. */
static int listen_mute(uint16_t *ret_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void a_server_that_never_answers_is_given_up(void **state)
{
	struct world *w = *state;
	struct actr__ws_limits limits = {.connect_timeout_ms = 50};
	int fd = listen_mute(&w->port);

	dial_with(w, "ws", "127.0.0.1", "/x", &limits);
	run_until(w, client_closed);
	assert_int_equal(w->client.why.code, ACTR_E_TIMEOUT);
	close(fd);
}

static bool server_side_closed(struct world *w)
{
	return w->peer.closed > 0;
}

static bool server_side_open(struct world *w)
{
	return w->peer.ws != NULL;
}

/* Upgrades by hand and then neither reads nor answers. */
static int connect_mute(uint16_t port)
{
	static const char upgrade[] = "GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
				      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
				      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(write(fd, upgrade, sizeof upgrade - 1), sizeof upgrade - 1);
	return fd;
}

/* A peer that stops reading: more is queued than the kernel holds for it. Returns its descriptor.
 */
static int stop_reading(struct world *w)
{
	static uint8_t much[32 * 1024 * 1024];
	struct actr__ws_listen_options options = {
		.host = "127.0.0.1",
		.limits = {.ping_interval_ms = 30, .max_queued_bytes = sizeof much}};
	int fd;

	w->server = actr__ws_server_close(w->server);
	assert_int_equal(actr__ws_listen(w->context, &options, &server_events, w, &w->server,
					 &w->port, NULL),
			 0);
	fd = connect_mute(w->port);
	run_until(w, server_side_open);
	assert_int_equal(actr__ws_send(w->peer.ws, actr__bytes(much, sizeof much), NULL), 0);
	return fd;
}

static void a_peer_that_stops_reading_is_found_silent(void **state)
{
	struct world *w = *state;
	int fd = stop_reading(w);
	uint64_t start_ms = actr__loop_now_ms(w->loop);

	run_until(w, server_side_closed);
	assert_int_equal(w->peer.why.code, ACTR_E_TIMEOUT);
	assert_int_equal(w->peer.close_code, 1006);
	assert_int_equal(w->peer.closed, 1);
	/* 60 ms are due; libwebsockets alone would go on flushing for 5 s. */
	assert_true(actr__loop_now_ms(w->loop) - start_ms < 4000);
	close(fd);
}

static bool client_got_one(struct world *w)
{
	return w->client.messages > 0;
}

/* Keep the thread from its loop, as a suspended machine does. */
static void be_away(unsigned ms)
{
	uint64_t until_ns = actr__clock_monotonic_ns() + ms * (uint64_t)1000000;

	while (actr__clock_monotonic_ns() < until_ns)
		continue;
}

static void a_process_that_was_suspended_does_not_blame_its_peer(void **state)
{
	struct world *w = *state;
	struct actr__ws_limits limits = {.ping_interval_ms = 30};

	dial_with(w, "ws", "127.0.0.1", "/x", &limits);
	run_until(w, both_open);
	w->peer.echo = true;
	be_away(100);
	assert_int_equal(actr__ws_send(w->client.ws, actr__text("still here"), NULL), 0);
	run_until(w, client_got_one);
	assert_int_equal(w->client.closed + w->peer.closed, 0);
}

static void closing_does_not_wait_for_a_peer_that_stops_reading(void **state)
{
	struct world *w = *state;
	int fd = stop_reading(w);
	uint64_t start_ms = actr__loop_now_ms(w->loop);

	actr__ws_close(w->peer.ws, 1001, "going");
	run_until(w, server_side_closed);
	assert_int_equal(w->peer.why.code, ACTR_E_TIMEOUT);
	assert_int_equal(w->peer.closed, 1);
	/* 60 ms are due; libwebsockets alone would go on flushing for 5 s. */
	assert_true(actr__loop_now_ms(w->loop) - start_ms < 4000);
	close(fd);
}

static bool pinged_long_enough(struct world *w)
{
	(void)w;
	return false;
}

static void on_enough(struct actr__timer *timer)
{
	struct world *w = container_of(timer, struct world, guard);

	actr__loop_stop(w->loop);
}

static void pings_keep_an_idle_connection(void **state)
{
	struct world *w = *state;
	struct actr__ws_limits limits = {.ping_interval_ms = 60};

	dial_with(w, "ws", "127.0.0.1", "/x", &limits);
	run_until(w, both_open);
	w->done = pinged_long_enough;
	w->guard.on_due = on_enough;
	assert_int_equal(actr__timer_set(w->loop, &w->guard, 300), 0);
	actr__loop_run(w->loop);
	assert_int_equal(w->client.closed, 0);
	w->guard.on_due = on_guard;
}

static void destroying_with_open_connections_is_silent_and_clean(void **state)
{
	struct world *w = *state;

	open_pair(w);
	assert_int_equal(actr__ws_send(w->client.ws, actr__text("queued"), NULL), 0);
	w->context = actr__ws_context_free(w->context);
	assert_int_equal(w->client.closed, 0);
	assert_int_equal(w->peer.closed, 0);
}

static void destroying_while_dialling_is_clean(void **state)
{
	struct world *w = *state;

	dial_with(w, "ws", "localhost", "/x", NULL);
	actr__loop_process(w->loop);
	w->context = actr__ws_context_free(w->context);
	assert_int_equal(w->client.closed, 0);
}

static void bad_urls_are_refused(void **state)
{
	static const char *const bad[] = {
		"",	     "http://x/",  "ws:/x",	    "ws://",
		"ws://:80/", "ws://h:0/",  "ws://h:65536/", "ws://h:8o/",
		"ws://u@h/", "ws://[::1/", "ws://h/a b",    "ws://h/\r\nX: y"};
	struct world *w = *state;
	struct actr__ws *ws;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(actr__ws_connect(w->context, bad[i], NULL, &events, w, &ws, NULL),
				 ACTR_E_INVALID_ARGUMENT);
}

/* --- HTTP --- */

static void on_posted(void *user, const struct actr__http_answer *answer)
{
	struct world *w = user;

	w->posted = true;
	w->status = answer->status;
	w->retry_after_s = answer->retry_after_s;
	snprintf(w->body, sizeof w->body, "%.*s", (int)answer->body.size,
		 (const char *)answer->body.data);
	if (answer->why)
		w->why = *answer->why;
	check(w);
}

static bool posted(struct world *w)
{
	return w->posted;
}

/* A small HTTP server that answers a POST with its own body. */
struct echo_server {
	struct actr__io io;
	struct actr__loop *loop;
	int fd;
	char request[2048];
	size_t size;
};

static void on_echo_ready(struct actr__io *io, unsigned ready)
{
	struct echo_server *server = container_of(io, struct echo_server, io);
	char answer[4096], *body;
	ssize_t got;

	(void)ready;
	if (io->fd == server->fd) {
		int fd = accept(server->fd, NULL, NULL);

		actr__io_stop(server->loop, io);
		io->fd = fd;
		assert_int_equal(actr__io_start(server->loop, io, ACTR__IO_READ, NULL), 0);
		return;
	}
	got = read(io->fd, server->request + server->size,
		   sizeof server->request - 1 - server->size);
	assert_true(got > 0);
	server->size += (size_t)got;
	body = strstr(server->request, "\r\n\r\n");
	if (!body || strlen(body) < 4 + 5)
		return;
	assert_non_null(strcasestr(server->request, "content-type: application/x-test"));
	snprintf(answer, sizeof answer,
		 "HTTP/1.1 202 Accepted\r\ncontent-length: %zu\r\nretry-after: 17\r\n"
		 "connection: close\r\n\r\n%s",
		 strlen(body + 4), body + 4);
	assert_true(write(io->fd, answer, strlen(answer)) > 0);
	actr__io_stop(server->loop, io);
	close(io->fd);
}

static void a_post_brings_status_and_body(void **state)
{
	struct world *w = *state;
	struct echo_server server = {.io.on_ready = on_echo_ready, .loop = w->loop};
	char url[64];
	uint16_t port;

	server.io.fd = server.fd = listen_mute(&port);
	assert_int_equal(actr__io_start(w->loop, &server.io, ACTR__IO_READ, NULL), 0);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/traces", port);
	assert_int_equal(actr__http_post(w->context, url, "application/x-test", actr__text("hello"),
					 0, on_posted, w, NULL),
			 0);
	run_until(w, posted);
	assert_int_equal(w->why.code, 0);
	assert_int_equal(w->status, 202);
	assert_int_equal(w->retry_after_s, 17);
	assert_string_equal(w->body, "hello");
	close(server.fd);
}

static void a_post_to_nobody_fails_with_status_0(void **state)
{
	struct world *w = *state;
	char url[64];

	w->server = actr__ws_server_close(w->server);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/", w->port);
	assert_int_equal(actr__http_post(w->context, url, "text/plain", actr__text("x"), 0,
					 on_posted, w, NULL),
			 0);
	run_until(w, posted);
	assert_int_equal(w->status, 0);
	assert_int_equal(w->why.code, ACTR_E_UNAVAILABLE);
}

static void a_post_without_an_answer_times_out(void **state)
{
	struct world *w = *state;
	uint16_t port;
	int fd = listen_mute(&port);
	char url[64];

	snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
	assert_int_equal(actr__http_post(w->context, url, "text/plain", actr__text("x"), 30,
					 on_posted, w, NULL),
			 0);
	run_until(w, posted);
	assert_int_equal(w->why.code, ACTR_E_TIMEOUT);
	close(fd);
}

struct getter {
	struct actr__io io;
	struct world *world;
	char answer[1024];
	size_t size;
	bool ended;
};

static struct getter getter;

static bool got(struct world *w)
{
	(void)w;
	return getter.ended;
}

static void on_get_ready(struct actr__io *io, unsigned ready)
{
	ssize_t size =
		read(io->fd, getter.answer + getter.size, sizeof getter.answer - 1 - getter.size);

	(void)ready;
	if (size > 0)
		getter.size += (size_t)size;
	getter.answer[getter.size] = 0;
	if (size <= 0 || strstr(getter.answer, "fine\n") || strstr(getter.answer, "not found"))
		getter.ended = true;
	check(getter.world);
}

static const char *get(struct world *w, const char *request)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons(w->port)};

	memset(&getter, 0, sizeof getter);
	getter.world = w;
	getter.io.on_ready = on_get_ready;
	getter.io.fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(getter.io.fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_true(write(getter.io.fd, request, strlen(request)) > 0);
	assert_int_equal(actr__io_start(w->loop, &getter.io, ACTR__IO_READ, NULL), 0);
	run_until(w, got);
	actr__io_stop(w->loop, &getter.io);
	close(getter.io.fd);
	return getter.answer;
}

static void a_get_is_answered(void **state)
{
	struct world *w = *state;
	const char *answer = get(w, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");

	assert_non_null(strstr(answer, "200"));
	assert_non_null(strstr(answer, "fine\n"));
	answer = get(w, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_non_null(strstr(answer, "404"));
}

static void other_methods_are_refused(void **state)
{
	struct world *w = *state;
	const char *answer =
		get(w, "POST /health HTTP/1.1\r\nHost: x\r\ncontent-length: 0\r\n\r\n");

	assert_non_null(strstr(answer, "405"));
}

/* --- TLS --- */

static int setup_tls(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	make_world(w, TRUSTED);
	*state = w;
	return 0;
}

static int setup_tls_untrusted(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	make_world(w, UNTRUSTED);
	*state = w;
	return 0;
}

static void defect_23_wss_works_by_default(void **state)
{
	struct world *w = *state;

	dial_with(w, "wss", "localhost", "/x", NULL);
	run_until(w, both_open);
	w->peer.echo = true;
	assert_int_equal(actr__ws_send(w->client.ws, actr__text("secret"), NULL), 0);
	run_until(w, client_has_message);
	assert_int_equal(w->client.last_size, 6);
}

static void a_certificate_that_nobody_vouches_for_is_refused(void **state)
{
	struct world *w = *state;

	dial_with(w, "wss", "localhost", "/x", NULL);
	run_until(w, client_closed);
	assert_int_equal(w->client.opened, 0);
	assert_int_equal(w->client.why.code, ACTR_E_UNAVAILABLE);
	assert_non_null(strstr(w->client.why.message, "certificate of localhost is refused"));
}

static void a_certificate_for_another_name_is_refused(void **state)
{
	struct world *w = *state;

	dial_with(w, "wss", "127.0.0.2", "/x", NULL);
	run_until(w, client_closed);
	assert_int_equal(w->client.opened, 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_client_opens_and_the_server_sees_who_asks_for_what),
		T(a_name_with_several_addresses_is_tried_until_one_answers),
		T(a_message_of_one_megabyte_is_echoed_whole),
		T(an_empty_message_arrives),
		T(messages_arrive_in_order_and_count),
		T(a_refused_upgrade_tells_its_status),
		T(a_message_over_the_limit_closes_with_1009),
		T(what_is_queued_leaves_before_the_close_and_its_code_arrives),
		T(an_unreachable_port_fails_once),
		T(a_name_that_nobody_has_is_told),
		T(a_full_queue_refuses),
		T(closing_the_server_leaves_open_connections_alone),
		T(closing_before_it_is_open_tells_once),
		T(a_server_that_never_answers_is_given_up),
		T(a_peer_that_stops_reading_is_found_silent),
		T(a_process_that_was_suspended_does_not_blame_its_peer),
		T(closing_does_not_wait_for_a_peer_that_stops_reading),
		T(pings_keep_an_idle_connection),
		T(destroying_with_open_connections_is_silent_and_clean),
		T(destroying_while_dialling_is_clean),
		T(bad_urls_are_refused),
		T(a_get_is_answered),
		T(other_methods_are_refused),
		T(a_post_brings_status_and_body),
		T(a_post_to_nobody_fails_with_status_0),
		T(a_post_without_an_answer_times_out),
		cmocka_unit_test_setup_teardown(defect_23_wss_works_by_default, setup_tls,
						teardown),
		cmocka_unit_test_setup_teardown(a_certificate_that_nobody_vouches_for_is_refused,
						setup_tls_untrusted, teardown),
		cmocka_unit_test_setup_teardown(a_certificate_for_another_name_is_refused,
						setup_tls, teardown),
	};

	return cmocka_run_group_tests_name("wire/websocket", tests, NULL, NULL);
}
