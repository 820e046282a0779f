/*
 * smart_scope: one scope, as text says it (RULES A1-A18, A25). No FHIR version is known here:
 * whether a type exists, and what a constraint means, is the business of smart_grants.
 */

#ifndef SMART_SCOPE_H
#define SMART_SCOPE_H

#include "base/base_reason.h"
#include "base/base_writer.h"

typedef enum { SMART_PATIENT, SMART_USER, SMART_SYSTEM, SMART_CONTEXT_COUNT } smart_context_t;

/* Permission letters (B1), in the order in which they are written. */
#define SMART_C       1u
#define SMART_R       2u
#define SMART_U       4u
#define SMART_D       8u
#define SMART_S       16u
#define SMART_LETTERS 5

/* Why a scope grants nothing. SMART_SCOPE_OTHER: it is not a resource scope at all (`openid`, `launch/patient`), which is no fault. */
#define SMART_SCOPE_STATES(X)                                                                      \
    X(SMART_SCOPE_GOOD, "grants")                                                                  \
    X(SMART_SCOPE_OTHER, "is not a resource scope")                                                \
    X(SMART_SCOPE_BAD_LETTERS, "has undefined permission letters")                                 \
    X(SMART_SCOPE_BAD_CONSTRAINT, "has a malformed constraint")                                    \
    X(SMART_SCOPE_V1_CONSTRAINT, "has a constraint on a v1 permission")                            \
    X(SMART_SCOPE_RESULT_PARAMETER, "is constrained by a parameter that is no filter")             \
    X(SMART_SCOPE_EXPERIMENTAL, "is constrained by a modifier, a chain or an expression")          \
    X(SMART_SCOPE_PARAMETER_UNKNOWN, "is constrained by a parameter that the type does not have")  \
    X(SMART_SCOPE_NOT_EVALUABLE, "is constrained by what cannot be evaluated here")                \
    X(SMART_SCOPE_TYPE_UNKNOWN, "names a type unknown to this FHIR version")                       \
    X(SMART_SCOPE_TYPE_ABSTRACT, "names an abstract type")                                         \
    X(SMART_SCOPE_ABOVE_CEILING, "is above the ceiling of the policy")                             \
    X(SMART_SCOPE_NO_PATIENT, "needs a patient in context, and the token has none")                \
    X(SMART_SCOPE_PATIENT_VOID, "needs a patient in context, and the token's is not usable")       \
    X(SMART_SCOPE_USER_UNKNOWN, "needs a user, and the token does not say who that is")            \
    X(SMART_SCOPE_USER_REFUSED, "is not honoured for this kind of user")

#define SMART_SCOPE_STATE_ENUM(id, text) id,
typedef enum {
    SMART_SCOPE_STATES(SMART_SCOPE_STATE_ENUM) SMART_SCOPE_STATE_COUNT
} smart_scope_state_t;
#undef SMART_SCOPE_STATE_ENUM

typedef struct {
    base_span_t text; /* as it was written, prefix included */
    smart_context_t context;
    base_span_t type; /* "Observation" or "*" */
    uint8_t letters;
    base_span_t constraint; /* what follows the first '?', undecoded; absent: none */
    smart_scope_state_t
        state; /* GOOD, or the textual faults down to V1_CONSTRAINT; then letters is 0 */
} smart_scope_t;

/* Reads one scope-token. Never fails: what is not good says why in `state`. Spans point into the token. */
void smart_scope_parse(base_span_t token, smart_scope_t *scope);

/* The text of a state: "has undefined permission letters". */
const char *smart_scope_state_text(smart_scope_state_t state);

/* `patient/Observation.rs`: the canonical v2 spelling, without a constraint. */
void smart_scope_write(base_writer_t *w, smart_context_t context, base_span_t type,
                       unsigned letters);

/* "patient", "user", "system". */
const char *smart_context_name(smart_context_t context);

#endif
