/* jose_jws: what is a JWS, what verifies it, and what must not (RULES H3, threats section 2). */

#include "unit.h"

#include <openssl/err.h>
#include <openssl/hmac.h>

#include "jose/jose_jws.h"
#include "jose_mint.h"
#include "jose_vectors.h"

#define MAX     ((size_t) 16384)
#define PAYLOAD "{\"sub\":\"x\"}"

static EVP_PKEY *rsa, *p256, *p384, *p521, *ed25519;

/* Split alone. */
static base_reason_t split(const char *token)
{
    base_arena_t *arena = base_arena_new(1 << 20);
    jose_jws_t jws;
    base_reason_t reason = jose_jws_split(base_span_of(token), MAX, arena, &jws);

    base_arena_free(arena);
    return reason;
}

static base_reason_t split_header(const char *header)
{
    return split(mint_text("%s.e30.AA", mint_base64url(header, strlen(header))));
}

static base_reason_t verify_algs(const char *token, const jose_jwk_set_t *set, uint32_t algs)
{
    base_arena_t *arena = base_arena_new(1 << 20);
    jose_jws_t jws;
    base_reason_t reason = jose_jws_split(base_span_of(token), MAX, arena, &jws);

    if (reason == BASE_OK) {
        reason = jose_jws_verify(&jws, set, algs);
    }
    if (ERR_peek_error() != 0) {
        mint_fail("an entry is left in OpenSSL's error queue");
    }
    base_arena_free(arena);
    return reason;
}

static base_reason_t verify(const char *token, const char *jwks)
{
    jose_jwk_set_t *set = mint_set(jwks);
    base_reason_t reason = verify_algs(token, set, JOSE_ALG_ALL);

    jose_jwk_set_free(set);
    return reason;
}

static base_reason_t verify_key(const char *token, EVP_PKEY *key)
{
    return verify(token, mint_jwk(key, ""));
}

/* Another character at `at`, counted from the end when negative. */
static char *changed(const char *token, long at)
{
    char *copy = mint_text("%s", token);
    size_t i = at < 0 ? strlen(copy) - (size_t) -at : (size_t) at;

    copy[i] = copy[i] == 'Q' ? 'g' : 'Q';
    return copy;
}

static void test_vectors(void)
{
    char *all = mint_text("%s", jose_vectors[0].jwk);

    for (size_t i = 0; i < JOSE_VECTORS_COUNT; i++) {
        const jose_vector_t *v = &jose_vectors[i];
        long payload = strchr(v->token, '.') + 2 - v->token;

        is_int(verify(v->token, v->jwk), BASE_OK, "%s verifies", v->name);
        is_int(verify(changed(v->token, -20), v->jwk), BASE_TOKEN_SIGNATURE,
               "%s with another signature does not", v->name);
        is_int(verify(changed(v->token, payload), v->jwk), BASE_TOKEN_SIGNATURE,
               "%s with another payload does not", v->name);
        all = i == 0 ? all : mint_text("%s,%s", all, v->jwk);
    }
    for (size_t i = 0; i < JOSE_VECTORS_COUNT; i++) {
        is_int(verify(jose_vectors[i].token, all), BASE_OK, "%s verifies with all keys in one set",
               jose_vectors[i].name);
    }
}

static void test_every_algorithm(void)
{
    for (size_t i = 0; i < JOSE_ALG_COUNT; i++) {
        EVP_PKEY *keys[] = {rsa, p256, p384, p521, ed25519};
        const jose_alg_t *row = jose_alg_at(i);
        EVP_PKEY *key = keys[row->curve];
        const char *name = (const char *) row->name.p;
        char *token = mint_plain(key, name, PAYLOAD);
        jose_jwk_set_t *set = mint_set(mint_jwk(key, ""));

        is_int(verify_algs(token, set, row->bit), BASE_OK, "%s verifies", name);
        is_int(verify_algs(token, set, JOSE_ALG_ALL), BASE_OK, "%s again, same contexts", name);
        is_int(verify_algs(changed(token, -30), set, row->bit), BASE_TOKEN_SIGNATURE,
               "%s changed does not", name);
        is_int(verify_algs(token, set, row->bit), BASE_OK, "%s once more after a failure", name);
        is_int(verify_algs(token, set, JOSE_ALG_ALL & ~row->bit), BASE_TOKEN_ALGORITHM,
               "%s is refused when the issuer's list lacks it", name);
        jose_jwk_set_free(set);
    }
}

