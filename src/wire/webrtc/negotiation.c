/*
 * Offers, answers and candidates.
 *
 * An offer carries a fresh exchange id, which its answer repeats: an answer to an older offer is
 * ignored. A candidate belongs to the ICE generation that its ufrag names: one of an older
 * generation is dropped, one whose description is still to come is kept. A description belongs to
 * the session of its o= line: another session means that the peer began anew, which is the owner's
 * to handle.
 *
 * Glare (both offer at once): between two of ours the lower id keeps its offer and the other one
 * takes its own back; a peer of the original cannot take an offer back, so its offer always wins
 * (unless it answers ours as well: on_stale_answer()).
 *
 * Later only the offerer writes restart offers, and the answerer asks for one. Either side offers
 * when its tracks change (media.c); there the lower id wins too, and a restart over both.
 *
 * Descriptions are written when the link knows its own credentials (on_local). The host candidates
 * stand in them: the original waits a second for a pair that it learns of by a check only.
 */
#include "wire/webrtc/media_internal.h"

static bool has_offered(const struct wire_webrtc *w)
{
	return w->exchange[0] || w->owed == OWE_OFFER || w->owed == OWE_RESTART_OFFER;
}

/* Our offer will have no answer any more (RFC 8829 4.1.10.2). */
static void roll_back(struct wire_webrtc *w)
{
	w->exchange[0] = 0;
	w->is_media_offer = false;
	if (w->media)
		actr__plan_roll_back(&w->media->plan);
}

/* --- writing --- */

static void send_description(struct wire_webrtc *w, enum actr__signal_kind kind, const char *text,
			     const char *exchange)
{
	struct actr__signal signal = {
		.kind = kind, .text = text, .exchange_id = exchange, .sdp_mline_index = -1};

	actr__webrtc_emit_signal(w, &signal);
}

static enum actr__sdp_setup own_setup(const struct wire_webrtc *w)
{
	if (w->owed != OWE_ANSWER)
		return ACTR__SDP_ACTPASS;
	return w->is_dtls_client ? ACTR__SDP_ACTIVE : ACTR__SDP_PASSIVE;
}

static int write_description(struct wire_webrtc *w, struct actr__buf *out)
{
	struct actr__sdp_media sections[ACTR__SDP_SECTIONS_MAX] = {
		{.kind = ACTR__SDP_APPLICATION, .mid = w->mid}};
	struct actr__sdp_local local = {
		.session_id = w->local_session,
		.version = ++w->local_version,
		.ufrag = w->link->ufrag,
		.pwd = w->link->pwd,
		.fingerprint = actr__dtls_identity_fingerprint(w->engine->identity),
		.setup = own_setup(w),
		.candidates = w->link->candidates,
		.end_of_candidates = w->link->is_gathered,
		.sections = sections,
		.section_count = 1,
	};

	if (w->media)
		local.section_count =
			actr__plan_describe(&w->media->plan, w->owed != OWE_ANSWER, sections);
	return actr__sdp_write(&local, out);
}

static enum actr__signal_kind offer_kind(const struct wire_webrtc *w)
{
	if (w->owed == OWE_RESTART_OFFER)
		return ACTR__SIGNAL_ICE_RESTART_OFFER;
	/* The original and browsers know one kind of offer. */
	return w->owed == OWE_MEDIA_OFFER && w->peer_is_ours ? ACTR__SIGNAL_RENEGOTIATION_OFFER
							     : ACTR__SIGNAL_OFFER;
}

static int write_offer(struct wire_webrtc *w, struct actr__buf *out, actr_error *err)
{
	enum actr__signal_kind kind = offer_kind(w);

	if (w->media)
		actr__plan_make_offer(&w->media->plan);
	if (actr__uuid4(w->exchange) < 0 || write_description(w, out) < 0) {
		roll_back(w);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot write an offer");
	}
	w->is_media_offer = w->owed == OWE_MEDIA_OFFER;
	if (w->is_media_offer)
		actr__media_on_offered(w->media);
	w->owed = OWE_NOTHING;
	send_description(w, kind, actr__buf_text(out), w->exchange);
	return 0;
}

static bool speaks_of_media(const struct actr__sdp *sdp)
{
	return sdp->section_count > 1;
}

