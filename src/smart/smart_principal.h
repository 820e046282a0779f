/*
 * smart_principal: who sends the request. Identity, launch context and parsed scopes of one verified token.
 *
 * Immutable once made, reference-counted, in one arena of its own: it may be cached for as long as the token is valid and shared by
 * requests of one worker (not by threads). It knows no location: what its scopes grant at one (policy, base) is compiled on first
 * use and remembered here (smart_grants).
 */

#ifndef SMART_PRINCIPAL_H
#define SMART_PRINCIPAL_H

#include "smart/smart_context.h"
#include "smart/smart_scope.h"

typedef struct smart_principal_s smart_principal_t;

/*
 * Makes a principal of a verified payload. `issuer_name`: the name of the smart_issuer block, copied.
 * BASE_OK: *principal holds one reference. BASE_TOKEN_CLAIMS, BASE_TOKEN_SCOPES (more than SMART_SCOPES_MAX scopes,
 * or SMART_WILDCARDS_MAX constrained ones of every type),
 * BASE_NO_MEMORY: *principal is NULL. The payload is not needed afterwards.
 */
base_reason_t smart_principal_new(const smart_claim_map_t *map, base_span_t payload,
                                  base_span_t issuer_name, smart_principal_t **principal);

/*
 * Who that is at one base, where the token's authorization_details say something else of it (RULES F4): the object of type smart_on_fhir whose
 * `locations` hold one of the base's URLs replaces scope, patient, encounter and fhirContext, each where it has them. `map` is the issuer's.
 * BASE_OK: *here holds a reference of its own, on `principal` itself when nothing is replaced. BASE_TOKEN_CLAIMS: the details cannot be read, or two objects
 * are for the base; BASE_TOKEN_SCOPES, BASE_NO_MEMORY.
 */
base_reason_t smart_principal_at(smart_principal_t *principal, const smart_claim_map_t *map,
                                 const smart_base_t *base, smart_principal_t **here);

/* One more reference; returns the same principal. */
smart_principal_t *smart_principal_hold(smart_principal_t *principal);

/* Gives a reference back; the last one frees everything, compiled grants included. NULL is allowed. */
void smart_principal_release(smart_principal_t *principal);

/* Bytes it costs now, and at most may cost later (grants for further locations): for a cache's accounts. */
size_t smart_principal_size(const smart_principal_t *principal);

/* What the token says; valid as long as the principal. */
const smart_claims_t *smart_principal_claims(const smart_principal_t *principal);

/* The name of the smart_issuer block. */
base_span_t smart_principal_issuer(const smart_principal_t *principal);

/* Its scopes in the token's order, void and non-resource ones included. */
const smart_scope_t *smart_principal_scopes(const smart_principal_t *principal, size_t *n);

/* All scopes as one string, joined by single spaces as they were written (X-SMART-Scopes, $smart_scope). */
base_span_t smart_principal_scope_text(const smart_principal_t *principal);

#endif
