/*
 * fhir_compartment: which elements make a resource a member of a compartment (RULES D1-D4).
 */

#ifndef FHIR_COMPARTMENT_H
#define FHIR_COMPARTMENT_H

#include "fhir/fhir_definitions.h"

typedef enum {
    FHIR_FORMAL, /* every membership parameter of the CompartmentDefinition */
    FHIR_STRICT  /* the narrowing element only: what a search by that parameter returns */
} fhir_membership_rule_t;

/*
 * The reference elements by which a resource of this type belongs to a patient. Empty for Patient
 * itself, which belongs by its id alone (RULES D3), and for types outside the compartment.
 */
fhir_paths_t fhir_compartment_paths(const fhir_type_t *type, fhir_membership_rule_t rule);

/* The compartment of that type name ("Patient", "Encounter" ...); false when it is none of the
 * five. */
bool fhir_compartment_find(base_span_t name, fhir_compartment_t *compartment);

/* True when the CompartmentDefinition lists the type with at least one parameter. */
bool fhir_compartment_has(fhir_compartment_t compartment, const fhir_type_t *type);

/* The parameter that confines a search on the type to a patient, or NULL (RULES C19). */
const char *fhir_compartment_parameter(const fhir_type_t *type);

#endif
