/*
 * A snapshot as Prometheus text (exposition format 0.0.4): families one after the other, each with
 * its HELP and TYPE, base units only (seconds, bytes), counters ending in _total. Numbers are
 * printed without the locale's decimal sign. docs/metrics.md has the same list with its meaning.
 */
#include "lifecycle/lifecycle_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define TEXT_MAX (64u * 1024 * 1024)

/* --- lines --- */

static void family(struct actr__buf *out, const char *name, const char *type, const char *help)
{
	actr__buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_label_value(struct actr__buf *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\')
			actr__buf_puts(out, "\\\\");
		else if (*value == '"')
			actr__buf_puts(out, "\\\"");
		else if (*value == '\n')
			actr__buf_puts(out, "\\n");
		else
			actr__buf_append(out, value, 1);
	}
}

/* Further labels follow a comma: the caller closes with end_labels(). */
static void begin_labels(struct actr__buf *out, const char *name, const char *label,
			 const char *value)
{
	actr__buf_printf(out, "%s{%s=\"", name, label);
	put_label_value(out, value);
}

static void next_label(struct actr__buf *out, const char *label, const char *value)
{
	actr__buf_printf(out, "\",%s=\"", label);
	put_label_value(out, value);
}

static void end_labels(struct actr__buf *out, uint64_t value)
{
	actr__buf_printf(out, "\"} %" PRIu64 "\n", value);
}

/* A number of units of 1 / `per` (a power of ten, `digits` zeros) as a decimal number. */
static void put_fraction(struct actr__buf *out, uint64_t value, uint64_t per, int digits)
{
	actr__buf_printf(out, "%" PRIu64 ".%0*" PRIu64, value / per, digits, value % per);
}

/* --- single numbers: one line of the table each --- */

enum unit { PLAIN, MILLISECONDS };

struct single {
	const char *name, *type, *help;
	size_t at;
	enum unit unit;
};

#define AT(field) offsetof(actr_metrics, field)
#define COUNTER(name, field, help)                                                                 \
	{                                                                                          \
		"actr_" name "_total", "counter", help, AT(field), PLAIN                           \
	}
#define GAUGE(name, field, help)                                                                   \
	{                                                                                          \
		"actr_" name, "gauge", help, AT(field), PLAIN                                      \
	}
#define SECONDS(name, field, help)                                                                 \
	{                                                                                          \
		"actr_" name "_seconds", "gauge", help, AT(field), MILLISECONDS                    \
	}

static const struct single singles[] = {
	SECONDS("uptime", uptime_ms, "Time since the node was started."),
	COUNTER("calls_started", calls_started, "Calls that this node has begun."),
	GAUGE("calls_running", calls_running, "Calls that have not ended."),
	COUNTER("tells_started", tells_started, "One-way messages that this node has begun."),
	GAUGE("tells_running", tells_running, "One-way messages that are not handed over."),
	COUNTER("requests_started", requests_started, "Requests given to a handler."),
	GAUGE("requests_in_flight", requests_in_flight, "Requests that hold a slot."),
	COUNTER("requests_expired", requests_expired, "Requests whose deadline passed here."),
	COUNTER("requests_unknown_route", requests_unknown_route,
		"Requests that no handler knows."),
	COUNTER("requests_refused", requests_refused, "Requests that were not accepted."),
	COUNTER("duplicates", duplicates, "Copies of requests that had come before."),
	COUNTER("orphan_answers", orphan_answers, "Answers that nobody waited for."),
	COUNTER("answers_lost", answers_lost, "Answers that could not be sent."),
	COUNTER("undecodable", undecodable, "Messages that could not be decoded."),
	GAUGE("answers_awaited", answers_awaited, "Questions sent and not answered."),
	GAUGE("mailbox_in_flight", mailbox_in_flight, "Mails taken and not settled."),
	GAUGE("mailbox_bytes", mailbox_bytes, "Bytes of unsettled mails."),
	SECONDS("mailbox_oldest", mailbox_oldest_ms, "Age of the first mail in line."),
	COUNTER("mailbox_accepted", mailbox_accepted, "Mails accepted."),
	COUNTER("mailbox_settled", mailbox_settled, "Mails handled and deleted."),
	COUNTER("mailbox_redelivered", mailbox_redelivered, "Mails taken again after a crash."),
	COUNTER("mailbox_refused", mailbox_refused, "Mails refused for quota or storage."),
	COUNTER("mailbox_buried", mailbox_buried, "Mails that became dead letters."),
	COUNTER("mailbox_commits", mailbox_commits, "Transactions of a durable mailbox."),
	GAUGE("dead_letters", dead_letters, "Dead letters that are kept."),
	COUNTER("events_lost", events_lost, "Events that on_event was too slow for."),
	GAUGE("spans_waiting", spans_waiting, "Spans that have not left."),
	COUNTER("spans_exported", spans_exported, "Spans that the collector has taken."),
	COUNTER("spans_dropped", spans_dropped, "Spans that were lost on the way to it."),
	COUNTER("registrations", registrations, "Registrations with the signaling server."),
	COUNTER("registrations_refused", registrations_refused, "Registrations refused by it."),
	COUNTER("credential_renewals", credential_renewals, "Credentials renewed in time."),
	COUNTER("signaling_sessions_lost", signaling_sessions_lost,
		"Connections to the signaling server, or tries, that ended unasked."),
};

