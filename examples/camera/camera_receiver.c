/* A recorder: films what a camera shows. camera_receiver Actr.toml FILE [--frames N] */
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "camera.h"

#define SILENCE_S 10

/* Written by on_picture() on the loop thread, read by main() when the node has ended. */
static struct {
	actr_ref *ref;
	FILE *file;
	unsigned long frames_max; /* 0: until a signal */
	unsigned long frames, key_frames, skipped, lost_packets;
	unsigned long long bytes;
	uint32_t first, last; /* timestamps */
	bool has_key_frame, failed;
} film;

static sem_t news; /* a picture has come, or a signal */
static atomic_bool stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
	sem_post(&news);
}

/* Without the one before, a picture that is no key frame shows nothing. */
static bool is_usable(const actr_sample *sample, const actr_id *sender)
{
	film.lost_packets += sample->lost_packets;
	if (sample->lost_packets)
		film.has_key_frame = false;
	if (sample->is_key_frame)
		film.has_key_frame = true;
	if (film.has_key_frame)
		return true;
	film.skipped++;
	(void)actr_media_request_key_frame(film.ref, sender, CAMERA_TRACK, NULL); /* may come yet */
	return false;
}

static void on_picture(void *user, const actr_sample *sample, const actr_id *sender)
{
	(void)user;
	if (film.failed || (film.frames_max && film.frames == film.frames_max))
		return;
	if (is_usable(sample, sender)) {
		film.failed = fwrite(sample->data.data, 1, sample->data.size, film.file) !=
			      sample->data.size;
		if (!film.frames++)
			film.first = sample->timestamp;
		film.last = sample->timestamp;
		film.key_frames += sample->is_key_frame;
		film.bytes += sample->data.size;
	}
	if (film.failed || film.frames == film.frames_max)
		stopped = 1;
	sem_post(&news);
}

/* The track first: the camera sends at once. */
static int watch(actr_ref *ref, actr_error *err)
{
	Camera__WatchRequest req = CAMERA__WATCH_REQUEST__INIT;
	actr_dest any = actr_dest_service(&camera);
	const Camera__WatchResponse *resp;
	actr_call *call;
	int rc = actr_media_register(ref, CAMERA_TRACK, NULL, on_picture, NULL, err);

	if (rc == 0)
		rc = camera_watch(ref, &any, &req, NULL, &call, &resp, err);
	if (rc < 0)
		return rc;
	printf("the camera shows %u x %u, %u fps\n", resp->width, resp->height, resp->fps);
	fflush(stdout);
	actr_call_unref(call);
	return 0;
}

static int record(actr_error *err)
{
	struct timespec until;

	while (!stopped) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += SILENCE_S;
		if (sem_clockwait(&news, CLOCK_MONOTONIC, &until) < 0 && errno == ETIMEDOUT) {
			snprintf(err->message, sizeof err->message,
				 "the camera has sent nothing for %d s", SILENCE_S);
			return ACTR_E_TIMEOUT;
		}
	}
	return 0;
}

/* 0, or the exit status. */
static int begin(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};

	if (argc == 5 && !strcmp(argv[3], "--frames"))
		film.frames_max = strtoul(argv[4], NULL, 10);
	if (argc != 3 && !film.frames_max) {
		fputs("usage: camera_receiver CONFIG FILE [--frames N]\n", stderr);
		return 2;
	}
	film.file = fopen(argv[2], "wb");
	if (!film.file) {
		fprintf(stderr, "camera_receiver: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	sem_init(&news, 0, 0);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	actr_error err = ACTR_ERROR_INIT;
	int rc = begin(argc, argv);

	if (rc)
		return rc;
	rc = actr_join(argv[1], &film.ref, &err);
	if (rc == 0)
		rc = watch(film.ref, &err);
	if (rc == 0)
		rc = record(&err);
	if (rc < 0)
		fprintf(stderr, "camera_receiver: %s: %s\n", actr_error_name(rc), err.message);
	actr_ref_close(film.ref); /* from here on nothing is called any more */
	if (fclose(film.file) || film.failed) {
		fprintf(stderr, "camera_receiver: %s cannot be written\n", argv[2]);
		return 1;
	}
	if (film.frames)
		printf("%lu frames, %lu of them key frames, %llu bytes, %.2f s; %lu skipped, "
		       "%lu packets lost\n",
		       film.frames, film.key_frames, film.bytes,
		       (double)(film.last - film.first) / CAMERA_CLOCK, film.skipped,
		       film.lost_packets);
	return rc < 0;
}
