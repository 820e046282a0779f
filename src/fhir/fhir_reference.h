/*
 * fhir_reference: what Reference.reference, a reference parameter or a claim names (RULES C18, D2).
 *
 * Nothing is decoded or normalised: case, encoding, extra segments and trailing slashes all make
 * another reference.
 */

#ifndef FHIR_REFERENCE_H
#define FHIR_REFERENCE_H

#include "base/base_span.h"

typedef enum {
    FHIR_REFERENCE_RELATIVE,    /* Type/id, Type/id/_history/vid */
    FHIR_REFERENCE_ABSOLUTE,    /* http(s)://.../Type/id, with or without _history/vid */
    FHIR_REFERENCE_BARE,        /* an id alone */
    FHIR_REFERENCE_CONTAINED,   /* #id */
    FHIR_REFERENCE_URN,         /* urn:... */
    FHIR_REFERENCE_CONDITIONAL, /* holds '?': a search that a server may run (RULES B5) */
    FHIR_REFERENCE_OTHER        /* anything else: names no resource that we know how to find */
} fhir_reference_kind_t;

typedef struct {
    fhir_reference_kind_t kind;
    base_span_t text; /* all of it */
    base_span_t base; /* ABSOLUTE: what precedes "/Type/id"; else absent */
    base_span_t type; /* RELATIVE, ABSOLUTE, CONDITIONAL where it has one; by its spelling alone, of
                         no version */
    base_span_t id;   /* RELATIVE, ABSOLUTE, BARE */
    base_span_t vid;
} fhir_reference_t;

/* Always gives a kind. The spans point into text. */
void fhir_reference_parse(base_span_t text, fhir_reference_t *ref);

/*
 * True when it literally names type/id on this server: relative, or absolute below one of `bases`
 * (no trailing slash, compared exactly). A version of it is the same resource. Never true for a
 * bare id.
 */
bool fhir_reference_is(const fhir_reference_t *ref, const base_span_t *bases, size_t n,
                       base_span_t type, base_span_t id);

/* True when it is relative, or absolute below one of the bases: type and id are ours. */
bool fhir_reference_is_own(const fhir_reference_t *ref, const base_span_t *bases, size_t n);

#endif
