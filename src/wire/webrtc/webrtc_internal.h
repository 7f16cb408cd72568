/* What engine.c, wire_webrtc.c, negotiation.c and link.c share. Loop thread only. */
#ifndef ACTR_WEBRTC_INTERNAL_H
#define ACTR_WEBRTC_INTERNAL_H

#include "wire/webrtc/dtls_internal.h"
#include "wire/webrtc/ice_internal.h"
#include "wire/webrtc/ice_server_internal.h"
#include "wire/webrtc/mapping_internal.h"
#include "wire/webrtc/sctp_internal.h"
#include "wire/webrtc/udp_internal.h"
#include "wire/webrtc/webrtc.h"

#define ACTR__WEBRTC_CATEGORY "transport_error"
#define ACTR__BATCH_SIZE      (128u * 1024u)
#define ACTR__BATCH_COUNT     256u
#define ACTR__EARLY_MAX	      64u /* candidates kept until their description is here */

/* Datagrams on their way out, one behind the other; of one wire at a time. */
struct actr__batch {
	struct wire_webrtc *wire; /* whose they are; valid while count is not 0 */
	size_t count, size;
	uint16_t sizes[ACTR__BATCH_COUNT];
	uint8_t data[ACTR__BATCH_SIZE];
};

struct actr__webrtc_engine {
	struct actr__loop *loop;
	struct actr__ice_thread *ice_thread;
	struct actr__dtls_identity *identity;
	struct actr__sctp_stack *sctp;
	struct actr__udp_buffers *udp_buffers;
	struct actr__batch batch;
	struct actr__list wires; /* also those that are freed but not yet torn down */
};

struct wire_webrtc;

/*
 * One ICE generation with its data path. A wire has one, and a second one while it restarts: the
 * old carries data until the new is connected.
 */
struct link {
	struct wire_webrtc *wire;
	struct actr__ice *ice;
	struct actr__udp *udp; /* NULL: libnice carries the data */
	struct actr__ice_path path;
	bool has_path, is_connected, has_failed;
	bool is_controlling;
	bool has_local; /* ufrag, pwd and candidates below are known */
	char *ufrag, *pwd, *candidates;
	bool is_gathered; /* all local candidates are known */
	bool has_remote;  /* the peer's credentials were given to ICE */
	char remote_ufrag[ACTR__ICE_UFRAG_MAX + 1];
	unsigned remote_candidates;
};

/* A candidate that came before the description it belongs to. */
struct early_candidate {
	char *line, *ufrag; /* ufrag may be NULL */
};

/* A description to be written as soon as the link knows its own credentials. */
enum owed { OWE_NOTHING, OWE_OFFER, OWE_ANSWER, OWE_RESTART_OFFER, OWE_MEDIA_OFFER };

struct wire_webrtc {
	struct actr__wire wire;
	struct actr__list entry; /* in engine->wires */
	struct actr__webrtc_engine *engine;
	struct actr__deferred tell; /* states that wait to be told, and teardown */
	bool is_freed, is_torn_down;

	/* options */
	actr_id self, peer;
	bool loopback, relay_only, no_data_socket;
	uint16_t port_min, port_max;
	struct actr__mapping mapping;
	actr_ice_server *servers; /* actr__ice_servers_copy() */
	size_t server_count;
	uint32_t recover_timeout_ms;

	/* negotiation.c */
	bool is_offerer;   /* fixed once connected: who writes restart offers */
	bool peer_is_ours; /* its descriptions carry our marker */
	bool knows_peer;   /* a description of the peer was applied */
	uint64_t local_session, remote_session;
	uint32_t local_version;
	char exchange[ACTR_UUID_SIZE]; /* of our offer that waits for its answer, or "" */
	bool is_media_offer;	       /* that one leaves ICE as it is */
	char *remote_exchange;	       /* of the offer that we answer, or NULL */
	char *remote_offer;	       /* its text, until answered */
	enum owed owed;
	struct early_candidate early[ACTR__EARLY_MAX];
	size_t early_count;
	char fingerprint_name[8];
	uint8_t fingerprint[ACTR__FINGERPRINT_MAX];
	size_t fingerprint_size;
	bool is_dtls_client;
	char mid[65]; /* of the application section */
	int32_t mline_index;
	char past_ufrag[ACTR__ICE_UFRAG_MAX + 1]; /* of the peer's generation before this one */

