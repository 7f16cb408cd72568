/*
 * ICE by libnice. Long because no other file may know libnice.
 *
 * One thread, the ice thread, runs all agents of the process: a loop of its own, and under it one
 * GMainContext an agent (pump.c). The loop thread posts commands to it; whatever happens to an
 * agent becomes an event that is posted to the loop. An event holds a reference on its `struct
 * actr__ice` and is dropped when the owner has closed that by then, so a late event can neither
 * reach freed memory nor a newer generation.
 *
 * One thing is done with libnice from the loop thread: actr__ice_send(), whose functions libnice
 * documents as thread-safe. The last reference to an agent goes on the ice thread. A signal of
 * libnice may be emitted on either thread; the handlers below therefore only read the agent and
 * post.
 *
 * GLib ends the process when it is out of memory; our own allocations here may fail: what cannot be
 * posted is told as a failed state, which needs no memory.
 */
#include "wire/webrtc/ice_internal.h"
#include "wire/webrtc/ice_server_internal.h"
#include "wire/webrtc/pump_internal.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <nice/agent.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>

#define CATEGORY	    "transport_error"
#define LOCAL_ADDRESSES_MAX 16
#define STUN_PACING_MS	    5u /* 20 by default: measured 64 ms against 21 ms to connect */
/*
 * After it the agent's pacing timer ends. 5 s by default, and begun anew by each check: a peer then
 * costs 100 wake-ups a second for seconds (measured: 1.6 ms of CPU a second and end, against 0.1).
 * Only once a pair is selected: before, it is how long a late check may still save the component.
 */
#define IDLE_TIMEOUT_MS	 200u
#define SOCKET_BUFFER	 (4 << 20) /* bytes; the default drops bursts */
#define DATAGRAMS_QUEUED 4096u	   /* from the ice thread to the loop */
#define TURN_LINGER_MS	 200
#define QUIT_WAIT_MS	 500 /* for TURN allocations to be given back */
#define COMPONENT	 1u
#define SEND_BATCH	 64u

struct actr__ice_thread {
	struct actr__loop *loop;  /* the owner's */
	struct actr__loop *inner; /* what the ice thread runs */
	pthread_t thread;
	struct actr__list closing; /* ice thread: agents that give back TURN allocations */
	struct actr__task quit;
	struct actr__timer quit_timer;
	bool is_quitting;
};

struct actr__ice {
	struct actr__ice_thread *thread;
	atomic_uint refs;
	/* loop */
	const struct actr__ice_events *events; /* NULL: closed */
	void *owner;
	bool has_local; /* on_local was told: `agent` may be used for sending */
	/* const after init */
	struct actr__ice_options options; /* without the servers */
	actr_ice_server *servers;	  /* actr__ice_servers_copy() */
	size_t server_count;
	/* ice thread; `agent` and `stream` are also read by the loop once has_local */
	NiceAgent *agent;
	guint stream;
	struct actr__pump pump;
	struct actr__timer linger;  /* before TURN allocations are given back */
	struct actr__deferred gone; /* forget the agent, outside of its callbacks */
	struct actr__buf gathered;  /* lines of the host candidates, until on_local is posted */
	bool has_turn;
	bool is_gathered;	/* the host candidates */
	bool is_done;		/* all */
	struct actr__list link; /* in thread->closing */
	/* any thread */
	atomic_uint queued; /* datagrams */
	atomic_bool lost;
	struct actr__task start, stop; /* for the ice thread */
	struct actr__task trouble;     /* posted once when an event could not be made */
};

enum event_kind {
	EVENT_LOCAL,
	EVENT_CANDIDATE,
	EVENT_DONE,
	EVENT_PATH,
	EVENT_STATE,
	EVENT_DATAGRAM
};

struct event {
	struct actr__task task;
	struct actr__ice *ice;
	enum event_kind kind;
	enum actr__ice_state state;
	struct actr__ice_path path;
	size_t size;
	uint8_t data[];
};

