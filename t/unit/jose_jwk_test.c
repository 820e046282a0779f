/*
 * jose_jwk: which keys of a set are used, which are ignored, and which one answers (threats
 * section 3).
 */

#include "unit.h"

#include <openssl/err.h>

#include "jose/jose_jwk.h"
#include "jose_mint.h"

static EVP_PKEY *rsa, *p256, *p384, *p521, *ed25519;

static base_reason_t read_set(const char *json, size_t n)
{
    jose_jwk_set_t *set = NULL;
    base_reason_t reason = jose_jwk_set_read(base_span_make(json, n), &set);

    if (reason != BASE_OK && set != NULL) {
        mint_fail("a set in spite of a failure");
    }
    jose_jwk_set_free(set);
    return reason;
}

/* Reads the entry between two good neighbours, which must live. Returns whether it is usable. */
static bool usable(const char *jwk)
{
    jose_jwk_set_t *set = mint_set(mint_text("%s,%s,%s", mint_jwk(p256, "\"kid\":\"before\","), jwk,
                                             mint_jwk(p256, "\"kid\":\"behind\",")));
    const jose_jwk_ignored_t *ignored;
    size_t n = jose_jwk_set_count(set);
    bool neighbours =
        jose_jwk_has_kid(set, BASE_SPAN("before")) && jose_jwk_has_kid(set, BASE_SPAN("behind"));

    if (!neighbours || n + jose_jwk_set_ignored(set, &ignored) != 3 ||
        (n == 2 && (ignored[0].index != 1 || ignored[0].why[0] == '\0'))) {
        mint_fail("a neighbour or the reason is missing");
    }
    jose_jwk_set_free(set);
    return n == 3;
}

static void test_documents(void)
{
    static const struct {
        const char *json;
        base_reason_t reason;
    } rows[] = {
        {"{\"keys\":[]}", BASE_OK},
        {"{\"keys\":[],\"x\":1}", BASE_OK},
        {" {\"keys\":[ ]} \n", BASE_OK},
        {"{\"keys\":[null,1,\"a\",[],{}]}", BASE_OK},
        {"", BASE_DOCUMENT_SYNTAX},
        {"{}", BASE_DOCUMENT_SYNTAX},
        {"[]", BASE_DOCUMENT_SYNTAX},
        {"null", BASE_DOCUMENT_SYNTAX},
        {"{\"keys\":{}}", BASE_DOCUMENT_SYNTAX},
        {"{\"keys\":null}", BASE_DOCUMENT_SYNTAX},
        {"{\"keys\":\"\"}", BASE_DOCUMENT_SYNTAX},
        {"{\"KEYS\":[]}", BASE_DOCUMENT_SYNTAX},
        {"{\"keys\":[],\"keys\":[]}", BASE_DOCUMENT_SYNTAX},
        {"{\"keys\":[],\"k\\u0065ys\":[]}", BASE_DOCUMENT_SYNTAX},
        {"{\"keys\":[{\"kty\":\"RSA\",\"kty\":\"RSA\"}]}", BASE_DOCUMENT_SYNTAX},
        {"{\"keys\":[]", BASE_DOCUMENT_SYNTAX},
        {"{\"keys\":[]}x", BASE_DOCUMENT_SYNTAX},
        {"{\"keys\":[]}{}", BASE_DOCUMENT_SYNTAX},
        {"\xef\xbb\xbf{\"keys\":[]}", BASE_DOCUMENT_SYNTAX},
        {"{\"keys\":[\"\xff\"]}", BASE_DOCUMENT_SYNTAX},
        {"{\"keys\":[\"\\u0000\"]}", BASE_DOCUMENT_SYNTAX},
        {"<html>busy</html>", BASE_DOCUMENT_SYNTAX},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(read_set(rows[i].json, strlen(rows[i].json)), rows[i].reason, "document %s",
               rows[i].json);
    }
    is_int(read_set("{\"keys\":[]}\0", 12), BASE_DOCUMENT_SYNTAX, "a NUL behind");
    is_int(read_set(NULL, 0), BASE_DOCUMENT_SYNTAX, "an absent document");
    is_int(read_set("{\0\"\0k\0", 7), BASE_DOCUMENT_SYNTAX, "UTF-16");
}

