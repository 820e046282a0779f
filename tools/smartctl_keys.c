/* `smartctl keys`: a key pair, as the PEM that signs and the JWK set that verifies. */

#define _POSIX_C_SOURCE 200809L

#include "smartctl.h"

#include "base/base_base64url.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char smartctl_keys_usage[] =
    "smartctl keys --key <private.pem> --jwks <file> [option ...]\n"
    "    Makes a key pair. The private key file must not exist; in an existing JWK set the public "
    "key is added.\n"
    "    --alg <alg>            RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA; "
    "default ES384\n"
    "    --kid <text>           default: the thumbprint of RFC 7638\n";

#define NUMBER_MAX 1024 /* bytes of a modulus or coordinate */

typedef struct {
    const char *name;
    const char *kty;
    const char *crv;   /* of JWK; NULL for RSA */
    const char *group; /* of OpenSSL */
} algorithm_t;

static const algorithm_t algorithms[] = {
    {"RS256", "RSA", NULL, NULL},      {"RS384", "RSA", NULL, NULL},
    {"RS512", "RSA", NULL, NULL},      {"PS256", "RSA", NULL, NULL},
    {"PS384", "RSA", NULL, NULL},      {"PS512", "RSA", NULL, NULL},
    {"ES256", "EC", "P-256", "P-256"}, {"ES384", "EC", "P-384", "P-384"},
    {"ES512", "EC", "P-521", "P-521"}, {"EdDSA", "OKP", "Ed25519", NULL},
};

static const algorithm_t *find_algorithm(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (strcmp(name, algorithms[i].name) == 0) {
            return &algorithms[i];
        }
    }
    return NULL;
}

static EVP_PKEY *make_key(const algorithm_t *alg)
{
    if (strcmp(alg->kty, "RSA") == 0) {
        return EVP_RSA_gen(2048);
    }
    return alg->group != NULL ? EVP_EC_gen(alg->group) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static bool set_bytes(json_t *jwk, const char *name, const unsigned char *bytes, size_t n)
{
    unsigned char text[BASE_BASE64URL_ENCODED(NUMBER_MAX)];
    size_t text_n = base_base64url_encode(base_span_make(bytes, n), text);

    return json_object_set_new(jwk, name, json_stringn((const char *) text, text_n)) == 0;
}

/* `n`: the fixed length of a coordinate (RFC 7518 section 6.2.1.2), or 0 for as many bytes as the number has. */
static bool set_number(json_t *jwk, const char *name, EVP_PKEY *key, const char *param, int n)
{
    unsigned char bytes[NUMBER_MAX];
    BIGNUM *number = NULL;
    bool done = false;

    if (EVP_PKEY_get_bn_param(key, param, &number) == 1) {
        n = n == 0 ? BN_num_bytes(number) : n;
        done = n > 0 && n <= NUMBER_MAX && BN_bn2binpad(number, bytes, n) == n &&
               set_bytes(jwk, name, bytes, (size_t) n);
    }
    BN_free(number);
    return done;
}

static bool set_public(json_t *jwk, const algorithm_t *alg, EVP_PKEY *key)
{
    unsigned char raw[32];
    size_t n = sizeof(raw);
    int coordinate = (EVP_PKEY_get_bits(key) + 7) / 8;

    (void) json_object_set_new(jwk, "kty", json_string(alg->kty));
    if (strcmp(alg->kty, "RSA") == 0) {
        return set_number(jwk, "e", key, OSSL_PKEY_PARAM_RSA_E, 0) &&
               set_number(jwk, "n", key, OSSL_PKEY_PARAM_RSA_N, 0);
    }
    (void) json_object_set_new(jwk, "crv", json_string(alg->crv));
    if (alg->group == NULL) {
        return EVP_PKEY_get_raw_public_key(key, raw, &n) == 1 && set_bytes(jwk, "x", raw, n);
    }
    return set_number(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, coordinate) &&
           set_number(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, coordinate);
}

/* RFC 7638: SHA-256 over the required members alone, sorted, without white space. */
static bool set_kid(json_t *jwk, const char *kid)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    char *text;
    bool done;

    if (kid != NULL) {
        return json_object_set_new(jwk, "kid", json_string(kid)) == 0;
    }
    text = json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS);
    done = text != NULL && EVP_Digest(text, strlen(text), digest, &n, EVP_sha256(), NULL) == 1 &&
           set_bytes(jwk, "kid", digest, n);
    free(text);
    return done;
}

static json_t *make_jwk(const algorithm_t *alg, EVP_PKEY *key, const char *kid)
{
    json_t *jwk = json_object();

    if (!set_public(jwk, alg, key) || !set_kid(jwk, kid)) {
        json_decref(jwk);
        return NULL;
    }
    (void) json_object_set_new(jwk, "use", json_string("sig"));
    (void) json_object_set_new(jwk, "alg", json_string(alg->name));
    return jwk;
}

/* Readable by the owner alone, and never over another key. */
static bool write_key(const char *path, EVP_PKEY *key)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    bool done;

    if (file == NULL) {
        (void) smartctl_fail(SMARTCTL_REFUSED, "%s: %s", path, strerror(errno));
        return false;
    }
    done = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    return fclose(file) == 0 && done;
}

static bool write_set(const char *path, json_t *jwk)
{
    json_error_t error;
    json_t *set, *keys;
    bool done;

    if (access(path, F_OK) == 0) {
        set = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    } else {
        set = json_object();
        (void) json_object_set_new(set, "keys", json_array());
    }
    keys = json_object_get(set, "keys");
    done = json_is_array(keys) && json_array_append(keys, jwk) == 0 &&
           json_dump_file(set, path, JSON_INDENT(2)) == 0;
    json_decref(set);
    if (!done) {
        (void) smartctl_fail(SMARTCTL_REFUSED, "%s: no JWK set, or it cannot be written", path);
    }
    return done;
}

static int make_pair(const algorithm_t *alg, const char *key_path, const char *jwks_path,
                     const char *kid)
{
    EVP_PKEY *key = make_key(alg);
    json_t *jwk = key == NULL ? NULL : make_jwk(alg, key, kid);
    int code = SMARTCTL_REFUSED;

    if (jwk == NULL) {
        (void) smartctl_fail(SMARTCTL_REFUSED, "the key could not be made");
    } else if (write_key(key_path, key) && write_set(jwks_path, jwk)) {
        (void) printf("%s\n", json_string_value(json_object_get(jwk, "kid")));
        code = SMARTCTL_OK;
    }
    json_decref(jwk);
    EVP_PKEY_free(key);
    return code;
}

int smartctl_keys(int argc, char **argv)
{
    const char *name, *value, *key_path = NULL, *jwks_path = NULL, *kid = NULL, *alg = "ES384";
    int at = 0;
    bool good = true;

    while (good && smartctl_option(argc, argv, &at, &name, &value)) {
        if (strcmp(name, "key") == 0) {
            key_path = value;
        } else if (strcmp(name, "jwks") == 0) {
            jwks_path = value;
        } else if (strcmp(name, "kid") == 0) {
            kid = value;
        } else if (strcmp(name, "alg") == 0) {
            alg = value;
        } else {
            good = false;
        }
        good = good && value != NULL;
    }
    if (!good || at != argc || key_path == NULL || jwks_path == NULL ||
        find_algorithm(alg) == NULL) {
        (void) fputs(smartctl_keys_usage, stderr);
        return SMARTCTL_USAGE;
    }
    return make_pair(find_algorithm(alg), key_path, jwks_path, kid);
}
