#include "mailbox/mailbox_internal.h"

int durable_open(struct actr__loop *loop, const struct actr__mailbox_options *options,
		 const struct actr__mailbox_events *events, void *owner,
		 struct actr__mailbox **ret_mailbox, actr_error *err)
{
	(void)loop;
	(void)events;
	(void)owner;
	(void)ret_mailbox;
	return ACTR_FAIL(err, ACTR_E_UNIMPLEMENTED, "mailbox %s: not built yet", options->path);
}
