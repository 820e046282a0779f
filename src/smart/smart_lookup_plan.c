/* Which instances a request names that must be looked at first. */

#include "smart/smart_lookup_own.h"

#include "fhir/fhir_reference.h"
#include "smart/smart_parameters.h"

#include <string.h>

static smart_lookup_want_t *add(smart_lookup_t *lookup, unsigned why, const fhir_type_t *type,
                                base_span_t id)
{
    smart_lookup_want_t *one;

    if (lookup->_want_n == SMART_LOOKUP_WANTS_MAX) {
        return NULL;
    }
    one = &lookup->_want[lookup->_want_n++];
    one->why = why;
    one->type = type;
    one->id = id;
    return one;
}

/* Covered by r, or, where a search goes by it, by r or s. */
static bool add_granted(smart_lookup_t *lookup, unsigned why, const fhir_type_t *type,
                        base_span_t id, bool search)
{
    smart_lookup_want_t *one = add(lookup, why, type, id);

    if (one == NULL) {
        return false;
    }
    one->cover[one->cover_n++] = smart_grants_cover(lookup->_grants, SMART_R, type);
    if (search) {
        one->cover[one->cover_n++] = smart_grants_cover(lookup->_grants, SMART_S, type);
    }
    return true;
}

/* B6: the instance of an operation, which no constraint is for. `why` 0: none is looked at. */
static bool add_plain(smart_lookup_t *lookup, unsigned why, unsigned letter)
{
    const fhir_request_t *request = lookup->_request;
    smart_lookup_want_t *one = why == 0 ? NULL : add(lookup, why, request->type, request->id);

    if (one != NULL) {
        one->cover[0] = smart_grants_cover(lookup->_grants, letter, request->type);
        one->cover[0]._alternative_n = 0;
        one->cover_n = 1;
    }
    return why == 0 || one != NULL;
}

/* D7: whose it is, whatever is granted on it. The patients are those of the types that are searched. */
static bool add_compartment(smart_lookup_t *lookup)
{
    const fhir_definitions_t *definitions = lookup->_policy->definitions;
    const fhir_request_t *request = lookup->_request;
    smart_lookup_want_t *one =
        add(lookup, SMART_LOOKUP_COMPARTMENT, request->compartment, request->compartment_id);
    smart_cover_t members, cover;
    unsigned i;

    if (one == NULL) {
        return false;
    }
    members = smart_grants_cover(lookup->_grants, SMART_R, request->compartment);
    members.is_true = false;
    members.confined_n = members._alternative_n = 0;
    for (i = 0; i < definitions->n_types; i++) {
        if (request->type == NULL || request->type == &definitions->types[i]) {
            cover = smart_grants_cover(lookup->_grants, SMART_S, &definitions->types[i]);
            smart_cover_add_members(&members, &cover);
        }
    }
    one->cover[one->cover_n++] = members;
    return true;
}

static base_reason_t add_lists(smart_lookup_t *lookup)
{
    const fhir_item_t *item;
    const fhir_type_t *type;
    base_span_t value, id;
    size_t at = 0;

    while ((item = fhir_query_next(&lookup->_request->query, &at)) != NULL) {
        if ((!base_span_is(item->code, "_list") && !base_span_is(item->code, "_in")) ||
            base_span_starts(item->value, "$")) {
            continue;
        }
        value = item->value;
        while (smart_parameters_listed(lookup->_policy, item, &value, &type, &id)) {
            if (type == NULL) {
                return BASE_PARAMETER_REFUSED;
            }
            if (!add_granted(lookup, SMART_LOOKUP_LISTS, type, id, true)) {
                return BASE_PREREAD_TOO_MANY;
            }
        }
    }
    return BASE_OK;
}

/* The own Patient by the reference alone (D6), else what r or s is granted on (L4). */
static bool may_be_covered(const smart_lookup_t *lookup, const fhir_type_t *type, base_span_t id)
{
    smart_cover_t by = smart_grants_cover(lookup->_grants, SMART_S, lookup->_request->type);
    smart_cover_t read = smart_grants_cover(lookup->_grants, SMART_R, type);
    smart_cover_t search = smart_grants_cover(lookup->_grants, SMART_S, type);

    return !smart_cover_is_empty(&read) || !smart_cover_is_empty(&search) ||
           (fhir_type_is(type, "Patient") && smart_cover_has_patient(&by, id));
}

