#include "tests/support/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define METHOD(name, text, lane_)                                                                  \
	const actr_method name = {.route_key = "test.Service." text, .lane = lane_}

METHOD(world_echo, "Echo", ACTR_LANE_RPC_RELIABLE);
METHOD(world_fail, "Fail", ACTR_LANE_RPC_RELIABLE);
METHOD(world_keep, "Keep", ACTR_LANE_RPC_RELIABLE);
METHOD(world_silent, "Silent", ACTR_LANE_RPC_RELIABLE);
METHOD(world_fault, "Fault", ACTR_LANE_RPC_RELIABLE);
METHOD(world_unknown, "Unknown", ACTR_LANE_RPC_RELIABLE);
METHOD(world_signal, "Echo", ACTR_LANE_RPC_SIGNAL);
METHOD(world_nested, "Nested", ACTR_LANE_RPC_RELIABLE);

/* --- the test service --- */

static int echo(actr_bytes payload, actr_reply *reply)
{
	uint8_t *out = actr_reply_reserve(reply, payload.size);

	if (!out)
		return ACTR_E_NOMEM;
	memcpy(out, payload.data, payload.size);
	return actr_reply_send(reply);
}

static void on_nested_done(void *user, actr_call *call)
{
	actr_reply *reply = user;
	actr_error err = ACTR_ERROR_INIT;

	if (actr_call_result(call, &err) < 0)
		actr_reply_fail(reply, err.code, err.message);
	else if (echo(actr_call_response(call), reply) == ACTR_E_NOMEM)
		actr_reply_fail(reply, ACTR_E_NOMEM, NULL);
	actr_call_unref(call);
}

static int nested(struct world_actor *actor, actr_ctx *ctx, actr_bytes payload, actr_reply *reply)
{
	actr_dest dest = world_dest(&actor->world->actors[2]);
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	actr_call *call;
	uint8_t *out;
	int rc;

	options.parent = ctx;
	rc = actr_call_new(actr_ctx_ref(ctx), &dest, &world_echo, payload.size, &options, &call,
			   &out, NULL);
	if (rc < 0)
		return rc;
	memcpy(out, payload.data, payload.size);
	return actr_call_start(call, on_nested_done, actr_reply_keep(reply));
}

static int handle(struct world_actor *actor, actr_ctx *ctx, const char *route, actr_bytes payload,
		  actr_reply *reply)
{
	if (!strcmp(route, "Echo"))
		return echo(payload, reply);
	if (!strcmp(route, "Fail"))
		return actr_reply_error(reply, ACTR_E_PERMISSION_DENIED, "not on a Sunday");
	if (!strcmp(route, "Keep")) {
		actor->kept[actor->kept_count++ % 16] = actr_reply_keep(reply);
		return 0;
	}
	if (!strcmp(route, "Silent"))
		return 0;
	if (!strcmp(route, "Fault"))
		return actr_reply_fault(reply, "index out of range");
	if (!strcmp(route, "Nested"))
		return nested(actor, ctx, payload, reply);
	return ACTR_E_UNKNOWN_ROUTE;
}

static int dispatch(const void *ops, void *self, actr_ctx *ctx, actr_bytes route_key,
		    actr_bytes payload, actr_reply *reply)
{
	struct world_actor *actor = self;
	char route[64];
	size_t used = strlen(actor->order);
	int rc;

	(void)ops;
	assert_int_equal(actor->running, 0);
	actor->running++;
	actor->handled++;
	actor->last_had_caller = actr_ctx_caller(ctx) != NULL;
	actor->last_deadline_ms = actr_ctx_deadline_ms(ctx);
	snprintf(actor->last_request_id, sizeof actor->last_request_id, "%s",
		 actr_ctx_request_id(ctx));
	snprintf(actor->last_trace_id, sizeof actor->last_trace_id, "%s", actr_ctx_trace_id(ctx));
	if (payload.size && used + 1 < sizeof actor->order)
		actor->order[used] = (char)payload.data[0];
	assert_true(actr__copy_text(route, sizeof route, route_key));
	rc = strncmp(route, "test.Service.", 13) ? ACTR_E_UNKNOWN_ROUTE
						 : handle(actor, ctx, route + 13, payload, reply);
	actor->running--;
	return rc;
}

