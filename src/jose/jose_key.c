#include "jose/jose_key.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

/* SEQUENCE of two INTEGERs of 66 octets, each with a sign octet at worst. */
#define DER_MAX (3 + 2 * (2 + JOSE_KEY_COORDINATE_MAX + 1))

const char jose_key_no_memory[] = "no memory";

/* What one algorithm needs to verify with one key. */
typedef struct {
    EVP_PKEY_CTX *verify;
    EVP_MD_CTX *hash;
    EVP_MD *md;
} slot_t;

struct jose_key_s {
    EVP_PKEY *pkey;
    jose_kty_t kty;
    jose_curve_t curve;
    unsigned bits;
    size_t coordinate_n;
    unsigned char order[JOSE_KEY_COORDINATE_MAX]; /* EC: the group's order, coordinate_n octets */
    slot_t slots[JOSE_ALG_COUNT];
};

typedef struct {
    const char *name;
    size_t coordinate_n; /* octets */
    unsigned bits;
} curve_t;

static const curve_t curves[] = {
    [JOSE_CURVE_P256] = {"P-256", 32, 256},
    [JOSE_CURVE_P384] = {"P-384", 48, 384},
    [JOSE_CURVE_P521] = {"P-521", 66, 521},
    [JOSE_CURVE_ED25519] = {"ED25519", 32, 255},
};

/* RFC 7518 section 6.3.1.1: see jose_jwk.h for why one zero octet is forgiven. */
static base_span_t without_sign_octet(base_span_t number)
{
    return number.n > 1 && number.p[0] == 0 ? base_span_sub(number, 1, number.n) : number;
}

static unsigned bits_of(base_span_t number)
{
    unsigned bits = (unsigned) number.n * 8;

    for (unsigned char top = number.p[0]; (top & 0x80) == 0; top = (unsigned char) (top << 1)) {
        bits--;
    }
    return bits;
}

static const char *rsa_fault(base_span_t n, base_span_t e)
{
    unsigned bits;

    if (n.n == 0 || e.n == 0 || n.p[0] == 0 || e.p[0] == 0) {
        return "RSA member n or e is empty, zero or has leading zeros";
    }
    if (n.n > JOSE_KEY_RSA_BITS_MAX / 8) {
        return "RSA modulus is too long";
    }
    bits = bits_of(n);
    if (bits < JOSE_KEY_RSA_BITS_MIN || (n.p[n.n - 1] & 1) == 0) {
        return "RSA modulus is too short or even";
    }
    if (e.n > sizeof(uint64_t) || (e.p[e.n - 1] & 1) == 0 || (e.n == 1 && e.p[0] < 3)) {
        return "RSA exponent is even, 1 or too long";
    }
    return NULL;
}

/* A key around the parameters; type is OpenSSL's name. */
static const char *from_params(const char *type, OSSL_PARAM *params, jose_key_t **out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    jose_key_t *key = calloc(1, sizeof(*key));
    const char *why = NULL;

    if (ctx == NULL || key == NULL) {
        why = jose_key_no_memory;
    } else if (EVP_PKEY_fromdata_init(ctx) != 1 ||
               EVP_PKEY_fromdata(ctx, &key->pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        why = "OpenSSL refuses the key";
    }
    EVP_PKEY_CTX_free(ctx);
    if (why != NULL) {
        ERR_clear_error();
        free(key);
        return why;
    }
    *out = key;
    return NULL;
}

static OSSL_PARAM *rsa_params(BIGNUM *n, BIGNUM *e)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;

    if (bld != NULL && n != NULL && e != NULL &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1) {
        params = OSSL_PARAM_BLD_to_param(bld);
    }
    OSSL_PARAM_BLD_free(bld);
    return params;
}

const char *jose_key_rsa(base_span_t n, base_span_t e, jose_key_t **key)
{
    const char *why;
    BIGNUM *bn_n, *bn_e;
    OSSL_PARAM *params;

    *key = NULL;
    n = without_sign_octet(n);
    e = without_sign_octet(e);
    why = rsa_fault(n, e);
    if (why != NULL) {
        return why;
    }
    bn_n = BN_bin2bn(n.p, (int) n.n, NULL);
    bn_e = BN_bin2bn(e.p, (int) e.n, NULL);
    params = rsa_params(bn_n, bn_e);
    why = params == NULL ? jose_key_no_memory : from_params("RSA", params, key);
    OSSL_PARAM_free(params);
    BN_free(bn_n);
    BN_free(bn_e);
    ERR_clear_error();
    if (why == NULL) {
        (*key)->kty = JOSE_KTY_RSA;
        (*key)->bits = bits_of(n);
    }
    return why;
}

