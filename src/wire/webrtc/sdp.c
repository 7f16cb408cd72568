/*
 * Reading a session description.
 *
 * Line by line, session level first, then one section after the other. ICE and DTLS attributes may
 * stand at session level, in each section of the bundle (as the original writes them), or in the
 * application section only: those of the application section win, then those of the session, then
 * the first ones seen. What we do not know is skipped; what we know must be well-formed.
 */
#include "wire/webrtc/sdp_internal.h"

#include <strings.h>

#define EXTENSION_MAX 14 /* RFC 8285 4.2: ids of the one-byte form */

/* Where transport attributes were found, the best first. */
enum place { PLACE_APPLICATION, PLACE_SESSION, PLACE_OTHER, PLACE_NONE };

struct reader {
	struct actr__sdp *sdp;
	struct actr__sdp_section *section; /* NULL: session level */
	enum place ufrag, pwd, fingerprint, setup;
};

static bool take_until(actr_bytes *rest, char stop, actr_bytes *ret)
{
	const uint8_t *end = rest->size ? memchr(rest->data, stop, rest->size) : NULL;

	ret->data = rest->data;
	ret->size = end ? (size_t)(end - rest->data) : rest->size;
	rest->data += ret->size + (end ? 1 : 0);
	rest->size -= ret->size + (end ? 1 : 0);
	return end != NULL;
}

static actr_bytes trim(actr_bytes text)
{
	while (text.size && (text.data[0] == ' ' || text.data[0] == '\t')) {
		text.data++;
		text.size--;
	}
	while (text.size && strchr(" \t\r", text.data[text.size - 1]))
		text.size--;
	return text;
}

static bool is(actr_bytes word, const char *text)
{
	return word.size == strlen(text) && !strncasecmp((const char *)word.data, text, word.size);
}

/* Decimal up to `max`, nothing else behind it. */
static bool number(actr_bytes word, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!word.size || word.size > 20)
		return false;
	for (size_t i = 0; i < word.size; i++) {
		if (word.data[i] < '0' || word.data[i] > '9' ||
		    __builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(word.data[i] - '0'), &value))
			return false;
	}
	*ret = value;
	return value <= max;
}

static enum place here(const struct reader *r)
{
	if (!r->section)
		return PLACE_SESSION;
	return r->section->kind == ACTR__SDP_APPLICATION ? PLACE_APPLICATION : PLACE_OTHER;
}

/* Whether the attribute at this place counts more than the one we have. */
static bool better(const struct reader *r, enum place *had)
{
	if (here(r) >= *had)
		return false;
	*had = here(r);
	return true;
}

/* --- sections --- */

static enum actr__sdp_kind kind_of(actr_bytes media, actr_bytes formats)
{
	if (is(media, "video"))
		return ACTR__SDP_VIDEO;
	if (is(media, "audio"))
		return ACTR__SDP_AUDIO;
	return is(media, "application") && is(formats, "webrtc-datachannel") ? ACTR__SDP_APPLICATION
									     : ACTR__SDP_OTHER;
}

static void add_formats(struct actr__sdp_section *section)
{
	actr_bytes rest = section->formats, word;
	uint64_t type;

	while (rest.size && section->codec_count < ACTR__SDP_CODECS_MAX) {
		(void)take_until(&rest, ' ', &word);
		if (number(word, 127, &type))
			section->codecs[section->codec_count++] = (struct actr__sdp_codec){
				.payload_type = (uint8_t)type, .channels = 1};
	}
}

/* m=<media> <port>[/n] <proto> <formats> */
static int begin_section(struct reader *r, actr_bytes value, actr_error *err)
{
	struct actr__sdp *sdp = r->sdp;
	struct actr__sdp_section *s;
	actr_bytes port, port_number;
	uint64_t number_of_port;

	if (sdp->section_count == ACTR__SDP_SECTIONS_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "SDP with over %u sections",
				 ACTR__SDP_SECTIONS_MAX);
	s = &sdp->sections[sdp->section_count];
	memset(s, 0, sizeof *s);
	if (!take_until(&value, ' ', &s->media) || !take_until(&value, ' ', &port) ||
	    !take_until(&value, ' ', &s->proto))
		return ACTR_FAIL(err, ACTR_E_DECODE, "SDP m= line malformed");
	(void)take_until(&port, '/', &port_number);
	if (!number(port_number, UINT16_MAX, &number_of_port))
		return ACTR_FAIL(err, ACTR_E_DECODE, "SDP m= line without a port");
	s->formats = trim(value);
	s->rejected = !number_of_port;
	s->kind = kind_of(s->media, s->formats);
	if (s->kind == ACTR__SDP_APPLICATION && sdp->application == SIZE_MAX)
		sdp->application = sdp->section_count;
	else if (s->kind == ACTR__SDP_APPLICATION)
		s->kind = ACTR__SDP_OTHER; /* there is one SCTP association */
	if (s->kind == ACTR__SDP_VIDEO || s->kind == ACTR__SDP_AUDIO)
		add_formats(s);
	sdp->section_count++;
	r->section = s;
	return 0;
}

