/* Whole files, read with a bound and written in one step. */
#include "config/load_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing was written through it, or it was closed and checked */
}

static int read_all(int fd, struct actr__buf *buf, const char *path, actr_error *err)
{
	for (;;) {
		uint8_t piece[8192];
		ssize_t n = read(fd, piece, sizeof piece);
		int rc;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ACTR_FAIL_ERRNO(err, ACTR_E_CONFIG, errno, "%s", path);
		if (!n)
			return 0;
		rc = actr__buf_append(buf, piece, (size_t)n);
		if (rc == ACTR_E_TOO_LARGE)
			return ACTR_FAIL(err, ACTR_E_CONFIG,
					 "%s: expected a file of at most %zu bytes", path,
					 buf->max);
		if (rc < 0)
			return ACTR_FAIL(err, rc, "%s: out of memory", path);
	}
}

int actr__file_read(struct actr__arena *arena, const char *path, size_t max, actr_bytes *ret_text,
		    actr_error *err)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_(actr__buf_done) struct actr__buf buf;
	struct stat info;
	char *text;
	int rc;

	actr__buf_init(&buf, max);
	if (fd < 0 || fstat(fd, &info) < 0)
		return ACTR_FAIL_ERRNO(err, ACTR_E_CONFIG, errno, "%s", path);
	if (!S_ISREG(info.st_mode))
		return ACTR_FAIL(err, ACTR_E_CONFIG, "%s: expected a regular file", path);
	rc = read_all(fd, &buf, path, err);
	if (rc < 0)
		return rc;
	text = actr__arena_strndup(arena, buf.data, buf.size);
	if (!text)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "%s: out of memory", path);
	*ret_text = actr__bytes(text, buf.size);
	return 0;
}

static int write_all(int fd, actr_bytes text)
{
	size_t done = 0;

	while (done < text.size) {
		ssize_t n = write(fd, text.data + done, text.size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int actr__file_write(const char *path, actr_bytes text, actr_error *err)
{
	char beside[4096];
	int fd, rc;

	if (snprintf(beside, sizeof beside, "%s.%d.new", path, (int)getpid()) >= (int)sizeof beside)
		return ACTR_FAIL(err, ACTR_E_IO, "%s: path is too long", path);
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return ACTR_FAIL_ERRNO(err, ACTR_E_IO, errno, "%s", beside);
	rc = write_all(fd, text);
	if (close(fd) < 0 && !rc)
		rc = -errno;
	if (!rc && rename(beside, path) < 0)
		rc = -errno;
	if (!rc)
		return 0;
	(void)unlink(beside); /* the first failure is the one to tell */
	return ACTR_FAIL_ERRNO(err, ACTR_E_IO, -rc, "%s", path);
}
