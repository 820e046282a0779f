#include "fhir/fhir_fold.h"

#include "fhir/fhir_fold_letters.h"

#define COMBINING_FIRST 0x0300u
#define COMBINING_LAST  0x036fu

static uint32_t fold(uint32_t c)
{
    size_t low = 0;
    size_t high = sizeof(fhir_fold_letters) / sizeof(fhir_fold_letters[0]);

    if (c < 0x80) {
        return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (fhir_fold_letters[middle].letter == c) {
            return fhir_fold_letters[middle].folded;
        }
        if (fhir_fold_letters[middle].letter < c) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return c;
}

/* Takes one character off. The text is UTF-8; a byte that is not counts as itself. */
static uint32_t take(base_span_t *rest)
{
    unsigned char lead = rest->p[0];
    size_t n = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? lead : lead & (0x7fu >> n);

    if (n > rest->n) {
        n = 1;
    }
    for (size_t i = 1; i < n; i++) {
        c = c << 6 | (rest->p[i] & 0x3fu);
    }
    *rest = base_span_sub(*rest, n, rest->n);
    return c;
}

/* The next character that counts; false at the end. */
static bool next(base_span_t *rest, uint32_t *c)
{
    while (rest->n > 0) {
        *c = take(rest);
        if (*c < COMBINING_FIRST || *c > COMBINING_LAST) {
            *c = fold(*c);
            return true;
        }
    }
    return false;
}

bool fhir_fold_starts(base_span_t text, base_span_t prefix)
{
    uint32_t a;
    uint32_t b;

    while (next(&prefix, &b)) {
        if (!next(&text, &a) || a != b) {
            return false;
        }
    }
    return true;
}

bool fhir_fold_is_empty(base_span_t text)
{
    uint32_t c;

    return !next(&text, &c);
}