static struct actr__sdp_codec *find_codec(struct actr__sdp_section *section, actr_bytes type_text)
{
	uint64_t type;

	if (!section || !number(type_text, 127, &type))
		return NULL;
	for (size_t i = 0; i < section->codec_count; i++)
		if (section->codecs[i].payload_type == type)
			return &section->codecs[i];
	return NULL;
}

/* a=rtpmap:<type> <name>/<clock>[/<channels>] */
static void on_rtpmap(struct reader *r, actr_bytes value)
{
	actr_bytes type, name, clock;
	struct actr__sdp_codec *codec;
	uint64_t rate, channels = 1;

	(void)take_until(&value, ' ', &type);
	codec = find_codec(r->section, type);
	(void)take_until(&value, '/', &name);
	(void)take_until(&value, '/', &clock);
	if (!codec || !name.size || !number(clock, UINT32_MAX, &rate) ||
	    (value.size && !number(value, UINT8_MAX, &channels)))
		return;
	codec->name = name;
	codec->clock_rate = (uint32_t)rate;
	codec->channels = (uint8_t)channels;
}

static void on_fmtp(struct reader *r, actr_bytes value)
{
	actr_bytes type;
	struct actr__sdp_codec *codec;

	(void)take_until(&value, ' ', &type);
	codec = find_codec(r->section, type);
	if (codec)
		codec->fmtp = trim(value);
}

static unsigned feedback_named(actr_bytes value)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {
		{"nack", ACTR__SDP_NACK}, {"nack pli", ACTR__SDP_PLI}, {"ccm fir", ACTR__SDP_FIR}};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (is(value, known[i].name))
			return known[i].bit;
	return 0;
}

/* a=rtcp-fb:<type or *> <what> */
static void on_feedback(struct reader *r, actr_bytes value)
{
	struct actr__sdp_section *s = r->section;
	struct actr__sdp_codec *codec;
	actr_bytes type;
	uint8_t bit;

	if (!s)
		return;
	s->has_features = true;
	(void)take_until(&value, ' ', &type);
	bit = (uint8_t)feedback_named(trim(value));
	codec = find_codec(s, type);
	if (codec)
		codec->feedback |= bit;
	for (size_t i = 0; is(type, "*") && i < s->codec_count; i++)
		s->codecs[i].feedback |= bit;
}

/* a=extmap:<id>[/<direction>] <uri> (RFC 8285 8) */
static void on_extension(struct reader *r, actr_bytes value)
{
	actr_bytes word, id_text;
	uint64_t id;

	if (!r->section)
		return;
	r->section->has_features = true;
	(void)take_until(&value, ' ', &word);
	(void)take_until(&word, '/', &id_text);
	(void)take_until(&value, ' ', &word);
	if (number(id_text, EXTENSION_MAX, &id) && is(word, ACTR__SDP_MID_URI))
		r->section->mid_extension = (uint8_t)id;
}

static void on_msid(struct reader *r, actr_bytes value)
{
	struct actr__sdp_section *s = r->section;

	if (!s || s->msid_track.size)
		return;
	(void)take_until(&value, ' ', &s->msid_stream);
	s->msid_track = trim(value);
}

/* a=ssrc:<number> <attribute>[:<value>] (RFC 5576 4.1) */
static void on_ssrc(struct reader *r, actr_bytes value)
{
	actr_bytes id, attribute;
	uint64_t ssrc;

	(void)take_until(&value, ' ', &id);
	if (!r->section || !number(id, UINT32_MAX, &ssrc))
		return;
	if (!r->section->has_ssrc)
		r->section->ssrc = (uint32_t)ssrc;
	r->section->has_ssrc = true;
	(void)take_until(&value, ':', &attribute);
	if (is(attribute, "msid"))
		on_msid(r, value);
}