static const actr_service service = {.size = sizeof service,
				     .manufacturer = "acme",
				     .name = "test.Service",
				     .dispatch = dispatch};

/* --- assembly --- */

static struct world_actor *find(struct world *w, const actr_id *id)
{
	for (unsigned i = 0; i < WORLD_ACTORS; i++) {
		if (actr__id_same(&w->actors[i].id, id))
			return &w->actors[i];
	}
	return NULL;
}

static void note_answer(struct world_actor *a, const struct actr__msg *msg)
{
	struct actr__envelope e;

	if (!actr__lane_is_rpc(msg->lane) ||
	    actr__envelope_decode(&e, actr__bytes(msg->data, msg->size), NULL) < 0 ||
	    e.direction != ACTR__DIRECTION_RESPONSE)
		return;
	snprintf(a->last_answer, sizeof a->last_answer, "%.*s %.*s %.*s %.*s",
		 (int)e.request_id.size, (const char *)e.request_id.data, (int)e.route_key.size,
		 (const char *)e.route_key.data, (int)e.traceparent.size,
		 (const char *)e.traceparent.data, (int)e.tracestate.size,
		 (const char *)e.tracestate.data);
}

static void on_message(void *owner, const actr_id *from, struct actr__msg *msg)
{
	struct world_actor *a = owner;

	note_answer(a, msg);
	actr__gate_receive(a->endpoint.gate, from, msg);
}

static void on_peer(void *owner, const struct actr__peer_change *change)
{
	(void)owner;
	(void)change;
}

static void on_lost(void *owner, const actr_id *id, uint64_t session, const actr_error *why)
{
	struct world_actor *a = owner;

	actr__streams_lost(&a->endpoint, id);
	if (a->endpoint.gate)
		actr__gate_lost(a->endpoint.gate, id, session, why);
	actr__media_lost(&a->endpoint, id, why);
}

static void on_wire(void *owner, const actr_id *id)
{
	struct world_actor *a = owner;

	if (a->endpoint.gate)
		actr__media_peer_up(&a->endpoint, id);
}

static void on_sample(void *owner, const actr_id *from, const actr_sample *sample)
{
	struct world_actor *a = owner;

	if (a->deny)
		actr__media_refuse(&a->endpoint);
	else
		actr__media_receive(&a->endpoint, from, sample);
}

static void on_track(void *owner, const actr_id *id, const struct actr__track_event *event)
{
	struct world_actor *a = owner;

	(void)id;
	actr__media_news(&a->endpoint, event);
}

static int on_signal(void *owner, const actr_id *to, const struct actr__signal *signal,
		     actr_error *err)
{
	struct world_actor *a = owner, *target = find(a->world, to);

	if (a->world->relay_down)
		return ACTR_FAIL(err, ACTR_E_UNAVAILABLE, "no signaling connection");
	if (!target)
		return ACTR_FAIL(err, ACTR_E_NOT_FOUND, "no such actor");
	actr__transport_signal(target->transport, &a->id, signal);
	return 0;
}

static void on_lane(void *owner, const actr_id *id, uint64_t session, unsigned lane, bool congested)
{
	(void)owner;
	(void)id;
	(void)session;
	(void)lane;
	(void)congested;
}

static const struct actr__transport_events transport_events = {
	on_message, on_peer, on_lost, on_signal, on_lane, on_wire, on_sample, on_track};

static int dial(void *user, const actr_id *peer, const struct actr__wire_events *events,
		void *owner, uint64_t session, struct actr__wire **ret, actr_error *err)
{
	(void)peer;
	return actr__sim_dial(user, events, owner, session, ret, err);
}

static int accept_offer(void *user, const actr_id *peer, const struct actr__signal *offer,
			const struct actr__wire_events *events, void *owner, uint64_t session,
			struct actr__wire **ret, actr_error *err)
{
	(void)peer;
	return actr__sim_accept(user, offer, events, owner, session, ret, err);
}

static int admit(void *owner, const actr_id *from, const struct actr__envelope *envelope,
		 actr_error *err)
{
	struct world_actor *a = owner;

	(void)from;
	(void)envelope;
	return a->deny ? ACTR_FAIL(err, a->deny, "refused by the test") : 0;
}

