/*
 * base_span: a counted run of bytes that somebody else owns.
 *
 * A span never owns memory and is never NUL terminated. {NULL, 0} is the absent span; an empty but
 * present value has p != NULL. Everything that comes from outside travels as a span.
 *
 * Small ones are inline: they are on every path, and the length of a constant is then known when
 * it is compiled.
 */

#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* The span of n bytes at p. */
static inline base_span_t base_span_make(const void *p, size_t n)
{
    return (base_span_t){p, n};
}

/* The span over a NUL terminated string (for constants and tests); NULL gives the absent span. */
static inline base_span_t base_span_of(const char *text)
{
    if (text == NULL) {
        return (base_span_t){NULL, 0};
    }
    return base_span_make(text, strlen(text));
}

/* Exact, length-aware comparison. */
static inline bool base_span_eq(base_span_t a, base_span_t b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Compares with a NUL terminated constant. */
static inline bool base_span_is(base_span_t a, const char *text)
{
    /* Most that are compared differ at once: those are not measured first. */
    if (a.n == 0 || text[0] == '\0') {
        return a.n == 0 && text[0] == '\0';
    }
    return a.p[0] == (unsigned char) text[0] && base_span_eq(a, base_span_make(text, strlen(text)));
}

/* ASCII lower case of one byte. */
static inline unsigned char base_span_lower(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') ? (unsigned char) (c | 0x20) : c;
}

/* ASCII case-insensitive comparison, of the first with a NUL terminated constant. */
bool base_span_is_nocase(base_span_t a, const char *text);
bool base_span_eq_nocase(base_span_t a, base_span_t b);

/* memcmp order, shorter first on a common prefix: < 0, 0, > 0. For bsearch in tables. */
int base_span_cmp(base_span_t a, base_span_t b);

/* True when a begins with the constant. */
static inline bool base_span_starts(base_span_t a, const char *prefix)
{
    size_t n = strlen(prefix);

    return a.n >= n && (n == 0 || memcmp(a.p, prefix, n) == 0);
}

/* The part from offset `from` up to and not including `to`; offsets beyond the end are cut. */
static inline base_span_t base_span_sub(base_span_t a, size_t from, size_t to)
{
    if (to > a.n) {
        to = a.n;
    }
    if (from > to) {
        from = to;
    }
    return a.p == NULL ? (base_span_t){NULL, 0} : (base_span_t){a.p + from, to - from};
}

/* Offset of the first byte c, or a.n when there is none. */
static inline size_t base_span_find(base_span_t a, unsigned char c)
{
    const unsigned char *hit = a.n == 0 ? NULL : memchr(a.p, c, a.n);

    return hit == NULL ? a.n : (size_t) (hit - a.p);
}

/*
 * Splits off the part of *rest before the first `sep`: returns it and moves *rest behind the
 * separator. The last part leaves *rest absent ({NULL, 0}), so the loop is
 * `while (rest.p != NULL) { part = base_span_split(&rest, ','); ... }`. An empty part is present.
 */
static inline base_span_t base_span_split(base_span_t *rest, unsigned char sep)
{
    size_t at = base_span_find(*rest, sep);
    base_span_t part = base_span_sub(*rest, 0, at);

    if (at == rest->n) {
        *rest = (base_span_t){NULL, 0};
    } else {
        *rest = base_span_sub(*rest, at + 1, rest->n);
    }
    return part;
}

/* Decimal digits only, at least one, no sign: false on anything else or on overflow. */
bool base_span_uint(base_span_t a, uint64_t *value);

#endif
