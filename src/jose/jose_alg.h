/*
 * jose_alg: the signature algorithms we know, one row each (RFC 7518 section 3.1, RFC 8037).
 *
 * No row, no verification: `none` and the HS family cannot be selected by anybody (RULES H3, RFC
 * 8725 section 3.1). A row pins the key type and the curve, so an ES256 header never meets a
 * P-384 key. A set of algorithms, such as an issuer's allow-list, is a bitmask of row bits.
 */

#ifndef JOSE_ALG_H
#define JOSE_ALG_H

#include "base/base_span.h"

typedef enum { JOSE_KTY_RSA, JOSE_KTY_EC, JOSE_KTY_OKP } jose_kty_t;

typedef enum {
    JOSE_CURVE_NONE, /* RSA */
    JOSE_CURVE_P256,
    JOSE_CURVE_P384,
    JOSE_CURVE_P521,
    JOSE_CURVE_ED25519
} jose_curve_t;

typedef struct {
    base_span_t name; /* exactly as in the header's "alg" */
    uint32_t bit;     /* one bit, distinct for each row */
    jose_kty_t kty;
    jose_curve_t curve;
    const char *digest; /* OpenSSL's name of it; NULL for EdDSA, which hashes by itself */
    bool pss;           /* RSASSA-PSS with salt and MGF1 of the digest; else PKCS #1 v1.5 */
    size_t signature_n; /* octets; 0 for RSA: the modulus says */
} jose_alg_t;

#define JOSE_ALG_COUNT 10
/* The set of all rows: smart_issuer's default allow-list. */
#define JOSE_ALG_ALL ((1u << JOSE_ALG_COUNT) - 1)

/* The row of that exact name (case matters, RFC 7515 section 4.1.1), or NULL. */
const jose_alg_t *jose_alg_find(base_span_t name);

/* Row i in the order of CONFIG's default list, 0 <= i < JOSE_ALG_COUNT; NULL beyond. */
const jose_alg_t *jose_alg_at(size_t i);

#endif
