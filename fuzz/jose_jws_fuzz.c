/*
 * The JWS and JWT reader. The first byte chooses what the rest is, the second how much memory
 * there is:
 *   0  a token as it comes
 *   1  a header, put before a payload and a signature
 *   2  claims, signed by the key of the set, so that they are read
 *   3  r || s of an ES256 signature under an RFC 7515 key
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/base_base64url.h"
#include "jose/jose_jwt.h"

#define MAX ((size_t) 16384)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key;
static jose_jwk_set_t *set;
static unsigned char token[2 * MAX];

static void start(void)
{
    static const char format[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%.*s\"},"
                                 "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\","
                                 "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                 "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
    unsigned char raw[32], text[BASE_BASE64URL_ENCODED(32)];
    char json[512];
    size_t n = sizeof(raw);
    int json_n;

    key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (key == NULL || EVP_PKEY_get_raw_public_key(key, raw, &n) != 1) {
        abort();
    }
    n = base_base64url_encode(base_span_make(raw, n), text);
    json_n = snprintf(json, sizeof(json), format, (int) n, (char *) text);
    if (jose_jwk_set_read(base_span_make(json, (size_t) json_n), &set) != BASE_OK ||
        jose_jwk_set_count(set) != 2) {
        abort();
    }
}

static size_t put(size_t at, const void *bytes, size_t n)
{
    return at + base_base64url_encode(base_span_make(bytes, n), token + at);
}

static size_t put_dot(size_t at)
{
    token[at] = '.';
    return at + 1;
}

static size_t with_header(const uint8_t *data, size_t size)
{
    size_t n = put_dot(put(0, data, size));

    n = put_dot(put(n, "{}", 2));
    return put(n, "sixteen of bytes", 16);
}

static size_t with_claims(const uint8_t *data, size_t size)
{
    unsigned char signature[64];
    size_t signature_n = sizeof(signature), n = put_dot(put(0, "{\"alg\":\"EdDSA\"}", 15));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    n = put(n, data, size);
    if (EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
        EVP_DigestSign(ctx, signature, &signature_n, token, n) != 1) {
        abort();
    }
    EVP_MD_CTX_free(ctx);
    return put(put_dot(n), signature, signature_n);
}

static size_t with_signature(const uint8_t *data, size_t size)
{
    size_t n = put_dot(put(0, "{\"alg\":\"ES256\",\"kid\":\"a\"}", 25));

    return put(put_dot(put(n, "{}", 2)), data, size);
}

static size_t make_token(unsigned mode, const uint8_t *data, size_t size)
{
    if (size > MAX) {
        size = MAX;
    }
    switch (mode) {
    case 1:
        return with_header(data, size);
    case 2:
        return with_claims(data, size);
    case 3:
        return with_signature(data, size);
    default:
        memcpy(token, data, size);
        return size;
    }
}

static void run(base_span_t text, base_arena_t *arena)
{
    const base_span_t audience = BASE_SPAN_LIT("a");
    const jose_jwt_rules_t rules = {.issuer = BASE_SPAN_LIT("i"),
                                    .audiences = &audience,
                                    .audiences_n = 1,
                                    .algs = JOSE_ALG_ALL,
                                    .leeway = 60,
                                    .max_token_age = 3600};
    jose_jws_t jws;
    jose_jwt_t jwt;
    base_span_t iss;
    base_reason_t reason;

    if (jose_jws_split(text, MAX, arena, &jws) != BASE_OK) {
        return;
    }
    reason = jose_jwt_issuer(&jws, arena, &iss);
    if ((reason == BASE_OK) != (iss.p != NULL)) {
        abort();
    }
    reason = jose_jwt_check(&jws, set, &rules, 1700000000, arena, &jwt);
    if ((reason == BASE_OK) != (jwt.payload.p != NULL) || ERR_peek_error() != 0) {
        abort();
    }
    if (reason == BASE_OK &&
        (iss.p == NULL || jwt.exp <= 1700000000 - 60 || !base_span_is(iss, "i") || !jwt.has_iat)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_arena_t *arena;

    if (set == NULL) {
        start();
    }
    if (size < 2) {
        return 0;
    }
    arena = base_arena_new(data[1] == 0xff ? (size_t) 1 << 20 : (size_t) data[1] * 16);
    if (arena == NULL) {
        return 0;
    }
    run(base_span_make(token, make_token(data[0] & 3, data + 2, size - 2)), arena);
    base_arena_free(arena);
    return 0;
}