static int write_answer(struct wire_webrtc *w, struct actr__buf *out, actr_error *err)
{
	_cleanup_(actr__freep) struct actr__sdp *offer = actr__new0(struct actr__sdp);
	int rc;

	if (!offer)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot write an answer");
	rc = actr__sdp_parse(actr__text(w->remote_offer), offer, err);
	if (rc == 0 && speaks_of_media(offer))
		rc = actr__media_ensure(w, err);
	if (rc == 0 && w->media)
		rc = actr__plan_take_offer(&w->media->plan, offer, err);
	if (rc == 0)
		rc = write_description(w, out);
	if (rc < 0)
		return ACTR_FAIL(err, rc, "cannot write an answer");
	w->owed = OWE_NOTHING;
	send_description(w, ACTR__SIGNAL_ANSWER, actr__buf_text(out), w->remote_exchange);
	if (w->media)
		actr__media_on_answered(w->media);
	actr__loop_defer(w->engine->loop, &w->tell); /* an offer of ours may have waited */
	return 0;
}

/* Tracks came or went, and nothing else is under way. */
static bool owes_media_offer(const struct wire_webrtc *w)
{
	return w->owed == OWE_NOTHING && !w->exchange[0] && w->media &&
	       w->wire.state == ACTR__WIRE_OPEN && actr__media_needs_offer(w->media);
}

/* Writes what is owed, if the link is ready for it. */
void actr__webrtc_negotiation_run(struct wire_webrtc *w)
{
	actr_error err = ACTR_ERROR_INIT;
	struct actr__buf out;
	int rc;

	if (owes_media_offer(w))
		w->owed = OWE_MEDIA_OFFER;
	if (w->owed == OWE_NOTHING || !w->link || !w->link->has_local)
		return;
	actr__buf_init(&out, ACTR__SDP_MAX);
	rc = w->owed == OWE_ANSWER ? write_answer(w, &out, &err) : write_offer(w, &out, &err);
	actr__buf_done(&out);
	if (rc == 0)
		return;
	if (w->owed != OWE_MEDIA_OFFER) {
		actr__webrtc_fail(w, &err);
		return;
	}
	w->owed = OWE_NOTHING;
	actr__media_on_refused(w->media); /* and tried again later */
}

void actr__webrtc_on_local(struct wire_webrtc *w, struct link *link)
{
	if (link == w->link)
		actr__webrtc_negotiation_run(w);
}

/* Local candidates that came after the description. */
void actr__webrtc_on_candidate(struct wire_webrtc *w, struct link *link, const char *line)
{
	struct actr__signal signal = {.kind = ACTR__SIGNAL_CANDIDATE,
				      .text = line ? line : "",
				      .sdp_mid = w->mid,
				      .sdp_mline_index = w->mline_index,
				      .username_fragment = link->ufrag};

	/* The end of candidates is for peers that are known to understand it. */
	if (link != w->link || (!line && !w->peer_is_ours))
		return;
	actr__webrtc_emit_signal(w, &signal);
}

/* --- reading --- */

/* A description is enough for us, and of the peer that we know. */
static int check(const struct wire_webrtc *w, const struct actr__sdp *sdp, actr_error *err)
{
	if (sdp->application == sdp->section_count || !sdp->sctp_port ||
	    sdp->sections[sdp->application].rejected)
		return ACTR_FAIL(err, ACTR_E_PROTOCOL, "session description without data channels");
	if (!sdp->ufrag.size || !sdp->pwd.size)
		return ACTR_FAIL(err, ACTR_E_PROTOCOL,
				 "session description without ICE credentials");
	if (!sdp->fingerprint_size || sdp->fingerprint_name.size >= sizeof w->fingerprint_name)
		return ACTR_FAIL(err, ACTR_E_PROTOCOL,
				 "session description without a SHA-2 certificate fingerprint");
	if (w->dtls && (sdp->fingerprint_size != w->fingerprint_size ||
			memcmp(sdp->fingerprint, w->fingerprint, w->fingerprint_size)))
		return ACTR_FAIL(err, ACTR_E_UNAUTHENTICATED,
				 "the peer changed its certificate within a session");
	return 0;
}

static void learn_peer(struct wire_webrtc *w, const struct actr__sdp *sdp, bool is_answer)
{
	const struct actr__sdp_section *section = &sdp->sections[sdp->application];
	uint64_t max = sdp->max_message_size ? sdp->max_message_size : ACTR__MESSAGE_MAX;

	w->knows_peer = true;
	w->peer_is_ours = w->wire.joins_parts = sdp->ours;
	w->remote_session = sdp->session_id;
	w->wire.max_message = max < ACTR__MESSAGE_MAX ? (size_t)max : ACTR__MESSAGE_MAX;
	w->mline_index = (int32_t)sdp->application;
	if (!actr__copy_text(w->mid, sizeof w->mid, section->mid))
		w->mid[0] = 0;
	(void)actr__copy_text(w->fingerprint_name, sizeof w->fingerprint_name,
			      sdp->fingerprint_name); /* checked to fit */
	w->fingerprint_size = sdp->fingerprint_size;
	memcpy(w->fingerprint, sdp->fingerprint, sdp->fingerprint_size);
	if (w->dtls)
		return; /* RFC 8842 5.5: roles stay while the association lives */
	/* An offerer is passive unless the answerer says so of itself. */
	w->is_dtls_client =
		is_answer ? sdp->setup == ACTR__SDP_PASSIVE : sdp->setup != ACTR__SDP_ACTIVE;
}

