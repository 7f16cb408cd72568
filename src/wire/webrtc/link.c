/*
 * A link: one ICE generation and the socket that carries its data.
 *
 * libnice finds the path and keeps checking it (consent, RFC 7675); once a pair of plain UDP
 * sockets is selected, data moves to a socket of our own on the same port. Whenever anything of
 * that fails, and for relayed pairs, libnice carries the data. When consent is lost our socket
 * stops as well.
 */
#include "wire/webrtc/webrtc_internal.h"

#include <stdio.h>

static struct actr__batch *batch_of(struct link *link)
{
	return &link->wire->engine->batch;
}

/* --- data --- */

static void on_udp_datagram(void *owner, uint8_t *data, size_t size)
{
	struct link *link = owner;

	actr__webrtc_on_datagram(link->wire, data, size);
}

static void on_udp_drained(void *owner)
{
	struct link *link = owner;

	actr__webrtc_on_drained(link->wire);
}

static const struct actr__udp_events udp_events = {on_udp_datagram, on_udp_drained};

void actr__link_flush(struct link *link)
{
	struct actr__batch *batch = batch_of(link);
	size_t sent;

	if (!batch->count)
		return;
	sent = link->udp ? actr__udp_send(link->udp, batch->data, batch->sizes, batch->count)
			 : actr__ice_send(link->ice, batch->data, batch->sizes, batch->count);
	link->wire->packets_sent += sent;
	link->wire->dropped += batch->count - sent; /* as a full queue on the way would */
	batch->count = batch->size = 0;
}

static void open_socket(struct link *link)
{
	struct wire_webrtc *w = link->wire;
	actr_error err = ACTR_ERROR_INIT;

	link->udp = actr__udp_close(link->udp);
	if (w->no_data_socket || !link->path.is_plain_udp)
		return;
	if (actr__udp_open(w->engine->loop, w->engine->udp_buffers, &link->path.local,
			   &link->path.remote, &udp_events, link, &link->udp, &err) < 0)
		ACTR_DEBUG(ACTR__WEBRTC_CATEGORY, "event=no_data_socket reason=\"%s\"",
			   err.message);
}

/* --- ICE events --- */

/* Lines with what they are for the world outside; the caller's to free, NULL without memory. */
static char *with_mapped(const struct wire_webrtc *w, const char *lines)
{
	char line[ACTR__CANDIDATE_LINE_MAX], mapped[ACTR__CANDIDATE_TEXT_SIZE], *text;
	struct actr__buf out;

	actr__buf_init(&out, ACTR__SDP_MAX);
	(void)actr__buf_printf(&out, "%s", lines); /* kept in out.failed */
	for (size_t size; w->mapping.is_set && *lines; lines += size + (lines[size] != 0)) {
		size = strcspn(lines, "\n");
		if (actr__copy_text(line, sizeof line, actr__bytes(lines, size)) &&
		    actr__mapping_apply(&w->mapping, line, mapped))
			(void)actr__buf_printf(&out, "%s\n", mapped);
	}
	text = out.failed ? NULL : actr__strdup(actr__buf_text(&out));
	actr__buf_done(&out);
	return text;
}

static void on_local(void *owner, const char *ufrag, const char *pwd, const char *candidates)
{
	struct link *link = owner;
	actr_error err = ACTR_ERROR_INIT;

	link->ufrag = actr__strdup(ufrag);
	link->pwd = actr__strdup(pwd);
	link->candidates = with_mapped(link->wire, candidates);
	if (!link->ufrag || !link->pwd || !link->candidates) {
		(void)ACTR_FAIL(&err, ACTR_E_NOMEM, "cannot keep ICE credentials");
		actr__webrtc_fail(link->wire, &err);
		return;
	}
	link->has_local = true;
	actr__webrtc_on_local(link->wire, link);
}

static void on_candidate(void *owner, const char *line)
{
	struct link *link = owner;
	char mapped[ACTR__CANDIDATE_TEXT_SIZE];

	if (!line)
		link->is_gathered = true;
	actr__webrtc_on_candidate(link->wire, link, line);
	if (line && actr__mapping_apply(&link->wire->mapping, line, mapped))
		actr__webrtc_on_candidate(link->wire, link, mapped);
}

static void on_path(void *owner, const struct actr__ice_path *path)
{
	struct link *link = owner;

	link->path = *path;
	link->has_path = true;
	if (!link->has_failed)
		open_socket(link);
	actr__webrtc_on_path(link->wire);
}

void actr__link_lose(struct link *link)
{
	if (link->has_failed)
		return;
	link->has_failed = true;
	link->is_connected = false;
	link->udp = actr__udp_close(link->udp);
	actr__webrtc_on_disconnected(link->wire);
}

