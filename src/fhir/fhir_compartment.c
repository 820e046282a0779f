#include "fhir/fhir_compartment.h"

static const char *const names[FHIR_COMPARTMENT_COUNT] = {"Patient", "Encounter", "Practitioner",
                                                          "RelatedPerson", "Device"};

fhir_paths_t fhir_compartment_paths(const fhir_type_t *type, fhir_membership_rule_t rule)
{
    static const fhir_paths_t none = {NULL, 0};

    /* Patient.link is a membership parameter in every version; here only the id counts (RULES D3).
     */
    if (base_span_is(base_span_of(type->name), names[FHIR_COMPARTMENT_PATIENT])) {
        return none;
    }
    return rule == FHIR_STRICT ? type->narrowing.paths : type->members;
}

bool fhir_compartment_find(base_span_t name, fhir_compartment_t *compartment)
{
    for (unsigned i = 0; i < FHIR_COMPARTMENT_COUNT; i++) {
        if (base_span_is(name, names[i])) {
            *compartment = (fhir_compartment_t) i;
            return true;
        }
    }
    return false;
}

bool fhir_compartment_has(fhir_compartment_t compartment, const fhir_type_t *type)
{
    return type->memberships[compartment].n > 0;
}

const char *fhir_compartment_parameter(const fhir_type_t *type)
{
    return type->narrowing.parameter;
}
