/*
 * Route candidates and discovery: what an actor may see of its realm. Only actors with a live
 * connection, never the one that asks, and only what it may call.
 *
 * Ranking is lexicographic: the first factor decides, the next one decides among equals. Last of
 * all comes the actor that was offered longest ago, so that callers without factors spread.
 */
#include "session.h"

#include <stdlib.h>

#define CANDIDATES_MAX 1000u
#define FACTORS_MAX    8u
#define ENTRIES_MAX    1000u

typedef Actr__RouteCandidatesRequest__NodeSelectionCriteria criteria_message;

struct ranking {
	char client[ACTR_ID_TEXT_SIZE];
	int factors[FACTORS_MAX];
	size_t factor_count;
};

/* --- filters --- */

/*
 * An actor that has not reported lately counts as degraded; nobody reports dependencies, so they
 * count as WARNING.
 */
static bool meets(const struct actor *actor, const criteria_message *criteria)
{
	int health = registry_report_is_fresh(actor)
			     ? actor->availability
			     : (int)ACTR__SERVICE_AVAILABILITY_STATE__DEGRADED;

	if (!criteria)
		return true;
	if (criteria->has_minimal_health_requirement &&
	    health > (int)criteria->minimal_health_requirement)
		return false;
	return !criteria->has_minimal_dependency_requirement ||
	       criteria->minimal_dependency_requirement >= ACTR__SERVICE_DEPENDENCY_STATE__WARNING;
}

static size_t collect(struct session *session, const struct kind *kind,
		      const criteria_message *criteria, struct actor **out, size_t max)
{
	size_t count = 0;

	actr__list_each(node, &kind->actors)
	{
		struct actor *actor = container_of(node, struct actor, in_kind);

		if (count == max)
			break;
		if (actor->session && actor != session->actor && !actor->hidden &&
		    meets(actor, criteria) &&
		    hub_may_call(session->hub, &session->actor->id, actor))
			out[count++] = actor;
	}
	return count;
}

/* --- ranking --- */

static bool is_sticky(const struct actor *actor, const char *client)
{
	for (size_t i = 0; i < actor->sticky_count; i++)
		if (!strcmp(actor->sticky[i], client))
			return true;
	return false;
}

static int order(float a, float b)
{
	return (a > b) - (a < b);
}

/* Negative when `a` is better. Factors that actors do not report leave them equal. */
static int compare_by(int factor, const struct actor *a, const struct actor *b, const char *client)
{
	bool fresh_a = registry_report_is_fresh(a), fresh_b = registry_report_is_fresh(b);

	switch (factor) {
	case ACTR__ROUTE_CANDIDATES_REQUEST__NODE_SELECTION_CRITERIA__NODE_RANKING_FACTOR__MAXIMUM_POWER_RESERVE:
		return order(fresh_b ? b->power_reserve : 0, fresh_a ? a->power_reserve : 0);
	case ACTR__ROUTE_CANDIDATES_REQUEST__NODE_SELECTION_CRITERIA__NODE_RANKING_FACTOR__MINIMUM_MAILBOX_BACKLOG:
		return order(fresh_a ? a->mailbox_backlog : 1, fresh_b ? b->mailbox_backlog : 1);
	case ACTR__ROUTE_CANDIDATES_REQUEST__NODE_SELECTION_CRITERIA__NODE_RANKING_FACTOR__CLIENT_AFFINITY:
		return is_sticky(b, client) - is_sticky(a, client);
	default:
		return 0;
	}
}

static int compare(const void *left, const void *right, void *user)
{
	const struct actor *a = *(struct actor *const *)left, *b = *(struct actor *const *)right;
	const struct ranking *ranking = user;

	for (size_t i = 0; i < ranking->factor_count; i++) {
		int difference = compare_by(ranking->factors[i], a, b, ranking->client);

		if (difference)
			return difference;
	}
	if (a->offered != b->offered)
		return a->offered < b->offered ? -1 : 1;
	return a->id.serial < b->id.serial ? -1 : 1;
}

static size_t rank(struct session *session, const criteria_message *criteria, struct actor **actors,
		   size_t count)
{
	struct registry *registry = &session->hub->registry;
	struct ranking ranking = {.factor_count = 0};

	actr_id_format(&session->actor->id, ranking.client, sizeof ranking.client);
	for (size_t i = 0; criteria && i < criteria->n_ranking_factors && i < FACTORS_MAX; i++)
		ranking.factors[ranking.factor_count++] = (int)criteria->ranking_factors[i];
	qsort_r(actors, count, sizeof *actors, compare, &ranking);
	if (criteria && count > criteria->candidate_count)
		count = criteria->candidate_count;
	for (size_t i = 0; i < count; i++)
		actors[i]->offered = ++registry->offers;
	return count;
}

/* --- answers --- */