static void on_chunk(void *owner, const actr_id *from, struct actr__msg *msg)
{
	struct world_actor *a = owner;

	a->chunks++;
	if (a->deny)
		actr__streams_refuse(&a->endpoint, from, msg);
	else
		actr__streams_receive(&a->endpoint, from, msg);
}

static const struct actr__gate_events gate_events = {admit, on_chunk};

static void on_ready(void *owner)
{
	struct world_actor *a = owner;

	actr__dispatcher_wake(a->endpoint.local);
}

static void on_refused(void *owner, struct actr__mail *mail, const actr_error *why)
{
	(void)owner;
	(void)mail;
	(void)why;
}

static void on_closed(void *owner)
{
	((struct world_actor *)owner)->mailbox_closed = true;
}

static void on_mail_state(void *owner, actr_error *why, bool high_water)
{
	(void)owner;
	(void)why;
	(void)high_water;
}

static const struct actr__mailbox_events mailbox_events = {on_ready, on_refused, on_closed,
							   on_mail_state};

static void resolve(struct actr__endpoint *ep, struct actr__resolve *resolve)
{
	struct world_actor *a = container_of(ep, struct world_actor, endpoint);
	actr_error err = ACTR_ERROR_INIT;

	actr__list_init(&resolve->link);
	a->world->resolved++;
	ACTR_FAIL(&err, ACTR_E_NOT_FOUND, "nobody of that type");
	if (a->world->type_answer)
		resolve->on_done(resolve, &a->world->type_answer->id, NULL);
	else
		resolve->on_done(resolve, NULL, &err);
}

static void cancel_resolve(struct actr__endpoint *ep, struct actr__resolve *resolve)
{
	(void)ep;
	actr__list_remove(&resolve->link);
}

static void forget(struct actr__endpoint *ep, const actr_id *id)
{
	(void)ep;
	(void)id;
}

static const struct actr__endpoint_ops endpoint_ops = {resolve, cancel_resolve, forget};

static void on_last_ref(struct actr_ref *ref)
{
	(void)ref;
}

static void actor_init(struct world_actor *a, struct world *w, uint64_t serial,
		       unsigned max_in_flight)
{
	struct actr__wire_maker maker = {.dial = dial, .accept = accept_offer, .user = &w->net};
	struct actr__transport_options transport_options = {0};
	struct actr__mailbox_options mailbox_options = {0};
	struct actr__dispatcher_options options = {.endpoint = &a->endpoint,
						   .ref = &a->ref,
						   .service = &service,
						   .self = a,
						   .executor = w->executor,
						   .max_in_flight = max_in_flight};

	a->world = w;
	a->id.realm = 1;
	a->id.serial = serial;
	assert_int_equal(actr_type_set(&a->id.type, "acme", "test.Service", NULL), 0);
	assert_int_equal(actr__endpoint_init(&a->endpoint, &endpoint_ops, w->loop, NULL), 0);
	actr__endpoint_set_id(&a->endpoint, &a->id);
	a->ref.endpoint = &a->endpoint;
	a->ref.on_last = on_last_ref;
	atomic_init(&a->ref.refs, 1);
	assert_int_equal(actr__transport_new(w->loop, &transport_options, &maker, &transport_events,
					     a, &a->transport, NULL),
			 0);
	mailbox_options.self = a->id;
	assert_int_equal(actr__mailbox_open(w->loop, &mailbox_options, &mailbox_events, a,
					    &a->mailbox, NULL),
			 0);
	assert_int_equal(actr__gate_new(w->loop, a->transport, a->mailbox, &gate_events, a,
					&a->endpoint.gate, NULL),
			 0);
	assert_int_equal(actr__dispatcher_new(&options, &a->endpoint.local, NULL), 0);
	actr__dispatcher_set_mailbox(a->endpoint.local, a->mailbox);
}

/* The library's clock follows the loop, so that deadlines agree wherever they are read. */
static uint64_t virtual_ns(void *user)
{
	return actr__loop_now_ns(user);
}

static int64_t virtual_wall_ms(void *user)
{
	return (int64_t)actr__loop_now_ms(user) + 1700000000000;
}

