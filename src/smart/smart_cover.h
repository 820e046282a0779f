/*
 * smart_cover: cover(letter, T), the OR of all grants with one letter on one type (RULES L).
 *
 * A cover is true (some grant is unconditional), empty (nothing is granted), or confined: then it holds for resources that belong to one of
 * its patients, by the compartment's elements or by the rules of the type's class (D1-D8).
 */

#ifndef SMART_COVER_H
#define SMART_COVER_H

#include "base/base_arena.h"
#include "fhir/fhir_definitions.h"
#include "fhir/fhir_lens.h"
#include "fhir/fhir_query.h"
#include "fhir/fhir_resource.h"
#include "smart/smart_context.h"
#include "smart/smart_verdict.h"

/* True: nothing is checked. */
bool smart_cover_is_true(const smart_cover_t *cover);

/* Nothing is granted. */
bool smart_cover_is_empty(const smart_cover_t *cover);

/* The patients it is confined to, plain ids. 0 when it is true, empty, or confined by type alone. */
size_t smart_cover_patients(const smart_cover_t *cover, const base_span_t **ids);

/* The narrowing parameter that confines a search of the cover's type (C19, L5): name and value ("patient", "123"; "subject", "Patient/123").
 * False when there is nothing to append (true cover) or no such parameter. */
bool smart_cover_narrowing(const smart_cover_t *cover, base_arena_t *arena, base_span_t *name, base_span_t *value);

/*
 * Adds to a lens what must be looked at to judge a resource. After reading a resource with that lens, smart_cover_holds.
 * False: does not fit, or no memory; the resource cannot be judged.
 */
bool smart_cover_watch(const smart_cover_t *cover, fhir_lens_t *lens);

/* True when the resource that gave these facts is covered. Facts that could not be read never permit. */
bool smart_cover_holds(const smart_cover_t *cover, const fhir_facts_t *facts);

#endif
