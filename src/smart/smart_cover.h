/*
 * smart_cover: cover(letter, T), the OR of all grants with one letter on one type (RULES L).
 *
 * A cover is true (some grant is unconditional), empty (nothing is granted), or a disjunction: of confinements to patients, by the
 * compartment's elements (D1-D4, D8), and of alternatives, each a constraint, confined or not.
 */

#ifndef SMART_COVER_H
#define SMART_COVER_H

#include "base/base_arena.h"
#include "fhir/fhir_compartment.h"
#include "fhir/fhir_resource.h"
#include "smart/smart_constraint.h"
#include "smart/smart_context.h"

#define SMART_CONFINED_MAX 2 /* patient/ and confined user/ */
#define SMART_COVERS_MAX   8 /* asked of one resource: r and s of several grants */

/* The patients that some grants are confined to: plain ids. */
typedef struct {
    base_span_t id[SMART_PATIENTS_MAX];
    size_t n;
} smart_confinement_t;

/* A grant with a constraint. */
typedef struct {
    fhir_type_set_t types;
    unsigned letters;
    const smart_confinement_t *who; /* NULL: of anybody */
    smart_constraint_t constraint;
} smart_alternative_t;

/* A small value to pass around; what it points to belongs to the grants. */
typedef struct {
    const fhir_type_t *type;
    unsigned letter;
    bool is_true;
    bool linked; /* linked_patients allow: Patient.link counts (D3) */
    fhir_membership_rule_t rule;
    const smart_confinement_t *confined[SMART_CONFINED_MAX]; /* unconstrained */
    size_t confined_n;
    const smart_alternative_t *_alternative; /* of all letters and types: smart_cover_alternative */
    size_t _alternative_n;
    const smart_base_t *base;
} smart_cover_t;

/* True: nothing is checked. */
static inline bool smart_cover_is_true(const smart_cover_t *cover)
{
    return cover->is_true;
}

/* Nothing is granted. */
bool smart_cover_is_empty(const smart_cover_t *cover);

/* True when some of it is constrained; false for a true cover. */
bool smart_cover_is_constrained(const smart_cover_t *cover);

/* True when it is not empty and all of it belongs to patients: nobody else's resource can be covered. */
bool smart_cover_is_confined(const smart_cover_t *cover);

/* The next constrained alternative of the cover, from *at on (begin with 0); NULL at the end. */
const smart_alternative_t *smart_cover_alternative(const smart_cover_t *cover, size_t *at);

/* The patients it is confined to, without repeats: how many were written to `ids` (room for SMART_CONFINED_MAX * SMART_PATIENTS_MAX). */
size_t smart_cover_patients(const smart_cover_t *cover, base_span_t *ids);

/* True when some of it is confined and the id is one of its patients. */
bool smart_cover_has_patient(const smart_cover_t *cover, base_span_t id);

/*
 * Adds to `members` (of the type, letter and base it has) the patients that `cover` is confined to: who is a member of their compartments,
 * whatever is granted on the type (D7).
 */
void smart_cover_add_members(smart_cover_t *members, const smart_cover_t *cover);

/* The parameter that confines a search of the type to a patient: C19's, of patient-linked types their link's (D8); NULL: none. */
const char *smart_cover_parameter(const fhir_type_t *type);

/* True for that parameter of the type and those that read the same element; for Patient `_id` alone (C15). */
static inline bool smart_cover_is_subject(const fhir_type_t *type,
                                          const fhir_parameter_t *parameter)
{
    return parameter->subject ||
           (fhir_type_is(type, "Patient") && strcmp(parameter->name, "_id") == 0);
}

/* True when what confines the type to a patient can name one only: no room is left for another. */
bool smart_cover_is_single(const fhir_type_t *type);

/* The elements that make a resource a patient's, by the cover's rule; none for Patient, which is judged by its id (D3). */
fhir_paths_t smart_cover_paths(const smart_cover_t *cover);

/* What must be looked at in a resource to say whether one of the covers holds for it. */
typedef struct smart_watch_s smart_watch_t;

/* In the arena, for covers of one type, at most SMART_COVERS_MAX; NULL: no memory, the resource can then not be judged. */
const smart_watch_t *smart_cover_watch(const smart_cover_t *cover, size_t n, base_arena_t *arena);

/* The lens by which such resources must be read; NULL: none is needed. */
const fhir_lens_t *smart_watch_lens(const smart_watch_t *watch);

/* The same for fhir_resource_read and smart_stored: `ctx` is the watch; NULL for another type. */
const fhir_lens_t *smart_watch_lookup(void *ctx, const fhir_type_t *type);

/* True when one of the covers with one of these letters is true: whatever is of the type is covered. */
bool smart_watch_is_true(const smart_watch_t *watch, unsigned letters);

/* True when the resource that gave these facts, read by that lens, is covered by one of the covers with one of these letters. Facts that
 * could not be read never permit. */
bool smart_watch_holds(const smart_watch_t *watch, unsigned letters, const fhir_facts_t *facts);

/* The same by the `n` covers from `first` on alone: those of one of several grants. */
bool smart_watch_is_true_by(const smart_watch_t *watch, size_t first, size_t n, unsigned letters);
bool smart_watch_holds_by(const smart_watch_t *watch, size_t first, size_t n, unsigned letters,
                          const fhir_facts_t *facts);

#endif