static void unref(struct actr__ice *ice)
{
	if (atomic_fetch_sub(&ice->refs, 1) != 1)
		return;
	actr__ice_servers_free(ice->servers, ice->server_count);
	actr__buf_done(&ice->gathered);
	actr__free(ice);
}

/* --- events: from any thread to the loop --- */

/* "ufrag 0 pwd 0 lines 0" */
static void deliver_local(struct actr__ice *ice, const struct event *e)
{
	const char *ufrag = (const char *)e->data;
	const char *pwd = ufrag + strlen(ufrag) + 1;

	ice->has_local = true;
	ice->events->on_local(ice->owner, ufrag, pwd, pwd + strlen(pwd) + 1);
}

static void deliver(struct actr__ice *ice, struct event *e)
{
	switch (e->kind) {
	case EVENT_LOCAL:
		deliver_local(ice, e);
		break;
	case EVENT_CANDIDATE:
		ice->events->on_candidate(ice->owner, (const char *)e->data);
		break;
	case EVENT_DONE:
		ice->events->on_candidate(ice->owner, NULL);
		break;
	case EVENT_PATH:
		ice->events->on_path(ice->owner, &e->path);
		break;
	case EVENT_STATE:
		ice->events->on_state(ice->owner, e->state);
		break;
	case EVENT_DATAGRAM:
		ice->events->on_datagram(ice->owner, e->data, e->size);
		break;
	}
}

static void on_event(struct actr__task *task)
{
	struct event *e = container_of(task, struct event, task);
	struct actr__ice *ice = e->ice;

	if (e->kind == EVENT_DATAGRAM)
		atomic_fetch_sub(&ice->queued, 1);
	if (ice->events)
		deliver(ice, e);
	actr__free(e);
	unref(ice);
}

static void on_trouble(struct actr__task *task)
{
	struct actr__ice *ice = container_of(task, struct actr__ice, trouble);

	if (ice->events)
		ice->events->on_state(ice->owner, ACTR__ICE_FAILED);
	unref(ice);
}

static void post_trouble(struct actr__ice *ice)
{
	if (atomic_exchange(&ice->lost, true))
		return;
	atomic_fetch_add(&ice->refs, 1);
	actr__loop_post(ice->thread->loop, &ice->trouble);
}

static struct event *new_event(struct actr__ice *ice, enum event_kind kind, size_t size)
{
	struct event *e = actr__alloc(sizeof *e + size);

	if (!e)
		return NULL;
	memset(e, 0, sizeof *e);
	e->task.run = on_event;
	e->ice = ice;
	e->kind = kind;
	e->size = size;
	return e;
}

static void post(struct event *e)
{
	atomic_fetch_add(&e->ice->refs, 1);
	actr__loop_post(e->ice->thread->loop, &e->task);
}

/* --- signals of libnice --- */

static void on_new_candidate(NiceAgent *agent, NiceCandidate *candidate, gpointer user)
{
	struct actr__ice *ice = user;
	gchar *line = nice_agent_generate_local_candidate_sdp(agent, candidate);
	const char *text = line && g_str_has_prefix(line, "a=") ? line + 2 : line;
	struct event *e;

	if (!text)
		return;
	if (!ice->is_gathered) {
		(void)actr__buf_printf(&ice->gathered, "%s\n", text); /* kept in gathered.failed */
	} else {
		e = new_event(ice, EVENT_CANDIDATE, strlen(text) + 1);
		if (e) {
			memcpy(e->data, text, e->size);
			post(e);
		}
	}
	g_free(line);
}

static void on_gathering_done(NiceAgent *agent, guint stream, gpointer user)
{
	struct actr__ice *ice = user;
	struct event *e;

	(void)agent;
	(void)stream;
	ice->is_done = true;
	if (!ice->is_gathered)
		return; /* told after the gathered ones, in start() */
	e = new_event(ice, EVENT_DONE, 0);
	if (e)
		post(e); /* without it the peer only waits a little longer before it gives up */
}

