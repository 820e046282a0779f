#include "fhir/fhir_match.h"

#include "fhir/fhir_fold.h"

#include <string.h>

void fhir_match_open(fhir_match_t *match)
{
    memset(&match->of, 0, sizeof(match->of));
    match->seen = 0;
}

bool fhir_match_leaf(const fhir_place_t *place, base_span_t name, fhir_match_t *match)
{
    for (unsigned i = 0; i < place->n_leaves; i++) {
        if (base_span_eq(place->leaves[i].name, name)) {
            match->leaf = (unsigned char) i;
            return true;
        }
    }
    return false;
}

static bool reference_matches(const fhir_test_t *test, const fhir_place_t *place,
                              const fhir_alternative_t *asked, const fhir_reference_t *ref)
{
    if (place->target.p != NULL && !base_span_eq(place->target, ref->type)) {
        return false;
    }
    if (!asked->own) {
        return base_span_eq(asked->text, ref->text);
    }
    return ref->kind != FHIR_REFERENCE_BARE &&
           fhir_reference_is_own(ref, test->bases, test->n_bases) &&
           base_span_eq(asked->reference.id, ref->id) &&
           (asked->reference.kind == FHIR_REFERENCE_BARE ||
            base_span_eq(asked->reference.type, ref->type));
}

static bool number_matches(const fhir_alternative_t *asked, const fhir_decimal_t *value)
{
    int order = fhir_decimal_cmp(value, &asked->number);

    switch (asked->prefix) {
    case FHIR_PREFIX_GT:
    case FHIR_PREFIX_SA:
        return order > 0;
    case FHIR_PREFIX_LT:
    case FHIR_PREFIX_EB:
        return order < 0;
    case FHIR_PREFIX_GE:
        return order >= 0;
    case FHIR_PREFIX_LE:
        return order <= 0;
    default:
        return (fhir_decimal_cmp(value, &asked->low) >= 0 &&
                fhir_decimal_cmp(value, &asked->high) < 0) == (asked->prefix == FHIR_PREFIX_EQ);
    }
}

/* One value of a resource, read for its comparison. */
typedef struct {
    base_span_t text;
    fhir_reference_t reference;
    fhir_decimal_t number;
} value_t;

static bool alternative_matches(const fhir_test_t *test, const fhir_place_t *place,
                                const fhir_alternative_t *asked, const value_t *value)
{
    switch (test->kind) {
    case FHIR_STRING:
        return fhir_fold_starts(value->text, asked->text);
    case FHIR_REFERENCE:
        return place->literal ? base_span_eq(value->text, asked->text)
                              : reference_matches(test, place, asked, &value->reference);
    case FHIR_NUMBER:
    case FHIR_QUANTITY:
        return number_matches(asked, &value->number);
    default:
        return asked->text.p != NULL && base_span_eq(value->text, asked->text);
    }
}

static fhir_fact_t take_value(const fhir_test_t *test, const fhir_place_t *place, base_span_t text,
                              fhir_match_t *match)
{
    value_t value;

    value.text = text;
    if (test->kind == FHIR_REFERENCE) {
        fhir_reference_parse(text, &value.reference);
    } else if ((test->kind == FHIR_NUMBER || test->kind == FHIR_QUANTITY) &&
               !fhir_decimal_parse(text, &value.number)) {
        return FHIR_UNKNOWN;
    }
    for (unsigned i = 0; i < test->n_alternatives; i++) {
        if (alternative_matches(test, place, &test->alternatives[i], &value)) {
            match->of.masks[FHIR_ROLE_VALUE] |= UINT64_C(1) << i;
        }
    }
    return FHIR_NOT_MET;
}

/* system, and a quantity's code and unit: exactly. */
static void take_exact(const fhir_test_t *test, fhir_role_t role, base_span_t text,
                       fhir_match_t *match)
{
    for (unsigned i = 0; i < test->n_alternatives; i++) {
        const fhir_alternative_t *asked = &test->alternatives[i];
        base_span_t wanted = role == FHIR_ROLE_SYSTEM ? asked->system : asked->text;

        if (wanted.p != NULL && base_span_eq(wanted, text)) {
            match->of.masks[role] |= UINT64_C(1) << i;
        }
    }
}

