/*
 * Two wires that know each other. What one sends arrives at the other after the latency, in order,
 * by a timer of the virtual loop; nothing happens inside a call, as the door of wire demands.
 */
#include "wire/sim/sim_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum task_kind { TASK_OFFER, TASK_ANSWER, TASK_OPEN, TASK_MESSAGE, TASK_CLOSED, TASK_TIMEOUT };

#define CONNECT_TIMEOUT_MS 30000 /* as a real wire */

struct task {
	struct actr__list link;
	struct actr__timer timer;
	struct sim_wire *wire;
	enum task_kind kind;
	struct actr__msg *msg;
};

static const struct actr__wire_ops sim_ops;

static struct sim_wire *self_of(struct actr__wire *wire)
{
	return container_of(wire, struct sim_wire, base);
}

static void task_free(struct task *task)
{
	actr__timer_stop(task->wire->net->loop, &task->timer);
	actr__list_remove(&task->link);
	actr__msg_unref(task->msg);
	actr__free(task);
}

static void tell_signal(struct sim_wire *w, enum actr__signal_kind kind)
{
	char text[32];
	struct actr__signal signal = {
		.kind = kind, .text = text, .exchange_id = "sim", .sdp_mline_index = -1};

	snprintf(text, sizeof text, "%u", w->token);
	w->base.events->on_signal(w->base.owner, &w->base, &signal);
}

static void part(struct sim_wire *w)
{
	if (w->other)
		w->other->other = NULL;
	w->other = NULL;
}

static void set_state(struct sim_wire *w, enum actr__wire_state state, const actr_error *why)
{
	if (w->base.state == state || w->base.state == ACTR__WIRE_CLOSED)
		return;
	w->base.state = state;
	if (state == ACTR__WIRE_CLOSED) {
		part(w);
		sim_media_done(w);
	}
	w->base.events->on_state(w->base.owner, &w->base, state, why);
}

static void deliver(struct sim_wire *w, struct actr__msg *msg)
{
	struct sim_wire *sender = w->other;
	unsigned lane = msg->lane;

	if (w->base.state == ACTR__WIRE_CLOSED) {
		actr__msg_unref(msg);
		return;
	}
	if (sender) {
		sender->in_flight[lane] -= msg->size;
		if (sender->blocked[lane]) {
			sender->blocked[lane] = false;
			sender->base.events->on_writable(sender->base.owner, &sender->base, lane);
		}
	}
	w->base.events->on_message(w->base.owner, &w->base, msg);
}

static void on_due(struct actr__timer *timer)
{
	struct task *task = container_of(timer, struct task, timer);
	struct sim_wire *w = task->wire;
	struct actr__msg *msg = TAKE(task->msg);
	enum task_kind kind = task->kind;

	task_free(task);
	actr__wire_ref(&w->base);
	switch (kind) {
	case TASK_OFFER:
		tell_signal(w, ACTR__SIGNAL_OFFER);
		break;
	case TASK_ANSWER:
		tell_signal(w, ACTR__SIGNAL_ANSWER);
		break;
	case TASK_OPEN:
		if (w->other)
			set_state(w, ACTR__WIRE_OPEN, NULL);
		if (w->base.state == ACTR__WIRE_OPEN)
			sim_media_opened(w);
		break;
	case TASK_MESSAGE:
		deliver(w, msg);
		break;
	case TASK_CLOSED:
		set_state(w, ACTR__WIRE_CLOSED, &w->why);
		break;
	case TASK_TIMEOUT:
		ACTR_FAIL(&w->why, ACTR_E_UNAVAILABLE, "no connection within the time limit");
		if (w->base.state == ACTR__WIRE_CONNECTING)
			set_state(w, ACTR__WIRE_CLOSED, &w->why);
		break;
	}
	actr__wire_unref(&w->base);
}

static int later(struct sim_wire *w, enum task_kind kind, uint64_t ms, struct actr__msg *msg)
{
	struct task *task = actr__new0(struct task);

	if (!task)
		return ACTR_E_NOMEM;
	task->wire = w;
	task->kind = kind;
	actr__timer_init(&task->timer, on_due);
	if (actr__timer_set(w->net->loop, &task->timer, ms) < 0) {
		actr__free(task);
		return ACTR_E_NOMEM;
	}
	task->msg = msg;
	actr__list_push(&w->tasks, &task->link);
	return 0;
}

