/*
 * Questions to the server: who waits for which answer. A request is in the list from before its
 * envelope leaves, and ends exactly once: by answer, refusal, time-out, loss, cancel or free.
 * Whoever ends it takes it out of the list first.
 */
#include "signaling/signaling_internal.h"

/* Candidates of one answer; ours. */
#define CANDIDATES_MAX 4096u

/* Whether it was pending. */
static bool take_out(struct actr__signaling_request *request)
{
	struct actr__signaling *s = request->signaling;

	if (!s)
		return false;
	actr__timer_stop(s->loop, &request->timer);
	actr__list_remove(&request->link);
	s->request_count--;
	request->signaling = NULL;
	return true;
}

static void end(struct actr__signaling_request *request, const actr_error *err, const actr_id *ids,
		size_t id_count)
{
	if (take_out(request))
		request->on_done(request, err, ids, id_count);
}

static void on_due(struct actr__timer *timer)
{
	struct actr__signaling_request *request =
		container_of(timer, struct actr__signaling_request, timer);
	actr_error err = ACTR_ERROR_INIT;

	(void)ACTR_FAIL(&err, ACTR_E_TIMEOUT, "the signaling server did not answer in time");
	end(request, &err, NULL, 0);
}

int actr__signaling_discover(struct actr__signaling *s, struct actr__signaling_request *request,
			     const actr_type *type, uint32_t count, uint32_t timeout_ms,
			     actr_error *err)
{
	int rc;

	ACTR_TRY(signaling_check_ready(s, err));
	if (s->request_count >= REQUESTS_MAX)
		return ACTR_FAIL(err, ACTR_E_RESOURCE_EXHAUSTED,
				 "%u questions wait for an answer already", REQUESTS_MAX);
	actr__timer_init(&request->timer, on_due);
	if (actr__timer_set(s->loop, &request->timer,
			    timeout_ms ? timeout_ms : s->response_timeout_ms) < 0)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a timer");
	request->signaling = s;
	actr__list_push(&s->requests, &request->link);
	s->request_count++;
	rc = signaling_send_discover(s, type, count, request, err);
	if (rc < 0)
		(void)take_out(request);
	return rc;
}

void actr__signaling_cancel(struct actr__signaling_request *request)
{
	(void)take_out(request);
}

static struct actr__signaling_request *find(struct actr__signaling *s, uint64_t number)
{
	if (!number)
		return NULL;
	actr__list_each(node, &s->requests)
	{
		struct actr__signaling_request *request =
			container_of(node, struct actr__signaling_request, link);

		if (request->envelope_number == number)
			return request;
	}
	return NULL;
}

static void end_with_candidates(struct actr__signaling_request *request,
				const Actr__RouteCandidatesResponse__RouteCandidatesOk *ok,
				struct actr__arena *arena)
{
	size_t max = ok->n_candidates < CANDIDATES_MAX ? ok->n_candidates : CANDIDATES_MAX,
	       count = 0;
	actr_id *ids = actr__arena_alloc(arena, max * sizeof *ids);
	actr_error err = ACTR_ERROR_INIT;

	if (!ids) {
		(void)ACTR_FAIL(&err, ACTR_E_NOMEM, "no memory for %zu candidates", max);
		end(request, &err, NULL, 0);
		return;
	}
	for (size_t i = 0; i < max; i++) { /* one that is malformed is left out */
		if (actr__pb_id_read(ok->candidates[i], &ids[count], NULL) == 0)
			count++;
	}
	end(request, NULL, ids, count);
}

bool signaling_request_answered(struct actr__signaling *s, uint64_t number,
				const Actr__RouteCandidatesResponse *response,
				struct actr__arena *arena)
{
	struct actr__signaling_request *request = find(s, number);
	actr_error err = ACTR_ERROR_INIT;

	if (!request)
		return false;
	if (response->result_case == ACTR__ROUTE_CANDIDATES_RESPONSE__RESULT_SUCCESS) {
		end_with_candidates(request, response->success, arena);
		return true;
	}
	(void)actr__pb_error_read(response->result_case ==
						  ACTR__ROUTE_CANDIDATES_RESPONSE__RESULT_ERROR
					  ? response->error
					  : NULL,
				  &err);
	end(request, &err, NULL, 0);
	return true;
}

bool signaling_request_failed(struct actr__signaling *s, uint64_t number, const actr_error *why)
{
	struct actr__signaling_request *request = find(s, number);

	if (!request)
		return false;
	end(request, why, NULL, 0);
	return true;
}

void signaling_fail_requests(struct actr__signaling *s, int code, const char *text)
{
	actr_error err = ACTR_ERROR_INIT;
	struct actr__list failing;

	/* One that a callback starts now belongs to what comes next. */
	actr__list_init(&failing);
	actr__list_splice(&failing, &s->requests);
	(void)ACTR_FAIL(&err, code, "%s", text);
	while (!actr__list_empty(&failing))
		end(container_of(failing.next, struct actr__signaling_request, link), &err, NULL,
		    0);
}
