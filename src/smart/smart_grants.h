/*
 * smart_grants: what a principal's scopes grant here, by this policy and at this base (RULES A, D13, L).
 *
 * Compiled once and remembered on the principal. Deciding is then looking at masks.
 */

#ifndef SMART_GRANTS_H
#define SMART_GRANTS_H

#include "smart/smart_context.h"
#include "smart/smart_cover.h"
#include "smart/smart_policy.h"
#include "smart/smart_principal.h"
#include "smart/smart_verdict.h"

typedef struct smart_grants_s smart_grants_t;

/*
 * The grants of a principal. Remembered on the principal for its first few (policy, base) pairs, and then live as long as it; for further
 * pairs made in the arena, anew each time. The policy must outlive them (nginx: one configuration cycle, whose caches die with it); the
 * base need not, but its URLs must outlive what is made in the arena. NULL: no memory.
 */
const smart_grants_t *smart_grants_compile(smart_principal_t *principal,
                                           const smart_policy_t *policy, const smart_base_t *base,
                                           base_arena_t *arena);

/* The OR of all grants with that letter (SMART_R ...) on the type. A value that
 * points into the grants; empty when nothing is granted. */
smart_cover_t smart_grants_cover(const smart_grants_t *grants, unsigned letter,
                                 const fhir_type_t *type);

/* True when each of these letters is granted on every type, unconditionally. */
bool smart_grants_all(const smart_grants_t *grants, unsigned letters);

/* The types on which system/ scopes grant r and s without a condition: what an export may hold (B8). */
fhir_type_set_t smart_grants_exportable(const smart_grants_t *grants);

/* True when system/ scopes grant r on the type, without a condition (B8: of the Group that is exported). */
bool smart_grants_system_reads(const smart_grants_t *grants, const fhir_type_t *type);

/* The principal whose grants they are: for what is bound to it (L21). */
const smart_principal_t *smart_grants_principal(const smart_grants_t *grants);

/* The own base; its URLs have no trailing slash. Lives as long as the grants. */
const smart_base_t *smart_grants_base(const smart_grants_t *grants);

/* True when one of these letters is granted, on whatever type and under whatever condition. */
bool smart_grants_any(const smart_grants_t *grants, unsigned letters);

/* True when on each type one of these letters is granted unconditionally. */
bool smart_grants_each(const smart_grants_t *grants, unsigned letters);

/* True when one scope grants one of these letters on every type there is ('*'), in whatever context, constrained or not (L16). */
bool smart_grants_wildcard(const smart_grants_t *grants, unsigned letters);

/* True when a patient's grant has the letter on Binary, and the policy lets something come of it (B11). */
bool smart_grants_binary(const smart_grants_t *grants, unsigned letter);

/* True when no scope that grants anything is system/ or user/ of a user who passes (L0 "under patient/"). */
bool smart_grants_are_confined(const smart_grants_t *grants);

/* Which scope would help where no single type is asked for: `*` of the letter. */
void smart_grants_missing_any(const smart_grants_t *grants, unsigned letter,
                              smart_missing_t *missing);

/*
 * Why smart_grants_cover is empty, and which scope is missing. The reason is the most telling one: BASE_USER_UNKNOWN,
 * BASE_PATIENT_MISSING, BASE_SCOPE_CONSTRAINED, BASE_TYPE_NOT_PATIENT_LEVEL when exactly that stands in the way of a scope
 * that otherwise fits, else BASE_SCOPE_MISSING.
 */
base_reason_t smart_grants_missing(const smart_grants_t *grants, unsigned letter,
                                   const fhir_type_t *type, smart_missing_t *missing);

/* The principal's scopes (as smart_principal_scopes), each with its state here in `states`. */
const smart_scope_t *smart_grants_scopes(const smart_grants_t *grants,
                                         const smart_scope_state_t **states, size_t *n);

#endif
