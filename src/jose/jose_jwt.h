/*
 * jose_jwt: a JWT (RFC 7519) as an access token of one issuer (RULES H4, H5, H10).
 *
 * The signature comes first, then the claims: no unsigned claim steers an answer. Times are
 * seconds since 1970-01-01T00:00:00Z; the clock is the caller's.
 */

#ifndef JOSE_JWT_H
#define JOSE_JWT_H

#include "base/base_arena.h"
#include "base/base_reason.h"
#include "base/base_span.h"
#include "jose/jose_jws.h"

/*
 * NumericDates beyond this, either way, are refused as BASE_TOKEN_CLAIMS: the year 33658 is no
 * lifetime, and milliseconds mistaken for seconds (1.7e12) must not make a token eternal.
 */
#define JOSE_JWT_TIME_MAX INT64_C(1000000000000)

/* What an issuer's tokens must be. Spans belong to the caller (the configuration). */
typedef struct {
    base_span_t issuer;           /* iss, exactly */
    const base_span_t *audiences; /* any one must be in aud, exactly */
    size_t audiences_n;           /* 0 without audience_off: every token is refused */
    bool audience_off;            /* aud is not looked at */
    bool require_at_jwt;          /* typ at+jwt and the claims RFC 9068 section 2.2 requires */
    uint32_t algs;                /* allow-list, JOSE_ALG_ALL by default */
    int64_t leeway;               /* seconds, >= 0 */
    int64_t max_token_age; /* seconds since iat; 0: no limit. With a limit, iat is required */
} jose_jwt_rules_t;

/* What a check found. */
typedef struct {
    /* The verified claims: one strict JSON object, in the arena of the split. */
    base_span_t payload;
    int64_t exp; /* fractions are rounded down, here and below */
    int64_t nbf; /* when has_nbf */
    int64_t iat; /* when has_iat */
    bool has_nbf;
    bool has_iat;
    /* With BASE_TOKEN_AUDIENCE: a slash at the end is all that differs (RULES H4). */
    bool audience_slash_only;
} jose_jwt_t;

/*
 * Reads `iss` of the *unverified* payload, only to choose among the configured issuers: look it
 * up by exact comparison, then check with that issuer's keys and rules. BASE_TOKEN_CLAIMS when
 * the payload is not a strict JSON object, BASE_TOKEN_ISSUER when iss is missing or not a string,
 * BASE_NO_MEMORY.
 */
base_reason_t jose_jwt_issuer(const jose_jws_t *jws, base_arena_t *arena, base_span_t *iss);

/*
 * Everything: type, signature, claims, in this order:
 *
 * BASE_TOKEN_TYPE           the header's typ is of another kind, or at+jwt is required
 * (jose_jws_verify)         BASE_TOKEN_ALGORITHM, BASE_TOKEN_KEY_UNKNOWN, BASE_TOKEN_SIGNATURE
 * BASE_TOKEN_CLAIMS         not a strict JSON object (duplicate members at any depth included), exp
 *                           missing, a time that is no number or beyond JOSE_JWT_TIME_MAX, a claim
 *                           missing that the rules require
 * BASE_TOKEN_ISSUER         iss is not the rules' issuer
 * BASE_TOKEN_KIND           an ID, refresh, offline or logout token (RULES H5)
 * BASE_TOKEN_BOUND          cnf is present: the binding cannot be proven here (RULES H10)
 * BASE_TOKEN_EXPIRED, BASE_TOKEN_NOT_YET_VALID, BASE_TOKEN_TOO_OLD   see jose_jwt_check_times
 * BASE_TOKEN_AUDIENCE       last, so that audience_slash_only says what it says
 * BASE_NO_MEMORY
 *
 * `out` is written in any case (zeroed but for what was found).
 */
base_reason_t jose_jwt_check(const jose_jws_t *jws, const jose_jwk_set_t *set,
                             const jose_jwt_rules_t *rules, int64_t now, base_arena_t *arena,
                             jose_jwt_t *out);

/*
 * The claims of a token that its issuer vouches for instead of a signature (an introspection answer, RULES H8): everything that jose_jwt_check looks
 * at in claims, but iss and aud only where they are present, and no profile of RFC 9068. `payload` must live as long as *out.
 */
base_reason_t jose_jwt_check_answer(base_span_t payload, const jose_jwt_rules_t *rules, int64_t now,
                                    base_arena_t *arena, jose_jwt_t *out);

/*
 * The times of a token that was checked before, again: for each use of a cached one (threats
 * section 5). Expired: now >= exp + leeway. Not yet valid: now + leeway < nbf or iat. Too old:
 * now > iat + max_token_age + leeway.
 */
base_reason_t jose_jwt_check_times(const jose_jwt_t *jwt, const jose_jwt_rules_t *rules,
                                   int64_t now);

#endif
