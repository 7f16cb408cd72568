/*
 * One process per mailbox: `<path>.lock` is locked for as long as the mailbox is open and says who
 * has it. The lock is the kernel's (an open file description lock, fcntl(2)), so it ends with its
 * owner however that dies, and a second open in the same process is refused as well. The file
 * stays.
 *
 * It is also the door bell: `actr dlq redrive` touches it, and the owner watches it with inotify.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailbox/sqlite_internal.h"

char *path_with(const char *path, const char *suffix)
{
	size_t a = strlen(path), b = strlen(suffix);
	char *text = actr__alloc(a + b + 1);

	if (!text)
		return NULL;
	memcpy(text, path, a);
	memcpy(text + a, suffix, b + 1);
	return text;
}

/* Resolve the directory of a file that does not exist yet. */
static int resolve_new(const char *path, char resolved[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char folder[PATH_MAX];
	size_t size = slash ? (size_t)(slash - path) + 1 : 0;

	if (!*name || size >= sizeof folder)
		return -1;
	memcpy(folder, path, size);
	folder[size] = 0;
	if (!realpath(size ? folder : ".", resolved))
		return -1;
	size = strlen(resolved);
	if (size + strlen(name) + 2 > PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	snprintf(resolved + size, PATH_MAX - size, "/%s", name);
	return 0;
}

int resolve_path(const char *path, char **ret_path, actr_error *err)
{
	char resolved[PATH_MAX];
	struct stat st;

	errno = EINVAL;
	if (!realpath(path, resolved) && (errno != ENOENT || resolve_new(path, resolved) < 0))
		return ACTR_FAIL_ERRNO(err, ACTR_E_STORAGE, errno, "mailbox %s", path);
	if (stat(resolved, &st) == 0 && !S_ISREG(st.st_mode))
		return ACTR_FAIL(err, ACTR_E_STORAGE, "mailbox %s: %s, not a file", path,
				 S_ISDIR(st.st_mode) ? "a directory" : "something else");
	*ret_path = actr__strdup(resolved);
	return *ret_path ? 0 : ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a path");
}

int create_private(const char *path, actr_error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return ACTR_FAIL_ERRNO(err, ACTR_E_STORAGE, errno, "cannot open %s", path);
	close(fd);
	return 0;
}

/* Who has it, as written into the file; 0 when unknown. */
static long holder(int fd)
{
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	return n > 0 ? strtol(text, NULL, 10) : 0;
}

static int lock_fd(int fd, const char *mailbox_path, actr_error *err)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char text[32];
	long pid;

	if (fcntl(fd, F_OFD_SETLK, &all) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return ACTR_FAIL_ERRNO(err, ACTR_E_STORAGE, errno, "cannot lock %s",
					       mailbox_path);
		pid = holder(fd);
		if (pid > 0)
			return ACTR_FAIL(err, ACTR_E_ALREADY_EXISTS,
					 "mailbox %s is in use by process %ld", mailbox_path, pid);
		return ACTR_FAIL(err, ACTR_E_ALREADY_EXISTS,
				 "mailbox %s is in use by another process", mailbox_path);
	}
	snprintf(text, sizeof text, "%ld\n", (long)getpid());
	/* Only for the words of the other one's error. */
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		ACTR_DEBUG("mailbox", "what=no_pid_in_lock path=%s", mailbox_path);
	return 0;
}

int file_lock_take(struct file_lock *lock, const char *mailbox_path, actr_error *err)
{
	int rc;

	lock->fd = -1;
	lock->path = path_with(mailbox_path, ".lock");
	if (!lock->path)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for a path");
	lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock->fd < 0)
		return ACTR_FAIL_ERRNO(err, ACTR_E_STORAGE, errno, "cannot open %s", lock->path);
	rc = lock_fd(lock->fd, mailbox_path, err);
	if (rc < 0)
		file_lock_release(lock);
	return rc;
}

void file_lock_release(struct file_lock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	lock->fd = -1;
	actr__free(TAKE(lock->path));
}

void file_lock_poke(const char *mailbox_path)
{
	char *path = path_with(mailbox_path, ".lock");

	/* Nobody there, or not ours to touch: the mark is found at the next start. */
	if (path)
		(void)utimensat(AT_FDCWD, path, NULL, 0);
	actr__free(path);
}
