/*
 * smart_decide: the decision that the request alone allows. A pure function (RULES L): no clock, no I/O, no state.
 */

#ifndef SMART_DECIDE_H
#define SMART_DECIDE_H

#include "fhir/fhir_request.h"
#include "smart/smart_grants.h"
#include "smart/smart_verdict.h"

/*
 * Decides a parsed request. `grants` may be NULL for a request that is public (smart_decide_is_public); anything else is then refused
 * with BASE_NO_CREDENTIALS. For searches the parameters of URL and form body together are expected in the request (L11).
 */
void smart_decide(const smart_grants_t *grants, const fhir_request_t *request,
                  const smart_policy_t *policy, smart_verdict_t *verdict);

/* True for metadata, smart-configuration, CORS preflight (B2 rows 24, 29, 30), and GET and HEAD of the policy's public paths. */
bool smart_decide_is_public(const fhir_request_t *request, const smart_policy_t *policy);

#endif
