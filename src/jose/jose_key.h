/*
 * jose_key: one public key, held by OpenSSL. Only this file of the room speaks to OpenSSL.
 *
 * Built once by EVP_PKEY_fromdata; the contexts that verify are made at first use and then reused,
 * so a key belongs to one thread. No function leaves an entry in OpenSSL's error queue: nginx would
 * report it as an error of its own TLS.
 */

#ifndef JOSE_KEY_H
#define JOSE_KEY_H

#include "base/base_reason.h"
#include "base/base_span.h"
#include "jose/jose_alg.h"

#define JOSE_KEY_RSA_BITS_MIN 2048
#define JOSE_KEY_RSA_BITS_MAX 8192
/* Octets: a modulus of 8192 bits with one leading zero; an exponent of 64 bits likewise; P-521. */
#define JOSE_KEY_MODULUS_MAX    (JOSE_KEY_RSA_BITS_MAX / 8 + 1)
#define JOSE_KEY_EXPONENT_MAX   9
#define JOSE_KEY_COORDINATE_MAX 66
#define JOSE_KEY_OCTETS_MAX     JOSE_KEY_MODULUS_MAX

typedef struct jose_key_s jose_key_t;

/* What the makers return when memory ran out, to be told from a bad key by its address. */
extern const char jose_key_no_memory[];

/*
 * Make a key from big-endian numbers (RFC 7518 section 6.3.1), coordinates (6.2.1) or Ed25519's
 * octets (RFC 8037 section 2). NULL: *key is the caller's, for jose_key_free. Else a constant text
 * that says why not, and *key is NULL.
 */
const char *jose_key_rsa(base_span_t n, base_span_t e, jose_key_t **key);
const char *jose_key_ec(jose_curve_t curve, base_span_t x, base_span_t y, jose_key_t **key);
const char *jose_key_okp(jose_curve_t curve, base_span_t x, jose_key_t **key);

/* NULL is allowed. */
void jose_key_free(jose_key_t *key);

/* The algorithms that fit its type and curve, as row bits. */
uint32_t jose_key_algs(const jose_key_t *key);

/* Strength: bits of the modulus or of the field. */
unsigned jose_key_bits(const jose_key_t *key);

/*
 * BASE_OK, BASE_TOKEN_SIGNATURE, or BASE_NO_MEMORY when the contexts cannot be made. The caller
 * has made sure that `alg` is one of jose_key_algs; another one is BASE_TOKEN_ALGORITHM.
 */
base_reason_t jose_key_verify(jose_key_t *key, const jose_alg_t *alg, base_span_t message,
                              base_span_t signature);

#endif
