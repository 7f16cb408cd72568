/* The n-th allocation fails, for every n: nothing leaks, nothing is half done. */
#include "world.h"

#include "../tests/support/torture.h"

static int ignore_send(void *user, actr_bytes frame)
{
	(void)user;
	(void)frame;
	return 0;
}

static void ignore_close(void *user, unsigned code, const char *reason)
{
	(void)user;
	(void)code;
	(void)reason;
}

static const struct session_events deaf = {ignore_send, ignore_close};

struct script {
	struct actr__buf frames[4];
	size_t count;
};

/* The scenario: register twice on one connection. */
static void play(struct hub *hub, const struct script *script)
{
	struct session *session = NULL;

	if (session_new(hub, &deaf, NULL, &session, NULL) < 0)
		return;
	for (size_t i = 0; i < script->count; i++)
		session_receive(session,
				actr__bytes(script->frames[i].data, script->frames[i].size));
	session_free(session);
}

static void record(struct script *script)
{
	Signaling__SignalingEnvelope envelope = SIGNALING__SIGNALING_ENVELOPE__INIT;
	Signaling__PeerToSignaling flow = SIGNALING__PEER_TO_SIGNALING__INIT;
	Actr__RegisterRequest request = ACTR__REGISTER_REQUEST__INIT;
	Actr__ServiceSpec spec = ACTR__SERVICE_SPEC__INIT;
	Actr__Acl acl = ACTR__ACL__INIT;
	Actr__AclRule rule = ACTR__ACL_RULE__INIT, *rules[] = {&rule};
	Actr__AclRule__Principal any = ACTR__ACL_RULE__PRINCIPAL__INIT, *principals[] = {&any};
	char *tags[] = {(char *)(uintptr_t) "one", (char *)(uintptr_t) "two"};
	actr_type type = {"acme", "a"};
	Actr__ActrType type_place;
	Actr__Realm realm;

	rule.principals = principals;
	rule.n_principals = 1;
	acl.rules = rules;
	acl.n_rules = 1;
	spec.description = spec.fingerprint = tags[0];
	spec.tags = tags;
	spec.n_tags = 2;
	request.actr_type = actr__pb_type(&type_place, &type);
	request.realm = actr__pb_realm(&realm, 3);
	request.service_spec = &spec;
	request.acl = &acl;
	flow.payload_case = SIGNALING__PEER_TO_SIGNALING__PAYLOAD_REGISTER_REQUEST;
	flow.register_request = &request;
	envelope.envelope_id = (char *)(uintptr_t) "env-1";
	envelope.flow_case = SIGNALING__SIGNALING_ENVELOPE__FLOW_PEER_TO_SERVER;
	envelope.peer_to_server = &flow;
	for (script->count = 0; script->count < 2; script->count++) {
		actr__buf_init(&script->frames[script->count], 4096);
		assert_int_equal(actr__pb_append(&envelope.base, &script->frames[script->count]),
				 0);
	}
}

static void a_registration_survives_every_failing_allocation(void **state)
{
	static const struct hub_options dev = {.dev = true};
	struct torture torture;
	struct script script;
	unsigned long n = 0;

	(void)state;
	torture_begin(&torture);
	record(&script);
	do {
		struct actr__loop *loop;
		struct store *store;
		struct hub hub;

		torture.countdown = 0;
		torture.failed = false;
		assert_int_equal(actr__loop_new_virtual(&loop, NULL), 0);
		assert_int_equal(store_open(":memory:", &store, NULL), 0);
		torture.countdown = ++n;
		if (hub_init(&hub, loop, store, &dev, NULL) == 0) {
			play(&hub, &script);
			torture.countdown = 0;
			assert_int_equal(hub.session_count, 0);
			hub_done(&hub);
		}
		torture.countdown = 0;
		store_close(store);
		actr__loop_free(loop);
	} while (torture.failed);
	assert_true(n > 10);
	while (script.count)
		actr__buf_done(&script.frames[--script.count]);
	torture_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_registration_survives_every_failing_allocation),
	};

	return cmocka_run_group_tests_name("server/memory", tests, NULL, NULL);
}
