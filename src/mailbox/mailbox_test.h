/* Helpers of the mailbox tests: messages, senders, and an owner that records what it is told. */
#ifndef ACTR_MAILBOX_TEST_H
#define ACTR_MAILBOX_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "mailbox/mailbox.h"

struct owner {
	struct actr__loop *loop;
	struct actr__mailbox *mailbox;
	unsigned ready, refused, closed, states;
	bool high, failed;
	int last_refusal;
	bool stop_on_ready, stop_on_refused;
	unsigned letters;
	char last_letter[ACTR_UUID_SIZE], last_category[32];
};

static inline void owner_on_ready(void *user)
{
	struct owner *o = user;

	o->ready++;
	if (o->stop_on_ready)
		actr__loop_stop(o->loop);
}

static inline void owner_on_refused(void *user, struct actr__mail *mail, const actr_error *why)
{
	struct owner *o = user;

	assert_non_null(mail->msg);
	o->refused++;
	o->last_refusal = why->code;
	if (o->stop_on_refused)
		actr__loop_stop(o->loop);
}

static inline void owner_on_closed(void *user)
{
	struct owner *o = user;

	o->closed++;
	actr__loop_stop(o->loop);
}

static inline void owner_on_state(void *user, actr_error *why, bool high_water)
{
	struct owner *o = user;

	o->states++;
	o->high = high_water;
	o->failed = why != NULL;
}

static inline void owner_on_dead_letter(void *user, const struct actr__dead_letter *letter)
{
	struct owner *o = user;

	o->letters++;
	snprintf(o->last_letter, sizeof o->last_letter, "%s", letter->id);
	snprintf(o->last_category, sizeof o->last_category, "%s", letter->error_category);
}

static const struct actr__mailbox_events owner_events = {.on_ready = owner_on_ready,
							 .on_refused = owner_on_refused,
							 .on_closed = owner_on_closed,
							 .on_state = owner_on_state,
							 .on_dead_letter = owner_on_dead_letter};

static inline actr_id test_id(uint64_t serial)
{
	actr_id id = {.realm = 7, .serial = serial};

	(void)actr_type_set(&id.type, "acme", "Caller", NULL);
	return id;
}

/* A well-formed request whose payload is `text`; its request id is "r-" and the text. */
static inline struct actr__msg *test_msg(const char *text, size_t padding)
{
	uint8_t bytes[65535];
	char request_id[64];
	struct actr__envelope e = {.route_key = actr__text("acme.Echo"),
				   .request_id = actr__bytes(request_id, 0),
				   .timeout_ms = 1000,
				   .direction = ACTR__DIRECTION_REQUEST};
	struct actr__msg *msg;

	assert_true(strlen(text) + padding < sizeof bytes);
	memset(bytes, '.', sizeof bytes);
	memcpy(bytes, text, strlen(text));
	snprintf(request_id, sizeof request_id, "r-%s", text);
	e.request_id.size = strlen(request_id);
	e.payload = actr__bytes(bytes, strlen(text) + padding);
	e.has_payload = true;
	msg = actr__msg_new(actr__envelope_size(&e), ACTR_LANE_RPC_RELIABLE);
	if (!msg)
		return NULL;
	(void)actr__envelope_encode(&e, msg->data, NULL);
	assert_int_equal(
		actr__envelope_decode(&msg->envelope, actr__bytes(msg->data, msg->size), NULL), 0);
	return msg;
}

static inline int submit(struct actr__mailbox *m, const char *text, uint64_t serial,
			 enum actr__mail_class mail_class)
{
	actr_id id = test_id(serial);
	struct actr__msg *msg = test_msg(text, 0);
	int rc;

	assert_non_null(msg);
	rc = actr__mailbox_submit(m, msg, &id, mail_class, NULL, NULL);
	if (rc < 0)
		actr__msg_unref(msg);
	return rc;
}

static inline void assert_text(const struct actr__mail *mail, const char *text)
{
	char got[128];

	assert_non_null(mail);
	snprintf(got, sizeof got, "%.*s", (int)mail->msg->envelope.payload.size,
		 (const char *)mail->msg->envelope.payload.data);
	assert_string_equal(got, text);
}

#endif
