/*
 * fhir_lens_watch: the inside of a lens. For fhir_lens.c and fhir_resource.c alone.
 */

#ifndef FHIR_LENS_WATCH_H
#define FHIR_LENS_WATCH_H

#include "fhir/fhir_resource.h"
#include "fhir/fhir_test_own.h"

typedef enum {
    FHIR_WATCH_REFERENCE,
    FHIR_WATCH_OTHERS,
    FHIR_WATCH_ABSENT,
    FHIR_WATCH_TEST,
    FHIR_WATCH_KINDS
} fhir_watch_kind_t;

typedef struct {
    fhir_watch_kind_t kind;
    const fhir_step_t
        *steps; /* down to the member whose value is tested; of a test, to the object */
    unsigned n_steps;
    unsigned end;   /* the step whose values are tested; of a test, that of its leaves */
    uint64_t group; /* the bits that together are the fact of this one */
    const base_span_t *bases;
    size_t n_bases;
    base_span_t type;
    const base_span_t *ids;
    size_t n_ids;
    const fhir_test_t *test;
    const fhir_place_t *place;
} fhir_watch_t;

/* What a kind makes of values at the last step. UNKNOWN outweighs MET, and MET outweighs NOT_MET.
 */
typedef struct {
    fhir_fact_t nothing; /* when no value came */
    fhir_fact_t other;   /* of a value that is no string */
    fhir_fact_t (*string)(const fhir_watch_t *watch, base_span_t text); /* NULL: of a test */
} fhir_watch_test_t;

struct fhir_lens_s {
    const fhir_type_t *type;
    base_arena_t *arena;
    const fhir_watch_t *watches[FHIR_LENS_BITS];
    unsigned n;
    uint64_t tests;  /* bits of tests */
    bool watches_id; /* a test looks at the resource's id */
};

const fhir_watch_test_t *fhir_watch_test(fhir_watch_kind_t kind);

#endif
