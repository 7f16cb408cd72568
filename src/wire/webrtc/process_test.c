/*
 * Two processes: one is killed without a word, or stands still for a while. Takes as long as ICE
 * consent takes to run out (10 s), so it is an integration test.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/webrtc/webrtc.h"

#define PEER_OPENED -1 /* a packet's kind beside those of signals */

struct packet {
	int32_t kind;
	char exchange[64], ufrag[300], text[8000];
};

struct node {
	struct actr__loop *loop;
	struct actr__webrtc_engine *engine;
	struct actr__webrtc_options options;
	struct actr__wire *wire;
	struct actr__io signals;
	struct actr__timer timeout;
	enum actr__wire_state state;
	uint64_t changed_ms;
	unsigned changes, messages;
	actr_error why;
	bool is_server, peer_is_open;
};

static void on_signal(void *owner, struct actr__wire *wire, const struct actr__signal *s)
{
	struct node *n = owner;
	struct packet p = {.kind = (int32_t)s->kind};

	(void)wire;
	(void)snprintf(p.exchange, sizeof p.exchange, "%s", s->exchange_id ? s->exchange_id : "");
	(void)snprintf(p.ufrag, sizeof p.ufrag, "%s",
		       s->username_fragment ? s->username_fragment : "");
	(void)snprintf(p.text, sizeof p.text, "%s", s->text);
	(void)send(n->signals.fd, &p, sizeof p, MSG_NOSIGNAL | MSG_DONTWAIT); /* may be dead */
}