static void on_component_state(NiceAgent *agent, guint stream, guint component, guint state,
			       gpointer user)
{
	struct actr__ice *ice = user;
	struct event *e;

	(void)agent;
	(void)stream;
	(void)component;
	if (state != NICE_COMPONENT_STATE_CONNECTED && state != NICE_COMPONENT_STATE_READY &&
	    state != NICE_COMPONENT_STATE_FAILED)
		return;
	e = new_event(ice, EVENT_STATE, 0);
	if (!e) {
		post_trouble(ice);
		return;
	}
	e->state = state == NICE_COMPONENT_STATE_FAILED ? ACTR__ICE_FAILED : ACTR__ICE_CONNECTED;
	post(e);
	if (state == NICE_COMPONENT_STATE_READY)
		g_object_set(agent, "idle-timeout", IDLE_TIMEOUT_MS, NULL);
}

static enum actr__candidate_type type_of(const NiceCandidate *candidate)
{
	switch (candidate->type) {
	case NICE_CANDIDATE_TYPE_HOST:
		return ACTR__CANDIDATE_HOST;
	case NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE:
		return ACTR__CANDIDATE_SRFLX;
	case NICE_CANDIDATE_TYPE_PEER_REFLEXIVE:
		return ACTR__CANDIDATE_PRFLX;
	default:
		return ACTR__CANDIDATE_RELAY;
	}
}

/*
 * SO_REUSEPORT is set here, while the socket surely lives; the kernel allows it after the bind, and
 * makes the group when the second socket binds (udp.c).
 */
static void describe_socket(struct actr__ice *ice, struct actr__ice_path *path)
{
	GSocket *socket = nice_agent_get_selected_socket(ice->agent, ice->stream, COMPONENT);
	socklen_t size = sizeof path->local;
	int on = 1, buffer = SOCKET_BUFFER, fd;

	if (!socket)
		return;
	fd = g_socket_get_fd(socket);
	/* Best effort: the system's limit may be lower. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	path->is_plain_udp = !setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) &&
			     !getsockname(fd, &path->local.sa, &size);
	g_object_unref(socket);
}

static void on_selected_pair(NiceAgent *agent, guint stream, guint component, NiceCandidate *local,
			     NiceCandidate *remote, gpointer user)
{
	struct actr__ice *ice = user;
	struct event *e = new_event(ice, EVENT_PATH, 0);

	(void)agent;
	(void)stream;
	(void)component;
	if (!e) {
		post_trouble(ice);
		return;
	}
	nice_address_copy_to_sockaddr(&local->addr, &e->path.local.sa);
	nice_address_copy_to_sockaddr(&remote->addr, &e->path.remote.sa);
	e->path.local_type = type_of(local);
	e->path.remote_type = type_of(remote);
	if (e->path.local_type != ACTR__CANDIDATE_RELAY &&
	    local->transport == NICE_CANDIDATE_TRANSPORT_UDP)
		describe_socket(ice, &e->path);
	post(e);
}

static void on_receive(NiceAgent *agent, guint stream, guint component, guint size, gchar *data,
		       gpointer user)
{
	struct actr__ice *ice = user;
	struct event *e;

	(void)agent;
	(void)stream;
	(void)component;
	if (atomic_load_explicit(&ice->queued, memory_order_relaxed) >= DATAGRAMS_QUEUED)
		return; /* as a full socket buffer would */
	e = new_event(ice, EVENT_DATAGRAM, size);
	if (!e)
		return;
	atomic_fetch_add(&ice->queued, 1);
	memcpy(e->data, data, size);
	post(e);
}

/* --- life of an agent, on the ice thread --- */

static bool is_usable(const struct ifaddrs *item, bool loopback)
{
	const union actr__addr *addr = (const void *)item->ifa_addr;

	if (!addr || !(item->ifa_flags & IFF_UP) ||
	    (addr->sa.sa_family != AF_INET && addr->sa.sa_family != AF_INET6))
		return false;
	switch (actr__addr_classify(addr)) {
	case ACTR__ADDR_UNICAST:
		return true;
	case ACTR__ADDR_LOOPBACK:
		return loopback;
	default:
		return false;
	}
}

