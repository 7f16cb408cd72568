#include "signaling/signaling_test.h"

struct said {
	struct actr__pb_envelope envelope;
	Signaling__SignalingToActr message;
	Actr__ErrorResponse error;
};

static struct said said;

/* What the server says to a in answer to this envelope (NULL: to none); the payload is the test's.
 */
static Signaling__SignalingToActr *say(const char *reply_for)
{
	Signaling__SignalingEnvelope *envelope =
		actr__pb_envelope(&said.envelope, "srv", reply_for, world_wall_ms(NULL));

	signaling__signaling_to_actr__init(&said.message);
	envelope->flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_SERVER_TO_ACTR;
	envelope->server_to_actr = &said.message;
	return &said.message;
}

static void push(void)
{
	scripted_node_push(&world.a.socket, &said.envelope.envelope);
	advance(10);
}

static const struct actr__signaling_stats *stats(void)
{
	return actr__signaling_stats(world.a.signaling);
}

/* A registration's answer, good but for what the test takes away. */
static void answer_registration(const char *reply_for, bool id, bool credential, uint32_t error)
{
	Actr__RegisterResponse response = ACTR__REGISTER_RESPONSE__INIT;
	Actr__RegisterResponse__RegisterOk ok = ACTR__REGISTER_RESPONSE__REGISTER_OK__INIT;
	Actr__AIdCredential place;
	struct actr__pb_id id_place;
	Signaling__SignalingToActr *message = say(reply_for);
	actr_id own = {.realm = 7, .serial = 5, .type = {"acme", "a.Asker"}};

	message->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_REGISTER_RESPONSE;
	message->register_response = &response;
	response.result_case = ACTR__REGISTER_RESPONSE__RESULT_SUCCESS;
	response.success = &ok;
	if (error) {
		response.result_case = ACTR__REGISTER_RESPONSE__RESULT_ERROR;
		response.error = actr__pb_error(&said.error, error, "no");
	}
	if (id)
		ok.actr_id = actr__pb_id(&id_place, &own);
	if (credential)
		ok.credential = actr__pb_credential(&place, actr__text("t"), 1);
	push();
}

/* a has asked to be registered, envelope 1, and the scripted server keeps silent. */
static void registering(void)
{
	world.server.silent = true;
	actr__signaling_start(world.a.signaling);
	advance(10);
	assert_string_equal(world.a.states, "CR");
}

static void a_registration_without_an_expiry_lives_an_hour(void **st)
{
	(void)st;
	registering();
	answer_registration("env-1", true, true, 0);
	assert_string_equal(world.a.states, "CRr");
	assert_int_equal(world.a.id.serial, 5);
	world.server.silent = false;
	advance(3600 * 1000 * 66 / 100);
	assert_int_equal(world.server.renewals, 1);
}

static void a_registration_is_known_without_its_number_too(void **st)
{
	(void)st;
	registering();
	answer_registration(NULL, true, true, 0);
	assert_string_equal(world.a.states, "CRr");
}

static void a_registration_that_lacks_what_it_must_have_counts_as_refused(void **st)
{
	Actr__RegisterResponse neither = ACTR__REGISTER_RESPONSE__INIT;

	(void)st;
	registering();
	answer_registration("env-1", true, false, 0);
	assert_string_equal(world.a.states, "CRW");
	assert_int_equal(world.a.why.code, ACTR_E_DECODE);
	world.a.states[0] = 0;
	actr__signaling_retry_now(world.a.signaling);
	advance(10);
	answer_registration("env-2", false, true, 0);
	assert_string_equal(world.a.states, "CRW");
	world.a.states[0] = 0;
	actr__signaling_retry_now(world.a.signaling);
	advance(10);
	/* Neither success nor error. */
	say("env-3")->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_REGISTER_RESPONSE;
	said.message.register_response = &neither;
	push();
	assert_string_equal(world.a.states, "CRW");
	assert_int_equal(world.a.why.code, ACTR_E_INTERNAL);
}

static void an_answer_to_another_envelope_does_not_register(void **st)
{
	static const char *const others[] = {"env-2", "env-",	"env-1x",
					     "1",     "env-+1", "env-99999999999999999999999"};

	(void)st;
	registering();
	answer_registration(others[0], true, true, 0);
	assert_int_equal(stats()->strays, 1);
	assert_string_equal(world.a.states, "CR");
	/* What is no number of ours counts as none. */
	for (size_t i = 1; i < ARRAY_SIZE(others); i++) {
		say(others[i])->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD__NOT_SET;
		push();
	}
	assert_int_equal(stats()->strays, ARRAY_SIZE(others));
	assert_string_equal(world.a.states, "CR");
}

static void a_second_answer_to_a_registration_is_a_stray(void **st)
{
	(void)st;
	registering();
	answer_registration("env-1", true, true, 0);
	answer_registration("env-1", true, true, 0);
	answer_registration(NULL, true, true, 0);
	assert_int_equal(stats()->strays, 2);
	assert_int_equal(world.a.registered, 1);
}

