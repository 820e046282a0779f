#include "jose/jose_number.h"

/* Exponents beyond any document's length behave alike. */
#define EXPONENT_MAX INT64_C(1000000000)
/* Digits of the largest `max`, 10^17. */
#define DIGITS_MAX 18

typedef struct {
    bool negative;
    base_span_t integer;
    base_span_t fraction; /* may be empty */
    int64_t exponent;
} number_t;

static base_span_t take_digits(base_span_t *rest)
{
    size_t n = 0;
    base_span_t digits;

    while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9') {
        n++;
    }
    digits = base_span_sub(*rest, 0, n);
    *rest = base_span_sub(*rest, n, rest->n);
    return digits;
}

static bool take(base_span_t *rest, unsigned char c)
{
    if (rest->n == 0 || rest->p[0] != c) {
        return false;
    }
    *rest = base_span_sub(*rest, 1, rest->n);
    return true;
}

static int64_t take_exponent(base_span_t *rest)
{
    bool negative = take(rest, '-');
    base_span_t digits;
    int64_t value = 0;

    if (!negative) {
        (void) take(rest, '+');
    }
    digits = take_digits(rest);
    for (size_t i = 0; i < digits.n && value < EXPONENT_MAX; i++) {
        value = value * 10 + (digits.p[i] - '0');
    }
    value = value > EXPONENT_MAX ? EXPONENT_MAX : value;
    return negative ? -value : value;
}

static bool parse(base_span_t text, number_t *number)
{
    number->negative = take(&text, '-');
    number->integer = take_digits(&text);
    number->fraction = base_span_make(NULL, 0);
    number->exponent = 0;
    if (number->integer.n == 0) {
        return false;
    }
    if (take(&text, '.')) {
        number->fraction = take_digits(&text);
    }
    if (take(&text, 'e') || take(&text, 'E')) {
        number->exponent = take_exponent(&text);
    }
    return text.n == 0;
}

/* Digit i of integer and fraction together; beyond them, zero. */
static unsigned digit(const number_t *number, size_t i)
{
    if (i < number->integer.n) {
        return (unsigned) (number->integer.p[i] - '0');
    }
    i -= number->integer.n;
    return i < number->fraction.n ? (unsigned) (number->fraction.p[i] - '0') : 0;
}

bool jose_number_floor(base_span_t text, int64_t max, int64_t *value)
{
    number_t number;
    size_t first = 0, count, i;
    int64_t point, magnitude = 0;
    bool rest = false;

    if (!parse(text, &number)) {
        return false;
    }
    count = number.integer.n + number.fraction.n;
    while (first < count && digit(&number, first) == 0) {
        first++;
    }
    /* Where the point stands among the digits: before it is the integral part. */
    point = (int64_t) number.integer.n + number.exponent;
    if (first == count) {
        *value = 0;
        return true;
    }
    if (point - (int64_t) first > DIGITS_MAX) {
        return false;
    }
    for (i = first; (int64_t) i < point; i++) {
        magnitude = magnitude * 10 + digit(&number, i);
    }
    for (; i < count && !rest; i++) {
        rest = digit(&number, i) != 0;
    }
    magnitude += number.negative && rest;
    if (magnitude > max) {
        return false;
    }
    *value = number.negative ? -magnitude : magnitude;
    return true;
}
