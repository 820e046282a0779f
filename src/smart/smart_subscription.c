#include "smart/smart_subscription.h"

#include "fhir/fhir_walk.h"
#include "smart/smart_parameters.h"

#define HASHES_MAX ((size_t) 2048)

/* What is looked at, of any version. Absent: not there. */
typedef struct {
    base_span_t criteria;     /* R4: a search; its backport of topics: a canonical */
    base_span_t topic;        /* R5 */
    base_span_t channel;      /* R4: channel.type */
    base_span_t channel_code; /* R5: channelType.code */
} subscription_t;

static bool read_criteria(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    fhir_range_t range;

    return fhir_walk_string(walk, event, &((subscription_t *) ctx)->criteria, &range);
}

static bool read_topic(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    fhir_range_t range;

    return fhir_walk_string(walk, event, &((subscription_t *) ctx)->topic, &range);
}

static bool read_type(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    fhir_range_t range;

    return fhir_walk_string(walk, event, &((subscription_t *) ctx)->channel, &range);
}

static bool read_code(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    fhir_range_t range;

    return fhir_walk_string(walk, event, &((subscription_t *) ctx)->channel_code, &range);
}

static bool read_channel(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    static const fhir_walk_member_t members[] = {{"type", read_type}};

    return fhir_walk_object(walk, event, members, 1, ctx, NULL);
}

static bool read_channel_type(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    static const fhir_walk_member_t members[] = {{"code", read_code}};

    return fhir_walk_object(walk, event, members, 1, ctx, NULL);
}

static base_reason_t read(base_span_t body, base_arena_t *arena, subscription_t *subscription)
{
    static const fhir_walk_member_t members[] = {{"criteria", read_criteria},
                                                 {"topic", read_topic},
                                                 {"channel", read_channel},
                                                 {"channelType", read_channel_type}};
    uint64_t *hashes = base_arena_table(arena, HASHES_MAX, sizeof(*hashes));
    base_json_event_t event;
    fhir_walk_t walk;

    if (hashes == NULL) {
        return BASE_NO_MEMORY;
    }
    fhir_walk_start(&walk, body, BASE_BODY_TYPE, arena, hashes, HASHES_MAX);
    return fhir_walk_pull(&walk, &event) &&
                   fhir_walk_object(&walk, event, members, sizeof(members) / sizeof(members[0]),
                                    subscription, NULL) &&
                   fhir_walk_end(&walk)
               ? BASE_OK
               : walk.reason;
}

static bool is_websocket(const subscription_t *subscription)
{
    return base_span_is_nocase(subscription->channel, "websocket") ||
           base_span_is_nocase(subscription->channel_code, "websocket");
}

/* A topic's types are the server's secret: by what may be any of them. */
static base_reason_t judge_topic(const smart_grants_t *grants, smart_missing_t *missing)
{
    if (smart_grants_all(grants, SMART_S)) {
        return BASE_OK;
    }
    smart_grants_missing_any(grants, SMART_S, missing);
    return BASE_SCOPE_MISSING;
}

/* "Observation?code=x": by s on the type, and by what its parameters reach. */
static base_reason_t judge_search(const smart_grants_t *grants, const smart_policy_t *policy,
                                  const fhir_type_t *type, base_span_t text, base_arena_t *arena,
                                  smart_missing_t *missing)
{
    const base_span_t none = {NULL, 0};
    smart_cover_t cover = smart_grants_cover(grants, SMART_S, type);
    smart_parameters_t parameters;
    fhir_query_t query;
    base_reason_t reason;

    if (!smart_cover_is_true(&cover)) {
        (void) smart_grants_missing(grants, SMART_S, type, missing);
        return BASE_SCOPE_MISSING;
    }
    reason = fhir_query_parse(text, none, arena, &query);
    if (reason != BASE_OK) {
        return reason;
    }
    smart_parameters_judge(grants, policy, &query, SMART_ASK_CRITERIA, type, &cover, &parameters);
    *missing = parameters.missing;
    return parameters.reason;
}

base_reason_t smart_subscription_judge(const smart_grants_t *grants, const smart_policy_t *policy,
                                       base_span_t body, base_arena_t *arena,
                                       smart_missing_t *missing)
{
    subscription_t subscription = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    base_reason_t reason = read(body, arena, &subscription);
    base_span_t criteria = subscription.criteria;
    size_t question = base_span_find(criteria, '?');
    const fhir_type_t *type =
        fhir_type_find(policy->definitions, base_span_sub(criteria, 0, question));

    if (reason != BASE_OK) {
        return reason;
    }
    if (is_websocket(&subscription)) {
        return BASE_INTERACTION_REFUSED;
    }
    if (type == NULL || subscription.topic.p != NULL) {
        return judge_topic(grants, missing);
    }
    return judge_search(grants, policy, type,
                        question < criteria.n ? base_span_sub(criteria, question + 1, criteria.n)
                                              : base_span_make(NULL, 0),
                        arena, missing);
}
