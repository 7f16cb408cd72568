/*
 * A room: what a member says is sent to all of them. chat_room Actr.toml
 *
 * Everything here runs on the loop thread, one after the other, so the order in which lines come in
 * is the order in which every member sees them.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "chat.h"

#define MEMBERS_MAX 64

struct member {
	char name[32]; /* empty: free */
	actr_id id;
};

static struct {
	actr_ref *ref; /* borrowed: the node's own */
	struct member members[MEMBERS_MAX];
	uint64_t line_count;
} hall;

/* "" finds a free place. */
static struct member *by_name(const char *name)
{
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		if (!strcmp(hall.members[i].name, name))
			return &hall.members[i];
	}
	return NULL;
}

static struct member *by_id(const actr_id *id)
{
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		if (hall.members[i].name[0] && actr_id_equal(&hall.members[i].id, id))
			return &hall.members[i];
	}
	return NULL;
}

/* --- lines --- */

static void send_line(const struct member *to, const Chat__Line *line);

static void tell_all(Chat__Line__Kind kind, const char *who, const char *text)
{
	Chat__Line line = CHAT__LINE__INIT;

	line.kind = kind;
	line.who = (char *)who;
	line.text = (char *)text;
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		if (hall.members[i].name[0])
			send_line(&hall.members[i], &line);
	}
	hall.line_count++;
}

static void leave(struct member *m)
{
	struct member left = *m;

	m->name[0] = 0;
	tell_all(CHAT__LINE__KIND__LEFT, left.name, "");
}

/* A member that does not take its lines (16 MiB may wait) would miss some: it leaves instead. */
static void on_line_sent(void *user, actr_call *call)
{
	actr_id id = actr_call_peer(call);
	struct member *m = by_id(&id);

	(void)user;
	if (m && actr_call_result(call, NULL) < 0)
		leave(m);
}

/* Not waited for: the library queues the line and says when the connection has taken it. */
static void send_line(const struct member *to, const Chat__Line *line)
{
	actr_dest dest = actr_dest_actor(&to->id);
	actr_error err = ACTR_ERROR_INIT;

	if (room_talk_send_back(hall.ref, &dest, CHAT_STREAM, hall.line_count, line, on_line_sent,
				NULL, NULL, &err) < 0)
		fprintf(stderr, "chat_room: a line to %s is lost: %s\n", to->name, err.message);
}

static void on_line(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	struct member *m = sender ? by_id(sender) : NULL;
	actr_error err = ACTR_ERROR_INIT;
	Chat__Line *line;

	(void)user;
	if (!m)
		return; /* not in the room */
	line = room_talk_received(chunk, &err);
	if (!line) {
		fprintf(stderr, "chat_room: %s sent no line: %s\n", m->name, err.message);
		return;
	}
	if (line->kind == CHAT__LINE__KIND__SAID) {
		tell_all(CHAT__LINE__KIND__SAID, m->name, line->text);
	} else {
		send_line(m, line); /* the goodbye comes back: everything before it has been said */
		leave(m);
	}
	protobuf_c_message_free_unpacked(&line->base, NULL);
}

/* --- members --- */

static bool is_name(const char *name)
{
	size_t size = strlen(name);

	for (size_t i = 0; i < size; i++) {
		if (!isalnum((unsigned char)name[i]))
			return false;
	}
	return size > 0 && size < sizeof hall.members[0].name;
}

static int on_join(void *self, actr_ctx *ctx, const Chat__JoinRequest *req, actr_reply *reply)
{
	Chat__JoinResponse resp = CHAT__JOIN_RESPONSE__INIT;
	const actr_id *caller = actr_ctx_caller(ctx); /* NULL only for calls of this process */
	struct member *m = by_name("");

	(void)self;
	if (!caller || !is_name(req->name))
		return actr_reply_error(reply, ACTR_E_INVALID_ARGUMENT, "that is no name");
	if (by_name(req->name) || by_id(caller))
		return actr_reply_error(reply, ACTR_E_ALREADY_EXISTS, "%s is here already",
					req->name);
	if (!m)
		return actr_reply_error(reply, ACTR_E_RESOURCE_EXHAUSTED, "the room is full");
	m->id = *caller;
	snprintf(m->name, sizeof m->name, "%s", req->name);
	for (size_t i = 0; i < MEMBERS_MAX; i++)
		resp.present += hall.members[i].name[0] != 0;
	tell_all(CHAT__LINE__KIND__JOINED, m->name, "");
	return room_join_reply(reply, &resp);
}

/* Who vanishes without a goodbye has left when its connection is given up. */
static void on_event(void *self, const actr_event *event)
{
	struct member *m;

	(void)self;
	if (event->kind != ACTR_EVENT_PEER || event->state != ACTR_STATE_IDLE)
		return;
	m = by_id(event->id);
	if (m)
		leave(m);
}

static int on_start(void *self, actr_ctx *ctx)
{
	(void)self;
	hall.ref = actr_ctx_ref(ctx);
	return actr_stream_register(hall.ref, CHAT_STREAM, NULL, on_line, NULL, NULL);
}

static const room_ops ops = {.size = sizeof ops, .join = on_join};

int main(int argc, char **argv)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;

	workload.service = &room;
	workload.ops = &ops;
	workload.on_start = on_start;
	workload.on_event = on_event;
	return actr_serve_workload(argc > 1 ? argv[1] : "Actr.toml", &workload);
}