static void test_structure(void)
{
    const char *good = mint_plain(ed25519, "EdDSA", PAYLOAD);
    const char *h = "eyJhbGciOiJFUzI1NiJ9";

    is_int(split(good), BASE_OK, "a whole token");
    is_int(split(""), BASE_TOKEN_OPAQUE, "nothing");
    is_int(split("opaque-handle"), BASE_TOKEN_OPAQUE, "no dot");
    is_int(split(mint_text("%s.e30", h)), BASE_TOKEN_OPAQUE, "one dot");
    is_int(split(mint_text("%s.", good)), BASE_TOKEN_OPAQUE, "a dot behind");
    is_int(split(mint_text("%s.AA.AA", good)), BASE_TOKEN_OPAQUE, "five parts, as a JWE");
    is_int(split("{\"payload\":\"\"}"), BASE_TOKEN_OPAQUE, "JSON serialization");
    is_int(split(mint_text("%s~", good)), BASE_TOKEN_MALFORMED, "an SD-JWT's tilde");
    is_int(split(".."), BASE_TOKEN_MALFORMED, "three empty parts");
    is_int(split(mint_text(".e30.AA")), BASE_TOKEN_MALFORMED, "no header");
    is_int(split(mint_text("%s..AA", h)), BASE_TOKEN_MALFORMED, "no payload");
    is_int(split(mint_text("%s.e30.", h)), BASE_TOKEN_MALFORMED, "no signature");
    is_int(split(mint_text("%s.e30.AA", h)), BASE_OK, "control: all three");
}

static void test_base64url(void)
{
    const char *h = "eyJhbGciOiJFUzI1NiJ9";
    const char *bad[] = {"AA=",  "AA==", "AB", "A",   "AAAAA", "A A",
                         "AA\n", "+A",   "/A", "AAB", "A\xc3", "A%3D"};

    is_int(split(mint_text("%s.e30.AAA", h)), BASE_OK, "control: canonical");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(split(mint_text("%s.e30.%s", h, bad[i])), BASE_TOKEN_MALFORMED, "signature form %zu",
               i);
        is_int(split(mint_text("%s.%s.AA", h, bad[i])), BASE_TOKEN_MALFORMED, "payload form %zu",
               i);
    }
    is_int(split("eyJhbGciOiJFUzI1NiJ9=.e30.AA"), BASE_TOKEN_MALFORMED, "padded header");
    is_int(split("eyJhbGciOiJFUzI1NiJ9 .e30.AA"), BASE_TOKEN_MALFORMED, "space in the header");
}

static char *run_of(char c, size_t n)
{
    char *text = mint_alloc(n + 1);

    memset(text, c, n);
    return text;
}

