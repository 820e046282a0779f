#include "jose/jose_assertion.h"

#include <jwt.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

/* What signs with what: type and size are those of the key. */
static const struct {
    const char *alg;
    int type;
    int bits_min;
    int bits_max;
} kinds[] = {
    /* the first of a type is the default */
    {"RS384", EVP_PKEY_RSA, 2048, 8192}, {"RS256", EVP_PKEY_RSA, 2048, 8192},
    {"RS512", EVP_PKEY_RSA, 2048, 8192}, {"ES384", EVP_PKEY_EC, 384, 384},
    {"ES256", EVP_PKEY_EC, 256, 256},    {"ES512", EVP_PKEY_EC, 521, 521},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* An encrypted key is an error, not a question to a terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
    if (size > 0) {
        buffer[0] = '\0';
    }
    (void) writing;
    (void) data;
    return -1;
}

/* Its type, 0 when it cannot be read, and its bits. */
static int key_type(base_span_t pem, int *bits)
{
    BIO *bio = pem.n > INT_MAX ? NULL : BIO_new_mem_buf(pem.p, (int) pem.n);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    int type = key == NULL ? 0 : EVP_PKEY_get_base_id(key);

    *bits = key == NULL ? 0 : EVP_PKEY_get_bits(key);
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    return type;
}

base_span_t jose_assertion_alg(base_span_t pem)
{
    int bits, type = key_type(pem, &bits);
    size_t i;

    for (i = 0; i < KINDS; i++) {
        if (kinds[i].type == type && bits >= kinds[i].bits_min && bits <= kinds[i].bits_max) {
            return base_span_of(kinds[i].alg);
        }
    }
    return base_span_make(NULL, 0);
}

const char *jose_assertion_fault(base_span_t pem, base_span_t alg)
{
    int bits, type = key_type(pem, &bits);
    size_t i;

    if (type == 0) {
        return "is no private key in PEM without a passphrase";
    }
    for (i = 0; i < KINDS; i++) {
        if (base_span_is(alg, kinds[i].alg)) {
            break;
        }
    }
    if (i == KINDS) {
        return "cannot be used: the algorithm is none of RS256 RS384 RS512 ES256 ES384 ES512";
    }
    if (kinds[i].type != type || bits < kinds[i].bits_min || bits > kinds[i].bits_max) {
        return "is of another type, curve or size than the algorithm needs";
    }
    return NULL;
}

static bool add_text(jwt_t *jwt, int (*add)(jwt_t *, const char *, const char *), const char *name,
                     base_span_t value, base_arena_t *arena)
{
    base_span_t copy;

    if (value.p == NULL) {
        return true;
    }
    copy = base_arena_copy(arena, value);
    return copy.p != NULL && add(jwt, name, (const char *) copy.p) == 0;
}

static bool fill(jwt_t *jwt, const jose_assertion_t *a, base_arena_t *arena)
{
    base_span_t alg = base_arena_copy(arena, a->alg);

    return alg.p != NULL &&
           jwt_set_alg(jwt, jwt_str_alg((const char *) alg.p), a->pem.p, (int) a->pem.n) == 0 &&
           add_text(jwt, jwt_add_header, "kid", a->kid, arena) &&
           add_text(jwt, jwt_add_grant, "iss", a->client, arena) &&
           add_text(jwt, jwt_add_grant, "sub", a->client, arena) &&
           add_text(jwt, jwt_add_grant, "aud", a->audience, arena) &&
           add_text(jwt, jwt_add_grant, "jti", a->jti, arena) &&
           jwt_add_grant_int(jwt, "iat", (long) a->now) == 0 &&
           jwt_add_grant_int(jwt, "exp", (long) (a->now + JOSE_ASSERTION_LIFE)) == 0;
}

base_reason_t jose_assertion_sign(const jose_assertion_t *assertion, base_arena_t *arena,
                                  base_span_t *token)
{
    jwt_t *jwt = NULL;
    char *text = NULL;
    base_reason_t reason = BASE_INTERNAL;

    *token = base_span_make(NULL, 0);
    if (jose_assertion_fault(assertion->pem, assertion->alg) != NULL) {
        return BASE_INTERNAL;
    }
    if (jwt_new(&jwt) != 0) {
        return BASE_NO_MEMORY;
    }
    if (fill(jwt, assertion, arena)) {
        text = jwt_encode_str(jwt);
    }
    if (text != NULL) {
        *token = base_arena_copy(arena, base_span_of(text));
        reason = token->p == NULL ? BASE_NO_MEMORY : BASE_OK;
    }
    free(text);
    jwt_free(jwt);
    ERR_clear_error();
    return reason;
}