/* L9: instances by name, and few of them. */
static base_reason_t add_target(smart_lookup_t *lookup, base_span_t text)
{
    const smart_base_t *base = smart_grants_base(lookup->_grants);
    const fhir_type_t *type;
    fhir_reference_t reference;
    base_span_t path;

    fhir_reference_parse(text, &reference);
    type = fhir_type_find(lookup->_policy->definitions, reference.type);
    if (type == NULL || !fhir_reference_is_own(&reference, base->urls, base->urls_n) ||
        lookup->target_n == SMART_LOOKUP_TARGETS_MAX ||
        !may_be_covered(lookup, type, reference.id)) {
        return BASE_PARAMETER_REFUSED;
    }
    path = fhir_request_path(lookup->_arena, type, reference.id, "");
    if (path.p == NULL) {
        return BASE_NO_MEMORY;
    }
    lookup->target[lookup->target_n++] = base_span_sub(path, 1, path.n);
    return add_granted(lookup, SMART_LOOKUP_TARGETS, type, reference.id, true)
               ? BASE_OK
               : BASE_PREREAD_TOO_MANY;
}

static base_reason_t add_targets(smart_lookup_t *lookup)
{
    const fhir_item_t *item;
    base_reason_t reason = BASE_OK;
    base_span_t value;
    size_t at = 0;

    lookup->target =
        base_arena_array(lookup->_arena, SMART_LOOKUP_TARGETS_MAX, sizeof(*lookup->target));
    if (lookup->target == NULL) {
        return BASE_NO_MEMORY;
    }
    while (reason == BASE_OK &&
           (item = fhir_query_find(&lookup->_request->query, BASE_SPAN("target"), &at)) != NULL) {
        value = item->value;
        if (item->modifier.p != NULL || item->chained || value.p == NULL) {
            return BASE_PARAMETER_REFUSED;
        }
        while (reason == BASE_OK && value.p != NULL) {
            reason = add_target(lookup, fhir_query_split(&value));
        }
    }
    return reason;
}

base_reason_t smart_lookup_plan(smart_lookup_t *lookup, unsigned lookups)
{
    static const unsigned instance[] = {SMART_LOOKUP_CURRENT, SMART_LOOKUP_INSTANCE,
                                        SMART_LOOKUP_PROVENANCE};
    static const unsigned raw[] = {SMART_LOOKUP_BINARY, SMART_LOOKUP_CONTEXT};
    const fhir_request_t *request = lookup->_request;
    base_reason_t reason = BASE_OK;
    size_t i;

    lookup->_want =
        base_arena_array(lookup->_arena, SMART_LOOKUP_WANTS_MAX, sizeof(*lookup->_want));
    if (lookup->_want == NULL) {
        return BASE_NO_MEMORY;
    }
    if ((lookups & SMART_LOOKUP_COMPARTMENT) != 0 && !add_compartment(lookup)) {
        return BASE_PREREAD_TOO_MANY;
    }
    for (i = 0; i < sizeof(instance) / sizeof(instance[0]); i++) {
        if ((lookups & instance[i]) != 0 &&
            !add_granted(lookup, instance[i], request->type, request->id, false)) {
            return BASE_PREREAD_TOO_MANY;
        }
    }
    if (!add_plain(lookup, lookups & SMART_LOOKUP_OPERATED, SMART_R) ||
        !add_plain(lookup, lookups & SMART_LOOKUP_CHANGED, SMART_U)) {
        return BASE_PREREAD_TOO_MANY;
    }
    for (i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
        if ((lookups & raw[i]) != 0 && add(lookup, raw[i], request->type, request->id) == NULL) {
            return BASE_PREREAD_TOO_MANY;
        }
    }
    if ((lookups & SMART_LOOKUP_LISTS) != 0) {
        reason = add_lists(lookup);
    }
    if (reason == BASE_OK && (lookups & SMART_LOOKUP_TARGETS) != 0) {
        reason = add_targets(lookup);
    }
    return reason;
}
