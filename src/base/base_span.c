#include "base/base_span.h"

#include <string.h>

base_span_t base_span_of(const char *text)
{
    if (text == NULL) {
        return (base_span_t){NULL, 0};
    }
    return base_span_make(text, strlen(text));
}

base_span_t base_span_make(const void *p, size_t n)
{
    return (base_span_t){p, n};
}

bool base_span_eq(base_span_t a, base_span_t b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool base_span_is(base_span_t a, const char *text)
{
    return base_span_eq(a, base_span_of(text));
}

static unsigned char lower(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') ? (unsigned char) (c | 0x20) : c;
}

bool base_span_is_nocase(base_span_t a, const char *text)
{
    base_span_t b = base_span_of(text);

    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

int base_span_cmp(base_span_t a, base_span_t b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int rc = n == 0 ? 0 : memcmp(a.p, b.p, n);

    if (rc != 0) {
        return rc;
    }
    return (a.n > b.n) - (a.n < b.n);
}

bool base_span_starts(base_span_t a, const char *prefix)
{
    size_t n = strlen(prefix);

    return a.n >= n && (n == 0 || memcmp(a.p, prefix, n) == 0);
}

base_span_t base_span_sub(base_span_t a, size_t from, size_t to)
{
    if (to > a.n) {
        to = a.n;
    }
    if (from > to) {
        from = to;
    }
    return (base_span_t){a.p == NULL ? NULL : a.p + from, to - from};
}

size_t base_span_find(base_span_t a, unsigned char c)
{
    const unsigned char *hit = a.n == 0 ? NULL : memchr(a.p, c, a.n);

    return hit == NULL ? a.n : (size_t) (hit - a.p);
}

base_span_t base_span_split(base_span_t *rest, unsigned char sep)
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

bool base_span_uint(base_span_t a, uint64_t *value)
{
    uint64_t v = 0;

    if (a.n == 0) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (a.p[i] < '0' || a.p[i] > '9') {
            return false;
        }
        if (v > (UINT64_MAX - (uint64_t) (a.p[i] - '0')) / 10) {
            return false;
        }
        v = v * 10 + (uint64_t) (a.p[i] - '0');
    }
    *value = v;
    return true;
}
