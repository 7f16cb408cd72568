/*
 * OTLP 1.x in protobuf (opentelemetry/proto/collector/trace/v1, opentelemetry/proto/trace/v1): only
 * what a span of ours has. Field numbers stand beside their names.
 */
#include "trace/trace_internal.h"

#include <stdio.h>

#define SCOPE "actr"

enum { STATUS_ERROR = 2 };

/* --- protobuf -------------------------------------------------------------------------------- */

static void put_varint(struct actr__buf *out, uint64_t value)
{
	uint8_t *at = actr__buf_reserve(out, 10);

	if (at)
		out->size += (size_t)(actr__varint_put(at, value) - at);
}

static void put_key(struct actr__buf *out, unsigned number, enum actr__wire_type wire)
{
	put_varint(out, number << 3 | (unsigned)wire);
}

static void put_number(struct actr__buf *out, unsigned number, uint64_t value)
{
	put_key(out, number, ACTR__WIRE_VARINT);
	put_varint(out, value);
}

static void put_fixed64(struct actr__buf *out, unsigned number, uint64_t value)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	put_key(out, number, ACTR__WIRE_64);
	(void)actr__buf_append(out, bytes, sizeof bytes); /* out->failed is looked at by the end */
}

static void put_bytes(struct actr__buf *out, unsigned number, const void *bytes, size_t size)
{
	put_key(out, number, ACTR__WIRE_LENGTH);
	put_varint(out, size);
	(void)actr__buf_append(out, bytes, size);
}

static void put_text(struct actr__buf *out, unsigned number, const char *text)
{
	put_bytes(out, number, text, strlen(text));
}

/* A message inside: its length is put before it when it is known. */
static size_t begin(struct actr__buf *out, unsigned number)
{
	put_key(out, number, ACTR__WIRE_LENGTH);
	return out->size;
}

static void end(struct actr__buf *out, size_t mark)
{
	size_t size = out->size - mark, room = actr__varint_size(size);

	if (!actr__buf_reserve(out, room))
		return;
	memmove(out->data + mark + room, out->data + mark, size);
	actr__varint_put(out->data + mark, size);
	out->size += room;
}

/* --- attributes: KeyValue { key 1, value 2 }, AnyValue { string 1, bool 2, int 3 } -------------
 */

static void put_attribute(struct actr__buf *out, unsigned number, const char *key,
			  const char *value, size_t size)
{
	size_t pair = begin(out, number), any;

	put_text(out, 1, key);
	any = begin(out, 2);
	put_bytes(out, 1, value, size);
	end(out, any);
	end(out, pair);
}

static void put_text_attribute(struct actr__buf *out, unsigned number, const char *key,
			       const char *value)
{
	put_attribute(out, number, key, value, strlen(value));
}

static void put_number_attribute(struct actr__buf *out, unsigned number, const char *key,
				 unsigned wire, uint64_t value)
{
	size_t pair = begin(out, number), any;

	put_text(out, 1, key);
	any = begin(out, 2);
	put_number(out, wire, value);
	end(out, any);
	end(out, pair);
}

/* --- a span ------------------------------------------------------------------------------------
 */

#define ATTRIBUTE 9

/* rpc.service and rpc.method are the route key before and behind its last dot. */
static void put_route(struct actr__buf *out, const struct actr__span *s)
{
	const char *dot = strrchr(s->route, '.');

	put_text_attribute(out, ATTRIBUTE, "rpc.system", "actr");
	if (dot)
		put_attribute(out, ATTRIBUTE, "rpc.service", s->route, (size_t)(dot - s->route));
	put_text_attribute(out, ATTRIBUTE, "rpc.method", dot ? dot + 1 : s->route);
}

/* "package.Service/Method". A route that does not exist is a peer's invention: not a name. */
static void put_name(struct actr__buf *out, const struct actr__span *s)
{
	char name[ROUTE_SIZE];
	char *dot;

	snprintf(name, sizeof name, "%s", s->route);
	dot = strrchr(name, '.');
	if (dot)
		*dot = '/';
	put_text(out, 5, s->code == ACTR_E_UNKNOWN_ROUTE ? "unknown route" : name);
}