static void test_empty(void)
{
    jose_jwk_set_t *set = mint_set("");
    const jose_jwk_t *keys[JOSE_JWK_FOUND_MAX];

    is_int(jose_jwk_set_count(set), 0, "an empty set has no key");
    is_int(jose_jwk_set_ignored(set, NULL), 0, "and ignores none");
    is_int(jose_jwk_find(set, base_span_make(NULL, 0), jose_alg_at(0), keys), 0, "and finds none");
    jose_jwk_set_free(set);
    jose_jwk_set_free(NULL);
}

/* Members put in front of good keys. */
static void test_members(void)
{
    static const struct {
        const char *extra;
        bool usable;
    } rows[] = {
        {"", true},
        {"\"use\":\"sig\",", true},
        {"\"use\":\"enc\",", false},
        {"\"use\":\"SIG\",", false},
        {"\"use\":\"\",", false},
        {"\"use\":null,", false},
        {"\"use\":[\"sig\"],", false},
        {"\"key_ops\":[\"verify\"],", true},
        {"\"key_ops\":[\"sign\",\"verify\"],", true},
        {"\"key_ops\":[\"sign\"],", false},
        {"\"key_ops\":[],", false},
        {"\"key_ops\":\"verify\",", false},
        {"\"key_ops\":null,", false},
        {"\"key_ops\":[\"verify\",\"verify\"],", false},
        {"\"key_ops\":[\"verify\",\"else\"],", false},
        {"\"key_ops\":[\"verify\",1],", false},
        {"\"use\":\"sig\",\"key_ops\":[\"encrypt\"],", false},
        {"\"alg\":\"ES256\",", true},
        {"\"alg\":\"ES384\",", false},
        {"\"alg\":\"RS256\",", false},
        {"\"alg\":\"HS256\",", false},
        {"\"alg\":\"none\",", false},
        {"\"alg\":\"es256\",", false},
        {"\"alg\":null,", false},
        {"\"alg\":[\"ES256\"],", false},
        {"\"kid\":\"x\",", true},
        {"\"kid\":\"\",", false},
        {"\"kid\":1,", false},
        {"\"kid\":null,", false},
        {"\"d\":\"AA\",", false},
        {"\"d\":null,", false},
        {"\"p\":\"AA\",", false},
        {"\"k\":\"AA\",", false},
        {"\"oth\":[],", false},
        {"\"x5c\":[\"MII\"],\"x5t\":\"a\",\"x5u\":\"https://a.example/\",", true},
        {"\"ext\":true,", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(usable(mint_jwk(p256, rows[i].extra)), rows[i].usable, "P-256 with %s",
               rows[i].extra);
    }
    ok(usable(mint_jwk(rsa, "\"alg\":\"PS512\",")), "RSA for PS512");
    ok(!usable(mint_jwk(rsa, "\"alg\":\"RSA-OAEP\",")), "RSA for RSA-OAEP");
    ok(!usable(mint_jwk(rsa, "\"alg\":\"ES256\",")), "RSA for ES256");
    ok(usable(mint_jwk(ed25519, "\"alg\":\"EdDSA\",")), "Ed25519 for EdDSA");
    ok(!usable(mint_jwk(ed25519, "\"alg\":\"ES256\",")), "Ed25519 for ES256");
}

static char *run_of(char c, size_t n)
{
    char *text = mint_alloc(n + 1);

    memset(text, c, n);
    return text;
}

static void test_kid_length(void)
{
    ok(usable(mint_jwk(p256, mint_text("\"kid\":\"%s\",", run_of('k', 256)))), "kid of 256 bytes");
    ok(!usable(mint_jwk(p256, mint_text("\"kid\":\"%s\",", run_of('k', 257)))), "kid of 257 bytes");
    ok(!usable(mint_jwk(p256, mint_text("\"kid\":\"%s\",", run_of('k', 1 << 20)))),
       "kid of a megabyte");
}

static void test_types(void)
{
    ok(usable(mint_jwk(rsa, "")), "RSA");
    ok(usable(mint_jwk(p384, "")), "P-384");
    ok(usable(mint_jwk(p521, "")), "P-521");
    ok(usable(mint_jwk(ed25519, "")), "Ed25519");
    ok(!usable("{\"kty\":\"oct\",\"k\":\"AAAA\"}"), "oct");
    ok(!usable("{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":\"RS256\"}"), "oct that says RS256");
    ok(!usable("{\"kty\":\"rsa\"}"), "kty in another case");
    ok(!usable("{\"kty\":7}"), "kty not a string");
    ok(!usable("{}"), "no kty");
    ok(!usable("[]"), "an array");
    ok(!usable("null"), "null");
    ok(!usable("\"key\""), "a string");
}

/* An RSA JWK of any numbers. */
static char *rsa_jwk(const void *n, size_t n_n, const void *e, size_t e_n)
{
    return mint_text("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", mint_base64url(n, n_n),
                     mint_base64url(e, e_n));
}

static void test_modulus(void)
{
    unsigned char n[1100];

    memset(n, 0xa5, sizeof(n));
    ok(usable(rsa_jwk(n, 256, "\1\0\1", 3)), "2048 bits");
    ok(!usable(rsa_jwk(n, 255, "\1\0\1", 3)), "2040 bits");
    ok(!usable(rsa_jwk(n, 128, "\1\0\1", 3)), "1024 bits");
    ok(usable(rsa_jwk(n, 1024, "\1\0\1", 3)), "8192 bits");
    ok(!usable(rsa_jwk(n, 1025, "\1\0\1", 3)), "8200 bits");
    ok(!usable(rsa_jwk(n, 1100, "\1\0\1", 3)), "8800 bits");
    n[0] = 0x7f;
    ok(!usable(rsa_jwk(n, 256, "\1\0\1", 3)), "2047 bits");
    n[0] = 1;
    ok(!usable(rsa_jwk(n, 1025, "\1\0\1", 3)), "8193 bits");
    n[0] = 0;
    ok(usable(rsa_jwk(n, 257, "\1\0\1", 3)), "2048 bits behind a zero octet");
    ok(usable(rsa_jwk(n, 1025, "\1\0\1", 3)), "8192 bits behind a zero octet");
    n[1] = 0;
    ok(!usable(rsa_jwk(n, 258, "\1\0\1", 3)), "2048 bits behind two zero octets");
    n[0] = n[1] = n[255] = 0xa4;
    ok(!usable(rsa_jwk(n, 256, "\1\0\1", 3)), "even");
    memset(n, 0, sizeof(n));
    ok(!usable(rsa_jwk(n, 256, "\1\0\1", 3)), "zero");
    ok(!usable(rsa_jwk(n, 1, "\1\0\1", 3)), "zero in one octet");
    ok(!usable(rsa_jwk(n, 0, "\1\0\1", 3)), "empty");
}

static void test_exponent(void)
{
    static const struct {
        const char *octets;
        size_t n;
        bool usable;
        const char *name;
    } rows[] = {
        {"\1\0\1", 3, true, "65537"},
        {"\3", 1, true, "3"},
        {"\0\1\0\1", 4, true, "65537 behind a zero octet"},
        {"\0\0\1\0\1", 5, false, "65537 behind two"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff", 8, true, "64 bits"},
        {"\1\0\0\0\0\0\0\0\1", 9, false, "65 bits"},
        {"", 0, false, "empty"},
        {"\0", 1, false, "0"},
        {"\1", 1, false, "1"},
        {"\0\1", 2, false, "1 behind a zero octet"},
        {"\2", 1, false, "2"},
        {"\1\0\0", 3, false, "65536"},
    };
    unsigned char n[256];

    memset(n, 0xa5, sizeof(n));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(usable(rsa_jwk(n, sizeof(n), rows[i].octets, rows[i].n)), rows[i].usable,
               "exponent %s", rows[i].name);
    }
}

static void test_rsa_members(void)
{
    char *n = mint_number(rsa, OSSL_PKEY_PARAM_RSA_N, 0);

    ok(usable(mint_text("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}", n)), "control");
    ok(!usable(mint_text("{\"kty\":\"RSA\",\"n\":\"%s==\",\"e\":\"AQAB\"}", n)), "padded n");
    ok(!usable(mint_text("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQ==\"}", n)), "padded e");
    ok(!usable(mint_text("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"A+/B\"}", n)), "plain base64 e");
    ok(!usable(mint_text("{\"kty\":\"RSA\",\"n\":\" %s\",\"e\":\"AQAB\"}", n)), "a space");
    ok(!usable(mint_text("{\"kty\":\"RSA\",\"n\":\"%s\"}", n)), "no e");
    ok(!usable("{\"kty\":\"RSA\",\"e\":\"AQAB\"}"), "no n");
    ok(!usable(mint_text("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":65537}", n)), "e is a number");
    ok(!usable("{\"kty\":\"RSA\",\"n\":null,\"e\":\"AQAB\"}"), "n is null");
    ok(!usable(mint_text("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}", run_of('A', 100000))),
       "n of 75000 octets");
    ok(!usable(mint_text("{\"kty\":\"EC\",\"n\":\"%s\",\"e\":\"AQAB\"}", n)), "RSA that says EC");
}

/* A P-256 key with other coordinates. */
static char *ec_jwk(const char *crv, const char *x, const char *y)
{
    return mint_text("{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}", crv, x, y);
}

static void test_point(void)
{
    char *x = mint_number(p256, OSSL_PKEY_PARAM_EC_PUB_X, 32);
    char *y = mint_number(p256, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
    char *zero = run_of('A', 43);
    char *ones = mint_text("%s8", run_of('_', 42));

    ok(usable(ec_jwk("P-256", x, y)), "control");
    ok(!usable(ec_jwk("P-256", y, x)), "coordinates swapped: not on the curve");
    ok(!usable(ec_jwk("P-256", zero, zero)), "0, 0");
    ok(!usable(ec_jwk("P-256", ones, ones)), "beyond the field");
    ok(!usable(ec_jwk("P-256", x, zero)), "y is 0");
    ok(!usable(ec_jwk("P-256", "", "")), "empty");
    ok(!usable(ec_jwk("P-256", x, "")), "empty y");
    ok(!usable(ec_jwk("P-256", mint_number(p256, OSSL_PKEY_PARAM_EC_PUB_X, 33),
                      mint_number(p256, OSSL_PKEY_PARAM_EC_PUB_Y, 33))),
       "an octet too many");
    ok(!usable(ec_jwk("P-256", x + 4, y)), "an x too short");
    ok(!usable(ec_jwk("P-256", run_of('A', 5000), y)), "a huge x");
    ok(!usable(ec_jwk("P-384", x, y)), "another curve's name");
    ok(!usable(ec_jwk("p-256", x, y)), "crv in another case");
    ok(!usable(ec_jwk("secp256k1", x, y)), "secp256k1");
    ok(!usable(ec_jwk("Ed25519", x, y)), "EC on Ed25519");
    ok(!usable(mint_text("{\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y)), "no crv");
    ok(!usable(mint_text("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\"}", x)), "no y");
    ok(!usable(mint_text("{\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"%s\"}", x)), "OKP on P-256");
    ok(!usable("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}"), "Ed25519 too short");
    ok(!usable(mint_text("{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"%s\"}", run_of('A', 76))),
       "Ed448");
    ok(!usable(mint_text("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"%s\"}", x)), "X25519");
}

static size_t find(const jose_jwk_set_t *set, const char *kid, const char *alg,
                   const jose_jwk_t **keys)
{
    return jose_jwk_find(set, base_span_of(kid), jose_alg_find(base_span_of(alg)), keys);
}

static void test_find(void)
{
    const jose_jwk_t *keys[JOSE_JWK_FOUND_MAX];
    jose_jwk_set_t *set = mint_set(
        mint_text("%s,%s,%s,%s", mint_jwk(rsa, "\"kid\":\"a\","), mint_jwk(p256, "\"kid\":\"a\","),
                  mint_jwk(p384, "\"kid\":\"b\","), mint_jwk(ed25519, "")));

    is_int(find(set, "a", "RS256", keys), 1, "one kid, the key of the algorithm's type");
    is_int(find(set, "a", "PS512", keys), 1, "an RSA key without alg serves PSS, too");
    is_int(find(set, "a", "ES256", keys), 1, "the EC key of the same kid");
    is_int(find(set, "a", "ES384", keys), 0, "not for another curve");
    is_int(find(set, "b", "ES384", keys), 1, "the other kid");
    is_int(find(set, "ab", "ES384", keys), 0, "a longer kid");
    is_int(find(set, "", "ES384", keys), 0, "an empty kid is not an absent one");
    is_int(find(set, NULL, "ES384", keys), 1, "no kid");
    is_int(find(set, NULL, "EdDSA", keys), 1, "no kid, key without kid");
    is_int(find(set, NULL, "ES512", keys), 0, "no kid, no key");
    jose_jwk_set_free(set);
}

/* The same kid twice: the stronger one answers, wherever it stands; equals both may. */
static void test_duplicate_kid(void)
{
    EVP_PKEY *strong = mint_rsa(2304), *equal = mint_rsa(2048);
    char *weak_jwk = mint_jwk(rsa, "\"kid\":\"a\","),
         *strong_jwk = mint_jwk(strong, "\"kid\":\"a\",");
    char *equal_jwk = mint_jwk(equal, "\"kid\":\"a\",");
    char *jwks[] = {mint_text("%s,%s", weak_jwk, strong_jwk),
                    mint_text("%s,%s", strong_jwk, weak_jwk)};
    const jose_jwk_t *keys[JOSE_JWK_FOUND_MAX];
    jose_jwk_set_t *set;
    unsigned char sig[600];
    size_t n = mint_sign(strong, "SHA256", false, 0, "message", sig, sizeof(sig));

    for (size_t i = 0; i < 2; i++) {
        set = mint_set(jwks[i]);
        is_int(find(set, "a", "RS256", keys), 1, "duplicate kid, order %zu: one key", i);
        is_int(
            jose_jwk_verify(keys[0], jose_alg_at(0), BASE_SPAN("message"), base_span_make(sig, n)),
            BASE_OK, "duplicate kid, order %zu: the stronger", i);
        is_int(find(set, NULL, "RS256", keys), 2, "without kid both, order %zu", i);
        jose_jwk_set_free(set);
    }
    set = mint_set(mint_text("%s,%s", weak_jwk, equal_jwk));
    is_int(find(set, "a", "RS256", keys), 2, "duplicate kid of equal strength: both");
    jose_jwk_set_free(set);
    EVP_PKEY_free(strong);
    EVP_PKEY_free(equal);
}

static void test_verify_guards(void)
{
    const jose_jwk_t *keys[JOSE_JWK_FOUND_MAX];
    jose_jwk_set_t *set = mint_set(mint_jwk(rsa, "\"alg\":\"RS256\","));
    unsigned char sig[256] = {0};

    (void) find(set, NULL, "RS256", keys);
    is_int(jose_jwk_verify(keys[0], jose_alg_find(BASE_SPAN("PS256")), BASE_SPAN("m"),
                           base_span_make(sig, 256)),
           BASE_TOKEN_ALGORITHM, "a key is not used beyond its alg");
    is_int(jose_jwk_verify(keys[0], jose_alg_find(BASE_SPAN("ES256")), BASE_SPAN("m"),
                           base_span_make(sig, 64)),
           BASE_TOKEN_ALGORITHM, "nor beyond its type");
    is_int(jose_jwk_verify(keys[0], jose_alg_at(0), BASE_SPAN("m"), base_span_make(sig, 0)),
           BASE_TOKEN_SIGNATURE, "an empty signature");
    jose_jwk_set_free(set);
}

/* `n` entries, all the same. */
static jose_jwk_set_t *set_of(const char *jwk, size_t n)
{
    char *list = mint_alloc((strlen(jwk) + 1) * n + 1), *p = list;

    for (size_t i = 0; i < n; i++) {
        p += sprintf(p, "%s%s", i == 0 ? "" : ",", jwk);
    }
    return mint_set(list);
}

static void test_many(void)
{
    const jose_jwk_ignored_t *ignored;
    jose_jwk_set_t *set = set_of(mint_jwk(ed25519, "\"kid\":\"a\","), 300);
    const jose_jwk_t *keys[JOSE_JWK_FOUND_MAX];

    is_int(jose_jwk_set_count(set), JOSE_JWK_KEYS_MAX, "of 300 keys 64 are used");
    is_int(jose_jwk_set_ignored(set, &ignored), 236, "and all others counted");
    is_int(ignored[0].index, 64, "from the 65th on");
    is_int(find(set, "a", "EdDSA", keys), 8, "8 keys at most are found");
    jose_jwk_set_free(set);

    set = set_of("{}", 5000);
    is_int(jose_jwk_set_count(set), 0, "5000 useless entries: no key");
    is_int(jose_jwk_set_ignored(set, NULL), 5000, "all counted");
    jose_jwk_set_free(set);
}

int main(void)
{
    UNIT_BEGIN();
    rsa = mint_rsa(2048);
    p256 = mint_ec("P-256");
    p384 = mint_ec("P-384");
    p521 = mint_ec("P-521");
    ed25519 = mint_ed25519();

    test_documents();
    test_empty();
    test_members();
    test_kid_length();
    test_types();
    test_modulus();
    test_exponent();
    test_rsa_members();
    test_point();
    test_find();
    test_duplicate_kid();
    test_verify_guards();
    test_many();
    is_int((long long) ERR_peek_error(), 0, "OpenSSL's error queue is empty");

    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(p521);
    EVP_PKEY_free(ed25519);
    mint_end();
    UNIT_END();
}