static void a_renewal_may_be_refused_as_a_registration(void **st)
{
	(void)st;
	world.server.interval_s = 60;
	world.server.life_s = 200;
	actr__signaling_start(world.a.signaling);
	advance(109000);
	world.server.silent = true;
	advance(22000); /* numbers: registration, heartbeat, then a heartbeat and the renewal */
	answer_registration("env-3", true, true, 503);
	answer_registration("env-4", true, true, 503);
	assert_string_equal(world.a.states, "CRrCR");
}

static void a_question_may_be_refused_in_its_own_answer(void **st)
{
	Actr__RouteCandidatesResponse response = ACTR__ROUTE_CANDIDATES_RESPONSE__INIT;
	struct question question;

	(void)st;
	both_ready();
	world.server.silent = true;
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
	say("env-2")->payload_case =
		SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ROUTE_CANDIDATES_RESPONSE;
	said.message.route_candidates_response = &response;
	response.result_case = ACTR__ROUTE_CANDIDATES_RESPONSE__RESULT_ERROR;
	response.error = actr__pb_error(&said.error, 404, "no");
	push();
	assert_int_equal(question.code, ACTR_E_NOT_FOUND);
	/* An answer of neither kind is an error as well. */
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
	say("env-3")->payload_case =
		SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ROUTE_CANDIDATES_RESPONSE;
	response.result_case = ACTR__ROUTE_CANDIDATES_RESPONSE__RESULT__NOT_SET;
	said.message.route_candidates_response = &response;
	push();
	assert_int_equal(question.code, ACTR_E_INTERNAL);
}

static void a_malformed_candidate_is_left_out(void **st)
{
	Actr__RouteCandidatesResponse response = ACTR__ROUTE_CANDIDATES_RESPONSE__INIT;
	Actr__RouteCandidatesResponse__RouteCandidatesOk ok =
		ACTR__ROUTE_CANDIDATES_RESPONSE__ROUTE_CANDIDATES_OK__INIT;
	struct actr__pb_id places[2];
	Actr__ActrId *ids[2];
	char name[ACTR_TYPE_NAME_MAX + 2] = "";
	struct question question;

	(void)st;
	both_ready();
	world.server.silent = true;
	assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
	memset(name, 'x', sizeof name - 1);
	ids[0] = actr__pb_id(&places[0], &world.b.id);
	places[0].type.name = name;
	ids[1] = actr__pb_id(&places[1], &world.b.id);
	ok.n_candidates = 2;
	ok.candidates = ids;
	response.result_case = ACTR__ROUTE_CANDIDATES_RESPONSE__RESULT_SUCCESS;
	response.success = &ok;
	say("env-2")->payload_case =
		SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ROUTE_CANDIDATES_RESPONSE;
	said.message.route_candidates_response = &response;
	push();
	assert_int_equal(question.done, 1);
	assert_int_equal(question.id_count, 1);
	assert_true(actr_id_equal(&question.ids[0], &world.b.id));
}

static void a_pong_may_change_the_interval(void **st)
{
	Actr__Pong pong = ACTR__PONG__INIT;
	unsigned before;

	(void)st;
	both_ready();
	pong.has_suggest_interval_secs = true;
	pong.suggest_interval_secs = 5;
	say(NULL)->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_PONG;
	said.message.pong = &pong;
	push();
	advance(30000); /* the heartbeat that was due by the old interval */
	before = world.server.pings;
	node_free(&world.b);
	advance(50000);
	assert_in_range(world.server.pings - before, 9, 10);
	node_new(&world.b, "b.Giver");
}

static void unregistering_ends_with_an_error_too(void **st)
{
	(void)st;
	both_ready();
	world.server.silent = true;
	actr__signaling_stop(world.a.signaling, NULL);
	say("env-1")->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ERROR;
	said.message.error = actr__pb_error(&said.error, 401, "no");
	push();
	assert_string_equal(world.a.states, "U"); /* of something else */
	say("env-2")->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ERROR;
	said.message.error = actr__pb_error(&said.error, 401, "no");
	push();
	assert_string_equal(world.a.states, "UX");
}

static void answers_to_watches_do_nothing(void **st)
{
	Actr__SubscribeActrUpResponse subscribed = ACTR__SUBSCRIBE_ACTR_UP_RESPONSE__INIT;
	Actr__UnsubscribeActrUpResponse unsubscribed = ACTR__UNSUBSCRIBE_ACTR_UP_RESPONSE__INIT;

	(void)st;
	both_ready();
	subscribed.result_case = ACTR__SUBSCRIBE_ACTR_UP_RESPONSE__RESULT_ERROR;
	subscribed.error = actr__pb_error(&said.error, 500, "no");
	say("env-2")->payload_case =
		SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_SUBSCRIBE_ACTR_UP_RESPONSE;
	said.message.subscribe_actr_up_response = &subscribed;
	push();
	say("env-3")->payload_case =
		SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_UNSUBSCRIBE_ACTR_UP_RESPONSE;
	said.message.unsubscribe_actr_up_response = &unsubscribed;
	push();
	assert_string_equal(world.a.states, "");
	assert_int_equal(stats()->strays, 0);
}

