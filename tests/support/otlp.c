#include "tests/support/otlp.h"

#include <inttypes.h>
#include <stdio.h>

/* A field of this number and type, or the end of what is well formed. */
#define FIELDS(bytes, field) while ((rc = actr__field_next(&(bytes), &(field), NULL)) > 0)

static bool text(char *out, size_t size, actr_bytes bytes)
{
	return actr__utf8_valid(bytes.data, bytes.size) && actr__copy_text(out, size, bytes);
}

static bool hex(char *out, size_t size, actr_bytes bytes)
{
	if (bytes.size != size)
		return false;
	actr__hex(bytes.data, size, out);
	return true;
}

static bool any(char *out, size_t size, actr_bytes bytes)
{
	struct actr__field f;
	int rc;

	FIELDS(bytes, f)
	{
		if (f.number == 1 && f.wire == ACTR__WIRE_LENGTH) {
			if (!text(out, size, f.bytes))
				return false;
		} else if ((f.number == 2 || f.number == 3) && f.wire == ACTR__WIRE_VARINT) {
			snprintf(out, size, "%" PRIu64, f.value);
		} else {
			return false;
		}
	}
	return rc == 0;
}

static bool pair(struct otlp_pair *list, unsigned *count, unsigned max, actr_bytes bytes)
{
	struct otlp_pair *p = &list[*count];
	struct actr__field f;
	int rc;

	if (*count == max)
		return false;
	FIELDS(bytes, f)
	{
		if (f.wire != ACTR__WIRE_LENGTH || f.number > 2)
			return false;
		if (f.number == 1 ? !text(p->key, sizeof p->key, f.bytes)
				  : !any(p->value, sizeof p->value, f.bytes))
			return false;
	}
	++*count;
	return rc == 0 && p->key[0];
}

static bool status(struct otlp_span *s, actr_bytes bytes)
{
	struct actr__field f;
	int rc;

	FIELDS(bytes, f)
	{
		if (f.number == 3)
			s->status = (unsigned)f.value;
		else if (f.number != 2 || !text(s->message, sizeof s->message, f.bytes))
			return false;
	}
	return rc == 0;
}

static bool event(struct otlp_span *s, actr_bytes bytes)
{
	struct actr__field f;
	int rc;

	FIELDS(bytes, f)
	{
		if (f.number == 1 && f.wire == ACTR__WIRE_64)
			s->event_ns = f.value;
		else if (f.number != 2 || !text(s->event, sizeof s->event, f.bytes))
			return false;
	}
	return rc == 0;
}

static bool member(struct otlp_span *s, const struct actr__field *f)
{
	switch (f->number << 3 | f->wire) {
	case 1 << 3 | ACTR__WIRE_LENGTH:
		return hex(s->trace_id, 16, f->bytes);
	case 2 << 3 | ACTR__WIRE_LENGTH:
		return hex(s->span_id, 8, f->bytes);
	case 3 << 3 | ACTR__WIRE_LENGTH:
		return text(s->tracestate, sizeof s->tracestate, f->bytes);
	case 4 << 3 | ACTR__WIRE_LENGTH:
		return hex(s->parent_id, 8, f->bytes);
	case 5 << 3 | ACTR__WIRE_LENGTH:
		return text(s->name, sizeof s->name, f->bytes);
	case 6 << 3 | ACTR__WIRE_VARINT:
		s->kind = (unsigned)f->value;
		return true;
	case 7 << 3 | ACTR__WIRE_64:
		s->start_ns = f->value;
		return true;
	case 8 << 3 | ACTR__WIRE_64:
		s->end_ns = f->value;
		return true;
	case 9 << 3 | ACTR__WIRE_LENGTH:
		return pair(s->attributes, &s->attribute_count, 16, f->bytes);
	case 11 << 3 | ACTR__WIRE_LENGTH:
		return event(s, f->bytes);
	case 15 << 3 | ACTR__WIRE_LENGTH:
		return status(s, f->bytes);
	default:
		return false;
	}
}

static bool span(struct otlp_batch *b, actr_bytes bytes)
{
	struct otlp_span *s = &b->spans[b->count];
	struct actr__field f;
	int rc;

	if (b->count == 600)
		return false;
	memset(s, 0, sizeof *s);
	FIELDS(bytes, f)
	{
		if (!member(s, &f))
			return false;
	}
	b->count++;
	return rc == 0 && s->trace_id[0] && s->span_id[0] && s->name[0] && s->kind && s->start_ns &&
	       s->end_ns >= s->start_ns;
}

static bool scope(struct otlp_batch *b, actr_bytes bytes)
{
	struct actr__field f;
	int rc;

	FIELDS(bytes, f)
	{
		if (f.number != 1 || !text(b->scope, sizeof b->scope, f.bytes))
			return false;
	}
	return rc == 0;
}

static bool scope_spans(struct otlp_batch *b, actr_bytes bytes)
{
	struct actr__field f;
	int rc;

	FIELDS(bytes, f)
	{
		if (f.wire != ACTR__WIRE_LENGTH || f.number > 2 ||
		    !(f.number == 1 ? scope(b, f.bytes) : span(b, f.bytes)))
			return false;
	}
	return rc == 0;
}

static bool resource(struct otlp_batch *b, actr_bytes bytes)
{
	struct actr__field f;
	int rc;

	b->resource_count = 0;
	FIELDS(bytes, f)
	{
		if (f.number != 1 || !pair(b->resource, &b->resource_count, 8, f.bytes))
			return false;
	}
	return rc == 0;
}

static bool resource_spans(struct otlp_batch *b, actr_bytes bytes)
{
	struct actr__field f;
	int rc;

	FIELDS(bytes, f)
	{
		if (f.wire != ACTR__WIRE_LENGTH || f.number > 2 ||
		    !(f.number == 1 ? resource(b, f.bytes) : scope_spans(b, f.bytes)))
			return false;
	}
	return rc == 0;
}

bool otlp_decode(struct otlp_batch *b, actr_bytes bytes)
{
	struct actr__field f;
	int rc;

	FIELDS(bytes, f)
	{
		if (f.number != 1 || f.wire != ACTR__WIRE_LENGTH || !resource_spans(b, f.bytes))
			return false;
	}
	return rc == 0 && b->count;
}

static const char *value_of(const struct otlp_pair *list, unsigned count, const char *key)
{
	for (unsigned i = 0; i < count; i++) {
		if (!strcmp(list[i].key, key))
			return list[i].value;
	}
	return NULL;
}

const char *otlp_attribute(const struct otlp_span *s, const char *key)
{
	return value_of(s->attributes, s->attribute_count, key);
}

const char *otlp_resource(const struct otlp_batch *b, const char *key)
{
	return value_of(b->resource, b->resource_count, key);
}

const struct otlp_span *otlp_find(const struct otlp_batch *b, const char *name, unsigned kind)
{
	const struct otlp_span *found = NULL;

	for (unsigned i = 0; i < b->count; i++) {
		if (b->spans[i].kind != kind || strcmp(b->spans[i].name, name) != 0)
			continue;
		if (found)
			return NULL;
		found = &b->spans[i];
	}
	return found;
}