static void test_bounds(void)
{
    base_arena_t *arena = base_arena_new(1 << 20);
    const char *h = "eyJhbGciOiJFUzI1NiJ9";
    char *token = mint_text("%s.e30.AA", h);
    jose_jws_t jws;

    is_int(jose_jws_split(base_span_of(token), strlen(token), arena, &jws), BASE_OK, "at max");
    is_int(jose_jws_split(base_span_of(token), strlen(token) - 1, arena, &jws),
           BASE_TOKEN_TOO_LARGE, "over max");
    is_int(split(mint_text("%s.%s.AA", h, run_of('A', MAX - 24))), BASE_OK, "large payload");
    is_int(split(mint_text("%s.%s.AA", h, run_of('A', MAX))), BASE_TOKEN_TOO_LARGE, "too large");
    token = mint_text("%s.%s.AA", h, run_of('A', JOSE_JWS_TOKEN_MAX));
    is_int(jose_jws_split(base_span_of(token), SIZE_MAX, arena, &jws), BASE_TOKEN_TOO_LARGE,
           "over our own limit whatever max says");
    is_int(split(mint_text("%s.e30.%s", h, run_of('A', JOSE_JWS_SIGNATURE_MAX))), BASE_OK,
           "largest signature");
    is_int(split(mint_text("%s.e30.%s", h, run_of('A', JOSE_JWS_SIGNATURE_MAX + 2))),
           BASE_TOKEN_MALFORMED, "signature too large");
    token = mint_text("{\"alg\":\"ES256\",\"x\":\"%s\"}", run_of('a', 6116));
    is_int(split_header(token), BASE_OK, "header of %zu bytes", strlen(token));
    token = mint_text("{\"alg\":\"ES256\",\"x\":\"%s\"}", run_of('a', 6130));
    is_int(split_header(token), BASE_TOKEN_MALFORMED, "header too large");
    base_arena_free(arena);
}

typedef struct {
    const char *header;
    base_reason_t reason;
} header_case_t;

static const header_case_t header_cases[] = {
    {"{\"alg\":\"ES256\"}", BASE_OK},
    {" {\"alg\" : \"ES256\"} ", BASE_OK},
    {"{\"\\u0061lg\":\"ES\\u003256\"}", BASE_OK},
    {"{\"alg\":\"ES256\",\"x\":{\"a\":[1,{\"b\":null}]}}", BASE_OK},
    {"{\"alg\":\"none\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"None\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"nOnE\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":null}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":[\"ES256\"]}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":256}", BASE_TOKEN_ALGORITHM},
    {"{}", BASE_TOKEN_ALGORITHM},
    {"{\"ALG\":\"ES256\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"es256\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"ES256 \"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"ES2567\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"ES25\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"ES256K\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"RS1\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"HS256\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"HS384\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"HS512\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"EDDSA\"}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"dir\",\"x\":1}", BASE_TOKEN_ALGORITHM},
    {"{\"alg\":\"ES256\",\"alg\":\"ES256\"}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"x\":{\"a\":1,\"a\":2}}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"crit\":[]}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"crit\":null}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"b64\":false}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"b64\":true}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"zip\":\"DEF\"}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"enc\":\"A128GCM\"}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"cty\":\"JWT\"}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"typ\":1}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"typ\":null}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"kid\":\"\"}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"kid\":7}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"kid\":null}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"kid\":[\"a\"]}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"kid\":\"a\\u0000b\"}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"kid\":\"\\ud800\"}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"kid\":\"../../etc/passwd\"}", BASE_OK},
    {"{\"alg\":\"ES256\",\"jku\":\"https://a.example/\",\"x5u\":\"\",\"x5c\":[],\"x5t\":\"\"}",
     BASE_OK},
    {"", BASE_TOKEN_MALFORMED},
    {"\xef\xbb\xbf{\"alg\":\"ES256\"}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\"", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\"}}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\"}{}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\"} x", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",}", BASE_TOKEN_HEADER},
    {"{'alg':'ES256'}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"x\":\"\xff\"}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"x\":\"\xc0\xaf\"}", BASE_TOKEN_HEADER},
    {"{\"alg\":\"ES256\",\"x\":01}", BASE_TOKEN_HEADER},
    {"[{\"alg\":\"ES256\"}]", BASE_TOKEN_HEADER},
    {"\"ES256\"", BASE_TOKEN_HEADER},
    {"null", BASE_TOKEN_HEADER},
    {"7", BASE_TOKEN_HEADER},
};