static struct world *new_world(unsigned max_in_flight, actr_executor executor)
{
	struct world *w = actr__new0(struct world);

	assert_non_null(w);
	w->executor = executor;
	assert_int_equal(actr__loop_new_virtual(&w->loop, NULL), 0);
	actr_set_clock(&(actr_clock){virtual_ns, virtual_wall_ms, w->loop});
	actr__sim_net_init(&w->net, w->loop);
	for (unsigned i = 0; i < WORLD_ACTORS; i++)
		actor_init(&w->actors[i], w, i + 1, max_in_flight);
	return w;
}

struct world *world_new(unsigned max_in_flight)
{
	return new_world(max_in_flight, ACTR_EXECUTOR_LOOP);
}

struct world *world_new_worker(void)
{
	return new_world(0, ACTR_EXECUTOR_WORKER);
}

static void on_idle(void *user)
{
	(void)user;
}

static void actor_done(struct world_actor *a)
{
	actr_error why = ACTR_ERROR_INIT;
	struct actr__gate *gate = a->endpoint.gate;

	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "the world ends");
	if (a->endpoint.local) {
		actr__dispatcher_stop(a->endpoint.local, on_idle, NULL);
		actr__dispatcher_abandon(a->endpoint.local, &why);
	}
	actr__endpoint_close(&a->endpoint, &why);
	actr__transport_close_all(a->transport);
	actr__mailbox_close(a->mailbox);
	world_advance(a->world, 10);
	a->endpoint.gate = NULL;
	a->transport = actr__transport_free(a->transport);
	actr__gate_free(gate);
	a->endpoint.local = actr__dispatcher_free(a->endpoint.local);
	assert_true(a->mailbox_closed);
	actr__mailbox_free(a->mailbox);
	for (unsigned i = 0; i < a->kept_count && i < 16; i++)
		actr_reply_fail(a->kept[i], ACTR_E_INTERNAL, NULL);
}

void world_free(struct world *w)
{
	for (unsigned i = 0; i < WORLD_ACTORS; i++)
		actor_done(&w->actors[i]);
	world_advance(w, 10);
	for (unsigned i = 0; i < WORLD_ACTORS; i++) {
		assert_int_equal(atomic_load(&w->actors[i].ref.refs), 1);
		actr__endpoint_done(&w->actors[i].endpoint);
	}
	assert_int_equal(w->net.open_wires, 0);
	actr_set_clock(NULL);
	actr__loop_free(w->loop);
	actr__free(w);
}

void world_advance(struct world *w, uint64_t ms)
{
	actr__loop_advance(w->loop, ms);
}

actr_dest world_dest(const struct world_actor *actor)
{
	return actr_dest_actor(&actor->id);
}

static void on_done(void *user, actr_call *call)
{
	struct outcome *o = user;
	actr_bytes response = actr_call_response(call);

	o->done++;
	o->result = actr_call_result(call, &o->err);
	snprintf(o->text, sizeof o->text, "%.*s", (int)response.size, (const char *)response.data);
}

static actr_call *make(struct world_actor *from, actr_dest dest, const actr_method *method,
		       const char *payload, int64_t timeout_ms, struct outcome *o)
{
	actr_call_options options = ACTR_CALL_OPTIONS_INIT;
	uint8_t *out;

	memset(o, 0, sizeof *o);
	options.timeout_ms = timeout_ms;
	assert_int_equal(actr_call_new(&from->ref, &dest, method, strlen(payload), &options,
				       &o->call, &out, NULL),
			 0);
	memcpy(out, payload, strlen(payload));
	return o->call;
}

void world_call(struct world_actor *from, actr_dest dest, const actr_method *method,
		const char *payload, int64_t timeout_ms, struct outcome *o)
{
	assert_int_equal(
		actr_call_start(make(from, dest, method, payload, timeout_ms, o), on_done, o), 0);
}

void world_tell(struct world_actor *from, actr_dest dest, const actr_method *method,
		const char *payload, struct outcome *o)
{
	assert_int_equal(actr_call_start_tell(make(from, dest, method, payload, 0, o), on_done, o),
			 0);
}

void outcome_done(struct outcome *o)
{
	o->call = actr_call_unref(o->call);
}