static int send_message(struct actr__wire *wire, unsigned lane, actr_bytes message, actr_error *err)
{
	struct sim_wire *w = self_of(wire);
	struct actr__msg *msg;

	if (!w->other || wire->state == ACTR__WIRE_CLOSED)
		return ACTR_FAIL(err, ACTR_E_CLOSED, "the simulated wire is closed");
	if (w->net->window_bytes && w->in_flight[lane] &&
	    w->in_flight[lane] + message.size > w->net->window_bytes) {
		w->blocked[lane] = true;
		return ACTR_FAIL(err, ACTR_E_WOULD_BLOCK, "the simulated window is full");
	}
	msg = actr__msg_new(message.size, lane);
	if (!msg)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a message");
	memcpy(msg->data, message.data, message.size);
	if (later(w->other, TASK_MESSAGE, w->net->latency_ms, msg) < 0) {
		actr__msg_unref(msg);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a message");
	}
	w->in_flight[lane] += message.size;
	return 0;
}

static size_t buffered(const struct actr__wire *wire, unsigned lane)
{
	return container_of(wire, const struct sim_wire, base)->in_flight[lane];
}

static struct sim_wire *find_token(struct actr__sim_net *net, unsigned token)
{
	actr__list_each(link, &net->wires)
	{
		struct sim_wire *w = container_of(link, struct sim_wire, link);

		if (w->token == token && w->base.state == ACTR__WIRE_CONNECTING && !w->other)
			return w;
	}
	return NULL;
}

static int take_signal(struct actr__wire *wire, const struct actr__signal *signal, actr_error *err)
{
	struct sim_wire *w = self_of(wire);

	(void)err;
	if (signal->kind != ACTR__SIGNAL_OFFER)
		return 0; /* an answer: accept() has connected both already */
	if (wire->state != ACTR__WIRE_CONNECTING || !w->token)
		return ACTR_E_CLOSED; /* a new session of the dialler */
	/* Glare: the smaller token's offer wins. */
	return (unsigned)strtoul(signal->text, NULL, 10) < w->token ? ACTR_E_CLOSED : 0;
}

static void stats(const struct actr__wire *wire, struct actr__wire_stats *ret)
{
	(void)wire;
	snprintf(ret->path, sizeof ret->path, "sim");
	snprintf(ret->data_path, sizeof ret->data_path, "sim");
}

static void tell_other_gone(struct sim_wire *w)
{
	if (!w->other)
		return;
	ACTR_FAIL(&w->other->why, ACTR_E_UNAVAILABLE, "the other side closed");
	(void)later(w->other, TASK_CLOSED, w->net->latency_ms, NULL);
	part(w);
}

static void close_wire(struct actr__wire *wire, int code, const char *reason)
{
	struct sim_wire *w = self_of(wire);

	ACTR_FAIL(&w->why, code, "%s", reason);
	tell_other_gone(w);
	(void)later(w, TASK_CLOSED, 0, NULL);
}

static void free_wire(struct actr__wire *wire)
{
	struct sim_wire *w = self_of(wire);

	tell_other_gone(w);
	while (!actr__list_empty(&w->tasks))
		task_free(container_of(w->tasks.next, struct task, link));
	sim_media_done(w);
	actr__list_remove(&w->link);
	w->net->open_wires--;
	actr__free(w);
}

static const struct actr__wire_ops sim_ops = {
	.name = "sim",
	.send = send_message,
	.buffered = buffered,
	.signal = take_signal,
	.stats = stats,
	.close = close_wire,
	.free = free_wire,
	.media = &sim_media_ops,
};

void actr__sim_net_init(struct actr__sim_net *net, struct actr__loop *loop)
{
	*net = (struct actr__sim_net){.loop = loop, .latency_ms = 1, .connect_ms = 10};
	actr__list_init(&net->wires);
}

static struct sim_wire *wire_new(struct actr__sim_net *net, const struct actr__wire_events *events,
				 void *owner, uint64_t session)
{
	struct sim_wire *w = actr__new0(struct sim_wire);

	if (!w)
		return NULL;
	w->base = (struct actr__wire){.ops = &sim_ops,
				      .events = events,
				      .owner = owner,
				      .session = session,
				      .refs = 1,
				      .max_message = ACTR__MESSAGE_MAX,
				      .joins_parts = !net->original};
	w->net = net;
	actr__list_init(&w->tasks);
	actr__list_init(&w->tracks);
	actr__list_init(&w->samples);
	actr__list_push(&net->wires, &w->link);
	net->open_wires++;
	return w;
}

