/*
 * Metrics: what a node counts, copied at one instant, and the same as Prometheus text.
 *
 * Counters go up from the node's start and never down. All memory is counted by the library while
 * it works, so that asking costs it nothing before. docs/metrics.md has the meaning of each.
 */
#ifndef ACTR_METRICS_H
#define ACTR_METRICS_H

#include <actr/media.h>
#include <actr/node.h>
#include <actr/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- histograms ------------------------------------------------------------------------------ */

/*
 * Times in buckets of a fixed layout, four to each power of two: a value read from it is at most a
 * quarter too high. Bucket i counts times above bound i - 1, up to and including bound i.
 */
#define ACTR_HISTOGRAM_BUCKETS 105 /* the last one: longer than 134 s */

typedef struct actr_histogram {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t buckets[ACTR_HISTOGRAM_BUCKETS];
} actr_histogram;

/* Upper bound of a bucket: 1, 2, 3, 4, 5, 6, 7, 8, 10, 12 … us; UINT64_MAX for the last. */
ACTR_API uint64_t actr_histogram_bound_us(unsigned bucket);
/* The time that a share of 0 to 1 of all values does not exceed; 0 without values. */
ACTR_API uint64_t actr_histogram_quantile_us(const actr_histogram *histogram, double share);

/* --- the snapshot ---------------------------------------------------------------------------- */

/* By outcome: index 0 is success, index n the error code -n, e.g. done[-ACTR_E_TIMEOUT]. */
#define ACTR_METRICS_OUTCOMES 32

typedef struct actr_metrics_peer {
	size_t size; /* sizeof(actr_metrics_peer) of the library */
	actr_id id;
	actr_state state;
	uint64_t session;   /* counting from 1 */
	char path[160];	    /* the candidate pair */
	char data_path[32]; /* "socket+gso", "socket", "libnice", "websocket" */
	uint64_t rtt_us;    /* smoothed; 0: unknown */
	/* Of this session. */
	uint64_t bytes_sent, bytes_received, messages_sent, messages_received;
	uint64_t packets_sent, packets_received, packets_dropped, retransmits;
	uint64_t buffered_bytes; /* in the connection */
	uint64_t queued_bytes;	 /* before it: not taken yet */
} actr_metrics_peer;

typedef struct actr_metrics {
	size_t size; /* sizeof(actr_metrics) of the program's headers */
	void *owned; /* the library's; actr_metrics_clear() */
	actr_id id;  /* the node's own */
	uint64_t uptime_ms;

	/* What this node asks. A call is finished exactly once, by its outcome. */
	uint64_t calls_started, calls_running;
	uint64_t calls_done[ACTR_METRICS_OUTCOMES];
	uint64_t tells_started, tells_running;
	uint64_t tells_done[ACTR_METRICS_OUTCOMES];

	/* What it is asked, by others and by its own shell: from dispatch to the settled token. */
	uint64_t requests_started, requests_in_flight;
	uint64_t requests_done[ACTR_METRICS_OUTCOMES];
	uint64_t requests_expired;	 /* deadline passed in the mailbox or with the handler */
	uint64_t requests_unknown_route; /* among requests_done */
	uint64_t requests_refused;	 /* never dispatched: access list, quota, shutdown */

	/* Messages of others, before they are anything else. */
	uint64_t requests_received, tells_received, answers_received, chunks_received;
	uint64_t requests_sent, tells_sent, answers_sent;
	uint64_t answers_lost;	 /* could not be sent in 2 s */
	uint64_t duplicates;	 /* copies of a request: its handler ran once */
	uint64_t orphan_answers; /* that nobody waits for any more */
	uint64_t undecodable;	 /* dead letters */
	uint64_t answers_awaited;
	uint64_t message_bytes_received, message_bytes_sent; /* envelopes and chunks */

	/* The mailbox. */
	uint64_t mailbox_waiting, mailbox_waiting_class[3]; /* normal, high, low */
	uint64_t mailbox_in_flight;
	uint64_t mailbox_bytes;	    /* of both */
	uint64_t mailbox_oldest_ms; /* how long the first in line has waited */
	uint64_t mailbox_accepted, mailbox_settled, mailbox_redelivered, mailbox_commits;
	uint64_t mailbox_refused; /* quota, or storage */
	uint64_t mailbox_buried;  /* became dead letters */
	uint64_t dead_letters;	  /* kept now */
	bool mailbox_durable, mailbox_failed;

	/* The signaling server. */
	actr_state signaling_state;
	uint64_t registrations, registrations_refused, credential_renewals;
	uint64_t signaling_sessions_lost; /* tries too */

	/* Times. Seen once a turn of the loop: what began and ended within one counts as 0. */
	actr_histogram call_time; /* of calls to other actors, start to end, whatever it was */
	actr_histogram local_call_time; /* the same in process */
	actr_histogram handler_time;	/* dispatch to settled; on the loop one in 64 is measured */
	actr_histogram mailbox_time;	/* received (or accepted) to taken */

	/* These may grow in later versions: look at their size. Owned; valid until the clear. */
	const actr_stream_stats *streams; /* NULL only in a cleared one */
	const actr_metrics_peer *const *peers;
	size_t peer_count;

	uint64_t events_lost; /* on_event was too slow */

	/* Tracing; all 0 when it is off. */
	uint64_t spans_waiting, spans_exported; /* to the collector */
	uint64_t spans_dropped;			/* too many, not sent, or not taken */

	/* As streams: may grow, owned. */
	const actr_media_stats *media;
} actr_metrics;

#define ACTR_METRICS_INIT ACTR_SIZED_INIT(actr_metrics)

/*
 * Copy everything at one instant of the loop. What it had is cleared first, so one struct serves
 * for ever; end with actr_metrics_clear(). After the node's end only calls and streams are left.
 * Any thread; from others than the loop's it waits for the loop. ACTR_E_NOMEM.
 */
ACTR_API int actr_ref_get_metrics(actr_ref *ref, actr_metrics *metrics, actr_error *err);
/* Free what it owns; all zero but its size afterwards. Any thread. */
ACTR_API void actr_metrics_clear(actr_metrics *metrics);
/*
 * The Prometheus text format, version 0.0.4. Free it with actr_free(). Any thread. ACTR_E_NOMEM.
 */
ACTR_API int actr_metrics_prometheus(const actr_metrics *metrics, char **ret_text, actr_error *err);

#ifdef __cplusplus
}
#endif
#endif
