#include "smart/smart_review_own.h"

#include <string.h>

/* The grants of a check, by position; SMART_CHECKS_MAX: too many different ones. */
static size_t grants_at(smart_review_state_t *state, const smart_grants_t *grants)
{
    size_t i;

    for (i = 0; i < state->grants_n && state->grants[i] != grants; i++) {
    }
    return i;
}

/* What decides on resources of a type: by r and by s of all grants. */
static const smart_watch_t *watch_for(smart_review_state_t *state, const fhir_type_t *type)
{
    const smart_watch_t **watch = &state->watch[type->index];
    smart_cover_t cover[SMART_COVERS_MAX];
    size_t i;

    if (*watch == NULL && !state->no_memory) {
        for (i = 0; i < state->grants_n; i++) {
            cover[2 * i] = smart_grants_cover(state->grants[i], SMART_R, type);
            cover[2 * i + 1] = smart_grants_cover(state->grants[i], SMART_S, type);
        }
        *watch = smart_cover_watch(cover, 2 * state->grants_n, state->review->_arena);
        state->no_memory = *watch == NULL;
    }
    return *watch;
}

const fhir_lens_t *smart_review_lens(void *data, const fhir_type_t *type)
{
    const smart_watch_t *watch = watch_for(data, type);

    return watch == NULL ? NULL : smart_watch_lens(watch);
}

bool smart_review_holds(smart_review_state_t *state, const smart_check_t *check, unsigned letters,
                        const fhir_facts_t *facts)
{
    const smart_watch_t *watch = facts->type == NULL ? NULL : watch_for(state, facts->type);
    size_t at = grants_at(state, check->grants);

    if (facts->type != NULL && fhir_type_set_has(&check->open, facts->type)) {
        return true;
    }
    return watch != NULL && at < state->grants_n &&
           smart_watch_holds_by(watch, 2 * at, 2, letters, facts);
}

/* Whatever is of the type is covered. */
static bool holds_for_all(smart_review_state_t *state, const smart_check_t *check,
                          const fhir_type_t *type)
{
    const smart_watch_t *watch = type == NULL ? NULL : watch_for(state, type);
    size_t at = grants_at(state, check->grants);

    return watch != NULL && at < state->grants_n &&
           smart_watch_is_true_by(watch, 2 * at, 2, check->letters);
}

bool smart_review_is_outcome(const fhir_facts_t *facts)
{
    return base_span_is(fhir_text_span(&facts->type_name), "OperationOutcome") && !facts->contained;
}

/* D6: the Provenance whose targets were looked at, and no later version of it. */
static bool is_by_its_targets(const smart_check_t *check, const fhir_facts_t *facts)
{
    return check->by_targets && !facts->version_id.unknown &&
           base_span_eq(fhir_text_span(&facts->version_id), check->version_id);
}

/* L10, D9: the answer is what the URL names, and covered; else as if it did not exist. */
static base_reason_t judge_instance(smart_review_state_t *state, const smart_check_t *check,
                                    const fhir_facts_t *facts)
{
    if (facts->type == NULL || facts->type != check->cover.type || facts->id.unknown ||
        !base_span_eq(fhir_text_span(&facts->id), check->id)) {
        return BASE_ANSWER_UNEXPECTED;
    }
    if (smart_review_holds(state, check, SMART_R, facts) || is_by_its_targets(check, facts)) {
        return BASE_OK;
    }
    return state->review->_policy->hide_existence ? BASE_NOT_FOUND : BASE_SCOPE_MISSING;
}

base_reason_t smart_review_single(smart_review_state_t *state, const smart_check_t *check,
                                  const fhir_facts_t *facts)
{
    if (smart_review_is_outcome(facts)) {
        return BASE_OK;
    }
    switch (check->kind) {
    case SMART_CHECK_INSTANCE:
        return judge_instance(state, check, facts);
    case SMART_CHECK_WRITTEN:
        return smart_review_holds(state, check, SMART_R, facts) ? BASE_OK : BASE_ANSWER_UNCOVERED;
    case SMART_CHECK_OPERATION:
        return smart_review_holds(state, check, check->letters, facts) ? BASE_OK
                                                                       : BASE_ANSWER_UNCOVERED;
    case SMART_CHECK_NONE:
        return BASE_INTERNAL;
    default:
        return BASE_ANSWER_UNEXPECTED;
    }
}

