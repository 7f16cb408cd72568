/*
 * Nodes that WebRTC does not connect (only relayed candidates, and no relay) talk over a WebSocket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "echo.actr.h"
#include "fixture.h"

/* Of the nodes that are started next; or NULL. */
static const char *cert_file, *key_file, *ca_file;

struct actor {
	actr_ref *ref;
	pthread_mutex_t lock;
	char path[256]; /* of the last connection */
};

static int on_echo(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;

	(void)self;
	(void)ctx;
	if (req->data.len == 4 && !memcmp(req->data.data, "fail", 4))
		return actr_reply_error(reply, ACTR_E_PERMISSION_DENIED, "told to fail");
	resp.data = req->data;
	return echo_service_echo_reply(reply, &resp);
}

static const echo_service_ops ops = {.size = sizeof ops, .echo = on_echo};

static void on_event(void *self, const actr_event *event)
{
	struct actor *a = self;

	if (event->kind != ACTR_EVENT_PEER || event->state != ACTR_STATE_CONNECTED)
		return;
	pthread_mutex_lock(&a->lock);
	snprintf(a->path, sizeof a->path, "%s", event->detail);
	pthread_mutex_unlock(&a->lock);
}

static int actor_start(struct actor *a, bool relay_only, const char *listen, actr_error *err)
{
	actr_config config = config_of(NULL);
	actr_workload workload = ACTR_WORKLOAD_INIT;

	memset(a, 0, sizeof *a);
	pthread_mutex_init(&a->lock, NULL);
	config.relay_only = relay_only;
	config.websocket_listen = listen;
	config.websocket_after_ms = 100;
	config.websocket_cert_file = listen ? cert_file : NULL;
	config.websocket_key_file = listen ? key_file : NULL;
	config.signaling_ca_file = ca_file;
	workload.service = &echo_service;
	workload.ops = &ops;
	workload.self = a;
	workload.on_event = on_event;
	return try_node(&config, &workload, &a->ref, err);
}

static int call_route(actr_ref *ref, const actr_dest *dest, const actr_method *method,
		      const char *text, actr_error *err)
{
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	actr_call *call;
	uint8_t *out;
	int rc;

	req.data.data = (uint8_t *)(uintptr_t)text;
	req.data.len = strlen(text);
	assert_int_equal(actr_call_new(ref, dest, method, echo__echo_request__get_packed_size(&req),
				       NULL, &call, &out, err),
			 0);
	echo__echo_request__pack(&req, out);
	assert_int_equal(actr_call_start(call, NULL, NULL), 0);
	rc = actr_call_wait(call, err);
	actr_call_unref(call);
	return rc;
}

