#include "bus.h"
#include "session.h"

void bus_init(struct bus *bus, struct registry *registry)
{
	bus->registry = registry;
}

int bus_deliver(struct bus *bus, const actr_id *to, actr_bytes frame)
{
	struct actor *actor = registry_find(bus->registry, to);
	int rc;

	if (!actor || !actor->session)
		return ACTR_E_NOT_FOUND;
	rc = session_send(actor->session, frame);
	return rc == ACTR_E_CLOSED ? ACTR_E_NOT_FOUND : rc;
}
