#include "mailbox/fault_vfs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

static sqlite3_vfs *real;
static struct fault_plan plan;
static atomic_long calls, syncs;
static atomic_bool hit;

#define SECTOR	512
#define TRACKED 8

/* What a file held when it was last synced. */
static struct tracked {
	char path[256];
	unsigned char *bytes;
	size_t size;
} tracked[TRACKED];
static pthread_mutex_t tracked_mu = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool tracking;

struct shim_file {
	sqlite3_file base;
	struct tracked *tracked; /* or NULL */
	_Alignas(8) unsigned char real[];
};

static sqlite3_file *real_of(sqlite3_file *file)
{
	return (sqlite3_file *)(void *)((struct shim_file *)(void *)file)->real;
}

static bool fails(void)
{
	long n = atomic_fetch_add(&calls, 1) + 1;

	if (!plan.at || n < plan.at || (n > plan.at && !plan.stays))
		return false;
	atomic_store(&hit, true);
	return true;
}

void fault_vfs_plan(struct fault_plan new_plan)
{
	plan = new_plan;
	atomic_store(&calls, 0);
	atomic_store(&hit, false);
}

bool fault_vfs_hit(void)
{
	return atomic_load(&hit);
}

long fault_vfs_syncs(void)
{
	return atomic_load(&syncs);
}

/* --- a file --- */

static int shim_close(sqlite3_file *f)
{
	return real_of(f)->pMethods->xClose(real_of(f));
}

static int shim_read(sqlite3_file *f, void *out, int size, sqlite3_int64 at)
{
	return real_of(f)->pMethods->xRead(real_of(f), out, size, at);
}

static int shim_write(sqlite3_file *f, const void *bytes, int size, sqlite3_int64 at)
{
	if (fails()) {
		if (plan.torn)
			(void)real_of(f)->pMethods->xWrite(real_of(f), bytes, size / 2, at);
		return plan.code;
	}
	return real_of(f)->pMethods->xWrite(real_of(f), bytes, size, at);
}

static int shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return fails() ? plan.code : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static void keep_synced(sqlite3_file *f)
{
	struct tracked *t = ((struct shim_file *)(void *)f)->tracked;
	sqlite3_int64 size = 0;

	if (!t || real_of(f)->pMethods->xFileSize(real_of(f), &size) != SQLITE_OK)
		return;
	pthread_mutex_lock(&tracked_mu);
	t->bytes = actr__realloc(t->bytes, (size_t)size + 1);
	t->size = (size_t)size;
	(void)real_of(f)->pMethods->xRead(real_of(f), t->bytes, (int)size, 0);
	pthread_mutex_unlock(&tracked_mu);
}

static int shim_sync(sqlite3_file *f, int flags)
{
	int rc;

	atomic_fetch_add(&syncs, 1);
	if (fails())
		return SQLITE_IOERR_FSYNC;
	rc = real_of(f)->pMethods->xSync(real_of(f), flags);
	if (rc == SQLITE_OK)
		keep_synced(f);
	return rc;
}

static int shim_file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int shim_lock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int shim_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int shim_check_lock(sqlite3_file *f, int *ret)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}

static int shim_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int shim_sector_size(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int shim_characteristics(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int shim_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, ret);
}

static int shim_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void shim_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int shim_shm_unmap(sqlite3_file *f, int delete_it)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), delete_it);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_file_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_check_lock,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector_size,
	.xDeviceCharacteristics = shim_characteristics,
	.xShmMap = shim_shm_map,
	.xShmLock = shim_shm_lock,
	.xShmBarrier = shim_shm_barrier,
	.xShmUnmap = shim_shm_unmap,
};

/* --- the VFS --- */

/* The record of a path. */
static struct tracked *track(const char *path)
{
	struct tracked *found = NULL;

	pthread_mutex_lock(&tracked_mu);
	for (int i = 0; i < TRACKED && !found; i++)
		if (!tracked[i].path[0] || !strcmp(tracked[i].path, path))
			found = &tracked[i];
	if (found)
		snprintf(found->path, sizeof found->path, "%s", path);
	pthread_mutex_unlock(&tracked_mu);
	return found;
}

void fault_vfs_track(bool on)
{
	for (int i = 0; i < TRACKED; i++) {
		actr__free(tracked[i].bytes);
		tracked[i] = (struct tracked){0};
	}
	atomic_store(&tracking, on);
}

static unsigned char *read_whole(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "r");
	unsigned char *bytes = actr__alloc(1 << 24);

	*ret_size = file && bytes ? fread(bytes, 1, 1 << 24, file) : 0;
	if (file)
		fclose(file);
	return bytes;
}

static void cut_file(const struct tracked *t, unsigned *seed)
{
	size_t now_size, size;
	bool there = access(t->path, F_OK) == 0;
	unsigned char *now = read_whole(t->path, &now_size);
	FILE *file;

	/* A deletion is not undone in part: the file is gone, or as it was synced. */
	if (!there && rand_r(seed) % 2) {
		actr__free(now);
		return;
	}
	file = fopen(t->path, "w");
	size = !there ? t->size : rand_r(seed) % 2 ? now_size : t->size;
	for (size_t at = 0; at < size; at += SECTOR) {
		unsigned char sector[SECTOR] = {0};
		bool new = there && (rand_r(seed) % 2 || at >= t->size);
		const unsigned char *from = new ? now : t->bytes;
		size_t from_size = new ? now_size : t->size;
		size_t want = size - at < SECTOR ? size - at : SECTOR;

		if (at < from_size)
			memcpy(sector, from + at, from_size - at < want ? from_size - at : want);
		fwrite(sector, 1, want, file);
	}
	fclose(file);
	actr__free(now);
}

void fault_vfs_cut(unsigned seed)
{
	for (int i = 0; i < TRACKED && tracked[i].path[0]; i++)
		cut_file(&tracked[i], &seed);
	fault_vfs_track(false);
}

static int shim_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	(void)vfs;
	if (atomic_load(&hit) && plan.stays)
		return SQLITE_IOERR_DELETE;
	return real->xDelete(real, name, sync_dir);
}

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret)
{
	int rc;

	(void)vfs;
	f->pMethods = NULL;
	real_of(f)->pMethods = NULL;
	rc = real->xOpen(real, name, real_of(f), flags, ret);
	((struct shim_file *)(void *)f)->tracked = NULL;
	if (real_of(f)->pMethods)
		f->pMethods = &methods;
	if (real_of(f)->pMethods && name && atomic_load(&tracking)) {
		struct tracked *t = ((struct shim_file *)(void *)f)->tracked = track(name);

		/* What is there when the tracking begins is taken for synced. */
		if (t && !t->bytes)
			keep_synced(f);
	}
	return rc;
}

int fault_vfs_register(void)
{
	static sqlite3_vfs shim;

	if (real)
		return SQLITE_OK;
	real = sqlite3_vfs_find(NULL);
	/* The rest of the real one's methods do not look at the VFS that they are called with. */
	shim = *real;
	shim.zName = "actr-fault";
	shim.szOsFile = (int)offsetof(struct shim_file, real) + real->szOsFile;
	shim.xOpen = shim_open;
	shim.xDelete = shim_delete;
	return sqlite3_vfs_register(&shim, 1);
}
