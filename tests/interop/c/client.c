/*
 * A client's modes: calls, tells, errors.
 */
#include "peer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_MS 500
#define LOST_MS	    11000 /* a dead peer is noticed within 10 s (defect 46) */

int ask(const char *text, int64_t timeout_ms, char *ret, size_t size, actr_error *err)
{
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	const Echo__EchoResponse *resp;
	actr_call *call = NULL;
	int rc;

	options.timeout_ms = timeout_ms;
	req.data.data = (uint8_t *)(uintptr_t)text;
	req.data.len = strlen(text);
	rc = echo_service_echo(own, &service, &req, &options, &call, &resp, err);
	if (rc < 0)
		return rc;
	snprintf(ret, size, "%.*s", (int)resp->data.len, (const char *)resp->data.data);
	actr_call_unref(call);
	return 0;
}

static void expect_answer(const char *text, const char *expected)
{
	char answer[ACTR_ID_TEXT_SIZE] = "";
	actr_error err = ACTR_ERROR_INIT;

	if (ask(text, PATIENCE_MS, answer, sizeof answer, &err) < 0)
		expect_text(text, expected, err.message);
	else
		expect_text(text, expected, answer);
}

/* Who was found, and whom the service takes us for. */
void run_discover(void)
{
	char found[ACTR_ID_TEXT_SIZE], self[ACTR_ID_TEXT_SIZE];
	const actr_id id = actr_ref_id(own);

	actr_id_format(&service.id, found, sizeof found);
	actr_id_format(&id, self, sizeof self);
	expect_text("the id of the service", plan.expect, found);
	expect_answer("caller", self);
	say("\"found\":\"%s\",\"caller\":\"%s\"", found, self);
}

/* The original answers each tell; such an answer is dropped and counted, and runs nothing. */
void run_tell(void)
{
	char text[32], before[32] = "", after[32] = "";
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	actr_error err = ACTR_ERROR_INIT;
	int rc = ask("tells?", PATIENCE_MS, before, sizeof before, &err);

	for (long n = 0; n < plan.count && rc >= 0; n++) {
		snprintf(text, sizeof text, "tell:%ld", n);
		req.data.data = (uint8_t *)text;
		req.data.len = strlen(text);
		rc = echo_service_echo_tell(own, &service, &req, &err);
	}
	expect_text("telling", "", rc < 0 ? err.message : "");
	/* It answers in order, so with the last of them all tells have been counted. */
	(void)reached(&orphans, plan.count);
	rc = ask("tells?", PATIENCE_MS, after, sizeof after, &err);
	expect_text("asking", "", rc < 0 ? err.message : "");
	expect_number("tells counted", plan.count,
		      strtol(after, NULL, 10) - strtol(before, NULL, 10));
	expect_number("answers to tells that were dropped", plan.count, atomic_load(&orphans));
	say("\"tells\":%ld,\"answers_dropped\":%ld", plan.count, atomic_load(&orphans));
}

/* A call of a method that this side makes up. */
static actr_call *call_method(const char *route, actr_lane lane, const char *text,
			      int64_t timeout_ms)
{
	static actr_method method; /* calls are made one after the other */
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	Echo__EchoRequest req = ECHO__ECHO_REQUEST__INIT;
	actr_error err = ACTR_ERROR_INIT;
	actr_call *call = NULL;
	uint8_t *payload;
	int rc;

	method = echo_service.methods[ECHO_SERVICE_ECHO_METHOD];
	method.route_key = route;
	method.lane = lane;
	options.timeout_ms = timeout_ms;
	req.data.data = (uint8_t *)(uintptr_t)text;
	req.data.len = strlen(text);
	rc = actr_call_new(own, &service, &method, echo__echo_request__get_packed_size(&req),
			   &options, &call, &payload, &err);
	expect_text("making a call", "", rc < 0 ? err.message : "");
	if (rc < 0)
		return NULL;
	(void)echo__echo_request__pack(&req, payload);
	(void)actr_call_start(call, NULL, NULL);
	return call;
}

