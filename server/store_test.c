/* What actrd must not forget, over restarts of the store. */
#include "world.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static int setup(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof path, "/tmp/actrd-store-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	return 0;
}

static int teardown(void **state)
{
	char other[80];

	(void)state;
	unlink(path);
	snprintf(other, sizeof other, "%s-wal", path);
	unlink(other);
	snprintf(other, sizeof other, "%s-shm", path);
	unlink(other);
	return 0;
}

static struct store *open_store(void)
{
	struct store *store;

	assert_int_equal(store_open(path, &store, NULL), 0);
	return store;
}

static void serials_never_come_twice_over_restarts(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct store *store = open_store();
		uint64_t first;

		assert_int_equal(store_take_serials(store, 100, &first, NULL), 0);
		assert_true(first >= last && first > 0);
		last = first + 100;
		store_close(store);
	}
}

static void two_processes_on_one_file_take_different_serials(void **state)
{
	struct store *a = open_store(), *b = open_store();
	uint64_t of_a, of_b;

	(void)state;
	assert_int_equal(store_take_serials(a, 10, &of_a, NULL), 0);
	assert_int_equal(store_take_serials(b, 10, &of_b, NULL), 0);
	assert_true(of_b >= of_a + 10);
	store_close(a);
	store_close(b);
}

static void keys_outlive_a_restart_and_a_rotation(void **state)
{
	actr_id id = {.realm = 1, .serial = 2, .type = {"acme", "a"}}, got;
	struct store *store = open_store();
	struct issuer issuer;
	struct credential old, fresh;

	(void)state;
	assert_int_equal(issuer_init(&issuer, store, NULL), 0);
	assert_int_equal(issuer_sign(&issuer, &id, 100, 200, &old, NULL), 0);
	assert_int_equal(issuer_rotate(&issuer, store, NULL), 0);
	issuer_done(&issuer);
	store_close(store);
	store = open_store();
	assert_int_equal(issuer_init(&issuer, store, NULL), 0);
	assert_int_equal(issuer.key_count, 2);
	assert_int_equal(issuer_sign(&issuer, &id, 100, 200, &fresh, NULL), 0);
	assert_int_not_equal(fresh.key_id, old.key_id);
	assert_int_equal(issuer_verify(&issuer, actr__bytes(old.token, old.size), old.key_id, 150,
				       NULL, &got, NULL),
			 0);
	assert_true(actr_id_equal(&got, &id));
	/* The key that the message names must be the one that the claims name. */
	assert_int_equal(issuer_verify(&issuer, actr__bytes(old.token, old.size), fresh.key_id, 150,
				       NULL, &got, NULL),
			 ACTR_E_UNAUTHENTICATED);
	issuer_done(&issuer);
	store_close(store);
}

static void a_token_that_was_seen_is_believed_until_it_expires_and_no_other(void **state)
{
	actr_id id = {.realm = 1, .serial = 2, .type = {"acme", "a"}}, other = id, got;
	struct credential_seen seen = {.size = 0};
	struct credential mine, theirs;
	struct store *store = open_store();
	struct issuer issuer;

	(void)state;
	other.serial = 3;
	assert_int_equal(issuer_init(&issuer, store, NULL), 0);
	assert_int_equal(issuer_sign(&issuer, &id, 100, 200, &mine, NULL), 0);
	assert_int_equal(issuer_sign(&issuer, &other, 100, 200, &theirs, NULL), 0);
#define VERIFY(c, now)                                                                             \
	issuer_verify(&issuer, actr__bytes((c).token, (c).size), (c).key_id, now, &seen, &got, NULL)
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(VERIFY(mine, 150), 0);
		assert_true(actr_id_equal(&got, &id));
	}
	theirs.token[theirs.size - 1] ^= 1;
	assert_int_equal(VERIFY(theirs, 150), ACTR_E_UNAUTHENTICATED);
	assert_memory_equal(seen.token, mine.token, mine.size); /* not remembered */
	theirs.token[theirs.size - 1] ^= 1;
	assert_int_equal(VERIFY(theirs, 150), 0);
	assert_true(actr_id_equal(&got, &other));
	assert_int_equal(VERIFY(theirs, 201), ACTR_E_UNAUTHENTICATED); /* expired all the same */
	theirs.token[20] ^= 1;					       /* claims changed */
	assert_int_equal(VERIFY(theirs, 150), ACTR_E_UNAUTHENTICATED);
	theirs.token[20] ^= 1;
	theirs.key_id++;
	assert_int_equal(VERIFY(theirs, 150), ACTR_E_UNAUTHENTICATED);
#undef VERIFY
	issuer_done(&issuer);
	store_close(store);
}

static void the_file_is_readable_by_its_owner_only(void **state)
{
	struct store *store = open_store();
	struct stat info;

	(void)state;
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 077, 0);
	store_close(store);
}

static void a_file_of_a_newer_actrd_is_refused(void **state)
{
	struct store *store = open_store();
	actr_error err = ACTR_ERROR_INIT;
	sqlite3 *db;

	(void)state;
	store_close(store);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=9", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(store_open(path, &store, &err), ACTR_E_STORAGE);
	assert_non_null(strstr(err.message, "newer"));
}

static void a_change_by_another_process_is_seen_and_a_denying_row_wins(void **state)
{
	struct store *server = open_store(), *admin = open_store();
	struct store_acl_row any = {1, "*", "*", true}, one = {1, "acme:a", "acme:b", false};
	actr_type a = {"acme", "a"}, b = {"acme", "b"};
	struct policy policy;

	(void)state;
	policy_init(&policy, false);
	assert_int_equal(policy_load(&policy, server, true, NULL), 0);
	assert_false(policy_has_realm(&policy, 1));
	assert_int_equal(store_set_realm(admin, 1, 0, NULL), 0);
	assert_int_equal(store_set_acl(admin, &any, NULL), 0);
	assert_int_equal(policy_load(&policy, server, false, NULL), 0);
	assert_true(policy_has_realm(&policy, 1));
	assert_false(policy_has_realm(&policy, 2));
	assert_true(policy_allows(&policy, 1, &a, &b));
	assert_false(policy_allows(&policy, 2, &a, &b));
	assert_int_equal(store_set_acl(admin, &one, NULL), 0);
	assert_int_equal(policy_load(&policy, server, false, NULL), 0);
	assert_false(policy_allows(&policy, 1, &a, &b));
	assert_true(policy_allows(&policy, 1, &b, &a));
	assert_int_equal(store_remove_acl(admin, &one, NULL), 0);
	assert_int_equal(store_remove_acl(admin, &one, NULL), ACTR_E_NOT_FOUND);
	policy_done(&policy);
	store_close(server);
	store_close(admin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(serials_never_come_twice_over_restarts, setup,
						teardown),
		cmocka_unit_test_setup_teardown(two_processes_on_one_file_take_different_serials,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_token_that_was_seen_is_believed_until_it_expires_and_no_other, setup,
			teardown),
		cmocka_unit_test_setup_teardown(keys_outlive_a_restart_and_a_rotation, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_file_is_readable_by_its_owner_only, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_file_of_a_newer_actrd_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_change_by_another_process_is_seen_and_a_denying_row_wins, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("server/store", tests, NULL, NULL);
}