static void on_state(void *owner, enum actr__ice_state state)
{
	struct link *link = owner;
	struct wire_webrtc *w = link->wire;

	if (state == ACTR__ICE_CONNECTED && !link->is_connected && !link->has_failed) {
		link->is_connected = true;
		if (link == w->link)
			actr__webrtc_on_connected(w);
	} else if (state == ACTR__ICE_FAILED) {
		actr__link_lose(link);
	}
}

static void on_ice_datagram(void *owner, uint8_t *data, size_t size)
{
	struct link *link = owner;

	actr__webrtc_on_datagram(link->wire, data, size);
	actr__webrtc_on_drained(link->wire);
}

static const struct actr__ice_events ice_events = {on_local, on_candidate, on_path, on_state,
						   on_ice_datagram};

/* --- the peer's side --- */

int actr__link_set_remote(struct link *link, const struct actr__sdp *sdp, actr_error *err)
{
	if (!actr__copy_text(link->remote_ufrag, sizeof link->remote_ufrag, sdp->ufrag))
		return ACTR_FAIL(err, ACTR_E_DECODE, "ICE ufrag of %zu bytes", sdp->ufrag.size);
	if (actr__ice_set_remote(link->ice, sdp->ufrag, sdp->pwd) < 0)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot keep the peer's ICE credentials");
	link->has_remote = true;
	for (size_t i = 0; i < sdp->candidate_count; i++)
		actr__link_add_candidate(link, &sdp->candidates[i]);
	/* Lost only without memory: ICE then waits longer before it gives up. */
	if (sdp->end_of_candidates)
		(void)actr__ice_remote_done(link->ice);
	return 0;
}

void actr__link_add_candidate(struct link *link, const struct actr__candidate *candidate)
{
	struct wire_webrtc *w = link->wire;

	if (actr__candidate_judge(candidate, w->loopback) != ACTR__CANDIDATE_USE ||
	    link->remote_candidates == ACTR__CANDIDATES_MAX) {
		w->denied_candidates++;
		return;
	}
	link->remote_candidates++;
	if (actr__ice_add_candidate(link->ice, candidate) < 0)
		w->denied_candidates++;
}

/* --- what the owner sees --- */

const char *actr__link_data_path(const struct link *link)
{
	if (!link->udp)
		return "libnice";
	return actr__udp_has_gso(link->udp) ? "socket+gso" : "socket";
}

void actr__link_describe(const struct link *link, char *out, size_t size)
{
	static const char *const types[] = {"host", "srflx", "prflx", "relay"};
	char local[ACTR__ADDR_TEXT_SIZE], remote[ACTR__ADDR_TEXT_SIZE];

	(void)snprintf(out, size, "%s %s <-> %s %s", types[link->path.local_type],
		       actr__addr_format(&link->path.local, local), types[link->path.remote_type],
		       actr__addr_format(&link->path.remote, remote));
}

bool actr__link_is_local(const struct link *link)
{
	union actr__addr local = link->path.local;

	if (!link->has_path || !link->path.is_plain_udp ||
	    local.sa.sa_family != link->path.remote.sa.sa_family)
		return false;
	if (local.sa.sa_family == AF_INET6)
		local.v6.sin6_port = link->path.remote.v6.sin6_port;
	else
		local.v4.sin_port = link->path.remote.v4.sin_port;
	return actr__addr_equal(&local, &link->path.remote);
}

/* --- life --- */

int actr__link_new(struct wire_webrtc *w, bool controlling, struct link **ret, actr_error *err)
{
	struct link *link = actr__new0(struct link);
	struct actr__ice_options options = {
		.controlling = controlling,
		.loopback = w->loopback,
		.relay_only = w->relay_only,
		.port_min = w->port_min,
		.port_max = w->port_max,
		.servers = w->servers,
		.server_count = w->server_count,
	};
	int rc;

	if (!link)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make an ICE agent");
	link->wire = w;
	link->is_controlling = controlling;
	rc = actr__ice_new(w->engine->ice_thread, &options, &ice_events, link, &link->ice, err);
	if (rc < 0) {
		actr__free(link);
		return rc;
	}
	*ret = link;
	return 0;
}

struct link *actr__link_free(struct link *link)
{
	if (!link)
		return NULL;
	link->udp = actr__udp_close(link->udp);
	link->ice = actr__ice_close(link->ice);
	actr__free(link->ufrag);
	if (link->pwd)
		actr__wipe(link->pwd, strlen(link->pwd));
	actr__free(link->pwd);
	actr__free(link->candidates);
	actr__free(link);
	return NULL;
}
