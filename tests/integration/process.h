/* Processes for integration tests: start one, read its `ready` line, end it. */
#ifndef ACTR_TESTS_PROCESS_H
#define ACTR_TESTS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct process {
	pid_t pid;	 /* 0: not running */
	char ready[512]; /* what followed "ready " */
};

/* Start a program of build/bin and wait for its `ready …` line; asserts that it comes. */
void process_start(struct process *process, const char *name, const char *const *args);
/* Signal it, wait for it; its exit status, or -signal. */
int process_end(struct process *process, int signal);
/* A temporary folder of this test program, made once; removed at exit. */
const char *temp_dir(void);
/* Write DIR/name with printf-like content; returns its path (static, changes with each call). */
const char *temp_file(const char *name, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
unsigned count_threads(void);
unsigned count_fds(void);

#endif
