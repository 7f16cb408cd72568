/* The real actrd over loopback, spoken to by our own WebSocket client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process.h"
#include "protocol/protocol.h"
#include "wire/websocket/websocket.h"

#define PATIENCE_MS 20000

struct client {
	struct actr__loop *loop;
	struct actr__ws_context *context;
	struct actr__ws *ws;
	struct actr__timer patience;
	struct actr__arena arena;
	Signaling__SignalingEnvelope *last;
	bool opened, closed;
	unsigned received, close_code;
};

/* --- events end a run of the loop --- */

static void on_open(void *owner, struct actr__ws *ws)
{
	struct client *client = owner;

	(void)ws;
	client->opened = true;
	actr__loop_stop(client->loop);
}

static void on_message(void *owner, struct actr__ws *ws, actr_bytes message)
{
	struct client *client = owner;

	(void)ws;
	client->last = (Signaling__SignalingEnvelope *)actr__pb_unpack(
		&signaling__signaling_envelope__descriptor, message, &client->arena, NULL);
	client->received++;
	actr__loop_stop(client->loop);
}

static void on_close(void *owner, struct actr__ws *ws, unsigned close_code, const actr_error *why)
{
	struct client *client = owner;

	(void)ws;
	(void)why;
	client->ws = NULL;
	client->closed = true;
	client->close_code = close_code;
	actr__loop_stop(client->loop);
}

static const struct actr__ws_events events = {
	.on_open = on_open,
	.on_message = on_message,
	.on_close = on_close,
};

static void on_patience(struct actr__timer *timer)
{
	(void)timer;
	fail_msg("nothing came in %d ms", PATIENCE_MS);
}

static void wait_event(struct client *client)
{
	assert_int_equal(actr__timer_set(client->loop, &client->patience, PATIENCE_MS), 0);
	actr__loop_run(client->loop);
	actr__timer_stop(client->loop, &client->patience);
}

static void wait_message(struct client *client)
{
	unsigned before = client->received;

	while (client->received == before && !client->closed)
		wait_event(client);
	assert_true(client->received > before && client->last);
}

static void wait_close(struct client *client)
{
	while (!client->closed)
		wait_event(client);
}

static void client_open(struct client *client, const char *url)
{
	*client = (struct client){.opened = false};
	actr__arena_init(&client->arena, NULL, 0, 1 << 24);
	actr__timer_init(&client->patience, on_patience);
	assert_int_equal(actr__loop_new(&client->loop, NULL), 0);
	assert_int_equal(actr__ws_context_new(client->loop, NULL, &client->context, NULL), 0);
	assert_int_equal(
		actr__ws_connect(client->context, url, NULL, &events, client, &client->ws, NULL),
		0);
	while (!client->opened && !client->closed)
		wait_event(client);
	assert_true(client->opened);
}

static void client_done(struct client *client)
{
	actr__ws_context_free(client->context);
	actr__loop_free(client->loop);
	actr__arena_done(&client->arena);
}

static void client_send(struct client *client, Signaling__SignalingEnvelope *envelope)
{
	struct actr__buf buf;

	actr__buf_init(&buf, ACTR__SIGNALING_MAX);
	assert_int_equal(actr__pb_append(&envelope->base, &buf), 0);
	assert_int_equal(actr__ws_send(client->ws, actr__bytes(buf.data, buf.size), NULL), 0);
	actr__buf_done(&buf);
	wait_message(client);
}