static void forget_early(struct wire_webrtc *w, size_t index)
{
	actr__free(w->early[index].line);
	actr__free(w->early[index].ufrag);
	w->early_count--;
	memmove(&w->early[index], &w->early[index + 1],
		(w->early_count - index) * sizeof w->early[0]);
}

static void apply_candidate(struct wire_webrtc *w, const char *line)
{
	struct actr__candidate candidate;

	if (!*line)
		(void)actr__ice_remote_done(w->link->ice); /* ICE waits longer without it */
	else if (actr__candidate_parse(actr__text(line), &candidate, NULL) == 0)
		actr__link_add_candidate(w->link, &candidate);
	else
		w->denied_candidates++;
}

/* Candidates that were waiting for this generation. */
static void apply_early(struct wire_webrtc *w)
{
	for (size_t i = 0; i < w->early_count;) {
		const char *ufrag = w->early[i].ufrag;

		if (ufrag && strcmp(ufrag, w->link->remote_ufrag)) {
			i++;
			continue;
		}
		apply_candidate(w, w->early[i].line);
		forget_early(w, i);
	}
}

static int apply_remote(struct wire_webrtc *w, const struct actr__sdp *sdp, actr_error *err)
{
	ACTR_TRY(actr__link_set_remote(w->link, sdp, err));
	apply_early(w);
	return 0;
}

/* A new generation; the old one carries data until the new one does. */
static int renew_link(struct wire_webrtc *w, bool controlling, actr_error *err)
{
	struct link *link;

	ACTR_TRY(actr__link_new(w, controlling, &link, err));
	if (w->link && w->link->remote_ufrag[0])
		memcpy(w->past_ufrag, w->link->remote_ufrag, sizeof w->past_ufrag);
	if (w->link && w->link->is_connected) {
		w->old_link = actr__link_free(w->old_link);
		w->old_link = w->link;
	} else {
		w->link = actr__link_free(w->link);
	}
	w->link = link;
	return 0;
}

static int keep_offer(struct wire_webrtc *w, const struct actr__signal *offer, actr_error *err)
{
	char *text = actr__strdup(offer->text);
	char *exchange = offer->exchange_id ? actr__strdup(offer->exchange_id) : NULL;

	if (!text || (offer->exchange_id && !exchange)) {
		actr__free(text);
		actr__free(exchange);
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot keep an offer");
	}
	actr__free(w->remote_offer);
	actr__free(w->remote_exchange);
	w->remote_offer = text;
	w->remote_exchange = exchange;
	return 0;
}

/* Answer with a new generation, or with the one that we have. */
static int answer(struct wire_webrtc *w, const struct actr__signal *offer,
		  const struct actr__sdp *sdp, bool renew, actr_error *err)
{
	ACTR_TRY(check(w, sdp, err));
	if (w->media)
		ACTR_TRY(actr__plan_can_answer(&w->media->plan, sdp, err));
	ACTR_TRY(keep_offer(w, offer, err));
	if (renew)
		ACTR_TRY(renew_link(w, false, err));
	learn_peer(w, sdp, false);
	roll_back(w);
	w->owed = OWE_ANSWER;
	if (renew)
		ACTR_TRY(apply_remote(w, sdp, err));
	actr__loop_defer(w->engine->loop, &w->tell);
	return 0;
}

/* By its id, which aiortc changes with each description: there the path and the key tell. */
static bool is_same_session(const struct wire_webrtc *w, const struct actr__sdp *sdp)
{
	if (sdp->session_id == w->remote_session)
		return true;
	return !sdp->ours && w->link && w->link->has_remote &&
	       actr__bytes_equal_text(sdp->ufrag, w->link->remote_ufrag) &&
	       sdp->fingerprint_size == w->fingerprint_size &&
	       !memcmp(sdp->fingerprint, w->fingerprint, w->fingerprint_size);
}

