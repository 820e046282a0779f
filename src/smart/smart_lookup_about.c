/* D6: a Provenance may be read when one of its targets is covered by r or s. */

#include "smart/smart_lookup_own.h"

#include "fhir/fhir_reference.h"
#include "smart/smart_targets.h"

/* Those beyond do not help it (L26). */
#define ABOUT_MAX ((size_t) 32)

typedef enum { ABOUT_COVERED, ABOUT_OF_NO_USE, ABOUT_ASKED } fate_t;

/* What the reference alone says; the own Patient was found before. Else what is to be read. */
static fate_t judge_reference(smart_lookup_t *lookup, base_span_t text, smart_step_t *step)
{
    const smart_base_t *base = smart_grants_base(lookup->_grants);
    const fhir_type_t *type;
    fhir_reference_t reference;
    smart_cover_t cover[2];

    fhir_reference_parse(text, &reference);
    type = fhir_type_find(lookup->_policy->definitions, reference.type);
    if (type == NULL || !fhir_reference_is_own(&reference, base->urls, base->urls_n)) {
        return ABOUT_OF_NO_USE;
    }
    cover[0] = smart_grants_cover(lookup->_grants, SMART_R, type);
    cover[1] = smart_grants_cover(lookup->_grants, SMART_S, type);
    if (smart_cover_is_true(&cover[0]) || smart_cover_is_true(&cover[1])) {
        return ABOUT_COVERED;
    }
    if (smart_cover_is_empty(&cover[0]) && smart_cover_is_empty(&cover[1])) {
        return ABOUT_OF_NO_USE;
    }
    lookup->_about_id = reference.id;
    *step =
        smart_lookup_ask(lookup, SMART_LOOKUP_ABOUT, type, reference.id, false, cover, 2, false);
    return ABOUT_ASKED;
}

static smart_step_t covered(smart_lookup_t *lookup)
{
    lookup->by_targets = true;
    return smart_lookup_covered(lookup);
}

static smart_step_t next(smart_lookup_t *lookup)
{
    smart_step_t step = SMART_REFUSE;

    while (lookup->_about_at < lookup->_about_n && lookup->_about_at < ABOUT_MAX) {
        switch (judge_reference(lookup, lookup->_about[lookup->_about_at++], &step)) {
        case ABOUT_COVERED:
            return covered(lookup);
        case ABOUT_ASKED:
            return step;
        default:
            break;
        }
    }
    return smart_lookup_uncovered(lookup);
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
    return next(lookup);
}
