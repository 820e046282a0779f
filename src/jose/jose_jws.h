/*
 * jose_jws: a JWS in compact serialization (RFC 7515 section 7.1), read strictly and verified.
 *
 * Nothing in the token chooses a key: jwk, jku, x5u, x5c, x5t are passed over. Refused are crit
 * (whatever it lists), b64, zip, enc, cty (a nested JWT), and a header with a duplicate member at
 * any depth (RULES H3).
 */

#ifndef JOSE_JWS_H
#define JOSE_JWS_H

#include "base/base_arena.h"
#include "base/base_reason.h"
#include "base/base_span.h"
#include "jose/jose_alg.h"
#include "jose/jose_jwk.h"

/*
 * Bounds, checked before anything is decoded. A token is bounded by the caller's `max` and by
 * this.
 */
#define JOSE_JWS_TOKEN_MAX     ((size_t) 65536)
#define JOSE_JWS_HEADER_MAX    ((size_t) 8192) /* encoded characters */
#define JOSE_JWS_SIGNATURE_MAX ((size_t) 1366) /* encoded characters: RSA of 8192 bits */

/* The header's typ, compared without case (RFC 7515 section 4.1.9). */
typedef enum {
    JOSE_TYP_ABSENT,
    JOSE_TYP_JWT,    /* JWT */
    JOSE_TYP_AT_JWT, /* at+jwt, application/at+jwt (RFC 9068 section 2.1) */
    JOSE_TYP_OTHER
} jose_typ_t;

/*
 * A token taken apart, nothing verified. Spans point into the token or into the arena of the
 * split.
 */
typedef struct {
    base_span_t signing_input; /* header "." payload, as sent */
    base_span_t payload;       /* decoded */
    base_span_t signature;     /* decoded */
    const jose_alg_t *alg;     /* never NULL after a split that succeeded */
    base_span_t kid;           /* absent, or 1..256 bytes; for comparing, never for logs */
    jose_typ_t typ;
} jose_jws_t;

/*
 * Takes a token apart. `max`: the largest token in bytes. The arena needs about the token's size.
 *
 * BASE_TOKEN_TOO_LARGE  longer than max
 * BASE_TOKEN_OPAQUE     not two dots: a handle, a JWE, a JSON serialization
 * BASE_TOKEN_MALFORMED  an empty part, a part too large or not canonical base64url
 * BASE_TOKEN_HEADER     the header is not an acceptable JSON object
 * BASE_TOKEN_ALGORITHM  alg is missing, not a string, or has no row
 * BASE_NO_MEMORY        the arena is too small
 */
base_reason_t jose_jws_split(base_span_t token, size_t max, base_arena_t *arena, jose_jws_t *jws);

/*
 * Verifies with the set's keys. `algs`: the issuer's allow-list.
 *
 * BASE_OK                 one key verified it
 * BASE_TOKEN_ALGORITHM    alg is not allowed, or the key of that kid is for something else
 * BASE_TOKEN_KEY_UNKNOWN  no such kid, or without kid no compatible key: look for newer keys
 * BASE_TOKEN_SIGNATURE    no key verified it
 * BASE_NO_MEMORY
 */
base_reason_t jose_jws_verify(const jose_jws_t *jws, const jose_jwk_set_t *set, uint32_t algs);

#endif
