/* What most integration tests begin with: a signaling server, and nodes that register with it. */
#ifndef ACTR_TESTS_FIXTURE_H
#define ACTR_TESTS_FIXTURE_H

#include <actr/actr.h>
#include <signal.h>

#include "process.h"

extern struct process server; /* of the test that runs; `ready` is its URL */

/* cmocka's setup and teardown: a server of its own for each test, which ends with status 0. */
int server_setup(void **state);
int server_teardown(void **state);
#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

/* Start (again) at this address, "127.0.0.1:0" for any. */
void server_start(const char *listen);

/* acme:<type> in realm 7 at the server; borrowed: type. */
actr_config config_of(const char *type);
/* A started node; its error when it does not start, and no ref. */
int try_node(const actr_config *config, const actr_workload *workload, actr_ref **ret_ref,
	     actr_error *err);
/* The same for one that must start. */
actr_ref *start_node(const actr_config *config, const actr_workload *workload);

#endif
