#include "jose/jose_jwk.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/base_base64url.h"
#include "jose/jose_key.h"

struct jose_jwk_s {
    jose_key_t *key;
    uint32_t algs; /* what its type, curve and `alg` leave */
    bool has_kid;
    size_t kid_n;
    char kid[JOSE_JWK_KID_MAX];
};

struct jose_jwk_set_s {
    jose_jwk_t keys[JOSE_JWK_KEYS_MAX];
    size_t keys_n;
    jose_jwk_ignored_t ignored[JOSE_JWK_ENTRIES_MAX];
    size_t ignored_n; /* may exceed the list: entries beyond it were not looked at */
};

/* A decoded member; `n` octets of `octets` are valid. */
typedef struct {
    size_t n;
    unsigned char octets[BASE_BASE64URL_DECODED(BASE_BASE64URL_ENCODED(JOSE_KEY_OCTETS_MAX))];
} octets_t;

static base_span_t string_of(const json_t *value)
{
    return base_span_make(json_string_value(value), json_string_length(value));
}

/* A required base64url member of at most `max` octets. */
static bool read_octets(const json_t *jwk, const char *name, size_t max, octets_t *out)
{
    const json_t *value = json_object_get(jwk, name);
    base_span_t text;

    if (!json_is_string(value)) {
        return false;
    }
    text = string_of(value);
    return text.n <= BASE_BASE64URL_ENCODED(max) &&
           base_base64url_decode(text, out->octets, &out->n) && out->n <= max;
}

static base_span_t octets_span(const octets_t *octets)
{
    return base_span_make(octets->octets, octets->n);
}

static const char *build_rsa(const json_t *jwk, jose_key_t **key)
{
    octets_t n, e;

    if (!read_octets(jwk, "n", JOSE_KEY_MODULUS_MAX, &n) ||
        !read_octets(jwk, "e", JOSE_KEY_EXPONENT_MAX, &e)) {
        return "RSA member n or e is missing, too long or not base64url";
    }
    return jose_key_rsa(octets_span(&n), octets_span(&e), key);
}

static bool read_curve(const json_t *jwk, jose_kty_t kty, jose_curve_t *curve)
{
    static const struct {
        const char *name;
        jose_kty_t kty;
        jose_curve_t curve;
    } rows[] = {
        {"P-256", JOSE_KTY_EC, JOSE_CURVE_P256},
        {"P-384", JOSE_KTY_EC, JOSE_CURVE_P384},
        {"P-521", JOSE_KTY_EC, JOSE_CURVE_P521},
        {"Ed25519", JOSE_KTY_OKP, JOSE_CURVE_ED25519},
    };
    const json_t *crv = json_object_get(jwk, "crv");

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].kty == kty && json_is_string(crv) &&
            base_span_is(string_of(crv), rows[i].name)) {
            *curve = rows[i].curve;
            return true;
        }
    }
    return false;
}

static const char *build_ec(const json_t *jwk, jose_key_t **key)
{
    octets_t x, y;
    jose_curve_t curve;

    if (!read_curve(jwk, JOSE_KTY_EC, &curve)) {
        return "EC curve is not supported";
    }
    if (!read_octets(jwk, "x", JOSE_KEY_COORDINATE_MAX, &x) ||
        !read_octets(jwk, "y", JOSE_KEY_COORDINATE_MAX, &y)) {
        return "EC member x or y is missing, too long or not base64url";
    }
    return jose_key_ec(curve, octets_span(&x), octets_span(&y), key);
}

static const char *build_okp(const json_t *jwk, jose_key_t **key)
{
    octets_t x;
    jose_curve_t curve;

    if (!read_curve(jwk, JOSE_KTY_OKP, &curve)) {
        return "OKP curve is not supported";
    }
    if (!read_octets(jwk, "x", JOSE_KEY_COORDINATE_MAX, &x)) {
        return "OKP member x is missing, too long or not base64url";
    }
    return jose_key_okp(curve, octets_span(&x), key);
}

