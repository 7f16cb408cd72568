/*
 * The writer: one thread per mailbox file, which alone touches SQLite once it runs.
 *
 * The loop hands over lists of ops; the writer sleeps on a condition until there are some, takes
 * all of them, and commits what it took as one group (up to GROUP_OPS or GROUP_BYTES, a bound on
 * how long the first waits). While a group is being synced the next one collects, so batches grow
 * with the load by themselves and a lone message waits for nobody. Results go back as one list with
 * one posted task, however many they are. Loads, redrives and the close are steps of the same
 * queue, in order.
 *
 * The log is checkpointed when it has CHECKPOINT_PAGES, or when nothing came for IDLE_MS.
 */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "mailbox/sqlite_internal.h"

#define GROUP_OPS	 1024
#define GROUP_BYTES	 (4u << 20)
#define CHECKPOINT_PAGES 4000
#define IDLE_MS		 1000

static struct op *op_of(struct actr__list *link)
{
	return container_of(link, struct op, link);
}

/* --- writer thread --- */

/* Wait for work. False: none came for IDLE_MS, and the log has pages to bring home. */
static bool wait_for_work(struct writer *w, struct actr__list *work)
{
	struct timespec until;
	uint64_t until_ns;
	bool idle = false;

	until_ns = actr__clock_monotonic_ns() + IDLE_MS * 1000000ull;
	until.tv_sec = (time_t)(until_ns / 1000000000);
	until.tv_nsec = (long)(until_ns % 1000000000);
	pthread_mutex_lock(&w->mu);
	while (actr__list_empty(&w->queue) && !idle) {
		if (w->mails.wal_pages)
			idle = pthread_cond_timedwait(&w->wake, &w->mu, &until) == ETIMEDOUT;
		else
			pthread_cond_wait(&w->wake, &w->mu);
	}
	actr__list_splice(work, &w->queue);
	pthread_mutex_unlock(&w->mu);
	return !actr__list_empty(work);
}

static void hand_back(struct writer *w, bool ended)
{
	bool post;

	w->state.kept = !actr__list_empty(&w->kept_deletes) || !actr__list_empty(&w->kept_burials);
	pthread_mutex_lock(&w->mu);
	actr__list_splice(&w->done, &w->finished);
	w->published = w->state;
	w->ended = ended;
	post = !w->posted;
	w->posted = true;
	pthread_mutex_unlock(&w->mu);
	if (post)
		actr__loop_post(w->loop, &w->post->task);
}

static size_t size_of(struct op *op)
{
	return op->kind == OP_INSERT ? container_of(op, struct entry, op)->size : 0;
}

/* Move the next group out of `work`; burials apart. Stops before an op that is a step of its own.
 */
static void collect(struct actr__list *work, struct actr__list *group, struct actr__list *burials)
{
	size_t bytes = 0;

	for (unsigned n = 0; n < GROUP_OPS && bytes < GROUP_BYTES && !actr__list_empty(work); n++) {
		struct op *op = op_of(work->next);

		if (op->kind > OP_BUMP)
			return;
		actr__list_remove(&op->link);
		bytes += size_of(op);
		actr__list_push(op->kind == OP_BURY || op->kind == OP_LETTER ? burials : group,
				&op->link);
	}
}

static void run_step(struct writer *w, struct op *op)
{
	struct load *load = container_of(op, struct load, op);

	actr__list_remove(&op->link);
	if (op->kind == OP_CLOSE) {
		group_close(w, container_of(op, struct close_op, op));
		return;
	}
	if (op->kind == OP_LOAD) {
		op->rc = mail_db_load(&w->mails, load, &w->state.error);
		w->state.unreadable = op->rc == ACTR_E_STORAGE;
	}
	if (op->kind == OP_REDRIVE)
		redrive_run(w, container_of(op, struct redrive, op));
	actr__list_push(&w->finished, &op->link);
}

/* Returns whether that was the end. */
static bool run(struct writer *w, struct actr__list *work)
{
	struct actr__list group, burials;

	actr__list_init(&group);
	actr__list_init(&burials);
	while (!actr__list_empty(work)) {
		bool last = false;

		collect(work, &group, &burials);
		group_run(w, &group);
		group_bury(w, &burials);
		if (!actr__list_empty(work) && op_of(work->next)->kind > OP_BUMP) {
			last = op_of(work->next)->kind == OP_CLOSE;
			run_step(w, op_of(work->next));
		}
		hand_back(w, last);
		if (last)
			return true;
		if (w->mails.wal_pages > CHECKPOINT_PAGES)
			mail_db_checkpoint(&w->mails);
	}
	return false;
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	struct actr__list work;

	actr__list_init(&work);
	for (;;) {
		if (!wait_for_work(w, &work)) {
			mail_db_checkpoint(&w->mails);
			w->mails.wal_pages =
				0; /* also when it failed: the next commit counts anew */
		} else if (run(w, &work)) {
			return NULL;
		}
	}
}

/* --- loop thread --- */

int writer_init(struct writer *w, struct actr__loop *loop, struct letter_origin *origin,
		void (*on_done)(struct actr__task *))
{
	pthread_condattr_t attr;

	w->loop = loop;
	w->origin = origin;
	actr__list_init(&w->queue);
	actr__list_init(&w->done);
	actr__list_init(&w->finished);
	actr__list_init(&w->kept_deletes);
	actr__list_init(&w->kept_burials);
	/* On Linux none of these can fail. */
	(void)pthread_mutex_init(&w->mu, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	w->post = actr__new0(struct writer_post);
	if (!w->post)
		return ACTR_E_NOMEM;
	actr__list_init(&w->post->link);
	w->post->task.run = on_done;
	w->post->writer = w;
	return 0;
}

int writer_start(struct writer *w, actr_error *err)
{
	sigset_t all, before;
	int rc;

	/* The host's signals are the host's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, writer_main, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return ACTR_FAIL_ERRNO(err, ACTR_E_STORAGE, rc,
				       "cannot start the mailbox's writer");
	(void)pthread_setname_np(w->thread, "actr-mailbox");
	w->started = true;
	return 0;
}

void writer_send(struct writer *w, struct actr__list *ops)
{
	pthread_mutex_lock(&w->mu);
	actr__list_splice(&w->queue, ops);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->mu);
}

bool writer_collect(struct writer *w, struct actr__list *ret_done, struct writer_state *ret_state)
{
	bool ended;

	pthread_mutex_lock(&w->mu);
	actr__list_splice(ret_done, &w->done);
	*ret_state = w->published;
	w->posted = false;
	ended = w->ended;
	pthread_mutex_unlock(&w->mu);
	return ended;
}

void writer_drain(struct writer *w, struct actr__list *ret_done)
{
	pthread_mutex_lock(&w->mu);
	actr__list_splice(ret_done, &w->done);
	pthread_mutex_unlock(&w->mu);
}

void writer_join(struct writer *w)
{
	if (!w->started)
		return;
	(void)pthread_join(w->thread, NULL);
	w->started = false;
}

void writer_done(struct writer *w)
{
	mail_db_close(&w->mails); /* when it never started */
	letter_db_close(&w->letters);
	if (w->post && w->posted) {
		w->post->writer = NULL;
		actr__loop_keep(w->loop, &w->post->link);
	} else {
		actr__free(w->post);
	}
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->mu);
}