/*
 * libnice would offer every address it finds, link-local ones included, or, once one is added by
 * hand, only those added. So all are added by hand.
 */
static void add_addresses(struct actr__ice *ice)
{
	struct ifaddrs *all = NULL;
	unsigned count = 0;

	if (getifaddrs(&all) < 0)
		return; /* libnice enumerates by itself then */
	for (struct ifaddrs *i = all; i && count < LOCAL_ADDRESSES_MAX; i = i->ifa_next) {
		NiceAddress address;

		if (!is_usable(i, ice->options.loopback))
			continue;
		nice_address_init(&address);
		nice_address_set_from_sockaddr(&address, i->ifa_addr);
		nice_address_set_port(&address, 0);
		if (nice_agent_add_local_address(ice->agent, &address))
			count++;
	}
	freeifaddrs(all);
}

static void add_servers(struct actr__ice *ice)
{
	bool has_stun = false;

	for (size_t i = 0; i < ice->server_count; i++) {
		const actr_ice_server *from = &ice->servers[i];
		struct actr__ice_server s;

		if (actr__ice_server_parse(from->url, &s, NULL) < 0)
			continue; /* checked when the wire was made */
		if (s.is_turn) {
			(void)nice_agent_set_relay_info(ice->agent, ice->stream, COMPONENT, s.host,
							s.port, from->username, from->credential,
							s.is_tcp ? NICE_RELAY_TYPE_TURN_TCP
								 : NICE_RELAY_TYPE_TURN_UDP);
			ice->has_turn = true;
		} else if (!has_stun) { /* libnice takes one */
			has_stun = true;
			g_object_set(ice->agent, "stun-server", s.host, "stun-server-port",
				     (guint)s.port, NULL);
		}
	}
}

static void post_local(struct actr__ice *ice)
{
	gchar *ufrag = NULL, *pwd = NULL;
	struct event *e = NULL;
	char *lines = actr__buf_text(&ice->gathered);

	if (lines && nice_agent_get_local_credentials(ice->agent, ice->stream, &ufrag, &pwd)) {
		size_t ufrag_size = strlen(ufrag) + 1, pwd_size = strlen(pwd) + 1;

		e = new_event(ice, EVENT_LOCAL, ufrag_size + pwd_size + strlen(lines) + 1);
		if (e) {
			memcpy(e->data, ufrag, ufrag_size);
			memcpy(e->data + ufrag_size, pwd, pwd_size);
			memcpy(e->data + ufrag_size + pwd_size, lines, strlen(lines) + 1);
		}
	}
	g_free(ufrag);
	g_free(pwd);
	actr__buf_done(&ice->gathered);
	if (e)
		post(e);
	else
		post_trouble(ice);
}

static NiceAgent *make_agent(struct actr__ice *ice)
{
	NiceAgent *agent = nice_agent_new_full(ice->pump.context, NICE_COMPATIBILITY_RFC5245,
					       NICE_AGENT_OPTION_REGULAR_NOMINATION |
						       NICE_AGENT_OPTION_ICE_TRICKLE |
						       NICE_AGENT_OPTION_CONSENT_FRESHNESS);

	g_object_set(agent, "controlling-mode", (gboolean)ice->options.controlling, "upnp", FALSE,
		     "ice-tcp", FALSE, "stun-pacing-timer", STUN_PACING_MS, "force-relay",
		     (gboolean)ice->options.relay_only, NULL);
	g_signal_connect(agent, "new-candidate-full", G_CALLBACK(on_new_candidate), ice);
	g_signal_connect(agent, "candidate-gathering-done", G_CALLBACK(on_gathering_done), ice);
	g_signal_connect(agent, "component-state-changed", G_CALLBACK(on_component_state), ice);
	g_signal_connect(agent, "new-selected-pair-full", G_CALLBACK(on_selected_pair), ice);
	return agent;
}

