#include "wire/webrtc/test_world.h"

#include <dirent.h>
#include <stdio.h>

struct letter {
	struct actr__list link;
	struct side *from;
	struct actr__signal signal;
	char *text, *exchange, *mid, *ufrag;
};

static char *copy(const char *text)
{
	return text ? actr__strdup(text) : NULL;
}

static void free_letter(struct letter *l)
{
	actr__free(l->text);
	actr__free(l->exchange);
	actr__free(l->mid);
	actr__free(l->ufrag);
	actr__free(l);
}

/* Something happened: whoever waits looks again. */
static void poke(struct world *w)
{
	actr__loop_stop(w->loop);
}

/* --- events of a wire --- */

static void on_state(void *owner, struct actr__wire *wire, enum actr__wire_state state,
		     const actr_error *why)
{
	struct side *s = owner;

	if (wire != s->wire)
		return;
	assert_true(s->state_count < ARRAY_SIZE(s->states));
	s->states[s->state_count++] = state;
	if (why)
		s->why = *why;
	poke(s->world);
}

static void on_message(void *owner, struct actr__wire *wire, struct actr__msg *msg)
{
	struct side *s = owner;
	uint32_t number;

	s->lane_messages[msg->lane]++;
	s->bytes += msg->size;
	s->last_size = msg->size;
	if (msg->size <= sizeof s->last)
		memcpy(s->last, msg->data, msg->size);
	if (msg->size >= sizeof number) {
		memcpy(&number, msg->data, sizeof number);
		if (number != s->messages)
			s->out_of_order++;
	}
	s->messages++;
	poke(s->world);
	if (s->echo)
		(void)actr__wire_send(wire, msg->lane, actr__bytes(msg->data, msg->size), NULL);
	(void)actr__msg_unref(msg);
}

static void on_writable(void *owner, struct actr__wire *wire, unsigned lane)
{
	struct side *s = owner;

	(void)wire;
	(void)lane;
	s->writable++;
	poke(s->world);
}

static void on_signal(void *owner, struct actr__wire *wire, const struct actr__signal *signal)
{
	struct side *s = owner;
	struct letter *l = actr__new0(struct letter);

	(void)wire;
	if (!l)
		return; /* lost on the way */
	l->from = s;
	l->signal = *signal;
	l->signal.text = l->text = copy(signal->text);
	l->signal.exchange_id = l->exchange = copy(signal->exchange_id);
	l->signal.sdp_mid = l->mid = copy(signal->sdp_mid);
	l->signal.username_fragment = l->ufrag = copy(signal->username_fragment);
	if (!l->text) {
		free_letter(l);
		return;
	}
	actr__list_push(&s->world->signals, &l->link);
	actr__loop_defer(s->world->loop, &s->world->deliver);
}

static void on_sample(void *owner, struct actr__wire *wire, const actr_sample *sample)
{
	struct side *s = owner;

	(void)wire;
	s->samples++;
	s->sample = *sample;
	assert_true(sample->data.size <= sizeof s->sample_data);
	memcpy(s->sample_data, sample->data.data, sample->data.size);
	assert_true(
		actr__copy_text(s->sample_id, sizeof s->sample_id, actr__text(sample->track_id)));
	poke(s->world);
}

static void on_track(void *owner, struct actr__wire *wire, const struct actr__track_event *event)
{
	struct side *s = owner;

	(void)wire;
	s->active += event->news == ACTR__TRACK_ACTIVE;
	s->refused += event->news == ACTR__TRACK_REFUSED;
	s->key_frames += event->news == ACTR__TRACK_KEY_FRAME;
	s->reports += event->news == ACTR__TRACK_REPORT;
	s->added += event->news == ACTR__TRACK_REMOTE_ADDED;
	s->gone += event->news == ACTR__TRACK_REMOTE_GONE;
	if (event->news >= ACTR__TRACK_REMOTE_ADDED) {
		assert_null(event->track);
		s->news_codec = event->codec;
		assert_true(actr__copy_text(s->news_id, sizeof s->news_id,
					    actr__text(event->track_id)));
	} else {
		assert_ptr_equal(event->user, s);
		assert_true((event->news == ACTR__TRACK_REFUSED) == (event->why != NULL));
	}
	poke(s->world);
}

static const struct actr__wire_events events = {on_state,  on_message, on_writable,
						on_signal, on_sample,  on_track};
static const struct actr__wire_events events_without_samples = {on_state,  on_message, on_writable,
								on_signal, NULL,       on_track};

static const struct actr__wire_events *events_of(const struct side *s)
{
	return s->takes_no_samples ? &events_without_samples : &events;
}

/* --- signaling --- */

void world_accept(struct world *w, struct side *s, const struct actr__signal *offer)
{
	struct actr__webrtc_options options = w->options;
	actr_error err = ACTR_ERROR_INIT;

	options.self = s->id;
	options.peer = s->other->id;
	if (actr__webrtc_accept(w->engine, &options, offer, events_of(s), s, ++s->session, &s->wire,
				&err) < 0 &&
	    !s->may_fail)
		fail_msg("accept: %s", err.message);
}