static void client_register(struct client *client, actr_id *ret_id,
			    Actr__AIdCredential **ret_credential)
{
	Signaling__PeerToSignaling flow = SIGNALING__PEER_TO_SIGNALING__INIT;
	Actr__RegisterRequest request = ACTR__REGISTER_REQUEST__INIT;
	Actr__RegisterResponse__RegisterOk *ok;
	struct actr__pb_envelope place;
	Actr__ActrType type_place;
	Actr__Realm realm;
	actr_type type;

	assert_int_equal(actr_type_parse("acme:probe", &type, NULL), 0);
	request.actr_type = actr__pb_type(&type_place, &type);
	request.realm = actr__pb_realm(&realm, 7);
	flow.payload_case = SIGNALING__PEER_TO_SIGNALING__PAYLOAD_REGISTER_REQUEST;
	flow.register_request = &request;
	actr__pb_envelope(&place, "env-1", NULL, 0);
	place.envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_PEER_TO_SERVER;
	place.envelope.peer_to_server = &flow;
	client_send(client, &place.envelope);
	assert_string_equal(client->last->reply_for, "env-1");
	assert_int_equal(client->last->server_to_actr->register_response->result_case,
			 ACTR__REGISTER_RESPONSE__RESULT_SUCCESS);
	ok = client->last->server_to_actr->register_response->success;
	assert_int_equal(actr__pb_id_read(ok->actr_id, ret_id, NULL), 0);
	*ret_credential = ok->credential;
}

/* A ping under a name; the answer is in client->last. */
static void client_ping(struct client *client, const actr_id *id, Actr__AIdCredential *credential)
{
	Signaling__ActrToSignaling flow = SIGNALING__ACTR_TO_SIGNALING__INIT;
	Actr__Ping ping = ACTR__PING__INIT;
	struct actr__pb_envelope place;
	struct actr__pb_id source;

	flow.source = actr__pb_id(&source, id);
	flow.credential = credential;
	flow.payload_case = SIGNALING__ACTR_TO_SIGNALING__PAYLOAD_PING;
	flow.ping = &ping;
	actr__pb_envelope(&place, "env-2", NULL, 0);
	place.envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ACTR_TO_SERVER;
	place.envelope.actr_to_server = &flow;
	client_send(client, &place.envelope);
}

/* --- tests --- */

static void a_drain_closes_connections_with_1001_and_ends_with_status_0(void **state)
{
	static const char *const args[] = {"--dev", "--listen", "127.0.0.1:0", NULL};
	Actr__AIdCredential *credential;
	struct process server = {0};
	struct client client;
	actr_id id;

	(void)state;
	process_start(&server, "actrd", args);
	client_open(&client, server.ready);
	client_register(&client, &id, &credential);
	client_ping(&client, &id, credential);
	assert_int_equal(client.last->server_to_actr->payload_case,
			 SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_PONG);
	kill(server.pid, SIGTERM);
	wait_close(&client);
	assert_int_equal(client.close_code, 1001);
	assert_int_equal(process_end(&server, SIGTERM), 0);
	client_done(&client);
}

static void defect_68_a_server_on_all_addresses_names_one_that_leads_to_it(void **state)
{
	char db[256];
	const char *args[] = {"--db", db, "--listen", "0.0.0.0:0", "--insecure", "--no-stun", NULL};
	struct process server = {0};
	struct client client;

	(void)state;
	snprintf(db, sizeof db, "%s/all.db", temp_dir());
	process_start(&server, "actrd", args);
	assert_null(strstr(server.ready, "0.0.0.0"));
	client_open(&client, server.ready);
	client_done(&client);
	assert_int_equal(process_end(&server, SIGTERM), 0);
}

static void defect_68_a_public_address_that_leads_nowhere_is_refused(void **state)
{
	static const char *const hosts[] = {"0.0.0.0", "::", "239.1.1.1", ""};
	char command[600];

	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		char line[200] = "";
		FILE *said;
		int status;

		snprintf(command, sizeof command,
			 "'%s/actrd' --dev --listen 127.0.0.1:0 --public '%s' 2>&1",
			 getenv("ACTR_BIN"), hosts[i]);
		said = popen(command, "r");
		assert_non_null(said);
		assert_non_null(fgets(line, sizeof line, said));
		while (fgets(command, sizeof command, said))
			;
		status = pclose(said);
		assert_int_equal(WEXITSTATUS(status), 2);
		assert_non_null(strstr(line, "nodes cannot reach --public"));
	}
}

