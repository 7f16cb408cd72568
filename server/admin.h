/* `actrd realm …` and `actrd acl …`: the administrator's verbs on a store file. */
#ifndef ACTRD_ADMIN_H
#define ACTRD_ADMIN_H

/* argv[0] is the verb's group, "realm" or "acl"; db may be NULL. Returns the exit status. */
int admin_run(const char *db, int argc, char **argv);

#endif
