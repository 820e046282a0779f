/*
 * smart_types: the types that a search of several types may find (RULES C11, D7, L17).
 */

#ifndef SMART_TYPES_H
#define SMART_TYPES_H

#include "fhir/fhir_request.h"
#include "smart/smart_grants.h"

/* Those that the query lists by _type, all without; false when a list is not of types (C11). */
bool smart_types_listed(const fhir_request_t *request, const fhir_definitions_t *definitions,
                        fhir_type_set_t *types);

/* Of `among`, those with a true s-cover; of a compartment its members. */
fhir_type_set_t smart_types_searchable(const smart_grants_t *grants, const fhir_request_t *request,
                                       const fhir_definitions_t *definitions,
                                       const fhir_type_set_t *among);

/*
 * Of `among`, members of the Patient compartment that are granted s for the patient whose compartment is asked for; *other: some are
 * granted, but only for other patients (D7).
 */
fhir_type_set_t smart_types_own(const smart_grants_t *grants, const fhir_request_t *request,
                                const fhir_definitions_t *definitions, const fhir_type_set_t *among,
                                bool *other);

#endif