static void test_header(void)
{
    for (size_t i = 0; i < sizeof(header_cases) / sizeof(header_cases[0]); i++) {
        is_int(split_header(header_cases[i].header), header_cases[i].reason, "header %s",
               header_cases[i].header);
    }
    is_int(split_header(mint_text("{\"alg\":\"ES256\",\"kid\":\"%s\"}", run_of('k', 256))), BASE_OK,
           "kid of 256 bytes");
    is_int(split_header(mint_text("{\"alg\":\"ES256\",\"kid\":\"%s\"}", run_of('k', 257))),
           BASE_TOKEN_HEADER, "kid of 257 bytes");
    is_int(
        split_header(mint_text("{\"alg\":\"ES256\",\"x\":%s%s}", run_of('[', 31), run_of(']', 31))),
        BASE_OK, "nesting of 32");
    is_int(
        split_header(mint_text("{\"alg\":\"ES256\",\"x\":%s%s}", run_of('[', 32), run_of(']', 32))),
        BASE_TOKEN_HEADER, "nesting of 33");
}

static void test_typ(void)
{
    static const struct {
        const char *typ;
        jose_typ_t kind;
    } rows[] = {
        {"JWT", JOSE_TYP_JWT},
        {"jwt", JOSE_TYP_JWT},
        {"at+jwt", JOSE_TYP_AT_JWT},
        {"AT+JWT", JOSE_TYP_AT_JWT},
        {"application/at+jwt", JOSE_TYP_AT_JWT},
        {"dpop+jwt", JOSE_TYP_OTHER},
        {"logout+jwt", JOSE_TYP_OTHER},
        {"secevent+jwt", JOSE_TYP_OTHER},
        {"at+jwt ", JOSE_TYP_OTHER},
        {"", JOSE_TYP_OTHER},
        {"JOSE", JOSE_TYP_OTHER},
    };
    base_arena_t *arena = base_arena_new(1 << 20);
    jose_jws_t jws;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *header = mint_text("{\"alg\":\"ES256\",\"typ\":\"%s\"}", rows[i].typ);
        char *token = mint_text("%s.e30.AA", mint_base64url(header, strlen(header)));

        ok(jose_jws_split(base_span_of(token), MAX, arena, &jws) == BASE_OK &&
               jws.typ == rows[i].kind,
           "typ '%s'", rows[i].typ);
    }
    base_arena_free(arena);
}

/* HS256 with what an attacker can know of the public key as the secret. */
static char *forged_hmac(const char *alg, const void *secret, int n)
{
    char *input = mint_input(mint_text("{\"alg\":\"%s\"}", alg), PAYLOAD);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_n = 0;

    (void) HMAC(EVP_sha256(), secret, n, (const unsigned char *) input, strlen(input), mac, &mac_n);
    return mint_with_signature(input, mac, mac_n);
}

static void test_confusion(void)
{
    char *jwk = mint_jwk(rsa, "");
    char *ps = mint_jwk(rsa, "\"alg\":\"PS256\",");

    is_int(verify(forged_hmac("HS256", jwk, (int) strlen(jwk)), jwk), BASE_TOKEN_ALGORITHM,
           "HS256 with the JWK as the secret");
    is_int(verify(forged_hmac("HS256", "", 0), jwk), BASE_TOKEN_ALGORITHM, "HS256, empty secret");
    is_int(verify(forged_hmac("RS256", jwk, (int) strlen(jwk)), jwk), BASE_TOKEN_SIGNATURE,
           "a MAC under RS256");
    is_int(verify(mint_text("%s.", mint_input("{\"alg\":\"none\"}", PAYLOAD)), jwk),
           BASE_TOKEN_MALFORMED, "none without signature");
    is_int(verify(mint_text("%s.AA", mint_input("{\"alg\":\"none\"}", PAYLOAD)), jwk),
           BASE_TOKEN_ALGORITHM, "none with a signature");
    is_int(verify(mint_token(rsa, "RS256", "{\"alg\":\"PS256\"}", PAYLOAD), jwk),
           BASE_TOKEN_SIGNATURE, "PKCS 1 signature under PS256");
    is_int(verify(mint_token(rsa, "PS256", "{\"alg\":\"RS256\"}", PAYLOAD), jwk),
           BASE_TOKEN_SIGNATURE, "PSS signature under RS256");
    is_int(verify(mint_token(rsa, "RS512", "{\"alg\":\"RS256\"}", PAYLOAD), jwk),
           BASE_TOKEN_SIGNATURE, "SHA-512 under RS256");
    is_int(verify(mint_plain(rsa, "RS256", PAYLOAD), ps), BASE_TOKEN_KEY_UNKNOWN,
           "RS256 with a key for PS256");
    is_int(verify(mint_plain(rsa, "PS256", PAYLOAD), ps), BASE_OK, "control: PS256");
}

