/* D6: a Provenance may be read when one of its targets is covered by r or s. */

#include "smart/smart_lookup_own.h"

#include "smart/smart_targets.h"

/* Those beyond do not help it (L26). */
#define ABOUT_MAX ((size_t) 32)

static smart_step_t covered(smart_lookup_t *lookup)
{
    lookup->by_targets = true;
    return smart_lookup_covered(lookup);
}

/* The server said that it will not show the target: that one does not help. Any other failure may be over soon. */
static bool is_answer(base_reason_t reason)
{
    return reason == BASE_PREREAD_FAILED;
}

static smart_step_t next(smart_lookup_t *lookup)
{
    smart_target_t target;

    while (lookup->_about_at < lookup->_about_n && lookup->_about_at < ABOUT_MAX) {
        /* the own Patient was found before */
        switch (smart_targets_judge(lookup->_grants, lookup->_policy->definitions,
                                    lookup->_about[lookup->_about_at++], &target)) {
        case SMART_TARGET_COVERED:
            return covered(lookup);
        case SMART_TARGET_TO_READ:
            lookup->_about_id = target.reference.id;
            return smart_lookup_ask(lookup, SMART_LOOKUP_ABOUT, target.type, target.reference.id,
                                    false, target.cover, 2, false);
        default:
            break;
        }
    }
    return lookup->_about_failed == BASE_OK
               ? smart_lookup_uncovered(lookup)
               : smart_lookup_refuse(lookup, lookup->_about_failed, "D6");
}

smart_step_t smart_lookup_about(smart_lookup_t *lookup)
{
    const fhir_facts_t *facts = &lookup->_stored.facts;
    base_span_t version = fhir_text_span(&facts->version_id);
    smart_targets_t targets;
    base_reason_t reason = smart_targets_read(lookup->_stored.body, lookup->_arena, &targets);

    if (reason == BASE_NO_MEMORY) {
        return smart_lookup_refuse(lookup, reason, "L26");
    }
    if (reason != BASE_OK || facts->version_id.unknown || facts->type != lookup->_request->type ||
        facts->id.unknown || !base_span_eq(fhir_text_span(&facts->id), lookup->_request->id)) {
        return smart_lookup_uncovered(lookup);
    }
    if (version.n > 0) {
        lookup->version_id = base_arena_copy(lookup->_arena, version);
        if (lookup->version_id.p == NULL) {
            return smart_lookup_refuse(lookup, BASE_NO_MEMORY, "L26");
        }
    }
    lookup->_about = targets.text;
    lookup->_about_n = targets.n;
    return next(lookup);
}

smart_step_t smart_lookup_about_read(smart_lookup_t *lookup)
{
    if (lookup->_stored.state == SMART_STORED_FOUND &&
        smart_lookup_holds(lookup, &lookup->_stored.facts, lookup->_about_id)) {
        return covered(lookup);
    }
    if (lookup->_stored.state == SMART_STORED_FAILED && !is_answer(lookup->_stored.reason)) {
        lookup->_about_failed = lookup->_stored.reason;
    }
    return next(lookup);
}
