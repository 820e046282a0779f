/*
 * fhir_match: how far one watched test is in the object that is being read. For fhir_resource.c.
 */

#ifndef FHIR_MATCH_H
#define FHIR_MATCH_H

#include "fhir/fhir_fact.h"
#include "fhir/fhir_test_own.h"

/*
 * Begun anew for every object that a place leads to; kept only while it is open, but `filter` and
 * `found`, which live as long as the filtered object around it.
 */
typedef struct {
    union {
        uint64_t masks[FHIR_ROLE_MASKS]; /* alternatives met so far, by role */
        fhir_when_t when;                /* of a Period */
    } of;
    unsigned char seen;    /* roles that came, 1 << role */
    unsigned char leaf;    /* whose value comes next */
    unsigned char filter;  /* fhir_fact_t: whether the filtered object is one that counts */
    unsigned char found;   /* an object inside the filtered one met the test */
    unsigned char filters; /* the value that comes next is the filter's */
} fhir_match_t;

/* An object begins to which the place leads. */
void fhir_match_open(fhir_match_t *match);

/* The leaf of that name; false: the name is none. */
bool fhir_match_leaf(const fhir_place_t *place, base_span_t name, fhir_match_t *match);

/*
 * A value of the leaf. UNKNOWN: it cannot be judged; else NOT_MET, and the end of the object will
 * tell.
 */
fhir_fact_t fhir_match_value(const fhir_test_t *test, const fhir_place_t *place,
                             fhir_leaf_json_t json, base_span_t text, fhir_match_t *match);

/* The object ends. */
fhir_fact_t fhir_match_close(const fhir_test_t *test, const fhir_place_t *place,
                             const fhir_match_t *match);

#endif