static void test_curves(void)
{
    is_int(verify_key(mint_token(p384, "ES256", "{\"alg\":\"ES256\"}", PAYLOAD), p384),
           BASE_TOKEN_KEY_UNKNOWN, "ES256 with P-384");
    is_int(verify_key(mint_token(p384, "ES384", "{\"alg\":\"ES256\"}", PAYLOAD), p384),
           BASE_TOKEN_KEY_UNKNOWN, "ES384's signature under ES256 with P-384");
    is_int(verify_key(mint_token(p256, "ES256", "{\"alg\":\"ES384\"}", PAYLOAD), p256),
           BASE_TOKEN_KEY_UNKNOWN, "ES384 with P-256");
    is_int(verify_key(mint_token(p256, "ES256", "{\"alg\":\"EdDSA\"}", PAYLOAD), p256),
           BASE_TOKEN_KEY_UNKNOWN, "EdDSA with P-256");
    is_int(verify_key(mint_token(p256, "ES256", "{\"alg\":\"RS256\"}", PAYLOAD), p256),
           BASE_TOKEN_KEY_UNKNOWN, "RS256 with P-256");
    is_int(verify_key(mint_token(p256, "ES512", "{\"alg\":\"ES256\"}", PAYLOAD), p256),
           BASE_TOKEN_SIGNATURE, "another digest under ES256");
    is_int(verify_key(mint_plain(p256, "ES256", PAYLOAD), p256), BASE_OK, "control: ES256");
    is_int(verify_key(mint_plain(p256, "ES256", PAYLOAD), p384), BASE_TOKEN_KEY_UNKNOWN,
           "ES256 with somebody's P-384");
}

/* Puts the group's order, plus `add`, where r (at 0) or s (at 32) stands. */
static void put_order(unsigned char *at, unsigned long add)
{
    BIGNUM *order = NULL;

    (void) EVP_PKEY_get_bn_param(p256, OSSL_PKEY_PARAM_EC_ORDER, &order);
    (void) BN_add_word(order, add);
    (void) BN_bn2binpad(order, at, 32);
    BN_free(order);
}

static void is_signature(const char *input, const unsigned char *raw, size_t n,
                         base_reason_t expected, const char *name)
{
    is_int(verify_key(mint_with_signature(input, raw, n), p256), expected, "%s", name);
}

