#include "signaling/signaling_test.h"

static void a_question_is_answered_with_candidates(void **st)
{
	struct question question;

	(void)st;
	both_ready();
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
	assert_int_equal(question.done, 0);
	advance(20);
	assert_int_equal(question.done, 1);
	assert_int_equal(question.code, 0);
	assert_int_equal(question.id_count, 1);
	assert_true(actr_id_equal(&question.ids[0], &world.b.id));
	advance(10000);
	assert_int_equal(question.done, 1);
}

static void a_question_has_the_trace_of_who_asks(void **st)
{
	struct question question = {.request.traceparent = "00-1-2-01",
				    .request.tracestate = "rojo=1"};

	(void)st;
	both_ready();
	question.request.on_done = on_answer;
	assert_int_equal(actr__signaling_discover(world.a.signaling, &question.request,
						  &world.b.id.type, 4, 0, NULL),
			 0);
	advance(20);
	assert_int_equal(question.done, 1);
	assert_string_equal(world.server.last_traceparent, "00-1-2-01");
	assert_string_equal(world.server.last_tracestate, "rojo=1");
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
	assert_string_equal(world.server.last_traceparent, "");
	advance(20);
}

static void nobody_is_a_success_without_candidates(void **st)
{
	struct question question;
	actr_type type;

	(void)st;
	both_ready();
	actr_type_set(&type, "acme", "nobody", NULL);
	assert_int_equal(ask(&world.a, &question, &type), 0);
	advance(20);
	assert_int_equal(question.done, 1);
	assert_int_equal(question.code, 0);
	assert_int_equal(question.id_count, 0);
}

static void asking_needs_a_session(void **st)
{
	struct question question;
	actr_type type = {"acme", "x"};

	(void)st;
	assert_int_equal(ask(&world.a, &question, &type), ACTR_E_STATE);
	both_ready();
	scripted_node_cut(&world.a.socket);
	assert_int_equal(ask(&world.a, &question, &type), ACTR_E_UNAVAILABLE);
	advance(10000);
	assert_int_equal(question.done, 0);
}

static void a_refused_question_tells_the_servers_code(void **st)
{
	struct question question;

	(void)st;
	both_ready();
	world.server.discover_error = 403;
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
	advance(20);
	assert_int_equal(question.done, 1);
	assert_int_equal(question.code, ACTR_E_PERMISSION_DENIED);
	assert_string_equal(world.a.states, "");
}

static void an_unanswered_question_times_out(void **st)
{
	struct question question, longer;

	(void)st;
	both_ready();
	world.server.silent = true;
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
	memset(&longer, 0, sizeof longer);
	longer.request.on_done = on_answer;
	assert_int_equal(actr__signaling_discover(world.a.signaling, &longer.request,
						  &world.b.id.type, 1, 7000, NULL),
			 0);
	advance(4999);
	assert_int_equal(question.done, 0);
	advance(1);
	assert_int_equal(question.code, ACTR_E_TIMEOUT);
	assert_int_equal(longer.done, 0);
	advance(2000);
	assert_int_equal(longer.code, ACTR_E_TIMEOUT);
}

static void a_late_answer_is_a_stray(void **st)
{
	struct question question;

	(void)st;
	both_ready();
	world.server.latency_ms = 6000;
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
	advance(7000);
	assert_int_equal(question.done, 1);
	assert_int_equal(question.code, ACTR_E_TIMEOUT);
	assert_int_equal(actr__signaling_stats(world.a.signaling)->strays, 1);
}

static void defect_37_pending_questions_fail_at_once_when_the_socket_is_lost(void **st)
{
	struct question questions[3];

	(void)st;
	both_ready();
	world.server.silent = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&world.a, &questions[i], &world.b.id.type), 0);
	scripted_node_cut(&world.a.socket);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(questions[i].done, 1);
		assert_int_equal(questions[i].code, ACTR_E_UNAVAILABLE);
		assert_true(actr_error_retryable(questions[i].code));
	}
}

static void pending_questions_fail_when_the_node_stops_or_is_freed(void **st)
{
	struct question stopped, freed;

	(void)st;
	both_ready();
	world.server.silent = true;
	assert_int_equal(ask(&world.a, &stopped, &world.b.id.type), 0);
	assert_int_equal(ask(&world.b, &freed, &world.a.id.type), 0);
	actr__signaling_stop(world.a.signaling, NULL);
	assert_int_equal(stopped.code, ACTR_E_CLOSED);
	node_free(&world.b);
	assert_int_equal(freed.done, 1);
	assert_int_equal(freed.code, ACTR_E_CLOSED);
	node_new(&world.b, "b.Giver");
}