static bool mode_is(const fhir_item_place_t *item, const char *mode)
{
    return base_span_is(fhir_text_span(&item->mode), mode);
}

bool smart_review_is_match(const fhir_item_place_t *item)
{
    return !mode_is(item, "include") && !mode_is(item, "outcome");
}

static bool is_expected(const smart_check_t *check, const fhir_facts_t *facts)
{
    return (check->cover.type == NULL || facts->type == check->cover.type) &&
           (check->id.p == NULL || check->kind != SMART_CHECK_HISTORY ||
            (!facts->id.unknown && base_span_eq(fhir_text_span(&facts->id), check->id)));
}

/* Where nobody knows who asked for what: any of the letters suffices (L20, B6). */
static bool is_mixed(const smart_check_t *check)
{
    return check->kind == SMART_CHECK_PAGE || check->kind == SMART_CHECK_OPERATION;
}

/* L20: what a page of a history shows under `both` would have to be covered by the current version, which nobody reads. */
static bool history_permits(smart_review_state_t *state, unsigned at, const smart_check_t *check,
                            const fhir_facts_t *facts)
{
    base_span_t type = fhir_text_span(&state->bundle.level[at].type);

    if (state->review->_policy->history_own || check->kind != SMART_CHECK_PAGE ||
        holds_for_all(state, check, facts->type)) {
        return true;
    }
    state->level[at].confined = state->level[at].confined || type.n == 0;
    return !base_span_is(type, "history");
}

/* L3, L8: an included resource by s, or, where an _include asks for its type, by r. */
static bool resource_holds(smart_review_state_t *state, unsigned at, const smart_check_t *check,
                           const fhir_item_place_t *item)
{
    const fhir_facts_t *facts = &item->facts;
    unsigned letters = SMART_S;

    if (facts->type == NULL) {
        return false;
    }
    if (!mode_is(item, "include") || is_mixed(check)) {
        return is_expected(check, facts) &&
               smart_review_holds(state, check, check->letters, facts) &&
               history_permits(state, at, check, facts);
    }
    if (fhir_type_set_has(&check->included, facts->type)) {
        letters |= SMART_R;
    }
    return check->includes && smart_review_holds(state, check, letters, facts);
}

/* D6, L9: a Provenance by targets of the same Bundle, where its grant is a patient's. */
static bool is_undecided(const smart_review_state_t *state, unsigned at, const smart_check_t *check,
                         const fhir_item_place_t *item)
{
    return at == state->home && state->waiting.provenances &&
           item->facts.type == state->waiting.provenance &&
           (is_mixed(check) || check->target_n > 0 ||
            (check->includes && mode_is(item, "include")));
}

/* Below one of the names that this server goes by. */
static bool is_here(const smart_review_state_t *state, unsigned at,
                    const fhir_reference_t *reference)
{
    const smart_base_t *base = smart_grants_base(state->level[at].check[0]->grants);
    const smart_link_bases_t *bases = &state->review->_head.bases;

    return fhir_reference_is_own(reference, base->urls, base->urls_n) ||
           fhir_reference_is_own(reference, &bases->upstream, bases->upstream.n > 0 ? 1 : 0) ||
           fhir_reference_is_own(reference, &bases->public_url, bases->public_url.n > 0 ? 1 : 0);
}

bool smart_review_names(const smart_review_state_t *state, unsigned at,
                        const fhir_item_place_t *item, fhir_reference_t *reference)
{
    fhir_reference_parse(fhir_url_span(&item->url), reference);
    if (is_here(state, at, reference)) {
        return true;
    }
    fhir_reference_parse(fhir_url_span(&item->full_url), reference);
    return !item->url.said && is_here(state, at, reference);
}

