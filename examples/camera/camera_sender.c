/*
 * A camera: whoever calls Watch gets its pictures. camera_sender Actr.toml [--fps N]
 *
 * Handlers and hooks run on the loop thread. The shutter is a thread of its own, which takes a
 * picture at its time and sends it on all tracks, without waiting for any of them.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "camera.h"
#include "clip.h"

#define VIEWERS_MAX 16
#define FPS	    30u
#define FPS_MAX	    1000u
#define SECOND_NS   1000000000u

struct viewer {
	actr_track *track; /* NULL: free */
	actr_id id;
};

static struct {
	uint32_t fps;
	pthread_t shutter;
	sem_t stop;
	atomic_bool key_wanted;
	pthread_mutex_t lock; /* of viewers */
	struct viewer viewers[VIEWERS_MAX];
} device = {.fps = FPS, .lock = PTHREAD_MUTEX_INITIALIZER};

/* --- the shutter --- */

/* A picture that is dropped for one viewer leaves it with a gap: the next one is a key frame. */
static void send_picture(const uint8_t *data, size_t size, uint32_t timestamp)
{
	actr_sample sample = ACTR_SAMPLE_INIT;

	sample.data = (actr_bytes){data, size};
	sample.timestamp = timestamp;
	pthread_mutex_lock(&device.lock);
	for (size_t i = 0; i < VIEWERS_MAX; i++) {
		actr_track *track = device.viewers[i].track;
		int rc = track ? actr_track_send(track, &sample, NULL) : 0;

		if (rc < 0 && rc != ACTR_E_STATE) /* or not active yet, or its connection is lost */
			atomic_store(&device.key_wanted, true);
	}
	pthread_mutex_unlock(&device.lock);
}

static void *shoot(void *unused)
{
	uint8_t frame[CLIP_FRAME_SIZE];
	struct clip clip = {.number = 0};
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	while (sem_clockwait(&device.stop, CLOCK_MONOTONIC, &next) < 0) {
		uint64_t timestamp = (uint64_t)clip.number * CAMERA_CLOCK / device.fps;
		size_t size;

		if (errno != ETIMEDOUT)
			continue; /* a signal */
		size = clip_next(&clip, atomic_exchange(&device.key_wanted, false), frame);
		send_picture(frame, size, (uint32_t)timestamp);
		next.tv_nsec += SECOND_NS / device.fps;
		if (next.tv_nsec >= SECOND_NS) {
			next.tv_nsec -= SECOND_NS;
			next.tv_sec++;
		}
	}
	return unused;
}

/* --- viewers --- */

/* A key frame is four times as large as others: there is one only when a viewer needs it. */
static void on_track(void *user, actr_track *track, const actr_track_event *event)
{
	(void)user;
	(void)track;
	if (event->kind == ACTR_TRACK_ACTIVE || event->kind == ACTR_TRACK_KEY_FRAME)
		atomic_store(&device.key_wanted, true);
}

/* NULL finds a free place. */
static struct viewer *find(const actr_id *id)
{
	for (size_t i = 0; i < VIEWERS_MAX; i++) {
		struct viewer *v = &device.viewers[i];

		if (id ? v->track && actr_id_equal(&v->id, id) : !v->track)
			return v;
	}
	return NULL;
}

static int add_viewer(actr_ref *ref, const actr_id *id, actr_error *err)
{
	actr_track_options options = {.size = sizeof options};
	actr_dest dest = actr_dest_actor(id);
	struct viewer *v = find(NULL);
	actr_track *track;
	int rc;

	if (find(id))
		return 0; /* watches already */
	if (!v) {
		snprintf(err->message, sizeof err->message, "%d watch already", VIEWERS_MAX);
		return ACTR_E_RESOURCE_EXHAUSTED;
	}
	options.codec = ACTR_CODEC_H264;
	options.on_event = on_track;
	rc = actr_track_add(ref, &dest, CAMERA_TRACK, &options, &track, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&device.lock);
	*v = (struct viewer){.track = track, .id = *id};
	pthread_mutex_unlock(&device.lock);
	return 0;
}

static void remove_viewer(struct viewer *v)
{
	pthread_mutex_lock(&device.lock);
	v->track = actr_track_close(v->track);
	pthread_mutex_unlock(&device.lock);
}

static int on_watch(void *self, actr_ctx *ctx, const Camera__WatchRequest *req, actr_reply *reply)
{
	Camera__WatchResponse resp = CAMERA__WATCH_RESPONSE__INIT;
	const actr_id *caller = actr_ctx_caller(ctx); /* NULL only for calls of this process */
	actr_error err = ACTR_ERROR_INIT;
	int rc;

	(void)self;
	(void)req;
	if (!caller)
		return ACTR_E_INVALID_ARGUMENT;
	rc = add_viewer(actr_ctx_ref(ctx), caller, &err);
	if (rc < 0)
		return actr_reply_error(reply, rc, "%s", err.message);
	resp.width = CLIP_WIDTH;
	resp.height = CLIP_HEIGHT;
	resp.fps = device.fps;
	return camera_watch_reply(reply, &resp);
}

/* --- life --- */

/* Without this the track would dial a viewer that has gone, again and again. */
static void on_event(void *self, const actr_event *event)
{
	struct viewer *v;

	(void)self;
	if (event->kind != ACTR_EVENT_PEER || event->state != ACTR_STATE_DISCONNECTED)
		return;
	v = find(event->id);
	if (v)
		remove_viewer(v);
}

static int on_start(void *self, actr_ctx *ctx)
{
	(void)self;
	(void)ctx;
	sem_init(&device.stop, 0, 0);
	return pthread_create(&device.shutter, NULL, shoot, NULL) ? ACTR_E_RESOURCE_EXHAUSTED : 0;
}

static void on_stop(void *self, actr_ctx *ctx)
{
	(void)self;
	(void)ctx;
	sem_post(&device.stop);
	pthread_join(device.shutter, NULL);
	for (size_t i = 0; i < VIEWERS_MAX; i++)
		remove_viewer(&device.viewers[i]);
}

static const camera_ops ops = {.size = sizeof ops, .watch = on_watch};

int main(int argc, char **argv)
{
	actr_workload workload = ACTR_WORKLOAD_INIT;

	if (argc == 4 && !strcmp(argv[2], "--fps"))
		device.fps = (uint32_t)strtoul(argv[3], NULL, 10);
	if ((argc != 2 && argc != 4) || !device.fps || device.fps > FPS_MAX) {
		fputs("usage: camera_sender CONFIG [--fps N]\n", stderr);
		return 2;
	}
	workload.service = &camera;
	workload.ops = &ops;
	workload.on_start = on_start;
	workload.on_stop = on_stop;
	workload.on_event = on_event;
	return actr_serve_workload(argv[1], &workload);
}