static void test_ecdsa_form(void)
{
    char *input = mint_input("{\"alg\":\"ES256\"}", PAYLOAD);
    unsigned char der[100], raw[200], bad[1000] = {0};
    size_t der_n = mint_sign(p256, "SHA256", false, 0, input, der, sizeof(der));

    (void) mint_raw_ecdsa(der, der_n, 32, raw);
    is_signature(input, raw, 64, BASE_OK, "control: r || s");
    is_signature(input, der, der_n, BASE_TOKEN_SIGNATURE, "DER");
    is_signature(input, raw, 63, BASE_TOKEN_SIGNATURE, "63 octets");
    memcpy(bad, raw, 64);
    is_signature(input, bad, 65, BASE_TOKEN_SIGNATURE, "65 octets");
    memcpy(bad + 1, raw, 32);
    bad[0] = 0;
    bad[33] = 0;
    memcpy(bad + 34, raw + 32, 32);
    is_signature(input, bad, 66, BASE_TOKEN_SIGNATURE, "each with a leading zero");
    memset(bad, 0, sizeof(bad));
    is_signature(input, bad, 64, BASE_TOKEN_SIGNATURE, "r = s = 0");
    memcpy(bad, raw, 32);
    is_signature(input, bad, 64, BASE_TOKEN_SIGNATURE, "s = 0");
    put_order(bad + 32, 0);
    is_signature(input, bad, 64, BASE_TOKEN_SIGNATURE, "s = n");
    put_order(bad + 32, 1);
    is_signature(input, bad, 64, BASE_TOKEN_SIGNATURE, "s = n + 1");
    memset(bad, 0, 32);
    memcpy(bad + 32, raw + 32, 32);
    is_signature(input, bad, 64, BASE_TOKEN_SIGNATURE, "r = 0");
    put_order(bad, 0);
    is_signature(input, bad, 64, BASE_TOKEN_SIGNATURE, "r = n");
    put_order(bad, 0);
    put_order(bad + 32, 0);
    is_signature(input, bad, 64, BASE_TOKEN_SIGNATURE, "r = s = n");
    memset(bad, 0xff, 64);
    is_signature(input, bad, 64, BASE_TOKEN_SIGNATURE, "all ones");
    memset(bad, 0x11, sizeof(bad));
    is_signature(input, bad, sizeof(bad), BASE_TOKEN_SIGNATURE, "1000 octets");
    is_signature(input, raw, 64, BASE_OK, "control: still r || s");
}

/* Short r and s exercise the DER writer's leading zeros: some of 600 signatures have them. */
static void test_ecdsa_many(void)
{
    jose_jwk_set_t *set = mint_set(mint_jwk(p521, ""));
    jose_jwk_set_t *set256 = mint_set(mint_jwk(p256, ""));
    int good = 0, shorter = 0;

    for (int i = 0; i < 600; i++) {
        char *token = mint_plain(p256, "ES256", mint_text("{\"i\":%d}", i));
        const char *text = strrchr(token, '.') + 1;
        unsigned char raw[BASE_BASE64URL_DECODED(86)];
        size_t n;

        good += verify_algs(token, set256, JOSE_ALG_ALL) == BASE_OK;
        (void) base_base64url_decode(base_span_of(text), raw, &n);
        shorter += raw[0] == 0 || raw[32] == 0;
    }
    ok(good == 600 && shorter > 0, "600 ES256 signatures, some with short numbers");
    good = 0;
    for (int i = 0; i < 30; i++) {
        char *token = mint_plain(p521, "ES512", mint_text("{\"i\":%d}", i));

        good += verify_algs(token, set, JOSE_ALG_ALL) == BASE_OK;
    }
    is_int(good, 30, "30 ES512 signatures");
    jose_jwk_set_free(set);
    jose_jwk_set_free(set256);
}