static void a_cancelled_question_tells_nothing(void **st)
{
	struct question question = {.done = 0};

	(void)st;
	both_ready();
	actr__signaling_cancel(&question.request); /* never asked */
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
	actr__signaling_cancel(&question.request);
	actr__signaling_cancel(&question.request);
	advance(10000);
	assert_int_equal(question.done, 0);
	assert_int_equal(ask(&world.a, &question, &world.b.id.type),
			 0); /* and may be asked again */
	advance(20);
	assert_int_equal(question.done, 1);
}

static struct question *other;

static void cancel_other(struct actr__signaling_request *request, const actr_error *err,
			 const actr_id *ids, size_t id_count)
{
	on_answer(request, err, ids, id_count);
	actr__signaling_cancel(&other->request);
}

static void a_callback_may_cancel_another_that_fails_with_it(void **st)
{
	struct question first, second;

	(void)st;
	both_ready();
	world.server.silent = true;
	assert_int_equal(ask(&world.a, &first, &world.b.id.type), 0);
	assert_int_equal(ask(&world.a, &second, &world.b.id.type), 0);
	first.request.on_done = cancel_other;
	other = &second;
	scripted_node_cut(&world.a.socket);
	assert_int_equal(first.done, 1);
	assert_int_equal(second.done, 0);
}

static void the_number_of_pending_questions_is_bounded(void **st)
{
	static struct question questions[1025];

	(void)st;
	both_ready();
	world.server.silent = true;
	for (int i = 0; i < 1024; i++)
		assert_int_equal(ask(&world.a, &questions[i], &world.b.id.type), 0);
	assert_int_equal(ask(&world.a, &questions[1024], &world.b.id.type),
			 ACTR_E_RESOURCE_EXHAUSTED);
	advance(5000);
	assert_int_equal(questions[1023].done, 1);
	assert_int_equal(ask(&world.a, &questions[1024], &world.b.id.type), 0);
}

static void a_refused_credential_fails_the_question_and_registers_anew(void **st)
{
	struct question question;

	(void)st;
	both_ready();
	advance(61000);
	world.server.discover_error = 401;
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
	advance(30);
	assert_int_equal(question.code, ACTR_E_UNAUTHENTICATED);
	assert_string_equal(world.a.states, "CRr");
}

static void watching_tells_of_actors_that_come_up(void **st)
{
	actr_type type = {"acme", "b.Giver"};

	(void)st;
	assert_int_equal(actr__signaling_watch(world.a.signaling, &type, true, NULL), 0);
	both_ready();
	assert_int_equal(world.server.subscribes, 1);
	scripted_node_cut(&world.b.socket);
	advance(1100);
	assert_int_equal(world.a.ups, 1 + (world.a.up.serial != world.b.id.serial));
	assert_true(actr_id_equal(&world.a.up, &world.b.id));
}

static void a_watch_is_renewed_after_a_reconnect(void **st)
{
	actr_type type = {"acme", "b.Giver"};

	(void)st;
	both_ready();
	assert_int_equal(actr__signaling_watch(world.a.signaling, &type, true, NULL), 0);
	assert_int_equal(actr__signaling_watch(world.a.signaling, &type, true, NULL), 0);
	assert_int_equal(world.server.subscribes, 1);
	scripted_node_cut(&world.a.socket);
	advance(1100);
	assert_int_equal(world.server.subscribes, 2);
	assert_int_equal(actr__signaling_watch(world.a.signaling, &type, false, NULL), 0);
	assert_int_equal(actr__signaling_watch(world.a.signaling, &type, false, NULL), 0);
	assert_int_equal(world.server.unsubscribes, 1);
	scripted_node_cut(&world.a.socket);
	advance(2200);
	assert_int_equal(world.server.subscribes, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(a_question_is_answered_with_candidates),
		world_test(a_question_has_the_trace_of_who_asks),
		world_test(nobody_is_a_success_without_candidates),
		world_test(asking_needs_a_session),
		world_test(a_refused_question_tells_the_servers_code),
		world_test(an_unanswered_question_times_out),
		world_test(a_late_answer_is_a_stray),
		world_test(defect_37_pending_questions_fail_at_once_when_the_socket_is_lost),
		world_test(pending_questions_fail_when_the_node_stops_or_is_freed),
		world_test(a_cancelled_question_tells_nothing),
		world_test(a_callback_may_cancel_another_that_fails_with_it),
		world_test(the_number_of_pending_questions_is_bounded),
		world_test(a_refused_credential_fails_the_question_and_registers_anew),
		world_test(watching_tells_of_actors_that_come_up),
		world_test(a_watch_is_renewed_after_a_reconnect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