static void start_agent(struct actr__ice *ice)
{
	ice->agent = make_agent(ice);
	add_addresses(ice);
	ice->stream = nice_agent_add_stream(ice->agent, 1);
	if (ice->options.port_min && ice->options.port_max)
		nice_agent_set_port_range(ice->agent, ice->stream, COMPONENT, ice->options.port_min,
					  ice->options.port_max);
	add_servers(ice);
	(void)nice_agent_attach_recv(ice->agent, ice->stream, COMPONENT, ice->pump.context,
				     on_receive, ice);
	if (!nice_agent_gather_candidates(ice->agent, ice->stream)) {
		ACTR_WARN(5, CATEGORY, "event=ice_gather_failed");
		post_trouble(ice);
		return;
	}
	ice->is_gathered = true;
	post_local(ice);
	if (ice->is_done)
		on_gathering_done(ice->agent, ice->stream, ice);
}

static void on_start(struct actr__task *task)
{
	struct actr__ice *ice = container_of(task, struct actr__ice, start);

	actr__pump_init(&ice->pump, ice->thread->inner);
	actr__pump_enter(&ice->pump);
	start_agent(ice);
	actr__pump_leave(&ice->pump);
}

static void end_if_last(struct actr__ice_thread *thread)
{
	if (!thread->is_quitting || !actr__list_empty(&thread->closing))
		return;
	actr__timer_stop(thread->inner, &thread->quit_timer);
	actr__loop_stop(thread->inner);
}

/* Not from a callback of the agent. */
static void forget_agent(struct actr__ice *ice)
{
	struct actr__ice_thread *thread = ice->thread;

	actr__loop_cancel_deferred(&ice->gone);
	actr__timer_stop(thread->inner, &ice->linger);
	actr__pump_stop(&ice->pump); /* before its descriptors are closed */
	g_object_unref(ice->agent);
	ice->agent = NULL;
	actr__pump_done(&ice->pump);
	actr__list_remove(&ice->link);
	unref(ice);
	end_if_last(thread);
}

static void on_gone(struct actr__deferred *deferred)
{
	forget_agent(container_of(deferred, struct actr__ice, gone));
}

static void on_closed(GObject *source, GAsyncResult *result, gpointer user)
{
	struct actr__ice *ice = user;

	(void)source;
	(void)result;
	/* Not when quitting has overtaken it. */
	if (!actr__list_empty(&ice->link))
		actr__loop_defer(ice->thread->inner, &ice->gone);
	unref(ice);
}

static void drop_datagram(NiceAgent *agent, guint stream, guint component, guint size, gchar *data,
			  gpointer user)
{
	(void)agent;
	(void)stream;
	(void)component;
	(void)size;
	(void)data;
	(void)user;
}

static void on_linger(struct actr__timer *timer)
{
	struct actr__ice *ice = container_of(timer, struct actr__ice, linger);

	actr__pump_enter(&ice->pump);
	atomic_fetch_add(&ice->refs, 1);
	nice_agent_close_async(ice->agent, on_closed, ice);
	actr__pump_leave(&ice->pump);
}

static void on_stop(struct actr__task *task)
{
	struct actr__ice *ice = container_of(task, struct actr__ice, stop);

	g_signal_handlers_disconnect_by_data(ice->agent, ice);
	actr__list_push(&ice->thread->closing, &ice->link);
	if (!ice->has_turn) {
		forget_agent(ice);
		return;
	}
	actr__pump_enter(&ice->pump);
	/* Not NULL: libnice would stop reading, and never see the TURN server's answer. */
	(void)nice_agent_attach_recv(ice->agent, ice->stream, COMPONENT, ice->pump.context,
				     drop_datagram, NULL);
	actr__pump_leave(&ice->pump);
	/* What is still on its way through the relay goes down with the allocation. */
	if (actr__timer_set(ice->thread->inner, &ice->linger, TURN_LINGER_MS) < 0)
		on_linger(&ice->linger);
}