static void an_event_without_an_id_is_dropped(void **st)
{
	Actr__ActrUpEvent event = ACTR__ACTR_UP_EVENT__INIT;

	(void)st;
	both_ready();
	say(NULL)->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ACTR_UP_EVENT;
	said.message.actr_up_event = &event;
	push();
	assert_int_equal(world.a.ups, 0);
	assert_int_equal(stats()->undecodable, 1);
}

static void an_error_for_nobody_is_a_stray(void **st)
{
	(void)st;
	both_ready();
	say("env-77")->payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ERROR;
	said.message.error = actr__pb_error(&said.error, 500, "no");
	push();
	assert_int_equal(stats()->strays, 1);
	assert_string_equal(world.a.states, "");
}

static void each_further_429_doubles_the_pause_to_its_bound(void **st)
{
	static const unsigned pauses[] = {1000, 2000, 4000, 8000, 8000};
	struct actr__signal signal = {.kind = ACTR__SIGNAL_CANDIDATE, .sdp_mline_index = -1};

	(void)st;
	both_ready();
	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
		Signaling__SignalingEnvelope *envelope =
			actr__pb_envelope(&said.envelope, "srv", NULL, 0);

		envelope->flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_ENVELOPE_ERROR;
		envelope->envelope_error = actr__pb_error(&said.error, 429, "slow down");
		push(); /* takes 10 ms, and arrived after 5 of them */
		assert_int_equal(
			actr__signaling_relay(world.a.signaling, &world.b.id, &signal, NULL), 0);
		advance(pauses[i] - 10);
		assert_int_equal(world.server.relays, i);
		advance(20);
		assert_int_equal(world.server.relays, i + 1);
	}
}

static size_t until_failure;

static void *failing_alloc(void *user, size_t size)
{
	(void)user;
	return until_failure && until_failure-- ? malloc(size) : NULL;
}

static void *failing_realloc(void *user, void *block, size_t size)
{
	(void)user;
	return until_failure && until_failure-- ? realloc(block, size) : NULL;
}

static void plain_free(void *user, void *block)
{
	(void)user;
	free(block);
}

/* A day in the life: questions, watches, relays, a 429, a heartbeat. */
static void live(void)
{
	struct actr__signal offer = {.kind = ACTR__SIGNAL_OFFER, .text = "v=0"};
	actr_type type = {"acme", "b.Giver"};
	struct question question;

	(void)ask(&world.a, &question, &type);
	(void)actr__signaling_watch(world.a.signaling, &type, true, NULL);
	(void)actr__signaling_relay(world.a.signaling, &world.b.id, &offer, NULL);
	advance(100);
	world.server.envelope_error = 429;
	(void)actr__signaling_relay(world.a.signaling, &world.b.id, &offer, NULL);
	advance(100);
	world.server.envelope_error = 0;
	(void)actr__signaling_relay(world.a.signaling, &world.b.id, &offer, NULL);
	advance(31000);
	actr__signaling_cancel(&question.request);
}

static void the_n_th_allocation_fails_and_the_node_lives_on(void **st)
{
	static const actr_allocator allocator = {failing_alloc, failing_realloc, plain_free, NULL};

	(void)st;
	for (size_t n = 0; n < 60; n++) {
		struct question question;

		node_free(&world.a);
		node_new(&world.a, "a.Asker");
		actr__signaling_start(world.a.signaling);
		advance(2000);
		until_failure = n;
		actr_set_allocator(&allocator);
		live();
		actr_set_allocator(NULL);
		advance(200000);
		assert_int_equal(actr__signaling_state(world.a.signaling), ACTR__SIGNALING_READY);
		assert_int_equal(ask(&world.a, &question, &world.b.id.type), 0);
		advance(20);
		assert_int_equal(question.code, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(a_registration_without_an_expiry_lives_an_hour),
		world_test(a_registration_is_known_without_its_number_too),
		world_test(a_registration_that_lacks_what_it_must_have_counts_as_refused),
		world_test(an_answer_to_another_envelope_does_not_register),
		world_test(a_second_answer_to_a_registration_is_a_stray),
		world_test(a_renewal_may_be_refused_as_a_registration),
		world_test(a_question_may_be_refused_in_its_own_answer),
		world_test(a_malformed_candidate_is_left_out),
		world_test(a_pong_may_change_the_interval),
		world_test(unregistering_ends_with_an_error_too),
		world_test(answers_to_watches_do_nothing),
		world_test(an_event_without_an_id_is_dropped),
		world_test(an_error_for_nobody_is_a_stray),
		world_test(each_further_429_doubles_the_pause_to_its_bound),
		world_test(the_n_th_allocation_fails_and_the_node_lives_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
