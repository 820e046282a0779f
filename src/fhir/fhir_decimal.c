#include "fhir/fhir_decimal.h"

#include <string.h>

#define RANGE_DIGITS 17

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* Moves *at over digits; how many they were. */
static size_t digits_at(base_span_t text, size_t *at)
{
    size_t from = *at;

    while (*at < text.n && is_digit(text.p[*at])) {
        (*at)++;
    }
    return *at - from;
}

static bool read_exponent(base_span_t text, size_t at, int32_t *exponent)
{
    bool negative = at < text.n && text.p[at] == '-';
    uint64_t value;

    if (at < text.n && (text.p[at] == '-' || text.p[at] == '+')) {
        at++;
    }
    if (!base_span_uint(base_span_sub(text, at, text.n), &value) ||
        value > FHIR_DECIMAL_EXPONENT_MAX) {
        return false;
    }
    *exponent = negative ? -(int32_t) value : (int32_t) value;
    return true;
}

/* From the first digit that is not 0 in text[from, to), of which `whole` stand before the point. */
static void normalise(base_span_t text, size_t from, size_t to, size_t whole,
                      fhir_decimal_t *decimal)
{
    size_t point = from + whole;
    size_t at = from;

    while (at < to && !(text.p[at] >= '1' && text.p[at] <= '9')) {
        at++;
    }
    decimal->digits = base_span_sub(text, at, to);
    if (at == to) {
        decimal->exponent = 0;
        decimal->negative = false;
        return;
    }
    decimal->exponent += at < point ? (int32_t) (point - at) : -(int32_t) (at - point - 1);
}

bool fhir_decimal_parse(base_span_t text, fhir_decimal_t *decimal)
{
    size_t at = 0;
    size_t from;
    size_t whole;
    size_t to;

    memset(decimal, 0, sizeof(*decimal));
    if (text.n > INT32_MAX / 2) {
        return false;
    }
    decimal->negative = text.n > 0 && text.p[0] == '-';
    at = from = decimal->negative ? 1 : 0;
    whole = digits_at(text, &at);
    if (whole == 0 || (whole > 1 && text.p[from] == '0')) {
        return false;
    }
    if (at < text.n && text.p[at] == '.') {
        at++;
        if (digits_at(text, &at) == 0) {
            return false;
        }
    }
    to = at;
    if (at < text.n &&
        ((text.p[at] | 0x20) != 'e' || !read_exponent(text, at + 1, &decimal->exponent))) {
        return false;
    }
    normalise(text, from, to, whole, decimal);
    return true;
}

/* The next digit, 0 behind the last. */
static unsigned char next_digit(base_span_t digits, size_t *at)
{
    if (*at < digits.n && digits.p[*at] == '.') {
        (*at)++;
    }
    return *at < digits.n ? digits.p[(*at)++] : '0';
}

static int cmp_magnitude(const fhir_decimal_t *a, const fhir_decimal_t *b)
{
    size_t i = 0;
    size_t k = 0;

    if (a->digits.n == 0 || b->digits.n == 0) {
        return (a->digits.n > 0) - (b->digits.n > 0);
    }
    if (a->exponent != b->exponent) {
        return a->exponent < b->exponent ? -1 : 1;
    }
    while (i < a->digits.n || k < b->digits.n) {
        unsigned char c = next_digit(a->digits, &i);
        unsigned char d = next_digit(b->digits, &k);

        if (c != d) {
            return c < d ? -1 : 1;
        }
    }
    return 0;
}

int fhir_decimal_cmp(const fhir_decimal_t *a, const fhir_decimal_t *b)
{
    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }
    return a->negative ? cmp_magnitude(b, a) : cmp_magnitude(a, b);
}

/* The digits of the number as one integer, and how many stand behind the point. */
static bool read_mantissa(base_span_t text, int64_t *value, int32_t *scale)
{
    bool point = false;
    unsigned n = 0;

    *value = 0;
    *scale = 0;
    for (size_t i = text.p[0] == '-' ? 1 : 0; i < text.n; i++) {
        if (text.p[i] == '.') {
            point = true;
            continue;
        }
        if (!is_digit(text.p[i]) || ++n > RANGE_DIGITS) {
            return false;
        }
        *value = *value * 10 + (text.p[i] - '0');
        *scale += point ? 1 : 0;
    }
    return true;
}

/* value * 10^-scale, its digits in the arena. */
static bool write_bound(int64_t value, int32_t scale, base_arena_t *arena, fhir_decimal_t *bound)
{
    uint64_t rest = value < 0 ? (uint64_t) -value : (uint64_t) value;
    unsigned char *out = base_arena_alloc(arena, RANGE_DIGITS + 3);
    size_t n = 0;

    if (out == NULL) {
        return false;
    }
    for (uint64_t left = rest; left > 0; left /= 10) {
        n++;
    }
    for (size_t i = n; i > 0; i--) {
        out[i - 1] = (unsigned char) ('0' + rest % 10);
        rest /= 10;
    }
    bound->digits = base_span_make(out, n);
    bound->exponent = n > 0 ? (int32_t) n - scale : 0;
    bound->negative = value < 0;
    return true;
}

fhir_decimal_reason_t fhir_decimal_range(base_span_t text, base_arena_t *arena, fhir_decimal_t *low,
                                         fhir_decimal_t *high)
{
    int64_t value;
    int32_t scale;

    if (!read_mantissa(text, &value, &scale)) {
        return FHIR_DECIMAL_SIZE;
    }
    value = text.p[0] == '-' ? -10 * value : 10 * value;
    return write_bound(value - 5, scale + 1, arena, low) &&
                   write_bound(value + 5, scale + 1, arena, high)
               ? FHIR_DECIMAL_OK
               : FHIR_DECIMAL_NO_MEMORY;
}