static void five_malformed_messages_are_each_answered_and_then_the_connection_ends(void **state)
{
	static const char *const args[] = {"--dev", "--listen", "127.0.0.1:0", NULL};
	struct process server = {0};
	struct client client;

	(void)state;
	process_start(&server, "actrd", args);
	client_open(&client, server.ready);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(actr__ws_send(client.ws, actr__bytes("\xff", 1), NULL), 0);
		wait_message(&client);
		assert_int_equal(client.last->flow_case,
				 SIGNALING__SIGNALING_ENVELOPE__FLOW_ENVELOPE_ERROR);
		assert_int_equal(client.last->envelope_error->code, 400);
	}
	wait_close(&client);
	assert_int_equal(client.close_code, 1007);
	client_done(&client);
	assert_int_equal(process_end(&server, SIGTERM), 0);
}

static void a_restart_keeps_the_keys_and_never_repeats_a_serial(void **state)
{
	const char *args[] = {"--db", NULL, "--listen", "127.0.0.1:0", NULL};
	char db[128];
	const char *const realm[] = {"--db", db, "realm", "add", "7", "open", NULL};
	struct process server = {0};
	uint64_t last = 0;
	pid_t pid;

	(void)state;
	snprintf(db, sizeof db, "%s/actrd.db", temp_dir());
	args[1] = db;
	pid = fork();
	if (pid == 0) {
		const char *bin = getenv("ACTR_BIN");
		char path[512];

		snprintf(path, sizeof path, "%s/actrd", bin ? bin : "build/bin");
		execl(path, "actrd", realm[0], realm[1], realm[2], realm[3], realm[4], realm[5],
		      (char *)NULL);
		_exit(127);
	}
	server.pid = pid;
	assert_int_equal(process_end(&server, 0), 0);
	for (int i = 0; i < 3; i++) {
		Actr__AIdCredential *credential;
		struct client client;
		actr_id id;

		process_start(&server, "actrd", args);
		client_open(&client, server.ready);
		client_register(&client, &id, &credential);
		assert_true(id.serial > last);
		last = id.serial;
		/* The same key in every life: it was made once. */
		assert_int_equal(credential->token_key_id, 1);
		client_done(&client);
		assert_int_equal(process_end(&server, i == 1 ? SIGKILL : SIGINT),
				 i == 1 ? -SIGKILL : 0);
	}
}

/* A STUN Binding request to the same port is answered. */
static void the_udp_port_answers_stun(void **state)
{
	static const char *const args[] = {"--dev", "--listen", "127.0.0.1:0", NULL};
	static const uint8_t request[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
	struct process server = {0};
	uint8_t answer[128];
	int fd;

	(void)state;
	process_start(&server, "actrd", args);
	to.sin_port = htons((uint16_t)strtoul(strrchr(server.ready, ':') + 1, NULL, 10));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	assert_int_equal(sendto(fd, request, sizeof request, 0, (void *)&to, sizeof to), 20);
	assert_int_equal(recv(fd, answer, sizeof answer, 0), 32);
	assert_int_equal(answer[0] << 8 | answer[1], 0x0101);
	close(fd);
	assert_int_equal(process_end(&server, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drain_closes_connections_with_1001_and_ends_with_status_0),
		cmocka_unit_test(
			five_malformed_messages_are_each_answered_and_then_the_connection_ends),
		cmocka_unit_test(defect_68_a_server_on_all_addresses_names_one_that_leads_to_it),
		cmocka_unit_test(defect_68_a_public_address_that_leads_nowhere_is_refused),
		cmocka_unit_test(a_restart_keeps_the_keys_and_never_repeats_a_serial),
		cmocka_unit_test(the_udp_port_answers_stun),
	};

	return cmocka_run_group_tests_name("integration/actrd", tests, NULL, NULL);
}