/* --- commands about the peer --- */

struct command {
	struct actr__task task;
	struct actr__ice *ice;
	size_t ufrag_size; /* with the 0; 0: a candidate line, or "done" when that is empty */
	char text[];
};

static void add_candidate(struct actr__ice *ice, const char *line)
{
	NiceCandidate *candidate =
		nice_agent_parse_remote_candidate_sdp(ice->agent, ice->stream, line);
	GSList *list;

	if (!candidate)
		return;
	list = g_slist_append(NULL, candidate);
	(void)nice_agent_set_remote_candidates(ice->agent, ice->stream, COMPONENT, list);
	g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
}

static void run_command(const struct command *c)
{
	struct actr__ice *ice = c->ice;

	if (c->ufrag_size)
		(void)nice_agent_set_remote_credentials(ice->agent, ice->stream, c->text,
							c->text + c->ufrag_size);
	else if (c->text[0])
		add_candidate(ice, c->text);
	else
		(void)nice_agent_peer_candidate_gathering_done(ice->agent, ice->stream);
}

static void on_command(struct actr__task *task)
{
	struct command *c = container_of(task, struct command, task);

	/* Commands come between start and stop. */
	actr__pump_enter(&c->ice->pump);
	run_command(c);
	actr__pump_leave(&c->ice->pump);
	unref(c->ice);
	actr__free(c);
}

static struct command *new_command(struct actr__ice *ice, size_t size)
{
	struct command *c = actr__alloc0(sizeof *c + size);

	if (!c)
		return NULL;
	c->task.run = on_command;
	c->ice = ice;
	atomic_fetch_add(&ice->refs, 1);
	return c;
}

static void give(struct command *c)
{
	actr__loop_post(c->ice->thread->inner, &c->task);
}

int actr__ice_set_remote(struct actr__ice *ice, actr_bytes ufrag, actr_bytes pwd)
{
	struct command *c = new_command(ice, ufrag.size + pwd.size + 2);

	if (!c)
		return ACTR_E_NOMEM;
	c->ufrag_size = ufrag.size + 1;
	memcpy(c->text, ufrag.data, ufrag.size);
	memcpy(c->text + c->ufrag_size, pwd.data, pwd.size);
	give(c);
	return 0;
}

int actr__ice_add_candidate(struct actr__ice *ice, const struct actr__candidate *candidate)
{
	struct command *c = new_command(ice, ACTR__CANDIDATE_TEXT_SIZE + 2);

	if (!c)
		return ACTR_E_NOMEM;
	memcpy(c->text, "a=", 2);
	(void)actr__candidate_format(candidate, c->text + 2);
	give(c);
	return 0;
}

int actr__ice_remote_done(struct actr__ice *ice)
{
	struct command *c = new_command(ice, 1);

	if (!c)
		return ACTR_E_NOMEM;
	give(c);
	return 0;
}

size_t actr__ice_send(struct actr__ice *ice, const uint8_t *data, const uint16_t *sizes,
		      size_t count)
{
	GOutputVector vectors[SEND_BATCH];
	NiceOutputMessage messages[SEND_BATCH];
	size_t sent = 0;

	while (ice->has_local && sent < count) {
		guint n = 0;
		gint rc;

		for (; n < SEND_BATCH && sent + n < count; n++) {
			vectors[n] = (GOutputVector){data, sizes[sent + n]};
			messages[n] = (NiceOutputMessage){&vectors[n], 1};
			data += sizes[sent + n];
		}
		rc = nice_agent_send_messages_nonblocking(ice->agent, ice->stream, COMPONENT,
							  messages, n, NULL, NULL);
		if (rc < (gint)n)
			return sent + (rc > 0 ? (size_t)rc : 0);
		sent += n;
	}
	return sent;
}

/* --- life, on the loop thread --- */

