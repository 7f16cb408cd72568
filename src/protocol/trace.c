/*
 * W3C Trace Context, level 1. traceparent (3.2.2): version "-" trace-id "-" parent-id "-" flags, in
 * lower-case hex, no id 0. Version ff is none; of a later version than 00 the first 55 bytes are
 * read as ours are, and what follows must begin with "-" (4.3).
 */
#include "protocol/protocol.h"

#define STATE_MAX 512 /* 3.3.1.5: what everybody passes on */
#define ENTRY_MAX 128 /* longer ones go first */

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool get_hex(const uint8_t *text, size_t size, uint8_t *out)
{
	for (size_t i = 0; i < size; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	uint8_t seen = 0;

	for (size_t i = 0; i < size; i++)
		seen |= bytes[i];
	return !seen;
}

bool actr__trace_parse(actr_bytes text, struct actr__trace *ret)
{
	const uint8_t *at = text.data;
	struct actr__trace t;
	uint8_t version;

	if (text.size < ACTR__TRACEPARENT_SIZE - 1 || !get_hex(at, 1, &version) || version == 0xff)
		return false;
	if (text.size > ACTR__TRACEPARENT_SIZE - 1 && (version == 0 || at[55] != '-'))
		return false;
	if (at[2] != '-' || at[35] != '-' || at[52] != '-' || !get_hex(at + 3, 16, t.trace_id) ||
	    !get_hex(at + 36, 8, t.span_id) || !get_hex(at + 53, 1, &t.flags) ||
	    is_zero(t.trace_id, 16) || is_zero(t.span_id, 8))
		return false;
	if (version)
		t.flags &= ACTR__TRACE_SAMPLED; /* what the others mean is not known */
	*ret = t;
	return true;
}

bool actr__traceparent_valid(actr_bytes text)
{
	struct actr__trace trace;

	return actr__trace_parse(text, &trace);
}

void actr__trace_format(const struct actr__trace *trace, char out[ACTR__TRACEPARENT_SIZE])
{
	memcpy(out, "00-", 3);
	actr__hex(trace->trace_id, 16, out + 3);
	out[35] = '-';
	actr__hex(trace->span_id, 8, out + 36);
	out[52] = '-';
	actr__hex(&trace->flags, 1, out + 53);
}

/* --- tracestate --- */

/* The entry at the front, and what follows its comma. */
static actr_bytes take_entry(actr_bytes *state)
{
	const uint8_t *comma = memchr(state->data, ',', state->size);
	size_t size = comma ? (size_t)(comma - state->data) : state->size;
	actr_bytes entry = actr__bytes(state->data, size);

	size += comma != NULL;
	*state = actr__bytes(state->data + size, state->size - size);
	return entry;
}

static bool has_long(actr_bytes state)
{
	while (state.size) {
		if (take_entry(&state).size > ENTRY_MAX)
			return true;
	}
	return false;
}

size_t actr__tracestate_copy(actr_bytes state, char out[ACTR__TRACESTATE_SIZE])
{
	size_t used = 0;
	bool short_only;

	out[0] = 0;
	for (size_t i = 0; i < state.size; i++) {
		if (state.data[i] < 0x20 || state.data[i] > 0x7e)
			return 0; /* 3.3.1.3: not a tracestate */
	}
	if (state.size <= STATE_MAX) {
		if (state.size)
			memcpy(out, state.data, state.size);
		out[state.size] = 0;
		return state.size;
	}
	short_only = has_long(state);
	while (state.size) {
		actr_bytes entry = take_entry(&state);

		if (short_only && entry.size > ENTRY_MAX)
			continue;
		if (used + (used > 0) + entry.size > STATE_MAX)
			break;
		if (used)
			out[used++] = ',';
		memcpy(out + used, entry.data, entry.size);
		used += entry.size;
	}
	out[used] = 0;
	return used;
}