static void put_singles(struct actr__buf *out, const actr_metrics *m)
{
	for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
		const struct single *s = &singles[i];
		uint64_t value;

		memcpy(&value, (const char *)m + s->at, sizeof value);
		family(out, s->name, s->type, s->help);
		actr__buf_printf(out, "%s ", s->name);
		if (s->unit == MILLISECONDS)
			put_fraction(out, value, 1000, 3);
		else
			actr__buf_printf(out, "%" PRIu64, value);
		actr__buf_puts(out, "\n");
	}
}

static void put_gauge(struct actr__buf *out, const char *name, const char *help, size_t value)
{
	family(out, name, "gauge", help);
	actr__buf_printf(out, "%s %zu\n", name, value);
}

/* --- families with a label --- */

static void put_outcomes(struct actr__buf *out, const char *name, const char *help,
			 const uint64_t done[ACTR_METRICS_OUTCOMES])
{
	family(out, name, "counter", help);
	for (int i = 0; i < ACTR_METRICS_OUTCOMES; i++) {
		const char *code = i ? actr_error_name(-i) : "OK";
		char number[16];

		if (i && !strcmp(code, "ACTR_E_?")) { /* a later version's */
			if (!done[i])
				continue;
			snprintf(number, sizeof number, "%d", -i);
			code = number;
		}
		begin_labels(out, name, "code", code);
		end_labels(out, done[i]);
	}
}

static void put_direction(struct actr__buf *out, const char *name, const char *sent, uint64_t value)
{
	begin_labels(out, name, "direction", sent);
	end_labels(out, value);
}

static void put_messages(struct actr__buf *out, const actr_metrics *m)
{
	static const char name[] = "actr_messages_total", bytes[] = "actr_message_bytes_total";
	const struct {
		const char *kind, *direction;
		uint64_t value;
	} all[] = {
		{"request", "sent", m->requests_sent},
		{"request", "received", m->requests_received},
		{"tell", "sent", m->tells_sent},
		{"tell", "received", m->tells_received},
		{"answer", "sent", m->answers_sent},
		{"answer", "received", m->answers_received},
		{"chunk", "received", m->chunks_received},
	};

	family(out, name, "counter", "Messages between this node and its peers.");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		begin_labels(out, name, "kind", all[i].kind);
		next_label(out, "direction", all[i].direction);
		end_labels(out, all[i].value);
	}
	family(out, bytes, "counter", "Bytes of these messages.");
	put_direction(out, bytes, "sent", m->message_bytes_sent);
	put_direction(out, bytes, "received", m->message_bytes_received);
}

static void put_mailbox(struct actr__buf *out, const actr_metrics *m)
{
	static const char *const classes[] = {"normal", "high", "low"};
	static const char name[] = "actr_mailbox_waiting";

	family(out, name, "gauge", "Mails that wait for a handler.");
	for (unsigned i = 0; i < 3; i++) {
		begin_labels(out, name, "class", classes[i]);
		end_labels(out, m->mailbox_waiting_class[i]);
	}
	put_gauge(out, "actr_mailbox_failed", "1 while the mailbox's storage fails.",
		  m->mailbox_failed);
}

static void put_streams(struct actr__buf *out, const actr_stream_stats *s)
{
	static const char name[] = "actr_stream_chunks_total";
	const struct {
		const char *what;
		uint64_t value;
	} all[] = {
		{"sent", s->sent},
		{"send_dropped", s->send_dropped},
		{"received", s->received},
		{"delivered", s->delivered},
		{"unknown", s->unknown},
		{"held", s->held},
		{"dropped_newest", s->dropped_newest},
		{"dropped_full", s->dropped_full},
		{"dropped_unregistered", s->dropped_unregistered},
		{"malformed", s->malformed},
		{"refused", s->refused},
		{"joined", s->joined},
		{"partial_dropped", s->partial_dropped},
		{"send_waited", s->send_waited},
	};

	family(out, name, "counter", "Chunks of data streams by what became of them.");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		begin_labels(out, name, "event", all[i].what);
		end_labels(out, all[i].value);
	}
}