static void test_rsa_form(void)
{
    char *input = mint_input("{\"alg\":\"RS256\"}", PAYLOAD);
    char *pss = mint_input("{\"alg\":\"PS256\"}", PAYLOAD);
    unsigned char raw[600] = {0};
    size_t n = mint_sign(rsa, "SHA256", false, 0, input, raw + 1, sizeof(raw) - 1);
    BIGNUM *modulus = NULL, *s;

    is_int(verify_key(mint_with_signature(input, raw + 1, n), rsa), BASE_OK, "control: RS256");
    is_int(verify_key(mint_with_signature(input, raw, n + 1), rsa), BASE_TOKEN_SIGNATURE,
           "a leading zero");
    is_int(verify_key(mint_with_signature(input, raw + 1, n + 1), rsa), BASE_TOKEN_SIGNATURE,
           "a zero behind");
    is_int(verify_key(mint_with_signature(input, raw + 1, n - 1), rsa), BASE_TOKEN_SIGNATURE,
           "an octet short");
    (void) EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &modulus);
    s = BN_bin2bn(raw + 1, (int) n, NULL);
    (void) BN_add(s, s, modulus);
    memset(raw, 0, sizeof(raw));
    (void) BN_bn2bin(s, raw);
    is_int(verify_key(mint_with_signature(input, raw, (size_t) BN_num_bytes(s)), rsa),
           BASE_TOKEN_SIGNATURE, "s + n");
    BN_free(s);
    BN_free(modulus);
    memset(raw, 0, sizeof(raw));
    is_int(verify_key(mint_with_signature(input, raw, 256), rsa), BASE_TOKEN_SIGNATURE, "s = 0");
    raw[255] = 1;
    is_int(verify_key(mint_with_signature(input, raw, 256), rsa), BASE_TOKEN_SIGNATURE, "s = 1");
    n = mint_sign(rsa, "SHA256", true, 20, pss, raw, sizeof(raw));
    is_int(verify_key(mint_with_signature(pss, raw, n), rsa), BASE_TOKEN_SIGNATURE,
           "PSS with a salt of 20 octets");
    n = mint_sign(rsa, "SHA256", true, 0, pss, raw, sizeof(raw));
    is_int(verify_key(mint_with_signature(pss, raw, n), rsa), BASE_TOKEN_SIGNATURE,
           "PSS without salt");
    n = mint_sign(rsa, "SHA256", true, RSA_PSS_SALTLEN_MAX, pss, raw, sizeof(raw));
    is_int(verify_key(mint_with_signature(pss, raw, n), rsa), BASE_TOKEN_SIGNATURE,
           "PSS with the longest salt");
    n = mint_sign(rsa, "SHA256", true, 32, pss, raw, sizeof(raw));
    is_int(verify_key(mint_with_signature(pss, raw, n), rsa), BASE_OK, "control: PSS, 32 octets");
}

static void test_ed25519_form(void)
{
    char *input = mint_input("{\"alg\":\"EdDSA\"}", PAYLOAD);
    unsigned char raw[65] = {0};
    /* The order of the group, little-endian (RFC 8032 section 5.1). */
    static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                            0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                            0,    0,    0,    0,    0,    0,    0,    0,
                                            0,    0,    0,    0,    0,    0,    0,    0x10};
    unsigned carry = 0;

    (void) mint_sign(ed25519, NULL, false, 0, input, raw, 64);
    is_int(verify_key(mint_with_signature(input, raw, 64), ed25519), BASE_OK, "control: EdDSA");
    is_int(verify_key(mint_with_signature(input, raw, 65), ed25519), BASE_TOKEN_SIGNATURE,
           "EdDSA, 65 octets");
    is_int(verify_key(mint_with_signature(input, raw, 63), ed25519), BASE_TOKEN_SIGNATURE,
           "EdDSA, 63 octets");
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned) raw[32 + i] + order[i];
        raw[32 + i] = (unsigned char) carry;
        carry >>= 8;
    }
    is_int(verify_key(mint_with_signature(input, raw, 64), ed25519), BASE_TOKEN_SIGNATURE,
           "EdDSA, s + L");
}

static void test_kid(void)
{
    char *set =
        mint_text("%s,%s", mint_jwk(p256, "\"kid\":\"a\","), mint_jwk(p384, "\"kid\":\"b\","));
    char *bare = mint_jwk(p256, "");

    is_int(verify(mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"a\"}", PAYLOAD), set),
           BASE_OK, "the key of that kid");
    is_int(
        verify(mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"\\u0061\"}", PAYLOAD), set),
        BASE_OK, "kid with an escape");
    is_int(verify(mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"c\"}", PAYLOAD), set),
           BASE_TOKEN_KEY_UNKNOWN, "an unknown kid never falls back");
    is_int(verify(mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"A\"}", PAYLOAD), set),
           BASE_TOKEN_KEY_UNKNOWN, "kid in another case");
    is_int(verify(mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"a \"}", PAYLOAD), set),
           BASE_TOKEN_KEY_UNKNOWN, "kid with a space");
    is_int(verify(mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"b\"}", PAYLOAD), set),
           BASE_TOKEN_ALGORITHM, "the kid of another curve");
    is_int(verify(mint_plain(p256, "ES256", PAYLOAD), set), BASE_OK, "no kid: a compatible key");
    is_int(verify(mint_plain(p521, "ES512", PAYLOAD), set), BASE_TOKEN_KEY_UNKNOWN,
           "no kid, no compatible key");
    is_int(verify(mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"a\"}", PAYLOAD), bare),
           BASE_TOKEN_KEY_UNKNOWN, "a kid, but the key has none");
    is_int(verify(mint_plain(p256, "ES256", PAYLOAD), ""), BASE_TOKEN_KEY_UNKNOWN, "an empty set");
}

