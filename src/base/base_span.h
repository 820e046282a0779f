/*
 * base_span: a counted run of bytes that somebody else owns.
 *
 * A span never owns memory and is never NUL terminated. {NULL, 0} is the absent span; an empty but
 * present value has p != NULL. Everything that comes from outside travels as a span.
 */

#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const unsigned char *p;
    size_t n; /* bytes */
} base_span_t;

/* A span over a string literal, without its NUL; LIT initialises constants. */
#define BASE_SPAN_LIT(s)                                                                           \
    {                                                                                              \
        (const unsigned char *) (s), sizeof(s) - 1                                                 \
    }
#define BASE_SPAN(s) ((base_span_t) BASE_SPAN_LIT(s))

/* The span over a NUL terminated string (for constants and tests); NULL gives the absent span. */
base_span_t base_span_of(const char *text);

/* The span of n bytes at p. */
base_span_t base_span_make(const void *p, size_t n);

/* Exact, length-aware comparison. */
bool base_span_eq(base_span_t a, base_span_t b);

/* Compares with a NUL terminated constant. */
bool base_span_is(base_span_t a, const char *text);

/* ASCII case-insensitive comparison with a NUL terminated constant. */
bool base_span_is_nocase(base_span_t a, const char *text);

/* memcmp order, shorter first on a common prefix: < 0, 0, > 0. For bsearch in tables. */
int base_span_cmp(base_span_t a, base_span_t b);

/* True when a begins with the constant. */
bool base_span_starts(base_span_t a, const char *prefix);

/* The part from offset `from` up to and not including `to`; offsets beyond the end are cut. */
base_span_t base_span_sub(base_span_t a, size_t from, size_t to);

/* Offset of the first byte c, or a.n when there is none. */
size_t base_span_find(base_span_t a, unsigned char c);

/*
 * Splits off the part of *rest before the first `sep`: returns it and moves *rest behind the
 * separator. The last part leaves *rest absent ({NULL, 0}), so the loop is
 * `while (rest.p != NULL) { part = base_span_split(&rest, ','); ... }`. An empty part is present.
 */
base_span_t base_span_split(base_span_t *rest, unsigned char sep);

/* Decimal digits only, at least one, no sign: false on anything else or on overflow. */
bool base_span_uint(base_span_t a, uint64_t *value);

#endif