static const char *build_key(const json_t *jwk, jose_key_t **key)
{
    static const struct {
        const char *kty;
        const char *(*build)(const json_t *jwk, jose_key_t **key);
    } rows[] = {{"RSA", build_rsa}, {"EC", build_ec}, {"OKP", build_okp}};
    const json_t *kty = json_object_get(jwk, "kty");

    if (!json_is_string(kty)) {
        return "kty is missing or not a string";
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (base_span_is(string_of(kty), rows[i].kty)) {
            return rows[i].build(jwk, key);
        }
    }
    return "key type is not for public verification";
}

/* A published private or symmetric key is known to everybody (threats section 3). */
static const char *check_private(const json_t *jwk, jose_jwk_t *out)
{
    static const char *const members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

    (void) out;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (json_object_get(jwk, members[i]) != NULL) {
            return "the entry holds a private or symmetric key";
        }
    }
    return NULL;
}

static const char *check_use(const json_t *jwk, jose_jwk_t *out)
{
    const json_t *use = json_object_get(jwk, "use");

    (void) out;
    if (use == NULL || (json_is_string(use) && base_span_is(string_of(use), "sig"))) {
        return NULL;
    }
    return "use is not sig";
}

static int key_op_index(const json_t *value)
{
    static const char *const ops[] = {"verify",  "sign",      "encrypt",   "decrypt",
                                      "wrapKey", "unwrapKey", "deriveKey", "deriveBits"};

    for (size_t i = 0; json_is_string(value) && i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (base_span_is(string_of(value), ops[i])) {
            return (int) i;
        }
    }
    return -1;
}

/* RFC 7517 section 4.3: known values, each once, verify among them. */
static const char *check_key_ops(const json_t *jwk, jose_jwk_t *out)
{
    const json_t *ops = json_object_get(jwk, "key_ops");
    unsigned seen = 0;

    (void) out;
    if (ops == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(ops); i++) {
        int op = key_op_index(json_array_get(ops, i));

        if (op < 0 || (seen & 1u << op) != 0) {
            return "key_ops holds an unknown or repeated value";
        }
        seen |= 1u << op;
    }
    return (seen & 1u) != 0 ? NULL : "key_ops is not a list with verify";
}

static const char *check_kid(const json_t *jwk, jose_jwk_t *out)
{
    const json_t *kid = json_object_get(jwk, "kid");

    if (kid == NULL) {
        return NULL;
    }
    if (!json_is_string(kid) || json_string_length(kid) == 0 ||
        json_string_length(kid) > JOSE_JWK_KID_MAX) {
        return "kid is empty, too long or not a string";
    }
    out->has_kid = true;
    out->kid_n = json_string_length(kid);
    memcpy(out->kid, json_string_value(kid), out->kid_n);
    return NULL;
}

/* `alg`, when present, is the only one the key may verify; that it fits the type is seen later. */
static const char *check_alg(const json_t *jwk, jose_jwk_t *out)
{
    const json_t *alg = json_object_get(jwk, "alg");
    const jose_alg_t *row;

    out->algs = JOSE_ALG_ALL;
    if (alg == NULL) {
        return NULL;
    }
    row = json_is_string(alg) ? jose_alg_find(string_of(alg)) : NULL;
    if (row == NULL) {
        return "alg is not a signature algorithm we know";
    }
    out->algs = row->bit;
    return NULL;
}

static const char *read_entry(const json_t *jwk, jose_jwk_t *out)
{
    static const char *(*const checks[])(const json_t *jwk, jose_jwk_t *out) = {
        check_private, check_use, check_key_ops, check_kid, check_alg};
    const char *why;

    if (!json_is_object(jwk)) {
        return "the entry is not an object";
    }
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        why = checks[i](jwk, out);
        if (why != NULL) {
            return why;
        }
    }
    why = build_key(jwk, &out->key);
    if (why != NULL) {
        return why;
    }
    out->algs &= jose_key_algs(out->key);
    if (out->algs == 0) {
        jose_key_free(out->key);
        return "alg does not fit the key's type or curve";
    }
    return NULL;
}

static void ignore(jose_jwk_set_t *set, size_t index, const char *why)
{
    set->ignored[set->ignored_n++] = (jose_jwk_ignored_t){index, why};
}

