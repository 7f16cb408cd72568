/* A track of ours: what track.c (the API, any thread) and tracks.c (its states, loop) share. */
#ifndef ACTR_DISPATCH_TRACK_INTERNAL_H
#define ACTR_DISPATCH_TRACK_INTERNAL_H

#include "dispatch/media_internal.h"

enum track_state { TRACK_WANTING, TRACK_NEGOTIATING, TRACK_ACTIVE, TRACK_ENDED };

struct actr_track {
	atomic_uint refs;
	actr_ref *ref;		  /* const after init; referenced */
	actr_dest_kind dest_kind; /* const after init */
	actr_id peer;		  /* const after init */
	actr_codec codec;	  /* const after init */
	struct actr__list link;	  /* lock: the media's */
	struct serial *events;	  /* const after init; NULL: nobody listens */
	struct actr__task start_task, close_task;

	/* loop */
	struct actr__wire_track *wire_track; /* or NULL */
	struct actr__timer retry;
	unsigned failures;
	bool told_inactive, trying;
	struct actr__track_counters past; /* of connections before this one */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum track_state state;	     /* lock; written by the loop */
	actr_error why;		     /* lock: of not being active */
	bool closed;		     /* lock: by the user */
	struct actr__list queue;     /* lock */
	size_t queued, queued_bytes; /* lock */
	bool posted;		     /* lock: send_task is on its way */
	struct actr__task send_task;
	actr_track_stats stats; /* lock */

	char id[ACTR_TRACK_ID_MAX + 1], stream_id[ACTR_TRACK_ID_MAX + 1];
};

/* A listener; apart from the track, since its end may be waited for while the track lives on. */
struct listener {
	struct serial serial;
	void (*on_event)(void *user, actr_track *track, const actr_track_event *event);
	void *user;
};

static inline struct actr__endpoint *track_endpoint(const actr_track *t)
{
	return t->ref->endpoint;
}

/* --- track.c (any thread) --- */

actr_track *track_ref(actr_track *track);
void track_unref(actr_track *track);
/* Out of the list, and with it the list's reference. Whether it was in it. */
bool track_unlist(actr_track *track);

/* --- tracks.c (loop) --- */

/* In process: at once active; else it joins the connection with its peer, or begins one. */
void track_begin(actr_track *track);
void track_on_retry(struct actr__timer *timer);
/* It sends no more. */
void track_end(actr_track *track, const actr_error *why);
/* Show the figures to readers on other threads. */
void track_publish(actr_track *track);

#endif