/* Between offers of one kind the id decides, but one that brings a path wins over tracks. */
static bool keeps_own_offer(const struct wire_webrtc *w, const struct actr__signal *signal,
			    const struct actr__sdp *theirs)
{
	bool is_theirs_media = signal->kind == ACTR__SIGNAL_RENEGOTIATION_OFFER;

	if (!theirs->ours)
		return false;
	if (is_theirs_media != w->is_media_offer)
		return is_theirs_media;
	return actr_id_compare(&w->self, &w->peer) < 0;
}

static int on_offer(struct wire_webrtc *w, const struct actr__signal *signal,
		    const struct actr__sdp *sdp, actr_error *err)
{
	if (w->knows_peer && !is_same_session(w, sdp))
		return ACTR_FAIL(err, ACTR_E_CLOSED, "the peer began a new session");
	if (has_offered(w) && keeps_own_offer(w, signal, sdp))
		return 0;
	if (!w->knows_peer) {
		w->is_offerer = false;
		return answer(w, signal, sdp, true, err);
	}
	/* The same generation: the offer came twice, or the peer adds media. */
	return answer(w, signal, sdp,
		      (has_offered(w) && !w->is_media_offer) || !w->link ||
			      !actr__bytes_equal_text(sdp->ufrag, w->link->remote_ufrag),
		      err);
}

static int take_answer(struct wire_webrtc *w, const struct actr__sdp *sdp, actr_error *err)
{
	bool renews_link = !w->is_media_offer;

	ACTR_TRY(check(w, sdp, err));
	if (w->media)
		ACTR_TRY(actr__plan_take_answer(&w->media->plan, sdp, err));
	w->exchange[0] = 0;
	w->is_media_offer = false;
	learn_peer(w, sdp, true);
	if (w->media)
		actr__media_on_answered(w->media);
	if (renews_link)
		ACTR_TRY(apply_remote(w, sdp, err));
	return 0;
}

void actr__webrtc_give_up_offer(struct wire_webrtc *w)
{
	roll_back(w);
	actr__media_on_refused(w->media);
	actr__loop_defer(w->engine->loop, &w->tell);
}

/*
 * An answer that cannot be used ends the wire: there will be no other to this offer. Only one that
 * was about media leaves all as it is.
 */
static int on_answer(struct wire_webrtc *w, const struct actr__sdp *sdp, actr_error *err)
{
	actr_error why = ACTR_ERROR_INIT;
	int rc;

	if (w->knows_peer && !is_same_session(w, sdp))
		return ACTR_FAIL(err, ACTR_E_PROTOCOL, "answer of another session");
	rc = take_answer(w, sdp, &why);
	if (rc < 0) {
		if (w->is_media_offer)
			actr__webrtc_give_up_offer(w);
		else
			actr__webrtc_fail(w, &why);
		return ACTR_FAIL(err, rc, "%s", why.message);
	}
	actr__loop_defer(w->engine->loop, &w->tell); /* more may have changed meanwhile */
	actr__webrtc_on_answered(w);
	return 0;
}

static bool is_stale_answer(const struct wire_webrtc *w, const struct actr__signal *signal)
{
	if (!w->exchange[0])
		return true;
	/* The original, and servers that drop the field, send none. */
	return signal->exchange_id && strcmp(signal->exchange_id, w->exchange) != 0;
}

static bool yielded_to_original(const struct wire_webrtc *w)
{
	return w->knows_peer && !w->peer_is_ours && !w->is_offerer &&
	       w->wire.state == ACTR__WIRE_CONNECTING;
}

/*
 * The original takes our offer while it writes its own: then it has two sessions, and keeps the one
 * that it told us of last. An answer after its offer means that nobody waits for ours any more.
 */
static int on_stale_answer(struct wire_webrtc *w, const struct actr__signal *signal,
			   actr_error *err)
{
	_cleanup_(actr__freep) struct actr__sdp *sdp = NULL;
	actr_error why = ACTR_ERROR_INIT;

	w->stale_answers++;
	if (!yielded_to_original(w))
		return 0;
	sdp = actr__new0(struct actr__sdp);
	if (!sdp)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot read a session description");
	ACTR_TRY(actr__sdp_parse(actr__text(signal->text), sdp, err));
	if (sdp->session_id == w->remote_session)
		return 0;
	ACTR_FAIL(&why, ACTR_E_UNAVAILABLE, "the peer began two sessions at once");
	actr__webrtc_fail(w, &why);
	return 0;
}

static int on_description(struct wire_webrtc *w, const struct actr__signal *signal, actr_error *err)
{
	_cleanup_(actr__freep) struct actr__sdp *sdp = NULL;

	if (signal->kind == ACTR__SIGNAL_ANSWER && is_stale_answer(w, signal))
		return on_stale_answer(w, signal, err);
	sdp = actr__new0(struct actr__sdp);
	if (!sdp)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot read a session description");
	ACTR_TRY(actr__sdp_parse(actr__text(signal->text), sdp, err));
	return signal->kind == ACTR__SIGNAL_ANSWER ? on_answer(w, sdp, err)
						   : on_offer(w, signal, sdp, err);
}

