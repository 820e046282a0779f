#include "fhir/fhir_when.h"

#include <string.h>

#define HOUR    INT64_C(3600)
#define DAY     (24 * HOUR)
#define FOREVER (INT64_MAX / 4)

/* A local clock is at most so far ahead of, or behind, UTC. */
#define ZONE_AHEAD  (14 * HOUR)
#define ZONE_BEHIND (12 * HOUR)

const fhir_instant_t fhir_when_first = {-FOREVER, 0, true};
const fhir_instant_t fhir_when_last = {FOREVER, 0, true};

/* Takes exactly n digits. */
static bool number(base_span_t *rest, size_t n, int64_t low, int64_t high, int64_t *value)
{
    uint64_t read;

    if (rest->n < n || !base_span_uint(base_span_sub(*rest, 0, n), &read)) {
        return false;
    }
    *rest = base_span_sub(*rest, n, rest->n);
    *value = (int64_t) read;
    return *value >= low && *value <= high;
}

static bool take(base_span_t *rest, unsigned char c)
{
    if (rest->n == 0 || rest->p[0] != c) {
        return false;
    }
    *rest = base_span_sub(*rest, 1, rest->n);
    return true;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in(int64_t year, int64_t month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days from 1970-01-01 to the first of that month (proleptic Gregorian calendar). */
static int64_t days_to(int64_t year, int64_t month)
{
    int64_t before = year - 1;
    int64_t days = before * 365 + before / 4 - before / 100 + before / 400 - 719162;

    for (int64_t m = 1; m < month; m++) {
        days += days_in(year, m);
    }
    return days;
}

/* The date: its first second, and how many it lasts. *precise: down to the day. */
static bool read_date(base_span_t *rest, int64_t *from, int64_t *lasts, bool *precise)
{
    int64_t year;
    int64_t month = 1;
    int64_t day = 1;

    *precise = false;
    if (!number(rest, 4, 1, 9999, &year)) {
        return false;
    }
    *lasts = is_leap(year) ? 366 : 365;
    if (take(rest, '-')) {
        if (!number(rest, 2, 1, 12, &month)) {
            return false;
        }
        *lasts = days_in(year, month);
        if (take(rest, '-')) {
            if (!number(rest, 2, 1, *lasts, &day)) {
                return false;
            }
            *lasts = 1;
            *precise = true;
        }
    }
    *from = (days_to(year, month) + day - 1) * DAY;
    *lasts *= DAY;
    return true;
}

/* ".123": nanoseconds, and how long its last digit is. */
static bool read_fraction(base_span_t *rest, int32_t *nanos, int32_t *unit)
{
    size_t n = 0;

    *nanos = 0;
    *unit = 1000000000;
    while (rest->n > 0 && rest->p[0] >= '0' && rest->p[0] <= '9') {
        if (++n > 9) {
            return false;
        }
        *unit /= 10;
        *nanos += (rest->p[0] - '0') * *unit;
        *rest = base_span_sub(*rest, 1, rest->n);
    }
    return n > 0;
}

static bool read_zone(base_span_t *rest, int64_t *offset, bool *zoned)
{
    int64_t hours;
    int64_t minutes;
    bool behind;

    *offset = 0;
    *zoned = rest->n > 0;
    if (rest->n == 0 || take(rest, 'Z')) {
        return true;
    }
    behind = take(rest, '-');
    if ((!behind && !take(rest, '+')) || !number(rest, 2, 0, 14, &hours) || !take(rest, ':') ||
        !number(rest, 2, 0, 59, &minutes)) {
        return false;
    }
    *offset = hours * HOUR + minutes * 60;
    *offset = behind ? -*offset : *offset;
    return true;
}

/* The time of day behind 'T', added to when->low; when->high is set to the end of its last unit. */
static bool read_time(base_span_t *rest, fhir_when_t *when)
{
    int64_t hours;
    int64_t minutes;
    int64_t seconds = 0;
    int64_t lasts = 60;
    int32_t unit = 0;
    int64_t offset;
    bool zoned;

    if (!number(rest, 2, 0, 23, &hours) || !take(rest, ':') || !number(rest, 2, 0, 59, &minutes)) {
        return false;
    }
    if (take(rest, ':')) {
        if (!number(rest, 2, 0, 59, &seconds)) {
            return false;
        }
        lasts = 1;
        if (take(rest, '.')) {
            if (!read_fraction(rest, &when->low.nanos, &unit)) {
                return false;
            }
            lasts = 0;
        }
    }
    if (!read_zone(rest, &offset, &zoned)) {
        return false;
    }
    when->low.seconds += hours * HOUR + minutes * 60 + seconds - offset;
    when->low.zoned = zoned;
    when->high = when->low;
    when->high.seconds += lasts;
    when->high.nanos += unit;
    if (when->high.nanos >= 1000000000) {
        when->high.nanos -= 1000000000;
        when->high.seconds++;
    }
    return true;
}

bool fhir_when_parse(base_span_t text, fhir_when_t *when)
{
    base_span_t rest = text;
    int64_t lasts;
    bool precise;

    memset(when, 0, sizeof(*when));
    if (!read_date(&rest, &when->low.seconds, &lasts, &precise)) {
        return false;
    }
    if (rest.n == 0) {
        when->high.seconds = when->low.seconds + lasts;
        return true;
    }
    return precise && take(&rest, 'T') && read_time(&rest, when) && rest.n == 0;
}

static bool no_later(const fhir_instant_t *a, int64_t shift, const fhir_instant_t *b)
{
    int64_t seconds = a->seconds + shift;

    return seconds < b->seconds || (seconds == b->seconds && a->nanos <= b->nanos);
}

/* Whether a is not behind b. A local time t is an instant from t - 14 h to t + 12 h. */
static fhir_fact_t le(const fhir_instant_t *a, const fhir_instant_t *b)
{
    int64_t early = 0;
    int64_t late = 0;

    if (a->zoned && !b->zoned) {
        /* a <= b + s is a - s <= b */
        early = -ZONE_BEHIND;
        late = ZONE_AHEAD;
    } else if (!a->zoned && b->zoned) {
        early = -ZONE_AHEAD;
        late = ZONE_BEHIND;
    }
    if (no_later(a, late, b)) {
        return FHIR_MET;
    }
    return no_later(a, early, b) ? FHIR_UNKNOWN : FHIR_NOT_MET;
}

static fhir_fact_t not(fhir_fact_t a)
{
    if (a == FHIR_UNKNOWN) {
        return a;
    }
    return a == FHIR_MET ? FHIR_NOT_MET : FHIR_MET;
}

static fhir_fact_t both(fhir_fact_t a, fhir_fact_t b)
{
    if (a == FHIR_NOT_MET || b == FHIR_NOT_MET) {
        return FHIR_NOT_MET;
    }
    return a == FHIR_UNKNOWN ? a : b;
}

static fhir_fact_t either(fhir_fact_t a, fhir_fact_t b)
{
    return not(both(not(a), not(b)));
}

static fhir_fact_t within(const fhir_when_t *asked, const fhir_when_t *value)
{
    return both(le(&asked->low, &value->low), le(&value->high, &asked->high));
}

fhir_fact_t fhir_when_compare(fhir_prefix_t prefix, const fhir_when_t *asked,
                              const fhir_when_t *value)
{
    switch (prefix) {
    case FHIR_PREFIX_EQ:
        return within(asked, value);
    case FHIR_PREFIX_NE:
        return not(within(asked, value));
    case FHIR_PREFIX_GT:
        return not(le(&value->high, &asked->high));
    case FHIR_PREFIX_LT:
        return not(le(&asked->low, &value->low));
    case FHIR_PREFIX_GE:
        /* gt or eq, said so that nothing is unknown which need not be */
        return either(not(le(&value->high, &asked->high)), le(&asked->low, &value->low));
    case FHIR_PREFIX_LE:
        return either(not(le(&asked->low, &value->low)), le(&value->high, &asked->high));
    case FHIR_PREFIX_SA:
        return le(&asked->high, &value->low);
    case FHIR_PREFIX_EB:
        return le(&value->high, &asked->low);
    default:
        return FHIR_UNKNOWN;
    }
}
