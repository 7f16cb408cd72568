/*
 * Life of a wire: references, and a close that is told once. Each kind of wire sets its own state to
 * CLOSED before it tells so.
 */
#include "wire/wire.h"

struct actr__wire *actr__wire_unref(struct actr__wire *wire)
{
	if (wire && --wire->refs == 0)
		wire->ops->free(wire);
	return NULL;
}

void actr__wire_close(struct actr__wire *wire, int code, const char *reason)
{
	if (wire->state != ACTR__WIRE_CLOSED)
		wire->ops->close(wire, code, reason);
}
