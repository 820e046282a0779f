#include "smart/smart_lookup_own.h"

#include "fhir/fhir_bundle.h"

#include <string.h>

#define SKETCH_MAX ((size_t) 65536)

static const struct {
    unsigned why;
    const char *rule;
} rules[] = {
    {SMART_LOOKUP_CURRENT, "D11"}, {SMART_LOOKUP_INSTANCE, "B6"},    {SMART_LOOKUP_CHANGED, "B6"},
    {SMART_LOOKUP_OPERATED, "B6"}, {SMART_LOOKUP_COMPARTMENT, "D7"}, {SMART_LOOKUP_LISTS, "C9"},
    {SMART_LOOKUP_TARGETS, "L9"},  {SMART_LOOKUP_PROVENANCE, "D6"},  {SMART_LOOKUP_BINARY, "B11"},
    {SMART_LOOKUP_CONTEXT, "B11"},
};

static const smart_lookup_want_t *want(const smart_lookup_t *lookup)
{
    return &lookup->_want[lookup->_at];
}

const char *smart_lookup_rule(const smart_lookup_t *lookup)
{
    size_t i;

    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (lookup->_at < lookup->_want_n && rules[i].why == want(lookup)->why) {
            return rules[i].rule;
        }
    }
    return "L";
}

void smart_lookup_start(smart_lookup_t *lookup, base_arena_t *arena, const smart_grants_t *grants,
                        const smart_policy_t *policy, const fhir_request_t *request,
                        unsigned lookups, size_t keep_max)
{
    base_reason_t reason;

    memset(lookup, 0, sizeof(*lookup));
    lookup->_arena = arena;
    lookup->_grants = grants;
    lookup->_policy = policy;
    lookup->_request = request;
    lookup->_keep_max = keep_max;
    lookup->_step = SMART_WANT_READ;
    reason = smart_lookup_plan(lookup, lookups);
    if (reason != BASE_OK) {
        (void) smart_lookup_refuse(lookup, reason, "L9");
    }
}

smart_step_t smart_lookup_refuse(smart_lookup_t *lookup, base_reason_t reason, const char *rule)
{
    lookup->_stage = SMART_LOOKUP_DONE;
    lookup->_step = SMART_REFUSE;
    lookup->reason = reason;
    lookup->rule = rule;
    return SMART_REFUSE;
}

smart_step_t smart_lookup_ask(smart_lookup_t *lookup, unsigned stage, const fhir_type_t *type,
                              base_span_t id, bool versions, const smart_cover_t *cover,
                              size_t cover_n, bool keep)
{
    lookup->_watch = smart_cover_watch(cover, cover_n, lookup->_arena);
    lookup->read.path = fhir_request_path(lookup->_arena, type, id, versions ? "/_history" : "");
    lookup->read.query = versions ? BASE_SPAN("_count=2") : base_span_make(NULL, 0);
    lookup->read.into = &lookup->_stored;
    if (lookup->_watch == NULL || lookup->read.path.p == NULL ||
        !smart_stored_start(&lookup->_stored, lookup->_arena, lookup->_policy->definitions,
                            smart_watch_lookup, (void *) lookup->_watch, versions ? NULL : type,
                            keep ? lookup->_keep_max : 0)) {
        return smart_lookup_refuse(lookup, BASE_NO_MEMORY, "L26");
    }
    lookup->_stage = stage;
    lookup->reads++;
    return SMART_WANT_READ;
}

bool smart_lookup_holds(const smart_lookup_t *lookup, const fhir_facts_t *facts, base_span_t id)
{
    return !facts->id.unknown && base_span_eq(fhir_text_span(&facts->id), id) &&
           smart_watch_holds(lookup->_watch, SMART_R | SMART_S | SMART_U, facts);
}

static bool is_true(const smart_lookup_want_t *one)
{
    size_t i;

    for (i = 0; i < one->cover_n && !smart_cover_is_true(&one->cover[i]); i++) {
    }
    return i < one->cover_n;
}

static bool is_empty(const smart_lookup_want_t *one)
{
    size_t i;

    for (i = 0; i < one->cover_n && smart_cover_is_empty(&one->cover[i]); i++) {
    }
    return i == one->cover_n;
}

/* D6: the own Patient, by the reference alone. */
static bool is_own_patient(const smart_lookup_t *lookup, const smart_lookup_want_t *one)
{
    smart_cover_t by;

    if (one->why != SMART_LOOKUP_TARGETS || !fhir_type_is(one->type, "Patient")) {
        return false;
    }
    by = smart_grants_cover(lookup->_grants, SMART_S, lookup->_request->type);
    return smart_cover_has_patient(&by, one->id);
}

static smart_step_t look_on(smart_lookup_t *lookup)
{
    const smart_lookup_want_t *one;

    for (; lookup->_at < lookup->_want_n; lookup->_at++) {
        one = want(lookup);
        if ((one->why & (SMART_LOOKUP_BINARY | SMART_LOOKUP_CONTEXT)) != 0) {
            return smart_lookup_binary(lookup);
        }
        if (is_own_patient(lookup, one) || is_true(one)) {
            continue;
        }
        if (is_empty(one)) {
            return smart_lookup_uncovered(lookup);
        }
        return smart_lookup_ask(lookup, SMART_LOOKUP_READ, one->type, one->id, false, one->cover,
                                one->cover_n, one->why == SMART_LOOKUP_PROVENANCE);
    }
    lookup->_stage = SMART_LOOKUP_DONE;
    lookup->_step = SMART_SEND;
    return SMART_SEND;
}

