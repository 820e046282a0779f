#include "smart/smart_security.h"

#include "fhir/fhir_walk.h"

#define HASHES_MAX ((size_t) 2048)

typedef struct {
    base_span_t reference;
    bool said; /* there is a context */
} context_t;

static bool read_reference(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    fhir_range_t range;

    return fhir_walk_string(walk, event, &((context_t *) ctx)->reference, &range);
}

static bool read_context(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    static const fhir_walk_member_t members[] = {{"reference", read_reference}};

    ((context_t *) ctx)->said = true;
    return fhir_walk_object(walk, event, members, 1, ctx, NULL);
}

base_reason_t smart_security_read(base_span_t body, base_arena_t *arena, base_span_t *context)
{
    static const fhir_walk_member_t members[] = {{"securityContext", read_context}};
    uint64_t *hashes = base_arena_table(arena, HASHES_MAX, sizeof(*hashes));
    context_t found = {{NULL, 0}, false};
    base_json_event_t event;
    fhir_walk_t walk;

    if (hashes == NULL) {
        return BASE_NO_MEMORY;
    }
    fhir_walk_start(&walk, body, BASE_BODY_TYPE, arena, hashes, HASHES_MAX);
    if (!fhir_walk_pull(&walk, &event) ||
        !fhir_walk_object(&walk, event, members, 1, &found, NULL) || !fhir_walk_end(&walk)) {
        return walk.reason;
    }
    *context = found.reference;
    return found.said && found.reference.n == 0 ? BASE_BODY_TYPE : BASE_OK;
}

/* Nobody but the own patients can be covered, so there is nothing to look at. */
static bool is_other_patient(const smart_cover_t *cover, base_span_t id)
{
    return !cover->linked && smart_cover_is_confined(cover) && !smart_cover_has_patient(cover, id);
}

smart_target_fate_t smart_security_judge(const smart_grants_t *grants, const smart_policy_t *policy,
                                         base_span_t context, base_span_t other,
                                         base_arena_t *arena, smart_cover_t *cover, base_span_t *id)
{
    const smart_base_t *base = smart_grants_base(grants);
    fhir_reference_t reference;
    const fhir_type_t *type;
    bool is_patient;

    fhir_reference_parse(context, &reference);
    type = fhir_type_find(policy->definitions, reference.type);
    if (type == NULL || type == policy->raw ||
        (!fhir_reference_is_own(&reference, base->urls, base->urls_n) &&
         !fhir_reference_is_own(&reference, &other, other.n > 0 ? 1 : 0))) {
        return SMART_TARGET_UNCOVERED;
    }
    *cover = smart_grants_cover(grants, SMART_R, type);
    /* what it points into is gone with the next read */
    *id = base_arena_copy(arena, reference.id);
    is_patient = fhir_type_is(type, "Patient");
    if (smart_cover_is_empty(cover) || id->p == NULL ||
        (is_patient && is_other_patient(cover, *id))) {
        return SMART_TARGET_UNCOVERED;
    }
    return smart_cover_is_true(cover) || (is_patient && smart_cover_has_patient(cover, *id) &&
                                          !smart_cover_is_constrained(cover))
               ? SMART_TARGET_COVERED
               : SMART_TARGET_TO_READ;
}
