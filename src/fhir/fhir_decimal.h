/*
 * fhir_decimal: decimal numbers as they are written, compared exactly; never a double (RULES E6a).
 */

#ifndef FHIR_DECIMAL_H
#define FHIR_DECIMAL_H

#include "base/base_arena.h"

#define FHIR_DECIMAL_EXPONENT_MAX 9999 /* of an "e"; beyond it nothing is compared */

/* 0.d1d2d3... * 10^exponent; no digits: zero. */
typedef struct {
    base_span_t digits; /* from the first that is not 0; a '.' in it is passed over */
    int32_t exponent;
    bool negative;
} fhir_decimal_t;

/*
 * Reads a JSON number (RFC 8259 section 6). False: it is none, or its exponent is out of bounds.
 * The text must outlive it.
 */
bool fhir_decimal_parse(base_span_t text, fhir_decimal_t *decimal);

/* < 0, 0, > 0. */
int fhir_decimal_cmp(const fhir_decimal_t *a, const fhir_decimal_t *b);

typedef enum {
    FHIR_DECIMAL_OK,
    FHIR_DECIMAL_SIZE, /* more than 17 digits, or an exponent, whose precision is unsaid */
    FHIR_DECIMAL_NO_MEMORY
} fhir_decimal_reason_t;

/*
 * The half-open range [low, high) of all that rounds to `text`, a number by itself (R4
 * search.html#number): half a unit of its last digit to both sides.
 */
fhir_decimal_reason_t fhir_decimal_range(base_span_t text, base_arena_t *arena, fhir_decimal_t *low,
                                         fhir_decimal_t *high);

#endif