static int call_text(actr_ref *ref, const actr_dest *dest, const char *text, actr_error *err)
{
	return call_route(ref, dest, &echo_service.methods[0], text, err);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_call_that_webrtc_does_not_carry_goes_over_a_websocket(void **state)
{
	struct actor service, client;
	actr_error err = ACTR_ERROR_INIT;
	actr_dest dest;
	actr_id id;
	double begun;

	(void)state;
	assert_int_equal(actor_start(&service, true, "127.0.0.1:0", &err), 0);
	assert_int_equal(actor_start(&client, true, NULL, &err), 0);
	id = actr_ref_id(service.ref);
	dest = actr_dest_actor(&id);
	begun = now_s();
	assert_int_equal(call_text(client.ref, &dest, "hello", &err), 0);
	assert_true(now_s() - begun < 15);
	for (int i = 0; i < 100; i++)
		assert_int_equal(call_text(client.ref, &dest, "hello", &err), 0);
	pthread_mutex_lock(&client.lock);
	assert_non_null(strstr(client.path, "websocket"));
	pthread_mutex_unlock(&client.lock);
	/* And back on the same connection. */
	id = actr_ref_id(client.ref);
	dest = actr_dest_actor(&id);
	assert_int_equal(call_text(service.ref, &dest, "back", &err), 0);
	actr_ref_close(client.ref);
	actr_ref_close(service.ref);
}

static void defect_48_codes_are_the_same_in_process_over_webrtc_and_over_a_websocket(void **state)
{
	static const actr_method unknown = {.route_key = "echo.EchoService.Nope"};
	struct actor service, near, far;
	actr_error err = ACTR_ERROR_INIT;
	actr_dest dest;
	actr_id id;

	(void)state;
	assert_int_equal(actor_start(&service, false, "127.0.0.1:0", &err), 0);
	assert_int_equal(actor_start(&near, false, NULL, &err), 0);
	assert_int_equal(actor_start(&far, true, NULL, &err), 0);
	id = actr_ref_id(service.ref);
	dest = actr_dest_actor(&id);
	for (unsigned i = 0; i < 3; i++) {
		actr_ref *from = i == 0 ? service.ref : i == 1 ? near.ref : far.ref;

		assert_int_equal(call_text(from, &dest, "fail", &err), ACTR_E_PERMISSION_DENIED);
		assert_string_equal(err.message, "told to fail");
		assert_int_equal(call_route(from, &dest, &unknown, "x", &err),
				 ACTR_E_NOT_FOUND); /* 404 */
		assert_int_equal(call_text(from, &dest, "fine", &err), 0);
	}
	actr_ref_close(far.ref);
	actr_ref_close(near.ref);
	actr_ref_close(service.ref);
}

struct seen {
	sem_t done;
	uint64_t count, until;
	bool in_order;
};

static void on_chunk(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	struct seen *seen = user;

	(void)sender;
	seen->in_order = seen->in_order && chunk->sequence == seen->count;
	if (++seen->count == seen->until)
		sem_post(&seen->done);
}

static void streams_with_large_chunks_go_over_a_websocket(void **state)
{
	static uint8_t bytes[300000];
	struct actor service, client;
	actr_error err = ACTR_ERROR_INIT;
	actr_chunk chunk = ACTR_CHUNK_INIT;
	actr_dest dest;
	actr_id id;
	struct seen seen = {.until = 40, .in_order = true};
	struct timespec until;

	(void)state;
	sem_init(&seen.done, 0, 0);
	/* Both listen: one of them dials. */
	assert_int_equal(actor_start(&service, true, "127.0.0.1:0", &err), 0);
	assert_int_equal(actor_start(&client, true, "[::1]:0", &err), 0);
	id = actr_ref_id(service.ref);
	dest = actr_dest_actor(&id);
	assert_int_equal(actr_stream_register(service.ref, "s", NULL, on_chunk, &seen, &err), 0);
	chunk.stream_id = "s";
	chunk.payload.data = bytes;
	chunk.payload.size = sizeof bytes;
	for (; chunk.sequence < seen.until; chunk.sequence++)
		assert_int_equal(actr_stream_send_wait(client.ref, &dest, ACTR_LANE_STREAM_RELIABLE,
						       &chunk, NULL, &err),
				 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	while (sem_timedwait(&seen.done, &until) < 0)
		assert_int_equal(errno, EINTR);
	assert_true(seen.in_order);
	actr_ref_close(client.ref);
	actr_ref_close(service.ref);
}

static void make_certificate(const char *cert_path, const char *key_path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_EXTENSION *name =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	FILE *file;

	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_version(cert, 2);
	X509_add_ext(cert, name, -1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	file = fopen(cert_path, "w");
	assert_true(PEM_write_X509(file, cert));
	fclose(file);
	file = fopen(key_path, "w");
	assert_true(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
	fclose(file);
	X509_EXTENSION_free(name);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void a_direct_lane_with_tls_is_used_when_its_certificate_is_trusted(void **state)
{
	char dir[] = "/tmp/actr-direct-XXXXXX", cert[64], key[64];
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(cert, sizeof cert, "%s/cert.pem", dir);
	snprintf(key, sizeof key, "%s/key.pem", dir);
	make_certificate(cert, key);
	cert_file = cert;
	key_file = key;
	for (unsigned trusted = 0; trusted < 2; trusted++) {
		actr_call_options options = ACTR_CALL_OPTIONS_INIT;
		Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
		const Echo__EchoResponse *resp;
		struct actor service, client;
		actr_call *call = NULL;
		actr_dest dest;
		actr_id id;

		ca_file = trusted ? cert : NULL;
		assert_int_equal(actor_start(&service, true, "127.0.0.1:0", &err), 0);
		assert_int_equal(actor_start(&client, true, NULL, &err), 0);
		id = actr_ref_id(service.ref);
		dest = actr_dest_actor(&id);
		options.timeout_ms = trusted ? 0 : 1000;
		assert_int_equal(
			echo_service_echo(client.ref, &dest, &req, &options, &call, &resp, &err),
			trusted ? 0 : ACTR_E_TIMEOUT);
		if (trusted)
			actr_call_unref(call);
		actr_ref_close(client.ref);
		actr_ref_close(service.ref);
	}
	cert_file = key_file = ca_file = NULL;
	unlink(cert);
	unlink(key);
	rmdir(dir);
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void knock(uint16_t port, const char *headers, const char *expected)
{
	char text[1024];
	ssize_t size;
	int fd = connect_to(port);

	snprintf(text, sizeof text,
		 "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
		 "%s\r\n",
		 headers);
	assert_true(write(fd, text, strlen(text)) > 0);
	size = read(fd, text, sizeof text - 1);
	assert_true(size > 0);
	text[size] = 0;
	assert_non_null(strstr(text, expected));
	close(fd);
}

static void who_has_no_ticket_does_not_come_in(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	struct actor service;
	actr_error err = ACTR_ERROR_INIT;
	char listen_at[32];
	uint16_t port;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	port = ntohs(address.sin_port);
	snprintf(listen_at, sizeof listen_at, "127.0.0.1:%u", port);
	assert_int_equal(actor_start(&service, true, listen_at, &err), 0);
	knock(port, "", " 401 ");
	knock(port, "X-Actr-Source-ID: 00\r\n", " 401 ");
	knock(port,
	      "X-Actr-Source-ID: 0a020807100118021a0c0a0461636d6512046563686f\r\n"
	      "X-Actr-Credential: 00112233445566778899aabbccddeeff\r\n",
	      " 401 ");
	knock(port, "X-Actr-Credential: 00112233445566778899aabbccddeeff\r\n", " 401 ");
	actr_ref_close(service.ref);
}

static void an_open_address_without_tls_is_refused(void **state)
{
	struct actor service;
	actr_error err = ACTR_ERROR_INIT;

	(void)state;
	assert_int_equal(actor_start(&service, false, "0.0.0.0:0", &err), ACTR_E_CONFIG);
	assert_non_null(strstr(err.message, "cert_file"));
	assert_int_equal(actor_start(&service, false, "127.0.0.1", &err), ACTR_E_CONFIG);
	assert_int_equal(actor_start(&service, false, "127.0.0.1:99999", &err), ACTR_E_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_that_webrtc_does_not_carry_goes_over_a_websocket),
		cmocka_unit_test(
			defect_48_codes_are_the_same_in_process_over_webrtc_and_over_a_websocket),
		cmocka_unit_test(streams_with_large_chunks_go_over_a_websocket),
		cmocka_unit_test(a_direct_lane_with_tls_is_used_when_its_certificate_is_trusted),
		cmocka_unit_test(who_has_no_ticket_does_not_come_in),
		cmocka_unit_test(an_open_address_without_tls_is_refused),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
