#include "admin.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>

static int usage(void)
{
	fputs("usage: actrd --db FILE realm add REALM [open|closed]\n"
	      "       actrd --db FILE realm ls\n"
	      "       actrd --db FILE acl allow|deny|rm REALM FROM TO\n"
	      "       actrd --db FILE acl ls\n",
	      stderr);
	return 2;
}

static int failed(const actr_error *err)
{
	fprintf(stderr, "actrd: %s\n", err->message);
	return 1;
}

static bool read_realm(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *text == '-' || *end || value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* "manufacturer:name", or "*". */
static bool read_type(const char *text, char out[STORE_TYPE_SIZE])
{
	actr_type type;

	if (strcmp(text, "*") && actr_type_parse(text, &type, NULL) < 0)
		return false;
	return actr__copy_text(out, STORE_TYPE_SIZE, actr__text(text));
}

static int print_realm(void *user, uint32_t realm, unsigned flags)
{
	(void)user;
	printf("%u %s\n", realm, flags & STORE_REALM_OPEN ? "open" : "closed");
	return 0;
}

static int run_realm(struct store *store, int argc, char **argv)
{
	actr_error err = ACTR_ERROR_INIT;
	bool open = argc == 3 && !strcmp(argv[2], "open");
	uint32_t realm;

	if (argc == 1 && !strcmp(argv[0], "ls"))
		return store_each_realm(store, print_realm, NULL, &err) < 0 ? failed(&err) : 0;
	if (argc < 2 || argc > 3 || strcmp(argv[0], "add") || !read_realm(argv[1], &realm) ||
	    (argc == 3 && !open && strcmp(argv[2], "closed")))
		return usage();
	if (store_set_realm(store, realm, open ? STORE_REALM_OPEN : 0, &err) < 0)
		return failed(&err);
	return 0;
}

static int print_row(void *user, const struct store_acl_row *row)
{
	(void)user;
	printf("%u %s %s -> %s\n", row->realm, row->allow ? "allow" : "deny", row->from, row->to);
	return 0;
}

static int run_acl(struct store *store, int argc, char **argv)
{
	actr_error err = ACTR_ERROR_INIT;
	struct store_acl_row row;
	int rc;

	if (argc == 1 && !strcmp(argv[0], "ls"))
		return store_each_acl(store, print_row, NULL, &err) < 0 ? failed(&err) : 0;
	if (argc != 4 || !read_realm(argv[1], &row.realm) || !read_type(argv[2], row.from) ||
	    !read_type(argv[3], row.to))
		return usage();
	row.allow = !strcmp(argv[0], "allow");
	if (row.allow || !strcmp(argv[0], "deny"))
		rc = store_set_acl(store, &row, &err);
	else if (!strcmp(argv[0], "rm"))
		rc = store_remove_acl(store, &row, &err);
	else
		return usage();
	return rc < 0 ? failed(&err) : 0;
}

int admin_run(const char *db, int argc, char **argv)
{
	actr_error err = ACTR_ERROR_INIT;
	struct store *store;
	int status;

	if (!db || argc < 2)
		return usage();
	if (store_open(db, &store, &err) < 0)
		return failed(&err);
	status = strcmp(argv[0], "realm") ? run_acl(store, argc - 1, argv + 1)
					  : run_realm(store, argc - 1, argv + 1);
	store_close(store);
	return status;
}
