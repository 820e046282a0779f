/*
 * smart_parameters_body: the Parameters of an operation by POST (RULES B6, B8): they are judged as a query is.
 */

#ifndef SMART_PARAMETERS_BODY_H
#define SMART_PARAMETERS_BODY_H

#include "fhir/fhir_query.h"

/* Where another parameter can be put in. */
typedef struct {
    size_t at;
    const char *before; /* what stands before it, and behind: constants */
    const char *behind;
} smart_parameters_place_t;

/*
 * Adds each parameter to the query as FHIR_FROM_FORM, its value as text: strings and codes, references, numbers and booleans as they are written,
 * of a Coding and a CodeableConcept nothing. BASE_BODY_TYPE:
 * it is no Parameters resource, or one whose reader might find something else in it: another member, parts, a resource, two values. BASE_JSON_*, BASE_QUERY_*,
 * BASE_NO_MEMORY.
 */
base_reason_t smart_parameters_body_read(base_span_t body, base_arena_t *arena, fhir_query_t *query,
                                         smart_parameters_place_t *place);

/* The body with one more parameter, a valueString, in the arena; `value` needs no escapes. Absent: no memory. */
base_span_t smart_parameters_body_add(base_span_t body, const smart_parameters_place_t *place,
                                      const char *name, base_span_t value, base_arena_t *arena);

#endif
