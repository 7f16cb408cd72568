/* A member: says what it reads, prints what it hears. chat_client Actr.toml NAME */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "chat.h"

#define GOODBYE_S 10

static sem_t goodbye; /* our own goodbye has come back */

static void on_line(void *user, const actr_chunk *chunk, const actr_id *sender)
{
	Chat__Line *line = room_talk_received_back(chunk, NULL);
	const char *name = user;

	(void)sender;
	if (!line)
		return;
	if (line->kind == CHAT__LINE__KIND__LEFT && !line->who[0])
		sem_post(&goodbye);
	else if (line->kind == CHAT__LINE__KIND__SAID)
		printf("%s: %s\n", line->who, line->text);
	else
		printf("* %s %s\n", strcmp(line->who, name) ? line->who : "you",
		       line->kind == CHAT__LINE__KIND__JOINED ? "joined" : "left");
	fflush(stdout);
	protobuf_c_message_free_unpacked(&line->base, NULL);
}

/* Any room; from then on the one that answered. The stream first: the room speaks at once. */
static int join(actr_ref *ref, const char *name, actr_dest *ret_room, actr_error *err)
{
	Chat__JoinRequest req = CHAT__JOIN_REQUEST__INIT;
	actr_dest any = actr_dest_service(&room);
	const Chat__JoinResponse *resp;
	actr_call *call;
	actr_id peer;
	int rc = actr_stream_register(ref, CHAT_STREAM, NULL, on_line, (void *)name, err);

	if (rc < 0)
		return rc;
	req.name = (char *)name;
	rc = room_join(ref, &any, &req, NULL, &call, &resp, err);
	if (rc < 0)
		return rc;
	peer = actr_call_peer(call);
	*ret_room = actr_dest_actor(&peer);
	actr_call_unref(call);
	return 0;
}

/* Waits until the connection has taken the line, so we are never faster than the network. */
static int say(actr_ref *ref, const actr_dest *dest, uint64_t number, Chat__Line *line,
	       actr_error *err)
{
	actr_call *call;
	int rc = room_talk_send(ref, dest, CHAT_STREAM, number, line, NULL, NULL, &call, err);

	if (rc < 0)
		return rc;
	rc = actr_call_wait(call, err);
	actr_call_unref(call);
	return rc;
}

/*
 * The goodbye is a line of the stream, since a call has a lane of its own and might overtake what
 * was said before.
 */
static int leave(actr_ref *ref, const actr_dest *dest, uint64_t number, actr_error *err)
{
	Chat__Line line = CHAT__LINE__INIT;
	struct timespec until;
	int rc;

	line.kind = CHAT__LINE__KIND__LEFT;
	rc = say(ref, dest, number, &line, err);
	if (rc < 0)
		return rc;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += GOODBYE_S;
	while ((rc = sem_timedwait(&goodbye, &until)) < 0 && errno == EINTR)
		continue;
	if (rc == 0)
		return 0;
	snprintf(err->message, sizeof err->message, "the room did not say goodbye");
	return ACTR_E_TIMEOUT;
}

static int talk(actr_ref *ref, const char *name, actr_error *err)
{
	Chat__Line line = CHAT__LINE__INIT;
	uint64_t number = 0;
	char text[1024];
	actr_dest dest;
	int rc = join(ref, name, &dest, err);

	line.text = text;
	while (rc == 0 && fgets(text, sizeof text, stdin)) {
		text[strcspn(text, "\n")] = 0;
		rc = say(ref, &dest, number++, &line, err);
	}
	return rc < 0 ? rc : leave(ref, &dest, number, err);
}

int main(int argc, char **argv)
{
	actr_error err = ACTR_ERROR_INIT;
	actr_ref *ref = NULL;
	int rc;

	if (argc != 3) {
		fputs("usage: chat_client CONFIG NAME\n", stderr);
		return 2;
	}
	sem_init(&goodbye, 0, 0);
	rc = actr_join(argv[1], &ref, &err);
	if (rc == 0)
		rc = talk(ref, argv[2], &err);
	if (rc < 0)
		fprintf(stderr, "chat_client: %s: %s\n", actr_error_name(rc), err.message);
	actr_ref_close(ref);
	return rc < 0;
}