static void put_media(struct actr__buf *out, const actr_media_stats *s)
{
	static const char name[] = "actr_media_samples_total";
	static const char lost[] = "actr_media_lost_packets_total";
	static const char asked[] = "actr_media_key_frames_requested_total";
	const struct {
		const char *what;
		uint64_t value;
	} all[] = {
		{"sent", s->sent},	   {"send_dropped", s->send_dropped},
		{"received", s->received}, {"delivered", s->delivered},
		{"unknown", s->unknown},   {"dropped", s->dropped},
		{"refused", s->refused},
	};

	family(out, name, "counter", "Samples of media tracks by what became of them.");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		begin_labels(out, name, "event", all[i].what);
		end_labels(out, all[i].value);
	}
	family(out, lost, "counter", "Packets of media that never came.");
	actr__buf_printf(out, "%s %" PRIu64 "\n", lost, s->lost_packets);
	family(out, asked, "counter", "Key frames that the program asked for.");
	actr__buf_printf(out, "%s %" PRIu64 "\n", asked, s->key_frames_requested);
}

/* --- histograms --- */

/* A bound a power of two: a quarter of what is counted; their number must not change with time. */
static void put_histogram(struct actr__buf *out, const char *name, const char *help,
			  const actr_histogram *h)
{
	uint64_t seen = 0;

	family(out, name, "histogram", help);
	for (unsigned i = 0; i < ACTR_HISTOGRAM_BUCKETS - 1; i++) {
		uint64_t us = actr_histogram_bound_us(i);

		seen += h->buckets[i];
		if (us & (us - 1))
			continue;
		actr__buf_printf(out, "%s_bucket{le=\"", name);
		put_fraction(out, us, 1000000, 6);
		actr__buf_printf(out, "\"} %" PRIu64 "\n", seen);
	}
	actr__buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", name, h->count, name);
	put_fraction(out, h->sum_ns, 1000000000, 9);
	actr__buf_printf(out, "\n%s_count %" PRIu64 "\n", name, h->count);
}

static void put_histograms(struct actr__buf *out, const actr_metrics *m)
{
	put_histogram(out, "actr_call_seconds", "Calls to other actors, start to end.",
		      &m->call_time);
	put_histogram(out, "actr_local_call_seconds", "Calls in process, start to end.",
		      &m->local_call_time);
	put_histogram(out, "actr_handler_seconds", "Handlers, dispatch to settled; a sample.",
		      &m->handler_time);
	put_histogram(out, "actr_mailbox_seconds", "Requests, received to dispatched.",
		      &m->mailbox_time);
}

/* --- states and peers --- */

static const char *state_name(actr_state state)
{
	switch (state) {
	case ACTR_STATE_CONNECTING:
		return "connecting";
	case ACTR_STATE_CONNECTED:
		return "connected";
	case ACTR_STATE_RECOVERING:
		return "recovering";
	case ACTR_STATE_DISCONNECTED:
		return "disconnected";
	default:
		return "idle";
	}
}

/* One series for each state, 1 for the present one: a series that vanishes looks like a gap. */
static void put_states(struct actr__buf *out, const char *name, const char *peer, actr_state now)
{
	static const actr_state states[] = {ACTR_STATE_IDLE, ACTR_STATE_CONNECTING,
					    ACTR_STATE_CONNECTED, ACTR_STATE_RECOVERING,
					    ACTR_STATE_DISCONNECTED};

	for (unsigned i = 0; i < sizeof states / sizeof *states; i++) {
		begin_labels(out, name, "state", state_name(states[i]));
		if (peer)
			next_label(out, "peer", peer);
		end_labels(out, now == states[i]);
	}
}

static const struct {
	const char *name, *type, *direction, *help;
	size_t at;
} peer_numbers[] = {
#define PEER_AT(field) offsetof(actr_metrics_peer, field)
	{"actr_peer_bytes_total", "counter", "sent", "Bytes of this session.", PEER_AT(bytes_sent)},
	{"actr_peer_bytes_total", NULL, "received", NULL, PEER_AT(bytes_received)},
	{"actr_peer_messages_total", "counter", "sent", "Messages of this session.",
	 PEER_AT(messages_sent)},
	{"actr_peer_messages_total", NULL, "received", NULL, PEER_AT(messages_received)},
	{"actr_peer_packets_total", "counter", "sent", "Packets of this session.",
	 PEER_AT(packets_sent)},
	{"actr_peer_packets_total", NULL, "received", NULL, PEER_AT(packets_received)},
	{"actr_peer_packets_dropped_total", "counter", NULL, "Packets that were of no use.",
	 PEER_AT(packets_dropped)},
	{"actr_peer_retransmits_total", "counter", NULL, "Chunks of SCTP sent again.",
	 PEER_AT(retransmits)},
	{"actr_peer_buffered_bytes", "gauge", NULL, "Bytes that wait in the connection.",
	 PEER_AT(buffered_bytes)},
	{"actr_peer_queued_bytes", "gauge", NULL, "Bytes that wait for the connection.",
	 PEER_AT(queued_bytes)},
#undef PEER_AT
};