int actr__ice_new(struct actr__ice_thread *thread, const struct actr__ice_options *options,
		  const struct actr__ice_events *events, void *owner, struct actr__ice **ret,
		  actr_error *err)
{
	struct actr__ice *ice = actr__new0(struct actr__ice);
	int rc;

	if (!ice)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make an ICE agent");
	atomic_init(&ice->refs, 1);
	ice->thread = thread;
	ice->events = events;
	ice->owner = owner;
	ice->options = *options;
	ice->options.servers = NULL;
	ice->trouble.run = on_trouble;
	ice->start.run = on_start;
	ice->stop.run = on_stop;
	actr__timer_init(&ice->linger, on_linger);
	actr__deferred_init(&ice->gone, on_gone);
	actr__list_init(&ice->link);
	actr__buf_init(&ice->gathered, ACTR__CANDIDATE_TEXT_SIZE * ACTR__CANDIDATES_MAX);
	ice->server_count = options->server_count;
	rc = actr__ice_servers_copy(options->servers, options->server_count, &ice->servers, err);
	if (rc < 0) {
		unref(ice);
		return rc;
	}
	atomic_fetch_add(&ice->refs, 1); /* the ice thread's, until stop() */
	actr__loop_post(thread->inner, &ice->start);
	*ret = ice;
	return 0;
}

struct actr__ice *actr__ice_close(struct actr__ice *ice)
{
	if (!ice)
		return NULL;
	ice->events = NULL;
	actr__loop_post(ice->thread->inner, &ice->stop);
	unref(ice);
	return NULL;
}

/* --- the thread --- */

static void *run_thread(void *user)
{
	struct actr__ice_thread *thread = user;

	actr__loop_run(thread->inner);
	return NULL;
}

static void on_quit_timer(struct actr__timer *timer)
{
	struct actr__ice_thread *thread = container_of(timer, struct actr__ice_thread, quit_timer);

	while (!actr__list_empty(&thread->closing))
		forget_agent(container_of(thread->closing.next, struct actr__ice, link));
}

static void on_quit(struct actr__task *task)
{
	struct actr__ice_thread *thread = container_of(task, struct actr__ice_thread, quit);

	thread->is_quitting = true;
	if (actr__timer_set(thread->inner, &thread->quit_timer, QUIT_WAIT_MS) < 0)
		on_quit_timer(&thread->quit_timer);
	end_if_last(thread);
}

/* Libraries never print: libnice's warnings become log records. */
static void on_log(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer user)
{
	(void)level;
	(void)user;
	ACTR_DEBUG(CATEGORY, "event=ice_log domain=%s text=\"%.200s\"", domain ? domain : "-",
		   message);
}

int actr__ice_thread_new(struct actr__loop *loop, struct actr__ice_thread **ret, actr_error *err)
{
	struct actr__ice_thread *thread = actr__new0(struct actr__ice_thread);
	int rc;

	if (!thread)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make the ICE thread");
	thread->loop = loop;
	actr__list_init(&thread->closing);
	thread->quit.run = on_quit;
	actr__timer_init(&thread->quit_timer, on_quit_timer);
	(void)g_log_set_handler("libnice", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE, on_log, NULL);
	rc = actr__loop_new(&thread->inner, err);
	if (rc < 0) {
		actr__free(thread);
		return rc;
	}
	rc = pthread_create(&thread->thread, NULL, run_thread, thread);
	if (rc) {
		(void)actr__loop_free(thread->inner);
		actr__free(thread);
		return ACTR_FAIL_ERRNO(err, ACTR_E_IO, rc, "cannot start the ICE thread");
	}
	*ret = thread;
	return 0;
}

struct actr__ice_thread *actr__ice_thread_free(struct actr__ice_thread *thread)
{
	if (!thread)
		return NULL;
	actr__loop_post(thread->inner, &thread->quit); /* behind the stop of every agent */
	(void)pthread_join(thread->thread, NULL);      /* cannot fail: it is ours and joined once */
	(void)actr__loop_free(thread->inner);
	actr__free(thread);
	return NULL;
}
