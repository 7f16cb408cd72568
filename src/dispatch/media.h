/*
 * Media of a node, part of the door of dispatch: tracks that it sends, and callbacks for tracks
 * that peers send.
 */
#ifndef ACTR_DISPATCH_MEDIA_H
#define ACTR_DISPATCH_MEDIA_H

#include <pthread.h>
#include <stdatomic.h>

#include <actr/media.h>

#include "base/base.h"
#include "loop/loop.h"
#include "gate/gate.h"

struct actr__endpoint;

struct actr__media {
	pthread_mutex_t lock;
	struct actr__map sinks;	  /* lock: struct sink by track id */
	struct actr__list tracks; /* lock: struct actr_track */
	size_t track_count;	  /* lock */
	bool closed;		  /* lock */
	size_t jobs;		  /* lock: on the worker */
	bool idle_posted;	  /* lock */
	struct actr__task idle_task;
	bool wanted; /* loop: the peers were told */
	atomic_bool want_posted;
	struct actr__task want_task;
	/* atomic: as actr_media_stats */
	atomic_ullong received, delivered, unknown, dropped, refused, lost_packets,
		key_frames_requested, sent, send_dropped;
};

int actr__media_init(struct actr__media *media, actr_error *err);
void actr__media_done(struct actr__media *media);
/* Tracks end, no callback begins any more, nothing can be added. Idempotent; loop. */
void actr__media_close(struct actr__endpoint *endpoint, const actr_error *why);

/* Callbacks are under way on the worker; when they end, the dispatcher of the workload is woken. */
bool actr__media_busy(struct actr__endpoint *endpoint);

/* --- from the transport's events (loop) --- */

/* The gate is there: tracks and wishes of before reach it. */
void actr__media_ready(struct actr__endpoint *endpoint);
/* Borrowed. `from` NULL: of this process. */
void actr__media_receive(struct actr__endpoint *endpoint, const actr_id *from,
			 const actr_sample *sample);
/* A sample of a peer that may not send here: counted. */
void actr__media_refuse(struct actr__endpoint *endpoint);
/* `user` of the event is the track that it was added with. */
void actr__media_news(struct actr__endpoint *endpoint, const struct actr__track_event *event);
/* A connection was begun or opened: tracks to this peer join it. */
void actr__media_peer_up(struct actr__endpoint *endpoint, const actr_id *id);
void actr__media_lost(struct actr__endpoint *endpoint, const actr_id *id, const actr_error *why);

#endif
