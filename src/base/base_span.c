#include "base/base_span.h"

#include <string.h>

bool base_span_is_nocase(base_span_t a, const char *text)
{
    return base_span_eq_nocase(a, base_span_of(text));
}

bool base_span_eq_nocase(base_span_t a, base_span_t b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (base_span_lower(a.p[i]) != base_span_lower(b.p[i])) {
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
