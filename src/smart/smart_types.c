#include "smart/smart_types.h"

#include "fhir/fhir_use.h"

bool smart_types_listed(const fhir_request_t *request, const fhir_definitions_t *definitions,
                        fhir_type_set_t *types)
{
    const fhir_item_t *item;
    fhir_type_set_t more;
    size_t at = 0;

    *types = fhir_type_set_all(definitions);
    while ((item = fhir_query_find(&request->query, BASE_SPAN("_type"), &at)) != NULL) {
        if (!fhir_use_types(definitions, item->value, &more)) {
            return false;
        }
        fhir_type_set_intersect(types, &more);
    }
    return true;
}

fhir_type_set_t smart_types_searchable(const smart_grants_t *grants, const fhir_request_t *request,
                                       const fhir_definitions_t *definitions,
                                       const fhir_type_set_t *among)
{
    fhir_compartment_t compartment = FHIR_COMPARTMENT_PATIENT;
    fhir_type_set_t found = {{0}};
    const fhir_type_t *type;
    smart_cover_t cover;
    unsigned i;

    if (request->compartment != NULL) {
        (void) fhir_compartment_find(base_span_of(request->compartment->name), &compartment);
    }
    for (i = 0; i < definitions->n_types; i++) {
        type = &definitions->types[i];
        cover = smart_grants_cover(grants, SMART_S, type);
        if (fhir_type_set_has(among, type) && smart_cover_is_true(&cover) &&
            (request->compartment == NULL || fhir_compartment_has(compartment, type))) {
            fhir_type_set_add(&found, type);
        }
    }
    return found;
}

fhir_type_set_t smart_types_own(const smart_grants_t *grants, const fhir_request_t *request,
                                const fhir_definitions_t *definitions, const fhir_type_set_t *among,
                                bool *other)
{
    fhir_compartment_t compartment = FHIR_COMPARTMENT_PATIENT;
    fhir_type_set_t found = {{0}};
    smart_cover_t cover;
    unsigned i;

    *other = false;
    (void) fhir_compartment_find(base_span_of(request->compartment->name), &compartment);
    for (i = 0; i < definitions->n_types; i++) {
        cover = smart_grants_cover(grants, SMART_S, &definitions->types[i]);
        if (smart_cover_is_empty(&cover) ||
            !fhir_compartment_has(compartment, &definitions->types[i])) {
            continue;
        }
        if (compartment == FHIR_COMPARTMENT_PATIENT &&
            !smart_cover_has_patient(&cover, request->compartment_id)) {
            *other = true;
        } else if (fhir_type_set_has(among, &definitions->types[i])) {
            fhir_type_set_add(&found, &definitions->types[i]);
        }
    }
    return found;
}
