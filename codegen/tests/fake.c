#include "fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

struct fake_calls fake_calls;

void *fake_take(struct fake_memory *memory, size_t size)
{
	void *piece;

	if (memory->allowed >= 0 && memory->count >= (size_t)memory->allowed)
		return NULL;
	if (memory->count == sizeof memory->pieces / sizeof *memory->pieces)
		return NULL;
	piece = actr__alloc(size);
	memory->pieces[memory->count++] = piece;
	return piece;
}

void fake_memory_done(struct fake_memory *memory)
{
	while (memory->count)
		actr__free(memory->pieces[--memory->count]);
}

/* --- service.h ----------------------------------------------------------------------------------
 */

void *actr_ctx_alloc(actr_ctx *ctx, size_t size)
{
	return fake_take(&ctx->memory, size);
}

uint8_t *actr_reply_reserve(actr_reply *reply, size_t size)
{
	if (reply->no_room)
		return NULL;
	reply->bytes = actr__alloc(size);
	reply->size = size;
	return reply->bytes;
}

int actr_reply_send(actr_reply *reply)
{
	reply->sent++;
	return 0;
}

int actr_reply_error(actr_reply *reply, int code, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(reply->message, sizeof reply->message, format, list);
	va_end(list);
	reply->error = code;
	return code;
}

void fake_reply_done(actr_reply *reply)
{
	actr__free(reply->bytes);
	*reply = (actr_reply){0};
}

/* --- call.h -------------------------------------------------------------------------------------
 */

static int tell_error(actr_error *err, int code)
{
	if (err) {
		err->code = code;
		snprintf(err->message, sizeof err->message, "the fake says so");
	}
	return code;
}

int actr_call_new(actr_ref *ref, const actr_dest *dest, const actr_method *method,
		  size_t payload_size, const actr_call_options *options, actr_call **ret_call,
		  uint8_t **ret_payload, actr_error *err)
{
	actr_call *call;

	(void)ref;
	if (fake_calls.new_result < 0)
		return tell_error(err, fake_calls.new_result);
	call = actr__new0(actr_call);
	call->refs = 1;
	call->dest = *dest;
	call->method = method;
	if (options)
		call->options = *options;
	call->payload = actr__alloc(payload_size + 1);
	call->size = payload_size;
	call->memory.allowed = fake_calls.memory_allowed;
	fake_calls.live++;
	*ret_call = call;
	*ret_payload = call->payload;
	return 0;
}

struct fake_stream fake_stream;

int actr_stream_send(actr_ref *ref, const actr_dest *dest, actr_lane lane, const actr_chunk *chunk,
		     const actr_call_options *options, void (*on_done)(void *, actr_call *),
		     void *user, actr_call **ret_call, actr_error *err)
{
	(void)ref;
	(void)dest;
	(void)options;
	(void)on_done;
	(void)user;
	(void)ret_call;
	if (fake_stream.result < 0)
		return tell_error(err, fake_stream.result);
	fake_stream.sent++;
	fake_stream.lane = lane;
	fake_stream.sequence = chunk->sequence;
	fake_stream.size = chunk->payload.size;
	if (chunk->payload.size <= sizeof fake_stream.payload && chunk->payload.size)
		memcpy(fake_stream.payload, chunk->payload.data, chunk->payload.size);
	snprintf(fake_stream.stream_id, sizeof fake_stream.stream_id, "%s", chunk->stream_id);
	return 0;
}

int actr_call_start(actr_call *call, void (*on_done)(void *, actr_call *), void *user)
{
	call->started++;
	if (on_done && fake_calls.done_at_start)
		on_done(user, call);
	return 0;
}

int actr_call_start_tell(actr_call *call, void (*on_done)(void *, actr_call *), void *user)
{
	(void)on_done;
	(void)user;
	call->told++;
	return 0;
}

int actr_call_wait(actr_call *call, actr_error *err)
{
	return fake_calls.wait_result < 0 ? tell_error(err, fake_calls.wait_result)
					  : actr_call_result(call, err);
}

int actr_call_result(const actr_call *call, actr_error *err)
{
	(void)call;
	return fake_calls.result < 0 ? tell_error(err, fake_calls.result) : 0;
}

void actr_call_cancel(actr_call *call)
{
	call->cancelled++;
}

actr_bytes actr_call_response(const actr_call *call)
{
	(void)call;
	return fake_calls.response;
}

void *actr_call_alloc(actr_call *call, size_t size)
{
	return fake_take(&call->memory, size);
}

actr_call *actr_call_ref(actr_call *call)
{
	call->refs++;
	return call;
}

actr_call *actr_call_unref(actr_call *call)
{
	if (call && --call->refs == 0) {
		fake_calls.live--;
		fake_calls.last = *call;
		fake_memory_done(&call->memory);
		actr__free(call->payload);
		actr__free(call);
	}
	return NULL;
}
