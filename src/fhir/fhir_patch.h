/*
 * fhir_patch: a JSON Patch applied to a copy of a stored resource, for judging only: what is sent on is the patch itself (RULES D10).
 */

#ifndef FHIR_PATCH_H
#define FHIR_PATCH_H

#include "base/base_arena.h"
#include "base/base_reason.h"
#include "base/base_span.h"

#define FHIR_PATCH_OPERATIONS_MAX 1000

/*
 * Applies an RFC 6902 patch. *result, in the arena, is the outcome as JSON: its numbers may be written otherwise than the server will.
 * BASE_JSON_SYNTAX: the patch is no JSON, has duplicate members, or is no list of operations of RFC 6902, or has more than
 * FHIR_PATCH_OPERATIONS_MAX; BASE_PATCH_INAPPLICABLE: it does not fit the resource (RFC 6902 section 5); BASE_PREREAD_FAILED: the stored
 * resource is no JSON object; BASE_NO_MEMORY.
 */
base_reason_t fhir_patch_apply(base_span_t patch, base_span_t stored, base_arena_t *arena,
                               base_span_t *result);

/* True when both are JSON objects and the top-level member is absent in both or of equal value in both. */
bool fhir_patch_leaves(base_span_t before, base_span_t after, const char *member);

#endif
