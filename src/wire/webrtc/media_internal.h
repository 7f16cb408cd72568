/* Media of one wire: what media.c, media_packets.c and negotiation.c share. Loop thread only. */
#ifndef ACTR_WEBRTC_MEDIA_INTERNAL_H
#define ACTR_WEBRTC_MEDIA_INTERNAL_H

#include "wire/webrtc/media_plan_internal.h"
#include "wire/webrtc/srtp_internal.h"
#include "wire/webrtc/webrtc_internal.h"

#define ACTR__MEDIA_STREAMS_MAX 256u /* of the peer that SRTP remembers and nobody uses */

/* A track of ours. */
struct actr__wire_track {
	struct media *media;
	struct actr__list link; /* in media->tracks */
	bool is_dead;		/* removed by the owner; `run` frees it */
	struct actr__plan_track plan;
	void *user;
	char track_id[ACTR_TRACK_ID_MAX + 1], stream_id[ACTR_TRACK_ID_MAX + 1];
	struct actr__rtp_sender *sender; /* while agreed and up */
	uint8_t payload_type;		 /* of sender */
	enum actr__rtp_mode mode;
	bool has_sent;	   /* there was a sender; the next one goes on behind it: */
	uint16_t sequence; /* a number twice under one key would give the keystream away */
	bool is_told, is_told_active;
	struct actr__track_counters past; /* of senders before this one */
};

/* The peer's track of one section. */
struct media_remote {
	struct media *media;
	struct actr__rtp_receiver *receiver; /* once a packet came */
	actr_codec codec;		     /* of receiver */
	enum actr__rtp_mode mode;
	bool has_ssrc, has_signalled;
	uint32_t ssrc, signalled; /* in use; of the last description */
	bool is_told;
	char told_id[ACTR_TRACK_ID_MAX + 1];
	actr_codec told_codec;
};

struct media {
	struct wire_webrtc *w;
	struct actr__media_plan plan;
	struct actr__list tracks;
	struct actr__deferred run;
	struct actr__timer tick;   /* of senders and receivers */
	struct actr__timer answer; /* to an offer of ours, then until it is repeated */
	uint32_t retry_ms;
	bool is_paused; /* an offer stayed unanswered */
	bool is_up, has_srtp_failed;
	struct actr__srtp *srtp;
	uint32_t local_ssrc;				     /* of reports of our receivers */
	struct actr__rtp_budget budget;			     /* of all receivers */
	struct media_remote remotes[ACTR__SDP_SECTIONS_MAX]; /* by section */
	uint32_t streams[ACTR__MEDIA_STREAMS_MAX];	     /* a ring, the oldest is forgotten */
	size_t stream_count, stream_next;
	uint64_t packets_sent, packets_received, packets_unknown, packets_forged;
};

extern const struct actr__media_ops actr__webrtc_media_ops;

/* --- media.c --- */
int actr__media_ensure(struct wire_webrtc *w, actr_error *err);
struct media *actr__media_free(struct media *media);
/* The plan changed: senders, receivers and news follow at the end of the turn. */
void actr__media_changed(struct media *media);
/* Data channels are open. */
void actr__media_on_up(struct media *media);
bool actr__media_needs_offer(const struct media *media);
void actr__media_on_offered(struct media *media);
void actr__media_on_answered(struct media *media);
/* The peer cannot be agreed with: our tracks that wait are refused. */
void actr__media_on_refused(struct media *media);
void actr__media_tell_remote(struct media *media, size_t section);
/* News of an active track of ours. */
void actr__media_emit(struct actr__wire_track *track, struct actr__track_event *event);

/* --- media_packets.c --- */
void actr__media_init_packets(struct media *media);
/* Once DTLS is up. */
bool actr__media_start_srtp(struct media *media);
void actr__media_on_datagram(struct media *media, uint8_t *data, size_t size);
/* Makes and frees senders and receivers as the plan says. */
void actr__media_sync(struct media *media);
/* Runs all timers that are due, and sets the next one. */
void actr__media_tick(struct media *media);
void actr__media_end_sender(struct actr__wire_track *track, bool says_bye);
void actr__media_end_receiver(struct media_remote *remote);

#endif
