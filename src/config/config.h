/*
 * Door of config: what the runtime takes from an actr_config beside its plain fields. No state; any
 * thread, as far as the objects are not shared.
 *
 * Two libraries: config_dep is plain C and needs no file; config_file_dep adds actr_config_load(),
 * actr.lock.toml and with them toml++.
 */
#ifndef ACTR_CONFIG_DOOR_H
#define ACTR_CONFIG_DOOR_H

#include <actr/config.h>

#include "base/base.h"
#include "protocol/messages.h"

/* --- access (reference.md 10 row 25) -----------------------------------------------------------
 */

/*
 * Whether `caller` may call this actor: without an [acl] everybody may; with one a matching deny
 * wins over every allow, and whom no rule names may not.
 */
bool actr__acl_allows(const actr_config *config, const actr_id *caller);
/*
 * The rules as the registration wants them, or NULL in *ret_acl without an [acl]. Denies come
 * first: servers of the first version take the first rule that matches. ACTR_E_NOMEM.
 */
int actr__acl_encode(const actr_config *config, struct actr__arena *arena, Actr__Acl **ret_acl);

/* --- files
 * ---------------------------------------------------------------------------------------- */

/* As actr_config_load(), from memory: `inherit` and `exports` are checked but no file is read. */
int actr__config_parse(const char *name, actr_bytes text, actr_config **ret_config,
		       actr_error *err);

#endif