static int find_candidates(struct session *session, const Actr__RouteCandidatesRequest *request,
			   struct actr__arena *arena,
			   Actr__RouteCandidatesResponse__RouteCandidatesOk *ok, actr_error *err)
{
	struct actor **actors = actr__arena_alloc(arena, CANDIDATES_MAX * sizeof *actors);
	struct actr__pb_id *places;
	struct kind *kind;
	actr_type type;
	size_t count = 0;

	if (!actors)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "out of memory");
	ACTR_TRY(actr__pb_type_read(request->target_type, &type, err));
	kind = registry_find_kind(&session->hub->registry, session->actor->id.realm, &type);
	if (kind)
		count = collect(session, kind, request->criteria, actors, CANDIDATES_MAX);
	count = rank(session, request->criteria, actors, count);
	places = actr__arena_alloc(arena, (count + 1) * sizeof *places);
	ok->candidates = actr__arena_alloc(arena, (count + 1) * sizeof *ok->candidates);
	if (!places || !ok->candidates)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		ok->candidates[i] = actr__pb_id(&places[i], &actors[i]->id);
	ok->n_candidates = count;
	return 0;
}

void discovery_route(struct session *session, const char *reply_for,
		     const Actr__RouteCandidatesRequest *request, struct actr__arena *arena)
{
	Actr__RouteCandidatesResponse response = ACTR__ROUTE_CANDIDATES_RESPONSE__INIT;
	Actr__RouteCandidatesResponse__RouteCandidatesOk ok =
		ACTR__ROUTE_CANDIDATES_RESPONSE__ROUTE_CANDIDATES_OK__INIT;
	Actr__ErrorResponse error;
	actr_error err = ACTR_ERROR_INIT;
	struct push push;

	session->hub->metrics.routes++;
	if (find_candidates(session, request, arena, &ok, &err) < 0) {
		response.result_case = ACTR__ROUTE_CANDIDATES_RESPONSE__RESULT_ERROR;
		response.error = actr__pb_error(&error, actr_error_to_wire(err.code), err.message);
	} else {
		response.result_case = ACTR__ROUTE_CANDIDATES_RESPONSE__RESULT_SUCCESS;
		response.success = &ok;
	}
	push_init(&push, session->hub, reply_for, &session->actor->id);
	push.flow.payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_ROUTE_CANDIDATES_RESPONSE;
	push.flow.route_candidates_response = &response;
	session_push(session, &push);
}

/* The newest actor of the kind that the session may call, or is. */
static struct actor *representative(struct session *session, struct kind *kind)
{
	struct actor *newest = NULL;

	actr__list_each(node, &kind->actors)
	{
		struct actor *actor = container_of(node, struct actor, in_kind);

		if (actor->session && (!newest || actor->id.serial > newest->id.serial) &&
		    (actor == session->actor ||
		     (!actor->hidden && hub_may_call(session->hub, &session->actor->id, actor))))
			newest = actor;
	}
	return newest;
}

struct entry {
	Actr__DiscoveryResponse__TypeEntry message;
	Actr__ActrType type;
};

static void fill_entry(struct entry *entry, struct actor *actor)
{
	Actr__DiscoveryResponse__TypeEntry *message = &entry->message;

	actr__discovery_response__type_entry__init(message);
	message->actr_type = actr__pb_type(&entry->type, &actor->id.type);
	message->description = actor->description;
	/* "unknown": no spec was published (reference.md 3.5). */
	message->service_fingerprint =
		actor->fingerprint ? actor->fingerprint : (char *)(uintptr_t) "unknown";
	message->has_published_at = actor->published_at != 0;
	message->published_at = actor->published_at;
	message->tags = actor->tags;
	message->n_tags = actor->tag_count;
}

static size_t find_entries(struct session *session, const Actr__DiscoveryRequest *request,
			   Actr__DiscoveryResponse__TypeEntry **out, struct entry *places,
			   size_t max)
{
	struct realm *realm =
		registry_find_realm(&session->hub->registry, session->actor->id.realm);
	size_t count = 0;

	if (!realm)
		return 0;
	actr__list_each(node, &realm->kinds)
	{
		struct kind *kind = container_of(node, struct kind, in_realm);
		struct actor *actor;

		if (count == max)
			break;
		if (request->manufacturer && strcmp(request->manufacturer, kind->type.manufacturer))
			continue;
		actor = representative(session, kind);
		if (!actor)
			continue;
		fill_entry(&places[count], actor);
		out[count] = &places[count].message;
		count++;
	}
	return count;
}

void discovery_list(struct session *session, const char *reply_for,
		    const Actr__DiscoveryRequest *request, struct actr__arena *arena)
{
	Actr__DiscoveryResponse response = ACTR__DISCOVERY_RESPONSE__INIT;
	Actr__DiscoveryResponse__DiscoveryOk ok = ACTR__DISCOVERY_RESPONSE__DISCOVERY_OK__INIT;
	size_t max = request->limit < ENTRIES_MAX ? request->limit : ENTRIES_MAX;
	struct entry *places = actr__arena_alloc(arena, (max + 1) * sizeof *places);
	struct push push;

	session->hub->metrics.discoveries++;
	ok.entries = actr__arena_alloc(arena, (max + 1) * sizeof *ok.entries);
	if (!places || !ok.entries) {
		session_error(session, reply_for, 503, "out of memory");
		return;
	}
	ok.n_entries = find_entries(session, request, ok.entries, places, max);
	response.result_case = ACTR__DISCOVERY_RESPONSE__RESULT_SUCCESS;
	response.success = &ok;
	push_init(&push, session->hub, reply_for, &session->actor->id);
	push.flow.payload_case = SIGNALING__SIGNALING_TO_ACTR__PAYLOAD_DISCOVERY_RESPONSE;
	push.flow.discovery_response = &response;
	session_push(session, &push);
}