static void tell_open(struct node *n)
{
	struct packet p = {.kind = PEER_OPENED};

	(void)send(n->signals.fd, &p, sizeof p, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_state(void *owner, struct actr__wire *wire, enum actr__wire_state state,
		     const actr_error *why)
{
	struct node *n = owner;

	(void)wire;
	n->state = state;
	n->changes++;
	n->changed_ms = actr__loop_now_ms(n->loop);
	if (why)
		n->why = *why;
	if (n->is_server && state == ACTR__WIRE_OPEN)
		tell_open(n);
	actr__loop_stop(n->loop);
}

static void on_message(void *owner, struct actr__wire *wire, struct actr__msg *msg)
{
	struct node *n = owner;

	n->messages++;
	if (n->is_server)
		(void)actr__wire_send(wire, msg->lane, actr__bytes(msg->data, msg->size), NULL);
	(void)actr__msg_unref(msg);
	actr__loop_stop(n->loop);
}

static void on_writable(void *owner, struct actr__wire *wire, unsigned lane)
{
	(void)owner;
	(void)wire;
	(void)lane;
}

static const struct actr__wire_events events = {on_state, on_message, on_writable, on_signal};

static void on_packet(struct actr__io *io, unsigned ready)
{
	struct node *n = container_of(io, struct node, signals);
	struct packet p;
	ssize_t size;

	(void)ready;
	while ((size = recv(io->fd, &p, sizeof p, MSG_DONTWAIT)) == (ssize_t)sizeof p) {
		struct actr__signal s = {.kind = (enum actr__signal_kind)p.kind,
					 .text = p.text,
					 .exchange_id = *p.exchange ? p.exchange : NULL,
					 .username_fragment = *p.ufrag ? p.ufrag : NULL,
					 .sdp_mline_index = -1};

		if (p.kind == PEER_OPENED) {
			n->peer_is_open = true;
			actr__loop_stop(n->loop);
		} else if (n->wire)
			(void)n->wire->ops->signal(n->wire, &s, NULL);
		else if (actr__webrtc_accept(n->engine, &n->options, &s, &events, n, 1, &n->wire,
					     NULL) < 0)
			abort();
	}
	if (size == 0)
		actr__io_stop(n->loop, io); /* the other process is gone */
}

static void on_timeout(struct actr__timer *timer)
{
	actr__loop_stop(container_of(timer, struct node, timeout)->loop);
}

static void start(struct node *n, int fd, bool is_server)
{
	memset(n, 0, sizeof *n);
	n->is_server = is_server;
	n->options.loopback = true;
	n->options.self.serial = is_server ? 2 : 1;
	n->options.peer.serial = is_server ? 1 : 2;
	n->options.recover_timeout_ms = is_server ? 60000 : 20000;
	n->signals.fd = fd;
	n->signals.on_ready = on_packet;
	actr__timer_init(&n->timeout, on_timeout);
	if (actr__loop_new(&n->loop, NULL) < 0 ||
	    actr__webrtc_engine_new(n->loop, &n->engine, NULL) < 0 ||
	    actr__io_start(n->loop, &n->signals, ACTR__IO_READ, NULL) < 0)
		abort();
}

static void finish(struct node *n)
{
	n->wire = actr__wire_unref(n->wire);
	n->engine = actr__webrtc_engine_free(n->engine);
	actr__io_stop(n->loop, &n->signals);
	actr__timer_stop(n->loop, &n->timeout);
	actr__loop_process(n->loop);
	n->loop = actr__loop_free(n->loop);
	close(n->signals.fd);
}

/*
 * Forks a process that accepts and echoes until it is killed; dials it and waits until both sides
 * are open: who loses the path before that closes the wire.
 */
static pid_t connect_to_child(struct node *n)
{
	int fds[2];
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	child = fork();
	if (!child) {
		close(fds[0]);
		start(n, fds[1], true);
		for (;;)
			actr__loop_run(n->loop);
	}
	close(fds[1]);
	start(n, fds[0], false);
	assert_int_equal(actr__webrtc_dial(n->engine, &n->options, &events, n, 1, &n->wire, NULL),
			 0);
	while (n->state != ACTR__WIRE_OPEN || !n->peer_is_open)
		actr__loop_run(n->loop);
	return child;
}

/* Milliseconds until the state is there. */
static unsigned wait_for(struct node *n, enum actr__wire_state state, unsigned max_ms)
{
	uint64_t began = actr__loop_now_ms(n->loop);

	assert_int_equal(actr__timer_set(n->loop, &n->timeout, max_ms), 0);
	while (n->state != state && actr__timer_is_set(&n->timeout))
		actr__loop_run(n->loop);
	actr__timer_stop(n->loop, &n->timeout);
	assert_int_equal(n->state, state);
	return (unsigned)(n->changed_ms - began);
}

static void defect_46_a_killed_peer_is_noticed_within_a_bound_and_told_once(void **st)
{
	struct node n;
	pid_t child = connect_to_child(&n);
	unsigned ms;

	(void)st;
	assert_int_equal(kill(child, SIGKILL), 0);
	(void)waitpid(child, NULL, 0);
	ms = wait_for(&n, ACTR__WIRE_RECOVERING, 16000);
	print_message("# noticed after %u ms\n", ms);
	assert_true(ms < 15000);
	assert_int_equal(n.why.code, ACTR_E_RECOVERING);
	ms = wait_for(&n, ACTR__WIRE_CLOSED, 25000);
	assert_true(ms > 15000 && ms < 22000);
	assert_int_equal(n.why.code, ACTR_E_UNAVAILABLE);
	assert_int_equal(n.changes, 3); /* open, recovering, closed */
	finish(&n);
}

static void a_peer_that_stood_still_is_found_again_and_nothing_is_lost(void **st)
{
	struct node n;
	pid_t child = connect_to_child(&n);
	unsigned ms;

	(void)st;
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(actr__wire_send(n.wire, 0, actr__bytes("held", 4), NULL), 0);
	(void)wait_for(&n, ACTR__WIRE_RECOVERING, 16000);
	assert_int_equal(kill(child, SIGCONT), 0);
	ms = wait_for(&n, ACTR__WIRE_OPEN, 10000);
	print_message("# open again after %u ms\n", ms);
	assert_true(ms < 5000);
	while (!n.messages)
		actr__loop_run(n.loop);
	assert_int_equal(n.messages, 1);
	finish(&n);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_stood_still_is_found_again_and_nothing_is_lost),
		cmocka_unit_test(defect_46_a_killed_peer_is_noticed_within_a_bound_and_told_once),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