	/* link.c */
	struct link *link, *old_link;

	/* media.c */
	struct media *media; /* NULL: neither side has spoken of any */

	/* wire_webrtc.c */
	struct actr__dtls *dtls;
	struct actr__sctp *sctp;
	struct actr__timer deadline; /* of connecting, or of recovering */
	struct actr__timer retry;    /* of a restart */
	struct actr__timer hold;     /* reference.md 4.4 */
	uint32_t retry_ms;
	uint64_t restarted_ms;	    /* when the last restart began */
	unsigned held_lanes;	    /* bits: nothing may be sent there yet */
	unsigned refused_lanes;	    /* bits: on_writable is owed */
	enum actr__wire_state told; /* last state that the owner was told */
	actr_error why;
	uint64_t dropped, stale_candidates, denied_candidates, stale_answers;
	uint64_t packets_sent, packets_received;
	struct actr__sctp_stats last_stats;
};

/* --- wire_webrtc.c --- */
void actr__webrtc_fail(struct wire_webrtc *w, const actr_error *why);
/* The state changed: tell the owner from the loop. */
void actr__webrtc_set_state(struct wire_webrtc *w, enum actr__wire_state state);
void actr__webrtc_on_connected(struct wire_webrtc *w);
void actr__webrtc_on_disconnected(struct wire_webrtc *w);
void actr__webrtc_on_datagram(struct wire_webrtc *w, uint8_t *data, size_t size);
void actr__webrtc_on_drained(struct wire_webrtc *w);
void actr__webrtc_on_path(struct wire_webrtc *w);
void actr__webrtc_emit_signal(struct wire_webrtc *w, const struct actr__signal *signal);
void actr__webrtc_on_answered(struct wire_webrtc *w);
int actr__webrtc_on_restart_request(struct wire_webrtc *w, actr_error *err);
/* A datagram for the batch; flush sends it. */
void actr__webrtc_append(struct wire_webrtc *w, const uint8_t *datagram, size_t size);
void actr__webrtc_flush(struct wire_webrtc *w);
/* Closes all that the wire has; frees it when its owner has done so. */
void actr__webrtc_teardown(struct wire_webrtc *w);

/* --- negotiation.c --- */
int actr__webrtc_begin_offer(struct wire_webrtc *w, actr_error *err);
int actr__webrtc_begin_answer(struct wire_webrtc *w, const struct actr__signal *offer,
			      actr_error *err);
int actr__webrtc_begin_restart(struct wire_webrtc *w, actr_error *err);
void actr__webrtc_ask_restart(struct wire_webrtc *w);
int actr__webrtc_signal(struct actr__wire *wire, const struct actr__signal *signal,
			actr_error *err);
/* Our media offer was not answered. */
void actr__webrtc_give_up_offer(struct wire_webrtc *w);
/* Writes what is owed once the link knows its own credentials. */
void actr__webrtc_negotiation_run(struct wire_webrtc *w);
void actr__webrtc_on_local(struct wire_webrtc *w, struct link *link);
void actr__webrtc_on_candidate(struct wire_webrtc *w, struct link *link, const char *line);
void actr__webrtc_negotiation_done(struct wire_webrtc *w);

/* --- link.c --- */
int actr__link_new(struct wire_webrtc *w, bool controlling, struct link **ret, actr_error *err);
struct link *actr__link_free(struct link *link);
int actr__link_set_remote(struct link *link, const struct actr__sdp *sdp, actr_error *err);
/* Policy and bounds included; what is not used is counted. */
void actr__link_add_candidate(struct link *link, const struct actr__candidate *candidate);
/* ICE failed or consent was lost: nothing more is sent on it (RFC 7675 5.1). Idempotent. */
void actr__link_lose(struct link *link);
/* Sends the engine's batch; it is empty afterwards. */
void actr__link_flush(struct link *link);
const char *actr__link_data_path(const struct link *link);
void actr__link_describe(const struct link *link, char *out, size_t size);
/* Both ends are on this machine, on a path that carries large packets. */
bool actr__link_is_local(const struct link *link);

#endif
