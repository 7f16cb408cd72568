/*
 * Dead letters as values: made from a mail and its verdict, copied, and their times as text.
 *
 * The fields are those of the seed page. Ids are derived, not drawn: the id of a mail's letter is a
 * UUID (version 8, RFC 9562 5.8) of the mailbox file's own random bytes and the mail's id, so
 * writing the same letter twice, as a crash between two files may cause, leaves one. A letter that
 * was redriven and died again keeps its id.
 */
#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "mailbox/mailbox_internal.h"

struct verdict *verdict_new(const char *category, const char *message)
{
	size_t a = strlen(category) + 1, b = strlen(message) + 1;
	struct verdict *v = actr__alloc(sizeof *v + a + b);

	if (!v)
		return NULL;
	memcpy(v->text, category, a);
	memcpy(v->text + a, message, b);
	v->category = v->text;
	v->message = v->text + a;
	return v;
}

/* --- made from a mail --- */

static void derive_id(char *out, const uint8_t file_id[8], uint64_t mail_id)
{
	/* 60 bits of the file and 62 of the mail around the version and variant bits. */
	uint64_t file = 0;
	uint64_t rest = (UINT64_C(2) << 62) | (mail_id & ((UINT64_C(1) << 62) - 1));

	memcpy(&file, file_id, sizeof file);
	snprintf(out, ACTR_UUID_SIZE, "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(file >> 32),
		 (unsigned)(file >> 16) & 0xffff, (unsigned)file & 0xfff, (unsigned)(rest >> 48),
		 (unsigned long long)(rest & 0xffffffffffff));
}

/* The trace id inside a traceparent (W3C Trace Context 3.2.2), or a text that names the mail. */
static void set_trace(struct letter_scratch *s, const struct actr__envelope *e)
{
	if (actr__traceparent_valid(e->traceparent))
		snprintf(s->trace, sizeof s->trace, "%.32s", (const char *)e->traceparent.data + 3);
	else
		snprintf(s->trace, sizeof s->trace, "mailbox-%s", s->original);
	s->letter.trace_id = s->trace;
}

static void set_context(struct letter_scratch *s, const struct actr__mail *mail)
{
	snprintf(s->context, sizeof s->context,
		 "{\"source\":\"mailbox\",\"priority\":\"%s\",\"attempts\":%u}",
		 class_name[mail->mail_class], mail->attempts);
	s->letter.context = s->context;
}

void letter_of_entry(struct letter_scratch *s, const struct entry *entry,
		     const struct letter_origin *origin)
{
	static const struct verdict forgotten = {"unknown", "no memory to keep the reason"};
	const struct verdict *v = entry->verdict ? entry->verdict : &forgotten;
	const struct actr__envelope *e = &entry->mail.msg->envelope;
	struct actr__dead_letter *l = &s->letter;

	*l = (struct actr__dead_letter){.error_category = v->category, .error_message = v->message};
	if (entry->letter_id)
		snprintf(l->id, sizeof l->id, "%s", entry->letter_id);
	else
		derive_id(l->id, origin->file_id, entry->mail.id);
	snprintf(s->original, sizeof s->original, "%llu", (unsigned long long)entry->mail.id);
	l->original_message_id = s->original;
	/* Empty for a row whose sender could not be decoded. */
	if (entry->mail.sender.type.name[0])
		l->from = actr__bytes(s->from, actr__id_encode(&entry->mail.sender, s->from));
	l->to = actr__bytes(origin->self, origin->self_size);
	l->raw_bytes = actr__bytes(entry->mail.msg->data, entry->mail.msg->size);
	l->created_ms = actr__clock_wall_ms();
	if (e->request_id.size && actr__copy_text(s->request, sizeof s->request, e->request_id))
		l->request_id = s->request;
	set_trace(s, e);
	set_context(s, &entry->mail);
}

/* --- copied --- */

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static const char *put_text(uint8_t **at, const char *text)
{
	char *copy = (char *)*at;

	if (!text)
		return NULL;
	memcpy(copy, text, text_size(text));
	*at += text_size(text);
	return copy;
}

static actr_bytes put_bytes(uint8_t **at, actr_bytes bytes)
{
	actr_bytes copy = actr__bytes(*at, bytes.size);

	if (bytes.size)
		memcpy(*at, bytes.data, bytes.size);
	*at += bytes.size;
	return copy;
}

struct letter_copy *letter_copy_new(const struct actr__dead_letter *l)
{
	size_t size = l->from.size + l->to.size + l->raw_bytes.size +
		      text_size(l->original_message_id) + text_size(l->error_message) +
		      text_size(l->error_category) + text_size(l->trace_id) +
		      text_size(l->request_id) + text_size(l->context);
	struct letter_copy *copy = actr__alloc(sizeof *copy + size);
	uint8_t *at;

	if (!copy)
		return NULL;
	at = copy->bytes;
	copy->op = (struct op){.kind = OP_LETTER};
	actr__list_init(&copy->op.link);
	copy->size = size;
	copy->letter = *l;
	copy->letter.from = put_bytes(&at, l->from);
	copy->letter.to = put_bytes(&at, l->to);
	copy->letter.raw_bytes = put_bytes(&at, l->raw_bytes);
	copy->letter.original_message_id = put_text(&at, l->original_message_id);
	copy->letter.error_message = put_text(&at, l->error_message);
	copy->letter.error_category = put_text(&at, l->error_category);
	copy->letter.trace_id = put_text(&at, l->trace_id);
	copy->letter.request_id = put_text(&at, l->request_id);
	copy->letter.context = put_text(&at, l->context);
	return copy;
}

/* --- time as text --- */

void time_text(int64_t ms, char *out)
{
	time_t seconds = (time_t)(ms / 1000);
	int rest = (int)(ms % 1000);
	struct tm tm;
	size_t n;

	if (rest < 0) {
		rest += 1000;
		seconds--;
	}
	out[0] = 0;
	if (!gmtime_r(&seconds, &tm))
		return;
	n = strftime(out, TIME_TEXT_SIZE - 12, "%Y-%m-%dT%H:%M:%S", &tm);
	/* As chrono prints it: no fraction when it is 0. */
	if (rest)
		snprintf(out + n, TIME_TEXT_SIZE - n, ".%03d+00:00", rest);
	else
		snprintf(out + n, TIME_TEXT_SIZE - n, "+00:00");
}

static int parse_fraction(const char **text)
{
	int ms = 0, scale = 100;

	if (**text != '.')
		return 0;
	for ((*text)++; isdigit((unsigned char)**text); (*text)++) {
		ms += (**text - '0') * scale;
		scale /= 10;
	}
	return ms;
}

int64_t time_parse(const char *text)
{
	struct tm tm = {0};
	int hours = 0, minutes = 0, ms;
	char sign = '+';

	text = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	if (!text)
		return 0;
	ms = parse_fraction(&text);
	if (*text != 'Z' && *text != 'z' && sscanf(text, "%c%2d:%2d", &sign, &hours, &minutes) != 3)
		return 0;
	if (sign != '-') {
		hours = -hours;
		minutes = -minutes;
	}
	return ((int64_t)timegm(&tm) + hours * 3600 + minutes * 60) * 1000 + ms;
}
