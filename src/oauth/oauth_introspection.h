/*
 * oauth_introspection: asking the authorisation server about a token (RFC 7662; RULES F6, H8), without I/O and without a clock.
 */

#ifndef OAUTH_INTROSPECTION_H
#define OAUTH_INTROSPECTION_H

#include "base/base_arena.h"
#include "jose/jose_jwt.h"

/*
 * The request's form body: the token, that it is meant as an access token, and a client assertion (RFC 7523 section 2.2) unless it is absent. In the
 * arena; absent without memory.
 */
base_span_t oauth_introspection_form(base_span_t token, base_span_t assertion, base_arena_t *arena);

/*
 * Values of an Authorization header: client_secret_basic (RFC 6749 section 2.3.1: both parts form-encoded) and bearer. In the arena, NUL terminated behind
 * n; absent without memory.
 */
base_span_t oauth_introspection_basic(base_span_t id, base_span_t secret, base_arena_t *arena);
base_span_t oauth_introspection_bearer(base_span_t token, base_arena_t *arena);

/*
 * Reads an answer (of status 200). To be called at each use of a stored one: the times are checked again.
 *
 * BASE_OK                    *out is what was found; its payload is `json` itself, for the claim map
 * BASE_TOKEN_INACTIVE        `active` is false; nothing else counts then
 * BASE_INTROSPECTION_FAILED  not one strict JSON object, or `active` is no boolean: no answer at all
 * BASE_TOKEN_KIND            the server calls it a refresh or ID token
 * BASE_TOKEN_BOUND           a DPoP or other bound token (RULES H10)
 * (jose_jwt_check_answer)    BASE_TOKEN_CLAIMS (no exp), BASE_TOKEN_ISSUER, BASE_TOKEN_AUDIENCE, BASE_TOKEN_EXPIRED ...
 * BASE_NO_MEMORY
 */
base_reason_t oauth_introspection_read(base_span_t json, const jose_jwt_rules_t *rules, int64_t now,
                                       base_arena_t *arena, jose_jwt_t *out);

#endif
