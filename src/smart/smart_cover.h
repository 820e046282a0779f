/*
 * smart_cover: cover(letter, T), the OR of all grants with one letter on one type (RULES L).
 *
 * A cover is true (some grant is unconditional), empty (nothing is granted), or confined: then it holds for resources that belong to one
 * of its patients, by the compartment's elements (D1-D4).
 */

#ifndef SMART_COVER_H
#define SMART_COVER_H

#include "base/base_arena.h"
#include "fhir/fhir_compartment.h"
#include "fhir/fhir_resource.h"
#include "smart/smart_context.h"

#define SMART_CONFINED_MAX 2 /* patient/ and confined user/ */

/* The patients that some grants are confined to: plain ids. */
typedef struct {
    base_span_t id[SMART_PATIENTS_MAX];
    size_t n;
} smart_confinement_t;

/* A small value to pass around; what it points to belongs to the grants. */
typedef struct {
    const fhir_type_t *type;
    unsigned letter;
    bool is_true;
    bool linked; /* linked_patients allow: Patient.link counts (D3) */
    fhir_membership_rule_t rule;
    const smart_confinement_t *confined[SMART_CONFINED_MAX];
    size_t confined_n;
    const smart_base_t *base;
} smart_cover_t;

/* True: nothing is checked. */
bool smart_cover_is_true(const smart_cover_t *cover);

/* Nothing is granted. */
bool smart_cover_is_empty(const smart_cover_t *cover);

/* The patients it is confined to, without repeats: how many were written to `ids` (room for SMART_CONFINED_MAX * SMART_PATIENTS_MAX). */
size_t smart_cover_patients(const smart_cover_t *cover, base_span_t *ids);

/* True when it is confined and the id is one of its patients. */
bool smart_cover_has_patient(const smart_cover_t *cover, base_span_t id);

/*
 * The parameter that confines a search of the cover's type (C19, L5): "patient" and "123", "subject" and "Patient/123", several
 * patients joined by commas. False when there is no such parameter, nothing to append (true or empty cover), or no memory.
 */
bool smart_cover_narrowing(const smart_cover_t *cover, base_arena_t *arena, base_span_t *name,
                           base_span_t *value);

/*
 * A lens that sees what decides membership, in the arena; NULL when none is needed (true cover, Patient without links, which is judged by id)
 * and *ok is true, or when it cannot be made and *ok is false: the resource can then not be judged.
 */
fhir_lens_t *smart_cover_watch(const smart_cover_t *cover, base_arena_t *arena, bool *ok);

/* True when the resource that gave these facts, read with that lens, is covered. Facts that could not be read never permit. */
bool smart_cover_holds(const smart_cover_t *cover, const fhir_facts_t *facts);

#endif