/* --- transport attributes --- */

static int on_credential(struct reader *r, actr_bytes value, bool is_pwd, actr_error *err)
{
	/* RFC 8839 5.4: 4 and 22 are the minima. */
	size_t min = is_pwd ? 22 : 4, max = is_pwd ? ACTR__ICE_PWD_MAX : ACTR__ICE_UFRAG_MAX;

	if (value.size < min || value.size > max || memchr(value.data, 0, value.size))
		return ACTR_FAIL(err, ACTR_E_DECODE, "SDP ICE %s of %zu bytes",
				 is_pwd ? "password" : "ufrag", value.size);
	if (better(r, is_pwd ? &r->pwd : &r->ufrag))
		*(is_pwd ? &r->sdp->pwd : &r->sdp->ufrag) = value;
	return 0;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* a=fingerprint:<hash> AA:BB:… (RFC 8122 5) */
static int on_fingerprint(struct reader *r, actr_bytes value, actr_error *err)
{
	uint8_t bytes[ACTR__FINGERPRINT_MAX];
	actr_bytes name;
	size_t size = 0;

	(void)take_until(&value, ' ', &name);
	value = trim(value);
	for (size_t at = 0; at < value.size; at += 3) {
		int high = hex_digit(value.data[at]);
		int low = at + 1 < value.size ? hex_digit(value.data[at + 1]) : -1;

		if (high < 0 || low < 0 || size == sizeof bytes ||
		    (at + 2 < value.size && value.data[at + 2] != ':'))
			return ACTR_FAIL(err, ACTR_E_DECODE, "SDP fingerprint malformed");
		bytes[size++] = (uint8_t)(high << 4 | low);
	}
	if (!size || !name.size)
		return ACTR_FAIL(err, ACTR_E_DECODE, "SDP fingerprint empty");
	/* Several hashes may be given: the one that we can check wins (RFC 8122 5). */
	if (!is(name, "sha-256") && r->fingerprint != PLACE_NONE)
		return 0;
	if (better(r, &r->fingerprint) || !is(r->sdp->fingerprint_name, "sha-256")) {
		r->sdp->fingerprint_name = name;
		r->sdp->fingerprint_size = size;
		memcpy(r->sdp->fingerprint, bytes, size);
	}
	return 0;
}

static void on_setup(struct reader *r, actr_bytes value)
{
	enum actr__sdp_setup setup = is(value, "actpass")   ? ACTR__SDP_ACTPASS
				     : is(value, "active")  ? ACTR__SDP_ACTIVE
				     : is(value, "passive") ? ACTR__SDP_PASSIVE
							    : ACTR__SDP_SETUP_NONE;

	if (setup != ACTR__SDP_SETUP_NONE && better(r, &r->setup))
		r->sdp->setup = setup;
}

/* Useless ones are skipped: a candidate is an offer, not a promise. */
static void on_candidate(struct reader *r, actr_bytes value)
{
	struct actr__sdp *sdp = r->sdp;

	if (sdp->candidate_count < ACTR__CANDIDATES_MAX &&
	    actr__candidate_parse(value, &sdp->candidates[sdp->candidate_count], NULL) == 0)
		sdp->candidate_count++;
}

/* --- lines --- */

static bool on_direction(struct reader *r, actr_bytes name)
{
	static const char *const names[] = {"sendrecv", "sendonly", "recvonly", "inactive"};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (is(name, names[i])) {
			if (r->section)
				r->section->direction = (enum actr__sdp_direction)i;
			return true;
		}
	}
	return false;
}

static int on_number(struct reader *r, actr_bytes name, actr_bytes value, actr_error *err)
{
	uint64_t n;

	if (is(name, "sctp-port") && here(r) == PLACE_APPLICATION) {
		if (!number(value, UINT16_MAX, &n))
			return ACTR_FAIL(err, ACTR_E_DECODE, "SDP sctp-port is no port");
		r->sdp->sctp_port = (uint16_t)n;
	} else if (is(name, "max-message-size") && here(r) == PLACE_APPLICATION) {
		if (!number(value, UINT64_MAX, &n))
			return ACTR_FAIL(err, ACTR_E_DECODE, "SDP max-message-size is no number");
		r->sdp->max_message_size = n;
	}
	return 0;
}