/* Of several dates one that meets is enough, unless one cannot be judged. */
static fhir_fact_t compare_when(const fhir_test_t *test, const fhir_when_t *when)
{
    fhir_fact_t fact = FHIR_NOT_MET;

    for (unsigned i = 0; i < test->n_alternatives; i++) {
        const fhir_alternative_t *asked = &test->alternatives[i];
        fhir_fact_t one = fhir_when_compare(asked->prefix, &asked->when, when);

        if (one == FHIR_MET) {
            return FHIR_MET;
        }
        fact = one == FHIR_UNKNOWN ? one : fact;
    }
    return fact;
}

static fhir_fact_t take_date(const fhir_test_t *test, fhir_role_t role, base_span_t text,
                             fhir_match_t *match)
{
    fhir_when_t when;
    fhir_fact_t fact;

    if (!fhir_when_parse(text, &when)) {
        return FHIR_UNKNOWN;
    }
    if (role == FHIR_ROLE_START) {
        match->of.when.low = when.low;
        return FHIR_NOT_MET;
    }
    if (role == FHIR_ROLE_END) {
        match->of.when.high = when.high;
        return FHIR_NOT_MET;
    }
    fact = compare_when(test, &when);
    if (fact == FHIR_MET) {
        match->of.masks[FHIR_ROLE_VALUE] = 1;
    }
    return fact == FHIR_UNKNOWN ? fact : FHIR_NOT_MET;
}

fhir_fact_t fhir_match_value(const fhir_test_t *test, const fhir_place_t *place,
                             fhir_leaf_json_t json, base_span_t text, fhir_match_t *match)
{
    const fhir_leaf_t *leaf = &place->leaves[match->leaf];

    if (leaf->json != json || leaf->role == FHIR_ROLE_BLIND) {
        return FHIR_UNKNOWN;
    }
    match->seen |= (unsigned char) (1u << leaf->role);
    if (test->kind == FHIR_DATE) {
        return take_date(test, leaf->role, text, match);
    }
    if (leaf->role == FHIR_ROLE_VALUE) {
        return take_value(test, place, text, match);
    }
    take_exact(test, leaf->role, text, match);
    return FHIR_NOT_MET;
}

static bool has_seen(const fhir_match_t *match, fhir_role_t role)
{
    return (match->seen >> role & 1) != 0;
}

static fhir_fact_t close_period(const fhir_test_t *test, const fhir_match_t *match)
{
    fhir_when_t when = match->of.when;

    if (!has_seen(match, FHIR_ROLE_START)) {
        when.low = fhir_when_first;
    }
    if (!has_seen(match, FHIR_ROLE_END)) {
        when.high = fhir_when_last;
    }
    return compare_when(test, &when);
}

static uint64_t close_token(const fhir_test_t *test, const fhir_place_t *place,
                            const fhir_match_t *match)
{
    uint64_t system = test->any_system;

    if (has_seen(match, FHIR_ROLE_SYSTEM)) {
        system |= match->of.masks[FHIR_ROLE_SYSTEM];
    } else if (place->systemless || place->n_leaves > 1) {
        system |= test->no_system;
    }
    return system & (test->any_code | match->of.masks[FHIR_ROLE_VALUE]);
}

/* With a system the code counts, without one the unit as people read it does, too. */
static uint64_t close_quantity(const fhir_test_t *test, const fhir_match_t *match)
{
    const uint64_t *masks = match->of.masks;
    uint64_t unit = test->any_code | (masks[FHIR_ROLE_SYSTEM] & masks[FHIR_ROLE_UNIT_CODE]) |
                    (test->any_system & (masks[FHIR_ROLE_UNIT_CODE] | masks[FHIR_ROLE_UNIT]));

    return unit & masks[FHIR_ROLE_VALUE];
}

fhir_fact_t fhir_match_close(const fhir_test_t *test, const fhir_place_t *place,
                             const fhir_match_t *match)
{
    uint64_t met;

    if (match->seen == 0) {
        return FHIR_NOT_MET;
    }
    if (place->leaves[0].role == FHIR_ROLE_START) {
        return close_period(test, match);
    }
    switch (test->kind) {
    case FHIR_TOKEN:
        met = close_token(test, place, match);
        break;
    case FHIR_QUANTITY:
        met = close_quantity(test, match);
        break;
    default:
        met = match->of.masks[FHIR_ROLE_VALUE];
        break;
    }
    return met != 0 ? FHIR_MET : FHIR_NOT_MET;
}
