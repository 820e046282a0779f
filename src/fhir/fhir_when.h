/*
 * fhir_when: dates and times as the stretches of time they stand for, and FHIR's comparisons of
 * those (R4 search.html#date, #prefix; RULES E6a).
 *
 * A date, and a time without a zone, is local to a place that nobody names. Where what is asked
 * hangs on the zone (between UTC-12 and UTC+14), the answer is UNKNOWN.
 */

#ifndef FHIR_WHEN_H
#define FHIR_WHEN_H

#include "fhir/fhir_fact.h"

#include "base/base_span.h"

typedef struct {
    int64_t seconds; /* since 1970 UTC, or by a local clock */
    int32_t nanos;
    bool zoned;
} fhir_instant_t;

/* All instants from `low` on that are before `high`. */
typedef struct {
    fhir_instant_t low;
    fhir_instant_t high;
} fhir_when_t;

/* Of search.html#prefix; NONE where a value has none, then it means EQ. */
typedef enum {
    FHIR_PREFIX_EQ,
    FHIR_PREFIX_NE,
    FHIR_PREFIX_GT,
    FHIR_PREFIX_LT,
    FHIR_PREFIX_GE,
    FHIR_PREFIX_LE,
    FHIR_PREFIX_SA,
    FHIR_PREFIX_EB,
    FHIR_PREFIX_AP
} fhir_prefix_t;

/* Before and behind everything: the open ends of a Period. */
extern const fhir_instant_t fhir_when_first;
extern const fhir_instant_t fhir_when_last;

/*
 * Reads YYYY, YYYY-MM, YYYY-MM-DD, or that with Thh:mm[:ss[.f]] and Z, +hh:mm, -hh:mm or no zone.
 * False for anything else, for days that no calendar has, leap seconds, 24:00, and fractions finer
 * than a nanosecond.
 */
bool fhir_when_parse(base_span_t text, fhir_when_t *when);

/* Whether `value` (of a resource) meets `prefix` `asked`. AP is UNKNOWN. */
fhir_fact_t fhir_when_compare(fhir_prefix_t prefix, const fhir_when_t *asked,
                              const fhir_when_t *value);

#endif
