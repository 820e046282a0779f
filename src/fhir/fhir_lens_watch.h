/*
 * fhir_lens_watch: the inside of a lens. For fhir_lens.c and fhir_resource.c alone.
 */

#ifndef FHIR_LENS_WATCH_H
#define FHIR_LENS_WATCH_H

#include "fhir/fhir_resource.h"

typedef enum { FHIR_WATCH_REFERENCE, FHIR_WATCH_ABSENT, FHIR_WATCH_KINDS } fhir_watch_kind_t;

typedef struct {
    base_span_t name;
    bool array;
} fhir_step_t;

typedef struct {
    fhir_watch_kind_t kind;
    const fhir_step_t *steps; /* down to the member whose value is tested */
    unsigned n_steps;
    const base_span_t *bases;
    size_t n_bases;
    base_span_t type;
    const base_span_t *ids;
    size_t n_ids;
} fhir_watch_t;

/* What a kind makes of values at the last step. UNKNOWN outweighs MET, and MET outweighs NOT_MET.
 */
typedef struct {
    fhir_fact_t nothing; /* when no value came */
    fhir_fact_t other;   /* of a value that is no string */
    fhir_fact_t (*string)(const fhir_watch_t *watch, base_span_t text);
} fhir_watch_test_t;

struct fhir_lens_s {
    const fhir_type_t *type;
    base_arena_t *arena;
    const fhir_watch_t *watches[FHIR_LENS_BITS];
    unsigned n;
};

const fhir_watch_test_t *fhir_watch_test(fhir_watch_kind_t kind);

#endif