/*
 * The quick check is "on the curve, in range, not at infinity": with cofactor 1 that is all there
 * is to check, and the full one costs a multiplication for each key while requests wait.
 */
static bool point_is_valid(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool valid = ctx != NULL && EVP_PKEY_public_check_quick(ctx) == 1;

    EVP_PKEY_CTX_free(ctx);
    return valid;
}

static bool read_order(jose_key_t *key)
{
    BIGNUM *order = NULL;
    bool done = EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_EC_ORDER, &order) == 1 &&
                BN_bn2binpad(order, key->order, (int) key->coordinate_n) > 0;

    BN_free(order);
    return done;
}

static const char *finish_ec(jose_key_t *key)
{
    const char *why = NULL;

    if (!point_is_valid(key->pkey)) {
        why = "EC point is not on the curve";
    } else if (!read_order(key)) {
        why = jose_key_no_memory;
    }
    ERR_clear_error();
    return why;
}

const char *jose_key_ec(jose_curve_t curve, base_span_t x, base_span_t y, jose_key_t **key)
{
    const curve_t *row = &curves[curve];
    unsigned char point[1 + 2 * JOSE_KEY_COORDINATE_MAX];
    char group[8];
    const char *why;
    OSSL_PARAM params[3];

    *key = NULL;
    if (x.n != row->coordinate_n || y.n != row->coordinate_n) {
        return "EC coordinate has not the curve's length";
    }
    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(point + 1, x.p, x.n);
    memcpy(point + 1 + x.n, y.p, y.n);
    memcpy(group, row->name, strlen(row->name) + 1);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * x.n);
    params[2] = OSSL_PARAM_construct_end();
    why = from_params("EC", params, key);
    if (why != NULL) {
        return why;
    }
    (*key)->kty = JOSE_KTY_EC;
    (*key)->curve = curve;
    (*key)->bits = row->bits;
    (*key)->coordinate_n = row->coordinate_n;
    why = finish_ec(*key);
    if (why != NULL) {
        jose_key_free(*key);
        *key = NULL;
    }
    return why;
}

const char *jose_key_okp(jose_curve_t curve, base_span_t x, jose_key_t **key)
{
    const curve_t *row = &curves[curve];
    unsigned char octets[JOSE_KEY_COORDINATE_MAX];
    const char *why;
    OSSL_PARAM params[2];

    *key = NULL;
    if (x.n != row->coordinate_n) {
        return "OKP member x has not the curve's length";
    }
    memcpy(octets, x.p, x.n);
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, octets, x.n);
    params[1] = OSSL_PARAM_construct_end();
    why = from_params(row->name, params, key);
    if (why == NULL) {
        (*key)->kty = JOSE_KTY_OKP;
        (*key)->curve = curve;
        (*key)->bits = row->bits;
    }
    return why;
}

static void slot_free(slot_t *slot)
{
    EVP_PKEY_CTX_free(slot->verify);
    EVP_MD_CTX_free(slot->hash);
    EVP_MD_free(slot->md);
    *slot = (slot_t){NULL, NULL, NULL};
}

void jose_key_free(jose_key_t *key)
{
    if (key == NULL) {
        return;
    }
    for (size_t i = 0; i < JOSE_ALG_COUNT; i++) {
        slot_free(&key->slots[i]);
    }
    EVP_PKEY_free(key->pkey);
    free(key);
}

static bool fits(const jose_key_t *key, const jose_alg_t *alg)
{
    return alg->kty == key->kty && alg->curve == key->curve;
}

uint32_t jose_key_algs(const jose_key_t *key)
{
    uint32_t algs = 0;

    for (size_t i = 0; i < JOSE_ALG_COUNT; i++) {
        if (fits(key, jose_alg_at(i))) {
            algs |= jose_alg_at(i)->bit;
        }
    }
    return algs;
}

unsigned jose_key_bits(const jose_key_t *key)
{
    return key->bits;
}

