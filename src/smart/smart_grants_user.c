#include "smart/smart_grants_own.h"

static bool is_among(const smart_confinement_t *who, base_span_t id)
{
    size_t i;

    for (i = 0; i < who->n; i++) {
        if (base_span_eq(who->id[i], id)) {
            return true;
        }
    }
    return false;
}

static smart_user_rule_t user_refused(smart_scope_state_t why)
{
    return (smart_user_rule_t){why, false};
}

static smart_user_rule_t user_confined(void)
{
    return (smart_user_rule_t){SMART_SCOPE_GOOD, true};
}

/* L22: where the policy says so, a launch patient confines user/ as well; a void one leaves nothing. */
static smart_user_rule_t user_passes(smart_grants_t *grants, const smart_claims_t *claims)
{
    if (!grants->policy->user_context_confine ||
        (claims->patient_n == 0 && !claims->patient_void)) {
        return (smart_user_rule_t){SMART_SCOPE_GOOD, false};
    }
    grants->confined[SMART_BY_USER].who = grants->confined[SMART_BY_PATIENT].who;
    return grants->confined[SMART_BY_USER].who.n > 0 ? user_confined()
                                                     : user_refused(SMART_SCOPE_PATIENT_VOID);
}

/* D13: user/ of a patient is what patient/ of that patient is. */
static smart_user_rule_t user_is_patient(smart_grants_t *grants, const smart_claims_t *claims,
                                         base_span_t id)
{
    bool launched = claims->patient_n > 0 || claims->patient_void;

    if (grants->policy->user_patient_pass) {
        return user_passes(grants, claims);
    }
    if (grants->policy->user_context_confine && launched &&
        !is_among(&grants->confined[SMART_BY_PATIENT].who, id)) {
        return user_refused(SMART_SCOPE_USER_REFUSED);
    }
    grants->confined[SMART_BY_USER].who.id[0] = id;
    grants->confined[SMART_BY_USER].who.n = 1;
    return user_confined();
}

/* D13. A Patient or RelatedPerson of another base is nobody whom we know (L0). */
smart_user_rule_t smart_grants_user(smart_grants_t *grants, const smart_claims_t *claims)
{
    static const char *const passing[] = {"Practitioner", "PractitionerRole", "Organization",
                                          "Device"};
    smart_user_t user;
    size_t i;

    if (!smart_context_user(claims, &grants->base, &user)) {
        return claims->fhir_user.p == NULL && !claims->fhir_user_void &&
                       grants->policy->user_unknown_pass
                   ? user_passes(grants, claims)
                   : user_refused(SMART_SCOPE_USER_UNKNOWN);
    }
    for (i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        if (base_span_is(user.type, passing[i])) {
            return user_passes(grants, claims);
        }
    }
    if (base_span_is(user.type, "Patient")) {
        return user.foreign ? user_refused(SMART_SCOPE_USER_UNKNOWN)
                            : user_is_patient(grants, claims, user.id);
    }
    if (!base_span_is(user.type, "RelatedPerson") || user.foreign) {
        return user_refused(user.foreign ? SMART_SCOPE_USER_UNKNOWN : SMART_SCOPE_USER_REFUSED);
    }
    grants->confined[SMART_BY_USER].who = grants->confined[SMART_BY_PATIENT].who;
    return grants->confined[SMART_BY_USER].who.n > 0 ? user_confined()
                                                     : user_refused(SMART_SCOPE_USER_REFUSED);
}