static void on_media_attribute(struct reader *r, actr_bytes name, actr_bytes value)
{
	if (is(name, "rtpmap"))
		on_rtpmap(r, value);
	else if (is(name, "fmtp"))
		on_fmtp(r, value);
	else if (is(name, "msid"))
		on_msid(r, value);
	else if (is(name, "ssrc"))
		on_ssrc(r, value);
	else if (is(name, "rtcp-fb"))
		on_feedback(r, value);
	else if (is(name, "extmap"))
		on_extension(r, value);
	else if (is(name, "rtcp-mux") && r->section)
		r->section->rtcp_mux = true;
	else if (is(name, "bundle-only") && r->section)
		r->section->rejected = false;
	else if (is(name, "mid") && r->section && value.size <= ACTR__SDP_MID_MAX)
		r->section->mid = value;
}

static int on_attribute(struct reader *r, actr_bytes line, actr_error *err)
{
	actr_bytes name, value = line;

	(void)take_until(&value, ':', &name);
	value = trim(value);
	if (is(name, "ice-ufrag") || is(name, "ice-pwd"))
		return on_credential(r, value, is(name, "ice-pwd"), err);
	if (is(name, "fingerprint"))
		return on_fingerprint(r, value, err);
	if (is(name, "sctp-port") || is(name, "max-message-size"))
		return on_number(r, name, value, err);
	if (is(name, "setup"))
		on_setup(r, value);
	else if (is(name, "candidate"))
		on_candidate(r, value);
	else if (is(name, "end-of-candidates"))
		r->sdp->end_of_candidates = true;
	else if (is(name, ACTR__SDP_MARKER) && !r->section)
		r->sdp->ours = true;
	else if (!on_direction(r, name))
		on_media_attribute(r, name, value);
	return 0;
}

/* o=<user> <session id> <version> IN IP4 <address> */
static int on_origin(struct reader *r, actr_bytes value, actr_error *err)
{
	actr_bytes user, id;

	if (!take_until(&value, ' ', &user) || !take_until(&value, ' ', &id) ||
	    !number(id, UINT64_MAX, &r->sdp->session_id))
		return ACTR_FAIL(err, ACTR_E_DECODE, "SDP o= line malformed");
	r->sdp->has_session_id = true;
	return 0;
}

static int on_line(struct reader *r, actr_bytes line, actr_error *err)
{
	actr_bytes value;

	line = trim(line);
	if (!line.size)
		return 0;
	if (line.size < 2 || line.data[1] != '=')
		return ACTR_FAIL(err, ACTR_E_DECODE, "SDP line without a type");
	/* RFC 8866 9, byte-string. Parts of lines go into our answer. */
	if (memchr(line.data, 0, line.size) || memchr(line.data, '\r', line.size))
		return ACTR_FAIL(err, ACTR_E_DECODE, "SDP line with a NUL or CR in it");
	value = actr__bytes(line.data + 2, line.size - 2);
	switch (line.data[0]) {
	case 'm':
		return begin_section(r, value, err);
	case 'a':
		return on_attribute(r, value, err);
	case 'o':
		return on_origin(r, value, err);
	default:
		return 0;
	}
}

int actr__sdp_parse(actr_bytes text, struct actr__sdp *ret, actr_error *err)
{
	struct reader r = {ret, NULL, PLACE_NONE, PLACE_NONE, PLACE_NONE, PLACE_NONE};
	actr_bytes line;

	memset(ret, 0, offsetof(struct actr__sdp, sections));
	ret->application = SIZE_MAX;
	ret->max_message_size = 65536;
	if (text.size > ACTR__SDP_MAX)
		return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "SDP of %zu bytes", text.size);
	if (text.size < 4 || memcmp(text.data, "v=0", 3))
		return ACTR_FAIL(err, ACTR_E_DECODE, "SDP does not begin with v=0");
	for (unsigned lines = 0; text.size; lines++) {
		if (lines == ACTR__SDP_LINES_MAX)
			return ACTR_FAIL(err, ACTR_E_TOO_LARGE, "SDP with over %u lines", lines);
		(void)take_until(&text, '\n', &line);
		ACTR_TRY(on_line(&r, line, err));
	}
	if (ret->application == SIZE_MAX)
		ret->application = ret->section_count;
	return 0;
}
