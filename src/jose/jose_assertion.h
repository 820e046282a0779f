/*
 * jose_assertion: a client's signed word about itself (private_key_jwt: RFC 7523 section 2.2, SMART's asymmetric authentication, RULES H6).
 *
 * Signed by libjwt; the key is looked at first, because libjwt would take a key of another curve, and would ask the terminal for a passphrase.
 */

#ifndef JOSE_ASSERTION_H
#define JOSE_ASSERTION_H

#include "base/base_arena.h"
#include "base/base_reason.h"
#include "base/base_span.h"

/* Spans belong to the caller. */
typedef struct {
    base_span_t pem;      /* private key, not encrypted */
    base_span_t alg;      /* RS256 RS384 RS512 ES256 ES384 ES512 */
    base_span_t kid;      /* absent: no kid in the header */
    base_span_t client;   /* iss and sub */
    base_span_t audience; /* aud */
    base_span_t jti;      /* never the same twice */
    int64_t now;          /* seconds since 1970; exp is JOSE_ASSERTION_LIFE later */
} jose_assertion_t;

/* Seconds. SMART allows five minutes; a request takes seconds. */
#define JOSE_ASSERTION_LIFE 60

/* The algorithm for a key when nobody chose: RS384 for RSA, ES256, ES384, ES512 by the curve; absent for a key that cannot sign here. */
base_span_t jose_assertion_alg(base_span_t pem);

/* Why the key cannot sign with that algorithm, a constant text; NULL: it can. */
const char *jose_assertion_fault(base_span_t pem, base_span_t alg);

/* BASE_OK: *token is in the arena. BASE_INTERNAL: the key cannot sign (see jose_assertion_fault); BASE_NO_MEMORY. */
base_reason_t jose_assertion_sign(const jose_assertion_t *assertion, base_arena_t *arena,
                                  base_span_t *token);

#endif
