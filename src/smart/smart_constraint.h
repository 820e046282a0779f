/*
 * smart_constraint: what follows the '?' of a scope, compiled for one FHIR version (RULES A17-A24, E6a).
 *
 * A constraint is void as a whole when any of its items cannot be evaluated: leaving an item out would broaden it.
 */

#ifndef SMART_CONSTRAINT_H
#define SMART_CONSTRAINT_H

#include "fhir/fhir_test.h"
#include "smart/smart_context.h"
#include "smart/smart_scope.h"

#define SMART_CONSTRAINT_ITEMS 16 /* of one scope; more: not evaluable */

/* name=value, both decoded once; `\,` and the like are still escaped in the value. */
typedef struct {
    base_span_t name;
    base_span_t value;
    const fhir_test_t *test;
} smart_constraint_item_t;

/* All items must hold. n = 0: no constraint. */
typedef struct {
    const smart_constraint_item_t *item;
    size_t n;
} smart_constraint_t;

/*
 * Compiles the text (undecoded, well-formed as smart_scope_parse leaves it) for a type; type NULL: for any type, by the parameters that all
 * types have. SMART_SCOPE_GOOD and *constraint in the arena; SMART_SCOPE_RESULT_PARAMETER, SMART_SCOPE_EXPERIMENTAL,
 * SMART_SCOPE_PARAMETER_UNKNOWN, SMART_SCOPE_NOT_EVALUABLE: it is void; SMART_SCOPE_STATE_COUNT: no memory. The own URLs of the base
 * must outlive the constraint and have no trailing slash.
 */
smart_scope_state_t smart_constraint_compile(base_span_t text,
                                             const fhir_definitions_t *definitions,
                                             const fhir_type_t *type, const smart_base_t *base,
                                             base_arena_t *arena, smart_constraint_t *constraint);

#endif
