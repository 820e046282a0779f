/*
 * Makes keys, JWKs and tokens for the jose tests with OpenSSL: what an issuer would do. Memory is
 * not a concern of the tests: strings made here come from one arena that lives as long as the
 * program.
 */

#ifndef JOSE_MINT_H
#define JOSE_MINT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/base_arena.h"
#include "base/base_base64url.h"
#include "jose/jose_alg.h"
#include "jose/jose_jwk.h"

#define MINT_UNUSED __attribute__((unused))

static base_arena_t *mint_arena;

static inline void mint_fail(const char *what)
{
    (void) printf("Bail out! %s\n", what);
    exit(2);
}

static inline void *mint_alloc(size_t n)
{
    void *p;

    if (mint_arena == NULL) {
        mint_arena = base_arena_new((size_t) 1 << 28);
    }
    p = mint_arena == NULL ? NULL : base_arena_alloc(mint_arena, n);
    if (p == NULL) {
        mint_fail("no memory");
    }
    return p;
}

/* printf into memory of its own. */
__attribute__((format(printf, 1, 2))) MINT_UNUSED static char *mint_text(const char *format, ...)
{
    va_list args;
    int n;
    char *text;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    text = mint_alloc((size_t) n + 1);
    va_start(args, format);
    (void) vsnprintf(text, (size_t) n + 1, format, args);
    va_end(args);
    return text;
}

MINT_UNUSED static char *mint_base64url(const void *bytes, size_t n)
{
    char *text = mint_alloc(BASE_BASE64URL_ENCODED(n) + 1);
    size_t done = base_base64url_encode(base_span_make(bytes, n), (unsigned char *) text);

    text[done] = '\0';
    return text;
}

MINT_UNUSED static EVP_PKEY *mint_rsa(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);

    if (key == NULL) {
        mint_fail("RSA key");
    }
    return key;
}

MINT_UNUSED static EVP_PKEY *mint_ec(const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);

    if (key == NULL) {
        mint_fail("EC key");
    }
    return key;
}

MINT_UNUSED static EVP_PKEY *mint_ed25519(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    if (key == NULL) {
        mint_fail("Ed25519 key");
    }
    return key;
}

/* A number of the key as base64url, padded with zeros to `n` octets (0: as short as it is). */
MINT_UNUSED static char *mint_number(EVP_PKEY *key, const char *param, size_t n)
{
    unsigned char octets[1200];
    BIGNUM *bn = NULL;
    char *text;

    if (EVP_PKEY_get_bn_param(key, param, &bn) != 1) {
        mint_fail(param);
    }
    if (n == 0) {
        n = (size_t) BN_num_bytes(bn);
    }
    if (BN_bn2binpad(bn, octets, (int) n) < 0) {
        mint_fail(param);
    }
    text = mint_base64url(octets, n);
    BN_free(bn);
    return text;
}

static inline size_t mint_coordinate_n(EVP_PKEY *key)
{
    return (size_t) (EVP_PKEY_get_bits(key) + 7) / 8;
}

static inline const char *mint_crv(EVP_PKEY *key)
{
    switch (EVP_PKEY_get_bits(key)) {
    case 256:
        return "P-256";
    case 384:
        return "P-384";
    default:
        return "P-521";
    }
}

/* The public JWK; `extra` is put in front of the other members: "\"kid\":\"a\",". */
MINT_UNUSED static char *mint_jwk(EVP_PKEY *key, const char *extra)
{
    unsigned char raw[32];
    size_t n = sizeof(raw);

    if (EVP_PKEY_is_a(key, "RSA")) {
        return mint_text("{%s\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", extra,
                         mint_number(key, OSSL_PKEY_PARAM_RSA_N, 0),
                         mint_number(key, OSSL_PKEY_PARAM_RSA_E, 0));
    }
    if (EVP_PKEY_is_a(key, "EC")) {
        return mint_text("{%s\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}", extra,
                         mint_crv(key),
                         mint_number(key, OSSL_PKEY_PARAM_EC_PUB_X, mint_coordinate_n(key)),
                         mint_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, mint_coordinate_n(key)));
    }
    if (EVP_PKEY_get_raw_public_key(key, raw, &n) != 1) {
        mint_fail("raw key");
    }
    return mint_text("{%s\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", extra,
                     mint_base64url(raw, n));
}

/* A set of one key, or of several when `jwks` is their list with commas. */
MINT_UNUSED static jose_jwk_set_t *mint_set(const char *jwks)
{
    jose_jwk_set_t *set;
    char *json = mint_text("{\"keys\":[%s]}", jwks);

    if (jose_jwk_set_read(base_span_of(json), &set) != BASE_OK) {
        mint_fail("key set");
    }
    return set;
}

/* OpenSSL's DER as r || s of `n` octets each. */
MINT_UNUSED static size_t mint_raw_ecdsa(const unsigned char *der, size_t der_n, size_t n,
                                         unsigned char *out)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long) der_n);

    if (sig == NULL || BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int) n) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + n, (int) n) < 0) {
        mint_fail("ECDSA signature");
    }
    ECDSA_SIG_free(sig);
    return 2 * n;
}

/* Signs with OpenSSL; `salt` is used for PSS: RSA_PSS_SALTLEN_DIGEST is what JOSE wants. */
MINT_UNUSED static size_t mint_sign(EVP_PKEY *key, const char *digest, bool pss, int salt,
                                    const char *message, unsigned char *out, size_t max)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    size_t n = max;
    bool done;

    done = EVP_DigestSignInit_ex(ctx, &pctx, digest, NULL, NULL, key, NULL) == 1;
    if (done && pss) {
        done = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt) == 1;
    }
    done =
        done && EVP_DigestSign(ctx, out, &n, (const unsigned char *) message, strlen(message)) == 1;
    EVP_MD_CTX_free(ctx);
    if (!done) {
        mint_fail("sign");
    }
    return n;
}

/* header "." payload, of JSON texts. */
MINT_UNUSED static char *mint_input(const char *header, const char *payload)
{
    return mint_text("%s.%s", mint_base64url(header, strlen(header)),
                     mint_base64url(payload, strlen(payload)));
}

MINT_UNUSED static char *mint_with_signature(const char *input, const void *signature, size_t n)
{
    return mint_text("%s.%s", input, mint_base64url(signature, n));
}

/* A token as row `alg` signs it, whatever the header says. */
MINT_UNUSED static char *mint_token(EVP_PKEY *key, const char *alg, const char *header,
                                    const char *payload)
{
    const jose_alg_t *row = jose_alg_find(base_span_of(alg));
    unsigned char out[1200], raw[200];
    char *input = mint_input(header, payload);
    size_t n =
        mint_sign(key, row->digest, row->pss, RSA_PSS_SALTLEN_DIGEST, input, out, sizeof(out));

    if (row->kty != JOSE_KTY_EC) {
        return mint_with_signature(input, out, n);
    }
    n = mint_raw_ecdsa(out, n, mint_coordinate_n(key), raw);
    return mint_with_signature(input, raw, n);
}

/* The same, under the plain header of that algorithm. */
MINT_UNUSED static char *mint_plain(EVP_PKEY *key, const char *alg, const char *payload)
{
    return mint_token(key, alg, mint_text("{\"alg\":\"%s\"}", alg), payload);
}

MINT_UNUSED static void mint_end(void)
{
    base_arena_free(mint_arena);
    mint_arena = NULL;
}

#endif