static void put_peer_numbers(struct actr__buf *out, const actr_metrics *m)
{
	char id[ACTR_ID_TEXT_SIZE];

	for (size_t i = 0; i < sizeof peer_numbers / sizeof *peer_numbers; i++) {
		if (peer_numbers[i].type)
			family(out, peer_numbers[i].name, peer_numbers[i].type,
			       peer_numbers[i].help);
		for (size_t p = 0; p < m->peer_count; p++) {
			uint64_t value;

			memcpy(&value, (const char *)m->peers[p] + peer_numbers[i].at,
			       sizeof value);
			begin_labels(out, peer_numbers[i].name, "peer",
				     actr_id_format(&m->peers[p]->id, id, sizeof id));
			if (peer_numbers[i].direction)
				next_label(out, "direction", peer_numbers[i].direction);
			end_labels(out, value);
		}
	}
}

static void put_peer_states(struct actr__buf *out, const actr_metrics *m)
{
	char id[ACTR_ID_TEXT_SIZE];

	put_gauge(out, "actr_peers", "Peers with a connection, or one being made.", m->peer_count);
	family(out, "actr_peer_state", "gauge", "1 for the state that the connection is in.");
	for (size_t i = 0; i < m->peer_count; i++)
		put_states(out, "actr_peer_state", actr_id_format(&m->peers[i]->id, id, sizeof id),
			   m->peers[i]->state);
	family(out, "actr_peer_info", "gauge", "The path of a connection.");
	for (size_t i = 0; i < m->peer_count; i++) {
		begin_labels(out, "actr_peer_info", "peer",
			     actr_id_format(&m->peers[i]->id, id, sizeof id));
		next_label(out, "path", m->peers[i]->path);
		next_label(out, "data_path", m->peers[i]->data_path);
		end_labels(out, 1);
	}
	family(out, "actr_peer_rtt_seconds", "gauge", "Smoothed round trip time.");
	for (size_t i = 0; i < m->peer_count; i++) {
		if (!m->peers[i]->rtt_us)
			continue;
		begin_labels(out, "actr_peer_rtt_seconds", "peer",
			     actr_id_format(&m->peers[i]->id, id, sizeof id));
		actr__buf_puts(out, "\"} ");
		put_fraction(out, m->peers[i]->rtt_us, 1000000, 6);
		actr__buf_puts(out, "\n");
	}
}

/* --- all of it --- */

static void put_all(struct actr__buf *out, const actr_metrics *m)
{
	char id[ACTR_ID_TEXT_SIZE];

	family(out, "actr_node_info", "gauge", "Who this is.");
	begin_labels(out, "actr_node_info", "id", actr_id_format(&m->id, id, sizeof id));
	next_label(out, "mailbox", m->mailbox_durable ? "durable" : "memory");
	end_labels(out, 1);
	put_singles(out, m);
	put_outcomes(out, "actr_calls_total", "Calls that have ended, by outcome.", m->calls_done);
	put_outcomes(out, "actr_tells_total", "One-way messages, by outcome.", m->tells_done);
	put_outcomes(out, "actr_requests_total", "Requests that were handled, by outcome.",
		     m->requests_done);
	put_messages(out, m);
	put_mailbox(out, m);
	if (m->streams)
		put_streams(out, m->streams);
	if (m->media)
		put_media(out, m->media);
	put_histograms(out, m);
	family(out, "actr_signaling_state", "gauge", "1 for the state of the signaling client.");
	put_states(out, "actr_signaling_state", NULL, m->signaling_state);
	put_peer_states(out, m);
	put_peer_numbers(out, m);
}

int actr_metrics_prometheus(const actr_metrics *metrics, char **ret_text, actr_error *err)
{
	actr_metrics all = {.size = 0};
	struct actr__buf out;
	char *text;

	if (!metrics || metrics->size < offsetof(actr_metrics, id) || !ret_text)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "metrics need the size of their struct, and a place for the text");
	memcpy(&all, metrics, metrics->size < sizeof all ? metrics->size : sizeof all);
	actr__buf_init(&out, TEXT_MAX);
	put_all(&out, &all);
	text = actr__buf_take_text(&out);
	actr__buf_done(&out);
	if (!text)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for the text of the metrics");
	*ret_text = text;
	return 0;
}
