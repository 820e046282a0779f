/*
 * fhir_test: one search parameter with its value, compiled once, to be asked of resources (RULES
 * A17-A24, E6, E6a).
 *
 * A test is what one item of a constraint says: `category=http://x|lab,vital-signs` is one test of
 * two alternatives. Several items of one constraint are several tests; that all must hold is the
 * caller's.
 *
 * What is evaluated, by the kind of the parameter:
 *   token      code, system|code, |code (no system), system|; on CodeableConcept (any coding),
 *              Coding, Identifier (system, value), ContactPoint (use, value), code, id, string,
 *              uri, canonical, boolean. Exactly. Elements that have no system themselves match no
 *              `system|...`, and `code` elements no `|code` either.
 *   string     the value begins any part, without regard to case and diacritics: string, markdown,
 *              HumanName, Address
 *   uri        the whole text, exactly
 *   reference  id, Type/id, own-base URL (any version of it); other URLs and canonicals exactly
 *   date       eq ne gt lt ge le sa eb, by the ranges of both precisions: date, dateTime, instant,
 *              Period
 *   number     the same prefixes; eq and ne by the implicit precision, else exactly
 *   quantity   as number, with |system|code or ||unit compared exactly: Quantity, Age, Duration,
 *              Money (number alone)
 *
 * Three values: what is there but cannot be judged (another datatype, a value too long, a wrong
 * shape, a comparator, a date whose answer hangs on an unsaid time zone) makes the fact UNKNOWN.
 */

#ifndef FHIR_TEST_H
#define FHIR_TEST_H

#include "base/base_arena.h"
#include "fhir/fhir_definitions.h"

#define FHIR_TEST_ALTERNATIVES 64 /* of one test; more make it void */

typedef struct fhir_test_s fhir_test_t;

/*
 * Why there is no test: the constraint it belongs to is then void, never the item alone (RULES
 * A24).
 */
typedef enum {
    FHIR_TEST_OK,
    FHIR_TEST_NO_MEMORY, /* not void: nothing could be found out */
    FHIR_TEST_KIND,      /* composite or special */
    FHIR_TEST_PATHS,     /* no plain paths, or none whose datatype can be judged */
    FHIR_TEST_MODIFIER,  /* with any modifier (RULES A23) */
    FHIR_TEST_PREFIX,    /* ap */
    FHIR_TEST_VALUE,     /* not a value of that kind, an empty alternative, an undefined escape */
    FHIR_TEST_SIZE,      /* too many alternatives, too long, too many digits */
    FHIR_TEST_REASONS
} fhir_test_reason_t;

/* What the log says of a reason; never NULL. */
const char *fhir_test_reason_text(fhir_test_reason_t reason);

/*
 * Compiles `value` (decoded once; `\,` `\|` `\$` `\\` still escaped) of `parameter` with `modifier`
 * (absent: none). `bases`: own bases without trailing slash, for references; they, and the value,
 * must outlive the test. On FHIR_TEST_OK *test lives as long as the arena; else it is NULL.
 */
fhir_test_reason_t fhir_test_compile(const fhir_parameter_t *parameter, base_span_t modifier,
                                     base_span_t value, const base_span_t *bases, size_t n_bases,
                                     base_arena_t *arena, const fhir_test_t **test);

/*
 * True when every element that the parameter reads can be judged; false when some can only be
 * UNKNOWN (SampledData, Range, Timing ...). Only full tests make a narrowing sound (RULES L5).
 */
bool fhir_test_is_full(const fhir_test_t *test);

/* True when elements of that datatype can be compared by a parameter of that kind. */
bool fhir_test_judges(fhir_kind_t kind, base_span_t datatype);

const fhir_parameter_t *fhir_test_parameter(const fhir_test_t *test);

#endif
