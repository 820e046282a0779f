/*
 * fhir_test_own: the inside of a test. For fhir_test*.c, fhir_lens.c, fhir_match.c and
 * fhir_resource.c.
 *
 * Each path of the parameter leads to an object (the resource itself, a Coding, a Period ...) of
 * which some members are leaves; a leaf plays a role in the comparison. A string that arrives at a
 * leaf is compared at once with every alternative: one bit each. What is found is put together when
 * the object ends.
 */

#ifndef FHIR_TEST_OWN_H
#define FHIR_TEST_OWN_H

#include "fhir/fhir_decimal.h"
#include "fhir/fhir_path.h"
#include "fhir/fhir_reference.h"
#include "fhir/fhir_test.h"
#include "fhir/fhir_when.h"

typedef enum {
    FHIR_ROLE_VALUE, /* the code, text, number, reference ... itself */
    FHIR_ROLE_SYSTEM,
    FHIR_ROLE_UNIT_CODE,
    FHIR_ROLE_UNIT,
    FHIR_ROLE_MASKS, /* those above have a mask */
    FHIR_ROLE_START = FHIR_ROLE_MASKS,
    FHIR_ROLE_END,
    FHIR_ROLE_BLIND /* its presence makes the fact unknown */
} fhir_role_t;

typedef enum { FHIR_LEAF_STRING, FHIR_LEAF_BOOLEAN, FHIR_LEAF_NUMBER } fhir_leaf_json_t;

typedef struct {
    base_span_t name;
    bool array;
    fhir_role_t role;
    fhir_leaf_json_t json;
} fhir_leaf_t;

#define FHIR_LEAVES_MAX 7

typedef struct {
    fhir_steps_t steps; /* to the object */
    fhir_leaf_t leaves[FHIR_LEAVES_MAX];
    unsigned n_leaves;
    bool systemless;    /* its values have no system: `|code` matches them */
    bool literal;       /* of references: compared as text (canonical, uri) */
    base_span_t target; /* only references to this type count; absent: all */
} fhir_place_t;

typedef struct {
    fhir_prefix_t prefix;
    base_span_t text;   /* token: code; string, uri, reference: all of it; absent: any code */
    base_span_t system; /* token, quantity; absent: any, or none */
    fhir_reference_t reference;
    bool own; /* the reference is below an own base */
    fhir_when_t when;
    fhir_decimal_t number;
    fhir_decimal_t low;
    fhir_decimal_t high;
} fhir_alternative_t;

struct fhir_test_s {
    const fhir_parameter_t *parameter;
    fhir_kind_t kind;
    bool full;
    const base_span_t *bases;
    size_t n_bases;
    const fhir_place_t *places;
    unsigned n_places;
    const fhir_alternative_t *alternatives;
    unsigned n_alternatives;
    uint64_t any_system; /* alternatives that take any, or none */
    uint64_t no_system;  /* `|code` */
    uint64_t any_code;   /* `system|`; a quantity without a unit */
};

/* The place of one path; false: it cannot be watched. *blind: only UNKNOWN can come of it. */
bool fhir_test_place(const fhir_path_t *path, fhir_kind_t kind, fhir_place_t *place, bool *blind);

#endif
