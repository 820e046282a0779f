#include "smart/smart_grants_own.h"

#include <string.h>

smart_cover_t smart_grants_cover(const smart_grants_t *grants, unsigned letter,
                                 const fhir_type_t *type)
{
    smart_cover_t cover = {0};
    unsigned at = smart_letter_at(letter), by;

    cover.type = type;
    cover.letter = letter;
    cover.base = &grants->base;
    cover.is_true = fhir_type_set_has(&grants->granted[at], type);
    cover.linked = letter == SMART_R && grants->policy->linked_patients_allow;
    cover.rule =
        letter == SMART_R && !grants->policy->membership_strict ? FHIR_FORMAL : FHIR_STRICT;
    for (by = 0; !cover.is_true && by < SMART_CONFINED_MAX; by++) {
        if (fhir_type_set_has(&grants->confined[by].types[at], type)) {
            cover.confined[cover.confined_n++] = &grants->confined[by].who;
        }
    }
    cover._alternative = grants->alternative;
    cover._alternative_n = grants->alternative_n;
    return cover;
}

bool smart_grants_all(const smart_grants_t *grants, unsigned letters)
{
    fhir_type_set_t all = fhir_type_set_all(grants->policy->definitions);
    unsigned at;

    for (at = 0; at < SMART_LETTERS; at++) {
        if ((letters & (1u << at)) != 0 && memcmp(&grants->granted[at], &all, sizeof(all)) != 0) {
            return false;
        }
    }
    return true;
}

fhir_type_set_t smart_grants_exportable(const smart_grants_t *grants)
{
    fhir_type_set_t types = grants->system_read;

    fhir_type_set_intersect(&types, &grants->system_search);
    return types;
}

bool smart_grants_system_reads(const smart_grants_t *grants, const fhir_type_t *type)
{
    return fhir_type_set_has(&grants->system_read, type);
}

bool smart_grants_binary(const smart_grants_t *grants, unsigned letter)
{
    return (grants->binary & letter) != 0 && grants->policy->binary != SMART_BINARY_DENY;
}

const smart_principal_t *smart_grants_principal(const smart_grants_t *grants)
{
    return grants->principal;
}

const smart_base_t *smart_grants_base(const smart_grants_t *grants)
{
    return &grants->base;
}

bool smart_grants_any(const smart_grants_t *grants, unsigned letters)
{
    unsigned at, by;
    size_t i;

    for (at = 0; at < SMART_LETTERS; at++) {
        if ((letters & (1u << at)) == 0) {
            continue;
        }
        if (!fhir_type_set_is_empty(&grants->granted[at])) {
            return true;
        }
        for (by = 0; by < SMART_CONFINED_MAX; by++) {
            if (!fhir_type_set_is_empty(&grants->confined[by].types[at])) {
                return true;
            }
        }
    }
    for (i = 0; i < grants->alternative_n; i++) {
        if ((grants->alternative[i].letters & letters) != 0) {
            return true;
        }
    }
    return false;
}

bool smart_grants_each(const smart_grants_t *grants, unsigned letters)
{
    fhir_type_set_t all = fhir_type_set_all(grants->policy->definitions), either = {{0}};
    unsigned at;

    for (at = 0; at < SMART_LETTERS; at++) {
        if ((letters & (1u << at)) != 0) {
            fhir_type_set_unite(&either, &grants->granted[at]);
        }
    }
    return memcmp(&either, &all, sizeof(all)) == 0;
}

bool smart_grants_wildcard(const smart_grants_t *grants, unsigned letters)
{
    size_t i;

    for (i = 0; grants->policy->ceiling_n == 0 && i < grants->scope_n; i++) {
        if (grants->state[i] == SMART_SCOPE_GOOD && (grants->scope[i].letters & letters) != 0 &&
            base_span_is(grants->scope[i].type, "*")) {
            return true;
        }
    }
    return false;
}

bool smart_grants_are_confined(const smart_grants_t *grants)
{
    return !grants->unconfined;
}

