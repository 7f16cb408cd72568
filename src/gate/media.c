/* Media does not pass the gate: it goes to the wire of the peer, of which only the transport knows.
 */
#include "gate/gate_internal.h"

static struct actr__wire *wire_of(const struct actr__gate *gate, const actr_id *id, actr_error *err)
{
	struct actr__wire *wire = actr__transport_wire(gate->transport, id);

	if (wire && wire->ops->media && wire->state != ACTR__WIRE_CLOSED)
		return wire;
	if (wire && wire->state != ACTR__WIRE_CLOSED)
		ACTR_FAIL(err, ACTR_E_UNIMPLEMENTED, "a %s connection carries no media",
			  wire->ops->name);
	else
		ACTR_FAIL(err, ACTR_E_UNAVAILABLE, "there is no connection");
	return NULL;
}

int actr__gate_add_track(struct actr__gate *gate, const actr_id *to,
			 const struct actr__track_spec *spec, void *user,
			 struct actr__wire_track **ret_track, actr_error *err)
{
	struct actr__wire *wire;

	ACTR_TRY(actr__transport_connect(gate->transport, to, err));
	wire = wire_of(gate, to, err);
	if (!wire)
		return actr__transport_wire(gate->transport, to) ? ACTR_E_UNIMPLEMENTED
								 : ACTR_E_UNAVAILABLE;
	return wire->ops->media->add(wire, spec, user, ret_track, err);
}

void actr__gate_remove_track(struct actr__gate *gate, const actr_id *to,
			     struct actr__wire_track *track)
{
	struct actr__wire *wire = wire_of(gate, to, NULL);

	if (wire)
		wire->ops->media->remove(track);
}

int actr__gate_send_sample(struct actr__gate *gate, const actr_id *to,
			   struct actr__wire_track *track, const actr_sample *sample,
			   actr_error *err)
{
	struct actr__wire *wire = wire_of(gate, to, err);

	return wire ? wire->ops->media->send(track, sample, err) : ACTR_E_UNAVAILABLE;
}

void actr__gate_track_counters(const struct actr__gate *gate, const actr_id *to,
			       const struct actr__wire_track *track,
			       struct actr__track_counters *ret)
{
	struct actr__wire *wire = wire_of(gate, to, NULL);

	memset(ret, 0, sizeof *ret);
	if (wire)
		wire->ops->media->counters(track, ret);
}

int actr__gate_request_key_frame(struct actr__gate *gate, const actr_id *from, const char *track_id,
				 actr_error *err)
{
	struct actr__wire *wire = wire_of(gate, from, err);

	return wire ? wire->ops->media->request_key_frame(wire, track_id, err) : ACTR_E_UNAVAILABLE;
}

void actr__gate_want_media(struct actr__gate *gate)
{
	actr__transport_want_media(gate->transport);
}
