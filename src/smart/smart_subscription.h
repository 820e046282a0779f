/*
 * smart_subscription: whether a Subscription may be written (RULES B13). It exports what will be written in future, past all checks of answers, so what it
 * selects must be granted as a whole.
 */

#ifndef SMART_SUBSCRIPTION_H
#define SMART_SUBSCRIPTION_H

#include "smart/smart_grants.h"

/*
 * `body`: the resource, JSON, read strictly by somebody else before. BASE_OK: its channel is no websocket, and s is granted without a condition, by user/ or system/,
 * on the type that `criteria` searches (R4) and on all that its parameters reach; of a topic, whose types only the FHIR server knows, on every type. BASE_INTERACTION_REFUSED: a
 * websocket; BASE_SCOPE_MISSING with `*missing`; what the parameters of criteria are refused with; BASE_BODY_TYPE: a member has another shape than FHIR's; BASE_NO_MEMORY.
 */
base_reason_t smart_subscription_judge(const smart_grants_t *grants, const smart_policy_t *policy,
                                       base_span_t body, base_arena_t *arena,
                                       smart_missing_t *missing);

#endif
