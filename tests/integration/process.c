#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#define ARGS_MAX 16

static void exec_child(const char *name, const char *const *args, int out)
{
	const char *bin = getenv("ACTR_BIN");
	const char *argv[ARGS_MAX + 2] = {name};
	char path[512];

	for (int i = 0; i < ARGS_MAX && args[i]; i++)
		argv[i + 1] = args[i];
	snprintf(path, sizeof path, "%s/%s", bin ? bin : "build/bin", name);
	dup2(out, STDOUT_FILENO);
	execv(path, (char *const *)(uintptr_t)argv);
	perror(path);
	_exit(127);
}

void process_start(struct process *p, const char *name, const char *const *args)
{
	char line[600];
	int ends[2];
	FILE *out;

	assert_int_equal(pipe(ends), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		close(ends[0]);
		exec_child(name, args, ends[1]);
	}
	close(ends[1]);
	out = fdopen(ends[0], "r");
	assert_non_null(out);
	do {
		if (!fgets(line, sizeof line, out))
			fail_msg("%s ended without a ready line", name);
	} while (strncmp(line, "ready ", 6) != 0);
	line[strcspn(line, "\n")] = 0;
	assert_true(strlen(line + 6) < sizeof p->ready);
	memcpy(p->ready, line + 6, strlen(line + 6) + 1);
	fclose(out);
}

int process_end(struct process *p, int signal)
{
	int status = 0;

	if (!p->pid)
		return 0;
	kill(p->pid, signal);
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static char dir[] = "/tmp/actr-test-XXXXXX";

static void remove_dir(void)
{
	DIR *d = opendir(dir);
	char path[512];

	for (const struct dirent *e; d && (e = readdir(d));) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

const char *temp_dir(void)
{
	static bool made;

	if (!made) {
		made = true;
		assert_non_null(mkdtemp(dir));
		atexit(remove_dir);
	}
	return dir;
}

const char *temp_file(const char *name, const char *format, ...)
{
	static char path[256];
	va_list args;
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", temp_dir(), name);
	file = fopen(path, "w");
	assert_non_null(file);
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	assert_int_equal(fclose(file), 0);
	return path;
}

static unsigned count_entries(const char *path)
{
	unsigned count = 0;
	DIR *d = opendir(path);

	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));)
		count += e->d_name[0] != '.';
	closedir(d);
	return count;
}

unsigned count_threads(void)
{
	return count_entries("/proc/self/task");
}

unsigned count_fds(void)
{
	return count_entries("/proc/self/fd");
}
