/*
 * smart_body: whether the body of a write may go upstream (RULES B2 rows 3 and 15, B5).
 *
 * The cover of a write is true here, so whose the resource is does not matter. What must hold: it is of the type, and on update has the id, that the
 * path names; and it holds no reference by a search (`Patient?identifier=x`), which a server resolves with rights of its own, unless
 * the token may search that type.
 */

#ifndef SMART_BODY_H
#define SMART_BODY_H

#include "fhir/fhir_request.h"
#include "smart/smart_grants.h"

/*
 * Judges the whole body in one strict pass. BASE_OK; BASE_CONTENT_TYPE for what is not JSON (create, update) or JSON Patch or JSON Parameters (patch): it could not
 * be read as the server will; BASE_JSON_* for broken JSON; BASE_BODY_TYPE; BASE_CONDITIONAL_REFERENCE; BASE_NO_MEMORY.
 * Of an operation the body may be any resource, Parameters, or nothing; references are what is judged.
 * A Binary of any media type but FHIR's own is raw content (B11) and is not looked into.
 */
base_reason_t smart_body_judge(const smart_grants_t *grants, const fhir_request_t *request,
                               const fhir_definitions_t *definitions, base_span_t body,
                               base_arena_t *arena);

/* The same of what a patch makes of a stored resource, as if it were the body of an update of the request's instance (D10). */
base_reason_t smart_body_judge_update(const smart_grants_t *grants, const fhir_request_t *request,
                                      const fhir_definitions_t *definitions, base_span_t body,
                                      base_arena_t *arena);

#endif
