/*
 * jose against libjwt: what we accept, libjwt (1.10, as Debian 12 has it) accepts, too, except
 * typ at+jwt, PS* and EdDSA, which it does not know, and numbers that jansson cannot hold (beyond
 * 64 bits, beyond a double). The reverse does not hold, on purpose. libjwt sees only tokens that
 * we accepted, and a few of our own making: 1.10 writes out of bounds on some others.
 */

#include "unit.h"

#include <jwt.h>

#include <openssl/pem.h>

#include "jose/jose_jwt.h"
#include "jose_mint.h"

#define NOW    INT64_C(1700000000)
#define TOKENS 120

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static unsigned any(unsigned n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned) (random_state >> 33) % n;
}

static const char *one_of(const char *const *list, size_t n)
{
    return list[any((unsigned) n)];
}

#define ONE_OF(list) one_of(list, sizeof(list) / sizeof((list)[0]))

static const char *const spaces[] = {"", "", "", " ", "\n", "\t ", "\r\n"};

/* Members that may stand side by side, and such that spoil a token. */
static const char *const types[] = {
    "",
    "",
    ",\"typ\":\"JWT\"",
    ",\"typ\":\"jwt\"",
    ",\"t\\u0079p\":\"JW\\u0054\"",
    ",\"typ\":\"at+jwt\"",
    ",\"typ\":\"application/at+jwt\"",
};
static const char *const headers[] = {
    "",
    ",\"kid\":\"k\"",
    ",\"x5c\":[\"MIIB\"]",
    ",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}",
    ",\"x\":{\"a\":[1,2,{\"b\":null}]}",
    ",\"\xc3\xa9\":\"\\u00e9\"",
};
static const char *const bad_headers[] = {
    ",\"typ\":\"dpop+jwt\"", ",\"kid\":\"other\"", ",\"kid\":1",        ",\"crit\":[\"x\"]",
    ",\"b64\":false",        ",\"cty\":\"JWT\"",   ",\"alg\":\"none\"", ",\"zip\":\"DEF\"",
};
static const char *const times[] = {
    ",\"exp\":1700000300",      ",\"exp\":1700000300.5",
    ",\"exp\":1.7000003e9",     ",\"exp\":1700000300,\"nbf\":1.6e9",
    ",\"iat\":-1,\"exp\":1e12", ",\"iat\":1699999999.999,\"exp\":1700000300",
};
static const char *const claims[] = {
    "",
    ",\"sub\":\"\\\"\\\\\\u20ac\\ud83d\\ude00\"",
    ",\"scope\":\"patient/*.rs launch\"",
    ",\"aud\":[\"x\",\"y\"]",
    ",\"nonce\":\"n\"",
    ",\"typ\":\"Bearer\"",
    ",\"\":\"no name\"",
    ",\"\\u0073\":\"\xf0\x9f\x98\x80\x7f\\b\\f\\n\\r\\t\\/\"",
};
static const char *const values[] = {
    "0",
    "-0",
    "0.10",
    "1e-9",
    "9223372036854775807",
    "-9223372036854775808",
    "true",
    "null",
    "\"\"",
    "123456789.123456789e3",
    "[[],{},[{}],\"\",0]",
    "{\"a\":{\"a\":{\"a\":[true,false,null]}}}",
};
static const char *const bad_claims[] = {
    ",\"cnf\":{}",
    ",\"at_hash\":\"x\"",
    ",\"iss\":\"i\"",
    ",\"ext\":{\"a\":1,\"a\":1}",
    ",\"bad\":\"\xc0\x80\"",
    ",\"bad\":\"\\ud800\"",
    ",\"bad\":01",
    ",\"typ\":\"ID\"",
    ",",
};

static const char *sometimes(const char *const *list, size_t n)
{
    return any(6) == 0 ? one_of(list, n) : "";
}

#define SOMETIMES(list) sometimes(list, sizeof(list) / sizeof((list)[0]))

static char *random_header(const char *alg)
{
    return mint_text("%s{%s\"alg\"%s:\"%s\"%s%s%s}%s", ONE_OF(spaces), ONE_OF(spaces),
                     ONE_OF(spaces), alg, ONE_OF(types), ONE_OF(headers), SOMETIMES(bad_headers),
                     ONE_OF(spaces));
}

static char *random_payload(void)
{
    return mint_text("%s{%s\"iss\":\"i\"%s%s,%s\"ext\":%s%s%s}%s", ONE_OF(spaces), ONE_OF(spaces),
                     any(8) == 0 ? "" : ONE_OF(times), ONE_OF(claims), ONE_OF(spaces),
                     ONE_OF(values), SOMETIMES(bad_claims), ONE_OF(spaces), ONE_OF(spaces));
}

static base_reason_t ours(const char *token, const jose_jwk_set_t *set, jose_jws_t *jws,
                          base_arena_t *arena)
{
    jose_jwt_rules_t rules = {
        .issuer = BASE_SPAN("i"), .audience_off = true, .algs = JOSE_ALG_ALL, .leeway = 60};
    jose_jwt_t jwt;
    base_reason_t reason = jose_jws_split(base_span_of(token), 16384, arena, jws);

    return reason == BASE_OK ? jose_jwt_check(jws, set, &rules, NOW, arena, &jwt) : reason;
}