static void count(struct side *to, const struct actr__signal *signal)
{
	switch (signal->kind) {
	case ACTR__SIGNAL_OFFER:
		to->offers_seen++;
		break;
	case ACTR__SIGNAL_ANSWER:
		to->answers_seen++;
		break;
	case ACTR__SIGNAL_CANDIDATE:
		to->candidates_seen++;
		break;
	case ACTR__SIGNAL_ICE_RESTART_OFFER:
		to->restart_offers_seen++;
		break;
	case ACTR__SIGNAL_RENEGOTIATION_OFFER:
		to->media_offers_seen++;
		break;
	case ACTR__SIGNAL_ICE_RESTART_REQUEST:
		to->restart_requests_seen++;
		break;
	default:
		break;
	}
}

static void hand_over(struct side *to, const struct actr__signal *signal)
{
	count(to, signal);
	if (to->wire && to->wire->ops->signal(to->wire, signal, NULL) != ACTR_E_CLOSED)
		return;
	if (signal->kind != ACTR__SIGNAL_OFFER || to->manual)
		return;
	if (to->wire)
		to->wire = actr__wire_unref(to->wire);
	world_accept(to->world, to, signal);
}

static void on_deliver(struct actr__deferred *deferred)
{
	struct world *w = container_of(deferred, struct world, deliver);
	struct actr__list *link;

	while ((link = actr__list_pop(&w->signals))) {
		struct letter *l = container_of(link, struct letter, link);

		poke(w);
		if (!w->filter || w->filter(w, l->from, &l->signal))
			hand_over(l->from->other, &l->signal);
		free_letter(l);
	}
}

/* --- waiting --- */

static void on_timeout(struct actr__timer *timer)
{
	struct world *w = container_of(timer, struct world, timeout);

	w->is_late = true;
	poke(w);
}

bool world_wait_ms(struct world *w, bool (*done)(struct world *), unsigned ms)
{
	w->is_late = false;
	assert_int_equal(actr__timer_set(w->loop, &w->timeout, ms), 0);
	while (!w->is_late && !(done && done(w)))
		actr__loop_run(w->loop); /* until an event, see poke() */
	actr__timer_stop(w->loop, &w->timeout);
	return !w->is_late;
}

void world_wait(struct world *w, bool (*done)(struct world *))
{
	if (!world_wait_ms(w, done, WAIT_MS))
		fail_msg("not done in time: a %s b %s", w->a.why.message, w->b.why.message);
}

void world_pass(struct world *w, unsigned ms)
{
	(void)world_wait_ms(w, NULL, ms);
}

/* --- doing --- */

bool both_open(struct world *w)
{
	return w->a.wire && w->b.wire && w->a.wire->state == ACTR__WIRE_OPEN &&
	       w->b.wire->state == ACTR__WIRE_OPEN;
}

bool both_closed(struct world *w)
{
	const struct side *sides[] = {&w->a, &w->b};

	for (int i = 0; i < 2; i++)
		if (!sides[i]->state_count ||
		    sides[i]->states[sides[i]->state_count - 1] != ACTR__WIRE_CLOSED)
			return false;
	return true;
}

int world_try_dial(struct world *w, struct side *side)
{
	struct actr__webrtc_options options = w->options;

	options.self = side->id;
	options.peer = side->other->id;
	return actr__webrtc_dial(w->engine, &options, events_of(side), side, ++side->session,
				 &side->wire, NULL);
}

void world_dial(struct world *w, struct side *side)
{
	assert_int_equal(world_try_dial(w, side), 0);
}

void world_connect(struct world *w)
{
	world_dial(w, &w->a);
	world_wait(w, both_open);
}

void world_send(struct world *w, struct side *side, unsigned lane, const void *data, size_t size)
{
	actr_error err = ACTR_ERROR_INIT;

	(void)w;
	if (actr__wire_send(side->wire, lane, actr__bytes(data, size), &err) < 0)
		fail_msg("send: %s", err.message);
}

void world_drop_wires(struct world *w)
{
	struct actr__list *link;

	w->a.wire = actr__wire_unref(w->a.wire);
	w->b.wire = actr__wire_unref(w->b.wire);
	while ((link = actr__list_pop(&w->signals)))
		free_letter(container_of(link, struct letter, link));
	world_pass(w, 1);
}

static void init_side(struct world *w, struct side *s, struct side *other, const char *name,
		      uint64_t serial)
{
	s->world = w;
	s->other = other;
	s->name = name;
	s->id.realm = 1;
	s->id.serial = serial;
	assert_int_equal(actr_type_set(&s->id.type, "acme", "Test", NULL), 0);
}

struct world *world_new(void)
{
	struct world *w = actr__new0(struct world);

	assert_non_null(w);
	assert_int_equal(actr__loop_new(&w->loop, NULL), 0);
	assert_int_equal(actr__webrtc_engine_new(w->loop, &w->engine, NULL), 0);
	actr__list_init(&w->signals);
	actr__deferred_init(&w->deliver, on_deliver);
	actr__timer_init(&w->timeout, on_timeout);
	w->options.loopback = true;
	init_side(w, &w->a, &w->b, "a", 1);
	init_side(w, &w->b, &w->a, "b", 2);
	return w;
}

void world_free(struct world *w)
{
	world_drop_wires(w);
	actr__loop_cancel_deferred(&w->deliver);
	w->engine = actr__webrtc_engine_free(w->engine);
	world_pass(w, 1); /* events that the ice thread had posted before it ended */
	w->loop = actr__loop_free(w->loop);
	actr__free(w);
}

unsigned open_fd_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}
