/* actr_serve() against a node API that only writes down what it was asked. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <actr/actr.h>

#include "base/log.h"

#define PROJECT TEST_DATA "/config/project/Actr.toml"

static char story[256];	  /* the calls, in order */
static const char *fails; /* the call that fails, or NULL */
static char dummy;

static int told(const char *call, actr_error *err)
{
	size_t used = strlen(story);

	snprintf(story + used, sizeof story - used, "%s ", call);
	if (!fails || strcmp(fails, call) != 0)
		return 0;
	err->code = ACTR_E_UNAVAILABLE;
	snprintf(err->message, sizeof err->message, "no server");
	return err->code;
}

int actr_system_new(const actr_config *config, actr_system **ret_system, actr_error *err)
{
	assert_string_equal(config->package_name, "echo");
	*ret_system = (actr_system *)&dummy;
	return told("system", err);
}

actr_system *actr_system_unref(actr_system *system)
{
	(void)system;
	(void)told("system_unref", NULL);
	return NULL;
}

int actr_node_attach(actr_system *system, const actr_workload *workload, actr_node **ret_node,
		     actr_error *err)
{
	(void)system;
	assert_string_equal(workload->service->name, "echo.Echo");
	assert_ptr_equal(workload->self, story);
	*ret_node = (actr_node *)&dummy;
	return told("attach", err);
}

int actr_node_start(actr_node *node, actr_ref **ret_ref, actr_error *err)
{
	(void)node;
	*ret_ref = (actr_ref *)&dummy;
	return told("start", err);
}

actr_node *actr_node_unref(actr_node *node)
{
	(void)node;
	(void)told("node_unref", NULL);
	return NULL;
}

actr_id actr_ref_id(const actr_ref *ref)
{
	actr_id id = {.realm = 7, .serial = 0x2a};

	(void)ref;
	assert_int_equal(actr_type_set(&id.type, "acme", "echo.Echo", NULL), 0);
	return id;
}

int actr_ref_run_until_signal(actr_ref *ref, actr_error *err)
{
	sigset_t blocked;

	/* A SIGTERM right after "ready" must not find the default action. */
	(void)ref;
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &blocked), 0);
	assert_true(sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGINT));
	return told("run", err);
}

actr_ref *actr_ref_unref(actr_ref *ref)
{
	(void)ref;
	(void)told("ref_unref", NULL);
	return NULL;
}

/* Serve with stdout and stderr in files; their text comes back. */
static int serve(const char *path, char *out, char *err)
{
	static const actr_service service = {.size = sizeof service, .name = "echo.Echo"};
	int saved[2], status;
	char *texts[] = {out, err};
	FILE *files[] = {tmpfile(), tmpfile()};

	story[0] = 0;
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		saved[i] = dup(i + 1);
		dup2(fileno(files[i]), i + 1);
	}
	status = actr_serve(path, &service, NULL, story);
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		size_t n;

		dup2(saved[i], i + 1);
		close(saved[i]);
		rewind(files[i]);
		n = fread(texts[i], 1, 511, files[i]);
		texts[i][n] = 0;
		fclose(files[i]);
	}
	return status;
}

static void a_service_lives_from_file_to_signal(void **st)
{
	char out[512], err[512];

	(void)st;
	fails = NULL;
	assert_int_equal(serve(PROJECT, out, err), 0);
	assert_string_equal(out, "ready acme:echo.Echo@2a:7\n");
	assert_string_equal(err, "");
	assert_string_equal(story, "system attach start run ref_unref system_unref ");
}

static void each_failure_is_one_line_and_leaves_nothing(void **st)
{
	static const struct {
		const char *fails, *story, *err;
	} cases[] = {
		{"system", "system ", "error: cannot start: no server (ACTR_E_UNAVAILABLE)\n"},
		{"attach", "system attach system_unref ",
		 "error: cannot attach the service: no server (ACTR_E_UNAVAILABLE)\n"},
		{"start", "system attach start node_unref system_unref ",
		 "error: cannot start: no server (ACTR_E_UNAVAILABLE)\n"},
		{"run", "system attach start run ref_unref system_unref ",
		 "error: cannot shut down: no server (ACTR_E_UNAVAILABLE)\n"},
	};

	(void)st;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[512], err[512];

		fails = cases[i].fails;
		assert_int_equal(serve(PROJECT, out, err), 1);
		assert_string_equal(story, cases[i].story);
		assert_string_equal(err, cases[i].err);
	}
	fails = NULL;
}

static void a_missing_file_is_a_configuration_error(void **st)
{
	char out[512], err[512];

	(void)st;
	assert_int_equal(serve("/nowhere/Actr.toml", out, err), 2);
	assert_string_equal(err,
			    "error: cannot load the configuration: /nowhere/Actr.toml: no such "
			    "file (ACTR_E_CONFIG)\n");
	assert_string_equal(out, "");
	assert_string_equal(story, "");
}

static void defect_72_the_log_is_ready_and_the_environment_wins(void **st)
{
	static const struct {
		const char *filter;
		int level;
	} cases[] = {
		{"", ACTR_LOG_DEBUG}, /* the file's */
		{"error", ACTR_LOG_ERROR},     {"warn,actr=debug", ACTR_LOG_WARN},
		{"actr=debug", ACTR_LOG_INFO}, {"trace", ACTR_LOG_DEBUG},
		{"nonsense", ACTR_LOG_INFO},   {"off", -1},
	};
	char out[512], err[512];

	(void)st;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(setenv("ACTR_LOG", cases[i].filter, 1), 0);
		assert_int_equal(serve(PROJECT, out, err), 0);
		assert_int_equal(actr__log_level, cases[i].level);
	}
	unsetenv("ACTR_LOG");
	actr_set_log(ACTR_LOG_ERROR, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_lives_from_file_to_signal),
		cmocka_unit_test(each_failure_is_one_line_and_leaves_nothing),
		cmocka_unit_test(a_missing_file_is_a_configuration_error),
		cmocka_unit_test(defect_72_the_log_is_ready_and_the_environment_wins),
	};

	unsetenv("ACTR_LOG");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
