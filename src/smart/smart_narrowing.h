/*
 * smart_narrowing: what is appended to a search so that it finds what a cover covers (RULES C19, C20, L5).
 *
 * A narrowing is complete: everything that is covered satisfies it. It is sound when everything that satisfies it is covered.
 */

#ifndef SMART_NARROWING_H
#define SMART_NARROWING_H

#include "fhir/fhir_query.h"
#include "smart/smart_cover.h"

/* One parameter: "patient" and "p1", "category" and "a,b". Decoded; constants of the grants or in the arena. */
typedef struct {
    base_span_t name;
    base_span_t value;
} smart_narrowing_item_t;

typedef struct {
    const smart_narrowing_item_t *item;
    size_t n;
    bool sound;
} smart_narrowing_t;

/*
 * The narrowing of a cover that is neither true nor empty; of a true one nothing, sound. What all alternatives say alike is said; a
 * parameter in which they differ is said with its values joined by commas, the patients' too. Whom the query
 * excludes, because it names others alone, is left out (L5); `query` may be NULL. False: no memory.
 */
bool smart_narrowing_make(const smart_cover_t *cover, const fhir_definitions_t *definitions,
                          const fhir_query_t *query, base_arena_t *arena,
                          smart_narrowing_t *narrowing);

/* Appends the item unless the query says it already (L5). BASE_OK, or why not, as fhir_query_append. */
base_reason_t smart_narrowing_append(const smart_narrowing_item_t *item, fhir_query_t *query,
                                     fhir_origin_t origin);

#endif