/* --- candidates of the peer --- */

static void keep_early(struct wire_webrtc *w, const char *line, const char *ufrag)
{
	char *line_copy = actr__strdup(line), *ufrag_copy = ufrag ? actr__strdup(ufrag) : NULL;

	if (!line_copy || (ufrag && !ufrag_copy)) {
		actr__free(line_copy);
		actr__free(ufrag_copy);
		w->denied_candidates++;
		return;
	}
	if (w->early_count == ACTR__EARLY_MAX) {
		forget_early(w, 0);
		w->denied_candidates++;
	}
	w->early[w->early_count++] = (struct early_candidate){line_copy, ufrag_copy};
}

/* The ufrag that the signal or the line's extension names; false when none is named. */
static bool ufrag_of(const struct actr__signal *signal, char out[ACTR__ICE_UFRAG_MAX + 1])
{
	struct actr__candidate candidate;

	if (signal->username_fragment && *signal->username_fragment)
		return actr__copy_text(out, ACTR__ICE_UFRAG_MAX + 1,
				       actr__text(signal->username_fragment));
	return actr__candidate_parse(actr__text(signal->text), &candidate, NULL) == 0 &&
	       candidate.ufrag.size &&
	       actr__copy_text(out, ACTR__ICE_UFRAG_MAX + 1, candidate.ufrag);
}

static int on_remote_candidate(struct wire_webrtc *w, const struct actr__signal *signal,
			       actr_error *err)
{
	char ufrag[ACTR__ICE_UFRAG_MAX + 1];
	bool is_named;

	if (!signal->text || strlen(signal->text) > ACTR__CANDIDATE_LINE_MAX)
		return ACTR_FAIL(err, ACTR_E_DECODE, "candidate too long");
	is_named = ufrag_of(signal, ufrag);
	if (is_named && (!strcmp(ufrag, w->past_ufrag) ||
			 (w->old_link && !strcmp(ufrag, w->old_link->remote_ufrag))))
		w->stale_candidates++;
	else if (w->link && w->link->has_remote &&
		 (!is_named || !strcmp(ufrag, w->link->remote_ufrag)))
		apply_candidate(w, signal->text);
	else
		keep_early(w, signal->text, is_named ? ufrag : NULL);
	return 0;
}

/* --- entry points --- */

int actr__webrtc_signal(struct actr__wire *wire, const struct actr__signal *signal, actr_error *err)
{
	struct wire_webrtc *w = container_of(wire, struct wire_webrtc, wire);

	if (wire->state == ACTR__WIRE_CLOSED)
		return ACTR_FAIL(err, ACTR_E_CLOSED, "the wire is closed");
	switch (signal->kind) {
	case ACTR__SIGNAL_CANDIDATE:
		return on_remote_candidate(w, signal, err);
	case ACTR__SIGNAL_ICE_RESTART_REQUEST:
		return actr__webrtc_on_restart_request(w, err);
	default:
		return on_description(w, signal, err);
	}
}

int actr__webrtc_begin_offer(struct wire_webrtc *w, actr_error *err)
{
	w->is_offerer = true;
	w->owed = OWE_OFFER;
	return renew_link(w, true, err);
}

int actr__webrtc_begin_answer(struct wire_webrtc *w, const struct actr__signal *offer,
			      actr_error *err)
{
	if (offer->kind != ACTR__SIGNAL_OFFER)
		return ACTR_FAIL(err, ACTR_E_STATE, "only an offer begins a session");
	return on_description(w, offer, err);
}

int actr__webrtc_begin_restart(struct wire_webrtc *w, actr_error *err)
{
	ACTR_TRY(renew_link(w, true, err));
	roll_back(w);
	w->owed = OWE_RESTART_OFFER;
	return 0;
}

void actr__webrtc_ask_restart(struct wire_webrtc *w)
{
	struct actr__signal signal = {
		.kind = ACTR__SIGNAL_ICE_RESTART_REQUEST, .text = "", .sdp_mline_index = -1};

	actr__webrtc_emit_signal(w, &signal);
}

void actr__webrtc_negotiation_done(struct wire_webrtc *w)
{
	while (w->early_count)
		forget_early(w, w->early_count - 1);
	actr__free(w->remote_offer);
	actr__free(w->remote_exchange);
	w->remote_offer = w->remote_exchange = NULL;
}