static base_reason_t read_entries(const json_t *keys, jose_jwk_set_t *set)
{
    size_t n = json_array_size(keys), looked_at = n;
    const char *why;

    if (looked_at > JOSE_JWK_ENTRIES_MAX) {
        looked_at = JOSE_JWK_ENTRIES_MAX;
    }
    for (size_t i = 0; i < looked_at; i++) {
        jose_jwk_t jwk = {0};

        why = set->keys_n == JOSE_JWK_KEYS_MAX ? "the set has too many keys"
                                               : read_entry(json_array_get(keys, i), &jwk);
        if (why == jose_key_no_memory) {
            return BASE_NO_MEMORY;
        }
        if (why != NULL) {
            ignore(set, i, why);
        } else {
            set->keys[set->keys_n++] = jwk;
        }
    }
    set->ignored_n += n - looked_at;
    return BASE_OK;
}

base_reason_t jose_jwk_set_read(base_span_t json, jose_jwk_set_t **set)
{
    json_error_t error;
    json_t *document, *keys;
    jose_jwk_set_t *made;
    base_reason_t reason = BASE_DOCUMENT_SYNTAX;

    *set = NULL;
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return BASE_NO_MEMORY;
    }
    document = json.n == 0
                   ? NULL
                   : json_loadb((const char *) json.p, json.n, JSON_REJECT_DUPLICATES, &error);
    keys = json_object_get(document, "keys");
    if (json_is_array(keys)) {
        reason = read_entries(keys, made);
    }
    json_decref(document);
    if (reason != BASE_OK) {
        jose_jwk_set_free(made);
        return reason;
    }
    *set = made;
    return BASE_OK;
}

void jose_jwk_set_free(jose_jwk_set_t *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->keys_n; i++) {
        jose_key_free(set->keys[i].key);
    }
    free(set);
}

size_t jose_jwk_set_count(const jose_jwk_set_t *set)
{
    return set->keys_n;
}

size_t jose_jwk_set_ignored(const jose_jwk_set_t *set, const jose_jwk_ignored_t **list)
{
    if (list != NULL) {
        *list = set->ignored;
    }
    return set->ignored_n;
}

static bool has_kid(const jose_jwk_t *jwk, base_span_t kid)
{
    return jwk->has_kid && base_span_eq(base_span_make(jwk->kid, jwk->kid_n), kid);
}

bool jose_jwk_has_kid(const jose_jwk_set_t *set, base_span_t kid)
{
    for (size_t i = 0; i < set->keys_n; i++) {
        if (has_kid(&set->keys[i], kid)) {
            return true;
        }
    }
    return false;
}

static bool is_candidate(const jose_jwk_t *jwk, base_span_t kid, const jose_alg_t *alg)
{
    return (jwk->algs & alg->bit) != 0 && (kid.p == NULL || has_kid(jwk, kid));
}

/* The strength that a key must have to answer for this kid; without a kid, any. */
static unsigned strongest(const jose_jwk_set_t *set, base_span_t kid, const jose_alg_t *alg)
{
    unsigned bits = 0;

    for (size_t i = 0; kid.p != NULL && i < set->keys_n; i++) {
        if (is_candidate(&set->keys[i], kid, alg) && jose_key_bits(set->keys[i].key) > bits) {
            bits = jose_key_bits(set->keys[i].key);
        }
    }
    return bits;
}

size_t jose_jwk_find(const jose_jwk_set_t *set, base_span_t kid, const jose_alg_t *alg,
                     const jose_jwk_t *keys[JOSE_JWK_FOUND_MAX])
{
    unsigned least = strongest(set, kid, alg);
    size_t found = 0;

    for (size_t i = 0; i < set->keys_n && found < JOSE_JWK_FOUND_MAX; i++) {
        if (is_candidate(&set->keys[i], kid, alg) && jose_key_bits(set->keys[i].key) >= least) {
            keys[found++] = &set->keys[i];
        }
    }
    return found;
}

base_reason_t jose_jwk_verify(const jose_jwk_t *key, const jose_alg_t *alg, base_span_t message,
                              base_span_t signature)
{
    if ((key->algs & alg->bit) == 0) {
        return BASE_TOKEN_ALGORITHM;
    }
    return jose_key_verify(key->key, alg, message, signature);
}