/* Nothing in the header brings a key along. */
static void test_keys_in_token(void)
{
    EVP_PKEY *own = mint_ec("P-256");
    char *header = mint_text("{\"alg\":\"ES256\",\"jwk\":%s,\"jku\":\"http://127.0.0.1/\"}",
                             mint_jwk(own, ""));

    is_int(verify_key(mint_token(own, "ES256", header, PAYLOAD), p256), BASE_TOKEN_SIGNATURE,
           "signed by the header's own jwk");
    is_int(verify_key(mint_token(p256, "ES256", header, PAYLOAD), p256), BASE_OK,
           "control: signed by the set's key");
    EVP_PKEY_free(own);
}

/* Ten keys; the one that signed comes `at`. */
static base_reason_t verify_among(size_t at)
{
    char *jwks = mint_text("%s", "");

    for (size_t i = 0; i < 10; i++) {
        EVP_PKEY *other = mint_ec("P-256");

        jwks = mint_text("%s%s%s", jwks, i == 0 ? "" : ",", mint_jwk(i == at ? p256 : other, ""));
        EVP_PKEY_free(other);
    }
    return verify(mint_plain(p256, "ES256", PAYLOAD), jwks);
}

static void test_eight(void)
{
    is_int(verify_among(0), BASE_OK, "without kid: the first key");
    is_int(verify_among(7), BASE_OK, "without kid: the eighth");
    is_int(verify_among(8), BASE_TOKEN_SIGNATURE, "without kid: the ninth is not tried");
}

/* Every limit of the arena up to enough: never a crash, never another answer than these. */
static void test_no_memory(void)
{
    char *token = mint_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"\\u0061\"}", PAYLOAD);
    int failed = 0, done = 0, other = 0;

    for (size_t limit = 0; limit < 1024; limit += 8) {
        base_arena_t *arena = base_arena_new(limit);
        jose_jws_t jws;
        base_reason_t reason = jose_jws_split(base_span_of(token), MAX, arena, &jws);

        failed += reason == BASE_NO_MEMORY;
        done += reason == BASE_OK;
        other += reason != BASE_OK && reason != BASE_NO_MEMORY;
        base_arena_free(arena);
    }
    ok(failed > 0 && done > 0 && other == 0, "small arenas: %d failed, %d done", failed, done);
}

int main(void)
{
    UNIT_BEGIN();
    rsa = mint_rsa(2048);
    p256 = mint_ec("P-256");
    p384 = mint_ec("P-384");
    p521 = mint_ec("P-521");
    ed25519 = mint_ed25519();

    test_vectors();
    test_every_algorithm();
    test_structure();
    test_base64url();
    test_bounds();
    test_header();
    test_typ();
    test_confusion();
    test_curves();
    test_ecdsa_form();
    test_ecdsa_many();
    test_rsa_form();
    test_ed25519_form();
    test_kid();
    test_keys_in_token();
    test_eight();
    test_no_memory();
    is_int((long long) ERR_peek_error(), 0, "OpenSSL's error queue is empty");

    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(p521);
    EVP_PKEY_free(ed25519);
    mint_end();
    UNIT_END();
}