/* L8: that the own Patient is a match says nothing that its id does not. */
static bool is_own_patient(smart_review_state_t *state, unsigned at, const smart_check_t *check,
                           const fhir_reference_t *reference)
{
    const fhir_definitions_t *definitions = state->review->_policy->definitions;
    fhir_facts_t facts;

    memset(&facts, 0, sizeof(facts));
    facts.type = fhir_type_find(definitions, reference->type);
    facts.type_name.unknown = true;
    facts._unknown = UINT64_MAX;
    fhir_text_add(&facts.id, reference->id);
    if (!base_span_is(reference->type, "Patient") || facts.type == NULL) {
        return false;
    }
    facts.lens = smart_review_lens(state, facts.type);
    return (check->cover.type == NULL || check->cover.type == facts.type) && at == state->home &&
           smart_review_holds(state, check, check->letters, &facts);
}

/* L9: what a deletion says is what the version says that it deleted; where all of its type is covered, so is it. */
static smart_entry_fate_t judge_deletion(smart_review_state_t *state, const smart_check_t *check,
                                         const fhir_reference_t *reference)
{
    const fhir_type_t *type = fhir_type_find(state->review->_policy->definitions, reference->type);

    if (type != NULL && (check->cover.type == NULL || check->cover.type == type) &&
        check->id.p == NULL && holds_for_all(state, check, type)) {
        return SMART_ENTRY_KEPT;
    }
    return type == NULL ? SMART_ENTRY_DROPPED : SMART_ENTRY_UNDECIDED;
}

/* An entry without a resource. */
static smart_entry_fate_t judge_bodiless(smart_review_state_t *state, unsigned at,
                                         const smart_check_t *check, const fhir_item_place_t *item)
{
    fhir_reference_t reference;

    if (at != state->home || !smart_review_names(state, at, item, &reference)) {
        return SMART_ENTRY_DROPPED;
    }
    if (state->waiting.deletions && base_span_is(fhir_text_span(&item->method), "DELETE")) {
        return judge_deletion(state, check, &reference);
    }
    return item->method.n == 0 && is_own_patient(state, at, check, &reference)
               ? SMART_ENTRY_KEPT
               : SMART_ENTRY_DROPPED;
}

static smart_entry_fate_t judge_by(smart_review_state_t *state, unsigned at,
                                   const smart_check_t *check, const fhir_item_place_t *item)
{
    bool outcome = item->has_resource && smart_review_is_outcome(&item->facts);

    if (item->mode.unknown || item->other_outcome) {
        return SMART_ENTRY_DROPPED;
    }
    if (mode_is(item, "outcome")) {
        return outcome ? SMART_ENTRY_KEPT : SMART_ENTRY_DROPPED;
    }
    if (item->mode.n > 0 && !mode_is(item, "match") && !mode_is(item, "include")) {
        return SMART_ENTRY_DROPPED;
    }
    if (item->has_container) {
        return state->level[at].nested == BASE_OK ? SMART_ENTRY_KEPT : SMART_ENTRY_DROPPED;
    }
    if (!item->has_resource) {
        return judge_bodiless(state, at, check, item);
    }
    if (resource_holds(state, at, check, item)) {
        return SMART_ENTRY_KEPT;
    }
    return is_undecided(state, at, check, item) ? SMART_ENTRY_UNDECIDED : SMART_ENTRY_DROPPED;
}

/* All checks must let it pass. */
smart_entry_fate_t smart_review_entry(smart_review_state_t *state, unsigned at)
{
    const smart_review_level_t *level = &state->level[at];
    const fhir_item_place_t *item = &state->bundle.level[at].item;
    smart_entry_fate_t fate = SMART_ENTRY_KEPT, one;
    size_t i;

    if (item->wrong || level->check_n == 0) {
        return SMART_ENTRY_DROPPED;
    }
    for (i = 0; i < level->check_n && fate != SMART_ENTRY_DROPPED; i++) {
        one = judge_by(state, at, level->check[i], item);
        fate = one == SMART_ENTRY_KEPT ? fate : one;
    }
    return fate;
}