static char *pem_of(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *pem;
    long n;

    (void) PEM_write_bio_PUBKEY(bio, key);
    n = BIO_get_mem_data(bio, &data);
    pem = mint_text("%.*s", (int) n, data);
    BIO_free(bio);
    return pem;
}

static bool libjwt_accepts(const char *token, const char *pem)
{
    jwt_t *jwt = NULL;
    int rc = jwt_decode(&jwt, token, (const unsigned char *) pem, (int) strlen(pem));

    if (rc == 0) {
        jwt_free(jwt);
    }
    return rc == 0;
}

typedef struct {
    int accepted;
    int refused;
    int excepted;
    int disagreed;
    int changed; /* accepted with a character changed */
} tally_t;

static void try_changed(const char *token, const jose_jwk_set_t *set, tally_t *tally)
{
    static const char alphabet[] = "ABab01-_.=+/ \n";
    base_arena_t *arena = base_arena_new(1 << 20);
    char *copy = mint_text("%s", token);
    size_t at = any((unsigned) strlen(copy));
    char c = alphabet[any(sizeof(alphabet) - 1)];
    jose_jws_t jws;

    if (copy[at] != c) {
        copy[at] = c;
        tally->changed += ours(copy, set, &jws, arena) == BASE_OK;
    }
    base_arena_free(arena);
}

static void try_token(const char *token, const jose_jwk_set_t *set, const char *pem, tally_t *tally)
{
    base_arena_t *arena = base_arena_new(1 << 20);
    jose_jws_t jws;

    if (ours(token, set, &jws, arena) != BASE_OK) {
        tally->refused++;
    } else if (jws.typ == JOSE_TYP_AT_JWT || jws.alg->pss || jws.alg->kty == JOSE_KTY_OKP) {
        tally->excepted++;
    } else if (libjwt_accepts(token, pem)) {
        tally->accepted++;
    } else {
        tally->disagreed++;
        (void) printf("# libjwt refuses: %s\n", token);
    }
    base_arena_free(arena);
    for (int i = 0; i < 4; i++) {
        try_changed(token, set, tally);
    }
}

static void test_alg(EVP_PKEY *key, const char *alg)
{
    jose_jwk_set_t *set = mint_set(mint_jwk(key, "\"kid\":\"k\","));
    char *pem = pem_of(key);
    tally_t tally = {0};

    for (int i = 0; i < TOKENS; i++) {
        try_token(mint_token(key, alg, random_header(alg), random_payload()), set, pem, &tally);
    }
    is_int(tally.disagreed, 0, "%s: what we accept, libjwt accepts", alg);
    is_int(tally.changed, 0, "%s: nothing verifies with a character changed", alg);
    ok(tally.accepted + tally.excepted > 5 && tally.refused > 5,
       "%s: %d accepted, %d excepted, %d refused", alg, tally.accepted, tally.excepted,
       tally.refused);
    jose_jwk_set_free(set);
}

/* That libjwt can refuse, so that the comparison says something; and where we are stricter. */
static void test_controls(EVP_PKEY *key, EVP_PKEY *stranger)
{
    char *pem = pem_of(key);
    jose_jwk_set_t *set = mint_set(mint_jwk(key, ""));
    base_arena_t *arena = base_arena_new(1 << 20);
    const char *payload = "{\"iss\":\"i\",\"exp\":1700000300}";
    const char *twice = "{\"iss\":\"i\",\"iss\":\"i\",\"exp\":1700000300}";
    jose_jws_t jws;

    ok(libjwt_accepts(mint_plain(key, "ES256", payload), pem), "libjwt accepts a good token");
    ok(!libjwt_accepts(mint_plain(stranger, "ES256", payload), pem), "and refuses a stranger's");
    ok(libjwt_accepts(mint_plain(key, "ES256", twice), pem), "libjwt accepts a claim twice");
    is_int(ours(mint_plain(key, "ES256", twice), set, &jws, arena), BASE_TOKEN_CLAIMS, "we do not");
    is_int(ours(mint_plain(key, "ES256", payload), set, &jws, arena), BASE_OK, "control: once");
    jose_jwk_set_free(set);
    base_arena_free(arena);
}

int main(void)
{
    EVP_PKEY *rsa = mint_rsa(2048), *stranger = mint_ec("P-256"), *ed25519 = mint_ed25519();
    EVP_PKEY *ec[] = {mint_ec("P-256"), mint_ec("P-384"), mint_ec("P-521")};

    UNIT_BEGIN();
    test_controls(ec[0], stranger);
    test_alg(rsa, "RS256");
    test_alg(rsa, "RS384");
    test_alg(rsa, "RS512");
    test_alg(rsa, "PS256");
    test_alg(ec[0], "ES256");
    test_alg(ec[1], "ES384");
    test_alg(ec[2], "ES512");
    test_alg(ed25519, "EdDSA");
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(stranger);
    EVP_PKEY_free(ed25519);
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY_free(ec[i]);
    }
    mint_end();
    UNIT_END();
}