/* What a void scope that would otherwise fit tells, the most telling first. A good one that grants nothing: the type's class. */
static const struct {
    smart_scope_state_t state;
    base_reason_t reason;
} tellings[] = {
    {SMART_SCOPE_GOOD, BASE_TYPE_NOT_PATIENT_LEVEL},
    {SMART_SCOPE_NO_PATIENT, BASE_PATIENT_MISSING},
    {SMART_SCOPE_PATIENT_VOID, BASE_PATIENT_MISSING},
    {SMART_SCOPE_USER_UNKNOWN, BASE_USER_UNKNOWN},
    {SMART_SCOPE_USER_REFUSED, BASE_USER_REFUSED},
    {SMART_SCOPE_RESULT_PARAMETER, BASE_SCOPE_CONSTRAINED},
    {SMART_SCOPE_EXPERIMENTAL, BASE_SCOPE_CONSTRAINED},
    {SMART_SCOPE_PARAMETER_UNKNOWN, BASE_SCOPE_CONSTRAINED},
    {SMART_SCOPE_NOT_EVALUABLE, BASE_SCOPE_CONSTRAINED},
};

#define TELLINGS_N (sizeof(tellings) / sizeof(tellings[0]))

/* The state of a scope, seen from one type: what a ceiling cut off, or what A21 leaves out, is no matter of the type's class. */
static smart_scope_state_t state_for(const smart_grants_t *grants, size_t i,
                                     const fhir_type_t *type)
{
    if (grants->state[i] != SMART_SCOPE_GOOD) {
        return grants->state[i];
    }
    if (grants->policy->ceiling_n > 0) {
        return SMART_SCOPE_ABOVE_CEILING;
    }
    return grants->scope[i].constraint.p != NULL &&
                   (fhir_type_set_has(&grants->policy->members, type) ||
                    fhir_type_set_has(&grants->policy->shared, type))
               ? SMART_SCOPE_PARAMETER_UNKNOWN
               : SMART_SCOPE_GOOD;
}

static base_reason_t telling_reason(const smart_grants_t *grants, unsigned letter,
                                    const fhir_type_t *type)
{
    const smart_scope_t *scope;
    size_t best = TELLINGS_N, t, i;

    for (i = 0; i < grants->scope_n; i++) {
        scope = &grants->scope[i];
        if ((scope->letters & letter) == 0 ||
            (!base_span_is(scope->type, "*") && !base_span_is(scope->type, type->name))) {
            continue;
        }
        for (t = 0; t < best; t++) {
            if (state_for(grants, i, type) == tellings[t].state) {
                best = t;
            }
        }
    }
    return best < TELLINGS_N ? tellings[best].reason : BASE_SCOPE_MISSING;
}

/* I3: named by the first context in which the token has a resource scope. */
static void name_missing(const smart_grants_t *grants, unsigned letter, base_span_t type,
                         smart_missing_t *missing)
{
    size_t i;

    missing->context = SMART_CONTEXT_COUNT;
    for (i = 0; i < grants->scope_n; i++) {
        if (grants->scope[i].state != SMART_SCOPE_OTHER &&
            grants->scope[i].context < missing->context) {
            missing->context = grants->scope[i].context;
        }
    }
    if (missing->context == SMART_CONTEXT_COUNT) {
        missing->context = SMART_PATIENT;
    }
    missing->type = type;
    missing->letter = letter;
}

base_reason_t smart_grants_missing(const smart_grants_t *grants, unsigned letter,
                                   const fhir_type_t *type, smart_missing_t *missing)
{
    base_reason_t reason = telling_reason(grants, letter, type);

    memset(missing, 0, sizeof(*missing));
    if (reason == BASE_SCOPE_MISSING || reason == BASE_SCOPE_CONSTRAINED) {
        name_missing(grants, letter, base_span_of(type->name), missing);
    }
    return reason;
}

void smart_grants_missing_any(const smart_grants_t *grants, unsigned letter,
                              smart_missing_t *missing)
{
    name_missing(grants, letter, BASE_SPAN("*"), missing);
}

const smart_scope_t *smart_grants_scopes(const smart_grants_t *grants,
                                         const smart_scope_state_t **states, size_t *n)
{
    *states = grants->state;
    *n = grants->scope_n;
    return grants->scope;
}