int actr__sim_dial(struct actr__sim_net *net, const struct actr__wire_events *events, void *owner,
		   uint64_t session, struct actr__wire **ret_wire, actr_error *err)
{
	struct sim_wire *w;

	if (net->dial_fails) {
		net->dial_fails = false;
		return ACTR_FAIL(err, ACTR_E_UNAVAILABLE, "the simulated dial fails");
	}
	w = wire_new(net, events, owner, session);
	if (!w)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a wire");
	w->token = ++net->next_token;
	if (later(w, TASK_OFFER, 0, NULL) < 0 ||
	    later(w, TASK_TIMEOUT, CONNECT_TIMEOUT_MS, NULL) < 0) {
		free_wire(&w->base);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a wire");
	}
	*ret_wire = &w->base;
	return 0;
}

int actr__sim_accept(struct actr__sim_net *net, const struct actr__signal *offer,
		     const struct actr__wire_events *events, void *owner, uint64_t session,
		     struct actr__wire **ret_wire, actr_error *err)
{
	struct sim_wire *dialler = find_token(net, (unsigned)strtoul(offer->text, NULL, 10)), *w;

	if (!dialler)
		return ACTR_FAIL(err, ACTR_E_PROTOCOL, "the offer's wire is gone");
	w = wire_new(net, events, owner, session);
	if (!w)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a wire");
	if (!net->mute) {
		w->other = dialler;
		dialler->other = w;
	}
	if (later(w, TASK_ANSWER, 0, NULL) < 0 ||
	    later(w, TASK_TIMEOUT, CONNECT_TIMEOUT_MS, NULL) < 0 ||
	    (w->other && (later(w, TASK_OPEN, net->connect_ms, NULL) < 0 ||
			  later(dialler, TASK_OPEN, net->connect_ms, NULL) < 0))) {
		free_wire(&w->base); /* and the dialler hears that it is gone */
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a wire");
	}
	*ret_wire = &w->base;
	return 0;
}

int actr__sim_direct_dial(struct actr__sim_net *net, const struct actr__wire_events *events,
			  void *owner, uint64_t session, struct actr__wire **ret_wire,
			  actr_error *err)
{
	struct sim_wire *w = wire_new(net, events, owner, session);

	if (!w)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a wire");
	if (later(w, TASK_TIMEOUT, CONNECT_TIMEOUT_MS, NULL) < 0) {
		free_wire(&w->base);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a wire");
	}
	*ret_wire = &w->base;
	return 0;
}

int actr__sim_direct_accept(struct actr__sim_net *net, struct actr__wire *dialler,
			    const struct actr__wire_events *events, void *owner, uint64_t session,
			    struct actr__wire **ret_wire, actr_error *err)
{
	struct sim_wire *w = wire_new(net, events, owner, session);

	if (!w)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a wire");
	w->other = self_of(dialler);
	w->other->other = w;
	if (later(w, TASK_OPEN, net->connect_ms, NULL) < 0 ||
	    later(w->other, TASK_OPEN, net->connect_ms, NULL) < 0) {
		free_wire(&w->base);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a wire");
	}
	*ret_wire = &w->base;
	return 0;
}

void actr__sim_cut(struct actr__sim_net *net, const char *why)
{
	actr__list_each(link, &net->wires)
	{
		struct sim_wire *w = container_of(link, struct sim_wire, link);

		part(w);
		ACTR_FAIL(&w->why, ACTR_E_UNAVAILABLE, "%s", why);
		(void)later(w, TASK_CLOSED, 0, NULL);
	}
}

void actr__sim_set_recovering(struct actr__sim_net *net, bool on)
{
	actr__list_each(link, &net->wires)
	{
		struct sim_wire *w = container_of(link, struct sim_wire, link);

		if (w->base.state == (on ? ACTR__WIRE_OPEN : ACTR__WIRE_RECOVERING))
			set_state(w, on ? ACTR__WIRE_RECOVERING : ACTR__WIRE_OPEN, NULL);
	}
}