/* Calls on the signal lane, which the original answers on the reliable one. */
void run_signal(void)
{
	long good = 0;

	for (long n = 0; n < plan.count; n++) {
		actr_call *call = call_method("echo.EchoService.Echo", ACTR_LANE_RPC_SIGNAL,
					      "signal", PATIENCE_MS);
		actr_error err = ACTR_ERROR_INIT;
		const Echo__EchoResponse *resp = NULL;

		if (call && actr_call_wait(call, &err) == 0)
			resp = echo_service_echo_response(call, &err);
		good += resp && resp->data.len == 6 && !memcmp(resp->data.data, "signal", 6);
		if (!resp)
			expect_text("a call on the signal lane", "", err.message);
		actr_call_unref(call);
	}
	expect_number("answered", plan.count, good);
	say("\"calls\":%ld", good);
}

static void expect_deadline(const char *what, const char *route, const char *text)
{
	const long started_ms = now_ms();
	actr_call *call = call_method(route, ACTR_LANE_RPC_RELIABLE, text, DEADLINE_MS);
	const int rc = call ? actr_call_wait(call, NULL) : ACTR_E_INTERNAL;
	const long took_ms = now_ms() - started_ms;

	expect_text(what, "ACTR_E_TIMEOUT", rc < 0 ? actr_error_name(rc) : "an answer");
	if (took_ms < DEADLINE_MS || took_ms > 2 * DEADLINE_MS)
		expect_number("milliseconds until then", DEADLINE_MS, took_ms);
	actr_call_unref(call);
}

/* The original answers neither of these: the caller's deadline ends them. */
void run_fail(void)
{
	expect_deadline("a handler that fails", "echo.EchoService.Echo", "fail");
	expect_deadline("a handler that panics", "echo.EchoService.Echo", "fault");
	expect_deadline("an unknown route", "echo.EchoService.Nothing", "");
	expect_answer("alive", "alive");
	say("\"failures\":3,\"deadline_ms\":%d", DEADLINE_MS);
}

/* An answer that comes after its call ended is dropped (defect 52). */
void run_late(void)
{
	char answer[32];
	actr_error err = ACTR_ERROR_INIT;
	int rc;

	expect_answer("connected", "connected");
	rc = ask("late:400", 100, answer, sizeof answer, &err);
	expect_text("the call", "ACTR_E_TIMEOUT", rc < 0 ? actr_error_name(rc) : "an answer");
	(void)reached(&orphans, 1);
	expect_answer("alive", "alive");
	expect_number("late answers that were dropped", 1, atomic_load(&orphans));
	say("\"late_answers_dropped\":%ld", atomic_load(&orphans));
}

/*
 * Whoever started us kills the service and starts it anew, then writes a line. Nothing says goodbye
 * for a killed process: a call that left before its silence was noticed fails, at most 10 s later
 * (it may have run, so it is not repeated), and the next one finds the new service at once.
 */
void run_restart(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	actr_dest any = actr_dest_service(&echo_service);
	actr_error err = ACTR_ERROR_INIT;
	char answer[32] = "";
	long started_ms, noticed_ms;
	int rc;

	service = any;
	expect_answer("before", "before");
	puts("ready called");
	fflush(stdout);
	(void)poll(&input, 1, PATIENCE_MS);
	started_ms = now_ms();
	rc = ask("after", PATIENCE_MS, answer, sizeof answer, &err);
	noticed_ms = now_ms() - started_ms;
	if (rc < 0) {
		expect_text("a call on the dead connection", "ACTR_E_UNAVAILABLE",
			    actr_error_name(rc));
		if (noticed_ms > LOST_MS)
			expect_number("milliseconds until then, at most", LOST_MS, noticed_ms);
		started_ms = now_ms();
		expect_answer("after", "after");
	} else {
		expect_text("after", "after", answer);
	}
	say("\"noticed_ms\":%ld,\"next_call_ms\":%ld", noticed_ms, now_ms() - started_ms);
}