smart_step_t smart_lookup_covered(smart_lookup_t *lookup)
{
    lookup->_at++;
    return look_on(lookup);
}

/* D9: a search finds nothing (L4), an instance is not there. Which of foreign, deleted and missing it was does not show. */
smart_step_t smart_lookup_uncovered(smart_lookup_t *lookup)
{
    if ((want(lookup)->why & (SMART_LOOKUP_LISTS | SMART_LOOKUP_TARGETS)) != 0) {
        lookup->nothing = true;
        return smart_lookup_covered(lookup);
    }
    return smart_lookup_refuse(lookup,
                               lookup->_policy->hide_existence ||
                                       lookup->_stored.state != SMART_STORED_FOUND
                                   ? BASE_NOT_FOUND
                                   : BASE_SCOPE_MISSING,
                               smart_lookup_rule(lookup));
}

/* D11: of a deleted resource, its newest version with a body is the current one. */
static smart_step_t judge_instance(smart_lookup_t *lookup)
{
    const smart_lookup_want_t *one = want(lookup);

    if (lookup->_stored.state == SMART_STORED_GONE && one->why == SMART_LOOKUP_CURRENT) {
        return smart_lookup_ask(lookup, SMART_LOOKUP_DELETED, one->type, one->id, true, one->cover,
                                one->cover_n, true);
    }
    if (lookup->_stored.state != SMART_STORED_FOUND) {
        return smart_lookup_uncovered(lookup);
    }
    if (smart_lookup_holds(lookup, &lookup->_stored.facts, one->id)) {
        return smart_lookup_covered(lookup);
    }
    return one->why == SMART_LOOKUP_PROVENANCE ? smart_lookup_about(lookup)
                                               : smart_lookup_uncovered(lookup);
}

/* The first entry that has a body; versions come newest first. */
static bool newest_holds(smart_lookup_t *lookup, fhir_bundle_t *bundle, uint64_t *hashes)
{
    base_span_t in = lookup->_stored.body;
    fhir_bundle_event_t event;
    bool found = false, holds = false;

    fhir_bundle_start(bundle, FHIR_ENTER_BUNDLE, lookup->_policy->definitions, smart_watch_lookup,
                      (void *) lookup->_watch, lookup->_arena, hashes, SMART_LOOKUP_HASHES,
                      SKETCH_MAX);
    while ((event = fhir_bundle_next(bundle, &in)) != FHIR_BUNDLE_MORE) {
        const fhir_item_place_t *item = &bundle->level[0].item;

        if (event == FHIR_BUNDLE_ERROR) {
            return false;
        }
        if (event == FHIR_BUNDLE_ITEM_END && bundle->level_n == 1 && !found &&
            (item->has_resource || item->has_container || item->wrong)) {
            found = true;
            holds = item->has_resource && !item->wrong &&
                    smart_lookup_holds(lookup, &item->facts, want(lookup)->id);
        }
    }
    return holds && fhir_bundle_finish(bundle) == BASE_OK &&
           base_span_is(fhir_text_span(&bundle->level[0].type_name), "Bundle");
}

static smart_step_t judge_deleted(smart_lookup_t *lookup)
{
    uint64_t *hashes = base_arena_table(lookup->_arena, SMART_LOOKUP_HASHES, sizeof(*hashes));
    fhir_bundle_t *bundle = base_arena_alloc(lookup->_arena, sizeof(*bundle));

    if (hashes == NULL || bundle == NULL) {
        return smart_lookup_refuse(lookup, BASE_NO_MEMORY, "L26");
    }
    if (lookup->_stored.state == SMART_STORED_FOUND && newest_holds(lookup, bundle, hashes)) {
        return smart_lookup_covered(lookup);
    }
    return smart_lookup_refuse(lookup, BASE_NOT_FOUND, "D11");
}

/*
 * Nothing may be concluded. Only that a server keeps no history of what it deleted is no failure (D11), nor is one target of a Provenance, beside which
 * there are others (D6).
 */
static bool has_failed(const smart_lookup_t *lookup)
{
    if (lookup->_stored.state != SMART_STORED_FAILED || lookup->_stage == SMART_LOOKUP_READ) {
        return lookup->_stored.state == SMART_STORED_READING ||
               lookup->_stored.state == SMART_STORED_FAILED;
    }
    return lookup->_stage != SMART_LOOKUP_ABOUT && (lookup->_stage != SMART_LOOKUP_DELETED ||
                                                    lookup->_stored.reason != BASE_PREREAD_FAILED);
}

smart_step_t smart_lookup_next(smart_lookup_t *lookup)
{
    if (lookup->_stage == SMART_LOOKUP_DONE) {
        return lookup->_step;
    }
    if (lookup->_stage == SMART_LOOKUP_NEXT) {
        return look_on(lookup);
    }
    if (has_failed(lookup)) {
        return smart_lookup_refuse(
            lookup,
            lookup->_stored.state == SMART_STORED_READING ? BASE_INTERNAL : lookup->_stored.reason,
            smart_lookup_rule(lookup));
    }
    switch (lookup->_stage) {
    case SMART_LOOKUP_READ:
        return judge_instance(lookup);
    case SMART_LOOKUP_DELETED:
        return judge_deleted(lookup);
    case SMART_LOOKUP_ABOUT:
        return smart_lookup_about_read(lookup);
    default:
        return smart_lookup_binary_read(lookup);
    }
}
