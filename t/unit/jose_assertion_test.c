/* jose_assertion: what libjwt signed for us verifies with our own verifier; keys that do not fit are refused before it sees them. */

#include "jose/jose_assertion.h"
#include "unit.h"

#include <openssl/pem.h>

#include "jose/jose_jwt.h"
#include "jose_mint.h"

#define NOW INT64_C(1700000000)

static base_span_t pem_of(EVP_PKEY *key, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = passphrase == NULL ? NULL : EVP_aes_128_cbc();
    char *bytes, *copy;
    long n;

    if (PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, passphrase,
                                      passphrase == NULL ? 0 : (int) strlen(passphrase), NULL,
                                      NULL) != 1) {
        mint_fail("PEM");
    }
    n = BIO_get_mem_data(bio, &bytes);
    copy = mint_alloc((size_t) n + 1);
    memcpy(copy, bytes, (size_t) n);
    BIO_free(bio);
    return base_span_make(copy, (size_t) n);
}

static base_span_t sign(base_span_t pem, const char *alg, base_reason_t *reason)
{
    jose_assertion_t assertion = {
        .pem = pem,
        .alg = base_span_of(alg),
        .kid = BASE_SPAN("k1"),
        .client = BASE_SPAN("client-1"),
        .audience = BASE_SPAN("https://auth.example.org"),
        .jti = BASE_SPAN("once"),
        .now = NOW,
    };
    base_span_t token;

    (void) mint_alloc(1);
    *reason = jose_assertion_sign(&assertion, mint_arena, &token);
    return token;
}

static void test_signed(EVP_PKEY *key, const char *alg)
{
    base_span_t audience = BASE_SPAN_LIT("https://auth.example.org");
    jose_jwt_rules_t rules = {.issuer = BASE_SPAN_LIT("client-1"),
                              .audiences = &audience,
                              .audiences_n = 1,
                              .algs = JOSE_ALG_ALL};
    base_reason_t reason;
    base_span_t token = sign(pem_of(key, NULL), alg, &reason);
    jose_jwk_set_t *set = NULL;
    jose_jws_t jws = {0};
    jose_jwt_t jwt;

    is_int(reason, BASE_OK, "%s: signed", alg);
    is_int(jose_jws_split(token, 16384, mint_arena, &jws), BASE_OK, "%s: a JWS", alg);
    is_mem(jws.kid.p, jws.kid.n, "k1", 2, "%s: kid", alg);
    is_str(mint_text("%.*s", (int) jws.alg->name.n, jws.alg->name.p), alg, "%s: alg", alg);
    is_int(jose_jwk_set_read(
               base_span_of(mint_text("{\"keys\":[%s]}", mint_jwk(key, "\"kid\":\"k1\","))), &set),
           BASE_OK, "%s: key", alg);
    is_int(jose_jwt_check(&jws, set, &rules, NOW, mint_arena, &jwt), BASE_OK, "%s: verifies", alg);
    is_int(jwt.exp, NOW + JOSE_ASSERTION_LIFE, "%s: a short life", alg);
    jose_jwk_set_free(set);
}

static void test_refused(base_span_t pem, const char *alg, const char *name)
{
    base_reason_t reason;
    base_span_t token = sign(pem, alg, &reason);

    ok(jose_assertion_fault(pem, base_span_of(alg)) != NULL, "%s: said why", name);
    is_int(reason, BASE_INTERNAL, "%s: refused", name);
    ok(token.p == NULL, "%s: no token", name);
}

static void is_alg(EVP_PKEY *key, const char *alg)
{
    base_span_t got = jose_assertion_alg(pem_of(key, NULL));

    is_mem(got.p, got.n, alg, strlen(alg), "default %s", alg);
}

int main(void)
{
    EVP_PKEY *rsa = mint_rsa(2048), *weak = mint_rsa(1024);
    EVP_PKEY *p256 = mint_ec("P-256"), *p384 = mint_ec("P-384"), *ed = mint_ed25519();

    UNIT_BEGIN();
    test_signed(rsa, "RS384");
    test_signed(rsa, "RS256");
    test_signed(p384, "ES384");
    test_signed(p256, "ES256");
    test_refused(pem_of(p256, NULL), "ES384", "another curve");
    test_refused(pem_of(rsa, NULL), "ES384", "another type");
    test_refused(pem_of(p384, NULL), "RS384", "another type");
    test_refused(pem_of(rsa, NULL), "HS256", "an algorithm that a public key could forge");
    test_refused(pem_of(rsa, NULL), "none", "none");
    test_refused(pem_of(weak, NULL), "RS384", "a weak key");
    test_refused(pem_of(ed, NULL), "ES384", "Ed25519");
    test_refused(pem_of(rsa, "secret"), "RS384", "an encrypted key");
    test_refused(BASE_SPAN("nothing"), "RS384", "no key");
    test_refused(BASE_SPAN(""), "RS384", "an empty file");
    is_alg(rsa, "RS384");
    is_alg(p384, "ES384");
    is_alg(p256, "ES256");
    ok(jose_assertion_alg(pem_of(ed, NULL)).p == NULL, "no default for Ed25519");
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(ed);
    base_arena_free(mint_arena);
    UNIT_END();
}
