/*
 * smart_context: the launch context of a token as seen from one FHIR base (RULES A13, D13, F1, F2, L0).
 *
 * Claims hold ids and references in many spellings. Here they become plain ids, or nothing: what does not follow the id
 * grammar or points to another base names nobody.
 */

#ifndef SMART_CONTEXT_H
#define SMART_CONTEXT_H

#include "smart/smart_claims.h"

/*
 * A FHIR base: where it is served, and the absolute URLs that mean the same place (smart_base_url, else the audiences that are
 * URLs, L0; never from request headers). URLs with or without a trailing slash. Owned by the caller, constant.
 */
typedef struct {
    base_span_t
        path; /* as the request line has it, without a trailing slash: "/r4"; "" for the root */
    const base_span_t *urls;
    size_t urls_n;
} smart_base_t;

/*
 * The id that a claim value means for `type`: `123`, `Patient/123` and `<own base>/Patient/123` give `123`. Absent when it is
 * another type's, another base's, or no id. The result points into the value.
 */
base_span_t smart_context_id(base_span_t value, const char *type, const smart_base_t *base);

/* True for one of the base's URLs itself, with or without a slash at its end. */
bool smart_context_is_base(base_span_t url, const smart_base_t *base);

/*
 * The launch patients. Returns how many ids were written to `ids` (room for SMART_PATIENTS_MAX), without repeats; 0 when the token has
 * none or any of its values is unusable (a context that is partly void is void, A13).
 */
size_t smart_context_patients(const smart_claims_t *claims, const smart_base_t *base,
                              base_span_t *ids);

/* The launch encounter's id, or absent. */
base_span_t smart_context_encounter(const smart_claims_t *claims, const smart_base_t *base);

typedef struct {
    base_span_t
        type; /* "Patient", "Practitioner" ...; absent: the token does not say who the user is, or not usably */
    base_span_t id;
    bool foreign; /* absolute, and not on an own base */
} smart_user_t;

/* The user (fhirUser): type and id from the last two segments. False: unknown; *user is then cleared. */
bool smart_context_user(const smart_claims_t *claims, const smart_base_t *base, smart_user_t *user);

/* The id of the first fhirContext item that refers to `type` ($smart_context_<Type>), both shapes of F2; or absent. */
base_span_t smart_context_item(const smart_claims_t *claims, const smart_base_t *base,
                               base_span_t type);

#endif