/* RFC 7518 sections 3.3 and 3.5: the salt is as long as the digest, MGF1 uses the same digest. */
static bool set_padding(EVP_PKEY_CTX *ctx, const jose_alg_t *alg, const EVP_MD *md)
{
    if (alg->kty != JOSE_KTY_RSA) {
        return true;
    }
    if (!alg->pss) {
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    }
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool slot_open(slot_t *slot, const jose_key_t *key, const jose_alg_t *alg)
{
    if (slot->hash != NULL) {
        return true;
    }
    slot->hash = EVP_MD_CTX_new();
    if (alg->digest == NULL) {
        return slot->hash != NULL;
    }
    slot->md = EVP_MD_fetch(NULL, alg->digest, NULL);
    slot->verify = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    if (slot->hash == NULL || slot->md == NULL || slot->verify == NULL ||
        EVP_PKEY_verify_init(slot->verify) != 1 || !set_padding(slot->verify, alg, slot->md) ||
        EVP_PKEY_CTX_set_signature_md(slot->verify, slot->md) != 1) {
        slot_free(slot);
        return false;
    }
    return true;
}

static bool in_range(const jose_key_t *key, base_span_t number)
{
    static const unsigned char zero[JOSE_KEY_COORDINATE_MAX];

    return number.n > 0 && memcmp(number.p, zero, number.n) != 0 &&
           memcmp(number.p, key->order, number.n) < 0;
}

/* One positive INTEGER of at most 67 octets: lengths stay in the short form. */
static size_t der_integer(base_span_t number, unsigned char *out)
{
    size_t skip = 0, sign;

    while (skip + 1 < number.n && number.p[skip] == 0) {
        skip++;
    }
    number = base_span_sub(number, skip, number.n);
    sign = (number.p[0] & 0x80) != 0;
    out[0] = 0x02;
    out[1] = (unsigned char) (number.n + sign);
    out[2] = 0;
    memcpy(out + 2 + sign, number.p, number.n);
    return 2 + sign + number.n;
}

/*
 * r || s as the DER that OpenSSL wants (RFC 7518 section 3.4): 0 when r or s is not in 1..n-1.
 * The caller has checked the length.
 */
static size_t der_signature(const jose_key_t *key, base_span_t signature, unsigned char *out)
{
    unsigned char body[DER_MAX];
    base_span_t r = base_span_sub(signature, 0, key->coordinate_n);
    base_span_t s = base_span_sub(signature, key->coordinate_n, signature.n);
    size_t n, head = 0;

    if (!in_range(key, r) || !in_range(key, s)) {
        return 0;
    }
    n = der_integer(r, body);
    n += der_integer(s, body + n);
    out[head++] = 0x30;
    if (n > 0x7f) {
        out[head++] = 0x81;
    }
    out[head++] = (unsigned char) n;
    memcpy(out + head, body, n);
    return head + n;
}

static bool verify_whole(slot_t *slot, const jose_key_t *key, base_span_t message,
                         base_span_t signature)
{
    return EVP_MD_CTX_reset(slot->hash) == 1 &&
           EVP_DigestVerifyInit_ex(slot->hash, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1 &&
           EVP_DigestVerify(slot->hash, signature.p, signature.n, message.p, message.n) == 1;
}

static bool verify_digest(slot_t *slot, const jose_key_t *key, base_span_t message,
                          base_span_t signature)
{
    unsigned char digest[EVP_MAX_MD_SIZE], der[DER_MAX];
    unsigned digest_n = 0;

    if (key->kty == JOSE_KTY_EC) {
        signature.n = der_signature(key, signature, der);
        signature.p = der;
        if (signature.n == 0) {
            return false;
        }
    }
    return EVP_DigestInit_ex2(slot->hash, slot->md, NULL) == 1 &&
           EVP_DigestUpdate(slot->hash, message.p, message.n) == 1 &&
           EVP_DigestFinal_ex(slot->hash, digest, &digest_n) == 1 &&
           EVP_PKEY_verify(slot->verify, signature.p, signature.n, digest, digest_n) == 1;
}

static size_t signature_n(const jose_key_t *key, const jose_alg_t *alg)
{
    return alg->signature_n != 0 ? alg->signature_n : (key->bits + 7) / 8;
}

static slot_t *slot_of(jose_key_t *key, const jose_alg_t *alg)
{
    return &key->slots[alg - jose_alg_at(0)];
}

base_reason_t jose_key_verify(jose_key_t *key, const jose_alg_t *alg, base_span_t message,
                              base_span_t signature)
{
    slot_t *slot = slot_of(key, alg);
    bool verified;

    if (!fits(key, alg)) {
        return BASE_TOKEN_ALGORITHM;
    }
    if (signature.n != signature_n(key, alg)) {
        return BASE_TOKEN_SIGNATURE;
    }
    if (!slot_open(slot, key, alg)) {
        ERR_clear_error();
        return BASE_NO_MEMORY;
    }
    verified = alg->digest == NULL ? verify_whole(slot, key, message, signature)
                                   : verify_digest(slot, key, message, signature);
    if (!verified) {
        ERR_clear_error();
        return BASE_TOKEN_SIGNATURE;
    }
    return BASE_OK;
}
