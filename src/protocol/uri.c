/*
 * actr://<actor-type>[/<path>][?<key>=<value>&…]: no percent-decoding; of a key that comes twice
 * the last value counts; a key without '=' has an empty value.
 */
#include "protocol/protocol.h"

#define SCHEME "actr://"

/* Up to the first `mark`; *rest moves behind it. Without one: all, and *rest becomes empty. */
static actr_bytes take_until(actr_bytes *rest, char mark)
{
	const uint8_t *at = rest->size ? memchr(rest->data, mark, rest->size) : NULL;
	actr_bytes taken = actr__bytes(rest->data, at ? (size_t)(at - rest->data) : rest->size);
	size_t used = taken.size + (at ? 1 : 0);

	*rest = actr__bytes(rest->size ? rest->data + used : NULL, rest->size - used);
	return taken;
}

static int put_query(struct actr__uri *uri, actr_bytes key, actr_bytes value, actr_error *err)
{
	for (size_t i = 0; i < uri->query_count; i++) {
		if (actr__bytes_equal(uri->query[i].key, key)) {
			uri->query[i].value = value;
			return 0;
		}
	}
	if (uri->query_count == ARRAY_SIZE(uri->query))
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "a URI has at most %zu query keys",
				 ARRAY_SIZE(uri->query));
	uri->query[uri->query_count++] = (struct actr__uri_query){key, value};
	return 0;
}

static int parse_query(struct actr__uri *uri, actr_bytes rest, actr_error *err)
{
	while (rest.size) {
		actr_bytes value = take_until(&rest, '&'), key;

		if (!value.size)
			continue;
		key = take_until(&value, '=');
		ACTR_TRY(put_query(uri, key, value, err));
	}
	return 0;
}

int actr__uri_parse(const char *text, struct actr__uri *ret_uri, actr_error *err)
{
	actr_bytes rest = actr__text(text), path;
	struct actr__uri uri = {.query_count = 0};
	char quoted[72];

	if (rest.size < strlen(SCHEME) || memcmp(rest.data, SCHEME, strlen(SCHEME))) {
		actr_bytes scheme = take_until(&rest, ':');

		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT, "InvalidScheme: %s is not actr://",
				 actr__log_quote(scheme.data, scheme.size, quoted, sizeof quoted));
	}
	rest = actr__bytes(rest.data + strlen(SCHEME), rest.size - strlen(SCHEME));
	path = take_until(&rest, '?');
	uri.actor_type = take_until(&path, '/');
	if (!uri.actor_type.size)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "MissingActorType: actr:// is followed by an actor type");
	uri.path = path;
	ACTR_TRY(parse_query(&uri, rest, err));
	*ret_uri = uri;
	return 0;
}

struct writer {
	char *out;
	size_t size, at;
};

static int put(struct writer *writer, const char *before, actr_bytes text)
{
	size_t before_size = strlen(before), room = writer->size - writer->at;

	if (before_size >= room || text.size >= room - before_size)
		return ACTR_E_TOO_LARGE;
	memcpy(writer->out + writer->at, before, before_size);
	if (text.size)
		memcpy(writer->out + writer->at + before_size, text.data, text.size);
	writer->at += before_size + text.size;
	return 0;
}

static int format(const struct actr__uri *uri, struct writer *writer)
{
	bool rooted = uri->path.size && uri->path.data[0] == '/';

	ACTR_TRY(put(writer, SCHEME, uri->actor_type));
	ACTR_TRY(put(writer, rooted ? "" : "/", uri->path));
	for (size_t i = 0; i < uri->query_count; i++) {
		ACTR_TRY(put(writer, i ? "&" : "?", uri->query[i].key));
		ACTR_TRY(put(writer, "=", uri->query[i].value));
	}
	return 0;
}

int actr__uri_format(const struct actr__uri *uri, char *out, size_t out_size)
{
	struct writer writer = {.out = out, .size = out_size};
	int rc = format(uri, &writer);

	if (out_size)
		out[rc < 0 ? 0 : writer.at] = 0;
	return rc;
}