static void put_outcome(struct actr__buf *out, const struct actr__span *s)
{
	size_t status;

	put_number_attribute(out, ATTRIBUTE, "rpc.actr.status_code", 3, s->wire_code);
	if (s->code >= 0)
		return;
	put_text_attribute(out, ATTRIBUTE, "error.type", actr_error_name(s->code));
	status = begin(out, 15);
	put_text(out, 2, s->message);
	put_number(out, 3, STATUS_ERROR);
	end(out, status);
}

static void put_found(struct actr__buf *out, const struct actr__tracer *tracer,
		      const struct actr__span *s)
{
	size_t event;

	if (!s->found_ns)
		return;
	event = begin(out, 11);
	put_fixed64(out, 1, s->found_ns + (uint64_t)tracer->wall_offset_ns);
	put_text(out, 2, "actor found");
	end(out, event);
}

static void put_span(struct actr__buf *out, const struct actr__tracer *tracer,
		     const struct actr__span *s)
{
	char peer[ACTR_ID_TEXT_SIZE];
	size_t span = begin(out, 2);

	put_bytes(out, 1, s->trace.trace_id, 16);
	put_bytes(out, 2, s->trace.span_id, 8);
	if (s->tracestate[0])
		put_text(out, 3, s->tracestate);
	if (s->has_parent)
		put_bytes(out, 4, s->parent_id, 8);
	put_name(out, s);
	put_number(out, 6, s->kind);
	put_fixed64(out, 7, s->start_ns + (uint64_t)tracer->wall_offset_ns);
	put_fixed64(out, 8, s->end_ns + (uint64_t)tracer->wall_offset_ns);
	put_route(out, s);
	if (s->has_peer)
		put_text_attribute(out, ATTRIBUTE, "actr.peer",
				   actr_id_format(&s->peer, peer, sizeof peer));
	if (s->request_id[0])
		put_text_attribute(out, ATTRIBUTE, "actr.request_id", s->request_id);
	if (s->redelivered)
		put_number_attribute(out, ATTRIBUTE, "actr.redelivered", 2, 1);
	put_outcome(out, s);
	put_found(out, tracer, s);
	end(out, span);
}

/* --- the request -------------------------------------------------------------------------------
 */

static void put_resource(struct actr__buf *out, const struct actr__tracer *tracer)
{
	size_t resource = begin(out, 1);

	put_text_attribute(out, 1, "service.name", tracer->service_name);
	if (tracer->instance[0])
		put_text_attribute(out, 1, "service.instance.id", tracer->instance);
	put_text_attribute(out, 1, "telemetry.sdk.name", SCOPE);
	put_text_attribute(out, 1, "telemetry.sdk.language", "c");
	end(out, resource);
}

int otlp_encode(const struct actr__tracer *tracer, uint32_t max, struct actr__buf *out,
		uint32_t *ret_count)
{
	size_t resource_spans = begin(out, 1), scope_spans, scope;
	uint32_t count = 0;

	put_resource(out, tracer);
	scope_spans = begin(out, 2);
	scope = begin(out, 1);
	put_text(out, 1, SCOPE);
	end(out, scope);
	actr__list_each(link, &tracer->ended)
	{
		if (count >= max)
			break;
		put_span(out, tracer, container_of(link, struct actr__span, link));
		count++;
	}
	end(out, scope_spans);
	end(out, resource_spans);
	*ret_count = count;
	return out->failed;
}

/* ExportTraceServiceResponse { partial_success 1 { rejected_spans 1 } } */
uint64_t otlp_rejected(actr_bytes response)
{
	struct actr__field field, inner;
	uint64_t rejected = 0;

	while (actr__field_next(&response, &field, NULL) > 0) {
		if (field.number != 1 || field.wire != ACTR__WIRE_LENGTH)
			continue;
		while (actr__field_next(&field.bytes, &inner, NULL) > 0) {
			if (inner.number == 1 && inner.wire == ACTR__WIRE_VARINT)
				rejected = inner.value;
		}
	}
	return rejected;
}
