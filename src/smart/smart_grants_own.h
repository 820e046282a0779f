/*
 * smart_grants_own: the inside of grants. For smart_grants*.c alone.
 */

#ifndef SMART_GRANTS_OWN_H
#define SMART_GRANTS_OWN_H

#include "smart/smart_principal_own.h"

/* Whose confinement. */
enum { SMART_BY_PATIENT, SMART_BY_USER };

typedef struct {
    fhir_type_set_t types[SMART_LETTERS];
    smart_confinement_t who;
} smart_confined_t;

struct smart_grants_s {
    const smart_principal_t *principal;
    const smart_policy_t *policy;
    smart_base_t base;
    fhir_type_set_t granted[SMART_LETTERS]; /* unconditionally */
    fhir_type_set_t system_read;            /* of them, r and s by system/ scopes alone (B8) */
    fhir_type_set_t system_search;
    smart_confined_t confined[SMART_CONFINED_MAX];
    unsigned binary; /* letters that patients' grants have on Binary, without a constraint (B11) */
    const smart_alternative_t *alternative;
    size_t alternative_n;
    bool unconfined; /* some scope is not a patient's */
    const smart_scope_t *scope;
    smart_scope_state_t *state;
    size_t scope_n;
};

/* What a kind of user may do with user/ scopes (D13). */
typedef struct {
    smart_scope_state_t refused; /* GOOD: not */
    bool confined;               /* to grants->confined[SMART_BY_USER].who */
} smart_user_rule_t;

/* D13: says what user/ scopes of the token are worth, and to whom they are confined. The patients of the token are known by then. */
smart_user_rule_t smart_grants_user(smart_grants_t *grants, const smart_claims_t *claims);

/* Position of a letter's bit; of several, of the first. */
static inline unsigned smart_letter_at(unsigned letters)
{
    return letters == 0 ? SMART_LETTERS - 1 : (unsigned) __builtin_ctz(letters);
}

#endif
